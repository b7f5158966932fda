//! What a client sees through the proxy is what it sees on a direct connection: the same conversations
//! with both, compared byte by byte (docs/compatibility.md, "Protocol parity").

mod copy;
mod errors;
mod harness;
mod login;
mod model;
mod pipelines;
mod portals;
mod random;
mod shapes;
mod simple;
mod state;
mod statements;

pub(crate) use random::number;
