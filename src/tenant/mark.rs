//! Which master key a password was derived from.

use std::fmt;

/// Bytes of a mark: enough that no two keys of one operator have the same.
const BYTES: usize = 8;

/// Names a master key, so that the registry can say which one the roles' passwords are from. Tells nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyMark([u8; BYTES]);

impl KeyMark {
    /// Made of a hash of the key.
    #[must_use]
    pub fn new(hash: &[u8; 32]) -> Self {
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&hash[..BYTES]);
        Self(bytes)
    }

    /// Reads the registry's text, hexadecimal in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 2 * BYTES || !digits.iter().all(is_digit) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for KeyMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_read_as_it_is_written_and_nothing_else_is_one() {
        let mark = KeyMark::new(&[0xa7; 32]);
        assert_eq!(KeyMark::parse(&mark.to_string()), Some(mark));
        for text in
            ["", "a7", "A7a7a7a7a7a7a7a7", "a7a7a7a7a7a7a7a7a7", "+7a7a7a7a7a7a7a7", "a7a7a7a7a7a7a7g7"]
        {
            assert_eq!(KeyMark::parse(text), None, "{text}");
        }
    }
}
