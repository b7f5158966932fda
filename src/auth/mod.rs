//! Proving who somebody is, as pure steps.

mod access;
pub mod api_key;
pub mod bearer;
pub mod cancel_key;
pub mod certificate;
mod decoy;
pub mod evidence;
mod failures;
pub mod jwt;
mod ladder;
mod master_key;
pub mod scram;
mod sealed;
mod verifier;

pub use access::Access;
pub use api_key::{ApiKey, KeyDenied, KeyEntry, KeyId};
pub use decoy::{DECOY_BYTES, DecoySecret};
pub use failures::{Attempt, FailureLimits, Failures, Guess, MOST_FAILURES, Source};
pub use ladder::{Ladder, Rung, WhichKey, key_of};
pub(crate) use master_key::secret_hex;
pub use master_key::{MasterKey, MasterKeyError};
pub use sealed::{SEAL_NONCE_BYTES, SealError, open, seal};
pub use verifier::{Verifier, VerifierError};

/// Seconds since 1970, UTC, as tokens count. Where now is is an argument of whatever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixTime(pub u64);

/// Compares secrets in a time that does not tell how far they agree.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}
