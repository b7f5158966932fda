//! Users in the registry, one by one.

use tokio_postgres::{Error, GenericClient};

use crate::tenant::{Ident, Slug, TenantId};

/// A user as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSummary {
    /// Its name.
    pub name: String,
    /// Its tenant's short name.
    pub tenant: String,
    /// What it may do.
    pub access: String,
    /// When it was added, UTC.
    pub created_at: String,
}

/// Users of all tenants, or of one, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn summaries(
    client: &impl GenericClient,
    tenant: Option<&Slug>,
) -> Result<Vec<UserSummary>, Error> {
    let sql = "SELECT u.user_name, t.slug, u.access,
             pg_catalog.to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
         FROM pgtenant.users u JOIN pgtenant.tenants t ON t.id = u.tenant_id
         WHERE $1::text IS NULL OR t.slug = $1 ORDER BY t.slug, u.user_name";
    let rows = client.query(sql, &[&tenant.map(Slug::as_str)]).await?;
    let read = |row: &tokio_postgres::Row| {
        let [name, tenant, access, created_at] =
            [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?];
        Ok(UserSummary { name, tenant, access, created_at })
    };
    rows.iter().map(read).collect()
}

/// Users of a tenant by name, with their access and what their passwords are checked against.
///
/// # Errors
/// When the database does not answer.
pub async fn verifiers(
    client: &impl GenericClient,
    tenant: TenantId,
) -> Result<Vec<(String, String, String)>, Error> {
    let sql = "SELECT user_name, access, verifier FROM pgtenant.users WHERE tenant_id = $1 ORDER BY 1";
    let rows = client.query(sql, &[&tenant.0]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

/// Replaces what a user's password is checked against. The tenant it is of; `None` where there is no such user.
///
/// # Errors
/// When the database refuses.
pub async fn set_verifier(
    client: &impl GenericClient,
    user: &Ident,
    verifier: &str,
) -> Result<Option<Slug>, Error> {
    let sql = "UPDATE pgtenant.users u SET verifier = $2 FROM pgtenant.tenants t
         WHERE u.user_name = $1 AND t.id = u.tenant_id RETURNING t.slug";
    slug(client.query_opt(sql, &[&user.as_str(), &verifier]).await?.as_ref())
}

/// Removes a user. The tenant it was of; `None` where there is no such user.
///
/// # Errors
/// When the database refuses.
pub async fn remove(client: &impl GenericClient, user: &Ident) -> Result<Option<Slug>, Error> {
    let sql = "DELETE FROM pgtenant.users u USING pgtenant.tenants t
         WHERE u.user_name = $1 AND t.id = u.tenant_id RETURNING t.slug";
    slug(client.query_opt(sql, &[&user.as_str()]).await?.as_ref())
}

/// A slug in the registry is one: the table checks it.
fn slug(row: Option<&tokio_postgres::Row>) -> Result<Option<Slug>, Error> {
    let text: Option<&str> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(text.and_then(|text| Slug::parse(text).ok()))
}
