//! The pool: carries out what the scheduler decides.
//!
//! There is no pool task. A client that needs or returns a connection calls the scheduler itself under
//! a short lock (docs/adr/0001); only opening, resetting and closing are tasks of their own.

mod alarm;
mod change;
mod checkout;
mod keeper;
mod overview;
mod pause;
mod seat;
mod settle;
mod spare;
mod wait;
mod wear;
mod weigh;
mod welcome;
#[cfg(test)]
pub(crate) mod woken;

use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use dashmap::DashMap;
use foldhash::HashMap;
use thiserror::Error;
use tokio::sync::Notify;

use crate::config::Config;
use crate::notify::Hub;
use crate::pool::change::{Terms, limits};
use crate::pool::wear::is_worn;
use crate::schedule::{ClientId, Decision, Event, Load, Owner, Quota, Scheduler, ServerId};
use crate::server::ServerConn;
use crate::server::cancel::CancelSlot;
use crate::server::connect::{ConnectError, Dialer, Login};
use crate::server::replicas::Replicas;
use crate::server::spare::SpareLogin;
use crate::session::commons::Commons;
use crate::telemetry::Counters;
use crate::tenant::{Access, ClusterName, Ident, Level, Limits as TenantLimits, Tenant, TenantId};

pub use checkout::{AttachError, Attached, Checkout, Ended};
pub use overview::{OpenServer, PoolOverview};
pub use seat::Seat;
pub use settle::SettleError;
pub use welcome::{Welcome, WelcomeError};

use wait::{NotNow, Waiter, Waiting};

/// Why a connection is closed that is of another server than it should be.
const REPLICA: &str = "replica";

/// All server connections of one database.
#[derive(Debug)]
pub struct Pool {
    /// Which cluster that is of.
    cluster: ClusterName,
    inner: Mutex<Inner>,
    /// What may be changed while it serves. Read once or twice in a transaction, without a lock.
    terms: ArcSwap<Terms>,
    dialer: Dialer,
    counters: Arc<Counters>,
    hub: Arc<Hub>,
    commons: DashMap<TenantId, Arc<Commons>>,
    welcomes: welcome::Welcomes,
    /// The server does not tell how much memory a connection uses.
    memory_is_untold: AtomicBool,
    /// The alarm is set to an earlier time.
    sooner: Notify,
    /// There is somebody who waits, and was not before.
    somebody_waits: Notify,
}

#[derive(Debug)]
struct Inner {
    scheduler: Scheduler,
    idle: HashMap<ServerId, Box<ServerConn>>,
    /// All that are open, also those in use or being closed, for people who look.
    open: HashMap<ServerId, OpenServer>,
    renewals: pause::Renewals,
    waiting: HashMap<ClientId, Waiting>,
    /// Whether somebody looks how long they wait.
    is_watched: bool,
    tenants: HashMap<TenantId, Arc<Tenant>>,
    /// How spare connections log in, while there may be any.
    spare: Option<Arc<SpareLogin>>,
    decisions: Vec<Decision>,
    next_client: u64,
    /// When the scheduler will be told the time.
    alarm: Option<Instant>,
    /// Which of them may be read from.
    replicas: Arc<Replicas>,
}

/// What comes to a client that waits.
#[derive(Debug)]
enum Grant {
    /// Its connection.
    Conn(Box<ServerConn>),
    /// None could be opened.
    Failed(Arc<ConnectError>),
    /// Its tenant's level was changed: it is to ask for the other kind of connection.
    Moved,
    /// It has waited for so long, which is its limit.
    Late(Duration),
}

/// Why a client gets no server connection.
#[derive(Debug, Error)]
pub enum CheckoutError {
    /// None became free in time.
    #[error("no server connection became free within {0:?}")]
    TimedOut(Duration),
    /// Its tenant had all the turns that its rate allows.
    #[error("no turn came within {0:?}: the tenant's transactions are limited to {1} per second")]
    OverRate(Duration, usize),
    /// As many clients of the tenant wait already as may.
    #[error("{0} clients of the tenant wait for a server connection, which is its limit")]
    QueueFull(usize),
    /// None could be opened.
    #[error(transparent)]
    Connect(Arc<ConnectError>),
    /// The client was cancelled while it waited.
    #[error("canceling statement due to user request")]
    Cancelled,
    /// The tenant is on another cluster than these connections: it was moved while the client was here.
    #[error("the tenant is on another cluster")]
    OtherCluster,
}

impl Pool {
    /// An empty pool. Without the role that `shared` connections log in as it serves no tenants of level `shared`.
    #[must_use]
    pub fn new(config: &Config, counters: Arc<Counters>, hub: Arc<Hub>, shared: Option<Ident>) -> Arc<Self> {
        let mut scheduler = Scheduler::new(limits(config));
        scheduler.set_shared_minimum(config.pool.min_shared_connections);
        let dialer = Dialer::new(config, shared, Arc::clone(&counters));
        let inner = Inner {
            replicas: Arc::clone(dialer.replicas()),
            scheduler,
            idle: HashMap::default(),
            open: HashMap::default(),
            renewals: pause::Renewals::default(),
            waiting: HashMap::default(),
            is_watched: false,
            tenants: HashMap::default(),
            spare: None,
            decisions: Vec::new(),
            next_client: 0,
            alarm: None,
        };
        Arc::new(Self {
            cluster: config.cluster.clone(),
            inner: Mutex::new(inner),
            terms: ArcSwap::from_pointee(Terms::of(config)),
            dialer,
            counters,
            hub,
            commons: DashMap::new(),
            welcomes: welcome::Welcomes::default(),
            memory_is_untold: AtomicBool::new(false),
            sooner: Notify::new(),
            somebody_waits: Notify::new(),
        })
    }

    /// What the clients of a tenant share.
    #[must_use]
    pub fn commons(self: &Arc<Self>, tenant: &Arc<Tenant>) -> Arc<Commons> {
        let new = || {
            // What `renew` put there is newer than what a client logged in with.
            let newer = self.introduce(tenant);
            let tenant = newer.as_ref();
            let commons = Commons::new(self.terms().limits_of(tenant));
            commons.follow_schema(tenant.schema);
            commons.reuse_unnamed(self.terms().pool.reuse_unnamed_statements);
            Arc::new(commons)
        };
        Arc::clone(&self.commons.entry(tenant.id).or_insert_with(new))
    }

    /// The read replicas, for whoever looks after them.
    #[must_use]
    pub const fn replicas(&self) -> &Arc<Replicas> {
        self.dialer.replicas()
    }

    /// Counts.
    #[must_use]
    pub fn load(&self) -> Load {
        self.lock().scheduler.load()
    }

    /// A server connection for the tenant, its own or a shared one as its level is, at once or after waiting for its turn. It is ours but serves
    /// nobody until it is attached. `preferred` is taken if it is idle. The client waits in its `seat`,
    /// and not longer than it may while [`keep`](Self::keep) runs.
    ///
    /// # Errors
    /// [`CheckoutError`].
    pub async fn checkout(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        cancel: &Arc<CancelSlot>,
        seat: &Arc<Seat>,
        preferred: Option<ServerId>,
    ) -> Result<Checkout, CheckoutError> {
        // A session is given its pool once; two short names are compared each time, for `main` two null pointers, so that no
        // mistake anywhere else can bring a tenant's statements to another cluster.
        if tenant.cluster != self.cluster {
            return Err(CheckoutError::OtherCluster);
        }
        cancel.waiting();
        loop {
            let mut conn = match self.try_checkout(tenant, seat, preferred) {
                Ok(conn) => conn,
                Err(NotNow::Wait(waiter)) => match self.wait(tenant, waiter, cancel).await? {
                    Some(conn) => conn,
                    None => continue,
                },
                Err(NotNow::Full(waiting)) => {
                    self.counters.wait_refused();
                    return Err(CheckoutError::QueueFull(waiting));
                }
            };
            // It may have died while nobody looked.
            if conn.is_quiet() {
                self.note_tenant(&mut conn, tenant.id);
                return Ok(Checkout::new(conn, Arc::clone(self), Arc::clone(cancel), tenant.id));
            }
            self.report(Event::Vain(tenant.id));
            self.close(conn, "died_idle");
        }
    }

    fn try_checkout(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        seat: &Arc<Seat>,
        preferred: Option<ServerId>,
    ) -> Result<Box<ServerConn>, NotNow> {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.next_client += 1;
        let client = ClientId(inner.next_client);
        let mut decisions = std::mem::take(&mut inner.decisions);
        self.know(&mut inner, tenant, &mut decisions);
        let level = inner.level(tenant);
        let (owner, wanted) = match level {
            Level::Dedicated => (Owner::Tenant(tenant.id), Event::Wanted(tenant.id, client)),
            Level::Shared => (Owner::Shared, Event::WantedShared(tenant.id, client)),
        };
        if let Some(server) = preferred {
            inner.scheduler.prefer(owner, server);
        }
        inner.scheduler.on(now, wanted, &mut decisions);
        let (mut granted, mut refused) = (None, false);
        decisions.retain(|decision| match *decision {
            Decision::Refuse(client_refused) if client_refused == client => {
                refused = true;
                false
            }
            Decision::Assign(to, server) if to == client => {
                granted = inner.idle.remove(&server);
                false
            }
            _ => true,
        });
        let granted = granted.map(|mut conn: Box<ServerConn>| {
            (conn.taken, conn.waited) = (now, Duration::ZERO);
            conn
        });
        let result = granted.ok_or_else(|| {
            if refused {
                return NotNow::Full(inner.scheduler.waiting(tenant.id));
            }
            let is_paused = inner.scheduler.is_paused(tenant.id);
            inner.waiting.insert(client, Waiting::new(Arc::clone(seat), tenant.id, now, is_paused));
            if !std::mem::replace(&mut inner.is_watched, true) {
                self.somebody_waits.notify_one();
            }
            NotNow::Wait(Waiter {
                pool: Arc::clone(self),
                tenant: tenant.id,
                level,
                client,
                held: inner.scheduler.rate_waited_for(tenant.id).is_some(),
                seat: Arc::clone(seat),
                began: now,
                is_served: false,
            })
        });
        self.carry_out(&mut inner, decisions);
        result
    }

    /// The tenant as the pool knows it: what `renew` put there is newer than what a client logged in with.
    fn introduce(self: &Arc<Self>, tenant: &Arc<Tenant>) -> Arc<Tenant> {
        let mut inner = self.lock();
        let mut decisions = std::mem::take(&mut inner.decisions);
        self.know(&mut inner, tenant, &mut decisions);
        let known = inner.tenants.get(&tenant.id).map_or_else(|| Arc::clone(tenant), Arc::clone);
        self.carry_out(&mut inner, decisions);
        known
    }

    fn know(&self, inner: &mut Inner, tenant: &Arc<Tenant>, decisions: &mut Vec<Decision>) {
        if let Entry::Vacant(new) = inner.tenants.entry(tenant.id) {
            new.insert(Arc::clone(tenant));
            let limits = self.terms().limits_of(tenant);
            let quota = quota(&limits, kept(&limits, tenant));
            inner.scheduler.set_quota(Instant::now(), tenant.id, quota, decisions);
        }
    }

    /// Takes back a clean connection. Tells the time.
    fn give_back(self: &Arc<Self>, mut conn: Box<ServerConn>) -> Instant {
        let now = Instant::now();
        conn.returned = now;
        let terms = self.terms();
        if terms.pool.max_lifetime.is_some_and(|limit| now.duration_since(conn.opened) > limit) {
            self.close(conn, "lifetime");
        } else if is_worn(&terms.pool, &conn) {
            self.close(conn, "tenants");
        } else {
            self.park(conn, now);
        }
        now
    }

    fn park(self: &Arc<Self>, conn: Box<ServerConn>, now: Instant) {
        let (owner, id) = (conn.owner, conn.id);
        let mut inner = self.lock();
        if let Some(reason) = inner.is_misplaced(&conn) {
            drop(inner);
            return self.close(conn, reason);
        }
        inner.idle.insert(id, conn);
        self.event(&mut inner, now, Event::Returned(owner, id));
    }

    /// Closes a connection that was in use; its place is free when the server has let go.
    fn close(self: &Arc<Self>, conn: Box<ServerConn>, reason: &'static str) {
        self.report(Event::Closing(conn.owner, conn.id));
        self.finish_closing(conn, reason);
    }

    fn finish_closing(self: &Arc<Self>, conn: Box<ServerConn>, reason: &'static str) {
        let pool = Arc::clone(self);
        tracing::debug!(server = conn.id.0, pid = conn.key.pid, tenant = %conn.owner, reason, "server connection closes");
        conn.closing.store(true, Ordering::Relaxed);
        tokio::spawn(async move {
            let (owner, id) = (conn.owner, conn.id);
            let voice = Arc::clone(&conn.voice);
            let _ = tokio::time::timeout(Duration::from_secs(5), conn.close()).await;
            pool.hub.dismiss(&voice);
            pool.counters.server_closed(reason);
            let mut inner = pool.lock();
            inner.open.remove(&id);
            pool.event(&mut inner, Instant::now(), Event::Closed(owner, id));
        });
    }

    fn open(self: &Arc<Self>, login: Login, id: ServerId) {
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            match pool.dialer.open(&login, id).await {
                Ok(conn) => {
                    pool.counters.server_opened();
                    // A spare says nothing.
                    if conn.owner != Owner::Spare {
                        pool.hub.admit(&conn.voice).await;
                    }
                    tracing::debug!(
                        server = id.0,
                        pid = conn.key.pid,
                        tenant = %login.name(),
                        "server connection opened"
                    );
                    let opened = Event::Opened(conn.owner, id);
                    pool.begun(Box::new(conn), opened);
                }
                Err(error) => {
                    pool.counters.server_failed();
                    tracing::warn!(tenant = %login.name(), %error, "cannot open a server connection");
                    pool.open_failed(login.owner(), id, error);
                }
            }
        });
    }

    /// A connection is an owner's from now on.
    fn begun(self: &Arc<Self>, conn: Box<ServerConn>, event: Event) {
        let id = conn.id;
        let mut inner = self.lock();
        let known = self.describe(&inner, &conn);
        inner.open.insert(id, known);
        let misplaced = inner.is_misplaced(&conn);
        inner.idle.insert(id, conn);
        self.event(&mut inner, Instant::now(), event);
        drop(inner);
        if let Some(reason) = misplaced {
            self.close_idle(reason, |idle, _| idle == id);
        }
    }

    fn open_failed(self: &Arc<Self>, owner: Owner, id: ServerId, error: ConnectError) {
        let mut inner = self.lock();
        let mut decisions = std::mem::take(&mut inner.decisions);
        inner.scheduler.on(Instant::now(), Event::OpenFailed(owner, id), &mut decisions);
        let error = Arc::new(error);
        decisions.retain(|decision| match decision {
            Decision::Fail(client) => {
                if let Some(waiting) = inner.waiting.remove(client) {
                    waiting.seat.leave(Grant::Failed(Arc::clone(&error)));
                }
                false
            }
            _ => true,
        });
        self.carry_out(&mut inner, decisions);
    }

    fn report(self: &Arc<Self>, event: Event) {
        let mut inner = self.lock();
        self.event(&mut inner, Instant::now(), event);
    }

    fn event(self: &Arc<Self>, inner: &mut Inner, now: Instant, event: Event) {
        let mut decisions = std::mem::take(&mut inner.decisions);
        inner.scheduler.on(now, event, &mut decisions);
        self.carry_out(inner, decisions);
    }

    fn carry_out(self: &Arc<Self>, inner: &mut Inner, mut decisions: Vec<Decision>) {
        // Carrying out one decision may bring about more, so this is a loop and not an iteration.
        let mut next = 0;
        while let Some(&decision) = decisions.get(next) {
            next += 1;
            match decision {
                Decision::Assign(client, server) => {
                    let Some(conn) = inner.idle.remove(&server) else { continue };
                    if let Some(waiting) = inner.waiting.remove(&client) {
                        waiting.seat.leave(Grant::Conn(conn));
                        continue;
                    }
                    // The client went away meanwhile.
                    let event = Event::Returned(conn.owner, server);
                    inner.idle.insert(server, conn);
                    inner.scheduler.on(Instant::now(), event, &mut decisions);
                }
                Decision::Open(owner, server) => match inner.login(owner) {
                    Some(login) => self.open(login, server),
                    None => {
                        inner.scheduler.on(Instant::now(), Event::OpenFailed(owner, server), &mut decisions);
                    }
                },
                Decision::Bind(tenant, server) => match inner.bind(tenant, server) {
                    Ok(binding) => self.bind(binding),
                    Err(spare) => {
                        let event = Event::NotBound(tenant, server);
                        inner.scheduler.on(Instant::now(), event, &mut decisions);
                        match spare {
                            Some(conn) => self.finish_closing(conn, "not_bound"),
                            None => {
                                let closed = Event::Closed(Owner::Spare, server);
                                inner.scheduler.on(Instant::now(), closed, &mut decisions);
                            }
                        }
                    }
                },
                Decision::Close(_, server) => {
                    if let Some(conn) = inner.idle.remove(&server) {
                        self.finish_closing(conn, "evicted");
                    }
                }
                // Whom a connection was to be opened for is nobody's client here any more.
                Decision::Fail(client) | Decision::Refuse(client) => {
                    if let Some(waiting) = inner.waiting.remove(&client) {
                        waiting.seat.leave(Grant::Failed(Arc::new(ConnectError::OutOfService)));
                    }
                }
            }
        }
        decisions.clear();
        inner.decisions = decisions;
        self.set_alarm(inner);
    }

    /// What holds at the moment.
    fn terms(&self) -> Guard<Arc<Terms>> {
        self.terms.load()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grant {
    fn conn(self) -> Option<Box<ServerConn>> {
        match self {
            Self::Conn(conn) => Some(conn),
            Self::Failed(_) | Self::Moved | Self::Late(_) => None,
        }
    }
}

impl Inner {
    /// Why a connection is of no use any more, if so.
    fn is_misplaced(&self, conn: &ServerConn) -> Option<&'static str> {
        if pause::is_old(&self.renewals, conn) {
            return Some("reconnect");
        }
        let Owner::Tenant(tenant) = conn.owner else { return None };
        // Every checkout puts its tenant there, so it was retired since.
        let Some(tenant) = self.tenants.get(&tenant) else { return Some("retired") };
        match tenant.level {
            Level::Shared => Some("level"),
            Level::Dedicated if conn.names.as_ref() != Some(&tenant.names) => Some("renamed"),
            Level::Dedicated if self.reads_elsewhere(conn, tenant) => Some(REPLICA),
            Level::Dedicated => None,
        }
    }

    /// Whether it is of a replica that may not be read from any more, or of the primary and a replica may.
    fn reads_elsewhere(&self, conn: &ServerConn, tenant: &Tenant) -> bool {
        match &conn.replica {
            Some(replica) => !replica.is_usable(),
            None => tenant.access == Access::ReadOnly && self.replicas.any_usable(),
        }
    }

    /// The level of the tenant as it is now.
    fn level(&self, tenant: &Tenant) -> Level {
        self.tenants.get(&tenant.id).map_or(tenant.level, |newest| newest.level)
    }

    fn login(&self, owner: Owner) -> Option<Login> {
        match owner {
            Owner::Tenant(tenant) => {
                self.tenants.get(&tenant).map(|tenant| Login::Tenant(Arc::clone(tenant)))
            }
            Owner::Shared => Some(Login::Shared),
            Owner::Spare => self.spare.as_ref().map(|spare| Login::Spare(Arc::clone(spare))),
        }
    }
}

/// How many connections are kept for a tenant. One of level shared has none of its own, and for those of its sessions that
/// only read none are kept besides.
const fn kept(limits: &TenantLimits, tenant: &Tenant) -> usize {
    match (tenant.level, tenant.access) {
        (Level::Dedicated, Access::ReadWrite) => limits.min_server_connections,
        (Level::Shared, _) | (_, Access::ReadOnly) => 0,
    }
}

/// What the scheduler needs to know of a tenant's limits.
const fn quota(limits: &TenantLimits, minimum: usize) -> Quota {
    Quota {
        connections: limits.max_server_connections,
        waiting: limits.max_waiting,
        weight: limits.weight,
        rate: limits.max_transactions_per_second,
        minimum,
    }
}
