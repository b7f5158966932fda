//! What there is of server connections, for people who look.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::config::ServerAddress;
use crate::pool::{Inner, Pool};
use crate::schedule::{Load, Owner, OwnerLoad, ServerId, TenantLoad};
use crate::server::ServerConn;
use crate::telemetry::{Lately, TrafficTotals};
use crate::tenant::{Tenant, TenantId};

/// The pool at one time.
#[derive(Clone, Debug)]
pub struct PoolOverview {
    /// Counts.
    pub load: Load,
    /// Server connections there may be at once.
    pub limit: usize,
    /// Connections being opened.
    pub opening: usize,
    /// Connections being closed.
    pub closing: usize,
    /// What each owner has.
    pub owners: Vec<OwnerLoad>,
    /// Who was served, and how it stands in the queues.
    pub tenants: Vec<(Arc<Tenant>, TenantLoad)>,
    /// What the clients of each did.
    pub traffic: Vec<(TenantId, TrafficTotals, Lately)>,
    /// All connections that are open.
    pub servers: Vec<OpenServer>,
    /// Whether all tenants are paused.
    pub is_paused: bool,
    /// Where the server is.
    pub address: ServerAddress,
    /// The role that shared connections log in as.
    pub shared_role: Option<String>,
}

/// A server connection that is open.
#[derive(Clone, Debug)]
pub struct OpenServer {
    /// Its name in the scheduler.
    pub id: ServerId,
    /// Whose it is.
    pub owner: Owner,
    /// The role it is logged in as.
    pub role: String,
    /// Process id of the server.
    pub pid: i32,
    /// When it was begun to be opened.
    pub begun: Instant,
    /// When it was open.
    pub opened: Instant,
    /// Whether it is closed when it comes back.
    pub close_needed: bool,
    /// When it was given back, while nobody uses it.
    pub idle_since: Option<Instant>,
    /// Where its server is.
    pub address: ServerAddress,
    /// Protocol and cipher, where it has TLS.
    pub tls: Option<String>,
    closing: Arc<AtomicBool>,
}

impl OpenServer {
    /// Whether it is being closed.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

impl Pool {
    /// The pool as it is. Holds up who wants a connection for about as long as it takes to copy what is there.
    #[must_use]
    pub fn overview(&self) -> PoolOverview {
        let commons = self.commons.iter();
        let traffic = commons.map(|of| (*of.key(), of.traffic.totals(), of.traffic.lately())).collect();
        let inner = self.lock();
        let tenants = inner.tenants.values();
        let (opening, closing) = inner.scheduler.in_motion();
        let servers = inner.open.values().map(|server| {
            let idle_since = inner.idle.get(&server.id).map(|conn| conn.returned);
            let close_needed = inner.renewals.concern(server.owner, server.begun);
            OpenServer { idle_since, close_needed, ..server.clone() }
        });
        PoolOverview {
            load: inner.scheduler.load(),
            limit: self.terms().pool.max_server_connections,
            opening,
            closing,
            owners: inner.scheduler.owners(),
            tenants: tenants.map(|tenant| (Arc::clone(tenant), inner.scheduler.tenant(tenant.id))).collect(),
            traffic,
            is_paused: inner.scheduler.all_paused(),
            servers: servers.collect(),
            address: self.dialer.address().clone(),
            shared_role: self.dialer.shared_role().map(|role| role.as_str().to_owned()),
        }
    }

    /// A period of averages ends for every tenant, and the next begins.
    pub fn mark_traffic(&self, now: Instant) {
        self.commons.iter().for_each(|commons| commons.traffic.mark(now));
    }

    /// What is told of a connection that is an owner's from now on.
    pub(super) fn describe(&self, inner: &Inner, conn: &ServerConn) -> OpenServer {
        let own = conn.names.as_ref().map(|names| &names.role);
        let role = match conn.owner {
            Owner::Tenant(_) => own,
            Owner::Shared => self.dialer.shared_role(),
            Owner::Spare => inner.spare.as_ref().map(|spare| &spare.role),
        };
        OpenServer {
            id: conn.id,
            owner: conn.owner,
            role: role.map_or_else(String::new, |role| role.as_str().to_owned()),
            pid: conn.key.pid,
            begun: conn.begun,
            opened: conn.opened,
            close_needed: false,
            idle_since: None,
            address: conn.address().clone(),
            tls: conn.tls(),
            closing: Arc::clone(&conn.closing),
        }
    }
}
