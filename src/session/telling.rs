//! What a client believes of its settings by what it was told (ParameterStatus), and when it is told of changes.
//!
//! Most often as the server tells it. Not where that has other values than the client's only for a moment: after a RESET
//! of a setting of the startup packet, with which the server connection did not begin, and, where the settings of the
//! startup packet are brought with each transaction, between these.
//!
//! Since version 14 PostgreSQL tells once before it is ready for the next query, and only of what differs from what it
//! told last: who has a setting brought and sets it back to what it was before in one go is told nothing.

use std::sync::Arc;

use crate::guard::{Effect, Effects};
use crate::session::params::Settings;
use crate::session::{ServerState, Session};
use crate::wire::{view, write};

type Parameters = Vec<(String, String)>;

/// What the client was told.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// Of the settings of the startup packet those that a server reports, as it was told at its login.
    at_login: Arc<Settings>,
    /// What it was told last, while it is not told of each change.
    last: Option<Box<Parameters>>,
}

impl Telling {
    /// Whether the client is told later which of its settings have changed.
    pub(super) const fn is_later(&self) -> bool {
        self.last.is_some()
    }

    /// Everything is lost with the server connection.
    pub(super) fn server_lost(&mut self) {
        self.last = None;
    }
}

impl Session {
    /// The client was told at its login that these settings of its startup packet have these values.
    pub fn told_at_login(&mut self, reported: Arc<Settings>) {
        self.telling.at_login = reported;
    }

    /// A statement with these effects is sent.
    pub(super) fn note_told(&mut self, effects: &Effects, server: &ServerState) {
        if self.telling.is_later() || !self.tracking.began_with_any() {
            return;
        }
        let all = effects.has(Effect::ResetAll) || effects.has(Effect::DiscardAll);
        let changes = effects.has(Effect::ResetSetting)
            || (effects.has(Effect::Setting) && self.brings_settings(server));
        let some = || effects.settings.iter().any(|name| self.tracking.began_with(name));
        if all || (changes && some()) {
            self.telling.last = Some(Box::new(self.as_brought(self.brings_settings(server), server)));
        }
    }

    /// Whether the client is not to be told of this setting now: the body of a ParameterStatus.
    pub(super) fn is_told_later(&mut self, body: &[u8], server: &ServerState) -> bool {
        if self.telling.is_later() {
            return true;
        }
        if !self.brings_settings(server) {
            return false;
        }
        let Some((name, _)) = view::parameter_status(body) else { return false };
        if !self.tracking.began_with(name) {
            return false;
        }
        if self.tracking.may_have_changed(name) {
            // By code. What is in force is asked first.
            self.telling.last = Some(Box::new(self.as_brought(true, server)));
        }
        true
    }

    /// The server is ready for the next query. In a block a setting that was brought may have been changed for as long as
    /// that lasts.
    pub(super) fn compare_with_told(&mut self, server: &ServerState) {
        if self.status != b'T' || self.telling.is_later() || self.telling.at_login.is_empty() {
            return;
        }
        if !self.has_role_in_transaction() || !self.brings_settings(server) {
            return;
        }
        let has = |name: &str, value: &str| {
            server.parameters.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value)
        };
        if !self.telling.at_login.iter().all(|(name, value)| has(name, value)) {
            self.telling.last = Some(Box::new(self.as_brought(true, server)));
        }
    }

    /// Whether the settings of the startup packet come and go with each transaction there.
    fn brings_settings(&self, server: &ServerState) -> bool {
        self.carries_settings() && !server.role.taken
    }

    /// The values of the server connection, with those of the startup packet where they `are_brought`.
    fn as_brought(&self, are_brought: bool, server: &ServerState) -> Parameters {
        let mut parameters = server.parameters.clone();
        if are_brought && !self.telling.at_login.is_empty() {
            for (name, value) in &mut parameters {
                if let Some(brought) = self.telling.at_login.get(&name.to_ascii_lowercase()) {
                    brought.clone_into(value);
                }
            }
        }
        parameters
    }

    /// What is in force now, as a server would report it: in a transaction that has the role what the server connection
    /// has, else what the next one is brought. What a failed transaction was brought it has no more.
    fn reported(&self, server: &ServerState) -> Parameters {
        let has_them = self.status == b'T' && self.has_role_in_transaction();
        self.as_brought(!has_them && self.brings_settings(server), server)
    }

    /// The server connection has the client's settings again, as those of its startup packet after a RESET:
    /// what changed there since `before` the client is told, as a server would have.
    pub fn settings_restored(&mut self, before: &[(String, String)], server: &ServerState) {
        self.tracking.restored();
        if !self.tell_parameters(server) {
            self.tell_changes(before, &self.reported(server));
        }
    }

    /// Tells the client what has changed since it was told last, where that was put off.
    pub fn tell_parameters(&mut self, server: &ServerState) -> bool {
        let Some(told) = self.telling.last.take() else { return false };
        self.tell_changes(&told, &self.reported(server));
        true
    }

    /// The same within a transaction block: more may come, and be put off again.
    pub(super) fn tell_parameters_so_far(&mut self, server: &ServerState) {
        if self.tell_parameters(server) {
            self.telling.last = Some(Box::new(self.reported(server)));
        }
    }

    fn tell_changes(&mut self, before: &[(String, String)], now: &[(String, String)]) {
        for parameter in now.iter().filter(|parameter| !before.contains(parameter)) {
            write::parameter_status(&mut self.replies, &parameter.0, &parameter.1);
        }
    }
}
