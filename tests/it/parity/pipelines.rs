//! Batches, several of them in one write, with Flush in the place of Sync, and with errors anywhere.

use super::harness::{Step, batch, same, say};
use crate::support::wire::{
    bind, close_portal, close_statement, describe_portal, describe_statement, execute, flush, parse, query,
    sync, unnamed,
};

#[test]
fn several_syncs_in_one_write() {
    let one = |n: u32| [unnamed(&format!("select {n} as n"), &[]), sync()].concat();
    let lines = same(&batch(&[one(1), one(2), sync(), one(3), query("select 4"), one(5)], 6));
    assert_eq!(lines.iter().filter(|line| line.starts_with("DataRow")).count(), 5);
}

#[test]
fn batch_without_sync_is_answered_at_flush_and_goes_on() {
    same(
        &[
            vec![Step::Send([parse("s", "select $1::int as n"), describe_statement("s"), flush()].concat())],
            vec![Step::Until(b'T')],
            vec![Step::Send([bind("", "s", &["7"]), flush()].concat()), Step::Until(b'2')],
            vec![Step::Send([execute("", 0), flush()].concat()), Step::Until(b'C')],
            vec![Step::Send([flush(), flush(), close_statement("s"), flush()].concat()), Step::Until(b'3')],
            say(&[sync()]),
            say(&[bind("", "s", &["8"]), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn flush_alone_and_sync_alone() {
    same(&[batch(&[flush(), sync(), flush(), sync()], 2), say(&[sync()])].concat());
}

#[test]
fn error_in_each_kind_of_message_skips_to_the_sync() {
    let broken = [
        parse("x", "selec 1"),
        parse("x", "select * from nowhere"),
        parse("x", "select 1 +"),
        bind("", "nothing", &[]),
        bind("", "", &["too", "many"]),
        bind("", "typed", &["no number"]),
        describe_statement("nothing"),
        describe_portal("nothing"),
        execute("nothing", 0),
        [parse("", "select 1/0"), bind("", "", &[]), execute("", 0)].concat(),
        [parse("", "select 1/n from generate_series(0, 3) n"), bind("", "", &[]), execute("", 0)].concat(),
    ];
    for wrong in broken {
        let lines = same(
            &[
                say(&[parse("typed", "select $1::int"), sync()]),
                batch(
                    &[
                        unnamed("select 'before'", &[]),
                        wrong.clone(),
                        unnamed("select 'skipped'", &[]),
                        parse("skipped", "select 1"),
                        close_statement("typed"),
                        sync(),
                        unnamed("select 'after'", &[]),
                        bind("q", "typed", &["5"]),
                        execute("q", 0),
                        sync(),
                        bind("", "skipped", &[]),
                        sync(),
                    ],
                    3,
                ),
                // Alone in its batch, and with its Sync sent later.
                say(&[wrong.clone(), sync()]),
                vec![Step::Send([wrong, flush()].concat()), Step::Until(b'E')],
                say(&[unnamed("select 'skipped'", &[]), flush(), sync()]),
                say(&[query("select 'the end'")]),
            ]
            .concat(),
        );
        assert!(lines.contains(&"DataRow after".to_owned()), "{lines:#?}");
    }
}

#[test]
fn error_within_a_transaction_in_a_pipeline_aborts_it_and_later_batches_are_25p02() {
    let one = |sql: &str| [unnamed(sql, &[]), sync()].concat();
    let lines = same(&batch(
        &[
            one("begin"),
            one("insert into items values (100, 'new', 1)"),
            one("insert into items values (100, 'again', 1)"),
            one("select 1"),
            query("select 2"),
            one("commit"),
            one("select count(*) from items"),
        ],
        7,
    ));
    assert!(lines.contains(&"CommandComplete ROLLBACK".to_owned()), "{lines:#?}");
}

#[test]
fn pipeline_in_one_implicit_transaction_is_rolled_back_whole() {
    same(
        &[
            batch(
                &[
                    unnamed("insert into items values (100, 'new', 1)", &[]),
                    unnamed("insert into items values (101, 'new', 1)", &[]),
                    unnamed("select 1/0", &[]),
                    sync(),
                    unnamed("select count(*) from items", &[]),
                    sync(),
                ],
                2,
            ),
            say(&[
                unnamed("insert into items values (102, 'new', 1)", &[]),
                unnamed("select count(*) from items", &[]),
                sync(),
            ]),
        ]
        .concat(),
    );
}

#[test]
fn begin_and_commit_within_one_batch() {
    same(
        &[
            say(&[
                unnamed("insert into items values (100, 'before', 1)", &[]),
                unnamed("begin", &[]),
                unnamed("insert into items values (101, 'within', 1)", &[]),
                unnamed("commit", &[]),
                unnamed("insert into items values (100, 'fails', 1)", &[]),
                sync(),
            ]),
            say(&[query("select id from items where id >= 100 order by id")]),
            say(&[unnamed("begin", &[]), unnamed("select 1", &[]), sync()]),
            say(&[unnamed("savepoint a", &[]), unnamed("select 1/0", &[]), sync()]),
            say(&[unnamed("rollback to a", &[]), unnamed("select 2", &[]), unnamed("commit", &[]), sync()]),
            // A transaction block ends only at its own end, a warning says so.
            say(&[unnamed("commit", &[]), unnamed("rollback", &[]), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn query_in_the_middle_of_a_batch_without_sync() {
    same(
        &[
            batch(
                &[
                    parse("s", "select 'named'"),
                    unnamed("insert into items values (100, 'open', 1)", &[]),
                    query("select 'simple'"),
                    bind("", "s", &[]),
                    execute("", 0),
                    sync(),
                ],
                2,
            ),
            say(&[query("select count(*) from items")]),
            // Skipped like everything else behind an error.
            batch(
                &[
                    unnamed("select 1/0", &[]),
                    query("select 'skipped'"),
                    query("select 'skipped too'"),
                    sync(),
                    query("select 'answered'"),
                ],
                2,
            ),
            vec![Step::Send([unnamed("select 1/0", &[]), flush()].concat()), Step::Until(b'E')],
            batch(&[query("select 'skipped'"), sync(), query("select 'answered'")], 2),
            // It destroys the unnamed statement and portal, but not what was not reached.
            batch(&[parse("", "select 'unnamed'"), query("select 1"), bind("", "", &[]), sync()], 2),
        ]
        .concat(),
    );
}

#[test]
fn unnamed_statement_survives_what_was_skipped_with_a_simple_query() {
    let run = [bind("", "", &[]), execute("", 0), sync()].concat();
    for skipped in [parse("", "select 'skipped'"), close_statement("")] {
        same(&batch(
            &[
                parse("", "select 'kept'"),
                execute("nothing", 0),
                query("begin"),
                query("select 1"),
                skipped,
                sync(),
                run.clone(),
            ],
            2,
        ));
    }
}

#[test]
fn unnamed_statement_survives_what_was_skipped() {
    let skipped = [
        parse("", "select 'never parsed'"),
        query("select 'never run'"),
        close_statement(""),
        close_statement("s"),
        parse("t", "select 'never parsed'"),
    ];
    for skipped in skipped {
        same(
            &[
                say(&[parse("", "select 'unnamed'"), parse("s", "select 'named'"), sync()]),
                say(&[execute("nothing", 0), skipped, sync()]),
                say(&[bind("", "", &[]), execute("", 0), sync()]),
                say(&[bind("", "s", &[]), execute("", 0), sync()]),
                say(&[describe_statement("t"), sync()]),
            ]
            .concat(),
        );
    }
}

#[test]
fn unnamed_statement_is_gone_when_its_successor_does_not_parse() {
    same(
        &[
            say(&[parse("", "select 'unnamed'"), sync()]),
            say(&[parse("", "selec"), sync()]),
            say(&[bind("", "", &[]), execute("", 0), sync()]),
            say(&[parse("", "select 'unnamed'"), sync()]),
            say(&[parse("", "select * from nowhere"), sync()]),
            say(&[describe_statement(""), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn close_in_every_place() {
    same(
        &[
            say(&[close_statement("nothing"), close_portal("nothing"), close_statement(""), sync()]),
            say(&[parse("s", "select 1"), close_statement("s"), close_statement("s"), sync()]),
            say(&[
                parse("s", "select 2"),
                bind("p", "s", &[]),
                close_statement("s"),
                execute("p", 0),
                sync(),
            ]),
            say(&[unnamed("select 3", &[]), close_portal(""), execute("", 0), sync()]),
            say(&[query("begin")]),
            say(&[query("selec")]),
            say(&[close_statement("s"), close_portal("p"), sync()]),
            say(&[query("rollback")]),
        ]
        .concat(),
    );
}
