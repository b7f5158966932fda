//! What a client leaves on a server connection, and what must be sent before another may have it.

use crate::config::ResetPolicy;
use crate::guard::{Effect, Effects};

/// Session state that outlives a transaction and that somebody may have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Residue {
    /// Settings that can be followed, and may have been changed.
    settings: bool,
    /// Settings that cannot be.
    untracked: bool,
    /// Code ran that the text does not show, and nobody has asked what it left.
    opaque: bool,
    /// Code ran, and what can be asked about is known: the rest may have been left.
    code: bool,
    /// It listens to channels.
    listening: bool,
    other: bool,
    /// It has a tenant's role that does not end with the transaction.
    role: bool,
    unclean: bool,
}

/// How to make a server connection clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetPlan {
    /// It is.
    Clean,
    /// These statements in one Query; prepared statements survive.
    Narrow(&'static str),
    /// `DISCARD ALL`, then a new random seed; prepared statements are gone.
    Discard,
    /// Nothing makes it clean.
    Close,
}

/// Gives `random()` a seed that nobody knows.
macro_rules! reseed {
    () => {
        "SELECT pg_catalog.setseed(pg_catalog.hashtext(pg_catalog.text(pg_catalog.gen_random_uuid()))::pg_catalog.float8 \
         OPERATOR(pg_catalog./) 2147483648::pg_catalog.float8)"
    };
}

const RESET_SETTINGS: &str = "RESET ALL";
const RESET_CHANNELS: &str = "UNLISTEN *";
const RESET_BOTH: &str = "UNLISTEN *;RESET ALL";
/// What code may leave besides what the server can be asked about: settings, names listened to, the seed.
const RESET_CODE: &str = concat!("RESET ALL;UNLISTEN *;", reseed!());

impl ResetPlan {
    /// Whether settings are back to what the connection began with.
    #[must_use]
    pub fn resets_settings(self) -> bool {
        matches!(self, Self::Discard | Self::Narrow(RESET_SETTINGS | RESET_BOTH | RESET_CODE))
    }
}

/// The statements of [`ResetPlan::Discard`]: DISCARD ALL must be alone in its message.
///
/// Every name is qualified: a tenant's own operator must not run between two clients.
pub const DISCARD: [&str; 2] = ["DISCARD ALL", reseed!()];

impl Residue {
    /// A statement with these effects was sent.
    pub fn add(&mut self, effects: &Effects) {
        self.settings |= [Effect::Setting, Effect::ResetSetting, Effect::ResetAll]
            .into_iter()
            .any(|effect| effects.has(effect));
        self.untracked |= effects.has(Effect::UntrackedSetting);
        self.opaque |= effects.has(Effect::Opaque);
        self.unclean |= effects.has(Effect::Unclean);
        self.other |= [
            Effect::Temporary,
            Effect::AdvisoryLock,
            Effect::HoldCursor,
            Effect::Prepare,
            Effect::DiscardAll,
        ]
        .into_iter()
        .any(|effect| effects.has(effect));
    }

    /// Code ran that no statement's effects tell of.
    pub const fn code_ran(&mut self) {
        self.opaque = true;
    }

    /// A tenant's role was taken for the session.
    pub const fn role_taken(&mut self) {
        self.role = true;
    }

    /// Something happened that no statement text explains.
    pub const fn taint(&mut self) {
        self.unclean = true;
    }

    /// A DISCARD ALL succeeded. It does not unload a library.
    pub const fn discarded(&mut self) {
        (self.settings, self.untracked) = (false, false);
        (self.opaque, self.code, self.other, self.role) = (false, false, false, false);
        self.listening = false;
    }

    /// The server was asked about the state that pins a client, after code ran out of sight or not: some of it
    /// is `left`, or not. What else code may have left stays to be reset.
    pub const fn state_known(&mut self, left: bool) {
        self.code |= self.opaque;
        (self.opaque, self.other) = (false, left);
    }

    /// The server connection listens, for the client that has it.
    pub const fn listens(&mut self) {
        self.listening = true;
    }

    /// UNLISTEN * succeeded.
    pub const fn unlistened(&mut self) {
        self.listening = false;
    }

    /// Whether it listens.
    #[must_use]
    pub const fn is_listening(self) -> bool {
        self.listening
    }

    /// Which settings are in force is known, but for those that cannot be followed.
    pub const fn settings_known(&mut self) {
        self.settings = false;
    }

    /// What to do before another client may have the connection.
    #[must_use]
    pub const fn plan(self, policy: ResetPolicy) -> ResetPlan {
        let settings = self.settings || self.untracked;
        if self.unclean {
            ResetPlan::Close
        } else if self.other || self.opaque || self.role || matches!(policy, ResetPolicy::Always) {
            ResetPlan::Discard
        } else if self.code {
            ResetPlan::Narrow(RESET_CODE)
        } else {
            match (settings, self.listening) {
                (true, true) => ResetPlan::Narrow(RESET_BOTH),
                (true, false) => ResetPlan::Narrow(RESET_SETTINGS),
                (false, true) => ResetPlan::Narrow(RESET_CHANNELS),
                (false, false) => ResetPlan::Clean,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_after(effects: &[Effect]) -> ResetPlan {
        let mut all = Effects::default();
        effects.iter().for_each(|&effect| all.add(effect));
        let mut residue = Residue::default();
        residue.add(&all);
        residue.plan(ResetPolicy::OnNeed)
    }

    #[test]
    fn reading_and_writing_rows_leaves_nothing() {
        assert_eq!(plan_after(&[Effect::Write]), ResetPlan::Clean);
    }

    #[test]
    fn insert_leaves_sequence_state_which_only_a_reader_has_discarded() {
        assert_eq!(plan_after(&[Effect::Sequence]), ResetPlan::Clean);
    }

    #[test]
    fn code_whose_traces_are_known_costs_no_prepared_statement() {
        let mut effects = Effects::default();
        effects.add(Effect::Opaque);
        let mut residue = Residue::default();
        residue.add(&effects);
        assert_eq!(residue.plan(ResetPolicy::OnNeed), ResetPlan::Discard);
        residue.state_known(false);
        assert_eq!(residue.plan(ResetPolicy::OnNeed), ResetPlan::Narrow(RESET_CODE));
        residue.state_known(true);
        assert_eq!(residue.plan(ResetPolicy::OnNeed), ResetPlan::Discard);
    }

    #[test]
    fn settings_are_reset_without_losing_prepared_statements() {
        assert_eq!(plan_after(&[Effect::Setting]), ResetPlan::Narrow("RESET ALL"));
    }

    #[test]
    fn settings_that_are_known_need_no_reset_and_those_that_cannot_be_followed_do() {
        let mut effects = Effects::default();
        effects.add(Effect::Setting);
        let mut residue = Residue::default();
        residue.add(&effects);
        residue.settings_known();
        assert_eq!(residue.plan(ResetPolicy::OnNeed), ResetPlan::Clean);
        effects.add(Effect::UntrackedSetting);
        residue.add(&effects);
        residue.settings_known();
        assert_eq!(residue.plan(ResetPolicy::OnNeed), ResetPlan::Narrow("RESET ALL"));
    }

    #[test]
    fn what_the_text_does_not_show_is_discarded() {
        for effect in
            [Effect::Opaque, Effect::Temporary, Effect::AdvisoryLock, Effect::HoldCursor, Effect::Prepare]
        {
            assert_eq!(plan_after(&[effect]), ResetPlan::Discard, "{effect:?}");
        }
    }

    #[test]
    fn loaded_library_closes_even_after_discard_all() {
        let mut effects = Effects::default();
        effects.add(Effect::Unclean);
        let mut residue = Residue::default();
        residue.add(&effects);
        residue.discarded();
        assert_eq!(residue.plan(ResetPolicy::OnNeed), ResetPlan::Close);
    }

    #[test]
    fn policy_always_discards_a_clean_connection() {
        assert_eq!(Residue::default().plan(ResetPolicy::Always), ResetPlan::Discard);
    }
}
