//! `SUSPEND`: what was read is written out, and nothing more is read until `RESUME`.

use std::time::Duration;

use super::{console, row, start};
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, query};

fn is_suspended(ops: &mut Wire) -> bool {
    row(ops, "SHOW STATE", "key", "suspended")["value"] == "yes"
}

/// How many statements of the tenant PostgreSQL works on, or has worked on last, with this text in them.
fn arrived(proxy: &Proxy, text: &str) -> bool {
    let sql = format!(
        "select count(*) from pg_stat_activity where usename = '{}' and query like '%{text}%'",
        proxy.role("alpha")
    );
    proxy.admin().value(&sql) != "0"
}

#[test]
fn suspended_process_reads_from_nobody_until_it_is_resumed() {
    let proxy = start(&["alpha"], |_| {});
    let (mut idle, mut busy, mut ops) = (proxy.wire("alpha"), proxy.wire("alpha"), console(&proxy, "ops"));
    busy.run("begin");
    ops.run("SUSPEND");
    assert!(is_suspended(&mut ops));
    assert_eq!(row(&mut ops, "SHOW STATE", "key", "active")["value"], "no");
    idle.send(&query("select 'from idle'"));
    busy.send(&query("select 'from busy'"));
    // Who comes may log in, and waits with its first statement; others at the console work.
    let mut late = proxy.wire("alpha");
    late.send(&query("select 'from late'"));
    assert!(is_suspended(&mut console(&proxy, "exporter")));
    for text in ["from idle", "from busy", "from late"] {
        assert!(!arrived(&proxy, text), "{text}");
    }
    ops.run("RESUME");
    for (wire, text, state) in [(&mut idle, "idle", 'I'), (&mut busy, "busy", 'T'), (&mut late, "late", 'I')]
    {
        let lines = wire.until_ready();
        assert!(lines.iter().any(|line| line.contains(&format!("from {text}"))), "{lines:?}");
        assert_eq!(lines.last().unwrap(), &format!("ReadyForQuery {state}"));
    }
    busy.run("commit");
    assert!(!is_suspended(&mut ops));
    let lines = ops.query("RESUME");
    assert!(lines[0].contains("55000"), "{lines:?}");
}

#[test]
fn suspended_tenant_waits_alone_until_it_is_resumed_by_name() {
    let proxy = start(&["alpha", "beta"], |_| {});
    let (mut alpha, mut beta, mut ops) = (proxy.wire("alpha"), proxy.wire("beta"), console(&proxy, "ops"));
    alpha.run("begin");
    let slug = row(&mut ops, "SHOW CLIENTS", "state", "active")["database"].clone();
    ops.run(&format!("SUSPEND {slug}"));
    assert_eq!(row(&mut ops, "SHOW TENANTS", "tenant", &slug)["state"], "suspended");
    assert!(!is_suspended(&mut ops), "not all are");
    alpha.send(&query("select 'from alpha'"));
    beta.run("select 1");
    assert!(!arrived(&proxy, "from alpha"));
    let lines = ops.query("RESUME");
    assert!(lines[0].contains("55000"), "{lines:?}");
    assert!(!arrived(&proxy, "from alpha"));
    ops.run(&format!("RESUME {slug}"));
    assert!(alpha.until_ready().iter().any(|line| line.contains("from alpha")));
    assert_eq!(row(&mut ops, "SHOW TENANTS", "tenant", &slug)["state"], "active");
    let lines = ops.query(&format!("RESUME {slug}"));
    assert!(lines[0].contains("55000"), "{lines:?}");
    alpha.run("commit");
    // One of a tenant ends with the visit, as one of all does.
    let mut other = console(&proxy, "ops");
    other.run(&format!("SUSPEND {slug}"));
    alpha.send(&query("select 1"));
    drop(other);
    assert!(alpha.until_ready().iter().any(|line| line.contains('1')));
}

#[test]
fn answer_that_was_on_its_way_follows_after_resume() {
    let proxy = start(&["alpha"], |_| {});
    let (mut wire, mut ops) = (proxy.wire("alpha"), console(&proxy, "ops"));
    wire.send(&query("select 'late answer' from pg_sleep(0.2)"));
    eventually("it runs", || arrived(&proxy, "late answer"));
    ops.run("SUSPEND");
    eventually("the server has answered", || {
        proxy.admin().value(&format!(
            "select count(*) from pg_stat_activity where usename = '{}' and state = 'idle'",
            proxy.role("alpha")
        )) == "1"
    });
    ops.run("RESUME");
    assert!(wire.until_ready().iter().any(|line| line.contains("late answer")));
}

#[test]
fn suspension_ends_with_the_visit_that_began_it() {
    let proxy = start(&["alpha"], |_| {});
    let (mut wire, mut ops) = (proxy.wire("alpha"), console(&proxy, "ops"));
    ops.run("SUSPEND");
    wire.send(&query("select 1"));
    drop(ops);
    assert!(wire.until_ready().iter().any(|line| line.contains('1')));
    eventually("it is told so", || !is_suspended(&mut console(&proxy, "exporter")));
    // One that another has resumed, and a third has begun again, is not its own any more.
    let (mut first, mut second) = (console(&proxy, "ops"), console(&proxy, "ops"));
    first.run("SUSPEND");
    second.run("RESUME; SUSPEND");
    drop(first);
    console(&proxy, "exporter").run("SHOW VERSION");
    assert!(is_suspended(&mut second));
    second.run("RESUME");
}

#[test]
fn client_that_takes_nothing_is_waited_for_until_the_wait_is_cancelled() {
    let proxy = start(&["alpha"], |_| {});
    let (mut wire, mut ops) = (proxy.wire("alpha"), console(&proxy, "ops"));
    wire.send(&query("select repeat('x', 1000) from generate_series(1, 100000)"));
    eventually("the client's window is full", || {
        let sql = format!(
            "select count(*) from pg_stat_activity where usename = '{}' and wait_event = 'ClientWrite'",
            proxy.role("alpha")
        );
        proxy.admin().value(&sql) == "1"
    });
    ops.send(&query("SUSPEND"));
    eventually("it is suspended", || is_suspended(&mut console(&proxy, "exporter")));
    eventually("the cancel request is heard", || {
        ops.cancel();
        ops.has_input()
    });
    let lines = ops.until_ready();
    assert!(lines[0].contains("57014") && lines.last().unwrap() == "ReadyForQuery I", "{lines:?}");
    assert!(!is_suspended(&mut ops), "who gives up has suspended nobody");
    assert!(wire.until_ready().len() > 100_000, "all of it comes");
}

#[test]
fn shutdown_ends_a_suspension_so_that_transactions_finish() {
    let proxy = start(&["alpha"], |config| config.listen.shutdown_timeout = Duration::from_secs(60));
    let (mut busy, mut ops) = (proxy.wire("alpha"), console(&proxy, "ops"));
    busy.run("begin");
    ops.run("SUSPEND");
    busy.send(&query("insert into notes (body) values ('kept'); commit"));
    std::thread::scope(|scope| {
        scope.spawn(|| proxy.stop());
        assert!(busy.until_ready().iter().any(|line| line == "CommandComplete COMMIT"));
    });
}
