//! PostgreSQL's rules for names inside strings, and the schemas everybody may name.

use std::borrow::Cow;

/// `NAMEDATALEN - 1`: PostgreSQL cuts identifiers to this many bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// Schemas that hold nothing of a tenant; PostgreSQL's privileges protect what is in them.
pub(super) fn is_system(schema: &str) -> bool {
    matches!(schema, "pg_catalog" | "information_schema" | "pg_temp")
}

/// Cuts as `truncate_identifier` does, at a character's boundary.
pub(super) fn truncate(name: &str) -> &str {
    let mut end = name.len().min(MAX_IDENTIFIER_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Splits as `SplitIdentifierString` does: names between separators, folded unless quoted, cut to 63
/// bytes. `None` where PostgreSQL would refuse the string.
pub(super) fn split(text: &str, separator: char) -> Option<Vec<Cow<'_, str>>> {
    let mut rest = text.trim_start_matches(is_space);
    let mut names = Vec::new();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let (name, after) = identifier(rest, separator)?;
        names.push(name);
        let after = after.trim_start_matches(is_space);
        if after.is_empty() {
            return Some(names);
        }
        rest = after.strip_prefix(separator)?.trim_start_matches(is_space);
    }
}

/// One identifier off the front.
pub(super) fn identifier(text: &str, separator: char) -> Option<(Cow<'_, str>, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut rest = quoted;
        loop {
            let end = rest.find('"')?;
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            let Some(more) = rest.strip_prefix('"') else { break };
            name.push('"');
            rest = more;
        }
        return Some((Cow::Owned(truncate(&name).to_owned()), rest));
    }
    let end = text.find(|c| c == separator || is_space(c)).unwrap_or(text.len());
    if end == 0 {
        return None;
    }
    let name = &text[..end];
    let folded = if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(truncate(&name.to_ascii_lowercase()).to_owned())
    } else {
        Cow::Borrowed(truncate(name))
    };
    Some((folded, &text[end..]))
}

/// `scanner_isspace`.
const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// The name and the argument types of `schema.name(type, type)`.
pub(super) fn signature(text: &str) -> Option<(&str, Vec<&str>)> {
    let open = outside_quotes(text).find(|&(_, c)| c == '(').map(|(at, _)| at)?;
    let inner = text[open + 1..].trim_end_matches(is_space).strip_suffix(')')?;
    let mut depth = 0_i32;
    let mut types = Vec::new();
    let mut from = 0;
    for (at, c) in outside_quotes(inner) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                types.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    types.push(&inner[from..]);
    Some((&text[..open], types))
}

fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut quoted = false;
    text.char_indices().filter(move |&(_, c)| {
        if c == '"' {
            quoted = !quoted;
        }
        !quoted
    })
}

/// The elements of an array literal such as `{a,"b c"}`, of any number of dimensions.
pub(super) fn array_elements(text: &str) -> Vec<String> {
    let mut elements = Vec::new();
    let mut element = String::new();
    let mut quoted = false;
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => element.extend(letters.next()),
            '"' => quoted = !quoted,
            '{' | '}' | ',' if !quoted => elements.push(std::mem::take(&mut element)),
            _ => element.push(c),
        }
    }
    elements.push(element);
    elements.retain(|element| !element.trim().is_empty());
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_unless_quoted() {
        assert_eq!(split(r#" Tenant_A . "B""x" "#, '.').unwrap(), ["tenant_a", "B\"x"]);
        assert_eq!(split("a,b", ',').unwrap(), ["a", "b"]);
        assert_eq!(split(r#""a.b".c"#, '.').unwrap(), ["a.b", "c"]);
    }

    #[test]
    fn names_are_cut_at_63_bytes_and_never_inside_a_letter() {
        let long = "x".repeat(70);
        assert_eq!(split(&long, '.').unwrap(), ["x".repeat(63)]);
        assert_eq!(truncate(&format!("{}é", "x".repeat(62))), "x".repeat(62));
    }

    #[test]
    fn empty_list_is_a_list_and_a_hanging_separator_is_none() {
        assert_eq!(split("  ", ',').unwrap(), Vec::<String>::new());
        for wrong in ["a,", ",a", "a b", "\"a", "a,,b"] {
            assert_eq!(split(wrong, ','), None, "{wrong}");
        }
    }

    #[test]
    fn signature_is_split_outside_quotes_and_parentheses() {
        assert_eq!(signature("b.f(numeric(1,2), x.t)"), Some(("b.f", vec!["numeric(1,2)", " x.t"])));
        assert_eq!(signature(r#""a(".f()"#), Some((r#""a(".f"#, vec![""])));
        assert_eq!(signature("f"), None);
    }

    #[test]
    fn array_literal_is_taken_apart() {
        assert_eq!(array_elements(r#"{a.b,"c d"}"#), ["a.b", "c d"]);
        assert_eq!(array_elements(r#"{{a\.b},{"\"x\".y"}}"#), ["a.b", "\"x\".y"]);
    }
}
