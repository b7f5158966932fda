//! `pgtenant verify`: are tenants kept apart, here and now?

mod output;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio_postgres::Client;

use crate::cli::EXIT_USAGE;
use crate::cli::connect::AdminArgs;
use crate::cli::progress::Line;
use crate::config::tls::{ListenMode, ServerMode, ServerTls};
use crate::config::{Config, ServerAddress};
use crate::control::placed::config_of;
use crate::control::verify::{Accepted, AuditScope, Finding, audit, canary, of_cluster};
use crate::registry::Registry;
use crate::server::connect::Endpoint;
use crate::tenant::ClusterName;

/// One audit that takes longer is given up.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(120);

/// Arguments of `verify`.
#[derive(Args, Clone, Debug, Default)]
pub struct VerifyArgs {
    /// Leave out the attack: audit catalogs and configuration only, which takes neither an administrator nor a running proxy.
    #[arg(long)]
    pub no_canary: bool,
    /// Where the proxy is, `host:port` or the path of its Unix socket [default: the first of `listen`].
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_canary")]
    pub proxy: Option<String>,
    /// Do it again every so often, such as `5m`, until it is interrupted.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub watch: Option<Duration>,
    /// Print one JSON object; with `--watch` one a line.
    #[arg(long)]
    pub json: bool,
    /// Who makes the two tenants of the attack.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// What one run found.
#[derive(Debug)]
pub(in crate::cli) struct Outcome {
    tenants: i64,
    audited_in: Duration,
    /// What counts, the worst first.
    findings: Vec<Finding>,
    /// What the configuration accepts.
    accepted: Vec<Finding>,
    attacked: Vec<canary::Attacked>,
    attacked_in: Duration,
}

impl Outcome {
    /// Whether nothing of severity error or above was found.
    fn is_clean(&self) -> bool {
        !self.findings.iter().any(|finding| finding.check.severity.fails())
    }
}

/// Runs the command: 0 when tenants are kept apart, 1 when a finding says otherwise, 2 when it could not be looked.
pub async fn run(args: VerifyArgs, config: &Config, out: &mut dyn Write) -> Result<ExitCode> {
    let Some(period) = args.watch else {
        return once(&args, config, out)
            .await
            .map(|outcome| if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    };
    loop {
        if let Err(error) = once(&args, config, out).await {
            could_not(&error, args.json, out)?;
        }
        out.flush()?;
        tokio::time::sleep(period).await;
    }
}

/// Tells why nothing could be said, and gives the exit code for it.
pub(in crate::cli) fn could_not(error: &anyhow::Error, json: bool, out: &mut dyn Write) -> Result<ExitCode> {
    output::could_not(error, json, out)?;
    Ok(ExitCode::from(EXIT_USAGE))
}

async fn once(args: &VerifyArgs, config: &Config, out: &mut dyn Write) -> Result<Outcome> {
    let outcome = look(args, config).await?;
    match (args.json, args.watch.is_some()) {
        (true, false) => output::json(&outcome, out)?,
        (true, true) => output::json_line(&outcome, out)?,
        (false, _) => output::table(&outcome, out)?,
    }
    Ok(outcome)
}

async fn look(args: &VerifyArgs, config: &Config) -> Result<Outcome> {
    let accepted = Accepted::parse(&config.verify.accept)?;
    let registry = Registry::connect(&config.server, &config.registry, &config.secrets).await?;
    let reader = registry.sweeper().await?;
    let (begin, line) = (Instant::now(), Line::new());
    line.step("auditing all tenants");
    let audited = tokio::time::timeout(AUDIT_TIMEOUT, audit(&reader, AuditScope::of(config))).await;
    let mut findings = audited.with_context(|| format!("the audit took longer than {AUDIT_TIMEOUT:?}"))??;
    for name in config.clusters.keys() {
        line.step(&format!("auditing the tenants of cluster {name}"));
        findings.extend(audit_there(config, name).await.with_context(|| format!("cluster {name}"))?);
    }
    let audited_in = begin.elapsed();
    let row = reader.query_one("SELECT pg_catalog.count(*) FROM pgtenant.tenants", &[]).await?;
    let tenants = row.try_get(0)?;
    let begin = Instant::now();
    let attacked = if args.no_canary { Vec::new() } else { attack(args, config, &reader, &line).await? };
    findings.splice(0..0, attacked.iter().flat_map(|attacked| attacked.findings.clone()));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.check.severity));
    let (findings, accepted) = accepted.split(findings);
    Ok(Outcome { tenants, audited_in, findings, accepted, attacked, attacked_in: begin.elapsed() })
}

/// Attacks on each cluster: another server, perhaps of another version, and with rights of its own.
async fn attack(
    args: &VerifyArgs,
    config: &Config,
    reader: &Client,
    line: &Line,
) -> Result<Vec<canary::Attacked>> {
    let needed = "the attack needs an administrator to make its two tenants; `--no-canary` leaves it out";
    let proxy = endpoint(args.proxy.as_deref(), config)?;
    let mut admin = args.admin.connect(config).await.context(needed)?;
    let mut attacked = Vec::new();
    for name in config.cluster_names() {
        let mut place = args.admin.place(config, &name).await.context(needed)?;
        for level in canary::levels_in_use(reader, config, &name).await? {
            line.step(&format!("attacking{} at level {}", output::on(&name), level.as_str()));
            let other = place.as_mut().map(|place| (&place.name, &mut place.client));
            let mut ground = canary::Ground { main: &mut admin, other };
            let done = canary::attack(&mut ground, config, &proxy, level).await;
            attacked.push(if name.is_main() {
                done?
            } else {
                done.with_context(|| format!("cluster {name}"))?
            });
        }
    }
    Ok(attacked)
}

/// What there is to find on another cluster.
async fn audit_there(config: &Config, name: &ClusterName) -> Result<Vec<Finding>> {
    let at = config_of(config, name)?;
    let registry = Registry::connect(&at.server, &at.registry, &at.secrets).await?;
    let reader = registry.sweeper().await?;
    let audited = tokio::time::timeout(AUDIT_TIMEOUT, audit(&reader, AuditScope::of(&at))).await;
    let found = audited.with_context(|| format!("the audit took longer than {AUDIT_TIMEOUT:?}"))??;
    Ok(of_cluster(found, name))
}

/// Where the proxy is. Who it is need not be verified: it proves that it knows the password of a tenant made just now.
fn endpoint(given: Option<&str>, config: &Config) -> Result<Endpoint> {
    let require = ServerTls { mode: ServerMode::Require, ca: None, identity: None };
    let tls = |mode: Option<ListenMode>| match mode {
        None | Some(ListenMode::Off) => ServerTls::OFF,
        Some(ListenMode::Preferred | ListenMode::Required) => require.clone(),
    };
    let usual = config.listen.tls.as_ref().map(|tls| tls.mode);
    if let Some(given) = given {
        if given.starts_with('/') {
            return Ok(Endpoint::at(ServerAddress::Unix(PathBuf::from(given)), &ServerTls::OFF));
        }
        let parsed = given.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let Some((host, port)) = parsed else {
            bail!("`--proxy` is host:port, such as 127.0.0.1:6432, or the path of a Unix socket")
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        return Ok(Endpoint::at(ServerAddress::Tcp(host, port), &tls(usual)));
    }
    let Some(first) = config.listen.addresses.first() else {
        bail!("`listen.addresses` is empty; say where the proxy is with `--proxy`")
    };
    if let Some(dir) = &config.listen.unix_socket_dir {
        let path = dir.join(format!(".s.PGSQL.{}", first.port()));
        return Ok(Endpoint::at(ServerAddress::Unix(path), &ServerTls::OFF));
    }
    let host = match first.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        ip => ip.to_string(),
    };
    let mode = config.listen.tls.as_ref().map(|tls| tls.mode_at(*first));
    Ok(Endpoint::at(ServerAddress::Tcp(host, first.port()), &tls(mode)))
}
