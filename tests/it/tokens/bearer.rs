//! Tokens by OAUTHBEARER, as libpq 18 sends them.

use pgtenant::config::auth::WithoutTls;
use serde_json::json;

use crate::support::proxy::{PASSWORD, Proxy};
use crate::support::wire::{Wire, frame};
use crate::tokens::{ask, claims, now, sign, token, with_tokens};

/// Sends the first message and returns what is answered.
fn present(wire: &mut Wire, data: &[u8]) -> String {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    wire.send(&frame(b'p', &[b"OAUTHBEARER\0", &length[..], data].concat()));
    let message = wire.recv();
    if message.tag == b'R' && message.body.starts_with(&[0, 0, 0, 11]) {
        return format!("Challenge {}", String::from_utf8_lossy(&message.body[4..]));
    }
    message.to_string()
}

fn bearer(token: &str) -> Vec<u8> {
    format!("n,,\x01auth=Bearer {token}\x01\x01").into_bytes()
}

fn log_in(proxy: &Proxy, user: &str, token: &str) -> Result<Wire, String> {
    let (mut wire, _) = ask(proxy, user);
    let answer = present(&mut wire, &bearer(token));
    if answer == "Authentication 0" {
        wire.welcome()?;
        return Ok(wire);
    }
    if !answer.starts_with("Challenge ") {
        return Err(answer);
    }
    wire.send(&frame(b'p', b"\x01"));
    let lines = wire.until_end();
    assert_eq!(lines.len(), 2, "{lines:?}");
    Err(format!("{answer} {}", lines[0]))
}

fn refused(user: &str) -> String {
    let address = "https://issuer.example/.well-known/openid-configuration";
    format!(
        "Challenge {{\"openid-configuration\":\"{address}\",\"status\":\"invalid_token\"}} \
         Error FATAL 28000 OAuth bearer authentication failed for user \"{user}\""
    )
}

#[test]
fn token_opens_a_session_of_its_tenant_whatever_the_user_is_called() {
    let proxy = Proxy::start(&["acme", "beta"], with_tokens);
    let (acme, beta) = (proxy.user("acme"), proxy.user("beta"));
    for user in ["ann@example.com", acme.as_str()] {
        let mut wire = log_in(&proxy, user, &token(&proxy, "acme")).unwrap();
        assert_eq!(wire.value("select current_schema"), proxy.db.schema("acme"), "{user}");
    }
    // A registered user is somebody: of another tenant, it is not the one the token is for.
    assert_eq!(log_in(&proxy, &beta, &token(&proxy, "acme")).err().unwrap(), refused(&beta));
    // SCRAM stays what is offered first, and goes on as before.
    let parameters = [("user", acme.as_str()), ("database", &proxy.db.name)];
    let mut wire = Wire::log_in(proxy.addr(), &parameters, PASSWORD).unwrap();
    assert_eq!(wire.value("select current_schema"), proxy.db.schema("acme"));
}

#[test]
fn token_that_is_not_good_is_answered_with_where_to_get_one_and_refused() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = claims(&proxy, "acme");
        claims[name] = value;
        sign(&claims)
    };
    let (expired, of_nobody) = (with("exp", json!(now() - 1)), with("tenant_id", json!("nobody")));
    for token in ["", "x", "eyJ.eyJ.x", &expired, &of_nobody] {
        assert_eq!(log_in(&proxy, "ann", token).err().unwrap(), refused("ann"), "{token}");
    }
    assert_eq!(proxy.shared().counters.snapshot().auth_failures, 5);
    let read_only = with("scope", json!("read_only"));
    let mut reads = log_in(&proxy, "ann", &read_only).unwrap();
    assert!(reads.query("delete from notes")[0].starts_with("Error ERROR 25006"));
}

#[test]
fn bearer_message_out_of_form_ends_the_exchange() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let token = token(&proxy, "acme");
    let malformed = "Error FATAL 08P01 malformed OAUTHBEARER message";
    for data in [
        format!("p=tls,,\x01auth=Bearer {token}\x01\x01"),
        format!("n,,\x01auth=Bearer {token}\x01"),
        String::new(),
    ] {
        assert_eq!(present(&mut ask(&proxy, "ann").0, data.as_bytes()), malformed);
    }
    let other = format!("n,a=admin,\x01auth=Bearer {token}\x01\x01");
    assert!(
        present(&mut ask(&proxy, "ann").0, other.as_bytes()).starts_with("Error FATAL 0A000 client uses")
    );
    let (mut wire, _) = ask(&proxy, "ann");
    assert!(present(&mut wire, &bearer("")).starts_with("Challenge"));
    wire.send(&frame(b'p', &bearer(&token)));
    assert_eq!(wire.until_end(), [malformed, "end"], "there is no second try");
}

#[test]
fn mechanism_is_neither_offered_nor_taken_where_others_could_see_the_token() {
    let chosen = "Error FATAL 08P01 client selected an invalid SASL authentication mechanism";
    let never = Proxy::start(&["acme"], |config| {
        with_tokens(config);
        config.auth.tokens_without_tls = WithoutTls::Never;
    });
    let none = Proxy::start(&["acme"], |_| {});
    let here = Proxy::start(&["acme"], with_tokens);
    for (proxy, offered) in [
        (&never, &b"SCRAM-SHA-256\0\0"[..]),
        (&none, b"SCRAM-SHA-256\0\0"),
        (&here, b"SCRAM-SHA-256\0OAUTHBEARER\0\0"),
    ] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&crate::support::wire::startup(crate::support::wire::V3_0, &[("user", "ann")]));
        assert_eq!(&wire.recv().body[4..], offered);
        if offered.len() < 16 {
            assert_eq!(present(&mut wire, &bearer(&token(proxy, "acme"))), chosen);
        }
    }
}
