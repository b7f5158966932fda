//! LISTEN, UNLISTEN, NOTIFY and pg_notify through the proxy: what PostgreSQL does, for each tenant by itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pgtenant::config::Config;

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, execute, parse, query, sync, unnamed};

fn start(tenants: &[&str]) -> Proxy {
    Proxy::start(tenants, |_| {})
}

fn start_with(tenants: &[&str], change: impl FnOnce(&mut Config) + Send) -> Proxy {
    Proxy::start(tenants, change)
}

/// What a client was told, without process ids.
fn told(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .filter_map(|line| line.strip_prefix("Notification "))
        .map(|rest| rest.split_once(' ').map_or("", |(_, text)| text).to_owned())
        .collect()
}

/// The next notification, without its process id.
fn hear(wire: &mut Wire) -> String {
    let message = wire.recv().to_string();
    told(std::slice::from_ref(&message)).pop().unwrap_or(message)
}

/// Nothing more comes: a marker that is sent now comes next.
fn nothing_before_marker(listener: &mut Wire, other: &mut Wire) {
    listener.run("listen marker");
    other.run("notify marker, 'end'");
    assert_eq!(hear(listener), "marker end");
}

#[test]
fn notification_reaches_idle_listeners_of_the_tenant_and_nobody_else() {
    let proxy = start(&["alpha", "beta"]);
    let mut one = proxy.wire("alpha");
    let mut two = proxy.wire("alpha");
    let mut other = proxy.wire("beta");
    for wire in [&mut one, &mut two, &mut other] {
        assert_eq!(wire.query("LISTEN news"), ["CommandComplete LISTEN", "ReadyForQuery I"]);
    }
    let mut speaker = proxy.wire("alpha");
    assert_eq!(speaker.query("NOTIFY news, 'it''s'"), ["CommandComplete NOTIFY", "ReadyForQuery I"]);
    let line = format!("Notification {} news it's", speaker.pid);
    assert_eq!(one.recv().to_string(), line);
    assert_eq!(two.recv().to_string(), line);
    other.run("notify news");
    assert_eq!(other.query("select 1").len(), 4, "only its own was heard, before its answer");
}

#[test]
fn own_notification_comes_before_ready_for_query() {
    let proxy = start(&["alpha"]);
    let mut wire = proxy.wire("alpha");
    let own = |text: &str| format!("Notification {} {text}", wire.pid);
    let (x, y) = (own("x "), own("y p"));
    assert_eq!(
        wire.query("LISTEN x; NOTIFY x;"),
        ["CommandComplete LISTEN", "CommandComplete NOTIFY", x.as_str(), "ReadyForQuery I"]
    );
    assert_eq!(wire.query("NOTIFY x"), ["CommandComplete NOTIFY", x.as_str(), "ReadyForQuery I"]);
    wire.run("LISTEN y");
    let lines = wire.query("select pg_notify('y', 'p')");
    assert_eq!(
        lines,
        ["RowDescription pg_notify", "DataRow ", "CommandComplete SELECT 1", y.as_str(), "ReadyForQuery I"]
    );
    wire.run("begin");
    assert_eq!(told(&wire.query("notify x; notify x; notify y, 'p'")), [""; 0]);
    assert_eq!(wire.query("commit"), ["CommandComplete COMMIT", x.as_str(), y.as_str(), "ReadyForQuery I"]);
    let mut batch = unnamed("select pg_notify($1, $2)", &["y", "p"]);
    batch.extend(sync());
    assert!(wire.say(&batch).contains(&y));
}

#[test]
fn rollback_and_savepoints_undo_listen_and_unlisten() {
    let proxy = start(&["alpha"]);
    let mut speaker = proxy.wire("alpha");
    let mut wire = proxy.wire("alpha");
    let cases: &[(&[&str], &[&str])] = &[
        (&["begin", "listen a", "rollback"], &[]),
        (&["begin", "listen a", "savepoint s", "listen b", "rollback to s", "commit"], &["a"]),
        (&["begin", "listen b", "commit"], &["a", "b"]),
        (&["begin", "unlisten a", "rollback"], &["a", "b"]),
        (&["begin", "unlisten a", "savepoint s", "unlisten b", "rollback to s", "commit"], &["b"]),
        (&["begin; unlisten *; listen c; savepoint s; unlisten *; rollback to s; commit"], &["c"]),
        (&["listen a; select 1/0"], &["c"]),
        (&["unlisten c; select 1/0"], &["c"]),
        (&["begin", "unlisten *", "listen a", "unlisten a", "listen b", "commit"], &["b"]),
        (&["begin", "unlisten b", "select 1/0", "commit"], &["b"]),
        (&["begin; listen a; commit; begin; unlisten a; rollback"], &["a", "b"]),
        (&["begin", "listen c", "unlisten a", "release nothing", "rollback"], &["a", "b"]),
        (&["unlisten *"], &[]),
    ];
    for (texts, heard) in cases {
        for text in *texts {
            wire.query(text);
        }
        speaker.run("begin; notify a; notify b; notify c; commit");
        let heard: Vec<String> = heard.iter().map(|name| format!("{name} ")).collect();
        let got: Vec<String> = heard.iter().map(|_| hear(&mut wire)).collect();
        assert_eq!(got, heard, "{texts:?}");
    }
    nothing_before_marker(&mut wire, &mut speaker);
}

#[test]
fn same_conversation_directly_and_through_the_proxy() {
    let proxy = start(&["alpha"]);
    let texts = [
        "listen x",
        "notify x, 'one'",
        "listen \"X y\"; notify \"X y\"",
        "begin",
        "notify x, 'two'",
        "select 1",
        "unlisten x",
        "notify x, 'three'",
        "commit",
        "notify x, 'four'",
        "unlisten nothing",
        "notify \"X y\", 'five'; select 1; notify \"X y\", 'six'",
        "do $$ begin perform pg_notify('X y', 'no order is promised here'); end $$; unlisten *",
        "notify \"X y\"",
        "begin; listen z; notify z, 'a'; commit; notify z, 'b'",
        "begin; notify z, 'lost'; rollback",
        "notify z, 'c'; select 1/0",
        "listen",
        "notify z, 'd'",
        "discard all",
        "notify z, 'e'",
    ];
    let (mut direct, mut proxied) = (proxy.direct("alpha"), proxy.wire("alpha"));
    let plain = |wire: &mut Wire, text: &str| -> Vec<String> {
        let pid = format!("Notification {} ", wire.pid);
        wire.query(text)
            .into_iter()
            .filter(|line| !line.contains("promised"))
            .map(|line| line.replace(&pid, "Notification own "))
            .collect()
    };
    for text in texts {
        assert_eq!(plain(&mut proxied, text), plain(&mut direct, text), "{text}");
    }
}

#[test]
fn extended_protocol_listens_and_notifies() {
    let proxy = start(&["alpha"]);
    let (mut wire, mut speaker) = (proxy.wire("alpha"), proxy.wire("alpha"));
    let mut batch = unnamed("listen x", &[]);
    batch.extend(sync());
    assert_eq!(
        wire.say(&batch),
        ["ParseComplete", "BindComplete", "NoData", "CommandComplete LISTEN", "ReadyForQuery I"]
    );
    speaker.run("notify x, '1'");
    assert_eq!(hear(&mut wire), "x 1");
    // Prepared once, run by another server connection's session each time.
    wire.say(&[parse("l", "listen y"), parse("u", "unlisten y"), sync()].concat());
    for _ in 0..3 {
        wire.say(&[bind("", "l", &[]), execute("", 0), sync()].concat());
        speaker.run("notify y");
        assert_eq!(hear(&mut wire), "y ");
        wire.say(&[bind("", "u", &[]), execute("", 0), sync()].concat());
        speaker.run("notify y");
    }
    // A pipeline of several transactions in one write.
    let two =
        [unnamed("listen z", &[]), sync(), unnamed("notify z, 'own'", &[]), sync(), query("notify z, 'q'")];
    wire.send(&two.concat());
    let lines = [wire.until_ready(), wire.until_ready(), wire.until_ready()].concat();
    assert_eq!(told(&lines), ["z own", "z q"]);
    // An error undoes what the batch did before.
    wire.say(
        &[unnamed("listen w", &[]), unnamed("unlisten z", &[]), unnamed("select 1/0", &[]), sync()].concat(),
    );
    speaker.run("notify w; notify z");
    assert_eq!(hear(&mut wire), "z ");
    nothing_before_marker(&mut wire, &mut speaker);
}

#[test]
fn ten_thousand_notifications_come_in_their_order() {
    let proxy = start(&["alpha"]);
    let mut wire = proxy.wire("alpha");
    wire.run("listen n");
    let mut speaker = proxy.wire("alpha");
    speaker.run("do $$ begin for i in 1..5000 loop perform pg_notify('n', i::text); end loop; end $$");
    for n in (5001..10_000).step_by(100) {
        let texts: String = (n..n + 100).map(|n| format!("notify n, '{n}';")).collect();
        speaker.run(&texts);
    }
    for n in 1..=10_000 {
        assert_eq!(hear(&mut wire), format!("n {n}"));
    }
}

#[test]
fn notifications_wait_for_the_end_of_the_listener_s_transaction() {
    let proxy = start(&["alpha"]);
    let (mut wire, mut speaker) = (proxy.wire("alpha"), proxy.wire("alpha"));
    wire.run("listen n");
    wire.run("begin");
    for n in 0..50 {
        speaker.run(&format!("notify n, '{n}'"));
        assert_eq!(told(&wire.query("select 1")), [""; 0]);
    }
    let lines = wire.query("commit");
    let more = (0..50 - told(&lines).len()).map(|_| hear(&mut wire)).collect::<Vec<_>>();
    let all = [told(&lines), more].concat();
    assert_eq!(all, (0..50).map(|n| format!("n {n}")).collect::<Vec<_>>());
}

#[test]
fn what_was_committed_before_listen_is_not_heard_and_nothing_after_is_lost() {
    let proxy = start(&["alpha"]);
    let (mut other, mut speaker) = (proxy.wire("alpha"), proxy.wire("alpha"));
    other.run("listen n");
    for round in 0..50 {
        let mut wire = proxy.wire("alpha");
        speaker.run(&format!("notify n, 'early {round}'"));
        wire.run("listen n");
        speaker.run(&format!("notify n, 'late {round}'"));
        assert_eq!(hear(&mut wire), format!("n late {round}"));
    }
    let mut wire = proxy.wire("alpha");
    wire.run("begin");
    wire.run("listen m");
    speaker.run("notify m, 'early'");
    other.run("listen m");
    speaker.run("select pg_sleep(0.05)");
    wire.run("commit");
    speaker.run("notify m, 'late'");
    assert_eq!(hear(&mut wire), "m late");
}

#[test]
fn payload_and_names_of_any_length_are_as_they_were_given() {
    let proxy = start(&["alpha"]);
    let mut wire = proxy.wire("alpha");
    let mut speaker = proxy.wire("alpha");
    let payload = "ä\\'\"".repeat(1333).chars().take(6664).collect::<String>();
    let payload = &payload[..payload.char_indices().take_while(|(at, _)| *at < 7990).last().unwrap().0];
    let names = ["x".repeat(38), "x".repeat(39), "x".repeat(63), "É \"q\"".to_owned(), "#a:b".to_owned()];
    for name in &names {
        let quoted = name.replace('"', "\"\"");
        wire.run(&format!("listen \"{quoted}\""));
        speaker.run(&format!("notify \"{quoted}\", '{}'", payload.replace('\'', "''")));
        assert_eq!(hear(&mut wire), format!("{name} {payload}"));
        let literal = name.replace('\'', "''");
        speaker.run(&format!("select pg_notify('{literal}', 'f')"));
        assert_eq!(hear(&mut wire), format!("{name} f"));
        speaker.run(&format!("do $$ begin perform pg_notify('{literal}', 'g'); end $$"));
        assert_eq!(hear(&mut wire), format!("{name} g"));
        wire.run(&format!("unlisten \"{quoted}\""));
    }
    let long = "é".repeat(40);
    wire.run(&format!("listen {long}"));
    speaker.run(&format!("notify {long}"));
    assert_eq!(hear(&mut wire), format!("{} ", "é".repeat(31)));
    for (sql, error) in [
        ("select pg_notify('', 'x')", "22023 channel name cannot be empty"),
        ("select pg_notify(NULL, 'x')", "22023 channel name cannot be empty"),
        (&*format!("select pg_notify('{}', '')", "z".repeat(64)), "22023 channel name too long"),
        (&*format!("notify x, '{}'", "z".repeat(8000)), "22023 payload string too long"),
    ] {
        assert!(speaker.query(sql).iter().any(|line| line.ends_with(error)), "{sql}");
    }
}

#[test]
fn five_hundred_idle_listeners_hold_no_server_connection() {
    let proxy = start_with(&["alpha"], |config| {
        config.listen.max_clients = 600;
        config.pool.max_server_connections = 2;
        config.limits.max_server_connections = 2;
    });
    let mut listeners: Vec<Wire> = (0..500).map(|_| proxy.wire("alpha")).collect();
    for (n, wire) in listeners.iter_mut().enumerate() {
        wire.run(&format!("listen everybody; listen only{}", n % 10));
    }
    assert!(proxy.server_connections() <= 2);
    let mut speaker = proxy.wire("alpha");
    speaker.run("notify everybody, 'a'");
    speaker.run("notify only3, 'b'");
    for (n, wire) in listeners.iter_mut().enumerate() {
        assert_eq!(hear(wire), "everybody a");
        if n % 10 == 3 {
            assert_eq!(hear(wire), "only3 b");
        }
    }
    let snapshot = proxy.shared().counters.snapshot();
    assert_eq!((snapshot.listeners_current, snapshot.notifications_delivered), (500, 550));
    assert!(snapshot.pins.is_empty());
    drop(listeners);
    eventually("all have left", || proxy.shared().counters.snapshot().listeners_current == 0);
}

#[test]
fn reset_strings_of_drivers_cost_nothing_where_nobody_listens() {
    let proxy = start(&["alpha"]);
    let mut wire = proxy.wire("alpha");
    for text in
        ["UNLISTEN *", "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;", "DISCARD ALL"]
    {
        wire.run(text);
    }
    let snapshot = proxy.shared().counters.snapshot();
    assert!(snapshot.pins.is_empty());
    assert_eq!(proxy.admin().value("select count(*) from pg_stat_activity where application_name = 'pgtenant notifications' and datname = current_database()"), "0");
}

#[test]
fn unlisten_discard_and_reset_strings_end_it() {
    let proxy = start(&["alpha"]);
    let (mut wire, mut speaker) = (proxy.wire("alpha"), proxy.wire("alpha"));
    for end in [
        "UNLISTEN *",
        "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
        "DISCARD ALL",
        "UNLISTEN x",
    ] {
        wire.run("listen x");
        wire.run(end);
        speaker.run("notify x");
        nothing_before_marker(&mut wire, &mut speaker);
        wire.run("unlisten marker");
    }
}

/// Ways of alpha's to speak on a channel of beta's, without knowing beta's secret.
fn spoofs(beta_role: &str) -> Vec<String> {
    // What a prefix was before it was a secret, as anybody can compute it.
    let hash = format!("substr(encode(sha256('{beta_role}'), 'hex'), 1, 16)");
    let own = "(select split_part(c, ':', 1) from pg_listening_channels() c limit 1)";
    vec![
        "notify x, 'spoof'".into(),
        "select pg_notify('x', 'spoof')".into(),
        "do $$ begin notify x, 'spoof'; end $$".into(),
        "do $$ begin perform pg_notify('x', 'spoof'); end $$".into(),
        "do $$ begin execute 'notify x, ''spoof'''; end $$".into(),
        format!("select pg_notify({hash} || ':x', 'spoof')"),
        format!("do $$ begin perform pg_notify({hash} || ':x', 'spoof'); end $$"),
        format!("do $$ begin execute format('notify %I, %L', {hash} || ':x', 'spoof'); end $$"),
        format!("do $$ begin perform pg_notify({own} || ':x', 'spoof'); end $$"),
        "set application_name = 'x'; select pg_notify(nspname::text, 'spoof') from pg_namespace".into(),
        "create or replace function say() returns void language plpgsql as $$ begin notify x, 'spoof'; end $$; select say()".into(),
        "create or replace function say2() returns void language sql as $$ notify x, 'spoof' $$; select say2()".into(),
        "create table if not exists t (a int); create or replace rule r as on insert to t do also notify x, 'spoof'; insert into t values (1)".into(),
        "create or replace rule r as on insert to t do also select pg_notify('x', 'spoof'); insert into t values (1)".into(),
        "create or replace view v as select pg_notify('x', 'spoof'); select * from v".into(),
        "create or replace function trg() returns trigger language plpgsql as $$ begin perform pg_notify('x', 'spoof'); return new; end $$; \
         create trigger trg before insert on notes for each row execute function trg(); insert into notes (body) values ('x'); drop trigger trg on notes".into(),
        "do $$ begin perform pgtenant_notify.pg_notify('x', 'spoof'); end $$".into(),
        "do $$ begin set local role none; perform pgtenant_notify.pg_notify('x', 'spoof'); end $$".into(),
    ]
}

fn attacks(proxy: &Proxy) {
    let mut victim = proxy.wire("beta");
    victim.run("listen x; listen \"X\"; listen notify");
    let mut attacker = proxy.wire("alpha");
    let mut own = proxy.wire("alpha");
    own.run("listen x");
    // Reads what it must not: refused, or nothing.
    for sql in [
        "select prefix from pgtenant.channels",
        "do $$ declare s text; begin select prefix into s from pgtenant.channels limit 1; raise exception '%', s; end $$",
        "select pgtenant_guard.channel('x', 'y')",
    ] {
        let lines = attacker.query(sql);
        assert!(
            lines.iter().any(|line| line.contains("Error ERROR 42501") || line.contains("42883")),
            "{sql}: {lines:?}"
        );
    }
    for sql in spoofs(&proxy.role("beta")) {
        let lines = attacker.query(&sql);
        assert!(lines.last().is_some_and(|line| line == "ReadyForQuery I"), "{sql}: {lines:?}");
    }
    // Everything that was said has been heard when this is.
    let mut friend = proxy.wire("beta");
    friend.run("notify x, 'friend'");
    assert_eq!(hear(&mut victim), "x friend");
    let mut heard = told(&own.query("listen marker")).len();
    attacker.run("notify marker");
    while hear(&mut own) != "marker " {
        heard += 1;
    }
    assert!(heard >= 10, "the attacks do work on the attacker's own channels: {heard}");
}

fn eavesdropping(proxy: &Proxy) {
    let beta = proxy.run(proxy.db.summary("beta")).tenant;
    let secret = proxy.db.config.secrets.master_key.channel_prefix(beta.id);
    let mut victim = proxy.wire("beta");
    victim.run("listen x");
    let mut thief = proxy.wire("alpha");
    // Even who has learned the secret hears nothing: it is one more name, of alpha's.
    for sql in [
        "listen x".to_owned(),
        format!("listen \"{}\"", secret.name("x")),
        format!("begin; listen \"{}\"; commit", secret.name("x")),
        "do $$ begin execute 'listen x'; end $$".to_owned(),
        format!("do $$ begin execute 'listen \"{}\"'; end $$", secret.name("x")),
        format!("begin; listen y; do $$ begin execute 'listen \"{}\"'; end $$; commit", secret.name("x")),
        "create function l() returns void language plpgsql as $$ begin listen x; end $$; select l()"
            .to_owned(),
        "begin; unlisten *; unlisten x; listen x; rollback".to_owned(),
    ] {
        thief.run(&sql);
    }
    let mut speaker = proxy.wire("beta");
    speaker.run("notify x, 'secret'; do $$ begin notify x, 'raw'; end $$");
    speaker.run("select pg_notify('x', 'called')");
    assert_eq!([hear(&mut victim), hear(&mut victim), hear(&mut victim)], ["x secret", "x raw", "x called"]);
    let mut friend = proxy.wire("alpha");
    nothing_before_marker(&mut thief, &mut friend);
}

#[test]
fn tenant_can_neither_imitate_nor_hear_another() {
    let proxy = start(&["alpha", "beta"]);
    attacks(&proxy);
    eavesdropping(&proxy);
}

#[test]
fn tenant_can_neither_imitate_nor_hear_another_in_a_hardened_database() {
    let proxy = start(&["alpha", "beta"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(proxy.db.harden()).unwrap();
    attacks(&proxy);
    eavesdropping(&proxy);
}

#[test]
fn server_process_with_a_number_of_another_tenant_s_is_not_mixed_up() {
    // One place for a connection: tenants take it from each other all the time.
    let proxy = start_with(&["alpha", "beta"], |config| config.pool.max_server_connections = 1);
    let (mut alpha, mut beta) = (proxy.wire("alpha"), proxy.wire("beta"));
    let (mut a, mut b) = (proxy.wire("alpha"), proxy.wire("beta"));
    alpha.run("listen x");
    beta.run("listen x");
    for n in 0..20 {
        a.run(&format!("do $$ begin perform pg_notify('x', 'a{n}'); end $$"));
        b.run(&format!("do $$ begin perform pg_notify('x', 'b{n}'); end $$"));
    }
    for n in 0..20 {
        assert_eq!(hear(&mut alpha), format!("x a{n}"));
        assert_eq!(hear(&mut beta), format!("x b{n}"));
    }
}

#[test]
fn notifier_is_named_by_the_process_id_it_was_given() {
    let proxy = start_with(&["alpha"], |config| config.limits.max_server_connections = 1);
    let mut wire = proxy.wire("alpha");
    wire.run("listen x");
    let mut speakers: Vec<Wire> = (0..4).map(|_| proxy.wire("alpha")).collect();
    for round in 0..5 {
        for speaker in &mut speakers {
            let text = ["notify x", "select pg_notify('x', '')", "begin; notify x; commit"][round % 3];
            speaker.run(text);
            assert_eq!(wire.recv().to_string(), format!("Notification {} x ", speaker.pid));
        }
        // A trigger's may be anybody's: then it is the server's process, and no client takes it for its own.
        speakers[0].run("do $$ begin perform pg_notify('x', 'hidden'); end $$");
        let line = wire.recv().to_string();
        assert!(speakers[1..].iter().all(|other| !line.contains(&format!(" {} ", other.pid))), "{line}");
    }
}

#[test]
fn slow_listener_is_disconnected_and_the_others_are_not() {
    let proxy = start_with(&["alpha"], |config| config.notify.max_queued_bytes = 1 << 20);
    let (mut slow, mut quick, mut idle) = (proxy.wire("alpha"), proxy.wire("alpha"), proxy.wire("alpha"));
    slow.run("listen x");
    quick.run("listen x");
    idle.run("listen x");
    idle.run("begin");
    let mut speaker = proxy.wire("alpha");
    let payload = "p".repeat(7000);
    for n in 0..4000 {
        speaker.run(&format!("notify x, '{n} {payload}'"));
        assert!(hear(&mut quick).starts_with(&format!("x {n} ")));
        if proxy.shared().counters.snapshot().notifications_dropped.contains_key("slow_client") {
            break;
        }
    }
    let last = slow.until_end();
    assert_eq!(
        &last[last.len() - 2..],
        ["Error FATAL 53400 terminating connection: notifications were not read in time", "end"]
    );
    // In a transaction it is told when that ends.
    assert_eq!(idle.query("select 1").len(), 4);
    let last = idle.query("commit");
    assert!(last.iter().any(|line| line.starts_with("Error FATAL 53400")), "{last:?}");
    speaker.run("notify x, 'more'");
    assert_eq!(hear(&mut quick), "x more");
}

#[test]
fn limits_of_channels_are_told_and_nothing_breaks() {
    let proxy = start_with(&["alpha"], |config| {
        (config.notify.max_channels, config.notify.max_channels_per_client) = (5, 3);
    });
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("listen a; listen b; listen c");
    let refused = "Error ERROR 53400 a client may listen to 3 channels at most";
    assert_eq!(one.query("listen d"), [refused, "ReadyForQuery I"]);
    one.run("begin");
    assert_eq!(one.query("listen d"), [refused, "ReadyForQuery E"]);
    one.run("rollback");
    two.run("listen c; listen d; listen e");
    one.run("unlisten a; unlisten b");
    let mut three = proxy.wire("alpha");
    three.run("listen f; listen g");
    assert_eq!(
        three.query("listen h"),
        ["Error ERROR 53400 clients listen to too many channels", "ReadyForQuery I"]
    );
    let mut batch = unnamed("listen h", &[]);
    batch.extend(sync());
    assert_eq!(
        three.say(&batch)[..2],
        ["ParseComplete", "Error ERROR 53400 clients listen to too many channels"]
    );
    three.run("notify c, 'still'");
    assert_eq!(hear(&mut one), "c still");
    assert_eq!(hear(&mut two), "c still");
}

#[test]
fn lost_listening_connection_ends_its_listeners_and_is_made_again() {
    let proxy = start(&["alpha"]);
    let (mut wire, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
    wire.run("listen x");
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgtenant notifications' and datname = current_database()";
    assert_eq!(proxy.admin().value(kill), "t");
    assert_eq!(
        wire.until_end(),
        [
            "Error FATAL 08006 terminating connection: the connection that receives notifications was lost",
            "end"
        ]
    );
    other.run("select 1");
    let mut again = proxy.wire("alpha");
    again.run("listen x");
    other.run("notify x, 'again'");
    assert_eq!(hear(&mut again), "x again");
}

#[test]
fn listen_is_refused_while_the_proxy_cannot_listen_and_all_else_goes_on() {
    let proxy = start(&["alpha"]);
    let mut wire = proxy.wire("alpha");
    wire.run("select 1");
    let role = &proxy.db.config.registry.user;
    proxy.admin().run(&format!("alter role {role} nologin"));
    let lines = wire.query("listen x");
    assert_eq!(lines, ["Error ERROR 08006 notifications cannot be received just now", "ReadyForQuery I"]);
    wire.run("begin");
    assert_eq!(wire.query("listen x")[0], "Error ERROR 08006 notifications cannot be received just now");
    assert_eq!(wire.query("rollback"), ["CommandComplete ROLLBACK", "ReadyForQuery I"]);
    wire.run("notify x");
    proxy.admin().run(&format!("alter role {role} login"));
    assert_eq!(wire.query("listen x; notify x").len(), 4);
}

#[test]
fn pinned_client_hears_while_it_is_idle() {
    let proxy = start(&["alpha"]);
    let (mut wire, mut speaker) = (proxy.wire("alpha"), proxy.wire("alpha"));
    wire.run("create temp table t (a int)");
    wire.run("listen x");
    speaker.run("notify x, '1'");
    assert_eq!(hear(&mut wire), "x 1");
    wire.run("begin; unlisten x; rollback");
    speaker.run("notify x, '2'");
    assert_eq!(hear(&mut wire), "x 2");
    wire.run("select * from t; unlisten x");
    speaker.run("notify x, '3'");
    nothing_before_marker(&mut wire, &mut speaker);
}

#[test]
fn server_connections_are_left_silent() {
    let proxy = start_with(&["alpha"], |config| config.limits.max_server_connections = 1);
    let (mut wire, mut other) = (proxy.wire("alpha"), proxy.wire("alpha"));
    let backend = other.backend();
    for text in ["listen x", "begin; listen y; rollback", "begin; select 1; commit", "unlisten y", "notify x"]
    {
        wire.run(text);
        let listening = other.value("select count(*) from pg_listening_channels()");
        assert_eq!((listening.as_str(), other.backend()), ("0", backend), "{text}");
    }
}

#[test]
fn flood_of_notifications_does_not_disturb_transactions_of_the_listener() {
    let proxy = start(&["alpha"]);
    let (mut wire, mut speaker) = (proxy.wire("alpha"), proxy.wire("alpha"));
    wire.run("listen x");
    let (stop, said) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let speaking = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                speaker.run(&format!("notify x, '{}'", said.load(Ordering::Relaxed)));
                said.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut heard = Vec::new();
        let mut rounds = 0;
        // A busy machine gives the speaker few turns.
        while rounds < 150 || said.load(Ordering::Relaxed) <= 10 {
            let text =
                ["begin; unlisten y; select 1; rollback", "begin; listen y; commit", "select 1"][rounds % 3];
            let lines = wire.query(text);
            assert!(!lines.iter().any(|line| line.starts_with("Error") || line == "end"), "{lines:?}");
            heard.extend(told(&lines));
            rounds += 1;
        }
        stop.store(true, Ordering::Relaxed);
        speaking.join().unwrap();
        let said = said.load(Ordering::Relaxed);
        for n in heard.len()..said {
            heard.push(hear(&mut wire));
            assert_eq!(heard[n], format!("x {n}"));
        }
        assert_eq!(heard, (0..said).map(|n| format!("x {n}")).collect::<Vec<_>>());
    });
}

#[test]
fn shutdown_lets_a_listener_s_transaction_finish() {
    let proxy = start(&["alpha"]);
    let (mut idle, mut wire) = (proxy.wire("alpha"), proxy.wire("alpha"));
    idle.run("listen x");
    wire.run("listen x");
    wire.run("begin");
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| proxy.stop());
        let last = idle.until_end();
        assert_eq!(last[0], "Error FATAL 57P01 terminating connection due to administrator command");
        let lines = wire.query("notify x; commit");
        assert_eq!(told(&lines), ["x "], "{lines:?}");
        stopping.join().unwrap();
    });
}
