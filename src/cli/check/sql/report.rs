//! How `pgtenant check sql` tells its findings.

use std::io::{self, Write};

use serde::Serialize;

use crate::guard::Scope;
use crate::guard::explain::{AtLevel, Explained, Judged, Ruling};
use crate::tenant::Level;

/// Characters of a statement that are shown.
const MAX_SHOWN: usize = 80;

/// What was found so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) statements: usize,
    pub(super) refused: usize,
    pub(super) rewritten: usize,
    pub(super) differ_among_others: usize,
    /// The limit, if all of it in one message would be over it.
    pub(super) too_long: Option<usize>,
}

/// Where findings go, one after the other: a dump has hundreds of thousands of statements.
pub(super) struct Report<W> {
    output: W,
    json: bool,
    first: bool,
}

/// One statement in JSON. The names are stable; docs/operations.md lists them.
#[derive(Serialize)]
struct Line<'a> {
    line: usize,
    column: usize,
    statement: String,
    error_line: Option<usize>,
    error_column: Option<usize>,
    #[serde(flatten)]
    explained: &'a Explained,
}

impl<W: Write> Report<W> {
    pub(super) const fn json(output: W) -> Self {
        Self { output, json: true, first: true }
    }

    pub(super) const fn text(output: W) -> Self {
        Self { output, json: false, first: true }
    }

    /// Tells of one statement: its text, where it begins, and where the parser stopped in it.
    pub(super) fn statement(
        &mut self,
        text: &str,
        place: (usize, usize),
        stopped_at: Option<(usize, usize)>,
        explained: &Explained,
    ) -> io::Result<()> {
        if self.json {
            self.output.write_all(if self.first { b"[\n" } else { b",\n" })?;
            self.first = false;
            let line = Line {
                line: place.0,
                column: place.1,
                statement: shown(text),
                error_line: stopped_at.map(|(line, _)| line),
                error_column: stopped_at.map(|(_, column)| column),
                explained,
            };
            serde_json::to_writer(&mut self.output, &line)?;
            return Ok(());
        }
        let at = format!("{}:{}", place.0, place.1);
        writeln!(self.output, "{at:<9} {:<9} {}", word(explained.judged.verdict), shown(text))?;
        self.judged(&explained.judged)?;
        if let Some((line, column)) = stopped_at {
            self.detail(format_args!("the parser stopped at {line}:{column}"))?;
        }
        if !explained.schemas.is_empty() {
            let named = explained.schemas.iter().map(|schema| {
                let what = match schema.role {
                    "search_path" => " (in search_path)",
                    "create" => " (to create it)",
                    _ => "",
                };
                format!("{}{what}{}", shown(&schema.name), if schema.allowed { "" } else { ", not allowed" })
            });
            self.detail(format_args!("schemas: {}", named.collect::<Vec<_>>().join("; ")))?;
        }
        if !explained.judged.effects.is_empty() {
            self.detail(format_args!("effects: {}", explained.judged.effects.join(", ")))?;
        }
        self.other_levels(&explained.other_levels)?;
        if let Some(among) = &explained.among_others {
            self.among_others(&explained.judged, among)?;
        }
        Ok(())
    }

    fn other_levels(&mut self, levels: &[AtLevel]) -> io::Result<()> {
        for (nth, at) in levels.iter().enumerate() {
            let same = |other: &AtLevel| {
                other.level == at.level && (other.verdict, &other.message) == (at.verdict, &at.message)
            };
            if levels[..nth].iter().any(same) {
                continue;
            }
            let whatever = levels[nth + 1..].iter().any(same);
            let level = if whatever { at.level.to_owned() } else { level(at.level, at.hardened) };
            let rule = at.rule.map(|rule| format!(" ({rule})")).unwrap_or_default();
            let why = at.message.as_deref().map(|message| format!(": {}", shown(message)));
            let verdict = word(at.verdict);
            self.detail(format_args!("at level {level}: {verdict}{rule}{}", why.unwrap_or_default()))?;
        }
        Ok(())
    }

    fn judged(&mut self, judged: &Judged) -> io::Result<()> {
        if let (Some(rule), Some(message)) = (judged.rule, &judged.message) {
            let state = judged.sqlstate.unwrap_or_default();
            self.detail(format_args!("{rule} ({state}): {}", shown(message)))?;
        }
        if let Some(hint) = judged.hint {
            self.detail(format_args!("hint: {hint}"))?;
        }
        if let Some(text) = &judged.rewritten {
            self.detail(format_args!("sent in its place: {}", shown(text)))?;
        }
        Ok(())
    }

    fn among_others(&mut self, alone: &Judged, among: &Judged) -> io::Result<()> {
        let mut what = word(among.verdict).to_owned();
        if let (Some(rule), Some(message)) = (among.rule, &among.message) {
            what = format!("{what} ({rule}): {}", shown(message));
        }
        if among.effects != alone.effects {
            let effects = if among.effects.is_empty() { "none".to_owned() } else { among.effects.join(", ") };
            what = format!("{what}; effects: {effects}");
        }
        self.detail(format_args!("in one message with others: {what}"))
    }

    fn detail(&mut self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.output, "{:<20}{text}", "")
    }

    /// The end of the document, or the summary.
    pub(super) fn end(&mut self, tally: &Tally, scope: &Scope, only_reports: bool) -> io::Result<()> {
        if self.json {
            self.output.write_all(if self.first { b"[]\n" } else { b"\n]\n" })?;
            return self.output.flush();
        }
        let Tally { statements, refused, rewritten, .. } = *tally;
        let level = level(scope.level.as_str(), scope.hardened);
        if statements > 0 {
            writeln!(self.output)?;
        }
        writeln!(
            self.output,
            "{statements} statements: {} allowed, {rewritten} rewritten, {refused} refused (schema {}, level {level})",
            statements - refused - rewritten,
            scope.schema.as_str(),
        )?;
        if tally.differ_among_others > 0 {
            writeln!(
                self.output,
                "{} of them would be judged differently if all were sent in one message",
                tally.differ_among_others
            )?;
        }
        if let Some(limit) = tally.too_long {
            writeln!(
                self.output,
                "all in one message would be refused (statement_too_long): the limit is {limit} bytes"
            )?;
        }
        if only_reports && scope.level == Level::Dedicated && refused > 0 {
            writeln!(
                self.output,
                "guard.mode is \"report\": of these refusals serve would only log those that PostgreSQL's \
                 privileges stand behind"
            )?;
        }
        self.output.flush()
    }
}

const fn word(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Allow => "allow",
        Ruling::Refuse => "refuse",
        Ruling::Rewritten => "rewritten",
    }
}

fn level(level: &str, hardened: bool) -> String {
    match (level, hardened) {
        ("shared", true) => "shared, hardened".to_owned(),
        ("shared", false) => "shared, not hardened".to_owned(),
        _ => level.to_owned(),
    }
}

/// The first line, cut, and without what could steer a terminal.
pub(super) fn shown(text: &str) -> String {
    let text = text.trim();
    let line = text.lines().next().unwrap_or_default().trim_end();
    let mut letters = line.chars();
    let mut shown: String = letters.by_ref().take(MAX_SHOWN).flat_map(plain).collect();
    if letters.next().is_some() || line.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn plain(letter: char) -> impl Iterator<Item = char> {
    let escaped = letter.is_control().then(|| letter.escape_default());
    let plain = escaped.is_none().then_some(letter);
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_is_shown_and_nothing_that_steers_a_terminal() {
        assert_eq!(shown("select 1"), "select 1");
        assert_eq!(shown("\n select 1,\n 2\n"), "select 1,…");
        assert_eq!(shown("select '\u{1b}[2J\t'"), "select '\\u{1b}[2J\\t'");
        assert_eq!(shown(&"ü".repeat(100)), "ü".repeat(80) + "…");
    }

    #[test]
    fn levels_that_agree_are_told_together() {
        let at = |level, hardened, message: Option<&str>| AtLevel {
            level,
            hardened,
            verdict: if message.is_some() { Ruling::Refuse } else { Ruling::Allow },
            rule: message.map(|_| "some_rule"),
            message: message.map(str::to_owned),
        };
        let told = |levels: &[AtLevel]| {
            let mut output = Vec::new();
            Report::text(&mut output).other_levels(levels).unwrap();
            String::from_utf8(output).unwrap().replace("                    ", "")
        };
        assert_eq!(
            told(&[at("shared", true, Some("no")), at("shared", false, Some("no"))]),
            "at level shared: refuse (some_rule): no\n"
        );
        assert_eq!(
            told(&[at("dedicated", false, None), at("shared", true, None)]),
            "at level dedicated: allow\nat level shared, hardened: allow\n"
        );
        assert_eq!(
            told(&[at("shared", true, Some("no")), at("shared", false, Some("never"))]),
            "at level shared, hardened: refuse (some_rule): no\n\
             at level shared, not hardened: refuse (some_rule): never\n"
        );
    }
}
