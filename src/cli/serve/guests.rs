//! [`Guests`]: the tasks of clients. They are waited for at the end, or ended in the middle of whatever they do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Guests {
    /// These, and those who let them in.
    tasks: TaskTracker,
    handles: Mutex<Handles>,
}

#[derive(Debug, Default)]
struct Handles {
    /// Nobody is served any more.
    is_over: bool,
    /// A handle for each client costs less than a token that each looks at.
    clients: Slab<AbortHandle>,
}

impl Guests {
    /// Lets clients in, in a task that is waited for as they are.
    pub(super) fn admit(&self, letting_in: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(letting_in);
    }

    /// Serves one. The future is made in its task, as one that was moved there would have its room twice.
    pub(super) fn serve<F>(self: &Arc<Self>, begin: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let mut handles = self.lock();
        if handles.is_over {
            return;
        }
        let entry = handles.clients.vacant_entry();
        let (guests, key) = (Arc::clone(self), entry.key());
        let task = self.tasks.spawn(async move {
            // Not before: a runtime that ends drops the task within `spawn`, where the handles are locked.
            let _leaves = Leaves { guests, key };
            begin().await;
        });
        entry.insert(task.abort_handle());
    }

    /// Nobody comes any more.
    pub(super) fn close(&self) {
        self.tasks.close();
    }

    /// Until all are gone, once it is closed.
    pub(super) async fn wait(&self) {
        self.tasks.wait().await;
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Ends all of them now. Dropping what serves a client closes its server connection, which rolls back.
    pub(super) fn cut_off(&self) {
        let clients = {
            let mut handles = self.lock();
            handles.is_over = true;
            std::mem::take(&mut handles.clients)
        };
        clients.iter().for_each(|(_, client)| client.abort());
    }

    fn lock(&self) -> MutexGuard<'_, Handles> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a client that has gone, whatever ended it.
struct Leaves {
    guests: Arc<Guests>,
    key: usize,
}

impl Drop for Leaves {
    fn drop(&mut self) {
        // Of one that is cut off there is nothing to forget.
        self.guests.lock().clients.try_remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_has_gone_is_forgotten_and_who_has_not_is_cut_off_and_nobody_comes_afterwards() {
        let guests = Arc::<Guests>::default();
        guests.serve(|| async {});
        while guests.len() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(guests.lock().clients.len(), 0);
        let (kept, mut gone) = oneshot::channel::<()>();
        guests.serve(|| async move {
            let _kept = kept;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        assert_eq!((guests.len(), gone.try_recv()), (1, Err(oneshot::error::TryRecvError::Empty)));
        guests.cut_off();
        guests.serve(|| async { panic!("served after the end") });
        guests.close();
        guests.wait().await;
        assert_eq!(gone.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn client_that_comes_while_the_runtime_ends_locks_nobody_out() {
        let guests = Arc::<Guests>::default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (ending, ended) = std::sync::mpsc::channel();
        let (done, served) = std::sync::mpsc::channel();
        let them = Arc::clone(&guests);
        runtime.spawn(async move {
            ending.send(()).unwrap();
            // The other thread has nothing to do, and lets no task begin any more before these are over.
            for _ in 0..300 {
                them.serve(|| async {});
                std::thread::park_timeout(Duration::from_millis(1));
            }
            done.send(()).unwrap();
        });
        ended.recv().unwrap();
        runtime.shutdown_background();
        served.recv_timeout(Duration::from_secs(30)).expect("it is locked");
        drop(guests.lock());
    }
}
