//! What a message costs in memory: nothing, once everything is warm. The allocator counts, in a process of its own.

use std::alloc::System;
use std::process::Command;
use std::sync::Barrier;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::support::proxy::Proxy;
use crate::support::wire::{Wire, bind, execute, parse, query, sync};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Transactions that are counted, and those before, in which tables and buffers grow.
const COUNTED: usize = 2000;
const WARM: usize = 500;

/// Runs one of the tests below, of which nothing else in this process knows.
fn alone(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// So many allocations are made while each of these clients has its transactions.
fn allocations(clients: &mut [Wire], request: &[u8]) -> usize {
    let begun = Barrier::new(clients.len() + 1);
    let (warm, done) = (Barrier::new(clients.len() + 1), Barrier::new(clients.len() + 1));
    std::thread::scope(|scope| {
        for client in clients.iter_mut() {
            scope.spawn(|| {
                let mut answer = [0; 4096];
                let mut exchange = |times| {
                    for _ in 0..times {
                        client.exchange(request, &mut answer);
                    }
                };
                begun.wait();
                exchange(WARM);
                warm.wait();
                exchange(COUNTED);
                done.wait();
            });
        }
        begun.wait();
        warm.wait();
        let counted = Region::new(ALLOCATOR);
        done.wait();
        let change = counted.change();
        change.allocations + change.reallocations
    })
}

fn each_kind() -> [(&'static str, Vec<u8>); 3] {
    let unnamed =
        [parse("", "select body from notes where id = 1"), bind("", "", &[]), execute("", 0), sync()];
    [
        ("simple", query("select body from notes where id = 1")),
        ("extended", unnamed.concat()),
        ("prepared", [bind("", "kept", &[]), execute("", 0), sync()].concat()),
    ]
}

/// What goes on beside, for example looks at the registry, allocates some 20 times a second.
fn none_in_each(kind: &str, clients: &mut [Wire], request: &[u8]) {
    let transactions = clients.len() * COUNTED;
    let allocated = allocations(clients, request);
    assert!(allocated < transactions / 2, "{kind}: {allocated} in {transactions} transactions");
}

fn clients(proxy: &Proxy, number: usize) -> Vec<Wire> {
    let client = |_| {
        let mut wire = proxy.wire("alpha");
        wire.send(&[parse("kept", "select body from notes where id = 1"), sync()].concat());
        wire.until_ready();
        wire
    };
    (0..number).map(client).collect()
}

#[test]
fn transactions_allocate_nothing_when_everything_is_warm() {
    alone("allocations::one_client");
}

#[test]
fn transactions_of_clients_that_wait_for_each_other_allocate_nothing() {
    alone("allocations::clients_with_one_server_connection");
}

#[test]
#[ignore = "another test runs it, in a process of its own"]
fn one_client() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    for (kind, request) in each_kind() {
        none_in_each(kind, &mut clients(&proxy, 1), &request);
    }
}

#[test]
#[ignore = "another test runs it, in a process of its own"]
fn clients_with_one_server_connection() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    for (kind, request) in each_kind() {
        none_in_each(kind, &mut clients(&proxy, 4), &request);
    }
}
