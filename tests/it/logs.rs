//! What the program writes down: each connection, slow statements, who was let in and who was not; and what it never writes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::binary::Binary;
use crate::support::proxy::{PASSWORD, eventually};
use crate::support::wire::{Wire, bind, execute, parse, sync};

/// What stands in statements and passwords, and must stand in no line.
const CANARY: &str = "canary4711";

const JSON: (&str, &str) = ("PGTENANT_LOG_FORMAT", "json");

/// The lines with this message.
fn lines(log: &str, message: &str) -> Vec<Value> {
    let all = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|line| line["message"] == message).collect()
}

fn until(binary: &Binary, message: &str, count: usize) -> Vec<Value> {
    eventually(message, || lines(&binary.log(), message).len() >= count);
    lines(&binary.log(), message)
}

fn prepared(sql: &str) -> Vec<u8> {
    [parse("s", sql), bind("", "s", &[]), execute("", 0), sync()].concat()
}

#[test]
fn each_connection_is_one_line_at_its_end() {
    let binary = Binary::start_with(&["alpha"], &[JSON]);
    let mut wire = binary.wire_with("alpha", &[("application_name", "shop \"eu\"\n")]);
    wire.run("select 1");
    wire.run("begin; select 2; commit");
    drop(wire);
    let told = until(&binary, "connection ended", 1);
    let line = &told[0];
    assert_eq!(line["peer"], "127.0.0.1");
    assert_eq!((&line["by"], &line["tls"]), (&"password".into(), &false.into()));
    assert_eq!(line["why"], "the client left");
    assert_eq!(line["transactions"], 2);
    assert!(line["application"].as_str().unwrap().starts_with("shop \"eu\""), "{line}");
    assert!(!line["span"]["user"].as_str().unwrap().contains('"'), "{line}");
    assert!(line["bytes_in"].as_u64() > Some(20) && line["bytes_out"].as_u64() > Some(20), "{line}");
    assert!(line["seconds"].as_f64() > Some(0.0), "{line}");
    assert!(line["span"]["id"].as_i64() > Some(0), "{line}");
    assert!(line["span"]["tenant"].as_str().unwrap().ends_with("_alpha"), "{line}");
    assert_eq!(told.len(), 1);
}

#[test]
fn filter_by_the_span_of_a_client_lets_its_lines_through_and_no_others() {
    // The line that says that it serves is waited for.
    let filter = ("PGTENANT_LOG_FILTER", "error,pgtenant::cli::serve=info,[client]=info");
    let binary = Binary::start_with(&["alpha"], &[JSON, filter]);
    let mut wire = binary.wire("alpha");
    wire.run("select 1");
    drop(wire);
    let told = until(&binary, "connection ended", 1);
    assert!(told[0]["span"]["tenant"].as_str().unwrap().ends_with("_alpha"), "{}", told[0]);
    assert_eq!(told[0]["spans"].as_array().unwrap().len(), 1, "{}", told[0]);
    let of_a_client = |line: &str| line.contains("_alpha") || line.contains("pgtenant::cli::serve");
    assert!(binary.log().lines().all(of_a_client), "{}", binary.log());
}

#[test]
fn who_is_sent_away_has_a_line_that_says_why() {
    let mut binary = Binary::start_with(&["alpha"], &[JSON]);
    let mut wire = binary.wire("alpha");
    wire.run("select 1");
    binary.terminate();
    wire.until_end();
    assert!(binary.wait().success());
    let told = until(&binary, "connection ended", 1);
    assert_eq!(told[0]["code"], "57P01");
}

#[test]
fn slow_statement_is_told_without_its_literals_with_who_and_how_long() {
    let binary = Binary::start_with(&["alpha"], &[JSON, ("PGTENANT_LOG_SLOW_QUERY", "100ms")]);
    let mut wire = binary.wire("alpha");
    wire.run("select 'quick'");
    wire.run(&format!("select pg_sleep(0.15), '{CANARY}', $${CANARY}$$ /* {CANARY} */"));
    wire.say(&prepared(&format!("select pg_sleep(0.15) as slept, '{CANARY}'")));
    wire.say(&[bind("", "s", &[]), execute("", 0), sync()].concat());
    let told = until(&binary, "slow statement", 3);
    let statements: Vec<_> = told.iter().map(|line| line["statement"].as_str().unwrap()).collect();
    assert_eq!(
        statements,
        ["select pg_sleep(?), ?, ?  ", "select pg_sleep(?) as slept, ?", "select pg_sleep(?) as slept, ?"]
    );
    for line in &told {
        assert!(
            line["duration_ms"].as_u64() >= Some(140) && line["duration_ms"].as_u64() < Some(10_000),
            "{line}"
        );
        assert!(line["server"].as_i64() > Some(0) && line["wait_ms"].is_u64(), "{line}");
        assert!(line["span"]["tenant"].as_str().unwrap().ends_with("_alpha"), "{line}");
    }
    assert!(!binary.log().contains(CANARY), "{}", binary.log());
}

#[test]
fn wait_for_a_server_connection_counts_and_is_told_apart() {
    let variables =
        [JSON, ("PGTENANT_LOG_SLOW_QUERY", "100ms"), ("PGTENANT_POOL_MAX_SERVER_CONNECTIONS", "1")];
    let binary = Binary::start_with(&["alpha"], &variables);
    let (mut holder, mut waiter) = (binary.wire("alpha"), binary.wire("alpha"));
    holder.run("begin");
    waiter.send(&crate::support::wire::query("select 'waited'"));
    holder.run("select pg_sleep(0.2)");
    holder.run("commit");
    waiter.until_ready();
    let told = until(&binary, "slow statement", 2);
    let line = told.iter().find(|line| line["statement"] == "select ?").expect("the one that waited");
    assert!(line["wait_ms"].as_u64() >= Some(150) && line["duration_ms"].as_u64() < Some(100), "{line}");
}

#[test]
fn statements_are_told_in_full_only_where_that_is_configured() {
    let variables = [JSON, ("PGTENANT_LOG_SLOW_QUERY", "50ms"), ("PGTENANT_LOG_STATEMENTS", "full")];
    let binary = Binary::start_with(&["alpha"], &variables);
    let sql = format!("select pg_sleep(0.1), '{CANARY}'");
    binary.wire("alpha").run(&sql);
    assert_eq!(until(&binary, "slow statement", 1)[0]["statement"], sql);
}

#[test]
fn audit_file_has_logins_and_refusals_and_is_opened_again_after_it_was_renamed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    let name = path.display().to_string();
    let binary = Binary::start_with(&["alpha"], &[JSON, ("PGTENANT_LOG_AUDIT_FILE", &name)]);
    let audited = || fs::read_to_string(&path).unwrap_or_default();
    let mut wire = binary.wire("alpha");
    wire.query(&format!("select * from tenant_other.t where x = '{CANARY}'"));
    let user = format!("{}_alpha", binary.database);
    let parameters = [("user", user.as_str()), ("database", &binary.database)];
    assert!(Wire::log_in(binary.addr(), &parameters, CANARY).is_err());
    eventually("all is there", || {
        ["login", "login refused", "statement refused"].iter().all(|what| lines(&audited(), what).len() == 1)
    });
    let refused = &lines(&audited(), "login refused")[0];
    assert_eq!((&refused["code"], &refused["peer"]), (&"28P01".into(), &"127.0.0.1".into()));
    let denied = &lines(&audited(), "statement refused")[0];
    assert_eq!(denied["rule"], "cross_schema");
    assert!(denied["span"]["tenant"].as_str().unwrap().ends_with("_alpha"), "{denied}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let elsewhere =
        ["login", "login refused", "statement refused"].map(|what| lines(&binary.log(), what).len());
    assert_eq!(elsewhere, [0; 3], "{}", binary.log());
    fs::rename(&path, dir.path().join("audit.log.1")).unwrap();
    let from = binary.log().len();
    binary.signal("-HUP");
    binary.wait_for_log(from, "the configuration was read again");
    binary.wire("alpha").run("select 1");
    eventually("the new file has it", || lines(&audited(), "login").len() == 1);
    for text in [audited(), binary.log(), fs::read_to_string(dir.path().join("audit.log.1")).unwrap()] {
        assert!(!text.contains(CANARY) && !text.contains(PASSWORD), "{text}");
    }
}

#[test]
fn flood_of_connections_is_told_by_a_few_lines_and_their_number() {
    let variables = [JSON, ("PGTENANT_LOG_MAX_LINES_PER_SECOND", "2")];
    let binary = Binary::start_with(&["alpha"], &variables);
    let connections = 24;
    for _ in 0..connections {
        binary.wire("alpha").run("select 1");
    }
    // One line more comes only in another second, and tells of the rest.
    let told = || {
        let told = lines(&binary.log(), "connection ended");
        let untold: u64 = told.iter().filter_map(|line| line["untold"].as_u64()).sum();
        (told.len(), untold)
    };
    let mut more = 0;
    eventually("what was left out is told", || {
        more += 1;
        binary.wire("alpha").run("select 1");
        let (lines, untold) = told();
        untold > 0 && lines as u64 + untold >= connections
    });
    assert!((told().0 as u64) < connections + more, "{:?}", told());
}

#[test]
fn wrong_password_and_literals_of_errors_are_in_no_line_at_the_highest_level() {
    let binary = Binary::start_with(&["alpha"], &[JSON, ("PGTENANT_LOG_FILTER", "trace")]);
    let user = format!("{}_alpha", binary.database);
    let parameters = [("user", user.as_str()), ("database", &binary.database)];
    assert!(Wire::log_in(binary.addr(), &parameters, CANARY).is_err());
    let mut wire = binary.wire("alpha");
    for sql in
        ["select '{}'::int", "select 1/0, '{}'", "selekt '{}'", "select * from tenant_x.t where a = '{}'"]
    {
        wire.query(&sql.replace("{}", CANARY));
    }
    drop(wire);
    until(&binary, "connection ended", 1);
    assert!(!binary.log().contains(CANARY));
}
