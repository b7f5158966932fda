//! Drivers and ORMs of other languages: each program tells a story, a line for each thing proved.
//!
//! It does its ordinary work first, says so, and waits for a line on standard input: until there, nothing
//! may pin a client to its server connection.

use super::*;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::OnceLock;

use pgtenant::config::{Config, PublicSchema};
use pgtenant::telemetry::Snapshot;

/// Server connections of each tenant; a story has several times as many clients of each.
const EACH: usize = 2;

/// Whether the stories take their steps with LISTEN and NOTIFY.
const LISTENS: bool = true;

/// What a program says when its ordinary work is done.
const ORDINARY_DONE: &str = "== ordinary work is done";

/// Where setup.sh has put what it installed.
struct Installed {
    python: PathBuf,
    node_modules: PathBuf,
    jdbc: PathBuf,
    sqlx: PathBuf,
    browser: PathBuf,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn installed() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let output = Command::new("sh").arg(root().join("scripts/setup.sh")).arg("where").output().unwrap();
        let said = stdout(&output);
        let path = |name: &str| {
            let path = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
            assert!(Path::new(path).exists(), "{name} is missing ({path}): run scripts/setup.sh test");
            PathBuf::from(path)
        };
        Installed {
            python: path("python"),
            node_modules: path("node_modules"),
            jdbc: path("jdbc"),
            sqlx: path("sqlx"),
            browser: path("browser"),
        }
    })
}

/// A script of `tests/drivers`, as tenant alpha, and in parts as beta.
fn story(proxy: &Proxy, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str], script: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .arg(root().join("tests/drivers").join(script))
        .env("DSN", proxy.url("alpha"))
        .env("MARKER", marker("alpha"))
        .env("OTHER_DSN", proxy.url("beta"))
        .env("OTHER_MARKER", marker("beta"))
        .env("LISTENS", i32::from(LISTENS).to_string())
        .env("SERVER_CONNECTIONS", proxy.db.config.limits.max_server_connections.to_string());
    command
}

/// The interpreter that has what is in `tests/drivers/requirements.txt`.
pub(crate) fn python_itself() -> Command {
    Command::new(&installed().python)
}

/// Node with a script of `tests/drivers` that drives a browser.
pub(crate) fn browse(script: &str) -> Command {
    let mut command = Command::new("node");
    command
        .arg(root().join("tests/drivers").join(script))
        .env("NODE_MODULES", &installed().node_modules)
        .env("BROWSER", &installed().browser);
    command
}

/// A program that came with the Python drivers.
pub(crate) fn python_program(name: &str) -> Command {
    Command::new(installed().python.with_file_name(name))
}

pub(crate) fn python(proxy: &Proxy, script: &str) -> Command {
    let mut command = story(proxy, &installed().python, &[], script);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

pub(crate) fn node(proxy: &Proxy, script: &str) -> Command {
    let mut command = story(proxy, "node", &[], script);
    command.env("NODE_PATH", &installed().node_modules);
    command
}

pub(crate) fn java(proxy: &Proxy, script: &str) -> Command {
    let jar = installed().jdbc.display().to_string();
    // Two compilers and a collector in threads of their own would only be in each other's way.
    story(proxy, "java", &["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &jar], script)
}

fn php(proxy: &Proxy, script: &str) -> Command {
    story(proxy, "php", &[], script)
}

/// With an argument.
fn with(mut story: Command, argument: &str) -> Command {
    story.arg(argument);
    story
}

/// The program proves this many things, and succeeds.
#[track_caller]
pub(crate) fn assert_tells(mut story: Command, proofs: usize) {
    let output = story.stdin(Stdio::null()).output().unwrap();
    let said = stdout(&output);
    assert_eq!(said.lines().filter(|line| line.starts_with("ok: ")).count(), proofs, "{said}");
}

#[expect(clippy::print_stdout, reason = "the figures are for docs/compatibility.md")]
fn report(figures: &str) {
    println!("{figures}");
}

/// Runs the program; it proves `ordinary` things in its ordinary work, without a pin, and then `special` ones.
#[track_caller]
fn tell(story: impl FnOnce(&Proxy) -> Command, ordinary: usize, special: usize) {
    assert_eq!(tell_with(|_| (), story, ordinary, special), "", "ordinary work pins nobody");
}

/// The same with another configuration; gives the pins of its ordinary work.
#[track_caller]
fn tell_with(
    change: impl FnOnce(&mut Config) + Send,
    story: impl FnOnce(&Proxy) -> Command,
    ordinary: usize,
    special: usize,
) -> String {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.pool.max_server_connections = 2 * EACH;
        config.limits.max_server_connections = EACH;
        change(config);
    });
    for tenant in ["alpha", "beta"] {
        proxy.wire(tenant).run(&format!("insert into notes (body) values ('{}')", marker(tenant)));
    }
    let begin = proxy.shared().counters.snapshot();
    let mut command = story(&proxy);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut done = begin.clone();
    let (said, told) = listen(&mut child, || done = proxy.shared().counters.snapshot());
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}: {}\n{told}", said.join("\n"));
    let (before, after) = proofs(&said);
    assert_eq!((before, after), (ordinary, special), "things proved in {said:#?}");

    eventually("all its clients are gone", || proxy.shared().counters.snapshot().clients_current == 0);
    let end = proxy.shared().counters.snapshot();
    let name = said.iter().find_map(|line| line.strip_prefix("client: ")).expect("the client's name");
    report(&format!("{name}: ordinary work {}; then {}", figures(&begin, &done), figures(&done, &end)));
    assert_eq!(end.pins_current.values().sum::<u64>(), 0, "{:?}", end.pins_current);
    assert!(proxy.server_connections() <= 2 * EACH);
    for tenant in ["alpha", "beta"] {
        assert_only_own_marker(tenant, &proxy.wire(tenant).query("table notes").join("\n"));
    }
    pins(&begin, &done)
}

/// What it says, line by line, and what it wrote to standard error.
fn listen(child: &mut Child, ordinary_done: impl FnOnce()) -> (Vec<String>, String) {
    let mut stderr = child.stderr.take().unwrap();
    let told = std::thread::spawn(move || {
        let mut told = Vec::new();
        stderr.read_to_end(&mut told).unwrap();
        String::from_utf8_lossy(&told).into_owned()
    });
    let mut stdin = child.stdin.take().unwrap();
    let mut ordinary_done = Some(ordinary_done);
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        said.push(line.unwrap());
        if said.last().is_some_and(|line| line == ORDINARY_DONE) {
            ordinary_done.take().expect("said once")();
            stdin.write_all(b"go on\n").unwrap();
        }
    }
    (said, told.join().unwrap())
}

/// How many things were proved before and after the ordinary work was done.
fn proofs(said: &[String]) -> (usize, usize) {
    let count = |lines: &[String]| lines.iter().filter(|line| line.starts_with("ok: ")).count();
    let end = said.iter().position(|line| line == ORDINARY_DONE).unwrap_or(said.len());
    (count(&said[..end]), count(&said[end..]))
}

/// Pins of this time by reason, such as `temporary_object 2`.
fn pins(from: &Snapshot, to: &Snapshot) -> String {
    let before = |reason| from.pins.get(reason).copied().unwrap_or(0);
    let more = to.pins.iter().map(|(reason, count)| (reason, count - before(reason)));
    more.filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn figures(from: &Snapshot, to: &Snapshot) -> String {
    let pins = match pins(from, to) {
        none if none.is_empty() => "none".into(),
        some => some,
    };
    format!(
        "{} transactions, pins: {pins}, resets: {}",
        to.transactions - from.transactions,
        to.server_resets - from.server_resets
    )
}

#[test]
fn psycopg_3() {
    tell(|proxy| python(proxy, "psycopg_story.py"), 14 + usize::from(LISTENS), 5);
}

#[test]
fn asyncpg() {
    tell(|proxy| python(proxy, "asyncpg_story.py"), 11 + usize::from(LISTENS), 2);
}

#[test]
fn psycopg2() {
    tell(|proxy| python(proxy, "psycopg2_story.py"), 9 + usize::from(LISTENS), 2);
}

#[test]
fn sqlalchemy_with_psycopg() {
    tell(|proxy| with(python(proxy, "sqlalchemy_story.py"), "psycopg"), 10 + usize::from(LISTENS), 1);
}

#[test]
fn sqlalchemy_with_asyncpg() {
    tell(|proxy| with(python(proxy, "sqlalchemy_story.py"), "asyncpg"), 10 + usize::from(LISTENS), 1);
}

#[test]
fn django() {
    tell(|proxy| with(python(proxy, "django_story.py"), "plain"), 10 + usize::from(LISTENS), 1);
}

#[test]
fn django_with_prepared_statements() {
    tell(|proxy| with(python(proxy, "django_story.py"), "prepared"), 10 + usize::from(LISTENS), 1);
}

#[test]
fn node_postgres() {
    tell(|proxy| node(proxy, "pg_story.mjs"), 11 + usize::from(LISTENS), 1);
}

#[test]
fn postgres_js() {
    tell(|proxy| node(proxy, "postgres_js_story.mjs"), 10 + usize::from(LISTENS), 1);
}

#[test]
fn drizzle() {
    tell(|proxy| node(proxy, "drizzle_story.mjs"), 9 + usize::from(LISTENS), 0);
}

#[test]
fn sequelize() {
    // It writes the schema public into the names of types, whatever the search_path is.
    let public = |config: &mut Config| config.guard.public_schema = PublicSchema::Tenant;
    let pins = tell_with(public, |proxy| node(proxy, "sequelize_story.mjs"), 10 + usize::from(LISTENS), 0);
    assert_eq!(pins, "");
}

#[test]
fn pgjdbc() {
    tell(|proxy| java(proxy, "JdbcStory.java"), 12 + usize::from(LISTENS), 1);
}

#[test]
fn sqlx() {
    tell(|proxy| story(proxy, &installed().sqlx, &[], "sqlx/src/main.rs"), 10, 1);
}

#[test]
fn php_pdo() {
    let pins = tell_with(|_| (), |proxy| php(proxy, "pdo_story.php"), 9 + usize::from(LISTENS), 2);
    // It asks for lastInsertId() in the next transaction: until then the client keeps what only its server knows.
    assert!(pins.starts_with("sequence ") && !pins.contains(','), "{pins}");
}
