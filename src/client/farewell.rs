//! What clients are told at the end.

use crate::client::clock::Expired;
use crate::client::roster::Dismissal;
use crate::error::SqlState;
use crate::server::ServerError;
use crate::session::Refusal;
use crate::session::pin::PinReason;
use crate::tenant::Slug;

/// To a client whose connection is ended from outside.
pub(super) fn dismissed(why: Dismissal, shutting_down: bool) -> Refusal {
    if shutting_down {
        return Refusal::fatal(
            SqlState::ADMIN_SHUTDOWN,
            "terminating connection due to administrator command",
        )
        .with_detail("The proxy is shutting down.");
    }
    match why {
        Dismissal::OutOfService => Refusal::fatal(
            SqlState::ADMIN_SHUTDOWN,
            "terminating connection: the tenant was taken out of service",
        ),
        Dismissal::Killed => killed(),
        Dismissal::Revoked => Refusal::fatal(
            SqlState::ADMIN_SHUTDOWN,
            "terminating connection: the API key this session was opened with has been revoked",
        )
        .with_hint("Connect again with another one."),
        Dismissal::Removed => Refusal::fatal(
            SqlState::ADMIN_SHUTDOWN,
            "terminating connection: the user of this session was removed, or may do less than before",
        )
        .with_hint("Connect again as another user."),
        Dismissal::Distrusted => distrusted(),
        Dismissal::Moved => moved(),
        Dismissal::Renamed => renamed(),
        Dismissal::Relocated => relocated(),
        Dismissal::Hardening => Refusal::fatal(
            SqlState::ADMIN_SHUTDOWN,
            "terminating connection: the hardening of the database has changed",
        )
        .with_hint("Connect again; while that is refused, the proxy's log says why."),
    }
}

/// To one whose tenant takes no newcomers (`DISABLE` in the console).
pub(super) fn disabled(slug: &Slug) -> Refusal {
    Refusal::fatal(SqlState::CANNOT_CONNECT_NOW, format!("tenant \"{slug}\" takes no new connections"))
        .with_hint("An operator of the proxy has said so; try again later.")
}

/// To somebody at the console when the process ends.
pub(super) fn shutting_down() -> Refusal {
    dismissed(Dismissal::OutOfService, true)
}

/// To one whose tenant's connections are ended by an operator (`KILL` in the console).
pub(super) fn killed() -> Refusal {
    Refusal::fatal(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
        .with_detail("An operator of the proxy has ended the tenant's connections.")
        .with_hint("Connect again; new connections wait until the operator lets them go on.")
}

pub(super) fn distrusted() -> Refusal {
    Refusal::fatal(
        SqlState::ADMIN_SHUTDOWN,
        "terminating connection: the client certificate this session was opened with is not trusted any more",
    )
    .with_hint("Connect again with another one.")
}

pub(super) fn moved() -> Refusal {
    Refusal::fatal(SqlState::ADMIN_SHUTDOWN, "terminating connection: the tenant was moved to another level")
        .with_hint("Connect again.")
}

pub(super) fn relocated() -> Refusal {
    Refusal::fatal(SqlState::ADMIN_SHUTDOWN, "terminating connection: the tenant was moved to another server")
        .with_hint("Connect again.")
}

/// To one whose tenant's server cannot be used since the proxy began, or is none that it knows. Which that is, is the log's.
pub(super) fn not_reached(slug: &Slug) -> Refusal {
    Refusal::fatal(
        SqlState::CANNOT_CONNECT_NOW,
        format!("the database of tenant \"{slug}\" is not available"),
    )
    .with_hint("Try again later; the proxy's log says why.")
}

pub(super) fn renamed() -> Refusal {
    Refusal::fatal(SqlState::ADMIN_SHUTDOWN, "terminating connection: the tenant was renamed")
        .with_hint("Connect again; its schema has another name now.")
}

/// To a client of a tenant of level shared, while what keeps such tenants apart is damaged.
pub(super) fn not_kept_apart(slug: &Slug) -> Refusal {
    Refusal::fatal(SqlState::CANNOT_CONNECT_NOW, format!("tenant \"{slug}\" is out of service at the moment"))
        .with_hint("Try again later; the operator finds the reason in the proxy's log.")
}

pub(super) fn fixed_setting_changed() -> Refusal {
    Refusal::fatal(
        SqlState::FEATURE_NOT_SUPPORTED,
        "terminating connection: client_encoding or standard_conforming_strings was changed",
    )
    .with_detail("Statements would no longer be read the way they are judged.")
    .with_hint("Find the function that sets it, and leave client_encoding at UTF8 and standard_conforming_strings on.")
}

/// Nothing the client could send would be run, not even what puts the setting back.
pub(super) fn no_longer_taken(error: ServerError) -> Refusal {
    Refusal::fatal(SqlState::of_setting(&error.code), error.message)
        .with_detail("Another server connection did not take a setting of this session.")
        .with_hint("Connect again, without a setting that depends on what is not there any more.")
}

pub(super) fn pinned_too_long(reason: Option<PinReason>) -> Refusal {
    let reason = reason.map_or("unknown", PinReason::as_str);
    Refusal::fatal(
        SqlState::IDLE_SESSION_TIMEOUT,
        format!("terminating connection: session state ({reason}) kept a server connection idle for too long"),
    )
    .with_hint("End with DISCARD ALL what keeps state (temporary tables, advisory locks), or raise `pool.pinned_idle_timeout` or the tenant's own limit.")
}

/// In PostgreSQL's words, where it has the same limit.
pub(super) fn idle_too_long() -> Refusal {
    Refusal::fatal(SqlState::IDLE_SESSION_TIMEOUT, "terminating connection due to idle-session timeout")
        .with_detail("The limit is `limits.client_idle_timeout`, or the tenant's own.")
}

/// `57P01`, as for any session that is ended from outside: drivers and pools take it for a lost connection and open
/// another, with a new token. PostgreSQL has no code of its own for it, as its sessions outlive their tokens.
pub(super) fn expired(what: &str) -> Refusal {
    Refusal::fatal(
        SqlState::ADMIN_SHUTDOWN,
        format!("terminating connection: the {what} this session was opened with has expired"),
    )
    .with_hint("Connect again with a new one.")
}

pub(super) fn over_time(what: Expired) -> Refusal {
    let (code, message, limit) = match what {
        Expired::Transaction => (
            SqlState::TRANSACTION_TIMEOUT,
            "terminating connection due to transaction timeout",
            "transaction_timeout",
        ),
        Expired::IdleInTransaction => (
            SqlState::IDLE_IN_TRANSACTION_TIMEOUT,
            "terminating connection due to idle-in-transaction timeout",
            "idle_in_transaction_timeout",
        ),
        Expired::Credential => return expired("token"),
        Expired::Statement | Expired::Cancelling | Expired::Pinned(_) => (
            SqlState::QUERY_CANCELED,
            "terminating connection: a statement did not end when it was cancelled",
            "statement_timeout",
        ),
    };
    Refusal::fatal(code, message).with_detail(format!("The limit is `limits.{limit}`, or the tenant's own."))
}
