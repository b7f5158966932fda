//! The walk misses nothing that a second, independent way of reading the tree finds.

#[path = "support/oracle.rs"]
mod oracle;

use pgtenant_sqltree::{Kind, Walk, field, parse};

/// The guard's corpus: statements of every kind, that name relations, functions and types in every place.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus/guard");

#[test]
fn walk_finds_every_node_and_string_that_decoding_finds() {
    // The other way of reading calls itself for every level of a tree.
    std::thread::Builder::new().stack_size(256 << 20).spawn(compare_on_the_corpus).unwrap().join().unwrap();
}

fn compare_on_the_corpus() {
    let mut compared = 0;
    for directory in ["allow", "deny"] {
        for entry in std::fs::read_dir(format!("{CORPUS}/{directory}")).expect("the corpus") {
            let text = std::fs::read(entry.expect("an entry").path()).expect("a file");
            // What no parser takes, and what the other way of reading gives up on, cannot be compared.
            let Some((walk, oracle)) = std::str::from_utf8(&text).ok().and_then(oracle::both) else {
                continue;
            };
            assert_eq!(walk, oracle, "{}", String::from_utf8_lossy(&text));
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared}");
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
