//! A server that is somebody's. What the demo makes there carries a mark, and only that is removed.

use std::net::IpAddr;

use anyhow::{Context, Result, anyhow, bail};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use crate::cli::connect::{PASSWORD_VARIABLE, open};
use crate::cli::demo::ground::{DEMO_DATABASE as DATABASE, LOGIN_LIMIT, execute, login, version};
use crate::config::ServerAddress;
use crate::registry::describe;
use crate::tenant::Ident;

/// The comment on all that a demo makes: how the next one knows what an interrupted one left.
const MARK: &str = "made by `pgtenant demo`, which removes it";

/// PostgreSQL's port when a connection string names none.
const DEFAULT_PORT: u16 = 5432;

/// What was made, and where.
#[derive(Debug)]
pub(super) struct Existing {
    /// The administrator's login to the database named in the connection string.
    maintenance: tokio_postgres::Config,
    /// Roles made so far.
    roles: Vec<Ident>,
}

impl Existing {
    /// Removes what an interrupted demo left, and creates the database.
    ///
    /// # Errors
    /// When the connection string cannot be used, or the database or one of the roles exists and was
    /// not made by a demo.
    pub(super) async fn claim(url: &SecretString, roles: &[Ident]) -> Result<(Self, ServerAddress, String)> {
        let (maintenance, address) = read(url)?;
        let client = open(&maintenance, LOGIN_LIMIT).await.context("cannot log in with `--postgres`")?;
        let (left, foreign) = find(&client, roles).await?;
        if !foreign.is_empty() {
            bail!(
                "the demo needs these names, and this server has them for something else: {}; rename or drop \
                 them, or leave `--postgres` out, for a private server",
                foreign.join(", ")
            );
        }
        let left = Self { maintenance: maintenance.clone(), roles: left };
        left.sweep(&client, false).await?;
        let version = version(&client).await?;
        create(&client).await?;
        Ok((Self { maintenance, roles: Vec::new() }, address, version))
    }

    /// The administrator's login to the demo's database.
    pub(super) fn admin(&self) -> tokio_postgres::Config {
        let mut login = self.maintenance.clone();
        login.dbname(DATABASE);
        login
    }

    /// Marks a role as ours.
    pub(super) async fn made(&mut self, client: &Client, role: &Ident) -> Result<()> {
        // Before the mark: a role without it must go too.
        self.roles.push(role.clone());
        execute(client, &format!("COMMENT ON ROLE {role} IS '{MARK}'")).await
    }

    /// Removes the database and the roles.
    pub(super) async fn remove(self) -> Result<()> {
        let result = async {
            let client = open(&self.maintenance, LOGIN_LIMIT).await?;
            self.sweep(&client, true).await
        };
        let names: Vec<String> = self.roles.iter().map(Ident::to_string).collect();
        result.await.with_context(|| {
            format!(
                "something of the demo may be left; the next demo removes it, or run: DROP DATABASE IF EXISTS \
                 {DATABASE}; DROP ROLE IF EXISTS {}",
                names.join(", ")
            )
        })
    }

    async fn sweep(&self, client: &Client, end_sessions: bool) -> Result<()> {
        // PostgreSQL waits some seconds for sessions that are about to end. FORCE would not wait, and
        // takes more rights than an administrator may have.
        let dropped = client.batch_execute(&format!("DROP DATABASE IF EXISTS {DATABASE}")).await;
        match dropped {
            Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) && end_sessions => {
                execute(client, &format!("DROP DATABASE {DATABASE} WITH (FORCE)")).await?;
            }
            Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => bail!(
                "another demo is running on this server; end it first ({DATABASE} is in use: {})",
                describe(&error)
            ),
            Err(error) => bail!("cannot drop the database {DATABASE}: {}", describe(&error)),
            Ok(()) => {}
        }
        for role in &self.roles {
            execute(client, &format!("DROP ROLE IF EXISTS {role}"))
                .await
                .with_context(|| format!("cannot drop the role {}", role.as_str()))?;
        }
        Ok(())
    }
}

/// The marked roles, and what has one of our names without the mark.
async fn find(client: &Client, roles: &[Ident]) -> Result<(Vec<Ident>, Vec<String>)> {
    let names: Vec<&str> = roles.iter().map(Ident::as_str).collect();
    let found = client
        .query(
            "SELECT 'database', datname::text, pg_catalog.shobj_description(oid, 'pg_database') = $2
             FROM pg_catalog.pg_database WHERE datname = $1
             UNION ALL
             SELECT 'role', rolname::text, pg_catalog.shobj_description(oid, 'pg_authid') = $2
             FROM pg_catalog.pg_roles WHERE rolname = ANY ($3)
             ORDER BY 1, 2",
            &[&DATABASE, &MARK, &names],
        )
        .await;
    let (mut left, mut foreign) = (Vec::new(), Vec::new());
    for row in found.map_err(|error| anyhow!(describe(&error)))? {
        let (kind, name, ours) = columns(&row).map_err(|error| anyhow!(describe(&error)))?;
        if !ours {
            foreign.push(format!("{kind} {name}"));
        } else if kind == "role" {
            left.push(Ident::parse(&name)?);
        }
    }
    Ok((left, foreign))
}

/// No comment is NULL, and not ours.
fn columns(row: &Row) -> Result<(String, String, bool), tokio_postgres::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get::<_, Option<bool>>(2)?.unwrap_or_default()))
}

async fn create(client: &Client) -> Result<()> {
    // From template0, because template1 may hold anything.
    execute(client, &format!("CREATE DATABASE {DATABASE} TEMPLATE template0"))
        .await
        .context("the demo needs a login that may create databases and roles")?;
    let marked = execute(client, &format!("COMMENT ON DATABASE {DATABASE} IS '{MARK}'")).await;
    if marked.is_err() {
        // Nobody would know whose it is.
        let _ = client.batch_execute(&format!("DROP DATABASE {DATABASE}")).await;
    }
    marked
}

/// The administrator's login, and where the server is.
fn read(url: &SecretString) -> Result<(tokio_postgres::Config, ServerAddress)> {
    let given: tokio_postgres::Config =
        url.expose_secret().parse().map_err(|error| anyhow!("`--postgres`: {}", describe(&error)))?;
    let address = address(&given)?;
    let Some(user) = given.get_user() else {
        bail!("`--postgres` names no user; write postgresql://<user>@<host>/");
    };
    if given.get_ssl_mode() == SslMode::Require {
        bail!("`--postgres` asks for TLS, which pgtenant does not have yet; leave out `sslmode`");
    }
    let database = given.get_dbname().unwrap_or("postgres");
    if database == DATABASE {
        bail!("`--postgres` names the database that the demo makes; name another one, such as postgres");
    }
    let mut maintenance = login(&address, database)?;
    maintenance.user(user);
    if let Some(password) = given.get_password() {
        maintenance.password(password);
    } else if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        maintenance.password(password);
    }
    Ok((maintenance, address))
}

fn address(given: &tokio_postgres::Config) -> Result<ServerAddress> {
    let port = given.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
    match (given.get_hosts(), given.get_hostaddrs()) {
        ([] | [_], [address]) => Ok(ServerAddress::Tcp(IpAddr::to_string(address), port)),
        ([Host::Tcp(host)], []) => Ok(ServerAddress::Tcp(host.clone(), port)),
        ([Host::Unix(dir)], []) => Ok(ServerAddress::Unix(dir.join(format!(".s.PGSQL.{port}")))),
        _ => bail!("`--postgres` must name one host; write postgresql://<user>@<host>/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(url: &str) -> String {
        format!("{:#}", read(&url.into()).unwrap_err())
    }

    #[test]
    fn host_socket_and_address_are_found_in_the_connection_string() {
        let address = |url: &str| read(&url.into()).unwrap().1;
        assert_eq!(address("postgresql://boss@db:5433/x"), ServerAddress::Tcp("db".into(), 5433));
        assert_eq!(
            address("host=db hostaddr=10.0.0.1 user=boss"),
            ServerAddress::Tcp("10.0.0.1".into(), 5432)
        );
        let socket = ServerAddress::Unix("/run/pg/.s.PGSQL.5432".into());
        assert_eq!(address("host=/run/pg user=boss"), socket);
    }

    #[test]
    fn connection_string_that_cannot_be_used_is_refused_with_the_remedy_and_without_the_password() {
        assert!(text("postgresql://db/").contains("names no user"));
        assert!(text("user=boss").contains("must name one host"));
        assert!(text("postgresql://boss@a,b/").contains("must name one host"));
        assert!(text("postgresql://boss@db/pgtenant_demo").contains("name another one"));
        assert!(text("postgresql://boss@db/?sslmode=require").contains("leave out `sslmode`"));
        let error = text("postgresql://boss:hunter2@db:port/");
        assert!(error.contains("invalid connection string") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn only_the_user_password_and_database_are_taken_over() {
        let (login, _) = read(&"postgresql://boss:pw@db/?options=-csearch_path%3Devil".into()).unwrap();
        assert_eq!((login.get_user(), login.get_dbname()), (Some("boss"), Some("postgres")));
        assert_eq!(login.get_password(), Some(&b"pw"[..]));
        assert!(!login.get_options().unwrap().contains("evil"));
    }
}
