//! Migrations on several clusters: one run after the other.

use std::collections::BTreeMap;

use tokio_postgres::GenericClient;

use crate::config::Config;
use crate::control::ControlError;
use crate::control::migrate::MigratePlan;
use crate::control::placed::{cluster_of, config_of};
use crate::tenant::{ClusterName, Slug};

/// The plan for each cluster, in the order of the runs: first those with canaries, which are to stop the others.
///
/// # Errors
/// When a tenant that is named is not there, or its cluster is not described.
pub async fn plans(
    main: &impl GenericClient,
    config: &Config,
    plan: &MigratePlan,
) -> Result<Vec<(Config, MigratePlan)>, ControlError> {
    if let Some(only) = &plan.only {
        return Ok(vec![(of_tenant(main, config, only).await?, plan.clone())]);
    }
    let mut canaries: BTreeMap<ClusterName, Vec<Slug>> = BTreeMap::new();
    for slug in &plan.canaries {
        canaries.entry(of_tenant(main, config, slug).await?.cluster).or_default().push(slug.clone());
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
pub async fn of_tenant(
    main: &impl GenericClient,
    config: &Config,
    slug: &Slug,
) -> Result<Config, ControlError> {
    let found = cluster_of(main, slug).await?;
    config_of(config, &found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?)
}
