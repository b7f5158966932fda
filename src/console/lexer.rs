//! A text of the console as words.

/// One piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word: letters, digits and `_.$-+`, as it was written.
    Word(String),
    /// A name in double quotes, or a constant in single ones, without them.
    Quoted(String),
    /// Any other character.
    Mark(char),
}

/// Why a text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unended(pub(super) &'static str);

/// The statements of a text, each as its words. Empty ones are left out.
pub(super) fn statements(text: &str) -> Result<Vec<Vec<Token>>, Unended> {
    let (mut statements, mut current) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ';' => {
                if !current.is_empty() {
                    statements.push(std::mem::take(&mut current));
                }
                1
            }
            _ if first.is_whitespace() => first.len_utf8(),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest)?,
            '\'' | '"' => {
                let (quoted, length) = quoted(rest, first)?;
                current.push(Token::Quoted(quoted));
                length
            }
            _ if is_word(first) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                current.push(Token::Word(rest[..length].to_owned()));
                length
            }
            mark => {
                current.push(Token::Mark(mark));
                mark.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    if !current.is_empty() {
        statements.push(current);
    }
    Ok(statements)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '-' | '+')
}

/// The length of the comment at the front; they nest.
fn comment(text: &str) -> Result<usize, Unended> {
    let (bytes, mut at, mut depth) = (text.as_bytes(), 0, 0_usize);
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => at += 1,
        }
    }
    Err(Unended("unterminated /* comment"))
}

/// What is in the quotes at the front, and their length.
fn quoted(text: &str, quote: char) -> Result<(String, usize), Unended> {
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            inside.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            inside.push(quote);
        } else {
            return Ok((inside, at + 1));
        }
    }
    Err(Unended(if quote == '"' { "unterminated quoted identifier" } else { "unterminated quoted string" }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(text: &str) -> Token {
        Token::Word(text.to_owned())
    }

    #[test]
    fn statements_are_split_at_semicolons_outside_of_quotes_and_comments() {
        let quoted = |text: &str| Token::Quoted(text.to_owned());
        let read =
            statements("SHOW pools; -- ;\n/* ; /* ; */ */ set a = 'it''s;' ;; pause \"a\"\"b\"").unwrap();
        let expected = [
            vec![word("SHOW"), word("pools")],
            vec![word("set"), word("a"), Token::Mark('='), quoted("it's;")],
            vec![word("pause"), quoted("a\"b")],
        ];
        assert_eq!(read, expected);
        assert_eq!(statements(" ;; -- nothing").unwrap(), Vec::<Vec<Token>>::new());
    }

    #[test]
    fn what_does_not_end_is_told() {
        for text in ["show 'a", "show \"a", "/* /* */", "show 'a''"] {
            assert!(statements(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in "\\PC{0,100}") {
            let _ = statements(&text);
        }
    }
}
