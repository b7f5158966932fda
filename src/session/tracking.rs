//! [`Tracking`]: which settings follow a client from one server connection to the next.
//!
//! What SET, RESET, ROLLBACK, savepoints and errors make of a setting is not worked out here: when a
//! transaction has ended that may have changed some, the server connection is asked which are in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::guard::{Effect, Effects};
use crate::session::code::{self, Ran};
use crate::session::params::{Settings, is_reading, literal};
use crate::session::pin::PinReason;
use crate::session::{ServerState, Session};
use crate::wire::view;

/// Settings of one client that are followed; with more it keeps its server connection.
pub const MAX_SETTINGS: usize = 1000;
/// Bytes of their names and values.
pub const MAX_BYTES: usize = 64 << 10;

/// Default isolation levels of a client (`SERIALIZABLE READ ONLY DEFERRABLE` waits for others) do not count.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY;";

/// Begins the row that says how many statements the proxy has prepared.
const STATEMENTS: &str = "statements:";

/// The settings of one client.
#[derive(Debug)]
pub struct Tracking {
    /// Those of the startup packet, to which RESET goes back.
    start: Arc<Settings>,
    now: Arc<Settings>,
    /// Names of those that may have changed since the server was asked, with who may have changed them, and
    /// their bytes.
    touched: BTreeMap<Box<str>, Toucher>,
    touched_bytes: usize,
    /// Some of these may not be set any more: one was put back, or was in a transaction block or an error.
    may_be_unset: bool,
    /// The server connection went back to the tenant's defaults, the client to those of its startup packet.
    restarted: bool,
    /// There are more than can be followed, up to a DISCARD ALL: what is in force only the server connection knows.
    lost: bool,
    /// Code ran of which nobody knows yet what it sets.
    ran: Ran,
    /// Settings of the startup packet that a RESET put back, on the server connection to the tenant's defaults: in a
    /// transaction block they are set again before anything else runs.
    owed: Settings,
}

/// Who may have changed a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Toucher {
    /// A statement that names it.
    Statement,
    /// Only a RESET: that it is empty means that nobody has set it.
    Reset,
    /// Only code, which may not have run.
    Code,
}

/// Whether a text puts settings back, and nothing else in it may have set these, before or behind.
fn only_resets(effects: &Effects) -> bool {
    let resets = effects.has(Effect::ResetAll) || effects.has(Effect::ResetSetting);
    let runs_code = effects.statements > 1 && effects.has(Effect::Opaque);
    resets && !runs_code && !effects.has(Effect::Setting)
}

/// The server's answer could not be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Tracking {
    /// Of a client that begins with these.
    pub(super) fn new(start: Arc<Settings>) -> Self {
        Self {
            now: Arc::clone(&start),
            start,
            touched: BTreeMap::new(),
            touched_bytes: 0,
            may_be_unset: false,
            restarted: false,
            lost: false,
            ran: Ran::No,
            owed: Settings::default(),
        }
    }

    /// What is in force, as far as it is known.
    pub(super) const fn settings(&self) -> &Arc<Settings> {
        &self.now
    }

    /// Whether the settings are those of the startup packet, no more than `most`, and can be given with each transaction.
    pub(super) fn can_be_carried(&self, most: usize) -> bool {
        // These count when a transaction begins, which is before it is given any. And of one that an application made up
        // nobody can tell afterwards whether it was set to nothing or not at all.
        let must_be_there = |name: &str| {
            name.starts_with("default_transaction") || name.starts_with("transaction_") || name.contains('.')
        };
        (Arc::ptr_eq(&self.now, &self.start) || self.now == self.start)
            && self.start.len() <= most
            && !self.start.iter().any(|(name, _)| must_be_there(name))
    }

    /// Whether there are settings of the startup packet.
    pub(super) fn began_with_any(&self) -> bool {
        !self.start.is_empty()
    }

    /// Whether this is a setting of the startup packet.
    pub(super) fn began_with(&self, name: &str) -> bool {
        self.start.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Whether this one may have changed.
    pub(super) fn may_have_changed(&self, name: &str) -> bool {
        self.touched.keys().any(|touched| touched.eq_ignore_ascii_case(name))
    }

    /// The server connection has the settings of the startup packet again.
    pub(super) const fn restored(&mut self) {
        self.restarted = false;
    }

    /// Whether there is something to do before the server connection can go, or its client can use it on.
    pub(super) fn is_unsettled(&self) -> bool {
        self.restarted || (!self.lost && self.must_ask())
    }

    /// Nothing is set that was too much.
    pub(super) const fn found(&mut self) {
        self.lost = false;
    }

    /// Whether the server connection is to be asked for something.
    pub(super) fn must_ask(&self) -> bool {
        self.is_uncertain() || self.ran != Ran::No
    }

    /// Whether only the server knows which settings are in force.
    pub(super) fn is_uncertain(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Whether one may have changed by which constants are read.
    pub(super) fn reading_is_uncertain(&self) -> bool {
        self.touched.keys().any(|name| is_reading(name))
    }

    /// A statement with these effects was sent. `false` when it changes more than can be followed.
    pub(super) fn note(&mut self, effects: &Effects) -> bool {
        self.may_be_unset |= effects.has(Effect::ResetSetting) || effects.has(Effect::ResetAll);
        let toucher = if only_resets(effects) { Toucher::Reset } else { Toucher::Statement };
        if effects.has(Effect::ResetAll) {
            // They count already.
            self.touched.extend(self.now.iter().map(|(name, _)| (name.into(), toucher)));
        }
        self.note_owed(effects);
        effects.settings.iter().all(|name| self.touch(name, toucher))
    }

    /// Only where nothing else in the text may have set or restored what its RESET put back, before or behind.
    fn note_owed(&mut self, effects: &Effects) {
        let all = effects.has(Effect::ResetAll);
        // A ROLLBACK releases what pins.
        let may_undo =
            effects.statements > 1 && effects.has(Effect::Releases) && effects.controls_transaction;
        if !all && !effects.has(Effect::ResetSetting) {
            let changes = [Effect::Setting, Effect::Opaque, Effect::Releases].iter().any(|e| effects.has(*e));
            if changes || effects.controls_transaction {
                self.owed = Settings::default();
            }
        } else if only_resets(effects) && !may_undo {
            let is_reset = |name: &str| all || effects.settings.iter().any(|reset| **reset == *name);
            for (name, value) in self.start.iter().filter(|(name, _)| is_reset(name)) {
                self.owed.set(name, value);
            }
        } else {
            self.owed = Settings::default();
        }
    }

    /// Whether settings are to be set again.
    pub(super) fn is_owing(&self) -> bool {
        !self.owed.is_empty()
    }

    /// The server is ready for the next query, with this status: what is to be set again before the client may go on.
    pub(super) fn take_owed(&mut self, status: u8, outstanding: bool) -> Option<Settings> {
        if self.owed.is_empty() || (status == b'T' && outstanding) {
            return None;
        }
        let owed = std::mem::take(&mut self.owed);
        if status != b'T' {
            // Outside a block it is done when the server has said what is in force.
            return None;
        }
        // What is empty when the block has ended was so before it, and the RESET undone.
        for (name, _) in owed.iter() {
            self.touched.entry(name.into()).and_modify(|toucher| *toucher = Toucher::Statement);
        }
        Some(owed)
    }

    /// Code ran that may have set this one. `false` when that cannot be followed.
    pub(super) fn touch_by_code(&mut self, name: &str) -> bool {
        self.may_be_unset = true;
        self.touch(name, Toucher::Code)
    }

    /// Code ran of which nobody knows yet what it sets.
    pub(super) fn code_ran(&mut self, ran: Ran) {
        self.ran = self.ran.max(ran);
    }

    pub(super) const fn take_ran(&mut self) -> Ran {
        std::mem::replace(&mut self.ran, Ran::No)
    }

    fn touch(&mut self, name: &str, toucher: Toucher) -> bool {
        if let Some(known) = self.touched.get_mut(name) {
            // The last that runs for certain counts.
            if toucher != Toucher::Code {
                *known = toucher;
            }
            return true;
        }
        if self.touched.len() >= MAX_SETTINGS || self.touched_bytes + name.len() > MAX_BYTES {
            self.lost = true;
            return false;
        }
        self.touched_bytes += name.len();
        self.touched.insert(name.into(), toucher);
        true
    }

    /// A transaction block is open, or a statement failed: what was set may be undone.
    pub(super) fn may_be_undone(&mut self) {
        self.may_be_unset |= self.is_uncertain();
    }

    /// DISCARD ALL succeeded.
    pub(super) fn discarded(&mut self) {
        self.settled();
        self.ran = Ran::No;
        self.lost = false;
        self.restarted = !self.start.is_empty();
        self.now = Arc::clone(&self.start);
    }

    fn settled(&mut self) {
        self.touched = BTreeMap::new();
        self.touched_bytes = 0;
        (self.may_be_unset, self.restarted) = (false, false);
        self.owed = Settings::default();
    }

    /// The settings with those that may have changed as the server says they are; `fallback` has the values
    /// of those that are not set.
    fn updated(&self, old: &Settings, set: &Settings, fallback: &Settings) -> Settings {
        let mut new = old.clone();
        for (name, toucher) in &self.touched {
            // What somebody once set in a transaction is empty for ever after: code that did not run has not set it.
            // So is what a RESET took back that the startup packet has.
            let is_there = |value: &&str| match toucher {
                _ if !value.is_empty() => true,
                Toucher::Statement => true,
                Toucher::Reset => fallback.get(name).is_none(),
                Toucher::Code => old.get(name).is_some(),
            };
            match set.get(name).filter(is_there).or_else(|| fallback.get(name)) {
                Some(value) => new.set(name, value),
                None => new.remove(name),
            }
        }
        new
    }
}

impl Session {
    /// SQL that asks the server connection for what only it knows: which of the settings that may have changed
    /// are in force, which of the state is there that pins a client, and what code may set: that brings a second
    /// question. `None` when there is nothing to ask.
    /// With `in_peace` no statement time-out of the client's ends the asking.
    #[must_use]
    pub fn question(&self, in_peace: bool) -> Option<String> {
        let mut parts = self.state_questions();
        parts.extend(self.settings_questions(in_peace));
        if self.tracking.ran != Ran::No {
            parts.push(code::question(&self.scope));
        }
        if parts.is_empty() {
            return None;
        }
        let question = parts.join(" UNION ALL ");
        if !in_peace {
            return Some(format!("{BEGIN}{question};COMMIT"));
        }
        // Of two answers the first counts: the second would be that of the last statement here.
        Some(format!(
            "ROLLBACK;{BEGIN}SELECT 'statement_timeout',pg_catalog.current_setting('statement_timeout'),\
             pg_catalog.set_config('statement_timeout','0',true);{question};COMMIT"
        ))
    }

    /// Rows of no name, one for each kind of state that is there.
    fn state_questions(&self) -> Vec<String> {
        if !self.pins.is_uncertain() {
            return Vec::new();
        }
        let mut parts: Vec<_> = self
            .pins
            .asked_for()
            .filter_map(|reason| Some((reason.as_str(), reason.condition()?)))
            .map(|(word, condition)| format!("SELECT '','{word}' WHERE {condition}"))
            .collect();
        if self.pins.ran_code() {
            // Code may deallocate what others count on.
            parts.push(format!(
                "SELECT '',pg_catalog.concat('{STATEMENTS}',pg_catalog.count(*)) FROM \
                 pg_catalog.pg_prepared_statement() AS p WHERE NOT p.from_sql"
            ));
        }
        parts
    }

    /// Whether a setting is set or has its default only `pg_settings` tells, which makes rows of all there
    /// are. A default that is followed like a value is right too, so that is asked only where it may be one.
    fn settings_questions(&self, in_peace: bool) -> Vec<String> {
        let by_source = in_peace || self.tracking.may_be_unset;
        // pg_settings does not show settings that an application made up.
        let (by_value, by_source): (Vec<_>, Vec<_>) =
            self.tracking.touched.keys().partition(|name| !by_source || name.contains('.'));
        let array =
            |names: Vec<&Box<str>>| names.into_iter().map(|name| literal(name)).collect::<Vec<_>>().join(",");
        let (by_value, by_source) = (array(by_value), array(by_source));
        // One byte more than can be followed is enough to know.
        let cut = MAX_BYTES + 1;
        let mut parts = Vec::new();
        if !by_source.is_empty() {
            parts.push(format!(
                "SELECT pg_catalog.lower(s.name COLLATE pg_catalog.\"C\"),pg_catalog.left(pg_catalog.current_setting(s.name),{cut}) FROM pg_catalog.pg_settings AS s \
                 WHERE s.source OPERATOR(pg_catalog.=) 'session'::pg_catalog.text AND \
                 pg_catalog.lower(s.name COLLATE pg_catalog.\"C\") OPERATOR(pg_catalog.=) ANY(ARRAY[{by_source}]::pg_catalog.text[])"
            ));
        }
        if !by_value.is_empty() {
            parts.push(format!(
                "SELECT n,pg_catalog.left(pg_catalog.current_setting(n,true),{cut}) FROM \
                 pg_catalog.unnest(ARRAY[{by_value}]::pg_catalog.text[]) AS t(n)"
            ));
        }
        parts
    }

    /// The rows of the answer to [`question`](Self::question); `cut` when there were more than can be
    /// followed, so that the client keeps its server connection.
    ///
    /// # Errors
    /// [`Unreadable`]: the connection is not to be used any more.
    pub fn answered(
        &mut self,
        rows: &[Vec<u8>],
        cut: bool,
        server: &mut ServerState,
    ) -> Result<(), Unreadable> {
        let (mut set, mut state, mut code) = (Settings::default(), Vec::new(), Vec::new());
        for row in rows {
            let row = view::text_row(row).ok_or(Unreadable)?;
            let [Some(name), value, ..] = row[..] else { return Err(Unreadable) };
            if let ("", Some(word)) = (name, value) {
                state.push(word);
            } else if let (true, Some(value)) = (code::is_row(name), value) {
                code.push((name, value));
            } else if let Some(value) = value
                && self.tracking.touched.contains_key(name)
                && set.get(name).is_none()
            {
                set.set(name, value);
            }
        }
        if self.pins.is_uncertain() {
            self.state_answered(&state, server)?;
        }
        if self.tracking.is_uncertain() {
            self.settings_answered(&set, cut, server);
        }
        self.code_answered(&code, cut, server);
        Ok(())
    }

    fn state_answered(&mut self, words: &[&str], server: &mut ServerState) -> Result<(), Unreadable> {
        let (mut found, mut prepared) = (Vec::new(), None);
        for word in words {
            match word.strip_prefix(STATEMENTS) {
                Some(count) => prepared = Some(count.parse::<usize>().map_err(|_| Unreadable)?),
                None => found.push(PinReason::of_word(word).ok_or(Unreadable)?),
            }
        }
        // Some that are counted on are gone: all are, rather than one error for each.
        let counted = server.statements.len();
        let as_known = prepared.is_none_or(|count| count == counted);
        server.residue.state_known(!found.is_empty() || !as_known);
        self.pins.answered(&found);
        Ok(())
    }

    fn settings_answered(&mut self, set: &Settings, cut: bool, server: &mut ServerState) {
        let now = self.tracking.updated(&self.tracking.now, set, &self.tracking.start);
        if cut || now.len() > MAX_SETTINGS || now.bytes() > MAX_BYTES {
            self.tracking.lost = true;
            return self.pins.set(PinReason::Setting);
        }
        let there = self.tracking.updated(&server.settings, set, &Settings::default());
        self.tracking.now =
            if now == *self.tracking.start { Arc::clone(&self.tracking.start) } else { Arc::new(now) };
        server.settings =
            if there == *self.tracking.now { Arc::clone(&self.tracking.now) } else { Arc::new(there) };
        server.residue.settings_known();
        self.tracking.settled();
    }

    /// Whether it is known what is in force, but for what cannot be followed.
    #[must_use]
    pub const fn knows_settings(&self) -> bool {
        !self.tracking.lost
    }
}
