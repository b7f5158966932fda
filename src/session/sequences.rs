//! [`SequenceUse`]: whether a client asks for what `currval` and `lastval` say of its transactions before.

use crate::guard::{Effect, Effects};
use crate::session::pin::PinReason;
use crate::session::{ServerState, Session};

impl Session {
    /// Whether the frame that needs a server connection may find on the last one what it reads.
    #[must_use]
    pub const fn wants_last_server(&self) -> bool {
        self.wants_sequences
    }

    /// Nobody asked for what `currval` and `lastval` would say: they are let go.
    pub fn let_sequences_go(&mut self) {
        self.pins.remove(PinReason::Sequence);
        self.commons.sequences_are_unread();
    }

    /// Whether clients of the tenant are known to ask for what `currval` and `lastval` say.
    #[must_use]
    pub fn reads_sequences(&self) -> bool {
        self.commons.reads_sequences()
    }

    /// Sequence state is left where it was made: only its maker may read it, and only a tenant whose clients
    /// do that in a later transaction pays for it.
    pub(super) fn note_sequences(&mut self, effects: &Effects, server: &mut ServerState) {
        if effects.has(Effect::ReadsSequence) {
            self.commons.sequences_are_read();
            self.sequences.reads();
        }
        if effects.has(Effect::Sequence) || effects.has(Effect::Opaque) {
            server.sequences_of = self.id;
            self.sequences.leaves();
            // Code may have left some too, but seldom does.
            let keeps = effects.has(Effect::Sequence) && self.commons.keeps_sequences();
            if keeps || self.commons.reads_sequences() {
                self.pins.set(PinReason::Sequence);
            }
        }
    }

    /// The tenant's clients may turn out not to ask at all. One that leaves something in each of its transactions would
    /// keep its server connection for ever otherwise, and others would wait for it.
    pub(super) fn sequences_were_unread(&mut self) {
        self.commons.sequences_are_unread();
        if !self.commons.keeps_sequences() {
            self.pins.remove(PinReason::Sequence);
        }
    }
}

/// What one client's transactions did with sequences.
#[derive(Debug, Default)]
pub(super) struct SequenceUse {
    /// The transaction used them in any way.
    used: bool,
    /// It read what was left.
    read: bool,
    /// One before it left something that was kept.
    left: bool,
}

/// What becomes of what a transaction before has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nobody asked for it, and nothing new was left.
    LetGo,
    /// Nobody asked for it, and there is something new.
    Unread,
    /// It was asked for, or there was nothing.
    Kept,
}

impl SequenceUse {
    /// The transaction reads what was left.
    pub(super) const fn reads(&mut self) {
        (self.used, self.read) = (true, true);
    }

    /// It leaves something.
    pub(super) const fn leaves(&mut self) {
        self.used = true;
    }

    /// It has ended; whether the client keeps its server connection for what is left.
    pub(super) fn ended(&mut self, kept: bool) -> Left {
        let Self { used, read, left } = std::mem::take(self);
        self.left = kept && used;
        match (kept, used) {
            (false, _) => Left::Kept,
            (true, false) => Left::LetGo,
            (true, true) if left && !read => Left::Unread,
            (true, true) => Left::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_next_transaction_does_not_read_is_unread_also_where_it_leaves_more() {
        let mut sequences = SequenceUse::default();
        sequences.leaves();
        assert_eq!(sequences.ended(true), Left::Kept, "the first");
        sequences.leaves();
        assert_eq!(sequences.ended(true), Left::Unread);
        sequences.leaves();
        sequences.reads();
        assert_eq!(sequences.ended(true), Left::Kept);
        assert_eq!(sequences.ended(true), Left::LetGo);
        sequences.leaves();
        assert_eq!(sequences.ended(true), Left::Kept, "what was let go is not unread once more");
        assert_eq!(sequences.ended(true), Left::LetGo);
        assert_eq!(sequences.ended(false), Left::Kept, "nothing is left");
        sequences.leaves();
        assert_eq!(sequences.ended(true), Left::Kept);
    }
}
