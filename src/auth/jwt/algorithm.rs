//! Which algorithms there are, which kind of key is for which, and what checks their signatures.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};

use crate::auth::jwt::es512;

/// What a token's `alg` may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alg {
    /// One of the library's.
    Library(Algorithm),
    /// The one it lacks.
    Es512,
}

pub(super) const RSA: &[Alg] = &[
    Alg::Library(Algorithm::RS256),
    Alg::Library(Algorithm::RS384),
    Alg::Library(Algorithm::RS512),
    Alg::Library(Algorithm::PS256),
    Alg::Library(Algorithm::PS384),
    Alg::Library(Algorithm::PS512),
];
pub(super) const P256: &[Alg] = &[Alg::Library(Algorithm::ES256)];
pub(super) const P384: &[Alg] = &[Alg::Library(Algorithm::ES384)];
pub(super) const P521: &[Alg] = &[Alg::Es512];
pub(super) const ED25519: &[Alg] = &[Alg::Library(Algorithm::EdDSA)];
pub(super) const SECRET: &[Alg] = &[Alg::Library(Algorithm::HS256)];

/// The names of RFC 7518, RFC 8037 and RFC 9864 that are understood. `none` is not among them.
const NAMES: [(&str, Alg); 12] = [
    ("RS256", Alg::Library(Algorithm::RS256)),
    ("RS384", Alg::Library(Algorithm::RS384)),
    ("RS512", Alg::Library(Algorithm::RS512)),
    ("PS256", Alg::Library(Algorithm::PS256)),
    ("PS384", Alg::Library(Algorithm::PS384)),
    ("PS512", Alg::Library(Algorithm::PS512)),
    ("ES256", Alg::Library(Algorithm::ES256)),
    ("ES384", Alg::Library(Algorithm::ES384)),
    ("ES512", Alg::Es512),
    ("EdDSA", Alg::Library(Algorithm::EdDSA)),
    ("Ed25519", Alg::Library(Algorithm::EdDSA)),
    ("HS256", Alg::Library(Algorithm::HS256)),
];

impl Alg {
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }
}

/// What checks signatures: a public key, or a shared secret.
#[derive(Clone, Debug)]
pub(super) enum Verifier {
    Library(DecodingKey),
    P521(es512::PublicKey),
}

impl Verifier {
    /// Whether this is a signature of this text, in base64, by this algorithm. By one that is not for it none is.
    pub(super) fn signed(&self, algorithm: Alg, text: &str, signature: &str) -> bool {
        match (self, algorithm) {
            (Self::Library(key), Alg::Library(algorithm)) => {
                crypto::verify(signature, text.as_bytes(), key, algorithm).unwrap_or(false)
            }
            (Self::P521(key), Alg::Es512) => URL_SAFE_NO_PAD
                .decode(signature)
                .is_ok_and(|signature| key.signed(text.as_bytes(), &signature)),
            (Self::Library(_), Alg::Es512) | (Self::P521(_), Alg::Library(_)) => false,
        }
    }
}
