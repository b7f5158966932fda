//! What operators say to the process in the console.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::serve::Server;
use crate::client::Order;
use crate::console::Ending;

/// How often is looked whether the last client has left.
const LOOK: Duration = Duration::from_millis(100);

impl Server {
    /// The next order, when there is one.
    pub(super) async fn next_order(&self) -> Option<Order> {
        self.orders.lock().await.recv().await
    }

    /// Carries out an order. Whether the process is to end now.
    pub(super) async fn carry_out(&self, order: Order) -> bool {
        match order {
            Order::Reload(tell) => {
                self.reload().await;
                // Who asked may have left.
                let _ = tell.send(Ok("what can be read again was; the log says what came of it".to_owned()));
                false
            }
            Order::Shutdown(Ending::Now) => true,
            Order::Shutdown(Ending::WaitForServers) => {
                tracing::info!(
                    "no clients are taken any more; shutting down when no server connection is in use"
                );
                self.accepting.cancel();
                self.shared.pool.pause(None);
                let shared = Arc::clone(&self.shared);
                self.spawn(async move {
                    shared.pool.at_rest(None).await;
                    shared.order(Order::Shutdown(Ending::Now)).await;
                });
                false
            }
            Order::Shutdown(Ending::WaitForClients) => {
                tracing::info!("no clients are taken any more; shutting down when the last has left");
                self.accepting.cancel();
                let shared = Arc::clone(&self.shared);
                self.spawn(async move {
                    while !shared.roster.is_empty() {
                        tokio::time::sleep(LOOK).await;
                    }
                    shared.order(Order::Shutdown(Ending::Now)).await;
                });
                false
            }
        }
    }
}
