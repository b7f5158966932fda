//! Backup, restore, clone and migrations, as jobs.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::input::{Body, DryRun, Named, Params, slug};
use crate::api::jobs::book::{End, Progress};
use crate::api::jobs::{Running, accept, backups, existing};
use crate::api::problem::Problem;
use crate::control::backup::{self, Backup, BackupOptions, RestoreOptions, Restored, WorkPlace};
use crate::control::migrate::{self, Connections, MigratePlan, MigrateReport, Outcome};
use crate::control::placed::cluster_of;
use crate::control::{ControlError, Run};
use crate::tenant::Slug;

/// Notes and failures of a job that are told; of the others how many there are.
const MOST_TOLD: usize = 50;

/// Tenants that are migrated at once where nothing is said, and at most.
const PARALLEL: (u16, u16) = (4, 64);

/// How often a file is tried that others keep from its locks, as by the command.
const ATTEMPTS: u32 = 8;

/// The first of these, so that what is kept is bounded.
pub(super) fn bounded(mut notes: Vec<String>) -> Vec<String> {
    let more = notes.len().saturating_sub(MOST_TOLD);
    notes.truncate(MOST_TOLD);
    if more > 0 {
        notes.push(format!("and {more} more, which the command tells"));
    }
    notes
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupBody {
    #[serde(default)]
    with_users: bool,
}

/// A backup in the configured directory, under a name of slug and time.
pub(crate) async fn backup(
    State(api): State<Arc<Api>>,
    name: Named,
    Body(body): Body<BackupBody>,
) -> Result<Response, Problem> {
    let options = BackupOptions {
        to: api.jobs.backup_dir()?.clone(),
        with_users: body.with_users,
        programs: api.jobs.programs()?,
    };
    let slug = existing(&api, &name).await?;
    accept(&api, "backup", Some(&slug.clone()), async move |job: Running| {
        let done = job.unless_stopped(take(&job, &slug, &options)).await;
        done.map(|done| backed_up(&done)).into()
    })
}

async fn take(job: &Running, slug: &Slug, options: &BackupOptions) -> Result<Backup, Problem> {
    let registry = job.admin().await?;
    let tell = |what: &'static str, bytes| job.tell(Progress::Bytes(what, bytes));
    let api = &job.api;
    let name = cluster_of(&registry, slug).await?.unwrap_or_else(|| api.config.cluster.clone());
    match api.place(&name).await? {
        Some(there) => {
            let at = api.config.at(&name).ok_or_else(|| Problem::invalid("the cluster is not configured"))?;
            Ok(backup::backup((&registry, &*there), slug, &at, options, &tell).await?)
        }
        None => Ok(backup::backup((&registry, &registry), slug, &api.config, options, &tell).await?),
    }
}

fn backed_up(done: &Backup) -> Value {
    let Backup { path, manifest, sha256 } = done;
    json!({
        "slug": manifest.tenant.slug,
        "backup": path.file_name().map(|name| name.to_string_lossy()),
        "created_at": manifest.created_at,
        "tables": manifest.tables.len(),
        "rows": manifest.rows(),
        "bytes": manifest.dump_bytes,
        "sha256": sha256,
        "users": manifest.users.as_ref().map(Vec::len),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreBody {
    slug: Option<String>,
    #[serde(default)]
    replace: bool,
}

/// A backup of the configured directory becomes a tenant, or takes the place of one's data.
pub(crate) async fn restore(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
    Body(body): Body<RestoreBody>,
) -> Result<Response, Problem> {
    let options = RestoreOptions {
        from: backups::find(api.jobs.backup_dir()?, &name.0)?,
        slug: body.slug.as_deref().map(slug).transpose()?,
        replace: body.replace,
        run: dry.run(),
        programs: api.jobs.programs()?,
        arrival: None,
        reserved: None,
    };
    let target = options.slug.clone();
    accept(&api, "restore", target.as_ref(), async move |job: Running| load(&job, &options).await.into())
}

async fn load(job: &Running, options: &RestoreOptions) -> Result<Value, Problem> {
    let mut admin = job.admin().await?;
    let tell = |what: &'static str, bytes| job.tell(Progress::Bytes(what, bytes));
    let done = backup::restore(&mut admin, &job.api.config, options, &tell, job.stopped()).await?;
    Ok(restored(done, options.run))
}

/// Without the password of the user that was created: what is kept of a job is told more than once. Nobody knows it.
fn restored(done: Restored, run: Run) -> Value {
    let user = done.created.as_ref().and_then(|made| made.user.as_ref());
    json!({
        "slug": done.slug.as_str(),
        "of": done.manifest.tenant.slug,
        "created_at": done.manifest.created_at,
        "tables": done.manifest.tables.len(),
        "rows": done.manifest.rows(),
        "replaced": done.replaced,
        "created": done.created.is_some(),
        "dry_run": run == Run::Dry,
        "user": user.map(crate::tenant::Ident::as_str),
        "notes": bounded(done.notes),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloneBody {
    slug: String,
}

/// A backup that is restored at once as another tenant.
pub(crate) async fn clone(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
    Body(body): Body<CloneBody>,
) -> Result<Response, Problem> {
    let (new, programs) = (slug(&body.slug)?, api.jobs.programs()?);
    let old = existing(&api, &name).await?;
    if old == new {
        return Err(Problem::invalid("`slug`: the clone needs another short name"));
    }
    accept(&api, "clone", Some(&old.clone()), async move |job: Running| {
        let place = WorkPlace::new(&job.api.jobs.work.work_dir, &format!("clone-{}", uuid::Uuid::new_v4()));
        let dump =
            BackupOptions { to: place.path().to_owned(), with_users: false, programs: programs.clone() };
        if let Err(problem) = job.unless_stopped(take(&job, &old, &dump)).await {
            return Err(problem).into();
        }
        let options = RestoreOptions {
            from: place.path().to_owned(),
            slug: Some(new),
            replace: false,
            run: dry.run(),
            programs,
            arrival: None,
            reserved: None,
        };
        load(&job, &options).await.into()
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MigrateBody {
    tenant: Option<String>,
    to: Option<i64>,
    parallel: Option<u16>,
    #[serde(default)]
    canaries: Vec<String>,
    #[serde(default)]
    more_canaries: u16,
    #[serde(default)]
    out_of_order: bool,
}

impl MigrateBody {
    fn check(self) -> Result<MigratePlan, Problem> {
        let parallel = self.parallel.unwrap_or(PARALLEL.0);
        if !(1..=PARALLEL.1).contains(&parallel) {
            return Err(Problem::invalid(format!("`parallel` is from 1 to {}", PARALLEL.1)));
        }
        if self.tenant.is_some() && (!self.canaries.is_empty() || self.more_canaries > 0) {
            return Err(Problem::invalid("where one `tenant` is migrated there are no canaries"));
        }
        Ok(MigratePlan {
            only: self.tenant.as_deref().map(slug).transpose()?,
            to: self.to,
            parallel: usize::from(parallel),
            canaries: self.canaries.iter().map(|text| slug(text)).collect::<Result<_, _>>()?,
            more_canaries: usize::from(self.more_canaries),
            out_of_order: self.out_of_order,
            attempts: ATTEMPTS,
        })
    }
}

/// Applies the files of `migrations.directory` that the template and the tenants lack.
pub(crate) async fn migrate(
    State(api): State<Arc<Api>>,
    Params(dry): Params<DryRun>,
    Body(body): Body<MigrateBody>,
) -> Result<Response, Problem> {
    let (plan, run) = (body.check()?, dry.run());
    if api.config.migrations.directory.is_none() {
        let detail =
            "no directory of migrations is configured; set `migrations.directory` and start the API again";
        return Err(Problem::new(axum::http::StatusCode::NOT_FOUND, "no_migrations", detail));
    }
    accept(&api, "migrate", plan.only.clone().as_ref(), async move |job: Running| {
        match job.unless_stopped(apply(&job, &plan, run)).await {
            Ok(report) => migrated(&report, run),
            Err(problem) => Err(problem).into(),
        }
    })
}

async fn apply(job: &Running, plan: &MigratePlan, run: Run) -> Result<MigrateReport, Problem> {
    let config = &job.api.config;
    let Some(directory) = &config.migrations.directory else {
        return Err(ControlError::Files(vec!["there is no directory".to_owned()]).into());
    };
    if run == Run::Dry {
        return Ok(migrate::dry_run(job.admin().await?, directory, plan, config).await?);
    }
    let connections =
        Connections { lock: job.admin().await?, ledger: job.admin().await?, template: job.admin().await? };
    Ok(migrate::migrate(connections, directory, plan, config, &mut Told(job)).await?)
}

struct Told<'a>(&'a Running);

impl migrate::Progress for Told<'_> {
    fn at(&mut self, done: usize, of: usize, _last: &str) {
        self.0.tell(Progress::Count("migrated", done, of));
    }
}

/// How many, and what failed; `GET /v1/migrations` has the rest.
fn migrated(report: &MigrateReport, run: Run) -> End {
    let count = |is: fn(&Outcome) -> bool| report.tenants.iter().filter(|(_, one)| is(one)).count();
    let failed: Vec<Value> = report
        .failed()
        .take(MOST_TOLD)
        .map(|(who, failure)| json!({ "schema": who, "file": failure.file, "error": failure.error }))
        .collect();
    let result = json!({
        "dry_run": run == Run::Dry,
        "template": report.template.as_ref().map(word),
        "tenants": {
            "migrated": count(|one| word(one) == "migrated"),
            "failed": count(|one| word(one) == "failed"),
            "pending": count(|one| word(one) == "pending"),
            "up_to_date": count(|one| word(one) == "up_to_date"),
        },
        "failed": failed,
        "stopped": report.stopped,
    });
    let problem = (!failed.is_empty()).then(|| {
        let detail = "some schemas failed: each is left as its last whole file has made it; put right what the result tells, and \
             send it again";
        Problem::new(axum::http::StatusCode::CONFLICT, "migration_failed", detail)
    });
    End { result: Some(result), problem }
}

const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Current => "up_to_date",
        Outcome::Done(done) if done.failure.is_some() => "failed",
        Outcome::Done(_) => "migrated",
        Outcome::Pending(_) => "pending",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_and_say_how_many_there_are() {
        let many: Vec<String> = (0..MOST_TOLD + 3).map(|n| n.to_string()).collect();
        let told = bounded(many);
        assert_eq!(
            (told.len(), told[MOST_TOLD].as_str()),
            (MOST_TOLD + 1, "and 3 more, which the command tells")
        );
        assert_eq!(bounded(vec!["one".to_owned()]), ["one"]);
    }
}
