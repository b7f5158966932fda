//! Prepared statements by protocol message: a client's names on one side, names on servers on the other.
//!
//! A client's `s1` is a definition (text and parameter types). The same definition has one number per
//! tenant, and on every server connection that ever needed it, it is prepared as `pgtenant_<number>`.

use std::borrow::{Borrow, Cow};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::guard::Effects;
use crate::wire::view;

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
    /// The definition, and behind it what else the statement depends on.
    key: Box<[u8]>,
    definition_len: usize,
    epoch: u64,
    effects: Arc<Effects>,
    /// A hash of the columns that clients were told it returns.
    columns: OnceLock<u64>,
}

/// On what a statement depends besides its definition: two clients share one only where this is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// How often the tenant's schema was seen to change before it was prepared.
    pub epoch: u64,
    /// The settings by which its constants were read, as [`Settings::reading`](crate::session::params::Settings::reading) has them.
    pub reading: Arc<[u8]>,
}

impl Statement {
    /// Text, a zero byte, and parameter types, as Parse carries them.
    #[must_use]
    pub fn definition(&self) -> &[u8] {
        &self.key[..self.definition_len]
    }

    /// How often the tenant's schema was seen to change before it was prepared.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A client was told that it returns these columns: the body of a RowDescription, or nothing.
    pub fn told_columns(&self, body: &[u8]) {
        let _ = self.columns.set(hash(body));
    }

    /// Whether clients were told columns.
    #[must_use]
    pub fn has_told_columns(&self) -> bool {
        self.columns.get().is_some()
    }

    /// Whether clients were told these columns, or none yet.
    #[must_use]
    pub fn returns(&self, body: &[u8]) -> bool {
        self.columns.get().is_none_or(|told| *told == hash(body))
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
        &self.0.key
    }
}

impl Hash for Interned {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl PartialEq for Interned {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
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
    /// The one statement of this definition, on this basis.
    pub fn intern(&self, definition: &[u8], basis: &Basis, effects: &Arc<Effects>) -> Arc<Statement> {
        let mut key = Cow::Borrowed(definition);
        if *basis != Basis::default() {
            key.to_mut().extend_from_slice(&basis.reading);
            key.to_mut().extend_from_slice(&basis.epoch.to_be_bytes());
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inner.known.get(&*key) {
            return Arc::clone(&known.0);
        }
        if inner.known.len() >= inner.sweep_at {
            inner.known.retain(|statement| Arc::strong_count(&statement.0) > 1);
            inner.sweep_at = (inner.known.len() * 2).max(64);
        }
        inner.next += 1;
        let statement = Arc::new(Statement {
            number: inner.next,
            key: key.into(),
            definition_len: definition.len(),
            epoch: basis.epoch,
            effects: Arc::clone(effects),
            columns: OnceLock::new(),
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

    /// A name of the statement with this number.
    #[must_use]
    pub fn name_of(&self, number: u64) -> Option<&[u8]> {
        let mine = self.names.iter().filter(|(_, statement)| statement.number() == number);
        mine.map(|(name, _)| &**name).min()
    }

    /// Whether one more definition of this size is within the limit.
    #[must_use]
    pub const fn has_room_for(&self, definition: &[u8]) -> bool {
        self.bytes + definition.len() <= MAX_CLIENT_BYTES
    }

    /// Gives a name to a statement.
    pub fn insert(&mut self, name: &[u8], statement: Arc<Statement>) {
        self.bytes += statement.key.len();
        if let Some(old) = self.names.insert(name.into(), statement) {
            self.bytes -= old.key.len();
        }
    }

    /// Takes a name away.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Statement>> {
        let old = self.names.remove(name)?;
        self.bytes -= old.key.len();
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
    /// Those that PostgreSQL does not run any more, since their columns changed.
    stale: HashSet<u64>,
    /// Those that return other columns than their clients were told.
    changed: HashSet<u64>,
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
        if self.stale.remove(&number) {
            self.used.insert(number, self.clock);
            return Readiness::Missing(Some(number));
        }
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
        self.stale.remove(&number);
        self.changed.remove(&number);
    }

    /// Whether it is prepared here and can be run.
    #[must_use]
    pub fn has(&self, number: u64) -> bool {
        self.used.contains_key(&number) && !self.stale.contains(&number)
    }

    /// The server said that it does not run it any more.
    pub fn stale(&mut self, number: u64) {
        if self.used.contains_key(&number) {
            self.stale.insert(number);
        }
    }

    /// It returns other columns here than its clients were told.
    pub fn changed(&mut self, number: u64) {
        self.changed.insert(number);
    }

    /// Whether it returns other columns here than its clients were told.
    #[must_use]
    pub fn is_changed(&self, number: u64) -> bool {
        self.changed.contains(&number)
    }

    /// A Close or DEALLOCATE failed or was skipped.
    pub fn keep(&mut self, number: u64) {
        self.used.insert(number, self.clock);
    }

    /// DISCARD ALL or DEALLOCATE ALL.
    pub fn clear(&mut self) {
        self.used.clear();
        self.stale.clear();
        self.changed.clear();
    }

    fn evict(&mut self) -> Option<u64> {
        let oldest = self.used.iter().min_by_key(|(_, last)| **last).map(|(number, _)| *number)?;
        self.forget(oldest);
        Some(oldest)
    }
}

/// A hash of what PostgreSQL compares of a RowDescription (`equalTupleDescs`, for a result): names, types and
/// their modifiers, and not from which table a column is.
fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut rest = body.get(2..).unwrap_or_default();
    while let Some((name, behind)) = view::cstr(rest) {
        let Some((field, next)) = behind.split_at_checked(18) else { break };
        (name, &field[6..10], &field[12..16]).hash(&mut hasher);
        rest = next;
    }
    // A description that was not read to its end still differs from another.
    rest.hash(&mut hasher);
    hasher.finish()
}

/// Whether a name is one that statements have on servers.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    name.starts_with(SERVER_PREFIX)
}

/// The number of a statement by its name on servers.
#[must_use]
pub fn number_of(server_name: &str) -> Option<u64> {
    server_name.strip_prefix(SERVER_PREFIX)?.parse().ok()
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
        let a = store.intern(b"select $1\0\0\x01\0\0\0\x17", &Basis::default(), &effects);
        let b = store.intern(b"select $1\0\0\x01\0\0\0\x17", &Basis::default(), &effects);
        let c = store.intern(b"select $1\0\0\x01\0\0\0\x19", &Basis::default(), &effects);
        assert!(Arc::ptr_eq(&a, &b) && a.number() != c.number());
    }

    #[test]
    fn unused_definitions_do_not_pile_up() {
        let (store, effects) = (StatementStore::default(), Arc::default());
        for n in 0..10_000 {
            store.intern(format!("select {n}\0\0\0").as_bytes(), &Basis::default(), &effects);
        }
        assert!(store.0.lock().unwrap().known.len() <= 128);
    }

    #[test]
    fn same_definition_on_another_basis_is_another_statement_and_its_definition_the_same() {
        let (store, effects) = (StatementStore::default(), Arc::default());
        let tokyo = Basis { epoch: 0, reading: Arc::from(&b"timezone=Asia/Tokyo"[..]) };
        let later = Basis { epoch: 1, ..Basis::default() };
        let plain = store.intern(b"select $1\0\0\0", &Basis::default(), &effects);
        for basis in [&tokyo, &later] {
            let other = store.intern(b"select $1\0\0\0", basis, &effects);
            assert!(other.number() != plain.number() && other.definition() == plain.definition());
            assert!(Arc::ptr_eq(&other, &store.intern(b"select $1\0\0\0", basis, &effects)));
        }
    }

    #[test]
    fn stale_statement_is_closed_and_prepared_again_at_its_next_use() {
        let mut server = ServerStatements::default();
        server.need(7);
        server.stale(7);
        assert!(!server.has(7));
        assert_eq!(server.need(7), Readiness::Missing(Some(7)));
        assert_eq!(server.need(7), Readiness::Prepared);
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
        client.insert(b"s", store.intern(&big, &Basis::default(), &Arc::default()));
        assert!(!client.has_room_for(b"y"));
        client.remove(b"s");
        assert!(client.has_room_for(&big));
    }
}
