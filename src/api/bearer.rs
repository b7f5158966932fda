//! Who may call: whoever has one of the tokens in the operator's file.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::api::Api;
use crate::api::problem::Problem;
use crate::auth::{Attempt, Guess, Source, same};

/// Fewest characters of a token: 128 bits in hexadecimal.
const MIN_TOKEN_CHARS: usize = 32;

/// The tokens that count, as hashes: comparing those tells nothing of how much of a guess was right.
#[derive(Clone, Debug)]
pub struct BearerTokens(Vec<[u8; 32]>);

/// Why a file has no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenFileError {
    /// Nothing but blank lines and comments.
    #[error("there is no token in it; make one with `openssl rand -hex 32`, one a line")]
    Empty,
    /// Too easy to guess, or not one word.
    #[error(
        "the token on line {0} has fewer than {MIN_TOKEN_CHARS} characters, or others than letters, digits and -._~+/=; \
         make one with `openssl rand -hex 32`"
    )]
    Weak(usize),
}

impl BearerTokens {
    /// Reads one token a line. Blank lines and lines that begin with `#` count for nothing, so that an old and a new token can both
    /// be good for a while.
    ///
    /// # Errors
    /// [`TokenFileError`], which holds no token.
    pub fn parse(text: &str) -> Result<Self, TokenFileError> {
        let mut tokens = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
            if line.len() < MIN_TOKEN_CHARS || !line.bytes().all(letter) {
                return Err(TokenFileError::Weak(number));
            }
            tokens.push(Sha256::digest(line).into());
        }
        if tokens.is_empty() { Err(TokenFileError::Empty) } else { Ok(Self(tokens)) }
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.0.iter().fold(false, |found, own| found | same(own, &digest))
    }
}

/// Lets those through who have a token, and nobody from where too many were wrong.
pub(super) async fn require(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match check(&api, peer, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(api: &Api, peer: SocketAddr, request: &Request) -> Result<(), Problem> {
    let guess = Guess { source: Some(Source::from(peer.ip())), attempt: Attempt::Token, tenant: None };
    let now = Instant::now();
    api.failures().try_login(now, guess).map_err(|wait| {
        let detail = "too many requests from this address had no good token";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", detail)
            .retry_after(wait.as_secs() + 1)
    })?;
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    if token.is_some_and(|token| api.tokens.has(token)) {
        return Ok(());
    }
    api.failures().failed(now, guess);
    let detail = "send `Authorization: Bearer <token>` with a token of the API's token file";
    Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_lines_that_are_hard_to_guess() {
        let (old, new) = ("a".repeat(32), "b".repeat(64));
        let tokens = BearerTokens::parse(&format!("# since May\n{old}\n\n  {new}  \n")).unwrap();
        assert!(tokens.has(old.as_bytes()) && tokens.has(new.as_bytes()));
        assert!(!tokens.has(b"") && !tokens.has(b"# since May") && !tokens.has(&old.as_bytes()[1..]));
        assert!(!format!("{tokens:?}").contains(&old));
        assert_eq!(BearerTokens::parse("# none\n").unwrap_err(), TokenFileError::Empty);
        assert_eq!(BearerTokens::parse("\nshort\n").unwrap_err(), TokenFileError::Weak(2));
        assert_eq!(BearerTokens::parse(&"ä".repeat(32)).unwrap_err(), TokenFileError::Weak(1));
    }

    #[test]
    fn scheme_knows_no_case_and_other_schemes_are_none() {
        assert_eq!(bearer(b"bEARER  x"), Some(&b"x"[..]));
        for other in [&b"Basic eDp4"[..], b"Bearer", b"", b"Bearerx"] {
            assert_eq!(bearer(other), None, "{other:?}");
        }
    }
}
