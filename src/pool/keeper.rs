//! The keeper: closes idle connections that are old, unused, dead, or of a tenant out of service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pool::{Grant, Pool, REPLICA, kept, quota};
use crate::schedule::{Owner, Scheduler, ServerId};
use crate::server::ServerConn;
use crate::tenant::{Level, Tenant, TenantId};

/// How often the keeper looks.
const PERIOD: Duration = Duration::from_secs(5);
/// After so many looks, functions may have been changed past the proxy: what they set is asked for again.
const CODE_IS_KNOWN_FOR: u32 = 60;

/// After so many looks, the schema may have been changed past the proxy: what servers have of unnamed statements is
/// prepared anew.
const UNNAMED_ARE_KNOWN_FOR: u32 = 12;

/// After so many looks, tenants that could not be bound to a spare may be tried again.
const BOUND_AGAIN_AFTER: u32 = 12;

impl Pool {
    /// Looks after idle connections and those who wait, and tells the scheduler the time, for ever.
    pub async fn keep(self: Arc<Self>) {
        tokio::join!(self.look_after_idle(), self.tell_time(), self.end_waiting());
    }

    async fn look_after_idle(self: &Arc<Self>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for look in 1_u32.. {
            ticks.tick().await;
            let now = Instant::now();
            self.sweep(now);
            if look % BOUND_AGAIN_AFTER == 0 {
                self.lock().scheduler.forgive();
            }
            self.refill(now);
            if look % UNNAMED_ARE_KNOWN_FOR == 0 {
                self.commons.iter().for_each(|commons| commons.statements.doubt_unnamed());
            }
            if look % CODE_IS_KNOWN_FOR == 0 {
                self.commons.iter().for_each(|commons| commons.doubt_code());
            }
        }
    }

    /// A tenant changed: what is opened from now on is opened for the tenant as it is now. Where its level is
    /// another, who waits is moved to the end of the other queue, and its own connections are closed, those in
    /// use when they come back; a shared connection is in nobody's way. They are closed too where its schema or role has
    /// another name.
    ///
    /// One that is on another cluster now is nobody's here any more.
    pub fn renew(self: &Arc<Self>, tenant: &Arc<Tenant>) {
        if tenant.cluster != self.cluster {
            if self.knows(tenant.id) {
                self.retire(tenant.id);
            }
            return;
        }
        self.welcomes.forget(tenant.id);
        let limits = self.terms().limits_of(tenant);
        let mut inner = self.lock();
        let before = inner.tenants.insert(tenant.id, Arc::clone(tenant));
        let moves = before.as_ref().is_some_and(|before| before.level != tenant.level);
        let is_renamed = before.is_some_and(|before| before.names != tenant.names);
        if moves {
            for client in inner.scheduler.take_waiting(tenant.id) {
                if let Some(waiting) = inner.waiting.remove(&client) {
                    waiting.seat.leave(Grant::Moved);
                }
            }
        }
        let mut decisions = std::mem::take(&mut inner.decisions);
        inner.scheduler.set_quota(
            Instant::now(),
            tenant.id,
            quota(&limits, kept(&limits, tenant)),
            &mut decisions,
        );
        self.carry_out(&mut inner, decisions);
        drop(inner);
        if moves {
            self.close_idle("level", |_, owner| {
                owner == Owner::Tenant(tenant.id) && tenant.level == Level::Shared
            });
        }
        if is_renamed {
            self.close_idle("renamed", |_, owner| owner == Owner::Tenant(tenant.id));
        }
        if let Some(commons) = self.commons.get(&tenant.id) {
            commons.set_limits(limits);
            commons.follow_schema(tenant.schema);
        }
    }

    /// Whether a client of this tenant was here since it was last retired.
    #[must_use]
    pub fn knows(&self, tenant: TenantId) -> bool {
        self.lock().tenants.contains_key(&tenant)
    }

    /// Closes the idle connections of a tenant, and lets go of what was kept for it.
    pub fn retire(self: &Arc<Self>, tenant: TenantId) {
        self.welcomes.forget(tenant);
        self.commons.remove(&tenant);
        self.close_idle("retired", |_, owner| owner == Owner::Tenant(tenant));
        let mut inner = self.lock();
        inner.tenants.remove(&tenant);
        inner.renewals.forget(tenant);
        let mut decisions = std::mem::take(&mut inner.decisions);
        inner.scheduler.set_quota(Instant::now(), tenant, quota(&self.terms().limits, 0), &mut decisions);
        self.carry_out(&mut inner, decisions);
    }

    /// A read replica may not be read from any more, or may be again: idle connections of it are closed, or those at the
    /// primary of those who only read.
    pub fn follow_replicas(self: &Arc<Self>) {
        let misplaced: Vec<ServerId> = {
            let inner = self.lock();
            let is_misplaced = |conn: &ServerConn| inner.is_misplaced(conn) == Some(REPLICA);
            inner.idle.iter().filter(|(_, conn)| is_misplaced(conn)).map(|(id, _)| *id).collect()
        };
        self.close_idle(REPLICA, |id, _| misplaced.contains(&id));
    }

    fn sweep(self: &Arc<Self>, now: Instant) {
        let (idle_limit, age_limit) = {
            let terms = self.terms();
            (terms.pool.idle_timeout, terms.pool.max_lifetime)
        };
        let (mut of_no_use, mut unused): (Vec<ServerId>, Vec<ServerId>) = (Vec::new(), Vec::new());
        for (id, conn) in &mut self.lock().idle {
            if age_limit.is_some_and(|limit| now.duration_since(conn.opened) > limit) || !conn.is_quiet() {
                of_no_use.push(*id);
            } else if idle_limit.is_some_and(|limit| now.duration_since(conn.returned) > limit) {
                unused.push(*id);
            }
        }
        if !of_no_use.is_empty() {
            self.close_idle("idle", |id, _| of_no_use.contains(&id));
        }
        if !unused.is_empty() {
            self.close_taken("idle", |scheduler| scheduler.take_unused(|_, id| unused.contains(&id)));
        }
    }

    pub(super) fn close_idle(
        self: &Arc<Self>,
        reason: &'static str,
        unwanted: impl Fn(ServerId, Owner) -> bool,
    ) {
        self.close_taken(reason, |scheduler| scheduler.take_idle(|owner, id| unwanted(id, owner)));
    }

    fn close_taken(
        self: &Arc<Self>,
        reason: &'static str,
        take: impl FnOnce(&mut Scheduler) -> Vec<(Owner, ServerId)>,
    ) {
        let closing: Vec<_> = {
            let mut inner = self.lock();
            let taken = take(&mut inner.scheduler);
            taken.iter().filter_map(|(_, id)| inner.idle.remove(id)).collect()
        };
        for conn in closing {
            self.finish_closing(conn, reason);
        }
    }
}
