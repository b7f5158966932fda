//! Writes `src/table.rs` anew, for a new version of the parser.

#[path = "../tests/support/generate.rs"]
mod generate;

fn main() -> std::io::Result<()> {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/table.rs"), generate::table())
}
