//! Why a client keeps its server connection after the transaction.
//!
//! The verdict's effects say that state may have come or gone; whether it is there, the server connection
//! is asked (see [`Session::question`](crate::session::Session::question)).

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
    /// What `currval` and `lastval` would say, for a tenant whose clients ask in a later transaction.
    Sequence = 1 << 5,
}

impl PinReason {
    /// All reasons.
    pub const ALL: [Self; 6] =
        [Self::AdvisoryLock, Self::HoldCursor, Self::Prepare, Self::Setting, Self::Temporary, Self::Sequence];

    /// The word in logs, errors and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdvisoryLock => "advisory_lock",
            Self::HoldCursor => "hold_cursor",
            Self::Prepare => "sql_prepare",
            Self::Setting => "setting",
            Self::Temporary => "temporary_object",
            Self::Sequence => "sequence",
        }
    }

    /// The reason of that word.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The effect that may bring it about, where one does alone.
    const fn effect(self) -> Option<Effect> {
        match self {
            Self::AdvisoryLock => Some(Effect::AdvisoryLock),
            Self::HoldCursor => Some(Effect::HoldCursor),
            Self::Prepare => Some(Effect::Prepare),
            Self::Setting => Some(Effect::UntrackedSetting),
            Self::Temporary => Some(Effect::Temporary),
            Self::Sequence => None,
        }
    }

    /// An SQL condition that holds where the state is there. `None`: the server cannot say.
    ///
    /// Functions and not the views over them, which take longer to plan than to read. A temporary object
    /// depends on its schema, and dependencies are found by an index, as the objects of a schema are not.
    pub(super) const fn condition(self) -> Option<&'static str> {
        match self {
            Self::AdvisoryLock => Some(
                "EXISTS(SELECT FROM pg_catalog.pg_lock_status() AS l WHERE l.locktype OPERATOR(pg_catalog.=) \
                 'advisory'::pg_catalog.text AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())",
            ),
            Self::HoldCursor => Some("EXISTS(SELECT FROM pg_catalog.pg_cursor() AS c WHERE c.is_holdable)"),
            Self::Prepare => {
                Some("EXISTS(SELECT FROM pg_catalog.pg_prepared_statement() AS p WHERE p.from_sql)")
            }
            Self::Temporary => Some(
                "EXISTS(SELECT FROM pg_catalog.pg_depend AS d WHERE d.refclassid OPERATOR(pg_catalog.=) \
                 2615::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())",
            ),
            Self::Setting | Self::Sequence => None,
        }
    }
}

/// The reasons that hold for a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    held: u8,
    /// Something happened since the server was asked that may have brought or ended one.
    ask: bool,
    /// Code ran whose effects the text does not show.
    code: bool,
}

impl Pins {
    /// A statement with these effects was sent.
    pub fn add(&mut self, effects: &Effects) {
        for reason in PinReason::ALL {
            if reason.effect().is_some_and(|effect| effects.has(effect)) {
                self.held |= reason as u8;
                self.ask |= reason.condition().is_some();
            }
        }
        // A connection that is closed on return has nothing to tell.
        self.code |= effects.has(Effect::Opaque) && !effects.has(Effect::Unclean);
        self.ask |= self.code || (effects.has(Effect::Releases) && self.asked_for().next().is_some());
    }

    /// Code ran that no statement's effects tell of.
    pub const fn add_code(&mut self) {
        (self.ask, self.code) = (true, true);
    }

    /// Whether a statement of these effects may pin its client.
    #[must_use]
    pub fn may_begin(effects: &Effects) -> Option<PinReason> {
        PinReason::ALL.into_iter().find(|reason| reason.effect().is_some_and(|effect| effects.has(effect)))
    }

    /// A reason that no statement's effects tell of.
    pub const fn set(&mut self, reason: PinReason) {
        self.held |= reason as u8;
    }

    /// Whether this is one of the reasons.
    #[must_use]
    pub const fn has(self, reason: PinReason) -> bool {
        self.held & reason as u8 != 0
    }

    /// A reason is gone.
    pub const fn remove(&mut self, reason: PinReason) {
        self.held &= !(reason as u8);
    }

    /// All are gone.
    pub const fn clear(&mut self) {
        *self = Self { held: 0, ask: false, code: false };
    }

    /// Whether only the server knows which hold.
    #[must_use]
    pub const fn is_uncertain(self) -> bool {
        self.ask
    }

    /// Whether code ran whose effects the text does not show.
    #[must_use]
    pub const fn ran_code(self) -> bool {
        self.code
    }

    /// The reasons the server is asked about.
    pub fn asked_for(self) -> impl Iterator<Item = PinReason> {
        let askable = PinReason::ALL.into_iter().filter(|reason| reason.condition().is_some());
        askable.filter(move |reason| self.code || self.has(*reason))
    }

    /// The server said which of those hold.
    pub fn answered(&mut self, found: &[PinReason]) {
        for reason in self.asked_for() {
            self.remove(reason);
        }
        found.iter().for_each(|reason| self.set(*reason));
        (self.ask, self.code) = (false, false);
    }

    /// One of the reasons, always the same of several.
    #[must_use]
    pub fn first(self) -> Option<PinReason> {
        PinReason::ALL.into_iter().find(|reason| self.has(*reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(list: &[Effect]) -> Effects {
        let mut all = Effects::default();
        list.iter().for_each(|&effect| all.add(effect));
        all
    }

    #[test]
    fn server_is_asked_after_a_statement_that_may_begin_or_end_a_pin_and_not_after_others() {
        let mut pins = Pins::default();
        pins.add(&effects(&[Effect::Releases, Effect::Write]));
        assert!(!pins.is_uncertain(), "nothing is there to be released");
        pins.add(&effects(&[Effect::Temporary]));
        assert!(pins.is_uncertain() && pins.first() == Some(PinReason::Temporary));
        pins.answered(&[PinReason::Temporary]);
        pins.add(&effects(&[Effect::Write]));
        assert!(!pins.is_uncertain());
        pins.add(&effects(&[Effect::Releases]));
        assert!(pins.is_uncertain());
        pins.answered(&[]);
        assert_eq!(pins.first(), None);
    }

    #[test]
    fn answer_does_not_end_what_the_server_was_not_asked_about() {
        let mut pins = Pins::default();
        pins.set(PinReason::Setting);
        pins.add(&effects(&[Effect::AdvisoryLock]));
        assert_eq!(pins.asked_for().collect::<Vec<_>>(), [PinReason::AdvisoryLock]);
        pins.answered(&[]);
        assert_eq!(pins.first(), Some(PinReason::Setting));
    }

    #[test]
    fn code_out_of_sight_may_have_left_anything_that_can_be_asked_about() {
        let mut pins = Pins::default();
        pins.add(&effects(&[Effect::Opaque]));
        assert_eq!(pins.first(), None);
        assert!(pins.is_uncertain() && pins.asked_for().count() == 4);
        pins.answered(&[PinReason::HoldCursor]);
        assert_eq!(pins.first(), Some(PinReason::HoldCursor));
    }

    #[test]
    fn every_reason_is_found_by_its_word() {
        for reason in PinReason::ALL {
            assert_eq!(PinReason::of_word(reason.as_str()), Some(reason));
        }
    }
}
