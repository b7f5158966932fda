//! Schemas of an application that runs already on another cluster become tenants there.

use pgtenant::cli::tenant::adopt::AdoptArgs;
use pgtenant::cli::tenant::{self, TenantCommand};
use pgtenant::tenant::ClusterName;
use serde_json::json;

use super::{WHERE, World, east};
use crate::api::Served;
use crate::support::connect;
use crate::support::proxy::eventually;
use crate::support::wire::Wire;

/// An application on east that owns a schema for each of these.
struct App {
    world: World,
    owner: String,
}

impl App {
    fn start(tenants: &[&str]) -> Self {
        let world = World::start(&[], |_| {});
        let owner = format!("{}_app", world.proxy.db.name);
        world.east_run(&format!("CREATE ROLE {owner} LOGIN PASSWORD 'app'"));
        for tenant in tenants {
            let schema = world.proxy.db.schema(tenant);
            world.east_run(&format!(
                "CREATE SCHEMA {schema} AUTHORIZATION {owner}; SET ROLE {owner};
                 CREATE TABLE {schema}.orders (id serial PRIMARY KEY, what text);
                 INSERT INTO {schema}.orders (what) VALUES ('of {tenant}')"
            ));
        }
        Self { world, owner }
    }

    fn adopt(&self, change: impl FnOnce(&mut AdoptArgs)) -> Result<String, String> {
        let mut args = AdoptArgs {
            schema: vec![],
            all: true,
            prefix: "tenant_".into(),
            fix: false,
            release_owner: false,
            users: false,
            tenants_table: None,
            cluster: east(),
            dry_run: false,
            json: false,
            admin: self.world.admin_args(),
        };
        change(&mut args);
        let (command, mut out) = (TenantCommand::Adopt(Box::new(args)), Vec::new());
        let config = &self.world.proxy.db.config;
        let done = self.world.run(tenant::run(command, config, &mut &b""[..], &mut out));
        let told = String::from_utf8(out).unwrap();
        done.map(|()| told.clone()).map_err(|error| format!("{told}{error:#}"))
    }

    /// What the application sees, as it always did.
    fn request(&self, tenant: &str) -> Result<String, String> {
        let (port, schema) = (self.world.east.port(), self.world.proxy.db.schema(tenant));
        let url = format!("postgresql://{}:app@127.0.0.1:{port}/{}", self.owner, super::DATABASE);
        self.world.run(async {
            let rows = connect(&url).await.query(&format!("SELECT what FROM {schema}.orders"), &[]).await;
            rows.map(|rows| rows[0].get(0)).map_err(|error| error.to_string())
        })
    }

    /// Rows of the tenant in both registries.
    fn known(&self, tenant: &str) -> (String, String) {
        let rows = format!(
            "select coalesce(string_agg(cluster || ' ' || status || ' ' || schema_name, ','), 'unknown')
             from pgtenant.tenants where slug = '{}'",
            self.world.proxy.user(tenant)
        );
        (self.world.main_value(&rows), self.world.east_value(&rows))
    }
}

fn unknown() -> (String, String) {
    ("unknown".into(), "unknown".into())
}

#[test]
fn schemas_are_adopted_where_they_are_and_served_while_the_application_goes_on() {
    let app = App::start(&["old", "older"]);
    let (world, schema) = (&app.world, app.world.proxy.db.schema("old"));
    let dry = app.adopt(|args| args.dry_run = true).unwrap();
    assert!(dry.contains("created  tenant") && dry.contains("nothing was changed"), "{dry}");
    assert_eq!(app.known("old"), unknown());

    let told = app.adopt(|args| args.users = true).unwrap();
    let place = |cluster: &str| format!("{cluster} active {schema}");
    assert_eq!(app.known("old"), (place("east"), place("main")));
    assert_eq!(world.east_value("select count(*) from pgtenant.users"), "0", "main has them");
    let user = world.proxy.user("old");
    let (_, rest) = told.split_once(&format!("postgresql://{user}:")).expect("a connection string");
    let password = rest.split_once('@').unwrap().0.to_owned();
    let parameters = [("user", user.as_str()), ("database", world.proxy.db.name.as_str())];
    let log_in = || Wire::log_in(world.proxy.addr(), &parameters, &password);
    eventually("it is served", || log_in().is_ok());
    let mut wire = log_in().unwrap();
    assert_eq!(
        (wire.value("select what from orders"), wire.value(WHERE)),
        ("of old".into(), world.east.port().to_string())
    );
    assert_eq!(app.request("old").as_deref(), Ok("of old"));

    let again = app.adopt(|_| {}).unwrap();
    assert!(again.contains(&format!("exists   tenant {user}")), "{again}");
    app.adopt(|args| args.release_owner = true).unwrap();
    assert!(app.request("old").is_err());
    assert_eq!(wire.value("select what from orders"), "of old");
}

#[test]
fn schema_with_a_hole_or_of_another_place_is_left_as_it_is() {
    let app = App::start(&["old"]);
    let (world, schema) = (&app.world, app.world.proxy.db.schema("old"));
    world.east_run(&format!("GRANT SELECT ON {schema}.orders TO PUBLIC"));
    let refused = app.adopt(|_| {}).unwrap_err();
    assert!(refused.contains("`--fix` does: REVOKE"), "{refused}");
    assert_eq!(app.known("old"), unknown(), "nothing is left of the attempt");
    // Main has no such schema, and then another tenant of that name.
    let one = [schema.clone()];
    let refused = app.adopt(|args| {
        (args.cluster, args.all, args.schema) = (ClusterName::MAIN, false, one.to_vec());
    });
    let refused = refused.unwrap_err();
    assert!(refused.contains("no schema beginning with tenant_"), "{refused}");
    world.run(world.proxy.db.create("old")).unwrap();
    let refused = app.adopt(|args| args.fix = true).unwrap_err();
    assert!(refused.contains("is on the cluster main"), "{refused}");
    assert_eq!(app.known("old").1, "unknown");
    assert_eq!(app.request("old").as_deref(), Ok("of old"));
}

#[test]
fn adoption_that_was_cut_off_between_the_two_registries_goes_on_and_the_api_does_the_same() {
    let app = App::start(&["old"]);
    let (world, slug) = (&app.world, app.world.proxy.user("old"));
    app.adopt(|_| {}).unwrap();
    // As if the command had been killed after the cluster's commit.
    world.main_run(&format!("update pgtenant.tenants set status = 'creating' where slug = '{slug}'"));
    let api = Served::start(&world.proxy);
    let done = api.call("POST", &api.path("old", "/adopt"), json!({ "cluster": "east" }));
    assert_eq!(
        (done.status, &done.body["cluster"], &done.body["status"]),
        (200, &json!("east"), &json!("active")),
        "{done:?}"
    );
    let elsewhere = api.call("POST", &api.path("old", "/adopt"), json!({}));
    assert_eq!(crate::api::problem(&elsewhere), (409, "on_another_cluster"));
}
