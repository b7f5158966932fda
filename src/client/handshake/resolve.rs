//! The part of the handshake that finds out of which tenant a client is to be.

use std::sync::Arc;

use crate::auth::evidence::{self, Candidate, Contradiction, Evidence, FirstWords, Witness};
use crate::client::handshake::certificate::Shown;
use crate::client::handshake::{Hello, no_option};
use crate::client::{Shared, access};
use crate::error::SqlState;
use crate::registry::UserEntry;
use crate::session::Refusal;
use crate::tenant::{Tenant, TenantRef};
use crate::wire::startup::{self, Startup};

/// How a client can say it.
const HINT: &str = "Name the tenant by the host name, the database name, `user.tenant` as the user name, or options='-c pgtenant.tenant=…'; all that name one must agree.";

/// The user who is to prove who it is.
pub(super) struct Found {
    /// If there is one.
    pub(super) entry: Option<Arc<UserEntry>>,
    /// Whether the end of the user name stands for the tenant.
    pub(super) by_end: bool,
}

impl Hello<'_> {
    /// What the client says of its tenant, before anything is proved.
    pub(super) fn evidence(
        &self,
        shared: &Shared,
        startup: &Startup,
        shown: Option<&Shown>,
    ) -> Result<Evidence, Refusal> {
        let options =
            startup::options_settings(startup.get("options").unwrap_or_default()).map_err(no_option)?;
        let options = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let named = options.chain(startup.settings()).filter(|(name, _)| is_option(name));
        let words = FirstWords {
            user: startup.get("user").unwrap_or_default(),
            database: startup.get("database"),
            server_name: self.stream.tls().and_then(|tls| tls.sni.as_deref()),
            option: named.map(|(_, value)| value).last(),
            certificate: shown.map_or(&[], |shown| &shown.tenants),
        };
        let config = shared.config();
        let read = Evidence::read(words, &config.server.database, config.listen.tenant_domain.as_deref());
        read.map_err(|contradiction| {
            let message = match contradiction {
                Contradiction::NoName => {
                    format!("{} names no tenant: neither a short name nor an id", Witness::Option)
                }
                Contradiction::Differ(one, other) => format!("{one} and {other} name different tenants"),
            };
            Refusal::fatal(SqlState::INVALID_AUTHORIZATION, message).with_hint(HINT)
        })
    }
}

/// Whether a setting of the startup packet is no setting, but names the tenant.
pub(super) fn is_option(name: &str) -> bool {
    name.eq_ignore_ascii_case(evidence::OPTION)
}

/// Whether one says how much of the tenant the client asks for.
pub(super) fn is_access(name: &str) -> bool {
    name.eq_ignore_ascii_case(access::OPTION)
}

/// The first of the users who may be meant. One of another tenant than is named is none.
pub(super) fn find(shared: &Shared, evidence: &Evidence) -> Found {
    for candidate in &evidence.candidates() {
        let entry = shared.directory.lookup(candidate.user);
        if let Some(entry) = entry.filter(|entry| is_meant(candidate, entry)) {
            return Found { entry: Some(entry), by_end: candidate.by_end };
        }
    }
    Found { entry: None, by_end: false }
}

fn is_meant(candidate: &Candidate<'_>, entry: &UserEntry) -> bool {
    match &candidate.tenant {
        None => true,
        Some(TenantRef::Id(id)) => entry.tenant.registered() == *id,
        Some(TenantRef::Slug(slug)) => entry.tenant.slug == *slug,
    }
}

/// Refuses a client that has proved who it is, and has named another tenant.
pub(super) fn agree(evidence: &Evidence, tenant: &Tenant, by_end: bool) -> Result<(), Refusal> {
    match evidence.denies(tenant, by_end) {
        // As PostgreSQL says it, see `admit`.
        None | Some(Witness::Database) => Ok(()),
        Some(witness) => {
            let message = format!("{witness} names another tenant than the user's");
            Err(Refusal::fatal(SqlState::INVALID_AUTHORIZATION, message)
                .with_detail(format!("A tenant is named by: {}.", evidence.told()))
                .with_hint(HINT))
        }
    }
}
