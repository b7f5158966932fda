//! [`Limits`] and [`Quota`]: what all tenants together, and each, may use.

use std::time::Duration;

/// What the scheduler may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Server connections at once, counting those being opened and closed.
    pub total: usize,
    /// What a tenant may use for which nothing else is said.
    pub quota: Quota,
    /// Server connections being opened at once.
    pub opening: usize,
    /// How long a tenant may keep a connection busy while others have none.
    pub quantum: Duration,
    /// Whether it is found out how many of an owner's connections are best at work at the same time.
    pub adaptive: bool,
}

/// What one tenant may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Server connections at once.
    pub connections: usize,
    /// Clients waiting at once.
    pub waiting: usize,
    /// Its share of the connections where there are too few, in proportion to those of others.
    pub weight: u32,
    /// Turns in a second: how often one of its clients is given a connection.
    pub rate: usize,
    /// Server connections that are kept for it, once it had one.
    pub minimum: usize,
}

impl Quota {
    /// No limit of its own, and the usual share.
    pub const UNLIMITED: Self =
        Self { connections: usize::MAX, waiting: usize::MAX, weight: 100, rate: usize::MAX, minimum: 0 };

    pub(super) const fn weight(self) -> u64 {
        if self.weight == 0 { 1 } else { self.weight as u64 }
    }

    /// Not more than it may have.
    pub(super) const fn minimum(&self) -> usize {
        if self.minimum < self.connections { self.minimum } else { self.connections }
    }

    /// Whether it has a rate at all.
    pub(super) const fn is_metered(&self) -> bool {
        self.rate != usize::MAX
    }
}
