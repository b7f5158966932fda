//! Verifies while serving: the audit, every so often, told in the log and in the counters.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::config::Config;
use crate::control::verify::{AcceptError, Accepted, AuditScope, Finding, Severity, VerifyError, audit};
use crate::registry::{Registry, RegistryError};
use crate::telemetry::Counters;
use crate::tenant::ClusterName;

/// One audit that takes longer is given up.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);

/// New findings of one audit that are logged one by one.
const NAMED: usize = 20;

/// Finds the registries of other clusters.
struct Others(Box<dyn Fn() -> Vec<(ClusterName, Registry)> + Send + Sync>);

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Others").finish_non_exhaustive()
    }
}

/// What was found on a cluster other than `main`, each with its name before the object.
#[must_use]
pub fn of_cluster(mut findings: Vec<Finding>, name: &ClusterName) -> Vec<Finding> {
    if !name.is_main() {
        findings.iter_mut().for_each(|finding| finding.object = format!("{name}/{}", finding.object));
    }
    findings
}

/// Looks, and tells what it sees.
#[derive(Debug)]
pub struct Watcher {
    registry: Registry,
    /// Those of the other clusters that serve at the time.
    others: Option<Others>,
    config: Arc<Config>,
    accepted: Accepted,
    counters: Arc<Counters>,
    /// What was found last, by key.
    known: BTreeMap<String, Severity>,
    /// Whether the last audit failed, so that it is told once.
    blind: bool,
}

impl Watcher {
    /// Has not looked yet.
    ///
    /// # Errors
    /// [`AcceptError`] where the configuration accepts what cannot be.
    pub fn new(
        registry: Registry,
        config: Arc<Config>,
        counters: Arc<Counters>,
    ) -> Result<Self, AcceptError> {
        let accepted = Accepted::parse(&config.verify.accept)?;
        Ok(Self { registry, others: None, config, accepted, counters, known: BTreeMap::new(), blind: false })
    }

    /// Looks at these, too, each time.
    #[must_use]
    pub fn with_others(
        self,
        others: impl Fn() -> Vec<(ClusterName, Registry)> + Send + Sync + 'static,
    ) -> Self {
        Self { others: Some(Others(Box::new(others))), ..self }
    }

    /// Looks every so often, for ever; at once for the first time.
    pub async fn run(mut self, period: Duration) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.check().await;
        }
    }

    /// Looks once.
    pub async fn check(&mut self) {
        match timeout(LOOK_TIMEOUT, self.look()).await.unwrap_or_else(|_| Err(RegistryError::Timeout.into()))
        {
            Ok(findings) => {
                self.blind = false;
                let (findings, _) = self.accepted.split(findings);
                self.counters.verified(Severity::ALL.map(|severity| {
                    let count = findings.iter().filter(|finding| finding.check.severity == severity).count();
                    (severity.as_str(), count as u64)
                }));
                self.tell(&findings);
            }
            Err(error) => {
                self.counters.verify_failed();
                if !std::mem::replace(&mut self.blind, true) {
                    tracing::warn!(%error, "isolation could not be verified; what was found last is not looked at");
                }
            }
        }
    }

    async fn look(&self) -> Result<Vec<Finding>, VerifyError> {
        let client = self.registry.sweeper().await?;
        let mut findings = audit(&client, AuditScope::of(&self.config)).await?;
        for (name, registry) in self.others.iter().flat_map(|others| others.0()) {
            let client = registry.sweeper().await?;
            findings.extend(of_cluster(audit(&client, AuditScope::of(&self.config)).await?, &name));
        }
        Ok(findings)
    }

    /// What is new, and what is gone.
    fn tell(&mut self, findings: &[Finding]) {
        let now: BTreeMap<String, Severity> =
            findings.iter().map(|finding| (finding.key(), finding.check.severity)).collect();
        let new: Vec<&Finding> =
            findings.iter().filter(|finding| !self.known.contains_key(&finding.key())).collect();
        for finding in new.iter().take(NAMED) {
            let (id, object, fix) = (finding.check.id, &finding.object, finding.fix.text());
            match finding.check.severity {
                Severity::Critical | Severity::Error => {
                    tracing::error!(id, object, fix, "isolation: {}", finding.found);
                }
                Severity::Warning => tracing::warn!(id, object, fix, "isolation: {}", finding.found),
                Severity::Note => tracing::info!(id, object, fix, "isolation: {}", finding.found),
            }
        }
        if let Some(more) = new.len().checked_sub(NAMED).filter(|more| *more > 0) {
            tracing::error!("isolation: {more} more findings; run `pgtenant verify`");
        }
        let gone: Vec<&String> = self.known.keys().filter(|key| !now.contains_key(*key)).collect();
        for key in gone.iter().take(NAMED) {
            tracing::info!("isolation: mended: {key}");
        }
        self.known = now;
    }
}
