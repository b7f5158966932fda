//! [`Rates`]: how many turns a tenant may have in a second.
//!
//! A bucket of turns for each tenant with a rate: it holds what is due in one second, at least one, and fills at the rate.
//! A turn is taken when a client is given a connection, not when it asks: what has waited for something else is no
//! burst afterwards. Who finds no turn waits in the queue of its tenant, which takes no part in the sharing
//! meanwhile, and the scheduler says when it wants to be told the time ([`Scheduler::alarm`]).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use foldhash::HashMap;

use crate::schedule::{Decision, Owner, Quota, Scheduler};
use crate::tenant::TenantId;

/// One turn. Whole numbers of these come in a nanosecond at every rate, so that nothing is lost by looking often.
const TURN: u64 = 1_000_000_000;

/// What a bucket at this rate holds when it is full.
const fn burst(rate: usize) -> u64 {
    if rate == 0 { TURN } else { (rate as u64).saturating_mul(TURN) }
}

/// The whole turns of a level.
const fn whole(level: u64) -> usize {
    (level / TURN) as usize
}

/// The bucket of one tenant that had a turn lately; without one it is full.
#[derive(Debug)]
struct Bucket {
    rate: usize,
    level: u64,
    /// When that was its level.
    at: Instant,
    /// Its entry in `due`.
    due: Option<Instant>,
    /// Its entry in `full`.
    full: Instant,
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_nanos() as u64;
        self.level =
            self.level.saturating_add(elapsed.saturating_mul(self.rate as u64)).min(burst(self.rate));
        self.at = self.at.max(now);
    }

    /// When it holds this much, if nothing is taken.
    fn reaches(&self, level: u64) -> Instant {
        let rate = (self.rate as u64).max(1);
        self.at + Duration::from_nanos(level.saturating_sub(self.level).div_ceil(rate))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: HashMap<TenantId, Bucket>,
    /// Tenants whose clients wait for nothing but their rate, by the time of the next turn.
    due: BTreeSet<(Instant, TenantId)>,
    /// When it is worth looking whether a bucket is full, and can be forgotten.
    full: BTreeSet<(Instant, TenantId)>,
}

impl Rates {
    /// How many turns a tenant with this quota may have, as it was when that was last looked at.
    pub(super) fn allowed(&self, tenant: TenantId, quota: &Quota) -> usize {
        if !quota.is_metered() {
            return usize::MAX;
        }
        self.buckets.get(&tenant).map_or_else(|| whole(burst(quota.rate)), |bucket| whole(bucket.level))
    }

    /// Tenants whose clients wait for nothing but their rate.
    pub(super) fn held(&self) -> impl Iterator<Item = TenantId> {
        self.due.iter().map(|(_, tenant)| *tenant)
    }

    /// The tenants whose turns are counted.
    pub(super) fn tenants(&self) -> impl Iterator<Item = TenantId> {
        self.buckets.keys().copied()
    }

    /// What is kept, for tests.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize, usize) {
        (self.buckets.len(), self.due.len(), self.full.len())
    }

    /// Looks at the time; `waits` where a client would take a turn if there were one.
    fn look(&mut self, now: Instant, tenant: TenantId, waits: bool) {
        let Some(bucket) = self.buckets.get_mut(&tenant) else { return };
        bucket.fill(now);
        let due = (waits && bucket.level < TURN).then(|| bucket.reaches(TURN));
        let old = std::mem::replace(&mut bucket.due, due);
        if old != due {
            old.map(|old| self.due.remove(&(old, tenant)));
            due.map(|due| self.due.insert((due, tenant)));
        }
    }

    /// Takes out one of those whose next turn has come.
    fn pop_due(&mut self, now: Instant) -> Option<TenantId> {
        let (at, tenant) = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, tenant));
        if let Some(bucket) = self.buckets.get_mut(&tenant) {
            bucket.due = None;
        }
        Some(tenant)
    }

    fn take(&mut self, now: Instant, tenant: TenantId, rate: usize) {
        let bucket = self.buckets.entry(tenant).or_insert_with(|| {
            // Whatever the rate.
            let full = now + Duration::from_secs(1);
            self.full.insert((full, tenant));
            Bucket { rate, level: burst(rate), at: now, due: None, full }
        });
        bucket.fill(now);
        bucket.level = bucket.level.saturating_sub(TURN);
        self.forget_full(now);
    }

    fn put_back(&mut self, tenant: TenantId) {
        if let Some(bucket) = self.buckets.get_mut(&tenant) {
            bucket.level = bucket.level.saturating_add(TURN).min(burst(bucket.rate));
        }
    }

    /// The rate is another from now on: what is left of the burst stays, if it is not more than the new one.
    pub(super) fn change(&mut self, now: Instant, tenant: TenantId, quota: &Quota) {
        let Some(bucket) = self.buckets.get_mut(&tenant) else { return };
        bucket.fill(now);
        if quota.is_metered() {
            bucket.rate = quota.rate;
        } else {
            self.remove(tenant);
        }
    }

    fn remove(&mut self, tenant: TenantId) {
        let Some(bucket) = self.buckets.remove(&tenant) else { return };
        self.full.remove(&(bucket.full, tenant));
        bucket.due.map(|due| self.due.remove(&(due, tenant)));
    }

    /// Thousands of tenants come and go: a full bucket is as good as none. Each is looked at once in a second.
    fn forget_full(&mut self, now: Instant) {
        while let Some(&(at, tenant)) = self.full.first()
            && at <= now
        {
            self.full.pop_first();
            let Some(bucket) = self.buckets.get_mut(&tenant) else { continue };
            let full = bucket.reaches(burst(bucket.rate));
            if full > now {
                bucket.full = full;
                self.full.insert((full, tenant));
            } else {
                // Not its entry in `due`: who waits is still to be told.
                self.buckets.remove(&tenant);
            }
        }
    }
}

impl Scheduler {
    /// When the scheduler wants to be told the time ([`Event::Due`](super::Event::Due)), if nothing happens before.
    #[must_use]
    pub fn alarm(&self) -> Option<Instant> {
        let turn = self.rates.due.first().map(|(at, _)| *at);
        let observed = self.observed.first().map(|(at, _)| *at);
        turn.into_iter().chain(self.room_at()).chain(observed).min()
    }

    /// The tenant's rate, where its clients wait for nothing else.
    #[must_use]
    pub fn rate_waited_for(&self, tenant: TenantId) -> Option<usize> {
        let quota = self.quota(tenant);
        (self.rates.allowed(tenant, &quota) == 0).then_some(quota.rate)
    }

    /// Those whose next turn has come have it.
    pub(super) fn due(&mut self, now: Instant, out: &mut Vec<Decision>) {
        while let Some(tenant) = self.rates.pop_due(now) {
            self.resume(now, tenant, out);
        }
    }

    /// Looks how many turns a tenant with a rate has by now, and gives them to those who can have them.
    pub(super) fn resume(&mut self, now: Instant, tenant: TenantId, out: &mut Vec<Decision>) {
        self.meter(now, tenant);
        self.serve_own(now, tenant, out);
        self.serve_shared(now, out);
    }

    /// A tenant with a rate had a turn.
    pub(super) fn spend(&mut self, now: Instant, tenant: TenantId) {
        let quota = self.quota(tenant);
        if quota.is_metered() {
            self.rates.take(now, tenant, quota.rate);
            self.meter(now, tenant);
        }
    }

    /// The last turn of a tenant was of no use to it and does not count.
    pub(super) fn turn_was_vain(&mut self, now: Instant, tenant: TenantId, out: &mut Vec<Decision>) {
        if self.quota(tenant).is_metered() {
            self.rates.put_back(tenant);
            self.resume(now, tenant, out);
        }
    }

    /// Brings up to date what a tenant is allowed.
    fn meter(&mut self, now: Instant, tenant: TenantId) {
        let waits = self.waiting(tenant) > 0;
        self.rates.look(now, tenant, waits);
        let allowed = self.rates.allowed(tenant, &self.quota(tenant));
        self.shared.queue.allow(tenant, allowed);
        self.rank(Owner::Tenant(tenant));
    }

    /// Hands idle connections of a tenant's own to its clients that wait, as far as its rate allows.
    pub(super) fn serve_own(&mut self, now: Instant, tenant: TenantId, out: &mut Vec<Decision>) {
        let owner = Owner::Tenant(tenant);
        while self.need(owner) > 0
            && let Some(share) = self.shares.get_mut(&owner)
            && let Some((stamp, server)) = share.idle.pop()
        {
            self.idle_order.remove(&stamp);
            let Some((_, client)) = share.waiting.pop_front() else { return };
            out.push(Decision::Assign(client, server));
            self.spend(now, tenant);
        }
        self.rank(owner);
    }
}
