//! The key of a text that leaves its plain literals and comments open.
//!
//! Two texts with one key have the same tokens, but for the values of string, integer and decimal
//! constants that are written plainly. So they have the same tree, but for the values of those constants
//! and where things stand; and what the guard says of a tree without having read a constant it says of
//! the other one. Everything else is kept byte for byte: names, operators, white space, escape strings,
//! dollar quotes, numbers with exponents or underscores.
//!
//! What is only in one of the texts may be a mistake that the grammar finds in a value (`float(99)`): then
//! it is the server that refuses.

use crate::guard::lexer::{Lexer, Token};

/// Longest text that gets a key.
pub(super) const MAX_BYTES: usize = 64 * 1024;

// Bytes that no UTF-8 text has.

/// First byte of every key, by which it differs from all texts.
const KEY: u8 = 0xff;
const STRING: u8 = 0xfe;
const INTEGER: u8 = 0xfd;
const DECIMAL: u8 = 0xfc;
const LINE_COMMENT: u8 = 0xfb;
const BLOCK_COMMENT: u8 = 0xfa;

/// Writes the key of a text over what is in `key`. Whether the text has one: not if the scanner would
/// refuse it, if it has Unicode escapes (a string behind UESCAPE changes what they mean), if nothing
/// is left open, or if it is longer than [`MAX_BYTES`].
pub(super) fn write_key(text: &str, key: &mut Vec<u8>) -> bool {
    key.clear();
    // PostgreSQL's scanner ends at a NUL byte, also inside a literal.
    if text.len() > MAX_BYTES || text.as_bytes().contains(&0) {
        return false;
    }
    key.push(KEY);
    let mut kept = 0;
    for piece in Lexer::new(text) {
        let Ok(piece) = piece else { return false };
        let marker = match piece.token {
            Token::Other => continue,
            Token::String => STRING,
            Token::Integer => INTEGER,
            Token::Decimal => DECIMAL,
            Token::LineComment => LINE_COMMENT,
            Token::BlockComment => BLOCK_COMMENT,
            Token::Unicode | Token::Wrong => return false,
        };
        key.extend_from_slice(&text.as_bytes()[kept..piece.start]);
        key.push(marker);
        kept = piece.end;
    }
    key.extend_from_slice(&text.as_bytes()[kept..]);
    kept > 0
}

/// What PostgreSQL's types for dates and times take for a time that goes on (`DecodeSpecial`, `datetktbl`).
const CLOCK_WORDS: [&[u8]; 4] = [b"now", b"today", b"tomorrow", b"yesterday"];

/// Whether a constant of the text may mean another time whenever the text is parsed, as `'now'` does. Also where that cannot be
/// told without knowing what the scanner makes of it: escape strings, dollar quotes.
#[must_use]
pub fn may_read_clock(text: &str) -> bool {
    Lexer::new(text).any(|piece| {
        let Ok(piece) = piece else { return true };
        let bytes = &text.as_bytes()[piece.start..piece.end];
        match piece.token {
            Token::Integer | Token::Decimal | Token::LineComment | Token::BlockComment => false,
            Token::String => CLOCK_WORDS.iter().any(|word| contains(bytes, word)),
            Token::Other => {
                bytes.contains(&b'\'') || (bytes[0] == b'$' && !bytes.get(1).is_some_and(u8::is_ascii_digit))
            }
            Token::Unicode | Token::Wrong => true,
        }
    })
}

/// Whether a word is in it, in capitals or not.
fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
