//! What becomes of each key when the configuration is read again while the proxy serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::clusters;
use crate::config::console::Rights;
use crate::config::keys::Row;
use crate::config::tls::{Identity, ListenMode, ListenTls};
use crate::config::{Config, ServerAddress};

/// When another value of a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// From the reload on, also for clients that are here.
    AtOnce,
    /// For clients that connect from then on; those that are here keep the old value.
    NewClients,
    /// Not before the proxy is restarted or replaced.
    Restart,
    /// The next command that reads it; `pgtenant serve` does not.
    Commands,
}

impl Effect {
    /// As in docs/config.md.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::NewClients => "new clients",
            Self::Restart => "restart",
            Self::Commands => "commands",
        }
    }
}

/// One key, where its value is in a [`Config`].
struct Rule {
    section: &'static str,
    name: &'static str,
    effect: Effect,
    differs: fn(&Config, &Config) -> bool,
    /// Puts the first one's value into the second.
    keep: fn(&Config, &mut Config),
}

/// Keys with the field that holds their value, or, behind `=>`, with what tells of it.
macro_rules! rules {
    (@differs $($field:ident).+) => { |a, b| a.$($field).+ != b.$($field).+ };
    (@keep $($field:ident).+) => { |from, to| to.$($field).+.clone_from(&from.$($field).+) };
    ($($effect:ident $section:ident.$name:ident: $($field:ident).+ $(=> $tells:expr)?;)+) => {
        const RULES: &[Rule] = &[$(Rule {
            section: stringify!($section),
            name: stringify!($name),
            effect: Effect::$effect,
            differs: rules!(@pick $($field).+ $(=> $tells)?),
            keep: rules!(@keep $($field).+),
        }),+];
    };
    (@pick $($field:ident).+) => { rules!(@differs $($field).+) };
    (@pick $($field:ident).+ => $tells:expr) => { |a, b| $tells(a) != $tells(b) };
}

rules! {
    AtOnce listen.addresses: listen.addresses;
    AtOnce listen.unix_socket_dir: listen.unix_socket_dir;
    AtOnce listen.max_clients: listen.max_clients;
    NewClients listen.auth_timeout: listen.auth_timeout;
    Restart listen.threads: listen.threads;
    AtOnce listen.max_unauthenticated: listen.max_unauthenticated;
    AtOnce listen.max_failures_per_address: listen.failures.per_address;
    AtOnce listen.max_failures_per_user: listen.failures.per_user;
    AtOnce listen.max_failures_per_tenant: listen.failures.per_tenant;
    NewClients listen.tenant_domain: listen.tenant_domain;
    NewClients listen.tcp_keepalive: listen.tcp_keepalive;
    NewClients listen.tcp_user_timeout: listen.tcp_user_timeout;
    AtOnce listen.shutdown_timeout: listen.shutdown_timeout;
    AtOnce listen.drain_delay: listen.drain_delay;
    Restart listen.takeover_socket: listen.takeover_socket;
    NewClients listen.tls: listen.tls => tls_mode;
    NewClients listen.tls_by_address: listen.tls => tls_by_address;
    NewClients listen.tls_certificate: listen.tls => |c| own(c).map(|own| own.certificate.clone());
    NewClients listen.tls_key: listen.tls => |c| own(c).map(|own| own.key.clone());
    NewClients listen.tls_extra_certificates: listen.tls => |c| extra(c, |one| &one.certificate);
    NewClients listen.tls_extra_keys: listen.tls => |c| extra(c, |one| &one.key);
    AtOnce listen.tls_client_ca: listen.tls => |c| ca(c).map(|ca| ca.file.clone());
    NewClients listen.tls_client_certificate: listen.tls => |c| ca(c).map(|ca| ca.certificate);
    AtOnce listen.tls_client_crl: listen.tls => |c| ca(c).and_then(|ca| ca.crl.clone());

    Restart server.host: server.address => server_host;
    Restart server.port: server.address => server_port;
    Restart server.failover_hosts: server.failover;
    Restart server.read_replicas: server.read_replicas;
    Restart server.max_replica_lag: server.max_replica_lag;
    Restart server.replica_check_period: server.replica_check_period;
    Restart server.database: server.database;
    AtOnce server.connect_timeout: server.connect_timeout;
    Restart server.settings: server.settings;
    AtOnce server.hardening_check_period: server.hardening_check_period;
    Restart server.tls: server.tls.mode;
    Restart server.tls_ca: server.tls.ca;
    Restart server.tls_certificate: server.tls.identity
        => |c: &Config| c.server.tls.identity.as_ref().map(|own| own.certificate.clone());
    Restart server.tls_key: server.tls.identity
        => |c: &Config| c.server.tls.identity.as_ref().map(|own| own.key.clone());

    AtOnce pool.max_server_connections: pool.max_server_connections;
    AtOnce pool.max_server_connections_per_tenant: limits.max_server_connections => share_of_one;
    AtOnce pool.max_concurrent_opens: pool.max_concurrent_opens;
    AtOnce pool.spare_connections: pool.spare_connections;
    AtOnce pool.min_shared_connections: pool.min_shared_connections;
    AtOnce pool.wait_timeout: limits.wait_timeout;
    AtOnce pool.idle_timeout: pool.idle_timeout;
    AtOnce pool.max_lifetime: pool.max_lifetime;
    AtOnce pool.max_tenants_per_connection: pool.max_tenants_per_connection;
    AtOnce pool.max_connection_memory: pool.max_connection_memory;
    AtOnce pool.adaptive_concurrency: pool.adaptive_concurrency;
    AtOnce pool.reuse_unnamed_statements: pool.reuse_unnamed_statements;
    AtOnce pool.memory_check_period: pool.memory_check_period;
    AtOnce pool.pinned_idle_timeout: limits.pinned_idle_timeout;
    AtOnce pool.max_pinned_per_tenant: limits.max_pinned;
    AtOnce pool.reset: pool.reset;

    AtOnce limits.max_clients: limits.max_clients;
    AtOnce limits.max_waiting: limits.max_waiting;
    AtOnce limits.max_transactions_per_second: limits.max_transactions_per_second;
    AtOnce limits.statement_timeout: limits.statement_timeout;
    AtOnce limits.transaction_timeout: limits.transaction_timeout;
    AtOnce limits.idle_in_transaction_timeout: limits.idle_in_transaction_timeout;
    AtOnce limits.client_idle_timeout: limits.client_idle_timeout;

    Restart registry.user: registry.user;
    Restart registry.max_connections: registry.max_connections;

    NewClients auth.token_keys: auth.token_keys;
    NewClients auth.token_keys_url: auth.token_keys_url;
    NewClients auth.token_keys_ca: auth.token_keys_ca;
    NewClients auth.token_secret_file: auth.token_secret_file;
    NewClients auth.token_issuer: auth.rules.issuer;
    NewClients auth.token_audience: auth.rules.audience;
    NewClients auth.token_tenant_claim: auth.rules.tenant_claim;
    NewClients auth.token_scope_claim: auth.rules.scope_claim;
    NewClients auth.token_user_claim: auth.rules.user_claim;
    NewClients auth.token_leeway: auth.rules.leeway;
    NewClients auth.token_max_lifetime: auth.rules.max_lifetime;
    NewClients auth.token_user: auth.token_user;
    NewClients auth.bearer_user: auth.bearer_user;
    NewClients auth.tokens_without_tls: auth.tokens_without_tls;
    NewClients auth.admin_tokens: auth.admin_tokens;
    NewClients auth.api_keys: auth.api_keys;
    NewClients auth.client_certificates: auth.client_certificates;
    NewClients auth.issue_key: auth.issue_key;
    NewClients auth.issue_max_lifetime: auth.issue_max_lifetime;

    NewClients console.database: console.database;
    NewClients console.admin_users: console.users => |c: &Config| names_with(c, Rights::Admin);
    NewClients console.stats_users: console.users => |c: &Config| names_with(c, Rights::Stats);
    NewClients console.password_file: console.users
        => |c: &Config| c.console.users.iter().map(|user| user.verifier.clone()).collect::<Vec<_>>();

    AtOnce guard.mode: guard.mode;
    NewClients guard.public_schema: guard.public_schema;
    NewClients guard.extra_schemas: guard.extra_schemas;
    NewClients guard.extra_settings: guard.extra_settings;
    NewClients guard.extra_functions: guard.extra_functions;
    AtOnce guard.max_statement_bytes: guard.max_statement_bytes;
    AtOnce guard.cache_bytes: guard.cache_bytes;

    AtOnce notify.max_channels: notify.max_channels;
    AtOnce notify.max_channels_per_client: notify.max_channels_per_client;
    AtOnce notify.max_queued_bytes: notify.max_queued_bytes;

    Restart secrets.master_key_file: secrets => |c: &Config| c.secrets.master_key.mark();
    // The same key, from another place.
    Restart secrets.master_key: secrets => |_: &Config| false;
    Restart secrets.previous_master_key_file: secrets
        => |c: &Config| c.secrets.previous_master_key.as_ref().map(|key| key.mark());
    Restart secrets.previous_master_key: secrets => |_: &Config| false;

    Commands tenants.level: tenants.level;
    Commands tenants.cluster: tenants.cluster;
    Commands tenants.drop_grace: tenants.drop_grace;
    AtOnce tenants.file: tenants.file;

    Commands migrations.directory: migrations.directory;
    Commands migrations.lock_timeout: migrations.lock_timeout;

    AtOnce verify.interval: verify.interval;
    AtOnce verify.accept: verify.accept;

    Restart schemas.global: schemas.global;
    Restart schemas.template: schemas.template;

    Restart monitor.addresses: monitor.addresses;
    Restart monitor.token_file: monitor.token_file;
    Restart monitor.tokens_from: monitor.tokens_from;
    Restart monitor.metrics_access: monitor.metrics_access;
    Restart monitor.metrics_tenants: monitor.metrics_tenants;

    AtOnce log.filter: log.filter;
    Restart log.format: log.format;
    AtOnce log.stats_period: log.stats_period;
    AtOnce log.audit_file: log.audit_file;
    NewClients log.slow_query: log.slow_query;
    NewClients log.statements: log.statements;
    AtOnce log.max_lines_per_second: log.max_lines_per_second;
}

fn names_with(config: &Config, rights: Rights) -> Vec<String> {
    let those = config.console.users.iter().filter(|user| user.rights == rights);
    those.map(|user| user.name.clone()).collect()
}

fn tls(config: &Config) -> Option<&ListenTls> {
    config.listen.tls.as_ref()
}

fn tls_mode(config: &Config) -> Option<ListenMode> {
    tls(config).map(|tls| tls.mode)
}

fn tls_by_address(config: &Config) -> &[(SocketAddr, ListenMode)] {
    tls(config).map_or(&[], |tls| &tls.by_address)
}

fn own(config: &Config) -> Option<&Identity> {
    tls(config).map(|tls| &tls.identity)
}

fn extra(config: &Config, part: fn(&Identity) -> &PathBuf) -> Vec<PathBuf> {
    tls(config).map_or_else(Vec::new, |tls| tls.extra.iter().map(|one| part(one).clone()).collect())
}

fn ca(config: &Config) -> Option<&crate::config::tls::ClientCa> {
    tls(config).and_then(|tls| tls.client_ca.as_ref())
}

fn server_host(config: &Config) -> PathBuf {
    match &config.server.address {
        ServerAddress::Tcp(host, _) => host.into(),
        ServerAddress::Unix(path) => path.parent().unwrap_or(path).to_owned(),
    }
}

fn server_port(config: &Config) -> String {
    match &config.server.address {
        ServerAddress::Tcp(_, port) => port.to_string(),
        ServerAddress::Unix(path) => path.extension().map(Path::new).unwrap_or(path).display().to_string(),
    }
}

/// `None` for all of them, however many that are.
fn share_of_one(config: &Config) -> Option<usize> {
    let share = config.limits.max_server_connections;
    (share != config.pool.max_server_connections).then_some(share)
}

/// What a reload comes to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is to be in force: the new values where they can be taken over, else the old ones.
    pub config: Config,
    /// Keys with another value that is taken over, in the order of `config/pgtenant.toml`.
    pub changed: Vec<&'static Row>,
    /// Keys with another value that takes a restart, in the same order.
    pub restart: Vec<&'static Row>,
    /// Whether something of `[clusters.NAME]` has another value that is taken over.
    pub clusters_changed: bool,
    /// Whether there are other clusters, or something of one has another value that takes a restart.
    pub clusters_restart: bool,
}

/// Compares what is in force with what was read.
#[must_use]
pub fn plan(old: &Config, new: Config) -> Plan {
    let (mut changed, mut restart) = (Vec::new(), Vec::new());
    let mut config = new.clone();
    for rule in RULES.iter().filter(|rule| (rule.differs)(old, &new)) {
        let Some(row) = rule.row() else { continue };
        if rule.effect == Effect::Restart {
            (rule.keep)(old, &mut config);
            restart.push(row);
        } else {
            changed.push(row);
        }
    }
    let (clusters, clusters_restart) = clusters::reloaded(&old.clusters, &new.clusters);
    let clusters_changed = clusters != old.clusters;
    config.clusters = clusters;
    Plan { config, changed, restart, clusters_changed, clusters_restart }
}

/// Compares what is in force with what was read when this key was set by hand: nothing but its value is taken over, whatever
/// else the file says by now.
#[must_use]
pub fn plan_by_hand(old: &Config, read: Config, key: &Row) -> Plan {
    let mut new = read.clone();
    new.own_limits = old.own_limits.clone();
    let is_key = |rule: &Rule| rule.section == key.section && rule.name == key.name;
    for rule in RULES.iter().filter(|rule| !is_key(rule) && (rule.differs)(old, &read)) {
        (rule.keep)(old, &mut new);
    }
    plan(old, new)
}

impl Rule {
    fn row(&self) -> Option<&'static Row> {
        crate::config::keys::ROWS.iter().find(|row| row.section == self.section && row.name == self.name)
    }
}

/// When another value of the key holds; `None` for one that is not in the table, which a test forbids.
#[must_use]
pub fn effect(row: &Row) -> Option<Effect> {
    RULES.iter().find(|rule| rule.section == row.section && rule.name == row.name).map(|rule| rule.effect)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::OsString;
    use std::time::Duration;

    use super::*;
    use crate::config::file::{self, Input, SecretFile};
    use crate::config::keys::ROWS;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn read(text: &str, key: &str) -> Config {
        let environment: Vec<(OsString, OsString)> = vec![("PGTENANT_MASTER_KEY".into(), key.into())];
        let text = format!("[server]\ndatabase = \"app\"\n{text}");
        let read_file = |_: &Path| Ok(SecretFile { text: KEY.to_owned().into(), mode: 0o600 });
        let input = Input { name: "p.toml", text: &text, environment: &environment, read_file: &read_file };
        file::read(&input).unwrap()
    }

    fn names(rows: &[&'static Row]) -> Vec<String> {
        rows.iter().map(|row| row.path()).collect()
    }

    #[test]
    fn every_key_has_one_rule() {
        let paths: Vec<String> = RULES.iter().map(|rule| format!("{}.{}", rule.section, rule.name)).collect();
        let known: BTreeSet<String> = ROWS.iter().map(Row::path).collect();
        assert_eq!(paths.iter().cloned().collect::<BTreeSet<_>>(), known);
        assert_eq!(paths.len(), known.len(), "a key has two");
    }

    #[test]
    fn same_configuration_changes_nothing() {
        let config = read("", KEY);
        let plan = plan(&config, config.clone());
        assert!(plan.changed.is_empty() && plan.restart.is_empty());
    }

    #[test]
    fn what_takes_a_restart_keeps_its_value_and_the_rest_is_taken_over() {
        let old = read("port = 1\nconnect_timeout = \"1s\"\n", KEY);
        let new = read(
            "port = 2\nconnect_timeout = \"2s\"\n[limits]\nstatement_timeout = \"3s\"\n[log]\nformat = \"json\"\n\
             filter = \"debug\"\n",
            KEY,
        );
        let plan = plan(&old, new);
        assert_eq!(names(&plan.restart), ["server.port", "log.format"]);
        assert_eq!(
            names(&plan.changed),
            ["server.connect_timeout", "limits.statement_timeout", "log.filter"]
        );
        assert_eq!(plan.config.server.address, old.server.address);
        assert_eq!(plan.config.log.format, old.log.format);
        assert_eq!(plan.config.log.filter, "debug");
        assert_eq!(plan.config.limits.statement_timeout, Some(Duration::from_secs(3)));
    }

    #[test]
    fn other_master_key_takes_a_restart_and_is_not_shown() {
        let (old, new) = (read("", KEY), read("", &"ab".repeat(32)));
        let plan = plan(&old, new);
        assert_eq!(names(&plan.restart), ["secrets.master_key_file"]);
        assert_eq!(plan.config.secrets.master_key.mark(), old.secrets.master_key.mark());
        assert!(!format!("{plan:?}").contains("abab"));
    }

    #[test]
    fn larger_budget_is_no_other_share_of_a_tenant_that_may_have_all() {
        let (old, new) = (read("", KEY), read("[pool]\nmax_server_connections = 60\n", KEY));
        assert_eq!(names(&plan(&old, new).changed), ["pool.max_server_connections"]);
    }

    #[test]
    fn certificate_of_clients_and_a_socket_s_directory_are_told_apart() {
        let tls = "[listen]\ntls_certificate = \"a\"\ntls_key = \"b\"\n";
        let (old, new) = (read(tls, KEY), read(&tls.replace("\"a\"", "\"c\""), KEY));
        assert_eq!(names(&plan(&old, new).changed), ["listen.tls_certificate"]);
        let (old, new) = (read("host = \"/run/a\"\n", KEY), read("host = \"/run/b\"\n", KEY));
        assert_eq!(names(&plan(&old, new).restart), ["server.host"]);
    }
}
