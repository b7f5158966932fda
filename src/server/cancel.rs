//! Cancel requests to the server, aimed so that they can hit nobody else.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::config::ServerAddress;
use crate::net::stream::Stream;
use crate::server::BackendKey;
use crate::server::connect::dial;

/// A cancel that the server has not taken by then is given up, and the connection with it.
const TIMEOUT: Duration = Duration::from_secs(5);
const CANCEL_CODE: i32 = 80_877_102;

/// What a cancel request for one client means just now.
#[derive(Debug, Default)]
enum Aim {
    /// Nothing runs.
    #[default]
    Nothing,
    /// The client waits for a server connection.
    Waiting,
    /// This server process works for the client.
    Server(ServerAddress, BackendKey),
}

#[derive(Debug, Default)]
struct Inner {
    aim: Aim,
    /// Cancel requests on their way to the server.
    in_flight: usize,
    /// One was given up: nobody knows whether it will still arrive.
    doubtful: bool,
    /// A waiting client was cancelled.
    cancelled: bool,
}

/// One client's side of cancelling, shared with whoever carries its key.
#[derive(Debug, Default)]
pub struct CancelSlot {
    inner: Mutex<Inner>,
    changed: Notify,
}

impl CancelSlot {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client wants a server connection, and may have to wait for it.
    pub fn waiting(&self) {
        let mut inner = self.lock();
        (inner.aim, inner.cancelled) = (Aim::Waiting, false);
    }

    /// A server process works for the client from now on.
    pub fn aim_at(&self, address: &ServerAddress, key: &BackendKey) {
        self.lock().aim = Aim::Server(address.clone(), key.clone());
    }

    /// As [`aim_at`](Self::aim_at), unless the client was cancelled while it waited: then `false`.
    ///
    /// Whoever awaits [`cancelled`](Self::cancelled) may have been given a server connection at the same moment.
    pub fn aim_after_waiting(&self, address: &ServerAddress, key: &BackendKey) -> bool {
        let mut inner = self.lock();
        if std::mem::take(&mut inner.cancelled) {
            inner.aim = Aim::Nothing;
            return false;
        }
        inner.aim = Aim::Server(address.clone(), key.clone());
        true
    }

    /// Nothing of the client's runs any more. Cancels on their way may still hit the server process:
    /// it may be reused only after [`settled`](Self::settled).
    pub fn clear(&self) -> bool {
        let mut inner = self.lock();
        inner.aim = Aim::Nothing;
        inner.in_flight == 0 && !inner.doubtful
    }

    /// Waits until no cancel is on its way. `false` when one may still arrive: close the connection.
    pub async fn settled(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            {
                let mut inner = self.lock();
                if inner.in_flight == 0 {
                    return !std::mem::take(&mut inner.doubtful);
                }
            }
            changed.await;
        }
    }

    /// Resolves when the client is cancelled while it waits.
    pub async fn cancelled(&self) {
        loop {
            let changed = self.changed.notified();
            if std::mem::take(&mut self.lock().cancelled) {
                return;
            }
            changed.await;
        }
    }

    /// Carries out a cancel request for this client. Returns whether it went to a server.
    pub async fn cancel(&self) -> bool {
        let (address, key) = {
            let mut inner = self.lock();
            match &inner.aim {
                Aim::Nothing => return false,
                Aim::Waiting => {
                    inner.cancelled = true;
                    drop(inner);
                    self.changed.notify_waiters();
                    return false;
                }
                Aim::Server(address, key) => {
                    let target = (address.clone(), key.clone());
                    inner.in_flight += 1;
                    target
                }
            }
        };
        let _landing = Landing(self);
        let sent = tokio::time::timeout(TIMEOUT, send(&address, &key)).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.lock().doubtful = true;
        }
        true
    }
}

/// Counts a cancel as landed, also when the task that carried it ends early.
struct Landing<'a>(&'a CancelSlot);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
        self.0.changed.notify_waiters();
    }
}

/// Sends a CancelRequest and waits until the server has closed: then the signal was sent.
///
/// # Errors
/// The system's.
pub async fn send(address: &ServerAddress, key: &BackendKey) -> io::Result<()> {
    let mut stream: Stream = dial(address).await?;
    let length = i32::try_from(12 + key.key.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let packet =
        [&length.to_be_bytes()[..], &CANCEL_CODE.to_be_bytes(), &key.pid.to_be_bytes(), &key.key].concat();
    stream.write_all(&packet).await?;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
