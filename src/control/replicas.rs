//! The watch on read replicas: which of them answer, follow the primary, and are not too far behind.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::Client;

use crate::config::{Config, Server};
use crate::net::tls::ControlTls;
use crate::registry::{ReaderLogin, RegistryError};
use crate::server::replicas::{Lag, Replica};

/// Longest look. A server that answers later is not one to read from.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the primary is, and nothing where it is none.
const WRITTEN: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
    ELSE pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0')::pg_catalog.int8 END";

/// Up to where a standby shows the data, and nothing where it is none: it may have become a primary beside another one.
const REPLAYED: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
    THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::pg_catalog.int8 END";

/// Looks at all of them, and says what it sees.
#[derive(Debug)]
pub struct ReplicaWatcher {
    primary: Prober,
    replicas: Vec<(Arc<Replica>, Prober)>,
    max_lag: Duration,
    period: Duration,
}

impl ReplicaWatcher {
    /// `None` where there are no replicas.
    ///
    /// # Errors
    /// As [`ReaderLogin::new`].
    pub fn new(config: &Config, replicas: &[Arc<Replica>]) -> Result<Option<Self>, RegistryError> {
        if replicas.is_empty() {
            return Ok(None);
        }
        let at = |replica: &Arc<Replica>| {
            let server =
                Server { address: replica.address.clone(), failover: Vec::new(), ..config.server.clone() };
            Ok((Arc::clone(replica), Prober::new(config, &server, REPLAYED)?))
        };
        Ok(Some(Self {
            primary: Prober::new(config, &config.server, WRITTEN)?,
            replicas: replicas.iter().map(at).collect::<Result<_, RegistryError>>()?,
            max_lag: config.server.max_replica_lag,
            period: config.server.replica_check_period,
        }))
    }

    /// Looks every period, for ever. `changed` is called when a replica may be read from that might not, or the other way round.
    pub async fn run(self, changed: impl Fn() + Clone + Send + 'static) {
        let lag = Arc::new(Mutex::new(Lag::default()));
        let mut watches = tokio::task::JoinSet::new();
        for (replica, prober) in self.replicas {
            let (lag, changed) = (Arc::clone(&lag), changed.clone());
            watches.spawn(watch(replica, prober, lag, (self.max_lag, self.period), changed));
        }
        let mut primary = self.primary;
        let mut ticks = interval(self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Ok(Some(position)) = primary.look().await {
                lock(&lag).note(Instant::now(), position);
            }
        }
    }
}

async fn watch(
    replica: Arc<Replica>,
    mut prober: Prober,
    lag: Arc<Mutex<Lag>>,
    (max_lag, period): (Duration, Duration),
    changed: impl Fn(),
) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let seen = prober.look().await;
        let behind = |position| lock(&lag).of(Instant::now(), position);
        let (usable, why) = match seen {
            Ok(Some(position)) => match behind(position) {
                Some(behind) if behind <= max_lag => (true, format!("it is {behind:.1?} behind")),
                Some(behind) => {
                    (false, format!("it is {behind:.1?} behind, more than server.max_replica_lag"))
                }
                None => (false, "how far it is behind is not known".to_owned()),
            },
            Ok(None) => (false, "it is no standby".to_owned()),
            Err(error) => (false, error.to_string()),
        };
        if replica.set_usable(usable) {
            let server = &replica.address;
            if usable {
                tracing::info!(%server, "sessions that only read are served by this replica: {why}");
            } else {
                tracing::warn!(%server, "this replica is not read from: {why}");
            }
            changed();
        }
    }
}

fn lock(lag: &Mutex<Lag>) -> std::sync::MutexGuard<'_, Lag> {
    // It is whole at every moment.
    lag.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection for one query again and again.
#[derive(Debug)]
struct Prober {
    login: ReaderLogin,
    tls: ControlTls,
    query: &'static str,
    client: Option<Client>,
}

impl Prober {
    fn new(config: &Config, server: &Server, query: &'static str) -> Result<Self, RegistryError> {
        let mut login = ReaderLogin::new(server, &config.registry, &config.secrets)?;
        login.change(|login| {
            login.application_name("pgtenant replicas");
        });
        Ok(Self { login, tls: ControlTls::new(&server.tls), query, client: None })
    }

    async fn look(&mut self) -> Result<Option<i64>, RegistryError> {
        let seen = timeout(LOOK_TIMEOUT, self.ask()).await.unwrap_or(Err(RegistryError::Timeout));
        if seen.is_err() {
            self.client = None;
        }
        seen
    }

    async fn ask(&mut self) -> Result<Option<i64>, RegistryError> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => {
                let (client, connection) = self.login.connect(&self.tls).await?;
                // Ends with the client; what ends it fails the query.
                tokio::spawn(async move { drop(connection.await) });
                client
            }
        };
        let row = client.query_one(self.query, &[]).await?;
        self.client = Some(client);
        Ok(row.try_get(0)?)
    }
}
