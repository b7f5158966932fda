//! [`Flow`]: one direction of a relay, in one buffer.
//!
//! ```text
//! |  written  |  ready: may go out  |  unjudged: read, not looked at  |  spare: room to read  |
//!           start                 ready                              end
//! ```
//! Bytes are written from the place they were read to. A frame that passes costs an addition; only a
//! frame that is changed, dropped or added moves the bytes behind it.

/// Room that is made for a frame of which little has arrived.
const FIRST_STEP: usize = 32 << 10;

/// One direction's bytes.
#[derive(Debug, Default)]
pub struct Flow {
    buf: Vec<u8>,
    start: usize,
    ready: usize,
    end: usize,
    /// Bytes still to come of a frame whose head was judged, and what becomes of them.
    rest: usize,
    rest_passes: bool,
    /// From here on what was written is kept, to be written again.
    kept: Option<usize>,
}

impl Flow {
    /// Takes a buffer to read into. Only an empty flow may be given one.
    pub fn lend(&mut self, buf: Vec<u8>) {
        debug_assert!(self.buf.is_empty());
        self.buf = buf;
    }

    /// Gives the buffer back when nothing is in it.
    pub fn reclaim(&mut self) -> Option<Vec<u8>> {
        if self.start != self.end || self.buf.is_empty() || self.kept.is_some() {
            return None;
        }
        (self.start, self.ready, self.end) = (0, 0, 0);
        Some(std::mem::take(&mut self.buf))
    }

    /// Gives the buffer back whatever is in it: nobody wants that any more.
    pub fn abandon(&mut self) -> Vec<u8> {
        std::mem::take(self).buf
    }

    /// Whether a buffer is there to read into.
    #[must_use]
    pub const fn has_buffer(&self) -> bool {
        !self.buf.is_empty()
    }

    /// What may go out.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.buf[self.start..self.ready]
    }

    /// What was read and not looked at yet.
    #[must_use]
    pub fn unjudged(&self) -> &[u8] {
        &self.buf[self.ready..self.end]
    }

    /// Whether nothing is buffered and no frame is half way through.
    #[must_use]
    pub const fn at_frame_boundary(&self) -> bool {
        self.rest == 0 && self.ready == self.end
    }

    /// Whether a frame whose head was passed on is still arriving.
    #[must_use]
    pub const fn mid_frame(&self) -> bool {
        self.rest > 0
    }

    /// `n` bytes of [`pending`](Self::pending) were written.
    pub fn consume(&mut self, n: usize) {
        self.start += n.min(self.ready - self.start);
        self.close_up();
    }

    fn close_up(&mut self) {
        if self.start == self.end && self.kept.is_none() {
            (self.start, self.ready, self.end) = (0, 0, 0);
        }
    }

    /// Keeps what passes from now on, also when it is written, as long as there is room. Only where nothing
    /// waits to be written.
    pub const fn keep(&mut self) {
        self.kept = if self.start == self.ready { Some(self.start) } else { None };
    }

    /// Puts `bytes` behind what may go out, before the unjudged bytes. They are not kept, and what passed before is kept
    /// no more, as it would not be whole without them; what comes behind them is, if they are the first.
    pub fn insert_ahead(&mut self, bytes: &[u8]) {
        let is_first = self.kept == Some(self.ready);
        self.insert(bytes);
        self.kept = if is_first { Some(self.ready) } else { None };
    }

    /// Keeps nothing any more.
    pub fn let_go(&mut self) {
        self.kept = None;
        self.close_up();
    }

    /// Whether what passed since [`keep`](Self::keep) is there as a whole, and was written.
    #[must_use]
    pub fn has_kept(&self) -> bool {
        self.kept.is_some() && self.start == self.ready && self.rest == 0
    }

    /// What was kept may go out again, behind `front`. Nothing happens unless [`has_kept`](Self::has_kept).
    pub fn replay(&mut self, front: &[u8]) {
        let Some(from) = self.kept.take().filter(|_| self.start == self.ready && self.rest == 0) else {
            return;
        };
        self.start = from;
        let new_end = self.end + front.len();
        if new_end > self.buf.len() {
            self.buf.resize(new_end.next_multiple_of(4096), 0);
        }
        self.buf.copy_within(from..self.end, from + front.len());
        self.buf[from..from + front.len()].copy_from_slice(front);
        (self.ready, self.end) = (self.ready + front.len(), new_end);
    }

    /// Room to read into; moves what is there to the front when the tail is short.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.buf.len() - self.end < self.buf.len() / 2 && self.start > 0 {
            self.kept = None;
            self.buf.copy_within(self.start..self.end, 0);
            self.ready -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buf[self.end..]
    }

    /// `n` bytes were read into [`spare`](Self::spare). Those that belong to a frame judged before pass
    /// or go at once.
    pub fn filled(&mut self, n: usize) {
        self.end += n;
        self.settle_rest();
    }

    /// Makes room for a frame of `total` bytes at the front of the unjudged bytes, step by step as it
    /// arrives: who announces a large frame has to send it before it costs memory.
    pub fn reserve(&mut self, total: usize) {
        let step = (self.unjudged().len() * 2).max(FIRST_STEP);
        let need = self.ready + total.min(step);
        if need > self.buf.len() {
            self.buf.resize(need.next_multiple_of(4096), 0);
        }
    }

    /// The frame of `total` bytes at the front may go out, also the part of it that is still to come.
    pub fn pass(&mut self, total: usize) {
        debug_assert_eq!(self.rest, 0);
        (self.rest, self.rest_passes) = (total, true);
        self.settle_rest();
    }

    /// The frame of `total` bytes at the front is thrown away, also the part that is still to come.
    pub fn drop_frame(&mut self, total: usize) {
        debug_assert_eq!(self.rest, 0);
        (self.rest, self.rest_passes) = (total, false);
        self.settle_rest();
    }

    /// Puts `bytes` behind what may go out, before the unjudged bytes.
    pub fn insert(&mut self, bytes: &[u8]) {
        self.replace_front(0, bytes);
    }

    /// Puts `bytes` in the place of the first `n` unjudged bytes; they may go out.
    pub fn replace_front(&mut self, n: usize, bytes: &[u8]) {
        let old_tail = self.ready + n..self.end;
        let new_end = self.ready + bytes.len() + old_tail.len();
        if new_end > self.buf.len() {
            self.buf.resize(new_end.next_multiple_of(4096), 0);
        }
        self.buf.copy_within(old_tail, self.ready + bytes.len());
        self.buf[self.ready..self.ready + bytes.len()].copy_from_slice(bytes);
        self.ready += bytes.len();
        self.end = new_end;
    }

    /// Throws away what was read and not looked at: whoever sent it will not send the rest.
    pub fn forget_unjudged(&mut self) {
        self.end = self.ready;
        self.consume(0);
    }

    fn settle_rest(&mut self) {
        let n = self.rest.min(self.end - self.ready);
        if n == 0 {
            return;
        }
        self.rest -= n;
        if self.rest_passes {
            self.ready += n;
        } else if self.start == self.ready {
            // Nothing waits in front: step over it instead of moving what is behind.
            self.kept = self.kept.filter(|kept| *kept == self.start).map(|kept| kept + n);
            self.start += n;
            self.ready += n;
            self.consume(0);
        } else {
            self.buf.copy_within(self.ready + n..self.end, self.ready);
            self.end -= n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(bytes: &[u8]) -> Flow {
        let mut flow = Flow::default();
        flow.lend(vec![0; 32]);
        flow.spare()[..bytes.len()].copy_from_slice(bytes);
        flow.filled(bytes.len());
        flow
    }

    fn read(flow: &mut Flow, bytes: &[u8]) {
        flow.spare()[..bytes.len()].copy_from_slice(bytes);
        flow.filled(bytes.len());
    }

    #[test]
    fn what_nobody_wants_any_more_keeps_no_buffer_from_the_next() {
        let mut f = flow(b"half of something");
        assert!(f.reclaim().is_none());
        assert_eq!(f.abandon().len(), 32);
        assert!(!f.has_buffer() && f.at_frame_boundary() && f.pending().is_empty());
    }

    #[test]
    fn passed_frames_go_out_from_where_they_were_read() {
        let mut f = flow(b"aabbb");
        f.pass(2);
        assert_eq!((f.pending(), f.unjudged()), (&b"aa"[..], &b"bbb"[..]));
        f.pass(3);
        f.consume(5);
        assert!(f.reclaim().is_some());
    }

    #[test]
    fn rest_of_a_passed_frame_passes_when_it_arrives() {
        let mut f = flow(b"aa");
        f.pass(5);
        assert!(f.mid_frame());
        read(&mut f, b"aaab");
        assert_eq!((f.pending(), f.unjudged()), (&b"aaaaa"[..], &b"b"[..]));
    }

    #[test]
    fn rest_of_a_dropped_frame_is_dropped_when_it_arrives() {
        let mut f = flow(b"xaa");
        f.pass(1);
        f.drop_frame(5);
        read(&mut f, b"aaab");
        assert_eq!((f.pending(), f.unjudged()), (&b"x"[..], &b"b"[..]));
    }

    #[test]
    fn dropping_at_the_front_leaves_an_empty_flow() {
        let mut f = flow(b"aa");
        f.drop_frame(2);
        assert!(f.at_frame_boundary() && f.reclaim().is_some());
    }

    #[test]
    fn forgotten_bytes_are_not_put_in_front_of_what_comes_next() {
        let mut f = flow(b"abb");
        f.pass(1);
        f.forget_unjudged();
        f.insert(b"!");
        assert_eq!((f.pending(), f.unjudged()), (&b"a!"[..], &b""[..]));
        f.consume(2);
        assert!(f.reclaim().is_some());
    }

    #[test]
    fn replacement_and_insertion_keep_the_order() {
        let mut f = flow(b"aab");
        f.replace_front(2, b"XYZW");
        f.insert(b"!");
        assert_eq!((f.pending(), f.unjudged()), (&b"XYZW!"[..], &b"b"[..]));
        f.replace_front(1, &[b'q'; 5000]);
        assert_eq!(f.pending().len(), 5005);
    }

    #[test]
    fn what_was_kept_goes_out_again_behind_something_else_and_before_what_follows() {
        let mut f = flow(b"xaab");
        f.drop_frame(1);
        f.keep();
        f.pass(2);
        f.consume(2);
        assert!(f.reclaim().is_none() && f.has_kept());
        f.replay(b"[new]");
        assert_eq!((f.pending(), f.unjudged()), (&b"[new]aa"[..], &b"b"[..]));
        f.pass(1);
        assert_eq!(f.pending(), b"[new]aab");
        f.consume(8);
        assert!(f.reclaim().is_some());
    }

    #[test]
    fn what_is_inserted_ahead_of_all_that_is_kept_does_not_go_again() {
        let mut f = flow(b"aab");
        f.keep();
        f.insert_ahead(b"[role]");
        f.pass(2);
        assert_eq!(f.pending(), b"[role]aa");
        f.consume(8);
        assert!(f.has_kept());
        f.replay(b"[new]");
        assert_eq!((f.pending(), f.unjudged()), (&b"[new]aa"[..], &b"b"[..]));
        // In the middle of what is kept it would be missing from that.
        let mut f = flow(b"aab");
        f.keep();
        f.pass(1);
        f.insert_ahead(b"!");
        f.pass(1);
        f.consume(3);
        assert!(!f.has_kept());
    }

    #[test]
    fn what_was_kept_is_lost_when_room_is_needed_or_something_between_was_dropped() {
        let mut f = flow(b"aaab");
        f.keep();
        f.pass(1);
        f.consume(1);
        f.drop_frame(1);
        assert!(!f.has_kept());
        let mut f = flow(&[b'a'; 30]);
        f.keep();
        f.pass(30);
        assert!(!f.has_kept(), "not written yet");
        f.consume(30);
        assert!(f.has_kept());
        f.spare();
        assert!(!f.has_kept());
    }

    #[test]
    fn announced_frame_costs_memory_only_as_it_arrives() {
        let mut f = flow(b"Q");
        f.reserve(1 << 20);
        assert!(f.buf.len() <= 36 << 10);
        let mut sent = 1;
        while sent < 1 << 20 {
            let n = f.spare().len().min((1 << 20) - sent);
            f.filled(n);
            sent += n;
            f.reserve(1 << 20);
            assert!(f.buf.len() <= 2 * sent + (36 << 10));
        }
        assert_eq!(f.unjudged().len(), 1 << 20);
    }

    #[test]
    fn spare_moves_what_is_left_to_the_front() {
        let mut f = flow(&[b'a'; 30]);
        f.pass(30);
        f.consume(28);
        assert_eq!(f.spare().len(), 30);
        assert_eq!(f.pending(), b"aa");
    }
}
