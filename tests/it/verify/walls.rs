//! Each wall, broken on purpose: what breaks it, and what finds it. The fix that is printed mends it.

use std::collections::BTreeSet;

use pgtenant::control::verify::{CHECKS, Source};
use pgtenant::tenant::Level;
use serde_json::Value;

use crate::support::Db;
use crate::verify::{Said, audit, code};

/// SQL that breaks it, and the id. `{a}` and `{b}` are schemas and roles of two tenants, `{rb}` the second's role that reads, `{h}` a
/// role of nobody's, `{t}` the role all tenants share, `{p}` the login that reads the registry, `{l}` the pool role, `{d}` the database.
type Wall = (&'static str, &'static str);

const LOGINS: &[Wall] = &[
    ("ALTER ROLE {a} SUPERUSER", "superuser"),
    ("ALTER ROLE {l} SUPERUSER", "superuser"),
    ("ALTER ROLE {rb} BYPASSRLS", "bypass_rls"),
    ("ALTER ROLE {p} REPLICATION", "replication"),
    ("ALTER ROLE {a} CREATEROLE", "create_role"),
    ("ALTER ROLE {a} CREATEDB", "create_db"),
    ("ALTER DATABASE {d} OWNER TO {a}", "owns_database"),
    ("ALTER SCHEMA {a} OWNER TO {a}", "owns_schema"),
    ("GRANT {b} TO {a}", "member"),
    ("GRANT {b} TO {h}; GRANT {h} TO {a}", "member"),
    ("GRANT pg_read_server_files TO {a}", "member"),
    ("GRANT pg_execute_server_program TO {t}", "member"),
    ("GRANT USAGE ON SCHEMA {b} TO PUBLIC", "foreign_schema"),
    ("GRANT CREATE ON SCHEMA public TO {a}", "create_in"),
    ("GRANT USAGE ON SCHEMA pgtenant TO PUBLIC", "use_of"),
    ("GRANT CREATE ON DATABASE {d} TO {a}", "create_schema"),
    ("ALTER ROLE {l} INHERIT", "pool_inherit"),
    ("GRANT {a} TO {l} WITH ADMIN OPTION", "pool_admin"),
    ("ALTER ROLE {l} SET role = {a}", "pool_setting"),
    ("GRANT SELECT ON base_template.notes TO {l}", "pool_right"),
    ("GRANT {h} TO {a}", "extra_membership"),
    ("GRANT {a} TO {h}", "member_of_tenant"),
    ("ALTER ROLE {t} LOGIN", "tenants_role"),
    ("GRANT {t} TO {h}", "orphan_member"),
    ("REVOKE {t} FROM {a}", "not_a_tenant"),
    ("ALTER ROLE {a} SET work_mem = '1MB'", "role_setting"),
    ("ALTER ROLE {a} IN DATABASE {d} SET role = {b}", "risky_setting"),
    ("ALTER DATABASE {d} SET session_preload_libraries = 'auto_explain'", "risky_setting"),
    ("CREATE SCHEMA tenant_{d}_ghost", "orphan_schema"),
    ("DROP SCHEMA {b} CASCADE", "schema_missing"),
    ("DROP OWNED BY {rb}; DROP ROLE {rb}", "role_missing"),
    ("UPDATE pgtenant.installation SET hardened = true", "hardening_gone"),
];

const GRANTS: &[Wall] = &[
    ("GRANT SELECT ON {b}.notes TO PUBLIC", "public_table"),
    ("GRANT SELECT (body) ON {b}.notes TO PUBLIC", "public_table"),
    ("GRANT USAGE ON SEQUENCE {b}.notes_id_seq TO PUBLIC", "public_table"),
    ("GRANT SELECT ON {b}.notes TO {a}", "foreign_table"),
    ("GRANT SELECT ON {b}.notes TO {t}", "foreign_table"),
    ("GRANT SELECT ON {b}.notes TO {h}", "table_granted"),
    ("GRANT UPDATE ON {b}.notes TO {rb}", "reader_writes"),
    ("GRANT EXECUTE ON FUNCTION {b}.plain() TO PUBLIC", "public_routine"),
    ("GRANT EXECUTE ON FUNCTION {b}.definer() TO PUBLIC", "public_definer"),
    ("GRANT EXECUTE ON FUNCTION {b}.definer() TO {a}", "foreign_routine"),
    ("GRANT EXECUTE ON FUNCTION {b}.definer() TO {h}", "routine_granted"),
    ("GRANT USAGE ON SCHEMA {b} TO {h}", "schema_granted"),
    ("GRANT USAGE ON SCHEMA {b} TO {b} WITH GRANT OPTION", "schema_grantable"),
    ("ALTER DEFAULT PRIVILEGES FOR ROLE {b} GRANT SELECT ON TABLES TO PUBLIC", "default_privileges"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA {b} GRANT SELECT ON TABLES TO {a}", "default_privileges"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", "default_privileges"),
    ("ALTER DEFAULT PRIVILEGES FOR ROLE {b} GRANT EXECUTE ON ROUTINES TO PUBLIC", "routine_defaults"),
    ("GRANT SELECT ON pgtenant.users TO PUBLIC", "registry_open"),
    ("GRANT SELECT (prefix) ON pgtenant.channels TO {a}", "registry_open"),
    ("GRANT UPDATE ON pgtenant.users TO {p}", "registry_write"),
    ("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC", "builtin_open"),
    ("GRANT EXECUTE ON FUNCTION lo_import(text) TO {a}", "builtin_open"),
    ("GRANT SELECT ON pg_authid TO {t}", "builtin_open"),
];

const OBJECTS: &[Wall] = &[
    ("ALTER TABLE {b}.notes OWNER TO {a}", "foreign_owner"),
    ("ALTER TABLE {b}.notes OWNER TO postgres", "wrong_owner"),
    ("CREATE VIEW {b}.mine AS SELECT 1", "wrong_owner"),
    ("ALTER FUNCTION {b}.definer() OWNER TO {h}", "wrong_owner"),
    ("ALTER SCHEMA {b} OWNER TO {h}", "schema_owner"),
    ("CREATE TABLE public.things (); ALTER TABLE public.things OWNER TO {a}", "owns_elsewhere"),
    ("CREATE SCHEMA more AUTHORIZATION {a}", "owns_elsewhere"),
    ("CREATE DOMAIN public.word AS text; ALTER DOMAIN public.word OWNER TO {a}", "owns_elsewhere"),
    ("ALTER TABLE {a}.notes ADD CONSTRAINT to_b FOREIGN KEY (id) REFERENCES {b}.notes", "cross_tenant"),
    ("CREATE VIEW global.all_notes AS SELECT * FROM {b}.notes", "cross_tenant"),
    ("CREATE MATERIALIZED VIEW global.all_notes AS SELECT * FROM {b}.notes", "cross_tenant"),
    ("ALTER TABLE {a}.notes INHERIT {b}.notes", "cross_tenant"),
    (
        "CREATE TRIGGER spy BEFORE INSERT ON {a}.notes FOR EACH ROW EXECUTE FUNCTION {b}.on_row()",
        "cross_tenant",
    ),
    ("SELECT lo_from_bytea(4711, 'x'); GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC", "large_object"),
    ("ALTER DATABASE {d} SET lo_compat_privileges = on", "large_objects_open"),
    (
        "CREATE FUNCTION global.tell() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "definer_routine",
    ),
    ("CREATE EXTENSION dblink", "risky_extension"),
    ("CREATE EXTENSION adminpack", "noted_extension"),
    (
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; GRANT USAGE ON FOREIGN SERVER files TO {t}",
        "foreign_server",
    ),
    (
        "CREATE EXTENSION IF NOT EXISTS file_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER file_fdw TO PUBLIC",
        "foreign_server",
    ),
    ("CREATE USER MAPPING FOR PUBLIC SERVER files", "foreign_server"),
    ("CREATE LANGUAGE odd HANDLER plpgsql_call_handler", "untrusted_language"),
    (
        "CREATE OR REPLACE FUNCTION pgtenant_notify.pg_notify(text, text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN END'",
        "notify_function",
    ),
];

const HARDENING: &[Wall] = &[
    ("DROP EVENT TRIGGER pgtenant_guard_1_definer", "hardening"),
    ("ALTER EVENT TRIGGER pgtenant_guard_2_validate DISABLE", "hardening"),
    (
        "GRANT EXECUTE ON FUNCTION pgtenant_guard.set_config(text, text, boolean) TO PUBLIC; GRANT USAGE ON SCHEMA pgtenant_guard TO PUBLIC",
        "hardening",
    ),
    ("UPDATE pg_proc SET prosecdef = false WHERE oid = '{b}.plain()'::regprocedure", "hardening"),
    (
        "CREATE OR REPLACE FUNCTION pgtenant_guard.version() RETURNS int4 LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
        "hardening_version",
    ),
    (
        "CREATE FUNCTION global.run(text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; END'",
        "caller_routine",
    ),
    ("CREATE FUNCTION global.one() RETURNS int LANGUAGE sql AS 'SELECT 1'", "plain_routine"),
    (
        "CREATE FUNCTION global.sum_of(float8, float8) RETURNS float8 LANGUAGE c AS '$libdir/cube', 'cube_dim'",
        "c_routine",
    ),
    ("CREATE TRUSTED LANGUAGE odd HANDLER plpgsql_call_handler", "open_language"),
    ("GRANT CREATE ON SCHEMA pgtenant_guard TO {l}", "create_in"),
];

/// Found by other tests, or by what no SQL breaks.
const ELSEWHERE: &[&str] = &[
    // tests/it/spares.rs and level.rs have them as kinds of the audit of logins, whose words are checks by a unit test.
    "spare_setting",
    "session_auth",
    "set_user",
    "pool_inherits",
    // Of the audit of the hardening; tests/it/harden.rs.
    "unknown_extension",
    "old_expression",
    "tenant_language",
    // Of the configuration, below; and of a database that is not hardened.
    "guard_reports",
    "guard_widened",
    "not_hardened",
    "shared_code",
];

/// Two tenants, the first of level shared, each with a table and a few routines.
async fn house(hardened: bool) -> Db {
    let db = Db::ready().await;
    if hardened {
        db.harden().await.unwrap();
    }
    db.admin_run("CREATE TABLE base_template.notes (id serial PRIMARY KEY, body text)").await;
    db.create_with("alpha", |args| args.level = Some(Level::Shared), "").await.unwrap();
    db.create("beta").await.unwrap();
    db.admin_run(&format!("CREATE ROLE {}_helper", db.name)).await;
    let beta = db.as_tenant("beta").await;
    beta.batch_execute(
        "CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION definer() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
         CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    )
    .await
    .unwrap();
    db
}

fn filled(db: &Db, sql: &str) -> String {
    sql.replace("{a}", &db.schema("alpha"))
        .replace("{rb}", &format!("reader_{}", db.slug("beta")))
        .replace("{b}", &db.schema("beta"))
        .replace("{h}", &format!("{}_helper", db.name))
        .replace("{t}", &format!("pgtenant_tenants_{}", db.name))
        .replace("{l}", &format!("pgtenant_pool_{}", db.name))
        .replace("{p}", &db.config.registry.user)
        .replace("{d}", &db.name)
}

/// Runs what is printed, as an operator would.
async fn mend(db: &Db, said: &Said, id: &str) {
    let findings = said.json["findings"].as_array().unwrap();
    let of_interest = |finding: &&Value| {
        (finding["id"] == id || finding["severity"] != "note") && finding["fix"]["kind"] != "words"
    };
    let mut ran = BTreeSet::new();
    for finding in findings.iter().filter(of_interest) {
        let text = finding["fix"]["text"].as_str().unwrap();
        if !ran.insert(text) {
            continue;
        }
        match (finding["fix"]["kind"].as_str().unwrap(), text) {
            ("sql", sql) => {
                db.admin().await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            }
            (_, "pgtenant init --harden") => drop(db.harden().await.unwrap()),
            (_, "pgtenant init") => drop(db.init().await.unwrap()),
            (_, text) => {
                let slug =
                    text.strip_prefix("pgtenant tenant create ").unwrap_or_else(|| panic!("{finding:#}"));
                db.create(slug.strip_prefix(&format!("{}_", db.name)).unwrap()).await.unwrap();
            }
        }
    }
}

async fn each_is_found_and_mended(hardened: bool, walls: &[Wall]) {
    let db = house(hardened).await;
    let clean = audit(&db).await;
    assert_eq!((&clean.code, clean.failing().len()), (&code(0), 0), "{:#}", clean.json);
    for (sql, id) in walls {
        let sql = filled(&db, sql);
        db.admin_run(&sql).await;
        let said = audit(&db).await;
        assert!(said.has(id), "{sql}: {id} is not in {:#}", said.json);
        let severity = CHECKS.iter().find(|check| check.id == *id).unwrap().severity;
        assert_eq!(said.code, code(u8::from(severity.fails())), "{sql}: {:#}", said.json);
        if *id == "noted_extension" {
            // Its fix is advice.
            db.admin_run("DROP EXTENSION adminpack").await;
        }
        mend(&db, &said, id).await;
        if sql.contains("DROP SCHEMA") || id.starts_with("pool_") {
            db.init().await.unwrap();
        }
        let said = audit(&db).await;
        assert_eq!((&said.code, said.has(id)), (&code(0), false), "{sql}, mended: {:#}", said.json);
    }
}

#[tokio::test]
async fn login_that_could_be_more_than_a_tenant_is_found_and_its_fix_mends_it() {
    each_is_found_and_mended(false, LOGINS).await;
}

#[tokio::test]
async fn grant_too_many_is_found_and_its_fix_mends_it() {
    each_is_found_and_mended(false, GRANTS).await;
}

#[tokio::test]
async fn object_out_of_place_is_found_and_its_fix_mends_it() {
    each_is_found_and_mended(false, OBJECTS).await;
}

#[tokio::test]
async fn damage_to_the_hardening_is_found_and_its_fix_mends_it() {
    each_is_found_and_mended(true, HARDENING).await;
}

#[test]
fn every_check_has_a_wall_that_was_broken() {
    let broken: BTreeSet<&str> = [LOGINS, GRANTS, OBJECTS, HARDENING]
        .iter()
        .flat_map(|walls| walls.iter())
        .map(|(_, id)| *id)
        .collect();
    for check in CHECKS.iter().filter(|check| check.source == Source::Audit) {
        assert!(
            broken.contains(check.id) != ELSEWHERE.contains(&check.id),
            "{} is in exactly one of the lists",
            check.id
        );
    }
}

#[tokio::test]
async fn code_of_a_shared_tenant_without_hardening_is_found_and_the_hardening_mends_it() {
    let db = house(false).await;
    let alpha = db.schema("alpha");
    db.admin_run(&format!(
        "CREATE FUNCTION {alpha}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION {alpha}.f() OWNER TO {alpha};
         REVOKE ALL ON FUNCTION {alpha}.f() FROM PUBLIC"
    ))
    .await;
    let said = audit(&db).await;
    assert!(said.has("shared_code") && said.has("not_hardened") && said.code == code(1), "{:#}", said.json);
    mend(&db, &said, "shared_code").await;
    let said = audit(&db).await;
    assert!(!said.has("shared_code") && !said.has("not_hardened") && said.code == code(0), "{:#}", said.json);
}

#[tokio::test]
async fn guard_that_only_reports_or_was_widened_is_found() {
    let mut db = house(false).await;
    db.config.guard.mode = pgtenant::config::GuardMode::Report;
    db.config.guard.extra_settings = vec!["trace_sort".into()];
    let said = audit(&db).await;
    assert!(
        said.has("guard_reports") && said.has("guard_widened") && said.code == code(1),
        "{:#}",
        said.json
    );
    db.config.guard.mode = pgtenant::config::GuardMode::Enforce;
    assert_eq!(audit(&db).await.code, code(0));
}

#[tokio::test]
async fn accepted_finding_is_listed_and_does_not_count_and_a_critical_one_cannot_be_accepted() {
    let mut db = house(false).await;
    db.admin_run("CREATE EXTENSION postgres_fdw").await;
    assert_eq!(audit(&db).await.code, code(1));
    db.config.verify.accept = vec!["risky_extension:extension postgres_fdw".into()];
    let said = audit(&db).await;
    assert_eq!(said.code, code(0));
    assert_eq!(said.json["accepted"][0]["id"], "risky_extension");
    db.admin_run("CREATE EXTENSION dblink").await;
    assert_eq!(audit(&db).await.code, code(1));
    for (entry, why) in [("superuser", "cannot be accepted"), ("no_such_thing", "no such finding")] {
        db.config.verify.accept = vec![entry.into()];
        let args = pgtenant::cli::verify::VerifyArgs { no_canary: true, ..Default::default() };
        let error = crate::verify::verify(&db.config, args).await.err().unwrap();
        assert!(error.contains(why), "{error}");
    }
}
