//! Who listens to what, and what they have not taken yet: the pure part of the hub.
//!
//! A channel of a tenant's has two names on the server: the one with the tenant's secret prefix, and the bare
//! one, on which functions speak that were not hardened. What comes under the bare one is only for the tenant
//! of the process that sent it; where that serves all tenants of level `shared`, for nobody.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use crate::server::Voice;
use crate::tenant::{ChannelPrefix, TenantId, quote_identifier};

/// Channels in one message of the listening connection.
const NAMES_IN_A_BATCH: usize = 200;

/// What a notification costs in a queue besides its payload.
const NOTE_OVERHEAD: usize = 64;

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Channels of all clients together.
    pub(super) channels: usize,
    /// Channels of one client.
    pub(super) channels_per_client: usize,
    /// Bytes of notifications that one client has not taken.
    pub(super) queued_bytes: usize,
}

/// A notification on its way to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The channel as the client calls it.
    pub(super) channel: Arc<str>,
    pub(super) payload: Arc<str>,
    pub(super) pid: i32,
    /// Its LISTEN is not committed, as far as is known.
    pending: bool,
}

impl Note {
    fn size(&self) -> usize {
        NOTE_OVERHEAD + self.channel.len() + self.payload.len()
    }
}

/// Why a client hears nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did not take what was there for it.
    Slow,
    /// The listening connection was lost.
    Lost,
}

/// A client that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Its process id, as the proxy gave it.
    pub client: i32,
    /// Its tenant.
    pub tenant: TenantId,
    /// To how many channels.
    pub channels: usize,
    /// Notifications that it has not taken.
    pub queued: usize,
    /// Their bytes.
    pub queued_bytes: usize,
}

/// Which limit a LISTEN would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Client,
    All,
}

/// Why a notification went to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    /// From a process that is not one of ours, or not one tenant's, under a bare name.
    UnknownProcess,
    /// From a process of another tenant, under a tenant's secret name.
    ForeignProcess,
}

/// What is to be sent on the listening connection next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) listen: Vec<Arc<str>>,
    pub(super) unlisten: Vec<Arc<str>>,
    /// Number of the barrier at its end.
    pub(super) barrier: Option<u64>,
}

impl Batch {
    /// As one message.
    pub(super) fn sql(&self, barrier_channel: &str) -> String {
        let listen = self.listen.iter().map(|name| format!("LISTEN {};", quote_identifier(name)));
        let unlisten = self.unlisten.iter().map(|name| format!("UNLISTEN {};", quote_identifier(name)));
        let barrier =
            self.barrier.iter().map(|n| format!("NOTIFY {},'{n}';", quote_identifier(barrier_channel)));
        unlisten.chain(listen).chain(barrier).collect()
    }
}

#[derive(Debug)]
struct Member {
    client: i32,
    tenant: TenantId,
    prefix: ChannelPrefix,
    subscriptions: HashMap<Arc<str>, Subscription>,
    queue: VecDeque<Note>,
    bytes: usize,
    waker: Option<Waker>,
    ended: Option<Ended>,
}

#[derive(Clone, Copy, Debug)]
struct Subscription {
    /// What is heard from this barrier on counts.
    since: u64,
    pending: bool,
}

#[derive(Debug)]
struct Known {
    voice: Arc<Voice>,
    /// The process has ended; from this barrier on nothing of it can be heard.
    gone_at: Option<u64>,
}

/// The core.
#[derive(Debug)]
pub(super) struct Core {
    limits: Limits,
    members: HashMap<u64, Member>,
    next_member: u64,
    /// How many members a tenant has.
    tenants: HashMap<TenantId, usize>,
    /// Who listens to a tenant's channel.
    topics: HashMap<(TenantId, Arc<str>), HashSet<u64>>,
    /// Names with a prefix.
    secret: HashMap<Arc<str>, (TenantId, Arc<str>)>,
    /// How many tenants listen to a bare name.
    bare: HashMap<Arc<str>, usize>,
    voices: HashMap<i32, Known>,
    to_listen: BTreeSet<Arc<str>>,
    to_unlisten: BTreeSet<Arc<str>>,
    /// The barrier to be sent next, and whether somebody waits for it.
    next: u64,
    wanted: bool,
    heard: u64,
    /// Counts the listening connections.
    epoch: u64,
    is_up: bool,
    waiting: Vec<Waker>,
}

impl Core {
    /// From now on this is allowed. Who has more keeps it.
    pub(super) const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What one client may listen to.
    pub(super) const fn channels_per_client(&self) -> usize {
        self.limits.channels_per_client
    }

    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            members: HashMap::new(),
            next_member: 0,
            tenants: HashMap::new(),
            topics: HashMap::new(),
            secret: HashMap::new(),
            bare: HashMap::new(),
            voices: HashMap::new(),
            to_listen: BTreeSet::new(),
            to_unlisten: BTreeSet::new(),
            next: 1,
            wanted: false,
            heard: 0,
            epoch: 0,
            is_up: false,
            waiting: Vec::new(),
        }
    }

    // Members.

    pub(super) fn overview(&self) -> Vec<Listening> {
        let members = self.members.values().map(|member| Listening {
            client: member.client,
            tenant: member.tenant,
            channels: member.subscriptions.len(),
            queued: member.queue.len(),
            queued_bytes: member.bytes,
        });
        members.collect()
    }

    pub(super) fn join(&mut self, tenant: TenantId, prefix: ChannelPrefix, client: i32) -> u64 {
        self.next_member += 1;
        *self.tenants.entry(tenant).or_default() += 1;
        let member = Member {
            client,
            tenant,
            prefix,
            subscriptions: HashMap::new(),
            queue: VecDeque::new(),
            bytes: 0,
            waker: None,
            ended: None,
        };
        self.members.insert(self.next_member, member);
        self.next_member
    }

    pub(super) fn leave(&mut self, id: u64) {
        let Some(member) = self.members.get(&id) else { return };
        let (tenant, names) = (member.tenant, member.subscriptions.keys().cloned().collect::<Vec<_>>());
        names.iter().for_each(|name| self.unsubscribe(id, name));
        self.members.remove(&id);
        if let Some(count) = self.tenants.get_mut(&tenant) {
            *count -= 1;
            if *count == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }

    /// The member is about to send a LISTEN of these. Gives the barrier that must be heard before.
    pub(super) fn subscribe(&mut self, id: u64, names: &[Box<str>]) -> Result<u64, Full> {
        let Some(member) = self.members.get(&id) else { return Ok(self.heard) };
        let new: Vec<Arc<str>> = names
            .iter()
            .filter(|name| !member.subscriptions.contains_key(name.as_ref()))
            .map(|name| Arc::from(name.as_ref()))
            .collect();
        if member.subscriptions.len() + new.len() > self.limits.channels_per_client {
            return Err(Full::Client);
        }
        let (tenant, prefix) = (member.tenant, member.prefix.clone());
        let opened = new.iter().filter(|name| !self.topics.contains_key(&(tenant, Arc::clone(name)))).count();
        if self.topics.len() + opened > self.limits.channels {
            return Err(Full::All);
        }
        let since = self.barrier();
        for name in new {
            let topic = self.topics.entry((tenant, Arc::clone(&name))).or_default();
            if topic.is_empty() {
                let secret: Arc<str> = prefix.name(&name).into();
                self.secret.insert(Arc::clone(&secret), (tenant, Arc::clone(&name)));
                let bare = self.bare.entry(Arc::clone(&name)).or_default();
                *bare += 1;
                let bare_is_new = (*bare == 1).then(|| Arc::clone(&name));
                for server_name in bare_is_new.into_iter().chain([secret]) {
                    self.to_unlisten.remove(&server_name);
                    self.to_listen.insert(server_name);
                }
            }
            topic.insert(id);
            if let Some(member) = self.members.get_mut(&id) {
                member.subscriptions.insert(name, Subscription { since, pending: true });
            }
        }
        Ok(since)
    }

    /// The member's transaction has ended: it listens to these, of those that it subscribed to.
    pub(super) fn settle(&mut self, id: u64, active: &BTreeSet<Box<str>>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let mut gone = Vec::new();
        for (name, subscription) in &mut member.subscriptions {
            if active.contains(name.as_ref()) {
                subscription.pending = false;
            } else {
                gone.push(Arc::clone(name));
            }
        }
        member.queue.retain_mut(|note| {
            note.pending = false;
            active.contains(note.channel.as_ref())
        });
        member.bytes = member.queue.iter().map(Note::size).sum();
        gone.iter().for_each(|name| self.unsubscribe(id, name));
    }

    /// What was heard so far under subscriptions whose LISTEN is not committed came before it.
    pub(super) fn forget_pending(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.queue.retain(|note| !note.pending);
        member.bytes = member.queue.iter().map(Note::size).sum();
    }

    fn unsubscribe(&mut self, id: u64, name: &Arc<str>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.subscriptions.remove(name).is_none() {
            return;
        }
        let (tenant, secret) = (member.tenant, Arc::<str>::from(member.prefix.name(name)));
        let key = (tenant, Arc::clone(name));
        let Some(topic) = self.topics.get_mut(&key) else { return };
        topic.remove(&id);
        if !topic.is_empty() {
            return;
        }
        self.topics.remove(&key);
        self.secret.remove(&secret);
        let mut silent = vec![secret];
        if let Some(bare) = self.bare.get_mut(name) {
            *bare -= 1;
            if *bare == 0 {
                self.bare.remove(name);
                silent.push(Arc::clone(name));
            }
        }
        for server_name in silent {
            if self.secret.contains_key(&server_name) || self.bare.contains_key(&server_name) {
                continue; // the bare name of one is the secret name of another
            }
            self.to_listen.remove(&server_name);
            self.to_unlisten.insert(server_name);
        }
    }

    /// Wakes this one when there is something new for a member, which may be why there will be nothing more.
    pub(super) fn watch(&mut self, id: u64, waker: &Waker) -> Result<(), Ended> {
        let Some(member) = self.members.get_mut(&id) else { return Err(Ended::Lost) };
        if let Some(ended) = member.ended {
            return Err(ended);
        }
        if !member.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            member.waker = Some(waker.clone());
        }
        Ok(())
    }

    /// The next notification for a member, or why there will be none.
    pub(super) fn take(&mut self, id: u64, waker: &Waker) -> Result<Option<Note>, Ended> {
        self.watch(id, waker)?;
        let Some(member) = self.members.get_mut(&id) else { return Ok(None) };
        if member.queue.front().is_none_or(|note| note.pending) {
            return Ok(None);
        }
        let note = member.queue.pop_front();
        member.bytes -= note.as_ref().map_or(0, Note::size);
        Ok(note)
    }

    /// Whether anybody listens who may hear a process of the tenant, or of all.
    pub(super) fn is_heard(&self, tenant: Option<TenantId>) -> bool {
        self.is_up && tenant.map_or(!self.tenants.is_empty(), |tenant| self.tenants.contains_key(&tenant))
    }

    pub(super) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    // Processes.

    /// A new server process. Where another tenant's had its number, the barrier after which nothing of that
    /// one can be heard; then it is to be asked again.
    pub(super) fn admit(&mut self, voice: &Arc<Voice>) -> Option<u64> {
        let flushed = |known: &Known| known.gone_at.is_some_and(|at| at <= self.heard);
        let known = self.voices.get(&voice.pid);
        let conflicts = known.is_some_and(|known| known.voice.tenant != voice.tenant && !flushed(known));
        if conflicts && self.is_up {
            let at = self.barrier();
            if let Some(known) = self.voices.get_mut(&voice.pid) {
                return Some(*known.gone_at.get_or_insert(at));
            }
        }
        self.voices.insert(voice.pid, Known { voice: Arc::clone(voice), gone_at: None });
        None
    }

    /// A server process has ended. `true` when a barrier is to be sent soon.
    pub(super) fn dismiss(&mut self, voice: &Arc<Voice>) -> bool {
        let is_up = self.is_up;
        let Some(known) = self.voices.get(&voice.pid).filter(|known| Arc::ptr_eq(&known.voice, voice)) else {
            return false;
        };
        if known.gone_at.is_some() {
            return false;
        }
        if !is_up || self.topics.is_empty() {
            self.voices.remove(&voice.pid);
            return false;
        }
        let at = self.barrier();
        if let Some(known) = self.voices.get_mut(&voice.pid) {
            known.gone_at = Some(at);
        }
        true
    }

    // The listening connection.

    /// A barrier that is sent after this call.
    pub(super) const fn barrier(&mut self) -> u64 {
        self.wanted = true;
        self.next
    }

    /// The barrier to be sent next.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) const fn heard(&self) -> u64 {
        self.heard
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) const fn is_up(&self) -> bool {
        self.is_up
    }

    /// Whether there is something to send.
    pub(super) fn is_demanded(&self) -> bool {
        self.wanted || !self.to_listen.is_empty() || !self.to_unlisten.is_empty()
    }

    /// Wakes this one when a barrier was heard, or the connection lost.
    pub(super) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|known| known.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    pub(super) const fn connected(&mut self) {
        self.is_up = true;
    }

    /// What to send now.
    pub(super) fn take_batch(&mut self) -> Option<Batch> {
        if !self.is_demanded() {
            return None;
        }
        let mut room = NAMES_IN_A_BATCH;
        let mut some = |names: &mut BTreeSet<Arc<str>>| {
            let taken: Vec<_> = std::iter::from_fn(|| names.pop_first()).take(room).collect();
            room -= taken.len();
            taken
        };
        let (unlisten, listen) = (some(&mut self.to_unlisten), some(&mut self.to_listen));
        // Behind the last of the names it was wanted for.
        let all = self.to_listen.is_empty() && self.to_unlisten.is_empty();
        let barrier = (self.wanted && all).then(|| {
            self.wanted = false;
            self.next += 1;
            self.next - 1
        });
        Some(Batch { listen, unlisten, barrier })
    }

    /// The barrier with this number was heard.
    pub(super) fn barrier_heard(&mut self, number: u64) {
        self.heard = self.heard.max(number);
        let heard = self.heard;
        self.voices.retain(|_, known| known.gone_at.is_none_or(|at| at > heard));
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// A notification was heard. Gives how many clients it is for.
    pub(super) fn hear(&mut self, pid: i32, name: &str, payload: &str) -> Result<usize, Dropped> {
        let voice = self.voices.get(&pid).map(|known| &known.voice);
        let key = match self.secret.get(name) {
            Some((tenant, _)) if voice.and_then(|voice| voice.tenant).is_some_and(|of| of != *tenant) => {
                return Err(Dropped::ForeignProcess);
            }
            Some(key) => key.clone(),
            None => {
                let tenant = voice.and_then(|voice| voice.tenant).ok_or(Dropped::UnknownProcess)?;
                (tenant, Arc::from(name))
            }
        };
        let sender = voice.map_or(pid, |voice| voice.sender(self.heard));
        let Some(topic) = self.topics.get(&key) else { return Ok(0) };
        let payload: Arc<str> = payload.into();
        let mut count = 0;
        for id in topic {
            let Some(member) = self.members.get_mut(id) else { continue };
            let Some(subscription) = member.subscriptions.get(&key.1) else { continue };
            if subscription.since > self.heard || member.ended.is_some() {
                continue;
            }
            let (channel, pending) = (Arc::clone(&key.1), subscription.pending);
            member.push(Note { channel, payload: Arc::clone(&payload), pid: sender, pending }, self.limits);
            count += 1;
        }
        Ok(count)
    }

    /// Gives the connection up where nobody needs it.
    pub(super) fn lost_if_unused(&mut self) -> bool {
        let unused = self.members.is_empty() && !self.is_demanded();
        if unused {
            self.lost();
        }
        unused
    }

    /// The listening connection is lost, or was given up: what was said meanwhile nobody knows.
    pub(super) fn lost(&mut self) {
        self.is_up = false;
        self.epoch += 1;
        (self.wanted, self.heard) = (false, self.next);
        self.next += 1;
        self.topics.clear();
        self.secret.clear();
        self.bare.clear();
        self.to_listen.clear();
        self.to_unlisten.clear();
        self.voices.retain(|_, known| known.gone_at.is_none());
        for member in self.members.values_mut() {
            if member.subscriptions.values().any(|subscription| !subscription.pending) {
                member.end(Ended::Lost);
            }
            member.subscriptions.clear();
        }
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

impl Member {
    fn push(&mut self, note: Note, limits: Limits) {
        self.bytes += note.size();
        if self.bytes > limits.queued_bytes {
            return self.end(Ended::Slow);
        }
        self.queue.push_back(note);
        self.wake();
    }

    fn end(&mut self, why: Ended) {
        self.ended.get_or_insert(why);
        self.queue = VecDeque::new();
        self.bytes = 0;
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
