use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::file::{Input, read};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn config(address: SocketAddr, more: &[(&str, &str)]) -> Config {
    let port = address.port().to_string();
    let environment: Vec<(OsString, OsString)> =
        [("PGTENANT_MASTER_KEY", KEY), ("PGTENANT_SERVER_DATABASE", "app"), ("PGTENANT_SERVER_PORT", &port)]
            .iter()
            .chain(more)
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
    let read_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let input = Input { name: "p.toml", text: "", environment: &environment, read_file: &read_file };
    read(&input).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What `check` finds at a server that reads the startup message, says this, and hangs up.
async fn found_at_server_that_says(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(listener.local_addr().unwrap(), &[]);
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let length = socket.read_i32().await.unwrap();
        socket.read_exact(&mut vec![0; usize::try_from(length).unwrap() - 4]).await.unwrap();
        socket.write_all(&answer).await.unwrap();
    };
    let mut problems = Problems::default();
    let (version, ()) = tokio::join!(check(&config, &mut problems), server);
    assert_eq!(version, None);
    problems.to_string().replace(&config_port(&config), "PORT")
}

fn config_port(config: &Config) -> String {
    match &config.server.address {
        ServerAddress::Tcp(_, port) => port.to_string(),
        ServerAddress::Unix(_) => unreachable!("the tests use TCP"),
    }
}

/// An ErrorResponse (protocol section "Message Formats").
fn refusal(code: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
    let length = u32::try_from(4 + fields.len()).unwrap();
    [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat()
}

#[tokio::test]
async fn refused_login_names_the_key_and_the_remedy() {
    for (code, key, remedy) in [
        ("28P01", "registry.user", "run `pgtenant init` with this master key"),
        ("28000", "registry.user", "pg_hba.conf"),
        ("42501", "registry.user", "run `pgtenant init`: it lets the role"),
        ("3D000", "server.database", "create the database \"app\""),
        ("53300", "pool.max_server_connections", "max_connections"),
        ("57P03", "server.host", "wait until"),
        ("XX000", "registry.user", "read the server's log"),
    ] {
        let found = found_at_server_that_says(refusal(code, "no such luck")).await;
        let head = format!(
            "server 127.0.0.1:PORT: {key}: the login as \"pgtenant_proxy\" failed: no such luck\n    "
        );
        assert!(found.starts_with(&head), "{found}");
        assert!(found.contains(remedy), "{found}");
    }
}

#[tokio::test]
async fn program_that_is_not_postgresql_is_found() {
    let found = found_at_server_that_says(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await;
    assert!(found.contains("server.port: the login as \"pgtenant_proxy\" failed: "), "{found}");
    assert!(found.contains("make sure that PostgreSQL is what listens there"), "{found}");
}

#[tokio::test]
async fn server_that_is_not_there_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(listener.local_addr().unwrap(), &[]);
    drop(listener);
    let mut problems = Problems::default();
    assert_eq!(check(&config, &mut problems).await, None);
    let found = problems.to_string();
    assert!(found.contains("server.port: cannot be reached: "), "{found}");
    assert!(found.contains("start PostgreSQL there"), "{found}");
}

#[tokio::test]
async fn server_that_never_answers_is_given_up_after_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limit = ("PGTENANT_SERVER_CONNECT_TIMEOUT", "50ms");
    let config = config(listener.local_addr().unwrap(), &[limit]);
    let mut problems = Problems::default();
    assert_eq!(check(&config, &mut problems).await, None);
    let found = problems.to_string();
    assert!(found.contains("server.connect_timeout: no answer within 50ms"), "{found}");
}

#[tokio::test]
async fn unix_socket_that_is_not_there_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let host = ("PGTENANT_SERVER_HOST", dir.path().to_str().unwrap());
    let config = config("127.0.0.1:5432".parse().unwrap(), &[host]);
    let mut problems = Problems::default();
    assert_eq!(check(&config, &mut problems).await, None);
    let found = problems.to_string();
    assert!(found.contains("/.s.PGSQL.5432: server.host: cannot be reached: "), "{found}");
    assert!(found.contains("unix_socket_directories"), "{found}");
}
