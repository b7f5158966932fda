//! Migrations: numbered files of SQL, applied to the template and to every tenant (docs/migrations.md).
//!
//! The template comes first: it has no data and no clients, so what is wrong with a file as such is wrong there. Then come
//! canaries, then waves of tenants, several at once. Each file is one transaction, and a schema stops at the first that fails.

mod apply;
mod clusters;
mod drift;
mod files;
mod judge;
mod login;
mod plan;
mod session;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

pub use apply::{Done, Failure};
pub use clusters::{of_tenant, plans};
pub use drift::{Difference, Drift, drift};
pub use files::{File, Files, label};
pub use plan::{Conflict, pending, whose};

use crate::config::Config;
use crate::control::ControlError;
use crate::control::migrate::apply::{Context, CutOff, SharedContext, Todo};
use crate::guard::Scope;
use crate::registry::ledger::{self, Odd, Place, Standing, State, Target};
use crate::registry::{describe, store};
use crate::tenant::{Slug, Status, TenantId};

/// After proxies were told that schemas begin to change, so long is waited: they rest up to 25 ms between two looks at the
/// registry, and should have heard before anything changes.
const HEARD_AFTER: Duration = Duration::from_millis(250);

/// What to migrate, and how.
#[derive(Clone, Debug)]
pub struct MigratePlan {
    /// One tenant and nothing else.
    pub only: Option<Slug>,
    /// The last file.
    pub to: Option<i64>,
    /// Schemas at once.
    pub parallel: usize,
    /// Tenants that come first, all at once; if one of them fails the others are left alone.
    pub canaries: Vec<Slug>,
    /// The same, so many of the others, by slug.
    pub more_canaries: usize,
    /// Whether a file may be applied that comes before one that is.
    pub out_of_order: bool,
    /// How often a file is tried that others keep from what it needs.
    pub attempts: u32,
}

/// The administrator's connections.
#[derive(Debug)]
pub struct Connections {
    /// Holds the run's lock.
    pub lock: Client,
    /// Writes the ledger.
    pub ledger: Client,
    /// Changes the template.
    pub template: Client,
}

/// What became of one schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It lacked nothing.
    Current,
    /// It has what it lacked, or stopped where it says.
    Done(Done),
    /// It was not begun. In a dry run: these files would be applied.
    Pending(Vec<String>),
}

/// What became of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrateReport {
    /// The template; `None` where one tenant was asked for.
    pub template: Option<Outcome>,
    /// The tenants, by slug.
    pub tenants: Vec<(Slug, Outcome)>,
    /// Why the run ended before all were begun.
    pub stopped: Option<String>,
}

impl MigrateReport {
    /// Schemas where a file failed.
    pub fn failed(&self) -> impl Iterator<Item = (String, &Failure)> {
        let template = self.template.iter().map(|outcome| ("template".to_owned(), outcome));
        let tenants = self.tenants.iter().map(|(slug, outcome)| (slug.to_string(), outcome));
        template.chain(tenants).filter_map(|(who, outcome)| match outcome {
            Outcome::Done(Done { failure: Some(failure), .. }) => Some((who, failure)),
            _ => None,
        })
    }
}

/// Told while it goes on.
pub trait Progress: Send {
    /// So many of so many schemas are done.
    fn at(&mut self, done: usize, of: usize, last: &str);
    /// Nothing more is to come.
    fn end(&mut self) {}
}

/// Where all schemas stand, after what an earlier run has left was looked at. Nothing is changed.
///
/// # Errors
/// [`ControlError`].
pub async fn standings(client: &Client, files: &Files) -> Result<Vec<Standing>, ControlError> {
    store::require_current(client).await?;
    Ok(ledger::standings(client, &files.migrations()).await?)
}

/// What a run would do, without a lock and without a change. Files that a tenant may not run are failures already.
///
/// # Errors
/// [`ControlError`]; also what would keep the run from beginning.
pub async fn dry_run(
    ledger: Client,
    directory: &Path,
    plan: &MigratePlan,
    config: &Config,
) -> Result<MigrateReport, ControlError> {
    let files = Files::read(directory)?;
    let standings = standings(&ledger, &files).await?;
    let context = Context::new(config, files, ledger, plan.attempts).await?;
    let work = Work::new(&context.files, &standings, plan)?;
    let template = work.template.as_ref().map(|todo| foreseen(&context, todo, &context.template_scope()));
    let mut tenants = Vec::new();
    for (place, todo) in &work.tenants {
        let found = store::summaries(&context.ledger, Some(&place.slug)).await?.pop();
        let Some(summary) = found else { continue };
        tenants.push((place.slug.clone(), foreseen(&context, todo, &context.tenant_scope(&summary.tenant))));
    }
    tenants.extend(work.current.into_iter().map(|slug| (slug, Outcome::Current)));
    tenants.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    Ok(MigrateReport { template, tenants, stopped: None })
}

fn foreseen(context: &Context, todo: &[Todo], scope: &Scope) -> Outcome {
    let mut pending = Vec::new();
    for file in todo.iter().filter_map(|todo| context.files.get(todo.number)) {
        if let Err(error) = context.judge(file, scope) {
            let failure = Some(Failure { file: Some(file.label()), error });
            return Outcome::Done(Done { applied: Vec::new(), failure });
        }
        pending.push(file.label());
    }
    if pending.is_empty() { Outcome::Current } else { Outcome::Pending(pending) }
}

/// Applies what schemas lack. One run at a time; what was cut off earlier is settled first.
///
/// # Errors
/// [`ControlError`]; nothing was changed then. A schema where a file failed is no error, it is in the report.
pub async fn migrate(
    connections: Connections,
    directory: &Path,
    plan: &MigratePlan,
    config: &Config,
    progress: &mut dyn Progress,
) -> Result<MigrateReport, ControlError> {
    let Connections { mut lock, ledger, template } = connections;
    let files = Files::read(directory)?;
    store::require_current(&ledger).await?;
    let lock = hold_run(&mut lock).await?;
    ledger::settle(&ledger).await?;
    let standings = ledger::standings(&ledger, &files.migrations()).await?;
    let work = Work::new(&files, &standings, plan)?;
    let left_changing: Vec<TenantId> = changing(&standings);
    if !left_changing.is_empty() {
        ledger::end_change(&ledger, &left_changing).await?;
    }
    let context = Arc::new(Context::new(config, files, ledger, plan.attempts).await?);
    let mut run =
        Run { context, lock: &lock, progress, outcomes: HashMap::new(), of: work.tenants.len(), done: 0 };
    let (template, stopped) = run.all(&work, template, plan).await?;
    run.progress.end();
    let mut tenants: Vec<(Slug, Outcome)> = work
        .tenants
        .iter()
        .map(|(place, todo)| {
            let pending = || Outcome::Pending(labels(&run.context.files, todo));
            (place.slug.clone(), run.outcomes.remove(&place.id).map_or_else(pending, Outcome::Done))
        })
        .collect();
    tenants.extend(work.current.into_iter().map(|slug| (slug, Outcome::Current)));
    tenants.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    drop(lock);
    Ok(MigrateReport { template, tenants, stopped })
}

/// Takes the run's lock for as long as the transaction lives, which may be hours.
async fn hold_run(client: &mut Client) -> Result<tokio_postgres::Transaction<'_>, ControlError> {
    client.batch_execute("SET idle_in_transaction_session_timeout = 0").await?;
    let transaction = client.transaction().await?;
    match ledger::lock_run(&transaction).await {
        Ok(()) => Ok(transaction),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Err(ControlError::Migrating),
        Err(error) => Err(error.into()),
    }
}

fn changing(standings: &[Standing]) -> Vec<TenantId> {
    standings
        .iter()
        .filter_map(|standing| standing.tenant.as_ref())
        .filter(|p| p.changing)
        .map(|p| p.id)
        .collect()
}

fn labels(files: &Files, todo: &[Todo]) -> Vec<String> {
    todo.iter().filter_map(|todo| files.get(todo.number)).map(File::label).collect()
}

/// What is to be done.
struct Work {
    /// `None`: the template is left alone.
    template: Option<Vec<Todo>>,
    /// Those that lack something, canaries first.
    tenants: Vec<(Place, Vec<Todo>)>,
    /// How many of them are canaries.
    canaries: usize,
    /// Those that lack nothing.
    current: Vec<Slug>,
}

impl Work {
    fn new(files: &Files, standings: &[Standing], plan: &MigratePlan) -> Result<Self, ControlError> {
        if let Some(to) = plan.to.filter(|to| files.get(*to).is_none()) {
            return Err(ControlError::Files(vec![format!("there is no file number {to}; correct `--to`")]));
        }
        for slug in plan.canaries.iter().chain(&plan.only) {
            let is_there =
                |standing: &Standing| standing.tenant.as_ref().is_some_and(|place| place.slug == *slug);
            if !standings.iter().any(is_there) {
                return Err(ControlError::UnknownTenant(slug.clone()));
            }
        }
        let (mut template, mut tenants, mut current) = (None, Vec::new(), Vec::new());
        for standing in standings {
            let is_asked_for = match (&standing.tenant, &plan.only) {
                (Some(place), Some(only)) => place.slug == *only,
                // It has its schema and its ledger when it is created.
                (Some(place), None) => place.status != Status::Creating,
                (None, only) => only.is_none(),
            };
            if !is_asked_for {
                continue;
            }
            let todo: Vec<Todo> = pending(files, standing, plan.to, plan.out_of_order)?
                .into_iter()
                .map(|file| todo(file, standing))
                .collect();
            match &standing.tenant {
                None => template = Some(todo),
                Some(place) if todo.is_empty() => current.push(place.slug.clone()),
                Some(place) => tenants.push((place.clone(), todo)),
            }
        }
        let canaries = canaries_first(&mut tenants, plan);
        Ok(Self { template, tenants, canaries, current })
    }
}

fn todo(file: &File, standing: &Standing) -> Todo {
    let before = standing.odd.iter().find(|odd| odd.number == file.migration.number);
    let cut_off = before.filter(|odd| !odd.in_transaction).map(|odd| match odd {
        Odd { state: State::Failed, .. } => CutOff::Failed,
        _ => CutOff::Unknown,
    });
    Todo { number: file.migration.number, cut_off }
}

/// Those that are named, then the first of the others. Returns how many.
fn canaries_first(tenants: &mut [(Place, Vec<Todo>)], plan: &MigratePlan) -> usize {
    tenants.sort_by_key(|(place, _)| !plan.canaries.contains(&place.slug));
    let named = tenants.iter().filter(|(place, _)| plan.canaries.contains(&place.slug)).count();
    (named + plan.more_canaries).min(tenants.len())
}

struct Run<'r> {
    context: SharedContext,
    lock: &'r tokio_postgres::Transaction<'r>,
    progress: &'r mut dyn Progress,
    outcomes: HashMap<TenantId, Done>,
    of: usize,
    done: usize,
}

impl Run<'_> {
    async fn all(
        &mut self,
        work: &Work,
        template: Client,
        plan: &MigratePlan,
    ) -> Result<(Option<Outcome>, Option<String>), ControlError> {
        let outcome = match &work.template {
            None => None,
            Some(todo) if todo.is_empty() => Some(Outcome::Current),
            Some(todo) => {
                self.progress.at(self.done, self.of, "the template");
                let done = apply::template(&self.context, template, todo).await;
                let failed = done.failure.is_some();
                let outcome = Some(Outcome::Done(done));
                if failed {
                    return Ok((outcome, Some("the template failed; no tenant was touched".to_owned())));
                }
                outcome
            }
        };
        let (canaries, others) = work.tenants.split_at(work.canaries);
        if self.wave(canaries, plan.parallel).await? > 0 {
            return Ok((outcome, Some("a canary failed; the other tenants were not touched".to_owned())));
        }
        let mut rest = others;
        for size in plan::waves(others.len()) {
            let (wave, behind) = rest.split_at(size);
            rest = behind;
            let failed = self.wave(wave, plan.parallel).await?;
            if !rest.is_empty() && plan::is_alarming(failed, size) {
                let why =
                    format!("{failed} of the {size} tenants of a wave failed; the others were not touched");
                return Ok((outcome, Some(why)));
            }
        }
        Ok((outcome, None))
    }

    /// Some tenants, several at once. Returns how many failed.
    async fn wave(&mut self, wave: &[(Place, Vec<Todo>)], parallel: usize) -> Result<usize, ControlError> {
        if wave.is_empty() {
            return Ok(0);
        }
        // Whoever lost the lock may not be alone any more.
        self.lock.batch_execute("").await?;
        let ids: Vec<TenantId> = wave.iter().map(|(place, _)| place.id).collect();
        ledger::begin_change(&self.context.ledger, &ids).await?;
        sleep(HEARD_AFTER).await;
        let (mut tasks, mut waiting, mut failed) = (JoinSet::new(), wave.iter(), 0);
        loop {
            while tasks.len() < parallel.max(1) {
                let Some((place, todo)) = waiting.next() else { break };
                let (context, place, todo) = (Arc::clone(&self.context), place.clone(), todo.clone());
                tasks.spawn(async move {
                    let done = one(&context, &place, &todo).await;
                    (place, done)
                });
            }
            let Some(joined) = tasks.join_next().await else { return Ok(failed) };
            let (place, done) = joined.map_err(|error| ControlError::Task(error.to_string()))?;
            failed += usize::from(done.failure.is_some());
            self.done += 1;
            self.progress.at(self.done, self.of, place.slug.as_str());
            self.outcomes.insert(place.id, done);
        }
    }
}

async fn one(context: &Context, place: &Place, todo: &[Todo]) -> Done {
    let mut done = apply::tenant(context, place, todo).await;
    if let Err(error) = ledger::end_change(&context.ledger, &[place.id]).await
        && done.failure.is_none()
    {
        let error = format!("proxies cannot be told that the schema has changed: {}", describe(&error));
        done.failure = Some(Failure { file: None, error });
    }
    done
}

/// Writes down that schemas have the files up to a number already, without running them.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn baseline(
    client: &mut Client,
    directory: &Path,
    to: i64,
    only: Option<&Slug>,
) -> Result<Vec<(String, u64)>, ControlError> {
    let files = Files::read(directory)?;
    if files.get(to).is_none() {
        return Err(ControlError::Files(vec![format!("there is no file number {to}; correct `--to`")]));
    }
    let mut migrations = files.migrations();
    migrations.retain(|migration| migration.number <= to);
    store::require_current(client).await?;
    let transaction = client.transaction().await?;
    match ledger::lock_run(&transaction).await {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            return Err(ControlError::Migrating);
        }
        other => other?,
    }
    ledger::lock_template(&transaction).await?;
    let mut written = Vec::new();
    for standing in ledger::standings(&transaction, &files.migrations()).await? {
        let target = match (&standing.tenant, only) {
            (Some(place), Some(only)) if place.slug != *only => continue,
            (Some(place), _) => Target::Tenant(place.id),
            (None, Some(_)) => continue,
            (None, None) => Target::Template,
        };
        let who =
            standing.tenant.as_ref().map_or_else(|| "template".to_owned(), |place| place.slug.to_string());
        written.push((who, ledger::baseline(&transaction, target, &migrations).await?));
    }
    if let (Some(only), true) = (only, written.is_empty()) {
        return Err(ControlError::UnknownTenant(only.clone()));
    }
    transaction.commit().await?;
    Ok(written)
}
