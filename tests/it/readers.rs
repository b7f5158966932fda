//! Users that may only read: with a role that has SELECT only, in transactions that are read-only.

use pgtenant::cli::tenant::CreateArgs;
use pgtenant::config::Config;
use secrecy::ExposeSecret;

use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::wire::{Wire, bind, describe_portal, execute, parse, sync, unnamed};

/// What a statement that must not write is told: by the guard, the transaction, or the role.
const REFUSED: [&str; 2] = ["Error ERROR 25006", "Error ERROR 42501"];

fn config(config: &mut Config) {
    config.pool.max_server_connections = 4;
}

/// One proxy for each level of alpha and beta, with a row in each.
fn proxies() -> [Proxy; 2] {
    let names = ["alpha", "beta"];
    let proxies = [Proxy::start(&names, config), Proxy::start_shared(&names, config)];
    for proxy in &proxies {
        for name in names {
            proxy.wire(name).run(&format!("insert into notes (body) values ('of {name}')"));
        }
        add_reader(proxy, "alpha");
    }
    proxies
}

/// `pgtenant tenant create alpha --user reads_alpha --read-only`.
pub(crate) fn add_reader(proxy: &Proxy, tenant: &str) -> String {
    let user = reader(proxy, tenant);
    let done = create(
        proxy,
        tenant,
        |args| {
            args.user = Some(user);
            args.read_only = true;
            args.password_stdin = true;
        },
        PASSWORD,
    );
    done.unwrap()
}

fn create(
    proxy: &Proxy,
    tenant: &str,
    change: impl FnOnce(&mut CreateArgs),
    stdin: &str,
) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(proxy.db.create_with(tenant, change, stdin))
}

fn reader(proxy: &Proxy, tenant: &str) -> String {
    format!("reads_{}", proxy.user(tenant))
}

fn log_in(proxy: &Proxy, tenant: &str, more: &[(&str, &str)]) -> Result<Wire, String> {
    let user = reader(proxy, tenant);
    let parameters = [&[("user", user.as_str()), ("database", &proxy.db.name)][..], more].concat();
    Wire::log_in(proxy.addr(), &parameters, PASSWORD)
}

pub(crate) fn reads(proxy: &Proxy) -> Wire {
    log_in(proxy, "alpha", &[]).expect("login")
}

fn role(proxy: &Proxy) -> String {
    format!("reader_{}", proxy.user("alpha"))
}

fn is_refused(lines: &[String]) -> bool {
    lines.iter().any(|line| REFUSED.iter().any(|refusal| line.starts_with(refusal)))
}

const WRITES: [&str; 22] = [
    "insert into notes (body) values ('x')",
    "update notes set body = 'x'",
    "delete from notes",
    "truncate notes",
    "with gone as (delete from notes returning *) select * from gone",
    "select * from notes for update",
    "select nextval(pg_get_serial_sequence('notes', 'id'))",
    "create table x (a int)",
    "create temp table x (a int)",
    "create view x as select 1",
    "create function x() returns int language sql as 'select 1'",
    "drop table notes",
    "alter table notes add column x int",
    "comment on table notes is 'x'",
    "grant select on notes to public",
    "copy notes (body) from stdin",
    "explain analyze delete from notes",
    "do $$ begin delete from notes; end $$",
    "notify channel, 'x'",
    "select pg_notify('channel', 'x')",
    "select lo_create(0)",
    "vacuum notes",
];

#[test]
fn reader_reads_and_whatever_it_writes_is_refused_at_both_levels() {
    for proxy in proxies() {
        let (mut wire, mut tenant) = (reads(&proxy), proxy.wire("alpha"));
        assert_eq!(wire.value("select body from notes"), "of alpha");
        assert_eq!(wire.value("select current_user"), role(&proxy));
        assert_eq!(wire.value("select current_schema()"), proxy.role("alpha"));
        assert_eq!(wire.value("show transaction_read_only"), "on");
        for sql in WRITES {
            assert!(is_refused(&wire.query(sql)), "{sql}");
            let lines = wire.say(&[unnamed(sql, &[]), sync()].concat());
            assert!(is_refused(&lines), "{sql}: {lines:?}");
            wire.run("begin read write");
            assert!(is_refused(&wire.query(sql)), "{sql}");
            wire.run("rollback");
        }
        assert_eq!(tenant.value("select count(*) || min(body) from notes"), "1of alpha");
    }
}

#[test]
fn transactions_of_a_reader_are_read_only_whatever_it_says_about_them() {
    for proxy in proxies() {
        let mut wire =
            log_in(&proxy, "alpha", &[("options", "-c default_transaction_read_only=off")]).unwrap();
        for sql in [
            "set transaction read write",
            "set transaction_read_only to off",
            "set local transaction_read_only to off",
            "reset transaction_read_only",
            "set transaction_read_only to default",
            "select set_config('transaction_read_only', 'off', true)",
            "select set_config('transaction_' || 'read_only', 'off', true)",
        ] {
            for before in ["begin", "begin; set local work_mem = '1MB'"] {
                before.split("; ").for_each(|sql| wire.run(sql));
                let lines = wire.query(sql);
                assert!(lines.iter().any(|line| line.starts_with("Error ERROR 25")), "{sql}: {lines:?}");
                wire.run("rollback");
            }
        }
        wire.run("set default_transaction_read_only to off");
        wire.run("set session characteristics as transaction read write");
        wire.run("begin isolation level serializable read write");
        wire.run("savepoint a");
        assert_eq!(wire.value("show transaction_read_only"), "on");
        wire.run("rollback to a");
        assert!(is_refused(&wire.query("delete from notes")));
        wire.run("rollback and chain");
        assert!(is_refused(&wire.query("delete from notes")));
        wire.run("rollback");
        assert!(is_refused(&wire.query("delete from notes")));
    }
}

/// What the tenant lets its readers call runs with the tenant's rights where it is SECURITY DEFINER.
#[test]
fn functions_do_not_write_for_a_reader_neither_those_it_may_not_call_nor_those_it_may() {
    for proxy in proxies() {
        let (mut wire, mut tenant) = (reads(&proxy), proxy.wire("alpha"));
        tenant.run(
            "create function writes() returns bigint language plpgsql security definer as $$ \
             begin delete from notes; return 1; end $$",
        );
        tenant.run(
            "create function unlocks() returns text language plpgsql as $$ begin \
             return set_config('default_transaction_read_only', 'off', false); end $$",
        );
        tenant.run("create procedure pair() language plpgsql as $$ begin perform unlocks(); commit; perform writes(); end $$");
        tenant.run("create view looks as select writes()");
        for sql in ["select writes()", "select unlocks()", "select * from looks", "call pair()"] {
            assert!(is_refused(&wire.query(sql)), "{sql}");
        }
        let reader = role(&proxy);
        tenant.run(&format!("grant execute on function writes(), unlocks() to {reader}"));
        tenant.run(&format!("grant execute on procedure pair() to {reader}"));
        for before in ["", "select unlocks()", "set default_transaction_read_only to off"] {
            if !before.is_empty() {
                wire.query(before);
            }
            for sql in
                ["select writes()", "select * from looks", "call pair()", "select unlocks(); select writes()"]
            {
                assert!(is_refused(&wire.query(sql)), "{before}: {sql}");
            }
            // Without waiting for any answer.
            let batch = |sql| [unnamed(sql, &[]), sync()].concat();
            let all = [
                "select unlocks()",
                "select writes()",
                "begin",
                "select writes()",
                "rollback",
                "select writes()",
            ];
            wire.send(&all.map(batch).concat());
            for sql in all {
                let lines = wire.until_ready();
                assert!(!sql.contains("writes") || is_refused(&lines), "{sql}: {lines:?}");
            }
            wire.run("discard all");
            let one = ["select unlocks()", "commit", "select writes()"].map(|sql| unnamed(sql, &[])).concat();
            assert!(is_refused(&wire.say(&[one, sync()].concat())), "{before}");
        }
        assert_eq!(tenant.value("select count(*) from notes"), "1");
    }
}

#[test]
fn role_alone_without_the_proxy_neither_writes_nor_sees_anybody_else() {
    for proxy in proxies() {
        let mut tenant = proxy.wire("alpha");
        tenant.run("create function own() returns int language sql security definer as 'delete from notes; select 1'");
        let alpha = proxy.run(proxy.db.summary("alpha")).tenant;
        let key = &proxy.db.config.secrets.master_key;
        let password = key.tenant_password(alpha.id.other_access(), alpha.password_version);
        let (role, schema) = (role(&proxy), proxy.role("alpha"));
        let parameters = [("user", role.as_str()), ("database", &proxy.db.name), ("search_path", &schema)];
        let mut wire = Wire::log_in(proxy.server_addr(), &parameters, password.expose_secret()).unwrap();
        assert_eq!(wire.value("select body from notes"), "of alpha");
        for sql in [
            "insert into notes (body) values ('x')".to_owned(),
            "delete from notes".to_owned(),
            "truncate notes".to_owned(),
            "select * from notes for update".to_owned(),
            format!("create table {schema}.x (a int)"),
            "create table public.x (a int)".to_owned(),
            "select own()".to_owned(),
            format!("set role {schema}"),
            format!("select * from {}.notes", proxy.role("beta")),
            "select * from pgtenant.tenants".to_owned(),
            "select nextval(pg_get_serial_sequence('notes', 'id'))".to_owned(),
        ] {
            assert!(is_refused(&wire.query(&sql)), "{sql}");
        }
    }
}

#[test]
fn reader_sees_what_its_tenant_makes_later_and_nothing_of_another() {
    for proxy in proxies() {
        let (mut wire, mut tenant) = (reads(&proxy), proxy.wire("alpha"));
        proxy
            .admin()
            .run("create table global.shared_by_all (a int); grant select on global.shared_by_all to public");
        tenant.run("create table later as select 'new' as body");
        tenant.run("create view seen as select body from later");
        assert_eq!(wire.value("select body from seen"), "new");
        assert_eq!(wire.value("select count(*) from global.shared_by_all"), "0");
        let beta = proxy.role("beta");
        assert!(is_refused(&wire.query(&format!("select * from {beta}.notes"))));
        let hidden = format!("select query_to_xml('select * from {beta}.no' || 'tes', true, false, '')");
        assert!(is_refused(&wire.query(&hidden)));
    }
}

#[test]
fn reader_does_what_other_sessions_do() {
    for proxy in proxies() {
        let mut wire = reads(&proxy);
        // A statement prepared once and run in many transactions, also on other server connections.
        wire.say(&[parse("p", "select body from notes where id > $1"), sync()].concat());
        for _ in 0..3 {
            let run = [bind("", "p", &["0"]), describe_portal(""), execute("", 0), sync()].concat();
            let lines = wire.say(&run);
            assert!(lines.contains(&"DataRow of alpha".to_owned()), "{lines:?}");
            assert_eq!(wire.value("select 1"), "1");
        }
        // The unnamed statement outlives its batch.
        wire.say(&[parse("", "select body from notes"), sync()].concat());
        let lines = wire.say(&[bind("", "", &[]), execute("", 0), sync()].concat());
        assert!(lines.contains(&"DataRow of alpha".to_owned()), "{lines:?}");
        for sql in ["begin", "declare c cursor for select body from notes", "fetch c", "commit"] {
            wire.run(sql);
        }
    }
}

#[test]
fn no_connections_are_kept_for_readers_besides_those_of_their_tenant() {
    let proxy = Proxy::start(&["alpha"], config);
    add_reader(&proxy, "alpha");
    let slug = proxy.user("alpha");
    let limits = "update pgtenant.tenants set limits = '{\"min_server_connections\": \"2\"}' where slug";
    proxy.admin().run(&format!("{limits} = '{slug}'"));
    let count = |role: &str| {
        proxy.admin().value(&format!("select count(*) from pg_stat_activity where usename = '{role}'"))
    };
    reads(&proxy).run("select 1");
    proxy.wire("alpha").run("select 1");
    eventually("two are kept", || count(&proxy.role("alpha")) == "2");
    assert_eq!(count(&role(&proxy)), "1");
}

#[test]
fn reader_hears_its_tenant() {
    for proxy in proxies() {
        let (mut wire, mut tenant) = (reads(&proxy), proxy.wire("alpha"));
        wire.run("listen news");
        tenant.run("notify news, 'x'");
        let told = wire.recv().to_string();
        assert!(told.starts_with("Notification ") && told.ends_with("news x"), "{told}");
    }
}

#[test]
fn suspension_ends_the_sessions_of_readers_too() {
    for proxy in proxies() {
        let mut wire = reads(&proxy);
        wire.run("select 1");
        let slug = proxy.user("alpha");
        proxy.admin().run(&format!("update pgtenant.tenants set status = 'suspended' where slug = '{slug}'"));
        assert!(wire.until_end()[0].starts_with("Error FATAL 57P01"));
        assert!(log_in(&proxy, "alpha", &[]).is_err());
        let gone = format!("select count(*) from pg_stat_activity where usename = '{}'", role(&proxy));
        eventually("its server connections are closed", || proxy.admin().value(&gone) == "0");
    }
}

#[test]
fn user_is_told_from_one_that_may_write_when_the_command_is_repeated() {
    let proxy = Proxy::start(&["alpha"], config);
    let told = add_reader(&proxy, "alpha");
    assert!(told.contains(&format!("user {}, may only read", reader(&proxy, "alpha"))), "{told}");
    let again = create(&proxy, "alpha", |args| args.user = Some(reader(&proxy, "alpha")), "");
    assert!(again.unwrap().contains("its access is read_only and was not changed"));
}
