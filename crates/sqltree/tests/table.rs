//! The table in the source is the one that the linked parser was built from.

#[path = "support/generate.rs"]
mod generate;

#[test]
fn table_is_the_one_of_the_linked_parser() {
    let same = include_str!("../src/table.rs") == generate::table();
    assert!(
        same,
        "the parser's definitions changed: run `cargo run -p pgtenant-sqltree --example generate_table`, then go through the guard's tables"
    );
}
