//! [`Refusal`]: an error the proxy gives a client in its own name.

use std::borrow::Cow;

use crate::error::{Report, Severity, SqlState};
use crate::guard::Denial;

/// An error of the proxy's own, ready for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    sqlstate: SqlState,
    severity: Severity,
    message: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    hint: Option<Cow<'static, str>>,
    position: Option<u32>,
    routine: Option<&'static str>,
    ends_block: bool,
}

impl Refusal {
    /// An error after which the session goes on.
    #[must_use]
    pub fn error(sqlstate: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            sqlstate,
            severity: Severity::Error,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            routine: None,
            ends_block: false,
        }
    }

    /// An error that ends the session.
    #[must_use]
    pub fn fatal(sqlstate: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self { severity: Severity::Fatal, ..Self::error(sqlstate, message) }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds what happened.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Adds the function of PostgreSQL that says the same: drivers look at it.
    #[must_use]
    pub fn with_routine(self, routine: &'static str) -> Self {
        Self { routine: Some(routine), ..self }
    }

    /// The same error, without what to do next.
    #[must_use]
    pub fn without_hint(self) -> Self {
        Self { hint: None, ..self }
    }

    /// The same error, ending the session.
    #[must_use]
    pub fn into_fatal(self) -> Self {
        Self { severity: Severity::Fatal, ..self }
    }

    /// What PostgreSQL says of a text that goes wrong here (`report_invalid_encoding`).
    #[must_use]
    pub fn not_utf8(rest: &[u8]) -> Self {
        let length = match rest.first() {
            Some(0xC0..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(0xF0..=0xF7) => 4,
            _ => 1,
        };
        let bytes: Vec<_> = rest.iter().take(length).map(|byte| format!("0x{byte:02x}")).collect();
        let message = format!("invalid byte sequence for encoding \"UTF8\": {}", bytes.join(" "));
        Self::error(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
    }

    /// Whether the transaction block ends with it.
    #[must_use]
    pub const fn ends_block(&self) -> bool {
        self.ends_block
    }

    /// A client that broke the protocol.
    #[must_use]
    pub fn protocol(message: impl Into<Cow<'static, str>>) -> Self {
        Self::fatal(SqlState::PROTOCOL_VIOLATION, message)
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self {
            sqlstate: denial.sqlstate(),
            severity: denial.severity(),
            detail: denial.detail().map(|detail| Cow::Owned(detail.into_owned())),
            hint: Some(Cow::Borrowed(denial.rule.hint)),
            position: denial.position,
            routine: None,
            ends_block: denial.ends_block,
            message: Cow::Owned(denial.message),
        }
    }
}

impl Report for Refusal {
    fn sqlstate(&self) -> SqlState {
        self.sqlstate
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn client_message(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.message)
    }

    fn detail(&self) -> Option<Cow<'_, str>> {
        self.detail.as_deref().map(Cow::Borrowed)
    }

    fn position(&self) -> Option<u32> {
        self.position
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        self.hint.as_deref().map(Cow::Borrowed)
    }

    fn routine(&self) -> Option<&'static str> {
        self.routine
    }
}
