//! What the tree of a text says, for whichever tenant sends it; and the verdict for one of them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::guard::explain::NamedSchema;
use crate::guard::rewrite::Sent;
use crate::guard::{Deallocated, Denial, Effect, Effects, RoleNeed, Rule, Scope, Wall, names, role, rules};
use crate::tenant::{Access, Level};

/// Texts inside texts inside texts: one that is deeper is refused.
const MAX_TEXT_DEPTH: u8 = 4;

/// Texts inside a text: names of types in strings, and SQL in strings. Each is parsed.
const MAX_TEXTS: u32 = 2000;

/// A name the text gives, with what must hold of it in the tenant's scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// A schema: the tenant's own or a shared one.
    Schema(Box<str>),
    /// An entry of search_path: the same.
    PathEntry(Box<str>),
    /// The schema of a CREATE SCHEMA: the tenant's own.
    OwnSchema(Box<str>),
    /// The role of a SET ROLE: the tenant's own, where the server connection is logged in as that.
    OwnRole(Box<str>),
    /// The schema of a routine: at level `shared` without hardening only the operator may have made it.
    CodeIn(Box<str>),
    /// A routine without a schema that PostgreSQL does not bring along: the same.
    Code(Box<str>),
    /// A setting that is on no list of the guard's, in lower case: one that the operator lists.
    Setting(Box<str>),
}

/// The facts of one text, independent of the tenant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    refusal: Option<Denial>,
    /// Behind a refusal that may be only reported, the first that may not.
    firm: Option<Denial>,
    /// Why a tenant of level `shared` may not send it.
    shared: Option<Denial>,
    /// Why a tenant of level `shared` may not send it to a database that is not hardened.
    unhardened: Option<Denial>,
    /// Why a session that may only read may not send it.
    read_only: Option<Denial>,
    /// What is sent in its place at level `shared`.
    pub(super) rewritten: Option<Sent>,
    /// What is sent in its place at level `dedicated`.
    pub(super) in_place: Option<Sent>,
    /// Whether they say nothing about the same text with other literals.
    reads_literals: bool,
    needs: Box<[Need]>,
    pub(super) effects: Arc<Effects>,
}

impl Facts {
    /// Facts of a text that no tenant may send.
    pub(super) fn refused(denial: Denial) -> Self {
        Self {
            refusal: Some(denial),
            firm: None,
            shared: None,
            unhardened: None,
            read_only: None,
            rewritten: None,
            in_place: None,
            reads_literals: true,
            needs: Box::default(),
            effects: Arc::default(),
        }
    }

    /// Whether a tenant of this scope may send the text. Allocates nothing if so.
    pub(super) fn judge(&self, scope: &Scope) -> Result<(), Denial> {
        if let Some(denial) = &self.refusal {
            return Err(denial.clone());
        }
        self.needs.iter().try_for_each(|need| need.judge(scope))?;
        if scope.access == Access::ReadOnly {
            self.judge_read_only()?;
        }
        if scope.level == Level::Dedicated {
            return Ok(());
        }
        let by_level = self.shared.as_ref().or_else(|| self.unhardened.as_ref().filter(|_| !scope.hardened));
        by_level.map_or(Ok(()), |denial| Err(denial.clone()))
    }

    /// Whether a session that may only read may send it. Its transactions are made read-only one by one: what runs in none,
    /// or ends one and goes on, would write.
    fn judge_read_only(&self) -> Result<(), Denial> {
        if let Some(denial) = &self.read_only {
            return Err(denial.clone());
        }
        if self.effects.role == RoleNeed::Session {
            let message = "a read-only session sends neither what runs in no transaction nor several statements with transaction control";
            return Err(Denial::new(&rules::READ_ONLY, message));
        }
        Ok(())
    }

    /// The refusal that holds even where others are only reported.
    pub(super) fn firm(&self, scope: &Scope) -> Option<Denial> {
        let setting = || self.needs.iter().filter(|need| matches!(need, Need::Setting(_)));
        self.firm.clone().or_else(|| setting().find_map(|need| need.judge(scope).err()))
    }

    /// Why the text could not be read as statements.
    pub(super) fn failure(&self) -> Option<&Denial> {
        self.refusal.as_ref().filter(|_| self.effects.statements == 0)
    }

    /// What is sent in its place for a tenant of this scope.
    pub(super) fn rewritten_for(&self, scope: &Scope) -> Option<Arc<str>> {
        let sent = match scope.level {
            Level::Dedicated => self.in_place.as_ref(),
            Level::Shared => self.rewritten.as_ref(),
        };
        sent.map(|sent| sent.with(&scope.channels))
    }

    /// Whether it names channels, which must not be sent as they are.
    pub(super) fn has_channels(&self) -> bool {
        self.in_place.as_ref().is_some_and(Sent::has_channels)
    }

    /// The schemas it names.
    pub(super) fn schemas(&self, scope: &Scope) -> impl Iterator<Item = NamedSchema> {
        self.needs
            .iter()
            .filter(|need| !matches!(need, Need::Code(_) | Need::Setting(_) | Need::OwnRole(_)))
            .map(|need| NamedSchema {
                name: need.name().to_owned(),
                role: need.role(),
                allowed: need.judge(scope).is_ok(),
            })
    }

    /// Whether they are also those of the same text with other plain literals and other comments (see
    /// [`crate::guard::literals`]), except that the other one may be no SQL. A refusal may tell of a literal.
    pub(super) const fn hold_for_other_literals(&self) -> bool {
        !self.reads_literals
            && self.refusal.is_none()
            && self.shared.is_none()
            && self.unhardened.is_none()
            && self.read_only.is_none()
            && self.rewritten.is_none()
    }

    /// Whether the text is refused because it is no SQL.
    #[cfg(test)]
    pub(super) fn is_unparsable(&self) -> bool {
        self.refusal.as_ref().is_some_and(|denial| denial.rule == &rules::UNPARSABLE)
    }

    /// Memory it holds, in bytes.
    pub(super) fn size(&self) -> usize {
        let names: usize = self.needs.iter().map(|need| size_of::<Need>() + need.name().len()).sum();
        let refusals = [&self.refusal, &self.firm, &self.shared, &self.unhardened, &self.read_only];
        let messages: usize = refusals.into_iter().flatten().map(|denial| denial.message.len()).sum();
        let rewritten: usize = [&self.rewritten, &self.in_place].into_iter().flatten().map(Sent::size).sum();
        let listed = self.effects.settings.iter().chain(&self.effects.listens);
        let settings: usize = listed.map(|name| size_of::<Box<str>>() + name.len()).sum();
        size_of::<Self>() + size_of::<Effects>() + names + messages + rewritten + settings
    }
}

impl Need {
    fn name(&self) -> &str {
        match self {
            Self::Schema(name)
            | Self::PathEntry(name)
            | Self::OwnSchema(name)
            | Self::OwnRole(name)
            | Self::CodeIn(name)
            | Self::Code(name)
            | Self::Setting(name) => name,
        }
    }

    const fn role(&self) -> &'static str {
        match self {
            Self::Schema(_) => "object",
            Self::PathEntry(_) => "search_path",
            Self::OwnSchema(_) => "create",
            Self::OwnRole(_) => "role",
            Self::CodeIn(_) | Self::Code(_) => "routine",
            Self::Setting(_) => "setting",
        }
    }

    fn judge(&self, scope: &Scope) -> Result<(), Denial> {
        let name = self.name();
        let own = name == scope.schema.as_str();
        let shared = || scope.shared_schemas.iter().any(|schema| schema.as_str() == name);
        let runs_code = scope.level == Level::Dedicated || scope.hardened;
        let (allowed, rule): (bool, &'static Rule) = match self {
            Self::CodeIn(_) => (runs_code || shared(), &rules::OPAQUE_CODE),
            Self::Code(_) => {
                let listed = || scope.extra_functions.iter().any(|function| function.as_str() == name);
                (runs_code || listed(), &rules::OPAQUE_CODE)
            }
            Self::Schema(_) => (own || shared(), &rules::CROSS_SCHEMA),
            Self::PathEntry(_) => (own || shared(), &rules::SEARCH_PATH),
            Self::OwnSchema(_) => (own, &rules::SERVER_ADMINISTRATION),
            Self::OwnRole(_) => (name == scope.role.as_str(), &rules::ROLE_CHANGE),
            Self::Setting(_) => {
                let listed = || scope.extra_settings.iter().any(|setting| setting.as_ref() == name);
                (listed(), &rules::SETTING)
            }
        };
        if allowed {
            return Ok(());
        }
        if matches!(self, Self::Setting(_)) {
            let name = names::truncate(name);
            return Err(Denial::new(rule, format!("parameter \"{name}\" cannot be set by a tenant")));
        }
        if matches!(self, Self::OwnRole(_)) {
            return Err(Denial::new(rule, "parameter \"role\" cannot be changed in this session"));
        }
        if matches!(self, Self::Code(_) | Self::CodeIn(_)) {
            let what = if matches!(self, Self::Code(_)) { "function" } else { "a function of schema" };
            return Err(Denial::new(rule, format!("{what} \"{name}\" may be the tenant's own code")));
        }
        Err(Denial::new(rule, format!("schema \"{name}\" is not in this tenant's scope")))
    }
}

/// Facts being collected.
#[derive(Debug, Default)]
pub(super) struct Findings {
    refusal: Option<Denial>,
    firm: Option<Denial>,
    shared: Option<Denial>,
    unhardened: Option<Denial>,
    read_only: Option<Denial>,
    needs: BTreeSet<Need>,
    effects: u32,
    /// Settings that may change for the session.
    changes: BTreeSet<Box<str>>,
    /// Channels of LISTEN.
    listens: BTreeSet<Box<str>>,
    controls_transaction: bool,
    reads: bool,
    /// What the statements need at level `shared`.
    pub(super) role: role::Needs,
    /// Where names of calls of pg_notify begin, in the outermost text.
    pub(super) notify_calls: Vec<usize>,
    /// How many texts this one is inside of.
    depth: u8,
    /// How many texts inside texts were read so far.
    texts: u32,
    /// How many tokens were read so far, in all of them.
    pub(super) tokens: usize,
    /// Whether a literal was looked into.
    reads_literals: Cell<bool>,
    /// The function whose body the text is.
    pub(super) function: Option<Box<str>>,
}

impl Findings {
    /// No tenant may send it. The first refusal is the one that is told.
    pub(super) fn refuse(&mut self, rule: &'static Rule, message: impl Into<String>) {
        if self.refusal.is_none() || rule.wall == Wall::Guard {
            self.deny(Denial::new(rule, message));
        }
    }

    /// These findings may have been reached by looking into a literal: they say nothing about the same text
    /// with another one.
    pub(super) fn depends_on_literals(&self) {
        self.reads_literals.set(true);
    }

    /// No tenant of level `shared` may send it.
    pub(super) fn refuse_shared(&mut self, rule: &'static Rule, message: impl Into<String>) {
        self.shared.get_or_insert_with(|| Denial::new(rule, message));
    }

    /// No tenant of level `shared` may send it to a database that is not hardened.
    pub(super) fn refuse_unhardened(&mut self, rule: &'static Rule, message: impl Into<String>) {
        self.unhardened.get_or_insert_with(|| Denial::new(rule, message));
    }

    /// No session that may only read may send it.
    pub(super) fn refuse_read_only(&mut self, message: impl Into<String>) {
        self.read_only.get_or_insert_with(|| Denial::new(&rules::READ_ONLY, message));
    }

    /// Findings of a text inside the one of these; of a function's body, with its name. `None` where
    /// there are too many of them, or one in another.
    pub(super) fn nested(&mut self, function: Option<&str>) -> Option<Self> {
        self.texts += 1;
        if self.depth == MAX_TEXT_DEPTH || self.texts > MAX_TEXTS {
            return None;
        }
        let function = function.map(Into::into);
        let (depth, texts, tokens) = (self.depth + 1, self.texts, self.tokens);
        Some(Self { depth, texts, tokens, function, ..Self::default() })
    }

    /// The same, for a reason found elsewhere.
    pub(super) fn deny(&mut self, denial: Denial) {
        match &self.refusal {
            None => self.refusal = Some(denial),
            Some(first) if (first.rule.wall, denial.rule.wall) == (Wall::Privileges, Wall::Guard) => {
                self.firm.get_or_insert(denial);
            }
            Some(_) => {}
        }
    }

    pub(super) const fn effect(&mut self, effect: Effect) {
        self.effects |= effect as u32;
    }

    /// Replaces the effects by what `change` makes of them.
    pub(super) fn effects_since(&mut self, before: u32, without: &[Effect]) {
        let mask = without.iter().fold(0, |mask, &effect| mask | effect as u32);
        self.effects = before | (self.effects & !mask);
    }

    pub(super) const fn effect_bits(&self) -> u32 {
        self.effects
    }

    /// Whether this is the text that the client sends, and not one inside it.
    pub(super) const fn is_outermost(&self) -> bool {
        self.depth == 0
    }

    /// The session may listen to this channel afterwards.
    pub(super) fn listens(&mut self, channel: &str) {
        self.listens.insert(names::truncate(channel).into());
    }

    /// A transaction begins or ends.
    pub(super) const fn controls_transaction(&mut self) {
        self.controls_transaction = true;
    }

    /// Reads a relation, or uses an operator or a type.
    pub(super) const fn reads(&mut self) {
        self.reads = true;
    }

    /// Calls a function, or runs code, that the guard cannot see into: it may do what the role may.
    pub(super) const fn opaque(&mut self) {
        self.effect(Effect::Opaque);
        self.effect(Effect::Write);
    }

    /// The text names this schema.
    pub(super) fn schema(&mut self, name: &str) {
        if name == "pg_temp" {
            self.effect(Effect::Temporary);
        }
        if !names::is_system(name) {
            self.needs.insert(Need::Schema(names::truncate(name).into()));
        }
    }

    /// The text runs a routine that PostgreSQL does not bring along, or has one run later.
    pub(super) fn code(&mut self, schema: Option<&str>, name: &str) {
        self.needs.insert(match schema {
            Some(schema) => Need::CodeIn(names::truncate(schema).into()),
            None => Need::Code(names::truncate(name).into()),
        });
    }

    /// The text names this schema as one to be created.
    pub(super) fn own_schema(&mut self, name: &str) {
        self.needs.insert(Need::OwnSchema(names::truncate(name).into()));
    }

    /// The text sets the role to this one.
    pub(super) fn own_role(&mut self, name: &str) {
        self.needs.insert(Need::OwnRole(names::truncate(name).into()));
    }

    /// The text puts this schema into search_path. Whether it stands before all real schemas, where new
    /// objects go to it, is for the caller to say.
    pub(super) fn path_entry(&mut self, name: &str) {
        if !names::is_system(name) && !matches!(name, "" | "$user") {
            self.needs.insert(Need::PathEntry(names::truncate(name).into()));
        }
    }

    /// The text sets a setting that is on no list of the guard's.
    pub(super) fn setting(&mut self, name: &str) {
        self.needs.insert(Need::Setting(name.to_ascii_lowercase().into()));
    }

    /// This setting, in lower case, may have another value for the session afterwards.
    pub(super) fn changes(&mut self, setting: &str) {
        self.changes.insert(setting.into());
    }

    /// A name in parts, as `[database.][schema.]object`.
    pub(super) fn qualified<S: AsRef<str>>(&mut self, parts: &[S]) {
        match parts {
            [] | [_] => {}
            [schema, _] => self.schema(schema.as_ref()),
            [database, .., schema, _] => {
                self.schema(schema.as_ref());
                self.database(database.as_ref());
            }
        }
    }

    /// A database part of a name.
    pub(super) fn database(&mut self, name: &str) {
        let name = names::truncate(name);
        self.refuse(
            &rules::CROSS_DATABASE,
            format!("name with a database part (\"{name}\") is not supported"),
        );
    }

    /// Takes over what a text inside this one says. Its effects count only if it `runs` now.
    pub(super) fn merge(&mut self, inner: Self, runs: bool) {
        for denial in inner.refusal.into_iter().chain(inner.firm) {
            self.deny(denial);
        }
        if let Some(denial) = inner.shared {
            self.shared.get_or_insert(denial);
        }
        if let Some(denial) = inner.unhardened {
            self.unhardened.get_or_insert(denial);
        }
        if let Some(denial) = inner.read_only {
            self.read_only.get_or_insert(denial);
        }
        self.needs.extend(inner.needs);
        self.changes.extend(inner.changes);
        self.texts = inner.texts;
        self.depends_on_literals();
        if runs {
            self.effects |= inner.effects;
        }
    }

    /// The facts, of a text with this many statements.
    pub(super) fn finish(self, statements: u32, deallocates: Option<Deallocated>) -> Facts {
        let mut effects = Effects::default();
        effects.statements = statements;
        effects.deallocates = deallocates;
        effects.settings = self.changes.into_iter().collect();
        effects.listens = self.listens.into_iter().collect();
        effects.controls_transaction = self.controls_transaction;
        effects.reads = self.reads;
        effects.ends_transaction = self.role.ends_transaction;
        effects.goes_on_behind_end = self.role.goes_on_behind_end;
        effects.takes_no_snapshot = self.role.take_no_snapshot();
        effects.role = self.role.result(statements == 1 && self.effects & Effect::DiscardAll as u32 != 0);
        for &effect in Effect::ALL {
            if self.effects & effect as u32 != 0 {
                effects.add(effect);
            }
        }
        Facts {
            refusal: self.refusal,
            firm: self.firm,
            shared: self.shared,
            unhardened: self.unhardened,
            read_only: self.read_only,
            rewritten: None,
            in_place: None,
            reads_literals: self.reads_literals.get(),
            needs: self.needs.into_iter().collect(),
            effects: Arc::new(effects),
        }
    }

    /// Judges what was found so far, for one scope.
    pub(super) fn judge(self, scope: &Scope) -> Result<(), Denial> {
        self.finish(0, None).judge(scope)
    }
}
