//! Bind, Describe, Close and Execute: the messages that name a statement or a portal.

use std::sync::Arc;

use crate::error::SqlState;
use crate::guard::{Cleared, Effect, Effects};
use crate::session::channels::Before;
use crate::session::frontend::{changed_columns, unknown_statement};
use crate::session::pin::Pins;
use crate::session::pipeline::{Entry, Kind, Undo};
use crate::session::portals::Deed;
use crate::session::prepared::DISCARD_SEQUENCES;
use crate::session::statements::Told;
use crate::session::{OnSuccess, Refusal, ServerState, Session, Step};
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::view::{self, BindNames, Target};
use crate::wire::write;

/// Longest frame of a type that only names something, and longest front of Bind.
const MAX_NAMING_FRAME: usize = 16 << 10;

impl Session {
    /// `next` is the type of the frame behind it, if that is here.
    pub(super) fn on_bind(
        &mut self,
        head: FrameHead,
        body: &[u8],
        next: Option<u8>,
        server: Option<&mut ServerState>,
    ) -> Step {
        let Some(names) = BindNames::read(body) else { return Self::need_names(head, body) };
        if self.pipeline.is_undecided(names.statement) {
            return Step::Wait;
        }
        let named = self.statement_of(names.statement).map(|statement| statement.effects());
        let effects = Arc::clone(named.unwrap_or(&self.unnamed.effects));
        let Some(server) = server else {
            self.wants_sequences = effects.has(Effect::ReadsSequence);
            return Step::NeedServer;
        };
        if let Some(refusal) = self.one_pin_too_many(&effects).or_else(|| self.one_portal_too_many()) {
            return self.refuse(refusal, head.tag, Some(server));
        }
        let Some(cleared) = Cleared::without_text(head.tag, &self.scope) else { return Step::Drop };
        if let Some(step) =
            self.role_first(&effects, server).or_else(|| self.read_anew(names.statement, server))
        {
            return step;
        }
        self.front.clear();
        if names.statement.is_empty() && !self.unnamed.is_reused() {
            if self.unnamed.token != 0
                && let Some(step) = self.hears_first(&effects, head.tag, server)
            {
                return step;
            }
            if let Err(refusal) = self.ensure_unnamed(server) {
                return self.refuse(refusal, head.tag, Some(server));
            }
            self.bind_effects(&effects, server);
            let deallocates = self.unnamed.deallocates.clone();
            if let Some((_, statement)) = &deallocates {
                // To be deallocated it must be there.
                self.ensure_on_server(statement, server);
            }
            self.portals.bind(names.portal, None, Deed::of(&effects, deallocates));
            self.pipeline.push(Entry::new(Kind::Bind));
            return self.front_before_frame(cleared);
        }
        let Some(statement) = self.statement_of(names.statement).cloned() else {
            return self.refuse(unknown_statement(names.statement), head.tag, Some(server));
        };
        // A client that does not ask for the columns of the portal reads rows by what it was told before.
        if next != Some(b'D') {
            match self.was_told(&statement, server) {
                Told::Right => {}
                Told::Wrong => return self.refuse(changed_columns(), head.tag, Some(server)),
                Told::Unknown => {
                    self.verify(&statement, server);
                    return Step::Ahead(cleared);
                }
            }
        }
        if let Some(step) = self.hears_first(&effects, head.tag, server) {
            return step;
        }
        self.ensure_on_server(&statement, server);
        self.bind_effects(&effects, server);
        let rest = head.body_len() - names.len;
        write::bind_front(&mut self.front, names.portal, statement.server_name().as_bytes(), rest);
        self.portals.bind(names.portal, Some(Arc::clone(&statement)), Deed::of(&effects, None));
        self.pipeline.push(Entry { uses: Some(statement), ..Entry::new(Kind::Bind) });
        Step::Rewrite { cleared, consumed: HEAD_BYTES + names.len }
    }

    /// The server may have to parse the statement for this: what comes first, so that it reads that as it was judged.
    fn read_anew(&mut self, name: &[u8], server: &mut ServerState) -> Option<Step> {
        if !self.begins_with_something() || !self.reads_otherwise {
            return None;
        }
        match self.statement_of(name).cloned() {
            Some(statement) if server.statements.has(&statement) => None,
            Some(statement) => self.reads_as_judged(text_of(statement.definition()), server),
            None if server.unnamed == self.unnamed.token => None,
            None => {
                let definition = std::mem::take(&mut self.unnamed.definition);
                let step = self.reads_as_judged(text_of(&definition), server);
                self.unnamed.definition = definition;
                step
            }
        }
    }

    /// What is in the way of binding a statement with these effects, for the hub or from it.
    fn hears_first(&mut self, effects: &Arc<Effects>, tag: u8, server: &mut ServerState) -> Option<Step> {
        match self.channels.ask_hub(effects) {
            Before::Hub => Some(Step::Hub),
            Before::Refuse(refusal) => Some(self.refuse(refusal, tag, Some(server))),
            _ => None,
        }
    }

    /// What pins is refused where it would be one pin too many. In a transaction block nobody knows yet
    /// whether it will last.
    pub(super) fn one_pin_too_many(&self, effects: &Effects) -> Option<Refusal> {
        let full = self.commons.pinned() >= self.commons.limits().max_pinned;
        let reason = Pins::may_begin(effects).filter(|_| full && !self.counted && !self.in_transaction())?;
        Some(self.too_many_pinned(reason))
    }

    /// What may be executed behind others is remembered, and that is bounded.
    fn one_portal_too_many(&self) -> Option<Refusal> {
        let refusal = Refusal::error(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many portals in one transaction");
        (!self.portals.has_room())
            .then(|| refusal.with_hint("Close portals that are no longer needed, and commit."))
    }

    fn bind_effects(&mut self, effects: &Arc<Effects>, server: &mut ServerState) {
        if self.must_discard_sequences(effects, server) {
            self.run_first(DISCARD_SEQUENCES, false);
        }
        self.apply(effects, server);
        self.may_read_otherwise(effects);
        self.note_control(effects);
    }

    /// Describe, Close and Execute: short, and whole before they are looked at.
    pub(super) fn on_naming(
        &mut self,
        head: FrameHead,
        body: &[u8],
        server: Option<&mut ServerState>,
    ) -> Step {
        if body.len() < head.body_len() {
            return Self::need_names(head, body);
        }
        let Some(server) = server else { return Step::NeedServer };
        let Some(cleared) = Cleared::without_text(head.tag, &self.scope) else { return Step::Drop };
        if head.tag == b'E' {
            let Some((portal, [_, _, _, _])) = view::cstr(body) else {
                return Step::Fail(Refusal::protocol("invalid message format"));
            };
            let deed = self.portals.execute(view::as_kept(portal));
            let on_success = deed.on_success;
            let mut entry = Entry { on_success, ..Entry::new(Kind::Execute) };
            if let Some((name, statement)) = deed.deallocates {
                self.names.remove(&name);
                entry.closes = server.statements.forget(statement.number());
                entry.undo = Undo::Restore(name, statement);
                entry.by_tag = true;
            }
            self.pipeline.push(entry);
            self.note_end(deed.ends_transaction, deed.controls_transaction);
            if on_success == OnSuccess::NOTHING {
                return Step::Forward(cleared);
            }
            // The client's Sync waits for the answer, so the answer must not wait for the Sync.
            self.front.clear();
            write::execute_and_flush(&mut self.front, body);
            return Step::Rewrite { cleared, consumed: head.total };
        }
        match (head.tag, view::target(body)) {
            (_, None) => Step::Fail(Refusal::protocol("invalid message format")),
            (b'C', Some(Target::Portal(_))) => {
                self.portals.forget_statement();
                self.pipeline.push(Entry::new(Kind::Close));
                Step::Forward(cleared)
            }
            (b'C', Some(Target::Statement(name))) => self.on_close_statement(name, cleared, server),
            (_, Some(Target::Portal(portal))) => {
                // pgjdbc learns the columns of its statements so, once.
                let uses = self.portals.statement_of(portal).cloned();
                self.pipeline.push(Entry { uses, ..Entry::new(Kind::Describe) });
                Step::Forward(cleared)
            }
            (_, Some(Target::Statement(name))) => self.on_describe_statement(head, name, cleared, server),
        }
    }

    fn on_close_statement(&mut self, name: &[u8], cleared: Cleared, server: &mut ServerState) -> Step {
        if name.is_empty() {
            let undo = self.drop_unnamed(Some(server));
            self.pipeline.push(Entry { undo, ..Entry::new(Kind::Close) });
            return Step::Forward(cleared);
        }
        if self.pipeline.is_undecided(name) {
            return Step::Wait;
        }
        // Other clients of the tenant may use it on the server; it leaves there when unused longest.
        let undo = self.names.remove(name).map_or(Undo::Nothing, |old| Undo::Restore(name.into(), old));
        self.pipeline.push(Entry { undo, ..Entry::own(&write::CLOSE_COMPLETE) });
        Step::Drop
    }

    fn on_describe_statement(
        &mut self,
        head: FrameHead,
        name: &[u8],
        cleared: Cleared,
        server: &mut ServerState,
    ) -> Step {
        if self.pipeline.is_undecided(name) {
            return Step::Wait;
        }
        let named = self.statement_of(name).map(|statement| statement.effects());
        let effects = Arc::clone(named.unwrap_or(&self.unnamed.effects));
        if let Some(step) = self.role_first(&effects, server).or_else(|| self.read_anew(name, server)) {
            return step;
        }
        self.may_read_otherwise(&effects);
        self.front.clear();
        if name.is_empty() && !self.unnamed.is_reused() {
            if let Err(refusal) = self.ensure_unnamed(server) {
                return self.refuse(refusal, head.tag, Some(server));
            }
            self.pipeline.push(Entry::new(Kind::Describe));
            return self.front_before_frame(cleared);
        }
        let Some(statement) = self.statement_of(name).cloned() else {
            return self.refuse(unknown_statement(name), head.tag, Some(server));
        };
        self.ensure_on_server(&statement, server);
        write::describe_statement(&mut self.front, statement.server_name().as_bytes());
        self.pipeline.push(Entry { uses: Some(statement), ..Entry::new(Kind::Describe) });
        Step::Rewrite { cleared, consumed: head.total }
    }

    pub(super) fn front_before_frame(&self, cleared: Cleared) -> Step {
        if self.front.is_empty() { Step::Forward(cleared) } else { Step::Rewrite { cleared, consumed: 0 } }
    }

    fn need_names(head: FrameHead, body: &[u8]) -> Step {
        if body.len() >= head.body_len() || body.len() >= MAX_NAMING_FRAME {
            return Step::Fail(Refusal::protocol("invalid message format"));
        }
        Step::NeedMore(head.total.min(MAX_NAMING_FRAME + HEAD_BYTES))
    }
}

/// The text of a definition.
fn text_of(definition: &[u8]) -> &[u8] {
    view::cstr(definition).map_or(definition, |(text, _)| text)
}
