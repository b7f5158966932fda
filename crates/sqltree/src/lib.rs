//! PostgreSQL's own parser (libpg_query, through the `pg_query` crate) as a tree that is read in place.
//!
//! [`parse`] gives a [`Tree`]: the parse tree as the C library serialized it. Nothing decodes it;
//! [`Message`] reads a node's fields from the bytes, and [`Walk`] reaches every node there is, without
//! recursion, so that no statement can overflow a stack. What the tree may hold stands in a table
//! generated from the library's protobuf definitions; bytes that do not fit it are an error.

mod ffi;
mod message;
#[rustfmt::skip]
#[expect(missing_docs, reason = "generated names of PostgreSQL's own structures")]
mod table;
mod walk;

pub use message::{Children, Field, Fields, Malformed, Message, Value};
pub use table::{Kind, field};
pub use walk::{Visit, Walk};

/// The enumerations of the tree's number fields, for example `ObjectType`.
pub mod enums {
    pub use pg_query::protobuf::{
        DiscardMode, GrantTargetType, ObjectType, ReindexObjectType, TransactionStmtKind, VariableSetKind,
    };
}

use std::ops::Range;

use pg_query::protobuf::Token as RawToken;
use thiserror::Error;

/// The parser's refusal of a text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ParseError {
    /// PostgreSQL's message, for example `syntax error at or near "foo"`.
    pub message: String,
    /// The character, counted from 1, where it was found; 0 when that is not known.
    pub cursor_position: u32,
}

/// A parse tree in serialized form. Memory of the C library, freed on drop.
#[derive(Debug)]
pub struct Tree(ffi::Parsed);

impl Tree {
    /// The outermost message, a `ParseResult`.
    #[must_use]
    pub fn root(&self) -> Message<'_> {
        Message::new(Kind::ParseResult, self.0.bytes())
    }

    /// Size of the serialized tree in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.bytes().len()
    }
}

/// Parses with PostgreSQL's grammar and its default settings: standard_conforming_strings is on.
///
/// Time and memory grow with the nodes of the text: for 1 MB between 20 MB (rows of strings) and 270 MB
/// (`SELECT a,a,a…`), and between 0.1 and 1.3 s in an optimized build. Nested comments,
/// and long runs of operator characters or of comments, take quadratic time in the scanner: the caller sets the limits.
///
/// # Errors
/// The parser's message when the text is not in the grammar, holds a NUL byte, or nests too deeply for
/// the stack of the calling thread.
pub fn parse(text: &str) -> Result<Tree, ParseError> {
    ffi::parse(text).map(Tree)
}

/// What PostgreSQL's scanner takes a piece of a text for, as far as readers of constants need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// A string constant without Unicode escapes (`SCONST`).
    String,
    /// An integer constant of 32 bits (`ICONST`).
    Integer,
    /// Any other number (`FCONST`).
    Decimal,
    /// A comment.
    Comment,
    /// Anything else.
    Other,
}

/// The tokens and comments of a text as PostgreSQL's scanner reads them, with the bytes they stand in:
/// to check another reader of texts against it. The limits of [`parse`] are the caller's here too.
///
/// # Errors
/// The scanner's message when the text holds something that it does not know, or a NUL byte.
pub fn tokens(text: &str) -> Result<Vec<(Scanned, Range<usize>)>, ParseError> {
    let kind = |token| match RawToken::try_from(token) {
        Ok(RawToken::Sconst) => Scanned::String,
        Ok(RawToken::Iconst) => Scanned::Integer,
        Ok(RawToken::Fconst) => Scanned::Decimal,
        Ok(RawToken::SqlComment | RawToken::CComment) => Scanned::Comment,
        _ => Scanned::Other,
    };
    Ok(ffi::tokens(text)?.into_iter().map(|(token, bytes)| (kind(token), bytes)).collect())
}
