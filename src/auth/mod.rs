//! Proving who somebody is, as pure steps.

pub mod evidence;
mod failures;
mod master_key;
pub mod scram;
mod verifier;

pub use failures::{FailureLimits, Failures, MOST_FAILURES, Source};
pub use master_key::{MasterKey, MasterKeyError};
pub use verifier::{Verifier, VerifierError};
