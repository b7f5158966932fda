//! Buffers lent to whoever has bytes to hold. An idle connection holds none, a busy one allocates none.

use std::cell::RefCell;

/// Bytes of a lent buffer.
pub const BUFFER_BYTES: usize = 32 << 10;
/// By so much its holder may lengthen one without an allocation: what encryption adds to the bytes of a buffer.
pub const MARGIN: usize = 512;
/// Buffers a thread keeps for the next in need.
const KEPT: usize = 64;

thread_local! {
    static STOCK: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`BUFFER_BYTES`].
#[must_use]
pub fn take() -> Vec<u8> {
    STOCK.with_borrow_mut(Vec::pop).unwrap_or_else(|| {
        let mut buffer = vec![0; BUFFER_BYTES + MARGIN];
        buffer.truncate(BUFFER_BYTES);
        buffer
    })
}

/// Gives a buffer back. One that has grown is freed.
pub fn put(buffer: Vec<u8>) {
    STOCK.with_borrow_mut(|stock| {
        if buffer.len() == BUFFER_BYTES && stock.len() < KEPT {
            stock.push(buffer);
        }
    });
}
