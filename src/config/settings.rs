//! PostgreSQL settings of one tenant, as an operator writes them: `timezone=Europe/Berlin`, `statement_timeout=30s`.

use thiserror::Error;

use crate::config::kind::{self, Wrong};

/// Longest value, in bytes. All of a tenant's go in front of each login.
const MAX_VALUE_BYTES: usize = 1024;

/// Why a setting cannot be a tenant's default.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{wrong}; {remedy}")]
pub struct SettingError {
    wrong: String,
    remedy: String,
}

/// The name in lower case, where a server connection may be given it.
///
/// # Errors
/// [`SettingError`] for names that are none, and for those that the proxy decides.
pub fn name(text: &str) -> Result<String, SettingError> {
    kind::setting_name(text.trim()).map_err(|Wrong { wrong, remedy }| SettingError { wrong, remedy })
}

/// Reads `name=value`.
///
/// # Errors
/// As [`name`], and where there is no value.
pub fn assignment(text: &str) -> Result<(String, String), SettingError> {
    let error = |wrong: String, remedy: &str| SettingError { wrong, remedy: remedy.to_owned() };
    let Some((left, value)) = text.split_once('=') else {
        return Err(error(
            format!("{text:?} has no `=`"),
            "write a setting as NAME=VALUE, for example timezone=UTC",
        ));
    };
    pair(left, value.trim())
}

/// The same of a name and a value.
///
/// # Errors
/// As [`assignment`].
pub fn pair(left: &str, value: &str) -> Result<(String, String), SettingError> {
    let left = name(left)?;
    if value.len() > MAX_VALUE_BYTES || value.contains('\0') {
        return Err(SettingError {
            wrong: format!("the value of `{left}` is too long, or holds a NUL byte"),
            remedy: "give a shorter one".to_owned(),
        });
    }
    Ok((left, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_is_read_and_what_the_proxy_decides_is_refused() {
        let read = |text: &str| assignment(text).map_err(|error| error.to_string());
        assert_eq!(read("TimeZone = Europe/Berlin"), Ok(("timezone".into(), "Europe/Berlin".into())));
        assert_eq!(read("app.plan=a=b"), Ok(("app.plan".into(), "a=b".into())));
        for text in ["timezone", "search_path=public", "role=postgres", "a b=c", "_pq_.x=1", "x=\0"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&format!("x={}", "y".repeat(1025))).is_err());
    }
}
