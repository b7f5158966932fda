//! `[clusters.NAME]`: more PostgreSQL clusters than the one of `[server]`, each with tenants of its own.

use std::collections::BTreeMap;

use crate::config::{Config, Server};
use crate::tenant::ClusterName;

/// Most clusters besides the one of `[server]`.
pub const MAX_CLUSTERS: usize = 64;

/// One of them, with what it inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// How to reach it.
    pub server: Server,
    /// Server connections at once there, over all its tenants.
    pub max_server_connections: usize,
}

impl Cluster {
    /// This one as it can be taken over while the proxy serves: where it is, and how connections log in, stay as they were.
    fn reloaded(&self, new: &Self) -> Self {
        Self {
            server: Server {
                connect_timeout: new.server.connect_timeout,
                hardening_check_period: new.server.hardening_check_period,
                ..self.server.clone()
            },
            max_server_connections: new.max_server_connections,
        }
    }
}

/// All of them, by their names; `main` is none of them.
pub type Clusters = BTreeMap<ClusterName, Cluster>;

/// What a reload makes of other clusters than before: those that can be in force, and whether more takes a restart.
pub(in crate::config) fn reloaded(old: &Clusters, new: &Clusters) -> (Clusters, bool) {
    let mut in_force = Clusters::new();
    for (name, before) in old {
        let now = new.get(name).map_or_else(|| before.clone(), |now| before.reloaded(now));
        in_force.insert(name.clone(), now);
    }
    let is_all = in_force == *new;
    (in_force, !is_all)
}

impl Config {
    /// The configuration as if this cluster were the only one: what all that knows of one server goes by. `None` where there is
    /// no such cluster.
    #[must_use]
    pub fn at(&self, name: &ClusterName) -> Option<Self> {
        let mut at = self.clone();
        at.clusters = Clusters::new();
        at.cluster = name.clone();
        if name.is_main() {
            return Some(at);
        }
        let cluster = self.clusters.get(name)?;
        at.server = cluster.server.clone();
        let total = cluster.max_server_connections;
        at.pool.max_server_connections = total;
        // A tenant that may have all of them may have all that there are.
        let share = self.limits.max_server_connections;
        let has_all = share == self.pool.max_server_connections;
        at.limits.max_server_connections = if has_all { total } else { share.min(total) };
        Some(at)
    }

    /// `main`, and the names of the others in order.
    pub fn cluster_names(&self) -> impl Iterator<Item = ClusterName> + '_ {
        std::iter::once(self.cluster.clone()).chain(self.clusters.keys().cloned())
    }

    /// Whether tenants can be placed there.
    #[must_use]
    pub fn has_cluster(&self, name: &ClusterName) -> bool {
        *name == self.cluster || self.clusters.contains_key(name)
    }
}
