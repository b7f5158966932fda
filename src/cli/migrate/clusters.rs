//! Migrations on several clusters: one run after the other, told as one.

use anyhow::{Context, Result};
use tokio_postgres::Client;

use crate::cli::connect::{AdminArgs, connect_reader};
use crate::config::Config;
use crate::control::migrate::{self, MigratePlan, of_tenant};
use crate::control::placed::{config_of, tell_states};
use crate::tenant::Slug;

/// The plan for each cluster, in the order of the runs.
///
/// # Errors
/// When a tenant that is named is not there, or its cluster is not described.
pub(super) async fn plans(config: &Config, plan: &MigratePlan) -> Result<Vec<(Config, MigratePlan)>> {
    if config.clusters.is_empty() {
        return Ok(vec![(config.clone(), plan.clone())]);
    }
    Ok(migrate::plans(&connect_reader(config).await?, config, plan).await?)
}

/// All clusters, or that of one tenant.
///
/// # Errors
/// As [`plans`].
pub(super) async fn all_or_of(config: &Config, only: Option<&Slug>) -> Result<Vec<Config>> {
    match only {
        Some(_) if config.clusters.is_empty() => Ok(vec![config.clone()]),
        Some(slug) => Ok(vec![of_tenant(&connect_reader(config).await?, config, slug).await?]),
        None => Ok(config.cluster_names().map(|name| config_of(config, &name)).collect::<Result<_, _>>()?),
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
