//! Orders to the process, as the program carries them out.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use postgres_protocol::password::scram_sha_256;
use tempfile::TempDir;

use super::CONSOLE_PASSWORD;
use crate::support::binary::Binary;
use crate::support::proxy::eventually;
use crate::support::wire::{Wire, query};

/// The program, with one admin of the console.
pub(super) fn start(dir: &TempDir) -> Binary {
    start_for(dir, &["alpha"])
}

pub(super) fn start_for(dir: &TempDir, tenants: &[&str]) -> Binary {
    let path = dir.path().join("console.users");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    writeln!(file, "\"ops\" \"{}\"", scram_sha_256(CONSOLE_PASSWORD.as_bytes())).unwrap();
    let path = path.to_str().unwrap();
    let variables = [("PGTENANT_CONSOLE_ADMIN_USERS", "ops"), ("PGTENANT_CONSOLE_PASSWORD_FILE", path)];
    Binary::start_with(tenants, &variables)
}

pub(super) fn console(binary: &Binary) -> Wire {
    Wire::log_in(binary.addr(), &[("user", "ops"), ("database", "pgtenant")], CONSOLE_PASSWORD)
        .expect("login")
}

#[test]
fn reload_is_carried_out_and_shutdown_lets_transactions_finish() {
    let dir = tempfile::tempdir().unwrap();
    let mut binary = start(&dir);
    let mut ops = console(&binary);
    let lines = ops.query("RELOAD");
    assert!(lines.iter().any(|line| line == "CommandComplete RELOAD"), "{lines:?}");
    let mut busy = binary.wire("alpha");
    busy.run("begin");
    ops.send(&query("SHUTDOWN"));
    let lines = ops.until_end();
    assert_eq!(lines[0], "CommandComplete SHUTDOWN", "{lines:?}");
    busy.run("select 1");
    busy.run("commit");
    assert!(busy.until_end()[0].contains("57P01"));
    assert!(binary.wait().success());
}

#[test]
fn shutdown_waits_for_clients_or_for_servers_where_it_is_to() {
    for how in ["WAIT_FOR_CLIENTS", "WAIT_FOR_SERVERS"] {
        let dir = tempfile::tempdir().unwrap();
        let mut binary = start(&dir);
        let mut ops = console(&binary);
        let mut busy = binary.wire("alpha");
        busy.run("begin");
        ops.run(&format!("SHUTDOWN {how}"));
        eventually("no newcomer is taken", || std::net::TcpStream::connect(binary.addr()).is_err());
        busy.run("select 1");
        busy.run("commit");
        if how == "WAIT_FOR_CLIENTS" {
            busy.run("select 1");
            drop(busy);
        }
        assert!(binary.wait().success(), "{how}");
    }
}
