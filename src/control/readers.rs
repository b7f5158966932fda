//! The role of a tenant's sessions that only read: it logs in, sees the tenant's schema, and has SELECT.
//!
//! It may call none of the tenant's routines unless the tenant says so: with the hardening, and where they are SECURITY
//! DEFINER, they run with the tenant's rights.

use tokio_postgres::GenericClient;

use crate::auth::MasterKey;
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, Outcome, Step};
use crate::registry::store::{self, Installation};
use crate::tenant::{Ident, Tenant, TenantNames};

/// What it may read of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    /// All of it.
    Open,
    /// What it may read of it already, or will be told by others.
    AsItIs,
}

/// Creates it, or puts it right: also what it may read of what is there by now.
pub(super) async fn ensure(
    client: &impl GenericClient,
    tenant: &Tenant,
    (roles, master_key): (&Installation, &MasterKey),
    there: There,
) -> Result<Step, ControlError> {
    let reader = match &tenant.reader_role {
        Some(reader) => reader.clone(),
        None => register(client, tenant).await?,
    };
    let password = master_key.tenant_password(tenant.id.other_access(), tenant.password_version);
    let made = role::ensure(client, &reader, RoleKind::Tenant(&password)).await?;
    let joined = role::ensure_member(client, &reader, &roles.tenants_role).await?;
    let entered = role::enter(client, &tenant.names.role).await?;
    open_to(client, &tenant.names, &reader, there).await?;
    if entered {
        role::leave(client, &tenant.names.role).await?;
    }
    let outcome =
        if made == Outcome::Unchanged && joined == Outcome::Created { Outcome::Changed } else { made };
    Ok(Step::new(outcome, format!("role {}, may only read", reader.as_str())))
}

/// Chooses its name. A role that is there under it is somebody else's.
async fn register(client: &impl GenericClient, tenant: &Tenant) -> Result<Ident, ControlError> {
    let reader = tenant.names.reader().unwrap_or_else(|| TenantNames::reader_for_slug(&tenant.slug));
    if role::exists(client, &reader).await? {
        return Err(ControlError::ForeignRole(reader.as_str().to_owned()));
    }
    store::set_reader_role(client, tenant.id, &reader).await?;
    Ok(reader)
}

/// What is there, and what the tenant makes later.
pub(super) async fn open_to(
    client: &impl GenericClient,
    TenantNames { schema, role }: &TenantNames,
    reader: &Ident,
    there: There,
) -> Result<(), ControlError> {
    let by_default = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {schema} GRANT SELECT ON");
    client
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA {schema} TO {reader};
             {by_default} TABLES TO {reader};
             {by_default} SEQUENCES TO {reader}"
        ))
        .await?;
    if there == There::Open {
        for row in client.query(UNREADABLE, &[&schema.as_str(), &reader.as_str()]).await? {
            client.batch_execute(row.try_get(0)?).await?;
        }
    }
    Ok(())
}

/// What is there and is not granted yet, as statements. ON ALL TABLES would look through pg_class, which holds the
/// relations of all tenants and has no index for the schema; pg_depend has one.
const UNREADABLE: &str =
    "SELECT pg_catalog.format('GRANT SELECT ON %s %s TO %I', k.kind,
                pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', ' ORDER BY c.relname), $2::pg_catalog.text)
     FROM pg_catalog.pg_namespace n
     JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid
          AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
     JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('S', 'f', 'm', 'p', 'r', 'v')
     CROSS JOIN LATERAL (SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END) AS k (kind)
     WHERE n.nspname = $1 AND NOT EXISTS (
         SELECT FROM pg_catalog.aclexplode(c.relacl) a JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
         WHERE r.rolname = $2::pg_catalog.text AND a.privilege_type = 'SELECT')
     GROUP BY k.kind ORDER BY k.kind";
