//! `pgtenant init`.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cli::connect::AdminArgs;
use crate::cli::place::cluster_name;
use crate::config::Config;
use crate::control::placed::config_of;
use crate::control::{HardenReport, InitPlan, Run, Severity, Step, harden, init, remove_hardening};
use crate::tenant::{ClusterName, Ident};

/// Makes the database ready for tenants: registry, roles, common schemas. Can be run again.
#[derive(Args, Clone, Debug, Default)]
pub struct InitArgs {
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
    /// Also closes, in the database, every way to change the role from inside a tenant's code, and gives
    /// each tenant its own advisory locks and notification channels. Takes a superuser.
    #[arg(long)]
    pub harden: bool,
    /// Takes the hardening out again. Takes a superuser.
    #[arg(long, conflicts_with = "harden")]
    pub remove_hardening: bool,
    /// The master key is lost: goes on with another one. Afterwards run `pgtenant rotate-master-key`, and restart all
    /// proxies.
    #[arg(long, conflicts_with = "remove_hardening")]
    pub lost_master_key: bool,
    /// Only the cluster of this name, `main` or one of `[clusters.NAME]`; without, all that the configuration describes, `main`
    /// first.
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    pub cluster: Option<ClusterName>,
    /// With --harden or --remove-hardening: says what would be done, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// With the remedy; nothing was changed then.
pub async fn run(args: InitArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    if args.dry_run && !args.harden && !args.remove_hardening {
        bail!("`--dry-run` goes with `--harden` or `--remove-hardening`");
    }
    let names: Vec<ClusterName> = match &args.cluster {
        Some(name) => vec![name.clone()],
        None => config.cluster_names().collect(),
    };
    let are_several = config.cluster_names().count() > 1;
    for name in names {
        let at = config_of(config, &name)?;
        if are_several {
            writeln!(out, "cluster {name}, at {}:", at.server.address)?;
        }
        let done = one(&args, &at, out).await;
        if are_several { done.with_context(|| format!("cluster {name}"))? } else { done? }
    }
    Ok(())
}

/// The database of one cluster.
async fn one(args: &InitArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let mode = if args.dry_run { Run::Dry } else { Run::Apply };
    let user = &config.registry.user;
    let plan = InitPlan {
        registry_role: Ident::parse(user).context("`registry.user` is no role name")?,
        secrets: config.secrets.clone(),
        key_is_lost: args.lost_master_key,
        spares: config.pool.spare_connections > 0,
        schemas: config.schemas.clone(),
    };
    let mut client = args.admin.connect(config).await?;
    let database = &config.server.database;
    if args.remove_hardening {
        write_steps(&remove_hardening(&mut client, mode).await?, out)?;
        writeln!(out, "{}", if args.dry_run { DRY } else { "the hardening is removed" })?;
    } else if args.harden {
        write_report(&harden(&mut client, &plan, mode).await?, out)?;
        if args.dry_run {
            writeln!(out, "{DRY}")?;
        } else {
            writeln!(out, "database {database} is ready for tenants, and hardened")?;
        }
    } else {
        write_steps(&init(&mut client, &plan).await?, out)?;
        writeln!(out, "database {database} is ready for tenants")?;
    }
    Ok(())
}

/// Last line of a dry run.
const DRY: &str = "dry run: nothing was changed";

fn write_steps(steps: &[Step], out: &mut dyn Write) -> Result<()> {
    for step in steps {
        writeln!(out, "{:<8} {}", step.outcome, step.what)?;
    }
    Ok(())
}

fn write_report(report: &HardenReport, out: &mut dyn Write) -> Result<()> {
    write_steps(&report.steps, out)?;
    for finding in &report.findings {
        writeln!(out, "{:<8} {finding}", finding.severity)?;
    }
    let broken = report.findings.iter().filter(|finding| finding.severity == Severity::Breaks).count();
    if broken > 0 {
        let (noun, verb) = if broken == 1 { ("finding", "breaks") } else { ("findings", "break") };
        writeln!(out, "{broken} {noun} above {verb} the hardening until put right")?;
    }
    Ok(())
}
