//! [`History`]: the last minutes in samples, for rates, percentiles and the small charts of the dashboard, and for how long ago
//! anything was done.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::schedule::Load;
use crate::telemetry::{Snapshot, Times};

/// The time between two samples.
pub(super) const PERIOD: Duration = Duration::from_secs(2);

/// How many are kept: five minutes.
const KEPT: usize = 150;

/// Over this long rates are taken, so that a number can be read before it changes.
const RATE_OVER: Duration = Duration::from_secs(10);

/// Over this long percentiles and rare events are.
const RARE_OVER: Duration = Duration::from_secs(60);

/// What was counted up to a moment, and what was there.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    at: Instant,
    transactions: u64,
    queries: u64,
    received: u64,
    sent: u64,
    denials: u64,
    auth_failures: u64,
    opened: u64,
    accepted: u64,
    accepts_failed: u64,
    waits: Times,
    totals: Times,
    clients: u64,
    servers: usize,
    waiting: usize,
}

impl Sample {
    pub(super) fn new(at: Instant, snapshot: &Snapshot, load: Load) -> Self {
        Self {
            at,
            transactions: snapshot.transactions,
            queries: snapshot.queries,
            received: snapshot.bytes_from_clients,
            sent: snapshot.bytes_to_clients,
            denials: snapshot.denials.values().sum(),
            auth_failures: snapshot.auth_failures,
            opened: snapshot.servers_opened,
            accepted: snapshot.clients_accepted,
            accepts_failed: snapshot.accepts_failed,
            waits: snapshot.wait_times.clone(),
            totals: snapshot.total_times.clone(),
            clients: snapshot.clients_current,
            servers: load.total.saturating_sub(load.idle),
            waiting: load.waiting,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    samples: VecDeque<Sample>,
    worked: Option<Instant>,
    cannot_accept: bool,
}

/// What was done lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Lately {
    /// Transactions a second.
    pub(super) transactions: f64,
    /// Statement texts a second.
    pub(super) queries: f64,
    /// Bytes a second from clients.
    pub(super) received: f64,
    /// Bytes a second to clients.
    pub(super) sent: f64,
    /// Refusals of the guard in the last minute.
    pub(super) denials: u64,
    /// Logins that failed in the last minute.
    pub(super) auth_failures: u64,
    /// Of the last minute, in seconds: what half and 99 of 100 clients waited at most.
    pub(super) wait_p50: Option<f64>,
    pub(super) wait_p99: Option<f64>,
    /// The same with the time that they had their server connection.
    pub(super) total_p50: Option<f64>,
    pub(super) total_p99: Option<f64>,
}

/// The same moments, one number each, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Charts {
    /// Seconds between two of them.
    pub(super) period: f64,
    /// Transactions a second.
    pub(super) transactions: Vec<f64>,
    /// Longest wait of 99 of 100 clients, in seconds.
    pub(super) wait_p99: Vec<Option<f64>>,
    /// The same with the time that they had it.
    pub(super) total_p99: Vec<Option<f64>>,
    /// Bytes a second from and to clients.
    pub(super) bytes: Vec<f64>,
    /// Client connections.
    pub(super) clients: Vec<u64>,
    /// Server connections in use.
    pub(super) servers: Vec<usize>,
    /// Clients that wait.
    pub(super) waiting: Vec<usize>,
    /// Refusals of the guard in a minute, at that rate.
    pub(super) denials: Vec<f64>,
}

impl History {
    /// One more.
    pub(super) fn push(&mut self, sample: Sample) {
        if let Some(last) = self.samples.back() {
            if sample.transactions > last.transactions || sample.opened > last.opened {
                self.worked = Some(sample.at);
            }
            if sample.accepted > last.accepted {
                self.cannot_accept = false;
            } else if sample.accepts_failed > last.accepts_failed {
                self.cannot_accept = true;
            }
        }
        if self.samples.len() >= KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// How long ago a transaction ended or a server connection was opened, up to a period.
    pub(super) fn worked(&self, now: Instant) -> Option<Duration> {
        self.worked.map(|at| now.saturating_duration_since(at))
    }

    /// Whether the system hands over no clients.
    pub(super) const fn cannot_accept(&self) -> bool {
        self.cannot_accept
    }

    /// What was done lately.
    pub(super) fn lately(&self) -> Lately {
        let Some(last) = self.samples.back() else { return Lately::default() };
        let (short, long) = (self.before(RATE_OVER), self.before(RARE_OVER));
        let (Some(short), Some(long)) = (short, long) else { return Lately::default() };
        let (waits, totals) =
            (last.waits.clone().since(&long.waits), last.totals.clone().since(&long.totals));
        Lately {
            transactions: rate(short, last, |sample| sample.transactions),
            queries: rate(short, last, |sample| sample.queries),
            received: rate(short, last, |sample| sample.received),
            sent: rate(short, last, |sample| sample.sent),
            denials: last.denials.saturating_sub(long.denials),
            auth_failures: last.auth_failures.saturating_sub(long.auth_failures),
            wait_p50: seconds(&waits, 50),
            wait_p99: seconds(&waits, 99),
            total_p50: seconds(&totals, 50),
            total_p99: seconds(&totals, 99),
        }
    }

    /// The newest sample that is so much older than the last, or the oldest there is.
    fn before(&self, time: Duration) -> Option<&Sample> {
        let last = self.samples.back()?;
        let old = |sample: &&Sample| last.at.saturating_duration_since(sample.at) >= time;
        self.samples.iter().rev().find(old).or_else(|| self.samples.front())
    }

    /// For small charts.
    pub(super) fn charts(&self) -> Charts {
        let mut charts = Charts { period: PERIOD.as_secs_f64(), ..Charts::default() };
        for (earlier, later) in self.samples.iter().zip(self.samples.iter().skip(1)) {
            charts.transactions.push(round(rate(earlier, later, |sample| sample.transactions)));
            charts.wait_p99.push(seconds(&later.waits.clone().since(&earlier.waits), 99));
            charts.total_p99.push(seconds(&later.totals.clone().since(&earlier.totals), 99));
            charts.bytes.push(round(rate(earlier, later, |sample| sample.received + sample.sent)));
            charts.clients.push(later.clients);
            charts.servers.push(later.servers);
            charts.waiting.push(later.waiting);
            charts.denials.push(round(60.0 * rate(earlier, later, |sample| sample.denials)));
        }
        charts
    }
}

fn rate(earlier: &Sample, later: &Sample, count: fn(&Sample) -> u64) -> f64 {
    let time = later.at.saturating_duration_since(earlier.at).as_secs_f64();
    if time > 0.0 { count(later).saturating_sub(count(earlier)) as f64 / time } else { 0.0 }
}

fn seconds(times: &Times, hundredths: u64) -> Option<f64> {
    times.percentile(hundredths).map(|time| time.as_secs_f64())
}

/// To a tenth: more digits are only longer to send.
fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use crate::telemetry::{Batch, Counters};

    use super::*;

    fn work(counters: &Counters, transactions: u64) {
        counters.add(&mut Batch { transactions, ..Batch::default() });
    }

    fn sample(counters: &Counters, at: Instant) -> Sample {
        Sample::new(at, &counters.snapshot(), Load::default())
    }

    #[test]
    fn rates_are_those_of_the_last_ten_seconds_and_rare_things_those_of_a_minute() {
        let (counters, start, mut history) = (Counters::new(), Instant::now(), History::default());
        assert_eq!(history.lately(), Lately::default());
        for n in 0..=60 {
            if n > 5 {
                work(&counters, if n > 55 { 200 } else { 20 });
            }
            if n == 10 {
                counters.denied("set_role");
            }
            history.push(sample(&counters, start + n * PERIOD));
        }
        let lately = history.lately();
        assert!((lately.transactions - 100.0).abs() < 0.01, "{lately:?}");
        assert_eq!(lately.denials, 0, "it was two minutes ago");
        assert_eq!((lately.wait_p50, history.charts().transactions.len()), (None, 60));
    }

    #[test]
    fn percentiles_are_of_the_last_minute_alone() {
        let (counters, start, mut history) = (Counters::new(), Instant::now(), History::default());
        counters.held(Duration::ZERO, Duration::from_secs(20));
        history.push(sample(&counters, start));
        counters.held(Duration::ZERO, Duration::from_millis(2));
        history.push(sample(&counters, start + PERIOD));
        let lately = history.lately();
        assert!(lately.total_p99.unwrap() <= 0.0025 && lately.wait_p99.unwrap() <= 0.0001, "{lately:?}");
    }

    #[test]
    fn samples_are_bounded_and_the_last_work_is_remembered_all_the_same() {
        let (counters, start, mut history) = (Counters::new(), Instant::now(), History::default());
        history.push(sample(&counters, start));
        assert_eq!(history.worked(start), None);
        work(&counters, 1);
        for n in 1..500 {
            history.push(sample(&counters, start + n * PERIOD));
        }
        assert_eq!(history.samples.len(), KEPT);
        assert_eq!(history.worked(start + 101 * PERIOD), Some(100 * PERIOD));
    }

    #[test]
    fn failing_to_accept_counts_until_somebody_was_let_in() {
        let (counters, start, mut history) = (Counters::new(), Instant::now(), History::default());
        history.push(sample(&counters, start));
        counters.accept_failed();
        history.push(sample(&counters, start + PERIOD));
        history.push(sample(&counters, start + 2 * PERIOD));
        assert!(history.cannot_accept());
        counters.client_accepted();
        history.push(sample(&counters, start + 3 * PERIOD));
        assert!(!history.cannot_accept());
    }
}
