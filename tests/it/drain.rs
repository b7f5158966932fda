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
    assert!(binary.log().contains("clients still in a transaction are cut off"), "{}", binary.log());
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
