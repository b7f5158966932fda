//! The latest refusals of the guard, for people who ask why. A bounded number of bounded records; written at a refusal
//! and at no other time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// So many are kept; the oldest goes first.
const KEPT: usize = 256;

/// Longest text of one, in bytes, and longest name in it.
const MAX_TEXT: usize = 512;

/// Behind what was cut.
const CUT: char = '…';

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenialRecord {
    /// When it was.
    pub at: Instant,
    /// The tenant's short name.
    pub tenant: String,
    /// As the client called itself.
    pub user: String,
    /// The client's address, or `local`.
    pub peer: String,
    /// The client's process id, as the proxy gave it; 0 for one that was refused at its login.
    pub client: i32,
    /// The rule's name.
    pub rule: &'static str,
    /// What the client was answered.
    pub sqlstate: &'static str,
    /// What was refused: without constants and comments, and cut.
    pub statement: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Denials {
    kept: Mutex<VecDeque<DenialRecord>>,
}

impl Denials {
    /// One more. Its statement must be without constants; whatever is too long is cut.
    pub fn note(&self, mut record: DenialRecord) {
        for text in [&mut record.tenant, &mut record.user, &mut record.peer, &mut record.statement] {
            cut(text);
        }
        let mut kept = self.lock();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(record);
    }

    /// Those that are kept, the latest first.
    #[must_use]
    pub fn latest(&self) -> Vec<DenialRecord> {
        self.lock().iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<DenialRecord>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(text: &mut String) {
    if text.len() <= MAX_TEXT {
        return;
    }
    let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text.push(CUT);
    text.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(statement: String) -> DenialRecord {
        DenialRecord {
            at: Instant::now(),
            tenant: "acme".into(),
            user: "app".into(),
            peer: "192.0.2.1".into(),
            client: 7,
            rule: "cross_schema",
            sqlstate: "42501",
            statement,
        }
    }

    #[test]
    fn only_the_latest_are_kept_and_come_first() {
        let denials = Denials::default();
        for n in 0..KEPT + 3 {
            denials.note(record(format!("select {n}")));
        }
        let latest = denials.latest();
        assert_eq!(latest.len(), KEPT);
        assert_eq!(latest[0].statement, format!("select {}", KEPT + 2));
        assert_eq!(latest[KEPT - 1].statement, "select 3");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let denials = Denials::default();
        denials.note(record("é".repeat(MAX_TEXT)));
        denials.note(record(format!("a{}", "é".repeat(MAX_TEXT))));
        denials.note(record("a".repeat(MAX_TEXT)));
        let lengths: Vec<_> = denials.latest().iter().map(|record| record.statement.len()).collect();
        assert_eq!(lengths, [MAX_TEXT, MAX_TEXT - 1 + CUT.len_utf8(), MAX_TEXT + CUT.len_utf8()]);
    }
}
