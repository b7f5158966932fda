//! A tenant that comes from another installation: what its registry has of it besides the schema.

use std::collections::BTreeMap;

use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::control::ControlError;
use crate::control::backup::BackupError;
use crate::control::placed::refuse_elsewhere;
use crate::registry::ledger::{self, Migration};
use crate::registry::moves::{self, Direction, KeyRow, Move, MoveState};
use crate::registry::store::{self, TenantSummary};
use crate::registry::{settings, stripe, users};
use crate::tenant::{Access, Ident, Slug, Status, Tenant, TenantId};

/// All that a registry has of a tenant and another one is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The tenant.
    pub summary: TenantSummary,
    /// Since when it is there.
    created_at: String,
    /// Name, access and verifier of each user.
    users: Vec<User>,
    /// Its API keys.
    pub(in crate::control) keys: Vec<KeyRow>,
    /// Files of `pgtenant migrate` that its schema has.
    pub(in crate::control) migrations: Vec<Migration>,
    /// Whether it is out of service because of the payment provider.
    by_stripe: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct User {
    name: String,
    access: String,
    verifier: String,
}

// By hand: without the verifier.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("access", &self.access).finish_non_exhaustive()
    }
}

impl Carried {
    /// Reads it. In a transaction that holds the tenant's row it stays like that until the end.
    ///
    /// # Errors
    /// [`ControlError`].
    pub(in crate::control) async fn read(
        client: &impl GenericClient,
        slug: &Slug,
    ) -> Result<Self, ControlError> {
        let found = store::summaries(client, Some(slug)).await?.pop();
        let summary = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?;
        refuse_elsewhere(&summary.tenant)?;
        let id = summary.tenant.id;
        let users = users::verifiers(client, id).await?;
        Ok(Self {
            created_at: moves::created_at(client, id).await?,
            users: users
                .into_iter()
                .map(|(name, access, verifier)| User { name, access, verifier })
                .collect(),
            keys: moves::keys(client, id).await?,
            migrations: ledger::of_tenant(client, id).await?,
            by_stripe: stripe::has_suspended(client, id).await?,
            summary,
        })
    }
}

/// Who arrives.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The attempt that brings it.
    pub attempt: Uuid,
    /// What the installation is called that it comes from.
    pub peer: String,
    /// The status that it is to have.
    pub status: Status,
    /// What its registry has of it.
    pub carried: Carried,
    /// Those of its settings that this server takes.
    pub settings: BTreeMap<String, String>,
}

impl Arrival {
    /// It keeps its id: tokens may name it.
    pub(super) fn id(&self) -> TenantId {
        self.carried.summary.tenant.id
    }

    /// Writes down what the other registry has of a tenant that was created in this transaction, and that it is out of service
    /// until that registry has given it away. What is to be known of it.
    pub(super) async fn register(
        &self,
        tx: &impl GenericClient,
        tenant: &Tenant,
    ) -> Result<Vec<String>, BackupError> {
        let Carried { summary, created_at, users, keys, by_stripe, .. } = &self.carried;
        store::set_status(tx, tenant.id, Status::Suspended).await?;
        moves::set_created_at(tx, tenant.id, created_at).await?;
        let mut notes = Vec::new();
        for user in users {
            add_user(tx, tenant.id, user, &mut notes).await?;
        }
        for key in keys {
            if !moves::add_key(tx, tenant.id, key).await? {
                notes.push(format!("API key {} is another tenant's there, and was left out", key.id));
            }
        }
        let customer =
            store::summaries(tx, Some(&tenant.slug)).await?.pop().and_then(|now| now.stripe_customer_id);
        settings::set(tx, tenant.id, &tenant.name, customer.as_deref(), &self.settings).await?;
        if *by_stripe {
            stripe::note_suspension(tx, tenant.id).await?;
        }
        let arrived = Move {
            state: MoveState::Arrived,
            attempt: self.attempt,
            peer: self.peer.clone(),
            peer_slug: summary.tenant.slug.to_string(),
            status_before: self.status,
            is_held: false,
        };
        moves::put(tx, tenant.id, Direction::In, &arrived, false).await?;
        Ok(notes)
    }
}

/// A user whose name is taken would be locked out: that is no note.
async fn add_user(
    tx: &impl GenericClient,
    tenant: TenantId,
    user: &User,
    notes: &mut Vec<String>,
) -> Result<(), BackupError> {
    let parts = (Ident::parse(&user.name), Access::from_word(&user.access));
    let (Ok(name), Some(access)) = parts else {
        notes.push(format!("user {:?} is none that this program understands, and was left out", user.name));
        return Ok(());
    };
    if store::insert_user(tx, &name, tenant, &user.verifier, access).await? {
        return Ok(());
    }
    Err(ControlError::UserTaken(user.name.clone()).into())
}
