//! Owners whose connections are not all used at once.

use super::*;
use crate::schedule::concurrency::Concurrency;

const SLOT: Duration = Duration::from_millis(20);

fn adaptive(total: usize) -> Limits {
    Limits { adaptive: true, ..limits(total) }
}

/// So many idle connections of each kind of owner, two of which may be used at the same time.
fn stage(owner: Owner, idle: u64) -> Sim {
    let mut sim = Sim::new(adaptive(20));
    for n in 1..=idle {
        sim.want(owner, n);
        sim.on(Opened(owner, S(n)));
    }
    for n in 1..=idle {
        sim.on(Returned(owner, S(n)));
    }
    sim.scheduler.share(owner).concurrency = Concurrency::learned(2);
    sim
}

impl Sim {
    fn want(&mut self, owner: Owner, client: u64) -> Vec<Decision> {
        match owner {
            Owner::Tenant(tenant) => self.on(Wanted(tenant, C(client))),
            Owner::Shared | Owner::Spare => self.on(WantedShared(tenant(1), C(client))),
        }
    }
}

const OWNERS: fn() -> [Owner; 2] = || [own(tenant(1)), Owner::Shared];

fn assigned(decisions: &[Decision]) -> Vec<ClientId> {
    let client = |decision: &Decision| match decision {
        Assign(client, _) => Some(*client),
        _ => None,
    };
    decisions.iter().filter_map(client).collect()
}

#[test]
fn more_clients_than_work_at_once_wait_beside_idle_connections_and_none_is_opened_for_them() {
    for owner in OWNERS() {
        let mut sim = stage(owner, 4);
        assert_eq!(assigned(&sim.want(owner, 11)), [C(11)]);
        assert_eq!(assigned(&sim.want(owner, 12)), [C(12)]);
        assert_eq!(sim.want(owner, 13), []);
        assert_eq!(sim.want(owner, 14), []);
        assert_eq!(sim.scheduler.load(), Load { total: 4, idle: 2, waiting: 2, held: 0, spaced: 2 });
        let back = sim.scheduler.load().total as u64;
        assert_eq!(assigned(&sim.on(Returned(owner, S(back)))), [C(13)]);
        // Who gives up lets nobody else in, and is not served.
        match owner {
            Owner::Tenant(tenant) => sim.on(Forgotten(tenant, C(14))),
            Owner::Shared | Owner::Spare => sim.on(ForgottenShared(tenant(1), C(14))),
        };
        assert_eq!(sim.scheduler.load().waiting, 0);
    }
}

#[test]
fn clients_are_served_by_what_is_idle_and_by_new_connections_where_nothing_comes_back() {
    for owner in OWNERS() {
        let mut sim = stage(owner, 4);
        for n in 11..=16 {
            sim.want(owner, n);
        }
        let alarm = sim.scheduler.alarm();
        assert_eq!(alarm, Some(sim.now + SLOT));
        sim.now += SLOT;
        let decisions = sim.on(Due);
        assert_eq!(assigned(&decisions), [C(13), C(14)]);
        assert_eq!(decisions.iter().filter(|it| matches!(it, Open(..))).count(), 2);
        assert_eq!(sim.scheduler.alarm(), None);
    }
}

#[test]
fn limit_of_one_owner_holds_up_no_other() {
    let (mut sim, other) = (stage(own(tenant(1)), 3), tenant(2));
    for n in 11..=13 {
        sim.want(own(tenant(1)), n);
    }
    for n in 21..=23 {
        assert_eq!(sim.on(Wanted(other, C(n))), [Open(own(other), S(n - 17))]);
        assert_eq!(assigned(&sim.on(Opened(own(other), S(n - 17)))), [C(n)]);
    }
}

#[test]
fn connections_go_as_ever_where_there_is_no_room_for_those_who_wait() {
    // At the end of the process, over a smaller budget, and for a tenant that has none.
    let owner = own(tenant(1));
    let mut sim = stage(owner, 4);
    for n in 11..=13 {
        sim.want(owner, n);
    }
    let (mut out, now) = (Vec::new(), sim.now);
    sim.scheduler.wind_down(now, &mut out);
    assert_eq!(out.iter().filter(|it| matches!(it, Close(..))).count(), 2, "{out:?}");
    assert_eq!(assigned(&sim.on(Returned(owner, S(4)))), [C(13)], "it is needed still");
    assert_eq!(sim.on(Returned(owner, S(3))), [Close(owner, S(3))]);
}

#[test]
fn turned_off_it_lets_all_in() {
    for owner in OWNERS() {
        let mut sim = stage(owner, 4);
        for n in 11..=14 {
            sim.want(owner, n);
        }
        let (mut out, now) = (Vec::new(), sim.now);
        sim.scheduler.set_limits(now, limits(20), &mut out);
        assert_eq!(assigned(&out), [C(13), C(14)]);
        assert_eq!(sim.scheduler.alarm(), None);
    }
}

/// What clients and server do with one owner's connections.
#[derive(Default)]
struct Traffic {
    next: u64,
    waiting: Vec<ClientId>,
    used: Vec<ServerId>,
}

impl Traffic {
    fn want(&mut self, sim: &mut Sim, owner: Owner) {
        self.next += 1;
        self.waiting.push(C(self.next));
        let decisions = sim.want(owner, self.next);
        self.carry_out(sim, decisions);
    }

    /// One of those in use comes back, or breaks.
    fn end(&mut self, sim: &mut Sim, owner: Owner, which: u8, breaks: bool) {
        if self.used.is_empty() {
            return;
        }
        let server = self.used.swap_remove(usize::from(which) % self.used.len());
        let mut decisions = sim.on(if breaks { Closing(owner, server) } else { Returned(owner, server) });
        if breaks {
            decisions.extend(sim.on(Closed(owner, server)));
        }
        self.carry_out(sim, decisions);
    }

    fn carry_out(&mut self, sim: &mut Sim, mut decisions: Vec<Decision>) {
        while let Some(decision) = decisions.pop() {
            match decision {
                Assign(client, server) => {
                    assert!(self.waiting.contains(&client) && !self.used.contains(&server));
                    self.waiting.retain(|it| *it != client);
                    self.used.push(server);
                }
                Open(owner, server) => decisions.extend(sim.on(Opened(owner, server))),
                Close(owner, server) => decisions.extend(sim.on(Closed(owner, server))),
                Bind(..) | Fail(_) | Refuse(_) => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the limit is and whenever it changes, nobody waits for ever beside a connection that is idle, or
    /// could be opened.
    #[test]
    fn nobody_waits_for_ever(
        is_shared in any::<bool>(),
        steps in proptest::collection::vec((0_u8..10, any::<u8>()), 0..400),
    ) {
        let owner = if is_shared { Owner::Shared } else { own(tenant(1)) };
        let (mut sim, mut traffic) = (Sim::new(adaptive(6)), Traffic::default());
        for (what, which) in steps {
            sim.now += Duration::from_micros(u64::from(which) * 40);
            match what {
                0..4 => traffic.want(&mut sim, owner),
                4..9 => traffic.end(&mut sim, owner, which, what == 8),
                _ => {
                    sim.scheduler.share(owner).concurrency = Concurrency::learned(usize::from(which) % 5 + 2);
                    traffic.want(&mut sim, owner);
                }
            }
            prop_assert!(sim.scheduler.load().total <= 6);
        }
        // Nothing comes back any more.
        while let Some(alarm) = sim.scheduler.alarm() {
            sim.now = alarm;
            let decisions = sim.on(Due);
            traffic.carry_out(&mut sim, decisions);
        }
        let load = sim.scheduler.load();
        prop_assert!(traffic.waiting.is_empty() || (load.idle == 0 && load.total == 6), "{load:?}");
        prop_assert_eq!(load.waiting, traffic.waiting.len());
    }
}
