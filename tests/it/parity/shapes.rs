//! Results of every shape.

use super::harness::{ask, same, say, script};
use crate::support::wire::{bind, describe_portal, execute, parse, sync, unnamed};

#[test]
fn rows_of_several_megabytes() {
    let sql = "select repeat('x', 3000000), repeat('y', 2000000) from generate_series(1, 2)";
    same(&[ask(sql), say(&[unnamed(sql, &[]), sync()])].concat());
    let many = "select n, repeat('z', 100) from generate_series(1, 20000) n";
    same(
        &[ask(many), say(&[parse("", many), bind("", "", &[]), execute("", 15_000), execute("", 0), sync()])]
            .concat(),
    );
}

#[test]
fn many_columns_and_none() {
    let columns: Vec<String> = (0..1600).map(|n| format!("{n} as c{n}")).collect();
    let sql = format!("select {}", columns.join(","));
    same(&[ask(&sql), say(&[unnamed(&sql, &[]), sync()])].concat());
    same(&ask(&format!(
        "{sql}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66"
    )));
    same(&script(&["select", "select from generate_series(1, 3)", "select where false"]));
    same(&say(&[
        parse("", "select from items"),
        bind("", "", &[]),
        describe_portal(""),
        execute("", 5),
        sync(),
    ]));
}

#[test]
fn nulls_types_and_odd_names() {
    same(
        &script(&[
            "select null, null::int, '' as \"\", 'ä€😀' as \"ä€😀\", array[1,null,3], row(1,'x',null)",
            "select 1::smallint, 2::bigint, 3.5::real, 4.5::float8, 'NaN'::numeric, true, '\\x00ff'::bytea",
            "select '{\"a\": 1}'::jsonb, '2020-01-02 03:04:05+06'::timestamptz at time zone 'utc', interval '1 day'",
            "select id, name, price from items where id in (1, 2) union all select 9, null, null order by 1",
            "select i, i.* from items i where id = 1",
            "table items",
            "values (1, 'a'), (null, null)",
            "explain (costs off) select * from items",
            "show all",
        ])[..16],
    );
}
