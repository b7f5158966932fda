//! `pgtenant tenant create --from`: many tenants of a file.

use std::path::PathBuf;

use pgtenant::cli::tenant::CreateArgs;
use serde_json::Value;

use crate::support::{Db, value};

fn from(args: &mut CreateArgs, file: PathBuf) {
    (args.slug, args.from, args.jobs) = (None, Some(file), 6);
}

#[tokio::test]
async fn tenants_of_a_file_are_created_at_once_and_again_only_what_is_missing() {
    let db = Db::ready().await;
    db.admin_run("CREATE TABLE base_template.notes (id serial PRIMARY KEY, body text)").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tenants.csv");
    let slugs: Vec<_> = (0..24).map(|number| db.slug(&format!("c{number}")).to_string()).collect();
    let mut text = String::from("slug,name,stripe_customer,level\n");
    for (number, slug) in slugs.iter().enumerate() {
        let level = if number % 2 == 0 { "shared" } else { "" };
        text += &format!("{slug},\"No. {number}, Inc.\",cus_{slug},{level}\n");
    }
    std::fs::write(&file, format!("{text}No Slug,,,\n")).unwrap();
    let error = db.create_with("x", |args| from(args, file.clone()), "").await.unwrap_err();
    assert!(error.contains("1 of 25 tenants were not created"), "{error}");
    let admin = db.admin().await;
    let whole = "SELECT count(*) FROM pgtenant.tenants t JOIN pg_tables p ON p.schemaname = t.schema_name
                 WHERE t.status = 'active' AND p.tablename = 'notes' AND name LIKE 'No. %, Inc.' AND stripe_customer_id = 'cus_' || slug";
    assert_eq!(value(&admin, whole).await, "24");
    let shared = "SELECT count(*) FROM pgtenant.tenants WHERE isolation = 'shared'";
    assert_eq!(value(&admin, shared).await, "12");

    let more = db.slug("more").to_string();
    let lines: String =
        slugs.iter().chain([&more]).map(|slug| format!("{{\"slug\":\"{slug}\"}}\n")).collect();
    let told = db
        .create_with(
            "x",
            |args| {
                from(args, "-".into());
                args.json = true;
            },
            &lines,
        )
        .await
        .unwrap();
    let objects: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let created: Vec<_> = objects.iter().filter(|object| object["created"] == true).collect();
    assert_eq!((objects.len(), created.len()), (25, 1));
    assert_eq!(created[0]["slug"], more.as_str());
    assert_eq!((&created[0]["line"], created[0]["password"].is_string()), (&25.into(), true));
}
