//! What tokens and keys are read with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use crate::config::auth::{AdminTokens, ClientCertificates, WithoutTls};
use crate::config::kind::{Given, Wrong, off_or_duration, one_of, shown};
use crate::tenant::Ident;

/// Longest text that claims are compared with, in characters.
const MAX_CLAIM: usize = 255;

/// Files, each once. Not repeated in errors: an entry may be a key itself.
pub(in crate::config) fn files(given: Given<'_>) -> Result<Vec<PathBuf>, Wrong> {
    given.list()?.iter().map(|text| file(text)).collect()
}

/// A file, or `None` for `off`.
pub(in crate::config) fn file_or_off(given: Given<'_>) -> Result<Option<PathBuf>, Wrong> {
    let text = given.text()?;
    if text == "off" { Ok(None) } else { file(text).map(Some) }
}

/// An address to fetch keys from, or `None` for `off`. Not repeated in errors: it may hold a password.
pub(in crate::config) fn https_url_or_off(given: Given<'_>) -> Result<Option<String>, Wrong> {
    let text = given.text()?;
    if text == "off" {
        return Ok(None);
    }
    let rest = text.strip_prefix("https://").unwrap_or_default();
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '#');
    if rest.is_empty() || rest.starts_with('/') || text.len() > 2048 || text.contains(odd) {
        return Err(Wrong::new(
            "not an https address without a user in it",
            "write it as the issuer's OpenID configuration has it in `jwks_uri`, for example \"https://issuer.example/jwks.json\"",
        ));
    }
    Ok(Some(text.to_owned()))
}

fn file(text: &str) -> Result<PathBuf, Wrong> {
    let remedy = "write the path of the file with the key, not the key itself";
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Wrong::new("this is not a path", remedy));
    }
    let looks_like_a_key = text.contains("-----BEGIN")
        || text.trim_start().starts_with('{')
        || text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if looks_like_a_key {
        return Err(Wrong::new("this looks like a key, not like the path of a file", remedy));
    }
    Ok(Path::new(text).to_owned())
}

/// What a claim must say; may be empty.
pub(in crate::config) fn claim_value(given: Given<'_>) -> Result<String, Wrong> {
    let text = given.text()?;
    if text.chars().count() > MAX_CLAIM || text.contains(char::is_control) || text.trim() != text {
        return Err(Wrong::new(
            "too long, or with spaces around it or control characters in it",
            "write it exactly as it stands in the token, at most 255 characters",
        ));
    }
    Ok(text.to_owned())
}

/// The name of a claim, or where it stands.
pub(in crate::config) fn claim(given: Given<'_>) -> Result<String, Wrong> {
    let text = claim_value(given)?;
    if text.is_empty() || text == "/" {
        return Err(Wrong::new(
            "this names no claim",
            "write the name of a claim, or where it stands as a JSON pointer such as \"/app_metadata/tenant_id\"",
        ));
    }
    Ok(text)
}

/// Up to five minutes; clocks that are further apart should be set.
pub(in crate::config) fn leeway(given: Given<'_>) -> Result<Duration, Wrong> {
    let most = Duration::from_secs(300);
    Ok(off_or_duration(given, Duration::from_secs(1), most)?.unwrap_or(Duration::ZERO))
}

/// A minute at least.
pub(in crate::config) fn lifetime(given: Given<'_>) -> Result<Duration, Wrong> {
    lifetime_or_off(given)?.ok_or_else(|| {
        Wrong::new("this time limit cannot be zero or off", "give a time above zero, for example \"1h\"")
    })
}

/// The same, or `None` for zero and `off`.
pub(in crate::config) fn lifetime_or_off(given: Given<'_>) -> Result<Option<Duration>, Wrong> {
    off_or_duration(given, Duration::from_secs(60), Duration::from_secs(30 * 24 * 60 * 60))
}

/// A user name that `.<slug>` can be put behind.
pub(in crate::config) fn token_user(given: Given<'_>) -> Result<String, Wrong> {
    let text = given.text()?;
    let remedy = "write a short name without dots, for example \"token\"";
    if text.contains(['.', '@']) || text.contains(char::is_control) {
        return Err(Wrong::new(format!("{} holds a dot, an @ or a control character", shown(text)), remedy));
    }
    Ident::parse(text).map(|name| name.as_str().to_owned()).map_err(|e| Wrong::new(e.to_string(), remedy))
}

/// `off`, `read_only` or `read_write`.
pub(in crate::config) fn admin_tokens(given: Given<'_>) -> Result<AdminTokens, Wrong> {
    let words = [
        ("off", AdminTokens::Off),
        ("read_only", AdminTokens::ReadOnly),
        ("read_write", AdminTokens::ReadWrite),
    ];
    one_of(given, &words)
}

/// `never` or `loopback`.
pub(in crate::config) fn without_tls(given: Given<'_>) -> Result<WithoutTls, Wrong> {
    one_of(given, &[("never", WithoutTls::Never), ("loopback", WithoutTls::Loopback)])
}

/// `off`, `tenant` or `login`.
pub(in crate::config) fn client_certificates(given: Given<'_>) -> Result<ClientCertificates, Wrong> {
    let words = [
        ("off", ClientCertificates::Off),
        ("tenant", ClientCertificates::Tenant),
        ("login", ClientCertificates::Login),
    ];
    one_of(given, &words)
}

/// `on` or `off`.
pub(in crate::config) fn on_or_off(given: Given<'_>) -> Result<bool, Wrong> {
    if let Given::Toml(DeValue::Boolean(_)) = given {
        return Err(Wrong::new("expected text, found true or false", "write \"on\" or \"off\", in quotes"));
    }
    one_of(given, &[("on", true), ("off", false)])
}
