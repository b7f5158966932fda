//! API keys: `pgt_<id>_<secret>`. The id is no secret: it is how people and logs call a key.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::auth::{Access, UnixTime, same, secret_hex};
use crate::tenant::TenantId;

/// What every key begins with.
pub const KEY_PREFIX: &str = "pgt_";

/// Random bytes of an id, and of a secret.
pub const ID_BYTES: usize = 6;
/// See [`ID_BYTES`].
pub const SECRET_BYTES: usize = 32;

/// The name of a key: twelve hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; ID_BYTES]);

impl KeyId {
    /// Reads twelve hexadecimal digits in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A key as its bearer has it.
#[derive(Debug)]
pub struct ApiKey {
    /// Its name.
    pub id: KeyId,
    secret: SecretString,
}

impl ApiKey {
    /// Of random bytes.
    #[must_use]
    pub fn new(id: [u8; ID_BYTES], secret: &[u8; SECRET_BYTES]) -> Self {
        Self { id: KeyId(id), secret: secret_hex(secret) }
    }

    /// Reads a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(KEY_PREFIX)?.split_once('_')?;
        from_hex::<SECRET_BYTES>(secret)?;
        Some(Self { id: KeyId::parse(id)?, secret: secret.into() })
    }

    /// The whole key, to be shown once.
    #[must_use]
    pub fn text(&self) -> SecretString {
        format!("{KEY_PREFIX}{}_{}", self.id, self.secret.expose_secret()).into()
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.secret.expose_secret().as_bytes()).into()
    }
}

/// A key as the registry has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its name.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What for.
    pub access: Access,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
    /// When it ends.
    pub expires: Option<UnixTime>,
}

impl fmt::Debug for KeyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEntry({})", self.id)
    }
}

/// Why a key does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDenied {
    /// There is none of this name, or not any more.
    Unknown,
    /// The secret is another.
    Secret,
    /// Its time is over.
    Expired,
}

impl KeyDenied {
    /// As counters call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "key_unknown",
            Self::Secret => "key_secret",
            Self::Expired => "key_expired",
        }
    }
}

/// Checks a key against what the registry has under its name. The same is computed where there is nothing.
///
/// # Errors
/// [`KeyDenied`].
pub fn check(key: &ApiKey, known: Option<&KeyEntry>, now: UnixTime) -> Result<KeyEntry, KeyDenied> {
    let right = same(&key.digest(), &known.map_or([0; 32], |entry| entry.digest));
    match known {
        None => Err(KeyDenied::Unknown),
        Some(entry) if !right || entry.id != key.id => Err(KeyDenied::Secret),
        Some(entry) if entry.expires.is_some_and(|end| end <= now) => Err(KeyDenied::Expired),
        Some(entry) => Ok(*entry),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads lower-case hexadecimal digits, exactly so many.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn entry(key: &ApiKey, expires: Option<u64>) -> KeyEntry {
        KeyEntry {
            id: key.id,
            tenant: TenantId(Uuid::nil()),
            access: Access::ReadWrite,
            digest: key.digest(),
            expires: expires.map(UnixTime),
        }
    }

    #[test]
    fn key_is_read_as_it_was_shown_and_its_secret_never_printed() {
        let key = ApiKey::new([0xab; 6], &[7; 32]);
        let text = key.text().expose_secret().to_owned();
        assert_eq!(text, format!("pgt_abababababab_{}", "07".repeat(32)));
        let read = ApiKey::parse(&text).unwrap();
        assert_eq!((read.id, read.digest()), (key.id, key.digest()));
        assert!(!format!("{key:?} {:?}", entry(&key, None)).contains("0707"));
        for bad in [
            "".to_owned(),
            "pgt_".into(),
            text.to_uppercase(),
            text.replace("pgt_", "pgt"),
            format!("{text}0"),
            format!("{text} "),
            text[..text.len() - 1].to_owned(),
            text.replace("abab_", "abab"),
            text.replace("07", "é"),
        ] {
            assert!(ApiKey::parse(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn key_counts_with_its_own_secret_until_it_ends() {
        let key = ApiKey::new([1; 6], &[7; 32]);
        let now = UnixTime(1000);
        assert!(check(&key, Some(&entry(&key, None)), now).is_ok());
        assert!(check(&key, Some(&entry(&key, Some(1001))), now).is_ok());
        assert_eq!(check(&key, Some(&entry(&key, Some(1000))), now), Err(KeyDenied::Expired));
        assert_eq!(check(&key, None, now), Err(KeyDenied::Unknown));
        let other = ApiKey::new([1; 6], &[8; 32]);
        assert_eq!(check(&other, Some(&entry(&key, None)), now), Err(KeyDenied::Secret));
        let other_id = ApiKey::new([2; 6], &[7; 32]);
        assert_eq!(check(&other_id, Some(&entry(&key, None)), now), Err(KeyDenied::Secret));
    }
}
