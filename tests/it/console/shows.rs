//! What the tables say, over the wire.

use std::process::{Command, Stdio};

use pgtenant::cli::cluster::{Options, PrivateCluster};
use pgtenant::console::Show;

use super::{CONSOLE_PASSWORD, console, row, rows, start};
use crate::support::proxy::{Proxy, eventually, stdout};
use crate::support::wire::{Wire, query};

#[test]
fn tables_say_what_goes_on() {
    let proxy = start(&["alpha", "beta"], |config| config.limits.max_server_connections = 2);
    let (alpha, name) = (proxy.user("alpha"), proxy.db.name.clone());
    let mut ops = console(&proxy, "ops");
    let mut busy = proxy.wire_with("alpha", &[("application_name", "billing")]).unwrap();
    let (mut pinned, mut waiting) = (proxy.wire("alpha"), proxy.wire("alpha"));
    busy.run("begin");
    pinned.run("create temp table t (); listen news");
    waiting.send(&query("select 1"));
    eventually("one waits and one is pinned", || {
        proxy.shared().clusters.main().pool.load().waiting == 1 && proxy.pinned().len() == 1
    });

    let pool = row(&mut ops, "SHOW POOLS", "database", &alpha);
    let of = |column: &str| pool[column].as_str();
    assert_eq!(
        (of("user"), of("pool_mode"), of("level")),
        (&*proxy.role("alpha"), "transaction", "dedicated")
    );
    assert_eq!(
        ["cl_active", "cl_waiting", "sv_active", "sv_idle", "cl_pinned"].map(of),
        ["2", "1", "2", "0", "1"]
    );
    let client = row(&mut ops, "SHOW CLIENTS", "application_name", "billing");
    let of = |column: &str| client[column].as_str();
    assert_eq!(
        ["type", "user", "database", "state", "addr", "tls"].map(of),
        ["C", alpha.as_str(), alpha.as_str(), "active", "127.0.0.1", ""]
    );
    let server = row(&mut ops, "SHOW SERVERS", "application_name", "billing");
    assert_eq!((&server["link"], &client["link"]), (&client["ptr"], &server["ptr"]));
    assert_eq!(server["remote_pid"], busy.backend().to_string());
    assert_eq!((server["database"].as_str(), server["serves"].as_str()), (alpha.as_str(), alpha.as_str()));
    let queue = row(&mut ops, "SHOW QUEUES", "database", &alpha);
    assert_eq!((queue["waiting"].as_str(), queue["waits_for"].as_str()), ("1", "tenant limit"));
    let pin = row(&mut ops, "SHOW PINS", "database", &alpha);
    assert_eq!((pin["reason"].as_str(), pin["state"].as_str()), ("temporary_object", "active"));
    let listener = row(&mut ops, "SHOW LISTENERS", "database", &alpha);
    assert_eq!((&listener["id"], listener["channels"].as_str()), (&pin["id"], "1"));
    let tenant = row(&mut ops, "SHOW TENANTS", "tenant", &alpha);
    assert_eq!(
        (tenant["clients"].as_str(), tenant["state"].as_str(), tenant["max_servers"].as_str()),
        ("3", "active", "2")
    );
    let database = row(&mut ops, "SHOW DATABASES", "name", &alpha);
    assert_eq!(
        (database["database"].as_str(), database["pool_size"].as_str(), database["paused"].as_str()),
        (&*name, "2", "0")
    );
    assert_eq!(row(&mut ops, "SHOW USERS", "name", &alpha)["current_client_connections"], "3");
    assert_eq!(row(&mut ops, "SHOW LISTS", "list", "databases")["items"], "2");
    assert_eq!(row(&mut ops, "SHOW STATE", "key", "active")["value"], "yes");
    assert_eq!(row(&mut ops, "SHOW CONFIG", "key", "max_client_conn")["value"], "100");
    let default = row(&mut ops, "SHOW CONFIG", "key", "listen.max_clients");
    assert_eq!((default["value"].as_str(), default["default"].as_str()), ("100", "10000"));
    assert_eq!(rows(&mut ops, "SHOW VERSION")[0]["version"], concat!("pgtenant ", env!("CARGO_PKG_VERSION")));
    busy.run("commit");
    waiting.until_ready();
    eventually("it is counted", || {
        row(&mut ops, "SHOW STATS", "database", &alpha)["total_xact_count"] != "0"
    });
    assert_eq!(row(&mut ops, "SHOW STATS", "database", &proxy.user("beta"))["total_xact_count"], "0");
}

#[test]
fn refusals_are_shown_without_constants() {
    let proxy = start(&["alpha", "beta"], |_| {});
    let mut alpha = proxy.wire("alpha");
    alpha.query(&format!("select * from {}.notes where body = 'hunter2'", proxy.db.schema("beta")));
    let mut ops = console(&proxy, "exporter");
    eventually("it is shown", || !rows(&mut ops, "SHOW DENIALS").is_empty());
    let denial = row(&mut ops, "SHOW DENIALS", "database", &proxy.user("alpha"));
    assert_eq!((denial["rule"].as_str(), denial["sqlstate"].as_str()), ("cross_schema", "42501"));
    assert!(denial["statement"].ends_with("where body = ?"), "{denial:?}");
    assert_eq!(denial["id"], row(&mut ops, "SHOW CLIENTS", "database", &proxy.user("alpha"))["id"]);
}

#[test]
fn every_table_can_be_shown_by_psql() {
    let proxy = start(&["alpha"], |_| {});
    proxy.wire("alpha").run("select 1");
    let shows = Show::ALL.iter().map(|show| format!("SHOW {};\n", show.word())).collect::<String>();
    let mut psql = proxy.program("psql", "alpha");
    psql.env("PGUSER", "exporter").env("PGPASSWORD", CONSOLE_PASSWORD).env("PGDATABASE", "pgtenant");
    psql.args(["-X", "-v", "ON_ERROR_STOP=1"]).stdin(Stdio::piped());
    psql.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = psql.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), shows.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let out = stdout(&output);
    // Every one but SHOW HELP, which is a notice.
    assert_eq!(out.matches(" row").count(), Show::ALL.len() - 1, "{out}");
    assert!(error.contains("Console usage") && error.contains("|STATS_TOTALS|"), "{error}");
}

/// Columns of the terminal in the picture.
const WIDTH: usize = 150;

#[test]
#[ignore = "makes the picture in docs/img"]
fn picture_for_the_documents() {
    let cluster = PrivateCluster::start(&Options::default()).unwrap();
    let shops = ["acme", "globex", "initech", "northwind"];
    let proxy = Proxy::alone_on(&cluster, "shop", &shops, |config| {
        super::with_users(config);
        config.pool.max_server_connections = 8;
        config.limits.max_server_connections = 2;
    });
    let _clients: Vec<Wire> = (0..10).map(|nth| proxy.wire(shops[nth % 3])).collect();
    for (nth, shop) in shops.iter().enumerate() {
        for client in 0..4 - nth {
            let mut wire = proxy.wire(shop);
            let sql =
                format!("select count(*), pg_sleep({}) from notes", 0.02 + 0.01 * (nth + client) as f64);
            std::thread::spawn(move || while wire.query(&sql).len() > 2 {});
        }
    }
    let mut curious = proxy.wire("initech");
    curious.query("select * from tenant_acme.notes where body = 'secret'");
    curious.query("set role postgres");
    eventually("there is something to see", || proxy.shared().counters.snapshot().transactions > 400);
    let mut said = String::new();
    for show in ["SHOW POOLS", "SHOW TENANTS", "SHOW DENIALS"] {
        let mut psql = Command::new(crate::support::cluster().bin("psql"));
        psql.args(["-XqP", "footer=off", "-h", "127.0.0.1", "-p", &proxy.addr().port().to_string()]);
        psql.args(["-U", "ops", "-d", "pgtenant", "-c", show]).env("PGPASSWORD", CONSOLE_PASSWORD);
        said.push_str(&format!("pgtenant=# {show};\n"));
        for line in stdout(&psql.output().unwrap()).lines() {
            // As `less -S` shows what is too wide.
            let seen: String = line.chars().take(WIDTH - 1).collect();
            said.push_str(&format!("{seen}{}\n", if line.chars().count() < WIDTH { "" } else { ">" }));
        }
    }
    let mut browser = crate::drivers::stories::browse("console_picture.mjs");
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/img/console.png");
    let mut child = browser.env("PICTURE", picture).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), said.as_bytes()).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
