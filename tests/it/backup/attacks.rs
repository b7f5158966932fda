//! Backups that are damaged, and backups that somebody forged who can compute checksums too.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use super::{assert_nothing_aside, backed_up, described, replaced, restored_as};
use crate::support::proxy::stdout;
use crate::support::{Db, cluster, value};

/// A comment that is replaced by a statement of the same length: what a dump says is plain text in it.
const COMMENT: &str = "room for something else ...............................................................................................";

async fn ready() -> Db {
    let db = Db::ready().await;
    for tenant in ["alpha", "other"] {
        db.create(tenant).await.unwrap();
        let sql = "CREATE TABLE t (id serial PRIMARY KEY, body text); INSERT INTO t (body) VALUES ('kept')";
        db.as_tenant(tenant).await.batch_execute(sql).await.unwrap();
    }
    db.as_tenant("alpha").await.batch_execute(&format!("COMMENT ON TABLE t IS '{COMMENT}'")).await.unwrap();
    db
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Changes the dump, and its checksums with it.
fn forge(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut dump = fs::read(file.join("dump")).unwrap();
    change(&mut dump);
    fs::write(file.join("dump"), &dump).unwrap();
    let manifest = fs::read_to_string(file.join("manifest.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    json["dump_bytes"] = dump.len().into();
    let manifest = serde_json::to_vec(&json).unwrap();
    fs::write(file.join("manifest.json"), &manifest).unwrap();
    let sums = format!("{}  dump\n{}  manifest.json\n", hex(&dump), hex(&manifest));
    fs::write(file.join("SHA256SUMS"), sums).unwrap();
}

/// Puts a statement in the place of one that is longer.
fn say(dump: &mut [u8], begin: &str, statement: &str) {
    let at = dump.windows(begin.len()).position(|bytes| bytes == begin.as_bytes()).expect(begin);
    let end = at + dump[at..].windows(2).position(|bytes| bytes == b";\n").unwrap() + 1;
    assert!(statement.len() <= end - at, "{statement}");
    let padded = format!("{statement:<width$}", width = end - at);
    dump[at..end].copy_from_slice(padded.as_bytes());
}

async fn assert_untouched(db: &Db) {
    for tenant in ["alpha", "other"] {
        assert_eq!(value(&db.as_tenant(tenant).await, "SELECT body FROM t").await, "kept", "{tenant}");
    }
    let admin = db.admin().await;
    let powers = format!(
        "SELECT count(*) FROM pg_roles WHERE (rolsuper OR rolcreaterole) AND rolname LIKE '%{}\\_%'",
        db.name
    );
    assert_eq!(value(&admin, &powers).await, "0");
    assert_nothing_aside(db).await;
}

#[tokio::test]
async fn statement_that_is_none_of_a_dump_is_refused_before_anything_is_touched() {
    let db = ready().await;
    let (schema, other) = (db.schema("alpha"), db.schema("other"));
    let (_dir, file) = backed_up(&db, "alpha").await;
    let whole = fs::read(file.join("dump")).unwrap();
    let before = described(&db, "alpha", &[]);
    for statement in [
        format!("ALTER ROLE {schema} SUPERUSER;"),
        "RESET SESSION AUTHORIZATION; DROP SCHEMA global;".into(),
        format!("DROP TABLE {other}.t CASCADE;"),
        format!("INSERT INTO {schema}.t (body) VALUES ('x');"),
        "COMMIT; DROP SCHEMA public;".into(),
        "DO 'begin execute ''reset role''; end';".into(),
        "CREATE EXTENSION dblink;".into(),
        "SELECT pg_catalog.pg_read_file('/etc/passwd');".into(),
        format!("GRANT ALL ON TABLE {other}.t TO {schema};"),
        "\\! touch /tmp/forged".into(),
        "\\copy x from program 'id'".into(),
        format!("COPY {schema}.t FROM PROGRAM 'id';"),
    ] {
        forge(&file, |dump| {
            dump.clone_from(&whole);
            say(dump, "COMMENT ON TABLE", &statement);
        });
        for error in [replaced(&db, &file).await, restored_as(&db, &file, "beta").await] {
            let error = error.expect_err(&statement);
            assert!(error.contains("the dump is not restored"), "{statement}: {error}");
        }
        assert_untouched(&db).await;
    }
    assert_eq!(described(&db, "alpha", &[]), before);
    forge(&file, |dump| dump.clone_from(&whole));
    replaced(&db, &file).await.unwrap();
}

/// What is taken because it is of a kind that dumps have, and reaches for what it must not.
#[tokio::test]
async fn names_of_others_in_a_forged_statement_lead_nowhere() {
    let db = ready().await;
    let other = db.schema("other");
    let (_dir, file) = backed_up(&db, "alpha").await;
    let whole = fs::read(file.join("dump")).unwrap();
    for statement in [
        format!("ALTER TABLE {other}.t ADD COLUMN x int;"),
        format!("CREATE TABLE {other}.x (id int);"),
        format!("CREATE VIEW {}.v AS SELECT * FROM {other}.t;", db.schema("alpha")),
        "CREATE TABLE global.x (id int);".into(),
        "CREATE TABLE public.x (id int);".into(),
        format!("ALTER TABLE {}.t OWNER TO postgres;", db.schema("alpha")),
        "COMMENT ON ROLE postgres IS 'x';".into(),
        "ALTER TABLE pgtenant.users ADD COLUMN x int;".into(),
    ] {
        forge(&file, |dump| {
            dump.clone_from(&whole);
            say(dump, "COMMENT ON TABLE", &statement);
        });
        for error in [replaced(&db, &file).await, restored_as(&db, &file, "beta").await] {
            let error = error.expect_err(&statement);
            assert!(error.contains("42501") && error.contains("nothing was changed"), "{statement}: {error}");
        }
        assert_untouched(&db).await;
    }
}

/// The tenant's own code, which a dump may hold, runs while it is loaded: as nobody.
#[tokio::test]
async fn code_of_the_tenant_runs_with_no_rights_of_the_operator() {
    let db = ready().await;
    let (alpha, other, schema) = (db.as_tenant("alpha").await, db.schema("other"), db.schema("alpha"));
    let tries = [
        "RESET ROLE".to_owned(),
        "RESET SESSION AUTHORIZATION".to_owned(),
        "SET ROLE postgres".to_owned(),
        format!("SET ROLE {schema}"),
        format!("ALTER ROLE {schema} SUPERUSER"),
        format!("DELETE FROM {other}.t"),
        format!("DELETE FROM {schema}.t"),
        format!("DROP TABLE {schema}.t"),
        "DELETE FROM pgtenant.tenants".to_owned(),
        "COPY (SELECT 1) TO PROGRAM 'touch /tmp/pgtenant_forged'".to_owned(),
        "CREATE TABLE public.x (id int)".to_owned(),
    ];
    let attempts: String = tries
        .iter()
        .map(|sql| {
            format!(
                "begin execute $x${sql}$x$; if session_user::text !~ '^aside_' then raise exception 'I am %', session_user; end if;
                 exception when insufficient_privilege or undefined_table or invalid_schema_name then null; end;\n"
            )
        })
        .collect();
    alpha
        .batch_execute(
            "CREATE FUNCTION evil() RETURNS boolean LANGUAGE plpgsql AS $$ begin return true; end $$;
             CREATE TABLE trap (i int CHECK (evil()), g int DEFAULT 1); INSERT INTO trap VALUES (1);
             CREATE FUNCTION fixed(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ begin perform evil(); return i; end $$;
             CREATE INDEX ON trap (fixed(i)); CREATE MATERIALIZED VIEW m AS SELECT evil() FROM trap",
        )
        .await
        .unwrap();
    let body = format!(
        "CREATE OR REPLACE FUNCTION evil() RETURNS boolean LANGUAGE plpgsql AS $$ begin\n{attempts} return true; end $$"
    );
    alpha.batch_execute(&body).await.unwrap();
    let (_dir, file) = backed_up(&db, "alpha").await;
    restored_as(&db, &file, "beta").await.unwrap();
    replaced(&db, &file).await.unwrap();
    assert_untouched(&db).await;
    assert_eq!(value(&db.as_tenant("beta").await, "SELECT count(*) FROM trap").await, "1");
    assert!(!Path::new("/tmp/pgtenant_forged").exists());
}

#[tokio::test]
async fn archive_with_more_than_the_schema_is_refused() {
    let db = ready().await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    db.admin_run(
        "CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end';
         CREATE EVENT TRIGGER forged ON ddl_command_end EXECUTE FUNCTION public.f()",
    )
    .await;
    let mut dump = Command::new(cluster().bin("pg_dump"));
    dump.args(["-Fc", "-f"]).arg(file.join("dump")).arg(&db.admin_url);
    stdout(&dump.output().unwrap());
    db.admin_run("DROP EVENT TRIGGER forged; DROP FUNCTION public.f()").await;
    forge(&file, |_| {});
    let error = replaced(&db, &file).await.unwrap_err();
    assert!(error.contains("holds what no backup of a tenant does"), "{error}");
    assert_untouched(&db).await;
}

#[tokio::test]
async fn dump_with_other_rows_than_the_manifest_is_refused() {
    let db = ready().await;
    let (_dir, file) = backed_up(&db, "alpha").await;
    db.as_tenant("alpha").await.batch_execute("INSERT INTO t (body) VALUES ('second')").await.unwrap();
    let (_other, newer) = backed_up(&db, "alpha").await;
    db.as_tenant("alpha").await.batch_execute("DELETE FROM t WHERE body = 'second'").await.unwrap();
    let dump = fs::read(newer.join("dump")).unwrap();
    forge(&file, |old| *old = dump);
    let error = replaced(&db, &file).await.unwrap_err();
    assert!(error.contains("table t has 2 rows in the dump, and 1 were counted"), "{error}");
    assert_untouched(&db).await;
}

#[tokio::test]
async fn damaged_backup_is_refused_before_anything_is_touched() {
    let db = ready().await;
    let (dir, file) = backed_up(&db, "alpha").await;
    let whole = fs::read(file.join("dump")).unwrap();
    let before = described(&db, "alpha", &[]);
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    for (damaged, why) in [(&whole[..whole.len() - 1], "bytes"), (&flipped, "checksum"), (&[], "bytes")] {
        fs::write(file.join("dump"), damaged).unwrap();
        let error = replaced(&db, &file).await.unwrap_err();
        assert!(error.contains(why) && error.contains("nothing was restored"), "{error}");
    }
    fs::rename(file.join("dump"), dir.path().join("moved")).unwrap();
    fs::write(dir.path().join("moved"), &whole).unwrap();
    symlink(dir.path().join("moved"), file.join("dump")).unwrap();
    assert!(replaced(&db, &file).await.is_err(), "a link is no dump");
    assert_eq!(described(&db, "alpha", &[]), before);
    assert_untouched(&db).await;
}
