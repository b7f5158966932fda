//! [`Limits`]: what one tenant may use, and for how long.

use std::time::Duration;

/// What one tenant may use. A limit that is `usize::MAX`, or a time that is `None`, is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections at once.
    pub max_clients: usize,
    /// Server connections at once.
    pub max_server_connections: usize,
    /// Server connections that stay open for it at level dedicated, once it had one.
    pub min_server_connections: usize,
    /// Clients waiting for a server connection at once.
    pub max_waiting: usize,
    /// Clients that keep a server connection by session state at once.
    pub max_pinned: usize,
    /// Share of the server connections where there are too few, in proportion to other tenants'.
    pub weight: u32,
    /// How often its clients are given a server connection, in a second.
    pub max_transactions_per_second: usize,
    /// How long a client waits for a server connection.
    pub wait_timeout: Duration,
    /// How long a statement, or a batch of them up to its Sync, may run.
    pub statement_timeout: Option<Duration>,
    /// How long a transaction block may be open.
    pub transaction_timeout: Option<Duration>,
    /// How long a client may be silent in a transaction block.
    pub idle_in_transaction_timeout: Option<Duration>,
    /// How long a client may be silent outside one.
    pub client_idle_timeout: Option<Duration>,
    /// How long a client that keeps a server connection by session state may be silent.
    pub pinned_idle_timeout: Option<Duration>,
}

/// The usual share.
pub const WEIGHT: u32 = 100;

impl Default for Limits {
    /// None at all.
    fn default() -> Self {
        Self {
            max_clients: usize::MAX,
            max_server_connections: usize::MAX,
            min_server_connections: 0,
            max_waiting: usize::MAX,
            max_pinned: usize::MAX,
            weight: WEIGHT,
            max_transactions_per_second: usize::MAX,
            wait_timeout: Duration::from_secs(30),
            statement_timeout: None,
            transaction_timeout: None,
            idle_in_transaction_timeout: None,
            client_idle_timeout: None,
            pinned_idle_timeout: None,
        }
    }
}

/// What the registry says of one tenant's limits; `None` where the configuration's holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// See [`Limits::max_clients`].
    pub max_clients: Option<usize>,
    /// See [`Limits::max_server_connections`].
    pub max_server_connections: Option<usize>,
    /// See [`Limits::min_server_connections`].
    pub min_server_connections: Option<usize>,
    /// See [`Limits::max_waiting`].
    pub max_waiting: Option<usize>,
    /// See [`Limits::max_pinned`].
    pub max_pinned: Option<usize>,
    /// See [`Limits::weight`].
    pub weight: Option<u32>,
    /// See [`Limits::max_transactions_per_second`].
    pub max_transactions_per_second: Option<usize>,
    /// See [`Limits::wait_timeout`].
    pub wait_timeout: Option<Duration>,
    /// See [`Limits::statement_timeout`].
    pub statement_timeout: Option<Option<Duration>>,
    /// See [`Limits::transaction_timeout`].
    pub transaction_timeout: Option<Option<Duration>>,
    /// See [`Limits::idle_in_transaction_timeout`].
    pub idle_in_transaction_timeout: Option<Option<Duration>>,
    /// See [`Limits::client_idle_timeout`].
    pub client_idle_timeout: Option<Option<Duration>>,
    /// See [`Limits::pinned_idle_timeout`].
    pub pinned_idle_timeout: Option<Option<Duration>>,
}

impl Limits {
    /// Whether there is a limit on the time that a client may have a server connection.
    #[must_use]
    pub const fn ends_transactions(&self) -> bool {
        self.statement_timeout.is_some()
            || self.transaction_timeout.is_some()
            || self.idle_in_transaction_timeout.is_some()
            || self.pinned_idle_timeout.is_some()
    }

    /// These, with what the registry says of the tenant.
    #[must_use]
    pub fn with(&self, of: &Overrides) -> Self {
        Self {
            max_clients: of.max_clients.unwrap_or(self.max_clients),
            max_server_connections: of.max_server_connections.unwrap_or(self.max_server_connections),
            min_server_connections: of.min_server_connections.unwrap_or(self.min_server_connections),
            max_waiting: of.max_waiting.unwrap_or(self.max_waiting),
            max_pinned: of.max_pinned.unwrap_or(self.max_pinned),
            weight: of.weight.unwrap_or(self.weight),
            max_transactions_per_second: of
                .max_transactions_per_second
                .unwrap_or(self.max_transactions_per_second),
            wait_timeout: of.wait_timeout.unwrap_or(self.wait_timeout),
            statement_timeout: of.statement_timeout.unwrap_or(self.statement_timeout),
            transaction_timeout: of.transaction_timeout.unwrap_or(self.transaction_timeout),
            idle_in_transaction_timeout: of
                .idle_in_transaction_timeout
                .unwrap_or(self.idle_in_transaction_timeout),
            client_idle_timeout: of.client_idle_timeout.unwrap_or(self.client_idle_timeout),
            pinned_idle_timeout: of.pinned_idle_timeout.unwrap_or(self.pinned_idle_timeout),
        }
    }
}
