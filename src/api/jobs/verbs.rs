//! Backup, restore and clone, as jobs.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::input::{Body, DryRun, Named, Params, cluster, slug};
use crate::api::jobs::book::Progress;
use crate::api::jobs::{Running, accept, backups, existing};
use crate::api::problem::Problem;
use crate::control::Run;
use crate::control::backup::{self, Backup, BackupOptions, Programs, RestoreOptions, Restored, WorkPlace};
use crate::control::placed::{cluster_of, config_of};
use crate::tenant::{ClusterName, Slug};

/// Notes and failures of a job that are told; of the others how many there are.
pub(super) const MOST_TOLD: usize = 50;

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
    let config = &job.api.config;
    let name = cluster_of(&registry, slug).await?.unwrap_or_else(|| config.cluster.clone());
    if name == config.cluster {
        return Ok(backup::backup((&registry, &registry), slug, config, options, &tell).await?);
    }
    let at = config_of(config, &name)?;
    let there = job.admin_at(&at).await?;
    Ok(backup::backup((&registry, &there), slug, &at, options, &tell).await?)
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
    cluster: Option<String>,
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
    let cluster = cluster(&api, body.cluster.as_deref())?;
    let target = options.slug.clone();
    accept(&api, "restore", target.as_ref(), async move |job: Running| {
        load(&job, &options, cluster.as_ref()).await.into()
    })
}

/// On this cluster, where the tenant is new; else where it is, or where new ones go.
async fn load(
    job: &Running,
    options: &RestoreOptions,
    cluster: Option<&ClusterName>,
) -> Result<Value, Problem> {
    let (mut admin, config) = (job.admin().await?, &job.api.config);
    let tell = |what: &'static str, bytes| job.tell(Progress::Bytes(what, bytes));
    let (name, slug) = backup::destination(&admin, options, cluster, &config.tenants.cluster).await?;
    let done = if name == config.cluster {
        backup::restore(&mut admin, config, options, &tell, job.stopped()).await?
    } else {
        let at = config_of(config, &name)?;
        let mut there = job.admin_at(&at).await?;
        let ends = (&mut admin, &mut there);
        backup::restore_at(ends, &slug, (&at, options), &tell, job.stopped()).await?
    };
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
        copy(&job, (&old, new), programs, dry.run()).await.into()
    })
}

async fn copy(
    job: &Running,
    (old, new): (&Slug, Slug),
    programs: Programs,
    run: Run,
) -> Result<Value, Problem> {
    let place = WorkPlace::new(&job.api.jobs.work.work_dir, &format!("clone-{}", uuid::Uuid::new_v4()));
    let dump = BackupOptions { to: place.path().to_owned(), with_users: false, programs: programs.clone() };
    job.unless_stopped(take(job, old, &dump)).await?;
    let options = RestoreOptions {
        from: place.path().to_owned(),
        slug: Some(new),
        replace: false,
        run,
        programs,
        arrival: None,
        reserved: None,
    };
    // Where the tenant is, so that the two can be told apart by nothing but their names.
    let cluster = cluster_of(&job.admin().await?, old).await?;
    load(job, &options, cluster.as_ref()).await
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
