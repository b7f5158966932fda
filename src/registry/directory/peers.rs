//! What proxies tell each other: notifications on a channel of their own, by the connection that listens to the registry.

use tokio::sync::{Mutex, broadcast, mpsc};
use tokio::time::{Duration, Instant, sleep_until};

use crate::registry::RegistryError;

/// The channel. Anybody can notify on it, so that who reads must be able to tell who wrote.
pub(super) const CHANNEL: &str = "pgtenant_peers";

/// What can wait to be told; more is dropped.
const MOST_WAITING: usize = 64;

/// What a slow listener may miss before it is told that it did.
const KEPT: usize = 256;

/// One notification at most in this time.
const REST: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct Peers {
    telling: mpsc::Sender<String>,
    to_tell: Mutex<mpsc::Receiver<String>>,
    heard: broadcast::Sender<String>,
}

impl Default for Peers {
    fn default() -> Self {
        let (telling, to_tell) = mpsc::channel(MOST_WAITING);
        Self { telling, to_tell: Mutex::new(to_tell), heard: broadcast::Sender::new(KEPT) }
    }
}

impl Peers {
    /// Whether it will be told, unless the registry is lost before.
    pub(super) fn tell(&self, payload: String) -> bool {
        self.telling.try_send(payload).is_ok()
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<String> {
        self.heard.subscribe()
    }

    /// Where what is heard goes.
    pub(super) fn heard(&self) -> broadcast::Sender<String> {
        self.heard.clone()
    }

    /// Tells, until the connection fails. `notify` sends one payload.
    pub(super) async fn serve<F>(&self, notify: impl Fn(String) -> F) -> RegistryError
    where
        F: Future<Output = Result<(), RegistryError>>,
    {
        let mut to_tell = self.to_tell.lock().await;
        // What waited for a connection that was lost is of no use any more.
        while to_tell.try_recv().is_ok() {}
        loop {
            let Some(payload) = to_tell.recv().await else { return RegistryError::Closed };
            if let Err(error) = notify(payload).await {
                return error;
            }
            sleep_until(Instant::now() + REST).await;
        }
    }
}
