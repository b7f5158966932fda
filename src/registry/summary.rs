//! Tenants as an operator sees them.

use std::collections::BTreeMap;

use tokio_postgres::{Error, GenericClient, Row};

use crate::registry::store::{TENANT_COLUMNS, tenant_from, texts};
use crate::tenant::{Ident, Slug, Status, Tenant};

/// What an operator wants to see of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantSummary {
    /// The tenant.
    pub tenant: Tenant,
    /// Customer at the payment provider.
    pub stripe_customer_id: Option<String>,
    /// User names in order.
    pub users: Vec<String>,
    /// Creation time, UTC, ISO 8601.
    pub created_at: String,
    /// Limits of its own, as they are written.
    pub limits: BTreeMap<String, String>,
    /// When it will be deleted, UTC, ISO 8601; only where it is to be dropped.
    pub drop_after: Option<String>,
}

impl TenantSummary {
    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let tenant = &self.tenant;
        serde_json::json!({
            "id": tenant.id.to_string(),
            "slug": tenant.slug.as_str(),
            "name": tenant.name,
            "status": tenant.status.as_str(),
            "level": tenant.level.as_str(),
            "cluster": tenant.cluster.as_str(),
            "schema": tenant.names.schema.as_str(),
            "role": tenant.names.role.as_str(),
            "users": self.users,
            "stripe_customer_id": self.stripe_customer_id,
            "created_at": self.created_at,
            "limits": self.limits,
            "settings": tenant.settings,
            "drop_after": self.drop_after,
        })
    }
}

/// Tenants in any status, by slug: all, or the one asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn summaries(
    client: &impl GenericClient,
    slug: Option<&Slug>,
) -> Result<Vec<TenantSummary>, Error> {
    let sql = select_summaries("$1::pg_catalog.text IS NULL OR t.slug = $1 ORDER BY t.slug");
    read_summaries(&client.query(&sql, &[&slug.map(Slug::as_str)]).await?)
}

/// Those whose schema and roles are in this registry's own database, in any status, by slug.
///
/// # Errors
/// When the database does not answer.
pub async fn summaries_here(client: &impl GenericClient) -> Result<Vec<TenantSummary>, Error> {
    let mut all = summaries(client, None).await?;
    all.retain(|found| found.tenant.cluster.is_main());
    Ok(all)
}

/// Which tenants to tell of.
#[derive(Clone, Debug, Default)]
pub struct TenantPage {
    /// Those whose slugs come behind this one.
    pub after: Option<Slug>,
    /// So many at most.
    pub limit: i64,
    /// Only this customer's.
    pub stripe_customer_id: Option<String>,
    /// Only those in this status.
    pub status: Option<Status>,
}

/// Tenants by slug, one page of them.
///
/// # Errors
/// When the database does not answer.
pub async fn page(client: &impl GenericClient, page: &TenantPage) -> Result<Vec<TenantSummary>, Error> {
    let sql = select_summaries(
        "($1::pg_catalog.text IS NULL OR t.slug COLLATE \"C\" > $1)
            AND ($2::pg_catalog.text IS NULL OR t.stripe_customer_id = $2)
            AND ($3::pg_catalog.text IS NULL OR t.status = $3)
         ORDER BY t.slug COLLATE \"C\" LIMIT $4",
    );
    let (after, status) = (page.after.as_ref().map(Slug::as_str), page.status.map(Status::as_str));
    read_summaries(&client.query(&sql, &[&after, &page.stripe_customer_id, &status, &page.limit]).await?)
}

fn select_summaries(which: &str) -> String {
    format!(
        "SELECT {TENANT_COLUMNS}, t.stripe_customer_id,
             ARRAY(SELECT u.user_name FROM pgtenant.users u WHERE u.tenant_id = t.id ORDER BY 1),
             pg_catalog.to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
             pg_catalog.to_char(t.drop_after AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
         FROM pgtenant.tenants t WHERE {which}"
    )
}

fn read_summaries(rows: &[Row]) -> Result<Vec<TenantSummary>, Error> {
    let mut summaries = Vec::new();
    for row in rows {
        let Some(tenant) = tenant_from(row)? else { continue };
        summaries.push(TenantSummary {
            tenant,
            stripe_customer_id: row.try_get(16)?,
            users: row.try_get(17)?,
            created_at: row.try_get(18)?,
            limits: texts(row.try_get(7)?).unwrap_or_default(),
            drop_after: row.try_get(19)?,
        });
    }
    Ok(summaries)
}

/// Tenants in any status.
///
/// # Errors
/// When the database does not answer.
pub async fn count(client: &impl GenericClient) -> Result<i64, Error> {
    client.query_one("SELECT pg_catalog.count(*) FROM pgtenant.tenants", &[]).await?.try_get(0)
}

/// Tables in a schema, and bytes on disk of everything in it with indexes and TOAST.
///
/// # Errors
/// When the database does not answer.
pub async fn schema_size(client: &impl GenericClient, schema: &Ident) -> Result<(i64, i64), Error> {
    let row = client
        .query_one(
            "SELECT pg_catalog.count(*) FILTER (WHERE c.relkind IN ('r', 'p')),
                 COALESCE(pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))
                     FILTER (WHERE c.relkind IN ('r', 'm', 'S')), 0)::pg_catalog.int8
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1",
            &[&schema.as_str()],
        )
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
