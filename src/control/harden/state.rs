//! Whether the hardening is in force, from the catalogs alone.

use tokio_postgres::GenericClient;

use crate::control::ControlError;
use crate::control::harden::parts::{EVENT_TRIGGERS, Names, ROUTINES, SCHEMA, literal};
use crate::control::harden::{HARDENING_VERSION, builtins, names};

/// How much of the hardening is in force in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HardeningState {
    /// It was never installed, or was removed.
    Absent,
    /// All of it.
    InForce {
        /// Its version.
        version: i32,
    },
    /// Not all of it, or not this program's version; it must not be relied upon. `pgtenant init
    /// --harden` puts right what is ours.
    Partial {
        /// The version that is there.
        version: i32,
        /// What is missing or changed, a phrase each.
        defects: Vec<String>,
    },
}

impl HardeningState {
    /// Whether all of it is in force, as this program would install it.
    #[must_use]
    pub const fn is_in_force(&self) -> bool {
        matches!(self, Self::InForce { .. })
    }
}

/// Says whether the hardening is completely in force: version, moved functions, wrappers with their
/// bodies and rights, languages, event triggers, the role, and every routine of a tenant. Needs no rights
/// but to read the registry.
///
/// # Errors
/// [`ControlError`] when the registry is missing or the database does not answer.
pub async fn hardening_state(client: &impl GenericClient) -> Result<HardeningState, ControlError> {
    let names = names(client).await?;
    let Some(version) = version(client).await? else { return Ok(HardeningState::Absent) };
    let mut found = defects(client, &names).await?;
    if version != HARDENING_VERSION {
        found.insert(0, format!("version {version} is installed, this program has {HARDENING_VERSION}"));
    }
    Ok(if found.is_empty() {
        HardeningState::InForce { version }
    } else {
        HardeningState::Partial { version, defects: found }
    })
}

/// The installed version, out of the text of `pgtenant_guard.version()`: calling it takes rights.
pub(super) async fn version(client: &impl GenericClient) -> Result<Option<i32>, ControlError> {
    let row = client
        .query_opt(
            "SELECT pg_catalog.substring(p.prosrc, '^SELECT ([0-9]{1,9})$')::pg_catalog.int4
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = $1 AND p.proname = 'version' AND p.pronargs = 0",
            &[&SCHEMA],
        )
        .await?;
    // A text that is no version is not ours; 0 is older than any.
    Ok(row.map(|row| row.try_get::<_, Option<i32>>(0)).transpose()?.map(Option::unwrap_or_default))
}

/// All that is not as this program would have it.
pub(super) async fn defects(client: &impl GenericClient, names: &Names) -> Result<Vec<String>, ControlError> {
    let mut defects = Vec::new();
    for routine in &ROUTINES {
        if routine.is_right(client, names).await? != Some(true) {
            defects
                .push(format!("function {SCHEMA}.{}({}) is missing or changed", routine.name, routine.types));
        }
    }
    let builtins = builtins::read(client, names).await?;
    defects.extend(builtins.iter().filter_map(builtins::Builtin::defect));
    let triggers: Vec<String> = EVENT_TRIGGERS
        .iter()
        .map(|(name, tags, function)| {
            format!(
                "({}, {}, {})",
                literal(name),
                literal(&format!("{{\"{}\"}}", tags.join("\",\""))),
                literal(function)
            )
        })
        .collect();
    let sql =
        include_str!("state.sql").replace("{event_triggers}", &format!("VALUES {}", triggers.join(", ")));
    for row in client.query(&names.fill(&sql), &[]).await? {
        defects.push(row.try_get(0)?);
    }
    Ok(defects)
}
