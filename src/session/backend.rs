//! The backend half of [`Session`]: what becomes of each message from a server.

use crate::session::pipeline::{Entry, Turn, Undo};
use crate::session::{Relay, ServerState, Session};
use crate::wire::view;

impl Session {
    /// Whether the body of a backend message of this type (or a long beginning of it) must be there before
    /// [`on_backend`](Self::on_backend). All others pass by their head.
    #[must_use]
    pub const fn wants_body(tag: u8) -> bool {
        matches!(tag, b'E' | b'S' | b'Z')
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
            Turn::Forward => Relay::Forward,
            Turn::Swallow => Relay::Swallow,
            Turn::Done(entry) => self.done(&entry, server),
            Turn::Failed(failed, skipped) => self.failed(failed, skipped, server),
            Turn::Ready(on_success) => match body {
                [status @ (b'I' | b'T' | b'E')] => {
                    self.status = *status;
                    if *status != b'I' {
                        self.tracking.may_be_undone();
                    }
                    self.succeeded(on_success, server);
                    if *status == b'I' && !self.pipeline.has_outstanding() && self.channels.hold() {
                        return Relay::Swallow;
                    }
                    Relay::Forward
                }
                _ => Relay::OutOfStep,
            },
            Turn::Unexpected => Relay::OutOfStep,
        }
    }

    fn done(&mut self, entry: &Entry, server: &mut ServerState) -> Relay {
        self.succeeded(entry.on_success, server);
        if entry.hidden { Relay::Swallow } else { Relay::Forward }
    }

    fn failed(&mut self, failed: Entry, skipped: Vec<Entry>, server: &mut ServerState) -> Relay {
        self.tracking.may_be_undone();
        // Backwards, so that the oldest name is the one that stands.
        for entry in skipped.into_iter().rev() {
            self.undo(entry, server);
        }
        let refusal = failed.refusal.clone();
        self.undo(failed, server);
        match refusal {
            Some(error) => {
                self.replies.extend_from_slice(&error);
                Relay::Replace
            }
            None => Relay::Forward,
        }
    }

    fn undo(&mut self, entry: Entry, server: &mut ServerState) {
        if let Some(number) = entry.prepares {
            server.statements.forget(number);
        }
        if let Some(number) = entry.closes {
            server.statements.keep(number);
        }
        match entry.undo {
            Undo::Nothing => {}
            Undo::Forget(name) => {
                self.names.remove(&name);
            }
            Undo::Restore(name, statement) => self.names.insert(&name, statement),
            Undo::Unnamed => {
                self.unnamed.token = 0;
                server.unnamed = 0;
            }
        }
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

/// Field V is not translated; servers before 9.6 have only S.
fn is_fatal(body: &[u8]) -> bool {
    let severity = view::error_field(body, b'V').or_else(|| view::error_field(body, b'S'));
    matches!(severity, Some(b"FATAL" | b"PANIC"))
}
