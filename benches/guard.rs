//! What judging costs: a remembered verdict, a new text, and the bare parser for comparison.

use std::sync::Arc;

use divan::{Bencher, black_box};
use pgtenant::config;
use pgtenant::guard::{Guard, Scope, Verdict};
use pgtenant::tenant::{Ident, Level, TenantId};
use uuid::Uuid;

fn main() {
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

fn text(name: &str) -> String {
    if name == "point" { POINT.to_owned() } else { orm() }
}

fn guard() -> Guard {
    Guard::new(&config::Guard {
        mode: config::GuardMode::Enforce,
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
        shared_schemas: Arc::from([Ident::parse("global").expect("an identifier")]),
        extra_functions: Arc::new([]),
        extra_settings: Arc::new([]),
        level: Level::Dedicated,
        hardened: false,
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

/// Every text is new: a number in front makes it so.
#[divan::bench(args = ["point", "orm"])]
fn miss(bencher: Bencher<'_, '_>, name: &str) {
    let (guard, scope, text) = (guard(), scope(), text(name));
    let mut number = 0_u64;
    bencher
        .with_inputs(move || {
            number += 1;
            format!("/*{number}*/{text}")
        })
        .bench_local_values(|text| {
            assert!(matches!(guard.judge(&text, &scope), Verdict::Allow(..)));
        });
}

/// The C library alone: grammar and serialized tree, freed again.
#[divan::bench(args = ["point", "orm"])]
fn parser(bencher: Bencher<'_, '_>, name: &str) {
    let text = text(name);
    bencher.bench_local(|| pgtenant_sqltree::parse(black_box(&text)).expect("SQL").size());
}
