//! The functions of pg_catalog by class: what the rules and the effects say of them follows from it.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a function of PostgreSQL is to the guard. `restricted_functions.txt` lists them, with reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Computes, reads, waits: leaves nothing in the session.
    Harmless,
    /// `set_config`.
    Setting,
    /// `currval`, `lastval`.
    SequenceState,
    /// `nextval`, `setval`.
    Sequence,
    /// `pg_notify`.
    Notify,
    /// Takes an advisory lock for the session.
    SessionLock,
    /// Takes an advisory lock for the transaction.
    TransactionLock,
    /// Releases an advisory lock.
    Unlock,
    /// Leaves something of the tenant's own.
    State,
    /// Runs SQL text or reads a relation by name.
    Text,
    /// Reads all schemas.
    WholeDatabase,
    /// Acts on other sessions.
    OtherSessions,
    /// Shows other sessions.
    Activity,
    /// Large objects.
    LargeObject,
    /// Files of the server.
    File,
    /// The whole server's business.
    Administration,
}

impl Class {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "setting" => Self::Setting,
            "sequence_state" => Self::SequenceState,
            "sequence" => Self::Sequence,
            "notify" => Self::Notify,
            "session_lock" => Self::SessionLock,
            "transaction_lock" => Self::TransactionLock,
            "unlock" => Self::Unlock,
            "state" => Self::State,
            "text" => Self::Text,
            "whole_database" => Self::WholeDatabase,
            "other_sessions" => Self::OtherSessions,
            "activity" => Self::Activity,
            "large_object" => Self::LargeObject,
            "file" => Self::File,
            "administration" => Self::Administration,
            _ => return None,
        })
    }
}

static CLASSES: LazyLock<HashMap<&'static str, Class>> = LazyLock::new(|| {
    let harmless = lines(include_str!("harmless_functions.txt")).map(|name| (name, Class::Harmless));
    harmless.chain(restricted()).collect()
});

/// A name of no known class would be taken for one of no class at all, which a tenant may call: the tests
/// see to it that there is none.
fn restricted() -> impl Iterator<Item = (&'static str, Class)> {
    let mut class = None;
    lines(include_str!("restricted_functions.txt")).filter_map(move |line| {
        if let Some(word) = line.strip_prefix("= ") {
            class = Class::from_word(word);
            return None;
        }
        Some((line, class?))
    })
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The class of a function of pg_catalog; `None` for a name that PostgreSQL 13 to 18 do not have there.
pub(super) fn of(name: &str) -> Option<Class> {
    CLASSES.get(name).copied().or_else(|| {
        // Of extensions that put theirs into pg_catalog, and of later versions.
        ["pg_file_", "pg_ls_", "pg_read_file", "pg_read_binary_file"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            .then_some(Class::File)
    })
}

/// Whether a function of pg_catalog leaves a session as it is, but for sequences: what an expression of a tenant's may
/// call at level shared where the database is not hardened.
#[must_use]
pub fn only_computes(name: &str) -> bool {
    matches!(of(name), Some(Class::Harmless | Class::Sequence | Class::SequenceState))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_section_has_a_class_and_every_name_is_listed_once() {
        let restricted = include_str!("restricted_functions.txt");
        for section in lines(restricted).filter_map(|line| line.strip_prefix("= ")) {
            assert!(Class::from_word(section).is_some(), "{section}");
        }
        let names: Vec<_> = lines(include_str!("harmless_functions.txt"))
            .chain(lines(restricted).filter(|line| !line.starts_with('=')))
            .collect();
        let distinct: HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        assert_eq!(CLASSES.len(), names.len());
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
    }
}
