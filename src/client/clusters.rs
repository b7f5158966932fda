//! The clusters behind the proxy: for each its pool, its notifications, and what is known of it. A client is given its
//! tenant's when it logs in, and has nothing to do with the others (docs/adr/0026).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use thiserror::Error;
use tokio::sync::watch;

use crate::config::{Config, Live};
use crate::notify::Hub;
use crate::pool::Pool;
use crate::registry::{HardeningWatch, Registry, SpareWatch};
use crate::schedule::Load;
use crate::tenant::{ClusterName, Tenant, TenantId};

/// One of them.
#[derive(Debug)]
pub struct Cluster {
    /// As the configuration calls it.
    pub name: ClusterName,
    /// The configuration as if it were the only one, for who follows that.
    pub config: Arc<Live>,
    /// Server connections.
    pub pool: Arc<Pool>,
    /// Notifications.
    pub hub: Arc<Hub>,
    /// Looks into its catalogs.
    pub registry: Registry,
    /// What the watch on the hardening saw last.
    pub hardening: watch::Receiver<HardeningWatch>,
    /// What the watch on spare connections saw last.
    pub spares: watch::Receiver<SpareWatch>,
}

/// One beside `main`.
#[derive(Debug, Default)]
struct Seat {
    /// Set once it was found that tenants can be served there.
    served: OnceLock<Arc<Cluster>>,
    /// Whether it answered when it was last asked.
    answers: AtomicBool,
}

/// All that the configuration describes.
#[derive(Debug)]
pub struct Clusters {
    main: Arc<Cluster>,
    others: BTreeMap<ClusterName, Seat>,
}

/// Why a tenant cannot be served where it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unserved {
    /// The configuration knows nothing of its cluster.
    #[error("the tenant is on the cluster {0}, which this proxy's configuration does not describe")]
    Unknown(ClusterName),
    /// Nobody was served there since the process began.
    #[error("the tenant is on the cluster {0}, which was not fit to serve anybody since this proxy began")]
    NotYet(ClusterName),
}

impl Clusters {
    /// This one, and those of these names when they are found to be fit.
    #[must_use]
    pub fn new(main: Cluster, others: impl Iterator<Item = ClusterName>) -> Self {
        Self { main: Arc::new(main), others: others.map(|name| (name, Seat::default())).collect() }
    }

    /// The one of `[server]`.
    #[must_use]
    pub const fn main(&self) -> &Arc<Cluster> {
        &self.main
    }

    /// The one of a tenant.
    ///
    /// # Errors
    /// [`Unserved`].
    pub fn of(&self, name: &ClusterName) -> Result<&Arc<Cluster>, Unserved> {
        if *name == self.main.name {
            return Ok(&self.main);
        }
        let seat = self.others.get(name).ok_or_else(|| Unserved::Unknown(name.clone()))?;
        seat.served.get().ok_or_else(|| Unserved::NotYet(name.clone()))
    }

    /// Those that serve, `main` first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        std::iter::once(&self.main).chain(self.others.values().filter_map(|seat| seat.served.get()))
    }

    /// The same, each with its place among all that are described.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Arc<Cluster>)> {
        let others = self.others.values().enumerate();
        std::iter::once((0, &self.main))
            .chain(others.filter_map(|(place, seat)| Some((place + 1, seat.served.get()?))))
    }

    /// Whether the configuration describes it.
    #[must_use]
    pub fn has(&self, name: &ClusterName) -> bool {
        *name == self.main.name || self.others.contains_key(name)
    }

    /// The others, and whether each answers and serves.
    pub fn others(&self) -> impl Iterator<Item = (&ClusterName, bool)> {
        let up = |seat: &Seat| seat.answers.load(Ordering::Relaxed) && seat.served.get().is_some();
        self.others.iter().map(move |(name, seat)| (name, up(seat)))
    }

    /// From now on this one's tenants are served. One that was there already stays.
    pub fn begin(&self, cluster: Cluster) -> Option<&Arc<Cluster>> {
        let seat = self.others.get(&cluster.name)?;
        // An operator may have paused everybody before it came.
        if self.main.pool.is_all_paused() {
            cluster.pool.pause(None);
        }
        Some(seat.served.get_or_init(|| Arc::new(cluster)))
    }

    /// Whether it answers. Whether that is new.
    pub fn note_answer(&self, name: &ClusterName, answers: bool) -> bool {
        self.others.get(name).is_some_and(|seat| seat.answers.swap(answers, Ordering::Relaxed) != answers)
    }

    /// Counts, of all together.
    #[must_use]
    pub fn load(&self) -> Load {
        self.all().map(|cluster| cluster.pool.load()).fold(Load::default(), |all, one| all + one)
    }

    /// Goes by this configuration from now on.
    pub(super) fn reconfigure(&self, config: &Config) {
        for cluster in self.all() {
            let Some(at) = config.at(&cluster.name) else { continue };
            cluster.pool.reconfigure(&at);
            cluster.hub.reconfigure(&at);
            // The one of `main` is set by who has it.
            if cluster.name != self.main.name {
                cluster.config.set(Arc::new(at));
            }
        }
    }

    /// A tenant is out of service.
    pub fn retire(&self, tenant: TenantId) {
        self.all()
            .filter(|cluster| cluster.pool.knows(tenant))
            .for_each(|cluster| cluster.pool.retire(tenant));
    }

    /// A tenant has changed: its cluster may be another one now.
    pub fn renew(&self, tenant: &Arc<Tenant>) {
        self.all().for_each(|cluster| cluster.pool.renew(tenant));
    }

    /// For the end of the process.
    pub fn wind_down(&self) {
        self.all().for_each(|cluster| cluster.pool.wind_down());
    }

    /// Gives nobody a server connection any more; see [`Pool::pause`].
    pub fn pause_all(&self) {
        for cluster in self.all() {
            cluster.pool.pause(None);
        }
    }

    /// Waits until nobody has a server connection; see [`Pool::at_rest`].
    pub async fn all_at_rest(&self) {
        for cluster in self.all() {
            cluster.pool.at_rest(None).await;
        }
    }
}
