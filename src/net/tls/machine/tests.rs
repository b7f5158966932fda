//! Both ends in one process, joined by as many bytes at a time as a test likes.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rcgen::{CertifiedIssuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::*;
use crate::net::tls::provider;

type Version = &'static SupportedProtocolVersion;
const VERSIONS: [Version; 2] = [&TLS12, &TLS13];

/// An authority, and a certificate of it for both ends.
struct Made {
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    // Long, so that its message has several records.
    let names = (0..1_500).map(|nth| format!("host-{nth}.example")).collect::<Vec<_>>();
    let made = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).unwrap();
    Made { roots: Arc::new(roots), chain: vec![made.der().clone()], key: key.serialize_der() }
});

fn key() -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(MADE.key.clone()).unwrap()
}

fn client_of(version: Version, roots: Arc<RootCertStore>) -> Machine {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(MADE.chain.clone(), key())
        .unwrap();
    let name = ServerName::try_from("host-7.example").unwrap();
    Machine::new(UnbufferedClientConnection::new(Arc::new(config), name).unwrap().into())
}

/// As ours, without tickets.
fn server_of(version: Version) -> Machine {
    server_with_tickets(version, 0)
}

fn server_with_tickets(version: Version, tickets: usize) -> Machine {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&MADE.roots), provider());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(MADE.chain.clone(), key())
        .unwrap();
    config.send_tls13_tickets = tickets;
    Machine::new(UnbufferedServerConnection::new(Arc::new(config)).unwrap().into())
}

/// Carries at most so many bytes from one end to the other.
fn carry(from: &mut Machine, to: &mut Machine, piece: usize) -> usize {
    let waiting = from.outgoing();
    if waiting.is_empty() {
        return 0;
    }
    let room = to.room().unwrap();
    let n = piece.min(waiting.len()).min(room.len());
    room[..n].copy_from_slice(&waiting[..n]);
    to.received(n);
    from.sent(n);
    n
}

/// Plays the handshake, so many bytes at a time.
fn shaken(version: Version, piece: usize) -> [Machine; 2] {
    shake_both(client_of(version, Arc::clone(&MADE.roots)), server_of(version), piece)
}

fn shake_both(mut client: Machine, mut server: Machine, piece: usize) -> [Machine; 2] {
    loop {
        let both = (client.shake().unwrap(), server.shake().unwrap());
        if both == (Shake::Over, Shake::Over) {
            return [client, server];
        }
        let moved = carry(&mut client, &mut server, piece) + carry(&mut server, &mut client, piece);
        assert!(moved > 0, "both wait for each other: {both:?}");
    }
}

/// All that can be read now, through so much room.
fn all(machine: &mut Machine, room: usize) -> Vec<u8> {
    let (mut got, mut out) = (Vec::new(), vec![0; room]);
    loop {
        match machine.read(&mut out).unwrap() {
            0 => return got,
            n => got.extend_from_slice(&out[..n]),
        }
    }
}

/// Carries and reads until nothing is left to carry.
fn all_over(from: &mut Machine, to: &mut Machine, piece: usize) -> Vec<u8> {
    let mut got = all(to, 10_000);
    while carry(from, to, piece) > 0 {
        got.extend(all(to, 10_000));
    }
    got
}

#[test]
fn handshake_and_traffic_come_whole_a_byte_at_a_time() {
    for version in VERSIONS {
        let [mut client, mut server] = shaken(version, 1);
        client.write(b"select 1").unwrap();
        assert_eq!(all_over(&mut client, &mut server, 1), b"select 1");
        server.write(b"1").unwrap();
        assert_eq!(all_over(&mut server, &mut client, 1), b"1");
        assert_eq!(client.conn().common().peer_certificates().unwrap(), MADE.chain);
        assert_eq!(server.conn().common().peer_certificates().unwrap(), MADE.chain);
    }
}

#[test]
fn what_comes_with_the_end_of_the_handshake_waits_until_it_is_read() {
    for version in VERSIONS {
        let mut client = client_of(version, Arc::clone(&MADE.roots));
        let mut server = server_of(version);
        let mut first = None;
        while client.conn().common().is_handshaking() || server.conn().common().is_handshaking() {
            let both = (client.shake().unwrap(), server.shake().unwrap());
            for (name, end, shake) in [("client", &mut client, both.0), ("server", &mut server, both.1)] {
                // Whoever is ready first speaks at once.
                if first.is_none() && shake == Shake::Send && !end.conn().common().is_handshaking() {
                    end.write(&[7; 10_000]).unwrap();
                    first = Some(name);
                }
            }
            carry(&mut client, &mut server, 80_000);
            carry(&mut server, &mut client, 80_000);
        }
        while client.shake().unwrap() == Shake::Send || server.shake().unwrap() == Shake::Send {
            carry(&mut client, &mut server, 80_000);
            carry(&mut server, &mut client, 80_000);
        }
        let got = (all(&mut client, 1_000).len(), all(&mut server, 1_000).len());
        assert_eq!(got, if first == Some("server") { (10_000, 0) } else { (0, 10_000) });
        assert_eq!(first, Some(if version == &TLS12 { "server" } else { "client" }));
        assert!(client.holds_no_buffer() && server.holds_no_buffer());
    }
}

#[test]
fn tickets_behind_the_handshake_are_read_and_keep_nothing() {
    let client = client_of(&TLS13, Arc::clone(&MADE.roots));
    let [mut client, mut server] = shake_both(client, server_with_tickets(&TLS13, 4), 1_000);
    server.write(b"1").unwrap();
    assert_eq!(all_over(&mut server, &mut client, 10), b"1");
    assert!(client.holds_no_buffer() && server.holds_no_buffer());
}

#[test]
fn session_in_which_nothing_waits_holds_no_buffer() {
    for version in VERSIONS {
        let [mut client, mut server] = shaken(version, 1_000);
        assert!(client.holds_no_buffer() && server.holds_no_buffer());
        client.write(&[7; 20_000]).unwrap();
        assert!(!client.holds_no_buffer());
        carry(&mut client, &mut server, 10_000);
        assert_eq!(server.read(&mut [0; 100]).unwrap(), 0);
        assert!(!server.holds_no_buffer(), "half a record waits: {server:?}");
        assert_eq!(all_over(&mut client, &mut server, 40_000), [7; 20_000]);
        assert!(client.holds_no_buffer() && server.holds_no_buffer());
        // A read that comes to nothing.
        let _ = server.room().unwrap();
        server.received(0);
        assert!(server.holds_no_buffer());
    }
    // What every client costs besides: looked at when it grows.
    assert!(size_of::<Machine>() <= 1_300, "{}", size_of::<Machine>());
}

#[test]
fn what_has_no_room_where_it_is_asked_for_waits() {
    for version in VERSIONS {
        let [mut client, mut server] = shaken(version, 40_000);
        let text: Vec<u8> = (0..30_000_u32).map(|n| n as u8).collect();
        assert_eq!(client.write(&text).unwrap(), text.len());
        assert_eq!(carry(&mut client, &mut server, 40_000) / 1_000, 30);
        assert_eq!(all(&mut server, 7), text);
        // Also what is met when something is to be written.
        client.write(&text).unwrap();
        carry(&mut client, &mut server, 40_000);
        server.write(b"x").unwrap();
        assert_eq!(all(&mut server, 20_000), text);
        assert_eq!(all_over(&mut server, &mut client, 40_000), b"x");
        assert!(client.holds_no_buffer() && server.holds_no_buffer());
    }
}

#[test]
fn hello_in_records_of_a_byte_each_is_understood() {
    for version in VERSIONS {
        let mut client = client_of(version, Arc::clone(&MADE.roots));
        let mut server = server_of(version);
        assert_eq!(client.shake().unwrap(), Shake::Send);
        let hello = client.outgoing().to_vec();
        client.sent(hello.len());
        for byte in &hello[5..] {
            assert_eq!(server.shake().unwrap(), Shake::Receive);
            server.receive(&[0x16, 3, 1, 0, 1, *byte]);
        }
        assert_eq!(server.shake().unwrap(), Shake::Send);
        while carry(&mut client, &mut server, 40_000) + carry(&mut server, &mut client, 40_000) > 0 {
            client.shake().unwrap();
            server.shake().unwrap();
        }
        assert_eq!((client.shake().unwrap(), server.shake().unwrap()), (Shake::Over, Shake::Over));
    }
}

#[test]
fn hello_without_an_end_is_refused_and_holds_no_more_than_the_bound() {
    let mut server = server_of(&TLS13);
    // Of 60,000 bytes, each in a record of its own.
    server.receive(&[0x16, 3, 1, 0, 4, 1, 0, 0xea, 0x60]);
    let mut fed = 0;
    let error = loop {
        match server.shake().and_then(|_| server.room().map(|room| room.len())) {
            Ok(room) => assert!(server.incoming.len() + room <= 4 * MAX_INCOMING),
            Err(error) => break error,
        }
        server.receive(&[0x16, 3, 1, 0, 1, 0]);
        fed += 6;
        assert!(fed < MAX_INCOMING + 10, "{server:?}");
    };
    assert_eq!(error.to_string(), "a message of the TLS handshake is too long");
    assert!(server.holds_no_buffer() && server.shake().is_err());
    // One that says itself that it is too long.
    let mut server = server_of(&TLS13);
    server.receive(&[0x16, 3, 1, 0, 4, 1, 1, 0, 0]);
    assert!(server.shake().is_err());
}

#[test]
fn certificate_of_an_unknown_authority_is_refused_with_an_alert_that_goes_out() {
    for version in VERSIONS {
        let mut client = client_of(version, {
            let mut others = RootCertStore::empty();
            let key = KeyPair::generate().unwrap();
            let other = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
            others.add(other.der().clone()).unwrap();
            Arc::new(others)
        });
        let mut server = server_of(version);
        let refused = loop {
            if let Err(error) = client.shake() {
                break error;
            }
            carry(&mut client, &mut server, 40_000);
            server.shake().unwrap();
            carry(&mut server, &mut client, 40_000);
        };
        let why = refused.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert!(matches!(why, Some(Error::InvalidCertificate(_))), "{why:?}");
        assert!(carry(&mut client, &mut server, 40_000) > 0);
        let told = server.shake().unwrap_err();
        let told = told.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert!(matches!(told, Some(Error::AlertReceived(_))), "{told:?}");
        // Neither is a session now.
        assert!(client.write(b"x").is_err() && server.write(b"x").is_err());
        assert!(client.read(&mut [0; 9]).is_err() && server.read(&mut [0; 9]).is_err());
    }
}

#[test]
fn record_that_was_changed_ends_the_session_and_nothing_behind_it_is_passed() {
    for version in VERSIONS {
        let [mut client, mut server] = shaken(version, 40_000);
        client.write(b"first").unwrap();
        let first = client.outgoing().to_vec();
        client.sent(first.len());
        client.write(b"second").unwrap();
        let second = client.outgoing().to_vec();
        client.sent(second.len());
        let mut changed = first.clone();
        *changed.last_mut().unwrap() ^= 1;
        server.receive(&changed);
        server.receive(&first);
        server.receive(&second);
        assert_eq!(server.read(&mut [0; 100]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        server.receive(&first);
        assert!(server.read(&mut [0; 100]).is_err() && server.write(b"x").is_err());
        assert!(server.good_bye().is_err() && server.room().is_err());
        // The other side is told.
        assert!(carry(&mut server, &mut client, 40_000) > 0);
        let told = client.read(&mut [0; 100]).unwrap_err();
        assert!(told.to_string().contains("BadRecordMac"), "{told}");
    }
}

#[test]
fn good_bye_is_the_end_of_what_is_read_and_not_of_what_is_written() {
    for version in VERSIONS {
        let [mut client, mut server] = shaken(version, 40_000);
        client.write(b"the last").unwrap();
        client.good_bye().unwrap();
        let sent = client.outgoing().to_vec();
        client.sent(sent.len());
        server.receive(&sent);
        // Whatever stands behind it.
        server.receive(&[0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5]);
        let mut out = [0; 3];
        assert_eq!((server.read(&mut out).unwrap(), server.is_over()), (3, false));
        assert_eq!(all(&mut server, 3), b" last");
        assert!(server.is_over() && server.holds_no_buffer());
        server.write(b"an answer").unwrap();
        assert_eq!(all_over(&mut server, &mut client, 40_000), b"an answer");
        server.good_bye().unwrap();
        assert_eq!(all_over(&mut server, &mut client, 40_000), b"");
        assert!(client.is_over() && client.holds_no_buffer());
    }
}

#[test]
fn keys_are_replaced_in_the_middle_of_traffic() {
    let [mut client, mut server] = shaken(&TLS13, 40_000);
    for round in 0..100_u8 {
        client.new_keys().unwrap();
        client.write(&[round; 300]).unwrap();
        assert_eq!(all_over(&mut client, &mut server, 50), [round; 300]);
        server.write(&[round; 20_000]).unwrap();
        assert_eq!(all_over(&mut server, &mut client, 5_000), [round; 20_000]);
    }
    assert!(client.holds_no_buffer() && server.holds_no_buffer());
    // Nobody may ask for it without end.
    for _ in 0..40 {
        client.new_keys().unwrap();
        assert_eq!(client.read(&mut [0; 100]).unwrap(), 0);
    }
    carry(&mut client, &mut server, 40_000);
    assert!(server.read(&mut [0; 100]).is_err());
}

#[test]
fn what_is_taken_at_once_fits_one_buffer() {
    for version in VERSIONS {
        let [mut client, mut server] = shaken(version, 40_000);
        assert_eq!(client.write(&[1; 100_000]).unwrap(), BUFFER_BYTES);
        let waits = client.outgoing().len();
        assert!((BUFFER_BYTES..BUFFER_BYTES + MARGIN).contains(&waits), "{waits}");
        // And so do two of the longest records to be read.
        assert_eq!(carry(&mut client, &mut server, 100_000), waits);
        let mut out = vec![0; BUFFER_BYTES];
        assert_eq!(server.read(&mut out).unwrap(), BUFFER_BYTES);
        // More than is bounded is not taken, whoever asks.
        client.write(&[1; 100_000]).unwrap();
        client.write(&[1; 100_000]).unwrap();
        assert!(client.write(&[1; 100_000]).is_err());
    }
}

#[derive(Clone, Debug)]
enum Act {
    Write(usize),
    Carry(usize),
    /// Into so much room.
    Read(usize),
    NewKeys,
}

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let act = prop_oneof![
        4 => prop_oneof![1..200_usize, 1..40_000_usize].prop_map(Act::Write),
        6 => prop_oneof![1..50_usize, 1..40_000_usize].prop_map(Act::Carry),
        4 => prop_oneof![1..50_usize, 1..40_000_usize].prop_map(Act::Read),
        1 => Just(Act::NewKeys),
    ];
    prop::collection::vec((0..2_usize, act), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_one_end_writes_the_other_reads_whatever_the_pieces(
        version in 0..2_usize, piece in 1..5_000_usize, acts in acts(), leaves in 0..2_usize
    ) {
        let mut ends = shaken(VERSIONS[version], piece);
        let mut written = [const { Vec::new() }; 2];
        let mut read = [const { Vec::new() }; 2];
        for (nth, (who, act)) in acts.into_iter().enumerate() {
            let [one, other] = &mut ends;
            let (me, peer) = if who == 0 { (one, other) } else { (other, one) };
            match act {
                Act::Write(n) if me.outgoing().is_empty() => {
                    let text: Vec<u8> = (0..n).map(|at| (nth * 31 + at) as u8).collect();
                    let taken = me.write(&text).unwrap();
                    written[who].extend_from_slice(&text[..taken]);
                }
                Act::NewKeys if version == 1 => me.new_keys().unwrap(),
                Act::Carry(n) => {
                    // As a session does: what there is is read before more is received.
                    read[1 - who].extend(all(peer, n));
                    carry(me, peer, n);
                }
                Act::Read(n) => {
                    let mut out = vec![0; n];
                    let n = me.read(&mut out).unwrap();
                    read[who].extend_from_slice(&out[..n]);
                }
                _ => {}
            }
        }
        let [one, other] = &mut ends;
        let (goes, stays) = if leaves == 0 { (one, other) } else { (other, one) };
        goes.good_bye().unwrap();
        read[1 - leaves].extend(all_over(goes, stays, piece));
        prop_assert!(stays.is_over());
        stays.good_bye().unwrap();
        read[leaves].extend(all_over(stays, goes, piece));
        prop_assert!(goes.is_over() && goes.holds_no_buffer() && stays.holds_no_buffer());
        prop_assert!(read[0] == written[1] && read[1] == written[0]);
    }

    /// Bytes of nobody, in and after the handshake.
    #[test]
    fn no_bytes_are_a_panic_or_memory_without_bound(
        shakes in any::<bool>(), version in 0..2_usize,
        pieces in prop::collection::vec(
            (0x14..0x19_u8, prop::collection::vec(any::<u8>(), 0..600), any::<bool>()), 1..60)
    ) {
        let mut server =
            if shakes { server_of(VERSIONS[version]) } else { let [_, server] = shaken(VERSIONS[version], 40_000); server };
        for (kind, bytes, framed) in pieces {
            if framed {
                server.receive(&[kind, 3, 3, (bytes.len() >> 8) as u8, bytes.len() as u8]);
            }
            server.receive(&bytes);
            let on = if shakes { server.shake().map(|_| 0) } else { server.read(&mut [0; 50]) };
            if on.is_err() {
                prop_assert!(server.read(&mut [0; 50]).is_err() && server.write(b"x").is_err());
                break;
            }
            prop_assert!(server.incoming.len() <= 60 * 605 && server.outgoing().len() <= BUFFER_BYTES);
        }
    }
}
