//! A fence around a tenant's tables: they can be read, and nobody writes to them, until it is let go.
//!
//! A tenant that is suspended has no sessions after a second. A proxy that cannot be reached may not have heard of it, and
//! an administrator may be at work: whatever they would write after the copy was taken would be lost.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use crate::config::Config;
use crate::control::backup::session::open_tenant;
use crate::control::moving::MoveError;
use crate::tenant::{Slug, Tenant, quote_identifier};

/// How long is waited for transactions that write.
const PATIENCE: &str = "30s";

/// A session in a transaction that holds a lock on each table. It has neither a snapshot nor a number, and so does not hold up
/// VACUUM elsewhere.
pub(super) struct Fence {
    client: Client,
    slug: Slug,
}

impl Fence {
    /// Waits until nobody writes any more.
    pub(super) async fn raise(config: &Config, tenant: &Tenant) -> Result<Self, MoveError> {
        let (client, _) = open_tenant(config, tenant).await?;
        let slug = tenant.slug.clone();
        let tables = tables(&client, tenant.names.schema.as_str()).await?;
        let qualified = |table: &String| format!("{}.{}", tenant.names.schema, quote_identifier(table));
        let names: Vec<_> = tables.iter().map(qualified).collect();
        let lock = match names.is_empty() {
            true => String::new(),
            false => format!("LOCK TABLE ONLY {} IN SHARE MODE", names.join(", ONLY ")),
        };
        let raised =
            client.batch_execute(&format!("BEGIN; SET LOCAL lock_timeout = '{PATIENCE}'; {lock}")).await;
        match raised {
            Ok(()) => Ok(Self { client, slug }),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                Err(MoveError::Held { slug, limit: PATIENCE })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it has stood all the time.
    pub(super) async fn is_up(&self) -> Result<(), MoveError> {
        // A session that is another has no lock; one that ended answers nothing.
        self.client.batch_execute("SELECT").await.map_err(|_| MoveError::FenceDown(self.slug.clone()))
    }
}

/// Tables of a schema, parts of partitioned ones too.
async fn tables(client: &impl GenericClient, schema: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let sql = "SELECT c.relname::text FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY 1";
    client.query(sql, &[&schema]).await?.iter().map(|row| row.try_get(0)).collect()
}
