//! The registry in memory, for the login path: a user's tenant and verifier without a query.
//!
//! A background task keeps it fresh (`refresh`); a registry outage leaves what is known in service.

mod catch_up;
mod peers;
mod refresh;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::auth::{DecoySecret, KeyEntry, KeyId, Verifier};
use crate::config::tenants_file::TenantsFile;
use crate::registry::directory::catch_up::CatchUp;
use crate::registry::directory::peers::Peers;
use crate::registry::directory::view::View;
use crate::registry::store::LoadedTenant;
use crate::registry::{Registry, RegistryError, keys};
use crate::tenant::{ClusterName, Level, Tenant, TenantId, TenantRef};

/// Changes a slow listener may miss before it is told that it missed some.
const CHANGES_KEPT: usize = 1024;

/// A user who may log in: its tenant is in service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEntry {
    /// Name in the startup packet.
    pub user_name: String,
    /// The tenant it belongs to.
    pub tenant: Arc<Tenant>,
    /// What its password is checked against.
    pub verifier: Verifier,
}

/// All users of all tenants in service. Suspended tenants are not in it.
#[derive(Debug)]
pub struct Directory {
    inner: Arc<Inner>,
    decoy: DecoySecret,
    key_uses: mpsc::Sender<KeyId>,
    _refresh: AbortOnDropHandle<()>,
    _notebook: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    view: View,
    catch_up: CatchUp,
    peers: Peers,
    changes: broadcast::Sender<TenantId>,
    in_touch: watch::Sender<bool>,
}

impl Directory {
    /// Loads everything and starts the background task, which ends when the directory is dropped.
    ///
    /// # Errors
    /// When the registry cannot be read: a proxy does not start blind.
    pub async fn start(registry: Registry) -> Result<Self, RegistryError> {
        let inner = Arc::new(Inner {
            registry,
            view: View::default(),
            catch_up: CatchUp::default(),
            peers: Peers::default(),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            in_touch: watch::Sender::new(true),
        });
        let decoy = inner.registry.decoy().await?;
        let listener = refresh::Listener::connect(&inner).await?;
        inner.reload_all().await?;
        let task = tokio::spawn(refresh::run(Arc::clone(&inner), listener));
        let (key_uses, notebook) = keys::notebook(inner.registry.clone());
        Ok(Self {
            inner,
            decoy,
            key_uses,
            _refresh: AbortOnDropHandle::new(task),
            _notebook: AbortOnDropHandle::new(tokio::spawn(notebook)),
        })
    }

    /// A user of a tenant in service, from memory.
    #[must_use]
    pub fn lookup(&self, user_name: &str) -> Option<Arc<UserEntry>> {
        self.inner.view.user(user_name)
    }

    /// What a user whom nobody knows is checked against; the same on every proxy, and for every master key.
    #[must_use]
    pub fn mock(&self, user_name: &str) -> Verifier {
        Verifier::mock(&self.decoy, user_name)
    }

    /// Waits until memory has what was committed to the registry before: whoever was created a moment ago is found then, and
    /// who is not found does not exist. Takes the same time for all names, a quarter of a second at most, and none while
    /// the registry is out of reach.
    pub async fn catch_up(&self) {
        self.inner.catch_up.wait(self.in_touch()).await;
    }

    /// What the file with the tenants says from now on, where they stand in one.
    ///
    /// # Errors
    /// Cannot fail for a file; the registry's otherwise.
    pub async fn relist(&self, file: &Arc<TenantsFile>) -> Result<(), RegistryError> {
        self.inner.registry.relist(file);
        self.inner.reload_all().await
    }

    /// Tells all proxies, this one too. `false` where too much waits to be told, or the registry is out of reach. The payload is hexadecimal.
    pub fn tell_peers(&self, payload: String) -> bool {
        *self.inner.in_touch.borrow() && self.inner.peers.tell(payload)
    }

    /// What proxies tell; anybody else who can log in to the server can too.
    #[must_use]
    pub fn peers(&self) -> broadcast::Receiver<String> {
        self.inner.peers.subscribe()
    }

    /// A tenant in service, as a credential names it.
    #[must_use]
    pub fn tenant_named(&self, named: &TenantRef) -> Option<Arc<Tenant>> {
        self.inner.view.tenant_named(named)
    }

    /// An API key of a tenant in service; revoked ones are not there.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<KeyEntry> {
        self.inner.view.key(id)
    }

    /// Somebody logged in with this key. It is written down later; not at all where too many wait for that.
    pub fn note_key_use(&self, id: KeyId) {
        let _ = self.key_uses.try_send(id);
    }

    /// A tenant in service.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Option<Arc<Tenant>> {
        self.inner.view.tenant(id)
    }

    /// The tenant in service whose server role this is.
    #[must_use]
    pub fn tenant_by_role(&self, role: &str) -> Option<Arc<Tenant>> {
        self.inner.view.tenant_by_role(role)
    }

    /// Whether any tenant in service is of this level.
    #[must_use]
    pub fn has_level(&self, level: Level) -> bool {
        self.inner.view.has(|tenant| tenant.level == level)
    }

    /// The same of a cluster's tenants.
    #[must_use]
    pub fn has_level_on(&self, level: Level, cluster: &ClusterName) -> bool {
        self.inner.view.has(|tenant| tenant.level == level && tenant.cluster == *cluster)
    }

    /// How many tenants in service each cluster has that has any.
    #[must_use]
    pub fn placed(&self) -> BTreeMap<ClusterName, usize> {
        self.inner.view.placed()
    }

    /// All tenants in service.
    #[must_use]
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.inner.view.tenants()
    }

    /// How many tenants are in service.
    #[must_use]
    pub fn tenant_count(&self) -> usize {
        self.inner.view.tenant_count()
    }

    /// Names each tenant that was added, changed, suspended or dropped, after the directory has the
    /// new state: look the tenant up again, it is gone when that gives `None`. A receiver that is told
    /// it lagged must look up all it holds.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<TenantId> {
        self.inner.changes.subscribe()
    }

    /// Whether news from the registry arrives. While it does not, what is known stays in service.
    #[must_use]
    pub fn in_touch(&self) -> watch::Receiver<bool> {
        self.inner.in_touch.subscribe()
    }
}

impl Inner {
    async fn reload_all(&self) -> Result<(), RegistryError> {
        let loaded = self.registry.load_all().await?;
        let gone = self.view.tenants_not_in(&loaded);
        self.apply(gone, loaded);
        Ok(())
    }

    async fn reload(&self, ids: &[TenantId]) -> Result<(), RegistryError> {
        let loaded = self.registry.load_tenants(ids).await?;
        let gone = ids.iter().filter(|id| loaded.iter().all(|l| l.tenant.id != **id)).copied().collect();
        self.apply(gone, loaded);
        Ok(())
    }

    fn apply(&self, gone: Vec<TenantId>, loaded: Vec<LoadedTenant>) {
        for id in gone {
            let had_readers = self.view.has_readers(id);
            if self.view.remove(id) {
                self.announce(id, had_readers);
            }
        }
        for tenant in loaded {
            let id = tenant.tenant.id;
            let had_readers = self.view.has_readers(id);
            if self.view.put(tenant) {
                self.announce(id, had_readers || self.view.has_readers(id));
            }
        }
    }

    /// Those that only read are told apart.
    fn announce(&self, id: TenantId, also_to_readers: bool) {
        let _ = self.changes.send(id);
        if also_to_readers {
            let _ = self.changes.send(id.other_access());
        }
    }
}
