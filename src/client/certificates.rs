//! Sessions that were opened with a certificate end when it does not count any more.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::watch;

use crate::client::Shared;

impl Shared {
    /// Looks at all certificates again each time that authorities and lists of revoked ones were read anew, for ever.
    pub async fn follow_certificates(self: Arc<Self>, mut reads: watch::Receiver<u64>) {
        while reads.changed().await.is_ok() {
            self.verify_again().await;
        }
    }

    /// Disconnects those whose certificate would not begin a session any more. One that many have is verified once.
    async fn verify_again(&self) {
        let shown = self.roster.certificates();
        let Some(tls) = self.tls.load_full().filter(|_| !shown.is_empty()) else { return };
        let all: HashSet<_> = shown.keys().copied().collect();
        // Signatures take their time.
        let verified = tokio::task::spawn_blocking(move || {
            let lost = shown.iter().filter(|(_, peer)| !tls.trusts(peer, None));
            lost.map(|(fingerprint, _)| *fingerprint).collect::<HashSet<_>>()
        });
        let lost = verified.await.unwrap_or_else(|error| {
            tracing::error!(%error, "clients' certificates could not be verified again; all with one are disconnected");
            all
        });
        if !lost.is_empty() {
            tracing::info!(
                certificates = lost.len(),
                "clients whose certificate does not count any more are disconnected"
            );
            self.roster.distrust(&lost);
        }
    }
}
