//! How the demo looks on a terminal.

use std::io::{self, IsTerminal};

use crate::cli::out;

/// Indentation of what belongs to a heading.
const INDENT: &str = "   ";

/// Standard output, with colours where they can be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    colour: bool,
}

/// ANSI's numbers (ECMA-48, 8.3.117).
#[derive(Clone, Copy)]
enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Cyan = 36,
}

impl Screen {
    /// Colours on a terminal only, and not where `NO_COLOR` (<https://no-color.org>) is set.
    pub(super) fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colour: io::stdout().is_terminal() && !unwanted && !dumb }
    }

    pub(super) fn heading(self, text: &str) {
        out::line(format_args!("\n{}", self.paint(Style::Bold, text)));
    }

    /// What somebody types and gets. The lines with a prompt stand out.
    pub(super) fn block(self, lines: &[String]) {
        for line in lines {
            let line = if line.contains("=> ") { self.paint(Style::Cyan, line) } else { line.clone() };
            out::line(format_args!("{INDENT}{line}"));
        }
    }

    pub(super) fn remark(self, text: &str) {
        out::line(format_args!("{INDENT}{}", self.paint(Style::Dim, text)));
    }

    pub(super) fn line(self, text: &str) {
        out::line(format_args!("{INDENT}{text}"));
    }

    pub(super) fn held(self, text: &str) {
        out::line(format_args!("{INDENT}{} {text}", self.paint(Style::Green, "✔")));
    }

    pub(super) fn failed(self, text: &str) {
        out::line(format_args!("{INDENT}{} {text}", self.paint(Style::Red, "✘")));
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", style as u8) } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_written_only_with_colour() {
        assert_eq!(Screen { colour: false }.paint(Style::Red, "x"), "x");
        assert_eq!(Screen { colour: true }.paint(Style::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
