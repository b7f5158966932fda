//! Making a server connection clean, and proving it.

use std::sync::Arc;
use std::time::Duration;

use crate::config::ResetPolicy;
use crate::server::ServerConn;
use crate::session::residue::{DISCARD, ResetPlan, Residue};

/// A reset does no work worth waiting longer for.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a client leaves a connection in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Everything answered, no transaction.
    Idle,
    /// Everything answered, a transaction open.
    InTransaction,
    /// Something not answered, or not known.
    Unknown,
}

/// What must be sent before another client may have the connection.
#[must_use]
pub const fn plan(conn: &ServerConn, left: Left, policy: ResetPolicy) -> ResetPlan {
    match left {
        Left::Unknown => ResetPlan::Close,
        Left::Idle | Left::InTransaction => conn.state.residue.plan(policy),
    }
}

/// Whether anything has to be sent.
#[must_use]
pub const fn is_clean(conn: &ServerConn, left: Left, policy: ResetPolicy) -> bool {
    matches!((left, plan(conn, left, policy)), (Left::Idle, ResetPlan::Clean))
}

/// Sends what makes the connection clean. `false` when it is not proved clean: close it.
pub async fn run(conn: &mut ServerConn, left: Left, policy: ResetPolicy) -> bool {
    let plan = plan(conn, left, policy);
    let mut texts = if left == Left::InTransaction { vec!["ROLLBACK"] } else { Vec::new() };
    match plan {
        ResetPlan::Close => return false,
        ResetPlan::Clean => {}
        ResetPlan::Narrow(text) => texts.push(text),
        ResetPlan::Discard => texts.extend(DISCARD),
    }
    if texts.is_empty() {
        return true;
    }
    let search_path = conn.search_path.clone();
    texts.extend(search_path.as_deref().filter(|_| plan.resets_settings()));
    let answer = tokio::time::timeout(TIMEOUT, conn.run(&texts)).await;
    let clean = matches!(&answer, Ok(Ok(answer)) if answer.error.is_none() && answer.status == b'I');
    if clean {
        if plan == ResetPlan::Discard {
            conn.state.discarded();
        } else if plan.resets_settings() {
            conn.state.settings = Arc::default();
        }
        conn.state.residue = Residue::default();
    }
    clean
}
