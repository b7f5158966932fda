//! `SUSPEND`: what was read is written out, and nothing more is read from a tenant's clients, or from anybody, until `RESUME`.
//!
//! Clients that relay look at one flag before they read, and come here only while it is up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::tenant::TenantId;

/// How often is looked whether all was written. Whoever was in the middle of a read when the flag went up is past it at the
/// second look.
const LOOK: Duration = Duration::from_millis(25);

/// Whom one is about: a tenant as the registry has it, with those of its sessions that only read, or everybody.
pub(in crate::client) type Whom = Option<TenantId>;

/// Who is suspended, and who is woken when that ends.
#[derive(Debug, Default)]
pub(in crate::client) struct Suspension {
    /// Whether anybody is.
    is_on: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Counts suspensions, so that one is not ended for another.
    number: u64,
    /// Those that are in force, each with its number.
    begun: HashMap<Whom, u64>,
    /// Clients that would have read, by their process ids.
    resting: HashMap<i32, (TenantId, Waker)>,
    /// Clients that have something to write that nobody takes.
    unwritten: HashMap<i32, TenantId>,
}

impl Inner {
    fn holds(&self, tenant: TenantId) -> bool {
        self.begun.contains_key(&None) || self.begun.contains_key(&Some(tenant))
    }

    fn unwritten(&self, whom: Whom) -> usize {
        match whom {
            None => self.unwritten.len(),
            Some(tenant) => self.unwritten.values().filter(|one| **one == tenant).count(),
        }
    }

    /// Who need not rest any more.
    fn released(&mut self) -> Vec<Waker> {
        let all = std::mem::take(&mut self.resting);
        let (held, free): (HashMap<_, _>, HashMap<_, _>) =
            all.into_iter().partition(|(_, (tenant, _))| self.holds(*tenant));
        self.resting = held;
        free.into_values().map(|(_, waker)| waker).collect()
    }
}

impl Suspension {
    /// Begins one, unless there is one of the same: then that goes on, as this one's.
    pub(in crate::client) fn begin(&self, whom: Whom) -> u64 {
        let mut inner = self.inner();
        inner.number += 1;
        let number = inner.number;
        inner.begun.insert(whom, number);
        self.is_on.store(true, Ordering::Relaxed);
        number
    }

    /// Lets them go on, as far as nothing else holds them. Whether they were suspended by this name.
    pub(in crate::client) fn end(&self, whom: Whom) -> bool {
        self.end_if(whom, |_| true)
    }

    /// The same, if this is still the one.
    pub(in crate::client) fn end_this(&self, whom: Whom, number: u64) -> bool {
        self.end_if(whom, |now| now == number)
    }

    /// Ends all that there are.
    pub(in crate::client) fn end_all(&self) {
        let mut inner = self.inner();
        inner.begun.clear();
        self.let_go(inner);
    }

    fn end_if(&self, whom: Whom, is_this: impl Fn(u64) -> bool) -> bool {
        let mut inner = self.inner();
        let was_on = inner.begun.get(&whom).is_some_and(|number| is_this(*number));
        if was_on {
            inner.begun.remove(&whom);
            self.let_go(inner);
        }
        was_on
    }

    fn let_go(&self, mut inner: MutexGuard<'_, Inner>) {
        self.is_on.store(!inner.begun.is_empty(), Ordering::Relaxed);
        let released = inner.released();
        drop(inner);
        released.into_iter().for_each(Waker::wake);
    }

    /// Whether these are suspended by this name.
    pub(in crate::client) fn is_on(&self, whom: Whom) -> bool {
        self.is_anybody() && self.inner().begun.contains_key(&whom)
    }

    fn is_anybody(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Waits until all that was read is written, for so long at most. How many clients have something left.
    pub(in crate::client) async fn all_written(&self, whom: Whom, limit: Duration) -> usize {
        let begin = Instant::now();
        let mut quiet = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            let left = self.inner().unwritten(whom);
            quiet = if left == 0 { quiet + 1 } else { 0 };
            if quiet > 1 || begin.elapsed() >= limit {
                return left;
            }
        }
    }

    #[cold]
    fn rest(&self, part: &Part, cx: &Context<'_>) -> bool {
        let mut inner = self.inner();
        // Under the lock, so that nobody rests who would not be woken.
        if !inner.holds(part.tenant) {
            return false;
        }
        inner.resting.insert(part.client, (part.tenant, cx.waker().clone()));
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
    /// As the registry has it.
    tenant: TenantId,
    client: i32,
    is_counted: bool,
}

impl Part {
    pub(in crate::client) fn new(suspension: Arc<Suspension>, tenant: TenantId, client: i32) -> Self {
        Self { suspension, tenant, client, is_counted: false }
    }

    /// Whether nothing is to be read now; then the task is woken when that has changed.
    pub(in crate::client) fn must_rest(&self, cx: &Context<'_>) -> bool {
        self.suspension.is_anybody() && self.suspension.rest(self, cx)
    }

    /// The client rests, and has something to write or not.
    pub(in crate::client) fn note(&mut self, is_unwritten: bool) {
        if std::mem::replace(&mut self.is_counted, is_unwritten) == is_unwritten {
            return;
        }
        let mut inner = self.suspension.inner();
        if is_unwritten {
            inner.unwritten.insert(self.client, self.tenant);
        } else {
            inner.unwritten.remove(&self.client);
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.note(false);
        if self.suspension.is_anybody() {
            self.suspension.inner().resting.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::pool::woken::Woken;

    fn tenant(number: u128) -> TenantId {
        TenantId(Uuid::from_u128(number))
    }

    fn part(suspension: &Arc<Suspension>, of: u128, client: i32) -> Part {
        Part::new(Arc::clone(suspension), tenant(of), client)
    }

    #[test]
    fn clients_rest_until_the_suspension_ends_and_are_woken_once() {
        let (suspension, woken) = (Arc::new(Suspension::default()), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        let part = part(&suspension, 1, 7);
        assert!(!part.must_rest(&cx) && !suspension.end(None));
        suspension.begin(None);
        assert!(part.must_rest(&cx) && part.must_rest(&cx));
        assert!(suspension.end(None) && !part.must_rest(&cx));
        assert_eq!(woken.times(), 1);
        suspension.begin(None);
        assert!(part.must_rest(&cx));
        drop(part);
        assert!(suspension.inner().resting.is_empty(), "who left is not kept");
    }

    #[test]
    fn suspended_tenant_rests_alone_and_whoever_is_held_twice_is_let_go_twice() {
        let (suspension, woken) = (Arc::new(Suspension::default()), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        let (one, other) = (part(&suspension, 1, 7), part(&suspension, 2, 8));
        suspension.begin(Some(tenant(1)));
        assert!(one.must_rest(&cx) && !other.must_rest(&cx));
        assert!(suspension.is_on(Some(tenant(1))) && !suspension.is_on(None));
        suspension.begin(None);
        assert!(one.must_rest(&cx) && other.must_rest(&cx));
        assert!(suspension.end(None));
        assert_eq!(woken.times(), 1, "the other");
        assert!(one.must_rest(&cx) && !other.must_rest(&cx));
        assert!(!suspension.end(Some(tenant(2))) && suspension.end(Some(tenant(1))));
        assert_eq!(woken.times(), 2);
        assert!(!one.must_rest(&cx));
    }

    #[test]
    fn visit_that_ends_ends_its_own_suspension_and_no_later_one() {
        let suspension = Suspension::default();
        let first = suspension.begin(None);
        assert!(suspension.end(None));
        let second = suspension.begin(None);
        assert!(!suspension.end_this(None, first) && suspension.is_on(None));
        assert!(suspension.end_this(None, second) && !suspension.is_on(None));
        let of_one = suspension.begin(Some(tenant(1)));
        assert!(
            !suspension.end_this(Some(tenant(2)), of_one) && suspension.end_this(Some(tenant(1)), of_one)
        );
    }

    #[tokio::test]
    async fn what_is_not_taken_is_waited_for_and_told() {
        let suspension = Arc::new(Suspension::default());
        let mut part = part(&suspension, 1, 7);
        let (short, long) = (LOOK * 4, Duration::from_secs(60));
        assert_eq!(suspension.all_written(None, long).await, 0);
        part.note(true);
        part.note(true);
        assert_eq!(suspension.all_written(None, short).await, 1);
        assert_eq!(suspension.all_written(Some(tenant(1)), short).await, 1);
        assert_eq!(suspension.all_written(Some(tenant(2)), long).await, 0);
        let writing = async {
            tokio::time::sleep(LOOK * 3).await;
            part.note(false);
        };
        assert_eq!(tokio::join!(suspension.all_written(None, long), writing).0, 0);
    }
}
