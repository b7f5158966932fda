//! The part of the handshake that looks what keeps a tenant apart where it is.

use std::sync::Arc;

use crate::client::{Cluster, Shared, farewell};
use crate::registry::HardeningWatch;
use crate::session::Refusal;
use crate::tenant::{Level, Tenant};

/// Whether the guard counts on the hardening for this tenant. One of level shared waits for the first look, and is
/// refused while neither hardening nor guard would keep it apart. Nobody is let in while anybody could become any tenant.
pub(super) async fn hardened(
    shared: &Shared,
    cluster: &Cluster,
    tenant: &Arc<Tenant>,
) -> Result<bool, Refusal> {
    if cluster.spares.borrow().is_exposed() {
        return Err(farewell::not_kept_apart(&tenant.slug));
    }
    if tenant.level == Level::Dedicated {
        return Ok(false);
    }
    let mut watch = cluster.hardening.clone();
    let seen =
        watch.wait_for(|seen| *seen != HardeningWatch::Unknown).await.ok().and_then(|seen| seen.serves());
    // A shared connection finds the schema by the role's name.
    let found = tenant.names.schema == tenant.names.role;
    match seen.filter(|_| found) {
        Some(true) => Ok(true),
        Some(false) if is_fit(shared, cluster, tenant).await => Ok(false),
        _ => Err(farewell::not_kept_apart(&tenant.slug)),
    }
}

/// Without hardening: whether the tenant has nothing that could run code. The guard lets it make none from now on, but
/// a transaction from before it was moved may have.
async fn is_fit(shared: &Shared, cluster: &Cluster, tenant: &Arc<Tenant>) -> bool {
    if shared.vetted.get(&tenant.id).is_some_and(|vetted| Arc::ptr_eq(&vetted, tenant)) {
        return true;
    }
    match cluster.registry.unfit(tenant).await {
        Ok(None) => {
            shared.vetted.insert(tenant.id, Arc::clone(tenant));
            true
        }
        Ok(Some(why)) => {
            tracing::error!(tenant = %tenant.slug, why, "a tenant of level shared is not served; the database is not hardened");
            false
        }
        Err(error) => {
            tracing::warn!(tenant = %tenant.slug, %error, "a tenant of level shared could not be looked at");
            false
        }
    }
}
