//! pgbench: many clients over few server connections, and books that must balance.

use super::*;

const CLIENTS: usize = 32;
const SERVER_CONNECTIONS: usize = 4;

fn pgbench(proxy: &Proxy, tenant: &str, args: &[&str]) -> Command {
    let mut command = proxy.program("pgbench", tenant);
    command.args(args).stdin(Stdio::null());
    command
}

fn initialize(proxy: &Proxy, tenant: &str) {
    let output = pgbench(proxy, tenant, &["-i", "--foreign-keys"]).output().unwrap();
    stdout(&output);
    let accounts = "select relnamespace::regnamespace from pg_class where oid = 'pgbench_accounts'::regclass";
    assert_eq!(proxy.wire(tenant).value(accounts), proxy.role(tenant));
}

/// Runs with all clients; each does `transactions`, and none fails.
fn run(proxy: &Proxy, tenant: &str, mode: &str, script: &[&str], transactions: usize) {
    let (clients, each) = (CLIENTS.to_string(), transactions.to_string());
    // It waits for the answer to each PREPARE and lets all other clients of the thread stand still in
    // their transactions, also those that hold what this client waits for.
    let threads = if mode == "prepared" { &clients } else { "2" };
    let args = ["-n", "-c", &clients, "-j", threads, "-t", &each, "-M", mode];
    let output = pgbench(proxy, tenant, &[&args, script].concat()).output().unwrap();
    let said = stdout(&output);
    let total = CLIENTS * transactions;
    let all = format!("number of transactions actually processed: {total}/{total}");
    assert!(said.contains(&all), "{mode} {script:?}: {said}");
    assert!(said.contains("number of failed transactions: 0 (0.000%)"), "{mode} {script:?}: {said}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("error"), "{mode} {script:?}: {told}");
    assert!(proxy.server_connections() <= SERVER_CONNECTIONS);
}

/// What TPC-B-like transactions add to every table is the same, and each was counted once.
fn assert_balanced(proxy: &Proxy, tenant: &str, transactions: usize) {
    let mut wire = proxy.wire(tenant);
    let sum = |table: &str, column: &str| format!("select sum({column}) from pgbench_{table}");
    let history = wire.value(&sum("history", "delta"));
    for (table, column) in [("accounts", "abalance"), ("branches", "bbalance"), ("tellers", "tbalance")] {
        assert_eq!(wire.value(&sum(table, column)), history, "{tenant}: {table}");
    }
    assert_eq!(wire.value("select count(*) from pgbench_history"), transactions.to_string());
    assert_only_own_marker(tenant, &wire.query("table notes").join("\n"));
}

#[test]
fn thirty_two_clients_over_four_server_connections_lose_nothing() {
    const EACH: usize = 8;
    let proxy = proxy(SERVER_CONNECTIONS);
    initialize(&proxy, "alpha");
    for mode in ["simple", "extended", "prepared"] {
        run(&proxy, "alpha", mode, &["-S"], 4 * EACH);
        run(&proxy, "alpha", mode, &["-b", "tpcb-like"], EACH);
    }
    // A new connection for every transaction.
    run(&proxy, "alpha", "simple", &["-S", "-C"], 2);
    assert_balanced(&proxy, "alpha", 3 * CLIENTS * EACH);
    who_served_whom(&proxy);
    assert_nobody_was_pinned(&proxy, "pgbench");
    let beta = proxy.wire("beta").query("table pgbench_accounts").join("\n");
    assert!(beta.contains("42P01"), "{beta}");
}

#[test]
fn two_tenants_at_once_keep_their_books_apart() {
    let proxy = proxy(SERVER_CONNECTIONS);
    let tenants = [("alpha", "simple", 6), ("beta", "extended", 9)];
    std::thread::scope(|scope| {
        for (tenant, mode, each) in tenants {
            let proxy = &proxy;
            scope.spawn(move || {
                initialize(proxy, tenant);
                run(proxy, tenant, mode, &["-b", "tpcb-like"], each);
            });
        }
    });
    for (tenant, _, each) in tenants {
        assert_balanced(&proxy, tenant, CLIENTS * each);
    }
}

/// The same few server processes serve all clients, whose statements come one by one and in pipelines.
fn who_served_whom(proxy: &Proxy) {
    let mut wire = proxy.wire("alpha");
    wire.run("create table seen (client int, pid int)");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("seen.sql");
    let insert = "insert into seen values (:client_id, pg_backend_pid());\n";
    let pipeline = format!("\\startpipeline\nbegin;\n{insert}select 1;\n{insert}end;\n\\endpipeline\n");
    for (mode, script) in [("simple", insert), ("prepared", insert), ("extended", &pipeline)] {
        std::fs::write(&file, script).unwrap();
        run(proxy, "alpha", mode, &["-f", file.to_str().unwrap()], 10);
    }
    let all = "select count(*) || ' rows of ' || count(distinct client) from seen";
    assert_eq!(wire.value(all), format!("{} rows of {CLIENTS}", CLIENTS * 10 * 4));
    let pids: usize = wire.value("select count(distinct pid) from seen").parse().unwrap();
    assert!((1..=SERVER_CONNECTIONS).contains(&pids), "{pids} server processes served {CLIENTS} clients");
}
