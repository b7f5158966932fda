//! Either side disappears at any byte of a conversation: the pool survives, and nobody gets anything of anybody
//! else's. Every statement carries a token, and every answer must carry the same one.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pgtenant::config::ServerAddress;

use crate::support::cluster;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{
    Wire, bind, close_statement, copy_data, copy_done, describe_portal, execute, flush, parse, query, sync,
    unnamed,
};

/// Threads that cut at once.
const THREADS: usize = 4;

/// A name, what the client sends, and how many ReadyForQuery answer it.
type Conversation = (&'static str, Vec<u8>, usize);

/// Short ones: each is cut at each of its bytes.
fn conversations(token: &str) -> Vec<Conversation> {
    let row = format!("{token}\n");
    vec![
        ("simple", [query(&format!("select '{token}'")), query("select 2")].concat(), 2),
        (
            "transaction",
            [query("begin"), query(&format!("insert into log values ('{token}')")), query("commit")].concat(),
            3,
        ),
        (
            "pipeline",
            [
                unnamed(&format!("select '{token}'"), &[]),
                sync(),
                unnamed("select 1/0", &[]),
                unnamed("select 3", &[]),
                sync(),
            ]
            .concat(),
            2,
        ),
        (
            "prepared",
            [
                parse("s", &format!("select '{token}', $1")),
                flush(),
                bind("p", "s", &["v"]),
                describe_portal("p"),
                execute("p", 1),
                close_statement("s"),
                sync(),
            ]
            .concat(),
            1,
        ),
        (
            "copy in",
            [query("copy log from stdin"), copy_data(&row), copy_data(&row), copy_done(), query("select 4")]
                .concat(),
            2,
        ),
        (
            "state",
            [query("set geqo = off"), query("create temp table t()"), query("select pg_advisory_lock(7)")]
                .concat(),
            3,
        ),
    ]
}

fn proxy(change: impl FnOnce(&mut pgtenant::config::Config) + Send) -> Proxy {
    let proxy = Proxy::start(&["alpha"], |config| {
        config.pool.max_server_connections = 2;
        change(config);
    });
    proxy.wire("alpha").run("create table log (line text)");
    proxy
}

/// Another client, in both protocols: its answers are its own, and nothing was left for it.
fn ask(wire: &mut Wire, token: &str) {
    let sql = format!(
        "select '{token}', current_setting('geqo'), (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), \
         to_regclass('pg_temp.t') is null, pg_current_xact_id_if_assigned() is null"
    );
    let row = format!("DataRow {token}|on|0|t|t");
    let lines = wire.query(&sql);
    assert_eq!(
        lines,
        [
            "RowDescription ?column?|current_setting|count|?column?|?column?",
            &row,
            "CommandComplete SELECT 1",
            "ReadyForQuery I"
        ]
    );
    let lines = wire.say(&[unnamed(&sql, &[]), sync()].concat());
    assert_eq!(lines[lines.len() - 3..], [&row, "CommandComplete SELECT 1", "ReadyForQuery I"]);
}

/// Nobody is in a transaction, nothing waits, and no more connections exist than may.
fn assert_all_is_well(proxy: &Proxy) {
    let mut admin = proxy.admin();
    let role = proxy.role("alpha");
    let busy = format!("select count(*) from pg_stat_activity where usename = '{role}' and state <> 'idle'");
    eventually("every transaction has ended", || admin.value(&busy) == "0");
    eventually("nothing leaks", || {
        let load = proxy.shared().clusters.main().pool.load();
        load.waiting == 0 && load.total <= 2 && proxy.pinned().is_empty()
    });
}

/// Runs `cut` for every number below `total`, on several threads, each with a client of its own that asks after
/// every cut.
fn for_every_byte(proxy: &Proxy, what: &str, total: usize, cut: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (next, cut) = (&next, &cut);
            scope.spawn(move || {
                let mut bystander = proxy.wire("alpha");
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at > total {
                        break;
                    }
                    cut(at);
                    ask(&mut bystander, &format!("bystander {number} after {what} was cut at {at}"));
                }
            });
        }
    });
}

#[test]
fn client_that_disappears_at_any_byte_leaves_nothing_and_takes_nothing_along() {
    let proxy = proxy(|_| {});
    for (what, bytes, _) in conversations("gone") {
        for_every_byte(&proxy, what, bytes.len(), |at| {
            let mut wire = proxy.wire("alpha");
            wire.send(&bytes[..at]);
            if at % 2 == 0 {
                // A reset instead of an end.
                socket2::SockRef::from(wire.stream()).set_linger(Some(Duration::ZERO)).unwrap();
            }
            drop(wire);
        });
        assert_all_is_well(&proxy);
    }
}

/// A relay in front of the server that ends a connection when so many more bytes of the server have passed.
struct Scissors {
    port: u16,
    /// Bytes of the server that may still pass; negative for no limit.
    left: Arc<AtomicI64>,
}

impl Scissors {
    fn start(real: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let left = Arc::new(AtomicI64::new(-1));
        let counter = Arc::clone(&left);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, counter) = (client.unwrap(), Arc::clone(&counter));
                thread::spawn(move || relay(client, real, &counter));
            }
        });
        Self { port, left }
    }
}

fn relay(mut client: TcpStream, real: u16, left: &AtomicI64) {
    let mut server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], real))).unwrap();
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let upstream = thread::spawn(move || {
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(Shutdown::Both);
    });
    let mut chunk = [0; 4096];
    while let Ok(n) = from.read(&mut chunk) {
        let before = left.load(Ordering::SeqCst);
        let passes = if before < 0 { n } else { n.min(usize::try_from(before).unwrap()) };
        if before >= 0 {
            left.store(before - i64::try_from(passes).unwrap(), Ordering::SeqCst);
        }
        if to.write_all(&chunk[..passes]).is_err() || n == 0 || passes < n {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
    let _ = upstream.join();
}

/// The conversation as it goes, up to its last ReadyForQuery or the end.
fn hold(wire: &mut Wire, (_, bytes, ready): &Conversation) -> Vec<String> {
    let mut lines = Vec::new();
    if !wire.try_send(bytes) {
        return lines;
    }
    for _ in 0..*ready {
        lines.extend(wire.until_ready());
        if lines.last().is_some_and(|line| line == "end") {
            break;
        }
    }
    lines
}

#[test]
fn server_that_disappears_at_any_byte_gives_whole_messages_then_an_error_and_nobody_elses() {
    let all = conversations("asked");
    thread::scope(|scope| {
        // Each with a proxy and a pair of scissors of its own: what is cut must be this conversation.
        for conversation in &all {
            scope.spawn(move || cut_answers(conversation));
        }
    });
}

fn cut_answers(conversation: &Conversation) {
    let what = conversation.0;
    let scissors = Scissors::start(cluster().port());
    let proxy = proxy(|config| {
        config.server.address = ServerAddress::Tcp("127.0.0.1".into(), scissors.port);
        config.pool.max_server_connections = 1;
    });
    let whole = hold(&mut proxy.wire("alpha"), conversation);
    let mut bystander = proxy.wire("alpha");
    for at in 0_i64.. {
        assert!(at < 2000, "{what} never went through");
        let mut wire = proxy.wire("alpha");
        // Of a message whose head was passed on the rest may be lost, as on a direct connection.
        wire.may_break = true;
        // The server may still be asked what the bystander left, which is not to be cut.
        eventually("nobody has the connection", || {
            let load = proxy.shared().clusters.main().pool.load();
            load.idle == load.total
        });
        scissors.left.store(at, Ordering::SeqCst);
        let lines = hold(&mut wire, conversation);
        let was_cut = scissors.left.swap(-1, Ordering::SeqCst) == 0;
        check(what, at, &lines, &whole);
        drop(wire);
        ask(&mut bystander, &format!("bystander after {what} {at}"));
        // Past the end of what the server sends nothing is cut.
        if !was_cut {
            assert_eq!(lines, whole, "{what}, {at}");
            break;
        }
    }
    assert_all_is_well(&proxy);
}

/// Up to the cut the answers are those of the whole conversation, message by message; then there is an error of
/// the class of lost connections, or the end. Behind it the session may go on: with what it asked later.
fn check(what: &str, at: i64, lines: &[String], whole: &[String]) {
    let same = lines.iter().zip(whole).take_while(|(line, expected)| line == expected).count();
    let Some(line) = lines.get(same) else { return };
    let lost = ["57P01", "57P02", "57P03", "08006", "08003", "08000"];
    let is_lost = line == "end" || (line.starts_with("Error") && lost.iter().any(|code| line.contains(code)));
    assert!(is_lost, "{what} cut at {at}: {lines:#?}\n of {whole:#?}");
    // What the server did not acknowledge is not reported as done.
    let committed = |lines: &[String]| lines.iter().any(|line| line == "CommandComplete COMMIT");
    if committed(lines) {
        assert!(committed(&whole[..same]), "{what} cut at {at}: {lines:#?}");
    }
}
