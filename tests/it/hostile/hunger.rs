//! Clients that try to make the proxy keep something for them.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::binary::Binary;
use crate::support::proxy::Proxy;
use crate::support::tls::Authority;
use crate::support::wire::{
    Wire, bind, cancel_request, execute, head, parse, query, ssl_request, startup, sync, unnamed,
};

/// What a flood may add to the memory of the process: buffers of a few clients, pages the allocator keeps.
const ROOM: usize = 32 << 20;

/// Sends this again and again and reads nothing, until it has sent so many bytes, or nobody takes more. Gives what
/// was taken.
fn pour(wire: &Wire, piece: &[u8], bytes: usize) -> usize {
    let mut stream = wire.stream();
    stream.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
    let chunk = piece.repeat(1 + (64 << 10) / piece.len());
    let mut sent = 0;
    while sent < bytes {
        match stream.write(&chunk) {
            Ok(n) => sent += n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(_) => break,
        }
    }
    sent
}

/// Another tenant's client, which is to notice nothing.
fn assert_served(binary: &Binary) {
    let begin = Instant::now();
    assert_eq!(binary.wire("beta").value("select 'served'"), "served");
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

/// What the process has more than before, once all has been done.
fn grown(binary: &Binary, before: usize) -> usize {
    binary.resident_bytes().saturating_sub(before)
}

#[test]
fn client_that_never_reads_what_the_proxy_answers_itself_costs_little() {
    let binary = Binary::start(&["alpha", "beta"]);
    let prepared = [parse("s", "selec"), sync()].concat();
    let pieces: [(&str, Vec<u8>); 6] = [
        ("refused queries", query("selec")),
        ("refused batches", prepared),
        ("Sync", sync()),
        ("empty queries", query("")),
        ("names that are not there", [bind("", "nowhere", &[]), execute("", 0), sync()].concat()),
        ("schemas of others", query("table tenant_other.t")),
    ];
    assert_served(&binary);
    for (what, piece) in &pieces {
        let wire = binary.wire("alpha");
        let before = binary.resident_bytes();
        let sent = pour(&wire, piece, 48 << 20);
        let grown = grown(&binary, before);
        println!("{what}: {sent} bytes taken, {grown} bytes more");
        assert!(grown < ROOM, "{what}: {sent} bytes taken, {grown} bytes more");
        assert_served(&binary);
    }
}

/// It holds a server connection of its own tenant's, and what is on its way is bounded by buffers.
#[test]
fn client_that_never_reads_rows_holds_up_nobody_else_and_costs_little() {
    let binary =
        Binary::start_with(&["alpha", "beta"], &[("PGTENANT_POOL_MAX_SERVER_CONNECTIONS_PER_TENANT", "3")]);
    let before = binary.resident_bytes();
    let deaf: Vec<Wire> = (0..12)
        .map(|_| {
            let mut wire = binary.wire("alpha");
            wire.send(&query("select repeat('x', 100000) from generate_series(1, 100000)"));
            wire
        })
        .collect();
    for _ in 0..20 {
        assert_served(&binary);
    }
    let grown = grown(&binary, before);
    assert!(grown < ROOM, "{grown} bytes more");
    drop(deaf);
    assert_eq!(binary.wire("alpha").value("select 1"), "1");
}

/// As PostgreSQL does, the proxy takes a message of 1 GB for possible. It keeps none of it.
#[test]
fn parameters_of_a_gigabyte_pass_piece_by_piece_or_are_refused_and_are_kept_nowhere() {
    let binary = Binary::start(&["alpha", "beta"]);
    let before = binary.resident_bytes();
    let length = 0x3fff_ff00;
    let begin = [parse("s", "select length($1::text)"), sync()].concat();
    let bind_head = [head(b'B', length), b"\0s\0\0\0\0\x01".to_vec(), (length - 16).to_be_bytes().to_vec()];
    let senders: Vec<Wire> = (0..4)
        .map(|_| {
            let mut wire = binary.wire("alpha");
            wire.say(&begin);
            wire.send(&bind_head.concat());
            let taken = pour(&wire, &[b'x'; 4096], 12 << 20);
            assert!(taken >= 12 << 20, "{taken} bytes taken");
            wire
        })
        .collect();
    let texts: Vec<Wire> = (0..4)
        .map(|n| {
            let mut wire = binary.wire("alpha");
            // A text that is longer than may be is refused by its length; none is waited for.
            wire.send(&head(if n % 2 == 0 { b'Q' } else { b'P' }, length));
            pour(&wire, &[b' '; 4096], 12 << 20);
            wire
        })
        .collect();
    let grown = grown(&binary, before);
    assert!(grown < ROOM, "{grown} bytes more");
    assert_served(&binary);
    drop((senders, texts));
    assert_eq!(binary.wire("alpha").value("select 1"), "1");
}

/// Prepared statements of one connection have 16 MiB; more is refused, and the connection goes on.
#[test]
fn flood_of_new_names_ends_in_a_refusal_and_not_in_the_proxys_memory() {
    let binary = Binary::start(&["alpha", "beta"]);
    let mut wire = binary.wire("alpha");
    let before = binary.resident_bytes();
    let padding = "x".repeat(8 << 10);
    let mut refused = 0;
    for round in 0..60 {
        let batch: Vec<u8> = (0..50)
            .flat_map(|n| parse(&format!("s{round}_{n}"), &format!("select '{round} {n} {padding}'")))
            .collect();
        let lines = wire.say(&[batch, sync()].concat());
        refused += usize::from(lines.iter().any(|line| line.starts_with("Error ERROR 5")));
    }
    let grown = grown(&binary, before);
    println!("{refused} of 60 batches refused, {grown} bytes more");
    assert!(refused > 0 && grown < 3 * ROOM, "{refused} refused, {grown} bytes more");
    assert_eq!(wire.value("select 1"), "1");
    assert_served(&binary);
}

/// Each is answered and forgotten; those who are served are not held up.
#[test]
fn floods_of_connections_startup_packets_and_cancel_requests_are_forgotten() {
    let binary = Binary::start(&["alpha", "beta"]);
    let mut bystander = binary.wire("beta");
    assert_served(&binary);
    let (before, descriptors) = (binary.resident_bytes(), binary.descriptors());
    let floods: [(&str, Vec<u8>); 4] = [
        ("nothing", Vec::new()),
        ("half a startup packet", startup(3 << 16, &[("user", "nobody")])[..20].to_vec()),
        ("a startup packet", startup(3 << 16, &[("user", "nobody"), ("database", "x")])),
        ("a cancel request", cancel_request(4711, b"1234")),
    ];
    for (what, bytes) in &floods {
        let flood: Vec<Wire> = (0..400)
            .map(|_| {
                let mut wire = Wire::dial(binary.addr());
                wire.try_send(bytes);
                wire
            })
            .collect();
        let begin = Instant::now();
        assert_eq!(bystander.value("select 'goes on'"), "goes on");
        assert!(begin.elapsed() < Duration::from_secs(1), "{what}: {:?}", begin.elapsed());
        assert_served(&binary);
        drop(flood);
    }
    crate::support::proxy::eventually("they are gone", || binary.descriptors() <= descriptors + 4);
    let grown = grown(&binary, before);
    assert!(grown < ROOM, "{grown} bytes more");
}

/// Half of anything costs the buffer that it is in, for as long as its sender stays; before the login not even that long.
#[test]
fn client_that_stops_in_the_middle_of_a_message_holds_no_server_connection() {
    let binary = Binary::start_with(&["alpha", "beta"], &[("PGTENANT_POOL_MAX_SERVER_CONNECTIONS", "2")]);
    let halves = [query("select 1"), unnamed("select 1", &[]), vec![b'Q'], head(b'B', 1 << 20)];
    let slow: Vec<Wire> = (0..40)
        .map(|n| {
            let mut wire = binary.wire("alpha");
            let whole = &halves[n % halves.len()];
            wire.send(&whole[..whole.len().min(4 + n % 5)]);
            wire
        })
        .collect();
    for _ in 0..5 {
        assert_served(&binary);
        assert_eq!(binary.wire("alpha").value("select 1"), "1");
    }
    drop(slow);
}

/// The time of the quiet one, in order.
fn times(quiet: &mut Wire, n: usize) -> Vec<Duration> {
    let mut times: Vec<_> = (0..n)
        .map(|_| {
            let begin = Instant::now();
            assert_eq!(quiet.value("select 1"), "1");
            begin.elapsed()
        })
        .collect();
    times.sort();
    times
}

/// A megabyte of Sync is 200,000 messages: whoever sends them without end gets a turn like everybody.
#[test]
fn floods_of_messages_that_cost_the_proxy_more_than_their_sender_hold_up_nobody() {
    let binary = Binary::start(&["alpha", "beta"]);
    let mut quiet = binary.wire("beta");
    for (what, piece) in [("Sync", sync()), ("refused queries", query("selec")), ("empty queries", query(""))]
    {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let wire = binary.wire("alpha");
                let (piece, stop) = (&piece, &stop);
                let mut answers = wire.stream().try_clone().unwrap();
                scope.spawn(move || while answers.read(&mut [0; 1 << 16]).is_ok_and(|n| n > 0) {});
                scope.spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        pour(&wire, piece, 1 << 20);
                    }
                    let _ = wire.stream().shutdown(Shutdown::Both);
                });
            }
            times(&mut quiet, 10);
            let times = times(&mut quiet, 20);
            stop.store(true, Ordering::SeqCst);
            println!("{what}: median {:?}, longest {:?}", times[10], times[19]);
            assert!(times[10] < Duration::from_secs(1), "{what}: {times:?}");
        });
    }
}

/// A handshake costs the proxy a signature, and its sender nothing: who is served goes on between them.
#[test]
fn flood_of_tls_handshakes_holds_up_nobody_who_is_served() {
    let authority = Authority::new("flood");
    let listen = authority.listen(false);
    let proxy = Proxy::start(&["alpha", "beta"], |config| config.listen.tls = Some(listen));
    let (trust, done) = (authority.trust(), AtomicBool::new(false));
    let mut quiet = proxy.wire("beta");
    times(&mut quiet, 20);
    let (handshakes, waits) = std::thread::scope(|scope| {
        let flood = || {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                // Half of them leave in the middle of it.
                let mut wire = Wire::dial(proxy.addrs()[0]);
                wire.send(&ssl_request());
                assert_eq!(wire.recv_byte(), b'S');
                if count % 2 == 0 {
                    wire.encrypt(trust.client()).expect("a handshake");
                }
                count += 1;
            }
            count
        };
        let floods: Vec<_> = (0..8).map(|_| scope.spawn(flood)).collect();
        let waits = times(&mut quiet, 200);
        done.store(true, Ordering::Relaxed);
        let count: usize = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
        (count, waits)
    });
    assert!(handshakes > 100, "{handshakes}");
    // The senders' share of the processor is in it.
    assert!(waits[100] < Duration::from_millis(300), "{:?}", waits[100]);
    assert!(waits[198] < Duration::from_secs(3), "{:?}", waits[198]);
    assert_eq!(proxy.wire("alpha").value("select 'let in'"), "let in");
}
