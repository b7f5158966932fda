//! The level of a tenant: the pool role, who is moved and who is refused, and the watch on the hardening.

use pgtenant::cli::init::{self, InitArgs};
use pgtenant::cli::tenant::{LevelArgs, ListArgs, ShowArgs, StatusArgs, TenantCommand};
use pgtenant::control::{HardeningWatcher, pool_role};
use pgtenant::registry::{FindingKind, HardeningWatch, Registry};
use pgtenant::tenant::Level;
use secrecy::ExposeSecret;
use tokio_postgres::Client;

use crate::support::proxy::{Proxy, eventually};
use crate::support::{Db, admin_args, connect, sqlstate, value};

/// What `pgtenant tenant create` clones.
const TEMPLATE: &str = "CREATE TABLE base_template.notes (
    id serial PRIMARY KEY, body text DEFAULT upper('x') CHECK (length(body) < 100), at timestamptz DEFAULT now());
    CREATE INDEX ON base_template.notes (lower(body))";

async fn with_tenants() -> Db {
    let db = Db::ready().await;
    db.admin_run(TEMPLATE).await;
    db.create("alpha").await.unwrap();
    db.create("beta").await.unwrap();
    db
}

async fn level(db: &Db, tenant: &str, level: Level) -> Result<String, String> {
    level_with(db, tenant, level, |_| {}).await
}

async fn level_with(
    db: &Db,
    tenant: &str,
    level: Level,
    change: impl FnOnce(&mut LevelArgs),
) -> Result<String, String> {
    let mut args = LevelArgs {
        tenant: StatusArgs {
            slug: db.slug(tenant).to_string(),
            dry_run: false,
            json: false,
            admin: admin_args(&db.admin_url),
        },
        level,
    };
    change(&mut args);
    db.tenant(TenantCommand::Level(args), "").await
}

/// As the proxy logs in for tenants of level shared.
async fn as_pool(db: &Db) -> Client {
    let role = pool_role(&db.name);
    let password = db.config.secrets.master_key.role_password(role.as_str());
    connect(&db.url(role.as_str(), password.expose_secret())).await
}

async fn members(db: &Db) -> String {
    let sql = format!(
        "SELECT coalesce(string_agg(r.rolname, ' ' ORDER BY r.rolname), '') FROM pg_auth_members m
         JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = '{}'",
        pool_role(&db.name).as_str()
    );
    value(&db.admin().await, &sql).await
}

async fn registry(db: &Db) -> Registry {
    let config = &db.config;
    Registry::connect(&config.server, &config.registry, &config.secrets).await.unwrap()
}

async fn audit(db: &Db) -> Vec<(FindingKind, String, String)> {
    let findings = registry(db).await.audit_logins(&db.config.schemas).await.unwrap();
    findings.into_iter().map(|finding| (finding.kind, finding.remedy(), finding.object)).collect()
}

async fn remove_hardening(db: &Db) -> Result<(), String> {
    let args = InitArgs { admin: admin_args(&db.admin_url), remove_hardening: true, ..InitArgs::default() };
    init::run(args, &db.config, &mut Vec::new()).await.map_err(|error| format!("{error:#}"))
}

#[tokio::test]
async fn pool_role_logs_in_and_can_do_nothing_by_itself() {
    let db = with_tenants().await;
    let role = pool_role(&db.name);
    let attributes = format!(
        "SELECT concat_ws(' ', rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls)
         FROM pg_roles WHERE rolname = '{}'",
        role.as_str()
    );
    assert_eq!(value(&db.admin().await, &attributes).await, "t f f f f f f");
    // All that the server knows it may do: connect, and ask how much memory its process uses.
    let rights = format!(
        "SELECT string_agg(pg_describe_object(d.classid, d.objid, 0), ', ' ORDER BY d.classid) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
         WHERE r.rolname = '{}'",
        role.as_str()
    );
    let may = format!("function pg_get_backend_memory_contexts(), database {}", db.name);
    assert_eq!(value(&db.admin().await, &rights).await, may);
    assert_eq!(members(&db).await, "");
    level(&db, "alpha", Level::Shared).await.unwrap();
    assert_eq!(members(&db).await, db.schema("alpha"));

    let pool = as_pool(&db).await;
    let (alpha, beta) = (db.schema("alpha"), db.schema("beta"));
    for sql in [
        format!("TABLE {alpha}.notes"),
        "TABLE pgtenant.tenants".to_owned(),
        "TABLE base_template.notes".to_owned(),
        "CREATE TABLE global.x ()".to_owned(),
        "CREATE SCHEMA x".to_owned(),
        format!("SET ROLE {beta}"),
        format!("GRANT {alpha} TO {beta}"),
    ] {
        assert_eq!(sqlstate(&pool, &sql).await, "42501", "{sql}");
    }
    pool.batch_execute(&format!("SET ROLE {alpha}; TABLE {alpha}.notes; RESET ROLE")).await.unwrap();
    assert_eq!(audit(&db).await, []);
}

#[tokio::test]
async fn role_of_that_name_made_by_somebody_else_is_not_taken_over() {
    let db = Db::new().await;
    db.admin_run(&format!("CREATE ROLE {} LOGIN", pool_role(&db.name))).await;
    let error = db.init().await.unwrap_err();
    assert!(error.contains("exists already") && error.contains("DROP ROLE"), "{error}");
}

#[tokio::test]
async fn tenant_is_moved_both_ways_and_shown_with_its_level() {
    let db = with_tenants().await;
    let told = level_with(&db, "alpha", Level::Shared, |args| args.tenant.dry_run = true).await.unwrap();
    assert!(told.contains("would be of level shared") && told.contains("nothing was changed"), "{told}");
    assert_eq!((db.summary("alpha").await.tenant.level, members(&db).await.as_str()), (Level::Dedicated, ""));

    let told = level_with(&db, "alpha", Level::Shared, |args| args.tenant.json = true).await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((told["level"].as_str(), told["before"].as_str()), (Some("shared"), Some("dedicated")));
    assert_eq!(db.summary("alpha").await.tenant.level, Level::Shared);
    let again = level(&db, "alpha", Level::Shared).await.unwrap();
    assert!(again.starts_with("exists"), "{again}");

    let list = db.tenant(TenantCommand::List(ListArgs::default()), "").await.unwrap();
    assert!(list.contains("LEVEL") && list.contains("shared") && list.contains("dedicated"), "{list}");
    let show = ShowArgs { slug: db.slug("alpha").to_string(), json: false };
    let show = db.tenant(TenantCommand::Show(show), "").await.unwrap();
    assert!(show.contains("level            shared"), "{show}");

    level(&db, "alpha", Level::Dedicated).await.unwrap();
    assert_eq!((db.summary("alpha").await.tenant.level, members(&db).await.as_str()), (Level::Dedicated, ""));
    let error = level(&db, "gamma", Level::Shared).await.unwrap_err();
    assert!(error.contains("there is no tenant"), "{error}");
}

#[tokio::test]
async fn new_tenant_gets_the_level_asked_for_else_the_configurations() {
    let mut db = Db::ready().await;
    let told = db.create_with("alpha", |args| args.level = Some(Level::Shared), "").await.unwrap();
    assert!(told.contains("created, active, level shared"), "{told}");
    let told = db.create_with("alpha", |args| args.level = Some(Level::Dedicated), "").await.unwrap();
    assert!(told.contains("was not changed to dedicated"), "{told}");
    db.config.tenants.level = Level::Shared;
    db.create("beta").await.unwrap();
    assert_eq!(members(&db).await, format!("{} {}", db.schema("alpha"), db.schema("beta")));
}

#[tokio::test]
async fn init_puts_memberships_right() {
    let db = with_tenants().await;
    level(&db, "alpha", Level::Shared).await.unwrap();
    let (pool, alpha, beta) = (pool_role(&db.name), db.schema("alpha"), db.schema("beta"));
    db.admin_run(&format!("REVOKE {alpha} FROM {pool}; GRANT {beta}, pg_monitor TO {pool}")).await;
    let told = db.init().await.unwrap();
    assert!(told.contains(&format!("changed  role {}, takes on 1 tenants' roles", pool.as_str())), "{told}");
    assert_eq!(members(&db).await, alpha);
    let again = db.init().await.unwrap();
    assert!(!again.contains("created ") && !again.contains("changed "), "{again}");
}

#[tokio::test]
async fn without_hardening_a_tenant_with_code_is_not_moved_and_the_code_is_named() {
    let db = with_tenants().await;
    let alpha = db.schema("alpha");
    for (make, named, drop) in [
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'", "function", "DROP FUNCTION f"),
        (
            "CREATE VIEW v AS SELECT set_config('role', 'x', false)",
            ".v, which calls set_config",
            "DROP VIEW v",
        ),
        (
            "ALTER TABLE notes ADD c text DEFAULT set_config('role', 'x', false)",
            "which calls set_config",
            "ALTER TABLE notes DROP c",
        ),
        ("CREATE DOMAIN d AS text CHECK (length(value) > 1)", "type", "DROP DOMAIN d"),
        ("CREATE RULE r AS ON DELETE TO notes DO ALSO SELECT 1", "rule r", "DROP RULE r ON notes"),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "trigger t",
            "DROP TRIGGER t ON notes",
        ),
        (
            "CREATE OPERATOR === (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text)",
            "operator",
            "DROP OPERATOR === (text, text)",
        ),
        ("CREATE TYPE e AS ENUM ('a'); CREATE CAST (text AS e) WITH INOUT", "cast", "DROP TYPE e CASCADE"),
        (
            "CREATE POLICY p ON notes USING (query_to_xml('select 1', true, true, '') IS NULL)",
            "calls query_to_xml",
            "DROP POLICY p ON notes",
        ),
    ] {
        let tenant = db.as_tenant("alpha").await;
        tenant.batch_execute(make).await.unwrap();
        let error = level(&db, "alpha", Level::Shared).await.expect_err(make);
        assert!(error.contains(named) && error.contains("pgtenant init --harden"), "{make}: {error}");
        assert_eq!(db.summary("alpha").await.tenant.level, Level::Dedicated, "{alpha}");
        tenant.batch_execute(drop).await.unwrap();
    }
    level(&db, "alpha", Level::Shared).await.unwrap();
}

#[tokio::test]
async fn tenant_whose_schema_is_not_named_like_its_role_is_not_moved() {
    let db = with_tenants().await;
    let alpha = db.schema("alpha");
    db.admin_run(&format!(
        "ALTER SCHEMA {alpha} RENAME TO {alpha}_old; UPDATE pgtenant.tenants SET schema_name = '{alpha}_old'
         WHERE role_name = '{alpha}'"
    ))
    .await;
    let error = level(&db, "alpha", Level::Shared).await.unwrap_err();
    assert!(error.contains("must have the same name"), "{error}");
}

#[tokio::test]
async fn hardened_only_the_pool_role_may_call_the_moved_set_config() {
    let db = with_tenants().await;
    db.harden().await.unwrap();
    level(&db, "alpha", Level::Shared).await.unwrap();
    let alpha = db.schema("alpha");
    let switch = format!("SELECT pgtenant_guard.set_config('role', '{alpha}', true)");
    let pool = as_pool(&db).await;
    assert_eq!(value(&pool, &switch).await, alpha);
    let call = "SELECT pgtenant_guard.set_config('work_mem', '5MB', true)";
    for tenant in ["alpha", "beta"] {
        assert_eq!(sqlstate(&db.as_tenant(tenant).await, call).await, "42501");
    }
    pool.batch_execute("BEGIN").await.unwrap();
    value(&pool, &switch).await;
    assert_eq!(sqlstate(&pool, call).await, "42501", "as the tenant");
    pool.batch_execute("ROLLBACK").await.unwrap();
    // Nothing else of the schema is open.
    let open = format!(
        "SELECT string_agg(p.proname, ' ') FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname = 'pgtenant_guard' AND has_function_privilege('{}', p.oid, 'EXECUTE')",
        pool_role(&db.name).as_str()
    );
    assert_eq!(value(&db.admin().await, &open).await, "set_config");
    assert_eq!(audit(&db).await, []);
    // Neither init nor another hardening takes it away, or has anything to say of it.
    for again in [db.init().await.unwrap(), db.harden().await.unwrap()] {
        assert!(!again.contains("created ") && !again.contains("changed "), "{again}");
    }
    value(&pool, &switch).await;
    // Plain init gives it back.
    db.admin_run(&format!("REVOKE USAGE ON SCHEMA pgtenant_guard FROM {}", pool_role(&db.name))).await;
    assert!(db.init().await.unwrap().contains("may call pgtenant_guard.set_config"));
    value(&pool, &switch).await;
}

#[tokio::test]
async fn hardening_is_not_removed_from_under_a_shared_tenants_code() {
    let db = with_tenants().await;
    db.harden().await.unwrap();
    db.as_tenant("alpha")
        .await
        .batch_execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'")
        .await
        .unwrap();
    level(&db, "alpha", Level::Shared).await.unwrap();
    let error = remove_hardening(&db).await.unwrap_err();
    assert!(error.contains("function") && error.contains("dedicated"), "{error}");
    db.as_tenant("alpha").await.batch_execute("DROP FUNCTION f").await.unwrap();
    remove_hardening(&db).await.unwrap();
    assert_eq!(audit(&db).await, []);
}

#[tokio::test]
async fn right_too_many_of_the_pool_role_is_found_and_its_remedy_removes_it() {
    use FindingKind as K;
    let db = with_tenants().await;
    level(&db, "alpha", Level::Shared).await.unwrap();
    db.harden().await.unwrap();
    let (pool, alpha, beta) = (pool_role(&db.name), db.schema("alpha"), db.schema("beta"));
    let name = &db.name;
    for (break_it, kind) in [
        (format!("ALTER ROLE {pool} SUPERUSER"), K::Superuser),
        (format!("ALTER ROLE {pool} CREATEROLE"), K::CreateRole),
        (format!("ALTER ROLE {pool} INHERIT"), K::PoolInherit),
        (format!("GRANT {beta} TO {pool}"), K::Member),
        (format!("GRANT pg_monitor TO {pool}"), K::Member),
        (format!("GRANT {pool} TO {beta}"), K::Member),
        (format!("GRANT {alpha} TO {pool} WITH ADMIN OPTION"), K::PoolAdmin),
        (format!("ALTER ROLE {pool} SET role = {alpha}"), K::PoolSetting),
        (format!("ALTER DATABASE {name} SET role = {alpha}"), K::PoolSetting),
        (format!("GRANT USAGE ON SCHEMA base_template TO {pool}"), K::PoolRight),
        (format!("GRANT SELECT ON base_template.notes TO {pool}"), K::PoolRight),
        (format!("GRANT CREATE ON SCHEMA pgtenant_guard TO {pool}"), K::CreateIn),
        (format!("GRANT EXECUTE ON FUNCTION pgtenant_guard.pg_notify(text, text) TO {pool}"), K::PoolRight),
        (format!("CREATE SCHEMA mine AUTHORIZATION {pool}"), K::PoolRight),
        (format!("ALTER SCHEMA {alpha} OWNER TO {pool}"), K::OwnsSchema),
        (format!("GRANT CREATE ON DATABASE {name} TO {pool}"), K::CreateSchema),
    ] {
        db.admin_run(&break_it).await;
        let found = audit(&db).await;
        assert!(found.iter().any(|(found, ..)| *found == kind), "{break_it}: {found:?}");
        for (_, remedy, _) in found {
            db.admin_run(&remedy).await;
        }
        db.init().await.unwrap();
        assert_eq!(audit(&db).await, [], "{break_it}");
    }
}

/// Runs a command beside a proxy.
fn here<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Why tenants of level shared are out of service; `None` while they are served.
async fn why(watcher: &mut HardeningWatcher) -> Option<String> {
    watcher.check().await;
    match watcher.subscribe().borrow().clone() {
        HardeningWatch::OutOfService { why } => Some(why),
        _ => None,
    }
}

#[tokio::test]
async fn watch_sees_each_damage_to_the_hardening_and_its_repair() {
    let db = with_tenants().await;
    let mut watcher = HardeningWatcher::new(registry(&db).await, pgtenant::tenant::ClusterName::MAIN);
    let seen = watcher.subscribe();
    assert_eq!(*seen.borrow(), HardeningWatch::Unknown);
    watcher.check().await;
    assert_eq!(*seen.borrow(), HardeningWatch::Unhardened);
    db.harden().await.unwrap();
    watcher.check().await;
    assert_eq!(*seen.borrow(), HardeningWatch::Hardened);
    let (pool, alpha) = (pool_role(&db.name), db.schema("alpha"));
    for (damage, named) in [
        ("ALTER EVENT TRIGGER pgtenant_guard_1_definer DISABLE".to_owned(), "pgtenant_guard_1_definer"),
        ("DROP EVENT TRIGGER pgtenant_guard_2_validate".to_owned(), "pgtenant_guard_2_validate"),
        ("GRANT USAGE ON SCHEMA pgtenant_guard TO PUBLIC".to_owned(), "open to PUBLIC"),
        (format!("GRANT USAGE ON SCHEMA pgtenant_guard TO {alpha}"), "open to"),
        (
            format!("GRANT EXECUTE ON FUNCTION pgtenant_guard.set_config(text, text, boolean) TO {alpha}"),
            "may be called by tenants",
        ),
        (format!("GRANT {pool} TO {alpha}"), "open to"),
        (format!("REVOKE USAGE ON SCHEMA pgtenant_guard FROM {pool}"), "the pool role may not call"),
    ] {
        db.admin_run(&damage).await;
        let told = why(&mut watcher).await.expect(&damage);
        assert!(told.contains(named), "{damage}: {told}");
        // A proxy that has only just started sees the same.
        let mut other = HardeningWatcher::new(registry(&db).await, pgtenant::tenant::ClusterName::MAIN);
        assert_eq!(why(&mut other).await, Some(told), "{damage}");
        db.admin_run(&format!("REVOKE {pool} FROM {alpha}")).await;
        db.harden().await.unwrap();
        watcher.check().await;
        assert_eq!(*seen.borrow(), HardeningWatch::Hardened, "{damage}");
    }
}

#[tokio::test]
async fn hardening_that_was_there_and_is_gone_is_no_database_without_hardening() {
    let db = with_tenants().await;
    db.harden().await.unwrap();
    remove_hardening(&db).await.unwrap();
    let mut watcher = HardeningWatcher::new(registry(&db).await, pgtenant::tenant::ClusterName::MAIN);
    watcher.check().await;
    assert_eq!(*watcher.subscribe().borrow(), HardeningWatch::Unhardened);
    // As after a dump without the schema was restored.
    db.admin_run("UPDATE pgtenant.installation SET hardened = true").await;
    assert!(why(&mut watcher).await.unwrap().contains("is gone"));
    remove_hardening(&db).await.unwrap();
    assert_eq!(why(&mut watcher).await, None);
}

#[tokio::test]
async fn watch_that_cannot_look_at_all_serves_nobody() {
    let db = with_tenants().await;
    let mut watcher = HardeningWatcher::new(registry(&db).await, pgtenant::tenant::ClusterName::MAIN);
    db.admin_run("ALTER TABLE pgtenant.installation RENAME TO elsewhere").await;
    assert!(why(&mut watcher).await.unwrap().contains("could not be looked at"));
    db.admin_run("ALTER TABLE pgtenant.elsewhere RENAME TO installation").await;
    assert_eq!(why(&mut watcher).await, None);
    // What was seen a moment ago holds through an outage.
    db.admin_run("ALTER TABLE pgtenant.installation RENAME TO elsewhere").await;
    assert_eq!(why(&mut watcher).await, None);
}

#[test]
fn clients_of_a_tenant_that_is_moved_are_disconnected_when_their_transaction_ends() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let (mut idle, mut busy, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("beta"));
    busy.run("begin");
    here(level(&proxy.db, "alpha", Level::Shared)).unwrap();
    let told = idle.until_end();
    let moved = "FATAL 57P01 terminating connection: the tenant was moved to another level";
    assert!(told.iter().any(|message| message.contains(moved)), "{told:?}");
    busy.run("select 1");
    busy.send(&crate::support::wire::query("commit"));
    let told = busy.until_end();
    assert!(told.iter().any(|message| message.contains("CommandComplete")), "{told:?}");
    assert!(told.iter().any(|message| message.contains(moved)), "{told:?}");
    other.run("select 1");
}

#[test]
fn code_made_in_a_transaction_from_before_the_move_keeps_a_tenant_out_where_nothing_is_hardened() {
    moved_in_a_transaction(&Proxy::start(&["alpha"], |_| {}));
    // The catalogs do not tell whose a session is that was bound.
    let proxy = Proxy::with_spares(1, &["alpha"], |_| {});
    eventually("a spare is warm", || proxy.shared().clusters.main().pool.load().idle == 1);
    moved_in_a_transaction(&proxy);
}

fn moved_in_a_transaction(proxy: &Proxy) {
    let mut busy = proxy.wire("alpha");
    busy.run("begin");
    here(level(&proxy.db, "alpha", Level::Shared)).unwrap();
    eventually("the level is known", || proxy.shared().directory.has_level(Level::Shared));
    let refusal = proxy.wire_with("alpha", &[]).err().unwrap();
    assert!(refusal.contains("FATAL 57P03"), "{refusal}");
    busy.run("create view v as select set_config('search_path', '', false)");
    busy.send(&crate::support::wire::query("commit"));
    busy.until_end();
    let refusal = proxy.wire_with("alpha", &[]).err().unwrap();
    assert!(refusal.contains("FATAL 57P03"), "{refusal}");
    proxy.admin().run(&format!("drop view {}.v", proxy.role("alpha")));
    eventually("it is let in", || proxy.wire_with("alpha", &[]).is_ok());
}

#[test]
fn shared_tenants_are_out_of_service_while_the_hardening_is_damaged() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    here(proxy.db.harden()).unwrap();
    here(level(&proxy.db, "alpha", Level::Shared)).unwrap();
    eventually("it is let in", || proxy.wire_with("alpha", &[]).is_ok());
    let mut client = proxy.wire("alpha");
    let (mut other, mut admin) = (proxy.wire("beta"), proxy.admin());
    admin.run("ALTER EVENT TRIGGER pgtenant_guard_1_definer DISABLE");
    let told = client.until_end();
    assert!(
        told.iter().any(|message| message.contains("FATAL 57P01") && message.contains("hardening")),
        "{told:?}"
    );
    let refusal = proxy.wire_with("alpha", &[]).err().unwrap();
    assert!(refusal.contains("FATAL 57P03") && refusal.contains("out of service"), "{refusal}");
    other.run("select 1");
    here(proxy.db.harden()).unwrap();
    eventually("it is let in again", || proxy.wire_with("alpha", &[]).is_ok());
}
