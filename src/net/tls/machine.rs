//! The two sides of a TLS session without their socket: bytes of the one go in, bytes of the other come out.
//!
//! By rustls' unbuffered interface, so that a session in which nothing waits holds no buffer: neither rustls' (4 KB for
//! each) nor one of ours. Whatever cannot be decrypted, or answered, ends the session, and nothing more is passed.

use std::fmt;
use std::io;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{CommonState, Error};

use crate::net::stock::{BUFFER_BYTES, MARGIN};
use crate::net::tls::lent::Lent;

/// Bytes of the longest record (RFC 5246, 6.2.3; RFC 8446, 5.2 has it shorter). It fits a lent buffer.
const RECORD_BYTES: usize = 5 + (16 << 10) + 2048;
/// How much of what was received may wait: a handshake message of 64 KB, the longest that rustls takes, in its records.
const MAX_INCOMING: usize = (64 << 10) + RECORD_BYTES;
/// How much of what is to be sent may wait: a buffer, and the short messages that are said in the middle of traffic.
const MAX_OUTGOING: usize = 2 * (BUFFER_BYTES + MARGIN);
/// A read from the socket is for so many at least.
const LEAST_READ: usize = 4 << 10;

/// One end, of either side.
pub(in crate::net) enum Conn {
    /// With a client.
    Server(UnbufferedServerConnection),
    /// With PostgreSQL.
    Client(UnbufferedClientConnection),
}

impl From<UnbufferedServerConnection> for Conn {
    fn from(conn: UnbufferedServerConnection) -> Self {
        Self::Server(conn)
    }
}

impl From<UnbufferedClientConnection> for Conn {
    fn from(conn: UnbufferedClientConnection) -> Self {
        Self::Client(conn)
    }
}

impl Conn {
    /// What both sides know.
    pub(super) fn common(&self) -> &CommonState {
        match self {
            Self::Server(conn) => conn,
            Self::Client(conn) => conn,
        }
    }
}

/// One end, and what waits at it.
pub(super) struct Machine {
    conn: Conn,
    /// What was received and not decrypted yet.
    incoming: Lent,
    /// What was decrypted and had no room where it was asked for.
    plain: Lent,
    /// What is encrypted and not sent yet.
    outgoing: Lent,
    /// The other side said good-bye.
    ended: bool,
    failed: bool,
}

/// What a handshake needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shake {
    /// Nothing: it is over, and all of it is sent.
    Over,
    /// That what waits is sent.
    Send,
    /// That more is received.
    Receive,
}

/// What is to be done when the session is ready for it.
enum Wish<'a> {
    Read(&'a mut [u8]),
    Write(&'a [u8]),
    GoodBye,
    #[cfg(test)]
    NewKeys,
}

/// How far a call of rustls has led.
enum Step {
    /// Something is encrypted, or noted: there may be more.
    On,
    /// What is to be sent has to be sent before the other side says more.
    Send,
    /// So many bytes are in the room of [`Wish::Read`]; those behind them wait.
    Read(usize),
    /// The wish is fulfilled.
    Done,
    /// Nothing is left of what was received but the beginning of something.
    Rest,
    /// The other side said good-bye.
    Ended,
    /// Both did.
    Closed,
}

impl Machine {
    /// Before the handshake.
    pub(super) fn new(conn: Conn) -> Self {
        let (incoming, plain, outgoing) = Default::default();
        Self { conn, incoming, plain, outgoing, ended: false, failed: false }
    }

    pub(super) const fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Nothing waits, so there is no buffer.
    pub(super) const fn holds_no_buffer(&self) -> bool {
        !self.incoming.holds_buffer() && !self.plain.holds_buffer() && !self.outgoing.holds_buffer()
    }

    /// Whether the other side said good-bye, and all that it said before was read.
    pub(super) const fn is_over(&self) -> bool {
        self.ended && self.plain.is_empty()
    }

    /// Room for what is received; then say [`received`](Self::received).
    ///
    /// # Errors
    /// More waits already than the longest message has.
    pub(super) fn room(&mut self) -> io::Result<&mut [u8]> {
        self.check()?;
        if self.incoming.len() >= MAX_INCOMING {
            return Err(self.fail("a message of the TLS handshake is too long"));
        }
        Ok(self.incoming.room(LEAST_READ))
    }

    /// So many bytes came into the room, or none.
    pub(super) fn received(&mut self, n: usize) {
        self.incoming.filled(n);
    }

    /// These bytes were received.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.incoming.push(bytes);
    }

    /// What is to be sent.
    pub(super) fn outgoing(&self) -> &[u8] {
        self.outgoing.bytes()
    }

    /// So many of it were sent.
    pub(super) fn sent(&mut self, n: usize) {
        self.outgoing.used(n);
    }

    /// Plays the handshake as far as it goes.
    ///
    /// # Errors
    /// There will be no session. What is to be sent says why.
    pub(super) fn shake(&mut self) -> io::Result<Shake> {
        self.check()?;
        loop {
            // Who sends much and reads nothing is not heard further.
            if self.outgoing.len() > BUFFER_BYTES / 2 {
                return Ok(Shake::Send);
            }
            let common = self.conn.common();
            if !common.is_handshaking() && !common.wants_write() {
                return Ok(if self.outgoing.is_empty() { Shake::Over } else { Shake::Send });
            }
            match self.step(Wish::Read(&mut []))? {
                Step::Send | Step::Rest if !self.outgoing.is_empty() => return Ok(Shake::Send),
                Step::Rest if self.conn.common().is_handshaking() => return Ok(Shake::Receive),
                Step::Ended | Step::Closed => {
                    self.failed = true;
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                _ => {}
            }
        }
    }

    /// Decrypts into `out` what there is, 0 where more has to be received or [nothing more comes](Self::is_over).
    ///
    /// # Errors
    /// The session is over. What is to be sent says why.
    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let mut n = self.plain.pop_into(out);
        while n < out.len() && !self.ended {
            match self.step(Wish::Read(&mut out[n..]))? {
                Step::Read(more) => n += more,
                Step::Rest | Step::Closed => break,
                _ => {}
            }
        }
        Ok(n)
    }

    /// Encrypts what it can of `buf`. Send what waits first: there is a bound to it.
    ///
    /// # Errors
    /// The session is over.
    pub(super) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let buf = &buf[..buf.len().min(BUFFER_BYTES)];
        if !buf.is_empty() {
            self.fulfil(|| Wish::Write(buf))?;
        }
        Ok(buf.len())
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// The session is over.
    pub(super) fn good_bye(&mut self) -> io::Result<()> {
        self.fulfil(|| Wish::GoodBye)
    }

    #[cfg(test)]
    pub(super) fn new_keys(&mut self) -> io::Result<()> {
        self.fulfil(|| Wish::NewKeys)
    }

    /// What was received meanwhile is decrypted, and waits.
    fn fulfil<'a>(&mut self, wish: impl Fn() -> Wish<'a>) -> io::Result<()> {
        self.check()?;
        loop {
            match self.step(wish())? {
                Step::Done => return Ok(()),
                Step::Rest | Step::Closed => return Err(io::ErrorKind::NotConnected.into()),
                _ => {}
            }
        }
    }

    /// One call of rustls.
    fn step(&mut self, wish: Wish<'_>) -> io::Result<Step> {
        let Self { conn, incoming, plain, outgoing, .. } = self;
        let (used, answered) = match conn {
            Conn::Server(conn) => {
                answer(conn.process_tls_records(incoming.bytes_mut()), wish, plain, outgoing)
            }
            Conn::Client(conn) => {
                answer(conn.process_tls_records(incoming.bytes_mut()), wish, plain, outgoing)
            }
        };
        self.incoming.used(used);
        match answered {
            Ok(step @ (Step::Ended | Step::Closed)) => {
                // What comes behind a good-bye is not looked at.
                self.ended = true;
                self.incoming.clear();
                Ok(step)
            }
            Ok(step) => Ok(step),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.failed { Err(invalid("the TLS session has failed")) } else { Ok(()) }
    }

    /// Ends the session. What rustls has to say to that is to be sent.
    fn fail(&mut self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
        let first = !std::mem::replace(&mut self.failed, true);
        while first && self.conn.common().wants_write() {
            if self.step(Wish::Read(&mut [])).is_err() {
                break;
            }
        }
        self.incoming.clear();
        self.plain.clear();
        // Room for what was not encrypted.
        self.outgoing.filled(0);
        invalid(error)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("incoming", &self.incoming.len())
            .field("plain", &self.plain.len())
            .field("outgoing", &self.outgoing.len())
            .field("holds_no_buffer", &self.holds_no_buffer())
            .field("ended", &self.ended)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Does what rustls asks for: how many of the bytes that were received are used up, and what came of it.
fn answer<D>(
    status: UnbufferedStatus<'_, '_, D>,
    wish: Wish<'_>,
    plain: &mut Lent,
    outgoing: &mut Lent,
) -> (usize, Result<Step, Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = match state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let out = if let Wish::Read(out) = wish { out } else { &mut [] };
            let (mut n, mut read) = (0, Ok(()));
            while let Some(next) = traffic.next_record() {
                match next {
                    Ok(record) => {
                        discard += record.discard;
                        let (now, later) = record.payload.split_at(record.payload.len().min(out.len() - n));
                        out[n..n + now.len()].copy_from_slice(now);
                        n += now.len();
                        plain.push(later);
                    }
                    Err(error) => read = Err(error),
                }
            }
            read.map(|()| Step::Read(n))
        }
        Ok(ConnectionState::EncodeTlsData(data)) => encode(data, outgoing).map(|()| Step::On),
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // It is on its way, before anything else.
            data.done();
            Ok(Step::Send)
        }
        Ok(ConnectionState::WriteTraffic(traffic)) => fulfil(traffic, wish, outgoing),
        Ok(ConnectionState::BlockedHandshake) => Ok(Step::Rest),
        Ok(ConnectionState::PeerClosed) => Ok(Step::Ended),
        Ok(ConnectionState::Closed) => Ok(Step::Closed),
        // Early data, which nobody was allowed to send.
        Ok(_) => Err(Error::General("a TLS session in a state that it cannot have".to_owned())),
    };
    (discard, step)
}

fn encode<D>(mut data: EncodeTlsData<'_, D>, outgoing: &mut Lent) -> Result<(), Error> {
    let mut least = 1;
    loop {
        match data.encode(room(outgoing, least)?) {
            Ok(n) => {
                outgoing.filled(n);
                return Ok(());
            }
            Err(EncodeError::InsufficientSize(size)) if size.required_size > least => {
                least = size.required_size
            }
            Err(error) => return Err(Error::General(error.to_string())),
        }
    }
}

fn fulfil<D>(mut traffic: WriteTraffic<'_, D>, wish: Wish<'_>, outgoing: &mut Lent) -> Result<Step, Error> {
    let mut least = 1;
    loop {
        let written = match wish {
            Wish::Read(_) => return Ok(Step::Rest),
            Wish::Write(buf) => traffic.encrypt(buf, room(outgoing, least)?),
            Wish::GoodBye => traffic.queue_close_notify(room(outgoing, least)?),
            #[cfg(test)]
            Wish::NewKeys => return traffic.refresh_traffic_keys().map(|()| Step::Done),
        };
        match written {
            Ok(n) => {
                outgoing.filled(n);
                return Ok(Step::Done);
            }
            Err(EncryptError::InsufficientSize(size)) if size.required_size > least => {
                least = size.required_size
            }
            Err(error) => return Err(Error::General(error.to_string())),
        }
    }
}

/// Room for what is to be sent, within the bound.
fn room(outgoing: &mut Lent, least: usize) -> Result<&mut [u8], Error> {
    if outgoing.len() + least > MAX_OUTGOING {
        return Err(Error::General("too much waits to be sent".to_owned()));
    }
    Ok(outgoing.room(least))
}

#[cfg(test)]
mod tests;
