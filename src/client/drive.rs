//! The life of a client that is logged in: idle until it says something, attached to a server
//! connection until everything is answered, and so on to the end.

use std::borrow::Cow;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::client::clock::{Clock, Expired, Phase};
use crate::client::credential::Identity;
use crate::client::handshake::{self, Login};
use crate::client::outcome::{Front, Gone, Outcome};
use crate::client::relay::Relay;
use crate::client::roster::Place;
use crate::client::slow::Slow;
use crate::client::standing::Signal;
use crate::client::suspension::Part;
use crate::client::{Cluster, Shared, audit, farewell};
use crate::error::{Report, Severity};
use crate::net::stream::Stream;
use crate::pool::{AttachError, Attached, CheckoutError, Ended, Seat};
use crate::schedule::ServerId;
use crate::session::commons::Admission;
use crate::session::pin::PinReason;
use crate::session::{Boundary, Refusal};
use crate::telemetry::{LineKind, Speaker, speaking};

/// How long a last message may take to be written to a client that does not read.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long a client that has logged in when the process ends may take to begin its first transaction. It has just
/// connected for that.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// How long a client keeps its server connection after an INSERT for a `currval` or `lastval`, where it is not known
/// whether its tenant's clients ask for that, as long as nobody waits for a server connection.
const SEQUENCES_KEPT_UNKNOWN: Duration = Duration::from_millis(500);

/// Why a client's connection ends.
enum End {
    /// It left.
    Gone,
    /// It is told why.
    Told(Refusal),
}

/// A client that has logged in, with all that is its own.
pub(super) struct Client {
    shared: Arc<Shared>,
    /// Where its tenant's data is: the only one that it has to do with.
    cluster: Arc<Cluster>,
    identity: Identity,
    place: Place,
    relay: Relay,
    /// Where it waits for a server connection.
    seat: Arc<Seat>,
    /// The server connection it had last.
    last_server: Option<ServerId>,
    /// When it logged in, until it has asked for a server connection.
    came: Option<Instant>,
    _admission: Admission,
}

impl Client {
    /// One that has logged in. In a box: moving it into the future of its life would give that room for two.
    pub(super) fn begin(shared: Arc<Shared>, stream: Stream, login: Box<Login>) -> Box<Self> {
        let Login { identity, cluster, place, session, admission, early } = *login;
        let log = &shared.config().log;
        let part = Part::new(Arc::clone(&shared.suspension), identity.tenant.registered(), place.pid);
        let mut relay = Relay::new(stream, session, Arc::clone(&shared.guard), Arc::clone(&place.who), part);
        relay.is_audited = log.audit_file.is_some();
        relay.slow = Slow::of(log).map(Box::new);
        if relay.slow.is_some() {
            relay.session.remember_texts();
        }
        relay.take_early(&early);
        let came = Some(Instant::now());
        let seat = Arc::default();
        Box::new(Self {
            shared,
            cluster,
            identity,
            place,
            relay,
            seat,
            last_server: None,
            came,
            _admission: admission,
        })
    }

    /// Serves it to its end.
    pub(super) async fn live(mut self: Box<Self>) {
        let mut speaker = Some(Arc::clone(&self.place.who) as Arc<dyn Speaker>);
        let mut life = pin!(self.begin_to_end());
        std::future::poll_fn(|cx| speaking(&mut speaker, || life.as_mut().poll(cx))).await;
    }

    async fn begin_to_end(&mut self) {
        let began = self.came.unwrap_or_else(Instant::now);
        let end = self.until_it_ends().await;
        self.flush_counts();
        self.tell_end(&end, began);
        if let End::Told(refusal) = end {
            let _ = tokio::time::timeout(LAST_WORDS, self.relay.last_words(&refusal)).await;
        }
        self.relay.end();
        if let Some(admin) = &self.identity.admin {
            audit::ended(admin);
        }
    }

    async fn until_it_ends(&mut self) -> End {
        let mut stop = self.place.signal();
        loop {
            let limit = self.relay.session().limits().client_idle_timeout;
            let silent = limit.map(|limit| Instant::now() + limit);
            let end = self.identity.expires;
            let idle = std::future::poll_fn(|cx| self.poll_idle(cx, Some(&mut stop)));
            let front = match silent.into_iter().chain(end).min() {
                None => idle.await,
                Some(when) => match tokio::time::timeout_at(when.into(), idle).await {
                    Ok(front) => front,
                    Err(_) if end.is_some_and(|end| end <= Instant::now()) => {
                        self.shared.counters.timed_out(Expired::Credential.name());
                        return End::Told(self.over_time(Expired::Credential));
                    }
                    Err(_) => {
                        self.shared.counters.timed_out("client_idle");
                        return End::Told(farewell::idle_too_long());
                    }
                },
            };
            let tag = match front {
                Ok(Front::NeedServer(tag)) => tag,
                Ok(Front::Judge) => {
                    Box::pin(self.judge_long()).await;
                    continue;
                }
                Ok(_) => continue,
                Err(end) => match Box::pin(self.first_words()).await {
                    Some(tag) => tag,
                    None => return end,
                },
            };
            self.came = None;
            let asked = self.relay.slow.is_some().then(Instant::now);
            match self.attach(&mut stop).await {
                Ok(Some(attached)) => {
                    if let (Some(slow), Some(asked)) = (&mut self.relay.slow, asked) {
                        slow.waited(asked.elapsed());
                    }
                    if let Some(end) = self.serve(attached, &mut stop).await {
                        return end;
                    }
                }
                Ok(None) => return End::Gone,
                Err(refusal) if refusal.severity() == Severity::Fatal => return End::Told(refusal),
                Err(refusal) => self.relay.refuse(refusal, tag),
            }
            self.flush_counts();
        }
    }

    /// At the end of the process, what a client wants a server connection for that has just logged in and had none yet.
    async fn first_words(&mut self) -> Option<u8> {
        let until = self.came? + FIRST_WORDS;
        if !self.shared.shutdown.is_cancelled() || self.place.dismissal_or_none().is_some() {
            return None;
        }
        let speaking = std::future::poll_fn(|cx| match ready!(self.poll_idle(cx, None)) {
            Ok(Front::NeedServer(tag)) => Poll::Ready(Some(tag)),
            _ => Poll::Ready(None),
        });
        tokio::time::timeout_at(until.into(), speaking).await.ok().flatten()
    }

    /// Waits, without a server connection, for something to do.
    fn poll_idle(&mut self, cx: &mut Context<'_>, stop: Option<&mut Signal>) -> Poll<Result<Front, End>> {
        let polled = self.relay.poll_idle(cx);
        self.relay.tell_verdicts(&self.shared);
        let front = ready!(polled).map_err(end_of);
        if matches!(front, Ok(Front::Blocked)) {
            // Nothing to do: the time to notice that the process or the tenant goes out of service.
            return match stop.map(|stop| stop.poll(cx)) {
                Some(Poll::Ready(())) => Poll::Ready(Err(End::Told(self.farewell()))),
                Some(Poll::Pending) | None => Poll::Pending,
            };
        }
        Poll::Ready(front)
    }

    /// A server connection with the client's settings. `None` when the client left while it waited.
    async fn attach(&mut self, stop: &mut Signal) -> Result<Option<Attached>, Refusal> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let preferred = self.last_server.filter(|_| self.relay.session().wants_last_server());
            let checkout = {
                let (tenant, slot) = (&self.identity.tenant, &self.place.slot);
                let mut waiting = pin!(self.cluster.pool.checkout(tenant, slot, &self.seat, preferred));
                let (relay, place, shared, pool) =
                    (&mut self.relay, &self.place, &self.shared, &self.cluster.pool);
                let ready = std::future::poll_fn(|cx| {
                    if let Poll::Ready(result) = waiting.as_mut().poll(cx) {
                        return Poll::Ready(Some(result));
                    }
                    // It may wait for as long as its tenant is paused.
                    let at_once = || place.dismissal().is_at_once() && !shared.shutdown.is_cancelled();
                    if stop.poll(cx).is_ready() && (at_once() || pool.is_paused(tenant.id)) {
                        return Poll::Ready(None);
                    }
                    relay.poll_departure(cx).map(|()| None)
                });
                match ready.await {
                    Some(Ok(checkout)) => checkout,
                    Some(Err(error)) => {
                        self.log_no_server(&error);
                        return Err(handshake::no_server(&error));
                    }
                    None if self.place.is_over() => return Err(self.farewell()),
                    None => return Ok(None),
                }
            };
            match checkout.attach(&self.relay.session().settings_of_connection()).await {
                Ok(attached) => {
                    self.last_server = attached.id();
                    self.relay.batch.assignments += 1;
                    self.relay.batch.wait_time += attached.waited();
                    self.relay.server = Some(attached.pid());
                    if let Some(voice) = attached.voice() {
                        self.cluster.hub.lend(voice, self.place.pid);
                    }
                    return Ok(Some(attached));
                }
                // It broke before anything of the client's was sent: another will do.
                Err(AttachError::Cancelled) => return Err(handshake::no_server(&CheckoutError::Cancelled)),
                Err(AttachError::Io(_)) if attempts < 3 => {}
                Err(AttachError::Io(_)) => return Err(handshake::lost_server()),
                Err(AttachError::Setting(error)) => {
                    tracing::warn!(%error.message, error.code, "the server no longer takes the client's settings");
                    return Err(farewell::no_longer_taken(error));
                }
            }
        }
    }

    /// Relays until the server connection is not needed any more. `Some` when the client ends.
    ///
    /// What happens seldom is in a box, so that it has no room in the future of each client.
    async fn serve(&mut self, mut attached: Attached, stop: &mut Signal) -> Option<End> {
        let outcome = loop {
            match self.relay_until(&mut attached, stop).await {
                Outcome::Judge => Box::pin(self.judge_long()).await,
                Outcome::Hub => Box::pin(self.relay.ask_hub(&self.cluster.hub, &attached)).await,
                Outcome::Restore => match Box::pin(self.relay.restore(&mut attached)).await {
                    Ok(()) => {}
                    Err(outcome) => break outcome,
                },
                Outcome::TakeRole => match Box::pin(self.relay.take_role(&mut attached)).await {
                    Ok(()) => {}
                    Err(outcome) => break outcome,
                },
                Outcome::Settle => match Box::pin(self.relay.settle(&mut attached)).await {
                    Ok(()) if self.relay.session().at_boundary() == Boundary::Release => {
                        break Outcome::Released;
                    }
                    Ok(()) if !self.relay.count_pin() => break Outcome::PinnedTooMany,
                    Ok(()) => {}
                    Err(outcome) => break outcome,
                },
                outcome => break outcome,
            }
        };
        let reason = self.relay.session().pinned();
        self.relay.note_pin(None, &self.place, &self.shared.counters);
        self.relay.count_pin();
        match outcome {
            Outcome::Released => {
                self.detach(attached, Ended::Idle);
                None
            }
            Outcome::Judge | Outcome::Settle | Outcome::Hub | Outcome::Restore | Outcome::TakeRole => None,
            Outcome::ClientEnds(gone) => {
                self.detach(attached, self.how_it_ends("client_left"));
                Some(end_of(gone))
            }
            Outcome::Stopped => {
                self.detach(attached, self.how_it_ends("client_stopped"));
                Some(End::Told(self.farewell()))
            }
            Outcome::PinnedTooLong => {
                self.shared.counters.timed_out("pinned_idle");
                self.detach(attached, self.how_it_ends("client_stopped"));
                Some(End::Told(farewell::pinned_too_long(reason)))
            }
            Outcome::OverTime(what) => {
                self.shared.counters.timed_out(what.name());
                self.detach(attached, self.how_it_ends("over_time"));
                Some(End::Told(self.over_time(what)))
            }
            Outcome::PinnedTooMany => {
                self.detach(attached, self.how_it_ends("client_stopped"));
                reason.map(|reason| End::Told(self.relay.session().too_many_pinned(reason).into_fatal()))
            }
            Outcome::ServerLost(refusal) => {
                tracing::warn!(pid = attached.pid(), error = %refusal.client_message(), "server connection lost");
                self.detach(attached, Ended::Broken("server_lost"));
                (!self.relay.server_lost(&refusal)).then(|| End::Told(refusal.without_hint().into_fatal()))
            }
            Outcome::Unjudgeable => {
                self.detach(attached, Ended::Broken("fixed_setting"));
                Some(End::Told(farewell::fixed_setting_changed()))
            }
            Outcome::OutOfStep => {
                tracing::error!(pid = attached.pid(), "server and client are out of step; closing both");
                self.detach(attached, Ended::Broken("out_of_step"));
                Some(End::Told(Refusal::protocol("the conversation with the server is out of step")))
            }
        }
    }

    async fn relay_until(&mut self, attached: &mut Attached, stop: &mut Signal) -> Outcome {
        let mut now = Instant::now();
        let mut clock = Clock::new(now, self.identity.expires);
        let mut kept_since = None;
        // What needs a server connection goes to it at once.
        let mut working = Some(Phase::Working(self.relay.session().turns()));
        loop {
            let phase = working.take().unwrap_or_else(|| Phase::of(self.relay.session()));
            let limits = self.relay.session().limits();
            clock.enter(phase, now);
            if clock.is_over(now) {
                return Outcome::OverTime(Expired::Credential);
            }
            let next = clock.next(&limits, self.relay.session().reads_sequences());
            let mut moved = false;
            let polled = {
                let relaying = std::future::poll_fn(|cx| {
                    let polled = self.relay.poll_attached(cx, attached, &mut moved);
                    self.relay.note_pin(self.relay.kept_for(), &self.place, &self.shared.counters);
                    self.relay.count_pin();
                    self.relay.tell_verdicts(&self.shared);
                    if polled.is_pending() && stop.poll(cx).is_ready() && self.may_stop() {
                        return Poll::Ready(Some(Outcome::Stopped));
                    }
                    // Other limits hold from now on.
                    let now = Phase::of(self.relay.session());
                    let matters = limits.ends_transactions() || now == Phase::Pinned(PinReason::Sequence);
                    if polled.is_pending() && matters && now != phase {
                        return Poll::Ready(None);
                    }
                    polled.map(Some)
                });
                match next {
                    None => relaying.await,
                    Some((when, _)) => tokio::time::timeout_at(when.into(), relaying).await.ok().flatten(),
                }
            };
            if let Some(outcome) = polled {
                return outcome;
            }
            now = Instant::now();
            let here = Phase::of(self.relay.session());
            if here != phase || moved {
                clock.enter(here, now);
                clock.moved(now);
                if !matches!(here, Phase::Pinned(PinReason::Sequence)) || moved {
                    kept_since = None;
                }
            }
            let Some((_, expired)) = next.filter(|(when, _)| here == phase && *when <= now) else { continue };
            match expired {
                Expired::Statement => {
                    clock.cancelled(now);
                    self.cancel_statement();
                }
                Expired::Cancelling => return Outcome::OverTime(Expired::Cancelling),
                Expired::Pinned(_) if moved => {}
                Expired::Pinned(PinReason::Sequence) => {
                    let since = *kept_since.get_or_insert(now);
                    if self.relay.session().reads_sequences() || self.waited_enough(since) {
                        self.relay.let_sequences_go();
                        return Outcome::Released;
                    }
                    clock.moved(now);
                }
                Expired::Pinned(_) => return Outcome::PinnedTooLong,
                expired => return Outcome::OverTime(expired),
            }
        }
    }

    /// As a cancel request of the client's own would.
    fn cancel_statement(&mut self) {
        tracing::info!("statement is cancelled: its time is over");
        self.shared.counters.timed_out(Expired::Statement.name());
        self.relay.session.note_time_out();
        let slot = Arc::clone(&self.place.slot);
        tokio::spawn(async move { slot.cancel(None).await });
    }

    /// Whether a client that may or may not ask for a sequence value has kept its connection for long enough.
    fn waited_enough(&self, since: Instant) -> bool {
        let needed = || {
            // Who waits for its tenant's rate, or beside one that is idle, has no use for it.
            let load = self.cluster.pool.load();
            load.waiting > load.held + load.spaced
        };
        since.elapsed() >= SEQUENCES_KEPT_UNKNOWN || needed()
    }

    /// At the end of the process, and where a tenant is moved, transactions may finish; a tenant out of service is
    /// stopped at once.
    fn may_stop(&self) -> bool {
        let at_once = self.place.dismissal().is_at_once();
        at_once && !self.shared.shutdown.is_cancelled()
            || self.relay.session().at_boundary() != Boundary::Busy
    }

    fn detach(&mut self, attached: Attached, ended: Ended) {
        self.relay.batch.server_time += attached.detach(ended);
    }

    fn how_it_ends(&self, reason: &'static str) -> Ended {
        let session = self.relay.session();
        if !session.can_be_cancelled() {
            // The server runs to its end what it has, as when a client of its own disappears.
            Ended::Broken(reason)
        } else if session.is_under_way() || self.relay.mid_request() {
            Ended::Running(reason)
        } else if session.in_transaction() {
            Ended::InTransaction
        } else {
            Ended::Idle
        }
    }

    /// Judges a long text on a thread where that holds up nobody else, a few at a time.
    async fn judge_long(&mut self) {
        let Some(text) = self.relay.take_long_text() else { return };
        let Ok(permit) = Arc::clone(&self.shared.long_texts).acquire_owned().await else { return };
        let guard = Arc::clone(&self.shared.guard);
        let _ = tokio::task::spawn_blocking(move || {
            guard.warm(&text);
            drop(permit);
        })
        .await;
    }

    fn over_time(&self, what: Expired) -> Refusal {
        match what {
            Expired::Credential => farewell::expired(self.identity.ends_with),
            what => farewell::over_time(what),
        }
    }

    fn farewell(&self) -> Refusal {
        farewell::dismissed(self.place.dismissal(), self.shared.shutdown.is_cancelled())
    }

    /// One line for each connection, at its end.
    fn tell_end(&self, end: &End, began: Instant) {
        let Some(untold) = self.shared.counters.lines().ask(LineKind::Ended, Instant::now()) else { return };
        let (relay, stream) = (&self.relay, self.relay.stream());
        // Quoted: a client calls itself what it likes.
        let application = relay.session().settings().get("application_name").unwrap_or_default();
        let (why, code) = match end {
            End::Gone => (Cow::Borrowed("the client left"), ""),
            End::Told(refusal) => (refusal.client_message(), refusal.sqlstate().0),
        };
        tracing::info!(
            peer = %relay.who.peer,
            application,
            by = self.identity.by,
            tls = stream.tls().is_some(),
            seconds = began.elapsed().as_secs_f64(),
            transactions = relay.sum.transactions,
            statements = relay.sum.queries,
            bytes_in = relay.sum.bytes_from_clients,
            bytes_out = relay.sum.bytes_to_clients,
            why = &*why,
            code,
            untold,
            "connection ended"
        );
    }

    fn log_no_server(&self, error: &CheckoutError) {
        match error {
            CheckoutError::Cancelled => {}
            CheckoutError::TimedOut(_) | CheckoutError::OverRate(..) | CheckoutError::QueueFull(_) => {
                tracing::warn!(%error, "client refused")
            }
            CheckoutError::Connect(_) | CheckoutError::OtherCluster => {
                tracing::debug!(%error, "client refused");
            }
        }
    }

    fn flush_counts(&mut self) {
        self.relay.flush_counts(&self.shared);
    }
}

fn end_of(gone: Gone) -> End {
    match gone {
        Gone::Left => End::Gone,
        Gone::Failed(refusal) => End::Told(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tls::ListenMode;

    const fn future_of<A, F>(_: &impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    const fn future_of_three<A, B, C, F>(_: &impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// It was 12,496 bytes, most of it for what hardly ever happens.
    #[test]
    fn client_that_does_nothing_has_no_room_for_all_that_could_happen() {
        let whole = future_of_three::<Arc<Shared>, Stream, ListenMode, _>(&crate::client::serve);
        let living = future_of::<Box<Client>, _>(&Client::live);
        assert!(whole <= 1300 && living <= 1300, "{whole} {living}");
        assert!(size_of::<Client>() <= 1760, "{}", size_of::<Client>());
    }
}
