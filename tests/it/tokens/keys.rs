//! API keys: made, used, revoked.

use std::time::{Duration, Instant};

use pgtenant::auth::Access;
use pgtenant::cli::block_on;
use pgtenant::cli::key::{self, CreateArgs, KeyCommand, Lifetime, ListArgs, RevokeArgs};
use pgtenant::config::Config;
use pgtenant::config::auth::WithoutTls;
use serde_json::Value;

use crate::support::admin_args;
use crate::support::proxy::{Proxy, eventually, stdout};
use crate::tokens::{log_in, log_in_at, refusal};

const REFUSED: &str = "Error FATAL 28P01 password authentication failed for user \"token\"";
const REVOKED: &str =
    "Error FATAL 57P01 terminating connection: the API key this session was opened with has been revoked";

fn with_keys(config: &mut Config) {
    config.auth.api_keys = true;
    config.auth.tokens_without_tls = WithoutTls::Loopback;
}

/// `pgtenant key …`.
fn run(proxy: &Proxy, command: KeyCommand) -> Result<String, String> {
    let mut out = Vec::new();
    let done = block_on(key::run(command, &proxy.db.config, &mut out));
    done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| format!("{error:#}"))
}

fn json(proxy: &Proxy, command: KeyCommand) -> Value {
    serde_json::from_str(&run(proxy, command).unwrap()).unwrap()
}

/// A new key and its id.
pub(super) fn create(proxy: &Proxy, tenant: &str, scope: Access, seconds: Option<u64>) -> (String, String) {
    let made = json(
        proxy,
        KeyCommand::Create(CreateArgs {
            slug: proxy.user(tenant),
            scope,
            expires: Lifetime(seconds.map(Duration::from_secs)),
            name: "nightly export".into(),
            json: true,
            admin: admin_args(&proxy.db.admin_url),
        }),
    );
    (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
}

fn revoke(proxy: &Proxy, id: &str) -> Result<String, String> {
    let admin = admin_args(&proxy.db.admin_url);
    run(proxy, KeyCommand::Revoke(RevokeArgs { id: id.into(), json: false, admin }))
}

fn listed(proxy: &Proxy, tenant: &str) -> Value {
    json(proxy, KeyCommand::List(ListArgs { slug: Some(proxy.user(tenant)), json: true }))
}

#[test]
fn key_opens_a_session_of_its_tenant_and_its_last_use_is_written_down() {
    let proxy = Proxy::start(&["acme", "beta"], with_keys);
    let (key, id) = create(&proxy, "acme", Access::ReadWrite, None);
    assert_eq!(listed(&proxy, "acme")[0]["last_used_at"], Value::Null);
    let mut psql = proxy.program("psql", "acme");
    psql.env("PGUSER", "token").env("PGPASSWORD", &key);
    let schema = stdout(&psql.args(["-XAtqc", "select current_schema"]).output().unwrap());
    assert_eq!(schema.trim(), proxy.db.schema("acme"));
    let mut wire = log_in(&proxy, &format!("token.{}", proxy.user("acme")), key.as_bytes()).unwrap();
    wire.run("insert into notes (body) values ('by key')");
    eventually("the use is noted", || listed(&proxy, "acme")[0]["last_used_at"].is_string());
    let listed = listed(&proxy, "acme");
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&id.clone().into(), &"active".into()));
    assert_eq!((&listed[0]["name"], &listed[0]["scope"]), (&"nightly export".into(), &"read_write".into()));
    // What is kept cannot be logged in with, and the role that reads it may write nothing but the last use.
    let row = proxy.admin().value("select k::text from pgtenant.api_keys k");
    assert!(!row.contains(key.rsplit_once('_').unwrap().1) && row.contains(&id), "{row}");
    let reader = &proxy.db.config.registry.user;
    let rights = format!(
        "select string_agg(a.attname, ' ') from pg_attribute a where a.attrelid = 'pgtenant.api_keys'::regclass
           and a.attnum > 0 and has_column_privilege('{reader}', a.attrelid, a.attnum, 'INSERT, UPDATE')"
    );
    assert_eq!(proxy.admin().value(&rights), "last_used_at");
}

#[test]
fn revoked_key_is_refused_and_its_sessions_end_on_every_proxy_within_a_second() {
    let proxy = Proxy::start(&["acme"], with_keys);
    let another = proxy.another(|_| {});
    let (key, id) = create(&proxy, "acme", Access::ReadWrite, None);
    let (other, _) = create(&proxy, "acme", Access::ReadWrite, None);
    let mut kept = log_in(&proxy, "token", other.as_bytes()).unwrap();
    let mut idle = log_in(&proxy, "token", key.as_bytes()).unwrap();
    let mut far = log_in_at(another.addr(), &proxy, "token", key.as_bytes()).unwrap();
    let mut in_transaction = log_in(&proxy, "token", key.as_bytes()).unwrap();
    in_transaction.run("begin; insert into notes (body) values ('never committed')");
    revoke(&proxy, &id).unwrap();
    let begin = Instant::now();
    for (what, wire) in [("idle", &mut idle), ("far", &mut far), ("in transaction", &mut in_transaction)] {
        assert_eq!(wire.until_end(), [REVOKED, "end"], "{what}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(refusal(&proxy, "token", key.as_bytes()), REFUSED);
    assert_eq!(log_in_at(another.addr(), &proxy, "token", key.as_bytes()).err().unwrap(), REFUSED);
    assert_eq!(kept.value("select count(*) from notes"), "0");
    let states: Vec<Value> =
        listed(&proxy, "acme").as_array().unwrap().iter().map(|k| k["state"].clone()).collect();
    assert_eq!(states, ["revoked", "active"]);
    assert!(revoke(&proxy, &id).unwrap().contains("is revoked"), "again changes nothing");
    // The other way to take one away.
    proxy.admin().run("delete from pgtenant.api_keys");
    assert_eq!(kept.until_end(), [REVOKED, "end"]);
}

#[test]
fn session_ends_with_its_key_and_an_expired_one_is_refused() {
    let proxy = Proxy::start(&["acme"], with_keys);
    let (key, _) = create(&proxy, "acme", Access::ReadWrite, Some(2));
    let mut wire = log_in(&proxy, "token", key.as_bytes()).unwrap();
    let expired =
        "Error FATAL 57P01 terminating connection: the API key this session was opened with has expired";
    assert_eq!(wire.until_end(), [expired, "end"]);
    assert_eq!(refusal(&proxy, "token", key.as_bytes()), REFUSED);
    assert_eq!(proxy.shared().counters.snapshot().credentials_refused["key_expired"], 1);
    assert_eq!(listed(&proxy, "acme")[0]["state"], "expired");
}

#[test]
fn key_that_is_none_gets_the_same_answer_as_one_that_was() {
    let proxy = Proxy::start(&["acme", "beta"], with_keys);
    let (key, id) = create(&proxy, "acme", Access::ReadWrite, None);
    let (others, _) = create(&proxy, "beta", Access::ReadWrite, None);
    let secret = others.rsplit_once('_').unwrap().1;
    for (reason, attack) in [
        ("key_secret", format!("pgt_{id}_{secret}")),
        ("key_unknown", format!("pgt_000000000000_{secret}")),
        ("no_credential", format!("pgt_{id}_")),
        ("no_credential", format!("pgt_{id}")),
        ("no_credential", format!("{key}0")),
        ("no_credential", "pgt_' or ''='".to_owned()),
    ] {
        let before = proxy.shared().counters.snapshot().credentials_refused.get(reason).copied().unwrap_or(0);
        assert_eq!(refusal(&proxy, "token", attack.as_bytes()), REFUSED, "{attack}");
        assert_eq!(proxy.shared().counters.snapshot().credentials_refused[reason], before + 1, "{attack}");
    }
    let wrong_tenant = refusal(&proxy, &format!("token.{}", proxy.user("beta")), key.as_bytes());
    assert!(wrong_tenant.contains("28000 this credential is not one of tenant"), "{wrong_tenant}");
    let (read_only, read_only_id) = create(&proxy, "acme", Access::ReadOnly, None);
    let mut reads = log_in(&proxy, "token", read_only.as_bytes()).unwrap();
    assert!(reads.query("delete from notes")[0].starts_with("Error ERROR 25006"));
    revoke(&proxy, &read_only_id).unwrap();
    assert_eq!(reads.until_end(), [REVOKED, "end"], "of those who only read too");
    assert!(revoke(&proxy, "000000000000").unwrap_err().contains("there is no key"));
    assert!(revoke(&proxy, &key).unwrap_err().contains("Do not give the whole key"));
    // A proxy that takes tokens, but no keys.
    let another = proxy.another(|config| {
        config.auth.api_keys = false;
        crate::tokens::with_tokens(config);
    });
    assert_eq!(log_in_at(another.addr(), &proxy, "token", key.as_bytes()).err().unwrap(), REFUSED);
}

#[test]
fn key_made_a_moment_ago_is_known() {
    let proxy = Proxy::start(&["acme"], with_keys);
    for _ in 0..5 {
        let (key, _) = create(&proxy, "acme", Access::ReadWrite, None);
        assert!(log_in(&proxy, "token", key.as_bytes()).is_ok());
    }
}
