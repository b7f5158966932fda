//! New server passwords for tenants' roles.
//!
//! A running proxy that has not heard of it yet tries the next password where the one it knows is refused, so nobody waits for
//! the news. Connections that are open stay.

use secrecy::SecretString;
use tokio_postgres::Client;

use crate::auth::MasterKey;
use crate::control::placed::refuse_elsewhere;
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, Outcome, Step};
use crate::registry::{master, store};
use crate::tenant::{Ident, Slug, Tenant};

/// A tenant's roles and their passwords of this number.
pub(super) fn passwords<'a>(
    tenant: &'a Tenant,
    version: i32,
    master_key: &MasterKey,
) -> Vec<(&'a Ident, SecretString)> {
    let mut roles = vec![(&tenant.names.role, tenant.id)];
    roles.extend(tenant.reader_role.as_ref().map(|reader| (reader, tenant.id.other_access())));
    roles.into_iter().map(|(role, id)| (role, master_key.tenant_password(id, version))).collect()
}

/// Gives the tenant's roles the next password that is derived for them, in one transaction.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn rotate_password(
    client: &mut Client,
    slug: &Slug,
    master_key: &MasterKey,
) -> Result<Step, ControlError> {
    let tx = client.transaction().await?;
    store::require_current(&tx).await?;
    store::lock_tenant(&tx, slug).await?;
    let found = store::summaries(&tx, Some(slug)).await?.pop();
    let tenant = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?.tenant;
    refuse_elsewhere(&tenant)?;
    let version = tenant.password_version + 1;
    for (role, password) in passwords(&tenant, version, master_key) {
        role::ensure(&tx, role, RoleKind::Tenant(&password)).await?;
    }
    store::set_password_version(&tx, tenant.id, version).await?;
    master::set_password_key(&tx, tenant.id, master_key.mark()).await?;
    tx.commit().await?;
    Ok(Step::new(Outcome::Changed, format!("tenant {slug}, server password number {version}")))
}
