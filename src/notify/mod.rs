//! Notifications: one connection that listens for all clients, and hands each what it listens to
//! (docs/adr/0010).

mod core;
mod link;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Notify;

use crate::config::Config;
use crate::net::tls::ControlTls;
use crate::notify::core::{Core, Full, Limits};
use crate::registry::{ReaderLogin, RegistryError};
use crate::server::Voice;
use crate::telemetry::Counters;
use crate::tenant::{ChannelPrefix, TenantId};
use crate::wire::write;

pub use core::{Ended, Listening};

/// A barrier that is not heard by then never will be: the connection is given up.
const TIMEOUT: Duration = Duration::from_secs(10);

/// All that clients listen to.
pub struct Hub {
    core: Mutex<Core>,
    /// Something is to be sent.
    wake: Notify,
    /// [`Core::next`], to be read without the lock.
    next: AtomicU64,
    /// How many clients listen.
    listeners: AtomicUsize,
    login: Result<ReaderLogin, RegistryError>,
    tls: ControlTls,
    /// In milliseconds.
    connect_timeout: AtomicU64,
    counters: Arc<Counters>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// Why a client cannot listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SubscribeError {
    /// It listens to as many channels as it may.
    #[error("a client may listen to {0} channels at most")]
    TooMany(usize),
    /// All clients together listen to as many as they may.
    #[error("clients listen to too many channels")]
    Full,
    /// There is no listening connection.
    #[error("notifications cannot be received just now")]
    Lost,
}

/// What is allowed.
const fn limits(config: &Config) -> Limits {
    Limits {
        channels: config.notify.max_channels,
        channels_per_client: config.notify.max_channels_per_client,
        queued_bytes: config.notify.max_queued_bytes,
    }
}

fn millis(config: &Config) -> u64 {
    u64::try_from(config.server.connect_timeout.as_millis()).unwrap_or(u64::MAX)
}

impl Hub {
    /// Connects when somebody listens, and not before.
    #[must_use]
    pub fn new(config: &Config, counters: Arc<Counters>) -> Arc<Self> {
        let tls = ControlTls::new(&config.server.tls);
        Arc::new(Self {
            core: Mutex::new(Core::new(limits(config))),
            wake: Notify::new(),
            next: AtomicU64::new(1),
            listeners: AtomicUsize::new(0),
            login: crate::registry::listener_login(config),
            tls,
            connect_timeout: AtomicU64::new(millis(config)),
            counters,
        })
    }

    /// Goes by these limits from now on. Who listens to more goes on.
    pub fn reconfigure(&self, config: &Config) {
        self.connect_timeout.store(millis(config), Ordering::Relaxed);
        self.lock().set_limits(limits(config));
    }

    fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout.load(Ordering::Relaxed))
    }

    /// A client, with its process id, that is about to listen.
    #[must_use]
    pub fn join(self: &Arc<Self>, tenant: TenantId, prefix: ChannelPrefix, client: i32) -> Listener {
        self.counters.listener_came();
        self.listeners.fetch_add(1, Ordering::AcqRel);
        let id = self.lock().join(tenant, prefix, client);
        Listener { hub: Arc::clone(self), id }
    }

    /// Those that listen, for people who look.
    #[must_use]
    pub fn overview(&self) -> Vec<Listening> {
        self.lock().overview()
    }

    /// A new server process, which is not to be used before this returns: what another tenant's process with
    /// its number may have sent has been heard then.
    pub async fn admit(&self, voice: &Arc<Voice>) {
        loop {
            let (barrier, epoch) = {
                let mut core = self.lock();
                match core.admit(voice) {
                    None => return,
                    Some(barrier) => (barrier, core.epoch()),
                }
            };
            // Lost is as good: nothing more can be heard of the old one.
            let _ = self.heard(barrier, epoch).await;
        }
    }

    /// A server process has ended.
    pub fn dismiss(&self, voice: &Arc<Voice>) {
        if self.lock().dismiss(voice) {
            self.wake.notify_one();
        }
    }

    /// A server process works for this client from now on.
    pub fn lend(&self, voice: &Voice, client: i32) {
        voice.lend(client, self.next.load(Ordering::Acquire));
    }

    /// A process has worked for a client. Whether [`quiet`](Self::quiet) must be awaited before it works for
    /// another: its statements notified, and somebody listens. Who begins to listen later does not hear them.
    #[must_use]
    pub fn leaves(&self, voice: &Voice, notified: bool) -> bool {
        let unheard = self.listeners.load(Ordering::Acquire) == 0;
        if unheard || (notified && !self.lock().is_heard(voice.tenant)) {
            voice.is_quiet();
            return false;
        }
        notified
    }

    /// Waits until all has been heard that this process has sent.
    pub async fn quiet(&self, voice: &Voice) {
        self.barrier().await;
        voice.is_quiet();
    }

    /// Waits until this process can be heard as the client it works for.
    pub async fn make_certain(&self, voice: &Voice) {
        let waits = {
            let core = self.lock();
            core.is_heard(voice.tenant) && !voice.is_certain(core.heard())
        };
        if waits {
            self.barrier().await;
        }
    }

    /// Waits until all has been heard that was sent before, or nothing will be.
    pub async fn barrier(&self) {
        let (barrier, epoch) = {
            let mut core = self.lock();
            if !core.is_up() {
                return;
            }
            (core.barrier(), core.epoch())
        };
        let _ = self.heard(barrier, epoch).await;
    }

    async fn heard(&self, barrier: u64, epoch: u64) -> Result<(), SubscribeError> {
        self.wake.notify_one();
        let heard = std::future::poll_fn(|cx| {
            let mut core = self.lock();
            if core.epoch() != epoch {
                return Poll::Ready(Err(SubscribeError::Lost));
            }
            if core.heard() >= barrier {
                return Poll::Ready(Ok(()));
            }
            core.wait(cx.waker());
            Poll::Pending
        });
        tokio::time::timeout(TIMEOUT + self.connect_timeout(), heard)
            .await
            .unwrap_or(Err(SubscribeError::Lost))
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client that listens. Dropping it ends that.
#[derive(Debug)]
pub struct Listener {
    hub: Arc<Hub>,
    id: u64,
}

impl Listener {
    /// Hears these channels from now on, for a LISTEN that is sent when this has returned.
    ///
    /// # Errors
    /// [`SubscribeError`].
    pub async fn subscribe(&self, names: &[Box<str>]) -> Result<(), SubscribeError> {
        let (barrier, epoch) = {
            let mut core = self.hub.lock();
            let barrier = core.subscribe(self.id, names).map_err(|full| match full {
                Full::Client => SubscribeError::TooMany(core.channels_per_client()),
                Full::All => SubscribeError::Full,
            })?;
            (barrier, core.epoch())
        };
        self.hub.heard(barrier, epoch).await
    }

    /// What was heard under a LISTEN that is not committed came before it.
    pub fn forget_pending(&self) {
        self.hub.lock().forget_pending(self.id);
    }

    /// The client's transaction has ended, and these are the channels it listens to.
    pub fn settle(&self, active: &BTreeSet<Box<str>>) {
        let mut core = self.hub.lock();
        core.settle(self.id, active);
        let demanded = core.is_demanded();
        drop(core);
        if demanded {
            self.hub.wake.notify_one();
        }
    }

    /// Waits until all has been heard that was sent before.
    pub async fn barrier(&self) {
        self.hub.barrier().await;
    }

    /// Wakes whoever polls when something new is heard, while there is no room for it.
    ///
    /// # Errors
    /// Why nothing more will be heard.
    pub fn watch(&self, cx: &Context<'_>) -> Result<(), Ended> {
        self.hub.lock().watch(self.id, cx.waker()).inspect_err(|ended| self.count(*ended))
    }

    fn count(&self, ended: Ended) {
        self.hub.counters.notification_dropped(match ended {
            Ended::Slow => "slow_client",
            Ended::Lost => "connection_lost",
        });
    }

    /// Moves what was heard to the end of `out`, as messages, up to about `room` bytes. Whoever polls is woken
    /// when there is more.
    ///
    /// # Errors
    /// Why nothing more will be heard.
    pub fn poll(&self, cx: &Context<'_>, out: &mut Vec<u8>, room: usize) -> Result<(), Ended> {
        let mut core = self.hub.lock();
        let mut count = 0;
        while out.len() < room {
            let taken = core.take(self.id, cx.waker()).inspect_err(|ended| self.count(*ended))?;
            let Some(note) = taken else { break };
            write::notification(out, note.pid, &note.channel, &note.payload);
            count += 1;
        }
        drop(core);
        if count > 0 {
            self.hub.counters.notifications_delivered(count);
        }
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut core = self.hub.lock();
        core.leave(self.id);
        let demanded = core.is_demanded();
        drop(core);
        if demanded {
            self.hub.wake.notify_one();
        }
        self.hub.listeners.fetch_sub(1, Ordering::AcqRel);
        self.hub.counters.listener_left();
    }
}
