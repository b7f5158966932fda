//! The ledger of migrations: which file was applied to which schema, and what became of it.

use tokio_postgres::{Error, GenericClient, Row};
use uuid::Uuid;

use crate::tenant::{Ident, Slug, Status, TenantId};

/// A file as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its place in the order.
    pub number: i64,
    /// The rest of its name.
    pub name: String,
    /// Of its text.
    pub checksum: [u8; 32],
}

/// Whose schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The template's.
    Template,
    /// A tenant's.
    Tenant(TenantId),
}

/// Where a migration stands that is not applied as its file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was begun; nobody has written down its end.
    Running,
    /// It was applied.
    Applied,
    /// It failed.
    Failed,
}

/// A row that is not "applied, as the file is today".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odd {
    /// The file's number.
    pub number: i64,
    /// Its name when it was run.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Whether it runs in a transaction.
    pub in_transaction: bool,
    /// What PostgreSQL said.
    pub error: Option<String>,
}

/// Where one schema stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The tenant; `None` for the template.
    pub tenant: Option<Place>,
    /// Numbers of the files that are applied as they are today, in order.
    pub applied: Vec<i64>,
    /// All other rows, in order.
    pub odd: Vec<Odd>,
}

/// A tenant as far as migrations need it to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Registry key.
    pub id: TenantId,
    /// Short name.
    pub slug: Slug,
    /// Whether it is in service.
    pub status: Status,
    /// Whether proxies are told that its schema changes.
    pub changing: bool,
}

/// Where all schemas stand, in one query: the template first, then the tenants by slug. A row that this program cannot
/// understand is left out.
///
/// # Errors
/// When the database does not answer.
pub async fn standings(client: &impl GenericClient, files: &[Migration]) -> Result<Vec<Standing>, Error> {
    let numbers: Vec<i64> = files.iter().map(|file| file.number).collect();
    let checksums: Vec<&[u8]> = files.iter().map(|file| &file.checksum[..]).collect();
    let rows = client.query(STANDINGS, &[&numbers, &checksums]).await?;
    rows.iter().filter_map(|row| standing(row).transpose()).collect()
}

/// Rows are aggregated before they are joined: there may be a hundred thousand.
const STANDINGS: &str = "
WITH file AS (
    SELECT * FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.int8[]), pg_catalog.unnest($2::pg_catalog.bytea[])) f(number, checksum)
),
ledger AS (
    SELECT tenant_id, number, name, checksum, state, xid, error FROM pgtenant.migrations
    UNION ALL
    SELECT NULL, number, name, checksum, state, xid, error FROM pgtenant.template_migrations
),
judged AS (
    SELECT l.*, l.state = 'applied' AND f.number IS NOT NULL AS fine
    FROM ledger l LEFT JOIN file f ON f.number = l.number AND f.checksum = l.checksum
),
found AS (
    SELECT tenant_id,
        pg_catalog.array_agg(number ORDER BY number) FILTER (WHERE fine) AS applied,
        pg_catalog.array_agg(number ORDER BY number) FILTER (WHERE NOT fine) AS numbers,
        pg_catalog.array_agg(name ORDER BY number) FILTER (WHERE NOT fine) AS names,
        pg_catalog.array_agg(state ORDER BY number) FILTER (WHERE NOT fine) AS states,
        pg_catalog.array_agg(xid IS NOT NULL ORDER BY number) FILTER (WHERE NOT fine) AS in_transaction,
        pg_catalog.array_agg(error ORDER BY number) FILTER (WHERE NOT fine) AS errors
    FROM judged GROUP BY tenant_id
)
SELECT t.id, t.slug, t.status, COALESCE(s.changing, false), f.applied, f.numbers, f.names, f.states, f.in_transaction, f.errors
FROM pgtenant.tenants_here t LEFT JOIN found f ON f.tenant_id = t.id LEFT JOIN pgtenant.schema_states s ON s.tenant_id = t.id
UNION ALL
SELECT NULL, NULL, NULL, false, f.applied, f.numbers, f.names, f.states, f.in_transaction, f.errors
FROM (SELECT 1) one LEFT JOIN found f ON f.tenant_id IS NULL
ORDER BY 2 NULLS FIRST";

fn standing(row: &Row) -> Result<Option<Standing>, Error> {
    let tenant = match row.try_get::<_, Option<Uuid>>(0)? {
        None => None,
        Some(id) => {
            let (slug, status): (&str, &str) = (row.try_get(1)?, row.try_get(2)?);
            let (Ok(slug), Some(status)) = (Slug::parse(slug), Status::from_word(status)) else {
                return Ok(None);
            };
            Some(Place { id: TenantId(id), slug, status, changing: row.try_get(3)? })
        }
    };
    let applied: Option<Vec<i64>> = row.try_get(4)?;
    let numbers: Option<Vec<i64>> = row.try_get(5)?;
    let names: Option<Vec<String>> = row.try_get(6)?;
    let states: Option<Vec<String>> = row.try_get(7)?;
    let in_transaction: Option<Vec<bool>> = row.try_get(8)?;
    let errors: Option<Vec<Option<String>>> = row.try_get(9)?;
    let mut odd = Vec::new();
    let parts = names.unwrap_or_default().into_iter().zip(states.unwrap_or_default());
    let rest = in_transaction.unwrap_or_default().into_iter().zip(errors.unwrap_or_default());
    for ((number, (name, state)), (in_transaction, error)) in
        numbers.unwrap_or_default().into_iter().zip(parts).zip(rest)
    {
        let state = match state.as_str() {
            "applied" => State::Applied,
            "failed" => State::Failed,
            _ => State::Running,
        };
        odd.push(Odd { number, name, state, in_transaction, error });
    }
    Ok(Some(Standing { tenant, applied: applied.unwrap_or_default(), odd }))
}

/// Keeps all others from migrating for as long as the caller's transaction lives. It takes no number and no snapshot, so
/// it holds up neither VACUUM nor CREATE INDEX CONCURRENTLY.
///
/// # Errors
/// `55P03` when somebody else has it.
pub async fn lock_run(client: &impl GenericClient) -> Result<(), Error> {
    client.batch_execute("LOCK TABLE pgtenant.migration_run IN EXCLUSIVE MODE NOWAIT").await
}

/// Keeps the template as it is, ledger and all, while it is cloned in the caller's transaction.
///
/// # Errors
/// When it is being migrated for too long.
pub async fn hold_template(client: &impl GenericClient) -> Result<(), Error> {
    client.batch_execute("LOCK TABLE pgtenant.template_migrations IN SHARE MODE").await
}

/// Keeps others from cloning the template while the caller's transaction changes it.
///
/// # Errors
/// When it is cloned for too long.
pub async fn lock_template(client: &impl GenericClient) -> Result<(), Error> {
    client.batch_execute("LOCK TABLE pgtenant.template_migrations IN EXCLUSIVE MODE").await
}

/// Gives a schema that was just cloned from the template what the template's ledger says.
///
/// # Errors
/// When the database refuses.
pub async fn inherit(client: &impl GenericClient, schema: &Ident) -> Result<(), Error> {
    client
        .execute(
            "DELETE FROM pgtenant.migrations m USING pgtenant.tenants t
             WHERE t.id = m.tenant_id AND t.schema_name = $1",
            &[&schema.as_str()],
        )
        .await?;
    client
        .execute(
            "INSERT INTO pgtenant.migrations (tenant_id, number, name, checksum, state)
             SELECT t.id, m.number, m.name, m.checksum, m.state
             FROM pgtenant.template_migrations m, pgtenant.tenants t
             WHERE t.schema_name = $1 AND m.state = 'applied'",
            &[&schema.as_str()],
        )
        .await
        .map(drop)
}

/// Writes down the end of what was begun and not ended by a program that is no more, as PostgreSQL knows it. What is
/// still in progress, or forgotten, stays as it is.
///
/// # Errors
/// When the database refuses.
pub async fn settle(client: &impl GenericClient) -> Result<(), Error> {
    for table in ["pgtenant.template_migrations", "pgtenant.migrations"] {
        client
            .batch_execute(&format!(
                "UPDATE {table} SET state = 'applied', changed_at = pg_catalog.now()
                 WHERE state = 'running' AND xid IS NOT NULL AND pgtenant.fate(xid) = 'committed';
                 DELETE FROM {table} WHERE state = 'running' AND xid IS NOT NULL AND pgtenant.fate(xid) = 'aborted'"
            ))
            .await?;
    }
    Ok(())
}

/// Writes down that a file is begun, in the transaction `xid` if in any. False: it is applied, or somebody runs it.
///
/// # Errors
/// When the database refuses.
pub async fn begin(
    client: &impl GenericClient,
    target: Target,
    file: &Migration,
    xid: Option<&str>,
) -> Result<bool, Error> {
    let columns = "name = excluded.name, checksum = excluded.checksum, state = 'running', xid = excluded.xid,
         error = NULL, changed_at = pg_catalog.now()
         WHERE m.state = 'failed' OR (m.state = 'running' AND (m.xid IS NULL OR pgtenant.fate(m.xid) = 'aborted'))";
    let checksum = &file.checksum[..];
    let rows = match target {
        Target::Template => {
            let sql = format!(
                "INSERT INTO pgtenant.template_migrations AS m (number, name, checksum, state, xid)
                 VALUES ($1, $2, $3, 'running', $4) ON CONFLICT (number) DO UPDATE SET {columns}"
            );
            client.execute(&sql, &[&file.number, &file.name, &checksum, &xid]).await?
        }
        Target::Tenant(id) => {
            let sql = format!(
                "INSERT INTO pgtenant.migrations AS m (tenant_id, number, name, checksum, state, xid)
                 VALUES ($5, $1, $2, $3, 'running', $4) ON CONFLICT (tenant_id, number) DO UPDATE SET {columns}"
            );
            client.execute(&sql, &[&file.number, &file.name, &checksum, &xid, &id.0]).await?
        }
    };
    Ok(rows == 1)
}

/// Writes down that a file was applied.
///
/// # Errors
/// When the database refuses.
pub async fn applied(client: &impl GenericClient, target: Target, number: i64) -> Result<(), Error> {
    end(client, target, number, "applied", None).await
}

/// Writes down that a file failed.
///
/// # Errors
/// When the database refuses.
pub async fn failed(
    client: &impl GenericClient,
    target: Target,
    number: i64,
    error: &str,
) -> Result<(), Error> {
    end(client, target, number, "failed", Some(error)).await
}

async fn end(
    client: &impl GenericClient,
    target: Target,
    number: i64,
    state: &str,
    error: Option<&str>,
) -> Result<(), Error> {
    let set =
        "SET state = $2, error = $3, changed_at = pg_catalog.now() WHERE state = 'running' AND number = $1";
    match target {
        Target::Template => {
            let sql = format!("UPDATE pgtenant.template_migrations {set}");
            client.execute(&sql, &[&number, &state, &error]).await.map(drop)
        }
        Target::Tenant(id) => {
            let sql = format!("UPDATE pgtenant.migrations {set} AND tenant_id = $4");
            client.execute(&sql, &[&number, &state, &error, &id.0]).await.map(drop)
        }
    }
}

/// What became of the transaction that a file runs in: `None` where PostgreSQL does not know any more.
///
/// # Errors
/// When the database does not answer.
pub async fn fate(client: &impl GenericClient, xid: &str) -> Result<Option<String>, Error> {
    client.query_one("SELECT pgtenant.fate($1)", &[&xid]).await?.try_get(0)
}

/// Writes down files as applied that nobody has run here. Rows that say so already stay as they are; what failed or was
/// never ended is taken over. Returns how many were written.
///
/// # Errors
/// When the database refuses.
pub async fn baseline(
    client: &impl GenericClient,
    target: Target,
    files: &[Migration],
) -> Result<u64, Error> {
    let numbers: Vec<i64> = files.iter().map(|file| file.number).collect();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let checksums: Vec<&[u8]> = files.iter().map(|file| &file.checksum[..]).collect();
    let (table, key, column, value) = match target {
        Target::Template => ("pgtenant.template_migrations", "number", "", ""),
        Target::Tenant(_) => {
            ("pgtenant.migrations", "tenant_id, number", "tenant_id, ", "$4::pg_catalog.uuid, ")
        }
    };
    let sql = format!(
        "INSERT INTO {table} AS m ({column}number, name, checksum, state)
         SELECT {value}f.number, f.name, f.checksum, 'applied'
         FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.int8[]), pg_catalog.unnest($2::pg_catalog.text[]),
             pg_catalog.unnest($3::pg_catalog.bytea[])) f(number, name, checksum)
         ON CONFLICT ({key}) DO UPDATE SET name = excluded.name, checksum = excluded.checksum, state = 'applied',
             xid = NULL, error = NULL, changed_at = pg_catalog.now() WHERE m.state <> 'applied'"
    );
    match target {
        Target::Template => client.execute(&sql, &[&numbers, &names, &checksums]).await,
        Target::Tenant(id) => client.execute(&sql, &[&numbers, &names, &checksums, &id.0]).await,
    }
}

/// Files that are applied to a tenant's schema, in order.
///
/// # Errors
/// When the database does not answer.
pub async fn of_tenant(client: &impl GenericClient, tenant: TenantId) -> Result<Vec<Migration>, Error> {
    let sql = "SELECT number, name, checksum FROM pgtenant.migrations
         WHERE tenant_id = $1 AND state = 'applied' ORDER BY number";
    client.query(sql, &[&tenant.0]).await?.iter().map(migration).collect()
}

/// Files that are applied to the template, in order.
///
/// # Errors
/// When the database does not answer.
pub async fn of_template(client: &impl GenericClient) -> Result<Vec<Migration>, Error> {
    let sql = "SELECT number, name, checksum FROM pgtenant.template_migrations
         WHERE state = 'applied' ORDER BY number";
    client.query(sql, &[]).await?.iter().map(migration).collect()
}

fn migration(row: &Row) -> Result<Migration, Error> {
    let checksum: Vec<u8> = row.try_get(2)?;
    // The table checks its length.
    let checksum = checksum.try_into().unwrap_or_default();
    Ok(Migration { number: row.try_get(0)?, name: row.try_get(1)?, checksum })
}

/// How far a file has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCount {
    /// Its place in the order.
    pub number: i64,
    /// The rest of its name.
    pub name: String,
    /// Of its text.
    pub checksum: Vec<u8>,
    /// Whether the template has it.
    pub template: bool,
    /// Tenants that have it.
    pub applied: i64,
    /// Tenants where it was begun, and nobody has written down its end.
    pub running: i64,
    /// Tenants where it failed.
    pub failed: i64,
}

/// A file that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The tenant's slug; `None` for the template.
    pub tenant: Option<String>,
    /// Its place in the order.
    pub number: i64,
    /// The rest of its name.
    pub name: String,
    /// What PostgreSQL said.
    pub error: Option<String>,
}

/// Most failures that [`failures`] names.
const MOST_FAILURES: i64 = 100;

/// All files that were begun anywhere, in order. One that was changed after it was applied to some is there twice.
///
/// # Errors
/// When the database does not answer.
pub async fn counts(client: &impl GenericClient) -> Result<Vec<FileCount>, Error> {
    let sql = "SELECT l.number, l.name, pg_catalog.bool_or(l.of_template AND l.state = 'applied'),
             pg_catalog.count(*) FILTER (WHERE NOT l.of_template AND l.state = 'applied'),
             pg_catalog.count(*) FILTER (WHERE NOT l.of_template AND l.state = 'running'),
             pg_catalog.count(*) FILTER (WHERE NOT l.of_template AND l.state = 'failed'), l.checksum
         FROM (SELECT number, name, checksum, state, false AS of_template FROM pgtenant.migrations
               UNION ALL SELECT number, name, checksum, state, true FROM pgtenant.template_migrations) l
         GROUP BY l.number, l.name, l.checksum ORDER BY l.number, l.name";
    let read = |row: &Row| {
        Ok(FileCount {
            number: row.try_get(0)?,
            name: row.try_get(1)?,
            template: row.try_get(2)?,
            applied: row.try_get(3)?,
            running: row.try_get(4)?,
            failed: row.try_get(5)?,
            checksum: row.try_get(6)?,
        })
    };
    client.query(sql, &[]).await?.iter().map(read).collect()
}

/// What several ledgers say together. A template has a file where all have it.
#[must_use]
pub fn sum(ledgers: &[Vec<FileCount>]) -> Vec<FileCount> {
    let mut sums: Vec<(FileCount, usize)> = Vec::new();
    for file in ledgers.iter().flatten() {
        // One that was changed in between is twice in the same ledger, and so it stays.
        match sums.iter_mut().find(|(sum, _)| {
            sum.checksum == file.checksum && sum.number == file.number && sum.name == file.name
        }) {
            None => sums.push((file.clone(), usize::from(file.template))),
            Some((sum, templates)) => {
                *templates += usize::from(file.template);
                sum.applied += file.applied;
                sum.running += file.running;
                sum.failed += file.failed;
            }
        }
    }
    sums.sort_by(|(a, _), (b, _)| (a.number, &a.name).cmp(&(b.number, &b.name)));
    let whole =
        |(sum, templates): (FileCount, usize)| FileCount { template: templates == ledgers.len(), ..sum };
    sums.into_iter().map(whole).collect()
}

/// What failed and was not run again since, the first hundred by tenant.
///
/// # Errors
/// When the database does not answer.
pub async fn failures(client: &impl GenericClient) -> Result<Vec<Failed>, Error> {
    let sql = "SELECT t.slug, m.number, m.name, m.error FROM pgtenant.migrations m
             JOIN pgtenant.tenants t ON t.id = m.tenant_id WHERE m.state = 'failed'
         UNION ALL SELECT NULL, number, name, error FROM pgtenant.template_migrations WHERE state = 'failed'
         ORDER BY 1 NULLS FIRST, 2 LIMIT $1";
    let read = |row: &Row| {
        Ok(Failed {
            tenant: row.try_get(0)?,
            number: row.try_get(1)?,
            name: row.try_get(2)?,
            error: row.try_get(3)?,
        })
    };
    client.query(sql, &[&MOST_FAILURES]).await?.iter().map(read).collect()
}

/// Forgets what was applied to a tenant's schema, which is not in this database any more.
///
/// # Errors
/// When the database refuses.
pub async fn forget(client: &impl GenericClient, tenant: TenantId) -> Result<(), Error> {
    client.execute("DELETE FROM pgtenant.migrations WHERE tenant_id = $1", &[&tenant.0]).await.map(drop)
}

/// Writes down that these files and no others are applied to a tenant's schema, which was replaced, and tells proxies that it has changed.
///
/// # Errors
/// When the database refuses.
pub async fn replace(
    client: &impl GenericClient,
    tenant: TenantId,
    files: &[Migration],
) -> Result<(), Error> {
    forget(client, tenant).await?;
    baseline(client, Target::Tenant(tenant), files).await?;
    begin_change(client, &[tenant]).await?;
    end_change(client, &[tenant]).await
}

/// Tells proxies that the schemas of these tenants begin to change.
///
/// # Errors
/// When the database refuses.
pub async fn begin_change(client: &impl GenericClient, tenants: &[TenantId]) -> Result<(), Error> {
    let ids: Vec<Uuid> = tenants.iter().map(|id| id.0).collect();
    client
        .execute(
            "INSERT INTO pgtenant.schema_states (tenant_id, epoch, changing)
             SELECT id, 1, true FROM pg_catalog.unnest($1::pg_catalog.uuid[]) one(id)
             ON CONFLICT (tenant_id) DO UPDATE SET changing = true, epoch = schema_states.epoch + 1",
            &[&ids],
        )
        .await
        .map(drop)
}

/// Tells proxies that the schemas of these tenants have changed, and rest.
///
/// # Errors
/// When the database refuses.
pub async fn end_change(client: &impl GenericClient, tenants: &[TenantId]) -> Result<(), Error> {
    let ids: Vec<Uuid> = tenants.iter().map(|id| id.0).collect();
    client
        .execute(
            "UPDATE pgtenant.schema_states SET changing = false, epoch = epoch + 1 WHERE tenant_id = ANY ($1)",
            &[&ids],
        )
        .await
        .map(drop)
}
