//! The keys of an issuer at its https address. Fetched by one at a time, off the clients' path but for those whose token
//! names a key that is not known yet.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::auth::jwt::{Asked, Fetches, KeySet};
use crate::tokens::file::{self, MAX_KEYS_BYTES};
use crate::tokens::{FileProblem, KeyFileError};

/// A fetch that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait of a login for a fetch.
const WAIT: Duration = Duration::from_secs(6);

/// An issuer's address, and what was found there last.
#[derive(Debug)]
pub(super) struct Remote {
    url: String,
    agent: Agent,
    fetches: Mutex<Fetches>,
    wanted: Notify,
    /// Counts fetches that have ended.
    ended: watch::Sender<u64>,
    pub(super) keys: RwLock<KeySet>,
}

impl Remote {
    pub(super) fn new(url: &str, ca: Option<&Path>) -> Result<Self, KeyFileError> {
        let roots = ca.map_or(Ok(RootCerts::WebPki), read_roots)?;
        // Explicitly: no other provider is compiled in, and none is installed for the process.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            // Whoever can redirect could send us anywhere.
            .max_redirects(0)
            .max_redirects_will_error(true)
            .timeout_global(Some(TIMEOUT))
            .user_agent("pgtenant")
            .build();
        Ok(Self {
            url: url.to_owned(),
            agent: config.into(),
            fetches: Mutex::default(),
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
            keys: RwLock::default(),
        })
    }

    /// Waits until the keys are to be fetched.
    pub(super) async fn due(&self) {
        let rest = self.fetches().rest(Instant::now());
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = self.wanted.notified() => {}
        }
    }

    /// Asks for a fetch on behalf of a token with an unknown key, and waits for its end. `false` where there was one just
    /// now.
    pub(super) async fn ask(&self) -> bool {
        let mut ended = self.ended.subscribe();
        match self.fetches().ask(Instant::now()) {
            Asked::Refused => return false,
            Asked::Wait => {}
            Asked::Begin => self.wanted.notify_one(),
        }
        matches!(tokio::time::timeout(WAIT, ended.changed()).await, Ok(Ok(())))
    }

    /// Fetches, on a thread that may wait. What was there stays where it goes wrong.
    pub(super) fn fetch(&self) -> Result<KeySet, String> {
        self.fetches().begin();
        let fetched = self.get();
        if let Ok(keys) = &fetched {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.clone();
        }
        fetched
    }

    /// The fetch has ended, well or not: those who wait may look again.
    pub(super) fn tell(&self, well: bool) {
        self.fetches().end(Instant::now(), well);
        self.ended.send_modify(|count| *count += 1);
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn get(&self) -> Result<KeySet, String> {
        let mut answer = self
            .agent
            .get(&self.url)
            .header("accept", "application/json")
            .call()
            .map_err(|e| e.to_string())?;
        let body = answer.body_mut().with_config().limit(MAX_KEYS_BYTES).read_to_string();
        let (keys, left_out) =
            KeySet::jwks(&body.map_err(|e| e.to_string())?).map_err(|error| error.to_string())?;
        if !left_out.is_empty() {
            tracing::debug!(url = %self.url, left_out = left_out.join("; "), "some keys are not used");
        }
        Ok(keys)
    }

    fn fetches(&self) -> MutexGuard<'_, Fetches> {
        // The value is whole at every moment, so a panic elsewhere has not broken it.
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_roots(path: &Path) -> Result<RootCerts, KeyFileError> {
    const KEY: &str = "auth.token_keys_ca";
    let text = file::read_public(path).map_err(|error| FileProblem::Unreadable(error).of(KEY, path))?;
    let mut roots = Vec::new();
    for item in parse_pem(text.as_bytes()) {
        if let Ok(PemItem::Certificate(certificate)) = item {
            roots.push(certificate);
        }
    }
    if roots.is_empty() {
        return Err(FileProblem::NoCertificate.of(KEY, path));
    }
    Ok(RootCerts::new_with_certs(&roots))
}
