//! The file of audited lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::telemetry::Sink;

/// Mode of a file that was not there: the group may read, for who collects it.
const MODE: u32 = 0o640;

/// Opens it at its end. Each line is one write, so that those of two processes do not mix while one takes over from the other.
///
/// # Errors
/// The system's.
pub(in crate::cli) fn open(path: &Path) -> io::Result<Sink> {
    let file: File = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
    Ok(Box::new(move |line| (&file).write_all(line)))
}

/// What to do where it cannot be opened.
pub(in crate::cli) fn remedy(path: &Path, error: &io::Error) -> String {
    format!(
        "{} cannot be opened: {error}; name a file in a directory that this process may write to",
        path.display()
    )
}
