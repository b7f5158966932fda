//! Several servers of which one is the primary: the one that took writes last is tried first.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::{Server, ServerAddress};
use crate::server::ServerConn;
use crate::server::connect::Endpoint;

/// What a server that is no standby says of itself at the start of a session, since PostgreSQL 14.
const TAKES_WRITES: (&str, &str) = ("in_hot_standby", "off");

#[derive(Debug)]
pub(super) struct Hosts {
    /// The one that is named first.
    home: ServerAddress,
    all: Vec<(ServerAddress, Endpoint)>,
    /// Took writes last.
    preferred: AtomicUsize,
}

impl Hosts {
    pub(super) fn new(server: &Server) -> Self {
        let host = |address: &ServerAddress| (address.clone(), Endpoint::at(address.clone(), &server.tls));
        let all = server.addresses().map(host).collect();
        Self { home: server.address.clone(), all, preferred: AtomicUsize::new(0) }
    }

    /// The only one, if there is one only.
    pub(super) fn only(&self) -> Option<&Endpoint> {
        match self.all.as_slice() {
            [(_, endpoint)] => Some(endpoint),
            _ => None,
        }
    }

    /// Where the one is that took writes last.
    pub(super) fn address(&self) -> &ServerAddress {
        self.all.get(self.preferred.load(Ordering::Relaxed)).map_or(&self.home, |(address, _)| address)
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// In the order in which they are tried, by number.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = (usize, &ServerAddress, &Endpoint)> {
        let first = self.preferred.load(Ordering::Relaxed);
        let others = (0..self.all.len()).filter(move |number| *number != first);
        std::iter::once(first)
            .chain(others)
            .filter_map(|number| self.all.get(number).map(|(address, endpoint)| (number, address, endpoint)))
    }

    /// This one takes writes. Whether another one did before.
    pub(super) fn prefer(&self, number: usize) -> bool {
        self.preferred.swap(number, Ordering::Relaxed) != number
    }
}

/// Whether the connection's server said that it is no standby.
pub(super) fn takes_writes(conn: &ServerConn) -> bool {
    let (name, off) = TAKES_WRITES;
    conn.state.parameters.iter().any(|(parameter, value)| parameter == name && value == off)
}
