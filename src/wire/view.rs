//! Borrowed views of the few messages whose body matters. Every length is checked; nothing panics.

/// The part of `bytes` before the first NUL, and what follows it.
#[must_use]
pub fn cstr(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let nul = memchr::memchr(0, bytes)?;
    Some((&bytes[..nul], &bytes[nul + 1..]))
}

/// Body of Query: one string and nothing behind it.
#[must_use]
pub fn query(body: &[u8]) -> Option<&[u8]> {
    match cstr(body)? {
        (text, []) => Some(text),
        _ => None,
    }
}

/// Body of Parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Name of the prepared statement, empty for the unnamed one.
    pub name: &'a [u8],
    /// Text, types and all: what is behind the name.
    pub definition: &'a [u8],
    /// The text alone.
    pub text: &'a [u8],
}

impl<'a> Parse<'a> {
    /// Reads a whole body.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let (name, definition) = cstr(body)?;
        let (name, (text, types)) = (as_kept(name), cstr(definition)?);
        let count = usize::from(u16::from_be_bytes(*types.first_chunk()?));
        (types.len() == 2 + 4 * count).then_some(Self { name, definition, text })
    }

    /// The definition with another text.
    #[must_use]
    pub fn with_text(&self, text: &str) -> Vec<u8> {
        [text.as_bytes(), &self.definition[self.text.len()..]].concat()
    }
}

/// As much of the name of a statement or portal as PostgreSQL keeps (`NAMEDATALEN - 1` bytes, wherever that is in a character):
/// what differs behind that has the same name.
#[must_use]
pub fn as_kept(name: &[u8]) -> &[u8] {
    &name[..name.len().min(63)]
}

/// Front of Bind, which is all of it that names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindNames<'a> {
    /// Destination portal.
    pub portal: &'a [u8],
    /// Source prepared statement.
    pub statement: &'a [u8],
    /// Bytes of body up to and with the second NUL.
    pub len: usize,
}

impl<'a> BindNames<'a> {
    /// Reads the names; `None` while they are not whole.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let (portal, rest) = cstr(body)?;
        let (statement, _) = cstr(rest)?;
        let len = portal.len() + statement.len() + 2;
        Some(Self { portal: as_kept(portal), statement: as_kept(statement), len })
    }
}

/// What Describe and Close point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A prepared statement.
    Statement(&'a [u8]),
    /// A portal.
    Portal(&'a [u8]),
}

/// Body of Describe and Close.
#[must_use]
pub fn target(body: &[u8]) -> Option<Target<'_>> {
    let (&kind, rest) = body.split_first()?;
    match (kind, cstr(rest)?) {
        (b'S', (name, [])) => Some(Target::Statement(as_kept(name))),
        (b'P', (name, [])) => Some(Target::Portal(as_kept(name))),
        _ => None,
    }
}

/// One field of ErrorResponse or NoticeResponse (protocol section "Error and Notice Message Fields").
#[must_use]
pub fn error_field(body: &[u8], field: u8) -> Option<&[u8]> {
    let mut rest = body;
    while let Some((&code, after)) = rest.split_first() {
        let (value, next) = cstr(after)?;
        if code == field {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// All fields of ErrorResponse or NoticeResponse; `None` while the body is not whole.
#[must_use]
pub fn error_fields(body: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let (mut rest, mut fields) = (body, Vec::new());
    loop {
        match rest.split_first()? {
            (0, []) => return Some(fields),
            (0, _) => return None,
            (&code, after) => {
                let (value, next) = cstr(after)?;
                fields.push((code, value));
                rest = next;
            }
        }
    }
}

/// Body of ParameterStatus: name and value.
#[must_use]
pub fn parameter_status(body: &[u8]) -> Option<(&str, &str)> {
    let (name, rest) = cstr(body)?;
    let (value, _) = cstr(rest)?;
    Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?))
}

/// Body of DataRow with values as text, `None` for NULL.
#[must_use]
pub fn text_row(body: &[u8]) -> Option<Vec<Option<&str>>> {
    let (count, mut rest) = body.split_first_chunk()?;
    let mut values = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk()?;
        rest = after;
        values.push(match i32::from_be_bytes(*length) {
            -1 => None,
            length => {
                let (value, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                rest = after;
                Some(std::str::from_utf8(value).ok()?)
            }
        });
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_with_types_is_read_and_a_short_one_is_not() {
        let body = b"s1\0select $1\0\0\x01\0\0\0\x17";
        let parse = Parse::read(body).unwrap();
        assert_eq!((parse.name, parse.text), (&b"s1"[..], &b"select $1"[..]));
        for cut in 0..body.len() {
            assert_eq!(Parse::read(&body[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn query_with_bytes_behind_its_nul_is_refused() {
        assert_eq!(query(b"select 1\0"), Some(&b"select 1"[..]));
        assert_eq!(query(b"select 1\0; drop"), None);
        assert_eq!(query(b"select 1"), None);
    }

    #[test]
    fn bind_names_need_both_nuls() {
        assert_eq!(BindNames::read(b"p\0s"), None);
        let names = BindNames::read(b"p\0s1\0\0\0").unwrap();
        assert_eq!((names.portal, names.statement, names.len), (&b"p"[..], &b"s1"[..], 5));
    }

    #[test]
    fn row_is_read_with_its_nulls_and_a_cut_one_is_not() {
        let body = b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(text_row(body), Some(vec![Some("ab"), None, Some("")]));
        for cut in 0..body.len() {
            assert_eq!(text_row(&body[..cut]), None, "cut at {cut}");
        }
        assert_eq!(text_row(&[&body[..], b"x"].concat()), None);
    }

    #[test]
    fn error_field_is_found_among_others() {
        let body = b"SERROR\0VFATAL\0C57P01\0\0";
        assert_eq!(error_field(body, b'C'), Some(&b"57P01"[..]));
        assert_eq!(error_field(body, b'H'), None);
    }
}
