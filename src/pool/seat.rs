//! [`Seat`]: where a client waits for its server connection.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::pool::Grant;

/// Where what comes to a client that waits is left for it. A client has one for as long as it is here, so that waiting
/// allocates nothing.
#[derive(Debug, Default)]
pub struct Seat {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    grant: Option<Grant>,
    /// Of the client's task. It is kept from one wait to the next.
    waker: Option<Waker>,
}

impl Seat {
    /// Leaves this there, and wakes the client. What was there before and nobody has taken is given back.
    pub(super) fn leave(&self, grant: Grant) -> Option<Grant> {
        let mut inner = self.lock();
        let before = inner.grant.replace(grant);
        if let Some(waker) = &inner.waker {
            waker.wake_by_ref();
        }
        before
    }

    /// Takes what was left.
    pub(super) fn take(&self) -> Option<Grant> {
        self.lock().grant.take()
    }

    /// Takes what was left, or has the task woken when something is.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Grant> {
        let mut inner = self.lock();
        if let Some(grant) = inner.grant.take() {
            return Poll::Ready(grant);
        }
        if !inner.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            inner.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can panic half way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::pool::woken::Woken;

    #[test]
    fn what_is_left_is_taken_once_and_its_client_is_woken() {
        let (seat, woken) = (Seat::default(), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        for wait in 1..3 {
            assert!(seat.poll_take(&cx).is_pending() && seat.poll_take(&cx).is_pending());
            assert!(seat.leave(Grant::Moved).is_none());
            assert_eq!(woken.times(), wait);
            assert!(matches!(seat.poll_take(&cx), Poll::Ready(Grant::Moved)));
        }
        assert!(seat.take().is_none());
    }

    #[test]
    fn what_nobody_took_comes_back_when_something_else_is_left() {
        let seat = Seat::default();
        assert!(seat.leave(Grant::Late(Duration::ZERO)).is_none());
        assert!(matches!(seat.leave(Grant::Moved), Some(Grant::Late(_))));
        assert!(matches!(seat.take(), Some(Grant::Moved)));
    }
}
