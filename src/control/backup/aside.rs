//! Where a dump is loaded: a schema beside the tenant's, and a role that has rights on it and on nothing else of a tenant.
//!
//! The dump is the tenant's own text, and its functions run while it is loaded (in checks and in indexes). They run as
//! this role: it reaches neither the tenant's data of now nor anybody else's, and a name that was not replaced leads nowhere.

use secrecy::SecretString;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use crate::control::backup::BackupError;
use crate::control::provision::generate_password;
use crate::control::role::{self, RoleKind};
use crate::control::{ControlError, backup::session, init};
use crate::registry::store;
use crate::tenant::{Ident, Slug};

/// What the schema's comment begins with; the session of the restore follows.
const MARK: &str = "pgtenant: a restore is in progress, by session ";

/// Both are called so.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) name: Ident,
    pub(super) password: SecretString,
}

/// What a restore of this tenant uses. Seven letters at most fit in front of a slug.
pub(super) fn name(slug: &Slug) -> Result<Ident, BackupError> {
    let name = Ident::parse(&format!("aside_{slug}"));
    name.map_err(|_| BackupError::Control(ControlError::UnreadableTenant(slug.clone())))
}

/// Makes them. What an earlier restore left behind, which was killed, is removed.
pub(super) async fn create(admin: &mut Client, slug: &Slug) -> Result<Aside, BackupError> {
    try_create(admin, slug).await.map_err(|error| match &error {
        BackupError::Control(ControlError::Db(db)) if is_there(db.code()) => {
            BackupError::InProgress(slug.clone())
        }
        _ => error,
    })
}

/// Somebody has made the same since it was looked for.
fn is_there(code: Option<&SqlState>) -> bool {
    let there = [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_OBJECT, SqlState::DUPLICATE_SCHEMA];
    code.is_some_and(|code| there.contains(code))
}

async fn try_create(admin: &mut Client, slug: &Slug) -> Result<Aside, BackupError> {
    let aside = Aside { name: name(slug)?, password: generate_password()? };
    let name = &aside.name;
    let tx = admin.transaction().await?;
    store::require_current(&tx).await?;
    let installation = store::installation(&tx).await?.ok_or(ControlError::NoInstallation)?;
    // What is looked at in two steps is of one moment then: of two restores of a tenant one waits here, and sees both or
    // neither of the other's.
    init::lock(&tx).await?;
    remove_left_behind(&tx, slug, name).await?;
    if role::exists(&tx, name).await? {
        return Err(ControlError::ForeignRole(name.as_str().to_owned()).into());
    }
    role::ensure(&tx, name, RoleKind::Tenant(&aside.password)).await?;
    role::ensure_member(&tx, name, &installation.tenants_role).await?;
    let session = own_session(&tx).await?;
    // A session is digits and a dot.
    tx.batch_execute(&format!(
        "CREATE SCHEMA {name}; COMMENT ON SCHEMA {name} IS '{MARK}{session}';
         GRANT USAGE, CREATE ON SCHEMA {name} TO {name}"
    ))
    .await?;
    let entered = role::enter(&tx, name).await?;
    tx.batch_execute(&format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {name} REVOKE EXECUTE ON ROUTINES FROM PUBLIC"
    ))
    .await?;
    if entered {
        role::leave(&tx, name).await?;
    }
    tx.commit().await?;
    Ok(aside)
}

async fn own_session(client: &impl GenericClient) -> Result<String, tokio_postgres::Error> {
    let sql = "SELECT a.pid::text || ' ' || pg_catalog.date_part('epoch', a.backend_start)::text
               FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_catalog.pg_backend_pid()";
    client.query_one(sql, &[]).await?.try_get(0)
}

/// What is there under the name is of a restore that runs, of one that was killed, or of somebody else.
async fn remove_left_behind(
    client: &impl GenericClient,
    slug: &Slug,
    name: &Ident,
) -> Result<(), BackupError> {
    let found = client
        .query_opt(
            "SELECT pg_catalog.starts_with(d, $2), EXISTS (
                 SELECT FROM pg_catalog.pg_stat_activity a WHERE d = $2 || a.pid::text || ' '
                     || pg_catalog.date_part('epoch', a.backend_start)::text)
             FROM pg_catalog.pg_namespace n,
                 COALESCE(pg_catalog.obj_description(n.oid, 'pg_namespace'), '') AS d
             WHERE n.nspname = $1",
            &[&name.as_str(), &MARK],
        )
        .await?;
    let Some(found) = found else { return Ok(()) };
    let (is_ours, is_running): (bool, bool) = (found.try_get(0)?, found.try_get(1)?);
    match (is_ours, is_running) {
        (false, _) => Err(ControlError::ForeignSchema(name.as_str().to_owned()).into()),
        (true, true) => Err(BackupError::InProgress(slug.clone())),
        (true, false) => drop_both(client, name).await,
    }
}

/// Removes them again, whatever is in them. Its sessions are ended first.
pub(super) async fn remove(admin: &mut Client, name: &Ident) -> Result<(), BackupError> {
    let tx = admin.transaction().await?;
    drop_both(&tx, name).await?;
    tx.commit().await?;
    Ok(())
}

async fn drop_both(client: &impl GenericClient, name: &Ident) -> Result<(), BackupError> {
    if role::exists(client, name).await? {
        role::enter(client, name).await?;
        // They hold locks on what is dropped now.
        client
            .execute(
                "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.usename = $1",
                &[&name.as_str()],
            )
            .await?;
        client.batch_execute(&format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await?;
        drop_role(client, name).await
    } else {
        Ok(client.batch_execute(&format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await?)
    }
}

/// Removes the role with the rights that it has.
pub(super) async fn drop_role(client: &impl GenericClient, name: &Ident) -> Result<(), BackupError> {
    Ok(client.batch_execute(&format!("DROP OWNED BY {name} CASCADE; DROP ROLE {name}")).await?)
}

/// Whether the server is as new as that of the backup.
pub(super) async fn require_server(client: &impl GenericClient, backup: u32) -> Result<(), BackupError> {
    let (server, backup) = (session::server_version(client).await? / 10_000, backup / 10_000);
    if server < backup {
        return Err(BackupError::OldServer { backup, server });
    }
    Ok(())
}
