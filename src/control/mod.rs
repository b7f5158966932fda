//! The control plane: what an administrator does to the registry, roles and schemas.
//!
//! Runs on an administrator's connection. Every verb is one transaction and can be run again.

mod adopt;
pub mod backup;
mod channels;
mod clone;
mod decoy;
mod dropping;
mod edges;
mod error;
mod harden;
mod init;
mod keys;
mod level;
mod limits;
pub mod listed;
mod master;
pub mod migrate;
pub mod moving;
pub mod password;
pub mod placed;
mod provision;
mod purge;
mod readers;
mod rename;
mod replicas;
mod role;
mod rotate;
mod settings;
mod shared;
mod spares;
mod status;
mod users;
pub mod verify;
mod watch;

pub use adopt::{Adopted, Adoption, Hole, Known, adopt, adopt_at, adoptable, known};
pub use dropping::{DropChange, drop_tenant, undrop_tenant};
pub use error::ControlError;
pub use harden::{
    AuditFinding, HARDENING_VERSION, HardenReport, HardeningState, Run, Severity, harden, hardening_state,
    remove_hardening,
};
pub use init::{InitPlan, init, tenants_role};
pub use keys::{KeyTerms, create_key, revoke_key};
pub use level::{LevelChange, set_level};
pub use limits::change_limits;
pub use master::{Checked, MasterKeyChange, Verdict};
pub use provision::{NewTenant, Provisioned, create_tenant};
pub use purge::{Purge, due_tenants, end_sessions, plan_purge, purge_tenant};
pub use rename::{ObjectNames, Renamed, rename_tenant};
pub use replicas::ReplicaWatcher;
pub use rotate::rotate_password;
pub use settings::{Change, Set, set_tenant};
pub use shared::pool_role;
pub use spares::{SpareWatcher, spare_role};
pub use status::{StatusChange, set_status};
pub use users::{UserChange, add_user, remove_user, set_user_password};
pub use watch::HardeningWatcher;

use std::fmt;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    Created,
    /// It was there and something about it had to be put right.
    Changed,
    /// It was there and right.
    Unchanged,
    /// It was there and is gone.
    Removed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "exists",
            Self::Removed => "removed",
        })
    }
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was done.
    pub outcome: Outcome,
    /// To what: `schema pgtenant`.
    pub what: String,
}

impl Step {
    fn new(outcome: Outcome, what: impl Into<String>) -> Self {
        Self { outcome, what: what.into() }
    }

    /// What was made.
    #[must_use]
    pub fn created(what: impl Into<String>) -> Self {
        Self::new(Outcome::Created, what)
    }
}
