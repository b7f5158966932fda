//! What the registry has of a tenant that an operator sets as it pleases: name, customer, settings.

use std::collections::BTreeMap;

use tokio_postgres::{Error, GenericClient};

use crate::tenant::TenantId;

/// Writes them down.
///
/// # Errors
/// When the database refuses, for example a customer that another tenant is.
pub async fn set(
    client: &impl GenericClient,
    id: TenantId,
    name: &str,
    stripe_customer_id: Option<&str>,
    settings: &BTreeMap<String, String>,
) -> Result<(), Error> {
    client
        .execute(
            "UPDATE pgtenant.tenants SET name = $2, stripe_customer_id = $3, settings = $4 WHERE id = $1",
            &[&id.0, &name, &stripe_customer_id, &serde_json::json!(settings)],
        )
        .await
        .map(drop)
}
