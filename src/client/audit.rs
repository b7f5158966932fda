//! What is written down of those who may look at every tenant: who they are, as whom they come, what they ask for,
//! and when they go. Log lines with the target [`TARGET`]. With `log.audit_file`, also who logs in, and who is refused what.

use std::time::Instant;

use crate::client::Shared;
use crate::client::console::{Proof, Visitor};
use crate::client::credential::{Admin, Identity};
use crate::client::handshake::Login;
use crate::console::Command;
use crate::error::Report;
use crate::net::stream::Peer;
use crate::session::{Heard, Refusal};
use crate::telemetry::{AUDIT as TARGET, LineKind};

/// Somebody has logged in, whoever it is.
pub(super) fn login(shared: &Shared, login: &Login, peer: Peer) {
    let (by, access) = (login.identity().by, login.tenant().access.as_str());
    let application = login.session.settings().get("application_name").unwrap_or_default();
    if !shared.is_audited() {
        return tracing::debug!(%peer, by, access, application, "login");
    }
    if let Some(untold) = shared.counters.lines().ask(LineKind::Login, Instant::now()) {
        tracing::info!(target: TARGET, %peer, by, access, application, untold, "login");
    }
}

/// Somebody was not let in. Texts are quoted: what a stranger sends must not begin a line of its own in the log.
pub(super) fn login_refused(shared: &Shared, peer: Peer, refusal: &Refusal) {
    let Some(untold) = shared.counters.lines().ask(LineKind::LoginRefused, Instant::now()) else { return };
    let (error, code) = (&*refusal.client_message(), refusal.sqlstate().0);
    if shared.is_audited() {
        tracing::info!(target: TARGET, %peer, error, code, untold, "login refused");
    } else {
        tracing::info!(%peer, error, code, untold, "login refused");
    }
}

/// A rule of the guard has refused a statement.
pub(super) fn denied(is_audited: bool, rule: &'static str, server: Option<i32>, untold: u64) {
    if is_audited {
        tracing::info!(target: TARGET, rule, server, untold, "statement refused");
    } else {
        tracing::info!(rule, server, untold, "statement refused");
    }
}

/// The session begins.
pub(super) fn begun(identity: &Identity, admin: &Admin, peer: Peer) {
    tracing::info!(
        target: TARGET,
        admin = admin.name,
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
        admin = admin.name,
        token = ?admin.token,
        %peer,
        code = refusal.sqlstate().0,
        error = &*refusal.client_message(),
        "admin session refused"
    );
}

/// A text that is to be run, or was refused by a rule of the guard.
pub(super) fn heard(heard: &Heard) {
    match heard.refused_by {
        None => tracing::info!(target: TARGET, statement = heard.text, "admin statement"),
        Some(rule) => {
            tracing::info!(target: TARGET, statement = heard.text, rule, "admin statement refused")
        }
    }
}

/// The session is over.
pub(super) fn ended(admin: &Admin) {
    tracing::info!(target: TARGET, admin = admin.name, token = ?admin.token, "admin session ends");
}

/// Somebody is at the console.
pub(super) fn console_begun(visitor: &Visitor, peer: Peer) {
    let (name, token, rights) = (&visitor.name, &visitor.token, visitor.rights.as_str());
    tracing::info!(target: TARGET, console = name, token = ?token, rights, %peer, "console session begins");
}

/// The console was refused to somebody whose token is good.
pub(super) fn console_refused(proof: &Proof, peer: Peer, refusal: &Refusal) {
    tracing::info!(
        target: TARGET,
        console = proof.name,
        token = ?proof.token,
        %peer,
        code = refusal.sqlstate().0,
        error = &*refusal.client_message(),
        "console session refused"
    );
}

/// Somebody at the console is about to change something.
pub(super) fn console_command(name: &str, command: &Command) {
    tracing::info!(target: TARGET, console = name, command = %command, "console command");
}

/// What came of it.
pub(super) fn console_done(name: &str, command: &Command, refusal: Option<&Refusal>) {
    match refusal {
        None => tracing::info!(target: TARGET, console = name, command = %command, "console command done"),
        Some(refusal) => tracing::info!(
            target: TARGET,
            console = name,
            command = %command,
            code = refusal.sqlstate().0,
            error = &*refusal.client_message(),
            "console command failed"
        ),
    }
}

/// Who had suspended the process has gone without `RESUME`.
pub(super) fn suspension_ended(name: &str) {
    tracing::info!(target: TARGET, console = name, "console visit ended, and what it had suspended goes on");
}

/// Nobody is at it any more.
pub(super) fn console_ended(visitor: &Visitor) {
    let (name, token) = (&visitor.name, &visitor.token);
    tracing::info!(target: TARGET, console = name, token = ?token, "console session ends");
}
