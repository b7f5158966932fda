//! Portals: rows in portions, names, and where they end; and cursors of SQL.

use super::harness::{Step, ask, batch, same, say, script};
use crate::support::wire::{
    bind, close_portal, describe_portal, execute, flush, parse, query, sync, unnamed,
};

const ROWS: &str = "select id, name from items order by id";

#[test]
fn rows_come_in_portions_until_the_portal_is_done() {
    let lines = same(&say(&[
        parse("", ROWS),
        bind("", "", &[]),
        execute("", 8),
        execute("", 8),
        execute("", 8),
        execute("", 8),
        sync(),
    ]));
    assert_eq!(lines.iter().filter(|line| *line == "PortalSuspended").count(), 2);
}

#[test]
fn portion_that_ends_with_the_last_row_and_one_that_is_empty() {
    same(&say(&[
        parse("", ROWS),
        bind("", "", &[]),
        execute("", 20),
        execute("", 1),
        execute("", 0),
        sync(),
    ]));
}

#[test]
fn suspended_portal_is_resumed_over_several_batches_of_a_transaction() {
    same(
        &[
            ask("begin"),
            say(&[parse("", ROWS), bind("p", "", &[]), describe_portal("p"), execute("p", 3), sync()]),
            say(&[execute("p", 4), sync()]),
            // Another unnamed statement and portal leave it alone.
            say(&[unnamed("select 'between'", &[]), sync()]),
            ask("select 'simple'"),
            say(&[describe_portal("p"), execute("p", 2), flush(), sync()]),
            say(&[close_portal("p"), execute("p", 2), sync()]),
            ask("rollback"),
        ]
        .concat(),
    );
}

#[test]
fn portal_is_gone_after_its_transaction_however_that_ends() {
    for end in ["commit", "rollback"] {
        same(
            &[
                ask("begin"),
                say(&[parse("", ROWS), bind("p", "", &[]), execute("p", 3), sync()]),
                ask(end),
                say(&[execute("p", 3), sync()]),
                say(&[describe_portal("p"), sync()]),
                say(&[close_portal("p"), sync()]),
            ]
            .concat(),
        );
    }
    // The end of an implicit one.
    same(
        &[
            say(&[parse("", ROWS), bind("p", "", &[]), execute("p", 3), sync()]),
            say(&[execute("p", 3), sync()]),
            say(&[parse("", ROWS), bind("", "", &[]), execute("", 3), sync()]),
            say(&[execute("", 3), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn portal_name_in_use_is_an_error_but_not_for_the_unnamed_one() {
    same(
        &[
            ask("begin"),
            say(&[parse("", ROWS), bind("p", "", &[]), bind("", "", &[]), bind("", "", &[]), sync()]),
            say(&[bind("p", "", &[]), sync()]),
            ask("rollback"),
        ]
        .concat(),
    );
}

#[test]
fn portal_of_what_returns_no_rows_ignores_the_limit() {
    same(
        &[
            say(&[
                parse("", "insert into items select n, 'x', 1 from generate_series(100, 110) n"),
                bind("", "", &[]),
                describe_portal(""),
                execute("", 2),
                execute("", 2),
                sync(),
            ]),
            say(&[
                parse("", "insert into items select n, 'x', 1 from generate_series(200, 210) n returning id"),
                bind("", "", &[]),
                describe_portal(""),
                execute("", 2),
                execute("", 2),
                execute("", 0),
                sync(),
            ]),
            say(&[parse("", "show datestyle"), bind("", "", &[]), execute("", 1), execute("", 1), sync()]),
            say(&[parse("", "begin"), bind("", "", &[]), execute("", 1), execute("", 1), sync()]),
            ask("rollback"),
        ]
        .concat(),
    );
}

#[test]
fn failing_portal_and_portal_after_an_error() {
    same(
        &[
            ask("begin"),
            say(&[parse("", "select 10/(5-n) from generate_series(1, 9) n"), bind("p", "", &[]), sync()]),
            say(&[execute("p", 3), sync()]),
            say(&[execute("p", 3), sync()]),
            say(&[execute("p", 3), sync()]),
            say(&[parse("", "rollback"), bind("", "", &[]), execute("", 0), sync()]),
            say(&[execute("p", 3), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn portal_lives_and_dies_with_its_savepoint() {
    same(
        &[
            script(&["begin", "savepoint a"]),
            say(&[parse("", ROWS), bind("p", "", &[]), execute("p", 3), sync()]),
            ask("release a"),
            say(&[execute("p", 3), sync()]),
            ask("savepoint b"),
            say(&[parse("", ROWS), bind("q", "", &[]), execute("q", 3), sync()]),
            ask("rollback to b"),
            say(&[execute("p", 3), sync()]),
            ask("rollback to b"),
            say(&[execute("q", 3), sync()]),
            ask("rollback"),
        ]
        .concat(),
    );
}

#[test]
fn cursors_are_declared_fetched_moved_and_closed() {
    same(&script(&[
        "begin",
        "declare c cursor for select id from items order by id",
        "fetch 2 from c",
        "move 3 from c",
        "fetch next from c",
        "declare s scroll cursor for select id from items order by id",
        "fetch last from s",
        "fetch backward 2 from s",
        "fetch absolute 4 from s",
        "move backward all in s",
        "fetch relative 2 from s",
        "fetch 0 from s",
        "fetch backward 1 from c",
        "rollback",
        "fetch c",
        "declare c cursor for select 1",
        "close c",
        "begin",
        "declare c cursor for select 1",
        "declare c cursor for select 1",
        "rollback",
    ]));
}

#[test]
fn cursor_of_sql_is_a_portal_and_a_portal_is_a_cursor_of_sql() {
    same(
        &[
            ask("begin"),
            ask("declare c cursor for select id from items order by id"),
            say(&[describe_portal("c"), execute("c", 2), sync()]),
            say(&[parse("", ROWS), bind("p", "", &[]), sync()]),
            ask("fetch 3 from p"),
            ask("close p"),
            say(&[execute("p", 1), sync()]),
            ask("rollback"),
        ]
        .concat(),
    );
}

#[test]
fn cursor_with_hold_outlives_its_transaction() {
    same(&script(&[
        "begin",
        "declare c cursor with hold for select id from items order by id",
        "fetch 2 from c",
        "commit",
        "fetch 2 from c",
        "select 1",
        "begin",
        "fetch 1 from c",
        "rollback",
        "fetch 1 from c",
        "close c",
        "fetch 1 from c",
        "declare d cursor with hold for select 1",
        "close all",
        "fetch d",
    ]));
}

#[test]
fn cursor_with_hold_that_fails_at_commit() {
    same(&script(&[
        "begin",
        "declare c cursor with hold for select 10/(5-n) from generate_series(1, 9) n",
        "fetch 2 from c",
        "commit",
        "fetch 2 from c",
    ]));
}

#[test]
fn cursors_are_fetched_by_the_extended_protocol() {
    same(
        &[
            say(&[unnamed("begin", &[]), sync()]),
            say(&[
                unnamed("declare c cursor for select id, name from items order by id", &[]),
                unnamed("fetch 3 from c", &[]),
                parse("f", "fetch 2 from c"),
                bind("", "f", &[]),
                describe_portal(""),
                execute("", 1),
                execute("", 0),
                bind("", "f", &[]),
                execute("", 0),
                unnamed("move 2 from c", &[]),
                unnamed("close c", &[]),
                sync(),
            ]),
            say(&[unnamed("commit", &[]), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn rows_of_a_suspended_portal_and_a_whole_pipeline_behind_it_in_one_write() {
    same(&batch(
        &[
            parse("", ROWS),
            bind("", "", &[]),
            execute("", 5),
            sync(),
            execute("", 5),
            sync(),
            query("select 'goes on'"),
            vec![],
        ],
        3,
    ));
}

#[test]
fn portal_executed_before_its_bind_is_answered_at_flush() {
    same(
        &[
            vec![Step::Send([parse("", ROWS), bind("", "", &[]), execute("", 2), flush()].concat())],
            vec![Step::Until(b's')],
            vec![Step::Send([execute("", 2), flush()].concat()), Step::Until(b's')],
            say(&[execute("", 0), sync()]),
        ]
        .concat(),
    );
}
