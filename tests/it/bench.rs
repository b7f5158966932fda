//! `pgtenant bench` as an operator runs it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::support::Db;
use crate::support::binary::Binary;
use crate::support::proxy::PASSWORD;

/// Tenants prepared for the load, and the proxy before them.
struct Ground {
    binary: Binary,
}

impl Ground {
    fn new(tenants: usize) -> Self {
        // A run with a wrong password may fail more often than the proxy would look at.
        let settings =
            [("PGTENANT_POOL_MAX_SERVER_CONNECTIONS", "3"), ("PGTENANT_LISTEN_MAX_FAILURES_PER_USER", "all")];
        let ground = Self { binary: Binary::start_with(&[], &settings) };
        let prepared = ground.prepare(tenants);
        let said = text(&prepared.stdout) + &text(&prepared.stderr);
        assert!(prepared.status.success() && said.contains(&format!("{tenants} created")), "{said}");
        ground
    }

    fn slug(&self, number: usize) -> String {
        format!("{}_{number}", self.binary.database)
    }

    fn bench(&self, tenants: usize) -> Command {
        let mut command = self.binary.command();
        command.args(["bench", "--slug-pattern", &self.slug(0).replace("_0", "_{n}")]);
        command.args(["--tenants", &tenants.to_string()]).env("PGTENANT_BENCH_PASSWORD", PASSWORD);
        command
    }

    fn prepare(&self, tenants: usize) -> Output {
        let admin = crate::support::cluster().superuser_url(&self.binary.database);
        self.bench(tenants).args(["--prepare", "--admin-url", &admin]).output().unwrap()
    }

    /// A short run, told as JSON.
    fn run(&self, tenants: usize, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut command = self.bench(tenants);
        command.args(["--url", &self.url(), "--warmup", "200ms", "--json"]);
        told(&command.args(arguments).output().unwrap())
    }

    fn url(&self) -> String {
        format!("postgresql://{}/{}", self.binary.addr(), self.binary.database)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn told(output: &Output) -> (Option<i32>, Value) {
    let said = text(&output.stdout);
    let value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{}", text(&output.stderr)));
    (output.status.code(), value)
}

#[test]
fn twenty_tenants_over_three_server_connections_get_their_own_rows() {
    let ground = Ground::new(20);
    let mix = "point=5,range=2,write=2,transaction=1";
    let (code, told) = ground.run(20, &["--clients", "4", "--mix", mix, "--duration", "2s"]);
    assert_eq!((code, &told["ok"]), (Some(0), &Value::Bool(true)), "{told:#}");
    let number = |name: &str| told[name].as_u64().unwrap();
    assert_eq!((number("foreign_rows"), number("wrong_answers"), number("switches")), (0, 0, 0));
    let transactions = told["transactions"]["count"].as_u64().unwrap();
    // Many were met again.
    assert!((3..transactions).contains(&number("server_processes")), "{told:#}");
    let classes: Vec<u64> =
        told["classes"].as_array().unwrap().iter().map(|class| class["tenants"].as_u64().unwrap()).collect();
    assert_eq!(classes.iter().sum::<u64>(), 20);
    for kind in ["point", "range", "transaction", "write"] {
        assert!(told["kinds"][kind]["count"].as_u64().unwrap() > 0, "{told:#}");
    }
}

/// One ground for all of them: setting it up takes longer than they do.
#[test]
fn runs_over_three_tenants() {
    let ground = Ground::new(3);
    let again = ground.prepare(3);
    assert!(text(&again.stdout).contains("0 created, 3 there before"), "{}", text(&again.stdout));
    every_protocol_gives_the_rows_and_a_rate_is_kept(&ground);
    tenant_that_gets_the_rows_of_another_fails_the_run_and_the_rows_are_named(&ground);
    errors_are_counted_by_their_code_and_excused_only_on_request(&ground);
    what_keeps_a_run_from_beginning_is_said_with_what_to_do(&ground);
}

fn every_protocol_gives_the_rows_and_a_rate_is_kept(ground: &Ground) {
    for protocol in ["simple", "prepared"] {
        let arguments = ["--clients", "2", "--rate", "20", "--duration", "800ms", "--protocol", protocol];
        let (code, told) = ground.run(2, &arguments);
        // Twenty are due, and a machine that is busy with other things may not get to all of them.
        let count = told["transactions"]["count"].as_u64().unwrap();
        assert!(
            code == Some(0) && (1..=20).contains(&(count + told["overdue"].as_u64().unwrap())),
            "{told:#}"
        );
    }
}

fn tenant_that_gets_the_rows_of_another_fails_the_run_and_the_rows_are_named(ground: &Ground) {
    let mut list = NamedTempFile::new().unwrap();
    let [one, two, three] = [1, 2, 3].map(|number| ground.slug(number));
    writeln!(list, "{one}\n{two} {three}").unwrap();
    let mut command = ground.binary.command();
    command.env("PGTENANT_BENCH_PASSWORD", PASSWORD).args(["bench", "--allow-errors", "--tenants-file"]);
    command.arg(list.path()).args(["--url", &ground.url(), "--skew", "uniform"]);
    command.args(["--clients", "2", "--duration", "1s", "--warmup", "0s"]);
    let output = command.output().unwrap();
    let (said, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{error}");
    assert!(error.contains("rows belong to another tenant than the one that asked"), "{error}");
    let fault = |line: &&str| line.starts_with("FAULT") && line.contains(&format!("{two} got row "));
    let fault = said.lines().find(fault).unwrap_or_else(|| panic!("{said}"));
    assert!(fault.contains(&format!("{three:?}")), "{fault}");
    assert!(!said.contains(&format!("{one} got row ")), "{said}");
}

fn errors_are_counted_by_their_code_and_excused_only_on_request(ground: &Ground) {
    let mut list = NamedTempFile::new().unwrap();
    writeln!(list, "{}\n{} nobody", ground.slug(1), ground.slug(2)).unwrap();
    let path = list.path().to_str().unwrap();
    for (excused, expected) in [(&[][..], 1), (&["--allow-errors"], 0)] {
        let mut command = ground.binary.command();
        command.env("PGTENANT_BENCH_PASSWORD", PASSWORD).args(["bench", "--tenants-file", path, "--json"]);
        command.args(["--url", &ground.url(), "--skew", "uniform", "--clients", "2"]).args(excused);
        let (code, told) = told(&command.args(["--duration", "1500ms", "--warmup", "0s"]).output().unwrap());
        assert_eq!(code, Some(expected), "{told:#}");
        assert!(told["errors"]["28P01"]["count"].as_u64().is_some_and(|count| count > 0), "{told:#}");
    }
}

#[test]
fn one_user_with_the_schema_named_by_the_application_directly_on_postgresql() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let db = runtime.block_on(async {
        let db = Db::new().await;
        let mut sql = String::new();
        for slug in ["a1", "a2", "a3"] {
            write!(
                sql,
                "CREATE SCHEMA tenant_{slug}; CREATE TABLE tenant_{slug}.pgtenant_bench \
                 (id int PRIMARY KEY, tenant text NOT NULL, balance bigint NOT NULL DEFAULT 0); \
                 INSERT INTO tenant_{slug}.pgtenant_bench (id, tenant) SELECT id, '{slug}' FROM generate_series(1, 100) id;"
            )
            .unwrap();
        }
        db.admin_run(&sql).await;
        db
    });
    for mode in ["set-local", "qualified"] {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("pgtenant"));
        command.args(["bench", "--url", &db.admin_url, "--mode", mode, "--slug-pattern", "a{n}", "--json"]);
        command.args(["--tenants", "3", "--clients", "2", "--duration", "400ms", "--warmup", "100ms"]);
        let (code, told) = told(&command.output().unwrap());
        assert_eq!((code, told["server_processes"].as_u64()), (Some(0), Some(2)), "{told:#}");
        assert!(told["switches"].as_u64() > Some(0), "{told:#}");
    }
}

fn what_keeps_a_run_from_beginning_is_said_with_what_to_do(ground: &Ground) {
    let refused = |tenants, arguments: &[&str]| {
        let output = ground.bench(tenants).args(arguments).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, error) = refused(1, &["--mix", "select=1"]);
    assert!(code == Some(2) && error.contains("point, range, transaction, write"), "{error}");
    let (code, error) = refused(1, &["--url", &ground.url(), "--user-pattern", "nobody"]);
    assert!(code == Some(1) && error.contains("nobody cannot log in"), "{error}");
    // After many of them they are not even looked at.
    assert!(["28P01", "28000"].iter().any(|code| error.contains(code)), "{error}");
    let (code, error) = refused(1, &["--url", "postgresql://127.0.0.1:1/d"]);
    assert!(code == Some(1) && error.contains("cannot log in"), "{error}");
    ground.binary.wire("1").run("drop table pgtenant_bench");
    let (code, error) = refused(1, &["--url", &ground.url()]);
    assert!(code == Some(1) && error.contains("bench --prepare"), "{error}");
    let (code, error) = refused(1, &["--prepare"]);
    assert!(code == Some(1) && error.contains("--admin-url"), "{error}");
}
