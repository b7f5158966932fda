//! Asking a server connection, before its client lets go of it, which settings are in force, which state is there
//! that pins a client, and what it listens to.

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::pool::Attached;
use crate::pool::checkout::{SETTINGS_TIMEOUT, apply, discard};
use crate::server::{Answer, ServerConn, ServerError};
use crate::session::Session;

/// Why a client's state is not known: its session cannot go on, nor its server connection.
#[derive(Debug, Error)]
pub enum SettleError {
    /// The server refused to say, or to give the settings of the startup packet again.
    #[error("the server refused: {} (SQLSTATE {})", .0.message, .0.code)]
    Refused(ServerError),
    /// The connection broke, or a cancel request may still arrive.
    #[error("the server connection broke: {0}")]
    Io(#[from] io::Error),
}

impl Attached {
    /// Asks what only the server knows, and notes it for the client and for the connection. Nothing of the
    /// client's runs, so a cancel request means nothing meanwhile.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn settle(&mut self, session: &mut Session) -> Result<(), SettleError> {
        let unreadable = |_| io::Error::from(io::ErrorKind::InvalidData);
        let cancel = Arc::clone(&self.checkout.cancel);
        let conn = self.undisturbed().await?;
        // The first answer may tell what else to ask for.
        for _ in 0..2 {
            let Some(answer) = ask(conn, |in_peace| session.question(in_peace)).await? else { break };
            session.answered(&answer.rows, answer.cut, &mut conn.state).map_err(unreadable)?;
        }
        // Now it is known whether the client keeps the connection, with what that listens to.
        if let Some(answer) = ask(conn, |in_peace| session.channels_question(in_peace)).await? {
            if answer.cut {
                return Err(io::Error::from(io::ErrorKind::InvalidData).into());
            }
            session.channels_answered(&answer.rows, &mut conn.state).map_err(unreadable)?;
        }
        if session.knows_settings() {
            restore(conn, session).await?;
        }
        session.tell_parameters(&conn.state);
        cancel.aim_at(conn.endpoint(), &conn.key);
        Ok(())
    }

    /// Has the connection listen to what the client listens to, so that what comes can undo it. `false` where the client
    /// was cancelled meanwhile.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn restore_channels(&mut self, session: &Session) -> Result<bool, SettleError> {
        let sql = session.channels_sql();
        let conn = self.without_leftover().await?;
        let answer = run(conn, &sql).await?;
        if let Some(error) = answer.error {
            return Err(SettleError::Refused(error));
        }
        session.channels_restored(&mut conn.state);
        Ok(self.aim_again())
    }

    /// Has the connection take the tenant's role for longer than a transaction. `false` where the client was cancelled
    /// meanwhile.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn take_role(&mut self, session: &mut Session) -> Result<bool, SettleError> {
        let conn = self.without_leftover().await?;
        let settings = Arc::clone(session.settings());
        // Those that are brought with the role of a transaction hold as long as this one.
        if session.knows_settings()
            && conn.state.settings != settings
            && let Some(error) = apply(conn, &settings).await?
        {
            return Err(SettleError::Refused(error));
        }
        if let Some(error) = run(conn, &session.sql_for_role()).await?.error {
            return Err(SettleError::Refused(error));
        }
        session.role_taken(&mut conn.state);
        Ok(self.aim_again())
    }

    /// The client's statement comes next. `false` where it was cancelled while it waited for that.
    fn aim_again(&mut self) -> bool {
        let Some(conn) = self.checkout.conn.as_deref() else { return true };
        // Until the server answers, it may not have begun.
        self.checkout.quiet = true;
        let goes_on = self.checkout.cancel.aim_after_waiting(conn.endpoint(), &conn.key, conn.taken);
        if !goes_on {
            self.checkout.cancel.aim_at(conn.endpoint(), &conn.key);
        }
        goes_on
    }

    /// The connection, when no cancel request can hit it any more, with nothing on it that another tenant left.
    async fn without_leftover(&mut self) -> Result<&mut ServerConn, SettleError> {
        let (counters, cancel) = (self.checkout.counters(), Arc::clone(&self.checkout.cancel));
        let conn = self.undisturbed().await?;
        // Of a statement that waits, one that comes now is remembered.
        cancel.waiting();
        if conn.state.role.has_leftover() {
            // The session has not sent DISCARD ALL yet.
            counters.discard_awaited();
            discard(conn).await?;
        }
        Ok(conn)
    }

    /// The connection, when no cancel request can hit it any more.
    async fn undisturbed(&mut self) -> Result<&mut ServerConn, SettleError> {
        if !self.checkout.cancel.clear() && !self.checkout.cancel.settled().await {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        self.checkout.conn.as_deref_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
    }
}

async fn run(conn: &mut ServerConn, sql: &str) -> Result<Answer, io::Error> {
    tokio::time::timeout(SETTINGS_TIMEOUT, conn.run(&[sql]))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn ask(
    conn: &mut ServerConn,
    question: impl Fn(bool) -> Option<String>,
) -> Result<Option<Answer>, SettleError> {
    for in_peace in [false, true] {
        let Some(question) = question(in_peace) else { return Ok(None) };
        let answer = run(conn, &question).await?;
        match answer.error {
            None if answer.status == b'I' => return Ok(Some(answer)),
            // The client's own `statement_timeout`, a cancel request that came late, or a value that may be
            // set and not shown.
            Some(_) if !in_peace => {}
            Some(error) => return Err(SettleError::Refused(error)),
            None => break,
        }
    }
    Err(io::Error::from(io::ErrorKind::InvalidData).into())
}

/// After a RESET the client has the settings of its startup packet again, the connection those of the tenant.
async fn restore(conn: &mut ServerConn, session: &mut Session) -> Result<(), SettleError> {
    let before = conn.state.parameters.clone();
    let wanted = session.settings_on(&conn.state);
    if conn.state.settings != wanted && conn.state.role.has_leftover() {
        discard(conn).await?;
    }
    if conn.state.settings != wanted
        && let Some(error) = apply(conn, &wanted).await?
    {
        return Err(SettleError::Refused(error));
    }
    session.settings_restored(&before, &conn.state);
    Ok(())
}
