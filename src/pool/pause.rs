//! What an operator may ask of server connections: that a tenant gets none for a while, or new ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pool::Pool;
use crate::schedule::{Decision, Owner, Scheduler};
use crate::server::ServerConn;
use crate::tenant::TenantId;

/// How often is looked whether what is waited for has happened. Only while somebody waits: who gives a connection back has
/// nothing to tell anybody.
const LOOK: Duration = Duration::from_millis(10);

/// Since when connections are to be new ones.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    all: Option<Instant>,
    owners: HashMap<Owner, Instant>,
}

impl Renewals {
    /// Whether a connection of this owner's that was begun then is to be closed.
    pub(super) fn concern(&self, owner: Owner, begun: Instant) -> bool {
        let is_older = |at: &Instant| begun <= *at;
        self.all.as_ref().is_some_and(is_older)
            || (!self.owners.is_empty() && self.owners.get(&owner).is_some_and(is_older))
    }

    fn note(&mut self, owner: Option<Owner>, now: Instant) {
        match owner {
            Some(owner) => {
                self.owners.insert(owner, now);
            }
            None => {
                self.all = Some(now);
                self.owners.clear();
            }
        }
    }

    pub(super) fn forget(&mut self, tenant: TenantId) {
        self.owners.remove(&Owner::Tenant(tenant));
    }
}

impl Pool {
    /// Gives nobody of these a server connection any more: of one tenant, or of all with `None`. Idle ones are closed, those
    /// in use when they come back. Whether that is new.
    pub fn pause(self: &Arc<Self>, whom: Option<TenantId>) -> bool {
        self.tell_scheduler(|scheduler, now, out| scheduler.pause(now, whom, out))
    }

    /// Lets them go on. Whether they were paused in this way.
    pub fn go_on(self: &Arc<Self>, whom: Option<TenantId>) -> bool {
        self.tell_scheduler(|scheduler, now, out| scheduler.go_on(now, whom, out))
    }

    /// Whether all wait until they are let go on.
    #[must_use]
    pub fn is_all_paused(&self) -> bool {
        self.lock().scheduler.all_paused()
    }

    /// Whether a tenant's clients wait until it goes on.
    #[must_use]
    pub fn is_paused(&self, tenant: TenantId) -> bool {
        self.lock().scheduler.is_paused(tenant)
    }

    /// Waits until nobody of these has a server connection, and those that they had are closed. Shared ones stay open
    /// where only some of their tenants are paused.
    pub async fn at_rest(&self, whom: Option<TenantId>) {
        while !self.is_at_rest(whom) {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_at_rest(&self, whom: Option<TenantId>) -> bool {
        let inner = self.lock();
        let is_theirs = |owner| whom.is_none_or(|tenant| owner == Owner::Tenant(tenant));
        inner.scheduler.is_at_rest(whom) && !inner.open.values().any(|server| is_theirs(server.owner))
    }

    /// Closes the server connections of an owner, or all with `None`: idle ones at once, those in use, and being opened,
    /// when they come back.
    pub fn renew_connections(self: &Arc<Self>, owner: Option<Owner>) {
        self.lock().renewals.note(owner, Instant::now());
        self.close_idle("reconnect", |_, of| owner.is_none_or(|owner| owner == of));
    }

    /// Waits until no server connection of an owner, or of all with `None`, is still to be closed.
    pub async fn renewed(&self, owner: Option<Owner>) {
        while self.is_renewing(owner) {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_renewing(&self, owner: Option<Owner>) -> bool {
        let inner = self.lock();
        let mut theirs = inner.open.values().filter(|server| owner.is_none_or(|owner| owner == server.owner));
        theirs.any(|server| inner.renewals.concern(server.owner, server.begun))
    }

    fn tell_scheduler<T>(
        self: &Arc<Self>,
        tell: impl FnOnce(&mut Scheduler, Instant, &mut Vec<Decision>) -> T,
    ) -> T {
        let mut inner = self.lock();
        let mut decisions = std::mem::take(&mut inner.decisions);
        let told = tell(&mut inner.scheduler, Instant::now(), &mut decisions);
        self.carry_out(&mut inner, decisions);
        told
    }
}

/// Whether a connection is to be closed for a newer one.
pub(super) fn is_old(renewals: &Renewals, conn: &ServerConn) -> bool {
    renewals.concern(conn.owner, conn.begun)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn connections_begun_before_are_concerned_and_later_ones_and_others_are_not() {
        let (own, other) = (Owner::Tenant(TenantId(Uuid::from_u128(1))), Owner::Shared);
        let (mut renewals, then) = (Renewals::default(), Instant::now());
        let later = then + Duration::from_millis(1);
        assert!(!renewals.concern(own, then));
        renewals.note(Some(own), then);
        assert_eq!([then, later].map(|begun| renewals.concern(own, begun)), [true, false]);
        assert!(!renewals.concern(other, then));
        renewals.note(None, later);
        assert!(renewals.concern(own, later) && renewals.concern(other, then));
        assert!(renewals.owners.is_empty(), "who renews all needs no list");
    }
}
