//! A refused statement: what the client sees, and that everybody stays in step.

use std::sync::OnceLock;

use crate::support::proxy::Proxy;
use crate::support::wire::{
    Wire, bind, copy_data, copy_done, copy_fail, execute, flush, frame, parse, query, sync, unnamed,
};

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

/// Has a conversation with the proxy in which a statement is refused, and the same with PostgreSQL in which
/// the statement fails by itself: all but the error must be the same.
fn as_if_it_failed(conversation: impl Fn(&mut Wire, &str) -> Vec<String>) -> Vec<String> {
    let plain = |lines: Vec<String>| -> Vec<String> {
        let plain = |line: String| match line.contains("no_such_table") || is_refusal(&line) {
            true => "refused".to_owned(),
            false => line,
        };
        lines.into_iter().map(plain).collect()
    };
    let mut direct = proxy().direct("alpha");
    let expected = plain(conversation(&mut direct, "select * from no_such_table"));
    let mut through = proxy().wire("alpha");
    let seen = plain(conversation(&mut through, CROSS));
    assert_eq!(seen, expected, "the proxy is on the left");
    assert!(seen.iter().any(|line| line == "refused"), "{seen:?}");
    seen
}

/// Sends all at once and reads that many answers.
fn at_once(wire: &mut Wire, messages: &[Vec<u8>], rounds: usize) -> Vec<String> {
    wire.send(&messages.concat());
    (0..rounds).flat_map(|_| wire.until_ready()).collect()
}

/// COPY into a table of the session's, as a query or a batch without Sync.
const COPY: &str = "copy pg_temp.sheet from stdin";

fn with_sheet(wire: &mut Wire) {
    wire.run("create temp table sheet (n int)");
}

#[test]
fn refusal_behind_copy_data_in_the_same_write_fails_alone() {
    let lines = as_if_it_failed(|wire, bad| {
        with_sheet(wire);
        let copy = [query(COPY), copy_data("1\n"), copy_done()].concat();
        let mut lines = at_once(wire, &[copy, query(bad), query("select count(*) from sheet")], 3);
        let batch =
            [parse("", COPY), bind("", "", &[]), execute("", 0), copy_data("2\n"), copy_done(), sync()];
        lines.extend(at_once(wire, &[batch.concat(), unnamed(bad, &[]), sync(), query("table sheet")], 3));
        lines
    });
    assert_eq!(lines.last().unwrap(), "ReadyForQuery I");
}

#[test]
fn refusal_behind_copy_in_the_same_batch_undoes_the_copy() {
    as_if_it_failed(|wire, bad| {
        with_sheet(wire);
        let copy =
            [parse("", COPY), bind("", "", &[]), execute("", 0), copy_data("1\n"), copy_done()].concat();
        at_once(wire, &[copy, unnamed(bad, &[]), sync(), query("select count(*) from sheet")], 2)
    });
}

#[test]
fn refusal_before_copy_in_the_same_batch_skips_the_copy_and_its_data() {
    as_if_it_failed(|wire, bad| {
        with_sheet(wire);
        let copy =
            [parse("", COPY), bind("", "", &[]), execute("", 0), copy_data("1\n"), copy_done()].concat();
        at_once(wire, &[unnamed(bad, &[]), copy, sync(), query("select count(*) from sheet")], 2)
    });
}

#[test]
fn refusal_behind_copy_that_failed_or_was_given_up_fails_alone() {
    for end in [copy_fail("changed my mind"), [copy_data("x\n"), copy_done()].concat()] {
        as_if_it_failed(|wire, bad| {
            with_sheet(wire);
            let mut lines = at_once(wire, &[query(COPY), end.clone(), query(bad), query("select 1")], 3);
            // Within a batch the failure skips the refused statement too.
            let copy = [parse("", COPY), bind("", "", &[]), execute("", 0), end.clone()].concat();
            lines.extend(at_once(wire, &[copy, unnamed(bad, &[]), sync(), query(bad)], 2));
            lines
        });
    }
}

#[test]
fn refusal_around_copy_within_a_transaction_aborts_it() {
    as_if_it_failed(|wire, bad| {
        with_sheet(wire);
        let copy = [query(COPY), copy_data("1\n"), copy_done()].concat();
        let mut lines = at_once(wire, &[query("begin"), copy.clone(), query(bad), query("select 1")], 4);
        lines.extend(at_once(wire, &[query("rollback"), query("select count(*) from sheet")], 2));
        let savepoint = [query("begin"), query("savepoint s"), query(bad), query("rollback to s"), copy];
        lines.extend(at_once(wire, &savepoint, 5));
        lines.extend(at_once(wire, &[query("commit"), query("select count(*) from sheet")], 2));
        lines
    });
}

#[test]
fn refused_statement_sent_into_copy_data_ends_the_copy_as_any_statement_does() {
    // PostgreSQL takes none in there, whatever it says; and nothing of it runs.
    for message in [query(CROSS), unnamed(CROSS, &[])] {
        let mut wire = proxy().wire("alpha");
        wire.send(&query("copy notes from stdin"));
        assert_eq!(wire.recv().to_string(), "CopyInResponse");
        wire.send(&[copy_data("1\tone\n"), message, copy_done()].concat());
        assert!(wire.until_end()[0].contains("08P01"));
        assert_eq!(proxy().wire("alpha").value("select count(*) from notes where body = 'one'"), "0");
    }
}

#[test]
fn refusal_in_batches_can_be_rolled_back_to_a_savepoint() {
    as_if_it_failed(|wire, bad| {
        let step = |sql: &str| [unnamed(sql, &[]), sync()].concat();
        let steps = [
            step("begin"),
            step("create temp table kept (n int)"),
            step("savepoint a"),
            step("insert into kept values (1)"),
            step("savepoint b"),
            step(bad),
            step("insert into kept values (2)"),
            step("rollback to b"),
            step("select count(*) from kept"),
            step(bad),
            step("release a"),
            step("rollback to a"),
            step("select count(*) from kept"),
            step("commit"),
            step("select count(*) from kept"),
        ];
        let mut lines = Vec::new();
        for step in &steps {
            lines.extend(wire.say(step));
        }
        wire.run("drop table kept");
        // And without waiting for any of them.
        lines.extend(at_once(wire, &steps, steps.len()));
        lines
    });
}

#[test]
fn refusal_between_savepoints_of_one_batch_aborts_its_transaction() {
    as_if_it_failed(|wire, bad| {
        let batch =
            ["begin", "savepoint s", bad, "rollback to s", "select 1"].map(|sql| unnamed(sql, &[])).concat();
        let mut lines = at_once(wire, &[batch, sync()], 1);
        lines.extend(at_once(
            wire,
            &[unnamed("rollback to s", &[]), sync(), query("select 2"), query("commit")],
            3,
        ));
        lines
    });
}

#[test]
fn own_schema_is_there_for_tools_that_create_it_if_it_is_not() {
    let mut wire = proxy().wire("alpha");
    let own = proxy().role("alpha");
    let create = format!("create schema if not exists {own}");
    let notice = format!("Notice 42P06 schema \"{own}\" already exists, skipping");
    let lines = wire.query(&create);
    assert_eq!(lines[0], notice);
    assert_eq!(lines[1..], ["CommandComplete DO", "ReadyForQuery I"]);
    let lines = wire.say(&[parse("s", &create), bind("", "s", &[]), execute("", 0), sync()].concat());
    assert!(lines.contains(&notice), "{lines:?}");
    assert!(
        wire.query("create schema if not exists tenant_somebody_else")[0].starts_with("Error ERROR 42501")
    );
    assert!(wire.query(&format!("create schema {own}"))[0].starts_with("Error ERROR 42501"));
}

#[test]
fn set_role_of_the_own_role_is_answered_and_leaves_nothing() {
    let mut wire = proxy().wire("alpha");
    let own = proxy().role("alpha");
    assert_eq!(wire.query(&format!("set role '{own}'")), ["CommandComplete SET", "ReadyForQuery I"]);
    assert_eq!(wire.value("show role"), "none");
    assert_eq!(wire.value("select current_user"), own);
    assert!(is_refusal(&wire.query(&format!("set role '{}'", proxy().role("beta")))[0]));
}
