//! The requests sent to a server and the replies it owes: what each reply answers, who is to see it,
//! and when everything is answered (protocol sections "Extended Query", "Pipelining", "COPY").
//!
//! The rules that make this more than a queue:
//! * An error in the extended protocol makes the server skip everything up to the next Sync.
//! * While it reads COPY data the server ignores Sync and Flush, also those sent before it began. Where the COPY
//!   fails, a Sync among them counts if the server had not read it by then: see `Probe`.
//! * A reply the proxy gives itself waits for its turn.

mod entry;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::session::OnSuccess;
use crate::session::statements::Statement;

pub use entry::{Entry, Kind, Replaced, Undo};

/// Requests in flight at once. Some rules look at all of them for each message.
const MAX_OUTSTANDING: usize = 4 << 10;

/// What a backend message means for the client.
#[derive(Debug)]
pub enum Turn {
    /// It goes on to the client.
    Forward,
    /// It does not.
    Swallow,
    /// A request is answered; its reply goes on to the client unless the request was hidden.
    Done(Entry),
    /// An error ended this request; the ones given with it were skipped.
    Failed(Entry, Vec<Entry>),
    /// ReadyForQuery, to the client, and what the query did if it was one that succeeded.
    Ready(OnSuccess),
    /// ReadyForQuery; whether it is one for the client is said by [`Probed`](Self::Probed).
    Counted,
    /// So many of those that were counted are for the client.
    Probed(usize),
    /// Nothing asked for this: client and server are out of step.
    Unexpected,
}

/// A COPY has failed, and Syncs were sent behind it and before the end of its data. Those that the server had read by
/// then it ignored, those that it read afterwards it answers: where the failing row stands decides, and what else made
/// the COPY fail, so only the server knows. It is asked by a Sync and a Close: by the answer to that it has answered
/// all Syncs it will, and that one. Until then nothing else is sent: whether it would be skipped is not known.
#[derive(Debug)]
struct Probe {
    sent: bool,
    /// ReadyForQuery messages so far.
    readies: usize,
}

/// What a client waits for when its server is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Batches and queries that were sent whole: each is owed an error and a ReadyForQuery.
    pub ended: usize,
    /// A batch whose Sync is still to come is owed an error.
    pub open: bool,
}

/// So many requests have room also while there are none, so that a client that sends some at a time allocates nothing.
const KEPT_ENTRIES: usize = 32;

/// The requests in flight.
#[derive(Debug, Default)]
pub struct Pipeline {
    queue: VecDeque<Entry>,
    /// The server skips what the client sends until its Sync.
    skipping: bool,
    /// The server reads COPY data.
    copy_in: bool,
    /// The COPY of the request at the front has begun.
    copy_began: bool,
    /// A Sync was sent behind the request of the COPY that has begun, before the end of its data.
    doubtful_sync: bool,
    /// The same may be so of a COPY of which it is not known yet whether it begins, and its end was sent.
    doubtful_end: bool,
    /// The next request waits for the answers to all that was sent, and a Flush has been sent for them.
    flushed: bool,
    probe: Option<Probe>,
    /// Extended requests were sent and no Sync yet: their transaction is open, whatever the last
    /// ReadyForQuery said.
    unsynced: bool,
    /// A request in flight decides what a name stands for, or one that was in flight since all was answered last.
    decides: bool,
}

impl Pipeline {
    /// Nothing goes on: room for more requests than are usual is given back.
    pub(super) fn trim(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > KEPT_ENTRIES {
            self.queue = VecDeque::new();
        }
    }

    /// Whether nothing is owed by anybody, and no batch is open.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.skipping && !self.copy_in && !self.unsynced && self.probe.is_none()
    }

    /// Whether what the client sends is skipped until Sync.
    #[must_use]
    pub const fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Whether the server reads COPY data.
    #[must_use]
    pub const fn in_copy(&self) -> bool {
        self.copy_in
    }

    /// Whether a request is outstanding.
    #[must_use]
    pub fn has_outstanding(&self) -> bool {
        !self.queue.is_empty() || self.probe.is_some()
    }

    /// Whether the end of a COPY's data was sent, and if it fails nobody knows which Sync ends the skipping: no request
    /// may follow before its answer is seen.
    #[must_use]
    pub fn copy_is_in_doubt(&self) -> bool {
        let begun = self.copy_began && self.doubtful_sync && !self.copy_in;
        begun || (self.doubtful_end && !self.queue.is_empty())
    }

    /// Whether a Flush is to be sent for answers that are waited for. `true` once.
    pub const fn must_flush(&mut self) -> bool {
        !std::mem::replace(&mut self.flushed, true)
    }

    /// Whether the server is being asked which Syncs counted: nothing is sent meanwhile.
    #[must_use]
    pub const fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// Whether it is to be asked now. `true` once.
    pub fn must_probe(&mut self) -> bool {
        self.probe.as_mut().is_some_and(|probe| !std::mem::replace(&mut probe.sent, true))
    }

    /// Whether so much is outstanding that nothing more is taken before some of it is answered. PostgreSQL may hold back
    /// answers up to its next Sync or Flush, and has to be asked for them.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.queue.len() >= MAX_OUTSTANDING
    }

    /// Whether a batch is open: a simple query would be part of its transaction, and end it.
    #[must_use]
    pub const fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Whether the request sent last decides what those behind it may mean (DISCARD ALL, DEALLOCATE
    /// ALL, RESET ALL): nothing may follow before its answer is seen.
    #[must_use]
    pub fn is_barred(&self) -> bool {
        self.queue.back().is_some_and(|entry| entry.bars || entry.on_success != OnSuccess::NOTHING)
    }

    /// Whether it is open what a statement name stands for: a request of an earlier batch that decides it may
    /// fail yet, or be skipped.
    #[must_use]
    pub fn is_undecided(&self, name: &[u8]) -> bool {
        if !self.decides {
            return false;
        }
        let mut batch_is_over = false;
        for entry in self.queue.iter().rev() {
            if entry.undo.is_about(name) {
                return batch_is_over;
            }
            batch_is_over |= entry.kind == Kind::Sync;
        }
        false
    }

    /// Whether the server skips what is sent next if something sent before fails.
    #[must_use]
    pub fn may_skip(&self) -> bool {
        // A simple query within a batch is skipped like the rest of it.
        let last = self.queue.iter().rev().find(|entry| entry.kind != Kind::Query);
        last.is_some_and(|entry| entry.kind != Kind::Sync)
    }

    /// What to undo if the request sent last is skipped.
    pub fn undo_last(&mut self, undo: Undo) {
        if let Some(entry) = self.queue.back_mut() {
            self.decides |= !matches!(undo, Undo::Nothing);
            entry.undo = undo;
        }
    }

    /// The name that a request still outstanding takes away from a statement.
    #[must_use]
    pub fn name_of(&self, statement: &Statement) -> Option<&[u8]> {
        self.queue.iter().find_map(|entry| match &entry.undo {
            Undo::Restore(name, of) if std::ptr::eq(Arc::as_ptr(of), statement) => Some(&**name),
            _ => None,
        })
    }

    /// The unnamed statements that requests still outstanding have replaced.
    pub fn replaced(&mut self) -> impl Iterator<Item = &mut Replaced> {
        self.queue.iter_mut().filter_map(|entry| match &mut entry.undo {
            Undo::Unnamed(_, replaced) => replaced.as_deref_mut(),
            _ => None,
        })
    }

    /// Whether the next answer describes a prepared statement.
    #[must_use]
    pub fn describes_statement(&self) -> bool {
        let is_told = |statement: &Arc<Statement>| !statement.is_unnamed();
        self.queue
            .front()
            .is_some_and(|entry| entry.kind == Kind::Describe && entry.uses.as_ref().is_some_and(is_told))
    }

    /// Whether the next text is read as it was judged, whatever ran before.
    #[must_use]
    pub fn ends_with_reading(&self) -> bool {
        self.queue.back().is_some_and(|entry| entry.reading)
    }

    /// Whether what becomes of the next request depends on what its answer says.
    #[must_use]
    pub fn reads_tag(&self) -> bool {
        let front = self.queue.front().filter(|entry| entry.kind == Kind::Execute);
        front.is_some_and(|entry| entry.by_tag || entry.on_success != OnSuccess::NOTHING)
    }

    /// Whether a cancel request would end all that is outstanding: one query, or one batch. With more, a cancelled
    /// BEGIN would let what stands behind it run, and commit, without a transaction block.
    #[must_use]
    pub fn can_be_cancelled(&self) -> bool {
        let ends = self.queue.iter().filter(|entry| matches!(entry.kind, Kind::Query | Kind::Sync)).count();
        ends + usize::from(self.unsynced) <= 1
    }

    /// Whether nothing but the end of the batch is outstanding.
    #[must_use]
    pub fn only_sync_is_left(&self) -> bool {
        self.queue.len() == 1 && self.queue.front().is_some_and(|entry| entry.kind == Kind::Sync)
    }

    /// An error was answered by the proxy itself while no server was involved.
    pub const fn skip_until_sync(&mut self) {
        self.skipping = true;
    }

    /// A request is sent, or a reply is owed.
    pub fn push(&mut self, entry: Entry) {
        self.decides = (self.decides && !self.queue.is_empty()) || !matches!(entry.undo, Undo::Nothing);
        self.doubtful_end &= !self.queue.is_empty();
        self.flushed = false;
        match entry.kind {
            Kind::CopyEnd => {}
            // A simple query commits what an open batch before it did.
            Kind::Query | Kind::Sync => self.unsynced = false,
            _ => self.unsynced = true,
        }
        if self.queue.capacity() == 0 {
            // Not four at once, as by itself: many clients never have more than one.
            self.queue.reserve_exact(1);
        }
        self.queue.push_back(entry);
    }

    /// The client's Sync is sent.
    pub fn push_sync(&mut self) {
        if self.copy_in {
            // The server ignores it, unless the COPY fails before.
            self.doubtful_sync = true;
            return;
        }
        self.skipping = false;
        self.push(Entry::new(Kind::Sync));
    }

    /// A Sync of the proxy's own is sent, as the client will send none: its answer is the client's.
    pub fn resync(&mut self) {
        self.skipping = false;
        self.push(Entry::new(Kind::Sync));
    }

    /// Whether the end of a batch, or a simple query, is outstanding: whether what comes behind runs in a transaction block that has
    /// failed is not known.
    #[must_use]
    pub fn has_batch_outstanding(&self) -> bool {
        self.queue.iter().any(|entry| matches!(entry.kind, Kind::Query | Kind::Sync))
    }

    /// Whether a simple query is outstanding.
    #[must_use]
    pub fn awaits_query(&self) -> bool {
        self.queue.iter().any(|entry| entry.kind == Kind::Query)
    }

    /// The client's Sync ended a batch that no server saw.
    pub const fn synced_here(&mut self) {
        (self.skipping, self.unsynced) = (false, false);
    }

    /// The client's CopyDone or CopyFail is sent.
    pub fn copy_ends(&mut self) {
        self.flushed = false;
        if self.copy_in {
            self.copy_in = false;
        } else if !self.queue.is_empty() {
            let ended = self.last_request() == Some(Kind::Sync);
            self.push(Entry::new(Kind::CopyEnd));
            self.doubtful_end |= ended;
        }
    }

    fn last_request(&self) -> Option<Kind> {
        let kinds = self.queue.iter().rev().map(|entry| entry.kind);
        kinds.into_iter().find(|kind| !matches!(kind, Kind::CopyEnd | Kind::Own))
    }

    /// Everything outstanding is lost with the server.
    pub fn server_lost(&mut self) -> Lost {
        let is_end = |entry: &Entry| matches!(entry.kind, Kind::Sync | Kind::Query);
        let ended = self.queue.iter().filter(|entry| is_end(entry)).count();
        let open = self.unsynced && !self.skipping;
        self.queue.clear();
        (self.copy_in, self.unsynced) = (false, false);
        (self.copy_began, self.doubtful_sync) = (false, false);
        self.skipping |= open;
        Lost { ended, open }
    }

    /// The proxy's replies whose turn it is.
    pub fn due(&mut self) -> Option<&'static [u8]> {
        while let Some(entry) = self.queue.front() {
            match entry.kind {
                Kind::CopyEnd => {
                    self.queue.pop_front();
                }
                Kind::Own => return self.queue.pop_front().map(|entry| entry.reply),
                _ => return None,
            }
        }
        None
    }

    /// A message came from the server. [`due`](Self::due) was called before.
    pub fn on_backend(&mut self, tag: u8) -> Turn {
        if let Some(probe) = &mut self.probe {
            return match tag {
                b'N' | b'S' => Turn::Forward,
                b'Z' => {
                    probe.readies += 1;
                    Turn::Counted
                }
                b'3' if probe.sent && probe.readies > 0 => self.probed(),
                _ => Turn::Unexpected,
            };
        }
        let Some(front) = self.queue.front_mut() else {
            return if matches!(tag, b'N' | b'S') { Turn::Forward } else { Turn::Unexpected };
        };
        let kind = front.kind;
        let visible = if front.hidden { Turn::Swallow } else { Turn::Forward };
        match (tag, kind) {
            (b'N' | b'S', _) => visible,
            // Nobody else looks at what became of it: anything but rows and the end of a command is not its answer.
            (b'I' | b's' | b'd' | b'c' | b'G' | b'H', Kind::Execute) if front.switch => Turn::Unexpected,
            (b'D' | b'd' | b'c' | b'H', Kind::Execute | Kind::Query) => visible,
            (b'C', Kind::Query) => {
                (self.copy_began, self.doubtful_sync) = (false, false);
                visible
            }
            (b'T' | b'I', Kind::Query) => visible,
            (b't', Kind::Describe) if std::mem::replace(&mut front.half_told, true) => Turn::Swallow,
            (b't', Kind::Describe) => visible,
            (b'G', Kind::Execute | Kind::Query) => {
                self.copy_began = true;
                if self.copy_begins() { visible } else { Turn::Unexpected }
            }
            (b'1', Kind::Parse)
            | (b'2', Kind::Bind)
            | (b'3', Kind::Close)
            | (b'T' | b'n', Kind::Describe)
            | (b'C' | b'I' | b's', Kind::Execute) => self.done(),
            (b'Z', Kind::Query | Kind::Sync) => {
                let (on_success, hidden) = (front.on_success, front.hidden && !front.ready);
                self.queue.pop_front();
                (self.copy_in, self.copy_began) = (false, false);
                if hidden { Turn::Swallow } else { Turn::Ready(on_success) }
            }
            (b'E', _) if self.copy_began && self.doubtful_sync => self.failed_in_doubt(),
            // The error's own end comes with ReadyForQuery.
            (b'E', Kind::Query | Kind::Sync) => {
                self.copy_in = false;
                self.failed_query()
            }
            (b'E', _) => self.failed(),
            _ => Turn::Unexpected,
        }
    }

    fn done(&mut self) -> Turn {
        (self.copy_began, self.doubtful_sync) = (false, false);
        self.queue.pop_front().map_or(Turn::Unexpected, Turn::Done)
    }

    /// A simple query failed: its entry stays for the ReadyForQuery, stripped of what success would do.
    fn failed_query(&mut self) -> Turn {
        self.copy_began = false;
        let Some(front) = self.queue.front_mut() else { return Turn::Unexpected };
        let rest = Entry { hidden: front.hidden, ready: front.ready, ..Entry::new(front.kind) };
        let failed = std::mem::replace(front, rest);
        Turn::Failed(failed, Vec::new())
    }

    /// An extended request failed: the server skips all up to the next Sync.
    fn failed(&mut self) -> Turn {
        let Some(failed) = self.queue.pop_front() else { return Turn::Unexpected };
        (self.copy_in, self.copy_began) = (false, false);
        let end = self.queue.iter().position(|entry| entry.kind == Kind::Sync);
        self.skipping |= end.is_none();
        let skipped = self.queue.drain(..end.unwrap_or(self.queue.len())).collect();
        Turn::Failed(failed, skipped)
    }

    /// A COPY failed behind whose request, and before the end of whose data, a Sync was sent. Behind that end nothing
    /// was sent but Syncs.
    fn failed_in_doubt(&mut self) -> Turn {
        let Some(failed) = self.queue.pop_front() else { return Turn::Unexpected };
        (self.copy_in, self.copy_began, self.doubtful_sync) = (false, false, false);
        self.unsynced = false;
        self.probe = Some(Probe { sent: false, readies: 0 });
        Turn::Failed(failed, self.queue.drain(..).collect())
    }

    /// All Syncs are answered that will be; the last of them was the proxy's.
    fn probed(&mut self) -> Turn {
        let readies = self.probe.take().map_or(0, |probe| probe.readies.saturating_sub(1));
        self.skipping = readies == 0;
        Turn::Probed(readies)
    }

    /// COPY data is read: Syncs sent behind the request, before the end of the data, are ignored.
    /// `false` when other requests were sent there: the server takes them for broken data.
    fn copy_begins(&mut self) -> bool {
        let end = self.queue.iter().position(|entry| entry.kind == Kind::CopyEnd);
        self.copy_in = end.is_none();
        let end = end.unwrap_or(self.queue.len());
        let between = self.queue.range(1..end).all(|entry| matches!(entry.kind, Kind::Sync | Kind::Own));
        let (mut index, before) = (0, self.queue.len());
        self.queue.retain(|entry| {
            let ignored = entry.kind == Kind::Sync && index > 0 && index < end;
            index += 1;
            !ignored
        });
        self.doubtful_sync = self.queue.len() < before;
        // Without those Syncs the batch may be open again.
        self.unsynced = !matches!(self.last_request(), None | Some(Kind::Sync | Kind::Query));
        between
    }
}

#[cfg(test)]
mod tests;
