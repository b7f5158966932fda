//! What can go wrong with a move. Every message names the remedy.

use thiserror::Error;

use crate::control::ControlError;
use crate::control::backup::BackupError;
use crate::registry::RegistryError;
use crate::tenant::Slug;

/// Why a step of a move failed.
#[derive(Debug, Error)]
pub enum MoveError {
    /// What the control plane says.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// What the copying says.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What the control plane of the other installation says.
    #[error("there, {0}")]
    There(ControlError),
    /// Somebody else is at it.
    #[error("a move of tenant {0} is in progress; wait for its end, or end it with Ctrl-C where it runs")]
    InProgress(Slug),
    /// It moves to somewhere else.
    #[error(
        "a move of tenant {slug} to {slug_there} in {peer} was begun; go on with that, or give it up with `--undo`, and \
         name the same place to go to"
    )]
    OtherPeer {
        /// The tenant.
        slug: Slug,
        /// What it is called there.
        slug_there: String,
        /// Where it moves to.
        peer: String,
    },
    /// The same tenant.
    #[error(
        "{peer} has this tenant already, as {slug}, {status}; if it is left from a move that was undone, delete it there \
         (`pgtenant tenant drop {slug} --now --yes`); if `--to-config` names this installation, name the other one"
    )]
    IsThere {
        /// Where.
        peer: String,
        /// As what.
        slug: String,
        /// Its status there.
        status: String,
    },
    /// Another tenant's.
    #[error("there is another tenant {0} there; give this one another slug with `--as`")]
    SlugThere(Slug),
    /// Names of users that are another tenant's there.
    #[error(
        "these users belong to other tenants there: {}; remove them on one side (`pgtenant user remove`) and add them \
         again under another name", .0.join(", ")
    )]
    UsersThere(Vec<String>),
    /// A role or schema has the name that it would get.
    #[error(
        "there is {0} there already, which that installation did not make for a tenant; give this one another slug with \
         `--as`, or drop it if nothing needs it"
    )]
    NameThere(String),
    /// A role or schema has the name that it has.
    #[error(
        "there is {0} on that cluster already, which it did not make for this tenant; drop it there if nothing needs it"
    )]
    NameOnCluster(String),
    /// It is too late to give it up.
    #[error(
        "tenant {0} is in service where it was to go; run this again without `--undo`, which ends the move, and then move it back"
    )]
    Served(Slug),
    /// A migration that is not at its end.
    #[error(
        "migrations of tenant {slug} have not come to their end: {found}; run `pgtenant migrate up` first"
    )]
    Migrations {
        /// The tenant.
        slug: Slug,
        /// Which.
        found: String,
    },
    /// Its application has a way around the proxy.
    #[error(
        "role {role} has the rights of tenant {slug}, which was adopted from it, and would go on here when the tenant is there; \
         run `pgtenant tenant adopt --release-owner` for its schema first"
    )]
    NotReleased {
        /// The tenant.
        slug: Slug,
        /// The application's role.
        role: String,
    },
    /// Its code could leave its role there.
    #[error(
        "tenant {slug} is of level shared and has what can run code, and the database there is not hardened; run `pgtenant \
         init --harden` there, or `pgtenant tenant level {slug} dedicated` here first"
    )]
    NotHardened {
        /// The tenant.
        slug: Slug,
    },
    /// Transactions of the tenant hold its tables.
    #[error(
        "transactions that write to tables of tenant {slug} did not end within {limit}; see who holds them (pg_locks), and run \
         this again"
    )]
    Held {
        /// The tenant.
        slug: Slug,
        /// How long was waited.
        limit: &'static str,
    },
    /// The tables could be written to meanwhile.
    #[error("the session that kept the tables of tenant {0} from being written to was ended; run this again")]
    FenceDown(Slug),
    /// Not the same here and there.
    #[error("what arrived is not what is here: {0}; run this again, and report it if that does not help")]
    Differs(String),
    /// An administrator changed something.
    #[error(
        "users, keys, limits, settings or migrations of tenant {0} were changed while it was moved; run this again"
    )]
    Changed(Slug),
    /// Its row says something else than what this run wrote.
    #[error(
        "another command has moved tenant {0} on, or given its move up; `pgtenant tenant show {0}` says how it is"
    )]
    Overtaken(Slug),
    /// What had arrived is not there.
    #[error(
        "what arrived of the tenant is not there any more; `--undo` brings the tenant back into service here, with all it has"
    )]
    Lost,
    /// There is nothing to undo.
    #[error("tenant {0} is not being moved, and was not moved from here")]
    NothingToUndo(Slug),
    /// What was written there would be lost.
    #[error(
        "tenant {slug} is in service there as {slug_there}: what its clients wrote there since it was moved is not here; add \
         `--yes` if that is meant, or move it back from there"
    )]
    WouldLose {
        /// The tenant.
        slug: Slug,
        /// There.
        slug_there: Slug,
    },
}

impl From<RegistryError> for MoveError {
    fn from(error: RegistryError) -> Self {
        Self::Control(error.into())
    }
}

impl From<tokio_postgres::Error> for MoveError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Control(error.into())
    }
}

impl MoveError {
    pub(super) fn after(self, after: After) -> MoveFailure {
        MoveFailure { after, error: self }
    }

    /// Says that it is the other one.
    pub(super) fn there(error: impl Into<ControlError>) -> Self {
        Self::There(error.into())
    }
}

/// Where the tenant is after a move that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// As it was before: nothing was begun.
    Unchanged,
    /// As it was before: it was put back.
    Back,
    /// Out of service here, and never in service there.
    Out,
    /// To be dropped here; there all of it, perhaps in service already.
    HandedOver,
    /// In service on the other cluster; what it had on the first one is left there.
    Left,
    /// In service nowhere, perhaps, because a move is being undone.
    Between,
}

/// A move that failed.
#[derive(Debug, Error)]
#[error("{error}; {}", match .after {
    After::Unchanged => "nothing was changed",
    After::Back => "the tenant is here as it was before",
    After::Out => "the tenant is OUT OF SERVICE: run this again, or with `--undo` to put it back into service here",
    After::HandedOver => "all of the tenant is there, and it may be OUT OF SERVICE: run this again, which puts it into service there",
    After::Left => "the tenant is in service there: run this again, which deletes what is left of it where it was",
    After::Between => "the tenant may be OUT OF SERVICE: run this again",
})]
pub struct MoveFailure {
    /// Where the tenant is.
    pub after: After,
    /// What happened.
    pub error: MoveError,
}
