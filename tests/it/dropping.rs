//! `pgtenant tenant drop`, `undrop` and `purge`, with clients at work.

use std::time::{Duration, Instant};

use pgtenant::cli::cluster::{Options, PrivateCluster};
use pgtenant::cli::tenant::dropping::{DropArgs, FirstArgs, PurgeArgs, UndropArgs};
use pgtenant::cli::tenant::rename::RenameArgs;
use pgtenant::cli::tenant::{HowArgs, RestoreArgs, ShowArgs, StatusArgs, TenantCommand};
use serde_json::Value;

use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::wire::Wire;
use crate::support::{Db, admin_args, cluster, value};

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn named(db: &Db, tenant: &str) -> StatusArgs {
    let admin = admin_args(&db.admin_url);
    StatusArgs { slug: db.slug(tenant).to_string(), dry_run: false, json: false, admin }
}

fn undrop(db: &Db, tenant: &str) -> TenantCommand {
    TenantCommand::Undrop(UndropArgs { tenant: named(db, tenant), although_moved: false })
}

/// Said of tenants whose data nobody wants.
pub(crate) fn no_backup() -> FirstArgs {
    FirstArgs { no_backup: true, ..FirstArgs::default() }
}

fn later(db: &Db, tenant: &str) -> DropArgs {
    DropArgs { tenant: named(db, tenant), now: false, yes: false, backup: FirstArgs::default() }
}

fn now(db: &Db, tenant: &str) -> TenantCommand {
    TenantCommand::Drop(DropArgs { now: true, yes: true, backup: no_backup(), ..later(db, tenant) })
}

fn purge(db: &Db, tenant: Option<&str>) -> PurgeArgs {
    PurgeArgs {
        slug: tenant.map(|tenant| db.slug(tenant).to_string()),
        backup: no_backup(),
        dry_run: false,
        json: false,
        admin: admin_args(&db.admin_url),
    }
}

/// The time of grace of all that are to be dropped is over.
const TIME_PASSES: &str = "update pgtenant.tenants set drop_after = now() where status = 'dropping'";

fn log_in(proxy: &Proxy, tenant: &str) -> Result<Wire, String> {
    let parameters = [("user", proxy.user(tenant)), ("database", proxy.db.name.clone())];
    let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
    Wire::log_in(proxy.addr(), &parameters, PASSWORD)
}

/// Schemas, roles and rows of the registry that are a tenant's.
const LEFT: &str = "select (select count(*) from pg_namespace where nspname like 'tenant_%{}%')
    + (select count(*) from pg_roles where rolname like '%{}%')
    + (select count(*) from pgtenant.tenants where slug like '%{}%') + (select count(*) from pgtenant.users where user_name like '%{}%')
    + (select count(*) from pgtenant.channels where role_name like '%{}%')";

fn left(tenant: &str) -> String {
    LEFT.replace("{}", tenant)
}

#[test]
fn dropped_tenant_loses_its_sessions_is_kept_by_undrop_and_deleted_when_its_time_has_come() {
    let proxy = Proxy::start(&["acme", "beta"], |config| config.pool.max_server_connections = 4);
    let db = &proxy.db;
    let tell = |command| run(db.tenant(command, ""));
    let (mut idle, mut at_work, mut other) = (proxy.wire("acme"), proxy.wire("acme"), proxy.wire("beta"));
    idle.run("insert into notes (body) values ('kept')");
    at_work.run("begin; insert into notes (body) values ('never committed')");
    let told = tell(TenantCommand::Drop(later(db, "acme"))).unwrap();
    assert!(told.contains("is out of service, and deleted") && told.contains("tenant undrop"), "{told}");
    let begin = Instant::now();
    for wire in [&mut idle, &mut at_work] {
        let end = wire.until_end();
        assert!(end[0].contains("57P01") && end[0].contains("taken out of service"), "{end:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(log_in(&proxy, "acme").err().unwrap().contains("28P01"));
    // Again, it keeps its date; in service it is not put by the way.
    let date = proxy.admin().value("select drop_after from pgtenant.tenants where status = 'dropping'");
    assert!(tell(TenantCommand::Drop(later(db, "acme"))).unwrap().starts_with("exists"));
    assert_eq!(
        proxy.admin().value("select drop_after from pgtenant.tenants where status = 'dropping'"),
        date
    );
    assert!(tell(TenantCommand::Resume(named(db, "acme"))).unwrap_err().contains("tenant undrop"));
    let early = tell(TenantCommand::Purge(purge(db, Some("acme")))).unwrap_err();
    assert!(early.contains("can still be kept, until 20") && early.contains("--now --yes"), "{early}");
    assert_eq!(tell(TenantCommand::Purge(purge(db, None))).unwrap(), "no tenant is due\n");
    let show = ShowArgs { slug: db.slug("acme").to_string(), json: true };
    let shown: Value = serde_json::from_str(&tell(TenantCommand::Show(show)).unwrap()).unwrap();
    assert!(
        shown["status"] == "dropping" && shown["drop_after"].as_str().unwrap().starts_with("20"),
        "{shown}"
    );
    tell(undrop(db, "acme")).unwrap();
    eventually("it is served again", || log_in(&proxy, "acme").is_ok());
    assert_eq!(proxy.wire("acme").value("select string_agg(body, ',') from notes"), "kept");
    assert!(tell(undrop(db, "acme")).unwrap().starts_with("exists"));

    tell(TenantCommand::Drop(later(db, "acme"))).unwrap();
    proxy.admin().run(TIME_PASSES);
    let unsaved = tell(TenantCommand::Purge(PurgeArgs { backup: FirstArgs::default(), ..purge(db, None) }))
        .unwrap_err();
    assert!(unsaved.contains("--no-backup") && unsaved.contains("--backup-to"), "{unsaved}");
    let dry = tell(TenantCommand::Purge(PurgeArgs { dry_run: true, ..purge(db, None) })).unwrap();
    assert!(dry.contains("1 objects of schema") && dry.contains("nothing was changed"), "{dry}");
    let told = tell(TenantCommand::Purge(PurgeArgs { json: true, ..purge(db, None) })).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told[0]["outcome"] == "removed" && told.as_array().unwrap().len() == 1, "{told}");
    assert_eq!(proxy.admin().value(&left(&proxy.user("acme"))), "0");
    assert_eq!(other.value("select count(*) from notes"), "0");
    for again in [
        TenantCommand::Purge(purge(db, Some("acme"))),
        TenantCommand::Drop(later(db, "acme")),
        now(db, "acme"),
    ] {
        let again = tell(again).unwrap();
        assert!(again.contains("is not there any more"), "{again}");
    }
    // Its slug is free, its role is nobody's: a proxy may not have heard of all this.
    let made = run(db.create("acme")).unwrap();
    assert!(
        made.contains(&format!("{}_2 with", db.schema("acme"))) && made.contains("the slug was tenant"),
        "{made}"
    );
}

#[test]
fn tenant_is_deleted_now_from_under_its_sessions_only_where_that_is_said_twice() {
    let proxy = Proxy::start_shared(&["acme", "beta"], |config| config.pool.max_server_connections = 4);
    let db = &proxy.db;
    let (mut at_work, mut other) = (proxy.wire("acme"), proxy.wire("beta"));
    at_work.run(
        "create type mood as enum ('good'); create function f(mood) returns int language sql as 'select 1'",
    );
    at_work.run("begin; insert into notes (body) values ('never committed')");
    let tell = |args| run(db.tenant(TenantCommand::Drop(args), ""));
    let once = tell(DropArgs { now: true, backup: no_backup(), ..later(db, "acme") }).unwrap_err();
    assert!(once.contains("for good; add `--yes`"), "{once}");
    let unsaved = tell(DropArgs { now: true, yes: true, ..later(db, "acme") }).unwrap_err();
    assert!(unsaved.contains("--no-backup"), "{unsaved}");
    at_work.run("insert into notes (body) values ('still here')");
    let told = run(db.tenant(now(db, "acme"), "")).unwrap();
    assert!(told.contains("removed  schema") && told.contains("is deleted"), "{told}");
    assert!(at_work.until_end()[0].contains("57P01"));
    assert_eq!(proxy.admin().value(&left(&proxy.user("acme"))), "0");
    assert_eq!(other.value("select count(*) from notes"), "0");
    assert!(log_in(&proxy, "acme").err().unwrap().contains("28P01"));
}

#[tokio::test]
async fn what_others_need_and_what_it_has_elsewhere_is_named_and_the_tenant_stays_out_of_service() {
    let (db, elsewhere) = (Db::ready().await, Db::new().await);
    for name in ["acme", "beta"] {
        db.create(name).await.unwrap();
    }
    let (schema, role) = (db.schema("acme"), db.schema("acme"));
    let sql = format!(
        "CREATE TABLE {schema}.t (id int PRIMARY KEY);
         CREATE VIEW global.v AS SELECT id FROM {schema}.t;
         CREATE TABLE {beta}.u (id int REFERENCES {schema}.t);
         CREATE TABLE global.own (id int); ALTER TABLE global.own OWNER TO {role}",
        beta = db.schema("beta")
    );
    db.admin_run(&sql).await;
    elsewhere.admin_run(&format!("CREATE TABLE x (id int); GRANT SELECT ON x TO {role}")).await;
    let error = db.tenant(now(&db, "acme"), "").await.unwrap_err();
    for words in [
        "view global.v",
        "constraint u_id_fkey",
        "table global.own belongs to",
        "DROP OWNED BY",
        &elsewhere.name,
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(db.summary("acme").await.tenant.status.as_str(), "dropping");
    let admin = db.admin().await;
    assert_eq!(value(&admin, &format!("select count(*) from {schema}.t")).await, "0");
    // One that cannot be deleted does not stop the others.
    db.tenant(TenantCommand::Drop(later(&db, "beta")), "").await.unwrap();
    db.admin_run(&format!("DROP TABLE {}.u; {TIME_PASSES}", db.schema("beta"))).await;
    let error = db.tenant(TenantCommand::Purge(purge(&db, None)), "").await.unwrap_err();
    assert!(error.contains("view global.v"), "{error}");
    assert_eq!(
        value(&admin, "select string_agg(slug, ',') from pgtenant.tenants").await,
        db.slug("acme").as_str()
    );
    db.admin_run("DROP VIEW global.v; DROP TABLE global.own").await;
    elsewhere.admin_run("DROP TABLE x").await;
    // Two operators at once; both bring it to its end.
    let (one, other) = tokio::join!(db.tenant(now(&db, "acme"), ""), db.tenant(now(&db, "acme"), ""));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(value(&admin, &left(db.slug("acme").as_str())).await, "0");
}

#[tokio::test]
async fn schema_with_more_objects_than_the_server_has_locks_for_goes_step_by_step() {
    let settings = [("max_locks_per_transaction", "16"), ("max_connections", "20"), ("max_wal_senders", "0")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let cluster = PrivateCluster::start(&Options { settings, ..Options::default() }).unwrap();
    let db = Db::alone_on(&cluster, "app").await;
    db.init().await.unwrap();
    db.create("acme").await.unwrap();
    let admin = db.admin().await;
    for number in 0..100 {
        let sql = format!(
            "CREATE TABLE tenant_acme.t{number} (id serial PRIMARY KEY, body text,
                 parent int REFERENCES tenant_acme.t{} );
             CREATE FUNCTION tenant_acme.f{number}() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            number / 2
        );
        let sql = if number == 0 { sql.replace("REFERENCES tenant_acme.t0", "") } else { sql };
        admin.batch_execute(&sql).await.unwrap();
    }
    let at_once = admin.batch_execute("DROP SCHEMA tenant_acme CASCADE").await.unwrap_err();
    assert_eq!(at_once.code().unwrap().code(), "53200", "this test needs less room for locks");
    // The error comes before the locks are given back.
    admin.batch_execute("SELECT 1").await.unwrap();
    let told = db.tenant(now(&db, "acme"), "").await.unwrap();
    assert!(told.contains("most objects of the schema, in"), "{told}");
    assert_eq!(value(&admin, &left("acme")).await, "0");
}

#[tokio::test]
async fn tenant_of_which_something_is_gone_is_not_kept() {
    let db = Db::ready().await;
    db.create("acme").await.unwrap();
    db.tenant(TenantCommand::Drop(later(&db, "acme")), "").await.unwrap();
    db.admin_run(&format!("{TIME_PASSES}; UPDATE pgtenant.tenants SET drop_begun = true")).await;
    let error = db.tenant(undrop(&db, "acme"), "").await.unwrap_err();
    assert!(error.contains("restore it from its backup"), "{error}");
    // Roles and schema that are gone already are in nobody's way.
    let (schema, admin) = (db.schema("acme"), db.admin().await);
    db.admin_run(&format!("DROP SCHEMA {schema} CASCADE; DROP OWNED BY {schema}; DROP ROLE {schema}")).await;
    db.tenant(TenantCommand::Purge(purge(&db, None)), "").await.unwrap();
    assert_eq!(value(&admin, &left(db.slug("acme").as_str())).await, "0");
}

#[tokio::test]
async fn administrator_without_superuser_renames_sets_and_deletes_what_it_made() {
    let mut db = Db::new().await;
    let op = format!("{}_op", db.name);
    db.admin_run(&format!(
        "CREATE ROLE {op} LOGIN CREATEROLE PASSWORD 'op'; GRANT CREATE ON DATABASE {0} TO {op};
         REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        db.name
    ))
    .await;
    let superuser = db.admin().await;
    db.admin_url = db.url(&op, "op");
    db.init().await.unwrap();
    db.admin_run("CREATE TABLE base_template.notes (id serial PRIMARY KEY)").await;
    db.create("acme").await.unwrap();
    db.as_tenant("acme").await.batch_execute("CREATE TABLE own (id int)").await.unwrap();
    let new_slug = db.slug("apex").to_string();
    let renaming = RenameArgs { tenant: named(&db, "acme"), new_slug, name: None, keep_names: false };
    db.tenant(TenantCommand::Rename(renaming), "").await.unwrap();
    db.as_tenant("apex").await.batch_execute("INSERT INTO own VALUES (1)").await.unwrap();
    let told = db.tenant(now(&db, "apex"), "").await.unwrap();
    assert!(told.contains("is deleted"), "{told}");
    assert_eq!(value(&superuser, &left(db.slug("apex").as_str())).await, "0");
}

#[test]
fn tenant_that_is_purged_leaves_a_backup_that_brings_it_back_with_its_users() {
    let proxy = Proxy::start(&["acme", "beta"], |_| {});
    let db = &proxy.db;
    proxy.wire("acme").run("insert into notes (body) values ('kept')");
    let dir = tempfile::tempdir().unwrap();
    let tell = |command| run(db.tenant(command, ""));
    let nowhere = FirstArgs { backup_to: Some(dir.path().join("none")), ..FirstArgs::default() };
    let gone =
        tell(TenantCommand::Drop(DropArgs { now: true, yes: true, backup: nowhere, ..later(db, "acme") }));
    assert!(gone.unwrap_err().contains("make it first"));
    assert_eq!(proxy.wire("acme").value("select body from notes"), "kept", "nobody was disconnected");

    tell(TenantCommand::Drop(later(db, "acme"))).unwrap();
    proxy.admin().run(TIME_PASSES);
    let how = HowArgs { pg_bin: Some(cluster().bin("")), ..HowArgs::default() };
    let first =
        FirstArgs { backup_to: Some(dir.path().to_owned()), how: how.clone(), ..FirstArgs::default() };
    let told = tell(TenantCommand::Purge(PurgeArgs { backup: first, ..purge(db, None) })).unwrap();
    assert!(told.contains("created  backup") && told.contains("is deleted"), "{told}");
    assert_eq!(proxy.admin().value(&left(&proxy.user("acme"))), "0");

    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    tell(TenantCommand::Restore(RestoreArgs {
        file,
        new_slug: None,
        replace: false,
        cluster: None,
        dry_run: false,
        json: false,
        how,
        admin: admin_args(&db.admin_url),
    }))
    .unwrap();
    eventually("it is served, with its user", || log_in(&proxy, "acme").is_ok());
    assert_eq!(proxy.wire("acme").value("select body from notes"), "kept");
}
