//! The scheduler: which client gets which server connection, when one is opened and which is closed.
//!
//! Pure: events and the time go in, decisions come out. The pool carries them out and reports back.
//! Server connections belong to one tenant for life (level `dedicated`), so giving a place to another
//! tenant means closing one connection and opening another.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::tenant::TenantId;

/// A server connection, also one that is still being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub u64);

/// A client that waits or is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// What the scheduler may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Server connections at once, counting those being opened and closed.
    pub total: usize,
    /// What a tenant may use for which nothing else is said.
    pub quota: Quota,
    /// Server connections being opened at once.
    pub opening: usize,
    /// How long a tenant may keep a connection busy while others have none.
    pub quantum: Duration,
}

/// What one tenant may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Server connections at once.
    pub connections: usize,
    /// Clients waiting at once.
    pub waiting: usize,
    /// Its share of the connections where there are too few, in proportion to those of others.
    pub weight: u32,
}

impl Quota {
    /// No limit of its own, and the usual share.
    pub const UNLIMITED: Self = Self { connections: usize::MAX, waiting: usize::MAX, weight: 100 };

    /// So many connections as a part of what the tenant is due.
    const fn load(self, connections: usize) -> usize {
        let weight = if self.weight == 0 { 1 } else { self.weight as usize };
        connections.saturating_mul(1 << 20) / weight
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client needs a server connection.
    Wanted(TenantId, ClientId),
    /// A client that waits gave up.
    Forgotten(TenantId, ClientId),
    /// A connection was opened.
    Opened(TenantId, ServerId),
    /// A connection could not be opened.
    OpenFailed(TenantId, ServerId),
    /// A connection came back clean.
    Returned(TenantId, ServerId),
    /// A connection in use will not come back and is being closed.
    Closing(TenantId, ServerId),
    /// A connection is gone.
    Closed(TenantId, ServerId),
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Hand this connection to this client.
    Assign(ClientId, ServerId),
    /// Open a connection under this id.
    Open(TenantId, ServerId),
    /// Close this idle connection, then report it closed.
    Close(TenantId, ServerId),
    /// Tell this client that no connection could be opened.
    Fail(ClientId),
    /// Tell this client that too many of its tenant wait already.
    Refuse(ClientId),
}

/// One tenant's share.
#[derive(Debug)]
struct Share {
    quota: Quota,
    /// Idle connections, the one used last at the end, with its place in `idle_order`.
    idle: Vec<(u64, ServerId)>,
    waiting: VecDeque<(u64, ClientId)>,
    /// Connections open, being opened or in use; not those being closed.
    held: usize,
    opening: usize,
    /// The tenant's entry in `hungry`.
    hunger: Option<(usize, u64)>,
    /// When a connection was last opened for the tenant.
    since: Option<Instant>,
    /// The event at which it last had its turn: a connection opened for it, or given up by it.
    turn: u64,
}

impl Share {
    const fn new(quota: Quota) -> Self {
        Self {
            quota,
            idle: Vec::new(),
            waiting: VecDeque::new(),
            held: 0,
            opening: 0,
            hunger: None,
            since: None,
            turn: 0,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    /// Those that differ from the usual one.
    quotas: HashMap<TenantId, Quota>,
    tenants: HashMap<TenantId, Share>,
    /// Idle connections of all tenants, unused longest first.
    idle_order: BTreeMap<u64, (TenantId, ServerId)>,
    /// Tenants with waiters not covered by a connection being opened: those with the least of what they are due
    /// first, then longest without a turn.
    hungry: BTreeSet<(usize, u64, TenantId)>,
    total: usize,
    opening: usize,
    /// Connections that count until they are closed, but belong to no tenant any more.
    closing: usize,
    clock: u64,
    next_server: u64,
}

/// Counts for logs and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections that exist, are being opened or closed.
    pub total: usize,
    /// Connections nobody uses.
    pub idle: usize,
    /// Clients waiting.
    pub waiting: usize,
}

impl Scheduler {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            quotas: HashMap::new(),
            tenants: HashMap::new(),
            idle_order: BTreeMap::new(),
            hungry: BTreeSet::new(),
            total: 0,
            opening: 0,
            closing: 0,
            clock: 0,
            next_server: 0,
        }
    }

    /// Takes one event; what to do is appended to `out`.
    pub fn on(&mut self, now: Instant, event: Event, out: &mut Vec<Decision>) {
        match event {
            Event::Wanted(tenant, client) => self.wanted(tenant, client, out),
            Event::Forgotten(tenant, client) => self.forgotten(tenant, client),
            Event::Opened(tenant, server) => {
                self.opening -= 1;
                let share = self.share(tenant);
                share.opening -= 1;
                share.since = Some(now);
                self.returned(now, tenant, server, out);
            }
            Event::OpenFailed(tenant, _) => self.open_failed(tenant, out),
            Event::Returned(tenant, server) => self.returned(now, tenant, server, out),
            Event::Closing(tenant, _) => self.lost(tenant),
            Event::Closed(..) => {
                self.total -= 1;
                self.closing -= 1;
            }
        }
        self.feed_hungry(out);
    }

    /// From now on the tenant may use this much. Connections over it go when they are returned, idle ones now;
    /// who waits already goes on waiting.
    pub fn set_quota(&mut self, tenant: TenantId, quota: Quota, out: &mut Vec<Decision>) {
        if quota == self.limits.quota {
            self.quotas.remove(&tenant);
        } else {
            self.quotas.insert(tenant, quota);
        }
        if let Some(share) = self.tenants.get_mut(&tenant) {
            share.quota = quota;
        }
        while let Some((stamp, server)) = self.idle_over_quota(tenant) {
            self.take_from_idle(stamp, tenant);
            self.lost(tenant);
            out.push(Decision::Close(tenant, server));
        }
        self.rank(tenant);
        self.feed_hungry(out);
    }

    fn idle_over_quota(&self, tenant: TenantId) -> Option<(u64, ServerId)> {
        let share = self.tenants.get(&tenant)?;
        share.idle.first().filter(|_| share.held > share.quota.connections).copied()
    }

    fn share(&mut self, tenant: TenantId) -> &mut Share {
        let quota = self.quotas.get(&tenant).unwrap_or(&self.limits.quota);
        self.tenants.entry(tenant).or_insert_with(|| Share::new(*quota))
    }

    /// Makes an idle connection the one that its tenant's next client gets.
    pub fn prefer(&mut self, tenant: TenantId, server: ServerId) {
        let Some(share) = self.tenants.get_mut(&tenant) else { return };
        if let Some(at) = share.idle.iter().position(|(_, idle)| *idle == server) {
            let preferred = share.idle.remove(at);
            share.idle.push(preferred);
        }
    }

    /// Takes out the idle connections that are `unwanted`; the caller closes each and reports it
    /// [`Event::Closed`].
    pub fn take_idle(
        &mut self,
        mut unwanted: impl FnMut(TenantId, ServerId) -> bool,
    ) -> Vec<(TenantId, ServerId)> {
        let taken: Vec<_> =
            self.idle_order.iter().filter(|(_, (t, s))| unwanted(*t, *s)).map(|(k, v)| (*k, *v)).collect();
        for (stamp, (tenant, _)) in &taken {
            self.take_from_idle(*stamp, *tenant);
            self.lost(*tenant);
        }
        taken.into_iter().map(|(_, v)| v).collect()
    }

    /// How many clients of a tenant wait.
    #[must_use]
    pub fn waiting(&self, tenant: TenantId) -> usize {
        self.tenants.get(&tenant).map_or(0, |share| share.waiting.len())
    }

    /// Counts.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            total: self.total,
            idle: self.idle_order.len(),
            waiting: self.tenants.values().map(|share| share.waiting.len()).sum(),
        }
    }

    fn wanted(&mut self, tenant: TenantId, client: ClientId, out: &mut Vec<Decision>) {
        self.clock += 1;
        let clock = self.clock;
        let share = self.share(tenant);
        // First come, first served: nobody overtakes a waiter.
        if share.waiting.is_empty()
            && let Some((stamp, server)) = share.idle.pop()
        {
            self.idle_order.remove(&stamp);
            out.push(Decision::Assign(client, server));
            return;
        }
        if share.waiting.len() >= share.quota.waiting {
            out.push(Decision::Refuse(client));
            self.drop_if_unused(tenant);
            return;
        }
        share.waiting.push_back((clock, client));
        self.rank(tenant);
    }

    fn forgotten(&mut self, tenant: TenantId, client: ClientId) {
        if let Some(share) = self.tenants.get_mut(&tenant) {
            share.waiting.retain(|(_, waiting)| *waiting != client);
        }
        self.rank(tenant);
        self.drop_if_unused(tenant);
    }

    fn open_failed(&mut self, tenant: TenantId, out: &mut Vec<Decision>) {
        self.opening -= 1;
        self.total -= 1;
        if let Some(share) = self.tenants.get_mut(&tenant) {
            share.opening -= 1;
            share.held -= 1;
            // With other connections alive the waiter may still get one; with none it would only wait
            // for its time-out.
            if share.held == share.opening
                && let Some((_, client)) = share.waiting.pop_front()
            {
                out.push(Decision::Fail(client));
            }
        }
        self.rank(tenant);
        self.drop_if_unused(tenant);
    }

    fn returned(&mut self, now: Instant, tenant: TenantId, server: ServerId, out: &mut Vec<Decision>) {
        self.clock += 1;
        if self.is_over_quota(tenant) || self.must_yield(now, tenant) {
            if let Some(share) = self.tenants.get_mut(&tenant) {
                share.turn = self.clock;
            }
            self.lost(tenant);
            out.push(Decision::Close(tenant, server));
            return;
        }
        let clock = self.clock;
        let share = self.share(tenant);
        if let Some((_, client)) = share.waiting.pop_front() {
            out.push(Decision::Assign(client, server));
        } else {
            share.idle.push((clock, server));
            self.idle_order.insert(clock, (tenant, server));
        }
        self.rank(tenant);
    }

    fn is_over_quota(&self, tenant: TenantId) -> bool {
        self.tenants.get(&tenant).is_some_and(|share| share.held > share.quota.connections)
    }

    /// Whether a connection that `tenant` gives back, and could use again, goes to a tenant that has
    /// less of what it is due. Only when the budget is spent: otherwise the other simply gets a new one.
    fn must_yield(&self, now: Instant, tenant: TenantId) -> bool {
        let Some(share) = self.tenants.get(&tenant) else { return false };
        if self.total < self.limits.total || share.waiting.is_empty() {
            return false;
        }
        // The hungriest that is not this tenant itself, and for whom no place is being made already.
        let Some((_, _, other)) = self.hungry.iter().find(|(_, _, other)| *other != tenant) else {
            return false;
        };
        let Some(other) = self.tenants.get(other) else { return false };
        if !self.idle_order.is_empty() || self.closing >= self.hungry.len() {
            return false;
        }
        let had = share.since.map_or(Duration::MAX, |since| now.saturating_duration_since(since));
        // The other has no more than this one afterwards, so that it does not go to and fro between them.
        let fairer = share.held > 1 && share.quota.load(share.held - 1) >= other.quota.load(other.held + 1);
        fairer || (other.held == 0 && had >= self.limits.quantum)
    }

    /// A connection of `tenant` stops being its own; it counts until it is closed.
    fn lost(&mut self, tenant: TenantId) {
        if let Some(share) = self.tenants.get_mut(&tenant) {
            share.held -= 1;
            self.closing += 1;
        }
        self.rank(tenant);
        self.drop_if_unused(tenant);
    }

    /// Opens connections while there is room, and makes room by closing what nobody uses.
    fn feed_hungry(&mut self, out: &mut Vec<Decision>) {
        while self.opening < self.limits.opening && self.total < self.limits.total {
            let Some(&(_, _, tenant)) = self.hungry.first() else { return };
            let Some(share) = self.tenants.get_mut(&tenant) else { return };
            share.opening += 1;
            share.held += 1;
            share.turn = self.clock;
            self.total += 1;
            self.opening += 1;
            self.next_server += 1;
            out.push(Decision::Open(tenant, ServerId(self.next_server)));
            self.rank(tenant);
        }
        // One place is made for each tenant in need, not for each of its waiters: the next event looks
        // again.
        while self.total >= self.limits.total && self.closing < self.hungry.len() {
            let Some((&stamp, &(tenant, server))) = self.idle_order.first_key_value() else { return };
            self.take_from_idle(stamp, tenant);
            self.lost(tenant);
            out.push(Decision::Close(tenant, server));
        }
    }

    fn take_from_idle(&mut self, stamp: u64, tenant: TenantId) {
        self.idle_order.remove(&stamp);
        if let Some(share) = self.tenants.get_mut(&tenant) {
            share.idle.retain(|(s, _)| *s != stamp);
        }
    }

    /// Brings the tenant's entry in `hungry` up to date.
    fn rank(&mut self, tenant: TenantId) {
        let Some(share) = self.tenants.get_mut(&tenant) else { return };
        let uncovered = share.waiting.len() > share.opening && share.held < share.quota.connections;
        let rank = share
            .waiting
            .front()
            .filter(|_| uncovered)
            .map(|(since, _)| (share.quota.load(share.held), share.turn.max(*since)));
        if rank == share.hunger {
            return;
        }
        if let Some((load, since)) = std::mem::replace(&mut share.hunger, rank) {
            self.hungry.remove(&(load, since, tenant));
        }
        if let Some((load, since)) = rank {
            self.hungry.insert((load, since, tenant));
        }
    }

    /// Thousands of tenants come and go; only those with something to count are kept.
    fn drop_if_unused(&mut self, tenant: TenantId) {
        if self.tenants.get(&tenant).is_some_and(|s| s.held == 0 && s.waiting.is_empty()) {
            self.tenants.remove(&tenant);
        }
    }
}

#[cfg(test)]
mod tests;
