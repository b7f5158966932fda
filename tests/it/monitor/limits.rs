//! Whoever can connect to the listener can send what he likes.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::*;
use crate::support::proxy::eventually;

/// Everything that comes back, until the other side closes.
fn say(proxy: &Proxy, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(proxy.monitoring()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It may close before it has read all.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn requests_that_are_too_long_or_none_at_all_are_refused_and_the_next_is_answered() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme"], |config| tokens.watch(config));
    let long = "x".repeat(64 * 1024);
    let many = "x: y\r\n".repeat(1000);
    for (what, bytes, statuses) in [
        ("a long line", format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(), ["414", "431"]),
        ("a long header", format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n").into_bytes(), ["431"; 2]),
        ("many headers", format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n").into_bytes(), ["431"; 2]),
        ("a client of PostgreSQL", b"\0\0\0\x08\x04\xd2\x16\x2f\r\n\r\n".to_vec(), ["400"; 2]),
    ] {
        let answer = say(&proxy, &bytes);
        // Where it closes before all is read, the system may take its answer back.
        let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        assert!(status.is_none_or(|status| statuses.contains(&status)), "{what}: {answer}");
    }
    let big = format!("token={long}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(send(proxy.monitoring(), "POST", "/login", &form, &big).status, 413);
    assert_eq!(get(&proxy, "/readyz").status, 200);
}

#[test]
fn many_connections_from_one_address_are_closed_and_counted_and_places_come_back() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme"], |config| tokens.watch(config));
    let held: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(proxy.monitoring()).unwrap()).collect();
    eventually("one more is closed", || {
        say(&proxy, b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").is_empty()
    });
    drop(held);
    eventually("there is room again", || {
        say(&proxy, b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 200")
    });
    assert!(metrics::value(&metrics::text(&proxy), "pgtenant_monitor_connections_refused_total") > 0.5);
}

#[test]
fn what_is_asked_for_cannot_be_more_than_there_may_be_and_nonsense_is_an_error() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme", "beta"], |config| tokens.watch(config));
    let _client = proxy.wire("acme");
    let shown = overview(&proxy, "");
    assert_eq!((&shown["tenants"]["all"], &shown["tenants"]["found"]), (&json!(2), &json!(1)));
    let all = overview(&proxy, "all=true&rows=1&page=1&sort=tenant&ascending=true");
    assert_eq!(all["tenants"]["rows"][0]["tenant"], json!(proxy.user("beta")));
    let none =
        overview(&proxy, "rows=18446744073709551615&page=18446744073709551615&search=%F0%9F%92%A9'%22%3C");
    assert_eq!(none["tenants"]["rows"], json!([]));
    let bearer = format!("Bearer {TOKEN}");
    for nonsense in ["sort=password", "rows=-1", "page=x", "ascending=perhaps"] {
        let answer = get_with(&proxy, &format!("/v1/overview?{nonsense}"), &[("authorization", &bearer)]);
        assert_eq!(answer.status, 400, "{nonsense}");
    }
}

#[test]
fn paths_that_somebody_makes_up_make_no_new_series() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme"], |config| tokens.watch(config));
    for n in 0..20 {
        assert_eq!(get(&proxy, &format!("/made/up/{n}")).status, 404);
    }
    let text = metrics::text(&proxy);
    assert!(
        (metrics::value(&text, "pgtenant_monitor_requests_total{path=\"other\",code=\"404\"}") - 20.0).abs()
            < 0.1
    );
    assert!(!text.contains("made"));
}
