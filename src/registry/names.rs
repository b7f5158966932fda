//! Names of tenants, and those that they had: a slug, a schema, roles.

use tokio_postgres::{Error, GenericClient};

use crate::tenant::{Slug, Tenant, TenantId, TenantNames};

/// What a tenant is called from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNames<'a> {
    /// Its slug.
    pub slug: &'a Slug,
    /// Its display name.
    pub name: &'a str,
    /// Its schema and role.
    pub names: &'a TenantNames,
    /// The role of its sessions that only read.
    pub reader_role: Option<&'a str>,
}

/// Whether another tenant has, or had, a schema or role of these names.
///
/// # Errors
/// When the database does not answer.
pub async fn are_taken(
    client: &impl GenericClient,
    names: &TenantNames,
    by_others_than: TenantId,
) -> Result<bool, Error> {
    let mut wanted = vec![names.schema.as_str().to_owned(), names.role.as_str().to_owned()];
    wanted.extend(names.reader().map(|reader| reader.as_str().to_owned()));
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pgtenant.tenants t
                            WHERE t.id <> $2 AND (t.schema_name = ANY ($1) OR t.role_name = ANY ($1)
                                                  OR t.reader_role = ANY ($1)))
                 OR EXISTS (SELECT FROM pgtenant.former_names f
                            WHERE f.kind = 'object' AND f.tenant_id <> $2 AND f.name = ANY ($1))",
            &[&wanted, &by_others_than.0],
        )
        .await?;
    row.try_get(0)
}

/// Writes down the names that a tenant has now, for when they are not its any more.
///
/// # Errors
/// When the database refuses.
pub async fn note_former(client: &impl GenericClient, tenant: &Tenant) -> Result<(), Error> {
    let mut objects = vec![tenant.names.schema.as_str(), tenant.names.role.as_str()];
    objects.extend(tenant.reader_role.as_ref().map(crate::tenant::Ident::as_str));
    client
        .execute(
            "INSERT INTO pgtenant.former_names AS f (kind, name, tenant_id)
             SELECT 'object', n, $2::pg_catalog.uuid FROM pg_catalog.unnest($1::pg_catalog.text[]) n
             UNION SELECT 'slug', $3::pg_catalog.text, $2
             ON CONFLICT (kind, name, tenant_id) DO UPDATE SET until = excluded.until",
            &[&objects, &tenant.id.0, &tenant.slug.as_str()],
        )
        .await
        .map(drop)
}

/// Gives a tenant other names, wherever the registry has them.
///
/// # Errors
/// When the database refuses, for example because another tenant has one of them.
pub async fn change(client: &impl GenericClient, id: TenantId, to: &NewNames<'_>) -> Result<(), Error> {
    let role = to.names.role.as_str();
    client
        .execute(
            "UPDATE pgtenant.tenants
             SET slug = $2, name = $3, schema_name = $4, role_name = $5, reader_role = $6 WHERE id = $1",
            &[&id.0, &to.slug.as_str(), &to.name, &to.names.schema.as_str(), &role, &to.reader_role],
        )
        .await?;
    client
        .execute("UPDATE pgtenant.channels SET role_name = $2 WHERE tenant_id = $1", &[&id.0, &role])
        .await?;
    // What it has is not a name that it had.
    client
        .execute(
            "DELETE FROM pgtenant.former_names
             WHERE tenant_id = $1 AND (kind = 'slug' AND name = $2
                                       OR kind = 'object' AND name IN ($3, $4, $5))",
            &[&id.0, &to.slug.as_str(), &to.names.schema.as_str(), &role, &to.reader_role],
        )
        .await
        .map(drop)
}

/// Whether a tenant of this slug was dropped; not whether one was renamed.
///
/// # Errors
/// When the database does not answer.
pub async fn was_dropped(client: &impl GenericClient, slug: &Slug) -> Result<bool, Error> {
    let sql = "SELECT FROM pgtenant.former_names f WHERE f.kind = 'slug' AND f.name = $1
                   AND NOT EXISTS (SELECT FROM pgtenant.tenants t WHERE t.id = f.tenant_id)
               LIMIT 1";
    Ok(client.query_opt(sql, &[&slug.as_str()]).await?.is_some())
}

/// The tenants that had this slug, the last one first, and until when, in UTC.
///
/// # Errors
/// When the database does not answer.
pub async fn former_owners(
    client: &impl GenericClient,
    slug: &Slug,
) -> Result<Vec<(TenantId, String)>, Error> {
    let sql =
        "SELECT f.tenant_id, pg_catalog.to_char(f.until AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
               FROM pgtenant.former_names f WHERE f.kind = 'slug' AND f.name = $1 ORDER BY f.until DESC, 1";
    let rows = client.query(sql, &[&slug.as_str()]).await?;
    rows.iter().map(|row| Ok((TenantId(row.try_get(0)?), row.try_get(1)?))).collect()
}
