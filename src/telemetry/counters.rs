//! What the proxy has done since it started, as counters that only grow.
//!
//! Increments are relaxed: each counter is right, two of them need not be of the same instant. What
//! is there now (clients, servers, pins) is the difference of two counters.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::telemetry::flood::Flood;
use crate::telemetry::histogram::{Histogram, Times};
use crate::telemetry::sparing::Sparing;
use crate::telemetry::verification::{Verification, Verified};

/// What one client did since it last told [`Counters::add`]. Clients count for themselves and tell at
/// the end of a transaction, so that the busiest counters are not written for every message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Statement texts judged.
    pub queries: u64,
    /// Transactions that ended.
    pub transactions: u64,
    /// Times that the tenant's role was taken on a server connection that tenants share.
    pub role_switches: u64,
    /// Parses of unnamed statements that no server was sent, as it had them.
    pub parses_spared: u64,
    /// Bytes read from the client.
    pub bytes_from_clients: u64,
    /// Bytes written to the client.
    pub bytes_to_clients: u64,
    /// Times that it was given a server connection.
    pub assignments: u64,
    /// How long it had one.
    pub server_time: Duration,
    /// How long it waited for those that it got.
    pub wait_time: Duration,
}

impl Batch {
    /// Adds another one to this.
    pub const fn include(&mut self, other: &Self) {
        self.queries += other.queries;
        self.transactions += other.transactions;
        self.role_switches += other.role_switches;
        self.parses_spared += other.parses_spared;
        self.bytes_from_clients += other.bytes_from_clients;
        self.bytes_to_clients += other.bytes_to_clients;
    }
}

/// The counters of a process; made once and handed out in an `Arc`.
#[derive(Debug, Default)]
pub struct Counters {
    traffic: Apart<Traffic>,
    waits: Apart<Waits>,
    prompt: Apart<Histogram>,
    delayed: Apart<Delayed>,
    clients: Apart<Clients>,
    servers: Apart<Servers>,
    denials: Tally,
    reports: Tally,
    time_outs: Tally,
    credentials: Tally,
    key_load_failures: Count,
    lines: Flood,
    denial_lines: Sparing,
    report_lines: Sparing,
    pins_started: Tally,
    pins_ended: Tally,
    listeners: Apart<Listeners>,
    verification: Verification,
}

/// Keeps its content on cache lines of its own: 128 bytes, since processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

#[derive(Debug, Default)]
struct Traffic {
    queries: Count,
    transactions: Count,
    role_switches: Count,
    parses_spared: Count,
    bytes_from_clients: Count,
    bytes_to_clients: Count,
}

#[derive(Debug, Default)]
struct Waits {
    ended: Count,
    nanoseconds: Count,
    refused: Count,
    delayed: Count,
}

/// How long clients had a server connection that they waited for, and with the wait; those that did not wait are in
/// `prompt`, so that their transactions write one histogram and not two.
#[derive(Debug, Default)]
struct Delayed {
    waits: Histogram,
    holds: Histogram,
    totals: Histogram,
}

#[derive(Debug, Default)]
struct Clients {
    accepted: Count,
    closed: Count,
    refused: Count,
    accepts_failed: Count,
    auth_failures: Count,
    auth_throttled: Count,
    admin_sessions: Count,
    tls_begun: Count,
    tls_failed: Count,
    cancels: Count,
    cancels_elsewhere: Count,
}

#[derive(Debug, Default)]
struct Servers {
    opened: Count,
    bound: Count,
    failed: Count,
    passwords_refused: Count,
    resets: Count,
    settings_applied: Count,
    handovers: Count,
    discards_awaited: Count,
    closed: Tally,
}

#[derive(Debug, Default)]
struct Listeners {
    came: Count,
    left: Count,
    delivered: Count,
    dropped: Tally,
}

impl Counters {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A client connection was accepted.
    pub fn client_accepted(&self) {
        self.clients.0.accepted.add(1);
    }

    /// An accepted client connection ended, for whatever reason.
    pub fn client_closed(&self) {
        self.clients.0.closed.add(1);
    }

    /// A client was turned away because there were too many. It does not count as accepted.
    pub fn client_refused(&self) {
        self.clients.0.refused.add(1);
    }

    /// The system did not hand over a client that wants in: no descriptor or no memory is left.
    pub fn accept_failed(&self) {
        self.clients.0.accepts_failed.add(1);
    }

    /// A client did not prove who it is.
    pub fn auth_failed(&self) {
        self.clients.0.auth_failures.add(1);
    }

    /// A login was refused unseen, after many that failed.
    pub fn auth_throttled(&self) {
        self.clients.0.auth_throttled.add(1);
    }

    /// A token or an API key was refused, for this reason. It counts as a client that did not prove who it is, too.
    pub fn credential_refused(&self, reason: &'static str) {
        self.auth_failed();
        self.credentials.add(reason);
    }

    /// The keys that tokens are checked with could not be read or fetched again.
    pub fn key_load_failed(&self) {
        self.key_load_failures.add(1);
    }

    /// Somebody who may look at every tenant was let in.
    pub fn admin_session_begun(&self) {
        self.clients.0.admin_sessions.add(1);
    }

    /// A TLS session with a client began.
    pub fn tls_begun(&self) {
        self.clients.0.tls_begun.add(1);
    }

    /// A TLS handshake with a client failed.
    pub fn tls_failed(&self) {
        self.clients.0.tls_failed.add(1);
    }

    /// A cancel request was passed on to the server.
    pub fn cancel_forwarded(&self) {
        self.clients.0.cancels.add(1);
    }

    /// A cancel request that came here was carried out by another proxy.
    pub fn cancel_forwarded_to_proxy(&self) {
        self.clients.0.cancels_elsewhere.add(1);
    }

    /// Adds what a client counted, and sets that to zero.
    pub fn add(&self, batch: &mut Batch) {
        // The rest is told by tenant, or counted where it happens.
        let Batch {
            queries,
            transactions,
            role_switches,
            parses_spared,
            bytes_from_clients,
            bytes_to_clients,
            ..
        } = std::mem::take(batch);
        let traffic = &self.traffic.0;
        traffic.queries.add(queries);
        traffic.transactions.add(transactions);
        traffic.role_switches.add(role_switches);
        traffic.parses_spared.add(parses_spared);
        traffic.bytes_from_clients.add(bytes_from_clients);
        traffic.bytes_to_clients.add(bytes_to_clients);
    }

    /// The guard refused a text, by the rule with this id.
    pub fn denied(&self, rule: &'static str) {
        self.denials.add(rule);
    }

    /// Gives leave for log lines that come with every client.
    #[must_use]
    pub const fn lines(&self) -> &Flood {
        &self.lines
    }

    /// Gives leave for a log line on such a refusal, with the number of those that got none before it: a
    /// client can break rules by the thousand.
    pub fn tells_denial(&self, rule: &'static str, now: Instant) -> Option<u64> {
        self.denial_lines.ask(rule, now)
    }

    /// The guard would have refused a text, by the rule with this id, and only reports it. Gives leave for
    /// a log line, with the number of those that got none before it: an application that breaks a rule
    /// breaks it with every request.
    pub fn reported(&self, rule: &'static str, now: Instant) -> Option<u64> {
        self.reports.add(rule);
        self.report_lines.ask(rule, now)
    }

    /// A client got its server connection after waiting this long.
    pub fn waited(&self, time: Duration) {
        self.waits.0.ended.add(1);
        self.waits.0.nanoseconds.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.delayed.0.waits.note(time);
    }

    /// A client had its server connection for so long, once it had waited for it, if it did: for one transaction, or as
    /// long as it was pinned.
    pub fn held(&self, waited: Duration, held: Duration) {
        if waited.is_zero() {
            return self.prompt.0.note(held);
        }
        self.delayed.0.holds.note(held);
        self.delayed.0.totals.note(waited + held);
    }

    /// A client got its server connection after waiting because its tenant was at its rate. It does not count as one
    /// that waited: how long others wait says whether there are connections enough.
    pub fn rate_delayed(&self) {
        self.waits.0.delayed.add(1);
    }

    /// A client waited too long for a server connection and was answered `53300`.
    pub fn wait_refused(&self) {
        self.waits.0.refused.add(1);
    }

    /// A server connection was opened and logged in.
    pub fn server_opened(&self) {
        self.servers.0.opened.add(1);
    }

    /// A spare server connection was bound to a tenant.
    pub fn spare_bound(&self) {
        self.servers.0.bound.add(1);
    }

    /// A server connection could not be opened.
    pub fn server_failed(&self) {
        self.servers.0.failed.add(1);
    }

    /// PostgreSQL refused a derived password; another one is tried if there is one.
    pub fn server_password_refused(&self) {
        self.servers.0.passwords_refused.add(1);
    }

    /// A server connection that had been opened was closed.
    pub fn server_closed(&self, reason: &'static str) {
        self.servers.0.closed.add(reason);
    }

    /// A server connection was reset.
    pub fn server_reset(&self) {
        self.servers.0.resets.add(1);
    }

    /// A server connection was given the settings of a client, as it had others.
    pub fn settings_applied(&self) {
        self.servers.0.settings_applied.add(1);
    }

    /// A server connection that tenants share went from one tenant to another.
    pub fn handed_over(&self) {
        self.servers.0.handovers.add(1);
    }

    /// A client waited until what another tenant left was discarded: it could not go with its statement.
    pub fn discard_awaited(&self) {
        self.servers.0.discards_awaited.add(1);
    }

    /// A time limit was over: of a statement, of silence, of waiting.
    pub fn timed_out(&self, limit: &'static str) {
        self.time_outs.add(limit);
    }

    /// A client began to keep its server connection beyond a transaction.
    pub fn pinned(&self, reason: &'static str) {
        self.pins_started.add(reason);
    }

    /// The client gave it back; `reason` as it was at [`Counters::pinned`].
    pub fn unpinned(&self, reason: &'static str) {
        self.pins_ended.add(reason);
    }

    /// A client began to listen.
    pub fn listener_came(&self) {
        self.listeners.0.came.add(1);
    }

    /// A client that listened does no longer.
    pub fn listener_left(&self) {
        self.listeners.0.left.add(1);
    }

    /// So many notifications went to a client.
    pub fn notifications_delivered(&self, count: u64) {
        self.listeners.0.delivered.add(count);
    }

    /// A notification went to nobody, or a client that was to have some was disconnected.
    pub fn notification_dropped(&self, reason: &'static str) {
        self.listeners.0.dropped.add(reason);
    }

    /// The catalogs were audited, with so many findings of each severity.
    pub fn verified(&self, findings: impl IntoIterator<Item = (&'static str, u64)>) {
        self.verification.done(findings);
    }

    /// The catalogs could not be audited.
    pub fn verify_failed(&self) {
        self.verification.failed();
    }

    /// All counters as they are.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // What ends is read before what begins, so that a difference is never below zero.
        let clients_closed = self.clients.0.closed.get();
        let server_closes = self.servers.0.closed.get();
        let pins_ended = self.pins_ended.get();
        let listeners_left = self.listeners.0.left.get();
        let clients_accepted = self.clients.0.accepted.get();
        let servers_opened = self.servers.0.opened.get();
        let pins = self.pins_started.get();
        let servers_closed: u64 = server_closes.values().sum();
        let (prompt, delayed) = (self.prompt.0.get(), &self.delayed.0);
        Snapshot {
            clients_accepted,
            clients_current: clients_accepted.saturating_sub(clients_closed),
            clients_refused: self.clients.0.refused.get(),
            accepts_failed: self.clients.0.accepts_failed.get(),
            auth_failures: self.clients.0.auth_failures.get(),
            auth_throttled: self.clients.0.auth_throttled.get(),
            credentials_refused: self.credentials.get(),
            key_load_failures: self.key_load_failures.get(),
            admin_sessions: self.clients.0.admin_sessions.get(),
            tls_begun: self.clients.0.tls_begun.get(),
            tls_failed: self.clients.0.tls_failed.get(),
            cancels_forwarded: self.clients.0.cancels.get(),
            cancels_elsewhere: self.clients.0.cancels_elsewhere.get(),
            queries: self.traffic.0.queries.get(),
            transactions: self.traffic.0.transactions.get(),
            role_switches: self.traffic.0.role_switches.get(),
            parses_spared: self.traffic.0.parses_spared.get(),
            bytes_from_clients: self.traffic.0.bytes_from_clients.get(),
            bytes_to_clients: self.traffic.0.bytes_to_clients.get(),
            denials: self.denials.get(),
            reports: self.reports.get(),
            time_outs: self.time_outs.get(),
            waits: self.waits.0.ended.get(),
            wait_time: Duration::from_nanos(self.waits.0.nanoseconds.get()),
            waits_refused: self.waits.0.refused.get(),
            rate_delays: self.waits.0.delayed.get(),
            wait_times: delayed.waits.get().and_none(prompt.count()),
            hold_times: delayed.holds.get().and(&prompt),
            total_times: delayed.totals.get().and(&prompt),
            servers_opened,
            spares_bound: self.servers.0.bound.get(),
            servers_failed: self.servers.0.failed.get(),
            server_passwords_refused: self.servers.0.passwords_refused.get(),
            servers_current: servers_opened.saturating_sub(servers_closed),
            server_closes,
            server_resets: self.servers.0.resets.get(),
            settings_applied: self.servers.0.settings_applied.get(),
            handovers: self.servers.0.handovers.get(),
            discards_awaited: self.servers.0.discards_awaited.get(),
            pins_current: pins
                .iter()
                .map(|(reason, count)| {
                    (*reason, count.saturating_sub(pins_ended.get(reason).copied().unwrap_or(0)))
                })
                .filter(|(_, count)| *count > 0)
                .collect(),
            pins,
            listeners_current: self.listeners.0.came.get().saturating_sub(listeners_left),
            notifications_delivered: self.listeners.0.delivered.get(),
            notifications_dropped: self.listeners.0.dropped.get(),
            verified: self.verification.get(),
        }
    }
}

/// The counters at one time. All count since the start of the process, except `…_current`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Client connections accepted.
    pub clients_accepted: u64,
    /// Client connections now.
    pub clients_current: u64,
    /// Clients turned away because there were too many.
    pub clients_refused: u64,
    /// Times that the system handed over no client that wanted in, for want of descriptors or memory.
    pub accepts_failed: u64,
    /// Clients that did not prove who they are.
    pub auth_failures: u64,
    /// Logins refused unseen, after many that failed.
    pub auth_throttled: u64,
    /// Those of them that had a token or an API key, by why it was refused.
    pub credentials_refused: BTreeMap<&'static str, u64>,
    /// Failed attempts to read or fetch the keys of tokens again.
    pub key_load_failures: u64,
    /// Sessions of those who may look at every tenant.
    pub admin_sessions: u64,
    /// TLS sessions begun with clients.
    pub tls_begun: u64,
    /// TLS handshakes with clients that failed.
    pub tls_failed: u64,
    /// Cancel requests passed on to the server.
    pub cancels_forwarded: u64,
    /// Cancel requests that another proxy carried out.
    pub cancels_elsewhere: u64,
    /// Statement texts judged.
    pub queries: u64,
    /// Transactions.
    pub transactions: u64,
    /// Times that a tenant's role was taken on a server connection that tenants share.
    pub role_switches: u64,
    /// See [`Batch::parses_spared`].
    pub parses_spared: u64,
    /// Bytes read from clients.
    pub bytes_from_clients: u64,
    /// Bytes written to clients.
    pub bytes_to_clients: u64,
    /// Refusals of the guard, by rule.
    pub denials: BTreeMap<&'static str, u64>,
    /// Texts that would have been refused, by rule.
    pub reports: BTreeMap<&'static str, u64>,
    /// Time limits that were over, by limit.
    pub time_outs: BTreeMap<&'static str, u64>,
    /// Clients that got a server connection.
    pub waits: u64,
    /// How long they waited, summed.
    pub wait_time: Duration,
    /// Clients that got none in time (`53300`).
    pub waits_refused: u64,
    /// Clients that got a server connection later because their tenant was at its rate.
    pub rate_delays: u64,
    /// How long clients waited for a server connection, with those that did not have to; waits for a rate are not in it.
    pub wait_times: Times,
    /// How long they had it then.
    pub hold_times: Times,
    /// Both together, with waits for a rate.
    pub total_times: Times,
    /// Server connections opened.
    pub servers_opened: u64,
    /// Spare server connections that were bound to a tenant.
    pub spares_bound: u64,
    /// Server connections that could not be opened.
    pub servers_failed: u64,
    /// Derived passwords that PostgreSQL refused; most often the next one was right.
    pub server_passwords_refused: u64,
    /// Server connections now.
    pub servers_current: u64,
    /// Server connections closed, by reason.
    pub server_closes: BTreeMap<&'static str, u64>,
    /// Resets of server connections.
    pub server_resets: u64,
    /// Times that a server connection was given the settings of a client.
    pub settings_applied: u64,
    /// Server connections that went from one tenant to another.
    pub handovers: u64,
    /// Times that a client waited for what another tenant left to be discarded.
    pub discards_awaited: u64,
    /// Pins, by reason.
    pub pins: BTreeMap<&'static str, u64>,
    /// Pins now, by reason; only reasons that hold for some client.
    pub pins_current: BTreeMap<&'static str, u64>,
    /// Clients that listen to notifications now.
    pub listeners_current: u64,
    /// Notifications that went to a client, once for each client.
    pub notifications_delivered: u64,
    /// Notifications that went to nobody, and clients disconnected instead of given some, by reason.
    pub notifications_dropped: BTreeMap<&'static str, u64>,
    /// Audits of isolation while serving, and what the last one found.
    pub verified: Verified,
}

/// One counter.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Names a [`Tally`] can tell apart. Rules and reasons are constants of the program, fewer than this.
const NAMES: usize = 48;

/// What names beyond [`NAMES`] are counted under, so that no event is lost.
const OTHER: &str = "other";

/// A counter per name. Names come as they are first used, and stay.
#[derive(Debug)]
struct Tally {
    named: [(OnceLock<&'static str>, Count); NAMES],
    other: Count,
}

impl Default for Tally {
    fn default() -> Self {
        Self { named: std::array::from_fn(|_| (OnceLock::new(), Count::default())), other: Count::default() }
    }
}

impl Tally {
    fn add(&self, name: &'static str) {
        let slot = self.named.iter().find(|(slot, _)| *slot.get_or_init(|| name) == name);
        slot.map_or(&self.other, |(_, count)| count).add(1);
    }

    fn get(&self) -> BTreeMap<&'static str, u64> {
        let mut counts: BTreeMap<_, _> =
            self.named.iter().filter_map(|(name, count)| Some((*name.get()?, count.get()))).collect();
        if self.other.get() > 0 {
            *counts.entry(OTHER).or_default() += self.other.get();
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_is_added_once_and_then_empty() {
        let counters = Counters::new();
        let mut batch = Batch {
            queries: 3,
            transactions: 1,
            role_switches: 2,
            parses_spared: 5,
            bytes_from_clients: 10,
            bytes_to_clients: 20,
            ..Batch::default()
        };
        counters.add(&mut batch);
        counters.add(&mut batch);
        assert_eq!(batch, Batch::default());
        let snapshot = counters.snapshot();
        assert_eq!((snapshot.queries, snapshot.transactions, snapshot.role_switches), (3, 1, 2));
        assert_eq!(snapshot.parses_spared, 5);
        assert_eq!((snapshot.bytes_from_clients, snapshot.bytes_to_clients), (10, 20));
    }

    #[test]
    fn what_is_there_now_is_what_began_less_what_ended() {
        let counters = Counters::new();
        for _ in 0..3 {
            counters.client_accepted();
            counters.server_opened();
            counters.pinned("temporary");
        }
        counters.pinned("listen");
        counters.client_closed();
        counters.server_closed("idle");
        counters.server_closed("age");
        counters.unpinned("temporary");
        counters.unpinned("listen");
        let snapshot = counters.snapshot();
        assert_eq!((snapshot.clients_accepted, snapshot.clients_current), (3, 2));
        assert_eq!((snapshot.servers_opened, snapshot.servers_current), (3, 1));
        assert_eq!(snapshot.server_closes, BTreeMap::from([("age", 1), ("idle", 1)]));
        assert_eq!(snapshot.pins, BTreeMap::from([("listen", 1), ("temporary", 3)]));
        assert_eq!(snapshot.pins_current, BTreeMap::from([("temporary", 2)]));
    }

    #[test]
    fn clients_that_did_not_wait_are_among_the_waits_and_have_the_same_hold_and_total() {
        let counters = Counters::new();
        let ms = Duration::from_millis;
        counters.held(Duration::ZERO, ms(2));
        counters.waited(ms(30));
        counters.held(ms(30), ms(3));
        let snapshot = counters.snapshot();
        assert_eq!((snapshot.wait_times.count(), snapshot.wait_times.sum()), (2, ms(30)));
        assert_eq!((snapshot.hold_times.count(), snapshot.hold_times.sum()), (2, ms(5)));
        assert_eq!((snapshot.total_times.count(), snapshot.total_times.sum()), (2, ms(35)));
    }

    #[test]
    fn names_of_equal_text_are_one_and_those_beyond_the_room_are_others() {
        let tally = Tally::default();
        let names: Vec<&'static str> = (0..NAMES + 2).map(|n| &*format!("reason {n}").leak()).collect();
        for name in &names {
            tally.add(name);
        }
        tally.add(String::from("reason 0").leak());
        let counts = tally.get();
        assert_eq!(counts["reason 0"], 2);
        assert_eq!(counts[OTHER], 2);
        assert_eq!(counts.values().sum::<u64>(), names.len() as u64 + 1);
    }

    #[test]
    fn counts_from_many_threads_are_all_there() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for reason in ["a", "b", "a", "b"] {
                let counters = &counters;
                scope.spawn(move || {
                    for _ in 0..1000 {
                        counters.denied(reason);
                        counters.waited(Duration::from_nanos(5));
                    }
                });
            }
        });
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.denials, BTreeMap::from([("a", 2000), ("b", 2000)]));
        assert_eq!((snapshot.waits, snapshot.wait_time), (4000, Duration::from_nanos(20_000)));
    }
}
