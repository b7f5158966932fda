//! [`Top`]: the busiest tenants by name, and all others as one, so that thousands of tenants do not make thousands of time
//! series.
//!
//! Counters must never fall, or Prometheus takes it for a restart and counts the whole again. So nothing moves between a
//! tenant's series and that of the others: what is done is added, once, to whichever it belongs to at that look.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::telemetry::TrafficTotals;
use crate::telemetry::overview::TenantRow;

/// The name of all others. No slug has a space.
pub(super) const OTHERS: &str = "other tenants";

/// After so long, traffic counts half in the order of tenants.
const HALF_LIFE: Duration = Duration::from_secs(600);

/// How much busier than one with a series of its own a tenant must be to take its place: those of about the same traffic
/// would change places at every look.
const CLEARLY: f64 = 1.25;

/// What one tenant, or all others, did and have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// Its slug, or [`OTHERS`].
    pub(super) name: String,
    /// What was done since it got a series.
    pub(super) counted: TrafficTotals,
    pub(super) now: Now,
}

/// What is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) clients: usize,
    pub(super) waiting: usize,
    pub(super) pinned: usize,
    pub(super) servers: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Top {
    most: usize,
    known: HashMap<Uuid, Known>,
    others: TrafficTotals,
    looked: Option<Instant>,
}

/// A tenant that had traffic.
#[derive(Debug, Default)]
struct Known {
    totals: TrafficTotals,
    score: f64,
    /// What was counted under its own name, while it has one.
    own: Option<TrafficTotals>,
    look: u64,
}

impl Top {
    /// Nothing is known; so many tenants get a name.
    pub(super) fn new(most: usize) -> Self {
        Self { most, known: HashMap::new(), others: TrafficTotals::default(), looked: None }
    }

    /// Takes in what was done since the last look. Gives the rows of those with a name, by their names, and that of the others.
    pub(super) fn look(&mut self, now: Instant, tenants: &[TenantRow]) -> Vec<Row> {
        let elapsed = self.looked.map_or(Duration::ZERO, |then| now.saturating_duration_since(then));
        self.looked = Some(now);
        let decay = 0.5_f64.powf(elapsed.as_secs_f64() / HALF_LIFE.as_secs_f64());
        let done = self.take_in(tenants, decay);
        self.choose();
        self.count(tenants, &done)
    }

    /// What each did since the last look. Those that are gone are forgotten.
    fn take_in(&mut self, tenants: &[TenantRow], decay: f64) -> Vec<TrafficTotals> {
        let look = self.known.values().map(|known| known.look).max().unwrap_or(0) + 1;
        let mut done = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            if tenant.traffic == TrafficTotals::default() {
                done.push(TrafficTotals::default());
                // One that counts from nothing again, or never did: nothing of it is kept but a name that it has.
                self.known.entry(tenant.id).and_modify(|known| {
                    (known.totals, known.look) = (TrafficTotals::default(), look);
                    known.score *= decay;
                });
                continue;
            }
            let known = self.known.entry(tenant.id).or_default();
            let since = if tenant.traffic.queries < known.totals.queries {
                tenant.traffic
            } else {
                tenant.traffic.since(&known.totals)
            };
            known.score = known.score * decay + since.queries.max(since.transactions) as f64;
            (known.totals, known.look) = (tenant.traffic, look);
            done.push(since);
        }
        self.known.retain(|_, known| known.look == look);
        done
    }

    /// Who has a name from now on.
    fn choose(&mut self) {
        let weight = |known: &Known| known.score * if known.own.is_some() { CLEARLY } else { 1.0 };
        let mut order: Vec<(Uuid, f64)> = self
            .known
            .iter()
            .map(|(id, known)| (*id, weight(known)))
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        order.sort_unstable_by(|(a, one), (b, other)| other.total_cmp(one).then(a.cmp(b)));
        order.truncate(self.most);
        let chosen: std::collections::HashSet<Uuid> = order.into_iter().map(|(id, _)| id).collect();
        for (id, known) in &mut self.known {
            if !chosen.contains(id) {
                known.own = None;
            } else if known.own.is_none() {
                known.own = Some(TrafficTotals::default());
            }
        }
    }

    fn count(&mut self, tenants: &[TenantRow], done: &[TrafficTotals]) -> Vec<Row> {
        let (mut rows, mut rest) = (Vec::new(), Now::default());
        for (tenant, done) in tenants.iter().zip(done) {
            let own = self.known.get_mut(&tenant.id).and_then(|known| known.own.as_mut());
            let now = Now {
                clients: tenant.clients,
                waiting: tenant.waiting,
                pinned: tenant.pinned,
                servers: tenant.servers,
            };
            match own {
                Some(own) => {
                    *own = *own + *done;
                    rows.push(Row { name: tenant.slug.clone(), counted: *own, now });
                }
                None => {
                    self.others = self.others + *done;
                    rest.clients += now.clients;
                    rest.waiting += now.waiting;
                    rest.pinned += now.pinned;
                    rest.servers += now.servers;
                }
            }
        }
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows.push(Row { name: OTHERS.to_owned(), counted: self.others, now: rest });
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(id: u128, queries: u64) -> TenantRow {
        TenantRow {
            id: Uuid::from_u128(id),
            slug: format!("t{id}"),
            clients: 1,
            traffic: TrafficTotals { queries, ..TrafficTotals::default() },
            ..TenantRow::default()
        }
    }

    fn names(rows: &[Row]) -> Vec<(&str, u64)> {
        rows.iter().map(|row| (row.name.as_str(), row.counted.queries)).collect()
    }

    #[test]
    fn busiest_have_names_and_the_others_are_one() {
        let (mut top, now) = (Top::new(2), Instant::now());
        let rows = top.look(now, &[tenant(1, 10), tenant(2, 30), tenant(3, 20), tenant(4, 0)]);
        assert_eq!(names(&rows), [("t2", 30), ("t3", 20), (OTHERS, 10)]);
        assert_eq!(rows[2].now.clients, 2);
        assert_eq!(names(&Top::new(0).look(now, &[tenant(1, 10)])), [(OTHERS, 10)]);
        assert_eq!(names(&Top::new(9).look(now, &[])), [(OTHERS, 0)]);
    }

    #[test]
    fn no_counter_falls_when_tenants_change_places_and_nothing_is_counted_twice() {
        let (mut top, now) = (Top::new(1), Instant::now());
        assert_eq!(names(&top.look(now, &[tenant(1, 100), tenant(2, 90)])), [("t1", 100), (OTHERS, 90)]);
        // Not clearly busier.
        let rows = top.look(now, &[tenant(1, 100), tenant(2, 110)]);
        assert_eq!(names(&rows), [("t1", 100), (OTHERS, 110)]);
        let rows = top.look(now, &[tenant(1, 101), tenant(2, 1000)]);
        assert_eq!(names(&rows), [("t2", 890), (OTHERS, 111)]);
        // The one that lost its name comes back: its series begins anew.
        let rows = top.look(now, &[tenant(1, 9000), tenant(2, 1000)]);
        assert_eq!(names(&rows), [("t1", 8899), (OTHERS, 111)]);
    }

    #[test]
    fn old_traffic_counts_less_than_new() {
        let (mut top, now) = (Top::new(1), Instant::now());
        top.look(now, &[tenant(1, 1000), tenant(2, 1)]);
        let later = now + 10 * HALF_LIFE;
        assert_eq!(top.look(later, &[tenant(1, 1000), tenant(2, 101)])[0].name, "t2");
    }

    #[test]
    fn tenant_that_counts_from_nothing_again_or_is_gone_makes_nothing_fall() {
        let (mut top, now) = (Top::new(1), Instant::now());
        top.look(now, &[tenant(1, 100), tenant(2, 50)]);
        let rows = top.look(now, &[tenant(1, 0), tenant(2, 0)]);
        assert_eq!(names(&rows), [("t1", 100), (OTHERS, 50)]);
        let rows = top.look(now, &[tenant(1, 5), tenant(2, 3)]);
        assert_eq!(names(&rows), [("t1", 105), (OTHERS, 53)]);
        let rows = top.look(now, &[tenant(2, 4)]);
        assert_eq!(names(&rows), [("t2", 1), (OTHERS, 53)]);
        assert_eq!(top.known.len(), 1);
    }
}
