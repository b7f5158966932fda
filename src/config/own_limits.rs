//! [`OwnLimits`]: limits of single tenants that are set by hand, at the console. They outrank the registry's until the configuration
//! is read again.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::limits::{self, LimitError};
use crate::tenant::{Limits, Overrides, Slug, Tenant, TenantId};

/// By the tenant's key in the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnLimits(BTreeMap<TenantId, Own>);

/// One tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Own {
    slug: Slug,
    written: BTreeMap<String, String>,
    read: Overrides,
}

/// One of them, as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLimit {
    /// The tenant's key in the registry.
    pub tenant: TenantId,
    /// Its short name.
    pub slug: Slug,
    /// The limit's name.
    pub name: &'static str,
    /// As an operator writes it; `None` for what registry and configuration say.
    pub value: Option<String>,
}

impl OwnLimits {
    /// These and one more, or one less.
    ///
    /// # Errors
    /// [`LimitError`].
    pub fn with(&self, limit: &OwnLimit) -> Result<Self, LimitError> {
        let mut all = self.clone();
        let mut written = all.0.remove(&limit.tenant).map(|own| own.written).unwrap_or_default();
        match &limit.value {
            Some(value) => written.insert(limit.name.to_owned(), value.clone()),
            None => written.remove(limit.name),
        };
        if !written.is_empty() {
            let read = limits::overrides(&written)?;
            all.0.insert(limit.tenant, Own { slug: limit.slug.clone(), written, read });
        }
        Ok(all)
    }

    /// What a tenant may use: as this says, else the registry, else the configuration. It holds for those that only read, too.
    #[must_use]
    pub fn limit(&self, usual: &Limits, tenant: &Tenant) -> Limits {
        let limits = usual.with(&tenant.limits);
        match self.0.get(&tenant.registered()) {
            Some(own) => limits.with(&own.read),
            None => limits,
        }
    }

    /// `acme.max_clients`, for each.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.0.values().flat_map(|own| own.written.keys().map(|name| format!("{}.{name}", own.slug.as_str())))
    }
}

impl Config {
    /// What a tenant may use.
    #[must_use]
    pub fn limits_of(&self, tenant: &Tenant) -> Limits {
        self.own_limits.limit(&self.limits, tenant)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn limit(tenant: u128, name: &'static str, value: Option<&str>) -> OwnLimit {
        let slug = Slug::parse(&format!("t{tenant}")).unwrap();
        OwnLimit { tenant: TenantId(Uuid::from_u128(tenant)), slug, name, value: value.map(str::to_owned) }
    }

    fn clients(limits: &OwnLimits, tenant: u128) -> Option<usize> {
        limits.0.get(&TenantId(Uuid::from_u128(tenant))).and_then(|own| own.read.max_clients)
    }

    #[test]
    fn each_tenant_has_its_own_until_they_are_put_back() {
        let mut limits = OwnLimits::default();
        for one in [
            limit(1, "max_clients", Some("5")),
            limit(2, "max_clients", Some("6")),
            limit(1, "weight", Some("7")),
        ] {
            limits = limits.with(&one).unwrap();
        }
        assert_eq!((clients(&limits, 1), clients(&limits, 2), clients(&limits, 3)), (Some(5), Some(6), None));
        assert_eq!(limits.names().collect::<Vec<_>>(), ["t1.max_clients", "t1.weight", "t2.max_clients"]);
        limits = limits.with(&limit(2, "max_clients", None)).unwrap();
        limits = limits.with(&limit(1, "max_clients", None)).unwrap();
        assert_eq!(limits.names().collect::<Vec<_>>(), ["t1.weight"]);
        assert_eq!((clients(&limits, 1), clients(&limits, 2)), (None, None));
    }

    #[test]
    fn wrong_value_changes_nothing() {
        let limits = OwnLimits::default().with(&limit(1, "max_clients", Some("5"))).unwrap();
        assert!(limits.with(&limit(1, "max_clients", Some("0"))).is_err());
        assert!(limits.with(&limit(1, "wait_timeout", Some("soon"))).is_err());
        assert_eq!(clients(&limits, 1), Some(5));
    }
}
