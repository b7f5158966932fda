//! Who gets in, as whom.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::support::proxy::{PASSWORD, Proxy, eventually, stdout};
use crate::support::wire::{V3_0, frame, startup};
use crate::tokens::{ask, claims, key_path, log_in, refusal, sign, sign_as, sign_es512, token, with_tokens};

#[test]
fn token_opens_a_session_of_its_tenant_and_of_no_other() {
    let proxy = Proxy::start(&["acme", "beta"], with_tokens);
    let acme = proxy.user("acme");
    let mut wire = log_in(&proxy, "token", token(&proxy, "acme").as_bytes()).unwrap();
    assert_eq!(wire.value("select current_schema"), proxy.db.schema("acme"));
    wire.run("insert into notes (body) values ('by token')");
    let mut beta = log_in(&proxy, "token", token(&proxy, "beta").as_bytes()).unwrap();
    assert_eq!(beta.value("select count(*) from notes"), "0");
    // By its id, as by its slug; and under a user name that says which tenant is meant.
    let mut by_id = claims(&proxy, "acme");
    by_id["tenant_id"] = json!(proxy.run(proxy.db.summary("acme")).tenant.id.to_string());
    let mut wire = log_in(&proxy, &format!("token.{acme}"), sign(&by_id).as_bytes()).unwrap();
    assert_eq!(wire.value("select body from notes"), "by token");
}

#[test]
fn psql_logs_in_with_a_token_as_its_password() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let run = |user: &str, password: &str| {
        let mut psql = proxy.program("psql", "acme");
        psql.env("PGUSER", user).env("PGPASSWORD", password);
        psql.args(["-XAtqc", "select current_schema"]).output().unwrap()
    };
    let token = token(&proxy, "acme");
    assert_eq!(stdout(&run("token", &token)).trim(), proxy.db.schema("acme"));
    assert_eq!(
        stdout(&run(&format!("token.{}", proxy.user("acme")), &token)).trim(),
        proxy.db.schema("acme")
    );
    let refused = run("token", "eyJ.eyJ.x");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("password authentication failed for user \"token\""), "{said}");
    // Users with passwords of their own go on as before.
    assert_eq!(stdout(&run(&proxy.user("acme"), PASSWORD)).trim(), proxy.db.schema("acme"));
}

#[test]
fn token_by_es512_logs_psql_in_and_one_that_was_changed_does_not() {
    let proxy = Proxy::start(&["acme"], |config| {
        with_tokens(config);
        config.auth.token_keys.push(key_path("p521.pub.pem"));
    });
    let mut claims = claims(&proxy, "acme");
    let token = sign_es512(&claims);
    let mut psql = proxy.program("psql", "acme");
    psql.env("PGUSER", "token").env("PGPASSWORD", &token);
    let ran = psql.args(["-XAtqc", "select current_schema"]).output().unwrap();
    assert_eq!(stdout(&ran).trim(), proxy.db.schema("acme"));
    claims["sub"] = json!("eve@example.com");
    let (changed, signature) = (sign_es512(&claims), token.rsplit_once('.').unwrap().1);
    let forged = format!("{}.{signature}", changed.rsplit_once('.').unwrap().0);
    assert!(refusal(&proxy, "token", forged.as_bytes()).contains("28P01"));
    let refused = proxy.shared().counters.snapshot().credentials_refused;
    assert_eq!(refused, [("token_signature", 1)].into());
}

#[test]
fn user_name_for_another_tenant_than_the_tokens_is_refused() {
    let proxy = Proxy::start(&["acme", "beta"], with_tokens);
    let (token, beta) = (token(&proxy, "acme"), proxy.user("beta"));
    assert_eq!(
        refusal(&proxy, &format!("token.{beta}"), token.as_bytes()),
        format!("Error FATAL 28000 this credential is not one of tenant \"{beta}\"")
    );
    // The same for one that does not exist.
    let refused = refusal(&proxy, "token.nobody", token.as_bytes());
    assert_eq!(refused, "Error FATAL 28000 this credential is not one of tenant \"nobody\"");
}

#[test]
fn token_is_not_asked_for_where_others_could_see_it() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&["acme"], |config| {
        with_tokens(config);
        config.auth.tokens_without_tls = pgtenant::config::auth::WithoutTls::Never;
        config.listen.unix_socket_dir = Some(dir.path().to_owned());
    });
    for user in ["token", "token.nobody"] {
        let (mut wire, first) = ask(&proxy, user);
        assert_eq!(first, "Error FATAL 28000 a token is not taken over a connection that is not encrypted");
        assert_eq!(wire.until_end(), ["end"]);
    }
    // A Unix socket needs no encryption.
    let mut socket = UnixStream::connect(dir.path().join(".s.PGSQL.0")).unwrap();
    socket.write_all(&startup(V3_0, &[("user", "token"), ("database", &proxy.db.name)])).unwrap();
    let mut asked = [0; 9];
    socket.read_exact(&mut asked).unwrap();
    assert_eq!(asked, [b'R', 0, 0, 0, 8, 0, 0, 0, 3]);
    socket.write_all(&frame(b'p', &[token(&proxy, "acme").as_bytes(), &[0]].concat())).unwrap();
    socket.read_exact(&mut asked).unwrap();
    assert_eq!(asked, [b'R', 0, 0, 0, 8, 0, 0, 0, 0]);
}

#[test]
fn token_user_is_a_user_like_any_other_where_no_tokens_are_taken() {
    let proxy = Proxy::start(&["acme"], |_| {});
    for user in ["token", "token.acme", &proxy.user("acme")] {
        assert_eq!(ask(&proxy, user).1, "Authentication 10", "{user}");
    }
}

#[test]
fn token_that_may_only_read_or_does_not_say_writes_nothing_and_an_admin_s_is_not_served() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let with = |scope: serde_json::Value| {
        let mut claims = claims(&proxy, "acme");
        claims["scope"] = scope;
        log_in(&proxy, "token", sign(&claims).as_bytes())
    };
    for scope in [json!("read_only"), json!(null)] {
        let mut wire = with(scope).unwrap();
        assert_eq!(wire.value("select current_user"), format!("reader_{}", proxy.user("acme")));
        assert_eq!(wire.value("select count(*) from notes"), "0");
        assert!(wire.query("insert into notes (body) values ('x')")[0].starts_with("Error ERROR 25006"));
    }
    let refused = "Error FATAL 28000 tokens with the scope admin are not taken here";
    assert_eq!(with(json!("admin")).err().unwrap(), refused);
}

#[test]
fn key_that_is_put_into_the_file_is_used_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.pem");
    std::fs::copy(key_path("ed25519.pub.pem"), &path).unwrap();
    let proxy = Proxy::start(&["acme"], |config| {
        with_tokens(config);
        config.auth.token_keys = vec![path.clone()];
    });
    let claims = claims(&proxy, "acme");
    let by_other = sign_as(r#"{"alg":"ES256"}"#, &claims, "p256.pem", jsonwebtoken::Algorithm::ES256);
    assert!(refusal(&proxy, "token", by_other.as_bytes()).contains("28P01"));
    std::fs::copy(key_path("p256.pub.pem"), &path).unwrap();
    eventually("the other key is known", || log_in(&proxy, "token", by_other.as_bytes()).is_ok());
    assert!(refusal(&proxy, "token", sign(&claims).as_bytes()).contains("28P01"));
}
