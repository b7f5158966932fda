//! Moves that end before their end: killed at each of their steps, or because of what somebody else does.

use std::process::{Child, Command, Stdio};

use pgtenant::cli::tenant::dropping::{DropArgs, FirstArgs, PurgeArgs, UndropArgs};
use pgtenant::cli::tenant::rename::RenameArgs;
use pgtenant::cli::tenant::{HowArgs, TenantCommand};
use tokio_postgres::Client;

use super::{Two, status_args};
use crate::support::{Db, admin_args, cluster, value};

/// A number that only these tests lock.
const GATE: i64 = 4_711;

/// Nobody brings a move to this state before this is let go.
struct Gate {
    holder: Client,
    db: Db,
}

impl Gate {
    async fn close(db: &Db, state: &str) -> Self {
        db.admin_run(&format!(
            "CREATE FUNCTION public.gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 PERFORM pg_advisory_lock_shared({GATE}); PERFORM pg_advisory_unlock_shared({GATE}); RETURN NEW; END $$;
             CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON pgtenant.moves FOR EACH ROW
                 WHEN (NEW.state = '{state}') EXECUTE FUNCTION public.gate()"
        ))
        .await;
        let holder = db.admin().await;
        holder.batch_execute(&format!("SELECT pg_advisory_lock({GATE})")).await.unwrap();
        Self { holder, db: db.clone() }
    }

    /// Until somebody stands before it.
    async fn wait(&self) {
        let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while value(&self.holder, sql).await == "0" {
            tokio::task::yield_now().await;
        }
    }

    /// Who stands before it is nobody any more.
    async fn end_waiting(&self) {
        let sql = "SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l
                   WHERE locktype = 'advisory' AND NOT granted
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        value(&self.holder, sql).await;
        let left = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while value(&self.holder, left).await != "0" {
            tokio::task::yield_now().await;
        }
    }

    async fn open(self) {
        let open = format!("SELECT pg_advisory_unlock({GATE})");
        self.holder.batch_execute(&open).await.unwrap();
    }

    async fn remove(self) {
        let db = self.db.clone();
        self.open().await;
        db.admin_run("DROP TRIGGER gate ON pgtenant.moves; DROP FUNCTION public.gate()").await;
    }
}

/// The program itself.
fn program(two: &Two, tenant: &str, more: &[&str]) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("pgtenant"));
    command
        .env("PGTENANT_CONFIG", two.config("here.toml"))
        .env("PGTENANT_PG_BIN", cluster().bin(""))
        .args(["tenant", "move", two.here.slug(tenant).as_str(), "--admin-url", &two.here.admin_url])
        .args(["--to-admin-url", &two.there.admin_url, "--to-config"])
        .arg(two.config("there.toml"))
        .arg("--work-dir")
        .arg(two.dir.path())
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

async fn rows_there(two: &Two, tenant: &str) -> String {
    let sql = format!("SELECT count(*) FROM {}.t", two.here.schema(tenant));
    value(&two.there.admin().await, &sql).await
}

#[tokio::test]
async fn move_that_is_killed_at_any_step_is_never_in_service_twice_and_ends_right_when_it_is_run_again() {
    // What the statuses are while it stands before that step, and after it was killed there.
    let steps = [
        (true, "copying", ("active", "none")),
        (false, "arrived", ("suspended", "none")),
        (true, "handed_over", ("suspended", "suspended")),
        (false, "done", ("dropping", "suspended")),
        (true, "done", ("dropping", "active")),
    ];
    let tenants = ["a", "b", "c", "d", "e"];
    let two = Two::with(&tenants).await;
    for (tenant, (is_here, state, (here, there))) in tenants.into_iter().zip(steps) {
        let gate = Gate::close(if is_here { &two.here } else { &two.there }, state).await;
        let mut child = program(&two, tenant, &[]);
        gate.wait().await;
        two.assert_statuses(tenant, here, there).await;
        if state == "arrived" {
            let error = two.run(tenant, |_| {}).await.unwrap_err();
            assert!(error.contains("is in progress"), "{error}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        gate.end_waiting().await;
        gate.remove().await;
        two.assert_statuses(tenant, here, there).await;
        if here != "active" && (is_here, state) != (true, "done") {
            assert_nobody_interferes(&two, tenant, here).await;
        }
        two.again(tenant, false).await;
        two.assert_statuses(tenant, "dropping", "active").await;
        assert_eq!(rows_there(&two, tenant).await, "2", "{state}");
        two.assert_no_data();
    }
}

/// No other command puts it into service, or deletes it, between the two.
async fn assert_nobody_interferes(two: &Two, tenant: &str, here: &str) {
    let args = || status_args(&two.here, tenant);
    let undrop = UndropArgs { tenant: args(), although_moved: false };
    let rename = RenameArgs { tenant: args(), new_slug: "other".into(), name: None, keep_names: false };
    let first = || FirstArgs { backup_to: None, no_backup: true, how: HowArgs::default() };
    let drop = DropArgs { tenant: args(), now: true, yes: true, backup: first() };
    let purge = PurgeArgs {
        slug: Some(args().slug),
        backup: first(),
        dry_run: false,
        json: false,
        admin: admin_args(&two.here.admin_url),
    };
    let mut commands = vec![TenantCommand::Undrop(undrop), TenantCommand::Drop(drop)];
    if here == "suspended" {
        commands.push(TenantCommand::Resume(args()));
        commands.push(TenantCommand::Rename(rename));
    } else {
        commands.push(TenantCommand::Purge(purge));
    }
    for command in commands {
        let said = format!("{command:?}");
        let error = two.here.tenant(command, "").await.expect_err(&said);
        assert!(error.contains("moved") || error.contains("can still be kept"), "{said}: {error}");
    }
}

#[tokio::test]
async fn move_that_broke_off_is_given_up_on_request() {
    let two = Two::with(&["a", "b"]).await;
    for (tenant, is_here, state) in [("a", true, "handed_over"), ("b", false, "done")] {
        let gate = Gate::close(if is_here { &two.here } else { &two.there }, state).await;
        let mut child = program(&two, tenant, &[]);
        gate.wait().await;
        child.kill().unwrap();
        child.wait().unwrap();
        gate.end_waiting().await;
        gate.remove().await;
        let undone = two.again(tenant, true).await;
        assert!(undone.contains("what had arrived"), "{undone}");
        two.assert_statuses(tenant, "active", "none").await;
        let error = two.undo(tenant).await.unwrap_err();
        assert!(error.contains("is not being moved"), "{error}");
    }
}

#[tokio::test]
async fn interrupted_move_leaves_the_tenant_in_service_here_and_nothing_there() {
    let two = Two::with(&["alpha"]).await;
    // What it waits for is the tables: an administrator writes.
    let writer = two.here.admin().await;
    let sql = format!("BEGIN; INSERT INTO {}.t (x) VALUES ('late')", two.here.schema("alpha"));
    writer.batch_execute(&sql).await.unwrap();
    let child = program(&two, "alpha", &[]);
    let waits = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{}.t'::regclass",
        two.here.schema("alpha")
    );
    let watcher = two.here.admin().await;
    while value(&watcher, &waits).await == "0" {
        tokio::task::yield_now().await;
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("interrupted") && told.contains("here as it was before"), "{told}");
    two.assert_statuses("alpha", "active", "none").await;
    two.assert_tidy("alpha").await;
}

#[tokio::test]
async fn what_arrives_otherwise_than_it_was_sent_is_noticed_and_removed() {
    let two = Two::with(&["alpha"]).await;
    let schema = two.here.schema("alpha");
    for spoil in
        ["UPDATE SCHEMA.t SET x = 'two'", "SELECT setval('SCHEMA.t_id_seq', 77)", "CREATE TABLE SCHEMA.u ()"]
    {
        let spoil = spoil.replace("SCHEMA", &schema);
        two.there
            .admin_run(&format!(
                "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
                     EXECUTE $q${spoil}$q$; RETURN NEW; END $f$;
                 CREATE TRIGGER spoil BEFORE INSERT ON pgtenant.moves FOR EACH ROW EXECUTE FUNCTION public.spoil()"
            ))
            .await;
        let error = two.run("alpha", |_| {}).await.unwrap_err();
        let words = ["what arrived is not what is here", "here as it was before"];
        assert!(words.iter().all(|words| error.contains(words)), "{spoil}: {error}");
        two.there.admin_run("DROP TRIGGER spoil ON pgtenant.moves; DROP FUNCTION public.spoil()").await;
        two.assert_statuses("alpha", "active", "none").await;
        two.assert_tidy("alpha").await;
    }
}

/// A key that is revoked here must not go on there.
#[tokio::test]
async fn change_of_the_registry_during_the_move_is_not_lost() {
    let two = Two::with(&["alpha"]).await;
    let gate = Gate::close(&two.there, "arrived").await;
    let change = async {
        gate.wait().await;
        two.here.admin_run("UPDATE pgtenant.users SET access = 'read_only'").await;
        gate.open().await;
    };
    let (moved, ()) = tokio::join!(two.run("alpha", |_| {}), change);
    let error = moved.unwrap_err();
    assert!(error.contains("were changed while it was moved"), "{error}");
    two.assert_statuses("alpha", "active", "none").await;
    two.assert_tidy("alpha").await;
}
