//! The maps behind the directory. Read by everyone at any time, written by one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use tracing::warn;

use crate::auth::{KeyEntry, KeyId};
use crate::registry::directory::UserEntry;
use crate::registry::store::LoadedTenant;
use crate::tenant::{Access, ClusterName, Slug, Tenant, TenantId, TenantRef};

#[derive(Debug, Default)]
pub(super) struct View {
    users: DashMap<String, Arc<UserEntry>>,
    tenants: DashMap<TenantId, LoadedTenant>,
    roles: DashMap<String, TenantId>,
    /// Tenants as those have them that only read, by ids of their own.
    readers: DashMap<TenantId, Arc<Tenant>>,
    slugs: DashMap<Slug, TenantId>,
    keys: DashMap<KeyId, KeyEntry>,
}

impl View {
    pub(super) fn user(&self, name: &str) -> Option<Arc<UserEntry>> {
        self.users.get(name).map(|entry| Arc::clone(&entry))
    }

    pub(super) fn tenant(&self, id: TenantId) -> Option<Arc<Tenant>> {
        let reader = || self.readers.get(&id).map(|reader| Arc::clone(&reader));
        self.tenants.get(&id).map(|loaded| Arc::clone(&loaded.tenant)).or_else(reader)
    }

    pub(super) fn has_readers(&self, id: TenantId) -> bool {
        self.readers.contains_key(&id.other_access())
    }

    pub(super) fn tenant_by_role(&self, role: &str) -> Option<Arc<Tenant>> {
        let id = *self.roles.get(role)?;
        self.tenant(id)
    }

    pub(super) fn key(&self, id: KeyId) -> Option<KeyEntry> {
        self.keys.get(&id).map(|key| *key)
    }

    pub(super) fn tenant_named(&self, named: &TenantRef) -> Option<Arc<Tenant>> {
        match named {
            TenantRef::Id(id) => self.tenant(*id),
            TenantRef::Slug(slug) => {
                let id = *self.slugs.get(slug)?;
                self.tenant(id)
            }
        }
    }

    pub(super) fn has(&self, is_one: impl Fn(&Tenant) -> bool) -> bool {
        self.tenants.iter().any(|loaded| is_one(&loaded.tenant))
    }

    pub(super) fn placed(&self) -> BTreeMap<ClusterName, usize> {
        let mut placed = BTreeMap::new();
        for loaded in &self.tenants {
            *placed.entry(loaded.tenant.cluster.clone()).or_default() += 1;
        }
        placed
    }

    pub(super) fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.tenants.iter().map(|loaded| Arc::clone(&loaded.tenant)).collect()
    }

    pub(super) fn tenant_count(&self) -> usize {
        self.tenants.len()
    }

    pub(super) fn tenants_not_in(&self, loaded: &[LoadedTenant]) -> Vec<TenantId> {
        let kept: std::collections::HashSet<TenantId> = loaded.iter().map(|l| l.tenant.id).collect();
        self.tenants.iter().map(|entry| *entry.key()).filter(|id| !kept.contains(id)).collect()
    }

    /// Whether it was there.
    pub(super) fn remove(&self, id: TenantId) -> bool {
        let Some((_, old)) = self.tenants.remove(&id) else { return false };
        self.roles.remove_if(old.tenant.names.role.as_str(), |_, owner| *owner == id);
        self.slugs.remove_if(&old.tenant.slug, |_, owner| *owner == id);
        for key in &old.keys {
            self.keys.remove(&key.id);
        }
        self.readers.remove(&id.other_access());
        for user in &old.users {
            self.users.remove_if(&user.name, |_, entry| entry.tenant.registered() == id);
        }
        true
    }

    /// Whether anything is new.
    pub(super) fn put(&self, new: LoadedTenant) -> bool {
        let id = new.tenant.id;
        let old = self.tenants.get(&id).map(|old| LoadedTenant::clone(&old));
        if old.as_ref() == Some(&new) {
            return false;
        }
        self.roles.insert(new.tenant.names.role.as_str().to_owned(), id);
        self.slugs.insert(new.tenant.slug.clone(), id);
        for key in &new.keys {
            self.keys.insert(key.id, *key);
        }
        match &new.reader {
            Some(reader) => self.readers.insert(reader.id, Arc::clone(reader)),
            None => self.readers.remove(&id.other_access()).map(|(_, reader)| reader),
        };
        for user in &new.users {
            let tenant = match user.access {
                Access::ReadWrite => Some(&new.tenant),
                Access::ReadOnly => new.reader.as_ref(),
            };
            let Some(tenant) = tenant else {
                warn!(
                    user = user.name,
                    "a user cannot log in: its tenant has no role that only reads; run `pgtenant tenant create` again"
                );
                self.users.remove_if(&user.name, |_, entry| entry.tenant.registered() == id);
                continue;
            };
            let entry = UserEntry {
                user_name: user.name.clone(),
                tenant: Arc::clone(tenant),
                verifier: user.verifier.clone(),
            };
            self.users.insert(user.name.clone(), Arc::new(entry));
        }
        if let Some(old) = old {
            for key in old.keys.iter().filter(|key| new.keys.iter().all(|kept| kept.id != key.id)) {
                self.keys.remove(&key.id);
            }
            // A user that went to another tenant meanwhile is that tenant's, not ours to remove.
            for user in old.users.iter().filter(|user| new.users.iter().all(|new| new.name != user.name)) {
                self.users.remove_if(&user.name, |_, entry| entry.tenant.registered() == id);
            }
            if old.tenant.names.role != new.tenant.names.role {
                self.roles.remove_if(old.tenant.names.role.as_str(), |_, owner| *owner == id);
            }
            if old.tenant.slug != new.tenant.slug {
                self.slugs.remove_if(&old.tenant.slug, |_, owner| *owner == id);
            }
        }
        self.tenants.insert(id, new);
        true
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::auth::{MasterKey, Verifier};
    use crate::registry::store::LoadedUser;
    use crate::tenant::{Level, TenantNames};

    fn tenant(number: u128, slug: &str, users: &[&str]) -> LoadedTenant {
        let slug = Slug::parse(slug).unwrap();
        let key = MasterKey::parse(&"ab".repeat(32)).unwrap();
        let tenant = Tenant {
            id: TenantId(Uuid::from_u128(number)),
            reader_role: Some(TenantNames::reader_for_slug(&slug)),
            channels: key.channel_prefix(TenantId(Uuid::from_u128(number))),
            level: Level::Shared,
            ..Tenant::sample(slug.as_str())
        };
        let user = |name: &&str| {
            let access = if name.ends_with("_ro") { Access::ReadOnly } else { Access::ReadWrite };
            LoadedUser {
                name: (*name).to_owned(),
                verifier: Verifier::mock(&key.first_decoy(), name),
                access,
            }
        };
        let users = users.iter().map(user).collect();
        LoadedTenant { reader: tenant.read_only(), tenant: Arc::new(tenant), users, keys: Vec::new() }
    }

    #[test]
    fn user_that_only_reads_is_another_principal_of_the_same_tenant() {
        let view = View::default();
        view.put(tenant(1, "acme", &["app", "app_ro"]));
        let (own, reader) = (view.user("app").unwrap(), view.user("app_ro").unwrap());
        assert_ne!(own.tenant.id, reader.tenant.id);
        assert_eq!(reader.tenant.registered(), own.tenant.id);
        assert_eq!(reader.tenant.names.role.as_str(), "reader_acme");
        assert_eq!((reader.tenant.level, own.tenant.level), (Level::Dedicated, Level::Shared));
        assert_eq!(view.tenant(reader.tenant.id), Some(Arc::clone(&reader.tenant)));
        assert!(view.tenants_not_in(&[tenant(1, "acme", &[])]).is_empty());
        assert_eq!(view.tenant_count(), 1);
        view.remove(own.tenant.id);
        assert_eq!((view.tenant(reader.tenant.id), owner(&view, "app_ro")), (None, None));
    }

    #[test]
    fn user_that_only_reads_does_not_get_more_where_there_is_no_role_for_it() {
        let view = View::default();
        view.put(tenant(1, "acme", &["app_ro"]));
        view.put(LoadedTenant { reader: None, ..tenant(1, "acme", &["app_ro"]) });
        assert_eq!(owner(&view, "app_ro"), None);
    }

    fn owner(view: &View, user: &str) -> Option<String> {
        view.user(user).map(|entry| entry.tenant.slug.to_string())
    }

    #[test]
    fn users_and_role_lead_to_the_tenant_until_it_is_removed() {
        let view = View::default();
        let acme = tenant(1, "acme", &["app", "cron"]);
        assert!(view.put(acme.clone()));
        assert_eq!(owner(&view, "cron").as_deref(), Some("acme"));
        assert_eq!(view.tenant_by_role("tenant_acme"), Some(Arc::clone(&acme.tenant)));
        assert!(view.remove(acme.tenant.id));
        assert!(!view.remove(acme.tenant.id));
        assert_eq!((owner(&view, "app"), view.tenant_by_role("tenant_acme")), (None, None));
    }

    #[test]
    fn tenant_is_found_by_id_and_by_slug_under_its_newest_one_only() {
        let view = View::default();
        let named = |text: &str| TenantRef::parse(text).and_then(|named| view.tenant_named(&named));
        view.put(tenant(1, "acme", &[]));
        let id = TenantId(Uuid::from_u128(1)).to_string();
        assert!(named("acme").is_some() && named(&id) == named("acme"));
        view.put(tenant(1, "acme_ltd", &[]));
        assert!(named("acme").is_none() && named("acme_ltd").is_some() && named(&id).is_some());
        view.remove(TenantId(Uuid::from_u128(1)));
        assert!(named("acme_ltd").is_none() && named(&id).is_none());
    }

    #[test]
    fn key_is_there_until_it_is_revoked_or_its_tenant_goes() {
        let view = View::default();
        let id = KeyId::parse("0123456789ab").unwrap();
        let mut with = tenant(1, "acme", &[]);
        let owner = with.tenant.id;
        let access = crate::auth::Access::ReadWrite;
        with.keys = vec![KeyEntry { id, tenant: owner, access, digest: [1; 32], expires: None }];
        assert!(view.put(with.clone()) && view.key(id) == with.keys.first().copied());
        assert!(view.put(tenant(1, "acme", &[])), "a key less is a change");
        assert_eq!(view.key(id), None);
        view.put(with);
        view.remove(owner);
        assert_eq!(view.key(id), None);
    }

    #[test]
    fn same_state_again_is_no_change() {
        let view = View::default();
        assert!(view.put(tenant(1, "acme", &["app"])));
        assert!(!view.put(tenant(1, "acme", &["app"])));
        assert!(view.put(tenant(1, "acme", &["app", "new"])));
    }

    #[test]
    fn user_that_is_no_longer_listed_is_gone() {
        let view = View::default();
        view.put(tenant(1, "acme", &["app", "old"]));
        view.put(tenant(1, "acme", &["app"]));
        assert_eq!(owner(&view, "old"), None);
    }

    #[test]
    fn user_that_moves_is_the_new_tenants_in_whichever_order_the_news_come() {
        for new_first in [true, false] {
            let view = View::default();
            view.put(tenant(1, "acme", &["app"]));
            let (from, to) = (tenant(1, "acme", &[]), tenant(2, "beta", &["app"]));
            for news in if new_first { [to, from] } else { [from, to] } {
                view.put(news);
            }
            assert_eq!(owner(&view, "app").as_deref(), Some("beta"));
        }
    }

    #[test]
    fn tenants_that_a_full_load_no_longer_has_are_named() {
        let view = View::default();
        view.put(tenant(1, "acme", &[]));
        view.put(tenant(2, "beta", &[]));
        assert_eq!(view.tenants_not_in(&[tenant(2, "beta", &[])]), [TenantId(Uuid::from_u128(1))]);
    }
}
