//! How the proxy's own connections log in.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio_postgres::config::TargetSessionAttrs;

use crate::auth::MasterKey;
use crate::config::{self, ServerAddress};
use crate::registry::{QUERY_TIMEOUT, ReaderLogin, RegistryError};

/// Idle time after which a TCP connection is probed, and how long unanswered data may wait: a server
/// that vanished without a word is noticed within about half a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Where to connect; the caller adds the login.
///
/// # Errors
/// [`RegistryError::SocketPath`] for a socket path PostgreSQL would not have made.
pub fn server_config(
    address: &ServerAddress,
    database: &str,
) -> Result<tokio_postgres::Config, RegistryError> {
    let mut config = tokio_postgres::Config::new();
    config.dbname(database);
    add_host(&mut config, address)?;
    Ok(config)
}

/// The same for whichever of the configured servers takes writes.
///
/// # Errors
/// As [`server_config`].
pub fn cluster_config(server: &config::Server) -> Result<tokio_postgres::Config, RegistryError> {
    let mut config = server_config(&server.address, &server.database)?;
    if !server.failover.is_empty() {
        for address in &server.failover {
            add_host(&mut config, address)?;
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        // One that does not answer leaves time for the next.
        let hosts = u32::try_from(server.failover.len() + 1).unwrap_or(u32::MAX);
        config.connect_timeout(server.connect_timeout / hosts);
    }
    Ok(config)
}

fn add_host(config: &mut tokio_postgres::Config, address: &ServerAddress) -> Result<(), RegistryError> {
    config.keepalives_idle(KEEPALIVE).keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(3).tcp_user_timeout(KEEPALIVE);
    match address {
        ServerAddress::Tcp(host, port) => config.host(host).port(*port),
        ServerAddress::Unix(path) => {
            let (dir, port) =
                split_socket(path).ok_or_else(|| RegistryError::SocketPath(path.display().to_string()))?;
            config.host_path(dir).port(port)
        }
    };
    Ok(())
}

/// The login that may read the registry and nothing else, with the password derived for it: one for each server that may be
/// the primary.
///
/// # Errors
/// As [`server_config`].
pub(super) fn reader_configs(
    server: &config::Server,
    registry: &config::Registry,
    master_key: &MasterKey,
) -> Result<Vec<tokio_postgres::Config>, RegistryError> {
    let login =
        |address| reader_config(server_config(address, &server.database)?, server, registry, master_key);
    server.addresses().map(login).collect()
}

fn reader_config(
    mut config: tokio_postgres::Config,
    server: &config::Server,
    registry: &config::Registry,
    master_key: &MasterKey,
) -> Result<tokio_postgres::Config, RegistryError> {
    if !server.failover.is_empty() {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config
        .user(&registry.user)
        .password(master_key.role_password(&registry.user).expose_secret())
        .application_name("pgtenant registry")
        .options(session_options(QUERY_TIMEOUT));
    Ok(config)
}

/// The same login, for the connection that listens for all clients.
///
/// # Errors
/// As [`server_config`].
pub fn listener_login(config: &config::Config) -> Result<ReaderLogin, RegistryError> {
    let mut login = ReaderLogin::new(&config.server, &config.registry, &config.secrets)?;
    login.change(|login| {
        login.application_name("pgtenant notifications");
    });
    Ok(login)
}

fn split_socket(path: &Path) -> Option<(&Path, u16)> {
    let port = path.file_name()?.to_str()?.strip_prefix(".s.PGSQL.")?.parse().ok()?;
    Some((path.parent()?, port))
}

/// Startup `options` of every connection of the proxy's own: they win over settings of the role and
/// the database, so nobody can lead our names elsewhere. Looks into the catalogs are compiled in more time than they take.
#[must_use]
pub fn session_options(statement_timeout: Duration) -> String {
    format!(
        "-c search_path=pg_catalog -c client_encoding=UTF8 -c lock_timeout=10s -c statement_timeout={}ms \
         -c idle_in_transaction_session_timeout=60s -c jit=off",
        statement_timeout.as_millis()
    )
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    #[test]
    fn socket_file_becomes_directory_and_port() {
        let config = server_config(&ServerAddress::Unix("/run/pg/.s.PGSQL.5433".into()), "app").unwrap();
        assert_eq!(config.get_hosts(), [Host::Unix("/run/pg".into())]);
        assert_eq!(config.get_ports(), [5433]);
    }

    #[test]
    fn path_that_is_no_postgresql_socket_is_refused_with_the_key() {
        for path in ["/run/pg", "/run/pg/.s.PGSQL.x", "/"] {
            let error = server_config(&ServerAddress::Unix(path.into()), "app").unwrap_err();
            assert!(error.to_string().contains("`server.host`"), "{error}");
        }
    }
}
