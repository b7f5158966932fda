//! `pgtenant rotate-master-key`.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use tokio_postgres::Client;

use crate::cli::connect::AdminArgs;
use crate::cli::place::Place;
use crate::config::Config;
use crate::control::placed::bring_up;
use crate::control::{Checked, ControlError, MasterKeyChange, Outcome, Run, Step, Verdict};
use crate::registry::store;
use crate::tenant::Slug;

/// So often it is looked whether more tenants came meanwhile.
const ROUNDS: usize = 5;

/// Gives all roles on the server their passwords of a new master key, while they are served.
#[derive(Args, Clone, Debug, Default)]
pub struct RotateMasterKeyArgs {
    /// Say what would be done, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print a JSON object for each tenant and for the end.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Runs the command; `progress` is for people who wait.
///
/// # Errors
/// With the remedy. What was done until then stays, and the command can be run again.
pub async fn run(
    args: RotateMasterKeyArgs,
    config: &Config,
    out: &mut dyn Write,
    progress: &mut dyn Write,
) -> Result<()> {
    let mut main = args.admin.connect(config).await?;
    let mut report = Report { json: args.json, out, progress };
    let are_several = !config.clusters.is_empty();
    for name in config.cluster_names() {
        let done = match args.admin.place(config, &name).await? {
            None => one(&args, &mut main, config, &mut report).await,
            Some(mut place) => there(&args, &mut main, &mut place, &mut report).await,
        };
        if are_several { done.with_context(|| format!("cluster {name}"))? } else { done? }
    }
    Ok(())
}

/// Another cluster; then proxies are told which key its tenants' passwords are of.
async fn there(
    args: &RotateMasterKeyArgs,
    main: &mut Client,
    place: &mut Place,
    report: &mut Report<'_>,
) -> Result<()> {
    one(args, &mut place.client, &place.config, report).await?;
    if args.dry_run {
        return Ok(());
    }
    for found in store::summaries_here(&place.client).await.map_err(ControlError::from)? {
        bring_up(main, &place.client, &found.tenant.slug).await?;
    }
    Ok(())
}

/// One database.
async fn one(
    args: &RotateMasterKeyArgs,
    client: &mut Client,
    config: &Config,
    report: &mut Report<'_>,
) -> Result<()> {
    let mode = if args.dry_run { Run::Dry } else { Run::Apply };
    let mut change = MasterKeyChange::begin(client, &config.secrets, mode).await?;
    let own = change.own_roles().await.context("nothing was changed")?;
    report.tell(None, &own, None)?;
    for _ in 0..ROUNDS {
        let pending = change.pending().await?;
        if pending.is_empty() {
            break;
        }
        let count = pending.len();
        for (number, slug) in pending.iter().enumerate() {
            let done = change.tenant(slug).await.with_context(|| {
                format!("tenant {slug}, after {number} of {count}; run this again, it goes on from here")
            })?;
            if let Some(step) = done {
                report.tell(Some(slug), &step, Some((number + 1, count)))?;
            }
        }
        if args.dry_run {
            break;
        }
    }
    report.conclude(&change.finish().await?, args.dry_run)
}

struct Report<'a> {
    json: bool,
    out: &'a mut dyn Write,
    progress: &'a mut dyn Write,
}

impl Report<'_> {
    fn tell(&mut self, slug: Option<&Slug>, step: &Step, place: Option<(usize, usize)>) -> Result<()> {
        if self.json {
            let line = json!({
                "tenant": slug.map(Slug::as_str),
                "what": step.what,
                "changed": step.outcome != Outcome::Unchanged,
            });
            writeln!(self.out, "{line}")?;
        }
        let place = place.map(|(number, count)| format!(" ({number} of {count})")).unwrap_or_default();
        // Who does not look any more does not end it.
        let _ = writeln!(self.progress, "{:<8} {}{place}", step.outcome, step.what);
        Ok(())
    }

    fn conclude(&mut self, verdict: &Verdict, dry_run: bool) -> Result<()> {
        let complete = verdict.missing.is_empty() && !(dry_run && verdict.set > 0);
        if self.json {
            let line = json!({
                "master_key": verdict.mark.to_string(),
                "roles": verdict.roles,
                "set": verdict.set,
                "missing": verdict.missing,
                "checked": match verdict.checked {
                    Checked::Compared => "compared",
                    Checked::Recorded => "recorded",
                },
                "dry_run": dry_run,
                "complete": complete,
            });
            writeln!(self.out, "{line}")?;
        } else {
            writeln!(self.out, "{}", words(verdict, dry_run))?;
        }
        if !verdict.missing.is_empty() {
            bail!(
                "not every role has its password of the new master key yet; run this again, and look at the log of \
                 `pgtenant` and at the registry's rows if it stays so:\n  {}",
                verdict.missing.join("\n  ")
            );
        }
        Ok(())
    }
}

fn words(verdict: &Verdict, dry_run: bool) -> String {
    let Verdict { mark, roles, set, .. } = verdict;
    let known = match verdict.checked {
        Checked::Compared => "compared with what PostgreSQL keeps",
        Checked::Recorded => {
            "as the registry has recorded it; run this as a superuser to have it compared with what PostgreSQL keeps"
        }
    };
    if dry_run {
        return format!(
            "dry run: nothing was changed; {set} of {roles} roles would get a password of master key {mark} ({known})"
        );
    }
    if !verdict.missing.is_empty() {
        return format!(
            "{roles} roles have a password of master key {mark}, {set} of them since now ({known})"
        );
    }
    format!(
        "all {roles} roles have a password of master key {mark}, {set} of them since now ({known})\n\
         no role needs the previous key any more: unset `secrets.previous_master_key_file` everywhere, restart the \
         proxies one after the other, and destroy the key"
    )
}
