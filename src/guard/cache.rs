//! Facts remembered by the exact text, for all tenants together, within a number of bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache as Sharded, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::guard::facts::Facts;

/// What an entry costs besides its text and facts: table slots, list links, allocator headers.
const ENTRY_OVERHEAD: usize = 160;

/// An expected entry, to size the tables; the memory in use follows the weights, not this.
const TYPICAL_ENTRY: usize = 1024;

/// Shards, if each can still hold several statements of the longest kind.
const MAX_SHARDS: usize = 16;

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Box<str>, Arc<Facts>> for Bytes {
    fn weight(&self, text: &Box<str>, facts: &Arc<Facts>) -> u64 {
        (text.len() + facts.size() + ENTRY_OVERHEAD) as u64
    }
}

/// The cache. Hits take a read lock of one shard; nothing is locked while a text is parsed.
///
/// New entries only displace new entries until they are asked for again, so that a stream of texts
/// that differ in literals does not push out the statements of the applications.
pub(super) struct Cache {
    entries: Sharded<Box<str>, Arc<Facts>, Bytes>,
    hits: AtomicU64,
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
        Self { entries, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// The facts of a text; counts a hit or a miss.
    pub(super) fn get(&self, text: &str) -> Option<Arc<Facts>> {
        let facts = self.entries.get(text);
        let counter = if facts.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        facts
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.entries.contains_key(text)
    }

    pub(super) fn insert(&self, text: &str, facts: Arc<Facts>) {
        self.entries.insert(text.into(), facts);
    }

    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
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
