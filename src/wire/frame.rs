//! Frame heads: one tag byte and a length. All that most messages are ever looked at for.

use thiserror::Error;

/// Bytes of tag and length.
pub const HEAD_BYTES: usize = 5;

/// Longest message body PostgreSQL itself reads (`PQ_LARGE_MESSAGE_LIMIT`, `MaxAllocSize - 1`).
pub const MAX_FRAME_BYTES: usize = 0x3fff_ffff;

/// Tag and size of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// The message type byte.
    pub tag: u8,
    /// Bytes of the whole frame: tag, length and body.
    pub total: usize,
}

/// A length no message can have: nothing after it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("invalid message length {length} in a message of type {tag:#04x}")]
pub struct BadLength {
    /// The message type byte.
    pub tag: u8,
    /// The length field as sent.
    pub length: i32,
}

impl FrameHead {
    /// Reads a head from the front of `bytes`; `None` when it is not whole yet.
    ///
    /// # Errors
    /// [`BadLength`] for a length below 4 or above PostgreSQL's own limit.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, BadLength> {
        let Some((&tag, rest)) = bytes.split_first() else { return Ok(None) };
        let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = i32::from_be_bytes(*length);
        match usize::try_from(length) {
            Ok(n) if (4..=MAX_FRAME_BYTES).contains(&n) => Ok(Some(Self { tag, total: n + 1 })),
            _ => Err(BadLength { tag, length }),
        }
    }

    /// Bytes of the body alone.
    #[must_use]
    pub const fn body_len(&self) -> usize {
        self.total - HEAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(tag: u8, length: i32) -> Vec<u8> {
        [&[tag][..], &length.to_be_bytes()].concat()
    }

    #[test]
    fn head_needs_five_bytes() {
        let bytes = head(b'Q', 9);
        for cut in 0..HEAD_BYTES {
            assert_eq!(FrameHead::parse(&bytes[..cut]), Ok(None));
        }
        assert_eq!(FrameHead::parse(&bytes), Ok(Some(FrameHead { tag: b'Q', total: 10 })));
    }

    #[test]
    fn length_zero_three_negative_and_two_gigabytes_are_refused() {
        for length in [0, 3, -1, i32::MIN, i32::MAX] {
            assert_eq!(FrameHead::parse(&head(b'p', length)), Err(BadLength { tag: b'p', length }));
        }
    }
}
