//! A refused statement: what the client sees, and that everybody stays in step.

use std::sync::OnceLock;

use crate::support::proxy::Proxy;
use crate::support::wire::{bind, execute, flush, frame, parse, query, sync, unnamed};

const CROSS: &str = "select * from tenant_somebody_else.notes";

fn proxy() -> &'static Proxy {
    static PROXY: OnceLock<Proxy> = OnceLock::new();
    PROXY.get_or_init(|| Proxy::start(&["alpha", "beta"], |_| {}))
}

fn is_refusal(line: &str) -> bool {
    line.starts_with("Error ERROR 42501")
}

#[test]
fn reference_to_another_tenant_is_refused_in_a_simple_query_and_the_client_goes_on() {
    let mut wire = proxy().wire("alpha");
    let others = format!("select * from {}.notes", proxy().role("beta"));
    for sql in [CROSS, &others, &format!("select 1; {CROSS}")] {
        let lines = wire.query(sql);
        assert!(is_refusal(&lines[0]), "{lines:?}");
        assert_eq!(lines[1..], ["ReadyForQuery I"]);
    }
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn refusal_does_not_tell_whether_the_other_tenant_exists() {
    let mut wire = proxy().wire("alpha");
    let beta = proxy().role("beta");
    let there = wire.query(&format!("select * from {beta}.notes"));
    let absent = wire.query(CROSS);
    assert_eq!(there[0].replace(&beta, "X"), absent[0].replace("tenant_somebody_else", "X"));
}

#[test]
fn refused_parse_skips_to_sync() {
    let mut wire = proxy().wire("alpha");
    let batch = [parse("s", CROSS), bind("", "s", &[]), execute("", 0), sync()].concat();
    let lines = wire.say(&batch);
    assert!(is_refusal(&lines[0]), "{lines:?}");
    assert_eq!(lines[1..], ["ReadyForQuery I"]);
    // The name is free.
    let batch = [parse("s", "select 'mine'"), bind("", "s", &[]), execute("", 0), sync()].concat();
    assert_eq!(wire.say(&batch)[2], "DataRow mine");
}

#[test]
fn refusal_within_a_transaction_aborts_it_for_client_and_server_alike() {
    for refused in [query(CROSS), [unnamed(CROSS, &[]), sync()].concat()] {
        let mut wire = proxy().wire("alpha");
        wire.run("begin");
        wire.run("insert into notes (body) values ('to be rolled back')");
        let lines = wire.say(&refused);
        assert!(is_refusal(&lines[0]), "{lines:?}");
        assert_eq!(lines[1..], ["ReadyForQuery E"]);
        assert!(wire.query("select 1")[0].contains("25P02"));
        // Refused again, in the aborted transaction.
        assert!(is_refusal(&wire.say(&refused)[0]));
        assert_eq!(wire.query("commit"), ["CommandComplete ROLLBACK", "ReadyForQuery I"]);
        assert_eq!(wire.value("select count(*) from notes"), "0");
    }
}

#[test]
fn refusal_within_a_savepoint_can_be_rolled_back_to_it() {
    let mut wire = proxy().wire("alpha");
    wire.run("begin");
    wire.run("savepoint s");
    assert_eq!(wire.query(CROSS)[1], "ReadyForQuery E");
    assert_eq!(wire.query("rollback to s"), ["CommandComplete ROLLBACK", "ReadyForQuery T"]);
    assert_eq!(wire.value("select 1"), "1");
    wire.run("commit");
}

#[test]
fn refusal_in_a_pipeline_keeps_earlier_results_and_skips_the_rest_of_its_batch() {
    let mut wire = proxy().wire("alpha");
    let messages = [
        unnamed("select 'before'", &[]),
        unnamed(CROSS, &[]),
        unnamed("select 'skipped'", &[]),
        sync(),
        unnamed("select 'after'", &[]),
        sync(),
        query(CROSS),
        query("select 'last'"),
    ];
    wire.send(&messages.concat());
    let lines: Vec<String> = (0..4).flat_map(|_| wire.until_ready()).collect();
    let seen: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| line.starts_with("DataRow") || line.starts_with("Ready") || line.starts_with("Error"))
        .map(|line| if is_refusal(line) { "refused" } else { line })
        .collect();
    assert_eq!(
        seen,
        [
            "DataRow before",
            "refused",
            "ReadyForQuery I",
            "DataRow after",
            "ReadyForQuery I",
            "refused",
            "ReadyForQuery I",
            "DataRow last",
            "ReadyForQuery I"
        ]
    );
}

#[test]
fn refusal_in_a_pipeline_undoes_what_its_batch_had_done() {
    let mut wire = proxy().wire("alpha");
    let insert = unnamed("insert into notes (body) values ('in a refused batch')", &[]);
    wire.say(&[insert.clone(), unnamed(CROSS, &[]), sync()].concat());
    assert_eq!(wire.value("select count(*) from notes where body like 'in a%'"), "0");
    // Without waiting for it in between.
    wire.send(&[insert, flush(), parse("", CROSS), flush()].concat());
    let lines = wire.messages(5);
    assert!(is_refusal(&lines[4]), "{lines:?}");
    assert_eq!(wire.say(&sync()), ["ReadyForQuery I"]);
    assert_eq!(wire.value("select count(*) from notes where body like 'in a%'"), "0");
}

#[test]
fn refused_parse_with_flush_is_answered_at_once() {
    let mut wire = proxy().wire("alpha");
    wire.send(&[parse("", CROSS), flush()].concat());
    assert!(is_refusal(&wire.recv().to_string()));
    wire.send(&unnamed("select 'skipped'", &[]));
    assert_eq!(wire.say(&sync()), ["ReadyForQuery I"]);
}

#[test]
fn function_call_is_refused_everywhere() {
    let mut wire = proxy().wire("alpha");
    // pg_backend_pid() by its OID.
    let call = frame(b'F', &[&2026u32.to_be_bytes()[..], &[0, 0, 0, 0, 0, 0]].concat());
    let refusal = "Error ERROR 0A000 FunctionCall messages are not supported";
    assert_eq!(wire.say(&call), [refusal, "ReadyForQuery I"]);
    wire.run("begin");
    assert_eq!(wire.say(&call), [refusal, "ReadyForQuery E"]);
    wire.run("rollback");
    wire.send(&[query("select 1"), call, query("select 2")].concat());
    assert_eq!(wire.until_ready()[1], "DataRow 1");
    assert_eq!(wire.until_ready(), [refusal, "ReadyForQuery I"]);
    assert_eq!(wire.until_ready()[1], "DataRow 2");
}

#[test]
fn over_long_statement_is_54000_and_the_client_goes_on() {
    let limit = proxy().db.config.guard.max_statement_bytes;
    let mut wire = proxy().wire("alpha");
    for bytes in [limit + 1, 3 * limit, 40 * limit] {
        let sql = format!("select '{}'", "x".repeat(bytes));
        for message in [query(&sql), [unnamed(&sql, &[]), sync()].concat()] {
            let lines = wire.say(&message);
            assert!(lines[0].starts_with("Error ERROR 54000"), "{lines:?}");
            assert_eq!(lines[1..], ["ReadyForQuery I"]);
            assert_eq!(wire.value("select 1"), "1");
        }
    }
    wire.run("begin");
    assert_eq!(wire.query(&format!("select '{}'", "x".repeat(2 * limit)))[1], "ReadyForQuery E");
    wire.run("rollback");
}

#[test]
fn statement_of_exactly_the_limit_passes() {
    let limit = proxy().db.config.guard.max_statement_bytes;
    let sql = format!("select length('{}')", "x".repeat(limit - 18));
    assert_eq!(sql.len(), limit - 1);
    assert_eq!(proxy().wire("alpha").value(&sql), (limit - 18).to_string());
}

#[test]
fn statement_that_is_not_utf8_is_refused_and_the_client_goes_on() {
    let mut wire = proxy().wire("alpha");
    for bytes in [&b"select '\xff'\0"[..], b"select '\xc0\xaf'\0", b"\xfe\xff\0"] {
        let lines = wire.say(&frame(b'Q', bytes));
        assert!(lines[0].starts_with("Error ERROR 22021"), "{lines:?}");
        assert_eq!(lines[1..], ["ReadyForQuery I"]);
    }
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn syntax_error_is_the_servers_own() {
    for sql in ["selec 1", "select 'unterminated", "select 1 from", "create table (", "\\d"] {
        let direct = proxy().direct("alpha").query(sql);
        let through = proxy().wire("alpha").query(sql);
        let code = |lines: &[String]| lines[0].split(' ').take(3).collect::<Vec<_>>().join(" ");
        assert_eq!(code(&through), code(&direct), "{sql}: {through:?}");
    }
}

#[test]
fn what_only_looks_like_a_reference_passes() {
    let mut wire = proxy().wire("alpha");
    for sql in [
        "select 'tenant_somebody_else.notes'",
        "select 1 as \"tenant_somebody_else.notes\"",
        "select 1 /* tenant_somebody_else.notes */ -- tenant_somebody_else.notes",
        "select '{\"tenant_somebody_else\": 1}'::jsonb",
        "select count(*) from notes as tenant_somebody_else where tenant_somebody_else.id > 0",
    ] {
        assert!(wire.query(sql).iter().any(|line| line.starts_with("DataRow")), "{sql}");
    }
}

#[test]
fn roles_alone_keep_tenants_apart_for_what_is_named_at_run_time() {
    let mut wire = proxy().wire("alpha");
    let beta = proxy().role("beta");
    let sql =
        format!("do $$ begin execute 'select * from ' || '{}' || '{}.notes'; end $$", &beta[..8], &beta[8..]);
    let lines = wire.query(&sql);
    assert!(lines[0].starts_with("Error ERROR 42501 permission denied"), "{lines:?}");
}
