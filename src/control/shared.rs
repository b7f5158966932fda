//! Level `shared`: the pool role that server connections of its tenants log in as, and what it may do.
//!
//! It can connect, take on the role of each tenant of that level, ask how much memory its own server process uses, and,
//! where the database is hardened, call the `set_config` that was moved out of everybody else's reach. It has no other
//! right, so that a connection between two transactions can do nothing.

use tokio_postgres::GenericClient;

use crate::auth::MasterKey;
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, Outcome, Step, init};
use crate::registry::store;
use crate::tenant::{Ident, Level};

/// Start of its name.
const POOL_ROLE_PREFIX: &str = "pgtenant_pool_";

/// Named after the database, as the role all tenants share.
#[must_use]
pub fn pool_role(database: &str) -> Ident {
    init::role_for_database(POOL_ROLE_PREFIX, database)
}

/// Creates it, or puts its attributes right.
pub(super) async fn ensure_role(
    client: &impl GenericClient,
    role: &Ident,
    master_key: &MasterKey,
) -> Result<Step, ControlError> {
    let password = master_key.role_password(role.as_str());
    let outcome = role::ensure(client, role, RoleKind::Pool(&password)).await?;
    Ok(Step::new(outcome, format!("role {}, logs in for tenants of level shared", role.as_str())))
}

/// Makes it a member of the roles of all tenants of level shared, and of nothing else.
pub(super) async fn ensure_memberships(
    client: &impl GenericClient,
    pool: &Ident,
) -> Result<Step, ControlError> {
    let mut outcome = Outcome::Unchanged;
    let tenants = store::summaries_here(client).await?;
    let shared: Vec<&Ident> = tenants
        .iter()
        .filter(|summary| summary.tenant.level == Level::Shared)
        .map(|summary| &summary.tenant.names.role)
        .collect();
    for member in memberships(client, pool).await? {
        if shared.iter().all(|role| role.as_str() != member.as_str()) {
            role::leave_pool(client, pool, &member).await?;
            outcome = Outcome::Changed;
        }
    }
    for role in &shared {
        if role::exists(client, role).await?
            && role::ensure_pool_member(client, pool, role).await? != Outcome::Unchanged
        {
            outcome = Outcome::Changed;
        }
    }
    Ok(Step::new(outcome, format!("role {}, takes on {} tenants' roles", pool.as_str(), shared.len())))
}

async fn memberships(client: &impl GenericClient, pool: &Ident) -> Result<Vec<Ident>, ControlError> {
    let rows = client
        .query(
            "SELECT DISTINCT r.rolname::text FROM pg_catalog.pg_auth_members m
             JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
             WHERE u.rolname = $1 ORDER BY 1",
            &[&pool.as_str()],
        )
        .await?;
    let mut roles = Vec::new();
    for row in rows {
        // A name in the catalogs is an identifier.
        roles.extend(Ident::parse(row.try_get(0)?).ok());
    }
    Ok(roles)
}

/// Lets it call PostgreSQL's own `set_config` where the hardening has moved that, which is how it takes on a
/// tenant's role ahead of a transaction. `None` where there is nothing to open.
pub(super) async fn open_set_config(
    client: &impl GenericClient,
    pool: &Ident,
) -> Result<Option<Step>, ControlError> {
    let row = client
        .query_opt(
            "SELECT EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a
                            WHERE a.grantee = r.oid AND a.privilege_type = 'USAGE')
                 AND EXISTS (SELECT FROM pg_catalog.aclexplode(p.proacl) a
                             WHERE a.grantee = r.oid AND a.privilege_type = 'EXECUTE'),
                 (SELECT u.rolsuper FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER)
                 OR pg_catalog.pg_has_role(CURRENT_USER, n.nspowner, 'USAGE')
                    AND pg_catalog.pg_has_role(CURRENT_USER, p.proowner, 'USAGE')
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace,
                  pg_catalog.pg_roles r
             WHERE n.nspname = 'pgtenant_guard' AND p.proname = 'set_config' AND p.oid < 16384 AND r.rolname = $1",
            &[&pool.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let what = format!("role {}, may call pgtenant_guard.set_config", pool.as_str());
    if row.try_get(0)? {
        return Ok(Some(Step::new(Outcome::Unchanged, what)));
    }
    if !row.try_get::<_, bool>(1)? {
        let what = format!(
            "role {} may NOT call pgtenant_guard.set_config yet; a superuser must run `pgtenant init --harden`",
            pool.as_str()
        );
        return Ok(Some(Step::new(Outcome::Unchanged, what)));
    }
    client
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA pgtenant_guard TO {pool};
             GRANT EXECUTE ON FUNCTION pgtenant_guard.set_config(text, text, boolean) TO {pool}"
        ))
        .await?;
    Ok(Some(Step::new(Outcome::Changed, what)))
}

/// Lets it ask how much memory its own server process uses. `None` where the server cannot tell (before version 14).
pub(super) async fn open_memory(
    client: &impl GenericClient,
    pool: &Ident,
) -> Result<Option<Step>, ControlError> {
    let row = client
        .query_opt(
            "SELECT pg_catalog.has_function_privilege($1::text, p.oid, 'EXECUTE'), u.rolsuper
             FROM pg_catalog.pg_proc p, pg_catalog.pg_roles u
             WHERE p.proname = 'pg_get_backend_memory_contexts' AND p.oid < 16384 AND p.pronargs = 0
               AND u.rolname = CURRENT_USER",
            &[&pool.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let what = format!("role {}, may ask how much memory its process uses", pool.as_str());
    if row.try_get(0)? {
        return Ok(Some(Step::new(Outcome::Unchanged, what)));
    }
    if !row.try_get::<_, bool>(1)? {
        let what = format!(
            "role {} may NOT ask how much memory its process uses, so `pool.max_connection_memory` has no effect; a \
             superuser must run `pgtenant init`",
            pool.as_str()
        );
        return Ok(Some(Step::new(Outcome::Unchanged, what)));
    }
    let grant = "GRANT EXECUTE ON FUNCTION pg_catalog.pg_get_backend_memory_contexts() TO";
    client.batch_execute(&format!("{grant} {pool}")).await?;
    Ok(Some(Step::new(Outcome::Changed, what)))
}

/// Whether [`open_set_config`] was done.
pub(super) async fn may_switch(client: &impl GenericClient, pool: &Ident) -> Result<bool, ControlError> {
    let row = client
        .query_opt(
            "SELECT pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
                 AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace,
                  pg_catalog.pg_roles r
             WHERE n.nspname = 'pgtenant_guard' AND p.proname = 'set_config' AND p.oid < 16384 AND r.rolname = $1",
            &[&pool.as_str()],
        )
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_role_is_named_after_the_database() {
        assert_eq!(pool_role("app").as_str(), "pgtenant_pool_app");
    }
}
