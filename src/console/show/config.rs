//! What the configuration says, as `SHOW CONFIG` and `SHOW DATABASES` tell it.

use std::time::Duration;

use crate::config::by_hand::{ByHand, is_settable};
use crate::config::{Config, GuardMode, LogFormat, PublicSchema, ResetPolicy, ServerAddress, keys};
use crate::console::Value;

/// What the tables need to know besides what is going on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The database that is served.
    pub database: String,
    /// Where PostgreSQL is.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Server connections of all tenants.
    pub max_servers: usize,
    /// The rows of `SHOW CONFIG`.
    pub settings: Vec<Setting>,
}

/// One row of `SHOW CONFIG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// A key of the configuration, or PgBouncer's name for what means the same.
    pub key: String,
    /// What holds.
    pub value: Option<String>,
    /// What would hold if nothing were said.
    pub default: Option<String>,
    /// Whether `SET` changes it.
    pub is_changeable: bool,
}

impl Setting {
    pub(super) fn row(&self) -> Vec<Value> {
        let changeable = if self.is_changeable { "yes" } else { "no" };
        vec![
            self.key.as_str().into(),
            self.value.clone().into(),
            self.default.clone().into(),
            changeable.into(),
        ]
    }
}

impl Facts {
    /// Of a configuration, and what of it is set by hand. Nothing of it is a secret.
    #[must_use]
    pub fn of(config: &Config, by_hand: &ByHand) -> Self {
        let (host, port) = match &config.server.address {
            ServerAddress::Tcp(host, port) => (host.clone(), *port),
            ServerAddress::Unix(path) => {
                let directory = path.parent().map(|dir| dir.display().to_string());
                let port = path.extension().and_then(|port| port.to_str()?.parse().ok());
                (directory.unwrap_or_default(), port.unwrap_or(0))
            }
        };
        Self {
            database: config.server.database.clone(),
            host,
            port,
            max_servers: config.pool.max_server_connections,
            settings: settings(config, by_hand),
        }
    }
}

fn settings(config: &Config, by_hand: &ByHand) -> Vec<Setting> {
    let default = |key: &str| {
        let row = keys::ROWS.iter().find(|row| row.path() == key)?;
        match row.fallback {
            keys::Fallback::Value(value) => Some(value.trim_matches('"').to_owned()),
            keys::Fallback::Required | keys::Fallback::None => None,
        }
    };
    let own = values(config).into_iter().map(|(key, value)| Setting {
        key: key.to_owned(),
        value: Some(value),
        default: default(key),
        is_changeable: is_settable(key),
    });
    let synonyms = synonyms(config).into_iter().map(|(key, value)| Setting {
        key: key.to_owned(),
        value: Some(value),
        default: None,
        is_changeable: is_settable(key),
    });
    // A row: programs count the columns.
    let set: Vec<_> = by_hand.keys().cloned().chain(config.own_limits.names()).collect();
    let set = Setting {
        key: "set_by_hand".to_owned(),
        value: Some(set.join(", ")),
        default: Some(String::new()),
        is_changeable: false,
    };
    let mut all: Vec<_> = own.chain(synonyms).chain([set]).collect();
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

/// A time as it is written in the configuration.
fn time(time: Duration) -> String {
    match (time.as_millis(), time.as_secs()) {
        (0, _) => "0".to_owned(),
        (millis, _) if millis % 1000 != 0 => format!("{millis}ms"),
        (_, secs) if secs % 3600 == 0 => format!("{}h", secs / 3600),
        (_, secs) if secs % 60 == 0 => format!("{}min", secs / 60),
        (_, secs) => format!("{secs}s"),
    }
}

fn time_or_off(limit: Option<Duration>) -> String {
    limit.map_or_else(|| "off".to_owned(), time)
}

fn count_or_all(number: usize) -> String {
    if number == usize::MAX { "all".to_owned() } else { number.to_string() }
}

/// Our keys, by their names; what is long, or names files, is left to the file.
fn values(config: &Config) -> Vec<(&'static str, String)> {
    let Config { listen, server, pool, limits, guard, notify, tenants, schemas, log, .. } = config;
    let addresses: Vec<_> = listen.addresses.iter().map(ToString::to_string).collect();
    vec![
        ("listen.addresses", addresses.join(", ")),
        ("listen.max_clients", listen.max_clients.to_string()),
        ("listen.auth_timeout", time(listen.auth_timeout)),
        ("listen.threads", listen.threads.map_or_else(|| "auto".into(), |number| number.to_string())),
        ("listen.max_unauthenticated", listen.max_unauthenticated.to_string()),
        ("listen.tenant_domain", listen.tenant_domain.clone().unwrap_or_else(|| "off".into())),
        ("listen.tcp_keepalive", time_or_off(listen.tcp_keepalive)),
        ("listen.tcp_user_timeout", time_or_off(listen.tcp_user_timeout)),
        ("listen.shutdown_timeout", time(listen.shutdown_timeout)),
        ("listen.drain_delay", time(listen.drain_delay)),
        ("server.database", server.database.clone()),
        ("server.connect_timeout", time(server.connect_timeout)),
        ("pool.max_server_connections", pool.max_server_connections.to_string()),
        ("pool.max_server_connections_per_tenant", count_or_all(limits.max_server_connections)),
        ("pool.max_concurrent_opens", pool.max_concurrent_opens.to_string()),
        ("pool.spare_connections", pool.spare_connections.to_string()),
        ("pool.min_shared_connections", pool.min_shared_connections.to_string()),
        ("pool.wait_timeout", time(limits.wait_timeout)),
        ("pool.idle_timeout", time_or_off(pool.idle_timeout)),
        ("pool.max_lifetime", time_or_off(pool.max_lifetime)),
        ("pool.max_tenants_per_connection", pool.max_tenants_per_connection.to_string()),
        ("pool.max_connection_memory", pool.max_connection_memory.to_string()),
        ("pool.memory_check_period", time(pool.memory_check_period)),
        ("pool.pinned_idle_timeout", time_or_off(limits.pinned_idle_timeout)),
        ("pool.max_pinned_per_tenant", count_or_all(limits.max_pinned)),
        ("pool.reset", if pool.reset == ResetPolicy::Always { "always" } else { "on_need" }.into()),
        ("limits.max_clients", count_or_all(limits.max_clients)),
        ("limits.max_waiting", count_or_all(limits.max_waiting)),
        ("limits.max_transactions_per_second", count_or_all(limits.max_transactions_per_second)),
        ("limits.statement_timeout", time_or_off(limits.statement_timeout)),
        ("limits.transaction_timeout", time_or_off(limits.transaction_timeout)),
        ("limits.idle_in_transaction_timeout", time_or_off(limits.idle_in_transaction_timeout)),
        ("limits.client_idle_timeout", time_or_off(limits.client_idle_timeout)),
        ("guard.mode", if guard.mode == GuardMode::Enforce { "enforce" } else { "report" }.into()),
        (
            "guard.public_schema",
            if guard.public_schema == PublicSchema::Tenant { "tenant" } else { "refuse" }.into(),
        ),
        ("guard.max_statement_bytes", guard.max_statement_bytes.to_string()),
        ("guard.cache_bytes", guard.cache_bytes.to_string()),
        ("notify.max_channels", notify.max_channels.to_string()),
        ("notify.max_channels_per_client", notify.max_channels_per_client.to_string()),
        ("notify.max_queued_bytes", notify.max_queued_bytes.to_string()),
        ("tenants.level", tenants.level.as_str().into()),
        ("schemas.global", schemas.global.as_str().into()),
        ("schemas.template", schemas.template.as_str().into()),
        ("log.filter", log.filter.clone()),
        ("log.format", if log.format == LogFormat::Json { "json" } else { "text" }.into()),
        ("log.stats_period", time_or_off(log.stats_period)),
        ("log.slow_query", time_or_off(log.slow_query)),
        (
            "log.max_lines_per_second",
            log.max_lines_per_second.map_or_else(|| "off".to_owned(), |lines| lines.to_string()),
        ),
    ]
}

/// PgBouncer's names of what means the same here, in its units: seconds, and 0 for no limit.
fn synonyms(config: &Config) -> Vec<(&'static str, String)> {
    let seconds = |time: Duration| time.as_secs().to_string();
    let seconds_or_0 = |time: Option<Duration>| time.map_or_else(|| "0".to_owned(), seconds);
    let limit = |number: usize| if number == usize::MAX { "0".to_owned() } else { number.to_string() };
    let first = config.listen.addresses.first();
    vec![
        ("max_client_conn", config.listen.max_clients.to_string()),
        ("max_db_connections", limit(config.limits.max_server_connections)),
        ("max_user_connections", "0".to_owned()),
        ("default_pool_size", limit(config.limits.max_server_connections)),
        ("pool_mode", "transaction".to_owned()),
        ("client_login_timeout", seconds(config.listen.auth_timeout)),
        ("client_idle_timeout", seconds_or_0(config.limits.client_idle_timeout)),
        ("query_timeout", seconds_or_0(config.limits.statement_timeout)),
        ("query_wait_timeout", seconds(config.limits.wait_timeout)),
        ("idle_transaction_timeout", seconds_or_0(config.limits.idle_in_transaction_timeout)),
        ("server_connect_timeout", seconds(config.server.connect_timeout)),
        ("server_idle_timeout", seconds_or_0(config.pool.idle_timeout)),
        ("server_lifetime", seconds_or_0(config.pool.max_lifetime)),
        ("stats_period", seconds(config.log.stats_period.unwrap_or(Duration::from_secs(60)))),
        ("listen_addr", first.map_or_else(String::new, |address| address.ip().to_string())),
        ("listen_port", first.map_or(0, std::net::SocketAddr::port).to_string()),
    ]
}
