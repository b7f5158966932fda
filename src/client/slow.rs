//! [`Slow`]: how long each statement of one client takes, where that is asked for, and what took too long.
//!
//! A statement is measured from where it goes to the server to its ReadyForQuery, so a batch up to its Sync counts as one. What it
//! waited for a server connection is measured apart. Where nothing is asked for, there is no [`Slow`]; where it is, it costs two
//! readings of the clock for a statement, two for a server connection, and a copy of a short text into a buffer that stays.

use std::time::{Duration, Instant};

use crate::config::{Log, LogStatements};
use crate::guard::redact;
use crate::session::Session;
use crate::telemetry::{Counters, LineKind};

/// See the module.
#[derive(Debug)]
pub(super) struct Slow {
    limit: Duration,
    /// Whether its text is told as it is.
    in_full: bool,
    began: Option<Instant>,
    /// What the statement under way, or the one to come, has waited for its server connection.
    waited: Duration,
    /// What has taken too long and is not told yet.
    over: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    took: Duration,
    waited: Duration,
    text: String,
}

impl Slow {
    pub(super) fn of(log: &Log) -> Option<Self> {
        let in_full = log.statements == LogStatements::Full;
        let (waited, over) = (Duration::ZERO, Vec::new());
        log.slow_query.map(|limit| Self { limit, in_full, began: None, waited, over })
    }

    /// A server connection came after this time.
    pub(super) const fn waited(&mut self, time: Duration) {
        self.waited = time;
    }

    /// A frame of the client's was passed on.
    pub(super) fn passed_on(&mut self, session: &Session) {
        if self.began.is_none() && session.is_under_way() {
            self.began = Some(Instant::now());
        }
    }

    /// The server is ready for the next.
    pub(super) fn answered(&mut self, session: &Session) {
        let Some(began) = self.began.take() else { return };
        let now = Instant::now();
        // Of several that were sent at once each counts from the end of the one before.
        self.began = session.is_under_way().then_some(now);
        let (took, waited) = (now.duration_since(began), std::mem::take(&mut self.waited));
        if took + waited >= self.limit {
            let text = session.last_text().unwrap_or_default();
            let text = if self.in_full { text.into_owned() } else { redact(&text) };
            self.over.push(Told { took, waited, text });
        }
    }

    /// Writes down what took too long.
    pub(super) fn tell(&mut self, server: Option<i32>, counters: &Counters) {
        for told in self.over.drain(..) {
            let Some(untold) = counters.lines().ask(LineKind::Slow, Instant::now()) else { continue };
            let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(
                duration_ms = millis(told.took),
                wait_ms = millis(told.waited),
                server,
                statement = told.text,
                untold,
                "slow statement"
            );
        }
    }
}
