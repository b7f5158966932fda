//! Whether what arrived is what is here: the rows of each table by number and checksum, and where sequences are.
//!
//! Both sides are read as the tenant's own role, each in one snapshot. Of each row the text is hashed (SHA-256, the first eight
//! bytes), and the hashes are added up: the order of rows does not count.

use std::collections::BTreeSet;

use tokio_postgres::{Client, IsolationLevel, Transaction};

use crate::config::Config;
use crate::control::backup::session::open_tenant;
use crate::control::moving::{MoveError, MoveProgress, Told};
use crate::tenant::{Tenant, quote_identifier};

/// What is written of a value is the same on both sides.
const SETTINGS: &str = "SET LOCAL extra_float_digits = 3; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; \
     SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL xmloption = 'content'; SET LOCAL lc_monetary = 'C'";

/// Compares all. Returns the number of tables and of rows.
pub(super) async fn compare(
    (here, tenant): (&Config, &Tenant),
    (there, arrived): (&Config, &Tenant),
    progress: MoveProgress<'_>,
) -> Result<(usize, u64), MoveError> {
    let (mut one, _) = open_tenant(here, tenant).await?;
    let (mut other, _) = open_tenant(there, arrived).await?;
    let (one, other) = tokio::try_join!(View::open(&mut one, tenant), View::open(&mut other, arrived))?;
    let (tables, sequences) = one.same_relations(&other).await?;
    let mut rows = 0;
    for (number, table) in tables.iter().enumerate() {
        progress(Told::Tables(number, tables.len()));
        let (mine, its) = tokio::try_join!(one.digest(table), other.digest(table))?;
        if mine != its {
            return Err(MoveError::Differs(format!(
                "table {table} has {} rows with the checksum {} here, and {} with {} there",
                mine.0, mine.1, its.0, its.1
            )));
        }
        rows += mine.0.unsigned_abs();
    }
    progress(Told::Tables(tables.len(), tables.len()));
    for sequence in &sequences {
        let (mine, its) = tokio::try_join!(one.position(sequence), other.position(sequence))?;
        if mine != its {
            return Err(MoveError::Differs(format!(
                "sequence {sequence} is at {mine} here, and at {its} there"
            )));
        }
    }
    Ok((tables.len(), rows))
}

/// One moment of a tenant's schema.
struct View<'a> {
    tx: Transaction<'a>,
    tenant: &'a Tenant,
}

impl<'a> View<'a> {
    async fn open(client: &'a mut Client, tenant: &'a Tenant) -> Result<Self, MoveError> {
        let tx = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        tx.batch_execute(SETTINGS).await?;
        Ok(Self { tx, tenant })
    }

    /// Relations that hold something, of these kinds.
    async fn relations(&self, kinds: &str) -> Result<BTreeSet<String>, MoveError> {
        let sql = "SELECT c.relname::text FROM pg_catalog.pg_class c
                   JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = $1 AND pg_catalog.strpos($2, c.relkind::text) > 0";
        let rows = self.tx.query(sql, &[&self.tenant.names.schema.as_str(), &kinds]).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    /// Tables and sequences, which must be the same on both sides; other relations too, of which only the names are compared.
    async fn same_relations(&self, other: &View<'_>) -> Result<(Vec<String>, Vec<String>), MoveError> {
        let mut found = Vec::new();
        for kinds in ["r", "S", "pvmfI", "ic"] {
            let (mine, its) = tokio::try_join!(self.relations(kinds), other.relations(kinds))?;
            if let Some(name) = mine.difference(&its).next() {
                return Err(MoveError::Differs(format!("{name} is here, and not there")));
            }
            if let Some(name) = its.difference(&mine).next() {
                return Err(MoveError::Differs(format!("{name} is there, and not here")));
            }
            found.push(mine.into_iter().collect::<Vec<_>>());
        }
        let mut found = found.into_iter();
        Ok((found.next().unwrap_or_default(), found.next().unwrap_or_default()))
    }

    fn qualified(&self, relation: &str) -> String {
        format!("{}.{}", self.tenant.names.schema, quote_identifier(relation))
    }

    /// How many rows, and their checksum.
    async fn digest(&self, table: &str) -> Result<(i64, String), MoveError> {
        // `(r.*)` is the row, also where a column is called r.
        let sql = format!(
            "SELECT pg_catalog.count(*), COALESCE(pg_catalog.sum(('x' || pg_catalog.substr(pg_catalog.encode(
                 pg_catalog.sha256(pg_catalog.convert_to((r.*)::text, 'UTF8')), 'hex'), 1, 16))::bit(64)::pg_catalog.int8), 0)::text
             FROM ONLY {} r",
            self.qualified(table)
        );
        let row = self.tx.query_one(&sql, &[]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    async fn position(&self, sequence: &str) -> Result<String, MoveError> {
        let sql = format!("SELECT last_value::text || ' ' || is_called FROM {}", self.qualified(sequence));
        Ok(self.tx.query_one(&sql, &[]).await?.try_get(0)?)
    }
}
