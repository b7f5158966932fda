//! `guard.public_schema = "tenant"`: what a text says about the schema `public` is about the tenant's own.
//!
//! Tools write `public.` into their SQL whatever the search_path is. The text is changed before it is judged,
//! so the guard judges what is sent: whatever is replaced here, or not, nothing else can be reached by it.
//!
//! Replaced are the word in front of a dot, behind SCHEMA, and in a search_path, and strings that can only be
//! names: `'public.t'::regclass`, `nextval('public.s')`, `nspname = 'public'`. The body of a DO block is text of
//! the same kind. Any other string stays, as it may be a row's value. A table or alias that is itself called `public` cannot qualify its columns.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::guard::lexer::{Lexer, Piece, Token};
use crate::guard::names;

const PUBLIC: &str = "public";

/// Functions whose first argument is the name of something in a schema.
const NAMING: [&str; 12] = [
    "nextval",
    "setval",
    "currval",
    "to_regclass",
    "to_regtype",
    "to_regproc",
    "to_regprocedure",
    "pg_get_serial_sequence",
    "pg_relation_size",
    "pg_table_size",
    "pg_indexes_size",
    "pg_total_relation_size",
];

/// Columns of the catalogs that hold the name of a schema.
const SCHEMA_COLUMNS: [&str; 17] = [
    "nspname",
    "schemaname",
    "schema_name",
    "table_schema",
    "constraint_schema",
    "unique_constraint_schema",
    "sequence_schema",
    "routine_schema",
    "specific_schema",
    "trigger_schema",
    "event_object_schema",
    "view_schema",
    "domain_schema",
    "udt_schema",
    "type_udt_schema",
    "user_defined_type_schema",
    "object_schema",
];

/// The text with `schema` in the place of `public`; `None` where it says nothing about it, or where the
/// scanner would refuse it.
pub(super) fn mapped(text: &str, schema: &str) -> Option<String> {
    changed(text, schema, Blocks::Changed)
}

/// Whether the bodies of DO blocks are changed. A block in a block stays: it could go on without end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blocks {
    Changed,
    Left,
}

fn changed(text: &str, schema: &str, blocks: Blocks) -> Option<String> {
    if !mentions(text) {
        return None;
    }
    let pieces = pieces(text)?;
    let mut out = String::new();
    let mut from = 0;
    let mut path = Path::default();
    for (at, piece) in pieces.iter().enumerate() {
        let in_path = path.step(&word(text, piece));
        let new = match blocks {
            Blocks::Changed if is_block(text, &pieces, at) => block(text, piece, schema),
            _ => replacement(text, &pieces, at, in_path, schema),
        };
        let Some(new) = new else { continue };
        out.push_str(&text[from..piece.start]);
        out.push_str(&new);
        from = piece.end;
    }
    if from == 0 {
        return None;
    }
    out.push_str(&text[from..]);
    Some(out)
}

/// A search_path with `schema` in the place of `public`, if that is in it.
pub(super) fn mapped_path(list: &str, schema: &str) -> Option<String> {
    let entries = names::split(list, ',')?;
    if !entries.iter().any(|entry| entry == PUBLIC) {
        return None;
    }
    let quoted = |entry: &Cow<'_, str>| {
        let name = if entry == PUBLIC { schema } else { entry };
        format!("\"{}\"", name.replace('"', "\"\""))
    };
    Some(entries.iter().map(quoted).collect::<Vec<_>>().join(", "))
}

/// Whether the word is in it at all, in any case: most texts end here.
fn mentions(text: &str) -> bool {
    text.as_bytes().windows(PUBLIC.len()).any(|window| window.eq_ignore_ascii_case(PUBLIC.as_bytes()))
}

/// The tokens, without comments.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    for piece in Lexer::new(text) {
        let piece = piece.ok()?;
        match piece.token {
            Token::Wrong => return None,
            Token::LineComment | Token::BlockComment => {}
            _ => pieces.push(piece),
        }
    }
    Some(pieces)
}

/// Follows `search_path TO a, b` and `search_path = a, b`.
#[derive(Debug, Default, PartialEq, Eq)]
enum Path {
    #[default]
    Elsewhere,
    /// Behind `SET`, `SET LOCAL`, `SET SESSION`.
    Set,
    Named,
    /// Before an entry.
    Entry,
    /// Behind one.
    Comma,
}

impl Path {
    /// Whether this token is an entry of a search_path.
    fn step(&mut self, word: &str) -> bool {
        let is_entry = *self == Self::Entry;
        *self = match (&*self, word) {
            (_, "set") => Self::Set,
            (Self::Set, "local" | "session") => Self::Set,
            (Self::Set, "search_path") => Self::Named,
            (Self::Named, "to" | "=") | (Self::Comma, ",") => Self::Entry,
            (Self::Entry, _) => Self::Comma,
            _ => Self::Elsewhere,
        };
        is_entry
    }
}

/// A token in lower case if it is a word or a sign; what stands in double quotes as it is, without them.
fn word<'t>(text: &'t str, piece: &Piece) -> Cow<'t, str> {
    let token = text.get(piece.start..piece.end).unwrap_or_default();
    if piece.token != Token::Other {
        return Cow::Borrowed("'");
    }
    match token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(token.to_ascii_lowercase()),
    }
}

fn replacement(text: &str, pieces: &[Piece], at: usize, in_path: bool, schema: &str) -> Option<String> {
    let piece = pieces.get(at)?;
    let before = |back: usize| at.checked_sub(back).map_or(Cow::Borrowed(""), |at| word(text, &pieces[at]));
    let after = |ahead: usize| pieces.get(at + ahead).map_or(Cow::Borrowed(""), |piece| word(text, piece));
    if piece.token == Token::Other {
        if word(text, piece) != PUBLIC {
            return None;
        }
        let qualifies = after(1) == "." && before(1) != ".";
        return (qualifies || in_path || follows_schema(&before)).then(|| format!("\"{schema}\""));
    }
    if piece.token != Token::String {
        return None;
    }
    let value = text.get(piece.start + 1..piece.end - 1)?;
    let is_schema = before(1) == "=" && SCHEMA_COLUMNS.contains(&&*before(2))
        || before(1) == "(" && before(2) == "in" && SCHEMA_COLUMNS.contains(&&*before(3))
        || after(1) == "::" && after(2) == "regnamespace"
        || in_path;
    if value == PUBLIC && is_schema {
        return Some(format!("'{schema}'"));
    }
    let is_path = before(1) == ","
        && before(3) == "("
        && before(4) == "set_config"
        && pieces.get(at - 2).and_then(|name| text.get(name.start..name.end)) == Some("'search_path'");
    if is_path {
        return mapped_path(value, schema).map(|list| format!("'{list}'"));
    }
    let is_name = after(1) == "::" && after(2).starts_with("reg")
        || before(1) == "regclass"
        || before(1) == "(" && NAMING.contains(&&*before(2));
    is_name.then(|| qualified(value, schema)).flatten()
}

/// Behind DO, or DO LANGUAGE and a name, at the begin of a statement.
fn is_block(text: &str, pieces: &[Piece], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or(Cow::Borrowed(""), |at| word(text, &pieces[at]));
    let verb = if before(2) == "language" { 3 } else { 1 };
    before(verb) == "do" && (at == verb || before(verb + 1) == ";")
}

/// The body of a DO block, in quotes of either kind, with `schema` in the place of `public`.
fn block(text: &str, piece: &Piece, schema: &str) -> Option<String> {
    let quoted = text.get(piece.start..piece.end)?;
    let within = |body: &str| changed(body, schema, Blocks::Left);
    if piece.token == Token::String {
        let body = quoted.get(1..quoted.len() - 1)?.replace("''", "\0");
        // A second literal that continues it on another line.
        if body.contains('\'') {
            return None;
        }
        return within(&body.replace('\0', "'")).map(|new| format!("'{}'", new.replace('\'', "''")));
    }
    let tag = quoted.get(..quoted.get(1..)?.find('$')? + 2).filter(|tag| tag.starts_with('$'))?;
    let new = within(quoted.strip_prefix(tag)?.strip_suffix(tag)?)?;
    (!new.contains(tag)).then(|| format!("{tag}{new}{tag}"))
}

/// Behind SCHEMA, SCHEMA IF EXISTS, SCHEMA IF NOT EXISTS.
fn follows_schema<'t>(before: &impl Fn(usize) -> Cow<'t, str>) -> bool {
    match &*before(1) {
        "schema" => true,
        "exists" if before(2) == "if" => before(3) == "schema",
        "exists" => before(2) == "not" && before(3) == "if" && before(4) == "schema",
        _ => false,
    }
}

/// `public.x` or `"public".x` in a string.
fn qualified(value: &str, schema: &str) -> Option<String> {
    let rest = match value.get(..PUBLIC.len()) {
        Some(word) if word.eq_ignore_ascii_case(PUBLIC) => &value[PUBLIC.len()..],
        _ => value.strip_prefix("\"public\"")?,
    };
    rest.starts_with('.').then(|| format!("'\"{schema}\"{rest}'"))
}
