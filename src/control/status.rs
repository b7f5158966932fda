//! A tenant out of service, and back in it.

use tokio_postgres::Client;

use crate::control::moving::state::refuse_moving;
use crate::control::{ControlError, Outcome, Run, Step};
use crate::registry::store::{self, TenantSummary};
use crate::tenant::{Slug, Status};

/// What [`set_status`] did.
#[derive(Clone, Debug)]
pub struct StatusChange {
    /// The tenant as it is now.
    pub summary: TenantSummary,
    /// Its status before.
    pub before: Status,
    /// What was done.
    pub step: Step,
}

/// Takes a tenant out of service, or back into it. Running proxies follow within a second; roles, schema and data stay as
/// they are.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn set_status(
    client: &mut Client,
    slug: &Slug,
    status: Status,
    run: Run,
) -> Result<StatusChange, ControlError> {
    let tx = client.transaction().await?;
    store::require_current(&tx).await?;
    store::lock_tenant(&tx, slug).await?;
    let found = store::summaries(&tx, Some(slug)).await?.pop();
    let mut summary = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?;
    let before = summary.tenant.status;
    if before == Status::Creating || status == Status::Creating {
        return Err(ControlError::NotCreated(slug.clone()));
    }
    if before == Status::Dropping {
        return Err(ControlError::IsDropping(slug.clone()));
    }
    refuse_moving(&tx, &summary.tenant).await?;
    if before != status {
        store::set_status(&tx, summary.tenant.id, status).await?;
        summary.tenant.status = status;
    }
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    let outcome = if before == status { Outcome::Unchanged } else { Outcome::Changed };
    let step = Step::new(outcome, format!("status {}", status.as_str()));
    Ok(StatusChange { summary, before, step })
}
