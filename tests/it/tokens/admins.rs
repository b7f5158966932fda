//! Tokens with the scope `admin`: somebody who works on the proxy looks at a tenant's data, and it is written down.

use pgtenant::auth::Access;
use pgtenant::config::Config;
use pgtenant::config::auth::AdminTokens;
use serde_json::{Value, json};

use crate::support::proxy::{PASSWORD, Proxy, eventually, stdout};
use crate::support::secrets::{audited, watch_for};
use crate::support::wire::{V3_0, Wire, bind, execute, frame, parse, startup, sync};
use crate::tokens::{claims, log_in, now, refusal, sign, token, with_tokens};

fn reading(config: &mut Config) {
    with_tokens(config);
    config.auth.admin_tokens = AdminTokens::ReadOnly;
}

fn writing(config: &mut Config) {
    with_tokens(config);
    config.auth.admin_tokens = AdminTokens::ReadWrite;
}

/// Of no tenant, with this name for the audit.
fn admin_claims(id: &str) -> Value {
    json!({
        "iss": super::ISSUER, "aud": "db", "sub": "ann@example.com", "jti": id, "scope": "admin", "exp": now() + 600,
    })
}

/// Logs in with a token as the password, and with more in the startup packet.
fn log_in_with(proxy: &Proxy, token: &str, parameters: &[(&str, &str)]) -> Result<Wire, String> {
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&startup(V3_0, parameters));
    let first = wire.recv().to_string();
    assert_eq!(first, "Authentication 3");
    wire.send(&frame(b'p', &[token.as_bytes(), &[0]].concat()));
    let answer = wire.recv().to_string();
    if answer != "Authentication 0" {
        return Err(answer);
    }
    wire.welcome()?;
    Ok(wire)
}

const NO_ADMINS: &str = "Error FATAL 28000 tokens with the scope admin are not taken here";
const NO_TENANT: &str =
    "Error FATAL 28000 an admin's session is one of a tenant, and none in service was named";
const ONLY_READS: &str = "Error FATAL 28000 this login can only read";

#[test]
fn admin_reads_the_data_of_the_tenant_it_names_and_of_any_other() {
    let proxy = Proxy::start(&["acme", "beta"], reading);
    let token = sign(&admin_claims("reads"));
    for name in ["acme", "beta"] {
        proxy.wire(name).run(&format!("insert into notes (body) values ('of {name}')"));
        let (slug, schema) = (proxy.user(name), proxy.db.schema(name));
        let option = format!("-c pgtenant.tenant={slug}");
        let by_name = ("user", format!("token.{slug}"));
        for (user, database, options) in [
            (by_name.1.as_str(), proxy.db.name.as_str(), ""),
            ("token", slug.as_str(), ""),
            ("token", proxy.db.name.as_str(), option.as_str()),
        ] {
            let mut wire =
                log_in_with(&proxy, &token, &[("user", user), ("database", database), ("options", options)])
                    .unwrap();
            assert_eq!(wire.value("select current_schema"), schema);
            assert_eq!(wire.value("select body from notes"), format!("of {name}"));
            // As those read who may only read: nothing is changed, and no other tenant's is seen.
            assert!(wire.query("delete from notes")[0].starts_with("Error ERROR 25006"));
            let other = proxy.db.schema(if name == "acme" { "beta" } else { "acme" });
            assert!(
                wire.query(&format!("select body from {other}.notes"))[0].starts_with("Error ERROR 42501")
            );
        }
    }
    assert_eq!(proxy.shared().counters.snapshot().admin_sessions, 6);
}

#[test]
fn admin_token_is_good_for_nothing_where_the_operator_does_not_say_so() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let named = format!("token.{}", proxy.user("acme"));
    let token = sign(&admin_claims("off"));
    assert_eq!(refusal(&proxy, &named, token.as_bytes()), NO_ADMINS);
    // It does not tell either which tenants there are.
    assert_eq!(refusal(&proxy, "token.nobody", token.as_bytes()), NO_ADMINS);
    assert_eq!(refusal(&proxy, "token", token.as_bytes()), NO_ADMINS);
    let mut of_acme = claims(&proxy, "acme");
    of_acme["scope"] = json!("admin");
    assert_eq!(refusal(&proxy, "token", sign(&of_acme).as_bytes()), NO_ADMINS);
    assert_eq!(audited("off").len(), 3, "{:?}", audited("off"));
}

#[test]
fn admin_says_which_tenant_and_who_it_is() {
    let proxy = Proxy::start(&["acme", "beta"], reading);
    let token = sign(&admin_claims("names nobody"));
    assert_eq!(refusal(&proxy, "token", token.as_bytes()), NO_TENANT);
    assert_eq!(refusal(&proxy, "token.nobody", token.as_bytes()), NO_TENANT);
    for sub in [Value::Null, json!("")] {
        let mut nameless = admin_claims("nameless");
        nameless["sub"] = sub;
        let named = format!("token.{}", proxy.user("acme"));
        assert!(refusal(&proxy, &named, sign(&nameless).as_bytes()).starts_with("Error FATAL 28P01"));
    }
    // One that was made for a tenant is for no other.
    let mut of_acme = claims(&proxy, "acme");
    of_acme["scope"] = json!("admin");
    let of_acme = sign(&of_acme);
    let beta = proxy.user("beta");
    let refused = format!("Error FATAL 28000 this credential is not one of tenant \"{beta}\"");
    assert_eq!(refusal(&proxy, &format!("token.{beta}"), of_acme.as_bytes()), refused);
    assert_eq!(
        log_in(&proxy, "token", of_acme.as_bytes()).unwrap().value("select current_schema"),
        proxy.db.schema("acme")
    );
    // And one of a tenant that says no tenant is none of anybody.
    let mut of_nobody = claims(&proxy, "acme");
    of_nobody.as_object_mut().unwrap().remove("tenant_id");
    assert!(refusal(&proxy, "token", sign(&of_nobody).as_bytes()).starts_with("Error FATAL 28P01"));
}

#[test]
fn admin_writes_only_where_it_asks_for_that_and_the_operator_lets_it() {
    let write = "-c pgtenant.access=read_write";
    for (proxy, may) in [(Proxy::start(&["acme"], reading), false), (Proxy::start(&["acme"], writing), true)]
    {
        let user = format!("token.{}", proxy.user("acme"));
        let token = sign(&admin_claims("writes"));
        let parameters =
            |options| [("user", user.as_str()), ("database", proxy.db.name.as_str()), ("options", options)];
        let mut reads = log_in_with(&proxy, &token, &parameters("")).unwrap();
        assert!(reads.query("insert into notes (body) values ('x')")[0].starts_with("Error ERROR 25006"));
        match log_in_with(&proxy, &token, &parameters(write)) {
            Ok(mut wire) => {
                assert!(may);
                wire.run("insert into notes (body) values ('by an admin')");
                assert_eq!(proxy.wire("acme").value("select body from notes"), "by an admin");
            }
            Err(refused) => assert!(!may && refused == ONLY_READS, "{refused}"),
        }
    }
}

#[test]
fn client_may_ask_for_less_than_it_has_and_not_for_more() {
    let proxy = Proxy::start(&["acme"], with_tokens);
    let (user, name) = (proxy.user("acme"), proxy.db.name.clone());
    let log_in = |option: &str| {
        let options = format!("-c PgTenant.Access={option}");
        let parameters = [("user", user.as_str()), ("database", &name), ("options", &options)];
        Wire::log_in(proxy.addr(), &parameters, PASSWORD)
    };
    let mut reads = log_in("read_only").unwrap();
    assert_eq!(reads.value("select count(*) from notes"), "0");
    assert!(reads.query("insert into notes (body) values ('x')")[0].starts_with("Error ERROR 25006"));
    log_in("read_write").unwrap().run("insert into notes (body) values ('x')");
    assert_eq!(
        log_in("admin").err().unwrap(),
        "Error FATAL 22023 invalid value for parameter \"pgtenant.access\": \"admin\""
    );
    let mut read_only = claims(&proxy, "acme");
    read_only["scope"] = json!("read_only");
    let parameters = [("user", "token"), ("database", name.as_str()), ("pgtenant.access", "read_write")];
    assert_eq!(log_in_with(&proxy, &sign(&read_only), &parameters).err().unwrap(), ONLY_READS);
}

#[test]
fn what_an_admin_does_is_written_down_without_constants_and_of_others_nothing_is() {
    let proxy = Proxy::start(&["acme", "beta"], reading);
    watch_for("4111-1111");
    let named = format!("token.{}", proxy.user("acme"));
    let begin = audited("written").len();
    let mut wire = log_in(&proxy, &named, sign(&admin_claims("written")).as_bytes()).unwrap();
    wire.query("select id from notes where body = '4111-1111'");
    wire.query(&format!("select * from {}.notes", proxy.db.schema("beta")));
    wire.say(
        &[parse("s", "select body from notes where id = $1"), bind("", "s", &["1"]), execute("", 0), sync()]
            .concat(),
    );
    drop(wire);
    let lines = || audited(&proxy.user("acme"));
    eventually("it is over", || lines().iter().any(|line| line.contains("admin session ends")));
    let lines = lines();
    let has = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert_eq!(audited("written").len(), begin + 2, "begin and end carry the name of the token");
    assert!(
        has(&["admin session begins", "ann@example.com", "written", "127.0.0.1", "access=\"read_only\""]),
        "{lines:#?}"
    );
    assert!(has(&["admin statement ", "select id from notes where body = ?"]), "{lines:#?}");
    assert!(has(&["admin statement refused", "cross_schema"]), "{lines:#?}");
    assert!(has(&["select body from notes where id = $1"]), "{lines:#?}");
    log_in(&proxy, "token", token(&proxy, "beta").as_bytes()).unwrap().run("select 1 from notes");
    assert!(audited(&proxy.user("beta")).iter().all(|line| !line.contains("select ?")));
}

#[test]
fn suspension_ends_an_admins_session_and_keeps_it_out() {
    let proxy = Proxy::start(&["acme"], reading);
    let named = format!("token.{}", proxy.user("acme"));
    let token = sign(&admin_claims("suspended"));
    let mut wire = log_in(&proxy, &named, token.as_bytes()).unwrap();
    proxy.admin().run(&format!(
        "update pgtenant.tenants set status = 'suspended' where slug = '{}'",
        proxy.user("acme")
    ));
    assert!(wire.until_end()[0].contains("57P01"));
    assert_eq!(refusal(&proxy, &named, token.as_bytes()), NO_TENANT);
}

#[test]
fn admin_token_is_issued_for_somebody_with_a_name() {
    use crate::tokens::issue::{args, issue, proxy_with};
    let dir = tempfile::tempdir().unwrap();
    let proxy = proxy_with(&dir, |config| config.auth.admin_tokens = AdminTokens::ReadOnly);
    let config = &proxy.db.config;
    let admin = || pgtenant::cli::token::IssueArgs {
        tenant: None,
        scope: Access::Admin,
        user: Some("support:ann".into()),
        ..args(&proxy, "acme")
    };
    let token = issue(config, admin()).unwrap();
    for name in ["acme", "beta"] {
        let mut wire =
            log_in(&proxy, &format!("token.{}", proxy.user(name)), token.trim().as_bytes()).unwrap();
        assert_eq!(wire.value("select current_schema"), proxy.db.schema(name));
    }
    let nameless = pgtenant::cli::token::IssueArgs { user: None, ..admin() };
    assert!(issue(config, nameless).unwrap_err().contains("--user"));
    let of_nobody = pgtenant::cli::token::IssueArgs { scope: Access::ReadWrite, ..admin() };
    assert!(issue(config, of_nobody).unwrap_err().contains("--tenant"));
    let mut off = config.clone();
    off.auth.admin_tokens = AdminTokens::Off;
    assert!(issue(&off, admin()).unwrap_err().contains("auth.admin_tokens"));
}

#[test]
fn psql_of_an_admin_reads_and_with_the_option_writes() {
    let proxy = Proxy::start(&["acme"], writing);
    let run = |options: &str, sql: &str| {
        let mut psql = proxy.program("psql", "acme");
        psql.env("PGUSER", format!("token.{}", proxy.user("acme"))).env("PGOPTIONS", options);
        psql.env("PGPASSWORD", sign(&admin_claims("psql")))
            .args(["-XAtq", "-c", sql, "-c", "\\d notes"])
            .output()
            .unwrap()
    };
    let insert = "insert into notes (body) values ('by an admin')";
    let refused = run("", insert);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("read-only"), "{refused:?}");
    assert!(stdout(&run("-c pgtenant.access=read_write", insert)).contains("body"));
    assert!(stdout(&run("", "select body from notes")).starts_with("by an admin"));
}
