//! The table of contents of a dump, as `pg_restore -l` prints it: whether it holds a tenant's schema and nothing else.

use crate::control::backup::BackupError;
use crate::tenant::Ident;

/// Longest part of a line that an error shows.
const SHOWN: usize = 120;

/// What pg_dump calls objects of a schema. What is not here is refused: extensions, event triggers, publications, large
/// objects, foreign servers, and whatever a later version brings.
const KINDS: [&str; 36] = [
    "ACL",
    "AGGREGATE",
    "CAST",
    "CHECK CONSTRAINT",
    "COLLATION",
    "COMMENT",
    "CONSTRAINT",
    "CONVERSION",
    "DEFAULT",
    "DEFAULT ACL",
    "DOMAIN",
    "FK CONSTRAINT",
    "FUNCTION",
    "INDEX",
    "INDEX ATTACH",
    "MATERIALIZED VIEW",
    "MATERIALIZED VIEW DATA",
    "OPERATOR",
    "POLICY",
    "PROCEDURE",
    "ROW SECURITY",
    "RULE",
    "SCHEMA",
    "SEQUENCE",
    "SEQUENCE OWNED BY",
    "SEQUENCE SET",
    "SHELL TYPE",
    "STATISTICS",
    "TABLE",
    "TABLE ATTACH",
    "TABLE DATA",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TRIGGER",
    "TYPE",
    "VIEW",
];

/// Kinds that are about the schema itself, which stands in no schema.
const OF_SCHEMA: [&str; 4] = ["SCHEMA - ", "ACL - SCHEMA ", "COMMENT - SCHEMA ", "DEFAULT ACL - "];

/// Counts the items; refuses one of another kind or of another schema.
pub(super) fn check(list: &str, schema: &Ident) -> Result<usize, BackupError> {
    // pg_restore prints a line end in a name as a blank.
    let schema = schema.as_str().replace(['\n', '\r'], " ");
    let mut items = 0;
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with(';')) {
        let known = what(line).is_some_and(|what| {
            let in_schema = KINDS.iter().any(|kind| {
                what.strip_prefix(kind)
                    .and_then(|rest| rest.strip_prefix(' '))
                    .and_then(|rest| rest.strip_prefix(schema.as_str()))
                    .is_some_and(|rest| rest.starts_with(' '))
            });
            let of_schema = OF_SCHEMA.iter().any(|begin| {
                what.strip_prefix(begin)
                    .and_then(|rest| rest.strip_prefix(schema.as_str()))
                    .is_some_and(|rest| rest.starts_with(' '))
            });
            in_schema || of_schema
        });
        if !known {
            return Err(BackupError::Item(shown(line)));
        }
        items += 1;
    }
    Ok(items)
}

/// Behind `233; 1255 16404 `.
fn what(line: &str) -> Option<&str> {
    let (id, rest) = line.split_once("; ")?;
    let mut parts = rest.splitn(3, ' ');
    let numbers = [Some(id), parts.next(), parts.next()];
    let is_number = |part: &Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    let rest = parts.next()?;
    numbers.iter().all(is_number).then_some(rest)
}

/// The begin of a text in one line that a terminal can show.
pub(super) fn shown(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let line = words.join(" ").replace(char::is_control, "\u{fffd}");
    let mut begin: String = line.chars().take(SHOWN).collect();
    if begin.len() < line.len() {
        begin.push('…');
    }
    begin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(lines: &str) -> Result<usize, String> {
        check(lines, &Ident::parse("tenant_acme").unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn objects_of_the_schema_are_known() {
        let list = ";\n; Archive created at 2026\n;\n\n\
            6; 2615 16387 SCHEMA - tenant_acme postgres\n\
            3381; 0 0 ACL - SCHEMA tenant_acme postgres\n\
            220; 1255 16401 FUNCTION tenant_acme norm(text) tenant_acme\n\
            3373; 0 16407 TABLE DATA tenant_acme customers tenant_acme\n\
            3389; 0 0 DEFAULT ACL tenant_acme DEFAULT PRIVILEGES FOR TABLES tenant_acme\n";
        assert_eq!(checked(list), Ok(5));
    }

    #[test]
    fn other_kinds_and_other_schemas_are_refused_by_line() {
        for line in [
            "7; 3079 16500 EXTENSION - dblink ",
            "8; 3466 16501 EVENT TRIGGER - evil postgres",
            "9; 1259 16502 TABLE tenant_other t tenant_other",
            "9; 1259 16502 TABLE tenant_acme2 t tenant_other",
            "9; 1259 16502 TABLE public t postgres",
            "10; 2613 16503 BLOB - 16503 postgres",
            "10; 6104 16504 PUBLICATION - p postgres",
            "10; 1262 16505 DATABASE - app postgres",
            "10; 2615 16506 SCHEMA - tenant_other postgres",
            "10; 0 0 ACL - DATABASE app postgres",
            "no number TABLE tenant_acme t x",
            "TABLE tenant_acme t x",
        ] {
            let error = checked(line).unwrap_err();
            assert!(error.contains(line.trim_end()), "{error}");
        }
    }

    #[test]
    fn what_is_shown_is_one_short_line() {
        assert_eq!(shown("a\n  b\u{1b}[2J"), "a b\u{fffd}[2J");
        assert!(shown(&"x".repeat(500)).chars().count() == SHOWN + 1);
    }
}
