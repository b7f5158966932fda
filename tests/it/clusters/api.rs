//! What the HTTP API does to tenants of another cluster, by requests and by jobs.

use std::fs;

use serde_json::{Value, json};

use super::{WHERE, World};
use crate::api::jobs::{done, ended, failed};
use crate::api::{Served, problem};
use crate::support::proxy::eventually;

/// The rows and the port that somebody sees who is given a new password for this user.
fn seen_by(world: &World, api: &Served<'_>, tenant: &str) -> (String, String) {
    let user = world.proxy.user(tenant);
    let given = api.call("PUT", &format!("/v1/users/{user}/password"), json!({}));
    let password = given.body["password"].as_str().unwrap();
    eventually("it is served", || api.log_in(&user, password).is_ok());
    let mut wire = api.log_in(&user, password).unwrap();
    (wire.value("select string_agg(body, ',') from notes"), wire.value(WHERE))
}

#[test]
fn backup_is_restored_and_a_tenant_cloned_where_it_is_or_where_it_is_said() {
    let world = World::start(&["beta"], |_| {});
    let api = Served::start(&world.proxy);
    let (main, east) = (world.proxy.server_port().to_string(), world.east.port().to_string());
    world.proxy.wire("beta").run("insert into notes (body) values ('of beta')");
    let backup = done(&api, &api.call("POST", &api.path("beta", "/backups"), json!({})));
    let restore = format!("/v1/backups/{}/restore", backup["backup"].as_str().unwrap());

    world.proxy.wire("beta").run("delete from notes");
    let elsewhere = api.call("POST", &restore, json!({ "replace": true, "cluster": "main" }));
    assert_eq!(failed(&api, &elsewhere).0, "on_another_cluster");
    done(&api, &api.call("POST", &restore, json!({ "replace": true })));
    assert_eq!(world.proxy.wire("beta").value("select body from notes"), "of beta");

    // Where new tenants go, where it is said, and where the tenant is that is cloned.
    for (path, tenant, cluster, port) in [
        (restore.clone(), "gamma", None, &main),
        (restore.clone(), "delta", Some("east"), &east),
        (api.path("beta", "/clone"), "twin", None, &east),
    ] {
        let mut body = json!({ "slug": world.proxy.user(tenant) });
        if let Some(cluster) = cluster {
            body["cluster"] = json!(cluster);
        }
        let dry = done(&api, &api.call("POST", &format!("{path}?dry_run=true"), body.clone()));
        assert_eq!((&dry["dry_run"], &dry["created"]), (&json!(true), &json!(false)), "{dry}");
        let made = done(&api, &api.call("POST", &path, body));
        assert_eq!(made["created"], true, "{made}");
        assert_eq!(seen_by(&world, &api, tenant), ("of beta".to_owned(), port.clone()), "{tenant}");
    }
    assert_eq!(world.east_value("select count(*) from pgtenant.users"), "0", "main has them");
    for (cluster, expected) in [("nowhere", (409, "unknown_cluster")), ("No", (422, "invalid"))] {
        let answer = api.call("POST", &restore, json!({ "cluster": cluster }));
        assert_eq!(problem(&answer), expected, "{answer:?}");
    }
}

#[test]
fn migrations_go_over_all_clusters_and_the_ledger_is_told_of_all() {
    let world = World::start(&["beta", "gamma"], |_| {});
    let sql = tempfile::tempdir().unwrap();
    fs::write(sql.path().join("1_colour.sql"), "ALTER TABLE notes ADD COLUMN colour text DEFAULT 'red'")
        .unwrap();
    let api = Served::start_with(&world.proxy, |_, config| {
        config.migrations.directory = Some(sql.path().to_owned());
    });
    let mut beta = world.proxy.wire("beta");
    beta.run("prepare bodies as select body from notes");
    beta.run("insert into notes (body) values ('old')");
    let migrate = |path: &str, body: Value| api.call("POST", path, body);
    let dry = done(&api, &migrate("/v1/migrations?dry_run=true", json!({})));
    assert_eq!((&dry["template"], &dry["tenants"]["pending"]), (&json!("pending"), &json!(3)), "{dry}");
    let up = done(&api, &migrate("/v1/migrations", json!({})));
    assert_eq!((&up["template"], &up["tenants"]["migrated"]), (&json!("migrated"), &json!(3)), "{up}");
    assert_eq!(up["clusters"], json!(["main", "east"]));
    assert_eq!(
        (beta.value("execute bodies"), beta.value("select colour from notes")),
        ("old".into(), "red".into())
    );
    let changing = "select count(*) from pgtenant.schema_states where changing";
    assert_eq!(world.main_value(changing), "0");

    // A canary on east keeps the file from main.
    beta.run("insert into notes (body) values (null)");
    fs::write(sql.path().join("2_strict.sql"), "ALTER TABLE notes ALTER COLUMN body SET NOT NULL").unwrap();
    let shown = ended(&api, &migrate("/v1/migrations", json!({ "canaries": [world.proxy.user("beta")] })));
    assert_eq!((&shown["state"], &shown["problem"]["code"]), (&json!("failed"), &json!("migration_failed")));
    let result = &shown["result"];
    assert_eq!(
        (&result["clusters"], &result["failed"][0]["cluster"]),
        (&json!(["east"]), &json!("east")),
        "{result}"
    );
    assert!(result["stopped"].as_str().unwrap().contains("canary"), "{result}");
    world.proxy.wire("alpha").run("insert into notes (body) values (null)");

    let told = api.call("GET", "/v1/migrations", Value::Null).body;
    let row = |number: i64, template: bool, applied: i64, failed: i64| {
        let name = if number == 1 { "colour" } else { "strict" };
        json!({ "number": number, "name": name, "template": template, "applied": applied, "running": 0, "failed": failed })
    };
    assert_eq!(told["files"], json!([row(1, true, 3, 0), row(2, false, 0, 1)]), "{told}");
    assert_eq!(
        (&told["tenants"], &told["failed"][0]["cluster"], &told["failed"][0]["tenant"]),
        (&json!(3), &json!("east"), &json!(world.proxy.user("beta")))
    );
    // One tenant, wherever it is.
    beta.run("delete from notes where body is null");
    let one = done(&api, &migrate("/v1/migrations", json!({ "tenant": world.proxy.user("beta") })));
    assert_eq!((&one["template"], &one["tenants"]["migrated"]), (&Value::Null, &json!(1)), "{one}");
    let unknown = migrate("/v1/migrations", json!({ "tenant": world.proxy.user("nobody") }));
    assert_eq!(failed(&api, &unknown).0, "unknown_tenant");
}

#[test]
fn audit_is_that_of_all_clusters_and_a_cluster_that_is_down_is_said_to_be() {
    let mut world = World::start(&["beta", "gamma"], |_| {});
    world.east_run(&format!("GRANT {} TO {}", world.proxy.role("beta"), world.proxy.role("gamma")));
    {
        let api = Served::start(&world.proxy);
        let broken = api.call("GET", "/v1/verify", Value::Null);
        assert_eq!((&broken.body["ok"], &broken.body["tenants"]), (&json!(false), &json!(3)), "{broken:?}");
        let worst = &broken.body["findings"][0];
        assert_eq!(worst["severity"], "critical");
        assert!(worst["object"].as_str().unwrap().starts_with("east/"), "{worst}");
    }
    world.east.stop(pgtenant::cli::cluster::Stop::Immediate).unwrap();
    let api = Served::start(&world.proxy);
    let down = api.call("GET", "/v1/verify", Value::Null);
    assert_eq!(problem(&down), (503, "database"), "{down:?}");
    assert!(down.body["detail"].as_str().unwrap().contains("east"), "{down:?}");
    let clone = api.call("POST", &api.path("beta", "/clone"), json!({ "slug": world.proxy.user("twin") }));
    assert_eq!(failed(&api, &clone).0, "database");
}
