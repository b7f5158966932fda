//! Roles: made and put right so that they can do what they are for and nothing else.

use postgres_protocol::password::scram_sha_256;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::GenericClient;

use crate::control::{ControlError, Outcome};
use crate::tenant::Ident;

/// What a role is for. None of them is superuser, creates roles or databases, replicates, or passes
/// row security.
#[derive(Clone, Copy, Debug)]
pub(super) enum RoleKind<'a> {
    /// Logs in with this password, and has the rights of the roles it is a member of (a tenant: those
    /// of the one role all tenants share).
    Tenant(&'a SecretString),
    /// Logs in with this password and is a member of nothing.
    Registry(&'a SecretString),
    /// Logs in with this password and has no rights but to take on roles it is a member of.
    Pool(&'a SecretString),
    /// Logs in with this password, and has no rights but to become a tenant once.
    Spare(&'a SecretString),
    /// Cannot log in; holds rights that many roles share.
    Shared,
}

impl RoleKind<'_> {
    const fn logs_in(self) -> bool {
        !matches!(self, Self::Shared)
    }

    const fn inherits(self) -> bool {
        matches!(self, Self::Tenant(_))
    }

    /// The password as a SCRAM verifier made here, so that no clear text reaches the server or its log.
    /// Letters, digits and `$:/+=-` only, so it needs no escaping.
    fn password_clause(self) -> String {
        match self {
            Self::Tenant(password)
            | Self::Registry(password)
            | Self::Pool(password)
            | Self::Spare(password) => {
                format!(" PASSWORD '{}'", scram_sha_256(password.expose_secret().as_bytes()))
            }
            Self::Shared => String::new(),
        }
    }
}

/// Whether a role of this name exists.
pub(super) async fn exists(client: &impl GenericClient, role: &Ident) -> Result<bool, ControlError> {
    let sql = "SELECT FROM pg_catalog.pg_roles WHERE rolname = $1";
    Ok(client.query_opt(sql, &[&role.as_str()]).await?.is_some())
}

/// Creates the role, or puts its attributes right. The password is set in any case: what it was before
/// cannot be read, and a tenant can change its own.
pub(super) async fn ensure(
    client: &impl GenericClient,
    role: &Ident,
    kind: RoleKind<'_>,
) -> Result<Outcome, ControlError> {
    let found = client
        .query_opt(
            "SELECT rolcanlogin, rolinherit, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
             FROM pg_catalog.pg_roles WHERE rolname = $1",
            &[&role.as_str()],
        )
        .await?;
    let wanted = [
        (kind.logs_in(), "LOGIN", "NOLOGIN"),
        (kind.inherits(), "INHERIT", "NOINHERIT"),
        (false, "SUPERUSER", "NOSUPERUSER"),
        (false, "CREATEDB", "NOCREATEDB"),
        (false, "CREATEROLE", "NOCREATEROLE"),
        (false, "REPLICATION", "NOREPLICATION"),
        (false, "BYPASSRLS", "NOBYPASSRLS"),
    ];
    let mut clauses = String::new();
    let mut differs = false;
    for (column, (want, yes, no)) in wanted.into_iter().enumerate() {
        let have: Option<bool> = found.as_ref().map(|row| row.try_get(column)).transpose()?;
        // Only what differs: naming SUPERUSER or REPLICATION at all takes a superuser before version 16.
        if have != Some(want) {
            differs |= have.is_some();
            clauses.push(' ');
            clauses.push_str(if want { yes } else { no });
        }
    }
    clauses.push_str(&kind.password_clause());
    if !clauses.is_empty() {
        let verb = if found.is_some() { "ALTER" } else { "CREATE" };
        client.batch_execute(&format!("{verb} ROLE {role}{clauses}")).await?;
    }
    Ok(match (found.is_some(), differs) {
        (false, _) => Outcome::Created,
        (true, true) => Outcome::Changed,
        (true, false) => Outcome::Unchanged,
    })
}

/// Makes `member` a member of `role`, able to use its rights and, where the server can forbid it, not to
/// become it.
pub(super) async fn ensure_member(
    client: &impl GenericClient,
    member: &Ident,
    role: &Ident,
) -> Result<Outcome, ControlError> {
    let found = client
        .query_opt(
            "SELECT FROM pg_catalog.pg_auth_members m
             JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
             WHERE r.rolname = $1 AND u.rolname = $2",
            &[&role.as_str(), &member.as_str()],
        )
        .await?;
    if found.is_some() {
        return Ok(Outcome::Unchanged);
    }
    let options = if server_version(client).await? >= 160_000 { " WITH INHERIT TRUE, SET FALSE" } else { "" };
    client.batch_execute(&format!("GRANT {role} TO {member}{options}")).await?;
    Ok(Outcome::Created)
}

/// Lets an application's own role go on with the rights of `role`. One that does not inherit has them with SET ROLE only.
pub(super) async fn ensure_application(
    client: &impl GenericClient,
    application: &Ident,
    role: &Ident,
) -> Result<Outcome, ControlError> {
    let row = client
        .query_one(
            "SELECT pg_catalog.pg_has_role(r.oid, $2::pg_catalog.name, 'USAGE'), r.rolinherit
             FROM pg_catalog.pg_roles r WHERE r.rolname = $1",
            &[&application.as_str(), &role.as_str()],
        )
        .await?;
    let (has_rights, inherits): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if has_rights {
        return Ok(Outcome::Unchanged);
    }
    if !inherits {
        return Err(ControlError::DoesNotInherit(application.as_str().to_owned()));
    }
    let options = if server_version(client).await? >= 160_000 { " WITH INHERIT TRUE, SET TRUE" } else { "" };
    client.batch_execute(&format!("GRANT {role} TO {application}{options}")).await?;
    Ok(Outcome::Created)
}

/// Lets the pool role become `role`, without having its rights until then, and without passing it on.
pub(super) async fn ensure_pool_member(
    client: &impl GenericClient,
    pool: &Ident,
    role: &Ident,
) -> Result<Outcome, ControlError> {
    // What a membership is worth stands in columns of its own since version 16.
    let found = client
        .query_one(
            "SELECT pg_catalog.count(*),
                 pg_catalog.bool_and(NOT m.admin_option
                     AND NOT COALESCE((pg_catalog.to_jsonb(m) ->> 'inherit_option')::pg_catalog.bool, false)),
                 pg_catalog.bool_or(
                     COALESCE((pg_catalog.to_jsonb(m) ->> 'set_option')::pg_catalog.bool, true))
             FROM pg_catalog.pg_auth_members m
             JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
             WHERE r.rolname = $1 AND u.rolname = $2",
            &[&role.as_str(), &pool.as_str()],
        )
        .await?;
    let (count, narrow, sets): (i64, Option<bool>, Option<bool>) =
        (found.try_get(0)?, found.try_get(1)?, found.try_get(2)?);
    if narrow == Some(true) && sets == Some(true) {
        return Ok(Outcome::Unchanged);
    }
    let script = if server_version(client).await? >= 160_000 {
        format!("GRANT {role} TO {pool} WITH ADMIN FALSE, INHERIT FALSE, SET TRUE")
    } else if count == 0 {
        format!("GRANT {role} TO {pool}")
    } else {
        format!("REVOKE ADMIN OPTION FOR {role} FROM {pool}")
    };
    client.batch_execute(&script).await?;
    Ok(if count == 0 { Outcome::Created } else { Outcome::Changed })
}

/// Undoes [`ensure_pool_member`], also where there is nothing to undo.
pub(super) async fn leave_pool(
    client: &impl GenericClient,
    pool: &Ident,
    role: &Ident,
) -> Result<(), ControlError> {
    Ok(client.batch_execute(&format!("REVOKE {role} FROM {pool}")).await?)
}

/// Lets the administrator hand objects to `role`, which takes membership unless it is a superuser.
/// Returns whether [`leave`] must be called in the same transaction: the administrator should not stay
/// a member of every tenant.
pub(super) async fn enter(client: &impl GenericClient, role: &Ident) -> Result<bool, ControlError> {
    let right = if server_version(client).await? >= 160_000 { "SET" } else { "MEMBER" };
    let row = client
        .query_one(
            "SELECT pg_catalog.pg_has_role(CURRENT_USER, $1::text, $2::text)",
            &[&role.as_str(), &right],
        )
        .await?;
    if row.try_get(0)? {
        return Ok(false);
    }
    client.batch_execute(&format!("GRANT {role} TO CURRENT_USER")).await?;
    Ok(true)
}

/// Undoes [`enter`].
pub(super) async fn leave(client: &impl GenericClient, role: &Ident) -> Result<(), ControlError> {
    Ok(client.batch_execute(&format!("REVOKE {role} FROM CURRENT_USER")).await?)
}

/// `server_version_num`: 150004 is 15.4.
async fn server_version(client: &impl GenericClient) -> Result<i32, ControlError> {
    let sql = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4";
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}
