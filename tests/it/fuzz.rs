//! What strangers and tenants send, as bytes: the files of `tests/corpus/fuzz`, and changes of them that are the same in
//! every run. An input that breaks a promise is printed, and belongs into the corpus with the mend.
//!
//! `PGTENANT_FUZZ_RUNS` sets how many changes of each file, `PGTENANT_FUZZ_SEED` which.

pub(crate) mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::parity::number;

/// Changes of each file in the usual suite.
const RUNS: u64 = 400;

/// A generator of numbers that are the same in every run: xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % sides.max(1)
    }
}

/// What libFuzzer does most: bytes changed, cut, doubled, put in, and parts of other files.
fn change(dice: &mut Dice, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..=dice.roll(4) {
        let (at, to) = (dice.roll(bytes.len()), dice.roll(bytes.len() + 1));
        let range = at.min(to)..at.max(to).min(bytes.len());
        match dice.roll(8) {
            _ if bytes.is_empty() => bytes.push(0),
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80, b'\'', b'.', b'S'][dice.roll(7)],
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(range)),
            4 => {
                let piece = bytes[range].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => bytes.insert(at, u8::try_from(dice.roll(256)).unwrap()),
            6 => {
                let other = &others[dice.roll(others.len())];
                let from = dice.roll(other.len());
                bytes.splice(at..at, other[from..].iter().copied().take(64));
            }
            _ => bytes[range].reverse(),
        }
        bytes.truncate(4096);
    }
}

fn files(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/fuzz").join(target);
    let mut paths: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}", directory.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[expect(clippy::print_stdout, reason = "what a run by hand wants to know")]
fn fuzz(name: &str, target: fn(&[u8])) {
    let all = files(name);
    let (runs, seed) = (number("PGTENANT_FUZZ_RUNS", RUNS), number("PGTENANT_FUZZ_SEED", 1));
    let mut dice = Dice(seed | 1);
    let mut tried = 0;
    for file in &all {
        for run in 0..=runs {
            let mut bytes = file.clone();
            if run > 0 {
                change(&mut dice, &mut bytes, &all);
            }
            tried += 1;
            if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
                panic!("{name}: this breaks it: {:?}", String::from_utf8_lossy(&bytes));
            }
        }
    }
    println!("{name}: {tried} inputs");
}

macro_rules! tests {
    ($($name:ident: $what:ident),+ $(,)?) => {
        $(#[test]
        fn $what() {
            fuzz(stringify!($name), targets::$name);
        })+

        #[test]
        fn every_corpus_belongs_to_a_target() {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/fuzz");
            let mut found: Vec<_> = fs::read_dir(directory)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            found.sort();
            let mut named = vec![$(stringify!($name).to_owned()),+];
            named.sort();
            assert_eq!(found, named);
        }
    };
}

tests! {
    console: no_text_to_the_console_is_a_panic,
    config: no_text_of_a_configuration_is_a_panic_and_what_is_wrong_is_named,
    flow: bytes_of_a_relay_come_out_as_they_were_passed_dropped_and_replaced,
    guard: verdicts_on_any_text_are_the_same_from_the_cache,
    session: no_conversation_is_a_panic_or_sends_what_was_refused,
    sni: tenant_that_names_and_words_tell_of_is_one_or_none,
    startup: first_packets_and_logins_of_any_bytes_are_read_or_refused,
    token: no_bytes_are_a_token_but_one_that_was_signed,
}
