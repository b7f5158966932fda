//! Migrations on several clusters: one run after the other, told as one.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tokio_postgres::Client;

use crate::cli::connect::{AdminArgs, connect_reader};
use crate::cli::place::config_of;
use crate::config::Config;
use crate::control::ControlError;
use crate::control::migrate::MigratePlan;
use crate::control::placed::{cluster_of, tell_states};
use crate::tenant::{ClusterName, Slug};

/// The plan for each cluster, in the order of the runs: first those with canaries, which are to stop the others.
///
/// # Errors
/// When a tenant that is named is not there, or its cluster is not described.
pub(super) async fn plans(config: &Config, plan: &MigratePlan) -> Result<Vec<(Config, MigratePlan)>> {
    if config.clusters.is_empty() {
        return Ok(vec![(config.clone(), plan.clone())]);
    }
    if let Some(only) = &plan.only {
        return Ok(vec![(of_tenant(config, only).await?, plan.clone())]);
    }
    let mut canaries: BTreeMap<ClusterName, Vec<Slug>> = BTreeMap::new();
    for slug in &plan.canaries {
        canaries.entry(of_tenant(config, slug).await?.cluster).or_default().push(slug.clone());
    }
    let mut plans = Vec::new();
    for name in config.cluster_names() {
        let canaries = canaries.remove(&name).unwrap_or_default();
        plans.push((config_of(config, &name)?, MigratePlan { canaries, ..plan.clone() }));
    }
    plans.sort_by_key(|(_, plan)| plan.canaries.is_empty());
    Ok(plans)
}

/// The configuration of the cluster that a tenant is on.
///
/// # Errors
/// When it is not there, or its cluster is not described.
pub(super) async fn of_tenant(config: &Config, slug: &Slug) -> Result<Config> {
    if config.clusters.is_empty() {
        return Ok(config.clone());
    }
    let found = cluster_of(&connect_reader(config).await?, slug).await?;
    let name = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?;
    config_of(config, &name)
}

/// All clusters, or that of one tenant.
///
/// # Errors
/// As [`of_tenant`].
pub(super) async fn all_or_of(config: &Config, only: Option<&Slug>) -> Result<Vec<Config>> {
    match only {
        Some(slug) => Ok(vec![of_tenant(config, slug).await?]),
        None => config.cluster_names().map(|name| config_of(config, &name)).collect(),
    }
}

/// Lets proxies know that the schemas of another cluster's tenants may change, and afterwards how they are: proxies read the
/// registry of `main`.
pub(super) struct Told<'a> {
    main: Option<Client>,
    there: &'a Config,
}

impl<'a> Told<'a> {
    /// From now on they may change; where it is `main` that has the schemas, the run itself says so.
    ///
    /// # Errors
    /// When one of the two does not take it.
    pub(super) async fn begin(admin: &AdminArgs, config: &Config, there: &'a Config) -> Result<Self> {
        if there.cluster == config.cluster {
            return Ok(Self { main: None, there });
        }
        let told = Self { main: Some(admin.connect(config).await?), there };
        told.tell(true).await?;
        Ok(told)
    }

    /// They rest.
    ///
    /// # Errors
    /// When one of the two does not take it; proxies then prepare statements more often than they would have to.
    pub(super) async fn end(self) -> Result<()> {
        self.tell(false).await.with_context(|| {
            format!(
                "cluster {}: proxies are not told that its schemas rest; run this again",
                self.there.cluster
            )
        })
    }

    async fn tell(&self, changing: bool) -> Result<()> {
        let Some(main) = &self.main else { return Ok(()) };
        let there = connect_reader(self.there).await?;
        Ok(tell_states(main, &there, &self.there.cluster, changing).await?)
    }
}
