//! Prepared statements and a schema that changes: what a client was told of its columns holds, and what it
//! asks anew is answered anew.

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, describe_portal, describe_statement, execute, flush, parse, sync};

/// Two server connections, and `things` with one row.
fn proxy() -> Proxy {
    with_things(Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2))
}

fn shared_proxy() -> Proxy {
    with_things(Proxy::start_shared(&["alpha"], |config| config.pool.max_server_connections = 2))
}

fn with_things(proxy: Proxy) -> Proxy {
    proxy.wire("alpha").run("create table things (id int); insert into things values (1)");
    is_back(&proxy);
    proxy
}

/// The schema changes behind the proxy's back.
fn alter(proxy: &Proxy, what: &str) {
    let role = proxy.role("alpha");
    proxy.admin().run(&format!("alter table {role}.things {what}"));
}

/// Who had the connection last may have its answer before the pool has the connection, and the next client a new one.
fn is_back(proxy: &Proxy) {
    eventually("the connection is back", || proxy.shared().clusters.main().pool.load().idle > 0);
}

/// Somebody else is in a transaction on this server connection.
fn hold(proxy: &Proxy, pid: i32) -> Wire {
    let mut holder = proxy.wire("alpha");
    is_back(proxy);
    holder.run("begin");
    assert_eq!(holder.backend(), pid);
    holder
}

fn prepare(wire: &mut Wire, name: &str) {
    let lines = wire.say(&[parse(name, "select * from things"), describe_statement(name), sync()].concat());
    assert!(lines[2].starts_with("RowDescription"), "{lines:?}");
}

/// As psycopg and pgjdbc (in its first executions) do.
fn run_and_describe(wire: &mut Wire, name: &str) -> Vec<String> {
    wire.say(&[bind("", name, &[]), describe_portal(""), execute("", 0), sync()].concat())
}

/// As asyncpg does.
fn run(wire: &mut Wire, name: &str) -> Vec<String> {
    wire.say(&[bind("", name, &[]), execute("", 0), sync()].concat())
}

#[test]
fn client_that_asks_for_its_columns_never_sees_that_the_plan_was_out_of_date() {
    for proxy in [proxy(), shared_proxy()] {
        never_sees_that_the_plan_was_out_of_date(&proxy);
    }
}

fn never_sees_that_the_plan_was_out_of_date(proxy: &Proxy) {
    let mut wire = proxy.wire("alpha");
    prepare(&mut wire, "s");
    run_and_describe(&mut wire, "s");
    for (change, columns) in
        [("add name text default 'x'", "id|name"), ("drop name", "id"), ("alter id type bigint", "id")]
    {
        alter(proxy, change);
        let lines = run_and_describe(&mut wire, "s");
        assert_eq!(lines[0], "BindComplete", "{change}: {lines:?}");
        assert_eq!(lines[1], format!("RowDescription {columns}"), "{change}: {lines:?}");
        assert_eq!(lines.len(), 5, "{change}: {lines:?}");
        assert_eq!(lines[4], "ReadyForQuery I");
        assert_eq!(wire.value("select id from things"), "1");
    }
}

#[test]
fn describe_of_a_statement_out_of_date_is_answered_anew() {
    let proxy = proxy();
    let mut wire = proxy.wire("alpha");
    prepare(&mut wire, "s");
    alter(&proxy, "add name text");
    let lines = wire.say(&[describe_statement("s"), sync()].concat());
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].contains("name"), "{lines:?}");
}

#[test]
fn client_that_relies_on_its_columns_gets_the_error_of_a_direct_connection() {
    let proxy = proxy();
    let mut wire = proxy.wire("alpha");
    prepare(&mut wire, "s");
    run(&mut wire, "s");
    alter(&proxy, "add name text");
    let lines = run(&mut wire, "s");
    assert_eq!(lines[0], "Error ERROR 0A000 cached plan must not change result type", "{lines:?}");
    // It prepares anew, as asyncpg and pgjdbc do then.
    prepare(&mut wire, "s2");
    let lines = run(&mut wire, "s2");
    assert_eq!(lines[0], "BindComplete", "{lines:?}");
}

#[test]
fn client_that_relies_on_its_columns_gets_the_error_on_a_fresh_connection_too() {
    let proxy = proxy();
    let mut wire = proxy.wire("alpha");
    prepare(&mut wire, "s");
    prepare(&mut wire, "other");
    run(&mut wire, "s");
    wire.run("alter table things add name text");
    // Whoever is in a transaction has the connection where it was prepared.
    let pid = wire.backend();
    let _holder = hold(&proxy, pid);
    let lines = run(&mut wire, "s");
    assert_ne!(lines[0], "BindComplete", "{lines:?}");
    assert!(lines[0].starts_with("Error ERROR 0A000"), "{lines:?}");
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn change_that_nobody_saw_gives_the_error_on_a_fresh_connection_too() {
    let proxy = proxy();
    let mut wire = proxy.wire("alpha");
    prepare(&mut wire, "s");
    let pid = wire.backend();
    alter(&proxy, "add name text");
    let _holder = hold(&proxy, pid);
    let lines = run(&mut wire, "s");
    assert!(lines[0].starts_with("Error ERROR 0A000"), "{lines:?}");
    // What it is told now holds from now on.
    let told = wire.say(&[describe_statement("s"), sync()].concat());
    assert!(told[1].contains("name"), "{told:?}");
    let lines = run(&mut wire, "s");
    assert_eq!(lines[0], "BindComplete", "{lines:?}");
}

#[test]
fn statement_on_another_table_is_not_disturbed_by_a_change_of_schema() {
    let proxy = proxy();
    let mut wire = proxy.wire("alpha");
    wire.run("create table quiet (id int)");
    wire.say(&[parse("q", "select * from quiet"), describe_statement("q"), sync()].concat());
    wire.run("alter table things add name text");
    let pid = wire.backend();
    let _holder = hold(&proxy, pid);
    let lines = run(&mut wire, "q");
    assert_eq!(lines, ["BindComplete", "CommandComplete SELECT 0", "ReadyForQuery I"]);
}

#[test]
fn error_inside_a_transaction_block_is_left_as_it_is() {
    let proxy = proxy();
    let mut wire = proxy.wire("alpha");
    prepare(&mut wire, "s");
    run_and_describe(&mut wire, "s");
    alter(&proxy, "add name text");
    wire.run("begin");
    let lines = run_and_describe(&mut wire, "s");
    assert!(lines[0].starts_with("Error ERROR 0A000"), "{lines:?}");
    assert_eq!(lines[1], "ReadyForQuery E");
    wire.run("rollback");
    assert_eq!(run_and_describe(&mut wire, "s")[0], "BindComplete");
}

#[test]
fn batch_ended_by_flush_is_told_the_error() {
    let proxy = proxy();
    let mut wire = proxy.wire("alpha");
    prepare(&mut wire, "s");
    run_and_describe(&mut wire, "s");
    alter(&proxy, "add name text");
    wire.send(&[bind("", "s", &[]), describe_portal(""), execute("", 0), flush()].concat());
    let told = wire.messages(1);
    assert!(told[0].contains("0A000"), "{}", told[0]);
    wire.say(&sync());
    assert_eq!(run_and_describe(&mut wire, "s")[0], "BindComplete");
}

#[test]
fn constants_are_read_by_the_settings_of_their_own_client() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("set datestyle = 'ISO, DMY'");
    two.run("set datestyle = 'ISO, MDY'");
    let text = "select extract(month from date '01/02/2003')::int";
    for (wire, month) in [(&mut one, "2"), (&mut two, "1")] {
        wire.say(&[parse("s", text), sync()].concat());
        assert_eq!(run(wire, "s")[1], format!("DataRow {month}"));
    }
    assert_eq!(run(&mut one, "s")[1], "DataRow 2");
}
