//! `pgtenant verify` attacks on each cluster, and finds what is open on one of them only.

use pgtenant::cli::verify::VerifyArgs;
use pgtenant::tenant::Level;
use serde_json::Value;

use super::World;
use crate::verify::{Said, code, verify};

fn attack(world: &World) -> Said {
    let args = VerifyArgs {
        proxy: Some(world.proxy.addr().to_string()),
        admin: world.admin_args(),
        ..VerifyArgs::default()
    };
    world.run(verify(&world.proxy.db.config, args)).unwrap()
}

/// Where, and at which level.
fn attacked(said: &Said) -> Vec<(&Value, &Value)> {
    let all = said.json["attacked"].as_array().unwrap();
    all.iter().map(|one| (&one["cluster"], &one["level"])).collect()
}

fn objects<'a>(said: &'a Said, id: &str) -> Vec<&'a str> {
    let found = said.json["findings"].as_array().unwrap().iter().filter(|finding| finding["id"] == id);
    found.map(|finding| finding["object"].as_str().unwrap()).collect()
}

/// What is left of canaries in the two registries, and of their schemas on east.
fn canaries(world: &World) -> (String, String) {
    let rows = "select count(*) from pgtenant.tenants where slug like 'pgtenant\\_canary%'";
    let schemas = "(select count(*) from pg_namespace where nspname like 'tenant\\_pgtenant\\_canary%')";
    (world.main_value(rows), world.east_value(&format!("select ({rows}) + {schemas}")))
}

fn none() -> (String, String) {
    ("0".into(), "0".into())
}

#[test]
fn attack_is_made_in_vain_on_each_cluster_and_at_the_levels_that_it_has() {
    let world = World::without_init(|_| {});
    world.init(true);
    world.create("beta", Level::Shared).unwrap();
    world.create("gamma", Level::Dedicated).unwrap();
    let said = attack(&world);
    assert_eq!((&said.code, said.failing().len()), (&code(0), 0), "{:#}", said.json);
    let wanted = [("main", "dedicated"), ("east", "dedicated"), ("east", "shared")];
    assert!(
        attacked(&said).iter().map(|(a, b)| (a.as_str().unwrap(), b.as_str().unwrap())).eq(wanted),
        "{:#}",
        said.json
    );
    for (one, shares) in said.json["attacked"].as_array().unwrap().iter().zip([false, false, true]) {
        let number = |name: &str| one[name].as_u64().unwrap();
        assert!(number("sent") > 250 && number("refused") > 150, "{one:#}");
        assert_eq!(number("on_victims_connection") > 50, shares, "{one:#}");
    }
    assert_eq!(canaries(&world), none());
}

#[test]
fn hole_on_one_cluster_is_walked_through_there_and_its_fix_closes_it() {
    let world = World::start(&["beta"], |_| {});
    let tenants = format!("pgtenant_tenants_{}", super::DATABASE);
    world.east_run(&format!(
        "grant pg_read_all_data, pg_write_all_data to {tenants}; alter role {tenants} inherit"
    ));
    let said = attack(&world);
    assert_eq!(said.code, code(1));
    for id in ["member", "canary_read", "canary_write"] {
        let objects = objects(&said, id);
        assert!(!objects.is_empty(), "{id} is not in {:#}", said.json);
        assert!(objects.iter().all(|object| object.starts_with("east/")), "{objects:?}");
    }
    assert_eq!(canaries(&world), none());
    for finding in said.failing().iter().filter(|finding| finding["fix"]["kind"] == "sql") {
        world.east_run(finding["fix"]["text"].as_str().unwrap());
    }
    let said = attack(&world);
    assert_eq!(said.code, code(0), "{:#}", said.json);
}

#[test]
fn tenants_of_the_attack_that_stay_on_a_cluster_are_told_and_removed_by_a_later_run() {
    let world = World::start(&["beta"], |_| {});
    world.east_run(
        "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF starts_with(OLD.slug, 'pgtenant_canary_') THEN RAISE EXCEPTION 'it stays'; END IF; RETURN OLD; END $$;
         CREATE TRIGGER keep BEFORE DELETE ON pgtenant.tenants FOR EACH ROW EXECUTE FUNCTION public.keep()",
    );
    let said = attack(&world);
    assert!(objects(&said, "canary_leftover")[0].starts_with("east/pgtenant_canary_"), "{:#}", said.json);
    assert_ne!(canaries(&world).0, "0", "main says where they are");
    world.east_run("DROP TRIGGER keep ON pgtenant.tenants");
    world.main_run(
        "update pgtenant.tenants set created_at = now() - interval '2 hours' where slug like 'pgtenant%'",
    );
    let said = attack(&world);
    assert!(!said.has("canary_leftover"), "{:#}", said.json);
    assert_eq!(canaries(&world), none());
}
