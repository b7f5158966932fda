//! What operators do to tenants of another cluster.

use pgtenant::cli::tenant::dropping::{DropArgs, FirstArgs};
use pgtenant::cli::tenant::rename::RenameArgs;
use pgtenant::cli::tenant::{LevelArgs, ListArgs, RotateArgs, ShowArgs, StatusArgs, TenantCommand};
use pgtenant::client::overview;
use pgtenant::tenant::Level;

use super::{WHERE, World, east};
use crate::support::proxy::eventually;

fn of(world: &World, tenant: &str) -> StatusArgs {
    StatusArgs { slug: world.proxy.user(tenant), dry_run: false, json: false, admin: world.admin_args() }
}

#[test]
fn tenant_is_created_once_where_it_is_to_be_and_is_shown_there() {
    let world = World::start(&["beta"], |_| {});
    let again = world.create("beta", Level::Dedicated).unwrap();
    assert!(again.contains("exists"), "{again}");
    // Elsewhere it is not made a second time.
    let slug = world.proxy.user("beta");
    let error = world.run(world.proxy.db.create("beta")).unwrap_err();
    assert!(error.contains(&format!("tenant {slug} is on the cluster east")), "{error}");
    let error = world.create("alpha", Level::Dedicated).unwrap_err();
    assert!(error.contains("is on the cluster main"), "{error}");
    // A user name is one tenant's on all clusters; what came of the attempt goes on when it is run again.
    let taken = world.proxy.user("alpha");
    let error = world.create_with("gamma", |args| args.user = Some(taken.clone())).unwrap_err();
    assert!(error.contains(&format!("user {taken} belongs to another tenant")), "{error}");
    let gone = format!("select status from pgtenant.tenants where slug = '{}'", world.proxy.user("gamma"));
    assert_eq!(world.main_value(&gone), "creating");
    world.create("gamma", Level::Dedicated).unwrap();
    assert_eq!(world.proxy.wire("gamma").value(WHERE), world.east.port().to_string());
    let list = world.tenant(TenantCommand::List(ListArgs { json: false })).unwrap();
    let line = list.lines().find(|line| line.starts_with(&slug)).unwrap();
    assert!(list.lines().next().unwrap().contains("CLUSTER") && line.contains(" east "), "{list}");
    let show = world.tenant(TenantCommand::Show(ShowArgs { slug, json: true })).unwrap();
    assert!(show.contains("\"cluster\": \"east\"") && show.contains("\"tables\": 1"), "{show}");
}

#[test]
fn cluster_that_is_not_there_is_refused_and_nothing_is_left() {
    let world = World::without_init(|_| {});
    let nowhere = pgtenant::tenant::ClusterName::parse("nowhere").unwrap();
    let error = world.create_with("beta", |args| args.cluster = Some(nowhere)).unwrap_err();
    assert!(error.contains("describes no cluster nowhere; it has main, east"), "{error}");
    // East is there, and `init` was not run.
    let error = world.create("beta", Level::Dedicated).unwrap_err();
    assert!(error.contains("pgtenant init"), "{error}");
    assert_eq!(world.main_value("select count(*) from pgtenant.tenants where cluster <> 'main'"), "0");
}

#[test]
fn rename_level_and_password_are_changed_on_the_cluster_and_proxies_follow() {
    let world = World::start(&["beta"], |_| {});
    let mut old = world.proxy.wire("beta");
    old.run("insert into notes (body) values ('kept')");
    let step = world.tenant(TenantCommand::RotatePassword(RotateArgs {
        slug: Some(world.proxy.user("beta")),
        all: false,
        json: false,
        admin: world.admin_args(),
    }));
    assert!(step.unwrap().contains("number 2"));
    let version = "select password_version from pgtenant.tenants where cluster = 'east'";
    assert_eq!(world.main_value(version), "2");
    assert_eq!(world.proxy.wire("beta").value("select body from notes"), "kept");

    let level = LevelArgs { tenant: of(&world, "beta"), level: Level::Shared };
    world.tenant(TenantCommand::Level(level)).unwrap();
    let isolation = "select isolation from pgtenant.tenants where cluster = 'east'";
    assert_eq!(world.main_value(isolation), "shared");
    eventually("it is served by a shared connection", || {
        let wire = world.proxy.wire_with("beta", &[]);
        let seen = overview(world.proxy.shared());
        wire.is_ok() && seen.servers.iter().any(|row| row.pool == "(shared)" && row.cluster == "east")
    });

    let new_slug = world.proxy.user("delta");
    let rename =
        RenameArgs { tenant: of(&world, "beta"), new_slug: new_slug.clone(), name: None, keep_names: false };
    let told = world.tenant(TenantCommand::Rename(rename)).unwrap();
    assert!(told.contains(&format!("is now {new_slug}")), "{told}");
    let names = "select slug || ' ' || schema_name || ' ' || role_name from pgtenant.tenants where slug like '%delta'";
    let wanted = format!("{new_slug} tenant_{new_slug} tenant_{new_slug}");
    assert_eq!((world.main_value(names), world.east_value(names)), (wanted.clone(), wanted));
    // Its user is what it was, and only main knows it.
    eventually("it is served under its new name", || {
        let wire = world.proxy.wire_with("beta", &[]);
        wire.is_ok_and(|mut wire| wire.value("select current_schema()") == format!("tenant_{new_slug}"))
    });
}

#[test]
fn dropped_tenant_is_gone_from_both_registries_and_from_its_cluster() {
    let world = World::start(&["beta"], |_| {});
    let mut wire = world.proxy.wire("beta");
    let backup = FirstArgs { no_backup: true, ..FirstArgs::default() };
    let drop = DropArgs { tenant: of(&world, "beta"), now: true, yes: true, backup };
    let told = world.tenant(TenantCommand::Drop(drop)).unwrap();
    assert!(told.contains("is deleted"), "{told}");
    assert!(wire.until_end()[0].contains("57P01"));
    let rows = format!("select count(*) from pgtenant.tenants where slug = '{}'", world.proxy.user("beta"));
    assert_eq!((world.main_value(&rows), world.east_value(&rows)), ("0".into(), "0".into()));
    let roles = format!("select count(*) from pg_roles where rolname like '%{}'", world.proxy.user("beta"));
    assert_eq!(world.east_value(&roles), "0");
    // Its slug is free, and its names are not.
    world.create("beta", Level::Dedicated).unwrap();
    assert_eq!(
        world.proxy.wire("beta").value("select current_user"),
        format!("{}_2", world.proxy.role("beta"))
    );
}

#[test]
fn command_that_was_cut_off_between_the_two_registries_is_made_up_for_by_the_next() {
    let world = World::start(&["beta"], |_| {});
    // As if `rotate-password` had been killed after its first commit: the role has password 2, and main says 1.
    let rotate = || {
        world.tenant(TenantCommand::RotatePassword(RotateArgs {
            slug: Some(world.proxy.user("beta")),
            all: false,
            json: false,
            admin: world.admin_args(),
        }))
    };
    rotate().unwrap();
    world.main_run("update pgtenant.tenants set password_version = 1 where cluster = 'east'");
    rotate().unwrap();
    assert_eq!(world.main_value("select password_version from pgtenant.tenants where cluster = 'east'"), "3");
    assert_eq!(world.proxy.wire("beta").value("select 1"), "1");
    assert!(world.proxy.shared().clusters.of(&east()).is_ok());
}
