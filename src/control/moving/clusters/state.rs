//! How far a move between clusters is: the transactions in the registry of `main`, and what is deleted before and after them.

use tokio_postgres::{Client, GenericClient};
use uuid::Uuid;

use crate::control::moving::clusters::Ends;
use crate::control::moving::state::{delete, put_back};
use crate::control::moving::{MoveError, MoveOptions};
use crate::control::placed::{bring_up_in, held};
use crate::control::purge::drop_objects;
use crate::control::{ControlError, Outcome, Step, end_sessions};
use crate::registry::ledger::Migration;
use crate::registry::moves::{self, Direction, Move, MoveState};
use crate::registry::placed::Objects;
use crate::registry::{ledger, placed, store};
use crate::tenant::{ClusterName, Slug, Status, Tenant};

/// The start of a label.
const LABEL: &str = "the cluster ";

/// What is between the two names in it.
const FROM: &str = ", from ";

/// What a move is called in the registry. It has both names: the registry says where the tenant is, and with a label where it was.
pub(super) fn label(from: &ClusterName, to: &ClusterName) -> String {
    format!("{LABEL}{to}{FROM}{from}")
}

fn from_of(label: &str) -> Option<ClusterName> {
    let (_, from) = label.strip_prefix(LABEL)?.split_once(FROM)?;
    ClusterName::parse(from).ok()
}

/// The cluster that a tenant leaves, or has left: what the registry says, and while it moves what the move says.
///
/// # Errors
/// When there is no such tenant.
pub async fn origin(main: &Client, slug: &Slug) -> Result<ClusterName, ControlError> {
    store::require_current(main).await?;
    let found = store::summaries(main, Some(slug)).await?.pop();
    let tenant = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?.tenant;
    let moving = moves::find(main, tenant.id, Direction::Out).await?;
    Ok(moving.and_then(|moving| from_of(&moving.peer)).unwrap_or(tenant.cluster))
}

/// What the registry on its cluster has of a tenant, and must have when the copy is whole.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    objects: Option<Objects>,
    migrations: Vec<Migration>,
}

impl Known {
    async fn read(client: &impl GenericClient, tenant: &Tenant) -> Result<Self, MoveError> {
        Ok(Self {
            objects: placed::objects(client, tenant.id).await?,
            migrations: ledger::of_tenant(client, tenant.id).await?,
        })
    }
}

/// An attempt that has the tenant out of service, and nothing else yet.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) attempt: Uuid,
    /// The one that broke off.
    pub(super) earlier: Option<Uuid>,
    pub(super) status_before: Status,
    pub(super) tenant: Tenant,
    known: Known,
}

/// From where the move goes on.
pub(super) enum Begun {
    Copying(Box<Attempt>),
    HandedOver(Box<Tenant>),
}

/// Whether this is the move that was begun, and nobody works at it.
pub(super) fn require_same(slug: &Slug, found: &Move, label: &str) -> Result<(), MoveError> {
    if found.is_held {
        return Err(MoveError::InProgress(slug.clone()));
    }
    if found.peer != label {
        let (slug_there, peer) = (found.peer_slug.clone(), found.peer.clone());
        return Err(MoveError::OtherPeer { slug: slug.clone(), slug_there, peer });
    }
    Ok(())
}

/// Takes the tenant out of service, or takes over what another attempt has left. In the name of this session.
pub(super) async fn begin(ends: &mut Ends<'_>, options: &MoveOptions) -> Result<Begun, MoveError> {
    let (slug, peer) = (&options.slug, ends.label());
    let Ends { main, from, .. } = ends;
    let tx = main.transaction().await?;
    let tenant = held(&tx, slug).await?.tenant;
    let found = moves::find(&tx, tenant.id, Direction::Out).await?;
    if let Some(found) = &found {
        require_same(slug, found, &peer)?;
        if found.state != MoveState::Copying {
            moves::put(&tx, tenant.id, Direction::Out, found, true).await?;
            tx.commit().await?;
            return Ok(Begun::HandedOver(Box::new(tenant)));
        }
    }
    let status_before = found.as_ref().map_or(tenant.status, |found| found.status_before);
    let known = match &from.admin {
        Some(there) => {
            bring_up_in(&tx, &**there, &tenant).await?;
            Known::read(&**there, &tenant).await?
        }
        None => Known::read(&tx, &tenant).await?,
    };
    store::set_status(&tx, tenant.id, Status::Suspended).await?;
    let moving = Move {
        state: MoveState::Copying,
        attempt: Uuid::now_v7(),
        peer,
        peer_slug: slug.to_string(),
        status_before,
        is_held: false,
    };
    moves::put(&tx, tenant.id, Direction::Out, &moving, true).await?;
    let tenant = held(&tx, slug).await?.tenant;
    tx.commit().await?;
    let earlier = found.map(|found| found.attempt);
    Ok(Begun::Copying(Box::new(Attempt { attempt: moving.attempt, earlier, status_before, tenant, known })))
}

/// A move that is to be given up: nobody else works at it from now on.
pub(super) async fn claim(ends: &mut Ends<'_>, options: &MoveOptions) -> Result<(Tenant, Move), MoveError> {
    let (slug, label) = (&options.slug, ends.label());
    let tx = ends.main.transaction().await?;
    let tenant = held(&tx, slug).await?.tenant;
    let found = moves::find(&tx, tenant.id, Direction::Out).await?;
    let found = found.ok_or_else(|| MoveError::NothingToUndo(slug.clone()))?;
    require_same(slug, &found, &label)?;
    if found.state != MoveState::Copying {
        return Err(MoveError::Served(slug.clone()));
    }
    moves::put(&tx, tenant.id, Direction::Out, &found, true).await?;
    tx.commit().await?;
    Ok((tenant, found))
}

/// Puts the tenant back to what it was. False where this attempt has nothing to put back.
pub(super) async fn give_up(
    ends: &mut Ends<'_>,
    options: &MoveOptions,
    attempt: Uuid,
) -> Result<bool, MoveError> {
    let Ends { main, from, .. } = ends;
    let tx = main.transaction().await?;
    let tenant = held(&tx, &options.slug).await?.tenant;
    let found = moves::find(&tx, tenant.id, Direction::Out).await?;
    let mine = found.filter(|found| found.state == MoveState::Copying && found.attempt == attempt);
    let Some(found) = mine else { return Ok(false) };
    // What arrives on `main` is written down in this very row.
    if let Some(there) = &from.admin {
        bring_up_in(&tx, &**there, &tenant).await?;
    }
    put_back(&tx, &tenant, &found).await?;
    tx.commit().await?;
    Ok(true)
}

/// Says that the tenant is on the other cluster, and puts it into service if it was; if the one that it comes from still has of it
/// what was copied.
pub(super) async fn hand_over(
    ends: &mut Ends<'_>,
    options: &MoveOptions,
    begun: &Attempt,
) -> Result<(), MoveError> {
    let slug = &options.slug;
    let Ends { main, from, to } = ends;
    let tx = main.transaction().await?;
    let tenant = held(&tx, slug).await?.tenant;
    let found = moves::find(&tx, tenant.id, Direction::Out).await?;
    let mine = found.filter(|found| found.state == MoveState::Copying && found.attempt == begun.attempt);
    let Some(mut moving) = mine else { return Err(MoveError::Overtaken(slug.clone())) };
    let known = match &from.admin {
        Some(there) => Known::read(&**there, &tenant).await?,
        None => Known::read(&tx, &tenant).await?,
    };
    if known != begun.known || tenant.slug != begun.tenant.slug || tenant.names != begun.tenant.names {
        return Err(MoveError::Changed(slug.clone()));
    }
    let sql = "UPDATE pgtenant.tenants SET cluster = $2 WHERE id = $1";
    tx.execute(sql, &[&tenant.id.0, &to.config.cluster.as_str()]).await?;
    if let Some(there) = &to.admin
        && !bring_up_in(&tx, &**there, &tenant).await?
    {
        return Err(MoveError::Lost);
    }
    store::set_status(&tx, tenant.id, moving.status_before).await?;
    moving.state = MoveState::HandedOver;
    moves::put(&tx, tenant.id, Direction::Out, &moving, true).await?;
    Ok(tx.commit().await?)
}

/// Deletes what arrived and is not the tenant's yet. False where there is nothing of that kind.
pub(super) async fn discard(ends: &mut Ends<'_>, tenant: &Tenant) -> Result<bool, MoveError> {
    match &mut ends.to.admin {
        Some(there) => Ok(delete_there(there, tenant).await?.is_some()),
        None if comes(ends.main, tenant).await? => {
            drop_objects(ends.main, tenant).await?;
            ledger::forget(&*ends.main, tenant.id).await?;
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Whether there is something of the tenant's on `main` that a move has left there: what arrives is marked until it is the
/// tenant's.
pub(super) async fn comes(main: &Client, tenant: &Tenant) -> Result<bool, MoveError> {
    let sql = "SELECT FROM pg_catalog.pg_namespace n
               WHERE n.nspname = $1 AND pg_catalog.obj_description(n.oid, 'pg_namespace') = $2";
    let mark = crate::control::backup::comes_mark(tenant.id);
    Ok(main.query_opt(sql, &[&tenant.names.schema.as_str(), &mark]).await?.is_some())
}

async fn delete_there(there: &mut Client, tenant: &Tenant) -> Result<Option<Slug>, MoveError> {
    let Some(left) = placed::objects(&*there, tenant.id).await? else { return Ok(None) };
    delete(there, &left.slug, tenant.id).await?;
    Ok(Some(left.slug))
}

/// Deletes what is left where the tenant was, and forgets the move.
pub(super) async fn clean(ends: &mut Ends<'_>, tenant: &Tenant) -> Result<Vec<Step>, MoveError> {
    let mut steps = Vec::new();
    end_sessions(ends.there(), tenant).await?;
    let left = match &mut ends.from.admin {
        Some(there) => delete_there(there, tenant).await?.is_some(),
        None => {
            let is_left = drop_objects(ends.main, tenant).await?;
            ledger::forget(&*ends.main, tenant.id).await?;
            is_left
        }
    };
    if left {
        let what = format!("its schema and roles on {}", ends.from.config.cluster);
        steps.push(Step::new(Outcome::Removed, what));
    }
    // It does not come any more: it is there.
    let sql = format!("COMMENT ON SCHEMA {} IS NULL", tenant.names.schema);
    ends.destination().batch_execute(&sql).await?;
    moves::forget(&*ends.main, tenant.id, Direction::Out).await?;
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_says_from_where() {
        let east = ClusterName::parse("east").unwrap();
        for (from, to) in [(&east, &ClusterName::MAIN), (&ClusterName::MAIN, &east)] {
            assert_eq!(from_of(&label(from, to)), Some(from.clone()));
        }
        assert_eq!(from_of("database app on db2:5432"), None);
    }
}
