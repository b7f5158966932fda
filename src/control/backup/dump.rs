//! Making a backup.
//!
//! Everything about the tenant's schema is read as the tenant's own role: whatever its views, functions and defaults do,
//! nobody runs them here with an operator's rights. The registry's row is read as who may read the registry.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdout;
use tokio_postgres::{Client, GenericClient, Transaction};

use crate::config::Config;
use crate::control::ControlError;
use crate::control::backup::manifest::{FORMAT, TableRows, UserRow};
use crate::control::backup::package::{CHUNK, Draft, SUFFIX, hex};
use crate::control::backup::session::{open_tenant, server_version};
use crate::control::backup::{BackupError, Manifest, Programs, Progress};
use crate::registry::{describe, ledger, store, users};
use crate::tenant::{Ident, Slug, Status};

/// How to make a backup.
#[derive(Clone, Debug)]
pub struct BackupOptions {
    /// What it is to be called, or the directory where it is to be under a name of its own.
    pub to: PathBuf,
    /// Whether it has the tenant's users with what their passwords are checked against.
    pub with_users: bool,
    /// What dumps.
    pub programs: Programs,
}

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
    /// SHA-256 of the dump.
    pub sha256: String,
}

/// Makes a backup of a tenant, of one moment, while it and all others work. `registry` may read the registry; it need
/// not be an administrator; `there` may read that of the tenant's cluster, whose configuration this is. Dropping the future ends it and leaves nothing behind.
///
/// # Errors
/// [`BackupError`]; there is no backup then, and no half of one.
pub async fn backup(
    (registry, there): (&impl GenericClient, &impl GenericClient),
    slug: &Slug,
    config: &Config,
    options: &BackupOptions,
    progress: Progress<'_>,
) -> Result<Backup, BackupError> {
    store::require_current(registry).await?;
    let found = store::summaries(registry, Some(slug)).await?.pop();
    let summary = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?;
    let tenant = &summary.tenant;
    if tenant.status == Status::Creating {
        return Err(ControlError::NotCreated(slug.clone()).into());
    }
    if tenant.cluster != config.cluster {
        let cluster = tenant.cluster.clone();
        return Err(ControlError::Elsewhere { slug: slug.clone(), cluster }.into());
    }
    let server = server_version(there).await?;
    let pg_dump = options.programs.dump_version(server).await?;
    let users = match options.with_users {
        true => Some(users_of(registry, tenant.id).await?),
        false => None,
    };
    let migrations = ledger::of_tenant(there, tenant.id).await?.iter().map(Into::into).collect();
    let (mut client, password) = open_tenant(config, tenant).await?;
    let snapshot = Snapshot::take(&mut client, &tenant.names.schema).await?;
    let path = target(&options.to, slug, &snapshot.created_at);
    let draft = Draft::create(&path)?;
    let login = (&tenant.names.role, &password);
    let (running, stdout) =
        options.programs.dump(&config.server, login, &tenant.names.schema, &snapshot.id)?;
    let (dump_path, file) = draft.dump()?;
    let file = tokio::fs::File::from_std(file);
    let written = write(stdout, (&dump_path, file), progress);
    let ((dump_bytes, sha256), tables) = tokio::try_join!(written, snapshot.count())?;
    running.end().await?;
    let created_at = snapshot.end().await?;
    let manifest = Manifest {
        format: FORMAT,
        pgtenant: env!("CARGO_PKG_VERSION").to_owned(),
        server_version: server,
        pg_dump,
        created_at,
        tenant: (&summary).into(),
        tables,
        dump_bytes,
        migrations,
        users,
    };
    draft.finish(&manifest, &sha256)?;
    Ok(Backup { path, manifest, sha256 })
}

async fn users_of(
    registry: &impl GenericClient,
    tenant: crate::tenant::TenantId,
) -> Result<Vec<UserRow>, BackupError> {
    let rows = users::verifiers(registry, tenant).await?;
    Ok(rows.into_iter().map(|(name, access, verifier)| UserRow { name, access, verifier }).collect())
}

/// A name of its own in a directory, else the name that was given.
fn target(to: &Path, slug: &Slug, created_at: &str) -> PathBuf {
    if !to.is_dir() || std::fs::symlink_metadata(to.join("SHA256SUMS")).is_ok() {
        return to.to_owned();
    }
    let moment: String = created_at.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    to.join(format!("{slug}-{moment}{SUFFIX}"))
}

/// One moment of the tenant's schema, held until it is dropped.
struct Snapshot<'a> {
    transaction: Transaction<'a>,
    id: String,
    created_at: String,
    schema: &'a Ident,
    tables: Vec<String>,
}

impl<'a> Snapshot<'a> {
    async fn take(client: &'a mut Client, schema: &'a Ident) -> Result<Self, BackupError> {
        let transaction = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let row = transaction
            .query_one(
                "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.to_char(
                     pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
                &[],
            )
            .await?;
        let tables = transaction
            .query(
                "SELECT c.relname::text FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY 1",
                &[&schema.as_str()],
            )
            .await?;
        let tables = tables.iter().map(|row| row.try_get(0)).collect::<Result<Vec<_>, _>>()?;
        let this = Self { id: row.try_get(0)?, created_at: row.try_get(1)?, transaction, schema, tables };
        this.lock().await?;
        Ok(this)
    }

    /// Nobody drops or alters a table until it is counted.
    async fn lock(&self) -> Result<(), BackupError> {
        if self.tables.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = self.tables.iter().map(|table| self.qualified(table)).collect();
        let sql = format!(
            "SET LOCAL lock_timeout = '30s'; LOCK TABLE ONLY {} IN ACCESS SHARE MODE",
            names.join(", ONLY ")
        );
        self.transaction.batch_execute(&sql).await.map_err(ControlError::from)?;
        Ok(())
    }

    fn qualified(&self, table: &str) -> String {
        format!("{}.{}", self.schema, crate::tenant::quote_identifier(table))
    }

    /// Lets go of the tables, and says when it was.
    async fn end(self) -> Result<String, BackupError> {
        self.transaction.commit().await?;
        Ok(self.created_at)
    }

    async fn count(&self) -> Result<Vec<TableRows>, BackupError> {
        let mut counted = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            let sql = format!("SELECT pg_catalog.count(*) FROM ONLY {}", self.qualified(table));
            let row = self.transaction.query_one(&sql, &[]).await;
            let row =
                row.map_err(|error| BackupError::Table { table: table.clone(), why: describe(&error) })?;
            let rows: i64 = row.try_get(0)?;
            counted.push(TableRows { table: table.clone(), rows: rows.unsigned_abs() });
        }
        Ok(counted)
    }
}

/// Writes what pg_dump says. Its size and its checksum.
async fn write(
    mut from: ChildStdout,
    (path, mut file): (&Path, tokio::fs::File),
    progress: Progress<'_>,
) -> Result<(u64, String), BackupError> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        let length = from.read(&mut chunk).await.map_err(BackupError::file("read from", "pg_dump"))?;
        if length == 0 {
            break;
        }
        hasher.update(&chunk[..length]);
        file.write_all(&chunk[..length]).await.map_err(BackupError::file("write", path))?;
        bytes += length as u64;
        progress("dumped", bytes);
    }
    file.flush().await.map_err(BackupError::file("write", path))?;
    file.sync_all().await.map_err(BackupError::file("write", path))?;
    Ok((bytes, hex(&hasher.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup_has_a_name_of_its_own_in_a_directory_and_else_the_one_given() {
        let dir = tempfile::tempdir().unwrap();
        let slug = Slug::parse("acme").unwrap();
        let named = |to: &Path| target(to, &slug, "2026-01-02T03:04:05Z");
        assert_eq!(named(dir.path()), dir.path().join("acme-20260102T030405Z.pgtenant"));
        assert_eq!(named(&dir.path().join("mine")), dir.path().join("mine"));
        // Another backup is no directory for backups: it is there already.
        std::fs::write(dir.path().join("SHA256SUMS"), "").unwrap();
        assert_eq!(named(dir.path()), dir.path());
    }
}
