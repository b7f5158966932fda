use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn tenant(n: u128) -> TenantId {
    TenantId(Uuid::from_u128(n))
}

fn limits(total: usize) -> Limits {
    Limits { total, quota: Quota::UNLIMITED, opening: total, quantum: Duration::from_millis(100) }
}

/// A scheduler with a clock that stands still unless told.
struct Sim {
    scheduler: Scheduler,
    now: Instant,
}

impl Sim {
    fn new(limits: Limits) -> Self {
        Self { scheduler: Scheduler::new(limits), now: Instant::now() }
    }

    fn on(&mut self, event: Event) -> Vec<Decision> {
        let mut out = Vec::new();
        self.scheduler.on(self.now, event, &mut out);
        out
    }

    fn quota(&mut self, tenant: TenantId, quota: Quota) -> Vec<Decision> {
        let mut out = Vec::new();
        self.scheduler.set_quota(tenant, quota, &mut out);
        out
    }
}

use Decision::{Assign, Close, Fail, Open, Refuse};
use Event::{Closed, Closing, Forgotten, OpenFailed, Opened, Returned, Wanted};

const C: fn(u64) -> ClientId = ClientId;
const S: fn(u64) -> ServerId = ServerId;

#[test]
fn first_client_opens_a_connection_and_the_next_reuses_it() {
    let (mut sim, a) = (Sim::new(limits(2)), tenant(1));
    assert_eq!(sim.on(Wanted(a, C(1))), [Open(a, S(1))]);
    assert_eq!(sim.on(Opened(a, S(1))), [Assign(C(1), S(1))]);
    assert_eq!(sim.on(Returned(a, S(1))), []);
    assert_eq!(sim.on(Wanted(a, C(2))), [Assign(C(2), S(1))]);
}

#[test]
fn waiters_of_a_tenant_are_served_first_come_first_served() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    sim.on(Wanted(a, C(1)));
    sim.on(Opened(a, S(1)));
    sim.on(Wanted(a, C(2)));
    sim.on(Wanted(a, C(3)));
    assert_eq!(sim.on(Returned(a, S(1))), [Assign(C(2), S(1))]);
    // Who returns and asks again goes to the end.
    assert_eq!(sim.on(Wanted(a, C(1))), []);
    assert_eq!(sim.on(Returned(a, S(1))), [Assign(C(3), S(1))]);
    assert_eq!(sim.on(Returned(a, S(1))), [Assign(C(1), S(1))]);
}

#[test]
fn idle_connection_unused_longest_makes_room_for_another_tenant() {
    let (mut sim, a, b, c) = (Sim::new(limits(2)), tenant(1), tenant(2), tenant(3));
    for (t, n) in [(a, 1), (b, 2)] {
        sim.on(Wanted(t, C(n)));
        sim.on(Opened(t, S(n)));
    }
    sim.on(Returned(b, S(2)));
    sim.on(Returned(a, S(1)));
    assert_eq!(sim.on(Wanted(c, C(3))), [Close(b, S(2))]);
    // The place is free only when the server has let go of it.
    assert_eq!(sim.on(Closed(b, S(2))), [Open(c, S(3))]);
    assert_eq!(sim.on(Opened(c, S(3))), [Assign(C(3), S(3))]);
}

#[test]
fn flooding_tenant_gives_a_connection_to_one_that_has_none() {
    let (mut sim, flood, quiet) = (Sim::new(limits(2)), tenant(1), tenant(2));
    for n in 1..=10 {
        sim.on(Wanted(flood, C(n)));
    }
    sim.on(Opened(flood, S(1)));
    sim.on(Opened(flood, S(2)));
    assert_eq!(sim.on(Wanted(quiet, C(99))), []);
    assert_eq!(sim.on(Returned(flood, S(1))), [Close(flood, S(1))]);
    assert_eq!(sim.on(Closed(flood, S(1))), [Open(quiet, S(3))]);
    assert_eq!(sim.on(Opened(quiet, S(3))), [Assign(C(99), S(3))]);
    assert_eq!(sim.on(Returned(flood, S(2))), [Assign(C(3), S(2))]);
}

#[test]
fn last_connection_is_given_up_only_after_the_quantum() {
    let (mut sim, a, b) = (Sim::new(limits(1)), tenant(1), tenant(2));
    for n in 1..=9 {
        sim.on(Wanted(a, C(n)));
    }
    sim.on(Opened(a, S(1)));
    sim.on(Wanted(b, C(99)));
    assert_eq!(sim.on(Returned(a, S(1))), [Assign(C(2), S(1))]);
    sim.now += Duration::from_millis(100);
    assert_eq!(sim.on(Returned(a, S(1))), [Close(a, S(1))]);
    assert_eq!(sim.on(Closed(a, S(1))), [Open(b, S(2))]);
}

#[test]
fn failed_opening_fails_the_waiter_when_nothing_else_can_serve_it() {
    let (mut sim, a) = (Sim::new(limits(2)), tenant(1));
    sim.on(Wanted(a, C(1)));
    assert_eq!(sim.on(OpenFailed(a, S(1))), [Fail(C(1))]);
    assert_eq!(sim.scheduler.load(), Load::default());
}

#[test]
fn waiter_that_gave_up_is_not_served() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    sim.on(Wanted(a, C(1)));
    sim.on(Forgotten(a, C(1)));
    assert_eq!(sim.on(Opened(a, S(1))), []);
    assert_eq!(sim.scheduler.load(), Load { total: 1, idle: 1, waiting: 0 });
}

#[test]
fn tenant_keeps_to_its_own_limit() {
    let quota = Quota { connections: 1, ..Quota::UNLIMITED };
    let (mut sim, a) = (Sim::new(Limits { quota, ..limits(5) }), tenant(1));
    assert_eq!(sim.on(Wanted(a, C(1))).len(), 1);
    assert_eq!(sim.on(Wanted(a, C(2))), []);
}

#[test]
fn client_that_would_make_the_queue_too_long_is_refused_and_others_are_not() {
    let quota = Quota { connections: 1, waiting: 2, ..Quota::UNLIMITED };
    let (mut sim, a, b) = (Sim::new(limits(5)), tenant(1), tenant(2));
    assert_eq!(sim.quota(a, quota), []);
    sim.on(Wanted(a, C(1)));
    sim.on(Opened(a, S(1)));
    assert_eq!([sim.on(Wanted(a, C(2))), sim.on(Wanted(a, C(3)))], [vec![], vec![]]);
    assert_eq!(sim.on(Wanted(a, C(4))), [Refuse(C(4))]);
    assert_eq!(sim.on(Wanted(b, C(5))), [Open(b, S(2))]);
    assert_eq!(sim.on(Returned(a, S(1))), [Assign(C(2), S(1))]);
    assert_eq!(sim.on(Wanted(a, C(6))), []);
}

#[test]
fn quota_lowered_meanwhile_takes_idle_connections_now_and_busy_ones_when_they_return() {
    let (mut sim, a) = (Sim::new(limits(5)), tenant(1));
    for n in 1..=3 {
        sim.on(Wanted(a, C(n)));
        sim.on(Opened(a, S(n)));
    }
    sim.on(Returned(a, S(1)));
    let one = Quota { connections: 1, ..Quota::UNLIMITED };
    assert_eq!(sim.quota(a, one), [Close(a, S(1))]);
    assert_eq!(sim.on(Returned(a, S(2))), [Close(a, S(2))]);
    assert_eq!(sim.on(Returned(a, S(3))), []);
    assert_eq!(sim.scheduler.load().idle, 1);
    sim.on(Wanted(a, C(4)));
    assert_eq!(sim.on(Wanted(a, C(5))), []);
    assert_eq!(sim.quota(a, Quota::UNLIMITED), [Open(a, S(4))], "what waits gets what it may have now");
}

/// What two tenants hold that both want all of ten connections.
fn split(weights: [u32; 2]) -> [usize; 2] {
    let mut sim = Sim::new(limits(10));
    let tenants = [tenant(1), tenant(2)];
    for (t, weight) in tenants.into_iter().zip(weights) {
        sim.quota(t, Quota { weight, ..Quota::UNLIMITED });
    }
    let mut decisions = Vec::new();
    for n in 0..100 {
        decisions.extend(sim.on(Wanted(tenants[n as usize % 2], C(n))));
    }
    let mut held: HashMap<ServerId, TenantId> = HashMap::new();
    let mut next = 1000;
    for _ in 0..2000 {
        let mut more = Vec::new();
        for decision in decisions.drain(..) {
            more.extend(match decision {
                Open(t, s) => {
                    held.insert(s, t);
                    sim.on(Opened(t, s))
                }
                Close(t, s) => {
                    held.remove(&s);
                    sim.on(Closed(t, s))
                }
                _ => vec![],
            });
        }
        if more.is_empty() {
            // All work, one after the other comes back, and its client wants another.
            next += 1;
            let mut all: Vec<_> = held.iter().map(|(s, t)| (*s, *t)).collect();
            all.sort();
            let (s, t) = all[next as usize % all.len()];
            more = sim.on(Returned(t, s));
            more.extend(sim.on(Wanted(t, C(next))));
        }
        decisions = more;
    }
    tenants.map(|tenant| held.values().filter(|t| **t == tenant).count())
}

#[test]
fn tenants_share_in_proportion_to_their_weights() {
    assert_eq!(split([100, 100]), [5, 5]);
    assert_eq!(split([300, 100]), [7, 3]);
    assert_eq!(split([50, 450]), [1, 9]);
}

#[test]
fn only_so_many_connections_are_opened_at_once() {
    let (mut sim, a) = (Sim::new(Limits { opening: 1, ..limits(5) }), tenant(1));
    assert_eq!(sim.on(Wanted(a, C(1))), [Open(a, S(1))]);
    assert_eq!(sim.on(Wanted(a, C(2))), []);
    assert_eq!(sim.on(Opened(a, S(1))), [Assign(C(1), S(1)), Open(a, S(2))]);
}

#[test]
fn broken_connection_is_replaced_for_who_waits() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    sim.on(Wanted(a, C(1)));
    sim.on(Opened(a, S(1)));
    sim.on(Wanted(a, C(2)));
    assert_eq!(sim.on(Closing(a, S(1))), []);
    assert_eq!(sim.on(Closed(a, S(1))), [Open(a, S(2))]);
}

/// Plays random work against the scheduler as a pool would, and checks what must always hold.
#[expect(clippy::too_many_lines, reason = "one table of events and one of decisions")]
fn play(limits: Limits, tenants: u128, steps: Vec<(u8, u8)>) -> Result<(), TestCaseError> {
    let mut sim = Sim::new(limits);
    let mut busy: Vec<(TenantId, ServerId, ClientId)> = Vec::new();
    let mut opening = Vec::new();
    let mut closing = Vec::new();
    let mut owner: HashMap<ServerId, TenantId> = HashMap::new();
    let mut waiting: VecDeque<(TenantId, ClientId)> = VecDeque::new();
    let mut next = 0;
    let mut caps: HashMap<TenantId, usize> = HashMap::new();
    for (what, which) in steps.into_iter().chain((0..4000).map(|n| (1 + n as u8 % 5, 0))) {
        sim.now += Duration::from_millis(10);
        let index = usize::from(which);
        let event = match what % 6 {
            0 => {
                next += 1;
                let t = tenant(u128::from(which) % tenants);
                waiting.push_back((t, ClientId(next)));
                Some(Wanted(t, ClientId(next)))
            }
            1 if !opening.is_empty() => {
                let (t, s) = opening.remove(index % opening.len());
                Some(Opened(t, s))
            }
            2 if !closing.is_empty() => {
                let (t, s) = closing.remove(index % closing.len());
                Some(Closed(t, s))
            }
            3 | 4 if !busy.is_empty() => {
                let (t, s, _) = busy.remove(index % busy.len());
                if which % 16 == 15 {
                    closing.push((t, s));
                    Some(Closing(t, s))
                } else {
                    Some(Returned(t, s))
                }
            }
            5 if which % 8 == 7 && !waiting.is_empty() => {
                let (t, c) = waiting.remove(index % waiting.len()).unwrap();
                Some(Forgotten(t, c))
            }
            _ => None,
        };
        let decisions = match event {
            Some(event) => sim.on(event),
            None if what % 6 == 5 && which % 8 == 6 => {
                let (t, connections) = (tenant(u128::from(which / 8) % tenants), 1 + usize::from(what) % 3);
                caps.insert(t, connections);
                sim.quota(t, Quota { connections, waiting: usize::MAX, weight: 1 + u32::from(what) })
            }
            None => Vec::new(),
        };
        for decision in decisions {
            match decision {
                Open(t, s) => {
                    let has = busy.iter().filter(|(of, ..)| *of == t).count();
                    let has = has + opening.iter().filter(|(of, _)| *of == t).count();
                    prop_assert!(has < caps.get(&t).copied().unwrap_or(usize::MAX), "tenant's cap exceeded");
                    prop_assert!(owner.insert(s, t).is_none());
                    opening.push((t, s));
                }
                Close(t, s) => {
                    prop_assert!(!busy.iter().any(|(_, b, _)| *b == s), "closed in use");
                    closing.push((t, s));
                }
                Assign(c, s) => {
                    let at = waiting.iter().position(|(_, w)| *w == c);
                    let (t, _) = waiting.remove(at.expect("assigned to who does not wait")).unwrap();
                    prop_assert_eq!(owner[&s], t, "another tenant's connection");
                    prop_assert!(!busy.iter().any(|(_, b, _)| *b == s), "owned twice");
                    prop_assert!(!waiting.iter().any(|(w, o)| *w == t && o.0 < c.0), "overtaken");
                    busy.push((t, s, c));
                }
                Fail(c) | Refuse(c) => waiting.retain(|(_, w)| *w != c),
            }
        }
        let load = sim.scheduler.load();
        prop_assert!(load.total <= limits.total, "cap exceeded");
        prop_assert_eq!(load.total, opening.len() + closing.len() + busy.len() + load.idle);
        prop_assert!(opening.len() <= limits.opening);
    }
    prop_assert!(waiting.is_empty(), "starved: {:?} {:?}", waiting, sim.scheduler);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cap_holds_nobody_is_owned_twice_overtaken_or_starved(
        total in 1_usize..6,
        tenants in 1_u128..12,
        opening in 1_usize..4,
        steps in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..600),
    ) {
        play(Limits { opening, ..limits(total) }, tenants, steps)?;
    }
}
