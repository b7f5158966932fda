//! [`Lent`]: bytes in a buffer of the [stock](crate::net::stock), which is held only while there are any.

use std::mem;

use crate::net::stock::{self, BUFFER_BYTES, MARGIN};

/// Bytes that wait, from `start` to `end` of a lent buffer.
#[derive(Default)]
pub(super) struct Lent {
    /// Empty where none is held.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Lent {
    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether a buffer is held.
    pub(super) const fn holds_buffer(&self) -> bool {
        !self.buffer.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Where bytes can be put behind those that wait: `least` of them, or more. Then say [`filled`](Self::filled).
    pub(super) fn room(&mut self, least: usize) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = stock::take();
            self.buffer.resize(BUFFER_BYTES + MARGIN, 0);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buffer.len() - self.end < least {
            self.buffer.resize((self.end + least).max(2 * self.buffer.len()), 0);
        }
        &mut self.buffer[self.end..]
    }

    /// So many were put into the room. Without any, and with none that wait, the buffer goes back.
    pub(super) fn filled(&mut self, n: usize) {
        self.end = (self.end + n).min(self.buffer.len());
        self.give_back_if_empty();
    }

    /// So many of the first need not wait any more.
    pub(super) fn used(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        self.give_back_if_empty();
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
            self.filled(bytes.len());
        }
    }

    /// As many of the first as `out` has room for.
    pub(super) fn pop_into(&mut self, out: &mut [u8]) -> usize {
        let n = out.len().min(self.len());
        if n > 0 {
            out[..n].copy_from_slice(&self.bytes()[..n]);
            self.used(n);
        }
        n
    }

    /// Forgets the bytes.
    pub(super) fn clear(&mut self) {
        self.used(self.len());
    }

    fn give_back_if_empty(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            let mut buffer = mem::take(&mut self.buffer);
            // One that has grown is not as the others are.
            if buffer.len() == BUFFER_BYTES + MARGIN {
                buffer.truncate(BUFFER_BYTES);
                stock::put(buffer);
            }
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_is_held_only_while_bytes_wait() {
        let mut lent = Lent::default();
        assert!(!lent.holds_buffer());
        // A read of nothing.
        assert_eq!(lent.room(1).len(), BUFFER_BYTES + MARGIN);
        lent.filled(0);
        assert!(!lent.holds_buffer());
        lent.push(b"abcdef");
        assert!(lent.holds_buffer());
        let mut out = [0; 4];
        assert_eq!(lent.pop_into(&mut out), 4);
        assert_eq!((&out, lent.bytes()), (b"abcd", b"ef".as_slice()));
        lent.push(b"gh");
        lent.used(3);
        assert_eq!(lent.bytes(), b"h");
        lent.used(1);
        assert!(!lent.holds_buffer());
    }

    #[test]
    fn buffer_that_is_lengthened_by_the_margin_is_not_moved_and_is_lent_again() {
        let mut lent = Lent::default();
        let first = lent.room(1).as_ptr();
        lent.filled(0);
        let again = stock::take();
        assert_eq!(again.as_ptr(), first);
    }

    #[test]
    fn one_that_has_grown_is_not_given_to_others() {
        let mut lent = Lent::default();
        lent.push(&[7; 40 << 10]);
        lent.push(&[8; 40 << 10]);
        assert!(lent.bytes()[..40 << 10].iter().all(|byte| *byte == 7));
        assert_eq!(lent.len(), 80 << 10);
        lent.clear();
        assert!(!lent.holds_buffer());
        assert_eq!(stock::take().len(), BUFFER_BYTES);
    }

    #[test]
    fn no_count_leads_out_of_the_buffer() {
        let mut lent = Lent::default();
        lent.push(b"abc");
        lent.filled(usize::from(u16::MAX));
        assert_eq!(lent.len(), BUFFER_BYTES + MARGIN);
        lent.used(usize::from(u16::MAX));
        assert!(lent.is_empty());
    }
}
