//! Proving who somebody is, as pure steps.

mod master_key;
mod verifier;

pub use master_key::{MasterKey, MasterKeyError};
pub use verifier::{Verifier, VerifierError};
