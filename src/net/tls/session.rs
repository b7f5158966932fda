//! One TLS session on top of a socket: what is read from it is decrypted, what is written encrypted.
//!
//! The socket is read in large pieces into a lent buffer, so that a megabyte costs as few system calls as without TLS,
//! and an idle session keeps no buffer but the few kilobytes of rustls. What waits to be written is bounded by rustls.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use rustls::Connection;
use rustls::pki_types::CertificateDer;

use crate::net::stock;
use crate::net::stream::Io;
use crate::net::tls::TlsInfo;
use crate::net::tls::certificate::{self, PeerCertificate};

/// A session, from before its handshake to its end.
#[derive(Debug)]
pub(in crate::net) struct Session {
    conn: Connection,
    /// What was read from the socket and not decrypted yet.
    cipher: Option<Cipher>,
    /// Known when the handshake is over.
    info: Option<TlsInfo>,
    /// Nothing can be said any more.
    broken: bool,
}

#[derive(Debug)]
struct Cipher {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Session {
    /// Before the handshake. `first` was read from the socket already and belongs to it.
    pub(in crate::net) fn new(conn: impl Into<Connection>, first: &[u8]) -> Self {
        let cipher = (!first.is_empty()).then(|| {
            let mut bytes = stock::take();
            bytes.resize(bytes.len().max(first.len()), 0);
            bytes[..first.len()].copy_from_slice(first);
            Cipher { bytes, start: 0, end: first.len() }
        });
        Self { conn: conn.into(), cipher, info: None, broken: false }
    }

    pub(in crate::net) const fn info(&self) -> Option<&TlsInfo> {
        self.info.as_ref()
    }

    pub(in crate::net) const fn info_mut(&mut self) -> Option<&mut TlsInfo> {
        self.info.as_mut()
    }

    /// Plays the handshake. A client learns the binding of the server's certificate; a server knows its own.
    pub(in crate::net) async fn handshake(&mut self, io: &mut Io) -> io::Result<()> {
        let played = std::future::poll_fn(|cx| self.poll_handshake(cx, io)).await;
        let learnt = played.and_then(|()| self.learn());
        match learnt {
            Ok(info) => {
                self.info = Some(info);
                Ok(())
            }
            Err(error) => {
                self.broken = true;
                Err(error)
            }
        }
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(cx, io))?;
            if !self.conn.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if self.cipher.is_none() && ready!(self.poll_fill(cx, io))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if let Err(error) = self.decrypt() {
                // The alert that says why.
                let _ = self.poll_flush(cx, io);
                return Poll::Ready(Err(error));
            }
        }
    }

    fn learn(&self) -> io::Result<TlsInfo> {
        let chain = self.conn.peer_certificates().filter(|chain| !chain.is_empty());
        let (sni, end_point, peer) = match &self.conn {
            Connection::Server(conn) => {
                let peer = chain.map(peer_of).transpose()?.map(Arc::new);
                (conn.server_name().map(str::to_owned), None, peer)
            }
            Connection::Client(_) => {
                let certificate = chain.and_then(<[_]>::first);
                (None, certificate.and_then(|der| certificate::end_point(der)), None)
            }
        };
        let suite = self.conn.negotiated_cipher_suite().map(|suite| suite.suite());
        let agreed = self.conn.protocol_version().zip(suite);
        let alpn = self.conn.alpn_protocol().is_some();
        Ok(TlsInfo { sni, peer, server_end_point: end_point, alpn, agreed })
    }

    /// Decrypted bytes; 0 is the end.
    pub(in crate::net) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut filled = 0;
        loop {
            match self.conn.reader().read(&mut out[filled..]) {
                // The other side said good-bye, or `out` is full.
                Ok(0) => return Poll::Ready(Ok(filled)),
                Ok(n) => {
                    filled += n;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It left without a word.
                Err(_) => return Poll::Ready(Ok(filled)),
            }
            if self.cipher.is_none() {
                if filled > 0 {
                    return Poll::Ready(Ok(filled));
                }
                if ready!(self.poll_fill(cx, io))? == 0 {
                    return Poll::Ready(Ok(0));
                }
            }
            if let Err(error) = self.decrypt() {
                let _ = self.poll_flush(cx, io);
                self.broken = true;
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Reads from the socket what there is; 0 is its end.
    fn poll_fill(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<io::Result<usize>> {
        let mut bytes = stock::take();
        let polled = io.poll_read(cx, &mut bytes);
        match polled {
            Poll::Ready(Ok(end)) if end > 0 => self.cipher = Some(Cipher { bytes, start: 0, end }),
            _ => stock::put(bytes),
        }
        polled
    }

    /// Decrypts until there is something to read, or nothing left.
    fn decrypt(&mut self) -> io::Result<()> {
        while let Some(cipher) = &mut self.cipher {
            let taken = self.conn.read_tls(&mut &cipher.bytes[cipher.start..cipher.end])?;
            cipher.start += taken;
            let over = cipher.start == cipher.end;
            if over && let Some(cipher) = self.cipher.take() {
                stock::put(cipher.bytes);
            }
            let state = self
                .conn
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() {
                break;
            }
            if taken == 0 && !over {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(())
    }

    /// Encrypts what it can of `buf` and writes that as far as the socket takes it.
    pub(in crate::net) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.info.is_none() || self.broken {
            // Before the handshake is over nothing may be said in the name of somebody nobody has proved to be.
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        ready!(self.poll_flush(cx, io))?;
        let n = self.conn.writer().write(buf)?;
        match self.poll_flush(cx, io) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(n)),
        }
    }

    /// Writes what is encrypted.
    pub(in crate::net) fn poll_flush(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<io::Result<()>> {
        let mut writer = SocketWriter { io, cx };
        while self.conn.wants_write() {
            match self.conn.write_tls(&mut writer) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be sent, as far as the socket takes it just now.
    pub(in crate::net) fn say_good_bye(&mut self, io: &mut Io) {
        if self.info.is_some() && !std::mem::replace(&mut self.broken, true) {
            self.conn.send_close_notify();
            let _ = self.poll_flush(&mut Context::from_waker(Waker::noop()), io);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(cipher) = self.cipher.take() {
            stock::put(cipher.bytes);
        }
    }
}

/// A verified certificate that cannot be read is not taken for no certificate.
fn peer_of(chain: &[CertificateDer<'_>]) -> io::Result<PeerCertificate> {
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "the client's certificate cannot be read");
    certificate::peer(chain).ok_or_else(unreadable)
}

/// The socket, as rustls writes to it.
struct SocketWriter<'a, 'b, 'c> {
    io: &'a mut Io,
    cx: &'b mut Context<'c>,
}

impl Write for SocketWriter<'_, '_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        or_would_block(self.io.poll_write(self.cx, buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match bufs {
            // The usual case, by the cheaper system call.
            [one] => self.write(one),
            _ => or_would_block(self.io.poll_write_vectored(self.cx, bufs)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn or_would_block(polled: Poll<io::Result<usize>>) -> io::Result<usize> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
