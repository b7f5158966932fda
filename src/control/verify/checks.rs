//! What `pgtenant verify` looks for: every check with its id, how bad a finding of it is, and what it means. docs/verify.md has
//! the same (compared by a test).

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Breaks nothing as far as can be seen; the operator should know it.
    Note,
    /// A wall is thinner than it was made; the others still stand.
    Warning,
    /// A wall has a hole, or cannot be relied upon.
    Error,
    /// Somebody reaches, or can make himself reach, what is another tenant's.
    Critical,
}

impl Severity {
    /// The worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::Error, Self::Warning, Self::Note];

    /// The word in tables, JSON and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// Whether a finding of it makes `pgtenant verify` fail.
    #[must_use]
    pub const fn fails(self) -> bool {
        matches!(self, Self::Error | Self::Critical)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The audit of the catalogs and of the configuration, also while serving.
    Audit,
    /// The attack of two tenants of verify's own on each other, through a running proxy.
    Canary,
}

/// One kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// Short stable name.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Who finds it.
    pub source: Source,
    /// What it means, one sentence.
    pub means: &'static str,
}

impl Check {
    /// The check of this id.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        CHECKS.iter().find(|check| check.id == id)
    }
}

/// The check of an id that this program itself names.
pub(super) fn known(id: &'static str) -> &'static Check {
    Check::find(id).unwrap_or_else(|| unreachable!("{id} is in the table"))
}

const fn audit(id: &'static str, severity: Severity, means: &'static str) -> Check {
    Check { id, severity, source: Source::Audit, means }
}

const fn canary(id: &'static str, severity: Severity, means: &'static str) -> Check {
    Check { id, severity, source: Source::Canary, means }
}

use Severity::{Critical, Error, Note, Warning};

/// All of them, in the order of docs/verify.md.
pub const CHECKS: &[Check] = &[
    // Logins: what no role of a tenant's or of the proxy's may be or have.
    audit("superuser", Critical, "No privilege holds for a superuser: it reads every tenant."),
    audit("bypass_rls", Critical, "A role with BYPASSRLS passes every policy of row security."),
    audit("replication", Critical, "A role with REPLICATION can read the changes of every table."),
    audit("create_role", Critical, "A role with CREATEROLE can make itself a member of others."),
    audit("create_db", Error, "A role with CREATEDB can make databases that nobody looks after."),
    audit("owns_database", Error, "The owner of the database can open it, and its schemas, to others."),
    audit("owns_schema", Critical, "The owner of a schema can drop it, or open it to others."),
    audit(
        "member",
        Critical,
        "A member of another tenant's role, or of a role with rights beyond one tenant, has those rights.",
    ),
    audit("foreign_schema", Critical, "Somebody who is not this tenant has rights on its schema."),
    audit(
        "create_in",
        Error,
        "What is created in a schema that others use is found by their statements too.",
    ),
    audit("use_of", Error, "Tenants may look into the registry or the template."),
    audit("create_schema", Error, "A tenant may create schemas, and in them what nobody looks after."),
    audit("pool_inherit", Error, "The pool role could have tenants' rights without taking on their roles."),
    audit("pool_inherits", Critical, "The pool role has a tenant's rights without taking on its role."),
    audit("pool_admin", Error, "The pool role may make others members of a tenant's role."),
    audit("pool_setting", Critical, "Shared connections begin as another role, by a setting."),
    audit("pool_right", Error, "The pool role has rights of its own between two tenants."),
    audit("spare_setting", Error, "Settings of the role of spare connections are a tenant's by and by."),
    audit("session_auth", Critical, "Whoever may call set_session_auth can become any tenant."),
    audit("set_user", Critical, "Whoever may call set_user can become another role."),
    // Roles beside them.
    audit(
        "extra_membership",
        Warning,
        "A tenant's role, or the one all tenants share, is a member of one more role, whatever that may do now or later.",
    ),
    audit("member_of_tenant", Warning, "A role that is no administrator has all that is a tenant's."),
    audit(
        "tenants_role",
        Error,
        "The role all tenants share only carries rights to read what is common; it can do more.",
    ),
    audit(
        "orphan_member",
        Error,
        "A role of no registered tenant has what tenants have, and nobody watches it.",
    ),
    audit(
        "not_a_tenant",
        Error,
        "Event triggers and grants go by membership in the role all tenants share; this tenant's role is not in it.",
    ),
    audit(
        "role_setting",
        Note,
        "A tenant's role has settings of its own; what matters is set by the proxy, and outranks them.",
    ),
    audit(
        "risky_setting",
        Error,
        "A setting makes sessions begin as another role, load libraries, or pass row security.",
    ),
    // Grants.
    audit(
        "public_table",
        Error,
        "Everybody has rights on a table of a tenant; only USAGE on its schema stands before it.",
    ),
    audit(
        "foreign_table",
        Critical,
        "Another tenant, or a role of the proxy, has rights on a table of this tenant.",
    ),
    audit("table_granted", Warning, "A role outside has rights on a table of a tenant."),
    audit(
        "public_definer",
        Error,
        "Everybody may call a SECURITY DEFINER routine of a tenant, which runs with its rights; a domain can call it without USAGE on the schema.",
    ),
    audit("public_routine", Warning, "Everybody may call a routine of a tenant; it runs as its caller."),
    audit(
        "foreign_routine",
        Critical,
        "Another tenant, or a role of the proxy, may call a routine of this tenant.",
    ),
    audit("routine_granted", Warning, "A role outside may call a routine of a tenant."),
    audit("reader_writes", Error, "The role that is to read only may write."),
    audit("schema_granted", Warning, "A role outside has rights on a tenant's schema."),
    audit("schema_grantable", Error, "The tenant may open its own schema to others."),
    audit(
        "default_privileges",
        Error,
        "What is created from now on is open to everybody, or to another tenant.",
    ),
    audit("routine_defaults", Warning, "Routines that the tenant creates from now on are open to everybody."),
    audit(
        "registry_open",
        Critical,
        "The registry holds verifiers, keys and channel secrets; somebody else may read or change it.",
    ),
    audit("registry_write", Error, "The login that reads the registry may write to it."),
    audit(
        "builtin_open",
        Critical,
        "Something that PostgreSQL or an extension keeps from everybody is open to tenants, such as pg_read_file, lo_import or pg_authid.",
    ),
    // Objects.
    audit("foreign_owner", Critical, "An object in a tenant's schema belongs to another tenant."),
    audit(
        "wrong_owner",
        Error,
        "An object in a tenant's schema does not belong to its role: views and SECURITY DEFINER routines run with the owner's rights.",
    ),
    audit("schema_owner", Error, "A tenant's schema belongs to somebody who is no administrator."),
    audit("owns_elsewhere", Error, "A tenant owns something outside of its schema, where others may use it."),
    audit(
        "cross_tenant",
        Critical,
        "A constraint, a view, a trigger or inheritance leads from one tenant to another, with its owner's rights.",
    ),
    audit(
        "large_object",
        Error,
        "A large object belongs to no schema, and is open to others than its owner.",
    ),
    audit("large_objects_open", Critical, "Privileges of large objects are not looked at."),
    // Code and extensions.
    audit(
        "definer_routine",
        Error,
        "Tenants may call a SECURITY DEFINER routine of somebody else's, which runs with that one's rights.",
    ),
    audit(
        "risky_extension",
        Error,
        "Its functions run SQL text outside of the session's role, or lead out of the database.",
    ),
    audit("noted_extension", Note, "Whoever is granted its functions sees or does more than one tenant's."),
    audit("unknown_extension", Note, "It has functions in C that nobody looked at for this."),
    audit("foreign_server", Error, "Tenants can reach another server, with its login, outside of the proxy."),
    audit(
        "untrusted_language",
        Warning,
        "Code in this language is bound by no privilege; only superusers may create it, and its routines need a look.",
    ),
    audit("open_language", Error, "Tenants may write code in a language that the hardening does not know."),
    audit("tenant_language", Error, "A tenant has a routine in a language that the hardening does not know."),
    audit(
        "caller_routine",
        Error,
        "A routine that tenants may call runs as its caller and may change the role: the hardening does not reach it.",
    ),
    audit(
        "plain_routine",
        Note,
        "A routine that tenants may call runs as its caller; its text builds no SQL and changes no role.",
    ),
    audit("c_routine", Warning, "A routine in C that tenants may call cannot be looked into."),
    audit(
        "old_expression",
        Note,
        "An expression from before the hardening calls a function that was moved, and fails.",
    ),
    audit(
        "shared_code",
        Error,
        "A tenant of level shared has code, in a database that is not hardened: it can change the role.",
    ),
    // The hardening, the guard, the registry.
    audit(
        "hardening",
        Error,
        "The hardening is not as this program installs it: tenants of level shared are not served, and code is not confined.",
    ),
    audit("hardening_version", Error, "The hardening is of another version than this program's."),
    audit("hardening_gone", Error, "The database is meant to be hardened, and is not."),
    audit(
        "not_hardened",
        Note,
        "The database is not hardened: advisory locks have one key space, and tenants of level shared may make no code.",
    ),
    audit(
        "notify_function",
        Error,
        "The function that adds the secrets of channels is not as this program installs it; it may read all of them.",
    ),
    audit(
        "guard_reports",
        Error,
        "The guard lets pass what PostgreSQL's privileges refuse: one wall in place of two.",
    ),
    audit(
        "guard_widened",
        Note,
        "The operator has given tenants more than they have by default: schemas, settings or functions.",
    ),
    audit(
        "schema_missing",
        Error,
        "A tenant's schema is gone: whoever creates one of that name gets its clients.",
    ),
    audit(
        "role_missing",
        Error,
        "A tenant's role is gone: whoever creates one of that name gets its clients.",
    ),
    audit(
        "orphan_schema",
        Warning,
        "A schema has a tenant's name and no tenant: a new tenant of that slug is refused, and nobody watches it.",
    ),
    // The attack.
    canary("canary_read", Critical, "One of two tenants read the other's data through the proxy."),
    canary(
        "canary_write",
        Critical,
        "One of two tenants changed the other's data, definitions or rights through the proxy.",
    ),
    canary("canary_notify", Critical, "A notification went from one tenant to another."),
    canary("canary_cancel", Critical, "One tenant ended the other's statement."),
    canary("canary_residue", Critical, "A tenant found what another had left in a server connection."),
    canary(
        "canary_lock",
        Warning,
        "Two tenants have one key space of advisory locks, and can wait for each other.",
    ),
    canary(
        "canary_guard",
        Error,
        "The running proxy let a statement pass that names another tenant; PostgreSQL refused it.",
    ),
    canary("canary_leftover", Warning, "The two tenants of the attack could not be removed."),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::registry::FindingKind;

    #[test]
    fn ids_are_unique_and_meanings_are_sentences() {
        let mut seen = HashSet::new();
        for check in CHECKS {
            assert!(seen.insert(check.id), "{} twice", check.id);
            assert!(check.means.ends_with('.') && check.means.len() > 30, "{}", check.id);
        }
    }

    #[test]
    fn every_finding_on_logins_is_a_check() {
        for kind in FindingKind::all() {
            assert!(Check::find(kind.word()).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn what_the_queries_can_say_is_a_check() {
        let queries = [
            include_str!("grants.sql"),
            include_str!("roles.sql"),
            include_str!("objects.sql"),
            include_str!("../harden/audit.sql"),
        ];
        // Built from two words in grants.sql.
        let built = [
            "public_table",
            "public_routine",
            "foreign_table",
            "foreign_routine",
            "table_granted",
            "routine_granted",
        ];
        let found_by_code = [
            "hardening",
            "hardening_version",
            "hardening_gone",
            "not_hardened",
            "notify_function",
            "guard_reports",
            "guard_widened",
        ];
        for check in CHECKS.iter().filter(|check| check.source == Source::Audit) {
            let quoted = format!("'{}'", check.id);
            let known = FindingKind::all().any(|kind| kind.word() == check.id)
                || built.contains(&check.id)
                || found_by_code.contains(&check.id)
                || queries.iter().any(|query| query.contains(&quoted));
            assert!(known, "nothing finds {}", check.id);
        }
    }
}
