//! `pgtenant init`.

use pgtenant::config::Config;
use pgtenant::control::pool_role;
use pgtenant::registry::Registry;
use pgtenant::tenant::{Level, Overrides, TenantNames};
use secrecy::ExposeSecret;

use crate::support::{Db, connect, sqlstate, value};

#[tokio::test]
async fn second_run_finds_everything_and_changes_nothing() {
    let db = Db::new().await;
    let first = db.init().await.unwrap();
    assert!(first.contains("created  schema pgtenant") && first.contains("is ready for tenants"), "{first}");
    let second = db.init().await.unwrap();
    assert!(!second.contains("created ") && !second.contains("changed "), "{second}");
}

#[tokio::test]
async fn registry_login_reads_the_registry_and_nothing_of_a_tenants() {
    let db = Db::ready().await;
    db.admin_run("CREATE TABLE base_template.t (x int)").await;
    let role = &db.config.registry.user;
    let password = db.config.secrets.master_key.role_password(role);
    let client = connect(&db.url(role, password.expose_secret())).await;
    assert_eq!(value(&client, "SELECT count(*) FROM pgtenant.tenants").await, "0");
    for sql in [
        "DELETE FROM pgtenant.users",
        "CREATE TABLE pgtenant.x ()",
        "CREATE TABLE public.x ()",
        "CREATE SCHEMA x",
        "TABLE base_template.t",
        "CREATE TABLE global.x ()",
        "CREATE ROLE x",
    ] {
        assert_eq!(sqlstate(&client, sql).await, "42501", "{sql}");
    }
}

#[tokio::test]
async fn without_init_the_error_says_to_run_it() {
    let db = Db::new().await;
    let error = db.create("alpha").await.unwrap_err();
    assert!(error.contains("run `pgtenant init`"), "{error}");
    let Config { server, registry, secrets, .. } = db.config.clone();
    assert!(Registry::connect(&server, &registry, &secrets).await.is_err());
}

#[tokio::test]
async fn registry_of_the_first_version_is_brought_up_to_date_with_its_tenants() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let pool = pool_role(&db.name);
    let reader = TenantNames::reader_for_slug(&db.slug("alpha"));
    db.admin_run(&format!(
        "DROP OWNED BY {reader}; DROP ROLE {reader}; DROP VIEW pgtenant.tenants_here;
         ALTER TABLE pgtenant.tenants DROP COLUMN limits, DROP COLUMN isolation, DROP COLUMN reader_role,
             DROP COLUMN password_key, DROP COLUMN drop_after, DROP COLUMN status_before_drop, DROP COLUMN drop_begun,
             DROP COLUMN adopted_from, DROP COLUMN settings, DROP COLUMN cluster;
         DROP TABLE pgtenant.former_names, pgtenant.moves;
         ALTER TABLE pgtenant.users DROP COLUMN access; DROP TABLE pgtenant.channels, pgtenant.api_keys;
         ALTER TABLE pgtenant.installation DROP COLUMN pool_role, DROP COLUMN hardened, DROP COLUMN spare_role,
             DROP COLUMN password_key, DROP COLUMN spare_password_key, DROP COLUMN decoy_secret;
         DROP TABLE pgtenant.api_requests, pgtenant.stripe_events, pgtenant.stripe_suspensions, pgtenant.migrations, pgtenant.template_migrations, pgtenant.schema_states, pgtenant.migration_run;
         DROP FUNCTION pgtenant.fate(text);
         DELETE FROM pgtenant.schema_versions WHERE version > 1; DROP OWNED BY {pool}; DROP ROLE {pool}"
    ))
    .await;
    let error = db.create("alpha").await.unwrap_err();
    assert!(error.contains("pgtenant init"), "{error}");
    let told = db.init().await.unwrap();
    assert!(told.contains("changed  schema pgtenant"), "{told}");
    db.create("alpha").await.unwrap();
    let summary = db.summary("alpha").await;
    assert_eq!((summary.tenant.limits, summary.limits.len()), (Overrides::default(), 0));
    assert_eq!(summary.tenant.level, Level::Dedicated);
    let recorded = "SELECT concat_ws(' ', pool_role, hardened) FROM pgtenant.installation";
    assert_eq!(value(&db.admin().await, recorded).await, format!("{} f", pool.as_str()));
    let channels = "SELECT count(*) FROM pgtenant.channels";
    assert_eq!(value(&db.admin().await, channels).await, "1");
}

#[tokio::test]
async fn registry_of_a_newer_program_is_left_alone() {
    let db = Db::ready().await;
    db.admin_run("INSERT INTO pgtenant.schema_versions (version) VALUES (999)").await;
    let error = db.init().await.unwrap_err();
    assert!(error.contains("version 999") && error.contains("newer pgtenant"), "{error}");
}

#[tokio::test]
async fn administrator_without_superuser_needs_createrole_and_create_on_the_database() {
    let db = Db::new().await;
    let op = format!("{}_op", db.name);
    db.admin_run(&format!("CREATE ROLE {op} LOGIN PASSWORD 'op'")).await;
    let url = db.url(&op, "op");

    let error = db.init_as(&url).await.unwrap_err();
    assert!(error.contains("cannot create roles") && error.contains("CREATEROLE"), "{error}");
    db.admin_run(&format!("ALTER ROLE {op} CREATEROLE")).await;
    let error = db.init_as(&url).await.unwrap_err();
    assert!(error.contains("cannot create schemas") && error.contains("GRANT CREATE ON DATABASE"), "{error}");
    db.admin_run(&format!("GRANT CREATE ON DATABASE {} TO {op}", db.name)).await;

    db.init_as(&url).await.unwrap();
    let again = db.init_as(&url).await.unwrap();
    assert!(!again.contains("created ") && !again.contains("changed "), "{again}");

    connect(&url)
        .await
        .batch_execute("CREATE TABLE base_template.t (id serial PRIMARY KEY); CREATE TABLE global.g (x int)")
        .await
        .unwrap();
    let admin = crate::support::admin_args(&url);
    db.create_with("alpha", |args| args.admin = admin.clone(), "").await.unwrap();
    db.create_with("alpha", |args| args.admin = admin, "").await.unwrap();
    let tenant = db.as_tenant("alpha").await;
    assert_eq!(value(&tenant, "INSERT INTO t DEFAULT VALUES RETURNING id").await, "1");
    assert_eq!(value(&tenant, "SELECT count(*) FROM global.g").await, "0");
    let admin = db.admin().await;
    let member = format!("SELECT pg_has_role('{op}', '{}', 'USAGE')", db.schema("alpha"));
    assert_eq!(value(&admin, &member).await, "f", "the operator left the tenant's role");
}

#[tokio::test]
async fn role_made_by_somebody_else_is_not_taken_over() {
    let db = Db::new().await;
    db.admin_run(&format!("CREATE ROLE {} LOGIN PASSWORD 'theirs'", db.config.registry.user)).await;
    let error = db.init().await.unwrap_err();
    assert!(error.contains("exists already") && error.contains("DROP ROLE"), "{error}");
    connect(&db.url(&db.config.registry.user, "theirs")).await;
}

#[tokio::test]
async fn administrator_is_not_made_the_registrys_reader() {
    let mut db = Db::new().await;
    db.config.registry.user = "postgres".into();
    let error = db.init().await.unwrap_err();
    assert!(error.contains("`registry.user` is postgres"), "{error}");
}

#[tokio::test]
async fn public_is_closed_and_closed_again() {
    let db = Db::new().await;
    db.admin_run("GRANT CREATE ON SCHEMA public TO PUBLIC").await;
    let report = db.init().await.unwrap();
    assert!(report.contains("changed  schema public"), "{report}");
    let open = "SELECT has_schema_privilege('pg_monitor', 'public', 'CREATE')";
    assert_eq!(value(&db.admin().await, open).await, "f");
}

#[tokio::test]
async fn tables_of_global_made_before_or_by_others_become_readable_or_are_named() {
    let db = Db::ready().await;
    let other = format!("{}_other", db.name);
    db.admin_run(&format!(
        "CREATE ROLE {other}; GRANT ALL ON SCHEMA global TO {other};
         SET ROLE {other}; CREATE TABLE global.theirs (x int); CREATE VIEW global.v AS SELECT 1 AS x"
    ))
    .await;
    let report = db.create("alpha").await.unwrap();
    assert!(report.contains("changed  global.theirs") && report.contains("changed  global.v"), "{report}");
    let tenant = db.as_tenant("alpha").await;
    assert_eq!(value(&tenant, "SELECT count(*) FROM theirs").await, "0");

    let db = Db::new().await;
    let op = format!("{}_op", db.name);
    db.admin_run(&format!(
        "CREATE ROLE {op} LOGIN CREATEROLE PASSWORD 'op'; GRANT CREATE ON DATABASE {} TO {op}",
        db.name
    ))
    .await;
    let url = db.url(&op, "op");
    db.init_as(&url).await.unwrap();
    db.admin_run("CREATE TABLE global.theirs (x int)").await;
    let admin = crate::support::admin_args(&url);
    let report = db.create_with("alpha", |args| args.admin = admin, "").await.unwrap();
    let remedy = "its owner must run: GRANT SELECT ON \"global\".\"theirs\" TO PUBLIC";
    assert!(report.contains(remedy), "{report}");
}

#[tokio::test]
async fn registry_itself_refuses_what_is_no_slug_or_no_verifier() {
    let db = Db::ready().await;
    let admin = db.admin().await;
    for slug in ["a'b", "a-b", "Acme", "", &"a".repeat(57), "a\nb"] {
        let insert = format!(
            "INSERT INTO pgtenant.tenants (id, slug, name, status, schema_name, role_name)
             VALUES (gen_random_uuid(), $s${slug}$s$, 'x', 'active', 's', 'r')"
        );
        assert_eq!(sqlstate(&admin, &insert).await, "23514", "{slug}");
    }
    db.create("alpha").await.unwrap();
    for verifier in ["", "hunter2", "md5d41d8cd98f00b204e9800998ecf8427e"] {
        let update = format!("UPDATE pgtenant.users SET verifier = '{verifier}'");
        assert_eq!(sqlstate(&admin, &update).await, "23514", "{verifier}");
    }
}
