//! Attacks on a proxy in use: while beta works beside, and by messages rather than texts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::attack::alone::{MODES, Mode, attack_as_alpha};
use crate::attack::list::texts;
use crate::attack::world::{Text, World, alive, assert_no_panic, converse, corpus, lines};
use crate::support::wire::{
    Message, Wire, bind, cancel, close_statement, copy_data, copy_done, describe_portal, describe_statement,
    execute, frame, parse, query, sync, unnamed,
};

/// The same attacks where each tenant has server connections of its own, and where both are served on the same. Tests of one
/// world wait for their turn: by these names two of them that run at once are of two worlds.
macro_rules! at_both_levels {
    ($($attack:ident)*) => {
        $(mod $attack {
            use crate::attack::world::World;

            #[test]
            fn dedicated() {
                super::$attack(World::kept());
            }

            #[test]
            fn on_shared_connections() {
                super::$attack(World::kept_on_shared_connections());
            }
        })*
    };
}

at_both_levels! {
    what_no_text_shows_reaches_nothing_of_another_tenant_through_the_proxy
    deny_corpus_is_refused_or_fails_through_the_proxy
    functions_called_by_number_tell_nothing
    parameters_of_any_type_and_value_tell_nothing
    domain_of_another_tenant_is_as_safe_as_the_functions_its_check_calls
    statements_portals_and_cursors_of_others_are_not_there
    cancel_requests_with_guessed_keys_reach_nobody
    bytes_that_are_no_text_and_messages_out_of_place_tell_nothing
}

/// What alpha must never see.
const BEYOND: &str = "table tenant_beta.customers";

/// Beta at work: counts in its ledger, prepared and unprepared, and tells the others on its channel.
pub(super) struct Beside {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Beside {
    pub(super) fn start(world: &World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut wire, marker, ended) = (world.proxy.wire("beta"), world.marker.clone(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || work(&mut wire, &marker, &ended));
        Self { stop, thread: Some(thread) }
    }

    /// Ends it. Fails if anything it was answered was not its own and right.
    pub(super) fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().expect("beta got its own answers throughout")
    }
}

fn work(wire: &mut Wire, marker: &str, ended: &AtomicBool) -> u64 {
    const COUNT: &str = "update ledger set n = n + 1 returning n, owner";
    wire.say(&[parse("beta_stmt", COUNT), sync()].concat());
    let mut n: u64 = wire.value("select n from ledger").parse().unwrap();
    let mut rounds = 0;
    while rounds < 10 || !ended.load(Ordering::Relaxed) {
        let answers =
            [wire.query(COUNT), wire.say(&[bind("", "beta_stmt", &[]), execute("", 0), sync()].concat())];
        for answer in answers {
            n += 1;
            assert!(answer.contains(&format!("DataRow {n}|{marker}")), "{n}: {answer:?}");
        }
        wire.run(&format!("do $$ begin perform pg_notify('c', '{marker}'); end $$"));
        assert_eq!(wire.value("select current_user"), "tenant_beta");
        assert_eq!(wire.value("select count(*) from customers"), "40");
        rounds += 1;
    }
    rounds
}

/// Sends every text as alpha through the proxy. Returns how many were sent, and how many accepted.
fn attack_through_proxy(world: &World, texts: &[Text], modes: &[Mode]) -> (usize, usize) {
    let (mut sent, mut accepted) = (0, 0);
    // What was refused is refused in the same way at both levels: there a tenth of them is followed up.
    let is_dedicated = std::ptr::eq(world, World::kept());
    let follows = |number: usize| is_dedicated || number.is_multiple_of(10);
    for &mode in modes {
        let mut sign = world.sign();
        let mut wire = None;
        for (number, text) in texts.iter().enumerate() {
            let mut connection = wire.take().unwrap_or_else(|| world.proxy.wire("alpha"));
            let (seen, done) = attack_as_alpha(&mut connection, mode, &text.sql, follows(number));
            assert_safe(world, &seen, &format!("{mode:?} {}", text.name));
            sent += 1;
            accepted += usize::from(done);
            wire = (alive(&seen) && !done).then_some(connection);
            if world.sign() != sign {
                wire = None;
                world.restore_alpha();
                sign = world.sign();
            }
        }
        world.assert_untouched(&format!("{mode:?}, one of the texts"));
    }
    (sent, accepted)
}

/// Neither a row of beta's nor a notification came.
pub(super) fn assert_safe(world: &World, seen: &[Message], what: &str) {
    assert!(!world.betrayed(seen), "{what}: {:#?}", lines(seen));
    assert!(!seen.iter().any(|message| message.tag == b'A'), "{what}: {:#?}", lines(seen));
}

#[expect(clippy::print_stdout, reason = "a test tells its counts")]
fn what_no_text_shows_reaches_nothing_of_another_tenant_through_the_proxy(world: &World) {
    let _turn = world.turn();
    let beside = Beside::start(world);
    let texts = texts();
    let (sent, accepted) = attack_through_proxy(world, &texts, &MODES);
    let rounds = beside.end();
    println!(
        "proxy: {} texts, {sent} attacks, {accepted} accepted, 0 escapes, {rounds} rounds of beta",
        texts.len()
    );
    assert_no_panic();
}

#[expect(clippy::print_stdout, reason = "a test tells its counts")]
fn deny_corpus_is_refused_or_fails_through_the_proxy(world: &World) {
    let _turn = world.turn();
    let beside = Beside::start(world);
    let texts = corpus("deny");
    let (sent, accepted) = attack_through_proxy(world, &texts, &[Mode::InTransaction, Mode::Extended]);
    let rounds = beside.end();
    println!(
        "proxy: {} files, {sent} attacks, {accepted} accepted, 0 escapes, {rounds} rounds of beta",
        texts.len()
    );
    assert_eq!(accepted, 0);
    assert_no_panic();
}

/// A number PostgreSQL knows something of beta's by.
fn oid(world: &World, sql: &str) -> Vec<u32> {
    let list = world.ask(&format!("select coalesce(string_agg(oid::text, ' '), '') from ({sql}) as x"));
    list.split_whitespace().map(|oid| oid.parse().unwrap()).collect()
}

/// FunctionCall with text arguments.
fn function_call(function: u32, arguments: &[&str]) -> Vec<u8> {
    let mut body = function.to_be_bytes().to_vec();
    body.extend([0, 0]);
    body.extend(u16::try_from(arguments.len()).unwrap().to_be_bytes());
    for argument in arguments {
        body.extend(u32::try_from(argument.len()).unwrap().to_be_bytes());
        body.extend(argument.as_bytes());
    }
    body.extend([0, 0]);
    frame(b'F', &body)
}

/// Parse with the type of its first parameter, and Bind of one value in this format.
fn typed(sql: &str, parameter_type: u32, value: &[u8], format: u16) -> Vec<u8> {
    let mut parse = [&[0], sql.as_bytes(), &[0, 0, 1]].concat();
    parse.extend(parameter_type.to_be_bytes());
    let mut bind = vec![0, 0, 0, 1];
    bind.extend(format.to_be_bytes());
    bind.extend([0, 1]);
    bind.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
    bind.extend(value);
    bind.extend([0, 0]);
    [
        frame(b'P', &parse),
        describe_statement(""),
        frame(b'B', &bind),
        describe_portal(""),
        execute("", 0),
        sync(),
    ]
    .concat()
}

/// The ways to alpha's session: past the proxy, and through it.
fn both(world: &World) -> [(&'static str, Wire); 2] {
    [("direct", world.proxy.direct("alpha")), ("proxy", world.proxy.wire("alpha"))]
}

fn functions_called_by_number_tell_nothing(world: &World) {
    let _turn = world.turn();
    let of_beta = oid(world, "select oid from pg_proc where pronamespace = 'tenant_beta'::regnamespace");
    let named = |name: &str| oid(world, &format!("select oid from pg_proc where proname = '{name}'"));
    let running = world.running.to_string();
    let table = oid(world, "select 'tenant_beta.customers'::regclass::oid as oid")[0].to_string();
    let texts: &[(&str, &[&str])] = &[
        ("query_to_xml", &[BEYOND, "t", "t", ""]),
        ("set_config", &["role", "tenant_beta", "f"]),
        ("lo_get", &["4711"]),
        ("lo_open", &["4711", "262144"]),
        ("loread", &["0", "100"]),
        ("lo_unlink", &["4711"]),
        ("pg_read_file", &["postmaster.pid"]),
        ("currtid2", &["tenant_beta.customers", "(0,1)"]),
        ("table_to_xml", &[&table, "t", "t", ""]),
        ("pg_terminate_backend", &[&running, "0"]),
        ("pg_cancel_backend", &[&running]),
    ];
    let mut calls: Vec<(u32, Vec<&str>)> = Vec::new();
    calls.extend(of_beta.iter().flat_map(|&oid| (0..3).map(move |n| (oid, vec!["1"; n]))));
    for (name, arguments) in texts {
        calls.extend(named(name).into_iter().map(|oid| (oid, arguments.to_vec())));
    }
    assert!(calls.len() > 30, "{}", calls.len());
    for (way, mut wire) in both(world) {
        for (function, arguments) in &calls {
            let seen = converse(&mut wire, &function_call(*function, arguments), 1);
            assert_safe(world, &seen, &format!("{way}: {function}"));
            assert!(alive(&seen), "{way}: {function}");
            assert!(way == "direct" || seen[0].tag == b'E', "{:?}", lines(&seen));
        }
        assert_safe(world, &converse(&mut wire, &query(BEYOND), 1), way);
    }
    world.assert_untouched("FunctionCall messages");
}

#[expect(clippy::print_stdout, reason = "a test tells its counts")]
fn parameters_of_any_type_and_value_tell_nothing(world: &World) {
    let _turn = world.turn();
    let types =
        oid(world, "select oid from pg_type where typnamespace = 'tenant_beta'::regnamespace order by oid");
    let table = oid(world, "select 'tenant_beta.customers'::regclass::oid as oid")[0];
    let sequence = oid(world, "select 'tenant_beta.customers_id_seq'::regclass::oid as oid")[0];
    let function = oid(world, "select 'tenant_beta.tell'::regproc::oid as oid")[0];
    let mut messages = Vec::new();
    for &oid in &types {
        for value in ["1", "b", "(1,x)", "(1,x,y,1)", "{}", "(x)", "{1}"] {
            for sql in [
                "select $1",
                "select $1::text",
                "select ($1).*",
                "select to_json($1)",
                "select * from (select $1) as x",
            ] {
                messages.push(typed(sql, oid, value.as_bytes(), 0));
            }
        }
    }
    // regclass 2205, oid 26, text 25, regproc 24.
    for (sql, kind, value) in [
        ("select $1::regclass", 2205, table.to_be_bytes()),
        ("select table_to_xml($1, true, true, '')", 2205, table.to_be_bytes()),
        ("select nextval($1)", 2205, sequence.to_be_bytes()),
        ("select setval($1, 1)", 2205, sequence.to_be_bytes()),
        ("select currval($1)", 2205, sequence.to_be_bytes()),
        ("select pg_sequence_last_value($1)", 2205, sequence.to_be_bytes()),
        ("select lo_get($1)", 26, 4711u32.to_be_bytes()),
        ("select loread(lo_open($1, 262144), 100)", 26, 4711u32.to_be_bytes()),
        ("select pg_get_functiondef($1)", 26, function.to_be_bytes()),
        ("select $1::regproc", 24, function.to_be_bytes()),
    ] {
        messages.push(typed(sql, kind, &value, 1));
    }
    for (sql, value) in [
        ("select query_to_xml($1, true, true, '')", "table tenant_beta.customers"),
        ("select * from ts_stat($1)", "select v from tenant_beta.docs"),
        ("select ts_rewrite('a', $1)", "select a, b from tenant_beta.aliases"),
        ("select table_to_xml($1::regclass, true, true, '')", "tenant_beta.customers"),
        ("select schema_to_xml($1, true, true, '')", "tenant_beta"),
        ("select nextval($1)", "tenant_beta.customers_id_seq"),
        ("select setval($1, 1)", "tenant_beta.customers_id_seq"),
        ("select currtid2($1, '(0,1)')", "tenant_beta.customers"),
        ("select set_config($1, 'tenant_beta', false)", "role"),
        ("select set_config($1, 'tenant_beta', false)", "session_authorization"),
        ("select set_config('search_path', $1, false)", "tenant_beta"),
        ("select set_config($1, 'GBK', false)", "client_encoding"),
        ("select * from global.crosstab($1) as x(a text, b text)", "select a, b, c from tenant_beta.t"),
        ("select pg_read_file($1)", "postmaster.pid"),
        ("select * from global.messages where leak(body) and body <> $1", ""),
    ] {
        messages.push(typed(sql, 25, value.as_bytes(), 0));
    }
    println!("{} typed messages, {} types", messages.len(), types.len());
    for (way, mut wire) in both(world) {
        for message in &messages {
            let seen = converse(&mut wire, message, 1);
            assert_safe(world, &seen, &format!("{way}: {}", String::from_utf8_lossy(message)));
            if !alive(&seen) {
                // The encoding was changed where no text shows it.
                assert!(lines(&seen).last().unwrap().contains("FATAL 0A000"), "{way}: {:?}", lines(&seen));
                wire = world.proxy.wire("alpha");
            }
        }
        assert_safe(world, &converse(&mut wire, &query("table customers; table notes_of_beta"), 1), way);
    }
    world.assert_untouched("typed parameters");
    world.restore_alpha();
}

fn domain_of_another_tenant_is_as_safe_as_the_functions_its_check_calls(world: &World) {
    let _turn = world.turn();
    let domain = oid(world, "select 'tenant_beta.d'::regtype::oid as oid")[0];
    let uses = typed("select $1", domain, b"1", 0);
    let set = |sql: &str| world.ask(&format!("do $$ begin {sql}; end $$; select 1"));
    // PostgreSQL asks for USAGE of a schema where a name is looked up, and a type given by its number has
    // none: what then stands is EXECUTE on the function, which PUBLIC has unless it is revoked.
    let mut seen = [false, true].map(|everybody| {
        set(if everybody { "grant execute on function tenant_beta.g() to public" } else { "null" });
        both(world).map(|(_, mut wire)| world.betrayed(&converse(&mut wire, &uses, 1)))
    });
    set("revoke execute on function tenant_beta.g() from public");
    seen.sort_unstable();
    assert_eq!(
        seen,
        [[false; 2], [true; 2]],
        "a function that runs with its owner's rights and is open to all"
    );
    world.assert_untouched("a domain's check");
}

fn statements_portals_and_cursors_of_others_are_not_there(world: &World) {
    let _turn = world.turn();
    let beside = Beside::start(world);
    let mut wire = world.proxy.wire("alpha");
    for name in ["beta_stmt", "p", "c", "s0", "s1", "s2", "pgtenant_1", "1", "S_1"] {
        for message in [
            [bind("", name, &[]), execute("", 0), sync()].concat(),
            [describe_statement(name), sync()].concat(),
            [describe_portal(name), sync()].concat(),
            [execute(name, 0), sync()].concat(),
            query(&format!("execute {name}")),
            query(&format!("fetch all from \"{name}\"")),
        ] {
            let seen = converse(&mut wire, &message, 1);
            assert_safe(world, &seen, name);
            assert!(seen.iter().any(|message| message.tag == b'E'), "{name}: {:?}", lines(&seen));
        }
        for message in [[close_statement(name), sync()].concat(), query(&format!("deallocate \"{name}\""))] {
            assert_safe(world, &converse(&mut wire, &message, 1), name);
        }
    }
    beside.end();
    world.assert_untouched("names of statements");
}

fn cancel_requests_with_guessed_keys_reach_nobody(world: &World) {
    let _turn = world.turn();
    let beside = Beside::start(world);
    let alpha = world.proxy.wire("alpha");
    for step in 0..100u8 {
        // Around one's own number, and the server's number of what runs.
        let near = alpha.pid.wrapping_add(i32::from(step) - 50);
        for pid in [near, world.running, i32::from(step)] {
            for key in [&[0; 4][..], &[step; 4], &alpha.key, &[step; 32]] {
                if pid != alpha.pid {
                    cancel(world.proxy.addr(), pid, key);
                }
            }
        }
    }
    beside.end();
    world.assert_untouched("cancel requests");
}

fn bytes_that_are_no_text_and_messages_out_of_place_tell_nothing(world: &World) {
    let _turn = world.turn();
    let beside = Beside::start(world);
    let hidden: &[&[u8]] = &[
        b"select 1\0; table tenant_beta.customers\0",
        b"select '\x95\\'; table tenant_beta.customers --'\0",
        b"select '\xbf'; table tenant_beta.customers --\0",
        b"select \"\xe0\x80\"; table tenant_beta.customers\0",
        b"table \xc0\xaetenant_beta.customers\0",
        b"table tenant_beta\xef\xbc\x8ecustomers\0",
        b"table \xef\xbb\xbftenant_beta.customers\0",
        b"table tenant_beta\xc2\xa0.customers\0",
        b"table tenant_\xe2\x80\x8bbeta.customers\0",
        b"\xff\xfet\0a\0b\0l\0e\0 \0\0",
        b"table tenant_beta.customers",
        b"",
        b"\0",
        b"\0table tenant_beta.customers\0",
    ];
    let out_of_place = [
        [copy_data("1\n"), copy_done(), query(BEYOND)].concat(),
        [query("copy customers (name) from stdin"), query(BEYOND), copy_done()].concat(),
        [query("copy customers (name) from stdin"), copy_data("x\n"), parse("", BEYOND), sync(), copy_done()]
            .concat(),
        [unnamed("copy customers (name) from stdin", &[]), query(BEYOND), sync()].concat(),
        [parse("", BEYOND), query("select 1"), bind("", "", &[]), execute("", 0), sync()].concat(),
        [parse("", "select 1"), query(BEYOND), bind("", "", &[]), execute("", 0), sync()].concat(),
        [parse("x", BEYOND), sync(), bind("", "x", &[]), execute("", 0), sync()].concat(),
        [frame(b'p', b"secret\0"), query(BEYOND)].concat(),
        [frame(b'W', b""), query(BEYOND)].concat(),
        [frame(b'Z', b"I"), query(BEYOND)].concat(),
        [vec![0, 0, 0, 8, 4, 210, 22, 47], query(BEYOND)].concat(),
    ];
    let messages = hidden
        .iter()
        .flat_map(|body| {
            [frame(b'Q', body), [frame(b'P', &[&[0], *body, &[0, 0]].concat()), sync()].concat()]
        })
        .chain(out_of_place);
    for message in messages {
        let mut wire = world.proxy.wire("alpha");
        wire.try_send(&message);
        wire.half_close();
        let seen: Vec<Message> = std::iter::from_fn(|| wire.try_recv()).collect();
        assert_safe(world, &seen, &String::from_utf8_lossy(&message));
    }
    for encoding in ["GBK", "SJIS", "BIG5", "GB18030", "UHC", "JOHAB", "LATIN1", "SQL_ASCII"] {
        let Ok(mut wire) = world.proxy.wire_with("alpha", &[("client_encoding", encoding)]) else { continue };
        assert_eq!(wire.value("show client_encoding"), "UTF8", "{encoding}");
    }
    for (name, value) in [
        ("search_path", "tenant_beta"),
        ("role", "tenant_beta"),
        ("session_authorization", "tenant_beta"),
        ("options", "-c search_path=tenant_beta"),
        ("options", "-crole=tenant_beta"),
        ("options", "--session_authorization=tenant_beta"),
        ("replication", "database"),
        ("standard_conforming_strings", "off"),
    ] {
        let Ok(mut wire) = world.proxy.wire_with("alpha", &[(name, value)]) else { continue };
        let seen = converse(&mut wire, &query("table customers; select session_user"), 1);
        assert_safe(world, &seen, name);
        assert!(lines(&seen).contains(&"DataRow tenant_alpha".into()), "{name}: {:?}", lines(&seen));
    }
    beside.end();
    world.assert_untouched("messages out of place");
    assert_no_panic();
}
