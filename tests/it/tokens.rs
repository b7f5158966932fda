//! Tokens in place of passwords, over the wire and with the real psql.

mod admins;
mod attacks;
mod bearer;
mod ends;
mod issue;
mod jwks;
mod keys;
mod logins;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use p521::ecdsa::signature::Signer;
use p521::ecdsa::{Signature, SigningKey};
use p521::pkcs8::DecodePrivateKey;
use pgtenant::auth::Access;
use pgtenant::config::Config;
use pgtenant::config::auth::WithoutTls;
use serde_json::{Value, json};

use crate::support::proxy::Proxy;
use crate::support::wire::{V3_0, Wire, frame, startup};

pub(crate) const ISSUER: &str = "https://issuer.example";

pub(crate) fn key_path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys")).join(name)
}

fn key(name: &str) -> EncodingKey {
    let pem = std::fs::read(key_path(name)).unwrap();
    EncodingKey::from_ed_pem(&pem).or_else(|_| EncodingKey::from_ec_pem(&pem)).unwrap()
}

/// Takes tokens signed with the Ed25519 key, also from this machine without TLS.
pub(crate) fn with_tokens(config: &mut Config) {
    config.auth.token_keys = vec![key_path("ed25519.pub.pem")];
    config.auth.tokens_without_tls = WithoutTls::Loopback;
    config.auth.rules.issuer = ISSUER.into();
    config.auth.rules.audience = "db".into();
    config.auth.rules.leeway = 0;
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn claims(proxy: &Proxy, tenant: &str) -> Value {
    json!({
        "iss": ISSUER,
        "aud": "db",
        "sub": "ann@example.com",
        "tenant_id": proxy.user(tenant),
        "scope": "read_write",
        "exp": now() + 600,
    })
}

pub(crate) fn sign(claims: &Value) -> String {
    sign_as(r#"{"alg":"EdDSA"}"#, claims, "ed25519.pem", Algorithm::EdDSA)
}

fn sign_as(header: &str, claims: &Value, name: &str, algorithm: Algorithm) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = crypto::sign(signed.as_bytes(), &key(name), algorithm).unwrap();
    format!("{signed}.{signature}")
}

/// The same by ES512, which the library has not.
fn sign_es512(claims: &Value) -> String {
    let pem = std::fs::read_to_string(key_path("p521.pem")).unwrap();
    let key = p521::SecretKey::from_pkcs8_pem(&pem).unwrap();
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(r#"{"alg":"ES512"}"#), part(&claims.to_string()));
    let signature: Signature = SigningKey::from_bytes(&key.to_bytes()).unwrap().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

/// A token of this tenant's that is good for anything.
pub(crate) fn token(proxy: &Proxy, tenant: &str) -> String {
    sign(&claims(proxy, tenant))
}

/// A new API key of this tenant's.
pub(crate) fn new_key(proxy: &Proxy, tenant: &str, scope: Access) -> String {
    keys::create(proxy, tenant, scope, None).0
}

/// One that ends in so many seconds.
pub(crate) fn short(proxy: &Proxy, tenant: &str, seconds: u64) -> String {
    let mut claims = claims(proxy, tenant);
    claims["exp"] = json!(now() + seconds);
    sign(&claims)
}

/// Connects as this user and says what is asked for first.
fn ask(proxy: &Proxy, user: &str) -> (Wire, String) {
    ask_at(proxy.addr(), proxy, user)
}

fn ask_at(addr: SocketAddr, proxy: &Proxy, user: &str) -> (Wire, String) {
    let mut wire = Wire::dial(addr);
    wire.send(&startup(V3_0, &[("user", user), ("database", &proxy.db.name)]));
    let first = wire.recv().to_string();
    (wire, first)
}

/// Logs in with this text as the password; a refusal is returned as its trace line.
pub(crate) fn log_in(proxy: &Proxy, user: &str, password: &[u8]) -> Result<Wire, String> {
    log_in_at(proxy.addr(), proxy, user, password)
}

/// The same at another proxy.
fn log_in_at(addr: SocketAddr, proxy: &Proxy, user: &str, password: &[u8]) -> Result<Wire, String> {
    let (mut wire, first) = ask_at(addr, proxy, user);
    if first != "Authentication 3" {
        return Err(first);
    }
    wire.send(&frame(b'p', &[password, &[0]].concat()));
    let answer = wire.recv().to_string();
    if answer != "Authentication 0" {
        assert_eq!(wire.until_end(), ["end"], "nothing after a refusal");
        return Err(answer);
    }
    wire.welcome()?;
    Ok(wire)
}

/// The line of a refused login; it must be refused.
pub(crate) fn refusal(proxy: &Proxy, user: &str, password: &[u8]) -> String {
    log_in(proxy, user, password).err().expect("a refusal")
}
