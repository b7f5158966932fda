//! The walk misses nothing that a second, independent way of reading the tree finds.

#[path = "support/oracle.rs"]
mod oracle;

use pgtenant_sqltree::{Kind, Walk, field, parse};

/// One statement of many kinds a line; each names relations, functions and types in other places.
const STATEMENTS: &str = include_str!("statements.sql");

#[test]
fn walk_finds_every_node_and_string_that_decoding_finds() {
    let mut compared = 0;
    for statement in STATEMENTS.lines().filter(|line| !line.is_empty() && !line.starts_with("--")) {
        let (walk, oracle) = oracle::both(statement).unwrap_or_else(|| panic!("does not parse: {statement}"));
        assert_eq!(walk, oracle, "{statement}");
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn walk_says_where_a_node_hangs() {
    let tree = parse("DROP TABLE a.b").unwrap();
    let list = Walk::new(tree.root()).map(Result::unwrap).find(|v| v.message.kind() == Kind::List).unwrap();
    assert_eq!((list.parent, list.field), (Kind::DropStmt, field::drop_stmt::OBJECTS));
    let parts: Vec<_> =
        list.message.children(field::list::ITEMS).map(|part| part.text(field::string::SVAL)).collect();
    assert_eq!(parts, ["a", "b"]);
}

#[test]
fn chain_of_hundreds_of_operators_is_walked_on_a_small_stack() {
    let text = format!("SELECT 1{} FROM b.t", " || 1".repeat(500));
    let walk = move || {
        let tree = parse(&text).unwrap();
        Walk::new(tree.root()).map(Result::unwrap).filter(|v| v.message.kind() == Kind::RangeVar).count()
    };
    let relations = std::thread::Builder::new().stack_size(2 << 20).spawn(walk).unwrap().join().unwrap();
    assert_eq!(relations, 1);
}

#[test]
fn nul_byte_is_an_error_with_its_place() {
    let error = parse("SELECT 1\0; DROP TABLE t").unwrap_err();
    assert_eq!((error.message.as_str(), error.cursor_position), ("a statement cannot hold a NUL byte", 9));
}

#[test]
fn parser_message_and_position_are_handed_on() {
    let error = parse("SELEC 1").unwrap_err();
    assert_eq!((error.message.as_str(), error.cursor_position), ("syntax error at or near \"SELEC\"", 1));
}
