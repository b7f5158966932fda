//! API keys in the registry.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Error, GenericClient};
use tracing::warn;
use uuid::Uuid;

use crate::auth::{Access, KeyEntry, KeyId, UnixTime};
use crate::registry::Registry;
use crate::registry::store::LoadedTenant;
use crate::tenant::{Slug, TenantId};

/// A key's last use is written at most this often.
const USE_NOTED: Duration = Duration::from_secs(60);
/// Uses are gathered for this long.
const USES_GATHERED: Duration = Duration::from_secs(1);
/// Uses that wait to be written at most; more are not noted.
const USES_WAITING: usize = 1024;

/// Adds to tenants the keys they have. Revoked ones are none.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn add_keys(client: &impl GenericClient, tenants: &mut [LoadedTenant]) -> Result<(), Error> {
    let ids: Vec<Uuid> = tenants.iter().map(|loaded| loaded.tenant.id.0).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let sql = "SELECT id, tenant_id, access, digest, pg_catalog.floor(EXTRACT(epoch FROM expires_at))::pg_catalog.int8
         FROM pgtenant.api_keys WHERE revoked_at IS NULL AND tenant_id = ANY ($1) ORDER BY id";
    let mut keys: HashMap<TenantId, Vec<KeyEntry>> = HashMap::new();
    for row in client.query(sql, &[&ids]).await? {
        let (id, access, digest): (&str, &str, &[u8]) = (row.try_get(0)?, row.try_get(2)?, row.try_get(3)?);
        let expires: Option<i64> = row.try_get(4)?;
        let (Some(id), Some(access), Ok(digest)) =
            (KeyId::parse(id), Access::from_word(access), <[u8; 32]>::try_from(digest))
        else {
            warn!(key = id, "an API key in the registry cannot be understood");
            continue;
        };
        let tenant = TenantId(row.try_get(1)?);
        let expires = expires.map(|end| UnixTime(u64::try_from(end).unwrap_or(0)));
        keys.entry(tenant).or_default().push(KeyEntry { id, tenant, access, digest, expires });
    }
    for loaded in tenants {
        loaded.keys = keys.remove(&loaded.tenant.id).unwrap_or_default();
    }
    Ok(())
}

/// What an operator wants to see of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySummary {
    /// Its name.
    pub id: String,
    /// Its tenant's slug.
    pub tenant: String,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// Its scope.
    pub access: String,
    /// `active`, `expired` or `revoked`.
    pub state: String,
    /// Times, UTC, ISO 8601.
    pub created_at: String,
    /// When it ends, or was to end.
    pub expires_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// When somebody logged in with it last, to the minute.
    pub last_used_at: Option<String>,
}

impl KeySummary {
    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.id,
            "tenant": self.tenant,
            "name": self.name,
            "scope": self.access,
            "state": self.state,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "revoked_at": self.revoked_at,
            "last_used_at": self.last_used_at,
        })
    }
}

/// A key to be added.
#[derive(Clone, Copy)]
pub struct NewKey<'a> {
    /// Whose it is.
    pub tenant: &'a Slug,
    /// Its name.
    pub id: KeyId,
    /// SHA-256 of its secret.
    pub digest: [u8; 32],
    /// What it may do.
    pub access: Access,
    /// What it is for.
    pub name: &'a str,
    /// How long it is good for; without end where it is `None`.
    pub lifetime: Option<Duration>,
}

/// Adds a key; `false` where there is no such tenant. It ends with a whole second, as a token does: proxies count in those.
///
/// # Errors
/// When the database refuses.
pub async fn insert(client: &impl GenericClient, new: NewKey<'_>) -> Result<bool, Error> {
    let seconds = new.lifetime.map(|lifetime| lifetime.as_secs_f64());
    let sql = "INSERT INTO pgtenant.api_keys (id, tenant_id, name, access, digest, expires_at)
         SELECT $2, t.id, $3, $4, $5,
                pg_catalog.to_timestamp(pg_catalog.ceil(EXTRACT(epoch FROM pg_catalog.now()) + $6::pg_catalog.float8))
         FROM pgtenant.tenants t WHERE t.slug = $1";
    let (id, access, digest) = (new.id.to_string(), new.access.as_str(), new.digest.as_slice());
    let tenant = new.tenant.as_str();
    let rows = client.execute(sql, &[&tenant, &id, &new.name, &access, &digest, &seconds]).await?;
    Ok(rows == 1)
}

/// Revokes a key; `false` where there is none of this name. One that was revoked stays as it was.
///
/// # Errors
/// When the database refuses.
pub async fn revoke(client: &impl GenericClient, key: KeyId) -> Result<bool, Error> {
    let sql =
        "UPDATE pgtenant.api_keys SET revoked_at = COALESCE(revoked_at, pg_catalog.now()) WHERE id = $1";
    Ok(client.execute(sql, &[&key.to_string()]).await? == 1)
}

/// Keys of all tenants, or of one, or one of them.
///
/// # Errors
/// When the database does not answer.
pub async fn summaries(
    client: &impl GenericClient,
    tenant: Option<&Slug>,
    key: Option<KeyId>,
) -> Result<Vec<KeySummary>, Error> {
    let sql = "SELECT k.id, t.slug, k.name, k.access,
             CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
                  WHEN k.expires_at <= pg_catalog.now() THEN 'expired' ELSE 'active' END,
             pg_catalog.to_char(k.created_at AT TIME ZONE 'UTC', $3::text),
             pg_catalog.to_char(k.expires_at AT TIME ZONE 'UTC', $3::text),
             pg_catalog.to_char(k.revoked_at AT TIME ZONE 'UTC', $3::text),
             pg_catalog.to_char(k.last_used_at AT TIME ZONE 'UTC', $3::text)
         FROM pgtenant.api_keys k JOIN pgtenant.tenants t ON t.id = k.tenant_id
         WHERE ($1::text IS NULL OR t.slug = $1) AND ($2::text IS NULL OR k.id = $2)
         ORDER BY t.slug, k.created_at, k.id";
    const TIME: &str = "YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"";
    let key = key.map(|key| key.to_string());
    let rows = client.query(sql, &[&tenant.map(Slug::as_str), &key, &TIME]).await?;
    rows.iter()
        .map(|row| {
            Ok(KeySummary {
                id: row.try_get(0)?,
                tenant: row.try_get(1)?,
                name: row.try_get(2)?,
                access: row.try_get(3)?,
                state: row.try_get(4)?,
                created_at: row.try_get(5)?,
                expires_at: row.try_get(6)?,
                revoked_at: row.try_get(7)?,
                last_used_at: row.try_get(8)?,
            })
        })
        .collect()
}

/// Notes uses of keys off the clients' path.
pub(super) fn notebook(registry: Registry) -> (mpsc::Sender<KeyId>, impl Future<Output = ()>) {
    let (sender, receiver) = mpsc::channel(USES_WAITING);
    (sender, note(registry, receiver))
}

async fn note(registry: Registry, mut uses: mpsc::Receiver<KeyId>) {
    let mut noted: HashMap<KeyId, Instant> = HashMap::new();
    let mut batch = Vec::new();
    while uses.recv_many(&mut batch, USES_WAITING).await > 0 {
        let now = Instant::now();
        noted.retain(|_, at| now < *at + USE_NOTED);
        batch.sort_unstable();
        batch.dedup();
        batch.retain(|key| !noted.contains_key(key));
        if !batch.is_empty() {
            match registry.note_uses(&batch).await {
                Ok(()) => noted.extend(batch.iter().map(|key| (*key, now))),
                Err(error) => warn!(%error, "the last use of API keys was not written down"),
            }
        }
        batch.clear();
        sleep(USES_GATHERED).await;
    }
}

/// Writes down that keys were used just now, unless another proxy did within the minute.
///
/// # Errors
/// When the database refuses.
pub(super) async fn touch(client: &impl GenericClient, keys: &[KeyId]) -> Result<(), Error> {
    let keys: Vec<String> = keys.iter().map(KeyId::to_string).collect();
    let sql = "UPDATE pgtenant.api_keys SET last_used_at = pg_catalog.now() WHERE id = ANY ($1)
           AND (last_used_at IS NULL OR last_used_at < pg_catalog.now() - interval '1 minute')";
    client.execute(sql, &[&keys]).await.map(drop)
}
