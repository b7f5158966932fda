//! The files of a directory of migrations: `0042_add_orders.sql`, in the order of their numbers.
//!
//! What does not fit is refused and never left out: a file that is not read is a migration that some schemas lack.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::control::ControlError;
use crate::registry::ledger::Migration;

/// Begins the first line of a file that says how it is to be run.
const MARK: &str = "-- pgtenant:";

/// The one thing that can be said there.
const NO_TRANSACTION: &str = "no-transaction";

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What the ledger keeps of it.
    pub migration: Migration,
    /// As it is on the disk.
    pub text: String,
    /// Whether it runs in a transaction with nothing but itself.
    pub in_transaction: bool,
}

impl File {
    /// As people know it: its name on the disk without the end.
    #[must_use]
    pub fn label(&self) -> String {
        label(self.migration.number, &self.migration.name)
    }
}

/// `42_add_orders`.
#[must_use]
pub fn label(number: i64, name: &str) -> String {
    format!("{number}_{name}")
}

/// All files, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(Vec<File>);

impl Files {
    /// Reads a directory. Files that do not end in `.sql` are no migrations, and neither are hidden ones.
    ///
    /// # Errors
    /// [`ControlError::Files`] with all that is wrong.
    pub fn read(directory: &Path) -> Result<Self, ControlError> {
        let unreadable = |error: io::Error| {
            let what = format!("cannot read the directory {}: {error}", directory.display());
            ControlError::Files(vec![what])
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
                continue;
            };
            let is_ours = name.to_ascii_lowercase().ends_with(".sql") && !name.starts_with('.');
            if is_ours && path.is_file() {
                found.push((name, std::fs::read(&path)));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self::parse(found)
    }

    /// Of files with these names.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(
        found: impl IntoIterator<Item = (String, io::Result<Vec<u8>>)>,
    ) -> Result<Self, ControlError> {
        let (mut files, mut wrong) = (BTreeMap::<i64, (String, File)>::new(), Vec::new());
        for (name, bytes) in found {
            match file(&name, bytes) {
                Ok(file) => {
                    let number = file.migration.number;
                    if let Some((other, _)) = files.get(&number) {
                        wrong.push(format!(
                            "{other} and {name} have the same number; give one of them another"
                        ));
                    } else {
                        files.insert(number, (name, file));
                    }
                }
                Err(what) => wrong.push(format!("{name}: {what}")),
            }
        }
        if wrong.is_empty() {
            return Ok(Self(files.into_values().map(|(_, file)| file).collect()));
        }
        Err(ControlError::Files(wrong))
    }

    /// In order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &File> {
        self.0.iter()
    }

    /// The one with this number.
    #[must_use]
    pub fn get(&self, number: i64) -> Option<&File> {
        let at = self.0.binary_search_by_key(&number, |file| file.migration.number).ok()?;
        self.0.get(at)
    }

    /// What the ledger keeps of them.
    #[must_use]
    pub fn migrations(&self) -> Vec<Migration> {
        self.0.iter().map(|file| file.migration.clone()).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn file(name: &str, bytes: io::Result<Vec<u8>>) -> Result<File, String> {
    let (number, rest) = parse_name(name)?;
    let bytes = bytes.map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    if text.starts_with('\u{feff}') {
        return Err("begins with a byte order mark; save it as UTF-8 without one".to_owned());
    }
    let in_transaction = !is_marked(&text)?;
    let migration = Migration { number, name: rest.to_owned(), checksum: checksum(&text) };
    Ok(File { migration, text, in_transaction })
}

/// A number, underscores and a name, as sqlx (`0001_name.sql`) and refinery (`V1__name.sql`) have it.
fn parse_name(name: &str) -> Result<(i64, &str), String> {
    const FORM: &str =
        "is not named NUMBER_NAME.sql, as 0042_add_orders.sql is; rename it, or move it elsewhere";
    let stem = name.strip_suffix(".sql").ok_or(FORM)?;
    let stem = stem.strip_prefix('V').unwrap_or(stem);
    let digits = stem.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = stem.split_at(digits);
    let rest = rest.strip_prefix('_').ok_or(FORM)?;
    let rest = rest.strip_prefix('_').unwrap_or(rest);
    if rest.ends_with(".down") {
        return Err(
            "is a way back, and there is none: what is wrong is put right by the next file".to_owned()
        );
    }
    let rest = rest.strip_suffix(".up").unwrap_or(rest);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if rest.is_empty() || rest.len() > 200 || !rest.chars().all(is_name) {
        return Err(FORM.to_owned());
    }
    match number.parse() {
        Ok(number) if number > 0 => Ok((number, rest)),
        _ => Err("has a number that is not between 1 and 9223372036854775807".to_owned()),
    }
}

/// Whether the first line takes the file out of the transaction.
fn is_marked(text: &str) -> Result<bool, String> {
    let first = text.lines().next().unwrap_or_default().trim_end();
    match first.strip_prefix(MARK).map(str::trim) {
        None => Ok(false),
        Some(NO_TRANSACTION) => Ok(true),
        Some(_) => {
            Err(format!("its first line is not understood; there is `{MARK} {NO_TRANSACTION}` and no other"))
        }
    }
}

/// The ends of lines do not count: version control changes them from one machine to the next.
fn checksum(text: &str) -> [u8; 32] {
    Sha256::digest(text.replace("\r\n", "\n").as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(files: &[(&str, &str)]) -> Result<Files, String> {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), Ok(text.as_bytes().to_vec())));
        Files::parse(files).map_err(|error| error.to_string())
    }

    fn one(name: &str, text: &str) -> File {
        parse(&[(name, text)]).unwrap().iter().next().unwrap().clone()
    }

    #[test]
    fn files_come_in_the_order_of_their_numbers_however_they_are_written() {
        let files = parse(&[
            ("10_c.sql", "c"),
            ("0002_b-2.sql", "b"),
            ("V1__a.sql", "a"),
            ("20260101120000_d.up.sql", "d"),
        ]);
        let names: Vec<String> = files.unwrap().iter().map(File::label).collect();
        assert_eq!(names, ["1_a", "2_b-2", "10_c", "20260101120000_d"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_all_of_it_is_told() {
        let error = parse(&[
            ("1_a.sql", ""),
            ("01_b.sql", ""),
            ("notes.sql", ""),
            ("2_.sql", ""),
            ("0_zero.sql", ""),
            ("99999999999999999999_big.sql", ""),
            ("3_a b.sql", ""),
            ("4_drop.down.sql", ""),
            ("5_marked.sql", "-- pgtenant: no-transactions\nselect 1"),
            ("6_bom.sql", "\u{feff}select 1"),
            ("7_UPPER.SQL", ""),
        ])
        .unwrap_err();
        for part in [
            "1_a.sql and 01_b.sql have the same number",
            "notes.sql: is not named",
            "2_.sql: is not named",
            "0_zero.sql: has a number",
            "99999999999999999999_big.sql: has a number",
            "3_a b.sql: is not named",
            "4_drop.down.sql: is a way back",
            "5_marked.sql: its first line is not understood",
            "6_bom.sql: begins with a byte order mark",
            "7_UPPER.SQL: is not named",
        ] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }

    #[test]
    fn checksum_is_of_the_text_and_not_of_how_lines_end() {
        let sum = |text| one("1_a.sql", text).migration.checksum;
        assert_eq!(sum("a\nb\n"), sum("a\r\nb\r\n"));
        assert_ne!(sum("a\nb\n"), sum("a\nb"));
    }

    #[test]
    fn first_line_takes_a_file_out_of_the_transaction_and_no_other_line_does() {
        let inside = |text| one("1_a.sql", text).in_transaction;
        assert!(!inside("-- pgtenant: no-transaction\ncreate index concurrently i on t (a)"));
        assert!(!inside("-- pgtenant:no-transaction\r\nvacuum"));
        assert!(inside("\n-- pgtenant: no-transaction"));
        assert!(inside("-- a comment"));
    }
}
