//! Taking over the sockets of a running proxy: a new process asks the old one for them over a Unix socket, gets them
//! (SCM_RIGHTS, unix(7)), makes itself ready, and says so; from then on it accepts, and the old one lets its transactions
//! finish and ends. No connection is refused meanwhile: the sockets are open all the time, and who connects between
//! the old one's last accept and the new one's first waits in their queues. If the new one fails before it is ready, the old
//! one goes on as if nothing had been.
//!
//! The words, each way one message: the new one asks [`REQUEST`]; the old one sends a length of four bytes and so many bytes
//! of lines, one for each socket that comes with them; the new one says [`READY`]; the old one stops accepting and says
//! [`YOURS`], or [`NO`] where that came too late.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};

use crate::cli::serve::Running;
use crate::net::listener::{Listener, Place, bind_file};

const REQUEST: &[u8] = b"pgtenant takeover 1\n";
const READY: &[u8] = b"ready\n";
const YOURS: &[u8] = b"yours\n";
const NO: &[u8] = b"no\n\n\n\n";

/// Most sockets that are given in one message; Linux takes 253.
const MOST_SOCKETS: usize = 64;

/// Most bytes of their names.
const MOST_BYTES: usize = 64 << 10;

/// How long a new process may take from the request to being ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the old one may take for each answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Mode of the socket: whoever can ask is given all clients.
const MODE: u32 = 0o600;

/// What the old process calls the socket that takeovers are asked for on.
const DOOR: &str = "takeover";

/// Where this process is asked for its sockets. Dropping it removes the file, unless somebody has taken over.
#[derive(Debug)]
pub(super) struct Door {
    listener: UnixListener,
    path: PathBuf,
    is_ours: bool,
}

impl Drop for Door {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Door {
    /// At a path where nobody is asked yet.
    ///
    /// # Errors
    /// With the remedy.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let listener = bind_file(path, MODE).with_context(|| {
            format!(
                "cannot listen on {}; change `listen.takeover_socket`, or take over from the process that listens there with \
                 `pgtenant serve --takeover`",
                path.display()
            )
        })?;
        Ok(Self { listener, path: path.to_owned(), is_ours: true })
    }

    /// Gives the sockets to who asks and may have them, until somebody has.
    pub(super) async fn answer(mut self, running: Arc<Running>) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::error!(%error, "a takeover cannot be answered");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            match self.give(stream, &running).await {
                Ok(()) => {
                    self.is_ours = false;
                    running.handed_over.cancel();
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "a takeover was begun and not completed; this process goes on");
                }
            }
        }
    }

    /// One takeover, up to the point from which there is no way back.
    async fn give(&self, mut stream: UnixStream, running: &Running) -> io::Result<()> {
        check_peer(&stream)?;
        let mut request = [0; REQUEST.len()];
        tokio::time::timeout(ANSWER, stream.read_exact(&mut request)).await??;
        if request != REQUEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "another version asks"));
        }
        let ports = running.ports.all();
        let mut names = vec![DOOR.to_owned()];
        let mut sockets = vec![self.listener.as_fd().try_clone_to_owned()?];
        for (place, listener) in &ports {
            names.push(match place {
                Place::Tcp(address) => format!("tcp {address}"),
                Place::Unix(path) => format!("unix {}", path.display()),
            });
            sockets.push(listener.share()?);
        }
        tokio::time::timeout(ANSWER, send(&stream, &names.join("\n"), &sockets)).await??;
        drop(sockets);
        let mut ready = [0; READY.len()];
        let said = tokio::time::timeout(PATIENCE, stream.read_exact(&mut ready)).await;
        if !matches!(said, Ok(Ok(_))) || ready != READY {
            // Without a word it would take this process for gone.
            let _ = stream.write_all(NO).await;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the new process did not become ready"));
        }
        running.ports.hand_over();
        // Whether it hears that or not: nobody accepts here any more.
        let _ = stream.write_all(YOURS).await;
        Ok(())
    }
}

/// What a process has been given that wants to take over.
#[derive(Debug)]
pub(super) struct Taken {
    /// Each with the place that the old process opened it for.
    pub(super) sockets: Vec<(Place, Listener)>,
    door: OwnedFd,
    stream: UnixStream,
}

/// Asks the process at this path for its sockets; `None` where there is none.
///
/// # Errors
/// What keeps it from giving them.
pub(super) async fn ask(path: &Path) -> anyhow::Result<Option<Taken>> {
    let mut stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            tracing::info!(socket = %path.display(), "nobody is there to take over from; the sockets are opened anew");
            return Ok(None);
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot ask at {} for a takeover", path.display()));
        }
    };
    let asked = async {
        check_peer(&stream)?;
        stream.write_all(REQUEST).await?;
        receive(&stream).await
    };
    let (names, sockets) = tokio::time::timeout(ANSWER, asked)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .with_context(|| format!("the process at {} does not give its sockets", path.display()))?;
    let mut given = names.iter().zip(sockets);
    let Some((_, door)) = given.next().filter(|(name, _)| *name == DOOR) else {
        bail!("the process at {} gives something else than its sockets", path.display());
    };
    let mut listeners = Vec::new();
    for (name, socket) in given {
        let place = match name.split_once(' ') {
            Some(("tcp", address)) => Place::Tcp(address.parse().context("an address of the old process")?),
            Some(("unix", path)) => Place::Unix(path.into()),
            _ => bail!("the old process gives a socket of a kind that is not known here: {name:?}"),
        };
        let listener = Listener::inherited(socket, true)?;
        // Until the old one has let go of it, the file is its.
        listener.leave();
        listeners.push((place, listener));
    }
    Ok(Some(Taken { sockets: listeners, door, stream }))
}

impl Taken {
    /// Says that this process is ready, and waits until the old one accepts no more. Gives the socket at which the next
    /// one will ask.
    ///
    /// # Errors
    /// When the old one goes on.
    pub(super) async fn finish(mut self, path: &Path) -> anyhow::Result<Door> {
        let finishing = async {
            self.stream.write_all(READY).await?;
            let mut answer = [0; YOURS.len()];
            self.stream.read_exact(&mut answer).await.map(|_| answer == *YOURS)
        };
        match tokio::time::timeout(ANSWER, finishing).await {
            Ok(Ok(true)) => {}
            // It ended without a word: nobody else accepts there.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                tracing::warn!("the old process ended while it was taken over from");
            }
            _ => bail!("the old process goes on: it did not hear in time that this one is ready"),
        }
        let socket = std::os::unix::net::UnixListener::from(self.door);
        socket.set_nonblocking(true)?;
        Ok(Door { listener: UnixListener::from_std(socket)?, path: path.to_owned(), is_ours: true })
    }
}

/// Only somebody who could read this process's memory anyway may have its clients, or give it some.
fn check_peer(stream: &UnixStream) -> io::Result<()> {
    let (own, _) = UnixStream::pair()?;
    let (own, theirs) = (own.peer_cred()?.uid(), stream.peer_cred()?.uid());
    if theirs != own && theirs != 0 {
        let told = format!("the other process runs as user {theirs}, this one as user {own}");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, told));
    }
    Ok(())
}

async fn send(stream: &UnixStream, names: &str, sockets: &[OwnedFd]) -> io::Result<()> {
    if sockets.len() > MOST_SOCKETS || names.len() > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there are too many sockets to be given"));
    }
    let length = u32::try_from(names.len()).unwrap_or(u32::MAX).to_be_bytes();
    let bytes = [&length, names.as_bytes()].concat();
    let fds: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
    let sent = stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            Ok(sendmsg(stream, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?)
        })
        .await?;
    let mut rest = &bytes[sent..];
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(n) => rest = &rest[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn receive(stream: &UnixStream) -> io::Result<(Vec<String>, Vec<OwnedFd>)> {
    let (mut bytes, mut sockets) = (Vec::new(), Vec::new());
    loop {
        if let Some((length, names)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if length > MOST_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if let Some(names) = names.get(..length) {
                let names = String::from_utf8_lossy(names).lines().map(str::to_owned).collect::<Vec<_>>();
                let fits = names.len() == sockets.len();
                return if fits { Ok((names, sockets)) } else { Err(io::ErrorKind::InvalidData.into()) };
            }
        }
        let mut buffer = [0; 4096];
        let got = stream
            .async_io(Interest::READABLE, || {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
                let mut control = RecvAncillaryBuffer::new(&mut space);
                let into = &mut [IoSliceMut::new(&mut buffer)];
                let got = recvmsg(stream, into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
                for message in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(received) = message {
                        sockets.extend(received);
                    }
                }
                Ok(got.bytes)
            })
            .await?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..got]);
    }
}
