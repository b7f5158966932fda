//! Settings that code leaves: functions that statements call, and triggers that they fire.
//!
//! No text shows them, and PostgreSQL does not list those that an application made up. So the bodies of the
//! functions that a tenant may run are looked through for the names they set ([`CodeSettings`]), once for a tenant
//! and again when its schema changes; what they may have set is then asked for like what a SET may have set.

use std::sync::Arc;

use crate::guard::{CodeSettings, Effect, Effects, Scope};
use crate::session::Session;
use crate::session::params::literal;
use crate::session::pin::PinReason;

/// Begins the name of a row that tells of code; no setting has a colon in its name.
const ROW: &str = "code:";
/// The row that says that there are functions for triggers.
const TRIGGER_ROW: &str = "code:trigger";

/// The pieces of a body that may set something: with the names, and no longer than it takes to read them.
const PIECES: &str = r#"(\m(?:set_config\M[^;]{0,250}|execute\M[^;]{0,250}|set\s+time\s+zone\M|set\s+(?:session\s+)?["a-z_][^\s;=]{0,130}\s*(?:=|\mto\M)))"#;

/// What a tenant's code does to settings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Code {
    settings: CodeSettings,
    /// Whether there are functions for triggers, so that also what calls nothing may run code.
    triggers: bool,
}

/// How code may have run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ran {
    /// It has not.
    #[default]
    No,
    /// By triggers.
    Triggers,
    /// A statement called it.
    Called,
}

impl Ran {
    fn by(effects: &Effects) -> Self {
        if effects.has(Effect::Opaque) {
            Self::Called
        } else if effects.has(Effect::Write) {
            Self::Triggers
        } else {
            Self::No
        }
    }
}

impl Session {
    /// A statement with these effects was sent: what code it runs may set is asked for later.
    pub(super) fn note_code(&mut self, effects: &Effects) {
        let ran = Ran::by(effects);
        // A connection that is closed on return has nothing to tell.
        if ran == Ran::No || effects.has(Effect::Unclean) {
            return;
        }
        match self.commons.code() {
            Some(code) => self.code_ran(ran, &code),
            None => self.tracking.code_ran(ran),
        }
    }

    fn code_ran(&mut self, ran: Ran, code: &Code) {
        if ran == Ran::Triggers && !code.triggers {
            return;
        }
        let followed = code.settings.names.iter().all(|name| self.tracking.touch_by_code(name));
        // With triggers of which nobody knows what they compute, every writer would be pinned.
        if !followed || (code.settings.others && ran == Ran::Called) {
            self.pins.set(PinReason::Setting);
        }
    }

    /// The rows of the answer that tell of code; `cut` when there were more.
    pub(super) fn code_answered(&mut self, rows: &[(&str, &str)], cut: bool) {
        let ran = self.tracking.take_ran();
        if ran == Ran::No {
            return;
        }
        let mut code = Code::default();
        for (name, value) in rows {
            if *name == TRIGGER_ROW {
                code.triggers = true;
            } else {
                code.settings.read(value);
            }
        }
        code.settings.others |= cut;
        let code = Arc::new(code);
        self.commons.learn_code(Arc::clone(&code));
        self.code_ran(ran, &code);
    }
}

/// Whether a row of this name tells of code.
pub(super) fn is_row(name: &str) -> bool {
    name.starts_with(ROW)
}

/// SQL that gives those rows, for what a tenant of this scope may run.
pub(super) fn question(scope: &Scope) -> [String; 2] {
    let names: Vec<_> = std::iter::once(&scope.schema)
        .chain(&*scope.shared_schemas)
        .map(|name| literal(name.as_str()))
        .collect();
    let in_reach = format!(
        "p.pronamespace OPERATOR(pg_catalog.=) ANY(SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE \
         n.nspname OPERATOR(pg_catalog.=) ANY(ARRAY[{}]::pg_catalog.name[]) OR n.oid OPERATOR(pg_catalog.=) \
         pg_catalog.pg_my_temp_schema())",
        names.join(",")
    );
    [
        format!(
            "SELECT DISTINCT '{ROW}',m[1] FROM pg_catalog.pg_proc AS p,pg_catalog.regexp_matches(CASE WHEN \
             p.prosrc OPERATOR(pg_catalog.=) ''::pg_catalog.text AND p.prokind OPERATOR(pg_catalog.<>) \
             'a'::pg_catalog.\"char\" THEN pg_catalog.pg_get_functiondef(p.oid) ELSE p.prosrc END,{},'gi') AS m \
             WHERE {in_reach}",
            literal(PIECES)
        ),
        // 2279 is the type `trigger`.
        format!(
            "SELECT '{TRIGGER_ROW}','' WHERE EXISTS(SELECT FROM pg_catalog.pg_proc AS p WHERE p.prorettype \
             OPERATOR(pg_catalog.=) 2279::pg_catalog.oid AND {in_reach})"
        ),
    ]
}
