//! The extended protocol: what PostgreSQL does, the proxy must do message by message, while statements
//! move between server connections.

use std::sync::OnceLock;

use crate::support::proxy::Proxy;
use crate::support::wire::{
    self, Wire, bind, close_portal, close_statement, describe_portal, describe_statement, execute, flush,
    parse, query, sync, unnamed,
};

fn proxy() -> &'static Proxy {
    static PROXY: OnceLock<Proxy> = OnceLock::new();
    PROXY.get_or_init(|| Proxy::start(&["alpha"], |_| {}))
}

/// Has the same conversation with PostgreSQL and with the proxy; they must not differ.
fn parity(conversation: impl Fn(&mut Wire) -> Vec<String>) -> Vec<String> {
    let direct = conversation(&mut proxy().direct("alpha"));
    let through = conversation(&mut proxy().wire("alpha"));
    assert_eq!(through, direct, "the proxy is on the left");
    through
}

/// One write, then everything up to `n` times ReadyForQuery.
fn batch(wire: &mut Wire, messages: &[Vec<u8>], n: usize) -> Vec<String> {
    wire.send(&messages.concat());
    (0..n).flat_map(|_| wire.until_ready()).collect()
}

/// A second client of the tenant that keeps a server connection busy, so that the next client to come
/// gets another one.
fn occupy(proxy: &Proxy) -> Wire {
    let mut wire = proxy.wire("alpha");
    wire.run("begin");
    wire
}

#[test]
fn unnamed_statement_is_parsed_bound_described_and_executed() {
    let lines = parity(|wire| {
        batch(wire, &[unnamed("select $1::int + 1 as n, null as nothing", &["41"]), sync()], 1)
    });
    assert_eq!(
        lines,
        [
            "ParseComplete",
            "BindComplete",
            "RowDescription n|nothing",
            "DataRow 42|NULL",
            "CommandComplete SELECT 1",
            "ReadyForQuery I"
        ]
    );
}

#[test]
fn named_statement_is_described_used_twice_closed_and_unknown_then() {
    let lines = parity(|wire| {
        let mut lines = batch(wire, &[parse("s", "select $1::int as n"), describe_statement("s"), sync()], 1);
        for value in ["1", "2"] {
            lines.extend(batch(wire, &[bind("", "s", &[value]), execute("", 0), sync()], 1));
        }
        lines.extend(batch(wire, &[close_statement("s"), sync()], 1));
        lines.extend(batch(wire, &[bind("", "s", &["3"]), execute("", 0), sync()], 1));
        lines.extend(batch(wire, &[describe_statement("s"), sync()], 1));
        lines
    });
    assert!(lines.iter().any(|line| line == "DataRow 2"));
    assert_eq!(lines.iter().filter(|line| line.contains("26000")).count(), 2);
}

#[test]
fn closing_what_does_not_exist_succeeds() {
    parity(|wire| batch(wire, &[close_statement("none"), close_portal("none"), sync()], 1));
}

#[test]
fn statement_name_in_use_is_refused_and_the_first_definition_stays() {
    let lines = parity(|wire| {
        let mut lines = batch(wire, &[parse("s", "select 'first'"), sync()], 1);
        lines.extend(batch(wire, &[parse("s", "select 'second'"), bind("", "s", &[]), sync()], 1));
        lines.extend(batch(wire, &[bind("", "s", &[]), execute("", 0), sync()], 1));
        lines.extend(batch(
            wire,
            &[close_statement("s"), parse("s", "select 'third'"), bind("", "s", &[]), execute("", 0), sync()],
            1,
        ));
        lines
    });
    assert!(lines.iter().any(|line| line.starts_with("Error ERROR 42P05")));
    assert!(lines.contains(&"DataRow first".into()) && lines.contains(&"DataRow third".into()));
}

/// A batch is one transaction up to its Sync, also when everything before the refusal is answered already.
#[test]
fn refusal_undoes_what_its_batch_did() {
    let lines = parity(|wire| {
        let mut lines = batch(wire, &[parse("s", "select 1"), sync()], 1);
        for refused in [parse("s", "select 2"), bind("", "none", &[]), parse("", "selec")] {
            wire.send(&[unnamed("insert into notes (body) values ('undone')", &[]), flush()].concat());
            while !lines.last().unwrap().starts_with("CommandComplete INSERT") {
                lines.push(wire.recv().to_string());
            }
            lines.extend(batch(wire, &[refused, sync()], 1));
            lines.extend(batch(wire, &[query("select count(*) from notes where body = 'undone'")], 1));
        }
        lines
    });
    assert_eq!(lines.iter().filter(|line| *line == "DataRow 0").count(), 3);
}

#[test]
fn name_whose_parse_failed_is_free_again() {
    parity(|wire| {
        let mut lines = batch(wire, &[parse("s", "selec 1"), sync()], 1);
        lines.extend(batch(wire, &[parse("s", "select nothing_like_this"), sync()], 1));
        lines.extend(batch(wire, &[parse("s", "select 1"), bind("", "s", &[]), execute("", 0), sync()], 1));
        lines
    });
}

#[test]
fn name_whose_parse_was_skipped_is_free_again() {
    parity(|wire| {
        let mut lines =
            batch(wire, &[parse("", "selec"), parse("s", "select 1"), close_statement("t"), sync()], 1);
        lines.extend(batch(wire, &[bind("", "s", &[]), sync()], 1));
        lines.extend(batch(wire, &[parse("s", "select 2"), bind("", "s", &[]), execute("", 0), sync()], 1));
        lines
    });
}

#[test]
fn close_that_was_skipped_has_not_closed() {
    parity(|wire| {
        let mut lines = batch(wire, &[parse("s", "select 1"), sync()], 1);
        lines.extend(batch(wire, &[parse("", "selec"), close_statement("s"), sync()], 1));
        lines.extend(batch(wire, &[bind("", "s", &[]), execute("", 0), sync()], 1));
        lines
    });
}

#[test]
fn wrong_number_or_type_of_parameters_is_the_servers_error() {
    parity(|wire| {
        let mut lines = batch(wire, &[parse("s", "select $1::int"), sync()], 1);
        let short = batch(wire, &[bind("", "s", &[]), execute("", 0), sync()], 1);
        // The server's message has the name it knows the statement by.
        lines.extend(short.iter().map(|line| line.split(", but").next().unwrap().to_owned()));
        lines.extend(batch(wire, &[bind("", "s", &["x"]), execute("", 0), sync()], 1));
        lines.extend(batch(wire, &[bind("", "s", &["7"]), execute("", 0), sync()], 1));
        lines
    });
}

#[test]
fn simple_query_destroys_the_unnamed_statement() {
    let lines = parity(|wire| {
        let mut lines = batch(wire, &[parse("", "select 1"), sync()], 1);
        lines.extend(batch(wire, &[bind("", "", &[]), execute("", 0), sync()], 1));
        lines.extend(batch(wire, &[query("select 2")], 1));
        lines.extend(batch(wire, &[bind("", "", &[]), execute("", 0), sync()], 1));
        lines
    });
    assert!(lines.iter().any(|line| line.contains("26000 unnamed prepared statement does not exist")));
}

#[test]
fn closing_the_unnamed_statement_destroys_it() {
    parity(|wire| {
        let mut lines = batch(wire, &[parse("", "select 1"), close_statement(""), sync()], 1);
        lines.extend(batch(wire, &[bind("", "", &[]), sync()], 1));
        lines
    });
}

#[test]
fn empty_query_in_both_protocols() {
    parity(|wire| {
        let mut lines = batch(wire, &[query("")], 1);
        lines.extend(batch(wire, &[query(" ; ; ")], 1));
        lines.extend(batch(wire, &[unnamed("", &[]), sync()], 1));
        lines
    });
}

#[test]
fn many_batches_in_one_write_are_answered_in_order() {
    let lines = parity(|wire| {
        let mut messages = vec![parse("s", "select $1::int"), sync()];
        for n in 0..200 {
            messages.extend([bind("", "s", &[&n.to_string()]), execute("", 0), sync()]);
        }
        batch(wire, &messages, 201)
    });
    let rows: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("DataRow ")).collect();
    assert_eq!(rows, (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn simple_queries_and_batches_in_one_write() {
    parity(|wire| {
        let messages = [
            query("select 1"),
            unnamed("select $1::text", &["two"]),
            sync(),
            query("select 3; select 4"),
            query("selec"),
            unnamed("select 5", &[]),
            sync(),
            query("select 6"),
        ];
        batch(wire, &messages, 6)
    });
}

#[test]
fn error_in_a_pipeline_skips_to_sync_only() {
    let lines = parity(|wire| {
        let messages = [
            unnamed("select 1", &[]),
            unnamed("select 1/0", &[]),
            unnamed("select 2", &[]),
            parse("lost", "select 3"),
            flush(),
            sync(),
            unnamed("select 4", &[]),
            sync(),
            sync(),
        ];
        let mut lines = batch(wire, &messages, 3);
        lines.extend(batch(wire, &[bind("", "lost", &[]), sync()], 1));
        lines
    });
    assert!(lines.contains(&"DataRow 1".into()) && lines.contains(&"DataRow 4".into()));
    assert!(!lines.contains(&"DataRow 2".into()));
}

#[test]
fn error_before_the_sync_is_sent_skips_what_is_sent_later() {
    let lines = parity(|wire| {
        wire.send(&[unnamed("select 1/0", &[]), flush()].concat());
        let mut lines = wire.messages(2);
        wire.send(&[unnamed("select 'skipped'", &[]), flush()].concat());
        wire.send(&query("select 'skipped too'"));
        lines.extend(batch(wire, &[sync()], 1));
        lines.extend(batch(wire, &[query("select 'runs'")], 1));
        lines
    });
    assert!(!lines.iter().any(|line| line.contains("skipped")));
    assert_eq!(lines.last().unwrap(), "ReadyForQuery I");
}

#[test]
fn flush_answers_before_the_sync() {
    let lines = parity(|wire| {
        let mut lines = Vec::new();
        for (messages, replies) in [
            (vec![parse("s", "select generate_series(1, 3) as n"), flush()], 1),
            (vec![describe_statement("s"), flush()], 2),
            (vec![bind("p", "s", &[]), flush()], 1),
            (vec![describe_portal("p"), flush()], 1),
            (vec![execute("p", 2), flush()], 3),
            (vec![execute("p", 2), flush()], 2),
            (vec![close_portal("p"), close_statement("s"), flush()], 2),
        ] {
            wire.send(&messages.concat());
            lines.extend(wire.messages(replies));
        }
        lines.extend(batch(wire, &[sync()], 1));
        lines
    });
    assert!(lines.contains(&"PortalSuspended".into()));
}

#[test]
fn batch_without_sync_is_not_committed_and_nobody_else_gets_into_it() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let mut first = proxy.wire("alpha");
    first.send(&[unnamed("insert into notes (body) values ('open')", &[]), flush()].concat());
    assert_eq!(first.messages(4).last().unwrap(), "CommandComplete INSERT 0 1");
    let mut second = proxy.wire("alpha");
    assert_eq!(second.value("select count(*) from notes"), "0");
    assert!(second.query("select 1/0")[0].contains("22012"));
    assert_eq!(first.say(&sync()), ["ReadyForQuery I"]);
    assert_eq!(second.value("select count(*) from notes"), "1");
}

#[test]
fn batch_whose_client_leaves_before_its_sync_is_rolled_back() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let mut first = proxy.wire("alpha");
    first.send(&[unnamed("insert into notes (body) values ('open')", &[]), flush()].concat());
    first.messages(4);
    drop(first);
    assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "0");
}

#[test]
fn batch_that_failed_before_its_sync_does_not_swallow_the_next_clients_query() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let mut first = proxy.wire("alpha");
    first.send(&[unnamed("select 1/0", &[]), flush()].concat());
    assert!(first.messages(2)[1].contains("22012"));
    assert_eq!(proxy.wire("alpha").value("select 'mine'"), "mine");
    assert_eq!(first.say(&sync()), ["ReadyForQuery I"]);
}

#[test]
fn portal_gives_its_rows_in_portions_within_a_transaction() {
    let lines = parity(|wire| {
        let mut lines = batch(wire, &[query("begin")], 1);
        let open = [parse("", "select generate_series(1, 5)"), bind("p", "", &[]), execute("p", 2), sync()];
        lines.extend(batch(wire, &open, 1));
        lines.extend(batch(wire, &[execute("p", 2), sync()], 1));
        lines.extend(batch(wire, &[execute("p", 2), sync()], 1));
        lines.extend(batch(wire, &[close_portal("p"), execute("p", 1), sync()], 1));
        lines.extend(batch(wire, &[query("rollback")], 1));
        lines
    });
    assert_eq!(lines.iter().filter(|line| *line == "PortalSuspended").count(), 2);
}

#[test]
fn portal_is_gone_after_the_implicit_transaction() {
    parity(|wire| {
        let open = [parse("", "select generate_series(1, 5)"), bind("p", "", &[]), execute("p", 2), sync()];
        let mut lines = batch(wire, &open, 1);
        lines.extend(batch(wire, &[execute("p", 2), sync()], 1));
        lines
    });
}

#[test]
fn explicit_transaction_in_a_pipeline_with_an_error_in_it() {
    parity(|wire| {
        let messages = [
            unnamed("begin", &[]),
            sync(),
            unnamed("select 1/0", &[]),
            sync(),
            unnamed("select 'aborted'", &[]),
            sync(),
            unnamed("rollback", &[]),
            sync(),
            unnamed("select 'fine'", &[]),
            sync(),
        ];
        batch(wire, &messages, 5)
    });
}

#[test]
fn statement_prepared_in_a_transaction_that_rolls_back_stays_prepared() {
    parity(|wire| {
        let mut lines = batch(wire, &[query("begin")], 1);
        lines.extend(batch(wire, &[parse("s", "select 'still here'"), sync()], 1));
        lines.extend(batch(wire, &[query("rollback")], 1));
        lines.extend(batch(wire, &[bind("", "s", &[]), execute("", 0), sync()], 1));
        lines
    });
}

#[test]
fn malformed_messages_end_the_connection_as_postgresql_ends_it() {
    for broken in [
        wire::frame(b'P', b"no end"),
        wire::frame(b'P', b"\0select 1"),
        wire::frame(b'B', b""),
        wire::frame(b'D', b"X\0"),
        wire::frame(b'C', b""),
        wire::frame(b'E', b"\0\0"),
        wire::frame(b'S', b"x"),
        wire::frame(b'Q', b"select 1"),
        wire::frame(b'z', b""),
        wire::frame(0, b""),
    ] {
        let mut wire = proxy().wire("alpha");
        wire.send(&[broken.clone(), sync()].concat());
        let first = wire.recv().to_string();
        assert!(first.contains("08P01"), "{broken:?}: {first}");
    }
    assert_eq!(proxy().wire("alpha").value("select 1"), "1");
}

#[test]
fn named_statement_follows_its_client_to_another_server_connection() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let mut wire = proxy.wire("alpha");
    wire.say(&[parse("s", "select pg_backend_pid()"), sync()].concat());
    let mut pid = || {
        let lines = wire.say(&[bind("", "s", &[]), describe_portal(""), execute("", 0), sync()].concat());
        assert_eq!(lines.len(), 5, "{lines:?}");
        lines[2].clone()
    };
    let first = pid();
    let mut other = occupy(&proxy);
    let second = pid();
    assert_ne!(first, second);
    other.run("rollback");
}

#[test]
fn unnamed_statement_follows_its_client_to_another_server_connection() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let mut wire = proxy.wire("alpha");
    wire.say(&[parse("", "select $1::text"), sync()].concat());
    for occupied in [false, true] {
        let other = occupied.then(|| occupy(&proxy));
        let lines =
            wire.say(&[describe_statement(""), bind("", "", &["x"]), execute("", 0), sync()].concat());
        assert_eq!(lines[2..4], ["BindComplete", "DataRow x"], "{lines:?}");
        drop(other);
    }
}

#[test]
fn unnamed_statement_of_one_client_is_not_anothers() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.say(&[parse("", "select 'one'"), sync()].concat());
    let lines = two.say(&[bind("", "", &[]), execute("", 0), sync()].concat());
    assert!(lines[0].contains("26000 unnamed prepared statement does not exist"), "{lines:?}");
    two.say(&[parse("", "select 'two'"), sync()].concat());
    for (wire, row) in [(&mut one, "DataRow one"), (&mut two, "DataRow two")] {
        assert_eq!(wire.say(&[bind("", "", &[]), execute("", 0), sync()].concat())[1], row);
    }
}

#[test]
fn same_name_means_each_clients_own_statement() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.say(&[parse("s", "select 'one'"), sync()].concat());
    two.say(&[parse("s", "select 'two'"), sync()].concat());
    for (wire, row) in [(&mut one, "DataRow one"), (&mut two, "DataRow two")] {
        assert_eq!(wire.say(&[bind("", "s", &[]), execute("", 0), sync()].concat())[1], row);
    }
}

#[test]
fn more_statements_than_a_server_connection_keeps_all_work() {
    let mut wire = proxy().wire("alpha");
    for n in 0..600 {
        let lines =
            wire.say(&[parse(&format!("s{n}"), &format!("select {n} as lru_story")), sync()].concat());
        assert_eq!(lines, ["ParseComplete", "ReadyForQuery I"]);
    }
    for n in (0..600).rev() {
        let lines = wire.say(&[bind("", &format!("s{n}"), &[]), execute("", 0), sync()].concat());
        assert_eq!(lines[1], format!("DataRow {n}"));
    }
    let kept = wire.value("select count(*) from pg_prepared_statements");
    assert!(kept.parse::<u32>().unwrap() <= 500, "{kept}");
}

#[test]
fn deallocate_by_sql_reaches_what_was_prepared_by_message() {
    let lines = parity(|wire| {
        let mut lines = batch(wire, &[parse("s", "select 1"), parse("t", "select 2"), sync()], 1);
        lines.extend(batch(wire, &[query("deallocate s")], 1));
        lines.extend(batch(wire, &[bind("", "s", &[]), sync()], 1));
        lines.extend(batch(wire, &[unnamed("deallocate t", &[]), sync()], 1));
        lines.extend(batch(wire, &[bind("", "t", &[]), sync()], 1));
        lines.extend(batch(wire, &[query("deallocate never_there")], 1));
        lines
    });
    assert_eq!(lines.iter().filter(|line| *line == "CommandComplete DEALLOCATE").count(), 2);
    assert_eq!(lines.iter().filter(|line| line.contains("26000")).count(), 3);
}

#[test]
fn statement_deallocated_by_one_client_stays_prepared_for_another() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    for wire in [&mut one, &mut two] {
        wire.say(&[parse("s", "select 'shared'"), sync()].concat());
    }
    assert_eq!(one.say(&[unnamed("deallocate s", &[]), sync()].concat()).last().unwrap(), "ReadyForQuery I");
    assert_eq!(two.say(&[bind("", "s", &[]), execute("", 0), sync()].concat())[1], "DataRow shared");
    one.run("deallocate all");
    assert_eq!(two.say(&[bind("", "s", &[]), execute("", 0), sync()].concat())[1], "DataRow shared");
}

#[test]
fn failed_deallocate_all_has_deallocated_nothing() {
    parity(|wire| {
        let mut lines = batch(wire, &[parse("s", "select 1"), sync()], 1);
        lines.extend(batch(wire, &[query("begin; select 1/0")], 1));
        lines.extend(batch(wire, &[query("deallocate all")], 1));
        lines.extend(batch(wire, &[query("rollback")], 1));
        lines.extend(batch(wire, &[bind("", "s", &[]), execute("", 0), sync()], 1));
        lines
    });
}

#[test]
fn names_the_proxy_uses_on_the_server_are_not_the_clients_to_deallocate() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.say(&[parse("s", "select 'mine'"), sync()].concat());
    for n in 0..5 {
        two.query(&format!("deallocate pgtenant_{n}"));
        two.say(&[unnamed(&format!("deallocate pgtenant_{n}"), &[]), sync()].concat());
    }
    assert_eq!(one.say(&[bind("", "s", &[]), execute("", 0), sync()].concat())[1], "DataRow mine");
}

#[test]
fn discard_all_drops_prepared_statements_and_lets_the_name_be_used_again() {
    for discard in [query("discard all"), [unnamed("discard all", &[]), sync()].concat()] {
        let lines = parity(|wire| {
            let mut lines = batch(wire, &[parse("s", "select 1"), parse("", "select 2"), sync()], 1);
            lines.extend(batch(wire, std::slice::from_ref(&discard), 1));
            lines.extend(batch(wire, &[bind("", "s", &[]), sync()], 1));
            lines.extend(batch(
                wire,
                &[parse("s", "select 3"), bind("", "s", &[]), execute("", 0), sync()],
                1,
            ));
            lines
        });
        assert!(lines.contains(&"DataRow 3".into()));
    }
}

#[test]
fn statement_prepared_behind_discard_all_in_one_write_is_there() {
    for (discard, ready) in [
        (query("discard all"), 2),
        ([unnamed("discard all", &[]), sync()].concat(), 2),
        (query("deallocate all"), 2),
        ([unnamed("deallocate all", &[]), sync()].concat(), 2),
        (unnamed("deallocate all", &[]), 1),
    ] {
        let lines = parity(|wire| {
            let mut lines = batch(wire, &[parse("s", "select 'old'"), sync()], 1);
            let again = [parse("s", "select 'new'"), bind("", "s", &[]), execute("", 0), sync()];
            lines.extend(batch(wire, &[discard.clone(), again.concat()], ready));
            lines.extend(batch(wire, &[bind("", "s", &[]), execute("", 0), sync()], 1));
            lines
        });
        assert_eq!(lines.iter().filter(|line| *line == "DataRow new").count(), 2, "{lines:?}");
        // Nor is the server connection in disorder for others.
        let mut other = proxy().wire("alpha");
        let batch = [parse("x", "select 'new'"), bind("", "x", &[]), execute("", 0), sync()].concat();
        assert_eq!(other.say(&batch)[2], "DataRow new");
    }
}

#[test]
fn setting_made_behind_reset_all_in_one_write_stays_with_its_client() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("set work_mem = '77kB'");
    one.send(&[query("reset all"), query("set geqo = off")].concat());
    one.until_ready();
    one.until_ready();
    assert_eq!(two.value("show geqo"), "on");
    assert_eq!(one.value("show geqo"), "off");
    assert_eq!(one.value("show work_mem"), "4MB");
}

#[test]
fn discard_all_bound_but_not_executed_discards_nothing() {
    // The portal executed is not the one bound last.
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let mut wire = proxy.wire("alpha");
    wire.run("set geqo = off");
    let messages = [
        parse("d", "discard all"),
        parse("s", "select 1"),
        bind("run", "s", &[]),
        bind("not_run", "d", &[]),
        execute("run", 0),
        sync(),
    ];
    let lines = wire.say(&messages.concat());
    assert!(lines.contains(&"DataRow 1".into()), "{lines:?}");
    assert_eq!(wire.value("show geqo"), "off");
    drop(wire);
    assert_eq!(proxy.wire("alpha").value("show geqo"), "on");
}

/// The tables and types a statement is about are those of its own Parse, whoever prepared the text before.
#[test]
fn parse_sees_the_schema_as_it_is_now() {
    let of = |kind: &str| {
        [
            query(&format!("create table renewed (v {kind})")),
            parse(kind, "insert into renewed values ($1) returning *"),
            describe_statement(kind),
            sync(),
            query("drop table renewed"),
        ]
        .concat()
    };
    let lines = parity(|wire| {
        let mut lines = batch(wire, &[of("date")], 3);
        lines.extend(batch(wire, &[of("text")], 3));
        // In a transaction nothing could be tried again.
        lines.extend(batch(wire, &[query("begin"), of("interval"), query("rollback")], 5));
        lines
    });
    let types: Vec<_> = lines.iter().filter(|line| line.starts_with("ParameterDescription")).collect();
    assert!(types.len() == 3 && types[0] != types[1] && types[1] != types[2], "{types:?}");
}

#[test]
fn statement_follows_its_client_to_a_server_connection_with_an_older_copy() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("create type mood as enum ('sad', 'ok')");
    one.run("begin");
    let insert = [bind("", "s", &["ok"]), execute("", 0), sync()].concat();
    for wire in [&mut one, &mut two] {
        batch(wire, &[parse("s", "select $1::mood::text"), sync()], 1);
        assert_eq!(batch(wire, std::slice::from_ref(&insert), 1)[1], "DataRow ok");
    }
    one.run("commit");
    two.run("drop type mood; create type mood as enum ('sad', 'ok')");
    let mut new = proxy.wire("alpha");
    batch(&mut new, &[parse("s", "select $1::mood::text"), sync()], 1);
    let mut pids = std::collections::HashSet::new();
    for busy in [false, true] {
        // The next connection is the other one.
        if busy {
            two.run("begin");
        }
        assert_eq!(batch(&mut new, std::slice::from_ref(&insert), 1)[1], "DataRow ok");
        pids.insert(new.value("select pg_backend_pid()"));
    }
    assert_eq!(pids.len(), 2);
}

/// Two names for one text are one statement on the server; what is closed there to be prepared anew is there
/// again when both are skipped.
#[test]
fn parse_that_was_skipped_or_failed_leaves_what_was_prepared_before() {
    let lines = parity(|wire| {
        let again = [parse("t", "select 'still there'"), bind("", "t", &[]), execute("", 0)].concat();
        let mut lines = batch(wire, &[parse("s", "select 'still there'"), sync()], 1);
        lines.extend(batch(wire, &[parse("", "select 1/0"), parse("", "selec"), again.clone(), sync()], 1));
        lines.extend(batch(wire, &[bind("", "s", &[]), execute("", 0), sync(), again, sync()], 2));
        lines
    });
    assert_eq!(lines.iter().filter(|line| *line == "DataRow still there").count(), 2);
}

#[test]
fn long_statement_and_long_parameter_pass() {
    parity(|wire| {
        let text = format!("select length('{}'), length($1)", "x".repeat(500_000));
        batch(wire, &[unnamed(&text, &[&"y".repeat(3_000_000)]), sync()], 1)
    });
}

#[test]
fn error_with_a_very_long_message_reaches_the_client() {
    parity(|wire| {
        let sql = "do $$ begin raise exception '%', repeat('x', 1500000); end $$";
        let lines = batch(wire, &[query(sql)], 1);
        assert!(lines[0].len() > 1_500_000, "{}", &lines[0][..100]);
        batch(wire, &[query("select 1")], 1)
    });
}

/// A small generator of numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }

    /// One random message of the extended protocol. A statement without a name is used only behind its
    /// Parse: PostgreSQL still has the one before when the Parse is skipped, the proxy has none then.
    fn message(&mut self, unnamed: &mut bool) -> Vec<u8> {
        let portal = self.pick(&["", "", "", "p"]);
        let used = if *unnamed { self.pick(&["", "", "s", "t"]) } else { self.pick(&["s", "s", "t"]) };
        match self.roll(16) {
            0..4 => {
                let name = self.pick(&["", "s", "t"]);
                *unnamed |= name.is_empty();
                parse(
                    name,
                    self.pick(&[
                        "select 1 as a",
                        "select generate_series(1, 4) as b",
                        "select generate_series(1, 9) as c",
                        "select coalesce($1::int, 5) as d",
                        "select 1/(random()*0)::int",
                        "begin",
                        "commit",
                        "rollback",
                        "deallocate all",
                        "discard all",
                        "savepoint x",
                        "",
                        "selec",
                    ]),
                )
            }
            4..8 => {
                let values: &[&str] = if self.roll(8) == 0 { &["7"] } else { &[] };
                bind(portal, used, values)
            }
            8 => describe_statement(used),
            9 => describe_portal(portal),
            10 => close_statement(self.pick(&["s", "t"])),
            11 => close_portal(portal),
            _ => execute(portal, u32::try_from(self.roll(3)).unwrap()),
        }
    }

    /// What is sent before the next ReadyForQuery is waited for.
    fn round(&mut self) -> Vec<u8> {
        if self.roll(4) == 0 {
            return query(self.pick(&[
                "begin",
                "commit",
                "rollback",
                "select 1; select 2",
                "selec",
                "",
                "select 1/0",
                "deallocate s",
                "deallocate all",
                "discard all",
            ]));
        }
        let (mut bytes, mut unnamed) = (Vec::new(), false);
        for _ in 0..=self.roll(8) {
            bytes.extend(self.message(&mut unnamed));
            if self.roll(6) == 0 {
                bytes.extend(flush());
            }
        }
        [bytes, sync()].concat()
    }
}

#[test]
fn random_conversations_go_as_with_postgresql() {
    // The server has other names for statements in its messages. In an aborted transaction it still
    // describes a statement it has, but does not take the Parse of one that it lacks: only how a round
    // ends is compared there.
    let plain = |lines: Vec<String>, aborted: bool| -> Vec<String> {
        let first = if aborted { lines.len() - 1 } else { 0 };
        let plain = |line: &String| match line.split_once(" prepared statement \"") {
            Some((before, _)) => before.to_owned(),
            None => line.clone(),
        };
        lines[first..].iter().map(plain).collect()
    };
    for seed in 1..=8 {
        let (mut dice, mut history, mut aborted) = (Dice(seed), Vec::new(), false);
        let (mut direct, mut through) = (proxy().direct("alpha"), proxy().wire("alpha"));
        for number in 0..60 {
            let round = dice.round();
            let (expected, seen) = (plain(direct.say(&round), aborted), plain(through.say(&round), aborted));
            aborted = expected.last().unwrap() == "ReadyForQuery E";
            history.push(format!("{} => {expected:?}", String::from_utf8_lossy(&round).replace('\0', "·")));
            assert_eq!(seen, expected, "seed {seed}, round {number}: {}", history.join("\n"));
        }
    }
}

#[tokio::test]
async fn tokio_postgres_prepares_once_and_runs_on_any_server_connection() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 2);
    let (client, other) = (proxy.connect("alpha").await, proxy.connect("alpha").await);
    let statement = client.prepare("SELECT $1::int4 * 2, pg_backend_pid()").await.unwrap();
    let mut pids = std::collections::HashSet::new();
    for n in 0..10 {
        if n == 5 {
            other.batch_execute("BEGIN").await.unwrap();
        }
        let row = client.query_one(&statement, &[&n]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), n * 2);
        pids.insert(row.get::<_, i32>(1));
    }
    assert_eq!(pids.len(), 2);
}

#[test]
fn deallocate_that_was_skipped_or_never_executed_has_not_deallocated() {
    for execute_it in [true, false] {
        parity(|wire| {
            let deallocate = match execute_it {
                true => [unnamed("select 1/0", &[]), unnamed("deallocate s", &[])].concat(),
                false => parse("", "deallocate s"),
            };
            let mut lines = batch(wire, &[parse("s", "select 'still there'"), sync()], 1);
            lines.extend(batch(wire, &[deallocate, sync()], 1));
            lines.extend(batch(wire, &[bind("", "s", &[]), execute("", 0), sync()], 1));
            lines.extend(batch(wire, &[parse("t", "select 'still there'"), sync()], 1));
            lines.extend(batch(wire, &[bind("", "t", &[]), execute("", 0), sync()], 1));
            lines
        });
    }
}
