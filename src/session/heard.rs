//! What is written down of the texts that a client sends, where its texts are.

use crate::error::SqlState;
use crate::guard::{Denial, Verdict, redact};
use crate::session::Session;

/// A text that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Without what may be a secret.
    pub text: String,
    /// The rule that refused it.
    pub refused_by: Option<&'static str>,
}

/// So much of a refused text is looked at.
const DENIED_BYTES: usize = 1 << 10;

/// A text that a rule of the guard refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The rule's name.
    pub rule: &'static str,
    /// What the client is answered.
    pub sqlstate: SqlState,
    /// The beginning of the text, without what may be a secret.
    pub text: String,
}

impl Denied {
    pub(super) fn new(denial: &Denial, text: &str) -> Self {
        let end = (0..=text.len().min(DENIED_BYTES)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        // What is cut within a constant is left out to its begin.
        Self { rule: denial.rule.id, sqlstate: denial.rule.sqlstate, text: redact(&text[..end]) }
    }
}

/// Closed unless it is opened.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    is_open: bool,
    heard: Vec<Heard>,
}

impl Notebook {
    pub(super) fn note(&mut self, text: &str, verdict: &Verdict) {
        if !self.is_open {
            return;
        }
        let refused_by = match verdict {
            Verdict::Allow(_) => None,
            Verdict::Deny(denial) => Some(denial.rule.id),
        };
        self.heard.push(Heard { text: redact(text), refused_by });
    }
}

impl Session {
    /// From now on the texts that the client sends are written down.
    pub const fn write_down(&mut self) {
        self.notebook.is_open = true;
    }

    /// What was refused since the last call.
    pub fn take_denials(&mut self) -> impl Iterator<Item = Denied> {
        self.denials.drain(..)
    }

    /// What was written down since the last call. To be asked for behind every frame: it is not bounded.
    pub fn take_heard(&mut self) -> impl Iterator<Item = Heard> {
        self.notebook.heard.drain(..)
    }
}
