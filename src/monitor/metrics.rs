//! From what was counted to a page for Prometheus. Everything is read when somebody asks: nothing is written for it on the way
//! of a transaction but the counters that there are.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use crate::guard;
use crate::monitor::catalog::*;
use crate::monitor::health::Problem;
use crate::monitor::process::Process;
use crate::monitor::top::Row;
use crate::registry::{HardeningWatch, SpareWatch};
use crate::schedule::Load;
use crate::session::pin::PinReason;
use crate::telemetry::overview::Budget;
use crate::telemetry::{Snapshot, Times};

/// What a page is made from.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) snapshot: Snapshot,
    pub(super) load: Load,
    pub(super) budget: Budget,
    /// Of each cluster that is described, and whether it answers.
    pub(super) clusters: Vec<(String, Budget, bool)>,
    pub(super) clients: Clients,
    pub(super) clients_limit: usize,
    pub(super) servers_limit: usize,
    pub(super) verdicts: guard::Stats,
    pub(super) cache_limit: usize,
    pub(super) oldest_pin: Duration,
    pub(super) in_touch: bool,
    pub(super) tenants: usize,
    pub(super) hardening: HardeningWatch,
    pub(super) spares: SpareWatch,
    pub(super) draining: bool,
    pub(super) problems: Vec<Problem>,
    pub(super) busiest: Vec<Row>,
    pub(super) requests: BTreeMap<(&'static str, u16), u64>,
    pub(super) sessions: usize,
    pub(super) refused: u64,
    pub(super) process: Option<Process>,
}

/// Clients by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clients {
    pub(super) login: usize,
    pub(super) idle: usize,
    pub(super) waiting: usize,
    pub(super) active: usize,
    pub(super) pinned: usize,
}

/// The page, in Prometheus' text format 0.0.4.
///
/// # Errors
/// When the library refuses a metric, which is a mistake of this program's.
pub(super) fn page(seen: &Seen) -> Result<String, prometheus::Error> {
    let mut page = Page::default();
    page.proxy(seen);
    page.clients(seen);
    page.traffic(&seen.snapshot);
    page.servers(seen);
    page.pins(seen);
    page.guard(seen);
    page.rest(seen);
    page.tenants(&seen.busiest);
    page.process(seen.process.as_ref());
    TextEncoder::new().encode_to_string(&page.families())
}

#[derive(Default)]
struct Page(HashMap<&'static str, Vec<Metric>>);

impl Page {
    fn put(&mut self, family: &Family, values: &[&str], change: impl FnOnce(&mut Metric)) {
        let labels = family.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        let mut metric = Metric::from_label(labels.collect());
        change(&mut metric);
        self.0.entry(family.name).or_default().push(metric);
    }

    /// A number below 2^53 is exact; beyond, what is lost is nothing against it.
    fn set(&mut self, family: &Family, values: &[&str], value: f64) {
        self.put(family, values, |metric| match family.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        });
    }

    fn count(&mut self, family: &Family, value: u64) {
        self.set(family, &[], value as f64);
    }

    fn size(&mut self, family: &Family, value: usize) {
        self.set(family, &[], value as f64);
    }

    fn flag(&mut self, family: &Family, value: bool) {
        self.set(family, &[], f64::from(u8::from(value)));
    }

    /// One of several states is 1.
    fn state(&mut self, family: &Family, states: &[&str], now: &str) {
        for state in states {
            self.set(family, &[state], f64::from(u8::from(*state == now)));
        }
    }

    /// Those that are known beforehand are there from the start, or the first event of a kind would go unseen: a rate is a
    /// difference.
    fn tally(&mut self, family: &Family, known: &[&'static str], counts: &BTreeMap<&'static str, u64>) {
        let mut all: BTreeMap<&str, u64> = known.iter().map(|name| (*name, 0)).collect();
        all.extend(counts.iter().map(|(name, count)| (*name, *count)));
        for (name, count) in all {
            self.set(family, &[name], count as f64);
        }
    }

    fn times(&mut self, family: &Family, times: &Times) {
        let buckets = times.up_to().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(times.count());
        histogram.set_sample_sum(times.sum().as_secs_f64());
        self.put(family, &[], |metric| metric.set_histogram(histogram));
    }

    fn proxy(&mut self, seen: &Seen) {
        self.set(&BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
        self.flag(&READY, !seen.problems.iter().any(|problem| problem.kind.blocks()));
        for kind in crate::monitor::health::Trouble::ALL {
            let is = seen.problems.iter().any(|problem| problem.kind == kind);
            self.set(&PROBLEM, &[kind.as_str()], f64::from(u8::from(is)));
        }
        self.flag(&DRAINING, seen.draining);
    }

    fn clients(&mut self, seen: &Seen) {
        let Clients { login, idle, waiting, active, pinned } = seen.clients;
        for (state, count) in
            [("login", login), ("idle", idle), ("waiting", waiting), ("active", active), ("pinned", pinned)]
        {
            self.set(&CLIENTS, &[state], count as f64);
        }
        self.size(&CLIENTS_LIMIT, seen.clients_limit);
        let snapshot = &seen.snapshot;
        self.count(&CLIENTS_ACCEPTED, snapshot.clients_accepted);
        self.count(&CLIENTS_REFUSED, snapshot.clients_refused);
        self.count(&ACCEPTS_FAILED, snapshot.accepts_failed);
        let mut failures = snapshot.credentials_refused.clone();
        // What is no token and no key was a password, or a client that was to have TLS and had none.
        let others = snapshot.auth_failures.saturating_sub(failures.values().sum());
        *failures.entry("password").or_default() += others;
        self.tally(&AUTH_FAILURES, &[], &failures);
        self.count(&AUTH_THROTTLED, snapshot.auth_throttled);
        self.count(&ADMIN_SESSIONS, snapshot.admin_sessions);
        self.count(&KEY_LOAD_FAILURES, snapshot.key_load_failures);
        self.count(&TLS_SESSIONS, snapshot.tls_begun);
        self.count(&TLS_FAILURES, snapshot.tls_failed);
        self.count(&CANCELS, snapshot.cancels_forwarded);
        self.count(&CANCELS_ELSEWHERE, snapshot.cancels_elsewhere);
    }

    fn traffic(&mut self, snapshot: &Snapshot) {
        self.count(&QUERIES, snapshot.queries);
        self.count(&TRANSACTIONS, snapshot.transactions);
        self.count(&BYTES_RECEIVED, snapshot.bytes_from_clients);
        self.count(&BYTES_SENT, snapshot.bytes_to_clients);
        self.times(&WAIT_TIMES, &snapshot.wait_times);
        self.times(&HOLD_TIMES, &snapshot.hold_times);
        self.times(&TOTAL_TIMES, &snapshot.total_times);
        self.count(&WAITS_REFUSED, snapshot.waits_refused);
        self.count(&RATE_DELAYS, snapshot.rate_delays);
        self.tally(&TIMEOUTS, &["wait", "statement"], &snapshot.time_outs);
    }

    fn servers(&mut self, seen: &Seen) {
        let (load, snapshot) = (seen.load, &seen.snapshot);
        let Budget { total, idle, opening, closing, .. } = seen.budget;
        let used = total.saturating_sub(idle + opening + closing);
        for (state, count) in [("used", used), ("idle", idle), ("opening", opening), ("closing", closing)] {
            self.set(&SERVERS, &[state], count as f64);
        }
        self.size(&SERVERS_LIMIT, seen.servers_limit);
        let for_a_server = load.waiting.saturating_sub(load.held + load.spaced);
        self.set(&WAITING, &["server"], for_a_server as f64);
        self.set(&WAITING, &["concurrency"], load.spaced as f64);
        self.set(&WAITING, &["rate"], load.held as f64);
        self.count(&SERVERS_OPENED, snapshot.servers_opened);
        self.tally(&SERVERS_CLOSED, &[], &snapshot.server_closes);
        self.count(&SERVERS_FAILED, snapshot.servers_failed);
        self.count(&PASSWORDS_REFUSED, snapshot.server_passwords_refused);
        self.count(&SPARES_BOUND, snapshot.spares_bound);
        self.count(&RESETS, snapshot.server_resets);
        self.count(&SETTINGS_APPLIED, snapshot.settings_applied);
        self.count(&PARSES_SPARED, snapshot.parses_spared);
        self.count(&ROLE_SWITCHES, snapshot.role_switches);
        self.count(&HANDOVERS, snapshot.handovers);
        self.count(&DISCARDS_AWAITED, snapshot.discards_awaited);
    }

    fn pins(&mut self, seen: &Seen) {
        let reasons = PinReason::ALL.map(PinReason::as_str);
        self.tally(&PINNED, &reasons, &seen.snapshot.pins_current);
        self.tally(&PINS, &reasons, &seen.snapshot.pins);
        self.set(&OLDEST_PIN, &[], seen.oldest_pin.as_secs_f64());
    }

    fn guard(&mut self, seen: &Seen) {
        let rules: Vec<&'static str> = guard::rules().iter().map(|rule| rule.id).collect();
        self.tally(&DENIALS, &rules, &seen.snapshot.denials);
        self.tally(&REPORTS, &[], &seen.snapshot.reports);
        let verdicts = seen.verdicts;
        self.set(&CACHE_HITS, &["text"], verdicts.hits as f64);
        self.set(&CACHE_HITS, &["shape"], verdicts.key_hits as f64);
        self.count(&CACHE_MISSES, verdicts.misses);
        self.size(&CACHE_ENTRIES, verdicts.entries);
        self.count(&CACHE_BYTES, verdicts.bytes);
        self.size(&CACHE_LIMIT, seen.cache_limit);
    }

    fn rest(&mut self, seen: &Seen) {
        let snapshot = &seen.snapshot;
        self.count(&LISTENERS, snapshot.listeners_current);
        self.count(&NOTIFICATIONS, snapshot.notifications_delivered);
        self.tally(&NOTIFICATIONS_DROPPED, &[], &snapshot.notifications_dropped);
        self.flag(&REGISTRY_IN_TOUCH, seen.in_touch);
        self.size(&TENANTS, seen.tenants);
        for (name, budget, up) in &seen.clusters {
            self.set(&CLUSTER_UP, &[name], f64::from(u8::from(*up)));
            self.set(&CLUSTER_SERVERS, &[name], budget.total as f64);
            self.set(&CLUSTER_LIMIT, &[name], budget.limit as f64);
            self.set(&CLUSTER_WAITING, &[name], budget.waiting as f64);
        }
        self.state(&HARDENING, &HARDENING_STATES, hardening(&seen.hardening));
        self.state(&SPARES, &SPARE_STATES, spares(&seen.spares));
        self.count(&VERIFY_RUNS, snapshot.verified.runs);
        self.count(&VERIFY_FAILURES, snapshot.verified.failures);
        self.tally(&VERIFY_FINDINGS, &["critical", "error"], &snapshot.verified.findings);
        for ((path, code), count) in &seen.requests {
            self.set(&MONITOR_REQUESTS, &[path, &code.to_string()], *count as f64);
        }
        self.size(&MONITOR_SESSIONS, seen.sessions);
        self.count(&MONITOR_REFUSED, seen.refused);
    }

    fn tenants(&mut self, rows: &[Row]) {
        for row in rows {
            let name: &[&str] = &[&row.name];
            let counted = &row.counted;
            self.set(&TENANT_TRANSACTIONS, name, counted.transactions as f64);
            self.set(&TENANT_QUERIES, name, counted.queries as f64);
            self.set(&TENANT_RECEIVED, name, counted.bytes_from_clients as f64);
            self.set(&TENANT_SENT, name, counted.bytes_to_clients as f64);
            self.set(&TENANT_DENIALS, name, counted.denials as f64);
            self.set(&TENANT_CHECKOUTS, name, counted.assignments as f64);
            self.set(&TENANT_HOLD, name, counted.server_time.as_secs_f64());
            self.set(&TENANT_WAIT, name, counted.wait_time.as_secs_f64());
            let now = &row.now;
            self.set(&TENANT_CLIENTS, name, now.clients as f64);
            self.set(&TENANT_WAITING, name, now.waiting as f64);
            self.set(&TENANT_PINNED, name, now.pinned as f64);
            self.set(&TENANT_SERVERS, name, now.servers as f64);
        }
    }

    fn process(&mut self, process: Option<&Process>) {
        let Some(process) = process else { return };
        self.set(&PROCESS_CPU, &[], process.cpu.as_secs_f64());
        self.count(&PROCESS_MEMORY, process.resident);
        self.count(&PROCESS_VIRTUAL, process.virtual_size);
        self.count(&PROCESS_FDS, process.descriptors);
        if let Some(most) = process.most_descriptors {
            self.count(&PROCESS_MAX_FDS, most);
        }
        self.count(&PROCESS_THREADS, process.threads);
        self.count(&PROCESS_START, process.started);
    }

    /// In the order of the catalog, without those of which there is nothing.
    fn families(mut self) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        for family in FAMILIES {
            let Some(metrics) = self.0.remove(family.name) else { continue };
            let mut made = MetricFamily::default();
            made.set_name(family.name.to_owned());
            made.set_help(family.help.to_owned());
            made.set_field_type(match family.kind {
                Kind::Counter => MetricType::COUNTER,
                Kind::Gauge => MetricType::GAUGE,
                Kind::Histogram => MetricType::HISTOGRAM,
            });
            made.set_metric(metrics);
            families.push(made);
        }
        families
    }
}

const HARDENING_STATES: [&str; 4] = ["unknown", "in_force", "absent", "out_of_service"];

const fn hardening(seen: &HardeningWatch) -> &'static str {
    match seen {
        HardeningWatch::Unknown => "unknown",
        HardeningWatch::Hardened => "in_force",
        HardeningWatch::Unhardened => "absent",
        HardeningWatch::OutOfService { .. } => "out_of_service",
    }
}

const SPARE_STATES: [&str; 4] = ["unknown", "off", "ready", "exposed"];

const fn spares(seen: &SpareWatch) -> &'static str {
    match seen {
        SpareWatch::Unknown => "unknown",
        SpareWatch::Off { .. } => "off",
        SpareWatch::Ready { .. } => "ready",
        SpareWatch::Exposed { .. } => "exposed",
    }
}
