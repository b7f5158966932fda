//! Setting one key by hand, as if an environment variable had that value when the configuration was read, or a limit of one tenant.

use std::sync::Arc;

use crate::cli::serve::Running;
use crate::client::{ReloadError, ReloadReport, SetByHand};
use crate::config::Config;
use crate::config::keys::Row;
use crate::config::own_limits::OwnLimit;
use crate::config::reload::plan_by_hand;

/// What the log says of a value that is put back.
const AS_BEFORE: &str = "DEFAULT";

impl Running {
    /// Takes over what is wished, and nothing else that the file may say by now.
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing was changed.
    pub(super) async fn set(self: &Arc<Self>, wish: SetByHand) -> Result<ReloadReport, ReloadError> {
        let _turn = self.reloading.lock().await;
        match wish {
            SetByHand::Key(row, value) => self.set_key(row, value).await,
            SetByHand::Limit(limit) => self.set_limit(&limit),
        }
    }

    async fn set_key(
        self: &Arc<Self>,
        row: &'static Row,
        value: Option<String>,
    ) -> Result<ReloadReport, ReloadError> {
        let source = Arc::clone(self.source.as_ref().ok_or(ReloadError::NoFile)?);
        let mut now = (*self.shared.by_hand()).clone();
        match &value {
            Some(value) => now.insert(row.path(), value.clone()),
            None => now.remove(&row.path()),
        };
        let read = now.clone();
        let read = tokio::task::spawn_blocking(move || source(&read)).await;
        let read = read.map_err(|_| ReloadError::Ending)??;
        let old = self.shared.config();
        let report = self.put(plan_by_hand(&old, read, row), &old).await?;
        tracing::info!(
            target: "pgtenant::audit",
            key = row.path(),
            value = value.as_deref().unwrap_or(AS_BEFORE),
            "set by hand until the configuration is read again"
        );
        self.shared.note_by_hand(now);
        Ok(report)
    }

    fn set_limit(&self, limit: &OwnLimit) -> Result<ReloadReport, ReloadError> {
        let old = self.shared.config();
        let own_limits = old.own_limits.with(limit)?;
        let is_new = own_limits != old.own_limits;
        self.shared.reconfigure(Arc::new(Config { own_limits, ..Config::clone(&old) }));
        let key = format!("{}.{}", limit.slug.as_str(), limit.name);
        tracing::info!(
            target: "pgtenant::audit",
            key,
            value = limit.value.as_deref().unwrap_or(AS_BEFORE),
            "set by hand until the configuration is read again"
        );
        Ok(ReloadReport { changed: is_new.then_some(key).into_iter().collect(), ..ReloadReport::default() })
    }
}
