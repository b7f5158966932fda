//! What may be asked of the running process: to read its configuration again, and to end. The console and other faces
//! ask here; `serve` does it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::client::Shared;
use crate::config::by_hand::ByHand;
use crate::config::keys::Row;
use crate::config::limits::LimitError;
use crate::config::own_limits::OwnLimit;
use crate::config::problem::Problems;
use crate::console::Ending;
use crate::net::tls::Trouble;
use crate::tokens::KeyFileError;

/// Orders that wait at once; who gives one more waits for room.
const MOST_WAITING: usize = 16;

/// One order.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration again, apply it, and say what came of it.
    Reload(oneshot::Sender<Result<ReloadReport, ReloadError>>),
    /// Set one key or limit by hand, and say what came of it.
    Set(SetByHand, oneshot::Sender<Result<ReloadReport, ReloadError>>),
    /// Stop as at SIGTERM, at once or when nobody is left: transactions may finish.
    Stop(Ending),
}

/// What may be set by hand.
#[derive(Clone, Debug)]
pub enum SetByHand {
    /// A key, and its value as an environment variable would have it; `None` for what the file says.
    Key(&'static Row, Option<String>),
    /// A limit of one tenant.
    Limit(OwnLimit),
}

/// Takes orders, for `serve`.
pub type OrderReceiver = mpsc::Receiver<Order>;

/// Where orders are given.
pub(super) type OrderSender = mpsc::Sender<Order>;

/// Both ends.
pub(super) fn channel() -> (OrderSender, OrderReceiver) {
    mpsc::channel(MOST_WAITING)
}

/// What a reload came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadReport {
    /// Keys whose new value is in force.
    pub changed: Vec<String>,
    /// Keys whose new value takes a restart; the old one is in force.
    pub restart: Vec<String>,
    /// What is odd and kept nobody from applying it, such as a certificate that is out of date.
    pub warnings: Vec<String>,
}

impl fmt::Display for ReloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.changed.as_slice() {
            [] => f.write_str("no key has another value")?,
            changed => write!(f, "in force: {}", changed.join(", "))?,
        }
        if !self.restart.is_empty() {
            write!(f, "; takes a restart, the old value holds: {}", self.restart.join(", "))?;
        }
        for warning in &self.warnings {
            write!(f, "; {warning}")?;
        }
        Ok(())
    }
}

/// Why the configuration was not applied; nothing was changed. Each names the key and the remedy.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// File or environment are wrong.
    #[error("{}", in_one_line(.0))]
    Problems(#[from] Problems),
    /// A certificate or key file cannot be used.
    #[error("{0}")]
    Tls(#[from] Trouble),
    /// A file with the keys of tokens cannot be used.
    #[error("{0}")]
    Tokens(#[from] KeyFileError),
    /// An address cannot be listened to.
    #[error(
        "listen.addresses: cannot listen on {address}: {error}; choose an address of this machine and a free port"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The Unix socket cannot be made.
    #[error("listen.unix_socket_dir: cannot listen on {}: {error}; choose a directory that exists and may be written to", path.display())]
    Socket {
        /// Its file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// A limit of a tenant is wrong.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// Something else that a key asks for cannot be done.
    #[error("{key}: {wrong}")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong, and the remedy.
        wrong: String,
    },
    /// The process was not started from a configuration that can be read again.
    #[error("this process was not started from a configuration file")]
    NoFile,
    /// The process ends.
    #[error("the process ends")]
    Ending,
}

/// For a line of the log.
fn in_one_line(problems: &Problems) -> String {
    let told: Vec<String> =
        problems.iter().map(|problem| problem.to_string().replace("\n    ", "; ")).collect();
    told.join(" | ")
}

impl Shared {
    /// Reads the configuration again, as SIGHUP does: all of it is applied, or nothing is changed.
    ///
    /// # Errors
    /// [`ReloadError`].
    pub async fn reload(&self) -> Result<ReloadReport, ReloadError> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Reload(answer)).await.map_err(|_| ReloadError::Ending)?;
        answered.await.unwrap_or(Err(ReloadError::Ending))
    }

    /// Sets one key or limit by hand: it holds until the configuration is read again, or the process ends.
    ///
    /// # Errors
    /// [`ReloadError`]; nothing was changed then.
    pub async fn set_by_hand(&self, wish: SetByHand) -> Result<ReloadReport, ReloadError> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Set(wish, answer)).await.map_err(|_| ReloadError::Ending)?;
        answered.await.unwrap_or(Err(ReloadError::Ending))
    }

    /// What is set by hand now, by the key.
    #[must_use]
    pub fn by_hand(&self) -> Arc<ByHand> {
        self.by_hand.load_full()
    }

    /// From now on this is.
    pub fn note_by_hand(&self, now: ByHand) {
        self.by_hand.store(Arc::new(now));
    }

    /// Asks the process to end as at SIGTERM. It says nothing of when that is done.
    pub async fn ask_to_stop(&self, ending: Ending) {
        // Who does not take orders any more ends already.
        let _ = self.orders.send(Order::Stop(ending)).await;
    }

    /// Takes what is given from now on; once.
    #[must_use]
    pub fn take_orders(&self) -> Option<OrderReceiver> {
        self.order_receiver.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Whether logins and refusals are audited.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        self.config().log.audit_file.is_some()
    }

    /// Whether new clients should go elsewhere: the process is about to end, or ends. For readiness checks.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// From now on [`is_draining`](Self::is_draining).
    pub fn drain(&self) {
        self.draining.cancel();
        // Transactions are to come to their end.
        self.suspension.end_all();
    }

    /// Goes by this configuration from now on, as far as clients are concerned.
    pub fn reconfigure(&self, config: Arc<crate::config::Config>) {
        self.guard.reconfigure(&config.guard);
        self.clusters.reconfigure(&config);
        self.counters.lines().set_most(config.log.max_lines_per_second);
        self.lobby.set_most(config.listen.max_unauthenticated);
        self.failures().set_limits(config.listen.failures);
        self.config.set(config);
    }
}
