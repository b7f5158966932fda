//! Moving one client's bytes: between its socket, the session machine, and the server connection it
//! holds. Both directions are polled from one task; nothing is handed to another.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::client::audit;
use crate::client::handshake::lost_server;
use crate::client::outcome::{Front, Gone, Outcome};
use crate::client::roster::Who;
use crate::client::slow::Slow;
use crate::client::suspension::Part;
use crate::client::turn::Turn;
use crate::guard::Guard;
use crate::net::stock;
use crate::net::stream::{Stream, flushed};
use crate::notify::Listener;
use crate::pool::Attached;
use crate::session::outbound::Outbound;
use crate::session::pin::PinReason;
use crate::session::{Boundary, Refusal, Relay as Fate, ServerState, Session, Step};
use crate::telemetry::Batch;
use crate::wire::flow::Flow;
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::{view, write};

/// A text longer than this is not judged on a thread that serves clients the first time: parsing takes about 65 ns a byte, and up
/// to 1 µs for some, and others wait meanwhile.
const LONG_TEXT: usize = 16 << 10;
/// How much of an error message is looked at. Severity and code come first (`send_message_to_frontend`);
/// the texts behind them may be as long as a tenant likes.
const MAX_ERROR: usize = 64 << 10;
/// From a client that leaves more than this unread nothing is read: what the proxy answers itself would have no end.
const MAX_UNREAD: usize = 64 << 10;

/// One client's socket, session and buffers.
pub(super) struct Relay {
    stream: Stream,
    pub(super) session: Session,
    guard: Arc<Guard>,
    pub(super) who: Arc<Who>,
    /// From the client to the server.
    outbound: Outbound,
    /// From the server to the client.
    pub(super) inbound: Flow,
    replies: Vec<u8>,
    /// What it listens with, while it does.
    pub(super) listener: Option<Listener>,
    pub(super) notes: Vec<u8>,
    pub(super) batch: Batch,
    pub(super) pinned: Option<PinReason>,
    /// Measures statements, where that is asked for.
    pub(super) slow: Option<Box<Slow>>,
    /// Whether refusals are audited.
    pub(super) is_audited: bool,
    /// The server process it has, or had last, for the log.
    pub(super) server: Option<i32>,
    /// All that it did.
    pub(super) sum: Batch,
    /// The text at the front was judged elsewhere. Not every verdict is remembered, so asking the guard
    /// is not enough to know.
    long_text_taken: bool,
    /// While the process is suspended it reads nothing.
    part: Part,
    /// What is left of it.
    turn: Turn,
}

impl Relay {
    pub(super) fn new(
        stream: Stream,
        session: Session,
        guard: Arc<Guard>,
        who: Arc<Who>,
        part: Part,
    ) -> Self {
        let outbound = Outbound::new(session.scope().tenant);
        Self {
            stream,
            session,
            guard,
            who,
            outbound,
            inbound: Flow::default(),
            replies: Vec::new(),
            listener: None,
            notes: Vec::new(),
            batch: Batch::default(),
            pinned: None,
            slow: None,
            is_audited: false,
            server: None,
            sum: Batch::default(),
            long_text_taken: false,
            part,
            turn: Turn::begin(),
        }
    }

    pub(super) const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Bytes that came with the end of the handshake.
    pub(super) fn take_early(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let flow = self.outbound.reading();
            flow.lend(stock::take());
            flow.reserve(bytes.len());
            flow.spare()[..bytes.len()].copy_from_slice(bytes);
            flow.filled(bytes.len());
        }
    }

    pub(super) const fn session(&self) -> &Session {
        &self.session
    }

    /// Whether a request is half way from the client to the server.
    pub(super) fn mid_request(&self) -> bool {
        self.outbound.mid_frame() || !self.outbound.pending().is_empty() || self.inbound.mid_frame()
    }

    /// Without a server connection: writes what is owed, reads, and judges until something needs one.
    /// `Blocked` is only returned when nothing can be done before the socket says so.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Result<Front, Gone>> {
        self.turn = Turn::begin();
        loop {
            match self.pump_frontend(None) {
                Ok(Front::Blocked) => {}
                other => return Poll::Ready(other),
            }
            self.place_replies();
            let noted = match self.place_notes(cx, Session::may_be_told) {
                Ok(noted) => noted,
                Err(gone) => return Poll::Ready(Err(gone)),
            };
            if self.poll_flush(cx).is_err() {
                return Poll::Ready(Err(Gone::Left));
            }
            if noted && self.inbound.pending().is_empty() {
                continue; // there may be more
            }
            if self.turn.is_over() {
                Turn::pass_on(cx);
                return Poll::Ready(Ok(Front::Blocked));
            }
            if self.leaves_unread() {
                return Poll::Ready(Ok(Front::Blocked));
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Gone::Left)),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    self.outbound.let_go();
                    self.rest();
                    return Poll::Ready(Ok(Front::Blocked));
                }
            }
        }
    }

    /// While the client waits for a server connection: resolves when it leaves.
    pub(super) fn poll_departure(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_flush(cx).is_err() {
            return Poll::Ready(());
        }
        loop {
            // With the buffer full nothing can be read; it will be noticed later.
            if self.outbound.reading().spare().is_empty() {
                return Poll::Pending;
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// With a server connection: moves bytes both ways until it can go. `moved` is set when any did.
    pub(super) fn poll_attached(
        &mut self,
        cx: &mut Context<'_>,
        attached: &mut Attached,
        moved: &mut bool,
    ) -> Poll<Outcome> {
        self.turn = Turn::begin();
        loop {
            let mut progress = false;
            match self.pump_attached_frontend(attached) {
                Ok(Front::Blocked | Front::NeedServer(_)) => {}
                Ok(Front::Judge) => return Poll::Ready(Outcome::Judge),
                Ok(Front::Restore) => return Poll::Ready(Outcome::Restore),
                Ok(Front::TakeRole) => return Poll::Ready(Outcome::TakeRole),
                Ok(Front::Hub) => return Poll::Ready(Outcome::Hub),
                Err(gone) => return Poll::Ready(Outcome::ClientEnds(gone)),
            }
            self.place_replies();
            match self.place_notes(cx, Session::may_be_told) {
                Ok(noted) => progress |= noted,
                Err(gone) => return Poll::Ready(Outcome::ClientEnds(gone)),
            }
            // What is written to the server makes room, which is read into below. There is nothing else to do for that.
            match self.poll_to_server(cx, attached) {
                Ok(wrote) => *moved |= wrote,
                // The server may have said why before it closed; read that first.
                Err(_) => self.outbound.consume(usize::MAX),
            }
            let was_full = self.inbound.has_buffer() && self.inbound.spare().is_empty();
            match self.poll_from_server(cx, attached) {
                Ok(read) => progress |= read,
                Err(outcome) => return Poll::Ready(outcome),
            }
            match self.poll_flush(cx) {
                Ok(wrote) => {
                    *moved |= wrote;
                    progress |= wrote && (was_full || self.listener.is_some());
                }
                Err(_) => return Poll::Ready(Outcome::ClientEnds(Gone::Left)),
            }
            if let Some(outcome) = self.at_rest() {
                return Poll::Ready(outcome);
            }
            if self.turn.is_over() {
                *moved = true;
                Turn::pass_on(cx);
                return Poll::Pending;
            }
            match self.poll_fill_if_room(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Outcome::ClientEnds(Gone::Left)),
                Poll::Ready(Ok(_)) => progress = true,
                Poll::Pending => {}
            }
            if !progress {
                self.rest();
                return Poll::Pending;
            }
            *moved = true;
        }
    }

    /// Answers the frame at the front with an error, for want of a server connection.
    pub(super) fn refuse(&mut self, refusal: Refusal, tag: u8) {
        self.session.refuse_without_server(refusal, tag);
        // The frame stays for the session to skip or drop: a Query is answered whole.
        if let Ok(Some(head)) = FrameHead::parse(self.outbound.unjudged()) {
            self.outbound.drop_frame(head.total);
        }
        self.place_replies();
    }

    /// The type of the frame at the front.
    pub(super) fn next_tag(&self) -> Option<u8> {
        self.outbound.unjudged().first().copied()
    }

    /// The server connection is gone. `false` when the session cannot go on without it.
    pub(super) fn server_lost(&mut self, refusal: &Refusal) -> bool {
        // Half a message was passed on: there is no way to say anything after it.
        if self.inbound.mid_frame() || self.outbound.mid_frame() {
            return false;
        }
        self.outbound.let_go();
        self.outbound.consume(usize::MAX);
        // The error that ended the connection, or half of a message.
        self.inbound.forget_unjudged();
        let goes_on = self.session.server_lost(refusal);
        self.place_replies();
        goes_on
    }

    /// Ends with an error, behind everything that was answered before.
    pub(super) async fn last_words(&mut self, refusal: &Refusal) -> io::Result<()> {
        if self.inbound.mid_frame() {
            return Ok(());
        }
        let mut out = self.inbound.pending().to_vec();
        write::error(&mut out, refusal);
        self.stream.write_all(&out).await
    }

    /// The long text at the front, to be judged elsewhere, once.
    pub(super) fn take_long_text(&mut self) -> Option<String> {
        self.long_text_taken = true;
        self.long_text()
    }

    fn long_text(&self) -> Option<String> {
        let bytes = self.outbound.unjudged();
        let head = FrameHead::parse(bytes).ok()??;
        let body = bytes.get(HEAD_BYTES..head.total)?;
        let text = if head.tag == b'Q' { view::query(body)? } else { view::Parse::read(body)?.text };
        let text = std::str::from_utf8(text).ok()?;
        Some(self.guard.as_sent(text, self.session.scope()).into_owned())
    }

    fn at_rest(&self) -> Option<Outcome> {
        let outcome = match self.session.at_boundary() {
            Boundary::Release => Outcome::Released,
            Boundary::Unsettled => Outcome::Settle,
            Boundary::Busy | Boundary::Pinned(_) => return None,
        };
        (!self.mid_request() && self.inbound.at_frame_boundary()).then_some(outcome)
    }

    fn pump_attached_frontend(&mut self, attached: &mut Attached) -> Result<Front, Gone> {
        self.pump_frontend(attached.state())
    }

    /// Judges frames of the client until one is not whole, or needs what is not there.
    fn pump_frontend(&mut self, mut server: Option<&mut ServerState>) -> Result<Front, Gone> {
        loop {
            if self.outbound.mid_frame() || self.turn.is_over() {
                return Ok(Front::Blocked);
            }
            if let Some(cleared) = self.session.probe() {
                self.outbound.let_go();
                if self.outbound.insert(&cleared, self.session.front()).is_err() {
                    return Err(Gone::wrong_tenant());
                }
            }
            let bytes = self.outbound.unjudged();
            let head = match FrameHead::parse(bytes) {
                Ok(Some(head)) => head,
                Ok(None) => return Ok(Front::Blocked),
                Err(error) => return Err(Gone::Failed(Refusal::protocol(error.to_string()))),
            };
            if self.must_judge_elsewhere(head) {
                return Ok(Front::Judge);
            }
            if server.is_some() && self.session.begins_batch(head.tag) {
                self.outbound.keep();
            }
            let step =
                self.session.on_frontend(head, self.outbound.unjudged(), server.as_deref_mut(), &self.guard);
            self.session.take_heard().for_each(|heard| audit::heard(&heard));
            let front = self.session.front();
            let done = match &step {
                Step::NeedMore(bytes) => {
                    self.outbound.reading().reserve(*bytes);
                    return Ok(Front::Blocked);
                }
                Step::NeedServer => return Ok(Front::NeedServer(head.tag)),
                Step::Wait => return Ok(Front::Blocked),
                Step::Restore => return Ok(Front::Restore),
                Step::TakeRole => return Ok(Front::TakeRole),
                Step::Hub => return Ok(Front::Hub),
                Step::Forward(cleared) => self.outbound.forward(cleared, head.total),
                Step::Rewrite { cleared, consumed } => {
                    self.outbound.rewrite(cleared, head.total, *consumed, front)
                }
                Step::Substitute(cleared) => self.outbound.substitute(cleared, head.total, front),
                Step::Ahead(cleared) => match self.outbound.insert_ahead(cleared, front) {
                    Ok(()) => continue,
                    failed => failed,
                },
                Step::Drop => {
                    self.outbound.drop_frame(head.total);
                    Ok(())
                }
                Step::Terminate => return Err(Gone::Left),
                Step::Fail(refusal) => return Err(Gone::Failed(refusal.clone())),
            };
            if done.is_err() {
                return Err(Gone::wrong_tenant());
            }
            self.long_text_taken = false;
            self.turn.spend(head);
            if let Some(slow) = &mut self.slow {
                slow.passed_on(&self.session);
            }
            self.forget_early_notes();
            if matches!(head.tag, b'Q' | b'P') {
                self.batch.queries += 1;
            }
        }
    }

    fn must_judge_elsewhere(&self, head: FrameHead) -> bool {
        matches!(head.tag, b'Q' | b'P')
            && head.total > LONG_TEXT
            && !self.long_text_taken
            && head.body_len() <= self.guard.max_statement_bytes()
            && self.long_text().is_some_and(|text| !self.guard.is_cached(&text))
    }

    /// Judges messages of the server until one is not whole.
    fn pump_backend(&mut self, cx: &Context<'_>, server: &mut ServerState) -> Result<(), Outcome> {
        // Rows change nothing: what becomes of one becomes of those behind it.
        let mut rows_pass = false;
        loop {
            if !rows_pass {
                self.session.settle();
                self.place_replies();
            }
            if self.inbound.mid_frame() {
                return Ok(());
            }
            let bytes = self.inbound.unjudged();
            let head = match FrameHead::parse(bytes) {
                Ok(Some(head)) => head,
                Ok(None) => return Ok(()),
                Err(_) => return Err(Outcome::OutOfStep),
            };
            let is_row = matches!(head.tag, b'D' | b'd');
            if rows_pass && is_row {
                self.inbound.pass(head.total);
                continue;
            }
            rows_pass = false;
            let mut body: &[u8] = &[];
            if self.session.wants_body(head.tag) {
                let wanted = head.total.min(MAX_ERROR);
                match bytes.get(HEAD_BYTES..wanted) {
                    Some(front) => body = front,
                    None => {
                        self.inbound.reserve(wanted);
                        return Ok(());
                    }
                }
            }
            if matches!(head.tag, b'E' | b'Z') {
                self.session.note_kept(self.outbound.has_kept());
            }
            let fate = self.session.on_backend(head.tag, body, server);
            if head.tag == b'Z'
                && let Some(slow) = &mut self.slow
            {
                slow.answered(&self.session);
            }
            match fate {
                Fate::Forward => {
                    if head.tag == b'Z' {
                        self.outbound.let_go();
                    }
                    if head.tag == b'Z' && body == b"I" {
                        self.batch.transactions += 1;
                        self.place_notes(cx, Session::is_between_commands).map_err(Outcome::ClientEnds)?;
                    }
                    self.inbound.pass(head.total);
                    rows_pass = is_row;
                }
                Fate::Swallow => self.inbound.drop_frame(head.total),
                fate @ (Fate::Replay | Fate::Insert) => {
                    let Some(cleared) = self.session.cleared_again() else { return Err(Outcome::OutOfStep) };
                    let front = self.session.front();
                    let sent = match fate {
                        Fate::Replay => self.outbound.replay(&cleared, front),
                        _ => self.outbound.insert(&cleared, front),
                    };
                    if sent.is_err() {
                        return Err(Outcome::OutOfStep);
                    }
                    self.inbound.drop_frame(head.total);
                }
                Fate::Replace => {
                    self.inbound.drop_frame(head.total);
                    self.place_replies();
                }
                Fate::ServerFailed => return Err(Outcome::server_failed(body)),
                Fate::Unjudgeable => return Err(Outcome::Unjudgeable),
                Fate::OutOfStep => return Err(Outcome::OutOfStep),
            }
        }
    }

    /// Puts what the session owes the client behind what is already on its way.
    pub(super) fn place_replies(&mut self) {
        if !self.session.has_replies() || self.inbound.mid_frame() {
            return;
        }
        self.session.take_replies(&mut self.replies);
        if !self.inbound.has_buffer() {
            self.inbound.lend(stock::take());
        }
        self.inbound.insert(&self.replies);
        self.replies.clear();
    }

    fn poll_to_server(&mut self, cx: &mut Context<'_>, attached: &mut Attached) -> io::Result<bool> {
        let mut wrote = false;
        while !self.outbound.pending().is_empty() {
            match attached.poll_write(cx, &self.outbound) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => self.outbound.consume(n),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
            wrote = true;
        }
        flushed(attached.poll_flush(cx))?;
        Ok(wrote)
    }

    fn poll_from_server(&mut self, cx: &mut Context<'_>, attached: &mut Attached) -> Result<bool, Outcome> {
        if !self.inbound.has_buffer() {
            self.inbound.lend(stock::take());
        }
        // The client does not read: neither do we.
        if self.inbound.spare().is_empty() {
            return Ok(false);
        }
        if self.part.must_rest(cx) {
            return Ok(false);
        }
        match attached.poll_read(cx, self.inbound.spare()) {
            Poll::Ready(Ok(0) | Err(_)) => Err(Outcome::ServerLost(lost_server())),
            Poll::Ready(Ok(n)) => {
                self.inbound.filled(n);
                let Some(state) = attached.state() else { return Err(Outcome::OutOfStep) };
                self.pump_backend(cx, state)?;
                if !self.session.is_under_way() && self.outbound.pending().is_empty() {
                    attached.all_read();
                }
                Ok(true)
            }
            Poll::Pending => Ok(false),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut wrote = false;
        while !self.inbound.pending().is_empty() {
            match self.stream.poll_write(cx, self.inbound.pending()) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.inbound.consume(n);
                    self.batch.bytes_to_clients += n as u64;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
            wrote = true;
        }
        flushed(self.stream.poll_flush(cx))?;
        Ok(wrote)
    }

    fn poll_fill_if_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let is_full = self.outbound.reading().has_buffer() && self.outbound.reading().spare().is_empty();
        if is_full || self.leaves_unread() { Poll::Pending } else { self.poll_fill(cx) }
    }

    /// Whether the client has to read before it is heard again, as with a server of its own that waits for it.
    fn leaves_unread(&self) -> bool {
        self.inbound.pending().len() > MAX_UNREAD
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.part.must_rest(cx) {
            return Poll::Pending;
        }
        let flow = self.outbound.reading();
        if !flow.has_buffer() {
            flow.lend(stock::take());
        }
        let polled = self.stream.poll_read(cx, flow.spare());
        if let Poll::Ready(Ok(n)) = &polled {
            flow.filled(*n);
            self.batch.bytes_from_clients += *n as u64;
            // Who asks again has read the answer to what it asked before.
            if !self.session.is_under_way() && self.inbound.pending().is_empty() {
                self.stream.all_read();
            }
        }
        polled
    }

    /// The client is gone, and what it did not read with it. The next one finds its buffers.
    pub(super) fn end(&mut self) {
        for flow in [self.outbound.reading(), &mut self.inbound] {
            stock::put(flow.abandon());
        }
    }

    /// Nothing to do: empty buffers go back, so that waiting costs no memory.
    fn rest(&mut self) {
        self.part.note(!self.inbound.pending().is_empty() || !self.outbound.pending().is_empty());
        for flow in [self.outbound.reading(), &mut self.inbound] {
            if let Some(buffer) = flow.reclaim() {
                stock::put(buffer);
            }
        }
        self.session.trim();
    }
}
