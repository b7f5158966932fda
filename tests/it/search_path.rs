//! search_path: what applications set it to, and `public` where it means the tenant's schema.

use pgtenant::config::PublicSchema;

use crate::support::proxy::Proxy;
use crate::support::wire::Wire;

/// One server connection: a client that kept it would starve the others.
fn proxy(public: PublicSchema) -> Proxy {
    Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 1;
        config.limits.wait_timeout = std::time::Duration::from_secs(3);
        config.guard.public_schema = public;
    })
}

/// The SQLSTATE a statement fails with.
fn error(client: &mut Wire, sql: &str) -> String {
    let said = client.query(sql);
    said.iter().find_map(|line| line.strip_prefix("Error ERROR ")).unwrap_or_else(|| panic!("{said:?}"))[..5]
        .to_owned()
}

fn path(client: &mut Wire) -> String {
    client.value("select array_to_string(current_schemas(false), ',')")
}

#[test]
fn every_path_an_application_may_set_follows_it_and_reset_gives_the_tenants() {
    let proxy = proxy(PublicSchema::Refuse);
    let own = proxy.role("alpha");
    let (mut client, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
    let both = format!("{own},global");
    for (set, schemas) in [
        ("set search_path to ''".to_owned(), String::new()),
        ("set search_path to \"$user\"".into(), own.clone()),
        (format!("set search_path to {own}"), own.clone()),
        (format!("set search_path = 'global', \"{own}\""), format!("global,{own}")),
        ("select pg_catalog.set_config('search_path', '', false)".into(), String::new()),
        (format!("select set_config('search_path', '\"$user\",{own}', false)"), own.clone()),
        ("reset search_path".into(), both.clone()),
        ("set search_path to pg_catalog".into(), "pg_catalog".into()),
        ("set search_path to default".into(), both.clone()),
        (format!("set search_path = {own}; discard plans"), own.clone()),
        ("reset all".into(), both.clone()),
        ("set session search_path = global".into(), "global".into()),
        ("discard all".into(), both.clone()),
    ] {
        client.run(&set);
        assert_eq!(path(&mut other), both, "the other client after {set}");
        assert_eq!(path(&mut client), schemas, "{set}");
    }
}

#[test]
fn local_path_ends_with_its_transaction() {
    let proxy = proxy(PublicSchema::Refuse);
    let own = proxy.role("alpha");
    let mut client = proxy.wire("alpha");
    client.run("begin");
    client.run(&format!("set local search_path = {own}"));
    assert_eq!(path(&mut client), own);
    client.run("commit");
    assert_eq!(path(&mut client), format!("{own},global"));
}

#[test]
fn path_with_another_schema_is_refused_and_nothing_changes() {
    let proxy = proxy(PublicSchema::Refuse);
    let own = proxy.role("alpha");
    let mut client = proxy.wire("alpha");
    for wrong in ["tenant_beta", "public", "\"$user\", public", "base_template", "pgtenant"] {
        assert_eq!(error(&mut client, &format!("set search_path to {wrong}")), "42501", "{wrong}");
        assert_eq!(path(&mut client), format!("{own},global"));
    }
}

#[test]
fn path_of_the_connection_string_is_what_reset_goes_back_to() {
    let proxy = proxy(PublicSchema::Refuse);
    let own = proxy.role("alpha");
    let options = format!("-c search_path={own}");
    let mut client = proxy.wire_with("alpha", &[("options", &options)]).unwrap();
    assert_eq!(path(&mut client), own);
    client.run("set search_path = global");
    client.run("reset search_path");
    assert_eq!(path(&mut client), own);
    assert!(proxy.wire_with("alpha", &[("options", "-c search_path=public")]).is_err());
}

#[test]
fn public_means_the_tenants_schema_where_the_operator_says_so() {
    let proxy = proxy(PublicSchema::Tenant);
    let own = proxy.role("alpha");
    let mut client = proxy.wire_with("alpha", &[("search_path", "public")]).unwrap();
    assert_eq!(path(&mut client), own);
    client.run("create schema if not exists \"public\"");
    client.run("create table if not exists \"public\".\"Users\" (id serial primary key, role text)");
    client.run("insert into public.\"Users\" (role) values ('public')");
    assert_eq!(client.value(&format!("select role from {own}.\"Users\"")), "public");
    let exists = "select table_name from information_schema.tables where table_schema = 'public' and table_name = 'Users'";
    assert_eq!(client.value(exists), "Users");
    assert_eq!(client.value("select nextval('public.\"Users_id_seq\"')"), "2");
    assert_eq!(client.value("select 'public.\"Users\"'::regclass::text"), "\"Users\"");
    client.run("set search_path to '$user', public");
    assert_eq!(path(&mut client), own);
    assert_eq!(error(&mut client, "select * from tenant_beta.notes"), "42501");
    assert_eq!(error(&mut client, "drop schema public cascade"), "42501");
}
