//! What the scheduler holds of each owner and tenant, for people who look.

use crate::schedule::{Owner, Quota, Scheduler};
use crate::tenant::TenantId;

/// One owner's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerLoad {
    /// Whose.
    pub owner: Owner,
    /// Open, being opened or in use; not those being closed.
    pub held: usize,
    /// Being opened.
    pub opening: usize,
    /// Used by nobody.
    pub idle: usize,
}

/// One tenant's place in the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantLoad {
    /// Clients that wait.
    pub waiting: usize,
    /// Whether they wait for nothing but their rate.
    pub is_over_rate: bool,
    /// Whether they wait until it goes on.
    pub is_paused: bool,
    /// What it may use.
    pub quota: Quota,
}

impl Scheduler {
    /// All owners that have something.
    #[must_use]
    pub fn owners(&self) -> Vec<OwnerLoad> {
        let shares = self.shares.iter().map(|(owner, share)| {
            let idle = match owner {
                Owner::Shared => self.shared.idle_count(),
                Owner::Tenant(_) | Owner::Spare => share.idle.len(),
            };
            OwnerLoad { owner: *owner, held: share.held, opening: share.opening, idle }
        });
        let (warm, coming) = (self.spares.len(), self.spares.is_coming());
        let opening = usize::from(coming);
        let spares = OwnerLoad { owner: Owner::Spare, held: warm + opening, opening, idle: warm };
        shares.chain((spares.held > 0).then_some(spares)).collect()
    }

    /// What is known of a tenant that was served.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> TenantLoad {
        let waiting = self.waiting(tenant);
        let is_over_rate = waiting > 0 && self.rate_waited_for(tenant).is_some();
        let quota = *self.quotas.get(&tenant).unwrap_or(&self.limits.quota);
        TenantLoad { waiting, is_over_rate, is_paused: self.is_paused(tenant), quota }
    }

    /// Connections being opened, and being closed.
    #[must_use]
    pub const fn in_motion(&self) -> (usize, usize) {
        (self.opening, self.closing)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use uuid::Uuid;

    use super::*;
    use crate::schedule::{ClientId, Decision, Event, Limits};

    #[test]
    fn what_is_held_opened_idle_and_waited_for_is_told_by_owner() {
        let limits = Limits {
            total: 2,
            quota: Quota::UNLIMITED,
            opening: 2,
            quantum: Duration::from_millis(100),
            adaptive: false,
        };
        let (mut scheduler, now, mut out) = (Scheduler::new(limits), Instant::now(), Vec::new());
        let (one, other) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        scheduler.on(now, Event::Wanted(one, ClientId(1)), &mut out);
        scheduler.on(now, Event::WantedShared(other, ClientId(2)), &mut out);
        scheduler.on(now, Event::WantedShared(other, ClientId(3)), &mut out);
        let mut owners = scheduler.owners();
        owners.sort_by_key(|load| load.owner);
        let opening = |owner| OwnerLoad { owner, held: 1, opening: 1, idle: 0 };
        assert_eq!(owners, [opening(Owner::Tenant(one)), opening(Owner::Shared)]);
        assert_eq!((scheduler.tenant(one).waiting, scheduler.tenant(other).waiting), (1, 2));
        assert_eq!(scheduler.in_motion(), (2, 0));
        let opened = out.iter().filter_map(|decision| match decision {
            Decision::Open(owner, server) => Some(Event::Opened(*owner, *server)),
            _ => None,
        });
        for event in opened.collect::<Vec<_>>() {
            scheduler.on(now, event, &mut out);
        }
        scheduler.on(now, Event::ForgottenShared(other, ClientId(3)), &mut out);
        let server = out.iter().find_map(|decision| match decision {
            Decision::Assign(ClientId(2), server) => Some(*server),
            _ => None,
        });
        scheduler.on(now, Event::Returned(Owner::Shared, server.unwrap()), &mut out);
        let shared = scheduler.owners().into_iter().find(|load| load.owner == Owner::Shared).unwrap();
        assert_eq!(shared, OwnerLoad { owner: Owner::Shared, held: 1, opening: 0, idle: 1 });
        assert_eq!(scheduler.tenant(other).waiting, 0);
    }
}
