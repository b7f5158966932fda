//! What was done because the payment provider said so.

use tokio_postgres::{Error, GenericClient};

use crate::tenant::TenantId;

/// Whether an event counts no more: it was carried out, or one of the same customer that is newer.
///
/// # Errors
/// When the database does not answer.
pub async fn is_over(
    client: &impl GenericClient,
    event: &str,
    customer: &str,
    created: i64,
) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT FROM pgtenant.stripe_events
                              WHERE id = $1 OR customer_id = $2 AND created > $3)";
    client.query_one(sql, &[&event, &customer, &created]).await?.try_get(0)
}

/// Writes an event down, and forgets those that Stripe sends no more (it tries for three days).
///
/// # Errors
/// When the database refuses.
pub async fn note(
    client: &impl GenericClient,
    event: &str,
    customer: &str,
    created: i64,
) -> Result<(), Error> {
    let old = "DELETE FROM pgtenant.stripe_events WHERE handled_at < pg_catalog.now() - interval '30 days'";
    client.execute(old, &[]).await?;
    let sql = "INSERT INTO pgtenant.stripe_events (id, customer_id, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    client.execute(sql, &[&event, &customer, &created]).await.map(drop)
}

/// Remembers that a tenant was taken out of service because of the payment provider.
///
/// # Errors
/// When the database refuses.
pub async fn note_suspension(client: &impl GenericClient, tenant: TenantId) -> Result<(), Error> {
    let sql = "INSERT INTO pgtenant.stripe_suspensions (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING";
    client.execute(sql, &[&tenant.0]).await.map(drop)
}

/// Whether a tenant is out of service because of the payment provider.
///
/// # Errors
/// When the database does not answer.
pub async fn has_suspended(client: &impl GenericClient, tenant: TenantId) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT FROM pgtenant.stripe_suspensions WHERE tenant_id = $1)";
    client.query_one(sql, &[&tenant.0]).await?.try_get(0)
}

/// Forgets it: the tenant is in service again.
///
/// # Errors
/// When the database refuses.
pub async fn forget_suspension(client: &impl GenericClient, tenant: TenantId) -> Result<(), Error> {
    let sql = "DELETE FROM pgtenant.stripe_suspensions WHERE tenant_id = $1";
    client.execute(sql, &[&tenant.0]).await.map(drop)
}
