//! Cancel requests for clients of other proxies: a load balancer brings them to any.
//!
//! Which proxy it is for nobody knows, so all are told, by the registry's notifications; the one that has the client carries
//! the request out and says so. Then the connection of the request is closed, as PostgreSQL does it: what the client sends from
//! then on is not what was cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, oneshot};

use crate::auth::cancel_key::{self, Word};
use crate::auth::{MasterKey, SEAL_NONCE_BYTES};
use crate::client::Shared;
use crate::client::roster::Hit;
use crate::config::Secrets;
use crate::wire::startup::CancelRequest;

/// Requests that wait for another proxy at once; more are dropped, as a cancel may always be late.
const AT_ONCE: usize = 64;

/// Longest wait for the proxy that has the client. Where none has it, nobody answers.
const WAIT: Duration = Duration::from_millis(500);

/// Questions that are under way.
#[derive(Debug)]
pub(super) struct Elsewhere {
    waiting: DashMap<u64, oneshot::Sender<()>>,
    room: Semaphore,
    next: AtomicU64,
}

impl Elsewhere {
    pub(super) fn new() -> Self {
        // So that two proxies do not give two questions one number.
        let mut first = [0; 8];
        let next = getrandom::fill(&mut first).map_or(0, |()| u64::from_be_bytes(first));
        Self { waiting: DashMap::new(), room: Semaphore::new(AT_ONCE), next: AtomicU64::new(next) }
    }
}

/// Takes a question off the list, however it ends.
struct Question<'a>(&'a Elsewhere, u64);

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.0.waiting.remove(&self.1);
    }
}

impl Shared {
    /// Carries out a cancel request, here or at another proxy.
    pub(super) async fn cancel(&self, request: &CancelRequest) {
        match self.roster.cancel(request).await {
            Hit::Server => self.counters.cancel_forwarded(),
            Hit::Client => {}
            Hit::Nobody => {
                if self.ask_elsewhere(request).await {
                    self.counters.cancel_forwarded_to_proxy();
                }
            }
        }
    }

    /// Whether another proxy had the client.
    async fn ask_elsewhere(&self, request: &CancelRequest) -> bool {
        let CancelRequest { pid, key } = request;
        // Only what a proxy of ours gave out goes to all of them.
        let config = self.config();
        if !keys(&config.secrets).any(|master| cancel_key::is_made_with(master, *pid, key)) {
            return false;
        }
        let elsewhere = &self.elsewhere;
        let Ok(_permit) = elsewhere.room.try_acquire() else { return false };
        let id = elsewhere.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        elsewhere.waiting.insert(id, answer);
        let _question = Question(elsewhere, id);
        self.tell(&Word::Wanted { id, pid: *pid, key: key.clone() })
            && matches!(tokio::time::timeout(WAIT, answered).await, Ok(Ok(())))
    }

    /// Whether it will be told. The oldest master key is the one that all proxies have while it is replaced.
    fn tell(&self, word: &Word) -> bool {
        let mut nonce = [0; SEAL_NONCE_BYTES];
        getrandom::fill(&mut nonce).is_ok()
            && word
                .seal(self.config().secrets.oldest(), nonce)
                .is_some_and(|payload| self.directory.tell_peers(payload))
    }

    /// Carries out what other proxies ask for, and hears what they answer, for ever.
    pub async fn follow_peers(self: Arc<Self>) {
        let mut heard = self.directory.peers();
        loop {
            match heard.recv().await {
                Ok(payload) => {
                    let config = self.config();
                    if let Some(word) = keys(&config.secrets).find_map(|key| Word::open(key, &payload)) {
                        self.hear(word);
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "cancel requests of other proxies were missed");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn hear(self: &Arc<Self>, word: Word) {
        match word {
            Word::Done { id } => {
                if let Some((_, answer)) = self.elsewhere.waiting.remove(&id) {
                    let _ = answer.send(());
                }
            }
            // The question may be our own: then it is for nobody here.
            Word::Wanted { id, pid, key } => {
                let request = CancelRequest { pid, key };
                if self.roster.has(&request) {
                    let this = Arc::clone(self);
                    // Few at once: the roster bounds how many go on.
                    tokio::spawn(async move {
                        if this.roster.cancel(&request).await == Hit::Server {
                            this.counters.cancel_forwarded();
                        }
                        this.tell(&Word::Done { id });
                    });
                }
            }
        }
    }
}

fn keys(secrets: &Secrets) -> impl Iterator<Item = &MasterKey> {
    std::iter::once(&secrets.master_key).chain(&secrets.previous_master_key)
}
