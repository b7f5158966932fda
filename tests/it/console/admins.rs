//! Who gets into the console, and what they may do there.

use pgtenant::config::auth::AdminTokens;
use serde_json::{Value, json};

use super::{CONSOLE_PASSWORD, console, rows, start, try_console};
use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::secrets::audited;
use crate::support::tls::Authority;
use crate::support::wire::{V3_0, Wire, frame, startup};
use crate::tokens::{claims, now, sign, with_tokens};

fn failed(user: &str) -> String {
    format!("Error FATAL 28P01 password authentication failed for user \"{user}\"")
}

#[test]
fn no_credential_of_a_tenant_opens_the_console() {
    let proxy = start(&["alpha"], |config| {
        with_tokens(config);
        config.auth.api_keys = true;
        config.auth.admin_tokens = AdminTokens::ReadWrite;
    });
    let alpha = proxy.user("alpha");
    assert_eq!(try_console(&proxy, &alpha, PASSWORD).err().unwrap(), failed(&alpha));
    // A user of a tenant that is called like one of the console is another one.
    proxy.admin().run(&format!("update pgtenant.users set user_name = 'ops' where user_name = '{alpha}'"));
    eventually("the user has its new name", || {
        Wire::log_in(proxy.addr(), &[("user", "ops"), ("database", &proxy.db.name)], PASSWORD).is_ok()
    });
    assert_eq!(try_console(&proxy, "ops", PASSWORD).err().unwrap(), failed("ops"));
    assert!(try_console(&proxy, "ops", CONSOLE_PASSWORD).is_ok());
    let other =
        Wire::log_in(proxy.addr(), &[("user", "ops"), ("database", &proxy.db.name)], CONSOLE_PASSWORD);
    assert_eq!(other.err().unwrap(), failed("ops"), "and the other way round");
    // Nor do a tenant's token, and an admin's that is for one tenant.
    assert_eq!(by_token(&proxy, &sign(&claims(&proxy, "alpha")), &[]).err().unwrap(), failed("token"));
    let mut of_alpha = admin_claims("of alpha");
    of_alpha["tenant_id"] = json!(alpha);
    let refused = by_token(&proxy, &sign(&of_alpha), &[]).err().unwrap();
    assert!(refused.contains("28000 this admin token is for one tenant"), "{refused}");
}

#[test]
fn tenant_that_is_called_like_the_console_cannot_be_taken_for_it() {
    let cluster =
        pgtenant::cli::cluster::PrivateCluster::start(&pgtenant::cli::cluster::Options::default()).unwrap();
    let proxy = Proxy::alone_on(&cluster, "app", &["pgtenant"], super::with_users);
    // Whoever names it gets the console, or nothing.
    let named = Wire::log_in(proxy.addr(), &[("user", "pgtenant"), ("database", "pgtenant")], PASSWORD);
    assert_eq!(named.err().unwrap(), failed("pgtenant"));
    assert_eq!(proxy.wire("pgtenant").value("select current_schema"), "tenant_pgtenant");
    let options = [("user", "pgtenant"), ("database", "app"), ("options", "-c pgtenant.tenant=pgtenant")];
    assert!(Wire::log_in(proxy.addr(), &options, PASSWORD).is_ok());
    let mut ops = console(&proxy, "ops");
    assert_eq!(rows(&mut ops, "SHOW TENANTS")[0]["tenant"], "pgtenant");
    ops.run("PAUSE pgtenant; RESUME pgtenant");
}

#[test]
fn unknown_users_and_wrong_passwords_are_refused_alike_and_counted() {
    let proxy = start(&["alpha"], |config| config.listen.failures.per_address = Some(4));
    for _ in 0..2 {
        assert_eq!(try_console(&proxy, "ops", "wrong").err().unwrap(), failed("ops"));
        assert_eq!(try_console(&proxy, "nobody", CONSOLE_PASSWORD).err().unwrap(), failed("nobody"));
    }
    let refused = try_console(&proxy, "ops", CONSOLE_PASSWORD).err().unwrap();
    assert_eq!(refused, "Error FATAL 28000 too many failed logins");
    assert!(proxy.shared().counters.snapshot().auth_failures >= 4);
}

#[test]
fn guesses_at_a_user_of_the_console_do_not_keep_out_one_of_a_tenant() {
    let proxy = start(&["alpha"], |config| config.listen.failures.per_user = Some(2));
    let alpha = proxy.user("alpha");
    for _ in 0..3 {
        assert!(try_console(&proxy, &alpha, "wrong").is_err());
    }
    assert!(try_console(&proxy, &alpha, "wrong").err().unwrap().contains("too many failed logins"));
    proxy.wire("alpha").run("select 1");
}

#[test]
fn who_may_only_look_changes_nothing_and_that_is_written_down() {
    let proxy = start(&["alpha"], |_| {});
    let mut exporter = console(&proxy, "exporter");
    assert!(!rows(&mut exporter, "SHOW TENANTS").is_empty());
    let slug = proxy.user("alpha");
    for command in [
        "PAUSE",
        "RESUME",
        "RECONNECT",
        "KILL",
        "RELOAD",
        "SHUTDOWN",
        "SUSPEND",
        "KILL_CLIENT 1",
        "SET a = b",
    ] {
        let lines = exporter.query(command);
        assert!(lines[0].starts_with("Error ERROR 42501 permission denied"), "{command}: {lines:?}");
    }
    for command in ["PAUSE", "KILL", "DISABLE", "ENABLE"] {
        let lines = exporter.query(&format!("{command} {slug}"));
        assert!(lines[0].starts_with("Error ERROR 42501"), "{command}: {lines:?}");
    }
    proxy.wire("alpha").run("select 1");
    let failed = audited(&format!("KILL \\\"{slug}\\\""));
    let failed = if failed.is_empty() { audited(&format!("KILL \"{slug}\"")) } else { failed };
    assert!(
        failed.iter().any(|line| line.contains("console command failed") && line.contains("exporter")),
        "{failed:?}"
    );
}

#[test]
fn what_is_changed_is_written_down_with_who_did_it() {
    let proxy = start(&["alpha"], |_| {});
    let slug = proxy.user("alpha");
    let mut ops = console(&proxy, "ops");
    ops.run(&format!("SHOW POOLS; PAUSE {slug}; RESUME {slug}"));
    drop(ops);
    let about = || audited(&slug).into_iter().filter(|line| line.contains("console")).collect::<Vec<_>>();
    eventually("it is written down", || about().len() >= 4);
    let lines = about();
    for (word, verb) in
        [("console command ", "PAUSE"), ("console command done", "PAUSE"), ("console command done", "RESUME")]
    {
        assert!(
            lines.iter().any(|line| line.contains(word) && line.contains(verb) && line.contains("ops")),
            "{lines:#?}"
        );
    }
    assert!(lines.iter().all(|line| !line.contains("SHOW")), "{lines:#?}");
    eventually("begin and end are", || {
        let ends = audited("console session ends");
        ends.iter().any(|line| line.contains("ops")) && !audited("console session begins").is_empty()
    });
}

/// Of no tenant.
fn admin_claims(id: &str) -> Value {
    json!({
        "iss": crate::tokens::ISSUER, "aud": "db", "sub": "ann@example.com", "jti": id, "scope": "admin", "exp": now() + 600,
    })
}

/// Logs in to the console with a token as the password.
fn by_token(proxy: &Proxy, token: &str, more: &[(&str, &str)]) -> Result<Wire, String> {
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&startup(V3_0, &[&[("user", "token"), ("database", "pgtenant")][..], more].concat()));
    let first = wire.recv().to_string();
    if first != "Authentication 3" {
        return Err(first);
    }
    wire.send(&frame(b'p', &[token.as_bytes(), &[0]].concat()));
    let answer = wire.recv().to_string();
    if answer != "Authentication 0" {
        return Err(answer);
    }
    wire.welcome()?;
    Ok(wire)
}

#[test]
fn admin_token_opens_the_console_as_far_as_the_operator_lets_it() {
    let token = sign(&admin_claims("console"));
    let with = |admins| {
        Proxy::start(&["alpha"], move |config| {
            with_tokens(config);
            config.auth.admin_tokens = admins;
        })
    };
    let off = with(AdminTokens::Off);
    let refused = by_token(&off, &token, &[]).err().unwrap();
    assert_eq!(refused, "Error FATAL 28000 tokens with the scope admin are not taken here");
    let reads = with(AdminTokens::ReadOnly);
    let mut wire = by_token(&reads, &token, &[]).unwrap();
    assert_eq!(rows(&mut wire, "SHOW TENANTS").len(), 1);
    assert!(wire.query("PAUSE")[0].starts_with("Error ERROR 42501"));
    let writes = with(AdminTokens::ReadWrite);
    by_token(&writes, &token, &[]).unwrap().run("PAUSE; RESUME");
    let mut less = by_token(&writes, &token, &[("options", "-c pgtenant.access=read_only")]).unwrap();
    assert!(less.query("PAUSE")[0].starts_with("Error ERROR 42501"), "it asked for less");
    assert!(audited("ann@example.com").iter().any(|line| line.contains("console command done")));
}

#[test]
fn session_of_a_token_ends_with_it() {
    let proxy = Proxy::start(&[], |config| {
        with_tokens(config);
        config.auth.admin_tokens = AdminTokens::ReadOnly;
    });
    let mut short = admin_claims("short");
    short["exp"] = json!(now() + 2);
    let mut wire = by_token(&proxy, &sign(&short), &[]).unwrap();
    assert!(wire.until_end()[0].contains("57P01"));
}

#[test]
fn console_has_tls_and_refuses_tokens_without() {
    let authority = Authority::new("console authority");
    let listen = authority.listen(false);
    let proxy = Proxy::start(&[], |config| {
        super::with_users(config);
        with_tokens(config);
        config.auth.tokens_without_tls = pgtenant::config::auth::WithoutTls::Never;
        config.auth.admin_tokens = AdminTokens::ReadOnly;
        config.listen.tls = Some(listen);
    });
    let parameters = [("user", "exporter"), ("database", "pgtenant")];
    let mut wire = Wire::log_in_tls(proxy.addr(), &authority.trust(), &parameters, CONSOLE_PASSWORD).unwrap();
    assert!(!rows(&mut wire, "SHOW VERSION").is_empty());
    let refused = by_token(&proxy, &sign(&admin_claims("plain")), &[]).err().unwrap();
    assert!(
        refused.contains("28000 a token is not taken over a connection that is not encrypted"),
        "{refused}"
    );
}

#[test]
fn console_that_is_off_is_a_database_that_there_is_not() {
    let proxy = start(&["alpha"], |config| config.console.database = None);
    let parameters = [("user", proxy.user("alpha")), ("database", "pgtenant".into())];
    let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
    let refused = Wire::log_in(proxy.addr(), &parameters, PASSWORD).err().unwrap();
    assert_eq!(refused, "Error FATAL 3D000 database \"pgtenant\" does not exist");
    assert!(try_console(&proxy, "ops", CONSOLE_PASSWORD).err().unwrap().contains("28P01"));
}
