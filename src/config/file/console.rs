//! Reads `[console]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use crate::auth::Verifier;
use crate::config::Server;
use crate::config::console::{Console, ConsoleUser, Rights};
use crate::config::file::{Input, secrets};
use crate::config::keys;
use crate::config::kind::Wrong;
use crate::config::problem::Place;
use crate::config::source::Source;

/// How a line of the file comes to be.
const MAKE: &str = "write one line for each user: \"name\" \"SCRAM-SHA-256$…\", with the verifier that PostgreSQL keeps of a \
     password (`SELECT rolpassword FROM pg_authid`)";

pub(super) fn console(source: &mut Source<'_>, input: &Input<'_>) -> Option<Console> {
    let database = source.take(&keys::CONSOLE_DATABASE);
    let admins = source.take(&keys::CONSOLE_ADMIN_USERS);
    let stats = source.take(&keys::CONSOLE_STATS_USERS);
    let file = source.take(&keys::CONSOLE_PASSWORD_FILE);
    let (database, admins, stats, file) = (database?, admins?, stats?, file?);
    let names: Vec<_> = admins
        .iter()
        .map(|name| (name, Rights::Admin))
        .chain(stats.iter().filter(|name| !admins.contains(name)).map(|name| (name, Rights::Stats)))
        .collect();
    if names.is_empty() {
        return Some(Console { database, users: Vec::new() });
    }
    let row = &keys::CONSOLE_PASSWORD_FILE.row;
    let Some(path) = file else {
        source.note(source.nowhere(), Some(row), Wrong::new("must be set where the console has users", MAKE));
        return None;
    };
    let verifiers = match read(source, input, path) {
        Ok(verifiers) => verifiers,
        Err(wrong) => {
            source.refuse(row, wrong);
            return None;
        }
    };
    let missing: BTreeSet<_> = names
        .iter()
        .filter(|(name, _)| !verifiers.contains_key(*name))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|(name, _)| name.as_str())
        .collect();
    if !missing.is_empty() {
        let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
        source.refuse(row, Wrong::new(format!("the file has no line for {missing}"), MAKE));
        return None;
    }
    let users = names.into_iter().filter_map(|(name, rights)| {
        let verifier = verifiers.get(name)?.clone();
        Some(ConsoleUser { name: name.clone(), verifier, rights })
    });
    Some(Console { database, users: users.collect() })
}

/// The console's name must not be that of the database: nobody could reach one of them.
pub(super) fn tell_apart(source: &mut Source<'_>, console: &Console, server: &Server) {
    if console.database.as_ref() == Some(&server.database) {
        let wrong = Wrong::new(
            format!("the console has the name of the database that is served, {:?}", server.database),
            "give it another name, for example \"pgtenant_console\", or write \"off\" for no console",
        );
        let row = &keys::CONSOLE_DATABASE.row;
        let place =
            if source.is_set(row) { source.place(row) } else { source.place(&keys::SERVER_DATABASE.row) };
        source.note(place, Some(row), wrong);
    }
}

fn read(
    source: &Source<'_>,
    input: &Input<'_>,
    mut path: PathBuf,
) -> Result<BTreeMap<String, Verifier>, Wrong> {
    // A variable was set by somebody who sees the working directory, the file by somebody who sees the file.
    let place = source.place(&keys::CONSOLE_PASSWORD_FILE.row);
    if let (Place::File { .. }, Some(dir)) = (place, Path::new(input.name).parent()) {
        path = dir.join(path);
    }
    let file = secrets::open(&path, input.read_file, "the console's passwords", |_| MAKE.to_owned())?;
    let shown = path.display();
    let mut users = BTreeMap::new();
    for (number, line) in (1..).zip(file.text.expose_secret().lines()) {
        let wrong = |what: &str| Wrong::new(format!("{shown}:{number}: {what}"), MAKE);
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') || line.starts_with('#') {
            continue;
        }
        let (name, secret) = two_quoted(line).ok_or_else(|| wrong("not two words in double quotes"))?;
        let verifier = Verifier::parse(&secret).map_err(|error| wrong(&error.to_string()))?;
        if users.insert(name, verifier).is_some() {
            return Err(wrong("a user that has a line already"));
        }
    }
    Ok(users)
}

/// `"name" "secret"`, with `""` for a quote, as in PgBouncer's `auth_file`.
fn two_quoted(line: &str) -> Option<(String, String)> {
    let (name, rest) = quoted(line)?;
    let (secret, rest) = quoted(rest.trim_start())?;
    (rest.trim().is_empty() && !name.is_empty()).then_some((name, secret))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut inside = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        inside.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                inside.push('"');
                rest = more;
            }
            None => return Some((inside, after)),
        }
    }
}
