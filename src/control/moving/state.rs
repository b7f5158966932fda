//! How far a move is: the transactions that bring it from one state to the next, in either registry.

use std::time::Duration;

use tokio_postgres::{Client, GenericClient, Transaction};
use uuid::Uuid;

use crate::control::backup::Carried;
use crate::control::moving::{MoveError, MoveOptions, Side};
use crate::control::placed::refuse_elsewhere;
use crate::control::{ControlError, plan_purge, purge_tenant};
use crate::registry::dropping;
use crate::registry::moves::{self, Direction, Move, MoveState};
use crate::registry::store::{self, TenantSummary};
use crate::tenant::{Slug, Status, Tenant, TenantId};

/// An attempt that has the tenant out of service, and nothing else yet.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) attempt: Uuid,
    /// The one that broke off.
    pub(super) earlier: Option<Uuid>,
    /// What the tenant's status was before.
    pub(super) status_before: Status,
    /// What the registry has of it.
    pub(super) carried: Carried,
}

/// From where the move goes on.
#[derive(Debug)]
pub(super) enum Begun {
    Copying(Box<Attempt>),
    HandedOver(Uuid),
    Done,
}

/// Refuses what must not be done to a tenant between two installations.
pub(in crate::control) async fn refuse_moving(
    client: &impl GenericClient,
    tenant: &Tenant,
) -> Result<(), ControlError> {
    refuse_leaving(client, tenant).await?;
    match moves::find(client, tenant.id, Direction::In).await? {
        Some(found) if found.state == MoveState::Arrived => Err(ControlError::Arriving(tenant.slug.clone())),
        _ => Ok(()),
    }
}

/// What must not be deleted: the only copy that was ever in service.
pub(in crate::control) async fn refuse_leaving(
    client: &impl GenericClient,
    tenant: &Tenant,
) -> Result<(), ControlError> {
    match moves::find(client, tenant.id, Direction::Out).await? {
        Some(found) if found.state != MoveState::Done => Err(ControlError::Moving(tenant.slug.clone())),
        _ => Ok(()),
    }
}

/// Refuses to put a tenant into service that is another installation's: it was moved there, or taken back.
pub(in crate::control) async fn refuse_moved(
    client: &impl GenericClient,
    tenant: &Tenant,
) -> Result<(), ControlError> {
    refuse_moving(client, tenant).await?;
    let out = moves::find(client, tenant.id, Direction::Out).await?;
    let withdrawn = moves::find(client, tenant.id, Direction::In)
        .await?
        .filter(|found| found.state == MoveState::Withdrawn);
    match out.or(withdrawn) {
        None => Ok(()),
        Some(found) => Err(ControlError::WasMoved {
            slug: tenant.slug.clone(),
            slug_there: found.peer_slug,
            peer: found.peer,
        }),
    }
}

/// The tenant, held until the end of the transaction, with its move.
pub(super) async fn lock(
    tx: &Transaction<'_>,
    slug: &Slug,
) -> Result<(TenantSummary, Option<Move>), MoveError> {
    store::require_current(tx).await?;
    store::lock_tenant(tx, slug).await?;
    let found = store::summaries(tx, Some(slug)).await?.pop();
    let summary = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?;
    refuse_elsewhere(&summary.tenant)?;
    let moving = moves::find(tx, summary.tenant.id, Direction::Out).await?;
    Ok((summary, moving))
}

/// Whether this move is one to this peer that nobody works at.
pub(super) fn require_same(
    slug: &Slug,
    found: &Move,
    peer: &str,
    to_slug: Option<&Slug>,
) -> Result<(), MoveError> {
    if found.is_held {
        return Err(MoveError::InProgress(slug.clone()));
    }
    if found.peer != peer || to_slug.is_some_and(|to_slug| found.peer_slug != to_slug.as_str()) {
        return Err(MoveError::OtherPeer {
            slug: slug.clone(),
            slug_there: found.peer_slug.clone(),
            peer: found.peer.clone(),
        });
    }
    Ok(())
}

/// Takes the tenant out of service, or takes over what another attempt has left. In the name of this session.
pub(super) async fn begin(
    here: &mut Side<'_>,
    peer: &str,
    options: &MoveOptions,
) -> Result<Begun, MoveError> {
    let (slug, to_slug) = (&options.slug, &options.to_slug);
    let tx = here.admin.transaction().await?;
    let (summary, found) = lock(&tx, slug).await?;
    let tenant = &summary.tenant;
    if let Some(found) = &found {
        require_same(slug, found, peer, Some(to_slug))?;
    }
    let (earlier, status_before) = match &found {
        Some(found) if found.state == MoveState::Done => return Ok(Begun::Done),
        Some(found) if found.state == MoveState::HandedOver => {
            moves::put(&tx, tenant.id, Direction::Out, found, true).await?;
            tx.commit().await?;
            return Ok(Begun::HandedOver(found.attempt));
        }
        Some(found) => (Some(found.attempt), found.status_before),
        None => (None, tenant.status),
    };
    store::set_status(&tx, tenant.id, Status::Suspended).await?;
    let moving = Move {
        state: MoveState::Copying,
        attempt: Uuid::now_v7(),
        peer: peer.to_owned(),
        peer_slug: to_slug.to_string(),
        status_before,
        is_held: false,
    };
    moves::put(&tx, tenant.id, Direction::Out, &moving, true).await?;
    let carried = Carried::read(&tx, slug).await?;
    tx.commit().await?;
    Ok(Begun::Copying(Box::new(Attempt { attempt: moving.attempt, earlier, status_before, carried })))
}

/// Puts the tenant back to what it was. False where this attempt has nothing to put back.
pub(super) async fn give_up(
    here: &mut Side<'_>,
    options: &MoveOptions,
    attempt: Uuid,
) -> Result<bool, MoveError> {
    let tx = here.admin.transaction().await?;
    let (summary, found) = lock(&tx, &options.slug).await?;
    let Some(found) = found.filter(|found| found.state == MoveState::Copying && found.attempt == attempt)
    else {
        return Ok(false);
    };
    put_back(&tx, &summary.tenant, &found).await?;
    tx.commit().await?;
    Ok(true)
}

/// The tenant is in service again, if it was, and does not move.
pub(super) async fn put_back(tx: &Transaction<'_>, tenant: &Tenant, found: &Move) -> Result<(), MoveError> {
    if tenant.status == Status::Suspended {
        store::set_status(tx, tenant.id, found.status_before).await?;
    }
    Ok(moves::forget(tx, tenant.id, Direction::Out).await?)
}

/// Makes the tenant one that is to be dropped here, if the registry still has of it what was carried.
pub(super) async fn hand_over(
    here: &mut Side<'_>,
    options: &MoveOptions,
    begun: &Attempt,
) -> Result<(), MoveError> {
    let slug = &options.slug;
    let grace = here.config.tenants.drop_grace;
    let tx = here.admin.transaction().await?;
    let (summary, found) = lock(&tx, slug).await?;
    let mine = found.filter(|found| found.state == MoveState::Copying && found.attempt == begun.attempt);
    let Some(mut moving) = mine else { return Err(MoveError::Overtaken(slug.clone())) };
    moves::hold_users(&tx, summary.tenant.id).await?;
    if Carried::read(&tx, slug).await? != begun.carried {
        return Err(MoveError::Changed(slug.clone()));
    }
    // What `undo` goes back to.
    store::set_status(&tx, summary.tenant.id, begun.status_before).await?;
    dropping::mark(&tx, summary.tenant.id, grace).await?;
    moving.state = MoveState::HandedOver;
    moves::put(&tx, summary.tenant.id, Direction::Out, &moving, true).await?;
    tx.commit().await?;
    Ok(())
}

/// Puts what arrived by this attempt into service, if it was in service before. Run again, it changes nothing.
pub(super) async fn activate(
    there: &mut Side<'_>,
    options: &MoveOptions,
    attempt: Uuid,
) -> Result<Status, MoveError> {
    let tx = there.admin.transaction().await.map_err(MoveError::there)?;
    let slug = &options.to_slug;
    store::lock_tenant(&tx, slug).await.map_err(MoveError::there)?;
    let found = store::summaries(&tx, Some(slug)).await.map_err(MoveError::there)?.pop();
    let tenant = found.ok_or(MoveError::Lost)?.tenant;
    let found = moves::find(&tx, tenant.id, Direction::In).await.map_err(MoveError::there)?;
    let mut arrived = found.filter(|found| found.attempt == attempt).ok_or(MoveError::Lost)?;
    if arrived.state == MoveState::Done {
        return Ok(tenant.status);
    }
    let status = arrived.status_before;
    store::set_status(&tx, tenant.id, status).await.map_err(MoveError::there)?;
    arrived.state = MoveState::Done;
    moves::put(&tx, tenant.id, Direction::In, &arrived, false).await.map_err(MoveError::there)?;
    tx.commit().await.map_err(MoveError::there)?;
    Ok(status)
}

/// Writes down that the tenant is in service there.
pub(super) async fn finish(
    here: &mut Side<'_>,
    options: &MoveOptions,
    attempt: Uuid,
) -> Result<(), MoveError> {
    let tx = here.admin.transaction().await?;
    let (summary, found) = lock(&tx, &options.slug).await?;
    let mine = found.filter(|found| found.attempt == attempt && found.state == MoveState::HandedOver);
    let Some(mut moving) = mine else { return Ok(()) };
    moving.state = MoveState::Done;
    moves::put(&tx, summary.tenant.id, Direction::Out, &moving, false).await?;
    tx.commit().await?;
    Ok(())
}

/// Deletes what arrived and was never in service. False where there is nothing of that kind.
pub(super) async fn discard(there: &mut Side<'_>, id: TenantId, to_slug: &Slug) -> Result<bool, MoveError> {
    let found = moves::tenant_of_id(&*there.admin, id).await.map_err(MoveError::there)?;
    let arrived = moves::find(&*there.admin, id, Direction::In).await.map_err(MoveError::there)?;
    let is_left = arrived.is_some_and(|arrived| arrived.state == MoveState::Arrived);
    // Under another slug it is of a move to that one.
    let Some(slug) = found.filter(|_| is_left).map(|(slug, _)| slug) else { return Ok(false) };
    let slug = Slug::parse(&slug).unwrap_or_else(|_| to_slug.clone());
    delete(there.admin, &slug, id).await.map_err(MoveError::There)?;
    Ok(true)
}

pub(super) async fn delete(admin: &mut Client, slug: &Slug, id: TenantId) -> Result<(), ControlError> {
    let tx = admin.transaction().await?;
    store::lock_tenant(&tx, slug).await?;
    dropping::mark(&tx, id, Duration::ZERO).await?;
    tx.commit().await?;
    let plan = plan_purge(admin, slug).await?;
    purge_tenant(admin, &plan).await.map(drop)
}

/// Until when the tenant can be brought back.
pub(super) async fn drop_after(here: &Side<'_>, slug: &Slug) -> Result<Option<String>, MoveError> {
    let found = store::summaries(&*here.admin, Some(slug)).await?.pop();
    Ok(found.and_then(|summary| summary.drop_after))
}

/// The tenant's id.
pub(super) async fn id_of(here: &Side<'_>, slug: &Slug) -> Result<TenantId, MoveError> {
    let found = store::summaries(&*here.admin, Some(slug)).await?.pop();
    Ok(found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?.tenant.id)
}
