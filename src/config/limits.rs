//! Limits of one tenant, as an operator writes them: `max_clients = 20`, `statement_timeout = 30s`.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::config::kind::{self, Given, Wrong};
use crate::tenant::Overrides;

/// One limit by its name.
struct Known {
    name: &'static str,
    kind: &'static str,
    read: fn(Given<'_>, &mut Overrides) -> Result<(), Wrong>,
}

/// A number of connections, clients or transactions, with `all` for no limit.
macro_rules! number {
    ($field:ident) => {
        Known {
            name: stringify!($field),
            kind: "number from 1 to 1000000, or all",
            read: |given, into| {
                let number = kind::count_or_all::<1, 1_000_000>(given)?;
                into.$field = Some(number.unwrap_or(usize::MAX));
                Ok(())
            },
        }
    };
}

macro_rules! time {
    ($field:ident) => {
        Known {
            name: stringify!($field),
            kind: "duration, or off",
            read: |given, into| {
                into.$field = Some(kind::duration_or_off(given)?);
                Ok(())
            },
        }
    };
}

/// All that the registry may say of a tenant.
const KNOWN: [Known; 13] = [
    number!(max_clients),
    number!(max_server_connections),
    Known {
        name: "min_server_connections",
        kind: "number from 0 to 1000000",
        read: |given, into| {
            into.min_server_connections = Some(kind::count::<0, 1_000_000>(given)?);
            Ok(())
        },
    },
    number!(max_waiting),
    number!(max_pinned),
    Known {
        name: "weight",
        kind: "number from 1 to 10000",
        read: |given, into| {
            into.weight = Some(kind::small_count::<1, 10_000>(given)?);
            Ok(())
        },
    },
    number!(max_transactions_per_second),
    Known {
        name: "wait_timeout",
        kind: "duration",
        read: |given, into| {
            into.wait_timeout = Some(kind::duration(given)?);
            Ok(())
        },
    },
    time!(statement_timeout),
    time!(transaction_timeout),
    time!(idle_in_transaction_timeout),
    time!(client_idle_timeout),
    time!(pinned_idle_timeout),
];

/// Why a limit cannot be set.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LimitError {
    /// There is none of this name.
    #[error("there is no limit {name:?}; there are {}", names().collect::<Vec<_>>().join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// Its value is wrong.
    #[error("limit {name}: {wrong}; {remedy} ({kind})")]
    Value {
        /// Its name.
        name: String,
        /// What is wrong.
        wrong: String,
        /// What to do.
        remedy: String,
        /// What it takes.
        kind: &'static str,
    },
}

/// The limit of this name.
pub(in crate::config) fn named(name: &str) -> Option<&'static str> {
    names().find(|known| *known == name)
}

/// Names of all limits that a tenant can have of its own.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.name)
}

/// Reads limits by their names.
///
/// # Errors
/// [`LimitError`], for the first that is wrong.
pub fn overrides(written: &BTreeMap<String, String>) -> Result<Overrides, LimitError> {
    let mut all = Overrides::default();
    for (name, value) in written {
        let Some(known) = KNOWN.iter().find(|known| known.name == name) else {
            return Err(LimitError::Unknown { name: name.clone() });
        };
        (known.read)(Given::Variable(value), &mut all).map_err(|Wrong { wrong, remedy }| {
            LimitError::Value { name: name.clone(), wrong, remedy, kind: known.kind }
        })?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tenant::Limits;

    fn read(written: &[(&str, &str)]) -> Result<Overrides, LimitError> {
        overrides(&written.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn every_limit_is_read_and_outranks_the_configuration() {
        let written = [
            ("max_clients", "2"),
            ("max_server_connections", "3"),
            ("min_server_connections", "2"),
            ("max_waiting", "all"),
            ("max_pinned", "4"),
            ("weight", "250"),
            ("max_transactions_per_second", "20"),
            ("wait_timeout", "5s"),
            ("statement_timeout", "6s"),
            ("transaction_timeout", "7min"),
            ("idle_in_transaction_timeout", "off"),
            ("client_idle_timeout", "8h"),
            ("pinned_idle_timeout", "9ms"),
        ];
        assert_eq!(names().collect::<Vec<_>>(), written.map(|(name, _)| name));
        let base = Limits {
            idle_in_transaction_timeout: Some(Duration::from_secs(1)),
            max_waiting: 5,
            ..Limits::default()
        };
        assert_eq!(
            base.with(&read(&written).unwrap()),
            Limits {
                max_clients: 2,
                max_server_connections: 3,
                min_server_connections: 2,
                max_waiting: usize::MAX,
                max_pinned: 4,
                weight: 250,
                max_transactions_per_second: 20,
                wait_timeout: Duration::from_secs(5),
                statement_timeout: Some(Duration::from_secs(6)),
                transaction_timeout: Some(Duration::from_secs(420)),
                idle_in_transaction_timeout: None,
                client_idle_timeout: Some(Duration::from_secs(8 * 3600)),
                pinned_idle_timeout: Some(Duration::from_millis(9)),
            }
        );
        assert_eq!(base.with(&Overrides::default()), base);
    }

    #[test]
    fn wrong_limit_is_refused_with_the_remedy() {
        for (written, told) in [
            (("max_client", "1"), "there is no limit \"max_client\"; there are max_clients, "),
            (("max_clients", "0"), "limit max_clients: 0 is too small; give at least 1"),
            (("weight", "much"), "limit weight: expected a number"),
            (("wait_timeout", "off"), "limit wait_timeout: this time limit cannot be zero or off"),
            (("statement_timeout", "30"), "limit statement_timeout: the number 30 has no unit"),
        ] {
            let error = read(&[written]).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
