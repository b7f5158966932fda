//! Listeners: psql, tokio-postgres, psycopg, asyncpg.

use super::*;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::drivers::stories::{assert_tells, python};

#[test]
fn psql_prints_its_own_at_once() {
    let proxy = proxy(1);
    let said = stdout(&proxy.psql("alpha", "listen x;\nnotify x, 'one';\nselect 1;\nlisten y; notify y;\n"));
    assert!(
        said.contains("Asynchronous notification \"x\" with payload \"one\" received from server process"),
        "{said}"
    );
    assert!(said.contains("Asynchronous notification \"y\" received from server process"), "{said}");
}

#[tokio::test]
async fn tokio_postgres_hears_while_it_queries() {
    let proxy = proxy(1);
    let (client, mut connection) = tokio_postgres::connect(&proxy.url("alpha"), NoTls).await.unwrap();
    let mut messages = poll_fn(move |cx| connection.poll_message(cx));
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message {
                let _ = heard.send(notification.payload().to_owned());
            }
        }
    });
    client.batch_execute("LISTEN x").await.unwrap();
    let other = proxy.connect("alpha").await;
    for n in 0..20 {
        other.execute("SELECT pg_notify('x', $1)", &[&n.to_string()]).await.unwrap();
        client.query_one("SELECT 1", &[]).await.unwrap();
        let payload = timeout(Duration::from_secs(20), hears.recv()).await.unwrap();
        assert_eq!(payload, Some(n.to_string()));
    }
}

#[test]
fn psycopg_and_asyncpg_listen_over_two_server_connections() {
    let proxy = proxy(2);
    assert_tells(python(&proxy, "notify_story.py"), 3);
}
