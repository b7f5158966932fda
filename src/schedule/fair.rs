//! [`FairQueue`]: whose turn it is among the tenants that share server connections.
//!
//! Start-time fair queueing by tenant. A turn costs its tenant one unit of virtual time divided by its weight;
//! who has the earliest virtual start goes next. A tenant that comes back from being idle, or from its own limit,
//! starts now, so that it saves nothing up, and not before what it has had is over, so that it gains nothing by
//! coming and going. Within a tenant it is first come, first served. Who waits for nothing but its own rate
//! (`rate.rs`) takes no part until it is allowed a turn, and starts then.

use std::collections::{BTreeSet, VecDeque};

use foldhash::HashMap;

use crate::schedule::{ClientId, Quota};
use crate::tenant::TenantId;

/// Virtual time of one turn at weight 1. Large for the sake of large weights; a tenant of weight 1 that takes a
/// hundred thousand turns a second without a pause still needs years to use `u64` up.
const TURN: u64 = 1 << 20;

/// A place in the order of turns: the virtual start, then who waits longest without a turn of its tenant.
type Place = (u64, u64);

/// Whose turn it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) tenant: TenantId,
    pub(super) client: ClientId,
    /// Whether the tenant has a rate.
    pub(super) metered: bool,
}

/// One tenant.
#[derive(Debug)]
struct Line {
    quota: Quota,
    /// Turns it may have by its rate; `usize::MAX` where it has none.
    allowed: usize,
    /// With the time of arrival.
    waiting: VecDeque<(u64, ClientId)>,
    /// Connections in use.
    serving: usize,
    /// Virtual time at which what it has had is over.
    finish: u64,
    /// When it last had a turn.
    turn: u64,
    /// What the sums and orders of the queue hold of it.
    counted: Counted,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    need: usize,
    weight: u64,
    place: Option<Place>,
    /// Its entry in `resting`.
    rest: Option<u64>,
}

impl Line {
    /// Whether it takes part in the sharing.
    fn is_active(&self) -> bool {
        self.serving > 0 || (!self.waiting.is_empty() && self.allowed > 0)
    }

    fn is_unused(&self) -> bool {
        self.serving == 0 && self.waiting.is_empty()
    }

    const fn cost(&self) -> u64 {
        TURN / self.quota.weight()
    }

    const fn room(&self) -> usize {
        let free = self.quota.connections.saturating_sub(self.serving);
        if free < self.allowed { free } else { self.allowed }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    lines: HashMap<TenantId, Line>,
    /// Tenants with a waiter that may be served.
    ready: BTreeSet<(Place, TenantId)>,
    /// Tenants without clients whose `finish` is still to come.
    resting: BTreeSet<(u64, TenantId)>,
    /// Virtual time.
    now: u64,
    /// Clients that wait and may be served.
    need: usize,
    /// All clients that wait.
    waiting: usize,
    /// Of the tenants that are served, or wait for more than their rate.
    weight: u64,
    /// Who was first when another was preferred: that happens to nobody twice.
    passed: Option<(Place, TenantId)>,
}

impl FairQueue {
    /// Clients that could be served if there were connections enough.
    pub(super) const fn need(&self) -> usize {
        self.need
    }

    /// The tenants that are served, wait, or rest.
    pub(super) fn tenants(&self) -> impl Iterator<Item = TenantId> {
        self.lines.keys().copied()
    }

    /// All clients that wait, also those of tenants at their limit.
    pub(super) const fn len(&self) -> usize {
        self.waiting
    }

    /// Of the tenants that are served, or wait for more than their rate.
    pub(super) const fn weight(&self) -> u64 {
        self.weight
    }

    /// Since when the client waits whose turn is next, or since its tenant last had a turn.
    pub(super) fn first_since(&self) -> Option<u64> {
        self.ready.first().map(|((_, since), _)| *since)
    }

    /// How many clients of the tenant wait.
    pub(super) fn waiting(&self, tenant: TenantId) -> usize {
        self.lines.get(&tenant).map_or(0, |line| line.waiting.len())
    }

    /// How many connections serve the tenant.
    pub(super) fn serving(&self, tenant: TenantId) -> usize {
        self.lines.get(&tenant).map_or(0, |line| line.serving)
    }

    /// Whether the tenant may have one more connection, as far as is known of it here.
    pub(super) fn has_room(&self, tenant: TenantId, quota: Quota) -> bool {
        self.lines.get(&tenant).map_or(quota.connections > 0, |line| line.room() > 0)
    }

    /// A client waits from now on.
    pub(super) fn push(&mut self, tenant: TenantId, quota: Quota, client: ClientId, arrival: u64) {
        let (waiting, counted) = (VecDeque::new(), Counted::default());
        let line = self.lines.entry(tenant).or_insert(Line {
            quota,
            allowed: usize::MAX,
            waiting,
            serving: 0,
            finish: 0,
            turn: 0,
            counted,
        });
        line.waiting.push_back((arrival, client));
        self.waiting += 1;
        self.settle(tenant);
    }

    /// A client waits no more.
    pub(super) fn forget(&mut self, tenant: TenantId, client: ClientId) {
        let Some(line) = self.lines.get_mut(&tenant) else { return };
        let before = line.waiting.len();
        line.waiting.retain(|(_, waiting)| *waiting != client);
        self.waiting -= before - line.waiting.len();
        self.settle(tenant);
    }

    /// Takes out all clients of the tenant that wait.
    pub(super) fn take(&mut self, tenant: TenantId) -> Vec<ClientId> {
        let Some(line) = self.lines.get_mut(&tenant) else { return Vec::new() };
        let taken: Vec<_> = line.waiting.drain(..).map(|(_, client)| client).collect();
        self.waiting -= taken.len();
        self.settle(tenant);
        taken
    }

    /// Takes out the client whose turn is next, without giving it its turn.
    pub(super) fn take_first(&mut self) -> Option<ClientId> {
        let (_, tenant) = *self.ready.first()?;
        let (_, client) = self.lines.get_mut(&tenant)?.waiting.pop_front()?;
        self.waiting -= 1;
        self.settle(tenant);
        Some(client)
    }

    /// Gives the next client its turn, at this time. The connection that is free has last served a client of `home`: that
    /// tenant is preferred where it is less than one turn of its own behind who is first.
    pub(super) fn next(&mut self, clock: u64, home: Option<TenantId>) -> Option<Turn> {
        let first = *self.ready.first()?;
        let tenant = home.filter(|home| self.may_pass(*home, first)).unwrap_or(first.1);
        if tenant != first.1 {
            self.passed = Some(first);
        }
        let line = self.lines.get_mut(&tenant)?;
        let (_, client) = line.waiting.pop_front()?;
        let metered = line.quota.is_metered();
        let place = line.counted.place.take()?;
        line.serving += 1;
        line.turn = clock;
        line.finish = place.0.saturating_add(line.cost());
        self.ready.remove(&(place, tenant));
        self.waiting -= 1;
        // Not that of who was preferred: the others would lose what they are ahead of it.
        self.now = self.now.max(first.0.0);
        self.settle(tenant);
        self.wake_rested();
        Some(Turn { tenant, client, metered })
    }

    fn may_pass(&self, home: TenantId, first: (Place, TenantId)) -> bool {
        let Some(line) = self.lines.get(&home) else { return false };
        let behind = line.counted.place.map(|place| place.0 - first.0.0);
        self.passed != Some(first) && behind.is_some_and(|behind| behind < line.cost())
    }

    /// The tenant uses one connection less.
    pub(super) fn release(&mut self, tenant: TenantId) {
        if let Some(line) = self.lines.get_mut(&tenant) {
            line.serving -= 1;
        }
        self.settle(tenant);
        if self.weight == 0 && self.waiting == 0 {
            // Nobody competes: what was is forgotten.
            *self = Self::default();
        }
    }

    /// The tenant may use this much from now on.
    pub(super) fn set_quota(&mut self, tenant: TenantId, quota: Quota) {
        if let Some(line) = self.lines.get_mut(&tenant) {
            line.quota = quota;
        }
        self.settle(tenant);
    }

    /// The tenant may have so many turns by its rate; see [`Line::allowed`].
    pub(super) fn allow(&mut self, tenant: TenantId, turns: usize) {
        if let Some(line) = self.lines.get_mut(&tenant)
            && std::mem::replace(&mut line.allowed, turns) != turns
        {
            self.settle(tenant);
        }
    }

    /// Brings the sums and orders up to date with one tenant's line.
    fn settle(&mut self, tenant: TenantId) {
        let Some(line) = self.lines.get_mut(&tenant) else { return };
        let old = line.counted;
        let active = line.is_active();
        let need = line.room().min(line.waiting.len());
        let place = line.waiting.front().filter(|_| need > 0).map(|(arrival, _)| {
            // Who is in the order stays where it is.
            old.place.unwrap_or_else(|| (line.finish.max(self.now), line.turn.max(*arrival)))
        });
        let weight = if active { line.quota.weight() } else { 0 };
        let rest = (line.is_unused() && line.finish > self.now).then_some(line.finish);
        line.counted = Counted { need, weight, place, rest };
        self.need = self.need - old.need + need;
        self.weight = self.weight - old.weight + weight;
        if old.place != place {
            old.place.map(|place| self.ready.remove(&(place, tenant)));
            place.map(|place| self.ready.insert((place, tenant)));
        }
        if old.rest != rest {
            old.rest.map(|rest| self.resting.remove(&(rest, tenant)));
            rest.map(|rest| self.resting.insert((rest, tenant)));
        }
        if line.is_unused() && rest.is_none() {
            self.lines.remove(&tenant);
        }
    }

    /// Thousands of tenants come and go: those are forgotten to whom it makes no difference.
    fn wake_rested(&mut self) {
        while let Some(&(finish, tenant)) = self.resting.first()
            && finish <= self.now
        {
            self.resting.pop_first();
            self.lines.remove(&tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// A queue whose clients have numbers that begin with their tenant's.
    #[derive(Default)]
    struct Stage {
        queue: FairQueue,
        arrivals: u64,
    }

    fn tenant(n: u64) -> TenantId {
        TenantId(Uuid::from_u128(n.into()))
    }

    impl Stage {
        fn push(&mut self, n: u64, clients: u64) {
            self.push_with(n, clients, Quota::UNLIMITED);
        }

        fn push_with(&mut self, n: u64, clients: u64, quota: Quota) {
            for _ in 0..clients {
                self.arrivals += 1;
                self.queue.push(tenant(n), quota, ClientId(n * 1_000_000 + self.arrivals), self.arrivals);
            }
        }

        /// So many turns, by the numbers of the tenants; each ends before the next.
        fn turns(&mut self, turns: usize) -> Vec<u64> {
            let one = |_| {
                self.arrivals += 1;
                let Turn { tenant, client, .. } = self.queue.next(self.arrivals, None)?;
                self.queue.release(tenant);
                Some(client.0 / 1_000_000)
            };
            (0..turns).filter_map(one).collect()
        }
    }

    #[test]
    fn tenants_take_turns_whatever_the_number_of_their_clients() {
        let mut stage = Stage::default();
        stage.push(1, 10);
        stage.push(2, 3);
        stage.push(3, 1);
        assert_eq!(stage.turns(9), [1, 2, 3, 1, 2, 1, 2, 1, 1]);
    }

    #[test]
    fn who_was_idle_has_saved_nothing_up() {
        let mut stage = Stage::default();
        stage.push(1, 100);
        stage.turns(50);
        stage.push(2, 50);
        assert_eq!(stage.turns(6), [2, 1, 2, 1, 2, 1]);
    }

    #[test]
    fn who_comes_and_goes_gains_nothing() {
        let (mut stage, mut turns) = (Stage::default(), Vec::new());
        let light = Quota { weight: 25, ..Quota::UNLIMITED };
        stage.push(1, 100);
        for _ in 0..20 {
            // One client, gone after each of its turns.
            if stage.queue.waiting(tenant(2)) == 0 {
                stage.push_with(2, 1, light);
            }
            turns.extend(stage.turns(1));
        }
        assert_eq!(turns.iter().filter(|n| **n == 2).count(), 4, "{turns:?}");
    }

    #[test]
    fn weights_are_proportions() {
        let mut stage = Stage::default();
        for (n, weight) in [(1, 100), (2, 300), (3, 1)] {
            stage.push_with(n, 1000, Quota { weight, ..Quota::UNLIMITED });
        }
        let turns = stage.turns(802);
        let of = |n| turns.iter().filter(|it| **it == n).count();
        assert!((198..=202).contains(&of(1)) && (598..=602).contains(&of(2)), "{} {}", of(1), of(2));
        assert!((1..=3).contains(&of(3)), "{}", of(3));
    }

    #[test]
    fn tenant_at_its_limit_is_passed_and_saves_nothing_up() {
        let mut stage = Stage::default();
        stage.push_with(1, 10, Quota { connections: 1, ..Quota::UNLIMITED });
        stage.push(2, 50);
        assert_eq!(stage.queue.next(0, None).map(|turn| turn.tenant), Some(tenant(1)));
        assert_eq!(stage.queue.need(), 50);
        assert_eq!(stage.turns(20), [2; 20]);
        stage.queue.release(tenant(1));
        assert_eq!(stage.turns(6), [1, 2, 1, 2, 1, 2]);
    }

    #[test]
    fn tenant_at_home_passes_one_it_is_close_to_and_nobody_is_passed_twice() {
        let mut stage = Stage::default();
        stage.push(1, 2);
        stage.push(2, 9);
        stage.push(3, 9);
        let home = |stage: &mut Stage, n| stage.queue.next(0, Some(tenant(n))).map(|turn| turn.tenant);
        assert_eq!(home(&mut stage, 2), Some(tenant(2)));
        assert_eq!(home(&mut stage, 2), Some(tenant(1)), "a turn behind");
        assert_eq!(home(&mut stage, 3), Some(tenant(3)));
        assert_eq!(home(&mut stage, 2), Some(tenant(2)), "1 is first by arrival, 2 is at home");
        assert_eq!(home(&mut stage, 3), Some(tenant(1)), "1 was passed once");
    }

    #[test]
    fn nothing_is_kept_of_tenants_that_are_gone() {
        let mut stage = Stage::default();
        stage.push(0, 100);
        for n in 1..1000 {
            stage.push(n, 1);
            stage.turns(2);
        }
        assert!(stage.queue.lines.len() < 10, "{}", stage.queue.lines.len());
        stage.queue.forget(tenant(0), ClientId(1));
        stage.queue.take(tenant(0));
        let queue = &stage.queue;
        assert_eq!((queue.need(), queue.len(), queue.weight(), queue.ready.len()), (0, 0, 0, 0));
    }

    #[test]
    fn first_can_be_taken_out_and_a_quota_changed() {
        let mut stage = Stage::default();
        stage.push(1, 2);
        stage.push(2, 1);
        assert_eq!(stage.queue.take_first(), Some(ClientId(1_000_001)));
        assert_eq!((stage.queue.len(), stage.queue.weight()), (2, 200));
        stage.queue.set_quota(tenant(1), Quota { connections: 0, weight: 7, ..Quota::UNLIMITED });
        assert_eq!((stage.queue.need(), stage.queue.weight()), (1, 107));
        assert_eq!(stage.turns(2), [2]);
    }
}
