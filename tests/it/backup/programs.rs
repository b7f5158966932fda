//! The children: what they are told, and how their ends, too early ones too, are told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pgtenant::cli::tenant::{BackupArgs, HowArgs, RestoreArgs, TenantCommand};
use secrecy::ExposeSecret;

use super::{assert_nothing_aside, backed_up, backup_args, how, replaced, restore_args, restored_as};
use crate::support::{Db, cluster, value};

/// A directory where these programs do what the scripts say.
fn programs(pg_dump: &str, pg_restore: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, script) in [("pg_dump", pg_dump), ("pg_restore", pg_restore)] {
        let path = dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

fn real(name: &str) -> String {
    format!("exec {} \"$@\"", cluster().bin(name).display())
}

const VERSION: &str = "if [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) 99.1'; exit; fi";

async fn ready() -> Db {
    let db = Db::ready().await;
    db.create("alpha").await.unwrap();
    db.as_tenant("alpha")
        .await
        .batch_execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    db
}

async fn backup_with(db: &Db, bin: &Path, to: &Path) -> Result<String, String> {
    let how = HowArgs { pg_bin: Some(bin.to_owned()), ..HowArgs::default() };
    db.tenant(TenantCommand::Backup(BackupArgs { how, ..backup_args(db, "alpha", to) }), "").await
}

#[tokio::test]
async fn password_is_in_no_argument() {
    let db = ready().await;
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    let spy = format!(
        "tr '\\0' ' ' < /proc/$$/cmdline >> {0}; env > {0}.env; {1}",
        seen.display(),
        real("pg_dump")
    );
    let bin = programs(&spy, &real("pg_restore"));
    backup_with(&db, bin.path(), &dir.path().join("b")).await.unwrap();
    let tenant = db.summary("alpha").await.tenant;
    let password = db.config.secrets.master_key.tenant_password(tenant.id, tenant.password_version);
    let arguments = fs::read_to_string(&seen).unwrap();
    assert!(
        arguments.contains("--format=custom") && !arguments.contains(password.expose_secret()),
        "{arguments}"
    );
    let environment = fs::read_to_string(dir.path().join("seen.env")).unwrap();
    assert!(environment.contains(&format!("PGPASSWORD={}", password.expose_secret())));
    assert!(
        environment.contains(&format!("PGUSER={}", db.schema("alpha"))),
        "the tenant's own role, no administrator"
    );
}

#[tokio::test]
async fn child_that_fails_or_is_killed_leaves_no_file_and_its_password_is_not_told() {
    let db = ready().await;
    let dir = tempfile::tempdir().unwrap();
    for (end, told) in [
        ("echo \"no space, says $PGPASSWORD\" >&2; exit 3", "no space, says (password)"),
        ("kill -KILL $$", "signal"),
    ] {
        let bin = programs(&format!("{VERSION}\nprintf half; {end}"), &real("pg_restore"));
        let error = backup_with(&db, bin.path(), &dir.path().join("b")).await.unwrap_err();
        assert!(error.contains("there is no backup of tenant") && error.contains(told), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{end}");
    }
}

#[tokio::test]
async fn old_or_missing_program_is_refused_with_the_remedy() {
    let db = ready().await;
    let dir = tempfile::tempdir().unwrap();
    let old = programs("echo 'pg_dump (PostgreSQL) 9.6.24'", "echo 'pg_restore (PostgreSQL) 9.6.24'");
    let error = backup_with(&db, old.path(), &dir.path().join("b")).await.unwrap_err();
    assert!(
        error.contains("of version 9, and the server is of version") && error.contains("--pg-bin"),
        "{error}"
    );
    let error = backup_with(&db, dir.path(), &dir.path().join("b")).await.unwrap_err();
    assert!(error.contains("postgresql-client") && error.contains("PGTENANT_PG_BIN"), "{error}");
    let (_dir, file) = backed_up(&db, "alpha").await;
    let how = HowArgs { pg_bin: Some(old.path().to_owned()), ..HowArgs::default() };
    let args = RestoreArgs { replace: true, how, ..restore_args(&db, &file) };
    let error = db.tenant(TenantCommand::Restore(args), "").await.unwrap_err();
    assert!(error.contains("of version 9, and the backup is of version"), "{error}");
}

#[tokio::test]
async fn pg_restore_that_dies_among_the_rows_leaves_everything_as_it_was() {
    let db = ready().await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    let cut = format!(
        "case \"$*\" in *section=data*) {} \"$@\" | head -c 1200; exit 1;; esac\n{}",
        cluster().bin("pg_restore").display(),
        real("pg_restore")
    );
    let bin = programs(&real("pg_dump"), &cut);
    let how = HowArgs { pg_bin: Some(bin.path().to_owned()), ..HowArgs::default() };
    let args = RestoreArgs { replace: true, how, ..restore_args(&db, &file) };
    let error = db.tenant(TenantCommand::Restore(args), "").await.unwrap_err();
    assert!(error.contains("is not restored"), "{error}");
    assert_eq!(value(&db.as_tenant("alpha").await, "SELECT count(*) FROM t").await, "1");
    assert_nothing_aside(&db).await;
}

#[tokio::test]
async fn tenant_that_changed_its_own_password_is_told_to_the_operator_with_the_remedy() {
    let db = ready().await;
    let alpha = db.as_tenant("alpha").await;
    alpha.batch_execute(&format!("ALTER ROLE {} PASSWORD 'mine'", db.schema("alpha"))).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let error = backup_with(&db, &cluster().bin(""), &dir.path().join("b")).await.unwrap_err();
    assert!(error.contains("pgtenant tenant create"), "{error}");
    db.create("alpha").await.unwrap();
    backup_with(&db, &cluster().bin(""), &dir.path().join("b")).await.unwrap();
}

#[tokio::test]
async fn settings_that_a_tenant_gave_its_role_do_not_change_its_backup() {
    let db = ready().await;
    let role = db.schema("alpha");
    let settings = [
        "standard_conforming_strings = off",
        "quote_all_identifiers = on",
        "client_encoding = 'LATIN1'",
        "statement_timeout = '1ms'",
    ];
    for setting in settings {
        db.as_tenant("alpha").await.batch_execute(&format!("ALTER ROLE {role} SET {setting}")).await.unwrap();
    }
    db.admin_run(&format!(
        "INSERT INTO {role}.t SELECT generate_series(1, 10000); COMMENT ON TABLE {role}.t IS 'a\\b Ā'"
    ))
    .await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    restored_as(&db, &file, "beta").await.unwrap();
    let sql = format!("SELECT obj_description('{}.t'::regclass)", db.schema("beta"));
    assert_eq!(value(&db.admin().await, &sql).await, "a\\b Ā");
}

/// The program itself, stopped while it loads.
#[tokio::test]
async fn interrupted_killed_or_slow_restore_changes_nothing_and_the_next_one_tidies_up() {
    let db = ready().await;
    let alpha = db.as_tenant("alpha").await;
    let check = |body: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS 'begin {body} return true; end'"
        )
    };
    alpha.batch_execute(&check("")).await.unwrap();
    alpha
        .batch_execute("CREATE TABLE sleeps (i int CHECK (slow())); INSERT INTO sleeps VALUES (0)")
        .await
        .unwrap();
    alpha.batch_execute(&check("perform pg_sleep(600);")).await.unwrap();
    let (dir, file) = backed_up(&db, "alpha").await;
    let admin = db.admin().await;
    let loads = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'aside_{}' AND query LIKE 'COPY%'",
        db.slug("alpha")
    );
    let config = configured(&db, dir.path());
    for signal in ["INT", "TERM", "KILL"] {
        let mut restore = program(&config);
        restore.args(["tenant", "restore", "--replace", "--admin-url", &db.admin_url]).arg(&file);
        let mut child = restore.stderr(Stdio::piped()).spawn().unwrap();
        while value(&admin, &loads).await != "1" {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(child.try_wait().unwrap().is_none(), "{signal}: it ended by itself");
        }
        if signal == "INT" {
            let error = replaced(&db, &file).await.unwrap_err();
            assert!(error.contains("is in progress"), "{error}");
        }
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        if signal != "KILL" {
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(told.contains("interrupted; nothing was changed"), "{told}");
            assert_nothing_aside(&db).await;
        }
    }
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'aside\\_%'";
    assert_eq!(value(&admin, left).await, "1");
    let how = HowArgs { time_limit: Duration::from_secs(1), ..how() };
    let args = RestoreArgs { replace: true, how, ..restore_args(&db, &file) };
    let error = db.tenant(TenantCommand::Restore(args), "").await.unwrap_err();
    assert!(error.contains("the time limit") && error.contains("nothing was changed"), "{error}");
    assert_nothing_aside(&db).await;
    assert_eq!(value(&alpha, "SELECT count(*) FROM t").await, "1");
}

#[tokio::test]
async fn two_restores_of_a_tenant_at_once_do_not_meet() {
    let db = ready().await;
    let (dir, file) = backed_up(&db, "alpha").await;
    let config = configured(&db, dir.path());
    let run = || {
        let mut restore = program(&config);
        restore.args(["tenant", "restore", "--replace", "--admin-url", &db.admin_url]).arg(&file);
        restore.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    };
    let ended = [run(), run(), run()].map(|child| child.wait_with_output().unwrap());
    let mut done = 0;
    for output in ended {
        let told = String::from_utf8(output.stderr).unwrap();
        if output.status.success() {
            done += 1;
        } else {
            assert!(
                ["is in progress", "was replaced while this ran"].iter().any(|words| told.contains(words)),
                "{told}"
            );
        }
    }
    assert!(done >= 1);
    assert_eq!(value(&db.as_tenant("alpha").await, "SELECT count(*) FROM t").await, "1");
    assert_nothing_aside(&db).await;
}

/// The file of a configuration for this database. Written once, before the first program that reads it.
fn configured(db: &Db, dir: &Path) -> PathBuf {
    let (config, key) = (dir.join("pgtenant.toml"), dir.join("key"));
    fs::write(&key, "5a".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "[server]\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{}\"\n[registry]\nuser = \"{}\"\n\
         [secrets]\nmaster_key_file = \"key\"\n",
        cluster().port(),
        db.name,
        db.config.registry.user
    );
    fs::write(&config, text).unwrap();
    config
}

fn program(config: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("pgtenant"));
    command.env("PGTENANT_CONFIG", config).env("PGTENANT_PG_BIN", cluster().bin(""));
    command
}
