//! A connection as a client has it: for the proxy's own look at what clients are given, by the proxy itself.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use secrecy::SecretString;
use tokio::time::{Instant, timeout, timeout_at};

use crate::net::stream::Stream;
use crate::server::connect::{ConnectError, Endpoint, authenticate, until_ready};
use crate::server::{BackendKey, MessageReader};
use crate::wire::write;

/// CopyFail with a reason.
const NO_COPY: &[u8] = b"f\0\0\0\x07no\0";

/// A message: its tag and its body.
pub type Message = (u8, Vec<u8>);

/// A client that is logged in.
#[derive(Debug)]
pub struct Visit {
    stream: Stream,
    reader: MessageReader,
    /// What its cancel requests say.
    pub key: BackendKey,
    /// Whether the other side can still be spoken with.
    open: bool,
}

impl Visit {
    /// Logs in.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn log_in(
        endpoint: &Endpoint,
        database: &str,
        user: &str,
        password: &SecretString,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let logging_in = async {
            let mut stream = endpoint.dial().await?;
            let mut out = BytesMut::new();
            let parameters = [("user", user), ("database", database), ("client_encoding", "UTF8")];
            frontend::startup_message(parameters, &mut out)?;
            stream.write_all(&out).await?;
            let mut reader = MessageReader::default();
            authenticate(&mut stream, &mut reader, password).await?;
            let (key, _) = until_ready(&mut stream, &mut reader).await?;
            Ok(Self { stream, reader, key, open: true })
        };
        timeout(patience, logging_in).await.unwrap_or(Err(ConnectError::Timeout(patience)))
    }

    /// Whether a conversation can go on: it cannot where an answer was waited for in vain.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Sends, and reads until that many ReadyForQuery have come, the other side has closed, or the time is over. Whoever
    /// asks for COPY data is told that there is none.
    pub async fn say(&mut self, bytes: &[u8], rounds: usize, patience: Duration) -> Vec<Message> {
        let mut said = Vec::new();
        let talking = async {
            self.stream.write_all(bytes).await?;
            let mut ready = 0;
            while ready < rounds {
                let message = self.reader.next(&mut self.stream).await?;
                match message.0 {
                    b'Z' => ready += 1,
                    b'G' => self.stream.write_all(NO_COPY).await?,
                    _ => {}
                }
                said.push(message);
            }
            io::Result::Ok(())
        };
        self.open = matches!(timeout(patience, talking).await, Ok(Ok(())));
        said
    }

    /// Runs a text as a Query.
    pub async fn query(&mut self, text: &str, patience: Duration) -> Vec<Message> {
        let mut out = Vec::new();
        write::query(&mut out, text);
        self.say(&out, 1, patience).await
    }

    /// What comes by itself within a time.
    pub async fn hear(&mut self, time: Duration) -> Vec<Message> {
        let (mut heard, end) = (Vec::new(), Instant::now() + time);
        while let Ok(message) = timeout_at(end, self.reader.next(&mut self.stream)).await {
            let Ok(message) = message else {
                self.open = false;
                break;
            };
            heard.push(message);
        }
        heard
    }

    /// Says good-bye.
    pub async fn close(mut self) {
        // It is closed either way.
        let _ = self.stream.write_all(&write::TERMINATE).await;
    }
}
