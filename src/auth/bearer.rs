//! OAUTHBEARER (RFC 7628) as PostgreSQL 18's server plays it (`auth-oauth.c`): the client's first message holds the token;
//! where that is not good, it is told where to get one, says that it has understood, and is refused.

use secrecy::SecretString;
use serde_json::json;
use thiserror::Error;

use crate::wire::view::cstr;

/// The mechanism's name.
pub const MECHANISM: &str = "OAUTHBEARER";

/// Between the parts of a message, and after the last.
const SEPARATOR: u8 = 1;

/// What the client has to send after it was told that its token is not good.
pub const UNDERSTOOD: &[u8] = &[SEPARATOR];

/// Why a message is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BearerError {
    /// Not in the form of RFC 7628.
    #[error("malformed OAUTHBEARER message")]
    Malformed,
    /// Somebody else's rights are asked for.
    #[error("client uses authorization identity, but it is not supported")]
    OtherIdentity,
}

/// Whether the body of a SASLInitialResponse selects this mechanism.
#[must_use]
pub fn is_selected(body: &[u8]) -> bool {
    cstr(body).is_some_and(|(mechanism, _)| mechanism == MECHANISM.as_bytes())
}

/// Reads the body of a SASLInitialResponse. `None` is a client without a token, which asks where to get one.
///
/// # Errors
/// [`BearerError`].
pub fn read(body: &[u8]) -> Result<Option<SecretString>, BearerError> {
    let malformed = BearerError::Malformed;
    let (_, rest) = cstr(body).ok_or(malformed)?;
    let (length, data) = rest.split_first_chunk::<4>().ok_or(malformed)?;
    if usize::try_from(i32::from_be_bytes(*length)) != Ok(data.len()) {
        return Err(malformed);
    }
    // No channel binding, whether the client could or not.
    let [b'n' | b'y', b',', rest @ ..] = data else { return Err(malformed) };
    let rest = match rest {
        [b',', SEPARATOR, rest @ ..] => rest,
        [b'a', b'=', ..] => return Err(BearerError::OtherIdentity),
        _ => return Err(malformed),
    };
    let pairs = match rest {
        [SEPARATOR] => return Err(malformed),
        [pairs @ .., SEPARATOR, SEPARATOR] => pairs,
        _ => return Err(malformed),
    };
    let mut auth = None;
    for pair in pairs.split(|byte| *byte == SEPARATOR) {
        let at = pair.iter().position(|byte| *byte == b'=').ok_or(malformed)?;
        let (name, value) = (&pair[..at], &pair[at + 1..]);
        let letters = |byte: &u8| matches!(byte, b'!'..=b'~' | b' ' | b'\t' | b'\r' | b'\n');
        if name.is_empty() || !name.iter().all(u8::is_ascii_alphabetic) || !value.iter().all(letters) {
            return Err(malformed);
        }
        if name == b"auth" && auth.replace(value).is_some() {
            return Err(malformed);
        }
    }
    Ok(token(auth.ok_or(malformed)?))
}

/// The token of `Bearer <token>` (RFC 6750, section 2.1). What is not in this form is no token, and answered as one that is
/// not good.
fn token(auth: &[u8]) -> Option<SecretString> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, rest) = auth.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let token = rest.trim_ascii_start();
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    if token.is_empty() || !token.iter().all(letter) {
        return None;
    }
    std::str::from_utf8(token).ok().map(Into::into)
}

/// What a client without a good token is told: where the issuer says how to get one, if it is known by an address.
#[must_use]
pub fn challenge(issuer: &str) -> String {
    let mut answer = json!({ "status": "invalid_token" });
    if issuer.starts_with("https://") {
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        answer["openid-configuration"] = address.into();
    }
    answer.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn initial(data: &[u8]) -> Vec<u8> {
        let length = i32::try_from(data.len()).unwrap().to_be_bytes();
        [MECHANISM.as_bytes(), &[0], &length, data].concat()
    }

    fn read_data(data: &[u8]) -> Result<Option<String>, BearerError> {
        read(&initial(data)).map(|token| token.map(|token| token.expose_secret().to_owned()))
    }

    #[test]
    fn token_is_read_from_what_libpq_sends() {
        let token = Ok(Some("eyJ.a-b_c.d".to_owned()));
        assert_eq!(read_data(b"n,,\x01auth=Bearer eyJ.a-b_c.d\x01\x01"), token);
        assert_eq!(read_data(b"y,,\x01host=db\x01port=5432\x01auth=bEaReR   eyJ.a-b_c.d\x01\x01"), token);
        // Nothing yet: where is a token to be had?
        assert_eq!(read_data(b"n,,\x01auth=\x01\x01"), Ok(None));
        for other in ["Basic abc", "Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer a\"b"] {
            assert_eq!(read_data(format!("n,,\x01auth={other}\x01\x01").as_bytes()), Ok(None), "{other}");
        }
    }

    #[test]
    fn message_that_is_none_is_refused() {
        let good: &[u8] = b"n,,\x01auth=Bearer x\x01\x01";
        for data in [
            &b""[..],
            b"n",
            b"p=tls-unique,,\x01auth=Bearer x\x01\x01",
            b"x,,\x01auth=Bearer x\x01\x01",
            b"n,,auth=Bearer x\x01\x01",
            b"n,,\x01\x01",
            b"n,,\x01host=db\x01\x01",
            b"n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01",
            b"n,,\x01auth=Bearer x\x01\x01\x01",
            b"n,,\x01auth=Bearer x\x01\x01host=x",
            b"n,,\x01auth=Bearer \xff\x01\x01",
            b"n,,\x01=x\x01auth=Bearer x\x01\x01",
            b"n,,\x01a1=x\x01auth=Bearer x\x01\x01",
            b"n,,\x01auth\x01\x01",
        ] {
            assert_eq!(read_data(data), Err(BearerError::Malformed), "{:?}", String::from_utf8_lossy(data));
        }
        for cut in 0..good.len() {
            assert!(read_data(&good[..cut]).is_err(), "cut at {cut}");
            assert!(read(&initial(good)[..cut]).is_err());
        }
        let other = b"n,a=admin,\x01auth=Bearer x\x01\x01";
        assert_eq!(read_data(other), Err(BearerError::OtherIdentity));
    }

    #[test]
    fn challenge_says_where_a_token_is_to_be_had_if_that_is_known() {
        let known = r#"{"openid-configuration":"https://i.example/.well-known/openid-configuration","status":"invalid_token"}"#;
        assert_eq!(challenge("https://i.example/"), known);
        assert_eq!(challenge("pgtenant"), r#"{"status":"invalid_token"}"#);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(data in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&data);
            let _ = read_data(&[b"n,,\x01", &data[..], b"\x01\x01"].concat());
        }
    }
}
