//! Any message, whole or not, in any state of a conversation: each connection ends or goes on, says nothing but whole
//! messages, and takes nobody along.
//!
//! `PGTENANT_HOSTILE_SHARE` tries one in so many of all that there is (1 for all); `PGTENANT_HOSTILE_SEED` says which.

use std::net::Shutdown;

use crate::parity::number;
use crate::support::binary::Binary;
use crate::support::wire::{V3_0, Wire, bind, copy_data, execute, frame, head, parse, query, startup, sync};

/// Of the messages in each state, one in so many is tried in the usual suite.
const SHARE: u64 = 9;

/// Where a conversation may be.
const STATES: [&str; 12] = [
    "a stranger",
    "asked for its password",
    "idle",
    "in a transaction",
    "in a failed transaction",
    "in a batch",
    "behind an error in a batch",
    "in the middle of a portal",
    "copying in",
    "copying in by the extended protocol",
    "copying out",
    "pinned and listening",
];

fn bring_to(state: &str, binary: &Binary) -> Wire {
    let user = format!("{}_alpha", binary.database);
    match state {
        "a stranger" => return Wire::dial(binary.addr()),
        "asked for its password" => {
            let mut wire = Wire::dial(binary.addr());
            wire.send(&startup(V3_0, &[("user", &user), ("database", &binary.database)]));
            wire.recv();
            return wire;
        }
        _ => {}
    }
    let mut wire = binary.wire("alpha");
    match state {
        "in a transaction" => wire.run("begin"),
        "in a failed transaction" => drop((wire.query("begin"), wire.query("select 1/0"))),
        "in a batch" => wire.send(&[parse("s", "select $1::text"), bind("", "s", &["x"])].concat()),
        "behind an error in a batch" => wire.send(&[parse("s", "selec"), bind("", "s", &[])].concat()),
        "in the middle of a portal" => {
            wire.run("begin");
            let rows = parse("", "select generate_series(1, 9)");
            wire.say(&[rows, bind("p", "", &[]), execute("p", 2), sync()].concat());
        }
        "copying in" => {
            wire.send(&query("copy notes from stdin"));
            wire.recv();
        }
        "copying in by the extended protocol" => {
            wire.send(&[parse("", "copy notes from stdin"), bind("", "", &[]), execute("", 0)].concat());
            wire.send(&copy_data("1\tx\n"));
        }
        "copying out" => {
            wire.send(&query("copy (select repeat('x', 99) from generate_series(1, 99999)) to stdout"));
            wire.recv();
        }
        "pinned and listening" => wire.run("create temp table t (id int); listen x"),
        _ => {}
    }
    wire
}

/// A message of each type, and of types that there are none of, right and wrong in every way.
fn messages() -> Vec<Vec<u8>> {
    let many = [&[0, 0, 0xff, 0xff][..], &[0; 12]].concat();
    let lying = |length: i32| [&b"\0\0\0\0\0\x01"[..], &length.to_be_bytes(), b"x\0\0"].concat();
    let mut all = Vec::new();
    for tag in *b"BCDEFHPQSXdcfpRZGvKT\0\x01\xff" {
        let bodies: [&[u8]; 9] =
            [b"", b"\0", b"S", b"Sx\0", b"x", b"select 1\0", &[0xff; 24], &many, b"\0select 1\0\0\x01"];
        all.extend(bodies.map(|body| frame(tag, body)));
        all.extend([0, 3, -1, i32::MIN, i32::MAX, 0x3fff_ffff, 5, 10_001].map(|length| head(tag, length)));
        // Half of one, and nothing behind it.
        all.push(frame(tag, b"half of this\0")[..9].to_vec());
        all.push(vec![tag]);
    }
    all.extend([-2, i32::MIN, i32::MAX, 2].map(|length| frame(b'B', &lying(length))));
    all.push([query("select 1"), vec![0; 64]].concat());
    all.push([frame(b'P', b"s\0select 1\0\xff\xff"), sync()].concat());
    all.push([frame(b'Q', b"select 1\0select 2\0"), sync()].concat());
    all.push(frame(b'Q', b"select '\xff\xfe'\0"));
    all
}

#[test]
fn any_message_in_any_state_ends_or_goes_on_and_takes_nobody_along() {
    let binary = Binary::start(&["alpha", "beta"]);
    binary.wire("alpha").run("create table notes (id int, body text)");
    let mut bystander = binary.wire("beta");
    let (share, seed) = (number("PGTENANT_HOSTILE_SHARE", SHARE), number("PGTENANT_HOSTILE_SEED", 0));
    let before = binary.resident_bytes();
    let mut tried = 0;
    for (n, state) in STATES.iter().enumerate() {
        for (m, message) in messages().iter().enumerate() {
            // Another part of them in each state.
            if !(u64::try_from(n + m).unwrap() + seed).is_multiple_of(share) {
                continue;
            }
            tried += 1;
            let mut wire = bring_to(state, &binary);
            // After half a row nothing can be said.
            wire.may_break = *state == "copying out";
            wire.try_send(message);
            let _ = wire.stream().shutdown(Shutdown::Write);
            let what = format!("{state}: {:?}", String::from_utf8_lossy(message));
            // A request for encryption is answered by a byte that is no message, and there is none here.
            while let Some(answer) = wire.try_recv() {
                assert_ne!(answer.tag, 0, "{what}");
            }
            drop(wire);
            assert_eq!(
                bystander.value("select current_user"),
                format!("tenant_{}_beta", binary.database),
                "{what}"
            );
        }
    }
    println!("{tried} messages, {} bytes more", binary.resident_bytes().saturating_sub(before));
    assert_eq!(binary.wire("alpha").value("select count(*) from notes"), "0", "nothing was committed");
    assert!(binary.resident_bytes() < before + (32 << 20));
    assert!(!binary.log().contains("panicked"), "{}", binary.log());
}
