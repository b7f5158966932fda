//! COPY FROM STDIN in [`Session`]: its data, and the Syncs within them.

use crate::guard::Cleared;
use crate::session::frontend::FAILING_NAME;
use crate::session::{Relay, Session, Step};
use crate::wire::frame::FrameHead;
use crate::wire::write;

impl Session {
    /// CopyData, CopyDone or CopyFail.
    pub(super) fn on_copy(&mut self, head: FrameHead) -> Step {
        if !self.pipeline.has_outstanding() && !self.pipeline.in_copy() {
            return Step::Drop; // as the server does outside of COPY
        }
        if head.tag != b'd' {
            self.pipeline.copy_ends();
        }
        Cleared::without_text(head.tag, &self.scope).map_or(Step::Drop, Step::Forward)
    }

    /// A server keeps answers back up to the next Sync or Flush.
    pub(super) fn await_answers(&mut self) -> Step {
        match Cleared::without_text(b'H', &self.scope) {
            Some(cleared) if self.pipeline.must_flush() => {
                self.front.clear();
                write::flush(&mut self.front);
                Step::Ahead(cleared)
            }
            _ => Step::Wait,
        }
    }

    /// What asks the server which Syncs counted, in [`front`](Self::front), when a COPY has failed and only the server
    /// knows.
    pub fn probe(&mut self) -> Option<Cleared> {
        if !self.pipeline.must_probe() {
            return None;
        }
        self.front.clear();
        write::sync(&mut self.front);
        write::close_statement(&mut self.front, FAILING_NAME);
        write::flush(&mut self.front);
        Cleared::without_text(b'S', &self.scope)
    }

    /// A COPY had failed, and the server has said how many Syncs it has answered since.
    pub(super) fn probed(&mut self, readies: usize) -> Relay {
        let Some(before) = readies.checked_sub(1) else { return Relay::Swallow };
        self.answered = false;
        (0..before).for_each(|_| self.reply_ready());
        if self.status == b'I' {
            self.transaction_ended();
            if self.channels.hold(false) {
                return Relay::Replace;
            }
        }
        self.reply_ready();
        Relay::Replace
    }
}
