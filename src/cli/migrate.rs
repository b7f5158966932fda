//! `pgtenant migrate up`, `status`, `drift` and `baseline`.

mod clusters;
mod output;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use tokio_postgres::Client;

use crate::cli::connect::{AdminArgs, connect_reader};
use crate::cli::migrate::clusters::Told;
use crate::config::Config;
use crate::control::ControlError;
use crate::control::migrate::{
    self, Connections, Files, MigratePlan, MigrateReport, Progress, baseline, drift, dry_run,
};
use crate::tenant::{ClusterName, Slug};

/// How often a file is tried that others keep from its locks: with rests that grow, some twenty seconds.
const ATTEMPTS: u32 = 8;

/// How many of those that failed the last line names.
const NAMED: usize = 10;

/// What to do with migrations.
#[derive(Clone, Debug, Subcommand)]
pub enum MigrateCommand {
    /// Apply the files that the template and the tenants lack. Run again, it goes on from where it was.
    Up(UpArgs),
    /// Show which files are applied where, and what failed.
    Status(StatusArgs),
    /// Compare the tenants' schemas with the template, as PostgreSQL's catalogs have them. Exits with 1 where one differs.
    Drift(DriftArgs),
    /// Write down that schemas have the files up to a number already, without running them.
    Baseline(BaselineArgs),
}

/// Arguments of `migrate up`.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// Directory with the files [default: the configuration's `migrations.directory`].
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// One tenant only, by its short name; neither the template nor anybody else.
    #[arg(long, value_name = "SLUG", conflicts_with = "canary")]
    pub tenant: Option<String>,
    /// The last file, by its number [default: all].
    #[arg(long, value_name = "N")]
    pub to: Option<i64>,
    /// Tenants at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: u16,
    /// Tenants that come first: a short name, or how many. If one of them fails, the others are left alone. May be given more than once.
    #[arg(long, value_name = "SLUG or N")]
    pub canary: Vec<String>,
    /// Apply a file also where a later one is applied already.
    #[arg(long)]
    pub out_of_order: bool,
    /// Say what would be done and which files would be refused, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Arguments of `migrate status`.
#[derive(Args, Clone, Debug, Default)]
pub struct StatusArgs {
    /// Directory with the files [default: the configuration's `migrations.directory`].
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `migrate drift`.
#[derive(Args, Clone, Debug, Default)]
pub struct DriftArgs {
    /// One tenant only, by its short name.
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// Print a JSON array of the tenants that differ.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `migrate baseline`.
#[derive(Args, Clone, Debug)]
pub struct BaselineArgs {
    /// Directory with the files [default: the configuration's `migrations.directory`].
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// The last file that is there already, by its number.
    #[arg(long, value_name = "N")]
    pub to: i64,
    /// One tenant only, by its short name [default: the template and all tenants].
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<String>,
    /// Print a JSON array.
    #[arg(long)]
    pub json: bool,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Runs the command.
///
/// # Errors
/// With the remedy; also where a schema failed or differs, after all was told.
pub async fn run(
    command: MigrateCommand,
    config: &Config,
    out: &mut dyn Write,
    progress: &mut dyn Progress,
) -> Result<()> {
    match command {
        MigrateCommand::Up(args) => up(&args, config, out, progress).await,
        MigrateCommand::Status(args) => status(&args, config, out).await,
        MigrateCommand::Drift(args) => drifts(&args, config, out, progress).await,
        MigrateCommand::Baseline(args) => base(&args, config, out).await,
    }
}

fn directory<'a>(given: Option<&'a PathBuf>, config: &'a Config) -> Result<&'a Path> {
    let directory = given.or(config.migrations.directory.as_ref());
    directory.map(PathBuf::as_path).context(
        "no directory of migrations is configured; set `migrations.directory`, or name one with `--directory`",
    )
}

fn slug(text: Option<&String>) -> Result<Option<Slug>> {
    Ok(text.map(|text| Slug::parse(text)).transpose()?)
}

async fn up(args: &UpArgs, config: &Config, out: &mut dyn Write, progress: &mut dyn Progress) -> Result<()> {
    let directory = directory(args.directory.as_ref(), config)?;
    let (canaries, more_canaries) = canaries(&args.canary)?;
    let plan = MigratePlan {
        only: slug(args.tenant.as_ref())?,
        to: args.to,
        parallel: usize::from(args.parallel),
        canaries,
        more_canaries,
        out_of_order: args.out_of_order,
        attempts: ATTEMPTS,
    };
    let (mut reports, mut broke_off): (Vec<Part>, _) = (Vec::new(), None);
    for (there, plan) in clusters::plans(config, &plan).await? {
        // What stopped one run stops the others.
        if reports.iter().any(|part| part.report.stopped.is_some()) {
            break;
        }
        let report = up_at(args, (config, &there), (directory, &plan), progress).await;
        match named(report, config, &there) {
            Ok(report) => {
                reports
                    .push(Part { cluster: (!config.clusters.is_empty()).then_some(there.cluster), report });
            }
            Err(error) => {
                broke_off = Some(error);
                break;
            }
        }
    }
    // What was done before is told all the same.
    if reports.is_empty()
        && let Some(error) = broke_off
    {
        return Err(error);
    }
    if args.json {
        output::report_json(&reports, args.dry_run, out)?;
    } else {
        output::report(&reports, args.dry_run, out)?;
    }
    broke_off.map_or_else(|| conclude(&reports), Err)
}

/// What became of one cluster; without a name where there is only one.
pub(super) struct Part {
    pub(super) cluster: Option<ClusterName>,
    pub(super) report: MigrateReport,
}

/// Says of which cluster an error is, where there are several.
fn named<T>(done: Result<T>, config: &Config, there: &Config) -> Result<T> {
    if config.clusters.is_empty() { done } else { done.with_context(|| format!("cluster {}", there.cluster)) }
}

async fn up_at(
    args: &UpArgs,
    (config, there): (&Config, &Config),
    (directory, plan): (&Path, &MigratePlan),
    progress: &mut dyn Progress,
) -> Result<MigrateReport> {
    let admin = &args.admin;
    if args.dry_run {
        return Ok(dry_run(admin.connect(there).await?, directory, plan, there).await?);
    }
    let connections = Connections {
        lock: admin.connect(there).await?,
        ledger: admin.connect(there).await?,
        template: admin.connect(there).await?,
    };
    let told = Told::begin(admin, config, there).await?;
    let report = migrate::migrate(connections, directory, plan, there, progress).await;
    let rests = told.end().await;
    let report = report?;
    rests?;
    Ok(report)
}

/// Short names, and how many more.
fn canaries(given: &[String]) -> Result<(Vec<Slug>, usize)> {
    let (mut named, mut more) = (Vec::new(), 0);
    for text in given {
        match text.parse() {
            Ok(count) => more = count,
            Err(_) => named.push(Slug::parse(text)?),
        }
    }
    Ok((named, more))
}

fn conclude(reports: &[Part]) -> Result<()> {
    let of = |part: &Part| -> Vec<String> {
        let at = part.cluster.as_ref().map(|cluster| format!(" on {cluster}")).unwrap_or_default();
        part.report.failed().map(|(who, _)| format!("{who}{at}")).collect()
    };
    let failed: Vec<String> = reports.iter().flat_map(of).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let more = match failed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = failed.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let what = if failed.len() == 1 { "schema" } else { "schemas" };
    let stopped = reports.iter().find_map(|part| part.report.stopped.as_ref());
    let stopped = stopped.map_or_else(String::new, |why| format!("; {why}"));
    bail!(
        "{} {what} failed: {named}{more}{stopped}. A schema is left as its last whole file has made it; put right what \
         is told above and run this again",
        failed.len()
    )
}

/// Whoever reads the registry; what is asked about all tenants may take longer than what a proxy asks.
async fn reader(config: &Config) -> Result<Client> {
    let client = connect_reader(config).await?;
    client.batch_execute("SET statement_timeout = '5min'").await.map_err(ControlError::from)?;
    Ok(client)
}

async fn status(args: &StatusArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let files = Files::read(directory(args.directory.as_ref(), config)?)?;
    let mut standings = Vec::new();
    for there in clusters::all_or_of(config, None).await? {
        let client = reader(&there).await?;
        let found = migrate::standings(&client, &files).await.map_err(Into::into);
        standings.extend(named(found, config, &there)?);
    }
    let conflicts: Vec<String> = standings
        .iter()
        .filter_map(|standing| migrate::pending(&files, standing, None, true).err())
        .map(|conflict| conflict.to_string())
        .collect();
    if args.json {
        output::status_json(&files, &standings, &conflicts, out)?;
    } else {
        output::status(&files, &standings, out)?;
    }
    match conflicts.first() {
        None => Ok(()),
        Some(first) => {
            bail!("{} schemas do not go together with the files; the first: {first}", conflicts.len())
        }
    }
}

async fn drifts(
    args: &DriftArgs,
    config: &Config,
    out: &mut dyn Write,
    progress: &mut dyn Progress,
) -> Result<()> {
    let only = slug(args.tenant.as_ref())?;
    let mut found = Vec::new();
    for there in clusters::all_or_of(config, only.as_ref()).await? {
        let client = reader(&there).await?;
        found.extend(drift(&client, &there.schemas.template, only.as_ref(), progress).await?);
    }
    let differing = found.iter().filter(|drift| !drift.differences.is_empty()).count();
    if args.json {
        output::drift_json(&found, out)?
    } else {
        output::drift(&found, out)?
    }
    if differing > 0 {
        bail!("{differing} of {} tenants are not like the template", found.len());
    }
    Ok(())
}

async fn base(args: &BaselineArgs, config: &Config, out: &mut dyn Write) -> Result<()> {
    let directory = directory(args.directory.as_ref(), config)?;
    let only = slug(args.tenant.as_ref())?;
    let mut written = Vec::new();
    for there in clusters::all_or_of(config, only.as_ref()).await? {
        let mut client = args.admin.connect(&there).await?;
        written.extend(baseline(&mut client, directory, args.to, only.as_ref()).await?);
    }
    if args.json { output::baseline_json(&written, out) } else { output::baseline(&written, args.to, out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canaries_are_names_and_a_number() {
        let given = ["acme", "3", "beta"].map(str::to_owned);
        let (named, more) = canaries(&given).unwrap();
        assert_eq!(named.iter().map(Slug::as_str).collect::<Vec<_>>(), ["acme", "beta"]);
        assert_eq!(more, 3);
        assert!(canaries(&["No".to_owned()]).is_err());
    }
}
