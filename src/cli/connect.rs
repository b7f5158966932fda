//! The commands' connections to the database.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use tokio_postgres::Client;
use tracing::debug;

use crate::config::Config;
use crate::config::tls::ServerTls;
use crate::net::tls::{ControlConnection, ControlTls};
use crate::registry::{ReaderLogin, RegistryError, cluster_config, describe, session_options};

/// Longest statement of an administrator's command.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(300);

/// Where an administrator's password may be, besides the connection string.
pub(in crate::cli) const PASSWORD_VARIABLE: &str = "PGTENANT_ADMIN_PASSWORD";

/// Who administers the database.
#[derive(Args, Clone, Debug, Default)]
pub struct AdminArgs {
    /// Connection string of an administrator, for example postgresql://postgres@db.internal/app. What it
    /// leaves out (host, database) comes from the configuration.
    #[arg(long, value_name = "URL", env = "PGTENANT_ADMIN_URL", hide_env_values = true, value_parser = secret)]
    pub admin_url: Option<SecretString>,
    /// Administrator to log in as on the configured server, in place of a connection string.
    #[arg(long, value_name = "NAME", env = "PGTENANT_ADMIN_USER", conflicts_with = "admin_url")]
    pub admin_user: Option<String>,
    /// File with the administrator's password; the environment variable PGTENANT_ADMIN_PASSWORD does too.
    #[arg(long, value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,
    /// That variable, where it is another one.
    #[arg(skip)]
    pub password_variable: Option<&'static str>,
}

/// Cannot fail: an error would show the text.
pub(in crate::cli) fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.into())
}

impl AdminArgs {
    /// Logs in as the administrator.
    ///
    /// # Errors
    /// When no administrator is named, the connection string is of another database than the one
    /// served, or the server refuses.
    pub async fn connect(&self, config: &Config) -> Result<Client> {
        let login = self.login_with_password(config)?;
        open_with(&login, config.server.connect_timeout, &config.server.tls)
            .await
            .context("cannot log in as the administrator")
    }

    /// How to log in as the administrator.
    ///
    /// # Errors
    /// When no administrator is named, or the connection string is of another database than the one served.
    pub(in crate::cli) fn login_with_password(&self, config: &Config) -> Result<tokio_postgres::Config> {
        let mut login = self.login(config)?;
        if login.get_password().is_none()
            && let Some(password) = self.password()?
        {
            login.password(password.expose_secret());
        }
        Ok(login)
    }

    fn login(&self, config: &Config) -> Result<tokio_postgres::Config> {
        let configured = cluster_config(&config.server)?;
        let mut login = match (&self.admin_url, &self.admin_user) {
            // Of another cluster the login is the same, and the place is the configuration's.
            (Some(url), _) if !config.cluster.is_main() => with_login_of(url, configured)?,
            (Some(url), _) => from_url(url, configured, &config.server.database)?,
            (None, Some(user)) => {
                let mut login = configured;
                login.user(user);
                login
            }
            (None, None) => bail!(
                "this command needs an administrator of the database; give its connection string with \
                 `--admin-url` or PGTENANT_ADMIN_URL, or its name with `--admin-user` and its password in \
                 {PASSWORD_VARIABLE}"
            ),
        };
        login.application_name("pgtenant admin").options(session_options(STATEMENT_TIMEOUT));
        Ok(login)
    }

    fn password(&self) -> Result<Option<SecretString>> {
        if let Some(path) = &self.admin_password_file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the password file {}", path.display()))?;
            return Ok(Some(text.trim_end_matches(['\r', '\n']).into()));
        }
        Ok(std::env::var(self.password_variable.unwrap_or(PASSWORD_VARIABLE)).ok().map(Into::into))
    }
}

/// Reads a connection string; the host may be left out, the database must be the one that is served.
fn from_url(
    url: &SecretString,
    configured: tokio_postgres::Config,
    database: &str,
) -> Result<tokio_postgres::Config> {
    let mut login: tokio_postgres::Config = url
        .expose_secret()
        .parse()
        .map_err(|error| anyhow::anyhow!("the administrator's {}", describe(&error)))?;
    match login.get_dbname() {
        Some(other) if other != database => bail!(
            "the administrator's connection string is for database {other:?}, but `server.database` is {database:?}"
        ),
        _ => login.dbname(database),
    };
    if login.get_user().is_none() {
        bail!("the administrator's connection string names no user; write postgresql://<user>@…");
    }
    if login.get_hosts().is_empty() && login.get_hostaddrs().is_empty() {
        let user = login.get_user().unwrap_or_default().to_owned();
        let password = login.get_password().map(<[u8]>::to_vec);
        login = configured;
        login.user(user);
        if let Some(password) = password {
            login.password(password);
        }
    }
    Ok(login)
}

/// The user and the password of a connection string, for another place.
fn with_login_of(
    url: &SecretString,
    mut configured: tokio_postgres::Config,
) -> Result<tokio_postgres::Config> {
    let login: tokio_postgres::Config = url
        .expose_secret()
        .parse()
        .map_err(|error| anyhow::anyhow!("the administrator's {}", describe(&error)))?;
    let Some(user) = login.get_user() else {
        bail!("the administrator's connection string names no user; write postgresql://<user>@…");
    };
    configured.user(user);
    if let Some(password) = login.get_password() {
        configured.password(password);
    }
    Ok(configured)
}

/// Logs in as the role that may only read the registry; needs no administrator.
///
/// # Errors
/// When the server refuses, for example because `pgtenant init` was never run.
pub async fn connect_reader(config: &Config) -> Result<Client> {
    let login = ReaderLogin::new(&config.server, &config.registry, &config.secrets)?;
    let (limit, tls) = (config.server.connect_timeout, ControlTls::new(&config.server.tls));
    let opened = timeout(limit, login.connect(&tls)).await.unwrap_or(Err(RegistryError::Timeout));
    let (client, connection) = opened.with_context(|| {
        format!(
            "cannot log in as {}, which reads the registry; if this database or its master key is new, run \
             `pgtenant init`",
            config.registry.user
        )
    })?;
    drive(connection);
    Ok(client)
}

/// Logs in within a limit, without TLS.
pub(in crate::cli) async fn open(login: &tokio_postgres::Config, limit: Duration) -> Result<Client> {
    open_with(login, limit, &ServerTls::OFF).await
}

/// Logs in within a limit.
pub(in crate::cli) async fn open_with(
    login: &tokio_postgres::Config,
    limit: Duration,
    tls: &ServerTls,
) -> Result<Client> {
    let tls = ControlTls::new(tls);
    let mut login = login.clone();
    tls.apply_to(&mut login);
    let (client, connection) = timeout(limit, login.connect(tls))
        .await
        .with_context(|| format!("PostgreSQL did not answer within {limit:?}"))?
        .map_err(|error| anyhow::anyhow!(describe(&error)))?;
    drive(connection);
    Ok(client)
}

fn drive(connection: ControlConnection) {
    tokio::spawn(async move {
        // The command's own query fails with it; this is for the log.
        if let Err(error) = connection.await {
            debug!(error = %describe(&error), "the command's connection ended");
        }
    });
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    fn login(url: &str) -> Result<tokio_postgres::Config> {
        let mut configured = tokio_postgres::Config::new();
        configured.host("db.internal").port(5433).dbname("app");
        from_url(&url.into(), configured, "app")
    }

    #[test]
    fn what_the_connection_string_leaves_out_comes_from_the_configuration() {
        let config = login("postgresql://boss:secret@/app").unwrap();
        assert_eq!(config.get_hosts(), [Host::Tcp("db.internal".into())]);
        assert_eq!(config.get_ports(), [5433]);
        assert_eq!((config.get_user(), config.get_dbname()), (Some("boss"), Some("app")));
        assert_eq!(config.get_password(), Some(&b"secret"[..]));
        assert_eq!(login("postgresql://boss@other").unwrap().get_dbname(), Some("app"));
    }

    #[test]
    fn connection_string_for_another_database_or_without_user_is_refused() {
        let text = |url| format!("{:#}", login(url).unwrap_err());
        assert!(text("postgresql://boss@db/prod").contains("`server.database` is \"app\""));
        assert!(text("postgresql://db/app").contains("names no user"));
    }

    #[test]
    fn broken_connection_string_is_refused_without_its_password() {
        let error = format!("{:#}", login("postgresql://boss:hunter2@db:port/app").unwrap_err());
        assert!(error.contains("invalid connection string") && !error.contains("hunter2"), "{error}");
        let args = AdminArgs { admin_url: Some("postgresql://a:hunter2@b".into()), ..AdminArgs::default() };
        assert!(!format!("{args:?}").contains("hunter2"));
    }
}
