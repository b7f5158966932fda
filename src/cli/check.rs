//! `pgtenant check`: is this configuration good, and does it fit the machine and the server?

mod machine;
mod server;
mod sql;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::load::ConfigArgs;
use crate::cli::{EXIT_USAGE, ONLY_REPORTS, block_on, out};
use crate::config::problem::{Place, Problem, Problems};
use crate::config::tls::ListenMode;
use crate::config::{Config, GuardMode, ServerAddress};
use crate::tokens::Tokens;

/// Check the configuration, and whether the server and the addresses in it can be used
#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true)]
pub(in crate::cli) struct CheckArgs {
    #[command(subcommand)]
    command: Option<CheckCommand>,
    /// Configuration file in TOML; docs/config.md has every key
    // As in ConfigArgs, but a subcommand has its own.
    #[arg(long, value_name = "FILE", env = "PGTENANT_CONFIG", required = true)]
    config: Option<PathBuf>,
    /// Check the file and the environment only, without touching the network
    #[arg(long)]
    offline: bool,
    /// Print one JSON object: {"ok": …, "problems": […]}, with "warnings" if there are any
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum CheckCommand {
    Sql(sql::SqlArgs),
}

pub(in crate::cli) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    if let Some(CheckCommand::Sql(sql)) = &args.command {
        return sql::run(sql, args.config.as_ref(), args.json);
    }
    let file = ConfigArgs { config: args.config.clone().unwrap_or_default() };
    let mut warnings = Vec::new();
    let result = file.load().and_then(|config| key_files(&config).map(|()| config)).map(|config| {
        warnings.extend((config.guard.mode == GuardMode::Report).then(|| ONLY_REPORTS.to_owned()));
        let mut problems = Problems::default();
        warnings.extend(tls::check(&config, &mut problems));
        if args.offline {
            Ok(problems.unless_any(Some(summary(&config, None))))
        } else {
            online(&config, problems)
        }
    });
    let result = match result {
        Ok(checked) => checked?,
        Err(problems) => Err(problems),
    };
    if args.json {
        let problems = result.as_ref().err().cloned().unwrap_or_default();
        let mut found = json!({ "ok": result.is_ok(), "problems": problems });
        if !warnings.is_empty() {
            found["warnings"] = json!(warnings);
        }
        out::line(found);
        return Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) });
    }
    for warning in warnings {
        out::error(format_args!("pgtenant: WARNING: {warning}"));
    }
    out::line(format_args!("{} is good\n{}", file.name(), result?));
    Ok(ExitCode::SUCCESS)
}

/// Reads the files with keys, as `serve` would at its start.
fn key_files(config: &Config) -> Result<(), Problems> {
    let mut problems = Problems::default();
    if let Err(error) = Tokens::open(&config.auth, Arc::default()) {
        problems.push(Problem {
            place: Place::Machine,
            key: Some(error.key.to_owned()),
            wrong: format!("{}: {}", error.path.display(), error.why),
            remedy: "correct the file, or name another one".to_owned(),
        });
    }
    problems.unless_any(Some(()))
}

/// Asks the machine and the server; the summary, or all that was found.
fn online(config: &Config, mut problems: Problems) -> anyhow::Result<Result<String, Problems>> {
    machine::check(&config.listen, &mut problems);
    let version = block_on(async {
        let version = server::check(config, &mut problems).await;
        for at in config.clusters.keys().filter_map(|name| config.at(name)) {
            server::check(&at, &mut problems).await;
        }
        Ok(version)
    })?;
    Ok(problems.unless_any(Some(summary(config, version.as_deref()))))
}

fn summary(config: &Config, version: Option<&str>) -> String {
    let told = |address: &SocketAddr| {
        let tls = match config.listen.tls.as_ref().map(|tls| tls.mode_at(*address)) {
            None | Some(ListenMode::Off) => "",
            Some(ListenMode::Required) => " (TLS required)",
            Some(ListenMode::Preferred) => " (TLS preferred)",
        };
        format!("{address}{tls}")
    };
    let mut listen: Vec<String> = config.listen.addresses.iter().map(told).collect();
    listen.extend(config.listen.unix_socket_dir.iter().map(|dir| dir.display().to_string()));
    let server = match &config.server.address {
        ServerAddress::Tcp(host, port) => format!("{host} port {port}"),
        ServerAddress::Unix(path) => path.display().to_string(),
    };
    let found = version.map_or_else(
        || "not asked (--offline)".to_owned(),
        |version| format!("PostgreSQL {version}, login {} works", config.registry.user),
    );
    format!(
        "  listen    {} (at most {} clients)\n  server    {server}, database {}: {found}\n  pool      \
         at most {} server connections, {} of one tenant",
        listen.join(", "),
        config.listen.max_clients,
        config.server.database,
        config.pool.max_server_connections,
        config.limits.max_server_connections,
    )
}
