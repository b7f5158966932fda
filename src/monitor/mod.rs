//! Metrics, health and the dashboard of a process that serves, over HTTP on a listener of its own. It only looks: nothing here
//! changes what clients get, and nothing is written for it on a transaction's way but counters.

pub mod catalog;
mod health;
mod history;
mod http;
mod login;
mod metrics;
mod pages;
mod process;
mod sessions;
mod shown;
mod top;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use secrecy::ExposeSecret;
use serde_json::json;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{BearerTokens, TokenFileError};
use crate::auth::{FailureLimits, Failures};
use crate::client::{Shared, overview};
use crate::config::monitor::Monitor as Config;
use crate::monitor::health::{ClusterTrouble, Problem, Sight, is_ready};
use crate::monitor::history::{History, PERIOD, Sample};
use crate::monitor::http::Places;
use crate::monitor::metrics::{Clients, Seen};
use crate::monitor::process::Process;
use crate::monitor::sessions::Sessions;
use crate::monitor::shown::Rates;
use crate::monitor::top::Top;
use crate::registry::HardeningWatch;
use crate::telemetry::overview::{Budget, ClientState, Overview};
use crate::tenant::{ClusterName, Level};
use crate::tokens::read_secret;

/// Tokens from one address in a minute that may be no good.
const MOST_FAILURES: u32 = 20;

/// Longest time for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Largest body of a request, in bytes: a token in a form.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Longest time until a thread of the process does what it is asked, if it is well.
const LIVELY: Duration = Duration::from_secs(2);

/// How often an address that another process has is tried.
const AGAIN: Duration = Duration::from_millis(500);

/// Permission bits that nobody but the owner of a secret file may have.
const OTHERS_MAY: u32 = 0o077;

/// Why there is no monitor.
#[derive(Debug, Error)]
pub enum StartError {
    /// The file with tokens.
    #[error("monitor.token_file: {}: {why}", path.display())]
    Tokens {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: TokensProblem,
    },
    /// An address.
    #[error("cannot listen on {address} for `monitor.addresses`: {error}; is another program there?")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
}

/// What is wrong with the file with tokens.
#[derive(Debug, Error)]
pub enum TokensProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// Others may.
    #[error("others may read or change it (mode {0:03o}); run `chmod 600` on it")]
    Open(u32),
    /// There is none in it.
    #[error("{0}")]
    Tokens(#[from] TokenFileError),
}

/// See the module.
#[derive(Debug)]
pub struct Monitor {
    shared: Arc<Shared>,
    config: Config,
    tokens: Option<BearerTokens>,
    sessions: Mutex<Sessions>,
    failures: Mutex<Failures>,
    history: Mutex<History>,
    rates: Mutex<Rates>,
    top: Mutex<Top>,
    places: Arc<Places>,
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    refused: AtomicU64,
    started: Instant,
}

impl Monitor {
    fn new(shared: Arc<Shared>) -> Result<Arc<Self>, StartError> {
        let config = shared.config().monitor.clone();
        let tokens = match &config.token_file {
            None => None,
            Some(path) => {
                Some(read_tokens(path).map_err(|why| StartError::Tokens { path: path.clone(), why })?)
            }
        };
        let limits = FailureLimits { per_address: Some(MOST_FAILURES), ..FailureLimits::default() };
        Ok(Arc::new(Self {
            shared,
            tokens,
            sessions: Mutex::default(),
            failures: Mutex::new(Failures::new(limits)),
            history: Mutex::default(),
            rates: Mutex::default(),
            top: Mutex::new(Top::new(config.metrics_tenants)),
            config,
            places: Arc::default(),
            requests: Mutex::default(),
            refused: AtomicU64::new(0),
            started: Instant::now(),
        }))
    }

    /// Opens the addresses of the configuration, and looks and answers there until it is told to stop. Nothing where there are
    /// none. Tells the addresses as they were opened. Who is patient, because another process is about to end that has them, waits
    /// for them without holding up anybody.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        shared: &Arc<Shared>,
        stop: &CancellationToken,
        is_patient: bool,
    ) -> Result<Vec<SocketAddr>, StartError> {
        let config = shared.config().monitor.clone();
        if config.addresses.is_empty() {
            return Ok(Vec::new());
        }
        let monitor = Self::new(Arc::clone(shared))?;
        let (mut opened, mut listeners) = (Vec::new(), Vec::new());
        for address in &config.addresses {
            let refused = |error| StartError::Listen { address: *address, error };
            let listener = match TcpListener::bind(address).await {
                Err(error) if is_patient && error.kind() == std::io::ErrorKind::AddrInUse => {
                    tracing::info!(%address, "metrics and health begin when the process before has left this address");
                    tokio::spawn(Arc::clone(&monitor).wait_for(*address, stop.clone()));
                    continue;
                }
                bound => bound.map_err(refused)?,
            };
            opened.push(listener.local_addr().map_err(refused)?);
            listeners.push(listener);
        }
        for listener in listeners {
            let routes = routes(Arc::clone(&monitor));
            tokio::spawn(http::serve(Arc::clone(&monitor), listener, routes, stop.clone()));
        }
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! { () = monitor.watch() => {}, () = stop.cancelled() => {} }
        });
        let names: Vec<String> = opened.iter().map(SocketAddr::to_string).collect();
        tracing::info!(addresses = names.join(", "), "metrics, health and the dashboard are served");
        Ok(opened)
    }

    async fn wait_for(self: Arc<Self>, address: SocketAddr, stop: CancellationToken) {
        let listener = loop {
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = stop.cancelled() => return,
            }
            if let Ok(listener) = TcpListener::bind(address).await {
                break listener;
            }
        };
        tracing::info!(%address, "metrics, health and the dashboard are served");
        let routes = routes(Arc::clone(&self));
        http::serve(self, listener, routes, stop).await;
    }

    async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let monitor = Arc::clone(&self);
            let _ = tokio::task::spawn_blocking(move || monitor.sample()).await;
        }
    }

    fn sample(&self) {
        let (now, shared) = (Instant::now(), &self.shared);
        let sample = Sample::new(now, &shared.counters.snapshot(), shared.clusters.load());
        locked(&self.history).push(sample);
        // For each tenant only while somebody looks.
        if self.sessions().count(now) > 0 || locked(&self.rates).is_wanted(now) {
            locked(&self.rates).look(now, &overview(shared).tenants);
        }
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        locked(&self.sessions)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        locked(&self.failures)
    }

    fn connection_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// What is wrong.
    fn problems(&self) -> Vec<Problem> {
        let (shared, history) = (&self.shared, locked(&self.history));
        let findings = shared.counters.snapshot().verified.findings;
        let main = shared.clusters.main();
        health::judge(&Sight {
            draining: shared.is_draining() || shared.shutdown.is_cancelled(),
            in_touch: *shared.directory.in_touch().borrow(),
            worked: history.worked(Instant::now()),
            hardening: main.hardening.borrow().clone(),
            has_dedicated: shared.directory.has_level(Level::Dedicated),
            spares_exposed: main.spares.borrow().is_exposed(),
            cannot_accept: history.cannot_accept(),
            critical: findings.get("critical").copied().unwrap_or(0),
            clusters: shared
                .clusters
                .others()
                .filter_map(|(name, up)| Some((name.clone(), trouble(shared, name, up)?)))
                .collect(),
            unknown: self.unknown_clusters(),
        })
    }

    /// Clusters that tenants are on and nobody described. Nobody counts where there is only one.
    fn unknown_clusters(&self) -> Vec<(ClusterName, usize)> {
        let placed = self.shared.directory.placed();
        placed.into_iter().filter(|(name, _)| !self.shared.clusters.has(name)).collect()
    }

    fn seen(&self) -> Seen {
        let shared = &self.shared;
        let main = shared.clusters.main();
        let overview = overview(shared);
        let pinned =
            overview.pins().first().and_then(|client| client.pin).map_or(Duration::ZERO, |(_, age)| age);
        Seen {
            load: shared.clusters.load(),
            budget: overview.budget,
            clusters: clusters(shared, &overview),
            clients: clients(&overview),
            clients_limit: shared.config().listen.max_clients,
            servers_limit: overview.budget.limit,
            verdicts: shared.guard.stats(),
            cache_limit: shared.config().guard.cache_bytes,
            oldest_pin: pinned,
            in_touch: *shared.directory.in_touch().borrow(),
            tenants: shared.directory.tenant_count(),
            hardening: main.hardening.borrow().clone(),
            spares: main.spares.borrow().clone(),
            draining: shared.is_draining() || shared.shutdown.is_cancelled(),
            problems: self.problems(),
            busiest: locked(&self.top).look(Instant::now(), &overview.tenants),
            requests: locked(&self.requests).clone(),
            sessions: self.sessions().count(Instant::now()),
            refused: self.refused.load(Ordering::Relaxed),
            process: Process::look(),
            snapshot: overview.counters,
        }
    }
}

/// What is wrong with a cluster beside the one of `[server]`, if anything is.
fn trouble(shared: &Shared, name: &ClusterName, up: bool) -> Option<ClusterTrouble> {
    let Ok(cluster) = shared.clusters.of(name) else { return Some(ClusterTrouble::Away) };
    if cluster.spares.borrow().is_exposed() {
        return Some(ClusterTrouble::Exposed);
    }
    if !up {
        return Some(ClusterTrouble::Away);
    }
    let is_out = matches!(*cluster.hardening.borrow(), HardeningWatch::OutOfService { .. });
    is_out.then_some(ClusterTrouble::Hardening)
}

/// Each cluster that is described, with what it has, and whether it answers.
fn clusters(shared: &Shared, overview: &Overview) -> Vec<(String, Budget, bool)> {
    let main = (shared.clusters.main().name.to_string(), *shared.directory.in_touch().borrow());
    let others = shared.clusters.others().map(|(name, up)| (name.to_string(), up));
    let budget = |name: &str| {
        overview.clusters.iter().find(|row| row.name == name).map_or_else(Budget::default, |row| row.budget)
    };
    std::iter::once(main).chain(others).map(|(name, up)| (name.clone(), budget(&name), up)).collect()
}

fn clients(overview: &Overview) -> Clients {
    let mut clients = Clients { login: overview.logging_in, ..Clients::default() };
    for client in &overview.clients {
        let count = match client.state {
            _ if client.pin.is_some() => &mut clients.pinned,
            ClientState::Idle => &mut clients.idle,
            ClientState::Waiting => &mut clients.waiting,
            ClientState::Active => &mut clients.active,
        };
        *count += 1;
    }
    clients
}

fn read_tokens(path: &std::path::Path) -> Result<BearerTokens, TokensProblem> {
    let file = read_secret(path).map_err(TokensProblem::Unreadable)?;
    if file.mode & OTHERS_MAY != 0 {
        return Err(TokensProblem::Open(file.mode & 0o777));
    }
    Ok(BearerTokens::parse(file.text.expose_secret())?)
}

/// What is behind these locks is whole at every moment, so a panic elsewhere has not broken it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn routes(monitor: Arc<Monitor>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/login", post(login::log_in).get(login_page))
        .route("/logout", post(login::log_out))
        .route("/page.css", get(pages::style))
        .route("/page.js", get(pages::script))
        .route("/v1/overview", get(shown::overview))
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&monitor), frame))
        .with_state(monitor)
}

/// The paths there are, for a metric: what somebody makes up is one of them.
fn known_path(path: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "/",
        "/login",
        "/logout",
        "/page.css",
        "/page.js",
        "/v1/overview",
        "/metrics",
        "/healthz",
        "/readyz",
    ];
    KNOWN.into_iter().find(|known| *known == path).unwrap_or("other")
}

/// A time for each answer, headers on it, and a count.
async fn frame(State(monitor): State<Arc<Monitor>>, request: Request, next: Next) -> Response {
    let path = known_path(request.uri().path());
    let answer = tokio::time::timeout(ANSWER_TIME, next.run(request)).await;
    let mut response = answer.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response());
    for (name, value) in pages::HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    *locked(&monitor.requests).entry((path, response.status().as_u16())).or_default() += 1;
    response
}

type Peer = Extension<ConnectInfo<SocketAddr>>;

async fn index(
    State(monitor): State<Arc<Monitor>>,
    Extension(ConnectInfo(peer)): Peer,
    headers: HeaderMap,
) -> Response {
    match monitor.may_see(peer, &headers).await {
        Ok(()) => pages::dashboard(),
        Err(denied) => denied.for_people(),
    }
}

async fn login_page() -> Response {
    axum::response::Redirect::to("/").into_response()
}

async fn metrics_page(
    State(monitor): State<Arc<Monitor>>,
    Extension(ConnectInfo(peer)): Peer,
    headers: HeaderMap,
) -> Response {
    if let Err(denied) = monitor.may_scrape(peer, &headers).await {
        return login::refuse(denied);
    }
    // With ten thousand clients this takes milliseconds, which no client should wait for.
    let page = tokio::task::spawn_blocking(move || metrics::page(&monitor.seen())).await;
    match page.unwrap_or_else(|_| Err(prometheus::Error::Msg("it panicked".to_owned()))) {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Alive: threads of the runtime take up work, and nobody keeps the lock that every client needs.
async fn healthz(State(monitor): State<Arc<Monitor>>) -> Response {
    let shared = Arc::clone(&monitor.shared);
    let work = async {
        tokio::spawn(async {}).await.is_ok()
            && tokio::task::spawn_blocking(move || shared.clusters.load()).await.is_ok()
    };
    let alive = tokio::time::timeout(LIVELY, work).await.unwrap_or(false);
    let uptime = monitor.started.elapsed().as_secs();
    if alive {
        return Json(json!({ "status": "ok", "uptime_seconds": uptime })).into_response();
    }
    let why = format!("the process does not do within {LIVELY:?} what it is asked; end it");
    let body = json!({ "status": "stuck", "why": why, "uptime_seconds": uptime });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// Whether clients should be sent here.
async fn readyz(State(monitor): State<Arc<Monitor>>) -> Response {
    let problems = monitor.problems();
    let (status, word) = match (is_ready(&problems), problems.is_empty()) {
        (true, true) => (StatusCode::OK, "ready"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
    };
    let hardening = matches!(*monitor.shared.clusters.main().hardening.borrow(), HardeningWatch::Hardened);
    let body = json!({ "status": word, "problems": problems, "hardened": hardening });
    (status, Json(body)).into_response()
}
