//! What can go wrong with a backup or a restore. Every message names the remedy.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::control::ControlError;
use crate::registry::{RegistryError, describe};
use crate::tenant::{ClusterName, Slug};

/// Why there is no backup, or why nothing was restored.
#[derive(Debug, Error)]
pub enum BackupError {
    /// What the control plane says.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The target is there. It may be somebody's only backup.
    #[error("{} exists already; name another file or directory with `--to`, or remove it", .0.display())]
    Exists(PathBuf),
    /// It cannot replace the data of a tenant where that is not.
    #[error(
        "tenant {slug} is on the cluster {found}, not on {said}; name no cluster, and it is restored where it is"
    )]
    OnCluster {
        /// The tenant.
        slug: Slug,
        /// Where it is.
        found: ClusterName,
        /// Where it was to be.
        said: ClusterName,
    },
    /// A file or directory.
    #[error("cannot {what} {}: {error}{}", .path.display(), full(.error))]
    File {
        /// What was done to it.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The checksums do not fit.
    #[error("{}: {why}; nothing was restored: take another copy of the backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A program of PostgreSQL's cannot be started.
    #[error(
        "cannot run {}: {error}; install PostgreSQL's client programs, or name their directory with `--pg-bin` or \
         PGTENANT_PG_BIN", .program.display()
    )]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A program of PostgreSQL's is too old for what it is to read.
    #[error(
        "{} is of version {found}, and {needs} of version {needed}: install PostgreSQL's client programs of version \
         {needed} or later, and name their directory with `--pg-bin` or PGTENANT_PG_BIN", .program.display()
    )]
    OldProgram {
        /// The program.
        program: PathBuf,
        /// Its version.
        found: u32,
        /// What is of a later one.
        needs: &'static str,
        /// That version.
        needed: u32,
    },
    /// The server is older than the one that the backup is of.
    #[error(
        "the backup is of PostgreSQL {backup} and this server is of version {server}; restore it into a later server"
    )]
    OldServer {
        /// Of the backup.
        backup: u32,
        /// Of the server.
        server: u32,
    },
    /// A program of PostgreSQL's failed.
    #[error("{program} failed ({status}): {stderr}")]
    Program {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: String,
        /// The end of what it said.
        stderr: String,
    },
    /// The tenant's role has another password.
    #[error(
        "cannot log in as {role}, the role of tenant {slug}: {why}; if it is the password, run \
         `pgtenant tenant create {slug}` again, which sets it"
    )]
    TenantLogin {
        /// The tenant.
        slug: Slug,
        /// Its role.
        role: String,
        /// What the server says.
        why: String,
    },
    /// A table that the tenant's own role cannot read whole.
    #[error(
        "table {table} cannot be read as the tenant: {why}; if it has FORCE ROW LEVEL SECURITY, take that off for the time of \
         the backup"
    )]
    Table {
        /// Its name.
        table: String,
        /// What the server says.
        why: String,
    },
    /// The table of contents has what no tenant's backup has.
    #[error(
        "the dump holds what no backup of a tenant does, and is not restored: {0}; if it is a backup that this program \
         made, report this"
    )]
    Item(String),
    /// A statement that is not taken.
    #[error("the dump is not restored: {why}: {statement}")]
    Statement {
        /// Why not.
        why: String,
        /// How it begins.
        statement: String,
    },
    /// It ends early or goes on too long.
    #[error("the dump is not restored: {0}")]
    Script(&'static str),
    /// PostgreSQL refuses it.
    #[error("{what}: {why}; nothing was changed")]
    Load {
        /// Where in the dump.
        what: String,
        /// What the server says.
        why: String,
    },
    /// Not the rows that were counted when the backup was made.
    #[error(
        "table {table} has {found} rows in the dump, and {expected} were counted when it was made; nothing was changed: \
         take another copy of the backup"
    )]
    Rows {
        /// The table.
        table: String,
        /// In the dump.
        found: u64,
        /// In the manifest.
        expected: u64,
    },
    /// The tenant is there.
    #[error(
        "tenant {0} exists; restore the backup under another slug with `--as`, or give it in place of the tenant's data \
         with `--replace`, after a backup of what is there now"
    )]
    TenantExists(Slug),
    /// `--replace` without a tenant.
    #[error("there is no tenant {0} whose data could be replaced; leave out `--replace` to create it")]
    NothingToReplace(Slug),
    /// Another command restores the same tenant.
    #[error("a restore of tenant {0} is in progress; wait for its end, and run this again")]
    InProgress(Slug),
    /// Another command has replaced it meanwhile.
    #[error(
        "the schema of tenant {0} was replaced while this ran; nothing was changed: look at it, and run this again"
    )]
    ReplacedMeanwhile(Slug),
    /// Transactions of the tenant hold its tables.
    #[error(
        "transactions of tenant {0} that hold its tables did not end; run this again when they have, or take the tenant \
         out of service for it (`pgtenant tenant suspend {0}`, and `resume` afterwards); nothing was changed"
    )]
    Held(Slug),
    /// Objects of others would go with the old schema.
    #[error(
        "this depends on the schema that is to be replaced, and would be dropped with it; drop it, and create it again \
         afterwards:\n  {}", .0.join("\n  ")
    )]
    Dependents(Vec<String>),
    /// Ctrl-C, SIGTERM, or the time limit.
    #[error("{0}; nothing was changed")]
    Stopped(&'static str),
}

fn full(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::StorageFull {
        "; make room, or choose another place with `--to`"
    } else {
        ""
    }
}

impl From<RegistryError> for BackupError {
    fn from(error: RegistryError) -> Self {
        Self::Control(error.into())
    }
}

impl From<tokio_postgres::Error> for BackupError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Control(error.into())
    }
}

impl BackupError {
    pub(super) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { what, path, error }
    }

    pub(super) fn damaged(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), why: why.into() }
    }

    pub(super) fn load(what: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let what = what.into();
        move |error| Self::Load { what, why: describe(&error) }
    }
}
