//! A tenant goes from one cluster to another, and its clients find it where they did.

use pgtenant::cli::tenant::moving::{MoveArgs, ToArgs};
use pgtenant::cli::tenant::rename::RenameArgs;
use pgtenant::cli::tenant::{HowArgs, LevelArgs, StatusArgs, TenantCommand};
use pgtenant::tenant::{ClusterName, Level};
use serde_json::json;

use super::{WHERE, World, east, ends_within_a_second};
use crate::api::jobs::{done, failed};
use crate::api::{Served, problem};
use crate::support::cluster;
use crate::support::proxy::eventually;

fn of(world: &World, tenant: &str) -> StatusArgs {
    StatusArgs { slug: world.proxy.user(tenant), dry_run: false, json: false, admin: world.admin_args() }
}

fn go_with(
    world: &World,
    (tenant, to): (&str, &ClusterName),
    change: impl FnOnce(&mut MoveArgs),
) -> Result<String, String> {
    let mut args = MoveArgs {
        tenant: of(world, tenant),
        new_slug: None,
        to: ToArgs { to_config: None, to_admin_url: None, to_admin_user: None, to_admin_password_file: None },
        to_cluster: Some(to.clone()),
        undo: false,
        yes: false,
        work_dir: None,
        how: HowArgs { pg_bin: Some(cluster().bin("")), ..HowArgs::default() },
    };
    change(&mut args);
    world.tenant(TenantCommand::Move(Box::new(args)))
}

fn go(world: &World, tenant: &str, to: &ClusterName) -> Result<String, String> {
    go_with(world, (tenant, to), |_| {})
}

fn undo(world: &World, tenant: &str, to: &ClusterName) -> Result<String, String> {
    go_with(world, (tenant, to), |args| args.undo = true)
}

/// Where the registry says that it is, and its status.
fn place(world: &World, tenant: &str) -> String {
    let slug = world.proxy.user(tenant);
    world.main_value(&format!(
        "select cluster || ' ' || status || (select count(*) from pgtenant.moves m where m.tenant_id = t.id)
         from pgtenant.tenants t where slug = '{slug}'"
    ))
}

/// Schemas and roles of it, of restores too, on main and on east.
fn objects(world: &World, tenant: &str) -> (String, String) {
    let slug = world.proxy.user(tenant);
    let sql = format!(
        "select (select count(*) from pg_namespace where nspname like '%\\_{slug}')
             || ' ' || (select count(*) from pg_roles where rolname like '%\\_{slug}')"
    );
    (world.main_value(&sql), world.east_value(&sql))
}

fn all_on(cluster: &ClusterName) -> (String, String) {
    let (all, none) = ("1 2".to_owned(), "0 0".to_owned());
    if cluster.is_main() { (all, none) } else { (none, all) }
}

/// Its notes, as a client with the password that it always had sees them, and on which server.
fn seen(world: &World, tenant: &str) -> (String, String) {
    eventually("it is served", || world.proxy.wire_with(tenant, &[]).is_ok());
    let mut wire = world.proxy.wire(tenant);
    (wire.value("select string_agg(body, ',' order by id) from notes"), wire.value(WHERE))
}

#[test]
fn tenant_goes_to_another_cluster_and_back_with_all_it_has_and_clients_come_as_before() {
    let world = World::start(&["beta"], |_| {});
    world
        .tenant(TenantCommand::Level(LevelArgs { tenant: of(&world, "beta"), level: Level::Shared }))
        .unwrap();
    let ports = [world.east.port().to_string(), world.proxy.server_port().to_string()];
    let entry = |tenant: &str| {
        world.main_value(&format!(
            "select id || limits::text || settings::text || isolation || created_at || (select count(*) from pgtenant.users u where u.tenant_id = t.id)
             from pgtenant.tenants t where slug = '{}'",
            world.proxy.user(tenant)
        ))
    };
    for (tenant, ways) in [("alpha", [east(), ClusterName::MAIN]), ("beta", [ClusterName::MAIN, east()])] {
        let slug = world.proxy.user(tenant);
        world.main_run(&format!(
            "update pgtenant.tenants set limits = '{{\"max_clients\": \"7\"}}', settings = '{{\"work_mem\": \"5MB\"}}'
             where slug = '{slug}'"
        ));
        let before = entry(tenant);
        let mut notes = String::new();
        for (number, to) in ways.iter().enumerate() {
            let mut idle = world.proxy.wire(tenant);
            idle.run(&format!("insert into notes (body) values ('{number}')"));
            notes = if number == 0 { "0".into() } else { format!("{notes},{number}") };
            let dry = go_with(&world, (tenant, to), |args| args.tenant.dry_run = true).unwrap();
            assert!(
                dry.contains("nothing was changed") && dry.contains(&format!("on the cluster {to}")),
                "{dry}"
            );
            idle.run("select 1");
            let told = go(&world, tenant, to).unwrap();
            assert!(told.contains("compared 1 table") && !told.contains("note:"), "{told}");
            ends_within_a_second(&mut [&mut idle], "");
            let port = ports[usize::from(to.is_main())].clone();
            assert_eq!(seen(&world, tenant), (notes.clone(), port), "{tenant} {told}");
            assert_eq!(
                (place(&world, tenant), objects(&world, tenant)),
                (format!("{to} active0"), all_on(to))
            );
            assert_eq!(entry(tenant), before);
            assert_eq!(world.proxy.wire(tenant).value("show work_mem"), "5MB");
            let again = go(&world, tenant, to).unwrap();
            assert!(again.contains("the tenant is there"), "{again}");
        }
    }
    // The registry of east knows those that are there, and nobody's users, limits or customers.
    let known =
        "select string_agg(slug, ',') || ' ' || count(*) filter (where limits <> '{}') from pgtenant.tenants";
    assert_eq!(world.east_value(known), format!("{} 0", world.proxy.user("beta")));
}

/// Ends the session of whoever brings a move to this state.
fn cut(world: &World, state: &str) {
    world.main_run(&format!(
        "CREATE FUNCTION public.cut() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()); RETURN NEW; END';
         CREATE TRIGGER cut BEFORE INSERT OR UPDATE ON pgtenant.moves FOR EACH ROW
             WHEN (NEW.state = '{state}') EXECUTE FUNCTION public.cut()"
    ));
}

fn mend(world: &World) {
    world.main_run("DROP TRIGGER cut ON pgtenant.moves; DROP FUNCTION public.cut()");
}

#[test]
fn move_that_broke_off_before_the_end_leaves_nobody_in_service_twice_and_goes_on_or_is_given_up() {
    let world = World::start(&["beta"], |_| {});
    for (tenant, from, to) in [("alpha", ClusterName::MAIN, east()), ("beta", east(), ClusterName::MAIN)] {
        world.proxy.wire(tenant).run("insert into notes (body) values ('kept')");
        for give_up in [true, false] {
            cut(&world, "handed_over");
            let error = go(&world, tenant, &to).unwrap_err();
            assert!(error.contains("OUT OF SERVICE"), "{error}");
            mend(&world);
            assert_eq!(place(&world, tenant), format!("{from} suspended1"));
            assert_eq!(objects(&world, tenant), ("1 2".into(), "1 2".into()), "a whole copy is there");
            assert!(world.proxy.wire_with(tenant, &[]).is_err());
            assert_nobody_interferes(&world, tenant);
            let elsewhere = go(&world, tenant, &from).unwrap_err();
            assert!(elsewhere.contains("was begun; go on with that"), "{elsewhere}");
            if give_up {
                let undone = undo(&world, tenant, &to).unwrap();
                assert!(undone.contains("what had arrived"), "{undone}");
                assert_eq!(
                    (place(&world, tenant), objects(&world, tenant)),
                    (format!("{from} active0"), all_on(&from))
                );
                assert_eq!(seen(&world, tenant).0, "kept");
                assert!(undo(&world, tenant, &to).unwrap_err().contains("is not being moved"));
            }
        }
        let told = go(&world, tenant, &to).unwrap();
        assert!(told.contains("what an earlier attempt had left"), "{told}");
        assert_eq!((place(&world, tenant), objects(&world, tenant)), (format!("{to} active0"), all_on(&to)));
        assert_eq!(seen(&world, tenant).0, "kept");
    }
}

fn assert_nobody_interferes(world: &World, tenant: &str) {
    let rename =
        RenameArgs { tenant: of(world, tenant), new_slug: "other".into(), name: None, keep_names: false };
    let mut commands = vec![TenantCommand::Resume(of(world, tenant)), TenantCommand::Rename(rename)];
    if tenant == "beta" {
        commands.push(TenantCommand::Level(LevelArgs { tenant: of(world, tenant), level: Level::Shared }));
    }
    for command in commands {
        let said = format!("{command:?}");
        let error = world.tenant(command).expect_err(&said);
        assert!(error.contains("is being moved to another server"), "{said}: {error}");
    }
}

#[test]
fn move_that_broke_off_after_the_end_is_served_there_and_what_is_left_is_deleted_later() {
    let world = World::start(&["beta"], |_| {});
    world.proxy.wire("beta").run("insert into notes (body) values ('kept')");
    world.east_run(
        "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'it stays'; END $$;
         CREATE TRIGGER keep BEFORE DELETE ON pgtenant.tenants FOR EACH ROW EXECUTE FUNCTION public.keep()",
    );
    let error = go(&world, "beta", &ClusterName::MAIN).unwrap_err();
    assert!(error.contains("in service there: run this again"), "{error}");
    assert_eq!(place(&world, "beta"), "main active1");
    assert_eq!(seen(&world, "beta"), ("kept".into(), world.proxy.server_port().to_string()));
    let too_late = undo(&world, "beta", &ClusterName::MAIN).unwrap_err();
    assert!(too_late.contains("without `--undo`"), "{too_late}");
    world.proxy.wire("beta").run("insert into notes (body) values ('new')");
    world.east_run("DROP TRIGGER keep ON pgtenant.tenants");
    go(&world, "beta", &ClusterName::MAIN).unwrap();
    assert_eq!(
        (place(&world, "beta"), objects(&world, "beta")),
        ("main active0".into(), all_on(&ClusterName::MAIN))
    );
    assert_eq!(seen(&world, "beta").0, "kept,new");
}

#[test]
fn move_that_cannot_be_or_whose_copy_differs_leaves_the_tenant_as_it_was() {
    let world = World::start(&["beta"], |_| {});
    let schema = world.proxy.db.schema("alpha");
    world.east_run(&format!("CREATE ROLE {}", world.proxy.role("alpha")));
    let error = go(&world, "alpha", &east()).unwrap_err();
    assert!(error.contains("on that cluster already") && error.contains("nothing was changed"), "{error}");
    world.east_run(&format!("DROP ROLE {}", world.proxy.role("alpha")));
    let nowhere = ClusterName::parse("nowhere").unwrap();
    assert!(go(&world, "alpha", &nowhere).unwrap_err().contains("describes no cluster nowhere"));

    world.east_run(&format!(
        "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO {schema}.notes (body) VALUES ('of nobody'); RETURN NEW; END $$;
         CREATE TRIGGER spoil BEFORE INSERT ON pgtenant.schema_states FOR EACH ROW EXECUTE FUNCTION public.spoil()"
    ));
    let error = go(&world, "alpha", &east()).unwrap_err();
    assert!(
        error.contains("what arrived is not what is here") && error.contains("as it was before"),
        "{error}"
    );
    assert_eq!(
        (place(&world, "alpha"), objects(&world, "alpha")),
        ("main active0".into(), all_on(&ClusterName::MAIN))
    );
    assert_eq!(world.proxy.wire("alpha").value("select count(*) from notes"), "0");
}

#[test]
fn job_of_the_api_moves_a_tenant_between_clusters() {
    let world = World::start(&["beta"], |_| {});
    world.proxy.wire("beta").run("insert into notes (body) values ('kept')");
    let api = Served::start(&world.proxy);
    let path = api.path("beta", "/move");
    assert_eq!(api.call("POST", &api.path("beta", "/suspend"), json!(null)).status, 200);
    let moved = done(&api, &api.call("POST", &path, json!({ "cluster": "main" })));
    assert_eq!(
        (&moved["to"], &moved["rows"], &moved["status"]),
        (&json!("the cluster main"), &json!(1), &json!("suspended"))
    );
    assert_eq!(place(&world, "beta"), "main suspended0", "as it was before");
    assert_eq!(api.call("POST", &api.path("beta", "/resume"), json!(null)).status, 200);
    assert_eq!(seen(&world, "beta"), ("kept".into(), world.proxy.server_port().to_string()));
    let nothing = api.call("POST", &path, json!({ "cluster": "east", "undo": true }));
    assert_eq!(failed(&api, &nothing).0, "not_moved");
    for (body, expected) in [
        (json!({}), (422, "invalid")),
        (json!({ "to": "there", "cluster": "east" }), (422, "invalid")),
        (json!({ "cluster": "east", "slug": "other" }), (422, "invalid")),
        (json!({ "cluster": "nowhere" }), (409, "unknown_cluster")),
    ] {
        let answer = api.call("POST", &path, body);
        assert_eq!(problem(&answer), expected, "{answer:?}");
    }
}
