//! `SET` of what a reload may change, in the real program.

use std::collections::BTreeMap;

use super::stop::{console, start, start_for};
use super::{row, rows};
use crate::support::wire::{Wire, query};

/// Code, message and hint of a refusal.
fn refused(ops: &mut Wire, sql: &str) -> (String, String, String) {
    ops.send(&query(sql));
    let message = ops.recv();
    let field = |code| {
        let found = pgtenant::wire::view::error_field(&message.body, code);
        found.map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    };
    let told = (field(b'C'), field(b'M'), field(b'H'));
    ops.until_ready();
    told
}

fn setting(ops: &mut Wire, key: &str) -> BTreeMap<String, String> {
    row(ops, "SHOW CONFIG", "key", key)
}

#[test]
fn limit_that_is_set_holds_at_once_and_a_reload_undoes_it() {
    let dir = tempfile::tempdir().unwrap();
    let binary = start(&dir);
    let (mut ops, mut wire) = (console(&binary), binary.wire("alpha"));
    assert_eq!(setting(&mut ops, "limits.statement_timeout")["changeable"], "yes");
    let from = binary.log().len();
    let lines = ops.query("SET limits.statement_timeout = '50ms'");
    assert!(lines[0].contains("at once") && lines[0].contains("until RELOAD"), "{lines:?}");
    assert!(lines.contains(&"CommandComplete SET".to_owned()), "{lines:?}");
    assert!(wire.query("select pg_sleep(10)").join("\n").contains("57014"));
    assert_eq!(setting(&mut ops, "limits.statement_timeout")["value"], "50ms");
    assert_eq!(setting(&mut ops, "set_by_hand")["value"], "limits.statement_timeout");
    let told = binary.wait_for_log(from, "set by hand until the configuration is read again");
    assert!(told.contains("limits.statement_timeout") && told.contains("50ms"), "{told}");

    // By PgBouncer's name, in its seconds.
    ops.run("SET query_wait_timeout = 7");
    assert_eq!(setting(&mut ops, "pool.wait_timeout")["value"], "7s");
    assert_eq!(setting(&mut ops, "set_by_hand")["value"], "limits.statement_timeout, pool.wait_timeout");
    ops.run("RELOAD");
    assert_eq!(setting(&mut ops, "set_by_hand")["value"], "");
    assert_eq!(setting(&mut ops, "limits.statement_timeout")["value"], "off");
    assert_eq!(wire.value("select 'slow' from pg_sleep(0.1)"), "slow");
}

#[test]
fn limit_of_one_tenant_is_set_for_it_alone_until_it_is_put_back_or_a_reload() {
    let dir = tempfile::tempdir().unwrap();
    let binary = start_for(&dir, &["alpha", "beta"]);
    let (mut ops, mut alpha, mut beta) = (console(&binary), binary.wire("alpha"), binary.wire("beta"));
    let slug = &format!("{}_alpha", binary.database);
    let from = binary.log().len();
    let lines = ops.query(&format!("SET statement_timeout = '50ms' FOR {slug}"));
    assert!(lines[0].contains("at once") && lines[0].contains("until RELOAD"), "{lines:?}");
    assert!(alpha.query("select pg_sleep(10)").join("\n").contains("57014"));
    assert_eq!(beta.value("select 'slow' from pg_sleep(0.1)"), "slow");
    let told = binary.wait_for_log(from, "set by hand until the configuration is read again");
    assert!(told.contains(&format!("{slug}.statement_timeout")) && told.contains("50ms"), "{told}");

    // It outranks what is said of all, which may be set beside it, and has the configuration's names and PgBouncer's too.
    ops.run("SET limits.statement_timeout = '10s'");
    assert!(alpha.query("select pg_sleep(5)").join("\n").contains("57014"));
    ops.run(&format!("SET limits.max_clients = 1 FOR \"{slug}\""));
    ops.run(&format!("SET max_db_connections = 2 FOR {slug}"));
    let shown = row(&mut ops, "SHOW TENANTS", "tenant", slug);
    assert_eq!((shown["max_clients"].as_str(), shown["max_servers"].as_str()), ("1", "2"), "{shown:?}");
    assert_eq!(
        setting(&mut ops, "set_by_hand")["value"],
        format!(
            "limits.statement_timeout, {slug}.max_clients, {slug}.max_server_connections, {slug}.statement_timeout"
        )
    );

    let lines = ops.query(&format!("SET statement_timeout TO DEFAULT FOR {slug}"));
    assert!(lines[0].contains("not set by hand any more"), "{lines:?}");
    assert_eq!(alpha.value("select 'slow' from pg_sleep(0.1)"), "slow");
    ops.run("SET limits.statement_timeout = DEFAULT");
    assert_eq!(setting(&mut ops, "limits.statement_timeout")["value"], "off");
    ops.run("RELOAD");
    assert_eq!(setting(&mut ops, "set_by_hand")["value"], "");
    assert_ne!(row(&mut ops, "SHOW TENANTS", "tenant", slug)["max_clients"], "1");
}

#[test]
fn nothing_but_the_key_is_taken_over_from_a_file_that_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let binary = start(&dir);
    let (mut ops, mut wire) = (console(&binary), binary.wire("alpha"));
    binary.configure("[limits]\nstatement_timeout = \"50ms\"\n");
    ops.run("SET log.filter = debug");
    assert_eq!(wire.value("select 'slow' from pg_sleep(0.2)"), "slow");
    assert_eq!(setting(&mut ops, "log.filter")["value"], "debug");
    // Where all of the budget is a tenant's, more budget is more for it.
    ops.run("SET pool.max_server_connections = 60");
    assert_eq!(setting(&mut ops, "pool.max_server_connections_per_tenant")["value"], "60");
    ops.run("RELOAD");
    assert!(wire.query("select pg_sleep(10)").join("\n").contains("57014"));
}

#[test]
fn what_cannot_be_set_is_refused_with_the_remedy_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let binary = start(&dir);
    let mut ops = console(&binary);
    let before = rows(&mut ops, "SHOW CONFIG");
    let for_alpha = format!("FOR {}_alpha", binary.database);
    for (sql, code, message, hint) in [
        ("SET pool.wait_timeout = soon", "22023", "pool.wait_timeout: ", ""),
        ("SET listen.max_clients = 0", "22023", "listen.max_clients: 0 is too small", "at least 1"),
        ("SET pool.spare_connections = 2000", "22023", "pool.spare_connections: ", ""),
        ("SET max_client_conn = many", "22023", "listen.max_clients: ", ""),
        ("SET server.port = 5433", "55P02", "cannot be changed while the proxy serves", "restart"),
        ("SET tenants.level = shared", "55P02", "cannot be changed while the proxy serves", "restart"),
        ("SET guard.mode = report", "55P02", "in the configuration file only", "RELOAD"),
        ("SET console.admin_users = 'ops, me'", "55P02", "in the configuration file only", "RELOAD"),
        ("SET guard.extra_functions = 'pg_read_file'", "55P02", "in the configuration file only", "RELOAD"),
        ("SET pool_size = 3", "42704", "no setting \"pool_size\"", "SHOW CONFIG"),
        ("SET max_clients = 0 FOR alpha", "22023", "limit max_clients: 0 is too small", "docs/console.md"),
        ("SET wait_timeout = off FOR alpha", "22023", "limit wait_timeout: ", "docs/console.md"),
        ("SET listen.max_clients = 5 FOR alpha", "55P02", "of all tenants together", "without FOR"),
        ("SET guard.mode = report FOR alpha", "55P02", "of all tenants together", "without FOR"),
        ("SET pool_size = 5 FOR alpha", "42704", "no setting \"pool_size\"", "SHOW CONFIG"),
        ("SET max_clients = 5 FOR nobody", "42704", "no tenant \"nobody\"", "SHOW TENANTS"),
    ] {
        let told = refused(&mut ops, &sql.replace("FOR alpha", &for_alpha));
        assert_eq!(told.0, code, "{sql}: {told:?}");
        assert!(told.1.contains(message) && told.2.contains(hint) && !told.2.is_empty(), "{sql}: {told:?}");
    }
    assert_eq!(rows(&mut ops, "SHOW CONFIG"), before);
}
