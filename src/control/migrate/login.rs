//! A connection that is logged in as a tenant.
//!
//! The administrator's own, with `SET ROLE`, would not do: an update in a file runs the tenant's triggers, and `RESET ROLE` in
//! one of them would have the administrator's rights.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::auth::Ladder;
use crate::config::{Config, Secrets};
use crate::net::tls::ControlTls;
use crate::registry::{RegistryError, cluster_config, session_options};
use crate::tenant::Tenant;

/// What is not a file's own; files may take as long as they need.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(300);

/// Logs in as any tenant.
#[derive(Debug)]
pub(super) struct TenantLogin {
    base: tokio_postgres::Config,
    tls: ControlTls,
    secrets: Secrets,
    limit: Duration,
}

impl TenantLogin {
    pub(super) fn new(config: &Config) -> Result<Self, RegistryError> {
        let mut base = cluster_config(&config.server)?;
        let tls = ControlTls::new(&config.server.tls);
        base.application_name("pgtenant migrate").options(session_options(STATEMENT_TIMEOUT));
        tls.apply_to(&mut base);
        let limit = config.server.connect_timeout;
        Ok(Self { base, tls, secrets: config.secrets.clone(), limit })
    }

    /// Logs in with the first of the derived passwords that is right.
    pub(super) async fn connect(&self, tenant: &Tenant) -> Result<Client, RegistryError> {
        let ladder = Ladder { replacing: self.secrets.previous_master_key.is_some(), numbered: true };
        let recorded = tenant.password_key.and_then(|mark| self.secrets.which(mark));
        let mut refused = RegistryError::Closed;
        for rung in ladder.from(ladder.likely(recorded, None)) {
            let version = tenant.password_version.saturating_add(rung.ahead);
            let password = self.secrets.key(rung.key).tenant_password(tenant.id, version);
            let mut login = self.base.clone();
            login.user(tenant.names.role.as_str()).password(password.expose_secret());
            let connected = timeout(self.limit, login.connect(self.tls.clone()));
            match connected.await.map_err(|_| RegistryError::Timeout)? {
                Ok((client, connection)) => {
                    // Ends with the client; what ends it fails what runs.
                    tokio::spawn(async move { drop(connection.await) });
                    return Ok(client);
                }
                Err(error) if error.code() == Some(&SqlState::INVALID_PASSWORD) => refused = error.into(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(refused)
    }
}
