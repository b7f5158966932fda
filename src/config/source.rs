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
    /// The cluster whose keys are read, where that is not the one of `[server]`.
    cluster: Option<String>,
}

/// The section with a table for each further cluster.
pub(in crate::config) const CLUSTERS: &str = "clusters";

/// What each cluster has of its own: it inherits nothing of these.
const OWN: [&str; 3] = ["host", "failover_hosts", "read_replicas"];

/// Whether `[clusters.NAME]` may have this key.
fn is_of_cluster(row: &Row) -> bool {
    row.section == "server" || row.path() == keys::POOL_MAX_SERVER_CONNECTIONS.row.path()
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
            cluster: None,
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
        let read = match self.given(&key.row)? {
            Found::Variable(text) => (key.read)(Given::Variable(text)),
            Found::File(_, value) => (key.read)(Given::Toml(value)),
        };
        self.accept(place, &key.row, read)
    }

    /// The value of a variable that is no key's own.
    pub(in crate::config) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether the environment or the file sets a key.
    pub(in crate::config) fn is_set(&self, row: &Row) -> bool {
        self.given(row).is_some()
    }

    /// Where a value comes from: of a cluster its own section, then what holds for `[server]`, but for what each has of its own.
    fn given(&self, row: &Row) -> Option<Found<'_, 'a>> {
        if self.cluster.is_some() && is_of_cluster(row) {
            if let Some((span, value)) = self.own_entry(row) {
                return Some(Found::File(span, value));
            }
            if OWN.contains(&row.name) {
                return None;
            }
        }
        match self.variables.get(&row.variable()) {
            Some(text) => Some(Found::Variable(text)),
            None => self.entry(row).map(|(span, value)| Found::File(span, value)),
        }
    }

    /// From now on the keys of this cluster are read; with `None` those of `[server]`.
    pub(in crate::config) fn look_at(&mut self, cluster: Option<&str>) {
        self.cluster = cluster.map(str::to_owned);
    }

    /// Whether the cluster's own section has this key.
    pub(in crate::config) fn is_own(&self, row: &Row) -> bool {
        self.own_entry(row).is_some()
    }

    fn own_entry(&self, row: &Row) -> Option<(Range<usize>, &DeValue<'a>)> {
        let clusters = self.table.get(CLUSTERS)?.get_ref().as_table()?;
        let section = clusters.get(self.cluster.as_deref()?)?.get_ref().as_table()?;
        let (name, value) = section.get_key_value(row.name)?;
        Some((name.span(), value.get_ref()))
    }

    /// The names of the further clusters that have a section.
    pub(in crate::config) fn sections_of_clusters(&self) -> Vec<String> {
        let clusters = self.table.get(CLUSTERS).and_then(|value| value.get_ref().as_table());
        let tables = clusters.into_iter().flatten().filter(|(_, value)| value.get_ref().is_table());
        tables.map(|(name, _)| name.get_ref().to_string()).collect()
    }

    /// Where the section of a cluster begins.
    pub(in crate::config) fn place_of_cluster(&self, name: &str) -> Place {
        let clusters = self.table.get(CLUSTERS).and_then(|value| value.get_ref().as_table());
        self.line(clusters.and_then(|all| all.get_key_value(name)).map(|(name, _)| name.span()))
    }

    /// Notes a problem with something that is no key of the table of keys.
    pub(in crate::config) fn note_at(&mut self, place: Place, key: String, wrong: Wrong) {
        let Wrong { wrong, remedy } = wrong;
        self.problems.push(Problem { place, key: Some(key), wrong, remedy });
    }

    /// Where a key's value stands: in the environment, else in the file.
    pub(in crate::config) fn place(&self, row: &Row) -> Place {
        match (self.given(row), &self.cluster) {
            (Some(Found::Variable(_)), _) => Place::Variable { name: row.variable() },
            (Some(Found::File(span, _)), _) => self.line(Some(span)),
            (None, Some(cluster)) => self.place_of_cluster(cluster),
            (None, None) => self.nowhere(),
        }
    }

    /// Notes a problem with a key where its value stands.
    pub(in crate::config) fn refuse(&mut self, row: &Row, wrong: Wrong) {
        self.note(self.place(row), Some(row), wrong);
    }

    /// Notes a problem at a place.
    pub(in crate::config) fn note(&mut self, place: Place, row: Option<&Row>, wrong: Wrong) {
        let Wrong { wrong, remedy } = wrong;
        let path = |row: &Row| match &self.cluster {
            Some(cluster) if is_of_cluster(row) => format!("{CLUSTERS}.{cluster}.{}", row.name),
            _ => row.path(),
        };
        self.problems.push(Problem { place, key: row.map(path), wrong, remedy });
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
            if section.get_ref() == CLUSTERS {
                unknown.extend(unknown_of_clusters(value.get_ref()));
                continue;
            }
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

/// What was found for a key.
enum Found<'s, 'a> {
    Variable(&'s str),
    File(Range<usize>, &'s DeValue<'a>),
}

/// What is no cluster, and keys of clusters that there are not.
fn unknown_of_clusters(value: &DeValue<'_>) -> Vec<(Range<usize>, String, Wrong)> {
    let Some(clusters) = value.as_table() else {
        let wrong = Wrong::new(
            "not a section",
            "write a section for each cluster: a line with [clusters.NAME], then its keys",
        );
        return vec![(0..0, CLUSTERS.to_owned(), wrong)];
    };
    let mut unknown = Vec::new();
    for (cluster, value) in clusters {
        let path = format!("{CLUSTERS}.{}", cluster.get_ref());
        let Some(entries) = value.get_ref().as_table() else {
            let remedy = format!("write the keys of a cluster below a line with [{CLUSTERS}.NAME]");
            unknown.push((cluster.span(), path, Wrong::new("not a section with keys", remedy)));
            continue;
        };
        for name in entries.keys() {
            let known = ROWS.iter().filter(|row| is_of_cluster(row));
            if !known.clone().any(|row| row.name == name.get_ref()) {
                let near = nearest(name.get_ref(), known.map(|row| row.name));
                let remedy = near.map_or_else(
                    || "remove it; a cluster has the keys of [server], and max_server_connections".to_owned(),
                    |near| format!("did you mean `{path}.{near}`?"),
                );
                unknown.push((
                    name.span(),
                    format!("{path}.{}", name.get_ref()),
                    Wrong::new("unknown key", remedy),
                ));
            }
        }
    }
    unknown
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
