//! How a session ends that was opened with a certificate.

use std::time::{Duration, SystemTime};

use pgtenant::config::auth::ClientCertificates;
use rcgen::CertificateParams;

use crate::certificates::{World, refusal};
use crate::support::proxy::eventually;
use crate::support::tls::{Authority, Issued};
use crate::support::wire::{V3_0, Wire, frame, query, startup};
use crate::tokens::{short, token, with_tokens};

const EXPIRED: &str = "Error FATAL 57P01 terminating connection: the client certificate this session was opened with has expired";
const TOKEN_EXPIRED: &str =
    "Error FATAL 57P01 terminating connection: the token this session was opened with has expired";
const DISTRUSTED: &str = "Error FATAL 57P01 terminating connection: the client certificate this session was opened with is not trusted any more";

/// Ends the certificate in so many seconds.
fn ends_in(seconds: u64) -> impl FnOnce(&mut CertificateParams) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    move |params| params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + Duration::from_secs(seconds)
}

fn numbered(world: &World, serial: u64) -> Issued {
    world.issue(&[&world.proxy.user("alpha")], &[], |params| params.serial_number = Some(serial.into()))
}

/// Logs in with a token and shows this certificate.
fn with_token(world: &World, issued: &Issued, token: &str) -> Wire {
    let (mut wire, first) =
        world.ask(&world.trust(issued), &[("user", "token"), ("database", &world.proxy.db.name)]);
    assert_eq!(first, "Authentication 3");
    wire.send(&frame(b'p', &[token.as_bytes(), &[0]].concat()));
    assert_eq!(wire.recv().to_string(), "Authentication 0");
    wire.welcome().unwrap();
    wire
}

#[test]
fn session_ends_with_its_certificate_whatever_it_does() {
    for mode in [ClientCertificates::Login, ClientCertificates::Tenant] {
        let world = World::new(mode);
        let alpha = world.proxy.user("alpha");
        let trust = world.trust(&world.issue(&[&alpha], &[], ends_in(3)));
        let log_in = || world.log_in(&trust, &alpha, &[]).unwrap();
        let (mut idle, mut listening, mut in_transaction, mut working) =
            (log_in(), log_in(), log_in(), log_in());
        listening.run("listen news");
        in_transaction.run("begin");
        in_transaction.run("insert into notes (body) values ('never committed')");
        working.send(&query("select pg_sleep(60)"));
        for (what, wire) in [
            ("idle", &mut idle),
            ("listening", &mut listening),
            ("in a transaction", &mut in_transaction),
            ("working", &mut working),
        ] {
            let lines = wire.until_end();
            assert_eq!(&lines[lines.len() - 2..], [EXPIRED, "end"], "{what}: {lines:?}");
        }
        assert_eq!(world.proxy.time_outs("credential"), 4);
        let mut other = world.log_in(&world.showing("alpha"), &alpha, &[]).unwrap();
        assert_eq!(other.value("select count(*) from notes"), "0");
        eventually("a new login is refused", || {
            Wire::dial_tls(world.proxy.addr(), &trust).map_or(true, |mut wire| {
                wire.may_break = true;
                !(wire.try_send(&startup(V3_0, &[("user", &alpha)])) && wire.answers())
            })
        });
    }
}

#[test]
fn of_a_token_and_a_certificate_the_one_that_ends_first_ends_the_session() {
    let world = World::with(ClientCertificates::Tenant, with_tokens);
    let alpha = world.proxy.user("alpha");
    let long = world.issue(&[&alpha], &[], ends_in(600));
    let mut by_token = with_token(&world, &long, &short(&world.proxy, "alpha", 2));
    let brief = world.issue(&[&alpha], &[], ends_in(2));
    let mut by_certificate = with_token(&world, &brief, &token(&world.proxy, "alpha"));
    assert_eq!(by_token.until_end(), [TOKEN_EXPIRED, "end"]);
    assert_eq!(by_certificate.until_end(), [EXPIRED, "end"]);
}

#[test]
fn revoked_certificate_ends_its_sessions_at_once_and_nobody_elses() {
    let world = World::new(ClientCertificates::Login);
    let alpha = world.proxy.user("alpha");
    let (good, bad) = (numbered(&world, 7), numbered(&world, 8));
    let log_in = |issued| world.let_in(&world.trust(issued), &alpha);
    let mut kept = log_in(&good).unwrap();
    let (mut idle, mut working) = (log_in(&bad).unwrap(), log_in(&bad).unwrap());
    kept.run("begin");
    working.run("begin; insert into notes (body) values ('never committed')");
    world.clients.revoke(8);
    world.proxy.reload();
    for wire in [&mut idle, &mut working] {
        assert_eq!(wire.until_end(), [DISTRUSTED, "end"]);
    }
    kept.run("commit");
    assert_eq!(kept.value("select count(*) from notes"), "0");
    // One by a password beside them, too.
    assert!(world.log_in(&world.servers.trust().asking_for("any.example"), &alpha, &[]).is_ok());
}

#[test]
fn certificate_revoked_while_its_holder_logs_in_opens_no_session() {
    let world = World::new(ClientCertificates::Login);
    let alpha = world.proxy.user("alpha");
    let bad = numbered(&world, 8);
    let mut wire = Wire::dial_tls(world.proxy.addr(), &world.trust(&bad)).unwrap();
    // The proxy is through with the handshake when it has counted it.
    eventually("the handshake is over", || world.proxy.shared().counters.snapshot().tls_begun == 1);
    world.clients.revoke(8);
    world.proxy.reload();
    wire.send(&startup(V3_0, &[("user", &alpha), ("database", &world.proxy.db.name)]));
    assert_eq!(wire.until_end(), ["Authentication 0", DISTRUSTED, "end"]);
}

#[test]
fn authority_that_is_taken_out_takes_its_sessions_along() {
    let world = World::new(ClientCertificates::Tenant);
    let alpha = world.proxy.user("alpha");
    let mut wire = world.log_in(&world.showing("alpha"), &alpha, &[]).unwrap();
    // A second one beside it changes nothing.
    let (old, new) = (std::fs::read(world.clients.file()).unwrap(), Authority::new("new authority"));
    let added = std::fs::read(new.file()).unwrap();
    std::fs::write(world.clients.file(), [old, added.clone()].concat()).unwrap();
    world.proxy.reload();
    assert_eq!(wire.value("select 1"), "1");
    std::fs::write(world.clients.file(), added).unwrap();
    world.proxy.reload();
    assert_eq!(wire.until_end(), [DISTRUSTED, "end"]);
}

#[test]
fn list_that_is_out_of_date_keeps_newcomers_out_and_ends_no_session() {
    let world = World::new(ClientCertificates::Login);
    let alpha = world.proxy.user("alpha");
    let issued = numbered(&world, 7);
    let mut wire = world.let_in(&world.trust(&issued), &alpha).unwrap();
    world.clients.revoke_until(99, 2021);
    world.proxy.reload();
    let newcomer = Wire::dial_tls(world.proxy.addr(), &world.trust(&issued)).is_ok_and(|mut wire| {
        wire.may_break = true;
        wire.try_send(&startup(V3_0, &[("user", &alpha)])) && wire.answers()
    });
    assert!(!newcomer);
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn tenant_that_is_suspended_loses_the_sessions_its_certificates_opened() {
    let world = World::new(ClientCertificates::Login);
    let alpha = world.proxy.user("alpha");
    let trust = world.showing("alpha");
    let mut wire = world.let_in(&trust, &alpha).unwrap();
    world.proxy.admin().run("update pgtenant.tenants set status = 'suspended'");
    assert!(wire.until_end()[0].starts_with("Error FATAL 57P01"));
    let told = refusal(world.let_in(&trust, &alpha));
    assert_eq!(told, format!("Error FATAL 28000 certificate authentication failed for user \"{alpha}\""));
}
