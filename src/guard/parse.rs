//! From text to tree, with the limits that keep hostile texts cheap.

use pgtenant_sqltree::{Tree, parse};

use crate::guard::{Denial, rules};

/// Deepest nesting of comments. libpg_query's scanner takes quadratic time for it: 100,000 levels in
/// 400 KB take tens of seconds in an optimized build.
const MAX_COMMENT_DEPTH: u32 = 32;

/// How often the scanner may read the same operator character again, on average over the text. It reads a
/// whole run of them (`/` and `*` are two) at every operator and every comment that begins in the run:
/// 200 KB of `/**//**/…` take tens of seconds in an optimized build, 100 KB of `+` some seconds.
const MAX_WORK_PER_BYTE: usize = 16;

/// And in any text: more than a person's rulers and boxes of stars need.
const FREE_WORK: usize = 64 * 1024;

/// Longest part of a parser's message that a client is shown: it may quote a token of any length.
const MAX_MESSAGE_CHARS: usize = 200;

/// Messages of the parser that mean depth, and not a wrong text.
const DEPTH_MESSAGES: [&str; 3] = ["memory exhausted", "stack depth limit exceeded", "nested too deeply"];

/// The refusal of a text over the limit.
pub(super) fn too_long(bytes: usize, max_bytes: usize) -> Denial {
    let message = format!("statement of {bytes} bytes is longer than the {max_bytes} that are judged");
    Denial::new(&rules::STATEMENT_TOO_LONG, message)
}

/// Parses a text of at most `max_bytes`.
pub(super) fn tree(text: &str, max_bytes: usize) -> Result<Tree, Denial> {
    if text.len() > max_bytes {
        return Err(too_long(text.len(), max_bytes));
    }
    Scan::new(text).check()?;
    parse(text).map_err(|error| {
        let deep = DEPTH_MESSAGES.iter().any(|words| error.message.contains(words));
        let rule = if deep { &rules::TOO_COMPLEX } else { &rules::UNPARSABLE };
        let message: String = error.message.chars().take(MAX_MESSAGE_CHARS).collect();
        let position = (error.cursor_position > 0).then_some(error.cursor_position);
        Denial { position, ..Denial::new(rule, message) }
    })
}

/// One linear pass over the tokens, as far as comments and operators need it.
///
/// It follows PostgreSQL's `scan.l` with standard_conforming_strings on. Where a text is wrong (a
/// literal that never ends, digits followed by letters) it may read on differently, but there the
/// scanner behind it stops with an error.
struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Where the run of operator characters ends that was measured last.
    run_end: usize,
    /// Operator characters that the scanner will have read.
    work: usize,
}

impl<'t> Scan<'t> {
    const fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, run_end: 0, work: 0 }
    }

    fn check(mut self) -> Result<(), Denial> {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'-' if self.next_is(b'-') => self.line_comment(),
                b'/' if self.next_is(b'*') => self.block_comment()?,
                b'\'' => self.quoted(b'\'', false),
                b'"' => self.quoted(b'"', false),
                b'$' => self.dollar(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.identifier(),
                _ => {
                    if is_operator(byte) {
                        self.charge()?;
                    }
                    self.at += 1;
                }
            }
        }
        Ok(())
    }

    fn next_is(&self, byte: u8) -> bool {
        self.bytes.get(self.at + 1) == Some(&byte)
    }

    fn line_comment(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|&b| b == b'\n' || b == b'\r').unwrap_or(rest.len());
    }

    fn block_comment(&mut self) -> Result<(), Denial> {
        let mut depth = 0;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'/' if self.next_is(b'*') => {
                    self.charge()?;
                    depth += 1;
                    if depth > MAX_COMMENT_DEPTH {
                        return too_complex(format!(
                            "comments are nested more than {MAX_COMMENT_DEPTH} deep"
                        ));
                    }
                    self.at += 2;
                }
                b'*' if self.next_is(b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        break;
                    }
                }
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    /// A literal or a quoted identifier. Two quotes inside stand for one, and read as an end and a new
    /// beginning they come to the same.
    fn quoted(&mut self, quote: u8, backslash: bool) {
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            if byte == quote {
                if backslash && self.bytes.get(self.at) == Some(&quote) {
                    self.at += 1;
                    continue;
                }
                return;
            }
            if backslash && byte == b'\\' {
                self.at += 1;
            }
        }
    }

    /// `$tag$ … $tag$`, or a `$` that begins none.
    fn dollar(&mut self) {
        let rest = &self.bytes[self.at..];
        let tag_end = rest[1..].iter().position(|&b| !is_identifier(b) || b == b'$').map(|at| at + 1);
        let (Some(end), true) = (tag_end, rest.get(1).is_none_or(|b| !b.is_ascii_digit())) else {
            self.at += 1;
            return;
        };
        if rest[end] != b'$' {
            self.at += 1;
            return;
        }
        let tag = &rest[..=end];
        let mut from = end + 1;
        loop {
            let Some(found) = rest[from..].iter().position(|&b| b == b'$') else {
                self.at = self.bytes.len();
                return;
            };
            from += found;
            if rest[from..].starts_with(tag) {
                self.at += from + tag.len();
                return;
            }
            from += 1;
        }
    }

    fn identifier(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&b| !is_identifier(b)).unwrap_or(rest.len());
        let escapes = matches!(&rest[..length], b"e" | b"E") && rest.get(length) == Some(&b'\'');
        self.at += length;
        if escapes {
            self.quoted(b'\'', true);
        }
    }

    /// A token or comment begins here, and the scanner reads the run of operator characters to its end.
    fn charge(&mut self) -> Result<(), Denial> {
        if self.run_end <= self.at {
            let rest = &self.bytes[self.at..];
            self.run_end = self.at + rest.iter().position(|&b| !is_operator(b)).unwrap_or(rest.len());
        }
        self.work += self.run_end - self.at;
        if self.work > self.bytes.len() * MAX_WORK_PER_BYTE + FREE_WORK {
            return too_complex("there are too many operator characters or comments in a row".into());
        }
        Ok(())
    }
}

const fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

const fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

fn too_complex(message: String) -> Result<(), Denial> {
    Err(Denial::new(&rules::TOO_COMPLEX, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> bool {
        Scan::new(text).check().is_err()
    }

    #[test]
    fn comment_of_33_levels_is_refused_and_of_32_is_not() {
        let nested = |depth| format!("{} x {} SELECT 1", "/*".repeat(depth), "*/".repeat(depth));
        assert!(!refused(&nested(32)));
        assert!(refused(&nested(33)));
    }

    #[test]
    fn runs_that_the_scanner_reads_again_and_again_are_refused() {
        for piece in ["+", "/**/", "/*+++*//**/", "@-"] {
            assert!(refused(&format!("SELECT {}1", piece.repeat(50_000))), "{piece}");
        }
        assert!(refused(&format!("SELECT /* {} */ 1", "/*++++*/".repeat(50_000))));
        assert!(refused(&format!("SELECT {}{}\n1", "+".repeat(60), "-".repeat(500_000))));
        for piece in ["+ ", "/**/ ", "+1", "/* + */\n", "a->>'b' || ", "-- + -\n"] {
            assert!(!refused(&format!("SELECT {}1", piece.repeat(50_000))), "{piece}");
        }
    }

    #[test]
    fn comments_and_rulers_of_many_stars_or_dashes_pass() {
        let stars = "*".repeat(500);
        assert!(!refused(&format!("/*{stars}/ SELECT 1 {}", "-".repeat(500))));
        assert!(!refused(&format!("SELECT 1 ={}\n", "-".repeat(500))));
    }

    #[test]
    fn what_looks_like_a_deep_comment_inside_a_literal_passes() {
        let deep = "/*".repeat(40);
        for text in [
            format!("SELECT '{deep}'"),
            format!("SELECT 'it''s {deep}'"),
            format!("SELECT E'\\'{deep}'"),
            format!("SELECT \"{deep}\""),
            format!("SELECT $${deep}$$"),
            format!("SELECT $a$ $b$ $ {deep}$a$"),
            format!("SELECT 1 -- {deep}"),
        ] {
            assert!(!refused(&text), "{text}");
        }
    }

    #[test]
    fn deep_comment_after_a_literal_is_seen() {
        let deep = "/*".repeat(40);
        for text in [
            format!("SELECT '\\' {deep}"),
            format!("SELECT E'a''\\'' {deep}"),
            format!("SELECT ''{deep}"),
            format!("SELECT $1{deep}"),
            format!("SELECT a$$ {deep}"),
            format!("SELECT 1$a$'$a${deep}"),
            format!("SELECT U&'\\' {deep}"),
            format!("SELECT $é$'$é${deep}"),
        ] {
            assert!(refused(&text), "{text}");
        }
    }

    #[test]
    fn parser_message_is_cut() {
        let denial = tree(&format!("SELECT 1 '{}'", "x".repeat(5000)), 10_000).unwrap_err();
        assert_eq!(denial.rule.id, "unparsable");
        assert_eq!(denial.message.chars().count(), MAX_MESSAGE_CHARS);
    }

    #[test]
    fn deep_parentheses_are_too_complex() {
        let text = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
        assert_eq!(tree(&text, 1 << 20).unwrap_err().rule.id, "too_complex");
    }
}
