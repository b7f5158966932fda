//! [`Group`]: the connections that serve all tenants of level `shared`, and who waits for one.
//!
//! Which idle connection a tenant gets: one that served this tenant last, whose caches of PostgreSQL know its tables;
//! else one that has served nobody; else the one unused longest. Taking the one used last instead would keep
//! fewer connections warm, but each tenant of a few that take turns would drive out the one before it, while
//! connections that belong to nobody active stand by: the connection unused longest is the one whose tenant is
//! least likely to come back to it.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;

use crate::schedule::fair::{FairQueue, Turn};
use crate::schedule::{ClientId, ServerId};
use crate::tenant::TenantId;

#[derive(Clone, Copy, Debug, Default)]
struct Conn {
    /// Whom it serves, or served last.
    tenant: Option<TenantId>,
    /// Its place among the idle ones; `None` while it is in use.
    idle: Option<u64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) queue: FairQueue,
    conns: HashMap<ServerId, Conn>,
    /// Idle ones, unused longest first.
    idle: BTreeMap<u64, ServerId>,
    /// Their places by the tenant they served last.
    homes: HashMap<Option<TenantId>, BTreeSet<u64>>,
    /// The idle connection that the next client gets.
    preferred: Option<ServerId>,
}

/// What [`Group::next`] brings together.
pub(super) struct Match {
    pub(super) client: ClientId,
    pub(super) server: ServerId,
    /// The place that the connection had among the idle ones.
    pub(super) stamp: u64,
    pub(super) tenant: TenantId,
    /// Whether the tenant has a rate.
    pub(super) metered: bool,
}

impl Group {
    /// Whether a connection is idle.
    pub(super) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// How many are idle.
    pub(super) fn idle_count(&self) -> usize {
        self.idle.len()
    }

    /// The client that is to be served next gets this connection, if it is idle.
    pub(super) fn prefer(&mut self, server: Option<ServerId>) {
        self.preferred = server;
    }

    /// A connection that was in use, if it was, is not any more.
    pub(super) fn release(&mut self, server: ServerId) {
        if let Some(Conn { tenant: Some(tenant), idle: None }) = self.conns.get(&server) {
            self.queue.release(*tenant);
        }
    }

    /// A connection that is released, or new, is idle from `stamp` on.
    pub(super) fn park(&mut self, server: ServerId, stamp: u64) {
        let conn = self.conns.entry(server).or_default();
        conn.idle = Some(stamp);
        self.idle.insert(stamp, server);
        self.homes.entry(conn.tenant).or_default().insert(stamp);
    }

    /// A connection is the group's no more. It is idle or released.
    pub(super) fn remove(&mut self, server: ServerId) {
        self.unpark(server);
        self.conns.remove(&server);
    }

    fn unpark(&mut self, server: ServerId) -> Option<u64> {
        let conn = self.conns.get_mut(&server)?;
        let stamp = conn.idle.take()?;
        self.idle.remove(&stamp);
        if let Some(home) = self.homes.get_mut(&conn.tenant) {
            home.remove(&stamp);
            if home.is_empty() {
                self.homes.remove(&conn.tenant);
            }
        }
        Some(stamp)
    }

    /// Brings the next client and an idle connection together, at this time.
    pub(super) fn next(&mut self, clock: u64) -> Option<Match> {
        let (_, oldest) = self.idle.first_key_value()?;
        // Where there is a choice of connections, nobody has to be preferred for its sake.
        let only = self.conns.get(oldest).filter(|_| self.idle.len() == 1).and_then(|conn| conn.tenant);
        let Turn { tenant, client, metered } = self.queue.next(clock, only)?;
        let server = self.best_for(tenant)?;
        let stamp = self.unpark(server)?;
        self.conns.insert(server, Conn { tenant: Some(tenant), idle: None });
        Some(Match { client, server, stamp, tenant, metered })
    }

    fn best_for(&self, tenant: TenantId) -> Option<ServerId> {
        let preferred =
            self.preferred.filter(|it| self.conns.get(it).is_some_and(|conn| conn.idle.is_some()));
        let latest = |home| self.homes.get(&home).and_then(|home| self.idle.get(home.last()?)).copied();
        preferred
            .or_else(|| latest(Some(tenant)))
            .or_else(|| latest(None))
            .or_else(|| self.idle.first_key_value().map(|(_, server)| *server))
    }
}
