//! The part of the handshake that asks what a client's certificate is good for besides the connection.

use std::sync::Arc;

use crate::auth::Attempt;
use crate::auth::certificate::{self, Names};
use crate::auth::evidence::Evidence;
use crate::client::credential::Identity;
use crate::client::handshake::resolve::{self, Found};
use crate::client::handshake::{Halt, Hello};
use crate::client::{Shared, farewell};
use crate::config::auth::ClientCertificates;
use crate::error::SqlState;
use crate::net::tls::PeerCertificate;
use crate::session::Refusal;
use crate::tenant::TenantRef;
use crate::wire::write;

/// What a certificate must have in it.
const HINT: &str = "Use a certificate whose common name is the tenant's short name or id, or that has one host name of the tenant's, and no other tenant's.";

/// A verified certificate of which something is asked.
pub(super) struct Shown {
    pub(super) peer: Arc<PeerCertificate>,
    /// At least one.
    pub(super) tenants: Vec<TenantRef>,
    /// Whether it is proof enough.
    pub(super) logs_in: bool,
}

impl Hello<'_> {
    /// The client's certificate, if those count here and it has one. One that is no tenant's is not taken for none.
    pub(super) fn shown(&self, shared: &Shared) -> Result<Option<Shown>, Refusal> {
        let mode = shared.config().auth.client_certificates;
        let peer = self.stream.tls().and_then(|tls| tls.peer.clone());
        let Some(peer) = peer.filter(|_| mode != ClientCertificates::Off) else { return Ok(None) };
        let names = Names { common: &peer.common_names, hosts: &peer.dns_names };
        match certificate::tenants(names, shared.config().listen.tenant_domain.as_deref()) {
            Ok(tenants) => Ok(Some(Shown { tenants, logs_in: mode == ClientCertificates::Login, peer })),
            Err(error) => {
                shared.counters.credential_refused(error.name());
                tracing::debug!(reason = error.name(), sha256 = %peer.fingerprint_hex(), "client certificate refused");
                Err(Refusal::fatal(SqlState::INVALID_AUTHORIZATION, error.message()).with_hint(HINT))
            }
        }
    }

    /// The certificate is proof enough: as PostgreSQL's method `cert`, nothing more is asked for. A user of another tenant
    /// is answered like one that there is not.
    pub(super) async fn by_certificate(
        &mut self,
        shared: &Shared,
        user: &str,
        evidence: &Evidence,
    ) -> Result<(Identity, bool), Halt> {
        let Found { entry, by_end } = resolve::find(shared, evidence);
        let Some(entry) = entry else {
            self.count_guess(shared, Attempt::Token);
            shared.counters.credential_refused("certificate_no_user");
            let message = format!("certificate authentication failed for user \"{user}\"");
            return Err(Refusal::fatal(SqlState::INVALID_AUTHORIZATION, message).into());
        };
        let mut out = Vec::new();
        write::authentication_ok(&mut out);
        self.stream.write_all(&out).await?;
        Ok((Identity { by: "certificate", ..Identity::of_user(&entry) }, by_end))
    }

    /// Refuses a client whose certificate does not count any more: authorities and lists may have been replaced since it was
    /// verified. From its place in the roster on it is disconnected for that.
    pub(super) fn still_trusted(&self, shared: &Shared, identity: &Identity) -> Result<(), Refusal> {
        match (&*shared.tls.load(), &identity.certificate) {
            (Some(tls), Some(peer)) if !tls.trusts(peer, self.verified_by) => Err(farewell::distrusted()),
            _ => Ok(()),
        }
    }
}
