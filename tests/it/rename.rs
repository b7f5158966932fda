//! `pgtenant tenant rename`, with clients at work.

use std::time::{Duration, Instant};

use pgtenant::cli::tenant::dropping::DropArgs;
use pgtenant::cli::tenant::rename::RenameArgs;
use pgtenant::cli::tenant::{StatusArgs, TenantCommand};
use serde_json::Value;

use crate::dropping::no_backup;
use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::wire::Wire;
use crate::support::{Db, admin_args};

const RENAMED: &str = "Error FATAL 57P01 terminating connection: the tenant was renamed";

fn args(db: &Db, old: &str, new: &str) -> RenameArgs {
    RenameArgs {
        tenant: StatusArgs {
            slug: db.slug(old).to_string(),
            dry_run: false,
            json: false,
            admin: admin_args(&db.admin_url),
        },
        new_slug: db.slug(new).to_string(),
        name: None,
        keep_names: false,
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn rename(proxy: &Proxy, args: RenameArgs) -> Result<String, String> {
    run(proxy.db.tenant(TenantCommand::Rename(args), ""))
}

/// The user keeps its name; the database stands for the tenant.
fn log_in(proxy: &Proxy, user: &str, tenant: &str) -> Result<Wire, String> {
    let parameters = [("user", proxy.user(user)), ("database", proxy.user(tenant))];
    let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
    Wire::log_in(proxy.addr(), &parameters, PASSWORD)
}

fn follows(proxy: &Proxy) {
    let mut idle = proxy.wire("acme");
    let mut reads = proxy.wire_with("acme", &[("pgtenant.access", "read_only")]).unwrap();
    let mut at_work = proxy.wire("acme");
    at_work.run("insert into notes (body) values ('kept'); create function seven() returns int language sql as 'select 7'");
    at_work.run("begin; insert into notes (body) values ('never committed')");
    let mut other = proxy.wire("beta");
    let told = rename(proxy, RenameArgs { name: Some("Apex Ltd".into()), ..args(&proxy.db, "acme", "apex") })
        .unwrap();
    let schema = proxy.db.schema("apex");
    assert!(
        told.contains(&format!("changed  schema {schema}, which was {}", proxy.db.schema("acme"))),
        "{told}"
    );
    assert!(told.contains(&format!("user {} keeps its name", proxy.user("acme"))), "{told}");
    assert!(told.contains("Apex Ltd"), "{told}");
    let begin = Instant::now();
    for (what, wire) in [("idle", &mut idle), ("reads", &mut reads), ("at work", &mut at_work)] {
        assert_eq!(wire.until_end(), [RENAMED, "end"], "{what}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    eventually("it is served under its new slug", || log_in(proxy, "acme", "apex").is_ok());
    for _ in 0..3 {
        let mut again = log_in(proxy, "acme", "apex").unwrap();
        assert_eq!(again.value("select current_schema"), schema);
        assert_eq!(again.value("select current_user"), schema);
        assert_eq!(again.value("select string_agg(body, ',') || seven() from notes"), "kept7");
        again.run("insert into notes (body) values ('x'); delete from notes where body = 'x'");
    }
    let mut reads = proxy.wire_with("acme", &[("pgtenant.access", "read_only")]).unwrap();
    assert_eq!(
        reads.value("select current_user || count(*) from notes"),
        format!("reader_{}1", proxy.user("apex"))
    );
    assert_eq!(other.value("select count(*) from notes"), "0");
    // The old slug names nobody.
    assert!(log_in(proxy, "acme", "acme").err().unwrap().contains("3D000"));
    let again = rename(proxy, args(&proxy.db, "acme", "apex")).unwrap();
    assert!(again.starts_with("exists   slug") && again.contains("has this slug"), "{again}");
}

#[test]
fn schema_and_roles_follow_the_slug_and_sessions_end_within_a_second() {
    follows(&Proxy::start(&["acme", "beta"], |config| config.pool.max_server_connections = 6));
}

#[test]
fn tenant_of_level_shared_is_renamed_too_and_its_advisory_locks_and_channels_work() {
    let proxy = Proxy::start_shared(&["acme", "beta"], |config| config.pool.max_server_connections = 6);
    follows(&proxy);
    let (mut listens, mut says) =
        (log_in(&proxy, "acme", "apex").unwrap(), log_in(&proxy, "acme", "apex").unwrap());
    listens.run("listen news");
    says.run("select pg_notify('news', 'hello')");
    assert!(listens.messages(1)[0].contains("news"), "no notification");
    assert_eq!(says.value("select pg_try_advisory_lock(7)"), "t");
}

#[test]
fn names_that_are_kept_keep_sessions_too_and_the_next_tenant_of_the_slug_gets_others() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let mut at_work = proxy.wire("acme");
    at_work.run("begin; insert into notes (body) values ('first')");
    let keep = RenameArgs { keep_names: true, ..args(&proxy.db, "acme", "apex") };
    rename(&proxy, keep).unwrap();
    eventually("the slug counts", || log_in(&proxy, "acme", "apex").is_ok());
    at_work.run("commit");
    let made = run(proxy.db.create_with(
        "acme",
        |args| {
            args.user = args.slug.as_ref().map(|slug| format!("{slug}_app"));
            args.password_stdin = true;
        },
        PASSWORD,
    ));
    let made = made.unwrap();
    let numbered = format!("{}_2", proxy.db.schema("acme"));
    assert!(
        made.contains(&format!("schema {numbered} with")) && made.contains("the slug was tenant"),
        "{made}"
    );
    let user = proxy.db.slug("acme_app").to_string();
    let parameters = [("user", user.as_str()), ("database", &proxy.db.name)];
    let mut new = Wire::log_in(proxy.addr(), &parameters, PASSWORD).unwrap();
    assert_eq!(new.value("select current_schema || count(*) from notes"), format!("{numbered}0"));
    assert_eq!(
        at_work.value("select current_schema || count(*) from notes"),
        format!("{}1", proxy.db.schema("acme"))
    );
    // A name is not given to another tenant once it is free either: a proxy may not have heard of it.
    rename(&proxy, args(&proxy.db, "apex", "zenith")).unwrap();
    let made = run(proxy.db.create("apex")).unwrap();
    assert!(made.contains(&format!("schema {} with", proxy.db.schema("apex"))), "{made}");
    rename(&proxy, args(&proxy.db, "acme", "other")).unwrap();
    let made = run(proxy.db.create("acme")).unwrap_err();
    assert!(made.contains("belongs to another tenant"), "{made}");
    let made = run(proxy.db.create_with("acme", |args| args.user = Some("acme3".into()), "")).unwrap();
    assert!(made.contains(&format!("{}_3 with", proxy.db.schema("acme"))), "{made}");
}

#[tokio::test]
async fn what_names_the_schema_in_a_text_is_named_and_nothing_is_renamed() {
    let db = Db::ready().await;
    db.create("acme").await.unwrap();
    let schema = db.schema("acme");
    let sql = format!(
        "CREATE TABLE {schema}.t (id serial, n int DEFAULT nextval('{schema}.t_id_seq'::text));
         CREATE VIEW {schema}.v AS SELECT id FROM {schema}.t;
         CREATE FUNCTION {schema}.f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM {schema}.t';
         CREATE FUNCTION {schema}.g() RETURNS int LANGUAGE sql SET search_path = {schema} AS 'SELECT 1';
         CREATE FUNCTION {schema}.h() RETURNS text LANGUAGE sql AS $$SELECT '{schema}x'$$"
    );
    db.admin_run(&sql).await;
    let run = |change: fn(&mut RenameArgs)| {
        let mut args = args(&db, "acme", "apex");
        change(&mut args);
        db.tenant(TenantCommand::Rename(args), "")
    };
    let error = run(|_| {}).await.unwrap_err();
    assert!(error.contains("--keep-names") && error.contains("default value for column n"), "{error}");
    assert!(error.contains("f()") && error.contains("g()") && !error.contains("h()"), "{error}");
    assert!(!error.contains("column id") && !error.contains("view"), "{error}");
    assert_eq!(db.summary("acme").await.tenant.names.schema.as_str(), schema);
    let json = run(|args| {
        args.keep_names = true;
        args.tenant.json = true;
        args.tenant.dry_run = true;
    });
    let json: Value = serde_json::from_str(&json.await.unwrap()).unwrap();
    assert_eq!((&json["outcome"], &json["schema"]), (&"changed".into(), &schema.clone().into()), "{json}");
    assert_eq!(db.summary("acme").await.tenant.slug, db.slug("acme"));
}

#[tokio::test]
async fn two_operators_at_once_and_slugs_that_are_taken() {
    let db = Db::ready().await;
    for name in ["acme", "beta"] {
        db.create(name).await.unwrap();
    }
    let to = |old: &str, new: &str| TenantCommand::Rename(args(&db, old, new));
    let error = db.tenant(to("acme", "beta"), "").await.unwrap_err();
    assert!(error.contains("there is a tenant") && error.contains("choose another slug"), "{error}");
    assert!(db.tenant(to("ghost", "x"), "").await.unwrap_err().contains("there is no tenant"));
    // One wins, and the other is told; two that want the same are both content.
    let (one, other) = tokio::join!(db.tenant(to("acme", "one"), ""), db.tenant(to("acme", "other"), ""));
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    let lost = one.and(other).unwrap_err();
    assert!(lost.contains("there is no tenant"), "{lost}");
    let (one, other) = tokio::join!(db.tenant(to("beta", "gamma"), ""), db.tenant(to("beta", "gamma"), ""));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    // Who was renamed is not gone.
    let now = DropArgs { tenant: args(&db, "beta", "x").tenant, now: true, yes: true, backup: no_backup() };
    assert!(db.tenant(TenantCommand::Drop(now), "").await.unwrap_err().contains("there is no tenant"));
    db.admin_run(&format!("CREATE SCHEMA {}", db.schema("delta"))).await;
    let error = db.tenant(to("gamma", "delta"), "").await.unwrap_err();
    assert!(error.contains("belongs to no registered tenant"), "{error}");
    assert_eq!(db.summary("gamma").await.tenant.names.schema.as_str(), db.schema("gamma"));
}
