//! [`Flood`]: lines that come with every client or statement, kept to so many in a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry::window::Window;

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A client logged in.
    Login,
    /// A login was refused.
    LoginRefused,
    /// A client's connection ended.
    Ended,
    /// A statement took long.
    Slow,
}

/// How many kinds there are.
const KINDS: usize = 4;

/// No limit.
const ALL: usize = usize::MAX;

const SECOND: Duration = Duration::from_secs(1);

/// See the module. Each kind is counted apart, so that a flood of one does not hide the others.
#[derive(Debug)]
pub struct Flood {
    most: AtomicUsize,
    windows: [Mutex<Window>; KINDS],
}

impl Default for Flood {
    /// Without a limit.
    fn default() -> Self {
        Self { most: AtomicUsize::new(ALL), windows: Default::default() }
    }
}

impl Flood {
    /// So many of each kind in a second from now on; `None` sets no limit.
    pub fn set_most(&self, most: Option<usize>) {
        self.most.store(most.unwrap_or(ALL), Ordering::Relaxed);
    }

    /// Whether a line of this kind may be written now, and how many were not since the last.
    pub fn ask(&self, kind: LineKind, now: Instant) -> Option<u64> {
        let most = self.most.load(Ordering::Relaxed);
        if most == ALL {
            return Some(0);
        }
        let mut window = self.windows[kind as usize].lock().unwrap_or_else(PoisonError::into_inner);
        window.ask(most, SECOND, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_of_a_kind_are_told_in_a_second_and_the_next_tells_how_many_were_not() {
        let (flood, start) = (Flood::default(), Instant::now());
        assert!((0..1000).all(|_| flood.ask(LineKind::Login, start) == Some(0)), "no limit unless it is set");
        flood.set_most(Some(3));
        let told = (0..10).filter(|_| flood.ask(LineKind::Ended, start).is_some()).count();
        assert_eq!((told, flood.ask(LineKind::Login, start)), (3, Some(0)));
        assert_eq!(flood.ask(LineKind::Ended, start + SECOND), Some(7));
        assert_eq!(flood.ask(LineKind::Ended, start + SECOND), Some(0));
    }
}
