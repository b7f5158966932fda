//! Verbs on the objects of a tenant that is on another cluster than the registry of the installation.
//!
//! The registry there has the tenant's objects, and the verb changes both in one transaction, as it does anywhere. What proxies
//! need to know of that is then copied into the registry of `main`: [`bring_up`]. A command that is killed between the two leaves
//! `main` behind; the next command on that tenant brings it up first. Users, keys, limits and the status are only in `main`
//! (docs/adr/0026).

use std::time::Duration;

use tokio_postgres::{Client, GenericClient, Transaction};
use uuid::Uuid;

use crate::auth::MasterKey;
use crate::config::{Config, Schemas};
use crate::control::moving::state::refuse_leaving;
use crate::control::provision::{self, Content};
use crate::control::{
    ControlError, NewTenant, ObjectNames, Outcome, Provisioned, Purge, Renamed, Run, Step, channels,
    plan_purge, purge, purge_tenant, rename, rename_tenant,
};
use crate::registry::store::{self, TenantSummary};
use crate::registry::{dropping, names, placed};
use crate::tenant::{ClusterName, Ident, Slug, Status, Tenant, TenantId, TenantNames};

/// Refuses a tenant whose schema and roles are not in the database of this registry.
///
/// # Errors
/// [`ControlError::Elsewhere`].
pub(super) fn refuse_elsewhere(tenant: &Tenant) -> Result<(), ControlError> {
    if tenant.cluster.is_main() {
        return Ok(());
    }
    Err(ControlError::Elsewhere { slug: tenant.slug.clone(), cluster: tenant.cluster.clone() })
}

/// The configuration of a cluster as if it were the only one.
///
/// # Errors
/// [`ControlError::NoCluster`].
pub fn config_of(config: &Config, name: &ClusterName) -> Result<Config, ControlError> {
    config.at(name).ok_or_else(|| ControlError::NoCluster {
        name: name.clone(),
        known: config.cluster_names().map(|name| name.to_string()).collect(),
    })
}

/// Where a tenant is, by the registry of `main`; `None` where there is no such tenant.
///
/// # Errors
/// [`ControlError`].
pub async fn cluster_of(
    client: &impl GenericClient,
    slug: &Slug,
) -> Result<Option<ClusterName>, ControlError> {
    store::require_current(client).await?;
    Ok(store::summaries(client, Some(slug)).await?.pop().map(|found| found.tenant.cluster))
}

/// Copies what the registry on a tenant's cluster says of its objects into that of `main`. Nothing where they are the same, and
/// where there is nothing yet.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn bring_up(main: &mut Client, there: &Client, slug: &Slug) -> Result<(), ControlError> {
    let tx = main.transaction().await?;
    let tenant = held(&tx, slug).await?.tenant;
    bring_up_in(&tx, there, &tenant).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn held(tx: &Transaction<'_>, slug: &Slug) -> Result<TenantSummary, ControlError> {
    store::require_current(tx).await?;
    store::lock_tenant(tx, slug).await?;
    let found = store::summaries(tx, Some(slug)).await?.pop();
    found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))
}

/// Whether the registry there has the tenant.
pub(super) async fn bring_up_in(
    tx: &impl GenericClient,
    there: &impl GenericClient,
    tenant: &Tenant,
) -> Result<bool, ControlError> {
    let Some(row) = placed::objects(there, tenant.id).await? else { return Ok(false) };
    if row.slug != tenant.slug || row.names != tenant.names || row.reader_role != tenant.reader_role {
        let to = names::NewNames {
            slug: &row.slug,
            name: &tenant.name,
            names: &row.names,
            reader_role: row.reader_role.as_ref().map(Ident::as_str),
        };
        names::note_former(tx, tenant).await?;
        names::change(tx, tenant.id, &to).await?;
    }
    placed::set_objects(tx, tenant.id, &row).await?;
    Ok(true)
}

/// Does something to a tenant's objects on their cluster, and brings `main` up to date.
///
/// # Errors
/// Those of the work; then nothing was changed, or no more than the work says.
pub async fn on_objects<T, E: From<ControlError>>(
    (main, there): (&mut Client, &mut Client),
    slug: &Slug,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, E>,
) -> Result<T, E> {
    prepare(main, there, slug).await?;
    let done = work(there).await?;
    bring_up(main, there, slug).await?;
    Ok(done)
}

/// As [`bring_up`], unless it is on its way to another cluster, where what is done here would not be known.
async fn prepare(main: &mut Client, there: &Client, slug: &Slug) -> Result<(), ControlError> {
    let tx = main.transaction().await?;
    let tenant = held(&tx, slug).await?.tenant;
    refuse_leaving(&tx, &tenant).await?;
    bring_up_in(&tx, there, &tenant).await?;
    Ok(tx.commit().await?)
}

/// As [`rename_tenant`]. The names of schema and roles must be free on all clusters.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn rename(
    (main, there): (&mut Client, &mut Client),
    (old, new): (&Slug, &Slug),
    name: Option<&str>,
    objects: ObjectNames,
    run: Run,
) -> Result<Renamed, ControlError> {
    bring_up(main, there, old).await?;
    if new != old && store::summaries(main, Some(old)).await?.is_empty() {
        // It was cut off after the cluster had done it: that is made up for by now.
        return rename_tenant(there, (old, new), None, objects, run).await;
    }
    let tx = main.transaction().await?;
    let tenant = held(&tx, old).await?.tenant;
    refuse_leaving(&tx, &tenant).await?;
    if tenant.status == Status::Dropping {
        return Err(ControlError::IsDropping(old.clone()));
    }
    if new != old && !store::summaries(&tx, Some(new)).await?.is_empty() {
        return Err(ControlError::SlugTaken(new.clone()));
    }
    let is_free = rename::free_names(&tx, new, tenant.id).await? == TenantNames::for_slug(new);
    if objects == ObjectNames::Follow && !is_free {
        return Err(ControlError::NamesElsewhere(new.clone()));
    }
    // Nobody else takes the slug meanwhile: the row has it, until this ends.
    tx.execute("UPDATE pgtenant.tenants SET slug = $2 WHERE id = $1", &[&tenant.id.0, &new.as_str()]).await?;
    let mut done = rename_tenant(there, (old, new), None, objects, run).await?;
    if run == Run::Dry {
        tx.rollback().await?;
        return Ok(done);
    }
    bring_up_in(&tx, there, &tenant).await?;
    if let Some(name) = name {
        tx.execute("UPDATE pgtenant.tenants SET name = $2 WHERE id = $1", &[&tenant.id.0, &name]).await?;
    }
    let found = store::summaries(&tx, Some(new)).await?.pop();
    done.summary = found.ok_or_else(|| ControlError::UnreadableTenant(new.clone()))?;
    tx.commit().await?;
    Ok(done)
}

/// The id and the names that a new tenant has on its cluster: those that `main` has given it.
#[derive(Clone, Debug)]
pub struct Reserved {
    /// Its key in both registries.
    pub id: TenantId,
    /// Schema and role.
    pub names: TenantNames,
    /// Whether `main` did not have it before.
    pub created: bool,
    /// Whether it comes from another cluster, and is there until it is said to be here.
    pub comes: bool,
}

/// Writes a new tenant down in `main`, out of service until it is there, so that nobody takes its slug or its names. One that is
/// there already must be on this cluster.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn reserve(
    main: &mut Client,
    new: &NewTenant,
    (cluster, id): (&ClusterName, Option<TenantId>),
    master_key: &MasterKey,
) -> Result<Reserved, ControlError> {
    let tx = main.transaction().await?;
    store::require_current(&tx).await?;
    let id = id.unwrap_or_else(|| TenantId(Uuid::now_v7()));
    let free = rename::free_names(&tx, &new.slug, id).await?;
    let created = provision::register(&tx, new, (id, cluster), free, master_key).await?;
    channels::ensure_secret(&tx, &new.slug, master_key).await?;
    let Tenant { id, names, cluster: found, .. } = held(&tx, &new.slug).await?.tenant;
    if found != *cluster {
        return Err(ControlError::Elsewhere { slug: new.slug.clone(), cluster: found });
    }
    tx.commit().await?;
    Ok(Reserved { id, names, created, comes: false })
}

/// Takes back what [`reserve`] wrote down, where nothing came of it on the cluster.
pub(super) async fn release(main: &Client, there: &Client, reserved: &Reserved) {
    if !reserved.created || !matches!(placed::objects(there, reserved.id).await, Ok(None)) {
        return;
    }
    // Where that cannot be done the tenant stays out of service, and the command can be run again.
    let sql = "DELETE FROM pgtenant.tenants WHERE id = $1 AND status = 'creating'";
    if let Err(error) = main.execute(sql, &[&reserved.id.0]).await {
        tracing::warn!(%error, "a tenant that could not be created stays in the registry, out of service");
    }
}

/// As [`create_tenant`](crate::control::create_tenant), on another cluster. Run again after whatever kept it from its end, it goes
/// on.
///
/// # Errors
/// [`ControlError`]; the tenant is not in service then.
pub async fn create(
    (main, there): (&mut Client, &mut Client),
    new: &NewTenant,
    cluster: &ClusterName,
    (master_key, schemas): (&MasterKey, &Schemas),
) -> Result<Provisioned, ControlError> {
    // Before anything is written down anywhere.
    store::require_current(&*there).await?;
    let reserved = reserve(main, new, (cluster, None), master_key).await?;
    // What only `main` knows of a tenant.
    let bare = NewTenant { name: None, stripe_customer_id: None, user: None, password: None, ..new.clone() };
    let made = async {
        let tx = there.transaction().await?;
        let content = Content::Placed { id: reserved.id, names: &reserved.names };
        let made = provision::create_in(&tx, &bare, master_key, schemas, content).await?;
        tx.commit().await?;
        Ok(made)
    };
    let made = match made.await {
        Ok(made) => made,
        Err(error) => {
            release(main, there, &reserved).await;
            return Err(error);
        }
    };
    let tx = main.transaction().await?;
    let before = held(&tx, &new.slug).await?;
    bring_up_in(&tx, there, &before.tenant).await?;
    let done = provision::serve(&tx, new, (&before, reserved.created), false, made.steps).await?;
    tx.commit().await?;
    Ok(done)
}

/// Gives `main` what was made of a new tenant on its cluster and belongs there: users, limits, name and customer; then it is in
/// service. What is to be known of what is another tenant's by now.
///
/// # Errors
/// [`ControlError`]; the tenant is not in service then, and `pgtenant tenant create` completes it.
pub(super) async fn hand_up(
    main: &mut Client,
    there: &Client,
    slug: &Slug,
) -> Result<Vec<String>, ControlError> {
    let tx = main.transaction().await?;
    let tenant = held(&tx, slug).await?.tenant;
    bring_up_in(&tx, there, &tenant).await?;
    let mut notes = Vec::new();
    for user in placed::users(there, tenant.id).await? {
        if !placed::add_user(&tx, tenant.id, &user).await? {
            notes.push(format!("user {:?} belongs to another tenant by now, and was left out", user.name));
        }
    }
    if let Some(customer) = placed::take_entry(&tx, there, tenant.id).await? {
        notes.push(format!("Stripe customer {customer} belongs to another tenant, and was left out"));
    }
    store::activate(&tx, tenant.id).await?;
    tx.commit().await?;
    placed::forget_entry(there, tenant.id).await?;
    Ok(notes)
}

/// As [`plan_purge`]: `main` says whether the time has come, and the cluster what there is.
///
/// # Errors
/// [`ControlError`] that says what is in the way.
pub async fn plan(main: &mut Client, there: &mut Client, slug: &Slug) -> Result<Purge, ControlError> {
    let tx = main.transaction().await?;
    store::require_current(&tx).await?;
    let Some(summary) = purge::lock_anywhere(&tx, slug).await? else {
        let step = Step::new(Outcome::Unchanged, format!("tenant {slug} was dropped before"));
        return Ok(Purge {
            slug: slug.clone(),
            summary: None,
            objects: 0,
            transactions: 0,
            steps: vec![step],
        });
    };
    bring_up_in(&tx, there, &summary.tenant).await?;
    tx.commit().await?;
    if placed::objects(there, summary.tenant.id).await?.is_none() {
        // Its objects are gone already: what is left is its row in `main`.
        return Ok(Purge {
            slug: slug.clone(),
            summary: Some(summary),
            objects: 0,
            transactions: 1,
            steps: Vec::new(),
        });
    }
    // The registry there knows nothing of a time of grace. Until it is really deleted it is not to be dropped there.
    dropping::mark(there, summary.tenant.id, Duration::ZERO).await?;
    let planned = plan_purge(there, slug).await;
    dropping::unmark(there, summary.tenant.id).await?;
    Ok(Purge { summary: Some(summary), ..planned? })
}

/// As [`purge_tenant`], on both sides.
///
/// # Errors
/// [`ControlError`]; the tenant stays out of service, to be dropped.
pub async fn purge(main: &mut Client, there: &mut Client, plan: &Purge) -> Result<Vec<Step>, ControlError> {
    let Some(summary) = &plan.summary else { return Ok(Vec::new()) };
    let mut steps = match placed::objects(there, summary.tenant.id).await? {
        Some(_) => {
            dropping::mark(there, summary.tenant.id, Duration::ZERO).await?;
            purge_tenant(there, plan).await?
        }
        None => vec![Step::new(Outcome::Unchanged, "its schema and roles were dropped before")],
    };
    let tx = main.transaction().await?;
    if let Some(summary) = purge::lock_anywhere(&tx, &plan.slug).await? {
        names::note_former(&tx, &summary.tenant).await?;
        dropping::delete(&tx, summary.tenant.id).await?;
        tx.commit().await?;
        steps.push(Step::new(Outcome::Removed, format!("tenant {} from the registry of main", plan.slug)));
    }
    Ok(steps)
}

/// Says in `main` that the schemas of a cluster's tenants change, or are as the registry there says: what proxies go by.
///
/// # Errors
/// [`ControlError`].
pub async fn tell_states(
    main: &Client,
    there: &impl GenericClient,
    cluster: &ClusterName,
    changing: bool,
) -> Result<(), ControlError> {
    let states = placed::states(there).await?;
    Ok(placed::set_states(main, cluster, &states, changing).await?)
}
