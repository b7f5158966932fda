//! Poolers as the design says they must not be, to see that the attack finds what it is to find: clients say who they are and are
//! believed, and get sessions of the superuser's with `SET SESSION AUTHORIZATION`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::support::proxy::Proxy;
use crate::support::wire::{Wire, frame, query};

/// How server sessions are given to clients.
#[derive(Clone, Copy)]
pub(crate) enum Sessions {
    /// Each client has one.
    Own,
    /// All have the same, in turn.
    One,
}

/// Serves until the process ends.
pub(crate) fn start(proxy: &Proxy, sessions: Sessions) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (server, database) = (proxy.server_addr(), proxy.db.name.clone());
    let password = proxy.superuser_password().to_owned();
    let open = move || {
        let parameters = [("user", "postgres"), ("database", database.as_str())];
        Arc::new(Mutex::new(Wire::log_in(server, &parameters, &password).unwrap()))
    };
    std::thread::spawn(move || {
        let shared = open();
        for client in listener.incoming() {
            let (client, wire) = match sessions {
                Sessions::Own => (client.unwrap(), open()),
                Sessions::One => (client.unwrap(), Arc::clone(&shared)),
            };
            std::thread::spawn(move || serve(client, &wire, sessions));
        }
    });
    addr
}

/// Ends where the client or the server does.
fn serve(mut client: TcpStream, wire: &Mutex<Wire>, sessions: Sessions) -> Option<()> {
    let mut head = [0; 4];
    client.read_exact(&mut head).ok()?;
    let mut body = vec![0; u32::from_be_bytes(head) as usize - 4];
    client.read_exact(&mut body).ok()?;
    let words: Vec<&[u8]> = body.get(4..)?.split(|byte| *byte == 0).collect();
    let user = words
        .windows(2)
        .find(|pair| pair[0] == b"user")
        .map(|pair| String::from_utf8_lossy(pair[1]).into_owned())?;
    let become_it =
        format!("set session authorization tenant_{user}; set search_path = tenant_{user}, pg_catalog");
    let mut welcome = frame(b'R', &[0; 4]);
    welcome.extend(frame(b'K', &[0, 0, 0, 1, 0, 0, 0, 1]));
    welcome.extend(frame(b'Z', b"I"));
    client.write_all(&welcome).ok()?;
    let mut known = false;
    loop {
        let mut round = Vec::new();
        loop {
            let (tag, message) = read(&mut client)?;
            round.extend(message);
            match tag {
                b'Q' | b'S' => break,
                b'X' => return None,
                _ => {}
            }
        }
        let mut wire = wire.lock().unwrap_or_else(PoisonError::into_inner);
        if !known || matches!(sessions, Sessions::One) {
            // It fails in a transaction that has failed.
            for sql in become_it.split("; ") {
                wire.send(&query(sql));
                while wire.try_recv()?.tag != b'Z' {}
            }
            known = true;
        }
        wire.send(&round);
        loop {
            let message = wire.try_recv()?;
            client.write_all(&frame(message.tag, &message.body)).ok()?;
            match message.tag {
                b'Z' => break,
                b'G' => {
                    let (_, refusal) = read(&mut client)?;
                    wire.send(&refusal);
                }
                _ => {}
            }
        }
    }
}

/// A whole message and its tag.
fn read(client: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    client.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let mut message = head.to_vec();
    message.resize(1 + length, 0);
    client.read_exact(&mut message[5..]).ok()?;
    Some((head[0], message))
}
