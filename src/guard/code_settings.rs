//! Which settings a body of code may leave for the session.
//!
//! PostgreSQL does not list the settings that an application makes up, so their names are looked for where they
//! are written: in the bodies of functions. Read token by token and not parsed: a name too many costs a question
//! to the server, and what is put together at run time is told as such.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::guard::lexer::{Lexer, Token};
use crate::guard::settings;

/// Texts that EXECUTE runs inside texts that EXECUTE runs are read to this depth.
const MAX_DEPTH: u8 = 3;

/// Words that are looked at behind one that may set something: a tenant writes these texts, and could make
/// every word look at all that follow.
const MAX_WORDS: usize = 256;

/// What code may set for the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeSettings {
    /// Names, in lower case.
    pub names: BTreeSet<Box<str>>,
    /// Whether there are others: a name is computed, or belongs to the server connection.
    pub others: bool,
}

/// What the scanner looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word<'t> {
    /// A name, in lower case, or with its quotes taken away.
    Name(Cow<'t, str>),
    /// A string constant.
    Text(Cow<'t, str>),
    /// Anything else.
    Sign(&'t str),
}

impl CodeSettings {
    /// Adds what `code` may set. It is SQL, PL/pgSQL, or pieces of them.
    pub fn read(&mut self, code: &str) {
        self.read_to(code, MAX_DEPTH);
    }

    fn read_to(&mut self, code: &str, depth: u8) {
        let words = words(code);
        // Each string is read once, whatever else claims to execute it.
        let mut executed = 0;
        for (at, word) in words.iter().enumerate() {
            let Word::Name(name) = word else { continue };
            let behind = &words[at + 1..words.len().min(at + 1 + MAX_WORDS)];
            match &**name {
                "set_config" => self.call(behind),
                "set" => self.set(behind),
                "execute" if at >= executed => {
                    executed = at + 1 + self.execute(behind, depth);
                    self.others |= behind.len() == MAX_WORDS && executed == at + 1 + MAX_WORDS;
                }
                _ => {}
            }
        }
    }

    /// `set_config(name, value, is_local)`.
    fn call(&mut self, behind: &[Word<'_>]) {
        let [Word::Sign("("), arguments @ ..] = behind else { return };
        let mut level = 0_usize;
        let end = arguments.iter().position(|word| {
            match word {
                Word::Sign("(" | "[") => level += 1,
                Word::Sign(")" | "]") if level == 0 => return true,
                Word::Sign(")" | "]") => level -= 1,
                _ => {}
            }
            false
        });
        let arguments = &arguments[..end.unwrap_or(arguments.len())];
        if let (Some(_), [.., Word::Sign(","), Word::Name(local)]) = (end, arguments)
            && local == "true"
        {
            return;
        }
        match arguments {
            [Word::Text(name), Word::Sign(","), ..] => self.add(name),
            // As PostgreSQL prints it.
            [Word::Text(name), cast @ ..] if is_cast_to_text(cast) => self.add(name),
            _ => self.others = true,
        }
    }

    /// `SET [SESSION] name = …`; also that of an UPDATE, whose columns are no settings.
    fn set(&mut self, behind: &[Word<'_>]) {
        let behind = match behind {
            [Word::Name(session), rest @ ..] if session == "session" => rest,
            _ => behind,
        };
        let mut name = String::new();
        let mut rest = behind;
        while let [Word::Name(part), Word::Sign("."), more @ ..] = rest {
            name.push_str(part);
            name.push('.');
            rest = more;
        }
        let [Word::Name(last), next, ..] = rest else { return };
        let is_set = match next {
            Word::Sign("=") => true,
            Word::Name(to) => to == "to" || (name.is_empty() && last == "time" && to == "zone"),
            _ => false,
        };
        if is_set && last != "local" {
            name.push_str(last);
            self.add(if name == "time" { "timezone" } else { &name });
        }
    }

    /// `EXECUTE text`: the statement is in the strings it is put together from. Gives how many words they are.
    fn execute(&mut self, behind: &[Word<'_>], depth: u8) -> usize {
        let end = behind.iter().position(|word| *word == Word::Sign(";")).unwrap_or(behind.len());
        for word in &behind[..end] {
            let Word::Text(text) = word else { continue };
            let mut inner = Self::default();
            if let Some(depth) = depth.checked_sub(1) {
                inner.read_to(text, depth);
            }
            let begins = |word: &str| {
                text.trim_start().get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word))
            };
            // What of it is a name is not in the string.
            inner.others |= begins("set ") && !begins("set local ") && inner.names.is_empty();
            self.others |= inner.others;
            self.names.append(&mut inner.names);
        }
        end
    }

    fn add(&mut self, name: &str) {
        match settings::left_by_code(name) {
            settings::Left::Nothing => {}
            settings::Left::Followed(name) => {
                self.names.insert(name.into());
            }
            settings::Left::OfTheConnection => self.others = true,
        }
    }
}

/// Whether this begins with `::text,`.
fn is_cast_to_text(words: &[Word<'_>]) -> bool {
    let end = words.iter().position(|word| matches!(word, Word::Name(name) if name == "text"));
    let Some((cast, [_, Word::Sign(","), ..])) = end.map(|end| words.split_at(end)) else { return false };
    let signs = cast.iter().map(|word| if let Word::Sign(sign) = word { sign } else { " " });
    signs.collect::<String>() == "::"
}

/// The words of a text; none behind the first that the scanner would stop at.
fn words(code: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    for piece in Lexer::new(code) {
        let Ok(piece) = piece else { break };
        let Some(text) = code.get(piece.start..piece.end) else { break };
        words.push(match (piece.token, text.as_bytes()) {
            (Token::LineComment | Token::BlockComment, _) => continue,
            (Token::String, [b'\'', ..]) => Word::Text(unquoted(text, '\'')),
            (_, [b'e' | b'E', b'\'', ..]) => Word::Text(unquoted(&text[1..], '\'')),
            (_, [b'"', ..]) => Word::Name(unquoted(text, '"')),
            (_, [first, ..]) if first.is_ascii_alphabetic() || *first == b'_' || !first.is_ascii() => {
                Word::Name(Cow::Owned(text.to_ascii_lowercase()))
            }
            _ => Word::Sign(text),
        });
    }
    words
}

fn unquoted(text: &str, quote: char) -> Cow<'_, str> {
    let inside = text.strip_prefix(quote).unwrap_or(text);
    let inside = inside.strip_suffix(quote).unwrap_or(inside);
    let doubled = [quote, quote].iter().collect::<String>();
    if inside.contains(&doubled) {
        Cow::Owned(inside.replace(&doubled, &quote.to_string()))
    } else {
        Cow::Borrowed(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str) -> (Vec<String>, bool) {
        let mut settings = CodeSettings::default();
        settings.read(code);
        (settings.names.into_iter().map(Into::into).collect(), settings.others)
    }

    #[test]
    fn names_are_found_where_code_sets_them_for_the_session() {
        for (code, names) in [
            ("begin perform set_config('app.user', uid::text, false); end", &["app.user"][..]),
            ("select pg_catalog.set_config('App.Tenant', $1, FALSE)", &["app.tenant"]),
            (
                "BEGIN SET app.a = 'x'; set session app.b to 'y'; SET work_mem = '1MB'; END",
                &["app.a", "app.b", "work_mem"],
            ),
            ("set time zone 'UTC'", &["timezone"]),
            ("perform set_config('a.b', f(x, g(true)), is_local)", &["a.b"]),
            ("execute 'set app.x = ' || quote_literal(v);", &["app.x"]),
            ("execute format('select set_config(''app.y'', %L, false)', v)", &["app.y"]),
            ("perform set_config('cut.off', coalesce(", &["cut.off"]),
            ("SELECT set_config('a.view'::text, 'x'::text, false) AS s", &["a.view"]),
        ] {
            assert_eq!(found(code), (names.iter().map(ToString::to_string).collect(), false), "{code}");
        }
    }

    #[test]
    fn what_ends_with_the_transaction_or_is_no_setting_is_not_found() {
        for code in [
            "perform set_config('app.user', uid::text, true)",
            "set local app.user = 'x'",
            "execute 'set local app.user = 1'",
            "update t set total = 1, name = 'x' where a = b",
            "update only t set (a, b) = (1, 2)",
            "-- set app.x = 1\nselect 'set_config'",
            "perform other_config('app.user', 'x', false)",
        ] {
            assert_eq!(found(code), (vec![], false), "{code}");
        }
    }

    #[test]
    fn text_of_a_megabyte_is_read_in_time_that_grows_with_its_length() {
        for piece in [
            "set_config(",
            "set.",
            "execute ",
            "execute 'execute ''set x.y'' ' ",
            "execute set_config('a.b', ",
        ] {
            let started = std::time::Instant::now();
            let _ = found(&piece.repeat(1_000_000 / piece.len()));
            assert!(
                started.elapsed() < std::time::Duration::from_secs(10),
                "{piece}: {:?}",
                started.elapsed()
            );
        }
    }

    #[test]
    fn names_that_are_computed_are_told_to_be_there() {
        for code in [
            "perform set_config('app.' || k, v, false)",
            "perform set_config(k, v, false)",
            "set_config('x'::text || k, 'x'::text, false)",
            "execute format('set %I = %L', k, v)",
            "execute 'set ' || k || ' = 1'",
            "set seed = 0.5",
        ] {
            assert_eq!(found(code), (vec![], true), "{code}");
        }
    }
}
