//! Words to the terminal. The only place that writes to standard output and standard error, besides
//! the log: a reader that goes away, as in `pgtenant check | head`, must not make the command panic.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to standard output: what the command was asked for.
pub fn line(text: impl Display) {
    // Nobody is left to be told about an output that was closed.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a line to standard error: what went wrong, or how far it is.
pub fn error(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
