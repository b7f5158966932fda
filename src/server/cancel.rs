//! Cancel requests to the server, aimed so that they can hit nobody else.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::net::stream::Stream;
use crate::server::BackendKey;
use crate::server::connect::Endpoint;

/// A cancel that the server has not taken by then is given up, and the connection with it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A cancel that reaches the server process before it has begun with the statement does nothing. The client may have
/// sent that long ago, and waited for a server connection: as long as nothing was answered, it is sent again after these
/// milliseconds.
const AGAIN: [u64; 5] = [20, 50, 100, 200, 400];
/// Between two cancels for one client. Each costs the server a process, and whoever asks for it next to nothing.
const PAUSE: Duration = Duration::from_millis(10);
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
    Server(Endpoint, BackendKey),
}

#[derive(Debug, Default)]
struct Inner {
    aim: Aim,
    /// Cancel requests on their way to the server.
    in_flight: usize,
    /// Somebody carries them there, one after the other.
    carried: bool,
    /// Another was asked for meanwhile, in this turn.
    asked: Option<u64>,
    /// How many were carried.
    carries: u64,
    /// One was given up: nobody knows whether it will still arrive.
    doubtful: bool,
    /// A waiting client was cancelled.
    cancelled: bool,
    /// Of the client's task, which is woken then. It is kept from one wait to the next.
    waker: Option<Waker>,
    /// The server process has answered nothing yet.
    quiet: bool,
    /// Counts what cancel requests mean one after the other.
    turn: u64,
    /// Somebody wants to know when one of these two changes.
    watched: bool,
    /// When the client was last given a server connection, or began to wait for one.
    since: Option<Instant>,
}

/// What a client does, as its slot knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Nothing.
    Nothing,
    /// It waits for a server connection.
    Waiting,
    /// The server with this process id works for it.
    Served(i32),
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
        inner.turn += 1;
    }

    /// There is no server connection for the client at once.
    pub fn waits_since(&self, now: Instant) {
        self.lock().since = Some(now);
    }

    /// What the client does, and when it was last given a server connection or began to wait for one.
    #[must_use]
    pub fn doing(&self) -> (Doing, Option<Instant>) {
        let inner = self.lock();
        let doing = match &inner.aim {
            Aim::Nothing => Doing::Nothing,
            Aim::Waiting => Doing::Waiting,
            Aim::Server(_, key) => Doing::Served(key.pid),
        };
        (doing, inner.since)
    }

    /// A server process works for the client from now on.
    pub fn aim_at(&self, endpoint: &Endpoint, key: &BackendKey) {
        self.lock().aim = Aim::Server(endpoint.clone(), key.clone());
    }

    /// As [`aim_at`](Self::aim_at), unless the client was cancelled while it waited: then `false`.
    ///
    /// Whoever polls [`poll_cancelled`](Self::poll_cancelled) may have been given a server connection at the same moment; `since` is
    /// when.
    pub fn aim_after_waiting(&self, endpoint: &Endpoint, key: &BackendKey, since: Instant) -> bool {
        let mut inner = self.lock();
        if std::mem::take(&mut inner.cancelled) {
            inner.aim = Aim::Nothing;
            return false;
        }
        inner.aim = Aim::Server(endpoint.clone(), key.clone());
        (inner.quiet, inner.since) = (true, Some(since));
        true
    }

    /// Nothing of the client's runs any more. Cancels on their way may still hit the server process:
    /// it may be reused only after [`settled`](Self::settled).
    pub fn clear(&self) -> bool {
        let mut inner = self.lock();
        inner.aim = Aim::Nothing;
        inner.turn += 1;
        self.tell(&mut inner);
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

    /// Whether the client was cancelled while it waits; if not, the task is woken when it is.
    pub fn poll_cancelled(&self, cx: &Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if std::mem::take(&mut inner.cancelled) {
            return Poll::Ready(());
        }
        if !inner.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            inner.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The server process has begun to answer.
    pub fn answered(&self) {
        let mut inner = self.lock();
        inner.quiet = false;
        self.tell(&mut inner);
    }

    fn tell(&self, inner: &mut Inner) {
        if std::mem::take(&mut inner.watched) {
            self.changed.notify_waiters();
        }
    }

    /// Resolves when the server process has answered or works for the client no more.
    async fn begun(&self, turn: u64) {
        loop {
            let changed = self.changed.notified();
            {
                let mut inner = self.lock();
                if inner.turn != turn || !inner.quiet {
                    return;
                }
                inner.watched = true;
            }
            changed.await;
        }
    }

    /// Carries out a cancel request for this client, with one of these permits if it takes any. Returns whether it goes to a
    /// server.
    ///
    /// However many come at once, one is on its way at a time; those that come meanwhile are one more, behind it.
    pub async fn cancel(&self, permits: Option<&Semaphore>) -> bool {
        let mut only = None;
        let (turn, _permit) = loop {
            match self.take_on(only, permits) {
                Task::Done => return only.is_some(),
                Task::Behind { turn, carries } => {
                    if self.behind(carries).await {
                        return true;
                    }
                    only = Some(turn);
                }
                Task::Carry(turn, permit) => break (turn, permit),
            }
        };
        let mut carrying = Carrying(Some(self));
        self.carry(turn).await;
        while let Some(turn) = carrying.another() {
            tokio::time::sleep(PAUSE).await;
            self.carry(turn).await;
        }
        true
    }

    /// Tells a waiting client, or whoever carries cancels already; in this turn, if one is given.
    fn take_on<'a>(&self, only: Option<u64>, permits: Option<&'a Semaphore>) -> Task<'a> {
        let mut inner = self.lock();
        match &inner.aim {
            _ if only.is_some_and(|turn| turn != inner.turn) => Task::Done,
            Aim::Nothing => Task::Done,
            Aim::Waiting => {
                inner.cancelled = true;
                if let Some(waker) = &inner.waker {
                    waker.wake_by_ref();
                }
                Task::Done
            }
            Aim::Server(..) if inner.carried => {
                inner.asked = Some(inner.turn);
                Task::Behind { turn: inner.turn, carries: inner.carries }
            }
            Aim::Server(..) => {
                let permit = match permits.map(Semaphore::try_acquire) {
                    Some(Err(_)) => return Task::Done,
                    Some(Ok(permit)) => Some(permit),
                    None => None,
                };
                inner.carried = true;
                Task::Carry(inner.turn, permit)
            }
        }
    }

    /// Resolves when the one that was on its way after so many, and the one behind it, were carried: whoever asks may rely on
    /// it that nothing is hit later. `false` when whoever carried them is gone.
    async fn behind(&self, carries: u64) -> bool {
        loop {
            let changed = self.changed.notified();
            {
                let inner = self.lock();
                if !inner.carried || inner.carries > carries + 1 {
                    return inner.carries > carries + 1;
                }
            }
            changed.await;
        }
    }

    /// Sends it to the server, and again until the server process has heard it.
    async fn carry(&self, turn: u64) {
        if !self.forward(turn, false).await {
            return;
        }
        for wait in AGAIN.map(Duration::from_millis) {
            if tokio::time::timeout(wait, self.begun(turn)).await.is_ok() || !self.forward(turn, true).await {
                break;
            }
        }
    }

    /// Sends it to the server, in this turn, and `again` only where nothing was answered. Whether it was.
    async fn forward(&self, turn: u64, again: bool) -> bool {
        let (endpoint, key) = {
            let mut inner = self.lock();
            match &inner.aim {
                Aim::Server(endpoint, key) if inner.turn == turn && (inner.quiet || !again) => {
                    let target = (endpoint.clone(), key.clone());
                    inner.in_flight += 1;
                    target
                }
                _ => return false,
            }
        };
        let _landing = Landing(self);
        let sent = tokio::time::timeout(TIMEOUT, send(&endpoint, &key)).await;
        if let Err(error) = sent.map_err(io::Error::from).flatten() {
            tracing::warn!(pid = key.pid, %error, "the server did not take a cancel request; its connection is not used again");
            self.lock().doubtful = true;
        }
        true
    }
}

/// What is left to do of a cancel request.
enum Task<'a> {
    /// Nothing.
    Done,
    /// Others are carried, so many before it.
    Behind { turn: u64, carries: u64 },
    /// It is to be carried, in this turn.
    Carry(u64, Option<SemaphorePermit<'a>>),
}

/// Whoever carries cancels for a client. When it ends early, the next to come carries.
struct Carrying<'a>(Option<&'a CancelSlot>);

impl Carrying<'_> {
    /// The turn in which another was asked for; without one nobody carries any more.
    fn another(&mut self) -> Option<u64> {
        let slot = self.0?;
        let mut inner = slot.lock();
        let asked = inner.asked.take();
        inner.carries += 1;
        inner.carried = asked.is_some();
        slot.changed.notify_waiters();
        if asked.is_none() {
            self.0 = None;
        }
        asked
    }
}

impl Drop for Carrying<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            let mut inner = slot.lock();
            (inner.carried, inner.asked) = (false, None);
            slot.changed.notify_waiters();
        }
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
pub async fn send(endpoint: &Endpoint, key: &BackendKey) -> io::Result<()> {
    let mut stream: Stream = endpoint.dial().await?;
    let length = i32::try_from(12 + key.key.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let packet =
        [&length.to_be_bytes()[..], &CANCEL_CODE.to_be_bytes(), &key.pid.to_be_bytes(), &key.key].concat();
    stream.write_all(&packet).await?;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
