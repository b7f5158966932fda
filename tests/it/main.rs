//! Integration tests: one binary, a module per subject, against a PostgreSQL of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod audit;
mod clone;
mod cluster;
mod directory;
mod drivers;
mod extended;
mod failure;
mod init;
mod startup;
mod support;
mod tenants;
