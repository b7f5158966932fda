//! The dashboard in a real browser without a window: what a person sees and does.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use pgtenant::cli::cluster::{Options, PrivateCluster, Stop};

use super::*;
use crate::drivers::stories::browse;
use crate::support::wire::Wire;

/// What a person is to see there: a tenant at work, a pin, and refusals with a constant and with markup.
fn make_something_of(proxy: &Proxy) -> Vec<Wire> {
    let mut pinned = proxy.wire("acme");
    pinned.run("create temporary table t (i int)");
    let mut wire = proxy.wire_with("beta", &[("application_name", "<b>beta</b>")]).unwrap();
    let other = proxy.db.schema("acme");
    wire.query(&format!("select '<b>' as \"<b>\", body from {other}.notes where body = 'canary'"));
    vec![pinned, wire]
}

/// Tenants that nobody uses, so that there are several pages of them; rows of the registry are all that the page needs.
fn add_tenants(proxy: &Proxy, count: usize) {
    let name = &proxy.db.name;
    proxy.admin().run(&format!(
        "insert into pgtenant.tenants (id, name, slug, status, schema_name, role_name) \
         select gen_random_uuid(), 'T', s, 'active', 'tenant_' || s, 'tenant_' || s \
         from (select '{name}_n' || n as s from generate_series(1, {count}) as n) as slugs; \
         insert into pgtenant.channels (tenant_id, role_name, prefix) \
         select id, role_name, left(md5(slug), 24) from pgtenant.tenants where name = 'T'"
    ));
}

#[test]
fn person_sees_in_a_browser_what_the_proxy_does_and_that_its_server_is_gone() {
    let mut cluster = PrivateCluster::start(&Options::default()).unwrap();
    let tokens = TokenFile::new();
    let proxy = Proxy::on(&cluster, &["acme", "beta"], |config| tokens.watch(config));
    add_tenants(&proxy, 120);
    let _clients = make_something_of(&proxy);
    // At work until the server goes, and it ends with an error.
    let mut wire = proxy.wire("acme");
    std::thread::spawn(move || while wire.query("select pg_sleep(0.01)").len() > 2 {});
    let said = look(&proxy, "dashboard.mjs", |what| match what {
        "all is well" => cluster.stop(Stop::Immediate).unwrap(),
        "outage seen" => cluster.restart().unwrap(),
        other => panic!("the story waits for {other}"),
    });
    assert_eq!(said.len(), 16, "{said:#?}");
}

/// Runs the story. At its turns the test does something.
fn look(proxy: &Proxy, script: &str, mut turn: impl FnMut(&str)) -> Vec<String> {
    let mut story = browse(script)
        .env("URL", format!("http://{}/", proxy.monitoring()))
        .env("TOKEN", TOKEN)
        .env("TENANT", proxy.user("acme"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node (scripts/setup.sh test)");
    let mut input = story.stdin.take().unwrap();
    let mut said = Vec::new();
    let mut is_whole = false;
    for line in BufReader::new(story.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.strip_prefix("== ") {
            Some("end") => is_whole = true,
            Some(what) => {
                turn(what);
                std::io::Write::write_all(&mut input, b"\n").unwrap();
            }
            None => said.push(line),
        }
    }
    let output = story.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && is_whole, "after {:?}:\n{error}", said.last());
    said
}

/// Tenants of the pictures, the busiest first.
const SHOPS: [&str; 12] = [
    "northwind",
    "acme",
    "blue_ocean",
    "globex",
    "initech",
    "umbrella",
    "hooli",
    "stark",
    "wayne",
    "tyrell",
    "wonka",
    "vandelay",
];

#[test]
#[ignore = "makes the pictures in docs/img: two minutes of load"]
fn pictures_for_the_documents() {
    let mut cluster = PrivateCluster::start(&Options::default()).unwrap();
    let tokens = TokenFile::new();
    let proxy = Proxy::alone_on(&cluster, "shop", &SHOPS, |config| {
        tokens.watch(config);
        config.pool.max_server_connections = 16;
        config.limits.max_server_connections = 4;
    });
    for (nth, shop) in SHOPS.iter().enumerate() {
        for client in 0..6 - nth / 3 {
            let mut wire = proxy.wire(shop);
            // A pause of its own, on the server: here nobody may sleep.
            let pause = 0.004 + 0.006 * (nth + client) as f64;
            let sql = format!("select count(*), pg_sleep({pause}) from notes");
            std::thread::spawn(move || while wire.query(&sql).len() > 2 {});
        }
    }
    let mut pinned = proxy.wire("acme");
    pinned.run("create temporary table t (i int)");
    let mut curious = proxy.wire("hooli");
    curious.query("select * from tenant_acme.notes where body = 'secret'");
    curious.query("set role postgres");
    look(&proxy, "dashboard_pictures.mjs", |_| cluster.stop(Stop::Immediate).unwrap());
}
