//! Spare connections: logged in as a role without rights, and bound to a tenant by `set_session_auth` of the extension
//! set_user when one needs a connection (docs/adr/0014).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::schedule::Owner;
use crate::server::{Answer, ServerConn, ServerError, Voice};
use crate::session::params::literal;
use crate::tenant::{Ident, Tenant};
use crate::wire::view;

/// What is longer on its way is given up for an ordinary connection.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How spare connections log in, and where the function is that binds them.
#[derive(Clone, Debug)]
pub struct SpareLogin {
    /// The role.
    pub role: Ident,
    /// The schema of the extension.
    pub schema: Ident,
    /// The schema that all tenants read.
    pub global: Ident,
}

/// Why a spare could not be bound.
#[derive(Debug, Error)]
pub enum BindError {
    /// The connection broke.
    #[error("the spare connection broke: {0}")]
    Io(#[from] io::Error),
    /// The server said no.
    #[error("the server refused: {} (SQLSTATE {})", .0.message, .0.code)]
    Refused(ServerError),
    /// A connection logged in as the role would be another, or could not be had.
    #[error("the tenant's role has settings of its own, or may not log in")]
    Unfit,
    /// It is not what it should be afterwards.
    #[error("the session is not the tenant's alone afterwards")]
    NotProved,
}

/// Has the server load what it takes to bind, so that the tenant's first client does not wait for that. Where the role may not
/// call the function, this fails.
///
/// # Errors
/// [`ConnectError`](crate::server::connect::ConnectError), as a failed login.
pub(super) async fn warm(
    conn: &mut ServerConn,
    login: &SpareLogin,
) -> Result<(), crate::server::connect::ConnectError> {
    // The function is strict: it is looked up, and its library loaded, but never called with NULL. Behind OFFSET the
    // planner does not see that it is NULL.
    let load = format!(
        "SELECT {}.set_session_auth(name) FROM (SELECT NULL::pg_catalog.text OFFSET 0) AS nobody(name)",
        login.schema
    );
    // Looks for nobody, so that the catalogs are at hand.
    let look = bind_sql(&login.schema, "");
    let answer = conn.run(&[&load, STATE, &look]).await?;
    match answer.error {
        None => Ok(()),
        Some(error) => Err(crate::server::connect::ConnectError::Spare(error)),
    }
}

/// Makes a spare the tenant's own, for ever, and proves it.
///
/// # Errors
/// [`BindError`]; the connection is of no use any more.
pub async fn bind(conn: &mut ServerConn, tenant: &Arc<Tenant>, login: &SpareLogin) -> Result<(), BindError> {
    let role = tenant.names.role.as_str();
    let search_path = format!("{}, {}", tenant.names.schema, login.global);
    let search_path =
        format!("SELECT pg_catalog.set_config('search_path', {}, false)", literal(&search_path));
    let bind = bind_sql(&login.schema, role);
    // What a tenant could try to get back is tried here: each is a message, and so a transaction, of its own.
    let texts =
        [bind.as_str(), "RESET SESSION AUTHORIZATION", "RESET ROLE", "DISCARD ALL", &search_path, STATE];
    let answer = tokio::time::timeout(TIMEOUT, conn.run(&texts))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    judge(&answer, role)?;
    conn.owner = Owner::Tenant(tenant.id);
    conn.voice = Arc::new(Voice::new(conn.key.pid, Some(tenant.id)));
    conn.search_path = Some(search_path);
    conn.names = Some(tenant.names.clone());
    Ok(())
}

/// Where a tenant's role has settings of its own, a connection logged in as that role has them, and one bound to it does not:
/// such a tenant gets the former. The same holds for what a login checks and the function does not. Where no row
/// is found, the function is not called.
fn bind_sql(schema: &Ident, role: &str) -> String {
    format!(
        "SELECT {schema}.set_session_auth(r.rolname::pg_catalog.text) FROM pg_catalog.pg_roles r
         WHERE r.rolname OPERATOR(pg_catalog.=) {}::pg_catalog.name AND r.rolcanlogin
           AND COALESCE(r.rolvaliduntil OPERATOR(pg_catalog.>) pg_catalog.now(), true)
           AND pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CONNECT')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s WHERE s.setrole OPERATOR(pg_catalog.=) r.oid)",
        literal(role)
    )
}

/// Who the session is, in every way it can be somebody.
const STATE: &str = "SELECT SESSION_USER, CURRENT_USER, pg_catalog.current_setting('session_authorization'),
     pg_catalog.current_setting('role'), pg_catalog.current_setting('is_superuser')";

/// The rows are the answers of the function, of `set_config` and of [`STATE`].
fn judge(answer: &Answer, role: &str) -> Result<(), BindError> {
    if let Some(error) = &answer.error {
        return Err(BindError::Refused(error.clone()));
    }
    match answer.rows.as_slice() {
        [_, _, state] if answer.status == b'I' && !answer.cut => {
            let wanted = [role, role, role, "none", "off"].map(Some);
            let proved = view::text_row(state).is_some_and(|state| state == wanted);
            if proved { Ok(()) } else { Err(BindError::NotProved) }
        }
        [_, _] => Err(BindError::Unfit),
        _ => Err(BindError::NotProved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[&str]) -> Vec<u8> {
        let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
        for value in values {
            body.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
            body.extend(value.as_bytes());
        }
        body
    }

    fn answer(state: &[&str]) -> Answer {
        Answer { rows: vec![row(&["OK"]), row(&["path"]), row(state)], status: b'I', ..Answer::default() }
    }

    #[test]
    fn only_a_session_that_is_the_tenant_in_every_way_is_bound() {
        assert!(judge(&answer(&["t", "t", "t", "none", "off"]), "t").is_ok());
        for state in [
            ["spare", "t", "t", "none", "off"],
            ["t", "spare", "t", "none", "off"],
            ["t", "t", "spare", "none", "off"],
            ["t", "t", "t", "u", "off"],
            ["t", "t", "t", "none", "on"],
        ] {
            assert!(matches!(judge(&answer(&state), "t"), Err(BindError::NotProved)), "{state:?}");
        }
        let in_transaction = Answer { status: b'T', ..answer(&["t", "t", "t", "none", "off"]) };
        assert!(matches!(judge(&in_transaction, "t"), Err(BindError::NotProved)));
    }

    #[test]
    fn where_the_function_was_not_called_nothing_is_bound() {
        let rows = vec![row(&["path"]), row(&["spare", "spare", "spare", "none", "off"])];
        let answer = Answer { rows, status: b'I', ..Answer::default() };
        assert!(matches!(judge(&answer, "t"), Err(BindError::Unfit)));
    }

    #[test]
    fn name_of_a_role_is_a_string_and_never_sql() {
        let schema = Ident::parse("odd\"one").unwrap();
        let sql = bind_sql(&schema, "a'b");
        assert!(sql.starts_with(r#"SELECT "odd""one".set_session_auth("#), "{sql}");
        assert!(sql.contains("'a''b'::pg_catalog.name"), "{sql}");
    }
}
