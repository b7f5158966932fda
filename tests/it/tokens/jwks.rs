//! Keys at an https address: fetched, fetched again for an unknown key, kept where the address fails.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::support::proxy::{Proxy, eventually};
use crate::tokens::{claims, key_path, log_in, refusal, sign_as, with_tokens};

/// An issuer that answers every request with the same text.
struct Issuer {
    url: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn start() -> Self {
        let file = |name: &str| std::fs::read(key_path(name)).unwrap();
        let certificate = CertificateDer::from_pem_slice(&file("localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&file("localhost.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/jwks", listener.local_addr().unwrap().port());
        let (answer, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let (said, count) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut tls = StreamOwned::new(connection, stream.unwrap());
                if tls.read(&mut [0; 4096]).is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                    let text = said.lock().unwrap().clone();
                    let _ = tls.write_all(text.as_bytes());
                    tls.conn.send_close_notify();
                    let _ = tls.flush();
                }
            }
        });
        Self { url, answer, asked }
    }

    fn answers(&self, head: &str, body: &str) {
        let length = body.len();
        let text = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        *self.answer.lock().unwrap() = text;
    }

    /// With the one key under this name.
    fn has(&self, kid: &str) {
        let pem = String::from_utf8(std::fs::read(key_path("ed25519.pub.pem")).unwrap()).unwrap();
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(base64).unwrap();
        let x = URL_SAFE_NO_PAD.encode(&der[der.len() - 32..]);
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig"}]});
        self.answers("200 OK", &keys.to_string());
    }

    fn proxy(&self) -> Proxy {
        Proxy::start(&["acme"], |config| {
            with_tokens(config);
            config.auth.token_keys.clear();
            config.auth.token_keys_url = Some(self.url.clone());
            config.auth.token_keys_ca = Some(key_path("localhost.pem"));
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn token(proxy: &Proxy, kid: &str) -> String {
    let header = json!({"alg": "EdDSA", "kid": kid}).to_string();
    sign_as(&header, &claims(proxy, "acme"), "ed25519.pem", Algorithm::EdDSA)
}

#[test]
fn keys_are_fetched_and_fetched_again_for_an_unknown_one_but_not_for_a_flood_of_them() {
    let issuer = Issuer::start();
    issuer.has("a");
    let proxy = issuer.proxy();
    eventually("the keys are there", || log_in(&proxy, "token", token(&proxy, "a").as_bytes()).is_ok());
    let before = issuer.asked();
    for number in 0..50 {
        let unknown = token(&proxy, &format!("unknown {number}"));
        assert!(refusal(&proxy, "token", unknown.as_bytes()).contains("28P01"));
    }
    assert!(issuer.asked() <= before + 1, "{} fetches", issuer.asked() - before);
    // The issuer changes its key: the first token with the new one that comes after the rest brings it here.
    issuer.has("b");
    eventually("the new key is there", || log_in(&proxy, "token", token(&proxy, "b").as_bytes()).is_ok());
    assert!(refusal(&proxy, "token", token(&proxy, "a").as_bytes()).contains("28P01"), "the old one is gone");
}

#[test]
fn address_that_fails_or_redirects_is_said_and_the_proxy_goes_on() {
    for (head, body) in [
        ("500 Oops", ""),
        ("302 Found\r\nlocation: http://127.0.0.1:1/", ""),
        ("200 OK", "<html>"),
        ("200 OK", &*" ".repeat(300_000)),
    ] {
        let issuer = Issuer::start();
        issuer.answers(head, body);
        let proxy = issuer.proxy();
        let failures = || proxy.shared().counters.snapshot().key_load_failures;
        eventually("the failure is counted", || failures() > 0);
        assert!(refusal(&proxy, "token", token(&proxy, "a").as_bytes()).contains("28P01"), "{head}");
        assert_eq!(issuer.asked(), 1, "{head}");
        assert!(proxy.wire("acme").value("select 1") == "1");
    }
}

#[test]
fn certificate_that_nobody_vouches_for_is_not_believed() {
    let issuer = Issuer::start();
    issuer.has("a");
    let proxy = Proxy::start(&["acme"], |config| {
        with_tokens(config);
        config.auth.token_keys_url = Some(issuer.url.clone());
    });
    eventually("the failure is counted", || proxy.shared().counters.snapshot().key_load_failures > 0);
    assert_eq!(issuer.asked(), 0);
    // Keys from files go on beside it.
    let by_file = sign_as(r#"{"alg":"EdDSA"}"#, &claims(&proxy, "acme"), "ed25519.pem", Algorithm::EdDSA);
    assert!(log_in(&proxy, "token", by_file.as_bytes()).is_ok());
}
