//! Accepting client connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, Protocol, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::net::stream::Stream;

/// Connections the system keeps for us until they are accepted.
const BACKLOG: i32 = 1024;

/// Where clients connect, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A TCP address; port 0 is any.
    Tcp(SocketAddr),
    /// The file of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A place where clients connect. Dropping a Unix one removes its file, if that is ours.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// Another process has it from now on.
    is_left: AtomicBool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    /// With its file, and whether that is ours.
    Unix(UnixListener, PathBuf, bool),
}

impl Listener {
    /// Listens at a place.
    ///
    /// # Errors
    /// The system's; `AddrInUse` when another process listens there.
    pub fn bind(place: &Place) -> io::Result<Self> {
        match place {
            Place::Tcp(address) => Self::bind_tcp(*address),
            Place::Unix(path) => Self::bind_unix(path),
        }
    }

    /// Listens on a TCP address.
    ///
    /// # Errors
    /// The system's.
    pub fn bind_tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into()).map(|listener| Self::new(Socket::Tcp(listener)))
    }

    /// Listens on a Unix socket that any local user may connect to, as PostgreSQL's. A file that nobody
    /// listens on any more is replaced.
    ///
    /// # Errors
    /// The system's; `AddrInUse` when another process listens there.
    pub fn bind_unix(path: &Path) -> io::Result<Self> {
        let listener = bind_file(path, 0o777)?;
        Ok(Self::new(Socket::Unix(listener, path.to_owned(), true)))
    }

    /// A socket that another process has opened, and listens on already. `is_ours` is whether the file of a Unix socket
    /// is to be removed at the end.
    ///
    /// # Errors
    /// When it is no socket that listens, and the system's.
    pub fn inherited(socket: OwnedFd, is_ours: bool) -> io::Result<Self> {
        if !rustix::net::sockopt::socket_acceptconn(&socket)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it does not listen for connections"));
        }
        let socket = socket2::Socket::from(socket);
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        if address.as_socket().is_some() {
            return TcpListener::from_std(socket.into()).map(|listener| Self::new(Socket::Tcp(listener)));
        }
        let Some(path) = address.as_pathname().map(Path::to_owned) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is none of TCP and no file's"));
        };
        let listener = UnixListener::from_std(OwnedFd::from(socket).into())?;
        Ok(Self::new(Socket::Unix(listener, path, is_ours)))
    }

    const fn new(socket: Socket) -> Self {
        Self { socket, is_left: AtomicBool::new(false) }
    }

    /// Whether it listens at that place; any port stands for port 0.
    #[must_use]
    pub fn is_at(&self, place: &Place) -> bool {
        match (&self.socket, place) {
            (Socket::Tcp(listener), Place::Tcp(wanted)) => listener.local_addr().is_ok_and(|address| {
                address == *wanted || (wanted.port() == 0 && address.ip() == wanted.ip())
            }),
            (Socket::Unix(_, path, _), Place::Unix(wanted)) => path == wanted,
            _ => false,
        }
    }

    /// The next client.
    ///
    /// # Errors
    /// The system's, for example when descriptors run out.
    pub async fn accept(&self) -> io::Result<Stream> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                Stream::tcp(stream)
            }
            Socket::Unix(listener, ..) => listener.accept().await.map(|(stream, _)| Stream::unix(stream)),
        }
    }

    /// The socket once more, for a process that takes it over.
    ///
    /// # Errors
    /// The system's.
    pub fn share(&self) -> io::Result<OwnedFd> {
        match &self.socket {
            Socket::Tcp(listener) => listener.as_fd().try_clone_to_owned(),
            Socket::Unix(listener, ..) => listener.as_fd().try_clone_to_owned(),
        }
    }

    /// Another process has the socket from now on, with its file.
    pub fn leave(&self) {
        self.is_left.store(true, Ordering::Relaxed);
    }

    /// This process has it again, or from now on.
    pub fn claim(&self) {
        self.is_left.store(false, Ordering::Relaxed);
    }

    /// Whether another process has the socket.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.is_left.load(Ordering::Relaxed)
    }

    /// Where it listens, for people.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().map_or_else(|e| e.to_string(), |a| a.to_string()),
            Socket::Unix(_, path, _) => path.display().to_string(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path, true) = &self.socket
            && !self.is_left()
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Listens on a Unix socket with a file of this mode. A file that nobody listens on any more is replaced.
///
/// # Errors
/// The system's; `AddrInUse` when another process listens there.
pub fn bind_file(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}
