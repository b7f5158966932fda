//! The clients that are here, by the key their cancel requests carry.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::server::cancel::CancelSlot;
use crate::session::pin::PinReason;
use crate::tenant::TenantId;
use crate::wire::startup::CancelRequest;

/// Cancel requests on their way to the server at once; more are dropped, as a cancel may always be late.
const CANCELS_AT_ONCE: usize = 32;

/// All live clients.
#[derive(Debug)]
pub struct Roster {
    clients: DashMap<i32, Member>,
    cancels: Semaphore,
}

#[derive(Debug)]
struct Member {
    key: Vec<u8>,
    tenant: TenantId,
    slot: Arc<CancelSlot>,
    stop: CancellationToken,
    pin: Arc<Mutex<Option<(PinReason, Instant)>>>,
}

/// A client that keeps its server connection beyond a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Our process id for it.
    pub pid: i32,
    /// Its tenant.
    pub tenant: TenantId,
    /// Why.
    pub reason: PinReason,
    /// For how long.
    pub age: Duration,
}

/// One client's place in the roster; dropping it takes the client out.
#[derive(Debug)]
pub struct Place {
    roster: Arc<Roster>,
    /// Our process id for it.
    pub pid: i32,
    /// Our secret key for it.
    pub key: Vec<u8>,
    /// What its cancel requests aim at.
    pub slot: Arc<CancelSlot>,
    /// Cancelled when it is to be disconnected.
    pub stop: CancellationToken,
    pin: Arc<Mutex<Option<(PinReason, Instant)>>>,
}

impl Default for Roster {
    fn default() -> Self {
        Self { clients: DashMap::new(), cancels: Semaphore::new(CANCELS_AT_ONCE) }
    }
}

impl Roster {
    /// Takes a client in, under a number nobody else has and with a key of `key_len` random bytes.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn enter(
        self: &Arc<Self>,
        tenant: TenantId,
        key_len: usize,
        stop: CancellationToken,
    ) -> Result<Place, getrandom::Error> {
        let mut key = vec![0; key_len];
        getrandom::fill(&mut key)?;
        loop {
            let mut number = [0; 4];
            getrandom::fill(&mut number)?;
            let pid = i32::from_be_bytes(number) & i32::MAX;
            if let Entry::Vacant(vacant) = self.clients.entry(pid) {
                let slot = Arc::new(CancelSlot::default());
                let pin = Arc::<Mutex<_>>::default();
                vacant.insert(Member {
                    key: key.clone(),
                    tenant,
                    slot: Arc::clone(&slot),
                    stop: stop.clone(),
                    pin: Arc::clone(&pin),
                });
                return Ok(Place { roster: Arc::clone(self), pid, key, slot, stop, pin });
            }
        }
    }

    /// Carries out a cancel request; one with a wrong key does nothing, like on a server. Returns
    /// whether it went to a server.
    pub async fn cancel(&self, request: &CancelRequest) -> bool {
        let slot = match self.clients.get(&request.pid) {
            Some(member) if same(&member.key, &request.key) => Arc::clone(&member.slot),
            _ => return false,
        };
        let Ok(_permit) = self.cancels.try_acquire() else { return false };
        slot.cancel().await
    }

    /// Disconnects all clients of a tenant.
    pub fn disconnect(&self, tenant: TenantId) {
        self.clients.iter().filter(|member| member.tenant == tenant).for_each(|member| member.stop.cancel());
    }

    /// The tenants that have clients here.
    #[must_use]
    pub fn tenants(&self) -> HashSet<TenantId> {
        self.clients.iter().map(|member| member.tenant).collect()
    }

    /// Those that keep their server connection, the longest first.
    #[must_use]
    pub fn pinned(&self) -> Vec<Pinned> {
        let mut pinned: Vec<_> = self
            .clients
            .iter()
            .filter_map(|member| {
                let (reason, since) = (*member.pin.lock().unwrap_or_else(PoisonError::into_inner))?;
                Some(Pinned { pid: *member.key(), tenant: member.tenant, reason, age: since.elapsed() })
            })
            .collect();
        pinned.sort_by_key(|pinned| std::cmp::Reverse(pinned.age));
        pinned
    }

    /// How many are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether nobody is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

impl Place {
    /// The client keeps its server connection for this reason from now on, or not any more. Returns the
    /// reason it had before, and for how long.
    pub fn note_pin(&self, now: Option<PinReason>) -> Option<(PinReason, Duration)> {
        let mut pin = self.pin.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *pin, now.map(|reason| (reason, Instant::now())));
        before.map(|(reason, since)| (reason, since.elapsed()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.roster.clients.remove(&self.pid);
    }
}

/// Compares keys in a time that does not tell how far they agree.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn cancel_with_a_wrong_key_or_number_does_nothing_and_leavers_are_forgotten() {
        let roster = Arc::new(Roster::default());
        let place = roster.enter(TenantId(Uuid::nil()), 4, CancellationToken::new()).unwrap();
        place.slot.waiting();
        let request = |pid, key: &[u8]| CancelRequest { pid, key: key.to_vec() };
        let mut wrong = place.key.clone();
        wrong[3] ^= 1;
        roster.cancel(&request(place.pid, &wrong)).await;
        roster.cancel(&request(place.pid, &place.key[..3])).await;
        roster.cancel(&request(place.pid ^ 1, &place.key)).await;
        let waited = tokio::time::timeout(Duration::ZERO, place.slot.cancelled()).await;
        assert!(waited.is_err(), "cancelled by a wrong key");
        roster.cancel(&request(place.pid, &place.key)).await;
        place.slot.cancelled().await;
        drop(place);
        assert!(roster.is_empty());
    }
}
