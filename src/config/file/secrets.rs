//! Reads `[secrets]`.

use std::io;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use crate::auth::MasterKey;
use crate::config::Secrets;
use crate::config::file::{Input, OTHERS_MAY, SecretFile};
use crate::config::keys::{self, MASTER_KEY_VARIABLE, PREVIOUS_MASTER_KEY_VARIABLE, Row};
use crate::config::kind::Wrong;
use crate::config::problem::Place;
use crate::config::source::Source;

/// What to do about a text that is no key.
const KEEP: &str = "keep the old key if tenants were created with it";

pub(super) fn secrets(source: &mut Source<'_>, input: &Input<'_>) -> Option<Secrets> {
    let current = current(source, input);
    let previous = previous(source, input);
    let (master_key, previous_master_key) = (current?, previous?);
    if previous_master_key.as_ref().is_some_and(|previous| previous.mark() == master_key.mark()) {
        let wrong = Wrong::new(
            "this is the master key too",
            "give the key that is being replaced; where none is, unset this",
        );
        let set = [PREVIOUS_MASTER_KEY_VARIABLE, &keys::SECRETS_PREVIOUS_MASTER_KEY.row.variable()]
            .into_iter()
            .find(|name| source.variable(name).is_some())
            .map(str::to_owned);
        match set {
            Some(name) => {
                source.note(Place::Variable { name }, Some(&keys::SECRETS_PREVIOUS_MASTER_KEY.row), wrong)
            }
            None => source.refuse(&keys::SECRETS_PREVIOUS_MASTER_KEY_FILE.row, wrong),
        }
        return None;
    }
    Some(Secrets { master_key, previous_master_key })
}

fn current(source: &mut Source<'_>, input: &Input<'_>) -> Option<MasterKey> {
    if let Some(found) = from_environment(source, &keys::SECRETS_MASTER_KEY.row, MASTER_KEY_VARIABLE) {
        return found;
    }
    let row = &keys::SECRETS_MASTER_KEY_FILE.row;
    if source.is_set(row) {
        let path = source.find(&keys::SECRETS_MASTER_KEY_FILE)?;
        return from_file(source, input, row, path, |shown| {
            format!(
                "make a key: (umask 077; openssl rand -hex 32 > {shown}); or correct the path, if there is a key already"
            )
        });
    }
    if source.readable() {
        let remedy = format!(
            "make a key with `openssl rand -hex 32`, keep it in a file with mode 600, \
             and name that file in `secrets.master_key_file`; or set {MASTER_KEY_VARIABLE}"
        );
        source.note(source.nowhere(), Some(row), Wrong::new("there is no master key", remedy));
    }
    None
}

/// The inner `None` is that no key is being replaced.
#[expect(clippy::option_option, reason = "no previous key, and a wrong one, are two things")]
fn previous(source: &mut Source<'_>, input: &Input<'_>) -> Option<Option<MasterKey>> {
    let row = &keys::SECRETS_PREVIOUS_MASTER_KEY.row;
    if let Some(found) = from_environment(source, row, PREVIOUS_MASTER_KEY_VARIABLE) {
        return found.map(Some);
    }
    let row = &keys::SECRETS_PREVIOUS_MASTER_KEY_FILE.row;
    match source.take(&keys::SECRETS_PREVIOUS_MASTER_KEY_FILE)? {
        None => Some(None),
        Some(path) => from_file(source, input, row, path, |_| {
            "correct the path; where no key is being replaced, write \"off\"".to_owned()
        })
        .map(Some),
    }
}

/// `None` where no variable is set; the inner `None` is a problem noted.
#[expect(clippy::option_option, reason = "not set, and wrong, are two things")]
fn from_environment(source: &mut Source<'_>, row: &Row, short: &str) -> Option<Option<MasterKey>> {
    let long = row.variable();
    let set: Vec<String> = [short, long.as_str()]
        .into_iter()
        .filter(|name| source.variable(name).is_some())
        .map(str::to_owned)
        .collect();
    match set.as_slice() {
        [] => None,
        [name] => {
            let key = MasterKey::parse(source.variable(name).unwrap_or_default());
            Some(
                key.map_err(|error| {
                    let wrong = Wrong::new(error.to_string(), KEEP);
                    source.note(Place::Variable { name: name.clone() }, Some(row), wrong);
                })
                .ok(),
            )
        }
        [name, other, ..] => {
            let wrong = Wrong::new(format!("{other} is set too"), format!("unset {name} or {other}"));
            source.note(Place::Variable { name: name.clone() }, Some(row), wrong);
            Some(None)
        }
    }
}

fn from_file(
    source: &mut Source<'_>,
    input: &Input<'_>,
    row: &Row,
    mut path: PathBuf,
    if_missing: impl Fn(&str) -> String,
) -> Option<MasterKey> {
    // A variable was set by somebody who sees the working directory, the file by somebody who sees the file.
    if let (Place::File { .. }, Some(dir)) = (source.place(row), Path::new(input.name).parent()) {
        path = dir.join(path);
    }
    open_key(&path, input.read_file, if_missing).map_err(|wrong| source.refuse(row, wrong)).ok()
}

fn open_key(
    path: &Path,
    read_file: &dyn Fn(&Path) -> io::Result<SecretFile>,
    if_missing: impl Fn(&str) -> String,
) -> Result<MasterKey, Wrong> {
    let shown = path.display();
    let file = open(path, read_file, "the master key", if_missing)?;
    MasterKey::parse(file.text.expose_secret()).map_err(|error| Wrong::new(format!("{shown}: {error}"), KEEP))
}

/// What is in a file that holds a secret, if nobody else may read or write it.
pub(super) fn open(
    path: &Path,
    read_file: &dyn Fn(&Path) -> io::Result<SecretFile>,
    what: &str,
    if_missing: impl Fn(&str) -> String,
) -> Result<SecretFile, Wrong> {
    let shown = path.display();
    let file = read_file(path).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => if_missing(&shown.to_string()),
            io::ErrorKind::PermissionDenied => {
                format!("run as the owner of {shown}, or change its owner to the user that runs pgtenant")
            }
            _ => format!("make {shown} a plain file with {what}"),
        };
        Wrong::new(format!("{shown} cannot be read: {error}"), remedy)
    })?;
    if file.mode & OTHERS_MAY != 0 {
        return Err(Wrong::new(
            format!("others can read or write {shown} (mode {:03o})", file.mode & 0o777),
            format!("run: chmod 600 {shown}"),
        ));
    }
    Ok(file)
}
