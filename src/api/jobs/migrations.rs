//! Migrations of all clusters, as one job.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::input::{Body, DryRun, Params, slug};
use crate::api::jobs::book::{End, Progress};
use crate::api::jobs::verbs::MOST_TOLD;
use crate::api::jobs::{Running, accept};
use crate::api::problem::Problem;
use crate::config::Config;
use crate::control::Run;
use crate::control::migrate::{self, Connections, MigratePlan, MigrateReport, Outcome};
use crate::control::placed::tell_states;
use crate::tenant::ClusterName;

/// Tenants that are migrated at once where nothing is said, and at most.
const PARALLEL: (u16, u16) = (4, 64);

/// How often a file is tried that others keep from its locks, as by the command.
const ATTEMPTS: u32 = 8;

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

/// Applies the files of `migrations.directory` that the templates and the tenants lack.
pub(crate) async fn migrate(
    State(api): State<Arc<Api>>,
    Params(dry): Params<DryRun>,
    Body(body): Body<MigrateBody>,
) -> Result<Response, Problem> {
    let (plan, run) = (body.check()?, dry.run());
    let Some(directory) = api.config.migrations.directory.clone() else {
        let detail =
            "no directory of migrations is configured; set `migrations.directory` and start the API again";
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_migrations", detail));
    };
    accept(&api, "migrate", plan.only.clone().as_ref(), async move |job: Running| {
        let mut parts = Vec::new();
        let ended = all(&job, (&directory, &plan), run, &mut parts).await;
        migrated(&parts, ended.err(), run)
    })
}

/// What became of a cluster.
type Part = (ClusterName, MigrateReport);

/// One cluster after the other. What stopped one run stops the others.
async fn all(
    job: &Running,
    (directory, plan): (&Path, &MigratePlan),
    run: Run,
    parts: &mut Vec<Part>,
) -> Result<(), Problem> {
    let plans = migrate::plans(&job.admin().await?, &job.api.config, plan).await?;
    for (at, plan) in plans {
        let report = match run {
            Run::Dry => {
                let work =
                    async { Ok(migrate::dry_run(job.admin_at(&at).await?, directory, &plan, &at).await?) };
                job.unless_stopped(work).await?
            }
            Run::Apply => apply(job, &at, directory, &plan).await?,
        };
        let stopped = report.stopped.is_some();
        parts.push((at.cluster, report));
        if stopped {
            break;
        }
    }
    Ok(())
}

async fn apply(
    job: &Running,
    at: &Config,
    directory: &Path,
    plan: &MigratePlan,
) -> Result<MigrateReport, Problem> {
    let connections = Connections {
        lock: job.admin_at(at).await?,
        ledger: job.admin_at(at).await?,
        template: job.admin_at(at).await?,
    };
    tell(job, at, true).await?;
    let work = async { Ok(migrate::migrate(connections, directory, plan, at, &mut Told(job)).await?) };
    let report = job.unless_stopped(work).await;
    // Also where it failed, or was ended: the registry there says which of them do not rest.
    let rests = tell(job, at, false).await;
    let report = report?;
    rests?;
    Ok(report)
}

/// Proxies read the registry of `main`: that schemas of another cluster change is said there, too.
async fn tell(job: &Running, at: &Config, changing: bool) -> Result<(), Problem> {
    if at.cluster == job.api.config.cluster {
        return Ok(());
    }
    let (main, there) = (job.admin().await?, job.admin_at(at).await?);
    Ok(tell_states(&main, &there, &at.cluster, changing).await?)
}

struct Told<'a>(&'a Running);

impl migrate::Progress for Told<'_> {
    fn at(&mut self, done: usize, of: usize, _last: &str) {
        self.0.tell(Progress::Count("migrated", done, of));
    }
}

/// How many, and what failed; `GET /v1/migrations` has the rest.
fn migrated(parts: &[Part], broke_off: Option<Problem>, run: Run) -> End {
    if parts.is_empty()
        && let Some(problem) = broke_off
    {
        return Err(problem).into();
    }
    let tenants = || parts.iter().flat_map(|(_, report)| &report.tenants);
    let count = |is: &str| tenants().filter(|(_, one)| word(one) == is).count();
    let failed: Vec<Value> = parts
        .iter()
        .flat_map(|(cluster, report)| report.failed().map(move |failed| (cluster, failed)))
        .take(MOST_TOLD)
        .map(|(cluster, (who, failure))| {
            json!({ "cluster": cluster.as_str(), "schema": who, "file": failure.file, "error": failure.error })
        })
        .collect();
    let result = json!({
        "dry_run": run == Run::Dry,
        "template": template(parts),
        "tenants": {
            "migrated": count("migrated"),
            "failed": count("failed"),
            "pending": count("pending"),
            "up_to_date": count("up_to_date"),
        },
        "clusters": parts.iter().map(|(cluster, _)| cluster.as_str()).collect::<Vec<_>>(),
        "failed": failed,
        "stopped": parts.iter().find_map(|(_, report)| report.stopped.as_ref()),
    });
    let problem = broke_off.or_else(|| {
        (!failed.is_empty()).then(|| {
            let detail = "some schemas failed: each is left as its last whole file has made it; put right what the result \
                 tells, and send it again";
            Problem::new(StatusCode::CONFLICT, "migration_failed", detail)
        })
    });
    End { result: Some(result), problem }
}

/// Of all templates the worst; `None` where one tenant was asked for.
fn template(parts: &[Part]) -> Option<&'static str> {
    let words: Vec<_> = parts.iter().filter_map(|(_, report)| report.template.as_ref().map(word)).collect();
    ["failed", "pending", "migrated", "up_to_date"].into_iter().find(|word| words.contains(word))
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
    fn several_templates_are_told_by_the_worst() {
        let part =
            |template| (ClusterName::MAIN, MigrateReport { template, tenants: Vec::new(), stopped: None });
        assert_eq!(template(&[part(None)]), None);
        let (current, pending) = (part(Some(Outcome::Current)), part(Some(Outcome::Pending(Vec::new()))));
        assert_eq!(template(&[current, pending]), Some("pending"));
    }
}
