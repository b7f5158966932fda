//! Backup and restore of one tenant, while others work.
//!
//! A backup is a directory with a dump that pg_dump wrote as the tenant's own role, a manifest and checksums. A restore runs
//! nothing of a dump with an operator's rights: pg_restore only turns it into text, each statement of the text is parsed and
//! must be of a kind that a dump of a schema has, and a role that owns nothing but a schema aside runs it. The last step,
//! which gives that schema the tenant's name and its objects to the tenant's role, is one transaction.

mod arrival;
mod aside;
mod dump;
mod error;
mod load;
mod manifest;
mod package;
mod place;
mod placed;
mod programs;
mod restore;
mod rows;
mod script;
pub(super) mod session;
mod settle;
mod toc;

pub use arrival::{Arrival, Carried};
pub use dump::{Backup, BackupOptions, backup};
pub use error::BackupError;
pub use manifest::{FORMAT, Manifest, TableRows, TenantRow, UserRow};
pub use place::WorkPlace;
pub use placed::{destination, restore_at};
pub use programs::Programs;
pub use restore::{RestoreOptions, Restored, Stopped, restore};
pub(in crate::control) use settle::comes_mark;

/// Is told what is being done, and how many bytes of it are done.
pub type Progress<'a> = &'a (dyn Fn(&'static str, u64) + Send + Sync);
