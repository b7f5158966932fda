//! Restoring a backup.

use std::path::PathBuf;

use tokio_postgres::{Client, GenericClient};
use tracing::warn;
use uuid::Uuid;

use crate::config::Config;
use crate::control::backup::load::Source;
use crate::control::backup::manifest::Named;
use crate::control::backup::package::Package;
use crate::control::backup::settle::{Loaded, schema_number};
use crate::control::backup::{Arrival, BackupError, Manifest, Programs, Progress, aside};
use crate::control::placed::{Reserved, refuse_elsewhere};
use crate::control::{ControlError, Provisioned, Run, rename};
use crate::guard::dump::Names;
use crate::registry::store::{self, TenantSummary};
use crate::tenant::{Ident, Slug, TenantId, TenantNames};

/// How to restore.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The backup.
    pub from: PathBuf,
    /// The tenant that it becomes; without one, the one that it is of.
    pub slug: Option<Slug>,
    /// Whether it takes the place of the data of a tenant that is there.
    pub replace: bool,
    /// Whether anything is changed.
    pub run: Run,
    /// What reads dumps.
    pub programs: Programs,
    /// What the registry of `main` has given a new tenant of another cluster.
    pub reserved: Option<Reserved>,
    /// The tenant's entry in the registry that it comes from, for one that is moved: it is created out of service.
    pub arrival: Option<Arrival>,
}

/// What was restored, or would be.
#[derive(Debug)]
pub struct Restored {
    /// The tenant.
    pub slug: Slug,
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Whether it takes, or took, the place of data.
    pub replaced: bool,
    /// What was created, where the tenant was not there.
    pub created: Option<Provisioned>,
    /// What was left out, or is to be looked at.
    pub notes: Vec<String>,
}

/// Why a restore ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Somebody wants it.
    Interrupted,
    /// It took too long.
    TimeLimit,
}

impl Stopped {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::TimeLimit => "the time limit (`--time-limit`) is over",
        }
    }
}

/// Restores a backup: as a tenant that is not there yet, or in the place of the data of one. Until the last transaction
/// the tenant has what it had.
///
/// # Errors
/// [`BackupError`]; nothing was changed then.
pub async fn restore(
    admin: &mut Client,
    config: &Config,
    options: &RestoreOptions,
    progress: Progress<'_>,
    stop: impl Future<Output = Stopped>,
) -> Result<Restored, BackupError> {
    store::require_current(admin).await?;
    let from = options.from.clone();
    let opened = tokio::task::spawn_blocking(move || Package::open(&from)).await;
    let package = opened.map_err(|_| BackupError::Script("its checksums cannot be computed"))??;
    let named = package.manifest.names()?;
    options.programs.restore_version(package.manifest.pg_dump).await?;
    aside::require_server(admin, package.manifest.server_version).await?;
    let slug = options.slug.as_ref().unwrap_or(&named.slug).clone();
    let existing = store::summaries(admin, Some(&slug)).await?.pop();
    // Where it comes from another cluster of `main`'s registry, that has it already.
    let comes = options.reserved.as_ref().filter(|reserved| reserved.comes);
    let existing = existing.filter(|found| comes.is_none_or(|reserved| reserved.id != found.tenant.id));
    existing.iter().try_for_each(|found| refuse_elsewhere(&found.tenant))?;
    // A name that was a tenant's is nobody's again, also where that tenant comes back.
    let id = options.arrival.as_ref().map_or_else(|| TenantId(Uuid::now_v7()), Arrival::id);
    let free = match &options.reserved {
        Some(reserved) => reserved.names.clone(),
        None => rename::free_names(admin, &slug, id).await?,
    };
    let target = Target::choose(&slug, existing.as_ref(), free, options.replace)?;
    let before = schema_number(admin, &target.names.schema).await?;
    let names = target.mapping(&named, aside::name(&slug)?);
    let mut source = Source {
        manifest: &package.manifest,
        dump: package.dump,
        programs: &options.programs,
        names: &names,
    };
    let mut plan = source.plan().await?;
    let mut restored = Restored {
        slug,
        manifest: package.manifest.clone(),
        replaced: options.replace,
        created: None,
        notes: Vec::new(),
    };
    if options.run == Run::Apply {
        let aside = aside::create(admin, &restored.slug).await?;
        let loaded = tokio::select! {
            loaded = source.load(&mut plan, config, &aside, progress) => loaded,
            stopped = stop => Err(BackupError::Stopped(stopped.as_str())),
        };
        let settled = match loaded {
            Ok(()) => {
                let arrival = options.arrival.as_ref();
                let reserved = options.reserved.as_ref();
                let (source, aside) = (&source, &aside.name);
                let loaded = Loaded { source, named: &named, plan: &plan, aside, arrival, reserved };
                settle(admin, config, &loaded, before, &mut restored).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            remove(admin, &aside.name).await;
            return Err(error);
        }
        restored.notes.extend(other_names(admin, &names).await?);
    }
    restored.notes.splice(0..0, plan.notes);
    Ok(restored)
}

async fn settle(
    admin: &mut Client,
    config: &Config,
    loaded: &Loaded<'_>,
    before: Option<u32>,
    restored: &mut Restored,
) -> Result<(), BackupError> {
    let Restored { slug, replaced, created, notes, .. } = restored;
    if *replaced {
        let before = before.ok_or_else(|| BackupError::ReplacedMeanwhile(slug.clone()))?;
        return loaded.replace(admin, slug, before).await;
    }
    *created = Some(loaded.create(admin, slug, config, notes).await?);
    Ok(())
}

/// What was loaded is no use any more. The next restore of the tenant removes what stays.
async fn remove(admin: &mut Client, name: &Ident) {
    if let Err(error) = aside::remove(admin, name).await {
        warn!(schema = name.as_str(), %error, "the schema and the role of a restore that failed could not be removed");
    }
}

/// Where it goes.
struct Target {
    names: TenantNames,
    reader: Ident,
}

impl Target {
    fn choose(
        slug: &Slug,
        existing: Option<&TenantSummary>,
        free: TenantNames,
        replace: bool,
    ) -> Result<Self, BackupError> {
        let reader = free.reader().unwrap_or_else(|| TenantNames::reader_for_slug(slug));
        match (existing, replace) {
            (Some(_), false) => Err(BackupError::TenantExists(slug.clone())),
            (None, true) => Err(BackupError::NothingToReplace(slug.clone())),
            (None, false) => Ok(Self { names: free, reader }),
            (Some(summary), true) => {
                let tenant = &summary.tenant;
                if tenant.status == crate::tenant::Status::Creating {
                    return Err(ControlError::NotCreated(slug.clone()).into());
                }
                let reader = tenant.reader_role.clone().or_else(|| tenant.names.reader()).unwrap_or(reader);
                Ok(Self { names: tenant.names.clone(), reader })
            }
        }
    }

    fn mapping(&self, named: &Named, aside: Ident) -> Names {
        let mut roles = vec![(named.role.clone(), self.names.role.clone())];
        roles.extend(named.reader_role.clone().map(|reader| (reader, self.reader.clone())));
        Names {
            from: named.schema.clone(),
            aside: aside.clone(),
            to: self.names.schema.clone(),
            loader: aside,
            roles,
        }
    }
}

/// Routines whose text names the schema by the name that it does not have any more. PostgreSQL reads them when they are called.
async fn other_names(client: &impl GenericClient, names: &Names) -> Result<Vec<String>, BackupError> {
    if names.from == names.to {
        return Ok(Vec::new());
    }
    let sql = "SELECT p.oid::pg_catalog.regprocedure::text
         FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname = $1 AND pg_catalog.strpos(p.prosrc, $2) > 0 ORDER BY 1";
    let rows = client.query(sql, &[&names.to.as_str(), &names.from.as_str()]).await?;
    let note = |row: &tokio_postgres::Row| {
        let routine: &str = row.try_get(0)?;
        Ok(format!("the body of {routine} names {}, and was not changed", names.from.as_str()))
    };
    rows.iter().map(note).collect()
}
