//! [`Signal`]: a cancellation token, for a task that looks at it each time it is polled.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Polling the token's own future goes through a list under a lock each time. It is enough to have done so once: the task is
/// woken when the token is cancelled, and until then a flag says that it is not.
pub struct Signal {
    token: CancellationToken,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Who is woken by it.
    waker: Option<Waker>,
}

impl Signal {
    /// Of this token.
    #[must_use]
    pub fn of(token: &CancellationToken) -> Self {
        let cancelled = Box::pin(token.clone().cancelled_owned());
        Self { token: token.clone(), cancelled, waker: None }
    }

    /// Whether the token is cancelled; if not, the task is woken when it is.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.token.is_cancelled() {
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        self.cancelled.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn task_is_woken_however_often_it_has_looked_and_whichever_task_looked_last() {
        let token = CancellationToken::new();
        let mut signal = Signal::of(&token.child_token());
        let tasks = [Arc::<Woken>::default(), Arc::<Woken>::default()];
        let wakers = tasks.each_ref().map(|task| Waker::from(Arc::clone(task)));
        for waker in [&wakers[0], &wakers[0], &wakers[1], &wakers[1]] {
            assert!(signal.poll(&mut Context::from_waker(waker)).is_pending());
        }
        token.cancel();
        assert_eq!(tasks.each_ref().map(|task| task.0.load(Ordering::Relaxed)), [0, 1]);
        assert!(signal.poll(&mut Context::from_waker(&wakers[1])).is_ready());
        assert!(Signal::of(&token).poll(&mut Context::from_waker(&wakers[0])).is_ready());
    }
}
