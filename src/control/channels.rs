//! Notification channels: their secrets in the registry, and the function that adds them where the proxy sends
//! a call of pg_notify.

use tokio_postgres::GenericClient;

use crate::auth::MasterKey;
use crate::control::{ControlError, Outcome, Step};
use crate::registry::store;
use crate::tenant::{Tenant, TenantId};

/// The schema with the function, open to everybody: it adds the secret of the session's own user.
const SCHEMA: &str = "pgtenant_notify";

const BODY: &str = include_str!("pg_notify.sql");

/// Creates what is missing and puts right what is there, for all tenants.
pub(super) async fn ensure(
    client: &impl GenericClient,
    master_key: &MasterKey,
) -> Result<Step, ControlError> {
    let mut outcome = ensure_function(client).await?;
    for summary in store::summaries(client, None).await? {
        if ensure_secret(client, &summary.tenant, master_key).await? && outcome == Outcome::Unchanged {
            outcome = Outcome::Changed;
        }
    }
    Ok(Step::new(outcome, format!("schema {SCHEMA}, notification channels of tenants")))
}

/// Writes down the tenant's secret. Whether it was another one, or none.
pub(super) async fn ensure_secret(
    client: &impl GenericClient,
    tenant: &Tenant,
    master_key: &MasterKey,
) -> Result<bool, ControlError> {
    let TenantId(id) = tenant.id;
    let prefix = master_key.channel_prefix(tenant.id);
    Ok(store::set_channel_prefix(client, id, &tenant.names.role, prefix.as_str()).await?)
}

async fn ensure_function(client: &impl GenericClient) -> Result<Outcome, ControlError> {
    let found = client
        .query_opt(
            "SELECT p.prosrc = $2 AND p.prosecdef
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = $1 AND p.proname = 'pg_notify'",
            &[&SCHEMA, &BODY],
        )
        .await?;
    let right: Option<bool> = found.map(|row| row.try_get(0)).transpose()?;
    if right == Some(true) {
        return Ok(Outcome::Unchanged);
    }
    client
        .batch_execute(&format!(
            "CREATE SCHEMA IF NOT EXISTS {SCHEMA};
             CREATE OR REPLACE FUNCTION {SCHEMA}.pg_notify(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.void
                 LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $pgtenant${BODY}$pgtenant$;
             GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC;
             GRANT EXECUTE ON FUNCTION {SCHEMA}.pg_notify(pg_catalog.text, pg_catalog.text) TO PUBLIC"
        ))
        .await?;
    Ok(if right.is_some() { Outcome::Changed } else { Outcome::Created })
}
