//! Prepared statements by protocol message: a client's names on one side, names on servers on the other.
//!
//! A client's `s1` is a definition (text and parameter types). The same definition has one number per
//! tenant, and on every server connection that ever needed it, it is prepared as `pgtenant_<number>`.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use crate::guard::Effects;

/// Names on servers begin with this.
const SERVER_PREFIX: &str = "pgtenant_";

/// Prepared statements one server connection keeps; the longest unused one is closed for a new one.
pub const MAX_ON_SERVER: usize = 500;

/// Bytes of prepared statements one client may hold.
pub const MAX_CLIENT_BYTES: usize = 16 << 20;

/// One judged definition.
#[derive(Debug)]
pub struct Statement {
    number: u64,
    definition: Box<[u8]>,
    effects: Arc<Effects>,
}

impl Statement {
    /// Text, a zero byte, and parameter types, as Parse carries them.
    #[must_use]
    pub fn definition(&self) -> &[u8] {
        &self.definition
    }

    /// What executing it does to the session.
    #[must_use]
    pub const fn effects(&self) -> &Arc<Effects> {
        &self.effects
    }

    /// Its key on servers.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Its name on servers.
    #[must_use]
    pub fn server_name(&self) -> String {
        format!("{SERVER_PREFIX}{}", self.number)
    }
}

/// A statement in the set of its tenant, found by its definition in full.
#[derive(Debug)]
struct Interned(Arc<Statement>);

impl Borrow<[u8]> for Interned {
    fn borrow(&self) -> &[u8] {
        &self.0.definition
    }
}

impl Hash for Interned {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.definition.hash(state);
    }
}

impl PartialEq for Interned {
    fn eq(&self, other: &Self) -> bool {
        self.0.definition == other.0.definition
    }
}

impl Eq for Interned {}

/// All definitions the clients of one tenant have prepared.
#[derive(Debug, Default)]
pub struct StatementStore(Mutex<StoreInner>);

#[derive(Debug, Default)]
struct StoreInner {
    known: HashSet<Interned>,
    next: u64,
    /// Size at which unused definitions are looked for next.
    sweep_at: usize,
}

impl StatementStore {
    /// The one statement of this definition.
    pub fn intern(&self, definition: &[u8], effects: &Arc<Effects>) -> Arc<Statement> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inner.known.get(definition) {
            return Arc::clone(&known.0);
        }
        if inner.known.len() >= inner.sweep_at {
            inner.known.retain(|statement| Arc::strong_count(&statement.0) > 1);
            inner.sweep_at = (inner.known.len() * 2).max(64);
        }
        inner.next += 1;
        let statement = Arc::new(Statement {
            number: inner.next,
            definition: definition.into(),
            effects: Arc::clone(effects),
        });
        inner.known.insert(Interned(Arc::clone(&statement)));
        statement
    }
}

/// One client's named statements.
#[derive(Debug, Default)]
pub struct ClientStatements {
    names: HashMap<Box<[u8]>, Arc<Statement>>,
    bytes: usize,
}

impl ClientStatements {
    /// The statement of that name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Statement>> {
        self.names.get(name)
    }

    /// Whether one more definition of this size is within the limit.
    #[must_use]
    pub const fn has_room_for(&self, definition: &[u8]) -> bool {
        self.bytes + definition.len() <= MAX_CLIENT_BYTES
    }

    /// Gives a name to a statement.
    pub fn insert(&mut self, name: &[u8], statement: Arc<Statement>) {
        self.bytes += statement.definition.len();
        if let Some(old) = self.names.insert(name.into(), statement) {
            self.bytes -= old.definition.len();
        }
    }

    /// Takes a name away.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Statement>> {
        let old = self.names.remove(name)?;
        self.bytes -= old.definition.len();
        Some(old)
    }

    /// Takes all names away.
    pub fn clear(&mut self) {
        self.names.clear();
        self.bytes = 0;
    }
}

/// The statements prepared on one server connection, by number.
#[derive(Debug, Default)]
pub struct ServerStatements {
    used: HashMap<u64, u64>,
    clock: u64,
}

/// What to do before a statement can be used on a server connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is prepared there, or the Parse is on its way.
    Prepared,
    /// Parse it; before that, close the one with this number.
    Missing(Option<u64>),
}

impl ServerStatements {
    /// Notes a use of `number`, and says what is missing for it. The caller sends the Parse.
    pub fn need(&mut self, number: u64) -> Readiness {
        self.clock += 1;
        if let Some(last) = self.used.get_mut(&number) {
            *last = self.clock;
            return Readiness::Prepared;
        }
        let evicted = if self.used.len() >= MAX_ON_SERVER { self.evict() } else { None };
        self.used.insert(number, self.clock);
        Readiness::Missing(evicted)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// A Parse failed or was skipped, or the statement was closed.
    pub fn forget(&mut self, number: u64) {
        self.used.remove(&number);
    }

    /// A Close or DEALLOCATE failed or was skipped.
    pub fn keep(&mut self, number: u64) {
        self.used.insert(number, self.clock);
    }

    /// DISCARD ALL or DEALLOCATE ALL.
    pub fn clear(&mut self) {
        self.used.clear();
    }

    fn evict(&mut self) -> Option<u64> {
        let oldest = self.used.iter().min_by_key(|(_, last)| **last).map(|(number, _)| *number)?;
        self.used.remove(&oldest);
        Some(oldest)
    }
}

/// Whether a name is one that statements have on servers.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    name.starts_with(SERVER_PREFIX)
}

/// The name on servers of a statement's number.
#[must_use]
pub fn server_name(number: u64) -> String {
    format!("{SERVER_PREFIX}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_definition_is_one_statement_and_other_types_another() {
        let (store, effects) = (StatementStore::default(), Arc::default());
        let a = store.intern(b"select $1\0\0\x01\0\0\0\x17", &effects);
        let b = store.intern(b"select $1\0\0\x01\0\0\0\x17", &effects);
        let c = store.intern(b"select $1\0\0\x01\0\0\0\x19", &effects);
        assert!(Arc::ptr_eq(&a, &b) && a.number() != c.number());
    }

    #[test]
    fn unused_definitions_do_not_pile_up() {
        let (store, effects) = (StatementStore::default(), Arc::default());
        for n in 0..10_000 {
            store.intern(format!("select {n}\0\0\0").as_bytes(), &effects);
        }
        assert!(store.0.lock().unwrap().known.len() <= 128);
    }

    #[test]
    fn longest_unused_statement_makes_room() {
        let mut server = ServerStatements::default();
        for number in 0..MAX_ON_SERVER as u64 {
            assert_eq!(server.need(number), Readiness::Missing(None));
        }
        assert_eq!(server.need(0), Readiness::Prepared);
        assert_eq!(server.need(9999), Readiness::Missing(Some(1)));
        assert_eq!(server.need(1), Readiness::Missing(Some(2)));
    }

    #[test]
    fn a_client_holds_a_bounded_number_of_bytes() {
        let (store, mut client) = (StatementStore::default(), ClientStatements::default());
        let big = vec![b'x'; MAX_CLIENT_BYTES];
        client.insert(b"s", store.intern(&big, &Arc::default()));
        assert!(!client.has_room_for(b"y"));
        client.remove(b"s");
        assert!(client.has_room_for(&big));
    }
}
