//! What judging costs: a remembered verdict, a text that differs from one in literals, a new text, and the
//! bare parser for comparison. And how much of it memory answers for the texts of the corpus.
#![expect(clippy::print_stdout, reason = "a report is printed")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use divan::{Bencher, black_box};
use pgtenant::config;
use pgtenant::guard::{Guard, Scope, Verdict};
use pgtenant::tenant::{Ident, Level, TenantId};
use pgtenant_sqltree::{Scanned, tokens};
use uuid::Uuid;

fn main() {
    report();
    divan::main();
}

const POINT: &str = "SELECT id, name, email FROM customers WHERE id = $1";

/// A query of about 3 kB, as ORMs write them.
fn orm() -> String {
    let columns: Vec<String> =
        (0..58).map(|n| format!("\"t{}\".\"column_{n}\" AS \"t{}_column_{n}\"", n % 5, n % 5)).collect();
    let joins: Vec<String> = (1..5)
        .map(|n| {
            format!("LEFT OUTER JOIN \"table_{n}\" AS \"t{n}\" ON \"t{n}\".\"parent_id\" = \"t0\".\"id\"")
        })
        .collect();
    let filters: Vec<String> = (0..20).map(|n| format!("(\"t0\".\"column_{n}\" = ${})", n + 1)).collect();
    format!(
        "SELECT {} FROM \"customers\" AS \"t0\" {} WHERE {} ORDER BY \"t0\".\"id\" ASC LIMIT 50",
        columns.join(", "),
        joins.join(" "),
        filters.join(" AND ")
    )
}

/// The statement of `pgbench -S`, with the literals of this turn.
fn pgbench(turn: u64) -> String {
    format!("SELECT abalance FROM pgbench_accounts WHERE aid = {}", 12_345 + turn)
}

/// [`orm`] with literals for its parameters: numbers and strings in turn.
fn orm_with_literals(turn: u64) -> String {
    let mut text = orm();
    for parameter in (1..=20).rev() {
        let literal =
            if parameter % 2 == 0 { format!("'value {turn}'") } else { (turn + parameter).to_string() };
        text = text.replace(&format!("${parameter})"), &format!("{literal})"));
    }
    text
}

fn text(name: &str) -> String {
    match name {
        "point" => POINT.to_owned(),
        "pgbench" => pgbench(0),
        _ => orm(),
    }
}

fn guard() -> Guard {
    Guard::new(&config::Guard {
        mode: config::GuardMode::Enforce,
        public_schema: config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_settings: Vec::new(),
        extra_functions: Vec::new(),
        max_statement_bytes: 1 << 20,
        cache_bytes: 64 << 20,
    })
}

fn scope() -> Scope {
    Scope {
        tenant: TenantId(Uuid::nil()),
        schema: Ident::parse("tenant_alpha").expect("an identifier"),
        role: Ident::parse("tenant_alpha").expect("an identifier"),
        channels: pgtenant::tenant::ChannelPrefix::new(&[0xab; 32]),
        public_is_own: false,
        shared_schemas: Arc::from([Ident::parse("global").expect("an identifier")]),
        extra_functions: Arc::new([]),
        extra_settings: Arc::new([]),
        level: Level::Dedicated,
        hardened: false,
        access: pgtenant::tenant::Access::ReadWrite,
    }
}

#[divan::bench(args = ["point", "orm"])]
fn hit(bencher: Bencher<'_, '_>, name: &str) {
    let (guard, scope, text) = (guard(), scope(), text(name));
    guard.warm(&text);
    bencher.bench_local(|| {
        assert!(matches!(guard.judge(black_box(&text), &scope), Verdict::Allow(..)));
    });
}

/// Each text differs from the first in its literals.
#[divan::bench(args = ["pgbench", "orm"])]
fn other_literals(bencher: Bencher<'_, '_>, name: &str) {
    let (guard, scope) = (guard(), scope());
    let text = if name == "pgbench" { pgbench } else { orm_with_literals };
    guard.warm(&text(0));
    let mut turn = 0;
    bencher
        .with_inputs(move || {
            turn += 1;
            text(turn)
        })
        .bench_local_refs(|text| {
            assert!(matches!(guard.judge(text, &scope), Verdict::Allow(..)));
        });
    assert_eq!(guard.stats().misses, 0);
}

/// Every text is new: the name of its first table is.
#[divan::bench(args = ["point", "pgbench", "orm"])]
fn miss(bencher: Bencher<'_, '_>, name: &str) {
    let (guard, scope, text) = (guard(), scope(), text(name));
    let (before, after) =
        text.split_once("customers").or_else(|| text.split_once("pgbench_accounts")).expect("a table");
    let mut number = 0_u64;
    bencher
        .with_inputs(move || {
            number += 1;
            format!("{before}customers{number}{after}")
        })
        .bench_local_refs(|text| {
            assert!(matches!(guard.judge(text, &scope), Verdict::Allow(..)));
        });
    assert_eq!(guard.stats().key_hits, 0);
}

/// The dearest text there is: as many tokens as are judged, of the statement that makes most of each.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn most_tokens(bencher: Bencher<'_, '_>) {
    let text = "TABLE a;".repeat(333_333);
    let guard = Guard::new(&config::Guard {
        mode: config::GuardMode::Enforce,
        public_schema: config::PublicSchema::Refuse,
        extra_schemas: Vec::new(),
        extra_functions: Vec::new(),
        extra_settings: Vec::new(),
        max_statement_bytes: 64 << 20,
        cache_bytes: 1,
    });
    let scope = scope();
    bencher.bench_local(|| assert!(matches!(guard.judge(&text, &scope), Verdict::Allow(..))));
}

/// The C library alone: grammar and serialized tree, freed again.
#[divan::bench(args = ["point", "pgbench", "orm"])]
fn parser(bencher: Bencher<'_, '_>, name: &str) {
    let text = text(name);
    bencher.bench_local(|| pgtenant_sqltree::parse(black_box(&text)).expect("SQL").size());
}

/// The text with other plain literals.
fn varied(text: &str, turn: usize) -> String {
    let Ok(tokens) = tokens(text) else { return text.to_owned() };
    let (mut varied, mut kept) = (String::new(), 0);
    for (kind, bytes) in tokens {
        let literal = match kind {
            Scanned::String if text[bytes.clone()].starts_with('\'') => format!("'value {turn}'"),
            Scanned::Integer => (turn + 1).to_string(),
            _ => continue,
        };
        varied += &text[kept..bytes.start];
        varied += &literal;
        kept = bytes.end;
    }
    varied + &text[kept..]
}

/// What of the corpus of allowed texts is answered from memory, when each comes 100 times with other
/// literals.
fn report() {
    const TURNS: usize = 100;
    let (guard, scope) = (guard(), scope());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/guard/allow");
    let texts: Vec<String> = fs::read_dir(corpus)
        .expect("the corpus")
        .filter_map(|file| fs::read_to_string(file.ok()?.path()).ok())
        .collect();
    for turn in 0..TURNS {
        for text in &texts {
            let _ = guard.judge(&varied(text, turn), &scope);
        }
    }
    let stats = guard.stats();
    let percent = |count: u64| 100.0 * count as f64 / (stats.hits + stats.key_hits + stats.misses) as f64;
    println!(
        "{} texts of {} bytes, {TURNS} times with other literals: {:.1} % by the exact text, {:.1} % by the text \
         without literals, {:.1} % parsed; {} entries in {} bytes\n",
        texts.len(),
        texts.iter().map(String::len).sum::<usize>(),
        percent(stats.hits),
        percent(stats.key_hits),
        percent(stats.misses),
        stats.entries,
        stats.bytes,
    );
}
