//! Unnamed statements that come again and again: what stands for them is kept prepared on servers, under a name.
//!
//! Most drivers send Parse, Bind and Execute for each statement, of the same text as the time before. A server that has the
//! statement already need not parse, analyse and, after a few times, plan it again. What a client sees is the same: see
//! docs/adr/0027-unnamed-statements.md for what is left out so that it is.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::guard::{Effect, Effects, may_read_clock};
use crate::session::statements::Statement;
use crate::wire::view;

/// Longest definition that is reused.
pub(super) const MAX_REUSED_BYTES: usize = 16 << 10;
/// Bytes of definitions that are reused at one time, of one tenant. Beyond it those are let go that did not come since the last time.
const MAX_BYTES: usize = 128 << 10;
/// Definitions that came once are remembered by so many hashes.
const SEEN: usize = 256;

/// What is known of an unnamed statement.
#[derive(Debug)]
pub(super) enum Found {
    /// This stands for it.
    Statement(Arc<Statement>),
    /// It came before, and may be reused from now on.
    Seen,
    /// It did not, or must not be reused.
    Never,
}

/// The unnamed statements of one tenant that are reused.
#[derive(Debug, Default)]
pub(super) struct Reused {
    hasher: RandomState,
    /// Whether each was used since the last sweep.
    statements: HashMap<ByKey, bool, RandomState>,
    bytes: usize,
    /// Hashes of what came before; the lowest bit says that it must not be reused.
    seen: Option<Box<[u64; SEEN]>>,
}

#[derive(Debug)]
struct ByKey(Arc<Statement>);

impl Borrow<[u8]> for ByKey {
    fn borrow(&self) -> &[u8] {
        self.0.key()
    }
}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByKey {}

impl Reused {
    pub(super) fn find(&mut self, key: &[u8]) -> Found {
        if let Some((known, used)) = self.statements.get_key_value(key).map(|(known, used)| (&known.0, *used))
        {
            let known = Arc::clone(known);
            if !used && let Some(used) = self.statements.get_mut(key) {
                *used = true;
            }
            return Found::Statement(known);
        }
        let hash = self.hasher.hash_one(key) & !1;
        let seen = self.seen.get_or_insert_with(|| Box::new([0; SEEN]));
        let place = &mut seen[(hash >> 32) as usize % SEEN];
        if *place & !1 != hash {
            *place = hash;
            return Found::Never;
        }
        if *place & 1 == 0 && !is_the_same_each_time(key) {
            *place |= 1;
        }
        if *place & 1 == 0 { Found::Seen } else { Found::Never }
    }

    pub(super) fn keep(&mut self, statement: &Arc<Statement>) {
        self.bytes += statement.key().len();
        if self.bytes > MAX_BYTES {
            self.statements.retain(|_, used| std::mem::take(used));
            self.bytes = self.statements.keys().map(|known| known.0.key().len()).sum();
            if self.bytes > MAX_BYTES {
                self.statements.clear();
                self.bytes = 0;
            }
            self.bytes += statement.key().len();
        }
        self.statements.insert(ByKey(Arc::clone(statement)), true);
    }

    #[cfg(test)]
    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.statements.contains_key(key)
    }

    /// Whatever comes from now on gets a statement of its own.
    pub(super) fn forget(&mut self) {
        self.statements.clear();
        self.bytes = 0;
    }
}

/// Whether a statement with these effects may be reused: one that reads or changes rows, and nothing that is about the session.
pub(super) fn is_plain(effects: &Effects) -> bool {
    let plain = |effect| {
        matches!(
            effect,
            Effect::Write | Effect::Sequence | Effect::ReadsSequence | Effect::Opaque | Effect::Notify
        )
    };
    effects.statements == 1
        && !effects.controls_transaction
        && effects.deallocates.is_none()
        && effects.settings.is_empty()
        && effects.listens.is_empty()
        && effects.iter().all(plain)
}

/// Whether parsing it now gives what parsing it later does, as long as the schema stays: not with constants such as `'now'`.
fn is_the_same_each_time(key: &[u8]) -> bool {
    let text = view::cstr(key).map_or(key, |(text, _)| text);
    std::str::from_utf8(text).is_ok_and(|text| !may_read_clock(text))
}
