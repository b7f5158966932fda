//! Why a client keeps its server connection after the transaction.

use crate::guard::{Effect, Effects};

/// State that lives on one server connection and that its client counts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PinReason {
    /// A session-level advisory lock.
    AdvisoryLock = 1,
    /// A cursor WITH HOLD.
    HoldCursor = 1 << 1,
    /// SQL-level PREPARE.
    Prepare = 1 << 2,
    /// A setting that does not follow the client: its name is computed, it belongs to the connection, or
    /// there is too much of them.
    Setting = 1 << 3,
    /// A temporary table or other object.
    Temporary = 1 << 4,
}

impl PinReason {
    /// All reasons, with the effect that brings each about.
    const ALL: [(Self, Effect); 5] = [
        (Self::AdvisoryLock, Effect::AdvisoryLock),
        (Self::HoldCursor, Effect::HoldCursor),
        (Self::Prepare, Effect::Prepare),
        (Self::Setting, Effect::UntrackedSetting),
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
}

/// The reasons that hold for a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pins(u8);

impl Pins {
    /// A statement with these effects was sent.
    pub fn add(&mut self, effects: &Effects) {
        for (reason, effect) in PinReason::ALL {
            if effects.has(effect) {
                self.0 |= reason as u8;
            }
        }
    }

    /// A reason that no statement's effects tell of.
    pub const fn set(&mut self, reason: PinReason) {
        self.0 |= reason as u8;
    }

    /// A reason is gone.
    pub const fn remove(&mut self, reason: PinReason) {
        self.0 &= !(reason as u8);
    }

    /// All are gone.
    pub const fn clear(&mut self) {
        self.0 = 0;
    }

    /// One of the reasons, always the same of several.
    #[must_use]
    pub fn first(self) -> Option<PinReason> {
        PinReason::ALL.into_iter().map(|(reason, _)| reason).find(|reason| self.0 & *reason as u8 != 0)
    }
}
