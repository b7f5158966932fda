//! Session state: its own client finds it again, nobody else ever does.

use std::time::Duration;

use pgtenant::config::ResetPolicy;

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, execute, flush, parse, sync, terminate, unnamed};

/// One server connection, so that whoever comes next gets the same.
fn proxy() -> Proxy {
    Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1)
}

/// One kind of session state: what makes it, and a query that shows `t` where it is.
pub(crate) struct State {
    pub(crate) name: &'static str,
    pub(crate) make: &'static [&'static str],
    pub(crate) is_there: &'static str,
}

pub(crate) const STATES: [State; 8] = [
    State { name: "setting", make: &["set geqo = off"], is_there: "select current_setting('geqo') = 'off'" },
    State {
        name: "setting by function",
        make: &["select set_config('work_mem', '77kB', false)"],
        is_there: "select current_setting('work_mem') = '77kB'",
    },
    State {
        name: "temporary table",
        make: &["create temp table scratch (n int)"],
        is_there: "select count(*) > 0 from pg_class where relname = 'scratch' and pg_table_is_visible(oid)",
    },
    State {
        name: "advisory lock",
        make: &["select pg_advisory_lock(4711)"],
        is_there: "select count(*) > 0 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
    },
    State {
        name: "cursor with hold",
        make: &["declare held cursor with hold for select 1"],
        is_there: "select count(*) > 0 from pg_cursors where name = 'held'",
    },
    State {
        name: "SQL PREPARE",
        make: &["prepare mine as select 1"],
        is_there: "select count(*) > 0 from pg_prepared_statements where name = 'mine'",
    },
    State {
        name: "state made by code",
        make: &["do $$ begin perform set_config('my.secret', 'x', false); end $$"],
        is_there: "select coalesce(current_setting('my.secret', true), '') <> ''",
    },
    State {
        name: "session characteristics",
        make: &["set session characteristics as transaction read only"],
        is_there: "select current_setting('default_transaction_read_only') = 'on'",
    },
];

/// How a client can leave.
pub(crate) const WAYS_OUT: [fn(Wire); 4] = [
    |mut wire| wire.send(&terminate()),
    drop,
    |mut wire| {
        wire.run("begin");
        drop(wire);
    },
    |mut wire| {
        wire.query("begin; select 1/0");
        drop(wire);
    },
];

#[test]
fn state_is_invisible_to_the_next_client_however_its_maker_left() {
    let proxy = proxy();
    for state in STATES {
        for (n, leave) in WAYS_OUT.iter().enumerate() {
            let mut maker = proxy.wire("alpha");
            state.make.iter().for_each(|sql| maker.run(sql));
            leave(maker);
            let there = proxy.wire("alpha").value(state.is_there);
            assert_eq!(there, "f", "{}, way out {n}", state.name);
        }
    }
}

#[test]
fn state_made_by_the_extended_protocol_is_invisible_to_the_next_client() {
    let proxy = proxy();
    for state in STATES {
        let mut maker = proxy.wire("alpha");
        for sql in state.make {
            let lines = maker.say(&[unnamed(sql, &[]), sync()].concat());
            assert!(!lines.iter().any(|line| line.starts_with("Error")), "{lines:?}");
        }
        drop(maker);
        assert_eq!(proxy.wire("alpha").value(state.is_there), "f", "{}", state.name);
    }
}

#[test]
fn state_made_in_a_batch_whose_client_leaves_before_the_sync_is_invisible() {
    let proxy = proxy();
    for state in STATES {
        let mut maker = proxy.wire("alpha");
        for sql in state.make {
            maker.send(&[parse("", sql), bind("", "", &[]), execute("", 0), flush()].concat());
            maker.messages(3);
        }
        drop(maker);
        assert_eq!(proxy.wire("alpha").value(state.is_there), "f", "{}", state.name);
    }
}

#[test]
fn state_is_found_again_by_its_own_client_after_other_clients_were_served() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    for state in STATES.iter().filter(|state| state.name != "state made by code") {
        let (mut maker, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
        state.make.iter().for_each(|sql| maker.run(sql));
        for _ in 0..3 {
            assert_eq!(other.value(state.is_there), "f", "{}", state.name);
            assert_eq!(maker.value(state.is_there), "t", "{}", state.name);
        }
        maker.run("begin");
        assert_eq!(maker.value(state.is_there), "t", "{}", state.name);
        maker.run("rollback");
        assert_eq!(maker.value(state.is_there), "t", "{}", state.name);
    }
}

#[test]
fn discard_all_gives_the_server_connection_back() {
    let proxy = proxy();
    for state in STATES {
        let (mut maker, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
        state.make.iter().for_each(|sql| maker.run(sql));
        maker.run("discard all");
        assert_eq!(other.value(state.is_there), "f", "{}", state.name);
        assert_eq!(maker.value(state.is_there), "f", "{}", state.name);
    }
}

#[test]
fn discard_all_that_fails_gives_nothing_back() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let (mut maker, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
    maker.run("set geqo = off");
    maker.run("begin");
    assert!(maker.query("discard all")[0].contains("25001"));
    maker.run("rollback");
    assert_eq!(maker.value("show geqo"), "off");
    assert_eq!(other.value("show geqo"), "on");
}

#[test]
fn what_set_local_sets_ends_with_the_transaction_and_pins_nothing() {
    let proxy = proxy();
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("begin");
    one.run("set local geqo = off");
    assert_eq!(one.value("show geqo"), "off");
    one.run("commit");
    assert_eq!(two.value("show geqo"), "on");
    assert_eq!(one.value("show geqo"), "on");
}

#[test]
fn currval_and_lastval_of_one_client_are_not_anothers() {
    let proxy = proxy();
    let mut one = proxy.wire("alpha");
    one.run("insert into notes (body) values ('x')");
    let mut two = proxy.wire("alpha");
    assert!(two.query("select lastval()")[1].contains("55000"));
    assert!(two.query("select currval('notes_id_seq')")[1].contains("55000"));
    // In its own transaction the value is there.
    one.run("begin");
    one.run("insert into notes (body) values ('y')");
    assert_eq!(one.value("select currval('notes_id_seq') = max(id) from notes"), "t");
    one.run("commit");
    assert!(two.query("select lastval()")[1].contains("55000"));
}

/// How to make a state, how to end it, and the reason it pins for.
const PINS: [(&str, &[&str], &[&str]); 9] = [
    ("temporary_object", &["create temp table scratch ()"], &["drop table scratch"]),
    ("temporary_object", &["begin", "create temp table scratch ()"], &["rollback"]),
    (
        "temporary_object",
        &["create function pg_temp.f() returns int language sql as 'select 1'"],
        &["drop function pg_temp.f()"],
    ),
    ("temporary_object", &["do 'begin create temp table scratch (); end'"], &["discard temp"]),
    ("hold_cursor", &["declare held cursor with hold for select 1"], &["close held"]),
    ("advisory_lock", &["select pg_advisory_lock(4711)"], &["select pg_advisory_unlock(4711)"]),
    ("advisory_lock", &["select pg_advisory_lock(4711)"], &["select pg_advisory_unlock_all()"]),
    ("sql_prepare", &["prepare mine as select 1"], &["deallocate mine"]),
    ("sql_prepare", &["prepare mine as select 1"], &["deallocate all"]),
];

#[test]
fn pin_is_visible_with_its_reason_and_ends_with_the_statement_that_ends_the_state() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    for (reason, make, end) in PINS {
        let (mut maker, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
        make.iter().for_each(|sql| maker.run(sql));
        let in_transaction = make[0] == "begin";
        if !in_transaction {
            eventually(
                "the pin is seen",
                || matches!(&proxy.pinned()[..], [pinned] if pinned.reason.as_str() == reason),
            );
        }
        end.iter().for_each(|sql| maker.run(sql));
        // There is one server connection: this would wait in vain.
        assert_eq!(other.value("select 1"), "1", "{end:?}");
        assert_eq!(proxy.pinned(), [], "{end:?}");
    }
}

/// What client-side pools send when they take a connection back.
const RESETS: [(&str, &[&str]); 6] = [
    ("Npgsql, Rails, pg-pool, PgBouncer's server_reset_query", &["DISCARD ALL"]),
    (
        "Npgsql with statements prepared to stay",
        &[
            "SET SESSION AUTHORIZATION DEFAULT;RESET ALL;CLOSE ALL;UNLISTEN *;SELECT pg_advisory_unlock_all();DISCARD SEQUENCES;DISCARD TEMP",
        ],
    ),
    ("asyncpg", &["SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;", "DISCARD TEMP"]),
    (
        "psycopg2's reset()",
        &[
            "ABORT",
            "SET SESSION AUTHORIZATION DEFAULT",
            "RESET ALL",
            "CLOSE ALL",
            "SELECT pg_advisory_unlock_all()",
            "DISCARD TEMP",
        ],
    ),
    ("SQLAlchemy, psycopg's pool", &["ROLLBACK", "DISCARD ALL"]),
    (
        "a list by hand",
        &[
            "ROLLBACK; RESET ALL",
            "SELECT pg_catalog.pg_advisory_unlock_all()",
            "CLOSE ALL",
            "DEALLOCATE ALL",
            "DISCARD TEMPORARY",
            "DISCARD PLANS",
        ],
    ),
];

#[test]
fn reset_strings_of_client_side_pools_end_every_pin_and_cost_none() {
    let proxy = proxy();
    for (who, reset) in RESETS {
        let (mut maker, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
        let pins = || proxy.shared().counters.snapshot().pins.values().sum::<u64>();
        let before = pins();
        reset.iter().for_each(|sql| maker.run(sql));
        assert_eq!(pins(), before, "{who}");
        for sql in [
            "set work_mem = '77kB'",
            "create temp table scratch ()",
            "select pg_advisory_lock(4711)",
            "declare held cursor with hold for select 1",
        ] {
            maker.run(sql);
        }
        reset.iter().for_each(|sql| maker.run(sql));
        // There is one server connection: this would wait in vain.
        assert_eq!(other.value("select current_setting('work_mem') = '77kB'"), "f", "{who}");
        assert_eq!(maker.value("select current_setting('work_mem') = '77kB'"), "f", "{who}");
    }
}

#[test]
fn state_that_ends_with_its_transaction_pins_nothing() {
    let proxy = proxy();
    let (mut maker, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
    for text in [
        "begin; create temp table scratch () on commit drop; commit",
        "begin; declare c cursor for select 1; fetch c; commit",
        "do 'begin perform 1; end'",
        "select pg_advisory_xact_lock(1)",
    ] {
        maker.run(text);
        assert_eq!(other.value("select 1"), "1", "{text}");
    }
    assert_eq!(proxy.pinned(), []);
}

#[test]
fn lock_that_was_not_obtained_pins_nothing() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let (mut holder, mut loser) = (proxy.wire("alpha"), proxy.wire("alpha"));
    holder.run("select pg_advisory_lock(1)");
    assert_eq!(loser.value("select pg_try_advisory_lock(1)"), "f");
    assert_eq!(proxy.wire("alpha").value("select 1"), "1");
    assert_eq!(proxy.pinned().len(), 1);
}

#[test]
fn pin_beyond_the_tenants_limit_is_refused_with_53400_that_names_limit_and_state() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 3;
        config.limits.max_pinned = 1;
    });
    let (mut one, mut two, mut three) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("create temp table scratch ()");
    let refused = two.query("create temp table scratch ()");
    assert!(refused[0].contains("53400"), "{refused:?}");
    assert_eq!(two.value("select 1"), "1");
    // Nobody knows before it has run what code leaves.
    let told = three.query("do 'begin create temp table scratch (); end'");
    assert_eq!(told[0], "CommandComplete DO");
    let end = three.until_end();
    assert!(end[0].starts_with("Error FATAL 53400"), "{end:?}");
    one.run("drop table scratch");
    // Whoever looks from outside may see the pin gone a moment before the place is free.
    eventually("there is room", || {
        two.query("create temp table scratch ()")[0] == "CommandComplete CREATE TABLE"
    });
}

#[test]
fn sequence_values_are_found_in_the_next_transactions() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    // From here on it is known that clients of the tenant ask: however slow they are, values are kept for 2 s.
    assert!(one.query("select lastval()")[1].contains("55000"));
    // As PDO's lastInsertId does, with a statement each.
    for n in 0..20 {
        one.run("insert into notes (body) values ('x')");
        two.run("insert into notes (body) values ('y')");
        for (wire, body) in [(&mut one, "x"), (&mut two, "y")] {
            let own = format!(
                "select lastval() = max(id) and lastval() = currval('notes_id_seq') from notes where body = '{body}'"
            );
            assert_eq!(wire.value(&own), "t", "{body}, turn {n}");
        }
    }
    drop(two);
    one.run("select 1");
    eventually("both connections go back", || proxy.pinned().is_empty());
}

#[test]
fn connection_kept_for_a_sequence_value_goes_back_when_nobody_asks() {
    let proxy = proxy();
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.query("select lastval()");
    one.run("insert into notes (body) values ('x')");
    assert_eq!(two.value("select 1"), "1");
    one.run("select 1");
}

#[test]
fn random_numbers_after_a_seeded_client_are_not_its_sequence() {
    let proxy = proxy();
    let mut draws = Vec::new();
    for _ in 0..2 {
        let mut maker = proxy.wire("alpha");
        maker.run("select setseed(0.5)");
        drop(maker);
        draws.push(proxy.wire("alpha").value("select random()"));
    }
    assert_ne!(draws[0], draws[1]);
}

#[test]
fn server_connection_with_clean_state_keeps_its_prepared_statements() {
    let proxy = proxy();
    let mut wire = proxy.wire("alpha");
    for _ in 0..3 {
        wire.say(&[parse("", "select 1"), bind("", "", &[]), execute("", 0), sync()].concat());
    }
    wire.say(&[parse("s", "select 'kept'"), sync()].concat());
    let pid = wire.backend();
    drop(wire);
    let mut next = proxy.wire("alpha");
    assert_eq!(next.backend(), pid);
    assert_eq!(
        next.value("select count(*) from pg_prepared_statements where statement = 'select ''kept'''"),
        "1"
    );
}

#[test]
fn policy_always_resets_after_every_transaction() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 1;
        config.pool.reset = ResetPolicy::Always;
    });
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.say(&[parse("s", "select 'prepared'"), sync()].concat());
    assert_eq!(two.value("select count(*) from pg_prepared_statements"), "0");
    assert_eq!(one.say(&[bind("", "s", &[]), execute("", 0), sync()].concat())[1], "DataRow prepared");
    for state in STATES {
        let mut maker = proxy.wire("alpha");
        state.make.iter().for_each(|sql| maker.run(sql));
        drop(maker);
        assert_eq!(two.value(state.is_there), "f", "{}", state.name);
    }
}

#[test]
fn silent_pinned_client_is_disconnected_with_57p05_and_a_silent_idle_one_is_not() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 2;
        config.limits.pinned_idle_timeout = Some(Duration::from_millis(300));
    });
    let (mut pinned, mut idle, mut open) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("alpha"));
    idle.run("select 1");
    pinned.run("create temp table scratch ()");
    open.run("begin");
    let lines = pinned.until_end();
    assert!(lines[0].starts_with("Error FATAL 57P05"), "{lines:?}");
    assert!(lines[0].contains("temporary_object"), "{lines:?}");
    assert_eq!(idle.value("select to_regclass('scratch') is null"), "t");
    // A transaction is not session state; other limits are for it.
    open.run("commit");
}

#[test]
fn tenant_suspended_meanwhile_is_disconnected_and_its_state_with_it() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let (mut pinned, mut idle, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("beta"));
    pinned.run("create temp table scratch ()");
    let slug = proxy.user("alpha");
    proxy.admin().run(&format!("update pgtenant.tenants set status = 'suspended' where slug = '{slug}'"));
    for wire in [&mut pinned, &mut idle] {
        let lines = wire.until_end();
        assert!(lines[0].starts_with("Error FATAL 57P01"), "{lines:?}");
    }
    assert_eq!(other.value("select 1"), "1");
    let refusal = proxy.wire_with("alpha", &[]).err().unwrap();
    assert!(refusal.starts_with("Error FATAL 28"), "{refusal}");
    eventually("its server connections are closed", || {
        let sql = format!("select count(*) from pg_stat_activity where usename = '{}'", proxy.role("alpha"));
        proxy.admin().value(&sql) == "0"
    });
}
