//! Who may see more than health: whoever shows a token. A program sends it with each request; a person once, for a session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use crate::auth::{Access, Attempt, Guess, Source};
use crate::config::auth::AdminTokens;
use crate::config::monitor::{MetricsAccess, TokensFrom};
use crate::monitor::sessions::{self, ID_BYTES};
use crate::monitor::{Monitor, pages};
use crate::telemetry::AUDIT;
use crate::tokens;

/// The cookie with a session's name.
const COOKIE: &str = "pgtenant_session";

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// It showed nothing.
    Nobody,
    /// It showed something that is no good.
    Wrong,
    /// Too many from there were no good; after so long one may try again.
    TooMany(Duration),
    /// A token would be read by others on its way here.
    InTheClear,
}

impl Denied {
    const fn status(self) -> StatusCode {
        match self {
            Self::Nobody | Self::Wrong => StatusCode::UNAUTHORIZED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::InTheClear => StatusCode::FORBIDDEN,
        }
    }

    /// For people.
    pub(super) fn text(self) -> String {
        match self {
            Self::Nobody => "Log in with a token.".to_owned(),
            Self::Wrong => "This token is not good here. It may have expired, or lack the scope admin.".to_owned(),
            Self::TooMany(wait) => {
                format!("Too many tokens from here were not good. Try again in {} s.", wait.as_secs() + 1)
            }
            Self::InTheClear => {
                "A token is taken from this machine only, because there is no TLS here. Forward the port (ssh -L), or see \
                 monitor.tokens_from."
                    .to_owned()
            }
        }
    }

    /// The same to a program.
    fn for_programs(self) -> Response {
        let mut response = (self.status(), Json(json!({ "error": self.text() }))).into_response();
        let headers = response.headers_mut();
        if let Self::TooMany(wait) = self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// The same to a person.
    pub(super) fn for_people(self) -> Response {
        (self.status(), pages::login(&self.text())).into_response()
    }
}

/// Who may see everything, and until when.
struct Welcome {
    /// For the audit.
    who: String,
    ends: Option<Instant>,
}

impl Monitor {
    /// Whether this request may see everything: by a session or by a token of its own.
    pub(super) async fn may_see(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Denied> {
        if let Some(id) = cookie(headers)
            && self.takes_tokens_from(peer)
            && self.sessions().has(Instant::now(), id)
        {
            return Ok(());
        }
        match bearer(headers) {
            Some(token) => self.check(peer, token).await.map(drop),
            None => Err(Denied::Nobody),
        }
    }

    /// Whether it may see metrics.
    pub(super) async fn may_scrape(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Denied> {
        let open = match self.config().metrics_access {
            MetricsAccess::Open => true,
            // A page of somebody else's, in a browser on this machine, may call any address by a name of its own.
            MetricsAccess::Loopback => is_here(peer) && names_this_machine(headers),
            MetricsAccess::Token => false,
        };
        if open { Ok(()) } else { self.may_see(peer, headers).await }
    }

    /// Nobody between there and here can read a token, or the operator has seen to it.
    fn takes_tokens_from(&self, peer: SocketAddr) -> bool {
        self.config().tokens_from == TokensFrom::Anywhere || is_here(peer)
    }

    async fn check(&self, peer: SocketAddr, token: &str) -> Result<Welcome, Denied> {
        if !self.takes_tokens_from(peer) {
            return Err(Denied::InTheClear);
        }
        let guess = Guess { source: Some(Source::from(peer.ip())), attempt: Attempt::Token, tenant: None };
        self.failures().try_login(Instant::now(), guess).map_err(Denied::TooMany)?;
        let welcome = self.recognise(token).await;
        match &welcome {
            // Wrong ones lock nobody out who comes from where a good one came from: a token is not to be guessed.
            Some(_) => self.failures().succeeded(Instant::now(), guess.source, guess.attempt),
            None => self.failures().failed(Instant::now(), guess),
        }
        welcome.ok_or(Denied::Wrong)
    }

    async fn recognise(&self, token: &str) -> Option<Welcome> {
        if self.tokens.as_ref().is_some_and(|tokens| tokens.has(token.as_bytes())) {
            return Some(Welcome { who: "monitor.token_file".to_owned(), ends: None });
        }
        if self.shared.config().auth.admin_tokens == AdminTokens::Off {
            return None;
        }
        let claims = self.shared.tokens.load_full()?.verify(token).await.ok()?;
        // One that names a tenant is for that tenant, and this is about all of them.
        if claims.access != Access::Admin || claims.tenant.is_some() {
            return None;
        }
        let left = Duration::from_secs(claims.expires.0.saturating_sub(tokens::now().0));
        Some(Welcome { who: claims.user.unwrap_or_default(), ends: Instant::now().checked_add(left) })
    }
}

/// What the form of the login page sends.
#[derive(Deserialize)]
pub(super) struct Login {
    token: String,
}

/// Begins a session.
pub(super) async fn log_in(
    State(monitor): State<Arc<Monitor>>,
    Extension(ConnectInfo(peer)): Extension<ConnectInfo<SocketAddr>>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Response {
    if !is_same_origin(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let welcome = match monitor.check(peer, login.token.trim()).await {
        Ok(welcome) => welcome,
        Err(denied) => {
            tracing::info!(target: AUDIT, %peer, "login to the dashboard refused");
            return denied.for_people();
        }
    };
    let mut random = [0; ID_BYTES];
    if getrandom::fill(&mut random).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let id = sessions::id(random);
    let lasts = monitor.sessions().begin(Instant::now(), &id, welcome.ends);
    tracing::info!(target: AUDIT, %peer, who = ?welcome.who, "session of the dashboard begins");
    redirect(&set_cookie(&headers, &id, lasts))
}

/// Ends the session.
pub(super) async fn log_out(State(monitor): State<Arc<Monitor>>, headers: HeaderMap) -> Response {
    if !is_same_origin(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if let Some(id) = cookie(&headers) {
        monitor.sessions().end(id);
    }
    redirect(&set_cookie(&headers, "", Duration::ZERO))
}

/// To a program without leave.
pub(super) fn refuse(denied: Denied) -> Response {
    denied.for_programs()
}

fn redirect(cookie: &str) -> Response {
    let mut response = Redirect::to("/").into_response();
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// `Secure` where a web server in front says that the browser came by https: over http a browser would not keep it.
fn set_cookie(headers: &HeaderMap, id: &str, lasts: Duration) -> String {
    let https = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if https { "; Secure" } else { "" };
    format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", lasts.as_secs())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, id)| *name == COOKIE && !id.is_empty()).map(|(_, id)| id)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case("bearer ").then(|| token.trim())
}

fn is_here(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// A browser says where a form is from; a program says nothing.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    host.is_some() && origin.map(|(_, rest)| rest) == host
}

/// Whether the request was sent to an address, or to the one name that is always this machine's.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn session_is_found_among_other_cookies_and_token_behind_its_scheme() {
        let of = |text| cookie(&headers(&[("cookie", text)])).map(str::to_owned);
        assert_eq!(of("a=b; pgtenant_session=cd; e=f"), Some("cd".into()));
        assert_eq!(of("pgtenant_session="), None);
        assert_eq!(of("xpgtenant_session=cd"), None);
        let of = |text| bearer(&headers(&[("authorization", text)])).map(str::to_owned);
        assert_eq!(of("bEARER  x"), Some("x".into()));
        assert_eq!((of("Basic abcdef"), of("Bearer"), of("")), (None, None, None));
    }

    #[test]
    fn form_of_another_page_is_none_of_ours() {
        let host = ("host", "127.0.0.1:9632");
        assert!(is_same_origin(&headers(&[host])));
        assert!(is_same_origin(&headers(&[host, ("origin", "http://127.0.0.1:9632")])));
        for origin in
            ["http://evil.example", "null", "http://127.0.0.1:9633", "http://127.0.0.1:9632.evil.example"]
        {
            assert!(!is_same_origin(&headers(&[host, ("origin", origin)])), "{origin}");
        }
    }

    #[test]
    fn name_that_somebody_else_gave_this_machine_is_not_its_own() {
        for own in ["localhost:9632", "LOCALHOST", "127.0.0.1:9632", "[::1]:9632", "10.0.0.7"] {
            assert!(names_this_machine(&headers(&[("host", own)])), "{own}");
        }
        for other in ["evil.example:9632", "localhost.evil.example", "127.0.0.1.evil.example:9632", ""] {
            assert!(!names_this_machine(&headers(&[("host", other)])), "{other}");
        }
    }

    #[test]
    fn cookie_is_kept_from_scripts_and_other_pages() {
        let plain = set_cookie(&headers(&[]), "ab", Duration::from_secs(60));
        assert_eq!(plain, "pgtenant_session=ab; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");
        let behind = set_cookie(&headers(&[("x-forwarded-proto", "https")]), "ab", Duration::ZERO);
        assert!(behind.ends_with("; Max-Age=0; Secure"));
    }
}
