//! [`Standing`]: whether a client may stay, and what it keeps; [`Signal`] is how its own task hears that it has to go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::client::roster::Dismissal;
use crate::session::pin::PinReason;

/// What the roster and a client's task share about it.
#[derive(Debug, Default)]
pub struct Standing {
    /// It has to go.
    is_over: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Why, unless the process ends.
    dismissal: Option<Dismissal>,
    /// Why it keeps its server connection, and since when.
    pin: Option<(PinReason, Instant)>,
    /// Of its task.
    waker: Option<Waker>,
}

impl Standing {
    /// It has to go for this reason, or because the process ends.
    pub fn end(&self, why: Option<Dismissal>) {
        let waker = {
            let mut inner = self.lock();
            // What waits for nothing outranks what waits for the end of a transaction.
            if let Some(why) = why
                && (inner.dismissal.is_none() || why.is_at_once())
            {
                inner.dismissal = Some(why);
            }
            // Under the lock: who looks there before it waits either sees this, or has left its waker.
            self.is_over.store(true, Ordering::Release);
            inner.waker.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it has to go.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Why it has to go, but for the end of the process.
    #[must_use]
    pub fn dismissal(&self) -> Option<Dismissal> {
        self.lock().dismissal
    }

    /// Why it keeps its server connection, and since when.
    #[must_use]
    pub fn pin(&self) -> Option<(PinReason, Instant)> {
        self.lock().pin
    }

    /// It keeps its server connection for this reason from now on, or not any more. Returns the reason it had before, and
    /// for how long.
    pub fn note_pin(&self, now: Option<PinReason>) -> Option<(PinReason, Duration)> {
        let before = std::mem::replace(&mut self.lock().pin, now.map(|reason| (reason, Instant::now())));
        before.map(|(reason, since)| (reason, since.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can panic half way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a client's standing each time that its task is polled. It is enough to have left the waker once; until then
/// and afterwards a flag says that nothing has happened.
#[derive(Debug)]
pub struct Signal {
    standing: Arc<Standing>,
    /// Who is woken.
    waker: Option<Waker>,
}

impl Signal {
    /// For the task of the client with this standing, and no other.
    #[must_use]
    pub const fn of(standing: Arc<Standing>) -> Self {
        Self { standing, waker: None }
    }

    /// Whether the client has to go; if not, the task is woken when it has to.
    #[inline]
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.standing.is_over() {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.leave_waker(cx.waker())
    }

    #[cold]
    fn leave_waker(&mut self, waker: &Waker) -> Poll<()> {
        self.waker = Some(waker.clone());
        let mut inner = self.standing.lock();
        inner.waker = Some(waker.clone());
        if self.standing.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::woken::Woken;

    #[test]
    fn task_is_woken_however_often_it_has_looked_and_whichever_task_looked_last() {
        let standing = Arc::<Standing>::default();
        let mut signal = Signal::of(Arc::clone(&standing));
        let tasks = [Arc::<Woken>::default(), Arc::<Woken>::default()];
        let wakers = tasks.each_ref().map(|task| Waker::from(Arc::clone(task)));
        for waker in [&wakers[0], &wakers[0], &wakers[1], &wakers[1]] {
            assert!(signal.poll(&Context::from_waker(waker)).is_pending());
        }
        standing.end(None);
        assert_eq!(tasks.each_ref().map(|task| task.times()), [0, 1]);
        assert!(signal.poll(&Context::from_waker(&wakers[1])).is_ready());
        assert!(Signal::of(standing).poll(&Context::from_waker(&wakers[0])).is_ready());
    }

    #[test]
    fn what_waits_for_nothing_outranks_what_waits_for_the_end_of_a_transaction() {
        let standing = Standing::default();
        standing.end(None);
        assert!(standing.is_over() && standing.dismissal().is_none());
        for (why, told) in [
            (Dismissal::Moved, Dismissal::Moved),
            (Dismissal::Hardening, Dismissal::Moved),
            (Dismissal::Killed, Dismissal::Killed),
            (Dismissal::Moved, Dismissal::Killed),
        ] {
            standing.end(Some(why));
            assert_eq!(standing.dismissal(), Some(told));
        }
    }
}
