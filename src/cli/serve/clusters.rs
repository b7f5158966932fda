//! What goes on for each cluster: the watches on it, and, for those beside the one of `[server]`, finding out when tenants can
//! be served there. One that is down when the process begins, or unfit, keeps nobody of the others waiting.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{sleep, timeout};

use crate::cli::serve::Running;
use crate::client::{Cluster, Shared};
use crate::config::{Config, Live};
use crate::control::{HardeningWatcher, ReplicaWatcher, SpareWatcher};
use crate::notify::Hub;
use crate::pool::Pool;
use crate::registry::{Directory, Registry, SpareWatch};
use crate::server::spare::SpareLogin;
use crate::telemetry::Counters;
use crate::tenant::{ClusterName, Tenant};

/// How long the process waits for clusters beside the one of `[server]` before it serves the others.
const FIRST_LOOK: Duration = Duration::from_secs(15);

/// Rest between two attempts to serve one.
const REST: Duration = Duration::from_secs(1);

/// The watches on one cluster, which have not begun yet.
pub(super) struct Keepers {
    hardening: HardeningWatcher,
    spares: SpareWatcher,
    replicas: Option<ReplicaWatcher>,
}

impl Keepers {
    /// So that the first clients need not wait for it.
    pub(super) async fn look(&mut self, directory: &Directory) {
        self.hardening.check_if_needed(directory).await;
    }
}

/// Finds out whether tenants can be served there.
///
/// # Errors
/// Why not, with the remedy.
pub(super) async fn look_at(
    config: &Config,
    live: Arc<Live>,
    registry: Registry,
    counters: &Arc<Counters>,
) -> anyhow::Result<(Cluster, Keepers)> {
    audit(&registry, config).await?;
    let role = registry.pool_role().await?;
    let mut spares = SpareWatcher::new(registry.clone(), Arc::clone(&live));
    spares.check().await;
    let hardening = HardeningWatcher::new(registry.clone(), config.cluster.clone());
    let hub = Hub::new(config, Arc::clone(counters));
    let pool = Pool::new(config, Arc::clone(counters), Arc::clone(&hub), role);
    let replicas = ReplicaWatcher::new(config, pool.replicas().all())?;
    let cluster = Cluster {
        name: config.cluster.clone(),
        config: live,
        pool,
        hub,
        registry,
        hardening: hardening.subscribe(),
        spares: spares.subscribe(),
    };
    Ok((cluster, Keepers { hardening, spares, replicas }))
}

/// DESIGN: no login may have more rights than the wall can stand.
async fn audit(registry: &Registry, config: &Config) -> anyhow::Result<()> {
    let findings = registry.audit_logins(&config.schemas).await?;
    if findings.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = findings.iter().map(|finding| format!("  - {finding}")).collect();
    bail!("the database does not keep tenants apart; not serving until this is mended:\n{}", list.join("\n"))
}

/// Another cluster, if tenants can be served there.
async fn look_at_another(
    config: &Config,
    name: &ClusterName,
    counters: &Arc<Counters>,
    directory: &Directory,
) -> anyhow::Result<(Cluster, Keepers)> {
    let at = config.at(name).with_context(|| format!("there is no [clusters.{name}]"))?;
    let live = Arc::new(Live::new(at.clone()));
    let looking = async {
        let registry = Registry::open(&at).await?;
        let (cluster, mut keepers) = look_at(&at, live, registry, counters).await?;
        keepers.look(directory).await;
        anyhow::Ok((cluster, keepers))
    };
    looking
        .await
        .with_context(|| format!("cluster {name} (if it is new, run `pgtenant init --cluster {name}`)"))
}

/// A cluster, or why it cannot be served yet.
type Found = (ClusterName, anyhow::Result<(Cluster, Keepers)>);

/// All others at once, each for a limited time.
pub(super) async fn look_at_others(
    config: &Config,
    counters: &Arc<Counters>,
    directory: &Directory,
) -> Vec<Found> {
    let look = |name: &ClusterName| {
        let name = name.clone();
        async move {
            let looked = timeout(FIRST_LOOK, look_at_another(config, &name, counters, directory)).await;
            let found = looked.unwrap_or_else(|_| bail_late(&name));
            (name, found)
        }
    };
    futures_util::future::join_all(config.clusters.keys().map(look)).await
}

fn bail_late<T>(name: &ClusterName) -> anyhow::Result<T> {
    bail!("cluster {name} did not answer within {FIRST_LOOK:?}")
}

impl Running {
    /// Begins the watches on a cluster, and all else that its clients depend on.
    pub(super) fn keep(self: &Arc<Self>, cluster: &Arc<Cluster>, keepers: Keepers) {
        let Keepers { hardening, spares, replicas } = keepers;
        let shared = &self.shared;
        self.spawn_for_clients(Arc::clone(&cluster.pool).keep());
        let hub = Arc::clone(&cluster.hub);
        self.spawn_for_clients(async move { hub.run().await });
        if let Some(replicas) = replicas {
            let pool = Arc::clone(&cluster.pool);
            self.spawn_for_clients(replicas.run(move || pool.follow_replicas()));
        }
        self.spawn_for_clients(hardening.run(Arc::clone(&shared.directory), Arc::clone(&cluster.config)));
        self.spawn_for_clients(follow_hardening(Arc::clone(shared), Arc::clone(cluster)));
        self.spawn_for_clients(spares.run());
        self.spawn_for_clients(follow_spares(Arc::clone(shared), Arc::clone(cluster)));
    }

    /// Serves the tenants of those that are fit, and goes on looking at the others.
    pub(super) fn begin_others(self: &Arc<Self>, found: Vec<Found>) {
        tell_unknown(&self.shared);
        for (name, found) in found {
            let this = Arc::clone(self);
            self.begin_another(&name, found);
            self.spawn_for_clients(async move { this.look_after(name).await });
        }
    }

    /// Whether its tenants are served from now on.
    fn begin_another(
        self: &Arc<Self>,
        name: &ClusterName,
        found: anyhow::Result<(Cluster, Keepers)>,
    ) -> bool {
        match found {
            Ok((cluster, keepers)) => {
                let shared = &self.shared;
                // It may have been read again meanwhile.
                if let Some(at) = shared.config().at(name) {
                    cluster.pool.reconfigure(&at);
                    cluster.hub.reconfigure(&at);
                    cluster.config.set(Arc::new(at));
                }
                let Some(cluster) = shared.clusters.begin(cluster) else { return false };
                shared.clusters.note_answer(name, true);
                tracing::info!(cluster = %name, server = %cluster.config.get().server.address, "tenants of this cluster are served");
                self.keep(cluster, keepers);
                true
            }
            Err(error) => {
                tracing::error!(
                    cluster = %name,
                    "tenants of this cluster are not served yet: {error:#}"
                );
                false
            }
        }
    }

    /// Until it serves, and then whether it answers, for ever.
    async fn look_after(self: Arc<Self>, name: ClusterName) {
        let mut told = String::new();
        while self.shared.clusters.of(&name).is_err() {
            sleep(REST).await;
            let config = self.shared.config();
            let found = look_at_another(&config, &name, &self.shared.counters, &self.shared.directory).await;
            match found {
                // Said once, however often it is tried.
                Err(error) if told == format!("{error:#}") => {}
                found => {
                    told = found.as_ref().err().map_or_else(String::new, |error| format!("{error:#}"));
                    self.begin_another(&name, found);
                }
            }
        }
        let Ok(cluster) = self.shared.clusters.of(&name).map(Arc::clone) else { return };
        loop {
            let answer = cluster.registry.ping().await;
            if self.shared.clusters.note_answer(&name, answer.is_ok()) {
                match answer {
                    Ok(()) => tracing::info!(cluster = %name, "this cluster answers again"),
                    Err(error) => tracing::error!(cluster = %name, %error, "this cluster does not answer"),
                }
            }
            sleep(cluster.config.get().server.hardening_check_period).await;
        }
    }
}

/// Says where tenants are that nobody described.
fn tell_unknown(shared: &Shared) {
    for (cluster, tenants) in shared.directory.placed() {
        if !shared.clusters.has(&cluster) {
            tracing::error!(
                %cluster,
                tenants,
                "tenants are on a cluster that the configuration does not describe, and are not served; add [clusters.{cluster}] \
                 and restart"
            );
        }
    }
}

/// The same of one tenant that has changed.
pub(super) fn tell_if_unknown(shared: &Shared, tenant: &Tenant) {
    if !shared.clusters.has(&tenant.cluster) {
        tracing::error!(
            tenant = %tenant.slug,
            cluster = %tenant.cluster,
            "the tenant is on a cluster that the configuration does not describe, and is not served"
        );
    }
}

/// Disconnects clients of shared tenants when the hardening is not what they were let in under.
async fn follow_hardening(shared: Arc<Shared>, cluster: Arc<Cluster>) {
    let mut hardening = cluster.hardening.clone();
    while hardening.changed().await.is_ok() {
        let seen = hardening.borrow_and_update().serves();
        shared.hardening_changed(&cluster.name, seen);
    }
}

/// Keeps spare connections while they can be had, and serves nobody while anybody could become any tenant.
async fn follow_spares(shared: Arc<Shared>, cluster: Arc<Cluster>) {
    let mut spares = cluster.spares.clone();
    loop {
        let seen = spares.borrow_and_update().clone();
        if seen.is_exposed() {
            shared.roster.disconnect_all(&cluster.name);
        }
        cluster.pool.keep_spares(match seen {
            SpareWatch::Ready { role, schema } => {
                Some(SpareLogin { role, schema, global: shared.config().schemas.global.clone() })
            }
            SpareWatch::Unknown | SpareWatch::Off { .. } | SpareWatch::Exposed { .. } => None,
        });
        if spares.changed().await.is_err() {
            return;
        }
    }
}
