//! What a tenant has in the database that can run code: at level shared without hardening the guard lets none be made,
//! and does not see what is there already.

use tokio_postgres::GenericClient;

use crate::guard::only_computes;
use crate::registry::RegistryError;
use crate::tenant::{Ident, TenantNames};

/// All of it, in words.
///
/// # Errors
/// When the catalogs cannot be read.
pub async fn code_of(client: &impl GenericClient, names: &TenantNames) -> Result<Vec<String>, RegistryError> {
    let rows =
        client.query(include_str!("code.sql"), &[&names.schema.as_str(), &names.role.as_str()]).await?;
    let mut found = Vec::new();
    for row in rows {
        let (object, called): (Option<String>, Option<&str>) = (row.try_get(0)?, row.try_get(1)?);
        let object = object.unwrap_or_else(|| "an object dropped just now".to_owned());
        match called {
            None => found.push(object),
            Some(called) if only_computes(called) => {}
            Some(called) => found.push(format!("{object}, which calls {called}")),
        }
    }
    Ok(found)
}

/// Why a tenant cannot be served at level shared without hardening, if so: it has code, or a session of its own role
/// is in a transaction that may make some. Every session shows all that it locks to everybody.
pub(super) async fn unfit(
    client: &impl GenericClient,
    names: &TenantNames,
) -> Result<Option<String>, RegistryError> {
    if is_in_transaction(client, &names.role).await? {
        return Ok(Some("a transaction from before it was moved has not ended".to_owned()));
    }
    let found = code_of(client, names).await?;
    Ok(found.first().map(|first| format!("it has {} things that can run code, such as {first}", found.len())))
}

/// A connection that was a spare has the name of the spares' role there, whosever it is: any of them counts.
async fn is_in_transaction(client: &impl GenericClient, role: &Ident) -> Result<bool, RegistryError> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_locks l ON l.pid = a.pid
                            WHERE a.usename IN ($1, (SELECT i.spare_role FROM pgtenant.installation i)) AND l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock')",
            &[&role.as_str()],
        )
        .await?;
    Ok(row.try_get(0)?)
}
