//! `pgtenant tenant backup` and `restore`, with the real pg_dump and pg_restore.

mod attacks;
mod programs;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use pgtenant::cli::tenant::copy::CloneArgs;
use pgtenant::cli::tenant::{BackupArgs, HowArgs, LevelArgs, RestoreArgs, StatusArgs, TenantCommand};
use pgtenant::tenant::Level;
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::support::proxy::{PASSWORD, Proxy, stdout};
use crate::support::wire::Wire;
use crate::support::{Db, admin_args, cluster, sqlstate, value};

fn how() -> HowArgs {
    HowArgs { pg_bin: Some(cluster().bin("")), ..HowArgs::default() }
}

fn backup_args(db: &Db, tenant: &str, to: &Path) -> BackupArgs {
    BackupArgs {
        slug: db.slug(tenant).to_string(),
        to: to.to_owned(),
        with_users: false,
        json: false,
        how: how(),
    }
}

fn restore_args(db: &Db, file: &Path) -> RestoreArgs {
    RestoreArgs {
        file: file.to_owned(),
        new_slug: None,
        replace: false,
        cluster: None,
        dry_run: false,
        json: false,
        how: how(),
        admin: admin_args(&db.admin_url),
    }
}

/// Where its backups are, and its backup there.
async fn backed_up(db: &Db, tenant: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pgtenant");
    let told = db.tenant(TenantCommand::Backup(backup_args(db, tenant, &path)), "").await.unwrap();
    assert!(told.contains(&path.display().to_string()), "{told}");
    (dir, path)
}

async fn restored_as(db: &Db, file: &Path, tenant: &str) -> Result<String, String> {
    let args = RestoreArgs { new_slug: Some(db.slug(tenant).to_string()), ..restore_args(db, file) };
    db.tenant(TenantCommand::Restore(args), "").await
}

async fn replaced(db: &Db, file: &Path) -> Result<String, String> {
    let args = RestoreArgs { replace: true, ..restore_args(db, file) };
    db.tenant(TenantCommand::Restore(args), "").await
}

/// Something of every kind, made by the tenant itself.
async fn fill(db: &Db, tenant: &str) {
    let reader = format!("reader_{}", db.slug(tenant));
    let sql =
        include_str!("backup/rich.sql").replace("{schema}", &db.schema(tenant)).replace("{reader}", &reader);
    db.as_tenant(tenant).await.batch_execute(&sql).await.unwrap();
}

async fn db_with_everything(level: Level, hardened: bool) -> Db {
    let db = Db::ready().await;
    if hardened {
        db.harden().await.unwrap();
    }
    db.create_with("alpha", |args| args.level = Some(level), "").await.unwrap();
    fill(&db, "alpha").await;
    db
}

/// All that pg_dump says of a tenant's schema, with the tenant's names made the same for all.
fn described(db: &Db, tenant: &str, names_of: &[&str]) -> String {
    let dump = Command::new(cluster().bin("pg_dump"))
        .args(["-n", &db.schema(tenant), &db.admin_url])
        .output()
        .unwrap();
    let mut text = stdout(&dump);
    for name in names_of {
        let slug = db.slug(name).to_string();
        text = text.replace(&format!("tenant_{slug}"), "OWN").replace(&format!("reader_{slug}"), "READER");
    }
    let lines = text.lines().filter(|line| !line.starts_with("--") && !line.contains("restrict "));
    lines.collect::<Vec<_>>().join("\n")
}

/// As [`described`], told line by line where it is not.
fn assert_same(now: &str, before: &str) {
    let differ = now.lines().zip(before.lines()).find(|(now, before)| now != before);
    assert_eq!(differ, None);
    assert_eq!(now.len(), before.len());
}

/// Nothing of a restore is left: neither schema nor role nor session.
async fn assert_nothing_aside(db: &Db) {
    let sql = format!(
        "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'aside\\_%')
              + (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'aside\\_{0}\\_%')
              + (SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'aside\\_{0}\\_%')",
        db.name
    );
    assert_eq!(value(&db.admin().await, &sql).await, "0");
}

async fn assert_is_whole(client: &Client, source_schema: &str) {
    let of = async |sql: &str| value(client, sql).await;
    let names = format!("One|two\ttab\\.\n\\.\nline {source_schema}.x");
    assert_eq!(of("SELECT string_agg(name, '|' ORDER BY id) FROM customers").await, names);
    assert_eq!(of("SELECT j ->> 'a' FROM types").await, format!("{source_schema}.customers"));
    assert_eq!(
        of("SELECT length(t) || ' ' || f || ' ' || encode(b, 'hex') || ' ' || g FROM types").await,
        "3000000 NaN 00ff5c2e 2"
    );
    assert_eq!(
        of("SELECT obj_description('customers'::regclass)").await,
        format!("about {source_schema}.customers; really -- 'quoted'")
    );
    assert_eq!(of("SELECT count(*) FROM totals").await, "1");
    // Sequences, identity and defaults go on where they were.
    assert_eq!(
        of("INSERT INTO customers (name) VALUES ('next') RETURNING id || ' ' || loose || ' ' || state").await,
        "3 110 open"
    );
    assert_eq!(of("INSERT INTO tickets (customer_id, day) VALUES (3, '2024-05-05') RETURNING id").await, "3");
    assert_eq!(of("INSERT INTO types (t) VALUES ('x') RETURNING id || '/' || g").await, "2/2");
    // Checks, foreign keys, triggers, rules and indexes of functions hold.
    assert_eq!(sqlstate(client, "INSERT INTO customers (name) VALUES ('')").await, "23514");
    assert_eq!(sqlstate(client, "INSERT INTO customers (name, mail) VALUES ('x', 'no mail')").await, "23514");
    assert_eq!(
        sqlstate(client, "INSERT INTO tickets (customer_id, day) VALUES (99, '2024-05-05')").await,
        "23503"
    );
    assert_eq!(of("UPDATE customers SET name = 'changed' WHERE id = 3 RETURNING name").await, "changed!");
    assert_eq!(of("SELECT count(*) FROM names").await, "3");
    client.batch_execute("DELETE FROM types; REFRESH MATERIALIZED VIEW totals").await.unwrap();
    assert_eq!(of("SELECT count(*) FROM types").await, "2");
    assert_eq!(of("SELECT key_of('ABC') || atom(5)").await, "abc5");
}

async fn restored_beside_itself(level: Level, hardened: bool) {
    let db = db_with_everything(level, hardened).await;
    let before = described(&db, "alpha", &["alpha"]);
    let (_dir, file) = backed_up(&db, "alpha").await;
    let told = restored_as(&db, &file, "beta").await.unwrap();
    assert!(told.contains("level") && told.contains(level.as_str()), "{told}");
    let note = format!("the body of {}.body() names {}", db.schema("beta"), db.schema("alpha"));
    assert!(told.contains(&note), "{told}");
    assert_same(&described(&db, "beta", &["beta", "alpha"]), &before);
    assert_same(&described(&db, "alpha", &["alpha"]), &before);
    assert_is_whole(&db.as_tenant("beta").await, &db.schema("alpha")).await;
    assert_eq!(value(&db.as_tenant("alpha").await, "SELECT count(*) FROM customers").await, "2");
    let owners = format!(
        "SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ',') FROM pg_class WHERE relnamespace = '{}'::regnamespace",
        db.schema("beta")
    );
    assert_eq!(value(&db.admin().await, &owners).await, db.schema("beta"));
    assert_nothing_aside(&db).await;
}

#[tokio::test]
async fn tenant_is_restored_under_another_slug_beside_itself() {
    restored_beside_itself(Level::Dedicated, false).await;
}

#[tokio::test]
async fn tenant_is_restored_under_another_slug_in_a_hardened_database() {
    restored_beside_itself(Level::Dedicated, true).await;
}

#[tokio::test]
async fn tenant_of_level_shared_is_restored_under_another_slug() {
    restored_beside_itself(Level::Shared, true).await;
}

#[tokio::test]
async fn data_of_a_tenant_are_replaced_and_everything_is_as_it_was_at_the_backup() {
    for level in [Level::Dedicated, Level::Shared] {
        let db = db_with_everything(level, level == Level::Shared).await;
        let before = described(&db, "alpha", &[]);
        let (_dir, file) = backed_up(&db, "alpha").await;
        let alpha = db.as_tenant("alpha").await;
        alpha.batch_execute("DROP TABLE types; DELETE FROM tickets; CREATE TABLE newer (id int); INSERT INTO customers (name) VALUES ('newer')").await.unwrap();
        let error = db.tenant(TenantCommand::Restore(restore_args(&db, &file)), "").await.unwrap_err();
        assert!(error.contains("exists") && error.contains("--replace") && error.contains("--as"), "{error}");
        assert_eq!(value(&alpha, "SELECT count(*) FROM customers").await, "3");
        let told = replaced(&db, &file).await.unwrap();
        assert!(told.contains("in the place of what it had"), "{told}");
        assert_same(&described(&db, "alpha", &[]), &before);
        // The session that was open sees them too.
        assert_is_whole(&alpha, &db.schema("alpha")).await;
        assert_eq!(value(&alpha, "SELECT body()").await, "3", "what is found by its name is found");
        assert_nothing_aside(&db).await;
        replaced(&db, &file).await.unwrap();
        assert_same(&described(&db, "alpha", &[]), &before);
    }
}

#[tokio::test]
async fn data_of_another_tenant_are_replaced_where_it_is_named() {
    let db = db_with_everything(Level::Dedicated, false).await;
    db.create("other").await.unwrap();
    db.as_tenant("other").await.batch_execute("CREATE TABLE mine (id int)").await.unwrap();
    let before = described(&db, "alpha", &["alpha"]);
    let (_dir, file) = backed_up(&db, "alpha").await;
    let slug = db.slug("other").to_string();
    let args = RestoreArgs { new_slug: Some(slug.clone()), replace: true, ..restore_args(&db, &file) };
    let told = db.tenant(TenantCommand::Restore(args), "").await.unwrap();
    assert!(told.contains(&format!("tenant {slug} has, in the place of what it had")), "{told}");
    assert_same(&described(&db, "other", &["other", "alpha"]), &before);
    assert_is_whole(&db.as_tenant("other").await, &db.schema("alpha")).await;
    // One that is not there is not created by the way.
    let args = RestoreArgs { new_slug: Some("ghost".into()), replace: true, ..restore_args(&db, &file) };
    let error = db.tenant(TenantCommand::Restore(args), "").await.unwrap_err();
    assert!(error.contains("no tenant ghost") && error.contains("--replace"), "{error}");
}

#[tokio::test]
async fn table_that_would_be_dumped_in_part_fails_the_backup() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let sql = "CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;
               CREATE POLICY p ON t USING (id > 1)";
    db.as_tenant("alpha").await.batch_execute(sql).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let error = db
        .tenant(TenantCommand::Backup(backup_args(&db, "alpha", &dir.path().join("b"))), "")
        .await
        .unwrap_err();
    assert!(
        error.contains("table t cannot be read") && error.contains("FORCE ROW LEVEL SECURITY"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn dry_run_reads_everything_and_changes_nothing() {
    let db = db_with_everything(Level::Dedicated, false).await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    let slug = db.slug("beta").to_string();
    let args =
        RestoreArgs { new_slug: Some(slug.clone()), dry_run: true, json: true, ..restore_args(&db, &file) };
    let told = db.tenant(TenantCommand::Restore(args), "").await.unwrap();
    let json: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((json["slug"].as_str(), json["dry_run"].as_bool()), (Some(&*slug), Some(true)), "{told}");
    let args = RestoreArgs { replace: true, dry_run: true, ..restore_args(&db, &file) };
    let told = db.tenant(TenantCommand::Restore(args), "").await.unwrap();
    assert!(
        told.contains("would have, in the place of what it has") && told.contains("nothing was changed"),
        "{told}"
    );
    assert_eq!(value(&db.admin().await, "SELECT count(*) FROM pgtenant.tenants").await, "1");
    assert_nothing_aside(&db).await;
}

#[tokio::test]
async fn manifest_tells_what_is_in_it_and_no_secret_unless_asked() {
    let db = db_with_everything(Level::Dedicated, false).await;
    let (dir, file) = backed_up(&db, "alpha").await;
    let text = std::fs::read_to_string(file.join("manifest.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["tenant"]["slug"], db.slug("alpha").to_string());
    assert_eq!(json["tenant"]["schema"], db.schema("alpha"));
    let rows = |table: &str| {
        json["tables"].as_array().unwrap().iter().find(|row| row["table"] == table).unwrap()["rows"].as_u64()
    };
    assert_eq!((rows("customers"), rows("tickets_1"), rows("secret")), (Some(2), Some(1), Some(0)));
    assert!(!text.contains("SCRAM"), "{text}");
    let sums = Command::new("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).current_dir(&file).status();
    assert!(sums.unwrap().success());
    // Asked for, and under a name of its own in a directory.
    let args = BackupArgs { with_users: true, json: true, ..backup_args(&db, "alpha", dir.path()) };
    let told = db.tenant(TenantCommand::Backup(args), "").await.unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let path = told["path"].as_str().unwrap();
    assert!(path.starts_with(&format!("{}/{}-20", dir.path().display(), db.slug("alpha"))), "{path}");
    assert!(
        std::fs::read_to_string(Path::new(path).join("manifest.json")).unwrap().contains("SCRAM-SHA-256$")
    );
    assert_eq!(told["users"], 1);
    // Nothing is written over.
    let error = db.tenant(TenantCommand::Backup(backup_args(&db, "alpha", &file)), "").await.unwrap_err();
    assert!(error.contains("exists already") && error.contains("--to"), "{error}");
}

#[test]
fn tenant_that_is_gone_comes_back_with_its_users_and_serves_them() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let db = &proxy.db;
    proxy.wire("alpha").run("insert into notes (body) values ('kept')");
    let mut writes = proxy.wire("alpha");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a");
    let run = |command| tokio::runtime::Runtime::new().unwrap().block_on(db.tenant(command, ""));
    run(TenantCommand::Backup(BackupArgs { with_users: true, ..backup_args(db, "alpha", &file) })).unwrap();
    writes.run("insert into notes (body) values ('after the backup')");
    // What `tenant drop` does.
    let (slug, schema) = (db.slug("alpha"), db.schema("alpha"));
    let sql = format!(
        "DELETE FROM pgtenant.tenants WHERE slug = '{slug}'; DROP SCHEMA {schema} CASCADE;
         DROP OWNED BY {schema}, reader_{slug}; DROP ROLE {schema}, reader_{slug}"
    );
    crate::support::proxy::eventually("it is gone", || {
        let mut admin = proxy.admin();
        admin.query(&sql).iter().all(|said| !said.contains("ERROR"))
    });
    let told = run(TenantCommand::Restore(restore_args(db, &file))).unwrap();
    assert!(!told.contains("password of user"), "{told}");
    crate::support::proxy::eventually("it is served", || proxy.wire_with("alpha", &[]).is_ok());
    let mut wire = proxy.wire("alpha");
    assert_eq!(wire.value("select string_agg(body, ',') from notes"), "kept");
    assert_eq!(wire.value("insert into notes (body) values ('x') returning id"), "2");
    assert_eq!(wire.value("select current_user"), proxy.role("alpha"));
    let mut reader = proxy.wire_with("alpha", &[("options", "-c pgtenant.access=read_only")]).unwrap();
    assert_eq!(reader.value("select count(*) from notes"), "2");
    assert!(reader.query("insert into notes (body) values ('y')").join(" ").contains("ERROR"));
}

/// Writes and reads in a row until it is told to stop. How often.
fn at_work(proxy: &Proxy, tenant: &str, goes_on: &AtomicBool) -> usize {
    let mut wire: Wire = proxy.wire(tenant);
    let mut rounds = 0;
    while goes_on.load(Ordering::Relaxed) {
        rounds += 1;
        let inserted = wire.value("insert into notes (body) values ('work') returning body");
        assert_eq!(inserted, "work");
        assert_eq!(wire.value("select count(*) from notes"), rounds.to_string());
    }
    rounds
}

#[test]
fn others_work_undisturbed_and_the_tenants_own_sessions_go_on_into_the_restored_data() {
    for shared in [false, true] {
        let change = |_: &mut pgtenant::config::Config| {};
        let proxy = if shared {
            Proxy::start_shared(&["alpha", "beta"], change)
        } else {
            Proxy::start(&["alpha", "beta"], change)
        };
        let db = &proxy.db;
        let goes_on = AtomicBool::new(true);
        let mut own = proxy.wire("alpha");
        own.run("insert into notes (body) select repeat('x', 1000) from generate_series(1, 3000)");
        assert_eq!(own.value("select count(*) from notes"), "3000");
        std::thread::scope(|scope| {
            let beta = scope.spawn(|| at_work(&proxy, "beta", &goes_on));
            let run = |command| tokio::runtime::Runtime::new().unwrap().block_on(db.tenant(command, ""));
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("a");
            run(TenantCommand::Backup(backup_args(db, "alpha", &file))).unwrap();
            own.run("delete from notes");
            run(TenantCommand::Restore(RestoreArgs { replace: true, ..restore_args(db, &file) })).unwrap();
            // No login, no error: the session's next statement.
            assert_eq!(own.value("select count(*) from notes"), "3000");
            assert_eq!(own.value("insert into notes (body) values ('x') returning id"), "3001");
            let slug = db.slug("gamma").to_string();
            run(TenantCommand::Restore(RestoreArgs { new_slug: Some(slug), ..restore_args(db, &file) }))
                .unwrap();
            goes_on.store(false, Ordering::Relaxed);
            assert!(beta.join().unwrap() > 10);
        });
    }
}

#[tokio::test]
async fn transaction_that_stays_open_fails_the_restore_and_the_data_stay() {
    let db = db_with_everything(Level::Dedicated, false).await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    let before = described(&db, "alpha", &[]);
    let mut alpha = db.as_tenant("alpha").await;
    let held = alpha.transaction().await.unwrap();
    held.execute("SELECT FROM types", &[]).await.unwrap();
    let error = replaced(&db, &file).await.unwrap_err();
    assert!(error.contains("did not end") && error.contains("tenant suspend"), "{error}");
    held.rollback().await.unwrap();
    assert_same(&described(&db, "alpha", &[]), &before);
    assert_nothing_aside(&db).await;
    replaced(&db, &file).await.unwrap();
}

#[tokio::test]
async fn what_others_made_of_the_tenants_tables_is_not_dropped_silently() {
    let db = db_with_everything(Level::Dedicated, false).await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    let before = described(&db, "alpha", &[]);
    let view = format!("CREATE VIEW global.customers AS SELECT * FROM {}.customers", db.schema("alpha"));
    db.admin_run(&view).await;
    let error = replaced(&db, &file).await.unwrap_err();
    assert!(error.contains("view global.customers") && error.contains("drop it"), "{error}");
    assert_nothing_aside(&db).await;
    db.admin_run("DROP VIEW global.customers").await;
    assert_same(&described(&db, "alpha", &[]), &before);
    replaced(&db, &file).await.unwrap();
}

#[tokio::test]
async fn code_is_not_restored_into_level_shared_without_hardening() {
    let db = db_with_everything(Level::Dedicated, true).await;
    let level = LevelArgs {
        tenant: StatusArgs {
            slug: db.slug("alpha").to_string(),
            dry_run: false,
            json: false,
            admin: admin_args(&db.admin_url),
        },
        level: Level::Shared,
    };
    db.tenant(TenantCommand::Level(level), "").await.unwrap();
    let (_dir, file) = backed_up(&db, "alpha").await;
    // As another database would be.
    let drop = "DROP SCHEMA {} CASCADE; CREATE SCHEMA {}; GRANT USAGE, CREATE ON SCHEMA {} TO {}";
    db.admin_run(&drop.replace("{}", &db.schema("alpha"))).await;
    let mut out = Vec::new();
    let args = pgtenant::cli::init::InitArgs {
        admin: admin_args(&db.admin_url),
        remove_hardening: true,
        ..pgtenant::cli::init::InitArgs::default()
    };
    pgtenant::cli::init::run(args, &db.config, &mut out).await.unwrap();
    for error in [replaced(&db, &file).await, restored_as(&db, &file, "beta").await] {
        let error = error.unwrap_err();
        assert!(error.contains("can run code") && error.contains("init --harden"), "{error}");
    }
    assert_eq!(value(&db.admin().await, "SELECT count(*) FROM pgtenant.tenants").await, "1");
    assert_nothing_aside(&db).await;
}

#[tokio::test]
async fn grants_to_others_are_left_out_and_the_schemas_own_stay() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let (schema, other) = (db.schema("alpha"), format!("{}_metabase", db.name));
    let alpha = db.as_tenant("alpha").await;
    alpha.batch_execute("CREATE TABLE t (id int)").await.unwrap();
    db.admin_run(&format!("CREATE ROLE {other} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {other}")).await;
    alpha.batch_execute(&format!("GRANT SELECT ON t TO {other}")).await.unwrap();
    let (_dir, file) = backed_up(&db, "alpha").await;
    let told = replaced(&db, &file).await.unwrap();
    assert!(told.contains(&format!("note: a privilege of role {other}")), "{told}");
    let may = |what: &str| {
        format!(
            "SELECT has_{what}_privilege('{other}', '{schema}{}",
            if what == "schema" { "', 'USAGE')" } else { ".t', 'SELECT')" }
        )
    };
    let admin = db.admin().await;
    assert_eq!(value(&admin, &may("schema")).await, "t");
    assert_eq!(value(&admin, &may("table")).await, "f");
    admin.batch_execute(&format!("DROP OWNED BY {other}; DROP ROLE {other}")).await.unwrap();
}

#[tokio::test]
async fn administrator_without_superuser_backs_up_and_restores() {
    let db = Db::new().await;
    let owner = format!("{}_owner", db.name);
    db.admin_run(&format!(
        "CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'pw'; ALTER DATABASE {0} OWNER TO {owner}",
        db.name
    ))
    .await;
    let mut db = db;
    db.admin_url = db.url(&owner, "pw");
    db.init().await.unwrap();
    db.create("alpha").await.unwrap();
    fill(&db, "alpha").await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    restored_as(&db, &file, "beta").await.unwrap();
    assert_is_whole(&db.as_tenant("beta").await, &db.schema("alpha")).await;
    replaced(&db, &file).await.unwrap();
    assert_is_whole(&db.as_tenant("alpha").await, &db.schema("alpha")).await;
    assert_nothing_aside(&db).await;
    let members = format!(
        "SELECT count(*) FROM pg_auth_members m WHERE m.member = '{owner}'::regrole AND pg_get_userbyid(m.roleid) LIKE 'tenant%'"
    );
    assert_eq!(value(&db.admin().await, &members).await, "0", "and is no member of a tenant afterwards");
}

#[test]
fn user_of_a_restored_tenant_gets_a_password_that_works() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let db = &proxy.db;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a");
    let run = |command| tokio::runtime::Runtime::new().unwrap().block_on(db.tenant(command, ""));
    run(TenantCommand::Backup(backup_args(db, "alpha", &file))).unwrap();
    let slug = db.slug("beta").to_string();
    let args = RestoreArgs { new_slug: Some(slug.clone()), json: true, ..restore_args(db, &file) };
    let json: Value = serde_json::from_str(&run(TenantCommand::Restore(args)).unwrap()).unwrap();
    let password = json["password"].as_str().unwrap().to_owned();
    assert_ne!(password, PASSWORD);
    crate::support::proxy::eventually("it is served", || {
        Wire::log_in(proxy.addr(), &[("user", &slug), ("database", &db.name)], &password).is_ok()
    });
}

#[tokio::test]
async fn restored_tenant_has_the_migrations_of_the_backup_and_its_settings_are_left_to_the_operator() {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    let add = "INSERT INTO pgtenant.migrations (tenant_id, number, name, checksum, state)
         SELECT id, {n}, 'file', decode(repeat('ab', 32), 'hex'), 'applied' FROM pgtenant.tenants";
    db.admin_run(&add.replace("{n}", "7")).await;
    // A manifest may be forged, and a setting could be more than data.
    db.admin_run("UPDATE pgtenant.tenants SET settings = '{\"work_mem\": \"1MB\"}'").await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    db.admin_run(&add.replace("{n}", "8")).await;

    let told = restored_as(&db, &file, "beta").await.unwrap();
    assert!(told.contains("tenant set") && told.contains("work_mem=1MB"), "{told}");
    replaced(&db, &file).await.unwrap();
    let admin = db.admin().await;
    for tenant in ["alpha", "beta"] {
        let slug = db.slug(tenant);
        let ledger = format!(
            "SELECT string_agg(m.number || encode(m.checksum, 'hex'), ',')
             FROM pgtenant.migrations m JOIN pgtenant.tenants t ON t.id = m.tenant_id WHERE t.slug = '{slug}'"
        );
        assert_eq!(value(&admin, &ledger).await, format!("7{}", "ab".repeat(32)), "{tenant}");
    }
    let settings = format!("SELECT settings FROM pgtenant.tenants WHERE slug = '{}'", db.slug("beta"));
    assert_eq!(value(&admin, &settings).await, "{}");
}

#[tokio::test]
async fn clone_of_a_tenant_has_the_same_data_and_leaves_nothing_on_the_way() {
    let db = db_with_everything(Level::Dedicated, false).await;
    let dir = tempfile::tempdir().unwrap();
    let clone = |to: &str| CloneArgs {
        tenant: StatusArgs {
            slug: db.slug("alpha").to_string(),
            dry_run: false,
            json: false,
            admin: admin_args(&db.admin_url),
        },
        new_slug: db.slug(to).to_string(),
        work_dir: Some(dir.path().to_owned()),
        how: how(),
    };
    let mut dry = clone("beta");
    dry.tenant.dry_run = true;
    let told = db.tenant(TenantCommand::Clone(dry), "").await.unwrap();
    assert!(told.contains("nothing was changed"), "{told}");
    db.tenant(TenantCommand::Clone(clone("beta")), "").await.unwrap();
    assert_same(&described(&db, "beta", &["alpha", "beta"]), &described(&db, "alpha", &["alpha", "beta"]));
    let again = db.tenant(TenantCommand::Clone(clone("beta")), "").await.unwrap_err();
    assert!(again.contains("exists"), "{again}");
    let itself = db.tenant(TenantCommand::Clone(clone("alpha")), "").await.unwrap_err();
    assert!(itself.contains("another short name"), "{itself}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_nothing_aside(&db).await;
}
