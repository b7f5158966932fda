//! What is written down of the texts that a client sends, where its texts are.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::SqlState;
use crate::guard::{Denial, Verdict, redact};
use crate::session::Session;
use crate::session::statements::Statement;

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
    /// Whether the last text is kept.
    remembers: bool,
    /// The beginning of the last text that was judged.
    last: String,
    /// What was used since, if it was prepared before.
    used: Option<Arc<Statement>>,
}

/// So much of a text is kept, in bytes.
const REMEMBERED: usize = 4 << 10;

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(REMEMBERED);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Notebook {
    /// A statement that was prepared before is used.
    pub(super) fn uses(&mut self, statement: &Arc<Statement>) {
        if self.remembers {
            self.used = Some(Arc::clone(statement));
        }
    }

    pub(super) fn note(&mut self, text: &str, verdict: &Verdict) {
        if self.remembers {
            self.used = None;
            self.last.clear();
            self.last.push_str(beginning(text));
        }
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

    /// From now on the text that the client has sent last is known.
    pub const fn remember_texts(&mut self) {
        self.notebook.remembers = true;
    }

    /// The text of the statement that the client has sent or used last, or the beginning of it, where they are remembered.
    #[must_use]
    pub fn last_text(&self) -> Option<Cow<'_, str>> {
        let used = self.notebook.used.as_ref().map(|statement| {
            let text = statement.definition().split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(&text[..text.len().min(REMEMBERED)])
        });
        used.or_else(|| self.notebook.remembers.then_some(Cow::Borrowed(self.notebook.last.as_str())))
    }

    /// Whether nothing was refused, and nothing would have been, since that was last asked for.
    #[must_use]
    pub const fn has_nothing_to_tell(&self) -> bool {
        self.denials.is_empty() && self.reports.is_empty()
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
