//! What clients were told of what they wrote, and whether it is so.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::support::wire::Wire;

/// What a client knows of a row it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Told that it is committed.
    Committed,
    /// Told that it is not, or it never asked for the commit.
    Undone,
    /// The connection ended, or an error came, where it may have been committed.
    Unknown,
}

/// Of all clients of a tenant.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<BTreeMap<String, Fate>>);

impl Ledger {
    pub(super) fn note(&self, token: &str, fate: Fate) {
        let before = self.lock().insert(token.to_owned(), fate);
        assert_eq!(before, None, "a token is written once");
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Fate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, fate: Fate) -> usize {
        self.lock().values().filter(|one| **one == fate).count()
    }

    /// Compares it with the table. Gives what there was, for people.
    pub(super) fn audit(&self, admin: &mut Wire, schema: &str) -> String {
        let lines = admin.query(&format!("select token, count(*) from {schema}.ledger group by token"));
        let rows = lines.iter().filter_map(|line| line.strip_prefix("DataRow "));
        let mut found: BTreeMap<&str, &str> = rows.filter_map(|row| row.split_once('|')).collect();
        for (token, fate) in self.lock().iter() {
            let count = found.remove(token.as_str());
            match fate {
                Fate::Committed => assert_eq!(count, Some("1"), "{schema}: {token} was acknowledged"),
                Fate::Undone => assert_eq!(count, None, "{schema}: {token} was never committed"),
                Fate::Unknown => assert!(matches!(count, None | Some("1")), "{schema}: {token}: {count:?}"),
            }
        }
        assert!(found.is_empty(), "{schema}: rows that nobody wrote: {found:?}");
        let [committed, undone, unknown] =
            [Fate::Committed, Fate::Undone, Fate::Unknown].map(|fate| self.count(fate));
        format!("{committed} committed, {undone} undone, {unknown} unknown")
    }
}
