//! [`Owner`]: whose a server connection is.

use std::fmt;

use crate::tenant::TenantId;

/// Whose a server connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A tenant of level `dedicated`: it is logged in as this tenant's role and never serves another.
    Tenant(TenantId),
    /// All tenants of level `shared`: it is logged in as a role without rights.
    Shared,
    /// Nobody yet: it is logged in as a role without rights, and is bound to a tenant of level `dedicated` before it
    /// serves anybody.
    Spare,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => tenant.fmt(f),
            Self::Shared => f.write_str("(shared)"),
            Self::Spare => f.write_str("(spare)"),
        }
    }
}
