//! sqlx, as a tenant through the proxy. A line for each thing proved.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection, Row};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Connections of each tenant, on far fewer server connections.
const CLIENTS: u32 = 8;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

async fn open(dsn: &str) -> Result<PgPool> {
    let options: PgConnectOptions = variable(dsn).parse()?;
    Ok(PgPoolOptions::new().min_connections(CLIENTS).max_connections(CLIENTS).connect_with(options).await?)
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned()
}

fn fails<T>(result: std::result::Result<T, sqlx::Error>, expected: &str) {
    match result {
        Ok(_) => panic!("no error {expected}"),
        Err(error) => assert_eq!(code(&error), expected, "{error}"),
    }
}

async fn rows(pool: &PgPool) -> Result {
    sqlx::raw_sql("CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL UNIQUE, data jsonb)")
        .execute(pool)
        .await?;
    let (id,): (i32,) = sqlx::query_as("INSERT INTO people (name, data) VALUES ($1, $2) RETURNING id")
        .bind("Ada")
        .bind(sqlx::types::Json(HashMap::from([("a", 1)])))
        .fetch_one(pool)
        .await?;
    let done =
        sqlx::query("UPDATE people SET name = upper(name) WHERE id = $1").bind(id).execute(pool).await?;
    assert_eq!(done.rows_affected(), 1);
    let name: String =
        sqlx::query_scalar("SELECT name FROM people WHERE id = $1").bind(id).fetch_one(pool).await?;
    assert_eq!(name, "ADA");
    fails(sqlx::query("INSERT INTO people (name) VALUES ('ADA')").execute(pool).await, "23505");
    sqlx::query("DELETE FROM people").execute(pool).await?;
    Ok(())
}

async fn transactions(pool: &PgPool) -> Result {
    let mut outer = pool.begin().await?;
    sqlx::query("INSERT INTO people (name) VALUES ('outer')").execute(&mut *outer).await?;
    let mut inner = outer.begin().await?;
    sqlx::query("INSERT INTO people (name) VALUES ('inner')").execute(&mut *inner).await?;
    fails(sqlx::query("SELECT 1/0").execute(&mut *inner).await, "22012");
    fails(sqlx::query("SELECT 1").execute(&mut *inner).await, "25P02");
    inner.rollback().await?;
    outer.commit().await?;
    {
        // Dropped, it is rolled back.
        let mut lost = pool.begin().await?;
        sqlx::query("DELETE FROM people").execute(&mut *lost).await?;
    }
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM people").fetch_all(pool).await?;
    assert_eq!(names, ["outer"]);
    Ok(())
}

async fn prepared_statements(pool: &PgPool) -> Result {
    for n in 0..60_i64 {
        let got: i64 = sqlx::query_scalar("SELECT $1::int8 * 2").bind(n).fetch_one(pool).await?;
        assert_eq!(got, n * 2);
    }
    // Each its own, more than a connection's cache of 100 keeps.
    let mut one = pool.acquire().await?;
    for n in 0..130 {
        let got: i32 = sqlx::query_scalar(&format!("SELECT $1 + {n}")).bind(1).fetch_one(&mut *one).await?;
        assert_eq!(got, n + 1);
    }
    Ok(())
}

async fn changing_table(pool: &PgPool) -> Result {
    sqlx::raw_sql("CREATE TABLE moving (a int); INSERT INTO moving VALUES (1)").execute(pool).await?;
    for column in ["b", "c"] {
        for _ in 0..CLIENTS {
            let row = sqlx::query("SELECT * FROM moving WHERE a = $1")
                .persistent(false)
                .bind(1)
                .fetch_one(pool)
                .await?;
            assert_eq!(row.get::<i32, _>(0), 1);
        }
        sqlx::raw_sql(&format!("ALTER TABLE moving ADD {column} text")).execute(pool).await?;
        let row = sqlx::query("SELECT * FROM moving WHERE a = $1")
            .persistent(false)
            .bind(1)
            .fetch_one(pool)
            .await?;
        assert!(row.try_get::<Option<String>, _>(column).is_ok());
    }
    Ok(())
}

async fn copy(pool: &PgPool) -> Result {
    let mut one = pool.acquire().await?;
    let mut copy = one.copy_in_raw("COPY people (name) FROM STDIN").await?;
    for n in 0..500 {
        copy.send(format!("copied {n}\n").into_bytes()).await?;
    }
    assert_eq!(copy.finish().await?, 500);
    let mut copy = one.copy_in_raw("COPY people (name) FROM STDIN").await?;
    copy.send(&b"copied 1\n"[..]).await?;
    fails(copy.finish().await, "23505");
    let bytes: Vec<u8> = one
        .copy_out_raw("COPY (SELECT name FROM people WHERE name LIKE 'copied%') TO STDOUT")
        .await?
        .try_fold(Vec::new(), |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        })
        .await?;
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 500);
    Ok(())
}

async fn streams(pool: &PgPool) -> Result {
    let mut rows = sqlx::query_scalar::<_, i32>("SELECT generate_series(1, 20000)").fetch(pool);
    let mut sum = 0_i64;
    while let Some(n) = rows.try_next().await? {
        sum += i64::from(n);
    }
    assert_eq!(sum, 200_010_000);
    Ok(())
}

async fn settings_and_errors(pool: &PgPool) -> Result {
    let mut one = pool.acquire().await?;
    sqlx::query("SET statement_timeout = 100").execute(&mut *one).await?;
    fails(sqlx::query("SELECT pg_sleep(5)").execute(&mut *one).await, "57014");
    sqlx::query("RESET statement_timeout").execute(&mut *one).await?;
    fails(sqlx::query("SELECT * FROM nowhere").execute(&mut *one).await, "42P01");
    fails(sqlx::query("SELECT * FROM pgtenant.tenants").execute(&mut *one).await, "42501");
    let zone: String = sqlx::query_scalar("SHOW TimeZone").fetch_one(&mut *one).await?;
    assert_eq!(zone, "UTC", "sqlx sets it in its startup packet");
    Ok(())
}

/// sqlx sends no cancel request: whose future is dropped waits for the answer before the next statement, and
/// never takes the one for the other.
async fn dropped_future(pool: &PgPool) -> Result {
    let mut one = pool.acquire().await?;
    for nap in ["SELECT 1 FROM pg_sleep(0.2)", "SELECT 2 FROM pg_sleep(0.2)"] {
        let nap = sqlx::query_scalar::<_, i32>(nap).fetch_all(&mut *one);
        assert!(tokio::time::timeout(Duration::from_millis(50), nap).await.is_err());
        let seven: i32 = sqlx::query_scalar("SELECT $1::int").bind(7).fetch_one(&mut *one).await?;
        assert_eq!(seven, 7);
    }
    Ok(())
}

async fn listen(pool: &PgPool) -> Result {
    let mut listener = PgListener::connect(&variable("DSN")).await?;
    listener.listen_all(["news", "other"]).await?;
    sqlx::query("SELECT pg_notify('news', $1)").bind("hello").execute(pool).await?;
    let heard = tokio::time::timeout(Duration::from_secs(20), listener.recv()).await??;
    assert_eq!((heard.channel(), heard.payload()), ("news", "hello"));
    listener.unlisten_all().await?;
    Ok(())
}

/// All clients of both tenants at once: each reads its own, and server processes serve several of them.
async fn sharing(alpha: &PgPool, beta: &PgPool) -> Result {
    let ask = |pool: PgPool, marker: String| async move {
        let mut pids = Vec::new();
        for _ in 0..20 {
            let mut transaction = pool.begin().await?;
            let (pid, body): (i32, String) = sqlx::query_as("SELECT pg_backend_pid(), body FROM notes")
                .fetch_one(&mut *transaction)
                .await?;
            assert_eq!(body, marker);
            transaction.commit().await?;
            pids.push(pid);
        }
        Ok::<_, sqlx::Error>(pids)
    };
    let local = tokio::task::LocalSet::new();
    let mut all = Vec::new();
    for _ in 0..CLIENTS {
        all.push(local.spawn_local(ask(alpha.clone(), variable("MARKER"))));
        all.push(local.spawn_local(ask(beta.clone(), variable("OTHER_MARKER"))));
    }
    let pids = local
        .run_until(async {
            let mut pids = Vec::new();
            for task in all {
                pids.extend(task.await??);
            }
            Ok::<_, Box<dyn Error>>(pids)
        })
        .await?;
    let distinct: std::collections::HashSet<_> = pids.iter().collect();
    let most = 2 * variable("SERVER_CONNECTIONS").parse::<usize>()?;
    assert!(distinct.len() <= most, "{} server processes for {} clients", distinct.len(), 2 * CLIENTS);
    Ok(())
}

async fn advisory_lock_and_temporary_table(_: &PgPool) -> Result {
    let mut one = PgConnection::connect(&variable("DSN")).await?;
    sqlx::query("SELECT pg_advisory_lock(7)").execute(&mut one).await?;
    sqlx::query("CREATE TEMP TABLE scratch AS SELECT 1 AS a").execute(&mut one).await?;
    let a: i32 = sqlx::query_scalar("SELECT a FROM scratch").fetch_one(&mut one).await?;
    assert_eq!(a, 1);
    sqlx::query("DROP TABLE scratch").execute(&mut one).await?;
    sqlx::query("SELECT pg_advisory_unlock(7)").execute(&mut one).await?;
    one.close().await?;
    Ok(())
}

fn proved(what: &str) {
    println!("ok: {what}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    println!("client: sqlx {}", "0.8");
    let (alpha, beta) = (open("DSN").await?, open("OTHER_DSN").await?);
    rows(&alpha).await?;
    proved("rows are created, read, updated and deleted");
    transactions(&alpha).await?;
    proved("transactions, savepoints, an error in one, one that is dropped");
    prepared_statements(&alpha).await?;
    proved("prepared statements, more than the cache keeps");
    changing_table(&alpha).await?;
    proved("a table that changes under them");
    copy(&alpha).await?;
    proved("COPY both ways, and one that fails");
    streams(&alpha).await?;
    proved("a result in portions");
    settings_and_errors(&alpha).await?;
    proved("settings, a time-out, errors by SQLSTATE");
    dropped_future(&alpha).await?;
    proved("a future that is dropped");
    listen(&alpha).await?;
    proved("LISTEN and NOTIFY");
    sharing(&alpha, &beta).await?;
    proved("server processes are shared, and rows are not");
    println!("== ordinary work is done");
    std::io::stdin().read_line(&mut String::new())?;
    advisory_lock_and_temporary_table(&alpha).await?;
    proved("an advisory lock and a temporary table");
    Ok(())
}
