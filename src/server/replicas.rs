//! Read replicas: which of them may be read from, and how far each is behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::config::{Server, ServerAddress};
use crate::server::connect::Endpoint;

/// Where the primary was, this many looks back at most.
const SAMPLES: usize = 1024;

/// One of them.
#[derive(Debug)]
pub struct Replica {
    /// Where it is.
    pub address: ServerAddress,
    pub(super) endpoint: Endpoint,
    usable: AtomicBool,
}

impl Replica {
    /// Whether it answers, follows, and is not too far behind, as far as the watch has seen.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.usable.load(Ordering::Relaxed)
    }

    /// What the watch sees. Whether that is new.
    pub fn set_usable(&self, usable: bool) -> bool {
        self.usable.swap(usable, Ordering::Relaxed) != usable
    }
}

/// All of them. None is used before it was looked at.
#[derive(Debug)]
pub struct Replicas {
    all: Vec<Arc<Replica>>,
    turn: AtomicUsize,
}

impl Replicas {
    pub(super) fn new(server: &Server) -> Self {
        let replica = |address: &ServerAddress| {
            Arc::new(Replica {
                address: address.clone(),
                endpoint: Endpoint::at(address.clone(), &server.tls),
                usable: AtomicBool::new(false),
            })
        };
        Self { all: server.read_replicas.iter().map(replica).collect(), turn: AtomicUsize::new(0) }
    }

    /// All, usable or not.
    #[must_use]
    pub fn all(&self) -> &[Arc<Replica>] {
        &self.all
    }

    /// Whether one may be read from.
    #[must_use]
    pub fn any_usable(&self) -> bool {
        self.all.iter().any(|replica| replica.is_usable())
    }

    /// Those that may be read from, each time with another one first.
    pub(super) fn usable(&self) -> impl Iterator<Item = &Arc<Replica>> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % self.all.len().max(1);
        let (before, from) = self.all.split_at(first);
        from.iter().chain(before).filter(|replica| replica.is_usable())
    }
}

/// Where the primary was and when, to tell how far a replica is behind without comparing clocks, and whether or not the
/// replica knows that it has lost the primary.
#[derive(Debug, Default)]
pub struct Lag {
    samples: VecDeque<(Instant, i64)>,
}

impl Lag {
    /// The primary was there at that time. Positions and times only grow.
    pub fn note(&mut self, now: Instant, position: i64) {
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((now, position));
    }

    /// How long ago the primary was where the replica is; `None` where that is longer ago than is known. A primary that cannot
    /// be asked writes nothing that anybody knows of, so that its replicas do not age.
    #[must_use]
    pub fn of(&self, now: Instant, position: i64) -> Option<Duration> {
        let reached = self.samples.iter().rposition(|(_, at)| *at <= position)?;
        // What was reached last is left when the next position was seen.
        Some(
            self.samples
                .get(reached + 1)
                .map_or(Duration::ZERO, |(left, _)| now.saturating_duration_since(*left)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replica_is_as_old_as_the_first_position_that_it_has_not_reached() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut lag = Lag::default();
        assert_eq!(lag.of(start, 100), None);
        for (after, position) in [(0, 100), (1, 100), (2, 150), (3, 200)] {
            lag.note(start + after * second, position);
        }
        let now = start + 4 * second;
        let of = |position| lag.of(now, position);
        assert_eq!(of(99), None);
        assert_eq!(of(100), Some(2 * second));
        assert_eq!(of(149), Some(2 * second));
        assert_eq!(of(150), Some(second));
        assert_eq!((of(200), of(300)), (Some(Duration::ZERO), Some(Duration::ZERO)));
    }

    #[test]
    fn replicas_of_an_idle_or_silent_primary_do_not_age_and_memory_is_bounded() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut lag = Lag::default();
        for after in 0..5000 {
            lag.note(start + after * second, 100);
        }
        assert_eq!(lag.of(start + 9000 * second, 100), Some(Duration::ZERO));
        assert_eq!(lag.samples.len(), SAMPLES);
    }
}
