//! Which role an adopted tenant's application works as, until it is released.

use tokio_postgres::{Error, GenericClient};

use crate::tenant::{Ident, TenantId};

/// The role, where there is one.
///
/// # Errors
/// When the database does not answer.
pub async fn from(client: &impl GenericClient, id: TenantId) -> Result<Option<Ident>, Error> {
    let row = client.query_opt("SELECT adopted_from FROM pgtenant.tenants WHERE id = $1", &[&id.0]).await?;
    let role: Option<String> = row.map(|row| row.try_get(0)).transpose()?.flatten();
    Ok(role.and_then(|role| Ident::parse(&role).ok()))
}

/// Writes it down.
///
/// # Errors
/// When the database refuses.
pub async fn set(client: &impl GenericClient, id: TenantId, role: &Ident) -> Result<(), Error> {
    let sql =
        "UPDATE pgtenant.tenants SET adopted_from = $2 WHERE id = $1 AND adopted_from IS DISTINCT FROM $2";
    client.execute(sql, &[&id.0, &role.as_str()]).await.map(drop)
}

/// There is none any more. Whether there was.
///
/// # Errors
/// When the database refuses.
pub async fn release(client: &impl GenericClient, id: TenantId) -> Result<bool, Error> {
    let sql = "UPDATE pgtenant.tenants SET adopted_from = NULL WHERE id = $1 AND adopted_from IS NOT NULL";
    Ok(client.execute(sql, &[&id.0]).await? == 1)
}
