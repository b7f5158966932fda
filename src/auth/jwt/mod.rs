//! JSON Web Tokens as credentials (RFC 7515, RFC 7519, with the advice of RFC 8725): is this token one of ours, and what
//! does it say. Pure: keys, rules and the time are arguments.

mod algorithm;
mod es512;
mod json;
mod keys;
mod refresh;
#[cfg(test)]
mod tests;

pub use keys::{IssueKey, KeyError, KeySet, Origin};
pub use refresh::{Asked, Fetches};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, crypto};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::auth::jwt::algorithm::Alg;
use crate::auth::{Access, UnixTime};
use crate::tenant::{TenantId, TenantRef};

/// Longest token in bytes. A password message has at most 10,000.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// What every token begins with: `{"` in base64.
pub const TOKEN_PREFIX: &str = "eyJ";

/// Issuer and audience of the tokens of `pgtenant token issue`.
pub const OWN_NAME: &str = "pgtenant";

/// Longest text of a claim that is kept, in bytes.
const MAX_CLAIM_BYTES: usize = 255;

/// The end of the year 9999. A larger number is no time, and could be added to nothing.
const LAST_SECOND: u64 = 253_402_300_799;

/// What a token must say to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `iss` of the configured issuer's tokens.
    pub issuer: String,
    /// What their `aud` must contain.
    pub audience: String,
    /// Their claim with the tenant: the name of a claim, or a JSON pointer (`/app_metadata/tenant_id`).
    pub tenant_claim: String,
    /// Their claim with the scope.
    pub scope_claim: String,
    /// Their claim with the user.
    pub user_claim: String,
    /// How far the clocks of issuer and proxy may be apart, in seconds.
    pub leeway: u64,
    /// For how long a token may be valid, in seconds.
    pub max_lifetime: Option<u64>,
    /// The same for those of `pgtenant token issue`.
    pub own_max_lifetime: u64,
}

/// What a token that counts says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is. Only one for [`Access::Admin`] may be of no tenant, and then is for any.
    pub tenant: Option<TenantRef>,
    /// What for.
    pub access: Access,
    /// The person or program it was made for, as the issuer calls it. One for [`Access::Admin`] says it.
    pub user: Option<String>,
    /// Its own name (`jti`).
    pub id: Option<String>,
    /// When it ends, with the leeway.
    pub expires: UnixTime,
}

/// Why a token does not count. For log and counters: the client hears the same for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("it has more than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts in base64, the first two JSON objects without double names.
    #[error("it is not a signed JSON Web Token in compact form")]
    Malformed,
    /// A header that asks for what is not done here: `crit`, `b64`, `zip`, another `typ`.
    #[error("its header asks for something that is not supported")]
    Header,
    /// `none`, or an algorithm that is not supported.
    #[error("its algorithm is not supported")]
    Algorithm,
    /// No key of this name for this algorithm.
    #[error("there is no key for it: its `kid` is unknown, or no key is for its algorithm")]
    UnknownKey,
    /// Signed by somebody else, or changed.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is missing or is no text, time or list as it should be.
    #[error("a claim is missing or malformed")]
    Claims,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is valid for longer than is allowed.
    #[error("it is valid for longer than `auth.token_max_lifetime` or `auth.issue_max_lifetime` allows")]
    Lifetime,
    /// Somebody else's.
    #[error("its issuer is not `auth.token_issuer`")]
    Issuer,
    /// For somebody else.
    #[error("its audience is not `auth.token_audience`")]
    Audience,
    /// No tenant, or a text that is neither slug nor uuid.
    #[error("its tenant claim is missing, or neither a slug nor a uuid")]
    Tenant,
}

impl TokenError {
    /// As counters call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Malformed => "token_malformed",
            Self::Header => "token_header",
            Self::Algorithm => "token_algorithm",
            Self::UnknownKey => "token_unknown_key",
            Self::Signature => "token_signature",
            Self::Claims => "token_claims",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Lifetime => "token_lifetime",
            Self::Issuer => "token_issuer",
            Self::Audience => "token_audience",
            Self::Tenant => "token_tenant",
        }
    }
}

/// Checks a token. Nothing it says is believed before its signature was checked, but for the name of its key.
///
/// # Errors
/// [`TokenError`].
pub fn verify(token: &str, keys: &KeySet, rules: &Rules, now: UnixTime) -> Result<Claims, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    // Five parts are an encrypted token; a dot is no letter of base64.
    if payload.contains('.') || signature.is_empty() {
        return Err(TokenError::Malformed);
    }
    // The library decodes it again; this looks that there is one way to write it.
    decode(signature)?;
    let header = json::object(&decode(header)?).ok_or(TokenError::Malformed)?;
    let payload = decode(payload)?;
    let (algorithm, kid) = read_header(&header)?;
    let mut origin = Err(TokenError::UnknownKey);
    for key in keys.fitting(algorithm, kid) {
        if key.signed(algorithm, signed, signature) {
            origin = Ok(key.origin);
            break;
        }
        origin = Err(TokenError::Signature);
    }
    let origin = origin?;
    let claims = json::object(&payload).ok_or(TokenError::Malformed)?;
    read_claims(&claims, origin, rules, now)
}

/// Base64 for URLs without padding, in the one way to write it.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

/// The algorithm and the name of the key. Keys and places of keys in the header (`jwk`, `jku`, `x5c`, `x5u`) are what an
/// attacker wants us to believe: they are not looked at.
fn read_header(header: &Map<String, Value>) -> Result<(Alg, Option<&str>), TokenError> {
    if ["crit", "b64", "zip", "enc"].iter().any(|name| header.contains_key(*name)) {
        return Err(TokenError::Header);
    }
    // A token made for another purpose by the same issuer is none of ours (RFC 8725, section 3.11).
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) => {
            let typ = typ.to_ascii_lowercase();
            if !matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt") {
                return Err(TokenError::Header);
            }
        }
        Some(_) => return Err(TokenError::Header),
    }
    let Some(Value::String(name)) = header.get("alg") else { return Err(TokenError::Algorithm) };
    let algorithm = Alg::named(name).ok_or(TokenError::Algorithm)?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= keys::MAX_KID_BYTES => Some(kid.as_str()),
        Some(Value::String(_)) => return Err(TokenError::UnknownKey),
        Some(_) => return Err(TokenError::Header),
    };
    Ok((algorithm, kid))
}

/// What the signer of this kind must have said.
struct Expected<'a> {
    issuer: &'a str,
    audience: &'a str,
    tenant: &'a str,
    scope: &'a str,
    user: &'a str,
    max_lifetime: Option<u64>,
}

impl<'a> Expected<'a> {
    fn of(origin: Origin, rules: &'a Rules) -> Self {
        match origin {
            Origin::Issuer => Self {
                issuer: &rules.issuer,
                audience: &rules.audience,
                tenant: &rules.tenant_claim,
                scope: &rules.scope_claim,
                user: &rules.user_claim,
                max_lifetime: rules.max_lifetime,
            },
            Origin::Own => Self {
                issuer: OWN_NAME,
                audience: OWN_NAME,
                tenant: "tenant_id",
                scope: "scope",
                user: "sub",
                max_lifetime: Some(rules.own_max_lifetime),
            },
        }
    }
}

fn read_claims(
    claims: &Map<String, Value>,
    origin: Origin,
    rules: &Rules,
    now: UnixTime,
) -> Result<Claims, TokenError> {
    let expected = Expected::of(origin, rules);
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) || expected.issuer.is_empty() {
        return Err(TokenError::Issuer);
    }
    if !is_for(claims.get("aud"), expected.audience) || expected.audience.is_empty() {
        return Err(TokenError::Audience);
    }
    let expires = read_times(claims, &expected, rules.leeway, now)?;
    let access = match find(claims, expected.scope) {
        None => Access::ReadOnly,
        Some(Value::String(words)) => Access::least(words.split(' ')),
        Some(Value::Array(words)) => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            Access::least(words.ok_or(TokenError::Claims)?.into_iter())
        }
        Some(_) => return Err(TokenError::Claims),
    };
    let tenant = match find(claims, expected.tenant) {
        Some(Value::String(text)) => Some(TenantRef::parse(text).ok_or(TokenError::Tenant)?),
        None if access == Access::Admin => None,
        _ => return Err(TokenError::Tenant),
    };
    let user = match find(claims, expected.user) {
        None => None,
        Some(Value::String(user)) if user.len() <= MAX_CLAIM_BYTES => Some(user.clone()),
        Some(_) => return Err(TokenError::Claims),
    };
    // For the log only: whoever makes it something else may.
    let id = claims.get("jti").and_then(Value::as_str).filter(|id| id.len() <= MAX_CLAIM_BYTES);
    // What an admin does is written down under a name.
    if access == Access::Admin && user.as_deref().is_none_or(str::is_empty) {
        return Err(TokenError::Claims);
    }
    Ok(Claims { tenant, access, user, id: id.map(str::to_owned), expires })
}

/// When the token ends, if it is valid now.
fn read_times(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    leeway: u64,
    now: UnixTime,
) -> Result<UnixTime, TokenError> {
    let time = |name| claims.get(name).map(|value| seconds(value).ok_or(TokenError::Claims)).transpose();
    let (exp, nbf, iat) = (time("exp")?.ok_or(TokenError::Claims)?, time("nbf")?, time("iat")?);
    let end = exp + leeway;
    if now.0 >= end {
        return Err(TokenError::Expired);
    }
    if nbf.into_iter().chain(iat).any(|begin| begin > now.0 + leeway) {
        return Err(TokenError::NotYetValid);
    }
    let lifetime = exp.saturating_sub(iat.unwrap_or(now.0));
    if expected.max_lifetime.is_some_and(|most| lifetime > most) {
        return Err(TokenError::Lifetime);
    }
    Ok(UnixTime(end))
}

/// A NumericDate, which may have a fraction.
fn seconds(value: &Value) -> Option<u64> {
    let seconds = match value.as_u64() {
        Some(whole) => whole,
        None => {
            let number = value.as_f64()?;
            if !(0.0..=1e15).contains(&number) {
                return None;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within bounds, see above"
            )]
            let whole = number as u64;
            whole
        }
    };
    (seconds <= LAST_SECOND).then_some(seconds)
}

/// A text, or a list of texts.
fn is_for(audience: Option<&Value>, ours: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == ours,
        Some(Value::Array(several)) => several.iter().any(|one| one == ours),
        _ => false,
    }
}

/// A claim by its name or, where that begins with a slash, by where it stands (RFC 6901). `null` is none.
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = match name.strip_prefix('/') {
        None => claims.get(name),
        Some(rest) => {
            let unescape = |part: &str| part.replace("~1", "/").replace("~0", "~");
            let mut parts = rest.split('/').map(unescape);
            let first = claims.get(&parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part.as_str()))
        }
    };
    found.filter(|value| !value.is_null())
}

/// What a token of `pgtenant token issue` says.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// Whose it is; `None` for any, which is for [`Access::Admin`].
    pub tenant: Option<TenantId>,
    /// What for.
    pub access: Access,
    /// For whom.
    pub user: Option<&'a str>,
    /// From when.
    pub issued: UnixTime,
    /// Up to when.
    pub expires: UnixTime,
    /// A name of its own, for logs.
    pub id: &'a str,
}

/// Signs a token.
///
/// # Errors
/// [`KeyError::NoIssueKey`] when the library refuses the key, which it took when it was read.
pub fn issue(key: &IssueKey, new: &NewToken<'_>) -> Result<String, KeyError> {
    let header = serde_json::json!({ "alg": "EdDSA", "typ": "JWT", "kid": key.kid });
    let mut claims = serde_json::json!({
        "iss": OWN_NAME,
        "aud": OWN_NAME,
        "iat": new.issued.0,
        "exp": new.expires.0,
        "jti": new.id,
        "scope": new.access.as_str(),
    });
    if let Some(tenant) = new.tenant {
        claims["tenant_id"] = tenant.to_string().into();
    }
    if let Some(user) = new.user {
        claims["sub"] = user.into();
    }
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature =
        crypto::sign(signed.as_bytes(), &key.key, Algorithm::EdDSA).map_err(|_| KeyError::NoIssueKey)?;
    Ok(format!("{signed}.{signature}"))
}
