//! The listening connection: made when it is needed, and when it was lost, as soon as it is needed again.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::task::AbortOnDropHandle;

use crate::net::tls::ControlConnection;
use crate::notify::core::Dropped;
use crate::notify::{Hub, TIMEOUT};
use crate::registry::{RegistryError, describe};

/// A connection that is tried this often is found to be dead.
const PING: Duration = Duration::from_secs(5);

/// So many pings without a listener, and the connection is closed.
const UNUSED_PINGS: u32 = 12;

/// Rest after an attempt that failed.
const REST: Duration = Duration::from_millis(100);

/// An open connection.
struct Link {
    client: Client,
    driver: AbortOnDropHandle<String>,
    barrier_channel: Arc<str>,
}

impl Hub {
    /// Listens for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            if !self.lock().is_demanded() {
                self.wake.notified().await;
                continue;
            }
            let ended = match self.connect().await {
                Ok(link) => self.serve(link).await,
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                self.lock().lost();
                tracing::warn!(error, "the connection that listens for clients is lost, or cannot be made");
                sleep(REST).await;
            }
            self.publish_next();
        }
    }

    async fn connect(self: &Arc<Self>) -> Result<Link, String> {
        let login = self.login.as_ref().map_err(ToString::to_string)?;
        let (client, connection) = timeout(self.connect_timeout(), login.connect(&self.tls))
            .await
            .unwrap_or(Err(RegistryError::Timeout))
            .map_err(|error| error.to_string())?;
        // Random, so that nobody else can be heard as a barrier.
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|error| error.to_string())?;
        let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let barrier_channel: Arc<str> = format!("pgtenant_barrier_{digits}").into();
        let driver = drive(connection, Arc::clone(self), Arc::clone(&barrier_channel));
        let driver = AbortOnDropHandle::new(tokio::spawn(driver));
        bounded(TIMEOUT, client.batch_execute(&format!("LISTEN {barrier_channel}"))).await?;
        self.lock().connected();
        Ok(Link { client, driver, barrier_channel })
    }

    /// Sends what is to be sent until something fails, or nobody has listened for a while.
    async fn serve(&self, mut link: Link) -> Result<(), String> {
        let mut ping = interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unused = 0;
        loop {
            let batch = self.lock().take_batch();
            self.publish_next();
            if let Some(batch) = batch {
                bounded(TIMEOUT, link.client.batch_execute(&batch.sql(&link.barrier_channel))).await?;
                continue;
            }
            tokio::select! {
                ended = &mut link.driver => return Err(ended.unwrap_or_else(|error| error.to_string())),
                () = self.wake.notified() => {}
                _ = ping.tick() => {
                    unused = if self.lock().has_members() { 0 } else { unused + 1 };
                    if unused >= UNUSED_PINGS && self.lock().lost_if_unused() {
                        return Ok(());
                    }
                    bounded(TIMEOUT, link.client.batch_execute("")).await?;
                }
            }
        }
    }

    fn publish_next(&self) {
        self.next.store(self.lock().next(), Ordering::Release);
    }
}

/// Moves the connection's bytes, and hands on what it hears, until it ends.
async fn drive(connection: ControlConnection, hub: Arc<Hub>, barrier_channel: Arc<str>) -> String {
    let mut connection = pin!(connection);
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(heard))) => {
                let (channel, payload) = (heard.channel(), heard.payload());
                if channel == &*barrier_channel {
                    if let Ok(number) = payload.parse() {
                        hub.lock().barrier_heard(number);
                    }
                    continue;
                }
                let dropped = hub.lock().hear(heard.process_id(), channel, payload).err();
                match dropped {
                    None => {}
                    Some(Dropped::UnknownProcess) => hub.counters.notification_dropped("unknown_process"),
                    Some(Dropped::ForeignProcess) => hub.counters.notification_dropped("foreign_process"),
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return describe(&error),
            None => return RegistryError::Closed.to_string(),
        }
    }
}

async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, String> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| describe(&error)),
        Err(_) => Err(RegistryError::Timeout.to_string()),
    }
}
