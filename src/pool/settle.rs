//! Asking a server connection, before its client lets go of it, which settings are in force and which state
//! is there that pins a client.

use std::io;

use thiserror::Error;

use crate::pool::Attached;
use crate::pool::checkout::{SETTINGS_TIMEOUT, apply};
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
    /// Asks what only the server knows, and notes it for the client and for the connection. Nothing of the client's runs, so a cancel request means nothing meanwhile.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn settle(&mut self, session: &mut Session) -> Result<(), SettleError> {
        if !self.checkout.cancel.clear() && !self.checkout.cancel.settled().await {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        let Some(conn) = self.checkout.conn.as_mut() else {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        };
        if let Some(answer) = ask(conn, session).await? {
            session
                .answered(&answer.rows, answer.cut, &mut conn.state)
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        }
        if session.pinned().is_none() {
            restore(conn, session).await?;
        }
        self.checkout.cancel.aim_at(conn.address(), &conn.key);
        Ok(())
    }
}

async fn ask(conn: &mut ServerConn, session: &Session) -> Result<Option<Answer>, SettleError> {
    for in_peace in [false, true] {
        let Some(question) = session.question(in_peace) else { return Ok(None) };
        let answer = tokio::time::timeout(SETTINGS_TIMEOUT, conn.run(&[&question]))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
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
    if conn.state.settings != *session.settings()
        && let Some(error) = apply(conn, session.settings()).await?
    {
        return Err(SettleError::Refused(error));
    }
    session.settings_restored(&before, &conn.state);
    Ok(())
}
