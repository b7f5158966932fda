//! What has to go to a server before a prepared statement can be used there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::SqlState;
use crate::guard::{Cleared, Effect, Effects};
use crate::session::params::is_reading;
use crate::session::pin::PinReason;
use crate::session::pipeline::{Entry, Kind, Replaced, Undo};
use crate::session::reuse::is_plain;
use crate::session::statements::{OnServer, Readiness, Statement, Told, server_name};
use crate::session::{Refusal, ServerState, Session, Step, Unnamed};
use crate::wire::write;

/// Sent before a statement that would read what another session of the tenant left.
pub(super) const DISCARD_SEQUENCES: &str = "DISCARD SEQUENCES";
/// Sent before what stands in for a refused statement that would have ended the transaction block.
pub(super) const ROLLBACK: &str = "ROLLBACK";
/// Name of the statement and portal that these have in the extended protocol.
const FIRST_NAME: &[u8] = b"pgtenant_first";

/// Unnamed statements a client's requests in flight may keep, and how long each may be.
const MAX_KEPT: usize = 64;
const MAX_KEPT_BYTES: usize = 64 << 10;

/// Makes each client's unnamed statement distinguishable from any other's.
static NEXT_UNNAMED: AtomicU64 = AtomicU64::new(1);

impl Session {
    /// The settings by which the constants of a statement are read that is prepared now.
    pub(super) fn reading(&self) -> Arc<[u8]> {
        if !self.tracking.reading_is_uncertain() {
            return self.settings().reading();
        }
        // Nobody knows yet: it is nobody else's.
        Arc::from(NEXT_UNNAMED.fetch_add(1, Ordering::Relaxed).to_be_bytes())
    }

    /// Whether the client was told the columns that its statement returns on this server connection.
    pub(super) fn was_told(&self, statement: &Statement, server: &ServerState) -> Told {
        // In a failed transaction nothing runs.
        if self.status == b'E' { Told::Right } else { server.statements.told(statement) }
    }

    /// Has the statement prepared and described, ahead of what would run it.
    pub(super) fn verify(&mut self, statement: &Arc<Statement>, server: &mut ServerState) {
        self.ensure_on_server(statement, server);
        write::describe_statement(&mut self.front, statement.server_name().as_bytes());
        write::flush(&mut self.front);
        let describe =
            Entry { uses: Some(Arc::clone(statement)), bars: true, ..Entry::hidden(Kind::Describe) };
        self.pipeline.push(describe);
    }

    /// Puts the Parse of a named statement into `front` if the server lacks it, or has it from before the client's.
    pub(super) fn ensure_on_server(&mut self, statement: &Arc<Statement>, server: &mut ServerState) {
        self.notebook.uses(statement);
        if let Readiness::Missing(old) = server.statements.need(statement) {
            self.close_on_server(old);
            write::parse(&mut self.front, statement.server_name().as_bytes(), statement.definition());
            let prepares = Some(statement.number());
            self.pipeline.push(Entry { prepares, ..Entry::hidden(Kind::Parse) });
        }
    }

    pub(super) fn close_on_server(&mut self, closes: Option<OnServer>) {
        if let Some(OnServer { number, .. }) = closes {
            write::close_statement(&mut self.front, server_name(number).as_bytes());
            self.pipeline.push(Entry { closes, ..Entry::hidden(Kind::Close) });
        }
    }

    /// Puts the Parse of the unnamed statement into `front` if the server has another.
    pub(super) fn ensure_unnamed(&mut self, server: &mut ServerState) -> Result<(), Refusal> {
        if !self.unnamed.is_there {
            return Err(Refusal::error(
                SqlState::INVALID_SQL_STATEMENT_NAME,
                "unnamed prepared statement does not exist",
            ));
        }
        if server.unnamed != self.unnamed.token {
            write::parse(&mut self.front, b"", &self.unnamed.definition);
            let before = std::mem::replace(&mut server.unnamed, self.unnamed.token);
            let replaced = Replaced { client: None, server: before, kept: Arc::clone(&self.kept) };
            let undo = Undo::Unnamed(self.unnamed.token, Some(Box::new(replaced)));
            self.pipeline.push(Entry { undo, ..Entry::hidden(Kind::Parse) });
        }
        Ok(())
    }

    pub(super) fn set_unnamed(
        &mut self,
        definition: &[u8],
        effects: Arc<Effects>,
        server: &mut ServerState,
    ) -> Undo {
        let undo = self.drop_unnamed(Some(server));
        self.unnamed.definition.clear();
        self.unnamed.definition.extend_from_slice(definition);
        self.unnamed.effects = effects;
        self.unnamed.is_there = true;
        undo
    }

    /// What this stands for on servers is the client's unnamed statement. The one that a server has stays.
    pub(super) fn set_reused(&mut self, statement: &Arc<Statement>) -> Undo {
        let undo = self.drop_unnamed(None);
        self.unnamed.effects = Arc::clone(statement.effects());
        self.unnamed.reused = Some(Arc::clone(statement));
        self.unnamed.is_there = true;
        undo
    }

    /// What the client means by this name, where servers have it by another.
    pub(super) fn statement_of(&self, name: &[u8]) -> Option<&Arc<Statement>> {
        if !name.is_empty() {
            return self.names.get(name);
        }
        self.unnamed.reused.as_ref().filter(|_| self.unnamed.is_there)
    }

    /// What stands for an unnamed statement of this definition, where it is prepared on servers under a name. Not where the same
    /// text may mean something else than the last time, for what the transaction did or for what the client keeps.
    pub(super) fn reusable(&mut self, definition: &[u8], effects: &Arc<Effects>) -> Option<Arc<Statement>> {
        let is_as_usual = !self.changes_schema
            && !self.pins.is_uncertain()
            && matches!(self.pins.first(), None | Some(PinReason::Sequence))
            && !self.tracking.reading_is_uncertain()
            && self.status != b'E'
            // In a block that this fails there is no ParseComplete.
            && !self.pipeline.has_batch_outstanding();
        if !is_as_usual || !self.commons.reuses_unnamed() || !is_plain(effects) {
            return None;
        }
        let settings = self.tracking.settings();
        let key = if settings.iter().any(|(name, _)| is_reading(name)) {
            self.front.clear();
            self.front.extend_from_slice(definition);
            settings.put_reading(&mut self.front);
            &self.front
        } else {
            definition
        };
        let statement = self.commons.statements.reuse(key, definition.len(), effects)?;
        // The guard may say something else of it than when it came first: its rules can change.
        let is_judged_so = Arc::ptr_eq(statement.effects(), effects) || statement.effects() == effects;
        is_judged_so.then_some(statement)
    }

    /// There is no unnamed statement any more. Gives what to undo if the server skips what did that.
    pub(super) fn drop_unnamed(&mut self, server: Option<&mut ServerState>) -> Undo {
        let token = NEXT_UNNAMED.fetch_add(1, Ordering::Relaxed);
        let before = server.map_or(0, |server| std::mem::replace(&mut server.unnamed, token));
        let keeps = self.pipeline.may_skip()
            && self.unnamed.definition.len() <= MAX_KEPT_BYTES
            && Arc::strong_count(&self.kept) <= MAX_KEPT;
        let replaced = keeps.then(|| {
            let client = Some(std::mem::take(&mut self.unnamed));
            Box::new(Replaced { client, server: before, kept: Arc::clone(&self.kept) })
        });
        (self.unnamed.deallocates, self.unnamed.reused) = (None, None);
        (self.unnamed.token, self.unnamed.is_there) = (token, false);
        Undo::Unnamed(token, replaced)
    }

    /// The request that set the unnamed statement of this token failed: there is none, unless another was
    /// set since.
    pub(super) fn unnamed_failed(&mut self, token: u64, hidden: bool, server: &mut ServerState) {
        // What the proxy prepared on its own the client still has.
        self.unnamed.is_there &= hidden || self.unnamed.token != token;
        if server.unnamed == token {
            server.unnamed = 0;
        }
    }

    /// The request that set the unnamed statement of this token was skipped: what was there before is still.
    pub(super) fn unnamed_skipped(&mut self, token: u64, before: Replaced, server: &mut ServerState) {
        let mut client = before.client;
        if client.is_some() && self.unnamed.token == token {
            self.unnamed = client.take().unwrap_or_default();
        }
        if server.unnamed == token {
            server.unnamed = before.server;
        }
        // Or a later request has replaced what this one would have set.
        let is_of = |unnamed: &Unnamed| unnamed.token == token;
        for later in self.pipeline.replaced() {
            if client.is_some() && later.client.as_ref().is_some_and(is_of) {
                later.client = client.take();
            }
            if later.server == token {
                later.server = before.server;
            }
        }
    }

    /// Whether what another session left would be read. `true` once: the caller has it discarded.
    pub(super) fn must_discard_sequences(&self, effects: &Effects, server: &mut ServerState) -> bool {
        let foreign = server.sequences_of != 0 && server.sequences_of != self.id;
        if !foreign || self.status == b'E' || !effects.has(Effect::ReadsSequence) {
            return false;
        }
        server.sequences_of = 0;
        true
    }

    /// A simple query deallocates what was prepared by protocol message: the server does not know it by this name.
    /// With a `server` an extended batch is open, which a simple query ends, as a Sync does.
    pub(super) fn deallocate_here(&mut self, server: Option<&mut ServerState>, cleared: Cleared) -> Step {
        let ends_batch = server.is_some();
        self.drop_unnamed(server);
        if ends_batch {
            self.pipeline.push(Entry::own(&write::DEALLOCATE_COMPLETE));
            self.pipeline.push_sync();
            self.front.clear();
            write::sync(&mut self.front);
            return Step::Substitute(cleared);
        }
        self.replies.extend_from_slice(&write::DEALLOCATE_COMPLETE);
        self.reply_ready();
        Step::Drop
    }

    /// Puts messages into `front` that run this first, unseen by the client. A simple query would end a batch that
    /// is open.
    pub(super) fn run_first(&mut self, sql: &'static str, simple: bool) {
        if simple {
            write::query(&mut self.front, sql);
            return self.pipeline.push(Entry::hidden(Kind::Query));
        }
        let definition = [sql.as_bytes(), &[0, 0, 0]].concat();
        write::parse(&mut self.front, FIRST_NAME, &definition);
        write::bind_without_parameters(&mut self.front, FIRST_NAME, FIRST_NAME);
        write::execute(&mut self.front, FIRST_NAME);
        write::close_statement(&mut self.front, FIRST_NAME);
        for kind in [Kind::Parse, Kind::Bind, Kind::Execute, Kind::Close] {
            self.pipeline.push(Entry::hidden(kind));
        }
    }
}
