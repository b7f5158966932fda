//! `pgtenant demo`, run as a person runs it: on a private server, on an existing one, to its end, and
//! broken off.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use pgtenant::cli::cluster::{Options, PrivateCluster, find_binaries};
use tempfile::TempDir;

/// What the demo says last before it waits.
const WAITING: &str = "Ctrl-C ends the demo and removes everything.";

/// A directory for temporary files that PostgreSQL's user may enter too, when root runs the tests.
fn temp_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

fn demo(temp: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgtenant"));
    command.arg("demo").args(args).env("TMPDIR", temp).env_remove("PGTENANT_ADMIN_PASSWORD");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, standard output, standard error.
fn run(temp: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    ended(demo(temp, args).output().unwrap())
}

fn ended(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A demo that runs. Killed when dropped.
struct Waiting {
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: String,
}

impl Waiting {
    fn start(command: &mut Command) -> Self {
        Self::until(WAITING, command)
    }

    fn until(words: &str, command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut this = Self { child, stdout, said: String::new() };
        while !this.said.contains(words) {
            let read = this.stdout.read_line(&mut this.said).unwrap();
            let early = if read == 0 { this.stderr() } else { continue };
            panic!("the demo ended early:\n{}{early}", this.said);
        }
        this
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// The connection string of a tenant's line, as one would paste it.
    fn connection_string(&self, slug: &str) -> &str {
        let start = format!("psql \"postgresql://{slug}:");
        let line = self.said.lines().find(|line| line.trim_start().starts_with(&start)).unwrap();
        line.split('"').nth(1).unwrap()
    }

    /// Exit code, and what was said after the signal and on standard error.
    fn end_by(mut self, signal: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest.push_str(&self.stderr());
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn psql(url: &str, sql: &str) -> (Option<i32>, String, String) {
    let psql = find_binaries(None).unwrap().join("psql");
    ended(Command::new(psql).args(["-XAtqw", "-v", "VERBOSITY=verbose", "-c", sql, url]).output().unwrap())
}

/// A server of somebody who has something on it already.
struct Existing {
    cluster: PrivateCluster,
    url: String,
}

impl Existing {
    fn start() -> Self {
        let cluster = PrivateCluster::start(&Options::default()).unwrap();
        let url = cluster.superuser_url("postgres");
        Self { cluster, url }
    }

    /// A connection string; `login` is user and password.
    fn url_of(&self, login: &str) -> String {
        format!("postgresql://{login}@127.0.0.1:{}/postgres", self.cluster.port())
    }

    fn sql(&self, text: &str) -> String {
        let (code, stdout, stderr) = psql(&self.url, text);
        assert_eq!(code, Some(0), "{text}: {stderr}");
        stdout
    }

    /// All that belongs to the whole server.
    fn inventory(&self) -> String {
        self.sql(
            "SELECT 'database ' || datname FROM pg_database UNION ALL
             SELECT 'role ' || rolname || COALESCE(rolpassword, '') FROM pg_authid ORDER BY 1",
        )
    }
}

#[test]
fn every_step_of_the_tour_holds_and_nothing_is_left() {
    let temp = temp_dir();
    let (code, stdout, stderr) = run(temp.path(), &["--exit"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    for proved in [
        "✔ alpha got its own 3 customers and no others",
        "✔ beta got its own 2 customers and no others",
        "✔ a tenant's own table joins with the shared one",
        "✔ the guard refused it, by its rule `cross_schema`",
        "✔ PostgreSQL refuses it by itself",
        "✔ beta counts its own tickets: this is number 2",
        "✔ customer 3 exists for alpha, where the same INSERT passed, but not for beta",
        "✔ a server process served several clients of its tenant",
        "✔ no server process served two tenants",
        "the next client has the setting it would have without the other",
        "All 6 steps held.",
        "Everything is removed.",
    ] {
        assert!(stdout.contains(proved), "{proved} is missing in:\n{stdout}");
    }
    // Where nobody can look: no colours, and no connection strings.
    assert!(!stdout.contains('\x1b') && !stdout.contains("postgresql://"), "{stdout}");
    assert!(is_empty(temp.path()));
}

#[test]
fn pasted_lines_lead_to_the_tenant_and_ctrl_c_removes_everything() {
    let temp = temp_dir();
    let demo = Waiting::start(&mut demo(temp.path(), &[]));
    for slug in ["alpha", "beta", "gamma"] {
        let (_, schema, stderr) = psql(demo.connection_string(slug), "SELECT current_schema()");
        assert_eq!(schema.trim(), format!("tenant_{slug}"), "{stderr}");
    }
    let (code, _, refusal) = psql(demo.connection_string("alpha"), "SELECT * FROM tenant_beta.customers");
    assert!(code != Some(0) && refusal.contains("ERROR:  42501: "), "{refusal}");
    let url = demo.connection_string("alpha").to_owned();
    assert!(!is_empty(temp.path()));

    let (code, said) = demo.end_by("INT");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Everything is removed."), "{said}");
    assert!(is_empty(temp.path()));
    // Another demo may have the port by now; nobody has that password.
    assert_ne!(psql(&url, "SELECT 1").0, Some(0), "the proxy is still there");
}

/// Each looks for a free port when it begins, and listens to it some seconds later.
#[test]
fn demos_that_begin_at_the_same_time_listen_to_different_ports() {
    let temps = [temp_dir(), temp_dir()];
    let demos = std::thread::scope(|scope| {
        let begun = temps.each_ref().map(|temp| scope.spawn(|| Waiting::start(&mut demo(temp.path(), &[]))));
        begun.map(|one| one.join().unwrap())
    });
    for demo in demos {
        let (_, schema, stderr) = psql(demo.connection_string("alpha"), "SELECT current_schema()");
        assert_eq!(schema.trim(), "tenant_alpha", "{stderr}");
        assert_eq!(demo.end_by("INT").0, Some(0));
    }
}

#[test]
fn ctrl_c_in_the_middle_of_the_set_up_leaves_nothing() {
    let (temp, server) = (temp_dir(), Existing::start());
    let before = server.inventory();
    for (args, words) in [
        (&[][..], "Setting up"),
        (&[][..], "a private PostgreSQL"),
        (&["--postgres", &server.url][..], "your PostgreSQL"),
    ] {
        let (code, said) = Waiting::until(words, &mut demo(temp.path(), args)).end_by("INT");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("Everything is removed."), "{said}");
        assert!(said.contains("interrupted before the end of the tour"), "{said}");
        assert!(is_empty(temp.path()));
    }
    assert_eq!(server.inventory(), before);
}

#[test]
fn demo_on_an_existing_server_leaves_it_as_it_was() {
    let (temp, server) = (temp_dir(), Existing::start());
    let before = server.inventory();
    let (code, stdout, stderr) = run(temp.path(), &["--exit", "--postgres", &server.url]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(server.inventory(), before);
}

#[test]
fn administrator_needs_no_more_than_creating_roles_and_databases_and_open_transactions_are_cut_off() {
    let (temp, server) = (temp_dir(), Existing::start());
    server.sql("CREATE ROLE boss LOGIN CREATEDB CREATEROLE PASSWORD 'pw'");
    let before = server.inventory();
    let mut command = demo(temp.path(), &["--postgres", &server.url_of("boss:pw")]);
    let demo = Waiting::start(command.env("PGTENANT_ADMIN_PASSWORD", "not this one"));
    assert!(server.inventory().contains("pgtenant_demo"));

    let mut psql = Command::new(server.cluster.bin("psql"));
    psql.args(["-XAtqw", demo.connection_string("beta")]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut psql = psql.stderr(Stdio::null()).spawn().unwrap();
    writeln!(psql.stdin.as_mut().unwrap(), "BEGIN; SELECT 'begun';").unwrap();
    let mut line = String::new();
    BufReader::new(psql.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "begun\n");

    let (code, said) = demo.end_by("TERM");
    drop(psql.stdin.take());
    psql.wait().unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(server.inventory(), before);
}

#[test]
fn second_demo_on_a_server_is_refused_and_what_a_killed_one_left_is_removed_by_the_next() {
    let (temp, server) = (temp_dir(), Existing::start());
    let before = server.inventory();
    let args = ["--exit", "--postgres", &server.url];
    let first = Waiting::start(&mut demo(temp.path(), &args[1..]));
    let (code, _, stderr) = run(temp.path(), &args);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("another demo is running on this server; end it first"), "{stderr}");
    let (_, schema, stderr) = psql(first.connection_string("alpha"), "SELECT current_schema()");
    assert_eq!(schema.trim(), "tenant_alpha", "the first one was disturbed: {stderr}");

    first.end_by("KILL");
    assert_ne!(server.inventory(), before);
    let (_, stdout, stderr) = run(temp.path(), &args);
    assert!(stdout.contains("Everything is removed."), "{stdout}{stderr}");
    assert_eq!(server.inventory(), before);
}

#[test]
fn names_that_somebody_else_uses_are_refused_and_left_alone() {
    let (temp, server) = (temp_dir(), Existing::start());
    server.sql("CREATE ROLE tenant_beta LOGIN PASSWORD 'theirs'");
    server.sql("CREATE DATABASE pgtenant_demo");
    let before = server.inventory();
    let (code, _, stderr) = run(temp.path(), &["--exit", "--postgres", &server.url]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("database pgtenant_demo, role tenant_beta; rename or drop"), "{stderr}");
    assert_eq!(server.inventory(), before);
}

#[test]
fn login_without_the_right_to_create_databases_is_refused_with_the_remedy() {
    let (temp, server) = (temp_dir(), Existing::start());
    server.sql("CREATE ROLE nobody_much LOGIN PASSWORD 'pw'");
    let before = server.inventory();
    let (code, _, stderr) = run(temp.path(), &["--exit", "--postgres", &server.url_of("nobody_much:pw")]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("a login that may create databases and roles"), "{stderr}");
    assert_eq!(server.inventory(), before);
}

#[test]
fn missing_programs_are_reported_with_how_to_install_them() {
    let (temp, empty) = (temp_dir(), temp_dir());
    let output = demo(temp.path(), &["--exit"]).env("PGTENANT_PG_BIN", empty.path()).output().unwrap();
    let (code, _, stderr) = ended(output);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("apt-get install postgresql") && stderr.contains("brew install"), "{stderr}");
    assert!(is_empty(temp.path()));
}

#[test]
fn port_that_is_taken_is_refused_before_anything_is_made() {
    let temp = temp_dir();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, stdout, stderr) = run(temp.path(), &["--exit", "--port", &port]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains(&port) && stderr.contains("leave `--port` out"), "{stderr}");
}
