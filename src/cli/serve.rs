//! `pgtenant serve`: everything wired together, until a signal ends it.

mod by_hand;
mod clusters;
mod guests;
mod ports;
mod reload;
mod systemd;
mod takeover;

use std::fmt;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::cli::load::ConfigArgs;
use crate::cli::serve::guests::Guests;
use crate::cli::serve::ports::{Desk, Inherited, Ports};
use crate::cli::serve::reload::Replaceable;
use crate::cli::serve::systemd::Systemd;
use crate::cli::serve::takeover::Door;
use crate::cli::{ONLY_REPORTS, start_log};
use crate::client::{self, Clusters, Parts, ReloadError, ReloadReport, Shared};
use crate::config::{Config, GuardMode, Live};
use crate::control::verify;
use crate::guard::Guard;
use crate::monitor::Monitor;
use crate::net::listener::Listener;
use crate::net::tls::Acceptor;
use crate::registry::{Directory, Registry};
use crate::telemetry::{Counters, Log};
use crate::tenant::Tenant;
use crate::tokens::Tokens;

pub use reload::ReadConfig;

/// Serve clients until SIGTERM or SIGINT
#[derive(Args, Debug)]
pub(in crate::cli) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Take the sockets over from the process that serves already, by `listen.takeover_socket`, without a refused connection;
    /// it lets its transactions finish and ends. Where there is none, they are opened as usual
    #[arg(long)]
    takeover: bool,
}

pub(in crate::cli) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let log = start_log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads(config.listen.threads))
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    if args.takeover && config.listen.takeover_socket.is_none() {
        bail!(
            "--takeover needs `listen.takeover_socket` in the configuration, here and in the process that serves already"
        );
    }
    let source = args.config.clone();
    let start = Start {
        source: Some(Arc::new(move |by_hand| source.load_with(by_hand))),
        log: Some(log),
        takes_over: args.takeover,
        ..Start::new(config)
    };
    let result = runtime.block_on(serve(start));
    runtime.shutdown_background();
    result
}

/// How many threads serve clients (docs/adr/0028).
fn threads(configured: Option<usize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    configured.unwrap_or(cores)
}

/// From the start to the end of the process.
async fn serve(start: Start) -> anyhow::Result<ExitCode> {
    // From the start on: a hangup ends a process that does not expect it.
    let mut hangup = signal(SignalKind::hangup())?;
    let systemd = Systemd::from_env();
    let sockets = systemd::sockets()?;
    let takes_over = start.takes_over;
    let mut ends = Ends { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? };
    let server = tokio::select! {
        server = Server::start_from(Start { sockets, ..start }) => server?,
        () = ends.next() => return Ok(ExitCode::SUCCESS),
    };
    if takes_over {
        systemd.ready_instead()
    } else {
        systemd.ready()
    }
    let running = &server.running;
    loop {
        tokio::select! {
            () = ends.next() => break,
            () = running.stop_asked.cancelled() => break,
            () = running.handed_over.cancelled() => break,
            () = systemd.live() => {}
            _ = hangup.recv() => {
                systemd.reloading();
                // The log has what is wrong.
                match server.reload().await {
                    Ok(_) => systemd.ready(),
                    Err(_) => systemd.ready_as_before(),
                }
            }
        }
    }
    if running.handed_over.is_cancelled() {
        tracing::info!("another process has taken over; transactions may finish here; a signal ends them");
    } else {
        systemd.stopping();
        tracing::info!("shutting down; transactions may finish; a second signal ends them");
    }
    let ending = async {
        running.drain().await;
        server.stop().await;
    };
    tokio::select! {
        () = ending => {}
        () = systemd.live() => {}
        () = ends.next() => tracing::warn!("one more signal: clients are cut off"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The signals that end the process.
struct Ends {
    term: Signal,
    int: Signal,
}

impl Ends {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// What a proxy is started with.
pub struct Start {
    /// What it goes by.
    pub config: Config,
    /// How that is read again; without it a reload reads only the files that it names.
    pub source: Option<ReadConfig>,
    /// The log of the process, where a reload may change its filter.
    pub log: Option<Log>,
    /// Whether the sockets are those of the process that serves already, if there is one.
    pub takes_over: bool,
    /// Sockets that are passed by whoever started this process, in place of opening them.
    pub sockets: Vec<Listener>,
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Start {
    /// With this configuration, and nothing to read it from again.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self { config, source: None, log: None, takes_over: false, sockets: Vec::new() }
    }
}

/// A running proxy. Dropping it stops it without waiting for anybody.
#[derive(Debug)]
pub struct Server {
    running: Arc<Running>,
    monitoring: Vec<SocketAddr>,
}

/// What it runs on.
struct Running {
    shared: Arc<Shared>,
    registry: Registry,
    ports: Ports,
    clients: Arc<Guests>,
    /// Ends housekeeping.
    background: CancellationToken,
    /// Ends what clients depend on.
    cut_off: CancellationToken,
    /// Somebody inside wants the process to end.
    stop_asked: CancellationToken,
    /// Another process has the sockets.
    handed_over: CancellationToken,
    source: Option<ReadConfig>,
    log: Option<Log>,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
    replaceable: Mutex<Replaceable>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let running = &self.running;
        running.ports.close();
        running.background.cancel();
        running.shared.shut_down();
        running.cut_off();
    }
}

impl Server {
    /// As [`start_from`](Self::start_from), with a configuration that is not read again.
    ///
    /// # Errors
    /// See there.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_from(Start::new(config)).await
    }

    /// Connects to the registry, checks that no login has more rights than it should, binds every
    /// address, and serves.
    ///
    /// # Errors
    /// What keeps the proxy from serving safely, with the remedy.
    pub async fn start_from(mut start: Start) -> anyhow::Result<Self> {
        let config = &start.config;
        if config.guard.mode == GuardMode::Report {
            tracing::warn!("{ONLY_REPORTS}");
        }
        let counters = Arc::new(Counters::new());
        let tokens = Tokens::open(&config.auth, Arc::clone(&counters))?;
        let registry = Registry::open(config).await?;
        let live = Arc::new(Live::new(config.clone()));
        let verifier = verify::Watcher::new(registry.clone(), live.get(), Arc::clone(&counters))?;
        let (main, mut keepers) =
            clusters::look_at(config, Arc::clone(&live), registry.clone(), &counters).await?;
        let directory = Arc::new(Directory::start(registry.clone()).await?);
        keepers.look(&directory).await;
        let found = clusters::look_at_others(config, &counters, &directory).await;
        let tls = config.listen.tls.as_ref().map(Acceptor::load).transpose()?;
        let shared = Shared::new(Parts {
            guard: Arc::new(Guard::new(&config.guard)),
            clusters: Clusters::new(main, config.clusters.keys().cloned()),
            directory,
            tokens: None,
            tls: None,
            counters,
            config: live,
        });
        let has_taken_over = start.takes_over;
        let (ports, path) = (Ports::default(), config.listen.takeover_socket.clone());
        let mut taken = match &path {
            Some(path) if start.takes_over => takeover::ask(path).await?,
            _ => None,
        };
        let mut inherited = Inherited::of(std::mem::take(&mut start.sockets), taken.as_mut());
        inherited.must_have_places(&start.config.listen)?;
        let opened = ports.open(&start.config.listen, &mut inherited)?;
        let door = match (path, taken) {
            (Some(path), Some(taken)) => Some(taken.finish(&path).await?),
            (Some(path), None) => Some(Door::open(&path)?),
            (None, _) => None,
        };
        opened.claim();
        let running = Arc::new(Running::new(start, shared, registry, ports));
        running.put_tokens(tokens);
        if let Some((acceptor, warning)) = tls {
            warning.iter().for_each(|warning| tracing::warn!("{warning}"));
            let acceptor = Arc::new(acceptor);
            running.shared.tls.store(Some(Arc::clone(&acceptor)));
            running.follow_tls(&acceptor);
        }
        running.keep_house(verifier);
        running.keep(running.shared.clusters.main(), keepers);
        running.begin_others(found);
        // It is there for as long as there are clients: while they are waited for, it says that no new ones should come.
        let monitoring = Monitor::start(&running.shared, &running.cut_off, has_taken_over).await?;
        running.ports.serve(opened, &running.desk());
        if let Some(door) = door {
            running.spawn(door.answer(Arc::clone(&running)));
        }
        let server = Self { running, monitoring };
        tracing::info!(
            addresses = server.listening().join(", "),
            tenants = server.shared().directory.tenant_count(),
            database = server.shared().config().server.database,
            "serving"
        );
        Ok(server)
    }

    /// Where it listens: `host:port` or the path of a Unix socket.
    #[must_use]
    pub fn listening(&self) -> Vec<String> {
        self.running.ports.names()
    }

    /// Where metrics, health and the dashboard are.
    #[must_use]
    pub fn monitoring(&self) -> &[SocketAddr] {
        &self.monitoring
    }

    /// Reads the configuration and the files that it names again, as SIGHUP asks for. What came of it is in the log too.
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing was changed.
    pub async fn reload(&self) -> Result<ReloadReport, ReloadError> {
        self.running.reload().await
    }

    /// Goes by this configuration from now on, as if it had been read.
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing was changed.
    pub async fn reconfigure(&self, config: Config) -> Result<ReloadReport, ReloadError> {
        let _turn = self.running.reloading.lock().await;
        self.running.apply(config).await
    }

    /// What the clients share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.running.shared
    }

    /// Stops accepting, lets transactions finish within `listen.shutdown_timeout`, disconnects all.
    pub async fn stop(&self) {
        self.running.stop().await;
    }
}

impl Running {
    fn new(start: Start, shared: Arc<Shared>, registry: Registry, ports: Ports) -> Self {
        Self {
            shared,
            registry,
            ports,
            clients: Arc::default(),
            background: CancellationToken::new(),
            cut_off: CancellationToken::new(),
            stop_asked: CancellationToken::new(),
            handed_over: CancellationToken::new(),
            source: start.source,
            log: start.log,
            reloading: tokio::sync::Mutex::default(),
            replaceable: Mutex::new(Replaceable::none()),
        }
    }

    fn desk(&self) -> Desk {
        Desk {
            shared: Arc::clone(&self.shared),
            clients: Arc::clone(&self.clients),
            cut_off: self.cut_off.clone(),
        }
    }

    /// Begins what goes on beside the clients. What clients depend on goes on until the last of them is gone.
    fn keep_house(self: &Arc<Self>, verifier: verify::Watcher) {
        let shared = &self.shared;
        self.spawn_for_clients(Arc::clone(shared).follow_peers());
        self.spawn_for_clients(client::keep_averages(Arc::clone(shared)));
        self.spawn_for_clients(follow_changes(Arc::clone(shared)));
        self.put_verifier(verifier, &shared.config());
        self.tell_statistics();
        if let Some(orders) = shared.take_orders() {
            self.spawn(Arc::clone(self).take_orders(orders));
        }
    }

    /// Goes on as before for a while, but for saying that it is not ready. Where another process has the sockets there is
    /// nothing to wait for.
    async fn drain(&self) {
        self.shared.drain();
        let delay = self.shared.config().listen.drain_delay;
        if !delay.is_zero() && !self.handed_over.is_cancelled() {
            tracing::info!(?delay, "not ready any more; serving on for load balancers to notice");
            tokio::time::sleep(delay).await;
        }
    }

    async fn stop(&self) {
        self.shared.drain();
        self.ports.close();
        self.background.cancel();
        self.shared.shut_down();
        self.shared.clusters.wind_down();
        self.clients.close();
        let limit = self.shared.config().listen.shutdown_timeout;
        if tokio::time::timeout(limit, self.clients.wait()).await.is_err() {
            tracing::warn!(clients = self.clients.len(), "clients still in a transaction are cut off");
            self.cut_off();
            self.clients.wait().await;
        }
        // The server sees a good-bye instead of a broken connection; one that was being reset, later.
        let _ = tokio::time::timeout(Duration::from_secs(2), async {
            while self.shared.clusters.load().total > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        self.cut_off();
        tracing::info!("stopped");
    }

    /// Ends clients in the middle of whatever they do, and what they depend on.
    fn cut_off(&self) {
        self.clients.cut_off();
        self.cut_off.cancel();
    }

    /// As long as there are clients, also those that finish their transactions at the end of the process.
    fn spawn_for_clients(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ended = self.cut_off.clone();
        tokio::spawn(async move {
            tokio::select! { () = work => {}, () = ended.cancelled() => {} }
        });
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ended = self.background.clone();
        tokio::spawn(async move {
            tokio::select! { () = work => {}, () = ended.cancelled() => {} }
        });
    }
}

/// Keeps clients and server connections in step with the registry.
async fn follow_changes(shared: Arc<Shared>) {
    let mut changes = shared.directory.changes();
    let mut told = false;
    loop {
        match changes.recv().await {
            Ok(id) => match shared.directory.tenant(id) {
                Some(tenant) => keep_up(&shared, &tenant, &mut told),
                None => {
                    tracing::info!(tenant = %id, "tenant is out of service; its clients are disconnected");
                    shared.roster.disconnect(id);
                    shared.clusters.retire(id);
                }
            },
            Err(RecvError::Lagged(_)) => {
                for id in shared.roster.tenants() {
                    match shared.directory.tenant(id) {
                        Some(tenant) => keep_up(&shared, &tenant, &mut told),
                        None => {
                            shared.roster.disconnect(id);
                            shared.clusters.retire(id);
                        }
                    }
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Limits hold at once; a client of another level is disconnected.
fn keep_up(shared: &Shared, tenant: &Arc<Tenant>, told: &mut bool) {
    if !*told && tenant.password_key.is_some_and(|mark| shared.config().secrets.which(mark).is_none()) {
        *told = true;
        tracing::error!(
            tenant = %tenant.slug,
            "the master key was replaced, and this proxy does not have the new one: it cannot open server connections any \
             more; give it the key that `pgtenant rotate-master-key` was run with, in `secrets.master_key_file`, and \
             restart it"
        );
    }
    clusters::tell_if_unknown(shared, tenant);
    shared.clusters.renew(tenant);
    shared.tenant_changed(tenant);
    shared.roster.keep_keys(tenant.id, |key| shared.directory.key(key).is_some());
    shared.roster.keep_users(tenant.id, |user| shared.still_has(user, tenant));
}

async fn tell_statistics(shared: Arc<Shared>) {
    let Some(period) = shared.config().log.stats_period else { return };
    let mut earlier = shared.counters.snapshot();
    loop {
        tokio::time::sleep(period).await;
        let now = shared.counters.snapshot();
        match shared.roster.pinned().first() {
            None => tracing::info!("{}", now.since(&earlier, period)),
            Some(oldest) => {
                let (reason, age) = (oldest.reason.as_str(), oldest.age.as_secs());
                tracing::info!("{}, oldest pin {age} s ({reason})", now.since(&earlier, period));
            }
        }
        earlier = now;
    }
}
