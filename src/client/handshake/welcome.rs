//! The part of the handshake that waits for what a client is to be told of the server.

use std::sync::Arc;

use crate::client::credential::Identity;
use crate::client::handshake::refusals::no_welcome;
use crate::client::handshake::{Halt, Hello};
use crate::client::roster::Place;
use crate::client::{Cluster, Shared, farewell};
use crate::pool::Welcome;
use crate::session::params::Settings;
use crate::wire::startup::MAX_STARTUP_BYTES;

impl Hello<'_> {
    pub(super) async fn welcome(
        &mut self,
        (shared, cluster): (&Arc<Shared>, &Cluster),
        identity: &Identity,
        settings: Settings,
        place: &Place,
    ) -> Result<Arc<Welcome>, Halt> {
        let welcomed = tokio::select! {
            biased;
            welcomed = cluster.pool.welcome(&identity.tenant, settings, &place.slot) => welcomed,
            halt = self.departure() => return Err(halt),
            () = dismissed(shared, place) => {
                return Err(farewell::dismissed(place.dismissal(), shared.shutdown.is_cancelled()).into());
            }
        };
        welcomed.map_err(|error| {
            tracing::warn!(user = %identity.user_name, %error, "cannot welcome a client");
            Halt::Refused(no_welcome(&error))
        })
    }

    /// Resolves when the client leaves; what it says meanwhile is kept. Where its tenant is paused it may wait for long.
    async fn departure(&mut self) -> Halt {
        while self.inbox.len() < MAX_STARTUP_BYTES {
            if let Err(error) = self.fill().await {
                return error.into();
            }
        }
        std::future::pending().await
    }
}

/// Resolves when this client has to go, and not only because the process ends: then a login that has begun has its own time.
async fn dismissed(shared: &Shared, place: &Place) {
    let mut stop = place.signal();
    std::future::poll_fn(|cx| stop.poll(cx)).await;
    if shared.shutdown.is_cancelled() {
        std::future::pending::<()>().await;
    }
}
