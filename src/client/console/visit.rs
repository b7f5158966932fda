//! Who is at the console, and how what it waits for is cancelled.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;

use crate::auth::same;
use crate::console::Rights;
use crate::wire::startup::CancelRequest;

/// Bytes of the key that its cancel requests carry: what every protocol version takes.
const KEY_BYTES: usize = 4;

/// All visits, by the process ids that they were given.
#[derive(Debug, Default)]
pub(in crate::client) struct Visits {
    open: DashMap<i32, Arc<Visit>>,
}

/// One visit, as a cancel request finds it.
#[derive(Debug)]
struct Visit {
    key: [u8; KEY_BYTES],
    /// Cancels what is being done.
    running: Mutex<Option<CancellationToken>>,
}

/// Somebody who has logged in to the console. Dropping it ends its place.
#[derive(Debug)]
pub(in crate::client) struct Visitor {
    visits: Arc<Visits>,
    visit: Arc<Visit>,
    /// Our process id for it.
    pub(in crate::client) pid: i32,
    /// As it calls itself, or as the issuer of its token does.
    pub(in crate::client) name: String,
    /// What its token calls itself.
    pub(in crate::client) token: Option<String>,
    /// What it may do.
    pub(in crate::client) rights: Rights,
    /// When it has to go.
    pub(in crate::client) expires: Option<Instant>,
    /// What ends then, for people.
    pub(in crate::client) ends_with: &'static str,
    /// What was sent behind the last message of the handshake.
    pub(in crate::client) early: Vec<u8>,
}

/// Who somebody proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) struct Proof {
    /// See [`Visitor`].
    pub(in crate::client) name: String,
    /// See [`Visitor`].
    pub(in crate::client) token: Option<String>,
    /// See [`Visitor`].
    pub(in crate::client) rights: Rights,
    /// See [`Visitor`].
    pub(in crate::client) expires: Option<Instant>,
}

impl Visits {
    /// Takes somebody in, under a number and with a key of its own.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(in crate::client) fn enter(self: &Arc<Self>, proof: Proof) -> Result<Visitor, getrandom::Error> {
        let mut random = [0; 4 + KEY_BYTES];
        getrandom::fill(&mut random)?;
        let [a, b, c, d, key @ ..] = random;
        let pid = i32::from_be_bytes([a, b, c, d]) & i32::MAX;
        let visit = Arc::new(Visit { key, running: Mutex::default() });
        // Where two have one number, the cancel requests of the first do nothing any more.
        self.open.insert(pid, Arc::clone(&visit));
        let Proof { name, token, rights, expires } = proof;
        let (ends_with, early, visits) = ("token", Vec::new(), Arc::clone(self));
        Ok(Visitor { visits, visit, pid, name, token, rights, expires, ends_with, early })
    }

    /// Carries out a cancel request; one with a wrong key does nothing.
    pub(in crate::client) fn cancel(&self, request: &CancelRequest) -> bool {
        let Some(visit) = self.open.get(&request.pid).filter(|visit| same(&visit.key, &request.key)) else {
            return false;
        };
        let running = visit.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        running.inspect(CancellationToken::cancel).is_some()
    }
}

impl Visitor {
    /// What its cancel requests carry.
    pub(in crate::client) fn key(&self) -> &[u8] {
        &self.visit.key
    }

    /// Does something that may take long, unless it is cancelled meanwhile: then `None`.
    pub(super) fn cancellable(&self) -> Cancellable {
        Cancellable(Arc::clone(&self.visit))
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.visits.open.remove_if(&self.pid, |_, visit| Arc::ptr_eq(visit, &self.visit));
    }
}

/// See [`Visitor::cancellable`].
#[derive(Debug)]
pub(super) struct Cancellable(Arc<Visit>);

impl Cancellable {
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let token = CancellationToken::new();
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        let done = tokio::select! {
            done = work => Some(done),
            () = token.cancelled() => None,
        };
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof() -> Proof {
        Proof { name: "ops".into(), token: None, rights: Rights::Admin, expires: None }
    }

    #[tokio::test]
    async fn only_the_right_key_cancels_and_only_what_is_being_done() {
        let visits = Arc::new(Visits::default());
        let visitor = visits.enter(proof()).unwrap();
        let request = |key: &[u8]| CancelRequest { pid: visitor.pid, key: key.to_vec() };
        assert!(!visits.cancel(&request(visitor.key())), "nothing is being done");
        let cancellable = visitor.cancellable();
        let waiting = cancellable.run(std::future::pending::<()>());
        let cancelling = async {
            while !visits.cancel(&request(visitor.key())) {
                assert!(!visits.cancel(&request(&[0; 5])));
                tokio::task::yield_now().await;
            }
        };
        let (done, ()) = tokio::join!(waiting, cancelling);
        assert_eq!(done, None);
        assert_eq!(visitor.cancellable().run(async { 7 }).await, Some(7), "the next is not cancelled");
        drop(visitor);
        assert!(visits.open.is_empty());
    }
}
