//! Servers and clients that go away, at every possible moment.

use std::time::{Duration, Instant};

use pgtenant::cli::cluster::{Options, PrivateCluster, Stop};
use pgtenant::config::ServerAddress;

use crate::support::cluster;
use crate::support::fake::{Fake, FakeConn, error, row};
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{
    Wire, bind, copy_data, copy_done, execute, flush, frame, parse, query, sync, unnamed,
};

fn proxy_with(connections: usize) -> Proxy {
    Proxy::start(&["alpha"], |config| config.pool.max_server_connections = connections)
}

/// Kills the server process from the side.
fn terminate_backend(proxy: &Proxy, pid: i32) {
    assert_eq!(proxy.admin().value(&format!("select pg_terminate_backend({pid})")), "t");
}

/// Waits until the tenants' server processes run a query that contains `text`.
fn until_running(proxy: &Proxy, text: &str) {
    let mut admin = proxy.admin();
    let sql = format!(
        "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%{text}%'"
    );
    eventually("the query runs", || admin.value(&sql) != "0");
}

fn against_fake(script: impl Fn(&mut FakeConn) + Send + Sync + 'static) -> (Proxy, Fake) {
    let fake = Fake::start(cluster().port(), script);
    let port = fake.port;
    let proxy = Proxy::start(&["alpha"], |config| {
        config.server.address = ServerAddress::Tcp("127.0.0.1".into(), port);
        config.pool.max_server_connections = 1;
    });
    (proxy, fake)
}

#[test]
fn server_terminated_within_a_query_gives_57p01_and_the_next_query_works() {
    let proxy = proxy_with(1);
    let mut wire = proxy.wire("alpha");
    let pid = wire.backend();
    wire.send(&query("select pg_sleep(60) as doomed"));
    until_running(&proxy, "doomed");
    terminate_backend(&proxy, pid);
    assert_eq!(
        wire.until_ready(),
        [
            "RowDescription doomed",
            "Error ERROR 57P01 terminating connection due to administrator command",
            "ReadyForQuery I"
        ]
    );
    assert_ne!(wire.backend(), pid);
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn server_terminated_within_a_batch_gives_57p01_and_the_rest_is_skipped_to_sync() {
    let proxy = proxy_with(1);
    let mut wire = proxy.wire("alpha");
    let pid = wire.backend();
    wire.send(&[unnamed("select pg_sleep(60) as doomed", &[]), flush()].concat());
    until_running(&proxy, "doomed");
    terminate_backend(&proxy, pid);
    let lines = wire.messages(4);
    assert!(lines[3].starts_with("Error ERROR 57P01"), "{lines:?}");
    let lines = wire.say(&[unnamed("select 'skipped'", &[]), sync()].concat());
    assert_eq!(lines, ["ReadyForQuery I"]);
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn server_terminated_with_a_pipeline_in_flight_answers_every_batch() {
    let proxy = proxy_with(1);
    let mut wire = proxy.wire("alpha");
    let pid = wire.backend();
    let batch = |sql| [unnamed(sql, &[]), sync()].concat();
    wire.send(&[batch("select pg_sleep(60) as doomed"), query("select 2"), batch("select 3")].concat());
    until_running(&proxy, "doomed");
    terminate_backend(&proxy, pid);
    for _ in 0..3 {
        let lines = wire.until_ready();
        assert!(lines[lines.len() - 2].starts_with("Error ERROR 57P01"), "{lines:?}");
    }
    assert_eq!(wire.value("select 1"), "1");
}

#[test]
fn server_terminated_within_a_transaction_ends_the_client() {
    let proxy = proxy_with(1);
    let mut wire = proxy.wire("alpha");
    wire.run("begin");
    let pid = wire.backend();
    terminate_backend(&proxy, pid);
    let refusal = "Error FATAL 57P01 terminating connection due to administrator command";
    assert_eq!(wire.until_end(), [refusal, "end"]);
    assert_eq!(proxy.wire("alpha").value("select 1"), "1");
}

#[test]
fn server_terminated_while_nobody_uses_it_is_not_noticed_by_anybody() {
    let proxy = proxy_with(1);
    let mut wire = proxy.wire("alpha");
    for _ in 0..3 {
        let pid = wire.backend();
        terminate_backend(&proxy, pid);
        // Until then it may still take a query, and fail it.
        eventually("the process has ended", || proxy.server_connections() == 0);
        assert_ne!(wire.backend(), pid);
    }
}

#[test]
fn prepared_statements_survive_their_server() {
    let proxy = proxy_with(1);
    let mut wire = proxy.wire("alpha");
    wire.say(&[parse("s", "select 'prepared'"), sync()].concat());
    let pid = wire.backend();
    terminate_backend(&proxy, pid);
    eventually("the process has ended", || proxy.server_connections() == 0);
    assert_eq!(wire.say(&[bind("", "s", &[]), execute("", 0), sync()].concat())[1], "DataRow prepared");
}

#[test]
fn crash_and_restart_of_postgresql_is_survived() {
    let mut private = PrivateCluster::start(&Options::default()).unwrap();
    let proxy = Proxy::on(&private, &["alpha"], |_| {});
    let (mut idle, mut in_transaction) = (proxy.wire("alpha"), proxy.wire("alpha"));
    assert_eq!(idle.value("select 1"), "1");
    in_transaction.run("begin");
    private.stop(Stop::Immediate).unwrap();
    let lines = in_transaction.until_end();
    // PostgreSQL says good-bye in a notice then, and just closes.
    assert!(lines[lines.len() - 2].starts_with("Error FATAL 08006"), "{lines:?}");

    let begin = Instant::now();
    let lines = idle.query("select 1");
    assert!(lines[0].starts_with("Error ERROR 08006 could not open a server connection"), "{lines:?}");
    assert_eq!(lines[1], "ReadyForQuery I");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    let lines = idle.say(&[unnamed("select 1", &[]), sync()].concat());
    assert!(lines[0].starts_with("Error ERROR 08006"), "{lines:?}");
    assert_eq!(lines[1..], ["ReadyForQuery I"]);

    private.restart().unwrap();
    assert_eq!(idle.value("select 'back'"), "back");
    assert_eq!(proxy.wire("alpha").value("select 'new'"), "new");
}

#[test]
fn server_that_closes_without_a_word_gives_08006_and_the_next_query_works() {
    let (proxy, fake) = against_fake(|conn| {
        if conn.number > 1 {
            return conn.behave();
        }
        conn.recv();
    });
    let mut wire = proxy.wire("alpha");
    let lines = wire.query("select 1");
    assert_eq!(lines, ["Error ERROR 08006 the server closed the connection unexpectedly", "ReadyForQuery I"]);
    assert_eq!(wire.value("select 1"), "fake 2");
    assert_eq!(fake.logins(), 2);
}

/// The first server connection answers the first query with `broken` and closes; what the client sees.
fn broken_answer(broken: Vec<u8>) -> (Vec<String>, Wire, Proxy) {
    let (proxy, _) = against_fake(move |conn| {
        if conn.number > 1 {
            return conn.behave();
        }
        conn.recv();
        conn.send(&broken);
    });
    let mut wire = proxy.wire("alpha");
    let lines = wire.query("select 1");
    (lines, wire, proxy)
}

#[test]
fn server_that_closes_within_an_error_message_leaves_nothing_of_it_behind() {
    let whole = error("ERROR", "22012", "division by zero");
    for cut in [1, 4, 5, 20, whole.len() - 1] {
        let (lines, mut wire, _proxy) = broken_answer(whole[..cut].to_vec());
        assert!(lines[0].starts_with("Error ERROR 08006"), "{cut}: {lines:?}");
        assert_eq!(wire.value("select 1"), "fake 2", "{cut}");
    }
}

#[test]
fn fatal_error_within_rows_is_told_once_and_the_next_query_works() {
    let answer = row("half");
    let rows = answer[..answer.len() - 20].to_vec();
    let (lines, mut wire, _proxy) =
        broken_answer([rows, error("FATAL", "57P01", "terminating connection")].concat());
    assert_eq!(lines[lines.len() - 2], "Error ERROR 57P01 terminating connection");
    for _ in 0..3 {
        assert_eq!(wire.value("select 1"), "fake 2");
    }
}

#[test]
fn server_that_closes_within_a_row_ends_the_client_because_nothing_can_be_said_after_half_a_row() {
    let answer = row(&"x".repeat(100));
    let (proxy, _) = against_fake(move |conn| {
        if conn.number > 1 {
            return conn.behave();
        }
        conn.recv();
        conn.send(&answer[..80]);
    });
    let mut wire = proxy.wire("alpha");
    wire.send(&query("select 1"));
    assert!(wire.recv().to_string().starts_with("RowDescription"));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wire.try_recv()));
    assert!(ended.is_err(), "the connection ends within a message");
    assert_eq!(proxy.wire("alpha").value("select 1"), "fake 2");
}

#[test]
fn server_out_of_step_ends_the_client_and_never_serves_another() {
    let garbage = [
        frame(b'Z', b"I"),
        frame(b'C', b"SELECT 1\0"),
        frame(b'1', b""),
        frame(b'2', b""),
        frame(b'?', b"what"),
        frame(b'R', &[0; 4]),
        frame(b'Z', b"X"),
        frame(b'Z', b""),
        vec![b'D', 0, 0, 0, 0],
        vec![b'D', 0xff, 0xff, 0xff, 0xff],
        vec![0xff; 100],
    ];
    for broken in garbage {
        // The first message after a ReadyForQuery that nobody waits for.
        let answer = [row("fine"), broken.clone()].concat();
        let (proxy, fake) = against_fake(move |conn| {
            if conn.number > 1 {
                return conn.behave();
            }
            conn.recv();
            conn.send(&answer);
            conn.hang();
        });
        let mut wire = proxy.wire("alpha");
        wire.send(&query("select 1"));
        let first: Vec<String> = (0..4).map_while(|_| wire.try_recv()).map(|m| m.to_string()).collect();
        assert_eq!(first.get(1).map(String::as_str), Some("DataRow fine"), "{broken:?}: {first:?}");
        assert_eq!(proxy.wire("alpha").value("select 1"), "fake 2", "{broken:?}");
        assert_eq!(fake.logins(), 2, "{broken:?}");
    }
}

#[test]
fn wrong_message_in_the_middle_of_an_answer_is_out_of_step() {
    for broken in [frame(b'1', b""), frame(b'R', &[0; 4]), frame(b'K', &[0; 8]), vec![b'D', 0, 0, 0, 3]] {
        let (lines, _, proxy) = broken_answer(broken);
        assert_eq!(lines, ["Error FATAL 08P01 the conversation with the server is out of step", "end"]);
        assert_eq!(proxy.wire("alpha").value("select 1"), "fake 2");
    }
}

#[test]
fn server_that_asks_for_the_password_in_clear_text_does_not_get_it() {
    // The fake has let the tenant in by then; a request for a password is out of step.
    let (lines, ..) = broken_answer(frame(b'R', &[0, 0, 0, 3]));
    assert_eq!(lines[0], "Error FATAL 08P01 the conversation with the server is out of step");
}

#[test]
fn client_of_a_server_that_hangs_can_leave_and_the_place_is_free_again() {
    let (proxy, fake) = against_fake(|conn| if conn.number > 1 { conn.behave() } else { conn.hang() });
    let mut wire = proxy.wire("alpha");
    wire.send(&query("select 1"));
    drop(wire);
    assert_eq!(proxy.wire("alpha").value("select 1"), "fake 2");
    assert_eq!(fake.logins(), 2);
}

#[test]
fn client_gone_within_a_query_stops_it_and_frees_its_place() {
    let proxy = proxy_with(1);
    let mut wire = proxy.wire("alpha");
    wire.send(&query("insert into notes (body) select 'x' from pg_sleep(60)"));
    until_running(&proxy, "pg_sleep(60)");
    drop(wire);
    assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "0");
    assert_eq!(proxy.server_connections(), 1);
}

#[test]
fn client_gone_within_a_transaction_has_it_rolled_back() {
    let proxy = proxy_with(1);
    for left_by in ["close", "terminate", "half close"] {
        let mut wire = proxy.wire("alpha");
        wire.run("begin");
        wire.run("insert into notes (body) values ('uncommitted')");
        match left_by {
            "terminate" => wire.send(&crate::support::wire::terminate()),
            "half close" => wire.half_close(),
            _ => drop(wire),
        }
        let mut next = proxy.wire("alpha");
        assert_eq!(next.value("select count(*) from notes"), "0", "{left_by}");
        assert_eq!(next.value("select now() = statement_timestamp()"), "t", "{left_by}");
    }
}

#[test]
fn client_gone_within_copy_leaves_no_rows_and_frees_its_place_soon() {
    let proxy = proxy_with(1);
    let half_a_frame = copy_data("2\thalf\n")[..7].to_vec();
    for last in [Vec::new(), half_a_frame] {
        let mut wire = proxy.wire("alpha");
        wire.send(&query("copy notes from stdin"));
        assert_eq!(wire.recv().to_string(), "CopyInResponse");
        wire.send(&[copy_data("1\tone\n"), last].concat());
        drop(wire);
        let begin = Instant::now();
        assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "0");
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    }
}

#[test]
fn client_gone_within_a_large_result_frees_its_place() {
    let proxy = proxy_with(1);
    let mut wire = proxy.wire("alpha");
    wire.send(&query("select repeat('x', 1000) from generate_series(1, 1000000)"));
    wire.recv();
    drop(wire);
    assert_eq!(proxy.wire("alpha").value("select 1"), "1");
    assert_eq!(proxy.server_connections(), 1);
}

/// Cancelled, its first batch would not begin the transaction, and the rest would commit without one.
#[test]
fn client_that_leaves_with_a_transaction_on_its_way_commits_nothing_of_it() {
    let proxy = proxy_with(2);
    let (mut leaver, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
    let first = [unnamed("select pg_sleep(0.5)", &[]), unnamed("begin", &[]), sync()].concat();
    leaver.send(&[first, query("insert into notes (body) values ('never committed')")].concat());
    eventually("it works", || {
        other
            .value("select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep%'")
            == "2"
    });
    drop(leaver);
    other.run("select pg_sleep(1)");
    assert_eq!(other.value("select count(*) from notes"), "0");
}

#[test]
fn conversation_cut_at_every_byte_leaves_the_pool_whole() {
    let proxy = proxy_with(2);
    let conversation = [
        query("begin"),
        query("insert into notes (body) values ('never committed')"),
        unnamed("select $1::int", &["1"]),
        sync(),
        parse("s", "select 1"),
        flush(),
        bind("", "s", &[]),
        execute("", 0),
        sync(),
        query("copy notes from stdin"),
        copy_data("1\tnever\n"),
        copy_done(),
        query("rollback"),
        query("select 1"),
    ]
    .concat();
    // Each login costs a SCRAM exchange, so every third byte, and the neighbours of every frame's start.
    for cut in (0..conversation.len()).step_by(3) {
        let mut wire = proxy.wire("alpha");
        wire.send(&conversation[..cut]);
        if cut % 2 == 0 {
            wire.half_close();
            wire.until_end();
        }
        drop(wire);
        let total = proxy.shared().clusters.main().pool.load().total;
        assert!(total <= 2, "{total} server connections after a cut at {cut}");
    }
    let mut next = proxy.wire("alpha");
    assert_eq!(next.value("select count(*) from notes"), "0");
    assert_eq!(
        next.value("select count(*) from pg_prepared_statements where name not like 'pgtenant%'"),
        "0"
    );
    eventually("nobody waits and nothing leaks", || {
        let load = proxy.shared().clusters.main().pool.load();
        load.waiting == 0 && load.total <= 2 && load.idle == load.total
    });
    assert!(proxy.server_connections() <= 2);
    drop(next);
    eventually("every client has left", || proxy.shared().roster.is_empty());
}
