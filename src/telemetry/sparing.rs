//! Log lines that come by the thousand, kept to a few.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry::window::Window;

/// Lines of one kind in one period.
const MOST: usize = 20;

/// The period.
const PERIOD: Duration = Duration::from_secs(60);

/// Lets the first lines of each kind through in each period, and counts the others. Kinds are constants
/// of the program, so there are few.
#[derive(Debug, Default)]
pub(super) struct Sparing {
    kinds: Mutex<HashMap<&'static str, Window>>,
}

impl Sparing {
    /// Whether a line of this kind may be written now, and how many were not since the last.
    pub(super) fn ask(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.entry(kind).or_default().ask(MOST, PERIOD, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_of_a_kind_are_told_and_the_next_period_tells_how_many_were_not() {
        let (sparing, start) = (Sparing::default(), Instant::now());
        for n in 0..100 {
            assert_eq!(sparing.ask("a", start), (n < MOST).then_some(0), "{n}");
        }
        assert_eq!(sparing.ask("b", start), Some(0), "another kind");
        assert_eq!(sparing.ask("a", start + PERIOD - Duration::from_millis(1)), None);
        assert_eq!(sparing.ask("a", start + PERIOD), Some(81));
        assert_eq!(sparing.ask("a", start + PERIOD), Some(0));
    }
}
