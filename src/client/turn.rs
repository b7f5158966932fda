//! [`Turn`]: how much of what a client sends is looked at before others have their turn.
//!
//! Whatever a client sends costs less to send than to answer: a megabyte of Sync is 200,000 messages. The runtime interrupts
//! nobody; a task that finds more to do each time it looks keeps its thread, and all who are served by that wait.

use std::pin::pin;
use std::task::Context;

use crate::wire::frame::FrameHead;

/// Frames in a turn.
const FRAMES: usize = 256;

/// A statement counts as so many frames: one that is refused costs several times what Sync does. How many times was reckoned, not
/// measured.
const STATEMENT: usize = 8;

/// So many bytes of a statement count as another frame, since they may have to be parsed.
const TEXT_BYTES: usize = 128;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn(usize);

impl Turn {
    /// A whole one.
    pub(super) const fn begin() -> Self {
        Self(FRAMES)
    }

    /// A frame is looked at.
    pub(super) fn spend(&mut self, head: FrameHead) {
        let cost = if matches!(head.tag, b'Q' | b'P') { STATEMENT + head.body_len() / TEXT_BYTES } else { 1 };
        self.0 = self.0.saturating_sub(cost);
    }

    /// Whether others come first now.
    pub(super) const fn is_over(self) -> bool {
        self.0 == 0
    }

    /// The task goes on when all who can have had their turn, and the sockets were looked at.
    pub(super) fn pass_on(cx: &mut Context<'_>) {
        // Its first poll only notes the waker for then.
        let _ = pin!(tokio::task::yield_now()).as_mut().poll(cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(tag: u8, total: usize) -> FrameHead {
        FrameHead { tag, total }
    }

    #[test]
    fn turn_ends_after_so_many_frames_and_sooner_with_long_statements() {
        let mut turn = Turn::begin();
        for _ in 0..FRAMES {
            assert!(!turn.is_over());
            turn.spend(head(b'S', 5));
        }
        assert!(turn.is_over());
        let mut turn = Turn::begin();
        for _ in 0..FRAMES / STATEMENT {
            assert!(!turn.is_over());
            turn.spend(head(b'Q', 11));
        }
        assert!(turn.is_over());
        let mut turn = Turn::begin();
        turn.spend(head(b'P', 16 << 10));
        assert!(!turn.is_over());
        turn.spend(head(b'Q', 16 << 10));
        assert!(turn.is_over());
    }

    #[test]
    fn data_that_are_only_passed_on_end_no_turn() {
        let mut turn = Turn::begin();
        turn.spend(head(b'd', 1 << 30));
        turn.spend(head(b'B', 1 << 30));
        assert!(!turn.is_over());
    }
}
