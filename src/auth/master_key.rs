//! The master key, and the server passwords derived from it.

use std::fmt;

use hmac::{Hmac, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use thiserror::Error;

use crate::auth::DecoySecret;
use crate::tenant::{ChannelPrefix, KeyMark, TenantId};

/// Fewest bytes a master key may have.
const MIN_KEY_BYTES: usize = 32;

/// The key all server passwords are derived from. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(SecretSlice<u8>);

/// Why a text is no master key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MasterKeyError {
    /// Not an even number of hexadecimal digits.
    #[error("a master key is written in hexadecimal; make one with `openssl rand -hex 32`")]
    NotHex,
    /// Too few bytes.
    #[error("a master key has at least {MIN_KEY_BYTES} bytes ({digits} hexadecimal digits), this one has {0}; make one with `openssl rand -hex 32`", digits = MIN_KEY_BYTES * 2)]
    TooShort(usize),
}

impl MasterKey {
    /// Reads a key from hexadecimal text; white space around it is ignored.
    ///
    /// # Errors
    /// [`MasterKeyError`], which never holds the text.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
        for letter in text.chars() {
            let digit = letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digits.push(digit.ok_or(MasterKeyError::NotHex)?);
        }
        if !digits.len().is_multiple_of(2) {
            return Err(MasterKeyError::NotHex);
        }
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        if bytes.len() < MIN_KEY_BYTES {
            return Err(MasterKeyError::TooShort(bytes.len()));
        }
        Ok(Self(bytes.into()))
    }

    /// The password of a tenant's role on the server.
    #[must_use]
    pub fn tenant_password(&self, tenant: TenantId, version: i32) -> SecretString {
        let mut material = b"tenant".to_vec();
        material.extend_from_slice(tenant.0.as_bytes());
        material.extend_from_slice(&version.to_be_bytes());
        self.derive(&material)
    }

    /// The password of one of the proxy's own roles on the server.
    #[must_use]
    pub fn role_password(&self, role: &str) -> SecretString {
        self.derive(&[b"role", role.as_bytes()].concat())
    }

    /// Names the key, for the registry.
    #[must_use]
    pub fn mark(&self) -> KeyMark {
        KeyMark::new(&self.mac(b"mark"))
    }

    /// What a new tenant's notification channels are called on the server: nobody else can name them. From then on the
    /// registry has it, and another master key does not change it.
    #[must_use]
    pub fn channel_prefix(&self, tenant: TenantId) -> ChannelPrefix {
        ChannelPrefix::new(&self.mac(&[b"channel", tenant.0.as_bytes().as_slice()].concat()))
    }

    /// What is put behind the random bytes of a cancel request's key.
    pub(super) fn cancel_proof(&self, pid: i32, random: &[u8]) -> [u8; 32] {
        self.mac(&[b"cancel", &pid.to_be_bytes()[..], random].concat())
    }

    /// What seals a secret that the registry keeps.
    pub(super) fn sealing_key(&self) -> [u8; 32] {
        self.mac(b"seal")
    }

    /// The secret that unknown users were answered with before the registry had one.
    #[must_use]
    pub fn first_decoy(&self) -> DecoySecret {
        DecoySecret::new(self.0.expose_secret())
    }

    fn derive(&self, material: &[u8]) -> SecretString {
        secret_hex(&*Zeroizing::new(self.mac(material)))
    }

    fn mac(&self, material: &[u8]) -> [u8; 32] {
        mac(self.0.expose_secret(), material)
    }
}

/// Secret bytes in hexadecimal. Nothing of them is left elsewhere.
pub(crate) fn secret_hex(bytes: &[u8]) -> SecretString {
    let mut hex = String::with_capacity(2 * bytes.len());
    for digit in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        hex.extend(char::from_digit(digit.into(), 16));
    }
    hex.into()
}

/// HMAC-SHA-256 (RFC 2104) under a label that keeps this product's derivations apart.
pub(super) fn mac(key: &[u8], material: &[u8]) -> [u8; 32] {
    // An HMAC key may have any length, so this cannot fail.
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key)
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(b"pgtenant/v1/");
    mac.update(material);
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key() -> MasterKey {
        MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap()
    }

    #[test]
    fn key_that_is_short_or_not_hex_is_refused_without_being_shown() {
        assert_eq!(MasterKey::parse("hunter2").unwrap_err(), MasterKeyError::NotHex);
        assert_eq!(MasterKey::parse("abc").unwrap_err(), MasterKeyError::NotHex);
        assert_eq!(MasterKey::parse("abcd").unwrap_err(), MasterKeyError::TooShort(2));
        assert!(!format!("{:?}", key()).contains("0123"));
    }

    #[test]
    fn passwords_differ_by_tenant_version_and_role_and_repeat() {
        let (a, b) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        let password = |t, v| key().tenant_password(t, v).expose_secret().to_owned();
        assert_eq!(password(a, 1), password(a, 1));
        assert_ne!(password(a, 1), password(b, 1));
        assert_ne!(password(a, 1), password(a, 2));
        assert_ne!(key().role_password("x").expose_secret(), key().role_password("y").expose_secret());
    }
}
