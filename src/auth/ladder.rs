//! Which of the derived passwords a server role may have just now, in the order in which they are tried.
//!
//! A role's password moves up only: to the next number, and to the key that replaces the one before. A login that is
//! refused with one of them tries the next one up. So one that changes between two attempts is met at a later one.

use crate::tenant::KeyMark;

/// Which of the proxy's master keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhichKey {
    /// The one that is being replaced.
    Previous,
    /// The one in force.
    Current,
}

/// One password of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rung {
    /// So many numbers ahead of what the registry has told.
    pub ahead: i32,
    /// The key it is derived from.
    pub key: WhichKey,
}

/// All that are tried, from the earliest to the latest.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    /// Whether a key is being replaced.
    pub replacing: bool,
    /// Whether the passwords are numbered, as those of tenants.
    pub numbered: bool,
}

impl Ladder {
    /// Four at most.
    fn rungs(self) -> impl Iterator<Item = Rung> {
        let keys: &[WhichKey] =
            if self.replacing { &[WhichKey::Previous, WhichKey::Current] } else { &[WhichKey::Current] };
        (0..=i32::from(self.numbered))
            .flat_map(move |ahead| keys.iter().map(move |key| Rung { ahead, key: *key }))
    }

    /// Each one once: from the one that is likely upwards, and then those below it.
    pub fn from(self, likely: Rung) -> impl Iterator<Item = Rung> {
        let below = self.rungs().filter(move |rung| *rung < likely);
        self.rungs().filter(move |rung| *rung >= likely).chain(below)
    }

    /// Where to begin: at the later of what the registry has recorded and what worked last. What nobody has recorded was
    /// set before keys could be replaced, or by an older program.
    #[must_use]
    pub fn likely(self, recorded: Option<WhichKey>, worked: Option<Rung>) -> Rung {
        let lowest = if self.replacing { WhichKey::Previous } else { WhichKey::Current };
        let recorded = Rung { ahead: 0, key: recorded.unwrap_or(lowest) };
        worked.map_or(recorded, |worked| worked.max(recorded))
    }
}

/// Which key has this mark.
#[must_use]
pub fn key_of(mark: KeyMark, current: KeyMark, previous: Option<KeyMark>) -> Option<WhichKey> {
    if mark == current {
        Some(WhichKey::Current)
    } else {
        (previous == Some(mark)).then_some(WhichKey::Previous)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Ladder = Ladder { replacing: true, numbered: true };

    const fn rung(ahead: i32, key: WhichKey) -> Rung {
        Rung { ahead, key }
    }

    #[test]
    fn with_one_key_a_tenant_has_this_password_or_the_next_one() {
        let ladder = Ladder { replacing: false, ..ALL };
        let likely = ladder.likely(None, None);
        let tried: Vec<Rung> = ladder.from(likely).collect();
        assert_eq!(tried, [rung(0, WhichKey::Current), rung(1, WhichKey::Current)]);
    }

    #[test]
    fn role_of_the_proxy_has_one_password_of_each_key() {
        let ladder = Ladder { replacing: true, numbered: false };
        let tried: Vec<Rung> = ladder.from(ladder.likely(None, None)).collect();
        assert_eq!(tried, [rung(0, WhichKey::Previous), rung(0, WhichKey::Current)]);
    }

    #[test]
    fn what_is_recorded_or_worked_last_is_tried_first() {
        let first = |recorded, worked| ALL.from(ALL.likely(recorded, worked)).next().unwrap();
        assert_eq!(first(Some(WhichKey::Current), None), rung(0, WhichKey::Current));
        assert_eq!(first(Some(WhichKey::Previous), None), rung(0, WhichKey::Previous));
        let ahead = rung(1, WhichKey::Previous);
        assert_eq!(first(Some(WhichKey::Current), Some(ahead)), ahead);
        // What worked last is out of date by now.
        let before = rung(0, WhichKey::Previous);
        assert_eq!(first(Some(WhichKey::Current), Some(before)), rung(0, WhichKey::Current));
    }

    #[test]
    fn mark_of_neither_key_is_another_operators() {
        let mark = |byte| KeyMark::new(&[byte; 32]);
        assert_eq!(key_of(mark(1), mark(1), Some(mark(2))), Some(WhichKey::Current));
        assert_eq!(key_of(mark(2), mark(1), Some(mark(2))), Some(WhichKey::Previous));
        assert_eq!(key_of(mark(3), mark(1), Some(mark(2))), None);
        assert_eq!(key_of(mark(2), mark(1), None), None);
    }

    proptest! {
        /// The password moves up while a proxy logs in, from the likely one or above: it is met.
        #[test]
        fn password_that_moves_up_between_attempts_is_met(
            likely in 0_usize..4,
            begin in 0_usize..4,
            moves in proptest::collection::vec(0_usize..2, 4),
        ) {
            let all: Vec<Rung> = ALL.rungs().collect();
            let mut is = begin.max(likely);
            let mut met = false;
            let mut tried = 0;
            for (rung, step) in ALL.from(all[likely]).zip(moves) {
                met = met || rung == all[is];
                is = (is + step).min(3);
                tried += 1;
            }
            prop_assert!(met && tried == 4);
        }

        #[test]
        fn each_password_is_tried_once(likely in 0_usize..4, replacing: bool, numbered: bool) {
            let ladder = Ladder { replacing, numbered };
            let likely = ALL.rungs().nth(likely).unwrap();
            let mut tried: Vec<Rung> = ladder.from(likely).collect();
            tried.sort();
            prop_assert_eq!(tried, ladder.rungs().collect::<Vec<_>>());
        }
    }
}
