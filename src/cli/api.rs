//! `pgtenant api`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::api::{Api, BearerTokens, Installation, LongWork, Parts};
use crate::cli::cluster::find_clients;
use crate::cli::connect::AdminArgs;
use crate::cli::load::ConfigArgs;
use crate::cli::start_log;
use crate::config::Config;
use crate::control::backup::Programs;
use crate::tokens::read_secret;

/// Permission bits that nobody but the owner of a secret file may have.
const OTHERS_MAY: u32 = 0o077;

/// Serve the HTTP API: create, show, suspend and change tenants from programs
///
/// It holds the administrator's login, so it is a process of its own: tenants must not reach it. It listens on this machine only;
/// put a web server with TLS in front of it for others.
#[derive(Args, Clone, Debug)]
pub struct ApiArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    options: ApiOptions,
}

/// How the API is served.
#[derive(Args, Clone, Debug)]
pub struct ApiOptions {
    /// Address of this machine to listen on.
    #[arg(long, value_name = "ADDRESS", env = "PGTENANT_API_LISTEN", default_value = "127.0.0.1:6480")]
    pub listen: SocketAddr,
    /// File with the tokens of those who may call, one a line, closed to others; make one with `openssl rand -hex 32`.
    #[arg(long, value_name = "FILE", env = "PGTENANT_API_TOKEN_FILE")]
    pub token_file: PathBuf,
    /// File with the secret that Stripe signs its events with (`whsec_…`), closed to others; without it there is no webhook.
    #[arg(long, value_name = "FILE", env = "PGTENANT_API_STRIPE_SECRET_FILE")]
    pub stripe_secret_file: Option<PathBuf>,
    /// Connections of the administrator's at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub max_connections: u32,
    /// What verbs that take long are done with.
    #[command(flatten)]
    pub jobs: JobOptions,
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// How verbs that take long are done.
#[derive(Args, Clone, Debug)]
pub struct JobOptions {
    /// Directory of backups, the only place where the API writes and reads them; without it it makes none.
    #[arg(long, value_name = "DIR", env = "PGTENANT_API_BACKUP_DIR")]
    pub backup_dir: Option<PathBuf>,
    /// Directory for data on their way, when a tenant is cloned or moved [default: the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// File with the other installations where tenants may be moved to, in TOML, closed to others; see the manual.
    #[arg(long, value_name = "FILE", env = "PGTENANT_API_INSTALLATIONS_FILE")]
    pub installations_file: Option<PathBuf>,
    /// Directory of pg_dump and pg_restore [default: found, see the manual].
    #[arg(long, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
    /// Jobs at once; others wait.
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub max_jobs: u16,
    /// Give a job up after this time.
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = humantime::parse_duration)]
    pub job_time_limit: Duration,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            backup_dir: None,
            work_dir: None,
            installations_file: None,
            pg_bin: None,
            max_jobs: 2,
            job_time_limit: Duration::from_secs(12 * 3600),
        }
    }
}

impl JobOptions {
    fn read(&self) -> Result<LongWork> {
        let programs = find_clients(self.pg_bin.as_deref());
        if self.backup_dir.is_some() || self.pg_bin.is_some() {
            // Whoever asks for backups is told now what keeps them from being made.
            programs.as_ref().map_err(|error| anyhow!("{error:#}"))?;
        }
        let programs = programs
            .map(|dir| Programs { pg_dump: dir.join("pg_dump"), pg_restore: dir.join("pg_restore") })
            .map_err(|error| format!("{error:#}"));
        let work_dir = self.work_dir.clone().unwrap_or_else(std::env::temp_dir);
        for dir in [Some(&work_dir), self.backup_dir.as_ref()].into_iter().flatten() {
            if !dir.is_dir() {
                bail!("there is no directory {}; make it first", dir.display());
            }
        }
        Ok(LongWork {
            backup_dir: self.backup_dir.clone(),
            work_dir,
            programs,
            installations: self
                .installations_file
                .as_deref()
                .map(installations)
                .transpose()?
                .unwrap_or_default(),
            at_once: usize::from(self.max_jobs),
            time_limit: self.job_time_limit,
        })
    }
}

/// The file of other installations: a table for each, by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OtherInstallation {
    /// Configuration file of its proxy.
    config: PathBuf,
    /// Connection string of an administrator there.
    admin_url: SecretString,
}

fn installations(path: &Path) -> Result<BTreeMap<String, Installation>> {
    let text = secret_file(path)?;
    let tables: BTreeMap<String, OtherInstallation> =
        // The error's own words would show the line, which may hold a password.
        toml::from_str(text.expose_secret()).map_err(|error| {
            let before = error.span().and_then(|at| text.expose_secret().get(..at.start));
            let line = before.map_or(1, |text| text.matches('\n').count() + 1);
            anyhow!(
                "{}, about line {line}: this is not a table [name] with `config` and `admin_url` for each installation",
                path.display()
            )
        })?;
    let mut found = BTreeMap::new();
    for (name, table) in tables {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !(1..=63).contains(&name.len()) || !name.bytes().all(letter) {
            bail!("{}: the name of an installation has 1 to 63 letters, digits, _ or -", path.display());
        }
        let place = || format!("installation {name} of {}", path.display());
        let (there, login) = other(&table).with_context(place)?;
        found.insert(name, Installation { config: there, login });
    }
    Ok(found)
}

fn other(table: &OtherInstallation) -> Result<(Config, tokio_postgres::Config)> {
    let file = ConfigArgs { config: table.config.clone() };
    let config = file
        .load_without_environment()
        .map_err(|problems| anyhow!("{}\n\n{problems}", problems.summary()))?;
    let admin = AdminArgs {
        admin_url: Some(table.admin_url.clone()),
        // The variable is the other administrator's.
        password_variable: Some("PGTENANT_TO_ADMIN_PASSWORD"),
        ..AdminArgs::default()
    };
    let login = admin.login_with_password(&config)?;
    Ok((config, login))
}

/// Serves until SIGTERM or SIGINT; requests that were begun are finished.
pub(super) fn run(args: &ApiArgs) -> Result<ExitCode> {
    let config = args.config.load_with_registry()?;
    start_log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut int = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let (api, listener) = prepare(&args.options, config).await?;
        tracing::info!(address = %listener.local_addr()?, "serving the HTTP API");
        let stop = CancellationToken::new();
        let serving = api.serve(listener, stop.clone());
        tokio::pin!(serving);
        tokio::select! {
            done = &mut serving => return done.context("the socket failed"),
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("shutting down; requests that were begun are finished, and jobs are ended; a second signal ends all");
        stop.cancel();
        tokio::select! {
            done = &mut serving => done.context("the socket failed"),
            _ = term.recv() => Ok(()),
            _ = int.recv() => Ok(()),
        }
    });
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}

/// Reads the secrets, logs in, and listens.
///
/// # Errors
/// What keeps the API from being served, with the remedy.
pub async fn prepare(options: &ApiOptions, config: Config) -> Result<(Api, TcpListener)> {
    if !options.listen.ip().is_loopback() {
        bail!(
            "the API has no TLS of its own, so it listens on this machine only, and {} is reached from others; listen on \
             127.0.0.1 or [::1], and put a web server with TLS in front of it",
            options.listen
        );
    }
    let text = secret_file(&options.token_file)?;
    let tokens = BearerTokens::parse(text.expose_secret())
        .with_context(|| format!("{}", options.token_file.display()))?;
    let stripe_secret = options.stripe_secret_file.as_deref().map(stripe_secret).transpose()?;
    let login = options.admin.login_with_password(&config)?;
    let mut others = Vec::new();
    for (name, at) in config.clusters.keys().filter_map(|name| Some((name, config.at(name)?))) {
        others.push((name.clone(), options.admin.login_with_password(&at)?));
    }
    let long = options.jobs.read()?;
    let max_connections = options.max_connections;
    let parts = Parts { config, login, others, max_connections, tokens, stripe_secret, long };
    let api = Api::new(parts).await?;
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}; is another program there?", options.listen))?;
    Ok((api, listener))
}

fn stripe_secret(path: &Path) -> Result<SecretString> {
    let text = secret_file(path)?;
    let secret = text.expose_secret().trim();
    if secret.len() < 16 {
        bail!("{}: this is no secret of a Stripe webhook, which begins with whsec_", path.display());
    }
    Ok(secret.into())
}

fn secret_file(path: &Path) -> Result<SecretString> {
    let file = read_secret(path).with_context(|| format!("cannot read {}", path.display()))?;
    if file.mode & OTHERS_MAY != 0 {
        bail!(
            "others may read or change {} (mode {:o}); run `chmod 600` on it",
            path.display(),
            file.mode & 0o777
        );
    }
    Ok(file.text)
}
