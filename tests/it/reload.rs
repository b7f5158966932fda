//! The configuration is read again while the proxy serves: all of it holds, or nothing is changed.

mod file;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pgtenant::client::ReloadError;
use pgtenant::config::GuardMode;
use pgtenant::tenant::Ident;

use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::tls::Authority;
use crate::support::wire::{Wire, query, ssl_request};

const MILLIS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn limits_hold_for_clients_that_are_here() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut wire = proxy.wire("alpha");
    wire.run("select 1");
    let report = proxy.reconfigure(|config| {
        config.limits.statement_timeout = Some(MILLIS(50));
        config.limits.client_idle_timeout = Some(MILLIS(300));
    });
    assert_eq!(report.unwrap().changed, ["limits.statement_timeout", "limits.client_idle_timeout"]);
    let begun = Instant::now();
    let told = wire.query("select pg_sleep(10)").join("\n");
    assert!(told.contains("57014") && begun.elapsed() < Duration::from_secs(5), "{told}");
    let told = wire.until_end().join("\n");
    assert!(told.contains("FATAL 57P05"), "{told}");
}

#[test]
fn tenant_s_own_limit_outranks_a_new_usual_one() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    crate::limits::limit(&proxy, "alpha", &["max_clients=9"], &[]).unwrap();
    let (_here, _there) = (proxy.wire("alpha"), proxy.wire("beta"));
    proxy.reconfigure(|config| config.limits.max_clients = 1).unwrap();
    let refusal = proxy.wire_with("beta", &[]).err().unwrap();
    assert!(refusal.contains("FATAL 53300 too many clients of this tenant"), "{refusal}");
    drop(proxy.wire("alpha"));
}

#[test]
fn larger_pool_serves_who_waits_and_a_smaller_one_closes_what_is_idle() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| config.pool.max_server_connections = 1);
    let (mut holder, mut waiter) = (proxy.wire("alpha"), proxy.wire("beta"));
    holder.run("begin");
    waiter.send(&query("begin; select 'served'"));
    eventually("it waits", || proxy.shared().clusters.main().pool.load().waiting == 1);
    proxy.reconfigure(|config| config.pool.max_server_connections = 3).unwrap();
    assert!(waiter.until_ready().join("\n").contains("served"));
    waiter.run("commit");
    proxy.reconfigure(|config| config.pool.max_server_connections = 1).unwrap();
    eventually("the idle one is closed", || proxy.shared().clusters.main().pool.load().total == 1);
    holder.run("commit");
    assert_eq!(waiter.value("select 'goes on'"), "goes on");
    assert_eq!(proxy.shared().clusters.main().pool.load().total, 1);
}

#[test]
fn guard_s_mode_holds_for_the_next_statement_of_clients_that_are_here() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut wire = proxy.wire("alpha");
    let refused = |wire: &mut Wire| wire.query("select * from tenant_zz.y").join("\n");
    assert!(refused(&mut wire).contains("schema \"tenant_zz\" is not in this tenant's scope"));
    proxy.reconfigure(|config| config.guard.mode = GuardMode::Report).unwrap();
    let told = refused(&mut wire);
    assert!(!told.contains("scope") && told.contains("42P01"), "{told}");
    proxy.reconfigure(|config| config.guard.mode = GuardMode::Enforce).unwrap();
    assert!(refused(&mut wire).contains("not in this tenant's scope"));
}

#[test]
fn schemas_that_may_be_named_hold_for_who_logs_in_after_the_reload() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    proxy.run(proxy.db.admin_run(
        "CREATE SCHEMA lists; CREATE TABLE lists.t AS SELECT 7 AS n; GRANT USAGE ON SCHEMA lists TO PUBLIC; \
         GRANT SELECT ON lists.t TO PUBLIC",
    ));
    let mut before = proxy.wire("alpha");
    proxy.reconfigure(|config| config.guard.extra_schemas = vec![Ident::parse("lists").unwrap()]).unwrap();
    assert!(before.query("select n from lists.t").join("\n").contains("42501"));
    assert_eq!(proxy.wire("alpha").value("select n from lists.t"), "7");
}

#[test]
fn new_address_is_listened_on_and_an_old_one_no_more_while_its_clients_stay() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut wire = proxy.wire("alpha");
    let old = proxy.addr();
    proxy.reconfigure(|config| config.listen.addresses.push("127.0.0.2:0".parse().unwrap())).unwrap();
    let new = *proxy.addrs().last().unwrap();
    let user = proxy.user("alpha");
    let parameters = [("user", user.as_str()), ("database", &proxy.db.name)];
    Wire::log_in(new, &parameters, PASSWORD).unwrap().run("select 1");
    let report = proxy.reconfigure(|config| _ = config.listen.addresses.remove(0)).unwrap();
    assert_eq!(report.changed, ["listen.addresses"]);
    eventually("the old one is closed", || std::net::TcpStream::connect(old).is_err());
    assert_eq!(wire.value("select 'still here'"), "still here");
    Wire::log_in(new, &parameters, PASSWORD).unwrap().run("select 1");
}

#[test]
fn address_that_cannot_be_listened_on_changes_nothing_at_all() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let before = proxy.addrs();
    let refused = proxy.reconfigure(|config| {
        config.listen.addresses.insert(0, "127.0.0.2:0".parse().unwrap());
        config.listen.addresses.push(taken.local_addr().unwrap());
        config.limits.max_clients = 0;
    });
    assert!(matches!(refused, Err(ReloadError::Listen { .. })), "{refused:?}");
    assert_eq!(proxy.addrs(), before);
    proxy.wire("alpha").run("select 1");
}

#[test]
fn tls_is_turned_on_replaced_and_turned_off() {
    let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = None);
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let mut plain = proxy.wire("alpha");
    proxy.reconfigure(|config| config.listen.tls = Some(one.listen(false))).unwrap();
    let mut first = proxy.wire_tls(&one.trust(), "alpha");
    proxy.reconfigure(|config| config.listen.tls = Some(other.listen(false))).unwrap();
    assert!(Wire::dial_tls(proxy.addr(), &one.trust()).is_err(), "the old certificate is shown");
    let mut second = proxy.wire_tls(&other.trust(), "alpha");
    let broken = proxy.reconfigure(|config| {
        let mut tls = other.listen(false);
        tls.identity.key = "/nowhere/key.pem".into();
        config.listen.tls = Some(tls);
        config.limits.max_clients = 1;
    });
    let told = broken.unwrap_err().to_string();
    assert!(told.starts_with("listen.tls_key: /nowhere/key.pem: "), "{told}");
    drop(proxy.wire_tls(&other.trust(), "alpha"));
    proxy.reconfigure(|config| config.listen.tls = None).unwrap();
    let mut dialled = Wire::dial(proxy.addr());
    dialled.send(&ssl_request());
    assert_eq!(dialled.recv_byte(), b'N');
    for wire in [&mut plain, &mut first, &mut second] {
        wire.run("select 1");
    }
}

#[test]
fn who_changes_the_pool_all_the_time_disturbs_no_transaction() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let (done, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for n in 0..6 {
            let (proxy, done, over) = (&proxy, &done, &over);
            scope.spawn(move || {
                let mut wire = proxy.wire(if n % 2 == 0 { "alpha" } else { "beta" });
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(wire.value("select 6 * 7"), "42");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..60 {
            let so_far = done.load(Ordering::Relaxed);
            proxy
                .reconfigure(|config| {
                    config.pool.max_server_connections = 1 + round % 5;
                    config.limits.max_server_connections = 1 + round % 3;
                    config.pool.max_concurrent_opens = 1 + round % 2;
                })
                .unwrap();
            eventually("work goes on", || done.load(Ordering::Relaxed) > so_far + 6);
        }
        over.store(true, Ordering::Relaxed);
    });
    eventually("no more than the budget is open", || proxy.shared().clusters.main().pool.load().total <= 5);
}

#[test]
fn order_to_reload_is_answered_and_an_order_to_stop_is_heard() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let report = proxy.run(proxy.shared().reload()).unwrap();
    assert!(report.changed.is_empty() && report.restart.is_empty(), "{report}");
    assert!(!proxy.shared().is_draining());
}
