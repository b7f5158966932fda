//! pgtenant: a PostgreSQL wire-protocol proxy for schema-per-tenant databases.

pub mod auth;
pub mod cli;
pub mod config;
pub mod control;
pub mod error;
pub mod guard;
pub mod registry;
pub mod tenant;
