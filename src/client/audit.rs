//! What is written down of those who may look at every tenant: who they are, as whom they come, what they ask for,
//! and when they go. Log lines with the target [`TARGET`].

use crate::client::credential::{Admin, Identity};
use crate::error::Report;
use crate::net::stream::Peer;
use crate::session::{Heard, Refusal};
use crate::telemetry::AUDIT as TARGET;

/// The session begins.
pub(super) fn begun(identity: &Identity, admin: &Admin, peer: Peer) {
    tracing::info!(
        target: TARGET,
        admin = ?admin.name,
        token = ?admin.token,
        %peer,
        access = identity.tenant.access.as_str(),
        "admin session begins"
    );
}

/// The session was refused to somebody whose token is good.
pub(super) fn refused(admin: &Admin, peer: Peer, refusal: &Refusal) {
    tracing::info!(
        target: TARGET,
        admin = ?admin.name,
        token = ?admin.token,
        %peer,
        code = refusal.sqlstate().0,
        error = ?refusal.client_message(),
        "admin session refused"
    );
}

/// A text that is to be run, or was refused by a rule of the guard.
pub(super) fn heard(heard: &Heard) {
    match heard.refused_by {
        None => tracing::info!(target: TARGET, statement = ?heard.text, "admin statement"),
        Some(rule) => {
            tracing::info!(target: TARGET, statement = ?heard.text, rule, "admin statement refused")
        }
    }
}

/// The session is over.
pub(super) fn ended(admin: &Admin) {
    tracing::info!(target: TARGET, admin = ?admin.name, token = ?admin.token, "admin session ends");
}
