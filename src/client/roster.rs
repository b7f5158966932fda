//! The clients that are here, by the key their cancel requests carry.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::auth::{KeyId, MasterKey, cancel_key, same};
use crate::client::standing::{Signal, Standing};
use crate::net::stream::Peer;
use crate::net::tls::PeerCertificate;
use crate::server::cancel::{CancelSlot, Doing};
use crate::session::pin::PinReason;
use crate::telemetry::Speaker;
use crate::tenant::{Access, ClusterName, Level, Slug, TenantId, TenantNames};
use crate::wire::startup::CancelRequest;

/// Cancel requests on their way to the server at once; more are dropped, as a cancel may always be late.
const CANCELS_AT_ONCE: usize = 32;

/// All live clients.
#[derive(Debug)]
pub struct Roster {
    clients: DashMap<i32, Member>,
    cancels: Semaphore,
    /// Makes keys that other proxies know.
    master: Option<MasterKey>,
}

#[derive(Debug)]
struct Member {
    key: Vec<u8>,
    tenant: TenantId,
    names: TenantNames,
    terms: Terms,
    user: Option<Arc<str>>,
    api_key: Option<KeyId>,
    certificate: Option<Arc<PeerCertificate>>,
    standing: Arc<Standing>,
    slot: Arc<CancelSlot>,
    who: Arc<Who>,
}

/// Who a client is, as far as it may have to go for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Its tenant.
    pub tenant: TenantId,
    /// What its tenant's schema and role were called when it logged in.
    pub names: TenantNames,
    /// The registered user as which it logged in.
    pub user: Option<Arc<str>>,
    /// The API key it logged in with.
    pub api_key: Option<KeyId>,
    /// The certificate it showed, where those count.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// For people.
    pub who: Who,
}

/// A client as people know it. It does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Our process id for it, once it is in the roster.
    pub pid: i32,
    /// Its tenant.
    pub slug: Slug,
    /// The cluster that it is served by.
    pub cluster: ClusterName,
    /// As it called itself.
    pub user: String,
    /// What it may do.
    pub access: Access,
    /// Whether it is one of those who may look at every tenant.
    pub is_admin: bool,
    /// Where it comes from.
    pub peer: Peer,
    /// Address and port of its end and of ours, over TCP.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// Protocol and cipher, with TLS.
    pub tls: Option<String>,
    /// As it called its program when it logged in.
    pub application_name: String,
    /// When it logged in.
    pub since: Instant,
}

impl Speaker for Who {
    fn span(&self) -> Span {
        tracing::info_span!("client", id = self.pid, tenant = %self.slug, user = self.user)
    }
}

/// What a client does.
#[derive(Clone, Debug)]
pub struct Present {
    /// Who it is.
    pub who: Arc<Who>,
    /// Its tenant.
    pub tenant: TenantId,
    /// What it does, and when it last got a server connection or began to wait for one.
    pub doing: (Doing, Option<Instant>),
    /// Why it keeps its server connection, and since when.
    pub pin: Option<(PinReason, Instant)>,
}

/// What its statements are judged by for as long as a client is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The tenant's level when it logged in.
    pub level: Level,
    /// Whether the guard counts on the hardening; at level shared only.
    pub hardened: bool,
}

/// Why a client is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dismissal {
    /// Its tenant went out of service, or the process ends.
    OutOfService,
    /// An operator has ended its tenant's connections.
    Killed,
    /// Its tenant was moved to another level.
    Moved,
    /// Its tenant's schema and role have other names than when it logged in.
    Renamed,
    /// Its tenant is on another cluster than when it logged in.
    Relocated,
    /// The hardening is in another state than when it logged in.
    Hardening,
    /// The API key it logged in with was revoked.
    Revoked,
    /// The user as which it logged in was removed.
    Removed,
    /// Its certificate was revoked, or the authority is none of ours any more.
    Distrusted,
}

impl Dismissal {
    /// Whether nothing is waited for, not even the end of a transaction.
    #[must_use]
    pub const fn is_at_once(self) -> bool {
        matches!(
            self,
            Self::OutOfService
                | Self::Killed
                | Self::Renamed
                | Self::Relocated
                | Self::Revoked
                | Self::Removed
                | Self::Distrusted
        )
    }
}

/// What a cancel request met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// It went to a server process that works for the client.
    Server,
    /// The client is here; it waits, does nothing, or too many requests are on their way.
    Client,
    /// No client has this process id and key.
    Nobody,
}

/// A client that keeps its server connection beyond a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Our process id for it.
    pub pid: i32,
    /// Its tenant.
    pub tenant: TenantId,
    /// Why.
    pub reason: PinReason,
    /// For how long.
    pub age: Duration,
}

/// One client's place in the roster; dropping it takes the client out.
#[derive(Debug)]
pub struct Place {
    roster: Arc<Roster>,
    /// Our process id for it.
    pub pid: i32,
    /// Our secret key for it.
    pub key: Vec<u8>,
    /// What its cancel requests aim at.
    pub slot: Arc<CancelSlot>,
    /// Who it is, for people.
    pub who: Arc<Who>,
    standing: Arc<Standing>,
}

impl Default for Roster {
    fn default() -> Self {
        Self { clients: DashMap::new(), cancels: Semaphore::new(CANCELS_AT_ONCE), master: None }
    }
}

impl Roster {
    /// Nobody is here. Other proxies with this master key know the keys of its clients for one of theirs.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        Self { master: Some(master.clone()), ..Self::default() }
    }

    /// Takes a client in, under a number nobody else has and with a key of `key_len` random bytes. It has to go when the
    /// process ends, as `shutdown` tells and [`end_all`](Self::end_all) says.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn enter(
        self: &Arc<Self>,
        bearer: Bearer,
        terms: Terms,
        key_len: usize,
        shutdown: &CancellationToken,
    ) -> Result<Place, getrandom::Error> {
        let mut key = vec![0; key_len];
        getrandom::fill(&mut key)?;
        loop {
            let mut number = [0; 4];
            getrandom::fill(&mut number)?;
            let pid = i32::from_be_bytes(number) & i32::MAX;
            if let Entry::Vacant(vacant) = self.clients.entry(pid) {
                if let Some(master) = &self.master {
                    cancel_key::complete(master, pid, &mut key);
                }
                let slot = Arc::new(CancelSlot::default());
                let standing = Arc::<Standing>::default();
                let who = Arc::new(Who { pid, ..bearer.who });
                vacant.insert(Member {
                    key: key.clone(),
                    tenant: bearer.tenant,
                    names: bearer.names.clone(),
                    terms,
                    user: bearer.user.clone(),
                    api_key: bearer.api_key,
                    certificate: bearer.certificate,
                    standing: Arc::clone(&standing),
                    slot: Arc::clone(&slot),
                    who: Arc::clone(&who),
                });
                // It may have ended before the client was among those that are told.
                if shutdown.is_cancelled() {
                    standing.end(None);
                }
                return Ok(Place { roster: Arc::clone(self), pid, key, slot, standing, who });
            }
        }
    }

    /// Carries out a cancel request; one with a wrong key does nothing, like on a server.
    pub async fn cancel(&self, request: &CancelRequest) -> Hit {
        let Some(slot) = self.slot(request) else { return Hit::Nobody };
        if slot.cancel(Some(&self.cancels)).await { Hit::Server } else { Hit::Client }
    }

    /// Whether a cancel request is for one of these clients.
    #[must_use]
    pub fn has(&self, request: &CancelRequest) -> bool {
        self.slot(request).is_some()
    }

    fn slot(&self, request: &CancelRequest) -> Option<Arc<CancelSlot>> {
        let member = self.clients.get(&request.pid)?;
        same(&member.key, &request.key).then(|| Arc::clone(&member.slot))
    }

    /// Disconnects all clients of a tenant that goes out of service, at once.
    pub fn disconnect(&self, tenant: TenantId) {
        self.dismiss(Dismissal::OutOfService, |member| member.tenant == tenant);
    }

    /// Disconnects the clients of a tenant, at once, because an operator says so; all clients with `None`.
    pub fn kill(&self, tenant: Option<TenantId>) {
        self.dismiss(Dismissal::Killed, |member| tenant.is_none_or(|tenant| member.tenant == tenant));
    }

    /// Disconnects this client, at once, because an operator says so. Whether it is here.
    pub fn kill_client(&self, pid: i32) -> bool {
        let is_here = self.clients.contains_key(&pid);
        self.dismiss(Dismissal::Killed, |member| member.who.pid == pid);
        is_here
    }

    /// Disconnects everybody of a cluster at once.
    pub fn disconnect_all(&self, cluster: &ClusterName) {
        self.dismiss(Dismissal::OutOfService, |member| member.who.cluster == *cluster);
    }

    /// Disconnects the clients of a tenant that are served by another cluster than this, at once: its data is here now.
    pub fn relocate(&self, tenant: TenantId, cluster: &ClusterName) {
        self.dismiss(Dismissal::Relocated, |member| {
            member.tenant == tenant && member.who.cluster != *cluster
        });
    }

    /// Disconnects the clients of a tenant that logged in while it was of another level, when their transactions end.
    pub fn move_to(&self, tenant: TenantId, level: Level) {
        self.dismiss(Dismissal::Moved, |member| member.tenant == tenant && member.terms.level != level);
    }

    /// Disconnects the clients of a tenant whose schema or role was called otherwise when they logged in, at once: what
    /// they send would not be found any more, not even in an open transaction.
    pub fn rename(&self, tenant: TenantId, names: &TenantNames) {
        self.dismiss(Dismissal::Renamed, |member| member.tenant == tenant && member.names != *names);
    }

    /// Disconnects the clients of a cluster's shared tenants that logged in under another state of its hardening, when their
    /// transactions end; all of them where it is `None`.
    pub fn follow_hardening(&self, cluster: &ClusterName, hardened: Option<bool>) {
        self.dismiss(Dismissal::Hardening, |member| {
            member.terms.level == Level::Shared
                && member.who.cluster == *cluster
                && hardened != Some(member.terms.hardened)
        });
    }

    /// Disconnects the clients of a tenant whose API key does not count any more, at once.
    pub fn keep_keys(&self, tenant: TenantId, counts: impl Fn(KeyId) -> bool) {
        self.dismiss(Dismissal::Revoked, |member| {
            member.tenant == tenant && member.api_key.is_some_and(|key| !counts(key))
        });
    }

    /// Disconnects the clients of a tenant whose user is not any more, or may less than it did, at once.
    pub fn keep_users(&self, tenant: TenantId, counts: impl Fn(&str) -> bool) {
        self.dismiss(Dismissal::Removed, |member| {
            member.tenant == tenant && member.user.as_ref().is_some_and(|user| !counts(user))
        });
    }

    /// The certificates that clients are here with, by their fingerprints.
    #[must_use]
    pub fn certificates(&self) -> HashMap<[u8; 32], Arc<PeerCertificate>> {
        let shown = self.clients.iter().filter_map(|member| member.certificate.clone());
        shown.map(|peer| (peer.fingerprint, peer)).collect()
    }

    /// Disconnects the clients with one of these certificates, at once.
    pub fn distrust(&self, fingerprints: &HashSet<[u8; 32]>) {
        self.dismiss(Dismissal::Distrusted, |member| {
            member.certificate.as_ref().is_some_and(|peer| fingerprints.contains(&peer.fingerprint))
        });
    }

    fn dismiss(&self, why: Dismissal, whom: impl Fn(&Member) -> bool) {
        for member in self.clients.iter().filter(|member| whom(member)) {
            member.standing.end(Some(why));
        }
    }

    /// The process ends: everybody has to go, and those in a transaction when it ends.
    pub fn end_all(&self) {
        self.clients.iter().for_each(|member| member.standing.end(None));
    }

    /// The tenants that have clients here.
    #[must_use]
    pub fn tenants(&self) -> HashSet<TenantId> {
        self.clients.iter().map(|member| member.tenant).collect()
    }

    /// Those that keep their server connection, the longest first.
    #[must_use]
    pub fn pinned(&self) -> Vec<Pinned> {
        let mut pinned: Vec<_> = self
            .clients
            .iter()
            .filter_map(|member| {
                let (reason, since) = member.standing.pin()?;
                Some(Pinned { pid: *member.key(), tenant: member.tenant, reason, age: since.elapsed() })
            })
            .collect();
        pinned.sort_by_key(|pinned| std::cmp::Reverse(pinned.age));
        pinned
    }

    /// Everybody, and what they do.
    #[must_use]
    pub fn present(&self) -> Vec<Present> {
        let present = self.clients.iter().map(|member| Present {
            who: Arc::clone(&member.who),
            tenant: member.tenant,
            doing: member.slot.doing(),
            pin: member.standing.pin(),
        });
        present.collect()
    }

    /// How many are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether nobody is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

impl Place {
    /// Tells its task when it has to go.
    #[must_use]
    pub fn signal(&self) -> Signal {
        Signal::of(Arc::clone(&self.standing))
    }

    /// Whether it has to go.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.standing.is_over()
    }

    /// Why the client is to be disconnected, once it [`is_over`](Self::is_over).
    #[must_use]
    pub fn dismissal(&self) -> Dismissal {
        self.dismissal_or_none().unwrap_or(Dismissal::OutOfService)
    }

    /// Why the client is to be disconnected, but for the end of the process.
    #[must_use]
    pub fn dismissal_or_none(&self) -> Option<Dismissal> {
        self.standing.dismissal()
    }

    /// The client keeps its server connection for this reason from now on, or not any more. Returns the
    /// reason it had before, and for how long.
    pub fn note_pin(&self, now: Option<PinReason>) -> Option<(PinReason, Duration)> {
        self.standing.note_pin(now)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.roster.clients.remove(&self.pid);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use uuid::Uuid;

    use super::*;

    fn of(tenant: TenantId) -> Bearer {
        let slug = Slug::parse("acme").unwrap();
        let names = TenantNames::for_slug(&slug);
        let who = Who {
            cluster: ClusterName::MAIN,
            pid: 0,
            slug,
            user: "app".into(),
            access: Access::ReadWrite,
            is_admin: false,
            peer: Peer::Local,
            addresses: None,
            tls: None,
            application_name: String::new(),
            since: Instant::now(),
        };
        Bearer { tenant, names, user: None, api_key: None, certificate: None, who }
    }

    const DEDICATED: Terms = Terms { level: Level::Dedicated, hardened: false };

    #[tokio::test]
    async fn only_those_on_other_terms_are_dismissed_and_out_of_service_outranks_the_rest() {
        let roster = Arc::new(Roster::default());
        let (one, other) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        let enter = |tenant, level, hardened| {
            roster.enter(of(tenant), Terms { level, hardened }, 4, &CancellationToken::new()).unwrap()
        };
        let dedicated = enter(one, Level::Dedicated, false);
        let (hard, soft) = (enter(one, Level::Shared, true), enter(other, Level::Shared, false));
        let gone = || [&dedicated, &hard, &soft].map(Place::is_over);
        roster.move_to(other, Level::Shared);
        roster.follow_hardening(&ClusterName::MAIN, Some(false));
        assert_eq!(gone(), [false, true, false]);
        assert_eq!(hard.dismissal(), Dismissal::Hardening);
        roster.rename(one, &of(one).names);
        roster.move_to(one, Level::Shared);
        assert_eq!((gone(), dedicated.dismissal()), ([true, true, false], Dismissal::Moved));
        roster.rename(one, &TenantNames::for_slug(&Slug::parse("acme2").unwrap()));
        assert_eq!((dedicated.dismissal(), soft.is_over()), (Dismissal::Renamed, false));
        roster.disconnect(one);
        assert_eq!(dedicated.dismissal(), Dismissal::OutOfService);
        roster.follow_hardening(&ClusterName::MAIN, None);
        assert_eq!(gone(), [true; 3]);
    }

    #[tokio::test]
    async fn cancel_with_a_wrong_key_or_number_does_nothing_and_leavers_are_forgotten() {
        let roster = Arc::new(Roster::default());
        let place = roster.enter(of(TenantId(Uuid::nil())), DEDICATED, 4, &CancellationToken::new()).unwrap();
        place.slot.waiting();
        let request = |pid, key: &[u8]| CancelRequest { pid, key: key.to_vec() };
        let mut wrong = place.key.clone();
        wrong[3] ^= 1;
        roster.cancel(&request(place.pid, &wrong)).await;
        roster.cancel(&request(place.pid, &place.key[..3])).await;
        roster.cancel(&request(place.pid ^ 1, &place.key)).await;
        let cx = Context::from_waker(Waker::noop());
        assert!(place.slot.poll_cancelled(&cx).is_pending(), "cancelled by a wrong key");
        roster.cancel(&request(place.pid, &place.key)).await;
        assert!(place.slot.poll_cancelled(&cx).is_ready());
        drop(place);
        assert!(roster.is_empty());
    }
}
