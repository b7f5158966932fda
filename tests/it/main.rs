//! Integration tests: one binary, a module per subject, against a PostgreSQL of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod abuse;
mod attack;
mod audit;
mod bench;
mod cancel;
mod certificates;
mod clone;
mod cluster;
mod copy;
mod cut;
mod directory;
mod drivers;
mod extended;
mod failure;
mod guard;
mod handover;
mod harden;
mod identity;
mod init;
mod level;
mod levels;
mod limits;
mod master_key;
mod notify;
mod parity;
mod pooling;
mod program;
mod readers;
mod report;
mod rotation;
mod search_path;
mod server_login;
mod settings;
mod settings_tracking;
mod shared;
mod shared_pool;
mod spares;
mod stale_plans;
mod startup;
mod state;
mod support;
mod tenants;
mod tls;
mod tokens;
