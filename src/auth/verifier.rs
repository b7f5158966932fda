//! A stored SCRAM-SHA-256 verifier: enough to check a password, not enough to log in with.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::auth::{DecoySecret, same};

/// Iterations a verifier may ask for: PostgreSQL's own number at least, and not so many that a login
/// becomes a way to burn CPU.
const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// Salt lengths in bytes; PostgreSQL's salts have 16.
const SALT_BYTES: RangeInclusive<usize> = 8..=64;

/// What PostgreSQL keeps of a password in `pg_authid.rolpassword`
/// (its documentation, section 53.8): `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Rounds of PBKDF2.
    pub iterations: NonZeroU32,
    /// Salt, 8 to 64 bytes.
    pub salt: Vec<u8>,
    /// SHA-256 of the client's key (RFC 5802, section 3).
    pub stored_key: [u8; 32],
    /// What the server proves itself with.
    pub server_key: [u8; 32],
}

/// Why a text is no verifier. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VerifierError {
    /// Another kind of password, for example `md5…`.
    #[error(
        "not a SCRAM-SHA-256 verifier; set the password again with password_encryption = 'scram-sha-256'"
    )]
    Mechanism,
    /// Parts missing, left over, or not base64.
    #[error("not in PostgreSQL's form SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>")]
    Form,
    /// Too few or too many iterations.
    #[error("a verifier has {} to {} iterations", ITERATIONS.start(), ITERATIONS.end())]
    Iterations,
    /// A salt that is too short or too long.
    #[error("a verifier's salt has {} to {} bytes", SALT_BYTES.start(), SALT_BYTES.end())]
    Salt,
}

impl Verifier {
    /// Reads PostgreSQL's text form.
    ///
    /// # Errors
    /// [`VerifierError`] for anything that PostgreSQL would not have written.
    pub fn parse(text: &str) -> Result<Self, VerifierError> {
        let rest = text.strip_prefix("SCRAM-SHA-256$").ok_or(VerifierError::Mechanism)?;
        let (head, keys) = rest.split_once('$').ok_or(VerifierError::Form)?;
        let (iterations, salt) = head.split_once(':').ok_or(VerifierError::Form)?;
        let (stored_key, server_key) = keys.split_once(':').ok_or(VerifierError::Form)?;
        Ok(Self {
            iterations: parse_iterations(iterations)?,
            salt: parse_salt(salt)?,
            stored_key: parse_key(stored_key)?,
            server_key: parse_key(server_key)?,
        })
    }

    /// Whether this is a verifier of one of the derived passwords, which SASLprep leaves as they are.
    #[must_use]
    pub fn is_of(&self, password: &SecretString) -> bool {
        let hmac = |key: &[u8]| {
            // An HMAC key may have any length, so this cannot fail.
            <Hmac<Sha256> as Mac>::new_from_slice(key)
                .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
        };
        let digest = |begun: &Hmac<Sha256>, data: &[&[u8]]| -> [u8; 32] {
            let mut mac = begun.clone();
            data.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().into()
        };
        // Hi() of RFC 5802, section 2.2.
        let begun = hmac(password.expose_secret().as_bytes());
        let mut round = digest(&begun, &[&self.salt, &1_u32.to_be_bytes()]);
        let mut salted = round;
        for _ in 1..self.iterations.get() {
            round = digest(&begun, &[&round]);
            salted.iter_mut().zip(round).for_each(|(sum, byte)| *sum ^= byte);
        }
        let client_key = digest(&hmac(&salted), &[b"Client Key"]);
        same(&Sha256::digest(client_key), &self.stored_key)
    }

    /// What unknown users are checked against: looks like a real one, is the same at every attempt,
    /// and matches no password, since that would take a SHA-256 preimage of zeros.
    #[must_use]
    pub fn mock(secret: &DecoySecret, user: &str) -> Self {
        Self {
            iterations: NonZeroU32::MIN.saturating_add(ITERATIONS.start() - 1),
            salt: secret.salt(user).to_vec(),
            stored_key: [0; 32],
            server_key: [0; 32],
        }
    }
}

fn parse_iterations(text: &str) -> Result<NonZeroU32, VerifierError> {
    // `u32::from_str` takes a sign and leading zeros, PostgreSQL never writes them.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.starts_with('0') {
        return Err(VerifierError::Form);
    }
    let count: u32 = text.parse().map_err(|_| VerifierError::Iterations)?;
    NonZeroU32::new(count).filter(|n| ITERATIONS.contains(&n.get())).ok_or(VerifierError::Iterations)
}

fn parse_salt(text: &str) -> Result<Vec<u8>, VerifierError> {
    let salt = STANDARD.decode(text).map_err(|_| VerifierError::Form)?;
    if SALT_BYTES.contains(&salt.len()) { Ok(salt) } else { Err(VerifierError::Salt) }
}

fn parse_key(text: &str) -> Result<[u8; 32], VerifierError> {
    STANDARD.decode(text).ok().and_then(|key| key.try_into().ok()).ok_or(VerifierError::Form)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use postgres_protocol::password::scram_sha_256;

    use super::*;

    const SALT: &str = "AAECAwQFBgcICQoLDA0ODw==";
    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn parse(iterations: &str, salt: &str, stored: &str, server: &str) -> Result<Verifier, VerifierError> {
        Verifier::parse(&format!("SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"))
    }

    #[test]
    fn verifier_as_postgresql_writes_it_is_read() {
        let verifier = parse("4096", SALT, KEY, KEY).unwrap();
        assert_eq!(verifier.iterations.get(), 4096);
        assert_eq!(verifier.salt, (0..16).collect::<Vec<u8>>());
        assert!(Verifier::parse(&scram_sha_256(b"pw")).is_ok());
    }

    #[test]
    fn verifier_is_of_its_password_and_of_no_other() {
        let verifier = Verifier::parse(&scram_sha_256(b"5a5a")).unwrap();
        assert!(verifier.is_of(&"5a5a".to_owned().into()));
        assert!(!verifier.is_of(&"5a5b".to_owned().into()));
    }

    #[test]
    fn other_mechanisms_are_refused() {
        for text in ["", "md5abc", "scram-sha-256$4096:", "hunter2"] {
            assert_eq!(Verifier::parse(text), Err(VerifierError::Mechanism), "{text}");
        }
    }

    #[test]
    fn missing_or_extra_or_undecodable_parts_are_refused() {
        let short = &KEY[4..];
        for (iterations, salt, stored, server) in [
            ("4096", "not base64!", KEY, KEY),
            ("4096", SALT, short, KEY),
            ("4096", SALT, KEY, short),
            ("4096", SALT, KEY, &format!("{KEY}:{KEY}")),
            ("+4096", SALT, KEY, KEY),
            ("04096", SALT, KEY, KEY),
            ("4096", &SALT[..22], KEY, KEY),
            ("4096", SALT, KEY, &format!("{KEY}\n")),
        ] {
            assert_eq!(parse(iterations, salt, stored, server), Err(VerifierError::Form));
        }
        assert_eq!(Verifier::parse("SCRAM-SHA-256$4096"), Err(VerifierError::Form));
    }

    #[test]
    fn iterations_outside_the_sane_range_are_refused() {
        for count in ["1", "4095", "1000001", "99999999999999"] {
            assert_eq!(parse(count, SALT, KEY, KEY), Err(VerifierError::Iterations), "{count}");
        }
    }

    #[test]
    fn salt_that_is_empty_or_huge_is_refused() {
        assert_eq!(parse("4096", "", KEY, KEY), Err(VerifierError::Salt));
        assert_eq!(parse("4096", &"AAAA".repeat(40), KEY, KEY), Err(VerifierError::Salt));
    }

    #[test]
    fn mock_repeats_for_one_user_and_differs_between_users() {
        let key = DecoySecret::new(&[7; 32]);
        assert_eq!(Verifier::mock(&key, "a"), Verifier::mock(&key, "a"));
        assert_ne!(Verifier::mock(&key, "a").salt, Verifier::mock(&key, "b").salt);
        assert_eq!(Verifier::mock(&key, "a").iterations.get(), 4096);
    }

    #[test]
    fn keys_are_not_shown() {
        assert_eq!(format!("{:?}", parse("4096", SALT, KEY, KEY).unwrap()), "Verifier(hidden)");
    }
}
