//! Transactions that fail, time-outs, locks.

use super::harness::{Step, ask, batch, different, same, say, script};
use crate::support::wire::{bind, execute, parse, query, sync, unnamed};

#[test]
fn aborted_transaction_refuses_everything_up_to_its_end() {
    same(
        &[
            script(&[
                "begin",
                "select 1/0",
                "select 1",
                "insert into alone values (9)",
                "selec",
                "savepoint a",
            ]),
            say(&[unnamed("select 1", &[]), sync()]),
            say(&[parse("s", "select 1"), sync()]),
            script(&[
                "prepare p as select 1",
                "deallocate p",
                "set datestyle = 'German'",
                "show datestyle",
                "declare c cursor for select 1",
            ]),
            script(&["copy alone to stdout", "copy alone from stdin", "commit", "table alone"]),
            script(&["begin", "selec", "rollback to nothing", "end"]),
            script(&["begin", "select 1/0", "rollback and chain", "select 1", "commit"]),
            script(&["begin", "select 1/0", "commit and chain", "select 1", "commit"]),
        ]
        .concat(),
    );
}

#[test]
fn statements_prepared_before_in_an_aborted_transaction() {
    same(
        &[
            say(&[parse("s", "select 1"), parse("end", "rollback"), parse("", "commit"), sync()]),
            script(&["begin", "select 1/0"]),
            say(&[bind("", "s", &[]), execute("", 0), sync()]),
            say(&[bind("", "nothing", &[]), sync()]),
            say(&[bind("", "end", &[]), execute("", 0), sync()]),
            ask("select 'out'"),
        ]
        .concat(),
    );
}

/// The error is another one, the state of the transaction the same.
#[test]
fn prepare_transaction_ends_the_block() {
    let states = |lines: Vec<String>| -> Vec<String> {
        lines
            .into_iter()
            .filter(|line| line.starts_with("ReadyForQuery") || line.starts_with("DataRow"))
            .collect()
    };
    let prepare = "prepare transaction 'x'";
    let conversation = [
        script(&["begin", "insert into alone values (2)", prepare, "select count(*) from alone"]),
        script(&["begin", "select 1/0", prepare, "select count(*) from alone", "rollback"]),
        ask("begin"),
        say(&[unnamed("insert into alone values (2)", &[]), unnamed(prepare, &[]), sync()]),
        ask("select count(*) from alone"),
        script(&["begin", "select 1/0"]),
        say(&[parse("", prepare), bind("", "", &[]), execute("", 0), sync()]),
        say(&[parse("", "select 1"), bind("", "", &[]), execute("", 0), sync()]),
        batch(
            &[query("begin"), query("insert into alone values (2)"), query(prepare), query("table alone")],
            4,
        ),
        script(&["begin", "commit prepared 'x'", "rollback"]),
    ]
    .concat();
    let (direct, through) = different(&conversation);
    assert!(through.iter().any(|line| line.starts_with("Error ERROR 0A000 two-phase")), "{through:#?}");
    assert_eq!(states(through), states(direct));
}

#[test]
fn savepoints_and_errors() {
    same(&script(&[
        "begin",
        "savepoint a",
        "insert into items values (1, 'there', 1)",
        "rollback to a",
        "insert into items values (100, 'x', 1)",
        "release savepoint a",
        "rollback to a",
        "rollback",
        "begin",
        "savepoint a",
        "savepoint a",
        "select 1/0",
        "release a",
        "rollback to savepoint a",
        "release a",
        "release a",
        "release a",
        "commit",
    ]));
}

#[test]
fn constraints_name_what_was_violated() {
    same(&script(&[
        "insert into items values (1, 'there', 1)",
        "insert into items values (300, null, 1)",
        "insert into items values (300, 'x', 123456789)",
        "insert into items values ('x', 'x', 1)",
        "insert into items (nothing) values (1)",
        "select nothing from items",
        "select * from items where nam = 'x'",
        "select no_such_function(1)",
        "select 'x'::int",
        "select * from items order by 9",
        "select '2001-02-30'::date",
    ]));
}

#[test]
fn statement_timeout_and_lock_timeout() {
    same(
        &[
            script(&["set statement_timeout = '50ms'", "select pg_sleep(10)", "select 1"]),
            say(&[unnamed("select pg_sleep(10)", &[]), unnamed("select 'skipped'", &[]), sync()]),
            script(&["begin", "select pg_sleep(10)", "select 1", "rollback", "reset statement_timeout"]),
            vec![Step::Aside("begin; lock table SCHEMA.alone in access exclusive mode")],
            script(&["set lock_timeout = '50ms'", "table alone", "begin", "table alone", "rollback"]),
            script(&[
                "begin",
                "lock table alone nowait",
                "rollback",
                "select * from items for update skip locked limit 1",
            ]),
            vec![Step::Aside("commit")],
            script(&["reset lock_timeout", "table alone"]),
        ]
        .concat(),
    );
}

#[test]
fn deadlock_is_told_to_its_victim() {
    same(
        &[
            vec![Step::Aside("set deadlock_timeout = '1h'; begin; lock table SCHEMA.alone")],
            script(&["begin", "lock table copied"]),
            vec![Step::AsideBegins("lock table SCHEMA.copied")],
            ask("lock table alone"),
            ask("select 1"),
            ask("rollback"),
        ]
        .concat(),
    );
}

#[test]
fn serialization_failure() {
    same(
        &[
            script(&["begin isolation level repeatable read", "select count(*) from items"]),
            vec![Step::Aside("update SCHEMA.items set price = 9 where id = 1")],
            ask("update items set price = 8 where id = 1"),
            ask("commit"),
        ]
        .concat(),
    );
}

#[test]
fn texts_that_are_not_utf8() {
    for bad in [
        &b"select '\xff'"[..],
        b"select '\xc3'",
        b"select '\xe2\x82'",
        b"select '\xf0\x9f\x98",
        b"\x80",
        b"\xed\xa0\x80",
    ] {
        let raw =
            |tag: u8, head: &[u8], tail: &[u8]| crate::support::wire::frame(tag, &[head, bad, tail].concat());
        same(
            &[
                say(&[raw(b'Q', b"", b"\0")]),
                say(&[raw(b'P', b"\0", b"\0\0\0"), sync()]),
                batch(
                    &[
                        unnamed("select 1", &[]),
                        raw(b'P', b"\0", b"\0\0\0"),
                        bind("", "", &[]),
                        sync(),
                        query("select 2"),
                    ],
                    2,
                ),
                ask("begin"),
                say(&[raw(b'Q', b"", b"\0")]),
                ask("rollback"),
            ]
            .concat(),
        );
    }
}

#[test]
fn session_ended_from_the_side_is_told_at_the_next_statement() {
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'SCHEMA' and state = 'idle in transaction'";
    let (direct, through) =
        different(&[script(&["begin", "select 1"]), vec![Step::Aside(end), Step::End]].concat());
    assert_eq!(direct, through);
    assert_eq!(
        through[through.len() - 2],
        "Error FATAL 57P01 terminating connection due to administrator command"
    );
    same(
        &[
            batch(&[query("set idle_in_transaction_session_timeout = '50ms'"), query("begin")], 2),
            vec![Step::End],
        ]
        .concat(),
    );
}
