//! Why a client keeps its server connection after the transaction.

use crate::guard::{Effect, Effects};

/// State that lives on one server connection and that its client counts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinReason {
    /// A session-level advisory lock.
    AdvisoryLock,
    /// A cursor WITH HOLD.
    HoldCursor,
    /// SQL-level PREPARE.
    Prepare,
    /// SET or `set_config` for the session.
    Setting,
    /// A temporary table or other object.
    Temporary,
}

impl PinReason {
    /// All reasons, with the effect that brings each about.
    const ALL: [(Self, Effect); 5] = [
        (Self::AdvisoryLock, Effect::AdvisoryLock),
        (Self::HoldCursor, Effect::HoldCursor),
        (Self::Prepare, Effect::Prepare),
        (Self::Setting, Effect::Setting),
        (Self::Temporary, Effect::Temporary),
    ];

    /// The word in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdvisoryLock => "advisory_lock",
            Self::HoldCursor => "hold_cursor",
            Self::Prepare => "sql_prepare",
            Self::Setting => "setting",
            Self::Temporary => "temporary_object",
        }
    }

    /// The first reason for which a text with these effects pins.
    #[must_use]
    pub fn of(effects: &Effects) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, effect)| effects.has(*effect)).map(|(reason, _)| reason)
    }
}
