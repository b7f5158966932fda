//! At level `shared`, and of a client that only reads, a text must be read by the server as the guard has read it.
//!
//! Code that runs there may set `standard_conforming_strings` or `client_encoding` out of the guard's sight. The server tells of that ahead
//! of its next ReadyForQuery, and then the connection is closed; but what comes behind it in the same batch, or in one that is sent
//! before that answer, it reads by the new setting: a string that ends elsewhere is another statement. Most texts are the same by any: those
//! of ASCII without a backslash. Others have to wait, or get both settings right ahead of them.

use crate::guard::{Cleared, Effects};
use crate::session::pipeline::{Entry, Kind};
use crate::session::{ServerState, Session, Step};
use crate::wire::write;

/// What makes the server read a text as it was judged.
const AS_JUDGED: [&str; 2] = ["SET standard_conforming_strings TO on", "SET client_encoding TO 'UTF8'"];

/// Their portal: the unnamed one may be the client's, and half read.
const PORTAL: &[u8] = b"pgtenant_reading";

/// Whether every server reads it in the same way, whatever these settings are.
fn is_read_alike(text: &[u8]) -> bool {
    text.is_ascii() && !text.contains(&b'\\')
}

impl Session {
    /// Something was sent that may change how texts are read: also to parse and to bind a statement can run code, of a domain or of a
    /// function that is said to be immutable.
    pub(super) fn may_read_otherwise(&mut self, effects: &Effects) {
        self.reads_otherwise |= !(effects.controls_transaction && effects.statements == 1);
    }

    /// What has to come first, or to be waited for, so that the server reads this text as it was judged.
    pub(super) fn reads_as_judged(&mut self, text: &[u8], server: &mut ServerState) -> Option<Step> {
        let is_safe = !self.begins_with_something() || !self.reads_otherwise || is_read_alike(text);
        if is_safe || self.pipeline.ends_with_reading() {
            return None;
        }
        if !self.pipeline.is_unsynced() {
            // By the answer it is known.
            return self.pipeline.has_outstanding().then_some(Step::Wait);
        }
        self.front.clear();
        server.unnamed = 0;
        for command in AS_JUDGED {
            write::parse(&mut self.front, b"", &[command.as_bytes(), &[0, 0, 0]].concat());
            write::bind_without_parameters(&mut self.front, PORTAL, b"");
            write::execute(&mut self.front, PORTAL);
            write::close_portal(&mut self.front, PORTAL);
            for kind in [Kind::Parse, Kind::Bind, Kind::Execute] {
                self.pipeline.push(Entry::switch(kind));
            }
            self.pipeline.push(Entry { reading: true, ..Entry::switch(Kind::Close) });
        }
        Cleared::without_text(b'B', &self.scope).map(Step::Ahead)
    }
}
