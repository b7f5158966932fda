//! Who sees the dashboard.

use pgtenant::auth::Access;
use pgtenant::config::auth::AdminTokens;
use serde_json::json;

use super::*;
use crate::tokens::{ISSUER, new_key, now, sign, token, with_tokens};

fn log_in(proxy: &Proxy, token: &str, headers: &[(&str, &str)]) -> Answer {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [&[form], headers].concat();
    send(proxy.monitoring(), "POST", "/login", &headers, &format!("token={token}"))
}

fn start() -> (Proxy, TokenFile) {
    let tokens = TokenFile::new();
    (Proxy::start(&["acme"], |config| tokens.watch(config)), tokens)
}

#[test]
fn nobody_sees_the_dashboard_or_its_numbers_without_a_token() {
    let (proxy, _tokens) = start();
    for (path, kind) in [("/", "text/html; charset=utf-8"), ("/v1/overview", "application/json")] {
        let answer = get(&proxy, path);
        assert_eq!((answer.status, answer.header("content-type")), (401, kind), "{path}");
        assert!(!answer.body.contains(&proxy.user("acme")), "{path}");
    }
    for cookie in ["pgtenant_session=", "pgtenant_session=0", &format!("pgtenant_session={TOKEN}")] {
        assert_eq!(get_with(&proxy, "/", &[("cookie", cookie)]).status, 401, "{cookie}");
    }
    assert!(get(&proxy, "/").body.contains("<label for=\"token\">"));
    assert_eq!(get(&proxy, "/nothing").status, 404);
    assert_eq!(send(proxy.monitoring(), "POST", "/metrics", &[], "").status, 405);
}

#[test]
fn token_of_the_file_opens_a_session_that_ends_when_it_is_ended() {
    let (proxy, _tokens) = start();
    let answer = log_in(&proxy, TOKEN, &[]);
    assert_eq!((answer.status, answer.header("location")), (303, "/"), "{answer:?}");
    let flags = answer.header("set-cookie");
    assert!(flags.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600"), "{flags}");
    let session = [("cookie", answer.cookie())];
    let page = get_with(&proxy, "/", &session);
    assert_eq!(page.status, 200);
    for (name, part) in [
        ("content-security-policy", "default-src 'none'; script-src 'self'"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert!(page.header(name).contains(part), "{name}: {}", page.header(name));
    }
    let shown = get_with(&proxy, "/v1/overview", &session).json();
    assert_eq!((&shown["ready"], &shown["database"]), (&json!(true), &json!(proxy.db.name)));
    assert_eq!(send(proxy.monitoring(), "POST", "/logout", &session, "").status, 303);
    assert_eq!(get_with(&proxy, "/", &session).status, 401);
}

#[test]
fn only_an_admin_s_token_of_no_tenant_is_one_for_all_tenants() {
    let tokens = TokenFile::new();
    let start = |admins| {
        Proxy::start(&["acme"], |config| {
            with_tokens(config);
            tokens.watch(config);
            config.auth.api_keys = true;
            config.auth.admin_tokens = admins;
        })
    };
    let admin = json!({
        "iss": ISSUER, "aud": "db", "sub": "ann@example.com", "scope": "admin", "exp": now() + 600,
    });
    let proxy = start(AdminTokens::ReadOnly);
    let mut of_tenant = admin.clone();
    of_tenant["tenant_id"] = json!(proxy.user("acme"));
    let mut expired = admin.clone();
    expired["exp"] = json!(now() - 5);
    for (what, wrong) in [
        ("a tenant's token", token(&proxy, "acme")),
        ("an admin's of one tenant", sign(&of_tenant)),
        ("one that is over", sign(&expired)),
        ("an API key", new_key(&proxy, "acme", Access::ReadWrite)),
        ("a password", crate::support::proxy::PASSWORD.replace(' ', "+")),
        ("nothing", String::new()),
    ] {
        let answer = log_in(&proxy, &wrong, &[]);
        assert_eq!((answer.status, answer.cookie()), (401, ""), "{what}");
        let bearer = format!("Bearer {wrong}");
        assert_eq!(get_with(&proxy, "/v1/overview", &[("authorization", &bearer)]).status, 401, "{what}");
    }
    let answer = log_in(&proxy, &sign(&admin), &[]);
    assert_eq!(answer.status, 303, "{answer:?}");
    let lasts = answer.header("set-cookie").rsplit_once("Max-Age=").unwrap().1.parse::<u64>().unwrap();
    assert!((500..=600).contains(&lasts), "no longer than its token: {lasts}");
    assert_eq!(get_with(&proxy, "/", &[("cookie", answer.cookie())]).status, 200);
    assert_eq!(log_in(&start(AdminTokens::Off), &sign(&admin), &[]).status, 401);
}

#[test]
fn who_guesses_tokens_is_told_to_wait_whichever_way_he_tries() {
    let (proxy, _tokens) = start();
    let answers: Vec<u16> = (0..25).map(|n| log_in(&proxy, &format!("guess{n}"), &[]).status).collect();
    assert_eq!((answers[0], answers[24]), (401, 429), "{answers:?}");
    let bearer = format!("Bearer {TOKEN}");
    let answer = get_with(&proxy, "/v1/overview", &[("authorization", &bearer)]);
    assert_eq!(answer.status, 429, "what is right is not found out either");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(get(&proxy, "/readyz").status, 200);
}

#[test]
fn guesses_lock_nobody_out_who_is_known_there() {
    let (proxy, _tokens) = start();
    let session = log_in(&proxy, TOKEN, &[]);
    for n in 0..30 {
        assert_eq!(log_in(&proxy, &format!("guess{n}"), &[]).status, 401);
    }
    assert_eq!(log_in(&proxy, TOKEN, &[]).status, 303);
    assert_eq!(get_with(&proxy, "/", &[("cookie", session.cookie())]).status, 200);
}

#[test]
fn form_of_another_page_logs_nobody_in_or_out() {
    let (proxy, _tokens) = start();
    let evil = ("origin", "http://evil.example");
    let answer = log_in(&proxy, TOKEN, &[evil]);
    assert_eq!((answer.status, answer.cookie()), (403, ""));
    let own = format!("http://{}", proxy.monitoring());
    let session = log_in(&proxy, TOKEN, &[("origin", &own)]);
    let cookie = ("cookie", session.cookie());
    assert_eq!(send(proxy.monitoring(), "POST", "/logout", &[cookie, evil], "").status, 403);
    assert_eq!(get_with(&proxy, "/", &[cookie]).status, 200);
}

#[test]
fn proxy_does_not_start_on_a_token_file_that_others_may_read_or_that_has_none() {
    let tokens = TokenFile::new();
    let proxy = Proxy::start(&["acme"], |_| {});
    let refused = || {
        let mut config = proxy.db.config.clone();
        tokens.watch(&mut config);
        let started = proxy.run(pgtenant::cli::serve::Server::start(config));
        format!("{:#}", started.expect_err("it does not start"))
    };
    fs::set_permissions(&tokens.path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refused().contains("chmod 600"), "{}", refused());
    fs::set_permissions(&tokens.path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&tokens.path, "# none\n").unwrap();
    assert!(refused().contains("there is no token in it"), "{}", refused());
    fs::write(&tokens.path, "hunter2\n").unwrap();
    assert!(refused().contains("openssl rand -hex 32") && !refused().contains("hunter2"));
    fs::remove_file(&tokens.path).unwrap();
    assert!(refused().contains("cannot be read"), "{}", refused());
}
