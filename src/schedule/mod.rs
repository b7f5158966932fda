//! The scheduler: which client gets which server connection, when one is opened and which is closed.
//!
//! Pure: events and the time go in, decisions come out. The pool carries them out and reports back.
//! A server connection has one [`Owner`] for life: a tenant of level `dedicated`, or the group that all tenants of
//! level `shared` have in common. Giving a place to another owner means closing one connection and opening
//! another. Within the group connections go from hand to hand (`fair.rs` says in which order, `shared.rs` which).
//! A spare is nobody's until it becomes a tenant's (`spare.rs`).

mod change;
mod concurrency;
mod event;
mod evict;
mod fair;
mod hunger;
mod limits;
mod minimum;
mod overview;
mod owner;
mod pause;
mod rate;
mod room;
mod shared;
mod spare;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use foldhash::HashMap;

use crate::schedule::concurrency::Concurrency;
use crate::schedule::minimum::Lacking;
use crate::schedule::pause::Pauses;
use crate::schedule::rate::Rates;
use crate::schedule::shared::Group;
use crate::schedule::spare::Spares;
use crate::tenant::TenantId;

pub use event::{Decision, Event};
pub use limits::{Limits, Quota};
pub use overview::{OwnerLoad, TenantLoad};
pub use owner::Owner;

/// A server connection, also one that is still being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub u64);

/// A client that waits or is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// One owner's share. Who waits for a shared connection, and which of those are idle, is in [`Group`].
#[derive(Debug)]
struct Share {
    quota: Quota,
    /// Idle connections, the one used last at the end, with its place in `idle_order`.
    idle: Vec<(u64, ServerId)>,
    waiting: VecDeque<(u64, ClientId)>,
    /// Connections open, being opened or in use; not those being closed.
    held: usize,
    opening: usize,
    /// The owner's entry in `hungry`.
    hunger: Option<(u64, u64)>,
    /// The owner's entry in `lacking`.
    lacks: Option<Instant>,
    /// When a connection was last opened for the owner.
    since: Option<Instant>,
    /// The event at which it last had its turn: a connection opened for it, or given up by it.
    turn: u64,
    /// How many of them may be in use now.
    concurrency: Concurrency,
    /// The owner's entry in `observed`.
    observed: Option<Instant>,
}

impl Share {
    const fn new(quota: Quota, adaptive: bool) -> Self {
        Self {
            quota,
            idle: Vec::new(),
            waiting: VecDeque::new(),
            held: 0,
            opening: 0,
            hunger: None,
            lacks: None,
            since: None,
            turn: 0,
            concurrency: Concurrency::new(adaptive),
            observed: None,
        }
    }
}

/// So many connections as a part of what one of this weight is due.
const fn part(connections: usize, weight: u64) -> u64 {
    (connections as u64).saturating_mul(1 << 40) / weight
}

/// See the module.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    /// Those that differ from the usual one.
    quotas: HashMap<TenantId, Quota>,
    pauses: Pauses,
    shares: HashMap<Owner, Share>,
    shared: Group,
    rates: Rates,
    spares: Spares,
    /// Idle connections of all owners, unused longest first.
    idle_order: BTreeMap<u64, (Owner, ServerId, Instant)>,
    /// Owners with waiters not covered by a connection being opened: those with the least of what they are due
    /// first, then longest without a turn.
    hungry: BTreeSet<(u64, u64, Owner)>,
    lacking: Lacking,
    /// Owners whose clients wait because enough of their connections work already, by when to look again.
    observed: BTreeSet<(Instant, Owner)>,
    /// How many shared connections are kept.
    shared_minimum: usize,
    /// See [`wind_down`](Self::wind_down).
    winds_down: bool,
    total: usize,
    opening: usize,
    /// Connections that count until they are closed, but are nobody's any more.
    closing: usize,
    clock: u64,
    /// The time of the newest event.
    now: Option<Instant>,
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
    /// Of those, clients of tenants that had all the turns their rate allows.
    pub held: usize,
    /// Of those, clients that wait beside idle connections, as with fewer at work transactions take no longer.
    pub spaced: usize,
}

impl std::ops::Add for Load {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            idle: self.idle + other.idle,
            waiting: self.waiting + other.waiting,
            held: self.held + other.held,
            spaced: self.spaced + other.spaced,
        }
    }
}

impl Scheduler {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            quotas: HashMap::default(),
            pauses: Pauses::default(),
            shares: HashMap::default(),
            shared: Group::default(),
            rates: Rates::default(),
            spares: Spares::default(),
            idle_order: BTreeMap::new(),
            hungry: BTreeSet::new(),
            lacking: Lacking::new(),
            observed: BTreeSet::new(),
            shared_minimum: 0,
            winds_down: false,
            total: 0,
            opening: 0,
            closing: 0,
            clock: 0,
            now: None,
            next_server: 0,
        }
    }

    /// Takes one event; what to do is appended to `out`.
    pub fn on(&mut self, now: Instant, event: Event, out: &mut Vec<Decision>) {
        self.now = Some(now);
        let whose = event.owner();
        let came_back = matches!(event, Event::Returned(..) | Event::Closing(..));
        match event {
            Event::Wanted(tenant, client) => self.wanted(now, tenant, client, out),
            Event::Forgotten(tenant, client) => self.forgotten(tenant, client),
            Event::WantedShared(tenant, client) => self.wanted_shared(now, tenant, client, out),
            Event::ForgottenShared(tenant, client) => {
                self.shared.queue.forget(tenant, client);
                self.update(Owner::Shared);
            }
            Event::Opened(Owner::Spare, server) => self.spare_came(now, Some(server), out),
            Event::OpenFailed(Owner::Spare, _) => self.spare_came(now, None, out),
            Event::Bound(tenant, server) => self.bound(now, tenant, server, out),
            Event::NotBound(tenant, server) => self.not_bound(now, tenant, server),
            Event::Opened(owner, server) => {
                self.opening -= 1;
                let share = self.share(owner);
                share.opening -= 1;
                share.since = Some(now);
                self.returned(now, owner, server, out);
            }
            Event::OpenFailed(owner, _) => self.open_failed(owner, out),
            Event::Returned(owner, server) => self.returned(now, owner, server, out),
            Event::Closing(owner, server) => {
                if owner == Owner::Shared {
                    self.shared.release(server);
                }
                self.lost(owner, server);
                self.serve_shared(now, out);
            }
            Event::Closed(..) => {
                self.total -= 1;
                self.closing -= 1;
            }
            Event::Vain(tenant) => self.turn_was_vain(now, tenant, out),
            Event::Due => self.due(now, out),
        }
        match whose {
            Some(owner) => self.observe(now, owner, came_back, out),
            None => self.observe_due(now, out),
        }
        if self.is_over_budget() {
            self.trim(out);
        }
        self.feed_hungry(out);
        self.refill(now, out);
    }

    /// From now on the tenant may use this much. Connections of its own over it go when they are returned, idle
    /// ones now; who waits already goes on waiting.
    pub fn set_quota(&mut self, now: Instant, tenant: TenantId, quota: Quota, out: &mut Vec<Decision>) {
        if quota == self.limits.quota {
            self.quotas.remove(&tenant);
        } else {
            self.quotas.insert(tenant, quota);
        }
        self.apply_quota(now, tenant, out);
        self.feed_hungry(out);
        self.refill(now, out);
    }

    /// Brings up to date what a tenant has of what it is due.
    fn apply_quota(&mut self, now: Instant, tenant: TenantId, out: &mut Vec<Decision>) {
        let (owner, quota) = (Owner::Tenant(tenant), self.quota(tenant));
        if let Some(share) = self.shares.get_mut(&owner) {
            share.quota = quota;
        }
        while let Some((stamp, server)) = self.idle_over_quota(owner) {
            self.evict(stamp, owner, server);
            out.push(Decision::Close(owner, server));
        }
        self.shared.queue.set_quota(tenant, quota);
        self.rates.change(now, tenant, &quota);
        self.resume(now, tenant, out);
        self.now = Some(now);
        self.update(owner);
    }

    fn idle_over_quota(&self, owner: Owner) -> Option<(u64, ServerId)> {
        let share = self.shares.get(&owner)?;
        share.idle.first().filter(|_| share.held > share.quota.connections).copied()
    }

    fn quota(&self, tenant: TenantId) -> Quota {
        self.unless_paused(tenant, *self.quotas.get(&tenant).unwrap_or(&self.limits.quota))
    }

    fn share(&mut self, owner: Owner) -> &mut Share {
        let quota = match owner {
            Owner::Tenant(tenant) => self.quota(tenant),
            Owner::Shared => self.shared_quota(),
            Owner::Spare => Quota::UNLIMITED,
        };
        let adaptive = self.limits.adaptive;
        self.shares.entry(owner).or_insert_with(|| Share::new(quota, adaptive))
    }

    /// Makes an idle connection the one that its owner's next client gets. Of shared connections it is the very
    /// next event's client.
    pub fn prefer(&mut self, owner: Owner, server: ServerId) {
        if owner == Owner::Shared {
            return self.shared.prefer(Some(server));
        }
        let Some(share) = self.shares.get_mut(&owner) else { return };
        if let Some(at) = share.idle.iter().position(|(_, idle)| *idle == server) {
            let preferred = share.idle.remove(at);
            share.idle.push(preferred);
        }
    }

    /// Takes out the idle connections that are `unwanted`; the caller closes each and reports it
    /// [`Event::Closed`].
    pub fn take_idle(&mut self, mut unwanted: impl FnMut(Owner, ServerId) -> bool) -> Vec<(Owner, ServerId)> {
        let taken: Vec<_> =
            self.idle_order.iter().filter(|(_, (o, s, _))| unwanted(*o, *s)).map(|(k, v)| (*k, *v)).collect();
        for (stamp, (owner, server, _)) in &taken {
            self.evict(*stamp, *owner, *server);
        }
        let spares = self.take_spares(&mut unwanted).into_iter().map(|server| (Owner::Spare, server));
        taken.into_iter().map(|(_, (owner, server, _))| (owner, server)).chain(spares).collect()
    }

    /// Takes out the clients of a tenant that wait, for whichever kind of connection, in their order.
    pub fn take_waiting(&mut self, tenant: TenantId) -> Vec<ClientId> {
        let owner = Owner::Tenant(tenant);
        let own = self.shares.get_mut(&owner).map(|share| std::mem::take(&mut share.waiting));
        let mut taken: Vec<_> = own.unwrap_or_default().into_iter().map(|(_, client)| client).collect();
        taken.extend(self.shared.queue.take(tenant));
        self.update(owner);
        self.update(Owner::Shared);
        taken
    }

    /// How many clients of a tenant wait.
    #[must_use]
    pub fn waiting(&self, tenant: TenantId) -> usize {
        let own = self.shares.get(&Owner::Tenant(tenant)).map_or(0, |share| share.waiting.len());
        own + self.shared.queue.waiting(tenant)
    }

    /// Counts.
    #[must_use]
    pub fn load(&self) -> Load {
        let own: usize = self.shares.values().map(|share| share.waiting.len()).sum();
        let held = self.rates.held().map(|tenant| self.waiting(tenant)).sum();
        let idle = self.idle_order.len() + self.spares.len();
        let waiting = own + self.shared.queue.len();
        Load { total: self.total, idle, waiting, held, spaced: self.spaced() }
    }

    fn wanted(&mut self, now: Instant, tenant: TenantId, client: ClientId, out: &mut Vec<Decision>) {
        self.clock += 1;
        let (clock, owner) = (self.clock, Owner::Tenant(tenant));
        let has_room = self.room(owner) > 0;
        let share = self.share(owner);
        let metered = share.quota.is_metered();
        // First come, first served: nobody overtakes a waiter.
        if share.waiting.is_empty()
            && !metered
            && has_room
            && let Some((stamp, server)) = share.idle.pop()
        {
            self.idle_order.remove(&stamp);
            out.push(Decision::Assign(client, server));
            return;
        }
        if share.waiting.len() >= share.quota.waiting {
            out.push(Decision::Refuse(client));
            self.drop_if_unused(owner);
            return;
        }
        share.waiting.push_back((clock, client));
        if metered {
            return self.resume(now, tenant, out);
        }
        self.rank(owner);
    }

    fn wanted_shared(&mut self, now: Instant, tenant: TenantId, client: ClientId, out: &mut Vec<Decision>) {
        self.clock += 1;
        let quota = self.quota(tenant);
        // Where a connection is idle, no one waits who may have it.
        let may_have = self.room(Owner::Shared) > 0 && self.shared.queue.has_room(tenant, quota);
        let waits = !self.shared.has_idle() || !may_have;
        if waits && self.shared.queue.waiting(tenant) >= quota.waiting {
            out.push(Decision::Refuse(client));
        } else {
            self.share(Owner::Shared);
            self.shared.queue.push(tenant, quota, client, self.clock);
            if quota.is_metered() {
                self.resume(now, tenant, out);
            } else {
                self.serve_shared(now, out);
            }
        }
        self.shared.prefer(None);
    }

    /// Hands idle shared connections to those whose turn it is.
    fn serve_shared(&mut self, now: Instant, out: &mut Vec<Decision>) {
        while self.room(Owner::Shared) > 0
            && let Some(found) = self.shared.next(self.clock)
        {
            self.idle_order.remove(&found.stamp);
            out.push(Decision::Assign(found.client, found.server));
            if found.metered {
                self.spend(now, found.tenant);
            }
        }
        self.update(Owner::Shared);
    }

    fn forgotten(&mut self, tenant: TenantId, client: ClientId) {
        let owner = Owner::Tenant(tenant);
        if let Some(share) = self.shares.get_mut(&owner) {
            share.waiting.retain(|(_, waiting)| *waiting != client);
        }
        self.update(owner);
    }

    fn open_failed(&mut self, owner: Owner, out: &mut Vec<Decision>) {
        self.opening -= 1;
        self.total -= 1;
        let needed = self.need(owner) > 0;
        if let Some(share) = self.shares.get_mut(&owner) {
            share.opening -= 1;
            share.held -= 1;
            // With other connections alive the waiter may still get one; with none it would only wait
            // for its time-out.
            if share.held == share.opening && needed {
                let first = match owner {
                    Owner::Tenant(_) => share.waiting.pop_front().map(|(_, client)| client),
                    Owner::Shared => self.shared.queue.take_first(),
                    Owner::Spare => None,
                };
                out.extend(first.map(Decision::Fail));
            }
        }
        self.note_lack(owner, true);
        self.update(owner);
    }

    fn returned(&mut self, now: Instant, owner: Owner, server: ServerId, out: &mut Vec<Decision>) {
        self.clock += 1;
        let clock = self.clock;
        if owner == Owner::Shared {
            self.shared.release(server);
        }
        if self.is_to_go(owner) || self.is_over_quota(owner) || self.must_yield(now, owner) {
            if let Some(share) = self.shares.get_mut(&owner) {
                share.turn = clock;
                if owner == Owner::Shared {
                    // It may have many that it is due: it gives up one in a quantum.
                    share.since = Some(now);
                }
            }
            self.lost(owner, server);
            out.push(Decision::Close(owner, server));
            return;
        }
        let may_go_on = self.room_after_return(owner) > 0;
        let Owner::Tenant(tenant) = owner else {
            self.shared.park(server, clock);
            self.idle_order.insert(clock, (owner, server, now));
            return self.serve_shared(now, out);
        };
        let share = self.share(owner);
        let metered = share.quota.is_metered();
        if let Some((_, client)) = (!metered && may_go_on).then(|| share.waiting.pop_front()).flatten() {
            out.push(Decision::Assign(client, server));
        } else {
            share.idle.push((clock, server));
            self.idle_order.insert(clock, (owner, server, now));
        }
        if metered {
            self.serve_own(now, tenant, out);
        }
        self.rank(owner);
    }

    fn is_over_quota(&self, owner: Owner) -> bool {
        self.shares.get(&owner).is_some_and(|share| share.held > share.quota.connections)
    }

    /// Whether a connection that `owner` gives back, and could use again, goes to one that has less of what
    /// it is due. Only when the budget is spent: otherwise the other simply gets a new one.
    fn must_yield(&self, now: Instant, owner: Owner) -> bool {
        let Some(share) = self.shares.get(&owner) else { return false };
        if self.total < self.limits.total || self.need_after_return(owner) == 0 {
            return false;
        }
        // The hungriest that is not this one itself, and for whom no place is being made already.
        let Some((_, _, other)) = self.hungry.iter().find(|(_, _, other)| *other != owner) else {
            return false;
        };
        let others = self.shares.get(other).map_or(0, |other| other.held);
        if self.places_coming() >= self.hungry.len() || self.victim(*other).is_some() {
            return false;
        }
        let had = share.since.map_or(Duration::MAX, |since| now.saturating_duration_since(since));
        let (weight, after) = (self.weight(owner), part(others + 1, self.weight(*other)));
        // The other has no more than this one afterwards, so that it does not go to and fro between them.
        let fairer = share.held > 1 && !self.is_kept(owner) && part(share.held - 1, weight) >= after;
        // The last connection goes to and fro, but not faster than the quantum. (The shared group may be due
        // nearly all connections, and have one.)
        let poorer = others == 0 || (share.held == 1 && !self.is_kept(owner) && part(1, weight) > after);
        fairer || (poorer && had >= self.limits.quantum)
    }

    /// A connection stops being its owner's; it counts until it is closed.
    fn lost(&mut self, owner: Owner, server: ServerId) {
        if owner == Owner::Shared {
            self.shared.remove(server);
        }
        if let Some(share) = self.shares.get_mut(&owner) {
            share.held -= 1;
            self.closing += 1;
        }
        self.update(owner);
    }

    /// An idle connection stops being its owner's.
    fn evict(&mut self, stamp: u64, owner: Owner, server: ServerId) {
        self.idle_order.remove(&stamp);
        if let Some(share) = self.shares.get_mut(&owner) {
            share.idle.retain(|(s, _)| *s != stamp);
        }
        self.lost(owner, server);
    }

    /// Opens connections while there is room, and makes room.
    fn feed_hungry(&mut self, out: &mut Vec<Decision>) {
        self.bind_spares(out);
        while self.opening < self.limits.opening && self.total < self.limits.total {
            let Some(&(_, _, owner)) = self.hungry.first() else { return };
            self.open(owner, out);
        }
        self.make_room(out);
    }

    fn open(&mut self, owner: Owner, out: &mut Vec<Decision>) {
        let Some(share) = self.shares.get_mut(&owner) else { return };
        share.opening += 1;
        share.held += 1;
        share.turn = self.clock;
        self.total += 1;
        self.opening += 1;
        self.next_server += 1;
        out.push(Decision::Open(owner, ServerId(self.next_server)));
        self.rank(owner);
    }
}

#[cfg(test)]
mod tests;
