use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::tenant::Level;

fn tenant(n: u128) -> TenantId {
    TenantId(Uuid::from_u128(n))
}

fn own(tenant: TenantId) -> Owner {
    Owner::Tenant(tenant)
}

fn limits(total: usize) -> Limits {
    Limits {
        total,
        quota: Quota::UNLIMITED,
        opening: total,
        quantum: Duration::from_millis(100),
        adaptive: false,
    }
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

    fn spares(&mut self, keep: usize) -> Vec<Decision> {
        let mut out = Vec::new();
        self.scheduler.set_spares(keep, self.now, &mut out);
        out
    }

    fn quota(&mut self, tenant: TenantId, quota: Quota) -> Vec<Decision> {
        let mut out = Vec::new();
        self.scheduler.set_quota(self.now, tenant, quota, &mut out);
        out
    }
}

use Decision::{Assign, Bind, Close, Fail, Open, Refuse};
use Event::{
    Bound, Closed, Closing, Due, Forgotten, ForgottenShared, NotBound, OpenFailed, Opened, Returned, Vain,
    Wanted, WantedShared,
};

const C: fn(u64) -> ClientId = ClientId;
const S: fn(u64) -> ServerId = ServerId;

#[test]
fn first_client_opens_a_connection_and_the_next_reuses_it() {
    let (mut sim, a) = (Sim::new(limits(2)), tenant(1));
    assert_eq!(sim.on(Wanted(a, C(1))), [Open(own(a), S(1))]);
    assert_eq!(sim.on(Opened(own(a), S(1))), [Assign(C(1), S(1))]);
    assert_eq!(sim.on(Returned(own(a), S(1))), []);
    assert_eq!(sim.on(Wanted(a, C(2))), [Assign(C(2), S(1))]);
}

#[test]
fn waiters_of_a_tenant_are_served_first_come_first_served() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    sim.on(Wanted(a, C(1)));
    sim.on(Opened(own(a), S(1)));
    sim.on(Wanted(a, C(2)));
    sim.on(Wanted(a, C(3)));
    assert_eq!(sim.on(Returned(own(a), S(1))), [Assign(C(2), S(1))]);
    // Who returns and asks again goes to the end.
    assert_eq!(sim.on(Wanted(a, C(1))), []);
    assert_eq!(sim.on(Returned(own(a), S(1))), [Assign(C(3), S(1))]);
    assert_eq!(sim.on(Returned(own(a), S(1))), [Assign(C(1), S(1))]);
}

#[test]
fn idle_connection_unused_longest_makes_room_for_another_tenant() {
    let (mut sim, a, b, c) = (Sim::new(limits(2)), tenant(1), tenant(2), tenant(3));
    for (t, n) in [(a, 1), (b, 2)] {
        sim.on(Wanted(t, C(n)));
        sim.on(Opened(own(t), S(n)));
    }
    sim.on(Returned(own(b), S(2)));
    sim.on(Returned(own(a), S(1)));
    assert_eq!(sim.on(Wanted(c, C(3))), [Close(own(b), S(2))]);
    // The place is free only when the server has let go of it.
    assert_eq!(sim.on(Closed(own(b), S(2))), [Open(own(c), S(3))]);
    assert_eq!(sim.on(Opened(own(c), S(3))), [Assign(C(3), S(3))]);
}

#[test]
fn owner_that_has_a_connection_leaves_anothers_last_one_alone_while_it_is_in_use_now_and_then() {
    let (mut sim, flood, quiet) = (Sim::new(limits(2)), tenant(1), tenant(2));
    for (t, n) in [(flood, 1), (quiet, 2)] {
        sim.on(Wanted(t, C(n)));
        sim.on(Opened(own(t), S(n)));
    }
    sim.on(Returned(own(quiet), S(2)));
    assert_eq!(sim.on(Wanted(flood, C(3))), []);
    sim.now += Duration::from_millis(900);
    assert_eq!(sim.on(Returned(own(flood), S(1))), [Assign(C(3), S(1))]);
    assert_eq!(sim.on(Wanted(flood, C(4))), []);
    assert_eq!(sim.on(Wanted(quiet, C(5))), [Assign(C(5), S(2))]);
    sim.on(Returned(own(quiet), S(2)));
    sim.now += Duration::from_secs(1);
    assert_eq!(sim.scheduler.alarm(), Some(sim.now));
    assert_eq!(sim.on(Due), [Close(own(quiet), S(2))], "it is not used any more");
    assert_eq!(sim.scheduler.alarm(), None);
}

#[test]
fn owner_that_has_less_than_another_takes_what_that_one_does_not_use_at_once() {
    let (mut sim, a, b) = (Sim::new(limits(3)), tenant(1), tenant(2));
    for n in 1..=2 {
        sim.on(Wanted(a, C(n)));
        sim.on(Opened(own(a), S(n)));
    }
    sim.on(Wanted(b, C(3)));
    sim.on(Opened(own(b), S(3)));
    sim.on(Returned(own(a), S(1)));
    sim.on(Returned(own(a), S(2)));
    assert_eq!(sim.on(Wanted(b, C(4))), [Close(own(a), S(1))]);
}

#[test]
fn flooding_tenant_gives_a_connection_to_one_that_has_none() {
    let (mut sim, flood, quiet) = (Sim::new(limits(2)), tenant(1), tenant(2));
    for n in 1..=10 {
        sim.on(Wanted(flood, C(n)));
    }
    sim.on(Opened(own(flood), S(1)));
    sim.on(Opened(own(flood), S(2)));
    assert_eq!(sim.on(Wanted(quiet, C(99))), []);
    assert_eq!(sim.on(Returned(own(flood), S(1))), [Close(own(flood), S(1))]);
    assert_eq!(sim.on(Closed(own(flood), S(1))), [Open(own(quiet), S(3))]);
    assert_eq!(sim.on(Opened(own(quiet), S(3))), [Assign(C(99), S(3))]);
    assert_eq!(sim.on(Returned(own(flood), S(2))), [Assign(C(3), S(2))]);
}

#[test]
fn last_connection_is_given_up_only_after_the_quantum() {
    let (mut sim, a, b) = (Sim::new(limits(1)), tenant(1), tenant(2));
    for n in 1..=9 {
        sim.on(Wanted(a, C(n)));
    }
    sim.on(Opened(own(a), S(1)));
    sim.on(Wanted(b, C(99)));
    assert_eq!(sim.on(Returned(own(a), S(1))), [Assign(C(2), S(1))]);
    sim.now += Duration::from_millis(100);
    assert_eq!(sim.on(Returned(own(a), S(1))), [Close(own(a), S(1))]);
    assert_eq!(sim.on(Closed(own(a), S(1))), [Open(own(b), S(2))]);
}

#[test]
fn failed_opening_fails_the_waiter_when_nothing_else_can_serve_it() {
    let (mut sim, a) = (Sim::new(limits(2)), tenant(1));
    sim.on(Wanted(a, C(1)));
    assert_eq!(sim.on(OpenFailed(own(a), S(1))), [Fail(C(1))]);
    assert_eq!(sim.scheduler.load(), Load::default());
}

#[test]
fn waiter_that_gave_up_is_not_served() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    sim.on(Wanted(a, C(1)));
    sim.on(Forgotten(a, C(1)));
    assert_eq!(sim.on(Opened(own(a), S(1))), []);
    assert_eq!(sim.scheduler.load(), Load { total: 1, idle: 1, ..Load::default() });
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
    sim.on(Opened(own(a), S(1)));
    assert_eq!([sim.on(Wanted(a, C(2))), sim.on(Wanted(a, C(3)))], [vec![], vec![]]);
    assert_eq!(sim.on(Wanted(a, C(4))), [Refuse(C(4))]);
    assert_eq!(sim.on(Wanted(b, C(5))), [Open(own(b), S(2))]);
    assert_eq!(sim.on(Returned(own(a), S(1))), [Assign(C(2), S(1))]);
    assert_eq!(sim.on(Wanted(a, C(6))), []);
}

#[test]
fn quota_lowered_meanwhile_takes_idle_connections_now_and_busy_ones_when_they_return() {
    let (mut sim, a) = (Sim::new(limits(5)), tenant(1));
    for n in 1..=3 {
        sim.on(Wanted(a, C(n)));
        sim.on(Opened(own(a), S(n)));
    }
    sim.on(Returned(own(a), S(1)));
    let one = Quota { connections: 1, ..Quota::UNLIMITED };
    assert_eq!(sim.quota(a, one), [Close(own(a), S(1))]);
    assert_eq!(sim.on(Returned(own(a), S(2))), [Close(own(a), S(2))]);
    assert_eq!(sim.on(Returned(own(a), S(3))), []);
    assert_eq!(sim.scheduler.load().idle, 1);
    sim.on(Wanted(a, C(4)));
    assert_eq!(sim.on(Wanted(a, C(5))), []);
    assert_eq!(sim.quota(a, Quota::UNLIMITED), [Open(own(a), S(4))], "what waits gets what it may have now");
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
    let mut held: HashMap<ServerId, TenantId> = HashMap::default();
    let mut next = 1000;
    for _ in 0..2000 {
        let mut more = Vec::new();
        for decision in decisions.drain(..) {
            more.extend(match decision {
                Open(Owner::Tenant(t), s) => {
                    held.insert(s, t);
                    sim.on(Opened(own(t), s))
                }
                Close(Owner::Tenant(t), s) => {
                    held.remove(&s);
                    sim.on(Closed(own(t), s))
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
            more = sim.on(Returned(own(t), s));
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
    assert_eq!(sim.on(Wanted(a, C(1))), [Open(own(a), S(1))]);
    assert_eq!(sim.on(Wanted(a, C(2))), []);
    assert_eq!(sim.on(Opened(own(a), S(1))), [Assign(C(1), S(1)), Open(own(a), S(2))]);
}

#[test]
fn broken_connection_is_replaced_for_who_waits() {
    let (mut sim, a) = (Sim::new(limits(1)), tenant(1));
    sim.on(Wanted(a, C(1)));
    sim.on(Opened(own(a), S(1)));
    sim.on(Wanted(a, C(2)));
    assert_eq!(sim.on(Closing(own(a), S(1))), []);
    assert_eq!(sim.on(Closed(own(a), S(1))), [Open(own(a), S(2))]);
}

/// What a pool has and does, as far as random work needs it.
#[derive(Default)]
struct Model {
    busy: Vec<(Owner, ServerId, TenantId)>,
    opening: Vec<(Owner, ServerId)>,
    /// Spares on their way to a tenant.
    binding: Vec<(TenantId, ServerId)>,
    closing: Vec<(Owner, ServerId)>,
    owner: HashMap<ServerId, Owner>,
    /// With the kind of connection that is waited for.
    waiting: VecDeque<(TenantId, ClientId, Level)>,
    caps: HashMap<TenantId, usize>,
    quotas: HashMap<TenantId, Quota>,
    shared_minimum: usize,
    levels: HashMap<TenantId, Level>,
    /// Whether the limits change.
    changes: bool,
    meters: HashMap<TenantId, Meter>,
    next: u64,
}

/// A rate, reckoned in another way than the scheduler does.
struct Meter {
    rate: f64,
    level: f64,
    at: Instant,
    turns: Vec<Instant>,
}

impl Meter {
    fn new(rate: usize, now: Instant, level: f64) -> Self {
        let rate = rate as f64;
        Self { rate, level: level.min(rate), at: now, turns: Vec::new() }
    }

    fn left(&self, now: Instant) -> f64 {
        (self.level + self.rate * (now - self.at).as_secs_f64()).min(self.rate)
    }

    /// One more turn. Whether there were never more, in any time that ends now, than the burst and what came meanwhile.
    fn take(&mut self, now: Instant) -> bool {
        self.level = self.left(now) - 1.0;
        self.at = now;
        self.turns.push(now);
        let due = |from: Instant| self.rate + self.rate * (now - from).as_secs_f64() + 1e-6;
        let mut times = self.turns.iter().enumerate();
        times.all(|(n, from)| (self.turns.len() - n) as f64 <= due(*from))
    }
}

impl Model {
    fn level(&self, tenant: TenantId) -> Level {
        self.levels.get(&tenant).copied().unwrap_or_default()
    }

    fn cap(&self, tenant: TenantId) -> usize {
        self.caps.get(&tenant).copied().unwrap_or(usize::MAX)
    }

    fn wants(&mut self, tenant: TenantId, client: ClientId) -> Event {
        let level = self.level(tenant);
        self.waiting.push_back((tenant, client, level));
        match level {
            Level::Dedicated => Wanted(tenant, client),
            Level::Shared => WantedShared(tenant, client),
        }
    }

    fn event(&mut self, what: u8, which: u8, tenants: u128) -> Option<Event> {
        let index = usize::from(which);
        match what % 6 {
            0 => {
                self.next += 1;
                Some(self.wants(tenant(u128::from(which) % tenants), ClientId(self.next)))
            }
            1 if !self.binding.is_empty() => {
                let (t, s) = self.binding.remove(index % self.binding.len());
                if which % 8 == 7 {
                    self.closing.push((Owner::Spare, s));
                    return Some(NotBound(t, s));
                }
                self.owner.insert(s, own(t));
                Some(Bound(t, s))
            }
            1 if !self.opening.is_empty() => {
                let (o, s) = self.opening.remove(index % self.opening.len());
                if which % 16 == 15 {
                    self.owner.remove(&s);
                    return Some(OpenFailed(o, s));
                }
                Some(Opened(o, s))
            }
            2 if !self.closing.is_empty() => {
                let (o, s) = self.closing.remove(index % self.closing.len());
                self.owner.remove(&s);
                Some(Closed(o, s))
            }
            3 | 4 if !self.busy.is_empty() => {
                let (o, s, t) = self.busy.remove(index % self.busy.len());
                let misplaced = o == own(t) && self.level(t) == Level::Shared;
                if which % 16 == 15 || misplaced {
                    self.closing.push((o, s));
                    return Some(Closing(o, s));
                }
                Some(Returned(o, s))
            }
            5 if which % 8 == 7 && !self.waiting.is_empty() => {
                let (t, c, level) = self.waiting.remove(index % self.waiting.len()).unwrap();
                Some(if level == Level::Shared { ForgottenShared(t, c) } else { Forgotten(t, c) })
            }
            _ => None,
        }
    }

    fn in_use(&self, tenant: TenantId, owner: Owner) -> usize {
        self.busy.iter().filter(|(o, _, t)| (*o, *t) == (owner, tenant)).count()
    }

    /// Whether a tenant has had all the turns that its rate allows, or it is a matter of rounding.
    fn is_held(&self, tenant: TenantId, now: Instant) -> bool {
        self.meters.get(&tenant).is_some_and(|meter| meter.left(now) < 1.0 + 1e-6)
    }

    fn is_idle(&self, server: ServerId) -> bool {
        let away = self.opening.iter().chain(&self.closing).any(|(_, s)| *s == server);
        !away
            && !self.binding.iter().any(|(_, s)| *s == server)
            && !self.busy.iter().any(|(_, s, _)| *s == server)
    }

    fn held(&self, owner: Owner) -> usize {
        let closing = |server: &ServerId| self.closing.iter().any(|(_, s)| s == server);
        let ready = self.owner.iter().filter(|(s, o)| **o == owner && !closing(s)).count();
        ready + self.binding.iter().filter(|(t, _)| own(*t) == owner).count()
    }

    fn minimum(&self, owner: Owner) -> usize {
        match owner {
            Owner::Tenant(tenant) => self.quotas.get(&tenant).map_or(0, |q| q.minimum.min(q.connections)),
            Owner::Shared => self.shared_minimum,
            Owner::Spare => 0,
        }
    }

    /// What is kept for one goes only to one that waits and has none, and where nothing else is idle.
    fn may_go(&self, owner: Owner, server: ServerId) -> Result<(), TestCaseError> {
        if self.held(owner) > self.minimum(owner) {
            return Ok(());
        }
        let has_none = |(t, _, level): &(TenantId, ClientId, Level)| {
            self.held(if *level == Level::Shared { Owner::Shared } else { own(*t) }) == 0
        };
        prop_assert!(self.waiting.iter().any(has_none), "{:?} loses what is kept for it", owner);
        let other = |(s, o): (&ServerId, &Owner)| {
            *s != server && self.is_idle(*s) && self.held(*o) > self.minimum(*o)
        };
        prop_assert!(!self.owner.iter().any(other), "something else is idle");
        Ok(())
    }

    fn set_rate(&mut self, tenant: TenantId, rate: usize, now: Instant) {
        let left = self.meters.remove(&tenant).map_or(f64::MAX, |meter| meter.left(now));
        if rate != usize::MAX {
            self.meters.insert(tenant, Meter::new(rate, now, left));
        }
    }

    fn coming(&self, tenant: TenantId) -> usize {
        let opening = self.opening.iter().filter(|(of, _)| *of == own(tenant)).count();
        opening + self.binding.iter().filter(|(of, _)| *of == tenant).count()
    }

    fn carry_out(&mut self, now: Instant, decision: Decision) -> Result<(), TestCaseError> {
        match decision {
            Bind(t, s) => {
                prop_assert!(self.in_use(t, own(t)) + self.coming(t) < self.cap(t), "tenant's cap exceeded");
                prop_assert_eq!(self.owner[&s], Owner::Spare, "somebody's already");
                let away =
                    self.binding.iter().any(|(_, b)| *b == s) || self.opening.iter().any(|(_, b)| *b == s);
                prop_assert!(!away && !self.closing.iter().any(|(_, b)| *b == s), "bound twice, or gone");
                self.binding.push((t, s));
            }
            Open(o, s) => {
                if let Owner::Tenant(t) = o {
                    prop_assert!(self.in_use(t, o) + self.coming(t) < self.cap(t), "tenant's cap exceeded");
                }
                let spares = self.opening.iter().filter(|(of, _)| *of == Owner::Spare).count();
                prop_assert!(o != Owner::Spare || spares == 0, "two spares opened at once");
                prop_assert!(self.owner.insert(s, o).is_none());
                self.opening.push((o, s));
            }
            Close(o, s) => {
                prop_assert!(!self.busy.iter().any(|(_, b, _)| *b == s), "closed in use");
                self.closing.push((o, s));
            }
            Assign(c, s) => {
                let at = self.waiting.iter().position(|(_, w, _)| *w == c);
                let (t, _, level) = self.waiting.remove(at.expect("assigned to who does not wait")).unwrap();
                let owner = if level == Level::Shared { Owner::Shared } else { own(t) };
                prop_assert_eq!(self.owner[&s], owner, "another's connection");
                prop_assert!(!self.busy.iter().any(|(_, b, _)| *b == s), "owned twice");
                prop_assert!(!self.waiting.iter().any(|(w, o, _)| *w == t && o.0 < c.0), "overtaken");
                let capped = owner == Owner::Shared && self.in_use(t, owner) >= self.cap(t);
                prop_assert!(!capped, "tenant's cap exceeded");
                if let Some(meter) = self.meters.get_mut(&t) {
                    prop_assert!(meter.take(now), "more turns than the rate allows");
                }
                self.busy.push((owner, s, t));
            }
            Fail(c) | Refuse(c) => self.waiting.retain(|(_, w, _)| *w != c),
        }
        Ok(())
    }

    fn check(&self, sim: &Sim, limits: Limits) -> Result<(), TestCaseError> {
        let load = sim.scheduler.load();
        let (opening, closing, busy) = (self.opening.len(), self.closing.len(), self.busy.len());
        // After a change of the budget what is in use may be over it, but nothing that is idle.
        let over = self.changes && load.total - closing > limits.total;
        prop_assert!(
            over || load.total <= limits.total + if self.changes { closing } else { 0 },
            "cap exceeded"
        );
        prop_assert!(!over || load.idle == 0, "idle over the budget");
        prop_assert_eq!(load.total, opening + closing + busy + self.binding.len() + load.idle);
        prop_assert_eq!(load.waiting, self.waiting.len());
        prop_assert!(load.held <= load.waiting);
        prop_assert!(self.changes || opening <= limits.opening);
        // Nobody waits for what is there.
        let idle: Vec<Owner> =
            self.owner.iter().filter(|(s, _)| self.is_idle(**s)).map(|(_, o)| *o).collect();
        let mut shared_need = 0;
        for (t, _, level) in &self.waiting {
            let owner = if *level == Level::Shared { Owner::Shared } else { own(*t) };
            let room = *level == Level::Dedicated || self.in_use(*t, owner) < self.cap(*t);
            let room = room && !self.is_held(*t, sim.now);
            shared_need += usize::from(*level == Level::Shared && room);
            prop_assert!(!room || !idle.contains(&owner), "{:?} waits while a connection is idle", t);
        }
        // A spare stands by only where every place that is needed is being made.
        let spares = idle.iter().filter(|owner| **owner == Owner::Spare).count();
        let waits = sim.scheduler.hungry.len();
        let full = load.total >= limits.total;
        prop_assert!(spares == 0 || !full || closing >= waits, "a spare stands in the way");
        let opens = self.opening.iter().filter(|(o, _)| *o == Owner::Shared).count();
        let could_open = load.total < limits.total && opening < limits.opening;
        prop_assert!(!could_open || shared_need == 0 || opens > 0, "nothing is opened for who waits");
        Ok(())
    }
}

fn other_limits(limits: Limits, (what, which): (u8, u8)) -> Limits {
    let quota = Quota { connections: 1 + usize::from(which / 8) % 4, ..limits.quota };
    Limits { total: 1 + usize::from(what) % 7, opening: 1 + usize::from(which) % 3, quota, ..limits }
}

/// Plays random work against the scheduler as a pool would, and checks what must always hold.
fn play(
    mut limits: Limits,
    (spares, shared_minimum): (usize, usize),
    tenants: u128,
    steps: Vec<(u8, u8)>,
    changes: bool,
) -> Result<(), TestCaseError> {
    let mut sim = Sim::new(limits);
    let mut model = Model { shared_minimum, changes, ..Model::default() };
    sim.scheduler.set_shared_minimum(shared_minimum);
    for decision in sim.spares(spares) {
        model.carry_out(sim.now, decision)?;
    }
    let random = steps.len();
    let steps = steps.into_iter().chain((0..4000).map(|n| (1 + n as u8 % 5, 0)));
    for (nth, (what, which)) in steps.enumerate() {
        sim.now += Duration::from_millis(if nth < random { 10 } else { 50 });
        if sim.scheduler.alarm().is_some_and(|at| at <= sim.now) {
            for decision in sim.on(Due) {
                model.carry_out(sim.now, decision)?;
            }
        }
        let t = tenant(u128::from(which / 8) % tenants);
        let mut decisions = match model.event(what, which, tenants) {
            Some(event) => sim.on(event),
            None if what % 6 == 5 && which % 8 == 6 => {
                let connections = 1 + usize::from(what) % 3;
                model.caps.insert(t, connections);
                let rate = if what % 4 == 3 { usize::MAX } else { 1 + usize::from(what) % 7 };
                model.set_rate(t, rate, sim.now);
                let keeps = what % 4 == 1 && model.level(t) == Level::Dedicated;
                let minimum = if keeps { 1 + usize::from(which / 8) % 4 } else { 0 };
                let weight = 1 + u32::from(what);
                let quota = Quota { connections, waiting: usize::MAX, weight, rate, minimum };
                model.quotas.insert(t, quota);
                sim.quota(t, quota)
            }
            None => sim.on(Due),
        };
        if what % 6 == 5 && which % 8 == 5 {
            sim.scheduler.forgive();
            let level = if model.level(t) == Level::Shared { Level::Dedicated } else { Level::Shared };
            model.levels.insert(t, level);
            if let Some(quota) = model.quotas.get_mut(&t) {
                quota.minimum = 0;
                decisions.extend(sim.quota(t, *quota));
            }
            model.closing.extend(sim.scheduler.take_idle(|owner, _| owner == own(t)));
            let moved = sim.scheduler.take_waiting(t);
            let waited: Vec<_> = model.waiting.iter().filter(|w| w.0 == t).map(|w| w.1).collect();
            prop_assert_eq!(&moved, &waited);
            model.waiting.retain(|w| w.0 != t);
            for client in moved {
                let event = model.wants(t, client);
                for decision in sim.on(event) {
                    model.carry_out(sim.now, decision)?;
                }
            }
        }
        for decision in decisions.drain(..) {
            if let Close(owner, server) = decision
                && !model.changes
            {
                model.may_go(owner, server)?;
            }
            let spare = matches!(decision, Open(Owner::Spare, _));
            prop_assert!(!spare || sim.scheduler.hungry.is_empty(), "a spare before a waiter");
            model.carry_out(sim.now, decision)?;
        }
        if model.changes && what % 6 == 5 && which % 8 == 4 && nth < random {
            limits = other_limits(limits, (what, which));
            let usual: Vec<_> = (0..tenants).map(tenant).filter(|t| !model.quotas.contains_key(t)).collect();
            model.caps.extend(usual.into_iter().map(|t| (t, limits.quota.connections)));
            let mut out = Vec::new();
            sim.scheduler.set_limits(sim.now, limits, &mut out);
            for decision in out {
                model.carry_out(sim.now, decision)?;
            }
        }
        model.check(&sim, limits)?;
    }
    let kept =
        sim.scheduler.shares.keys().filter(|owner| model.held(**owner) < model.minimum(**owner)).count();
    prop_assert!(kept == 0 || sim.scheduler.load().total == limits.total, "less than is to be kept");
    prop_assert!(model.waiting.is_empty(), "starved: {:?} {:?}", model.waiting, sim.scheduler);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn caps_and_rates_hold_nobody_is_owned_twice_overtaken_or_starved(
        total in 1_usize..6,
        tenants in 1_u128..12,
        opening in 1_usize..4,
        spares in 0_usize..4,
        shared_minimum in 0_usize..3,
        steps in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..600),
    ) {
        play(Limits { opening, ..limits(total) }, (spares, shared_minimum), tenants, steps, false)?;
    }

    #[test]
    fn nobody_is_starved_or_owned_twice_where_the_limits_change_and_no_idle_connection_is_over_the_budget(
        total in 1_usize..6,
        tenants in 1_u128..12,
        spares in 0_usize..2,
        steps in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..600),
    ) {
        play(limits(total), (spares, 0), tenants, steps, true)?;
    }
}

mod change;
mod minimum;
mod pause;
mod rate;
mod room;
mod shared;
mod spare;
