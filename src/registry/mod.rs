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
mod file;
mod hardening;
pub mod keys;
pub mod ledger;
mod login;
pub mod master;
pub mod moves;
pub mod names;
pub mod placed;
pub mod requests;
pub mod settings;
pub mod spares;
pub mod store;
pub mod stripe;
mod summary;
pub mod users;

pub use audit::{Finding, FindingKind, login_findings, spare_findings};
pub use code::code_of;
pub use connect::{cluster_config, listener_login, server_config, session_options};
pub use directory::{Directory, UserEntry};
pub use error::{RegistryError, describe};
pub use file::listed_tenant;
pub use hardening::HardeningWatch;
pub use login::ReaderLogin;
pub use spares::SpareWatch;

use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection, Pool, PooledConnection};
use bb8_postgres::PostgresConnectionManager;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::{Client, GenericClient};

use crate::auth::{DecoySecret, KeyId};
use crate::config;
use crate::config::tenants_file::TenantsFile;
use crate::net::tls::ControlTls;
use crate::registry::file::Listed;
use crate::registry::store::LoadedTenant;
use crate::tenant::{Ident, Tenant, TenantId};

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
    /// Where the tenants stand, if not in its tables.
    listed: Option<Listed>,
}

impl Registry {
    /// As the configuration says: the registry in the database, or the file that takes its place.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn open(config: &config::Config) -> Result<Self, RegistryError> {
        match &config.tenants.file {
            None => Self::connect(&config.server, &config.registry, &config.secrets).await,
            Some(file) => {
                let mut this = Self::build(&config.server, &config.registry, &config.secrets)?;
                this.listed = Some(Listed::new(Arc::clone(file), config.cluster.clone()));
                // Whether the login works is known now rather than later.
                this.client().await?;
                Ok(this)
            }
        }
    }

    /// Whether the tenants stand in a file: there are no tables then, and nothing that needs them.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        self.listed.is_some()
    }

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
        let this = Self::build(server, registry, secrets)?;
        let client = this.client().await?;
        bounded(QUERY_TIMEOUT, store::require_current(&*client)).await?;
        drop(client);
        Ok(this)
    }

    fn build(
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
        Ok(Self { pool, login, secrets, tls, failures, connect_timeout, listed: None })
    }

    /// The same as [`audit_logins`](Self::audit_logins) for tenants of a file that is not in force yet.
    ///
    /// # Errors
    /// When the catalogs cannot be read.
    pub async fn audit_file(
        &self,
        file: &Arc<TenantsFile>,
        schemas: &config::Schemas,
    ) -> Result<Vec<Finding>, RegistryError> {
        let client = self.sweeper().await?;
        let Some(listed) = self.listed.as_ref().map(|now| now.of(file)) else { return Ok(Vec::new()) };
        bounded(SWEEP_TIMEOUT, listed.audit(&client, self.login.user(), schemas)).await
    }

    /// What the file with the tenants says from now on, where they stand in one.
    pub fn relist(&self, file: &Arc<TenantsFile>) {
        if let Some(listed) = &self.listed {
            listed.replace(Arc::clone(file));
        }
    }

    /// Every tenant in service, with its users.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub async fn load_all(&self) -> Result<Vec<LoadedTenant>, RegistryError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.load(&self.secrets, None));
        }
        let client = self.sweeper().await?;
        bounded(SWEEP_TIMEOUT, store::load(&client, None)).await
    }

    /// Those of these tenants that are in service.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub async fn load_tenants(&self, ids: &[TenantId]) -> Result<Vec<LoadedTenant>, RegistryError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.load(&self.secrets, Some(ids)));
        }
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
        if self.is_file() {
            return Ok(self.secrets.oldest().first_decoy());
        }
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
        if let Some(listed) = &self.listed {
            return bounded(SWEEP_TIMEOUT, listed.audit(&client, login, schemas)).await;
        }
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

    /// What server connections that tenants share log in as; `None` where there are none.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub async fn pool_role(&self) -> Result<Option<Ident>, RegistryError> {
        if self.is_file() {
            return Ok(None);
        }
        let client = self.client().await?;
        Ok(bounded(QUERY_TIMEOUT, store::installation(&*client)).await?.and_then(|made| made.pool_role))
    }

    /// What there is to find about spare connections and the extension that binds them.
    ///
    /// # Errors
    /// When the catalogs cannot be read.
    pub async fn spare_findings(&self, client: &impl GenericClient) -> Result<Vec<Finding>, RegistryError> {
        match &self.listed {
            Some(listed) => listed.spare_findings(client).await,
            None => spare_findings(client).await,
        }
    }

    /// Whether its database answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), RegistryError> {
        let client = self.client().await?;
        bounded(QUERY_TIMEOUT, client.batch_execute("")).await
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
