//! Tenants of level `shared` on the same server connections.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::state::{STATES, WAYS_OUT};
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, copy_data, copy_done, execute, parse, query, sync, unnamed};

/// One server connection for both.
fn proxy() -> Proxy {
    Proxy::start_shared(&["alpha", "beta"], |config| config.pool.max_server_connections = 1)
}

/// Each tenant's row tells whose it is.
fn marked(proxy: &Proxy) -> [Wire; 2] {
    ["alpha", "beta"].map(|tenant| {
        let mut wire = proxy.wire(tenant);
        wire.run(&format!("insert into notes (body) values ('{tenant}')"));
        wire
    })
}

#[test]
fn tenants_take_turns_on_one_server_connection_and_each_is_itself() {
    let proxy = proxy();
    let mut wires = marked(&proxy);
    let mut pids = BTreeSet::new();
    for _ in 0..5 {
        for (wire, tenant) in wires.iter_mut().zip(["alpha", "beta"]) {
            let role = proxy.role(tenant);
            assert_eq!(wire.value("select body from notes"), tenant);
            assert_eq!(wire.value("select current_user"), role);
            assert_eq!(wire.value("select current_schema()"), role);
            let lines = wire.say(&[unnamed("select body from notes", &[]), sync()].concat());
            assert!(lines.iter().any(|line| line.contains(tenant)), "{lines:?}");
            pids.insert(wire.backend());
        }
    }
    assert_eq!(pids.len(), 1);
}

#[test]
fn hand_overs_and_what_they_take_are_counted() {
    let proxy = proxy();
    let mut wires = marked(&proxy);
    let counts = || {
        let now = proxy.shared().counters.snapshot();
        [now.handovers, now.role_switches, now.discards_awaited]
    };
    for _ in 0..3 {
        wires.iter_mut().for_each(|wire| wire.run("select 1"));
    }
    wires[1].run("begin; select 1; commit");
    wires[1].run("vacuum notes");
    wires[0].run("vacuum notes");
    wires[1].run("rollback");
    // A client has its answer before it is counted. Two rows made, six turns, the text with a block in it, two times
    // VACUUM, of which the first is behind its own tenant.
    eventually("all are counted", || counts() == [9, 11, 1]);
}

/// A client that has nothing sent to the server leaves the discard to the next, which may be one with settings.
#[test]
fn settings_of_a_client_are_in_force_behind_a_client_that_only_had_the_connection() {
    let proxy = proxy();
    let [mut alpha, mut beta] = marked(&proxy);
    let mut silent = proxy.wire("beta");
    beta.run("set work_mem = '7MB'");
    for _ in 0..2 {
        alpha.run("select 1");
        // Refused by the proxy when it has the connection.
        assert!(silent.query("deallocate pgtenant_role_0")[0].contains("26000"));
        assert_eq!(beta.value("show work_mem"), "7MB");
        assert_eq!(alpha.value("show work_mem"), "4MB");
    }
}

#[test]
fn without_hardening_tenants_take_turns_and_none_runs_code() {
    let proxy =
        Proxy::start_shared_unhardened(&["alpha", "beta"], |config| config.pool.max_server_connections = 1);
    let mut wires = marked(&proxy);
    for (wire, tenant) in wires.iter_mut().zip(["alpha", "beta"]) {
        assert!(wire.query("do $$ begin perform 1; end $$")[0].contains("42501"));
        let set = wire.query("select set_config('ro' || 'le', 'none', false)");
        assert!(set[0].contains("42501"), "{set:?}");
        assert_eq!(wire.value("select body from notes"), tenant);
    }
}

/// What the hand-over rests on: where something behind DISCARD ALL fails in the same batch, nothing comes back.
#[test]
fn discard_all_at_the_head_of_a_batch_is_not_undone_by_what_fails_behind_it() {
    let proxy = proxy();
    let mut wire = proxy.direct("alpha");
    wire.run("set datestyle = 'German'; create temp table left_over (a int); select pg_advisory_lock(1)");
    let batch = [unnamed("discard all", &[]), unnamed("select 1/0", &[]), sync()];
    let lines = wire.say(&batch.concat());
    assert!(lines.iter().any(|line| line.contains("22012")), "{lines:?}");
    assert_eq!(wire.value("show datestyle"), "ISO, MDY");
    assert_eq!(wire.value("select to_regclass('left_over') is null"), "t");
    assert_eq!(
        wire.value("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"),
        "0"
    );
}

#[test]
fn first_message_of_every_kind_behind_a_hand_over_is_its_tenants_own() {
    let proxy = proxy();
    let [mut alpha, mut beta] = marked(&proxy);
    let tenant_of = "select body from notes";
    let firsts: [(&str, Vec<u8>); 12] = [
        ("query", query(tenant_of)),
        ("several statements", query("select 1; select body from notes")),
        ("an empty query", query("")),
        ("begin", query("begin")),
        ("begin with its isolation", query("begin isolation level serializable read only")),
        ("a failing query", query("select 1/0")),
        ("a query that does not parse there", query("select nothing_of_this_name")),
        ("vacuum", query("vacuum notes")),
        ("discard all", query("discard all")),
        ("a batch", [unnamed(tenant_of, &[]), sync()].concat()),
        ("a batch that begins", [unnamed("begin", &[]), unnamed(tenant_of, &[]), sync()].concat()),
        ("a batch that fails", [unnamed("select 1/0", &[]), unnamed(tenant_of, &[]), sync()].concat()),
    ];
    for (what, first) in firsts {
        assert_eq!(alpha.value(tenant_of), "alpha", "{what}");
        let lines = beta.say(&first);
        assert!(!lines.iter().any(|line| line.contains("alpha")), "{what}: {lines:?}");
        assert!(lines.last().is_some_and(|line| line.starts_with("ReadyForQuery")), "{what}: {lines:?}");
        beta.query("rollback");
        assert_eq!(beta.value("select current_user"), proxy.role("beta"), "{what}");
        assert_eq!(beta.value(tenant_of), "beta", "{what}");
    }
    assert_eq!(alpha.backend(), beta.backend());
}

#[test]
fn statements_prepared_by_message_are_each_tenants_own() {
    let proxy = proxy();
    let mut wires = marked(&proxy);
    for wire in &mut wires {
        wire.say(&[parse("s", "select body from notes where id > $1"), sync()].concat());
    }
    for _ in 0..3 {
        for (wire, tenant) in wires.iter_mut().zip(["alpha", "beta"]) {
            let lines = wire.say(&[bind("", "s", &["0"]), execute("", 0), sync()].concat());
            assert!(lines.iter().any(|line| line.contains(tenant)), "{lines:?}");
        }
    }
}

#[test]
fn blocks_savepoints_chains_and_errors_keep_their_tenant() {
    let proxy = proxy();
    let mut wires = marked(&proxy);
    for (wire, tenant) in wires.iter_mut().zip(["alpha", "beta"]) {
        let own = |wire: &mut Wire| assert_eq!(wire.value("select body from notes"), tenant);
        wire.run("begin isolation level serializable");
        wire.run("set transaction read only");
        own(wire);
        wire.run("commit and chain");
        own(wire);
        wire.run("rollback and chain");
        own(wire);
        wire.run("savepoint s");
        assert!(wire.query("select 1/0")[0].contains("22012"));
        wire.run("rollback to s");
        own(wire);
        wire.run("commit");
        wire.run("begin");
        wire.run("savepoint first");
        own(wire);
        wire.run("rollback to first");
        own(wire);
        wire.run("rollback");
        own(wire);
        wire.run("begin; update notes set body = body; commit; select body from notes");
        own(wire);
        let batch = [
            unnamed("begin", &[]),
            unnamed("select body from notes", &[]),
            unnamed("commit", &[]),
            unnamed("select body from notes", &[]),
            sync(),
        ];
        let lines = wire.say(&batch.concat());
        assert_eq!(lines.iter().filter(|line| line.contains(tenant)).count(), 2, "{lines:?}");
        own(wire);
    }
}

#[test]
fn statements_that_run_in_no_transaction_work_and_leave_no_role() {
    let proxy = proxy();
    let [mut alpha, mut beta] = marked(&proxy);
    for sql in [
        "vacuum notes",
        "analyze notes",
        "create index concurrently by_body on notes (body)",
        "reindex index concurrently by_body",
        "drop index concurrently by_body",
        "cluster",
    ] {
        alpha.run(sql);
        assert_eq!(beta.value("select current_user"), proxy.role("beta"), "{sql}");
        let lines = alpha.say(&[unnamed(sql, &[]), sync()].concat());
        let failed = lines.iter().find(|line| line.starts_with("Error"));
        assert!(failed.is_none_or(|line| !line.contains("42501")), "{sql}: {lines:?}");
        assert_eq!(beta.value("select body from notes"), "beta", "{sql}");
    }
}

#[test]
fn copy_in_and_out_is_each_tenants_own() {
    let proxy = proxy();
    let [mut alpha, mut beta] = marked(&proxy);
    alpha.send(&[query("copy notes (body) from stdin"), copy_data("copied\n"), copy_done()].concat());
    alpha.until_ready();
    assert_eq!(alpha.value("select count(*) from notes"), "2");
    assert_eq!(beta.value("select count(*) from notes"), "1");
    assert!(beta.query("copy notes to stdout").iter().any(|line| line.contains("beta")));
}

#[test]
fn nothing_that_one_tenant_leaves_is_seen_by_the_next_on_the_same_process() {
    let proxy = proxy();
    for state in STATES {
        for (n, leave) in WAYS_OUT.iter().enumerate() {
            let mut maker = proxy.wire("alpha");
            state.make.iter().for_each(|sql| maker.run(sql));
            let pid = maker.backend();
            leave(maker);
            let mut next = proxy.wire("beta");
            assert_eq!(next.value(state.is_there), "f", "{}, way out {n}", state.name);
            assert_eq!(next.backend(), pid, "{}, way out {n}", state.name);
        }
    }
}

#[test]
fn nothing_is_left_by_code_that_no_text_shows() {
    let proxy = proxy();
    let (mut alpha, mut beta) = (proxy.wire("alpha"), proxy.wire("beta"));
    alpha.run(
        "create function spoil() returns trigger language plpgsql as $$ begin \
         set statement_timeout = 1; set search_path = pg_catalog; set default_transaction_read_only = on; \
         create temp table if not exists notes (body text); perform setseed(0.5); return new; end $$",
    );
    alpha.run("create trigger spoil before insert on notes for each row execute function spoil()");
    let mut random = BTreeSet::new();
    for _ in 0..3 {
        let was = [alpha.query("insert into notes (body) values ('x')"), alpha.query("discard all")];
        let shown = beta.query("show statement_timeout");
        assert!(shown.iter().any(|line| line == "DataRow 0"), "{was:?} {shown:?}");
        assert_eq!(beta.value("show statement_timeout"), "0");
        assert_eq!(beta.value("select current_schema()"), proxy.role("beta"));
        assert_eq!(
            beta.value(
                "select count(*) from pg_class where relname = 'notes' and relnamespace = pg_my_temp_schema()"
            ),
            "0"
        );
        beta.run("insert into notes (body) values ('y')");
        random.insert(beta.value("select random()"));
    }
    assert_eq!(random.len(), 3, "{random:?}");
}

#[test]
fn settings_of_the_startup_packet_hold_in_each_transaction_and_are_told_once() {
    let proxy = proxy();
    let start = [
        ("options", "-c work_mem=7MB -c my.mark=it"),
        ("TimeZone", "Asia/Tokyo"),
        ("application_name", "it"),
    ];
    let mut one = proxy.wire_with("alpha", &start).unwrap();
    let mut two = proxy.wire("beta");
    for _ in 0..3 {
        assert_eq!(
            one.value("select current_setting('work_mem') || current_setting('timezone')"),
            "7MBAsia/Tokyo"
        );
        assert_eq!(
            one.value("select current_setting('my.mark') || current_setting('application_name')"),
            "itit"
        );
        assert_eq!(two.value("select current_setting('work_mem')"), "4MB");
        assert_eq!(two.value("select coalesce(current_setting('my.mark', true), '')"), "");
        one.send(&query("begin"));
        assert!(one.until_ready().iter().all(|line| !line.contains("Parameter")));
        one.send(&query("select 1 + 1"));
        assert!(one.until_ready().iter().all(|line| !line.contains("Parameter")));
        one.run("commit");
    }
    one.run("set timezone = 'UTC'");
    assert_eq!(two.value("select current_user"), proxy.role("beta"));
    assert_eq!(one.value("select current_setting('work_mem') || current_setting('timezone')"), "7MBUTC");
    one.run("reset timezone");
    assert_eq!(one.value("show timezone"), "Asia/Tokyo");
    one.run("discard all");
    assert_eq!(one.value("show work_mem"), "7MB");
}

#[test]
fn tenant_whose_role_is_gone_gets_an_error_and_disturbs_nobody() {
    let proxy = proxy();
    let [mut alpha, mut beta] = marked(&proxy);
    let pool = proxy.admin().value("select pool_role from pgtenant.installation");
    proxy.admin().run(&format!("revoke {} from {pool}", proxy.role("alpha")));
    for _ in 0..2 {
        assert!(alpha.query("select body from notes")[0].contains("55000"));
        let lines = alpha.say(&[unnamed("select body from notes", &[]), sync()].concat());
        assert!(lines[0].contains("55000"), "{lines:?}");
        // What was sent with it is of no COPY, and the next query is answered.
        let copy = [query("copy notes (body) from stdin"), copy_data("x\n"), copy_done(), query("begin")];
        alpha.send(&copy.concat());
        assert!(alpha.until_ready()[0].contains("55000"));
        assert_eq!(alpha.until_ready(), ["CommandComplete BEGIN", "ReadyForQuery T"]);
        assert!(alpha.query("select body from notes")[0].contains("55000"));
        alpha.run("rollback");
        assert_eq!(beta.value("select body from notes"), "beta");
    }
    proxy.admin().run(&format!("grant {} to {pool}", proxy.role("alpha")));
    assert_eq!(alpha.value("select body from notes"), "alpha");
}

/// What changes the role, in the spellings that a plain `SET ROLE` on a shared login does not withstand.
const ROLE_CHANGES: [&str; 14] = [
    "select set_config('role', '{beta}', false)",
    "select set_config('ro' || 'le', '{beta}', false)",
    "do $$ begin perform set_config('role', '{beta}', false); end $$",
    "do $$ begin execute 'set role {beta}'; end $$",
    "do $$ begin execute 'reset role'; end $$",
    "create function f() returns int language sql set role = '{beta}' as 'select 1'",
    "create or replace function f() returns text language plpgsql as $$ begin execute 'set role {beta}'; return current_user; end $$; select f()",
    "set \"RoLe\" = '{beta}'",
    "reset role",
    "set session authorization default",
    "execute pgtenant_role_0(0, '{beta}')",
    "do $$ begin execute 'execute pgtenant_role_0(0, ''{beta}'')'; end $$",
    "do $$ begin execute 'discard all'; end $$",
    "select * from query_to_xml('select set_config(''role'', ''{beta}'', false)', true, false, '')",
];

#[test]
fn no_way_to_change_the_role_leads_to_another_tenant() {
    let proxy = proxy();
    let [mut alpha, mut beta] = marked(&proxy);
    let (own, other) = (proxy.role("alpha"), proxy.role("beta"));
    for sql in ROLE_CHANGES {
        let sql = sql.replace("{beta}", &other);
        for follow in [format!("select body from {other}.notes"), "select body from notes".to_owned()] {
            alpha.run("begin");
            alpha.query(&sql);
            let seen = alpha.query(&follow);
            assert!(
                !seen.iter().any(|line| line.contains("beta") && line.contains("DataRow")),
                "{sql}: {seen:?}"
            );
            alpha.run("rollback");
            alpha.query(&sql);
            assert_eq!(alpha.value("select current_user"), own, "{sql}");
            assert_eq!(alpha.value("select body from notes"), "alpha", "{sql}");
            alpha.run("discard all");
            assert_eq!(beta.value("select body from notes"), "beta", "{sql}");
        }
    }
}

/// Cancel requests of the clients themselves, while their connections change hands.
#[test]
fn flood_of_cancel_requests_never_lets_a_statement_run_as_another_tenant() {
    let proxy =
        Proxy::start_shared(&["alpha", "beta", "gamma"], |config| config.pool.max_server_connections = 2);
    let until = Instant::now() + Duration::from_secs(4);
    let stop = AtomicBool::new(false);
    let counts: Vec<(u32, u32)> = std::thread::scope(|scope| {
        let clients: Vec<_> = ["alpha", "beta", "gamma"]
            .into_iter()
            .flat_map(|tenant| [(tenant, false), (tenant, true)])
            .map(|(tenant, extended)| {
                let (proxy, stop) = (&proxy, &stop);
                scope.spawn(move || {
                    let mut wire = proxy.wire(tenant);
                    let canceller = wire.canceller();
                    let role = proxy.role(tenant);
                    std::thread::scope(|inner| {
                        inner.spawn(move || {
                            while !stop.load(Ordering::Relaxed) {
                                canceller();
                            }
                        });
                        let (mut right, mut cancelled) = (0, 0);
                        while Instant::now() < until {
                            let sql = "select current_user, pg_sleep(0.0005)";
                            let message =
                                if extended { [unnamed(sql, &[]), sync()].concat() } else { query(sql) };
                            let lines = wire.say(&message);
                            match lines.iter().find(|line| line.starts_with("DataRow")) {
                                Some(row) => {
                                    assert!(row.contains(&role), "{row}");
                                    right += 1;
                                }
                                None => {
                                    assert!(lines.iter().any(|line| line.contains("57014")), "{lines:?}");
                                    cancelled += 1;
                                }
                            }
                        }
                        stop.store(true, Ordering::Relaxed);
                        (right, cancelled)
                    })
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    assert!(counts.iter().all(|(right, _)| *right > 0), "{counts:?}");
    assert!(counts.iter().any(|(_, cancelled)| *cancelled > 0), "{counts:?}");
}

/// What a client set in its startup packet holds in whatever it says, pinned or not, whichever way the role is taken.
#[test]
fn settings_of_the_startup_packet_hold_where_the_role_is_taken_for_longer_than_a_transaction() {
    let proxy = proxy();
    let start = [("datestyle", "SQL, DMY"), ("timezone", "Europe/Berlin"), ("application_name", "started")];
    let shown = "select current_setting('datestyle'), current_setting('timezone'), current_setting('application_name')";
    let own = "SQL, DMY|Europe/Berlin|started";
    let rows = |lines: &[String]| -> Vec<String> {
        lines.iter().filter_map(|line| line.strip_prefix("DataRow ")).map(str::to_owned).collect()
    };
    let mut wire = proxy.wire_with("alpha", &start).unwrap();
    assert_eq!(rows(&wire.query(&format!("begin; {shown}; commit"))), [own]);
    assert_eq!(rows(&wire.query(&format!("begin; {shown}; rollback; {shown}"))), [own, own]);
    assert_eq!(wire.value(shown), own);
    // Another tenant has the connection meanwhile, with other settings.
    assert_eq!(proxy.wire("beta").value("show timezone"), proxy.direct("beta").value("show timezone"));
    // A session lock outlives its rolled back transaction, and keeps the connection with its role.
    wire.run("begin; select pg_try_advisory_lock(2); rollback");
    assert_eq!(wire.value(shown), own);
    wire.run("set application_name = 'changed'");
    assert_eq!(wire.value(shown), "SQL, DMY|Europe/Berlin|changed");
    wire.run("reset timezone; reset application_name");
    assert_eq!(wire.value(shown), own);
    wire.run("select pg_advisory_unlock(2)");
    assert_eq!(wire.value(shown), own);
    assert_eq!(proxy.wire("beta").value("show timezone"), proxy.direct("beta").value("show timezone"));
}

#[test]
fn settings_of_the_startup_packet_hold_beside_those_that_a_pinned_client_sets() {
    for proxy in [proxy(), Proxy::start(&["alpha", "beta"], |config| config.pool.max_server_connections = 1)]
    {
        let start = [("datestyle", "SQL, DMY"), ("timezone", "Europe/Berlin")];
        let shown =
            "select current_setting('datestyle'), current_setting('timezone'), current_setting('work_mem')";
        let mut wire = proxy.wire_with("alpha", &start).unwrap();
        let work_mem = wire.value("show work_mem");
        wire.run("create temp table t (id int)");
        wire.run("set work_mem = '7MB'");
        assert_eq!(wire.value(shown), "SQL, DMY|Europe/Berlin|7MB");
        wire.run("reset timezone");
        assert_eq!(wire.value(shown), "SQL, DMY|Europe/Berlin|7MB");
        wire.run("set timezone = 'UTC'");
        assert_eq!(wire.value(shown), "SQL, DMY|UTC|7MB");
        wire.run("reset all");
        assert_eq!(wire.value(shown), format!("SQL, DMY|Europe/Berlin|{work_mem}"));
        wire.run("begin; set local timezone = 'UTC'; commit");
        wire.run("begin; set timezone = 'UTC'; rollback");
        assert_eq!(wire.value(shown), format!("SQL, DMY|Europe/Berlin|{work_mem}"));
        wire.run("discard all");
        assert_eq!(wire.value(shown), format!("SQL, DMY|Europe/Berlin|{work_mem}"));
    }
}

/// What stands alone behind BEGIN, in blocks that go on, fail, or end within a text.
#[test]
fn beginnings_of_blocks_are_answered_as_on_a_direct_connection() {
    let proxy = proxy();
    proxy.direct("alpha").run("create table t (id int)");
    let level = "set transaction isolation level serializable";
    for conversation in [
        &["begin", "set local lock_timeout = '1s'", level, "show transaction_isolation", "commit"][..],
        &["begin", "show datestyle", "listen a", level, "select id from t where false", "commit"],
        &["begin", "lock table t in share mode", level, "rollback"],
        &["begin", "select id from t where false", level, "rollback"],
        &["begin", "selec", "select id from t where false", "commit", "select id from t where false"],
        &["begin", "insert into t values (1); commit", "select id from t where false"],
        &["begin", "begin; insert into t values (1); commit", "select id from t where false"],
        &["begin", "insert into t values (1); rollback", "select id from t where false"],
        &["begin", "savepoint a", "select 1/0", "rollback to a", "insert into t values (2)", "rollback"],
    ] {
        let [mut through, mut direct] = [proxy.wire("alpha"), proxy.direct("alpha")];
        for sql in conversation {
            let answer = through.query(sql);
            assert_eq!(answer, direct.query(sql), "{sql} in {conversation:?}");
            if answer.last().is_some_and(|last| last == "ReadyForQuery I") {
                assert_eq!(proxy.wire("beta").value("select current_user"), proxy.role("beta"));
            }
        }
    }
}
