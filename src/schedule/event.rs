//! [`Event`] and [`Decision`]: what the scheduler is told, and what it says.

use crate::schedule::{ClientId, Owner, ServerId};
use crate::tenant::TenantId;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client needs a connection that is its tenant's own.
    Wanted(TenantId, ClientId),
    /// A client that waits for one of those gave up.
    Forgotten(TenantId, ClientId),
    /// A client needs one of the shared connections.
    WantedShared(TenantId, ClientId),
    /// A client that waits for one of those gave up.
    ForgottenShared(TenantId, ClientId),
    /// A connection was opened.
    Opened(Owner, ServerId),
    /// A connection could not be opened.
    OpenFailed(Owner, ServerId),
    /// A spare connection is this tenant's from now on.
    Bound(TenantId, ServerId),
    /// A spare connection could not be bound to this tenant, and is being closed.
    NotBound(TenantId, ServerId),
    /// A connection came back clean.
    Returned(Owner, ServerId),
    /// A connection in use will not come back and is being closed.
    Closing(Owner, ServerId),
    /// A connection is gone.
    Closed(Owner, ServerId),
    /// The connection that a client of this tenant was given was of no use to it: the turn does not count.
    Vain(TenantId),
    /// The time has come that [`Scheduler::alarm`](crate::schedule::Scheduler::alarm) told.
    Due,
}

impl Event {
    /// Whose clients or connections it is about.
    pub(super) const fn owner(&self) -> Option<Owner> {
        match *self {
            Self::Wanted(tenant, _)
            | Self::Forgotten(tenant, _)
            | Self::Bound(tenant, _)
            | Self::NotBound(tenant, _) => Some(Owner::Tenant(tenant)),
            Self::WantedShared(..) | Self::ForgottenShared(..) => Some(Owner::Shared),
            Self::Opened(owner, _)
            | Self::OpenFailed(owner, _)
            | Self::Returned(owner, _)
            | Self::Closing(owner, _)
            | Self::Closed(owner, _) => Some(owner),
            Self::Vain(_) | Self::Due => None,
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Hand this connection to this client.
    Assign(ClientId, ServerId),
    /// Open a connection under this id.
    Open(Owner, ServerId),
    /// Bind this spare connection to this tenant.
    Bind(TenantId, ServerId),
    /// Close this idle connection, then report it closed.
    Close(Owner, ServerId),
    /// Tell this client that no connection could be opened.
    Fail(ClientId),
    /// Tell this client that too many of its tenant wait already.
    Refuse(ClientId),
}
