//! Settings follow their client over server connections that it shares with others.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::proxy::Proxy;
use crate::support::wire::{Wire, bind, execute, parse, query, sync, unnamed};

/// One server connection, so that all clients share it: one that kept it would starve the others.
fn proxy() -> Proxy {
    Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 1;
        config.limits.wait_timeout = std::time::Duration::from_secs(3);
    })
}

/// Shows what the tests set, as an application would see it. An unknown custom setting counts as empty.
const SHOW: &str = "select current_setting('work_mem'), current_setting('timezone'), current_setting('datestyle'), \
     replace(current_setting('search_path'), chr(34), ''), current_setting('default_transaction_isolation'), \
     current_setting('default_transaction_read_only'), current_setting('statement_timeout'), \
     current_setting('application_name'), current_setting('extra_float_digits'), current_setting('jit'), \
     current_setting('client_min_messages'), coalesce(current_setting('app.me', true), ''), \
     coalesce(current_setting('app.b', true), '')";

#[test]
fn clients_with_different_settings_alternate_on_one_server_connection() {
    let proxy = proxy();
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("set work_mem = '1111kB'");
    one.run("set app.me = 'one'");
    two.run("set app.me = 'two'");
    let pid = one.backend();
    let show = "select current_setting('work_mem'), current_setting('app.me'), current_setting('timezone')";
    for n in 0..1000 {
        let zone = if n % 2 == 0 { "Asia/Tokyo" } else { "Europe/Paris" };
        two.run(&format!("set timezone = '{zone}'"));
        assert_eq!(one.value(show), format!("1111kB|one|{}", "Etc/UTC"), "{n}");
        assert_eq!(two.value(show), format!("4MB|two|{zone}"), "{n}");
    }
    assert_eq!(two.backend(), pid);
}

/// Conversations whose statements must be answered, and leave the same settings, as on a direct connection.
const CONVERSATIONS: &[&[&str]] = &[
    &["set work_mem = '1MB'"],
    &["begin", "set work_mem = '1MB'", "commit"],
    &["begin", "set work_mem = '1MB'", "rollback"],
    &["set work_mem = '1MB'", "begin", "set work_mem = '2MB'", "rollback"],
    &["set work_mem = '1MB'", "begin", "reset work_mem", "rollback"],
    &["set work_mem = '1MB'", "begin", "reset all", "rollback"],
    &["set work_mem = '1MB'; set jit = off", "begin; reset all; rollback"],
    &["begin", "set work_mem = '1MB'", "savepoint s", "set work_mem = '2MB'", "rollback to s", "commit"],
    &["begin", "savepoint s", "set work_mem = '2MB'", "release s", "set local work_mem = '3MB'", "commit"],
    &["begin", "set work_mem = '1MB'", "select 1/0", "commit"],
    &["set work_mem = '1MB'; select 1/0"],
    &["set work_mem = '1MB'; commit; set work_mem = '2MB'; select 1/0"],
    &["set work_mem = 'much'"],
    &["set work_mem = '1MB'", "set work_mem = 'much'"],
    &["begin; set local work_mem = '1MB'; set work_mem = '2MB'; commit"],
    &["begin; set work_mem = '2MB'; set local work_mem = '1MB'; commit"],
    &["set work_mem = '1MB'", "set work_mem to default"],
    &["set work_mem = '1MB'", "reset work_mem"],
    &["set work_mem = '4MB'"],
    &["set sort_mem = 1024"],
    &["set app.me = '42'", "reset app.me"],
    &["set app.me = ''"],
    &["set app.me = E'it''s \\\\ \\n \"x\"; select 1'"],
    &["select set_config('app.me', 'x' || n, false) from generate_series(1, 3) n order by n"],
    &["select set_config('app.me', 'x', false), set_config('app.b', 'y', true)"],
    &["begin; select set_config('app.me', 'x', false); rollback"],
    &["set session characteristics as transaction isolation level serializable, read only"],
    &[
        "set default_transaction_isolation = serializable; set default_transaction_read_only = on; set default_transaction_deferrable = on",
    ],
    &["set transaction isolation level serializable"],
    &["set transaction_isolation = serializable"],
    &["begin; set transaction_read_only = on; set work_mem = '1MB'; commit"],
    &["set search_path to ''"],
    &["set search_path = pg_catalog, \"$user\""],
    &["select pg_catalog.set_config('search_path', '', false)"],
    &["set search_path = ''", "reset search_path"],
    &["set datestyle = 'SQL, DMY'"],
    &["set time zone -7"],
    &["set time zone interval '+02:30' hour to minute"],
    &["set time zone 'Europe/Vienna'", "set time zone local"],
    &["set statement_timeout = 1500"],
    &["set statement_timeout = '5s'", "reset statement_timeout"],
    &["set role none", "reset role", "set session authorization default", "set work_mem = '1MB'"],
    &["set names 'utf8'", "set standard_conforming_strings = on"],
    &["set work_mem = '1MB'", "discard all"],
    &["set work_mem = '1MB'", "begin", "discard all", "rollback"],
    &["reset nonsense"],
    &["reset data_directory"],
    // What clients send of themselves: Django, Rails, SQLAlchemy, psycopg, pgjdbc, pg_dump, npgsql, asyncpg.
    &["SET TIME ZONE 'America/Chicago'"],
    &[
        "SET client_min_messages TO 'warning'",
        "SET standard_conforming_strings = on",
        "SET SESSION timezone TO 'UTC'",
        "SET intervalstyle = iso_8601",
    ],
    &["SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ"],
    &[
        "SET DATESTYLE TO 'ISO'",
        "SET extra_float_digits = 3",
        "SET application_name = 'PostgreSQL JDBC Driver'",
    ],
    &["SET extra_float_digits = 0", "SET application_name = 'x'", "RESET ALL"],
    &["SET work_mem = '1MB'", "DISCARD ALL"],
    &["SET work_mem = '1MB'", "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;"],
    &["SET work_mem = '1MB'", "SET SESSION AUTHORIZATION DEFAULT;RESET ALL;CLOSE ALL;UNLISTEN *"],
];

#[test]
fn conversations_are_answered_and_leave_the_settings_as_on_a_direct_connection() {
    let proxy = proxy();
    let mut other = proxy.wire("alpha");
    other.run("set work_mem = '999kB'; set app.me = 'other'; set timezone = 'Asia/Tokyo'");
    for conversation in CONVERSATIONS {
        let (mut proxied, mut direct) = (proxy.wire("alpha"), proxy.direct("alpha"));
        for sql in *conversation {
            assert_eq!(proxied.query(sql), direct.query(sql), "{sql} in {conversation:#?}");
        }
        let show = [proxied.query(SHOW), direct.query(SHOW)];
        assert_eq!(show[0], show[1], "{conversation:#?}");
        assert!(other.value(SHOW).starts_with("999kB|Asia/Tokyo|"), "{conversation:#?}");
        assert_eq!(proxied.query(SHOW), direct.query(SHOW), "{conversation:#?}");
    }
}

#[test]
fn conversations_of_the_extended_protocol_leave_the_settings_as_on_a_direct_connection() {
    let proxy = proxy();
    let mut other = proxy.wire("alpha");
    other.run("set work_mem = '999kB'; set app.me = 'other'");
    let batches = [
        [unnamed("set work_mem = '1MB'", &[]), sync()].concat(),
        [unnamed("set work_mem = '2MB'", &[]), unnamed("select 1/0", &[]), sync()].concat(),
        [unnamed("select set_config('app.me', $1, false)", &["it's"]), sync()].concat(),
        [parse("s", "set work_mem = '3MB'"), sync()].concat(),
        [bind("", "s", &[]), execute("", 0), sync(), query("reset work_mem")].concat(),
        [bind("", "s", &[]), execute("", 0), sync()].concat(),
        [unnamed("begin", &[]), bind("", "s", &[]), unnamed("rollback", &[]), sync()].concat(),
        [unnamed("reset all", &[]), sync()].concat(),
    ];
    let (mut proxied, mut direct) = (proxy.wire("alpha"), proxy.direct("alpha"));
    for (n, batch) in batches.iter().enumerate() {
        assert_eq!(proxied.say(batch), direct.say(batch), "{n}");
        if batch.ends_with(&query("reset work_mem")) {
            assert_eq!(proxied.until_ready(), direct.until_ready(), "{n}");
        }
        assert!(other.value(SHOW).starts_with("999kB|"), "{n}");
        assert_eq!(proxied.query(SHOW), direct.query(SHOW), "{n}");
    }
}

#[test]
fn settings_of_the_startup_packet_come_back_with_reset_and_the_client_is_told() {
    let proxy = proxy();
    let start = [("TimeZone", "Asia/Tokyo"), ("application_name", "mine"), ("options", "-c work_mem=1111kB")];
    for undo in ["reset timezone", "reset all", "discard all", "set time zone default"] {
        let (mut proxied, mut direct) =
            (proxy.wire_with("alpha", &start).unwrap(), proxy.direct_with("alpha", &start).unwrap());
        let mut other = proxy.wire("alpha");
        let mut told = Vec::new();
        for sql in ["set timezone = 'Europe/Paris'", "set jit = off", undo, SHOW] {
            let lines = proxied.query(sql);
            assert!(!lines.iter().any(|line| line.starts_with("Error")), "{lines:?}");
            told.extend(lines.into_iter().filter(|line| line.starts_with("ParameterStatus TimeZone")));
            direct.run(sql);
            assert!(other.value(SHOW).starts_with("4MB|Etc/UTC|"), "{undo}");
        }
        assert_eq!(told.last().unwrap(), "ParameterStatus TimeZone Asia/Tokyo", "{undo}");
        assert_eq!(proxied.value(SHOW), direct.value(SHOW), "{undo}");
    }
}

/// By clients that begin with [`BELIEVER`].
const BELIEFS: &[&[&str]] = &[
    &["set datestyle = 'ISO, MDY'", "select 1"],
    &["set datestyle = 'SQL, DMY'"],
    &["set datestyle = 'German'", "begin", "set local datestyle = 'ISO'", "rollback", "reset datestyle"],
    &["begin", "set local datestyle = 'German'", "select 1", "commit", "select 1"],
    &["begin", "set local datestyle = 'ISO, MDY'", "commit", "select 1"],
    &["begin; set local datestyle = 'ISO, MDY'", "commit"],
    &[
        "begin",
        "set datestyle = 'ISO, MDY'",
        "savepoint a",
        "set datestyle = 'German'",
        "rollback to a",
        "commit",
    ],
    &["begin", "set datestyle = 'ISO, MDY'", "select * from nowhere", "rollback"],
    &["begin", "select 1", "select * from nowhere", "reset datestyle", "rollback"],
    &["begin", "set local timezone = 'Etc/UTC'", "commit and chain", "select 1", "commit"],
    &["begin", "reset all", "commit"],
    &["begin", "reset all", "rollback"],
    &["set datestyle = 'German'", "reset all"],
    &["set work_mem = '1MB'", "reset all"],
    &["set work_mem = '1MB'", "discard all", "select 1"],
    &["set timezone = 'Asia/Tokyo'", "discard all", "select 1"],
    &["set timezone = 'Etc/UTC'; set timezone = 'Europe/Berlin'"],
    &["select set_config('datestyle', 'ISO, MDY', false)"],
    &["reset all", "select 1"],
    &["set app.me = ''", "reset app.me"],
    &["set app.me = ''", "begin", "reset app.me", "rollback"],
    &["set app.me = 'other'", "reset all"],
    &["set app.me = ''", "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;"],
    &["begin", "set app.me = ''", "close all; reset all", "select 1", "commit"],
    &["begin; reset all; commit"],
];

const BELIEVER: [(&str, &str); 4] = [
    ("datestyle", "sql, dmy"),
    ("timezone", "Europe/Berlin"),
    ("application_name", "started"),
    ("options", "-c app.me=startup"),
];

/// What it was told last of each setting.
fn believes(wire: &mut Wire, beliefs: &mut BTreeMap<String, String>, sql: &str) {
    let lines = wire.query(sql);
    let told = lines.iter().filter_map(|line| line.strip_prefix("ParameterStatus ")?.split_once(' '));
    beliefs.extend(told.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn client_is_told_of_the_settings_it_began_with_what_it_would_be_directly() {
    let few = |config: &mut pgtenant::config::Config| config.pool.max_server_connections = 2;
    for proxy in [Proxy::start(&["alpha"], few), Proxy::start_shared(&["alpha"], few)] {
        let mut other = proxy.wire_with("alpha", &[("timezone", "Asia/Tokyo")]).unwrap();
        // Without the application's own setting the others can be brought with each transaction.
        for (begin, conversation) in BELIEFS.iter().flat_map(|one| [(3, one), (4, one)]) {
            let begin = &BELIEVER[..begin];
            let mut both =
                [proxy.wire_with("alpha", begin).unwrap(), proxy.direct_with("alpha", begin).unwrap()];
            let mut beliefs = both.each_ref().map(|wire| wire.parameters.iter().cloned().collect());
            for sql in *conversation {
                both.iter_mut().zip(&mut beliefs).for_each(|(wire, known)| believes(wire, known, sql));
                assert_eq!(beliefs[0], beliefs[1], "{sql} in {conversation:#?}");
                assert_eq!(other.value("show timezone"), "Asia/Tokyo");
            }
            let show = "select current_setting('datestyle'), current_setting('timezone'), current_setting('work_mem'), \
                current_setting('application_name'), coalesce(current_setting('app.me', true), '')";
            assert_eq!(both[0].value(show), both[1].value(show), "{conversation:#?}");
        }
    }
}

#[test]
fn setting_that_no_other_server_connection_takes_any_more_ends_the_session_with_the_reason() {
    let proxy = proxy();
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    let function = format!("tenant_{}.mine", proxy.user("alpha"));
    one.run(&format!("create text search configuration {function} (copy = pg_catalog.simple)"));
    one.run(&format!("set default_text_search_config = '{function}'"));
    two.run("select 1");
    two.run(&format!("drop text search configuration {function}"));
    let lines = one.query("select 1");
    assert!(lines[0].starts_with("Error FATAL 22023"), "{lines:?}");
    two.run("select 1");
}

#[test]
fn too_many_settings_keep_the_server_connection_until_they_are_reset() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run(&format!("select set_config('app.me', repeat('x', {}), false)", 300_000));
    assert_eq!(one.value("select length(current_setting('app.me'))"), "300000");
    let pid = one.backend();
    assert_ne!(two.backend(), pid);
    one.run("reset all");
    assert_eq!(one.value("select length(current_setting('app.me', true))"), "0");
}

/// What sets the settings, and what shows them then.
const CODE: &[(&str, &[&str])] = &[
    ("do $$ begin perform set_config('app.me', 'code', false); end $$", &[]),
    (
        "select become('ann')",
        &["create function become(who text) returns text language plpgsql as $$ begin \
        perform set_config('app.me', who, false); set work_mem = '5MB'; return who; end $$"],
    ),
    (
        "insert into noted values (1)",
        &[
            "create function note() returns trigger language plpgsql as $$ begin \
        perform set_config('app.b', tg_op, false); return new; end $$",
            "create table noted (n int)",
            "create trigger noted before insert on noted for each row execute function note()",
        ],
    ),
    (
        "call enter('eve')",
        &["create procedure enter(who text) language sql as $$ select set_config('app.me', who, false) $$"],
    ),
    ("select note from noting", &["create view noting as select set_config('app.b', 'seen', false) as note"]),
    (
        "select n from guarded",
        &[
            "create table guarded (n int)",
            "insert into guarded values (1)",
            "alter table guarded enable row level security",
            "alter table guarded force row level security",
            "create policy noted on guarded using (become('reader') is not null)",
        ],
    ),
    ("begin; select become('ann'); rollback", &[]),
    ("select become('ann'); reset all", &[]),
];

#[test]
fn settings_made_by_code_follow_their_client_as_on_a_direct_connection() {
    let proxy = proxy();
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    for (sets, made) in CODE {
        made.iter().for_each(|text| one.run(text));
        let mut direct = proxy.direct("alpha");
        one.run("discard all");
        assert_eq!(one.query(sets), direct.query(sets));
        assert!(two.value(SHOW).starts_with("4MB|"), "{sets}");
        assert_eq!(one.value(SHOW), direct.value(SHOW), "{sets}");
        assert_eq!(two.value("select coalesce(current_setting('app.me', true), '')"), "", "{sets}");
    }
}

#[test]
fn code_that_computes_the_names_it_sets_keeps_the_server_connection_until_they_are_reset() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("create function put(k text, v text) returns text language sql as $$ select set_config('app.' || k, v, false) $$");
    one.run("select put('me', 'one')");
    let pid = one.backend();
    assert_ne!(two.backend(), pid);
    assert_eq!(one.value("select current_setting('app.me')"), "one");
    one.run("reset all");
    assert_eq!(two.value("select coalesce(current_setting('app.me', true), '')"), "");
}

/// What code leaves that a statement runs without calling it.
const UNSEEN: [(&str, &[&str]); 4] = [
    (
        "insert into computed values (1)",
        &[
            "create table computed (n int)",
            "create function put(k text, v text) returns text language sql as $$ select set_config('app.' || k, v, false) $$",
            "create function note() returns trigger language plpgsql as $$ begin perform put('me', 'trigger'); return new; end $$",
            "create trigger noted before insert on computed for each row execute function note()",
        ],
    ),
    (
        "select n from computing",
        &[
            "create function put(k text, v text) returns text language sql as $$ select set_config('app.' || k, v, false) $$",
            "create view computing as select put('me', 'view') as n",
        ],
    ),
    (
        "insert into locked values (1)",
        &[
            "create table locked (n int)",
            "create function lock() returns trigger language plpgsql as $$ begin perform pg_advisory_lock(1); return new; end $$",
            "create trigger locked before insert on locked for each row execute function lock()",
        ],
    ),
    ("select n from locking", &["create view locking as select pg_try_advisory_lock(2) as n"]),
];

#[test]
fn what_triggers_and_views_leave_and_nobody_can_follow_keeps_the_server_connection() {
    for (sql, made) in UNSEEN {
        let proxy = Proxy::start(&["alpha"], |_| {});
        let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
        made.iter().for_each(|text| one.run(text));
        one.run("begin");
        let pid = one.backend();
        one.run(sql);
        one.run("commit");
        assert_ne!(two.backend(), pid, "{sql}");
        assert_eq!(one.backend(), pid, "{sql}");
        one.run("discard all");
        for _ in 0..3 {
            assert_eq!(two.value("select coalesce(current_setting('app.me', true), '')"), "", "{sql}");
        }
        assert_eq!(
            two.value("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"),
            "0",
            "{sql}"
        );
    }
}

#[test]
fn cancel_requests_while_settings_are_asked_for_harm_nobody() {
    let proxy = proxy();
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    for n in 0..50 {
        one.send(&query(&format!("set app.me = 'n{n}'")));
        one.cancel();
        one.until_ready();
        assert_eq!(two.value("select coalesce(current_setting('app.me', true), '')"), "");
        let user = one.value("select coalesce(current_setting('app.me', true), '')");
        assert!(user == format!("n{n}") || n == 0 || user == format!("n{}", n - 1), "{n}: {user}");
        one.run(&format!("set app.me = 'n{n}'"));
    }
}

const STATEMENTS: [&str; 22] = [
    "set work_mem = '1MB'",
    "set work_mem = '2MB'",
    "set local work_mem = '3MB'",
    "reset work_mem",
    "set timezone = 'Asia/Tokyo'",
    "set local timezone = 'Europe/Paris'",
    "set time zone default",
    "set app.me = 'a'",
    "set local app.me = 'b'",
    "reset app.me",
    "select set_config('app.b', 'c', false), set_config('app.me', 'd', true)",
    "set search_path = ''",
    "reset search_path",
    "reset all",
    "savepoint s",
    "rollback to s",
    "release s",
    "begin",
    "commit",
    "rollback",
    "select 1/0",
    "set jit = off; select 1; begin; reset jit; savepoint s; set jit = off; rollback to s",
];

#[test]
fn random_transactions_of_two_clients_leave_each_its_settings_as_on_two_direct_connections() {
    let proxy = proxy();
    let turn = (0..2usize, prop::collection::vec(prop::sample::select(&STATEMENTS[..]), 1..8), any::<bool>());
    let turns = prop::collection::vec(turn, 1..8);
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let result = runner.run(&turns, |turns| {
        let mut proxied = [proxy.wire("alpha"), proxy.wire("alpha")];
        let mut direct = [proxy.direct("alpha"), proxy.direct("alpha")];
        for (who, statements, commits) in turns {
            let last = if commits { "commit" } else { "rollback" };
            // The other client must not wait for this one's transaction.
            for sql in statements.into_iter().chain([last]) {
                prop_assert_eq!(proxied[who].query(sql), direct[who].query(sql), "{}", sql);
            }
            for who in 0..2 {
                prop_assert_eq!(proxied[who].query(SHOW), direct[who].query(SHOW));
            }
        }
        Ok(())
    });
    result.unwrap();
}
