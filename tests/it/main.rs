//! Integration tests: one binary, a module per subject, against a PostgreSQL of their own.

mod cluster;
