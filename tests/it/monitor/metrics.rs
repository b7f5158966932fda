//! `/metrics`, read as Prometheus reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;

use pgtenant::config::monitor::MetricsAccess;
use pgtenant::monitor::catalog::{FAMILIES, Kind};

use super::*;
use crate::drivers::stories;
use crate::support::proxy::eventually;

pub(super) fn text(proxy: &Proxy) -> String {
    let answer = get(proxy, "/metrics");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    answer.body
}

/// Of a series as it is written.
pub(super) fn value(text: &str, series: &str) -> f64 {
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

/// Reads it with Prometheus' own parser: prints `name type` for each family.
const PARSE: &str = r#"
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    names = {sample.name for sample in family.samples}
    name = family.name + "_total" if family.type == "counter" else family.name
    assert family.documentation, name
    if family.type == "histogram":
        counts = [sample.value for sample in family.samples if sample.name.endswith("_bucket")]
        assert counts == sorted(counts), (name, counts)
        assert counts[-1] == next(s.value for s in family.samples if s.name.endswith("_count")), name
    else:
        assert names == {name}, (name, names)
    print(name, family.type)
"#;

fn parsed(text: &str) -> BTreeMap<String, String> {
    let mut parser = stories::python_itself();
    let mut parser = parser
        .args(["-c", PARSE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("prometheus_client, of tests/drivers/requirements.txt (scripts/setup.sh test)");
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.split_once(' ').unwrap()).map(|(a, b)| (a.into(), b.into())).collect()
}

#[test]
fn prometheus_reads_every_metric_of_the_catalog_and_finds_what_was_done() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme", "beta"], |config| {
        tokens.watch(config);
        config.pool.max_server_connections = 2;
    });
    let mut acme = proxy.wire("acme");
    for _ in 0..7 {
        acme.run("select 1");
    }
    acme.query(&format!("select * from {}.notes", proxy.db.schema("beta")));
    acme.run("create temporary table t (i int)");
    proxy.wire("beta").run("select 1");
    assert!(proxy.wire_with("nobody", &[]).is_err());
    eventually("all is counted", || {
        let text = text(&proxy);
        value(&text, "pgtenant_transactions_total") >= 8.0
            && value(&text, "pgtenant_pinned_clients{reason=\"temporary_object\"}") > 0.5
    });
    let text = text(&proxy);
    let found = parsed(&text);
    let kinds: BTreeMap<String, String> =
        FAMILIES.iter().map(|family| (family.name.into(), family.kind.as_str().into())).collect();
    for (name, kind) in &found {
        assert_eq!(kinds.get(name), Some(kind), "{name}");
    }
    // Of some there is nothing before something goes wrong.
    let sometimes = [
        "pgtenant_server_connections_closed_total",
        "pgtenant_notifications_dropped_total",
        "pgtenant_reports_total",
    ];
    let missing: BTreeSet<&String> = kinds.keys().filter(|name| !found.contains_key(*name)).collect();
    let missing: Vec<_> = missing.into_iter().filter(|name| !sometimes.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");

    let of =
        |metric: &str, tenant: &str| format!("pgtenant_tenant_{metric}{{tenant=\"{}\"}}", proxy.user(tenant));
    assert!(value(&text, &of("transactions_total", "acme")) >= 7.0);
    assert!((value(&text, &of("denials_total", "acme")) - 1.0).abs() < 0.1);
    assert!((value(&text, &of("clients", "acme")) - 1.0).abs() < 0.1);
    assert!((value(&text, &of("pinned_clients", "acme")) - 1.0).abs() < 0.1);
    assert!(value(&text, &of("hold_seconds_total", "acme")) > 0.0);
    assert!((value(&text, "pgtenant_denials_total{rule=\"cross_schema\"}") - 1.0).abs() < 0.1);
    assert!(
        value(&text, "pgtenant_denials_total{rule=\"role_management\"}") < 0.1,
        "known rules are there from the start"
    );
    assert!((value(&text, "pgtenant_auth_failures_total{reason=\"password\"}") - 1.0).abs() < 0.1);
    assert!(value(&text, "pgtenant_checkout_total_seconds_count") >= 8.0);
    assert!(value(&text, "pgtenant_verdict_cache_hits_total{by=\"text\"}") >= 5.0);
    assert!((value(&text, "pgtenant_server_connections_limit") - 2.0).abs() < 0.1);
    assert!(value(&text, "pgtenant_ready") > 0.5 && value(&text, "process_open_fds") > 3.0);
}

#[test]
fn client_that_waits_is_seen_in_the_histogram_and_while_it_waits() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme"], |config| {
        tokens.watch(config);
        config.pool.max_server_connections = 1;
        config.limits.max_server_connections = 1;
    });
    let (mut one, mut other) = (proxy.wire("acme"), proxy.wire("acme"));
    one.run("begin");
    other.send(&crate::support::wire::query("select 1"));
    eventually("it waits", || value(&text(&proxy), "pgtenant_clients_waiting{kind=\"server\"}") > 0.5);
    let seen = text(&proxy);
    assert!((value(&seen, "pgtenant_clients{state=\"waiting\"}") - 1.0).abs() < 0.1);
    assert!((value(&seen, "pgtenant_server_connections{state=\"used\"}") - 1.0).abs() < 0.1);
    let shown = overview(&proxy, "");
    assert_eq!((&shown["totals"]["waiting"], &shown["queues"][0]["waiting"]), (&1.into(), &1.into()));
    one.run("commit");
    other.until_ready();
    let done = text(&proxy);
    let sum = value(&done, "pgtenant_checkout_wait_seconds_sum");
    assert!(sum > 0.0 && sum <= value(&done, "pgtenant_checkout_total_seconds_sum"), "{sum}");
    assert!(
        value(&done, "pgtenant_checkout_wait_seconds_count") + 0.5
            > value(&done, "pgtenant_checkout_hold_seconds_count"),
        "who does not wait is among those who wait for nothing"
    );
}

#[test]
fn metrics_name_only_as_many_tenants_as_they_may() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme", "beta", "gamma"], |config| {
        tokens.watch(config);
        config.monitor.metrics_tenants = 1;
    });
    for (tenant, times) in [("acme", 3), ("beta", 20), ("gamma", 2)] {
        let mut wire = proxy.wire(tenant);
        for _ in 0..times {
            wire.run("select 1");
        }
    }
    let series =
        |text: &str| text.lines().filter(|line| line.starts_with("pgtenant_tenant_queries_total")).count();
    let of = |tenant: &str| format!("pgtenant_tenant_queries_total{{tenant=\"{tenant}\"}}");
    let busiest = of(&proxy.user("beta"));
    eventually("all is counted", || {
        let text = text(&proxy);
        assert_eq!(series(&text), 2, "{text}");
        text.contains(&busiest) && value(&text, &busiest) + value(&text, &of("other tenants")) >= 24.5
    });
    assert!(!text(&proxy).contains(&proxy.user("gamma")));
}

#[test]
fn metrics_are_for_whom_the_configuration_says() {
    let tokens = TokenFile::new();
    let with = |access: MetricsAccess| {
        Proxy::start(&["acme"], |config| {
            tokens.watch(config);
            config.monitor.metrics_access = access;
        })
    };
    let bearer = format!("Bearer {TOKEN}");
    let good: [(&str, &str); 1] = [("authorization", &bearer)];
    let here = with(MetricsAccess::Loopback);
    assert_eq!(get(&here, "/metrics").status, 200);
    // A page in a browser on this machine, to which somebody has given a name of his own.
    let rebound = get_with(&here, "/metrics", &[("host", "evil.example:9632")]);
    assert_eq!((rebound.status, rebound.header("www-authenticate")), (401, "Bearer"));
    let token = with(MetricsAccess::Token);
    assert_eq!(get(&token, "/metrics").status, 401);
    assert_eq!(get_with(&token, "/metrics", &[("authorization", "Bearer x")]).status, 401);
    assert_eq!(get_with(&token, "/metrics", &good).status, 200);
    let open = with(MetricsAccess::Open);
    assert_eq!(get_with(&open, "/metrics", &[("host", "proxy.example")]).status, 200);
}

#[test]
fn histograms_of_the_catalog_are_those_that_the_proxy_has() {
    let names: Vec<&str> =
        FAMILIES.iter().filter(|family| family.kind == Kind::Histogram).map(|family| family.name).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}
