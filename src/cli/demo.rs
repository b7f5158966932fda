//! `pgtenant demo`: the whole product on a throwaway database, shown and checked.

mod data;
mod ground;
mod person;
mod screen;
mod stage;
mod table;
mod tour;

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use secrecy::SecretString;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::connect::secret;
use crate::cli::demo::data::TENANTS;
use crate::cli::demo::ground::{DEMO_DATABASE, Ground, PRIVATE_DATABASE};
use crate::cli::demo::screen::Screen;
use crate::cli::demo::stage::Stage;
use crate::cli::{out, start_log};
use crate::config::Config;

/// Show what pgtenant does: a private PostgreSQL, three tenants, the proxy, and a tour
#[derive(Args, Debug)]
pub(in crate::cli) struct DemoArgs {
    /// End after the tour, with exit code 0 if every step of it held
    #[arg(long)]
    exit: bool,
    /// Port of the proxy on 127.0.0.1 [default: 6432 if it is free, else any]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Directory of PostgreSQL's programs [default: searched on PATH and in the usual places]
    #[arg(long, value_name = "DIR", conflicts_with = "postgres")]
    pg_bin: Option<PathBuf>,
    /// Use this server: connection string of a role that may create databases and roles. The demo makes
    /// the database pgtenant_demo and a few roles, and removes them at its end
    #[arg(long, value_name = "URL", value_parser = secret)]
    postgres: Option<SecretString>,
    /// Write the proxy's log to standard error
    #[arg(long, short)]
    verbose: bool,
}

pub(in crate::cli) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(show(args));
    // A private server that a second signal left in the middle of its start ends with this process.
    runtime.shutdown_background();
    result
}

async fn show(args: &DemoArgs) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let screen = Screen::new();
    let database = if args.postgres.is_some() { DEMO_DATABASE } else { PRIVATE_DATABASE };
    let mut config = stage::configure(database, stage::choose_port(args.port)?, args.verbose)?;
    start_log(&config.log)?;
    screen.heading("Setting up");
    let prepared = signals.finish(prepare(args, &config)).await;
    let mut ground = prepared.map_err(|error| signals.blame(error))?;
    config.server.address = ground.address().clone();
    let outcome = perform(&mut ground, config, &mut signals, (screen, args.exit)).await;
    let removed = signals.finish(ground.remove()).await;
    if removed.is_ok() {
        screen.line("Everything is removed.");
    }
    // The first error is the one to know.
    let code = outcome?;
    removed.map(|()| code)
}

async fn prepare(args: &DemoArgs, config: &Config) -> Result<Ground> {
    match &args.postgres {
        Some(url) => Ground::existing(url, &stage::roles(config)?).await,
        None => Ground::private(args.pg_bin.clone()).await,
    }
}

/// From the set-up to the end of the proxy.
async fn perform(
    ground: &mut Ground,
    config: Config,
    signals: &mut Signals,
    (screen, exit): (Screen, bool),
) -> Result<ExitCode> {
    signals.check()?;
    screen.held(&ground.describe());
    let set_up = signals.finish(Stage::set_up(ground, config)).await;
    let stage = set_up.map_err(|error| signals.blame(error))?;
    let slugs: Vec<&str> = TENANTS.iter().map(|seed| seed.slug).collect();
    screen.held(&format!("schemas base_template and global; tenants {} with data", slugs.join(", ")));
    screen.held(&format!("the proxy on 127.0.0.1:{}", stage.port()));
    let outcome = match signals.check() {
        Ok(()) => present(&stage, signals, (screen, exit)).await,
        Err(interrupted) => Err(interrupted),
    };
    stage.stop().await;
    outcome
}

/// The tour, and the time after it.
async fn present(stage: &Stage, signals: &mut Signals, (screen, exit): (Screen, bool)) -> Result<ExitCode> {
    let score = tokio::select! {
        score = tour::run(stage, screen) => score,
        () = signals.next() => Err(interrupted())?,
    };
    screen.heading(&score.to_string());
    if !exit {
        invite(stage, screen);
        signals.next().await;
        out::line("");
    }
    Ok(if score.all_held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn invite(stage: &Stage, screen: Screen) {
    screen.heading("Your turn");
    for url in stage.connection_strings() {
        screen.line(&format!("psql \"{url}\""));
    }
    out::line("");
    screen.line("As alpha, see a refusal:   SELECT * FROM tenant_beta.customers;");
    screen.line("Ctrl-C ends the demo and removes everything.");
}

/// What ends the demo. A terminal that was closed is one of them.
struct Signals {
    sources: [Signal; 3],
    came: bool,
}

impl Signals {
    fn new() -> Result<Self> {
        let [int, term, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self { sources: [int?, term?, hangup?], came: false })
    }

    async fn next(&mut self) {
        let [int, term, hangup] = &mut self.sources;
        tokio::select! { _ = int.recv() => {}, _ = term.recv() => {}, _ = hangup.recv() => {} }
        self.came = true;
    }

    /// Lets work that cannot be broken off cleanly come to its end, unless a second signal comes.
    async fn finish<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        tokio::select! {
            result = &mut work => return result,
            () = self.next() => {}
        }
        out::error("ending after this step; a second signal ends at once");
        tokio::select! {
            result = &mut work => result,
            () = self.next() => Err(interrupted()),
        }
    }

    /// Why a set-up failed. Ctrl-C in a terminal also reaches the programs that it runs, and what they
    /// say about that helps nobody.
    fn blame(&self, error: anyhow::Error) -> anyhow::Error {
        if self.came { interrupted() } else { error }
    }

    fn check(&self) -> Result<()> {
        if self.came { Err(interrupted()) } else { Ok(()) }
    }
}

fn interrupted() -> anyhow::Error {
    anyhow!("interrupted before the end of the tour")
}
