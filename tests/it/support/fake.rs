//! A server for what a real one does not do on demand: it lets tenants log in as PostgreSQL would, then
//! plays a script. Everybody else (the proxy reading its registry) is passed on to the real one.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::wire::{Message, frame};

/// What the script has in hand.
pub(crate) struct FakeConn {
    stream: TcpStream,
    /// The how many-th tenant login this is, from 1.
    pub(crate) number: usize,
}

/// A listening fake; it ends with the test process.
pub(crate) struct Fake {
    pub(crate) port: u16,
    logins: Arc<AtomicUsize>,
    cancels: Arc<AtomicUsize>,
    holds_cancels: Arc<AtomicBool>,
}

impl Fake {
    /// In front of the real server at `real`. Each tenant's connection runs `script`, and is closed when
    /// that returns.
    pub(crate) fn start(real: u16, script: impl Fn(&mut FakeConn) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (logins, cancels) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (script, counts) = (Arc::new(script), [Arc::clone(&logins), Arc::clone(&cancels)]);
        let holds_cancels = Arc::new(AtomicBool::new(false));
        let holds = Arc::clone(&holds_cancels);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, counts, holds) = (Arc::clone(&script), counts.clone(), Arc::clone(&holds));
                std::thread::spawn(move || serve(stream.unwrap(), real, &counts, &holds, &*script));
            }
        });
        Self { port, logins, cancels, holds_cancels }
    }

    /// From now on it closes no connection that a cancel request came by: it has not taken it.
    pub(crate) fn hold_cancels(&self) {
        self.holds_cancels.store(true, Ordering::SeqCst);
    }

    /// Tenant logins so far.
    pub(crate) fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }

    /// Cancel requests so far.
    pub(crate) fn cancels(&self) -> usize {
        self.cancels.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    real: u16,
    counts: &[Arc<AtomicUsize>; 2],
    holds_cancels: &AtomicBool,
    script: &dyn Fn(&mut FakeConn),
) {
    let [logins, cancels] = counts;
    stream.set_nodelay(true).unwrap();
    let mut length = [0; 4];
    if stream.read_exact(&mut length).is_err() {
        return;
    }
    let mut packet = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut packet).unwrap();
    if packet.starts_with(&80_877_102u32.to_be_bytes()) {
        cancels.fetch_add(1, Ordering::SeqCst);
        if holds_cancels.load(Ordering::SeqCst) {
            let _ = stream.read(&mut [0]);
        }
        return;
    }
    let is_tenant = packet.windows(12).any(|window| window == b"user\0tenant_");
    if !is_tenant {
        return pass_on(stream, real, &[&length[..], &packet].concat());
    }
    let number = logins.fetch_add(1, Ordering::SeqCst) + 1;
    let mut conn = FakeConn { stream, number };
    let mut hello = frame(b'R', &[0; 4]);
    hello.extend(frame(b'S', b"server_version\x0015.0\0"));
    hello.extend(frame(b'K', &[0, 0, 0, u8::try_from(number).unwrap(), 1, 2, 3, 4]));
    hello.extend(frame(b'Z', b"I"));
    conn.send(&hello);
    script(&mut conn);
    let _ = conn.stream.shutdown(Shutdown::Both);
}

pub(super) fn pass_on(mut client: TcpStream, real: u16, first: &[u8]) {
    let mut server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], real))).unwrap();
    server.write_all(first).unwrap();
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Both);
}

impl FakeConn {
    /// What the proxy sends next; `None` at the end.
    pub(crate) fn recv(&mut self) -> Option<Message> {
        let mut head = [0; 5];
        match self.stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            Err(_) => return None,
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some(Message { tag: head[0], body })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Answers every query with one row `fake <number>`, until the proxy leaves.
    pub(crate) fn behave(&mut self) {
        while let Some(message) = self.recv() {
            match message.tag {
                b'Q' => self.send(&row(&format!("fake {}", self.number))),
                b'X' => return,
                _ => {}
            }
        }
    }

    /// Says nothing until the proxy leaves, or for a long time.
    pub(crate) fn hang(&mut self) {
        self.stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        while self.recv().is_some() {}
    }
}

/// The answer to a simple query: one row of one value.
pub(crate) fn row(value: &str) -> Vec<u8> {
    let column = [&b"\0\x01c\0"[..], &[0; 18]].concat();
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let data = [&[0, 1][..], &length, value.as_bytes()].concat();
    [frame(b'T', &column), frame(b'D', &data), frame(b'C', b"SELECT 1\0"), frame(b'Z', b"I")].concat()
}

/// An ErrorResponse.
pub(crate) fn error(severity: &str, code: &str, message: &str) -> Vec<u8> {
    frame(b'E', format!("S{severity}\0V{severity}\0C{code}\0M{message}\0\0").as_bytes())
}
