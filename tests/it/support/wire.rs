//! A client that speaks the protocol by hand: any bytes out, every message in, and the conversation as
//! text.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend as message;
use socket2::{Domain, SockFilter, SockRef, Socket, Type};

use crate::support::tls::Trust;

/// Longer than anything here takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Protocol 3.0.
pub(crate) const V3_0: u32 = 3 << 16;
/// Protocol 3.2.
pub(crate) const V3_2: u32 = V3_0 | 2;

/// One message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) tag: u8,
    pub(crate) body: Vec<u8>,
}

/// A connection.
pub(crate) struct Wire {
    stream: TcpStream,
    /// Encrypts, from the handshake on.
    tls: Option<Box<rustls::ClientConnection>>,
    buf: Vec<u8>,
    /// From BackendKeyData.
    pub(crate) pid: i32,
    pub(crate) key: Vec<u8>,
    /// ParameterStatus values told at login.
    pub(crate) parameters: Vec<(String, String)>,
    peer: SocketAddr,
    /// Whether the connection may end within a message.
    pub(crate) may_break: bool,
}

impl Wire {
    /// Connects and says nothing.
    pub(crate) fn dial(peer: SocketAddr) -> Self {
        Self::over(TcpStream::connect(peer).expect("the listener accepts"), peer)
    }

    /// `None` where nobody listens.
    pub(crate) fn try_dial(peer: SocketAddr) -> Option<Self> {
        TcpStream::connect(peer).ok().map(|stream| Self::over(stream, peer))
    }

    /// The same, from this address of the machine.
    pub(crate) fn dial_from(local: IpAddr, peer: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(peer), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((local, 0)).into()).expect("an address of this machine");
        socket.connect(&peer.into()).expect("the listener accepts");
        Self::over(socket.into(), peer)
    }

    fn over(stream: TcpStream, peer: SocketAddr) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            tls: None,
            buf: Vec::new(),
            pid: 0,
            key: Vec::new(),
            parameters: Vec::new(),
            peer,
            may_break: false,
        }
    }

    /// Connects and logs in; a refusal is returned as its trace line.
    pub(crate) fn log_in(
        peer: SocketAddr,
        parameters: &[(&str, &str)],
        password: &str,
    ) -> Result<Self, String> {
        Self::dial(peer).logged_in(parameters, password)
    }

    /// The same, from this address of the machine.
    pub(crate) fn log_in_from(
        local: IpAddr,
        peer: SocketAddr,
        parameters: &[(&str, &str)],
        password: &str,
    ) -> Result<Self, String> {
        Self::dial_from(local, peer).logged_in(parameters, password)
    }

    /// Logs in; a refusal is returned as its trace line, and the end as `end`.
    pub(crate) fn logged_in(mut self, parameters: &[(&str, &str)], password: &str) -> Result<Self, String> {
        self.try_send(&startup(V3_0, parameters));
        self.authenticate(password)?;
        self.welcome()?;
        Ok(self)
    }

    /// Connects, and has TLS.
    pub(crate) fn dial_tls(peer: SocketAddr, trust: &Trust) -> Result<Self, String> {
        let mut wire = Self::dial(peer);
        wire.send(&ssl_request());
        assert_eq!(wire.recv_byte(), b'S');
        wire.encrypt(trust.client())?;
        Ok(wire)
    }

    /// Plays a TLS handshake, to its end on both sides: in TLS 1.3 a server refuses a client's certificate when the
    /// client believes to be through.
    pub(crate) fn encrypt(&mut self, mut tls: rustls::ClientConnection) -> Result<(), String> {
        while tls.is_handshaking() {
            tls.complete_io(&mut self.stream).map_err(|error| error.to_string())?;
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// The same login as [`log_in`](Self::log_in), over TLS.
    pub(crate) fn log_in_tls(
        peer: SocketAddr,
        trust: &Trust,
        parameters: &[(&str, &str)],
        password: &str,
    ) -> Result<Self, String> {
        let mut wire = Self::dial_tls(peer, trust)?;
        wire.send(&startup(V3_0, parameters));
        wire.authenticate(password)?;
        wire.welcome()?;
        Ok(wire)
    }

    pub(crate) fn tls(&self) -> &rustls::ClientConnection {
        self.tls.as_deref().expect("a TLS session")
    }

    /// Says good-bye to the TLS session, and nothing more on the connection.
    pub(crate) fn close_notify(&mut self) {
        let tls = self.tls.as_deref_mut().expect("a TLS session");
        tls.send_close_notify();
        while tls.wants_write() {
            tls.write_tls(&mut self.stream).unwrap();
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.tls {
            None => self.stream.write_all(bytes),
            Some(tls) => {
                let mut stream = rustls::Stream::new(tls.as_mut(), &mut self.stream);
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }

    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.tls {
            None => self.stream.read(into),
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.stream).read(into),
        }
    }

    /// SCRAM, up to AuthenticationOk.
    pub(crate) fn authenticate(&mut self, password: &str) -> Result<(), String> {
        self.authenticate_and(password, &[])
    }

    /// The same, with more bytes in the same write as the last message.
    pub(crate) fn authenticate_and(&mut self, password: &str, early: &[u8]) -> Result<(), String> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let message = self.try_recv().ok_or("end")?;
            let mut out = BytesMut::new();
            match (message.tag, message.body.get(..4)) {
                (b'R', Some([0, 0, 0, 0])) => return Ok(()),
                (b'R', Some([0, 0, 0, 10])) => {
                    message::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut out).unwrap();
                }
                (b'R', Some([0, 0, 0, 11])) => {
                    scram.update(&message.body[4..]).unwrap();
                    message::sasl_response(scram.message(), &mut out).unwrap();
                    out.extend_from_slice(early);
                }
                (b'R', Some([0, 0, 0, 12])) => scram.finish(&message.body[4..]).unwrap(),
                _ => return Err(message.to_string()),
            }
            self.try_send(&out);
        }
    }

    /// SCRAM-SHA-256-PLUS, bound to a certificate with this hash, up to AuthenticationOk.
    pub(crate) fn authenticate_bound(&mut self, password: &str, end_point: Vec<u8>) -> Result<(), String> {
        let mut scram =
            ScramSha256::new(password.as_bytes(), ChannelBinding::tls_server_end_point(end_point));
        loop {
            let message = self.recv();
            let mut out = BytesMut::new();
            match (message.tag, message.body.get(..4)) {
                (b'R', Some([0, 0, 0, 0])) => return Ok(()),
                (b'R', Some([0, 0, 0, 10])) => {
                    message::sasl_initial_response("SCRAM-SHA-256-PLUS", scram.message(), &mut out).unwrap();
                }
                (b'R', Some([0, 0, 0, 11])) => {
                    scram.update(&message.body[4..]).unwrap();
                    message::sasl_response(scram.message(), &mut out).unwrap();
                }
                (b'R', Some([0, 0, 0, 12])) => scram.finish(&message.body[4..]).unwrap(),
                _ => return Err(message.to_string()),
            }
            self.send(&out);
        }
    }

    /// Whether anything is said before the connection ends.
    pub(crate) fn answers(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.read(&mut byte), Ok(1))
    }

    /// Everything between AuthenticationOk and the first ReadyForQuery.
    pub(crate) fn welcome(&mut self) -> Result<(), String> {
        loop {
            let message = self.try_recv().ok_or("end")?;
            match message.tag {
                b'S' => {
                    let mut parts = message.strings().into_iter();
                    self.parameters.push((parts.next().unwrap(), parts.next().unwrap()));
                }
                b'K' => {
                    self.pid = i32::from_be_bytes(*message.body.first_chunk().unwrap());
                    self.key = message.body[4..].to_vec();
                }
                b'Z' => return Ok(()),
                b'N' => {}
                _ => return Err(message.to_string()),
            }
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.write_all(bytes).expect("the other side takes it");
    }

    /// Sends to somebody who may have closed already.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.write_all(bytes).is_ok()
    }

    /// Sends a request that is answered by one ReadyForQuery outside of a transaction block, and reads up to that. Allocates nothing.
    pub(crate) fn exchange(&mut self, request: &[u8], answer: &mut [u8]) {
        self.stream.write_all(request).expect("it is taken");
        let mut end = 0;
        while !answer[..end].ends_with(b"Z\0\0\0\x05I") {
            let read = self.stream.read(&mut answer[end..]).expect("an answer");
            assert!(read > 0, "the end in place of an answer");
            end += read;
        }
    }

    /// One byte outside of any message: the answer to SSLRequest.
    pub(crate) fn recv_byte(&mut self) -> u8 {
        let mut byte = [0];
        assert_eq!(self.read(&mut byte).expect("an answer of one byte"), 1, "the end in place of one byte");
        byte[0]
    }

    /// The next message.
    pub(crate) fn recv(&mut self) -> Message {
        self.try_recv().expect("a message, not the end")
    }

    /// The next message, or `None` at the end of the connection.
    pub(crate) fn try_recv(&mut self) -> Option<Message> {
        loop {
            if let Some(head) = self.buf.first_chunk::<5>() {
                let length = i32::from_be_bytes([head[1], head[2], head[3], head[4]]);
                let total = usize::try_from(length).expect("a sane length") + 1;
                assert!(total >= 5, "length {length}");
                if self.buf.len() >= total {
                    let frame: Vec<u8> = self.buf.drain(..total).collect();
                    return Some(Message { tag: frame[0], body: frame[5..].to_vec() });
                }
            }
            let mut chunk = [0; 65536];
            match self.read(&mut chunk) {
                Ok(0) => {
                    assert!(
                        self.may_break || self.buf.is_empty(),
                        "the connection ends within a message: {:?}",
                        self.buf
                    );
                    return None;
                }
                Ok(n) => self.buf.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                // A program that this process has started ended.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no message: {error}"),
            }
        }
    }

    /// What comes up to and including the next ReadyForQuery, or the end.
    pub(crate) fn until_ready(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(message) = self.try_recv() {
            lines.push(message.to_string());
            if message.tag == b'Z' {
                return lines;
            }
        }
        lines.push("end".into());
        lines
    }

    /// What comes up to the end of the connection.
    pub(crate) fn until_end(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.try_recv())
            .map(|message| message.to_string())
            .chain(["end".into()])
            .collect()
    }

    /// The next `n` messages.
    pub(crate) fn messages(&mut self, n: usize) -> Vec<String> {
        (0..n).map(|_| self.recv().to_string()).collect()
    }

    /// Sends and reads to ReadyForQuery.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> Vec<String> {
        self.send(bytes);
        self.until_ready()
    }

    pub(crate) fn query(&mut self, sql: &str) -> Vec<String> {
        self.say(&query(sql))
    }

    /// The one value of a query's one row.
    pub(crate) fn value(&mut self, sql: &str) -> String {
        let lines = self.query(sql);
        let row = lines.iter().find_map(|line| line.strip_prefix("DataRow "));
        row.unwrap_or_else(|| panic!("{sql}: {lines:#?}")).to_owned()
    }

    /// Runs what must succeed.
    pub(crate) fn run(&mut self, sql: &str) {
        let lines = self.query(sql);
        assert!(!lines.iter().any(|line| line.starts_with("Error") || line == "end"), "{sql}: {lines:#?}");
    }

    /// The process that serves this client just now.
    pub(crate) fn backend(&mut self) -> i32 {
        self.value("select pg_backend_pid()").parse().unwrap()
    }

    /// Asks to cancel what this client runs, as libpq does: on a connection of its own. Returns when the
    /// other side has closed it.
    pub(crate) fn cancel(&self) {
        cancel(self.peer, self.pid, &self.key);
    }

    /// The same for another thread.
    pub(crate) fn canceller(&self) -> impl Fn() + Send + use<> {
        let (peer, pid, key) = (self.peer, self.pid, self.key.clone());
        move || cancel(peer, pid, &key)
    }

    /// Whether something has arrived, without waiting.
    pub(crate) fn has_input(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let mut byte = [0];
        let some = match &mut self.tls {
            None => self.stream.peek(&mut byte).is_ok(),
            Some(tls) => match rustls::Stream::new(tls.as_mut(), &mut self.stream).read(&mut byte) {
                Ok(n) => {
                    self.buf.extend_from_slice(&byte[..n]);
                    true
                }
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            },
        };
        self.stream.set_nonblocking(false).unwrap();
        !self.buf.is_empty() || some
    }

    /// Its host is gone, as far as the other side can tell: nothing is confirmed any more, and nothing is closed.
    pub(crate) fn vanish(&self) {
        vanish(&self.stream);
    }

    /// Nothing more will be sent.
    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    pub(crate) const fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// Has the system drop whatever arrives for this socket, before TCP sees it. Needs no rights (socket(7), `SO_ATTACH_FILTER`).
pub(crate) fn vanish(stream: &TcpStream) {
    /// Ends with the number of bytes to keep (linux/bpf_common.h: `BPF_RET | BPF_K`).
    const RETURN: u16 = 0x06;
    let keep_nothing = SockFilter::new(RETURN, 0, 0, 0);
    SockRef::from(stream).attach_filter(&[keep_nothing]).expect("a filter on a socket of one's own");
}

/// The salt that a login as this user is shown, as `s=<base64>`.
pub(crate) fn salt(peer: SocketAddr, user: &str) -> String {
    let mut wire = Wire::dial(peer);
    wire.send(&startup(V3_0, &[("user", user)]));
    wire.recv();
    wire.send(&sasl_initial(SCRAM_SHA_256, b"n,,n=,r=clientnonce"));
    let challenge = String::from_utf8(wire.recv().body[4..].to_vec()).unwrap();
    challenge.split(',').find(|part| part.starts_with("s=")).unwrap().to_owned()
}

pub(crate) fn cancel(peer: SocketAddr, pid: i32, key: &[u8]) {
    let mut wire = Wire::dial(peer);
    wire.send(&cancel_request(pid, key));
    assert_eq!(wire.until_end(), ["end"], "a cancel request is never answered");
}

impl Message {
    /// The zero-ended strings of the body.
    fn strings(&self) -> Vec<String> {
        self.body.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    fn field(&self, code: u8) -> String {
        let fields = self.strings();
        let field = fields.iter().find(|field| field.as_bytes().first() == Some(&code));
        field.map_or_else(String::new, |field| field[1..].to_owned())
    }

    fn values(&self) -> Vec<String> {
        let mut rest = &self.body[2..];
        let mut values = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = i32::from_be_bytes(*length);
            let (value, after) = after.split_at(usize::try_from(length).unwrap_or(0));
            values.push(if length < 0 {
                "NULL".to_owned()
            } else {
                String::from_utf8_lossy(value).into_owned()
            });
            rest = after;
        }
        values
    }

    fn columns(&self) -> Vec<String> {
        let mut rest = &self.body[2..];
        let mut names = Vec::new();
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            names.push(String::from_utf8_lossy(&rest[..end]).into_owned());
            rest = &rest[end + 19..];
        }
        names
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = || self.strings().join(" ").trim_end().to_owned();
        match self.tag {
            b'1' => f.write_str("ParseComplete"),
            b'2' => f.write_str("BindComplete"),
            b'3' => f.write_str("CloseComplete"),
            b'n' => f.write_str("NoData"),
            b's' => f.write_str("PortalSuspended"),
            b'I' => f.write_str("EmptyQueryResponse"),
            b'c' => f.write_str("CopyDone"),
            b'G' => f.write_str("CopyInResponse"),
            b'H' => f.write_str("CopyOutResponse"),
            b'C' => write!(f, "CommandComplete {}", text()),
            b'D' => write!(f, "DataRow {}", self.values().join("|")),
            b'T' => write!(f, "RowDescription {}", self.columns().join("|")),
            b't' => write!(f, "ParameterDescription {:?}", &self.body[2..]),
            b'd' => write!(f, "CopyData {}", String::from_utf8_lossy(&self.body).trim_end()),
            b'S' => write!(f, "ParameterStatus {}", text()),
            b'Z' => write!(f, "ReadyForQuery {}", char::from(self.body[0])),
            b'v' => write!(f, "NegotiateProtocolVersion {:?}", self.body),
            b'K' => f.write_str("BackendKeyData"),
            b'A' => {
                let (pid, rest) = self.body.split_first_chunk().unwrap();
                let text = String::from_utf8_lossy(rest);
                let mut parts = text.split('\0');
                let mut part = || parts.next().unwrap_or_default().to_owned();
                write!(f, "Notification {} {} {}", i32::from_be_bytes(*pid), part(), part())
            }
            b'R' => write!(f, "Authentication {}", self.body[3]),
            b'E' => {
                write!(f, "Error {} {} {}", self.field(b'V'), self.field(b'C'), self.field(b'M'))
            }
            b'N' => write!(f, "Notice {} {}", self.field(b'C'), self.field(b'M')),
            tag => write!(f, "{} {:?}", char::from(tag), self.body),
        }
    }
}

/// Any frame, its length counted.
pub(crate) fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap() + 4;
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// A frame's head with any length, true or not.
pub(crate) fn head(tag: u8, length: i32) -> Vec<u8> {
    [&[tag][..], &length.to_be_bytes()].concat()
}

pub(crate) fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
    }
    body.push(0);
    packet(&body)
}

/// A first packet, its length counted.
pub(crate) fn packet(body: &[u8]) -> Vec<u8> {
    [&(u32::try_from(body.len()).unwrap() + 4).to_be_bytes()[..], body].concat()
}

pub(crate) fn ssl_request() -> Vec<u8> {
    packet(&80_877_103u32.to_be_bytes())
}

/// Of SASL, with the client's first message.
pub(crate) fn sasl_initial(mechanism: &str, first: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    message::sasl_initial_response(mechanism, first, &mut out).unwrap();
    out.to_vec()
}

pub(crate) fn cancel_request(pid: i32, key: &[u8]) -> Vec<u8> {
    packet(&[&80_877_102u32.to_be_bytes()[..], &pid.to_be_bytes(), key].concat())
}

pub(crate) fn gssenc_request() -> Vec<u8> {
    packet(&80_877_104u32.to_be_bytes())
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &[sql.as_bytes(), &[0]].concat())
}

pub(crate) fn parse(name: &str, sql: &str) -> Vec<u8> {
    frame(b'P', &[name.as_bytes(), &[0], sql.as_bytes(), &[0, 0, 0]].concat())
}

/// Bind with text parameters and text results.
pub(crate) fn bind(portal: &str, statement: &str, values: &[&str]) -> Vec<u8> {
    let mut body = [portal.as_bytes(), &[0], statement.as_bytes(), &[0, 0, 0]].concat();
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(value.as_bytes());
    }
    body.extend([0, 0]);
    frame(b'B', &body)
}

pub(crate) fn describe_statement(name: &str) -> Vec<u8> {
    frame(b'D', &[b"S", name.as_bytes(), &[0]].concat())
}

pub(crate) fn describe_portal(name: &str) -> Vec<u8> {
    frame(b'D', &[b"P", name.as_bytes(), &[0]].concat())
}

pub(crate) fn execute(portal: &str, rows: u32) -> Vec<u8> {
    frame(b'E', &[portal.as_bytes(), &[0], &rows.to_be_bytes()].concat())
}

pub(crate) fn close_statement(name: &str) -> Vec<u8> {
    frame(b'C', &[b"S", name.as_bytes(), &[0]].concat())
}

pub(crate) fn close_portal(name: &str) -> Vec<u8> {
    frame(b'C', &[b"P", name.as_bytes(), &[0]].concat())
}

pub(crate) fn sync() -> Vec<u8> {
    frame(b'S', &[])
}

pub(crate) fn flush() -> Vec<u8> {
    frame(b'H', &[])
}

pub(crate) fn copy_data(data: &str) -> Vec<u8> {
    frame(b'd', data.as_bytes())
}

pub(crate) fn copy_done() -> Vec<u8> {
    frame(b'c', &[])
}

pub(crate) fn copy_fail(why: &str) -> Vec<u8> {
    frame(b'f', &[why.as_bytes(), &[0]].concat())
}

pub(crate) fn terminate() -> Vec<u8> {
    frame(b'X', &[])
}

/// Parse, Bind, Describe and Execute of the unnamed statement, as one batch without its Sync.
pub(crate) fn unnamed(sql: &str, values: &[&str]) -> Vec<u8> {
    [parse("", sql), bind("", "", values), describe_portal(""), execute("", 0)].concat()
}
