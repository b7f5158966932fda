//! How a session ends that was opened with a token.

use std::time::{Duration, Instant};

use crate::support::proxy::Proxy;
use crate::support::wire::query;
use crate::tokens::{log_in, refusal, short, token, with_tokens};

const EXPIRED: &str =
    "Error FATAL 57P01 terminating connection: the token this session was opened with has expired";

#[test]
fn session_ends_with_its_token_whatever_it_does() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let begin = Instant::now();
    let token = short(&proxy, "acme", 3);
    let log_in = || log_in(&proxy, "token", token.as_bytes()).unwrap();
    let (mut idle, mut listening) = (log_in(), log_in());
    let (mut in_transaction, mut pinned, mut working) = (log_in(), log_in(), log_in());
    listening.run("listen news");
    in_transaction.run("begin");
    in_transaction.run("insert into notes (body) values ('never committed')");
    pinned.run("create temp table t ()");
    working.send(&query("select pg_sleep(60)"));
    for (what, wire) in [
        ("idle", &mut idle),
        ("listening", &mut listening),
        ("in a transaction", &mut in_transaction),
        ("pinned", &mut pinned),
        ("working", &mut working),
    ] {
        let lines = wire.until_end();
        assert_eq!(&lines[lines.len() - 2..], [EXPIRED, "end"], "{what}: {lines:?}");
    }
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(8), "{took:?}");
    assert_eq!(proxy.time_outs("credential"), 5);
    let mut other = proxy.wire("acme");
    assert_eq!(other.value("select count(*) from notes"), "0");
    assert!(refusal(&proxy, "token", token.as_bytes()).contains("28P01"));
}

#[test]
fn session_that_never_rests_ends_with_its_token_too() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let mut wire = log_in(&proxy, "token", short(&proxy, "acme", 2).as_bytes()).unwrap();
    wire.run("begin");
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < Duration::from_secs(8));
        if !wire.try_send(&query("select 1")) {
            break;
        }
        let lines = wire.until_ready();
        if lines.last().is_some_and(|last| last == "end") {
            // The last words may be lost where the next query was under way already.
            assert!(lines[0] == EXPIRED || lines == ["end"], "{lines:?}");
            break;
        }
    }
}

#[test]
fn suspended_tenant_loses_its_sessions_and_its_tokens_are_refused() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let token = token(&proxy, "acme");
    let mut wire = log_in(&proxy, "token", token.as_bytes()).unwrap();
    proxy.admin().run("update pgtenant.tenants set status = 'suspended'");
    let lines = wire.until_end();
    assert!(lines[0].starts_with("Error FATAL 57P01"), "{lines:?}");
    assert_eq!(
        refusal(&proxy, "token", token.as_bytes()),
        "Error FATAL 28P01 password authentication failed for user \"token\""
    );
}
