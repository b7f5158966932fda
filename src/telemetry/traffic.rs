//! [`Traffic`]: what the clients of one tenant did, counted where they are served, and how much of it lately.
//!
//! Every client of the tenant holds the same one, and adds what it counted for itself when it tells the process's counters
//! too: at the end of a transaction. It goes with the last who holds it.

use std::ops::{Add, AddAssign};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry::Batch;

/// See the module.
#[derive(Debug, Default)]
pub struct Traffic {
    queries: AtomicU64,
    transactions: AtomicU64,
    assignments: AtomicU64,
    bytes_from_clients: AtomicU64,
    bytes_to_clients: AtomicU64,
    server_nanoseconds: AtomicU64,
    wait_nanoseconds: AtomicU64,
    denials: AtomicU64,
    marks: Mutex<Marks>,
}

/// Its numbers at one time, or those of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficTotals {
    /// Statement texts judged.
    pub queries: u64,
    /// Transactions that ended.
    pub transactions: u64,
    /// Times that a client was given a server connection.
    pub assignments: u64,
    /// Bytes read from clients.
    pub bytes_from_clients: u64,
    /// Bytes written to clients.
    pub bytes_to_clients: u64,
    /// How long clients had a server connection, summed: in transactions, and pinned.
    pub server_time: Duration,
    /// How long those waited for it, summed.
    pub wait_time: Duration,
    /// Texts that the guard refused.
    pub denials: u64,
}

/// What was done in a period, and how long that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lately {
    /// What was done in it.
    pub done: TrafficTotals,
    /// Its length; zero where none has ended yet.
    pub time: Duration,
}

/// The last two looks.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    at: Option<Instant>,
    totals: TrafficTotals,
    lately: Lately,
}

impl Traffic {
    /// Adds what a client counted.
    pub fn add(&self, batch: &Batch) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        for (count, more) in [
            (&self.queries, batch.queries),
            (&self.transactions, batch.transactions),
            (&self.assignments, batch.assignments),
            (&self.bytes_from_clients, batch.bytes_from_clients),
            (&self.bytes_to_clients, batch.bytes_to_clients),
            (&self.server_nanoseconds, nanoseconds(batch.server_time)),
            (&self.wait_nanoseconds, nanoseconds(batch.wait_time)),
        ] {
            // Most often somebody waited for nothing.
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// The guard refused so many texts of a client of the tenant.
    pub fn denied(&self, texts: u64) {
        self.denials.fetch_add(texts, Ordering::Relaxed);
    }

    /// The numbers as they are. Each is right, two of them need not be of the same instant.
    #[must_use]
    pub fn totals(&self) -> TrafficTotals {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TrafficTotals {
            queries: get(&self.queries),
            transactions: get(&self.transactions),
            assignments: get(&self.assignments),
            bytes_from_clients: get(&self.bytes_from_clients),
            bytes_to_clients: get(&self.bytes_to_clients),
            server_time: Duration::from_nanos(get(&self.server_nanoseconds)),
            wait_time: Duration::from_nanos(get(&self.wait_nanoseconds)),
            denials: get(&self.denials),
        }
    }

    /// A period ends, and the next begins.
    pub fn mark(&self, now: Instant) {
        let totals = self.totals();
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = marks.at {
            let done = totals.since(&marks.totals);
            marks.lately = Lately { done, time: now.saturating_duration_since(before) };
        }
        (marks.at, marks.totals) = (Some(now), totals);
    }

    /// The last period that has ended.
    #[must_use]
    pub fn lately(&self) -> Lately {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).lately
    }
}

impl TrafficTotals {
    /// What was done since an earlier look.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            queries: self.queries.saturating_sub(earlier.queries),
            transactions: self.transactions.saturating_sub(earlier.transactions),
            assignments: self.assignments.saturating_sub(earlier.assignments),
            bytes_from_clients: self.bytes_from_clients.saturating_sub(earlier.bytes_from_clients),
            bytes_to_clients: self.bytes_to_clients.saturating_sub(earlier.bytes_to_clients),
            server_time: self.server_time.saturating_sub(earlier.server_time),
            wait_time: self.wait_time.saturating_sub(earlier.wait_time),
            denials: self.denials.saturating_sub(earlier.denials),
        }
    }
}

impl Add for TrafficTotals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            queries: self.queries + other.queries,
            transactions: self.transactions + other.transactions,
            assignments: self.assignments + other.assignments,
            bytes_from_clients: self.bytes_from_clients + other.bytes_from_clients,
            bytes_to_clients: self.bytes_to_clients + other.bytes_to_clients,
            server_time: self.server_time + other.server_time,
            wait_time: self.wait_time + other.wait_time,
            denials: self.denials + other.denials,
        }
    }
}

impl AddAssign for Lately {
    /// Of two at the same time.
    fn add_assign(&mut self, other: Self) {
        *self = Self { done: self.done + other.done, time: self.time.max(other.time) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_lately_is_that_of_the_last_whole_period() {
        let (traffic, start) = (Traffic::default(), Instant::now());
        let did = |queries| traffic.add(&Batch { queries, ..Batch::default() });
        did(5);
        traffic.mark(start);
        assert_eq!(traffic.lately(), Lately::default(), "none has ended");
        did(7);
        traffic.mark(start + Duration::from_secs(60));
        did(100);
        let lately = traffic.lately();
        assert_eq!((lately.done.queries, lately.time), (7, Duration::from_secs(60)));
        assert_eq!(traffic.totals().queries, 112);
        traffic.mark(start + Duration::from_secs(70));
        traffic.mark(start + Duration::from_secs(80));
        assert_eq!(traffic.lately().done, TrafficTotals::default(), "nothing in the last ten seconds");
    }

    #[test]
    fn batch_is_added_whole() {
        let traffic = Traffic::default();
        let batch = Batch {
            queries: 1,
            transactions: 2,
            assignments: 3,
            role_switches: 4,
            parses_spared: 9,
            bytes_from_clients: 5,
            bytes_to_clients: 6,
            server_time: Duration::from_nanos(7),
            wait_time: Duration::from_nanos(8),
        };
        traffic.add(&batch);
        traffic.add(&batch);
        traffic.denied(1);
        let expected = TrafficTotals {
            queries: 2,
            transactions: 4,
            assignments: 6,
            bytes_from_clients: 10,
            bytes_to_clients: 12,
            server_time: Duration::from_nanos(14),
            wait_time: Duration::from_nanos(16),
            denials: 1,
        };
        assert_eq!(traffic.totals(), expected);
        assert_eq!(expected.since(&expected), TrafficTotals::default());
    }
}
