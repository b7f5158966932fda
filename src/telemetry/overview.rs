//! [`Overview`]: what is going on in the process at one time, as plain rows, for the console, metrics and pages.
//!
//! Put together when somebody asks, from what is counted anyway. Ages are times before [`Overview::now`].

use std::time::Duration;

use uuid::Uuid;

use crate::telemetry::{DenialRecord, Lately, Snapshot, TrafficTotals};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The time, since 1970 in UTC.
    pub now: Duration,
    /// How long the process has served.
    pub uptime: Duration,
    /// The process's counters.
    pub counters: Snapshot,
    /// The guard's memory of texts.
    pub verdicts: Verdicts,
    /// The server connections of all tenants together.
    pub budget: Budget,
    /// Those of each cluster that serves, `main` first.
    pub clusters: Vec<ClusterRow>,
    /// Whether the process ends, and for whom it waits.
    pub is_shutting_down: bool,
    /// Whether all tenants are paused.
    pub is_paused: bool,
    /// Whether nothing is read from clients and servers.
    pub is_suspended: bool,
    /// Clients that have not logged in yet.
    pub logging_in: usize,
    /// Tenants in service, by their short names.
    pub tenants: Vec<TenantRow>,
    /// Pools, by their names: one for each tenant that was served, for those of its sessions that only read, for all
    /// shared connections, and for spares.
    pub pools: Vec<PoolRow>,
    /// Clients that are logged in, those first that came first.
    pub clients: Vec<ClientRow>,
    /// Server connections, the oldest first.
    pub servers: Vec<ServerRow>,
    /// Clients that listen to notifications.
    pub listeners: Vec<ListenerRow>,
    /// The latest refusals of the guard, the latest first, with how long ago they were.
    pub denials: Vec<(Duration, DenialRecord)>,
}

/// What the guard remembers of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Judgements answered by the exact text.
    pub hits: u64,
    /// Judgements answered by a text that differed in literals or comments only.
    pub key_hits: u64,
    /// Judgements that had to parse.
    pub misses: u64,
    /// Texts remembered.
    pub entries: usize,
    /// Memory in use, in bytes.
    pub bytes: u64,
    /// Memory that may be used, in bytes.
    pub max_bytes: u64,
}

/// The server connections of all tenants together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// How many there may be.
    pub limit: usize,
    /// How many there are, with those being opened or closed.
    pub total: usize,
    /// Those that nobody uses.
    pub idle: usize,
    /// Those being opened.
    pub opening: usize,
    /// Those being closed.
    pub closing: usize,
    /// Clients that wait for one.
    pub waiting: usize,
}

impl std::ops::Add for Budget {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            limit: self.limit + other.limit,
            total: self.total + other.total,
            idle: self.idle + other.idle,
            opening: self.opening + other.opening,
            closing: self.closing + other.closing,
            waiting: self.waiting + other.waiting,
        }
    }
}

/// A cluster that serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterRow {
    /// As the configuration calls it.
    pub name: String,
    /// Its server connections.
    pub budget: Budget,
}

/// A tenant in service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantRow {
    /// Its key in the registry.
    pub id: Uuid,
    /// Its short name.
    pub slug: String,
    /// `dedicated` or `shared`.
    pub level: &'static str,
    /// The cluster that its data is on.
    pub cluster: String,
    /// Host, port and database there, where that is another cluster than `main`.
    pub place: Option<(String, u16, String)>,
    /// Client connections it may have; `None` for no limit.
    pub max_clients: Option<usize>,
    /// Server connections it may have; `None` for no limit of its own.
    pub max_servers: Option<usize>,
    /// Server connections that are kept for it.
    pub min_servers: usize,
    /// Its share where connections are few, in proportion to others'.
    pub weight: u32,
    /// Transactions a second; `None` for no limit.
    pub rate: Option<usize>,
    /// Client connections.
    pub clients: usize,
    /// Clients that wait for a server connection.
    pub waiting: usize,
    /// Clients that have one.
    pub active: usize,
    /// Clients that keep one beyond a transaction.
    pub pinned: usize,
    /// Its server connections; at level `shared` those that serve it just now.
    pub servers: usize,
    /// Whether its clients wait until it is resumed.
    pub is_paused: bool,
    /// Whether nothing is read from its clients until it is resumed.
    pub is_suspended: bool,
    /// Whether nobody may log in.
    pub is_disabled: bool,
    /// What its clients did since it was first served by this process.
    pub traffic: TrafficTotals,
    /// What they did in the last period.
    pub lately: Lately,
}

/// Server connections with one login, and the clients they serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolRow {
    /// The tenant's key in the registry; `None` for connections that are no tenant's.
    pub tenant: Option<Uuid>,
    /// The tenant's short name, `(shared)` or `(spare)`.
    pub name: String,
    /// The role that its statements run as.
    pub role: String,
    /// `read_write` or `read_only`.
    pub access: &'static str,
    /// `dedicated` or `shared`.
    pub level: &'static str,
    /// The cluster that the server connections are of.
    pub cluster: String,
    /// Clients with a server connection, also by a pin.
    pub active: usize,
    /// Clients with nothing to do.
    pub idle: usize,
    /// Clients that wait for a server connection.
    pub waiting: usize,
    /// Of the active ones, those that are pinned.
    pub pinned: usize,
    /// Whether those that wait do so for the tenant's rate.
    pub is_over_rate: bool,
    /// Since when the first of them waits.
    pub max_wait: Duration,
    /// How many may wait; `None` for no limit.
    pub max_waiting: Option<usize>,
    /// Server connections that work for a client.
    pub servers_active: usize,
    /// Server connections that nobody uses.
    pub servers_idle: usize,
    /// Server connections between clients: being reset, or asked.
    pub servers_tested: usize,
    /// Server connections being opened.
    pub servers_login: usize,
    /// How many it may have; `None` for no limit of its own.
    pub max_servers: Option<usize>,
    /// Whether its clients wait until it is resumed.
    pub is_paused: bool,
    /// What its clients did.
    pub traffic: TrafficTotals,
    /// What they did in the last period.
    pub lately: Lately,
}

/// What a client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientState {
    /// Nothing.
    #[default]
    Idle,
    /// It waits for a server connection.
    Waiting,
    /// It has one.
    Active,
}

impl ClientState {
    /// In PgBouncer's words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Active => "active",
        }
    }
}

/// A client that is logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRow {
    /// Its process id, as the proxy gave it.
    pub pid: i32,
    /// Its tenant's key in the registry.
    pub tenant: Uuid,
    /// Its tenant's short name.
    pub slug: String,
    /// The cluster that it is served by.
    pub cluster: String,
    /// As it called itself.
    pub user: String,
    /// `read_write` or `read_only`.
    pub access: &'static str,
    /// Whether it is one of those who may look at every tenant.
    pub is_admin: bool,
    /// What it does.
    pub state: ClientState,
    /// Why it keeps its server connection, and for how long it has.
    pub pin: Option<(&'static str, Duration)>,
    /// Its address; `None` over a Unix socket.
    pub address: Option<(String, u16)>,
    /// Where it came to.
    pub local: Option<(String, u16)>,
    /// How long ago it logged in.
    pub age: Duration,
    /// How long ago it last got, or began to wait for, a server connection.
    pub requested: Option<Duration>,
    /// Process id of the server that works for it, on its cluster.
    pub server_pid: Option<i32>,
    /// Protocol and cipher, where it came with TLS.
    pub tls: Option<String>,
    /// As it called its program when it logged in.
    pub application_name: String,
}

/// What a server connection does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerState {
    /// Nothing.
    #[default]
    Idle,
    /// It works for a client.
    Active,
    /// It is between clients: being reset, or asked.
    Tested,
    /// It is being closed.
    Closing,
}

impl ServerState {
    /// In PgBouncer's words, where it has one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::Tested => "tested",
            Self::Closing => "closing",
        }
    }
}

/// A server connection that is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerRow {
    /// Its number, which no other has.
    pub id: u64,
    /// The cluster that its server is of: two may have processes of one number.
    pub cluster: String,
    /// The short name of the tenant whose it is, `(shared)` or `(spare)`.
    pub pool: String,
    /// The role it is logged in as.
    pub role: String,
    /// The short name of the tenant that it works for.
    pub serves: Option<String>,
    /// What it does.
    pub state: ServerState,
    /// Process id of the server.
    pub pid: i32,
    /// Host or address, and port; the path of a Unix socket, and its port.
    pub address: (String, u16),
    /// How long ago it was opened.
    pub age: Duration,
    /// How long ago a client was last given it, or gave it back.
    pub used: Option<Duration>,
    /// The client that it works for.
    pub client: Option<i32>,
    /// What that calls its program.
    pub application_name: String,
    /// Whether it is closed when it comes back.
    pub close_needed: bool,
    /// Protocol and cipher, where it has TLS.
    pub tls: Option<String>,
}

/// A client that listens to notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerRow {
    /// The client.
    pub client: i32,
    /// Its tenant's short name.
    pub slug: String,
    /// To how many channels.
    pub channels: usize,
    /// Notifications that it has not read.
    pub queued: usize,
    /// Their bytes.
    pub queued_bytes: usize,
}

impl Overview {
    /// The clients that keep a server connection beyond a transaction, the longest first.
    #[must_use]
    pub fn pins(&self) -> Vec<&ClientRow> {
        let mut pinned: Vec<_> = self.clients.iter().filter(|client| client.pin.is_some()).collect();
        pinned.sort_by_key(|client| std::cmp::Reverse(client.pin.map(|(_, age)| age)));
        pinned
    }

    /// The pools with clients that wait, those first that wait longest.
    #[must_use]
    pub fn queues(&self) -> Vec<&PoolRow> {
        let mut queues: Vec<_> = self.pools.iter().filter(|pool| pool.waiting > 0).collect();
        queues.sort_by_key(|pool| std::cmp::Reverse(pool.max_wait));
        queues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_pin_and_longest_wait_come_first_and_the_others_do_not_come() {
        let client = |pid, pin: Option<u64>| {
            let pin = pin.map(|age| ("temporary", Duration::from_secs(age)));
            ClientRow { pid, pin, ..ClientRow::default() }
        };
        let pool = |name: &str, waiting, max_wait| {
            let max_wait = Duration::from_secs(max_wait);
            PoolRow { name: name.into(), waiting, max_wait, ..PoolRow::default() }
        };
        let overview = Overview {
            clients: vec![client(1, Some(2)), client(2, None), client(3, Some(9))],
            pools: vec![pool("a", 1, 3), pool("b", 0, 9), pool("c", 2, 4)],
            ..Overview::default()
        };
        assert_eq!(overview.pins().iter().map(|client| client.pid).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(overview.queues().iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    }
}
