//! The command line: what the commands are, and how they end.

pub mod api;
mod audit_file;
mod bench;
mod check;
pub mod cluster;
pub mod connect;
mod demo;
mod health;
pub mod init;
pub mod key;
pub mod load;
pub mod master_key;
pub mod migrate;
pub mod out;
mod place;
pub mod progress;
pub mod serve;
pub mod statics;
pub mod tenant;
pub mod token;
pub mod user;
pub mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::problem::Problems;
use crate::config::{Log, LogFormat};
use crate::telemetry::{self, Lines};

/// A PostgreSQL proxy that keeps schema-per-tenant databases apart.
#[derive(Debug, Parser)]
#[command(name = "pgtenant", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Api(api::ApiArgs),
    Bench(Box<bench::BenchArgs>),
    Check(check::CheckArgs),
    Demo(demo::DemoArgs),
    Health(health::HealthArgs),
    /// Make the database ready for tenants: registry, roles, common schemas. Can be run again
    Init {
        #[command(flatten)]
        config: load::ConfigArgs,
        #[command(flatten)]
        args: init::InitArgs,
    },
    /// Create, list and revoke API keys
    Key {
        #[command(flatten)]
        config: load::ConfigArgs,
        #[command(subcommand)]
        command: key::KeyCommand,
    },
    /// Apply migrations to the template and to all tenants, and show where they stand
    Migrate {
        #[command(flatten)]
        config: load::ConfigArgs,
        #[command(subcommand)]
        command: migrate::MigrateCommand,
    },
    /// Give all roles on the server their passwords of a new master key, while they are served. Can be run again
    RotateMasterKey {
        #[command(flatten)]
        config: load::ConfigArgs,
        #[command(flatten)]
        args: master_key::RotateMasterKeyArgs,
    },
    Serve(serve::ServeArgs),
    /// For tenants that stand in a file, without a registry: verifiers for it, and what the database needs
    Static {
        #[command(subcommand)]
        command: statics::StaticCommand,
    },
    /// Create, list and show tenants
    Tenant {
        #[command(flatten)]
        config: load::ConfigArgs,
        #[command(subcommand)]
        command: tenant::TenantCommand,
    },
    /// Add, list and remove users, and give them passwords
    User {
        #[command(flatten)]
        config: load::ConfigArgs,
        #[command(subcommand)]
        command: user::UserCommand,
    },
    /// Make tokens
    Token {
        #[command(flatten)]
        config: load::ConfigArgs,
        #[command(subcommand)]
        command: token::TokenCommand,
    },
    /// Prove that tenants are kept apart: audit the catalogs, and attack through the running proxy with two tenants of its
    /// own. Exit code 0 if they are, 1 if something says otherwise, 2 if it could not be looked
    Verify {
        #[command(flatten)]
        config: load::ConfigArgs,
        #[command(flatten)]
        args: verify::VerifyArgs,
    },
}

impl Command {
    fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Api(args) => api::run(args),
            Self::Bench(args) => bench::run(args),
            Self::Check(args) => check::run(args),
            Self::Demo(args) => demo::run(args),
            Self::Health(args) => health::run(args),
            Self::Init { config, args } => {
                let config = config.load_with_registry()?;
                block_on(init::run(args.clone(), &config, &mut std::io::stdout()))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Key { config, command } => {
                let config = config.load_with_registry()?;
                block_on(key::run(command.clone(), &config, &mut std::io::stdout()))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Migrate { config, command } => {
                let config = config.load_with_registry()?;
                let mut bar = progress::Bar::new("tenants");
                block_on(migrate::run(command.clone(), &config, &mut std::io::stdout(), &mut bar))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::RotateMasterKey { config, args } => {
                let config = config.load_with_registry()?;
                let (mut output, mut progress) = (std::io::stdout(), std::io::stderr());
                block_on(master_key::run(args.clone(), &config, &mut output, &mut progress))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Serve(args) => serve::run(args),
            Self::Static { command } => {
                statics::run(command, &mut std::io::stdin().lock(), &mut std::io::stdout())?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Tenant { config, command } => {
                let config = config.load_with_registry()?;
                let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout());
                block_on(tenant::run(command.clone(), &config, &mut input, &mut output))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::User { config, command } => {
                let config = config.load_with_registry()?;
                let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout());
                block_on(user::run(command.clone(), &config, &mut input, &mut output))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Token { config, command } => {
                let config = config.load()?;
                block_on(token::run(command.clone(), &config, &mut std::io::stdout()))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Verify { config, args } => {
                let config = config.load_with_registry()?;
                let done = block_on(verify::run(args.clone(), &config, &mut std::io::stdout()));
                done.or_else(|error| verify::could_not(&error, args.json, &mut std::io::stdout()))
            }
        }
    }
}

/// The exit code for a wrong command line or configuration, as clap and many shells have it.
pub const EXIT_USAGE: u8 = 2;

/// What is said at the start of whatever serves with a guard that only reports.
pub(in crate::cli) const ONLY_REPORTS: &str = "guard.mode is \"report\": the guard does NOT refuse what \
    PostgreSQL's privileges stand behind, it only logs it; set guard.mode to \"enforce\" when the log is quiet";

/// Runs the command that the arguments name; the first of them is the program.
///
/// The exit code is 0 when it succeeded, 2 when the command line or the configuration is wrong, and 1
/// when anything else failed.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(help_or_error) => {
            // Nothing is left to tell when not even this can be written.
            let _ = help_or_error.print();
            return ExitCode::from(u8::try_from(help_or_error.exit_code()).unwrap_or(EXIT_USAGE));
        }
    };
    cli.command.run().unwrap_or_else(|error| complain(&error))
}

/// Tells an error to a person, and gives the exit code it stands for.
fn complain(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Problems>() {
        Some(problems) => {
            out::error(format_args!("pgtenant: {}\n\n{problems}", problems.summary()));
            ExitCode::from(EXIT_USAGE)
        }
        None => {
            out::error(format_args!("pgtenant: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command's future to its end on this thread.
///
/// # Errors
/// The future's own, or why no runtime could be made.
pub fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(future);
    // A name that is still being looked up would hold up the end by many seconds.
    runtime.shutdown_background();
    result
}

/// Starts logging as `[log]` says.
///
/// # Errors
/// When logging was started before.
pub fn start_log(log: &Log) -> anyhow::Result<telemetry::Log> {
    let lines = match log.format {
        LogFormat::Text => Lines::Text,
        LogFormat::Json => Lines::Json,
    };
    let audit = match &log.audit_file {
        None => None,
        Some(path) => Some(
            audit_file::open(path)
                .map_err(|error| anyhow::anyhow!("log.audit_file: {}", audit_file::remedy(path, &error)))?,
        ),
    };
    telemetry::start(&log.filter, lines, audit).context("cannot start logging")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn problems_of_the_configuration_exit_with_2_and_other_errors_with_1() {
        let code = |error: anyhow::Error| format!("{:?}", complain(&error));
        assert_eq!(code(Problems::default().into()), format!("{:?}", ExitCode::from(2)));
        let wrapped = anyhow::Error::from(Problems::default()).context("while starting");
        assert_eq!(code(wrapped), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(anyhow::anyhow!("no")), format!("{:?}", ExitCode::FAILURE));
    }
}
