//! [`Checkout`] → [`Attached`]: a server connection in one client's hands.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use thiserror::Error;

use crate::pool::Pool;
use crate::schedule::{Owner, ServerId};
use crate::server::cancel::{self, CancelSlot};
use crate::server::reset::{self, Left};
use crate::server::{ServerConn, ServerError, Voice};
use crate::session::ServerState;
use crate::session::outbound::Outbound;
use crate::session::params::Settings;
use crate::telemetry::Counters;
use crate::tenant::TenantId;

/// Settings that take longer than this are not applied but given up, with the connection.
pub(super) const SETTINGS_TIMEOUT: Duration = Duration::from_secs(10);

/// SQLSTATE of a statement that a time-out or a cancel request ended.
const QUERY_CANCELED: &str = "57014";

/// A server connection that is ours but serves nobody: there is no way to relay through it.
#[derive(Debug)]
pub struct Checkout {
    pub(super) conn: Option<Box<ServerConn>>,
    pool: Arc<Pool>,
    pub(super) cancel: Arc<CancelSlot>,
    /// Whose client it was taken for. Of a shared connection only this tells.
    tenant: TenantId,
    /// The server has answered nothing of the client's.
    pub(super) quiet: bool,
}

/// Why a connection could not be given a client's settings.
#[derive(Debug, Error)]
pub enum AttachError {
    /// The server refused a setting.
    #[error("the server refused a setting: {} (SQLSTATE {})", .0.message, .0.code)]
    Setting(ServerError),
    /// The connection broke; another may do.
    #[error("the server connection broke: {0}")]
    Io(#[from] io::Error),
    /// The client was cancelled before anything of it was sent.
    #[error("the client was cancelled while it waited")]
    Cancelled,
}

/// A server connection that serves one client. Dropping it closes the connection.
#[derive(Debug)]
pub struct Attached {
    pub(super) checkout: Checkout,
    /// Bytes for the client are only taken from a connection of its tenant.
    tenant: TenantId,
}

/// How a client leaves its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything is answered.
    Idle,
    /// Everything is answered, a transaction is open.
    InTransaction,
    /// Statements may still be running: stop them.
    Running(&'static str),
    /// Nobody knows.
    Broken(&'static str),
}

impl Checkout {
    pub(super) const fn new(
        conn: Box<ServerConn>,
        pool: Arc<Pool>,
        cancel: Arc<CancelSlot>,
        tenant: TenantId,
    ) -> Self {
        Self { conn: Some(conn), pool, cancel, tenant, quiet: true }
    }

    /// Gives the connection the client's settings, if it has others, and waits for the server's word:
    /// a statement must not run without them. Then it serves the client.
    ///
    /// # Errors
    /// [`AttachError`]; the connection goes back or is closed.
    pub async fn attach(mut self, settings: &Arc<Settings>) -> Result<Attached, AttachError> {
        // What is awaited seldom is in a box, so that it has no room in the future of each client.
        if let Some(seed) = self.hand_over(settings)? {
            Box::pin(self.discard_anothers(seed)).await?;
        }
        if let Some(conn) = self.conn.as_mut()
            && !Arc::ptr_eq(&conn.state.settings, settings)
            && conn.state.settings != *settings
        {
            Box::pin(self.apply(settings)).await?;
        }
        let tenant = self.tenant;
        // The scheduler gives no tenant another's connection; this is where it would matter.
        let own = Owner::Tenant(tenant);
        let Some(conn) = self.conn.as_ref().filter(|conn| conn.owner == own || conn.owner == Owner::Shared)
        else {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        };
        if !self.cancel.aim_after_waiting(conn.endpoint(), &conn.key, conn.taken) {
            if let Some(conn) = self.conn.take() {
                self.pool.give_back(conn);
            }
            return Err(AttachError::Cancelled);
        }
        Ok(Attached { checkout: self, tenant })
    }

    /// Where another tenant was served before, all that it may have left goes first: also what code left that no text
    /// showed. Most often the session sends for that what is needed; else it is to be done now, with this seed.
    fn hand_over(&mut self, settings: &Settings) -> Result<Option<i32>, AttachError> {
        let tenant = self.tenant;
        let Some(conn) = self.conn.as_mut() else { return Ok(None) };
        let anothers = conn.state.role.serves.is_some_and(|last| last != tenant);
        // A client of the same tenant had it and said nothing. What is set now must not be discarded later.
        let still_there = conn.state.role.has_leftover() && !settings.is_empty();
        if !anothers && !still_there {
            return Ok(None);
        }
        let mut seed = [0; 4];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
        let seed = i32::from_be_bytes(seed);
        if anothers {
            self.pool.counters.handed_over();
        }
        let is_awaited = !settings.is_empty() || !conn.state.hand_over(tenant, seed);
        Ok(is_awaited.then_some(seed))
    }

    /// Where that fails, as for a time-out that is left, another connection will do.
    async fn discard_anothers(&mut self, seed: i32) -> Result<(), AttachError> {
        let Some(conn) = self.conn.as_mut() else { return Ok(()) };
        self.pool.counters.discard_awaited();
        discard(conn).await?;
        conn.state.role.handed_over(self.tenant, seed);
        Ok(())
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.pool.counters)
    }

    async fn apply(&mut self, settings: &Arc<Settings>) -> Result<(), AttachError> {
        let Some(conn) = self.conn.as_mut() else { return Ok(()) };
        self.pool.counters.settings_applied();
        match apply(conn, settings).await? {
            // The time-out of whoever had it before: a new one will do.
            Some(error) if error.code == QUERY_CANCELED => {
                Err(io::Error::from(io::ErrorKind::TimedOut).into())
            }
            // One message is one transaction: the server undid all of it.
            Some(error) => {
                if let Some(conn) = self.conn.take() {
                    self.pool.give_back(conn);
                }
                Err(AttachError::Setting(error))
            }
            None => Ok(()),
        }
    }
}

/// Discards all session state there is.
pub(super) async fn discard(conn: &mut ServerConn) -> Result<(), io::Error> {
    let answer = tokio::time::timeout(SETTINGS_TIMEOUT, conn.run(&["DISCARD ALL"]))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if answer.error.is_some() || answer.status != b'I' {
        return Err(io::ErrorKind::InvalidData.into());
    }
    conn.state.discarded();
    Ok(())
}

/// Gives a connection these settings in the place of those it has. `Some` is why the server refused.
pub(super) async fn apply(
    conn: &mut ServerConn,
    settings: &Arc<Settings>,
) -> Result<Option<ServerError>, io::Error> {
    let mut sql = settings.sql_from(&conn.state.settings);
    if let Some(search_path) = &conn.search_path
        && conn.state.settings.get("search_path").is_some()
        && settings.get("search_path").is_none()
    {
        sql.push_str(search_path);
    }
    let answer = tokio::time::timeout(SETTINGS_TIMEOUT, conn.run(&[&sql]))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if answer.status != b'I' {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if answer.error.is_none() {
        conn.state.settings = Arc::clone(settings);
    }
    Ok(answer.error)
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.cancel.clear();
            self.pool.close(conn, "dropped");
        }
    }
}

impl Attached {
    /// What the session machine knows of the server.
    pub fn state(&mut self) -> Option<&mut ServerState> {
        self.checkout.conn.as_mut().map(|conn| &mut conn.state)
    }

    /// Its name in the scheduler.
    #[must_use]
    pub fn id(&self) -> Option<ServerId> {
        self.checkout.conn.as_ref().map(|conn| conn.id)
    }

    /// Process id of the server.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.checkout.conn.as_ref().map_or(0, |conn| conn.key.pid)
    }

    /// For whom it speaks when it notifies.
    #[must_use]
    pub fn voice(&self) -> Option<&Arc<Voice>> {
        self.checkout.conn.as_ref().map(|conn| &conn.voice)
    }

    /// ParameterStatus values the server has told.
    #[must_use]
    pub fn parameters(&self) -> &[(String, String)] {
        self.checkout.conn.as_ref().map_or(&[], |conn| &conn.state.parameters)
    }

    /// Writes what the guard cleared. The only way for a client's bytes to a server.
    ///
    /// # Errors
    /// The system's, and a client of another tenant.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, out: &Outbound) -> Poll<io::Result<usize>> {
        match self.checkout.conn.as_mut() {
            Some(conn) if out.tenant() == self.tenant => conn.poll_write(cx, out.pending()),
            _ => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Writes what is encrypted and waits; nothing does without TLS.
    ///
    /// # Errors
    /// As [`poll_write`](Self::poll_write).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.checkout.conn {
            Some(conn) => conn.poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// The server has answered all that was written to it.
    #[inline]
    pub fn all_read(&mut self) {
        if let Some(conn) = self.checkout.conn.as_mut() {
            conn.all_read();
        }
    }

    /// Reads what the server sends; 0 is the end.
    ///
    /// # Errors
    /// The system's.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(conn) = self.checkout.conn.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let read = conn.poll_read(cx, buf);
        if self.checkout.quiet && read.is_ready() {
            self.checkout.quiet = false;
            self.checkout.cancel.answered();
        }
        read
    }

    /// How long the client had waited for it.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.checkout.conn.as_ref().map_or(Duration::ZERO, |conn| conn.waited)
    }

    /// Ends the client's use, and tells how long that was. A clean connection is in the pool again when this returns; one that is not
    /// is made clean, or closed, off the client's path.
    pub fn detach(mut self, ended: Ended) -> Duration {
        let Some(mut conn) = self.checkout.conn.take() else { return Duration::ZERO };
        let (taken, waited) = (conn.taken, conn.waited);
        let pool = Arc::clone(&self.checkout.pool);
        let settled = self.checkout.cancel.clear();
        let left = match ended {
            Ended::Idle => Left::Idle,
            Ended::InTransaction => Left::InTransaction,
            Ended::Running(_) | Ended::Broken(_) => Left::Unknown,
        };
        let notified = std::mem::take(&mut conn.state.notified);
        let speaks = pool.hub.leaves(&conn.voice, notified);
        let weighed = !pool.is_to_be_weighed(&conn);
        if settled && !speaks && weighed && reset::is_clean(&conn, left, pool.terms().pool.reset) {
            let held = pool.give_back(conn).saturating_duration_since(taken);
            pool.counters.held(waited, held);
            return held;
        }
        let held = taken.elapsed();
        pool.counters.held(waited, held);
        let cancel = Arc::clone(&self.checkout.cancel);
        tokio::spawn(async move {
            if speaks {
                pool.hub.quiet(&conn.voice).await;
            }
            put_in_order(conn, pool, &cancel, ended, left).await;
        });
        held
    }
}

async fn put_in_order(
    mut conn: Box<ServerConn>,
    pool: Arc<Pool>,
    cancel: &CancelSlot,
    ended: Ended,
    left: Left,
) {
    match ended {
        Ended::Broken(reason) => return pool.close(conn, reason),
        Ended::Running(reason) => {
            // The server notices a closed connection only when it next writes: do not leave it working.
            let _ =
                tokio::time::timeout(Duration::from_secs(5), cancel::send(conn.endpoint(), &conn.key)).await;
            return pool.close(conn, reason);
        }
        Ended::Idle | Ended::InTransaction => {}
    }
    if !cancel.settled().await {
        return pool.close(conn, "cancel_in_doubt");
    }
    let policy = pool.terms().pool.reset;
    let clean = reset::is_clean(&conn, left, policy);
    if clean || reset::run(&mut conn, left, policy).await {
        if !clean {
            pool.counters.server_reset();
        }
        if pool.is_to_be_weighed(&conn) {
            return pool.weigh(conn).await;
        }
        pool.give_back(conn);
    } else {
        pool.close(conn, "not_clean");
    }
}
