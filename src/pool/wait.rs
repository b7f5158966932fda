//! Waiting for a server connection.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::pool::seat::Seat;
use crate::pool::{CheckoutError, Grant, Inner, Pool};
use crate::schedule::{ClientId, Event};
use crate::server::ServerConn;
use crate::server::cancel::CancelSlot;
use crate::tenant::{Level, Tenant, TenantId};

/// How often is looked who has waited for too long. A timer for each who waits would be set and taken back in most
/// transactions of a busy pool, for nothing.
const LOOK: Duration = Duration::from_millis(20);

/// A client that waits, as the pool knows it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) seat: Arc<Seat>,
    pub(super) tenant: TenantId,
    pub(super) began: Instant,
    limit: Limit,
    /// Whether its tenant was paused when that was last looked at.
    was_paused: bool,
}

impl Waiting {
    pub(super) const fn new(seat: Arc<Seat>, tenant: TenantId, began: Instant, is_paused: bool) -> Self {
        Self { seat, tenant, began, limit: Limit::Unknown, was_paused: is_paused }
    }
}

/// How long a client may wait.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// Nobody has looked yet.
    Unknown,
    /// For so long, until then.
    Until(Duration, Instant),
    /// It was told that it is too late, or that time is further away than can be told.
    Never,
}

impl Limit {
    fn from(span: Duration, since: Instant) -> Self {
        since.checked_add(span).map_or(Self::Never, |until| Self::Until(span, until))
    }
}

impl Pool {
    /// `None` when it has to ask again.
    pub(super) async fn wait(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        mut waiter: Waiter,
        cancel: &Arc<CancelSlot>,
    ) -> Result<Option<Box<ServerConn>>, CheckoutError> {
        cancel.waits_since(waiter.began);
        let came = std::future::poll_fn(|cx| match waiter.seat.poll_take(cx) {
            Poll::Ready(grant) => Poll::Ready(Some(grant)),
            Poll::Pending => cancel.poll_cancelled(cx).map(|()| None),
        });
        match came.await {
            Some(Grant::Conn(mut conn)) => {
                waiter.is_served = true;
                let waited = waiter.began.elapsed();
                (conn.taken, conn.waited) = (waiter.began + waited, waited);
                if waiter.held {
                    self.counters.rate_delayed();
                } else {
                    self.counters.waited(waited);
                }
                Ok(Some(conn))
            }
            Some(Grant::Failed(error)) => Err(CheckoutError::Connect(error)),
            Some(Grant::Moved) => Ok(None),
            Some(Grant::Late(limit)) => {
                self.counters.wait_refused();
                self.counters.timed_out("wait");
                let rate = self.lock().scheduler.rate_waited_for(tenant.id);
                tracing::debug!(tenant = %tenant.id, ?rate, "no server connection within the wait limit");
                Err(rate.map_or(CheckoutError::TimedOut(limit), |rate| CheckoutError::OverRate(limit, rate)))
            }
            None => Err(CheckoutError::Cancelled),
        }
    }

    /// Tells clients when they have waited for as long as they may, for ever.
    pub(super) async fn end_waiting(self: &Arc<Self>) {
        loop {
            if self.look_who_waits() {
                tokio::time::sleep(LOOK).await;
            } else {
                self.somebody_waits.notified().await;
            }
        }
    }

    /// Whether anybody waits.
    fn look_who_waits(&self) -> bool {
        let terms = self.terms();
        let mut inner = self.lock();
        let now = Instant::now();
        let Inner { waiting, scheduler, tenants, .. } = &mut *inner;
        for client in waiting.values_mut() {
            if matches!(client.limit, Limit::Unknown) {
                let known = tenants.get(&client.tenant);
                let limit =
                    known.map_or(terms.limits.wait_timeout, |tenant| terms.limits_of(tenant).wait_timeout);
                client.limit = Limit::from(limit, client.began);
            }
            let Limit::Until(span, until) = client.limit else { continue };
            if until > now {
                continue;
            }
            // Who waits because an operator has paused its tenant waits for as long as that takes, and then begins anew.
            let is_paused = scheduler.is_paused(client.tenant);
            if std::mem::replace(&mut client.was_paused, is_paused) || is_paused {
                client.limit = Limit::from(span, now);
                continue;
            }
            client.limit = Limit::Never;
            client.seat.leave(Grant::Late(span));
        }
        inner.is_watched = !inner.waiting.is_empty();
        inner.is_watched
    }
}

/// Why a client has no server connection at once.
pub(super) enum NotNow {
    /// It has to wait.
    Wait(Waiter),
    /// So many of its tenant wait already that it may not.
    Full(usize),
}

/// A place in the queue. Dropping it gives the place up, and whatever arrived for it goes back.
pub(super) struct Waiter {
    pub(super) pool: Arc<Pool>,
    pub(super) tenant: TenantId,
    /// For which kind of connection it waits.
    pub(super) level: Level,
    pub(super) client: ClientId,
    /// Whether it began to wait because its tenant had all the turns its rate allows.
    pub(super) held: bool,
    pub(super) seat: Arc<Seat>,
    pub(super) began: Instant,
    /// Whether it has got its connection.
    pub(super) is_served: bool,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.is_served {
            return;
        }
        let mut inner = self.pool.lock();
        inner.waiting.remove(&self.client);
        let forgotten = match self.level {
            Level::Dedicated => Event::Forgotten(self.tenant, self.client),
            Level::Shared => Event::ForgottenShared(self.tenant, self.client),
        };
        self.pool.event(&mut inner, Instant::now(), forgotten);
        drop(inner);
        // From here on nothing comes any more: that happens under the lock, to those who are in `waiting`.
        if let Some(conn) = self.seat.take().and_then(Grant::conn) {
            self.pool.give_back(conn);
            self.pool.report(Event::Vain(self.tenant));
        }
    }
}
