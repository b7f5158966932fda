//! What a client is told when there is no server connection for it.

use crate::client::farewell;
use crate::error::SqlState;
use crate::pool::{AttachError, CheckoutError, WelcomeError};
use crate::session::Refusal;
use crate::tenant::Limits;

pub(super) fn no_welcome(error: &WelcomeError) -> Refusal {
    match error {
        WelcomeError::Attach(AttachError::Setting(error)) => {
            Refusal::fatal(SqlState::of_setting(&error.code), error.message.clone())
                .with_hint("Check the settings in the connection string.")
        }
        WelcomeError::Attach(AttachError::Io(_)) => lost_server().into_fatal(),
        WelcomeError::Attach(AttachError::Cancelled) => no_server(&CheckoutError::Cancelled).into_fatal(),
        WelcomeError::Checkout(error) => no_server(error).into_fatal(),
    }
}

pub(super) fn too_many_clients(limits: &Limits) -> Refusal {
    Refusal::fatal(SqlState::TOO_MANY_CONNECTIONS, "too many clients of this tenant")
        .with_detail(format!(
            "{} are connected, which is the limit `limits.max_clients`, or the tenant's own.",
            limits.max_clients
        ))
        .with_hint("Use fewer connections, or raise the limit.")
}

/// What a client is told when its server connection breaks without a word.
pub(in crate::client) fn lost_server() -> Refusal {
    Refusal::error(SqlState::CONNECTION_FAILURE, "the server closed the connection unexpectedly")
}

/// What a client is told when there is no server connection for it. Addresses and roles are for the log.
pub(in crate::client) fn no_server(error: &CheckoutError) -> Refusal {
    match error {
        CheckoutError::TimedOut(limit) => Refusal::error(
            SqlState::TOO_MANY_CONNECTIONS,
            format!("no server connection became free within {} ms", limit.as_millis()),
        )
        .with_detail("All server connections this tenant may have were busy.")
        .with_hint(
            "Shorten transactions, or raise `pool.max_server_connections` or `pool.wait_timeout` in the proxy's configuration, or the tenant's own limits.",
        ),
        CheckoutError::OverRate(limit, rate) => Refusal::error(
            SqlState::TOO_MANY_CONNECTIONS,
            format!(
                "no turn came within {} ms: this tenant's transactions are limited to {rate} per second",
                limit.as_millis()
            ),
        )
        .with_detail("It waited for its tenant's rate, not for a connection: the limit is `limits.max_transactions_per_second`, or the tenant's own.")
        .with_hint("Send fewer transactions, or raise the limit."),
        CheckoutError::QueueFull(waiting) => Refusal::error(
            SqlState::TOO_MANY_CONNECTIONS,
            "too many clients of this tenant wait for a server connection",
        )
        .with_detail(format!("{waiting} wait already, which is the limit `limits.max_waiting`, or the tenant's own."))
        .with_hint("Try again later, use fewer clients, or raise the limit."),
        CheckoutError::Connect(_) => {
            Refusal::error(SqlState::CONNECTION_FAILURE, "could not open a server connection")
                .with_hint("The proxy's log says why; try again later.")
        }
        CheckoutError::OtherCluster => farewell::relocated(),
        CheckoutError::Cancelled => {
            Refusal::error(SqlState::QUERY_CANCELED, "canceling statement due to user request")
        }
    }
}
