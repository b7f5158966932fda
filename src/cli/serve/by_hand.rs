//! Setting one key by hand: as if an environment variable had that value when the configuration was read.

use std::sync::Arc;

use crate::cli::serve::Running;
use crate::client::{ReloadError, ReloadReport, SetByHand};
use crate::config::reload::plan_by_hand;

impl Running {
    /// Takes over the one key, and nothing else that the file may say by now.
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing was changed.
    pub(super) async fn set(self: &Arc<Self>, wish: SetByHand) -> Result<ReloadReport, ReloadError> {
        let _turn = self.reloading.lock().await;
        let source = Arc::clone(self.source.as_ref().ok_or(ReloadError::NoFile)?);
        let SetByHand { row, value } = wish;
        let mut now = (*self.shared.by_hand()).clone();
        now.insert(row.path(), value);
        let read = now.clone();
        let read = tokio::task::spawn_blocking(move || source(&read)).await;
        let read = read.map_err(|_| ReloadError::Ending)??;
        let old = self.shared.config();
        let report = self.put(plan_by_hand(&old, read, row), &old).await?;
        tracing::info!(
            target: "pgtenant::audit",
            key = row.path(),
            value = now[&row.path()],
            "set by hand until the configuration is read again"
        );
        self.shared.note_by_hand(now);
        Ok(report)
    }
}
