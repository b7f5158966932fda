//! Passwords of users, as they are given.

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// Longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Why a text is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// Nothing is no secret.
    #[error("a password is not empty")]
    Empty,
    /// Longer than a client sends, or not to be sent.
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes, and no NUL")]
    Unfit,
}

/// Takes a password that a client could send. PostgreSQL's own preparation (SASLprep) is applied when it is hashed.
///
/// # Errors
/// [`PasswordError`].
pub fn check(password: SecretString) -> Result<SecretString, PasswordError> {
    let text = password.expose_secret();
    if text.is_empty() {
        return Err(PasswordError::Empty);
    }
    if text.len() > MAX_PASSWORD_BYTES || text.contains('\0') {
        return Err(PasswordError::Unfit);
    }
    Ok(password)
}
