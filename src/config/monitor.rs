//! `[monitor]`: metrics, health and the dashboard.

use std::net::SocketAddr;
use std::path::PathBuf;

/// From where a token is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokensFrom {
    /// From this machine: nobody between can read it.
    #[default]
    Loopback,
    /// From others too: the operator says that something else encrypts the way.
    Anywhere,
}

/// Who gets metrics without a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Programs on this machine.
    #[default]
    Loopback,
    /// Everybody who can connect.
    Open,
    /// Nobody.
    Token,
}

/// `[monitor]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitor {
    /// TCP addresses; none where there is none of it.
    pub addresses: Vec<SocketAddr>,
    /// File with the tokens of those who may see everything.
    pub token_file: Option<PathBuf>,
    /// From where those are taken.
    pub tokens_from: TokensFrom,
    /// Who gets metrics without one.
    pub metrics_access: MetricsAccess,
    /// Tenants with metrics of their own.
    pub metrics_tenants: usize,
}
