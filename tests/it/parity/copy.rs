//! COPY in both directions and both protocols, with failures of every kind.

use super::harness::{LAST, Step, ask, batch, different, same, say, script};
use crate::support::wire::{
    bind, copy_data, copy_done, copy_fail, describe_portal, describe_statement, execute, flush, frame, parse,
    query, sync, unnamed,
};

const IN: &str = "copy copied from stdin";

/// A simple COPY whose data is sent when the server asks for it.
fn copy(sql: &str, data: &[Vec<u8>]) -> Vec<Step> {
    vec![Step::Send(query(sql)), Step::Until(b'G'), Step::Send(data.concat()), Step::Ready(1)]
}

/// The same by the extended protocol, its Sync behind the data.
fn copy_extended(sql: &str, data: &[Vec<u8>]) -> Vec<Step> {
    let begin = [parse("", sql), bind("", "", &[]), describe_portal(""), execute("", 0), flush()].concat();
    vec![Step::Send(begin), Step::Until(b'G'), Step::Send([data.concat(), sync()].concat()), Step::Ready(1)]
}

fn both(sql: &str, data: &[Vec<u8>]) -> Vec<Step> {
    let count = || ask("select count(*), sum(id) from copied");
    [copy(sql, data), count(), copy_extended(sql, data), count()].concat()
}

#[test]
fn rows_go_in_in_pieces_of_any_size() {
    same(&both(
        IN,
        &[copy_data("1\tone\n2\tt"), copy_data(""), copy_data("wo\n"), copy_data("3\tthree\n"), copy_done()],
    ));
    same(&both(
        "copy copied from stdin (format csv, header)",
        &[copy_data("id,name\n1,\"a\nb\"\n"), copy_done()],
    ));
    same(&both(IN, &[copy_done()]));
    same(&both(IN, &[copy_data("1\tone\n\\.\n"), copy_done()]));
}

#[test]
fn binary_rows_go_in_and_out() {
    let header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let row = b"\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x01x";
    let data = |bytes: &[u8]| frame(b'd', bytes);
    same(&both(
        "copy copied from stdin (format binary)",
        &[data(header), data(row), data(b"\xff\xff"), copy_done()],
    ));
    same(&both("copy copied from stdin (format binary)", &[data(b"nonsense"), copy_done()]));
    same(&ask("copy (select 1::int, 'x', null) to stdout (format binary)"));
}

#[test]
fn errors_in_the_data_at_various_rows() {
    for wrong in [0, 1, 5, 999] {
        let mut rows: Vec<Vec<u8>> = (0..1000).map(|n| copy_data(&format!("{n}\tname {n}\n"))).collect();
        rows[wrong] = copy_data("no number\tx\n");
        rows.push(copy_done());
        same(&both(IN, &rows));
        rows[wrong] = copy_data("1\tx\ttoo many\n");
        same(&both(IN, &rows));
    }
    same(&both("copy items from stdin", &[copy_data("500\tnew\t1\n1\tthere\t1\n"), copy_done()]));
}

#[test]
fn copy_fail_of_the_client() {
    same(&both(IN, &[copy_data("1\tone\n"), copy_fail("on second thoughts")]));
    same(&both(IN, &[copy_fail("")]));
    same(&[ask("begin"), copy(IN, &[copy_fail("no")]), ask("select 1"), ask("rollback")].concat());
}

#[test]
fn flush_and_sync_within_the_data_are_ignored() {
    same(&both(
        IN,
        &[copy_data("1\tone\n"), flush(), sync(), copy_data("2\ttwo\n"), sync(), flush(), copy_done()],
    ));
    same(&both(IN, &[sync(), sync(), flush(), copy_data("no number\n"), flush(), copy_fail("x")]));
}

/// Data of three rows, of which one may be wrong, with Syncs before rows, or before the end.
fn with_syncs(wrong: Option<usize>, syncs: &[usize], end: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    for row in 0..=3 {
        let here = syncs.iter().filter(|before| **before == row).count();
        data.extend(sync().repeat(here));
        match row {
            3 => data.extend_from_slice(end),
            _ if wrong == Some(row) => data.extend(copy_data("no number\tx\n")),
            _ => data.extend(copy_data("1\tone\n")),
        }
    }
    data
}

/// PostgreSQL ignores a Sync that it reads within the data, and answers one that it reads when the COPY has failed.
#[test]
fn sync_within_the_data_of_a_copy_that_fails_counts_behind_the_row_that_is_wrong() {
    let last = query(&format!("select '{LAST}'"));
    let extended = [unnamed(IN, &[]), flush()].concat();
    for (begin, waits) in [(query(IN), true), (query(IN), false), (extended.clone(), true), (extended, false)]
    {
        let mut conversation = Vec::new();
        for wrong in [None, Some(0), Some(1), Some(2)] {
            for syncs in [&[0][..], &[1], &[2], &[3], &[0, 0, 2, 3]] {
                for (end, batch) in [(copy_done(), true), (copy_done(), false), (copy_fail("no"), true)] {
                    let data = with_syncs(wrong, syncs, &end);
                    let behind =
                        if batch { unnamed("select 'behind'", &[]) } else { query("select 'behind'") };
                    let rest = [data, sync(), behind, sync(), last.clone()].concat();
                    conversation.push(Step::Send(begin.clone()));
                    if waits {
                        conversation.push(Step::Until(b'G'));
                    }
                    conversation.extend([Step::Send(rest), Step::Last]);
                    conversation.extend(ask("truncate copied"));
                }
            }
        }
        same(&conversation);
    }
}

/// Here PostgreSQL asks for the data before it finds out that it does not want them.
#[test]
fn sync_right_behind_a_copy_that_fails_before_its_data_are_read_counts() {
    let last = query(&format!("select '{LAST}'"));
    for kind in ["query", "extended", "sync at once"] {
        let mut conversation = script(&[
            "create view shown as select 1 as id, 'x' as name",
            "create function never() returns trigger language plpgsql as $$ begin raise 'never'; end $$",
            "create trigger never before insert on alone execute function never()",
        ]);
        for table in ["shown", "alone", "copied"] {
            let sql = format!("copy {table} from stdin");
            let begin = match kind {
                "query" => query(&sql),
                "extended" => [unnamed(&sql, &[]), flush()].concat(),
                _ => [unnamed(&sql, &[]), sync()].concat(),
            };
            for end in [copy_done(), copy_fail("no")] {
                for data in [vec![], copy_data("1\n"), [sync(), copy_data("1\n")].concat()] {
                    let rest = [data, end.clone(), sync(), query("select 'behind'"), last.clone()].concat();
                    conversation.extend([Step::Send([begin.clone(), rest.clone()].concat()), Step::Last]);
                    conversation.extend([Step::Send(begin.clone()), Step::Until(b'G')]);
                    conversation.extend([Step::Send(rest), Step::Last]);
                }
            }
        }
        conversation.extend(script(&["drop view shown", "drop function never cascade"]));
        same(&conversation);
    }
}

/// What is wrong with these rows PostgreSQL finds out when it writes them, a thousand at a time.
#[test]
fn sync_within_the_data_of_a_copy_that_fails_later_than_at_the_row_that_is_wrong() {
    let last = query(&format!("select '{LAST}'"));
    for rows in [10, 1500, 5000] {
        let mut data = copy_data("1\tthere\t1\n");
        for n in 1000..1000 + rows {
            data.extend(copy_data(&format!("{n}\tx\t1\n")));
            if n % 100 == 0 {
                data.extend(sync());
            }
        }
        let rest =
            [data, copy_done(), sync(), unnamed("select 'behind'", &[]), sync(), last.clone()].concat();
        same(&[Step::Send([unnamed("copy items from stdin", &[]), rest].concat()), Step::Last]);
    }
}

#[test]
fn data_sent_before_the_server_asked_for_it() {
    let rows = [copy_data("1\tone\n"), copy_data("2\ttwo\n")].concat();
    let wrong = copy_data("no number\tx\n");
    for data in [rows.clone(), wrong.clone(), [rows.clone(), wrong].concat(), vec![]] {
        for end in [copy_done(), copy_fail("no")] {
            same(
                &[
                    batch(&[query(IN), data.clone(), end.clone(), query("select 'behind'")], 2),
                    // With its Sync behind the data.
                    batch(
                        &[
                            unnamed(IN, &[]),
                            data.clone(),
                            end.clone(),
                            sync(),
                            unnamed("select 'behind'", &[]),
                            sync(),
                        ],
                        2,
                    ),
                    // As drivers do that send Sync at once: it is ignored within the data.
                    batch(
                        &[unnamed(IN, &[]), sync(), data.clone(), end, sync(), query("select 'behind'")],
                        2,
                    ),
                    ask("select count(*) from copied"),
                ]
                .concat(),
            );
        }
    }
}

#[test]
fn copy_that_does_not_begin_ignores_the_data() {
    for wrong in
        ["copy nowhere from stdin", "copy items from stdin (format nothing)", "copy items(x) from stdin"]
    {
        same(
            &[
                batch(&[query(wrong), copy_data("1\tx\n"), copy_done(), query("select 'behind'")], 2),
                batch(
                    &[
                        unnamed(wrong, &[]),
                        copy_data("1\tx\n"),
                        copy_done(),
                        sync(),
                        query("select 'behind'"),
                    ],
                    2,
                ),
            ]
            .concat(),
        );
    }
    same(
        &[
            batch(&[copy_data("x"), copy_done(), copy_fail("x"), query("select 1"), copy_done()], 1),
            say(&[copy_data("x"), unnamed("select 1", &[]), copy_data("x"), copy_done(), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn copy_in_a_transaction_and_in_a_pipeline() {
    same(
        &[
            ask("begin"),
            copy(IN, &[copy_data("1\tone\n"), copy_done()]),
            copy_extended(IN, &[copy_data("2\ttwo\n"), copy_done()]),
            copy(IN, &[copy_data("no number\n"), copy_done()]),
            ask(IN),
            ask("commit"),
            ask("select count(*) from copied"),
            batch(
                &[
                    unnamed("insert into copied values (7, 'x')", &[]),
                    unnamed(IN, &[]),
                    copy_data("8\tx\n"),
                    copy_done(),
                    unnamed("select count(*) from copied", &[]),
                    sync(),
                ],
                1,
            ),
        ]
        .concat(),
    );
}

#[test]
fn several_copies_in_one_simple_query() {
    same(
        &[
            vec![Step::Send(query("copy copied from stdin; select 1; copy copied from stdin; select 2"))],
            vec![Step::Until(b'G'), Step::Send([copy_data("1\tx\n"), copy_done()].concat())],
            vec![Step::Until(b'G'), Step::Send([copy_data("2\tx\n"), copy_done()].concat()), Step::Ready(1)],
            vec![Step::Send(query("copy copied from stdin; select 1; copy copied from stdin"))],
            vec![Step::Until(b'G'), Step::Send([copy_data("3\tx\n"), copy_done()].concat())],
            vec![Step::Until(b'G'), Step::Send(copy_fail("the second")), Step::Ready(1)],
            ask("copy copied to stdout; copy (select 1) to stdout; select 2"),
        ]
        .concat(),
    );
}

#[test]
fn rows_go_out() {
    same(
        &[
            script(&[
                "copy items to stdout",
                "copy items (id, name) to stdout (format csv, header, quote '''')",
                "copy (select id from items where id < 0) to stdout",
                "copy (select null, '', E'a\\tb\\\\') to stdout",
                "copy nowhere to stdout",
                "copy (selec) to stdout",
                "copy (insert into items values (300, 'x', 1) returning *) to stdout",
            ]),
            say(&[unnamed("copy items to stdout", &[]), sync()]),
            say(&[parse("c", "copy items to stdout"), describe_statement("c"), sync()]),
            // A limit does not hold for COPY.
            say(&[bind("", "c", &[]), execute("", 3), execute("", 3), sync()]),
            say(&[bind("", "c", &[]), execute("", 0), unnamed("select 'behind'", &[]), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn copy_out_that_fails_half_way() {
    let sql = "copy (select 100/(50-n), repeat('x', 500) from generate_series(1, 99) n) to stdout";
    same(
        &[
            ask(sql),
            say(&[unnamed(sql, &[]), sync(), vec![]]),
            ask("begin"),
            say(&[unnamed(sql, &[]), unnamed("select 'skipped'", &[]), sync()]),
            ask("rollback"),
        ]
        .concat(),
    );
}

/// PostgreSQL says ERROR with the line it is in, and then FATAL for having lost its place; the proxy does not
/// pass on what it could not judge, and says FATAL at once.
#[test]
fn query_sent_into_the_data_ends_the_connection() {
    for message in [query("select 1"), parse("", "select 1"), frame(b'y', b"")] {
        let data = [copy_data("1\tone\n"), message].concat();
        let (direct, through) =
            different(&[Step::Send(query(IN)), Step::Until(b'G'), Step::Send(data), Step::End]);
        let unexpected = direct[1].replace("ERROR", "FATAL");
        assert!(unexpected.contains("unexpected message type 0x"), "{direct:?}");
        assert_eq!(through, ["CopyInResponse", &unexpected, "end"]);
        assert_eq!(direct.last().unwrap(), "end");
    }
}

#[test]
fn rows_of_a_megabyte_go_in_and_out() {
    let row = copy_data(&format!("1\t{}\n", "x".repeat(1 << 20)));
    same(&[copy(IN, &[row.clone(), row, copy_done()]), ask("copy copied to stdout")].concat());
}
