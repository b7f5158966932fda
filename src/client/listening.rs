//! What a client hears: asking the hub for it, and telling it to the client when a server would.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::client::handshake::no_server;
use crate::client::outcome::{Gone, Outcome};
use crate::client::relay::Relay;
use crate::error::SqlState;
use crate::guard::{Effect, Effects};
use crate::net::stock;
use crate::notify::{Ended, Hub, SubscribeError};
use crate::pool::{Attached, CheckoutError, SettleError};
use crate::session::role::no_role;
use crate::session::{Boundary, Refusal, Session};

/// Bytes that wait for a client to read before no notification is put behind them.
const ROOM: usize = 64 << 10;

impl Relay {
    /// Asks the server connection what it knows better, before it goes; then tells the client what it is to
    /// hear, and that it may go on.
    pub(super) async fn settle(&mut self, attached: &mut Attached) -> Result<(), Outcome> {
        if let Err(error) = attached.settle(&mut self.session).await {
            return Err(Outcome::ServerLost(unsettled(&error)));
        }
        if let Some(listener) = &self.listener {
            listener.settle(self.session.listens_to());
            if self.session.has_notified() && !self.session.listens_to().is_empty() {
                listener.barrier().await;
            }
        }
        if self.session.listens_to().is_empty() {
            self.listener = None;
        }
        std::future::poll_fn(|cx| Poll::Ready(self.place_notes(cx, |_| true)))
            .await
            .map_err(Outcome::ClientEnds)?;
        if self.session.release_ready() {
            self.batch.transactions += 1;
        }
        self.place_replies();
        Ok(())
    }

    /// Has the server connection listen to what the client does.
    pub(super) async fn restore(&mut self, attached: &mut Attached) -> Result<(), Outcome> {
        let restored = attached.restore_channels(&self.session).await.map_err(|error| match error {
            SettleError::Refused(_) => Outcome::ClientEnds(Gone::Failed(unsettled(&error).into_fatal())),
            SettleError::Io(_) => Outcome::ServerLost(unsettled(&error)),
        })?;
        self.unless_cancelled(restored);
        Ok(())
    }

    /// Has the server connection take the tenant's role for longer than a transaction.
    pub(super) async fn take_role(&mut self, attached: &mut Attached) -> Result<(), Outcome> {
        if self.session.at_boundary() == Boundary::Unsettled {
            // Which settings the client has by now is asked first.
            self.settle(attached).await?;
        }
        let taken = attached.take_role(&mut self.session).await.map_err(|error| {
            tracing::error!(%error, "the tenant's role cannot be taken");
            Outcome::ServerLost(no_role())
        })?;
        self.unless_cancelled(taken);
        Ok(())
    }

    /// What waits at the front is refused where it was cancelled: nothing else is under way. In a transaction block the
    /// server would have to know.
    fn unless_cancelled(&mut self, goes_on: bool) {
        if !goes_on
            && !self.session.in_transaction()
            && let Some(tag) = self.next_tag()
        {
            self.refuse(no_server(&CheckoutError::Cancelled), tag);
        }
    }

    /// Does what must be done before the statement at the front is sent.
    pub(super) async fn ask_hub(&mut self, hub: &Arc<Hub>, attached: &Attached) {
        let Some(effects) = self.session.take_wanted() else { return };
        let answer = self.listen(hub, &effects).await;
        if effects.has(Effect::Notify)
            && let Some(voice) = attached.voice()
        {
            hub.make_certain(voice).await;
        }
        self.session.hub_answered(answer);
    }

    async fn listen(&mut self, hub: &Arc<Hub>, effects: &Effects) -> Result<(), Refusal> {
        if effects.listens.is_empty() {
            return Ok(());
        }
        let scope = self.session.scope();
        let pid = self.who.pid;
        let join = || hub.join(scope.registered(), scope.channels.clone(), pid);
        let listener = self.listener.get_or_insert_with(join);
        let subscribed = listener.subscribe(&effects.listens).await;
        if subscribed.is_err() && !self.session.channels_touched() && self.session.listens_to().is_empty() {
            self.listener = None;
        }
        subscribed.map_err(cannot_listen)
    }

    /// Puts what the client is to hear behind what is on its way, if `when` the session says so.
    pub(super) fn place_notes(
        &mut self,
        cx: &Context<'_>,
        when: impl Fn(&Session) -> bool,
    ) -> Result<bool, Gone> {
        let Some(listener) = &self.listener else { return Ok(false) };
        let waiting = self.inbound.pending().len();
        if !when(&self.session) {
            return Ok(false);
        }
        if waiting >= ROOM || self.inbound.mid_frame() {
            return listener.watch(cx).map(|()| false).map_err(|ended| Gone::Failed(hears_no_more(ended)));
        }
        let heard = listener.poll(cx, &mut self.notes, ROOM - waiting);
        let some = !self.notes.is_empty();
        if some {
            if !self.inbound.has_buffer() {
                self.inbound.lend(stock::take());
            }
            self.inbound.insert(&self.notes);
            // Thousands may listen: what many notifications made grow is given back.
            self.notes = Vec::new();
        }
        heard.map(|()| some).map_err(|ended| Gone::Failed(hears_no_more(ended)))
    }

    /// What was heard before this moment came before a LISTEN that is still to take effect.
    pub(super) fn forget_early_notes(&self) {
        if self.session.channels_touched()
            && let Some(listener) = &self.listener
        {
            listener.forget_pending();
        }
    }
}

fn unsettled(error: &SettleError) -> Refusal {
    tracing::warn!(%error, "cannot ask which settings are in force, or what the client listens to");
    Refusal::fatal(
        SqlState::CONNECTION_FAILURE,
        "the server connection broke after a setting or a channel was changed",
    )
    .with_detail("Which settings are in force, or which channels are listened to, is not known.")
    .with_hint("Connect again.")
}

fn cannot_listen(error: SubscribeError) -> Refusal {
    match error {
        SubscribeError::TooMany(limit) => Refusal::error(
            SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            format!("a client may listen to {limit} channels at most"),
        )
        .with_hint("UNLISTEN what is not needed, or raise `notify.max_channels_per_client` in the proxy's configuration."),
        SubscribeError::Full => {
            Refusal::error(SqlState::CONFIGURATION_LIMIT_EXCEEDED, "clients listen to too many channels")
                .with_hint("Use fewer channels, or raise `notify.max_channels` in the proxy's configuration.")
        }
        SubscribeError::Lost => {
            Refusal::error(SqlState::CONNECTION_FAILURE, "notifications cannot be received just now")
                .with_detail("The proxy's listening connection to the server could not be made, or was lost.")
                .with_hint("Try again later; the proxy's log says why.")
        }
    }
}

fn hears_no_more(ended: Ended) -> Refusal {
    match ended {
        Ended::Slow => Refusal::fatal(
            SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            "terminating connection: notifications were not read in time",
        )
        .with_hint("Read notifications as they come, or raise `notify.max_queued_bytes` in the proxy's configuration."),
        Ended::Lost => Refusal::fatal(
            SqlState::CONNECTION_FAILURE,
            "terminating connection: the connection that receives notifications was lost",
        )
        .with_detail("Notifications may have been missed.")
        .with_hint("Connect again, LISTEN again, and look at what may have changed meanwhile."),
    }
}
