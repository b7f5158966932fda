//! Between the proxy and PostgreSQL, on the connections that tenants share: hands on message by message, says what
//! was sent, and answers one message otherwise, or never. Whoever else logs in is passed on unseen.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::support::fake::{error, pass_on};
use crate::support::proxy::eventually;
use crate::support::wire::{Message, flush, frame, parse, query};

/// Stands in the query at whose end something is left.
pub(crate) const SPOILED: &str = "/* spoiled */";

/// What is remembered of a message.
const LONGEST: usize = 100;

/// What becomes of one answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is this error, and PostgreSQL goes on as after one.
    Error(&'static str),
    /// It is the last.
    Fatal,
    /// The message is not handed on, and this is said in the place of its answer.
    Instead(Vec<u8>),
    /// It comes when [`Between::let_go`] was called.
    Late,
    /// None comes any more.
    Silence,
    /// After so many of its bytes the connection is closed.
    Cut(usize),
}

/// A message of the proxy's.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// On the how many-th connection, from 1.
    pub(crate) conn: usize,
    /// Its kind, and what it says.
    pub(crate) text: String,
    /// Length of what PostgreSQL answered.
    pub(crate) answer: usize,
}

#[derive(Debug, Default)]
struct Plan {
    /// Version the server says it is.
    version: Option<&'static str>,
    /// To be run on a connection at the end of a query with [`SPOILED`] in it, unseen by the proxy.
    spoil: Option<String>,
    strike: Option<(usize, Fault)>,
    /// The connection that was struck.
    struck: Option<usize>,
    records: bool,
    /// Whether what is late may go on.
    goes_on: bool,
    heard: Vec<Heard>,
    connections: usize,
}

/// Listens; ends with the test process.
pub(crate) struct Between {
    pub(crate) port: u16,
    plan: Arc<Mutex<Plan>>,
}

impl Between {
    /// In front of the real server at `real`.
    pub(crate) fn start(real: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::<Mutex<Plan>>::default();
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let plan = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.unwrap(), real, &plan));
            }
        });
        Self { port, plan }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        lock(&self.plan)
    }

    /// New connections are told that the server is of this version.
    pub(crate) fn pretend(&self, version: &'static str) {
        self.plan().version = Some(version);
    }

    /// Runs this at the end of the next query with [`SPOILED`] in it, on its connection.
    pub(crate) fn spoil(&self, sql: &str) {
        self.plan().spoil = Some(sql.to_owned());
    }

    /// Remembers what is sent from now on; the message of this number, from 0, is answered so.
    pub(crate) fn record(&self, strike: Option<(usize, Fault)>) {
        let mut plan = self.plan();
        plan.heard.clear();
        (plan.records, plan.strike, plan.struck, plan.goes_on) = (true, strike, None, false);
    }

    /// What is late goes on.
    pub(crate) fn let_go(&self) {
        self.plan().goes_on = true;
    }

    /// Does nothing more.
    pub(crate) fn disarm(&self) {
        self.plan().strike = None;
    }

    /// What was sent since.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.plan().heard.clone()
    }

    /// The connection that was struck, if one was.
    pub(crate) fn struck(&self) -> Option<usize> {
        self.plan().struck
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.plan().connections
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut proxy: TcpStream, real: u16, plan: &Mutex<Plan>) {
    proxy.set_nodelay(true).unwrap();
    let mut length = [0; 4];
    if proxy.read_exact(&mut length).is_err() {
        return;
    }
    let mut packet = vec![0; u32::from_be_bytes(length) as usize - 4];
    proxy.read_exact(&mut packet).unwrap();
    let first = [&length[..], &packet].concat();
    let login = b"user\0pgtenant_pool_";
    if !packet.windows(login.len()).any(|window| window == login) {
        return pass_on(proxy, real, &first);
    }
    let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], real))).unwrap();
    server.set_nodelay(true).unwrap();
    let number = {
        let mut plan = lock(plan);
        plan.connections += 1;
        plan.connections
    };
    let mut link = Link { proxy, server, plan, number, skips: false };
    // Either side may leave at any moment.
    let _ = link.log_in(&first).and_then(|()| link.relay());
    for stream in [&link.proxy, &link.server] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// One connection.
struct Link<'a> {
    proxy: TcpStream,
    server: TcpStream,
    plan: &'a Mutex<Plan>,
    number: usize,
    /// After an error, up to the next Sync.
    skips: bool,
}

impl Link<'_> {
    fn log_in(&mut self, first: &[u8]) -> Option<()> {
        let version = lock(self.plan).version;
        put(&mut self.server, first)?;
        loop {
            let mut message = get(&mut self.server)?;
            if let (b'S', Some(version)) = (message.tag, version)
                && message.body.starts_with(b"server_version\0")
            {
                message.body = format!("server_version\0{version}\0").into_bytes();
            }
            put(&mut self.proxy, &bytes(&message))?;
            match (message.tag, message.body.get(3)) {
                (b'Z', _) => return Some(()),
                (b'R', Some(10 | 11)) => {
                    let answer = get(&mut self.proxy)?;
                    put(&mut self.server, &bytes(&answer))?;
                }
                _ => {}
            }
        }
    }

    /// Hands each message on and waits for the answer to it, which PostgreSQL would keep until the next Sync.
    fn relay(&mut self) -> Option<()> {
        loop {
            let message = get(&mut self.proxy)?;
            let strike = self.note(&message);
            if let Some(fault) = strike {
                self.struck(&message, fault)?;
                continue;
            }
            let answer = self.answer(&message)?;
            let mut plan = lock(self.plan);
            if let Some(heard) = plan.heard.iter_mut().rfind(|heard| heard.conn == self.number)
                && !matches!(message.tag, b'X' | b'H')
            {
                heard.answer = answer.len();
            }
            drop(plan);
            put(&mut self.proxy, &answer)?;
        }
    }

    /// Remembers it. `Some` where its answer is to be another one.
    fn note(&self, message: &Message) -> Option<Fault> {
        let mut plan = lock(self.plan);
        if !plan.records || matches!(message.tag, b'X' | b'H') {
            return None;
        }
        let place = plan.heard.len();
        plan.heard.push(Heard { conn: self.number, text: text(message), answer: 0 });
        let fault = plan.strike.take_if(|(at, _)| *at == place && !self.skips).map(|(_, fault)| fault);
        if fault.is_some() {
            plan.struck = Some(self.number);
        }
        fault
    }

    /// What PostgreSQL says to it.
    fn answer(&mut self, message: &Message) -> Option<Vec<u8>> {
        if message.tag == b'H' || (self.skips && message.tag != b'S' && message.tag != b'X') {
            return Some(Vec::new());
        }
        put(&mut self.server, &bytes(message))?;
        if !matches!(message.tag, b'Q' | b'S' | b'P' | b'B' | b'C' | b'D' | b'E') {
            return Some(Vec::new());
        }
        let whole = matches!(message.tag, b'Q' | b'S');
        if whole {
            self.skips = false;
        } else {
            put(&mut self.server, &flush())?;
        }
        let mut answer = Vec::new();
        loop {
            let said = get(&mut self.server)?;
            if said.tag == b'Z' && text(message).contains(SPOILED) {
                self.spoil()?;
            }
            answer.extend(bytes(&said));
            self.skips |= said.tag == b'E' && !whole;
            let last = match said.tag {
                b'Z' => whole,
                b'E' => !whole,
                b'1' | b'2' | b'3' | b'n' | b's' => true,
                b'T' => message.tag == b'D',
                b'C' | b'I' => message.tag == b'E',
                b'G' => true,
                _ => false,
            };
            if last {
                return Some(answer);
            }
        }
    }

    fn spoil(&mut self) -> Option<()> {
        let Some(sql) = lock(self.plan).spoil.take() else { return Some(()) };
        put(&mut self.server, &query(&sql))?;
        loop {
            let said = get(&mut self.server)?;
            assert_ne!(said.tag, b'E', "{sql}: {said}");
            if said.tag == b'Z' {
                return Some(());
            }
        }
    }

    fn struck(&mut self, message: &Message, fault: Fault) -> Option<()> {
        match fault {
            Fault::Error(code) => {
                let said = error("ERROR", code, "struck");
                let real = match message.tag {
                    b'S' => self.answer(message)?,
                    b'Q' => self.answer(&Message { tag: b'Q', body: b"struck\0".to_vec() })?,
                    _ => {
                        let failing = parse("struck", "struck");
                        self.answer(&Message { tag: b'P', body: failing[5..].to_vec() })?
                    }
                };
                let ready = real.get(real.len().wrapping_sub(6)..).filter(|end| end[0] == b'Z');
                put(&mut self.proxy, &[&said, ready.unwrap_or_default()].concat())
            }
            Fault::Fatal => {
                put(&mut self.proxy, &error("FATAL", "57P01", "terminating connection"))?;
                None
            }
            Fault::Instead(bytes) => put(&mut self.proxy, &bytes),
            Fault::Late => {
                eventually("it may go on", || lock(self.plan).goes_on);
                let answer = self.answer(message)?;
                put(&mut self.proxy, &answer)
            }
            Fault::Silence => {
                while get(&mut self.proxy).is_some_and(|message| message.tag != b'X') {}
                None
            }
            Fault::Cut(length) => {
                let answer = self.answer(message)?;
                put(&mut self.proxy, answer.get(..length).expect("an answer as in the rehearsal"))?;
                None
            }
        }
    }
}

fn text(message: &Message) -> String {
    let text = String::from_utf8_lossy(&message.body).replace('\0', " ");
    let text: String = text.trim().chars().take(LONGEST).collect();
    format!("{} {text}", char::from(message.tag))
}

fn bytes(message: &Message) -> Vec<u8> {
    frame(message.tag, &message.body)
}

fn put(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).ok()
}

fn get(stream: &mut TcpStream) -> Option<Message> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Message { tag: head[0], body })
}
