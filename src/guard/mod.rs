//! The guard: judges every statement text before a server may see it.

mod verdict;

use std::sync::Arc;

pub use verdict::{Cleared, Deallocated, Denial, Effect, Effects, Rule, Scope, UNPARSABLE, Verdict};

/// TEMPORARY
#[derive(Debug)]
pub struct Guard;

/// TEMP
pub static TOO_LONG: Rule = Rule {
    id: "statement_too_long",
    sqlstate: crate::error::SqlState::PROGRAM_LIMIT_EXCEEDED,
    doc: "",
    hint: "",
};
static CROSS: Rule =
    Rule { id: "cross_schema", sqlstate: crate::error::SqlState::INSUFFICIENT_PRIVILEGE, doc: "", hint: "" };
impl Guard {
    /// TEMP
    pub fn new(_: &crate::config::Guard) -> Self {
        Self
    }
    /// TEMP
    pub fn max_statement_bytes(&self) -> usize {
        1 << 20
    }
    /// TEMP
    pub fn is_cached(&self, _t: &str) -> bool {
        true
    }
    /// TEMP
    pub fn warm(&self, _t: &str) {}
    /// TEMP
    pub fn too_long(&self, n: usize) -> Denial {
        Denial { rule: &TOO_LONG, message: format!("{n}") }
    }
    /// TEMP
    pub fn judge_setting(&self, _: &str, _: &str, _: &Scope) -> Result<(), Denial> {
        Ok(())
    }
    /// TEMP
    pub fn judge(&self, text: &str, scope: &Scope) -> Verdict {
        if text.contains("refuse_me") {
            return Verdict::Deny(Denial { rule: &CROSS, message: "no".into() });
        }
        let mut e = Effects::default();
        e.statements = 1;
        let low = text.to_ascii_lowercase();
        if low.starts_with("set ") {
            e.add(Effect::Setting)
        }
        if low.contains("temp table") {
            e.add(Effect::Temporary)
        }
        if low == "discard all" {
            e.add(Effect::DiscardAll)
        }
        if low == "deallocate all" {
            e.deallocates = Some(Deallocated::All)
        } else if let Some(n) = low.strip_prefix("deallocate ") {
            e.deallocates = Some(Deallocated::Name(n.into()))
        }
        Verdict::Allow(Cleared::new(scope.tenant), Arc::new(e))
    }
}
