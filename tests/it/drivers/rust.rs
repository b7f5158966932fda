//! tokio-postgres.

use super::*;

use std::pin::pin;
use std::sync::Arc;

use futures_util::{SinkExt, TryStreamExt, future};
use tokio::sync::Barrier;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::support::connect;

async fn bodies(client: &Client) -> String {
    let rows = client.query("select body from notes", &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

#[test]
fn prepared_statements_follow_twelve_clients_over_three_server_connections() {
    let proxy = proxy(3);
    let all_in = Arc::new(Barrier::new(12));
    let work = |number: i32| {
        let (url, all_in) = (proxy.url("alpha"), Arc::clone(&all_in));
        async move {
            let mut client = connect(&url).await;
            let pid = client.prepare("select pg_backend_pid()").await.unwrap();
            let add = client.prepare("select $1::int + $2::int").await.unwrap();
            let note = client.prepare("insert into notes (body) values ($1)").await.unwrap();
            all_in.wait().await;
            let mut pids = BTreeSet::new();
            for turn in 0..10 {
                let transaction = client.transaction().await.unwrap();
                pids.insert(transaction.query_one(&pid, &[]).await.unwrap().get::<_, i32>(0));
                let sum: i32 = transaction.query_one(&add, &[&number, &turn]).await.unwrap().get(0);
                assert_eq!(sum, number + turn);
                transaction.execute(&note, &[&format!("{number} {turn}")]).await.unwrap();
                transaction.commit().await.unwrap();
                assert_only_own_marker("alpha", &bodies(&client).await);
            }
            all_in.wait().await;
            pids
        }
    };
    let seen = proxy.run(future::join_all((0..12).map(work)));
    let together: BTreeSet<_> = seen.iter().flatten().collect();
    assert!(together.len() <= 3, "{seen:?}");
    assert_eq!(proxy.wire("alpha").value("select count(distinct body) from notes"), "121");
    assert!(proxy.server_connections() <= 3);
    assert_nobody_was_pinned(&proxy, "tokio-postgres");
}

#[tokio::test]
async fn copies_both_ways() {
    let proxy = proxy(2);
    for tenant in ["alpha", "beta"] {
        let client = proxy.connect(tenant).await;
        client.batch_execute("create table goods (id int, name text)").await.unwrap();
        let mut sink = Box::pin(client.copy_in("copy goods from stdin").await.unwrap());
        for block in 0..10 {
            let rows: String = (0..500).map(|n| format!("{}\tgood\n", block * 500 + n)).collect();
            sink.send(bytes::Bytes::from(rows)).await.unwrap();
        }
        assert_eq!(sink.as_mut().finish().await.unwrap(), 5000);
        // Dropped without finish, it must not count.
        let mut sink = Box::pin(client.copy_in("copy goods from stdin").await.unwrap());
        sink.send(bytes::Bytes::from_static(b"1\tlost\n")).await.unwrap();
        drop(sink);
        let out = client.copy_out("copy (select id from goods order by id) to stdout").await.unwrap();
        let out: Vec<bytes::Bytes> = out.try_collect().await.unwrap();
        let text = String::from_utf8(out.concat()).unwrap();
        assert!(text.lines().eq((0..5000).map(|n| n.to_string())));
        assert_only_own_marker(tenant, &bodies(&client).await);
    }
}

#[tokio::test]
async fn pipelined_queries_are_answered_each_with_its_own() {
    let proxy = proxy(2);
    let client = proxy.connect("alpha").await;
    let answers = future::join_all((0..100_i32).map(|n| {
        let client = &client;
        async move { client.query_one("select $1::int * 2", &[&n]).await.unwrap().get::<_, i32>(0) }
    }));
    assert_eq!(answers.await, (0..100).map(|n| n * 2).collect::<Vec<_>>());
    let statement = client.prepare("select 100 / $1::int").await.unwrap();
    let answers = future::join_all([5_i32, 0, 4].map(|n| {
        let (client, statement) = (&client, &statement);
        async move { client.query_one(statement, &[&n]).await.map(|row| row.get::<_, i32>(0)) }
    }));
    let [first, failed, last] = <[_; 3]>::try_from(answers.await).unwrap();
    assert_eq!((first.unwrap(), last.unwrap()), (20, 25));
    assert_eq!(failed.unwrap_err().code(), Some(&SqlState::DIVISION_BY_ZERO));
    assert_only_own_marker("alpha", &bodies(&client).await);
}

#[tokio::test]
async fn transactions_roll_back_nest_and_survive_errors() {
    let proxy = proxy(2);
    let mut client = proxy.connect("alpha").await;
    let mut transaction = client.transaction().await.unwrap();
    transaction.execute("insert into notes (body) values ('kept')", &[]).await.unwrap();
    let savepoint = transaction.savepoint("part").await.unwrap();
    savepoint.execute("insert into notes (body) values ('undone')", &[]).await.unwrap();
    let error = savepoint.query("select 1 / 0", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
    let error = savepoint.query("select 1", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    savepoint.rollback().await.unwrap();
    transaction.commit().await.unwrap();
    // Dropped without commit, it is rolled back.
    let transaction = client.transaction().await.unwrap();
    transaction.execute("delete from notes", &[]).await.unwrap();
    drop(transaction);
    assert_eq!(bodies(&client).await, "marker of alpha\nkept");
}

#[tokio::test]
async fn portal_gives_rows_in_portions() {
    let proxy = proxy(2);
    let mut client = proxy.connect("alpha").await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("select generate_series(1, 250)", &[]).await.unwrap();
    let mut sizes = Vec::new();
    while sizes.last() != Some(&0) {
        sizes.push(transaction.query_portal(&portal, 100).await.unwrap().len());
    }
    assert_eq!(sizes, [100, 100, 50, 0]);
    transaction.commit().await.unwrap();
    assert_only_own_marker("alpha", &bodies(&client).await);
}

#[test]
fn cancel_token_cancels_its_own_client_only() {
    let proxy = proxy(2);
    let (one, two) = proxy.run(async { (proxy.connect("alpha").await, proxy.connect("alpha").await) });
    let sleep = async |client: &Client| client.batch_execute("select pg_sleep(60)").await;
    let when_both_sleep = async || {
        let sql = format!(
            "select count(*) from pg_stat_activity where usename = '{}' and wait_event = 'PgSleep'",
            proxy.role("alpha")
        );
        let admin = connect(&proxy.db.admin_url).await;
        while admin.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) < 2 {
            tokio::task::yield_now().await;
        }
    };
    let canceled = |answer: Result<(), tokio_postgres::Error>| {
        assert_eq!(answer.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    };
    proxy.run(async {
        let (mut first, mut second) = (pin!(sleep(&one)), pin!(sleep(&two)));
        tokio::select! {
            answer = &mut first => panic!("not asleep: {answer:?}"),
            answer = &mut second => panic!("not asleep: {answer:?}"),
            () = when_both_sleep() => one.cancel_token().cancel_query(NoTls).await.unwrap(),
        }
        tokio::select! {
            answer = &mut second => panic!("cancelled with the other: {answer:?}"),
            answer = &mut first => canceled(answer),
        }
        two.cancel_token().cancel_query(NoTls).await.unwrap();
        canceled(second.await);
        assert_only_own_marker("alpha", &bodies(&one).await);
        assert_only_own_marker("alpha", &bodies(&two).await);
        // With nothing to cancel, a cancel does nothing to whatever runs next.
        one.cancel_token().cancel_query(NoTls).await.unwrap();
        assert_only_own_marker("alpha", &bodies(&one).await);
    });
}

#[tokio::test]
async fn errors_leave_the_connection_usable() {
    let proxy = proxy(1);
    let client = proxy.connect("alpha").await;
    for (sql, code) in [
        ("selec", SqlState::SYNTAX_ERROR),
        ("select * from nowhere", SqlState::UNDEFINED_TABLE),
        ("select 1 / 0", SqlState::DIVISION_BY_ZERO),
        ("select * from tenant_other.notes", SqlState::INSUFFICIENT_PRIVILEGE),
    ] {
        assert_eq!(client.query(sql, &[]).await.unwrap_err().code(), Some(&code), "{sql}");
        assert_eq!(client.batch_execute(sql).await.unwrap_err().code(), Some(&code), "{sql}");
        assert_only_own_marker("alpha", &bodies(&client).await);
    }
}

#[tokio::test]
async fn options_in_the_connection_string_are_in_force() {
    let proxy = proxy(1);
    let mut config: Config = proxy.url("alpha").parse().unwrap();
    config.options("-c lock_timeout=1234").application_name("a service");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let other = proxy.connect("alpha").await;
    for _ in 0..2 {
        let sql = "select current_setting('lock_timeout') || ' ' || current_setting('application_name')";
        let set: String = client.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(set, "1234ms a service");
        assert_eq!(other.query_one("show lock_timeout", &[]).await.unwrap().get::<_, &str>(0), "0");
    }
}
