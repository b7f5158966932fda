//! Faults while clients work: servers that are killed, connections that break, stall, crawl or are refused. A ledger of
//! unique tokens says at the end that nothing acknowledged is lost and nothing is invented, every answer is looked at, and
//! the proxy recovers by itself (docs/reliability.md, "Faults").
//!
//! `PGTENANT_FAULT_ROUNDS` repeats each fault so often.

mod ledger;
mod network;
mod resources;
mod road;
mod server;
mod vanished;
mod work;
