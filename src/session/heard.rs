//! What is written down of the texts that a client sends, where its texts are.

use crate::guard::{Verdict, redact};
use crate::session::Session;

/// A text that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Without what may be a secret.
    pub text: String,
    /// The rule that refused it.
    pub refused_by: Option<&'static str>,
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

    /// What was written down since the last call. To be asked for behind every frame: it is not bounded.
    pub fn take_heard(&mut self) -> impl Iterator<Item = Heard> {
        self.notebook.heard.drain(..)
    }
}
