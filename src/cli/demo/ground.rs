//! The database the demo takes place in: on a private server, or on one that is there.

mod existing;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use secrecy::SecretString;
use tokio::task::spawn_blocking;
use tokio_postgres::Client;

use crate::cli::cluster::{Options, PrivateCluster, SUPERUSER};
use crate::cli::connect::open;
use crate::cli::demo::ground::existing::Existing;
use crate::config::ServerAddress;
use crate::registry::{describe, server_config, session_options};
use crate::tenant::Ident;

/// The database on a private server.
pub(super) const PRIVATE_DATABASE: &str = "app";

/// The database on a server that is somebody's.
pub(super) const DEMO_DATABASE: &str = "pgtenant_demo";

/// Time for logging in as the administrator.
const LOGIN_LIMIT: Duration = Duration::from_secs(10);

/// Time for one of the administrator's statements; the slowest copies a database.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Where it takes place, and how to leave nothing behind.
#[derive(Debug)]
pub(super) struct Ground {
    address: ServerAddress,
    admin: tokio_postgres::Config,
    /// PostgreSQL's, for example `15.13`.
    version: String,
    keeper: Keeper,
}

#[derive(Debug)]
enum Keeper {
    Private(PrivateCluster),
    Existing(Existing),
}

impl Ground {
    /// Starts a server that nobody else uses.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub(super) async fn private(bin_dir: Option<PathBuf>) -> Result<Self> {
        let options = Options { bin_dir, ..Options::default() };
        let cluster = spawn_blocking(move || PrivateCluster::start(&options)).await??;
        let address = ServerAddress::Tcp("127.0.0.1".to_owned(), cluster.port());
        let mut maintenance = login(&address, "postgres")?;
        maintenance.user(SUPERUSER).password(cluster.superuser_password());
        let client = open(&maintenance, LOGIN_LIMIT).await?;
        execute(&client, &format!("CREATE DATABASE {PRIVATE_DATABASE}")).await?;
        let version = version(&client).await?;
        let mut admin = maintenance;
        admin.dbname(PRIVATE_DATABASE);
        Ok(Self { address, admin, version, keeper: Keeper::Private(cluster) })
    }

    /// Makes a database on a server that is there, after a look whether anything is in the way.
    ///
    /// # Errors
    /// When the server refuses, or holds something of the same name that no demo made.
    pub(super) async fn existing(url: &SecretString, roles: &[Ident]) -> Result<Self> {
        let (existing, address, version) = Existing::claim(url, roles).await?;
        let admin = existing.admin();
        Ok(Self { address, admin, version, keeper: Keeper::Existing(existing) })
    }

    /// Where the proxy finds PostgreSQL.
    pub(super) const fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Logs in as the administrator.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn admin(&self) -> Result<Client> {
        open(&self.admin, LOGIN_LIMIT).await.context("cannot log in as the administrator")
    }

    /// Remembers a role that was made, so that it will go too.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn made(&mut self, client: &Client, role: &Ident) -> Result<()> {
        match &mut self.keeper {
            Keeper::Private(_) => Ok(()),
            Keeper::Existing(existing) => existing.made(client, role).await,
        }
    }

    /// What there is, in words.
    pub(super) fn describe(&self) -> String {
        match &self.keeper {
            Keeper::Private(cluster) => {
                format!("a private PostgreSQL {} in {}", self.version, cluster.socket_dir().display())
            }
            Keeper::Existing(_) => {
                format!("your PostgreSQL {}, with a new database {DEMO_DATABASE}", self.version)
            }
        }
    }

    /// Removes everything.
    ///
    /// # Errors
    /// What is left, and how to remove it.
    pub(super) async fn remove(self) -> Result<()> {
        match self.keeper {
            // The drop stops the server and removes its files; it blocks.
            Keeper::Private(cluster) => Ok(spawn_blocking(move || drop(cluster)).await?),
            Keeper::Existing(existing) => existing.remove().await,
        }
    }
}

/// Where to log in; the caller adds who.
fn login(address: &ServerAddress, database: &str) -> Result<tokio_postgres::Config> {
    let mut login = server_config(address, database)?;
    login.application_name("pgtenant demo").options(session_options(STATEMENT_TIMEOUT));
    Ok(login)
}

async fn execute(client: &Client, sql: &str) -> Result<()> {
    client.batch_execute(sql).await.map_err(|error| anyhow!(describe(&error)))
}

async fn version(client: &Client) -> Result<String> {
    let row = client.query_one("SELECT pg_catalog.current_setting('server_version')", &[]).await;
    let version: String = row.and_then(|row| row.try_get(0)).map_err(|error| anyhow!(describe(&error)))?;
    // Without what a distribution adds.
    Ok(version.split(' ').next().unwrap_or_default().to_owned())
}
