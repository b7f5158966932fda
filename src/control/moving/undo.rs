//! A move that is not wanted any more: out of service there first, and then in service here.

use tokio_postgres::Client;

use crate::control::moving::state::{self, lock, put_back, require_same};
use crate::control::moving::{After, MoveError, MoveFailure, MoveOptions, Side};
use crate::control::{ControlError, Outcome, Run, Step};
use crate::registry::dropping;
use crate::registry::moves::{self, Direction, Move, MoveState};
use crate::registry::store;
use crate::tenant::{Slug, Status, Tenant, TenantId};

/// What was done, or would be.
#[derive(Debug)]
pub struct Undone {
    /// The tenant, here.
    pub slug: Slug,
    /// What it was called there.
    pub to_slug: Slug,
    /// What the other installation is called.
    pub peer: String,
    /// Its status here.
    pub status: Status,
    /// Whether it was in service there.
    pub was_in_service: bool,
    /// What was done, in both.
    pub steps: Vec<Step>,
}

/// Brings a tenant back that was moved, or whose move broke off. What was written there stays there, in a tenant that is to be
/// dropped; where there is any, `yes` is needed.
///
/// # Errors
/// [`MoveFailure`].
pub async fn undo_move(
    here: &mut Side<'_>,
    there: &mut Side<'_>,
    options: &MoveOptions,
    yes: bool,
) -> Result<Undone, MoveFailure> {
    let peer = there.name();
    let (tenant, found) = claim(here, &peer, options).await.map_err(|error| error.after(After::Unchanged))?;
    let done = take_back(here, there, options, (&tenant, &found), yes).await;
    done.map(|mut undone| {
        undone.peer = peer;
        undone
    })
    .map_err(|error| {
        let after = match (&error, found.state) {
            (MoveError::WouldLose { .. }, _) => After::Unchanged,
            (_, MoveState::Copying) => After::Out,
            _ => After::Between,
        };
        error.after(after)
    })
}

/// Nobody else works at it from now on.
async fn claim(here: &mut Side<'_>, peer: &str, options: &MoveOptions) -> Result<(Tenant, Move), MoveError> {
    let slug = &options.slug;
    let tx = here.admin.transaction().await?;
    let (summary, found) = lock(&tx, slug).await?;
    let found = found.ok_or_else(|| MoveError::NothingToUndo(slug.clone()))?;
    require_same(slug, &found, peer, None)?;
    let dropped = dropping::state(&tx, summary.tenant.id).await?;
    if dropped.is_some_and(|state| state.has_begun) {
        return Err(ControlError::DropBegun(slug.clone()).into());
    }
    if options.run == Run::Apply {
        moves::put(&tx, summary.tenant.id, Direction::Out, &found, true).await?;
    }
    tx.commit().await?;
    Ok((summary.tenant, found))
}

async fn take_back(
    here: &mut Side<'_>,
    there: &mut Side<'_>,
    options: &MoveOptions,
    (tenant, found): (&Tenant, &Move),
    yes: bool,
) -> Result<Undone, MoveError> {
    let slug = &options.slug;
    let to_slug = &Slug::parse(&found.peer_slug).unwrap_or_else(|_| options.to_slug.clone());
    let is_dry = options.run == Run::Dry;
    let in_service = is_in_service(there.admin, tenant.id).await.map_err(MoveError::There)?;
    if in_service && !yes && !is_dry {
        return Err(MoveError::WouldLose { slug: slug.clone(), slug_there: to_slug.clone() });
    }
    let mut undone = Undone {
        slug: slug.clone(),
        to_slug: to_slug.clone(),
        peer: String::new(),
        status: found.status_before,
        was_in_service: in_service,
        steps: Vec::new(),
    };
    if is_dry {
        return Ok(undone);
    }
    if state::discard(there, tenant.id, to_slug).await? {
        undone.steps.push(Step::new(Outcome::Removed, "there: what had arrived"));
    }
    let grace = there.config.tenants.drop_grace;
    if drop_there(there.admin, tenant.id, grace).await.map_err(MoveError::There)? {
        undone.steps.push(Step::new(Outcome::Changed, "there: status dropping"));
    }
    undone.status = back_here(here.admin, slug).await?;
    undone.steps.push(Step::new(Outcome::Changed, format!("here: status {}", undone.status.as_str())));
    Ok(undone)
}

/// It was put into service there by a move, and was not dropped since.
async fn is_in_service(admin: &Client, id: TenantId) -> Result<bool, ControlError> {
    let status = moves::tenant_of_id(admin, id).await?.map(|(_, status)| status);
    let arrived = moves::find(admin, id, Direction::In).await?;
    let is_done = arrived.is_some_and(|arrived| arrived.state == MoveState::Done);
    Ok(is_done && status.is_some_and(|status| status != Status::Dropping.as_str()))
}

/// False where it is out of service already, or not there.
async fn drop_there(
    admin: &mut Client,
    id: TenantId,
    grace: std::time::Duration,
) -> Result<bool, ControlError> {
    let tx = admin.transaction().await?;
    let slug = moves::tenant_of_id(&tx, id).await?.and_then(|(slug, _)| Slug::parse(&slug).ok());
    let Some(slug) = slug else { return Ok(false) };
    store::lock_tenant(&tx, &slug).await?;
    let arrived = moves::find(&tx, id, Direction::In).await?;
    if arrived.is_none_or(|arrived| arrived.state != MoveState::Done) {
        return Ok(false);
    }
    // It is on its way from there to somewhere else.
    if let Some(found) = store::summaries(&tx, Some(&slug)).await?.pop() {
        state::refuse_moving(&tx, &found.tenant).await?;
    }
    dropping::mark(&tx, id, grace).await?;
    if let Some(mut arrived) = moves::find(&tx, id, Direction::In).await? {
        arrived.state = MoveState::Withdrawn;
        moves::put(&tx, id, Direction::In, &arrived, false).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn back_here(admin: &mut Client, slug: &Slug) -> Result<Status, MoveError> {
    let tx = admin.transaction().await?;
    let (summary, found) = lock(&tx, slug).await?;
    let found = found.ok_or_else(|| MoveError::Overtaken(slug.clone()))?;
    let id = summary.tenant.id;
    if found.state == MoveState::Copying {
        put_back(&tx, &summary.tenant, &found).await?;
    } else {
        if dropping::state(&tx, id).await?.is_some_and(|state| state.has_begun) {
            return Err(ControlError::DropBegun(slug.clone()).into());
        }
        dropping::unmark(&tx, id).await?;
        moves::forget(&tx, id, Direction::Out).await?;
    }
    tx.commit().await?;
    Ok(found.status_before)
}
