//! Verbs that take longer than a request may: backup, restore, clone, move and migrations.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Answer, Served, options, problem, secret_file};
use crate::moving::other_cluster;
use crate::support::Db;
use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::secrets::watch_for;
use crate::support::wire::Wire;

/// A caller that asks again and again until a job is at its end.
pub(crate) fn ended(api: &Served<'_>, accepted: &Answer) -> Value {
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let href = accepted.body["href"].as_str().unwrap();
    assert_eq!(accepted.location, href);
    let mut shown = Value::Null;
    eventually("the job is at its end", || {
        shown = api.call("GET", href, Value::Null).body;
        !["queued", "running"].contains(&shown["state"].as_str().unwrap())
    });
    shown
}

pub(crate) fn done(api: &Served<'_>, accepted: &Answer) -> Value {
    let shown = ended(api, accepted);
    assert_eq!((&shown["state"], &shown["problem"]), (&json!("done"), &Value::Null), "{shown}");
    shown["result"].clone()
}

pub(crate) fn failed(api: &Served<'_>, accepted: &Answer) -> (String, String) {
    let shown = ended(api, accepted);
    assert_eq!((&shown["state"], &shown["result"]), (&json!("failed"), &Value::Null), "{shown}");
    let text = |key: &str| shown["problem"][key].as_str().unwrap().to_owned();
    (text("code"), text("detail"))
}

fn with_orders() -> Proxy {
    let proxy = Proxy::start(&["acme"], |_| {});
    proxy.wire("acme").run("create table orders (id int); insert into orders values (1), (2)");
    proxy
}

/// A transaction that keeps the backup of a tenant waiting.
fn hold(proxy: &Proxy) -> Wire {
    let mut holder = proxy.admin();
    holder.run(&format!("BEGIN; LOCK TABLE {}.orders IN ACCESS EXCLUSIVE MODE", proxy.db.schema("acme")));
    holder
}

fn backups(api: &Served<'_>) -> Vec<PathBuf> {
    fs::read_dir(api.files.path().join("backups")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn tenant_is_backed_up_restored_and_cloned_while_the_caller_may_go_away() {
    let proxy = with_orders();
    let api = Served::start(&proxy);
    let key = [("idempotency-key", "nightly")];
    let accepted = api.call_with("POST", &api.path("acme", "/backups"), &key, json!({ "with_users": true }));
    let replayed = api.call_with("POST", &api.path("acme", "/backups"), &key, json!({ "with_users": true }));
    assert!(replayed.replayed && replayed.location == accepted.location, "{replayed:?}");
    let backup = done(&api, &accepted);
    assert_eq!((&backup["tables"], &backup["rows"], &backup["users"]), (&json!(2), &json!(2), &json!(1)));
    let name = backup["backup"].as_str().unwrap();
    let mode = fs::metadata(api.files.path().join("backups").join(name)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let listed = api.call("GET", &format!("/v1/backups?tenant={}", proxy.user("acme")), Value::Null);
    assert_eq!(listed.body, json!({ "backups": [name], "next": null }), "once, for one key");

    let restore = format!("/v1/backups/{name}/restore");
    let exists = failed(&api, &api.call("POST", &restore, json!({})));
    assert_eq!(exists.0, "tenant_exists", "{exists:?}");
    proxy.wire("acme").run("delete from orders");
    let dry = done(&api, &api.call("POST", &format!("{restore}?dry_run=true"), json!({ "replace": true })));
    assert_eq!((&dry["dry_run"], &dry["replaced"]), (&json!(true), &json!(true)));
    assert_eq!(proxy.wire("acme").value("select count(*) from orders"), "0");
    done(&api, &api.call("POST", &restore, json!({ "replace": true })));
    assert_eq!(proxy.wire("acme").value("select count(*) from orders"), "2");

    for (path, tenant) in [(restore, "copy"), (api.path("acme", "/clone"), "twin")] {
        let made = done(&api, &api.call("POST", &path, json!({ "slug": proxy.user(tenant) })));
        assert_eq!((&made["created"], &made["user"]), (&json!(true), &json!(proxy.user(tenant))), "{made}");
        assert_eq!(made["password"], Value::Null, "a job is told more than once");
        let given = api.call("PUT", &format!("/v1/users/{}/password", proxy.user(tenant)), json!({}));
        let password = given.body["password"].as_str().unwrap();
        watch_for(password);
        let mut wire = api.log_in(&proxy.user(tenant), password).unwrap();
        assert_eq!(wire.value("select count(*) from orders"), "2");
    }
    let states = api.call("GET", "/v1/jobs?state=done", Value::Null);
    let verbs: Vec<&str> =
        states.body["jobs"].as_array().unwrap().iter().map(|job| job["verb"].as_str().unwrap()).collect();
    assert_eq!(verbs, ["clone", "restore", "restore", "restore", "backup"], "the newest first");
}

#[test]
fn callers_name_backups_and_tenants_and_never_a_path() {
    let proxy = with_orders();
    let api = Served::start(&proxy);
    let outside = api.files.path().join("outside.pgtenant");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, api.files.path().join("backups/link-1.pgtenant")).unwrap();
    for name in ["..%2Foutside.pgtenant", "link-1.pgtenant", "%2Fetc%2Fx.pgtenant", "..", "gone-1.pgtenant"] {
        let answer = api.call("POST", &format!("/v1/backups/{name}/restore"), json!({}));
        assert_eq!(problem(&answer), (404, "unknown_backup"), "{name}");
    }
    let clone = api.path("acme", "/clone");
    for (path, body, expected) in [
        (api.path("acme", "/backups"), json!({ "to": "/tmp" }), (422, "invalid")),
        (api.path("nobody", "/backups"), json!({}), (404, "unknown_tenant")),
        (clone.clone(), json!({ "slug": "No" }), (422, "invalid")),
        (clone, json!({ "slug": proxy.user("acme") }), (422, "invalid")),
        (api.path("acme", "/move"), json!({ "to": "/etc/there.toml" }), (404, "unknown_installation")),
        (api.path("acme", "/move"), json!({ "to": "x", "yes": true }), (422, "invalid")),
        ("/v1/migrations".to_owned(), json!({}), (404, "no_migrations")),
        ("/v1/migrations".to_owned(), json!({ "parallel": 0 }), (422, "invalid")),
        ("/v1/migrations".to_owned(), json!({ "tenant": "a", "more_canaries": 1 }), (422, "invalid")),
    ] {
        let answer = api.call("POST", &path, body);
        assert_eq!(problem(&answer), expected, "{path}: {answer:?}");
    }
    assert_eq!(problem(&api.call("GET", "/v1/jobs?state=lost", Value::Null)), (422, "invalid"));
    let none = api.call("GET", "/v1/jobs", Value::Null);
    assert_eq!(none.body, json!({ "jobs": [] }), "nothing of it became a job");
    let without = Served::start_with(&proxy, |options, _| options.jobs.backup_dir = None);
    for (method, path) in [("GET", "/v1/backups"), ("POST", &api.path("acme", "/backups"))] {
        let answer = without.call(method, path, json!({}));
        assert_eq!(problem(&answer), (404, "no_backups"));
        assert!(answer.body["detail"].as_str().unwrap().contains("--backup-dir"));
    }
}

#[test]
fn job_of_another_run_is_said_to_be_lost() {
    let proxy = with_orders();
    let first = Served::start(&proxy);
    let key = [("idempotency-key", "before the restart")];
    let path = first.path("acme", "/backups");
    let accepted = first.call_with("POST", &path, &key, json!({}));
    done(&first, &accepted);
    drop(first);
    let second = Served::start(&proxy);
    let replayed = second.call_with("POST", &path, &key, json!({}));
    assert_eq!((replayed.status, replayed.replayed), (202, true));
    let lost = second.call("GET", &replayed.location, Value::Null);
    assert_eq!(problem(&lost), (410, "job_lost"));
    assert!(lost.body["detail"].as_str().unwrap().contains("another Idempotency-Key"));
    for unknown in
        ["0", "x-1", "0123456789abcdef-", "0123456789abcdef-1x", "0123456789abcdef-99999999999999999999"]
    {
        let answer = second.call("GET", &format!("/v1/jobs/{unknown}"), Value::Null);
        assert_eq!(problem(&answer), (404, "unknown_job"), "{unknown}");
    }
    let (run, _) = done_id(&second, &path);
    let answer = second.call("POST", &format!("/v1/jobs/{run}-7/cancel"), Value::Null);
    assert_eq!(problem(&answer), (404, "unknown_job"));
}

fn done_id(api: &Served<'_>, path: &str) -> (String, String) {
    let accepted = api.call("POST", path, json!({}));
    done(api, &accepted);
    let (run, number) = accepted.body["id"].as_str().unwrap().split_once('-').unwrap();
    (run.to_owned(), number.to_owned())
}

#[test]
fn jobs_wait_for_their_turn_are_bounded_and_are_cancelled_without_a_trace() {
    let proxy = with_orders();
    let api = Served::start_with(&proxy, |options, _| options.jobs.max_jobs = 1);
    let (mut holder, path) = (hold(&proxy), api.path("acme", "/backups"));
    let first = api.call("POST", &path, json!({}));
    let state = |accepted: &Answer| api.call("GET", &accepted.location, Value::Null).body["state"].clone();
    eventually("it runs", || state(&first) == "running");
    let waiting: Vec<Answer> = (0..32).map(|_| api.call("POST", &path, json!({}))).collect();
    assert!(waiting.iter().all(|job| job.status == 202 && state(job) == "queued"));
    let refused = api.call("POST", &path, json!({}));
    assert_eq!(problem(&refused), (503, "overloaded"), "{refused:?}");
    assert_eq!(api.call("GET", "/v1/tenants", Value::Null).status, 200, "requests go on");

    let cancel = |job: &Answer| api.call("POST", &format!("{}/cancel", job.location), Value::Null).status;
    assert_eq!(cancel(&waiting[0]), 202);
    assert_eq!(ended(&api, &waiting[0])["state"], "cancelled", "it never began");
    assert_eq!(cancel(&first), 202);
    let cancelled = ended(&api, &first);
    assert_eq!(
        (&cancelled["state"], &cancelled["problem"]["code"]),
        (&json!("cancelled"), &json!("stopped"))
    );
    waiting[2..].iter().for_each(|job| assert_eq!(cancel(job), 202));
    eventually("the next one runs", || state(&waiting[1]) == "running");
    holder.run("COMMIT");
    done(&api, &waiting[1]);
    assert_eq!(cancel(&waiting[1]), 202);
    assert_eq!(state(&waiting[1]), "done", "it has ended");
    assert_eq!(backups(&api).len(), 1, "those that were cancelled left nothing");
}

#[test]
fn end_of_the_process_ends_jobs_and_leaves_no_half_of_a_backup() {
    let proxy = with_orders();
    let mut api = Served::start(&proxy);
    let (_holder, path) = (hold(&proxy), api.path("acme", "/backups"));
    let accepted = api.call("POST", &path, json!({}));
    eventually("it runs", || api.call("GET", &accepted.location, Value::Null).body["state"] == "running");
    let serving = api.serving.take().unwrap();
    api.stop.cancel();
    proxy.run(serving).unwrap().unwrap();
    assert!(backups(&api).is_empty());
}

#[test]
fn migrations_are_applied_and_what_fails_is_in_the_result() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    let sql = tempfile::tempdir().unwrap();
    fs::write(sql.path().join("0001_tags.sql"), "CREATE TABLE tags (name text);").unwrap();
    let api = Served::start_with(&proxy, |_, config| {
        config.migrations.directory = Some(sql.path().to_owned());
    });
    let migrate = |path: &str| api.call("POST", path, json!({}));
    let dry = done(&api, &migrate("/v1/migrations?dry_run=true"));
    assert_eq!((&dry["template"], &dry["tenants"]["pending"]), (&json!("pending"), &json!(2)), "{dry}");
    let up = done(&api, &migrate("/v1/migrations"));
    assert_eq!((&up["template"], &up["tenants"]["migrated"]), (&json!("migrated"), &json!(2)), "{up}");
    assert_eq!(proxy.wire("beta").value("select count(*) from tags"), "0");
    fs::write(sql.path().join("0002_lines.sql"), "CREATE TABLE lines (id int);").unwrap();
    proxy.wire("alpha").run("create table lines (other text)");
    let shown = ended(&api, &migrate("/v1/migrations"));
    assert_eq!((&shown["state"], &shown["problem"]["code"]), (&json!("failed"), &json!("migration_failed")));
    let failed = &shown["result"]["failed"][0];
    assert_eq!(failed["schema"], proxy.user("alpha"), "{shown}");
    assert!(failed["error"].as_str().unwrap().contains("already exists"), "{failed}");
    assert_eq!(shown["result"]["tenants"]["migrated"], 1);
}

/// The file of installations, with one called `there`.
fn installation(api_files: &std::path::Path, there: &Db) -> PathBuf {
    secret_file(api_files, "key", &"5a".repeat(32), 0o600);
    let config = secret_file(
        api_files,
        "there.toml",
        &format!(
            "[server]\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{}\"\n[registry]\nuser = \"{}\"\n\
             [secrets]\nmaster_key_file = \"key\"\n",
            other_cluster().port(),
            there.name,
            there.config.registry.user
        ),
        0o600,
    );
    let text =
        format!("[there]\nconfig = {:?}\nadmin_url = {:?}\n", config.display().to_string(), there.admin_url);
    secret_file(api_files, "installations", &text, 0o600)
}

#[test]
fn tenant_is_moved_to_an_installation_of_the_operators_and_back() {
    let proxy = with_orders();
    let there = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let there = Db::on(other_cluster()).await;
        there.init().await.unwrap();
        there
    });
    let api = Served::start_with(&proxy, |options, _| {
        let files = options.token_file.parent().unwrap();
        options.jobs.installations_file = Some(installation(files, &there));
    });
    let (path, slug) = (api.path("acme", "/move"), there.slug("acme").to_string());
    let unknown = api.call("POST", &path, json!({ "to": "elsewhere" }));
    assert_eq!(problem(&unknown), (404, "unknown_installation"));
    assert!(unknown.body["detail"].as_str().unwrap().ends_with("there"), "{unknown:?}");
    let dry = done(
        &api,
        &api.call("POST", &format!("{path}?dry_run=true"), json!({ "to": "there", "slug": slug })),
    );
    assert_eq!((&dry["dry_run"], &dry["to_slug"]), (&json!(true), &json!(slug)));
    let moved = done(&api, &api.call("POST", &path, json!({ "to": "there", "slug": slug })));
    assert_eq!(
        (&moved["tables"], &moved["rows"], &moved["status"]),
        (&json!(2), &json!(2), &json!("active"))
    );
    assert!(api.log_in(&proxy.user("acme"), PASSWORD).is_err());
    let back = json!({ "to": "there", "undo": true });
    let refused = failed(&api, &api.call("POST", &path, back));
    assert_eq!(refused.0, "would_lose", "{refused:?}");
    let back = json!({ "to": "there", "undo": true, "yes": true });
    let undone = done(&api, &api.call("POST", &path, back));
    assert_eq!((&undone["status"], &undone["was_in_service"]), (&json!("active"), &json!(true)));
    eventually("it is served here", || api.log_in(&proxy.user("acme"), PASSWORD).is_ok());
}

#[test]
fn file_of_installations_is_closed_to_others_and_its_errors_show_no_password() {
    let proxy = Proxy::start(&[], |_| {});
    let files = tempfile::tempdir().unwrap();
    let refused = |text: &str, mode: u32| {
        let mut options = options(&proxy, files.path());
        options.jobs.installations_file = Some(secret_file(files.path(), &format!("i{mode}"), text, mode));
        let started = proxy.run(pgtenant::cli::api::prepare(&options, proxy.db.config.clone()));
        format!("{:#}", started.expect_err("it is refused"))
    };
    let url = "admin_url = \"postgresql://boss:hunter2@db/app\"";
    assert!(refused("", 0o644).contains("chmod 600"));
    let broken = refused(&format!("[there]\nconfig = 1\n{url}\n"), 0o600);
    assert!(broken.contains("line 2") && !broken.contains("hunter2"), "{broken}");
    let gone = refused(&format!("[there]\nconfig = \"/nowhere.toml\"\n{url}\n"), 0o600);
    assert!(gone.contains("/nowhere.toml") && !gone.contains("hunter2"), "{gone}");
    let mut options = options(&proxy, files.path());
    options.jobs.backup_dir = Some(files.path().join("none"));
    let started = proxy.run(pgtenant::cli::api::prepare(&options, proxy.db.config.clone()));
    assert!(format!("{:#}", started.unwrap_err()).contains("make it first"));
}
