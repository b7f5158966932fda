//! How far a long command is, in one line of the terminal that is written over. Nothing where no person looks.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::cli::tenant::output::human_bytes;
use crate::control::migrate::Progress;

/// The line is written at most this often.
const PERIOD: Duration = Duration::from_millis(100);

/// Characters of the bar.
const WIDTH: usize = 30;

/// A bar on standard error; it vanishes when it is dropped.
#[derive(Debug)]
pub struct Bar {
    what: &'static str,
    is_seen: bool,
    drawn: Option<Instant>,
}

impl Bar {
    /// Of so many of these: "tenants".
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        Self { what, is_seen: io::stderr().is_terminal(), drawn: None }
    }
}

impl Progress for Bar {
    fn at(&mut self, done: usize, of: usize, last: &str) {
        let now = Instant::now();
        let is_due = self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= PERIOD) || done == of;
        if self.is_seen && is_due {
            self.drawn = Some(now);
            // Who does not look any more does not end the work.
            let _ = write!(io::stderr().lock(), "\r{}\x1b[K", line(done, of, self.what, last));
        }
    }

    fn end(&mut self) {
        if self.drawn.take().is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

/// The same for work that is told of from within: bytes that went by, or so many of so many.
#[derive(Debug, Default)]
pub struct Line(Option<Mutex<Option<Instant>>>);

impl Line {
    /// Seen only where a person looks.
    #[must_use]
    pub fn new() -> Self {
        Self(io::stderr().is_terminal().then(Mutex::default))
    }

    /// So many bytes are dumped, loaded and so on.
    pub fn bytes(&self, what: &str, bytes: u64) {
        let size = human_bytes(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.draw(false, || format!("{what} {size}"));
    }

    /// What is being done now.
    pub fn step(&self, what: &str) {
        self.draw(true, || format!("{what} …"));
    }

    /// So many of so many are done.
    pub fn count(&self, what: &str, done: usize, of: usize, last: &str) {
        self.draw(done == of, || line(done, of, what, last));
    }

    /// Nothing more is to come.
    pub fn end(&self) {
        if let Some(Ok(mut drawn)) = self.0.as_ref().map(Mutex::lock)
            && drawn.take().is_some()
        {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }

    fn draw(&self, is_last: bool, text: impl FnOnce() -> String) {
        let Some(Ok(mut drawn)) = self.0.as_ref().map(Mutex::lock) else { return };
        if is_last || drawn.is_none_or(|drawn| drawn.elapsed() >= PERIOD) {
            *drawn = Some(Instant::now());
            // Who does not look any more does not end the work.
            let _ = write!(io::stderr().lock(), "\r{}\x1b[K", text());
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

fn line(done: usize, of: usize, what: &str, last: &str) -> String {
    let full = (done * WIDTH).checked_div(of).unwrap_or(WIDTH);
    format!("[{}{}] {done} of {of} {what}, {last}", "#".repeat(full), ".".repeat(WIDTH.saturating_sub(full)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_is_as_full_as_the_work_is_done() {
        assert_eq!(
            line(1, 3, "tenants", "acme"),
            format!("[{}{}] 1 of 3 tenants, acme", "#".repeat(10), ".".repeat(20))
        );
        assert!(line(0, 0, "tenants", "the template").starts_with(&format!("[{}]", "#".repeat(30))));
    }
}
