//! Whole conversations over TLS, at both levels: what is true in the clear is true encrypted.

use std::thread;

use crate::support::proxy::{Proxy, eventually};
use crate::support::tls::{Authority, Trust};
use crate::support::wire::{
    Wire, bind, copy_data, copy_done, execute, parse, query, sync, terminate, unnamed,
};

/// Rows of about 100 bytes: several megabytes, far more than all buffers on the way.
const ROWS: usize = 60_000;

/// The same for every level, since the path of the bytes is.
fn at_both_levels(test: impl Fn(&Proxy, &Trust)) {
    let authority = Authority::new("test authority");
    let start: [fn(&[&str], &Authority) -> Proxy; 2] = [
        |tenants, authority| {
            let listen = authority.listen(true);
            Proxy::start(tenants, |config| config.listen.tls = Some(listen))
        },
        |tenants, authority| {
            let listen = authority.listen(true);
            Proxy::start_shared(tenants, |config| config.listen.tls = Some(listen))
        },
    ];
    for start in start {
        let proxy = start(&["alpha"], &authority);
        test(&proxy, &authority.trust());
    }
}

#[test]
fn queries_batches_and_errors_are_what_they_are_in_the_clear() {
    at_both_levels(|proxy, trust| {
        let mut wire = proxy.wire_tls(trust, "alpha");
        assert_eq!(wire.value("select 6 * 7"), "42");
        let batch = [unnamed("select $1::text", &["x"]), unnamed("select 1 / 0", &[]), sync()].concat();
        let lines = wire.say(&batch);
        assert!(lines.contains(&"DataRow x".into()), "{lines:#?}");
        assert!(lines.contains(&"Error ERROR 22012 division by zero".into()), "{lines:#?}");
        // Many batches without waiting for one answer.
        let one = [parse("", "select $1::int + 1"), bind("", "", &["41"]), execute("", 0), sync()].concat();
        wire.send(&one.repeat(500));
        for _ in 0..500 {
            assert!(wire.until_ready().contains(&"DataRow 42".into()));
        }
        wire.run("begin; insert into notes (body) values ('kept')");
        wire.run("commit");
        assert_eq!(wire.value("select body from notes"), "kept");
        wire.send(&terminate());
        assert_eq!(wire.until_end(), ["end"]);
    });
}

#[test]
fn megabytes_go_both_ways_at_once_and_nothing_waits_for_ever() {
    at_both_levels(|proxy, trust| {
        let mut wire = proxy.wire_tls(trust, "alpha");
        wire.run("create table sheet (n int, t text)");
        wire.send(&query("copy sheet from stdin"));
        wire.recv();
        let row = |n: usize| copy_data(&format!("{n}\t{}\n", "x".repeat(90)));
        let rows: Vec<u8> = (0..ROWS).flat_map(row).collect();
        wire.send(&[rows, copy_done()].concat());
        assert_eq!(wire.until_ready()[0], format!("CommandComplete COPY {ROWS}"));

        // The server sends megabytes while the client still sends its own, and reads nothing.
        let out = query("copy sheet to stdout");
        let long = query(&format!("select length('{}')", "y".repeat(500_000)));
        wire.send(&[out, long.repeat(4)].concat());
        let lines = wire.until_ready();
        assert_eq!(lines.iter().filter(|line| line.starts_with("CopyData")).count(), ROWS);
        for _ in 0..4 {
            assert!(wire.until_ready().contains(&"DataRow 500000".into()));
        }
        assert_eq!(wire.value("select sum(length(t)) from sheet"), (ROWS * 90).to_string());
    });
}

#[test]
fn idle_listener_hears_what_is_said() {
    at_both_levels(|proxy, trust| {
        let mut listener = proxy.wire_tls(trust, "alpha");
        listener.run("listen news");
        let mut speaker = proxy.wire_tls(trust, "alpha");
        for text in ["one", "two"] {
            speaker.run(&format!("notify news, '{text}'"));
            let heard = listener.recv().to_string();
            assert!(heard.ends_with(&format!("news {text}")), "{heard}");
        }
        assert!(!listener.has_input());
    });
}

#[test]
fn client_that_vanishes_leaves_its_server_connection_as_in_the_clear() {
    at_both_levels(|proxy, trust| {
        let mut admin = proxy.admin();
        let sleeping = format!(
            "select count(*) from pg_stat_activity where datname = '{}' and query like 'select pg_sleep%' \
             and state = 'active'",
            proxy.db.name
        );
        // Within a statement, its TLS session cut off.
        let mut wire = proxy.wire_tls(trust, "alpha");
        wire.send(&query("select pg_sleep(60)"));
        eventually("it runs", || admin.value(&sleeping) == "1");
        drop(wire);
        eventually("it is cancelled", || admin.value(&sleeping) == "0");
        // Within a transaction, with a good-bye.
        let mut wire = proxy.wire_tls(trust, "alpha");
        wire.run("begin; insert into notes (body) values ('lost')");
        wire.close_notify();
        assert_eq!(wire.until_end(), ["end"]);
        let mut wire = proxy.wire_tls(trust, "alpha");
        assert_eq!(wire.value("select count(*) from notes"), "0");
    });
}

#[test]
fn last_words_come_before_a_good_bye() {
    at_both_levels(|proxy, trust| {
        let mut wire = proxy.wire_tls(trust, "alpha");
        wire.send(&[b'!'; 64]);
        let lines = wire.until_end();
        assert!(lines[0].starts_with("Error FATAL 08P01"), "{lines:#?}");
    });
}

#[test]
fn many_clients_connect_and_leave_at_once() {
    let authority = Authority::new("test authority");
    let listen = authority.listen(true);
    let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = Some(listen));
    let trust = authority.trust();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let mut wire: Wire = proxy.wire_tls(&trust, "alpha");
                    assert_eq!(wire.value("select 1"), "1");
                    wire.send(&terminate());
                }
            });
        }
    });
    let counted = proxy.shared().counters.snapshot();
    assert_eq!((counted.tls_begun, counted.tls_failed), (80, 0));
    eventually("all are gone", || proxy.shared().counters.snapshot().clients_current == 0);
}
