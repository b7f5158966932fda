//! Client connections: from accept to the last byte.

mod access;
mod audit;
mod certificates;
mod clock;
mod clusters;
mod console;
mod credential;
mod drive;
mod elsewhere;
mod farewell;
mod handshake;
mod listening;
mod lobby;
mod orders;
mod outcome;
mod overview;
mod pinning;
mod relay;
mod roster;
mod slow;
mod standing;
mod suspension;
mod tally;
mod turn;

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use dashmap::{DashMap, DashSet};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::auth::{Failures, Source};
use crate::client::console::Visits;
use crate::client::drive::Client;
use crate::client::elsewhere::Elsewhere;
use crate::client::handshake::Entered;
use crate::client::lobby::Lobby;
use crate::client::orders::OrderSender;
use crate::client::suspension::Suspension;
use crate::config::by_hand::ByHand;
use crate::config::tls::ListenMode;
use crate::config::{Config, Live};
use crate::error::SqlState;
use crate::guard::{Denial, Guard};
use crate::net::stream::{Peer, Stream};
use crate::net::tls::Acceptor;
use crate::net::vigil::Vigil;
use crate::registry::Directory;
use crate::session::Refusal;
use crate::telemetry::{Counters, Denials, speaking};
use crate::tenant::{Access, ClusterName, Tenant, TenantId};
use crate::tokens::Tokens;
use crate::wire::write;

pub use clusters::{Cluster, Clusters, Unserved};
pub use orders::{Order, OrderReceiver, ReloadError, ReloadReport, SetByHand};
pub use overview::{keep_averages, overview};
pub use roster::{Dismissal, Pinned, Present, Roster, Terms, Who};

/// How long a login may take when the process ends.
const LOGIN_GRACE: Duration = Duration::from_secs(3);

/// Texts too long for a worker thread that are judged at once.
const LONG_TEXTS_AT_ONCE: usize = 2;

/// What all client connections share.
#[derive(Debug)]
pub struct Shared {
    config: Arc<Live>,
    /// Judges their statements.
    pub guard: Arc<Guard>,
    /// Server connections, notifications, and what is known of the server, for each cluster.
    pub clusters: Clusters,
    /// Users and tenants.
    pub directory: Arc<Directory>,
    /// Checks tokens, where any are taken.
    pub tokens: ArcSwapOption<Tokens>,
    /// Who is here.
    pub roster: Arc<Roster>,
    /// TLS over TCP; `None` for none.
    pub tls: ArcSwapOption<Acceptor>,
    /// Counters.
    pub counters: Arc<Counters>,
    /// The latest refusals.
    pub denials: Denials,
    /// Registered tenants that take no newcomers, until the process ends or an operator says otherwise.
    pub disabled: DashSet<TenantId>,
    visits: Arc<Visits>,
    suspension: Arc<Suspension>,
    /// What is set by hand.
    by_hand: ArcSwap<ByHand>,
    /// Cancelled when the process is to end: no new work is begun.
    pub shutdown: CancellationToken,
    /// Tenants of level shared that were found to have no code, as the directory had them then; where the database is
    /// not hardened.
    vetted: DashMap<TenantId, Arc<Tenant>>,
    long_texts: Arc<Semaphore>,
    connected: AtomicUsize,
    lobby: Arc<Lobby>,
    elsewhere: Elsewhere,
    failures: Mutex<Failures>,
    started: Instant,
    orders: OrderSender,
    order_receiver: Mutex<Option<OrderReceiver>>,
    draining: CancellationToken,
}

/// The parts of [`Shared`] that are made elsewhere.
#[derive(Debug)]
pub struct Parts {
    /// The configuration.
    pub config: Arc<Live>,
    /// The guard.
    pub guard: Arc<Guard>,
    /// The clusters.
    pub clusters: Clusters,
    /// The directory.
    pub directory: Arc<Directory>,
    /// What checks tokens.
    pub tokens: Option<Arc<Tokens>>,
    /// TLS over TCP.
    pub tls: Option<Arc<Acceptor>>,
    /// Counters.
    pub counters: Arc<Counters>,
}

impl Shared {
    /// For a process that serves.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let config = parts.config.get();
        let listen = &config.listen;
        let (lobby, failures) = (Lobby::new(listen.max_unauthenticated), Failures::new(listen.failures));
        let roster = Roster::new(config.secrets.oldest());
        let (orders, receiver) = orders::channel();
        parts.counters.lines().set_most(config.log.max_lines_per_second);
        Arc::new(Self {
            orders,
            order_receiver: Mutex::new(Some(receiver)),
            draining: CancellationToken::new(),
            lobby,
            elsewhere: Elsewhere::new(),
            failures: Mutex::new(failures),
            config: parts.config,
            guard: parts.guard,
            clusters: parts.clusters,
            directory: parts.directory,
            tokens: ArcSwapOption::new(parts.tokens),
            roster: Arc::new(roster),
            tls: ArcSwapOption::new(parts.tls),
            counters: parts.counters,
            shutdown: CancellationToken::new(),
            vetted: DashMap::new(),
            long_texts: Arc::new(Semaphore::new(LONG_TEXTS_AT_ONCE)),
            connected: AtomicUsize::new(0),
            denials: Denials::default(),
            disabled: DashSet::new(),
            visits: Arc::default(),
            suspension: Arc::default(),
            by_hand: ArcSwap::default(),
            started: Instant::now(),
        })
    }

    /// The configuration in force; see [`Live::get`].
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.config.get()
    }

    /// Where it is, for those who follow it.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.config)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hardening of a cluster is in another state: what was found of tenants is old.
    pub fn hardening_changed(&self, cluster: &ClusterName, hardened: Option<bool>) {
        self.vetted.clear();
        self.roster.follow_hardening(cluster, hardened);
    }

    /// Whether a user may still do what a session of this tenant does that it opened.
    #[must_use]
    pub fn still_has(&self, user: &str, tenant: &Tenant) -> bool {
        self.directory.lookup(user).is_some_and(|entry| {
            let owner = &entry.tenant;
            owner.registered() == tenant.registered()
                && (tenant.access == Access::ReadOnly || owner.access == Access::ReadWrite)
        })
    }

    /// The process ends: no new work is begun, and everybody goes.
    pub fn shut_down(&self) {
        self.shutdown.cancel();
        self.roster.end_all();
    }

    /// A tenant has changed.
    pub fn tenant_changed(&self, tenant: &Tenant) {
        self.vetted.remove(&tenant.id);
        self.roster.relocate(tenant.id, &tenant.cluster);
        self.roster.move_to(tenant.id, tenant.level);
        self.roster.rename(tenant.id, &tenant.names);
    }
}

/// Counts a connected client for as long as it lives.
struct Presence(Arc<Shared>);

impl Presence {
    fn enter(shared: &Arc<Shared>) -> Option<Self> {
        let limit = shared.config().listen.max_clients;
        shared
            .connected
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1))
            .ok()?;
        shared.counters.client_accepted();
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Ordering::Relaxed);
        self.0.counters.client_closed();
    }
}

/// Serves one accepted connection to its end; it may, must or cannot be encrypted.
pub fn serve(shared: Arc<Shared>, stream: Stream, tls: ListenMode) -> impl Future<Output = ()> + Send {
    // Boxed, so that what logging in needs is gone afterwards; and here, so that the socket has no room in the task besides.
    let entering = Box::pin(enter(shared, stream, tls));
    async move {
        let entered = entering.await;
        if let Some((client, _presence)) = entered {
            client.live().await;
        }
    }
}

/// Lets it in, if there is room. `None` when its visit is over.
async fn enter(shared: Arc<Shared>, mut stream: Stream, tls: ListenMode) -> Option<(Box<Client>, Presence)> {
    let Some(presence) = Presence::enter(&shared) else {
        shared.counters.client_refused();
        let refusal = Refusal::fatal(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already")
            .with_hint("The proxy's limit is `listen.max_clients`.");
        say(&mut stream, &refusal).await;
        return None;
    };
    let client = let_in(shared, stream, tls).await?;
    Some((client, presence))
}

/// From the first byte to the end of the login. `None` when its visit is over.
async fn let_in(shared: Arc<Shared>, mut stream: Stream, tls: ListenMode) -> Option<Box<Client>> {
    let peer = stream.peer();
    if let Err(error) = stream.watch(Vigil::of(&shared.config().listen)) {
        tracing::debug!(%peer, %error, "no keepalive on a client connection");
    }
    let logged_in = {
        let source = match peer {
            Peer::Ip(address) => Some(Source::from(address)),
            // One that is gone already has no address any more.
            Peer::Local if !stream.is_local() => Some(Source::from(IpAddr::from([0, 0, 0, 0]))),
            Peer::Local => None,
        };
        let (stay, crowded) = shared.lobby.enter(source);
        if crowded {
            shared.counters.client_refused();
        }
        let handshake = handshake::run(&shared, (&mut stream, tls), source, stay);
        tokio::select! {
            result = handshake => result,
            () = too_late(&shared.shutdown) => Err(shutting_down()),
        }
    };
    let login = match logged_in {
        Ok(Some(Entered::Tenant(login))) => login,
        Ok(Some(Entered::Console(visitor))) => {
            console::run(shared, stream, *visitor).await;
            return None;
        }
        Ok(None) => return None,
        Err(refusal) => {
            audit::login_refused(&shared, peer, &refusal);
            say(&mut stream, &refusal).await;
            return None;
        }
    };
    speaking(&mut Some(login.speaker()), || {
        audit::login(&shared, &login, peer);
        if let Some(admin) = &login.identity().admin {
            shared.counters.admin_session_begun();
            audit::begun(login.identity(), admin, peer);
        }
    });
    Some(Client::begin(shared, stream, login))
}

/// Resolves when the process ends and a login has taken too long. Who has begun one is not turned away at once: it came to
/// an address where somebody listened, and would take that for a failure.
async fn too_late(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(LOGIN_GRACE).await;
}

/// In PostgreSQL's words.
fn shutting_down() -> Refusal {
    Refusal::fatal(SqlState::CANNOT_CONNECT_NOW, "the database system is shutting down")
}

/// To one that has to go, as there are too many that have not logged in.
fn crowded_out() -> Refusal {
    Refusal::fatal(SqlState::TOO_MANY_CONNECTIONS, "too many clients that have not logged in")
        .with_hint("Log in at once; the proxy's limit is `listen.max_unauthenticated`.")
}

/// Counts what the guard would have refused, and logs it in the span of its client, unless there were many
/// of the kind lately. The message names schemas, settings and kinds of statements, never a value.
fn tell_report(denial: &Denial, what: &'static str, counters: &Counters) {
    let rule = denial.rule.id;
    if let Some(untold) = counters.reported(rule, Instant::now()) {
        tracing::warn!(rule, refusal = denial.message, untold, "{what} would be refused");
    }
}

/// Last words to a client; nobody waits long for it to listen.
async fn say(stream: &mut Stream, refusal: &Refusal) {
    let mut out = Vec::new();
    write::error(&mut out, refusal);
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(&out)).await;
}
