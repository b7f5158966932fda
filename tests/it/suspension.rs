//! `pgtenant tenant suspend` and `resume`, with clients at work.

use std::time::{Duration, Instant};

use pgtenant::cli::tenant::{StatusArgs, TenantCommand};
use serde_json::Value;

use crate::support::admin_args;
use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::wire::Wire;

fn args(proxy: &Proxy, tenant: &str) -> StatusArgs {
    StatusArgs {
        slug: proxy.user(tenant),
        dry_run: false,
        json: false,
        admin: admin_args(&proxy.db.admin_url),
    }
}

fn run(proxy: &Proxy, command: TenantCommand) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(proxy.db.tenant(command, ""))
}

fn log_in(proxy: &Proxy, tenant: &str) -> Result<Wire, String> {
    let parameters = [("user", proxy.user(tenant)), ("database", proxy.db.name.clone())];
    let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
    Wire::log_in(proxy.addr(), &parameters, PASSWORD)
}

#[test]
fn suspended_tenant_loses_its_sessions_within_a_second_and_has_its_data_when_it_is_resumed() {
    let proxy = Proxy::start(&["acme", "beta"], |config| config.pool.max_server_connections = 4);
    let (mut idle, mut listening, mut at_work) = (proxy.wire("acme"), proxy.wire("acme"), proxy.wire("acme"));
    idle.run("insert into notes (body) values ('before')");
    listening.run("listen news");
    at_work.run("begin; insert into notes (body) values ('never committed')");
    let mut other = proxy.wire("beta");
    let told = run(&proxy, TenantCommand::Suspend(args(&proxy, "acme"))).unwrap();
    let slug = proxy.user("acme");
    assert!(told.contains(&format!("tenant {slug} is suspended, no longer active")), "{told}");
    let begin = Instant::now();
    for wire in [&mut idle, &mut listening, &mut at_work] {
        let end = wire.until_end();
        assert!(end[0].contains("57P01") && end[0].contains("taken out of service"), "{end:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    let refused = log_in(&proxy, "acme").err().unwrap();
    // As an unknown user: nothing is looked up for it, and nothing is told.
    assert!(refused.contains("28P01"), "{refused}");
    assert_eq!(other.value("select 1"), "1");
    // Again, it changes nothing.
    assert!(run(&proxy, TenantCommand::Suspend(args(&proxy, "acme"))).unwrap().starts_with("exists"));
    run(&proxy, TenantCommand::Resume(args(&proxy, "acme"))).unwrap();
    eventually("it is served", || log_in(&proxy, "acme").is_ok());
    assert_eq!(proxy.wire("acme").value("select string_agg(body, ',') from notes"), "before");
}

#[test]
fn dry_run_changes_nothing_and_json_says_what_would_be() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let mut wire = proxy.wire("acme");
    let dry = StatusArgs { dry_run: true, json: true, ..args(&proxy, "acme") };
    let told = run(&proxy, TenantCommand::Suspend(dry)).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["status"], &told["before"]), (&"suspended".into(), &"active".into()));
    assert_eq!(wire.value("select 1"), "1");
    let text =
        run(&proxy, TenantCommand::Suspend(StatusArgs { dry_run: true, ..args(&proxy, "acme") })).unwrap();
    assert!(text.contains("would be suspended") && text.contains("nothing was changed"), "{text}");
    let ghost = StatusArgs { slug: "ghost".into(), ..args(&proxy, "acme") };
    assert!(run(&proxy, TenantCommand::Resume(ghost)).unwrap_err().contains("there is no tenant ghost"));
    proxy.admin().run("update pgtenant.tenants set status = 'creating'");
    let error = run(&proxy, TenantCommand::Resume(args(&proxy, "acme"))).unwrap_err();
    assert!(error.contains("is not created yet; run `pgtenant tenant create"), "{error}");
}
