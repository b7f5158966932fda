//! A template with an object of every kind, and pg_dump of it and of its clone.

use std::process::Command;

use pgtenant::tenant::Level;

use crate::support::{Db, cluster, value};

/// Runs everything.sql. Roles belong to the whole server.
pub(super) async fn fill(db: &Db) {
    db.admin_run(&include_str!("everything.sql").replace("{reporting}", &reporting(db))).await;
}

/// A role that is no tenant. Its name comes last: pg_dump sorts.
pub(super) fn reporting(db: &Db) -> String {
    format!("zz_reporting_of_{}", db.name)
}

/// What pg_dump says of a schema, with names of schemas, owners and tenants replaced, without what every tenant's schema has more than a
/// template: rights of its two roles, and no EXECUTE for PUBLIC.
fn dump(db: &Db, schema: &str) -> Vec<String> {
    let output = Command::new(cluster().bin("pg_dump"))
        .args(["-s", "-n", schema, "-d", &db.admin_url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let reader = format!(" TO reader_{};", db.slug("alpha"));
    let text = text.replace(&format!("ALTER SCHEMA {schema} OWNER TO postgres"), "");
    let text = text.replace(&format!("GRANT ALL ON SCHEMA {schema} TO {schema};\n"), "");
    let text =
        text.replace(schema, "SCHEMA").replace("base_template", "SCHEMA").replace("postgres", "SCHEMA");
    let kept = |line: &&str| {
        !(line.is_empty()
            || line.starts_with("--")
            || line.starts_with('\\')
            || line.ends_with(&reader)
            || line.starts_with("REVOKE ALL ON") && line.ends_with("FROM PUBLIC;"))
    };
    text.lines().filter(kept).map(|line| line.replace(" SECURITY DEFINER", "")).collect()
}

/// The language of constructors of ranges, which PostgreSQL itself makes, for its first superuser.
const INTERNAL: u32 = 12;

async fn compare(db: &Db) {
    let schema = db.schema("alpha");
    let (template, clone) = (dump(db, "base_template"), dump(db, &schema));
    assert!(template.len() > 500, "{template:#?}");
    for (at, line) in template.iter().enumerate() {
        let around = &clone[at.saturating_sub(3)..clone.len().min(at + 3)];
        assert_eq!(Some(line), clone.get(at), "line {at}, the clone has there {around:#?}");
    }
    assert_eq!(template.len(), clone.len());
    let admin = db.admin().await;
    let refers = format!(
        "SELECT string_agg(DISTINCT pg_describe_object(classid, objid, 0), ', ') FROM pg_depend
         WHERE refobjid IN (SELECT objid FROM pg_depend WHERE refobjid = 'base_template'::regnamespace)
           AND pg_describe_object(classid, objid, 0) LIKE '%{schema}%'"
    );
    assert_eq!(value(&admin, &refers).await, "", "what refers to the template");
    let owners = format!(
        "SELECT string_agg(DISTINCT owner::regrole::text, ' ') FROM (
             SELECT relowner FROM pg_class WHERE relnamespace = '{schema}'::regnamespace
             UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = '{schema}'::regnamespace AND prolang <> {INTERNAL}
             UNION ALL SELECT typowner FROM pg_type WHERE typnamespace = '{schema}'::regnamespace
             UNION ALL SELECT collowner FROM pg_collation WHERE collnamespace = '{schema}'::regnamespace
             UNION ALL SELECT stxowner FROM pg_statistic_ext WHERE stxnamespace = '{schema}'::regnamespace) o (owner)"
    );
    assert_eq!(value(&admin, &owners).await, schema);
    let open = format!(
        "SELECT count(*) FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
         WHERE pronamespace = '{schema}'::regnamespace AND grantee = 0 AND prolang <> {INTERNAL}"
    );
    assert_eq!(value(&admin, &open).await, "0", "routines open to PUBLIC");
}

#[tokio::test]
async fn pg_dump_tells_no_clone_from_its_template() {
    let db = Db::ready().await;
    fill(&db).await;
    let made = db.create("alpha").await.unwrap();
    assert!(made.contains("with 15 tables of the template"), "{made}");
    compare(&db).await;
    // Nor is there anything to do a second time.
    let again = db.create("alpha").await.unwrap();
    assert!(again.contains("its tables left as they are") && !again.contains("no longer open"), "{again}");
}

#[tokio::test]
async fn pg_dump_tells_no_clone_from_its_template_at_level_shared_but_for_security_definer() {
    let db = Db::ready().await;
    db.harden().await.unwrap();
    fill(&db).await;
    db.create_with("alpha", |args| args.level = Some(Level::Shared), "").await.unwrap();
    compare(&db).await;
    let plain = format!(
        "SELECT count(*) FROM pg_proc JOIN pg_language l ON l.oid = prolang
         WHERE pronamespace = '{}'::regnamespace AND prokind <> 'a' AND lanname <> 'internal' AND NOT prosecdef",
        db.schema("alpha")
    );
    assert_eq!(value(&db.admin().await, &plain).await, "0");
}

#[tokio::test]
async fn template_that_is_changed_afterwards_changes_no_clone() {
    let db = Db::ready().await;
    fill(&db).await;
    db.create("alpha").await.unwrap();
    let before = dump(&db, &db.schema("alpha"));
    db.admin_run(&format!(
        "DROP SCHEMA base_template CASCADE; DROP OWNED BY {0}; CREATE SCHEMA base_template",
        reporting(&db)
    ))
    .await;
    let gone = |line: &&String| !line.contains(&reporting(&db));
    let after = dump(&db, &db.schema("alpha"));
    assert_eq!(before.iter().filter(gone).collect::<Vec<_>>(), after.iter().filter(gone).collect::<Vec<_>>());
}
