//! What went wrong, in the words of the wire: SQLSTATE, severity, message, hint.
//!
//! Every layer has its own error enum; [`Report`] is the one way from there to a client. What does
//! not implement it cannot be shown to a client, so an internal detail cannot slip out by accident.

use std::borrow::Cow;

/// A five-character SQLSTATE (PostgreSQL documentation, appendix A "Error Codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SqlState(pub &'static str);

impl SqlState {
    /// `08006` connection_failure: the server connection broke.
    pub const CONNECTION_FAILURE: Self = Self("08006");
    /// `08P01` protocol_violation.
    pub const PROTOCOL_VIOLATION: Self = Self("08P01");
    /// `0A000` feature_not_supported.
    pub const FEATURE_NOT_SUPPORTED: Self = Self("0A000");
    /// `22021` character_not_in_repertoire.
    pub const CHARACTER_NOT_IN_REPERTOIRE: Self = Self("22021");
    /// `26000` invalid_sql_statement_name.
    pub const INVALID_SQL_STATEMENT_NAME: Self = Self("26000");
    /// `34000` invalid_cursor_name.
    pub const INVALID_CURSOR_NAME: Self = Self("34000");
    /// `28000` invalid_authorization_specification.
    pub const INVALID_AUTHORIZATION: Self = Self("28000");
    /// `28P01` invalid_password.
    pub const INVALID_PASSWORD: Self = Self("28P01");
    /// `25006` read_only_sql_transaction.
    pub const READ_ONLY_SQL_TRANSACTION: Self = Self("25006");
    /// `3D000` invalid_catalog_name.
    pub const INVALID_CATALOG_NAME: Self = Self("3D000");
    /// `42501` insufficient_privilege: the guard's refusals.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self("42501");
    /// `42601` syntax_error.
    pub const SYNTAX_ERROR: Self = Self("42601");
    /// `42P05` duplicate_prepared_statement.
    pub const DUPLICATE_PREPARED_STATEMENT: Self = Self("42P05");
    /// `53300` too_many_connections.
    pub const TOO_MANY_CONNECTIONS: Self = Self("53300");
    /// `53400` configuration_limit_exceeded.
    pub const CONFIGURATION_LIMIT_EXCEEDED: Self = Self("53400");
    /// `54000` program_limit_exceeded.
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self("54000");
    /// `57014` query_canceled.
    pub const QUERY_CANCELED: Self = Self("57014");
    /// `25P02` in_failed_sql_transaction.
    pub const IN_FAILED_SQL_TRANSACTION: Self = Self("25P02");
    /// `F0000` config_file_error.
    pub const CONFIG_FILE_ERROR: Self = Self("F0000");
    /// `55000` object_not_in_prerequisite_state.
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: Self = Self("55000");
    /// `57P01` admin_shutdown.
    pub const ADMIN_SHUTDOWN: Self = Self("57P01");
    /// `57P02` crash_shutdown.
    pub const CRASH_SHUTDOWN: Self = Self("57P02");
    /// `25P03` idle_in_transaction_session_timeout.
    pub const IDLE_IN_TRANSACTION_TIMEOUT: Self = Self("25P03");
    /// `25P04` transaction_timeout.
    pub const TRANSACTION_TIMEOUT: Self = Self("25P04");
    /// `57P03` cannot_connect_now.
    pub const CANNOT_CONNECT_NOW: Self = Self("57P03");
    /// `57P05` idle_session_timeout.
    pub const IDLE_SESSION_TIMEOUT: Self = Self("57P05");
    /// `22023` invalid_parameter_value.
    pub const INVALID_PARAMETER_VALUE: Self = Self("22023");
    /// `42704` undefined_object, for example a setting that does not exist.
    pub const UNDEFINED_OBJECT: Self = Self("42704");
    /// `55P02` cant_change_runtime_param.
    pub const CANT_CHANGE_RUNTIME_PARAM: Self = Self("55P02");
    /// `XX000` internal_error.
    pub const INTERNAL_ERROR: Self = Self("XX000");

    /// What a server says of a setting it does not take, passed on to the client.
    #[must_use]
    pub fn of_setting(code: &str) -> Self {
        [Self::UNDEFINED_OBJECT, Self::CANT_CHANGE_RUNTIME_PARAM, Self::INSUFFICIENT_PRIVILEGE]
            .into_iter()
            .find(|known| known.0 == code)
            .unwrap_or(Self::INVALID_PARAMETER_VALUE)
    }

    /// What a server says when it ends a connection, passed on to the client.
    #[must_use]
    pub fn of_lost_server(code: &str) -> Self {
        [
            Self::ADMIN_SHUTDOWN,
            Self::CRASH_SHUTDOWN,
            Self::IDLE_IN_TRANSACTION_TIMEOUT,
            Self::TRANSACTION_TIMEOUT,
        ]
        .into_iter()
        .find(|known| known.0 == code)
        .unwrap_or(Self::CONNECTION_FAILURE)
    }
}

/// How bad an error is for the session (protocol section "Error and Notice Message Fields", field V).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed; the session goes on.
    Error,
    /// The session ends.
    Fatal,
}

impl Severity {
    /// The word in fields S and V.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// An error a client may see.
///
/// Implement it only where every field is fit for a stranger's eyes: no secret, no other tenant's
/// name, no internal address.
pub trait Report {
    /// The SQLSTATE of field C.
    fn sqlstate(&self) -> SqlState;
    /// Whether the session survives.
    fn severity(&self) -> Severity;
    /// The primary message, in PostgreSQL's style: lower case, no full stop.
    fn client_message(&self) -> Cow<'_, str>;
    /// More about what happened.
    fn detail(&self) -> Option<Cow<'_, str>> {
        None
    }
    /// Where in the statement's text, in characters from 1.
    fn position(&self) -> Option<u32> {
        None
    }
    /// What to do next.
    fn hint(&self) -> Option<Cow<'_, str>> {
        None
    }
    /// PostgreSQL's function that raises this error, of field R, where drivers go by it.
    fn routine(&self) -> Option<&'static str> {
        None
    }
}
