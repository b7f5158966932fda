//! Where PostgreSQL's server programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Programs a private server needs.
const NEEDED: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// Programs that back up and restore.
const CLIENTS: [&str; 2] = ["pg_dump", "pg_restore"];

/// Homebrew's prefixes on Apple silicon and on Intel.
const HOMEBREW: [&str; 2] = ["/opt/homebrew/opt", "/usr/local/opt"];

/// How to get them, said when they are missing.
const REMEDY: &str = "install them with `sudo apt-get install postgresql`, `sudo dnf install postgresql-server` \
     or `brew install postgresql@17`, or name their directory with PGTENANT_PG_BIN";

/// The same for clients.
const CLIENT_REMEDY: &str = "install them with `sudo apt-get install postgresql-client`, `sudo dnf install postgresql` \
     or `brew install libpq`, or name their directory with `--pg-bin` or PGTENANT_PG_BIN";

/// The directory with PostgreSQL's server programs: the one given, else PGTENANT_PG_BIN, else the first on
/// PATH, else the highest version in Debian's, Red Hat's and Homebrew's places.
///
/// # Errors
/// When there is none, or the one asked for is not complete; the message says how to install them.
pub fn find_binaries(explicit: Option<&Path>) -> Result<PathBuf> {
    find(explicit, &NEEDED, "server", REMEDY)
}

/// The same with the programs that back up and restore.
///
/// # Errors
/// The same.
pub fn find_clients(explicit: Option<&Path>) -> Result<PathBuf> {
    find(explicit, &CLIENTS, "client", CLIENT_REMEDY)
}

fn find(explicit: Option<&Path>, needed: &[&str], what: &str, remedy: &str) -> Result<PathBuf> {
    let asked_for =
        explicit.map(Path::to_owned).or_else(|| env::var_os("PGTENANT_PG_BIN").map(PathBuf::from));
    if let Some(dir) = asked_for {
        if let Some(missing) = missing_program(&dir, needed) {
            bail!("{} holds no PostgreSQL {what} program `{missing}`; {remedy}", dir.display());
        }
        return Ok(dir);
    }
    let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    search(on_path, usual_places(), needed)
        .with_context(|| format!("PostgreSQL's {what} programs are missing; {remedy}"))
}

/// PATH in its own order, then the usual places by version.
fn search(on_path: Vec<PathBuf>, mut usual: Vec<(u32, PathBuf)>, needed: &[&str]) -> Option<PathBuf> {
    usual.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    on_path
        .into_iter()
        .chain(usual.into_iter().map(|(_, dir)| dir))
        .find(|dir| missing_program(dir, needed).is_none())
        .map(|dir| resolve_wrapper(&dir, needed))
}

fn missing_program<'n>(dir: &Path, needed: &[&'n str]) -> Option<&'n str> {
    needed.iter().copied().find(|program| !dir.join(program).is_file())
}

/// A directory on PATH may hold links to the programs only; their own directory has the rest too.
fn resolve_wrapper(dir: &Path, needed: &[&str]) -> PathBuf {
    let real = fs::canonicalize(dir.join(needed[1])).ok();
    real.as_deref()
        .and_then(Path::parent)
        .filter(|real| missing_program(real, needed).is_none())
        .map_or_else(|| dir.to_owned(), Path::to_owned)
}

fn usual_places() -> Vec<(u32, PathBuf)> {
    let debian = children("/usr/lib/postgresql").map(|dir| (version_of(&dir), dir.join("bin")));
    let red_hat =
        children("/usr").filter(|dir| is_named(dir, "pgsql-")).map(|dir| (version_of(&dir), dir.join("bin")));
    let homebrew = HOMEBREW
        .iter()
        .flat_map(|prefix| children(prefix).filter(|dir| is_named(dir, "postgresql")))
        .map(|dir| (version_of(&dir), dir.join("bin")));
    debian.chain(red_hat).chain(homebrew).collect()
}

fn children(dir: impl AsRef<Path>) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_named(dir: &Path, prefix: &str) -> bool {
    dir.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
}

/// The number a directory's name ends with: `15`, `pgsql-16`, `postgresql@17`; 0 for none.
fn version_of(dir: &Path) -> u32 {
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let digits = name.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs_in(dir: &Path) -> PathBuf {
        fs::create_dir_all(dir).unwrap();
        for program in NEEDED {
            fs::write(dir.join(program), "").unwrap();
        }
        fs::canonicalize(dir).unwrap()
    }

    #[test]
    fn path_wins_and_else_the_highest_version() {
        let temp = tempfile::tempdir().unwrap();
        let [old, new, on_path] = ["9", "17", "path"].map(|name| programs_in(&temp.path().join(name)));
        let usual = vec![(9, old), (17, new.clone())];
        assert_eq!(
            search(vec![temp.path().join("none"), on_path.clone()], usual.clone(), &NEEDED),
            Some(on_path)
        );
        assert_eq!(search(vec![], usual, &NEEDED), Some(new));
        assert_eq!(search(vec![], vec![], &NEEDED), None);
    }

    #[test]
    fn directory_without_the_programs_is_refused_with_the_remedy() {
        let temp = tempfile::tempdir().unwrap();
        let error = find_binaries(Some(temp.path())).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql") && error.contains("PGTENANT_PG_BIN"), "{error}");
        let error = find_clients(Some(temp.path())).unwrap_err().to_string();
        assert!(error.contains("pg_dump") && error.contains("postgresql-client"), "{error}");
    }

    #[test]
    fn version_is_the_number_at_the_end_of_the_name() {
        for (name, version) in [("15", 15), ("pgsql-16", 16), ("postgresql@17", 17), ("postgresql", 0)] {
            assert_eq!(version_of(Path::new(name)), version, "{name}");
        }
    }
}
