//! Who is paused gets nothing, loses what it has, and gets everything again.

use std::collections::HashSet;

use super::*;

impl Sim {
    fn pause(&mut self, whom: Option<TenantId>) -> Vec<Decision> {
        let mut out = Vec::new();
        self.scheduler.pause(self.now, whom, &mut out);
        out
    }

    fn go_on(&mut self, whom: Option<TenantId>) -> Vec<Decision> {
        let mut out = Vec::new();
        self.scheduler.go_on(self.now, whom, &mut out);
        out
    }
}

#[test]
fn paused_tenant_loses_its_connections_and_its_clients_wait_until_it_goes_on() {
    let (mut sim, a, b) = (Sim::new(limits(3)), tenant(1), tenant(2));
    for n in 1..=2 {
        sim.on(Wanted(a, C(n)));
        sim.on(Opened(own(a), S(n)));
    }
    sim.on(Returned(own(a), S(1)));
    assert_eq!(sim.pause(Some(a)), [Close(own(a), S(1))], "the idle one at once");
    assert!(!sim.scheduler.is_at_rest(Some(a)));
    assert_eq!(sim.on(Closed(own(a), S(1))), []);
    assert_eq!(sim.on(Wanted(a, C(3))), []);
    assert_eq!(sim.on(Returned(own(a), S(2))), [Close(own(a), S(2))], "the busy one when it comes back");
    sim.on(Closed(own(a), S(2)));
    assert!(sim.scheduler.is_at_rest(Some(a)) && sim.scheduler.is_paused(a));
    assert_eq!(sim.on(Wanted(b, C(4))), [Open(own(b), S(3))], "others go on");
    assert_eq!(sim.go_on(Some(a)), [Open(own(a), S(4))]);
    assert_eq!(sim.on(Opened(own(a), S(4))), [Assign(C(3), S(4))]);
}

#[test]
fn connection_that_is_opened_meanwhile_is_closed_and_its_client_waits() {
    let (mut sim, a) = (Sim::new(limits(2)), tenant(1));
    sim.on(Wanted(a, C(1)));
    assert_eq!(sim.pause(Some(a)), []);
    assert_eq!(sim.on(Opened(own(a), S(1))), [Close(own(a), S(1))]);
    sim.on(Closed(own(a), S(1)));
    assert_eq!(sim.go_on(Some(a)), [Open(own(a), S(2))]);
}

#[test]
fn paused_tenant_is_given_no_shared_connection_and_the_others_keep_them() {
    let (mut sim, a, b) = (Sim::new(limits(1)), tenant(1), tenant(2));
    sim.on(WantedShared(a, C(1)));
    sim.on(Opened(Owner::Shared, S(1)));
    sim.on(WantedShared(a, C(2)));
    sim.on(WantedShared(b, C(3)));
    assert_eq!(sim.pause(Some(a)), []);
    assert!(!sim.scheduler.is_at_rest(Some(a)), "it is served");
    assert_eq!(sim.on(Returned(Owner::Shared, S(1))), [Assign(C(3), S(1))]);
    assert!(sim.scheduler.is_at_rest(Some(a)));
    assert_eq!(sim.on(Returned(Owner::Shared, S(1))), []);
    assert_eq!(sim.go_on(Some(a)), [Assign(C(2), S(1))]);
}

#[test]
fn where_all_are_paused_every_connection_goes_spares_too_and_comes_again() {
    let (mut sim, a, b) = (Sim::new(limits(4)), tenant(1), tenant(2));
    assert_eq!(sim.spares(1), [Open(Owner::Spare, S(1))]);
    sim.on(Opened(Owner::Spare, S(1)));
    sim.on(WantedShared(a, C(1)));
    sim.on(Opened(Owner::Shared, S(2)));
    sim.on(Returned(Owner::Shared, S(2)));
    let closed = sim.pause(None);
    assert_eq!(closed, [Close(Owner::Shared, S(2)), Close(Owner::Spare, S(1))]);
    for (owner, server) in [(Owner::Shared, S(2)), (Owner::Spare, S(1))] {
        assert_eq!(sim.on(Closed(owner, server)), []);
    }
    assert!(sim.scheduler.is_at_rest(None));
    // Who comes for the first time waits like the others.
    assert_eq!(sim.on(WantedShared(a, C(2))), []);
    assert_eq!(sim.on(Wanted(b, C(3))), []);
    let opened = sim.go_on(None);
    let is_opened = |wanted: Owner| opened.iter().any(|it| matches!(it, Open(owner, _) if *owner == wanted));
    assert!(is_opened(Owner::Shared) && is_opened(own(b)), "{opened:?}");
}

#[test]
fn who_is_paused_twice_goes_on_when_both_are_over() {
    let (mut sim, a) = (Sim::new(limits(2)), tenant(1));
    sim.pause(Some(a));
    sim.pause(None);
    sim.on(Wanted(a, C(1)));
    assert_eq!(sim.go_on(Some(a)), []);
    assert!(!sim.scheduler.go_on(sim.now, Some(a), &mut Vec::new()), "it is not paused by itself any more");
    assert_eq!(sim.go_on(None), [Open(own(a), S(1))]);
}

/// A pool that does what it is told, at random times.
#[derive(Default)]
struct Pauser {
    opening: Vec<(Owner, ServerId)>,
    closing: Vec<(Owner, ServerId)>,
    busy: Vec<(Owner, ServerId)>,
    owners: HashMap<ServerId, Owner>,
    waiting: Vec<(TenantId, ClientId)>,
    paused: HashSet<Option<TenantId>>,
    clients: u64,
}

impl Pauser {
    fn carry_out(&mut self, decisions: Vec<Decision>) -> Result<(), TestCaseError> {
        for decision in decisions {
            match decision {
                Open(owner, server) => {
                    let paused = match owner {
                        Owner::Tenant(t) => self.is_paused(t),
                        Owner::Shared | Owner::Spare => self.paused.contains(&None),
                    };
                    prop_assert!(!paused, "one is opened for {:?}, who is paused", owner);
                    self.owners.insert(server, owner);
                    self.opening.push((owner, server));
                }
                Close(owner, server) => self.closing.push((owner, server)),
                Assign(client, server) => {
                    let at = self.waiting.iter().position(|(_, waiting)| *waiting == client);
                    let (t, _) = self.waiting.remove(at.expect("it waits"));
                    prop_assert!(!self.is_paused(t), "a client of {:?} is served, who is paused", t);
                    self.busy.push((self.owners[&server], server));
                }
                Bind(..) | Fail(_) | Refuse(_) => {}
            }
        }
        Ok(())
    }

    fn is_paused(&self, tenant: TenantId) -> bool {
        self.paused.contains(&None) || self.paused.contains(&Some(tenant))
    }

    fn step(&mut self, sim: &mut Sim, what: u8, which: u8, tenants: u128) -> Result<(), TestCaseError> {
        fn take<T>(from: &mut Vec<T>, which: u8) -> Option<T> {
            (!from.is_empty()).then(|| from.swap_remove(usize::from(which) % from.len()))
        }
        let number = 1 + u128::from(which) % tenants;
        let t = tenant(number);
        let decisions = match what % 6 {
            0 | 1 => {
                self.clients += 1;
                self.waiting.push((t, C(self.clients)));
                let shared = number.is_multiple_of(2);
                sim.on(if shared { WantedShared(t, C(self.clients)) } else { Wanted(t, C(self.clients)) })
            }
            2 => take(&mut self.busy, which).map_or_else(Vec::new, |(o, s)| sim.on(Returned(o, s))),
            3 => take(&mut self.opening, which).map_or_else(Vec::new, |(o, s)| sim.on(Opened(o, s))),
            4 => take(&mut self.closing, which).map_or_else(Vec::new, |(o, s)| sim.on(Closed(o, s))),
            _ => {
                let whom = (!which.is_multiple_of(5)).then_some(t);
                if self.paused.contains(&whom) {
                    self.paused.remove(&whom);
                    sim.go_on(whom)
                } else {
                    self.paused.insert(whom);
                    sim.pause(whom)
                }
            }
        };
        self.carry_out(decisions)
    }

    /// Until nothing moves any more.
    fn come_to_rest(&mut self, sim: &mut Sim) -> Result<(), TestCaseError> {
        for n in 0_u32..4000 {
            sim.now += Duration::from_millis(20);
            let decisions = sim.on(Due);
            self.carry_out(decisions)?;
            self.step(sim, 2 + (n % 3) as u8, 0, 1)?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn who_is_paused_is_never_served_comes_to_rest_and_nobody_waits_for_ever(
        total in 1_usize..5,
        tenants in 1_u128..6,
        steps in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..300),
    ) {
        let (mut sim, mut pauser) = (Sim::new(limits(total)), Pauser::default());
        for (what, which) in steps {
            sim.now += Duration::from_millis(10);
            pauser.step(&mut sim, what, which, tenants)?;
            prop_assert!(sim.scheduler.load().total <= total);
        }
        pauser.come_to_rest(&mut sim)?;
        for n in 1..=tenants {
            let at_rest = sim.scheduler.is_at_rest(Some(tenant(n)));
            prop_assert!(at_rest || !pauser.is_paused(tenant(n)), "a paused tenant still has connections");
        }
        prop_assert!(!pauser.paused.contains(&None) || sim.scheduler.is_at_rest(None));
        for whom in std::mem::take(&mut pauser.paused) {
            let decisions = sim.go_on(whom);
            pauser.carry_out(decisions)?;
        }
        pauser.come_to_rest(&mut sim)?;
        prop_assert!(pauser.waiting.is_empty(), "starved: {:?}", pauser.waiting);
    }
}
