//! What concerns all tenants: the audit, the ledger of migrations, and schemas that are adopted.

use serde_json::{Value, json};

use super::{Served, problem};
use crate::support::proxy::Proxy;

#[test]
fn audit_is_answered_with_what_breaks_the_wall() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let api = Served::start(&proxy);
    let clean = api.call("GET", "/v1/verify", Value::Null);
    assert_eq!((clean.status, &clean.body["ok"], &clean.body["tenants"]), (200, &json!(true), &json!(2)));
    proxy.admin().run(&format!("GRANT {} TO {}", proxy.role("alpha"), proxy.role("beta")));
    let broken = api.call("GET", "/v1/verify", Value::Null);
    assert_eq!(broken.body["ok"], false, "{broken:?}");
    let worst = &broken.body["findings"][0];
    assert_eq!(worst["severity"], "critical", "{worst}");
    assert!(worst["fix"]["text"].is_string() && broken.body["counts"]["critical"].as_u64() > Some(0));
}

#[test]
fn ledger_says_how_many_tenants_have_a_file_and_where_it_failed() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let api = Served::start(&proxy);
    let none = api.call("GET", "/v1/migrations", Value::Null);
    assert_eq!(none.body, json!({ "tenants": 2, "files": [], "failed": [] }));
    proxy.admin().run(&format!(
        "INSERT INTO pgtenant.template_migrations (number, name, checksum, state) VALUES (1, 'notes', sha256('x'), 'applied');
         INSERT INTO pgtenant.migrations (tenant_id, number, name, checksum, state, error)
         SELECT id, 1, 'notes', sha256('x'), CASE slug WHEN '{0}' THEN 'applied' ELSE 'failed' END,
             CASE slug WHEN '{0}' THEN NULL ELSE 'no room' END FROM pgtenant.tenants",
        proxy.user("alpha")
    ));
    let told = api.call("GET", "/v1/migrations", Value::Null).body;
    assert_eq!(
        told["files"],
        json!([{ "number": 1, "name": "notes", "template": true, "applied": 1, "running": 0, "failed": 1 }])
    );
    assert_eq!(
        told["failed"],
        json!([{ "cluster": "main", "tenant": proxy.user("beta"), "number": 1, "name": "notes", "error": "no room" }])
    );
}

#[test]
fn schema_is_adopted_once_and_not_with_a_hole() {
    let proxy = Proxy::start(&[], |_| {});
    let api = Served::start(&proxy);
    let (path, schema) = (api.path("old", "/adopt"), proxy.db.schema("old"));
    assert_eq!(problem(&api.call("POST", &path, json!({}))), (404, "no_schema"));
    for wrong in [
        json!({ "schema": "pg_catalog" }),
        json!({ "prefix": "" }),
        json!({ "colour": 1 }),
        json!({ "tenants_table": "a\"b" }),
    ] {
        assert_eq!(api.call("POST", &path, wrong).status, 422);
    }
    let owner = format!("{}_owner", proxy.db.name);
    proxy.admin().run(&format!(
        "CREATE ROLE {owner}; CREATE SCHEMA {schema} AUTHORIZATION {owner};
         CREATE TABLE {schema}.orders (id int); ALTER TABLE {schema}.orders OWNER TO {owner};
         GRANT SELECT ON {schema}.orders TO PUBLIC"
    ));
    assert_eq!(problem(&api.call("POST", &path, json!({}))), (409, "not_adopted"));
    let dry = api.call("POST", &format!("{path}?dry_run=true"), json!({ "fix": true }));
    assert_eq!((dry.status, &dry.body["schema"]), (201, &json!(schema)), "{dry:?}");
    assert_eq!(api.call("GET", &api.path("old", ""), Value::Null).status, 404, "nothing was changed");
    let key = [("idempotency-key", "adopt-once")];
    let done = api.call_with("POST", &path, &key, json!({ "fix": true }));
    assert_eq!((done.status, &done.body["created"]), (201, &json!(true)), "{done:?}");
    assert_eq!(done.body["closed"].as_array().map(Vec::len), Some(1), "{done:?}");
    assert!(api.call_with("POST", &path, &key, json!({ "fix": true })).replayed);
    let again = api.call("POST", &path, json!({}));
    assert_eq!((again.status, &again.body["created"]), (200, &json!(false)), "{again:?}");
    assert_eq!(api.call("POST", &path, json!({ "release_owner": true })).status, 200);
}
