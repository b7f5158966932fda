//! [`Voice`]: for whom a server process speaks when it notifies.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use crate::tenant::TenantId;

/// One server process, as the sender of notifications.
///
/// A notification is heard on another connection than the one it was sent on, later, and names only the
/// process. The process belongs to one tenant for ever, or to the shared group, and to its clients in turn: which
/// of them it was is known only when all has been heard that was sent for the one before.
#[derive(Debug)]
pub struct Voice {
    /// Process id.
    pub pid: i32,
    /// Whose role it is logged in as; `None` where it serves all tenants of level `shared`.
    pub tenant: Option<TenantId>,
    /// The process id that the client was given which it works for, 0 for none.
    client: AtomicI32,
    /// What is heard from this barrier on is that client's.
    certain_from: AtomicU64,
    /// All was heard that it has sent.
    quiet: AtomicBool,
}

impl Voice {
    /// Of a process that has sent nothing.
    #[must_use]
    pub fn new(pid: i32, tenant: Option<TenantId>) -> Self {
        let (client, certain_from) = Default::default();
        Self { pid, tenant, client, certain_from, quiet: AtomicBool::new(true) }
    }

    /// It works for this client from now on; `next` is the barrier to come.
    pub fn lend(&self, client: i32, next: u64) {
        if self.client.swap(client, Ordering::AcqRel) != client {
            let certain = self.quiet.load(Ordering::Acquire);
            self.certain_from.store(if certain { 0 } else { next }, Ordering::Release);
        }
        self.quiet.store(false, Ordering::Release);
    }

    /// All was heard that it has sent, and it works for nobody now.
    pub fn is_quiet(&self) {
        self.quiet.store(true, Ordering::Release);
    }

    /// Whether the client is known of what is heard now, `heard` being the last barrier that was.
    #[must_use]
    pub fn is_certain(&self, heard: u64) -> bool {
        self.certain_from.load(Ordering::Acquire) <= heard
    }

    /// The process id to name as the sender of what is heard now: the client's, or where that is in doubt the
    /// server's, which no client takes for its own.
    #[must_use]
    pub fn sender(&self, heard: u64) -> i32 {
        match self.client.load(Ordering::Acquire) {
            0 => self.pid,
            client if self.is_certain(heard) => client,
            _ => self.pid,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn sender_is_in_doubt_from_one_client_to_the_next_until_a_barrier_is_heard() {
        let voice = Voice::new(7, Some(TenantId(Uuid::nil())));
        assert_eq!(voice.sender(0), 7);
        voice.lend(100, 1);
        assert_eq!(voice.sender(0), 100);
        voice.lend(200, 3);
        assert_eq!((voice.sender(0), voice.sender(2), voice.sender(3)), (7, 7, 200));
        voice.lend(200, 9);
        assert_eq!(voice.sender(3), 200);
    }

    #[test]
    fn quiet_process_is_its_next_client_s_at_once() {
        let voice = Voice::new(7, Some(TenantId(Uuid::nil())));
        voice.lend(100, 1);
        voice.is_quiet();
        voice.lend(200, 5);
        assert_eq!(voice.sender(0), 200);
    }
}
