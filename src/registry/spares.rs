//! What is known of spare connections and of the extension that binds them to a tenant.

use tokio_postgres::{Error, GenericClient};

use crate::tenant::Ident;

/// The last word of the watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SpareWatch {
    /// Nobody has looked.
    #[default]
    Unknown,
    /// There are none, for this reason.
    Off {
        /// For the log.
        why: String,
    },
    /// They can be had.
    Ready {
        /// Whom they log in as.
        role: Ident,
        /// Where `set_session_auth` is.
        schema: Ident,
    },
    /// Somebody who should not may call it, and so become any tenant: nobody is served until that is mended.
    Exposed {
        /// For the log; never for a client.
        why: String,
    },
}

impl SpareWatch {
    /// Whether nobody may be served.
    #[must_use]
    pub const fn is_exposed(&self) -> bool {
        matches!(self, Self::Exposed { .. })
    }
}

/// The extension set_user in this database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetUser {
    /// Its schema.
    pub schema: Ident,
    /// Whether it has `set_session_auth(text)`, which came with version 3.0.
    pub binds: bool,
    /// Whether the role of spare connections may use the schema and call the function.
    pub granted: bool,
}

/// The role that spare connections log in as, recorded by `pgtenant init`.
///
/// # Errors
/// When the database does not answer.
pub async fn spare_role(client: &impl GenericClient) -> Result<Option<Ident>, Error> {
    let row = client.query_opt("SELECT spare_role FROM pgtenant.installation", &[]).await?;
    let name: Option<String> = row.map(|row| row.try_get(0)).transpose()?.flatten();
    Ok(name.and_then(|name| Ident::parse(&name).ok()))
}

/// Records it.
///
/// # Errors
/// When the database refuses.
pub async fn set_spare_role(client: &impl GenericClient, role: &Ident) -> Result<(), Error> {
    client.execute("UPDATE pgtenant.installation SET spare_role = $1", &[&role.as_str()]).await.map(drop)
}

/// Looks for the extension, and what this role may do with it.
///
/// # Errors
/// When the database does not answer.
pub async fn set_user(client: &impl GenericClient, role: Option<&Ident>) -> Result<Option<SetUser>, Error> {
    let row = client
        .query_opt(
            "SELECT n.nspname::text, p.oid IS NOT NULL,
                 COALESCE(pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
                          AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE'), false)
             FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
             LEFT JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.proname = 'set_session_auth'
                 AND p.prosrc = 'set_session_auth' AND pg_catalog.oidvectortypes(p.proargtypes) = 'text'
             LEFT JOIN pg_catalog.pg_roles r ON r.rolname = $1
             WHERE e.extname = 'set_user'",
            &[&role.map_or("", Ident::as_str)],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    // A name in the catalogs is an identifier.
    let Ok(schema) = Ident::parse(row.try_get(0)?) else { return Ok(None) };
    Ok(Some(SetUser { schema, binds: row.try_get(1)?, granted: row.try_get(2)? }))
}
