//! ES512: ECDSA on the curve P-521 with SHA-512 (RFC 7518, section 3.4), which the library for the other algorithms lacks.
//! Signatures are checked here, never made. Everything that goes in is public, so nothing depends on constant time.

#[cfg(test)]
mod tests;

use std::fmt;

use p521::ecdsa::signature::Verifier;
use p521::ecdsa::{Signature, VerifyingKey};

/// Bytes of one coordinate, and of each half of a signature.
pub(super) const SIZE: usize = 66;

/// A point that can check signatures: on the curve, and not at infinity.
#[derive(Clone)]
pub(super) struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a point with both its coordinates (SEC 1, section 2.3.3): a 4, x and y. The short forms are not taken, as they
    /// are not for the other curves.
    pub(super) fn read(point: &[u8]) -> Option<Self> {
        if point.len() != 1 + 2 * SIZE {
            return None;
        }
        VerifyingKey::from_sec1_bytes(point).ok().map(Self)
    }

    /// Whether this is its signature: R and S one behind the other, each from 1 to below the order of the curve. DER, as
    /// TLS and certificates have it, is none.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}
