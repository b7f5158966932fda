//! API keys: made, and revoked.

use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use tokio_postgres::GenericClient;

use crate::auth::Access;
use crate::auth::api_key::{ID_BYTES, SECRET_BYTES};
use crate::auth::{ApiKey, KeyId};
use crate::control::ControlError;
use crate::registry::keys::{self, KeySummary, NewKey};
use crate::registry::store;
use crate::tenant::Slug;

/// What a new key is to be.
#[derive(Clone, Copy, Debug)]
pub struct KeyTerms<'a> {
    /// What it may do.
    pub access: Access,
    /// What it is for.
    pub name: &'a str,
    /// How long it is good for; without end where it is `None`.
    pub lifetime: Option<Duration>,
}

/// Makes a key for a tenant. Its text can be had only from here, and only now.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn create_key(
    client: &impl GenericClient,
    slug: &Slug,
    terms: KeyTerms<'_>,
) -> Result<(ApiKey, KeySummary), ControlError> {
    let (mut id, mut secret) = ([0; ID_BYTES], Zeroizing::new([0; SECRET_BYTES]));
    getrandom::fill(&mut id).map_err(ControlError::Random)?;
    getrandom::fill(secret.as_mut_slice()).map_err(ControlError::Random)?;
    let key = ApiKey::new(id, &secret);
    store::require_current(client).await?;
    let KeyTerms { access, name, lifetime } = terms;
    let new = NewKey { tenant: slug, id: key.id, digest: key.digest(), access, name, lifetime };
    let unknown = || ControlError::UnknownTenant(slug.clone());
    if !keys::insert(client, new).await? {
        return Err(unknown());
    }
    // It may be gone again with its tenant.
    let summary = keys::summaries(client, None, Some(key.id)).await?.pop().ok_or_else(unknown)?;
    Ok((key, summary))
}

/// Revokes a key. Running proxies end its sessions within a second. `None` where there is no such key.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn revoke_key(client: &impl GenericClient, id: KeyId) -> Result<Option<KeySummary>, ControlError> {
    store::require_current(client).await?;
    if !keys::revoke(client, id).await? {
        return Ok(None);
    }
    Ok(keys::summaries(client, None, Some(id)).await?.pop())
}
