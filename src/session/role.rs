//! Taking the tenant's role on a server connection that tenants share.
//!
//! Between transactions such a connection belongs to a login without rights. Ahead of the first statement of a
//! transaction that needs it, and in the same transaction, goes a statement that takes the role until the
//! transaction ends, with no Sync between: where it fails, PostgreSQL skips what the client sent. What fits in no
//! transaction gets the role for the session, before it is sent. Where another tenant was served before, DISCARD ALL
//! goes ahead of all that, in the same way.

use std::sync::Arc;

use crate::error::SqlState;
use crate::guard::{Cleared, Effect, Effects, RoleNeed};
use crate::session::params::Settings;
use crate::session::pipeline::{Entry, Kind};
use crate::session::{Refusal, Relay, ServerState, Session, Step};
use crate::tenant::{Access, Level, TenantId};
use crate::wire::{view, write};

/// Comes first where nothing else has to: the server warns of a SET LOCAL that does. It is so already, or the connection is closed.
const FIRST: &str = "SET standard_conforming_strings TO on";

/// Settings of the startup packet that are brought with the role. A client with more has them set for the session.
const MAX_CARRIED: usize = 16;

/// From this version of PostgreSQL on, DISCARD ALL in a batch commits on its own (`XACT_FLAGS_NEEDIMMEDIATECOMMIT`).
const FIRST_TO_COMMIT_AT_ONCE: u32 = 15;

/// Who a server connection that tenants share works for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedRole {
    /// The tenant whose role it had last.
    pub serves: Option<TenantId>,
    /// It has the role until that is given back.
    pub taken: bool,
    /// What another tenant left is still there: nothing of this one's may run before it is discarded.
    leftover: Leftover,
    /// Code ran that leaves what no text shows.
    wild: bool,
    /// What its `random()` is to be seeded with: the tenant before may know how it was.
    seed: Option<i32>,
}

impl SharedRole {
    /// All prepared statements are gone, and a role taken for the session.
    pub(super) const fn discarded(&mut self) {
        self.taken = false;
        self.leftover = Leftover::Nothing;
    }

    /// Code ran that leaves what no text shows: a time-out too, which may hit what discards it, and has been seen to hit
    /// the statement behind that.
    pub(super) const fn ran_wild(&mut self) {
        self.wild = true;
    }

    /// All that the tenant before left is gone, but for the seed of `random()`: this one comes with the role.
    pub const fn handed_over(&mut self, tenant: TenantId, seed: i32) {
        (self.serves, self.seed, self.wild) = (Some(tenant), Some(seed), false);
    }

    /// Whether DISCARD ALL must come before anything of the tenant's that it serves now.
    #[must_use]
    pub fn has_leftover(&self) -> bool {
        self.leftover == Leftover::There
    }
}

/// What another tenant left on a server connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leftover {
    /// It is discarded.
    #[default]
    Nothing,
    /// DISCARD ALL is to be sent.
    There,
    /// It is sent.
    Leaving,
}

/// Where the session stands between its transactions and the role.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoleState {
    /// What is sent next is in a transaction that has the role.
    switched: bool,
    /// A transaction may begin or end with what is outstanding.
    undecided: bool,
    /// How often it was taken since that was asked last.
    taken: u64,
}

impl RoleState {
    /// It is gone with the server.
    pub(super) const fn server_lost(&mut self) {
        (self.switched, self.undecided) = (false, false);
    }
}

impl ServerState {
    /// Hands it over to another tenant, whose session sends DISCARD ALL ahead of its first statement, so that nobody
    /// waits for its answer. `false` where it must be awaited: what comes behind would not be skipped where it fails
    /// (before version 15 it would even be undone with that), the tenant before may have made it fail, or the client
    /// would be told of settings that change.
    pub fn hand_over(&mut self, tenant: TenantId, seed: i32) -> bool {
        let is_quiet = !self.role.wild && !self.role.taken && self.settings.is_empty();
        if !is_quiet || self.version().0 < FIRST_TO_COMMIT_AT_ONCE {
            return false;
        }
        self.discarded();
        self.role.handed_over(tenant, seed);
        self.role.leftover = Leftover::There;
        true
    }

    /// As it says itself: 15.9 is (15, 9). 0 for what it does not say.
    fn version(&self) -> (u32, u32) {
        let told = self.parameters.iter().find(|(name, _)| name == "server_version");
        let mut numbers =
            told.into_iter().flat_map(|(_, version)| version.split(|c: char| !c.is_ascii_digit()));
        let mut next = || numbers.next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        (next(), next())
    }
}

impl Session {
    /// Whether the server connections of the client serve other tenants too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.scope.level == Level::Shared
    }

    /// Whether something goes ahead of each of its transactions: the role, or what makes it read-only.
    pub(super) const fn begins_with_something(&self) -> bool {
        matches!(self.scope.level, Level::Shared) || self.is_read_only()
    }

    /// Whether the client may only read. The role sees to that; its transactions are read-only besides, one by one, since
    /// a tenant may let its readers call functions that write with the tenant's rights.
    const fn is_read_only(&self) -> bool {
        matches!(self.scope.access, Access::ReadOnly)
    }

    /// Whether the client's settings are brought with the role, and the server connection is to have none.
    #[must_use]
    pub fn carries_settings(&self) -> bool {
        self.is_shared() && self.tracking.can_be_carried(MAX_CARRIED)
    }

    /// Settings that a server connection is to have before the client's next transaction.
    #[must_use]
    pub fn settings_of_connection(&self) -> Arc<Settings> {
        if self.carries_settings() { Arc::default() } else { Arc::clone(self.settings()) }
    }

    /// The same for a server connection that the client has: where that keeps the role, nothing is brought with it.
    #[must_use]
    pub fn settings_on(&self, server: &ServerState) -> Arc<Settings> {
        if server.role.taken { Arc::clone(self.settings()) } else { self.settings_of_connection() }
    }

    /// Whether the transaction that is open has the role.
    pub(super) const fn has_role_in_transaction(&self) -> bool {
        self.role.switched
    }

    /// How often the role was taken since this was asked last.
    pub const fn take_role_switches(&mut self) -> u64 {
        std::mem::replace(&mut self.role.taken, 0)
    }

    /// What goes to the server, or is to be waited for, before a frame with these effects.
    pub(super) fn role_first(&mut self, effects: &Effects, server: &mut ServerState) -> Option<Step> {
        if !self.begins_with_something() || server.role.taken {
            return None;
        }
        let begins = !self.pipeline.is_unsynced();
        if begins && self.role.undecided && self.pipeline.has_outstanding() {
            return Some(Step::Wait);
        }
        if server.role.serves.is_some_and(|last| last != self.scope.tenant) {
            // The pool discards what another tenant left before it gives the connection away.
            tracing::error!("a server connection still has what another tenant left");
            return Some(Step::Fail(Refusal::fatal(SqlState::INTERNAL_ERROR, "internal error")));
        }
        if server.role.has_leftover() {
            return self.discard_first(effects, begins, server);
        }
        if effects.role == RoleNeed::Nothing {
            return None;
        }
        if effects.role == RoleNeed::Session && self.is_read_only() {
            // The guard refuses those.
            tracing::error!("a statement that runs in no transaction came to a read-only session");
            return Some(Step::Fail(Refusal::fatal(SqlState::INTERNAL_ERROR, "internal error")));
        }
        if self.status == b'E' && !self.role.undecided && !self.pipeline.has_batch_outstanding() {
            // The transaction has failed already, and nothing runs in it but what ends it.
            return None;
        }
        if effects.role == RoleNeed::Session && begins {
            return match self.status {
                _ if self.pipeline.has_outstanding() => Some(Step::Wait),
                b'I' => Some(Step::TakeRole),
                // What it does behind the end of the block has no role, and fails.
                _ => self.switch_ahead(effects, server),
            };
        }
        self.switch_ahead(effects, server)
    }

    /// What takes the role for the transaction that is open, or begins, unless it has that.
    fn switch_ahead(&mut self, effects: &Effects, server: &mut ServerState) -> Option<Step> {
        if self.role.switched {
            return None;
        }
        self.front.clear();
        self.switch(effects.takes_no_snapshot, server);
        Cleared::without_text(b'B', &self.scope).map(Step::Ahead)
    }

    /// A frame that only names something comes first: it must not find what another tenant left, a portal for example.
    pub(super) fn discard_before_name(&mut self, server: &mut ServerState) -> Option<Step> {
        if !self.is_shared() || !server.role.has_leftover() {
            return None;
        }
        let begins = !self.pipeline.is_unsynced();
        let mut effects = Effects::default();
        effects.role = RoleNeed::Nothing;
        self.discard_first(&effects, begins, server)
    }

    /// Whether it is not known yet that what another tenant left is gone: only the batch that has DISCARD ALL at its head
    /// is skipped where that fails, and not what comes behind its Sync.
    pub(super) fn waits_for_discard(&self, server: &ServerState) -> bool {
        server.role.leftover == Leftover::Leaving
            && self.pipeline.has_outstanding()
            && !self.pipeline.is_unsynced()
            // Then it has run, and its answer was seen before that of the COPY.
            && !self.pipeline.in_copy()
    }

    /// What another tenant left goes first.
    fn discard_first(&mut self, effects: &Effects, begins: bool, server: &mut ServerState) -> Option<Step> {
        if self.pipeline.has_outstanding() {
            return Some(Step::Wait);
        }
        if !begins || self.status != b'I' {
            tracing::error!(
                "a transaction was begun on a server connection that has what another tenant left"
            );
            return Some(Step::Fail(Refusal::fatal(SqlState::INTERNAL_ERROR, "internal error")));
        }
        if effects.role == RoleNeed::Session || effects.has(Effect::DiscardAll) {
            // It cannot run behind another statement.
            return Some(Step::TakeRole);
        }
        self.front.clear();
        server.role.leftover = Leftover::Leaving;
        self.command_first("DISCARD ALL");
        if effects.role == RoleNeed::Transaction {
            self.switch(effects.takes_no_snapshot, server);
        }
        Cleared::without_text(b'B', &self.scope).map(Step::Ahead)
    }

    /// What takes the role by commands: PostgreSQL neither analyses nor plans them. `None` where they cannot say it, or the server would
    /// warn of each; in a block whose isolation level can still be set it does not, and they come as `without_snapshot`.
    fn commands_for_role(&self, without_snapshot: bool, server: &ServerState) -> Option<Vec<String>> {
        let in_block = without_snapshot && self.status == b'T';
        if !in_block && !knows_pipelines(server.version()) {
            return None;
        }
        let seed = server.role.seed.map(|number| format!("SET seed TO {}", seed(number)));
        let mut commands = vec![seed.unwrap_or_else(|| FIRST.to_owned())];
        if self.carries_settings() {
            commands.extend(self.settings().commands_for_transaction()?);
        }
        commands.push(format!("SET LOCAL ROLE {}", self.scope.role));
        Some(commands)
    }

    /// The transaction that had the role has failed, and what was sent in it goes again.
    pub(super) fn role_again(&mut self, server: &mut ServerState) {
        if self.begins_with_something() && !server.role.taken {
            self.switch(false, server);
        }
    }

    /// A command of the proxy's own, by the unnamed statement and portal.
    fn command_first(&mut self, command: &str) {
        let definition = [command.as_bytes(), &[0, 0, 0]].concat();
        write::parse(&mut self.front, b"", &definition);
        write::bind_without_parameters(&mut self.front, b"", b"");
        write::execute(&mut self.front, b"");
        for kind in [Kind::Parse, Kind::Bind, Kind::Execute] {
            self.pipeline.push(Entry::switch(kind));
        }
    }

    /// Puts the messages that take the role into `front`, if need be `without_snapshot`.
    fn switch(&mut self, without_snapshot: bool, server: &mut ServerState) {
        server.role.serves = Some(self.scope.tenant);
        self.role.switched = true;
        self.role.taken += 1;
        if self.is_read_only() {
            return self.make_read_only(server);
        }
        // The client's, if it was that.
        server.unnamed = 0;
        if let Some(commands) = self.commands_for_role(without_snapshot, server) {
            server.role.seed = None;
            return commands.iter().for_each(|command| self.command_first(command));
        }
        let carried = if self.carries_settings() { Arc::clone(self.settings()) } else { Arc::default() };
        let settings: Vec<_> = carried.iter().collect();
        let seed = server.role.seed.take().map(|number| seed(number).to_string());
        let role = self.scope.role.as_str();
        let mut values = vec![seed.as_deref(), Some(role)];
        for (name, value) in &settings {
            values.extend([Some(*name), Some(*value)]);
        }
        write::parse(&mut self.front, b"", &definition(settings.len(), self.scope.hardened));
        write::bind_text(&mut self.front, b"", b"", &values);
        write::execute(&mut self.front, b"");
        for kind in [Kind::Parse, Kind::Bind, Kind::Execute] {
            self.pipeline.push(Entry::switch(kind));
        }
    }

    /// Puts the messages that make the transaction read-only into `front`. Nothing in it can undo that once it has
    /// looked at anything, and the guard refuses what could before. (Not SET LOCAL, of which the server would warn where
    /// it comes first: this setting ends with the transaction anyway.)
    fn make_read_only(&mut self, server: &mut ServerState) {
        server.unnamed = 0;
        self.command_first("SET transaction_read_only TO on");
    }

    /// A statement with these effects is to run.
    pub(super) fn note_control(&mut self, effects: &Effects) {
        self.role.undecided |= effects.controls_transaction;
    }

    /// A statement was sent to run that `ends` the transaction, and the role with it, or begins or ends one.
    pub(super) const fn note_end(&mut self, ends: bool, controls: bool) {
        self.role.switched &= !ends;
        self.role.undecided |= controls;
    }

    /// What a text does behind the end of a transaction needs a role again, and no one can take that in between. Where the
    /// role is taken for the session before, in no block, it has that.
    pub(super) fn loses_role(&self, effects: &Effects, server: &ServerState) -> Option<Refusal> {
        let in_block = self.status != b'I' && !self.pipeline.has_outstanding();
        let loses = effects.goes_on_behind_end
            && self.begins_with_something()
            && !server.role.taken
            && (in_block || self.pipeline.is_unsynced());
        loses.then(|| {
            Refusal::error(
                SqlState::FEATURE_NOT_SUPPORTED,
                "a text that ends the transaction block it is in cannot go on behind that",
            )
            .with_hint("Send what comes behind COMMIT or ROLLBACK as a query of its own.")
        })
    }

    /// A query or a Sync was sent, with which a transaction ends if it is in no block.
    pub(super) fn role_unit_ends(&mut self) {
        if self.status == b'I' && !self.role.undecided {
            self.role.switched = false;
        }
    }

    /// The server is ready for the next query.
    pub(super) fn role_ready(&mut self, server: &mut ServerState) {
        if server.role.leftover == Leftover::Leaving {
            // Had it failed, it would be there again.
            server.role.leftover = Leftover::Nothing;
        }
        if !self.pipeline.has_outstanding() {
            self.role.undecided = false;
            self.role.switched &= self.status != b'I';
        }
    }

    /// The role could not be taken, and what the client sent behind it is skipped: it gets this error, and what
    /// belongs to it.
    pub(super) fn switch_failed(
        &mut self,
        (_, skipped): (Entry, Vec<Entry>),
        body: &[u8],
        server: &mut ServerState,
    ) -> Relay {
        self.role.switched = false;
        let code = view::error_field(body, b'C').unwrap_or_default();
        let expected = [SqlState::QUERY_CANCELED, SqlState::IN_FAILED_SQL_TRANSACTION]
            .iter()
            .any(|known| known.0.as_bytes() == code);
        if !expected || server.role.leftover == Leftover::Leaving {
            // What is there nobody knows.
            server.residue.taint();
        }
        if server.role.leftover == Leftover::Leaving {
            // What the client has sent meanwhile still comes this way.
            server.role.leftover = Leftover::There;
        }
        let query = skipped.iter().any(|entry| !entry.switch && entry.kind == Kind::Query);
        for entry in skipped.into_iter().rev() {
            self.undo(entry, server);
        }
        let fields = view::error_fields(body).filter(|_| expected);
        match fields {
            Some(fields) => {
                let message = view::error_field(body, b'M').unwrap_or_default();
                write::error_with_message(&mut self.replies, &fields, &String::from_utf8_lossy(message));
            }
            None => {
                let text =
                    |field| String::from_utf8_lossy(view::error_field(body, field).unwrap_or_default());
                let (code, message) = (text(b'C'), text(b'M'));
                tracing::error!(%code, %message, tenant = %self.scope.tenant, "the tenant's role cannot be taken");
                self.reply_error(&no_role());
            }
        }
        if !query {
            return Relay::Replace;
        }
        // A client of simple queries sends no Sync.
        self.pipeline.resync();
        self.front.clear();
        write::sync(&mut self.front);
        Relay::Insert
    }

    /// SQL that takes the role for the session.
    #[must_use]
    pub fn sql_for_role(&self) -> String {
        format!("SET ROLE {}", self.scope.role)
    }

    /// It has succeeded.
    pub fn role_taken(&mut self, server: &mut ServerState) {
        server.role.serves = Some(self.scope.tenant);
        server.role.taken = true;
        self.role.taken += 1;
        server.residue.role_taken();
    }
}

/// Whether a SET LOCAL behind another statement of a batch is taken for what it is, and not warned of, in the
/// client's sight and in the server's log: PostgreSQL's minor releases of November 2024.
const fn knows_pipelines((major, minor): (u32, u32)) -> bool {
    match major {
        0..=14 => false,
        15 => minor >= 9,
        16 => minor >= 5,
        17 => minor >= 1,
        _ => true,
    }
}

/// A seed of `random()`, between -1 and 1.
fn seed(number: i32) -> f64 {
    f64::from(number) / 2_147_483_648.0
}

/// Parse's text and parameter types: the seed, the role, then names and values of settings. The role comes last.
fn definition(settings: usize, hardened: bool) -> Vec<u8> {
    let schema = if hardened { "pgtenant_guard" } else { "pg_catalog" };
    let mut text = "SELECT pg_catalog.setseed($1::pg_catalog.float8)".to_owned();
    for n in 0..settings {
        let (name, value) = (2 * n + 3, 2 * n + 4);
        text.push_str(&format!(
            ",{schema}.set_config(${name}::pg_catalog.text,${value}::pg_catalog.text,true)"
        ));
    }
    text.push_str(&format!(",{schema}.set_config('role',$2::pg_catalog.text,true)"));
    [text.as_bytes(), &[0, 0, 0]].concat()
}

/// What a client is told where its statement cannot run.
#[must_use]
pub fn no_role() -> Refusal {
    Refusal::error(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "the server does not give the tenant's role")
        .with_hint("The proxy's log says why; ask the operator.")
}
