//! Watches whether the hardening is in force, for as long as a tenant is of level shared: there it is half of what
//! keeps tenants apart, and an administrator can damage it at any time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::IsolationLevel;

use crate::config::Live;
use crate::control::{ControlError, HardeningState, hardening_state, shared};
use crate::registry::store;
use crate::registry::{Directory, HardeningWatch, Registry, RegistryError};
use crate::tenant::{ClusterName, Level};

/// How long what was seen last holds while the database does not answer.
const BLIND: Duration = Duration::from_secs(60);

/// One look that takes longer is given up.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Defects that one line of the log names.
const NAMED: usize = 3;

/// Looks, and tells what it sees.
#[derive(Debug)]
pub struct HardeningWatcher {
    registry: Registry,
    /// Whose tenants it looks after.
    cluster: ClusterName,
    told: watch::Sender<HardeningWatch>,
    /// When the database answered last.
    answered: Option<Instant>,
}

impl HardeningWatcher {
    /// Has not looked yet. The registry is that of the cluster.
    #[must_use]
    pub fn new(registry: Registry, cluster: ClusterName) -> Self {
        Self { registry, cluster, told: watch::Sender::default(), answered: None }
    }

    /// What it tells.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<HardeningWatch> {
        self.told.subscribe()
    }

    /// Looks every `server.hardening_check_period` and when the first tenant becomes shared, for ever.
    pub async fn run(mut self, directory: Arc<Directory>, config: Arc<Live>) {
        let mut changes = directory.changes();
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                change = changes.recv() => match change {
                    Err(RecvError::Closed) => return,
                    // One look is enough for many tenants.
                    _ if *self.told.borrow() != HardeningWatch::Unknown => continue,
                    _ => {}
                },
            }
            self.check_if_needed(&directory).await;
            next = Instant::now() + config.get().server.hardening_check_period;
        }
    }

    /// Looks once, if any tenant is of level shared.
    pub async fn check_if_needed(&mut self, directory: &Directory) {
        if directory.has_level_on(Level::Shared, &self.cluster) {
            self.check().await;
        } else {
            self.answered = None;
            self.tell(HardeningWatch::Unknown);
        }
    }

    /// Looks once.
    pub async fn check(&mut self) {
        match look(&self.registry).await {
            Ok(seen) => {
                self.answered = Some(Instant::now());
                self.tell(seen);
            }
            Err(error) => match self.answered {
                Some(at) if at.elapsed() < BLIND => {
                    tracing::debug!(%error, "the hardening could not be looked at; what was seen last holds");
                }
                // Said once, whatever the error says then.
                _ if self.told.borrow().serves().is_none()
                    && *self.told.borrow() != HardeningWatch::Unknown => {}
                _ => self.tell(HardeningWatch::OutOfService {
                    why: format!("the hardening could not be looked at for too long: {error}"),
                }),
            },
        }
    }

    /// Each change once.
    fn tell(&self, seen: HardeningWatch) {
        if *self.told.borrow() == seen {
            return;
        }
        let cluster = &self.cluster;
        match &seen {
            HardeningWatch::Unknown => tracing::debug!(%cluster, "no tenant is of level shared"),
            HardeningWatch::Hardened => {
                tracing::warn!(%cluster, "the hardening is in force; tenants of level shared may make code");
            }
            HardeningWatch::Unhardened => {
                tracing::warn!(%cluster, "the database is not hardened; tenants of level shared may make no code");
            }
            HardeningWatch::OutOfService { why } => {
                tracing::error!(%cluster, "tenants of level shared are OUT OF SERVICE: {why}");
            }
        }
        self.told.send_replace(seen);
    }
}

/// Reads all in one snapshot: an administrator's `init --harden` is seen whole or not at all.
async fn look(registry: &Registry) -> Result<HardeningWatch, ControlError> {
    let mut client = registry.reader().await?;
    let looking = async {
        let tx = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let state = hardening_state(&tx).await?;
        let installation = store::installation(&tx).await?.ok_or(ControlError::NoInstallation)?;
        let Some(pool) = &installation.pool_role else { return Err(ControlError::NoPoolRole) };
        let may_switch = !state.is_in_force() || shared::may_switch(&tx, pool).await?;
        tx.commit().await?;
        Ok(judge(&state, installation.hardened, may_switch))
    };
    timeout(LOOK_TIMEOUT, looking).await.unwrap_or(Err(RegistryError::Timeout.into()))
}

/// What a state means; `meant` is whether the database is to be hardened, and `may_switch` whether the pool role can
/// take on a tenant's role where it is.
fn judge(state: &HardeningState, meant: bool, may_switch: bool) -> HardeningWatch {
    let why = match state {
        HardeningState::InForce { .. } if may_switch => return HardeningWatch::Hardened,
        HardeningState::InForce { .. } => {
            "the pool role may not call pgtenant_guard.set_config; run `pgtenant init --harden`".to_owned()
        }
        HardeningState::Absent if !meant => return HardeningWatch::Unhardened,
        HardeningState::Absent => {
            "the hardening was installed and is gone; run `pgtenant init --harden`, or \
             `pgtenant init --remove-hardening` if that is meant"
                .to_owned()
        }
        HardeningState::Partial { defects, .. } => {
            let more = match defects.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let some: Vec<&str> = defects.iter().take(NAMED).map(String::as_str).collect();
            format!(
                "the hardening is not completely in force; run `pgtenant init --harden`: {}{more}",
                some.join("; ")
            )
        }
    };
    HardeningWatch::OutOfService { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_whole_or_never_was_serves() {
        let whole = HardeningState::InForce { version: 2 };
        assert_eq!(judge(&whole, true, true), HardeningWatch::Hardened);
        assert_eq!(judge(&whole, true, false).serves(), None);
        assert_eq!(judge(&HardeningState::Absent, false, true), HardeningWatch::Unhardened);
        assert_eq!(judge(&HardeningState::Absent, true, true).serves(), None);
        let defects = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let broken = judge(&HardeningState::Partial { version: 2, defects }, true, true);
        let HardeningWatch::OutOfService { why } = broken else { panic!("{broken:?}") };
        assert!(why.ends_with("a; b; c; and 1 more"), "{why}");
    }
}
