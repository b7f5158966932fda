//! What is checked on both clusters before anything is changed.

use tokio_postgres::Client;

use crate::control::backup::BackupError;
use crate::control::backup::session::server_version;
use crate::control::moving::clusters::Ends;
use crate::control::moving::clusters::state::{comes, require_same};
use crate::control::moving::plan::{
    extensions, hardening, note_extensions, note_migrations, require_migrated,
};
use crate::control::moving::{MoveError, MoveOptions};
use crate::control::placed::held;
use crate::control::provision::schema_owner;
use crate::control::purge::refuse_needed;
use crate::control::settings::try_out;
use crate::control::{ControlError, hardening_state, role};
use crate::registry::moves::{self, Direction, MoveState};
use crate::registry::{adopted, code_of, ledger, placed, store};
use crate::tenant::{Status, Tenant, TenantNames};

/// What a move would do.
#[derive(Debug)]
pub(super) struct Plan {
    /// It is on that cluster, and nothing of it on another.
    pub(super) is_there: bool,
    /// What the tenant's status will be.
    pub(super) status: Status,
    /// Tables, and bytes of all that it has.
    pub(super) size: (i64, i64),
    /// Its users.
    pub(super) users: Vec<String>,
    /// What will not be as it is here.
    pub(super) notes: Vec<String>,
}

impl Plan {
    pub(super) async fn make(ends: &mut Ends<'_>, options: &MoveOptions) -> Result<Self, MoveError> {
        let (slug, label) = (&options.slug, ends.label());
        let tx = ends.main.transaction().await?;
        let summary = held(&tx, slug).await?;
        let tenant = &summary.tenant;
        let found = moves::find(&tx, tenant.id, Direction::Out).await?;
        let arriving = moves::find(&tx, tenant.id, Direction::In).await?;
        tx.rollback().await?;
        let status = match (&found, tenant.status) {
            (Some(found), status) if status != Status::Dropping => {
                require_same(slug, found, &label)?;
                found.status_before
            }
            (_, Status::Creating) => return Err(ControlError::NotCreated(slug.clone()).into()),
            (_, Status::Dropping) => return Err(ControlError::IsDropping(slug.clone()).into()),
            (_, status) => status,
        };
        if arriving.is_some_and(|arriving| arriving.state == MoveState::Arrived) {
            return Err(ControlError::Arriving(slug.clone()).into());
        }
        let schema = &tenant.names.schema;
        let mut plan = Self {
            is_there: found.is_none() && tenant.cluster == ends.to.config.cluster,
            status,
            size: store::schema_size(ends.there(), schema).await?,
            users: summary.users.clone(),
            notes: Vec::new(),
        };
        // The rest was looked at when it was begun.
        if !plan.is_there && found.is_none_or(|found| found.state == MoveState::Copying) {
            plan.look(ends, tenant).await?;
        }
        Ok(plan)
    }

    async fn look(&mut self, ends: &mut Ends<'_>, tenant: &Tenant) -> Result<(), MoveError> {
        let from = ends.there();
        require_migrated(from, tenant).await?;
        if let Some(role) = adopted::from(from, tenant.id).await? {
            let slug = tenant.slug.clone();
            return Err(MoveError::NotReleased { slug, role: role.as_str().to_owned() });
        }
        refuse_needed(from, tenant).await?;
        let version = server_version(from).await? / 10_000;
        let has_code = !code_of(from, &tenant.names).await?.is_empty();
        let (own, here) = (ledger::of_tenant(from, tenant.id).await?, extensions(from).await?);
        let hardened_here = hardening_state(from).await?.is_in_force();
        let to = ends.destination();
        store::require_current(to).await?;
        store::installation(to).await?.ok_or(ControlError::NoInstallation)?;
        let server = server_version(to).await? / 10_000;
        if server < version {
            return Err(BackupError::OldServer { backup: version, server }.into());
        }
        let is_left = match &ends.to.admin {
            Some(there) => placed::objects(&**there, tenant.id).await?.is_some(),
            None => comes(ends.main, tenant).await?,
        };
        // What is left of an earlier attempt is removed before anything else.
        if !is_left {
            require_names(to, tenant).await?;
        }
        self.notes.extend(hardening(to, tenant, hardened_here, has_code).await?);
        self.notes.extend(note_migrations(to, &own).await?);
        self.notes.extend(note_extensions(to, here).await?);
        let to = ends.destination_mut();
        // One that the server there does not take would fail every login.
        for (name, value) in &tenant.settings {
            let tx = to.transaction().await?;
            let tried = try_out(&tx, name, value).await;
            tx.rollback().await?;
            tried.map_err(MoveError::There)?;
        }
        Ok(())
    }
}

/// It keeps its names. Roles are the whole server's: another database of it may have them.
async fn require_names(to: &Client, tenant: &Tenant) -> Result<(), MoveError> {
    let names = &tenant.names;
    let reader = tenant.reader_role.clone().or_else(|| names.reader());
    let reader = reader.unwrap_or_else(|| TenantNames::reader_for_slug(&tenant.slug));
    for role in [&names.role, &reader] {
        if role::exists(to, role).await? {
            return Err(MoveError::NameOnCluster(format!("a role {}", role.as_str())));
        }
    }
    match schema_owner(to, &names.schema).await? {
        Some(_) => Err(MoveError::NameOnCluster(format!("a schema {}", names.schema.as_str()))),
        None => Ok(()),
    }
}
