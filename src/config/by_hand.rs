//! Which keys may be set by hand, at the console: limits, sizes and times that a reload takes over at once. Nothing that says who
//! gets in, who may do what, what the guard lets through, or which files are read: whoever is let in at the console is to gain no
//! more than that.

use std::collections::BTreeMap;

use crate::config::keys::{ROWS, Row};
use crate::config::limits;
use crate::config::reload::{Effect, effect};

/// What is set by hand: values as an environment variable would have them, by the key.
pub type ByHand = BTreeMap<String, String>;

/// Those keys.
const KEYS: &[&str] = &[
    "listen.max_clients",
    "listen.auth_timeout",
    "listen.max_unauthenticated",
    "listen.tcp_keepalive",
    "listen.tcp_user_timeout",
    "listen.shutdown_timeout",
    "listen.drain_delay",
    "server.connect_timeout",
    "pool.max_server_connections",
    "pool.max_server_connections_per_tenant",
    "pool.max_concurrent_opens",
    "pool.spare_connections",
    "pool.min_shared_connections",
    "pool.wait_timeout",
    "pool.idle_timeout",
    "pool.max_lifetime",
    "pool.max_tenants_per_connection",
    "pool.max_connection_memory",
    "pool.memory_check_period",
    "pool.pinned_idle_timeout",
    "pool.max_pinned_per_tenant",
    "limits.max_clients",
    "limits.max_waiting",
    "limits.max_transactions_per_second",
    "limits.statement_timeout",
    "limits.transaction_timeout",
    "limits.idle_in_transaction_timeout",
    "limits.client_idle_timeout",
    "guard.max_statement_bytes",
    "guard.cache_bytes",
    "notify.max_channels",
    "notify.max_channels_per_client",
    "notify.max_queued_bytes",
    "log.filter",
    "log.stats_period",
    "log.slow_query",
    "log.max_lines_per_second",
];

/// PgBouncer's names of some, with whether they are seconds, and what its 0 is here.
const SYNONYMS: &[(&str, &str, bool, &str)] = &[
    ("max_client_conn", "listen.max_clients", false, "0"),
    ("max_db_connections", "pool.max_server_connections_per_tenant", false, "all"),
    ("default_pool_size", "pool.max_server_connections_per_tenant", false, "all"),
    ("client_login_timeout", "listen.auth_timeout", true, "0"),
    ("client_idle_timeout", "limits.client_idle_timeout", true, "off"),
    ("query_timeout", "limits.statement_timeout", true, "off"),
    ("query_wait_timeout", "pool.wait_timeout", true, "0"),
    ("idle_transaction_timeout", "limits.idle_in_transaction_timeout", true, "off"),
    ("server_connect_timeout", "server.connect_timeout", true, "0"),
    ("server_idle_timeout", "pool.idle_timeout", true, "off"),
    ("server_lifetime", "pool.max_lifetime", true, "off"),
    ("stats_period", "log.stats_period", true, "off"),
];

/// Keys that say what a tenant may use for which nobody says anything else, and what that limit of the tenant is called. Those of
/// `[limits]` have its name.
const OF_TENANTS: &[(&str, &str)] = &[
    ("pool.max_server_connections_per_tenant", "max_server_connections"),
    ("pool.wait_timeout", "wait_timeout"),
    ("pool.pinned_idle_timeout", "pinned_idle_timeout"),
    ("pool.max_pinned_per_tenant", "max_pinned"),
];

/// Why a key cannot be set by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotByHand {
    /// There is no such key.
    Unknown,
    /// It is read when the process starts, or by other commands.
    NotLive,
    /// A reload takes it over, and that is the way.
    OnlyInFile,
    /// It is of all tenants together, not of one.
    OfAll,
}

/// The key of this name, which may be PgBouncer's, with the value in our words.
///
/// # Errors
/// [`NotByHand`].
pub fn find(name: &str, value: &str) -> Result<(&'static Row, String), NotByHand> {
    let (path, value) = in_our_words(name, value);
    let row = ROWS.iter().find(|row| row.path() == path).ok_or(NotByHand::Unknown)?;
    match effect(row) {
        Some(Effect::AtOnce | Effect::NewClients) if KEYS.contains(&path) => Ok((row, value)),
        Some(Effect::AtOnce | Effect::NewClients) => Err(NotByHand::OnlyInFile),
        _ => Err(NotByHand::NotLive),
    }
}

/// The limit of a tenant of this name, which may be the configuration's or PgBouncer's of what holds for all, with the value in
/// our words.
///
/// # Errors
/// [`NotByHand`].
pub fn find_limit(name: &str, value: &str) -> Result<(&'static str, String), NotByHand> {
    if let Some(limit) = limits::named(name) {
        return Ok((limit, value.to_owned()));
    }
    let (path, value) = in_our_words(name, value);
    let special = OF_TENANTS.iter().find(|(key, _)| *key == path).map(|(_, limit)| *limit);
    match special.or_else(|| limits::named(path.strip_prefix("limits.")?)) {
        Some(limit) => Ok((limit, value)),
        None if ROWS.iter().any(|row| row.path() == path) => Err(NotByHand::OfAll),
        None => Err(NotByHand::Unknown),
    }
}

/// A key and its value, which may be PgBouncer's.
fn in_our_words<'a>(name: &'a str, value: &str) -> (&'a str, String) {
    let synonym = SYNONYMS.iter().find(|(theirs, ..)| *theirs == name);
    match synonym {
        Some((_, path, _, nought)) if value == "0" => (path, (*nought).to_owned()),
        Some((_, path, true, _)) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
            (path, format!("{value}s"))
        }
        Some((_, path, ..)) => (path, value.to_owned()),
        None => (name, value.to_owned()),
    }
}

/// Whether a name, ours or PgBouncer's, may be set by hand.
#[must_use]
pub fn is_settable(name: &str) -> bool {
    KEYS.contains(&name) || SYNONYMS.iter().any(|(theirs, ..)| *theirs == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_may_be_set_are_those_that_a_reload_takes_over() {
        for path in KEYS {
            assert_eq!(find(path, "1").ok().map(|(row, _)| row.path()).as_deref(), Some(*path));
        }
        for (theirs, ours, ..) in SYNONYMS {
            assert!(KEYS.contains(ours) && is_settable(theirs), "{theirs}");
        }
    }

    #[test]
    fn what_says_who_gets_in_or_what_is_let_through_is_left_to_the_file() {
        let why = |path| find(path, "x").err();
        for path in [
            "auth.token_keys_url",
            "auth.admin_tokens",
            "console.admin_users",
            "guard.mode",
            "guard.extra_functions",
            "listen.addresses",
            "listen.tls",
            "listen.max_failures_per_user",
            "log.audit_file",
            "log.statements",
            "tenants.file",
            "verify.accept",
        ] {
            assert_eq!(why(path), Some(NotByHand::OnlyInFile), "{path}");
        }
        for path in ["server.host", "secrets.master_key", "registry.user", "tenants.level"] {
            assert_eq!(why(path), Some(NotByHand::NotLive), "{path}");
        }
        assert_eq!(why("server.tls_version"), Some(NotByHand::Unknown));
        assert!(!is_settable("guard.mode") && !is_settable("pool_mode"));
    }

    #[test]
    fn names_and_units_of_pgbouncer_are_understood() {
        let found = |name, value| find(name, value).map(|(row, value)| (row.path(), value)).unwrap();
        assert_eq!(found("query_wait_timeout", "5"), ("pool.wait_timeout".into(), "5s".into()));
        assert_eq!(found("query_timeout", "0"), ("limits.statement_timeout".into(), "off".into()));
        assert_eq!(found("server_lifetime", "1h"), ("pool.max_lifetime".into(), "1h".into()));
        assert_eq!(found("max_client_conn", "70"), ("listen.max_clients".into(), "70".into()));
    }

    #[test]
    fn limits_of_a_tenant_have_their_names_those_of_the_configuration_and_those_of_pgbouncer() {
        let found = |name, value| find_limit(name, value).map(|(limit, value)| format!("{limit}={value}"));
        for (name, value, limit) in [
            ("weight", "7", "weight=7"),
            ("statement_timeout", "5s", "statement_timeout=5s"),
            ("limits.max_clients", "7", "max_clients=7"),
            ("pool.max_pinned_per_tenant", "7", "max_pinned=7"),
            ("query_wait_timeout", "5", "wait_timeout=5s"),
            ("max_db_connections", "0", "max_server_connections=all"),
        ] {
            assert_eq!(found(name, value).unwrap(), limit);
        }
        for (name, why) in [
            ("listen.max_clients", NotByHand::OfAll),
            ("max_client_conn", NotByHand::OfAll),
            ("log.filter", NotByHand::OfAll),
            ("limits.weight_of_it", NotByHand::Unknown),
            ("nonsense", NotByHand::Unknown),
        ] {
            assert_eq!(found(name, "1"), Err(why), "{name}");
        }
        for (key, limit) in OF_TENANTS {
            assert!(ROWS.iter().any(|row| row.path() == *key) && limits::named(limit).is_some(), "{key}");
        }
    }
}
