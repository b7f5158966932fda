//! Another slug for a tenant, and the names of its schema and roles with it.
//!
//! They follow where they derive from the slug, unless they are to be kept. Names of schemas and roles that were one tenant's
//! are never given to another: a proxy that has not heard of the change, at level shared, would take on the role of the other.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use crate::control::moving::state::refuse_moving;
use crate::control::placed::refuse_elsewhere;
use crate::control::provision::schema_owner;
use crate::control::{ControlError, Outcome, Run, Step, role};
use crate::registry::names::{self, NewNames};
use crate::registry::store::{self, TenantSummary};
use crate::tenant::{Ident, Slug, Status, Tenant, TenantId, TenantNames};

/// More tenants of one slug in a row than anybody has.
const MOST_NUMBERED: u32 = 9999;

/// What becomes of the names of schema and roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectNames {
    /// They follow the slug where they derive from it. Sessions end.
    Follow,
    /// They stay, and sessions go on.
    Keep,
}

/// What [`rename_tenant`] did.
#[derive(Clone, Debug)]
pub struct Renamed {
    /// The tenant as it is now.
    pub summary: TenantSummary,
    /// Its slug before.
    pub before: Slug,
    /// What was done.
    pub steps: Vec<Step>,
    /// What stays as it is, or ends.
    pub notes: Vec<String>,
}

/// Gives a tenant another slug. Its id, and so its passwords, users, keys and channels, stay.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn rename_tenant(
    client: &mut Client,
    (old, new): (&Slug, &Slug),
    name: Option<&str>,
    objects: ObjectNames,
    run: Run,
) -> Result<Renamed, ControlError> {
    let tx = client.transaction().await?;
    store::require_current(&tx).await?;
    store::lock_tenant(&tx, old).await?;
    let Some(found) = store::summaries(&tx, Some(old)).await?.pop() else {
        return renamed_before(&tx, old, new).await;
    };
    if found.tenant.status == Status::Dropping {
        return Err(ControlError::IsDropping(old.clone()));
    }
    refuse_elsewhere(&found.tenant)?;
    refuse_moving(&tx, &found.tenant).await?;
    if new != old && !store::summaries(&tx, Some(new)).await?.is_empty() {
        return Err(ControlError::SlugTaken(new.clone()));
    }
    let mut notes = Vec::new();
    let target = target(&tx, &found.tenant, new, objects, &mut notes).await?;
    let mut steps = Vec::new();
    move_objects(&tx, &found.tenant, &target, &mut steps).await?;
    let to = NewNames {
        slug: new,
        name: name.unwrap_or(&found.tenant.name),
        names: &target.names,
        reader_role: target.reader_role.as_ref().map(Ident::as_str),
    };
    names::note_former(&tx, &found.tenant).await?;
    names::change(&tx, found.tenant.id, &to).await.map_err(|error| match error.code() {
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => ControlError::SlugTaken(new.clone()),
        _ => error.into(),
    })?;
    let mut summary = found.clone();
    to.name.clone_into(&mut summary.tenant.name);
    summary.tenant.slug = new.clone();
    summary.tenant.names = target.names;
    summary.tenant.reader_role = target.reader_role;
    let changed = summary != found;
    steps.push(Step::new(if changed { Outcome::Changed } else { Outcome::Unchanged }, format!("slug {new}")));
    if new != old {
        notes.extend(notes_on_slug(&tx, &found, new).await?);
    }
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    Ok(Renamed { summary, before: old.clone(), steps, notes })
}

/// The names that a new tenant gets: the first that are, and were, no other tenant's.
pub(super) async fn free_names(
    client: &impl GenericClient,
    slug: &Slug,
    id: TenantId,
) -> Result<TenantNames, ControlError> {
    let mut names = TenantNames::for_slug(slug);
    for number in 2..=MOST_NUMBERED {
        if !names::are_taken(client, &names, id).await? {
            break;
        }
        names = TenantNames::numbered(slug, number);
    }
    Ok(names)
}

/// What is to be known of a slug that was another tenant's.
pub(super) async fn note_on_former_owner(
    client: &impl GenericClient,
    slug: &Slug,
    id: TenantId,
) -> Result<Option<String>, ControlError> {
    let owners = names::former_owners(client, slug).await?;
    Ok(owners.into_iter().find(|(owner, _)| *owner != id).map(|(owner, until)| {
        format!(
            "the slug was tenant {owner}'s until {until}: tokens, certificates and host names with it, from then, name \
             this tenant now"
        )
    }))
}

/// The command was run before: the tenant has the new slug, and had the old one.
async fn renamed_before(
    client: &impl GenericClient,
    old: &Slug,
    new: &Slug,
) -> Result<Renamed, ControlError> {
    let summary = store::summaries(client, Some(new)).await?.pop();
    let owners = names::former_owners(client, old).await?;
    match summary.filter(|summary| owners.iter().any(|(owner, _)| *owner == summary.tenant.id)) {
        Some(summary) => {
            let steps = vec![Step::new(Outcome::Unchanged, format!("slug {new}"))];
            Ok(Renamed { summary, before: old.clone(), steps, notes: Vec::new() })
        }
        None => Err(ControlError::UnknownTenant(old.clone())),
    }
}

struct Target {
    names: TenantNames,
    reader_role: Option<Ident>,
}

async fn target(
    client: &impl GenericClient,
    tenant: &Tenant,
    new: &Slug,
    objects: ObjectNames,
    notes: &mut Vec<String>,
) -> Result<Target, ControlError> {
    let kept = || Target { names: tenant.names.clone(), reader_role: tenant.reader_role.clone() };
    if objects == ObjectNames::Keep {
        return Ok(kept());
    }
    // Those of an adopted tenant may be any.
    if tenant.names.reader().is_none() || tenant.names.schema != tenant.names.role {
        notes.push(format!(
            "schema {} and role {} do not derive from a slug, and stay",
            tenant.names.schema.as_str(),
            tenant.names.role.as_str()
        ));
        return Ok(kept());
    }
    let names = free_names(client, new, tenant.id).await?;
    let reader_role = tenant.reader_role.as_ref().and_then(|_| names.reader());
    Ok(Target { names, reader_role })
}

async fn move_objects(
    client: &impl GenericClient,
    tenant: &Tenant,
    target: &Target,
    steps: &mut Vec<Step>,
) -> Result<(), ControlError> {
    let (from, to) = (&tenant.names, &target.names);
    if from.schema != to.schema {
        if schema_owner(client, &to.schema).await?.is_some() {
            return Err(ControlError::ForeignSchema(to.schema.as_str().to_owned()));
        }
        refuse_texts(client, tenant).await?;
        client.batch_execute(&format!("ALTER SCHEMA {} RENAME TO {}", from.schema, to.schema)).await?;
        let what = format!("schema {}, which was {}", to.schema.as_str(), from.schema.as_str());
        steps.push(Step::new(Outcome::Changed, what));
    }
    let roles =
        [(Some(&from.role), Some(&to.role)), (tenant.reader_role.as_ref(), target.reader_role.as_ref())];
    for (from, to) in roles {
        let (Some(from), Some(to)) = (from, to) else { continue };
        if from == to {
            continue;
        }
        if role::exists(client, to).await? {
            return Err(ControlError::ForeignRole(to.as_str().to_owned()));
        }
        client.batch_execute(&format!("ALTER ROLE {from} RENAME TO {to}")).await?;
        steps.push(Step::new(Outcome::Changed, format!("role {}, which was {}", to.as_str(), from.as_str())));
    }
    Ok(())
}

/// PostgreSQL renames what it has bound; what a text names would not be found any more.
async fn refuse_texts(client: &impl GenericClient, tenant: &Tenant) -> Result<(), ControlError> {
    let schema = &tenant.names.schema;
    client.batch_execute(&format!("SET LOCAL search_path = {schema}, pg_temp")).await?;
    let rows = client.query(include_str!("rename.sql"), &[&schema.as_str()]).await?;
    client.batch_execute("SET LOCAL search_path = pg_catalog").await?;
    let found = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    if found.is_empty() {
        return Ok(());
    }
    Err(ControlError::NamesItsSchema { slug: tenant.slug.clone(), found })
}

async fn notes_on_slug(
    client: &impl GenericClient,
    found: &TenantSummary,
    new: &Slug,
) -> Result<Vec<String>, ControlError> {
    let old = &found.tenant.slug;
    let mut notes = Vec::new();
    if found.users.iter().any(|user| user == old.as_str()) {
        notes.push(format!("user {old} keeps its name"));
    }
    notes.push(format!(
        "host names, databases, options, tokens and certificates that name the tenant {old} name nobody now"
    ));
    notes.extend(note_on_former_owner(client, new, found.tenant.id).await?);
    Ok(notes)
}
