//! Spare connections: opened before anybody needs them, bound to the tenant that does.

use std::sync::Arc;
use std::time::Instant;

use crate::pool::{Inner, Pool};
use crate::schedule::{Event, ServerId};
use crate::server::ServerConn;
use crate::server::spare::{self, SpareLogin};
use crate::tenant::{Access, Tenant, TenantId};

/// What it takes to bind a spare.
pub(super) struct Binding {
    conn: Box<ServerConn>,
    tenant: Arc<Tenant>,
    login: Arc<SpareLogin>,
}

impl Inner {
    /// Takes out what a spare is bound with. Without that the spare is of no use: here it is, if there is one.
    pub(super) fn bind(
        &mut self,
        tenant: TenantId,
        server: ServerId,
    ) -> Result<Binding, Option<Box<ServerConn>>> {
        let Some(mut conn) = self.idle.remove(&server) else { return Err(None) };
        // It may have died while nobody looked.
        match (self.tenants.get(&tenant), &self.spare) {
            // One that only reads begins with a setting that a spare does not have.
            (Some(tenant), Some(login)) if conn.is_quiet() && tenant.access == Access::ReadWrite => {
                Ok(Binding { conn, tenant: Arc::clone(tenant), login: Arc::clone(login) })
            }
            _ => Err(Some(conn)),
        }
    }
}

impl Pool {
    /// From now on as many spares are kept as the configuration says, and log in like this; or none. Those that are
    /// bound already stay their tenants'.
    pub fn keep_spares(self: &Arc<Self>, login: Option<SpareLogin>) {
        let mut inner = self.lock();
        let keep = if login.is_some() { self.terms().pool.spare_connections } else { 0 };
        inner.spare = login.map(Arc::new);
        let mut decisions = std::mem::take(&mut inner.decisions);
        inner.scheduler.set_spares(keep, Instant::now(), &mut decisions);
        self.carry_out(&mut inner, decisions);
    }

    /// Opens a spare if one lacks, also where nothing else happens.
    pub(super) fn refill(self: &Arc<Self>, now: Instant) {
        let mut inner = self.lock();
        let mut decisions = std::mem::take(&mut inner.decisions);
        inner.scheduler.refill(now, &mut decisions);
        self.carry_out(&mut inner, decisions);
    }

    /// Nobody may use the connection before all that a connection of the tenant's own would have is known to be so.
    pub(super) fn bind(self: &Arc<Self>, binding: Binding) {
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let Binding { mut conn, tenant, login } = binding;
            let id = conn.id;
            match spare::bind(&mut conn, &tenant, &login).await {
                Ok(()) => {
                    pool.counters.spare_bound();
                    pool.hub.admit(&conn.voice).await;
                    tracing::debug!(server = id.0, pid = conn.key.pid, tenant = %tenant.slug, "spare connection bound");
                    pool.begun(conn, Event::Bound(tenant.id, id));
                }
                Err(error) => {
                    tracing::debug!(server = id.0, tenant = %tenant.slug, %error, "spare connection not bound");
                    pool.report(Event::NotBound(tenant.id, id));
                    pool.finish_closing(conn, "not_bound");
                }
            }
        });
    }
}
