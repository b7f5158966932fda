//! When the next transaction is due.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How late a timer wakes somebody at most on a machine that is not overloaded: it counts whole
/// milliseconds. What is later than that is the load's doing.
const TIMER: Duration = Duration::from_millis(2);

/// Transactions due at a steady rate, whether or not those before are done; or without a rate, at once.
#[derive(Debug)]
pub(super) struct Pace {
    begin: Instant,
    end: Instant,
    /// Transactions a second, of all clients.
    rate: Option<f64>,
    /// Number of the next one.
    next: AtomicU64,
}

impl Pace {
    pub(super) fn new(begin: Instant, length: Duration, rate: Option<f64>) -> Self {
        Self { begin, end: begin + length, rate, next: AtomicU64::new(0) }
    }

    /// When the caller's next transaction is due; `None` at the end.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let Some(rate) = self.rate else { return (now < self.end).then_some(now) };
        // Who is past the end takes none, so that those are counted that nobody began.
        if now >= self.end {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let due = self.begin + Duration::from_secs_f64(number as f64 / rate);
        (due < self.end).then_some(due)
    }

    /// How many were due by then and not begun.
    pub(super) fn overdue(&self, now: Instant) -> u64 {
        let Some(rate) = self.rate else { return 0 };
        let length = now.min(self.end).saturating_duration_since(self.begin);
        let due = (length.as_secs_f64() * rate).ceil() as u64;
        due.saturating_sub(self.next.load(Ordering::Relaxed))
    }
}

/// From when the time of a transaction counts that was due at `due`, for a client that had nothing to do
/// since `free` and woke at `woke`. Somebody who was busy is no excuse: then the wait counts too. The
/// timer's own lateness is one.
pub(super) fn counted_from(due: Instant, free: Instant, woke: Instant) -> Instant {
    if free > due { due } else { woke.min(due + TIMER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn transactions_are_due_at_the_rate_however_late_they_are_asked_for() {
        let begin = Instant::now();
        let pace = Pace::new(begin, MILLIS(1000), Some(10.0));
        let due = |late| pace.next(begin + MILLIS(late)).map(|due| due - begin);
        assert_eq!([due(0), due(0), due(900)], [Some(MILLIS(0)), Some(MILLIS(100)), Some(MILLIS(200))]);
        assert_eq!(pace.overdue(begin + MILLIS(901)), 7);
        assert_eq!(due(1000), None);
        assert_eq!(pace.overdue(begin + MILLIS(5000)), 7);
        (3..10).for_each(|number| assert_eq!(due(950), Some(MILLIS(number * 100))));
        assert_eq!((due(950), pace.overdue(begin + MILLIS(5000))), (None, 0));
    }

    #[test]
    fn without_a_rate_the_next_is_due_at_once_until_the_end() {
        let begin = Instant::now();
        let pace = Pace::new(begin, MILLIS(1000), None);
        for (now, due) in [(0, true), (999, true), (1000, false)] {
            let now = begin + MILLIS(now);
            assert_eq!(pace.next(now), due.then_some(now));
        }
        assert_eq!(pace.overdue(begin + MILLIS(999)), 0);
    }

    #[test]
    fn waiting_for_a_busy_client_counts_and_the_timer_does_not() {
        let due = Instant::now() + MILLIS(100);
        assert_eq!(counted_from(due, due + MILLIS(40), due + MILLIS(40)), due);
        assert_eq!(counted_from(due, due - MILLIS(40), due + MILLIS(1)), due + MILLIS(1));
        assert_eq!(counted_from(due, due - MILLIS(40), due + MILLIS(40)), due + TIMER);
    }
}
