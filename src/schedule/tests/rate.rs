//! Rates: stories of single turns, and simulations.

use super::shared::{Habit, MS, World, habit};
use super::*;

const SHARED: Owner = Owner::Shared;

fn rate(rate: usize) -> Quota {
    Quota { rate, ..Quota::UNLIMITED }
}

impl Sim {
    /// Time passes, and the scheduler is told when it asked for that.
    fn pass(&mut self, time: Duration) -> Vec<Decision> {
        let end = self.now + time;
        let mut decisions = Vec::new();
        while let Some(at) = self.scheduler.alarm().filter(|at| *at <= end) {
            assert!(at > self.now, "an alarm for what is past");
            self.now = at;
            decisions.extend(self.on(Due));
        }
        self.now = end;
        decisions
    }
}

/// Either kind of connection, with the events of the tenant's clients.
const LEVELS: [Level; 2] = [Level::Dedicated, Level::Shared];

fn wanted(level: Level, tenant: TenantId, client: u64) -> Event {
    if level == Level::Shared { WantedShared(tenant, C(client)) } else { Wanted(tenant, C(client)) }
}

fn owner(level: Level, tenant: TenantId) -> Owner {
    if level == Level::Shared { SHARED } else { own(tenant) }
}

/// A tenant with a rate that had so many turns, over one connection, which is idle.
fn after_turns(level: Level, per_second: usize, turns: u64) -> (Sim, TenantId) {
    let (mut sim, a) = (Sim::new(limits(4)), tenant(1));
    sim.quota(a, rate(per_second));
    for n in 1..=turns {
        sim.on(wanted(level, a, n));
        if n == 1 {
            sim.on(Opened(owner(level, a), S(1)));
        }
        assert_eq!(sim.on(Returned(owner(level, a), S(1))), []);
    }
    (sim, a)
}

#[test]
fn after_a_burst_of_one_second_a_tenant_has_its_turns_at_its_rate() {
    for level in LEVELS {
        let (mut sim, a) = after_turns(level, 5, 5);
        assert_eq!(sim.scheduler.alarm(), None, "nobody waits");
        for n in 10..13 {
            assert_eq!(sim.on(wanted(level, a, n)), []);
        }
        assert_eq!(sim.scheduler.rate_waited_for(a), Some(5));
        assert_eq!(sim.scheduler.load(), Load { total: 1, idle: 1, waiting: 3, held: 3, spaced: 0 });
        assert_eq!(sim.pass(MS(199)), []);
        assert_eq!(sim.pass(MS(1)), [Assign(C(10), S(1))]);
        sim.on(Returned(owner(level, a), S(1)));
        assert_eq!(sim.pass(MS(200)), [Assign(C(11), S(1))]);
        assert_eq!(sim.on(Returned(owner(level, a), S(1))), []);
        assert_eq!(sim.pass(MS(200)), [Assign(C(12), S(1))]);
        assert_eq!(sim.scheduler.alarm(), None);
    }
}

#[test]
fn who_waits_for_its_rate_holds_nothing_and_nothing_is_opened_for_it() {
    for level in LEVELS {
        let (mut sim, a) = after_turns(level, 1, 1);
        let b = tenant(2);
        for n in 10..20 {
            assert_eq!(sim.on(wanted(level, a, n)), []);
        }
        let one = if level == Level::Shared { Assign(C(30), S(1)) } else { Open(own(b), S(2)) };
        assert_eq!(sim.on(wanted(level, b, 30)), [one], "another tenant has its turn at once");
    }
}

#[test]
fn idle_connection_of_who_waits_for_its_rate_makes_room_for_others() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    sim.quota(a, rate(1));
    sim.on(Wanted(a, C(1)));
    sim.on(Opened(own(a), S(1)));
    sim.on(Wanted(a, C(2)));
    sim.on(Wanted(tenant(2), C(3)));
    assert_eq!(sim.on(Returned(own(a), S(1))), [Close(own(a), S(1))]);
    assert_eq!(sim.on(Closed(own(a), S(1))), [Open(own(tenant(2)), S(2))]);
    sim.on(Opened(own(tenant(2)), S(2)));
    sim.on(Returned(own(tenant(2)), S(2)));
    assert_eq!(sim.pass(MS(1000)), [Close(own(tenant(2)), S(2))], "and gets room when it may have a turn");
}

#[test]
fn what_waited_for_a_connection_is_no_burst_afterwards() {
    for level in LEVELS {
        let (mut sim, a) = (Sim::new(limits(20)), tenant(1));
        sim.quota(a, rate(2));
        for n in 1..=10 {
            sim.on(wanted(level, a, n));
        }
        // The connections take ten seconds to open.
        assert_eq!(sim.pass(MS(10_000)), []);
        let mut given = 0;
        for n in 1..=2 {
            let decisions = sim.on(Opened(owner(level, a), S(n)));
            given += decisions.iter().filter(|decision| matches!(decision, Assign(..))).count();
        }
        assert_eq!(given, 2);
        assert_eq!(sim.on(Returned(owner(level, a), S(1))), []);
        assert_eq!(sim.pass(MS(500)), [Assign(C(3), S(1))]);
    }
}

#[test]
fn queue_of_who_waits_for_its_rate_is_no_longer_than_others() {
    for level in LEVELS {
        let (mut sim, a) = after_turns(level, 1, 1);
        sim.quota(a, Quota { waiting: 2, ..rate(1) });
        assert_eq!([sim.on(wanted(level, a, 10)), sim.on(wanted(level, a, 11))], [vec![], vec![]]);
        assert_eq!(sim.on(wanted(level, a, 12)), [Refuse(C(12))]);
    }
}

#[test]
fn rate_changes_while_clients_wait_for_it() {
    for level in LEVELS {
        let (mut sim, a) = after_turns(level, 1, 1);
        let conn = owner(level, a);
        for n in 10..20 {
            sim.on(wanted(level, a, n));
        }
        assert_eq!(sim.quota(a, rate(100)), []);
        assert_eq!(sim.pass(MS(9)), []);
        assert_eq!(sim.pass(MS(1)), [Assign(C(10), S(1))]);
        assert_eq!(sim.on(Returned(conn, S(1))), []);
        assert_eq!(sim.quota(a, rate(1)), []);
        assert_eq!(sim.pass(MS(999)), []);
        assert_eq!(sim.pass(MS(1)), [Assign(C(11), S(1))]);
        assert_eq!(sim.on(Returned(conn, S(1))), []);
        let decisions = sim.quota(a, Quota::UNLIMITED);
        assert_eq!(decisions[0], Assign(C(12), S(1)), "{decisions:?}");
        assert!(decisions[1..].iter().all(|decision| matches!(decision, Open(..))) && decisions.len() == 4);
        assert_eq!((sim.scheduler.alarm(), sim.scheduler.load().held), (None, 0));
        assert_eq!(sim.on(Returned(conn, S(1))), [Assign(C(13), S(1))]);
        // A rate that comes while clients wait for a connection begins with its burst.
        sim.quota(a, rate(2));
        for n in 14..16 {
            assert_eq!(sim.on(Returned(conn, S(1))), [Assign(C(n), S(1))]);
        }
        assert_eq!(sim.on(Returned(conn, S(1))), []);
        assert_eq!(sim.pass(MS(500)), [Assign(C(16), S(1))]);
    }
}

#[test]
fn turn_that_was_in_vain_does_not_count() {
    for level in LEVELS {
        let (mut sim, a) = after_turns(level, 1, 0);
        sim.on(wanted(level, a, 1));
        sim.on(Opened(owner(level, a), S(1)));
        assert_eq!(sim.on(wanted(level, a, 2)), []);
        sim.on(Returned(owner(level, a), S(1)));
        assert_eq!(sim.on(Vain(a)), [Assign(C(2), S(1))]);
        assert_eq!(sim.on(Vain(a)), []);
        assert_eq!(sim.on(Vain(a)), []);
        sim.on(Returned(owner(level, a), S(1)));
        assert_eq!(sim.on(wanted(level, a, 3)), [Assign(C(3), S(1))]);
        sim.on(Returned(owner(level, a), S(1)));
        assert_eq!(sim.on(wanted(level, a, 4)), [], "it was put back once");
    }
}

#[test]
fn tenant_has_one_rate_for_both_kinds_of_connection() {
    let (mut sim, a) = after_turns(Level::Shared, 2, 1);
    assert_eq!(sim.on(Wanted(a, C(10))), [Open(own(a), S(2))]);
    assert_eq!(sim.on(Opened(own(a), S(2))), [Assign(C(10), S(2))]);
    assert_eq!([sim.on(WantedShared(a, C(11))), sim.on(Wanted(a, C(12)))], [vec![], vec![]]);
    assert_eq!(sim.scheduler.take_waiting(a), [C(12), C(11)]);
    assert_eq!(sim.pass(MS(5000)), []);
}

#[test]
fn failed_opening_fails_who_has_a_turn_and_nobody_who_waits_for_its_rate() {
    let (mut sim, a) = after_turns(Level::Dedicated, 1, 0);
    sim.on(Wanted(a, C(1)));
    sim.on(Opened(own(a), S(1)));
    sim.on(Wanted(a, C(2)));
    assert_eq!(sim.pass(MS(1000)), [Open(own(a), S(2))]);
    assert_eq!(sim.on(Returned(own(a), S(1))), [Assign(C(2), S(1))]);
    sim.on(Wanted(a, C(3)));
    sim.on(Closing(own(a), S(1)));
    assert_eq!(sim.on(OpenFailed(own(a), S(2))), []);
    assert_eq!(sim.pass(MS(1000)), [Open(own(a), S(3))]);
    assert_eq!(sim.on(OpenFailed(own(a), S(3))), [Fail(C(3))]);
}

#[test]
fn bucket_is_not_forgotten_before_who_waits_has_its_turn() {
    for level in LEVELS {
        // At this rate the bucket is full when it holds a turn.
        let (mut sim, a) = after_turns(level, 1, 1);
        let b = tenant(2);
        sim.quota(b, rate(10));
        assert_eq!(sim.on(wanted(level, a, 10)), []);
        sim.now += MS(1000);
        // Another comes before the scheduler is told the time.
        let decisions = sim.on(wanted(level, b, 20));
        assert_eq!(decisions.len(), 1, "{decisions:?}");
        if let [Open(owner, server)] = decisions[..] {
            sim.on(Opened(owner, server));
        }
        let mut decisions = sim.on(Due);
        if level == Level::Shared {
            decisions.extend(sim.on(Returned(SHARED, S(1))));
        }
        assert!(decisions.contains(&Assign(C(10), S(1))), "{decisions:?}");
        assert_eq!(sim.scheduler.alarm(), None);
    }
}

#[test]
fn nothing_is_kept_of_tenants_with_a_rate_that_are_gone() {
    let mut sim = Sim::new(Limits { quota: rate(3), ..limits(1) });
    sim.on(WantedShared(tenant(0), C(0)));
    sim.on(Opened(SHARED, S(1)));
    for n in 1..2000 {
        sim.on(Returned(SHARED, S(1)));
        sim.now += MS(10);
        assert_eq!(sim.on(WantedShared(tenant(n), C(n as u64))), [Assign(C(n as u64), S(1))]);
        // One that waits, and gives up.
        sim.on(WantedShared(tenant(n), C(100_000)));
        sim.on(ForgottenShared(tenant(n), C(100_000)));
    }
    sim.pass(MS(1000));
    sim.on(Returned(SHARED, S(1)));
    sim.on(WantedShared(tenant(0), C(0)));
    assert_eq!(sim.scheduler.rates.size(), (1, 0, 1));
}

#[test]
fn most_kept_is_of_one_second() {
    let mut sim = Sim::new(Limits { quota: rate(3), ..limits(1) });
    sim.on(WantedShared(tenant(0), C(0)));
    sim.on(Opened(SHARED, S(1)));
    for n in 1..1000 {
        sim.on(Returned(SHARED, S(1)));
        sim.now += MS(10);
        sim.on(WantedShared(tenant(n), C(n as u64)));
        assert!(sim.scheduler.rates.size().0 <= 101);
    }
}

/// What a flooding tenant with a rate gets in ten seconds, and the longest and mean waits of quiet tenants beside it.
fn beside_a_flood(level: Level, flood: Quota) -> (u32, Duration, Duration) {
    let quiet = (1..=20).map(|n| Habit { level, ..habit(n, MS(5), MS(200)) });
    let clients = (0..200).map(|_| Habit { level, ..habit(0, MS(10), Duration::ZERO) });
    let mut world = World::new(limits(40), quiet.chain(clients).collect());
    world.sim.quota(tenant(0), flood);
    world.run(2000);
    world.settle();
    world.run(12_000);
    let all: Vec<_> = (1..=20).map(|n| world.tally(n)).collect();
    let longest = all.iter().map(|tally| tally.longest).max().unwrap();
    (world.tally(0).grants, longest, all.iter().map(|tally| tally.mean()).max().unwrap())
}

#[test]
fn flood_gets_its_rate_and_delays_nobody() {
    for level in LEVELS {
        let (grants, longest, mean) = beside_a_flood(level, rate(50));
        assert!((499..=501).contains(&grants), "{level:?}: {grants}");
        assert!(longest <= MS(10) && mean < MS(1), "{level:?}: {longest:?} {mean:?}");
    }
}

#[test]
fn what_a_rate_leaves_is_used_by_others() {
    for level in LEVELS {
        let grants = [false, true].map(|limited| {
            let flood = |n| (0..50).map(move |_| Habit { level, ..habit(n, MS(10), Duration::ZERO) });
            let clients = flood(1).chain(flood(2).filter(|_| limited)).collect();
            let mut world = World::new(limits(10), clients);
            world.sim.quota(tenant(2), rate(20));
            world.run(2000);
            world.settle();
            world.run(12_000);
            let of_limited = world.tally(2).grants;
            assert!(
                if limited { (195..=201).contains(&of_limited) } else { of_limited == 0 },
                "{of_limited}"
            );
            world.tally(1).grants + of_limited
        });
        // A tenant of its own connections keeps one of the ten that it uses now and then.
        let part = if level == Level::Shared { 95 } else { 90 };
        assert!(grants[1] * 100 >= grants[0] * part, "{level:?}: {grants:?}");
    }
}

#[test]
fn tenants_that_wait_for_their_rate_weigh_nothing() {
    let held = (0..100).map(|n| habit(1 + n % 50, MS(10), Duration::ZERO));
    let floods = (0..20).flat_map(|_| {
        let flood = habit(0, MS(10), Duration::ZERO);
        [flood, Habit { level: Level::Dedicated, ..habit(100, MS(10), Duration::ZERO) }]
    });
    let mut world = World::new(limits(10), held.chain(floods).collect());
    (1..=50).for_each(|n| drop(world.sim.quota(tenant(n), rate(1))));
    world.run(4000);
    world.settle();
    world.run(8000);
    let [shared, own_one] = [0, 100].map(|n| world.tally(n).grants);
    assert!(own_one * 100 > shared * 70, "{shared} {own_one}");
}

#[test]
fn hundreds_of_tenants_with_a_rate_each_get_it_over_a_few_connections() {
    let clients = (0..1000).map(|n| habit(n % 250, MS(4), MS(1))).collect();
    let mut world = World::new(Limits { quota: rate(10), ..limits(20) }, clients);
    world.run(3000);
    world.settle();
    world.run(13_000);
    let grants: Vec<_> = (0..250).map(|n| world.tally(n).grants).collect();
    assert!(grants.iter().all(|grants| (97..=101).contains(grants)), "{grants:?}");
}
