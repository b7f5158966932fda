//! From TOML text and environment variables to a [`Config`], or to everything that is wrong.

mod auth;
mod clusters;
mod console;
mod monitor;
mod secrets;
mod tenants;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::auth::FailureLimits;
use crate::config::keys;
use crate::config::kind::Wrong;
use crate::config::own_limits::OwnLimits;
use crate::config::problem::Problems;
use crate::config::source::Source;
use crate::config::tls;
use crate::config::{
    Config, Guard, Listen, Log, Migrations, Notify, Pool, PublicSchema, Registry, Schemas, Server,
    ServerAddress, Verify,
};
use crate::tenant::{ClusterName, Limits, WEIGHT};

/// Bits of a mode that let anybody but the owner read or write.
const OTHERS_MAY: u32 = 0o066;

/// A file that holds a secret, as the caller found it.
#[derive(Debug)]
pub struct SecretFile {
    /// What is in it.
    pub text: SecretString,
    /// Permission bits, as `stat` has them in `st_mode`.
    pub mode: u32,
}

/// All that a configuration is made from.
pub struct Input<'a> {
    /// The file's name, for messages and for paths relative to it.
    pub name: &'a str,
    /// The file's text.
    pub text: &'a str,
    /// The environment; variables without the prefix `PGTENANT_` are ignored.
    pub environment: &'a [(OsString, OsString)],
    /// Reads a file that holds a secret.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<SecretFile>,
}

/// Reads a configuration.
///
/// # Errors
/// Every problem there is, not just the first.
pub fn read(input: &Input<'_>) -> Result<Config, Problems> {
    let mut source = Source::new(input.name, input.text, input.environment);
    // Each of these notes all its problems before it gives up, so every one is called.
    let dir = Path::new(input.name).parent();
    let listen = listen(&mut source, dir);
    let server = server(&mut source, dir);
    let (pool, limits) = pool(&mut source).unzip();
    let clusters = clusters::clusters(&mut source, dir, (server.as_ref(), pool.as_ref()));
    let registry = registry(&mut source);
    let auth = auth::auth(&mut source, input);
    let console = console::console(&mut source, input);
    let guard = guard(&mut source);
    let notify = notify(&mut source);
    let secrets = secrets::secrets(&mut source, input);
    let tenants = tenants::tenants(&mut source, input);
    let migrations = migrations(&mut source, dir);
    let verify = verify(&mut source);
    let monitor = monitor::monitor(&mut source, input, listen.as_ref());
    let schemas = schemas(&mut source);
    let log = log(&mut source);
    if let (Some(auth), Some(listen)) = (&auth, &listen) {
        auth::require_client_ca(&mut source, auth, listen);
    }
    if let (Some(tenants), Some(registry), Some(schemas), Some(verify)) =
        (&tenants, &registry, &schemas, &verify)
    {
        tenants::agree(&mut source, tenants, (registry, schemas, verify));
    }
    if let (Some(console), Some(server)) = (&console, &server) {
        console::tell_apart(&mut source, console, server);
    }
    let config = (|| {
        Some(Config {
            listen: listen?,
            server: server?,
            cluster: ClusterName::MAIN,
            clusters: clusters?,
            pool: pool?,
            limits: limits?,
            own_limits: OwnLimits::default(),
            registry: registry?,
            auth: auth?,
            console: console?,
            guard: guard?,
            notify: notify?,
            secrets: secrets?,
            tenants: tenants?,
            migrations: migrations?,
            verify: verify?,
            monitor: monitor?,
            schemas: schemas?,
            log: log?,
        })
    })();
    if let Some(config) = &config {
        clusters::have_tenants(&mut source, config);
    }
    source.into_problems().unless_any(config)
}

fn listen(source: &mut Source<'_>, dir: Option<&Path>) -> Option<Listen> {
    let addresses = source.take(&keys::LISTEN_ADDRESSES);
    let unix_socket_dir = source.take(&keys::LISTEN_UNIX_SOCKET_DIR);
    let max_clients = source.take(&keys::LISTEN_MAX_CLIENTS);
    let auth_timeout = source.take(&keys::LISTEN_AUTH_TIMEOUT);
    let tenant_domain = source.take(&keys::LISTEN_TENANT_DOMAIN);
    let threads = source.take(&keys::LISTEN_THREADS);
    let max_unauthenticated = source.take(&keys::LISTEN_MAX_UNAUTHENTICATED);
    let per_address = source.take(&keys::LISTEN_MAX_FAILURES_PER_ADDRESS);
    let per_user = source.take(&keys::LISTEN_MAX_FAILURES_PER_USER);
    let per_tenant = source.take(&keys::LISTEN_MAX_FAILURES_PER_TENANT);
    let limit = |number: Option<usize>| number.and_then(|number| u32::try_from(number).ok());
    let tcp_keepalive = source.take(&keys::LISTEN_TCP_KEEPALIVE);
    let tcp_user_timeout = user_timeout(source, tcp_keepalive.flatten());
    let shutdown_timeout = source.take(&keys::LISTEN_SHUTDOWN_TIMEOUT);
    let drain_delay = source.take(&keys::LISTEN_DRAIN_DELAY);
    let takeover_socket = source.take(&keys::LISTEN_TAKEOVER_SOCKET);
    let tls = tls::listen(source, dir, addresses.as_deref());
    if let (Some(addresses), Some(Some(dir))) = (&addresses, &unix_socket_dir) {
        let port = addresses.first().map_or(0, std::net::SocketAddr::port);
        let wrong = if port == 0 {
            Some(Wrong::new(
                "a Unix socket is named after the port of the first address, which is 0",
                "give the first of `listen.addresses` a port, or turn the socket off",
            ))
        } else {
            too_long_for_a_socket(&unix_socket(dir, port))
        };
        if let Some(wrong) = wrong {
            source.refuse(&keys::LISTEN_UNIX_SOCKET_DIR.row, wrong);
        }
    }
    if let Some(wrong) =
        takeover_socket.as_ref().and_then(|path| path.as_deref()).and_then(too_long_for_a_socket)
    {
        source.refuse(&keys::LISTEN_TAKEOVER_SOCKET.row, wrong);
    }
    Some(Listen {
        addresses: addresses?,
        unix_socket_dir: unix_socket_dir?,
        max_clients: max_clients?,
        auth_timeout: auth_timeout?,
        tenant_domain: tenant_domain?,
        threads: threads?,
        max_unauthenticated: max_unauthenticated?,
        failures: FailureLimits {
            per_address: limit(per_address?),
            per_user: limit(per_user?),
            per_tenant: limit(per_tenant?),
        },
        tcp_keepalive: tcp_keepalive?,
        tcp_user_timeout: tcp_user_timeout?,
        shutdown_timeout: shutdown_timeout?,
        drain_delay: drain_delay?,
        takeover_socket: takeover_socket?,
        tls: tls?,
    })
}

/// As it is given; otherwise the default, or longer where that would be too short for keepalive.
fn user_timeout(source: &mut Source<'_>, keepalive: Option<Duration>) -> Option<Option<Duration>> {
    let key = &keys::LISTEN_TCP_USER_TIMEOUT;
    let (given, is_set) = (source.take(key)?, source.is_set(&key.row));
    let (Some(idle), Some(limit)) = (keepalive, given) else { return Some(given) };
    if !is_set {
        return Some(Some(limit.max(idle * 2)));
    }
    if let Some(wrong) = too_short_for_probes(idle, limit) {
        source.refuse(&key.row, wrong);
    }
    Some(given)
}

/// With a limit on what is unconfirmed the system gives up a silent peer at the first probe that is lost after that time.
fn too_short_for_probes(idle: Duration, limit: Duration) -> Option<Wrong> {
    (limit < idle * 2).then(|| {
        let shown = humantime::format_duration;
        Wrong::new(
            format!(
                "{} is less than twice `listen.tcp_keepalive`, which is {}: one lost probe could end a connection",
                shown(limit),
                shown(idle)
            ),
            format!("give at least {}, a shorter `listen.tcp_keepalive`, or \"off\"", shown(idle * 2)),
        )
    })
}

fn server(source: &mut Source<'_>, dir: Option<&Path>) -> Option<Server> {
    let host = source.take(&keys::SERVER_HOST);
    let port = source.take(&keys::SERVER_PORT);
    let database = source.take(&keys::SERVER_DATABASE);
    let connect_timeout = source.take(&keys::SERVER_CONNECT_TIMEOUT);
    let settings = source.take(&keys::SERVER_SETTINGS);
    let hardening_check_period = source.take(&keys::SERVER_HARDENING_CHECK_PERIOD);
    let failover = source.take(&keys::SERVER_FAILOVER_HOSTS);
    let read_replicas = source.take(&keys::SERVER_READ_REPLICAS);
    let max_replica_lag = source.take(&keys::SERVER_MAX_REPLICA_LAG);
    let replica_check_period = source.take(&keys::SERVER_REPLICA_CHECK_PERIOD);
    let address = host.zip(port).map(|(host, port)| {
        address(host, port).unwrap_or_else(|(address, wrong)| {
            source.refuse(&keys::SERVER_HOST.row, wrong);
            address
        })
    });
    let failover = others(source, &keys::SERVER_FAILOVER_HOSTS.row, failover, (port, address.as_ref()));
    let read_replicas = others(source, &keys::SERVER_READ_REPLICAS.row, read_replicas, (port, None));
    let tls = tls::server(source, dir, address.as_ref());
    Some(Server {
        address: address?,
        failover: failover?,
        read_replicas: read_replicas?,
        max_replica_lag: max_replica_lag?,
        replica_check_period: replica_check_period?,
        database: database?,
        connect_timeout: connect_timeout?,
        settings: settings?,
        hardening_check_period: hardening_check_period?,
        tls: tls?,
    })
}

/// A beginning `/` makes it a Unix socket, as in libpq.
fn address(host: String, port: u16) -> Result<ServerAddress, (ServerAddress, Wrong)> {
    if !host.starts_with('/') {
        return Ok(ServerAddress::Tcp(host, port));
    }
    let path = unix_socket(Path::new(&host), port);
    let wrong = too_long_for_a_socket(&path);
    let address = ServerAddress::Unix(path);
    wrong.map_or_else(|| Ok(address.clone()), |wrong| Err((address.clone(), wrong)))
}

/// More servers, each once and none of them the first; those without a port have the first one's.
fn others(
    source: &mut Source<'_>,
    row: &keys::Row,
    given: Option<Vec<(String, Option<u16>)>>,
    (port, first): (Option<u16>, Option<&ServerAddress>),
) -> Option<Vec<ServerAddress>> {
    let mut read = Vec::new();
    for (host, own) in given? {
        let address = address(host, own.or(port)?).unwrap_or_else(|(address, wrong)| {
            source.refuse(row, wrong);
            address
        });
        if first == Some(&address) || read.contains(&address) {
            let wrong = Wrong::new(format!("{address} is named twice"), "name each server once");
            source.refuse(row, wrong);
        }
        read.push(address);
    }
    Some(read)
}

/// The name PostgreSQL gives its sockets, which libpq looks for.
fn unix_socket(dir: &Path, port: u16) -> PathBuf {
    dir.join(format!(".s.PGSQL.{port}"))
}

/// Room for a path in `sockaddr_un` (unix(7)), without the NUL at its end.
const MAX_SOCKET_PATH: usize = 107;

fn too_long_for_a_socket(path: &Path) -> Option<Wrong> {
    let length = path.as_os_str().len();
    (length > MAX_SOCKET_PATH).then(|| {
        Wrong::new(
            format!("the path of the socket would have {length} bytes, the system allows {MAX_SOCKET_PATH}"),
            "use a directory with a shorter path",
        )
    })
}

fn pool(source: &mut Source<'_>) -> Option<(Pool, Limits)> {
    let total = source.take(&keys::POOL_MAX_SERVER_CONNECTIONS);
    let per_tenant = source.take(&keys::POOL_MAX_SERVER_CONNECTIONS_PER_TENANT);
    let max_concurrent_opens = source.take(&keys::POOL_MAX_CONCURRENT_OPENS);
    let spare_connections = source.take(&keys::POOL_SPARE_CONNECTIONS);
    let min_shared_connections = source.take(&keys::POOL_MIN_SHARED_CONNECTIONS);
    let wait_timeout = source.take(&keys::POOL_WAIT_TIMEOUT);
    let idle_timeout = source.take(&keys::POOL_IDLE_TIMEOUT);
    let max_lifetime = source.take(&keys::POOL_MAX_LIFETIME);
    let max_tenants_per_connection = source.take(&keys::POOL_MAX_TENANTS_PER_CONNECTION);
    let max_connection_memory = source.take(&keys::POOL_MAX_CONNECTION_MEMORY);
    let adaptive_concurrency = source.take(&keys::POOL_ADAPTIVE_CONCURRENCY);
    let reuse_unnamed_statements = source.take(&keys::POOL_REUSE_UNNAMED_STATEMENTS);
    let memory_check_period = source.take(&keys::POOL_MEMORY_CHECK_PERIOD);
    let pinned_idle_timeout = source.take(&keys::POOL_PINNED_IDLE_TIMEOUT);
    let max_pinned_per_tenant = source.take(&keys::POOL_MAX_PINNED_PER_TENANT);
    let reset = source.take(&keys::POOL_RESET);
    if let (Some(total), Some(Some(share))) = (total, per_tenant)
        && share > total
    {
        let wrong = Wrong::new(
            format!("{share} is more than pool.max_server_connections, which is {total}"),
            format!("give at most {total}, or \"all\""),
        );
        source.refuse(&keys::POOL_MAX_SERVER_CONNECTIONS_PER_TENANT.row, wrong);
    }
    if let (Some(total), Some(spares)) = (total, spare_connections)
        && spares >= total
    {
        let wrong = Wrong::new(
            format!("{spares} spare connections leave none of pool.max_server_connections, which is {total}"),
            format!("give less than {total}; 0 keeps none"),
        );
        source.refuse(&keys::POOL_SPARE_CONNECTIONS.row, wrong);
    }
    if let (Some(total), Some(kept)) = (total, min_shared_connections)
        && kept > total
    {
        let wrong = Wrong::new(
            format!("{kept} is more than pool.max_server_connections, which is {total}"),
            format!("give at most {total}; 0 keeps none"),
        );
        source.refuse(&keys::POOL_MIN_SHARED_CONNECTIONS.row, wrong);
    }
    let max_clients = source.take(&keys::LIMITS_MAX_CLIENTS);
    let max_waiting = source.take(&keys::LIMITS_MAX_WAITING);
    let max_transactions_per_second = source.take(&keys::LIMITS_MAX_TRANSACTIONS_PER_SECOND);
    let statement_timeout = source.take(&keys::LIMITS_STATEMENT_TIMEOUT);
    let transaction_timeout = source.take(&keys::LIMITS_TRANSACTION_TIMEOUT);
    let idle_in_transaction_timeout = source.take(&keys::LIMITS_IDLE_IN_TRANSACTION_TIMEOUT);
    let client_idle_timeout = source.take(&keys::LIMITS_CLIENT_IDLE_TIMEOUT);
    let pool = Pool {
        max_server_connections: total?,
        max_concurrent_opens: max_concurrent_opens?,
        spare_connections: spare_connections?,
        min_shared_connections: min_shared_connections?,
        idle_timeout: idle_timeout?,
        max_lifetime: max_lifetime?,
        max_tenants_per_connection: max_tenants_per_connection?,
        max_connection_memory: max_connection_memory?,
        adaptive_concurrency: adaptive_concurrency?,
        reuse_unnamed_statements: reuse_unnamed_statements?,
        memory_check_period: memory_check_period?,
        reset: reset?,
    };
    let limits = Limits {
        max_clients: max_clients?.unwrap_or(usize::MAX),
        max_server_connections: per_tenant?.unwrap_or(total?),
        min_server_connections: 0,
        max_waiting: max_waiting?.unwrap_or(usize::MAX),
        max_pinned: max_pinned_per_tenant?.unwrap_or(usize::MAX),
        weight: WEIGHT,
        max_transactions_per_second: max_transactions_per_second?.unwrap_or(usize::MAX),
        wait_timeout: wait_timeout?,
        statement_timeout: statement_timeout?,
        transaction_timeout: transaction_timeout?,
        idle_in_transaction_timeout: idle_in_transaction_timeout?,
        client_idle_timeout: client_idle_timeout?,
        pinned_idle_timeout: pinned_idle_timeout?,
    };
    Some((pool, limits))
}

fn registry(source: &mut Source<'_>) -> Option<Registry> {
    let user = source.take(&keys::REGISTRY_USER);
    let max_connections = source.take(&keys::REGISTRY_MAX_CONNECTIONS);
    Some(Registry { user: user?, max_connections: max_connections? })
}

fn guard(source: &mut Source<'_>) -> Option<Guard> {
    let mode = source.take(&keys::GUARD_MODE);
    let public_schema = source.take(&keys::GUARD_PUBLIC_SCHEMA);
    let extra_schemas = source.take(&keys::GUARD_EXTRA_SCHEMAS);
    if public_schema == Some(PublicSchema::Tenant)
        && extra_schemas
            .as_ref()
            .is_some_and(|listed| listed.iter().any(|schema| schema.as_str() == "public"))
    {
        source.refuse(
            &keys::GUARD_PUBLIC_SCHEMA.row,
            Wrong::new(
                "the schema public cannot be the tenant's own and one of guard.extra_schemas",
                "take \"public\" off guard.extra_schemas, or leave guard.public_schema at \"refuse\"",
            ),
        );
    }
    let extra_settings = source.take(&keys::GUARD_EXTRA_SETTINGS);
    let extra_functions = source.take(&keys::GUARD_EXTRA_FUNCTIONS);
    let max_statement_bytes = source.take(&keys::GUARD_MAX_STATEMENT_BYTES);
    let cache_bytes = source.take(&keys::GUARD_CACHE_BYTES);
    Some(Guard {
        mode: mode?,
        public_schema: public_schema?,
        extra_schemas: extra_schemas?,
        extra_settings: extra_settings?,
        extra_functions: extra_functions?,
        max_statement_bytes: max_statement_bytes?,
        cache_bytes: cache_bytes?,
    })
}

fn notify(source: &mut Source<'_>) -> Option<Notify> {
    let max_channels = source.take(&keys::NOTIFY_MAX_CHANNELS);
    let max_channels_per_client = source.take(&keys::NOTIFY_MAX_CHANNELS_PER_CLIENT);
    let max_queued_bytes = source.take(&keys::NOTIFY_MAX_QUEUED_BYTES);
    Some(Notify {
        max_channels: max_channels?,
        max_channels_per_client: max_channels_per_client?,
        max_queued_bytes: max_queued_bytes?,
    })
}

fn migrations(source: &mut Source<'_>, dir: Option<&Path>) -> Option<Migrations> {
    let directory = source.take(&keys::MIGRATIONS_DIRECTORY);
    let lock_timeout = source.take(&keys::MIGRATIONS_LOCK_TIMEOUT);
    let beside = |path: PathBuf| dir.map_or_else(|| path.clone(), |dir| dir.join(&path));
    Some(Migrations { directory: directory?.map(beside), lock_timeout: lock_timeout? })
}

fn verify(source: &mut Source<'_>) -> Option<Verify> {
    let interval = source.take(&keys::VERIFY_INTERVAL);
    let accept = source.take(&keys::VERIFY_ACCEPT);
    Some(Verify { interval: interval?, accept: accept? })
}

fn schemas(source: &mut Source<'_>) -> Option<Schemas> {
    let global = source.take(&keys::SCHEMAS_GLOBAL);
    let template = source.take(&keys::SCHEMAS_TEMPLATE);
    if let (Some(global), Some(template)) = (&global, &template)
        && global == template
    {
        // Blame the one that was set, so that the message points at a line.
        let blamed = if source.is_set(&keys::SCHEMAS_TEMPLATE.row) {
            &keys::SCHEMAS_TEMPLATE.row
        } else {
            &keys::SCHEMAS_GLOBAL.row
        };
        let wrong = Wrong::new(
            format!("schemas.global and schemas.template are both {:?}", global.as_str()),
            "name two different schemas",
        );
        source.refuse(blamed, wrong);
    }
    Some(Schemas { global: global?, template: template? })
}

fn log(source: &mut Source<'_>) -> Option<Log> {
    let filter = source.take(&keys::LOG_FILTER);
    let format = source.take(&keys::LOG_FORMAT);
    let stats_period = source.take(&keys::LOG_STATS_PERIOD);
    let audit_file = source.take(&keys::LOG_AUDIT_FILE);
    let slow_query = source.take(&keys::LOG_SLOW_QUERY);
    let statements = source.take(&keys::LOG_STATEMENTS);
    let max_lines_per_second = source.take(&keys::LOG_MAX_LINES_PER_SECOND);
    Some(Log {
        filter: filter?,
        format: format?,
        stats_period: stats_period?,
        audit_file: audit_file?,
        slow_query: slow_query?,
        statements: statements?,
        max_lines_per_second: max_lines_per_second?,
    })
}
