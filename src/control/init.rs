//! `pgtenant init`: makes a database ready for tenants.

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, GenericClient, Transaction};

use crate::config::{Schemas, Secrets};
use crate::control::decoy::Origin;
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, Outcome, Step, channels, decoy, shared, spares};
use crate::registry::master;
use crate::registry::store::{self, Installation};
use crate::tenant::Ident;

/// `pgtenant` in ASCII. Keeps two inits apart; before the registry exists there is no table to lock.
const LOCK_KEY: i64 = 0x7067_7465_6e61_6e74;

/// Start of the name of the role all tenants of a database are members of.
const TENANTS_ROLE_PREFIX: &str = "pgtenant_tenants_";

/// PostgreSQL's limit, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// What init should bring about.
#[derive(Clone, Debug)]
pub struct InitPlan {
    /// The role that reads the registry.
    pub registry_role: Ident,
    /// What passwords are derived from.
    pub secrets: Secrets,
    /// Whether the key that sealed the registry's secret is lost, and answers to unknown users may change.
    pub key_is_lost: bool,
    /// Whether spare connections are wanted.
    pub spares: bool,
    /// Names of the common schemas.
    pub schemas: Schemas,
}

/// Creates what is missing and puts right what is there, in one transaction.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn init(client: &mut Client, plan: &InitPlan) -> Result<Vec<Step>, ControlError> {
    let tx = client.transaction().await?;
    let (mut steps, pool) = run_in(&tx, plan).await?;
    steps.extend(shared::open_set_config(&tx, &pool).await?);
    if plan.spares {
        steps.extend(spares::ensure(&tx, &plan.secrets.master_key).await?);
    }
    tx.commit().await?;
    Ok(steps)
}

/// [`init`] inside the caller's transaction, but for [`shared::open_set_config`]. Returns the pool role too.
pub(super) async fn run_in(
    tx: &Transaction<'_>,
    plan: &InitPlan,
) -> Result<(Vec<Step>, Ident), ControlError> {
    lock(tx).await?;
    require_rights(tx).await?;
    let mut steps = Vec::new();
    let applied = store::install(tx).await?;
    let outcome = match applied.first() {
        None => Outcome::Unchanged,
        Some(1) => Outcome::Created,
        Some(_) => Outcome::Changed,
    };
    steps.push(Step::new(outcome, "schema pgtenant, the tenant registry"));
    let (roles, pool) = ensure_roles(tx, plan, &mut steps).await?;
    let is_older = applied.first().is_some_and(|first| (2..=store::FIRST_WITH_DECOY).contains(first));
    let origin = if is_older { Origin::Older } else { Origin::New };
    steps.push(decoy::ensure(tx, origin, &plan.secrets, plan.key_is_lost).await?);
    for (schema, what) in
        [(&plan.schemas.global, "read by all tenants"), (&plan.schemas.template, "the template")]
    {
        let outcome = ensure_schema(tx, schema).await?;
        steps.push(Step::new(outcome, format!("schema {}, {what}", schema.as_str())));
    }
    tx.batch_execute(&format!(
        "GRANT USAGE ON SCHEMA pgtenant TO {reader}; GRANT SELECT ON ALL TABLES IN SCHEMA pgtenant TO {reader};
         GRANT UPDATE (last_used_at) ON pgtenant.api_keys TO {reader};
         GRANT USAGE ON SCHEMA {global} TO PUBLIC;
         ALTER DEFAULT PRIVILEGES IN SCHEMA {global} GRANT SELECT ON TABLES TO PUBLIC",
        reader = roles.registry_role,
        global = plan.schemas.global,
    ))
    .await?;
    steps.extend(grant_global(tx, &plan.schemas.global).await?);
    steps.push(channels::ensure(tx, origin, &plan.secrets).await?);
    steps.push(close_public(tx).await?);
    steps.push(allow_connect(tx, &roles, &pool).await?);
    steps.push(shared::ensure_memberships(tx, &pool).await?);
    steps.extend(shared::open_memory(tx, &pool).await?);
    Ok((steps, pool))
}

/// By PostgreSQL's own function where the hardening has put it, if we may: what stands in its place may be
/// what has to be put right. For who is no tenant both take the same lock.
pub(super) async fn lock(tx: &Transaction<'_>) -> Result<(), ControlError> {
    let row = tx
        .query_opt(
            "SELECT pg_catalog.format('SELECT %I.pg_advisory_xact_lock($1)', n.nspname)
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE p.oid < 16384 AND p.proname = 'pg_advisory_xact_lock' AND p.pronargs = 1
               AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
               AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')",
            &[],
        )
        .await?;
    let sql = match &row {
        Some(row) => row.try_get(0)?,
        None => "SELECT pg_catalog.pg_advisory_xact_lock($1)",
    };
    tx.execute(sql, &[&LOCK_KEY]).await?;
    Ok(())
}

/// Says at the start what would otherwise fail in the middle.
async fn require_rights(client: &impl GenericClient) -> Result<(), ControlError> {
    let row = client
        .query_one(
            "SELECT CURRENT_USER::text, r.rolsuper OR r.rolcreaterole, pg_catalog.current_database()::text,
                    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
             FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER",
            &[],
        )
        .await?;
    let (user, creates_roles, database, creates_schemas): (String, bool, String, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let role = quoted(&user);
    if !creates_roles {
        let remedy = format!("ALTER ROLE {role} CREATEROLE");
        return Err(ControlError::NotAllowed { role: user, what: "create roles".into(), remedy });
    }
    if !creates_schemas {
        let remedy = format!("GRANT CREATE ON DATABASE {} TO {role}", quoted(&database));
        return Err(ControlError::NotAllowed { role: user, what: "create schemas".into(), remedy });
    }
    Ok(())
}

/// The registry's reader, the role all tenants share and the pool role, which is returned too. Roles that exist and that this database's
/// registry has not recorded are somebody else's: taking them over would change a stranger's password.
async fn ensure_roles(
    client: &impl GenericClient,
    plan: &InitPlan,
    steps: &mut Vec<Step>,
) -> Result<(Installation, Ident), ControlError> {
    let row = client.query_one("SELECT CURRENT_USER::text, pg_catalog.current_database()::text", &[]).await?;
    let (user, database): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    if user == plan.registry_role.as_str() {
        return Err(ControlError::RegistryRoleIsAdministrator(user));
    }
    let recorded = store::installation(client).await?;
    let tenants_role =
        recorded.as_ref().map_or_else(|| tenants_role(&database), |recorded| recorded.tenants_role.clone());
    let known_pool = recorded.as_ref().and_then(|recorded| recorded.pool_role.clone());
    let pool = known_pool.clone().unwrap_or_else(|| shared::pool_role(&database));
    let wanted = Installation {
        registry_role: plan.registry_role.clone(),
        tenants_role,
        pool_role: Some(pool.clone()),
        hardened: recorded.as_ref().is_some_and(|recorded| recorded.hardened),
    };
    for (role, known) in [
        (&wanted.registry_role, recorded.as_ref().is_some_and(|r| r.registry_role == wanted.registry_role)),
        (&wanted.tenants_role, recorded.is_some()),
        (&pool, known_pool.is_some()),
    ] {
        if !known && role::exists(client, role).await? {
            return Err(ControlError::ForeignRole(role.as_str().to_owned()));
        }
    }
    store::set_installation(client, &wanted).await?;
    let master_key = &plan.secrets.master_key;
    let password = master_key.role_password(wanted.registry_role.as_str());
    let reader = role::ensure(client, &wanted.registry_role, RoleKind::Registry(&password)).await?;
    steps.push(Step::new(reader, format!("role {}, reads the registry", wanted.registry_role.as_str())));
    let common = role::ensure(client, &wanted.tenants_role, RoleKind::Shared).await?;
    steps.push(Step::new(common, format!("role {}, shared by all tenants", wanted.tenants_role.as_str())));
    steps.push(shared::ensure_role(client, &pool, master_key).await?);
    master::set_roles_key(client, master_key.mark()).await?;
    Ok((wanted, pool))
}

/// Named after the database, because roles are the whole server's and tenants of one database must not
/// read another's `global`. A name too long for that is cut and told apart by a hash.
#[must_use]
pub fn tenants_role(database: &str) -> Ident {
    role_for_database(TENANTS_ROLE_PREFIX, database)
}

pub(super) fn role_for_database(prefix: &str, database: &str) -> Ident {
    let whole = format!("{prefix}{database}");
    Ident::parse(&whole).unwrap_or_else(|_| {
        let hash: String =
            Sha256::digest(database.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let mut end = MAX_IDENTIFIER_BYTES - hash.len() - 1;
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        // At most 63 bytes, not empty, and a database's name holds no NUL.
        Ident::parse(&format!("{}_{hash}", &whole[..end])).unwrap_or_else(|_| unreachable!("cut to fit"))
    })
}

async fn ensure_schema(client: &impl GenericClient, schema: &Ident) -> Result<Outcome, ControlError> {
    let found = client
        .query_opt("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&schema.as_str()])
        .await?;
    if found.is_some() {
        return Ok(Outcome::Unchanged);
    }
    client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    Ok(Outcome::Created)
}

/// Lets tenants read what is in `global` and was made before, or by somebody whose default privileges
/// do not cover it. What only its owner can grant is reported.
///
/// USAGE on the schema is what keeps others out. The tables themselves are granted to PUBLIC, not to the
/// role all tenants share: PostgreSQL lets a member of a role say DROP OWNED BY it, which would take the
/// default privileges from all the others.
pub(super) async fn grant_global(
    client: &impl GenericClient,
    global: &Ident,
) -> Result<Vec<Step>, ControlError> {
    let unreadable = "SELECT c.relname::text, pg_catalog.pg_has_role(CURRENT_USER, c.relowner, 'USAGE')
         FROM pg_catalog.pg_namespace n
         JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
              AND d.refobjid = n.oid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
         JOIN pg_catalog.pg_class c ON c.oid = d.objid
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
           AND NOT pg_catalog.has_table_privilege('public', c.oid, 'SELECT')
         ORDER BY 1";
    if client.query(unreadable, &[&global.as_str()]).await?.is_empty() {
        return Ok(Vec::new());
    }
    // Two that grant on one table at once would fail with "tuple concurrently updated".
    client.batch_execute("LOCK TABLE pgtenant.installation IN SHARE ROW EXCLUSIVE MODE").await?;
    let mut steps = Vec::new();
    for row in client.query(unreadable, &[&global.as_str()]).await? {
        let (table, ours): (&str, bool) = (row.try_get(0)?, row.try_get(1)?);
        let grant = format!("GRANT SELECT ON {global}.{} TO PUBLIC", quoted(table));
        if ours {
            client.batch_execute(&grant).await?;
            steps.push(Step::new(
                Outcome::Changed,
                format!("{}.{table}, readable by tenants", global.as_str()),
            ));
        } else {
            let what =
                format!("{}.{table}, NOT readable by tenants; its owner must run: {grant}", global.as_str());
            steps.push(Step::new(Outcome::Unchanged, what));
        }
    }
    Ok(steps)
}

/// Databases from before version 15 let everybody create objects in `public`.
async fn close_public(client: &impl GenericClient) -> Result<Step, ControlError> {
    let row = client
        .query_opt(
            "SELECT pg_catalog.pg_has_role(CURRENT_USER, n.nspowner, 'USAGE'), CURRENT_USER::text
             FROM pg_catalog.pg_namespace n,
                  pg_catalog.aclexplode(COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
             WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE'",
            &[],
        )
        .await?;
    const WHAT: &str = "schema public, closed for new objects of tenants";
    const REVOKE: &str = "REVOKE CREATE ON SCHEMA public FROM PUBLIC";
    let Some(row) = row else { return Ok(Step::new(Outcome::Unchanged, WHAT)) };
    if !row.try_get::<_, bool>(0)? {
        return Err(ControlError::NotAllowed {
            role: row.try_get(1)?,
            what: "close the schema public".into(),
            remedy: REVOKE.into(),
        });
    }
    client.batch_execute(REVOKE).await?;
    Ok(Step::new(Outcome::Changed, WHAT))
}

/// Tenants and the proxy's own roles may connect, also where PUBLIC may not (or will not for long).
async fn allow_connect(
    client: &impl GenericClient,
    roles: &Installation,
    pool: &Ident,
) -> Result<Step, ControlError> {
    let (reader, tenants) = (&roles.registry_role, &roles.tenants_role);
    let row = client
        .query_one(
            "SELECT pg_catalog.current_database()::text, CURRENT_USER::text,
                    pg_catalog.pg_has_role(CURRENT_USER, d.datdba, 'USAGE'),
                    pg_catalog.has_database_privilege($1::text, d.oid, 'CONNECT')
                    AND pg_catalog.has_database_privilege($2::text, d.oid, 'CONNECT')
                    AND pg_catalog.has_database_privilege($3::text, d.oid, 'CONNECT'),
                    (SELECT pg_catalog.count(DISTINCT a.grantee) FROM pg_catalog.aclexplode(d.datacl) a
                     JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
                     WHERE r.rolname IN ($1::text, $2::text, $3::text) AND a.privilege_type = 'CONNECT') = 3
             FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
            &[&reader.as_str(), &tenants.as_str(), &pool.as_str()],
        )
        .await?;
    let (database, user): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let (owner, can_connect, explicit): (bool, bool, bool) =
        (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    let what = format!("database {database}, open for tenants and the proxy's roles");
    let grant = format!("GRANT CONNECT ON DATABASE {} TO {reader}, {tenants}, {pool}", quoted(&database));
    if owner && !explicit {
        client.batch_execute(&grant).await?;
        return Ok(Step::new(Outcome::Changed, what));
    }
    if !can_connect {
        let what = "let the proxy's roles connect".to_owned();
        return Err(ControlError::NotAllowed { role: user, what, remedy: grant });
    }
    Ok(Step::new(Outcome::Unchanged, what))
}

/// A name from the catalogs as SQL. Those are identifiers already, so parsing cannot fail.
fn quoted(name: &str) -> String {
    Ident::parse(name).map_or_else(|_| String::new(), |ident| ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_role_is_named_after_the_database() {
        assert_eq!(tenants_role("app").as_str(), "pgtenant_tenants_app");
    }

    #[test]
    fn long_database_names_that_differ_at_the_end_get_different_roles() {
        let name = |end: &str| tenants_role(&format!("{}{end}", "é".repeat(25))).as_str().to_owned();
        assert_ne!(name("a"), name("b"));
        assert!(name("a").len() <= MAX_IDENTIFIER_BYTES);
    }
}
