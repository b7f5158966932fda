//! The keys tokens are checked with. Which algorithms a key is for is decided when it is read, by what kind of key it is,
//! never by a token (RFC 8725, section 3.1).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{DecodingKey, EncodingKey, crypto};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::auth::jwt::algorithm::{Alg, ED25519, P256, P384, P521, RSA, SECRET, Verifier};
use crate::auth::jwt::{es512, json};

/// Keys of one set at most; a provider has two or three.
const MAX_KEYS: usize = 100;
/// Keys tried for one token at most.
pub(super) const MAX_TRIED: usize = 16;
/// Bits an RSA key may have. The least is RFC 7518's, the most is the library's.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// Fewest bytes of a shared secret (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;
/// Longest `kid` of a key; a token with a longer one names no key.
pub(super) const MAX_KID_BYTES: usize = 256;

/// Whose tokens a key signs. Each has an issuer and an audience of its own, so that none can speak for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The configured issuer's.
    Issuer,
    /// Those of `pgtenant token issue`.
    Own,
}

/// Keys that tokens may be signed with.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Clone, Debug)]
pub(super) struct Key {
    kid: Option<String>,
    algorithms: &'static [Alg],
    pub(super) origin: Origin,
    verifier: Verifier,
}

impl Key {
    const fn new(kid: Option<String>, algorithms: &'static [Alg], verifier: Verifier) -> Self {
        Self { kid, algorithms, origin: Origin::Issuer, verifier }
    }

    /// Whether it made this signature of this text, by an algorithm that it is for.
    pub(super) fn signed(&self, algorithm: Alg, text: &str, signature: &str) -> bool {
        self.algorithms.contains(&algorithm) && self.verifier.signed(algorithm, text, signature)
    }
}

/// Why a text holds no key. Never holds the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Neither PEM nor a JWK set.
    #[error("neither PEM (`-----BEGIN PUBLIC KEY-----`) nor a JWK set (`{{\"keys\": […]}}`)")]
    Form,
    /// A private key where a public one belongs.
    #[error("a private key: only its public half belongs here; write it with `openssl pkey -in KEY -pubout`")]
    Private,
    /// A certificate.
    #[error("a certificate: take the public key out of it with `openssl x509 -in FILE -pubkey -noout`")]
    Certificate,
    /// Another kind of key.
    #[error(
        "an unsupported key: RSA, EC on P-256, P-384 or P-521, and Ed25519 keys are supported (Ed448 and others are not)"
    )]
    Unsupported,
    /// An RSA key that is too short or too long.
    #[error("an RSA key of {0} bits: from {min} to {max} are supported", min = RSA_BITS.start(), max = RSA_BITS.end())]
    RsaBits(usize),
    /// More keys than anybody has.
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
    /// No key that could check a token.
    #[error("no key that a token can be checked with{0}")]
    NoKey(String),
    /// A secret that could be guessed.
    #[error(
        "a secret for HS256 has at least {MIN_SECRET_BYTES} bytes, this one has {0}; make one with `openssl rand -hex 32`"
    )]
    ShortSecret(usize),
    /// Not the private key it should be.
    #[error("not an Ed25519 private key in PEM; make one with `openssl genpkey -algorithm ed25519`")]
    NoIssueKey,
}

impl KeySet {
    /// Reads a file: public keys in PEM, or a JWK set. Returns what of a set was left out, and why.
    ///
    /// # Errors
    /// [`KeyError`] when any PEM block is no such key, or none of a JWK set is.
    pub fn read(text: &str) -> Result<(Self, Vec<String>), KeyError> {
        if text.trim_start().starts_with('{') { Self::jwks(text) } else { Ok((Self::pem(text)?, Vec::new())) }
    }

    fn pem(text: &str) -> Result<Self, KeyError> {
        const BEGIN: &str = "-----BEGIN ";
        let mut blocks = text.split(BEGIN);
        blocks.next();
        let keys: Vec<Key> =
            blocks.map(|block| read_pem(&format!("{BEGIN}{block}"))).collect::<Result<_, _>>()?;
        match keys.len() {
            0 => Err(KeyError::Form),
            1..=MAX_KEYS => Ok(Self(keys)),
            _ => Err(KeyError::TooMany),
        }
    }

    /// Reads a JWK set (RFC 7517). Keys for something else, or of an unknown kind, are left out, as it asks.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn jwks(text: &str) -> Result<(Self, Vec<String>), KeyError> {
        let mut set = json::object(text.as_bytes()).ok_or(KeyError::Form)?;
        let entries = match set.remove("keys") {
            Some(Value::Array(entries)) => entries,
            None if set.contains_key("kty") => vec![Value::Object(set)],
            _ => return Err(KeyError::Form),
        };
        if entries.len() > MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        let (mut keys, mut left_out) = (Vec::new(), Vec::new());
        for (nth, entry) in entries.iter().enumerate() {
            match read_jwk(entry) {
                Ok(key) => keys.push(key),
                Err(why) => left_out.push(format!("key {} is {why}", nth + 1)),
            }
        }
        if keys.is_empty() {
            let why = left_out.first().map_or_else(String::new, |why| format!("; {why}"));
            return Err(KeyError::NoKey(why));
        }
        Ok((Self(keys), left_out))
    }

    /// The shared secret of HS256.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        let verifier = Verifier::Library(DecodingKey::from_secret(secret));
        Ok(Self(vec![Key::new(None, SECRET, verifier)]))
    }

    /// Adds another set's.
    pub fn add(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// How many keys.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys a token may be signed with: of this algorithm, and of this name where the token has one. A key without
    /// a name, such as one in PEM, is tried for every token.
    pub(super) fn fitting(&self, algorithm: Alg, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        self.0
            .iter()
            .filter(move |key| key.algorithms.contains(&algorithm))
            .filter(move |key| kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid)
            .take(MAX_TRIED)
    }

    /// Whether a key has this name, or none at all and could be meant.
    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<Option<&str>> {
        self.0.iter().map(|key| key.kid.as_deref()).collect()
    }
}

fn read_pem(block: &str) -> Result<Key, KeyError> {
    let label = block.split("-----").nth(1).unwrap_or_default();
    if label.ends_with("PRIVATE KEY") {
        return Err(KeyError::Private);
    }
    if label.ends_with("CERTIFICATE") {
        return Err(KeyError::Certificate);
    }
    let bytes = block.as_bytes();
    if let Ok(key) = DecodingKey::from_ed_pem(bytes) {
        return ed25519(None, key.try_get_as_bytes().map_err(|_| KeyError::Unsupported)?);
    }
    if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
        let point = key.try_get_as_bytes().map_err(|_| KeyError::Unsupported)?;
        return match point.len() {
            65 => elliptic(None, P256, key),
            97 => elliptic(None, P384, key),
            133 => p521(None, point),
            _ => Err(KeyError::Unsupported),
        };
    }
    let key = DecodingKey::from_rsa_pem(bytes).map_err(|_| KeyError::Unsupported)?;
    let der = key.try_get_as_bytes().map_err(|_| KeyError::Unsupported)?;
    let components = DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key;
    let (n, e) = components(der).map_err(|_| KeyError::Unsupported)?;
    rsa(None, &n, &e)
}

fn read_jwk(entry: &Value) -> Result<Key, KeyError> {
    let entry = entry.as_object().ok_or(KeyError::Unsupported)?;
    if text(entry, "use")?.is_some_and(|used| used != "sig") {
        return Err(KeyError::Unsupported);
    }
    match entry.get("key_ops") {
        None => {}
        Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => {}
        Some(_) => return Err(KeyError::Unsupported),
    }
    if entry.contains_key("d") || entry.contains_key("k") {
        return Err(KeyError::Private);
    }
    let kid = text(entry, "kid")?;
    if kid.is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID_BYTES) {
        return Err(KeyError::Unsupported);
    }
    let kid = kid.map(str::to_owned);
    let mut key = match (text(entry, "kty")?, text(entry, "crv")?) {
        (Some("RSA"), _) => rsa(kid, &bytes(entry, "n")?, &bytes(entry, "e")?)?,
        (Some("EC"), Some("P-256")) => elliptic(kid, P256, DecodingKey::from_ec_der(&point(entry, 32)?))?,
        (Some("EC"), Some("P-384")) => elliptic(kid, P384, DecodingKey::from_ec_der(&point(entry, 48)?))?,
        (Some("EC"), Some("P-521")) => p521(kid, &point(entry, es512::SIZE)?)?,
        (Some("OKP"), Some("Ed25519")) => ed25519(kid, &bytes(entry, "x")?)?,
        _ => return Err(KeyError::Unsupported),
    };
    if let Some(name) = text(entry, "alg")? {
        let only = Alg::named(name).ok_or(KeyError::Unsupported)?;
        let at = key.algorithms.iter().position(|known| *known == only).ok_or(KeyError::Unsupported)?;
        key.algorithms = &key.algorithms[at..=at];
    }
    Ok(key)
}

fn text<'a>(entry: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, KeyError> {
    entry.get(name).map(|value| value.as_str().ok_or(KeyError::Unsupported)).transpose()
}

fn bytes(entry: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    let text = text(entry, name)?.ok_or(KeyError::Unsupported)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Unsupported)
}

fn rsa(kid: Option<String>, n: &[u8], e: &[u8]) -> Result<Key, KeyError> {
    let bits = |number: &[u8]| {
        let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
        let (zeros, rest) = (number.get(first).map_or(0, |byte| byte.leading_zeros()), number.len() - first);
        rest * 8 - zeros as usize
    };
    if !RSA_BITS.contains(&bits(n)) {
        return Err(KeyError::RsaBits(bits(n)));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !odd(n) || !odd(e) || !(2..=32).contains(&bits(e)) {
        return Err(KeyError::Unsupported);
    }
    Ok(Key::new(kid, RSA, Verifier::Library(DecodingKey::from_rsa_raw_components(n, e))))
}

/// The coordinates of a JWK as one point. Each has all the bytes of its curve (RFC 7518, section 6.2.1.2).
fn point(entry: &Map<String, Value>, size: usize) -> Result<Vec<u8>, KeyError> {
    let (x, y) = (bytes(entry, "x")?, bytes(entry, "y")?);
    if x.len() != size || y.len() != size {
        return Err(KeyError::Unsupported);
    }
    Ok([&[4], x.as_slice(), y.as_slice()].concat())
}

/// The library looks whether the point is on the curve only when it checks a signature: here that is now.
fn elliptic(kid: Option<String>, algorithms: &'static [Alg], key: DecodingKey) -> Result<Key, KeyError> {
    match algorithms.first() {
        Some(Alg::Library(algorithm)) if crypto::verify("AAAA", b"", &key, *algorithm).is_ok() => {
            Ok(Key::new(kid, algorithms, Verifier::Library(key)))
        }
        _ => Err(KeyError::Unsupported),
    }
}

fn p521(kid: Option<String>, point: &[u8]) -> Result<Key, KeyError> {
    let key = es512::PublicKey::read(point).ok_or(KeyError::Unsupported)?;
    Ok(Key::new(kid, P521, Verifier::P521(key)))
}

/// The library panics on a key of another length.
fn ed25519(kid: Option<String>, key: &[u8]) -> Result<Key, KeyError> {
    if key.len() != 32 {
        return Err(KeyError::Unsupported);
    }
    elliptic(kid, ED25519, DecodingKey::from_ed_der(key))
}

/// The private key that `pgtenant token issue` signs with.
#[derive(Clone)]
pub struct IssueKey {
    pub(super) key: EncodingKey,
    pub(super) kid: String,
    public: Vec<u8>,
}

impl IssueKey {
    /// Reads an Ed25519 private key in PEM.
    ///
    /// # Errors
    /// [`KeyError::NoIssueKey`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let key = EncodingKey::from_ed_pem(text.as_bytes()).map_err(|_| KeyError::NoIssueKey)?;
        let component = DEFAULT_PROVIDER.key_utils.ed_pub_components_from_private_key;
        let public = component(key.as_bytes(), &EllipticCurve::Ed25519).map_err(|_| KeyError::NoIssueKey)?;
        let hash: String = Sha256::digest(&public).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { key, kid: format!("pgtenant-{hash}"), public })
    }

    /// What checks its tokens.
    ///
    /// # Errors
    /// [`KeyError`], which cannot be.
    pub fn public(&self) -> Result<KeySet, KeyError> {
        let key = ed25519(Some(self.kid.clone()), &self.public)?;
        Ok(KeySet(vec![Key { origin: Origin::Own, ..key }]))
    }
}

impl fmt::Debug for IssueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
