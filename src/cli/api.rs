//! `pgtenant api`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::api::{Api, BearerTokens, Parts};
use crate::cli::connect::AdminArgs;
use crate::cli::load::ConfigArgs;
use crate::cli::start_log;
use crate::config::Config;
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
    /// Who does it.
    #[command(flatten)]
    pub admin: AdminArgs,
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
        tracing::info!("shutting down; requests that were begun are finished; a second signal ends them");
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
    let parts =
        Parts { config, login, others, max_connections: options.max_connections, tokens, stripe_secret };
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
