//! `pgtenant tenant adopt`, on a database as applications build it: one role that owns all, a schema for each tenant made with
//! LIKE … INCLUDING ALL, `SET search_path` for each request.

use pgtenant::cli::serve::Server;
use pgtenant::cli::tenant::adopt::AdoptArgs;
use pgtenant::cli::tenant::dropping::DropArgs;
use pgtenant::cli::tenant::{self, LevelArgs, StatusArgs, TenantCommand};
use pgtenant::tenant::{ClusterName, Level};
use serde_json::Value;
use tokio_postgres::Client;

use crate::dropping::no_backup;
use crate::support::{Db, admin_args, connect, sqlstate, try_connect, value};

/// An application's database, before anybody thought of a proxy.
struct App {
    db: Db,
    owner: String,
}

impl App {
    async fn new(tenants: &[&str]) -> Self {
        let db = Db::new().await;
        let owner = format!("{}_app", db.name);
        db.admin_run(&format!(
            "CREATE ROLE {owner} LOGIN PASSWORD 'app'; GRANT CREATE ON DATABASE {} TO {owner}",
            db.name
        ))
        .await;
        let app = Self { db, owner };
        let client = app.client().await;
        client
            .batch_execute(
                "CREATE SCHEMA global; CREATE SCHEMA base_template;
                 CREATE TABLE global.plans (name text PRIMARY KEY); INSERT INTO global.plans VALUES ('free');
                 CREATE TABLE global.tenants (id uuid PRIMARY KEY, name text NOT NULL, slug text UNIQUE NOT NULL,
                     stripe_customer_id text, created_at timestamptz DEFAULT now());
                 CREATE TABLE base_template.customers (id serial PRIMARY KEY, name text NOT NULL, plan text DEFAULT 'free');
                 CREATE TABLE base_template.orders (id bigserial PRIMARY KEY, customer_id int, total numeric)",
            )
            .await
            .unwrap();
        for tenant in tenants {
            app.provision(&client, tenant).await;
        }
        app.db.init().await.unwrap();
        app
    }

    /// As the application does it.
    async fn provision(&self, client: &Client, tenant: &str) {
        let (schema, slug) = (self.db.schema(tenant), self.db.slug(tenant));
        let sql = format!(
            "CREATE SCHEMA {schema};
             CREATE TABLE {schema}.customers (LIKE base_template.customers INCLUDING ALL);
             CREATE TABLE {schema}.orders (LIKE base_template.orders INCLUDING ALL);
             ALTER TABLE {schema}.orders ADD FOREIGN KEY (customer_id) REFERENCES {schema}.customers;
             ALTER TABLE {schema}.customers ADD FOREIGN KEY (plan) REFERENCES global.plans;
             CREATE TYPE {schema}.state AS ENUM ('open', 'closed');
             CREATE VIEW {schema}.big AS SELECT * FROM {schema}.orders WHERE total > 100;
             CREATE FUNCTION {schema}.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
             CREATE TRIGGER stamp BEFORE INSERT ON {schema}.orders FOR EACH ROW EXECUTE FUNCTION {schema}.stamp();
             INSERT INTO {schema}.customers (name) VALUES ('of {slug}');
             INSERT INTO global.tenants (id, name, slug, stripe_customer_id)
                 VALUES (gen_random_uuid(), 'The {slug}', '{slug}', 'cus_{slug}')"
        );
        client.batch_execute(&sql).await.unwrap();
    }

    async fn client(&self) -> Client {
        connect(&self.db.url(&self.owner, "app")).await
    }

    async fn adopt(&self, change: impl FnOnce(&mut AdoptArgs)) -> Result<String, String> {
        let mut args = AdoptArgs {
            schema: vec![],
            all: true,
            prefix: "tenant_".into(),
            fix: false,
            release_owner: false,
            users: false,
            tenants_table: None,
            cluster: ClusterName::MAIN,
            dry_run: false,
            json: false,
            admin: admin_args(&self.db.admin_url),
        };
        change(&mut args);
        let mut out = Vec::new();
        let command = TenantCommand::Adopt(Box::new(args));
        let done = tenant::run(command, &self.db.config, &mut &b""[..], &mut out).await;
        let told = String::from_utf8(out).unwrap();
        done.map(|()| told.clone()).map_err(|error| format!("{told}{error:#}"))
    }

    /// A request of the application, as it always was.
    async fn request(&self, client: &Client, tenant: &str) -> Result<String, tokio_postgres::Error> {
        let schema = self.db.schema(tenant);
        client.batch_execute(&format!("SET search_path TO {schema}, global")).await?;
        client
            .batch_execute("INSERT INTO customers (name) VALUES ('another'); INSERT INTO orders (customer_id, total) SELECT max(id), 7 FROM customers")
            .await?;
        Ok(value(client, "SELECT count(*) FROM customers JOIN plans ON plans.name = plan").await)
    }
}

fn named(db: &Db, tenant: &str) -> StatusArgs {
    let admin = admin_args(&db.admin_url);
    StatusArgs { slug: db.slug(tenant).to_string(), dry_run: false, json: false, admin }
}

#[tokio::test]
async fn running_application_is_adopted_and_goes_on_until_it_is_released() {
    let app = App::new(&["alpha", "beta"]).await;
    let db = &app.db;
    let client = app.client().await;
    assert_eq!(app.request(&client, "alpha").await.unwrap(), "2");
    // Both take their numbers from the template's one sequence.
    let refused = app.adopt(|_| {}).await.unwrap_err();
    assert!(refused.contains("takes its numbers from sequence base_template.customers_id_seq"), "{refused}");
    assert!(
        refused.contains("use `--fix`") && refused.contains("2 of 2 schemas were not adopted"),
        "{refused}"
    );
    let admin = db.admin().await;
    assert_eq!(value(&admin, "select count(*) from pgtenant.tenants").await, "0");

    let told = app.adopt(|args| {
        (args.fix, args.users, args.tenants_table) = (true, true, Some("global.tenants".into()))
    });
    let told = told.await.unwrap();
    assert!(told.contains("created  tenant") && told.contains("2 sequences of the tenant's own"), "{told}");
    let summary = db.summary("alpha").await;
    let id =
        value(&admin, &format!("select id from global.tenants where slug = '{}'", db.slug("alpha"))).await;
    assert_eq!(summary.tenant.id.to_string(), id, "tokens with the id go on");
    assert_eq!(summary.tenant.name, format!("The {}", db.slug("alpha")));
    assert_eq!(summary.stripe_customer_id, Some(format!("cus_{}", db.slug("alpha"))));

    // The application has noticed nothing.
    assert_eq!(app.request(&client, "alpha").await.unwrap(), "3");
    assert_eq!(app.request(&app.client().await, "beta").await.unwrap(), "2");
    // The tenant owns what it has, has numbers of its own, and cannot look elsewhere.
    let alpha = db.as_tenant("alpha").await;
    alpha
        .batch_execute("ALTER TABLE orders ADD note text; INSERT INTO customers (name) VALUES ('new')")
        .await
        .unwrap();
    let ids = "select string_agg(id::text, ',' order by id) from customers";
    assert_eq!(value(&alpha, ids).await, "1,3,4,5");
    assert_eq!(sqlstate(&alpha, &format!("select from {}.orders", db.schema("beta"))).await, "42501");
    assert_eq!(sqlstate(&alpha, &format!("DROP SCHEMA {} CASCADE", db.schema("alpha"))).await, "42501");
    assert_eq!(
        sqlstate(&alpha, "select from global.tenants where false; delete from global.plans").await,
        "42501"
    );

    // It is served: nothing is in the way, and the user that was shown once logs in.
    let mut config = db.config.clone();
    config.listen.addresses = vec!["127.0.0.1:0".parse().unwrap()];
    let server = Server::start(config).await.expect("the proxy starts");
    let slug = db.slug("alpha").to_string();
    let url = told.split("shown only now: ").find(|url| url.contains(&format!("//{slug}:"))).unwrap();
    let url = url.lines().next().unwrap().replace("127.0.0.1:6432", &server.listening()[0]);
    let through = try_connect(&url).await.unwrap();
    assert_eq!(value(&through, "select count(*) from customers").await, "4");

    // What the application has made since becomes the tenant's when it is run again; else it changes nothing.
    let again = app.adopt(|args| args.fix = true).await.unwrap();
    assert!(again.contains("exists   tenant") && !again.contains("changed"), "{again}");
    client.batch_execute(&format!("CREATE TABLE {}.late (id int)", db.schema("alpha"))).await.unwrap();
    assert_eq!(sqlstate(&alpha, "select from late").await, "42501");
    let again = app.adopt(|_| {}).await.unwrap();
    assert!(again.contains("changed owner of 1 objects"), "{again}");
    alpha.batch_execute("select from late").await.unwrap();

    let told = app.adopt(|args| args.release_owner = true).await.unwrap();
    assert!(told.contains(&format!("removed rights of role {}", app.owner)), "{told}");
    for _ in 0..2 {
        let error = app.request(&client, "alpha").await.unwrap_err();
        assert!(["42501", "42P01"].contains(&error.code().unwrap().code()), "{error}");
        assert_eq!(sqlstate(&client, &format!("select from {}.orders", db.schema("alpha"))).await, "42501");
        // Nor does it get them back.
        app.adopt(|_| {}).await.unwrap();
    }
    assert_eq!(value(&through, "select count(*) from customers").await, "4");
}

#[tokio::test]
async fn holes_are_named_and_nothing_is_adopted_with_one() {
    let app = App::new(&["alpha", "beta", "gamma"]).await;
    let (db, client) = (&app.db, app.client().await);
    let [alpha, beta, gamma] = ["alpha", "beta", "gamma"].map(|name| db.schema(name));
    let bob = format!("{}_bob", db.name);
    db.admin_run(&format!(
        "CREATE ROLE {bob}; CREATE SCHEMA report; GRANT USAGE ON SCHEMA report, public TO PUBLIC; GRANT CREATE ON SCHEMA public TO {}",
        app.owner
    ))
    .await;
    client
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA {alpha} TO PUBLIC; GRANT SELECT ON {alpha}.orders TO PUBLIC; GRANT SELECT ON {alpha}.big TO {bob};
             ALTER DEFAULT PRIVILEGES IN SCHEMA {alpha} GRANT SELECT ON TABLES TO PUBLIC;
             CREATE VIEW {beta}.peek AS SELECT * FROM {alpha}.orders;
             CREATE VIEW public.everything AS SELECT * FROM {gamma}.orders;
             CREATE FUNCTION global.run(text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE $1; END'"
        ))
        .await
        .unwrap();
    db.admin_run(&format!(
        "CREATE TABLE {alpha}.foreigner (id int); ALTER TABLE {alpha}.foreigner OWNER TO {bob}"
    ))
    .await;
    let refused = app.adopt(|_| {}).await.unwrap_err();
    for words in [
        format!("PUBLIC may USAGE schema {alpha}"),
        format!("PUBLIC may SELECT table {alpha}.orders"),
        format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {alpha} REVOKE ALL ON TABLES FROM PUBLIC",
            app.owner
        ),
        format!("foreigner belongs to role {bob}"),
        format!("view {beta}.peek depends on"),
        "view public.everything depends on".to_owned(),
        "function global.run(text) runs with the rights of".to_owned(),
        "3 of 3 schemas were not adopted".to_owned(),
    ] {
        assert!(refused.contains(&words), "{words}: {refused}");
    }
    // Some are for somebody who knows what they are for.
    let still = app.adopt(|args| args.fix = true).await.unwrap_err();
    assert!(
        still.contains("3 of 3") && still.contains("REVOKE EXECUTE ON ROUTINE global.run(text) FROM PUBLIC"),
        "{still}"
    );
    let admin = db.admin().await;
    let roles = format!("select count(*) from pg_roles where rolname like 'tenant_{}%'", db.name);
    assert_eq!(value(&admin, &roles).await, "0");
    client
        .batch_execute("REVOKE EXECUTE ON FUNCTION global.run(text) FROM PUBLIC; DROP VIEW public.everything")
        .await
        .unwrap();
    let one = app.adopt(|args| args.fix = true).await.unwrap_err();
    assert!(
        one.contains("2 of 3 schemas were not adopted")
            && one.contains(&format!("{} of schema {gamma}", db.slug("gamma"))),
        "{one}"
    );
    client.batch_execute(&format!("DROP VIEW {beta}.peek")).await.unwrap();
    let told = app.adopt(|args| args.fix = true).await.unwrap();
    assert!(told.contains(&format!("closed: PUBLIC may USAGE schema {alpha}")), "{told}");
    assert!(told.contains(&format!("note: {bob} may SELECT view {alpha}.big, and stays so")), "{told}");
    // Closed, they stay so.
    client.batch_execute(&format!("CREATE TABLE {alpha}.later (id int)")).await.unwrap();
    let open = "select count(*) from pg_class c, aclexplode(c.relacl) a where a.grantee = 0 and relnamespace = $$S$$::regnamespace";
    assert_eq!(value(&admin, &open.replace('S', &alpha)).await, "0");
    let foreign = db.as_tenant("alpha").await;
    foreign.batch_execute("DROP TABLE foreigner").await.unwrap();
}

#[tokio::test]
async fn adoption_is_tried_first_said_in_json_done_by_two_at_once_and_lived_with() {
    let app = App::new(&["alpha", "beta"]).await;
    let db = &app.db;
    app.client().await.batch_execute("CREATE SCHEMA \"tenant_Not-a-slug\"").await.unwrap();
    let admin = db.admin().await;
    let count = "select count(*) from pgtenant.tenants";
    let schema = db.schema("alpha");
    let dry = app.adopt(|args| {
        (args.fix, args.dry_run, args.json, args.all) = (true, true, true, false);
        args.schema = vec![schema.replace("alpha", "*pha")];
    });
    let dry: Value = serde_json::from_str(&dry.await.unwrap()).unwrap();
    assert_eq!((&dry[0]["schema"], &dry[0]["outcome"]), (&schema.clone().into(), &"created".into()), "{dry}");
    assert_eq!((value(&admin, count).await, dry.as_array().unwrap().len()), ("0".into(), 1));
    let none = app.adopt(|args| (args.all, args.schema) = (false, vec!["nothing".into()])).await.unwrap_err();
    assert!(none.contains("no schema beginning with tenant_ matches"), "{none}");
    let table = app.adopt(|args| args.tenants_table = Some("global.nobody".into())).await.unwrap_err();
    assert!(table.contains("table global.nobody does not exist"), "{table}");

    let both = tokio::join!(app.adopt(|args| args.fix = true), app.adopt(|args| args.fix = true));
    for told in [both.0, both.1] {
        let told = told.unwrap_err();
        assert!(
            told.contains("1 of 3 schemas were not adopted")
                && told.contains("is no slug; rename the schema"),
            "{told}"
        );
    }
    assert_eq!(value(&admin, count).await, "2");
    // It is a tenant like any other.
    let shared = LevelArgs {
        tenant: StatusArgs {
            slug: db.slug("beta").to_string(),
            dry_run: false,
            json: false,
            admin: admin_args(&db.admin_url),
        },
        level: Level::Shared,
    };
    let error = db.tenant(TenantCommand::Level(shared.clone()), "").await.unwrap_err();
    assert!(error.contains("what can run code"), "{error}");
    db.harden().await.unwrap();
    db.tenant(TenantCommand::Level(shared), "").await.unwrap();
    let now = |tenant| {
        TenantCommand::Drop(DropArgs { tenant: named(db, tenant), now: true, yes: true, backup: no_backup() })
    };
    db.tenant(now("beta"), "").await.unwrap();
    assert_eq!(value(&admin, count).await, "1");
    assert_eq!(app.request(&app.client().await, "alpha").await.unwrap(), "2");
}

#[tokio::test]
async fn application_role_that_was_dropped_is_named_and_forgotten_with_the_release() {
    let app = App::new(&["alpha"]).await;
    app.adopt(|args| args.fix = true).await.unwrap();
    let owner = &app.owner;
    let sql = format!("REASSIGN OWNED BY {owner} TO CURRENT_USER; DROP OWNED BY {owner}; DROP ROLE {owner}");
    app.db.admin_run(&sql).await;
    let error = app.adopt(|_| {}).await.unwrap_err();
    assert!(error.contains("does not exist any more") && error.contains("--release-owner"), "{error}");
    let told = app.adopt(|args| args.release_owner = true).await.unwrap();
    assert!(told.contains("which is gone"), "{told}");
    app.adopt(|_| {}).await.unwrap();
}
