//! When the keys of an issuer are fetched again: now and then, and when a token names one that is not known; the latter
//! seldom, since anybody can send such a token.

use std::time::{Duration, Instant};

/// Rest between two fetches that tokens with unknown keys ask for.
const GAP: Duration = Duration::from_secs(10);
/// Time from a fetch that went well to the next.
const PERIOD: Duration = Duration::from_secs(600);
/// The same where it went wrong.
const RETRY: Duration = Duration::from_secs(30);

/// What a token with an unknown key is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// There was a fetch just now: it is not known.
    Refused,
    /// One is under way, or about to be: wait for it.
    Wait,
    /// One is to be begun.
    Begin,
}

/// What is known of the fetches so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetches {
    last: Option<(Instant, bool)>,
    under_way: bool,
}

impl Fetches {
    /// One has begun.
    pub const fn begin(&mut self) {
        self.under_way = true;
    }

    /// It has ended, well or not, and what it brought can be seen.
    pub const fn end(&mut self, now: Instant, well: bool) {
        self.last = Some((now, well));
        self.under_way = false;
    }

    /// How long to wait for the next one that nobody asks for.
    #[must_use]
    pub fn rest(&self, now: Instant) -> Duration {
        let Some((last, well)) = self.last else { return Duration::ZERO };
        (last + if well { PERIOD } else { RETRY }).saturating_duration_since(now)
    }

    /// A token with an unknown key asks for a fetch. Where one is to be begun, it counts as under way from now on: who
    /// asks meanwhile waits for the same.
    #[must_use]
    pub fn ask(&mut self, now: Instant) -> Asked {
        if self.under_way {
            return Asked::Wait;
        }
        if self.last.is_some_and(|(last, _)| now < last + GAP) {
            return Asked::Refused;
        }
        self.under_way = true;
        Asked::Begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_at_once_then_now_and_then_and_sooner_after_a_failure() {
        let (mut fetches, now) = (Fetches::default(), Instant::now());
        assert_eq!(fetches.rest(now), Duration::ZERO);
        fetches.end(now, true);
        assert_eq!((fetches.rest(now), fetches.rest(now + PERIOD)), (PERIOD, Duration::ZERO));
        fetches.end(now, false);
        assert_eq!(fetches.rest(now), RETRY);
    }

    #[test]
    fn flood_of_unknown_keys_is_one_fetch_in_ten_seconds() {
        let (mut fetches, start) = (Fetches::default(), Instant::now());
        let mut count = 0;
        for millisecond in 0..60_000 {
            let now = start + Duration::from_millis(millisecond);
            if fetches.ask(now) == Asked::Begin {
                assert_eq!(
                    [fetches.ask(now), fetches.ask(now)],
                    [Asked::Wait; 2],
                    "the others wait for the same"
                );
                fetches.begin();
                assert_eq!(fetches.ask(now), Asked::Wait);
                fetches.end(now, false);
                assert_eq!(fetches.ask(now), Asked::Refused);
                count += 1;
            }
        }
        assert_eq!(count, 6);
    }
}
