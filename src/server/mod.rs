//! One connection to PostgreSQL, logged in as one tenant's role, or as the role without rights that all tenants of
//! level `shared` have in common.

pub mod cancel;
pub mod connect;
mod hosts;
mod passwords;
pub mod replicas;
pub mod reset;
pub mod spare;
pub mod visit;
mod voice;

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::config::ServerAddress;
use crate::net::stream::Stream;
use crate::net::tls::TlsInfo;
use crate::schedule::{Owner, ServerId};
use crate::server::connect::Endpoint;
use crate::server::replicas::Replica;
use crate::session::ServerState;
use crate::tenant::{TenantId, TenantNames};
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::{view, write};

pub use voice::Voice;

/// Longest message read outside of a relay: log-in, reset, settings.
const MAX_OWN_MESSAGE: usize = 1 << 20;

/// What is kept of the rows that the proxy's own statements give.
pub const MAX_ROW_BYTES: usize = 256 << 10;

/// What reaches a server process: its process id and secret key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendKey {
    /// Process id.
    pub pid: i32,
    /// Secret key, 4 bytes in protocol 3.0.
    pub key: Arc<[u8]>,
}

/// A connection to PostgreSQL.
#[derive(Debug)]
pub struct ServerConn {
    stream: Stream,
    endpoint: Endpoint,
    /// Its name in the scheduler.
    pub id: ServerId,
    /// Whose role it logged in as: where that is a tenant's, it never serves another.
    pub owner: Owner,
    /// For whom it speaks when it notifies.
    pub voice: Arc<Voice>,
    /// Process id and cancel key.
    pub key: BackendKey,
    /// What the session machine knows of it.
    pub state: ServerState,
    /// When it was begun to be opened.
    pub begun: Instant,
    /// When it was open.
    pub opened: Instant,
    /// When it was last given back.
    pub returned: Instant,
    /// When a client was last given it.
    pub taken: Instant,
    /// How long that one had waited for it.
    pub waited: Duration,
    /// Set when it is being closed.
    pub closing: Arc<AtomicBool>,
    /// When its server was last asked how much memory it uses.
    pub weighed: Instant,
    /// SQL that sets the `search_path` of a bound spare, which RESET does not know.
    pub search_path: Option<String>,
    /// What the schema and the role of the tenant it is logged in as were called then.
    pub names: Option<TenantNames>,
    /// Whom a shared connection has served, where that is limited.
    pub served: HashSet<TenantId>,
    /// The read replica it is of, where it is not the primary's.
    pub replica: Option<Arc<Replica>>,
}

/// An error message of the server, as far as it matters to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// SQLSTATE.
    pub code: String,
    /// Primary message.
    pub message: String,
}

impl ServerError {
    /// Reads an ErrorResponse body.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let field = |code| {
            view::error_field(body, code)
                .map_or_else(String::new, |v| String::from_utf8_lossy(v).into_owned())
        };
        Self { code: field(b'C'), message: field(b'M') }
    }
}

/// What came of the proxy's own statements.
#[derive(Debug, Default)]
pub struct Answer {
    /// The first error.
    pub error: Option<ServerError>,
    /// Bodies of the rows, up to [`MAX_ROW_BYTES`] of them.
    pub rows: Vec<Vec<u8>>,
    /// Whether there were more.
    pub cut: bool,
    /// Transaction status at the end.
    pub status: u8,
}

impl ServerConn {
    /// Where its server is.
    #[must_use]
    pub fn address(&self) -> &ServerAddress {
        self.endpoint.address()
    }

    /// Reads what the server sends; 0 is the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_read(cx, buf)
    }

    /// Writes to the server.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, buf)
    }

    /// The server has answered all that was written to it.
    #[inline]
    pub(crate) fn all_read(&mut self) {
        self.stream.all_read();
    }

    /// Writes what is encrypted and waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush(cx)
    }

    /// Protocol and cipher, where it has TLS.
    #[must_use]
    pub fn tls(&self) -> Option<String> {
        self.stream.tls().map(TlsInfo::summary)
    }

    /// Where it is connected to.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether the server has said nothing since the connection was given back. A server says something
    /// then only when it ends the connection or its configuration changed: both make it useless.
    #[must_use]
    pub fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        self.stream.poll_read(&mut cx, &mut byte).is_pending()
    }

    /// Runs each text as a Query of its own, all in one write, and reads every answer.
    ///
    /// # Errors
    /// Of the connection, or of a server that does not speak the protocol.
    pub async fn run(&mut self, texts: &[&str]) -> io::Result<Answer> {
        let mut out = Vec::new();
        for text in texts {
            write::query(&mut out, text);
        }
        // A simple query destroys the unnamed statement.
        self.state.unnamed = 0;
        self.stream.write_all(&out).await?;
        let mut answer = Answer::default();
        let (mut ready, mut room) = (0, MAX_ROW_BYTES);
        let mut said = false;
        let mut reader = MessageReader::default();
        while ready < texts.len() {
            let (tag, body) = reader.next(&mut self.stream).await?;
            match (tag, &*body) {
                // What became of a text is said first.
                (b'Z', [status @ (b'I' | b'T' | b'E')]) if std::mem::take(&mut said) => {
                    ready += 1;
                    answer.status = *status;
                }
                (b'E', body) => {
                    said = true;
                    answer.error.get_or_insert_with(|| ServerError::read(body));
                }
                (b'C', _) => said = true,
                (b'I', _) if texts.get(ready).is_some_and(|text| text.is_empty()) => said = true,
                (b'S', body) => self.state.note_parameter(body),
                (b'D', row) if row.len() <= room => {
                    room -= row.len();
                    answer.rows.push(body);
                }
                (b'D', _) => (room, answer.cut) = (0, true),
                (b'T' | b'N' | b'A', _) => {}
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        // A connection that listens may be told something at any time.
        while !reader.is_empty() {
            let (b'A', _) = reader.next(&mut self.stream).await? else {
                return Err(io::ErrorKind::InvalidData.into());
            };
        }
        Ok(answer)
    }

    /// Says good-bye and waits until the server has closed, so that its place is really free.
    pub async fn close(mut self) {
        // Where the client left within a message, the server takes the good-bye for more of it: only the
        // end of the stream tells it.
        if self.stream.write_all(&write::TERMINATE).await.is_ok() && self.stream.end_writing().is_ok() {
            let mut rest = [0; 512];
            while matches!(self.stream.read(&mut rest).await, Ok(n) if n > 0) {}
        }
    }
}

/// Reads whole messages one by one, outside of a relay.
#[derive(Debug, Default)]
pub(crate) struct MessageReader {
    buf: Vec<u8>,
    start: usize,
}

impl MessageReader {
    /// The next message: its tag and body.
    pub(crate) async fn next(&mut self, stream: &mut Stream) -> io::Result<(u8, Vec<u8>)> {
        loop {
            let head = FrameHead::parse(&self.buf[self.start..])
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            if let Some(head) = head {
                if head.total > MAX_OWN_MESSAGE {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                if let Some(frame) = self.buf.get(self.start..self.start + head.total) {
                    let body = frame[HEAD_BYTES..].to_vec();
                    self.start += head.total;
                    return Ok((head.tag, body));
                }
            }
            self.fill(stream).await?;
        }
    }

    /// Whether everything read was used.
    fn is_empty(&self) -> bool {
        self.start == self.buf.len()
    }

    /// Everything read was used: nothing of the next conversation was taken.
    pub(crate) fn finish(&self) -> io::Result<()> {
        if self.is_empty() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Nothing is lost or made up where the caller does not wait for the end.
    async fn fill(&mut self, stream: &mut Stream) -> io::Result<()> {
        self.buf.drain(..self.start);
        self.start = 0;
        // Not in the future, which is a part of each client's.
        let mut chunk = vec![0; 4096];
        let n = stream.read(&mut chunk).await?;
        self.buf.extend_from_slice(&chunk[..n]);
        if n == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
