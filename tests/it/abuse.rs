//! Strangers who guess passwords, or take the places of those who want to log in.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use pgtenant::auth::FailureLimits;

use crate::support::proxy::{PASSWORD, Proxy, eventually};
use crate::support::wire::{Wire, startup};
use crate::tokens;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn guarded(per_address: u32, per_user: u32) -> Proxy {
    Proxy::start(&["alpha", "beta"], |config| {
        config.listen.failures =
            FailureLimits { per_address: Some(per_address), per_user: Some(per_user), per_tenant: None };
    })
}

/// What comes of a login from this address.
fn log_in(proxy: &Proxy, from: IpAddr, user: &str, password: &str) -> Result<(), String> {
    let parameters = [("user", user), ("database", &proxy.db.name)];
    Wire::log_in_from(from, proxy.addr(), &parameters, password).map(drop)
}

fn is_throttled(result: Result<(), String>) -> bool {
    result.is_err_and(|error| error.contains("FATAL 28000 too many failed logins"))
}

fn is_wrong(result: Result<(), String>) -> bool {
    result.is_err_and(|error| error.contains("FATAL 28P01 password authentication failed"))
}

#[test]
fn guessing_gains_nothing_after_some_failures_and_names_that_nobody_has_are_answered_alike() {
    let proxy = guarded(100, 3);
    for user in [proxy.user("alpha").as_str(), "nobody"] {
        for _ in 0..3 {
            assert!(is_wrong(log_in(&proxy, ELSEWHERE, user, "guess")), "{user}");
        }
        // Also where the guess is right.
        assert!(is_throttled(log_in(&proxy, ELSEWHERE, user, PASSWORD)), "{user}");
        assert!(is_throttled(log_in(&proxy, HOME, user, PASSWORD)), "{user}");
    }
    assert_eq!(log_in(&proxy, ELSEWHERE, &proxy.user("beta"), PASSWORD), Ok(()));
    let counts = proxy.shared().counters.snapshot();
    assert_eq!((counts.auth_failures, counts.auth_throttled), (6, 4));
}

#[test]
fn name_that_nobody_has_is_not_looked_for_while_its_owner_waits_so_that_the_time_tells_nothing() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut admin = proxy.admin();
    // Whoever asks these tables for a name now waits.
    admin.run(
        "begin; lock table pgtenant.users, pgtenant.tenants, pgtenant.api_keys in access exclusive mode",
    );
    for user in [proxy.user("alpha").as_str(), "nobody", "another"] {
        let begin = Instant::now();
        assert!(is_wrong(log_in(&proxy, HOME, user, "guess")), "{user}");
        assert!(begin.elapsed() < Duration::from_secs(1), "{user}: {:?}", begin.elapsed());
    }
    admin.run("rollback");
}

#[test]
fn guesses_lock_nobody_out_who_has_logged_in_from_where_it_is() {
    let proxy = guarded(6, 3);
    let alpha = proxy.user("alpha");
    assert_eq!(log_in(&proxy, HOME, &alpha, PASSWORD), Ok(()));
    while !is_throttled(log_in(&proxy, ELSEWHERE, &alpha, "guess")) {}
    assert_eq!(log_in(&proxy, HOME, &alpha, PASSWORD), Ok(()));
    // Another program on the same machine.
    (0..7).for_each(|n| drop(log_in(&proxy, HOME, &format!("nobody {n}"), "guess")));
    assert!(is_throttled(log_in(&proxy, HOME, "nobody", "guess")));
    assert_eq!(log_in(&proxy, HOME, &alpha, PASSWORD), Ok(()));
}

#[test]
fn guesses_at_many_users_of_a_tenant_that_is_named_end_for_that_tenant_and_for_one_that_there_is_not_alike() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.listen.failures = FailureLimits { per_tenant: Some(3), ..FailureLimits::default() };
    });
    let (alpha, beta) = (proxy.user("alpha"), proxy.user("beta"));
    assert_eq!(log_in(&proxy, HOME, &alpha, PASSWORD), Ok(()));
    for tenant in [alpha.as_str(), "nobody"] {
        for n in 0..3 {
            assert!(is_wrong(log_in(&proxy, ELSEWHERE, &format!("user{n}.{tenant}"), "guess")), "{tenant}");
        }
        assert!(is_throttled(log_in(&proxy, ELSEWHERE, &format!("another.{tenant}"), "guess")), "{tenant}");
    }
    assert_eq!(log_in(&proxy, ELSEWHERE, &format!("{beta}.{beta}"), PASSWORD), Ok(()));
    assert_eq!(log_in(&proxy, HOME, &alpha, PASSWORD), Ok(()));
}

#[test]
fn attempts_are_let_again_with_time() {
    let proxy = guarded(1000, 60);
    for _ in 0..60 {
        let _ = log_in(&proxy, HOME, "nobody", "guess");
    }
    eventually("one a second", || is_wrong(log_in(&proxy, HOME, "nobody", "guess")));
}

#[test]
fn who_connects_and_says_nothing_makes_room_for_those_who_log_in() {
    let proxy = Proxy::start(&["alpha"], |config| config.listen.max_unauthenticated = 4);
    let mut silent: Vec<Wire> = (0..4).map(|_| Wire::dial_from(ELSEWHERE, proxy.addr())).collect();
    // In the middle of a handshake.
    let mut slow = Wire::dial(proxy.addr());
    slow.send(&startup(0x0003_0000, &[("user", "nobody"), ("database", "x")]));
    assert!(slow.recv().to_string().starts_with("Authentication"));
    for _ in 0..3 {
        assert_eq!(log_in(&proxy, HOME, &proxy.user("alpha"), PASSWORD), Ok(()));
    }
    // Who dialed first has not always come in first.
    eventually("one of them makes room", || silent.iter_mut().any(Wire::has_input));
    let gone = silent.iter_mut().position(|wire| wire.has_input()).unwrap();
    let told = silent[gone].until_end();
    assert_eq!(told[0], "Error FATAL 53300 too many clients that have not logged in");
    assert!(!slow.has_input(), "it is the only one of its address");
    // Those who are logged in take no place.
    let _clients: Vec<Wire> = (0..8).map(|_| proxy.wire("alpha")).collect();
}

#[test]
fn who_has_logged_in_and_waits_for_a_server_connection_is_not_one_that_has_not_logged_in() {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.listen.max_unauthenticated = 1;
        config.pool.max_server_connections = 1;
    });
    let mut holder = proxy.wire("alpha");
    holder.run("begin");
    let user = proxy.user("alpha");
    let mut waiting: Vec<Wire> = ["1MB", "2MB", "3MB"]
        .iter()
        .map(|size| {
            let mut wire = Wire::dial(proxy.addr());
            let options = format!("-c work_mem={size}");
            let words = [("user", user.as_str()), ("database", &proxy.db.name), ("options", &options)];
            wire.send(&startup(0x0003_0000, &words));
            wire.authenticate(PASSWORD).expect("there is room for it");
            wire
        })
        .collect();
    holder.run("commit");
    waiting.iter_mut().for_each(|wire| wire.welcome().expect("it was let wait"));
}

#[test]
fn tokens_that_fail_do_not_lock_out_the_tokens_of_others_who_have_the_same_user_name() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        tokens::with_tokens(config);
        config.listen.failures =
            FailureLimits { per_address: Some(100), per_user: Some(3), per_tenant: None };
    });
    for _ in 0..10 {
        assert!(tokens::refusal(&proxy, "token", b"eyJ.eyJ.x").contains("28P01"));
    }
    let good = tokens::token(&proxy, "beta");
    assert!(tokens::log_in(&proxy, "token", good.as_bytes()).is_ok());
}
