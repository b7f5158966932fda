//! Warm spares: stories.

use super::*;

const SPARE: Owner = Owner::Spare;
const SHARED: Owner = Owner::Shared;

/// With so many open spares, numbered from 1.
fn with_spares(limits: Limits, keep: u64) -> Sim {
    let mut sim = Sim::new(limits);
    let mut decisions = sim.spares(usize::try_from(keep).unwrap());
    for n in 1..=keep {
        assert_eq!(decisions, [Open(SPARE, S(n))], "one at a time");
        decisions = sim.on(Opened(SPARE, S(n)));
    }
    assert_eq!(decisions, []);
    sim
}

#[test]
fn first_client_of_a_tenant_gets_a_spare_and_another_one_is_opened() {
    let (mut sim, a) = (with_spares(limits(5), 1), tenant(1));
    assert_eq!(sim.on(Wanted(a, C(1))), [Bind(a, S(1)), Open(SPARE, S(2))]);
    assert_eq!(sim.on(Bound(a, S(1))), [Assign(C(1), S(1))]);
    assert_eq!(sim.on(Returned(own(a), S(1))), []);
    // It stays the tenant's.
    assert_eq!(sim.on(Wanted(a, C(2))), [Assign(C(2), S(1))]);
    assert_eq!(sim.scheduler.load(), Load { total: 2, ..Load::default() });
}

#[test]
fn spare_that_cannot_be_bound_is_replaced_by_an_ordinary_connection() {
    let (mut sim, a, b) = (with_spares(limits(5), 2), tenant(1), tenant(2));
    sim.on(Wanted(a, C(1)));
    assert_eq!(sim.on(NotBound(a, S(1))), [Open(own(a), S(4))]);
    sim.on(Closed(SPARE, S(1)));
    assert_eq!(sim.on(Opened(own(a), S(4))), [Assign(C(1), S(4))]);
    // Others are bound; this one is tried again when it is forgiven.
    assert_eq!(sim.on(Wanted(b, C(2))), [Bind(b, S(2))]);
    assert_eq!(sim.on(Wanted(a, C(3))), [Open(own(a), S(5))]);
    sim.on(Opened(SPARE, S(3)));
    sim.scheduler.forgive();
    assert_eq!(sim.on(Wanted(a, C(4))), [Bind(a, S(3))]);
}

#[test]
fn waiters_come_before_spares_and_spares_do_not_take_their_turns_at_opening() {
    let (mut sim, a) = (Sim::new(Limits { opening: 1, ..limits(5) }), tenant(1));
    sim.on(Wanted(a, C(1)));
    assert_eq!(sim.spares(1), []);
    sim.on(Wanted(a, C(2)));
    assert_eq!(sim.on(Opened(own(a), S(1))), [Assign(C(1), S(1)), Open(own(a), S(2))]);
    assert_eq!(sim.on(Opened(own(a), S(2))), [Assign(C(2), S(2)), Open(SPARE, S(3))]);
    // Who comes meanwhile gets it.
    assert_eq!(sim.on(Wanted(a, C(3))), []);
    assert_eq!(sim.on(Opened(SPARE, S(3))), [Bind(a, S(3)), Open(SPARE, S(4))]);
}

#[test]
fn binding_opens_no_process_and_waits_for_no_turn() {
    let (mut sim, a, b) = (with_spares(Limits { opening: 1, ..limits(5) }, 2), tenant(1), tenant(2));
    assert_eq!(sim.on(Wanted(a, C(1))), [Bind(a, S(1)), Open(SPARE, S(3))]);
    assert_eq!(sim.on(Wanted(b, C(2))), [Bind(b, S(2))]);
}

#[test]
fn spares_are_the_first_to_make_room() {
    let (mut sim, a, b) = (with_spares(limits(2), 1), tenant(1), tenant(2));
    sim.on(Wanted(a, C(1)));
    sim.on(Bound(a, S(1)));
    sim.on(Returned(own(a), S(1)));
    sim.on(Opened(SPARE, S(2)));
    assert_eq!(sim.on(WantedShared(b, C(2))), [Close(SPARE, S(2))], "and not the tenant's idle one");
    assert_eq!(sim.on(Closed(SPARE, S(2))), [Open(SHARED, S(3))]);
}

#[test]
fn where_the_budget_is_spent_a_connection_missed_by_nobody_gives_its_place_to_a_spare() {
    let (mut sim, a, b) = (Sim::new(limits(2)), tenant(1), tenant(2));
    for (t, n) in [(a, 1), (b, 2)] {
        sim.on(Wanted(t, C(n)));
        sim.on(Opened(own(t), S(n)));
        sim.on(Returned(own(t), S(n)));
    }
    assert_eq!(sim.spares(1), [], "both were used a moment ago");
    let mut decisions = Vec::new();
    for n in 10..20 {
        sim.now += Duration::from_millis(100);
        decisions.extend(sim.on(Wanted(b, C(n))));
        decisions.extend(sim.on(Returned(own(b), S(2))));
    }
    decisions.retain(|decision| !matches!(decision, Assign(..)));
    assert_eq!(decisions, [Close(own(a), S(1))]);
    assert_eq!(sim.on(Closed(own(a), S(1))), [Open(SPARE, S(3))]);
    sim.on(Opened(SPARE, S(3)));
    assert_eq!(sim.on(Wanted(a, C(99))), [Bind(a, S(3))]);
}

#[test]
fn after_a_failure_no_spare_is_opened_for_a_while() {
    let mut sim = Sim::new(limits(3));
    assert_eq!(sim.spares(1), [Open(SPARE, S(1))]);
    assert_eq!(sim.on(OpenFailed(SPARE, S(1))), []);
    assert_eq!(sim.scheduler.load(), Load::default());
    let mut out = Vec::new();
    sim.scheduler.refill(sim.now + Duration::from_secs(4), &mut out);
    assert_eq!(out, []);
    sim.scheduler.refill(sim.now + Duration::from_secs(5), &mut out);
    assert_eq!(out, [Open(SPARE, S(2))]);
}

#[test]
fn without_spares_those_that_are_open_or_come_are_closed() {
    let mut sim = with_spares(limits(5), 2);
    assert_eq!(sim.spares(3), [Open(SPARE, S(3))]);
    assert_eq!(sim.spares(0), [Close(SPARE, S(1)), Close(SPARE, S(2))]);
    assert_eq!(sim.on(Opened(SPARE, S(3))), [Close(SPARE, S(3))]);
    for n in 1..=3 {
        assert_eq!(sim.on(Closed(SPARE, S(n))), []);
    }
    assert_eq!(sim.scheduler.load(), Load::default());
}

#[test]
fn spares_can_be_taken_out_like_idle_connections() {
    let mut sim = with_spares(limits(5), 2);
    assert_eq!(sim.scheduler.take_idle(|owner, id| owner == SPARE && id == S(2)), [(SPARE, S(2))]);
    assert_eq!(sim.on(Closed(SPARE, S(2))), [Open(SPARE, S(3))]);
}

#[test]
fn tenant_keeps_to_its_limit_with_spares_too() {
    let (mut sim, a) = (with_spares(limits(5), 2), tenant(1));
    sim.quota(a, Quota { connections: 1, ..Quota::UNLIMITED });
    sim.on(Wanted(a, C(1)));
    assert_eq!(sim.on(Wanted(a, C(2))), []);
}
