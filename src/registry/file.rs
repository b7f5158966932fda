//! Tenants that stand in a file, as the directory has them: for a database without the registry's tables.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::json;
use tokio_postgres::GenericClient;

use crate::config::tenants_file::{FileTenant, TenantsFile};
use crate::config::{Schemas, Secrets};
use crate::registry::RegistryError;
use crate::registry::audit::{self, Finding};
use crate::registry::store::{LoadedTenant, LoadedUser};
use crate::tenant::{Access, ClusterName, Ident, Level, SchemaState, Slug, Status, Tenant, TenantId};

/// What the file said when it was read last.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    file: Arc<RwLock<Arc<TenantsFile>>>,
    /// Which cluster is looked at.
    cluster: ClusterName,
}

impl Listed {
    pub(super) fn new(file: Arc<TenantsFile>, cluster: ClusterName) -> Self {
        Self { file: Arc::new(RwLock::new(file)), cluster }
    }

    /// The same of another file.
    pub(super) fn of(&self, file: &Arc<TenantsFile>) -> Self {
        Self::new(Arc::clone(file), self.cluster.clone())
    }

    /// What it says from now on.
    pub(super) fn replace(&self, file: Arc<TenantsFile>) {
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = file;
    }

    fn now(&self) -> Arc<TenantsFile> {
        Arc::clone(&self.file.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// All of them, or those of `ids`.
    pub(super) fn load(&self, secrets: &Secrets, ids: Option<&[TenantId]>) -> Vec<LoadedTenant> {
        let file = self.now();
        let wanted = |tenant: &&FileTenant| ids.is_none_or(|ids| ids.contains(&tenant.id));
        file.tenants.iter().filter(wanted).map(|tenant| loaded(tenant, secrets)).collect()
    }

    /// See [`Registry::audit_logins`](crate::registry::Registry::audit_logins).
    pub(super) async fn audit(
        &self,
        client: &impl GenericClient,
        login: &str,
        schemas: &Schemas,
    ) -> Result<Vec<Finding>, RegistryError> {
        audit::listed_findings(client, login, schemas, &self.rows()).await
    }

    /// See [`Registry::spare_findings`](crate::registry::Registry::spare_findings).
    pub(super) async fn spare_findings(
        &self,
        client: &impl GenericClient,
    ) -> Result<Vec<Finding>, RegistryError> {
        audit::listed_spare_findings(client, &self.rows()).await
    }

    /// What the audit reads of the registry's table otherwise: of the tenants that are on the cluster that it looks at.
    fn rows(&self) -> serde_json::Value {
        let row = |tenant: &FileTenant| {
            json!({
                "role_name": tenant.names.role.as_str(),
                "schema_name": tenant.names.schema.as_str(),
                "isolation": Level::Dedicated.as_str(),
                "reader_role": tenant.reader_role.as_ref().map(Ident::as_str),
            })
        };
        self.now().tenants.iter().filter(|tenant| tenant.cluster == self.cluster).map(row).collect()
    }
}

/// The tenant of this name, where the tenants stand in a file.
#[must_use]
pub fn listed_tenant(file: &TenantsFile, secrets: &Secrets, slug: &Slug) -> Option<Tenant> {
    let found = file.tenants.iter().find(|tenant| tenant.slug == *slug)?;
    Some(Tenant::clone(&loaded(found, secrets).tenant))
}

fn loaded(tenant: &FileTenant, secrets: &Secrets) -> LoadedTenant {
    let made = Tenant {
        id: tenant.id,
        slug: tenant.slug.clone(),
        name: tenant.name.clone(),
        names: tenant.names.clone(),
        status: Status::Active,
        password_version: tenant.password_version,
        password_key: None,
        // While the master key is replaced, proxies have the old one, or both.
        channels: secrets.oldest().channel_prefix(tenant.id),
        limits: tenant.limits.clone(),
        level: Level::Dedicated,
        access: Access::ReadWrite,
        reader_role: tenant.reader_role.clone(),
        schema: SchemaState::default(),
        settings: tenant.settings.clone(),
        cluster: tenant.cluster.clone(),
    };
    let users = tenant.users.iter().map(|user| LoadedUser {
        name: user.name.clone(),
        verifier: user.verifier.clone(),
        access: user.access,
    });
    LoadedTenant {
        reader: made.read_only(),
        tenant: Arc::new(made),
        users: users.collect(),
        keys: Vec::new(),
    }
}
