//! [`Clock`]: which of a client's time limits runs out next, while it has a server connection.

use std::time::{Duration, Instant};

use crate::session::Session;
use crate::session::pin::PinReason;
use crate::tenant::Limits;

/// How long a client keeps its server connection after an INSERT for a `currval` or `lastval` that its
/// tenant's clients are known to ask for next.
const SEQUENCES_KEPT: Duration = Duration::from_secs(2);
/// How often it is looked at whether somebody waits, for a tenant of which nothing is known yet.
const SEQUENCES_SLICE: Duration = Duration::from_millis(10);
/// How long a server may take to end a statement that it was asked to cancel.
const CANCELLING: Duration = Duration::from_secs(10);

/// What a client does, as far as time limits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A statement runs. The number tells batches apart.
    Working(u64),
    /// Silence in a transaction block, after the batch of this number.
    InTransaction(u64),
    /// Silence, with a server connection that is kept for this.
    Pinned(PinReason),
    /// It is about to let the server connection go.
    Leaving,
}

impl Phase {
    pub(super) fn of(session: &Session) -> Self {
        let turn = session.turns();
        if session.is_under_way() {
            Self::Working(turn)
        } else if session.in_transaction() {
            Self::InTransaction(turn)
        } else {
            session.pinned().map_or(Self::Leaving, Self::Pinned)
        }
    }
}

/// What ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// The statement's time: it is to be cancelled.
    Statement,
    /// The server did not end a statement that was cancelled.
    Cancelling,
    /// The transaction's time.
    Transaction,
    /// The time for silence in a transaction block.
    IdleInTransaction,
    /// The time for silence while a server connection is kept.
    Pinned(PinReason),
    /// The token, key or certificate the session was opened with.
    Credential,
}

impl Expired {
    /// As counters call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Cancelling => "statement_goes_on",
            Self::Transaction => "transaction",
            Self::IdleInTransaction => "idle_in_transaction",
            Self::Pinned(_) => "pinned_idle",
            Self::Credential => "credential",
        }
    }
}

/// The time since when a client does what it does.
#[derive(Debug)]
pub(super) struct Clock {
    phase: Phase,
    since: Instant,
    transaction: Instant,
    cancelled: Option<Instant>,
    /// When the session ends whatever it does.
    end: Option<Instant>,
}

impl Clock {
    pub(super) const fn new(now: Instant, end: Option<Instant>) -> Self {
        Self { phase: Phase::Leaving, since: now, transaction: now, cancelled: None, end }
    }

    /// Whether the session has reached its end: also where the client is never silent long enough for
    /// [`next`](Self::next) to be waited for.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| end <= now)
    }

    /// The client does this now.
    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        if phase == self.phase {
            return;
        }
        let begins = !matches!(self.phase, Phase::InTransaction(_));
        if matches!(phase, Phase::Working(_)) && begins {
            self.transaction = now;
        }
        (self.phase, self.since, self.cancelled) = (phase, now, None);
    }

    /// It did something without doing something else.
    pub(super) const fn moved(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Pinned(_)) {
            self.since = now;
        }
    }

    /// Its statement was cancelled.
    pub(super) const fn cancelled(&mut self, now: Instant) {
        self.cancelled = Some(now);
    }

    /// What runs out next, and when.
    pub(super) fn next(&self, limits: &Limits, reads_sequences: bool) -> Option<(Instant, Expired)> {
        let end = self.end.map(|end| (end, Expired::Credential));
        let of_phase = self.next_of_phase(limits, reads_sequences);
        end.into_iter().chain(of_phase).min_by_key(|(when, _)| *when)
    }

    fn next_of_phase(&self, limits: &Limits, reads_sequences: bool) -> Option<(Instant, Expired)> {
        let after = |since: Instant, limit: Option<Duration>, what| Some((since + limit?, what));
        let transaction = || after(self.transaction, limits.transaction_timeout, Expired::Transaction);
        match self.phase {
            Phase::Leaving => None,
            Phase::Pinned(PinReason::Sequence) => {
                let kept = if reads_sequences { SEQUENCES_KEPT } else { SEQUENCES_SLICE };
                after(self.since, Some(kept), Expired::Pinned(PinReason::Sequence))
            }
            Phase::Pinned(reason) => after(self.since, limits.pinned_idle_timeout, Expired::Pinned(reason)),
            Phase::InTransaction(_) => {
                let idle = after(self.since, limits.idle_in_transaction_timeout, Expired::IdleInTransaction);
                idle.into_iter().chain(transaction()).min_by_key(|(when, _)| *when)
            }
            Phase::Working(_) => {
                let statement = match self.cancelled {
                    None => after(self.since, limits.statement_timeout, Expired::Statement),
                    Some(when) => after(when, Some(CANCELLING), Expired::Cancelling),
                };
                statement.into_iter().chain(transaction()).min_by_key(|(when, _)| *when)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits {
            statement_timeout: Some(3 * SECOND),
            transaction_timeout: Some(10 * SECOND),
            idle_in_transaction_timeout: Some(2 * SECOND),
            pinned_idle_timeout: Some(5 * SECOND),
            ..Limits::default()
        }
    }

    #[test]
    fn nothing_runs_out_without_limits() {
        let now = Instant::now();
        let mut clock = Clock::new(now, None);
        for phase in [Phase::Working(1), Phase::InTransaction(2), Phase::Pinned(PinReason::Temporary)] {
            clock.enter(phase, now);
            assert_eq!(clock.next(&Limits::default(), false), None);
        }
    }

    #[test]
    fn each_batch_has_the_time_of_a_statement_and_all_have_that_of_the_transaction() {
        let start = Instant::now();
        let mut clock = Clock::new(start, None);
        clock.enter(Phase::Working(1), start);
        assert_eq!(clock.next(&limits(), false), Some((start + 3 * SECOND, Expired::Statement)));
        clock.enter(Phase::InTransaction(2), start + SECOND);
        assert_eq!(clock.next(&limits(), false), Some((start + 3 * SECOND, Expired::IdleInTransaction)));
        clock.enter(Phase::Working(2), start + 2 * SECOND);
        assert_eq!(clock.next(&limits(), false), Some((start + 5 * SECOND, Expired::Statement)));
        clock.enter(Phase::InTransaction(3), start + 9 * SECOND);
        assert_eq!(clock.next(&limits(), false), Some((start + 10 * SECOND, Expired::Transaction)));
        // Another transaction.
        clock.enter(Phase::Pinned(PinReason::Temporary), start + 9 * SECOND);
        clock.enter(Phase::Working(4), start + 20 * SECOND);
        assert_eq!(clock.next(&limits(), false), Some((start + 23 * SECOND, Expired::Statement)));
    }

    #[test]
    fn statement_that_does_not_end_when_it_is_cancelled_has_an_end_too() {
        let start = Instant::now();
        let mut clock = Clock::new(start, None);
        clock.enter(Phase::Working(1), start);
        clock.cancelled(start + 3 * SECOND);
        let late = Limits { transaction_timeout: None, ..limits() };
        assert_eq!(clock.next(&late, false), Some((start + 13 * SECOND, Expired::Cancelling)));
        clock.enter(Phase::Working(2), start + 4 * SECOND);
        assert_eq!(clock.next(&late, false), Some((start + 7 * SECOND, Expired::Statement)));
    }

    #[test]
    fn end_of_the_credential_comes_whatever_the_client_does_and_never_after_another_limit() {
        let start = Instant::now();
        let end = start + 4 * SECOND;
        let mut clock = Clock::new(start, Some(end));
        for phase in [Phase::Leaving, Phase::Working(1), Phase::InTransaction(2)] {
            clock.enter(phase, start);
            assert_eq!(clock.next(&Limits::default(), false), Some((end, Expired::Credential)), "{phase:?}");
        }
        assert_eq!(clock.next(&limits(), false), Some((start + 2 * SECOND, Expired::IdleInTransaction)));
        clock.enter(Phase::Pinned(PinReason::Temporary), start);
        assert_eq!(clock.next(&limits(), false), Some((end, Expired::Credential)));
        assert!(!clock.is_over(end - SECOND) && clock.is_over(end));
    }

    #[test]
    fn pinned_client_that_says_something_begins_anew() {
        let start = Instant::now();
        let mut clock = Clock::new(start, None);
        let temporary = PinReason::Temporary;
        clock.enter(Phase::Pinned(temporary), start);
        clock.moved(start + SECOND);
        assert_eq!(clock.next(&limits(), false), Some((start + 6 * SECOND, Expired::Pinned(temporary))));
    }
}
