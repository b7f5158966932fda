//! [`Outbound`]: the bytes from one client to its server. The only way in is with a [`Cleared`].

use crate::guard::Cleared;
use crate::tenant::TenantId;
use crate::wire::flow::Flow;

/// The frontend direction of a relay.
///
/// What is read from the client lies here unjudged; it becomes pending, and so may be written to a
/// server, only by a call that takes the guard's token.
#[derive(Debug)]
pub struct Outbound {
    flow: Flow,
    tenant: TenantId,
}

/// A token of another tenant was offered: a defect of the proxy, answered by closing the client.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongTenant;

impl Outbound {
    /// An empty direction for a client of `tenant`.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self { flow: Flow::default(), tenant }
    }

    /// The tenant all of these bytes belong to.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The frame of `total` bytes at the front goes to the server as it is.
    ///
    /// # Errors
    /// [`WrongTenant`].
    pub fn forward(&mut self, cleared: &Cleared, total: usize) -> Result<(), WrongTenant> {
        self.check(cleared)?;
        self.flow.pass(total);
        Ok(())
    }

    /// The frame of `total` bytes at the front goes to the server with its first `consumed` bytes
    /// replaced by `front`, which may begin with whole frames of the proxy's own.
    ///
    /// # Errors
    /// [`WrongTenant`].
    pub fn rewrite(
        &mut self,
        cleared: &Cleared,
        total: usize,
        consumed: usize,
        front: &[u8],
    ) -> Result<(), WrongTenant> {
        self.check(cleared)?;
        self.flow.replace_front(consumed, front);
        self.flow.pass(total - consumed);
        Ok(())
    }

    /// The frame of `total` bytes at the front goes nowhere, `front` goes to the server in its place.
    ///
    /// # Errors
    /// [`WrongTenant`].
    pub fn substitute(&mut self, cleared: &Cleared, total: usize, front: &[u8]) -> Result<(), WrongTenant> {
        self.check(cleared)?;
        self.flow.insert(front);
        self.flow.drop_frame(total);
        Ok(())
    }

    /// The frame at the front goes nowhere.
    pub fn drop_frame(&mut self, total: usize) {
        self.flow.drop_frame(total);
    }

    /// What was read and not judged.
    #[must_use]
    pub fn unjudged(&self) -> &[u8] {
        self.flow.unjudged()
    }

    /// Room to read the client's bytes into, and its bookkeeping.
    pub fn reading(&mut self) -> &mut Flow {
        &mut self.flow
    }

    /// What may be written to the server.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.flow.pending()
    }

    /// `n` bytes were written.
    pub fn consume(&mut self, n: usize) {
        self.flow.consume(n);
    }

    /// Keeps the frames that go to the server from now on, so that they can go again.
    pub const fn keep(&mut self) {
        self.flow.keep();
    }

    /// Keeps them no more.
    pub fn let_go(&mut self) {
        self.flow.let_go();
    }

    /// Whether those that went since [`keep`](Self::keep) can go again.
    #[must_use]
    pub fn has_kept(&self) -> bool {
        self.flow.has_kept()
    }

    /// What was kept goes to the server again, behind frames of the proxy's own. It was cleared when it went first.
    ///
    /// # Errors
    /// [`WrongTenant`].
    pub fn replay(&mut self, cleared: &Cleared, front: &[u8]) -> Result<(), WrongTenant> {
        self.check(cleared)?;
        self.flow.replay(front);
        Ok(())
    }

    /// Frames of the proxy's own go to the server; the frame at the front stays.
    ///
    /// # Errors
    /// [`WrongTenant`].
    pub fn insert(&mut self, cleared: &Cleared, front: &[u8]) -> Result<(), WrongTenant> {
        self.check(cleared)?;
        self.flow.insert(front);
        Ok(())
    }

    /// Frames of the proxy's own go to the server ahead of the frame at the front, which stays. They do not go again
    /// with what comes behind them.
    ///
    /// # Errors
    /// [`WrongTenant`].
    pub fn insert_ahead(&mut self, cleared: &Cleared, front: &[u8]) -> Result<(), WrongTenant> {
        self.check(cleared)?;
        self.flow.insert_ahead(front);
        Ok(())
    }

    /// Whether a forwarded frame is still arriving from the client.
    #[must_use]
    pub const fn mid_frame(&self) -> bool {
        self.flow.mid_frame()
    }

    fn check(&self, cleared: &Cleared) -> Result<(), WrongTenant> {
        if cleared.tenant() == self.tenant { Ok(()) } else { Err(WrongTenant) }
    }
}
