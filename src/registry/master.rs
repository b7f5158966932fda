//! What the registry keeps of master keys: which one passwords are derived from, and the secret that outlives them.

use tokio_postgres::{Error, GenericClient};

use crate::auth::DecoySecret;
use crate::config::Secrets;
use crate::registry::RegistryError;
use crate::tenant::{KeyMark, TenantId};

/// Which keys the passwords of the proxy's own roles are derived from, as far as that was written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnKeys {
    /// Of the registry's reader and the pool role.
    pub roles: Option<KeyMark>,
    /// Of the role of spare connections.
    pub spare: Option<KeyMark>,
}

/// The secret behind the answers to unknown users, sealed; `None` before `pgtenant init` of this version.
///
/// # Errors
/// When the database does not answer.
pub async fn sealed_decoy(client: &impl GenericClient) -> Result<Option<Vec<u8>>, Error> {
    let row = client.query_opt("SELECT decoy_secret FROM pgtenant.installation", &[]).await?;
    row.map_or(Ok(None), |row| row.try_get(0))
}

/// Writes it down.
///
/// # Errors
/// When the database refuses.
pub async fn set_sealed_decoy(client: &impl GenericClient, sealed: &[u8]) -> Result<(), Error> {
    client.execute("UPDATE pgtenant.installation SET decoy_secret = $1", &[&sealed]).await.map(drop)
}

/// Opens it with either key.
///
/// # Errors
/// [`RegistryError::NoDecoy`], [`RegistryError::Sealed`].
pub fn open_decoy(sealed: Option<&[u8]>, secrets: &Secrets) -> Result<DecoySecret, RegistryError> {
    let sealed = sealed.ok_or(RegistryError::NoDecoy)?;
    DecoySecret::open(sealed, &secrets.master_key)
        .or_else(|_| DecoySecret::open(sealed, secrets.oldest()))
        .map_err(|_| RegistryError::Sealed)
}

/// Which keys the proxy's own roles have passwords of.
///
/// # Errors
/// When the database does not answer.
pub async fn own_keys(client: &impl GenericClient) -> Result<OwnKeys, Error> {
    let sql = "SELECT password_key, spare_password_key FROM pgtenant.installation";
    let Some(row) = client.query_opt(sql, &[]).await? else { return Ok(OwnKeys::default()) };
    let mark = |text: Option<&str>| text.and_then(KeyMark::parse);
    Ok(OwnKeys { roles: mark(row.try_get(0)?), spare: mark(row.try_get(1)?) })
}

/// Writes down which key the passwords of the registry's reader and the pool role are derived from now.
///
/// # Errors
/// When the database refuses.
pub async fn set_roles_key(client: &impl GenericClient, mark: KeyMark) -> Result<(), Error> {
    let sql = "UPDATE pgtenant.installation SET password_key = $1 WHERE password_key IS DISTINCT FROM $1";
    client.execute(sql, &[&mark.to_string()]).await.map(drop)
}

/// The same for the role of spare connections.
///
/// # Errors
/// When the database refuses.
pub async fn set_spare_key(client: &impl GenericClient, mark: KeyMark) -> Result<(), Error> {
    let sql = "UPDATE pgtenant.installation SET spare_password_key = $1 WHERE spare_password_key IS DISTINCT FROM $1";
    client.execute(sql, &[&mark.to_string()]).await.map(drop)
}

/// The same for a tenant's roles.
///
/// # Errors
/// When the database refuses.
pub async fn set_password_key(
    client: &impl GenericClient,
    tenant: TenantId,
    mark: KeyMark,
) -> Result<(), Error> {
    // Proxies are told of each change.
    let sql =
        "UPDATE pgtenant.tenants SET password_key = $2 WHERE id = $1 AND password_key IS DISTINCT FROM $2";
    client.execute(sql, &[&tenant.0, &mark.to_string()]).await.map(drop)
}

/// Slugs of the tenants, in any status, whose passwords are not recorded as derived from this key: also of those whose
/// rows this program cannot read.
///
/// # Errors
/// When the database does not answer.
pub async fn tenants_without(client: &impl GenericClient, mark: KeyMark) -> Result<Vec<String>, Error> {
    let sql = "SELECT slug FROM pgtenant.tenants_here WHERE password_key IS DISTINCT FROM $1 ORDER BY slug";
    let rows = client.query(sql, &[&mark.to_string()]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
