//! [`Channels`]: what a client listens to, whichever server connection it has.
//!
//! What ROLLBACK, savepoints and errors make of LISTEN and UNLISTEN is not worked out here: they are sent, and
//! when the transaction has ended the server connection is asked what it listens to. For that it must have
//! listened to what the client does before the transaction began.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::guard::{Effect, Effects};
use crate::session::pipeline::Pipeline;
use crate::session::tracking::Unreadable;
use crate::session::{Refusal, ServerState, Session};
use crate::tenant::quote_identifier;
use crate::wire::view;

/// Default isolation levels of a client do not count.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY;";

/// The channels of one client.
#[derive(Debug, Default)]
pub struct Channels {
    active: BTreeSet<Box<str>>,
    /// Those of LISTENs that were sent since the server was asked.
    named: BTreeSet<Box<str>>,
    /// A LISTEN or UNLISTEN was sent since.
    touched: bool,
    /// A NOTIFY was sent in the transaction, by a client that may hear it.
    notified: bool,
    /// The server's ReadyForQuery has come, and is owed to the client.
    held: bool,
    /// What must be heard of before the statement at the front is sent.
    wanted: Option<Arc<Effects>>,
    /// What came of it.
    answer: Option<Result<(), Box<Refusal>>>,
    /// The answer is about a LISTEN.
    asked: bool,
}

/// What to do before a frame is sent.
#[derive(Debug)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// Wait for answers that are outstanding.
    Wait,
    /// The server connection must listen to what the client does.
    Restore,
    /// [`Session::wanted`] must be heard of.
    Hub,
    /// It must not be sent.
    Refuse(Refusal),
}

impl Channels {
    /// Whether the client may hear something.
    fn hears(&self) -> bool {
        self.touched || !self.active.is_empty()
    }

    /// Whether nothing may be sent before what was sent is answered: then the client is to have heard all that
    /// a server would have told it.
    pub(super) fn bars(&self, pipeline: &Pipeline) -> bool {
        self.held
            || ((self.touched || self.notified) && pipeline.has_outstanding() && !pipeline.is_unsynced())
    }

    /// What must be done before a statement with these effects is sent, or, where there are none, a frame of
    /// which nothing is known but that it belongs to a batch.
    pub(super) fn before(
        &mut self,
        effects: Option<&Arc<Effects>>,
        in_transaction: bool,
        pipeline: &Pipeline,
        server: &ServerState,
    ) -> Before {
        let concerns = |effects: &Arc<Effects>| {
            effects.controls_transaction || effects.has(Effect::Listen) || effects.has(Effect::UnlistenAll)
        };
        if !self.active.is_empty()
            && !server.residue.is_listening()
            && !in_transaction
            && !pipeline.is_unsynced()
            && effects.is_none_or(concerns)
        {
            return if pipeline.is_idle() { Before::Restore } else { Before::Wait };
        }
        Before::Nothing
    }

    /// What must be heard of before a statement with these effects runs.
    pub(super) fn ask_hub(&mut self, effects: &Arc<Effects>) -> Before {
        let listens = effects.listens.iter().any(|name| !self.active.contains(name));
        if !listens && !effects.has(Effect::Notify) {
            return Before::Nothing;
        }
        match self.answer.take() {
            Some(Ok(())) => Before::Nothing,
            Some(Err(refusal)) => Before::Refuse(*refusal),
            None => {
                self.asked = listens;
                self.wanted = Some(Arc::clone(effects));
                Before::Hub
            }
        }
    }

    /// The statement at the front is not sent after all. What it would have listened to is undone when the
    /// transaction has ended.
    pub(super) fn abandon(&mut self) {
        self.touched |= self.answer.take().is_some_and(|answer| answer.is_ok()) && self.asked;
    }

    /// A statement with these effects is sent.
    pub(super) fn note(&mut self, effects: &Effects, server: &mut ServerState) {
        // Drivers reset what was never set.
        if effects.has(Effect::Listen) || (effects.has(Effect::UnlistenAll) && self.hears()) {
            self.touched = true;
            self.named.extend(effects.listens.iter().cloned());
            server.residue.listens();
        }
        if effects.has(Effect::Notify) {
            self.notified = self.hears();
            server.notified = true;
        }
    }

    /// Whether only the server knows what the client listens to.
    pub(super) const fn is_uncertain(&self) -> bool {
        self.touched || self.held
    }

    /// The transaction has ended: whether the client must not know yet. `anyway` there is another reason.
    pub(super) const fn hold(&mut self, anyway: bool) -> bool {
        self.held = self.touched || self.notified || anyway;
        self.held
    }

    /// Whether the client is owed a ReadyForQuery.
    pub(super) const fn is_held(&self) -> bool {
        self.held
    }

    /// DISCARD ALL succeeded.
    pub(super) fn discarded(&mut self) {
        let held = self.held;
        *self = Self { touched: !self.active.is_empty(), held, ..Self::default() };
    }
}

impl Session {
    /// What must be heard of before the statement at the front is sent; then [`hub_answered`](Self::hub_answered).
    pub fn take_wanted(&mut self) -> Option<Arc<Effects>> {
        self.channels.wanted.take()
    }

    /// It was heard of, or why that cannot be.
    pub fn hub_answered(&mut self, answer: Result<(), Refusal>) {
        self.channels.answer = Some(answer.map_err(Box::new));
    }

    /// The channels that the client listens to, as it calls them.
    #[must_use]
    pub const fn listens_to(&self) -> &BTreeSet<Box<str>> {
        &self.channels.active
    }

    /// Whether a LISTEN or UNLISTEN was sent in the transaction that is open, or was just ended.
    #[must_use]
    pub const fn channels_touched(&self) -> bool {
        self.channels.touched
    }

    /// Whether the client is to hear what it said itself before it is told that it may go on.
    #[must_use]
    pub const fn has_notified(&self) -> bool {
        self.channels.notified
    }

    /// SQL with which the server connection listens to what the client does.
    #[must_use]
    pub fn channels_sql(&self) -> String {
        let name = |channel: &str| quote_identifier(&self.scope.channels.name(channel));
        self.channels.active.iter().map(|channel| format!("LISTEN {};", name(channel))).collect()
    }

    /// It does so now.
    pub const fn channels_restored(&self, server: &mut ServerState) {
        server.residue.listens();
    }

    /// SQL that asks the server connection what it listens to, and then ends that unless the client keeps the
    /// connection. With `in_peace` no statement time-out of the client's ends the asking. `None` when nothing
    /// was changed.
    #[must_use]
    pub fn channels_question(&self, in_peace: bool) -> Option<String> {
        let end = if self.pinned().is_some() { "COMMIT" } else { "UNLISTEN *;COMMIT" };
        let question = "SELECT pg_catalog.pg_listening_channels();";
        self.channels.touched.then(|| match in_peace {
            false => format!("{BEGIN}{question}{end}"),
            true => format!(
                "ROLLBACK;{BEGIN}SELECT pg_catalog.set_config('statement_timeout','0',true);{question}{end}"
            ),
        })
    }

    /// The rows of the answer. What functions listen to on their own is not among what the client named, and
    /// so not followed.
    ///
    /// # Errors
    /// [`Unreadable`]: the connection is not to be used any more.
    pub fn channels_answered(
        &mut self,
        rows: &[Vec<u8>],
        server: &mut ServerState,
    ) -> Result<(), Unreadable> {
        let mut there = BTreeSet::new();
        for row in rows {
            let row = view::text_row(row).ok_or(Unreadable)?;
            there.extend(row.into_iter().flatten());
        }
        let is_there = |channel: &str| there.contains(&*self.scope.channels.name(channel));
        let known = self.channels.active.union(&self.channels.named);
        self.channels.active = known.filter(|channel| is_there(channel)).cloned().collect();
        self.channels.named = BTreeSet::new();
        self.channels.touched = false;
        if self.pinned().is_none() {
            server.residue.unlistened();
        }
        Ok(())
    }

    /// The client has been told what it is to hear: now it may go on. Whether it was kept waiting.
    pub fn release_ready(&mut self) -> bool {
        self.channels.notified = false;
        let held = std::mem::take(&mut self.channels.held);
        if held {
            self.reply_ready();
        }
        held
    }

    /// Whether notifications may be told to the client now.
    #[must_use]
    pub fn may_be_told(&self) -> bool {
        self.is_between_commands() && !self.pipeline.has_outstanding() && self.pipeline.is_idle()
    }

    /// The same, in front of the ReadyForQuery that was judged last.
    #[must_use]
    pub const fn is_between_commands(&self) -> bool {
        self.status == b'I' && !self.channels.touched && !self.channels.held
    }
}
