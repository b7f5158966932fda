//! [`Stream`]: a connection over TCP or a Unix socket.

use std::io;
use std::net::IpAddr;
use std::net::Shutdown;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// An open connection.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// Unix socket.
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

impl Stream {
    /// Dials over TCP.
    ///
    /// # Errors
    /// Of the last address tried.
    pub async fn connect_tcp(host: &str, port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// Dials a Unix socket.
    ///
    /// # Errors
    /// The system's.
    pub async fn connect_unix(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).await.map(Self::Unix)
    }

    /// Finds dead peers on silent TCP connections after `idle`.
    ///
    /// # Errors
    /// The system's.
    pub fn keep_alive(&self, idle: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                let keepalive = TcpKeepalive::new().with_time(idle).with_interval(idle / 4);
                SockRef::from(stream).set_tcp_keepalive(&keepalive)
            }
            Self::Unix(_) => Ok(()),
        }
    }

    /// Says that nothing more will be sent; the other side may still send.
    ///
    /// # Errors
    /// The system's, for example when the other side is gone.
    pub fn end_writing(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Self::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Peer {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map_or(Peer::Local, |address| Peer::Ip(address.ip())),
            Self::Unix(_) => Peer::Local,
        }
    }

    /// Reads into `buf`; 0 is the end. Always by `poll_read`, which remembers a short read and so spares
    /// the next one a system call (trying first costs an EAGAIN each time).
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        let polled = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buf),
        };
        polled.map_ok(|()| buf.filled().len())
    }

    /// Writes what it can of `buf`.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
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
        Ok(())
    }
}
