//! Prepared statements by protocol message: a client's names on one side, names on servers on the other.
//!
//! A client's `s1` is a definition (text and parameter types). The same definition has one number per
//! tenant, and on every server connection that ever needed it, it is prepared as `pgtenant_<number>`.
//!
//! What a definition means is settled when it is parsed: tables, and the types of parameters. A client that
//! sends Parse sees the schema as it is then, so a copy on a server that is older than the client's own Parse
//! is prepared anew before that client uses it. So is one from before a change of the schema that the proxy was told of, and while such a
//! change is under way each copy once in every transaction: PostgreSQL's Parse keeps what the statement reads as it is until
//! the transaction ends.

use std::borrow::{Borrow, Cow};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::{HashMap, quality};

use crate::guard::Effects;
use crate::session::reuse::{Found, MAX_REUSED_BYTES, Reused};
use crate::wire::view;

/// Names on servers begin with this.
const SERVER_PREFIX: &str = "pgtenant_";

/// Prepared statements one server connection keeps; the longest unused one is closed for a new one.
pub const MAX_ON_SERVER: usize = 500;

/// Bytes of prepared statements one client may hold.
pub const MAX_CLIENT_BYTES: usize = 16 << 20;

/// What a name takes besides its own bytes and those of its statement: places in two maps, and counters.
const ENTRY_BYTES: usize = 160;

/// One judged definition, which all clients of a tenant share.
#[derive(Debug)]
struct Shared {
    number: u64,
    server_name: Box<str>,
    /// The definition, and behind it the settings by which its constants were read: clients for whom these
    /// differ share no statement.
    key: Box<[u8]>,
    definition_len: usize,
    effects: Arc<Effects>,
    changes: Arc<Changes>,
}

/// Changes of the tenant's schema that the proxy was told of.
#[derive(Debug, Default)]
struct Changes {
    /// Copies from before this Parse of the tenant's are out of date.
    floor: AtomicU64,
    /// Whether one is under way.
    is_under_way: AtomicBool,
}

/// What one client's Parse made.
#[derive(Debug)]
pub struct Statement {
    shared: Arc<Shared>,
    /// Which Parse of the tenant's it was.
    since: u64,
    /// A hash of the columns that the client was told it returns, last; 0 when it was told none.
    columns: AtomicU64,
    /// Whether it stands for the unnamed statements of many clients, which were told different things.
    is_unnamed: bool,
}

impl Statement {
    /// What it is found by.
    pub(super) fn key(&self) -> &[u8] {
        &self.shared.key
    }

    /// Text, a zero byte, and parameter types, as Parse carries them.
    #[must_use]
    pub fn definition(&self) -> &[u8] {
        &self.shared.key[..self.shared.definition_len]
    }

    /// The client was told that it returns these columns: the body of a RowDescription, or nothing, and then no
    /// change of the schema makes it return any.
    pub fn told_columns(&self, body: &[u8]) {
        debug_assert!(!self.is_unnamed);
        self.columns.store(if body.is_empty() { 0 } else { hash(body) }, Ordering::Relaxed);
    }

    /// Memory that the client holds by it, in bytes.
    fn size(&self) -> usize {
        self.shared.key.len()
    }

    /// Copies from before this Parse are too old for it.
    fn needed_since(&self) -> u64 {
        self.since.max(self.shared.changes.floor.load(Ordering::Relaxed))
    }

    /// What executing it does to the session.
    #[must_use]
    pub fn effects(&self) -> &Arc<Effects> {
        &self.shared.effects
    }

    /// Its key on servers.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.shared.number
    }

    /// Its name on servers.
    #[must_use]
    pub fn server_name(&self) -> &str {
        &self.shared.server_name
    }

    /// Whether its clients know it as the unnamed statement; see [`StatementStore::reuse`].
    #[must_use]
    pub const fn is_unnamed(&self) -> bool {
        self.is_unnamed
    }
}

/// A definition in the set of its tenant, found by itself in full.
#[derive(Debug)]
struct Interned(Arc<Shared>);

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
    known: std::collections::HashSet<Interned, quality::RandomState>,
    next: u64,
    /// Parses so far, and changes of the schema.
    parses: u64,
    changes: Arc<Changes>,
    /// Size at which unused definitions are looked for next.
    sweep_at: usize,
    unnamed: Reused,
}

impl StatementStore {
    /// A statement of this definition, parsed now. Its constants are read by the settings `reading`, as
    /// [`Settings::reading`](crate::session::params::Settings::reading) has them.
    pub fn intern(&self, definition: &[u8], reading: &[u8], effects: &Arc<Effects>) -> Arc<Statement> {
        let mut key = Cow::Borrowed(definition);
        if !reading.is_empty() {
            key.to_mut().extend_from_slice(reading);
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.parses += 1;
        let shared = inner.shared(&key, definition.len(), effects);
        Arc::new(Statement { shared, since: inner.parses, columns: AtomicU64::new(0), is_unnamed: false })
    }

    /// The statement that stands for an unnamed one of this definition, where it is worth while to keep it prepared on servers: it
    /// came before. Each client that parses it gets the same, so that what a server has of it serves all of them. `key` is the definition,
    /// of this length, and behind it the settings by which its constants are read.
    pub fn reuse(&self, key: &[u8], definition_len: usize, effects: &Arc<Effects>) -> Option<Arc<Statement>> {
        if definition_len > MAX_REUSED_BYTES {
            return None;
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.unnamed.find(key) {
            Found::Statement(statement) => return Some(statement),
            Found::Seen => {}
            Found::Never => return None,
        }
        inner.parses += 1;
        let shared = inner.shared(key, definition_len, effects);
        let since = inner.parses;
        let statement = Arc::new(Statement { shared, since, columns: AtomicU64::new(0), is_unnamed: true });
        inner.unnamed.keep(&statement);
        Some(statement)
    }

    /// Whether this one is reused now.
    #[cfg(test)]
    pub(super) fn has_unnamed(&self, key: &[u8]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unnamed.has(key)
    }

    /// What unnamed statements mean may have changed: what servers have of them is too old for a Parse from now on.
    pub fn doubt_unnamed(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unnamed.forget();
    }

    /// The schema has changed, or is going to until this is called again.
    pub fn schema_changes(&self, is_under_way: bool) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.unnamed.forget();
        inner.parses += 1;
        inner.changes.floor.store(inner.parses, Ordering::Relaxed);
        inner.changes.is_under_way.store(is_under_way, Ordering::Relaxed);
    }
}

impl StoreInner {
    fn shared(&mut self, key: &[u8], definition_len: usize, effects: &Arc<Effects>) -> Arc<Shared> {
        if let Some(known) = self.known.get(key) {
            return Arc::clone(&known.0);
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|statement| Arc::strong_count(&statement.0) > 1);
            self.sweep_at = (self.known.len() * 2).max(64);
        }
        self.next += 1;
        let statement = Arc::new(Shared {
            number: self.next,
            server_name: server_name(self.next).into(),
            key: key.into(),
            definition_len,
            effects: Arc::clone(effects),
            changes: Arc::clone(&self.changes),
        });
        self.known.insert(Interned(Arc::clone(&statement)));
        statement
    }
}

/// One client's named statements.
#[derive(Debug, Default)]
pub struct ClientStatements {
    names: std::collections::HashMap<Box<[u8]>, Arc<Statement>, quality::RandomState>,
    bytes: usize,
}

impl ClientStatements {
    /// The statement of that name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Statement>> {
        self.names.get(name)
    }

    /// The name of a statement. Each Parse makes another one, so it has one name.
    #[must_use]
    pub fn name_of(&self, statement: &Statement) -> Option<&[u8]> {
        let mine = self.names.iter().find(|(_, mine)| std::ptr::eq(Arc::as_ptr(mine), statement));
        mine.map(|(name, _)| &**name)
    }

    /// A name of the statement with this number.
    #[must_use]
    pub fn name_of_number(&self, number: u64) -> Option<&[u8]> {
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
        self.bytes += size(name, &statement);
        if let Some(old) = self.names.insert(name.into(), statement) {
            self.bytes -= size(name, &old);
        }
    }

    /// Takes a name away.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<Statement>> {
        let old = self.names.remove(name)?;
        self.bytes -= size(name, &old);
        Some(old)
    }

    /// Takes all names away.
    pub fn clear(&mut self) {
        self.names.clear();
        self.bytes = 0;
    }
}

/// Memory that a client holds by one name of a statement, in bytes.
fn size(name: &[u8], statement: &Statement) -> usize {
    statement.size() + name.len() + ENTRY_BYTES
}

/// The statements prepared on one server connection, by number.
#[derive(Debug, Default)]
pub struct ServerStatements {
    used: HashMap<u64, Use>,
    clock: u64,
    /// Counts what may have ended a transaction.
    round: u64,
}

#[derive(Debug)]
struct Use {
    last: u64,
    since: u64,
    /// Whether a client's own Parse made it: who it was is told by PostgreSQL when its columns change.
    by_client: bool,
    /// A hash of the columns it returns, where it was described.
    columns: Option<u64>,
    /// The round it was prepared in; `None` for one of unknown age.
    round: Option<u64>,
}

impl Use {
    /// Whether a client may run its statement from it.
    fn is_as_new_as(&self, statement: &Statement, round: u64) -> bool {
        let is_under_way = statement.shared.changes.is_under_way.load(Ordering::Relaxed);
        self.since >= statement.needed_since() && (!is_under_way || self.round == Some(round))
    }
}

/// Whether a client was told the columns that its statement returns on a server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was, or PostgreSQL itself says so if not.
    Right,
    /// It was told others.
    Wrong,
    /// Nobody knows before it is described there.
    Unknown,
}

/// A statement as one server connection has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnServer {
    /// Its key.
    pub number: u64,
    /// The newest Parse of a client that it is not older than.
    since: u64,
}

/// What to do before a statement can be used on a server connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is prepared there, or the Parse is on its way.
    Prepared,
    /// Parse it; before that, close this one.
    Missing(Option<OnServer>),
}

impl ServerStatements {
    /// Notes a client's own Parse, which the caller sends. Gives what to close before: no copy is as new.
    pub fn parsed(&mut self, statement: &Statement) -> Option<OnServer> {
        self.clock += 1;
        let (number, since) = (statement.number(), statement.since);
        let old = match self.used.get(&number) {
            Some(known) => Some(OnServer { number, since: known.since }),
            None => self.make_room(),
        };
        self.prepared(number, since, true);
        old
    }

    /// Whether nothing is missing for a use.
    #[must_use]
    pub fn has(&self, statement: &Statement) -> bool {
        self.used.get(&statement.number()).is_some_and(|known| known.is_as_new_as(statement, self.round))
    }

    /// Notes a use, and says what is missing for it. The caller sends the Parse.
    pub fn need(&mut self, statement: &Statement) -> Readiness {
        self.clock += 1;
        let (number, round) = (statement.number(), self.round);
        let closes = match self.used.get_mut(&number) {
            Some(known) if known.is_as_new_as(statement, round) => {
                known.last = self.clock;
                return Readiness::Prepared;
            }
            Some(known) => Some(OnServer { number, since: known.since }),
            None => self.make_room(),
        };
        self.prepared(number, statement.needed_since(), false);
        Readiness::Missing(closes)
    }

    /// A transaction may have ended: what is prepared from now on is prepared in another one.
    pub const fn next_round(&mut self) {
        self.round += 1;
    }

    fn make_room(&mut self) -> Option<OnServer> {
        (self.used.len() >= MAX_ON_SERVER).then(|| self.evict()).flatten()
    }

    fn prepared(&mut self, number: u64, since: u64, by_client: bool) {
        let (last, round) = (self.clock, Some(self.round));
        self.used.insert(number, Use { last, since, by_client, columns: None, round });
    }

    /// Whether the client was told the columns that it returns here.
    #[must_use]
    pub fn told(&self, statement: &Statement) -> Told {
        let told = match statement.columns.load(Ordering::Relaxed) {
            0 => return Told::Right,
            told => told,
        };
        let copy = self.used.get(&statement.number());
        match copy.filter(|copy| copy.is_as_new_as(statement, self.round)) {
            Some(Use { columns: Some(columns), .. }) if *columns != told => Told::Wrong,
            Some(Use { columns: Some(_), .. }) => Told::Right,
            Some(copy) if copy.by_client && copy.since == statement.since => Told::Right,
            _ => Told::Unknown,
        }
    }

    /// It was described here: the body of a RowDescription, or nothing.
    pub fn described(&mut self, number: u64, body: &[u8]) {
        if let Some(copy) = self.used.get_mut(&number) {
            copy.columns = Some(hash(body));
        }
    }

    /// The server does not run it any more: it is older than any client's Parse.
    pub fn stale(&mut self, number: u64) {
        if let Some(copy) = self.used.get_mut(&number) {
            (copy.since, copy.by_client, copy.columns, copy.round) = (0, false, None, None);
        }
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

    /// A Parse failed or was skipped, or the statement is being closed.
    pub fn forget(&mut self, number: u64) -> Option<OnServer> {
        self.used.remove(&number).map(|known| OnServer { number, since: known.since })
    }

    /// A Close or DEALLOCATE failed or was skipped.
    pub fn keep(&mut self, statement: OnServer) {
        let OnServer { number, since } = statement;
        let last = self.clock;
        self.used.insert(number, Use { last, since, by_client: false, columns: None, round: None });
    }

    /// DISCARD ALL or DEALLOCATE ALL.
    pub fn clear(&mut self) {
        self.used.clear();
    }

    fn evict(&mut self) -> Option<OnServer> {
        let oldest = self.used.iter().min_by_key(|(_, known)| known.last).map(|(number, _)| *number)?;
        self.forget(oldest)
    }
}

/// A hash of what PostgreSQL compares of a RowDescription (`equalTupleDescs`, for a result): names, types and
/// their modifiers, and not from which table a column is. Never 0.
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
    hasher.finish().max(1)
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

    fn on_server(statement: &Statement) -> OnServer {
        OnServer { number: statement.number(), since: statement.since }
    }

    #[test]
    fn same_definition_is_one_statement_and_other_types_another() {
        let (store, effects) = (StatementStore::default(), Arc::default());
        let a = store.intern(b"select $1\0\0\x01\0\0\0\x17", b"", &effects);
        let b = store.intern(b"select $1\0\0\x01\0\0\0\x17", b"", &effects);
        let c = store.intern(b"select $1\0\0\x01\0\0\0\x19", b"", &effects);
        assert!(Arc::ptr_eq(&a.shared, &b.shared) && a.number() != c.number());
    }

    #[test]
    fn unused_definitions_do_not_pile_up() {
        let (store, effects) = (StatementStore::default(), Arc::default());
        for n in 0..10_000 {
            store.intern(format!("select {n}\0\0\0").as_bytes(), b"", &effects);
        }
        assert!(store.0.lock().unwrap().known.len() <= 128);
    }

    #[test]
    fn same_definition_read_by_other_settings_is_another_statement_and_its_definition_the_same() {
        let (store, effects) = (StatementStore::default(), Arc::default());
        let plain = store.intern(b"select $1\0\0\0", b"", &effects);
        let other = store.intern(b"select $1\0\0\0", b"timezone=Asia/Tokyo", &effects);
        assert!(other.number() != plain.number() && other.definition() == plain.definition());
    }

    #[test]
    fn stale_statement_is_closed_and_prepared_again_at_its_next_use() {
        let (store, mut server) = (StatementStore::default(), ServerStatements::default());
        let statement = store.intern(b"select 1\0\0\0", b"", &Arc::default());
        server.need(&statement);
        server.stale(statement.number());
        assert!(matches!(server.need(&statement), Readiness::Missing(Some(_))));
        assert_eq!(server.need(&statement), Readiness::Prepared);
    }

    #[test]
    fn client_is_told_right_unless_another_made_a_copy_with_other_columns() {
        let (store, mut server) = (StatementStore::default(), ServerStatements::default());
        let prepare = || store.intern(b"select * from t\0\0\0", b"", &Arc::default());
        let (old, new) = (prepare(), prepare());
        assert_eq!(server.told(&old), Told::Right, "it was told nothing");
        old.told_columns(b"");
        assert_eq!(server.told(&old), Told::Right, "it returns nothing");
        old.told_columns(b"\0\0a");
        assert_eq!(server.told(&old), Told::Unknown, "it is not here");
        server.parsed(&old);
        assert_eq!(server.told(&old), Told::Right, "PostgreSQL says so if not");
        server.parsed(&new);
        assert_eq!(server.told(&old), Told::Unknown);
        server.described(new.number(), b"\0\0b");
        assert_eq!(server.told(&old), Told::Wrong);
        server.described(new.number(), b"\0\0a");
        assert_eq!(server.told(&old), Told::Right);
        old.told_columns(b"\0\0c");
        assert_eq!(server.told(&old), Told::Wrong, "what it was told last counts");
    }

    #[test]
    fn copy_that_the_proxy_made_is_not_taken_for_the_clients_own() {
        let (store, mut server) = (StatementStore::default(), ServerStatements::default());
        let statement = store.intern(b"select * from t\0\0\0", b"", &Arc::default());
        statement.told_columns(b"\0\0a");
        // Its Describe was skipped, or is not answered yet.
        server.need(&statement);
        assert_eq!(server.told(&statement), Told::Unknown);
    }

    #[test]
    fn copies_from_before_a_change_of_the_schema_are_prepared_anew_once() {
        let (store, mut server) = (StatementStore::default(), ServerStatements::default());
        let statement = store.intern(b"select * from t\0\0\0", b"", &Arc::default());
        statement.told_columns(b"\0\0a");
        server.parsed(&statement);
        store.schema_changes(false);
        assert_eq!(server.told(&statement), Told::Unknown, "it may return others now");
        assert!(matches!(server.need(&statement), Readiness::Missing(Some(_))));
        assert_eq!(server.need(&statement), Readiness::Prepared);
        server.next_round();
        assert_eq!(server.need(&statement), Readiness::Prepared);
        // A new Parse is newer than the change, on whichever connection.
        let newer = store.intern(b"select * from t\0\0\0", b"", &Arc::default());
        assert!(server.parsed(&newer).is_some());
        assert_eq!(server.need(&newer), Readiness::Prepared);
    }

    #[test]
    fn while_the_schema_changes_a_copy_is_good_for_one_transaction() {
        let (store, mut server) = (StatementStore::default(), ServerStatements::default());
        let statement = store.intern(b"select * from t\0\0\0", b"", &Arc::default());
        store.schema_changes(true);
        for _ in 0..3 {
            assert!(matches!(server.need(&statement), Readiness::Missing(_)));
            assert_eq!(server.need(&statement), Readiness::Prepared, "in the same transaction");
            server.next_round();
        }
        // Its Close was skipped: nobody knows in which transaction it was prepared.
        server.need(&statement);
        server.keep(OnServer { number: statement.number(), since: statement.needed_since() });
        assert!(matches!(server.need(&statement), Readiness::Missing(Some(_))));
        store.schema_changes(false);
        server.need(&statement);
        server.next_round();
        assert_eq!(server.need(&statement), Readiness::Prepared);
    }

    #[test]
    fn longest_unused_statement_makes_room() {
        let (store, mut server) = (StatementStore::default(), ServerStatements::default());
        let intern = |n: usize| store.intern(format!("select {n}\0\0\0").as_bytes(), b"", &Arc::default());
        let all: Vec<_> = (0..MAX_ON_SERVER).map(intern).collect();
        for statement in &all {
            assert_eq!(server.need(statement), Readiness::Missing(None));
        }
        assert_eq!(server.need(&all[0]), Readiness::Prepared);
        assert_eq!(server.need(&intern(9999)), Readiness::Missing(Some(on_server(&all[1]))));
        assert_eq!(server.need(&all[1]), Readiness::Missing(Some(on_server(&all[2]))));
    }

    #[test]
    fn copy_older_than_the_parse_of_who_uses_it_is_prepared_anew() {
        let (store, mut server) = (StatementStore::default(), ServerStatements::default());
        let intern = || store.intern(b"select 1\0\0\0", b"", &Arc::default());
        let (old, new) = (intern(), intern());
        assert_eq!(server.need(&old), Readiness::Missing(None));
        assert_eq!(server.need(&old), Readiness::Prepared);
        assert_eq!(server.need(&new), Readiness::Missing(Some(on_server(&old))));
        for statement in [&old, &new] {
            assert_eq!(server.need(statement), Readiness::Prepared);
        }
        server.keep(on_server(&old));
        assert_eq!(server.need(&new), Readiness::Missing(Some(on_server(&old))));
    }

    #[test]
    fn a_client_holds_a_bounded_number_of_bytes() {
        let (store, mut client) = (StatementStore::default(), ClientStatements::default());
        let big = vec![b'x'; MAX_CLIENT_BYTES];
        client.insert(b"s", store.intern(&big, b"", &Arc::default()));
        assert!(!client.has_room_for(b"y"));
        client.remove(b"s");
        assert!(client.has_room_for(&big));
    }
}
