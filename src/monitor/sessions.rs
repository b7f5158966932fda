//! [`Sessions`]: who is logged in to the dashboard. Pure: the time and random bytes are arguments.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// How long a session lasts at the most; then the token is asked for again.
pub(super) const LIFETIME: Duration = Duration::from_secs(3600);

/// Sessions at once. With one more, the one goes that would have ended first.
const MOST: usize = 64;

/// Random bytes of a session's name.
pub(super) const ID_BYTES: usize = 32;

/// See the module. A session's name is kept as its hash only: whoever reads memory finds no cookie to send.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    ends: HashMap<[u8; 32], Instant>,
}

impl Sessions {
    /// Begins one. It ends after [`LIFETIME`], or with what it was opened with.
    pub(super) fn begin(&mut self, now: Instant, id: &str, token_ends: Option<Instant>) -> Duration {
        self.forget(now);
        if self.ends.len() >= MOST
            && let Some(first) = self.ends.iter().min_by_key(|(_, end)| **end).map(|(id, _)| *id)
        {
            self.ends.remove(&first);
        }
        let longest = now + LIFETIME;
        let end = token_ends.map_or(longest, |end| end.min(longest));
        self.ends.insert(hashed(id), end);
        end.saturating_duration_since(now)
    }

    /// Whether there is one of this name.
    pub(super) fn has(&self, now: Instant, id: &str) -> bool {
        self.ends.get(&hashed(id)).is_some_and(|end| *end > now)
    }

    /// Ends one.
    pub(super) fn end(&mut self, id: &str) {
        self.ends.remove(&hashed(id));
    }

    /// How many there are.
    pub(super) fn count(&mut self, now: Instant) -> usize {
        self.forget(now);
        self.ends.len()
    }

    fn forget(&mut self, now: Instant) {
        self.ends.retain(|_, end| *end > now);
    }
}

fn hashed(id: &str) -> [u8; 32] {
    Sha256::digest(id).into()
}

/// A session's name from random bytes.
pub(super) fn id(random: [u8; ID_BYTES]) -> String {
    use std::fmt::Write;

    random.iter().fold(String::with_capacity(2 * ID_BYTES), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_lasts_an_hour_or_as_long_as_its_token() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        assert_eq!(sessions.begin(now, "a", None), LIFETIME);
        let minute = Duration::from_secs(60);
        assert_eq!(sessions.begin(now, "b", Some(now + minute)), minute);
        assert_eq!(sessions.begin(now, "c", Some(now + 100 * minute)), LIFETIME);
        assert!(["a", "b", "c"].iter().all(|id| sessions.has(now, id)) && !sessions.has(now, "d"));
        assert!(!sessions.has(now + minute, "b") && sessions.has(now + minute, "a"));
        assert_eq!(sessions.count(now + LIFETIME), 0);
    }

    #[test]
    fn session_that_was_ended_is_none_any_more() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        sessions.begin(now, "a", None);
        sessions.end("a");
        assert!(!sessions.has(now, "a"));
    }

    #[test]
    fn there_are_never_more_than_so_many_and_the_oldest_goes_first() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        for n in 0..100_u32 {
            sessions.begin(now + Duration::from_secs(n.into()), &n.to_string(), None);
        }
        let now = now + Duration::from_secs(100);
        assert_eq!(sessions.count(now), MOST);
        assert!(sessions.has(now, "99") && !sessions.has(now, "35"));
    }

    #[test]
    fn name_is_hexadecimal_and_hides_itself() {
        assert_eq!(id([0xa5; ID_BYTES]), "a5".repeat(32));
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        sessions.begin(now, "secret", None);
        assert!(!format!("{sessions:?}").contains("secret"));
    }
}
