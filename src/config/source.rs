//! Where values come from: the file's text and the environment, with what is unknown in either.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::config::keys::{
    self, Fallback, Key, MASTER_KEY_VARIABLE, OTHER_VARIABLES, PREVIOUS_MASTER_KEY_VARIABLE, ROWS, Row,
    VARIABLE_PREFIX,
};
use crate::config::kind::{Given, Wrong};
use crate::config::problem::{Place, Problem, Problems};

/// All values as given, and the problems found so far.
pub(in crate::config) struct Source<'a> {
    name: &'a str,
    text: &'a str,
    table: DeTable<'a>,
    variables: BTreeMap<String, String>,
    problems: Problems,
    readable: bool,
}

impl<'a> Source<'a> {
    /// Reads the file's text and the environment, and notes what is unknown in them.
    pub(in crate::config) fn new(name: &'a str, text: &'a str, environment: &[(OsString, OsString)]) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut source = Self {
            name,
            text,
            table: table.into_inner(),
            variables: BTreeMap::new(),
            problems: Problems::default(),
            readable: errors.is_empty(),
        };
        for error in &errors {
            let place = source.line(error.span());
            source.note(place, None, Wrong::new(format!("not TOML: {}", error.message()), SYNTAX_REMEDY));
        }
        if source.readable {
            source.note_unknown_keys();
        }
        source.read_environment(environment);
        source
    }

    /// Whether the file is TOML at all; when not, what is missing from it means nothing.
    pub(in crate::config) const fn readable(&self) -> bool {
        self.readable
    }

    /// The value of a key, its default where it is not set, or `None` with a problem noted.
    pub(in crate::config) fn take<T>(&mut self, key: &Key<T>) -> Option<T> {
        if self.is_set(&key.row) {
            return self.find(key);
        }
        match key.row.fallback {
            Fallback::Value(text) => {
                let read = DeValue::parse(text)
                    .map_err(|error| Wrong::new(error.message(), "set the key"))
                    .and_then(|value| (key.read)(Given::Toml(value.get_ref())));
                self.accept(self.nowhere(), &key.row, read)
            }
            Fallback::None => None,
            Fallback::Required => {
                if self.readable {
                    let remedy = format!(
                        "set `{}` ({}) in section [{}], or the environment variable {}",
                        key.row.name,
                        key.row.kind,
                        key.row.section,
                        key.row.variable()
                    );
                    self.note(self.nowhere(), Some(&key.row), Wrong::new("must be set", remedy));
                }
                None
            }
        }
    }

    /// The value of a key that is set; `None` where it is not, or with a problem noted.
    pub(in crate::config) fn find<T>(&mut self, key: &Key<T>) -> Option<T> {
        let place = self.place(&key.row);
        let read = match self.variables.get(&key.row.variable()) {
            Some(text) => (key.read)(Given::Variable(text)),
            None => (key.read)(Given::Toml(self.entry(&key.row)?.1)),
        };
        self.accept(place, &key.row, read)
    }

    /// The value of a variable that is no key's own.
    pub(in crate::config) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether the environment or the file sets a key.
    pub(in crate::config) fn is_set(&self, row: &Row) -> bool {
        self.variables.contains_key(&row.variable()) || self.entry(row).is_some()
    }

    /// Where a key's value stands: in the environment, else in the file.
    pub(in crate::config) fn place(&self, row: &Row) -> Place {
        let variable = row.variable();
        if self.variables.contains_key(&variable) {
            return Place::Variable { name: variable };
        }
        self.entry(row).map_or_else(|| self.nowhere(), |(span, _)| self.line(Some(span)))
    }

    /// Notes a problem with a key where its value stands.
    pub(in crate::config) fn refuse(&mut self, row: &Row, wrong: Wrong) {
        self.note(self.place(row), Some(row), wrong);
    }

    /// Notes a problem at a place.
    pub(in crate::config) fn note(&mut self, place: Place, row: Option<&Row>, wrong: Wrong) {
        let Wrong { wrong, remedy } = wrong;
        self.problems.push(Problem { place, key: row.map(Row::path), wrong, remedy });
    }

    /// Notes a problem in another file.
    pub(in crate::config) fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The file, where no line is meant.
    pub(in crate::config) fn nowhere(&self) -> Place {
        self.line(None)
    }

    /// All that was noted.
    pub(in crate::config) fn into_problems(self) -> Problems {
        self.problems
    }

    fn accept<T>(&mut self, place: Place, row: &Row, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|wrong| self.note(place, Some(row), wrong)).ok()
    }

    /// Where a key stands in the file, and its value there.
    fn entry(&self, row: &Row) -> Option<(Range<usize>, &DeValue<'a>)> {
        if !row.in_file() {
            return None;
        }
        let section = self.table.get(row.section)?.get_ref().as_table()?;
        let (name, value) = section.get_key_value(row.name)?;
        Some((name.span(), value.get_ref()))
    }

    fn line(&self, span: Option<Range<usize>>) -> Place {
        let line =
            span.map(|span| 1 + self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        Place::File { name: self.name.to_owned(), line }
    }

    fn note_unknown_keys(&mut self) {
        let mut unknown = Vec::new();
        for (section, value) in &self.table {
            if !ROWS.iter().any(|row| row.section == section.get_ref()) {
                unknown.push((
                    section.span(),
                    section.get_ref().to_string(),
                    unknown_section(section.get_ref(), value.get_ref()),
                ));
                continue;
            }
            let Some(entries) = value.get_ref().as_table() else {
                let remedy = format!(
                    "write it as a section: a line with [{section}], then its keys",
                    section = section.get_ref()
                );
                unknown.push((
                    section.span(),
                    section.get_ref().to_string(),
                    Wrong::new("not a section with keys", remedy),
                ));
                continue;
            };
            for name in entries.keys() {
                if let Some(wrong) = unknown_key(section.get_ref(), name.get_ref()) {
                    unknown.push((name.span(), format!("{}.{}", section.get_ref(), name.get_ref()), wrong));
                }
            }
        }
        for (span, key, Wrong { wrong, remedy }) in unknown {
            let place = self.line(Some(span));
            self.problems.push(Problem { place, key: Some(key), wrong, remedy });
        }
    }

    fn read_environment(&mut self, environment: &[(OsString, OsString)]) {
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else {
                continue;
            };
            let short = [MASTER_KEY_VARIABLE, PREVIOUS_MASTER_KEY_VARIABLE].contains(&name);
            let ours = short || ROWS.iter().any(|row| row.variable() == name);
            if !ours {
                if !OTHER_VARIABLES.contains(&name) && !is_service_link(name) {
                    self.note(Place::Variable { name: name.to_owned() }, None, unknown_variable(name));
                }
            } else if let Some(value) = value.to_str() {
                self.variables.insert(name.to_owned(), value.to_owned());
            } else {
                let wrong = Wrong::new("the value is not UTF-8", "set it to text in UTF-8, or unset it");
                self.note(Place::Variable { name: name.to_owned() }, None, wrong);
            }
        }
    }
}

const SYNTAX_REMEDY: &str = "correct the line; strings stand in quotes, sections in square brackets";

/// Kubernetes sets such variables in every pod of a namespace with a service named `pgtenant`
/// (`PGTENANT_SERVICE_HOST`, `PGTENANT_PORT_6432_TCP_ADDR`, …). They are not for us.
fn is_service_link(name: &str) -> bool {
    let rest = name.strip_prefix(VARIABLE_PREFIX).unwrap_or_default();
    let port = |rest: &str| {
        rest == "PORT"
            || rest
                .strip_prefix("PORT_")
                .is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
    };
    rest == "SERVICE_HOST" || rest.starts_with("SERVICE_PORT") || port(rest)
}

fn unknown_section(section: &str, value: &DeValue<'_>) -> Wrong {
    if !value.is_table() {
        let owner = ROWS.iter().find(|row| row.name == section);
        let remedy = owner.map_or_else(
            || "every key stands in a section; see docs/config.md for all of them".to_owned(),
            |row| format!("did you mean `{}`? Put it below a line with [{}]", row.path(), row.section),
        );
        return Wrong::new("unknown key outside of any section", remedy);
    }
    let sections = ROWS.iter().map(|row| row.section);
    let remedy = nearest(section, sections).map_or_else(
        || "remove it; docs/config.md has all sections".to_owned(),
        |near| format!("did you mean [{near}]?"),
    );
    Wrong::new("unknown section", remedy)
}

fn unknown_key(section: &str, name: &str) -> Option<Wrong> {
    let known = ROWS.iter().find(|row| row.section == section && row.name == name);
    match known {
        Some(row) if row.in_file() => None,
        Some(row) => {
            let short = if row.name == keys::SECRETS_MASTER_KEY.row.name {
                MASTER_KEY_VARIABLE
            } else {
                PREVIOUS_MASTER_KEY_VARIABLE
            };
            Some(Wrong::new(
                "the master key must not stand in this file",
                format!(
                    "put it into a file of its own with mode 600 and name that file in `{}_file`, \
                     or set {short}; a key that was shared with this file should be replaced",
                    row.path()
                ),
            ))
        }
        None => {
            let here = ROWS.iter().filter(|row| row.section == section);
            let elsewhere = ROWS.iter().filter(|row| row.section != section);
            let near = nearest(name, here.map(|row| row.name))
                .map(|near| format!("{section}.{near}"))
                .or_else(|| {
                    let near = nearest(name, elsewhere.clone().map(|row| row.name))?;
                    elsewhere.clone().find(|row| row.name == near).map(Row::path)
                });
            let remedy = near.map_or_else(
                || "remove it; docs/config.md has all keys".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Some(Wrong::new("unknown key", remedy))
        }
    }
}

fn unknown_variable(name: &str) -> Wrong {
    let ours: Vec<String> = ROWS
        .iter()
        .map(Row::variable)
        .chain(
            OTHER_VARIABLES
                .iter()
                .copied()
                .chain([MASTER_KEY_VARIABLE, PREVIOUS_MASTER_KEY_VARIABLE])
                .map(str::to_owned),
        )
        .collect();
    let remedy = nearest(name, ours.iter().map(String::as_str)).map_or_else(
        || "unset it; docs/config.md has all variables".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Wrong::new("unknown variable", remedy)
}

/// The most similar of some words, if one is similar at all.
fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let (distance, near) = known.map(|candidate| (distance(word, candidate), candidate)).min()?;
    (distance <= 1 + near.len() / 4 && distance < near.len()).then_some(near)
}

/// Levenshtein's distance: letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
