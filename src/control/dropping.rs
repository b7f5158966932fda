//! The end of a tenant, for as long as it can be undone: out of service, with everything it has.

use std::time::Duration;

use tokio_postgres::Client;

use crate::control::{ControlError, Outcome, Run, Step};
use crate::registry::dropping::{self, DropState};
use crate::registry::store::{self, TenantSummary};
use crate::tenant::{Slug, Status};

/// What [`drop_tenant`] or [`undrop_tenant`] did.
#[derive(Clone, Debug)]
pub struct DropChange {
    /// The tenant as it is now.
    pub summary: TenantSummary,
    /// Its status before.
    pub before: Status,
    /// When it will be deleted, where it will.
    pub state: Option<DropState>,
    /// What was done.
    pub step: Step,
}

/// Takes a tenant out of service, to be deleted when the time of grace is over. Run again, it keeps the earlier date.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn drop_tenant(
    client: &mut Client,
    slug: &Slug,
    grace: Duration,
    run: Run,
) -> Result<DropChange, ControlError> {
    let tx = client.transaction().await?;
    let mut summary = lock(&tx, slug).await?;
    let before = summary.tenant.status;
    let earlier = dropping::state(&tx, summary.tenant.id).await?;
    dropping::mark(&tx, summary.tenant.id, grace).await?;
    summary.tenant.status = Status::Dropping;
    let state = dropping::state(&tx, summary.tenant.id).await?;
    let outcome = if state == earlier { Outcome::Unchanged } else { Outcome::Changed };
    finish(tx, run).await?;
    Ok(DropChange { summary, before, state, step: Step::new(outcome, "status dropping") })
}

/// Puts a tenant that is to be dropped back to what it was.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn undrop_tenant(client: &mut Client, slug: &Slug, run: Run) -> Result<DropChange, ControlError> {
    let tx = client.transaction().await?;
    let mut summary = lock(&tx, slug).await?;
    let before = summary.tenant.status;
    let outcome = match dropping::state(&tx, summary.tenant.id).await? {
        None => Outcome::Unchanged,
        Some(state) if state.has_begun => return Err(ControlError::DropBegun(slug.clone())),
        Some(state) => {
            dropping::unmark(&tx, summary.tenant.id).await?;
            summary.tenant.status = state.before.unwrap_or(Status::Suspended);
            Outcome::Changed
        }
    };
    finish(tx, run).await?;
    let step = Step::new(outcome, format!("status {}", summary.tenant.status.as_str()));
    Ok(DropChange { summary, before, state: None, step })
}

async fn lock(tx: &tokio_postgres::Transaction<'_>, slug: &Slug) -> Result<TenantSummary, ControlError> {
    store::require_current(tx).await?;
    store::lock_tenant(tx, slug).await?;
    let found = store::summaries(tx, Some(slug)).await?.pop();
    found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))
}

async fn finish(tx: tokio_postgres::Transaction<'_>, run: Run) -> Result<(), ControlError> {
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    Ok(())
}
