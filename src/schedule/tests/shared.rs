//! The shared group: stories, and simulations with a clock of their own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const SHARED: Owner = Owner::Shared;

/// One open shared connection in the hands of this client, and the scheduler.
fn one_connection(tenant: TenantId, client: ClientId) -> Sim {
    let mut sim = Sim::new(limits(1));
    assert_eq!(sim.on(WantedShared(tenant, client)), [Open(SHARED, S(1))]);
    assert_eq!(sim.on(Opened(SHARED, S(1))), [Assign(client, S(1))]);
    sim
}

#[test]
fn connection_goes_from_tenant_to_tenant_without_being_closed() {
    let (a, b) = (tenant(1), tenant(2));
    let mut sim = one_connection(a, C(1));
    assert_eq!(sim.on(WantedShared(b, C(2))), []);
    assert_eq!(sim.on(Returned(SHARED, S(1))), [Assign(C(2), S(1))]);
    assert_eq!(sim.on(Returned(SHARED, S(1))), []);
    assert_eq!(sim.on(WantedShared(a, C(3))), [Assign(C(3), S(1))]);
}

#[test]
fn quiet_tenant_is_served_before_the_second_client_of_a_flood() {
    let (flood, quiet) = (tenant(1), tenant(2));
    let mut sim = one_connection(flood, C(1));
    for n in 2..100 {
        sim.on(WantedShared(flood, C(n)));
    }
    sim.on(WantedShared(quiet, C(200)));
    assert_eq!(sim.on(Returned(SHARED, S(1))), [Assign(C(200), S(1))]);
    assert_eq!(sim.on(Returned(SHARED, S(1))), [Assign(C(2), S(1))]);
}

#[test]
fn idle_connection_that_knows_the_tenant_is_taken_then_a_new_one_then_the_one_unused_longest() {
    let (mut sim, a, b, c) = (Sim::new(limits(3)), tenant(1), tenant(2), tenant(3));
    for (n, t) in [(1, a), (2, b), (3, c)] {
        sim.on(WantedShared(t, C(n)));
    }
    sim.on(ForgottenShared(c, C(3)));
    for n in 1..=2 {
        sim.on(Opened(SHARED, S(n)));
    }
    sim.on(Returned(SHARED, S(2)));
    sim.on(Returned(SHARED, S(1)));
    sim.on(Opened(SHARED, S(3)));
    assert_eq!(sim.on(WantedShared(b, C(4))), [Assign(C(4), S(2))]);
    assert_eq!(sim.on(WantedShared(c, C(5))), [Assign(C(5), S(3))]);
    sim.on(Returned(SHARED, S(2)));
    sim.on(Returned(SHARED, S(3)));
    assert_eq!(sim.on(WantedShared(tenant(4), C(6))), [Assign(C(6), S(1))]);
}

#[test]
fn client_that_prefers_an_idle_connection_gets_it() {
    let (mut sim, a) = (Sim::new(limits(2)), tenant(1));
    for n in 1..=2 {
        sim.on(WantedShared(a, C(n)));
        sim.on(Opened(SHARED, S(n)));
    }
    sim.on(Returned(SHARED, S(1)));
    sim.on(Returned(SHARED, S(2)));
    sim.scheduler.prefer(SHARED, S(1));
    assert_eq!(sim.on(WantedShared(a, C(3))), [Assign(C(3), S(1))]);
    // What is preferred and in use is not waited for, and forgotten.
    sim.scheduler.prefer(SHARED, S(1));
    assert_eq!(sim.on(WantedShared(a, C(4))), [Assign(C(4), S(2))]);
    sim.on(Returned(SHARED, S(2)));
    sim.on(Returned(SHARED, S(1)));
    assert_eq!(sim.on(WantedShared(a, C(5))), [Assign(C(5), S(1))], "the one used last");
}

#[test]
fn tenant_at_its_limit_waits_and_lets_others_pass() {
    let (mut sim, a, b) = (Sim::new(limits(2)), tenant(1), tenant(2));
    sim.quota(a, Quota { connections: 1, waiting: 1, ..Quota::UNLIMITED });
    sim.on(WantedShared(a, C(1)));
    sim.on(Opened(SHARED, S(1)));
    assert_eq!(sim.on(WantedShared(a, C(2))), [], "nothing is opened for who may not have it");
    assert_eq!(sim.on(WantedShared(a, C(3))), [Refuse(C(3))]);
    assert_eq!(sim.on(WantedShared(b, C(4))), [Open(SHARED, S(2))]);
    assert_eq!(sim.on(Opened(SHARED, S(2))), [Assign(C(4), S(2))]);
    assert_eq!(sim.on(Returned(SHARED, S(2))), []);
    assert_eq!(sim.quota(a, Quota::UNLIMITED), [Assign(C(2), S(2))]);
}

#[test]
fn waiter_at_the_limit_gets_an_idle_connection_when_one_of_its_tenant_breaks() {
    let (mut sim, a) = (Sim::new(limits(2)), tenant(1));
    for n in 1..=2 {
        sim.on(WantedShared(a, C(n)));
        sim.on(Opened(SHARED, S(n)));
    }
    sim.on(Returned(SHARED, S(2)));
    sim.quota(a, Quota { connections: 1, ..Quota::UNLIMITED });
    assert_eq!(sim.on(WantedShared(a, C(3))), []);
    assert_eq!(sim.on(Closing(SHARED, S(1))), [Assign(C(3), S(2))]);
}

#[test]
fn failed_opening_fails_the_first_waiter_when_nothing_else_can_serve_it() {
    let (mut sim, a, b) = (Sim::new(Limits { opening: 1, ..limits(2) }), tenant(1), tenant(2));
    sim.on(WantedShared(a, C(1)));
    sim.on(WantedShared(b, C(2)));
    assert_eq!(sim.on(OpenFailed(SHARED, S(1))), [Fail(C(1)), Open(SHARED, S(2))]);
    assert_eq!(sim.on(OpenFailed(SHARED, S(2))), [Fail(C(2))]);
    assert_eq!(sim.scheduler.load(), Load::default());
}

#[test]
fn idle_connections_make_room_for_the_other_kind() {
    let (a, b) = (tenant(1), tenant(2));
    let mut sim = one_connection(a, C(1));
    sim.on(Returned(SHARED, S(1)));
    assert_eq!(sim.on(Wanted(b, C(2))), [Close(SHARED, S(1))]);
    assert_eq!(sim.on(Closed(SHARED, S(1))), [Open(own(b), S(2))]);
    sim.on(Opened(own(b), S(2)));
    sim.on(Returned(own(b), S(2)));
    assert_eq!(sim.on(WantedShared(a, C(3))), [Close(own(b), S(2))]);
    assert_eq!(sim.on(Closed(own(b), S(2))), [Open(SHARED, S(3))]);
}

#[test]
fn busy_group_gives_a_connection_to_a_tenant_that_has_none_after_the_quantum_and_back() {
    let (a, b, quiet) = (tenant(1), tenant(2), tenant(3));
    let mut sim = one_connection(a, C(1));
    sim.on(WantedShared(b, C(2)));
    sim.on(Wanted(quiet, C(3)));
    sim.on(Wanted(quiet, C(4)));
    assert_eq!(sim.on(Returned(SHARED, S(1))), [Assign(C(2), S(1))]);
    sim.on(WantedShared(a, C(5)));
    sim.now += Duration::from_millis(100);
    assert_eq!(sim.on(Returned(SHARED, S(1))), [Close(SHARED, S(1))]);
    assert_eq!(sim.on(Closed(SHARED, S(1))), [Open(own(quiet), S(2))]);
    assert_eq!(sim.on(Opened(own(quiet), S(2))), [Assign(C(3), S(2))]);
    sim.now += Duration::from_millis(100);
    assert_eq!(sim.on(Returned(own(quiet), S(2))), [Close(own(quiet), S(2))]);
    assert_eq!(sim.on(Closed(own(quiet), S(2))), [Open(SHARED, S(3))]);
    assert_eq!(sim.on(Opened(SHARED, S(3))), [Assign(C(5), S(3))]);
}

#[test]
fn waiters_of_either_kind_can_be_taken_out() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    sim.on(Wanted(a, C(1)));
    sim.on(WantedShared(a, C(2)));
    sim.on(WantedShared(a, C(3)));
    assert_eq!(sim.scheduler.waiting(a), 3);
    assert_eq!(sim.scheduler.take_waiting(a), [C(1), C(2), C(3)]);
    assert_eq!(sim.scheduler.waiting(a), 0);
    assert_eq!(sim.on(Opened(own(a), S(1))), []);
}

/// A client that asks, works, thinks, and asks again.
#[derive(Clone, Copy)]
pub(super) struct Habit {
    pub(super) tenant: TenantId,
    pub(super) level: Level,
    pub(super) service: Duration,
    pub(super) think: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Wants(usize),
    Returns(Owner, ServerId),
    IsOpen(Owner, ServerId),
    IsClosed(Owner, ServerId),
    IsDue,
}

/// What came of a tenant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) grants: u32,
    /// Grants of a connection that served the tenant last.
    at_home: u32,
    waited: Duration,
    pub(super) longest: Duration,
}

impl Tally {
    pub(super) fn mean(self) -> Duration {
        self.waited / self.grants.max(1)
    }
}

/// A pool in which time is a number.
pub(super) struct World {
    pub(super) sim: Sim,
    began: Instant,
    clients: Vec<Habit>,
    agenda: BinaryHeap<Reverse<(Instant, u64, Next)>>,
    count: u64,
    asked: Vec<Instant>,
    served: HashMap<ServerId, TenantId>,
    held: HashMap<ServerId, Owner>,
    tallies: HashMap<TenantId, Tally>,
    random: u64,
    alarm: Option<Instant>,
}

impl World {
    pub(super) fn new(limits: Limits, clients: Vec<Habit>) -> Self {
        let sim = Sim::new(limits);
        let began = sim.now;
        let mut world = Self {
            sim,
            began,
            asked: vec![began; clients.len()],
            clients,
            agenda: BinaryHeap::new(),
            count: 0,
            served: HashMap::default(),
            held: HashMap::default(),
            tallies: HashMap::default(),
            random: 88_172_645_463_325_252,
            alarm: None,
        };
        for client in 0..world.clients.len() {
            let after = world.about(world.clients[client].think);
            world.plan(after, Next::Wants(client));
        }
        world
    }

    fn plan(&mut self, after: Duration, next: Next) {
        self.count += 1;
        self.agenda.push(Reverse((self.sim.now + after, self.count, next)));
    }

    /// Between nothing and twice as much.
    fn about(&mut self, time: Duration) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        time * (self.random % 2001) as u32 / 1000
    }

    pub(super) fn run(&mut self, millis: u64) {
        let end = self.began + Duration::from_millis(millis);
        while let Some(Reverse((at, _, next))) = self.agenda.pop() {
            if at > end {
                self.agenda.push(Reverse((at, 0, next)));
                return;
            }
            self.sim.now = at;
            let event = match next {
                Next::Wants(client) => {
                    self.asked[client] = at;
                    let Habit { tenant, level, .. } = self.clients[client];
                    let client = ClientId(client as u64);
                    if level == Level::Shared { WantedShared(tenant, client) } else { Wanted(tenant, client) }
                }
                Next::Returns(owner, server) => Returned(owner, server),
                Next::IsOpen(owner, server) => Opened(owner, server),
                Next::IsClosed(owner, server) => Closed(owner, server),
                Next::IsDue => Due,
            };
            for decision in self.sim.on(event) {
                self.carry_out(decision);
            }
            let alarm = self.sim.scheduler.alarm();
            if let Some(at) = alarm.filter(|at| self.alarm.is_none_or(|set| set <= self.sim.now || *at < set))
            {
                self.plan(at - self.sim.now, Next::IsDue);
                self.alarm = alarm;
            }
        }
    }

    fn carry_out(&mut self, decision: Decision) {
        match decision {
            Open(owner, server) => {
                self.held.insert(server, owner);
                self.plan(Duration::from_millis(5), Next::IsOpen(owner, server));
            }
            Close(owner, server) => {
                self.held.remove(&server);
                self.plan(Duration::from_millis(1), Next::IsClosed(owner, server));
            }
            Assign(ClientId(client), server) => {
                let client = client as usize;
                let Habit { tenant, service, think, .. } = self.clients[client];
                let waited = self.sim.now - self.asked[client];
                let tally = self.tallies.entry(tenant).or_default();
                tally.grants += 1;
                tally.waited += waited;
                tally.longest = tally.longest.max(waited);
                tally.at_home += u32::from(self.served.insert(server, tenant) == Some(tenant));
                let (service, think) = (self.about(service), self.about(think));
                let owner = self.held[&server];
                self.plan(service, Next::Returns(owner, server));
                self.plan(service + think, Next::Wants(client));
            }
            Fail(_) | Refuse(_) | Bind(..) => panic!("{decision:?}"),
        }
    }

    pub(super) fn tally(&self, n: u128) -> Tally {
        self.tallies.get(&tenant(n)).copied().unwrap_or_default()
    }

    /// Forgets what was counted.
    pub(super) fn settle(&mut self) {
        self.tallies.clear();
    }

    fn held_by(&self, owner: Owner) -> usize {
        self.held.values().filter(|of| **of == owner).count()
    }
}

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;

pub(super) fn habit(n: u128, service: Duration, think: Duration) -> Habit {
    Habit { tenant: tenant(n), level: Level::Shared, service, think }
}

#[test]
fn tenants_are_served_in_proportion_to_their_weights() {
    let clients = (0..40).map(|n| habit(n % 2, MS(1), Duration::ZERO)).collect();
    for (total, weight, at_least, at_most) in [(1, 300, 2.9, 3.1), (4, 300, 2.8, 3.2), (4, 100, 0.97, 1.03)] {
        let mut world = World::new(limits(total), Vec::clone(&clients));
        world.sim.quota(tenant(1), Quota { weight, ..Quota::UNLIMITED });
        world.run(1500);
        let ratio = f64::from(world.tally(1).grants) / f64::from(world.tally(0).grants);
        assert!((at_least..at_most).contains(&ratio), "{total} connections, weight {weight}: {ratio}");
    }
}

#[test]
fn flood_of_one_tenant_delays_quiet_ones_by_about_one_transaction() {
    let quiet = (1..=20).map(|n| habit(n, MS(5), MS(200)));
    let flood = (0..200).map(|_| habit(0, MS(10), Duration::ZERO));
    let mut calm = World::new(limits(10), quiet.clone().collect());
    let mut world = World::new(limits(10), quiet.chain(flood).collect());
    for world in [&mut calm, &mut world] {
        world.run(1000);
        world.settle();
        world.run(10_000);
    }
    for n in 1..=20 {
        let tally = world.tally(n);
        assert!(tally.mean() < MS(4) && tally.longest < MS(20), "{n}: {tally:?}");
    }
    let work = |world: &World| (1..=20).map(|n| world.tally(n).grants).sum::<u32>();
    assert!(work(&world) * 100 > work(&calm) * 95, "{} and without the flood {}", work(&world), work(&calm));
    assert!(world.tally(0).mean() > MS(150), "all of the waiting is the flood's own");
}

#[test]
fn limit_of_a_tenant_keeps_room_for_others_besides_its_long_transactions() {
    let quiet = (1..=20).map(|n| habit(n, MS(5), MS(200)));
    let flood = (0..50).map(|_| habit(0, MS(2000), Duration::ZERO));
    let mut world = World::new(limits(10), quiet.chain(flood).collect());
    world.sim.quota(tenant(0), Quota { connections: 7, ..Quota::UNLIMITED });
    world.run(10_000);
    assert!((1..=20).all(|n| world.tally(n).mean() < MS(1)), "{:?}", world.tallies);
    assert!(world.tally(0).grants > 25, "{:?}", world.tally(0));
}

#[test]
fn thousands_of_tenants_share_a_few_dozen_connections() {
    // 4000 tenants, one client each, as much work as 40 of 50 connections can do.
    let clients = (0..4000).map(|n| habit(n, MS(2), MS(198))).collect();
    let mut world = World::new(limits(50), clients);
    world.run(500);
    world.settle();
    world.run(2000);
    assert!(world.held_by(SHARED) <= 50);
    let all: Vec<Tally> = (0..4000).map(|n| world.tally(n)).collect();
    assert!(all.iter().all(|tally| tally.grants > 1 && tally.longest < MS(20)));
}

#[test]
fn where_few_tenants_do_most_of_the_work_the_many_do_not_wait_for_them() {
    // Clients by Zipf's law: tenant n has 1500/n of them, and there is twice as much work as can be done.
    let clients = (1..=1500_u128)
        .flat_map(|n| {
            (0..(1500 / n).max(1)).map(move |_| habit(n, MS(2), if n <= 3 { MS(5) } else { MS(500) }))
        })
        .collect();
    let mut world = World::new(limits(30), clients);
    world.run(1000);
    world.settle();
    world.run(2000);
    let (head, tail) = (world.tally(1).mean(), (1000..1500).map(|n| world.tally(n).longest).max().unwrap());
    assert!(head > MS(50) && tail < MS(15), "head {head:?}, tail {tail:?}");
}

#[test]
fn tenants_come_back_to_the_connection_they_had() {
    let clients = (0..30).map(|n| habit(n, MS(10), MS(1))).collect();
    let mut world = World::new(limits(40), clients);
    world.run(500);
    // There are as many connections as tenants now, and it becomes quiet.
    world.clients.iter_mut().for_each(|client| client.think = MS(50));
    world.run(1000);
    world.settle();
    world.run(5000);
    let (grants, home) = world.tallies.values().fold((0, 0), |(g, h), t| (g + t.grants, h + t.at_home));
    assert!(home * 10 > grants * 9, "{home} of {grants}");
}

#[test]
fn group_and_tenants_of_their_own_share_the_budget_by_the_weights_of_the_tenants() {
    let shared = (0..100).map(|n| habit(n % 10, MS(2), Duration::ZERO));
    let own_ones =
        (0..100).map(|n| Habit { level: Level::Dedicated, ..habit(100 + n % 5, MS(2), Duration::ZERO) });
    let mut world = World::new(limits(30), shared.chain(own_ones).collect());
    world.run(2000);
    let held: Vec<_> = (100..105).map(|n| world.held_by(own(tenant(n)))).collect();
    assert!((19..=21).contains(&world.held_by(SHARED)), "{} {held:?}", world.held_by(SHARED));
    assert!(held.iter().all(|held| (1..=3).contains(held)), "{held:?}");
}

#[test]
fn group_that_is_due_nearly_all_is_not_left_with_one_connection() {
    let shared = (0..100).map(|n| habit(n % 50, MS(2), Duration::ZERO));
    let own_ones =
        (0..10).map(|n| Habit { level: Level::Dedicated, ..habit(100 + n % 5, MS(2), Duration::ZERO) });
    let mut world = World::new(limits(5), own_ones.chain(shared).collect());
    world.run(5000);
    let grants = |range: std::ops::Range<u128>| range.map(|n| world.tally(n).grants).sum::<u32>();
    let (shared, own_ones) = (grants(0..50), grants(100..105));
    assert!(shared > own_ones, "{shared} and {own_ones}");
    assert!((100..105).all(|n| world.tally(n).grants > 50), "{:?}", world.tallies);
}

#[test]
fn flood_of_a_shared_tenant_does_not_delay_a_quiet_tenant_with_a_connection_of_its_own() {
    let flood = (0..200).map(|n| habit(n % 20, MS(5), Duration::ZERO));
    let quiet = Habit { level: Level::Dedicated, ..habit(100, MS(5), MS(100)) };
    let mut world = World::new(limits(10), flood.chain([quiet]).collect());
    world.run(5000);
    // Its first connection comes after the quantum; it keeps it, but for when it is idle.
    let tally = world.tally(100);
    assert!(tally.mean() < MS(120) && tally.longest < MS(250), "{tally:?}");
}
