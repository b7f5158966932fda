//! What the hardening consists of: its names, its functions, its event triggers.

use tokio_postgres::GenericClient;

use crate::control::{ControlError, Outcome};
use crate::tenant::Ident;

/// The schema that holds the moved functions and what belongs to them.
pub(super) const SCHEMA: &str = "pgtenant_guard";

/// The event triggers: name, tags, function. They run in the order of their names.
pub(super) const EVENT_TRIGGERS: [(&str, &[&str], &str); 3] = [
    (
        "pgtenant_guard_1_definer",
        &["ALTER FUNCTION", "ALTER PROCEDURE", "ALTER ROUTINE", "CREATE FUNCTION", "CREATE PROCEDURE"],
        "on_definer",
    ),
    ("pgtenant_guard_2_validate", &["CREATE FUNCTION", "CREATE PROCEDURE"], "on_validate"),
    ("pgtenant_guard_3_settle", &["CREATE FUNCTION", "CREATE PROCEDURE"], "on_settle"),
];

/// The roles in question.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Every tenant is a member.
    pub(super) tenants_role: Ident,
    /// Owns the wrappers.
    pub(super) guard_role: Ident,
}

impl Names {
    /// Replaces `{tenants}` (a subquery: OIDs of the roles that are a tenant's or a member of one, such as
    /// a pool's login), `{holders}` (a subquery: OIDs of the roles whose rights a tenant has), `{guard}` (an identifier) and
    /// `{tenants_role}`, `{guard_role}`, `{guard_name}` (literals, the first two quoted for to_regrole).
    pub(super) fn fill(&self, sql: &str) -> String {
        sql.replace("{holders}", include_str!("holders.sql").trim_end())
            .replace("{tenants}", include_str!("tenants.sql").trim_end())
            .replace("{tenants_role}", &literal(&self.tenants_role.to_string()))
            .replace("{guard_role}", &literal(&self.guard_role.to_string()))
            .replace("{guard_name}", &literal(self.guard_role.as_str()))
            .replace("{guard}", &self.guard_role.to_string())
    }
}

/// A string constant. The session has standard_conforming_strings on.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A function of ours in the schema.
pub(super) struct Routine {
    /// Name.
    pub(super) name: &'static str,
    /// Arguments with their names.
    pub(super) arguments: &'static str,
    /// Types of the arguments, as `oidvectortypes` writes them.
    pub(super) types: &'static str,
    returns: &'static str,
    language: &'static str,
    attributes: &'static str,
    body: &'static str,
    /// Whether it belongs to the guard's role; the others belong to a superuser.
    pub(super) of_guard: bool,
    definer: bool,
    config: Option<&'static str>,
}

const PLAIN: Routine = Routine {
    name: "",
    arguments: "",
    types: "",
    returns: "",
    language: "plpgsql",
    attributes: "",
    body: "",
    of_guard: true,
    definer: false,
    config: None,
};

pub(super) const ROUTINES: [Routine; 7] = [
    Routine {
        name: "version",
        returns: "pg_catalog.int4",
        language: "sql",
        attributes: "IMMUTABLE",
        body: "SELECT 3",
        ..PLAIN
    },
    Routine {
        name: "tenant",
        returns: "pg_catalog.text",
        attributes: "STABLE",
        body: include_str!("tenant.sql"),
        ..PLAIN
    },
    Routine {
        name: "salted",
        arguments: "tenant pg_catalog.text, key pg_catalog.bytea",
        types: "text, bytea",
        returns: "pg_catalog.int8",
        attributes: "IMMUTABLE STRICT",
        body: include_str!("salted.sql"),
        ..PLAIN
    },
    Routine {
        name: "channel",
        arguments: "tenant pg_catalog.text, channel pg_catalog.text",
        types: "text, text",
        returns: "pg_catalog.text",
        attributes: "STABLE STRICT",
        body: include_str!("channel.sql"),
        ..PLAIN
    },
    Routine {
        name: "on_definer",
        returns: "event_trigger",
        attributes: "SECURITY DEFINER SET search_path = pg_catalog, pg_temp",
        body: include_str!("on_definer.sql"),
        of_guard: false,
        definer: true,
        config: Some("search_path=pg_catalog, pg_temp"),
        ..PLAIN
    },
    Routine {
        name: "on_validate",
        returns: "event_trigger",
        body: include_str!("on_validate.sql"),
        of_guard: false,
        ..PLAIN
    },
    Routine {
        name: "on_settle",
        returns: "event_trigger",
        attributes: "SECURITY DEFINER SET search_path = pg_catalog, pg_temp",
        body: include_str!("on_settle.sql"),
        of_guard: false,
        definer: true,
        config: Some("search_path=pg_catalog, pg_temp"),
        ..PLAIN
    },
];

impl Routine {
    /// `None` when there is no such function, else whether it is as it should be.
    pub(super) async fn is_right(
        &self,
        client: &impl GenericClient,
        names: &Names,
    ) -> Result<Option<bool>, ControlError> {
        let config: Option<Vec<&str>> = self.config.map(|config| vec![config]);
        let row = client
            .query_opt(
                "SELECT p.prosrc = $3 AND p.prosecdef = $4 AND p.proconfig IS NOT DISTINCT FROM $5::pg_catalog.text[]
                     AND l.lanname = $6
                     AND CASE WHEN $7 THEN r.rolname = $8 ELSE r.rolsuper END
                     AND NOT EXISTS (
                         SELECT FROM pg_catalog.aclexplode(
                             COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
                         WHERE a.grantee <> p.proowner)
                 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                 JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                 JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
                 WHERE n.nspname = 'pgtenant_guard' AND p.proname = $1
                   AND pg_catalog.oidvectortypes(p.proargtypes) = $2",
                &[
                    &self.name,
                    &self.types,
                    &names.fill(self.body),
                    &self.definer,
                    &config,
                    &self.language,
                    &self.of_guard,
                    &names.guard_role.as_str(),
                ],
            )
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Creates it, or puts it right.
    pub(super) async fn ensure(
        &self,
        client: &impl GenericClient,
        names: &Names,
    ) -> Result<Outcome, ControlError> {
        let found = self.is_right(client, names).await?;
        if found == Some(true) {
            return Ok(Outcome::Unchanged);
        }
        let Self { name, arguments, types, returns, language, attributes, .. } = self;
        let body = names.fill(self.body);
        let owner = if self.of_guard { names.guard_role.to_string() } else { "CURRENT_USER".to_owned() };
        client
            .batch_execute(&format!(
                "CREATE OR REPLACE FUNCTION {SCHEMA}.{name}({arguments}) RETURNS {returns}
                     LANGUAGE {language} {attributes} AS $pgtenant${body}$pgtenant$;
                 REVOKE ALL ON FUNCTION {SCHEMA}.{name}({types}) FROM PUBLIC;
                 ALTER FUNCTION {SCHEMA}.{name}({types}) OWNER TO {owner}"
            ))
            .await?;
        Ok(if found.is_some() { Outcome::Changed } else { Outcome::Created })
    }
}
