//! The login that may read the registry and nothing else, also while the master key is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::auth::{Ladder, Rung, WhichKey};
use crate::config;
use crate::net::tls::{ControlConnection, ControlTls};
use crate::registry::connect::reader_configs;
use crate::registry::{RegistryError, describe};

/// One login for each master key, the earlier key's first. Copies share what they learn.
#[derive(Clone, Debug)]
pub struct ReaderLogin {
    /// With those of each server that may be the primary.
    logins: Vec<(WhichKey, Vec<tokio_postgres::Config>)>,
    /// Which key's worked last, by its place.
    works: Arc<AtomicUsize>,
    /// The server that took writes last, by its place.
    primary: Arc<AtomicUsize>,
    /// For one of several servers: one that does not answer leaves time for the next.
    share: Duration,
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
            logins.push((WhichKey::Previous, reader_configs(server, registry, previous)?));
        }
        logins.push((WhichKey::Current, reader_configs(server, registry, &secrets.master_key)?));
        let servers = u32::try_from(server.failover.len() + 1).unwrap_or(u32::MAX);
        let share = server.connect_timeout / servers;
        let mut login = Self { logins, works: Arc::default(), primary: Arc::default(), share };
        let tls = ControlTls::new(&server.tls);
        login.change(|config| tls.apply_to(config));
        Ok(login)
    }

    /// Changes what else is sent.
    pub fn change(&mut self, change: impl Fn(&mut tokio_postgres::Config)) {
        self.logins.iter_mut().flat_map(|(_, configs)| configs).for_each(change);
    }

    /// The role.
    #[must_use]
    pub fn user(&self) -> &str {
        self.logins.first().and_then(|(_, configs)| configs.first()?.get_user()).unwrap_or_default()
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
            match self.connect_to_primary(&self.logins[place].1, tls).await {
                Ok(connected) => {
                    self.works.store(place, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(Failed::Refused(error)) => refused = Some(error),
                Err(Failed::Other(error)) => return Err(error),
            }
        }
        Err(refused.map_or(RegistryError::Closed, |error| RegistryError::Password(describe(&error))))
    }

    /// Tries one server after the other, that which took writes last first.
    async fn connect_to_primary(
        &self,
        configs: &[tokio_postgres::Config],
        tls: &ControlTls,
    ) -> Result<(Client, ControlConnection), Failed> {
        if let [only] = configs {
            return only.connect(tls.clone()).await.map_err(Failed::of);
        }
        let first = self.primary.load(Ordering::Relaxed);
        let others = (0..configs.len()).filter(|place| *place != first);
        let mut last = Failed::Other(RegistryError::Closed);
        for place in std::iter::once(first).chain(others) {
            let Some(config) = configs.get(place) else { continue };
            match timeout(self.share, config.connect(tls.clone())).await {
                Ok(Ok(connected)) => {
                    self.primary.store(place, Ordering::Relaxed);
                    return Ok(connected);
                }
                Ok(Err(error)) => match Failed::of(error) {
                    Failed::Refused(error) => return Err(Failed::Refused(error)),
                    other => last = other,
                },
                Err(_) => last = Failed::Other(RegistryError::Timeout),
            }
        }
        Err(last)
    }
}

/// Why nobody is logged in.
enum Failed {
    /// The password is wrong.
    Refused(tokio_postgres::Error),
    /// Anything else.
    Other(RegistryError),
}

impl Failed {
    fn of(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::INVALID_PASSWORD) {
            Self::Refused(error)
        } else {
            Self::Other(error.into())
        }
    }
}
