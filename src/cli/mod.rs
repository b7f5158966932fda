//! The command line.

pub mod cluster;
pub mod connect;
pub mod init;
pub mod tenant;
