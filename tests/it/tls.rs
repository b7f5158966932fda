//! TLS with clients and with the server.

mod clients;
mod conversation;
mod hosts;
mod server;
