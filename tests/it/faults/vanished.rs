//! A host that is gone without a word: what it is sent is not confirmed, and nobody closes anything. Its socket has a filter that
//! lets nothing in (socket(7), `SO_ATTACH_FILTER`), which anybody may set; a bare loopback would answer.
//!
//! And one that is there, only that nobody reads: its connection goes on for as long as it likes.

use std::thread;
use std::time::{Duration, Instant};

use pgtenant::config::{Config, ServerAddress};

use super::road::{Road, Way};
use crate::support::cluster;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{copy_data, copy_done, query};

/// Silence until the other host is probed.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// What is unconfirmed for so long is lost.
const LIMIT: Duration = Duration::from_secs(2);
/// The system's timers are as late as an eighth of their time, and machines are slow.
const AT_MOST: Duration = Duration::from_secs(12);

fn watchful(config: &mut Config) {
    config.listen.tcp_keepalive = Some(KEEPALIVE);
    config.listen.tcp_user_timeout = Some(LIMIT);
}

/// Far longer than the limit.
fn pass_the_limit() {
    let begin = Instant::now();
    while begin.elapsed() < LIMIT * 3 {
        thread::park_timeout(LIMIT);
    }
}

fn open_transactions(proxy: &Proxy) -> String {
    proxy.admin().value(&format!(
        "select count(*) from pg_stat_activity where datname = '{}' and usename like 'tenant_%' and xact_start is not null",
        proxy.db.name
    ))
}

#[test]
fn client_whose_host_is_gone_leaves_its_place_and_its_transaction() {
    let proxy = Proxy::start(&["acme"], watchful);
    let mut wire = proxy.wire("acme");
    wire.run("begin; insert into notes (body) values ('of nobody')");
    assert_eq!(open_transactions(&proxy), "1");
    let begin = Instant::now();
    wire.vanish();
    eventually("its transaction is over", || open_transactions(&proxy) == "0");
    eventually("its place is free", || proxy.shared().roster.is_empty());
    assert!(begin.elapsed() < AT_MOST, "{:?}", begin.elapsed());
    assert_eq!(proxy.wire("acme").value("select count(*) from notes"), "0");
}

/// Keepalive does not look while something is on its way.
#[test]
fn client_whose_host_is_gone_before_its_answer_is_found_too() {
    let proxy = Proxy::start(&["acme"], |config| {
        config.listen.tcp_user_timeout = Some(LIMIT);
    });
    let mut wire = proxy.wire("acme");
    wire.run("begin");
    wire.send(&query("select pg_sleep(0.3)"));
    wire.vanish();
    let begin = Instant::now();
    eventually("its transaction is over", || open_transactions(&proxy) == "0");
    eventually("its place is free", || proxy.shared().roster.is_empty());
    assert!(begin.elapsed() < AT_MOST, "{:?}", begin.elapsed());
}

fn by_road(change: impl FnOnce(&mut Config) + Send) -> (Proxy, Road) {
    let road = Road::to(cluster().port());
    let port = road.port;
    let proxy = Proxy::start(&["acme"], |config| {
        config.server.address = ServerAddress::Tcp("127.0.0.1".into(), port);
        change(config);
    });
    (proxy, road)
}

/// By keepalive where the server's system had confirmed the statement, by the limit where it had not.
#[test]
fn server_whose_host_is_gone_costs_its_clients_an_error_within_the_limit() {
    let (proxy, road) = by_road(watchful);
    let (mut asked, mut asks) = (proxy.wire("acme"), proxy.wire("acme"));
    asked.send(&query("select pg_sleep(30)"));
    eventually("it runs", || open_transactions(&proxy) == "1");
    let pid = asks.backend();
    let begin = Instant::now();
    road.vanish();
    asks.send(&query("select 1"));
    for wire in [&mut asked, &mut asks] {
        let lines = wire.until_ready();
        assert!(lines[0].contains(" 08006 "), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "ReadyForQuery I");
    }
    assert!(begin.elapsed() < AT_MOST, "{:?}", begin.elapsed());
    // Others take its connections' place at once.
    assert_ne!(asks.backend(), pid);
    asked.run("select 1");
}

#[test]
fn connection_to_a_host_that_is_gone_is_given_to_nobody_after_the_limit() {
    let (proxy, road) = by_road(watchful);
    let mut wire = proxy.wire("acme");
    let pid = wire.backend();
    road.vanish();
    pass_the_limit();
    assert_ne!(wire.backend(), pid);
}

/// It may be a pager in front of a person. Its system answers every probe of the closed window.
#[test]
fn client_that_is_there_and_does_not_read_is_not_taken_for_one_that_is_gone() {
    let proxy = Proxy::start(&["acme"], watchful);
    let mut wire = proxy.wire("acme");
    wire.send(&query("select repeat('x', 1000) from generate_series(1, 30000)"));
    pass_the_limit();
    let lines = wire.until_ready();
    assert_eq!(&lines[lines.len() - 2..], ["CommandComplete SELECT 30000", "ReadyForQuery I"]);
    // Nor what it hears while it says nothing.
    wire.run("listen news");
    let long = "n".repeat(7000);
    let mut other = proxy.wire("acme");
    for _ in 0..100 {
        other.run(&format!("notify news, '{long}'"));
    }
    pass_the_limit();
    assert_eq!(wire.query("select 1").last().unwrap(), "ReadyForQuery I");
}

/// As one that waits for a lock in the middle of a COPY.
#[test]
fn server_that_is_there_and_does_not_read_is_not_taken_for_one_that_is_gone() {
    let (proxy, road) = by_road(watchful);
    let mut wire = proxy.wire("acme");
    let pid = wire.backend();
    wire.send(&query("copy notes (body) from stdin"));
    assert!(wire.messages(1)[0].starts_with("CopyInResponse"));
    road.set(Way::Blocked);
    let line = copy_data(&format!("{}\n", "x".repeat(1000)));
    let rows = line.repeat(12_000);
    let mut wire = thread::scope(|scope| {
        let sender = scope.spawn(move || {
            wire.send(&[rows, copy_done()].concat());
            wire
        });
        pass_the_limit();
        road.set(Way::Open);
        sender.join().unwrap()
    });
    assert_eq!(wire.until_ready(), ["CommandComplete COPY 12000", "ReadyForQuery I"]);
    assert_eq!(wire.backend(), pid);
}
