//! What code leaves in a session: functions that statements call, triggers that they fire, and what they run by
//! reading: views, policies, operators.
//!
//! No text shows it, and PostgreSQL does not list settings that an application made up. So the bodies of the
//! functions that a tenant may run are looked through for the names they set ([`CodeSettings`]), once for a tenant
//! and again when its schema changes; what they may have set is then asked for like what a SET may have set.

use std::sync::Arc;

use crate::guard::{CodeSettings, Effect, Effects, Scope};
use crate::session::params::literal;
use crate::session::pin::PinReason;
use crate::session::{ServerState, Session};

/// Begins the name of a row that tells of code; no setting has a colon in its name. Behind it stands who runs the
/// code without calling it: `t` whoever writes, by triggers and their like, `r` whoever reads, by views and policies.
const ROW: &str = "code:";

/// Functions of one tenant that leave something and are followed to where they are run from.
const MAX_FOLLOWED: usize = 50;
/// What of a body may set something is read to this length, in bytes; of a longer piece nobody knows.
const MAX_PIECE: usize = 8192;

const QUESTION: &str = include_str!("question.sql");

/// What a tenant's code leaves in its session, by how it is run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Code {
    called: Leavings,
    /// By triggers, defaults and constraints.
    fired: Leavings,
    /// By views, rules, policies, operators and types.
    read: Leavings,
}

/// What some of it leaves.
#[derive(Debug, Default, PartialEq, Eq)]
struct Leavings {
    settings: CodeSettings,
    /// Whether it may leave state that pins.
    state: bool,
}

/// How code may have run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ran {
    /// It has not.
    #[default]
    No,
    /// By what a statement read.
    Read,
    /// By what a statement wrote.
    Fired,
    /// A statement called it.
    Called,
}

impl Ran {
    fn by(effects: &Effects) -> Self {
        if effects.has(Effect::Opaque) {
            Self::Called
        } else if effects.has(Effect::Write) {
            Self::Fired
        } else if effects.reads {
            Self::Read
        } else {
            Self::No
        }
    }
}

impl Code {
    fn add(&mut self, how: &str, piece: &str) {
        self.called.add(piece);
        if how.contains('t') {
            self.fired.add(piece);
        }
        if how.contains('r') {
            // Who writes reads.
            self.fired.add(piece);
            self.read.add(piece);
        }
    }

    fn ran(&self, ran: Ran) -> Option<&Leavings> {
        match ran {
            Ran::No => None,
            Ran::Read => Some(&self.read),
            Ran::Fired => Some(&self.fired),
            Ran::Called => Some(&self.called),
        }
    }
}

impl Leavings {
    fn add(&mut self, piece: &str) {
        if piece.is_empty() {
            self.state = true;
        } else {
            self.settings.read(piece);
            self.settings.others |= piece.len() > MAX_PIECE;
        }
    }
}

impl Session {
    /// A statement with these effects was sent: what code it runs may set is asked for later.
    pub(super) fn note_code(&mut self, effects: &Effects, server: &mut ServerState) {
        let ran = Ran::by(effects);
        // A connection that is closed on return has nothing to tell.
        if ran == Ran::No || effects.has(Effect::Unclean) {
            return;
        }
        match self.commons.code(ran == Ran::Read) {
            Some(code) => self.code_ran(ran, &code, server),
            None => self.tracking.code_ran(ran),
        }
    }

    fn code_ran(&mut self, ran: Ran, code: &Code, server: &mut ServerState) {
        let Some(leavings) = code.ran(ran) else { return };
        if leavings.state || leavings.settings.others || !leavings.settings.names.is_empty() {
            server.role.ran_wild();
        }
        let followed = leavings.settings.names.iter().all(|name| self.tracking.touch_by_code(name));
        if !followed || leavings.settings.others {
            self.pins.set(PinReason::Setting);
            server.residue.code_ran();
        }
        if leavings.state {
            self.pins.add_code();
            server.residue.code_ran();
        }
    }

    /// The rows of the answer that tell of code; `cut` when there were more.
    pub(super) fn code_answered(&mut self, rows: &[(&str, &str)], cut: bool, server: &mut ServerState) {
        let ran = self.tracking.take_ran();
        if ran == Ran::No {
            return;
        }
        let mut code = Code::default();
        for (name, piece) in rows {
            code.add(name.strip_prefix(ROW).unwrap_or("tr"), piece);
        }
        for leavings in [&mut code.called, &mut code.fired, &mut code.read] {
            leavings.settings.others |= cut;
        }
        let code = Arc::new(code);
        self.commons.learn_code(Arc::clone(&code));
        self.code_ran(ran, &code, server);
    }
}

/// Whether a row of this name tells of code.
pub(super) fn is_row(name: &str) -> bool {
    name.starts_with(ROW)
}

/// SQL that gives those rows, for what a tenant of this scope may run.
pub(super) fn question(scope: &Scope) -> String {
    let schemas: Vec<_> = std::iter::once(&scope.schema)
        .chain(&*scope.shared_schemas)
        .map(|name| literal(name.as_str()))
        .collect();
    QUESTION
        .replace("{schemas}", &schemas.join(","))
        .replace("{most}", &MAX_FOLLOWED.to_string())
        .replace("{cut}", &(MAX_PIECE + 1).to_string())
}
