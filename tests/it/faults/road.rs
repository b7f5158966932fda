//! A road between the proxy and PostgreSQL with anything wrong with it. It never changes the order of bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::wire::vanish;

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Open,
    /// Each byte alone.
    InBytes,
    /// Everything takes so long.
    Slow(Duration),
    /// Nothing gets through, and nothing is closed: a cable that is out.
    Blocked,
    /// Who comes is turned away; who is there may go on.
    Refused,
}

struct State {
    way: Way,
    /// In pairs: the proxy's side first.
    open: Vec<TcpStream>,
}

/// See the module. Its threads end with the test process.
pub(super) struct Road {
    pub(super) port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Road {
    pub(super) fn to(real: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new((Mutex::new(State { way: Way::Open, open: Vec::new() }), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if lock(&shared).way == Way::Refused {
                    continue;
                }
                let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], real))) else {
                    continue;
                };
                let pairs = [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server.try_clone().unwrap(), client.try_clone().unwrap()),
                ];
                lock(&shared).open.extend([client, server]);
                for (from, to) in pairs {
                    let state = Arc::clone(&shared);
                    thread::spawn(move || carry(from, to, &state));
                }
            }
        });
        Self { port, state }
    }

    /// From now on.
    pub(super) fn set(&self, way: Way) {
        lock(&self.state).way = way;
        self.state.1.notify_all();
    }

    /// What was at its end for those who are on it is gone without a word. It does not send again what was not confirmed: the
    /// system confirms after 40 to 200 ms what nothing is answered to.
    pub(super) fn vanish(&self) {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(400) {
            thread::park_timeout(Duration::from_millis(400));
        }
        lock(&self.state).open.iter().step_by(2).for_each(vanish);
    }

    /// Whoever is on it is gone, by an end or by a reset.
    pub(super) fn cut(&self, by_reset: bool) {
        for stream in lock(&self.state).open.drain(..) {
            if by_reset {
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            } else {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn lock(state: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    state.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits while nothing gets through, and says how.
fn way(state: &(Mutex<State>, Condvar)) -> Way {
    let passes = state.1.wait_while(lock(state), |state| state.way == Way::Blocked);
    passes.unwrap_or_else(PoisonError::into_inner).way
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &(Mutex<State>, Condvar)) {
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    let mut chunk = [0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        let way = way(state);
        if let Way::Slow(time) = way {
            let _ = state.1.wait_timeout_while(lock(state), time, |state| state.way == way);
        }
        let size = if way == Way::InBytes { 1 } else { n };
        if chunk[..n].chunks(size).any(|piece| to.write_all(piece).is_err()) {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}
