//! The guard's lists of settings against the settings of the server the tests run on.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::support::proxy::Proxy;
use crate::support::wire::Wire;

fn proxy() -> &'static Proxy {
    static PROXY: OnceLock<Proxy> = OnceLock::new();
    PROXY.get_or_init(|| Proxy::start(&["alpha"], |_| {}))
}

fn names(list: &'static str) -> BTreeSet<&'static str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

fn allowed() -> BTreeSet<&'static str> {
    names(include_str!("../../src/guard/settings_allowed.txt"))
}

fn refused() -> BTreeSet<&'static str> {
    names(include_str!("../../src/guard/settings_refused.txt"))
}

/// Name and value of the server's settings for which this holds.
fn settings(wire: &mut Wire, condition: &str) -> Vec<(String, String)> {
    let sql = format!("select lower(name) || '=' || setting from pg_catalog.pg_settings where {condition}");
    let rows =
        wire.query(&sql).into_iter().filter_map(|line| line.strip_prefix("DataRow ").map(str::to_owned));
    rows.map(|row| row.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect()
}

#[test]
fn every_setting_a_role_may_change_is_on_exactly_one_list() {
    let (allowed, refused) = (allowed(), refused());
    let mut admin = proxy().admin();
    let changeable = settings(&mut admin, "context = 'user'");
    assert!(changeable.len() > 100, "{}", changeable.len());
    let wrong: Vec<_> = changeable
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| allowed.contains(name) == refused.contains(name))
        .collect();
    assert!(wrong.is_empty(), "put each into one of src/guard/settings_{{allowed,refused}}.txt: {wrong:?}");
}

#[test]
fn no_setting_that_only_a_superuser_or_a_restart_changes_is_allowed() {
    let allowed = allowed();
    let mut admin = proxy().admin();
    let others = settings(&mut admin, "context <> 'user'");
    assert!(others.len() > 100, "{}", others.len());
    for (name, _) in others {
        assert!(!allowed.contains(name.as_str()), "{name}");
    }
}

#[test]
fn every_allowed_setting_that_the_server_has_can_be_set_by_a_tenant() {
    let allowed = allowed();
    let mut wire = proxy().wire("alpha");
    let present = settings(&mut wire, "true");
    let present: Vec<_> = present.iter().filter(|(name, _)| allowed.contains(name.as_str())).collect();
    assert!(present.len() > 100, "{}", present.len());
    for (name, value) in present {
        let value = value.replace('\'', "''");
        if name.starts_with("transaction_") && name != "transaction_timeout" {
            // Of one transaction only, and before its first query.
            for set in [format!("SET {name} = '{value}'"), format!("SET LOCAL {name} TO '{value}'")] {
                for sql in ["BEGIN", &set, "COMMIT"] {
                    wire.run(sql);
                }
            }
            continue;
        }
        // A list in one string would be one name.
        if name != "search_path" {
            wire.run(&format!("SET LOCAL {name} = '{value}'"));
            wire.run(&format!("SET {name} TO '{value}'; RESET {name}"));
        }
        wire.run(&format!("SELECT set_config('{name}', '{value}', false); RESET {name}"));
    }
}

#[test]
fn old_names_and_settings_that_the_server_does_not_show_pass_as_well() {
    for sql in [
        "SET SEED TO 0.5",
        "SET sort_mem = 1024; RESET work_mem",
        "SET vacuum_mem = 1024; RESET maintenance_work_mem",
        "SET default_with_oids = false",
        "SET ssl_renegotiation_limit = 0",
    ] {
        proxy().wire("alpha").run(sql);
    }
}

#[test]
fn every_refused_setting_is_refused_to_a_tenant_and_changes_nothing() {
    let refused = refused();
    let mut wire = proxy().wire("alpha");
    for (name, value) in settings(&mut wire, "context = 'user'") {
        if !refused.contains(name.as_str()) {
            continue;
        }
        let before = wire.value(&format!("SHOW {name}"));
        let message = format!("Error ERROR 42501 parameter \"{name}\" cannot be set by a tenant");
        for sql in [
            format!("SET {name} = '{value}'"),
            format!("SELECT set_config('{name}', '{value}', false)"),
            format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET {name} = '{value}' AS 'SELECT 1'"),
        ] {
            assert_eq!(wire.query(&sql), [message.as_str(), "ReadyForQuery I"], "{sql}");
        }
        wire.run(&format!("RESET {name}"));
        assert_eq!(wire.value(&format!("SHOW {name}")), before);
    }
}

#[test]
fn setting_the_operator_lists_reaches_the_server() {
    let proxy = Proxy::start(&["alpha"], |config| config.guard.extra_settings = vec!["trace_sort".into()]);
    let mut wire = proxy.wire_with("alpha", &[("options", "-c trace_sort=on")]).unwrap();
    assert_eq!(wire.value("show trace_sort"), "on");
    wire.run("set trace_sort = off");
    assert_eq!(wire.value("show trace_sort"), "off");
    assert!(wire.query("set trace_notify = on")[0].contains("42501"));
}

#[test]
fn settings_of_an_application_are_its_own() {
    let mut wire = proxy().wire("alpha");
    wire.run("SET app.user_id = '42'");
    assert_eq!(wire.value("select current_setting('app.user_id')"), "42");
    wire.run("begin");
    wire.run("select set_config('request.jwt.claims', '{}', true)");
    assert_eq!(wire.value("select current_setting('request.jwt.claims')"), "{}");
    wire.run("commit");
    assert_eq!(wire.value("select current_setting('request.jwt.claims')"), "");
}
