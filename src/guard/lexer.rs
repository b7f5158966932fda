//! One linear pass over a text, token by token, as PostgreSQL's `scan.l` reads it with
//! standard_conforming_strings on; and the limits on what that scanner and the grammar would be asked to do.

use std::fmt;

/// Deepest nesting of comments. libpg_query's scanner takes quadratic time for it: 100,000 levels in
/// 400 KB take tens of seconds in an optimized build.
const MAX_COMMENT_DEPTH: u32 = 32;

/// How often the scanner may read the same operator character again, on average over the text. It reads a
/// whole run of them (`/` and `*` are two) at every operator and every comment that begins in the run:
/// 200 KB of `/**//**/…` take tens of seconds in an optimized build, 100 KB of `+` some seconds.
const MAX_WORK_PER_BYTE: usize = 16;

/// And in any text: more than a person's rulers and boxes of stars need.
const FREE_WORK: usize = 64 * 1024;

/// What a piece of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A `'…'` that means itself: no escapes, no prefix that is part of it. With the further `'…'` that
    /// continue it on other lines.
    String,
    /// Digits, of a number that PostgreSQL reads as an `int4`.
    Integer,
    /// Digits with a point, or digits of a number that is too big for an `int4`. No exponent.
    Decimal,
    /// A name or string with Unicode escapes. A UESCAPE behind it, with a string, gives it another meaning.
    Unicode,
    /// `--` and the rest of the line, without its end.
    LineComment,
    /// `/* … */`.
    BlockComment,
    /// Any other token: what it says is its bytes.
    Other,
    /// Where the scanner stops with an error. What is read behind it may be read differently.
    Wrong,
}

/// A token or a comment, and where it is. Between two of them is white space, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What the parser's own scanner would take too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    Depth,
    Work,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(f, "comments are nested more than {MAX_COMMENT_DEPTH} deep"),
            Self::Work => f.write_str("there are too many operator characters or comments in a row"),
        }
    }
}

/// What is between two quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// Two quotes stand for one.
    Doubled,
    /// So they do, and a backslash takes the next letter with it.
    Escaped,
    /// Every quote is the last one.
    Bits,
}

/// The pieces of a text in their order. Ends at the first [`Excess`].
pub(super) struct Lexer<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Where the run of operator characters ends that was measured last.
    run_end: usize,
    /// Operator characters that the scanner will have read.
    work: usize,
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, run_end: 0, work: 0 }
    }

    #[inline]
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn is_digit(&self, ahead: usize) -> bool {
        self.byte(ahead).is_some_and(|byte| byte.is_ascii_digit())
    }

    /// Goes to the first byte from here on that is not so.
    #[inline]
    fn skip_while(&mut self, is_so: impl Fn(u8) -> bool) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|&byte| !is_so(byte)).unwrap_or(rest.len());
    }

    /// Reads one piece, which begins with this byte. What is most frequent is asked for first.
    #[inline]
    fn piece(&mut self, first: u8) -> Result<Token, Excess> {
        if is(IDENTIFIER_START, first) {
            return Ok(self.word(first));
        }
        if is(LONE, first) {
            self.at += 1;
            return Ok(Token::Other);
        }
        Ok(match first {
            b'"' => self.quoted(Token::Other, b'"', Inside::Doubled),
            b'\'' => self.string(Token::String, Inside::Doubled),
            b'0'..=b'9' => self.number(),
            b'.' if self.is_digit(1) => self.number(),
            b'$' => self.dollar(),
            b'-' if self.byte(1) == Some(b'-') => {
                self.skip_while(|byte| !is_newline(byte));
                Token::LineComment
            }
            b'/' if self.byte(1) == Some(b'*') => self.block_comment()?,
            _ if is_operator(first) => self.operator()?,
            _ => {
                let double = matches!((first, self.byte(1)), (b':', Some(b':' | b'=')) | (b'.', Some(b'.')));
                self.at += 1 + usize::from(double);
                if first == 0 { Token::Wrong } else { Token::Other }
            }
        })
    }

    /// An identifier, or the string that a letter in front of its quote makes special. (`N'…'` is the
    /// word NCHAR and a plain string, also to the scanner.)
    #[inline]
    fn word(&mut self, first: u8) -> Token {
        let start = self.at;
        self.skip_while(is_identifier);
        if self.at != start + 1 {
            return Token::Other;
        }
        match (first, self.byte(0), self.byte(1)) {
            (b'e' | b'E', Some(b'\''), _) => self.string(Token::Other, Inside::Escaped),
            (b'b' | b'B' | b'x' | b'X', Some(b'\''), _) => self.string(Token::Other, Inside::Bits),
            (b'u' | b'U', Some(b'&'), Some(b'\'')) => {
                self.at += 1;
                self.string(Token::Unicode, Inside::Doubled)
            }
            (b'u' | b'U', Some(b'&'), Some(b'"')) => {
                self.at += 1;
                self.quoted(Token::Unicode, b'"', Inside::Doubled)
            }
            _ => Token::Other,
        }
    }

    /// A string with all that continues it.
    fn string(&mut self, token: Token, inside: Inside) -> Token {
        loop {
            if self.quoted(token, b'\'', inside) == Token::Wrong {
                return Token::Wrong;
            }
            let end = self.at;
            if !self.continues() {
                self.at = end;
                return token;
            }
        }
    }

    /// Whether there is a line end, and nothing else but white space and `--` comments, before the next
    /// quote; goes there.
    fn continues(&mut self) -> bool {
        let mut lines = 0;
        loop {
            match self.byte(0) {
                Some(byte) if is_newline(byte) => lines += 1,
                Some(byte) if is_space(byte) => {}
                Some(b'-') if self.byte(1) == Some(b'-') => {
                    self.skip_while(|byte| !is_newline(byte));
                    continue;
                }
                Some(b'\'') => return lines > 0,
                _ => return false,
            }
            self.at += 1;
        }
    }

    /// From one quote to the other.
    #[inline]
    fn quoted(&mut self, token: Token, quote: u8, inside: Inside) -> Token {
        self.at += 1;
        loop {
            if inside == Inside::Escaped {
                self.skip_while(|byte| byte != quote && byte != b'\\');
            } else {
                self.at += find(quote, &self.bytes[self.at..]);
            }
            match self.byte(0) {
                None => {
                    self.at = self.bytes.len();
                    return Token::Wrong;
                }
                Some(byte) if byte == quote && (inside == Inside::Bits || self.byte(1) != Some(quote)) => {
                    self.at += 1;
                    return token;
                }
                // Two quotes, or a backslash and what it stands before.
                Some(_) => self.at = (self.at + 2).min(self.bytes.len()),
            }
        }
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        if self.byte(0) == Some(b'0') && matches!(self.byte(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B'))
        {
            self.skip_while(is_identifier);
            return Token::Other;
        }
        let mut plain = self.digits();
        // `1..2` has an integer, two dots, and another.
        let decimal = self.byte(0) == Some(b'.') && self.byte(1) != Some(b'.');
        if decimal {
            self.at += 1;
            plain &= self.digits();
        }
        if matches!(self.byte(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(1), Some(b'+' | b'-')));
            if self.is_digit(1 + sign) {
                self.at += 1 + sign;
                self.digits();
                plain = false;
            }
        }
        match self.byte(0) {
            Some(byte) if is(IDENTIFIER_START, byte) => Token::Wrong,
            _ if !plain => Token::Other,
            _ if decimal => Token::Decimal,
            _ => integer(&self.bytes[start..self.at]),
        }
    }

    /// Digits, also with single underscores between them. Whether they have none.
    fn digits(&mut self) -> bool {
        let mut plain = true;
        loop {
            self.skip_while(|byte| byte.is_ascii_digit());
            if self.byte(0) != Some(b'_') || !self.is_digit(1) {
                return plain;
            }
            plain = false;
            self.at += 1;
        }
    }

    /// `$1`, `$tag$ … $tag$`, or a `$` that begins neither.
    fn dollar(&mut self) -> Token {
        let start = self.at;
        self.at += 1;
        if self.is_digit(0) {
            self.skip_while(|byte| byte.is_ascii_digit());
            return Token::Other;
        }
        self.skip_while(|byte| is_identifier(byte) && byte != b'$');
        if self.byte(0) != Some(b'$') {
            self.at = start + 1;
            return Token::Other;
        }
        self.at += 1;
        let tag = &self.bytes[start..self.at];
        loop {
            self.skip_while(|byte| byte != b'$');
            let rest = &self.bytes[self.at..];
            if rest.starts_with(tag) {
                self.at += tag.len();
                return Token::Other;
            }
            if rest.is_empty() {
                return Token::Wrong;
            }
            self.at += 1;
        }
    }

    fn block_comment(&mut self) -> Result<Token, Excess> {
        let mut depth = 0;
        loop {
            self.skip_while(|byte| !matches!(byte, b'/' | b'*'));
            match (self.byte(0), self.byte(1)) {
                (Some(b'/'), Some(b'*')) => {
                    self.charge()?;
                    depth += 1;
                    if depth > MAX_COMMENT_DEPTH {
                        return Err(Excess::Depth);
                    }
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    self.at += 2;
                    depth -= 1;
                    if depth == 0 {
                        return Ok(Token::BlockComment);
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return Ok(Token::Wrong),
            }
        }
    }

    /// Operator characters up to a comment; without `+` and `-` at the end, unless one stands before them
    /// that is in no operator of the SQL standard.
    fn operator(&mut self) -> Result<Token, Excess> {
        self.charge()?;
        let run = &self.bytes[self.at..self.run_end];
        let comment = run.windows(2).position(|two| matches!(two, b"/*" | b"--"));
        let run = &run[..comment.unwrap_or(run.len())];
        let mut length = run.len();
        let is_sign = |byte| matches!(byte, b'+' | b'-');
        if run.last().copied().is_some_and(is_sign) && run.iter().all(|&byte| is_standard_operator(byte)) {
            length -= run.iter().rev().take_while(|&&byte| is_sign(byte)).count();
        }
        self.at += length.max(1);
        Ok(Token::Other)
    }

    /// A token or comment begins here, and the scanner reads the run of operator characters to its end.
    fn charge(&mut self) -> Result<(), Excess> {
        if self.run_end <= self.at {
            let rest = &self.bytes[self.at..];
            self.run_end = self.at + rest.iter().position(|&byte| !is_operator(byte)).unwrap_or(rest.len());
        }
        self.work += self.run_end - self.at;
        if self.work > self.bytes.len() * MAX_WORK_PER_BYTE + FREE_WORK { Err(Excess::Work) } else { Ok(()) }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Result<Piece, Excess>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.skip_while(is_space);
        let start = self.at;
        let first = self.byte(0)?;
        let piece = self.piece(first).map(|token| Piece { token, start, end: self.at });
        if piece.is_err() {
            self.at = self.bytes.len();
        }
        Some(piece)
    }
}

/// How PostgreSQL reads digits: as an integer if they fit into an `int4`.
fn integer(digits: &[u8]) -> Token {
    match digits {
        [..] if digits.len() <= 9 => Token::Integer,
        // Whether zeros in front count is not worth knowing.
        [b'0', ..] => Token::Other,
        [..] if digits.len() == 10 && digits <= b"2147483647".as_slice() => Token::Integer,
        _ => Token::Decimal,
    }
}

/// What a byte can be, as bits: looked up, as every byte of every text comes by here.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte: u8 = 0;
    loop {
        classes[byte as usize] = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => IDENTIFIER | IDENTIFIER_START,
            b'0'..=b'9' | b'$' => IDENTIFIER,
            b'(' | b')' | b',' | b';' | b'[' | b']' => LONE,
            b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' => OPERATOR | STANDARD_OPERATOR,
            b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%' => OPERATOR,
            _ => 0,
        };
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};
const SPACE: u8 = 1;
const IDENTIFIER: u8 = 1 << 1;
const OPERATOR: u8 = 1 << 2;
const STANDARD_OPERATOR: u8 = 1 << 3;
const IDENTIFIER_START: u8 = 1 << 4;
/// A token of its own, whatever stands next to it.
const LONE: u8 = 1 << 5;

fn is(class: u8, byte: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

fn is_space(byte: u8) -> bool {
    is(SPACE, byte)
}

const fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_identifier(byte: u8) -> bool {
    is(IDENTIFIER, byte)
}

fn is_operator(byte: u8) -> bool {
    is(OPERATOR, byte)
}

fn is_standard_operator(byte: u8) -> bool {
    is(STANDARD_OPERATOR, byte)
}

/// Where the byte is first; the length if it is nowhere. Eight bytes at a time: names and literals are
/// short, and a branch for each byte is what would take the time.
fn find(byte: u8, bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let pattern = ONES * u64::from(byte);
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let difference = u64::from_le_bytes(*word) ^ pattern;
        // The lowest bit that is set is the highest of the first byte that is zero.
        let zeros = difference.wrapping_sub(ONES) & !difference & (ONES << 7);
        if zeros != 0 {
            return number * 8 + zeros.trailing_zeros() as usize / 8;
        }
    }
    let end = bytes.len() - rest.len();
    end + rest.iter().position(|&other| other == byte).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests;
