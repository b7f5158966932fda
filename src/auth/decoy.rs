//! The secret behind the answers to unknown users, and how the registry keeps it: sealed with the master key, so that
//! another key can take over and the answers stay (docs/adr/0018).

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};

use crate::auth::MasterKey;
use crate::auth::master_key::mac;
use crate::auth::sealed::{self, SEAL_NONCE_BYTES, SealError};

/// Random bytes of a new secret.
pub const DECOY_BYTES: usize = 32;

/// What is sealed: the same bytes sealed as anything else are refused.
const LABEL: &[u8] = b"pgtenant/v1/decoy";

/// Makes the answers to unknown users the same each time (as PostgreSQL's `mock_authentication_nonce`). Were they to
/// change while those to registered users stay, they would tell who exists.
#[derive(Clone)]
pub struct DecoySecret(SecretSlice<u8>);

impl DecoySecret {
    /// Of random bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec().into())
    }

    /// The salt that a user of this name would have.
    #[must_use]
    pub fn salt(&self, user: &str) -> [u8; 16] {
        let mut salt = [0; 16];
        salt.copy_from_slice(&mac(self.0.expose_secret(), &[b"mock", user.as_bytes()].concat())[..16]);
        salt
    }

    /// For the registry: the nonce, then ChaCha20-Poly1305 of the secret. No nonce is to be used twice.
    #[must_use]
    pub fn seal(&self, key: &MasterKey, nonce: [u8; SEAL_NONCE_BYTES]) -> Vec<u8> {
        sealed::seal(key, LABEL, nonce, self.0.expose_secret())
    }

    /// What [`seal`](Self::seal) made with the same key.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(sealed: &[u8], key: &MasterKey) -> Result<Self, SealError> {
        let opened = sealed::open(key, LABEL, sealed)?;
        if opened.len() < DECOY_BYTES {
            return Err(SealError::Closed);
        }
        Ok(Self::new(&opened))
    }
}

impl fmt::Debug for DecoySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecoySecret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digits: &str) -> MasterKey {
        MasterKey::parse(&digits.repeat(32)).unwrap()
    }

    #[test]
    fn salt_repeats_for_one_user_and_differs_between_users_and_secrets() {
        let (a, b) = (DecoySecret::new(&[1; 32]), DecoySecret::new(&[2; 32]));
        assert_eq!(a.salt("x"), a.salt("x"));
        assert_ne!(a.salt("x"), a.salt("y"));
        assert_ne!(a.salt("x"), b.salt("x"));
    }

    #[test]
    fn first_secret_gives_the_salts_that_the_master_key_gave_before_the_registry_had_one() {
        // HMAC-SHA-256 of `pgtenant/v1/mocknobody` under 32 bytes 5a, by another program.
        let salt: String =
            key("5a").first_decoy().salt("nobody").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(salt, "40a56fecd5631a7d780ec46a2de3311d");
    }

    #[test]
    fn sealed_secret_opens_with_its_key_and_gives_the_same_salts() {
        let secret = key("5a").first_decoy();
        let sealed = secret.seal(&key("a7"), [9; SEAL_NONCE_BYTES]);
        assert_eq!(DecoySecret::open(&sealed, &key("a7")).unwrap().salt("x"), secret.salt("x"));
    }

    #[test]
    fn sealed_secret_is_closed_to_another_key_and_when_any_bit_of_it_differs() {
        let sealed = DecoySecret::new(&[1; 32]).seal(&key("a7"), [9; SEAL_NONCE_BYTES]);
        let closed = |sealed: &[u8]| DecoySecret::open(sealed, &key("a7")).err();
        assert_eq!(DecoySecret::open(&sealed, &key("5a")).err(), Some(SealError::Closed));
        for bit in 0..sealed.len() * 8 {
            let mut other = sealed.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(closed(&other), Some(SealError::Closed), "bit {bit}");
        }
        for end in 0..sealed.len() {
            assert_eq!(closed(&sealed[..end]), Some(SealError::Closed), "{end} bytes");
        }
    }

    #[test]
    fn sealed_secret_holds_nothing_in_clear_and_nothing_is_shown() {
        let secret = key("5a").first_decoy();
        let sealed = secret.seal(&key("5a"), [9; SEAL_NONCE_BYTES]);
        assert!(!sealed.windows(4).any(|four| four == [0x5a; 4]));
        assert_eq!(format!("{secret:?}"), "DecoySecret(hidden)");
    }
}
