//! A verdict with its reasons, for people who ask before an application sends something.

use std::borrow::Cow;
use std::ops::Range;

use serde::Serialize;

use crate::error::Report;
use crate::guard::facts::Facts;
use crate::guard::{Denial, Guard, Scope, parse, script, walk};
use crate::tenant::Level;

/// The levels a tenant can have, and whether its database is hardened, which counts only for one of them.
const LEVELS: [(Level, bool); 3] = [(Level::Dedicated, false), (Level::Shared, true), (Level::Shared, false)];

/// One statement with all that the guard makes of it. The names of the fields are stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Where it stands in the text, in bytes: from its first word to its semicolon.
    #[serde(skip)]
    pub span: Range<usize>,
    /// Where the parser stopped in the text, in bytes; only of a text that does not parse.
    #[serde(skip)]
    pub stopped_at: Option<usize>,
    /// The verdict.
    #[serde(flatten)]
    pub judged: Judged,
    /// Schemas it names, besides those of the system.
    pub schemas: Vec<NamedSchema>,
    /// What other levels say, if they differ.
    pub other_levels: Vec<AtLevel>,
    /// What is said of it when other statements stand in the same text, if that differs.
    pub among_others: Option<Judged>,
}

/// What is done with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It is sent as it is.
    Allow,
    /// It is refused.
    Refuse,
    /// Another text is sent in its place.
    Rewritten,
}

/// A verdict as plain data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// What is done.
    pub verdict: Ruling,
    /// The id of the rule that refuses.
    pub rule: Option<&'static str>,
    /// SQLSTATE of the refusal.
    pub sqlstate: Option<&'static str>,
    /// What the client would read.
    pub message: Option<String>,
    /// What to do instead.
    pub hint: Option<&'static str>,
    /// The text that is sent in its place.
    pub rewritten: Option<String>,
    /// Names of what it does to session state ([`crate::guard::Effect::name`]).
    pub effects: Vec<&'static str>,
}

/// A schema that a statement names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedSchema {
    /// Its name, folded and cut as PostgreSQL does.
    pub name: String,
    /// In what role: `object` (part of a name), `search_path` (an entry of it), `create` (CREATE SCHEMA).
    #[serde(rename = "as")]
    pub role: &'static str,
    /// Whether the tenant may name it so.
    pub allowed: bool,
}

/// The verdict at another level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AtLevel {
    /// `dedicated` or `shared`.
    pub level: &'static str,
    /// Whether the database is hardened.
    pub hardened: bool,
    /// What is done there.
    pub verdict: Ruling,
    /// The rule that refuses there.
    pub rule: Option<&'static str>,
    /// What the client would read there.
    pub message: Option<String>,
}

impl Guard {
    /// What this guard, if it enforces, says of each statement of a text sent by itself, and why. A text
    /// that does not parse, or is too long, is one entry.
    ///
    /// Parses each statement up to three times and remembers nothing.
    #[must_use]
    pub fn explain(&self, text: &str, scope: &Scope) -> Vec<Explained> {
        let facts = self.examine(text);
        let start = script::first_word(text);
        let whole = start..start + text[start..].trim_end().len();
        match (facts.effects.statements, facts.failure()) {
            (0, None) => Vec::new(),
            (0, Some(denial)) => {
                let stopped_at = denial.position.map(|position| byte_of(text, position));
                vec![Explained { stopped_at, ..self.explain_one(text, whole, &facts, scope) }]
            }
            (1, _) => {
                let whole = start..start + text[start..].trim_end_matches([';', ' ', '\t', '\r', '\n']).len();
                vec![self.explain_one(text, whole, &facts, scope)]
            }
            _ => parse::tree(text, self.max_statement_bytes(), &mut 0)
                .map(|tree| walk::spans(&tree, text))
                .unwrap_or_default()
                .into_iter()
                .map(|span| {
                    let facts = self.examine(&text[span.clone()]);
                    self.explain_one(text, span, &facts, scope)
                })
                .collect(),
        }
    }

    fn explain_one(&self, text: &str, span: Range<usize>, facts: &Facts, scope: &Scope) -> Explained {
        let sent = self.as_sent(&text[span.clone()], scope);
        let changed = matches!(sent, Cow::Owned(_)).then(|| self.examine(&sent));
        let facts = changed.as_ref().unwrap_or(facts);
        let mut judged = judge(facts, scope);
        if changed.is_some() && judged.verdict == Ruling::Allow {
            (judged.verdict, judged.rewritten) = (Ruling::Rewritten, Some(sent.clone().into_owned()));
        }
        let other_levels = LEVELS
            .into_iter()
            .map(|(level, hardened)| Scope { level, hardened, ..scope.clone() })
            .filter(|other| other.level != scope.level || other.hardened != scope.hardened)
            .filter(|other| other.level == Level::Shared || scope.level == Level::Shared)
            .filter_map(|other| at_level(&judged, facts, &other))
            .collect();
        // The line may end in a comment.
        let among = format!("{sent}\n;SELECT");
        let among_others = (facts.effects.statements == 1 && among.len() <= self.max_statement_bytes())
            .then(|| judge(&self.examine(&among), scope))
            // What is sent for a DO block differs by the text around it, and that is no difference.
            .map(|among| match among.verdict {
                Ruling::Refuse => among,
                _ => Judged { rewritten: judged.rewritten.clone(), verdict: judged.verdict, ..among },
            })
            .filter(|among| *among != judged);
        let schemas = facts.schemas(scope).collect();
        Explained { span, stopped_at: None, judged, schemas, other_levels, among_others }
    }
}

fn judge(facts: &Facts, scope: &Scope) -> Judged {
    let effects = facts.effects.iter().map(super::Effect::name).collect();
    let rewritten = facts.rewritten_for(scope).map(|text| text.to_string());
    match facts.judge(scope) {
        Ok(()) => Judged {
            verdict: if rewritten.is_some() { Ruling::Rewritten } else { Ruling::Allow },
            rule: None,
            sqlstate: None,
            message: None,
            hint: None,
            rewritten,
            effects,
        },
        Err(denial) => refused(denial, effects),
    }
}

fn refused(denial: Denial, effects: Vec<&'static str>) -> Judged {
    Judged {
        verdict: Ruling::Refuse,
        rule: Some(denial.rule.id),
        sqlstate: Some(denial.sqlstate().0),
        hint: Some(denial.rule.hint),
        message: Some(denial.message),
        rewritten: None,
        effects,
    }
}

fn at_level(here: &Judged, facts: &Facts, scope: &Scope) -> Option<AtLevel> {
    let there = judge(facts, scope);
    ((there.verdict, there.rule) != (here.verdict, here.rule)).then_some(AtLevel {
        level: scope.level.as_str(),
        hardened: scope.hardened,
        verdict: there.verdict,
        rule: there.rule,
        message: there.message,
    })
}

/// The byte of a character counted from 1.
fn byte_of(text: &str, position: u32) -> usize {
    let letter = usize::try_from(position.saturating_sub(1)).unwrap_or(usize::MAX);
    text.char_indices().nth(letter).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests;
