//! Clients that keep their server connection beyond a transaction: why, and how that is counted.

use crate::client::relay::Relay;
use crate::client::roster::Place;
use crate::session::Boundary;
use crate::session::pin::PinReason;
use crate::telemetry::Counters;

impl Relay {
    /// Why the client keeps its server connection beyond a transaction. What a transaction makes may end with it.
    pub(super) fn kept_for(&self) -> Option<PinReason> {
        match self.session.at_boundary() {
            Boundary::Pinned(reason) => Some(reason),
            Boundary::Busy | Boundary::Unsettled => self.pinned,
            Boundary::Release => None,
        }
    }

    /// Notes in the counters that a pin began or ended.
    pub(super) fn note_pin(&mut self, now: Option<PinReason>, place: &Place, counters: &Counters) {
        // Waiting a moment for what hardly any tenant asks for is none.
        let learning = !self.session.reads_sequences();
        let now = now.filter(|reason| *reason != PinReason::Sequence || !learning);
        if std::mem::replace(&mut self.pinned, now) == now {
            return;
        }
        if let Some((old, age)) = place.note_pin(now) {
            tracing::debug!(reason = old.as_str(), ?age, "client is not pinned any more");
            counters.unpinned(old.as_str());
        }
        if let Some(new) = now {
            tracing::debug!(reason = new.as_str(), "client is pinned to its server connection");
            counters.pinned(new.as_str());
        }
    }

    /// Counts the client among those of its tenant that keep their server connection, or not. `false` when
    /// there are too many already.
    pub(super) fn count_pin(&mut self) -> bool {
        let pinned = self.session.pinned().is_some_and(|reason| reason != PinReason::Sequence);
        self.session.count_pin(pinned)
    }

    /// See [`Session::let_sequences_go`].
    pub(super) fn let_sequences_go(&mut self) {
        self.session.let_sequences_go();
    }
}
