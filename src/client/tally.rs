//! What a client tells of itself: what it did, and what it was refused.

use std::time::Instant;

use crate::client::relay::Relay;
use crate::client::{Shared, audit, tell_report};
use crate::telemetry::DenialRecord;

impl Relay {
    pub(super) fn flush_counts(&mut self, shared: &Shared) {
        self.batch.role_switches += self.session.take_role_switches();
        self.batch.parses_spared += self.session.take_parses_spared();
        self.session.commons().traffic.add(&self.batch);
        self.sum.include(&self.batch);
        shared.counters.add(&mut self.batch);
        self.tell_verdicts(shared);
    }

    /// Counts, keeps and logs what was refused, or would have been. A client may do nothing else for days.
    pub(super) fn tell_verdicts(&mut self, shared: &Shared) {
        if self.session.has_nothing_to_tell() && self.slow.is_none() {
            return;
        }
        let mut refused = 0;
        for denied in self.session.take_denials() {
            let now = Instant::now();
            refused += 1;
            shared.counters.denied(denied.rule);
            shared.denials.note(DenialRecord {
                at: now,
                tenant: self.who.slug.to_string(),
                user: self.who.user.clone(),
                peer: self.who.peer.to_string(),
                client: self.who.pid,
                rule: denied.rule,
                sqlstate: denied.sqlstate.0,
                statement: denied.text,
            });
            if let Some(untold) = shared.counters.tells_denial(denied.rule, now) {
                audit::denied(self.is_audited, denied.rule, self.server, untold);
            }
        }
        for denial in self.session.take_reports() {
            tell_report(&denial, "statement", &shared.counters);
        }
        if let Some(slow) = &mut self.slow {
            slow.tell(self.server, &shared.counters);
        }
        if refused > 0 {
            self.session.commons().traffic.denied(refused);
        }
    }
}
