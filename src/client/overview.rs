//! [`overview`]: what is going on, put together for people who look.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::client::roster::Present;
use crate::client::{Cluster, Shared};
use crate::config::{Config, ServerAddress};
use crate::pool::{OpenServer, PoolOverview};
use crate::schedule::{Owner, OwnerLoad, TenantLoad};
use crate::server::cancel::Doing;
use crate::telemetry::overview::{
    Budget, ClientRow, ClientState, ClusterRow, ListenerRow, Overview, PoolRow, ServerRow, ServerState,
    TenantRow, Verdicts,
};
use crate::telemetry::{Lately, TrafficTotals};
use crate::tenant::{Level, Tenant, TenantId};

/// The name of what belongs to all tenants of level shared.
const SHARED: &str = "(shared)";
/// The name of what is nobody's yet.
const SPARE: &str = "(spare)";

/// Where the number of a cluster stands in that of a server connection: no scheduler counts so far.
const CLUSTER_SHIFT: u32 = 48;

/// The period of averages where none is configured: PgBouncer's.
const PERIOD: Duration = Duration::from_secs(60);

/// Everything, as it is now. Nothing is held for longer than it takes to copy it; the parts are of about the same
/// instant.
#[must_use]
pub fn overview(shared: &Shared) -> Overview {
    let now = Instant::now();
    let clusters: Vec<_> = shared.clusters.numbered().collect();
    let snapshots: Vec<_> = clusters.iter().map(|(_, cluster)| cluster.pool.overview()).collect();
    let present = shared.roster.present();
    let views: Vec<_> = clusters
        .iter()
        .zip(&snapshots)
        .map(|((number, cluster), pool)| View::new((*number, cluster), pool, &present, now))
        .collect();
    let rows: Vec<_> = views.iter().map(View::cluster).collect();
    let mut overview = Overview {
        now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        uptime: now.saturating_duration_since(shared.started),
        counters: shared.counters.snapshot(),
        verdicts: verdicts(shared),
        budget: rows.iter().map(|row| row.budget).fold(Budget::default(), |all, one| all + one),
        clusters: rows,
        is_shutting_down: shared.shutdown.is_cancelled(),
        is_paused: snapshots.first().is_some_and(|main| main.is_paused),
        is_suspended: shared.suspension.is_on(None),
        logging_in: shared.lobby.len(),
        tenants: Vec::new(),
        pools: views.iter().flat_map(View::pools).collect(),
        clients: views.iter().flat_map(View::clients).collect(),
        servers: views.iter().flat_map(View::servers).collect(),
        listeners: views.iter().flat_map(|view| view.listeners(shared)).collect(),
        denials: Vec::new(),
    };
    overview.pools.sort_by(|a, b| (&a.name, &a.role, &a.cluster).cmp(&(&b.name, &b.role, &b.cluster)));
    overview.listeners.sort_by(|a, b| (&a.slug, a.client).cmp(&(&b.slug, b.client)));
    overview.clients.sort_by_key(|client| (std::cmp::Reverse(client.age), client.pid));
    overview.tenants = tenants(shared, &overview.pools);
    let latest = shared.denials.latest().into_iter();
    overview.denials = latest.map(|denial| (now.saturating_duration_since(denial.at), denial)).collect();
    overview
}

/// Ends periods of averages, for ever.
pub async fn keep_averages(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(shared.config().log.stats_period.unwrap_or(PERIOD));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        shared.clusters.all().for_each(|cluster| cluster.pool.mark_traffic(now));
    }
}

fn verdicts(shared: &Shared) -> Verdicts {
    let stats = shared.guard.stats();
    Verdicts {
        hits: stats.hits,
        key_hits: stats.key_hits,
        misses: stats.misses,
        entries: stats.entries,
        bytes: stats.bytes,
        max_bytes: shared.config().guard.cache_bytes as u64,
    }
}

/// What the rows of one cluster are made from.
struct View<'a> {
    now: Instant,
    /// Which of them it is, and which.
    number: usize,
    cluster: &'a Cluster,
    pool: &'a PoolOverview,
    /// Tenants that were served, also as those have them that only read.
    served: HashMap<TenantId, &'a (Arc<Tenant>, TenantLoad)>,
    owners: HashMap<Owner, OwnerLoad>,
    servers_of: HashMap<Owner, Vec<&'a OpenServer>>,
    traffic: HashMap<TenantId, (TrafficTotals, Lately)>,
    clients: HashMap<TenantId, Vec<&'a Present>>,
    /// Who is served by which server process.
    links: HashMap<i32, &'a Present>,
}

impl<'a> View<'a> {
    fn new(
        (number, cluster): (usize, &'a Cluster),
        pool: &'a PoolOverview,
        present: &'a [Present],
        now: Instant,
    ) -> Self {
        let mut clients: HashMap<_, Vec<_>> = HashMap::new();
        let mut links = HashMap::new();
        for client in present.iter().filter(|client| client.who.cluster == cluster.name) {
            clients.entry(client.tenant).or_default().push(client);
            if let (Doing::Served(pid), _) = client.doing {
                links.insert(pid, client);
            }
        }
        let mut servers_of: HashMap<_, Vec<_>> = HashMap::new();
        pool.servers.iter().for_each(|server| servers_of.entry(server.owner).or_default().push(server));
        Self {
            now,
            number,
            cluster,
            pool,
            served: pool.tenants.iter().map(|served| (served.0.id, served)).collect(),
            servers_of,
            owners: pool.owners.iter().map(|load| (load.owner, *load)).collect(),
            traffic: pool.traffic.iter().map(|(id, totals, lately)| (*id, (*totals, *lately))).collect(),
            clients,
            links,
        }
    }

    fn ago(&self, then: Instant) -> Duration {
        self.now.saturating_duration_since(then)
    }

    fn cluster(&self) -> ClusterRow {
        let PoolOverview { limit, load, opening, closing, .. } = *self.pool;
        let (total, idle, waiting) = (load.total, load.idle, load.waiting);
        let budget = Budget { limit, total, idle, opening, closing, waiting };
        ClusterRow { name: self.name(), budget }
    }

    fn name(&self) -> String {
        self.cluster.name.to_string()
    }

    fn clients(&self) -> Vec<ClientRow> {
        self.clients.values().flatten().map(|client| self.client(client)).collect()
    }

    fn pools(&self) -> Vec<PoolRow> {
        let mut pools: Vec<_> =
            self.pool.tenants.iter().map(|(tenant, load)| self.pool_of(tenant, load)).collect();
        let unowned = [
            (Owner::Shared, SHARED, Level::Shared, self.pool.shared_role.clone()),
            (Owner::Spare, SPARE, Level::Dedicated, None),
        ];
        for (owner, name, level, role) in unowned {
            let servers = self.servers_of.get(&owner);
            if !self.owners.contains_key(&owner) && servers.is_none() {
                continue;
            }
            let known = servers.and_then(|servers| servers.first()).map(|server| server.role.clone());
            let mut row = PoolRow {
                name: name.into(),
                role: role.or(known).unwrap_or_default(),
                access: "read_write",
                level: level.as_str(),
                cluster: self.name(),
                ..PoolRow::default()
            };
            self.count_servers(&mut row, owner);
            // Those that work for a client are counted where that is.
            row.servers_active = 0;
            pools.push(row);
        }
        pools
    }

    fn pool_of(&self, tenant: &Tenant, load: &TenantLoad) -> PoolRow {
        let limit = |number: usize| (number != usize::MAX).then_some(number);
        let (traffic, lately) = self.traffic.get(&tenant.id).copied().unwrap_or_default();
        let mut row = PoolRow {
            tenant: Some(tenant.registered().0),
            name: tenant.slug.to_string(),
            role: tenant.names.role.as_str().to_owned(),
            access: tenant.access.as_str(),
            level: tenant.level.as_str(),
            cluster: self.name(),
            is_over_rate: load.is_over_rate,
            is_paused: load.is_paused,
            max_waiting: limit(load.quota.waiting),
            max_servers: limit(load.quota.connections),
            traffic,
            lately,
            ..PoolRow::default()
        };
        self.count_servers(&mut row, Owner::Tenant(tenant.id));
        for client in self.clients.get(&tenant.id).into_iter().flatten() {
            match client.doing {
                (Doing::Nothing, _) => row.idle += 1,
                (Doing::Waiting, since) => {
                    row.waiting += 1;
                    let waits = since.map_or(Duration::ZERO, |since| self.ago(since));
                    row.max_wait = row.max_wait.max(waits);
                }
                (Doing::Served(_), _) => {
                    row.active += 1;
                    // A shared connection works for this tenant while it works for its client.
                    row.servers_active += usize::from(tenant.level == Level::Shared);
                }
            }
            row.pinned += usize::from(client.pin.is_some());
        }
        row
    }

    fn count_servers(&self, row: &mut PoolRow, owner: Owner) {
        for server in self.servers_of.get(&owner).into_iter().flatten() {
            match self.state_of(server) {
                ServerState::Idle => row.servers_idle += 1,
                ServerState::Active => row.servers_active += 1,
                ServerState::Tested => row.servers_tested += 1,
                ServerState::Closing => {}
            }
        }
        row.servers_login = self.owners.get(&owner).map_or(0, |load| load.opening);
    }

    fn state_of(&self, server: &OpenServer) -> ServerState {
        if server.is_closing() {
            ServerState::Closing
        } else if server.idle_since.is_some() {
            ServerState::Idle
        } else if self.links.contains_key(&server.pid) {
            ServerState::Active
        } else {
            ServerState::Tested
        }
    }

    fn client(&self, client: &Present) -> ClientRow {
        let who = &client.who;
        let (state, server_pid) = match client.doing.0 {
            Doing::Nothing => (ClientState::Idle, None),
            Doing::Waiting => (ClientState::Waiting, None),
            Doing::Served(pid) => (ClientState::Active, Some(pid)),
        };
        let end = |address: std::net::SocketAddr| (address.ip().to_canonical().to_string(), address.port());
        ClientRow {
            pid: who.pid,
            tenant: self.registered(client.tenant).0,
            slug: who.slug.to_string(),
            cluster: self.name(),
            user: who.user.clone(),
            access: who.access.as_str(),
            is_admin: who.is_admin,
            state,
            pin: client.pin.map(|(reason, since)| (reason.as_str(), self.ago(since))),
            address: who.addresses.map(|(peer, _)| end(peer)),
            local: who.addresses.map(|(_, local)| end(local)),
            age: self.ago(who.since),
            requested: client.doing.1.map(|since| self.ago(since)),
            server_pid,
            tls: who.tls.clone(),
            application_name: who.application_name.clone(),
        }
    }

    /// The key in the registry, of one that was served.
    fn registered(&self, id: TenantId) -> TenantId {
        self.served.get(&id).map_or(id, |(tenant, _)| tenant.registered())
    }

    fn servers(&self) -> Vec<ServerRow> {
        let mut servers: Vec<_> = self.pool.servers.iter().collect();
        servers.sort_by_key(|server| server.id);
        let row = |server: &OpenServer| {
            let link = self.links.get(&server.pid).filter(|_| server.idle_since.is_none());
            let since = link.and_then(|client| client.doing.1).or(server.idle_since);
            ServerRow {
                id: number_of(self.number, server.id.0),
                cluster: self.name(),
                pool: match server.owner {
                    Owner::Tenant(id) => self
                        .served
                        .get(&id)
                        .map_or_else(|| id.to_string(), |(tenant, _)| tenant.slug.to_string()),
                    Owner::Shared => SHARED.to_owned(),
                    Owner::Spare => SPARE.to_owned(),
                },
                role: server.role.clone(),
                serves: link.map(|client| client.who.slug.to_string()),
                state: self.state_of(server),
                pid: server.pid,
                address: place(&server.address),
                age: self.ago(server.opened),
                used: since.map(|since| self.ago(since)),
                client: link.map(|client| client.who.pid),
                application_name: link.map_or_else(String::new, |client| client.who.application_name.clone()),
                close_needed: server.close_needed,
                tls: server.tls.clone(),
            }
        };
        servers.into_iter().map(row).collect()
    }

    fn listeners(&self, shared: &Shared) -> Vec<ListenerRow> {
        let slug = |id| {
            let named = self.served.get(&id).map(|(tenant, _)| tenant.slug.to_string());
            named.or_else(|| Some(shared.directory.tenant(id)?.slug.to_string())).unwrap_or_default()
        };
        self.cluster
            .hub
            .overview()
            .into_iter()
            .map(|listening| ListenerRow {
                client: listening.client,
                slug: slug(listening.tenant),
                channels: listening.channels,
                queued: listening.queued,
                queued_bytes: listening.queued_bytes,
            })
            .collect()
    }
}

/// Host and port.
fn place(address: &ServerAddress) -> (String, u16) {
    match address {
        ServerAddress::Tcp(host, port) => (host.clone(), *port),
        ServerAddress::Unix(path) => {
            let port = path.extension().and_then(|port| port.to_str()?.parse().ok());
            (path.display().to_string(), port.unwrap_or(0))
        }
    }
}

/// A number that no server connection of another cluster has.
const fn number_of(cluster: usize, id: u64) -> u64 {
    id | (cluster as u64) << CLUSTER_SHIFT
}

/// What its pools have, for every tenant in service.
fn tenants(shared: &Shared, pools: &[PoolRow]) -> Vec<TenantRow> {
    let config = shared.config();
    let row = |tenant: &Arc<Tenant>| (tenant.id.0, tenant_row(shared, &config, tenant));
    let mut rows: HashMap<_, _> = shared.directory.tenants().iter().map(row).collect();
    for pool in pools {
        let Some(row) = pool.tenant.and_then(|id| rows.get_mut(&id)) else { continue };
        row.clients += pool.active + pool.idle + pool.waiting;
        row.waiting += pool.waiting;
        row.active += pool.active;
        row.pinned += pool.pinned;
        row.servers += pool.servers_active + pool.servers_idle + pool.servers_tested;
        row.is_paused |= pool.is_paused;
        row.traffic = row.traffic + pool.traffic;
        row.lately += pool.lately;
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    rows.sort_by(|a, b| a.slug.cmp(&b.slug));
    rows
}

fn tenant_row(shared: &Shared, config: &Config, tenant: &Tenant) -> TenantRow {
    let limits = config.limits_of(tenant);
    let limit = |number: usize| (number != usize::MAX).then_some(number);
    let elsewhere = config.clusters.get(&tenant.cluster).map(|cluster| {
        let (host, port) = place(&cluster.server.address);
        (host, port, cluster.server.database.clone())
    });
    TenantRow {
        id: tenant.id.0,
        slug: tenant.slug.to_string(),
        level: tenant.level.as_str(),
        cluster: tenant.cluster.to_string(),
        place: elsewhere,
        max_clients: limit(limits.max_clients),
        max_servers: limit(limits.max_server_connections),
        min_servers: limits.min_server_connections,
        weight: limits.weight,
        rate: limit(limits.max_transactions_per_second),
        is_disabled: shared.disabled.contains(&tenant.id),
        is_suspended: shared.suspension.is_on(Some(tenant.id)),
        ..TenantRow::default()
    }
}
