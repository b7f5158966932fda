//! Proving who somebody is, as pure steps.

mod master_key;

pub use master_key::{MasterKey, MasterKeyError};
