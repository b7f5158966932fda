//! pgtenant: a PostgreSQL wire-protocol proxy for schema-per-tenant databases.

pub mod api;
pub mod auth;
pub mod cli;
pub mod client;
pub mod config;
pub mod console;
pub mod control;
pub mod error;
pub mod guard;
pub mod monitor;
pub mod net;
pub mod notify;
pub mod pool;
pub mod registry;
pub mod schedule;
pub mod server;
pub mod session;
pub mod telemetry;
pub mod tenant;
pub mod tokens;
pub mod wire;
