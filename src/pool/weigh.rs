//! How much memory the process of a shared connection uses: PostgreSQL keeps what it has learnt of each tenant's tables,
//! and no reset gives it back. Only beginning anew does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::pool::Pool;
use crate::schedule::Owner;
use crate::server::ServerConn;
use crate::wire::view;

/// A server that is busy for longer is asked another time.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the server process has allocated for its own use, in bytes. PostgreSQL has the function since version 14, and it
/// tells of the own process only; `pgtenant init` lets the pool's login call it.
const QUESTION: &str = "SELECT pg_catalog.sum(m.total_bytes)::pg_catalog.int8::pg_catalog.text FROM pg_catalog.pg_get_backend_memory_contexts() m";

/// SQLSTATEs of a server that will not tell: no right, no such function.
const UNTOLD: [&str; 2] = ["42501", "42883"];

impl Pool {
    /// Whether the server is to be asked before the connection is given to somebody else.
    pub(super) fn is_to_be_weighed(&self, conn: &ServerConn) -> bool {
        if conn.owner != Owner::Shared {
            return false;
        }
        let terms = self.terms();
        terms.pool.max_connection_memory > 0
            && conn.weighed.elapsed() >= terms.pool.memory_check_period
            && !self.memory_is_untold.load(Ordering::Relaxed)
    }

    /// Asks the server, then gives the connection back, or closes it where its process uses too much.
    pub(super) async fn weigh(self: Arc<Self>, mut conn: Box<ServerConn>) {
        conn.weighed = Instant::now();
        let Ok(Ok(answer)) = tokio::time::timeout(TIMEOUT, conn.run(&[QUESTION])).await else {
            return self.close(conn, "died_idle");
        };
        if answer.status != b'I' {
            return self.close(conn, "not_clean");
        }
        if let Some(error) = &answer.error {
            if UNTOLD.contains(&error.code.as_str()) && !self.memory_is_untold.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    code = %error.code,
                    "the server does not tell how much memory a connection uses: `pool.max_connection_memory` has no \
                     effect; run `pgtenant init` as a superuser, on PostgreSQL 14 or newer"
                );
            }
            // Or a time-out that the tenant before has left: the next time will do.
            self.give_back(conn);
            return;
        }
        let bytes = answer.rows.first().and_then(|row| bytes(row)).unwrap_or(0);
        tracing::debug!(
            server = conn.id.0,
            pid = conn.key.pid,
            bytes,
            "memory of a shared server connection"
        );
        let most = self.terms().pool.max_connection_memory;
        if most > 0 && bytes > most {
            return self.close(conn, "memory");
        }
        self.give_back(conn);
    }
}

fn bytes(row: &[u8]) -> Option<usize> {
    view::text_row(row)?.first()?.as_ref()?.parse().ok()
}
