//! The program ends in the middle, at the worst places, and the next run ends right.

use std::process::Stdio;
use std::time::Duration;

use super::{Sql, ledger, ready, tables};
use crate::support::{Db, value};

/// Waits for a row.
async fn found(db: &Db, sql: &str) {
    let admin = db.admin().await;
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while admin.query_opt(sql, &[]).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect(sql);
}

/// Says what the ledger says where a program ended behind it.
async fn make_running(db: &Db, tenant: &str, xid: Option<&str>) {
    let xid = xid.map_or_else(|| "null".to_owned(), |xid| format!("'{xid}'"));
    db.admin_run(&format!(
        "insert into pgtenant.migrations (tenant_id, number, name, checksum, state, xid)
         select t.id, m.number, m.name, m.checksum, 'running', {xid} from pgtenant.tenants t, pgtenant.template_migrations m
         where t.slug = '{}' and m.number = 2",
        db.slug(tenant)
    ))
    .await;
}

#[tokio::test]
async fn program_that_is_killed_in_a_file_leaves_nothing_of_it_and_the_next_run_goes_on_from_there() {
    let db = ready(&["alpha", "beta", "gamma"]).await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int); create table pause (seconds float)")]);
    sql.up(&db).await.unwrap();
    db.as_tenant("beta").await.batch_execute("insert into pause values (60)").await.unwrap();
    sql.write(
        "2_b.sql",
        "create table b (id int); create table half (id int); select pg_sleep(seconds) from pause",
    );
    sql.write("3_c.sql", "create table c (id int)");
    let mut program = sql.program(&db);
    program.arg("--config").arg(sql.config()).args(["up", "--parallel", "1"]);
    let mut child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let beta = db.schema("beta");
    let activity = format!("from pg_stat_activity where usename = '{beta}' and wait_event = 'PgSleep'");
    found(&db, &format!("select {activity}")).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ledger(&db, "alpha").await, "1 applied, 2 applied, 3 applied");
    assert_eq!(ledger(&db, "beta").await, "1 applied, 2 running");
    assert_eq!(ledger(&db, "gamma").await, "1 applied");
    db.as_tenant("beta").await.batch_execute("update pause set seconds = 0").await.unwrap();
    // Its server process may still be at it: that is waited for, and the file is not run beside it.
    let told = sql.up(&db).await.unwrap();
    assert!(told.contains("2 tenants migrated, 0 failed, 1 were up to date"), "{told}");
    for tenant in ["alpha", "beta", "gamma"] {
        let schema = db.schema(tenant);
        let all = ["a", "b", "c", "half", "pause"].map(|table| format!("{table} of {schema}")).join(", ");
        assert_eq!(tables(&db, &schema).await, all);
        assert_eq!(ledger(&db, tenant).await, "1 applied, 2 applied, 3 applied");
    }
    // The proxies are not left waiting for the end of it.
    let changing = "select count(*) from pgtenant.schema_states where changing";
    assert_eq!(value(&db.admin().await, changing).await, "0");
}

#[tokio::test]
async fn file_that_was_committed_just_before_the_end_is_not_run_again() {
    let db = ready(&["alpha"]).await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)"), ("2_b.sql", "alter table a add b int")]);
    sql.up(&db).await.unwrap();
    let client = db.as_tenant("alpha").await;
    client.batch_execute("alter table a drop b").await.unwrap();
    client.batch_execute("begin; alter table a add b int").await.unwrap();
    let xid = value(&client, "select pg_current_xact_id()").await;
    client.batch_execute("commit").await.unwrap();
    db.admin_run("delete from pgtenant.migrations where number = 2").await;
    make_running(&db, "alpha", Some(&xid)).await;
    // Run again it would fail: the column is there.
    assert_eq!(sql.up(&db).await.unwrap(), "0 tenants migrated, 0 failed, 1 were up to date\n");
    assert_eq!(ledger(&db, "alpha").await, "1 applied, 2 applied");
}

#[tokio::test]
async fn file_whose_transaction_was_rolled_back_is_run() {
    let db = ready(&["alpha"]).await;
    let sql = Sql::new(&[("1_a.sql", "create table a (id int)"), ("2_b.sql", "alter table a add b int")]);
    sql.up(&db).await.unwrap();
    let client = db.as_tenant("alpha").await;
    client.batch_execute("alter table a drop b").await.unwrap();
    client.batch_execute("begin").await.unwrap();
    let xid = value(&client, "select pg_current_xact_id()").await;
    client.batch_execute("rollback").await.unwrap();
    db.admin_run("delete from pgtenant.migrations where number = 2").await;
    make_running(&db, "alpha", Some(&xid)).await;
    let told = sql.up(&db).await.unwrap();
    assert!(told.contains("1 tenants migrated, 0 failed"), "{told}");
    assert_eq!(value(&client, "select count(b) from a").await, "0");
}

#[tokio::test]
async fn index_of_a_program_that_was_killed_is_taken_if_it_is_whole_and_built_anew_if_not() {
    for whole in [true, false] {
        let db = ready(&["alpha"]).await;
        let sql = Sql::new(&[
            ("1_a.sql", "create table a (id int)"),
            ("2_b.sql", "-- pgtenant: no-transaction\ncreate unique index concurrently one on a (id)"),
        ]);
        sql.up(&db).await.unwrap();
        let client = db.as_tenant("alpha").await;
        if !whole {
            client.batch_execute("drop index one; insert into a values (1), (1)").await.unwrap();
            client.batch_execute("create unique index concurrently one on a (id)").await.unwrap_err();
            client.batch_execute("delete from a").await.unwrap();
        }
        db.admin_run("delete from pgtenant.migrations where number = 2").await;
        make_running(&db, "alpha", None).await;
        let told = sql.up(&db).await.unwrap();
        assert!(told.contains("1 tenants migrated, 0 failed"), "{whole} {told}");
        let valid = "select bool_and(indisvalid) from pg_index where indrelid = 'a'::regclass";
        assert_eq!(value(&client, valid).await, "t");
        assert_eq!(ledger(&db, "alpha").await, "1 applied, 2 applied");
    }
}
