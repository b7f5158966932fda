//! What all clients together have seen.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::cli::bench::connection::Trouble;
use crate::cli::bench::draw::Classes;
use crate::cli::bench::work::{Faults, Kind};

/// Longer ones count as this long.
const LONGEST: Duration = Duration::from_secs(3600);

/// Faults that are kept to be shown.
const SHOWN: usize = 5;

/// Latencies in microseconds, three digits exact.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> Result<Self> {
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        Ok(Self(Histogram::new_with_bounds(1, longest, 3).context("no histogram can be made")?))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// What this share of all (0 to 1) did not exceed; 0 if there are none.
    pub(super) fn at(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    pub(super) fn longest(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}

/// Errors of one code.
#[derive(Clone, Debug)]
pub(super) struct Errors {
    pub(super) count: u64,
    /// The first one, with the tenant that had it.
    pub(super) first: String,
}

/// One second.
#[derive(Clone, Debug)]
pub(super) struct Second {
    pub(super) transactions: u64,
    pub(super) errors: u64,
    pub(super) connects: u64,
    /// Server processes that nobody had seen before.
    pub(super) new_processes: u64,
    pub(super) p99: Duration,
}

/// A transaction that was answered.
#[derive(Debug)]
pub(super) struct Done<'a> {
    /// Place in the list of tenants.
    pub(super) tenant: usize,
    pub(super) slug: &'a str,
    pub(super) kind: Kind,
    pub(super) latency: Duration,
    /// The server process that did it.
    pub(super) process: Option<i32>,
    pub(super) faults: Faults,
}

/// Everything that is counted. Faults and errors always are; latencies, connects and switches only after
/// [`warm`](Self::warm).
#[derive(Debug)]
pub(super) struct Ledger {
    classes: Classes,
    warm: bool,
    pub(super) all: Latencies,
    pub(super) by_class: Vec<Latencies>,
    pub(super) by_kind: Vec<Latencies>,
    pub(super) connects: Latencies,
    /// By SQLSTATE.
    pub(super) errors: BTreeMap<String, Errors>,
    pub(super) foreign_rows: u64,
    pub(super) wrong_answers: u64,
    /// The first faults in words.
    pub(super) faults: Vec<String>,
    /// The tenant that each server process worked for last.
    last_tenant: HashMap<i32, usize>,
    pub(super) switches: u64,
    /// Server processes first seen after the warm-up.
    pub(super) misses: u64,
    pub(super) seconds: Vec<Second>,
    second: Latencies,
    /// Errors, connects and processes up to the second before.
    before: [u64; 3],
    connect_count: u64,
}

impl Ledger {
    pub(super) fn new(classes: Classes) -> Result<Self> {
        let latencies = Latencies::new()?;
        Ok(Self {
            by_class: vec![latencies.clone(); Classes::NAMES.len()],
            by_kind: vec![latencies.clone(); Kind::ALL.len()],
            connects: latencies.clone(),
            second: latencies.clone(),
            all: latencies,
            classes,
            warm: false,
            errors: BTreeMap::new(),
            foreign_rows: 0,
            wrong_answers: 0,
            faults: Vec::new(),
            last_tenant: HashMap::new(),
            switches: 0,
            misses: 0,
            seconds: Vec::new(),
            before: [0; 3],
            connect_count: 0,
        })
    }

    /// From now on everything counts.
    pub(super) fn warm(&mut self) {
        self.warm = true;
        self.second.0.reset();
        self.before = self.sums();
    }

    pub(super) fn connected(&mut self, took: Duration) {
        self.connect_count += 1;
        if self.warm {
            self.connects.record(took);
        }
    }

    pub(super) fn failed(&mut self, slug: &str, trouble: &Trouble) {
        let first = || Errors { count: 0, first: format!("{slug}: {}", trouble.message) };
        self.errors.entry(trouble.code.clone()).or_insert_with(first).count += 1;
    }

    pub(super) fn done(&mut self, done: &Done<'_>) {
        self.judged(done.slug, &done.faults);
        if let Some(process) = done.process {
            self.worked(process, done.tenant);
        }
        self.second.record(done.latency);
        if self.warm {
            self.all.record(done.latency);
            self.by_class[self.classes.of(done.tenant)].record(done.latency);
            self.by_kind[done.kind.place()].record(done.latency);
        }
    }

    fn judged(&mut self, slug: &str, faults: &Faults) {
        self.foreign_rows += faults.foreign.len() as u64;
        self.wrong_answers += u64::from(faults.wrong.is_some());
        let foreign = faults.foreign.iter().map(|row| {
            format!("{slug} got row {} of {:?} from server process {}", row.id, row.tenant, row.process)
        });
        let wrong = faults.wrong.iter().map(|wrong| format!("{slug}: {wrong}"));
        let room = SHOWN.saturating_sub(self.faults.len());
        self.faults.extend(foreign.chain(wrong).take(room));
    }

    fn worked(&mut self, process: i32, tenant: usize) {
        match self.last_tenant.insert(process, tenant) {
            None => self.misses += u64::from(self.warm),
            Some(last) => self.switches += u64::from(self.warm && last != tenant),
        }
    }

    /// A second is over.
    pub(super) fn tick(&mut self) -> Second {
        let now = self.sums();
        let [errors, connects, new_processes] = std::array::from_fn(|at| now[at] - self.before[at]);
        self.before = now;
        let second = Second {
            transactions: self.second.count(),
            errors,
            connects,
            new_processes,
            p99: self.second.at(0.99),
        };
        self.second.0.reset();
        if self.warm {
            self.seconds.push(second.clone());
        }
        second
    }

    /// Server processes that were seen.
    pub(super) fn processes(&self) -> usize {
        self.last_tenant.len()
    }

    pub(super) fn error_count(&self) -> u64 {
        self.errors.values().map(|errors| errors.count).sum()
    }

    pub(super) const fn classes(&self) -> &Classes {
        &self.classes
    }

    fn sums(&self) -> [u64; 3] {
        [self.error_count(), self.connect_count, self.last_tenant.len() as u64]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::draw::Skew;
    use crate::cli::bench::work::Row;

    const MILLIS: fn(u64) -> Duration = Duration::from_millis;

    fn ledger() -> Ledger {
        Ledger::new(Classes::new(Skew::Uniform, 3)).unwrap()
    }

    fn done(tenant: usize, process: i32, millis: u64) -> Done<'static> {
        let faults = Faults::default();
        let latency = MILLIS(millis);
        Done { tenant, slug: "acme", kind: Kind::Write, latency, process: Some(process), faults }
    }

    #[test]
    fn percentiles_are_exact_to_three_digits() {
        let mut latencies = Latencies::new().unwrap();
        (1..=1000).for_each(|millis| latencies.record(MILLIS(millis)));
        for (share, millis) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (0.999, 999.0)] {
            let told = latencies.at(share).as_secs_f64() * 1000.0;
            assert!((told - millis).abs() <= millis / 1000.0, "{share}: {told}");
        }
        assert_eq!(latencies.count(), 1000);
        latencies.record(Duration::from_secs(100_000));
        assert!(latencies.longest() >= LONGEST);
    }

    #[test]
    fn latencies_count_after_the_warm_up_by_class_and_kind() {
        let mut ledger = ledger();
        ledger.done(&done(0, 1, 5));
        ledger.warm();
        ledger.done(&done(0, 1, 5));
        ledger.done(&done(2, 1, 50));
        let counts = |all: &[Latencies]| all.iter().map(Latencies::count).collect::<Vec<_>>();
        assert_eq!((ledger.all.count(), counts(&ledger.by_class)), (2, vec![1, 0, 1]));
        assert_eq!(counts(&ledger.by_kind), [0, 0, 0, 2]);
    }

    #[test]
    fn switch_is_a_process_that_works_for_another_tenant_and_a_miss_one_never_seen() {
        let mut ledger = ledger();
        for (tenant, process) in [(0, 1), (1, 1), (1, 2)] {
            ledger.done(&done(tenant, process, 1));
        }
        ledger.warm();
        for (tenant, process) in [(1, 1), (1, 2), (0, 1), (1, 1), (2, 3)] {
            ledger.done(&done(tenant, process, 1));
        }
        assert_eq!((ledger.switches, ledger.misses, ledger.processes()), (2, 1, 3));
    }

    #[test]
    fn foreign_rows_count_during_the_warm_up_too_and_the_first_are_told() {
        let mut ledger = ledger();
        let row = Row { id: 3, tenant: "beta".to_owned(), process: 7 };
        let faults = Faults { foreign: vec![row; 4], wrong: None };
        ledger.done(&Done { faults: faults.clone(), ..done(0, 7, 1) });
        ledger.done(&Done { faults, ..done(0, 7, 1) });
        assert_eq!((ledger.foreign_rows, ledger.faults.len()), (8, SHOWN));
        assert_eq!(ledger.faults[0], "acme got row 3 of \"beta\" from server process 7");
    }

    #[test]
    fn seconds_say_what_was_new_in_them() {
        let mut ledger = ledger();
        ledger.connected(MILLIS(1));
        ledger.done(&done(0, 1, 1));
        ledger.warm();
        ledger.done(&done(0, 2, 7));
        let trouble = Trouble { code: "53300".to_owned(), message: "too many".to_owned() };
        ledger.failed("acme", &trouble);
        ledger.failed("beta", &trouble);
        let second = ledger.tick();
        assert_eq!((second.transactions, second.errors, second.connects, second.new_processes), (1, 2, 0, 1));
        let second = ledger.tick();
        assert_eq!((second.transactions, second.errors, second.new_processes), (0, 0, 0));
        assert_eq!((ledger.seconds.len(), ledger.errors["53300"].count), (2, 2));
        assert_eq!(ledger.errors["53300"].first, "acme: too many");
    }
}
