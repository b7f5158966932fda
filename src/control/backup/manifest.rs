//! What stands beside the dump: whose it is, and how to tell that it is whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::auth::api_key::from_hex;
use crate::control::backup::BackupError;
use crate::control::backup::package::hex;
use crate::registry::ledger::Migration;
use crate::registry::store::TenantSummary;
use crate::tenant::{Ident, Level, Slug};

/// Format of the backups that this program makes.
pub const FORMAT: u32 = 1;

/// `manifest.json`. It holds no secret but, if asked for, what users' passwords are checked against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the program that made it.
    pub pgtenant: String,
    /// `server_version_num` of the server.
    pub server_version: u32,
    /// Major version of the pg_dump that made the dump.
    pub pg_dump: u32,
    /// When the snapshot was taken, UTC.
    pub created_at: String,
    /// The registry's row.
    pub tenant: TenantRow,
    /// Tables with rows of their own, and how many those were.
    pub tables: Vec<TableRows>,
    /// Size of the dump in bytes.
    pub dump_bytes: u64,
    /// Files of `pgtenant migrate` that its schema has.
    #[serde(default)]
    pub migrations: Vec<MigrationRow>,
    /// Users, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserRow>>,
}

/// A tenant as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRow {
    /// Short name.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// Customer at the payment provider.
    pub stripe_customer_id: Option<String>,
    /// Status.
    pub status: String,
    /// Level.
    pub level: String,
    /// Limits of its own.
    pub limits: BTreeMap<String, String>,
    /// Settings that its sessions begin with.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Schema.
    pub schema: String,
    /// Role.
    pub role: String,
    /// Role of its sessions that only read.
    pub reader_role: Option<String>,
    /// When it was created.
    pub created_at: String,
}

/// A file that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationRow {
    /// Its place in the order.
    pub number: i64,
    /// The rest of its name.
    pub name: String,
    /// SHA-256 of its text.
    pub checksum: String,
}

/// A table and its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// Name, without its schema.
    pub table: String,
    /// Rows.
    pub rows: u64,
}

/// A user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// Name.
    pub name: String,
    /// What it may do.
    pub access: String,
    /// PostgreSQL's text form of a SCRAM-SHA-256 verifier.
    pub verifier: String,
}

// By hand: without the verifier.
impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow")
            .field("name", &self.name)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// The manifest's names, as what they are.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) slug: Slug,
    pub(super) level: Level,
    pub(super) schema: Ident,
    pub(super) role: Ident,
    pub(super) reader_role: Option<Ident>,
}

impl From<&TenantSummary> for TenantRow {
    fn from(summary: &TenantSummary) -> Self {
        let tenant = &summary.tenant;
        Self {
            slug: tenant.slug.to_string(),
            name: tenant.name.clone(),
            stripe_customer_id: summary.stripe_customer_id.clone(),
            status: tenant.status.as_str().to_owned(),
            level: tenant.level.as_str().to_owned(),
            limits: summary.limits.clone(),
            settings: tenant.settings.clone(),
            schema: tenant.names.schema.as_str().to_owned(),
            role: tenant.names.role.as_str().to_owned(),
            reader_role: tenant.reader_role.as_ref().map(|role| role.as_str().to_owned()),
            created_at: summary.created_at.clone(),
        }
    }
}

impl From<&Migration> for MigrationRow {
    fn from(file: &Migration) -> Self {
        Self { number: file.number, name: file.name.clone(), checksum: hex(&file.checksum) }
    }
}

impl Manifest {
    /// What the ledger is to say of the schema.
    pub(super) fn ledger(&self) -> Result<Vec<Migration>, BackupError> {
        let read = |row: &MigrationRow| {
            let wrong = || {
                BackupError::Item(format!(
                    "its manifest gives {:?} as the checksum of a migration",
                    row.checksum
                ))
            };
            let checksum = from_hex(&row.checksum).filter(|_| row.number > 0).ok_or_else(wrong)?;
            Ok(Migration { number: row.number, name: row.name.clone(), checksum })
        };
        self.migrations.iter().map(read).collect()
    }

    /// Reads one. What it says is anybody's until its names are read too.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } =
            serde_json::from_slice(bytes).map_err(|error| format!("it is no manifest ({error})"))?;
        if format > FORMAT {
            return Err(format!(
                "it has format {format}, and this program knows up to {FORMAT}: use a newer pgtenant"
            ));
        }
        serde_json::from_slice(bytes).map_err(|error| format!("it is no manifest ({error})"))
    }

    pub(super) fn names(&self) -> Result<Named, BackupError> {
        let wrong =
            |what: &str, value: &str| BackupError::Item(format!("its manifest gives {value:?} as {what}"));
        let ident = |what: &str, value: &str| Ident::parse(value).map_err(|_| wrong(what, value));
        let tenant = &self.tenant;
        Ok(Named {
            slug: Slug::parse(&tenant.slug).map_err(|_| wrong("slug", &tenant.slug))?,
            level: Level::from_word(&tenant.level).ok_or_else(|| wrong("level", &tenant.level))?,
            schema: ident("schema", &tenant.schema)?,
            role: ident("role", &tenant.role)?,
            reader_role: tenant.reader_role.as_deref().map(|role| ident("role", role)).transpose()?,
        })
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}
