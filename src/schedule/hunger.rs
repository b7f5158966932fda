//! Who needs a connection: the order in which owners get one.

use crate::schedule::{Owner, Quota, Scheduler, Share, part};

impl Scheduler {
    /// Clients that wait and may be served now.
    pub(super) fn need(&self, owner: Owner) -> usize {
        self.wanted_by(owner).min(self.room(owner))
    }

    /// The same once a connection that comes back is idle.
    pub(super) fn need_after_return(&self, owner: Owner) -> usize {
        self.wanted_by(owner).min(self.room_after_return(owner))
    }

    /// Clients that wait and may be served as soon as there is room.
    pub(super) fn wanted_by(&self, owner: Owner) -> usize {
        match owner {
            Owner::Tenant(tenant) => self
                .shares
                .get(&owner)
                .map_or(0, |share| share.waiting.len().min(self.rates.allowed(tenant, &share.quota))),
            Owner::Shared => self.shared.queue.need(),
            Owner::Spare => 0,
        }
    }

    /// A tenant's own, or of all shared tenants that wait or are served.
    pub(super) fn weight(&self, owner: Owner) -> u64 {
        match owner {
            Owner::Tenant(tenant) => self.quota(tenant).weight(),
            Owner::Shared => self.shared.queue.weight().max(1),
            Owner::Spare => 1,
        }
    }

    /// Brings the owner's entry in `hungry` up to date.
    pub(super) fn rank(&mut self, owner: Owner) {
        let (need, weight, shared_since) =
            (self.need(owner), self.weight(owner), self.shared.queue.first_since());
        let Some(share) = self.shares.get_mut(&owner) else { return };
        let lack_changed = share.lacks.is_some() != (share.held < share.quota.minimum());
        let since = match owner {
            Owner::Tenant(_) => share.waiting.front().map(|(since, _)| *since),
            Owner::Shared | Owner::Spare => shared_since,
        };
        let uncovered = need > share.opening && share.held < share.quota.connections;
        let (load, turn) = match owner {
            Owner::Tenant(_) => (part(share.held, weight), share.turn),
            // Those of its poorest tenant, if each had connections of its own; the queue knows when it had a turn.
            Owner::Shared | Owner::Spare => {
                let usual = Quota::UNLIMITED.weight();
                (part(share.held / (weight / usual).max(1) as usize, usual), 0)
            }
        };
        let rank = since.filter(|_| uncovered).map(|since| (load, since.max(turn)));
        if rank != share.hunger {
            if let Some((load, since)) = std::mem::replace(&mut share.hunger, rank) {
                self.hungry.remove(&(load, since, owner));
            }
            if let Some((load, since)) = rank {
                self.hungry.insert((load, since, owner));
            }
        }
        if lack_changed {
            self.note_lack(owner, false);
        }
    }

    /// Brings up to date what is kept of an owner.
    pub(super) fn update(&mut self, owner: Owner) {
        self.rank(owner);
        self.drop_if_unused(owner);
    }

    /// Thousands of tenants come and go; only those with something to count are kept.
    pub(super) fn drop_if_unused(&mut self, owner: Owner) {
        let waits = owner == Owner::Shared && self.shared.queue.len() > 0;
        let is_unused = |s: &Share| s.held == 0 && s.waiting.is_empty() && s.quota.minimum() == 0;
        if !waits && self.shares.get(&owner).is_some_and(is_unused) {
            self.look_again(owner, None);
            self.shares.remove(&owner);
        }
    }
}
