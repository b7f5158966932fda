//! `pgtenant verify`: proves that tenants are kept apart on the running system. An [audit] of catalogs and configuration, which
//! the login that reads the registry can do, and an attack by two tenants of its own ([`canary`]) through the proxy.

pub mod attacks;
mod audit;
pub mod canary;
mod checks;
mod watch;

pub use audit::{AuditScope, audit};
pub use checks::{CHECKS, Check, Severity, Source};
pub use watch::{Watcher, of_cluster};

use std::fmt;

use thiserror::Error;

use crate::control::ControlError;

/// What an operator can do against a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// SQL for an administrator.
    Sql(String),
    /// A command line.
    Command(String),
    /// Neither.
    Words(String),
}

impl Fix {
    /// The word in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sql(_) => "sql",
            Self::Command(_) => "command",
            Self::Words(_) => "words",
        }
    }

    /// The text itself.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Sql(text) | Self::Command(text) | Self::Words(text) => text,
        }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked for.
    pub check: &'static Check,
    /// What it is about.
    pub object: String,
    /// What is so.
    pub found: String,
    /// What to do.
    pub fix: Fix,
}

impl Finding {
    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.check.id,
            "severity": self.check.severity.as_str(),
            "object": self.object,
            "found": self.found,
            "means": self.check.means,
            "fix": { "kind": self.fix.kind(), "text": self.fix.text() },
        })
    }

    /// `id:object`, as the configuration accepts it.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}", self.check.id, self.object)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}; {}", self.check.id, self.object, self.found, self.fix.text())
    }
}

/// Findings that the operator lives with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted(Vec<String>);

/// An entry of `verify.accept` that accepts nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AcceptError {
    /// There is no such id.
    #[error("`verify.accept` names {0:?}, and there is no such finding; docs/verify.md lists all ids")]
    Unknown(String),
    /// It is too bad for that.
    #[error("`verify.accept` names {0:?}, which is critical and cannot be accepted; mend it")]
    Critical(String),
}

impl Accepted {
    /// Reads the entries of the configuration.
    ///
    /// # Errors
    /// [`AcceptError`] names the first that is wrong.
    pub fn parse(entries: &[String]) -> Result<Self, AcceptError> {
        for entry in entries {
            let id = entry.split(':').next().unwrap_or_default();
            match Check::find(id) {
                None => return Err(AcceptError::Unknown(entry.clone())),
                Some(check) if check.severity == Severity::Critical => {
                    return Err(AcceptError::Critical(entry.clone()));
                }
                Some(_) => {}
            }
        }
        Ok(Self(entries.to_vec()))
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn has(&self, finding: &Finding) -> bool {
        self.0.iter().any(|entry| *entry == finding.check.id || *entry == finding.key())
    }

    /// Those that count, and those that do not.
    #[must_use]
    pub fn split(&self, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Finding>) {
        findings.into_iter().partition(|finding| !self.has(finding))
    }
}

/// Why nothing could be said about isolation.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The database.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A query of ours found what this program does not know.
    #[error("the audit gave a finding {0:?} that this program does not know; this is a bug of pgtenant's")]
    UnknownFinding(String),
    /// The proxy.
    #[error("{0}")]
    Proxy(String),
}

impl From<tokio_postgres::Error> for VerifyError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Control(error.into())
    }
}

impl From<crate::registry::RegistryError> for VerifyError {
    fn from(error: crate::registry::RegistryError) -> Self {
        Self::Control(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, object: &str) -> Finding {
        let check = Check::find(id).unwrap();
        Finding { check, object: object.into(), found: String::new(), fix: Fix::Words(String::new()) }
    }

    #[test]
    fn accepted_is_an_id_or_one_object_and_never_what_is_critical() {
        let accept =
            |entries: &[&str]| Accepted::parse(&entries.iter().map(ToString::to_string).collect::<Vec<_>>());
        let accepted = accept(&["table_granted", "risky_extension:extension postgres_fdw"]).unwrap();
        assert!(accepted.has(&finding("table_granted", "a.b")));
        assert!(accepted.has(&finding("risky_extension", "extension postgres_fdw")));
        assert!(!accepted.has(&finding("risky_extension", "extension dblink")));
        assert!(matches!(accept(&["nonsense"]), Err(AcceptError::Unknown(_))));
        assert!(matches!(accept(&["canary_read:x"]), Err(AcceptError::Critical(_))));
    }
}
