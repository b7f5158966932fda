//! The level of a tenant: changed in one transaction, and refused where it would not hold.

use tokio_postgres::{Client, GenericClient};

use crate::control::placed::refuse_elsewhere;
use crate::control::{ControlError, Outcome, Run, Step, hardening_state, role};
use crate::registry::code_of;
use crate::registry::store::{self, TenantSummary};
use crate::tenant::{Ident, Level, Slug, Tenant, TenantNames};

/// How much of what was found an error names.
const NAMED: usize = 5;

/// What [`set_level`] did.
#[derive(Clone, Debug)]
pub struct LevelChange {
    /// The tenant as it is now.
    pub summary: TenantSummary,
    /// Its level before.
    pub before: Level,
    /// What was done.
    pub step: Step,
}

/// Moves a tenant to a level. Running proxies follow at once.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn set_level(
    client: &mut Client,
    slug: &Slug,
    level: Level,
    run: Run,
) -> Result<LevelChange, ControlError> {
    let tx = client.transaction().await?;
    store::require_current(&tx).await?;
    store::lock_tenant(&tx, slug).await?;
    let found = store::summaries(&tx, Some(slug)).await?.pop();
    let mut summary = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?;
    refuse_elsewhere(&summary.tenant)?;
    let before = summary.tenant.level;
    let step = apply(&tx, &summary.tenant, level).await?;
    summary.tenant.level = level;
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    Ok(LevelChange { summary, before, step })
}

/// Brings about the level inside the caller's transaction.
pub(super) async fn apply(
    client: &impl GenericClient,
    tenant: &Tenant,
    level: Level,
) -> Result<Step, ControlError> {
    let pool = store::installation(client).await?.and_then(|installation| installation.pool_role);
    let moved = match level {
        Level::Shared => {
            let pool = pool.ok_or(ControlError::NoPoolRole)?;
            require_same_name(tenant)?;
            if tenant.level != Level::Shared {
                refuse_code(client, tenant).await?;
            }
            role::ensure_pool_member(client, &pool, &tenant.names.role).await?
        }
        Level::Dedicated => match pool {
            Some(pool) => leave(client, &pool, &tenant.names.role).await?,
            None => Outcome::Unchanged,
        },
    };
    if tenant.level != level {
        store::set_level(client, tenant.id, level).await?;
    }
    let outcome = if tenant.level == level { moved } else { Outcome::Changed };
    Ok(Step::new(outcome, format!("level {}", level.as_str())))
}

async fn leave(client: &impl GenericClient, pool: &Ident, role: &Ident) -> Result<Outcome, ControlError> {
    if !is_member(client, pool, role).await? {
        return Ok(Outcome::Unchanged);
    }
    role::leave_pool(client, pool, role).await?;
    // Since version 16 REVOKE takes back only what the same administrator granted, and warns of the rest.
    if is_member(client, pool, role).await? {
        let row = client.query_one("SELECT CURRENT_USER::text", &[]).await?;
        return Err(ControlError::NotAllowed {
            role: row.try_get(0)?,
            what: format!("take {} from {}", role.as_str(), pool.as_str()),
            remedy: format!("REVOKE {role} FROM {pool}"),
        });
    }
    Ok(Outcome::Changed)
}

async fn is_member(client: &impl GenericClient, pool: &Ident, role: &Ident) -> Result<bool, ControlError> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                 JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
                 WHERE r.rolname = $1 AND u.rolname = $2)",
            &[&role.as_str(), &pool.as_str()],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// A shared connection has `"$user"` in its `search_path`: the schema is found by the role's name.
fn require_same_name(tenant: &Tenant) -> Result<(), ControlError> {
    let TenantNames { schema, role } = &tenant.names;
    if schema.as_str() == role.as_str() {
        return Ok(());
    }
    Err(ControlError::SchemaIsNotRole {
        slug: tenant.slug.clone(),
        schema: schema.as_str().to_owned(),
        role: role.as_str().to_owned(),
    })
}

/// Without the hardening, what a tenant has already must not be able to run code: the guard does not see it. A new tenant
/// has little, and the hardening is looked at in time that grows with the number of all tenants: so that comes last.
pub(super) async fn refuse_code(client: &impl GenericClient, tenant: &Tenant) -> Result<(), ControlError> {
    let found = code_of(client, &tenant.names).await?;
    if found.is_empty() || hardening_state(client).await?.is_in_force() {
        return Ok(());
    }
    Err(ControlError::TenantHasCode { slug: tenant.slug.clone(), found: some(found) })
}

/// Before the hardening is taken out: tenants of level shared may have made code under it.
pub(super) async fn refuse_code_of_shared(client: &impl GenericClient) -> Result<(), ControlError> {
    for summary in store::summaries_here(client).await? {
        if summary.tenant.level == Level::Shared {
            let found = code_of(client, &summary.tenant.names).await?;
            if !found.is_empty() {
                let slug = summary.tenant.slug;
                return Err(ControlError::SharedTenantHasCode { slug, found: some(found) });
            }
        }
    }
    Ok(())
}

/// The first few, and how many more there are.
fn some(mut found: Vec<String>) -> Vec<String> {
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_few_are_named_and_the_others_counted() {
        let found = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(some(found(2)), ["0", "1"]);
        assert_eq!(some(found(7)), ["0", "1", "2", "3", "4", "and 2 more"]);
    }
}
