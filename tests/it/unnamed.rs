//! Unnamed statements that come again and again: the server keeps them, and clients notice nothing of it.

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, describe_portal, describe_statement, execute, parse, sync};

/// One server connection, so that it is known which one has what; and `things` with one row.
fn proxies() -> [Proxy; 2] {
    let one = |config: &mut pgtenant::config::Config| config.pool.max_server_connections = 1;
    let proxies = [Proxy::start(&["alpha", "beta"], one), Proxy::start_shared(&["alpha", "beta"], one)];
    for proxy in &proxies {
        for slug in ["alpha", "beta"] {
            proxy
                .wire(slug)
                .run("create table things (id int, name text); insert into things values (1, 'one')");
        }
    }
    proxies
}

/// As libpq's PQexecParams does.
fn ask(wire: &mut Wire, text: &str, values: &[&str]) -> Vec<String> {
    wire.say(&[parse("", text), bind("", "", values), describe_portal(""), execute("", 0), sync()].concat())
}

fn is_answered(lines: &[String], rows: &str) {
    assert_eq!(lines[..2], ["ParseComplete", "BindComplete"], "{lines:?}");
    assert!(lines.iter().any(|line| line == rows), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "ReadyForQuery I", "{lines:?}");
}

const BY_ID: &str = "select name from things where id = $1";

fn kept(wire: &mut Wire, text: &str) -> String {
    wire.value(&format!("select count(*) from pg_prepared_statements where statement = '{text}'"))
}

#[test]
fn text_that_comes_again_is_kept_by_the_server_for_all_clients_of_the_tenant_and_for_no_other() {
    for proxy in proxies() {
        let (mut one, mut two, mut beta) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("beta"));
        one.run("update things set name = 'of alpha'");
        for _ in 0..10 {
            is_answered(&ask(&mut one, BY_ID, &["1"]), "DataRow of alpha");
            is_answered(&ask(&mut two, BY_ID, &["1"]), "DataRow of alpha");
            is_answered(&ask(&mut one, BY_ID, &["2"]), "CommandComplete SELECT 0");
        }
        assert_eq!(kept(&mut one, BY_ID), "1");
        for _ in 0..3 {
            is_answered(&ask(&mut beta, BY_ID, &["1"]), "DataRow one");
        }
        is_answered(&ask(&mut one, BY_ID, &["1"]), "DataRow of alpha");
        eventually("it is counted", || proxy.shared().counters.snapshot().parses_spared >= 20);
    }
}

#[test]
fn constants_that_mean_the_time_are_read_each_time() {
    let [proxy, _] = proxies();
    let mut wire = proxy.wire("alpha");
    let text = "select 'now'::timestamptz::text";
    let answers: Vec<_> = (0..6).map(|_| ask(&mut wire, text, &[])[3].clone()).collect();
    let mut different = answers.clone();
    different.dedup();
    assert_eq!(different, answers);
}

#[test]
fn client_that_changes_a_table_reads_it_as_it_is_then() {
    for proxy in proxies() {
        let mut wire = proxy.wire("alpha");
        let text = "select * from things";
        (0..4).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow 1|one"));
        wire.run("begin");
        wire.run("alter table things add size int default 7");
        let lines = ask(&mut wire, text, &[]);
        assert!(lines.iter().any(|line| line == "DataRow 1|one|7"), "{lines:?}");
        wire.run("rollback");
        (0..3).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow 1|one"));
        proxy.wire("alpha").run("alter table things add size int default 8");
        (0..3).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow 1|one|8"));
    }
}

#[test]
fn table_that_is_changed_past_the_proxy_gives_no_error_to_who_parses() {
    for proxy in proxies() {
        let mut wire = proxy.wire("alpha");
        let text = "select * from things";
        (0..4).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow 1|one"));
        let role = proxy.role("alpha");
        proxy.admin().run(&format!("alter table {role}.things add size int default 9"));
        (0..3).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow 1|one|9"));
        // Also to one that looks at the statement first, or does not look at all.
        proxy.admin().run(&format!("alter table {role}.things drop size"));
        let lines = wire.say(&[parse("", text), describe_statement(""), sync()].concat());
        assert_eq!(lines[2], "RowDescription id|name", "{lines:?}");
        (0..2).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow 1|one"));
        proxy.admin().run(&format!("alter table {role}.things drop name"));
        let lines = wire.say(&[parse("", text), bind("", "", &[]), execute("", 0), sync()].concat());
        is_answered(&lines, "DataRow 1");
    }
}

#[test]
fn types_of_parameters_are_those_of_the_table_as_a_client_of_the_proxy_has_made_it() {
    let [proxy, _] = proxies();
    let mut wire = proxy.wire("alpha");
    (0..4).for_each(|_| is_answered(&ask(&mut wire, BY_ID, &["1"]), "DataRow one"));
    proxy.wire("alpha").run("alter table things alter id type bigint");
    let lines = ask(&mut wire, BY_ID, &["5000000000"]);
    is_answered(&lines, "CommandComplete SELECT 0");
}

#[test]
fn temporary_table_of_the_same_name_is_what_its_client_reads() {
    let [proxy, _] = proxies();
    let mut wire = proxy.wire("alpha");
    let text = "select * from things";
    (0..4).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow 1|one"));
    wire.run("create temporary table things (mine text)");
    wire.run("insert into things values ('mine')");
    (0..3).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow mine"));
    wire.run("drop table pg_temp.things");
    (0..3).for_each(|_| is_answered(&ask(&mut wire, text, &[]), "DataRow 1|one"));
}

#[test]
fn error_of_a_wrong_value_says_what_postgresql_says_and_the_next_goes_on() {
    let [proxy, _] = proxies();
    let mut wire = proxy.wire("alpha");
    (0..4).for_each(|_| is_answered(&ask(&mut wire, BY_ID, &["1"]), "DataRow one"));
    let lines = ask(&mut wire, BY_ID, &["x"]);
    assert_eq!(lines[1], "Error ERROR 22P02 invalid input syntax for type integer: \"x\"", "{lines:?}");
    let lines = ask(&mut wire, BY_ID, &["1", "2"]);
    let wrong =
        "Error ERROR 08P01 bind message supplies 2 parameters, but prepared statement \"\" requires 1";
    assert_eq!(lines[1], wrong, "{lines:?}");
    is_answered(&ask(&mut wire, BY_ID, &["1"]), "DataRow one");
}

#[test]
fn it_can_be_turned_off() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.reuse_unnamed_statements = false);
    let mut wire = proxy.wire("alpha");
    (0..4).for_each(|_| is_answered(&ask(&mut wire, "select 1", &[]), "DataRow 1"));
    assert_eq!(kept(&mut wire, "select 1"), "0");
}
