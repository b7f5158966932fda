//! Where a command works: on the cluster of `[server]`, which has the registry, or on another one.

use anyhow::{Context, Result};
use tokio_postgres::Client;

use crate::cli::connect::AdminArgs;
use crate::config::Config;
use crate::control::placed::{cluster_of, config_of};
use crate::tenant::{ClusterName, Slug};

/// Another cluster, with an administrator's connection to it.
pub(in crate::cli) struct Place {
    /// As the configuration calls it.
    pub(in crate::cli) name: ClusterName,
    /// The configuration as if it were the only one.
    pub(in crate::cli) config: Config,
    /// The administrator.
    pub(in crate::cli) client: Client,
}

/// Reads the name of a cluster, for clap.
pub(in crate::cli) fn cluster_name(text: &str) -> Result<ClusterName, String> {
    ClusterName::parse(text).map_err(|error| error.to_string())
}

impl AdminArgs {
    /// A cluster other than that of `[server]`, by its name; `None` for that one.
    ///
    /// # Errors
    /// When there is none of this name, or it does not let the administrator in.
    pub(in crate::cli) async fn place(&self, config: &Config, name: &ClusterName) -> Result<Option<Place>> {
        if *name == config.cluster {
            return Ok(None);
        }
        let at = config_of(config, name)?;
        let client = self.connect(&at).await.with_context(|| format!("cluster {name}"))?;
        Ok(Some(Place { name: name.clone(), config: at, client }))
    }

    /// The cluster that a tenant is on, by the registry; `None` where that is the one of `[server]`, or there is no such tenant.
    ///
    /// # Errors
    /// As [`place`](Self::place).
    pub(in crate::cli) async fn place_of(
        &self,
        config: &Config,
        main: &Client,
        slug: &Slug,
    ) -> Result<Option<Place>> {
        match cluster_of(main, slug).await? {
            Some(name) => self.place(config, &name).await,
            None => Ok(None),
        }
    }
}
