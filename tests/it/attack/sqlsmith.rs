//! SQLsmith, a generator of valid SQL by what a catalog holds, as a tenant.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::attack::served::Beside;
use crate::attack::world::{World, assert_no_panic};
use crate::support::proxy::PASSWORD;

/// How long it may send statements.
const TIME: Duration = Duration::from_secs(60);

/// Statements to send, if there is time.
const QUERIES: usize = 6000;

/// The same in every run.
const SEED: &str = "20240229";

/// What went through between SQLsmith and the proxy.
#[derive(Default)]
struct Seen {
    /// The end of what the proxy sent, so that a marker across two reads is found.
    tail: Vec<u8>,
    betrayed: bool,
    bytes: usize,
    /// What the guard's refusals say.
    refusals: BTreeSet<String>,
}

/// Carries one connection, and looks at what the proxy sends.
fn carry(client: TcpStream, proxy: SocketAddr, world: &'static World, seen: &Arc<Mutex<Seen>>) {
    let server = TcpStream::connect(proxy).expect("the proxy accepts");
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut server, mut client, seen) = (server, client, Arc::clone(seen));
    std::thread::spawn(move || {
        let mut chunk = [0; 65536];
        while let Ok(read @ 1..) = server.read(&mut chunk) {
            let mut seen = seen.lock().unwrap();
            let text = [&seen.tail[..], &chunk[..read]].concat();
            seen.betrayed |= world.betrays(&text);
            seen.bytes += read;
            let said = String::from_utf8_lossy(&chunk[..read]);
            if let Some((before, _)) = said.split_once("pgtenant's rule `") {
                let message = before.rsplit("\0M").next().unwrap_or_default();
                seen.refusals.insert(message.split('\0').next().unwrap_or_default().to_owned());
            }
            seen.tail = text[text.len().saturating_sub(128)..].to_vec();
            drop(seen);
            if client.write_all(&chunk[..read]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    });
}

#[test]
#[ignore = "needs the program sqlsmith and a minute; .ci/run runs it where the package can be installed"]
fn sqlsmith_as_a_tenant_never_sees_a_row_of_another() {
    let world = World::kept();
    let _turn = world.turn();
    let beside = Beside::start(world);
    let before = world.proxy.shared().counters.snapshot().denials;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (proxy, carried) = (world.proxy.addr(), Arc::clone(&seen));
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            carry(client, proxy, world, &carried);
        }
    });
    let mut child = Command::new("sqlsmith")
        .arg(format!(
            "--target=host=127.0.0.1 port={port} dbname=app user=alpha password='{PASSWORD}' sslmode=disable"
        ))
        .args([&format!("--seed={SEED}"), &format!("--max-queries={QUERIES}"), "--verbose"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sqlsmith runs; install the package sqlsmith");
    let mut stderr = child.stderr.take().unwrap();
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stderr.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > TIME {
            child.kill().unwrap();
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    over.store(true, Ordering::Relaxed);
    let _ = TcpStream::connect(("127.0.0.1", port));
    let said = said.join().unwrap();
    let after = world.proxy.shared().counters.snapshot().denials;
    let denied: BTreeMap<_, _> = after
        .into_iter()
        .map(|(rule, count)| (rule, count - before.get(rule).copied().unwrap_or_default()))
        .filter(|(_, count)| *count > 0)
        .collect();
    let rounds = beside.end();
    let seen = seen.lock().unwrap();
    // With --verbose it prints a sign for each: a point, or a letter for a kind of error.
    let line = |line: &&str| !line.is_empty() && line.chars().all(|sign| ".eStCcv".contains(sign));
    let signs: String = said.lines().filter(line).collect();
    println!(
        "sqlsmith: {} statements, {} accepted; {} bytes of answers; {rounds} rounds of beta; refused by the guard: {:?}",
        signs.len(),
        signs.matches('.').count(),
        seen.bytes,
        denied
    );
    println!("{:#?}", seen.refusals);
    assert!(signs.len() > 100, "sqlsmith did not get to work: {said}");
    assert!(signs.contains('.'), "nothing was accepted: {said}");
    // It writes nothing that PostgreSQL cannot parse: what the guard cannot is a finding.
    assert_eq!(denied.get("unparsable"), None, "{:?}", seen.refusals);
    assert!(!seen.betrayed, "a row of beta's was sent; SQLsmith's seed is {SEED}");
    let mut wire = world.proxy.wire("alpha");
    assert_eq!(wire.value("select current_user"), "tenant_alpha");
    world.restore_alpha();
    world.assert_untouched("sqlsmith");
    assert_no_panic();
}
