//! Which idle connection makes room for another owner.
//!
//! The one unused longest. But an owner that has a connection already does not take another's last one that was in use a
//! moment ago: opening one costs the server as much as dozens of short transactions, and of two owners that take
//! turns each would drive out the other for ever.

use std::time::{Duration, Instant};

use crate::schedule::{Decision, Owner, Scheduler, ServerId, part};

/// A connection idle for less than this is about to be used again by its owner.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// So many of those unused longest are looked at.
pub(super) const LOOKED_AT: usize = 64;

impl Scheduler {
    /// Makes room, by closing what nobody uses, for the owners that need a connection and have no place. One place is
    /// made for each, not for each of its waiters: the next event looks again.
    pub(super) fn make_room(&mut self, out: &mut Vec<Decision>) {
        while self.total >= self.limits.total {
            let Some(&(_, _, owner)) = self.hungry.iter().nth(self.places_coming()) else { return };
            if let Some(server) = self.give_up_spare() {
                out.push(Decision::Close(Owner::Spare, server));
                continue;
            }
            let Some((stamp, owner, server)) = self.victim(owner) else { return };
            self.evict(stamp, owner, server);
            out.push(Decision::Close(owner, server));
        }
    }

    /// The idle connection that makes room for this owner, if there is one.
    pub(super) fn victim(&self, hungry: Owner) -> Option<(u64, Owner, ServerId)> {
        let idle =
            self.idle_order.iter().map(|(stamp, (owner, server, since))| (*stamp, *owner, *server, *since));
        let has = self.shares.get(&hungry).map_or(0, |share| share.held);
        if has == 0 {
            // What is kept for others comes last. Something is found, so this does not happen again and again.
            let mut all = idle.clone().map(|(stamp, owner, server, _)| (stamp, owner, server));
            return all
                .find(|(_, owner, _)| !self.is_kept(*owner))
                .or_else(|| idle.map(|(stamp, owner, server, _)| (stamp, owner, server)).next());
        }
        let after = part(has + 1, self.weight(hungry));
        idle.take(LOOKED_AT)
            .filter(|(_, owner, ..)| !self.is_kept(*owner))
            .find(|(_, owner, _, since)| self.is_stale(*since) || self.has_part(*owner) >= after)
            .map(|(stamp, owner, server, _)| (stamp, owner, server))
    }

    /// When a connection may make room that is too fresh for that now, and somebody waits for it.
    pub(super) fn room_at(&self) -> Option<Instant> {
        let waits = self.total >= self.limits.total && self.places_coming() < self.hungry.len();
        let mut idle = self.idle_order.values().take(if waits { LOOKED_AT } else { 0 });
        let (_, _, since) = idle.find(|(owner, ..)| !self.is_kept(*owner))?;
        Some(*since + FRESH)
    }

    fn is_stale(&self, since: Instant) -> bool {
        self.now.is_some_and(|now| now.saturating_duration_since(since) >= FRESH)
    }

    /// What an owner has, in proportion to what it is due.
    fn has_part(&self, owner: Owner) -> u64 {
        part(self.shares.get(&owner).map_or(0, |share| share.held), self.weight(owner))
    }
}
