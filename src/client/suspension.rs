//! `SUSPEND`: what was read is written out, and nothing more is read from anybody until `RESUME`.
//!
//! Clients that relay look at one flag before they read, and come here only while it is up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// How often is looked whether all was written. Whoever was in the middle of a read when the flag went up is past it at the
/// second look.
const LOOK: Duration = Duration::from_millis(25);

/// Whether the process is suspended, and who is woken when it is not any more.
#[derive(Debug, Default)]
pub(in crate::client) struct Suspension {
    is_on: AtomicBool,
    /// Clients that rest with something to write.
    unwritten: AtomicUsize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Counts suspensions, so that one is not ended for another.
    number: u64,
    /// Clients that would have read, by their process ids.
    resting: HashMap<i32, Waker>,
}

impl Suspension {
    /// Begins one, unless there is one: then that goes on, as this one's.
    pub(in crate::client) fn begin(&self) -> u64 {
        let mut inner = self.inner();
        inner.number += 1;
        self.is_on.store(true, Ordering::Relaxed);
        inner.number
    }

    /// Lets all go on. Whether they were suspended.
    pub(in crate::client) fn end(&self) -> bool {
        let mut inner = self.inner();
        let was_on = self.is_on.swap(false, Ordering::Relaxed);
        let resting = std::mem::take(&mut inner.resting);
        drop(inner);
        resting.into_values().for_each(Waker::wake);
        was_on
    }

    /// The same, if this is still the one.
    pub(in crate::client) fn end_this(&self, number: u64) -> bool {
        let is_this = self.inner().number == number;
        is_this && self.end()
    }

    pub(in crate::client) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Waits until all that was read is written, for so long at most. How many clients have something left.
    pub(in crate::client) async fn all_written(&self, limit: Duration) -> usize {
        let begin = Instant::now();
        let mut quiet = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            let left = self.unwritten.load(Ordering::Relaxed);
            quiet = if left == 0 { quiet + 1 } else { 0 };
            if quiet > 1 || begin.elapsed() >= limit {
                return left;
            }
        }
    }

    #[cold]
    fn rest(&self, client: i32, cx: &Context<'_>) -> bool {
        let mut inner = self.inner();
        // Under the lock, so that nobody rests who would not be woken.
        if !self.is_on() {
            return false;
        }
        inner.resting.insert(client, cx.waker().clone());
        true
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Numbers and wakers are whole at every moment.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's part in it.
#[derive(Debug)]
pub(in crate::client) struct Part {
    suspension: Arc<Suspension>,
    client: i32,
    is_counted: bool,
}

impl Part {
    pub(in crate::client) fn new(suspension: Arc<Suspension>, client: i32) -> Self {
        Self { suspension, client, is_counted: false }
    }

    /// Whether nothing is to be read now; then the task is woken when that has changed.
    pub(in crate::client) fn must_rest(&self, cx: &Context<'_>) -> bool {
        self.suspension.is_on() && self.suspension.rest(self.client, cx)
    }

    /// The client rests, and has something to write or not.
    pub(in crate::client) fn note(&mut self, is_unwritten: bool) {
        if std::mem::replace(&mut self.is_counted, is_unwritten) == is_unwritten {
            return;
        }
        if is_unwritten {
            self.suspension.unwritten.fetch_add(1, Ordering::Relaxed);
        } else {
            self.suspension.unwritten.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.note(false);
        if self.suspension.is_on() {
            self.suspension.inner().resting.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
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
    fn clients_rest_until_the_suspension_ends_and_are_woken_once() {
        let (suspension, woken) = (Arc::new(Suspension::default()), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        let part = Part::new(Arc::clone(&suspension), 7);
        assert!(!part.must_rest(&cx) && !suspension.end());
        suspension.begin();
        assert!(part.must_rest(&cx) && part.must_rest(&cx));
        assert!(suspension.end() && !part.must_rest(&cx));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        suspension.begin();
        assert!(part.must_rest(&cx));
        drop(part);
        assert!(suspension.inner().resting.is_empty(), "who left is not kept");
    }

    #[test]
    fn visit_that_ends_ends_its_own_suspension_and_no_later_one() {
        let suspension = Suspension::default();
        let first = suspension.begin();
        assert!(suspension.end());
        let second = suspension.begin();
        assert!(!suspension.end_this(first) && suspension.is_on());
        assert!(suspension.end_this(second) && !suspension.is_on());
    }

    #[tokio::test]
    async fn what_is_not_taken_is_waited_for_and_told() {
        let suspension = Arc::new(Suspension::default());
        let mut part = Part::new(Arc::clone(&suspension), 7);
        let (short, long) = (LOOK * 4, Duration::from_secs(60));
        assert_eq!(suspension.all_written(long).await, 0);
        part.note(true);
        part.note(true);
        assert_eq!(suspension.all_written(short).await, 1);
        let writing = async {
            tokio::time::sleep(LOOK * 3).await;
            part.note(false);
        };
        assert_eq!(tokio::join!(suspension.all_written(long), writing).0, 0);
    }
}
