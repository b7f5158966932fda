//! [`Window`]: so many lines of a kind in a period, and a count of the others.

use std::time::{Duration, Instant};

/// One kind's.
#[derive(Debug, Default)]
pub(super) struct Window {
    began: Option<Instant>,
    told: usize,
    untold: u64,
}

impl Window {
    /// Whether a line may be written now, where `most` may in each period, and how many were not since the last.
    pub(super) fn ask(&mut self, most: usize, period: Duration, now: Instant) -> Option<u64> {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= period) {
            (self.began, self.told) = (Some(now), 0);
        }
        if self.told >= most {
            self.untold += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}
