//! `/healthz` and `/readyz` mean what they say.

use std::sync::atomic::{AtomicBool, Ordering};

use pgtenant::cli::cluster::{Options, PrivateCluster, Stop};
use serde_json::json;

use super::*;
use crate::support::proxy::eventually;

/// Status, word, and the problems by name.
fn ready(proxy: &Proxy) -> (u16, String, Vec<String>) {
    let answer = get(proxy, "/readyz");
    let body = answer.json();
    let problems = body["problems"].as_array().unwrap().iter();
    let names = problems.map(|problem| problem["problem"].as_str().unwrap().to_owned()).collect();
    (answer.status, body["status"].as_str().unwrap().to_owned(), names)
}

fn well() -> (u16, String, Vec<String>) {
    (200, "ready".into(), vec![])
}

#[test]
fn proxy_is_not_ready_while_postgresql_is_gone_and_is_again_when_it_is_back() {
    let mut cluster = PrivateCluster::start(&Options::default()).unwrap();
    let tokens = TokenFile::new();
    let proxy = Proxy::on(&cluster, &["acme"], |config| tokens.watch(config));
    assert_eq!(proxy.wire("acme").value("select 1"), "1");
    assert_eq!(ready(&proxy), well());
    cluster.stop(Stop::Immediate).unwrap();
    eventually("it says that PostgreSQL is gone", || {
        ready(&proxy) == (503, "not_ready".into(), vec!["server".into()])
    });
    // To start the proxy again would mend nothing.
    let alive = get(&proxy, "/healthz");
    assert_eq!((alive.status, &alive.json()["status"]), (200, &json!("ok")));
    assert!(metric(&proxy, "pgtenant_ready") < 0.5 && metric(&proxy, "pgtenant_registry_in_touch") < 0.5);
    assert!(!overview(&proxy, "")["ready"].as_bool().unwrap());
    cluster.restart().unwrap();
    eventually("it is ready again", || ready(&proxy) == well());
    assert_eq!(proxy.wire("acme").value("select 1"), "1");
    assert!(metric(&proxy, "pgtenant_ready") > 0.5);
}

#[test]
fn proxy_that_finishes_transactions_before_it_ends_says_that_no_new_clients_should_come() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme"], |config| {
        tokens.watch(config);
        config.listen.shutdown_timeout = Duration::from_secs(30);
    });
    let mut wire = proxy.wire("acme");
    wire.run("begin");
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            proxy.stop();
            stopped.store(true, Ordering::Relaxed);
        });
        eventually("it is not ready", || ready(&proxy) == (503, "not_ready".into(), vec!["draining".into()]));
        assert_eq!(get(&proxy, "/healthz").status, 200);
        assert!(metric(&proxy, "pgtenant_draining") > 0.5, "the last minutes are seen too");
        assert!(!stopped.load(Ordering::Relaxed), "the transaction is still open");
        wire.run("commit");
    });
}

#[test]
fn hardening_that_is_damaged_is_told_without_a_name_and_keeps_out_where_all_tenants_are_shared() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start_shared(&["acme"], |config| tokens.watch(config));
    let answer = get(&proxy, "/readyz");
    assert_eq!((answer.status, &answer.json()["hardened"]), (200, &json!(true)));
    proxy.admin().run("ALTER EVENT TRIGGER pgtenant_guard_1_definer DISABLE");
    eventually("it is seen", || ready(&proxy) == (503, "not_ready".into(), vec!["hardening".into()]));
    let body = get(&proxy, "/readyz").body;
    assert!(!body.contains(&proxy.db.name) && !body.contains("pgtenant_guard"), "{body}");
    assert!(metrics::text(&proxy).contains("pgtenant_hardening{state=\"out_of_service\"} 1"));
}

/// The one value of a metric without labels.
fn metric(proxy: &Proxy, name: &str) -> f64 {
    metrics::value(&metrics::text(proxy), name)
}
