//! What the last look at isolation found.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Audits while serving. The last one's findings are there until the next.
#[derive(Debug, Default)]
pub(super) struct Verification(Mutex<Verified>);

/// Its numbers at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Audits that came to their end.
    pub runs: u64,
    /// Audits that could not look.
    pub failures: u64,
    /// Findings of the last audit that count, by severity; without those there are none of.
    pub findings: BTreeMap<&'static str, u64>,
}

impl Verification {
    pub(super) fn done(&self, findings: impl IntoIterator<Item = (&'static str, u64)>) {
        let mut verified = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verified.runs += 1;
        verified.findings = findings.into_iter().filter(|(_, count)| *count > 0).collect();
    }

    pub(super) fn failed(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failures += 1;
    }

    pub(super) fn get(&self) -> Verified {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_those_of_the_last_audit_and_audits_are_counted() {
        let verification = Verification::default();
        verification.done([("critical", 2), ("note", 0)]);
        verification.failed();
        assert_eq!(verification.get().findings, BTreeMap::from([("critical", 2)]));
        verification.done([]);
        assert_eq!(verification.get(), Verified { runs: 2, failures: 1, findings: BTreeMap::new() });
    }
}
