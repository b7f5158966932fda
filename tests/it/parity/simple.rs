//! Simple queries: several statements, nothing at all, notices.

use super::harness::{ask, batch, same, say, script};
use crate::support::wire::{bind, execute, parse, query, sync, unnamed};

#[test]
fn several_statements_in_one_query_and_errors_in_the_middle() {
    same(&script(&[
        "select 1; select 2; select 3",
        "select 1; select 1/0; select 3",
        "insert into items values (100, 'x', 1); select 1/0",
        "select count(*) from items",
        "select 1; selec; select 3",
        "select 1; select * from nowhere; select 3",
        "insert into items values (100, 'x', 1); insert into items values (101, 'y', 1) returning id",
        "insert into items values (102, 'x', 1); insert into items values (102, 'y', 1)",
        "select count(*) from items",
        "update items set price = 2 where id = 1; delete from items where id > 50; table alone",
        "create temp table made (id int); insert into made values (1); table made",
        "table made",
        "discard all",
    ]));
}

#[test]
fn transaction_control_within_one_query() {
    same(&script(&[
        "begin; select 1; commit; select 2",
        "insert into items values (100, 'x', 1); begin; insert into items values (101, 'x', 1); rollback; select count(*) from items",
        "select count(*) from items",
        "begin; select 1/0; commit",
        "select 'aborted'",
        "commit",
        "select 1; commit; select 2",
        "select 1; rollback; select 2",
        "commit; commit",
        "begin; begin; commit; commit",
        "insert into items values (110, 'x', 1); commit; select 1/0",
        "select count(*) from items",
        "begin; insert into items values (120, 'x', 1)",
        "savepoint a; select 1/0; select 2",
        "rollback to a; select 3",
        "commit and chain; select 4",
        "rollback and no chain",
        "commit and chain",
        "select 1; savepoint a",
        "begin isolation level serializable read only; show transaction_isolation; insert into alone values (2)",
        "rollback",
        "start transaction; end; abort",
        "select 1; vacuum alone",
        "vacuum alone",
        "begin; vacuum alone",
        "rollback",
    ]));
}

#[test]
fn queries_of_nothing() {
    let nothing =
        ["", ";", ";;", " \n\t ", "-- a comment", "/* a comment */", "/* a */; -- b", ";;;select 1;;;"];
    same(&script(&nothing));
    for text in nothing {
        same(&say(&[unnamed(text, &[]), sync()]));
        same(
            &[ask("begin"), ask("selec"), ask(text), say(&[unnamed(text, &[]), sync()]), ask("rollback")]
                .concat(),
        );
    }
    same(&say(&[unnamed("select 1; select 2", &[]), sync()]));
    same(&say(&[parse("", ""), bind("", "", &[]), execute("", 0), execute("", 0), sync()]));
}

#[test]
fn notices_and_warnings() {
    let raise =
        |level: &str| format!("do $$ begin raise {level} 'said %', 1 using hint = 'h', detail = 'd'; end $$");
    for level in ["notice", "warning", "info", "log", "debug", "exception"] {
        let sql = raise(level);
        same(&[ask(&sql), say(&[unnamed(&sql, &[]), sync()])].concat());
    }
    same(&script(&[
        "do $$ begin for n in 1..5 loop raise notice 'n %', n; end loop; end $$; select 1; do $$ begin raise warning 'w'; end $$",
        "rollback",
        "commit",
        "set local datestyle = 'ISO'",
        "savepoint a",
        "drop table if exists nowhere",
        "create table if not exists items (id int)",
        "truncate alone, alone",
        "select 'a\\b', E'c\\'d'",
        "set client_min_messages = 'error'; do $$ begin raise warning 'unheard'; end $$",
        "do $$ begin raise warning 'unheard'; end $$",
        "reset client_min_messages",
        "do $$ begin raise sqlstate 'ZZ123' using message = 'own code'; end $$",
        "do $$ begin raise exception 'with all' using errcode = 'unique_violation', column = 'c', constraint = 'k', table = 't', schema = 's', datatype = 'd'; end $$",
        "do $$ begin perform 1/0; exception when division_by_zero then raise notice '%', sqlerrm; end $$",
        "do $$ begin perform nothing(); end $$",
    ]));
}

#[test]
fn many_queries_in_one_write() {
    let queries: Vec<Vec<u8>> =
        (0..50).map(|n| query(if n % 7 == 3 { "select 1/0" } else { "select 1; select 2" })).collect();
    same(&batch(&queries, 50));
}
