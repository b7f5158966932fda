//! Keeps the directory fresh: LISTEN for what changes, a full load now and then for what was missed.
//!
//! Any role may NOTIFY on any channel, so a notification is a hint to look, never news by itself, and
//! a flood of them costs a bounded number of loads.

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};
use uuid::Uuid;

use crate::net::tls::ControlConnection;
use crate::registry::directory::{Inner, peers};
use crate::registry::{CHANNEL, QUERY_TIMEOUT, RegistryError, bounded};
use crate::tenant::TenantId;

/// Everything is loaded again this often, whatever was heard.
const FULL_LOAD: Duration = Duration::from_secs(60);

/// The listening connection is tried this often: a dead one hears nothing and says nothing.
const PING: Duration = Duration::from_secs(5);

/// Rest between two loads of single tenants, and between two full ones. Both leave a suspension well
/// under a second.
const REST: Duration = Duration::from_millis(25);
const REST_FULL: Duration = Duration::from_millis(400);

/// More tenants than this at once are one full load.
const MANY: usize = 256;

/// First and longest wait before the next attempt to reach the registry.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The background task.
pub(super) async fn run(inner: Arc<Inner>, first: Listener) {
    let mut outage = serve(&inner, first).await;
    let mut wait = BACKOFF.0;
    loop {
        inner.in_touch.send_replace(false);
        warn!(error = %outage, retry_in = ?wait, "lost touch with the registry; known tenants stay in service");
        sleep(wait).await;
        outage = match begin(&inner).await {
            Ok(listener) => {
                info!("in touch with the registry again");
                wait = BACKOFF.0;
                inner.in_touch.send_replace(true);
                serve(&inner, listener).await
            }
            Err(error) => {
                wait = (wait * 2).min(BACKOFF.1);
                error
            }
        };
    }
}

/// Listens first and loads then, so that no change falls between the two.
async fn begin(inner: &Inner) -> Result<Listener, RegistryError> {
    let listener = Listener::connect(inner).await?;
    inner.reload_all().await?;
    Ok(listener)
}

/// Loads what is announced, and tells those who ask how far that is, until something fails.
async fn serve(inner: &Inner, mut listener: Listener) -> RegistryError {
    let (client, heard) = (Arc::clone(&listener.client), Arc::clone(&listener.heard));
    let ask = move || {
        let client = Arc::clone(&client);
        async move { bounded(QUERY_TIMEOUT, client.batch_execute("")).await }
    };
    let client = Arc::clone(&listener.client);
    let notify = move |payload: String| {
        let client = Arc::clone(&client);
        // Hexadecimal digits, so there is nothing to quote.
        async move {
            let notify = format!("NOTIFY {}, '{payload}'", peers::CHANNEL);
            bounded(QUERY_TIMEOUT, client.batch_execute(&notify)).await
        }
    };
    tokio::select! {
        error = load_news(inner, &mut listener) => error,
        error = inner.catch_up.serve(ask, &heard) => error,
        error = inner.peers.serve(notify) => error,
    }
}

async fn load_news(inner: &Inner, listener: &mut Listener) -> RegistryError {
    let now = Instant::now();
    let (mut full, mut ping) = (interval_at(now + FULL_LOAD, FULL_LOAD), interval_at(now + PING, PING));
    full.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let heard = Arc::clone(&listener.heard);
    let (mut rested, mut rested_full) = (now, now);
    loop {
        let done = tokio::select! {
            error = &mut listener.driver => return error.unwrap_or(RegistryError::Timeout),
            _ = ping.tick() => bounded(QUERY_TIMEOUT, listener.client.batch_execute("")).await,
            _ = full.tick() => inner.reload_all().await,
            () = heard.wake.notified() => {
                sleep_until(rested).await;
                if heard.is_all() {
                    sleep_until(rested_full).await;
                }
                let (news, upto) = heard.take();
                let done = match news {
                    News::All => {
                        let done = inner.reload_all().await;
                        rested_full = Instant::now() + REST_FULL;
                        done
                    }
                    News::Some(ids) => inner.reload(&ids).await,
                };
                if done.is_ok() {
                    heard.loaded.send_replace(upto);
                }
                rested = Instant::now() + REST;
                done
            }
        };
        if let Err(error) = done {
            return error;
        }
    }
}

/// A connection that only listens.
#[derive(Debug)]
pub(super) struct Listener {
    client: Arc<Client>,
    heard: Arc<Heard>,
    driver: AbortOnDropHandle<RegistryError>,
}

impl Listener {
    pub(super) async fn connect(inner: &Inner) -> Result<Self, RegistryError> {
        let registry = &inner.registry;
        let login = registry.login.connect(&registry.tls);
        let (client, connection) = bounded(registry.connect_timeout, login).await?;
        let heard = Arc::new(Heard::default());
        let driver =
            AbortOnDropHandle::new(tokio::spawn(drive(connection, Arc::clone(&heard), inner.peers.heard())));
        let listen = format!("LISTEN {CHANNEL}; LISTEN {}", peers::CHANNEL);
        bounded(QUERY_TIMEOUT, client.batch_execute(&listen)).await?;
        Ok(Self { client: Arc::new(client), heard, driver })
    }
}

/// Moves the connection's bytes until it ends.
async fn drive(
    connection: ControlConnection,
    heard: Arc<Heard>,
    told: broadcast::Sender<String>,
) -> RegistryError {
    let mut connection = pin!(connection);
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(notification)))
                if notification.channel() == peers::CHANNEL =>
            {
                // Nobody may be listening yet.
                let _ = told.send(notification.payload().to_owned());
            }
            Some(Ok(AsyncMessage::Notification(notification))) => heard.add(notification.payload()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return error.into(),
            None => return RegistryError::Closed,
        }
    }
}

/// What was announced and not loaded yet; bounded.
#[derive(Debug, Default)]
pub(super) struct Heard {
    state: Mutex<State>,
    wake: Notify,
    /// Up to which of them everything has been loaded.
    loaded: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    news: Option<News<HashSet<TenantId>>>,
    /// How many were heard.
    count: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum News<T> {
    All,
    Some(T),
}

impl Heard {
    /// Anything but a tenant's id means: everything may have changed.
    fn add(&self, payload: &str) {
        let mut state = self.state();
        state.count += 1;
        match (payload.parse::<Uuid>(), state.news.get_or_insert_with(|| News::Some(HashSet::new()))) {
            (_, News::All) => {}
            (Ok(id), News::Some(ids)) if ids.len() < MANY => {
                ids.insert(TenantId(id));
            }
            _ => state.news = Some(News::All),
        }
        drop(state);
        self.wake.notify_one();
    }

    fn is_all(&self) -> bool {
        matches!(self.state().news, Some(News::All))
    }

    /// What to load, and up to which notification that is.
    fn take(&self) -> (News<Vec<TenantId>>, u64) {
        let mut state = self.state();
        let news = match state.news.take() {
            Some(News::All) => News::All,
            Some(News::Some(ids)) => News::Some(ids.into_iter().collect()),
            None => News::Some(Vec::new()),
        };
        (news, state.count)
    }

    pub(super) fn count(&self) -> u64 {
        self.state().count
    }

    pub(super) fn loaded(&self) -> watch::Receiver<u64> {
        self.loaded.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is whole at every moment, so a panic elsewhere has not broken it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_gathered_once_each_until_taken() {
        let heard = Heard::default();
        let id = Uuid::from_u128(7);
        heard.add(&id.to_string());
        heard.add(&id.to_string());
        assert_eq!(heard.take(), (News::Some(vec![TenantId(id)]), 2));
        assert_eq!(heard.take(), (News::Some(vec![]), 2));
    }

    #[test]
    fn payload_that_is_no_id_means_everything() {
        let heard = Heard::default();
        heard.add(&Uuid::from_u128(7).to_string());
        heard.add("gibberish");
        heard.add(&Uuid::from_u128(8).to_string());
        assert_eq!(heard.take().0, News::All);
    }

    #[test]
    fn flood_of_ids_becomes_one_full_load() {
        let heard = Heard::default();
        for number in 0..=MANY {
            heard.add(&Uuid::from_u128(number as u128).to_string());
        }
        assert_eq!(heard.take().0, News::All);
    }
}
