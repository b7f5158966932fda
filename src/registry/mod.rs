//! The registry: schema `pgtenant` in the served database, where the tenants are written down.
//!
//! The proxy reads it as a role of its own that may do nothing else. All SQL is schema-qualified and
//! runs on connections with a fixed `search_path` that no client's parameter ever touches.

pub mod adopted;
mod audit;
mod code;
mod connect;
mod directory;
pub mod dropping;
mod error;
mod hardening;
pub mod keys;
pub mod ledger;
mod login;
pub mod master;
pub mod moves;
pub mod names;
pub mod requests;
pub mod settings;
pub mod spares;
pub mod store;
pub mod stripe;
mod summary;
pub mod users;

pub use audit::{Finding, FindingKind, login_findings, spare_findings};
pub use code::code_of;
pub use connect::{listener_login, server_config, session_options};
pub use directory::{Directory, UserEntry};
pub use error::{RegistryError, describe};
pub use hardening::HardeningWatch;
pub use login::ReaderLogin;
pub use spares::SpareWatch;

use std::ops::DerefMut;
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection, Pool, PooledConnection};
use bb8_postgres::PostgresConnectionManager;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::auth::{DecoySecret, KeyId};
use crate::config;
use crate::net::tls::ControlTls;
use crate::registry::store::LoadedTenant;
use crate::tenant::{Tenant, TenantId};

/// Channel on which the registry's triggers name the tenant that changed.
const CHANNEL: &str = "pgtenant_registry";

/// A query on the registry that takes longer is given up. All of them are small.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// The same for what reads about all tenants: there may be thousands, and the server may be busy. Nobody waits for it
/// but a proxy that starts.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections to the registry, as the role that may only read it.
#[derive(Clone, Debug)]
pub struct Registry {
    pool: Pool<Manager>,
    login: ReaderLogin,
    secrets: config::Secrets,
    tls: ControlTls,
    failures: Failures,
    connect_timeout: Duration,
}

impl Registry {
    /// Logs in and checks that the registry is there, in the version this program knows.
    ///
    /// # Errors
    /// [`RegistryError`] when the server cannot be reached, refuses the login, or `pgtenant init` has
    /// to be run first.
    pub async fn connect(
        server: &config::Server,
        registry: &config::Registry,
        secrets: &config::Secrets,
    ) -> Result<Self, RegistryError> {
        let tls = ControlTls::new(&server.tls);
        let login = ReaderLogin::new(server, registry, secrets)?;
        let manager = Manager {
            inner: PostgresConnectionManager::new(tokio_postgres::Config::new(), tls.clone()),
            login: login.clone(),
            tls: tls.clone(),
            timeout: server.connect_timeout,
        };
        let failures = Failures(watch::Sender::new(String::new()));
        let pool = Pool::builder()
            .max_size(registry.max_connections)
            .connection_timeout(server.connect_timeout + QUERY_TIMEOUT)
            .test_on_check_out(false)
            .retry_connection(false)
            .error_sink(failures.boxed_clone())
            .build_unchecked(manager);
        let (secrets, connect_timeout) = (secrets.clone(), server.connect_timeout);
        let this = Self { pool, login, secrets, tls, failures, connect_timeout };
        let client = this.client().await?;
        bounded(QUERY_TIMEOUT, store::require_current(&*client)).await?;
        drop(client);
        Ok(this)
    }

    /// Every tenant in service, with its users.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub async fn load_all(&self) -> Result<Vec<LoadedTenant>, RegistryError> {
        let client = self.sweeper().await?;
        bounded(SWEEP_TIMEOUT, store::load(&client, None)).await
    }

    /// Those of these tenants that are in service.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub async fn load_tenants(&self, ids: &[TenantId]) -> Result<Vec<LoadedTenant>, RegistryError> {
        let client = self.client().await?;
        bounded(QUERY_TIMEOUT, store::load(&*client, Some(ids))).await
    }

    /// Writes down that keys were used: the one thing of the registry that its reader may write.
    ///
    /// # Errors
    /// When the registry does not take it.
    async fn note_uses(&self, used: &[KeyId]) -> Result<(), RegistryError> {
        let client = self.client().await?;
        bounded(QUERY_TIMEOUT, keys::touch(&*client, used)).await
    }

    /// The secret behind the answers to unknown users.
    ///
    /// # Errors
    /// When the registry does not answer, has none, or another master key has sealed it.
    pub async fn decoy(&self) -> Result<DecoySecret, RegistryError> {
        let client = self.client().await?;
        let sealed = bounded(QUERY_TIMEOUT, master::sealed_decoy(&*client)).await?;
        master::open_decoy(sealed.as_deref(), &self.secrets)
    }

    /// Looks for rights that would let one tenant reach another. `serve` refuses to start on any.
    ///
    /// # Errors
    /// When the catalogs cannot be read.
    pub async fn audit_logins(&self, schemas: &config::Schemas) -> Result<Vec<Finding>, RegistryError> {
        let client = self.sweeper().await?;
        let login = self.login.user();
        bounded(SWEEP_TIMEOUT, login_findings(&client, login, schemas)).await
    }

    /// Why a tenant cannot be served at level shared where the database is not hardened, if so.
    ///
    /// # Errors
    /// When the catalogs cannot be read.
    pub async fn unfit(&self, tenant: &Tenant) -> Result<Option<String>, RegistryError> {
        let client = self.client().await?;
        bounded(QUERY_TIMEOUT, code::unfit(&*client, &tenant.names)).await
    }

    /// A connection for a few queries of the control plane's, which may read the registry and nothing else.
    ///
    /// # Errors
    /// When none can be had.
    pub async fn reader(&self) -> Result<impl DerefMut<Target = Client> + '_, RegistryError> {
        self.client().await
    }

    /// A connection of its own for one long query, so that those of the pool stay free and keep their short limit.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses the login.
    pub async fn sweeper(&self) -> Result<Client, RegistryError> {
        let mut login = self.login.clone();
        login.change(|login| {
            login.options(session_options(SWEEP_TIMEOUT));
        });
        let (client, connection) = bounded(self.connect_timeout, login.connect(&self.tls)).await?;
        // Ends with the client; what ends it fails the query.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    async fn client(&self) -> Result<PooledConnection<'_, Manager>, RegistryError> {
        let mut failures = self.failures.0.subscribe();
        loop {
            let client = tokio::select! {
                biased;
                got = self.pool.get() => got.map_err(|error| match error {
                    bb8::RunError::User(error) => error,
                    bb8::RunError::TimedOut => RegistryError::Timeout,
                })?,
                Ok(()) = failures.changed() => {
                    return Err(RegistryError::Unreachable(failures.borrow().clone()));
                }
            };
            // The server may have closed it while it was idle; the pool drops it now.
            if !client.is_closed() {
                return Ok(client);
            }
        }
    }
}

/// Why the last connection could not be made. bb8 itself lets those who wait for one run into a time-out.
#[derive(Clone, Debug)]
struct Failures(watch::Sender<String>);

impl ErrorSink<RegistryError> for Failures {
    fn sink(&self, error: RegistryError) {
        self.0.send_replace(error.to_string());
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<RegistryError>> {
        Box::new(self.clone())
    }
}

/// Gives up on what takes too long.
async fn bounded<T, E: Into<RegistryError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, RegistryError> {
    timeout(limit, work).await.map_err(|_| RegistryError::Timeout)?.map_err(Into::into)
}

/// bb8-postgres with the login of either master key, and with a limit on the whole login: tokio-postgres limits the
/// dialling only, and a server that accepts and says nothing would hold the pool's places for ever.
#[derive(Debug)]
struct Manager {
    /// Knows whether a connection is good; it makes none.
    inner: PostgresConnectionManager<ControlTls>,
    login: ReaderLogin,
    tls: ControlTls,
    timeout: Duration,
}

impl ManageConnection for Manager {
    type Connection = Client;
    type Error = RegistryError;

    async fn connect(&self) -> Result<Client, RegistryError> {
        let (client, connection) = bounded(self.timeout, self.login.connect(&self.tls)).await?;
        // Ends with the client; what ends it fails the query.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    async fn is_valid(&self, client: &mut Client) -> Result<(), RegistryError> {
        bounded(QUERY_TIMEOUT, self.inner.is_valid(client)).await
    }

    fn has_broken(&self, client: &mut Client) -> bool {
        self.inner.has_broken(client)
    }
}
