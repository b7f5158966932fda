//! What weakens the hardening and is not ours to change.

use std::fmt;

use tokio_postgres::GenericClient;

use crate::control::ControlError;
use crate::control::harden::names;
use crate::control::harden::parts::Names;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A tenant may be able to leave its role, or to reach another's data, locks or channels.
    Breaks,
    /// Breaks nothing as far as can be seen; the administrator should know it.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Breaks => "BREAKS",
            Self::Note => "note",
        })
    }
}

/// One function, language or extension. `Display` is a sentence with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFinding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: `extension xml2`.
    pub object: String,
    /// What it does.
    pub what: String,
    /// What an administrator can do.
    pub remedy: String,
    /// Short name of the kind of finding, as `pgtenant verify` has it.
    pub id: String,
    /// The remedy as SQL, where one statement is it.
    pub fix: Option<String>,
}

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.object, self.what, self.remedy)
    }
}

/// The same for whoever does not know the roles' names yet; needs no rights but to read the registry.
///
/// # Errors
/// [`ControlError`] when the registry is missing or the database does not answer.
pub(in crate::control) async fn weaknesses(
    client: &impl GenericClient,
) -> Result<Vec<AuditFinding>, ControlError> {
    findings(client, &names(client).await?).await
}

/// Looks for them, the worst first.
pub(super) async fn findings(
    client: &impl GenericClient,
    names: &Names,
) -> Result<Vec<AuditFinding>, ControlError> {
    let rows = client.query(&names.fill(include_str!("audit.sql")), &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(AuditFinding {
                severity: if row.try_get(0)? { Severity::Breaks } else { Severity::Note },
                object: row.try_get(1)?,
                what: row.try_get(2)?,
                remedy: row.try_get(3)?,
                id: row.try_get(4)?,
                fix: row.try_get(5)?,
            })
        })
        .collect()
}
