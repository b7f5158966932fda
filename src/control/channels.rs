//! Notification channels: their secrets in the registry, and the function that adds them where the proxy sends
//! a call of pg_notify.

use tokio_postgres::GenericClient;

use crate::auth::MasterKey;
use crate::config::Secrets;
use crate::control::decoy::Origin;
use crate::control::{ControlError, Outcome, Step};
use crate::tenant::{Slug, TenantId};

/// The schema with the function, open to everybody: it adds the secret of the session's own user.
const SCHEMA: &str = "pgtenant_notify";

const BODY: &str = include_str!("pg_notify.sql");

/// Creates what is missing and puts right what is there, for all tenants. What a tenant's channels are called stays as
/// it is written down, unless an older program did that.
pub(super) async fn ensure(
    client: &impl GenericClient,
    origin: Origin,
    secrets: &Secrets,
) -> Result<Step, ControlError> {
    let mut outcome = ensure_function(client).await?;
    let changed = ensure_secrets(client, None, origin, secrets.oldest()).await?;
    if changed && outcome == Outcome::Unchanged {
        outcome = Outcome::Changed;
    }
    Ok(Step::new(outcome, format!("schema {SCHEMA}, notification channels of tenants")))
}

/// Writes down the secret of this tenant, where it has none.
pub(super) async fn ensure_secret(
    client: &impl GenericClient,
    slug: &Slug,
    master_key: &MasterKey,
) -> Result<(), ControlError> {
    ensure_secrets(client, Some(slug), Origin::New, master_key).await.map(drop)
}

/// Whether there was anything to write down. An older program had the proxies derive the secret, whatever was written
/// down; so what they use is written down then.
async fn ensure_secrets(
    client: &impl GenericClient,
    slug: Option<&Slug>,
    origin: Origin,
    master_key: &MasterKey,
) -> Result<bool, ControlError> {
    let sql = "SELECT t.id, t.role_name, c.role_name, c.prefix
               FROM pgtenant.tenants t LEFT JOIN pgtenant.channels c ON c.tenant_id = t.id
               WHERE $1::pg_catalog.text IS NULL OR t.slug = $1 ORDER BY t.id";
    let mut changed = false;
    for row in client.query(sql, &[&slug.map(Slug::as_str)]).await? {
        let (id, role): (_, &str) = (row.try_get(0)?, row.try_get(1)?);
        let (written_role, written): (Option<&str>, Option<&str>) = (row.try_get(2)?, row.try_get(3)?);
        let derived = master_key.channel_prefix(TenantId(id));
        let prefix = written.filter(|_| origin == Origin::New).unwrap_or_else(|| derived.as_str());
        if (written_role, written) != (Some(role), Some(prefix)) {
            client
                .execute(
                    "INSERT INTO pgtenant.channels AS c (tenant_id, role_name, prefix) VALUES ($1, $2, $3)
                     ON CONFLICT (tenant_id) DO UPDATE SET role_name = excluded.role_name, prefix = excluded.prefix",
                    &[&id, &role, &prefix],
                )
                .await?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Whether the function is as this program makes it; `None` where there is none.
pub(super) async fn function_is_right(client: &impl GenericClient) -> Result<Option<bool>, ControlError> {
    let found = client
        .query_opt(
            "SELECT pg_catalog.bool_and(p.prosrc = $2 AND p.prosecdef AND p.proconfig = ARRAY['search_path=pg_catalog, pg_temp'])
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = $1 GROUP BY n.oid",
            &[&SCHEMA, &BODY],
        )
        .await?;
    Ok(found.map(|row| row.try_get::<_, Option<bool>>(0)).transpose()?.map(|right| right == Some(true)))
}

async fn ensure_function(client: &impl GenericClient) -> Result<Outcome, ControlError> {
    let right = function_is_right(client).await?;
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
