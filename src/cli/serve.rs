//! `pgtenant serve`: everything wired together, until a signal ends it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::load::ConfigArgs;
use crate::cli::{ONLY_REPORTS, start_log};
use crate::client::{self, Parts, Shared};
use crate::config::tls::{ListenMode, ListenTls};
use crate::config::{Config, GuardMode};
use crate::control::{HardeningWatcher, SpareWatcher, verify};
use crate::guard::Guard;
use crate::monitor::Monitor;
use crate::net::listener::Listener;
use crate::net::tls::Acceptor;
use crate::notify::Hub;
use crate::pool::Pool;
use crate::registry::{Directory, Registry, SpareWatch, store};
use crate::server::spare::SpareLogin;
use crate::telemetry::Counters;
use crate::tenant::{Ident, Tenant};
use crate::tokens::Tokens;

/// How long to wait before accepting again when descriptors or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serve clients until SIGTERM or SIGINT
#[derive(Args, Debug)]
pub(in crate::cli) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(in crate::cli) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    start_log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(async {
        // From the start on: a hangup ends a process that does not expect it.
        let mut hangup = signal(SignalKind::hangup())?;
        let server = Server::start(config).await?;
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hangup.recv() => server.reload().await,
            }
        }
        tracing::info!("shutting down; transactions may finish; a second signal ends them");
        tokio::select! {
            () = server.stop() => {}
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        Ok(ExitCode::SUCCESS)
    });
    runtime.shutdown_background();
    result
}

/// A running proxy. Dropping it stops it without waiting for anybody.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    listening: Vec<String>,
    monitoring: Vec<SocketAddr>,
    clients: TaskTracker,
    /// Ends accepting and housekeeping.
    background: CancellationToken,
    /// Ends clients in the middle of whatever they do.
    cut_off: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.background.cancel();
        self.shared.shutdown.cancel();
        self.cut_off.cancel();
    }
}

impl Server {
    /// Connects to the registry, checks that no login has more rights than it should, binds every
    /// address, and serves.
    ///
    /// # Errors
    /// What keeps the proxy from serving safely, with the remedy.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let config = Arc::new(config);
        if config.guard.mode == GuardMode::Report {
            tracing::warn!("{ONLY_REPORTS}");
        }
        let counters = Arc::new(Counters::new());
        let tokens = Tokens::open(&config.auth, Arc::clone(&counters))?;
        let registry = Registry::connect(&config.server, &config.registry, &config.secrets).await?;
        audit(&registry, &config).await?;
        let pool_role = pool_role(&registry).await?;
        let verifier = verify::Watcher::new(registry.clone(), Arc::clone(&config), Arc::clone(&counters))?;
        let mut watcher = HardeningWatcher::new(registry.clone());
        let mut spares = SpareWatcher::new(registry.clone(), config.pool.spare_connections);
        spares.check().await;
        let directory = Arc::new(Directory::start(registry).await?);
        watcher.check_if_needed(&directory).await;
        let tls = config.listen.tls.as_ref().map(acceptor).transpose()?;
        let listeners = bind(&config)?;
        let listening: Vec<String> = listeners.iter().map(|(listener, _)| listener.name()).collect();

        let hub = Hub::new(&config, Arc::clone(&counters));
        let shared = Shared::new(Parts {
            guard: Arc::new(Guard::new(&config.guard)),
            pool: Pool::new(&config, Arc::clone(&counters), Arc::clone(&hub), pool_role),
            hub,
            directory,
            tokens: tokens.clone(),
            hardening: watcher.subscribe(),
            spares: spares.subscribe(),
            tls,
            counters,
            config,
        });
        let mut server = Self {
            shared,
            listening,
            monitoring: Vec::new(),
            clients: TaskTracker::new(),
            background: CancellationToken::new(),
            cut_off: CancellationToken::new(),
        };
        // It is there for as long as there are clients: while they are waited for, it says that no new ones should come.
        server.monitoring = Monitor::start(&server.shared, &server.cut_off).await?;
        for listener in listeners {
            let (clients, cut_off) = (server.clients.clone(), server.cut_off.clone());
            server.spawn(accept(Arc::clone(&server.shared), listener, clients, cut_off));
        }
        server.spawn_for_clients(Arc::clone(&server.shared.pool).keep());
        let hub = Arc::clone(&server.shared.hub);
        server.spawn_for_clients(async move { hub.run().await });
        server.spawn(follow_changes(Arc::clone(&server.shared)));
        server.watch(watcher, spares);
        if let Some(period) = server.shared.config.verify.interval {
            server.spawn(verifier.run(period));
        }
        if let Some(tokens) = tokens {
            server.spawn(tokens.run());
        }
        server.spawn(tell_statistics(Arc::clone(&server.shared)));
        server.spawn(client::keep_averages(Arc::clone(&server.shared)));
        if let Some(tls) = &server.shared.tls {
            server.spawn(Arc::clone(tls).follow_files());
            server.spawn(Arc::clone(&server.shared).follow_certificates(tls.reads()));
        }
        tracing::info!(
            addresses = server.listening.join(", "),
            tenants = server.shared.directory.tenant_count(),
            database = server.shared.config.server.database,
            "serving"
        );
        Ok(server)
    }

    /// Where it listens: `host:port` or the path of a Unix socket.
    #[must_use]
    pub fn listening(&self) -> &[String] {
        &self.listening
    }

    /// Where metrics, health and the dashboard are.
    #[must_use]
    pub fn monitoring(&self) -> &[SocketAddr] {
        &self.monitoring
    }

    /// Reads certificates again, as SIGHUP asks for.
    pub async fn reload(&self) {
        match &self.shared.tls {
            Some(tls) => tls.reload_and_tell().await,
            None => tracing::info!("there is nothing to read again: no certificate is configured"),
        }
    }

    /// What the clients share.
    #[must_use]
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Stops accepting, lets transactions finish within `listen.shutdown_timeout`, disconnects all.
    pub async fn stop(&self) {
        self.background.cancel();
        self.shared.shutdown.cancel();
        self.clients.close();
        let limit = self.shared.config.listen.shutdown_timeout;
        if tokio::time::timeout(limit, self.clients.wait()).await.is_err() {
            tracing::warn!(clients = self.clients.len(), "clients still in a transaction are cut off");
            self.cut_off.cancel();
            self.clients.wait().await;
        }
        // The server sees a good-bye instead of a broken connection; one that was being reset, later.
        let _ = tokio::time::timeout(Duration::from_secs(2), async {
            while self.shared.pool.load().total > 0 {
                self.shared.pool.close_all_idle();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        tracing::info!("stopped");
    }

    /// As long as there are clients, also those that finish their transactions at the end of the process.
    fn spawn_for_clients(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ended = self.cut_off.clone();
        tokio::spawn(async move {
            tokio::select! { () = work => {}, () = ended.cancelled() => {} }
        });
    }

    /// Tells those whom it concerns what the watches see.
    fn watch(&self, watcher: HardeningWatcher, spares: SpareWatcher) {
        let period = self.shared.config.server.hardening_check_period;
        self.spawn(watcher.run(Arc::clone(&self.shared.directory), period));
        self.spawn(follow_hardening(Arc::clone(&self.shared)));
        self.spawn(spares.run(period));
        self.spawn(follow_spares(Arc::clone(&self.shared)));
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let ended = self.background.clone();
        tokio::spawn(async move {
            tokio::select! { () = work => {}, () = ended.cancelled() => {} }
        });
    }
}

/// DESIGN: no login may have more rights than the wall can stand.
async fn audit(registry: &Registry, config: &Config) -> anyhow::Result<()> {
    let findings = registry.audit_logins(&config.schemas).await?;
    if findings.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = findings.iter().map(|finding| format!("  - {finding}")).collect();
    bail!("the database does not keep tenants apart; not serving until this is mended:\n{}", list.join("\n"))
}

/// What server connections that tenants share log in as.
async fn pool_role(registry: &Registry) -> anyhow::Result<Option<Ident>> {
    let client = registry.reader().await?;
    Ok(store::installation(&*client).await?.and_then(|made| made.pool_role))
}

/// TLS towards clients.
fn acceptor(settings: &ListenTls) -> anyhow::Result<Arc<Acceptor>> {
    let (acceptor, warning) = Acceptor::load(settings)?;
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    Ok(Arc::new(acceptor))
}

/// What is listened to, and whether those who come there have TLS. Between the ends of a Unix socket nobody listens.
fn bind(config: &Config) -> anyhow::Result<Vec<(Listener, ListenMode)>> {
    let mut listeners = Vec::new();
    for address in &config.listen.addresses {
        let listener = Listener::bind_tcp(*address)
            .with_context(|| format!("cannot listen on {address}; change `listen.addresses`"))?;
        let tls = config.listen.tls.as_ref();
        listeners.push((listener, tls.map_or(ListenMode::Off, |tls| tls.mode_at(*address))));
    }
    if let (Some(dir), Some(first)) = (&config.listen.unix_socket_dir, config.listen.addresses.first()) {
        let path = Path::new(dir).join(format!(".s.PGSQL.{}", first.port()));
        let listener = Listener::bind_unix(&path).with_context(|| {
            format!("cannot listen on {}; change `listen.unix_socket_dir`", path.display())
        })?;
        listeners.push((listener, ListenMode::Off));
    }
    Ok(listeners)
}

async fn accept(
    shared: Arc<Shared>,
    (listener, tls): (Listener, ListenMode),
    clients: TaskTracker,
    cut_off: CancellationToken,
) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let serving = client::serve(Arc::clone(&shared), stream, tls);
                let cut_off = cut_off.clone().cancelled_owned();
                clients.spawn(async {
                    // Dropping what serves a client closes its server connection, which rolls back.
                    tokio::select! { biased; () = serving => {}, () = cut_off => {} }
                });
            }
            Err(error) => {
                // A client that left before it was accepted is no reason to pause; anything else may be
                // a shortage that a busy loop would make worse.
                if error.kind() != std::io::ErrorKind::ConnectionAborted {
                    shared.counters.accept_failed();
                    tracing::error!(%error, "cannot accept a client");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
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
                    shared.pool.retire(id);
                }
            },
            Err(RecvError::Lagged(_)) => {
                for id in shared.roster.tenants() {
                    match shared.directory.tenant(id) {
                        Some(tenant) => keep_up(&shared, &tenant, &mut told),
                        None => {
                            shared.roster.disconnect(id);
                            shared.pool.retire(id);
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
    if !*told && tenant.password_key.is_some_and(|mark| shared.config.secrets.which(mark).is_none()) {
        *told = true;
        tracing::error!(
            tenant = %tenant.slug,
            "the master key was replaced, and this proxy does not have the new one: it cannot open server connections any \
             more; give it the key that `pgtenant rotate-master-key` was run with, in `secrets.master_key_file`, and \
             restart it"
        );
    }
    shared.pool.renew(tenant);
    shared.tenant_changed(tenant);
    shared.roster.keep_keys(tenant.id, |key| shared.directory.key(key).is_some());
    shared.roster.keep_users(tenant.id, |user| shared.still_has(user, tenant));
}

/// Disconnects clients of shared tenants when the hardening is not what they were let in under.
async fn follow_hardening(shared: Arc<Shared>) {
    let mut hardening = shared.hardening.clone();
    while hardening.changed().await.is_ok() {
        let seen = hardening.borrow_and_update().serves();
        shared.hardening_changed(seen);
    }
}

/// Keeps spare connections while they can be had, and serves nobody while anybody could become any tenant.
async fn follow_spares(shared: Arc<Shared>) {
    let mut spares = shared.spares.clone();
    loop {
        let seen = spares.borrow_and_update().clone();
        if seen.is_exposed() {
            shared.roster.disconnect_all();
        }
        shared.pool.keep_spares(match seen {
            SpareWatch::Ready { role, schema } => {
                Some(SpareLogin { role, schema, global: shared.config.schemas.global.clone() })
            }
            SpareWatch::Unknown | SpareWatch::Off { .. } | SpareWatch::Exposed { .. } => None,
        });
        if spares.changed().await.is_err() {
            return;
        }
    }
}

async fn tell_statistics(shared: Arc<Shared>) {
    let Some(period) = shared.config.log.stats_period else { return };
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
