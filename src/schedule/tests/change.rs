//! Other limits at runtime.

use super::*;

fn set(sim: &mut Sim, limits: Limits) -> Vec<Decision> {
    let mut out = Vec::new();
    sim.scheduler.set_limits(sim.now, limits, &mut out);
    out
}

/// Each of these tenants has a connection in use, opened in this order.
fn busy(sim: &mut Sim, tenants: &[TenantId]) {
    for (n, t) in (1..).zip(tenants) {
        sim.on(Wanted(*t, C(n)));
        sim.on(Opened(own(*t), S(n)));
    }
}

#[test]
fn larger_budget_is_used_at_once_by_who_waits() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    busy(&mut sim, &[a]);
    sim.on(Wanted(a, C(2)));
    assert_eq!(set(&mut sim, limits(2)), [Open(own(a), S(2))]);
}

#[test]
fn smaller_budget_closes_what_is_idle_at_once_and_what_is_in_use_when_it_comes_back() {
    let (mut sim, a, b, c) = (Sim::new(limits(3)), tenant(1), tenant(2), tenant(3));
    busy(&mut sim, &[a, b, c]);
    sim.on(Returned(own(c), S(3)));
    assert_eq!(set(&mut sim, limits(1)), [Close(own(c), S(3))]);
    assert_eq!(sim.on(Wanted(a, C(9))), []);
    assert_eq!(sim.on(Returned(own(a), S(1))), [Close(own(a), S(1))], "although somebody waits");
    assert_eq!(sim.on(Closed(own(c), S(3))), []);
    assert_eq!(sim.on(Closed(own(a), S(1))), []);
    assert_eq!(sim.on(Returned(own(b), S(2))), [Close(own(b), S(2))], "it makes room, as ever");
    assert_eq!(sim.on(Closed(own(b), S(2))), [Open(own(a), S(4))]);
}

#[test]
fn what_is_kept_for_an_owner_goes_last() {
    let (mut sim, a, b) = (Sim::new(limits(2)), tenant(1), tenant(2));
    sim.quota(a, Quota { minimum: 1, ..Quota::UNLIMITED });
    busy(&mut sim, &[a, b]);
    sim.on(Returned(own(a), S(1)));
    sim.on(Returned(own(b), S(2)));
    assert_eq!(set(&mut sim, limits(1)), [Close(own(b), S(2))]);
    assert_eq!(sim.on(Closed(own(b), S(2))), []);
}

#[test]
fn usual_quota_is_anothers_for_all_who_have_none_of_their_own() {
    let (mut sim, a, b) = (Sim::new(limits(9)), tenant(1), tenant(2));
    sim.quota(b, Quota { connections: 5, ..Quota::UNLIMITED });
    busy(&mut sim, &[a, a, b, b]);
    let quota = Quota { connections: 1, waiting: 1, ..Quota::UNLIMITED };
    assert_eq!(set(&mut sim, Limits { quota, ..limits(9) }), []);
    assert_eq!(sim.on(Returned(own(a), S(1))), [Close(own(a), S(1))]);
    assert_eq!(sim.on(Returned(own(b), S(3))), []);
    assert_eq!(sim.on(Wanted(a, C(8))), []);
    assert_eq!(sim.on(Wanted(a, C(9))), [Refuse(C(9))]);
    assert_eq!(sim.on(WantedShared(tenant(7), C(10))), [Open(Owner::Shared, S(5))], "one that is new");
    assert_eq!(sim.on(WantedShared(tenant(7), C(11))), [Refuse(C(11))]);
}

#[test]
fn minimum_of_shared_connections_is_raised_and_lowered_while_there_are_some() {
    let (mut sim, a) = (Sim::new(limits(9)), tenant(1));
    sim.on(WantedShared(a, C(1)));
    sim.on(Opened(Owner::Shared, S(1)));
    sim.scheduler.set_shared_minimum(2);
    assert_eq!(sim.on(Due), [Open(Owner::Shared, S(2))]);
    sim.on(Opened(Owner::Shared, S(2)));
    sim.scheduler.set_shared_minimum(0);
    assert_eq!(sim.scheduler.take_unused(|_, _| true), [(Owner::Shared, S(2))]);
}

#[test]
fn at_the_end_only_who_waits_keeps_connections_open() {
    let (mut sim, a, b) = (Sim::new(limits(2)), tenant(1), tenant(2));
    busy(&mut sim, &[a, b]);
    sim.quota(a, Quota { minimum: 2, ..Quota::UNLIMITED });
    sim.on(Returned(own(b), S(2)));
    let mut out = Vec::new();
    sim.scheduler.wind_down(sim.now, &mut out);
    assert_eq!(out, [Close(own(b), S(2))]);
    assert_eq!(sim.on(Closed(own(b), S(2))), [], "nothing is opened ahead");
    sim.on(Wanted(a, C(5)));
    sim.on(Opened(own(a), S(3)));
    sim.on(Wanted(a, C(6)));
    assert_eq!(sim.on(Returned(own(a), S(1))), [Assign(C(6), S(1))], "a transaction under way elsewhere");
    assert_eq!(sim.on(Returned(own(a), S(1))), [Close(own(a), S(1))]);
}
