//! The `pgtenant` command.

use std::process::ExitCode;

/// Gives memory back after the peaks that large statements make, and serves many threads well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pgtenant::cli::run(std::env::args_os())
}
