//! `pgtenant user add`, `list`, `password` and `remove`, with clients at work.

use std::time::{Duration, Instant};

use pgtenant::cli::user::{self, AddArgs, ListArgs, PasswordArgs, RemoveArgs, UserCommand};
use serde_json::Value;

use crate::support::admin_args;
use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::secrets::watch_for;
use crate::support::wire::Wire;

fn run(proxy: &Proxy, command: UserCommand, stdin: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut out = Vec::new();
    let done = runtime.block_on(user::run(command, &proxy.db.config, &mut stdin.as_bytes(), &mut out));
    done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| format!("{error:#}"))
}

fn add(proxy: &Proxy, tenant: &str, name: &str) -> AddArgs {
    AddArgs {
        slug: proxy.user(tenant),
        user: named(proxy, name),
        read_only: false,
        password_stdin: true,
        json: false,
        admin: admin_args(&proxy.db.admin_url),
    }
}

/// No other test's.
fn named(proxy: &Proxy, name: &str) -> String {
    format!("{name}_of_{}", proxy.db.name)
}

fn remove(proxy: &Proxy, name: &str) -> UserCommand {
    let admin = admin_args(&proxy.db.admin_url);
    UserCommand::Remove(RemoveArgs { user: named(proxy, name), json: false, admin })
}

fn log_in(proxy: &Proxy, name: &str, password: &str, more: &[(&str, &str)]) -> Result<Wire, String> {
    let user = named(proxy, name);
    let parameters = [&[("user", user.as_str()), ("database", &proxy.db.name)][..], more].concat();
    Wire::log_in(proxy.addr(), &parameters, password)
}

const REMOVED: &str = "Error FATAL 57P01 terminating connection: the user of this session was removed, or may do less than before";

#[test]
fn user_is_added_and_when_it_is_removed_its_sessions_end_and_nobody_elses() {
    let proxy = Proxy::start(&["acme", "beta"], |config| config.pool.max_server_connections = 4);
    let added = run(&proxy, UserCommand::Add(add(&proxy, "acme", "app")), PASSWORD).unwrap();
    assert!(added.starts_with("created  user app_of_"), "{added}");
    let mut idle = log_in(&proxy, "app", PASSWORD, &[]).unwrap();
    assert_eq!(idle.value("select current_schema"), proxy.db.schema("acme"));
    let mut reads = log_in(&proxy, "app", PASSWORD, &[("pgtenant.access", "read_only")]).unwrap();
    let mut at_work = log_in(&proxy, "app", PASSWORD, &[]).unwrap();
    at_work.run("begin; insert into notes (body) values ('never committed')");
    let mut others = [proxy.wire("acme"), proxy.wire("beta")];
    let removed = run(&proxy, remove(&proxy, "app"), "").unwrap();
    assert!(
        removed.starts_with("removed  user app_of_") && removed.contains(&proxy.user("acme")),
        "{removed}"
    );
    let begin = Instant::now();
    for (what, wire) in [("idle", &mut idle), ("reads", &mut reads), ("at work", &mut at_work)] {
        assert_eq!(wire.until_end(), [REMOVED, "end"], "{what}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(log_in(&proxy, "app", PASSWORD, &[]).err().unwrap().contains("28P01"));
    others.iter_mut().for_each(|wire| assert_eq!(wire.value("select count(*) from notes"), "0"));
    assert!(run(&proxy, remove(&proxy, "app"), "").unwrap_err().contains("there is no user"));
}

#[test]
fn password_that_is_replaced_is_refused_and_sessions_go_on() {
    let proxy = Proxy::start(&["acme"], |_| {});
    run(&proxy, UserCommand::Add(add(&proxy, "acme", "app")), PASSWORD).unwrap();
    let mut wire = log_in(&proxy, "app", PASSWORD, &[]).unwrap();
    let args = |password_stdin| PasswordArgs {
        user: named(&proxy, "app"),
        password_stdin,
        json: true,
        admin: admin_args(&proxy.db.admin_url),
    };
    let told = run(&proxy, UserCommand::Password(args(false)), "").unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let password = told["password"].as_str().unwrap();
    watch_for(password);
    assert!(told["url"].as_str().unwrap().contains(password));
    eventually("the new one counts", || log_in(&proxy, "app", password, &[]).is_ok());
    assert!(log_in(&proxy, "app", PASSWORD, &[]).err().unwrap().contains("28P01"));
    assert_eq!(wire.value("select 1"), "1");
    run(&proxy, UserCommand::Password(args(true)), "yet another\n").unwrap();
    eventually("so does the next", || log_in(&proxy, "app", "yet another", &[]).is_ok());
}

#[test]
fn user_that_may_do_less_than_before_loses_the_sessions_that_did_more() {
    let proxy = Proxy::start(&["acme"], |_| {});
    run(&proxy, UserCommand::Add(add(&proxy, "acme", "app")), PASSWORD).unwrap();
    let mut writes = log_in(&proxy, "app", PASSWORD, &[]).unwrap();
    let mut reads = log_in(&proxy, "app", PASSWORD, &[("pgtenant.access", "read_only")]).unwrap();
    let user = named(&proxy, "app");
    proxy.admin().run(&format!("update pgtenant.users set access = 'read_only' where user_name = '{user}'"));
    assert_eq!(writes.until_end(), [REMOVED, "end"]);
    assert_eq!(reads.value("select count(*) from notes"), "0");
}

#[test]
fn users_are_listed_and_what_cannot_be_is_refused_with_the_remedy() {
    let proxy = Proxy::start(&["acme", "beta"], |_| {});
    let read_only = AddArgs { read_only: true, ..add(&proxy, "acme", "report") };
    run(&proxy, UserCommand::Add(read_only.clone()), PASSWORD).unwrap();
    let again = run(&proxy, UserCommand::Add(read_only), "another").unwrap();
    assert!(again.starts_with("exists") && again.contains("its password too"), "{again}");
    log_in(&proxy, "report", PASSWORD, &[]).unwrap();
    let list =
        |slug: Option<String>, json| run(&proxy, UserCommand::List(ListArgs { slug, json }), "").unwrap();
    let all: Value = serde_json::from_str(&list(Some(proxy.user("acme")), true)).unwrap();
    let found = all.as_array().unwrap().iter().find(|one| one["user"] == named(&proxy, "report").as_str());
    assert_eq!(found.unwrap()["access"], "read_only");
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert!(list(None, false).starts_with("USER") && list(None, false).lines().count() == 4);
    for (args, words) in [
        (add(&proxy, "acme", "report"), "exists with another access; remove it first"),
        (add(&proxy, "beta", "report"), "belongs to another tenant"),
        (AddArgs { slug: "ghost".into(), ..add(&proxy, "acme", "x") }, "there is no tenant ghost"),
        (AddArgs { user: "a\nb".into(), ..add(&proxy, "acme", "x") }, "control characters"),
    ] {
        let error = run(&proxy, UserCommand::Add(args), PASSWORD).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}
