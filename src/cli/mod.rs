//! The command line.

pub mod cluster;
