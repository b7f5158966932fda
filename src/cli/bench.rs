//! `pgtenant bench`: many tenants and clients through any endpoint, and whether each got its own rows.

mod connection;
mod draw;
mod drive;
mod ledger;
mod pace;
mod prepare;
mod report;
mod target;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::cli::bench::connection::Protocol;
use crate::cli::bench::draw::{Draw, Mix, Skew};
use crate::cli::bench::target::{Patterns, Tenant};
use crate::cli::bench::work::Mode;
use crate::cli::connect::{AdminArgs, secret};
use crate::cli::load::ConfigArgs;
use crate::config::Config;
use crate::registry::describe;

/// Where the tenants' password may be, besides the connection string.
const PASSWORD_VARIABLE: &str = "PGTENANT_BENCH_PASSWORD";

/// Put load on a proxy or server with many tenants, and fail if any answer belongs to another tenant
#[derive(Args, Debug)]
pub(in crate::cli) struct BenchArgs {
    /// Endpoint, for example postgresql://db.internal:6432/app; its user only with --mode set-local or
    /// qualified [default: the configuration's first listening address]
    #[arg(long, value_name = "URL", env = "PGTENANT_BENCH_URL", hide_env_values = true, value_parser = secret)]
    url: Option<SecretString>,
    /// Configuration file, for --prepare or without --url
    #[arg(long, value_name = "FILE", env = "PGTENANT_CONFIG")]
    config: Option<PathBuf>,
    /// File with the password of all users; the environment variable PGTENANT_BENCH_PASSWORD does too
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Create the tenants with their users and tables, and end. Can be run again
    #[arg(long)]
    prepare: bool,
    #[command(flatten)]
    admin: AdminArgs,
    /// Number of tenants, the busiest first
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = count)]
    tenants: usize,
    /// Their slugs, with a number from 1 where the braces are
    #[arg(long, value_name = "PATTERN", default_value = "bench_{n}")]
    slug_pattern: String,
    /// File with the tenants, in place of the two above: a slug a line, and behind it the user if it is
    /// not the pattern's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tenants", "slug_pattern"])]
    tenants_file: Option<PathBuf>,
    /// Their users, with the slug where the braces are
    #[arg(long, value_name = "PATTERN", default_value = "{slug}")]
    user_pattern: String,
    /// Their schemas, for --mode set-local and qualified
    #[arg(long, value_name = "PATTERN", default_value = "tenant_{slug}")]
    schema_pattern: String,
    /// Who names the tenant to the endpoint
    #[arg(long, value_enum, default_value_t = Mode::Login)]
    mode: Mode,
    /// How statements are sent
    #[arg(long, value_enum, default_value_t = Protocol::Extended)]
    protocol: Protocol,
    /// Clients at once, each with one transaction at a time
    #[arg(long, value_name = "M", default_value_t = 10, value_parser = count)]
    clients: usize,
    /// Connections that are kept open while nobody uses them, of one tenant each, for all clients
    /// [default: 10 for each client]
    #[arg(long, value_name = "K", value_parser = count)]
    connections: Option<usize>,
    /// Open a connection of each tenant before anything else, with --mode login
    #[arg(long)]
    connect_first: bool,
    /// How the load is spread over the tenants: uniform, or zipf=EXPONENT
    #[arg(long, default_value_t = Skew::Zipf(1.0))]
    skew: Skew,
    /// Kinds of transactions with their weights: point, range, transaction, write
    #[arg(long, default_value = "point=80,write=15,transaction=5")]
    mix: Mix,
    /// How long to count
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// How long to run before that
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    warmup: Duration,
    /// Transactions a second, of all clients together; latencies then count from when each was due
    /// [default: as many as go]
    #[arg(long, value_name = "R", value_parser = rate)]
    rate: Option<f64>,
    /// Seed of all that is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Exit with 0 in spite of errors. Rows of another tenant are never excused
    #[arg(long)]
    allow_errors: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Most tenants, and most clients.
const MOST: usize = 1_000_000;

fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("a whole number from 1 to {MOST}"))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.01..=1e7).contains(rate));
    rate.ok_or_else(|| "a number of transactions a second, such as 2000".to_owned())
}

/// What to do, read from the arguments.
struct Plan {
    /// Without a user where each tenant has one.
    endpoint: tokio_postgres::Config,
    tenants: Vec<Tenant>,
    mode: Mode,
    protocol: Protocol,
    clients: usize,
    connections: usize,
    connect_first: bool,
    skew: Skew,
    mix: Mix,
    draw: Draw,
    duration: Duration,
    warmup: Duration,
    rate: Option<f64>,
    seed: u64,
}

impl Plan {
    /// The login of a tenant, by its place in the list.
    fn login(&self, tenant: usize) -> tokio_postgres::Config {
        let mut login = self.endpoint.clone();
        if self.mode == Mode::Login {
            login.user(self.tenants[tenant].user.as_str());
        }
        login
    }
}

pub(in crate::cli) fn run(args: &BenchArgs) -> Result<ExitCode> {
    let tenants = args.tenants()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let code = if args.prepare {
        let config =
            args.config()?.context("`--prepare` needs the configuration; name it with `--config`")?;
        let password = args.password()?.with_context(|| {
            format!("`--prepare` needs the password that all users get, in {PASSWORD_VARIABLE} or `--password-file`")
        })?;
        runtime.block_on(prepare::run(&args.admin, &config, &tenants, &password)).map(|()| ExitCode::SUCCESS)
    } else {
        let plan = args.plan(tenants)?;
        let told = report::Told::of(&plan);
        runtime.block_on(drive::run(plan)).map(|outcome| report::print(&told, &outcome, args))
    };
    runtime.shutdown_background();
    code
}

impl BenchArgs {
    fn config(&self) -> Result<Option<Config>> {
        let Some(config) = self.config.clone() else { return Ok(None) };
        Ok(Some(ConfigArgs { config }.load()?))
    }

    fn password(&self) -> Result<Option<SecretString>> {
        if let Some(path) = &self.password_file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the password file {}", path.display()))?;
            return Ok(Some(text.trim_end_matches(['\r', '\n']).into()));
        }
        Ok(std::env::var(PASSWORD_VARIABLE).ok().map(Into::into))
    }

    fn tenants(&self) -> Result<Vec<Tenant>> {
        let patterns = Patterns { users: &self.user_pattern, schemas: &self.schema_pattern };
        match &self.tenants_file {
            Some(path) => target::listed(path, patterns),
            None => target::numbered(self.tenants, &self.slug_pattern, patterns),
        }
    }

    fn plan(&self, tenants: Vec<Tenant>) -> Result<Plan> {
        if self.duration.is_zero() {
            bail!("`--duration` must be more than 0");
        }
        Ok(Plan {
            endpoint: self.endpoint()?,
            draw: Draw::new(self.skew, tenants.len(), self.mix).context("nothing can be drawn")?,
            tenants,
            mode: self.mode,
            protocol: self.protocol,
            clients: self.clients,
            connections: self.connections.unwrap_or(10 * self.clients),
            connect_first: self.connect_first && self.mode == Mode::Login,
            skew: self.skew,
            mix: self.mix,
            duration: self.duration,
            warmup: self.warmup,
            rate: self.rate,
            seed: self.seed,
        })
    }

    fn endpoint(&self) -> Result<tokio_postgres::Config> {
        let mut endpoint = match &self.url {
            Some(url) => url
                .expose_secret()
                .parse::<tokio_postgres::Config>()
                .map_err(|error| anyhow::anyhow!("`--url`: {}", describe(&error)))?,
            None => listening(&self.config()?.context(
                "where to? name the endpoint with `--url`, or the configuration of a proxy with `--config`",
            )?)?,
        };
        match (self.mode, endpoint.get_user()) {
            (Mode::Login, Some(user)) => bail!(
                "with `--mode login` each tenant has a user of its own (`--user-pattern`); take {user:?} out of `--url`"
            ),
            (Mode::SetLocal | Mode::Qualified, None) => {
                bail!(
                    "this mode has one user for all tenants; name it in `--url`, as in postgresql://app@host/db"
                )
            }
            _ => {}
        }
        if endpoint.get_dbname().is_none() {
            bail!("`--url` names no database; write postgresql://host:port/<database>");
        }
        if endpoint.get_password().is_none()
            && let Some(password) = self.password()?
        {
            endpoint.password(password.expose_secret());
        }
        endpoint.application_name("pgtenant bench");
        Ok(endpoint)
    }
}

/// Where a proxy with this configuration listens.
fn listening(config: &Config) -> Result<tokio_postgres::Config> {
    let address = config.listen.addresses.first().context("`listen.addresses` is empty; use `--url`")?;
    let mut endpoint = tokio_postgres::Config::new();
    // All addresses of this machine are listened to, one of them is this.
    let host = match (address.ip().is_unspecified(), address.is_ipv4()) {
        (true, true) => "127.0.0.1".to_owned(),
        (true, false) => "::1".to_owned(),
        (false, _) => address.ip().to_string(),
    };
    endpoint.host(host).port(address.port()).dbname(&config.server.database);
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn plan(line: &str) -> Result<Plan> {
        let words = ["bench"].into_iter().chain(line.split_whitespace());
        let args = Line::try_parse_from(words)?.args;
        args.plan(args.tenants()?)
    }

    #[test]
    fn each_tenant_logs_in_as_its_user_and_one_user_is_all_the_others_need() {
        let user = |plan: &Plan| plan.login(1).get_user().map(str::to_owned);
        let line = "--url postgresql://h:1/d --tenants 2 --user-pattern {slug}.app";
        assert_eq!(user(&plan(line).unwrap()).as_deref(), Some("bench_2.app"));
        let one = plan("--url postgresql://app:pw@h:1/d --mode set-local").unwrap();
        assert_eq!((user(&one).as_deref(), one.tenants.len()), (Some("app"), 100));
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_flag_that_says_it() {
        for (line, part) in [
            ("--url postgresql://h/d --tenants 0", "--tenants"),
            ("--url postgresql://h/d --clients x", "--clients"),
            ("--url postgresql://h/d --skew pareto", "--skew"),
            ("--url postgresql://h/d --mix point", "--mix"),
            ("--url postgresql://h/d --rate 0", "--rate"),
            ("--url postgresql://h/d --duration 5", "--duration"),
            ("--url postgresql://h/d --duration 0s", "--duration"),
            ("--url postgresql://h/d --tenants 3 --tenants-file f", "--tenants-file"),
            ("--url postgresql://h/d --slug-pattern x", "--slug-pattern"),
            ("--url postgresql://h/d --slug-pattern X{n}", "X1"),
            ("--url postgresql://u@h/d", "--user-pattern"),
            ("--url postgresql://h/d --mode qualified", "postgresql://app@host/db"),
            ("--url postgresql://h", "names no database"),
            ("--url postgresql://u:hunter2@h:x/d", "--url"),
        ] {
            let error = format!("{:#}", plan(line).err().unwrap_or_else(|| panic!("{line} passes")));
            assert!(error.contains(part) && !error.contains("hunter2"), "{line}: {error}");
        }
    }
}
