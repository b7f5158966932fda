//! Shared connections, as far as the pool goes: who logs in, who is served, and when a connection ends. Tenants
//! are not switched to here.

use std::sync::Arc;
use std::time::Duration;

use pgtenant::config::Config;
use pgtenant::notify::Hub;
use pgtenant::pool::{Attached, CheckoutError, Ended, Pool};
use pgtenant::server::cancel::CancelSlot;
use pgtenant::session::params::Settings;
use pgtenant::telemetry::Counters;
use pgtenant::tenant::{Ident, Level, Tenant};
use tokio_postgres::Client;

use crate::support::{Db, value};

/// A pool with a login for shared connections, and two tenants of level `shared`.
struct Ground {
    db: Db,
    admin: Client,
    role: String,
    pool: Arc<Pool>,
    alpha: Arc<Tenant>,
    beta: Arc<Tenant>,
}

fn pool(config: &Config, login: Option<Ident>) -> Arc<Pool> {
    let counters = Arc::new(Counters::default());
    Pool::new(config, Arc::clone(&counters), Hub::new(config, counters), login)
}

async fn ground(change: impl FnOnce(&mut Config)) -> Ground {
    let mut db = Db::ready().await;
    change(&mut db.config);
    let (admin, role) = (db.admin().await, format!("pgtenant_pool_{}", db.name));
    let mut tenants = Vec::new();
    for name in ["alpha", "beta"] {
        db.create(name).await.unwrap();
        let tenant = db.summary(name).await.tenant;
        tenants.push(Arc::new(Tenant { level: Level::Shared, ..tenant }));
    }
    let login = Ident::parse(&role).unwrap();
    let (beta, alpha) = (tenants.pop().unwrap(), tenants.pop().unwrap());
    Ground { pool: pool(&db.config, Some(login)), admin, role, alpha, beta, db }
}

async fn attach(pool: &Arc<Pool>, tenant: &Arc<Tenant>) -> Attached {
    let checkout = pool.checkout(tenant, &Arc::default(), &Arc::default(), None).await.unwrap();
    checkout.attach(&Arc::<Settings>::default()).await.unwrap()
}

impl Ground {
    /// The process that serves the tenant now.
    async fn once(&self, tenant: &Arc<Tenant>) -> i32 {
        let attached = attach(&self.pool, tenant).await;
        let pid = attached.pid();
        attached.detach(Ended::Idle);
        pid
    }

    async fn user(&self, pid: i32) -> String {
        value(&self.admin, &format!("SELECT usename FROM pg_stat_activity WHERE pid = {pid}")).await
    }

    fn with_level(tenant: &Tenant, level: Level) -> Arc<Tenant> {
        Arc::new(Tenant { level, ..tenant.clone() })
    }

    async fn until(&self, what: &str, reached: impl Fn(&Pool) -> bool) {
        for _ in 0..2000 {
            if reached(&self.pool) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("waited in vain until {what}: {:?}", self.pool.load());
    }
}

#[tokio::test]
async fn shared_connection_is_the_pool_role_s_and_serves_one_tenant_after_the_other() {
    let ground = ground(|config| config.pool.max_server_connections = 1).await;
    let pid = ground.once(&ground.alpha).await;
    assert_eq!(ground.user(pid).await, ground.role);
    assert_eq!((ground.once(&ground.beta).await, ground.once(&ground.alpha).await), (pid, pid));
    // A waiter gets it directly.
    let held = attach(&ground.pool, &ground.alpha).await;
    let (pool, beta) = (Arc::clone(&ground.pool), Arc::clone(&ground.beta));
    let waiter = tokio::spawn(async move { attach(&pool, &beta).await.pid() });
    ground.until("it waits", |pool| pool.load().waiting == 1).await;
    held.detach(Ended::Idle);
    assert_eq!(waiter.await.unwrap(), pid);
}

#[tokio::test]
async fn without_a_pool_role_the_client_is_told_what_to_do() {
    let ground = ground(|_| {}).await;
    let pool = pool(&ground.db.config, None);
    let error =
        pool.checkout(&ground.alpha, &Arc::<CancelSlot>::default(), &Arc::default(), None).await.unwrap_err();
    assert!(matches!(&error, CheckoutError::Connect(_)), "{error:?}");
    assert!(error.to_string().contains("pgtenant init"), "{error}");
}

#[tokio::test]
async fn client_that_waits_while_its_tenant_goes_out_of_service_is_told_and_does_not_wait_for_ever() {
    let ground = ground(|config| config.pool.max_server_connections = 1).await;
    let dedicated = |of: &Arc<Tenant>| Arc::new(Tenant { level: Level::Dedicated, ..Tenant::clone(of) });
    let (alpha, beta, pool) = (dedicated(&ground.alpha), dedicated(&ground.beta), &ground.pool);
    let busy = attach(pool, &alpha).await;
    let (seat, slot) = (Arc::default(), Arc::default());
    let waiting = pool.checkout(&beta, &slot, &seat, None);
    let retiring = async {
        while pool.load().waiting == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        pool.retire(beta.id);
        busy.detach(Ended::Idle);
    };
    let told = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(waiting, retiring).0 });
    let told = told.await.expect("it is told");
    assert!(matches!(told, Err(CheckoutError::Connect(_))), "{told:?}");
}

#[tokio::test]
async fn shared_connection_that_has_served_many_tenants_is_closed_on_return() {
    let ground = ground(|config| config.pool.max_tenants_per_connection = 1).await;
    let pid = ground.once(&ground.alpha).await;
    assert_eq!(ground.once(&ground.alpha).await, pid);
    assert_eq!(ground.once(&ground.beta).await, pid, "closed when it comes back, not before");
    assert_ne!(ground.once(&ground.beta).await, pid);
}

#[tokio::test]
async fn shared_connection_whose_process_has_grown_is_closed_on_return() {
    let small = ground(|config| config.pool.memory_check_period = Duration::ZERO).await;
    let pid = small.once(&small.alpha).await;
    small.until("it is back", |pool| pool.load().idle == 1).await;
    assert_eq!(small.once(&small.beta).await, pid, "without a limit");
    let limited = |limit| {
        ground(move |config| {
            (config.pool.memory_check_period, config.pool.max_connection_memory) = (Duration::ZERO, limit);
        })
    };
    let large = limited(1 << 30).await;
    let pid = large.once(&large.alpha).await;
    large.until("it is back", |pool| pool.load().idle == 1).await;
    assert_eq!(large.once(&large.beta).await, pid, "within the limit");
    // Any process uses more than that.
    let grown = limited(100 << 10).await;
    let pid = grown.once(&grown.alpha).await;
    grown.until("it is closed", |pool| pool.load().total == 0).await;
    assert_ne!(grown.once(&grown.beta).await, pid);
}

#[tokio::test]
async fn server_that_does_not_tell_its_memory_is_asked_once() {
    let ground = ground(|config| {
        (config.pool.memory_check_period, config.pool.max_connection_memory) = (Duration::ZERO, 1);
    })
    .await;
    ground
        .db
        .admin_run(&format!(
            "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_get_backend_memory_contexts() FROM {}",
            ground.role
        ))
        .await;
    let pid = ground.once(&ground.alpha).await;
    ground.until("it is back", |pool| pool.load().idle == 1).await;
    assert_eq!(ground.once(&ground.beta).await, pid);
    // It is not even asked: it is back at once.
    assert_eq!((ground.pool.load().total, ground.pool.load().idle), (1, 1));
}

#[tokio::test]
async fn level_changes_under_clients_that_work_and_wait() {
    let ground = ground(|config| config.pool.max_server_connections = 2).await;
    let (shared, own) = (&ground.alpha, Ground::with_level(&ground.alpha, Level::Dedicated));
    ground.pool.renew(&own);
    // What a client logged in with does not count, but what is known now.
    let (held, other) = (attach(&ground.pool, shared).await, attach(&ground.pool, shared).await);
    let own_pid = held.pid();
    assert_eq!(ground.user(own_pid).await, ground.alpha.names.role.as_str());
    let (pool, client) = (Arc::clone(&ground.pool), Arc::clone(&own));
    let waiter = tokio::spawn(async move { attach(&pool, &client).await });
    ground.until("it waits", |pool| pool.load().waiting == 1).await;
    ground.pool.renew(shared);
    assert_eq!(ground.pool.load().total, 2, "nothing is taken from those who work");
    other.detach(Ended::Idle);
    let moved = waiter.await.unwrap();
    assert_eq!(ground.user(moved.pid()).await, ground.role);
    held.detach(Ended::Idle);
    ground.until("its own connections are closed", |pool| pool.load().total == 1).await;
    // And back: the shared connection stays.
    ground.pool.renew(&own);
    moved.detach(Ended::Idle);
    let pid = ground.once(shared).await;
    assert_eq!(ground.user(pid).await, ground.alpha.names.role.as_str());
    assert_eq!((ground.pool.load().total, ground.pool.load().idle), (2, 2));
    // Idle connections of its own go at once.
    ground.pool.renew(shared);
    ground.until("the idle one is closed", |pool| pool.load().total == 1).await;
}
