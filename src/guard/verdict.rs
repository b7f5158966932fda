//! What the guard says: [`Verdict`], with the token and the effects an allowed text carries.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::{Report, Severity, SqlState};
use crate::tenant::{Access, ChannelPrefix, Ident, Level, TenantId};

/// What one tenant may touch by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whose statements these are.
    pub tenant: TenantId,
    /// The tenant's schema.
    pub schema: Ident,
    /// The tenant's role.
    pub role: Ident,
    /// What its notification channels begin with on the server.
    pub channels: ChannelPrefix,
    /// Whether what it says about the schema `public` is about its own.
    pub public_is_own: bool,
    /// Other schemas it may name: `global`, and what the operator lists.
    pub shared_schemas: Arc<[Ident]>,
    /// Functions it may name without their schema where it may run nothing but the operator's.
    pub extra_functions: Arc<[Ident]>,
    /// Settings it may change besides those known to concern nobody else, in lower case.
    pub extra_settings: Arc<[Box<str>]>,
    /// Who enforces the wall.
    pub level: Level,
    /// Whether the database is hardened (`pgtenant init --harden`), so that code cannot change the role.
    pub hardened: bool,
    /// Whether it may write.
    pub access: Access,
}

impl Scope {
    /// The tenant's key in the registry, also of sessions that only read.
    #[must_use]
    pub const fn registered(&self) -> TenantId {
        match self.access {
            Access::ReadWrite => self.tenant,
            Access::ReadOnly => self.tenant.other_access(),
        }
    }
}

/// A text that no parser takes, whatever state the transaction is in. Sent in the place of a refused
/// statement it makes the server fail there too, so that client and server stay in step.
pub const UNPARSABLE: &str = "pgtenant refused this statement";

/// Proof that the guard has seen a frame: what carries SQL was judged and allowed, what carries none
/// is of a kind that cannot. Only the guard makes one, and only with one can bytes go to a server.
#[derive(Debug)]
pub struct Cleared {
    tenant: TenantId,
}

impl Cleared {
    pub(in crate::guard) const fn new(tenant: TenantId) -> Self {
        Self { tenant }
    }

    /// The tenant whose scope it was judged for.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Clears [`UNPARSABLE`], which does nothing anywhere, also behind a ROLLBACK.
    #[must_use]
    pub const fn for_unparsable(scope: &Scope) -> Self {
        Self::new(scope.tenant)
    }

    /// Clears a frontend message that carries no SQL text, by its tag byte (protocol section
    /// "Message Formats"). `None` for Query and Parse, which must be judged, for FunctionCall, which
    /// would call a function past the guard, and for anything unknown.
    #[must_use]
    pub const fn without_text(tag: u8, scope: &Scope) -> Option<Self> {
        match tag {
            b'B' | b'C' | b'D' | b'E' | b'H' | b'S' | b'd' | b'c' | b'f' => Some(Self::new(scope.tenant)),
            _ => None,
        }
    }
}

/// The judgement of one text for one scope.
#[derive(Debug)]
pub enum Verdict {
    /// It may be sent.
    Allow(Allowed),
    /// It may not.
    Deny(Denial),
}

/// What comes with leave to send a text.
#[derive(Debug)]
pub struct Allowed {
    /// The token its bytes need.
    pub cleared: Cleared,
    /// What it does to session state.
    pub effects: Arc<Effects>,
    /// The text that must be sent in its place.
    pub rewritten: Option<Arc<str>>,
    /// The refusal it would have met: the guard only reports (`guard.mode = "report"`).
    pub reported: Option<Denial>,
}

macro_rules! effects {
    ($($(#[$about:meta])* $variant:ident = $bit:expr, $name:literal;)*) => {
        /// One thing a statement does to the session. The discriminant is its bit in [`Effects`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Effect {
            $($(#[$about])* $variant = $bit,)*
        }

        impl Effect {
            /// Every effect.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its stable name, as `pgtenant check sql` prints it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

effects! {
    /// Changes a setting beyond the transaction: SET, `set_config(…, false)` or one whose third
    /// argument is not the constant `true`.
    Setting = 1, "setting";
    /// Makes a temporary table, view, sequence, function, type (also SELECT INTO TEMP, `pg_temp.x`).
    Temporary = 1 << 1, "temporary";
    /// Takes a session-level advisory lock.
    AdvisoryLock = 1 << 2, "advisory_lock";
    /// DECLARE … WITH HOLD.
    HoldCursor = 1 << 3, "hold_cursor";
    /// SQL-level PREPARE.
    Prepare = 1 << 4, "prepare";
    /// May leave sequence state (`currval`, `lastval`): INSERT, MERGE, COPY FROM, nextval, setval.
    Sequence = 1 << 5, "sequence";
    /// Runs code whose effect the text does not show: functions not known to be harmless, DO, CALL,
    /// EXECUTE, LOAD, statement kinds not classified.
    Opaque = 1 << 6, "opaque";
    /// DISCARD ALL: all session state is gone.
    DiscardAll = 1 << 7, "discard_all";
    /// LOAD of a library, or a function of an extension with state of its own: the connection cannot
    /// be made clean by DISCARD ALL.
    Unclean = 1 << 8, "unclean";
    /// May write (anything but plain SELECT, SHOW, EXPLAIN without ANALYZE, transaction control, SET).
    Write = 1 << 9, "write";
    /// Puts a setting back to what the session began with: RESET, SET … TO DEFAULT.
    ResetSetting = 1 << 10, "reset_setting";
    /// RESET ALL.
    ResetAll = 1 << 11, "reset_all";
    /// May end state that pins a client: CLOSE, DEALLOCATE, DISCARD, DROP, ROLLBACK, the advisory-unlock functions.
    Releases = 1 << 12, "releases";
    /// Reads what an earlier nextval left in the session: `currval`, `lastval`.
    ReadsSequence = 1 << 13, "reads_sequence";
    /// May change what a prepared statement returns: DDL.
    Schema = 1 << 18, "schema";
    /// Changes a setting for the session that cannot be followed from one server connection to another: its
    /// name is computed, or it belongs to the connection (`seed`, `temp_buffers`, `idle_session_timeout`).
    UntrackedSetting = 1 << 14, "untracked_setting";
    /// LISTEN, or UNLISTEN of one channel.
    Listen = 1 << 20, "listen";
    /// UNLISTEN *.
    UnlistenAll = 1 << 21, "unlisten_all";
    /// NOTIFY, or a call of pg_notify.
    Notify = 1 << 22, "notify";
}

/// SQL-level DEALLOCATE, which also reaches statements prepared by protocol messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deallocated {
    /// DEALLOCATE ALL.
    All,
    /// DEALLOCATE name, after PostgreSQL's folding.
    Name(String),
}

/// What a text needs of its tenant's role at level `shared`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoleNeed {
    /// The role, for the transaction it runs in.
    #[default]
    Transaction,
    /// None: it begins, sets up or ends a transaction, or is DISCARD ALL.
    Nothing,
    /// The role, for longer than a transaction: it ends one and goes on, or runs in none.
    Session,
}

/// What a text does to session state, over all its statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    bits: u32,
    /// Statements in the text; 0 for an empty query.
    pub statements: u32,
    /// Set when the text is one DEALLOCATE and nothing else.
    pub deallocates: Option<Deallocated>,
    /// Settings it may change for the session, or put back: names in lower case, without those that cannot be
    /// followed ([`Effect::UntrackedSetting`]), that end with a transaction, or that never change.
    pub settings: Box<[Box<str>]>,
    /// Channels it may listen to afterwards, as the client calls them.
    pub listens: Box<[Box<str>]>,
    /// Whether it begins or ends a transaction.
    pub controls_transaction: bool,
    /// Whether it reads a relation, or uses an operator or a type: what these run is out of sight.
    pub reads: bool,
    /// Whether it ends a transaction, and may begin the next one at once: COMMIT, ROLLBACK.
    pub ends_transaction: bool,
    /// Whether something other than transaction control stands behind an end of a transaction.
    pub goes_on_behind_end: bool,
    /// What it needs of its tenant's role where server connections are shared.
    pub role: RoleNeed,
    /// Whether the isolation level of its transaction can still be set behind it, as behind SET and LISTEN.
    pub takes_no_snapshot: bool,
}

impl Effects {
    /// Adds one effect.
    pub const fn add(&mut self, effect: Effect) {
        self.bits |= effect as u32;
    }

    /// The same, of a text that is let pass although it was not understood: it may do anything.
    pub(in crate::guard) fn unknown(&self) -> Arc<Self> {
        let mut effects = self.clone();
        effects.add(Effect::Opaque);
        effects.add(Effect::Write);
        effects.add(Effect::Unclean);
        Arc::new(effects)
    }

    /// What it does.
    pub fn iter(&self) -> impl Iterator<Item = Effect> + '_ {
        Effect::ALL.iter().copied().filter(|effect| self.has(*effect))
    }

    /// Whether the text does this.
    #[must_use]
    pub const fn has(&self, effect: Effect) -> bool {
        self.bits & effect as u32 != 0
    }
}

/// A rule of the guard. Its id is stable: it is in errors, logs, metrics and docs/errors.md.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Short stable name, for example `cross_schema`.
    pub id: &'static str,
    /// SQLSTATE of the refusal.
    pub sqlstate: SqlState,
    /// One sentence: what the rule refuses and why.
    pub doc: &'static str,
    /// What the user can do instead.
    pub hint: &'static str,
    /// Who else refuses it.
    pub wall: Wall,
}

/// What stands behind a rule at level `dedicated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// PostgreSQL's privileges keep tenants apart without the rule: `guard.mode = "report"` may let the
    /// text pass.
    Privileges,
    /// Nothing: the rule holds in every mode.
    Guard,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The rule that refused.
    pub rule: &'static Rule,
    /// What the client reads. Never says whether another tenant's object exists.
    pub message: String,
    /// Where in the text, in characters from 1, when the parser says so.
    pub position: Option<u32>,
    /// Whether the transaction block ends where the statement fails.
    pub ends_block: bool,
}

impl Denial {
    /// A refusal of the text as a whole.
    #[must_use]
    pub fn new(rule: &'static Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into(), position: None, ends_block: false }
    }

    /// The same, of a statement that ends its transaction block also where it fails.
    #[must_use]
    pub fn ending_block(self) -> Self {
        Self { ends_block: true, ..self }
    }
}

impl Report for Denial {
    fn sqlstate(&self) -> SqlState {
        self.rule.sqlstate
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn client_message(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.message)
    }

    fn detail(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(format!("Refused by pgtenant's rule `{}`.", self.rule.id)))
    }

    fn position(&self) -> Option<u32> {
        self.position
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.rule.hint))
    }
}
