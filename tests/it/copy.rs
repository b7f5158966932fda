//! COPY both ways, and results larger than the proxy would ever hold.

use std::io::Read;
use std::sync::OnceLock;

use crate::support::binary::Binary;
use crate::support::proxy::Proxy;
use crate::support::wire::{
    Wire, bind, copy_data, copy_done, copy_fail, execute, flush, parse, query, sync, terminate,
};

fn proxy() -> &'static Proxy {
    static PROXY: OnceLock<Proxy> = OnceLock::new();
    PROXY.get_or_init(|| {
        let proxy = Proxy::start(&["alpha"], |_| {});
        proxy.direct("alpha").run("create table sheet (n int primary key, t text)");
        proxy
    })
}

/// Has the same conversation, within a transaction that is rolled back, with PostgreSQL and the proxy.
fn parity(conversation: impl Fn(&mut Wire) -> Vec<String>) -> Vec<String> {
    let in_transaction = |mut wire: Wire| {
        wire.run("begin");
        let lines = conversation(&mut wire);
        wire.run("rollback");
        lines
    };
    // The table is one: whoever is second waits for the first one's lock, if anybody else has it.
    let direct = in_transaction(proxy().direct("alpha"));
    let through = in_transaction(proxy().wire("alpha"));
    assert_eq!(through, direct, "the proxy is on the left");
    through
}

const COPY_IN: &str = "copy pg_temp.sheet from stdin";

fn with_table(wire: &mut Wire) {
    wire.run("create temp table sheet (n int primary key, t text)");
    wire.run("savepoint before");
}

/// COPY … FROM STDIN as a batch.
fn extended_copy() -> Vec<u8> {
    [parse("", COPY_IN), bind("", "", &[]), execute("", 0)].concat()
}

#[test]
fn rows_are_copied_in_and_out_by_simple_queries() {
    let lines = parity(|wire| {
        with_table(wire);
        wire.send(&query(COPY_IN));
        let mut lines = wire.messages(1);
        wire.send(&[copy_data("1\tone\n2\tt"), copy_data("wo\n"), copy_done()].concat());
        lines.extend(wire.until_ready());
        lines.extend(wire.query("copy (select * from pg_temp.sheet order by n) to stdout"));
        lines.extend(wire.query("select count(*) from pg_temp.sheet"));
        lines
    });
    assert!(lines.contains(&"CopyData 2\ttwo".into()));
}

#[test]
fn rows_are_copied_in_and_out_by_batches() {
    parity(|wire| {
        with_table(wire);
        // As tokio-postgres does, with a Sync that the server ignores.
        wire.send(&[extended_copy(), sync()].concat());
        let mut lines = wire.messages(3);
        wire.send(&[copy_data("1\tone\n"), copy_done(), sync()].concat());
        lines.extend(wire.until_ready());
        // As libpq does, without.
        wire.send(&[extended_copy(), flush()].concat());
        lines.extend(wire.messages(3));
        wire.send(&[copy_data("2\ttwo\n"), copy_done(), sync()].concat());
        lines.extend(wire.until_ready());
        let out = [parse("", "copy pg_temp.sheet to stdout"), bind("", "", &[]), execute("", 0), sync()];
        lines.extend(wire.say(&out.concat()));
        lines
    });
}

#[test]
fn copy_sent_in_one_write_with_its_data() {
    parity(|wire| {
        with_table(wire);
        wire.send(&[query(COPY_IN), copy_data("1\tone\n"), copy_done(), query("select 1")].concat());
        let mut lines = wire.until_ready();
        lines.extend(wire.until_ready());
        lines.extend(wire.say(&[extended_copy(), copy_data("2\ttwo\n"), copy_done(), sync()].concat()));
        lines
    });
}

#[test]
fn copy_fail_of_the_client_fails_the_statement() {
    parity(|wire| {
        with_table(wire);
        wire.send(&query(COPY_IN));
        let mut lines = wire.messages(1);
        wire.send(&[copy_data("1\tone\n"), copy_fail("changed my mind")].concat());
        lines.extend(wire.until_ready());
        lines.extend(wire.query("rollback to before"));
        wire.send(&[extended_copy(), flush()].concat());
        lines.extend(wire.messages(3));
        wire.send(&[copy_data("1\tone\n"), copy_fail("again"), sync()].concat());
        lines.extend(wire.until_ready());
        lines.extend(wire.query("rollback to before"));
        lines.extend(wire.query("select count(*) from pg_temp.sheet"));
        lines
    });
}

#[test]
fn error_of_the_server_within_copy_skips_the_rest_of_the_data() {
    parity(|wire| {
        with_table(wire);
        wire.send(&query(COPY_IN));
        let mut lines = wire.messages(1);
        wire.send(&copy_data("not a number\tx\n"));
        let mut rest = wire.until_ready();
        lines.append(&mut rest);
        wire.send(&[copy_data("2\ttwo\n"), copy_data("3\tthree\n"), copy_done()].concat());
        lines.extend(wire.query("rollback to before"));
        // In a batch the client's Sync ends it.
        wire.send(&[extended_copy(), flush()].concat());
        lines.extend(wire.messages(3));
        wire.send(&[copy_data("no number\tx\n"), copy_data("2\ttwo\n"), copy_done(), sync()].concat());
        lines.extend(wire.until_ready());
        lines.extend(wire.query("rollback to before"));
        lines
    });
}

#[test]
fn copy_in_outside_of_a_transaction_fails_and_the_client_goes_on() {
    let mut wire = proxy().wire("alpha");
    for bad in [copy_fail("no"), [copy_data("x\n"), copy_done()].concat()] {
        wire.send(&query("copy sheet from stdin"));
        assert_eq!(wire.recv().to_string(), "CopyInResponse");
        let lines = wire.say(&bad);
        assert!(lines[0].starts_with("Error ERROR"), "{lines:?}");
        assert_eq!(lines[1], "ReadyForQuery I");
        assert_eq!(wire.value("select count(*) from sheet"), "0");
    }
}

#[test]
fn copy_of_what_does_not_exist_ignores_the_data_that_follows() {
    parity(|wire| {
        wire.run("savepoint before");
        wire.send(&[query("copy no_such_table from stdin"), copy_data("1\n"), copy_done()].concat());
        let mut lines = wire.until_ready();
        lines.extend(wire.query("rollback to before"));
        lines
    });
}

#[test]
fn copy_data_nobody_asked_for_is_ignored() {
    parity(|wire| {
        wire.send(&[copy_data("1\n"), copy_done(), copy_fail("x"), query("select 1")].concat());
        wire.until_ready()
    });
}

#[test]
fn query_sent_into_copy_data_never_reaches_the_next_client() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let mut wire = proxy.wire("alpha");
    wire.send(&query("copy notes from stdin"));
    assert_eq!(wire.recv().to_string(), "CopyInResponse");
    wire.send(&[copy_data("1\tone\n"), query("select 'stray'"), copy_done()].concat());
    let lines = wire.until_end();
    assert!(lines[0].contains("08P01"), "{lines:?}");
    assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "0");
}

#[test]
fn terminate_within_copy_rolls_it_back() {
    let proxy = Proxy::start(&["alpha"], |config| config.pool.max_server_connections = 1);
    let mut wire = proxy.wire("alpha");
    wire.send(&query("copy notes from stdin"));
    assert_eq!(wire.recv().to_string(), "CopyInResponse");
    wire.send(&[copy_data("1\tone\n"), terminate()].concat());
    assert_eq!(proxy.wire("alpha").value("select count(*) from notes"), "0");
}

#[test]
fn single_copy_frames_of_many_megabytes_pass() {
    let mut wire = proxy().wire("alpha");
    let megabytes = "x".repeat(20 << 20);
    wire.run("begin");
    wire.run("create temp table long (t text)");
    wire.send(
        &[query("copy pg_temp.long from stdin"), copy_data(&megabytes), copy_data("\n"), copy_done()]
            .concat(),
    );
    assert_eq!(wire.until_ready()[1], "CommandComplete COPY 1");
    assert_eq!(wire.value("select length(t) from pg_temp.long"), (20 << 20).to_string());
    assert_eq!(wire.value("select t from pg_temp.long").len(), 20 << 20);
    wire.run("rollback");
}

/// Streams 200 MB to a client that reads in small portions.
#[test]
fn large_result_passes_with_constant_memory() {
    let binary = Binary::start(&["alpha"]);
    let mut wire = binary.wire("alpha");
    wire.run("select 1");
    let before = binary.resident_bytes();
    let rows = 200;
    wire.send(&query(&format!("select repeat('x', 1 << 20) from generate_series(1, {rows})")));
    let (mut read, mut most) = (0, before);
    let mut chunk = vec![0; 256 << 10];
    while read < rows << 20 {
        let n = wire.stream().read(&mut chunk).unwrap();
        assert!(n > 0);
        if read >> 24 != (read + n) >> 24 {
            most = most.max(binary.resident_bytes());
        }
        read += n;
    }
    let growth = most.saturating_sub(before);
    assert!(growth < 16 << 20, "{growth} bytes more while {read} passed");
}

#[test]
fn large_copy_in_passes_with_constant_memory() {
    let binary = Binary::start(&["alpha"]);
    let mut wire = binary.wire("alpha");
    wire.run("begin");
    wire.run("create temp table large (t text)");
    let before = binary.resident_bytes();
    wire.send(&query("copy pg_temp.large from stdin"));
    assert_eq!(wire.recv().to_string(), "CopyInResponse");
    let frame = copy_data(&format!("{}\n", "x".repeat(1 << 20)));
    let mut most = before;
    for n in 0..200 {
        wire.send(&frame);
        if n % 16 == 0 {
            most = most.max(binary.resident_bytes());
        }
    }
    assert_eq!(wire.say(&copy_done())[0], "CommandComplete COPY 200");
    let growth = most.saturating_sub(before);
    assert!(growth < 16 << 20, "{growth} bytes more");
}
