//! What is told of what is going on.

use std::time::Duration;

use pgtenant::client::overview;
use pgtenant::telemetry::overview::{ClientState, Overview, PoolRow, ServerState, TenantRow};

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, query};

fn look(proxy: &Proxy) -> Overview {
    overview(proxy.shared())
}

fn pool<'a>(overview: &'a Overview, proxy: &Proxy, tenant: &str) -> &'a PoolRow {
    let name = proxy.user(tenant);
    overview.pools.iter().find(|pool| pool.name == name).expect("the tenant's pool")
}

fn tenant<'a>(overview: &'a Overview, proxy: &Proxy, tenant: &str) -> &'a TenantRow {
    let slug = proxy.user(tenant);
    overview.tenants.iter().find(|row| row.slug == slug).expect("the tenant")
}

fn named(proxy: &Proxy, tenant: &str, application_name: &str) -> Wire {
    proxy.wire_with(tenant, &[("application_name", application_name)]).expect("login")
}

#[test]
fn clients_that_are_idle_work_wait_and_keep_their_connection_are_told_apart() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| config.limits.max_server_connections = 2);
    let idle = named(&proxy, "alpha", "idle one");
    let (mut busy, mut pinned) = (named(&proxy, "alpha", "busy"), named(&proxy, "alpha", "pinned"));
    let mut waiting = named(&proxy, "alpha", "waiting");
    busy.run("begin");
    pinned.run("create temp table t ()");
    waiting.send(&query("select 1"));
    // A pin is noted a moment after the answer.
    eventually("one waits and one is pinned", || {
        let seen = look(&proxy);
        seen.budget.waiting == 1 && seen.pins().len() == 1
    });

    let seen = look(&proxy);
    let own = pool(&seen, &proxy, "alpha");
    assert_eq!((own.active, own.idle, own.waiting, own.pinned), (2, 1, 1, 1));
    assert_eq!((own.servers_active, own.servers_idle, own.servers_login), (2, 0, 0));
    assert_eq!((own.max_servers, own.is_paused, own.level), (Some(2), false, "dedicated"));
    assert_eq!(seen.queues().iter().map(|pool| &pool.name).collect::<Vec<_>>(), [&own.name]);
    let of = |name: &str| {
        seen.clients.iter().find(|client| client.application_name == name).expect("the client").clone()
    };
    let states = ["idle one", "busy", "pinned", "waiting"].map(|name| of(name).state);
    let expected = [ClientState::Idle, ClientState::Active, ClientState::Active, ClientState::Waiting];
    assert_eq!(states, expected);
    assert_eq!(of("pinned").pin.map(|(reason, _)| reason), Some("temporary_object"));
    assert_eq!(seen.pins().iter().map(|client| client.pid).collect::<Vec<_>>(), [of("pinned").pid]);
    assert_eq!(of("busy").user, proxy.user("alpha"));
    assert!(of("busy").address.is_some_and(|(address, port)| address == "127.0.0.1" && port > 0));
    assert_eq!(of("busy").local.map(|(_, port)| port), Some(proxy.addr().port()));

    // Both ends of a link know each other.
    let server =
        seen.servers.iter().find(|server| server.client == Some(of("busy").pid)).expect("its server");
    assert_eq!((server.state, Some(server.pid)), (ServerState::Active, of("busy").server_pid));
    assert_eq!((&server.role, &server.application_name), (&proxy.role("alpha"), &"busy".to_owned()));
    assert_eq!(busy.backend(), server.pid);

    let row = tenant(&seen, &proxy, "alpha");
    assert_eq!((row.clients, row.active, row.waiting, row.pinned, row.servers), (4, 2, 1, 1, 2));
    assert_eq!(tenant(&seen, &proxy, "beta").clients, 0, "one that nobody uses is there, too");

    busy.run("commit");
    waiting.until_ready();
    drop((idle, busy, pinned, waiting));
    eventually("all have left", || look(&proxy).clients.is_empty());
    assert_eq!(look(&proxy).budget.waiting, 0);
}

#[test]
fn what_a_tenant_does_is_counted_for_it_and_for_no_other() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let (mut alpha, mut beta) = (proxy.wire("alpha"), proxy.wire("beta"));
    beta.run("select 1");
    eventually("it is told", || tenant(&look(&proxy), &proxy, "beta").traffic.transactions >= 1);
    let before = look(&proxy);
    let (a, b) = (tenant(&before, &proxy, "alpha").traffic, tenant(&before, &proxy, "beta").traffic);
    for _ in 0..10 {
        alpha.run("select 1");
    }
    alpha.run("begin; select pg_sleep(0.05); commit");
    // A client tells what it did when its transaction is over, which is a moment after the answer.
    eventually("it is told", || {
        tenant(&look(&proxy), &proxy, "alpha").traffic.transactions >= a.transactions + 11
    });
    let after = look(&proxy);
    let did = tenant(&after, &proxy, "alpha").traffic.since(&a);
    assert_eq!((did.transactions, did.queries, did.assignments), (11, 11, 11));
    assert!(did.bytes_from_clients > 100 && did.bytes_to_clients > 100, "{did:?}");
    assert!(
        did.server_time >= Duration::from_millis(50) && did.server_time < Duration::from_secs(20),
        "{did:?}"
    );
    assert_eq!(tenant(&after, &proxy, "beta").traffic, b);
}

#[test]
fn waiting_is_counted_for_the_tenant_that_waited() {
    let proxy = Proxy::start(&["alpha"], |config| config.limits.max_server_connections = 1);
    let (mut holder, mut waiter) = (proxy.wire("alpha"), proxy.wire("alpha"));
    holder.run("begin");
    waiter.send(&query("select 1"));
    eventually("it has waited for a while", || {
        let seen = look(&proxy);
        let own = pool(&seen, &proxy, "alpha");
        own.waiting == 1 && own.max_wait >= Duration::from_millis(50)
    });
    holder.run("rollback");
    waiter.until_ready();
    eventually("it is told", || {
        tenant(&look(&proxy), &proxy, "alpha").traffic.wait_time >= Duration::from_millis(50)
    });
}

#[test]
fn latest_refusals_are_kept_without_their_constants() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let mut alpha = proxy.wire("alpha");
    let other = proxy.db.schema("beta");
    let lines = alpha.query(&format!("select * from {other}.notes where body = 'hunter2' -- pin 4711"));
    assert!(lines[0].contains("42501"), "{lines:?}");
    eventually("it is kept, and counted", || {
        let seen = look(&proxy);
        seen.denials.len() == 1 && tenant(&seen, &proxy, "alpha").traffic.denials == 1
    });
    let seen = look(&proxy);
    let (age, denial) = &seen.denials[0];
    assert!(*age < Duration::from_secs(20));
    assert_eq!((denial.tenant.as_str(), denial.sqlstate), (proxy.user("alpha").as_str(), "42501"));
    assert_eq!(denial.statement.trim_end(), format!("select * from {other}.notes where body = ?"));
    assert!(!denial.rule.is_empty() && denial.peer == "127.0.0.1" && denial.client == seen.clients[0].pid);
    assert_eq!(tenant(&seen, &proxy, "beta").traffic.denials, 0);
}

#[test]
fn listeners_are_told_with_their_channels() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut alpha = proxy.wire("alpha");
    alpha.run("listen a");
    alpha.run("listen b");
    let seen = look(&proxy);
    let [listener] = seen.listeners.as_slice() else { panic!("{:?}", seen.listeners) };
    assert_eq!((listener.client, listener.channels), (seen.clients[0].pid, 2));
    assert_eq!((&listener.slug, listener.queued), (&proxy.user("alpha"), 0));
    alpha.run("unlisten *");
    eventually("it does not listen any more", || look(&proxy).listeners.is_empty());
}

#[test]
fn shared_connections_are_one_pool_and_each_tenant_has_those_that_work_for_it() {
    let proxy = Proxy::start_shared(&["alpha", "beta"], |config| config.pool.max_server_connections = 4);
    let (mut alpha, mut beta) = (proxy.wire("alpha"), proxy.wire("beta"));
    alpha.run("begin");
    beta.run("select 1");
    eventually("one works and the others are idle", || {
        let seen = look(&proxy);
        let shared = seen.pools.iter().find(|pool| pool.name == "(shared)").expect("the shared pool");
        let own = pool(&seen, &proxy, "alpha");
        shared.servers_active == 0
            && shared.servers_idle + 1 == seen.servers.len()
            && (own.servers_active, own.servers_idle, own.level) == (1, 0, "shared")
            && pool(&seen, &proxy, "beta").servers_active == 0
    });
    let seen = look(&proxy);
    let working: Vec<_> = seen.servers.iter().filter_map(|server| server.serves.clone()).collect();
    assert_eq!(working, [proxy.user("alpha")]);
}

#[test]
fn averages_are_those_of_the_last_period() {
    let proxy = Proxy::start(&["alpha"], |config| config.log.stats_period = Some(Duration::from_secs(1)));
    let mut alpha = proxy.wire("alpha");
    eventually("a period ends in which something was done", || {
        alpha.run("select 1");
        let seen = look(&proxy);
        let lately = tenant(&seen, &proxy, "alpha").lately;
        lately.done.transactions > 0 && lately.time >= Duration::from_millis(500)
    });
}
