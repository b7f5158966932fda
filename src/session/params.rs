//! [`Settings`]: what a client has set, and how a server connection gets them.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::tenant::quote_identifier;

/// Settings that a constant's input function, or the parser, looks at; and where names of tables and functions are looked for.
const READING: [&str; 10] = [
    "array_nulls",
    "backslash_quote",
    "datestyle",
    "intervalstyle",
    "lc_monetary",
    "search_path",
    "timezone",
    "timezone_abbreviations",
    "transform_null_equals",
    "xmloption",
];

/// Whether constants of a statement may be read in another way when this setting changes.
pub(super) fn is_reading(name: &str) -> bool {
    READING.contains(&name)
}

/// Settings of a session that are not its tenant's defaults. Names are lower case, as PostgreSQL compares them without case.
///
/// In a list by name: every client has a few of them for as long as it is here, and a map has room for eleven.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Settings(Vec<(Box<str>, Box<str>)>);

impl Settings {
    /// Sets one; the last value of a name counts.
    pub fn set(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        match self.place(&name) {
            Ok(at) => self.0[at].1 = value.into(),
            Err(at) => self.0.insert(at, (name.into(), value.into())),
        }
    }

    /// Takes one away: the tenant's default holds.
    pub fn remove(&mut self, name: &str) {
        if let Ok(at) = self.place(name) {
            self.0.remove(at);
        }
    }

    /// Where one of this name is, or would be.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    /// The value of one, by its name in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.place(name).ok().map(|at| &*self.0[at].1)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes of all names and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Those by which the constants of a statement are read when it is prepared, and not when it runs.
    #[must_use]
    pub fn reading(&self) -> Arc<[u8]> {
        let mut text = Vec::new();
        self.put_reading(&mut text);
        text.into()
    }

    /// The same, behind what is in `out`.
    pub(super) fn put_reading(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter().filter(|(name, _)| is_reading(name)) {
            for part in [name.as_bytes(), b"=", value.as_bytes(), b"\0"] {
                out.extend_from_slice(part);
            }
        }
    }

    /// SQL that makes a server connection that has `old` have `self`; empty when it has already.
    ///
    /// `set_config` takes name and value as strings, so neither can become SQL.
    #[must_use]
    pub fn sql_from(&self, old: &Self) -> String {
        let mut sql = String::new();
        for (name, _) in old.iter().filter(|(name, _)| self.get(name).is_none()) {
            let _ = write!(sql, "RESET {};", quoted_name(name));
        }
        for (name, value) in self.iter().filter(|(name, value)| old.get(name) != Some(value)) {
            let _ =
                write!(sql, "SELECT pg_catalog.set_config({}, {}, false);", literal(name), literal(value));
        }
        sql
    }

    /// Commands that make them hold until the transaction ends, where a command can say that.
    pub(super) fn commands_for_transaction(&self) -> Option<impl Iterator<Item = String>> {
        let can_be_said = self.iter().all(|(name, _)| !LISTS_OF_NAMES.contains(&name));
        let command =
            |(name, value): (&str, &str)| format!("SET LOCAL {} TO {}", quoted_name(name), literal(value));
        can_be_said.then(|| self.iter().map(command))
    }
}

/// Lists whose elements are identifiers: a string after `SET … TO` would be one of them.
const LISTS_OF_NAMES: [&str; 2] = ["search_path", "temp_tablespaces"];

/// A string constant that means the same whatever the server's settings are (PostgreSQL
/// documentation, section 4.1.2.1 and 4.1.2.2).
#[must_use]
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') {
        format!(" E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// A setting's name, each part quoted: `my.setting` is two identifiers.
fn quoted_name(name: &str) -> String {
    name.split('.').map(quote_identifier).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in pairs {
            settings.set(name, value);
        }
        settings
    }

    #[test]
    fn last_value_of_a_name_counts_and_the_order_of_their_coming_does_not() {
        let mut some = settings(&[("b", "1"), ("C", "2"), ("a", "3"), ("B", "4")]);
        assert_eq!(some.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "4"), ("c", "2")]);
        assert_eq!(some, settings(&[("a", "3"), ("c", "2"), ("b", "4")]));
        some.remove("b");
        some.remove("b");
        assert_eq!(
            (some.get("a"), some.get("b"), some.get("c"), some.len()),
            (Some("3"), None, Some("2"), 2)
        );
    }

    #[test]
    fn equal_settings_need_no_sql() {
        assert_eq!(settings(&[("TimeZone", "UTC")]).sql_from(&settings(&[("timezone", "UTC")])), "");
    }

    #[test]
    fn only_the_difference_is_sent() {
        let old = settings(&[("a", "1"), ("b", "2"), ("my.c", "3")]);
        let new = settings(&[("a", "1"), ("b", "9")]);
        assert_eq!(new.sql_from(&old), "RESET \"my\".\"c\";SELECT pg_catalog.set_config('b', '9', false);");
    }

    #[test]
    fn commands_keep_names_and_values_apart_and_leave_lists_of_names_alone() {
        let some = settings(&[("My.Own", "it's"), ("timezone", "UTC")]);
        let commands: Vec<_> = some.commands_for_transaction().into_iter().flatten().collect();
        assert_eq!(commands, [r#"SET LOCAL "my"."own" TO 'it''s'"#, r#"SET LOCAL "timezone" TO 'UTC'"#]);
        assert!(settings(&[("search_path", "a, b")]).commands_for_transaction().is_none());
    }

    #[test]
    fn quotes_and_backslashes_stay_inside_the_literal() {
        let sql = settings(&[("a'", r"\'; drop")]).sql_from(&Settings::default());
        assert_eq!(sql, r"SELECT pg_catalog.set_config('a''',  E'\\''; drop', false);");
    }
}
