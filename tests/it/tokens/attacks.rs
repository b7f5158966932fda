//! Tokens that are none, and what their bearer learns.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::proxy::Proxy;
use crate::support::wire::frame;
use crate::tokens::{ask, claims, log_in, now, refusal, sign, sign_as, token, with_tokens};

const REFUSED: &str = "Error FATAL 28P01 password authentication failed for user \"token\"";

#[test]
fn whatever_is_wrong_with_a_token_the_answer_is_the_same_and_the_counters_say_why() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let good = token(&proxy, "acme");
    let with = |name: &str, value: Value| {
        let mut claims = claims(&proxy, "acme");
        claims[name] = value;
        sign(&claims)
    };
    let claims = claims(&proxy, "acme");
    let unsigned = sign_as(r#"{"alg":"none"}"#, &claims, "ed25519.pem", Algorithm::EdDSA);
    let signed = good.rsplit_once('.').unwrap().0;
    let of_another = with("sub", json!("eve"));
    let others = of_another.rsplit_once('.').unwrap().1;
    let attacks: Vec<(&str, Vec<u8>)> = vec![
        ("no_credential", vec![]),
        ("no_credential", b"correct horse".to_vec()),
        ("no_credential", b"eyJ\xff\xfe".to_vec()),
        ("no_credential", format!(" {good}").into_bytes()),
        ("token_malformed", b"eyJ".to_vec()),
        ("token_malformed", format!("{good}.{good}").into_bytes()),
        ("token_malformed", format!("{signed}.").into_bytes()),
        ("token_malformed", format!("{good}=").into_bytes()),
        ("token_algorithm", unsigned.into_bytes()),
        ("token_too_long", with("x", json!("y".repeat(6500))).into_bytes()),
        ("token_signature", format!("{signed}.{others}").into_bytes()),
        (
            "token_unknown_key",
            sign_as(r#"{"alg":"ES256"}"#, &claims, "p256.pem", Algorithm::ES256).into_bytes(),
        ),
        (
            "token_header",
            sign_as(r#"{"alg":"EdDSA","crit":["exp"]}"#, &claims, "ed25519.pem", Algorithm::EdDSA)
                .into_bytes(),
        ),
        ("token_issuer", with("iss", json!("https://evil.example")).into_bytes()),
        ("token_audience", with("aud", json!("shop")).into_bytes()),
        ("token_expired", with("exp", json!(now() - 1)).into_bytes()),
        ("token_not_yet_valid", with("nbf", json!(now() + 60)).into_bytes()),
        ("token_claims", with("exp", json!(u64::MAX)).into_bytes()),
        ("token_tenant", with("tenant_id", json!("acme'; drop schema global; --")).into_bytes()),
        ("no_tenant", with("tenant_id", json!("nobody")).into_bytes()),
        ("no_tenant", with("tenant_id", json!("0190a3c4-0000-7000-8000-00000000000a")).into_bytes()),
    ];
    let mut expected = std::collections::BTreeMap::new();
    for (reason, attack) in &attacks {
        let shown: String = String::from_utf8_lossy(attack).chars().take(60).collect();
        assert_eq!(refusal(&proxy, "token", attack), REFUSED, "{reason}: {shown}");
        *expected.entry(*reason).or_insert(0) += 1;
    }
    let snapshot = proxy.shared().counters.snapshot();
    assert_eq!(snapshot.credentials_refused, expected);
    assert_eq!(snapshot.auth_failures, attacks.len() as u64);
    assert!(log_in(&proxy, "token", good.as_bytes()).is_ok());
}

#[test]
fn answer_does_not_tell_whether_the_tenant_of_a_user_name_exists() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let known = format!("token.{}", proxy.user("acme"));
    for user in [known.as_str(), "token.nobody"] {
        assert_eq!(ask(&proxy, user).1, "Authentication 3");
        let expected = REFUSED.replace("token", user);
        assert_eq!(refusal(&proxy, user, b"eyJ.x.y"), expected);
    }
    // A name with which nobody can log in by token is one with a password, which nobody has.
    for user in ["token.", "token.No", "tokens"] {
        assert_eq!(ask(&proxy, user).1, "Authentication 10", "{user}");
    }
}

#[test]
fn broken_password_message_ends_the_connection() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let token = token(&proxy, "acme");
    let malformed = "Error FATAL 08P01 malformed password packet";
    for (body, said) in [
        (token.clone().into_bytes(), malformed),
        ([token.as_bytes(), b"\0", b"x"].concat(), malformed),
        (vec![], malformed),
        (vec![b'x'; 20_000], "Error FATAL 08P01 password response is too long"),
    ] {
        let (mut wire, _) = ask(&proxy, "token");
        wire.may_break = true;
        wire.try_send(&frame(b'p', &body));
        assert_eq!(wire.try_recv().map(|message| message.to_string()).as_deref(), Some(said));
    }
    let (mut wire, _) = ask(&proxy, "token");
    wire.send(&frame(b'Q', b"select 1\0"));
    assert!(wire.recv().to_string().starts_with("Error FATAL 08P01 expected password response"));
}
