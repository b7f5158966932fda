//! Connections that are kept for an owner, whether anybody uses them or not.
//!
//! They are opened ahead while nobody waits, replaced when they are gone, not closed for being unused, and are the last
//! to make room: for an owner that has none at all, where nothing else is idle. So what is kept for some never starves
//! others, however much it is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::schedule::{Decision, Owner, Scheduler, ServerId, evict};

/// How long none is opened ahead for an owner after one failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Owners with fewer connections than are to be kept, by when one may be opened for them.
pub(super) type Lacking = BTreeSet<(Instant, Owner)>;

impl Scheduler {
    /// Keeps so many of the shared connections from now on, once there was one.
    pub fn set_shared_minimum(&mut self, connections: usize) {
        self.shared_minimum = connections;
        if let Some(share) = self.shares.get_mut(&Owner::Shared) {
            share.quota.minimum = connections;
            self.update(Owner::Shared);
        }
    }

    /// Brings up to date whether an owner lacks connections. One that failed is tried again after a while.
    pub(super) fn note_lack(&mut self, owner: Owner, failed: bool) {
        let Some(now) = self.now else { return };
        let Some(share) = self.shares.get_mut(&owner) else { return };
        let lacks = share.held < share.quota.minimum();
        if lacks && share.lacks.is_some() && !failed {
            return;
        }
        if let Some(at) = share.lacks.take() {
            self.lacking.remove(&(at, owner));
        }
        if lacks {
            let at = if failed { now + PAUSE } else { now };
            share.lacks = Some(at);
            self.lacking.insert((at, owner));
        }
    }

    /// Opens connections ahead, one after the other, where nobody waits for one.
    pub(super) fn fill_up(&mut self, now: Instant, out: &mut Vec<Decision>) {
        if self.opening > 0 || !self.hungry.is_empty() || self.winds_down {
            return;
        }
        let Some(&(_, owner)) = self.lacking.first().filter(|(at, _)| *at <= now) else { return };
        if self.total < self.limits.total {
            self.open(owner, out);
        } else if self.closing == 0
            && let Some((stamp, unused, server)) = self.unused(now)
        {
            self.evict(stamp, unused, server);
            out.push(Decision::Close(unused, server));
        }
    }

    /// An idle connection that nobody used for a moment, and that is not kept for its owner.
    fn unused(&self, now: Instant) -> Option<(u64, Owner, ServerId)> {
        self.idle_order
            .iter()
            .take(evict::LOOKED_AT)
            .take_while(|(_, (_, _, since))| now.saturating_duration_since(*since) >= evict::FRESH)
            .find(|(_, (owner, ..))| !self.is_kept(*owner))
            .map(|(stamp, (owner, server, _))| (*stamp, *owner, *server))
    }

    /// Whether an owner has no more connections than are kept for it.
    pub(super) fn is_kept(&self, owner: Owner) -> bool {
        self.shares.get(&owner).is_some_and(|share| share.held <= share.quota.minimum())
    }

    /// Takes out the idle connections that are `unused`, longest first, but not those that are kept for their
    /// owners; the caller closes each and reports it [`Event::Closed`](super::Event::Closed).
    pub fn take_unused(&mut self, mut unused: impl FnMut(Owner, ServerId) -> bool) -> Vec<(Owner, ServerId)> {
        let looked_at: Vec<_> = self.idle_order.iter().map(|(stamp, (o, s, _))| (*stamp, *o, *s)).collect();
        let mut taken = Vec::new();
        for (stamp, owner, server) in looked_at {
            if !self.is_kept(owner) && unused(owner, server) {
                self.evict(stamp, owner, server);
                taken.push((owner, server));
            }
        }
        taken
    }
}
