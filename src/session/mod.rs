//! What one client believes its session is: a pure machine that is fed frames and says what becomes
//! of each. It survives changes of the server connection.

pub mod channels;
pub mod code;
pub mod commons;
pub mod outbound;
pub mod params;
pub mod pin;
pub mod pipeline;
pub mod residue;
pub mod role;
pub mod statements;
pub mod tracking;

mod backend;
mod copy;
mod frontend;
mod heard;
mod naming;
mod portals;
mod prepared;
mod reading;
mod refusal;
mod reuse;
mod sequences;
mod telling;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::SqlState;
use crate::guard::{Allowed, Cleared, Denial, Effect, Effects, Scope};
use crate::session::channels::Channels;
use crate::session::commons::Commons;
use crate::session::heard::Notebook;
use crate::session::params::Settings;
use crate::session::pin::{PinReason, Pins};
use crate::session::pipeline::{Entry, Pipeline};
use crate::session::portals::Portals;
use crate::session::residue::Residue;
use crate::session::role::{RoleState, SharedRole};
use crate::session::sequences::{Left, SequenceUse};
use crate::session::statements::{ClientStatements, ServerStatements, Statement};
use crate::session::telling::Telling;
use crate::session::tracking::Tracking;
use crate::tenant::Limits;
use crate::wire::view;

pub use heard::{Denied, Heard};
pub use portals::OnSuccess;
pub use refusal::Refusal;

/// Bytes a buffer may keep between two statements.
const KEPT_CAPACITY: usize = 4 << 10;

/// Tells the sessions of this process apart; 0 is none.
static NEXT_SESSION: AtomicU64 = AtomicU64::new(1);

/// What is known about the state of one server connection.
#[derive(Debug, Default)]
pub struct ServerState {
    /// Statements prepared there.
    pub statements: ServerStatements,
    /// Which unnamed statement is there, 0 for none that anybody may use.
    pub unnamed: u64,
    /// Settings it is known to have, besides the tenant's defaults.
    pub settings: Arc<Settings>,
    /// A statement of the client's notified: it is to be heard before another client speaks.
    pub notified: bool,
    /// What may be left on it.
    pub residue: Residue,
    /// The session that left values for `currval` and `lastval` here, 0 for none.
    pub sequences_of: u64,
    /// Of one that tenants share: who it works for.
    pub role: SharedRole,
    /// ParameterStatus values, in the order the server first told them.
    pub parameters: Vec<(String, String)>,
}

impl ServerState {
    /// The server told a ParameterStatus value.
    pub fn note_parameter(&mut self, body: &[u8]) {
        let Some((name, value)) = view::parameter_status(body) else { return };
        match self.parameters.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.parameters.push((name.to_owned(), value.to_owned())),
        }
    }

    /// DISCARD ALL was executed.
    pub fn discarded(&mut self) {
        self.statements.clear();
        self.unnamed = 0;
        self.settings = Arc::default();
        self.sequences_of = 0;
        self.role.discarded();
        self.residue.discarded();
    }
}

/// What becomes of a frontend frame.
#[derive(Debug)]
pub enum Step {
    /// More of it must be read first: this many bytes of the frame.
    NeedMore(usize),
    /// It needs a server connection; ask again with one.
    NeedServer,
    /// What it means depends on an answer that is still to come from the server; ask again then.
    Wait,
    /// The server connection must first listen to what the client does; ask again then.
    Restore,
    /// The server connection must first take the tenant's role for longer than a transaction; ask again then.
    TakeRole,
    /// The proxy must first listen, see [`Session::take_wanted`]; ask again then.
    Hub,
    /// It goes to the server.
    Forward(Cleared),
    /// It goes to the server with its first bytes replaced by [`Session::front`].
    Rewrite {
        /// The guard's token.
        cleared: Cleared,
        /// How many bytes of the frame are replaced.
        consumed: usize,
    },
    /// It goes nowhere; [`Session::front`] goes to the server in its place.
    Substitute(Cleared),
    /// [`Session::front`] goes to the server; ask again about the frame.
    Ahead(Cleared),
    /// It goes nowhere; [`Session::take_replies`] may have the answer.
    Drop,
    /// The client said good-bye.
    Terminate,
    /// The client broke the protocol: this error, then the end.
    Fail(Refusal),
}

/// What becomes of a backend frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Relay {
    /// It goes to the client.
    Forward,
    /// It goes nowhere.
    Swallow,
    /// The client gets [`Session::take_replies`] in its place.
    Replace,
    /// The server ends the connection with this error.
    ServerFailed,
    /// The server reads text in another way from now on than the guard does.
    Unjudgeable,
    /// It goes nowhere. What the client sent since [`Session::begins_batch`] goes to the server again, behind
    /// [`Session::front`].
    Replay,
    /// It goes nowhere. [`Session::front`] goes to the server, whose answer the client gets in its place.
    Insert,
    /// Server and proxy are out of step: nothing more can be trusted.
    OutOfStep,
}

/// Where a client stands between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Something is outstanding, or a transaction is open.
    Busy,
    /// Nothing is outstanding, but the session needs its server connection.
    Pinned(PinReason),
    /// Nothing is outstanding, but the server must be asked first which settings are in force, which state is
    /// there that the session needs its server connection for, or what it listens to.
    Unsettled,
    /// The server connection can go.
    Release,
}

/// The machine of one client.
#[derive(Debug)]
pub struct Session {
    id: u64,
    scope: Scope,
    tracking: Tracking,
    telling: Telling,
    channels: Channels,
    /// Whether the settings are such that a connection that had them is not used again.
    distrusts_settings: bool,
    commons: Arc<Commons>,
    /// Whether this one is counted among them.
    counted: bool,
    names: ClientStatements,
    unnamed: Unnamed,
    /// Shared by the unnamed statements that are kept for the case that their successors are skipped.
    kept: Arc<()>,
    pipeline: Pipeline,
    /// Status byte of the last ReadyForQuery: `I`, `T` or `E`.
    status: u8,
    /// How many of them there were.
    turns: u64,
    /// What runs was cancelled because its time was over.
    timed_out: bool,
    role: RoleState,
    pins: Pins,
    /// Whether the transaction left or read sequence state.
    sequences: SequenceUse,
    /// Whether the frame that needs a server connection reads sequence state.
    wants_sequences: bool,
    /// A verdict reached before there was a server connection to use it on.
    judged: Option<Allowed>,
    portals: Portals,
    /// Something runs of which it is not known yet whether it changes how texts are read.
    reads_otherwise: bool,
    /// Whether the transaction changed the tenant's schema.
    changes_schema: bool,
    /// Parses that servers were spared since this was asked for.
    parses_spared: u64,
    /// Whether the client was told something of the batch by the server.
    answered: bool,
    /// Whether what the client sent since the batch began can be sent again.
    can_replay: bool,
    /// A batch that failed for a plan out of date, to be sent again once the server is ready.
    healing: Option<Vec<Entry>>,
    front: Vec<u8>,
    replies: Vec<u8>,
    denials: Vec<Denied>,
    notebook: Notebook,
    reports: Vec<Denial>,
}

/// The client's unnamed statement, kept so that any server connection can have it.
#[derive(Debug, Default)]
pub struct Unnamed {
    definition: Vec<u8>,
    effects: Arc<Effects>,
    /// What stands for it on servers, in place of the definition.
    reused: Option<Arc<Statement>>,
    /// The named statement that it deallocates.
    deallocates: Option<(Box<[u8]>, Arc<Statement>)>,
    /// Unique over all clients, also for a time when there is none.
    token: u64,
    /// Whether there is one.
    is_there: bool,
}

impl Unnamed {
    /// Whether there is one, and another stands for it on servers.
    const fn is_reused(&self) -> bool {
        self.is_there && self.reused.is_some()
    }
}

impl Session {
    /// A fresh session. `commons` is shared by all clients of the tenant.
    #[must_use]
    pub fn new(scope: Scope, settings: Arc<Settings>, commons: Arc<Commons>) -> Self {
        Self {
            id: NEXT_SESSION.fetch_add(1, Ordering::Relaxed),
            scope,
            tracking: Tracking::new(settings),
            telling: Telling::default(),
            channels: Channels::default(),
            distrusts_settings: false,
            commons,
            counted: false,
            names: ClientStatements::default(),
            unnamed: Unnamed::default(),
            kept: Arc::default(),
            pipeline: Pipeline::default(),
            status: b'I',
            turns: 0,
            timed_out: false,
            role: RoleState::default(),
            pins: Pins::default(),
            sequences: SequenceUse::default(),
            wants_sequences: false,
            judged: None,
            portals: Portals::default(),
            reads_otherwise: false,
            changes_schema: false,
            parses_spared: 0,
            answered: false,
            can_replay: false,
            healing: None,
            front: Vec::new(),
            replies: Vec::new(),
            denials: Vec::new(),
            notebook: Notebook::default(),
            reports: Vec::new(),
        }
    }

    /// What the client may touch.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Among the settings is one that the guard would have refused, had it not only to report: what it does to
    /// a connection is not known, so that nobody is to have it afterwards.
    pub const fn distrust_settings(&mut self) {
        self.distrusts_settings = true;
    }

    /// Settings a server connection must have for this client.
    #[must_use]
    pub const fn settings(&self) -> &Arc<Settings> {
        self.tracking.settings()
    }

    /// Whether the client is in a transaction block.
    #[must_use]
    pub const fn in_transaction(&self) -> bool {
        self.status != b'I'
    }

    /// How many batches and queries were answered.
    #[must_use]
    pub const fn turns(&self) -> u64 {
        self.turns
    }

    /// What runs is cancelled because its time is over: its error says so.
    pub const fn note_time_out(&mut self) {
        self.timed_out = true;
    }

    /// What its tenant may use.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        self.commons.limits()
    }

    /// Whether a batch or a COPY is under way, or something is not answered.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        !self.pipeline.is_idle()
    }

    /// Whether a cancel request would end all that the client has under way, and let nothing run that comes behind.
    #[must_use]
    pub fn can_be_cancelled(&self) -> bool {
        self.pipeline.can_be_cancelled()
    }

    /// Where the client stands.
    #[must_use]
    pub fn at_boundary(&self) -> Boundary {
        if self.status != b'I' || !self.pipeline.is_idle() {
            return Boundary::Busy;
        }
        if self.channels.is_held() {
            return Boundary::Unsettled;
        }
        match self.pins.first() {
            _ if self.pins.is_uncertain() => Boundary::Unsettled,
            // Also of a pinned client: what it puts back is to be that of its startup packet.
            _ if self.tracking.is_unsettled() => Boundary::Unsettled,
            Some(reason) => Boundary::Pinned(reason),
            None => Boundary::Release,
        }
    }

    /// Why the client keeps its server connection, if it does.
    #[must_use]
    pub fn pinned(&self) -> Option<PinReason> {
        self.pins.first()
    }

    /// Counts the session among those of its tenant that keep their server connection, or not. `false` when
    /// there are too many already.
    pub fn count_pin(&mut self, pinned: bool) -> bool {
        if pinned && !self.counted {
            if self.commons.pinned() >= self.commons.limits().max_pinned {
                return false;
            }
            self.commons.pin_begins();
        } else if !pinned && self.counted {
            self.commons.pin_ends();
        }
        self.counted = pinned;
        true
    }

    /// The refusal of what would keep the server connection for this reason.
    #[must_use]
    pub fn too_many_pinned(&self, reason: PinReason) -> Refusal {
        Refusal::error(
            SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            "too many sessions of this tenant keep their server connection",
        )
        .with_detail(format!(
            "{} do, which is the limit `pool.max_pinned_per_tenant`, or the tenant's own `max_pinned`; this one would for the reason `{}`.",
            self.commons.limits().max_pinned,
            reason.as_str()
        ))
        .with_hint("End what keeps state in other sessions (temporary tables, cursors WITH HOLD, session advisory locks, PREPARE), or raise the limit.")
    }

    /// How many Parses servers were spared since the last call.
    pub const fn take_parses_spared(&mut self) -> u64 {
        std::mem::replace(&mut self.parses_spared, 0)
    }

    /// Whether a frame of this type is the first of a batch outside a transaction block: it is to be kept, with
    /// those behind it, to be sent again.
    #[must_use]
    pub fn begins_batch(&self, tag: u8) -> bool {
        matches!(tag, b'P' | b'B' | b'D') && self.status == b'I' && self.pipeline.is_idle()
    }

    /// Whether what the client sent since the batch began can be sent again.
    pub const fn note_kept(&mut self, kept: bool) {
        self.can_replay = kept;
    }

    /// The token of what is sent again: it was cleared when it went first.
    #[must_use]
    pub fn cleared_again(&self) -> Option<Cleared> {
        Cleared::without_text(b'B', &self.scope)
    }

    /// Bytes that replace the front of a rewritten frame.
    #[must_use]
    pub fn front(&self) -> &[u8] {
        &self.front
    }

    /// Gives back what one large statement made grow. Called when there is nothing to do.
    pub fn trim(&mut self) {
        for buffer in [&mut self.front, &mut self.replies] {
            if buffer.capacity() > KEPT_CAPACITY {
                *buffer = Vec::new();
            }
        }
        if !self.unnamed.is_there {
            self.unnamed.definition.clear();
        }
        self.unnamed.definition.shrink_to(KEPT_CAPACITY);
        self.pipeline.trim();
    }

    /// Moves what the client is owed now to the end of `out`.
    pub fn take_replies(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.replies);
    }

    /// Whether the client is owed something now.
    #[must_use]
    pub const fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// What all sessions of the tenant share.
    #[must_use]
    pub const fn commons(&self) -> &Arc<Commons> {
        &self.commons
    }

    /// Refusals that were only reported since the last call.
    pub fn take_reports(&mut self) -> impl Iterator<Item = Denial> {
        self.reports.drain(..)
    }

    /// The server connection is lost with everything on it. The client gets `refusal` for each thing it
    /// waits for. `false` when the session cannot go on: a transaction, pinned state or settings went with it.
    pub fn server_lost(&mut self, refusal: &Refusal) -> bool {
        let keeps = self.pinned().is_some_and(|reason| reason != PinReason::Sequence);
        let knows_what_is_owed = !self.pipeline.is_probing();
        if self.in_transaction() || keeps || self.is_uncertain() || !knows_what_is_owed {
            return false;
        }
        let lost = self.pipeline.server_lost();
        // Its client waits for the answers to what was to be sent again.
        self.healing = None;
        self.answered = false;
        self.telling.server_lost();
        self.role.server_lost();
        self.portals.clear();
        self.reads_otherwise = false;
        self.unnamed.is_there = false;
        self.pins.clear();
        for _ in 0..lost.ended {
            self.reply_error(refusal);
            self.reply_ready();
        }
        if lost.open {
            self.reply_error(refusal);
        }
        true
    }

    /// Whether only the server knows something the session is about.
    fn is_uncertain(&self) -> bool {
        self.tracking.is_uncertain() || self.channels.is_uncertain()
    }

    fn apply(&mut self, effects: &Effects, server: &mut ServerState) {
        server.residue.add(effects);
        if self.distrusts_settings {
            server.residue.taint();
        }
        if effects.has(Effect::Opaque) {
            server.role.ran_wild();
        }
        self.pins.add(effects);
        self.note_sequences(effects, server);
        // What is temporary shows nobody else's statements in another light.
        self.changes_schema |= effects.has(Effect::Schema) && !effects.has(Effect::Temporary);
        self.channels.note(effects, server);
        self.note_told(effects, server);
        if !self.tracking.note(effects) {
            self.pins.set(PinReason::Setting);
        }
        self.note_code(effects, server);
    }

    /// A transaction has ended.
    fn transaction_ended(&mut self) {
        if std::mem::take(&mut self.changes_schema) {
            self.commons.forget_code();
            self.commons.statements.doubt_unnamed();
        }
        match self.sequences.ended(self.pins.has(PinReason::Sequence)) {
            Left::LetGo => self.let_sequences_go(),
            Left::Unread => self.sequences_were_unread(),
            Left::Kept => {}
        }
    }

    /// A DISCARD ALL of the client's succeeded: on a direct connection nothing would be left either.
    fn discarded(&mut self, server: &mut ServerState) {
        self.names.clear();
        self.pins.clear();
        self.tracking.discarded();
        self.channels.discarded();
        server.discarded();
    }

    fn deallocated(&mut self, server: &mut ServerState) {
        self.names.clear();
        server.statements.clear();
    }

    fn succeeded(&mut self, what: OnSuccess, server: &mut ServerState) {
        if what.discards {
            self.discarded(server);
        }
        if what.deallocates {
            self.deallocated(server);
        }
        // In a transaction that is still open a ROLLBACK could bring the settings back.
        if self.status == b'I' && what.resets {
            self.pins.remove(PinReason::Setting);
            self.tracking.found();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.count_pin(false);
    }
}

#[cfg(test)]
mod tests;
