//! What a stretch of relaying comes to.

use crate::client::clock::Expired;
use crate::error::SqlState;
use crate::server::ServerError;
use crate::session::Refusal;

/// What the frames of the client come to.
pub(super) enum Front {
    /// More bytes are needed.
    Blocked,
    /// A frame of this type needs a server connection.
    NeedServer(u8),
    /// A long text must be judged first.
    Judge,
    /// See [`Outcome::Restore`].
    Restore,
    /// See [`Outcome::TakeRole`].
    TakeRole,
    /// See [`Outcome::Hub`].
    Hub,
}

/// Why the client is done.
pub(super) enum Gone {
    /// It closed its connection, or said good-bye.
    Left,
    /// It broke the protocol.
    Failed(Refusal),
}

impl Gone {
    pub(super) fn wrong_tenant() -> Self {
        tracing::error!("a statement judged for one tenant was about to be sent for another");
        Self::Failed(Refusal::fatal(SqlState::INTERNAL_ERROR, "internal error"))
    }
}

/// What ends a stretch of relaying.
pub(super) enum Outcome {
    /// The server connection is not needed any more.
    Released,
    /// A long text must be judged first.
    Judge,
    /// The transaction has ended, and the server connection must be asked what came of it.
    Settle,
    /// The server connection must listen to what the client does.
    Restore,
    /// The server connection must take the tenant's role.
    TakeRole,
    /// The proxy must listen first.
    Hub,
    /// The client is done.
    ClientEnds(Gone),
    /// The process, or the tenant, goes out of service.
    Stopped,
    /// Pinned and silent for too long.
    PinnedTooLong,
    /// A time limit is over.
    OverTime(Expired),
    /// Pinned, and too many of the tenant are.
    PinnedTooMany,
    /// The server connection broke.
    ServerLost(Refusal),
    /// The server reads text in another way than the guard.
    Unjudgeable,
    /// Nobody knows any more which answer belongs to what.
    OutOfStep,
}

impl Outcome {
    /// The server has ended the connection with this error: its own reason, if it is one a client can act on.
    pub(super) fn server_failed(body: &[u8]) -> Self {
        let error = ServerError::read(body);
        let refusal = Refusal::error(SqlState::of_lost_server(&error.code), error.message)
            .with_hint("The proxy opens a new server connection for the next statement.");
        Self::ServerLost(refusal)
    }
}
