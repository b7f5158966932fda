//! PostgreSQL's own functions that are moved out of everybody's reach, and the wrappers in their place.

use tokio_postgres::GenericClient;

use crate::control::harden::parts::{Names, SCHEMA};
use crate::control::{ControlError, Outcome};

/// One of them, as it is in this database.
#[derive(Debug)]
pub(super) struct Builtin {
    name: String,
    types: String,
    declared: String,
    returns: String,
    schema: String,
    volatility: String,
    strict: bool,
    parallel: String,
    /// Whether tenants may call the original.
    open: bool,
    /// Whether the wrapper may.
    granted: bool,
    wrapped: bool,
    /// Everything about the wrapper but its body.
    attributes_right: bool,
    source: String,
}

/// What its wrapper is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `set_config`
    Setting,
    /// `pg_notify`
    Notify,
    /// The advisory-lock functions.
    Lock,
}

impl Kind {
    /// In the order of the report.
    pub(super) const ALL: [(Self, &'static str); 3] = [
        (Self::Setting, "pg_catalog.set_config, changes neither role nor session authorization"),
        (Self::Lock, "advisory locks, keys of their own for each tenant"),
        (Self::Notify, "pg_catalog.pg_notify, channels of their own for each tenant"),
    ];
}

/// Reads them all.
pub(super) async fn read(client: &impl GenericClient, names: &Names) -> Result<Vec<Builtin>, ControlError> {
    let rows = client.query(&names.fill(include_str!("builtins.sql")), &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(Builtin {
                name: row.try_get(0)?,
                types: row.try_get(1)?,
                declared: row.try_get(2)?,
                returns: row.try_get(3)?,
                schema: row.try_get(4)?,
                volatility: row.try_get(5)?,
                strict: row.try_get(6)?,
                parallel: row.try_get(7)?,
                open: row.try_get(8)?,
                granted: row.try_get(9)?,
                wrapped: row.try_get(10)?,
                attributes_right: row.try_get(11)?,
                source: row.try_get(12)?,
            })
        })
        .collect()
}

impl Builtin {
    pub(super) fn kind(&self) -> Kind {
        match self.name.as_str() {
            "set_config" => Kind::Setting,
            "pg_notify" => Kind::Notify,
            _ => Kind::Lock,
        }
    }

    /// Whether the original stands where PostgreSQL put it.
    pub(super) fn is_home(&self) -> bool {
        self.schema == "pg_catalog"
    }

    /// What is not as it should be, if anything.
    pub(super) fn defect(&self) -> Option<String> {
        let Self { name, types, .. } = self;
        if self.schema != SCHEMA {
            Some(format!("function {name}({types}) is not moved"))
        } else if self.open {
            Some(format!("function {SCHEMA}.{name}({types}) may be called by tenants"))
        } else if !self.granted {
            Some(format!("function {SCHEMA}.{name}({types}) may not be called by its wrapper"))
        } else if !self.wrapped {
            Some(format!("function pg_catalog.{name}({types}) is missing"))
        } else if !self.attributes_right || self.source != self.body() {
            Some(format!("function pg_catalog.{name}({types}) is not the wrapper this program makes"))
        } else {
            None
        }
    }

    /// Moves the original and makes the wrapper, or puts them right.
    pub(super) async fn ensure(
        &self,
        client: &impl GenericClient,
        names: &Names,
    ) -> Result<Outcome, ControlError> {
        if self.defect().is_none() {
            return Ok(Outcome::Unchanged);
        }
        let mut script = String::new();
        let moved = self.schema == SCHEMA;
        if !moved {
            script.push_str(include_str!("move.sql"));
        }
        script.push_str(include_str!("close.sql"));
        script.push_str(&format!(
            "CREATE OR REPLACE FUNCTION pg_catalog.{{name}}({declared}) RETURNS {returns}
                 LANGUAGE plpgsql {volatility} {strict} PARALLEL {parallel} SECURITY DEFINER
                 AS $pgtenant${body}$pgtenant$;
             ALTER FUNCTION pg_catalog.{{name}}({{types}}) RESET ALL;
             ALTER FUNCTION pg_catalog.{{name}}({{types}}) OWNER TO {{guard}};",
            declared = self.declared,
            returns = self.returns,
            volatility = self.volatility,
            strict = if self.strict { "STRICT" } else { "CALLED ON NULL INPUT" },
            parallel = self.parallel,
            body = self.body(),
        ));
        if !self.wrapped {
            script.push_str(include_str!("wrapper_acl.sql"));
        }
        client.batch_execute(&names.fill(&self.fill(&script))).await?;
        Ok(if moved { Outcome::Changed } else { Outcome::Created })
    }

    /// Drops the wrapper and moves the original back, with the privileges it had.
    pub(super) async fn restore(&self, client: &impl GenericClient) -> Result<(), ControlError> {
        if self.is_home() {
            return Ok(());
        }
        Ok(client.batch_execute(&self.fill(include_str!("restore.sql"))).await?)
    }

    /// The names are PostgreSQL's own: letters and underscores, types without a schema.
    pub(super) fn fill(&self, sql: &str) -> String {
        sql.replace("{name}", &self.name).replace("{types}", &self.types).replace("{schema}", &self.schema)
    }

    /// The wrapper's body.
    fn body(&self) -> String {
        match self.kind() {
            Kind::Setting => include_str!("wrap_set_config.sql").to_owned(),
            Kind::Notify => include_str!("wrap_notify.sql").to_owned(),
            Kind::Lock => {
                let (arguments, key) = if self.types == "bigint" {
                    ("$1", r"pg_catalog.byteacat('\x01', pg_catalog.int8send($1))")
                } else {
                    (
                        "$1, $2",
                        r"pg_catalog.byteacat('\x02', pg_catalog.byteacat(pg_catalog.int4send($1), pg_catalog.int4send($2)))",
                    )
                };
                self.fill(include_str!("wrap_lock.sql"))
                    .replace("{return}", if self.returns == "void" { "PERFORM" } else { "RETURN" })
                    .replace("{arguments}", arguments)
                    .replace("{key}", key)
            }
        }
    }
}
