//! Cancel requests hit what they are meant for and nothing else.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, cancel, copy_data, copy_fail, query, sync, unnamed};

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
        eventually("it waits", || proxy.shared().clusters.main().pool.load().waiting == 1);
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
        eventually("the others wait", || proxy.shared().clusters.main().pool.load().waiting == CLIENTS - 2);
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
    other.send(&query("select 'mine', pg_sleep(1) as beside_idle"));
    until_active(&proxy, "beside_idle", 1);
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
    next.send(&query("select 'mine', pg_sleep(1) as after_gone"));
    until_active(&proxy, "after_gone", 1);
    cancel(proxy.addr(), pid, &key);
    assert_eq!(next.until_ready()[1], "DataRow mine|");
}

/// Half of the clients are cancelled all the time, at any moment; the others share their server
/// connections and must never notice. Every answer carries the token of its own question.
#[test]
fn flood_of_cancels_never_hits_a_client_it_was_not_meant_for() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.pool.max_server_connections = 3;
        config.limits.wait_timeout = Duration::from_secs(60);
    });
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
        let load = proxy.shared().clusters.main().pool.load();
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

/// A server that closes the connection by which a cancel came has taken it; what did not hit will hit nobody later. Otherwise nobody
/// knows whether it is still to come, and whom it would meet.
#[test]
fn cancel_that_the_server_does_not_take_is_given_up_with_the_connection_it_was_for() {
    use crate::support::fake::{Fake, row};
    use pgtenant::config::ServerAddress;

    let (asked, was_asked) = mpsc::channel();
    let fake = Fake::start(crate::support::cluster().port(), move |conn| {
        while let Some(message) = conn.recv() {
            if message.tag == b'Q' {
                let _ = asked.send(());
                thread::park_timeout(Duration::from_millis(100));
                conn.send(&row("late"));
            }
        }
    });
    let proxy = Proxy::start(&["alpha"], |config| {
        config.server.address = ServerAddress::Tcp("127.0.0.1".into(), fake.port);
        config.pool.max_server_connections = 1;
        config.limits.wait_timeout = Duration::from_secs(20);
    });
    let mut wire: Wire = proxy.wire("alpha");
    for logins in [1, 2] {
        wire.send(&query("select 1"));
        // A client that waits for a server connection would be told at once.
        was_asked.recv_timeout(Duration::from_secs(20)).expect("the server has the statement");
        wire.cancel();
        assert_eq!(wire.until_ready()[1], "DataRow late");
        assert_eq!(wire.value("select 2"), "late");
        was_asked.recv().unwrap();
        assert_eq!(fake.logins(), logins);
        fake.hold_cancels();
    }
}

/// Each costs the server a process, and whoever asks for it next to nothing.
#[test]
fn flood_of_cancels_for_one_statement_is_a_few_for_the_server() {
    use crate::support::fake::{Fake, row};
    use pgtenant::config::ServerAddress;

    let (asked, was_asked) = mpsc::channel();
    let fake = Fake::start(crate::support::cluster().port(), move |conn| {
        while let Some(message) = conn.recv() {
            if message.tag == b'Q' {
                let _ = asked.send(());
                thread::park_timeout(Duration::from_millis(600));
                conn.send(&row("late"));
            }
        }
    });
    let proxy = Proxy::start(&["alpha"], |config| {
        config.server.address = ServerAddress::Tcp("127.0.0.1".into(), fake.port);
    });
    let mut wire: Wire = proxy.wire("alpha");
    let (pid, key) = (wire.pid, wire.key.clone());
    wire.send(&query("select 1"));
    // A client that waits for a server connection would be told at once.
    was_asked.recv_timeout(Duration::from_secs(20)).expect("the server has the statement");
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| (0..100).for_each(|_| cancel(proxy.addr(), pid, &key)));
        }
        assert_eq!(wire.until_ready()[1], "DataRow late");
    });
    // One, what is sent again while nothing was answered, and one more of that.
    assert!((1..=14).contains(&fake.cancels()), "{}", fake.cancels());
}

/// While one is on its way, those behind it must be for the statement they were sent for.
#[test]
fn cancel_right_behind_another_hits_the_next_statement_of_the_same_transaction() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut wire = proxy.wire("alpha");
    wire.run("begin");
    wire.run("savepoint here");
    for n in 0..30 {
        wire.send(&query(&format!("select pg_sleep(60) as behind_{n}")));
        until_active(&proxy, &format!("behind_{n}"), 1);
        wire.cancel();
        let lines = wire.until_ready();
        assert_eq!(lines[lines.len() - 2..], [CANCELLED, "ReadyForQuery E"], "{n}");
        wire.run("rollback to here");
    }
    assert_eq!(wire.value("select 'goes on'"), "goes on");
}

/// How long the stress test runs, unless `PGTENANT_CANCEL_SECONDS` says otherwise, and until its clients have had so many turns.
const STRESS_SECONDS: u64 = 6;
const STRESS_TURNS: usize = 200;

/// What one client of the stress test knows: how many cancels were aimed at it, and how many hit.
struct Target {
    wire: Wire,
    number: usize,
    turn: usize,
    hits: usize,
}

impl Target {
    fn token(&self) -> String {
        format!("token {} {}", self.number, self.turn)
    }

    /// Whether the answer is whole; otherwise a cancel hit. Anything else is somebody else's.
    fn answered(&mut self, lines: &[String], expected: &str) -> bool {
        if lines.iter().any(|line| line == CANCELLED) {
            self.hits += 1;
            return false;
        }
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:#?}");
        true
    }

    fn ask(&mut self, message: &[u8], expected: &str) -> bool {
        let lines = self.wire.say(message);
        self.answered(&lines, expected)
    }

    fn has_a_turn(&mut self, kind: usize) {
        self.turn += 1;
        let token = self.token();
        let (sql, row) = (format!("select '{token}' from pg_sleep(0.002)"), format!("DataRow {token}"));
        match kind {
            0 => {
                self.ask(&query(&sql), &row);
            }
            1 => {
                self.ask(&[unnamed(&sql, &[]), sync()].concat(), &row);
            }
            2 => {
                if self.ask(&query("begin"), "CommandComplete BEGIN") {
                    self.ask(&query(&sql), &row);
                    while !self.ask(&query("rollback"), "CommandComplete ROLLBACK") {}
                }
            }
            3 => {
                let copy = [query("copy notes from stdin"), copy_data("1\tx\n"), copy_fail(&token)];
                self.ask(&copy.concat(), &format!("Error ERROR 57014 COPY from stdin failed: {token}"));
            }
            _ => {
                let lock = format!("select pg_advisory_lock({}); {sql}", self.number);
                self.ask(&query(&lock), &row);
                while !self.ask(&query("select 'gone', pg_advisory_unlock_all()"), "DataRow gone|") {}
            }
        }
    }
}

/// Many clients on few server connections, cancelled at random moments: whatever they do, a cancel hits
/// its own client or nobody.
#[test]
fn thousands_of_random_cancels_hit_their_targets_or_nobody() {
    const CLIENTS: usize = 30;
    let seconds = std::env::var("PGTENANT_CANCEL_SECONDS").map_or(STRESS_SECONDS, |n| n.parse().unwrap());
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.pool.max_server_connections = 4;
        config.limits.wait_timeout = Duration::from_secs(60);
    });
    let tenant = |n: usize| if n.is_multiple_of(5) { "beta" } else { "alpha" };
    let targets: Vec<_> = (0..CLIENTS)
        .map(|number| Target { wire: proxy.wire(tenant(number)), number, turn: 0, hits: 0 })
        .collect();
    let keys: Vec<_> = targets.iter().map(|target| (target.wire.pid, target.wire.key.clone())).collect();
    let aimed: Vec<_> = (0..CLIENTS).map(|_| AtomicUsize::new(0)).collect();
    let (stop, turns) = (AtomicBool::new(false), AtomicUsize::new(0));
    let hits: usize = thread::scope(|scope| {
        for canceller in 0..4_u64 {
            let (proxy, keys, aimed, stop) = (&proxy, &keys, &aimed, &stop);
            scope.spawn(move || {
                let mut dice = canceller + 1;
                while !stop.load(Ordering::Relaxed) {
                    dice =
                        dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    // One in three is never aimed at.
                    let victim = usize::try_from(dice >> 33).unwrap() % CLIENTS;
                    if !victim.is_multiple_of(3) {
                        aimed[victim].fetch_add(1, Ordering::SeqCst);
                        cancel(proxy.addr(), keys[victim].0, &keys[victim].1);
                    }
                }
            });
        }
        let clients: Vec<_> = targets
            .into_iter()
            .map(|mut target| {
                let (aimed, stop, turns) = (&aimed, &stop, &turns);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        target.has_a_turn((target.turn * 7 + target.number) % 5);
                        turns.fetch_add(1, Ordering::Relaxed);
                        let aimed = aimed[target.number].load(Ordering::SeqCst);
                        assert!(target.hits <= aimed, "{} hits of {aimed}", target.hits);
                    }
                    target.hits
                })
            })
            .collect();
        let begin = Instant::now();
        // On a busy machine most turns are cancelled while they wait for a server connection.
        let is_enough =
            || turns.load(Ordering::Relaxed) > STRESS_TURNS || begin.elapsed() > Duration::from_secs(60);
        while (begin.elapsed() < Duration::from_secs(seconds) || !is_enough())
            && !clients.iter().any(|thread| thread.is_finished())
        {
            thread::park_timeout(Duration::from_millis(50));
        }
        stop.store(true, Ordering::Relaxed);
        // Whatever a thread finds wrong, the others must end.
        let ended: Vec<_> = clients.into_iter().map(|thread| thread.join()).collect();
        ended.into_iter().map(|end| end.unwrap()).sum()
    });
    let turns = turns.into_inner();
    let sent: usize = aimed.iter().map(|aimed| aimed.load(Ordering::SeqCst)).sum();
    println!("{sent} cancels, {hits} of them hit, in {turns} turns of {CLIENTS} clients");
    assert!(sent > 200 && hits > 20 && turns > STRESS_TURNS, "{sent} {hits} {turns}");
    eventually("nothing leaks", || {
        let load = proxy.shared().clusters.main().pool.load();
        load.waiting == 0 && load.idle == load.total && load.total <= 4
    });
    assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "0");
}

#[test]
fn cancel_that_comes_to_another_proxy_stops_the_query_before_it_is_closed() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let other = proxy.another(|_| {});
    for (at, mut wire) in [(other.addr(), proxy.wire("alpha")), (proxy.addr(), other.wire("alpha"))] {
        for _ in 0..10 {
            wire.send(&query("select pg_sleep(60) as elsewhere"));
            until_active(&proxy, "as elsewhere", 1);
            cancel(at, wire.pid, &wire.key);
            // What is sent from here on is not what was cancelled.
            wire.send(&query("select 'next', pg_sleep(0.01)"));
            let lines = wire.until_ready();
            assert_eq!(lines[lines.len() - 2..], [CANCELLED, "ReadyForQuery I"]);
            assert_eq!(wire.until_ready()[1], "DataRow next|");
        }
    }
    assert_eq!(other.shared().counters.snapshot().cancels_elsewhere, 10);
}

#[test]
fn cancel_that_no_proxy_gave_the_key_for_is_not_told_to_others_and_none_is_told_readably() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let other = proxy.another(|_| {});
    let mut admin = proxy.admin();
    admin.run("listen pgtenant_peers");
    let gone = proxy.wire("alpha");
    let (pid, mut key) = (gone.pid, gone.key.clone());
    drop(gone);
    eventually("it is gone", || proxy.shared().roster.is_empty());
    key[3] ^= 1;
    cancel(other.addr(), pid, &key);
    cancel(other.addr(), pid ^ 1, &key);
    key[3] ^= 1;
    // Of a session that is over: somebody may have it, so all are asked.
    let begin = Instant::now();
    cancel(other.addr(), pid, &key);
    assert!(begin.elapsed() < Duration::from_secs(5));
    let heard: Vec<_> =
        admin.query("select 1").into_iter().filter(|line| line.contains("pgtenant_peers")).collect();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!heard[0].contains(&hex), "{heard:?}");
}

#[test]
fn cancel_with_a_forged_key_or_notification_reaches_nobody() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let other = proxy.another(|_| {});
    let mut wire = proxy.wire("alpha");
    wire.send(&query("select 'undisturbed', pg_sleep(1) as forged"));
    until_active(&proxy, "as forged", 1);
    let mut admin = proxy.admin();
    for payload in ["", "x", &"00".repeat(74), &"ff".repeat(74)] {
        admin.run(&format!("notify pgtenant_peers, '{payload}'"));
    }
    // A key of the right length that somebody made up.
    cancel(other.addr(), wire.pid, &[0, 0, 0, 0]);
    assert_eq!(wire.until_ready()[1], "DataRow undisturbed|");
    assert_eq!(other.shared().counters.snapshot().cancels_elsewhere, 0);
}
