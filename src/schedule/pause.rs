//! Tenants that are given no server connection until they go on again, or all of them: PgBouncer's PAUSE.
//!
//! Who is paused is due no connections: its own are closed, those in use when they come back, none is opened for it, and its
//! clients wait. Of shared connections it is given none, and the others go on with them. Where all are paused there are
//! none of any kind in the end.

use std::collections::HashSet;
use std::time::Instant;

use crate::schedule::{Decision, Owner, Quota, Scheduler};
use crate::tenant::TenantId;

/// Who is paused.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    all: bool,
    tenants: HashSet<TenantId>,
}

impl Pauses {
    /// Whether nobody is given a connection.
    pub(super) const fn all(&self) -> bool {
        self.all
    }

    fn holds(&self, tenant: TenantId) -> bool {
        self.all || self.tenants.contains(&tenant)
    }
}

impl Quota {
    /// The same, without any connection.
    const fn paused(self) -> Self {
        Self { connections: 0, minimum: 0, ..self }
    }
}

impl Scheduler {
    /// Gives nobody of these a connection any more: of one tenant, or of all with `None`. Whether that is new.
    pub fn pause(&mut self, now: Instant, whom: Option<TenantId>, out: &mut Vec<Decision>) -> bool {
        let is_new = match whom {
            Some(tenant) => self.pauses.tenants.insert(tenant),
            None => !std::mem::replace(&mut self.pauses.all, true),
        };
        if is_new {
            self.follow_pauses(now, whom, out);
        }
        is_new
    }

    /// Lets them go on. Whether they were paused in this way: who is paused by itself and with all goes on when both
    /// are over.
    pub fn go_on(&mut self, now: Instant, whom: Option<TenantId>, out: &mut Vec<Decision>) -> bool {
        let was_paused = match whom {
            Some(tenant) => self.pauses.tenants.remove(&tenant),
            None => std::mem::take(&mut self.pauses.all),
        };
        if was_paused {
            self.follow_pauses(now, whom, out);
        }
        was_paused
    }

    /// Whether a tenant's clients wait until it goes on.
    #[must_use]
    pub fn is_paused(&self, tenant: TenantId) -> bool {
        self.pauses.holds(tenant)
    }

    /// Whether all are paused.
    #[must_use]
    pub const fn all_paused(&self) -> bool {
        self.pauses.all
    }

    /// Whether no connection works, or could, for this tenant, or for anybody with `None`.
    #[must_use]
    pub fn is_at_rest(&self, whom: Option<TenantId>) -> bool {
        let Some(tenant) = whom else { return self.total == 0 };
        let held = self.shares.get(&Owner::Tenant(tenant)).map_or(0, |share| share.held);
        held == 0 && self.shared.queue.serving(tenant) == 0
    }

    /// What a tenant with this quota is due, as things are.
    pub(super) fn unless_paused(&self, tenant: TenantId, quota: Quota) -> Quota {
        if self.pauses.holds(tenant) { quota.paused() } else { quota }
    }

    /// What the shared connections are due.
    pub(super) fn shared_quota(&self) -> Quota {
        // Each of its tenants has a quota, it has none.
        let quota = Quota { minimum: self.shared_minimum, ..Quota::UNLIMITED };
        if self.pauses.all { quota.paused() } else { quota }
    }

    fn follow_pauses(&mut self, now: Instant, whom: Option<TenantId>, out: &mut Vec<Decision>) {
        self.now = Some(now);
        match whom {
            Some(tenant) => self.apply_quota(now, tenant, out),
            None => {
                let owners = self.shares.keys().filter_map(|owner| match owner {
                    Owner::Tenant(tenant) => Some(*tenant),
                    Owner::Shared | Owner::Spare => None,
                });
                let tenants: HashSet<_> = owners.chain(self.shared.queue.tenants()).collect();
                tenants.into_iter().for_each(|tenant| self.apply_quota(now, tenant, out));
                self.apply_shared_quota(now, out);
                self.trim_spares(out);
            }
        }
        self.feed_hungry(out);
        self.refill(now, out);
    }

    fn apply_shared_quota(&mut self, now: Instant, out: &mut Vec<Decision>) {
        let quota = self.shared_quota();
        if let Some(share) = self.shares.get_mut(&Owner::Shared) {
            share.quota = quota;
        }
        if self.pauses.all {
            let idle = self.idle_order.iter().filter(|(_, (owner, ..))| *owner == Owner::Shared);
            for (stamp, server) in idle.map(|(stamp, (_, server, _))| (*stamp, *server)).collect::<Vec<_>>() {
                self.evict(stamp, Owner::Shared, server);
                out.push(Decision::Close(Owner::Shared, server));
            }
        }
        self.serve_shared(now, out);
    }
}
