//! A file of SQL, cut where psql cuts it: into what would be sent as one message each.
//!
//! Only the lexical rules of PostgreSQL are followed here, as psql does (`psqlscan.l`): literals,
//! comments, parentheses, bodies of `BEGIN ATOMIC`. Whether a part is a statement, and one or several,
//! the parser says. Data behind `COPY … FROM STDIN` is skipped.

/// One part of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// SQL up to its semicolon, which is left out. May hold nothing but comments.
    Sql {
        /// Where it begins in the script, in bytes.
        start: usize,
        /// The SQL.
        text: &'t str,
    },
    /// What is not for a server.
    Foreign {
        /// Where it begins in the script, in bytes.
        start: usize,
        /// What it is.
        what: Foreign<'t>,
    },
}

/// What stands in a script and is no SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign<'t> {
    /// A command of psql, to the end of its line.
    MetaCommand(&'t str),
    /// Words on the line of a `COPY … FROM STDIN`, behind its semicolon, where psql reads data next.
    BehindCopy,
    /// A `COPY … FROM STDIN` whose data never ends: all that follows was taken for data.
    OpenCopy,
}

/// Commands of psql that pg_dump puts around its dumps. They only keep psql from obeying others.
const HARMLESS: [&str; 2] = ["\\restrict", "\\unrestrict"];

/// The parts of a script, in order.
#[derive(Debug)]
pub struct Script<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Script<'t> {
    /// Of this text.
    #[must_use]
    pub const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Data of COPY from here to a line `\.`; what is wrong about it.
    fn skip_data(&mut self, copy: usize) -> Option<Part<'t>> {
        let rest = &self.text[self.at..];
        let line = rest.split_inclusive('\n').next().unwrap_or_default();
        let behind = line.trim();
        if !behind.is_empty() && !behind.starts_with("--") {
            let start = self.at + skip_space(rest);
            // Where the data ends is anybody's guess now.
            self.at = self.text.len();
            return Some(Part::Foreign { start, what: Foreign::BehindCopy });
        }
        let mut end = line.len();
        for line in rest[end..].split_inclusive('\n') {
            end += line.len();
            if line.trim_end_matches(['\r', '\n']) == "\\." {
                self.at += end;
                return None;
            }
        }
        let nothing_follows = rest.trim().is_empty();
        self.at = self.text.len();
        (!nothing_follows).then_some(Part::Foreign { start: copy, what: Foreign::OpenCopy })
    }

    fn meta_command(&mut self, start: usize) -> Option<Part<'t>> {
        let line = self.text[start..].split(['\n', '\r']).next().unwrap_or_default();
        self.at = start + line.len();
        let name = line.split_whitespace().next().unwrap_or_default();
        let harmless = HARMLESS.contains(&name);
        (!harmless).then_some(Part::Foreign { start, what: Foreign::MetaCommand(line) })
    }
}

impl<'t> Iterator for Script<'t> {
    type Item = Part<'t>;

    fn next(&mut self) -> Option<Part<'t>> {
        loop {
            self.at += skip_space(&self.text[self.at..]);
            let start = self.at;
            if start == self.text.len() {
                return None;
            }
            let mut statement = Statement::default();
            let mut lexer = Lexer { bytes: self.text.as_bytes(), at: start };
            let stop = lexer.statement(&mut statement);
            let text = &self.text[start..lexer.at];
            match stop {
                // psql keeps SQL in front of a command for later: the two are one.
                Stop::Backslash => match self.meta_command(lexer.at) {
                    Some(part) => return Some(part),
                    None if text.trim().is_empty() => continue,
                    None => return Some(Part::Sql { start, text }),
                },
                Stop::End => self.at = lexer.at,
                Stop::Semicolon => self.at = lexer.at + 1,
            }
            if statement.reads_data()
                && let Some(problem) = self.skip_data(start)
            {
                return Some(problem);
            }
            return Some(Part::Sql { start, text });
        }
    }
}

/// Where the first word stands, behind blanks and comments; the length if there is none.
pub(super) fn first_word(text: &str) -> usize {
    let mut lexer = Lexer { bytes: text.as_bytes(), at: 0 };
    lexer.skip_blank();
    lexer.at
}

fn skip_space(text: &str) -> usize {
    text.bytes().position(|byte| !is_space(byte)).unwrap_or(text.len())
}

/// What ended a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Semicolon,
    Backslash,
    End,
}

/// What must be known of a statement to find its end, and whether data follows.
#[derive(Debug, Default)]
struct Statement {
    parentheses: u32,
    /// Blocks of a body in `BEGIN ATOMIC … END` that are open.
    blocks: u32,
    words: u32,
    /// First letters of the first words, of those that CREATE OR REPLACE FUNCTION or PROCEDURE is made of.
    letters: [u8; 4],
    is_copy: bool,
    /// The word before was the first FROM.
    from: From,
    stdin: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum From {
    #[default]
    None,
    Here,
    Passed,
}

impl Statement {
    const fn reads_data(&self) -> bool {
        self.is_copy && self.stdin
    }

    /// Follows psql's own rule for bodies, which is not PostgreSQL's grammar but what decides where psql cuts.
    fn word(&mut self, word: &[u8]) {
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        if let Some(letter) = self.letters.get_mut(self.words as usize)
            && ["create", "function", "procedure", "or", "replace"].into_iter().any(is)
        {
            *letter = word[0].to_ascii_lowercase();
        }
        let defines_routine =
            matches!(self.letters, [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']);
        if defines_routine && self.parentheses == 0 {
            if is("begin") || (is("case") && self.blocks > 0) {
                self.blocks += 1;
            } else if is("end") {
                self.blocks = self.blocks.saturating_sub(1);
            }
        }
        self.is_copy |= self.words == 0 && is("copy");
        if self.is_copy && self.parentheses == 0 {
            self.stdin |= self.from == From::Here && (is("stdin") || is("stdout"));
            self.from = match self.from {
                From::None if is("from") => From::Here,
                From::None => From::None,
                From::Here | From::Passed => From::Passed,
            };
        }
        self.words += 1;
    }

    /// Something else than a word.
    fn other(&mut self) {
        if self.from == From::Here {
            self.from = From::Passed;
        }
    }
}

/// Reads as PostgreSQL's `scan.l` does with standard_conforming_strings on.
struct Lexer<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// To the end of a statement, at what ends it.
    fn statement(&mut self, statement: &mut Statement) -> Stop {
        loop {
            self.skip_blank();
            let Some(byte) = self.peek(0) else { return Stop::End };
            match byte {
                b';' if statement.parentheses == 0 && statement.blocks == 0 => return Stop::Semicolon,
                b'\\' => return Stop::Backslash,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => {
                    let from = self.at;
                    self.identifier();
                    statement.word(&self.bytes[from..self.at]);
                    continue;
                }
                b'(' => statement.parentheses += 1,
                b')' => statement.parentheses = statement.parentheses.saturating_sub(1),
                _ => {}
            }
            statement.other();
            match byte {
                b'\'' => self.literal(false),
                b'"' => self.quoted(b'"', false),
                b'$' => self.dollar(),
                _ => self.at += 1,
            }
        }
    }

    /// Spaces and comments. Whether a line ended there.
    fn skip_blank(&mut self) -> bool {
        let mut new_line = false;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(byte), _) if is_space(byte) => {
                    new_line |= matches!(byte, b'\n' | b'\r');
                    self.at += 1;
                }
                (Some(b'-'), Some(b'-')) => {
                    while !matches!(self.peek(0), None | Some(b'\n' | b'\r')) {
                        self.at += 1;
                    }
                }
                (Some(b'/'), Some(b'*')) => self.comment(),
                _ => return new_line,
            }
        }
    }

    fn comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// A literal with all its parts: one that begins on a later line goes on by the same rules.
    fn literal(&mut self, backslash: bool) {
        loop {
            self.quoted(b'\'', backslash);
            let end = self.at;
            if !(self.skip_blank() && self.peek(0) == Some(b'\'')) {
                self.at = end;
                return;
            }
        }
    }

    /// To behind the closing quote. Two quotes inside stand for one, and read as an end and a new
    /// beginning they come to the same, unless a backslash may stand between.
    fn quoted(&mut self, quote: u8, backslash: bool) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            if byte == quote {
                if self.peek(0) != Some(quote) {
                    return;
                }
                self.at += 1;
            } else if backslash && byte == b'\\' && self.peek(0).is_some() {
                self.at += 1;
            }
        }
    }

    /// `$tag$ … $tag$`, or a `$` that begins none.
    fn dollar(&mut self) {
        let rest = &self.bytes[self.at..];
        let tag_end = rest[1..].iter().position(|&b| !is_identifier(b) || b == b'$').map(|at| at + 1);
        let Some(end) = tag_end.filter(|&end| rest[end] == b'$' && !rest[1].is_ascii_digit()) else {
            self.at += 1;
            return;
        };
        let tag = &rest[..=end];
        let mut from = end + 1;
        while let Some(found) = rest[from..].iter().position(|&b| b == b'$') {
            from += found;
            if rest[from..].starts_with(tag) {
                self.at += from + tag.len();
                return;
            }
            from += 1;
        }
        self.at = self.bytes.len();
    }

    fn identifier(&mut self) {
        let from = self.at;
        while self.peek(0).is_some_and(is_identifier) {
            self.at += 1;
        }
        let escapes = matches!(&self.bytes[from..self.at], b"e" | b"E") && self.peek(0) == Some(b'\'');
        if escapes {
            self.literal(true);
        }
    }
}

/// `scanner_isspace`.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c')
}

const fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// Turns places in a text into lines and columns, in one pass.
#[derive(Clone, Debug)]
pub struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    column: usize,
}

impl<'t> Lines<'t> {
    /// Of this text.
    #[must_use]
    pub const fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    /// Line and column of a byte, both from 1, the column in characters. Places behind it must not have
    /// been asked for before.
    pub fn find(&mut self, offset: usize) -> (usize, usize) {
        for letter in self.text.get(self.at..offset).unwrap_or_default().chars() {
            if letter == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at = self.at.max(offset);
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests;
