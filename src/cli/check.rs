//! `pgtenant check`: is this configuration good, and does it fit the machine and the server?

mod machine;
mod server;

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::cli::load::ConfigArgs;
use crate::cli::{EXIT_USAGE, block_on, out};
use crate::config::problem::Problems;
use crate::config::{Config, ServerAddress};

/// Check the configuration, and whether the server and the addresses in it can be used
#[derive(Args, Debug)]
pub(in crate::cli) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Check the file and the environment only, without touching the network
    #[arg(long)]
    offline: bool,
    /// Print one JSON object: {"ok": …, "problems": […]}
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let result = match args.config.load() {
        Ok(config) if args.offline => Ok(summary(&config, None)),
        Ok(config) => online(&config)?,
        Err(problems) => Err(problems),
    };
    if args.json {
        out::line(
            json!({ "ok": result.is_ok(), "problems": result.as_ref().err().cloned().unwrap_or_default() }),
        );
        return Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) });
    }
    out::line(format_args!("{} is good\n{}", args.config.name(), result?));
    Ok(ExitCode::SUCCESS)
}

/// Asks the machine and the server; the summary, or all that was found.
fn online(config: &Config) -> anyhow::Result<Result<String, Problems>> {
    let mut problems = Problems::default();
    machine::check(&config.listen, &mut problems);
    let version = block_on(async { Ok(server::check(config, &mut problems).await) })?;
    Ok(problems.unless_any(Some(summary(config, version.as_deref()))))
}

fn summary(config: &Config, version: Option<&str>) -> String {
    let mut listen: Vec<String> = config.listen.addresses.iter().map(ToString::to_string).collect();
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
        config.pool.max_server_connections_per_tenant,
    )
}
