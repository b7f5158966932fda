//! What a tenant may use, by the configuration and by limits of its own that change while it is served.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pgtenant::cli::tenant::{LimitArgs, StatusArgs, TenantCommand};

use crate::support::admin_args;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, query, sync, unnamed};

const MILLIS: fn(u64) -> Duration = Duration::from_millis;

/// `pgtenant tenant limit`.
pub(crate) fn limit(proxy: &Proxy, tenant: &str, set: &[&str], reset: &[&str]) -> Result<String, String> {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let args = LimitArgs {
        tenant: StatusArgs {
            slug: proxy.db.slug(tenant).to_string(),
            dry_run: false,
            json: false,
            admin: admin_args(&proxy.db.admin_url),
        },
        set: texts(set),
        reset: texts(reset),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(proxy.db.tenant(TenantCommand::Limit(args), ""))
}

fn log_in(proxy: &Proxy, tenant: &str) -> Result<Wire, String> {
    proxy.wire_with(tenant, &[])
}

#[test]
fn one_client_more_than_a_tenant_may_have_is_53300_and_another_tenant_is_let_in() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| config.limits.max_clients = 2);
    let (one, _two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    let refusal = log_in(&proxy, "alpha").err().unwrap();
    assert!(refusal.contains("FATAL 53300 too many clients of this tenant"), "{refusal}");
    proxy.wire("beta").run("select 1");
    drop(one);
    eventually("there is room again", || log_in(&proxy, "alpha").is_ok());
    limit(&proxy, "alpha", &["max_clients=all"], &[]).unwrap();
    let mut more = Vec::new();
    eventually("the tenant's own limit holds", || {
        more.extend(log_in(&proxy, "alpha").ok());
        more.len() > 4
    });
}

#[test]
fn one_client_more_than_may_wait_is_53300_at_once_and_goes_on() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 1;
        config.limits.max_waiting = 1;
    });
    let (mut holder, mut waiter, mut third) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("alpha"));
    holder.run("begin");
    waiter.send(&query("select 1"));
    eventually("it waits", || proxy.shared().clusters.main().pool.load().waiting == 1);
    let begin = Instant::now();
    let refusal = "Error ERROR 53300 too many clients of this tenant wait for a server connection";
    assert_eq!(third.query("select 1"), [refusal, "ReadyForQuery I"]);
    assert_eq!(third.say(&[unnamed("select 1", &[]), sync()].concat()), [refusal, "ReadyForQuery I"]);
    assert!(begin.elapsed() < Duration::from_secs(2));
    holder.run("commit");
    waiter.until_ready();
    assert_eq!(third.value("select 3"), "3");
}

#[test]
fn statement_over_its_time_is_57014_whatever_the_client_set_and_the_session_goes_on() {
    let proxy =
        Proxy::start(&["alpha", "beta"], |config| config.limits.statement_timeout = Some(MILLIS(400)));
    limit(&proxy, "beta", &["statement_timeout=off"], &[]).unwrap();
    let (mut one, mut other) = (proxy.wire("alpha"), proxy.wire("beta"));
    one.run("set statement_timeout = 0");
    let error = "Error ERROR 57014 canceling statement due to statement timeout";
    for sql in ["select pg_sleep(20)", "do $$ begin perform pg_sleep(20); end $$"] {
        let begin = Instant::now();
        let lines = one.query(sql);
        assert_eq!(lines[lines.len() - 2..], [error, "ReadyForQuery I"], "{lines:?}");
        assert!(begin.elapsed() >= MILLIS(400) && begin.elapsed() < Duration::from_secs(10));
    }
    let lines = one.say(&[unnamed("select pg_sleep(20)", &[]), sync()].concat());
    assert_eq!(lines[lines.len() - 2..], [error, "ReadyForQuery I"], "{lines:?}");
    // Each statement of a transaction has the whole time, and the time between them is not counted.
    one.run("begin");
    for _ in 0..3 {
        one.run("select pg_sleep(0.2)");
    }
    one.run("commit");
    // An error of its own is told as it is.
    assert!(one.query("select 1/0")[0].contains("22012"));
    other.run("select pg_sleep(0.8)");
    assert_eq!(proxy.time_outs("statement"), 3);
}

#[test]
fn silence_in_a_transaction_is_25p03_and_undoes_it() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 1;
        config.limits.idle_in_transaction_timeout = Some(MILLIS(300));
    });
    let (mut silent, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
    silent.run("create table kept (n int)");
    silent.run("begin");
    silent.run("insert into kept values (1)");
    // A statement is no silence, however long.
    silent.run("select pg_sleep(0.6)");
    let lines = silent.until_end();
    assert_eq!(lines, ["Error FATAL 25P03 terminating connection due to idle-in-transaction timeout", "end"]);
    assert_eq!(proxy.time_outs("idle_in_transaction"), 1);
    assert_eq!(other.value("select count(*) from kept"), "0");
}

#[test]
fn transaction_over_its_time_is_25p04_whether_it_works_or_is_silent() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 1;
        config.limits.transaction_timeout = Some(MILLIS(500));
    });
    let mut other = proxy.wire("alpha");
    other.run("create table kept (n int)");
    for last in ["select pg_sleep(20)", "select 1"] {
        let mut client = proxy.wire("alpha");
        client.run("begin; insert into kept values (1)");
        client.send(&query(last));
        let lines = client.until_end();
        let end = "Error FATAL 25P04 terminating connection due to transaction timeout";
        assert_eq!(lines[lines.len() - 2..], [end, "end"], "{lines:?}");
        assert_eq!(other.value("select count(*) from kept"), "0");
    }
    // Several transactions may take longer together.
    assert_eq!(proxy.time_outs("transaction"), 2);
    for _ in 0..4 {
        other.run("begin; select pg_sleep(0.2); commit");
    }
}

#[test]
fn silence_outside_a_transaction_is_57p05_by_the_tenants_own_limit_only() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    limit(&proxy, "alpha", &["client_idle_timeout=300ms"], &[]).unwrap();
    let mut other = proxy.wire("beta");
    let mut silent = proxy.wire("alpha");
    for _ in 0..4 {
        silent.run("select pg_sleep(0.1)");
    }
    let lines = silent.until_end();
    assert_eq!(lines, ["Error FATAL 57P05 terminating connection due to idle-session timeout", "end"]);
    assert_eq!(proxy.time_outs("client_idle"), 1);
    other.run("select 1");
}

#[test]
fn server_connections_of_a_tenant_follow_its_limit_while_it_is_served() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 4);
    let mut clients: Vec<Wire> = (0..3).map(|_| proxy.wire("alpha")).collect();
    let busy = |clients: &mut Vec<Wire>| {
        clients.iter_mut().for_each(|client| client.run("begin"));
        clients.iter_mut().for_each(|client| client.run("commit"));
    };
    busy(&mut clients);
    assert_eq!(proxy.server_connections(), 3);
    limit(&proxy, "alpha", &["max_server_connections=1"], &[]).unwrap();
    eventually("idle ones are closed", || proxy.server_connections() == 1);
    let told = limit(&proxy, "alpha", &["max_server_connections=2", "weight=50"], &[]).unwrap();
    assert!(told.contains("max_server_connections       2      the tenant"), "{told}");
    limit(&proxy, "alpha", &[], &["all"]).unwrap();
    eventually("as many as before", || {
        busy(&mut clients);
        proxy.server_connections() == 3
    });
}

#[test]
fn connections_that_are_kept_for_a_tenant_are_opened_ahead_outlast_the_idle_timeout_and_are_replaced() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.pool.idle_timeout = Some(Duration::from_millis(100));
    });
    let of = |tenant: &str| {
        let sql = "select coalesce(string_agg(pid::text, ',' order by pid), '') from pg_stat_activity where usename";
        let pids = proxy.admin().value(&format!("{sql} = '{}'", proxy.role(tenant)));
        pids.split(',').filter(|pid| !pid.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    limit(&proxy, "alpha", &["min_server_connections=2"], &[]).unwrap();
    let mut alpha = proxy.wire("alpha");
    alpha.run("select 1");
    eventually("a second one is opened ahead", || of("alpha").len() == 2);
    let kept = of("alpha");
    proxy.wire("beta").run("select 1");
    eventually("beta's is closed", || of("beta").is_empty());
    assert_eq!(of("alpha"), kept);
    proxy.admin().run(&format!("select pg_terminate_backend({})", kept[0]));
    eventually("it is replaced", || {
        let now = of("alpha");
        now.len() == 2 && !now.contains(&kept[0])
    });
    limit(&proxy, "alpha", &["min_server_connections=0"], &[]).unwrap();
    eventually("none is kept any more", || of("alpha").is_empty());
    assert_eq!(alpha.value("select 1"), "1");
}

#[test]
fn shared_connections_that_are_kept_outlast_the_idle_timeout() {
    let proxy = Proxy::start_shared(&["alpha"], |config| {
        config.pool.idle_timeout = Some(Duration::from_millis(100));
        config.pool.min_shared_connections = 2;
    });
    let mut clients: Vec<Wire> = (0..3).map(|_| proxy.wire("alpha")).collect();
    clients.iter_mut().for_each(|client| client.run("begin"));
    clients.iter_mut().for_each(|client| client.run("commit"));
    let pool = proxy.admin().value("select pool_role from pgtenant.installation");
    let count = format!("select count(*) from pg_stat_activity where usename = '{pool}'");
    assert_eq!(proxy.admin().value(&count), "3");
    eventually("one is closed", || proxy.admin().value(&count) == "2");
}

/// Ten clients of alpha, which may have 20 transactions a second, and one of beta, for three seconds.
fn rate_is_kept_and_beta_is_not_delayed(proxy: &Proxy) {
    limit(proxy, "alpha", &["max_transactions_per_second=20"], &[]).unwrap();
    let mut clients: Vec<Wire> = (0..10).map(|_| proxy.wire("alpha")).collect();
    let mut other = proxy.wire("beta");
    eventually("the limit holds, and its burst is used", || {
        clients.iter_mut().for_each(|client| client.send(&query("select 1")));
        clients.iter_mut().for_each(|client| drop(client.until_ready()));
        proxy.shared().counters.snapshot().rate_delays > 0
    });
    let (done, begin) = (AtomicUsize::new(0), Instant::now());
    let others = thread::scope(|scope| {
        for mut client in clients.drain(..) {
            let done = &done;
            scope.spawn(move || {
                while begin.elapsed() < Duration::from_secs(3) {
                    assert_eq!(client.value("select 1"), "1");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut others = Vec::new();
        while begin.elapsed() < Duration::from_secs(3) {
            let begin = Instant::now();
            assert_eq!(other.value("select 1"), "1");
            others.push(begin.elapsed());
        }
        others
    });
    let (done, time) = (done.into_inner() as f64, begin.elapsed().as_secs_f64());
    assert!(done <= 20.0 + 20.0 * time + 1.0 && done >= 0.8 * 20.0 * time, "{done} in {time} s");
    let slow = others.iter().filter(|time| **time > MILLIS(40)).count();
    assert!(others.len() > 150 && slow * 10 < others.len(), "{slow} of {}", others.len());
    assert!(proxy.shared().counters.snapshot().rate_delays >= 40);
}

#[test]
fn tenant_over_its_rate_is_slowed_down_to_it_and_another_is_not_delayed() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| config.pool.max_server_connections = 2);
    rate_is_kept_and_beta_is_not_delayed(&proxy);
}

#[test]
fn shared_tenant_over_its_rate_is_slowed_down_to_it_and_another_is_not_delayed() {
    let proxy = Proxy::start_shared(&["alpha", "beta"], |config| config.pool.max_server_connections = 1);
    rate_is_kept_and_beta_is_not_delayed(&proxy);
}

#[test]
fn waiting_too_long_for_the_rate_is_53300_that_says_so_and_the_client_goes_on() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.limits.max_transactions_per_second = 1;
        config.limits.max_waiting = 1;
    });
    // Logging in may take a turn too.
    let (mut one, mut another) = (proxy.wire("alpha"), proxy.wire("alpha"));
    limit(&proxy, "alpha", &["wait_timeout=200ms"], &[]).unwrap();
    let refusal = "Error ERROR 53300 no turn came within 200 ms: this tenant's transactions are limited to 1 per second";
    let mut told = Vec::new();
    eventually("it has waited for too long", || {
        let lines = one.query("select 1");
        told.extend((lines.len() == 2).then_some(lines));
        told.len() == 3
    });
    assert!(told.iter().all(|lines| *lines == [refusal, "ReadyForQuery I"]), "{told:?}");
    let lines = one.say(&[unnamed("select 1", &[]), sync()].concat());
    assert!(lines.len() > 2 || lines == [refusal, "ReadyForQuery I"], "{lines:?}");
    // A transaction has its turn once, however many statements it has.
    limit(&proxy, "alpha", &["wait_timeout=10s"], &[]).unwrap();
    eventually("it may wait for longer", || one.query("begin").len() == 2 && one.query("select 1").len() > 2);
    let begin = Instant::now();
    (0..20).for_each(|_| one.run("select 1"));
    assert!(begin.elapsed() < Duration::from_secs(4));
    another.send(&query("select 1"));
    eventually("one waits for the rate", || proxy.shared().clusters.main().pool.load().held == 1);
    one.run("commit");
    let refused = one.query("select 1");
    assert!(refused[0].contains("53300 too many clients of this tenant wait"), "{refused:?}");
    assert_eq!(another.until_ready().len(), 4);
}

#[test]
fn rate_changes_while_clients_wait_for_it() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut clients: Vec<Wire> = (0..20).map(|_| proxy.wire("alpha")).collect();
    limit(&proxy, "alpha", &["max_transactions_per_second=1"], &[]).unwrap();
    let told = limit(&proxy, "alpha", &[], &[]).unwrap();
    assert!(told.contains("max_transactions_per_second  1      the tenant"), "{told}");
    eventually("there is a rate", || {
        clients[0].run("select 1");
        proxy.shared().counters.snapshot().rate_delays > 0
    });
    clients.iter_mut().for_each(|client| client.send(&query("select 1")));
    eventually("they wait", || proxy.shared().clusters.main().pool.load().held >= 15);
    let begin = Instant::now();
    limit(&proxy, "alpha", &[], &["max_transactions_per_second"]).unwrap();
    for client in &mut clients {
        assert_eq!(client.until_ready().len(), 4);
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn limit_that_is_wrong_or_of_nobody_is_refused_and_changes_nothing() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    limit(&proxy, "alpha", &["weight=7"], &[]).unwrap();
    for (tenant, set, told) in [
        ("alpha", "max_client=3", "there is no limit \"max_client\"; there are max_clients, "),
        ("alpha", "weight=0", "limit weight: 0 is too small; give at least 1"),
        ("alpha", "weight", "write a limit as NAME=VALUE"),
        ("nobody", "weight=3", "nobody"),
    ] {
        let error = limit(&proxy, tenant, &[set], &[]).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
    let summary = proxy.run(proxy.db.summary("alpha"));
    assert_eq!(summary.tenant.limits.weight, Some(7));
}
