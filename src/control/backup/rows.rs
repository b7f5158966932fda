//! The section of a dump that holds the rows, read piece by piece: it may be larger than the memory.

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

use crate::control::backup::BackupError;
use crate::guard::dump::{Names, NotTaken, Taken, take};

use super::script::refused;

/// Longest statement between rows.
const MOST_STATEMENT: usize = 1 << 20;

/// How many lines of a statement may end as statements do and not be its end.
const MOST_ENDS: usize = 64;

/// Commands of psql that pg_dump puts around its dumps.
const RESTRICTIONS: [&str; 2] = ["\\restrict ", "\\unrestrict "];

/// Finds the line `\.` behind the last row.
#[derive(Debug, Default)]
pub(super) struct Rows {
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a line of which so many bytes are those of the end.
    Begin(usize),
    /// In a line of a row.
    Line,
    Behind,
}

impl Default for Place {
    fn default() -> Self {
        Self::Begin(0)
    }
}

const END: &[u8] = b"\\.\n";

impl Rows {
    /// Takes bytes of rows off `chunk` into `out`. How many bytes of it were used, all unless the end is among them.
    pub(super) fn feed(&mut self, chunk: &[u8], out: &mut BytesMut) -> usize {
        let mut at = 0;
        while at < chunk.len() && self.place != Place::Behind {
            match self.place {
                Place::Begin(matched) if chunk[at] == END[matched] => {
                    at += 1;
                    self.place =
                        if matched + 1 == END.len() { Place::Behind } else { Place::Begin(matched + 1) };
                }
                Place::Begin(matched) => {
                    out.put_slice(&END[..matched]);
                    self.place = Place::Line;
                }
                Place::Line | Place::Behind => {
                    let rest = &chunk[at..];
                    let line = rest.iter().position(|&byte| byte == b'\n');
                    let end = line.map_or(rest.len(), |line| line + 1);
                    out.put_slice(&rest[..end]);
                    at += end;
                    if line.is_some() {
                        self.place = Place::Begin(0);
                    }
                }
            }
        }
        at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.place == Place::Behind
    }
}

/// Reads statements off the stream; after each `COPY` its rows must be taken off with [`Rows`].
pub(super) struct Section<R> {
    pub(super) input: BufReader<R>,
}

impl<R: tokio::io::AsyncRead + Unpin> Section<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(super::package::CHUNK, input) }
    }

    /// The next statement that means something; `None` at the end.
    pub(super) async fn next(&mut self, names: &Names) -> Result<Option<Taken>, BackupError> {
        let mut text = String::new();
        let mut ends = 0;
        loop {
            if !line(&mut self.input, &mut text).await? {
                return if text.trim().is_empty() {
                    Ok(None)
                } else {
                    Err(refused("it ends too early", &text))
                };
            }
            let is_between = text.trim().is_empty()
                || text.starts_with("--")
                || RESTRICTIONS.iter().any(|word| text.starts_with(word)) && text.ends_with('\n');
            if is_between {
                text.clear();
            } else if text.trim_end().ends_with(';') {
                match take(&text, names) {
                    Ok(Taken::Nothing) => text.clear(),
                    Ok(taken) => return Ok(Some(taken)),
                    // A name with a semicolon and a line end in it goes on.
                    Err(NotTaken::Unparsable(_)) if ends < MOST_ENDS => ends += 1,
                    Err(why) => return Err(refused(why, &text)),
                }
            }
        }
    }
}

/// Adds a line to the text. Whether there was one.
async fn line(input: &mut (impl AsyncBufRead + Unpin), text: &mut String) -> Result<bool, BackupError> {
    let mut bytes = Vec::new();
    let room = (MOST_STATEMENT + 1).saturating_sub(text.len());
    let mut limited = tokio::io::AsyncReadExt::take(input, room as u64);
    let read = limited.read_until(b'\n', &mut bytes).await;
    read.map_err(BackupError::file("read from", "pg_restore"))?;
    if bytes.len() >= room {
        return Err(BackupError::Script("a statement between its rows is longer than 1 MiB"));
    }
    text.push_str(
        std::str::from_utf8(&bytes)
            .map_err(|_| BackupError::Script("a statement between its rows is not UTF-8"))?,
    );
    Ok(!bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tenant::Ident;

    fn fed(text: &[u8], size: usize) -> (Vec<u8>, usize, bool) {
        let (mut rows, mut out, mut used) = (Rows::default(), BytesMut::new(), 0);
        for chunk in text.chunks(size) {
            used += rows.feed(chunk, &mut out);
            if rows.is_at_end() {
                break;
            }
        }
        (out.to_vec(), used, rows.is_at_end())
    }

    #[test]
    fn rows_end_at_a_line_of_its_own_however_they_are_cut() {
        let text = b"1\ta\\.\n\\.x\n\\\\.\n\n\\.\nCOPY";
        for size in 1..=text.len() {
            assert_eq!(
                fed(text, size),
                (b"1\ta\\.\n\\.x\n\\\\.\n\n".to_vec(), text.len() - 4, true),
                "{size}"
            );
        }
        assert_eq!(fed(b"1\n\\.", 2), (b"1\n".to_vec(), 4, false));
        assert_eq!(fed(b"\\.\n", 9), (Vec::new(), 3, true));
    }

    proptest! {
        #[test]
        fn rows_come_out_as_they_went_in(rows in proptest::collection::vec("[a\\\\.\t]{0,4}", 0..8), size in 1_usize..20) {
            let rows: String = rows.iter().filter(|row| *row != "\\.").map(|row| row.clone() + "\n").collect();
            let (out, used, ended) = fed((rows.clone() + "\\.\n\n--").as_bytes(), size);
            prop_assert!(ended);
            prop_assert_eq!((out, used), (rows.clone().into_bytes(), rows.len() + 3));
        }
    }

    fn names() -> Names {
        let ident = |name: &str| Ident::parse(name).unwrap();
        Names { from: ident("s"), aside: ident("a"), to: ident("t"), loader: ident("l"), roles: vec![] }
    }

    async fn first(text: &str) -> Result<Option<Taken>, String> {
        Section::new(text.as_bytes()).next(&names()).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn statement_is_read_to_its_end_also_with_a_line_end_in_a_name() {
        let text =
            "--\n-- x; y\n--\n\\restrict abc\n\nSET a = 1;\nCOPY s.\"a;\nb\" (id) FROM stdin;\n1\n\\.\n";
        let copy =
            Taken::Copy { sql: "COPY \"a\".\"a;\nb\" (id) FROM stdin;\n".into(), table: "a;\nb".into() };
        assert_eq!(first(text).await, Ok(Some(copy)));
        assert_eq!(first("\n-- nothing\n\\unrestrict abc\n").await, Ok(None));
    }

    #[tokio::test]
    async fn what_is_no_statement_of_a_dump_ends_it() {
        for text in [
            "\\! id\n;\n",
            "ALTER ROLE x SUPERUSER;\n",
            "COPY s.t FROM stdin; DROP TABLE s.t;\n",
            "COPY s.t FROM stdin",
            "\\restrict",
        ] {
            assert!(first(text).await.is_err(), "{text}: {:?}", first(text).await);
        }
        assert!(first(&"COPY s.\"a;\n".replace("a;\n", &"a;\n".repeat(100))).await.is_err());
        assert!(first(&"x".repeat(MOST_STATEMENT + 2)).await.unwrap_err().contains("1 MiB"));
    }
}
