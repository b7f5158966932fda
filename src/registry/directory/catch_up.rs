//! [`CatchUp`]: what is in memory made as new as the registry, by one empty query for all who ask at the same time.
//!
//! The listening connection is asked: by the time it answers, PostgreSQL has sent it every notification of what was committed
//! before (a backend is signalled before the commit is acknowledged, and sends what it has before each ReadyForQuery,
//! `postgres.c`). When that has been loaded too, a name that is not in memory is nobody's, and need not be looked for. The
//! query is the same for names that somebody has and for others, so its time tells nothing of them.

use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::registry::RegistryError;
use crate::registry::directory::refresh::Heard;

/// Who can wait at once; beyond, nobody waits. All of them are clients in their handshake, which has limits of its own.
const MOST_WAITING: usize = 10_000;

/// One query at most in this time: a flood of logins costs PostgreSQL no more than that.
const REST: Duration = Duration::from_millis(1);

/// Longest wait of a login. Usually it is a fraction of a millisecond; longer where tenants are being changed, or where
/// somebody floods the channel with notifications.
const WAIT: Duration = Duration::from_millis(250);

/// Up to where somebody waits for what was heard to be loaded.
#[derive(Debug)]
struct Mark {
    heard: u64,
    loaded: watch::Receiver<u64>,
}

#[derive(Debug)]
pub(super) struct CatchUp {
    asking: mpsc::Sender<oneshot::Sender<Mark>>,
    asked: Mutex<mpsc::Receiver<oneshot::Sender<Mark>>>,
}

impl Default for CatchUp {
    fn default() -> Self {
        let (asking, asked) = mpsc::channel(MOST_WAITING);
        Self { asking, asked: Mutex::new(asked) }
    }
}

impl CatchUp {
    /// Waits until what was committed before is in memory, but not for ever, and not without touch with the registry.
    pub(super) async fn wait(&self, mut in_touch: watch::Receiver<bool>) {
        let wait = async {
            let (answer, mark) = oneshot::channel();
            if self.asking.try_send(answer).is_err() {
                return;
            }
            if let Ok(Mark { heard, mut loaded }) = mark.await {
                // The sender goes with the listening connection.
                let _ = loaded.wait_for(|loaded| *loaded >= heard).await;
            }
        };
        tokio::select! {
            _ = timeout(WAIT, wait) => {}
            _ = in_touch.wait_for(|in_touch| !in_touch) => {}
        }
    }

    /// Asks for those who wait, until the connection fails. `ask` is the empty query.
    pub(super) async fn serve<F>(&self, ask: impl Fn() -> F, heard: &Heard) -> RegistryError
    where
        F: Future<Output = Result<(), RegistryError>>,
    {
        let mut asked = self.asked.lock().await;
        let (mut waiting, mut rested) = (Vec::new(), Instant::now());
        loop {
            if asked.recv_many(&mut waiting, MOST_WAITING).await == 0 {
                return RegistryError::Closed;
            }
            sleep_until(rested).await;
            // Those who came meanwhile.
            while let Ok(one) = asked.try_recv() {
                waiting.push(one);
            }
            rested = Instant::now() + REST;
            if let Err(error) = ask().await {
                return error;
            }
            for answer in waiting.drain(..) {
                let _ = answer.send(Mark { heard: heard.count(), loaded: heard.loaded() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How many queries these logins take, which all come at once or one after the other, and for how long they go on.
    async fn queries(logins: usize, at_once: bool) -> (usize, Duration) {
        let (catch_up, heard, asked) = (CatchUp::default(), Heard::default(), Cell::new(0));
        let in_touch = watch::Sender::new(true);
        let ask = || {
            asked.set(asked.get() + 1);
            std::future::ready(Ok(()))
        };
        let begin = Instant::now();
        let come = async {
            if at_once {
                let all = (0..logins).map(|_| catch_up.wait(in_touch.subscribe()));
                futures_util::future::join_all(all).await;
            } else {
                for _ in 0..logins {
                    catch_up.wait(in_touch.subscribe()).await;
                }
            }
        };
        tokio::select! {
            _ = catch_up.serve(ask, &heard) => unreachable!("nothing fails"),
            () = come => {}
        }
        (asked.get(), begin.elapsed())
    }

    #[tokio::test]
    async fn logins_at_the_same_time_take_one_query_and_others_one_a_millisecond() {
        assert_eq!(queries(1000, true).await.0, 1);
        let (asked, time) = queries(100, false).await;
        assert_eq!(asked, 100);
        assert!(time >= 99 * REST, "{time:?}");
    }
}
