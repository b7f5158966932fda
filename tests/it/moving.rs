//! `pgtenant tenant move`, between two PostgreSQL servers with an installation each.

mod broken_off;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use pgtenant::cli::cluster::{Options, PrivateCluster};
use pgtenant::cli::tenant::dropping::UndropArgs;
use pgtenant::cli::tenant::moving::{MoveArgs, ToArgs};
use pgtenant::cli::tenant::set::SetArgs;
use pgtenant::cli::tenant::{HowArgs, LimitArgs, StatusArgs, TenantCommand};
use pgtenant::tenant::Level;
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::support::proxy::{PASSWORD, Proxy};
use crate::support::wire::Wire;
use crate::support::{Db, admin_args, cluster, connect, value};

static OTHER: OnceLock<PrivateCluster> = OnceLock::new();

/// The server where tenants move to.
pub(crate) fn other_cluster() -> &'static PrivateCluster {
    OTHER.get_or_init(|| PrivateCluster::start(&Options::default()).expect("a private PostgreSQL"))
}

/// Two installations. The slugs of both begin with what those here begin with.
struct Two {
    here: Db,
    there: Db,
    dir: TempDir,
}

impl Two {
    async fn new() -> Self {
        let here = Db::ready().await;
        let there = Db::on(other_cluster()).await;
        there.init().await.unwrap();
        Self::of(here, there)
    }

    fn of(here: Db, there: Db) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let two = Self { here, there, dir };
        two.write_config("here.toml", &two.here, cluster().port());
        two.write_config("there.toml", &two.there, other_cluster().port());
        two
    }

    /// With a tenant that has two rows.
    async fn with(tenants: &[&str]) -> Self {
        let two = Self::new().await;
        for tenant in tenants {
            two.here.create(tenant).await.unwrap();
            let sql =
                "CREATE TABLE t (id serial PRIMARY KEY, x text); INSERT INTO t (x) VALUES ('one'), (NULL)";
            two.here.as_tenant(tenant).await.batch_execute(sql).await.unwrap();
        }
        two
    }

    fn write_config(&self, name: &str, db: &Db, port: u16) {
        let key = self.dir.path().join("key");
        fs::write(&key, "5a".repeat(32)).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "[server]\nhost = \"127.0.0.1\"\nport = {port}\ndatabase = \"{}\"\n[registry]\nuser = \"{}\"\n\
             [secrets]\nmaster_key_file = \"key\"\n",
            db.name, db.config.registry.user
        );
        fs::write(self.config(name), text).unwrap();
    }

    fn config(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn args(&self, tenant: &str) -> MoveArgs {
        MoveArgs {
            tenant: status_args(&self.here, tenant),
            new_slug: None,
            to: ToArgs {
                to_config: Some(self.config("there.toml")),
                to_admin_url: Some(self.there.admin_url.as_str().into()),
                to_admin_user: None,
                to_admin_password_file: None,
            },
            to_cluster: None,
            undo: false,
            yes: false,
            work_dir: Some(self.dir.path().to_owned()),
            how: HowArgs { pg_bin: Some(cluster().bin("")), ..HowArgs::default() },
        }
    }

    async fn run(&self, tenant: &str, change: impl FnOnce(&mut MoveArgs)) -> Result<String, String> {
        let mut args = self.args(tenant);
        change(&mut args);
        self.here.tenant(TenantCommand::Move(Box::new(args)), "").await
    }

    async fn undo(&self, tenant: &str) -> Result<String, String> {
        self.run(tenant, |args| (args.undo, args.work_dir, args.yes) = (true, None, true)).await
    }

    /// After a run that was killed: its session ends a moment later.
    async fn again(&self, tenant: &str, undo: bool) -> String {
        loop {
            let done = if undo { self.undo(tenant).await } else { self.run(tenant, |_| {}).await };
            match done {
                Err(error) if error.contains("is in progress") => tokio::task::yield_now().await,
                done => return done.unwrap(),
            }
        }
    }

    /// The status of a tenant here and there.
    async fn statuses(&self, tenant: &str) -> (String, String) {
        let slug = self.here.slug(tenant);
        let sql =
            format!("SELECT COALESCE((SELECT status FROM pgtenant.tenants WHERE slug = '{slug}'), 'none')");
        (value(&self.here.admin().await, &sql).await, value(&self.there.admin().await, &sql).await)
    }

    async fn assert_statuses(&self, tenant: &str, here: &str, there: &str) {
        assert_eq!(self.statuses(tenant).await, (here.to_owned(), there.to_owned()));
    }

    /// Nothing that is not a tenant's is left there, and no data on their way.
    async fn assert_tidy(&self, tenant: &str) {
        let slug = self.here.slug(tenant);
        let sql = format!(
            "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%\\_{slug}')
                  + (SELECT count(*) FROM pg_roles WHERE rolname LIKE '%\\_{slug}')"
        );
        assert_eq!(value(&self.there.admin().await, &sql).await, "0");
        self.assert_no_data();
    }

    fn assert_no_data(&self) {
        let left = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("pgtenant-move")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn status_args(db: &Db, tenant: &str) -> StatusArgs {
    StatusArgs {
        slug: db.slug(tenant).to_string(),
        dry_run: false,
        json: false,
        admin: admin_args(&db.admin_url),
    }
}

/// All that the registry says of a tenant, but for its names and what belongs to one server.
async fn registered(admin: &Client, slug: &str) -> String {
    let sql = format!(
        "SELECT jsonb_pretty(jsonb_build_object(
             'tenant', (SELECT to_jsonb(t) - 'updated_at' - 'status' - 'drop_after' - 'status_before_drop' FROM pgtenant.tenants t WHERE slug = '{slug}'),
             'users', (SELECT jsonb_agg(to_jsonb(u) - 'created_at' ORDER BY user_name) FROM pgtenant.users u JOIN pgtenant.tenants t ON t.id = u.tenant_id WHERE slug = '{slug}'),
             'keys', (SELECT jsonb_agg(to_jsonb(k) - 'last_used_at' ORDER BY k.id) FROM pgtenant.api_keys k JOIN pgtenant.tenants t ON t.id = k.tenant_id WHERE slug = '{slug}'),
             'migrations', (SELECT jsonb_agg(to_jsonb(m) - 'changed_at' - 'xid' ORDER BY number) FROM pgtenant.migrations m JOIN pgtenant.tenants t ON t.id = m.tenant_id WHERE slug = '{slug}')))"
    );
    value(admin, &sql).await
}

/// Gives the registry something of every kind to carry.
async fn fill_registry(db: &Db, tenant: &str) {
    let slug = db.slug(tenant).to_string();
    let limits = LimitArgs {
        tenant: StatusArgs {
            slug: slug.clone(),
            dry_run: false,
            json: false,
            admin: admin_args(&db.admin_url),
        },
        set: vec!["max_clients=7".into()],
        reset: vec![],
    };
    db.tenant(TenantCommand::Limit(limits), "").await.unwrap();
    let set = SetArgs {
        tenant: status_args(db, tenant),
        set: vec!["timezone=Europe/Berlin".into(), "statement_timeout=61s".into()],
        reset: vec![],
        name: Some("Alpha, Inc.".into()),
        stripe_customer: Some(format!("cus_{}", db.name)),
        no_stripe_customer: false,
    };
    db.tenant(TenantCommand::Set(Box::new(set)), "").await.unwrap();
    db.admin_run(&format!(
        "INSERT INTO pgtenant.migrations (tenant_id, number, name, checksum, state)
         SELECT id, 1, 'notes', sha256('x'), 'applied' FROM pgtenant.tenants WHERE slug = '{slug}';
         INSERT INTO pgtenant.api_keys (id, tenant_id, name, access, digest, expires_at, revoked_at)
         SELECT k.id, t.id, 'a key', k.access, sha256(k.id::bytea), now() + '1 day', k.revoked_at
         FROM pgtenant.tenants t, (VALUES ('aaaaaaaaaaaa', 'read_write', NULL), ('bbbbbbbbbbbb', 'read_only', now())) k (id, access, revoked_at)
         WHERE t.slug = '{slug}'"
    ))
    .await;
}

/// Runs commands beside the proxies.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn moved_tenant_is_served_there_with_all_it_had_and_not_here() {
    let here = Proxy::start(&["alpha"], |_| {});
    let there = Proxy::on(other_cluster(), &[], |_| {});
    let two = Two::of(here.db.clone(), there.db.clone());
    let slug = two.here.slug("alpha").to_string();
    let before = block_on(async {
        let sql = include_str!("backup/rich.sql")
            .replace("{schema}", &two.here.schema("alpha"))
            .replace("{reader}", &format!("reader_{slug}"));
        two.here.as_tenant("alpha").await.batch_execute(&sql).await.unwrap();
        fill_registry(&two.here, "alpha").await;
        registered(&two.here.admin().await, &slug).await
    });
    let mut old = here.wire("alpha");
    assert_eq!(old.value("SELECT count(*) FROM customers"), "2");
    let told = block_on(two.run("alpha", |args| args.tenant.json = true)).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["status"], &told["dry_run"]), (&"active".into(), &false.into()), "{told}");
    assert!(told["rows"].as_u64().unwrap() > 5 && told["drop_after"].is_string(), "{told}");

    assert!(old.until_end()[0].contains("57P01"), "the session here has ended");
    assert!(here.wire_with("alpha", &[]).is_err(), "nobody logs in here any more");
    let parameters = [("user", slug.as_str()), ("database", &two.there.name)];
    let mut new = Wire::log_in(there.addr(), &parameters, PASSWORD).expect("the same password there");
    assert_eq!(new.value("SELECT count(*) FROM customers"), "2");
    assert_eq!(new.value("SHOW timezone"), "Europe/Berlin");
    assert_eq!(new.value("INSERT INTO customers (name) VALUES ('next') RETURNING id"), "3");
    block_on(async {
        let after = registered(&two.there.admin().await, &slug).await;
        assert_eq!(after, before);
        two.assert_statuses("alpha", "dropping", "active").await;
        two.assert_no_data();
        // It is nobody's to put into service here.
        let undrop = UndropArgs { tenant: status_args(&two.here, "alpha"), although_moved: false };
        let error = two.here.tenant(TenantCommand::Undrop(undrop), "").await.unwrap_err();
        assert!(error.contains("is served elsewhere") && error.contains("--undo"), "{error}");
        let again = two.run("alpha", |_| {}).await.unwrap();
        assert!(again.contains("was moved before"), "{again}");
        let error = two.run("alpha", |args| (args.undo, args.work_dir) = (true, None)).await.unwrap_err();
        assert!(error.contains("--yes") && error.contains("nothing was changed"), "{error}");
        two.assert_statuses("alpha", "dropping", "active").await;
        let undone = two.undo("alpha").await.unwrap();
        assert!(undone.contains("active here again"), "{undone}");
        two.assert_statuses("alpha", "active", "dropping").await;
        // And nobody's there.
        let tenant = StatusArgs { slug: slug.clone(), ..status_args(&two.there, "alpha") };
        let undrop = UndropArgs { tenant, although_moved: false };
        let error = two.there.tenant(TenantCommand::Undrop(undrop), "").await.unwrap_err();
        assert!(error.contains("is served elsewhere"), "{error}");
    });
    assert!(new.until_end()[0].contains("57P01"));
    assert_eq!(here.wire("alpha").value("SELECT count(*) FROM customers"), "2");
}

#[test]
fn tenant_of_level_shared_moves_under_another_slug_too() {
    let here = Proxy::start_shared(&["alpha"], |_| {});
    let there = Proxy::shared_on(other_cluster(), &[], |_| {});
    let two = Two::of(here.db.clone(), there.db.clone());
    let slug = two.here.slug("alpha").to_string();
    here.wire("alpha").run("INSERT INTO notes (body) VALUES ('mine')");
    block_on(two.run("alpha", |args| args.new_slug = Some("gamma".into()))).unwrap();
    let parameters = [("user", slug.as_str()), ("database", &two.there.name)];
    let mut new = Wire::log_in(there.addr(), &parameters, PASSWORD).expect("the user keeps its name");
    assert_eq!(new.value("SELECT body FROM notes"), "mine");
    assert_eq!(new.value("SELECT current_user"), "tenant_gamma");
    block_on(async {
        let level = "SELECT isolation FROM pgtenant.tenants WHERE slug = 'gamma'";
        assert_eq!(value(&two.there.admin().await, level).await, Level::Shared.as_str());
    });
}

#[tokio::test]
async fn suspended_tenant_moves_and_stays_suspended() {
    let two = Two::with(&["alpha"]).await;
    two.here.tenant(TenantCommand::Suspend(status_args(&two.here, "alpha")), "").await.unwrap();
    two.run("alpha", |_| {}).await.unwrap();
    two.assert_statuses("alpha", "dropping", "suspended").await;
    two.undo("alpha").await.unwrap();
    two.assert_statuses("alpha", "suspended", "dropping").await;
}

#[tokio::test]
async fn dry_run_says_what_would_be_and_changes_nothing() {
    let two = Two::with(&["alpha"]).await;
    let told = two.run("alpha", |args| args.tenant.dry_run = true).await.unwrap();
    assert!(told.contains("would be tenant") && told.contains("1 tables"), "{told}");
    two.assert_statuses("alpha", "active", "none").await;
    two.assert_tidy("alpha").await;
}

#[tokio::test]
async fn move_that_cannot_end_well_is_refused_before_anybody_is_disconnected() {
    let two = Two::with(&["alpha"]).await;
    let slug = two.here.slug("alpha").to_string();
    let there = two.there.admin().await;
    let session = two.here.as_tenant("alpha").await;
    let cases = [
        ("CREATE ROLE tenant_SLUG", "DROP ROLE tenant_SLUG", "a role tenant_"),
        ("CREATE SCHEMA tenant_SLUG", "DROP SCHEMA tenant_SLUG", "a schema tenant_"),
        (
            "UPDATE pgtenant.schema_versions SET version = version + 1 WHERE version = (SELECT max(version) FROM pgtenant.schema_versions)",
            "UPDATE pgtenant.schema_versions SET version = version - 1 WHERE version = (SELECT max(version) FROM pgtenant.schema_versions)",
            "use a newer pgtenant",
        ),
        (
            "INSERT INTO pgtenant.tenants (id, slug, name, status, schema_name, role_name) VALUES (gen_random_uuid(), 'x', 'x', 'active', 'x', 'x');
             INSERT INTO pgtenant.users SELECT 'SLUG', id, 'SCRAM-SHA-256$4096:AAAA$' || repeat('A', 43) || '=:' || repeat('A', 43) || '=' FROM pgtenant.tenants",
            "DELETE FROM pgtenant.tenants",
            "belong to other tenants there",
        ),
        (
            "INSERT INTO pgtenant.tenants (id, slug, name, status, schema_name, role_name) VALUES (gen_random_uuid(), 'SLUG', 'x', 'active', 'x', 'x');
             INSERT INTO pgtenant.channels SELECT id, 'x', repeat('a', 24) FROM pgtenant.tenants",
            "DELETE FROM pgtenant.tenants",
            "another tenant",
        ),
    ];
    for (before, after, words) in cases {
        there.batch_execute(&before.replace("SLUG", &slug)).await.unwrap();
        let error = two.run("alpha", |_| {}).await.unwrap_err();
        assert!(error.contains(words) && error.contains("nothing was changed"), "{words}: {error}");
        there.batch_execute(&after.replace("SLUG", &slug)).await.unwrap();
    }
    let same = two.config("here.toml");
    let url = two.here.admin_url.clone();
    let error = two
        .run("alpha", |args| (args.to.to_config, args.to.to_admin_url) = (Some(same), Some(url.into())))
        .await
        .unwrap_err();
    assert!(error.contains("has this tenant already"), "{error}");
    assert_eq!(value(&session, "SELECT count(*) FROM t").await, "2", "its session goes on");
    two.assert_statuses("alpha", "active", "none").await;
    two.assert_tidy("alpha").await;
}

/// An administrator writes in a transaction that is open when the move begins: no proxy can end it.
#[tokio::test]
async fn what_is_being_written_when_the_move_begins_arrives_too() {
    let two = Two::with(&["alpha"]).await;
    let schema = two.here.schema("alpha");
    let writer = connect(&two.here.admin_url).await;
    writer.batch_execute(&format!("BEGIN; INSERT INTO {schema}.t (x) VALUES ('late')")).await.unwrap();
    let watcher = two.here.admin().await;
    let waits =
        format!("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{schema}.t'::regclass");
    let commits = async {
        while value(&watcher, &waits).await == "0" {
            tokio::task::yield_now().await;
        }
        two.assert_statuses("alpha", "suspended", "none").await;
        writer.batch_execute("COMMIT").await.unwrap();
    };
    let (moved, ()) = tokio::join!(two.run("alpha", |_| {}), commits);
    moved.unwrap();
    let sql = format!("SELECT string_agg(x, ',' ORDER BY id) FROM {schema}.t");
    assert_eq!(value(&two.there.admin().await, &sql).await, "one,late");
}
