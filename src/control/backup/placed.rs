//! Restoring a backup on another cluster than that of the installation's registry.

use std::path::Path;

use tokio_postgres::Client;

use crate::config::Config;
use crate::control::backup::package::Package;
use crate::control::backup::restore::restore;
use crate::control::backup::{BackupError, Progress, RestoreOptions, Restored, Stopped};
use crate::control::placed::{cluster_of, hand_up, on_objects, release, reserve};
use crate::control::{ControlError, NewTenant, Run};
use crate::registry::store;
use crate::tenant::{Access, ClusterName, Slug, Status};

/// Where a backup goes, and as which tenant: a new one where it is said, else where new ones go, and one whose data it replaces
/// where that is.
///
/// # Errors
/// When it is said otherwise of one that is there, and when what is there is no backup.
pub async fn destination(
    main: &Client,
    options: &RestoreOptions,
    said: Option<&ClusterName>,
    usual: &ClusterName,
) -> Result<(ClusterName, Slug), BackupError> {
    let slug = match &options.slug {
        Some(slug) => slug.clone(),
        None => slug_of(&options.from).await?,
    };
    let name = match cluster_of(main, &slug).await? {
        Some(found) if options.replace => match said.filter(|said| **said != found) {
            Some(said) => return Err(BackupError::OnCluster { slug, found, said: said.clone() }),
            None => found,
        },
        _ => said.unwrap_or(usual).clone(),
    };
    Ok((name, slug))
}

/// The tenant that a backup is of.
async fn slug_of(from: &Path) -> Result<Slug, BackupError> {
    let from = from.to_owned();
    let opened = tokio::task::spawn_blocking(move || Package::open(&from)).await;
    let package = opened.map_err(|_| BackupError::Script("its checksums cannot be computed"))??;
    Ok(package.manifest.names()?.slug)
}

/// As [`restore`], on the cluster that this configuration is of. `slug` is the tenant that it becomes, or whose data it
/// replaces.
///
/// # Errors
/// [`BackupError`]; no tenant is in service then that was not.
pub async fn restore_at(
    (main, there): (&mut Client, &mut Client),
    slug: &Slug,
    (config, options): (&Config, &RestoreOptions),
    progress: Progress<'_>,
    stop: impl Future<Output = Stopped>,
) -> Result<Restored, BackupError> {
    if options.replace {
        let work = async |there: &mut Client| restore(there, config, options, progress, stop).await;
        return on_objects((main, there), slug, work).await;
    }
    let existing = store::summaries(main, Some(slug)).await?.pop();
    if existing.is_some_and(|found| found.tenant.status != Status::Creating) {
        return Err(BackupError::TenantExists(slug.clone()));
    }
    if options.run == Run::Dry {
        return restore(there, config, options, progress, stop).await;
    }
    store::require_current(&*there).await?;
    let new = NewTenant {
        slug: slug.clone(),
        name: None,
        stripe_customer_id: None,
        user: None,
        password: None,
        access: Access::ReadWrite,
        level: None,
        default_level: config.tenants.level,
    };
    let reserved = reserve(main, &new, (&config.cluster, None), &config.secrets.master_key).await?;
    let options = RestoreOptions { reserved: Some(reserved.clone()), ..options.clone() };
    let mut restored = match restore(there, config, &options, progress, stop).await {
        Ok(restored) => restored,
        Err(error) => {
            release(main, there, &reserved).await;
            return Err(error);
        }
    };
    restored.notes.extend(hand_up(main, there, slug).await?);
    if let Some(made) = &mut restored.created {
        let found = store::summaries(main, Some(slug)).await?.pop();
        made.summary = found.ok_or_else(|| ControlError::UnreadableTenant(slug.clone()))?;
    }
    Ok(restored)
}
