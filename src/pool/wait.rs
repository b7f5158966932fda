//! Waiting for a server connection.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::pool::{CheckoutError, Grant, Pool};
use crate::schedule::{ClientId, Event};
use crate::server::ServerConn;
use crate::server::cancel::CancelSlot;
use crate::tenant::{Level, Tenant, TenantId};

impl Pool {
    /// `None` when it has to ask again.
    pub(super) async fn wait(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        mut waiter: Waiter,
        cancel: &Arc<CancelSlot>,
    ) -> Result<Option<Box<ServerConn>>, CheckoutError> {
        let began = Instant::now();
        cancel.waits_since(began);
        let limit = self.commons(tenant).limits().wait_timeout;
        let Some(receiver) = waiter.receiver.as_mut() else { return Err(CheckoutError::Cancelled) };
        let mut paused = self.is_paused(tenant.id);
        let granted = loop {
            let granted = tokio::select! {
                granted = tokio::time::timeout(limit, &mut *receiver) => granted,
                () = cancel.cancelled() => return Err(CheckoutError::Cancelled),
            };
            // Who waits because an operator has paused its tenant waits for as long as that takes, and then begins anew.
            let was_paused = std::mem::replace(&mut paused, self.is_paused(tenant.id));
            if granted.is_ok() || !(was_paused || paused) {
                break granted;
            }
        };
        match granted {
            Ok(Ok(Grant::Conn(mut conn))) => {
                waiter.receiver = None;
                let waited = began.elapsed();
                (conn.taken, conn.waited) = (began + waited, waited);
                if waiter.held {
                    self.counters.rate_delayed();
                } else {
                    self.counters.waited(waited);
                }
                Ok(Some(conn))
            }
            Ok(Ok(Grant::Failed(error))) => Err(CheckoutError::Connect(error)),
            Ok(Ok(Grant::Moved)) => Ok(None),
            Ok(Err(_)) | Err(_) => {
                self.counters.wait_refused();
                self.counters.timed_out("wait");
                let rate = self.lock().scheduler.rate_waited_for(tenant.id);
                tracing::debug!(tenant = %tenant.id, ?rate, "no server connection within the wait limit");
                Err(rate.map_or(CheckoutError::TimedOut(limit), |rate| CheckoutError::OverRate(limit, rate)))
            }
        }
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
    /// Taken when the grant was received.
    pub(super) receiver: Option<oneshot::Receiver<Grant>>,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Some(mut receiver) = self.receiver.take() else { return };
        let mut inner = self.pool.lock();
        inner.waiting.remove(&self.client);
        let forgotten = match self.level {
            Level::Dedicated => Event::Forgotten(self.tenant, self.client),
            Level::Shared => Event::ForgottenShared(self.tenant, self.client),
        };
        self.pool.event(&mut inner, Instant::now(), forgotten);
        drop(inner);
        receiver.close();
        if let Some(conn) = receiver.try_recv().ok().and_then(Grant::conn) {
            self.pool.give_back(conn);
            self.pool.report(Event::Vain(self.tenant));
        }
    }
}
