//! The rules: ids, and what a refused client reads.

use crate::error::SqlState;
use crate::guard::{Rule, Wall};

macro_rules! rules {
    ($($(#[$about:meta])* $name:ident = $id:literal, $state:ident, $wall:ident, $doc:literal, $hint:literal;)*) => {
        $($(#[$about])* pub(super) static $name: Rule =
            Rule { id: $id, sqlstate: SqlState::$state, doc: $doc, hint: $hint, wall: Wall::$wall };)*

        /// Every rule, in the order of docs/errors.md.
        pub(super) static ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    CROSS_SCHEMA = "cross_schema", INSUFFICIENT_PRIVILEGE, Privileges,
        "A statement names only the tenant's own schema, the shared ones and those of the system.",
        "Leave the schema out: the tenant's own schema is searched first.";
    CROSS_DATABASE = "cross_database", INSUFFICIENT_PRIVILEGE, Privileges,
        "A name with a database part is refused: one database is served, and it needs no naming.",
        "Leave the database out of the name.";
    SEARCH_PATH = "search_path", INSUFFICIENT_PRIVILEGE, Privileges,
        "search_path holds only schemas the tenant may name.",
        "List your own schema, the shared ones, pg_catalog or pg_temp, or use RESET search_path.";
    ROLE_CHANGE = "role_change", INSUFFICIENT_PRIVILEGE, Privileges,
        "A session keeps the role it was authenticated for: role and session_authorization are not set.",
        "Connect as the user you want to be; at level dedicated RESET ROLE and SET ROLE NONE are allowed.";
    ROLE_MANAGEMENT = "role_management", INSUFFICIENT_PRIVILEGE, Privileges,
        "Roles, their settings and memberships belong to the operator, as they are common to all tenants.",
        "Ask the operator; credentials of a tenant are managed with the pgtenant command.";
    FIXED_SETTING = "fixed_setting", FEATURE_NOT_SUPPORTED, Guard,
        "client_encoding stays UTF8 and standard_conforming_strings on: other values change how a text is read.",
        "Leave the setting alone, or set it to the value it has; convert other encodings in the client.";
    SETTING = "setting", INSUFFICIENT_PRIVILEGE, Guard,
        "A tenant sets only what is known to concern nobody else: code, logs, roles and replication of the server do.",
        "Check the spelling; the operator can let the setting of an extension pass with guard.extra_settings.";
    TWO_PHASE = "two_phase", FEATURE_NOT_SUPPORTED, Guard,
        "Two-phase commit is refused: prepared transactions are visible to, and keep locks for, the whole database.",
        "Use COMMIT.";
    NOTIFY = "notify", FEATURE_NOT_SUPPORTED, Guard,
        "LISTEN and UNLISTEN inside another statement are not followed; a channel that cannot be made the tenant's own is refused.",
        "Send LISTEN, UNLISTEN and NOTIFY as statements of their own.";
    SERVER_FILES = "server_files", INSUFFICIENT_PRIVILEGE, Privileges,
        "Files and programs of the database server are out of reach.",
        "Use COPY FROM STDIN or COPY TO STDOUT (in psql: \\copy).";
    SERVER_ADMINISTRATION = "server_administration", INSUFFICIENT_PRIVILEGE, Privileges,
        "What is common to the whole database or server is managed by the operator.",
        "Ask the operator; an extension can be installed once for all tenants.";
    OTHER_SESSIONS = "other_sessions", INSUFFICIENT_PRIVILEGE, Privileges,
        "At level shared, sessions of other tenants are neither shown nor ended.",
        "Cancel a statement with a cancel request (in psql: Ctrl-C), or ask the operator for level dedicated.";
    LARGE_OBJECT = "large_object", FEATURE_NOT_SUPPORTED, Privileges,
        "At level shared, large objects are refused: they are in no tenant's schema.",
        "Use a column of type bytea, or ask the operator for level dedicated.";
    ADVISORY_LOCK = "advisory_lock", FEATURE_NOT_SUPPORTED, Privileges,
        "At level shared without hardening, advisory locks are refused: their keys are common to all tenants.",
        "Lock a row or a table instead, or ask the operator to harden the database (pgtenant init --harden).";
    OPAQUE_CODE = "opaque_code", INSUFFICIENT_PRIVILEGE, Privileges,
        "At level shared without hardening, nothing runs SQL text or code that the operator did not install.",
        "Ask the operator to harden the database (pgtenant init --harden), or for level dedicated.";
    READ_ONLY = "read_only", READ_ONLY_SQL_TRANSACTION, Guard,
        "A session that may only read keeps to read-only transactions, and sends nothing that reaches beyond one.",
        "Connect as a user that may write; send transaction control as statements of their own.";
    UNKNOWN_STATEMENT = "unknown_statement", FEATURE_NOT_SUPPORTED, Guard,
        "A kind of statement that is not classified is refused.",
        "Report the statement: it may be from a newer PostgreSQL than this version knows.";
    UNPARSABLE = "unparsable", SYNTAX_ERROR, Guard,
        "A text that PostgreSQL's grammar does not accept cannot be judged.",
        "Check the syntax; the grammar is that of PostgreSQL 18.";
    STATEMENT_TOO_LONG = "statement_too_long", PROGRAM_LIMIT_EXCEEDED, Guard,
        "A text over guard.max_statement_bytes is refused, as judging can take 270 times its size in memory.",
        "Send values as parameters, split the statement, or use COPY FROM STDIN.";
    TOO_COMPLEX = "too_complex", PROGRAM_LIMIT_EXCEEDED, Guard,
        "A text that nests deeper, or has more words and signs, than can be judged in bounded time and memory is refused.",
        "Split the statement, use parentheses less, or replace a long chain by IN (...) or = ANY (...).";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_rule_has_its_own_id_and_a_section_in_the_docs() {
        let docs = include_str!("../../docs/errors.md");
        let ids: HashSet<_> = ALL.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for rule in ALL {
            assert!(docs.contains(&format!("### `{}`", rule.id)), "{} is not in docs/errors.md", rule.id);
            assert!(docs.contains(rule.hint), "the hint of {} is not in docs/errors.md", rule.id);
            assert!(docs.contains(rule.sqlstate.0), "{}", rule.id);
        }
    }
}
