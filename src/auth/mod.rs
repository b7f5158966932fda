//! Proving who somebody is, as pure steps.

mod master_key;
pub mod scram;
mod verifier;

pub use master_key::{MasterKey, MasterKeyError};
pub use verifier::{Verifier, VerifierError};
