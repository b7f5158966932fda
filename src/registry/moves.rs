//! What the registry knows of tenants that move to another installation, or have come from one.

use tokio_postgres::{Error, GenericClient, Row};
use uuid::Uuid;

use crate::tenant::{Status, TenantId};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From here.
    Out,
    /// To here.
    In,
}

impl Direction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveState {
    /// Out: the tenant is out of service here, and goes back into it if the move fails.
    Copying,
    /// Out: it is to be dropped here. Whether it is in service there, the other registry knows.
    HandedOver,
    /// In: all of it is here, and was never in service here.
    Arrived,
    /// It is in service where it was to go, or was.
    Done,
    /// In: it was taken back.
    Withdrawn,
}

impl MoveState {
    /// The word stored in the registry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::HandedOver => "handed_over",
            Self::Arrived => "arrived",
            Self::Done => "done",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Copying, Self::HandedOver, Self::Arrived, Self::Done, Self::Withdrawn]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// How far it is.
    pub state: MoveState,
    /// Which attempt, the same in both registries.
    pub attempt: Uuid,
    /// What the other installation is called.
    pub peer: String,
    /// What the tenant is called there.
    pub peer_slug: String,
    /// Its status before, and after.
    pub status_before: Status,
    /// Whether somebody works at it: another session than the one that asks.
    pub is_held: bool,
}

/// This session, as nobody else is called, now or later. A tenant could take an advisory lock.
const OWN_SESSION: &str = "SELECT a.pid::text || ' ' || pg_catalog.date_part('epoch', a.backend_start)::text
     FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_catalog.pg_backend_pid()";

/// How times are written that are carried.
const TIME: &str = "YYYY-MM-DD\"T\"HH24:MI:SS.US";

/// The move of a tenant that way, if there is one.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    tenant: TenantId,
    direction: Direction,
) -> Result<Option<Move>, Error> {
    let sql = "SELECT m.state, m.attempt, m.peer, m.peer_slug, m.status_before, EXISTS (
                   SELECT FROM pg_catalog.pg_stat_activity a
                   WHERE a.pid <> pg_catalog.pg_backend_pid()
                     AND a.pid::text = pg_catalog.split_part(m.session, ' ', 1)
                     -- Of other roles' sessions not all may see the start.
                     AND COALESCE(pg_catalog.date_part('epoch', a.backend_start)::text
                                  = pg_catalog.split_part(m.session, ' ', 2), true))
               FROM pgtenant.moves m WHERE m.tenant_id = $1 AND m.direction = $2";
    let row = client.query_opt(sql, &[&tenant.0, &direction.as_str()]).await?;
    row.as_ref().map(read).transpose().map(Option::flatten)
}

/// The table allows no other words.
fn read(row: &Row) -> Result<Option<Move>, Error> {
    let words = (MoveState::from_word(row.try_get(0)?), Status::from_word(row.try_get(4)?));
    let (Some(state), Some(status_before)) = words else { return Ok(None) };
    Ok(Some(Move {
        state,
        attempt: row.try_get(1)?,
        peer: row.try_get(2)?,
        peer_slug: row.try_get(3)?,
        status_before,
        is_held: row.try_get(5)?,
    }))
}

/// Writes a move down, in the place of what was known of an earlier one. `is_mine`: this session works at it.
///
/// # Errors
/// When the database refuses.
pub async fn put(
    client: &impl GenericClient,
    tenant: TenantId,
    direction: Direction,
    to: &Move,
    is_mine: bool,
) -> Result<(), Error> {
    let session: Option<String> = match is_mine {
        true => client.query_one(OWN_SESSION, &[]).await?.try_get(0)?,
        false => None,
    };
    client
        .execute(
            "INSERT INTO pgtenant.moves (tenant_id, direction, state, attempt, peer, peer_slug, status_before, session)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (tenant_id, direction) DO UPDATE
             SET state = excluded.state, attempt = excluded.attempt, peer = excluded.peer,
                 peer_slug = excluded.peer_slug, status_before = excluded.status_before,
                 session = excluded.session, changed_at = pg_catalog.now()",
            &[
                &tenant.0,
                &direction.as_str(),
                &to.state.as_str(),
                &to.attempt,
                &to.peer,
                &to.peer_slug,
                &to.status_before.as_str(),
                &session,
            ],
        )
        .await
        .map(drop)
}

/// Forgets a move.
///
/// # Errors
/// When the database refuses.
pub async fn forget(
    client: &impl GenericClient,
    tenant: TenantId,
    direction: Direction,
) -> Result<(), Error> {
    let sql = "DELETE FROM pgtenant.moves WHERE tenant_id = $1 AND direction = $2";
    client.execute(sql, &[&tenant.0, &direction.as_str()]).await.map(drop)
}

/// The slug of the tenant with this id, and its status.
///
/// # Errors
/// When the database does not answer.
pub async fn tenant_of_id(
    client: &impl GenericClient,
    tenant: TenantId,
) -> Result<Option<(String, String)>, Error> {
    let sql = "SELECT slug, status FROM pgtenant.tenants WHERE id = $1";
    let row = client.query_opt(sql, &[&tenant.0]).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// An API key with all that the registry has of it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub name: String,
    access: String,
    digest: Vec<u8>,
    /// Times in UTC, to the microsecond.
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
}

// By hand: without the digest.
impl std::fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRow").field("id", &self.id).field("access", &self.access).finish_non_exhaustive()
    }
}

/// The keys of a tenant, revoked ones too, by id. Held until the end of the transaction: nobody revokes one meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn keys(client: &impl GenericClient, tenant: TenantId) -> Result<Vec<KeyRow>, Error> {
    let sql = "SELECT k.id, k.name, k.access, k.digest,
                   pg_catalog.to_char(k.created_at AT TIME ZONE 'UTC', $2::text),
                   pg_catalog.to_char(k.expires_at AT TIME ZONE 'UTC', $2::text),
                   pg_catalog.to_char(k.revoked_at AT TIME ZONE 'UTC', $2::text)
               FROM pgtenant.api_keys k WHERE k.tenant_id = $1 ORDER BY k.id FOR UPDATE";
    let read = |row: &Row| {
        Ok(KeyRow {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            access: row.try_get(2)?,
            digest: row.try_get(3)?,
            created_at: row.try_get(4)?,
            expires_at: row.try_get(5)?,
            revoked_at: row.try_get(6)?,
        })
    };
    client.query(sql, &[&tenant.0, &TIME]).await?.iter().map(read).collect()
}

/// Adds a key as it was elsewhere. False where there is one of this name.
///
/// # Errors
/// When the database refuses.
pub async fn add_key(client: &impl GenericClient, tenant: TenantId, key: &KeyRow) -> Result<bool, Error> {
    let sql = "INSERT INTO pgtenant.api_keys (id, tenant_id, name, access, digest, created_at, expires_at, revoked_at)
               VALUES ($1, $2, $3, $4, $5, $6::text::timestamp AT TIME ZONE 'UTC',
                   $7::text::timestamp AT TIME ZONE 'UTC', $8::text::timestamp AT TIME ZONE 'UTC')
               ON CONFLICT (id) DO NOTHING";
    let KeyRow { id, name, access, digest, created_at, expires_at, revoked_at } = key;
    let rows = client
        .execute(sql, &[id, &tenant.0, name, access, digest, created_at, expires_at, revoked_at])
        .await?;
    Ok(rows == 1)
}

/// Keeps the users of a tenant as they are until the end of the transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn hold_users(client: &impl GenericClient, tenant: TenantId) -> Result<(), Error> {
    let sql = "SELECT FROM pgtenant.users u WHERE u.tenant_id = $1 FOR UPDATE";
    client.query(sql, &[&tenant.0]).await.map(drop)
}

/// Since when there is a tenant, in UTC, to the microsecond.
///
/// # Errors
/// When the database does not answer.
pub async fn created_at(client: &impl GenericClient, tenant: TenantId) -> Result<String, Error> {
    let sql = "SELECT pg_catalog.to_char(created_at AT TIME ZONE 'UTC', $2::text) FROM pgtenant.tenants WHERE id = $1";
    client.query_one(sql, &[&tenant.0, &TIME]).await?.try_get(0)
}

/// Writes that down as its other registry has it.
///
/// # Errors
/// When the database refuses.
pub async fn set_created_at(
    client: &impl GenericClient,
    tenant: TenantId,
    created_at: &str,
) -> Result<(), Error> {
    let sql = "UPDATE pgtenant.tenants SET created_at = $2::text::timestamp AT TIME ZONE 'UTC' WHERE id = $1";
    client.execute(sql, &[&tenant.0, &created_at]).await.map(drop)
}
