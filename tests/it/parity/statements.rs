//! Prepared statements, by message and by SQL: names, types, descriptions.

use super::harness::{ask, batch, different, same, say, script};
use crate::support::wire::{
    bind, close_statement, describe_portal, describe_statement, execute, frame, parse, query, sync, unnamed,
};

/// Parse with parameter types.
fn parse_typed(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = [name.as_bytes(), &[0], sql.as_bytes(), &[0]].concat();
    body.extend(u16::try_from(types.len()).unwrap().to_be_bytes());
    types.iter().for_each(|oid| body.extend(oid.to_be_bytes()));
    frame(b'P', &body)
}

/// Bind with formats as they are given and values, `None` for NULL.
fn bind_as(statement: &str, formats: &[u16], values: &[Option<&[u8]>], results: &[u16]) -> Vec<u8> {
    let mut body = [&[0], statement.as_bytes(), &[0]].concat();
    let codes = |codes: &[u16], body: &mut Vec<u8>| {
        body.extend(u16::try_from(codes.len()).unwrap().to_be_bytes());
        codes.iter().for_each(|code| body.extend(code.to_be_bytes()));
    };
    codes(formats, &mut body);
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        match value {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(value) => {
                body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend(*value);
            }
        }
    }
    codes(results, &mut body);
    frame(b'B', &body)
}

#[test]
fn both_kinds_of_describe() {
    let texts = [
        "select $1::int as a, $2::text as b",
        "select * from items where id = $1 and name like $2",
        "insert into items values ($1, $2, $3)",
        "insert into items values ($1, $2, $3) returning *",
        "begin",
        "",
        "-- nothing",
        "show datestyle",
        "select",
        "set application_name = 'x'",
        "explain select 1",
        "copied",
        "values (1, 'a'), (2, 'b')",
    ];
    for text in texts {
        same(
            &[
                say(&[parse("s", text), describe_statement("s"), sync()]),
                say(&[describe_statement("s"), describe_statement("s"), sync()]),
                say(&[parse("", text), describe_statement(""), sync()]),
                say(&[bind("", "s", &[]), describe_portal(""), sync()]),
                ask("rollback"),
            ]
            .concat(),
        );
    }
}

#[test]
fn parameter_types_given_and_found() {
    same(
        &[
            say(&[parse_typed("s", "select $1, $2", &[23, 1184]), describe_statement("s"), sync()]),
            say(&[parse_typed("t", "select $1, $2::int", &[25, 0]), describe_statement("t"), sync()]),
            say(&[parse_typed("u", "select $1 + $2", &[23]), describe_statement("u"), sync()]),
            say(&[parse_typed("v", "select $1::int", &[25]), describe_statement("v"), sync()]),
            say(&[parse_typed("w", "select $1", &[999_999]), describe_statement("w"), sync()]),
            say(&[parse_typed("x", "select $3::int", &[23, 25]), describe_statement("x"), sync()]),
            say(&[parse_typed("y", "select 1", &[23, 25]), describe_statement("y"), sync()]),
            say(&[parse("z", "select $2::int"), sync()]),
            say(&[parse("z", "select $1 = $1"), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn values_in_text_and_binary_and_null() {
    let four = 4_i32.to_be_bytes();
    same(
        &[
            say(&[
                parse_typed("s", "select $1, $2", &[23, 25]),
                bind_as("s", &[], &[Some(b"1"), Some(b"x")], &[]),
                execute("", 0),
                bind_as("s", &[1], &[Some(&four), None], &[1]),
                describe_portal(""),
                execute("", 0),
                bind_as("s", &[1, 0], &[Some(&four), Some("ä€😀".as_bytes())], &[0, 1]),
                describe_portal(""),
                execute("", 0),
                bind_as("s", &[0], &[None, Some(b"")], &[]),
                execute("", 0),
                sync(),
            ]),
            say(&[bind_as("s", &[1, 0, 0], &[Some(&four), None], &[]), sync()]),
            say(&[bind_as("s", &[1], &[Some(b"x"), None], &[]), sync()]),
            say(&[bind_as("s", &[7], &[Some(b"x"), None], &[]), sync()]),
            say(&[bind_as("s", &[], &[Some(b"1"), None], &[0, 0, 0]), execute("", 0), sync()]),
            say(&[bind_as("s", &[], &[Some(b"1"), None], &[9]), execute("", 0), sync()]),
            say(&[bind_as("s", &[], &[Some(b"no"), None], &[]), sync()]),
            say(&[bind_as("s", &[], &[Some(b"1")], &[]), sync()]),
            say(&[bind_as("s", &[], &[Some(b"1"), Some(b"\xff")], &[]), sync()]),
            say(&[bind_as("s", &[], &[Some(b"1"), Some(b"a\0b")], &[]), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn name_in_use_and_statements_that_do_not_parse_under_it() {
    same(
        &[
            say(&[parse("s", "select 1"), sync()]),
            say(&[parse("s", "select 2"), sync()]),
            say(&[parse("s", "select 1"), sync()]),
            say(&[parse("s", "selec"), sync()]),
            say(&[parse("s", "select * from nowhere"), sync()]),
            say(&[bind("", "s", &[]), execute("", 0), sync()]),
            ask("begin"),
            ask("select 1/0"),
            say(&[parse("s", "select 2"), sync()]),
            say(&[parse("s", "rollback"), sync()]),
            say(&[parse("t", "select 2"), sync()]),
            say(&[parse("t", "rollback"), bind("", "t", &[]), execute("", 0), sync()]),
            batch(&[parse("u", "select 3"), sync(), parse("u", "select 4"), sync(), query("select 5")], 3),
        ]
        .concat(),
    );
}

#[test]
fn statement_is_parsed_again_under_its_name_after_close() {
    same(
        &[
            say(&[
                parse("s", "select 1 as one"),
                close_statement("s"),
                parse("s", "select 2 as two"),
                sync(),
            ]),
            say(&[bind("", "s", &[]), describe_portal(""), execute("", 0), sync()]),
            say(&[close_statement("s"), parse("s", "selec"), sync()]),
            say(&[bind("", "s", &[]), sync()]),
            say(&[parse("s", "select 3"), sync()]),
            say(&[bind("", "s", &[]), execute("", 0), sync()]),
        ]
        .concat(),
    );
}

#[test]
fn wrong_number_of_values_names_the_clients_own_statement() {
    let lines = same(
        &[
            say(&[parse("mine", "select $1::int"), sync()]),
            say(&[bind("", "mine", &[]), sync()]),
            say(&[bind("", "mine", &["1", "2"]), sync()]),
            say(&[parse("", "select $1::int"), bind("", "", &[]), sync()]),
        ]
        .concat(),
    );
    assert!(lines[2].ends_with("but prepared statement \"mine\" requires 1"), "{lines:#?}");
}

#[test]
fn error_names_the_statement_that_was_used_of_several_that_are_the_same() {
    let lines = same(
        &[
            say(&[parse("a", "select $1::int"), parse("b", "select $1::int"), sync()]),
            say(&[bind("", "b", &[]), sync()]),
            say(&[bind("", "a", &[]), sync()]),
            say(&[parse("b", "select 2"), sync()]),
            batch(&[bind("", "b", &[]), sync(), close_statement("b"), sync()], 2),
            batch(&[bind("", "a", &[]), close_statement("a"), sync(), bind("", "a", &["1"]), sync()], 2),
        ]
        .concat(),
    );
    assert!(lines[3].contains("prepared statement \"b\" requires 1"), "{lines:#?}");
}

#[test]
fn statements_of_sql() {
    same(&script(&[
        "prepare s (int) as select $1 + 1 as n",
        "execute s (1)",
        "execute s ('x')",
        "execute s (1, 2)",
        "prepare s as select 2",
        "deallocate s",
        "execute s (1)",
        "deallocate s",
        "prepare t as insert into items values (100, 'x', 1) returning id",
        "begin",
        "execute t",
        "execute t",
        "rollback",
        "execute t",
        "deallocate prepare t",
        "prepare a as select 1",
        "prepare b as select 2",
        "deallocate all",
        "execute b",
    ]));
}

#[test]
fn statement_prepared_by_message_is_deallocated_by_sql() {
    same(
        &[
            say(&[parse("s", "select 1"), sync()]),
            ask("deallocate s"),
            say(&[bind("", "s", &[]), sync()]),
            say(&[parse("s", "select 2"), sync()]),
            ask("deallocate all"),
            say(&[bind("", "s", &[]), sync()]),
            say(&[parse("s", "select 3"), sync()]),
            say(&[parse("", "deallocate s"), bind("", "", &[]), execute("", 0), sync()]),
            say(&[bind("", "s", &[]), sync()]),
            ask("deallocate s"),
        ]
        .concat(),
    );
}

#[test]
fn statement_is_deallocated_by_sql_in_the_middle_of_everything() {
    let s = || parse("s", "select 1");
    same(
        &[
            batch(&[s(), sync(), query("deallocate s"), bind("", "s", &[]), sync()], 3),
            batch(&[s(), query("deallocate s"), bind("", "s", &[]), sync()], 2),
            batch(&[s(), bind("", "nothing", &[]), query("deallocate s"), sync(), query("select 2")], 2),
            batch(
                &[query("deallocate s"), s(), bind("", "s", &[]), execute("", 0), query("deallocate s")],
                2,
            ),
            batch(
                &[query("begin"), s(), unnamed("insert into alone values (2)", &[]), query("deallocate s")],
                2,
            ),
            batch(&[query("select 1/0"), query("deallocate s"), query("rollback"), query("deallocate s")], 4),
            batch(
                &[unnamed("insert into alone values (3)", &[]), query("deallocate s"), query("table alone")],
                2,
            ),
        ]
        .concat(),
    );
}

/// PostgreSQL goes on after most of these; the proxy ends the connection: what it cannot read it does not
/// guess at.
#[test]
fn malformed_messages_end_the_connection() {
    let broken = [
        frame(b'P', b"s\0select 1"),
        frame(b'P', b"s\0select 1\0\0\x02\0\0\0\x17"),
        frame(b'B', b"\0"),
        frame(b'D', b"Ss"),
        frame(b'D', b"Xs\0"),
        frame(b'C', b"Xs\0"),
        frame(b'E', b"p\0\0\0"),
        frame(b'Q', b"select 1"),
        frame(b'S', b"x"),
    ];
    for message in broken {
        let (direct, through) = different(&say(&[message, sync()]));
        assert!(direct[0].starts_with("Error ERROR"), "{direct:?}");
        assert_eq!(through, ["Error FATAL 08P01 invalid message format", "end"]);
    }
    same(&say(&[frame(b'y', b"")]));
}

/// A function called by message has no statement that could be judged.
#[test]
fn function_call_is_refused() {
    let call = frame(b'F', &[&1598_u32.to_be_bytes()[..], &[0, 0, 0, 0, 0, 0]].concat());
    let (_, through) = different(&[say(&[call]), ask("select 1")].concat());
    assert_eq!(
        through[..2],
        ["Error ERROR 0A000 FunctionCall messages are not supported", "ReadyForQuery I"]
    );
}
