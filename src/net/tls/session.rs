//! One TLS session on top of a socket: what is read from it is decrypted, what is written encrypted.
//!
//! The socket is read in large pieces into a lent buffer, so that a megabyte costs as few system calls as without TLS,
//! and an idle session keeps no buffer at all. What waits to be written is bounded.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use rustls::pki_types::CertificateDer;

use crate::net::stream::Io;
use crate::net::tls::TlsInfo;
use crate::net::tls::certificate::{self, PeerCertificate};
use crate::net::tls::machine::{Conn, Machine, Shake};

/// A session, from before its handshake to its end.
#[derive(Debug)]
pub(in crate::net) struct Session {
    machine: Machine,
    /// Known when the handshake is over.
    info: Option<TlsInfo>,
    /// Nothing can be said any more.
    broken: bool,
}

impl Session {
    /// Before the handshake. `first` was read from the socket already and belongs to it.
    pub(in crate::net) fn new(conn: impl Into<Conn>, first: &[u8]) -> Self {
        let mut machine = Machine::new(conn.into());
        machine.receive(first);
        Self { machine, info: None, broken: false }
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
            match self.machine.shake() {
                Ok(Shake::Over) => return Poll::Ready(Ok(())),
                Ok(Shake::Send) => ready!(self.poll_flush(cx, io))?,
                Ok(Shake::Receive) => {
                    if ready!(self.poll_fill(cx, io))? == 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
                Err(error) => {
                    // The alert that says why.
                    let _ = self.poll_flush(cx, io);
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// What both sides agreed upon, and who the other one is. What a client asked for is learnt where its certificate is
    /// chosen.
    fn learn(&self) -> io::Result<TlsInfo> {
        let common = self.machine.conn().common();
        let chain = common.peer_certificates().filter(|chain| !chain.is_empty());
        let (server_end_point, peer) = match self.machine.conn() {
            Conn::Server(_) => (None, chain.map(peer_of).transpose()?.map(Arc::new)),
            Conn::Client(_) => {
                let certificate = chain.and_then(<[_]>::first);
                (certificate.and_then(|der| certificate::end_point(der)), None)
            }
        };
        let suite = common.negotiated_cipher_suite().map(|suite| suite.suite());
        let agreed = common.protocol_version().zip(suite);
        let alpn = common.alpn_protocol().is_some();
        Ok(TlsInfo { sni: None, peer, server_end_point, alpn, agreed })
    }

    /// Decrypted bytes; 0 is the end.
    pub(in crate::net) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let read = self.machine.read(out);
            if !self.machine.outgoing().is_empty() {
                // An alert, or what waits anyway. Whoever writes learns of an error.
                let _ = self.poll_flush(cx, io);
            }
            match read {
                Ok(n) if n > 0 || self.machine.is_over() => return Poll::Ready(Ok(n)),
                Ok(_) => {}
                Err(error) => {
                    self.broken = true;
                    return Poll::Ready(Err(error));
                }
            }
            if ready!(self.poll_fill(cx, io))? == 0 {
                // It left without a word.
                return Poll::Ready(Ok(0));
            }
        }
    }

    /// Reads from the socket what there is; 0 is its end.
    fn poll_fill(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<io::Result<usize>> {
        let polled = io.poll_read(cx, self.machine.room()?);
        self.machine.received(if let Poll::Ready(Ok(n)) = polled { n } else { 0 });
        polled
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
        let written = self.machine.write(buf);
        self.broken |= written.is_err();
        // In the case of an error, the alert.
        let flushed = self.poll_flush(cx, io);
        let n = written?;
        match flushed {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(n)),
        }
    }

    /// Writes what is encrypted.
    pub(in crate::net) fn poll_flush(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<io::Result<()>> {
        while !self.machine.outgoing().is_empty() {
            match ready!(io.poll_write(cx, self.machine.outgoing()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.machine.sent(n),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be sent, as far as the socket takes it just now.
    pub(in crate::net) fn say_good_bye(&mut self, io: &mut Io) {
        if self.info.is_some() && !std::mem::replace(&mut self.broken, true) {
            let _ = self.machine.good_bye();
            let _ = self.poll_flush(&mut Context::from_waker(Waker::noop()), io);
        }
    }
}

/// A verified certificate that cannot be read is not taken for no certificate.
fn peer_of(chain: &[CertificateDer<'_>]) -> io::Result<PeerCertificate> {
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "the client's certificate cannot be read");
    certificate::peer(chain).ok_or_else(unreadable)
}
