//! Cancel requests hit what they are meant for and nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, cancel, query, sync, unnamed};

const CANCELLED: &str = "Error ERROR 57014 canceling statement due to user request";

fn until_active(proxy: &Proxy, text: &str, number: usize) {
    let mut admin = proxy.admin();
    let sql = format!(
        "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%{text}%'"
    );
    eventually("the queries run", || admin.value(&sql) == number.to_string());
}

#[test]
fn cancel_stops_its_own_clients_query_only() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.send(&query("select pg_sleep(60) as story"));
    two.send(&query("select 'done', pg_sleep(0.5) as story"));
    until_active(&proxy, "as story", 2);
    one.cancel();
    let lines = one.until_ready();
    assert_eq!(lines[lines.len() - 2..], [CANCELLED, "ReadyForQuery I"]);
    assert_eq!(two.until_ready()[1], "DataRow done|");
    assert_eq!(one.value("select 1"), "1");
}

#[test]
fn cancel_within_a_transaction_aborts_it() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut wire = proxy.wire("alpha");
    wire.run("begin");
    wire.send(&[unnamed("select pg_sleep(60) as story", &[]), sync()].concat());
    until_active(&proxy, "as story", 1);
    wire.cancel();
    let lines = wire.until_ready();
    assert_eq!(lines[lines.len() - 2..], [CANCELLED, "ReadyForQuery E"]);
    wire.run("rollback");
}

#[test]
fn cancel_with_a_wrong_key_does_nothing() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut wire = proxy.wire("alpha");
    wire.send(&query("select 'undisturbed', pg_sleep(0.5) as story"));
    until_active(&proxy, "as story", 1);
    let mut wrong = wire.key.clone();
    wrong[0] ^= 1;
    cancel(proxy.addr(), wire.pid, &wrong);
    cancel(proxy.addr(), wire.pid ^ 1, &wire.key);
    cancel(proxy.addr(), wire.pid, &[wire.key.clone(), vec![0; 28]].concat());
    assert_eq!(wire.until_ready()[1], "DataRow undisturbed|");
}

#[test]
fn key_of_a_client_is_not_the_servers() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut wire = proxy.wire("alpha");
    let backend = wire.backend();
    assert_ne!(wire.pid, backend);
}

#[test]
fn cancel_while_the_client_waits_for_a_server_connection_is_57014_in_both_protocols() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let (mut holder, mut waiter) = (proxy.wire("alpha"), proxy.wire("alpha"));
    holder.run("begin");
    for message in [query("select 1"), [unnamed("select 1", &[]), sync()].concat()] {
        waiter.send(&message);
        eventually("it waits", || proxy.shared().pool.load().waiting == 1);
        waiter.cancel();
        assert_eq!(waiter.until_ready(), [CANCELLED, "ReadyForQuery I"]);
    }
    holder.run("rollback");
    assert_eq!(waiter.value("select 1"), "1");
}

/// All are cancelled at once: the end of one's query hands its server connection to the next, whose cancel comes
/// at the same moment.
#[test]
fn cancel_at_the_moment_in_which_a_waiting_client_gets_its_server_connection_is_not_lost() {
    const CLIENTS: usize = 8;
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| proxy.wire("alpha")).collect();
    for _ in 0..15 {
        for client in &mut clients {
            // Whoever is not cancelled has another answer.
            client.send(&query("select pg_sleep(3)"));
        }
        eventually("the others wait", || proxy.shared().pool.load().waiting == CLIENTS - 2);
        thread::scope(|scope| {
            for client in &clients {
                scope.spawn(|| cancel(proxy.addr(), client.pid, &client.key));
            }
        });
        for client in &mut clients {
            let lines = client.until_ready();
            assert_eq!(lines[lines.len() - 2..], [CANCELLED, "ReadyForQuery I"]);
        }
    }
}

#[test]
fn cancel_of_an_idle_client_does_nothing_now_or_later() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let (mut idle, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
    idle.run("select 1");
    other.send(&query("select 'mine', pg_sleep(0.3)"));
    until_active(&proxy, "mine", 1);
    idle.cancel();
    assert_eq!(other.until_ready()[1], "DataRow mine|");
    assert_eq!(idle.value("select 1"), "1");
    // Idle in a transaction.
    idle.run("begin");
    idle.cancel();
    assert_eq!(idle.value("select 1"), "1");
    idle.run("commit");
}

#[test]
fn key_of_a_client_that_has_left_does_nothing() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let gone = proxy.wire("alpha");
    let (pid, key) = (gone.pid, gone.key.clone());
    drop(gone);
    let mut next = proxy.wire("alpha");
    next.send(&query("select 'mine', pg_sleep(0.3)"));
    until_active(&proxy, "mine", 1);
    cancel(proxy.addr(), pid, &key);
    assert_eq!(next.until_ready()[1], "DataRow mine|");
}

/// Half of the clients are cancelled all the time, at any moment; the others share their server
/// connections and must never notice. Every answer carries the token of its own question.
#[test]
fn flood_of_cancels_never_hits_a_client_it_was_not_meant_for() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| config.pool.max_server_connections = 3);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for n in 0..3 {
            let (proxy, stop) = (&proxy, &stop);
            let mut victim = proxy.wire(if n == 2 { "beta" } else { "alpha" });
            let (pid, key) = (victim.pid, victim.key.clone());
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    cancel(proxy.addr(), pid, &key);
                }
            });
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let token = format!("victim {n} {number}");
                    let sql = format!("select '{token}' from pg_sleep(0.001)");
                    let message =
                        if number % 2 == 0 { query(&sql) } else { [unnamed(&sql, &[]), sync()].concat() };
                    check(&victim.say(&message), &token, true);
                }
            });
        }
        let bystanders: Vec<_> = ["alpha", "alpha", "beta"]
            .into_iter()
            .enumerate()
            .map(|(n, tenant)| {
                let mut wire = proxy.wire(tenant);
                scope.spawn(move || {
                    for number in 0..400 {
                        let token = format!("bystander {n} {number}");
                        let sql = format!("select '{token}' from pg_sleep(0.001)");
                        check(&wire.query(&sql), &token, false);
                    }
                })
            })
            .collect();
        // Whatever a thread finds wrong, the others must end.
        let ended: Vec<_> = bystanders.into_iter().map(|thread| thread.join()).collect();
        stop.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|end| end.unwrap());
    });
    let mut after = proxy.wire("alpha");
    for n in 0..20 {
        assert_eq!(after.value(&format!("select {n}")), n.to_string());
    }
    eventually("nothing leaks", || {
        let load = proxy.shared().pool.load();
        load.waiting == 0 && load.total <= 3
    });
}

fn check(lines: &[String], token: &str, may_be_cancelled: bool) {
    let row = format!("DataRow {token}");
    let answered = lines.contains(&row) && !lines.iter().any(|line| line.starts_with("Error"));
    let cancelled = lines.contains(&CANCELLED.to_owned());
    assert!(answered || (may_be_cancelled && cancelled), "{token}: {lines:?}");
    assert_eq!(lines.last().unwrap(), "ReadyForQuery I");
}

#[test]
fn cancel_that_the_server_does_not_take_is_given_up_with_the_connection_it_was_for() {
    use crate::support::fake::{Fake, row};
    use pgtenant::config::ServerAddress;

    // The fake closes a cancel connection at once: as taken. The answer to the query comes after it.
    let fake = Fake::start(crate::support::cluster().port(), |conn| {
        while let Some(message) = conn.recv() {
            if message.tag == b'Q' {
                thread::park_timeout(Duration::from_millis(100));
                conn.send(&row("late"));
            }
        }
    });
    let proxy = Proxy::start(&["alpha"], |config| {
        config.server.address = ServerAddress::Tcp("127.0.0.1".into(), fake.port);
        config.pool.max_server_connections = 1;
    });
    let mut wire: Wire = proxy.wire("alpha");
    wire.send(&query("select 1"));
    wire.cancel();
    assert_eq!(wire.until_ready()[1], "DataRow late");
    assert_eq!(wire.value("select 2"), "late");
    assert_eq!(fake.logins(), 1);
}
