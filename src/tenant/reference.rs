//! How a credential names its tenant.

use std::fmt;

use uuid::Uuid;

use crate::tenant::{Slug, TenantId};

/// A tenant by its id or by its slug.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TenantRef {
    /// By the registry's key.
    Id(TenantId),
    /// By the short name.
    Slug(Slug),
}

/// Characters of a uuid with its hyphens, the one form that is no slug.
const UUID_CHARS: usize = 36;

impl TenantRef {
    /// Reads a uuid in its form with hyphens, or a slug.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == UUID_CHARS && text.contains('-') {
            return Uuid::try_parse(text).ok().map(|id| Self::Id(TenantId(id)));
        }
        Slug::parse(text).ok().map(Self::Slug)
    }
}

impl fmt::Display for TenantRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Slug(slug) => slug.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_with_hyphens_is_an_id_and_all_else_a_slug_or_nothing() {
        let id = "0190a3c4-0000-7000-8000-00000000000a";
        assert_eq!(TenantRef::parse(id), Some(TenantRef::Id(TenantId(Uuid::try_parse(id).unwrap()))));
        let digits = id.replace('-', "");
        assert_eq!(TenantRef::parse(&digits), Some(TenantRef::Slug(Slug::parse(&digits).unwrap())));
        assert!(matches!(TenantRef::parse("acme"), Some(TenantRef::Slug(_))));
        let urn = format!("urn:uuid:{id}");
        for text in ["", "Acme", "a-b", "acme ", &urn, "0190a3c4-0000-7000-8000-00000000000g"] {
            assert_eq!(TenantRef::parse(text), None, "{text:?}");
        }
    }
}
