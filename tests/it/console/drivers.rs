//! Programs that talk to the console.

use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::{CONSOLE_PASSWORD, console, start};
use crate::drivers::stories::{assert_tells, java, node, python};
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, query};

fn url(proxy: &Proxy, user: &str) -> String {
    format!("postgresql://{user}:{}@{}/pgtenant", CONSOLE_PASSWORD.replace(' ', "%20"), proxy.addr())
}

async fn connect(proxy: &Proxy, user: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&url(proxy, user), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A value as it came.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[tokio::test]
async fn driver_by_the_extended_protocol_gets_binary_values_as_from_a_server() {
    let proxy = start(&["alpha"], |_| {});
    proxy.wire("alpha").run("select 1");
    eventually("its server connection is free", || proxy.shared().clusters.main().pool.load().idle == 1);
    let client = connect(&proxy, "exporter").await;
    let statement = client.prepare("SHOW POOLS").await.unwrap();
    assert_eq!(statement.params(), []);
    let types: Vec<_> = statement.columns().iter().take(3).map(|column| column.type_().clone()).collect();
    assert_eq!(types, [Type::TEXT, Type::TEXT, Type::INT4]);
    for _ in 0..2 {
        let rows = client.query(&statement, &[]).await.unwrap();
        assert_eq!(rows[0].get::<_, &str>("database"), proxy.user("alpha"));
        assert_eq!(rows[0].get::<_, i32>("sv_idle"), 1);
    }
    // What is numeric is what PostgreSQL would have sent.
    let rows = client.query("SHOW STATS", &[]).await.unwrap();
    let sent = rows[0].get::<_, Raw>("total_received").0;
    let text = client.simple_query("SHOW STATS").await.unwrap();
    let row = text.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.expect("a row");
    let number = row.get("total_received").unwrap();
    let server = proxy.db.admin().await;
    let expected = server.query_one(&format!("select {number}::numeric"), &[]).await.unwrap();
    assert_eq!(sent, expected.get::<_, Raw>(0).0, "{number}");
    assert_eq!(client.execute("SHOW VERSION", &[]).await.unwrap(), 0);
    let error = client.query("SHOW POOLS WHERE x = $1", &[&1_i32]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42601");
    assert!(client.query("SHOW VERSION", &[]).await.is_ok(), "the session goes on");
}

#[tokio::test]
async fn driver_in_a_transaction_and_with_portions_of_rows() {
    let proxy = start(&["alpha"], |_| {});
    let mut client = connect(&proxy, "ops").await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SHOW LISTS", &[]).await.unwrap();
    let mut count = 0;
    loop {
        let rows = transaction.query_portal(&portal, 5).await.unwrap();
        count += rows.len();
        if rows.len() < 5 {
            break;
        }
    }
    assert_eq!(count, 14);
    transaction.batch_execute("PAUSE; RESUME").await.unwrap();
    transaction.commit().await.unwrap();
}

/// What `lib/pq` says for prometheus-community's pgbouncer_exporter, in its order.
#[test]
fn exporter_reads_what_it_looks_for() {
    let proxy = start(&["alpha", "beta"], |_| {});
    proxy.wire("alpha").run("select 1");
    let startup = [
        ("client_encoding", "UTF8"),
        ("datestyle", "ISO, MDY"),
        ("extra_float_digits", "2"),
        ("user", "exporter"),
        ("database", "pgtenant"),
        ("application_name", "pgbouncer_exporter"),
    ];
    let mut wire = Wire::log_in(proxy.addr(), &startup, CONSOLE_PASSWORD).unwrap();
    assert_eq!(wire.say(&query(";")), ["EmptyQueryResponse", "ReadyForQuery I"], "how lib/pq pings");
    assert!(!super::rows(&mut wire, "SHOW STATS").is_empty());
    assert!(super::rows(&mut wire, "SHOW VERSION")[0]["version"].starts_with("pgtenant"));
    for list in super::rows(&mut wire, "SHOW LISTS;") {
        list["items"].parse::<f64>().unwrap_or_else(|_| panic!("{list:?}"));
    }
    let config = super::rows(&mut wire, "SHOW CONFIG;");
    for key in ["max_client_conn", "max_user_connections"] {
        let found = config.iter().find(|row| row["key"] == key).expect(key);
        found["value"].parse::<f64>().unwrap();
    }
    for (show, labels, metrics) in [
        (
            "SHOW stats_totals;",
            "database",
            "query_count query_time bytes_received bytes_sent wait_time xact_count xact_time",
        ),
        (
            "SHOW pools;",
            "database user",
            "cl_active cl_active_cancel_req cl_waiting cl_waiting_cancel_req sv_active sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait",
        ),
        (
            "SHOW databases;",
            "name host port database force_user pool_mode",
            "pool_size reserve_pool max_connections current_connections paused disabled",
        ),
    ] {
        let rows = super::rows(&mut wire, show);
        assert!(!rows.is_empty(), "{show}");
        let mut series = std::collections::HashSet::new();
        for row in &rows {
            let values: Vec<_> = labels.split(' ').map(|label| row[label].clone()).collect();
            assert!(series.insert(values), "{show} has a series twice: {rows:#?}");
            for metric in metrics.split(' ') {
                row[metric].parse::<f64>().unwrap_or_else(|_| panic!("{show} {metric}: {row:?}"));
            }
        }
    }
}

#[test]
fn what_drivers_say_when_they_connect_is_taken() {
    let proxy = start(&[], |_| {});
    let mut wire = console(&proxy, "exporter");
    for sql in [
        "SET extra_float_digits = 3",
        "SET application_name = 'PostgreSQL JDBC Driver'",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "BEGIN",
        "SHOW TRANSACTION ISOLATION LEVEL",
        "SHOW standard_conforming_strings",
        "ROLLBACK",
    ] {
        wire.run(sql);
    }
    assert!(wire.parameters.iter().any(|(name, value)| name == "server_version" && value.starts_with("16.")));
}

/// A program of `tests/drivers` that proves so many things at the console.
fn proves(command: impl FnOnce(&Proxy) -> std::process::Command, proofs: usize) {
    let proxy = start(&["alpha"], |_| {});
    proxy.wire("alpha").run("select 1");
    let mut command = command(&proxy);
    command
        .env("CONSOLE_DSN", url(&proxy, "ops"))
        .env("CONSOLE_HOST", proxy.addr().ip().to_string())
        .env("CONSOLE_PORT", proxy.addr().port().to_string())
        .env("CONSOLE_USER", "ops")
        .env("CONSOLE_PASSWORD", CONSOLE_PASSWORD)
        .env("TENANT", proxy.user("alpha"));
    assert_tells(command, proofs);
}

#[test]
fn psycopg_3_and_psycopg2_read_and_command() {
    proves(|proxy| python(proxy, "console_story.py"), 2 * (6 + 3));
}

#[test]
fn node_postgres_reads_and_commands() {
    proves(|proxy| node(proxy, "console_story.mjs"), 6);
}

#[test]
fn pgjdbc_reads_and_commands_in_each_of_its_modes() {
    proves(|proxy| java(proxy, "ConsoleStory.java"), 4);
}
