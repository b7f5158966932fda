//! The frontend half of [`Session`]: what becomes of each frame from the client. See `naming` for those that name
//! statements and portals, and `copy` for COPY.

use std::sync::Arc;

use crate::error::SqlState;
use crate::guard::{Allowed, Cleared, Deallocated, Effect, Effects, Guard, UNPARSABLE, Verdict};
use crate::session::channels::Before;
use crate::session::pipeline::{Entry, Kind, Undo};
use crate::session::prepared::{DISCARD_SEQUENCES, ROLLBACK};
use crate::session::statements::{MAX_CLIENT_BYTES, Readiness, Statement, is_server_name};
use crate::session::{Denied, OnSuccess, Refusal, ServerState, Session, Step};
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::view;
use crate::wire::write;

/// Room for a Query or Parse around its text: statement name and parameter types.
const TEXT_FRAME_EXTRA: usize = 272 << 10;
/// A name under which a refused Parse can never succeed.
pub(super) const FAILING_NAME: &[u8] = b"pgtenant_refused";

impl Session {
    /// Judges the frame at the front of `frame` (which holds as much of it as was read). `server` is the
    /// connection the client holds, if it holds one.
    pub fn on_frontend(
        &mut self,
        head: FrameHead,
        frame: &[u8],
        server: Option<&mut ServerState>,
        guard: &Guard,
    ) -> Step {
        let have = &frame[..frame.len().min(head.total)];
        let body = have.get(HEAD_BYTES..).unwrap_or_default();
        if self.pipeline.is_skipping() && !matches!(head.tag, b'S' | b'X') {
            self.channels.abandon();
            // The verdict on a text that waited, and is not sent now, is not the next one's.
            self.judged = None;
            return Step::Drop;
        }
        if self.pipeline.in_copy() && !matches!(head.tag, b'd' | b'c' | b'f' | b'H' | b'S' | b'X') {
            let message = format!("unexpected message type {:#04X} during COPY from stdin", head.tag);
            return Step::Fail(Refusal::protocol(message));
        }
        if self.pipeline.is_probing() && head.tag != b'X' {
            return Step::Wait;
        }
        if self.pipeline.copy_is_in_doubt() && !matches!(head.tag, b'd' | b'c' | b'f' | b'H' | b'S' | b'X') {
            return self.await_answers();
        }
        // What comes behind a batch that goes again must not go with it.
        let barred = self.pipeline.is_barred() || self.healing.is_some();
        // Nor may what finds settings that are put back first.
        let owing =
            self.tracking.is_owing() && self.pipeline.has_outstanding() && !self.pipeline.is_unsynced();
        let barred = barred || owing;
        if barred && !matches!(head.tag, b'X' | b'd' | b'c' | b'f') {
            return Step::Wait;
        }
        if self.is_full() && !matches!(head.tag, b'X' | b'd' | b'c' | b'f') {
            return self.await_answers();
        }
        if self.is_shared() && self.pipeline.awaits_query() && !self.pipeline.in_copy() && head.tag != b'X' {
            // Where the role cannot be taken, one query is skipped, and its client sends no Sync.
            return Step::Wait;
        }
        if self.channels.bars(&self.pipeline) && !matches!(head.tag, b'X' | b'd' | b'c' | b'f') {
            return Step::Wait;
        }
        if head.tag != b'X' && server.as_deref().is_some_and(|server| self.waits_for_discard(server)) {
            return Step::Wait;
        }
        let mut server = server;
        if matches!(head.tag, b'D' | b'C' | b'E')
            && let Some(server) = server.as_deref_mut()
            && let Some(step) = self.discard_before_name(server)
        {
            return step;
        }
        if matches!(head.tag, b'P' | b'B' | b'D' | b'C' | b'E')
            && let Some(server) = server.as_deref()
        {
            match self.channels.before(None, self.status != b'I', &self.pipeline, server) {
                Before::Restore => return Step::Restore,
                Before::Wait => return Step::Wait,
                _ => {}
            }
        }
        match head.tag {
            b'Q' | b'P' => self.on_text(head, body, server, guard),
            b'B' => self.on_bind(head, body, frame.get(head.total).copied(), server),
            b'D' | b'C' | b'E' => self.on_naming(head, body, server),
            b'S' | b'H' | b'c' if head.body_len() != 0 => {
                Step::Fail(Refusal::protocol("invalid message format"))
            }
            b'S' => self.on_sync(server),
            b'H' => self.on_flush(server),
            b'd' | b'c' | b'f' => self.on_copy(head),
            b'X' => Step::Terminate,
            b'F' => self.refuse(
                Refusal::error(SqlState::FEATURE_NOT_SUPPORTED, "FunctionCall messages are not supported")
                    .with_detail("They would call a function without a statement that can be judged.")
                    .with_hint("Call the function with SELECT."),
                head.tag,
                server,
            ),
            tag => Step::Fail(Refusal::protocol(format!("invalid frontend message type {tag}"))),
        }
    }

    /// Whether so much is outstanding that nothing more is taken now, although all that the proxy answers itself and whose turn it
    /// is was answered. No message of the server's may come that would have it answered.
    fn is_full(&mut self) -> bool {
        if self.pipeline.is_full() {
            self.settle();
        }
        self.pipeline.is_full()
    }

    /// Answers the frame at the front with an error, because no server connection can be had for it.
    pub fn refuse_without_server(&mut self, refusal: Refusal, tag: u8) {
        self.judged = None;
        self.refuse_here(&refusal, tag);
    }

    /// The longest whole frame with SQL text that is looked at.
    fn max_text_frame(guard: &Guard) -> usize {
        guard.max_statement_bytes() + TEXT_FRAME_EXTRA
    }

    fn on_text(
        &mut self,
        head: FrameHead,
        body: &[u8],
        server: Option<&mut ServerState>,
        guard: &Guard,
    ) -> Step {
        if head.total > Self::max_text_frame(guard) {
            return self.refuse(guard.too_long(head.body_len()).into(), head.tag, server);
        }
        if body.len() < head.body_len() {
            return Step::NeedMore(head.total);
        }
        let parsed = if head.tag == b'Q' { None } else { view::Parse::read(body) };
        let text = if head.tag == b'Q' { view::query(body) } else { parsed.map(|parse| parse.text) };
        let Some(text) = text else { return Step::Fail(Refusal::protocol("invalid message format")) };
        let allowed = match self.judge(text, guard) {
            Ok(allowed) => allowed,
            Err(refusal) => {
                let unnamed = parsed.is_none_or(|parse| parse.name.is_empty());
                return self.refuse_text(refusal, (head.tag, unnamed), server);
            }
        };
        let Some(server) = server else {
            self.wants_sequences = allowed.effects.has(Effect::ReadsSequence);
            self.judged = Some(allowed);
            return Step::NeedServer;
        };
        if head.tag == b'Q' {
            let before =
                self.channels.before(Some(&allowed.effects), self.status != b'I', &self.pipeline, server);
            let before = match before {
                Before::Nothing => self.channels.ask_hub(&allowed.effects),
                before => before,
            };
            let step = match before {
                Before::Nothing => None,
                Before::Wait => Some(Step::Wait),
                Before::Restore => Some(Step::Restore),
                Before::Hub => Some(Step::Hub),
                Before::Refuse(refusal) => return self.refuse(refusal, head.tag, Some(server)),
            };
            if let Some(step) = step {
                self.judged = Some(allowed);
                return step;
            }
        }
        if let Some(Deallocated::Name(name)) = &allowed.effects.deallocates
            && is_server_name(name)
        {
            // Other clients of the tenant count on it.
            return self.refuse(unknown_statement(name.as_bytes()), head.tag, Some(server));
        }
        if let Some(Deallocated::Name(name)) = &allowed.effects.deallocates
            && head.tag == b'Q'
            && self.names.get(name.as_bytes()).is_some()
            && self.pipeline.has_outstanding()
        {
            // What is outstanding may yet change what the name stands for, or have this skipped.
            self.judged = Some(allowed);
            return self.await_answers();
        }
        let sent = allowed.rewritten.as_deref().map_or(text, str::as_bytes);
        let role = if head.tag == b'P' { self.role_first(&allowed.effects, server) } else { None };
        if let Some(step) = role.or_else(|| self.reads_as_judged(sent, server)) {
            self.judged = Some(allowed);
            return step;
        }
        match parsed {
            Some(parse) if head.tag == b'P' => match &allowed.rewritten {
                None => self.on_parse(head, parse, (allowed.cleared, allowed.effects), server),
                Some(text) => {
                    let definition = parse.with_text(text);
                    let rewritten = view::Parse { definition: &definition, ..parse };
                    match self.on_parse(head, rewritten, (allowed.cleared, allowed.effects), server) {
                        Step::Forward(cleared) => {
                            self.front.clear();
                            write::parse(&mut self.front, parse.name, &definition);
                            Step::Rewrite { cleared, consumed: head.total }
                        }
                        step => step,
                    }
                }
            },
            _ => self.on_query(head, allowed, server),
        }
    }

    fn judge(&mut self, text: &[u8], guard: &Guard) -> Result<Allowed, Refusal> {
        if let Some(judged) = self.judged.take() {
            return Ok(judged);
        }
        let text =
            std::str::from_utf8(text).map_err(|error| Refusal::not_utf8(&text[error.valid_up_to()..]))?;
        let verdict = guard.judge(text, &self.scope);
        self.notebook.note(text, &verdict);
        match verdict {
            Verdict::Allow(mut allowed) => {
                self.reports.extend(allowed.reported.take());
                Ok(allowed)
            }
            Verdict::Deny(denial) => {
                self.denials.push(Denied::new(&denial, text));
                Err(denial.into())
            }
        }
    }

    fn on_query(&mut self, head: FrameHead, allowed: Allowed, server: &mut ServerState) -> Step {
        if let Some(refusal) = self.one_pin_too_many(&allowed.effects) {
            return self.refuse(refusal, head.tag, Some(server));
        }
        let unsynced = self.pipeline.is_unsynced();
        if let Some(Deallocated::Name(name)) = &allowed.effects.deallocates
            && (self.status != b'E' || unsynced)
            && self.names.remove(name.as_bytes()).is_some()
        {
            return self.deallocate_here(unsynced.then_some(server), allowed.cleared);
        }
        if let Some(refusal) = self.loses_role(&allowed.effects, server) {
            return self.refuse(refusal, head.tag, Some(server));
        }
        // The last thing before it: where the server is lost in between, a client of queries sends no Sync.
        if let Some(step) = self.role_first(&allowed.effects, server) {
            self.judged = Some(allowed);
            return step;
        }
        let Allowed { cleared, effects, rewritten, .. } = allowed;
        // A simple query destroys the unnamed statement (protocol section "Extended Query").
        let undo = self.drop_unnamed(Some(server));
        self.front.clear();
        if self.must_discard_sequences(&effects, server) {
            self.run_first(DISCARD_SEQUENCES, !self.pipeline.is_unsynced());
        }
        self.apply(&effects, server);
        self.pipeline.push(Entry { undo, on_success: OnSuccess::of(&effects), ..Entry::new(Kind::Query) });
        self.note_control(&effects);
        self.may_read_otherwise(&effects);
        self.note_end(effects.ends_transaction, false);
        self.portals.forget_statement();
        self.role_unit_ends();
        let Some(text) = rewritten else { return self.front_before_frame(cleared) };
        write::query(&mut self.front, &text);
        Step::Rewrite { cleared, consumed: head.total }
    }

    fn on_parse(
        &mut self,
        head: FrameHead,
        parse: view::Parse<'_>,
        (cleared, effects): (Cleared, Arc<Effects>),
        server: &mut ServerState,
    ) -> Step {
        if !parse.name.is_empty() && self.pipeline.is_undecided(parse.name) {
            return Step::Wait;
        }
        self.may_read_otherwise(&effects);
        let own_statement = match &effects.deallocates {
            Some(Deallocated::Name(name)) if self.pipeline.is_undecided(name.as_bytes()) => {
                return Step::Wait;
            }
            Some(Deallocated::Name(name)) => {
                self.names.get(name.as_bytes()).map(|own| (name.as_bytes().into(), Arc::clone(own)))
            }
            _ => None,
        };
        if parse.name.is_empty() {
            let Some(statement) = own_statement else {
                if let Some(statement) = self.reusable(parse.definition, &effects) {
                    return self.parse_reused(head, &statement, cleared, server);
                }
                let undo = self.set_unnamed(parse.definition, effects, server);
                self.pipeline.push(Entry { undo, ..Entry::new(Kind::Parse) });
                return Step::Forward(cleared);
            };
            return self.parse_deallocate(head, statement, (cleared, effects), server);
        }
        if let Some(known) = self.names.get(parse.name).cloned() {
            // The server refuses it for its text, and only then for its name.
            self.front.clear();
            self.ensure_on_server(&known, server);
            write::parse(&mut self.front, known.server_name().as_bytes(), parse.definition);
            self.pipeline.push(Entry { uses: Some(known), ..Entry::new(Kind::Parse) });
            return Step::Rewrite { cleared, consumed: head.total };
        }
        if !self.names.has_room_for(parse.definition) {
            let refusal = Refusal::error(
                SqlState::CONFIGURATION_LIMIT_EXCEEDED,
                format!("prepared statements of one connection exceed {MAX_CLIENT_BYTES} bytes"),
            )
            .with_hint("Close prepared statements that are no longer needed.");
            return self.refuse(refusal, head.tag, Some(server));
        }
        let statement = self.commons.statements.intern(parse.definition, &self.reading(), &effects);
        self.names.insert(parse.name, Arc::clone(&statement));
        let undo = Undo::Forget(parse.name.into());
        self.front.clear();
        let old = server.statements.parsed(&statement);
        self.close_on_server(old);
        write::parse(&mut self.front, statement.server_name().as_bytes(), parse.definition);
        let prepares = Some(statement.number());
        self.pipeline.push(Entry { undo, prepares, ..Entry::new(Kind::Parse) });
        Step::Rewrite { cleared, consumed: head.total }
    }

    /// An unnamed statement that came before: a server that has it need not hear of it.
    fn parse_reused(
        &mut self,
        head: FrameHead,
        statement: &Arc<Statement>,
        cleared: Cleared,
        server: &mut ServerState,
    ) -> Step {
        let undo = self.set_reused(statement);
        match server.statements.need(statement) {
            Readiness::Prepared => {
                self.parses_spared += 1;
                self.pipeline.push(Entry { undo, ..Entry::own(&write::PARSE_COMPLETE) });
                Step::Drop
            }
            Readiness::Missing(old) => {
                self.front.clear();
                self.close_on_server(old);
                write::parse(&mut self.front, statement.server_name().as_bytes(), statement.definition());
                let prepares = Some(statement.number());
                self.pipeline.push(Entry { undo, prepares, ..Entry::new(Kind::Parse) });
                Step::Rewrite { cleared, consumed: head.total }
            }
        }
    }

    /// A client deallocates by SQL what it prepared by message (psycopg does): on the server it has
    /// another name. It is gone when this is executed, not before.
    fn parse_deallocate(
        &mut self,
        head: FrameHead,
        (name, statement): (Box<[u8]>, Arc<Statement>),
        (cleared, effects): (Cleared, Arc<Effects>),
        server: &mut ServerState,
    ) -> Step {
        self.front.clear();
        let definition = [format!("DEALLOCATE {}", statement.server_name()).as_bytes(), &[0, 0, 0]].concat();
        write::parse(&mut self.front, b"", &definition);
        let undo = self.set_unnamed(&definition, effects, server);
        self.unnamed.deallocates = Some((name, statement));
        self.pipeline.push(Entry { undo, ..Entry::new(Kind::Parse) });
        Step::Rewrite { cleared, consumed: head.total }
    }

    fn on_sync(&mut self, server: Option<&mut ServerState>) -> Step {
        let Some(server) = server else {
            self.pipeline.synced_here();
            self.reply_ready();
            return Step::Drop;
        };
        server.statements.next_round();
        self.portals.forget_statement();
        self.pipeline.push_sync();
        self.role_unit_ends();
        Cleared::without_text(b'S', &self.scope).map_or(Step::Drop, Step::Forward)
    }

    fn on_flush(&mut self, server: Option<&mut ServerState>) -> Step {
        self.settle();
        match Cleared::without_text(b'H', &self.scope) {
            Some(cleared) if server.is_some() && self.pipeline.has_outstanding() => Step::Forward(cleared),
            _ => Step::Drop,
        }
    }

    /// Refuses a text. One for the unnamed statement takes that away, as on a server.
    fn refuse_text(
        &mut self,
        refusal: Refusal,
        (tag, unnamed): (u8, bool),
        mut server: Option<&mut ServerState>,
    ) -> Step {
        if !unnamed {
            return self.refuse(refusal, tag, server);
        }
        let undo = self.drop_unnamed(server.as_deref_mut().filter(|_| self.reaches_server()));
        let step = self.refuse(refusal, tag, server);
        if matches!(step, Step::Substitute(_)) {
            self.pipeline.undo_last(undo);
        }
        step
    }

    /// Whether something is outstanding or open on a server, so that it must know of a refusal.
    fn reaches_server(&self) -> bool {
        !self.pipeline.is_idle() || self.in_transaction()
    }

    /// Refuses the frame at the front so that client and server stay in step.
    pub(super) fn refuse(&mut self, refusal: Refusal, tag: u8, server: Option<&mut ServerState>) -> Step {
        // What an open batch has done is undone only if the server hears of the error.
        if server.is_none() || !self.reaches_server() {
            self.refuse_here(&refusal, tag);
            return Step::Drop;
        }
        let mut error = Vec::new();
        write::error(&mut error, &refusal);
        self.front.clear();
        let simple = tag == b'Q' || tag == b'F';
        if refusal.ends_block() {
            self.run_first(ROLLBACK, simple);
        }
        let kind = if simple {
            write::query(&mut self.front, UNPARSABLE);
            Kind::Query
        } else {
            let definition = [UNPARSABLE.as_bytes(), &[0, 0, 0]].concat();
            write::parse(&mut self.front, FAILING_NAME, &definition);
            Kind::Parse
        };
        self.pipeline.push(Entry { refusal: Some(error.into()), ..Entry::new(kind) });
        Step::Substitute(Cleared::for_unparsable(&self.scope))
    }

    /// Nothing is outstanding and neither a batch nor a transaction is open, so no server needs to know.
    fn refuse_here(&mut self, refusal: &Refusal, tag: u8) {
        self.settle();
        self.reply_error(refusal);
        if tag == b'Q' || tag == b'F' {
            self.reply_ready();
        } else {
            self.pipeline.skip_until_sync();
        }
    }

    pub(super) fn reply_error(&mut self, refusal: &Refusal) {
        write::error(&mut self.replies, refusal);
    }

    pub(super) fn reply_ready(&mut self) {
        write::ready_for_query(&mut self.replies, self.status);
    }
}

/// What PostgreSQL says of a statement that its client prepared before the columns changed. postgres.js and
/// pgjdbc go by the routine: the message is translated.
pub(super) fn changed_columns() -> Refusal {
    Refusal::error(SqlState::FEATURE_NOT_SUPPORTED, "cached plan must not change result type")
        .with_routine("RevalidateCachedQuery")
}

pub(super) fn unknown_statement(name: &[u8]) -> Refusal {
    Refusal::error(
        SqlState::INVALID_SQL_STATEMENT_NAME,
        format!("prepared statement \"{}\" does not exist", String::from_utf8_lossy(name)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// postgres.js and pgjdbc prepare again only when they see this name.
    #[test]
    fn error_of_changed_columns_names_the_routine_that_drivers_go_by() {
        let mut out = Vec::new();
        write::error(&mut out, &changed_columns());
        assert_eq!(view::error_field(&out[HEAD_BYTES..], b'R'), Some(&b"RevalidateCachedQuery"[..]));
    }
}
