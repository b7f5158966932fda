//! The admin console: what an operator says over the PostgreSQL protocol, in PgBouncer's words, and what is answered.
//!
//! Pure: texts become [`Command`]s, an [`Overview`](crate::telemetry::overview::Overview) becomes [`Table`]s, messages go in
//! and bytes come out ([`Conversation`]). What a command does is done by whoever [`Run`]s it.

mod command;
mod conversation;
mod help;
mod lexer;
mod messages;
pub mod show;
mod table;

pub use command::{Command, Ending, Show, Target, parse};
pub use conversation::{Conversation, Done, Next, Run};
pub use table::{Column, Table, Type, Value};

pub use crate::config::console::Rights;

/// Longest message that is read, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// What the console calls its server's version: programs expect one of PostgreSQL's form.
pub const SERVER_VERSION: &str = concat!("16.0 (pgtenant ", env!("CARGO_PKG_VERSION"), ")");
