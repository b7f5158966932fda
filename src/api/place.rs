//! Connections to the other clusters, for verbs on the schema and the roles of their tenants.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use bb8::{Pool, PooledConnection};
use bb8_postgres::PostgresConnectionManager;
use tokio_postgres::GenericClient;

use crate::api::problem::Problem;
use crate::api::{Api, CONNECTION_WAIT, Manager};
use crate::config::Config;
use crate::control::placed::cluster_of;
use crate::net::tls::ControlTls;
use crate::registry::{describe, store};
use crate::tenant::{ClusterName, Slug};

/// Connections of the administrator's to one of them at once.
const MAX_CONNECTIONS: u32 = 2;

/// By their names. None is connected to before it is needed: one that is down keeps the others from nothing.
#[derive(Debug, Default)]
pub(super) struct Others(BTreeMap<ClusterName, Other>);

#[derive(Debug)]
struct Other {
    /// For requests.
    pool: Pool<Manager>,
    /// The administrator, for the connections of jobs.
    login: tokio_postgres::Config,
}

impl Others {
    pub(super) fn new(config: &Config, logins: Vec<(ClusterName, tokio_postgres::Config)>) -> Self {
        let other = |(name, login): (ClusterName, tokio_postgres::Config)| {
            let tls = ControlTls::new(&config.clusters.get(&name)?.server.tls);
            let mut pooled = login.clone();
            tls.apply_to(&mut pooled);
            let manager = PostgresConnectionManager::new(pooled, tls);
            let pool = Pool::builder().max_size(MAX_CONNECTIONS).connection_timeout(CONNECTION_WAIT);
            Some((name, Other { pool: pool.build_unchecked(manager), login }))
        };
        Self(logins.into_iter().filter_map(other).collect())
    }

    /// How the administrator logs in there.
    pub(super) fn login(&self, name: &ClusterName) -> Option<&tokio_postgres::Config> {
        self.0.get(name).map(|other| &other.login)
    }
}

pub(super) fn unknown(name: &ClusterName) -> Problem {
    let detail = format!("the configuration of the API describes no cluster {name}");
    Problem::new(StatusCode::CONFLICT, "unknown_cluster", detail)
}

impl Api {
    /// A connection to a cluster other than `main`; `None` for that one.
    pub(super) async fn place(
        &self,
        name: &ClusterName,
    ) -> Result<Option<PooledConnection<'_, Manager>>, Problem> {
        if *name == self.config.cluster {
            return Ok(None);
        }
        let Some(other) = self.others.0.get(name) else { return Err(unknown(name)) };
        let client = other.pool.get().await.map_err(|error| {
            let error = match error {
                bb8::RunError::User(error) => describe(&error),
                bb8::RunError::TimedOut => "no connection within the time limit".to_owned(),
            };
            tracing::error!(cluster = %name, error, "the API has no connection to a cluster");
            let detail = format!("the database of the cluster {name} does not answer");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database", detail).retry_after(5)
        })?;
        store::require_current(&*client).await?;
        Ok(Some(client))
    }

    /// The same of the cluster that a tenant is on.
    pub(super) async fn place_of(
        &self,
        main: &impl GenericClient,
        slug: &Slug,
    ) -> Result<Option<PooledConnection<'_, Manager>>, Problem> {
        match cluster_of(main, slug).await? {
            Some(name) => self.place(&name).await,
            None => Ok(None),
        }
    }
}
