//! A tenant's move to another installation, as a job.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::input::{Body, DryRun, Named, Params, cluster, slug};
use crate::api::jobs::book::Progress;
use crate::api::jobs::verbs::bounded;
use crate::api::jobs::{Installation, Jobs, Running, accept, connect, existing};
use crate::api::problem::Problem;
use crate::control::moving::{
    End, Ends, MoveOptions, Moved, Side, Told, Undone, move_between, move_tenant, origin, undo_between,
    undo_move,
};
use crate::control::placed::config_of;
use crate::control::{Run, Step};
use crate::tenant::ClusterName;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveBody {
    to: Option<String>,
    /// Another cluster, in place of another installation.
    cluster: Option<String>,
    slug: Option<String>,
    #[serde(default)]
    undo: bool,
    #[serde(default)]
    yes: bool,
}

/// Moves a tenant to an installation that the operator has named, or brings it back from there.
pub(crate) async fn start(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
    Body(body): Body<MoveBody>,
) -> Result<Response, Problem> {
    if body.undo && body.slug.is_some() {
        return Err(Problem::invalid("`slug` is said of a move, and not of one that is undone"));
    }
    if body.yes && !body.undo {
        return Err(Problem::invalid("`yes` is said with `undo`"));
    }
    let to = match (&body.to, cluster(&api, body.cluster.as_deref())?) {
        (Some(to), None) => {
            installation(&api.jobs, to)?;
            To::Installation(to.clone())
        }
        (None, Some(_)) if body.slug.is_some() || body.yes => {
            return Err(Problem::invalid("`slug` and `yes` are said of a move to another installation"));
        }
        (None, Some(cluster)) => To::Cluster(cluster),
        _ => {
            return Err(Problem::invalid(
                "a tenant is moved to another installation (`to`), or to a `cluster`",
            ));
        }
    };
    let to_slug = body.slug.as_deref().map(slug).transpose()?;
    let programs = api.jobs.programs()?;
    let slug = existing(&api, &name).await?;
    let options = MoveOptions {
        to_slug: to_slug.unwrap_or_else(|| slug.clone()),
        slug,
        work_dir: api.jobs.work.work_dir.clone(),
        run: dry.run(),
        programs,
    };
    let (verb, tenant) = (if body.undo { "undo_move" } else { "move" }, options.slug.clone());
    accept(&api, verb, Some(&tenant), async move |job: Running| match to {
        To::Installation(to) => carry_out(&job, &options, (&to, &body)).await.into(),
        To::Cluster(to) => between(&job, &options, (&to, body.undo)).await.into(),
    })
}

enum To {
    Installation(String),
    Cluster(ClusterName),
}

fn tell(job: &Running, told: Told) {
    job.tell(match told {
        Told::Bytes(what, bytes) => Progress::Bytes(what, bytes),
        Told::Tables(done, of) => Progress::Count("compared", done, of),
    });
}

async fn between(
    job: &Running,
    options: &MoveOptions,
    (to, undo): (&ClusterName, bool),
) -> Result<Value, Problem> {
    let (mut admin, config) = (job.admin().await?, &job.api.config);
    let from = origin(&admin, &options.slug).await?;
    let (here, there) = (config_of(config, &from)?, config_of(config, to)?);
    let mut left = if from == config.cluster { None } else { Some(job.admin_at(&here).await?) };
    let mut right = if *to == config.cluster { None } else { Some(job.admin_at(&there).await?) };
    let mut ends = Ends {
        main: &mut admin,
        from: End { config: &here, admin: left.as_mut() },
        to: End { config: &there, admin: right.as_mut() },
    };
    let dry = options.run == Run::Dry;
    if undo {
        return Ok(undone(&undo_between(&mut ends, options).await?, dry));
    }
    let done = move_between(&mut ends, options, &|told| tell(job, told), job.stopped()).await?;
    Ok(moved(done, dry))
}

fn installation<'a>(jobs: &'a Jobs, name: &str) -> Result<&'a Installation, Problem> {
    jobs.work.installations.get(name).ok_or_else(|| {
        let known: Vec<&str> = jobs.work.installations.keys().map(String::as_str).collect();
        let detail = match known[..] {
            [] => "no other installation is configured; start the API with --installations-file".to_owned(),
            _ => format!("`to` is one of the other installations: {}", known.join(", ")),
        };
        Problem::new(StatusCode::NOT_FOUND, "unknown_installation", detail)
    })
}

async fn carry_out(
    job: &Running,
    options: &MoveOptions,
    (to, body): (&str, &MoveBody),
) -> Result<Value, Problem> {
    let other = installation(&job.api.jobs, to)?;
    let mut admin = job.admin().await?;
    let mut other_admin = connect(&other.login, &other.config).await?;
    let mut here = Side { admin: &mut admin, config: &job.api.config };
    let mut there = Side { admin: &mut other_admin, config: &other.config };
    let dry = options.run == Run::Dry;
    if body.undo {
        return Ok(undone(&undo_move(&mut here, &mut there, options, body.yes).await?, dry));
    }
    let done = move_tenant(&mut here, &mut there, options, &|told| tell(job, told), job.stopped()).await?;
    Ok(moved(done, dry))
}

fn moved(done: Moved, dry: bool) -> Value {
    json!({
        "slug": done.slug.as_str(),
        "to_slug": done.to_slug.as_str(),
        "to": done.peer,
        "status": done.status.as_str(),
        "dry_run": dry,
        "tables": done.compared.map(|(tables, _)| tables),
        "rows": done.compared.map(|(_, rows)| rows),
        "bytes": done.size.1,
        "drop_after": done.drop_after,
        "users": bounded(done.users),
        "steps": steps(&done.steps),
        "notes": bounded(done.notes),
    })
}

fn undone(done: &Undone, dry: bool) -> Value {
    json!({
        "slug": done.slug.as_str(),
        "to_slug": done.to_slug.as_str(),
        "to": done.peer,
        "status": done.status.as_str(),
        "dry_run": dry,
        "was_in_service": done.was_in_service,
        "steps": steps(&done.steps),
    })
}

fn steps(steps: &[Step]) -> Vec<String> {
    bounded(steps.iter().map(|step| format!("{} {}", step.outcome, step.what)).collect())
}
