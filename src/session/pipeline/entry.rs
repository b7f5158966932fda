//! [`Entry`]: one request, and what hangs on its answer.

use std::sync::Arc;

use crate::session::statements::{OnServer, Statement};
use crate::session::{OnSuccess, Unnamed};

/// What a request is, as far as its replies differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Parse, answered by `1`.
    Parse,
    /// Bind, answered by `2`.
    Bind,
    /// Close, answered by `3`.
    Close,
    /// Describe of a statement, answered by `t` and then `T` or `n`; of a portal, by `T` or `n`.
    Describe,
    /// Execute, ended by `C`, `I` or `s`.
    Execute,
    /// Query, ended by `Z`.
    Query,
    /// Sync, answered by `Z`.
    Sync,
    /// CopyDone or CopyFail sent before it was known whether a COPY had begun: no answer of its own.
    CopyEnd,
    /// A reply the proxy owes.
    Own,
}

/// What to undo if the server skips the request.
#[derive(Debug, Default)]
pub enum Undo {
    /// Nothing.
    #[default]
    Nothing,
    /// A name was given.
    Forget(Box<[u8]>),
    /// A name was taken away.
    Restore(Box<[u8]>, Arc<Statement>),
    /// The unnamed statement was replaced by what has this token.
    Unnamed(u64, Option<Box<Replaced>>),
}

/// The unnamed statements before one request.
#[derive(Debug)]
pub struct Replaced {
    /// The client's, where the request changed it.
    pub client: Option<Unnamed>,
    /// Token of the server's.
    pub server: u64,
    /// Counts how many are kept.
    pub kept: Arc<()>,
}

impl Undo {
    /// Itself, but nothing for the unnamed statement.
    #[must_use]
    pub fn unless_unnamed(self) -> Self {
        if matches!(self, Self::Unnamed(..)) { Self::Nothing } else { self }
    }

    /// Whether the request decides what a statement name stands for.
    pub(super) fn is_about(&self, of: &[u8]) -> bool {
        match self {
            Self::Nothing => false,
            Self::Forget(name) | Self::Restore(name, _) => **name == *of,
            Self::Unnamed(..) => of.is_empty(),
        }
    }
}

/// One request.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// The proxy's own request: the client sees no reply, but does see an error.
    pub hidden: bool,
    /// Of a hidden query: its ReadyForQuery is for the client, which waits for one.
    pub ready: bool,
    /// The proxy's own request that takes the tenant's role: what follows is skipped if it fails.
    pub switch: bool,
    /// Stands in for a refused request: what the client gets in place of the server's error.
    pub refusal: Option<Box<[u8]>>,
    /// For [`Kind::Own`]: the reply.
    pub reply: &'static [u8],
    /// What the client's names were before.
    pub undo: Undo,
    /// The statement that it binds or describes, or whose name it cannot have.
    pub uses: Option<Arc<Statement>>,
    /// Whether nothing may follow before the answer is seen.
    pub bars: bool,
    /// Whether the first of two replies was passed on: PostgreSQL tells the parameters of a statement before it
    /// looks whether its columns changed.
    pub half_told: bool,
    /// The statement that the server has if this succeeds.
    pub prepares: Option<u64>,
    /// The statement that the server no longer has if this succeeds.
    pub closes: Option<OnServer>,
    /// What becomes true if it succeeds.
    pub on_success: OnSuccess,
    /// Whether it deallocates something only if its answer says so.
    pub by_tag: bool,
    /// The last of what makes the server read the next text as it was judged.
    pub reading: bool,
}

impl Entry {
    /// A request without anything special.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            hidden: false,
            ready: false,
            switch: false,
            refusal: None,
            reply: &[],
            undo: Undo::Nothing,
            uses: None,
            bars: false,
            half_told: false,
            prepares: None,
            closes: None,
            on_success: OnSuccess::NOTHING,
            by_tag: false,
            reading: false,
        }
    }

    /// A request of the proxy's own.
    #[must_use]
    pub fn hidden(kind: Kind) -> Self {
        Self { hidden: true, ..Self::new(kind) }
    }

    /// A request of those that take the tenant's role.
    #[must_use]
    pub fn switch(kind: Kind) -> Self {
        Self { switch: true, ..Self::hidden(kind) }
    }

    /// A reply the proxy owes.
    #[must_use]
    pub fn own(reply: &'static [u8]) -> Self {
        Self { reply, ..Self::new(Kind::Own) }
    }
}
