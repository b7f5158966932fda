//! `pgtenant tenant create`, `list`, `show`, and what a tenant's role can do afterwards.

use pgtenant::cli::tenant::{ListArgs, ShowArgs, TenantCommand};
use serde_json::Value;

use crate::support::{Db, cluster, sqlstate, try_connect, value};

/// Two tables with a foreign key and serial columns, and something to read in `global`.
const TEMPLATE: &str = "
    CREATE TABLE base_template.customers (id serial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE base_template.tickets (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer_id integer NOT NULL REFERENCES base_template.customers,
        title text NOT NULL DEFAULT 'untitled');
    INSERT INTO base_template.customers (name) VALUES ('template row');
    CREATE TABLE global.plans (name text PRIMARY KEY);
    INSERT INTO global.plans VALUES ('free')";

async fn db_with_template() -> Db {
    let db = Db::ready().await;
    db.admin_run(TEMPLATE).await;
    db
}

#[tokio::test]
async fn created_tenant_is_listed_and_shown() {
    let db = db_with_template().await;
    let made = db
        .create_with(
            "alpha",
            |args| {
                args.name = Some("Alpha Ltd.".into());
                args.stripe_customer = Some("cus_1".into());
                args.user = Some("app@alpha".into());
            },
            "",
        )
        .await
        .unwrap();
    assert!(made.contains("schema tenant_") && made.contains("with 2 tables of the template"), "{made}");
    assert!(made.contains("postgresql://app%40alpha:") && made.contains("@127.0.0.1:6432/"), "{made}");
    db.create("beta").await.unwrap();

    let list = db.tenant(TenantCommand::List(ListArgs::default()), "").await.unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].starts_with("SLUG") && lines.len() == 3, "{list}");
    assert!(lines[1].contains("Alpha Ltd.") && lines[1].contains("cus_1"), "{list}");
    assert_eq!(lines[0].find("STATUS"), lines[1].find("active"), "{list}");
    let json = db.tenant(TenantCommand::List(ListArgs { json: true }), "").await.unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["users"], serde_json::json!(["app@alpha"]));

    let show = ShowArgs { slug: db.slug("alpha").to_string(), json: false };
    let text = db.tenant(TenantCommand::Show(show.clone()), "").await.unwrap();
    assert!(text.contains("status           active") && text.contains("tables           2"), "{text}");
    let json = db.tenant(TenantCommand::Show(ShowArgs { json: true, ..show }), "").await.unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["bytes"].as_i64().unwrap() > 0 && json["tables"] == 2, "{json}");
    let ghost = ShowArgs { slug: "ghost".into(), json: false };
    let error = db.tenant(TenantCommand::Show(ghost), "").await.unwrap_err();
    assert!(error.contains("no tenant ghost") && error.contains("tenant list"), "{error}");
}

#[tokio::test]
async fn bad_slugs_are_refused_before_anything_is_asked() {
    let db = Db::new().await;
    for slug in ["a'b", "a\"b", "a-b", "Acme", "é", "", &"a".repeat(70)] {
        let error = db.create_with("x", |args| args.slug = Some(slug.to_owned()), "").await.unwrap_err();
        assert!(error.contains("a slug"), "{slug}: {error}");
    }
}

#[tokio::test]
async fn password_comes_from_standard_input_or_is_generated_and_shown_once() {
    let db = db_with_template().await;
    let made = db.create_with("alpha", |args| args.password_stdin = true, "s3cret\n").await.unwrap();
    assert!(!made.contains("s3cret") && !made.contains("password of user"), "{made}");
    let made = db.create_with("beta", |args| args.json = true, "").await.unwrap();
    let json: Value = serde_json::from_str(&made).unwrap();
    let password = json["password"].as_str().unwrap();
    assert_eq!(password.len(), 40);
    assert!(json["url"].as_str().unwrap().contains(password));
    let again = db.create_with("beta", |args| args.json = true, "").await.unwrap();
    let json: Value = serde_json::from_str(&again).unwrap();
    assert_eq!((json["created"].as_bool(), &json["password"]), (Some(false), &Value::Null));
    let empty = db.create_with("gamma", |args| args.password_stdin = true, "\n").await.unwrap_err();
    assert!(empty.contains("no password on standard input"), "{empty}");
    assert!(!cluster().log().contains("s3cret"));
}

#[tokio::test]
async fn create_again_reports_differences_and_changes_nothing() {
    let db = db_with_template().await;
    db.create_with("alpha", |args| args.user = Some(format!("{}_app", db.name)), "").await.unwrap();
    db.as_tenant("alpha").await.batch_execute("INSERT INTO customers (name) VALUES ('kept')").await.unwrap();
    let before = db.summary("alpha").await;
    let again = db
        .create_with(
            "alpha",
            |args| {
                args.name = Some("Other".into());
                args.stripe_customer = Some("cus_9".into());
                args.password_stdin = true;
            },
            "other\n",
        )
        .await
        .unwrap();
    assert!(!again.contains("created ") && again.contains("was not changed to \"Other\""), "{again}");
    assert!(
        again.contains("was not changed to cus_9") && again.contains("no password was changed"),
        "{again}"
    );
    assert_eq!(db.summary("alpha").await, before);
    assert_eq!(value(&db.as_tenant("alpha").await, "SELECT count(*) FROM customers").await, "1");
}

#[tokio::test]
async fn create_again_restores_what_was_broken() {
    let db = db_with_template().await;
    db.create("alpha").await.unwrap();
    let role = db.schema("alpha");
    let tenant = db.as_tenant("alpha").await;
    tenant.batch_execute(&format!("ALTER ROLE {role} PASSWORD 'mine'")).await.unwrap();
    db.admin_run(&format!(
        "ALTER ROLE {role} CREATEDB BYPASSRLS NOLOGIN; DROP SCHEMA {role} CASCADE;
         UPDATE pgtenant.tenants SET status = 'creating'; DELETE FROM pgtenant.users"
    ))
    .await;
    let report = db.create("alpha").await.unwrap();
    assert!(report.contains(&format!("changed  role {role}")), "{report}");
    assert!(report.contains("created  schema") && report.contains("created  user"), "{report}");
    let tenant = db.as_tenant("alpha").await;
    assert_eq!(value(&tenant, "SELECT count(*) FROM tickets").await, "0");
    let attributes = format!("SELECT rolcreatedb OR rolbypassrls FROM pg_roles WHERE rolname = '{role}'");
    assert_eq!(value(&tenant, &attributes).await, "f");
    assert!(try_connect(&db.url(&role, "mine")).await.is_err());
}

#[tokio::test]
async fn schema_that_the_tenant_came_to_own_is_taken_back() {
    let db = db_with_template().await;
    db.create("alpha").await.unwrap();
    let schema = db.schema("alpha");
    db.admin_run(&format!("ALTER SCHEMA {schema} OWNER TO {schema}")).await;
    let report = db.create("alpha").await.unwrap();
    assert!(report.contains(&format!("changed  schema {schema}")), "{report}");
    let tenant = db.as_tenant("alpha").await;
    assert_eq!(sqlstate(&tenant, &format!("DROP SCHEMA {schema} CASCADE")).await, "42501");
    tenant.batch_execute("CREATE TABLE still_allowed ()").await.unwrap();
}

#[tokio::test]
async fn two_administrators_at_once_make_one_tenant() {
    let db = db_with_template().await;
    let results = tokio::join!(db.create("alpha"), db.create("alpha"), db.create("alpha"));
    let reports = [results.0.unwrap(), results.1.unwrap(), results.2.unwrap()];
    let made = |report: &&String| report.contains("shown only now");
    assert_eq!(reports.iter().filter(made).count(), 1, "{reports:?}");
    assert_eq!(db.summary("alpha").await.users.len(), 1);
}

#[tokio::test]
async fn different_tenants_at_once_do_not_disturb_each_other() {
    let db = db_with_template().await;
    let names: Vec<String> = (0..8).map(|n| format!("n{n}")).collect();
    let tasks = names.iter().map(|name| db.create(name));
    for result in join_all(tasks).await {
        result.unwrap();
    }
    for name in &names {
        assert_eq!(value(&db.as_tenant(name).await, "SELECT name FROM plans").await, "free");
    }
}

/// Runs futures of one task at the same time.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(done) => *output = Some(done),
                std::task::Poll::Pending => pending = true,
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn sequences_and_foreign_keys_are_the_tenants_own() {
    let db = db_with_template().await;
    db.create("alpha").await.unwrap();
    db.create("beta").await.unwrap();
    let (alpha, beta) = (db.as_tenant("alpha").await, db.as_tenant("beta").await);
    let insert = "INSERT INTO customers (name) VALUES ('x') RETURNING id";
    assert_eq!(value(&alpha, insert).await, "1");
    assert_eq!(value(&alpha, insert).await, "2");
    assert_eq!(value(&beta, insert).await, "1");
    let ticket = |customer| format!("INSERT INTO tickets (customer_id) VALUES ({customer}) RETURNING id");
    assert_eq!(value(&alpha, &ticket(2)).await, "1");
    assert_eq!(value(&beta, &ticket(1)).await, "1");
    assert_eq!(sqlstate(&beta, &ticket(2)).await, "23503", "customer 2 is alpha's");
    assert_eq!(value(&alpha, "SELECT title FROM tickets").await, "untitled");
    alpha.batch_execute("ALTER TABLE tickets ADD COLUMN done boolean").await.unwrap();
}

#[tokio::test]
async fn tenant_role_is_kept_to_its_schema() {
    let db = db_with_template().await;
    db.create("alpha").await.unwrap();
    db.create("beta").await.unwrap();
    db.admin_run("CREATE TABLE global.later (x int)").await;
    let (alpha, other) = (db.as_tenant("alpha").await, db.schema("beta"));
    assert_eq!(value(&alpha, "SELECT name FROM plans").await, "free");
    assert_eq!(value(&alpha, "SELECT count(*) FROM global.later").await, "0");
    for sql in [
        format!("TABLE {other}.customers"),
        format!("CREATE TABLE {other}.x ()"),
        format!("DROP SCHEMA {other} CASCADE"),
        format!("DROP SCHEMA {} CASCADE", db.schema("alpha")),
        format!("SET ROLE {other}"),
        format!("GRANT {other} TO CURRENT_USER"),
        format!("ALTER ROLE {other} PASSWORD 'x'"),
        "CREATE TABLE public.x ()".into(),
        "CREATE TABLE global.x ()".into(),
        "INSERT INTO global.plans VALUES ('stolen')".into(),
        "CREATE TABLE x (name text REFERENCES global.plans (name))".into(),
        "CREATE SCHEMA x".into(),
        "TABLE base_template.customers".into(),
        "TABLE pgtenant.tenants".into(),
        "TABLE pgtenant.users".into(),
        "CREATE ROLE x".into(),
        "CREATE DATABASE x".into(),
        format!("ALTER ROLE {} CREATEROLE", db.schema("alpha")),
        "SET SESSION AUTHORIZATION postgres".into(),
        "COPY global.plans TO PROGRAM 'cat'".into(),
    ] {
        assert_eq!(sqlstate(&alpha, &sql).await, "42501", "{sql}");
    }
}

/// PostgreSQL lets every member of a role say DROP OWNED BY it, and that also drops what was granted to it.
#[tokio::test]
async fn tenant_cannot_take_from_the_others_what_all_share() {
    let db = db_with_template().await;
    db.create("alpha").await.unwrap();
    db.create("beta").await.unwrap();
    let (alpha, beta) = (db.as_tenant("alpha").await, db.as_tenant("beta").await);
    let shared = format!("pgtenant_tenants_{}", db.name);
    // Whether it says so or refuses is up to the server's version.
    for sql in [
        format!("DROP OWNED BY {shared}"),
        format!("DROP OWNED BY {shared} CASCADE"),
        format!("SET ROLE {shared}; DROP OWNED BY {shared} CASCADE"),
        "RESET ROLE".to_owned(),
        format!("REASSIGN OWNED BY {shared} TO {}", db.schema("alpha")),
        format!("REVOKE {shared} FROM {}", db.schema("beta")),
        format!("REVOKE SELECT ON global.plans FROM {shared}, PUBLIC"),
        format!("REVOKE USAGE ON SCHEMA global FROM {shared}"),
        format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA global REVOKE SELECT ON TABLES FROM {shared}"
        ),
    ] {
        let _ = alpha.batch_execute(&sql).await;
    }
    db.admin_run("CREATE TABLE global.later (x int)").await;
    assert_eq!(value(&beta, "SELECT name FROM plans").await, "free");
    assert_eq!(value(&beta, "SELECT count(*) FROM later").await, "0");
    let explicit = format!("SELECT has_database_privilege('{shared}', current_database(), 'CONNECT')");
    db.admin_run(&format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", db.name)).await;
    assert_eq!(value(&beta, &explicit).await, "t");
}

#[tokio::test]
async fn tenants_of_two_databases_do_not_share_what_is_global() {
    let (one, two) = (db_with_template().await, db_with_template().await);
    one.create("alpha").await.unwrap();
    two.admin_run(&format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", two.name)).await;
    let tenant = one.summary("alpha").await.tenant;
    let password = one.config.secrets.master_key.tenant_password(tenant.id, tenant.password_version);
    let url = two.url(tenant.names.role.as_str(), secrecy::ExposeSecret::expose_secret(&password));
    assert!(try_connect(&url).await.is_err());
}

#[tokio::test]
async fn user_and_stripe_customer_of_another_tenant_are_refused_with_nothing_left_behind() {
    let db = db_with_template().await;
    let user = format!("{}_app", db.name);
    let take = |args: &mut pgtenant::cli::tenant::CreateArgs| {
        args.user = Some(user.clone());
        args.stripe_customer = Some("cus_1".into());
    };
    db.create_with("alpha", take, "").await.unwrap();
    let error = db.create_with("beta", |args| args.user = Some(user.clone()), "").await.unwrap_err();
    assert!(error.contains("belongs to another tenant") && error.contains("choose another name"), "{error}");
    let stripe = |args: &mut pgtenant::cli::tenant::CreateArgs| args.stripe_customer = Some("cus_1".into());
    let error = db.create_with("beta", stripe, "").await.unwrap_err();
    assert!(error.contains("cus_1 belongs to another tenant"), "{error}");
    let left = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", db.schema("beta"));
    assert_eq!(value(&db.admin().await, &left).await, "0");
}

#[tokio::test]
async fn schema_or_role_made_by_somebody_else_is_not_taken_over() {
    let db = db_with_template().await;
    db.admin_run(&format!("CREATE SCHEMA {}; CREATE ROLE {}", db.schema("alpha"), db.schema("beta"))).await;
    let error = db.create("alpha").await.unwrap_err();
    assert!(error.contains("schema tenant_") && error.contains("no registered tenant"), "{error}");
    let error = db.create("beta").await.unwrap_err();
    assert!(error.contains("role tenant_") && error.contains("did not make it"), "{error}");
}

#[tokio::test]
async fn no_clear_password_reaches_the_servers_log() {
    let db = db_with_template().await;
    db.admin_run(&format!("ALTER DATABASE {} SET log_statement = 'all'", db.name)).await;
    db.create_with("alpha", |args| args.password_stdin = true, "cl3ar-t3xt\n").await.unwrap();
    db.init().await.unwrap();
    let tenant = db.summary("alpha").await.tenant;
    let key = &db.config.secrets.master_key;
    let log = cluster().log();
    assert!(log.contains(&format!("CREATE ROLE \"{}\"", db.schema("alpha"))), "statements are logged");
    for secret in [key.tenant_password(tenant.id, 1), key.role_password(&db.config.registry.user)] {
        assert!(!log.contains(secrecy::ExposeSecret::expose_secret(&secret)));
    }
    assert!(!log.contains("cl3ar-t3xt"));
}
