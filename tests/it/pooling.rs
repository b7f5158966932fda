//! Many clients over few server connections, and who gets one when.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pgtenant::config::ServerAddress;

use crate::support::cluster;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, query, sync, unnamed};

fn with_cap(tenants: &[&str], cap: usize) -> Proxy {
    Proxy::start(tenants, |config| config.pool.max_server_connections = cap)
}

/// Waits until so many clients wait for a server connection.
fn until_waiting(proxy: &Proxy, clients: usize) {
    eventually("the clients wait", || proxy.shared().clusters.main().pool.load().waiting == clients);
}

/// Waits until so many server connections are free. A client has its answer a moment before its connection is.
fn until_free(proxy: &Proxy, connections: usize) {
    eventually("they are free", || proxy.shared().clusters.main().pool.load().idle == connections);
}

#[test]
fn many_clients_share_few_server_connections() {
    let proxy = with_cap(&["alpha"], 3);
    let mut clients: Vec<Wire> = (0..30).map(|_| proxy.wire("alpha")).collect();
    let mut pids = HashSet::new();
    for _ in 0..3 {
        for wire in &mut clients {
            wire.send(&query("select pg_backend_pid() from pg_sleep(0.002)"));
        }
        for wire in &mut clients {
            let lines = wire.until_ready();
            pids.insert(lines[1].clone());
        }
    }
    assert!(pids.len() <= 3, "{pids:?}");
    assert!(proxy.server_connections() <= 3);
}

#[test]
fn server_connection_used_last_is_used_next() {
    let proxy = with_cap(&["alpha"], 5);
    let mut clients = [proxy.wire("alpha"), proxy.wire("alpha")];
    let pid = clients[0].backend();
    for turn in 1..=10 {
        until_free(&proxy, 1);
        assert_eq!(clients[turn % 2].backend(), pid);
    }
    assert_eq!(proxy.server_connections(), 1);
}

#[test]
fn client_keeps_its_server_connection_for_the_whole_transaction() {
    let proxy = with_cap(&["alpha"], 2);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    // The first to use an operator has the server connection asked what the tenant's code leaves.
    one.run("select 1 + 1");
    one.run("begin");
    let pid = one.backend();
    assert_ne!(two.backend(), pid);
    assert!(one.query("select 1/0")[0].contains("22012"));
    // An aborted transaction is one too.
    assert_ne!(two.backend(), pid);
    one.run("rollback");
    until_free(&proxy, 2);
    let next = two.backend();
    until_free(&proxy, 2);
    assert_eq!(one.backend(), next);
}

#[test]
fn those_who_wait_are_served_first_in_first_out() {
    let proxy = with_cap(&["alpha"], 1);
    let mut holder = proxy.wire("alpha");
    holder.run("create table turns (n serial, who int)");
    let mut waiting: Vec<Wire> = (0..8).map(|_| proxy.wire("alpha")).collect();
    holder.run("begin");
    for (n, wire) in waiting.iter_mut().enumerate() {
        wire.send(&query(&format!("insert into turns (who) values ({n})")));
        until_waiting(&proxy, n + 1);
    }
    holder.run("commit");
    for wire in &mut waiting {
        assert_eq!(wire.until_ready(), ["CommandComplete INSERT 0 1", "ReadyForQuery I"]);
    }
    assert_eq!(holder.value("select string_agg(who::text, ' ' order by n) from turns"), "0 1 2 3 4 5 6 7");
}

#[test]
fn waiting_too_long_is_53300_in_both_protocols_and_the_client_goes_on() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 1;
        config.limits.wait_timeout = Duration::from_secs(1);
    });
    let (mut holder, mut waiter) = (proxy.wire("alpha"), proxy.wire("alpha"));
    holder.run("begin");
    let refusal = "Error ERROR 53300 no server connection became free within 1000 ms";
    let begin = Instant::now();
    assert_eq!(waiter.query("select 1"), [refusal, "ReadyForQuery I"]);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert_eq!(waiter.say(&[unnamed("select 1", &[]), sync()].concat()), [refusal, "ReadyForQuery I"]);
    // One write: the first fails, and so does the second, each with an end of its own.
    waiter.send(&[query("select 1"), unnamed("select 2", &[]), sync()].concat());
    assert_eq!(waiter.until_ready(), [refusal, "ReadyForQuery I"]);
    assert_eq!(waiter.until_ready(), [refusal, "ReadyForQuery I"]);
    assert_eq!(proxy.time_outs("wait"), 4);
    holder.run("rollback");
    assert_eq!(waiter.value("select 1"), "1");
}

#[test]
fn client_that_leaves_while_it_waits_does_not_hold_up_those_behind_it() {
    let proxy = with_cap(&["alpha"], 1);
    let (mut holder, mut leaver, mut last) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("alpha"));
    holder.run("begin");
    leaver.send(&query("insert into notes (body) values ('from nobody')"));
    until_waiting(&proxy, 1);
    last.send(&query("select count(*) from notes"));
    until_waiting(&proxy, 2);
    drop(leaver);
    until_waiting(&proxy, 1);
    holder.run("rollback");
    assert_eq!(last.until_ready()[1], "DataRow 0");
}

#[test]
fn three_tenants_take_turns_on_two_server_connections() {
    let tenants = ["alpha", "beta", "gamma"];
    let proxy = with_cap(&tenants, 2);
    let mut clients: Vec<Wire> = tenants.iter().map(|tenant| proxy.wire(tenant)).collect();
    for _ in 0..5 {
        for (wire, tenant) in clients.iter_mut().zip(tenants) {
            assert_eq!(wire.value("select current_user"), proxy.role(tenant));
            assert!(proxy.server_connections() <= 2);
        }
    }
}

#[test]
fn tenant_without_a_server_connection_gets_one_from_a_tenant_that_keeps_both_busy() {
    let proxy = with_cap(&["alpha", "beta"], 2);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut wire = proxy.wire("alpha");
                while !stop.load(Ordering::Relaxed) {
                    wire.run("select pg_sleep(0.005)");
                }
            });
        }
        eventually("alpha keeps both", || proxy.shared().clusters.main().pool.load().waiting >= 3);
        let begin = Instant::now();
        let mut wire = proxy.wire("beta");
        for _ in 0..3 {
            assert_eq!(wire.value("select current_user"), proxy.role("beta"));
        }
        stop.store(true, Ordering::Relaxed);
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    });
}

#[test]
fn cap_holds_and_no_server_process_serves_two_tenants_under_load() {
    let tenants = ["alpha", "beta", "gamma", "delta"];
    let proxy = with_cap(&tenants, 3);
    let end = Instant::now() + Duration::from_secs(3);
    let served: Vec<(&str, HashSet<String>)> = thread::scope(|scope| {
        let clients: Vec<_> = tenants
            .iter()
            .flat_map(|tenant| [tenant; 3])
            .map(|&tenant| {
                let proxy = &proxy;
                scope.spawn(move || {
                    let mut wire = proxy.wire(tenant);
                    let (role, mut pids) = (proxy.role(tenant), HashSet::new());
                    while Instant::now() < end {
                        let row = wire.value(
                            "select current_user, session_user, current_schema, current_setting('search_path'), pg_backend_pid()",
                        );
                        let (identity, pid) = row.rsplit_once('|').unwrap();
                        assert_eq!(identity, format!("{role}|{role}|{role}|\"{role}\", \"global\""));
                        pids.insert(pid.to_owned());
                    }
                    (tenant, pids)
                })
            })
            .collect();
        let mut admin = proxy.admin();
        let sql =
            format!("select count(*) from pg_stat_activity where usename like 'tenant_{}_%'", proxy.db.name);
        while Instant::now() < end {
            let count: usize = admin.value(&sql).parse().unwrap();
            assert!(count <= 3, "{count} server connections");
        }
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let mut owner: HashMap<String, &str> = HashMap::new();
    for (tenant, pids) in served {
        for pid in pids {
            assert_eq!(*owner.entry(pid).or_insert(tenant), tenant);
        }
    }
    eventually("all is quiet", || {
        let load = proxy.shared().clusters.main().pool.load();
        load.waiting == 0 && load.total <= 3 && load.idle == load.total
    });
}

/// Long transactions among short ones, and a change of the key meanwhile.
#[test]
fn everybody_is_served_while_it_is_found_out_how_many_at_once_are_best() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| config.pool.adaptive_concurrency = true);
    let (over, pool) = (AtomicBool::new(false), &proxy.shared().clusters.main().pool);
    let work = |tenant: &'static str, sleep: &'static str| {
        let (mut wire, mut done) = (proxy.wire(tenant), 0);
        while !over.load(Ordering::Relaxed) {
            assert_eq!(wire.value(&format!("select '{tenant}' from pg_sleep({sleep})")), tenant);
            done += 1;
        }
        done
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..24)
            .map(|n| (["alpha", "beta"][n % 2], if n < 4 { "0.2" } else { "0.0002" }))
            .map(|(tenant, sleep)| scope.spawn(move || work(tenant, sleep)))
            .collect();
        for on in [true, false, true] {
            let mut config = (*proxy.shared().config()).clone();
            config.pool.adaptive_concurrency = on;
            pool.reconfigure(&config);
            thread::park_timeout(Duration::from_millis(1000));
        }
        over.store(true, Ordering::Relaxed);
        let done: Vec<u32> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
        assert!(done.iter().all(|done| *done > 3), "{done:?}");
    });
    assert_eq!(pool.load().waiting, 0);
}

#[test]
fn search_path_is_in_force_for_every_statement() {
    let proxy = with_cap(&["alpha", "beta"], 1);
    let (mut alpha, mut beta) = (proxy.wire("alpha"), proxy.wire("beta"));
    alpha.run("insert into notes (body) values ('of alpha')");
    beta.run("insert into notes (body) values ('of beta')");
    for _ in 0..3 {
        assert_eq!(alpha.value("select body from notes"), "of alpha");
        assert_eq!(beta.value("select body from notes"), "of beta");
        let lines = alpha.say(&[unnamed("select body from notes", &[]), sync()].concat());
        assert_eq!(lines[3], "DataRow of alpha");
    }
}

#[test]
fn tenants_own_role_settings_do_not_move_its_search_path() {
    let proxy = with_cap(&["alpha"], 1);
    proxy.admin().run(&format!("alter role {} set search_path = pg_catalog", proxy.role("alpha")));
    let expected = format!("\"{}\", \"global\"", proxy.role("alpha"));
    assert_eq!(proxy.wire("alpha").value("show search_path"), expected);
}

#[test]
fn cap_of_one_tenant_leaves_room_for_others() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.pool.max_server_connections = 4;
        config.limits.max_server_connections = 2;
        config.limits.wait_timeout = Duration::from_secs(1);
    });
    let mut holders: Vec<Wire> = (0..2).map(|_| proxy.wire("alpha")).collect();
    let mut third = proxy.wire("alpha");
    holders.iter_mut().for_each(|wire| wire.run("begin"));
    assert!(third.query("select 1")[0].contains("53300"));
    assert_eq!(proxy.wire("beta").value("select 1"), "1");
}

#[test]
fn storm_of_clients_opens_no_more_than_the_cap() {
    let proxy = with_cap(&["alpha", "beta"], 4);
    let mut clients: Vec<Wire> =
        (0..20).map(|n| proxy.wire(if n % 2 == 0 { "alpha" } else { "beta" })).collect();
    for wire in &mut clients {
        wire.send(&query("select pg_sleep(0.01)"));
    }
    for wire in &mut clients {
        assert_eq!(wire.until_ready()[2], "CommandComplete SELECT 1");
    }
    assert!(proxy.server_connections() <= 4);
}

#[test]
fn unused_server_connection_is_closed_after_idle_timeout() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.idle_timeout = Some(Duration::from_millis(100));
    });
    let mut wire = proxy.wire("alpha");
    wire.backend();
    assert_eq!(proxy.server_connections(), 1);
    eventually("it is closed", || proxy.server_connections() == 0);
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn old_server_connection_is_replaced() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_lifetime = Some(Duration::from_millis(50));
    });
    let mut wire = proxy.wire("alpha");
    let pid = wire.backend();
    wire.run("select pg_sleep(0.1)");
    assert_ne!(wire.backend(), pid);
}

#[test]
fn stopping_lets_a_transaction_finish_and_tells_the_idle() {
    // Who has had no transaction yet has a second for its first one.
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 3;
        config.listen.shutdown_timeout = Duration::from_secs(10);
    });
    let (mut idle, mut busy) = (proxy.wire("alpha"), proxy.wire("alpha"));
    busy.run("begin");
    busy.run("insert into notes (body) values ('kept')");
    thread::scope(|scope| {
        scope.spawn(|| proxy.stop());
        let farewell = "Error FATAL 57P01 terminating connection due to administrator command";
        assert_eq!(idle.until_end(), [farewell, "end"]);
        assert_eq!(busy.query("commit"), ["CommandComplete COMMIT", "ReadyForQuery I"]);
        assert_eq!(busy.until_end(), [farewell, "end"]);
    });
    assert_eq!(proxy.server_connections(), 0);
    assert_eq!(proxy.direct("alpha").value("select body from notes"), "kept");
}

#[test]
fn server_is_reached_over_its_unix_socket_also_by_cancels() {
    let socket = cluster().socket_dir().join(format!(".s.PGSQL.{}", cluster().port()));
    let proxy = Proxy::start(&["alpha"], |config| config.server.address = ServerAddress::Unix(socket));
    let mut wire = proxy.wire("alpha");
    assert_eq!(wire.value("select inet_server_addr() is null"), "t");
    wire.send(&query("select pg_sleep(60) as by_socket"));
    let mut admin = proxy.admin();
    let sql = "select count(*) from pg_stat_activity where state = 'active' and query like '%by_socket' and pid <> pg_backend_pid()";
    eventually("it runs", || admin.value(sql) == "1");
    wire.cancel();
    assert!(wire.until_ready()[1].contains("57014"));
}

#[test]
fn configured_server_settings_are_in_force_and_what_reset_goes_back_to() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.server.settings.insert("statement_timeout".into(), "77s".into());
    });
    let mut wire = proxy.wire("alpha");
    assert_eq!(wire.value("show statement_timeout"), "77s");
    wire.run("set statement_timeout = '5s'");
    wire.run("reset statement_timeout");
    assert_eq!(wire.value("show statement_timeout"), "77s");
    wire.run("set statement_timeout = 0");
    drop(wire);
    assert_eq!(proxy.wire("alpha").value("show statement_timeout"), "77s");
}
