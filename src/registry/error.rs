//! What can go wrong with the registry.

use std::error::Error as _;

use thiserror::Error;

/// Why the registry could not be read. For logs and operators, never for a client.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The socket path in the configuration is not `<dir>/.s.PGSQL.<port>`.
    #[error(
        "`{0}` is not the path of a PostgreSQL socket, <directory>/.s.PGSQL.<port>; correct `server.host`"
    )]
    SocketPath(String),
    /// No schema `pgtenant`.
    #[error("database {0:?} has no tenant registry; run `pgtenant init`")]
    Missing(String),
    /// Made by an older program.
    #[error("the tenant registry has version {found}, this program needs {needed}; run `pgtenant init`")]
    Old {
        /// In the database.
        found: i32,
        /// Known to this program.
        needed: i32,
    },
    /// Made by a newer program.
    #[error("the tenant registry has version {found}, this program knows {known}; use a newer pgtenant")]
    New {
        /// In the database.
        found: i32,
        /// Known to this program.
        known: i32,
    },
    /// The audit's query and its words have come apart.
    #[error("the audit query reported the unknown finding `{0}`; this is an error in pgtenant")]
    UnknownFinding(String),
    /// No derived password is right.
    #[error(
        "{0}; no password of this program's master keys is right: if the master key was replaced \
         (`pgtenant rotate-master-key`), give the new one in `secrets.master_key_file` and start this again"
    )]
    Password(String),
    /// An `init` of this version was not run to its end.
    #[error("the tenant registry has no secret for unknown users; run `pgtenant init`")]
    NoDecoy,
    /// The master key is another one.
    #[error(
        "the registry's secret for unknown users is sealed with another master key; give the key that `pgtenant init` \
         was run with last, in `secrets.master_key_file`, or in `secrets.previous_master_key_file` while it is replaced; \
         if it is lost, run `pgtenant init --lost-master-key`"
    )]
    Sealed,
    /// Too slow.
    #[error(
        "the registry's database did not answer in time; check that PostgreSQL runs and is not overloaded"
    )]
    Timeout,
    /// No connection could be made.
    #[error("cannot connect to the registry's database: {0}")]
    Unreachable(String),
    /// The connection ended without an error.
    #[error("PostgreSQL closed the connection to the registry")]
    Closed,
    /// PostgreSQL or the connection said so.
    #[error("{}", describe(.0))]
    Db(tokio_postgres::Error),
}

// By hand, not `#[from]`: that would make it the source too, and chains would print it twice.
impl From<tokio_postgres::Error> for RegistryError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Db(error)
    }
}

/// A database error in one line: the server's message and hint, else the chain of causes. Leaves out
/// the server's DETAIL, which can hold whole rows.
#[must_use]
pub fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let hint = db.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        return format!("PostgreSQL says: {} ({}){hint}", db.message(), db.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
