//! When a shared connection has served so many tenants that it is better to begin a new one: each leaves what
//! PostgreSQL remembers of its tables in the memory of the server process, which it never gives back.

use crate::config;
use crate::pool::Pool;
use crate::schedule::{Owner, ServerId};
use crate::server::ServerConn;
use crate::tenant::TenantId;

impl Pool {
    /// The connection is about to serve this tenant.
    pub(super) fn note_tenant(&self, conn: &mut ServerConn, tenant: TenantId) {
        // It is closed soon after the limit: the set stays small.
        if conn.owner == Owner::Shared && self.terms().pool.max_tenants_per_connection > 0 {
            conn.served.insert(tenant);
        }
    }
}

/// Whether the connection has served more tenants than it should.
pub(super) fn is_worn(config: &config::Pool, conn: &ServerConn) -> bool {
    let max = config.max_tenants_per_connection;
    max > 0 && conn.served.len() > limit(max, conn.id)
}

/// The limit of one connection: up to a quarter more or less, so that those which were opened together are not
/// closed together.
fn limit(max: usize, id: ServerId) -> usize {
    // Multiplying by the golden ratio spreads numbers in a row evenly.
    let spread = (id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
    let quarter = max / 4;
    max - quarter + spread % (2 * quarter + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn connections_opened_together_wear_out_one_after_the_other() {
        let limits: Vec<_> = (1..=50).map(|id| limit(200, ServerId(id))).collect();
        assert!(limits.iter().all(|limit| (150..=250).contains(limit)), "{limits:?}");
        let different: BTreeSet<_> = limits.iter().collect();
        assert!(different.len() > 30, "{limits:?}");
        let mean = limits.iter().sum::<usize>() / limits.len();
        assert!((190..=210).contains(&mean), "{mean}");
    }

    #[test]
    fn small_limits_are_kept_to() {
        assert!((1..100).all(|id| limit(1, ServerId(id)) == 1 && limit(3, ServerId(id)) == 3));
    }
}
