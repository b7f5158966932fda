//! The periodic line about what the proxy did.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::telemetry::Snapshot;

/// The time between two snapshots. `Display` is one line for people: rates as PgBouncer's line has
/// them, what is there now, and of the rarer events only those that happened.
#[derive(Clone, Copy, Debug)]
pub struct Period<'a> {
    earlier: &'a Snapshot,
    later: &'a Snapshot,
    time: Duration,
}

impl Snapshot {
    /// What happened since an earlier snapshot, `time` ago.
    #[must_use]
    pub const fn since<'a>(&'a self, earlier: &'a Self, time: Duration) -> Period<'a> {
        Period { earlier, later: self, time }
    }
}

impl Period<'_> {
    fn grown(&self, counter: fn(&Snapshot) -> u64) -> u64 {
        counter(self.later).saturating_sub(counter(self.earlier))
    }

    /// Events a second, rounded; zero for no time at all.
    fn rate(&self, counter: fn(&Snapshot) -> u64) -> u64 {
        let milliseconds = self.time.as_millis().max(1);
        let grown = u128::from(self.grown(counter)) * 1000;
        u64::try_from((grown + milliseconds / 2) / milliseconds).unwrap_or(u64::MAX)
    }

    /// How long a client waited for a server connection, on average.
    fn mean_wait(&self) -> Duration {
        let time = self.later.wait_time.saturating_sub(self.earlier.wait_time);
        let waits = u32::try_from(self.grown(|s| s.waits)).unwrap_or(u32::MAX);
        time.checked_div(waits).unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Period<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} xacts/s, {} queries/s, in {} B/s, out {} B/s, wait {} us, clients {}, servers {}",
            self.rate(|s| s.transactions),
            self.rate(|s| s.queries),
            self.rate(|s| s.bytes_from_clients),
            self.rate(|s| s.bytes_to_clients),
            self.mean_wait().as_micros(),
            self.later.clients_current,
            self.later.servers_current,
        )?;
        let pinned: u64 = self.later.pins_current.values().sum();
        if pinned > 0 {
            write!(f, ", pinned {pinned}{}", List(&self.later.pins_current))?;
        }
        if self.later.listeners_current > 0 {
            write!(f, ", listeners {}", self.later.listeners_current)?;
        }
        let mut holes = self.later.verified.findings.clone();
        holes.retain(|severity, _| matches!(*severity, "critical" | "error"));
        if !holes.is_empty() {
            write!(f, ", isolation findings{}", List(&holes))?;
        }
        let events = [
            ("clients accepted", self.grown(|s| s.clients_accepted)),
            ("clients refused", self.grown(|s| s.clients_refused)),
            ("auth failures", self.grown(|s| s.auth_failures)),
            ("logins throttled", self.grown(|s| s.auth_throttled)),
            ("key loads failed", self.grown(|s| s.key_load_failures)),
            ("admin sessions", self.grown(|s| s.admin_sessions)),
            ("TLS sessions", self.grown(|s| s.tls_begun)),
            ("TLS failures", self.grown(|s| s.tls_failed)),
            ("waits refused", self.grown(|s| s.waits_refused)),
            ("delayed by rate", self.grown(|s| s.rate_delays)),
            ("servers opened", self.grown(|s| s.servers_opened)),
            ("spares bound", self.grown(|s| s.spares_bound)),
            ("servers failed", self.grown(|s| s.servers_failed)),
            ("passwords refused", self.grown(|s| s.server_passwords_refused)),
            ("resets", self.grown(|s| s.server_resets)),
            ("role switches", self.grown(|s| s.role_switches)),
            ("hand-overs", self.grown(|s| s.handovers)),
            ("discards awaited", self.grown(|s| s.discards_awaited)),
            ("cancels", self.grown(|s| s.cancels_forwarded)),
            ("notifications", self.grown(|s| s.notifications_delivered)),
        ];
        for (name, count) in events.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {name} {count}")?;
        }
        let (earlier, later) = (self.earlier, self.later);
        let tallies = [
            ("denied", difference(&earlier.denials, &later.denials)),
            ("reported", difference(&earlier.reports, &later.reports)),
            ("credentials refused", difference(&earlier.credentials_refused, &later.credentials_refused)),
            ("time-outs", difference(&earlier.time_outs, &later.time_outs)),
            (
                "notifications dropped",
                difference(&earlier.notifications_dropped, &later.notifications_dropped),
            ),
            ("servers closed", difference(&earlier.server_closes, &later.server_closes)),
            ("pins", difference(&earlier.pins, &later.pins)),
        ];
        for (name, grown) in tallies.iter().filter(|(_, grown)| !grown.is_empty()) {
            write!(f, ", {name} {}{}", grown.values().sum::<u64>(), List(grown))?;
        }
        Ok(())
    }
}

/// The counts that grew, by how much.
fn difference(
    earlier: &BTreeMap<&'static str, u64>,
    later: &BTreeMap<&'static str, u64>,
) -> BTreeMap<&'static str, u64> {
    later
        .iter()
        .map(|(name, count)| (*name, count.saturating_sub(earlier.get(name).copied().unwrap_or(0))))
        .filter(|(_, grown)| *grown > 0)
        .collect()
}

/// ` (a 1, b 2)`.
struct List<'a>(&'a BTreeMap<&'static str, u64>);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (name, count)) in self.0.iter().enumerate() {
            write!(f, "{}{name} {count}", if nth == 0 { " (" } else { ", " })?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use crate::telemetry::{Batch, Counters};

    use super::*;

    #[test]
    fn quiet_period_is_a_short_line() {
        let snapshot = Counters::new().snapshot();
        assert_eq!(
            snapshot.since(&snapshot, Duration::from_secs(60)).to_string(),
            "0 xacts/s, 0 queries/s, in 0 B/s, out 0 B/s, wait 0 us, clients 0, servers 0"
        );
    }

    #[test]
    fn line_has_rates_of_the_period_what_is_there_now_and_what_happened() {
        let counters = Counters::new();
        counters.client_accepted();
        counters.server_opened();
        counters.denied("cross_schema");
        counters.pinned("listen");
        let earlier = counters.snapshot();
        counters.client_accepted();
        counters.auth_failed();
        counters.tls_begun();
        counters.tls_failed();
        counters.server_closed("idle");
        counters.denied("cross_schema");
        counters.denied("set_role");
        counters.spare_bound();
        counters.pinned("temporary");
        counters.handed_over();
        counters.handed_over();
        counters.discard_awaited();
        counters.timed_out("statement");
        counters.timed_out("wait");
        counters.timed_out("wait");
        counters.waited(Duration::from_micros(10));
        counters.waited(Duration::from_micros(30));
        counters.rate_delayed();
        counters.add(&mut Batch {
            queries: 30,
            transactions: 15,
            role_switches: 14,
            bytes_from_clients: 1000,
            bytes_to_clients: 2000,
            ..Batch::default()
        });
        assert_eq!(
            counters.snapshot().since(&earlier, Duration::from_secs(10)).to_string(),
            "2 xacts/s, 3 queries/s, in 100 B/s, out 200 B/s, wait 20 us, clients 2, servers 0, \
             pinned 2 (listen 1, temporary 1), clients accepted 1, auth failures 1, TLS sessions 1, TLS failures 1, delayed by rate 1, spares bound 1, \
             role switches 14, hand-overs 2, discards awaited 1, denied 2 (cross_schema 1, set_role 1), \
             time-outs 3 (statement 1, wait 2), servers closed 1 (idle 1), pins 1 (temporary 1)"
        );
    }
}
