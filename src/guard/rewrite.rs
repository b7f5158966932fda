//! What is sent in the place of a statement, or of a part of it.

use std::ops::Range;
use std::sync::Arc;

use pgtenant_sqltree::{Kind, Message, field};

use crate::guard::lexer::{Lexer, Token};
use crate::guard::{code, names, settings};
use crate::tenant::{ChannelPrefix, Level, channel_suffix, quote_identifier};

/// The function that `pgtenant init` installs in the place of pg_notify: it adds the tenant to the channel.
const PG_NOTIFY: &str = "pgtenant_notify.pg_notify";

/// One replacement.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    /// The other text.
    pub(super) sent: String,
    /// The only level at which it is sent.
    pub(super) only: Option<Level>,
    /// Where in it the prefix of the tenant's channels goes.
    pub(super) prefix_at: Option<usize>,
}

impl Rewrite {
    fn to(sent: impl Into<String>) -> Self {
        Self { sent: sent.into(), ..Self::default() }
    }

    /// A statement about a channel, as `LISTEN "` and what follows.
    fn channel(verb: &str, channel: &str, rest: &str) -> Self {
        let name = quote_identifier(&channel_suffix(names::truncate(channel)));
        Self { sent: format!("{verb} {name}{rest}"), prefix_at: Some(verb.len() + 2), ..Self::default() }
    }
}

/// A text to be sent, but for the prefix of the tenant's channels.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sent {
    text: Arc<str>,
    /// In order.
    prefix_at: Box<[usize]>,
}

impl Sent {
    /// The text for one tenant.
    pub(super) fn with(&self, prefix: &ChannelPrefix) -> Arc<str> {
        if self.prefix_at.is_empty() {
            return Arc::clone(&self.text);
        }
        let mut out = String::with_capacity(self.text.len() + 32 * self.prefix_at.len());
        let mut from = 0;
        for &at in &self.prefix_at {
            out.push_str(&self.text[from..at]);
            out.push_str(prefix.as_str());
            from = at;
        }
        out.push_str(&self.text[from..]);
        out.into()
    }

    /// Whether it is about channels.
    pub(super) const fn has_channels(&self) -> bool {
        !self.prefix_at.is_empty()
    }

    /// Memory it holds, in bytes.
    pub(super) fn size(&self) -> usize {
        self.text.len() + size_of_val(&*self.prefix_at)
    }
}

impl From<&str> for Sent {
    fn from(text: &str) -> Self {
        Self { text: text.into(), prefix_at: Box::default() }
    }
}

/// The text with the replacements for this level, which are in order. `None` where there are none, or where
/// they do not fit.
pub(super) fn sent_in_place(
    text: &str,
    rewrites: &[(Range<usize>, Rewrite)],
    level: Level,
) -> Result<Option<Sent>, DoesNotFit> {
    let (mut out, mut prefix_at) = (String::new(), Vec::new());
    let mut from = 0;
    let mut changed = false;
    for (range, rewrite) in rewrites.iter().filter(|(_, r)| r.only.is_none_or(|only| only == level)) {
        out.push_str(text.get(from..range.start).ok_or(DoesNotFit)?);
        prefix_at.extend(rewrite.prefix_at.map(|at| out.len() + at));
        out.push_str(&rewrite.sent);
        from = range.end;
        changed = true;
    }
    if !changed {
        return Ok(None);
    }
    out.push_str(text.get(from..).ok_or(DoesNotFit)?);
    Ok(Some(Sent { text: out.into(), prefix_at: prefix_at.into() }))
}

/// A replacement is out of the text.
#[derive(Debug)]
pub(super) struct DoesNotFit;

/// What is sent in the place of a whole statement; `None` for the statement itself.
pub(super) fn of_statement(statement: Message<'_>) -> Option<Rewrite> {
    Some(match statement.kind() {
        Kind::DoStmt => Rewrite { only: Some(Level::Shared), ..Rewrite::to(code::definer_block(statement)?) },
        Kind::VariableSetStmt => Rewrite::to(settings::role_in_place(statement)?),
        Kind::CreateSchemaStmt => Rewrite::to(code::schema_is_there(statement)),
        Kind::ListenStmt => Rewrite::channel("LISTEN", statement.text(field::listen_stmt::CONDITIONNAME), ""),
        Kind::UnlistenStmt => match statement.text(field::unlisten_stmt::CONDITIONNAME) {
            "" => return None,
            channel => Rewrite::channel("UNLISTEN", channel, ""),
        },
        Kind::NotifyStmt => {
            let payload = match statement.text(field::notify_stmt::PAYLOAD) {
                "" => String::new(),
                payload => format!(", '{}'", payload.replace('\'', "''")),
            };
            Rewrite::channel("NOTIFY", statement.text(field::notify_stmt::CONDITIONNAME), &payload)
        }
        _ => return None,
    })
}

/// Whether the expressions of a statement run now and are not kept: a definition that is kept stays as it
/// was written.
pub(super) const fn runs_now(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::SelectStmt
            | Kind::InsertStmt
            | Kind::UpdateStmt
            | Kind::DeleteStmt
            | Kind::MergeStmt
            | Kind::CopyStmt
            | Kind::DeclareCursorStmt
            | Kind::PrepareStmt
            | Kind::ExplainStmt
            | Kind::CallStmt
            | Kind::ExecuteStmt
    )
}

/// The calls of pg_notify whose names begin at these bytes, with what is sent in the place of the name. A
/// name that is written so that it is not found stays.
pub(super) fn of_calls(text: &str, mut at: Vec<usize>) -> Vec<(Range<usize>, Rewrite)> {
    if at.is_empty() {
        return Vec::new();
    }
    at.sort_unstable();
    at.dedup();
    let pieces: Vec<_> = Lexer::new(text)
        .map_while(Result::ok)
        .filter(|piece| !matches!(piece.token, Token::LineComment | Token::BlockComment))
        .collect();
    let word = |index: usize| {
        pieces.get(index).and_then(|piece| text.get(piece.start..piece.end)).unwrap_or_default()
    };
    let is = |index, name: &str| {
        let word: &str = word(index);
        word.eq_ignore_ascii_case(name) || word.strip_prefix('"').is_some_and(|w| w == format!("{name}\""))
    };
    at.into_iter()
        .filter_map(|start| {
            let first = pieces.binary_search_by_key(&start, |piece| piece.start).ok()?;
            let last = if is(first, "pg_notify") {
                first
            } else if is(first, "pg_catalog") && word(first + 1) == "." && is(first + 2, "pg_notify") {
                first + 2
            } else {
                return None;
            };
            let range = start..pieces.get(last)?.end;
            Some((range, Rewrite { only: Some(Level::Dedicated), ..Rewrite::to(PG_NOTIFY) }))
        })
        .collect()
}
