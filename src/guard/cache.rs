//! Facts remembered for all tenants together, within a number of bytes: by the exact text, and where they
//! do not depend on its literals, by what is left of it without them.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use quick_cache::sync::{Cache as Sharded, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::guard::facts::Facts;
use crate::guard::literals;

/// What an entry costs besides its text and facts: table slots, list links, allocator headers.
const ENTRY_OVERHEAD: usize = 160;

/// An expected entry, to size the tables; the memory in use follows the weights, not this.
const TYPICAL_ENTRY: usize = 1024;

/// Shards, if each can still hold several statements of the longest kind.
const MAX_SHARDS: usize = 16;

thread_local! {
    /// Where keys without literals are put together: a hit allocates nothing. At most
    /// [`literals::MAX_BYTES`] and one more.
    static KEY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Debug)]
struct Bytes;

/// The bytes of a text, or those of a key without literals, which no text can have.
impl Weighter<Box<[u8]>, Arc<Facts>> for Bytes {
    fn weight(&self, key: &Box<[u8]>, facts: &Arc<Facts>) -> u64 {
        (key.len() + facts.size() + ENTRY_OVERHEAD) as u64
    }
}

/// The cache. Hits take a read lock of one shard; nothing is locked while a text is parsed.
///
/// New entries only displace new entries until they are asked for again, so that a stream of texts
/// that differ in literals does not push out the statements of the applications.
pub(super) struct Cache {
    entries: Sharded<Box<[u8]>, Arc<Facts>, Bytes>,
    longest: AtomicUsize,
    exact_hits: AtomicU64,
    key_hits: AtomicU64,
    misses: AtomicU64,
}

impl Cache {
    /// A cache of this many bytes, for texts of at most `longest` bytes.
    pub(super) fn new(bytes: usize, longest: usize) -> Self {
        let shards = (bytes / longest.saturating_mul(4).max(1)).clamp(1, MAX_SHARDS);
        let items = (bytes / TYPICAL_ENTRY).max(1);
        let mut options = OptionsBuilder::new();
        options.shards(shards).weight_capacity(bytes as u64).estimated_items_capacity(items);
        let entries = match options.build() {
            Ok(options) => Sharded::with_options(
                options,
                Bytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => Sharded::with_weighter(items, bytes as u64, Bytes),
        };
        let (exact_hits, key_hits, misses) = Default::default();
        Self { entries, longest: AtomicUsize::new(longest), exact_hits, key_hits, misses }
    }

    /// From now on it holds so many bytes, of texts of at most `longest` bytes. The number of its shards stays.
    pub(super) fn resize(&self, bytes: usize, longest: usize) {
        self.longest.store(longest, Ordering::Relaxed);
        self.entries.set_capacity(bytes as u64);
    }

    /// The facts of a text; counts a hit or a miss.
    pub(super) fn get(&self, text: &str) -> Option<Arc<Facts>> {
        let (facts, counter) = if let Some(facts) = self.entries.get(text.as_bytes()) {
            (Some(facts), &self.exact_hits)
        } else if let Some(facts) = self.by_key(text, |key| self.entries.get(key)).flatten() {
            (Some(facts), &self.key_hits)
        } else {
            (None, &self.misses)
        };
        counter.fetch_add(1, Ordering::Relaxed);
        facts
    }

    /// Whether [`Cache::get`] would find the text.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.entries.contains_key(text.as_bytes())
            || self.by_key(text, |key| self.entries.contains_key(key)) == Some(true)
    }

    /// Remembers the facts of a text by the text, as it may come again just so, and for all texts that
    /// differ from it only where the facts do not depend on it.
    pub(super) fn insert(&self, text: &str, facts: &Arc<Facts>) {
        self.entries.insert(text.as_bytes().into(), Arc::clone(facts));
        if facts.hold_for_other_literals() {
            self.by_key(text, |key| self.entries.insert(key.into(), Arc::clone(facts)));
        }
    }

    /// What `ask` says to the key of a text without its literals. `None` if it has no such key, or is
    /// longer than what is judged: comments are not in the key.
    fn by_key<T>(&self, text: &str, ask: impl FnOnce(&[u8]) -> T) -> Option<T> {
        if text.len() > self.longest.load(Ordering::Relaxed) {
            return None;
        }
        KEY.with_borrow_mut(|key| literals::write_key(text, key).then(|| ask(key)))
    }

    pub(super) fn exact_hits(&self) -> u64 {
        self.exact_hits.load(Ordering::Relaxed)
    }

    pub(super) fn key_hits(&self) -> u64 {
        self.key_hits.load(Ordering::Relaxed)
    }

    pub(super) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.entries.weight()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
