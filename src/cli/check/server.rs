//! Whether the server can be used as the configuration says.

#[cfg(test)]
mod tests;

use std::io;

use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;

use crate::auth::MasterKey;
use crate::config::problem::{Place, Problem, Problems};
use crate::config::tls::ServerMode;
use crate::config::{Config, ServerAddress};
use crate::net::tls::ControlTls;
use crate::tenant::Ident;

/// Asks the server; its version when it was reached and could be logged in to.
pub(super) async fn check(config: &Config, problems: &mut Problems) -> Option<String> {
    let mut check = Check { config, place: place(&config.server.address), problems };
    let limit = config.server.connect_timeout;
    let Ok(version) = timeout(limit, check.reach()).await else {
        check.found(
            "server.connect_timeout",
            format!("no answer within {}", humantime::format_duration(limit)),
            "check server.host, server.port and what is between (a firewall?), or allow more time",
        );
        return None;
    };
    version
}

fn place(address: &ServerAddress) -> Place {
    Place::Server { address: address.to_string() }
}

struct Check<'a> {
    config: &'a Config,
    place: Place,
    problems: &'a mut Problems,
}

/// What came of a login.
enum Reached {
    /// The version, or problems noted.
    End(Option<String>),
    /// The password was wrong, and another master key has another one.
    OtherKey,
}

impl Check<'_> {
    fn found(&mut self, key: &str, wrong: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem {
            place: self.place.clone(),
            key: Some(key.to_owned()),
            wrong: wrong.into(),
            remedy: remedy.into(),
        });
    }

    /// Connects, logs in and asks. What the server says about itself is noted as it comes.
    async fn reach(&mut self) -> Option<String> {
        let secrets = &self.config.secrets;
        if let Some(previous) = &secrets.previous_master_key
            && let Reached::End(end) = self.reach_with(previous, true).await
        {
            return end;
        }
        match self.reach_with(&secrets.master_key, false).await {
            Reached::End(end) => end,
            Reached::OtherKey => None,
        }
    }

    async fn reach_with(&mut self, key: &MasterKey, has_other: bool) -> Reached {
        let config = self.config;
        match &config.server.address {
            ServerAddress::Tcp(host, port) => match TcpStream::connect((host.as_str(), *port)).await {
                Ok(stream) => self.log_in(stream, key, has_other).await,
                Err(error) => Reached::End(self.unreachable(&error)),
            },
            ServerAddress::Unix(path) => match UnixStream::connect(path).await {
                Ok(stream) => self.log_in(stream, key, has_other).await,
                Err(error) => Reached::End(self.unreachable(&error)),
            },
        }
    }

    fn unreachable<T>(&mut self, error: &io::Error) -> Option<T> {
        let unix = matches!(self.config.server.address, ServerAddress::Unix(_));
        let (key, remedy) = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound if unix => (
                "server.host",
                "start PostgreSQL, or set server.host to its unix_socket_directories and server.port to its port",
            ),
            io::ErrorKind::ConnectionRefused => (
                "server.port",
                "start PostgreSQL there, or set server.host and server.port to where it is; \
                 its listen_addresses must allow this",
            ),
            io::ErrorKind::PermissionDenied => (
                "server.host",
                "let the user that runs pgtenant use the socket (unix_socket_permissions, unix_socket_group)",
            ),
            _ => ("server.host", "correct server.host, or the network between"),
        };
        self.found(key, format!("cannot be reached: {error}"), remedy);
        None
    }

    async fn log_in<S>(&mut self, stream: S, key: &MasterKey, has_other: bool) -> Reached
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let user = &self.config.registry.user;
        let password = key.role_password(user);
        let mut login = tokio_postgres::Config::new();
        login
            .user(user)
            .password(password.expose_secret())
            .dbname(&self.config.server.database)
            .application_name("pgtenant check");
        let host = match &self.config.server.address {
            ServerAddress::Tcp(host, _) => {
                login.host(host);
                host.as_str()
            }
            ServerAddress::Unix(_) => "",
        };
        let mut tls = ControlTls::new(&self.config.server.tls);
        tls.apply_to(&mut login);
        let login = match MakeTlsConnect::<S>::make_tls_connect(&mut tls, host) {
            Ok(tls) => login.connect_raw(stream, tls).await,
            Err(error) => return Reached::End(self.unreachable(&error)),
        };
        let (client, connection) = match login {
            Ok(both) => both,
            Err(error) if has_other && error.code() == Some(&SqlState::INVALID_PASSWORD) => {
                return Reached::OtherKey;
            }
            Err(error) => {
                self.refused(&error);
                return Reached::End(None);
            }
        };
        let connection = tokio::spawn(connection);
        let version = self.ask(&client).await;
        drop(client);
        // Ends with the client; whatever it says now was said to the client already.
        let _ = connection.await;
        Reached::End(match version {
            Ok(version) => Some(version),
            Err(error) => {
                let remedy = "read the server's log; pgtenant asked it about its own role and the registry";
                self.found(
                    "server.database",
                    format!("the server did not answer: {}", words(&error)),
                    remedy,
                );
                None
            }
        })
    }

    /// Notes why the login failed.
    fn refused(&mut self, error: &tokio_postgres::Error) {
        let user = &self.config.registry.user;
        if error.code().is_none() && self.config.server.tls.mode != ServerMode::Off {
            let remedy = "check `server.tls_ca`, that `server.host` is a name in the server's certificate, and that \
                          the server has `ssl = on`";
            return self.found("server.tls", format!("no login over TLS: {}", words(error)), remedy);
        }
        let (key, remedy) =
            login_remedy(error.code().map(SqlState::code), user, &self.config.server.database);
        self.found(key, format!("the login as {user:?} failed: {}", words(error)), remedy);
    }

    async fn ask(&mut self, client: &Client) -> Result<String, tokio_postgres::Error> {
        self.ask_about_role(client).await?;
        self.ask_about_registry(client).await?;
        self.ask_about_room(client).await?;
        let row = client.query_one("SELECT pg_catalog.current_setting('server_version')", &[]).await?;
        row.try_get(0)
    }

    async fn ask_about_role(&mut self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let row = client
            .query_one(
                "SELECT rolsuper, rolbypassrls, rolreplication, rolcreaterole \
                 FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) SESSION_USER",
                &[],
            )
            .await?;
        let rights = [
            ("SUPERUSER", "NOSUPERUSER"),
            ("BYPASSRLS", "NOBYPASSRLS"),
            ("REPLICATION", "NOREPLICATION"),
            ("CREATEROLE", "NOCREATEROLE"),
        ];
        let (mut has, mut without) = (Vec::new(), Vec::new());
        for (at, (right, no_right)) in rights.into_iter().enumerate() {
            if row.try_get::<_, bool>(at)? {
                has.push(right);
                without.push(no_right);
            }
        }
        if !has.is_empty() {
            let user = &self.config.registry.user;
            // The configuration was read, so this is an identifier; quoted, it can be pasted.
            let role = Ident::parse(user).map_or_else(|_| user.clone(), |role| role.to_string());
            self.found(
                "registry.user",
                format!("the role {user:?} may do more than read the registry: it has {}", has.join(", ")),
                format!(
                    "take that away with: ALTER ROLE {role} {}; or name another role and run `pgtenant init`",
                    without.join(" ")
                ),
            );
        }
        Ok(())
    }

    async fn ask_about_registry(&mut self, client: &Client) -> Result<(), tokio_postgres::Error> {
        if self.config.tenants.file.is_some() {
            return Ok(());
        }
        let row = client
            .query_opt(
                "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE'), \
                 (SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT') FROM pg_catalog.pg_class c \
                  WHERE c.relnamespace OPERATOR(pg_catalog.=) n.oid AND c.relname OPERATOR(pg_catalog.=) 'tenants') \
                 FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) 'pgtenant'",
                &[],
            )
            .await?;
        let database = self.config.server.database.clone();
        let wrong = match row {
            None => format!("the database {database:?} has no registry (schema pgtenant)"),
            Some(row) => match (row.try_get(0)?, row.try_get(1)?) {
                (_, None::<bool>) => format!(
                    "the registry in the database {database:?} is incomplete: no table pgtenant.tenants"
                ),
                (true, Some(true)) => return Ok(()),
                _ => format!("the role {:?} may not read pgtenant.tenants", self.config.registry.user),
            },
        };
        self.found("server.database", wrong, "run `pgtenant init`; it can be repeated without harm");
        Ok(())
    }

    /// Whether the server has room for as many connections as the pool may open.
    async fn ask_about_room(&mut self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let row = client
            .query_one(
                "SELECT pg_catalog.current_setting('max_connections')::pg_catalog.int8 \
                 OPERATOR(pg_catalog.-) pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8 \
                 OPERATOR(pg_catalog.-) \
                 COALESCE(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int8",
                &[],
            )
            .await?;
        let room = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0);
        let pool = self.config.pool.max_server_connections as u64;
        let registry = u64::from(self.config.registry.max_connections);
        if pool + registry > room {
            self.found(
                "pool.max_server_connections",
                format!("{pool} connections and {registry} for the registry are more than the {room} the server allows"),
                format!(
                    "give at most {}, or raise the server's max_connections",
                    room.saturating_sub(registry)
                ),
            );
        }
        Ok(())
    }
}

/// The key to look at and what to do, by the SQLSTATE of a refused login.
fn login_remedy(code: Option<&str>, user: &str, database: &str) -> (&'static str, String) {
    match code {
        // invalid_catalog_name
        Some("3D000") => (
            "server.database",
            format!("create the database {database:?} and run `pgtenant init`, or correct server.database"),
        ),
        // invalid_password; also what PostgreSQL says of a role that does not exist
        Some("28P01") => (
            "registry.user",
            format!("run `pgtenant init` with this master key: it makes the role {user:?} and its password"),
        ),
        // invalid_authorization_specification
        Some("28000") => (
            "registry.user",
            format!("run `pgtenant init`, and let the role {user:?} log in by scram-sha-256 in pg_hba.conf"),
        ),
        // insufficient_privilege
        Some("42501") => (
            "registry.user",
            format!("run `pgtenant init`: it lets the role {user:?} connect to {database:?}"),
        ),
        // too_many_connections
        Some("53300") => (
            "pool.max_server_connections",
            "close other connections, or raise the server's max_connections".to_owned(),
        ),
        // cannot_connect_now
        Some("57P03") => {
            ("server.host", "wait until the server has started or stopped, and check again".to_owned())
        }
        Some(_) => ("registry.user", "read the server's log".to_owned()),
        None => (
            "server.port",
            "make sure that PostgreSQL is what listens there, and that it takes scram-sha-256 logins \
             without TLS"
                .to_owned(),
        ),
    }
}

/// What the server said, or what happened to the connection.
fn words(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map(DbError::message).map_or_else(
        || {
            let source = std::error::Error::source(error);
            source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        },
        str::to_owned,
    )
}
