//! Jobs: verbs that take longer than a request may. A request is answered at once with the address of a job, which goes on
//! whether or not the caller waits for it.
//!
//! They are kept in memory. When the process is told to end they are ended as Ctrl-C ends the commands; what a crash cuts off
//! can be done again, as the commands can (docs/backup.md, docs/moving.md), and its address says that it was lost.

mod backups;
mod book;
mod errors;
mod migrations;
mod moving;
mod verbs;

pub(super) use backups::list as list_backups;
pub(super) use migrations::migrate;
pub(super) use moving::start as start_move;
pub(super) use verbs::{backup, clone, restore};

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::api::input::{Named, Params, slug};
use crate::api::jobs::book::{Book, End, Missing, Progress, State};
use crate::api::place::unknown;
use crate::api::problem::Problem;
use crate::config::Config;
use crate::control::ControlError;
use crate::control::backup::{Programs, Stopped};
use crate::net::tls::ControlTls;
use crate::registry::{describe, store};
use crate::tenant::Slug;

/// Another installation, where tenants may be moved to.
#[derive(Debug)]
pub struct Installation {
    /// The configuration of its proxy.
    pub config: Config,
    /// Its administrator.
    pub login: tokio_postgres::Config,
}

/// What long verbs work with.
#[derive(Debug)]
pub struct LongWork {
    /// Where backups are, and nowhere else; without one there are none.
    pub backup_dir: Option<PathBuf>,
    /// Where data are on their way.
    pub work_dir: PathBuf,
    /// PostgreSQL's programs, or why there are none.
    pub programs: Result<Programs, String>,
    /// Where tenants may be moved to, by name.
    pub installations: BTreeMap<String, Installation>,
    /// Jobs at once.
    pub at_once: usize,
    /// When a job is given up.
    pub time_limit: Duration,
}

/// The jobs of this process.
#[derive(Debug)]
pub(super) struct Jobs {
    work: LongWork,
    /// Names this run of the program: a job of another one is told apart.
    run: String,
    book: Mutex<Book>,
    /// Those that may still be ended, by number.
    ends: Mutex<HashMap<u64, CancellationToken>>,
    places: Semaphore,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Jobs {
    /// None yet.
    pub(super) fn new(work: LongWork) -> Result<Self, getrandom::Error> {
        let mut run = [0; 8];
        getrandom::fill(&mut run)?;
        Ok(Self {
            places: Semaphore::new(work.at_once),
            work,
            run: format!("{:016x}", u64::from_be_bytes(run)),
            book: Mutex::default(),
            ends: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Ends all of them as Ctrl-C ends the commands; no other begins.
    pub(super) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits until the last one has put back what it has to.
    pub(super) async fn ended(&self) {
        self.tasks.wait().await;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Entries are whole at every moment, so a panic elsewhere has not broken them.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<u64, CancellationToken>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn programs(&self) -> Result<Programs, Problem> {
        self.work
            .programs
            .clone()
            .map_err(|why| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "operator", why))
    }

    fn backup_dir(&self) -> Result<&PathBuf, Problem> {
        self.work.backup_dir.as_ref().ok_or_else(|| {
            let detail = "no directory of backups is configured; start the API with --backup-dir";
            Problem::new(StatusCode::NOT_FOUND, "no_backups", detail)
        })
    }

    /// The number of a job of this run.
    fn number(&self, id: &str) -> Result<u64, Problem> {
        let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown_job", "there is no such job");
        let (run, number) = id.split_once('-').ok_or_else(unknown)?;
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_run = run.len() == 16 && run.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        if !is_run || !is_plain(number) {
            return Err(unknown());
        }
        let number = number.parse().map_err(|_| unknown())?;
        if run != self.run {
            let detail = "this job was given to another process of the API. If that one has ended, a job that was not at its end \
                 was cut off: backups, restores and clones have then changed nothing, a migration goes on where it was, and a \
                 tenant on its move may be out of service. Look at what there is, and send the request again with \
                 another Idempotency-Key";
            return Err(Problem::new(StatusCode::GONE, "job_lost", detail));
        }
        Ok(number)
    }
}

fn missing(missing: Missing) -> Problem {
    match missing {
        Missing::Unknown => Problem::new(StatusCode::NOT_FOUND, "unknown_job", "there is no such job"),
        Missing::Forgotten => {
            let detail = format!(
                "this job has ended, and {} others since, so that it is not remembered any more; the log has how it ended",
                book::MOST_ENDED
            );
            Problem::new(StatusCode::GONE, "job_forgotten", detail)
        }
    }
}

/// A job, for the work in it.
#[derive(Clone)]
struct Running {
    api: Arc<Api>,
    number: u64,
    unwanted: CancellationToken,
}

impl Running {
    fn tell(&self, progress: Progress) {
        self.api.jobs.book().progress(self.number, progress);
    }

    /// When it is to end before its end.
    async fn stopped(&self) -> Stopped {
        tokio::select! {
            () = self.unwanted.cancelled() => Stopped::Interrupted,
            () = tokio::time::sleep(self.api.jobs.work.time_limit) => Stopped::TimeLimit,
        }
    }

    /// Work that changes nothing, or can be put down at any moment.
    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        tokio::select! {
            done = work => done,
            stopped = self.stopped() => Err(errors::stopped(stopped)),
        }
    }

    /// An administrator's connection of the job's own: those of the pool are for requests.
    async fn admin(&self) -> Result<Client, Problem> {
        connect(&self.api.login, &self.api.config).await
    }

    /// The same on the cluster that this configuration is of.
    async fn admin_at(&self, at: &Config) -> Result<Client, Problem> {
        if at.cluster == self.api.config.cluster {
            return self.admin().await;
        }
        let login = self.api.others.login(&at.cluster).ok_or_else(|| unknown(&at.cluster))?;
        connect(login, at).await
    }
}

async fn connect(login: &tokio_postgres::Config, config: &Config) -> Result<Client, Problem> {
    let unreachable = |why: String| {
        let detail = format!("{} does not let the administrator in: {why}", config.server.address);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database", detail)
    };
    let tls = ControlTls::new(&config.server.tls);
    let mut login = login.clone();
    tls.apply_to(&mut login);
    let connected = tokio::time::timeout(config.server.connect_timeout, login.connect(tls)).await;
    let (client, connection) = connected
        .map_err(|_| unreachable(format!("no answer within {:?}", config.server.connect_timeout)))?
        .map_err(|error| unreachable(describe(&error)))?;
    // Ends with the client; what ends it fails the query.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Enters a job and answers with its address. It begins when it has a place.
fn accept<F, W>(
    api: &Arc<Api>,
    verb: &'static str,
    tenant: Option<&Slug>,
    work: F,
) -> Result<Response, Problem>
where
    F: FnOnce(Running) -> W + Send + 'static,
    W: Future<Output = End> + Send + 'static,
{
    let jobs = &api.jobs;
    if jobs.stop.is_cancelled() {
        let detail = "the API is shutting down; send it to the next one";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(1));
    }
    let tenant = tenant.map(Slug::to_string);
    let entered = jobs.book().enter(verb, tenant.clone(), SystemTime::now());
    let number = entered.ok_or_else(|| {
        let detail = format!("{} jobs wait already", book::MOST_WAITING);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(60)
    })?;
    let unwanted = jobs.stop.child_token();
    jobs.ends().insert(number, unwanted.clone());
    let running = Running { api: Arc::clone(api), number, unwanted };
    let shown = jobs.book().show(number, &jobs.run).map_err(missing)?;
    jobs.tasks.spawn(async move {
        let end = take_turn(running.clone(), work).await;
        let jobs = &running.api.jobs;
        if jobs.stop.is_cancelled() {
            jobs.book().unwant(number);
        }
        let code = end.problem.as_ref().map(|problem| problem.code);
        let state = jobs.book().end(number, end, SystemTime::now()).as_str();
        jobs.ends().remove(&number);
        let id = book::id(&jobs.run, number);
        tracing::info!(target: "pgtenant::audit", job = id, verb, tenant, state, code, "job of the API ended");
    });
    let headers = [(header::LOCATION, format!("/v1/jobs/{}", book::id(&jobs.run, number)))];
    Ok((StatusCode::ACCEPTED, headers, Json(shown)).into_response())
}

async fn take_turn<F, W>(running: Running, work: F) -> End
where
    F: FnOnce(Running) -> W + Send + 'static,
    W: Future<Output = End> + Send + 'static,
{
    let api = Arc::clone(&running.api);
    let place = tokio::select! {
        biased;
        () = running.unwanted.cancelled() => return Err(errors::stopped(Stopped::Interrupted)).into(),
        place = api.jobs.places.acquire() => place,
    };
    api.jobs.book().begin(running.number, SystemTime::now());
    // In a task of its own, so that a panic is the end of this job and of nothing else.
    let ended = tokio::spawn(work(running)).await;
    drop(place);
    ended.unwrap_or_else(|error| {
        tracing::error!(%error, "a job of the API broke off");
        let detail = "the job broke off by an error in pgtenant, which is in the log; look at what there is";
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)).into()
    })
}

/// The tenant of the path, which there is.
async fn existing(api: &Api, name: &Named) -> Result<Slug, Problem> {
    let slug = name.slug()?;
    if slug.is_canary() || store::summaries(&*api.admin().await?, Some(&slug)).await?.is_empty() {
        return Err(ControlError::UnknownTenant(slug).into());
    }
    Ok(slug)
}

pub(super) async fn show(Shared(api): Shared<Arc<Api>>, id: Named) -> Result<Response, Problem> {
    let number = api.jobs.number(&id.0)?;
    let shown = api.jobs.book().show(number, &api.jobs.run).map_err(missing)?;
    Ok(Json(shown).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParams {
    tenant: Option<String>,
    state: Option<String>,
}

pub(super) async fn list(
    Shared(api): Shared<Arc<Api>>,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let tenant = params.tenant.as_deref().map(slug).transpose()?;
    let state = match &params.state {
        None => None,
        Some(text) => Some(State::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            Problem::invalid("`state` is `queued`, `running`, `done`, `failed` or `cancelled`")
        })?),
    };
    let jobs = api.jobs.book().list(tenant.as_ref().map(Slug::as_str), state, &api.jobs.run);
    Ok(Json(json!({ "jobs": jobs })).into_response())
}

/// Ends a job as Ctrl-C ends a command. One that cannot be put back any more goes on to its end, and one that has ended stays as
/// it is.
pub(super) async fn cancel(Shared(api): Shared<Arc<Api>>, id: Named) -> Result<Response, Problem> {
    let number = api.jobs.number(&id.0)?;
    let unwanted = api.jobs.ends().get(&number).cloned();
    if let Some(unwanted) = unwanted {
        api.jobs.book().unwant(number);
        unwanted.cancel();
    }
    let shown = api.jobs.book().show(number, &api.jobs.run).map_err(missing)?;
    Ok((StatusCode::ACCEPTED, Json(shown)).into_response())
}
