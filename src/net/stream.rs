//! [`Stream`]: a connection over TCP or a Unix socket, with or without TLS.

use std::io;
use std::net::IpAddr;
use std::net::{Shutdown, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::net::tls::session::Session;
use crate::net::tls::{Conn, TlsInfo};
use crate::net::vigil::{Patience, Vigil};

/// An open connection.
#[derive(Debug)]
pub struct Stream {
    io: Io,
    /// Encrypts, from the handshake on.
    tls: Option<Box<Session>>,
    /// With what it leaves unconfirmed, where that is limited.
    patience: Option<Patience>,
}

/// The socket itself.
#[derive(Debug)]
pub(in crate::net) enum Io {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// This address.
    Ip(IpAddr),
    /// A process of this machine.
    Local,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Local => f.write_str("local"),
        }
    }
}

impl Io {
    pub(in crate::net) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        let polled = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buf),
        };
        polled.map_ok(|()| buf.filled().len())
    }

    pub(in crate::net) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }
}

impl Stream {
    /// Accepted or dialled over TCP.
    ///
    /// # Errors
    /// The system's.
    pub(in crate::net) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { io: Io::Tcp(stream), tls: None, patience: None })
    }

    /// Accepted or dialled over a Unix socket.
    pub(in crate::net) const fn unix(stream: UnixStream) -> Self {
        Self { io: Io::Unix(stream), tls: None, patience: None }
    }

    /// Dials over TCP.
    ///
    /// # Errors
    /// Of the last address tried.
    pub async fn connect_tcp(host: &str, port: u16) -> io::Result<Self> {
        Self::tcp(TcpStream::connect((host, port)).await?)
    }

    /// Dials a Unix socket.
    ///
    /// # Errors
    /// The system's.
    pub async fn connect_unix(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).await.map(Self::unix)
    }

    /// Plays a TLS handshake; from then on everything is encrypted. `first` was read already and belongs to it.
    pub(in crate::net) async fn encrypt(
        &mut self,
        conn: impl Into<Conn>,
        first: &[u8],
    ) -> io::Result<&mut TlsInfo> {
        // From here on nothing is written in the clear, whatever comes of it.
        let session = self.tls.insert(Box::new(Session::new(conn, first)));
        session.handshake(&mut self.io).await?;
        session.info_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// What the handshake told; `None` without TLS.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref().and_then(|session| session.info())
    }

    /// Finds out over TCP that the other host is gone without a word.
    ///
    /// # Errors
    /// The system's.
    pub fn watch(&mut self, vigil: Vigil) -> io::Result<()> {
        let Io::Tcp(stream) = &self.io else { return Ok(()) };
        let socket = SockRef::from(stream);
        if let Some(probes) = vigil.probes() {
            socket.set_tcp_keepalive(&probes)?;
        }
        if let Some(limit) = vigil.user_timeout {
            socket.set_tcp_user_timeout(Some(limit))?;
            self.patience = Some(Patience::new(limit));
        }
        Ok(())
    }

    /// The other end has read all that was written to it: it said something that it says only then.
    #[inline]
    pub fn all_read(&mut self) {
        if let Some(limit) = self.patience.as_mut().and_then(Patience::all_read) {
            self.limit_unconfirmed(Some(limit));
        }
    }

    /// It may have more to read than there is room for, or not.
    #[cold]
    fn limit_unconfirmed(&self, limit: Option<Duration>) {
        if let Io::Tcp(stream) = &self.io
            && let Err(error) = SockRef::from(stream).set_tcp_user_timeout(limit)
        {
            tracing::debug!(peer = %self.peer(), %error, "no other time limit on a connection");
        }
    }

    /// Says that nothing more will be sent; the other side may still send.
    ///
    /// # Errors
    /// The system's, for example when the other side is gone.
    pub fn end_writing(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.tls {
            session.say_good_bye(&mut self.io);
        }
        match &self.io {
            Io::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Io::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Peer {
        match &self.io {
            Io::Tcp(stream) => stream.peer_addr().map_or(Peer::Local, |address| Peer::Ip(address.ip())),
            Io::Unix(_) => Peer::Local,
        }
    }

    /// Address and port of the other end and of this one; none of a Unix socket.
    #[must_use]
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.io {
            Io::Tcp(stream) => stream.peer_addr().ok().zip(stream.local_addr().ok()),
            Io::Unix(_) => None,
        }
    }

    /// Whether it is a Unix socket: nobody listens between its ends.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        matches!(self.io, Io::Unix(_))
    }

    /// Reads into `buf`; 0 is the end. Always by `poll_read`, which remembers a short read and so spares
    /// the next one a system call (trying first costs an EAGAIN each time).
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.tls {
            None => self.io.poll_read(cx, buf),
            Some(session) => session.poll_read(cx, &mut self.io, buf),
        }
    }

    /// Takes what it can of `buf`. With TLS some of it may wait, encrypted, for [`poll_flush`](Self::poll_flush).
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = match &mut self.tls {
            None => self.io.poll_write(cx, buf),
            Some(session) => session.poll_write(cx, &mut self.io, buf),
        };
        if let (Poll::Ready(Ok(n)), Some(patience)) = (&polled, &mut self.patience)
            && patience.wrote(*n)
        {
            self.limit_unconfirmed(None);
        }
        polled
    }

    /// Writes what was taken and waits; nothing does without TLS.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.tls {
            None => Poll::Ready(Ok(())),
            Some(session) => session.poll_flush(cx, &mut self.io),
        }
    }

    /// Reads at least one byte into `buf`; 0 is the end.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    /// The system's.
    pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = std::future::poll_fn(|cx| self.poll_write(cx, buf)).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            buf = &buf[n..];
        }
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }
}

/// What is encrypted and cannot be written yet wakes the task when it can.
///
/// # Errors
/// The system's.
pub fn flushed(polled: Poll<io::Result<()>>) -> io::Result<()> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(()),
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Without a good-bye the other side could not tell the end from a connection that was cut.
        if let Some(session) = &mut self.tls {
            session.say_good_bye(&mut self.io);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work)
    }

    #[test]
    fn socket_is_told_how_to_find_out_that_its_peer_is_gone() {
        runs(async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let (idle, limit) = (Duration::from_secs(60), Duration::from_secs(120));
            let mut stream = Stream::connect_tcp("127.0.0.1", port).await.unwrap();
            stream.watch(Vigil { keepalive: Some(idle), user_timeout: Some(limit) }).unwrap();
            let limit_of = |stream: &Stream| {
                let Io::Tcp(tcp) = &stream.io else { unreachable!() };
                let socket = SockRef::from(tcp);
                assert!(socket.keepalive().unwrap());
                assert_eq!(socket.tcp_keepalive_time().unwrap(), idle);
                assert_eq!(socket.tcp_keepalive_interval().unwrap(), idle / 4);
                assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
                socket.tcp_user_timeout().unwrap()
            };
            assert_eq!(limit_of(&stream), Some(limit));
            // What may not fit ends the limit, and what shows that it was read brings it back.
            stream.write_all(&[0; 9 << 10]).await.unwrap();
            assert_eq!(limit_of(&stream), None);
            stream.all_read();
            assert_eq!(limit_of(&stream), Some(limit));
        });
    }

    #[test]
    fn unix_socket_has_no_host_that_could_be_gone() {
        runs(async {
            let (one, _other) = UnixStream::pair().unwrap();
            let second = Some(Duration::from_secs(1));
            let mut stream = Stream::unix(one);
            stream.watch(Vigil { keepalive: second, user_timeout: second }).unwrap();
            stream.write_all(&[0; 9 << 10]).await.unwrap();
            stream.all_read();
        });
    }
}
