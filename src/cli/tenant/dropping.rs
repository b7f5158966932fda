//! `pgtenant tenant drop`, `undrop` and `purge`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::cli::connect::AdminArgs;
use crate::cli::progress::Line;
use crate::cli::tenant::StatusArgs;
use crate::cli::tenant::backup::{HowArgs, backup_first};
use crate::cli::tenant::output::{steps, steps_json, write_json};
use crate::config::Config;
use crate::control::{
    DropChange, Purge, Run, drop_tenant, due_tenants, end_sessions, placed, plan_purge, purge_tenant,
    undrop_tenant,
};
use crate::tenant::{Slug, Status};

/// The backup that comes first.
#[derive(Args, Clone, Debug, Default)]
pub struct FirstArgs {
    /// Directory for a backup of each tenant that is deleted, with its users, before it is.
    #[arg(long, value_name = "DIR", conflicts_with = "no_backup")]
    pub backup_to: Option<PathBuf>,
    /// Delete without a backup.
    #[arg(long)]
    pub no_backup: bool,
    /// How and how long.
    #[command(flatten)]
    pub how: HowArgs,
}

impl FirstArgs {
    /// Refuses before anything happens where nobody has said what is to become of the data.
    fn require(&self, slug: &Slug) -> Result<()> {
        let Some(dir) = &self.backup_to else {
            if self.no_backup {
                return Ok(());
            }
            bail!(
                "tenant {slug} is deleted for good, and a backup comes first: say where with `--backup-to DIR`, or that you need none with \
                 `--no-backup`"
            );
        };
        if !dir.is_dir() {
            bail!("there is no directory {} for the backup of tenant {slug}; make it first", dir.display());
        }
        Ok(())
    }
}

/// Arguments of `tenant drop`.
#[derive(Args, Clone, Debug)]
pub struct DropArgs {
    /// Which tenant, and how.
    #[command(flatten)]
    pub tenant: StatusArgs,
    /// Delete it now, without a time of grace. Needs `--yes`.
    #[arg(long)]
    pub now: bool,
    /// Yes, delete the data of this tenant for good.
    #[arg(long, requires = "now")]
    pub yes: bool,
    /// What comes before that.
    #[command(flatten)]
    pub backup: FirstArgs,
}

/// Arguments of `tenant undrop`.
#[derive(Args, Clone, Debug)]
pub struct UndropArgs {
    /// Which tenant, and how.
    #[command(flatten)]
    pub tenant: StatusArgs,
    /// Also where it was moved to another server, which is lost, or will never serve it again: nothing looks there.
    #[arg(long)]
    pub although_moved: bool,
}

/// Arguments of `tenant purge`.
#[derive(Args, Clone, Debug)]
pub struct PurgeArgs {
    /// The tenant's short name [default: all whose time of grace is over].
    pub slug: Option<String>,
    /// What comes before that.
    #[command(flatten)]
    pub backup: FirstArgs,
    /// Say what would be deleted, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print a JSON array, with an object for each tenant.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

pub(super) async fn drop(args: &DropArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let (slug, run) = (args.tenant.slug()?, args.tenant.run());
    if args.now && !args.yes && run == Run::Apply {
        bail!("`--now` deletes the data of tenant {slug} for good; add `--yes` if that is meant");
    }
    if args.now && run == Run::Apply {
        // Before anybody is disconnected.
        args.backup.require(&slug)?;
    }
    let mut client = args.tenant.admin.connect(config).await?;
    let grace = if args.now { Duration::ZERO } else { config.tenants.drop_grace };
    let change = match drop_tenant(&mut client, &slug, grace, run).await {
        Err(_) if was_dropped(&mut client, &slug).await => None,
        change => Some(change?),
    };
    if let Some(change) = &change
        && !(args.now && run == Run::Apply)
    {
        return if args.tenant.json {
            told_json(change, out)
        } else {
            told(change, args.tenant.dry_run, out)
        };
    }
    let done = purge_one(&mut client, &slug, (&args.backup, &args.tenant.admin, config), run)
        .await
        .with_context(|| stays(&slug))?;
    if args.tenant.json {
        write_json(&purged_json(&done), out)
    } else {
        purged(&done, args.tenant.dry_run, out)
    }
}

pub(super) async fn undrop(args: &UndropArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let UndropArgs { tenant, although_moved } = args;
    let slug = tenant.slug()?;
    let mut client = tenant.admin.connect(config).await?;
    let change = undrop_tenant(&mut client, &slug, *although_moved, tenant.run()).await?;
    if tenant.json { told_json(&change, out) } else { told(&change, tenant.dry_run, out) }
}

/// One tenant that cannot be deleted does not stop the others.
pub(super) async fn purge(args: &PurgeArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let run = if args.dry_run { Run::Dry } else { Run::Apply };
    let mut client = args.admin.connect(config).await?;
    let slugs = match &args.slug {
        Some(slug) => vec![Slug::parse(slug)?],
        None => due_tenants(&client).await?,
    };
    let (mut objects, mut failed) = (Vec::new(), Vec::new());
    let line = Line::new();
    for (number, slug) in slugs.iter().enumerate() {
        line.count("tenants", number, slugs.len(), slug.as_str());
        let allowed = if args.dry_run { Ok(()) } else { args.backup.require(slug) };
        let done = match allowed {
            Ok(()) => purge_one(&mut client, slug, (&args.backup, &args.admin, config), run).await,
            Err(error) => Err(error),
        };
        line.end();
        match done {
            Ok(done) if args.json => objects.push(purged_json(&done)),
            Ok(done) => purged(&done, args.dry_run, out)?,
            Err(error) => {
                objects.push(
                    json!({ "slug": slug.as_str(), "outcome": "failed", "error": format!("{error:#}") }),
                );
                failed.push(error.context(stays(slug)));
            }
        }
    }
    if args.json {
        write_json(&objects.into(), out)?;
    } else if slugs.is_empty() {
        writeln!(out, "no tenant is due")?;
    }
    let count = failed.len();
    match failed.into_iter().next() {
        None => Ok(()),
        Some(first) if count == 1 => Err(first),
        Some(first) => Err(first.context(format!("{count} of {} tenants were not deleted", slugs.len()))),
    }
}

fn stays(slug: &Slug) -> String {
    format!("tenant {slug} is not deleted")
}

async fn was_dropped(client: &mut Client, slug: &Slug) -> bool {
    plan_purge(client, slug).await.is_ok_and(|plan| plan.summary.is_none())
}

/// What is in the way is said before anybody is disconnected or anything written.
async fn purge_one(
    client: &mut Client,
    slug: &Slug,
    (first, admin, config): (&FirstArgs, &AdminArgs, &Config),
    run: Run,
) -> Result<Purge> {
    let mut place = admin.place_of(config, client, slug).await?;
    let mut plan = match &mut place {
        None => plan_purge(client, slug).await?,
        Some(place) => placed::plan(client, &mut place.client, slug).await?,
    };
    let Some(summary) = plan.summary.clone().filter(|_| run == Run::Apply) else { return Ok(plan) };
    let there = place.as_ref().map_or(&*client, |place| &place.client);
    plan.steps.push(end_sessions(there, &summary.tenant).await?);
    if let Some(dir) = &first.backup_to {
        plan.steps.push(backup_first(slug, dir, &first.how, config).await?);
    }
    let steps = match &mut place {
        None => purge_tenant(client, &plan).await?,
        Some(place) => placed::purge(client, &mut place.client, &plan).await?,
    };
    plan.steps.extend(steps);
    Ok(plan)
}

fn told(change: &DropChange, dry: bool, out: &mut dyn Write) -> Result<()> {
    steps(std::slice::from_ref(&change.step), &[], out)?;
    let tenant = &change.summary.tenant;
    let (is, slug) = (if dry { "would be" } else { "is" }, &tenant.slug);
    match (&change.state, tenant.status == change.before) {
        (Some(state), _) => writeln!(
            out,
            "tenant {slug} {is} out of service, and deleted by `pgtenant tenant purge` after {}\n\
             until then `pgtenant tenant undrop {slug}` keeps it",
            state.after
        )?,
        (None, true) => writeln!(out, "tenant {slug} is {}", tenant.status.as_str())?,
        (None, false) => writeln!(out, "tenant {slug} {is} {}, and kept", tenant.status.as_str())?,
    }
    if dry {
        writeln!(out, "dry run: nothing was changed")?;
    }
    Ok(())
}

fn told_json(change: &DropChange, out: &mut dyn Write) -> Result<()> {
    let tenant = &change.summary.tenant;
    write_json(
        &json!({
            "slug": tenant.slug.as_str(),
            "status": tenant.status.as_str(),
            "before": change.before.as_str(),
            "drop_after": change.state.as_ref().map(|state| state.after.clone()),
            "outcome": change.step.outcome.to_string(),
        }),
        out,
    )
}

fn purged(done: &Purge, dry: bool, out: &mut dyn Write) -> Result<()> {
    steps(&done.steps, &[], out)?;
    match (&done.summary, dry) {
        (None, _) => writeln!(out, "tenant {} is not there any more", done.slug)?,
        (Some(_), false) => writeln!(out, "tenant {} is deleted", done.slug)?,
        (Some(summary), true) => writeln!(
            out,
            "tenant {} would be deleted: {} objects of schema {}, in {} transactions\ndry run: nothing was changed",
            done.slug,
            done.objects,
            summary.tenant.names.schema.as_str(),
            done.transactions
        )?,
    }
    Ok(())
}

fn purged_json(done: &Purge) -> Value {
    let is_there = done.summary.as_ref().is_some_and(|summary| summary.tenant.status == Status::Dropping);
    json!({
        "slug": done.slug.as_str(),
        "outcome": match (is_there, done.steps.is_empty()) {
            (false, _) => "gone",
            (true, true) => "would be removed",
            (true, false) => "removed",
        },
        "objects": done.objects,
        "transactions": done.transactions,
        "steps": steps_json(&done.steps),
    })
}
