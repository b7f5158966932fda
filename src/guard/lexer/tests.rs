//! The lexer against PostgreSQL's own scanner, and its limits.

use std::fs;
use std::ops::Range;
use std::path::Path;

use pgtenant_sqltree::{Scanned, tokens};
use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> bool {
    Lexer::new(text).any(|piece| piece.is_err())
}

/// What PostgreSQL's scanner may take a token for that is this to us.
fn may_be(token: Token, scanned: Scanned) -> bool {
    match token {
        Token::String => scanned == Scanned::String,
        Token::Integer => scanned == Scanned::Integer,
        Token::Decimal => scanned == Scanned::Decimal,
        Token::LineComment | Token::BlockComment => scanned == Scanned::Comment,
        Token::Unicode => scanned == Scanned::Other,
        Token::Other => scanned != Scanned::Comment,
        Token::Wrong => false,
    }
}

/// Whether PostgreSQL's scanner takes the text; then it must have read just what we do.
fn agrees(text: &str) -> bool {
    let Ok(pieces) = Lexer::new(text).collect::<Result<Vec<Piece>, Excess>>() else { return false };
    let Ok(scanned) = tokens(text) else { return false };
    let places = |piece: &Piece| -> Range<usize> { piece.start..piece.end };
    assert_eq!(
        pieces.iter().map(places).collect::<Vec<_>>(),
        scanned.iter().map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>(),
        "{text:?}"
    );
    for (piece, (scanned, _)) in pieces.iter().zip(scanned) {
        assert!(may_be(piece.token, scanned), "{text:?}: {piece:?} is {scanned:?}");
    }
    true
}

/// All texts of up to `longest` letters of an alphabet.
fn all_texts(alphabet: &str, longest: u32) -> impl Iterator<Item = String> + '_ {
    let letters: Vec<char> = alphabet.chars().collect();
    (0..=longest).flat_map(move |length| {
        let letters = letters.clone();
        (0..letters.len().pow(length)).map(move |mut number| {
            (0..length)
                .map(|_| {
                    let letter = letters[number % letters.len()];
                    number /= letters.len();
                    letter
                })
                .collect()
        })
    })
}

#[test]
fn every_short_text_is_read_as_postgresql_reads_it() {
    for alphabet in
        ["1.0e_x+ ", "'\n-\\E 1/", "+-*/<@\n1", "$1a '\n", "uU&'\"E", "0_1oxb.", "Nn'a\"- ", "bX'0\n- "]
    {
        let agreed = all_texts(alphabet, 5).filter(|text| agrees(text)).count();
        assert!(agreed > 2_000, "{alphabet}: {agreed}");
    }
}

#[test]
fn corpus_is_read_as_postgresql_reads_it() {
    for directory in ["allow", "deny"] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/guard").join(directory);
        for entry in fs::read_dir(directory).unwrap() {
            agrees(&fs::read_to_string(entry.unwrap().path()).unwrap());
        }
    }
}

/// Pieces of which texts are made that are hard to read.
const HARD: [&str; 64] = [
    "'",
    "''",
    "'a'",
    "'a\n'",
    "E'",
    "E'\\'",
    "e'\\\\'",
    "b'",
    "X'0'",
    "N'",
    "U&'",
    "u&\"",
    "U&\"d\"",
    "UESCAPE",
    "\"",
    "\"a\"\"b\"",
    "$",
    "$$",
    "$a$",
    "$1",
    "$é$",
    "$a",
    "é",
    "1",
    "12",
    "1.",
    ".5",
    "1.5",
    "..",
    "1..",
    "1e5",
    "1e+5",
    "1e-",
    "1_000",
    "0x1F",
    "0b",
    "2147483647",
    "2147483648",
    "0000000000",
    "99999999999999999999",
    "-",
    "--",
    "--\n",
    "-- c '\n",
    "/*",
    "*/",
    "/**/",
    "/* ' */",
    "+",
    "*",
    "@",
    "<=",
    "=>",
    ":=",
    "::",
    "\n",
    "\r",
    " ",
    "\t",
    "\u{b}",
    "\u{a0}",
    "\\",
    "a",
    "select",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn soup_of_hard_pieces_is_read_as_postgresql_reads_it(
        pieces in proptest::collection::vec(proptest::sample::select(&HARD[..]), 0..12),
    ) {
        agrees(&pieces.concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_is_read_as_postgresql_reads_it(text in "(?s).{0,60}") {
        agrees(&text);
    }
}

#[test]
fn string_goes_on_after_a_line_end_as_what_it_was() {
    let kinds = |text| Lexer::new(text).map(|piece| piece.unwrap().token).collect::<Vec<_>>();
    assert_eq!(kinds("'a' -- b\n 'c'"), [Token::String]);
    assert_eq!(kinds("'a' /* b */\n 'c'"), [Token::String, Token::BlockComment, Token::String]);
    assert_eq!(kinds("'a' 'c'"), [Token::String, Token::String]);
    assert_eq!(kinds("E'a'\n'\\'' 1"), [Token::Other, Token::Integer]);
    let deep = "/*".repeat(40);
    assert!(refused(&format!("SELECT E'a'\n'\\'' {deep}")));
}

#[test]
fn comment_of_33_levels_is_refused_and_of_32_is_not() {
    let nested = |depth| format!("{} x {} SELECT 1", "/*".repeat(depth), "*/".repeat(depth));
    assert!(!refused(&nested(32)));
    assert!(refused(&nested(33)));
}

#[test]
fn runs_that_the_scanner_reads_again_and_again_are_refused() {
    for piece in ["+", "/**/", "/*+++*//**/", "*-/"] {
        assert!(refused(&format!("SELECT {}1", piece.repeat(50_000))), "{piece}");
    }
    assert!(refused(&format!("SELECT /* {} */ 1", "/*++++*/".repeat(50_000))));
    assert!(refused(&format!("SELECT {}{}\n1", "+".repeat(60), "-".repeat(500_000))));
    for piece in ["+ ", "/**/ ", "+1", "/* + */\n", "a->>'b' || ", "-- + -\n", "@-"] {
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
