//! Another configuration at runtime, and the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::own_limits::OwnLimits;
use crate::config::{self, Config};
use crate::net::vigil::Vigil;
use crate::pool::{Pool, kept, quota};
use crate::schedule::{Decision, Limits, Scheduler};
use crate::tenant::{Limits as TenantLimits, Tenant};

/// How long a tenant keeps its last connection busy while another tenant has none.
const QUANTUM: Duration = Duration::from_millis(100);

/// What the pool goes by, and what may be changed while it serves.
#[derive(Debug)]
pub(super) struct Terms {
    /// `[pool]`.
    pub(super) pool: config::Pool,
    /// What a tenant may use for which the registry says nothing else.
    pub(super) limits: TenantLimits,
    own_limits: OwnLimits,
}

impl Terms {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            pool: config.pool.clone(),
            limits: config.limits.clone(),
            own_limits: config.own_limits.clone(),
        }
    }

    /// What the tenant may use.
    pub(super) fn limits_of(&self, tenant: &Tenant) -> TenantLimits {
        self.own_limits.limit(&self.limits, tenant)
    }
}

/// What the scheduler needs to know of the configuration.
pub(super) const fn limits(config: &Config) -> Limits {
    Limits {
        total: config.pool.max_server_connections,
        quota: quota(&config.limits, 0),
        opening: config.pool.max_concurrent_opens,
        quantum: QUANTUM,
        adaptive: config.pool.adaptive_concurrency,
    }
}

impl Pool {
    /// Goes by this configuration from now on. Limits hold at once, for tenants of which the registry says nothing else;
    /// a smaller budget as connections come back. Where the server is, and how connections log in, stays as it was.
    pub fn reconfigure(self: &Arc<Self>, config: &Config) {
        self.terms.store(Arc::new(Terms::of(config)));
        self.dialer.set_times(config.server.connect_timeout, Vigil::of(&config.listen));
        let spares = self.lock().spare.is_some().then_some(config.pool.spare_connections);
        self.schedule(|scheduler, now, out| {
            scheduler.set_shared_minimum(config.pool.min_shared_connections);
            if let Some(keep) = spares {
                scheduler.set_spares(keep, now, out);
            }
            scheduler.set_limits(now, limits(config), out);
        });
        let known: Vec<_> = self.lock().tenants.values().cloned().collect();
        known.iter().for_each(|tenant| self.limit(tenant));
    }

    /// What the tenant may use, as configuration, registry and operators say now.
    fn limit(self: &Arc<Self>, tenant: &Tenant) {
        let limits = self.terms().limits_of(tenant);
        let quota = quota(&limits, kept(&limits, tenant));
        self.schedule(|scheduler, now, out| scheduler.set_quota(now, tenant.id, quota, out));
        if let Some(commons) = self.commons.get(&tenant.id) {
            commons.set_limits(limits);
            commons.reuse_unnamed(self.terms().pool.reuse_unnamed_statements);
        }
    }

    /// For the end of the process: closes what is idle, and what comes back as soon as nobody waits for it.
    pub fn wind_down(self: &Arc<Self>) {
        self.lock().spare = None;
        self.schedule(Scheduler::wind_down);
    }

    /// Lets the scheduler do something, and does what it decides.
    fn schedule(self: &Arc<Self>, change: impl FnOnce(&mut Scheduler, Instant, &mut Vec<Decision>)) {
        let mut inner = self.lock();
        let mut decisions = std::mem::take(&mut inner.decisions);
        change(&mut inner.scheduler, Instant::now(), &mut decisions);
        self.carry_out(&mut inner, decisions);
    }
}
