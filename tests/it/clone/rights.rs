//! What in a template could give a tenant the rights of whoever made it.

use pgtenant::tenant::Level;

use crate::support::{Db, sqlstate, value};

/// Counts in the clone's own sequence that it ran, tries to be somebody else, and never fails. What is IMMUTABLE may do no such thing itself,
/// and may call what does.
const EVIL: &str = "BEGIN
        PERFORM nextval('ran');
        BEGIN PERFORM set_config('role', 'postgres', true); CREATE ROLE {stolen}; EXCEPTION WHEN OTHERS THEN NULL; END;
        BEGIN EXECUTE 'RESET ROLE'; CREATE ROLE {stolen}; EXCEPTION WHEN OTHERS THEN NULL; END;
        BEGIN EXECUTE 'SET SESSION AUTHORIZATION DEFAULT'; CREATE ROLE {stolen}; EXCEPTION WHEN OTHERS THEN NULL; END;
        BEGIN CREATE ROLE {stolen}; EXCEPTION WHEN OTHERS THEN NULL; END;
        RETURN 1;
    END";

/// A template whose code runs while the clone is made: constants are computed, a materialized view is filled.
async fn with_evil(db: &Db) -> String {
    let stolen = format!("stolen_from_{}", db.name);
    db.admin_run(&format!(
        "SET search_path = base_template;
         CREATE SEQUENCE ran;
         CREATE FUNCTION evil() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';
         CREATE DOMAIN d AS int CHECK (VALUE > evil());
         CREATE TABLE t (x int DEFAULT evil(), y d, CHECK (x > evil()), z int GENERATED ALWAYS AS (x + evil()) STORED);
         CREATE INDEX i ON t (x) WHERE x > evil();
         CREATE STATISTICS s ON (x + evil()), y FROM t;
         CREATE POLICY p ON t USING (x > evil());
         CREATE TABLE parts (x int) PARTITION BY RANGE ((x + evil()));
         CREATE TABLE part PARTITION OF parts FOR VALUES FROM (evil()) TO (9);
         CREATE VIEW v AS SELECT evil() AS who;
         CREATE MATERIALIZED VIEW m AS SELECT evil() AS who, count(*) FROM t WHERE x > evil();
         CREATE FUNCTION harm() RETURNS int LANGUAGE plpgsql AS $${}$$;
         CREATE OR REPLACE FUNCTION evil() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN harm(); END'",
        EVIL.replace("{stolen}", &stolen)
    ))
    .await;
    stolen
}

#[tokio::test]
async fn code_that_runs_while_the_clone_is_made_has_the_tenants_rights() {
    for hardened in [false, true] {
        let db = Db::ready().await;
        if hardened {
            db.harden().await.unwrap();
        }
        let stolen = with_evil(&db).await;
        db.create("alpha").await.unwrap();
        let admin = db.admin().await;
        let ran = value(&admin, &format!("SELECT last_value FROM {}.ran", db.schema("alpha"))).await;
        assert!(ran.parse::<i64>().unwrap() > 1, "it did not run");
        let found = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{stolen}'");
        assert_eq!(value(&admin, &found).await, "0");
        assert_eq!(value(&admin, "SELECT is_called FROM base_template.ran").await, "f");
    }
}

#[tokio::test]
async fn operators_in_the_template_are_not_taken_for_postgresqls_own() {
    let db = Db::ready().await;
    // Of types that fit what the catalogs are asked better than PostgreSQL's own.
    let stolen = format!("stolen_by_operator_of_{}", db.name);
    let mut sql = "SET search_path = base_template; CREATE TABLE t (x serial);".to_owned();
    for (name, left, right) in [
        ("=", "oid", "regclass"),
        ("<>", "oid", "int"),
        ("=", "text", "name"),
        ("->>", "jsonb", "jsonb"),
        ("||", "text", "name"),
        ("||", "name", "text"),
        (">=", "smallint", "smallint"),
    ] {
        sql.push_str(&format!(
            "CREATE OR REPLACE FUNCTION evil({left}, {right}) RETURNS boolean LANGUAGE plpgsql AS
                 $$BEGIN CREATE ROLE {stolen}; RETURN false; EXCEPTION WHEN OTHERS THEN RETURN false; END$$;
             CREATE OPERATOR {name} (FUNCTION = evil, LEFTARG = {left}, RIGHTARG = {right});"
        ));
    }
    db.admin_run(&sql).await;
    let error = db.create("alpha").await.unwrap_err();
    assert!(error.contains("operator base_template.=(oid,regclass)"), "{error}");
    let found = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{stolen}'");
    assert_eq!(value(&db.admin().await, &found).await, "0");
}

#[tokio::test]
async fn security_definer_and_views_of_the_administrator_are_the_tenants_in_its_clone() {
    let db = Db::ready().await;
    db.admin_run(
        "CREATE TABLE base_template.secret_of_all (x int);
         SET search_path = base_template;
         CREATE FUNCTION passwords() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT rolpassword FROM pg_authid';
         CREATE FUNCTION run(q text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE q; END';
         CREATE VIEW registry AS SELECT slug FROM pgtenant.tenants;
         CREATE FUNCTION parsed() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT slug FROM pgtenant.tenants; END;
         CREATE RULE into_registry AS ON INSERT TO secret_of_all DO ALSO DELETE FROM pgtenant.tenants",
    )
    .await;
    // What names a schema that the tenant may not use is not even made.
    let error = db.create("alpha").await.unwrap_err();
    assert!(error.contains("parsed(): permission denied for schema pgtenant"), "{error}");
    db.admin_run(
        "DROP VIEW base_template.registry; DROP FUNCTION base_template.parsed; DROP RULE into_registry ON base_template.secret_of_all;
         CREATE TABLE global.hidden (x int); ",
    )
    .await;
    db.admin_run(
        "CREATE VIEW base_template.opened AS SELECT * FROM global.hidden; INSERT INTO global.hidden VALUES (1)",
    )
    .await;
    db.create("alpha").await.unwrap();
    db.admin_run("REVOKE SELECT ON global.hidden FROM PUBLIC").await;
    let alpha = db.as_tenant("alpha").await;
    for sql in [
        "SELECT passwords()",
        "SELECT run('SELECT * FROM pg_authid')",
        "SELECT run('CREATE ROLE x')",
        "SELECT * FROM opened",
    ] {
        assert_eq!(sqlstate(&alpha, sql).await, "42501", "{sql}");
    }
}

#[tokio::test]
async fn trigger_on_a_function_that_the_tenant_may_not_call_is_refused() {
    let db = Db::ready().await;
    // Nobody is asked again when a trigger fires: CREATE TRIGGER is what looks at the right to call its function.
    db.admin_run(
        "CREATE FUNCTION global.as_administrator() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
         REVOKE EXECUTE ON FUNCTION global.as_administrator() FROM PUBLIC;
         CREATE TABLE base_template.t (x int);
         CREATE TRIGGER g BEFORE INSERT ON base_template.t FOR EACH ROW EXECUTE FUNCTION global.as_administrator()",
    )
    .await;
    let error = db.create("alpha").await.unwrap_err();
    assert!(
        error.contains("cannot be cloned")
            && error.contains("trigger g on t: permission denied for function global.as_administrator"),
        "{error}"
    );
}

#[tokio::test]
async fn default_privileges_of_the_administrator_do_not_open_a_clone() {
    let db = Db::ready().await;
    db.admin_run(
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT ALL ON ROUTINES TO PUBLIC;
         CREATE TABLE base_template.t (x int); REVOKE ALL ON base_template.t FROM PUBLIC;
         CREATE FUNCTION base_template.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    )
    .await;
    db.create("alpha").await.unwrap();
    let open = format!(
        "SELECT (SELECT count(*) FROM pg_class, aclexplode(relacl) a WHERE relnamespace = '{0}'::regnamespace AND grantee = 0)
              + (SELECT count(*) FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
                 WHERE pronamespace = '{0}'::regnamespace AND grantee = 0)",
        db.schema("alpha")
    );
    assert_eq!(value(&db.admin().await, &open).await, "0");
}

#[tokio::test]
async fn clone_that_comes_out_otherwise_is_taken_back() {
    let db = Db::ready().await;
    // An event trigger of the administrator's adds to every new table.
    db.admin_run(
        "CREATE TABLE base_template.t (x int);
         CREATE FUNCTION global.adds() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
             EXECUTE (SELECT format('ALTER TABLE %s ADD added int', objid::regclass) FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table');
         END$$;
         CREATE EVENT TRIGGER adds ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION global.adds()",
    )
    .await;
    let error = db.create("alpha").await.unwrap_err();
    assert!(error.contains("table t, which comes out otherwise in the clone"), "{error}");
    let left = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{}'", db.schema("alpha"));
    assert_eq!(value(&db.admin().await, &left).await, "0");
}

#[tokio::test]
async fn template_with_code_takes_the_hardening_at_level_shared() {
    let db = Db::ready().await;
    let shared = |db: &Db, name: &'static str| {
        let db = db.clone();
        async move { db.create_with(name, |args| args.level = Some(Level::Shared), "").await }
    };
    db.admin_run("CREATE TABLE base_template.t (x int); CREATE VIEW base_template.v AS SELECT lower(x::text) FROM base_template.t").await;
    shared(&db, "beta").await.unwrap();
    db.admin_run("CREATE FUNCTION base_template.f() RETURNS int LANGUAGE sql AS 'SELECT 1'").await;
    let error = shared(&db, "alpha").await.unwrap_err();
    for part in ["the template has what can run code", "pgtenant init --harden", "--level dedicated", ".f()"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    let left = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{}'", db.schema("alpha"));
    assert_eq!(value(&db.admin().await, &left).await, "0");
    db.create("alpha").await.unwrap();
    db.harden().await.unwrap();
    shared(&db, "gamma").await.unwrap();
}
