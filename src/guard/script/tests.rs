//! Scripts as psql and pg_dump write them.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::guard::{parse, walk};

/// The SQL of the parts, without comments and blanks around it; what is no SQL in angle brackets.
fn cut(text: &str) -> Vec<String> {
    Script::new(text)
        .map(|part| match part {
            Part::Sql { text, .. } => text[first_word(text)..].trim_end().to_owned(),
            Part::Foreign { what, .. } => format!("<{what:?}>"),
        })
        .filter(|part| !part.is_empty())
        .collect()
}

#[test]
fn script_is_cut_at_semicolons_and_nowhere_else() {
    for text in [
        "select ';'",
        "select 'it''s;'",
        "select E'\\';'",
        "select e'a''\\';'",
        "select E'a'\n '\\';'",
        "select E'a' -- c'\n '\\';'",
        "select 'a\\'",
        "select U&'\\' || ';'",
        "select \"a;b\"",
        "select \"a\"\";\"",
        "select $$;$$",
        "select $a$ $b$ ; $ $a$",
        "select $é$ ; $é$",
        "select a$$, 1",
        "select 1 -- ;\n + 1",
        "select 1 /* ; /* ; */ ; */ + 1",
        "select $1 - $2",
        "create rule r as on insert to t do also (select 1; select 2)",
        "create function f() returns int begin atomic select 1; select case when true then 1 else 2 end; end",
        "create or replace procedure p() begin atomic select 1; select 2; end",
        "create function f() returns int language plpgsql as $$ begin return 1; end $$",
    ] {
        assert_eq!(cut(&format!("{text};\nselect 'next'")), [text, "select 'next'"], "{text}");
    }
    assert_eq!(cut("begin; select 1; end; case"), ["begin", "select 1", "end", "case"]);
    assert_eq!(cut(" ;; -- only this\n ; /* and this */ "), Vec::<String>::new());
}

/// The parser has the last word: where it finds the statements of a text, the cuts are.
#[test]
fn corpus_is_cut_where_the_parser_ends_its_statements() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/guard");
    let mut statements = 0;
    for directory in ["allow", "deny"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let Ok(tree) = parse::tree(&text, usize::MAX, &mut 0) else { continue };
            let parsed: Vec<&str> =
                walk::spans(&tree, &text).into_iter().map(|span| text[span].trim_end()).collect();
            // A file that is one statement does not go on behind its COPY.
            if parsed.iter().rev().skip(1).any(|statement| statement.to_lowercase().contains("from stdin")) {
                continue;
            }
            let cut = cut(&text);
            assert_eq!(cut.len(), parsed.len(), "{}: {cut:#?}", path.display());
            for (cut, parsed) in cut.iter().zip(&parsed) {
                assert!(cut.starts_with(parsed), "{}: {cut} {parsed}", path.display());
                assert_eq!(first_word(&cut[parsed.len()..]), cut.len() - parsed.len(), "{}", path.display());
            }
            statements += parsed.len();
        }
    }
    assert!(statements > 500, "{statements}");
}

#[test]
fn what_never_ends_is_one_part() {
    for text in ["select 'x; y", "select $$ x; y", "/* x; y", "select (1; 2", "select \"x; y"] {
        assert_eq!(Script::new(text).count(), 1, "{text}");
    }
}

#[test]
fn data_of_a_copy_is_skipped_up_to_its_end() {
    let text = "copy t (a, b) from stdin;\n1\t'it\\'s; \\N\n\\\\.\n\\.\n\nselect 1;\nCOPY public.t FROM STDIN WITH (FORMAT csv);  -- data\n\"\n\\.\n";
    assert_eq!(
        cut(text),
        ["copy t (a, b) from stdin", "select 1", "COPY public.t FROM STDIN WITH (FORMAT csv)"]
    );
    assert_eq!(cut("copy t from stdin;\r\n1\r\n\\.\r\nselect 1"), ["copy t from stdin", "select 1"]);
    assert_eq!(cut("copy t from stdin"), ["copy t from stdin"]);
    assert_eq!(cut("copy t from stdin;\n"), ["copy t from stdin"]);
    for text in [
        "copy t to stdout",
        "copy t from '/x'",
        "copy (select 1 from stdin) to stdout",
        "copy t from '/x' where a is distinct from stdin",
        "select copy from stdin",
    ] {
        assert_eq!(cut(&format!("{text}; select 1")), [text, "select 1"], "{text}");
    }
}

#[test]
fn copy_without_an_end_of_its_data_is_told() {
    assert_eq!(cut("select 1; copy t from stdin;\nselect 2;\n"), ["select 1", "<OpenCopy>"]);
    assert_eq!(cut("copy t from stdin; select 2;\n1\n\\.\nselect 3"), ["<BehindCopy>"]);
}

#[test]
fn commands_of_psql_are_told_but_those_that_pg_dump_writes() {
    assert_eq!(cut("select 1;\n\\d t\nselect 2"), ["select 1", "<MetaCommand(\"\\\\d t\")>", "select 2"]);
    assert_eq!(cut("select 1 \\gexec\n"), ["<MetaCommand(\"\\\\gexec\")>"]);
    assert_eq!(cut("\\.\n"), ["<MetaCommand(\"\\\\.\")>"]);
    assert_eq!(cut("-- dump\n\\restrict a1B2\n\nselect 1;\n\n\\unrestrict a1B2\n\n"), ["select 1"]);
    assert_eq!(cut("\\restricted\n"), ["<MetaCommand(\"\\\\restricted\")>"]);
    assert_eq!(cut("select '\\d', \"\\d\", $$\\d$$ -- \\d\n/* \\d */").len(), 1);
}

#[test]
fn places_are_lines_and_characters() {
    let text = "é;\n\n  select 'ü';x";
    let mut lines = Lines::new(text);
    let places: Vec<_> = ["é", "select", "x"].map(|word| lines.find(text.find(word).unwrap())).into();
    assert_eq!(places, [(1, 1), (3, 3), (3, 14)]);
}

proptest! {
    /// Whatever the text: parts stand one behind the other, on whole characters, and nothing is lost
    /// but semicolons, data and commands.
    #[test]
    fn parts_of_any_text_stand_in_order(text in "(;|'|\"|\\$|\\$a\\$|\\\\|\n|--|/\\*|\\*/|\\(|\\)|copy t from stdin|\\\\\\.|begin|create function|end|E'|é|x| ){0,40}") {
        let mut behind = 0;
        for part in Script::new(&text) {
            let Part::Sql { start, text: sql } = part else { continue };
            prop_assert!(start >= behind);
            prop_assert_eq!(&text[start..start + sql.len()], sql);
            behind = start + sql.len();
        }
    }
}
