//! Names of schemas in the strings of a statement.

/// Whether a string constant in it has the name as a word: what a function's body, a default such as
/// `nextval('schema.name'::text)` or an argument of a trigger says is found by name when it runs, and would be found in that schema.
/// Whatever else a statement names the server has read already, and its dependencies tell.
///
/// For statements as the server and `format` write them: no comments and no dollar quotes outside constants, and
/// a quote inside is always doubled.
pub(super) fn names(statement: &str, schema: &str) -> bool {
    let mut rest = statement;
    while let Some(start) = rest.find(['\'', '"']) {
        let quote = if rest.as_bytes()[start] == b'\'' { '\'' } else { '"' };
        let inside = &rest[start + 1..];
        let end = inside.find(quote).unwrap_or(inside.len());
        // A doubled quote ends one constant and begins the next; no name is across it that is in neither.
        if quote == '\'' && has_word(&inside[..end], schema) {
            return true;
        }
        rest = inside.get(end + 1..).unwrap_or_default();
    }
    false
}

/// Case does not count: unquoted names are folded.
fn has_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(&word).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_in_strings_count() {
        for (statement, found) in [
            ("DEFAULT nextval('base.seq'::text)", true),
            ("AS 'BEGIN SELECT 1 FROM base.t; END'", true),
            ("AS 'BEGIN SELECT 1 FROM \"base\".t; END'", true),
            ("AS E'x\\\\n BASE.t'", true),
            ("AS 'SELECT ''base'''", true),
            ("AS 'base'", true),
            ("AS 'database, base_1, my$base'", false),
            ("DEFAULT 'x' COLLATE base.c", false),
            ("COMMENT ON TABLE \"it's base.t\" IS 'x'", false),
            ("COMMENT ON TABLE \"a\"\"'base\" IS 'x'", false),
            ("CHECK (x = 'a''b') base 'c'", false),
            ("AS 'unfinished base", true),
            ("é'ébase'", false),
        ] {
            assert_eq!(names(statement, "base"), found, "{statement}");
        }
    }

    #[test]
    fn name_may_be_of_any_letters() {
        assert!(names("AS 'SELECT * FROM \"Vorlage é\".t'", "Vorlage é"));
        assert!(!names("AS 'SELECT 1'", "Vorlage é"));
    }
}
