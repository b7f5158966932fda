//! The proxy's own process is killed, frozen, or has no descriptors or no memory left; and a name that cannot be looked up.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::RwLock;
use std::time::Duration;

use pgtenant::config::ServerAddress;

use super::work::{Ground, Progress, TENANTS, undisturbed, undisturbed_by};
use crate::support::binary::Binary;
use crate::support::cluster;
use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::wire::{Wire, parse, sync};

const MOMENT: Duration = Duration::from_millis(300);

/// Clients at work through the program, which may become another process meanwhile.
fn through(binary: &RwLock<Binary>, what: &str, disturb: impl FnOnce(&Progress<'_>)) {
    let database = binary.read().unwrap().database.clone();
    let ground = Ground {
        log_in: &|tenant| {
            let (user, addr) = (format!("{database}_{tenant}"), binary.read().unwrap().addr());
            let mut wire = Wire::try_dial(addr).ok_or("end")?;
            wire.may_break = true;
            wire.logged_in(&[("user", &user), ("database", &database)], PASSWORD)
        },
        admin: &|| {
            let parameters = [("user", "postgres"), ("database", database.as_str())];
            let server = ([127, 0, 0, 1], cluster().port()).into();
            Wire::log_in(server, &parameters, cluster().superuser_password()).expect("the superuser logs in")
        },
        schema: &|tenant| format!("tenant_{database}_{tenant}"),
    };
    undisturbed(&ground, what, disturb);
}

#[test]
fn proxy_that_is_killed_or_frozen_loses_and_invents_nothing() {
    let binary = RwLock::new(Binary::start(&TENANTS));
    through(&binary, "the proxy killed by SIGKILL", |progress| {
        for _ in 0..2 {
            binary.read().unwrap().signal("-KILL");
            let mut serve = binary.read().unwrap().command();
            serve.arg("serve");
            let next = binary.read().unwrap().start_by(serve);
            *binary.write().unwrap() = next;
            progress.everybody();
        }
    });
    through(&binary, "the proxy frozen", |progress| {
        binary.read().unwrap().signal("-STOP");
        progress.somebody(usize::MAX, MOMENT);
        binary.read().unwrap().signal("-CONT");
    });
}

/// Those who are served go on, and there is room again as soon as others have left.
#[test]
fn proxy_without_descriptors_serves_on_and_recovers() {
    let first = Binary::start(&TENANTS);
    let mut shell = Command::new("sh");
    let program = assert_cmd::cargo::cargo_bin!("pgtenant");
    shell.args(["-c", "ulimit -n 64; exec \"$0\" serve"]).arg(program).current_dir(first.dir());
    shell.env("PGTENANT_CONFIG", first.dir().join("pgtenant.toml"));
    let next = first.start_by(shell);
    let binary = RwLock::new(next);
    through(&binary, "no descriptors", |progress| {
        for _ in 0..2 {
            let addr = binary.read().unwrap().addr();
            let flood: Vec<Wire> = (0..80).map(|_| Wire::dial(addr)).collect();
            eventually("there are none left", || binary.read().unwrap().descriptors() >= 60);
            progress.somebody(usize::MAX, MOMENT);
            drop(flood);
            progress.everybody();
        }
    });
    assert!(binary.read().unwrap().log().contains("cannot accept a client"));
}

/// Prepares statements, each with a text of its own, on one connection after the other, until the process is gone. Each connection
/// is refused more than its 16 MiB.
fn hoard(binary: &Binary) {
    let (user, padding) = (format!("{}_alpha", binary.database), "x".repeat(15 << 10));
    let mut held = Vec::new();
    for number in 0..200 {
        let Some(mut wire) = Wire::try_dial(binary.addr()) else { return };
        wire.may_break = true;
        let Ok(mut wire) = wire.logged_in(&[("user", &user), ("database", &binary.database)], PASSWORD)
        else {
            return;
        };
        for round in 0..44 {
            let text = |n| format!("select '{number} {round} {n} {padding}'");
            let batch: Vec<u8> = (0..25).flat_map(|n| parse(&format!("s{round}_{n}"), &text(n))).collect();
            if !wire.try_send(&[batch, sync()].concat()) || wire.until_ready().last().unwrap() == "end" {
                return;
            }
        }
        held.push(wire);
    }
}

/// The allocator ends the process, as a cgroup's limit would by SIGKILL: nobody is told anything that is not so.
#[test]
fn proxy_whose_memory_runs_out_ends_and_another_serves_at_once() {
    const ABORT: i32 = 6;
    let first = Binary::start(&TENANTS);
    let mut shell = Command::new("sh");
    let program = assert_cmd::cargo::cargo_bin!("pgtenant");
    shell.args(["-c", "ulimit -v 400000; exec \"$0\" serve"]).arg(program).current_dir(first.dir());
    shell.env("PGTENANT_CONFIG", first.dir().join("pgtenant.toml")).env("PGTENANT_LISTEN_THREADS", "2");
    let next = first.start_by(shell);
    let binary = RwLock::new(next);
    through(&binary, "no memory", |progress| {
        hoard(&binary.read().unwrap());
        let mut ended = binary.write().unwrap();
        assert_eq!(ended.wait().signal(), Some(ABORT), "{}", ended.log());
        assert!(ended.log().contains("memory allocation of"), "{}", ended.log());
        let mut serve = ended.command();
        serve.arg("serve");
        *ended = first.start_by(serve);
        drop(ended);
        progress.everybody();
    });
}

/// As when the name service is away: another host of the list is used, or it is an error, and not for longer than it lasts.
#[test]
fn host_whose_name_cannot_be_looked_up_is_passed_over() {
    let nowhere = ServerAddress::Tcp("postgresql.invalid".into(), 5432);
    let proxy = Proxy::start(&TENANTS, |config| {
        let real = std::mem::replace(&mut config.server.address, nowhere.clone());
        config.server.failover = vec![real];
        config.server.connect_timeout = Duration::from_secs(10);
    });
    undisturbed_by(&proxy, "a name that is unknown", |progress| progress.everybody());
}
