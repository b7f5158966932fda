//! The `pgtenant` command.

fn main() {}
