//! Every metric there is: the one list that the collector, docs/metrics.md, the dashboard of Grafana and the rules for alerts
//! are checked against.

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows from the start of the process on.
    Counter,
    /// What is there now.
    Gauge,
    /// Times by classes.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// All time series of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, by the conventions of Prometheus.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence on what it means.
    pub help: &'static str,
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(pub(super) const $id: Family =
            Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)+
        /// Every metric, in the order of docs/metrics.md.
        pub const FAMILIES: &[Family] = &[$($id),+];
    };
}

families! {
    BUILD_INFO: Gauge "pgtenant_build_info" ["version"] "Always 1; the version is a label.";
    READY: Gauge "pgtenant_ready" [] "Whether /readyz says that the proxy can serve (1) or not (0).";
    PROBLEM: Gauge "pgtenant_problem" ["problem"] "Whether there is something wrong (1) that /readyz names, whether or not the proxy serves all the same.";
    DRAINING: Gauge "pgtenant_draining" [] "Whether the process is about to end (1) and begins no new work.";

    CLIENTS: Gauge "pgtenant_clients" ["state"] "Client connections: login before it is done, idle without a server connection, waiting for one, active with one, pinned to one.";
    CLIENTS_LIMIT: Gauge "pgtenant_clients_limit" [] "listen.max_clients.";
    CLIENTS_ACCEPTED: Counter "pgtenant_clients_accepted_total" [] "Client connections accepted.";
    CLIENTS_REFUSED: Counter "pgtenant_clients_refused_total" [] "Clients turned away because there were too many, or too many that had not logged in.";
    ACCEPTS_FAILED: Counter "pgtenant_accept_failures_total" [] "Times that the system handed over no client that wanted in, for want of descriptors or memory.";
    AUTH_FAILURES: Counter "pgtenant_auth_failures_total" ["reason"] "Clients that did not prove who they are; those without a token or key have the reason password.";
    AUTH_THROTTLED: Counter "pgtenant_auth_throttled_total" [] "Logins refused unseen, after many that failed.";
    ADMIN_SESSIONS: Counter "pgtenant_admin_sessions_total" [] "Sessions of those who may look at every tenant.";
    KEY_LOAD_FAILURES: Counter "pgtenant_token_key_load_failures_total" [] "Failed attempts to read or fetch the keys that tokens are checked with.";
    TLS_SESSIONS: Counter "pgtenant_tls_sessions_total" [] "TLS sessions begun with clients.";
    TLS_FAILURES: Counter "pgtenant_tls_failures_total" [] "TLS handshakes with clients that failed.";
    CANCELS: Counter "pgtenant_cancels_forwarded_total" [] "Cancel requests of clients passed on to PostgreSQL.";
    CANCELS_ELSEWHERE: Counter "pgtenant_cancels_elsewhere_total" [] "Cancel requests that another proxy carried out, because it has the client.";

    QUERIES: Counter "pgtenant_queries_total" [] "Statement texts judged: messages Query and Parse.";
    TRANSACTIONS: Counter "pgtenant_transactions_total" [] "Transactions that ended.";
    BYTES_RECEIVED: Counter "pgtenant_client_received_bytes_total" [] "Bytes read from clients.";
    BYTES_SENT: Counter "pgtenant_client_sent_bytes_total" [] "Bytes written to clients.";
    WAIT_TIMES: Histogram "pgtenant_checkout_wait_seconds" [] "How long clients waited for a server connection, those included that did not have to; without waits for a tenant's rate.";
    HOLD_TIMES: Histogram "pgtenant_checkout_hold_seconds" [] "How long clients had their server connection: for a transaction, or as long as they were pinned.";
    TOTAL_TIMES: Histogram "pgtenant_checkout_total_seconds" [] "Wait and hold together, with waits for a tenant's rate.";
    WAITS_REFUSED: Counter "pgtenant_waits_refused_total" [] "Clients that got no server connection in time, or found the queue full (53300).";
    RATE_DELAYS: Counter "pgtenant_rate_delays_total" [] "Clients that got a server connection later because their tenant was at its rate.";
    TIMEOUTS: Counter "pgtenant_timeouts_total" ["limit"] "Time limits that were over.";

    SERVERS: Gauge "pgtenant_server_connections" ["state"] "Server connections: used (also while they are reset), idle, opening, closing.";
    SERVERS_LIMIT: Gauge "pgtenant_server_connections_limit" [] "pool.max_server_connections, of all clusters that serve together.";
    WAITING: Gauge "pgtenant_clients_waiting" ["kind"] "Clients that wait: for a server connection (server), beside an idle one because enough work at once (concurrency), or for their tenant's rate (rate).";
    SERVERS_OPENED: Counter "pgtenant_server_connections_opened_total" [] "Server connections opened and logged in.";
    SERVERS_CLOSED: Counter "pgtenant_server_connections_closed_total" ["reason"] "Server connections closed.";
    SERVERS_FAILED: Counter "pgtenant_server_connection_failures_total" [] "Server connections that could not be opened.";
    PASSWORDS_REFUSED: Counter "pgtenant_server_passwords_refused_total" [] "Derived passwords that PostgreSQL refused; most often the next one was right.";
    SPARES_BOUND: Counter "pgtenant_spare_connections_bound_total" [] "Spare server connections that were bound to a tenant.";
    RESETS: Counter "pgtenant_server_resets_total" [] "Server connections that were reset before their next use.";
    SETTINGS_APPLIED: Counter "pgtenant_server_settings_applied_total" [] "Times that a client's settings were brought in force on a server connection before its first statement.";
    PARSES_SPARED: Counter "pgtenant_parses_spared_total" [] "Parses of unnamed statements that PostgreSQL was not sent, as the server connection had the statement.";
    ROLE_SWITCHES: Counter "pgtenant_role_switches_total" [] "Times that a tenant's role was taken on a shared server connection, by the statements in front of a client's.";
    HANDOVERS: Counter "pgtenant_handovers_total" [] "Shared server connections that went from one tenant to another.";
    DISCARDS_AWAITED: Counter "pgtenant_discards_awaited_total" [] "Hand-overs at which the client waited until what another tenant left was discarded.";

    PINNED: Gauge "pgtenant_pinned_clients" ["reason"] "Clients that keep their server connection beyond a transaction now.";
    PINS: Counter "pgtenant_pins_total" ["reason"] "Times that a client began to keep its server connection beyond a transaction.";
    OLDEST_PIN: Gauge "pgtenant_oldest_pin_seconds" [] "How long the longest pin has lasted; 0 for none.";

    DENIALS: Counter "pgtenant_denials_total" ["rule"] "Statements that the guard refused.";
    REPORTS: Counter "pgtenant_reports_total" ["rule"] "Statements that the guard would have refused, and only reported.";
    CACHE_HITS: Counter "pgtenant_verdict_cache_hits_total" ["by"] "Verdicts found in the cache: by the exact text, or by the text without its literals.";
    CACHE_MISSES: Counter "pgtenant_verdict_cache_misses_total" [] "Verdicts for which a statement was parsed.";
    CACHE_ENTRIES: Gauge "pgtenant_verdict_cache_entries" [] "Texts in the cache of verdicts.";
    CACHE_BYTES: Gauge "pgtenant_verdict_cache_bytes" [] "Memory that the cache of verdicts holds.";
    CACHE_LIMIT: Gauge "pgtenant_verdict_cache_limit_bytes" [] "guard.cache_bytes.";

    LISTENERS: Gauge "pgtenant_listeners" [] "Clients that listen to notifications.";
    NOTIFICATIONS: Counter "pgtenant_notifications_delivered_total" [] "Notifications that went to a client, once for each client.";
    NOTIFICATIONS_DROPPED: Counter "pgtenant_notifications_dropped_total" ["reason"] "Notifications that went to nobody, and clients that were disconnected in place of being given some.";

    REGISTRY_IN_TOUCH: Gauge "pgtenant_registry_in_touch" [] "Whether news of tenants arrive (1); while not, those that are known stay in service.";
    TENANTS: Gauge "pgtenant_tenants" [] "Tenants in service.";
    CLUSTER_UP: Gauge "pgtenant_cluster_up" ["cluster"] "Whether a cluster answers and serves its tenants (1); for main as pgtenant_registry_in_touch.";
    CLUSTER_SERVERS: Gauge "pgtenant_cluster_server_connections" ["cluster"] "Server connections to a cluster, with those being opened or closed.";
    CLUSTER_LIMIT: Gauge "pgtenant_cluster_server_connections_limit" ["cluster"] "How many there may be.";
    CLUSTER_WAITING: Gauge "pgtenant_cluster_clients_waiting" ["cluster"] "Clients of a cluster's tenants that wait for a server connection.";
    HARDENING: Gauge "pgtenant_hardening" ["state"] "1 for the state that the hardening was last seen in: unknown (nobody looks, as no tenant is shared), in_force, absent, out_of_service.";
    SPARES: Gauge "pgtenant_spare_connections_state" ["state"] "1 for what was last seen of spare connections: unknown, off, ready, exposed.";
    VERIFY_RUNS: Counter "pgtenant_verify_runs_total" [] "Audits of isolation that came to their end.";
    VERIFY_FAILURES: Counter "pgtenant_verify_failures_total" [] "Audits of isolation that could not look.";
    VERIFY_FINDINGS: Gauge "pgtenant_verify_findings" ["severity"] "Findings of the last audit of isolation that count.";

    TENANT_TRANSACTIONS: Counter "pgtenant_tenant_transactions_total" ["tenant"] "Transactions of the tenants with the most traffic, and of all others together.";
    TENANT_QUERIES: Counter "pgtenant_tenant_queries_total" ["tenant"] "Statement texts of the same.";
    TENANT_RECEIVED: Counter "pgtenant_tenant_received_bytes_total" ["tenant"] "Bytes read from clients of the same.";
    TENANT_SENT: Counter "pgtenant_tenant_sent_bytes_total" ["tenant"] "Bytes written to clients of the same.";
    TENANT_DENIALS: Counter "pgtenant_tenant_denials_total" ["tenant"] "Refusals of the guard for the same.";
    TENANT_CHECKOUTS: Counter "pgtenant_tenant_checkouts_total" ["tenant"] "Times that clients of the same were given a server connection.";
    TENANT_HOLD: Counter "pgtenant_tenant_hold_seconds_total" ["tenant"] "How long clients of the same had a server connection, summed: its rate is how many they had at work on average.";
    TENANT_WAIT: Counter "pgtenant_tenant_wait_seconds_total" ["tenant"] "How long clients of the same waited for those that they got, summed.";
    TENANT_CLIENTS: Gauge "pgtenant_tenant_clients" ["tenant"] "Clients of the same now.";
    TENANT_WAITING: Gauge "pgtenant_tenant_clients_waiting" ["tenant"] "Clients of the same that wait for a server connection or their rate.";
    TENANT_PINNED: Gauge "pgtenant_tenant_pinned_clients" ["tenant"] "Clients of the same that keep their server connection beyond a transaction.";
    TENANT_SERVERS: Gauge "pgtenant_tenant_server_connections" ["tenant"] "Server connections of the same now, shared ones while they work for it.";

    MONITOR_REQUESTS: Counter "pgtenant_monitor_requests_total" ["path", "code"] "HTTP requests to this listener, by path and status.";
    MONITOR_SESSIONS: Gauge "pgtenant_monitor_sessions" [] "Sessions of the dashboard.";
    MONITOR_REFUSED: Counter "pgtenant_monitor_connections_refused_total" [] "Connections to this listener that were closed because there were too many.";

    PROCESS_CPU: Counter "process_cpu_seconds_total" [] "Processor time of the process, its own and the system's for it.";
    PROCESS_MEMORY: Gauge "process_resident_memory_bytes" [] "Memory of the process in RAM.";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" [] "Address space of the process.";
    PROCESS_FDS: Gauge "process_open_fds" [] "Open file descriptors.";
    PROCESS_MAX_FDS: Gauge "process_max_fds" [] "Limit on open file descriptors.";
    PROCESS_THREADS: Gauge "process_threads" [] "Threads of the process.";
    PROCESS_START: Gauge "process_start_time_seconds" [] "When the process started, in seconds since 1970.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions_and_are_there_once() {
        let mut seen = BTreeSet::new();
        for family in FAMILIES {
            let name = family.name;
            assert!(seen.insert(name), "{name} twice");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(name.starts_with("pgtenant_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(family.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(family.help.ends_with('.') && !family.help.contains(['|', '\n', '\\']), "{name}");
        }
    }
}
