//! The registry's SQL, for readers and for the control plane: schema-qualified, identifiers constant,
//! values as parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::{Error, GenericClient, Row};
use tracing::warn;
use uuid::Uuid;

use crate::auth::{KeyEntry, Verifier};
use crate::config::limits;
use crate::registry::{RegistryError, keys};
use crate::tenant::{
    Access, ChannelPrefix, ClusterName, Ident, KeyMark, Level, SchemaState, Slug, Status, Tenant, TenantId,
    TenantNames,
};

pub use crate::registry::summary::{
    TenantPage, TenantSummary, count, page, schema_size, summaries, summaries_here,
};

/// The schema's versions in order; each runs once.
const VERSIONS: &[(i32, &str)] = &[
    (1, include_str!("schema.sql")),
    (2, include_str!("schema_2.sql")),
    (3, include_str!("schema_3.sql")),
    (4, include_str!("schema_4.sql")),
    (5, include_str!("schema_5.sql")),
    (6, include_str!("schema_6.sql")),
    (7, include_str!("schema_7.sql")),
    (8, include_str!("schema_8.sql")),
    (9, include_str!("schema_9.sql")),
    (10, include_str!("schema_10.sql")),
    (11, include_str!("schema_11.sql")),
    (12, include_str!("schema_12.sql")),
    (13, include_str!("schema_13.sql")),
];

/// From this version on the registry has what outlives a master key.
pub const FIRST_WITH_DECOY: i32 = 8;

/// Version this program works with.
const CURRENT: i32 = VERSIONS[VERSIONS.len() - 1].0;

/// Columns [`tenant_from`] reads.
pub(super) const TENANT_COLUMNS: &str = "t.id, t.slug, t.name, t.status, t.schema_name, t.role_name, t.password_version, t.limits, t.isolation, t.reader_role, t.password_key,
     (SELECT c.prefix FROM pgtenant.channels c WHERE c.tenant_id = t.id) AS prefix,
     COALESCE((SELECT s.epoch FROM pgtenant.schema_states s WHERE s.tenant_id = t.id), 0) AS schema_epoch,
     EXISTS (SELECT FROM pgtenant.schema_states s WHERE s.tenant_id = t.id AND s.changing) AS schema_changes, t.settings, t.cluster";

/// A tenant in service, with what its users log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedTenant {
    /// The tenant.
    pub tenant: Arc<Tenant>,
    /// The same tenant for those that only read, if it has a role for them.
    pub reader: Option<Arc<Tenant>>,
    /// Who may log in.
    pub users: Vec<LoadedUser>,
    /// Its API keys, without those that were revoked.
    pub keys: Vec<KeyEntry>,
}

/// A user of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedUser {
    /// Name in the startup packet.
    pub name: String,
    /// What its password is checked against.
    pub verifier: Verifier,
    /// What it may do.
    pub access: Access,
}

/// Roles of this database that pgtenant made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Reads the registry.
    pub registry_role: Ident,
    /// Every tenant's role is a member; it may read `global`.
    pub tenants_role: Ident,
    /// Logs in for tenants of level shared; `None` before this program's `init` ran.
    pub pool_role: Option<Ident>,
    /// Whether `pgtenant init --harden` ran, and the hardening was not taken out by `--remove-hardening`.
    pub hardened: bool,
}

/// Version of the registry in this database; `None` when there is none.
///
/// # Errors
/// When the database does not answer.
pub async fn version(client: &impl GenericClient) -> Result<Option<i32>, Error> {
    // Not to_regclass: it is an error where the schema exists and may not be used.
    let there = client
        .query_opt(
            "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'pgtenant' AND c.relname = 'schema_versions'",
            &[],
        )
        .await?;
    if there.is_none() {
        return Ok(None);
    }
    let row = client.query_one("SELECT pg_catalog.max(version) FROM pgtenant.schema_versions", &[]).await?;
    row.try_get(0)
}

/// Refuses a database without registry, or with one of another version.
///
/// # Errors
/// [`RegistryError`] that names the remedy.
pub async fn require_current(client: &impl GenericClient) -> Result<(), RegistryError> {
    match version(client).await? {
        None => {
            let row = client.query_one("SELECT pg_catalog.current_database()::text", &[]).await?;
            Err(RegistryError::Missing(row.try_get(0)?))
        }
        Some(found) if found < CURRENT => Err(RegistryError::Old { found, needed: CURRENT }),
        Some(found) if found > CURRENT => Err(RegistryError::New { found, known: CURRENT }),
        Some(_) => Ok(()),
    }
}

/// Runs the versions that are missing, inside the caller's transaction. Returns their numbers.
///
/// # Errors
/// [`RegistryError::New`], or the database's error.
pub async fn install(client: &impl GenericClient) -> Result<Vec<i32>, RegistryError> {
    let found = version(client).await?;
    if let Some(found) = found.filter(|found| *found > CURRENT) {
        return Err(RegistryError::New { found, known: CURRENT });
    }
    if found.is_none() {
        client
            .batch_execute(
                "CREATE SCHEMA IF NOT EXISTS pgtenant;
                 CREATE TABLE pgtenant.schema_versions (
                     version    integer PRIMARY KEY,
                     applied_at timestamptz NOT NULL DEFAULT pg_catalog.now()
                 )",
            )
            .await?;
    }
    let mut applied = Vec::new();
    for (number, sql) in VERSIONS.iter().filter(|(number, _)| *number > found.unwrap_or(0)) {
        client.batch_execute(sql).await?;
        client.execute("INSERT INTO pgtenant.schema_versions (version) VALUES ($1)", &[number]).await?;
        applied.push(*number);
    }
    Ok(applied)
}

/// The roles recorded by `pgtenant init`.
///
/// # Errors
/// When the database does not answer.
pub async fn installation(client: &impl GenericClient) -> Result<Option<Installation>, Error> {
    let sql = "SELECT registry_role, tenants_role, pool_role, hardened FROM pgtenant.installation";
    let Some(row) = client.query_opt(sql, &[]).await? else { return Ok(None) };
    let ident = |text: &str| Ident::parse(text).ok();
    let pool_role = row.try_get::<_, Option<&str>>(2)?.and_then(ident);
    let hardened = row.try_get(3)?;
    Ok(ident(row.try_get(0)?).zip(ident(row.try_get(1)?)).map(|(registry_role, tenants_role)| Installation {
        registry_role,
        tenants_role,
        pool_role,
        hardened,
    }))
}

/// Records the roles. Whether the database is hardened is left as it is.
///
/// # Errors
/// When the database refuses.
pub async fn set_installation(client: &impl GenericClient, to: &Installation) -> Result<(), Error> {
    client
        .execute(
            "INSERT INTO pgtenant.installation (registry_role, tenants_role, pool_role) VALUES ($1, $2, $3)
             ON CONFLICT (singleton) DO UPDATE
             SET registry_role = excluded.registry_role, tenants_role = excluded.tenants_role,
                 pool_role = excluded.pool_role",
            &[
                &to.registry_role.as_str(),
                &to.tenants_role.as_str(),
                &to.pool_role.as_ref().map(Ident::as_str),
            ],
        )
        .await
        .map(drop)
}

/// Records whether the database is meant to be hardened.
///
/// # Errors
/// When the database refuses.
pub async fn set_hardened(client: &impl GenericClient, hardened: bool) -> Result<(), Error> {
    client.execute("UPDATE pgtenant.installation SET hardened = $1", &[&hardened]).await.map(drop)
}

/// Tenants in service with their users: all, or those of `ids`. A row this program cannot read is
/// logged and left out, so that it serves nobody and stops nobody.
///
/// # Errors
/// When the database does not answer.
pub async fn load(client: &impl GenericClient, ids: Option<&[TenantId]>) -> Result<Vec<LoadedTenant>, Error> {
    let ids: Option<Vec<Uuid>> = ids.map(|ids| ids.iter().map(|id| id.0).collect());
    let sql = format!(
        "SELECT {TENANT_COLUMNS}, u.user_name, u.verifier, u.access
         FROM pgtenant.tenants t LEFT JOIN pgtenant.users u ON u.tenant_id = t.id
         WHERE t.status = 'active' AND ($1::pg_catalog.uuid[] IS NULL OR t.id = ANY ($1))
         ORDER BY t.id"
    );
    let mut loaded = group(&client.query(&sql, &[&ids]).await?)?;
    keys::add_keys(client, &mut loaded).await?;
    Ok(loaded)
}

/// Joins rows that are ordered by tenant.
fn group(rows: &[Row]) -> Result<Vec<LoadedTenant>, Error> {
    let mut loaded: Vec<LoadedTenant> = Vec::new();
    for row in rows {
        let Some(tenant) = tenant_from(row)? else { continue };
        if loaded.last().is_none_or(|last| last.tenant.id != tenant.id) {
            let reader = tenant.read_only();
            loaded.push(LoadedTenant {
                tenant: Arc::new(tenant),
                reader,
                users: Vec::new(),
                keys: Vec::new(),
            });
        }
        if let Some(last) = loaded.last_mut() {
            last.users.extend(user_from(row)?);
        }
    }
    Ok(loaded)
}

/// Reads the columns behind [`TENANT_COLUMNS`]; `None` where there is no user, and, with a line in the log, for one that
/// this program cannot understand.
fn user_from(row: &Row) -> Result<Option<LoadedUser>, Error> {
    let (name, verifier): (Option<String>, Option<&str>) = (row.try_get(16)?, row.try_get(17)?);
    let access: Option<&str> = row.try_get(18)?;
    let (Some(name), Some(verifier), Some(access)) = (name, verifier, access) else { return Ok(None) };
    match (Verifier::parse(verifier), Access::from_word(access)) {
        (Ok(verifier), Some(access)) => Ok(Some(LoadedUser { name, verifier, access })),
        (Err(error), _) => {
            warn!(user = %name, %error, "a user in the registry cannot log in");
            Ok(None)
        }
        (Ok(_), None) => {
            warn!(user = %name, access, "a user in the registry cannot log in: its access is not known");
            Ok(None)
        }
    }
}

/// Reads [`TENANT_COLUMNS`]; `None`, with a line in the log, for a row this program cannot understand.
pub(super) fn tenant_from(row: &Row) -> Result<Option<Tenant>, Error> {
    let id = TenantId(row.try_get(0)?);
    let (slug, status): (&str, &str) = (row.try_get(1)?, row.try_get(3)?);
    let (schema, role, level): (&str, &str, &str) = (row.try_get(4)?, row.try_get(5)?, row.try_get(8)?);
    let parts = (
        Slug::parse(slug).ok(),
        Status::from_word(status),
        Level::from_word(level),
        Ident::parse(schema).ok(),
        Ident::parse(role).ok(),
    );
    let (Some(slug), Some(status), Some(level), Some(schema), Some(role)) = parts else {
        warn!(tenant = %id, slug, status, level, schema, role, "a tenant in the registry cannot be understood");
        return Ok(None);
    };
    let limits = match texts(row.try_get(7)?).map(|written| limits::overrides(&written)) {
        Some(Ok(limits)) => limits,
        Some(Err(error)) => {
            warn!(tenant = %id, slug = slug.as_str(), %error, "a tenant's limits in the registry cannot be understood");
            return Ok(None);
        }
        None => {
            warn!(tenant = %id, slug = slug.as_str(), "a tenant's limits in the registry are no object of texts");
            return Ok(None);
        }
    };
    // Without it nobody could tell its notifications from another tenant's.
    let Some(channels) = row.try_get::<_, Option<&str>>(11)?.and_then(ChannelPrefix::parse) else {
        warn!(tenant = %id, slug = slug.as_str(), "a tenant in the registry has no channels; run `pgtenant init`");
        return Ok(None);
    };
    // Nobody is served from a guess.
    let Ok(cluster) = ClusterName::parse(row.try_get(15)?) else {
        warn!(tenant = %id, slug = slug.as_str(), "a tenant's cluster in the registry cannot be understood");
        return Ok(None);
    };
    // One that is no identifier is no role.
    let reader_role = row.try_get::<_, Option<&str>>(9)?.and_then(|role| Ident::parse(role).ok());
    Ok(Some(Tenant {
        id,
        slug,
        name: row.try_get(2)?,
        names: TenantNames { schema, role },
        status,
        password_version: row.try_get(6)?,
        password_key: row.try_get::<_, Option<&str>>(10)?.and_then(KeyMark::parse),
        channels,
        limits,
        level,
        access: Access::ReadWrite,
        reader_role,
        schema: SchemaState { epoch: row.try_get(12)?, is_changing: row.try_get(13)? },
        // Of another program, and nothing that keeps tenants apart.
        settings: texts(row.try_get(14)?).unwrap_or_default(),
        cluster,
    }))
}

pub(super) fn texts(value: serde_json::Value) -> Option<BTreeMap<String, String>> {
    serde_json::from_value(value).ok()
}

/// Writes down limits of a tenant. Whether there is such a tenant.
///
/// # Errors
/// When the database refuses.
pub async fn set_limits(
    client: &impl GenericClient,
    slug: &Slug,
    limits: &BTreeMap<String, String>,
) -> Result<bool, Error> {
    let rows = client
        .execute(
            "UPDATE pgtenant.tenants SET limits = $2 WHERE slug = $1",
            &[&slug.as_str(), &serde_json::json!(limits)],
        )
        .await?;
    Ok(rows == 1)
}

/// Writes down a tenant's level.
///
/// # Errors
/// When the database refuses.
pub async fn set_level(client: &impl GenericClient, id: TenantId, level: Level) -> Result<(), Error> {
    client
        .execute("UPDATE pgtenant.tenants SET isolation = $2 WHERE id = $1", &[&id.0, &level.as_str()])
        .await
        .map(drop)
}

/// Adds a tenant with status `creating`, unless its slug is taken: then the other transaction that is
/// adding it is waited for, and the result is false. The unique indexes are the lock; no tenant can hold
/// them, as it could an advisory lock.
///
/// # Errors
/// When the database refuses, for example a `stripe_customer_id` that another tenant has.
pub async fn insert_tenant(
    client: &impl GenericClient,
    tenant: &Tenant,
    stripe_customer_id: Option<&str>,
) -> Result<bool, Error> {
    // Whoever adds the same tenant at this moment may be met at any of its unique indexes, not at that of
    // the slug first.
    if try_insert_tenant(client, tenant, stripe_customer_id, "ON CONFLICT DO NOTHING").await? {
        return Ok(true);
    }
    let same_slug = "SELECT FROM pgtenant.tenants WHERE slug = $1";
    if client.query_opt(same_slug, &[&tenant.slug.as_str()]).await?.is_some() {
        return Ok(false);
    }
    // Another tenant has one of its names: PostgreSQL's error says which.
    try_insert_tenant(client, tenant, stripe_customer_id, "").await
}

async fn try_insert_tenant(
    client: &impl GenericClient,
    tenant: &Tenant,
    stripe_customer_id: Option<&str>,
    on_conflict: &str,
) -> Result<bool, Error> {
    let insert = format!(
        "INSERT INTO pgtenant.tenants
             (id, slug, name, stripe_customer_id, status, schema_name, role_name, password_version,
              isolation, cluster)
         VALUES ($1, $2, $3, $4, 'creating', $5, $6, $7, $8, $9)
         {on_conflict}"
    );
    let rows = client
        .execute(
            &insert,
            &[
                &tenant.id.0,
                &tenant.slug.as_str(),
                &tenant.name,
                &stripe_customer_id,
                &tenant.names.schema.as_str(),
                &tenant.names.role.as_str(),
                &tenant.password_version,
                &tenant.level.as_str(),
                &tenant.cluster.as_str(),
            ],
        )
        .await?;
    Ok(rows == 1)
}

/// Holds a tenant's row until the end of the transaction, against others that would change it.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_tenant(client: &impl GenericClient, slug: &Slug) -> Result<(), Error> {
    client
        .execute("SELECT FROM pgtenant.tenants WHERE slug = $1 FOR UPDATE", &[&slug.as_str()])
        .await
        .map(drop)
}

/// Moves a tenant from `creating` to `active`; leaves any other status alone.
///
/// # Errors
/// When the database refuses.
pub async fn activate(client: &impl GenericClient, id: TenantId) -> Result<(), Error> {
    client
        .execute(
            "UPDATE pgtenant.tenants SET status = 'active' WHERE id = $1 AND status = 'creating'",
            &[&id.0],
        )
        .await
        .map(drop)
}

/// Sets a tenant's status.
///
/// # Errors
/// When the database refuses.
pub async fn set_status(client: &impl GenericClient, id: TenantId, status: Status) -> Result<(), Error> {
    let sql = "UPDATE pgtenant.tenants SET status = $2 WHERE id = $1";
    client.execute(sql, &[&id.0, &status.as_str()]).await.map(drop)
}

/// The tenant a user name belongs to, whatever its status, and what the user may do.
///
/// # Errors
/// When the database does not answer.
pub async fn owner_of_user(
    client: &impl GenericClient,
    user_name: &str,
) -> Result<Option<(TenantId, Option<Access>)>, Error> {
    let sql = "SELECT tenant_id, access FROM pgtenant.users WHERE user_name = $1";
    let row = client.query_opt(sql, &[&user_name]).await?;
    row.map(|row| Ok((TenantId(row.try_get(0)?), Access::from_word(row.try_get(1)?)))).transpose()
}

/// Writes down the role of a tenant's sessions that only read.
///
/// # Errors
/// When the database refuses.
pub async fn set_reader_role(client: &impl GenericClient, id: TenantId, role: &Ident) -> Result<(), Error> {
    client
        .execute("UPDATE pgtenant.tenants SET reader_role = $2 WHERE id = $1", &[&id.0, &role.as_str()])
        .await
        .map(drop)
}

/// Writes down which of the passwords derived for a tenant's roles they have.
///
/// # Errors
/// When the database refuses.
pub async fn set_password_version(
    client: &impl GenericClient,
    id: TenantId,
    version: i32,
) -> Result<(), Error> {
    client
        .execute("UPDATE pgtenant.tenants SET password_version = $2 WHERE id = $1", &[&id.0, &version])
        .await
        .map(drop)
}

/// Adds a user, unless the name is taken (then false). `verifier` is PostgreSQL's text form.
///
/// # Errors
/// When the database refuses.
pub async fn insert_user(
    client: &impl GenericClient,
    user_name: &Ident,
    tenant: TenantId,
    verifier: &str,
    access: Access,
) -> Result<bool, Error> {
    let rows = client
        .execute(
            "INSERT INTO pgtenant.users (user_name, tenant_id, verifier, access) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_name) DO NOTHING",
            &[&user_name.as_str(), &tenant.0, &verifier, &access.as_str()],
        )
        .await?;
    Ok(rows == 1)
}
