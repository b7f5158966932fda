//! What commands do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{console, row, rows, start};
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, query};

/// How many server connections PostgreSQL has for the tenant.
fn servers(proxy: &Proxy, tenant: &str) -> usize {
    let sql = format!("select count(*) from pg_stat_activity where usename = '{}'", proxy.role(tenant));
    proxy.admin().value(&sql).parse().unwrap()
}

/// Ends the load however the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn paused_tenant_waits_without_an_error_under_load_and_the_others_do_not() {
    let proxy = start(&["alpha", "beta"], |config| {
        // On a busy machine a server connection may take half of that to be opened.
        config.limits.wait_timeout = Duration::from_secs(1);
        config.pool.max_server_connections = 4;
    });
    let (stop, done) = (AtomicBool::new(false), [AtomicUsize::new(0), AtomicUsize::new(0)]);
    let mut ops = console(&proxy, "ops");
    let (alpha, of) = (proxy.user("alpha"), |at: usize| done[at].load(Ordering::Relaxed));
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for (at, tenant) in ["alpha", "beta", "alpha", "beta", "alpha"].into_iter().enumerate() {
            let (proxy, stop, done) = (&proxy, &stop, &done[at % 2]);
            scope.spawn(move || {
                let mut wire = proxy.wire(tenant);
                while !stop.load(Ordering::Relaxed) {
                    wire.run("select 1");
                    wire.run("begin; insert into notes (body) values ('x'); commit");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..3 {
            let before = of(0);
            eventually("alpha works", || of(0) > before + 20);
            ops.run(&format!("PAUSE {alpha}"));
            assert_eq!(
                servers(&proxy, "alpha"),
                0,
                "its server connections are closed when the answer comes"
            );
            assert_eq!(row(&mut ops, "SHOW DATABASES", "name", &alpha)["paused"], "1");
            let (paused, others) = (of(0), of(1));
            eventually("all of alpha wait", || {
                row(&mut ops, "SHOW POOLS", "database", &alpha)["cl_waiting"] == "3"
            });
            assert_eq!(row(&mut ops, "SHOW QUEUES", "database", &alpha)["waits_for"], "resume");
            // For longer than anybody else may wait.
            eventually("they wait for long", || {
                let queue = row(&mut ops, "SHOW QUEUES", "database", &alpha);
                queue["maxwait_us"].parse::<u32>().unwrap() > 200_000 && queue["maxwait"] != "0"
            });
            eventually("beta works on", || of(1) > others + 20);
            assert!(of(0) <= paused + 3, "what was under way may end");
            ops.run(&format!("RESUME {alpha}"));
        }
        let before = of(0);
        eventually("alpha works again", || of(0) > before + 20);
        ops.run("PAUSE");
        assert_eq!((servers(&proxy, "alpha"), servers(&proxy, "beta")), (0, 0));
        assert_eq!(row(&mut ops, "SHOW STATE", "key", "paused")["value"], "yes");
        ops.run("RESUME");
        let before = [of(0), of(1)];
        eventually("all work again", || of(0) > before[0] + 20 && of(1) > before[1] + 20);
    });
    assert_eq!(proxy.time_outs("wait"), 0);
}

#[test]
fn tenant_of_level_shared_is_paused_and_the_shared_connections_go_on() {
    let proxy = Proxy::start_shared(&["alpha", "beta"], super::with_users);
    let (mut alpha, mut beta) = (proxy.wire("alpha"), proxy.wire("beta"));
    alpha.run("begin");
    let mut ops = console(&proxy, "ops");
    ops.send(&query(&format!("PAUSE {}", proxy.user("alpha"))));
    eventually("it is paused", || {
        proxy.shared().clusters.main().pool.is_paused(proxy.run(proxy.db.summary("alpha")).tenant.id)
    });
    beta.run("select 1");
    assert!(!ops.has_input(), "it waits for the transaction");
    alpha.run("commit");
    assert_eq!(ops.until_ready(), ["CommandComplete PAUSE", "ReadyForQuery I"]);
    alpha.send(&query("select 1"));
    beta.run("select 1");
    eventually("alpha waits", || proxy.shared().clusters.main().pool.load().waiting == 1);
    ops.run(&format!("RESUME {}", proxy.user("alpha")));
    assert!(alpha.until_ready()[0].starts_with("RowDescription"));
}

#[test]
fn pause_waits_for_transactions_and_can_be_cancelled() {
    let proxy = start(&["alpha"], |_| {});
    let alpha = proxy.user("alpha");
    let mut busy = proxy.wire("alpha");
    busy.run("begin");
    let mut ops = console(&proxy, "ops");
    let cancel = ops.canceller();
    ops.send(&query(&format!("PAUSE {alpha}")));
    eventually("it is paused", || {
        row(&mut console(&proxy, "exporter"), "SHOW TENANTS", "tenant", &alpha)["state"] == "paused"
    });
    cancel();
    let lines = ops.until_ready();
    assert!(lines[0].starts_with("Error ERROR 57014"), "{lines:?}");
    busy.run("select 1; commit");
    busy.send(&query("select 2"));
    eventually("it stays paused", || proxy.shared().clusters.main().pool.load().waiting == 1);
    let mut wrong = console(&proxy, "ops");
    wrong.key[0] ^= 1;
    wrong.cancel();
    ops.run(&format!("RESUME {alpha}"));
    busy.until_ready();
    let lines = ops.query(&format!("RESUME {alpha}"));
    assert!(lines[0].starts_with("Error ERROR 55000"), "{lines:?}");
    assert!(ops.query("RESUME")[0].starts_with("Error ERROR 55000"));
}

#[test]
fn operator_who_leaves_while_a_pause_waits_is_forgotten_and_the_pause_is_not() {
    let proxy = start(&["alpha"], |_| {});
    let alpha = proxy.user("alpha");
    let mut busy = proxy.wire("alpha");
    busy.run("begin");
    let clients = || proxy.shared().counters.snapshot().clients_current;
    let mut ops = console(&proxy, "ops");
    ops.send(&query(&format!("PAUSE {alpha}")));
    eventually("it is paused", || {
        row(&mut console(&proxy, "exporter"), "SHOW TENANTS", "tenant", &alpha)["state"] == "paused"
    });
    drop(ops);
    eventually("only the busy one is here", || clients() == 1);
    assert_eq!(row(&mut console(&proxy, "ops"), "SHOW TENANTS", "tenant", &alpha)["state"], "paused");
}

#[test]
fn newcomers_of_a_paused_tenant_wait_and_those_who_leave_are_forgotten() {
    let proxy = start(&["alpha"], |_| {});
    let alpha = proxy.user("alpha");
    let mut ops = console(&proxy, "ops");
    ops.run(&format!("PAUSE {alpha}"));
    let came = thread::scope(|scope| {
        let coming = scope.spawn(|| proxy.wire("alpha").value("select 1"));
        let mut leaver = Wire::dial(proxy.addr());
        let parameters = [("user", alpha.as_str()), ("database", &proxy.db.name)];
        leaver.send(&crate::support::wire::startup(crate::support::wire::V3_0, &parameters));
        leaver.authenticate(crate::support::proxy::PASSWORD).unwrap();
        eventually("both wait", || row(&mut ops, "SHOW POOLS", "database", &alpha)["cl_waiting"] == "2");
        drop(leaver);
        eventually("one waits", || row(&mut ops, "SHOW POOLS", "database", &alpha)["cl_waiting"] == "1");
        ops.run(&format!("RESUME {alpha}"));
        coming.join().unwrap()
    });
    assert_eq!(came, "1");
}

#[test]
fn killed_tenant_is_cut_off_and_kept_out_until_it_is_resumed() {
    let proxy = start(&["alpha", "beta"], |config| config.limits.max_server_connections = 1);
    let alpha = proxy.user("alpha");
    let (mut idle, mut busy, mut waiting) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("alpha"));
    let mut other = proxy.wire("beta");
    busy.run("begin; insert into notes (body) values ('lost')");
    waiting.send(&query("select 1"));
    eventually("it waits", || proxy.shared().clusters.main().pool.load().waiting == 1);
    let mut ops = console(&proxy, "ops");
    ops.run(&format!("KILL {alpha}"));
    for wire in [&mut idle, &mut busy, &mut waiting] {
        let lines = wire.until_end();
        assert!(lines[0].starts_with("Error FATAL 57P01 terminating connection"), "{lines:?}");
    }
    assert_eq!(servers(&proxy, "alpha"), 0);
    other.run("select 1");
    let count = thread::scope(|scope| {
        let coming = scope.spawn(|| proxy.wire("alpha").value("select count(*) from notes"));
        eventually("the newcomer waits", || proxy.shared().clusters.main().pool.load().waiting == 1);
        ops.run(&format!("RESUME {alpha}"));
        coming.join().unwrap()
    });
    assert_eq!(count, "0", "the transaction was rolled back");
}

#[test]
fn one_client_is_killed_by_its_id() {
    let proxy = start(&["alpha"], |_| {});
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    let mut ops = console(&proxy, "ops");
    let id = one.pid;
    ops.run(&format!("KILL_CLIENT {id}"));
    assert!(one.until_end()[0].contains("57P01"));
    two.run("select 1");
    assert!(ops.query(&format!("KILL_CLIENT {id}"))[0].starts_with("Error ERROR 42704"));
}

#[test]
fn disabled_tenant_takes_no_newcomers_and_keeps_who_is_there() {
    let proxy = start(&["alpha", "beta"], |_| {});
    let alpha = proxy.user("alpha");
    let mut there = proxy.wire("alpha");
    let mut ops = console(&proxy, "ops");
    ops.run(&format!("DISABLE {alpha}"));
    let refused = proxy.wire_with("alpha", &[]).err().unwrap();
    assert_eq!(refused, format!("Error FATAL 57P03 tenant \"{alpha}\" takes no new connections"));
    there.run("select 1");
    proxy.wire("beta").run("select 1");
    assert_eq!(row(&mut ops, "SHOW DATABASES", "name", &alpha)["disabled"], "1");
    ops.run(&format!("ENABLE {alpha}"));
    proxy.wire("alpha").run("select 1");
    assert!(ops.query(&format!("ENABLE {alpha}"))[0].starts_with("Error ERROR 55000"));
}

#[test]
fn reconnected_tenant_gets_new_server_connections_when_transactions_are_over() {
    let proxy = start(&["alpha", "beta"], |_| {});
    let alpha = proxy.user("alpha");
    let (mut busy, mut idle, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("beta"));
    busy.run("begin");
    let (first, second, beta) = (busy.backend(), idle.backend(), other.backend());
    assert_ne!(first, second);
    let mut ops = console(&proxy, "ops");
    ops.run(&format!("RECONNECT {alpha}"));
    assert_eq!(busy.backend(), first, "in the transaction nothing changes");
    assert_eq!(row(&mut ops, "SHOW SERVERS", "remote_pid", &first.to_string())["close_needed"], "1");
    let mut waits = console(&proxy, "ops");
    waits.send(&query(&format!("WAIT_CLOSE {alpha}")));
    let third = idle.backend();
    assert!(third != second && third != first);
    busy.run("commit");
    assert_eq!(waits.until_ready(), ["CommandComplete WAIT_CLOSE", "ReadyForQuery I"]);
    assert_ne!(busy.backend(), first);
    assert_eq!(other.backend(), beta);
    ops.run("RECONNECT; WAIT_CLOSE");
    assert_ne!(other.backend(), beta);
    assert!(rows(&mut ops, "SHOW SERVERS").iter().all(|server| server["close_needed"] == "0"));
}

#[test]
fn wrong_statements_have_a_code_and_a_hint() {
    let proxy = start(&["alpha"], |_| {});
    let mut ops = console(&proxy, "ops");
    for (sql, code) in [
        ("SELECT 1", "42601"),
        ("SHOW NOTHING", "42601"),
        ("PAUSE nobody", "42704"),
        ("KILL \"Not A Slug\"", "42704"),
        ("SET server.host = 'elsewhere'", "55P02"),
        ("SET guard.mode = report", "55P02"),
        ("SET auth.token_keys_url = 'https://mine.example/keys'", "55P02"),
        ("SET nonsense = 1", "42704"),
        ("SHUTDOWN ABORT", "42601"),
    ] {
        ops.send(&query(sql));
        let message = ops.recv();
        let field = |code| {
            pgtenant::wire::view::error_field(&message.body, code)
                .map(|it| String::from_utf8_lossy(it).into_owned())
        };
        assert_eq!(field(b'C').as_deref(), Some(code), "{sql}: {message}");
        assert!(field(b'H').is_some(), "{sql}: {message}");
        assert_eq!(ops.until_ready(), ["ReadyForQuery I"]);
    }
    proxy.wire("alpha").run("select 1");
}

#[test]
fn message_that_is_too_long_ends_the_visit() {
    let proxy = start(&[], |_| {});
    let mut ops = console(&proxy, "ops");
    ops.try_send(&query(&"x".repeat(70_000)));
    assert!(ops.until_end()[0].starts_with("Error FATAL 08P01"));
    console(&proxy, "ops").run("SHOW VERSION");
}
