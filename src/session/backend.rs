//! The backend half of [`Session`]: what becomes of each message from a server.

use crate::error::SqlState;
use crate::session::frontend::changed_columns;
use crate::session::params::Settings;
use crate::session::pipeline::{Entry, Kind, Turn, Undo};
use crate::session::statements::{Statement, number_of};
use crate::session::{Relay, ServerState, Session};
use crate::wire::{view, write};

impl Session {
    /// Whether the body of a backend message of this type (or a long beginning of it) must be there before
    /// [`on_backend`](Self::on_backend). All others pass by their head.
    #[must_use]
    pub fn wants_body(&self, tag: u8) -> bool {
        matches!(tag, b'E' | b'S' | b'Z')
            || (tag == b'T' && self.pipeline.describes_statement())
            || (tag == b'C' && self.pipeline.reads_tag())
    }

    /// Replies of the proxy's own that are due before the next backend message.
    pub fn settle(&mut self) {
        while let Some(reply) = self.pipeline.due() {
            self.replies.extend_from_slice(reply);
        }
    }

    /// Judges one backend message; `body` is whole where [`wants_body`](Self::wants_body) says so. The
    /// caller settles before and after.
    pub fn on_backend(&mut self, tag: u8, body: &[u8], server: &mut ServerState) -> Relay {
        match tag {
            // Rows first: nothing else comes as often.
            b'D' | b'd' => {}
            // What the client is to hear it hears from the hub: names are other ones here, and of all tenants.
            b'A' => return Relay::Swallow,
            b'E' if is_fatal(body) => return Relay::ServerFailed,
            b'S' if changes_how_text_is_read(body) => return Relay::Unjudgeable,
            b'S' => server.note_parameter(body),
            _ => {}
        }
        match self.pipeline.on_backend(tag) {
            Turn::Forward if tag == b'S' && self.is_told_later(body, server) => Relay::Swallow,
            Turn::Forward => Relay::Forward,
            Turn::Swallow => Relay::Swallow,
            Turn::Done(entry) => self.done(entry, body, server),
            Turn::Failed(failed, skipped) if failed.switch => {
                self.switch_failed((failed, skipped), body, server)
            }
            Turn::Failed(failed, skipped) => self.failed(failed, skipped, body, server),
            Turn::Ready(_) if self.healing.is_some() => self.heal(server),
            Turn::Ready(on_success) => match body {
                [status @ (b'I' | b'T' | b'E')] => {
                    self.status = *status;
                    self.turns += 1;
                    self.timed_out = false;
                    self.answered = false;
                    if *status != b'I' {
                        self.tracking.may_be_undone();
                    }
                    self.succeeded(on_success, server);
                    self.role_ready(server);
                    if self.pipeline.is_idle() {
                        self.reads_otherwise = false;
                        if *status == b'I' {
                            self.portals.clear();
                        }
                    }
                    self.ready(server)
                }
                _ => Relay::OutOfStep,
            },
            Turn::Counted => match body {
                [status @ (b'I' | b'T' | b'E')] => {
                    self.status = *status;
                    Relay::Swallow
                }
                _ => Relay::OutOfStep,
            },
            Turn::Probed(readies) => self.probed(readies),
            Turn::Unexpected => Relay::OutOfStep,
        }
    }

    /// The server is ready for the next query: whether the client is to know at once.
    fn ready(&mut self, server: &ServerState) -> Relay {
        if let Some(settings) = self.tracking.take_owed(self.status, self.pipeline.has_outstanding()) {
            self.front.clear();
            write::query(&mut self.front, &settings.sql_from(&Settings::default()));
            self.pipeline.push(Entry { ready: true, ..Entry::hidden(Kind::Query) });
            return Relay::Insert;
        }
        self.compare_with_told(server);
        let tells_later = self.telling.is_later();
        if self.status == b'I' {
            self.transaction_ended();
            if !self.pipeline.has_outstanding() && self.channels.hold(tells_later) {
                return Relay::Swallow;
            }
        }
        if !tells_later {
            return Relay::Forward;
        }
        if self.status == b'I' {
            self.tell_parameters(server);
        } else {
            self.tell_parameters_so_far(server);
        }
        self.reply_ready();
        Relay::Replace
    }

    fn done(&mut self, entry: Entry, body: &[u8], server: &mut ServerState) -> Relay {
        self.succeeded(entry.on_success.by_tag(body), server);
        if let (Kind::Describe, Some(statement)) = (entry.kind, &entry.uses)
            && !statement.is_unnamed()
        {
            server.statements.described(statement.number(), body);
            if !entry.hidden {
                statement.told_columns(body);
            }
        }
        // Also what the proxy sent of its own would go again, but for what takes the role, ahead of all that.
        self.answered |= !entry.switch;
        let becomes = if entry.hidden { Relay::Swallow } else { Relay::Forward };
        if entry.by_tag && body != b"DEALLOCATE\0" {
            // Another portal had that name.
            self.undo(entry, server);
        }
        becomes
    }

    fn failed(&mut self, failed: Entry, skipped: Vec<Entry>, body: &[u8], server: &mut ServerState) -> Relay {
        if let Some(statement) = failed.uses.as_ref().filter(|_| is_stale_plan(body)) {
            server.statements.stale(statement.number());
            self.commons.forget_code();
            self.commons.statements.doubt_unnamed();
            if self.can_heal(&failed, &skipped) {
                self.healing = Some(std::iter::once(failed).chain(skipped).collect());
                return Relay::Swallow;
            }
        }
        self.tracking.may_be_undone();
        // Backwards, so that the oldest name is the one that stands.
        for entry in skipped.into_iter().rev() {
            self.undo(entry, server);
        }
        // What the client sent runs all the same, and says for itself how it ends.
        if failed.hidden && failed.kind == Kind::Query && !failed.ready {
            return Relay::Swallow;
        }
        let (refusal, uses) = (failed.refusal.clone(), failed.uses.clone());
        if let Undo::Unnamed(token, _) = failed.undo {
            self.unnamed_failed(token, failed.hidden, server);
        }
        self.undo(Entry { undo: failed.undo.unless_unnamed(), ..failed }, server);
        match refusal {
            Some(error) => self.replies.extend_from_slice(&error),
            None if self.reply_with_own_name(body, uses.as_deref()) => {}
            None if self.timed_out && self.reply_timed_out(body) => {}
            None => return Relay::Forward,
        }
        Relay::Replace
    }

    /// Whether the batch can go again as if nothing had happened: nothing of it has run or was answered, no
    /// transaction block is open, nothing follows, and the client asks for the columns anew.
    fn can_heal(&self, failed: &Entry, skipped: &[Entry]) -> bool {
        let learns = match failed.kind {
            Kind::Describe => true,
            // Who parses it takes the columns as they are then.
            Kind::Bind if failed.uses.as_ref().is_some_and(|statement| statement.is_unnamed()) => true,
            Kind::Bind => skipped.first().is_some_and(|entry| entry.kind == Kind::Describe),
            _ => false,
        };
        learns
            && self.can_replay
            && !self.answered
            && self.status == b'I'
            && self.pipeline.only_sync_is_left()
    }

    /// The server is ready again: it gets the statement anew, and then the batch once more.
    fn heal(&mut self, server: &mut ServerState) -> Relay {
        let Some(entries) = self.healing.take() else { return Relay::OutOfStep };
        let Some(statement) = entries.first().and_then(|entry| entry.uses.clone()) else {
            return Relay::OutOfStep;
        };
        if !self.can_replay {
            // The room was needed between the error and here: the error comes now.
            self.tracking.may_be_undone();
            entries.into_iter().rev().for_each(|entry| self.undo(entry, server));
            self.reply_error(&changed_columns());
            self.reply_ready();
            return Relay::Replace;
        }
        self.front.clear();
        self.role_again(server);
        self.ensure_on_server(&statement, server);
        entries.into_iter().for_each(|entry| self.pipeline.push(entry));
        self.pipeline.push_sync();
        self.role_unit_ends();
        Relay::Replay
    }

    pub(super) fn undo(&mut self, entry: Entry, server: &mut ServerState) {
        if let Some(number) = entry.prepares {
            server.statements.forget(number);
        }
        if let Some(closed) = entry.closes {
            server.statements.keep(closed);
        }
        match entry.undo {
            Undo::Nothing => {}
            Undo::Forget(name) => {
                self.names.remove(&name);
            }
            Undo::Restore(name, statement) => self.names.insert(&name, statement),
            Undo::Unnamed(token, None) => self.unnamed_failed(token, entry.hidden, server),
            Undo::Unnamed(token, Some(before)) => self.unnamed_skipped(token, *before, server),
        }
    }

    /// The error of what was cancelled because its time was over, in the words of `statement_timeout`. `false`
    /// when it failed for something else.
    fn reply_timed_out(&mut self, body: &[u8]) -> bool {
        if view::error_field(body, b'C') != Some(SqlState::QUERY_CANCELED.0.as_bytes()) {
            return false;
        }
        let Some(fields) = view::error_fields(body) else { return false };
        write::error_with_message(&mut self.replies, &fields, "canceling statement due to statement timeout");
        true
    }

    /// An error that names a statement as the server does names it as the client does. `uses` is the statement
    /// that the failed request was about. `false` when this is no such error.
    fn reply_with_own_name(&mut self, body: &[u8], uses: Option<&Statement>) -> bool {
        let found = || {
            let message = std::str::from_utf8(view::error_field(body, b'M')?).ok()?;
            let (before, rest) = message.split_once("prepared statement \"")?;
            let (name, after) = rest.split_once('"')?;
            let own = String::from_utf8_lossy(self.own_name(number_of(name)?, uses)?);
            Some(format!("{before}prepared statement \"{own}\"{after}"))
        };
        let Some(message) = found() else { return false };
        // Of a very long one only a part is here, and it goes on as it is.
        let Some(fields) = view::error_fields(body) else { return false };
        write::error_with_message(&mut self.replies, &fields, &message);
        true
    }

    /// The client's name for the statement of this number on the server: where it has several, the one of
    /// `uses`. A request behind the failed one may have taken that away already.
    fn own_name(&self, number: u64, uses: Option<&Statement>) -> Option<&[u8]> {
        let used = uses.filter(|statement| statement.number() == number);
        if used.is_some_and(Statement::is_unnamed) {
            return Some(b"");
        }
        used.and_then(|statement| self.names.name_of(statement).or_else(|| self.pipeline.name_of(statement)))
            .or_else(|| self.names.name_of_number(number))
    }
}

/// The guard refuses to let these be set, but code that runs on the server can set them out of its
/// sight. From then on the server would read other statements than the ones that were judged.
fn changes_how_text_is_read(body: &[u8]) -> bool {
    match view::parameter_status(body) {
        Some(("client_encoding", value)) => value != "UTF8",
        Some(("standard_conforming_strings", value)) => value != "on",
        _ => false,
    }
}

/// `cached plan must not change result type`: the name of the C function is not translated.
fn is_stale_plan(body: &[u8]) -> bool {
    view::error_field(body, b'C') == Some(b"0A000")
        && view::error_field(body, b'R') == Some(b"RevalidateCachedQuery")
}

/// Field V is not translated; servers before 9.6 have only S.
fn is_fatal(body: &[u8]) -> bool {
    let severity = view::error_field(body, b'V').or_else(|| view::error_field(body, b'S'));
    matches!(severity, Some(b"FATAL" | b"PANIC"))
}
