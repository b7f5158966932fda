//! What two registries say of one tenant: that on its cluster of its objects, and that of `main` as a copy of it.

use tokio_postgres::{Error, GenericClient};

use crate::tenant::{ClusterName, Ident, Slug, TenantId, TenantNames};

/// A tenant's objects, as the registry on their cluster has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects {
    /// Short name.
    pub slug: Slug,
    /// Schema and role.
    pub names: TenantNames,
    /// The role of those that only read.
    pub reader_role: Option<Ident>,
    password_version: i32,
    password_key: Option<String>,
    isolation: String,
    prefix: Option<String>,
    epoch: i64,
    changing: bool,
}

/// What a registry says of the objects of a tenant that is in its own database; `None` where it has none.
///
/// # Errors
/// When the database does not answer.
pub async fn objects(client: &impl GenericClient, id: TenantId) -> Result<Option<Objects>, Error> {
    let sql = "SELECT t.slug, t.schema_name, t.role_name, t.reader_role, t.password_version, t.password_key, t.isolation,
                   (SELECT c.prefix FROM pgtenant.channels c WHERE c.tenant_id = t.id),
                   COALESCE((SELECT s.epoch FROM pgtenant.schema_states s WHERE s.tenant_id = t.id), 0),
                   EXISTS (SELECT FROM pgtenant.schema_states s WHERE s.tenant_id = t.id AND s.changing)
               FROM pgtenant.tenants t WHERE t.id = $1 AND t.cluster = 'main'";
    let Some(row) = client.query_opt(sql, &[&id.0]).await? else { return Ok(None) };
    let names = (Ident::parse(row.try_get(1)?), Ident::parse(row.try_get(2)?));
    // Others are in no registry.
    let (Ok(slug), (Ok(schema), Ok(role))) = (Slug::parse(row.try_get(0)?), names) else { return Ok(None) };
    Ok(Some(Objects {
        slug,
        names: TenantNames { schema, role },
        reader_role: row.try_get::<_, Option<&str>>(3)?.and_then(|role| Ident::parse(role).ok()),
        password_version: row.try_get(4)?,
        password_key: row.try_get(5)?,
        isolation: row.try_get(6)?,
        prefix: row.try_get(7)?,
        epoch: row.try_get(8)?,
        changing: row.try_get(9)?,
    }))
}

/// Writes that down in `main`, but for the names. Nobody is told of what is the same.
///
/// # Errors
/// When the database refuses.
pub async fn set_objects(client: &impl GenericClient, id: TenantId, to: &Objects) -> Result<(), Error> {
    client
        .execute(
            "UPDATE pgtenant.tenants t SET password_version = $2, password_key = $3, isolation = $4
             WHERE t.id = $1 AND (t.password_version, t.password_key, t.isolation) IS DISTINCT FROM ($2, $3, $4)",
            &[&id.0, &to.password_version, &to.password_key, &to.isolation],
        )
        .await?;
    if let Some(prefix) = &to.prefix {
        let role = to.names.role.as_str();
        client
            .execute(
                "INSERT INTO pgtenant.channels AS c (tenant_id, role_name, prefix) VALUES ($1, $2, $3)
                 ON CONFLICT (tenant_id) DO UPDATE SET role_name = excluded.role_name, prefix = excluded.prefix
                 WHERE (c.role_name, c.prefix) IS DISTINCT FROM (excluded.role_name, excluded.prefix)",
                &[&id.0, &role, prefix],
            )
            .await?;
    }
    set_state(client, id, to.epoch, to.changing).await
}

/// A user, as the registry on a cluster has it that was just restored there.
#[derive(Debug)]
pub struct User {
    /// Name in the startup packet.
    pub name: String,
    verifier: String,
    access: String,
}

/// Users of a tenant.
///
/// # Errors
/// When the database does not answer.
pub async fn users(client: &impl GenericClient, id: TenantId) -> Result<Vec<User>, Error> {
    let sql = "SELECT user_name, verifier, access FROM pgtenant.users WHERE tenant_id = $1 ORDER BY 1";
    let read = |row: &tokio_postgres::Row| {
        Ok(User { name: row.try_get(0)?, verifier: row.try_get(1)?, access: row.try_get(2)? })
    };
    client.query(sql, &[&id.0]).await?.iter().map(read).collect()
}

/// Adds it. `false` where another tenant has one of this name.
///
/// # Errors
/// When the database refuses.
pub async fn add_user(client: &impl GenericClient, id: TenantId, user: &User) -> Result<bool, Error> {
    let rows = client
        .execute(
            "INSERT INTO pgtenant.users AS u (user_name, tenant_id, verifier, access) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_name) DO UPDATE SET verifier = excluded.verifier, access = excluded.access
             WHERE u.tenant_id = excluded.tenant_id",
            &[&user.name, &id.0, &user.verifier, &user.access],
        )
        .await?;
    Ok(rows == 1)
}

/// Copies what else only `main` is to know: name, limits, and the customer, which is returned where it is another tenant's.
///
/// # Errors
/// When one of the two refuses.
pub async fn take_entry(
    main: &impl GenericClient,
    there: &impl GenericClient,
    id: TenantId,
) -> Result<Option<String>, Error> {
    let sql = "SELECT name, limits, stripe_customer_id FROM pgtenant.tenants WHERE id = $1";
    let Some(row) = there.query_opt(sql, &[&id.0]).await? else { return Ok(None) };
    let (name, limits): (String, serde_json::Value) = (row.try_get(0)?, row.try_get(1)?);
    let customer: Option<String> = row.try_get(2)?;
    let taken = "SELECT FROM pgtenant.tenants WHERE stripe_customer_id = $1 AND id <> $2";
    let is_taken = customer.is_some() && main.query_opt(taken, &[&customer, &id.0]).await?.is_some();
    let (kept, left_out) = if is_taken { (None, customer) } else { (customer, None) };
    main.execute(
        "UPDATE pgtenant.tenants SET name = $2, limits = $3, stripe_customer_id = COALESCE($4, stripe_customer_id) WHERE id = $1",
        &[&id.0, &name, &limits, &kept],
    )
    .await?;
    Ok(left_out)
}

/// Takes from the registry on the cluster what only `main` is to know.
///
/// # Errors
/// When the database refuses.
pub async fn forget_entry(client: &impl GenericClient, id: TenantId) -> Result<(), Error> {
    client.execute("DELETE FROM pgtenant.users WHERE tenant_id = $1", &[&id.0]).await?;
    let sql = "UPDATE pgtenant.tenants SET limits = '{}', stripe_customer_id = NULL WHERE id = $1";
    client.execute(sql, &[&id.0]).await.map(drop)
}

/// How far the changes of a tenant's schema are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Whose.
    pub tenant: TenantId,
    /// As [`SchemaState`](crate::tenant::SchemaState).
    pub epoch: i64,
    /// The same.
    pub is_changing: bool,
}

/// Of all tenants that are in this registry's own database.
///
/// # Errors
/// When the database does not answer.
pub async fn states(client: &impl GenericClient) -> Result<Vec<State>, Error> {
    let sql = "SELECT t.id, COALESCE(s.epoch, 0), COALESCE(s.changing, false)
               FROM pgtenant.tenants_here t LEFT JOIN pgtenant.schema_states s ON s.tenant_id = t.id";
    let read = |row: &tokio_postgres::Row| {
        Ok(State { tenant: TenantId(row.try_get(0)?), epoch: row.try_get(1)?, is_changing: row.try_get(2)? })
    };
    client.query(sql, &[]).await?.iter().map(read).collect()
}

async fn set_state(
    client: &impl GenericClient,
    id: TenantId,
    epoch: i64,
    changing: bool,
) -> Result<(), Error> {
    client
        .execute(
            "INSERT INTO pgtenant.schema_states AS s (tenant_id, epoch, changing)
             SELECT t.id, $2::pg_catalog.int8, $3::pg_catalog.bool FROM pgtenant.tenants t
             WHERE t.id = $1 AND ($2::pg_catalog.int8 <> 0 OR $3::pg_catalog.bool)
             ON CONFLICT (tenant_id) DO UPDATE SET epoch = excluded.epoch, changing = excluded.changing
             WHERE (s.epoch, s.changing) IS DISTINCT FROM (excluded.epoch, excluded.changing)",
            &[&id.0, &epoch, &changing],
        )
        .await
        .map(drop)
}

/// Writes down how far the schemas of a cluster's tenants are, or that they may change just now.
///
/// # Errors
/// When the database refuses.
pub async fn set_states(
    client: &impl GenericClient,
    cluster: &ClusterName,
    states: &[State],
    changing: bool,
) -> Result<(), Error> {
    let ids: Vec<_> = states.iter().map(|state| state.tenant.0).collect();
    let epochs: Vec<i64> = states.iter().map(|state| state.epoch).collect();
    let changes: Vec<bool> = states.iter().map(|state| changing || state.is_changing).collect();
    client
        .execute(
            "INSERT INTO pgtenant.schema_states AS s (tenant_id, epoch, changing)
             SELECT t.id, n.epoch, n.changing
             FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.uuid[]), pg_catalog.unnest($3::pg_catalog.int8[]),
                             pg_catalog.unnest($4::pg_catalog.bool[])) AS n (id, epoch, changing)
             JOIN pgtenant.tenants t ON t.id = n.id AND t.cluster = $1
             WHERE n.epoch <> 0 OR n.changing
             ON CONFLICT (tenant_id) DO UPDATE SET epoch = excluded.epoch, changing = excluded.changing
             WHERE (s.epoch, s.changing) IS DISTINCT FROM (excluded.epoch, excluded.changing)",
            &[&cluster.as_str(), &ids, &epochs, &changes],
        )
        .await
        .map(drop)
}
