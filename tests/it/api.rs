//! The HTTP API, with the proxy and clients at work.

mod document;
mod installation;
pub(crate) mod jobs;
mod stripe;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use pgtenant::cli::api::{ApiOptions, JobOptions, prepare};
use pgtenant::config::Config;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::secrets::watch_for;
use crate::support::wire::Wire;
use crate::support::{admin_args, cluster, value};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const STRIPE_SECRET: &str = "whsec_0123456789abcdef";

/// An API in this process, in front of the same database as a proxy.
pub(crate) struct Served<'a> {
    proxy: &'a Proxy,
    addr: SocketAddr,
    stop: CancellationToken,
    serving: Option<JoinHandle<std::io::Result<()>>>,
    files: tempfile::TempDir,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    kind: String,
    replayed: bool,
    location: String,
    pub(crate) body: Value,
}

fn secret_file(dir: &std::path::Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
    let path = dir.join(name);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path
}

fn options(proxy: &Proxy, files: &std::path::Path) -> ApiOptions {
    std::fs::create_dir_all(files.join("backups")).unwrap();
    ApiOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        token_file: secret_file(files, "tokens", &format!("# operations\n{TOKEN}\n"), 0o600),
        stripe_secret_file: Some(secret_file(files, "stripe", STRIPE_SECRET, 0o600)),
        max_connections: 4,
        jobs: JobOptions {
            backup_dir: Some(files.join("backups")),
            work_dir: Some(files.to_owned()),
            pg_bin: Some(cluster().bin("")),
            ..JobOptions::default()
        },
        admin: admin_args(&proxy.db.admin_url),
    }
}

impl<'a> Served<'a> {
    pub(crate) fn start(proxy: &'a Proxy) -> Self {
        Self::start_with(proxy, |_, _| {})
    }

    pub(crate) fn start_with(proxy: &'a Proxy, change: impl FnOnce(&mut ApiOptions, &mut Config)) -> Self {
        let files = tempfile::tempdir().unwrap();
        let (mut options, mut config) = (options(proxy, files.path()), proxy.db.config.clone());
        change(&mut options, &mut config);
        let stop = CancellationToken::new();
        watch_for(TOKEN);
        let (addr, serving) = proxy.run(async {
            let (api, listener) = prepare(&options, config).await.expect("the API starts");
            let addr = listener.local_addr().unwrap();
            (addr, tokio::spawn(api.serve(listener, stop.clone())))
        });
        Self { proxy, addr, stop, serving: Some(serving), files }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.addr));
        for (name, text) in headers {
            request = request.header(*name, *text);
        }
        let mut response = agent.run(request.body(body.to_owned()).unwrap()).expect("an answer");
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let (kind, replayed) = (header("content-type"), header("idempotent-replayed") == "true");
        let location = header("location");
        let text = response.body_mut().read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: response.status().as_u16(), kind, replayed, location, body }
    }

    /// As somebody who may.
    pub(crate) fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call_with(method, path, &[], body)
    }

    fn call_with(&self, method: &str, path: &str, more: &[(&str, &str)], body: Value) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let headers =
            [&[("authorization", bearer.as_str()), ("content-type", "application/json")], more].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &headers, &body)
    }

    /// The path of this tenant.
    pub(crate) fn path(&self, tenant: &str, rest: &str) -> String {
        format!("/v1/tenants/{}{rest}", self.proxy.user(tenant))
    }

    pub(crate) fn log_in(&self, user: &str, password: &str) -> Result<Wire, String> {
        let parameters = [("user", user), ("database", &self.proxy.db.name)];
        Wire::log_in(self.proxy.addr(), &parameters, password)
    }
}

/// Status and code.
pub(crate) fn problem(answer: &Answer) -> (u16, &str) {
    assert_eq!(answer.kind, "application/problem+json", "{answer:?}");
    assert_eq!(answer.body["status"], answer.status, "{answer:?}");
    (answer.status, answer.body["code"].as_str().unwrap())
}

#[test]
fn tenant_lives_by_the_api_as_by_the_commands() {
    let proxy = Proxy::start(&["first"], |config| config.auth.api_keys = true);
    let api = Served::start(&proxy);
    let slug = proxy.user("acme");
    let made = api.call("POST", "/v1/tenants", json!({ "slug": slug, "name": "Acme, Inc." }));
    assert_eq!((made.status, &made.body["created"]), (201, &json!(true)), "{made:?}");
    let password = made.body["password"].as_str().expect("it is shown once").to_owned();
    watch_for(&password);
    let mut wire = api.log_in(&slug, &password).expect("the proxy knows it at once");
    assert_eq!(wire.value("select current_user"), proxy.role("acme"));
    let again = api.call("POST", "/v1/tenants", json!({ "slug": slug }));
    assert_eq!((again.status, &again.body["password"]), (200, &Value::Null), "{again:?}");

    let shown = api.call("GET", &api.path("acme", ""), Value::Null);
    assert_eq!((&shown.body["name"], &shown.body["status"]), (&json!("Acme, Inc."), &json!("active")));
    assert!(shown.body["tables"].is_number());

    let limits = api.call(
        "PATCH",
        &api.path("acme", "/limits"),
        json!({ "max_clients": 7, "statement_timeout": "30s" }),
    );
    assert_eq!(limits.body["limits"], json!({ "max_clients": "7", "statement_timeout": "30s" }));
    let limits = api.call("PATCH", &api.path("acme", "/limits"), json!({ "max_clients": null }));
    assert_eq!(limits.body["limits"], json!({ "statement_timeout": "30s" }));

    let user = format!("reader_of_{}", proxy.db.name);
    let added = api.call(
        "POST",
        &api.path("acme", "/users"),
        json!({ "user": user, "password": "let me in", "read_only": true }),
    );
    assert_eq!((added.status, &added.body["outcome"]), (201, &json!("created")), "{added:?}");
    assert!(api.log_in(&user, "let me in").is_ok());
    assert_eq!(
        api.call("PUT", &format!("/v1/users/{user}/password"), json!({ "password": "another" })).status,
        200
    );
    assert!(api.log_in(&user, "let me in").is_err() && api.log_in(&user, "another").is_ok());
    let users = api.call("GET", &api.path("acme", "/users"), Value::Null);
    assert_eq!(users.body["users"].as_array().unwrap().len(), 2);
    assert_eq!(api.call("DELETE", &format!("/v1/users/{user}"), Value::Null).status, 200);
    eventually("it is gone", || api.log_in(&user, "another").is_err());

    let key =
        api.call("POST", &api.path("acme", "/keys"), json!({ "name": "report", "expires_in_seconds": 3600 }));
    assert_eq!((key.status, &key.body["scope"]), (201, &json!("read_only")), "{key:?}");
    watch_for(key.body["key"].as_str().unwrap());
    let id = key.body["id"].as_str().unwrap();
    let revoked = api.call("DELETE", &format!("/v1/keys/{id}"), Value::Null);
    assert_eq!(revoked.body["state"], "revoked");
    let keys = api.call("GET", &api.path("acme", "/keys"), Value::Null);
    assert_eq!(
        (&keys.body["keys"][0]["state"], &keys.body["keys"][0]["key"]),
        (&json!("revoked"), &Value::Null)
    );

    let suspended = api.call("POST", &api.path("acme", "/suspend"), Value::Null);
    assert_eq!(
        (&suspended.body["status"], &suspended.body["before"]),
        (&json!("suspended"), &json!("active"))
    );
    assert!(wire.until_end()[0].contains("57P01"));
    api.call("POST", &api.path("acme", "/resume"), Value::Null);
    eventually("it is served", || api.log_in(&slug, &password).is_ok());
    assert_eq!(api.call("POST", &api.path("acme", "/rotate-password"), Value::Null).status, 200);
    assert!(api.log_in(&slug, &password).is_ok(), "users keep their passwords");
}

#[test]
fn tenant_gets_settings_another_slug_and_an_end_that_can_be_taken_back() {
    let proxy = Proxy::start(&["acme", "beta"], |_| {});
    let api = Served::start(&proxy);
    let customer = format!("cus_{}", proxy.db.name);
    let changed = api.call(
        "PATCH",
        &api.path("acme", ""),
        json!({ "name": "Acme Ltd", "stripe_customer_id": customer, "settings": { "timezone": "Asia/Tokyo", "app.plan": 7 } }),
    );
    assert_eq!(changed.body["settings"], json!({ "timezone": "Asia/Tokyo", "app.plan": "7" }), "{changed:?}");
    eventually("sessions begin with it", || proxy.wire("acme").value("show timezone") == "Asia/Tokyo");
    let changed = api.call(
        "PATCH",
        &api.path("acme", ""),
        json!({ "stripe_customer_id": null, "settings": { "app.plan": null } }),
    );
    assert_eq!(
        (&changed.body["name"], &changed.body["stripe_customer_id"], &changed.body["settings"]),
        (&json!("Acme Ltd"), &Value::Null, &json!({ "timezone": "Asia/Tokyo" }))
    );
    for wrong in
        [json!({ "role": "postgres" }), json!({ "search_path": "x" }), json!({ "no_such_setting": 1 })]
    {
        let refused = api.call("PATCH", &api.path("acme", ""), json!({ "settings": wrong }));
        assert_eq!(problem(&refused), (422, "invalid"), "{refused:?}");
    }

    let taken = api.call("POST", &api.path("acme", "/rename"), json!({ "slug": proxy.user("beta") }));
    assert_eq!(problem(&taken), (409, "slug_taken"));
    let renamed = api.call("POST", &api.path("acme", "/rename"), json!({ "slug": proxy.user("apex") }));
    assert_eq!(
        (&renamed.body["slug"], &renamed.body["before"]),
        (&json!(proxy.user("apex")), &json!(proxy.user("acme")))
    );
    assert_eq!(problem(&api.call("GET", &api.path("acme", ""), Value::Null)), (404, "unknown_tenant"));
    eventually("its user logs in", || api.log_in(&proxy.user("acme"), PASSWORD).is_ok());

    let dropped = api.call("DELETE", &api.path("apex", ""), Value::Null);
    assert_eq!((&dropped.body["status"], &dropped.body["before"]), (&json!("dropping"), &json!("active")));
    assert!(dropped.body["drop_after"].is_string());
    eventually("nobody is let in", || api.log_in(&proxy.user("acme"), PASSWORD).is_err());
    assert_eq!(problem(&api.call("POST", &api.path("apex", "/resume"), Value::Null)), (409, "is_dropping"));
    let kept = api.call("POST", &api.path("apex", "/undrop"), Value::Null);
    assert_eq!((&kept.body["status"], &kept.body["drop_after"]), (&json!("active"), &Value::Null));
    eventually("it is served", || api.log_in(&proxy.user("acme"), PASSWORD).is_ok());
}

#[test]
fn nobody_without_a_token_is_told_anything() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let api = Served::start(&proxy);
    let wrong = format!("Bearer {}", "f".repeat(32));
    let basic = format!("Basic {TOKEN}");
    for headers in [&[][..], &[("authorization", wrong.as_str())], &[("authorization", basic.as_str())]] {
        for path in [api.path("acme", ""), api.path("nobody", ""), "/v1/tenants".into()] {
            assert_eq!(problem(&api.send("GET", &path, headers, "")), (401, "unauthorized"));
        }
    }
    assert_eq!(api.send("GET", "/healthz", &[], "").body, json!({ "status": "ok" }));
    // Guessing ends, also for whoever guesses right then.
    while api.send("GET", "/v1/tenants", &[], "").status == 401 {}
    assert_eq!(problem(&api.call("GET", "/v1/tenants", Value::Null)), (429, "too_many_failures"));
}

#[test]
fn tenants_are_listed_a_page_at_a_time_and_found_by_their_customer() {
    let proxy = Proxy::start(&["a", "b", "c", "d", "e"], |_| {});
    let api = Served::start(&proxy);
    let (mut seen, mut next) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = api.call("GET", &format!("/v1/tenants?limit=2{next}"), Value::Null);
        seen.extend(
            page.body["tenants"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["slug"].as_str().unwrap().to_owned()),
        );
        let Some(last) = page.body["next"].as_str() else { break };
        next = format!("&after={last}");
    }
    let all: Vec<String> = ["a", "b", "c", "d", "e"].iter().map(|name| proxy.user(name)).collect();
    assert_eq!(seen, all);
    proxy.admin().run(&format!(
        "update pgtenant.tenants set stripe_customer_id = 'cus_{0}' where slug = '{1}'",
        proxy.db.name,
        proxy.user("c")
    ));
    let found =
        api.call("GET", &format!("/v1/tenants?stripe_customer_id=cus_{}", proxy.db.name), Value::Null);
    assert_eq!(found.body["tenants"][0]["slug"], proxy.user("c"));
    let none = api.call("GET", "/v1/tenants?status=suspended", Value::Null);
    assert_eq!(none.body, json!({ "tenants": [], "next": null }));
}

#[test]
fn request_that_is_sent_again_with_its_key_is_carried_out_once_and_answered_alike() {
    let proxy = Proxy::start(&["first"], |_| {});
    let api = Served::start(&proxy);
    let body = json!({ "slug": proxy.user("acme") });
    let key = [("idempotency-key", "3f1e")];
    let made = api.call_with("POST", "/v1/tenants", &key, body.clone());
    let password = made.body["password"].as_str().unwrap();
    watch_for(password);
    let again = api.call_with("POST", "/v1/tenants", &key, body.clone());
    assert_eq!((again.status, again.replayed, &again.body), (201, true, &made.body));
    assert!(!made.replayed);
    // The registry has the answer, and the password is not to be read there.
    let kept = proxy.run(async {
        value(&proxy.db.admin().await, "select encode(answer, 'escape') from pgtenant.api_requests").await
    });
    assert!(!kept.contains(password) && !kept.contains("slug"), "{kept}");
    let other = api.call_with("POST", "/v1/tenants", &key, json!({ "slug": proxy.user("beta") }));
    assert_eq!(problem(&other), (422, "key_reused"));
    // One that failed is answered alike too.
    let key = [("idempotency-key", "4a2b")];
    for replayed in [false, true] {
        let unknown = api.call_with("POST", &api.path("nobody", "/suspend"), &key, Value::Null);
        assert_eq!((problem(&unknown), unknown.replayed), ((404, "unknown_tenant"), replayed));
    }
    let one = api.call_with("POST", &api.path("first", "/suspend"), &[("idempotency-key", "")], Value::Null);
    assert_eq!(problem(&one), (400, "invalid_key"));
}

#[test]
fn request_that_is_sent_twice_at_once_is_carried_out_once() {
    let proxy = Proxy::start(&["first"], |_| {});
    let api = Served::start(&proxy);
    let key = [("idempotency-key", "same")];
    let body = json!({ "slug": proxy.user("acme") });
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| api.call_with("POST", "/v1/tenants", &key, body.clone())))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let carried_out = answers.iter().filter(|answer| answer.status == 201 && !answer.replayed).count();
    assert_eq!(carried_out, 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(problem(answer), (409, "in_progress"));
    }
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let api = Served::start(&proxy);
    let bearer = format!("Bearer {TOKEN}");
    let json = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    assert_eq!(problem(&api.send("POST", "/v1/tenants", &json, "{")), (400, "invalid"));
    assert_eq!(problem(&api.send("POST", "/v1/tenants", &json[..1], "{}")), (415, "no_json"));
    let large = format!("{{\"slug\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(problem(&api.send("POST", "/v1/tenants", &json, &large)), (413, "too_large"));
    for (method, path, body, expected) in [
        ("POST", "/v1/tenants".to_owned(), json!({ "slug": "Not A Slug" }), (422, "invalid")),
        ("POST", "/v1/tenants".to_owned(), json!({ "slug": "x", "sluge": 1 }), (422, "invalid")),
        ("POST", "/v1/tenants".to_owned(), json!({ "slug": "x", "level": "both" }), (422, "invalid")),
        ("POST", "/v1/tenants".to_owned(), json!({ "slug": "x", "password": "" }), (422, "invalid")),
        ("POST", "/v1/tenants".to_owned(), json!({ "slug": "x", "read_only": true }), (422, "invalid")),
        ("GET", "/v1/tenants?limit=0".to_owned(), Value::Null, (422, "invalid")),
        ("GET", "/v1/tenants?limit=x".to_owned(), Value::Null, (422, "invalid")),
        ("GET", "/v1/tenants/nobody".to_owned(), Value::Null, (404, "unknown_tenant")),
        ("GET", "/v1/tenants/No%20Slug".to_owned(), Value::Null, (404, "unknown_tenant")),
        ("GET", "/v1/nothing".to_owned(), Value::Null, (404, "not_found")),
        ("DELETE", "/v1/tenants".to_owned(), Value::Null, (405, "method_not_allowed")),
        ("DELETE", "/v1/users/nobody".to_owned(), Value::Null, (404, "unknown_user")),
        ("DELETE", "/v1/keys/0123456789ab".to_owned(), Value::Null, (404, "unknown_key")),
        ("PATCH", api.path("acme", "/limits"), json!({ "max_client": 1 }), (422, "invalid")),
        ("PATCH", api.path("acme", "/limits"), json!({ "max_clients": "many" }), (422, "invalid")),
        ("PATCH", api.path("acme", "/limits"), json!({ "max_clients": true }), (422, "invalid")),
        ("PUT", api.path("acme", "/level"), json!({ "level": "some" }), (422, "invalid")),
        (
            "POST",
            api.path("acme", "/users"),
            json!({ "user": proxy.user("acme"), "read_only": true }),
            (409, "user_differs"),
        ),
        ("POST", api.path("acme", "/keys"), json!({ "scope": "admin" }), (422, "invalid")),
    ] {
        let answer = api.call(method, &path, body);
        assert_eq!(problem(&answer), expected, "{method} {path}: {answer:?}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    let dry = api.call("POST", &api.path("acme", "/suspend?dry_run=true"), Value::Null);
    assert_eq!((dry.status, &dry.body["status"]), (200, &json!("suspended")));
    let dry = api.call("PATCH", &api.path("acme", "/limits?dry_run=true"), json!({ "weight": 7 }));
    assert_eq!(dry.body["limits"], json!({ "weight": "7" }));
    let shown = api.call("GET", &api.path("acme", ""), Value::Null);
    assert_eq!((&shown.body["status"], &shown.body["limits"]), (&json!("active"), &json!({})));
    assert_eq!(api.call("GET", "/v1/tenants", Value::Null).body["tenants"].as_array().unwrap().len(), 1);
}

#[test]
fn api_is_not_served_to_other_machines_nor_with_secrets_that_others_can_read() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let files = tempfile::tempdir().unwrap();
    let good = options(&proxy, files.path());
    let refused = |options: ApiOptions| {
        let started = proxy.run(prepare(&options, proxy.db.config.clone()));
        format!("{:#}", started.expect_err("it is refused"))
    };
    let open = ApiOptions { listen: "0.0.0.0:0".parse().unwrap(), ..good.clone() };
    assert!(refused(open).contains("listens on this machine only"));
    let open = ApiOptions { token_file: secret_file(files.path(), "open", TOKEN, 0o644), ..good.clone() };
    assert!(refused(open).contains("chmod 600"));
    let weak = ApiOptions { token_file: secret_file(files.path(), "weak", "hunter2", 0o600), ..good.clone() };
    let told = refused(weak);
    assert!(told.contains("line 1") && !told.contains("hunter2"), "{told}");
    let gone = ApiOptions { token_file: files.path().join("none"), ..good.clone() };
    assert!(refused(gone).contains("cannot read"));
    let stranger = ApiOptions { admin: admin_args("postgresql://nobody:x@/"), ..good };
    assert!(refused(stranger).contains("cannot log in as the administrator"));
}
