//! The HTTP API: what an operator's programs do to tenants, as the commands do it (`/v1/tenants…`).
//!
//! A process of its own (`pgtenant api`), because it holds an administrator's login, which the proxy must not: tenants talk to
//! the proxy.

mod bearer;
mod changes;
mod idempotency;
mod input;
mod installation;
mod jobs;
mod keys;
mod place;
mod problem;
mod stripe;
mod tenants;
mod users;
mod webhook;

pub use bearer::{BearerTokens, TokenFileError};
pub use jobs::{Installation, LongWork};

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use bb8::{Pool, PooledConnection};
use bb8_postgres::PostgresConnectionManager;
use secrecy::SecretString;
use serde_json::json;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::api::jobs::Jobs;
use crate::api::place::Others;
use crate::api::problem::Problem;
use crate::auth::{FailureLimits, Failures};
use crate::config::Config;
use crate::net::tls::ControlTls;
use crate::registry::{RegistryError, describe, store};
use crate::tenant::ClusterName;

/// Largest body of a request, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Requests at once; more are told to come again.
const MOST_AT_ONCE: usize = 64;

/// Longest time a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest wait for one of the administrator's connections.
const CONNECTION_WAIT: Duration = Duration::from_secs(10);

/// Requests without a good token from one address in a minute.
const MOST_FAILURES: u32 = 60;

/// The document that describes all this (OpenAPI 3.1).
const OPENAPI: &str = include_str!("openapi.json");

type Manager = PostgresConnectionManager<ControlTls>;

/// What all requests share.
#[derive(Debug)]
pub struct Api {
    config: Config,
    tokens: BearerTokens,
    stripe_secret: Option<SecretString>,
    /// The administrator, for the connections of jobs.
    login: tokio_postgres::Config,
    pool: Pool<Manager>,
    others: Others,
    jobs: Jobs,
    failures: Mutex<Failures>,
    places: Semaphore,
    /// Whose turn it is to carry out an event of Stripe's.
    stripe_turn: tokio::sync::Mutex<()>,
    /// Whose turn it is to audit.
    audit_turn: tokio::sync::Mutex<()>,
}

/// What the API is made from.
#[derive(Debug)]
pub struct Parts {
    /// The proxy's configuration.
    pub config: Config,
    /// The administrator.
    pub login: tokio_postgres::Config,
    /// The same on each other cluster.
    pub others: Vec<(ClusterName, tokio_postgres::Config)>,
    /// Connections of the administrator's at once.
    pub max_connections: u32,
    /// Who may call.
    pub tokens: BearerTokens,
    /// What Stripe signs its events with; without one there is no webhook.
    pub stripe_secret: Option<SecretString>,
    /// What verbs that take long work with.
    pub long: LongWork,
}

/// Why the API is not served.
#[derive(Debug, Error)]
pub enum StartError {
    /// The server cannot be reached, or refuses the login.
    #[error("cannot log in as the administrator: {0}")]
    Login(String),
    /// The registry is missing, or of another version.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The machine has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

impl Api {
    /// Logs in as the administrator, and checks that there is a registry that this program knows.
    ///
    /// # Errors
    /// With the remedy.
    pub async fn new(parts: Parts) -> Result<Self, StartError> {
        let tls = ControlTls::new(&parts.config.server.tls);
        let jobs = Jobs::new(parts.long).map_err(StartError::Random)?;
        let mut login = parts.login.clone();
        tls.apply_to(&mut login);
        let pool = Pool::builder()
            .max_size(parts.max_connections)
            .connection_timeout(CONNECTION_WAIT)
            .build_unchecked(PostgresConnectionManager::new(login, tls));
        let limits = FailureLimits { per_address: Some(MOST_FAILURES), ..FailureLimits::default() };
        let api = Self {
            others: Others::new(&parts.config, parts.others),
            config: parts.config,
            tokens: parts.tokens,
            stripe_secret: parts.stripe_secret,
            login: parts.login,
            pool,
            jobs,
            failures: Mutex::new(Failures::new(limits)),
            places: Semaphore::new(MOST_AT_ONCE),
            stripe_turn: tokio::sync::Mutex::new(()),
            audit_turn: tokio::sync::Mutex::new(()),
        };
        let client = api.connection().await.map_err(StartError::Login)?;
        store::require_current(&*client).await?;
        drop(client);
        Ok(api)
    }

    /// Answers requests until it is told to stop; those that were begun are finished, and jobs are ended as Ctrl-C ends commands.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let api = Arc::new(self);
        let service = router(Arc::clone(&api)).into_make_service_with_connect_info::<SocketAddr>();
        let ending = Arc::clone(&api);
        let stopped = async move {
            stop.cancelled().await;
            ending.jobs.stop();
        };
        axum::serve(listener, service).with_graceful_shutdown(stopped).await?;
        api.jobs.ended().await;
        Ok(())
    }

    /// One of the administrator's connections, on which the registry is of this program's version.
    async fn admin(&self) -> Result<PooledConnection<'_, Manager>, Problem> {
        self.connection().await.map_err(|error| {
            tracing::error!(%error, "the API has no connection to the database");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database", "the database does not answer")
                .retry_after(5)
        })
    }

    async fn connection(&self) -> Result<PooledConnection<'_, Manager>, String> {
        self.pool.get().await.map_err(|error| match error {
            bb8::RunError::User(error) => describe(&error),
            bb8::RunError::TimedOut => "no connection within the time limit".to_owned(),
        })
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        // Counts are whole at every moment, so a panic elsewhere has not broken them.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn router(api: Arc<Api>) -> Router {
    let verbs = Router::new()
        .route("/v1/tenants", get(tenants::list).post(tenants::create))
        .route("/v1/tenants/{slug}", get(tenants::show).patch(changes::change).delete(changes::drop))
        .route("/v1/tenants/{slug}/undrop", post(changes::undrop))
        .route("/v1/tenants/{slug}/rename", post(changes::rename))
        .route("/v1/tenants/{slug}/adopt", post(installation::adopt))
        .route("/v1/tenants/{slug}/limits", axum::routing::patch(tenants::limits))
        .route("/v1/tenants/{slug}/level", put(tenants::level))
        .route("/v1/tenants/{slug}/suspend", post(tenants::suspend))
        .route("/v1/tenants/{slug}/resume", post(tenants::resume))
        .route("/v1/tenants/{slug}/rotate-password", post(tenants::rotate_password))
        .route("/v1/tenants/{slug}/users", get(users::list).post(users::add))
        .route("/v1/tenants/{slug}/keys", get(keys::list).post(keys::create))
        .route("/v1/users/{user}", delete(users::remove))
        .route("/v1/users/{user}/password", put(users::set_password))
        .route("/v1/keys/{id}", delete(keys::revoke))
        .route("/v1/verify", get(installation::verify))
        .route("/v1/migrations", get(installation::migrations).post(jobs::migrate))
        .route("/v1/tenants/{slug}/backups", post(jobs::backup))
        .route("/v1/tenants/{slug}/clone", post(jobs::clone))
        .route("/v1/tenants/{slug}/move", post(jobs::start_move))
        .route("/v1/backups", get(jobs::list_backups))
        .route("/v1/backups/{backup}/restore", post(jobs::restore))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::show))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .layer(from_fn_with_state(Arc::clone(&api), idempotency::once))
        // The first that a request meets.
        .layer(from_fn_with_state(Arc::clone(&api), bearer::require));
    Router::new()
        .merge(verbs)
        // Signed, in place of a token.
        .route("/v1/stripe/webhook", post(webhook::receive))
        .route("/v1/openapi.json", get(openapi))
        .route("/healthz", get(healthz))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&api), admit))
        .layer(from_fn(note))
        .with_state(api)
}

/// A place and a time for each request.
async fn admit(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let Ok(_place) = api.places.try_acquire() else {
        let detail = "too many requests at once";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .retry_after(1)
            .into_response();
    };
    tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!(
            "not done within {REQUEST_TIMEOUT:?}; nothing was changed, or all of it: look, and send it again"
        );
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail).into_response()
    })
}

/// One line for each request, without what is in it.
async fn note(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begin = std::time::Instant::now();
    let response = next.run(request).await;
    let (status, ms) = (response.status().as_u16(), begin.elapsed().as_millis());
    tracing::info!(target: "pgtenant::audit", %method, path, status, ms, "API request");
    response
}

async fn healthz(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    store::require_current(&*api.admin().await?).await?;
    Ok(Json(json!({ "status": "ok" })).into_response())
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing here; /v1/openapi.json describes what there is",
    )
}

async fn not_allowed() -> Problem {
    let detail = "this method is not for this path; /v1/openapi.json describes what there is";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
