//! The end of a tenant, for as long as it can be undone: out of service, with everything it has.

use std::time::Duration;

use tokio_postgres::Client;

use crate::control::moving::state::{refuse_moved, refuse_moving};
use crate::control::{ControlError, Outcome, Run, Step};
use crate::registry::dropping::{self, DropState};
use crate::registry::moves::{self, Direction, MoveState};
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
    refuse_moving(&tx, &summary.tenant).await?;
    let earlier = dropping::state(&tx, summary.tenant.id).await?;
    dropping::mark(&tx, summary.tenant.id, grace).await?;
    summary.tenant.status = Status::Dropping;
    let state = dropping::state(&tx, summary.tenant.id).await?;
    let outcome = if state == earlier { Outcome::Unchanged } else { Outcome::Changed };
    finish(tx, run).await?;
    Ok(DropChange { summary, before, state, step: Step::new(outcome, "status dropping") })
}

/// Puts a tenant that is to be dropped back to what it was. `although_moved`: also where it was moved to another
/// installation, or began to be, which then must never serve it.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn undrop_tenant(
    client: &mut Client,
    slug: &Slug,
    although_moved: bool,
    run: Run,
) -> Result<DropChange, ControlError> {
    let tx = client.transaction().await?;
    let mut summary = lock(&tx, slug).await?;
    let before = summary.tenant.status;
    if although_moved {
        if let Some(found) = moves::find(&tx, summary.tenant.id, Direction::Out).await?
            && found.state == MoveState::Copying
            && before == Status::Suspended
        {
            store::set_status(&tx, summary.tenant.id, found.status_before).await?;
            summary.tenant.status = found.status_before;
        }
        for direction in [Direction::Out, Direction::In] {
            moves::forget(&tx, summary.tenant.id, direction).await?;
        }
    }
    refuse_moved(&tx, &summary.tenant).await?;
    let outcome = match dropping::state(&tx, summary.tenant.id).await? {
        None if summary.tenant.status == before => Outcome::Unchanged,
        None => Outcome::Changed,
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
