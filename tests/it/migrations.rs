//! `pgtenant migrate`: numbered files over all tenants, one transaction each, and what goes wrong on the way.

mod crash;
mod traffic;

use std::process::{Command, Output};

use pgtenant::cli::migrate::{self, BaselineArgs, DriftArgs, MigrateCommand, StatusArgs, UpArgs};
use pgtenant::control::migrate::Progress;
use pgtenant::tenant::Level;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Db, admin_args, cluster, value};

/// Nobody looks.
struct Unseen;

impl Progress for Unseen {
    fn at(&mut self, _: usize, _: usize, _: &str) {}
}

/// A directory of files.
struct Sql(TempDir);

impl Sql {
    fn new(files: &[(&str, &str)]) -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| this.write(name, text));
        this
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn args(&self, db: &Db) -> UpArgs {
        UpArgs {
            directory: Some(self.0.path().to_owned()),
            tenant: None,
            to: None,
            parallel: 4,
            canary: vec![],
            out_of_order: false,
            dry_run: false,
            json: false,
            admin: admin_args(&db.admin_url),
        }
    }

    async fn up(&self, db: &Db) -> Result<String, String> {
        self.up_with(db, |_| {}).await
    }

    /// What was printed; where it failed, the error behind that.
    async fn up_with(&self, db: &Db, change: impl FnOnce(&mut UpArgs)) -> Result<String, String> {
        let mut args = self.args(db);
        change(&mut args);
        run(db, MigrateCommand::Up(args)).await
    }

    async fn status(&self, db: &Db) -> Value {
        let args = StatusArgs { directory: Some(self.0.path().to_owned()), json: true };
        let told = run(db, MigrateCommand::Status(args)).await.unwrap();
        serde_json::from_str(&told).unwrap()
    }

    async fn baseline(&self, db: &Db, to: i64, tenant: Option<&str>) -> Result<String, String> {
        let args = BaselineArgs {
            directory: Some(self.0.path().to_owned()),
            to,
            tenant: tenant.map(|name| db.slug(name).to_string()),
            json: false,
            admin: admin_args(&db.admin_url),
        };
        run(db, MigrateCommand::Baseline(args)).await
    }

    /// The real program.
    fn program(&self, db: &Db) -> Command {
        let config = format!(
            "[server]\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{}\"\n[registry]\nuser = \"{}\"\n[migrations]\ndirectory = \".\"\n",
            cluster().port(),
            db.name,
            db.config.registry.user,
        );
        self.write("pgtenant.toml", &config);
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgtenant"));
        command
            .env_remove("PGTENANT_CONFIG")
            .env("PGTENANT_MASTER_KEY", "5a".repeat(32))
            .env("PGTENANT_ADMIN_URL", &db.admin_url)
            .arg("migrate");
        command
    }

    fn config(&self) -> std::path::PathBuf {
        self.0.path().join("pgtenant.toml")
    }

    fn run_program(&self, db: &Db, args: &[&str]) -> Output {
        let mut command = self.program(db);
        command.arg("--config").arg(self.config()).args(args).output().unwrap()
    }
}

async fn run(db: &Db, command: MigrateCommand) -> Result<String, String> {
    let mut out = Vec::new();
    let done = migrate::run(command, &db.config, &mut out, &mut Unseen).await;
    let out = String::from_utf8(out).unwrap();
    done.map(|()| out.clone()).map_err(|error| format!("{out}{error:#}"))
}

async fn drift(db: &Db, tenant: Option<&str>) -> Result<String, String> {
    let tenant = tenant.map(|name| db.slug(name).to_string());
    run(db, MigrateCommand::Drift(DriftArgs { tenant, json: false })).await
}

async fn ready(tenants: &[&str]) -> Db {
    let db = Db::ready().await;
    for tenant in tenants {
        db.create(tenant).await.unwrap();
    }
    db
}

/// Tables of a schema, in order.
async fn tables(db: &Db, schema: &str) -> String {
    let sql = format!(
        "select coalesce(string_agg(tablename || ' of ' || tableowner, ', ' order by tablename), '') from pg_tables where schemaname = '{schema}'"
    );
    value(&db.admin().await, &sql).await
}

/// Numbers that are applied to a tenant.
async fn ledger(db: &Db, tenant: &str) -> String {
    let sql = format!(
        "select coalesce(string_agg(m.number || ' ' || m.state, ', ' order by m.number), '') from pgtenant.migrations m
         join pgtenant.tenants t on t.id = m.tenant_id where t.slug = '{}'",
        db.slug(tenant)
    );
    value(&db.admin().await, &sql).await
}

#[tokio::test]
async fn files_are_applied_to_the_template_and_all_tenants_once_and_new_tenants_have_them() {
    let db = ready(&["alpha", "beta"]).await;
    let sql = Sql::new(&[
        ("0001_orders.sql", "create table orders (id int generated always as identity primary key);"),
        (
            "0002_lines.sql",
            "create table lines (order_id int references orders);\nalter table orders add total int default 7;",
        ),
    ]);
    let told = sql.up(&db).await.unwrap();
    assert!(told.contains("(template)") && told.contains("1_orders, 2_lines"), "{told}");
    assert!(told.ends_with("2 tenants migrated, 0 failed, 0 were up to date\n"), "{told}");
    for tenant in ["alpha", "beta"] {
        let schema = db.schema(tenant);
        // As those of the clone, they are the tenant's own.
        assert_eq!(tables(&db, &schema).await, format!("lines of {schema}, orders of {schema}"));
        assert_eq!(ledger(&db, tenant).await, "1 applied, 2 applied");
        let client = db.as_tenant(tenant).await;
        assert_eq!(value(&client, "insert into orders default values returning total").await, "7");
    }
    let told = sql.up(&db).await.unwrap();
    assert_eq!(told, "0 tenants migrated, 0 failed, 2 were up to date\n");
    db.create("gamma").await.unwrap();
    assert_eq!(ledger(&db, "gamma").await, "1 applied, 2 applied");
    sql.write("0003_more.sql", "alter table lines add note text");
    let told = sql.up_with(&db, |args| args.json = true).await.unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["template"]["applied"][0], "3_more");
    for tenant in told["tenants"].as_array().unwrap() {
        assert_eq!((&tenant["result"], &tenant["applied"][0]), (&"migrated".into(), &"3_more".into()));
    }
    assert_eq!(told["tenants"].as_array().unwrap().len(), 3);
    assert!(drift(&db, None).await.unwrap().contains("all 3 tenants are like the template"));
}

#[tokio::test]
async fn tenant_where_a_file_fails_is_unchanged_and_told_and_all_others_are_done() {
    let db = ready(&["alpha", "beta", "gamma"]).await;
    db.as_tenant("beta").await.batch_execute("create table taken (mine text)").await.unwrap();
    let sql = Sql::new(&[
        ("1_first.sql", "create table first (id int)"),
        ("2_both.sql", "create table before (id int);\ncreate table taken (id int);"),
        ("3_last.sql", "create table last (id int)"),
    ]);
    let error = sql.up(&db).await.unwrap_err();
    let beta = db.slug("beta");
    assert!(error.contains("2 tenants migrated, 1 failed"), "{error}");
    assert!(error.contains("relation \"taken\" already exists (42P07)"), "{error}");
    assert!(error.contains(&format!("1 schema failed: {beta}. A schema is left")), "{error}");
    let schema = db.schema("beta");
    // The file before stays, of the one that failed there is nothing, and none comes after it.
    assert_eq!(tables(&db, &schema).await, format!("first of {schema}, taken of {schema}"));
    assert_eq!(ledger(&db, "beta").await, "1 applied, 2 failed");
    for tenant in ["alpha", "gamma"] {
        assert_eq!(ledger(&db, tenant).await, "1 applied, 2 applied, 3 applied");
    }
    let told = sql.status(&db).await;
    let found = told["tenants"].as_array().unwrap().iter().find(|t| t["tenant"] == beta.as_str()).unwrap();
    assert_eq!((&found["odd"][0]["state"], &found["pending"][1]), (&"failed".into(), &"3_last".into()));
    assert!(found["odd"][0]["error"].as_str().unwrap().contains("already exists"));
    db.as_tenant("beta").await.batch_execute("drop table taken").await.unwrap();
    let told = sql.up(&db).await.unwrap();
    assert!(told.ends_with("1 tenants migrated, 0 failed, 2 were up to date\n"), "{told}");
    assert_eq!(ledger(&db, "beta").await, "1 applied, 2 applied, 3 applied");
}

#[tokio::test]
async fn error_names_the_line_of_the_file() {
    let db = ready(&[]).await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int);\n\nalter table a\n  add b nosuchtype;\n")]);
    let error = sql.up(&db).await.unwrap_err();
    assert!(error.contains("type \"nosuchtype\" does not exist (42704) (line 4)"), "{error}");
}

#[tokio::test]
async fn file_that_was_changed_lost_or_comes_late_stops_the_run_before_it_begins() {
    let db = ready(&["alpha"]).await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)"), ("5_b.sql", "create table b (id int)")]);
    sql.up(&db).await.unwrap();
    sql.write("6_c.sql", "create table c (id int)");
    sql.write("1_a.sql", "create table a (id bigint)");
    let error = sql.up(&db).await.unwrap_err();
    assert!(
        error.contains("file 1_a was changed after it was applied to the template; put it back"),
        "{error}"
    );
    let args = StatusArgs { directory: Some(sql.0.path().to_owned()), json: false };
    let error = run(&db, MigrateCommand::Status(args)).await.unwrap_err();
    assert!(error.contains("2 schemas do not go together with the files"), "{error}");
    // The ends of lines are not the text.
    sql.write("1_a.sql", "create table a (id int)");
    std::fs::remove_file(sql.0.path().join("5_b.sql")).unwrap();
    let error = sql.up(&db).await.unwrap_err();
    assert!(error.contains("5_b was applied to the template and is not in the directory"), "{error}");
    sql.write("5_b.sql", "create table b (id int)");
    sql.write("2_late.sql", "create table late (id int)");
    let error = sql.up(&db).await.unwrap_err();
    assert!(error.contains("file 2_late comes before 5") && error.contains("--out-of-order"), "{error}");
    let schema = db.schema("alpha");
    assert_eq!(tables(&db, &schema).await, format!("a of {schema}, b of {schema}"));
    sql.up_with(&db, |args| args.out_of_order = true).await.unwrap();
    assert_eq!(ledger(&db, "alpha").await, "1 applied, 2 applied, 5 applied, 6 applied");
}

#[tokio::test]
async fn what_is_wrong_with_the_directory_is_told_at_once() {
    let db = ready(&[]).await;
    let sql = Sql::new(&[("1_a.sql", "select 1"), ("01_b.sql", "select 1"), ("notes.sql", "")]);
    let error = sql.up(&db).await.unwrap_err();
    assert!(error.contains("have the same number") && error.contains("notes.sql: is not named"), "{error}");
    let error = Sql::new(&[]).up_with(&db, |args| args.directory = None).await.unwrap_err();
    assert!(error.contains("set `migrations.directory`"), "{error}");
    let error =
        Sql::new(&[("1_a.sql", "select 1")]).up_with(&db, |args| args.to = Some(2)).await.unwrap_err();
    assert!(error.contains("no file number 2"), "{error}");
}

#[tokio::test]
async fn file_that_reaches_out_of_its_schema_or_its_transaction_is_refused_and_changes_nothing() {
    let db = ready(&["alpha", "beta"]).await;
    let beta = db.schema("beta");
    for (text, why) in [
        (format!("create table x (id int); create table {beta}.stolen (id int)"), "cross_schema"),
        ("create table x (id int); commit; create table y (id int)".to_owned(), "transaction by itself"),
        (format!("create table x (id int); set search_path = {beta}"), "schema"),
        ("create table x (id int); reset role".to_owned(), "role"),
        // What the parser cannot see is seen behind it.
        (
            format!("create table x (id int); do $$ begin execute 'set search_path = {beta}'; end $$"),
            "it has changed its role or its search_path",
        ),
        (
            "create table x (id int); do $$ begin execute 'comm' || 'it'; end $$".to_owned(),
            "EXECUTE of transaction commands",
        ),
    ] {
        let sql = Sql::new(&[("1_x.sql", &text)]);
        let error = sql.up(&db).await.unwrap_err();
        assert!(error.contains(why) && error.contains("the template failed"), "{text}: {error}");
        // And where the template lets it pass.
        let error =
            sql.up_with(&db, |args| args.tenant = Some(db.slug("alpha").to_string())).await.unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
        for schema in ["base_template", &beta, &db.schema("alpha")] {
            assert_eq!(tables(&db, schema).await, "", "{text}");
        }
    }
}

#[tokio::test]
async fn code_that_a_tenant_left_in_wait_for_a_migration_has_the_tenants_rights_and_no_others() {
    let db = ready(&["alpha", "beta"]).await;
    let (role, beta) = (db.schema("alpha"), db.schema("beta"));
    db.as_tenant("beta").await.batch_execute("create table secrets (id int)").await.unwrap();
    let trap = format!(
        "create table things (id int); insert into things values (1); create table said (who text, what text);
         create function trap() returns trigger language plpgsql as $$
         begin
             execute 'reset role';
             execute 'reset session authorization';
             insert into said values (current_user, session_user);
             begin
                 execute 'alter role {role} superuser';
                 insert into said values ('superuser', '');
             exception when others then insert into said values (sqlerrm, '');
             end;
             begin
                 execute 'insert into {beta}.secrets values (666)';
             exception when others then insert into said values (sqlerrm, '');
             end;
             return null;
         end $$;
         create trigger at_once after update on things for each row execute function trap();
         create constraint trigger at_commit after update on things deferrable initially deferred
             for each row execute function trap();"
    );
    db.as_tenant("alpha").await.batch_execute(&trap).await.unwrap();
    db.admin_run("create table base_template.things (id int)").await;
    db.as_tenant("beta").await.batch_execute("create table things (id int)").await.unwrap();
    let sql = Sql::new(&[("1_touch.sql", "update things set id = id + 1")]);
    sql.up(&db).await.unwrap();
    let admin = db.admin().await;
    let said =
        value(&admin, &format!("select string_agg(distinct who || ' ' || what, '; ') from {role}.said"))
            .await;
    assert!(said.contains(&format!("{role} {role}")), "{said}");
    assert!(said.contains("permission denied") || said.contains("must be superuser"), "{said}");
    assert!(!said.contains("postgres"), "{said}");
    assert_eq!(value(&admin, &format!("select count(*) from {beta}.secrets")).await, "0");
    assert_eq!(value(&admin, &format!("select count(*) from {role}.said")).await, "6");
    assert_eq!(value(&admin, &format!("select rolsuper from pg_roles where rolname = '{role}'")).await, "f");
}

#[tokio::test]
async fn settings_that_a_tenant_gave_its_role_do_not_change_what_a_file_means() {
    let db = ready(&["alpha"]).await;
    let role = db.schema("alpha");
    let mine = db.as_tenant("alpha").await;
    for setting in [
        "search_path = 'global'",
        "standard_conforming_strings = off",
        "default_transaction_read_only = on",
        "statement_timeout = '1ms'",
        "synchronous_commit = off",
    ] {
        mine.batch_execute(&format!("alter role {role} set {setting}")).await.unwrap();
    }
    let sql = Sql::new(&[(
        "1_a.sql",
        "create table a (t text); insert into a values ('\\'); insert into a select current_setting('synchronous_commit'); select pg_sleep(0.05)",
    )]);
    sql.up(&db).await.unwrap();
    let found = value(&db.admin().await, &format!("select string_agg(t, ' ') from {role}.a")).await;
    assert_eq!(found, "\\ on");
}

#[tokio::test]
async fn canaries_come_first_and_where_one_fails_nobody_else_is_touched() {
    let db = ready(&["alpha", "beta", "gamma", "delta"]).await;
    db.as_tenant("gamma").await.batch_execute("create table a (mine int)").await.unwrap();
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)")]);
    let canary = |args: &mut UpArgs| args.canary = vec![db.slug("gamma").to_string()];
    let error = sql.up_with(&db, canary).await.unwrap_err();
    assert!(error.contains("0 tenants migrated, 1 failed, 0 were up to date, 3 not begun"), "{error}");
    assert!(error.contains("a canary failed; the other tenants were not touched"), "{error}");
    assert_eq!(tables(&db, &db.schema("alpha")).await, "");
    // So many, by their names: alpha goes well, and then the wave that holds gamma.
    let error = sql.up_with(&db, |args| args.canary = vec!["1".into()]).await.unwrap_err();
    assert!(error.contains("3 tenants migrated, 1 failed"), "{error}");
    let error = sql.up_with(&db, |args| args.canary = vec!["ghost".into()]).await.unwrap_err();
    assert!(error.contains("there is no tenant ghost"), "{error}");
}

#[tokio::test]
async fn dry_run_says_what_would_be_and_changes_nothing() {
    let db = ready(&["alpha"]).await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)")]);
    let told = sql.up_with(&db, |args| args.dry_run = true).await.unwrap();
    assert!(told.contains("pending") && told.contains("1 tenants would be migrated, 0 would fail"), "{told}");
    sql.write("2_b.sql", "commit");
    let error = sql.up_with(&db, |args| args.dry_run = true).await.unwrap_err();
    assert!(error.contains("2_b: it begins or ends a transaction"), "{error}");
    assert_eq!(tables(&db, &db.schema("alpha")).await, "");
    assert_eq!(ledger(&db, "alpha").await, "");
    sql.up_with(&db, |args| args.to = Some(1)).await.unwrap();
    assert_eq!(ledger(&db, "alpha").await, "1 applied");
}

#[tokio::test]
async fn table_that_a_client_holds_is_waited_for_in_short_pieces_until_it_is_free() {
    let mut db = ready(&["alpha", "beta"]).await;
    db.config.migrations.lock_timeout = std::time::Duration::from_millis(100);
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)")]);
    sql.up(&db).await.unwrap();
    let holder = db.as_tenant("alpha").await;
    holder.batch_execute("begin; select * from a").await.unwrap();
    sql.write("2_b.sql", "alter table a add b int");
    let (migrated, read) = tokio::join!(sql.up(&db), async {
        // While the holder is there, a short statement of somebody else never waits long.
        let other = db.as_tenant("alpha").await;
        let begin = std::time::Instant::now();
        let mut longest = std::time::Duration::ZERO;
        while begin.elapsed() < std::time::Duration::from_millis(1200) {
            let sent = std::time::Instant::now();
            other.batch_execute("select * from a").await.unwrap();
            longest = longest.max(sent.elapsed());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        holder.batch_execute("commit").await.unwrap();
        longest
    });
    let told = migrated.unwrap();
    assert!(told.contains("2 tenants migrated, 0 failed"), "{told}");
    assert!(read < std::time::Duration::from_millis(900), "{read:?}");
    assert_eq!(ledger(&db, "alpha").await, "1 applied, 2 applied");
}

#[tokio::test]
async fn second_operator_is_refused_while_the_first_is_at_work() {
    let db = ready(&["alpha"]).await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int); select pg_sleep(0.5)")]);
    let (first, second) = tokio::join!(sql.up(&db), async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        sql.up(&db).await
    });
    first.unwrap();
    let error = second.unwrap_err();
    assert!(error.contains("another `pgtenant migrate` is in progress"), "{error}");
    assert_eq!(sql.up(&db).await.unwrap(), "0 tenants migrated, 0 failed, 1 were up to date\n");
}

#[tokio::test]
async fn index_that_is_built_concurrently_and_fails_is_told_and_built_anew_when_it_can_be() {
    let db = ready(&["alpha", "beta"]).await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)")]);
    sql.up(&db).await.unwrap();
    let beta = db.as_tenant("beta").await;
    beta.batch_execute("insert into a values (1), (1)").await.unwrap();
    sql.write("2_index.sql", "create unique index concurrently one on a (id)");
    let error = sql.up(&db).await.unwrap_err();
    assert!(error.contains("begin the file with the line `-- pgtenant: no-transaction`"), "{error}");
    sql.write(
        "2_index.sql",
        "-- pgtenant: no-transaction\ncreate unique index concurrently one on a (id);\n",
    );
    let error = sql.up(&db).await.unwrap_err();
    assert!(error.contains("1 tenants migrated, 1 failed"), "{error}");
    assert!(error.contains("outside a transaction, and what it did until then stands"), "{error}");
    let valid = format!(
        "select bool_and(indisvalid) from pg_index where indrelid = '{}.a'::regclass",
        db.schema("beta")
    );
    assert_eq!(value(&db.admin().await, &valid).await, "f");
    beta.batch_execute("delete from a").await.unwrap();
    let told = sql.up(&db).await.unwrap();
    assert!(told.contains("1 tenants migrated, 0 failed"), "{told}");
    assert_eq!(value(&db.admin().await, &valid).await, "t");
    assert_eq!(ledger(&db, "beta").await, "1 applied, 2 applied");
}

#[tokio::test]
async fn drift_names_what_is_missing_extra_and_other() {
    let db = ready(&["alpha", "beta"]).await;
    let sql = Sql::new(&[(
        "1_a.sql",
        "create table a (id int primary key, b text default 'x' check (b <> '')); create table gone (id int); create index on a (b)",
    )]);
    sql.up(&db).await.unwrap();
    assert!(drift(&db, None).await.is_ok());
    let beta = db.as_tenant("beta").await;
    beta.batch_execute(
        "alter table a alter b set default 'y', add c int; drop table gone; create table own (id int); drop index a_b_idx",
    )
    .await
    .unwrap();
    let error = drift(&db, None).await.unwrap_err();
    let told: Vec<String> = error
        .lines()
        .filter(|line| line.starts_with(db.slug("beta").as_str()))
        .map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        told,
        [
            "missing index a_b_idx",
            "missing table gone",
            "extra column a.c",
            "extra table own",
            "differs column a.b"
        ]
    );
    assert!(error.contains("1 of 2 tenants are not like the template"), "{error}");
    assert!(drift(&db, Some("alpha")).await.is_ok());
}

#[tokio::test]
async fn baseline_takes_over_schemas_that_have_the_files_already() {
    let db = ready(&["alpha"]).await;
    db.as_tenant("alpha").await.batch_execute("create table a (id int)").await.unwrap();
    db.admin_run("create table base_template.a (id int)").await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)"), ("2_b.sql", "create table b (id int)")]);
    assert!(sql.up(&db).await.is_err());
    let told = sql.baseline(&db, 1, None).await.unwrap();
    assert_eq!(told, "2 files up to number 1 are written down as applied, in 2 of 2 schemas\n");
    assert!(sql.baseline(&db, 1, None).await.unwrap().starts_with("0 files"));
    sql.up(&db).await.unwrap();
    assert_eq!(ledger(&db, "alpha").await, "1 applied, 2 applied");
    assert!(sql.baseline(&db, 9, None).await.unwrap_err().contains("no file number 9"));
    assert!(sql.baseline(&db, 1, Some("ghost")).await.unwrap_err().contains("there is no tenant"));
}

#[tokio::test]
async fn code_of_a_tenant_of_level_shared_is_kept_out_or_made_harmless_as_its_own_is() {
    let file = "create function f() returns int language plpgsql as $$ begin return 1; end $$";
    for hardened in [false, true] {
        let db = Db::ready().await;
        if hardened {
            db.harden().await.unwrap();
        }
        db.create_with("alpha", |args| args.level = Some(Level::Shared), "").await.unwrap();
        let sql = Sql::new(&[("1_f.sql", file)]);
        let only = |args: &mut UpArgs| args.tenant = Some(db.slug("alpha").to_string());
        let done = sql.up_with(&db, only).await;
        if !hardened {
            assert!(done.as_ref().is_err_and(|error| error.contains("1_f")), "{done:?}");
            continue;
        }
        done.unwrap();
        let definer = format!(
            "select prosecdef from pg_proc where pronamespace = '{}'::regnamespace",
            db.schema("alpha")
        );
        assert_eq!(value(&db.admin().await, &definer).await, "t");
    }
}

#[tokio::test]
async fn suspended_tenants_are_migrated_and_those_being_created_are_not() {
    let db = ready(&["alpha", "beta"]).await;
    db.admin_run(&format!(
        "update pgtenant.tenants set status = 'suspended' where slug = '{}'",
        db.slug("alpha")
    ))
    .await;
    db.admin_run(&format!(
        "update pgtenant.tenants set status = 'creating' where slug = '{}'",
        db.slug("beta")
    ))
    .await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)")]);
    let told = sql.up(&db).await.unwrap();
    assert!(told.ends_with("1 tenants migrated, 0 failed, 0 were up to date\n"), "{told}");
    assert_eq!(ledger(&db, "alpha").await, "1 applied");
    assert_eq!(tables(&db, &db.schema("beta")).await, "");
}

#[tokio::test]
async fn thousand_tenants_with_nothing_to_do_take_less_than_two_seconds() {
    let db = Db::ready().await;
    let sql = Sql::new(&[]);
    for number in 1..=100 {
        sql.write(&format!("{number}_f.sql"), "select 1");
    }
    db.create("first").await.unwrap();
    sql.baseline(&db, 100, None).await.unwrap();
    // Nobody but the registry knows of the others.
    db.admin_run(
        "insert into pgtenant.tenants (id, slug, name, status, schema_name, role_name)
         select gen_random_uuid(), 'made_' || n, 'x', 'active', 'made_' || n, 'made_' || n from generate_series(1, 1000) n;
         insert into pgtenant.migrations (tenant_id, number, name, checksum, state)
         select t.id, m.number, m.name, m.checksum, m.state from pgtenant.tenants t, pgtenant.template_migrations m
         where t.slug like 'made%'",
    )
    .await;
    // The shortest of three: other tests run beside this one.
    let once = || {
        let begin = std::time::Instant::now();
        let output = sql.run_program(&db, &["up"]);
        let took = begin.elapsed();
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told, "0 tenants migrated, 0 failed, 1001 were up to date\n", "{:?}", output.stderr);
        took
    };
    let took = (0..3).map(|_| once()).min().unwrap();
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
    println!("1,001 tenants with 100 files each and nothing to do: {took:?}");
}
