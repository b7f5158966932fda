//! What the registry knows of tenants that are to be dropped.

use std::time::Duration;

use tokio_postgres::{Error, GenericClient};

use crate::tenant::{Slug, Status, TenantId};

/// How far the end of a tenant has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropState {
    /// Until when it can be kept, in UTC.
    pub after: String,
    /// Whether that time has come.
    pub is_due: bool,
    /// Its status before.
    pub before: Option<Status>,
    /// Whether some of its objects are gone already.
    pub has_begun: bool,
}

/// Of a tenant that is to be dropped.
///
/// # Errors
/// When the database does not answer.
pub async fn state(client: &impl GenericClient, id: TenantId) -> Result<Option<DropState>, Error> {
    let sql = "SELECT pg_catalog.to_char(drop_after AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                   drop_after <= pg_catalog.clock_timestamp(), status_before_drop, drop_begun
               FROM pgtenant.tenants WHERE id = $1 AND status = 'dropping'";
    let row = client.query_opt(sql, &[&id.0]).await?;
    row.map(|row| {
        Ok(DropState {
            after: row.try_get(0)?,
            is_due: row.try_get(1)?,
            before: Status::from_word(row.try_get(2)?),
            has_begun: row.try_get(3)?,
        })
    })
    .transpose()
}

/// Takes a tenant out of service, to be deleted after so long. One that is to be dropped already keeps its date, or gets an
/// earlier one.
///
/// # Errors
/// When the database refuses.
pub async fn mark(client: &impl GenericClient, id: TenantId, grace: Duration) -> Result<(), Error> {
    client
        .execute(
            "UPDATE pgtenant.tenants
             SET status_before_drop = COALESCE(status_before_drop, status), status = 'dropping',
                 drop_after = LEAST(drop_after, pg_catalog.now() + pg_catalog.make_interval(secs => $2))
             WHERE id = $1",
            &[&id.0, &grace.as_secs_f64()],
        )
        .await
        .map(drop)
}

/// Puts a tenant back to what it was.
///
/// # Errors
/// When the database refuses.
pub async fn unmark(client: &impl GenericClient, id: TenantId) -> Result<(), Error> {
    client
        .execute(
            "UPDATE pgtenant.tenants SET status = status_before_drop, status_before_drop = NULL, drop_after = NULL
             WHERE id = $1 AND status = 'dropping'",
            &[&id.0],
        )
        .await
        .map(drop)
}

/// From here on the tenant cannot be kept.
///
/// # Errors
/// When the database refuses.
pub async fn begin(client: &impl GenericClient, id: TenantId) -> Result<(), Error> {
    client
        .execute("UPDATE pgtenant.tenants SET drop_begun = true WHERE id = $1 AND NOT drop_begun", &[&id.0])
        .await
        .map(drop)
}

/// Tenants whose time has come.
///
/// # Errors
/// When the database does not answer.
pub async fn due(client: &impl GenericClient) -> Result<Vec<Slug>, Error> {
    let sql = "SELECT slug FROM pgtenant.tenants
               WHERE status = 'dropping' AND drop_after <= pg_catalog.clock_timestamp() ORDER BY drop_after, slug";
    let rows = client.query(sql, &[]).await?;
    let mut slugs = Vec::new();
    for row in rows {
        // The registry holds no others.
        slugs.extend(Slug::parse(row.try_get(0)?).ok());
    }
    Ok(slugs)
}

/// Takes a tenant out of the registry, with its users, keys and channels.
///
/// # Errors
/// When the database refuses.
pub async fn delete(client: &impl GenericClient, id: TenantId) -> Result<(), Error> {
    client.execute("DELETE FROM pgtenant.tenants WHERE id = $1", &[&id.0]).await.map(drop)
}
