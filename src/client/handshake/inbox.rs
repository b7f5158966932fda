//! [`Inbox`]: bytes of a client that has not logged in.

use std::ops::Deref;

use secrecy::zeroize::{Zeroize, Zeroizing};

/// Room for one read.
const CHUNK: usize = 1024;

/// What was received and not looked at yet. A password or a token may be in it, so whatever is given back to the allocator
/// has been overwritten.
#[derive(Default)]
pub(super) struct Inbox {
    /// As long as there is room; wiped when dropped.
    bytes: Zeroizing<Vec<u8>>,
    /// How much of it was received.
    len: usize,
}

impl Inbox {
    /// Where to read to; [`received`](Self::received) says how much it was.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.bytes.len() < self.len + CHUNK {
            // Not `resize`, which may move the bytes and leave them where they were.
            let mut larger = Zeroizing::new(vec![0; (self.len + CHUNK).max(2 * self.bytes.len())]);
            larger[..self.len].copy_from_slice(self);
            self.bytes = larger;
        }
        &mut self.bytes[self.len..]
    }

    pub(super) fn received(&mut self, count: usize) {
        self.len = (self.len + count).min(self.bytes.len());
    }

    /// The first bytes, which are not here any more then; all there are where those are fewer.
    pub(super) fn take(&mut self, count: usize) -> Zeroizing<Vec<u8>> {
        let count = count.min(self.len);
        let taken = Zeroizing::new(self.bytes[..count].to_vec());
        self.bytes.copy_within(count..self.len, 0);
        self.bytes[self.len - count..self.len].zeroize();
        self.len -= count;
        taken
    }

    /// All there are.
    pub(super) fn take_all(&mut self) -> Zeroizing<Vec<u8>> {
        self.take(self.len)
    }
}

impl Deref for Inbox {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receive(inbox: &mut Inbox, bytes: &[u8]) {
        for chunk in bytes.chunks(CHUNK) {
            inbox.space()[..chunk.len()].copy_from_slice(chunk);
            inbox.received(chunk.len());
        }
    }

    #[test]
    fn what_was_taken_is_not_left_in_memory() {
        let mut inbox = Inbox::default();
        receive(&mut inbox, b"a secretrest");
        assert_eq!(inbox.take(8).as_slice(), b"a secret");
        assert_eq!(&*inbox, b"rest");
        assert_eq!(inbox.bytes.iter().filter(|byte| **byte != 0).count(), 4, "only what is still to be read");
        assert_eq!(inbox.take_all().as_slice(), b"rest");
        assert!(inbox.bytes.iter().all(|byte| *byte == 0));
    }

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..5000), 0..6000_usize), 0..8)) {
            let (mut inbox, mut model) = (Inbox::default(), Vec::new());
            for (bytes, count) in parts {
                receive(&mut inbox, &bytes);
                model.extend_from_slice(&bytes);
                let rest = model.split_off(count.min(model.len()));
                prop_assert_eq!(inbox.take(count).to_vec(), model);
                model = rest;
                prop_assert_eq!(&*inbox, model.as_slice());
                prop_assert!(inbox.bytes[inbox.len..].iter().all(|byte| *byte == 0));
            }
        }
    }
}
