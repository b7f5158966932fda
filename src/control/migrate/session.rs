//! One file, run on one connection for one schema.

use std::time::Duration;

use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::registry::{RegistryError, describe};
use crate::tenant::{Ident, quote_identifier};

/// Why a file was not applied.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another attempt may go well.
    Again(String),
    /// It will not.
    Final(String),
}

impl Trouble {
    /// Of the server: what others hold, or that there are too many at this moment, is no fault of the file.
    pub(super) fn of(error: &Error, text: &str) -> Self {
        let again = [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::TOO_MANY_CONNECTIONS,
        ];
        let told = format!("{}{}", describe(error), place(error, text));
        match error.code() {
            Some(code) if again.contains(code) => Self::Again(told),
            Some(code) if *code == SqlState::ACTIVE_SQL_TRANSACTION => {
                Self::Final(format!("{told}; begin the file with the line `-- pgtenant: no-transaction`"))
            }
            _ => Self::Final(told),
        }
    }

    pub(super) fn of_login(error: &RegistryError) -> Self {
        match error {
            RegistryError::Db(db) => Self::of(db, ""),
            _ => Self::Final(error.to_string()),
        }
    }
}

/// The line that PostgreSQL points at.
fn place(error: &Error, text: &str) -> String {
    let Some(ErrorPosition::Original(at)) = error.as_db_error().and_then(|error| error.position()) else {
        return String::new();
    };
    let before = text.chars().take(usize::try_from(*at).unwrap_or(usize::MAX).saturating_sub(1));
    match text.is_empty() {
        true => String::new(),
        false => format!(" (line {})", before.filter(|c| *c == '\n').count() + 1),
    }
}

/// What a file runs under. A tenant could have given its role other settings, by which the file would mean something else.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// The schema, and `global` behind it.
    pub(super) path: [Ident; 2],
    /// How long each lock is waited for, in a transaction: others wait behind who waits.
    pub(super) lock_timeout: Duration,
    /// Whether the server can look whether this program still lives (since version 14).
    pub(super) checks_client: bool,
}

impl Surroundings {
    fn sql(&self, in_transaction: bool) -> String {
        let [schema, global] = &self.path;
        // Outside a transaction locks are taken that stand in nobody's way, and they may take long.
        let lock = if in_transaction { self.lock_timeout.as_millis() } else { 0 };
        let check = if self.checks_client { "SET client_connection_check_interval = '2s'; " } else { "" };
        format!(
            "SET search_path = {schema}, {global}; SET lock_timeout = {lock}; SET statement_timeout = 0; \
             SET idle_in_transaction_session_timeout = '5min'; SET standard_conforming_strings = on; \
             SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed'; \
             SET default_transaction_deferrable = off; SET synchronous_commit = on; SET row_security = on; \
             SET check_function_bodies = on; {check}"
        )
    }

    /// Makes a connection as this says, whatever an earlier file has left.
    pub(super) async fn arrange(&self, client: &Client, in_transaction: bool) -> Result<(), Error> {
        client.batch_execute("DISCARD ALL").await?;
        client.batch_execute(&self.sql(in_transaction)).await
    }
}

/// The transaction that a file runs in, as it was when it began.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signs {
    /// Its number.
    pub(super) xid: String,
    user: String,
    path: String,
}

impl Signs {
    /// By the simple protocol: what was prepared under a name could be somebody else's.
    pub(super) async fn read(client: &Client) -> Result<Self, Error> {
        let messages = client
            .simple_query(
                "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text, CURRENT_USER, \
                 pg_catalog.current_setting('search_path')",
            )
            .await?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let column = |at| row.and_then(|row| row.get(at)).unwrap_or_default().to_owned();
        Ok(Self { xid: column(0), user: column(1), path: column(2) })
    }
}

/// Runs a file in the transaction that is open, and makes sure that it is still the same one, with the same role and the same
/// path.
pub(super) async fn run(client: &Client, text: &str, before: &Signs) -> Result<(), Trouble> {
    client.batch_execute(text).await.map_err(|error| Trouble::of(&error, text))?;
    let after = Signs::read(client).await.map_err(|error| Trouble::of(&error, ""))?;
    if after == *before {
        return Ok(());
    }
    let what = if after.xid == before.xid {
        "it has changed its role or its search_path"
    } else {
        "it has ended its transaction, and what it did until then may stand"
    };
    Err(Trouble::Final(format!("{what}; nothing behind that was kept. Correct the file")))
}

/// Whether there is an index of this name in the schema, and whether it can be used.
pub(super) async fn index_state(client: &Client, schema: &Ident, index: &str) -> Result<Option<bool>, Error> {
    let row = client
        .query_opt(
            "SELECT i.indisvalid AND i.indisready FROM pg_catalog.pg_index i
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2",
            &[&schema.as_str(), &index],
        )
        .await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Removes what a `CREATE INDEX CONCURRENTLY` that was cut off has left.
pub(super) async fn drop_broken_index(client: &Client, schema: &Ident, index: &str) -> Result<(), Error> {
    let index = quote_identifier(index);
    client.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {schema}.{index}")).await
}
