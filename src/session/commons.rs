//! [`Commons`]: what the sessions of one tenant share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::session::code::Code;
use crate::session::statements::StatementStore;
use crate::telemetry::Traffic;
use crate::tenant::{Limits, SchemaState};

/// So many transactions that left sequence state and were not followed by one that read it show that the tenant's
/// clients do not do that.
const UNREAD: usize = 20;

/// What the sessions of one tenant share.
#[derive(Debug, Default)]
pub struct Commons {
    /// What they did.
    pub traffic: Traffic,
    /// Their prepared statements.
    pub statements: StatementStore,
    /// How many of them keep their server connection.
    pinned: AtomicUsize,
    reads_sequences: AtomicBool,
    unread_sequences: AtomicUsize,
    /// What their code leaves, once it is known.
    code: RwLock<Option<Arc<Code>>>,
    /// Whether that may have changed since.
    code_is_old: AtomicBool,
    limits: RwLock<Arc<Limits>>,
    /// What was followed last.
    schema: Mutex<Option<SchemaState>>,
    clients: AtomicUsize,
    /// Whether their unnamed statements are kept on servers where they come again.
    reuses_unnamed: AtomicBool,
}

/// One client of a tenant, counted until it is dropped.
#[derive(Debug)]
pub struct Admission(Arc<Commons>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Commons {
    /// Of a tenant that may use this much.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits: RwLock::new(Arc::new(limits)), ..Self::default() }
    }

    /// What the registry says of changes of the tenant's schema. Functions may be others too.
    pub fn follow_schema(&self, schema: SchemaState) {
        let before = self.schema.lock().unwrap_or_else(PoisonError::into_inner).replace(schema);
        // What was prepared before anybody looked may be older than what is seen first.
        if before != Some(schema) {
            self.statements.schema_changes(schema.is_changing);
            self.doubt_code();
        }
    }

    /// What the tenant may use.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on it may use this much.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
    }

    /// Whether unnamed statements that come again are kept prepared on servers.
    #[must_use]
    pub fn reuses_unnamed(&self) -> bool {
        self.reuses_unnamed.load(Ordering::Relaxed)
    }

    /// From now on they are, or not.
    pub fn reuse_unnamed(&self, reuses: bool) {
        self.reuses_unnamed.store(reuses, Ordering::Relaxed);
    }

    /// Lets a client in, unless that would be one too many.
    #[must_use]
    pub fn admit(self: &Arc<Self>) -> Option<Admission> {
        let most = self.limits().max_clients;
        let admitted =
            self.clients.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < most).then_some(n + 1));
        admitted.is_ok().then(|| Admission(Arc::clone(self)))
    }

    /// How many sessions keep their server connection beyond a transaction.
    #[must_use]
    pub fn pinned(&self) -> usize {
        self.pinned.load(Ordering::Relaxed)
    }

    /// Whether a client of the tenant ever used `currval` or `lastval`.
    #[must_use]
    pub fn reads_sequences(&self) -> bool {
        self.reads_sequences.load(Ordering::Relaxed)
    }

    /// Whether a client that left sequence state on its server connection keeps that until its next transaction,
    /// which may read it: where that is known to happen, and as long as it is not known not to.
    #[must_use]
    pub fn keeps_sequences(&self) -> bool {
        self.reads_sequences() || self.unread_sequences.load(Ordering::Relaxed) < UNREAD
    }

    /// A client left sequence state, and its next transaction did not read it.
    pub(super) fn sequences_are_unread(&self) {
        if self.keeps_sequences() {
            self.unread_sequences.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sequences_are_read(&self) {
        if !self.reads_sequences() {
            self.reads_sequences.store(true, Ordering::Relaxed);
        }
    }

    /// What the tenant's code leaves. `None`: the server is to be asked. Where it may have changed since, past the
    /// proxy, that is still good enough with `even_old`.
    #[must_use]
    pub fn code(&self, even_old: bool) -> Option<Arc<Code>> {
        if !even_old && self.code_is_old.load(Ordering::Acquire) {
            return None;
        }
        self.code.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn learn_code(&self, code: Arc<Code>) {
        *self.code.write().unwrap_or_else(PoisonError::into_inner) = Some(code);
        self.code_is_old.store(false, Ordering::Release);
    }

    /// Functions may have changed without the proxy seeing it.
    pub fn doubt_code(&self) {
        self.code_is_old.store(true, Ordering::Release);
    }

    /// Functions have changed.
    pub(super) fn forget_code(&self) {
        *self.code.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn pin_begins(&self) {
        self.pinned.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn pin_ends(&self) {
        self.pinned.fetch_sub(1, Ordering::Relaxed);
    }
}
