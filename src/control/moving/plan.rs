//! What is checked in both installations before anything is changed.

use std::collections::BTreeMap;

use tokio_postgres::{Client, GenericClient};

use crate::control::backup::session::server_version;
use crate::control::backup::{BackupError, Carried};
use crate::control::moving::state::{lock, require_same};
use crate::control::moving::{MoveError, MoveOptions, Side};
use crate::control::provision::schema_owner;
use crate::control::settings::try_out;
use crate::control::{ControlError, hardening_state, rename, role};
use crate::registry::moves::{self, Direction, MoveState};
use crate::registry::{adopted, code_of, ledger, store};
use crate::tenant::{Level, Slug, Status, Tenant, TenantId, TenantNames};

/// How many files or extensions a note names.
const NAMED: usize = 5;

/// What a move would do.
#[derive(Debug)]
pub(super) struct Plan {
    /// What the tenant's status will be there.
    pub(super) status: Status,
    /// Tables, and bytes of all that it has.
    pub(super) size: (i64, i64),
    /// Its users.
    pub(super) users: Vec<String>,
    /// Those of its settings that the server there takes.
    pub(super) settings: BTreeMap<String, String>,
    /// What will not be as it is here.
    pub(super) notes: Vec<String>,
}

impl Plan {
    pub(super) async fn make(
        here: &mut Side<'_>,
        there: &mut Side<'_>,
        options: &MoveOptions,
    ) -> Result<Self, MoveError> {
        let peer = there.name();
        let slug = &options.slug;
        let tx = here.admin.transaction().await?;
        let (summary, found) = lock(&tx, slug).await?;
        let status = match (&found, summary.tenant.status) {
            (Some(found), _) => {
                require_same(slug, found, &peer, Some(&options.to_slug))?;
                found.status_before
            }
            (None, Status::Creating) => return Err(ControlError::NotCreated(slug.clone()).into()),
            (None, Status::Dropping) => return Err(ControlError::IsDropping(slug.clone()).into()),
            (None, status) => status,
        };
        let mut plan = Self {
            status,
            size: store::schema_size(&tx, &summary.tenant.names.schema).await?,
            users: summary.users.clone(),
            settings: summary.tenant.settings.clone(),
            notes: Vec::new(),
        };
        // The rest was looked at when it was begun.
        if found.is_some_and(|found| found.state != MoveState::Copying) {
            return Ok(plan);
        }
        if let Some(arriving) = moves::find(&tx, summary.tenant.id, Direction::In).await?
            && arriving.state == MoveState::Arrived
        {
            return Err(ControlError::Arriving(slug.clone()).into());
        }
        let carried = Carried::read(&tx, slug).await?;
        require_migrated(&tx, &summary.tenant).await?;
        if let Some(role) = adopted::from(&tx, summary.tenant.id).await? {
            return Err(MoveError::NotReleased { slug: slug.clone(), role: role.as_str().to_owned() });
        }
        let version = server_version(&tx).await?;
        let has_code = !code_of(&tx, &summary.tenant.names).await?.is_empty();
        let extensions = extensions(&tx).await?;
        tx.rollback().await?;
        let hardened_here = hardening_state(&*here.admin).await?.is_in_force();
        let mut look = There { admin: there.admin, carried: &carried, options, plan: &mut plan };
        look.require_place(&peer, version).await?;
        look.settings().await?;
        let there = &*there.admin;
        plan.notes.extend(hardening(there, &carried.summary.tenant, hardened_here, has_code).await?);
        plan.notes.extend(note_migrations(there, &carried.migrations).await?);
        plan.notes.extend(note_extensions(there, extensions).await?);
        Ok(plan)
    }
}

/// A migration that was begun would go on in a schema that nobody serves.
pub(super) async fn require_migrated(client: &impl GenericClient, tenant: &Tenant) -> Result<(), MoveError> {
    let sql = "SELECT number::text || '_' || name || ' (' || state || ')' FROM pgtenant.migrations
               WHERE tenant_id = $1 AND state <> 'applied' ORDER BY number";
    let rows = client.query(sql, &[&tenant.id.0]).await?;
    let found = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    if found.is_empty() {
        return Ok(());
    }
    Err(MoveError::Migrations { slug: tenant.slug.clone(), found: found.join(", ") })
}

pub(super) async fn extensions(client: &impl GenericClient) -> Result<Vec<String>, tokio_postgres::Error> {
    let sql = "SELECT extname::text FROM pg_catalog.pg_extension ORDER BY 1";
    client.query(sql, &[]).await?.iter().map(|row| row.try_get(0)).collect()
}

/// What is looked at in the other installation.
struct There<'a> {
    admin: &'a mut Client,
    carried: &'a Carried,
    options: &'a MoveOptions,
    plan: &'a mut Plan,
}

impl There<'_> {
    fn tenant(&self) -> &Tenant {
        &self.carried.summary.tenant
    }

    /// There is a registry of this version, the server is no older, and names that the tenant is to have are free.
    async fn require_place(&mut self, peer: &str, version: u32) -> Result<(), MoveError> {
        let client = &*self.admin;
        store::require_current(client).await.map_err(MoveError::there)?;
        store::installation(client)
            .await
            .map_err(MoveError::there)?
            .ok_or_else(|| MoveError::there(ControlError::NoInstallation))?;
        let server = server_version(client).await.map_err(MoveError::there)? / 10_000;
        if server < version / 10_000 {
            return Err(BackupError::OldServer { backup: version / 10_000, server }.into());
        }
        let id = self.tenant().id;
        if let Some((slug, status)) = moves::tenant_of_id(client, id).await.map_err(MoveError::there)? {
            let arrived = moves::find(client, id, Direction::In).await.map_err(MoveError::there)?;
            if arrived.is_none_or(|arrived| arrived.state != MoveState::Arrived) {
                return Err(MoveError::IsThere { peer: peer.to_owned(), slug, status });
            }
            // Removed before anything else.
            return Ok(());
        }
        let to_slug = &self.options.to_slug;
        if !store::summaries(client, Some(to_slug)).await.map_err(MoveError::there)?.is_empty() {
            return Err(MoveError::SlugThere(to_slug.clone()));
        }
        require_names(client, to_slug, id).await?;
        self.require_users().await?;
        self.require_customer().await
    }

    async fn require_users(&self) -> Result<(), MoveError> {
        let sql = "SELECT user_name FROM pgtenant.users WHERE user_name = ANY ($1) ORDER BY 1";
        let rows = self.admin.query(sql, &[&self.carried.summary.users]).await.map_err(MoveError::there)?;
        let taken = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        if taken.is_empty() { Ok(()) } else { Err(MoveError::UsersThere(taken)) }
    }

    async fn require_customer(&self) -> Result<(), MoveError> {
        let Some(customer) = &self.carried.summary.stripe_customer_id else { return Ok(()) };
        let sql = "SELECT FROM pgtenant.tenants WHERE stripe_customer_id = $1";
        match self.admin.query_opt(sql, &[customer]).await.map_err(MoveError::there)? {
            Some(_) => Err(MoveError::there(ControlError::StripeCustomerTaken(customer.clone()))),
            None => Ok(()),
        }
    }

    /// A setting that the server there does not take would fail every login.
    async fn settings(&mut self) -> Result<(), MoveError> {
        for (name, value) in self.plan.settings.clone() {
            let tx = self.admin.transaction().await.map_err(MoveError::there)?;
            let tried = try_out(&tx, &name, &value).await;
            tx.rollback().await.map_err(MoveError::there)?;
            match tried {
                Ok(()) => {}
                Err(error @ ControlError::BadSetting { .. }) => {
                    self.plan.settings.remove(&name);
                    self.plan.notes.push(format!("there, {error}; it is left out"));
                }
                Err(error) => return Err(MoveError::There(error)),
            }
        }
        Ok(())
    }
}

/// A tenant of level shared whose code could leave its role there is refused. What is to be known else.
pub(super) async fn hardening(
    there: &Client,
    tenant: &Tenant,
    hardened_here: bool,
    has_code: bool,
) -> Result<Option<String>, MoveError> {
    if hardening_state(there).await.map_err(MoveError::There)?.is_in_force() {
        return Ok(None);
    }
    if tenant.level == Level::Shared && has_code {
        return Err(MoveError::NotHardened { slug: tenant.slug.clone() });
    }
    let note = "the database there is not hardened (`pgtenant init --harden`), this one is";
    Ok(hardened_here.then(|| note.to_owned()))
}

/// How the files of a tenant differ from those of the template there.
pub(super) async fn note_migrations(
    there: &Client,
    own: &[ledger::Migration],
) -> Result<Vec<String>, MoveError> {
    let template = ledger::of_template(there).await.map_err(MoveError::there)?;
    let label = |file: &ledger::Migration| format!("{}_{}", file.number, file.name);
    let differs = |file: &&ledger::Migration| {
        template.iter().any(|other| other.number == file.number && other.checksum != file.checksum)
    };
    let lacks = template.iter().filter(|file| own.iter().all(|own| own.number != file.number));
    let lacks: Vec<String> = lacks.map(label).collect();
    let more = own.iter().filter(|file| template.iter().all(|other| other.number != file.number));
    let mut notes = Vec::new();
    for (found, what) in [
        (
            own.iter().filter(differs).map(label).collect(),
            "are other files there; `pgtenant migrate` there will say so",
        ),
        (more.map(label).collect::<Vec<_>>(), "are not the template's there"),
        (lacks, "are the template's there; `pgtenant migrate up` there applies them"),
    ] {
        if !found.is_empty() {
            notes.push(format!("migrations: {} {what}", some(found)));
        }
    }
    Ok(notes)
}

/// What the tenant may need and the database there does not have.
pub(super) async fn note_extensions(there: &Client, here: Vec<String>) -> Result<Option<String>, MoveError> {
    let there = extensions(there).await.map_err(MoveError::there)?;
    let lacks: Vec<String> = here.into_iter().filter(|name| !there.contains(name)).collect();
    let note = "extensions that are here and not there";
    Ok((!lacks.is_empty()).then(|| format!("{note}: {}; what needs them fails the move", some(lacks))))
}

/// Roles are the whole server's: another database there may have one of the name.
async fn require_names(client: &Client, to_slug: &Slug, id: TenantId) -> Result<(), MoveError> {
    let names = rename::free_names(client, to_slug, id).await.map_err(MoveError::There)?;
    let reader = names.reader().unwrap_or_else(|| TenantNames::reader_for_slug(to_slug));
    for role in [&names.role, &reader] {
        if role::exists(client, role).await.map_err(MoveError::There)? {
            return Err(MoveError::NameThere(format!("a role {}", role.as_str())));
        }
    }
    match schema_owner(client, &names.schema).await.map_err(MoveError::There)? {
        Some(_) => Err(MoveError::NameThere(format!("a schema {}", names.schema.as_str()))),
        None => Ok(()),
    }
}

fn some(mut found: Vec<String>) -> String {
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("{more} more"));
    }
    found.join(", ")
}
