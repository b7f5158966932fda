//! What has to go to a server before a prepared statement can be used there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::SqlState;
use crate::guard::{Effect, Effects};
use crate::session::pipeline::{Entry, Kind, Undo};
use crate::session::statements::{OnServer, Readiness, Statement, Told, server_name};
use crate::session::{Refusal, ServerState, Session};
use crate::wire::write;

/// Sent before a statement that would read what another session of the tenant left.
pub(super) const DISCARD_SEQUENCES: &str = "DISCARD SEQUENCES";
/// Name of the statement and portal that do so.
const DISCARDING_NAME: &[u8] = b"pgtenant_discard";

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
        let changed = statement.epoch() < self.commons.schema_epoch() && self.status != b'E';
        server.statements.told(statement, changed)
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
        if self.unnamed.token == 0 {
            return Err(Refusal::error(
                SqlState::INVALID_SQL_STATEMENT_NAME,
                "unnamed prepared statement does not exist",
            ));
        }
        if server.unnamed != self.unnamed.token {
            write::parse(&mut self.front, b"", &self.unnamed.definition);
            server.unnamed = self.unnamed.token;
            self.pipeline.push(Entry { undo: Undo::Unnamed, ..Entry::hidden(Kind::Parse) });
        }
        Ok(())
    }

    pub(super) fn set_unnamed(&mut self, definition: &[u8], effects: Arc<Effects>, server: &mut ServerState) {
        self.unnamed.definition.clear();
        self.unnamed.definition.extend_from_slice(definition);
        self.unnamed.effects = effects;
        self.unnamed.deallocates = None;
        self.unnamed.token = NEXT_UNNAMED.fetch_add(1, Ordering::Relaxed);
        server.unnamed = self.unnamed.token;
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

    /// Puts messages into `front` that discard what another session left. In the extended protocol: a Query
    /// would end the batch.
    pub(super) fn discard_sequences_first(&mut self) {
        let definition = [DISCARD_SEQUENCES.as_bytes(), &[0, 0, 0]].concat();
        write::parse(&mut self.front, DISCARDING_NAME, &definition);
        write::bind_without_parameters(&mut self.front, DISCARDING_NAME, DISCARDING_NAME);
        write::execute(&mut self.front, DISCARDING_NAME);
        write::close_statement(&mut self.front, DISCARDING_NAME);
        for kind in [Kind::Parse, Kind::Bind, Kind::Execute, Kind::Close] {
            self.pipeline.push(Entry::hidden(kind));
        }
    }
}
