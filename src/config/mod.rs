//! The validated, immutable configuration. [`mod@file`] makes one from TOML and the environment.
//!
//! No module reads a global: each gets its own section by argument.

pub mod auth;
pub mod by_hand;
pub mod clusters;
pub mod console;
pub mod file;
pub mod keys;
mod kind;
pub mod limits;
mod live;
pub mod monitor;
pub mod own_limits;
pub mod problem;
pub mod reload;
pub mod settings;
mod source;
pub mod tenants_file;
pub mod tls;

pub use live::Live;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{FailureLimits, MasterKey, WhichKey, key_of};
use crate::config::clusters::Clusters;
use crate::config::monitor::Monitor;
use crate::config::tenants_file::TenantsFile;
use crate::config::tls::{ListenTls, ServerTls};
use crate::tenant::{ClusterName, Ident, KeyMark, Level, Limits};

/// Everything `pgtenant serve` needs, valid and complete.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect, and how many.
    pub listen: Listen,
    /// The PostgreSQL server behind the proxy.
    pub server: Server,
    /// Which cluster that is: `main`, but in what [`Config::at`] makes.
    pub cluster: ClusterName,
    /// The others.
    pub clusters: Clusters,
    /// How server connections are shared.
    pub pool: Pool,
    /// What a tenant may use for which the registry says nothing else.
    pub limits: Limits,
    /// What an operator said of single tenants since it was read.
    pub own_limits: own_limits::OwnLimits,
    /// Where the tenants are written down.
    pub registry: Registry,
    /// Tokens and API keys as credentials.
    pub auth: auth::Auth,
    /// The admin console.
    pub console: console::Console,
    /// What a statement may say.
    pub guard: Guard,
    /// Notifications.
    pub notify: Notify,
    /// Keys.
    pub secrets: Secrets,
    /// New tenants.
    pub tenants: Tenants,
    /// Migrations.
    pub migrations: Migrations,
    /// What looks after isolation.
    pub verify: Verify,
    /// Metrics, health and the dashboard.
    pub monitor: Monitor,
    /// Names of the schemas all tenants know.
    pub schemas: Schemas,
    /// Log output.
    pub log: Log,
}

/// `[listen]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// TCP addresses.
    pub addresses: Vec<SocketAddr>,
    /// Directory of the Unix socket `.s.PGSQL.<port>`, with the port of the first address.
    pub unix_socket_dir: Option<PathBuf>,
    /// Client connections at once; one more is answered `53300`.
    pub max_clients: usize,
    /// Time from accept to the end of authentication.
    pub auth_timeout: Duration,
    /// What host names that name a tenant end in.
    pub tenant_domain: Option<String>,
    /// Threads that serve clients; `None` for what suits the machine.
    pub threads: Option<usize>,
    /// Clients at once that have not logged in yet.
    pub max_unauthenticated: usize,
    /// How many logins may fail in a minute.
    pub failures: FailureLimits,
    /// TCP keepalive idle time of connections with clients and with servers; `None` leaves the system's.
    pub tcp_keepalive: Option<Duration>,
    /// How long the other end of one may leave unconfirmed what was sent; `None` leaves the system's limit.
    pub tcp_user_timeout: Option<Duration>,
    /// How long SIGTERM waits for transactions to end.
    pub shutdown_timeout: Duration,
    /// How long it waits before that, for load balancers to notice.
    pub drain_delay: Duration,
    /// Where another process asks for the listening sockets.
    pub takeover_socket: Option<PathBuf>,
    /// TLS over TCP; `None` for none.
    pub tls: Option<ListenTls>,
}

/// How to reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAddress {
    /// Host name or address, and port.
    Tcp(String, u16),
    /// The socket file, `<dir>/.s.PGSQL.<port>`.
    Unix(PathBuf),
}

impl std::fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Host and port, or Unix socket (`host` beginning with `/` is a directory, as in libpq).
    pub address: ServerAddress,
    /// Others of which one may become the primary.
    pub failover: Vec<ServerAddress>,
    /// Standbys that sessions which only read are served by.
    pub read_replicas: Vec<ServerAddress>,
    /// How far they may be behind.
    pub max_replica_lag: Duration,
    /// How often that is looked at.
    pub replica_check_period: Duration,
    /// The one database that is served, also its name towards clients.
    pub database: String,
    /// Time for dialling and logging in to the server.
    pub connect_timeout: Duration,
    /// Settings every server connection starts with, for example `statement_timeout`.
    pub settings: BTreeMap<String, String>,
    /// How often to look whether the hardening is in force, while a tenant is of level shared.
    pub hardening_check_period: Duration,
    /// TLS towards the server.
    pub tls: ServerTls,
}

impl Server {
    /// Where the primary may be.
    pub fn addresses(&self) -> impl Iterator<Item = &ServerAddress> {
        std::iter::once(&self.address).chain(&self.failover)
    }
}

/// When a server connection is reset on return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetPolicy {
    /// When the judged statements may have left session state.
    OnNeed,
    /// After every transaction.
    Always,
}

/// `[pool]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Server connections at once, over all tenants.
    pub max_server_connections: usize,
    /// Server connections being opened at once.
    pub max_concurrent_opens: usize,
    /// Server connections kept open that are no tenant's yet.
    pub spare_connections: usize,
    /// Shared server connections that stay open, once there was one.
    pub min_shared_connections: usize,
    /// A server connection unused for this long is closed; `None` keeps it.
    pub idle_timeout: Option<Duration>,
    /// A server connection older than this is closed on return; `None` keeps it.
    pub max_lifetime: Option<Duration>,
    /// A shared server connection that has served about so many tenants is closed on return; 0 keeps it.
    pub max_tenants_per_connection: usize,
    /// A shared server connection whose process uses more memory than this, in bytes, is closed on return; 0 keeps it.
    pub max_connection_memory: usize,
    /// Whether it is found out how many transactions at once a server does best with.
    pub adaptive_concurrency: bool,
    /// Whether unnamed statements that come again are kept on server connections.
    pub reuse_unnamed_statements: bool,
    /// How often that memory is asked for.
    pub memory_check_period: Duration,
    /// When to reset on return.
    pub reset: ResetPolicy,
}

/// `[registry]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Role that reads the registry; its password is derived from the master key.
    pub user: String,
    /// Connections of the registry pool.
    pub max_connections: u32,
}

/// What the guard does about a statement that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardMode {
    /// Refuses it.
    Enforce,
    /// Logs it and lets it pass where PostgreSQL's own privileges keep tenants apart: for finding out what
    /// an application would run into. Never at level `shared`.
    Report,
}

/// What the schema `public` is in a tenant's statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicSchema {
    /// A schema like any other that is not the tenant's.
    Refuse,
    /// The tenant's own, for tools that write `public.` into their SQL.
    Tenant,
}

/// `[guard]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Whether rules are enforced.
    pub mode: GuardMode,
    /// What statements that name the schema `public` mean.
    pub public_schema: PublicSchema,
    /// Schemas a tenant may name besides its own, `global` and the system's.
    pub extra_schemas: Vec<Ident>,
    /// Settings of PostgreSQL a tenant may change besides those known to be harmless, in lower case.
    pub extra_settings: Vec<String>,
    /// Functions the operator installed that a tenant may call without their schema at level `shared` without
    /// hardening.
    pub extra_functions: Vec<Ident>,
    /// Longest statement text that is judged, in bytes; a longer one is refused with `54000`.
    pub max_statement_bytes: usize,
    /// Memory for remembered verdicts, in bytes.
    pub cache_bytes: usize,
}

/// `[notify]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Channels that all clients together listen to.
    pub max_channels: usize,
    /// Channels that one client listens to.
    pub max_channels_per_client: usize,
    /// Bytes of notifications kept for one client that does not read.
    pub max_queued_bytes: usize,
}

/// `[secrets]`.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// What server passwords are derived from.
    pub master_key: MasterKey,
    /// What they were derived from before, while keys are changed.
    pub previous_master_key: Option<MasterKey>,
}

impl Secrets {
    /// The key meant; there is no previous one unless keys are being changed.
    #[must_use]
    pub fn key(&self, which: WhichKey) -> &MasterKey {
        match (which, &self.previous_master_key) {
            (WhichKey::Previous, Some(previous)) => previous,
            _ => &self.master_key,
        }
    }

    /// Which key has this mark.
    #[must_use]
    pub fn which(&self, mark: KeyMark) -> Option<WhichKey> {
        key_of(mark, self.master_key.mark(), self.previous_master_key.as_ref().map(MasterKey::mark))
    }

    /// The one that is being replaced, else the one in force.
    #[must_use]
    pub fn oldest(&self) -> &MasterKey {
        self.previous_master_key.as_ref().unwrap_or(&self.master_key)
    }
}

/// `[tenants]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenants {
    /// Level of a new tenant for which the command says nothing else.
    pub level: Level,
    /// Cluster of a new tenant for which the command says nothing else.
    pub cluster: ClusterName,
    /// How long a tenant that was dropped can be kept after all.
    pub drop_grace: Duration,
    /// All tenants, where they stand in a file and not in a registry.
    pub file: Option<Arc<TenantsFile>>,
}

/// `[migrations]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrations {
    /// Where their files are; `None` where there are none.
    pub directory: Option<PathBuf>,
    /// How long one waits for a lock before it lets go of all it has and tries again later.
    pub lock_timeout: Duration,
}

/// `[verify]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// Time between two audits of the catalogs while serving; `None` for none.
    pub interval: Option<Duration>,
    /// Findings that are known: ids, alone or with `:` and the object.
    pub accept: Vec<String>,
}

/// `[schemas]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schemas {
    /// Read by all tenants, second in their `search_path`.
    pub global: Ident,
    /// What a new tenant's schema is cloned from.
    pub template: Ident,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How statements look in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStatements {
    /// Without literals and comments.
    Redacted,
    /// As they were sent.
    Full,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `tracing` filter, for example `info` or `pgtenant=debug`.
    pub filter: String,
    /// Text or JSON.
    pub format: LogFormat,
    /// Period of the line with the proxy's counters; `None` for none.
    pub stats_period: Option<Duration>,
    /// Where audited lines go; `None` for standard error.
    pub audit_file: Option<PathBuf>,
    /// A statement that takes this long is logged; `None` for none.
    pub slow_query: Option<Duration>,
    /// How it looks there.
    pub statements: LogStatements,
    /// Lines of one kind in a second; `None` for all.
    pub max_lines_per_second: Option<usize>,
}
