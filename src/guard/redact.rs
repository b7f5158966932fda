//! A text as it may be written down: without constants and comments.

use crate::guard::lexer::{Lexer, Token};

/// Longest text that is kept, in bytes.
const MAX_BYTES: usize = 4 << 10;

/// Stands for a constant.
const CONSTANT: &str = "?";

/// Behind what was left out.
const CUT: &str = "…";

/// The text with a question mark for each constant (strings of every kind, numbers, dollar quotes) and a space for each
/// comment, and without its end where that is too long or cannot be read. What is quoted as a name stays.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut kept = String::new();
    let mut end = 0;
    for piece in Lexer::new(text) {
        let Ok(piece) = piece else { return kept + CUT };
        let token = &text[piece.start..piece.end];
        let written = match piece.token {
            Token::Wrong => return kept + CUT,
            Token::String | Token::Integer | Token::Decimal => CONSTANT,
            Token::LineComment | Token::BlockComment => " ",
            Token::Other | Token::Unicode if is_constant(token) => CONSTANT,
            Token::Other | Token::Unicode => token,
        };
        if kept.len() + 1 + written.len() > MAX_BYTES {
            return kept + CUT;
        }
        // Between two tokens is white space.
        if end < piece.start {
            kept.push(' ');
        }
        end = piece.end;
        kept.push_str(written);
    }
    kept
}

/// Whether a token that may be a name, an operator, a parameter or a constant is the last.
fn is_constant(token: &str) -> bool {
    let bytes = token.as_bytes();
    match bytes {
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] | [b'\'', ..] => true,
        [b'$', rest @ ..] => rest.contains(&b'$'),
        // E'…', B'…', X'…', U&'…': a name with a quote in it begins with another.
        [b'"', ..] => false,
        [b'u' | b'U', b'&', b'"', ..] => false,
        _ => bytes.contains(&b'\''),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn constants_of_every_kind_and_comments_are_left_out_and_names_stay() {
        for (text, expected) in [
            ("SELECT 'it''s', 1, 2.5, 1e9, .5, 0xff FROM t", "SELECT ?, ?, ?, ?, ?, ? FROM t"),
            (
                r"select E'a\'b', b'01', x'ff', N'n', U&'\0041', U&'d!0061' UESCAPE '!'",
                "select ?, ?, ?, N?, ?, ? UESCAPE ?",
            ),
            ("select $$it's$$, $q$ a $$ b $q$, $1", "select ?, ?, $1"),
            ("select /* card 4111 */ a -- pin 1234\n from \"o'brien\"", "select   a   from \"o'brien\""),
            ("select U&\"o'b\", a'b'", "select U&\"o'b\", a?"),
            ("insert into t values ('x'\n'y')", "insert into t values (?)"),
            ("select 'secret", "select…"),
            ("select $a$secret", "select…"),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }

    #[test]
    fn long_text_is_cut() {
        let redacted = redact(&"select a, ".repeat(1000));
        assert!(redacted.len() <= MAX_BYTES + CUT.len() && redacted.ends_with(CUT));
        assert_eq!(redact(&format!("select {}", "a".repeat(MAX_BYTES))), format!("select{CUT}"));
    }

    proptest! {
        /// Whatever stands around it.
        #[test]
        fn value_in_quotes_is_never_written_down(
            before in "(select|a|\"b\"|1|,|\\(|\\$1|-- c\n|/\\* d \\*/| |\n){0,6}",
            open in prop::sample::select(vec![("'", "'"), ("E'", "'"), ("$$", "$$"), ("$x$", "$x$"), ("N'", "'"), ("/*", "*/"), ("--", "\n")]),
            after in "(from|a|'|\"|1|\\)| |\n|\\$\\$){0,6}",
        ) {
            let text = format!("{before} {}hunter2{}{after}", open.0, open.1);
            prop_assert!(!redact(&text).contains("hunter2"), "{}", redact(&text));
        }

        #[test]
        fn any_text_can_be_redacted(text in "\\PC{0,200}") {
            let _ = redact(&text);
        }
    }
}
