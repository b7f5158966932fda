//! The part of the handshake in which somebody who has proved who it is may come in, or not.

use std::sync::Arc;
use std::time::Instant;

use crate::client::credential::Identity;
use crate::client::handshake::apart::hardened;
use crate::client::handshake::{Hello, Proved, admit, no_option, resolve, scope, settings};
use crate::client::roster::Who;
use crate::client::{Cluster, Shared, access, farewell, tell_report};
use crate::net::stream::Peer;
use crate::net::tls::TlsInfo;
use crate::session::Refusal;
use crate::session::params::Settings;
use crate::tenant::{Access, Tenant};
use crate::wire::startup::{self, Startup};

impl Hello<'_> {
    /// The client as people know it.
    pub(super) fn who(&self, identity: &Identity, application_name: String) -> Who {
        let addresses = self.stream.addresses();
        Who {
            pid: 0,
            slug: identity.tenant.slug.clone(),
            cluster: identity.tenant.cluster.clone(),
            user: identity.user_name.clone(),
            access: identity.tenant.access,
            is_admin: identity.admin.is_some(),
            peer: addresses.map_or_else(|| self.stream.peer(), |(peer, _)| Peer::Ip(peer.ip())),
            addresses,
            tls: self.stream.tls().map(TlsInfo::summary),
            application_name,
            since: Instant::now(),
        }
    }
}

/// What the session will be.
///
/// # Errors
/// What may only be said to somebody who proved who they are.
pub(super) async fn let_in(
    shared: &Shared,
    startup: &Startup,
    identity: Identity,
) -> Result<Proved, Refusal> {
    let identity = identity.with_access(wanted_access(startup)?)?;
    admit(shared, startup, &identity.tenant)?;
    let cluster = cluster_of(shared, &identity.tenant)?;
    let hardened = hardened(shared, &cluster, &identity.tenant).await?;
    let scope = scope(&shared.config(), &identity.tenant, hardened);
    let (settings, reports) = settings(shared, startup, &scope, own_settings(&identity.tenant))?;
    // The client's own span begins when it is served.
    let span = tracing::info_span!("client", tenant = %identity.tenant.slug, user = ?identity.user_name);
    span.in_scope(|| reports.iter().for_each(|denial| tell_report(denial, "setting", &shared.counters)));
    let reported = !reports.is_empty();
    let application_name = named(startup.get("application_name").unwrap_or_default());
    Ok(Proved {
        identity,
        cluster,
        scope,
        settings,
        reported,
        minor: startup.spoken_minor(),
        application_name,
    })
}

/// Where the tenant's data is.
fn cluster_of(shared: &Shared, tenant: &Tenant) -> Result<Arc<Cluster>, Refusal> {
    shared.clusters.of(&tenant.cluster).map(Arc::clone).map_err(|unserved| {
        tracing::warn!(tenant = %tenant.slug, error = %unserved, "a client is refused");
        farewell::not_reached(&tenant.slug)
    })
}

/// As much of a program's name as PostgreSQL keeps (`NAMEDATALEN - 1` bytes), with a question mark for each character that
/// it would not print (`pg_clean_ascii`).
fn named(name: &str) -> String {
    name.chars().take(63).map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

/// What its operator has it begin with, which no client's rules bind. What the client says outranks it.
fn own_settings(tenant: &Tenant) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in &tenant.settings {
        settings.set(name, value);
    }
    settings
}

/// What the client asks for, by [`access::OPTION`].
pub(super) fn wanted_access(startup: &Startup) -> Result<Option<Access>, Refusal> {
    let options = startup::options_settings(startup.get("options").unwrap_or_default()).map_err(no_option)?;
    let options = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let asked = options.chain(startup.settings()).filter(|(name, _)| resolve::is_access(name));
    asked.map(|(_, value)| value).last().map(access::wanted).transpose()
}
