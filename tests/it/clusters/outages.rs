//! A cluster that is down, late or unknown is the trouble of its own tenants only.

use std::time::{Duration, Instant};

use pgtenant::cli::cluster::Stop;
use pgtenant::cli::tenant::{StatusArgs, TenantCommand};

use super::{WHERE, World, data, east, ends_within_a_second};
use crate::support::proxy::eventually;

fn quickly(config: &mut pgtenant::config::Config) {
    config.server.hardening_check_period = Duration::from_millis(100);
    for cluster in config.clusters.values_mut() {
        cluster.server.hardening_check_period = Duration::from_millis(100);
        cluster.server.connect_timeout = Duration::from_secs(2);
    }
}

fn status(world: &World, tenant: &str) -> StatusArgs {
    StatusArgs { slug: world.proxy.user(tenant), dry_run: false, json: false, admin: world.admin_args() }
}

/// Whether each of the others answers, as health and metrics have it.
fn up(world: &World) -> Vec<(String, bool)> {
    world.proxy.shared().clusters.others().map(|(name, up)| (name.to_string(), up)).collect()
}

#[test]
fn cluster_that_is_stopped_disturbs_its_own_tenants_only_and_they_are_served_when_it_is_back() {
    let mut world = World::start(&["beta"], quickly);
    let (mut alpha, mut beta) = (world.proxy.wire("alpha"), world.proxy.wire("beta"));
    alpha.run("begin");
    beta.run("select 1");
    eventually("east answers", || up(&world) == [("east".to_owned(), true)]);
    world.east.stop(Stop::Immediate).unwrap();
    eventually("it is noticed", || up(&world) == [("east".to_owned(), false)]);
    let begin = Instant::now();
    let answer = beta.query("select 1");
    assert!(answer[0].starts_with("Error ERROR 08006"), "{answer:?}");
    alpha.run("insert into notes (body) values ('undisturbed')");
    alpha.run("commit");
    assert_eq!(world.proxy.wire("alpha").value("select body from notes"), "undisturbed");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    // Also while it is down, nobody of it is let in who should not be.
    world.tenant(TenantCommand::Suspend(status(&world, "beta"))).unwrap();
    ends_within_a_second(&mut [&mut beta], "taken out of service");
    world.tenant(TenantCommand::Resume(status(&world, "beta"))).unwrap();
    world.east.restart().unwrap();
    eventually("it is served again", || world.proxy.wire_with("beta", &[]).is_ok());
    assert_eq!(world.proxy.wire("beta").value(WHERE), world.east.port().to_string());
    eventually("it is noticed", || up(&world) == [("east".to_owned(), true)]);
}

#[test]
fn proxy_that_starts_while_a_cluster_is_not_ready_serves_the_others_and_that_one_when_it_is() {
    let world = World::without_init(quickly);
    assert_eq!(world.proxy.wire("alpha").value("select 1"), "1");
    assert!(world.proxy.shared().clusters.of(&east()).is_err());
    assert_eq!(up(&world), [("east".to_owned(), false)]);
    // One that was placed there is told nothing of why.
    let slug = world.proxy.user("alpha");
    world.main_run(&format!("update pgtenant.tenants set cluster = 'east' where slug = '{slug}'"));
    eventually("it is refused", || {
        world.proxy.wire_with("alpha", &[]).err().is_some_and(|refused| refused.contains("57P03"))
    });
    world.main_run(&format!("update pgtenant.tenants set cluster = 'main' where slug = '{slug}'"));
    let told = world.init(false);
    assert!(told.starts_with("cluster east, at 127.0.0.1:"), "{told}");
    world.create("beta", pgtenant::tenant::Level::Dedicated).unwrap();
    assert_eq!(world.proxy.wire("beta").value(WHERE), world.east.port().to_string());
}

#[test]
fn migrations_that_do_not_come_to_a_cluster_tell_what_they_did_before() {
    let mut world = World::start(&["beta"], quickly);
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("1_colour.sql"), "ALTER TABLE notes ADD COLUMN colour text").unwrap();
    world.east.stop(Stop::Immediate).unwrap();
    let told = data::up(&world, &files, &[]).unwrap_err();
    assert!(told.contains("1 tenants migrated, 0 failed") && told.contains("cluster east"), "{told}");
    world.east.restart().unwrap();
    let told = data::up(&world, &files, &[]).unwrap();
    assert!(told.contains("1 tenants migrated, 0 failed"), "{told}");
}
