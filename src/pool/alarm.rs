//! Tells the scheduler the time when it has asked for that: a tenant may then have its next turn.

use std::sync::Arc;

use crate::pool::{Inner, Pool};
use crate::schedule::Event;

impl Pool {
    /// Waits for what the scheduler asks for, for ever.
    pub(super) async fn tell_time(self: &Arc<Self>) {
        loop {
            let at = {
                let mut inner = self.lock();
                inner.alarm = inner.scheduler.alarm();
                inner.alarm
            };
            let Some(at) = at else {
                self.sooner.notified().await;
                continue;
            };
            if tokio::time::timeout_at(at.into(), self.sooner.notified()).await.is_err() {
                self.report(Event::Due);
            }
        }
    }

    /// Something happened: perhaps the scheduler wants to be told the time sooner than before.
    pub(super) fn set_alarm(&self, inner: &mut Inner) {
        if let Some(at) = inner.scheduler.alarm()
            && inner.alarm.is_none_or(|set| at < set)
        {
            inner.alarm = Some(at);
            self.sooner.notify_one();
        }
    }
}
