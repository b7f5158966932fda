//! From text to tree, with the limits that keep hostile texts cheap.

use pgtenant_sqltree::{Tree, parse};

use crate::guard::lexer::{Lexer, Token};
use crate::guard::{Denial, rules};

/// Most tokens of a text, with those of the texts inside it: the grammar takes memory for each, up to 600
/// bytes (`TABLE a;TABLE a;…`), and up to 3 µs in an optimized build on a slow machine.
const MAX_TOKENS: usize = 1_000_000;

/// Longest part of a parser's message that a client is shown: it may quote a token of any length.
const MAX_MESSAGE_CHARS: usize = 200;

/// Messages of the parser that mean depth, and not a wrong text.
const DEPTH_MESSAGES: [&str; 3] = ["memory exhausted", "stack depth limit exceeded", "nested too deeply"];

/// The refusal of a text over the limit.
pub(super) fn too_long(bytes: usize, max_bytes: usize) -> Denial {
    let message = format!("statement of {bytes} bytes is longer than the {max_bytes} that are judged");
    Denial::new(&rules::STATEMENT_TOO_LONG, message)
}

/// Parses a text of at most `max_bytes`. Adds its tokens to `tokens`, of which only so many are judged.
pub(super) fn tree(text: &str, max_bytes: usize, tokens: &mut usize) -> Result<Tree, Denial> {
    if text.len() > max_bytes {
        return Err(too_long(text.len(), max_bytes));
    }
    scan(text, tokens)?;
    parse(text).map_err(|error| {
        let deep = DEPTH_MESSAGES.iter().any(|words| error.message.contains(words));
        let rule = if deep { &rules::TOO_COMPLEX } else { &rules::UNPARSABLE };
        let message: String = error.message.chars().take(MAX_MESSAGE_CHARS).collect();
        let position = (error.cursor_position > 0).then_some(error.cursor_position);
        Denial { position, ..Denial::new(rule, message) }
    })
}

/// Refuses what would take the parser too much time or memory.
fn scan(text: &str, tokens: &mut usize) -> Result<(), Denial> {
    for piece in Lexer::new(text) {
        match piece {
            Ok(piece) if matches!(piece.token, Token::LineComment | Token::BlockComment) => {}
            Ok(_) => *tokens += 1,
            Err(excess) => return Err(Denial::new(&rules::TOO_COMPLEX, excess.to_string())),
        }
        if *tokens > MAX_TOKENS {
            let message = format!("the text has more than the {MAX_TOKENS} words and signs that are judged");
            return Err(Denial::new(&rules::TOO_COMPLEX, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
