//! A guard that only reports: PostgreSQL's own privileges are the wall then, and nobody gets a connection
//! on which something unknown was done.

use std::sync::OnceLock;

use pgtenant::config::GuardMode;

use serde_json::Value;

use crate::support::binary::Binary;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, execute, parse, sync, unnamed};

/// For tests that count nothing.
fn proxy() -> &'static Proxy {
    static PROXY: OnceLock<Proxy> = OnceLock::new();
    PROXY.get_or_init(|| Proxy::start(&["alpha", "beta"], |config| config.guard.mode = GuardMode::Report))
}

/// One server connection, so that whoever comes next would get the same.
fn narrow() -> Proxy {
    Proxy::start(&["alpha", "beta"], |config| {
        config.guard.mode = GuardMode::Report;
        config.pool.max_server_connections = 1;
    })
}

fn of_beta(proxy: &Proxy) -> String {
    format!("select * from {}.notes", proxy.role("beta"))
}

/// PostgreSQL's own answer, not the guard's.
fn denied_by_postgres(proxy: &Proxy) -> String {
    format!("Error ERROR 42501 permission denied for schema {}", proxy.role("beta"))
}

fn reports(proxy: &Proxy, rule: &str) -> u64 {
    proxy.shared().counters.snapshot().reports.get(rule).copied().unwrap_or_default()
}

#[test]
fn table_of_another_tenant_is_refused_by_postgresql_itself() {
    let mut wire = proxy().wire("alpha");
    let (sql, denied) = (of_beta(proxy()), denied_by_postgres(proxy()));
    assert_eq!(wire.query(&sql), [denied.as_str(), "ReadyForQuery I"]);
    assert_eq!(wire.say(&[unnamed(&sql, &[]), sync()].concat()), [denied.as_str(), "ReadyForQuery I"]);
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn client_in_a_transaction_notices_nothing_of_the_guard() {
    let mut wire = proxy().wire("alpha");
    wire.run("begin");
    wire.run("insert into notes (body) values ('kept')");
    wire.run("savepoint s");
    let lines = wire.query(&of_beta(proxy()));
    assert_eq!(lines, [denied_by_postgres(proxy()).as_str(), "ReadyForQuery E"]);
    wire.run("rollback to s");
    // A report that succeeds changes nothing either.
    wire.run("set local search_path = public, global");
    assert_eq!(wire.query("commit"), ["CommandComplete COMMIT", "ReadyForQuery I"]);
    assert_eq!(wire.value("select count(*) from notes where body = 'kept'"), "1");
}

#[test]
fn what_no_privilege_refuses_is_still_refused_by_the_guard() {
    let mut wire = proxy().wire("alpha");
    let listens = "create function f() returns void language sql as 'listen x'";
    for sql in [listens, "prepare transaction 'x'", "set client_encoding = 'GBK'"] {
        let lines = wire.query(sql);
        assert!(lines[0].starts_with("Error ERROR 0A000"), "{sql}: {lines:?}");
        assert_eq!(lines[1..], ["ReadyForQuery I"]);
    }
    assert!(wire.query("selec 1")[0].starts_with("Error ERROR 42601"));
}

#[test]
fn reported_statement_is_counted_and_its_connection_closed() {
    let proxy = narrow();
    let mut wire = proxy.wire("alpha");
    let first = wire.backend();
    assert_eq!(wire.backend(), first);
    let sql = of_beta(&proxy);
    wire.query(&sql);
    let second = wire.backend();
    assert_ne!(second, first, "a new connection, and the client did not notice");
    wire.query(&sql);
    assert_eq!(reports(&proxy, "cross_schema"), 2);
    let snapshot = proxy.shared().counters.snapshot();
    assert!(snapshot.denials.is_empty(), "{:?}", snapshot.denials);
    eventually("both connections are closed", || {
        proxy.shared().counters.snapshot().server_closes.get("not_clean") == Some(&2)
    });
}

#[test]
fn role_changes_get_postgresqls_answer_and_the_next_client_starts_clean() {
    let proxy = narrow();
    let (alpha, beta) = (proxy.role("alpha"), proxy.role("beta"));
    let mut wire = proxy.wire("alpha");
    let lines = wire.query(&format!("set role {beta}"));
    assert_eq!(lines[0], format!("Error ERROR 42501 permission denied to set role \"{beta}\""));
    let lines = wire.query(&format!("alter role {beta} password 'x'"));
    assert!(lines[0].starts_with("Error ERROR 42501 "), "{lines:?}");
    // What PostgreSQL allows is done, and stays with this client.
    wire.run(&format!("alter role {alpha} set work_mem = '77kB'"));
    wire.run(&format!("select set_config('role', '{alpha}', false)"));
    assert_eq!(wire.value("show role"), alpha);
    drop(wire);
    let mut next = proxy.wire("alpha");
    assert_eq!(next.value("show role"), "none");
    assert_eq!(next.value("select session_user = current_user"), "t");
    assert_eq!(reports(&proxy, "role_change") + reports(&proxy, "role_management"), 4);
}

#[test]
fn reported_prepared_statement_works_on_every_connection() {
    let proxy = narrow();
    let mut wire = proxy.wire("alpha");
    let run = |wire: &mut Wire| wire.say(&[bind("", "s", &[]), execute("", 0), sync()].concat());
    let lines = wire
        .say(&[parse("s", "select current_setting('search_path') from public.pgt_none"), sync()].concat());
    assert!(lines[0].starts_with("Error ERROR 42P01"), "{lines:?}");
    // Its schema is not in scope, and PostgreSQL lets everybody use it.
    proxy.admin().run("create table public.open_to_all as select 'seen' as word; grant select on public.open_to_all to public");
    let lines = wire.say(&[parse("s", "select word from public.open_to_all"), sync()].concat());
    assert_eq!(lines, ["ParseComplete", "ReadyForQuery I"]);
    for _ in 0..3 {
        let lines = run(&mut wire);
        assert_eq!(lines, ["BindComplete", "DataRow seen", "CommandComplete SELECT 1", "ReadyForQuery I"]);
    }
    assert_eq!(reports(&proxy, "cross_schema"), 2, "told when it is prepared, not with each execution");
}

#[test]
fn settings_at_startup_are_reported_and_leave_nothing() {
    let proxy = narrow();
    let alpha = proxy.role("alpha");
    let path = format!("{}, global", proxy.role("beta"));
    let options = [("search_path", path.as_str()), ("role", alpha.as_str())];
    let mut wire = proxy.wire_with("alpha", &options).expect("login");
    assert_eq!(wire.value("show search_path"), path);
    assert_eq!(wire.value("show role"), alpha);
    wire.run("set work_mem = '77kB'; reset all");
    drop(wire);
    let mut next = proxy.wire("alpha");
    assert_eq!(next.value("show search_path"), format!("\"{alpha}\", \"global\""));
    assert_eq!(next.value("show role"), "none");
    assert_eq!((reports(&proxy, "search_path"), reports(&proxy, "role_change")), (1, 1));
    let refused = proxy.wire_with("alpha", &[("role", proxy.role("beta").as_str())]);
    assert!(refused.err().expect("PostgreSQL refuses").contains("42501"));
}

#[test]
fn log_tells_who_would_be_refused_what_but_no_values_and_not_without_end() {
    let variables = [("PGTENANT_GUARD_MODE", "report"), ("PGTENANT_LOG_FORMAT", "json")];
    let binary = Binary::start_with(&["alpha"], &variables);
    let role = format!("tenant_{}_alpha", binary.database);
    let mut wire = binary.wire_with("alpha", &[("role", &role)]);
    for n in 0..30 {
        wire.query(&format!("select 'confidential' from tenant_beta.t where x = 'confidential {n}'"));
    }
    wire.query("alter role tenant_beta password 'confidential'");
    wire.query("prepare transaction 'confidential'");
    drop(wire);
    let lines = || {
        let log = binary.log();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines
    };
    eventually("all is logged", || lines().iter().any(|line| line["message"] == "statement refused"));
    assert!(!binary.log().contains("confidential"), "{}", binary.log());
    let lines = lines();
    let warning = lines.iter().find(|line| line["level"] == "WARN").expect("a warning at the start");
    assert!(warning["message"].as_str().unwrap().starts_with("guard.mode is \"report\""), "{warning}");
    let of = |rule: &str| lines.iter().filter(|line| line["rule"] == rule).collect::<Vec<_>>();
    assert_eq!(of("cross_schema").len(), 20);
    for (rule, message) in [
        ("cross_schema", "statement would be refused"),
        ("role_management", "statement would be refused"),
        ("role_change", "setting would be refused"),
    ] {
        let line = of(rule)[0];
        assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &message.into()), "{line}");
        let slug = Value::from(format!("{}_alpha", binary.database));
        assert_eq!(line["span"]["tenant"], slug, "{line}");
        assert!(line["span"]["user"].as_str().unwrap().contains("_alpha"), "{line}");
    }
    let refusal = &of("cross_schema")[0]["refusal"];
    assert_eq!(refusal, "schema \"tenant_beta\" is not in this tenant's scope");
}
