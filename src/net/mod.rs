//! Sockets: accepting, dialling, reading and writing.

pub mod listener;
pub mod stock;
pub mod stream;
pub mod tls;
pub mod vigil;
