//! Warm spares: open connections that are nobody's yet. A tenant of level `dedicated` that needs a new one is
//! bound to a spare, which is then its own for life, as if it had been opened for it.
//!
//! They count within the budget, are opened one at a time and only while nobody waits for a connection, and are the
//! first to make room. Where the budget is spent, the idle connection of a tenant that nobody missed for long gives its
//! place to a spare: its tenant can be bound to one as well as any other.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use foldhash::HashSet;

use crate::schedule::{Decision, Owner, Scheduler, ServerId};
use crate::tenant::TenantId;

/// How long no spare is opened after one failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Who comes back, in turn with all others, does so within about twice as many events as there are connections: one that
/// takes it and one that gives it back. A connection that nobody took for twice that is hardly missed.
const UNUSED_FOR: u64 = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Spares {
    /// How many there should be.
    keep: usize,
    /// Those that are open, the oldest first.
    warm: VecDeque<ServerId>,
    /// One is being opened, or a place is being made for it.
    coming: bool,
    /// Tenants that could not be bound, and get ordinary connections.
    avoided: HashSet<TenantId>,
    /// None is opened before.
    not_before: Option<Instant>,
    /// No other place is made for one before.
    no_place_before: Option<Instant>,
}

impl Spares {
    pub(super) fn len(&self) -> usize {
        self.warm.len()
    }

    /// Whether one is on its way.
    pub(super) const fn is_coming(&self) -> bool {
        self.coming
    }

    fn lacks(&self, now: Instant, keep: usize) -> bool {
        !self.coming && self.warm.len() < keep && self.not_before.is_none_or(|at| now >= at)
    }

    fn failed(&mut self, now: Instant) {
        self.not_before = Some(now + PAUSE);
    }
}

impl Scheduler {
    /// Keeps so many spares from now on. Those that are too many are closed.
    pub fn set_spares(&mut self, keep: usize, now: Instant, out: &mut Vec<Decision>) {
        self.spares.keep = if self.winds_down { 0 } else { keep };
        self.trim_spares(out);
        self.feed_hungry(out);
        self.refill(now, out);
    }

    /// Opens what is to be kept, and spares, where one lacks and nobody waits. To be called now and then: it is after a
    /// pause that the next one may be opened.
    pub fn refill(&mut self, now: Instant, out: &mut Vec<Decision>) {
        self.now = Some(now);
        self.fill_up(now, out);
        if !self.spares.lacks(now, self.spares_kept())
            || !self.hungry.is_empty()
            || self.opening >= self.limits.opening
        {
            return;
        }
        if self.total < self.limits.total {
            self.spares.coming = true;
            self.total += 1;
            self.opening += 1;
            self.next_server += 1;
            out.push(Decision::Open(Owner::Spare, ServerId(self.next_server)));
        } else if self.closing == 0 && self.spares.no_place_before.is_none_or(|at| now >= at) {
            self.spares.no_place_before = Some(now + self.limits.quantum);
            let may_go = |owner: &Owner| matches!(owner, Owner::Tenant(_)) && !self.is_kept(*owner);
            let idle = self.idle_order.iter().find(|(_, (owner, ..))| may_go(owner));
            if let Some((&stamp, &(owner, server, _))) = idle
                && self.clock.saturating_sub(stamp) > UNUSED_FOR.saturating_mul(self.total as u64)
            {
                self.evict(stamp, owner, server);
                out.push(Decision::Close(owner, server));
            }
        }
    }

    /// Tries tenants again that could not be bound.
    pub fn forgive(&mut self) {
        self.spares.avoided.clear();
    }

    /// A spare was opened, or could not be.
    pub(super) fn spare_came(&mut self, now: Instant, server: Option<ServerId>, out: &mut Vec<Decision>) {
        self.opening -= 1;
        self.spares.coming = false;
        match server {
            Some(server) => self.spares.warm.push_back(server),
            None => {
                self.total -= 1;
                self.spares.failed(now);
            }
        }
        self.trim_spares(out);
    }

    /// A spare is its tenant's now.
    pub(super) fn bound(
        &mut self,
        now: Instant,
        tenant: TenantId,
        server: ServerId,
        out: &mut Vec<Decision>,
    ) {
        let owner = Owner::Tenant(tenant);
        let share = self.share(owner);
        share.opening -= 1;
        share.since = Some(now);
        self.returned(now, owner, server, out);
    }

    /// A spare could not be bound and is being closed. What its tenant waits for is an ordinary connection.
    pub(super) fn not_bound(&mut self, now: Instant, tenant: TenantId, server: ServerId) {
        let owner = Owner::Tenant(tenant);
        self.spares.avoided.insert(tenant);
        self.spares.failed(now);
        self.share(owner).opening -= 1;
        self.lost(owner, server);
    }

    /// Binds spares to tenants whose clients wait. That opens no process, so it does not count as opening.
    pub(super) fn bind_spares(&mut self, out: &mut Vec<Decision>) {
        while !self.spares.warm.is_empty() {
            let fits = |owner: &Owner| match owner {
                Owner::Tenant(tenant) if !self.spares.avoided.contains(tenant) => Some(*tenant),
                _ => None,
            };
            let Some(tenant) = self.hungry.iter().find_map(|(_, _, owner)| fits(owner)) else { return };
            let (owner, clock) = (Owner::Tenant(tenant), self.clock);
            let Some(server) = self.spares.warm.pop_front() else { return };
            let share = self.share(owner);
            share.opening += 1;
            share.held += 1;
            share.turn = clock;
            out.push(Decision::Bind(tenant, server));
            self.rank(owner);
        }
    }

    /// Takes a spare out, to make room for somebody.
    pub(super) fn give_up_spare(&mut self) -> Option<ServerId> {
        let server = self.spares.warm.pop_front()?;
        self.closing += 1;
        Some(server)
    }

    /// Takes out the spares that are unwanted.
    pub(super) fn take_spares(
        &mut self,
        unwanted: &mut impl FnMut(Owner, ServerId) -> bool,
    ) -> Vec<ServerId> {
        let (taken, kept): (Vec<_>, _) = std::mem::take(&mut self.spares.warm)
            .into_iter()
            .partition(|server| unwanted(Owner::Spare, *server));
        self.spares.warm = kept.into();
        self.closing += taken.len();
        taken
    }

    /// How many there should be, as things are.
    const fn spares_kept(&self) -> usize {
        if self.pauses.all() { 0 } else { self.spares.keep }
    }

    pub(super) fn trim_spares(&mut self, out: &mut Vec<Decision>) {
        while self.spares.len() > self.spares_kept()
            && let Some(server) = self.give_up_spare()
        {
            out.push(Decision::Close(Owner::Spare, server));
        }
    }
}
