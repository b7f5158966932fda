//! How many connections of an owner may be in use, as [`Concurrency`](super::concurrency::Concurrency) has it.

use std::time::Instant;

use crate::schedule::concurrency::Crowd;
use crate::schedule::{Decision, Owner, Scheduler, Share};

impl Scheduler {
    /// So many more of an owner's connections may be in use now.
    pub(super) fn room(&self, owner: Owner) -> usize {
        self.room_beside(owner, 0)
    }

    /// The same once one that comes back is idle.
    pub(super) fn room_after_return(&self, owner: Owner) -> usize {
        self.room_beside(owner, 1)
    }

    fn room_beside(&self, owner: Owner, returning: usize) -> usize {
        // Asked for each transaction.
        if !self.limits.adaptive {
            return usize::MAX;
        }
        let Some(share) = self.shares.get(&owner) else { return usize::MAX };
        let limit = share.concurrency.at_once();
        if limit == usize::MAX {
            return limit;
        }
        limit.saturating_sub(self.in_use(owner, share).saturating_sub(returning))
    }

    fn in_use(&self, owner: Owner, share: &Share) -> usize {
        let idle = match owner {
            Owner::Shared => self.shared.idle_count(),
            Owner::Tenant(_) | Owner::Spare => share.idle.len(),
        };
        share.held.saturating_sub(share.opening + idle)
    }

    /// Clients that could be served at once if more connections might be in use.
    pub(super) fn spaced(&self) -> usize {
        let of = |(owner, share): (&Owner, &Share)| {
            let idle = share.held.saturating_sub(share.opening + self.in_use(*owner, share));
            if self.room(*owner) == 0 { self.wanted_by(*owner).min(idle) } else { 0 }
        };
        self.shares.iter().map(of).sum()
    }

    /// Something happened to an owner's clients or connections. Where that lets more of them be in use, those who wait
    /// are served.
    pub(super) fn observe(&mut self, now: Instant, owner: Owner, came_back: bool, out: &mut Vec<Decision>) {
        if !self.limits.adaptive || owner == Owner::Spare {
            return;
        }
        let Some(share) = self.shares.get(&owner) else { return };
        let waiting = self.wanted_by(owner);
        let (open, working) = (share.held - share.opening, self.in_use(owner, share));
        let contested = self.hungry.len() > usize::from(share.hunger.is_some());
        let Some(share) = self.shares.get_mut(&owner) else { return };
        let has_more_room =
            share.concurrency.observe(now, Crowd { open, working, waiting, contested }, came_back);
        if waiting > 0 || share.observed.is_some() {
            let due = share.concurrency.due(now).filter(|_| waiting > 0);
            self.look_again(owner, due);
        }
        if has_more_room && waiting > 0 {
            self.serve(now, owner, out);
        }
    }

    /// The time has come to look at those whose clients wait.
    pub(super) fn observe_due(&mut self, now: Instant, out: &mut Vec<Decision>) {
        while let Some(&(at, owner)) = self.observed.first().filter(|(at, _)| *at <= now) {
            self.observed.remove(&(at, owner));
            if let Some(share) = self.shares.get_mut(&owner) {
                share.observed = None;
            }
            self.observe(now, owner, false, out);
        }
    }

    /// From now on a limit is looked for, or there is none any more.
    pub(super) fn turn_concurrency(&mut self, now: Instant, out: &mut Vec<Decision>) {
        let owners: Vec<_> = self.shares.keys().copied().collect();
        for owner in owners {
            if let Some(share) = self.shares.get_mut(&owner) {
                share.concurrency.turn(self.limits.adaptive);
            }
            self.look_again(owner, None);
            self.serve(now, owner, out);
        }
    }

    pub(super) fn look_again(&mut self, owner: Owner, at: Option<Instant>) {
        let Some(share) = self.shares.get_mut(&owner) else { return };
        let before = std::mem::replace(&mut share.observed, at);
        if before != at {
            before.map(|before| self.observed.remove(&(before, owner)));
            at.map(|at| self.observed.insert((at, owner)));
        }
    }

    fn serve(&mut self, now: Instant, owner: Owner, out: &mut Vec<Decision>) {
        match owner {
            Owner::Tenant(tenant) => self.serve_own(now, tenant, out),
            Owner::Shared => self.serve_shared(now, out),
            Owner::Spare => {}
        }
    }
}
