//! Other limits at runtime: a larger budget is used at once, a smaller one as connections come back.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::schedule::{Decision, Limits, Owner, Scheduler};
use crate::tenant::TenantId;

impl Scheduler {
    /// These limits hold from now on. What is idle over a smaller budget is closed, spares first and what is kept for
    /// an owner last; what is in use goes when it comes back, whoever waits. Tenants for which nothing else was said
    /// have the new usual quota; for others the caller says it anew, by [`set_quota`](Self::set_quota).
    pub fn set_limits(&mut self, now: Instant, limits: Limits, out: &mut Vec<Decision>) {
        let before = std::mem::replace(&mut self.limits, limits);
        self.now = Some(now);
        if before.adaptive != limits.adaptive {
            self.turn_concurrency(now, out);
        }
        if before.quota != limits.quota {
            let usual = self.usual_tenants();
            // All of them first: a connection is opened for one while the quota of another is set.
            for tenant in &usual {
                let owner = Owner::Tenant(*tenant);
                if let Some(share) = self.shares.get_mut(&owner) {
                    share.quota = limits.quota;
                    self.rank(owner);
                }
            }
            for tenant in usual {
                self.set_quota(now, tenant, limits.quota, out);
            }
        }
        self.trim(out);
        self.feed_hungry(out);
        self.refill(now, out);
    }

    /// The end has come: what nobody waits for is closed, now and as it comes back, and nothing is opened ahead.
    pub fn wind_down(&mut self, now: Instant, out: &mut Vec<Decision>) {
        self.winds_down = true;
        self.set_spares(0, now, out);
        for (owner, server) in self.take_idle(|_, _| true) {
            out.push(Decision::Close(owner, server));
        }
    }

    /// How many of those being closed make a place: not those that are over the budget.
    pub(super) const fn places_coming(&self) -> usize {
        self.closing.saturating_sub(self.total.saturating_sub(self.limits.total))
    }

    /// Whether more connections are there than may be, besides those that go already.
    pub(super) const fn is_over_budget(&self) -> bool {
        self.total - self.closing > self.limits.total
    }

    /// Whether a connection that comes back is of no use: it is over the budget, or the end has come and nobody waits.
    pub(super) fn is_to_go(&self, owner: Owner) -> bool {
        self.is_over_budget() || (self.winds_down && self.need_after_return(owner) == 0)
    }

    /// Closes what is idle over the budget.
    pub(super) fn trim(&mut self, out: &mut Vec<Decision>) {
        while self.is_over_budget() {
            if let Some(server) = self.give_up_spare() {
                out.push(Decision::Close(Owner::Spare, server));
                continue;
            }
            let idle = || self.idle_order.iter().map(|(stamp, (owner, server, _))| (*stamp, *owner, *server));
            let found = idle().find(|(_, owner, _)| !self.is_kept(*owner)).or_else(|| idle().next());
            let Some((stamp, owner, server)) = found else { return };
            self.evict(stamp, owner, server);
            out.push(Decision::Close(owner, server));
        }
    }

    /// Those of whom something is kept here, and that have no quota of their own.
    fn usual_tenants(&self) -> BTreeSet<TenantId> {
        let own = self.shares.keys().filter_map(|owner| match owner {
            Owner::Tenant(tenant) => Some(*tenant),
            Owner::Shared | Owner::Spare => None,
        });
        let all = own.chain(self.shared.queue.tenants()).chain(self.rates.tenants());
        all.filter(|tenant| !self.quotas.contains_key(tenant)).collect()
    }
}
