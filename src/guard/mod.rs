//! The guard: judges every statement text before a server may see it.
//!
//! A text is parsed with PostgreSQL's grammar and its tree walked once, which gives facts that
//! hold for every tenant: names, effects, reasons to refuse. The verdict for one tenant compares the
//! names with its [`Scope`]. Facts are remembered by the exact text, and by the text without its literals
//! where they did not matter.
//!
//! Names that are put together while a statement runs, bodies of functions in other languages than SQL,
//! and what views, triggers and overloaded operators do are not in the text. PostgreSQL's privileges are
//! the wall there; the guard is the layer in front.

mod cache;
mod code;
mod code_settings;
mod constants;
pub mod dump;
pub mod explain;
mod facts;
mod function_class;
mod functions;
mod lexer;
mod literals;
mod names;
mod parse;
mod public;
mod redact;
mod references;
mod rewrite;
mod role;
mod rules;
pub mod script;
mod settings;
mod statements;
#[cfg(test)]
mod tests;
mod verdict;
mod walk;

pub use code_settings::CodeSettings;
pub use function_class::only_computes;
pub use literals::may_read_clock;
pub use redact::redact;
pub use verdict::{
    Allowed, Cleared, Deallocated, Denial, Effect, Effects, RoleNeed, Rule, Scope, UNPARSABLE, Verdict, Wall,
};

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::GuardMode as Mode;
use crate::guard::cache::Cache;
use crate::guard::facts::{Facts, Findings};
use crate::tenant::Level;

/// Texts from this size on are parsed one at a time by [`Guard::warm`]: parsing takes 20 to 270 times
/// the size of the text in memory.
const BIG_TEXT_BYTES: usize = 128 * 1024;

/// Counters of a guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Judgements answered from the cache, by the exact text.
    pub hits: u64,
    /// Judgements answered from the cache, by a text that differed in literals or comments only.
    pub key_hits: u64,
    /// Judgements that had to parse.
    pub misses: u64,
    /// Texts in the cache, with those that stand for all of their kind.
    pub entries: usize,
    /// Memory the cache holds, in bytes.
    pub bytes: u64,
}

/// Judges statement texts. One for the whole process: the cache is shared by all tenants.
pub struct Guard {
    /// Whether it only reports.
    reports: AtomicBool,
    max_statement_bytes: AtomicUsize,
    cache: Cache,
    big: Mutex<()>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("max_statement_bytes", &self.max_statement_bytes)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard with an empty cache. The schemas of `config.extra_schemas` come with each [`Scope`].
    #[must_use]
    pub fn new(config: &crate::config::Guard) -> Self {
        Self {
            reports: AtomicBool::new(config.mode == Mode::Report),
            max_statement_bytes: AtomicUsize::new(config.max_statement_bytes),
            cache: Cache::new(config.cache_bytes, config.max_statement_bytes),
            big: Mutex::new(()),
        }
    }

    /// Goes by this configuration from the next text on, also for clients that are here; but for what comes with each
    /// [`Scope`].
    pub fn reconfigure(&self, config: &crate::config::Guard) {
        self.reports.store(config.mode == Mode::Report, Ordering::Relaxed);
        self.max_statement_bytes.store(config.max_statement_bytes, Ordering::Relaxed);
        self.cache.resize(config.cache_bytes, config.max_statement_bytes);
    }

    /// The longest text that is judged, in bytes.
    #[must_use]
    pub fn max_statement_bytes(&self) -> usize {
        self.max_statement_bytes.load(Ordering::Relaxed)
    }

    /// The refusal of a text of so many bytes that it is not even read.
    #[must_use]
    pub fn too_long(&self, bytes: usize) -> Denial {
        parse::too_long(bytes, self.max_statement_bytes())
    }

    /// Judges the text of a Query or Parse message for one tenant.
    ///
    /// For a text in the cache this takes well under a microsecond, for one that differs from it only in
    /// literals 0.1 to 4, and allocates nothing when it is allowed. Otherwise it parses: about 8 µs for
    /// a point query, 0.1 to 1.3 s for 1 MB (benches/guard.rs; optimized, shared two-core machine). Callers
    /// that must not block ask [`Guard::is_cached`] and let [`Guard::warm`] run elsewhere first.
    #[must_use]
    pub fn judge(&self, text: &str, scope: &Scope) -> Verdict {
        match self.as_sent(text, scope) {
            Cow::Borrowed(text) => self.judge_as_sent(text, scope),
            Cow::Owned(sent) => match self.judge_as_sent(&sent, scope) {
                Verdict::Allow(mut allowed) => {
                    allowed.rewritten.get_or_insert_with(|| sent.into());
                    Verdict::Allow(allowed)
                }
                deny @ Verdict::Deny(_) => deny,
            },
        }
    }

    /// The text that is judged for this scope: `guard.public_schema` may change it.
    #[must_use]
    pub fn as_sent<'t>(&self, text: &'t str, scope: &Scope) -> Cow<'t, str> {
        if !scope.public_is_own || text.len() > self.max_statement_bytes() {
            return Cow::Borrowed(text);
        }
        public::mapped(text, scope.schema.as_str()).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// The value that a setting of the startup packet gets, by the same rule.
    #[must_use]
    pub fn setting_as_sent<'t>(&self, name: &str, value: &'t str, scope: &Scope) -> Cow<'t, str> {
        if !scope.public_is_own || !name.eq_ignore_ascii_case("search_path") {
            return Cow::Borrowed(value);
        }
        public::mapped_path(value, scope.schema.as_str()).map_or(Cow::Borrowed(value), Cow::Owned)
    }

    fn judge_as_sent(&self, text: &str, scope: &Scope) -> Verdict {
        let facts = self.cache.get(text).unwrap_or_else(|| self.learn(text));
        let reported = match facts.judge(scope) {
            Ok(()) => None,
            // The text would have to be sent as it is.
            Err(denial) if facts.has_channels() => return Verdict::Deny(denial),
            Err(denial) if self.only_reports(&denial, scope) => match facts.firm(scope) {
                None => Some(denial),
                Some(firm) => return Verdict::Deny(firm),
            },
            Err(denial) => return Verdict::Deny(denial),
        };
        Verdict::Allow(Allowed {
            cleared: Cleared::new(scope.tenant),
            effects: if reported.is_some() { facts.effects.unknown() } else { Arc::clone(&facts.effects) },
            rewritten: facts.rewritten_for(scope).filter(|_| reported.is_none()),
            reported,
        })
    }

    /// Whether [`Guard::judge`] would not have to parse this text.
    #[must_use]
    pub fn is_cached(&self, text: &str) -> bool {
        self.cache.contains(text)
    }

    /// Parses the text, so that judging it is fast afterwards. May block: texts of more than 128 KiB wait
    /// for each other.
    pub fn warm(&self, text: &str) {
        let _turn =
            (text.len() >= BIG_TEXT_BYTES).then(|| self.big.lock().unwrap_or_else(PoisonError::into_inner));
        if !self.is_cached(text) {
            self.learn(text);
        }
    }

    /// Judges one setting of the startup packet, also one inside its `options`, by the rules for SET. Gives
    /// the refusal that it would have met, where the guard only reports.
    ///
    /// # Errors
    /// The refusal.
    pub fn judge_setting(&self, name: &str, value: &str, scope: &Scope) -> Result<Option<Denial>, Denial> {
        let mut findings = Findings::default();
        settings::startup(name, value, &mut findings);
        match findings.judge(scope) {
            Ok(()) => Ok(None),
            Err(denial) if self.only_reports(&denial, scope) => Ok(Some(denial)),
            Err(denial) => Err(denial),
        }
    }

    /// Remembers that this text is sent as another one at level `shared`.
    #[cfg(test)]
    pub(crate) fn learn_rewritten(&self, text: &str, sent: &str) {
        let mut facts = self.examine(text);
        facts.rewritten = Some(sent.into());
        self.cache.insert(text, &Arc::new(facts));
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            hits: self.cache.exact_hits(),
            key_hits: self.cache.key_hits(),
            misses: self.cache.misses(),
            entries: self.cache.len(),
            bytes: self.cache.bytes(),
        }
    }

    fn only_reports(&self, denial: &Denial, scope: &Scope) -> bool {
        self.reports.load(Ordering::Relaxed)
            && scope.level == Level::Dedicated
            && denial.rule.wall == Wall::Privileges
    }

    fn examine(&self, text: &str) -> Facts {
        let facts = catch_unwind(AssertUnwindSafe(|| walk::facts(text, self.max_statement_bytes())));
        facts.unwrap_or_else(|_| {
            Facts::refused(Denial::new(&rules::UNPARSABLE, "the statement could not be judged"))
        })
    }

    fn learn(&self, text: &str) -> Arc<Facts> {
        let facts = Arc::new(self.examine(text));
        // A text over the limit costs nothing to refuse again.
        if text.len() <= self.max_statement_bytes() {
            self.cache.insert(text, &facts);
        }
        facts
    }
}

/// Every rule, in the order of docs/errors.md.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    rules::ALL
}
