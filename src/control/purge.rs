//! The end of a tenant that cannot be undone: its schema, its roles, and what the registry has of it.

use tokio_postgres::{Client, GenericClient, Transaction};

use crate::control::moving::state::refuse_leaving;
use crate::control::placed::refuse_elsewhere;
use crate::control::provision::schema_owner;
use crate::control::{ControlError, Outcome, Step, edges, role};
use crate::registry::dropping;
use crate::registry::names;
use crate::registry::store::{self, TenantSummary};
use crate::tenant::{Ident, Slug, Status, Tenant};

/// Of the locks that the server has room for, so many may be one transaction's here: one in so many.
const SHARE_AT_ONCE: i64 = 4;

/// The same for one step of several. Cascades may take more than was counted.
const SHARE_OF_STEP: i64 = 8;

/// What is to be deleted, or was.
#[derive(Clone, Debug)]
pub struct Purge {
    /// The tenant's slug.
    pub slug: Slug,
    /// The tenant, while there is one.
    pub summary: Option<TenantSummary>,
    /// Objects of its schema, without those that go with a table.
    pub objects: usize,
    /// Transactions that this takes.
    pub transactions: usize,
    /// What was done.
    pub steps: Vec<Step>,
}

/// Tenants whose time has come.
///
/// # Errors
/// [`ControlError`].
pub async fn due_tenants(client: &Client) -> Result<Vec<Slug>, ControlError> {
    store::require_current(client).await?;
    Ok(dropping::due(client).await?)
}

/// Looks whether a tenant can be deleted: its time has come, nobody else needs what it has, and it has nothing elsewhere.
/// Changes nothing. One that was deleted before has no summary.
///
/// # Errors
/// [`ControlError`] that says what is in the way.
pub async fn plan_purge(client: &mut Client, slug: &Slug) -> Result<Purge, ControlError> {
    let tx = client.transaction().await?;
    store::require_current(&tx).await?;
    let Some(summary) = lock(&tx, slug).await? else {
        let step = Step::new(Outcome::Unchanged, format!("tenant {slug} was dropped before"));
        return Ok(Purge {
            slug: slug.clone(),
            summary: None,
            objects: 0,
            transactions: 0,
            steps: vec![step],
        });
    };
    refuse_needed(&tx, &summary.tenant).await?;
    let (objects, weight) = count(&tx, &summary.tenant).await?;
    let room = room(&tx).await?;
    let transactions =
        if weight <= room / SHARE_AT_ONCE { 1 } else { weight / (room / SHARE_OF_STEP).max(1) + 2 };
    tx.rollback().await?;
    let transactions = usize::try_from(transactions).unwrap_or(usize::MAX);
    Ok(Purge { slug: slug.clone(), summary: Some(summary), objects, transactions, steps: Vec::new() })
}

/// Ends the server connections of a tenant that is to be dropped; running proxies have let go of theirs by themselves.
/// Whoever holds others, and may not be ended by this administrator, is waited for later.
///
/// # Errors
/// [`ControlError`].
pub async fn end_sessions(client: &Client, tenant: &Tenant) -> Result<Step, ControlError> {
    let roles: Vec<&str> = roles(tenant).map(Ident::as_str).collect();
    let row = client
        .query_one(
            "SELECT pg_catalog.count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(a.pid))
             FROM pg_catalog.pg_stat_activity a, pg_catalog.pg_roles me
             WHERE a.usename = ANY ($1) AND a.pid <> pg_catalog.pg_backend_pid() AND me.rolname = CURRENT_USER
               AND (me.rolsuper OR pg_catalog.pg_has_role(CURRENT_USER, a.usesysid, 'USAGE')
                    OR pg_catalog.pg_has_role(CURRENT_USER, 'pg_signal_backend', 'USAGE'))",
            &[&roles],
        )
        .await?;
    let ended: i64 = row.try_get(0)?;
    let outcome = if ended == 0 { Outcome::Unchanged } else { Outcome::Removed };
    Ok(Step::new(outcome, format!("{ended} server connections of the tenant")))
}

/// Deletes what [`plan_purge`] found. What takes more locks than the server has room for goes step by step; run again after
/// an error, it goes on.
///
/// # Errors
/// [`ControlError`]; the tenant stays out of service, to be dropped.
pub async fn purge_tenant(client: &mut Client, plan: &Purge) -> Result<Vec<Step>, ControlError> {
    let mut steps = Vec::new();
    if plan.transactions > 1 {
        let transactions = thin_out(client, &plan.slug).await?;
        steps.push(Step::new(
            Outcome::Removed,
            format!("most objects of the schema, in {transactions} transactions"),
        ));
    }
    let tx = client.transaction().await?;
    let Some(summary) = lock(&tx, &plan.slug).await? else {
        steps.push(Step::new(Outcome::Unchanged, format!("tenant {} was dropped meanwhile", plan.slug)));
        return Ok(steps);
    };
    let tenant = &summary.tenant;
    refuse_needed(&tx, tenant).await?;
    steps.extend(drop_rest(&tx, tenant).await?);
    names::note_former(&tx, tenant).await?;
    dropping::delete(&tx, tenant.id).await?;
    tx.commit().await?;
    let what = format!(
        "tenant {} from the registry, with {} users, keys and channels",
        tenant.slug,
        summary.users.len()
    );
    steps.push(Step::new(Outcome::Removed, what));
    Ok(steps)
}

/// Schema and roles.
async fn drop_rest(tx: &impl GenericClient, tenant: &Tenant) -> Result<Vec<Step>, ControlError> {
    tx.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", tenant.names.schema)).await?;
    let mut steps = vec![Step::new(Outcome::Removed, format!("schema {}", tenant.names.schema.as_str()))];
    for role in roles(tenant) {
        if !role::exists(tx, role).await? {
            continue;
        }
        role::enter(tx, role).await?;
        tx.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await?;
        steps.push(Step::new(Outcome::Removed, format!("role {}", role.as_str())));
    }
    Ok(steps)
}

/// Deletes what a tenant has in this database, and leaves it in the registry: it is, or is to be, on another cluster. Run again after
/// an error, it goes on. False where there was nothing any more.
pub(super) async fn drop_objects(client: &mut Client, tenant: &Tenant) -> Result<bool, ControlError> {
    loop {
        let tx = client.transaction().await?;
        refuse_needed(&tx, tenant).await?;
        let Some(statements) = slice(objects(&tx, tenant).await?, room(&tx).await?) else {
            let mut is_there = schema_owner(&tx, &tenant.names.schema).await?.is_some();
            for role in roles(tenant) {
                is_there |= role::exists(&tx, role).await?;
            }
            drop_rest(&tx, tenant).await?;
            tx.commit().await?;
            return Ok(is_there);
        };
        tx.batch_execute(&statements).await?;
        tx.commit().await?;
    }
}

/// The first of them, as many as the server has locks for; `None` where the rest fits into one transaction.
fn slice(objects: Vec<(String, i64)>, room: i64) -> Option<String> {
    if objects.iter().map(|(_, weight)| weight).sum::<i64>() <= room / SHARE_AT_ONCE {
        return None;
    }
    let mut left = room / SHARE_OF_STEP;
    let mut statements = Vec::new();
    for (statement, weight) in objects {
        // One at least, or there would be no end.
        if weight > left && !statements.is_empty() {
            break;
        }
        left -= weight;
        statements.push(statement);
    }
    Some(statements.join(";\n"))
}

/// Drops objects of the schema until the rest fits into one transaction. Returns how many transactions that took.
async fn thin_out(client: &mut Client, slug: &Slug) -> Result<usize, ControlError> {
    for number in 0.. {
        let tx = client.transaction().await?;
        let Some(summary) = lock(&tx, slug).await? else { return Ok(number) };
        let objects = objects(&tx, &summary.tenant).await?;
        let Some(statements) = slice(objects, room(&tx).await?) else { return Ok(number) };
        if number == 0 {
            refuse_needed(&tx, &summary.tenant).await?;
        }
        dropping::begin(&tx, summary.tenant.id).await?;
        tx.batch_execute(&statements).await?;
        tx.commit().await?;
    }
    unreachable!("the loop above has no end")
}

/// The tenant, held until the end of the transaction, if its time has come. `None` where it was deleted before.
async fn lock(tx: &Transaction<'_>, slug: &Slug) -> Result<Option<TenantSummary>, ControlError> {
    let found = lock_anywhere(tx, slug).await?;
    found.iter().try_for_each(|summary| refuse_elsewhere(&summary.tenant))?;
    Ok(found)
}

/// The same on whichever cluster it is.
pub(super) async fn lock_anywhere(
    tx: &Transaction<'_>,
    slug: &Slug,
) -> Result<Option<TenantSummary>, ControlError> {
    store::lock_tenant(tx, slug).await?;
    let Some(summary) = store::summaries(tx, Some(slug)).await?.pop() else {
        let is_known = names::was_dropped(tx, slug).await?;
        return if is_known { Ok(None) } else { Err(ControlError::UnknownTenant(slug.clone())) };
    };
    if summary.tenant.status != Status::Dropping {
        return Err(ControlError::NotDropping(slug.clone()));
    }
    refuse_leaving(tx, &summary.tenant).await?;
    match dropping::state(tx, summary.tenant.id).await? {
        Some(state) if !state.is_due => Err(ControlError::NotDue { slug: slug.clone(), after: state.after }),
        _ => Ok(Some(summary)),
    }
}

/// Nothing of others is to go with a tenant.
pub(super) async fn refuse_needed(client: &impl GenericClient, tenant: &Tenant) -> Result<(), ControlError> {
    let schema = &tenant.names.schema;
    let mut found: Vec<String> = edges::of(client, schema)
        .await?
        .into_iter()
        .filter(|edge| edge.direction == edges::Direction::In)
        .map(|edge| format!("{} depends on {}; drop it", edge.other, edge.own))
        .collect();
    let roles: Vec<&str> = roles(tenant).map(Ident::as_str).collect();
    let rows = client.query(include_str!("purge_owned.sql"), &[&schema.as_str(), &roles]).await?;
    for row in rows {
        found.push(row.try_get(0)?);
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(ControlError::StillNeeded { slug: tenant.slug.clone(), found: edges::some(found) })
}

fn roles(tenant: &Tenant) -> impl Iterator<Item = &Ident> {
    std::iter::once(&tenant.names.role).chain(&tenant.reader_role)
}

async fn objects(client: &impl GenericClient, tenant: &Tenant) -> Result<Vec<(String, i64)>, ControlError> {
    let rows = client.query(include_str!("purge_objects.sql"), &[&tenant.names.schema.as_str()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn count(client: &impl GenericClient, tenant: &Tenant) -> Result<(usize, i64), ControlError> {
    let objects = objects(client, tenant).await?;
    Ok((objects.len(), objects.iter().map(|(_, weight)| weight).sum()))
}

/// Locks that the server has room for, of all sessions together.
async fn room(client: &impl GenericClient) -> Result<i64, ControlError> {
    let row = client
        .query_one(
            "SELECT pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8
                 * (pg_catalog.current_setting('max_connections')::pg_catalog.int8
                    + pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int8)",
            &[],
        )
        .await?;
    Ok(row.try_get(0)?)
}
