//! Words for tenants: who they are and what their things in the database are called.

mod access;
mod channel;
mod cluster;
mod label;
mod limits;
mod mark;
mod reference;
mod slug;

pub use access::Access;
pub use channel::{ChannelPrefix, suffix as channel_suffix};
pub use cluster::{ClusterName, ClusterNameError};
pub use label::{DISPLAY_NAME_RULE, STRIPE_CUSTOMER_RULE, is_display_name, is_stripe_customer};
pub use limits::{Limits, Overrides, WEIGHT};
pub use mark::KeyMark;
pub use reference::TenantRef;
pub use slug::{Ident, IdentError, Slug, SlugError, TenantNames, quote_identifier};

use std::collections::BTreeMap;
use std::fmt;

use uuid::Uuid;

/// The tenant's key in the registry, `pgtenant.tenants.id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub Uuid);

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a tenant is in its life, `pgtenant.tenants.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Being created; nobody may log in.
    Creating,
    /// In service.
    Active,
    /// Taken out of service by an operator.
    Suspended,
    /// Out of service, and deleted when its time has come.
    Dropping,
}

impl Status {
    /// The word stored in the registry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Dropping => "dropping",
        }
    }

    /// Reads the registry's word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Creating, Self::Active, Self::Suspended, Self::Dropping]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// Who keeps a tenant apart, and so what its statements may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// A server connection is logged in as the tenant's own role: PostgreSQL's privileges are the wall,
    /// the guard is the layer in front.
    #[default]
    Dedicated,
    /// A server connection of a role without rights of its own takes on the tenant's with SET ROLE: the
    /// guard and the hardening of the database are the wall, together.
    Shared,
}

impl Level {
    /// The word in commands and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dedicated => "dedicated",
            Self::Shared => "shared",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Dedicated, Self::Shared].into_iter().find(|level| level.as_str() == word)
    }
}

/// What is known of changes of a tenant's schema that are made past the proxy (`pgtenant migrate`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchemaState {
    /// Moves with every change.
    pub epoch: i64,
    /// Whether one is under way.
    pub is_changing: bool,
}

/// One tenant as the proxy knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Registry key.
    pub id: TenantId,
    /// Short name.
    pub slug: Slug,
    /// Display name.
    pub name: String,
    /// Schema and role.
    pub names: TenantNames,
    /// Whether it may be served.
    pub status: Status,
    /// Counts up when the derived server password is rotated.
    pub password_version: i32,
    /// Which master key the server password is derived from; `None` where that was not written down.
    pub password_key: Option<KeyMark>,
    /// What its notification channels are called on the server.
    pub channels: ChannelPrefix,
    /// Limits of its own.
    pub limits: Overrides,
    /// Who keeps it apart.
    pub level: Level,
    /// What the sessions of this one may do.
    pub access: Access,
    /// The role of those that only read, which older registries do not have.
    pub reader_role: Option<Ident>,
    /// Where its schema is in its changes.
    pub schema: SchemaState,
    /// PostgreSQL settings that its sessions begin with, and go back to; names in lower case.
    pub settings: BTreeMap<String, String>,
    /// Where its data is.
    pub cluster: ClusterName,
}

#[cfg(test)]
impl Tenant {
    /// One of level `dedicated` that is in service, for tests.
    pub(crate) fn sample(slug: &str) -> Self {
        let slug = Slug::parse(slug).expect("a slug");
        Self {
            id: TenantId(Uuid::from_u128(7)),
            name: slug.to_string(),
            names: TenantNames::for_slug(&slug),
            slug,
            status: Status::Active,
            password_version: 1,
            password_key: None,
            channels: ChannelPrefix::new(&[7; 32]),
            limits: Overrides::default(),
            level: Level::Dedicated,
            access: Access::ReadWrite,
            reader_role: None,
            schema: SchemaState::default(),
            cluster: ClusterName::MAIN,
            settings: BTreeMap::new(),
        }
    }
}
