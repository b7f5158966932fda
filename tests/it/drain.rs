//! How the process ends: who may finish, who is told what, and when it is over.

use std::time::{Duration, Instant};

use crate::support::binary::Binary;
use crate::support::proxy::eventually;

const FAREWELL: &str = "FATAL 57P01 terminating connection due to administrator command";

#[test]
fn idle_and_pinned_clients_are_told_at_once_and_one_in_a_transaction_when_it_ends() {
    let mut binary = Binary::start(&["alpha"]);
    let (mut idle, mut pinned, mut busy) = (binary.wire("alpha"), binary.wire("alpha"), binary.wire("alpha"));
    idle.run("select 1");
    pinned.run("create temp table t (n int)");
    busy.run("begin");
    binary.terminate();
    assert!(idle.until_end()[0].contains(FAREWELL));
    assert!(pinned.until_end()[0].contains(FAREWELL));
    busy.run("select 1");
    eventually("nobody is let in", || std::net::TcpStream::connect(binary.addr()).is_err());
    busy.run("commit");
    assert!(busy.until_end()[0].contains(FAREWELL));
    assert!(binary.wait().success());
}

#[test]
fn transaction_that_does_not_end_is_cut_off_when_the_time_is_up() {
    let mut binary = Binary::start_with(&["alpha"], &[("PGTENANT_LISTEN_SHUTDOWN_TIMEOUT", "300ms")]);
    let mut busy = binary.wire("alpha");
    busy.run("begin");
    busy.run("create table never (n int)");
    let begun = Instant::now();
    binary.terminate();
    assert!(binary.wait().success());
    assert!(begun.elapsed() >= Duration::from_millis(300));
    binary.wait_for_log(0, "clients still in a transaction are cut off");
}

#[test]
fn second_signal_does_not_wait() {
    let mut binary = Binary::start(&["alpha"]);
    let mut busy = binary.wire("alpha");
    busy.run("begin");
    binary.terminate();
    eventually("it stops", || binary.log().contains("shutting down"));
    let begun = Instant::now();
    binary.signal("-INT");
    assert!(binary.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn during_the_delay_clients_are_served_as_before() {
    let mut binary = Binary::start_with(&["alpha"], &[("PGTENANT_LISTEN_DRAIN_DELAY", "1s")]);
    let mut here = binary.wire("alpha");
    binary.terminate();
    eventually("it drains", || binary.log().contains("not ready any more"));
    let begun = Instant::now();
    binary.wire("alpha").run("select 1");
    here.run("select 1");
    assert!(here.until_end()[0].contains(FAREWELL));
    assert!(begun.elapsed() > Duration::from_millis(200));
    assert!(binary.wait().success());
}

#[test]
fn health_command_tells_whether_clients_can_log_in_and_leaves_no_trace() {
    let mut binary = Binary::start(&["alpha"]);
    let addr = binary.addr().to_string();
    let health = |binary: &Binary| {
        let mut command = binary.command();
        command.arg("health").env("PGTENANT_LISTEN_ADDRESSES", &addr).output().unwrap()
    };
    let told = health(&binary);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    std::fs::remove_file(binary.dir().join("master.key")).unwrap();
    assert!(health(&binary).status.success(), "it needs no key");
    assert!(!binary.log().contains("login refused"), "{}", binary.log());
    binary.terminate();
    assert!(binary.wait().success());
    let told = health(&binary);
    assert_eq!(told.status.code(), Some(1));
    let error = String::from_utf8(told.stderr).unwrap();
    assert!(error.contains(&format!("the proxy at {addr} does not let clients log in")), "{error}");
}
