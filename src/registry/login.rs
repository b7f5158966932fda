//! The login that may read the registry and nothing else, also while the master key is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::auth::{Ladder, Rung, WhichKey};
use crate::config;
use crate::net::tls::{ControlConnection, ControlTls};
use crate::registry::connect::reader_config;
use crate::registry::{RegistryError, describe};

/// One login for each master key, the earlier key's first. Copies share what they learn.
#[derive(Clone, Debug)]
pub struct ReaderLogin {
    logins: Vec<(WhichKey, tokio_postgres::Config)>,
    /// What worked last, by its place.
    works: Arc<AtomicUsize>,
}

impl ReaderLogin {
    /// As the configuration says.
    ///
    /// # Errors
    /// As [`server_config`](crate::registry::server_config).
    pub fn new(
        server: &config::Server,
        registry: &config::Registry,
        secrets: &config::Secrets,
    ) -> Result<Self, RegistryError> {
        let mut logins = Vec::new();
        if let Some(previous) = &secrets.previous_master_key {
            logins.push((WhichKey::Previous, reader_config(server, registry, previous)?));
        }
        logins.push((WhichKey::Current, reader_config(server, registry, &secrets.master_key)?));
        let mut login = Self { logins, works: Arc::default() };
        let tls = ControlTls::new(&server.tls);
        login.change(|config| tls.apply_to(config));
        Ok(login)
    }

    /// Changes what else is sent.
    pub fn change(&mut self, change: impl Fn(&mut tokio_postgres::Config)) {
        self.logins.iter_mut().for_each(|(_, config)| change(config));
    }

    /// The role.
    #[must_use]
    pub fn user(&self) -> &str {
        self.logins.first().and_then(|(_, config)| config.get_user()).unwrap_or_default()
    }

    /// Logs in. Where the password is refused, the other key's is tried.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn connect(&self, tls: &ControlTls) -> Result<(Client, ControlConnection), RegistryError> {
        let ladder = Ladder { replacing: self.logins.len() > 1, numbered: false };
        let first = self.logins.get(self.works.load(Ordering::Relaxed)).map(|(key, _)| *key);
        let mut refused = None;
        for Rung { key, .. } in ladder.from(ladder.likely(first, None)) {
            let Some(place) = self.logins.iter().position(|(which, _)| *which == key) else { continue };
            match self.logins[place].1.connect(tls.clone()).await {
                Ok(connected) => {
                    self.works.store(place, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(error) if error.code() == Some(&SqlState::INVALID_PASSWORD) => refused = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(refused.map_or(RegistryError::Closed, |error| RegistryError::Password(describe(&error))))
    }
}
