//! Looks in the catalogs for rights that break the wall between tenants.

use std::fmt;

use tokio_postgres::{GenericClient, Row};

use crate::config::Schemas;
use crate::registry::RegistryError;
use crate::tenant::Ident;

/// What a login of the proxy, the registry's, a tenant's or the pool's, must not be or have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// A superuser.
    Superuser,
    /// BYPASSRLS.
    BypassRls,
    /// REPLICATION: can read every table's changes.
    Replication,
    /// CREATEROLE: can make itself a member of other roles.
    CreateRole,
    /// CREATEDB.
    CreateDb,
    /// Owner of the served database.
    OwnsDatabase,
    /// Owner of a tenant's or a common schema: could drop it or open it to others.
    OwnsSchema,
    /// Member of another tenant's role, or of a role with rights beyond one tenant.
    Member,
    /// Rights on another tenant's schema.
    ForeignSchema,
    /// May create objects in a schema others use.
    CreateIn,
    /// May look into the registry or the template.
    UseOf,
    /// May create schemas in the database.
    CreateSchema,
    /// The pool role has INHERIT: could have its tenants' rights without taking on their roles.
    PoolInherit,
    /// The pool role has the rights of a role it is a member of.
    PoolInherits,
    /// The pool role may make others members of a tenant's role.
    PoolAdmin,
    /// A setting makes the pool role begin as another role.
    PoolSetting,
    /// The pool role owns something, or was granted something.
    PoolRight,
    /// The role of spare connections has settings, which tenants would get.
    SpareSetting,
    /// May call set_session_auth of the extension set_user, and so become anybody.
    SessionAuth,
    /// May call set_user of that extension, and so become others.
    SetUser,
}

impl FindingKind {
    /// The word in the audit query.
    const WORDS: [(&str, Self); 20] = [
        ("superuser", Self::Superuser),
        ("bypass_rls", Self::BypassRls),
        ("replication", Self::Replication),
        ("create_role", Self::CreateRole),
        ("create_db", Self::CreateDb),
        ("owns_database", Self::OwnsDatabase),
        ("owns_schema", Self::OwnsSchema),
        ("member", Self::Member),
        ("foreign_schema", Self::ForeignSchema),
        ("create_in", Self::CreateIn),
        ("use_of", Self::UseOf),
        ("create_schema", Self::CreateSchema),
        ("pool_inherit", Self::PoolInherit),
        ("pool_inherits", Self::PoolInherits),
        ("pool_admin", Self::PoolAdmin),
        ("pool_setting", Self::PoolSetting),
        ("pool_right", Self::PoolRight),
        ("spare_setting", Self::SpareSetting),
        ("session_auth", Self::SessionAuth),
        ("set_user", Self::SetUser),
    ];

    /// The word in the audit query; the id of the finding in `pgtenant verify`.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find_map(|(word, kind)| (*kind == self).then_some(*word)).unwrap_or_default()
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::WORDS.iter().map(|(_, kind)| *kind)
    }
}

/// One right too many. `Display` is a sentence with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// Who has it: a role, or `PUBLIC`.
    pub role: String,
    /// On what: a schema, a role, a database; empty for an attribute of the role.
    pub object: String,
    /// What takes away a membership that is not direct.
    pub revokes: Option<String>,
}

impl Finding {
    /// SQL that an administrator can run against it.
    #[must_use]
    pub fn remedy(&self) -> String {
        let (role, object) = (quoted(&self.role), quoted(&self.object));
        match self.kind {
            FindingKind::Superuser => format!("ALTER ROLE {role} NOSUPERUSER"),
            FindingKind::BypassRls => format!("ALTER ROLE {role} NOBYPASSRLS"),
            FindingKind::Replication => format!("ALTER ROLE {role} NOREPLICATION"),
            FindingKind::CreateRole => format!("ALTER ROLE {role} NOCREATEROLE"),
            FindingKind::CreateDb => format!("ALTER ROLE {role} NOCREATEDB"),
            FindingKind::OwnsDatabase => format!("ALTER DATABASE {object} OWNER TO CURRENT_USER"),
            FindingKind::OwnsSchema => format!("ALTER SCHEMA {object} OWNER TO CURRENT_USER"),
            // A membership may be both.
            FindingKind::Member => match &self.revokes {
                Some(revokes) => format!("REVOKE {object} FROM {role}; {revokes}"),
                None => format!("REVOKE {object} FROM {role}"),
            },
            FindingKind::ForeignSchema => format!("REVOKE ALL ON SCHEMA {object} FROM {role}"),
            // The right may have come by way of PUBLIC.
            FindingKind::CreateIn => format!("REVOKE CREATE ON SCHEMA {object} FROM PUBLIC, {role}"),
            FindingKind::UseOf => format!("REVOKE ALL ON SCHEMA {object} FROM PUBLIC, {role}"),
            FindingKind::CreateSchema => format!("REVOKE CREATE ON DATABASE {object} FROM PUBLIC, {role}"),
            FindingKind::PoolInherit => format!("ALTER ROLE {role} NOINHERIT"),
            FindingKind::PoolInherits => format!("GRANT {object} TO {role} WITH INHERIT FALSE"),
            FindingKind::PoolAdmin => format!("REVOKE ADMIN OPTION FOR {object} FROM {role}"),
            FindingKind::PoolSetting => format!(
                "SET ROLE NONE; ALTER ROLE {role} RESET ALL; ALTER ROLE {role} IN DATABASE {object} RESET ALL; \
                 ALTER DATABASE {object} RESET role; ALTER ROLE ALL RESET role"
            ),
            FindingKind::PoolRight => format!(
                "REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role} -- and run `pgtenant init` again"
            ),
            FindingKind::SpareSetting => {
                format!("ALTER ROLE {role} RESET ALL; ALTER ROLE {role} IN DATABASE {object} RESET ALL")
            }
            // An object here is a function, with its schema.
            FindingKind::SessionAuth | FindingKind::SetUser => format!(
                "REVOKE EXECUTE ON FUNCTION {} FROM {role} -- and from the roles it is a member of; the owner is a superuser",
                self.object
            ),
        }
    }
}

impl Finding {
    /// A sentence without the remedy.
    #[must_use]
    pub fn what(&self) -> String {
        let Self { role, object, .. } = self;
        match self.kind {
            FindingKind::Superuser => format!("role {role} is a superuser"),
            FindingKind::BypassRls => format!("role {role} has BYPASSRLS"),
            FindingKind::Replication => format!("role {role} has REPLICATION"),
            FindingKind::CreateRole => format!("role {role} has CREATEROLE"),
            FindingKind::CreateDb => format!("role {role} has CREATEDB"),
            FindingKind::OwnsDatabase => format!("role {role} owns the database {object}"),
            FindingKind::OwnsSchema => format!("role {role} owns the schema {object}"),
            FindingKind::Member => {
                format!("role {role} is a member of {object}, which has rights beyond one tenant")
            }
            FindingKind::ForeignSchema => format!("{role} has rights on the tenant schema {object}"),
            FindingKind::CreateIn => format!("role {role} may create objects in the schema {object}"),
            FindingKind::UseOf => format!("role {role} may look into the schema {object}"),
            FindingKind::CreateSchema => format!("role {role} may create schemas in the database {object}"),
            FindingKind::PoolInherit => format!("role {role} has INHERIT"),
            FindingKind::PoolInherits => format!("role {role} has the rights of {object} by inheritance"),
            FindingKind::PoolAdmin => format!("role {role} may make others members of {object}"),
            FindingKind::PoolSetting => format!("role {role} begins as another role, by a setting"),
            FindingKind::PoolRight => format!("role {role} owns or has rights on {object}"),
            FindingKind::SpareSetting => format!("role {role} has settings of its own"),
            FindingKind::SessionAuth | FindingKind::SetUser => {
                format!("{role} may call {object}, and so become another role")
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; as an administrator run: {}", self.what(), self.remedy())
    }
}

/// `PUBLIC` is a keyword here, every other name an identifier.
fn quoted(name: &str) -> String {
    match Ident::parse(name) {
        Ok(ident) if name != "PUBLIC" => ident.to_string(),
        _ => name.to_owned(),
    }
}

/// Rights that would let one tenant reach another, on any connection that may read the registry.
///
/// # Errors
/// When the catalogs cannot be read.
pub async fn login_findings(
    client: &impl GenericClient,
    registry_role: &str,
    schemas: &Schemas,
) -> Result<Vec<Finding>, RegistryError> {
    let (global, template) = (schemas.global.as_str(), schemas.template.as_str());
    let rows = client.query(include_str!("audit.sql"), &[&registry_role, &global, &template]).await?;
    let mut findings = read(&rows)?;
    findings.extend(spare_findings(client).await?);
    Ok(findings)
}

/// The same for tenants that are listed elsewhere: there are no tables of the registry, and none of the roles that only an
/// installation with a registry has.
pub(super) async fn listed_findings(
    client: &impl GenericClient,
    registry_role: &str,
    schemas: &Schemas,
    tenants: &serde_json::Value,
) -> Result<Vec<Finding>, RegistryError> {
    let (global, template) = (schemas.global.as_str(), schemas.template.as_str());
    let logins = listed(include_str!("audit.sql"), "$4");
    let mut findings = read(&client.query(&logins, &[&registry_role, &global, &template, tenants]).await?)?;
    findings.extend(listed_spare_findings(client, tenants).await?);
    Ok(findings)
}

/// A part of it.
pub(super) async fn listed_spare_findings(
    client: &impl GenericClient,
    tenants: &serde_json::Value,
) -> Result<Vec<Finding>, RegistryError> {
    read(&client.query(&listed(include_str!("spares.sql"), "$1"), &[tenants]).await?)
}

/// The query with rows in place of the registry's tables.
fn listed(sql: &str, tenants: &str) -> String {
    let tenants = format!(
        "pg_catalog.jsonb_to_recordset({tenants}::pg_catalog.jsonb)
         AS t (role_name pg_catalog.name, schema_name pg_catalog.name, reader_role pg_catalog.name, isolation pg_catalog.text)"
    );
    sql.replace("pgtenant.tenants_here t", &tenants).replace("pgtenant.installation i", NO_INSTALLATION)
}

const NO_INSTALLATION: &str =
    "(SELECT NULL::pg_catalog.name AS registry_role, NULL::pg_catalog.name AS tenants_role,
    NULL::pg_catalog.name AS pool_role, NULL::pg_catalog.name AS spare_role) AS i";

/// What there is to find about spare connections and the extension that binds them; a part of
/// [`audit_logins`](crate::registry::Registry::audit_logins).
///
/// # Errors
/// When the catalogs cannot be read.
pub async fn spare_findings(client: &impl GenericClient) -> Result<Vec<Finding>, RegistryError> {
    read(&client.query(include_str!("spares.sql"), &[]).await?)
}

fn read(rows: &[Row]) -> Result<Vec<Finding>, RegistryError> {
    rows.iter()
        .map(|row| {
            let word: &str = row.try_get(0)?;
            let kind = FindingKind::WORDS
                .iter()
                .find_map(|(known, kind)| (*known == word).then_some(*kind))
                .ok_or_else(|| RegistryError::UnknownFinding(word.to_owned()))?;
            // The query on spare connections has no such column.
            let revokes = if row.len() > 3 { row.try_get(3)? } else { None };
            Ok(Finding { kind, role: row.try_get(1)?, object: row.try_get(2)?, revokes })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_on_listed_tenants_reads_no_table_of_the_registry() {
        for sql in [include_str!("audit.sql"), include_str!("spares.sql")] {
            let listed = listed(sql, "$4");
            assert!(!listed.contains("pgtenant.") && sql.contains("pgtenant."), "{listed}");
        }
    }

    #[test]
    fn finding_says_who_has_what_and_how_to_take_it_away() {
        let finding = Finding {
            kind: FindingKind::Member,
            role: "tenant_a".into(),
            object: "odd\"role".into(),
            revokes: None,
        };
        let text = finding.to_string();
        assert!(text.starts_with("role tenant_a is a member of odd\"role"), "{text}");
        assert!(text.ends_with("REVOKE \"odd\"\"role\" FROM \"tenant_a\""), "{text}");
    }

    #[test]
    fn public_is_not_quoted() {
        let finding = Finding {
            kind: FindingKind::ForeignSchema,
            role: "PUBLIC".into(),
            object: "tenant_a".into(),
            revokes: None,
        };
        assert_eq!(finding.remedy(), "REVOKE ALL ON SCHEMA \"tenant_a\" FROM PUBLIC");
    }
}
