//! What a session may do to its tenant's data, and the tenant as those see it that may only read.

use std::sync::Arc;

use uuid::Uuid;

use crate::tenant::{Ident, Level, Tenant, TenantId, TenantNames};

/// What a session may do to its tenant's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// What the tenant's role may.
    #[default]
    ReadWrite,
    /// Read: with a second role that has SELECT only, in transactions that are read-only.
    ReadOnly,
}

impl Access {
    /// The word in the registry, in commands and in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWrite => "read_write",
            Self::ReadOnly => "read_only",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::ReadWrite, Self::ReadOnly].into_iter().find(|access| access.as_str() == word)
    }
}

/// Told apart from all that the registry makes.
const READERS: u128 = 0x5e6f_1c3a_9d24_47b8_8e11_72d0_f3a6_95c4;

impl TenantId {
    /// The id under which the sessions of this tenant that only read are kept apart from its others, and back again.
    #[must_use]
    pub const fn other_access(self) -> Self {
        Self(Uuid::from_u128(self.0.as_u128() ^ READERS))
    }
}

impl Tenant {
    /// Its key in the registry, also where this is the tenant of those that only read.
    #[must_use]
    pub const fn registered(&self) -> TenantId {
        match self.access {
            Access::ReadWrite => self.id,
            Access::ReadOnly => self.id.other_access(),
        }
    }

    /// The tenant as those have it that only read: a principal of its own, with its own role and server connections.
    /// Always of level `dedicated`: PostgreSQL's privileges confine it, whatever confines the others. `None` where it has
    /// no role for this.
    #[must_use]
    pub fn read_only(&self) -> Option<Arc<Self>> {
        let role: Ident = self.reader_role.clone().filter(|_| self.access == Access::ReadWrite)?;
        let names = TenantNames { schema: self.names.schema.clone(), role };
        let (id, access, level) = (self.id.other_access(), Access::ReadOnly, Level::Dedicated);
        Some(Arc::new(Self { id, names, access, level, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_readers_leads_back_to_the_tenant() {
        let id = TenantId(Uuid::from_u128(7));
        assert_ne!(id.other_access(), id);
        assert_eq!(id.other_access().other_access(), id);
    }

    #[test]
    fn words_lead_back() {
        for access in [Access::ReadWrite, Access::ReadOnly] {
            assert_eq!(Access::from_word(access.as_str()), Some(access));
        }
        assert_eq!(Access::from_word("admin"), None);
    }
}
