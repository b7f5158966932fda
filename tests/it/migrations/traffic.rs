//! Clients at work through a proxy while their tables are altered: with prepared statements, alone and in transaction
//! blocks. None of them sees an error, and all come to see the new columns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::Sql;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, describe_portal, describe_statement, execute, parse, sync};

/// What clients have seen.
#[derive(Default)]
struct Seen {
    rounds: [AtomicUsize; CLIENTS],
    stop: AtomicBool,
}

impl Seen {
    /// Rounds of the one that has done fewest.
    fn least(&self) -> usize {
        self.rounds.iter().map(|rounds| rounds.load(Ordering::Relaxed)).min().unwrap()
    }
}

const CLIENTS: usize = 8;

/// As psycopg does: it asks for the columns with each run.
fn described(wire: &mut Wire) -> Vec<String> {
    wire.say(&[bind("", "all", &[]), describe_portal(""), execute("", 0), sync()].concat())
}

/// As asyncpg does: it was told the columns once, which stay as they are.
fn relied(wire: &mut Wire) -> Vec<String> {
    wire.say(&[bind("", "some", &[]), execute("", 0), sync()].concat())
}

fn prepare(wire: &mut Wire) {
    wire.say(&[parse("all", "select * from things"), describe_statement("all"), sync()].concat());
    wire.say(
        &[
            parse("some", "select 'of all' as some from things where id > 0"),
            describe_statement("some"),
            sync(),
        ]
        .concat(),
    );
    wire.say(
        &[parse("put", "delete from things where false returning *"), describe_statement("put"), sync()]
            .concat(),
    );
}

fn up(sql: &Sql, proxy: &Proxy) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sql.up(&proxy.db))
}

fn fine(lines: &[String]) {
    assert!(lines.iter().all(|line| !line.starts_with("Error") && line != "end"), "{lines:#?}");
}

fn work(mut wire: Wire, seen: &Seen, number: usize) -> String {
    prepare(&mut wire);
    let mut columns = String::new();
    while !seen.stop.load(Ordering::Relaxed) {
        if number.is_multiple_of(2) {
            fine(&wire.query("begin"));
        }
        let lines = described(&mut wire);
        fine(&lines);
        columns = lines.iter().find(|line| line.starts_with("RowDescription")).unwrap().clone();
        fine(&relied(&mut wire));
        if number.is_multiple_of(2) {
            fine(&wire.say(&[bind("", "put", &[]), describe_portal(""), execute("", 0), sync()].concat()));
            // What it read is kept as it is until the end.
            let again = described(&mut wire);
            fine(&again);
            assert!(again.contains(&columns), "{columns}: {again:#?}");
            fine(&wire.query("rollback"));
        }
        seen.rounds[number].fetch_add(1, Ordering::Relaxed);
    }
    columns
}

#[test]
fn clients_with_prepared_statements_work_on_without_an_error_while_their_tables_are_altered() {
    for proxy in [
        Proxy::start(&["alpha", "beta"], |config| config.pool.max_server_connections = 4),
        Proxy::start_shared(&["alpha", "beta"], |config| config.pool.max_server_connections = 4),
    ] {
        altered_under(&proxy);
    }
}

fn altered_under(proxy: &Proxy) {
    let sql = Sql::new(&[("1_things.sql", "create table things (id int, gone int)")]);
    up(&sql, proxy).unwrap();
    for tenant in ["alpha", "beta"] {
        proxy.wire(tenant).run("insert into things values (1, 2)");
    }
    let seen = Arc::new(Seen::default());
    let workers: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let wire = proxy.wire(if number < 6 { "alpha" } else { "beta" });
            let seen = Arc::clone(&seen);
            thread::spawn(move || work(wire, &seen, number))
        })
        .collect();
    let worked = || {
        let from = seen.least();
        eventually("all clients work on", || {
            seen.least() > from + 5 || workers.iter().any(|worker| worker.is_finished())
        });
    };
    worked();
    for (number, change) in [
        (2, "alter table things add name text not null default 'x'"),
        (3, "alter table things drop gone"),
        (4, "alter table things alter id type bigint"),
        (5, "alter table things add at timestamptz default now(); create index on things (at)"),
    ] {
        sql.write(&format!("{number}_change.sql"), change);
        let told = up(&sql, proxy);
        assert!(told.as_ref().is_ok_and(|told| told.contains("2 tenants migrated")), "{told:?}");
        worked();
    }
    seen.stop.store(true, Ordering::Relaxed);
    for worker in workers {
        assert_eq!(worker.join().unwrap(), "RowDescription id|name|at");
    }
}
