//! The sockets that clients come to: opened at the start, more or less of them at a reload, given away in a takeover.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use crate::cli::serve::guests::Guests;
use crate::cli::serve::takeover::Taken;
use crate::client::{self, ReloadError, Shared};
use crate::config::Listen;
use crate::config::tls::ListenMode;
use crate::net::listener::{Listener, Place};
use crate::net::stream::Stream;

/// How long to wait before accepting again when descriptors or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Clients that are accepted before everybody else has a turn: each of them costs as much as a transaction or more.
const AT_ONCE: u32 = 16;

/// Where the configuration says that clients connect.
fn places(listen: &Listen) -> Vec<Place> {
    let mut places: Vec<Place> = listen.addresses.iter().copied().map(Place::Tcp).collect();
    if let (Some(dir), Some(first)) = (&listen.unix_socket_dir, listen.addresses.first()) {
        places.push(Place::Unix(dir.join(format!(".s.PGSQL.{}", first.port()))));
    }
    places
}

/// Sockets that were opened by somebody else: systemd, or the process before this one. With the place they were opened for, where
/// that is known.
#[derive(Debug, Default)]
pub(super) struct Inherited(pub(super) Vec<(Option<Place>, Listener)>);

impl Inherited {
    /// What whoever started this process has passed, and what another process has given.
    pub(super) fn of(passed: Vec<Listener>, taken: Option<&mut Taken>) -> Self {
        let passed = passed.into_iter().map(|listener| (None, listener));
        let taken = taken.map(|taken| std::mem::take(&mut taken.sockets)).unwrap_or_default();
        Self(taken.into_iter().map(|(place, listener)| (Some(place), listener)).chain(passed).collect())
    }

    /// What was passed and is used for nothing would be a place where clients connect and nobody answers. It is looked for before
    /// anything is opened: its port may be in the way. What the process before this one listened on, and this one is not to, is closed.
    ///
    /// # Errors
    /// With the remedy.
    pub(super) fn must_have_places(&self, listen: &Listen) -> anyhow::Result<()> {
        let places = places(listen);
        let mut passed = self.0.iter().filter(|(known, _)| known.is_none());
        match passed.find(|(_, listener)| !places.iter().any(|place| listener.is_at(place))) {
            None => Ok(()),
            Some((_, listener)) => bail!(
                "the service manager passes a socket for {}, which is none of `listen.addresses` and not the one in \
                 `listen.unix_socket_dir`; write it there as the socket unit has it, or take it out of the unit",
                listener.name()
            ),
        }
    }

    /// The one for this place.
    fn take(&mut self, place: &Place) -> Option<Listener> {
        let fits = |(known, listener): &(Option<Place>, Listener)| match known {
            Some(known) => known == place,
            None => listener.is_at(place),
        };
        let at = self.0.iter().position(fits)?;
        Some(self.0.remove(at).1)
    }
}

/// A socket in use.
#[derive(Debug)]
struct Port {
    place: Place,
    listener: Arc<Listener>,
    /// Ends accepting.
    end: CancellationToken,
}

/// All of them, in the order of the configuration.
#[derive(Debug, Default)]
pub(super) struct Ports(Mutex<Vec<Port>>);

/// Sockets that are open, and that nobody accepts from yet.
#[derive(Debug)]
pub(super) struct Opened(Vec<(Place, Option<Arc<Listener>>)>);

/// Who serves those that come.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    pub(super) clients: Arc<Guests>,
    /// Nobody is let in any more.
    pub(super) cut_off: CancellationToken,
}

impl Opened {
    /// They are this process's now, with their files.
    pub(super) fn claim(&self) {
        self.0.iter().filter_map(|(_, listener)| listener.as_ref()).for_each(|listener| listener.claim());
    }
}

impl Ports {
    /// Opens what is configured and not open yet.
    ///
    /// # Errors
    /// [`ReloadError`] for the first that cannot be opened; those opened here are closed again.
    pub(super) fn open(&self, listen: &Listen, inherited: &mut Inherited) -> Result<Opened, ReloadError> {
        let open = self.lock();
        let opened = places(listen).into_iter().map(|place| {
            if open.iter().any(|port| port.place == place) {
                return Ok((place, None));
            }
            let listener = match inherited.take(&place) {
                Some(listener) => listener,
                None => Listener::bind(&place).map_err(|error| cannot_listen(&place, error))?,
            };
            Ok((place, Some(Arc::new(listener))))
        });
        opened.collect::<Result<_, _>>().map(Opened)
    }

    /// Accepts from what was opened, and no more from what is configured no more.
    pub(super) fn serve(&self, opened: Opened, desk: &Desk) {
        let mut open = self.lock();
        let mut before = std::mem::take(&mut *open);
        for (place, listener) in opened.0 {
            if let Some(at) = before.iter().position(|port| port.place == place) {
                open.push(before.remove(at));
            } else if let Some(listener) = listener {
                let end = CancellationToken::new();
                let accepting = accept(desk.clone(), place.clone(), Arc::clone(&listener), end.clone());
                desk.clients.admit(accepting);
                open.push(Port { place, listener, end });
            }
        }
        drop(open);
        before.iter().for_each(|port| port.end.cancel());
    }

    /// Accepts no more. Who has connected already is served.
    pub(super) fn close(&self) {
        self.lock().drain(..).for_each(|port| port.end.cancel());
    }

    /// Accepts no more: another process does, also of those who have connected and were not accepted.
    pub(super) fn hand_over(&self) {
        for port in self.lock().drain(..) {
            port.listener.leave();
            drop(port.listener);
            port.end.cancel();
        }
    }

    /// Each with the place it was opened for.
    pub(super) fn all(&self) -> Vec<(Place, Arc<Listener>)> {
        self.lock().iter().map(|port| (port.place.clone(), Arc::clone(&port.listener))).collect()
    }

    /// Where they listen: `host:port` or the path of a Unix socket.
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().iter().map(|port| port.listener.name()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Port>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cannot_listen(place: &Place, error: std::io::Error) -> ReloadError {
    match place {
        Place::Tcp(address) => ReloadError::Listen { address: *address, error },
        Place::Unix(path) => ReloadError::Socket { path: path.clone(), error },
    }
}

async fn accept(desk: Desk, place: Place, listener: Arc<Listener>, end: CancellationToken) {
    let mut at_once = 0;
    loop {
        // The task itself would only be stopped after 128 of them, whose logins are begun before anybody else's turn comes.
        at_once = (at_once + 1) % AT_ONCE;
        if at_once == 0 {
            tokio::task::yield_now().await;
        }
        let accepted = tokio::select! {
            biased;
            () = desk.cut_off.cancelled() => return,
            () = end.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => serve(&desk, &place, stream),
            Err(error) => {
                // A client that left before it was accepted is no reason to pause; anything else may be
                // a shortage that a busy loop would make worse.
                if error.kind() != std::io::ErrorKind::ConnectionAborted {
                    desk.shared.counters.accept_failed();
                    tracing::error!(%error, "cannot accept a client");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    // Who has connected would be told that the connection is reset. Where another process has the socket too, they are its.
    if !listener.is_left() {
        while let Ok(Ok(stream)) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
            serve(&desk, &place, stream);
        }
    }
}

/// Begins to serve a client. Between the ends of a Unix socket nobody listens, so there is no TLS.
fn serve(desk: &Desk, place: &Place, stream: Stream) {
    let tls = match (place, &desk.shared.config().listen.tls) {
        (Place::Tcp(address), Some(tls)) => tls.mode_at(*address),
        _ => ListenMode::Off,
    };
    let shared = Arc::clone(&desk.shared);
    desk.clients.serve(move || client::serve(shared, stream, tls));
}
