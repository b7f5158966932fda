//! What is kept for an owner, used or not.

use super::*;

/// Kept for a tenant.
fn keeping(minimum: usize) -> Quota {
    Quota { minimum, ..Quota::UNLIMITED }
}

/// A client of the tenant came, got a connection, and gave it back.
fn once(sim: &mut Sim, t: TenantId, server: u64) {
    sim.on(Wanted(t, C(server)));
    sim.on(Opened(own(t), S(server)));
    sim.on(Returned(own(t), S(server)));
}

#[test]
fn connections_are_opened_ahead_one_after_the_other_from_the_first_client_on() {
    let (mut sim, a) = (Sim::new(limits(9)), tenant(1));
    assert_eq!(sim.quota(a, keeping(3)), [], "nobody came yet");
    assert_eq!(sim.on(Wanted(a, C(1))), [Open(own(a), S(1))]);
    assert_eq!(sim.on(Opened(own(a), S(1))), [Assign(C(1), S(1)), Open(own(a), S(2))]);
    assert_eq!(sim.on(Opened(own(a), S(2))), [Open(own(a), S(3))]);
    assert_eq!(sim.on(Opened(own(a), S(3))), []);
}

#[test]
fn nobody_waits_because_connections_are_opened_ahead() {
    let (mut sim, a, b) = (Sim::new(Limits { opening: 1, ..limits(9) }), tenant(1), tenant(2));
    sim.quota(a, keeping(2));
    sim.on(Wanted(a, C(1)));
    assert_eq!(sim.on(Wanted(b, C(2))), []);
    assert_eq!(sim.on(Opened(own(a), S(1))), [Assign(C(1), S(1)), Open(own(b), S(2))]);
    assert_eq!(sim.on(Opened(own(b), S(2))), [Assign(C(2), S(2)), Open(own(a), S(3))]);
}

#[test]
fn unused_connections_are_closed_but_not_those_that_are_kept() {
    let (mut sim, a) = (Sim::new(limits(9)), tenant(1));
    for n in 1..=3 {
        sim.on(Wanted(a, C(n)));
        sim.on(Opened(own(a), S(n)));
    }
    for n in 1..=3 {
        sim.on(Returned(own(a), S(n)));
    }
    sim.quota(a, keeping(2));
    assert_eq!(sim.scheduler.take_unused(|_, _| true), [(own(a), S(1))]);
    assert_eq!(sim.scheduler.take_unused(|_, _| true), []);
}

#[test]
fn connection_that_is_gone_is_replaced() {
    let (mut sim, a) = (Sim::new(limits(9)), tenant(1));
    sim.quota(a, keeping(1));
    once(&mut sim, a, 1);
    assert_eq!(sim.scheduler.take_idle(|_, _| true), [(own(a), S(1))]);
    assert_eq!(sim.on(Closed(own(a), S(1))), [Open(own(a), S(2))]);
    // Where that fails, not again and again.
    assert_eq!(sim.on(OpenFailed(own(a), S(2))), []);
    sim.now += Duration::from_secs(4);
    assert_eq!(sim.on(Due), []);
    sim.now += Duration::from_secs(1);
    assert_eq!(sim.on(Due), [Open(own(a), S(3))]);
}

#[test]
fn what_is_kept_makes_room_last_and_only_for_one_that_has_none() {
    let (mut sim, a, b, c) = (Sim::new(limits(3)), tenant(1), tenant(2), tenant(3));
    sim.quota(a, keeping(1));
    once(&mut sim, a, 1);
    once(&mut sim, b, 2);
    sim.on(Wanted(c, C(3)));
    sim.on(Opened(own(c), S(3)));
    sim.now += Duration::from_secs(9);
    // Not a's, though it was used before.
    assert_eq!(sim.on(Wanted(c, C(4))), [Close(own(b), S(2))]);
    sim.on(Closed(own(b), S(2)));
    sim.on(Opened(own(c), S(4)));
    assert_eq!(sim.on(Wanted(c, C(5))), [], "it has two");
    assert_eq!(sim.scheduler.alarm(), None, "and will not have a's later");
    assert_eq!(sim.on(Wanted(b, C(6))), [Close(own(a), S(1))], "b has none");
}

#[test]
fn connection_in_use_is_not_given_up_for_fairness_where_it_is_kept() {
    let (mut sim, a, b) = (Sim::new(limits(4)), tenant(1), tenant(2));
    sim.quota(a, keeping(3));
    for n in 1..=3 {
        sim.on(Wanted(a, C(n)));
        sim.on(Opened(own(a), S(n)));
    }
    sim.on(Wanted(b, C(4)));
    sim.on(Opened(own(b), S(4)));
    sim.on(Wanted(b, C(5)));
    sim.on(Wanted(a, C(6)));
    assert_eq!(sim.on(Returned(own(a), S(1))), [Assign(C(6), S(1))]);
    assert_eq!(sim.quota(a, keeping(2)), []);
    sim.on(Wanted(a, C(7)));
    assert_eq!(sim.on(Returned(own(a), S(1))), [Close(own(a), S(1))]);
}

#[test]
fn place_is_made_for_what_is_kept_by_what_nobody_used_for_a_moment() {
    let (mut sim, a, b) = (Sim::new(limits(2)), tenant(1), tenant(2));
    once(&mut sim, a, 1);
    once(&mut sim, b, 2);
    assert_eq!(sim.quota(a, keeping(2)), []);
    sim.now += Duration::from_secs(1);
    assert_eq!(sim.on(Due), [Close(own(b), S(2))]);
    assert_eq!(sim.on(Closed(own(b), S(2))), [Open(own(a), S(3))]);
    sim.on(Opened(own(a), S(3)));
    assert_eq!(sim.on(Due), []);
}

#[test]
fn tenant_s_limit_outranks_what_is_kept_and_the_last_one_it_lacks_ends_with_it() {
    let (mut sim, a) = (Sim::new(limits(9)), tenant(1));
    sim.quota(a, Quota { connections: 2, ..keeping(5) });
    once(&mut sim, a, 1);
    assert_eq!(sim.on(Opened(own(a), S(2))), []);
    assert_eq!(sim.quota(a, keeping(5)), [Open(own(a), S(3))]);
    sim.quota(a, Quota::UNLIMITED);
    assert_eq!(sim.on(Opened(own(a), S(3))), []);
    assert_eq!(sim.scheduler.take_unused(|_, _| true).len(), 3);
    for n in 1..=3 {
        assert_eq!(sim.on(Closed(own(a), S(n))), []);
    }
    assert!(sim.scheduler.shares.is_empty() && sim.scheduler.lacking.is_empty());
}

#[test]
fn shared_connections_are_kept_too() {
    let mut sim = Sim::new(limits(9));
    sim.scheduler.set_shared_minimum(2);
    assert_eq!(sim.on(Due), [], "nobody came yet");
    assert_eq!(sim.on(WantedShared(tenant(1), C(1))), [Open(Owner::Shared, S(1))]);
    assert_eq!(sim.on(Opened(Owner::Shared, S(1))), [Assign(C(1), S(1)), Open(Owner::Shared, S(2))]);
    assert_eq!(sim.on(Opened(Owner::Shared, S(2))), []);
    sim.on(Returned(Owner::Shared, S(1)));
    assert_eq!(sim.scheduler.take_unused(|_, _| true), []);
}
