//! Programs and drivers that know nothing of the proxy.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::binary::Binary;
use crate::support::proxy::{Proxy, stdout};

fn proxy() -> Proxy {
    Proxy::start(&["alpha", "beta"], |config| config.pool.max_server_connections = 4)
}

#[test]
fn psql_lists_describes_and_runs_transactions() {
    let proxy = proxy();
    let script = "insert into notes (body) values ('one'), ('two');\n\
         \\d notes\n\\dt\n\\df\n\\l\n\\dn\n\\du\n\
         begin; insert into notes (body) values ('three'); rollback;\n\
         select count(*) from notes;\n\
         begin;\nselect 'still in it';\ncommit;\n";
    let out = stdout(&proxy.psql("alpha", script));
    assert!(out.contains("id|integer"), "{out}");
    assert!(out.contains("\n2\nstill in it\n"), "{out}");
    assert!(out.contains(&format!("{}|notes|table", proxy.role("alpha"))), "{out}");
}

#[test]
fn psql_copies_from_and_to_files() {
    let proxy = proxy();
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let lines: String = (1..=1000).map(|n| format!("{n}\tline {n}\n")).collect();
    std::fs::write(&from, &lines).unwrap();
    let script = format!(
        "\\copy notes from '{}'\n\\copy (select * from notes order by id) to '{}'\n",
        from.display(),
        to.display()
    );
    stdout(&proxy.psql("alpha", &script));
    assert_eq!(std::fs::read_to_string(&to).unwrap(), lines);
}

#[test]
fn psql_stops_at_an_error_with_the_servers_message_and_position() {
    let output = proxy().psql("alpha", "select nothing_here;\n");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("column \"nothing_here\" does not exist"), "{error}");
    assert!(error.contains("LINE 1: select nothing_here;"), "{error}");
}

#[test]
fn psql_shows_a_refusal_with_its_hint() {
    let output = proxy().psql("alpha", "select * from tenant_somebody_else.notes;\n");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("ERROR:") && error.contains("HINT:"), "{error}");
}

#[test]
fn psql_as_two_tenants_sees_each_its_own_rows() {
    let proxy = proxy();
    for tenant in ["alpha", "beta"] {
        stdout(&proxy.psql(tenant, &format!("insert into notes (body) values ('of {tenant}');")));
    }
    for tenant in ["alpha", "beta"] {
        assert_eq!(stdout(&proxy.psql(tenant, "select body from notes;")), format!("of {tenant}\n"));
    }
}

#[test]
fn psql_over_a_unix_socket() {
    let dir = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    let path = dir.path().to_owned();
    let proxy = Proxy::start(&["alpha"], |config| config.listen.unix_socket_dir = Some(path));
    // The file is named after the configured port, which is 0 here: any free one.
    let mut command = proxy.program("psql", "alpha");
    let socket = std::fs::read_dir(dir.path()).unwrap().flatten().next().expect("a socket").file_name();
    let port = socket.to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    if port == "0" {
        // libpq takes no port 0; the socket answers all the same.
        let target = dir.path().join(".s.PGSQL.6432");
        std::fs::rename(dir.path().join(&socket), target).unwrap();
        command.env("PGPORT", "6432");
    } else {
        command.env("PGPORT", port);
    }
    command.env("PGHOST", dir.path()).args(["-XAtqc", "select 'by socket'"]);
    assert_eq!(stdout(&command.output().unwrap()), "by socket\n");
}

#[test]
fn pgbench_runs_in_all_its_modes_without_a_failed_transaction() {
    let proxy = proxy();
    stdout(&proxy.program("pgbench", "alpha").args(["-i", "-s", "1", "-q"]).output().unwrap());
    for mode in ["simple", "extended", "prepared"] {
        for script in ["select-only", "tpcb-like"] {
            let output = proxy
                .program("pgbench", "alpha")
                // A thread each: pgbench's PQprepare blocks its thread, and with it the transactions that
                // hold the server connections it waits for.
                .args(["-n", "-c", "32", "-j", "32", "-t", "20", "-M", mode, "-b", script])
                .output()
                .unwrap();
            let text = stdout(&output);
            assert!(text.contains("number of transactions actually processed: 640/640"), "{mode}: {text}");
            assert!(text.contains("number of failed transactions: 0 "), "{mode}: {text}");
        }
    }
    assert!(proxy.server_connections() <= 4);
    // Nothing was lost or done twice.
    let mut wire = proxy.wire("alpha");
    assert_eq!(wire.value("select count(*) from pgbench_history"), (3 * 640).to_string());
    assert_eq!(
        wire.value("select sum(abalance) from pgbench_accounts"),
        wire.value("select sum(delta) from pgbench_history")
    );
}

#[test]
fn pgbench_script_with_a_pipeline() {
    let proxy = proxy();
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("pipeline.sql");
    std::fs::write(
        &script,
        "\\startpipeline\nselect 1;\ninsert into notes (body) values ('p');\nselect 2;\n\\endpipeline\n",
    )
    .unwrap();
    let output = proxy
        .program("pgbench", "alpha")
        .args(["-n", "-c", "8", "-t", "20", "-M", "extended", "-f"])
        .arg(&script)
        .output()
        .unwrap();
    assert!(stdout(&output).contains("actually processed: 160/160"));
    assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "160");
}

#[tokio::test]
async fn tokio_postgres_does_its_everyday_work() {
    let proxy = proxy();
    let mut client = proxy.connect("alpha").await;
    let transaction = client.transaction().await.unwrap();
    for n in 0..10 {
        transaction.execute("INSERT INTO notes (body) VALUES ($1)", &[&format!("note {n}")]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let rows = client.query("SELECT body FROM notes ORDER BY id", &[]).await.unwrap();
    assert_eq!(rows.len(), 10);
    let error = client.query("SELECT 1/0", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "22012");
    // Many at once on one connection.
    let client = std::sync::Arc::new(client);
    let tasks: Vec<_> = (0..50i32)
        .map(|n| {
            let client = std::sync::Arc::clone(&client);
            tokio::spawn(async move {
                client.query_one("SELECT $1::int4 + 1", &[&n]).await.unwrap().get::<_, i32>(0)
            })
        })
        .collect();
    for (n, task) in (1..).zip(tasks) {
        assert_eq!(task.await.unwrap(), n);
    }
}

#[test]
fn psycopg_story() {
    story("psycopg_story.py", "psycopg");
}

#[test]
fn asyncpg_story() {
    story("asyncpg_story.py", "asyncpg");
}

fn story(script: &str, driver: &str) {
    let proxy = proxy();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python())
        .arg(root.join("tests/drivers").join(script))
        .arg(proxy.url("alpha"))
        .env_remove("PGUSER")
        .output()
        .expect("python runs");
    assert_eq!(stdout(&output), format!("{driver}: every step held\n"));
    assert!(proxy.server_connections() <= 4);
}

/// The interpreter with the drivers in it.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup.sh test", python.display());
    python
}

#[test]
fn program_initialises_creates_a_tenant_serves_and_stops_at_sigterm() {
    let mut binary = Binary::start(&["alpha"]);
    let listed = stdout(&binary.command().args(["check"]).output().unwrap());
    assert!(!listed.is_empty());
    let mut wire = binary.wire("alpha");
    assert_eq!(wire.value("select current_user"), format!("tenant_{}_alpha", binary.database));
    wire.run("begin");
    binary.terminate();
    // The transaction may finish.
    wire.run("select 1");
    wire.run("commit");
    let farewell = "Error FATAL 57P01 terminating connection due to administrator command";
    assert_eq!(wire.until_end(), [farewell, "end"]);
    assert!(binary.wait().success());
}
