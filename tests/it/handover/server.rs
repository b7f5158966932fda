//! Tenants take turns on one connection to PostgreSQL while their roles, schemas and the server itself go and come.
//! Each question carries a token, each row its tenant's mark and role: an answer has all of its own, or is an error.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pgtenant::cli::cluster::{Options, PrivateCluster};

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{
    Wire, bind, close_portal, close_statement, copy_data, copy_done, copy_fail, describe_portal,
    describe_statement, execute, flush, frame, parse, query, sync, unnamed,
};

const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// How a question is put.
#[derive(Clone, Copy, Debug)]
enum Way {
    Simple,
    Batch,
    Block,
    BlockOfBatches,
    InOneBatch,
}

const WAYS: [Way; 5] = [Way::Simple, Way::Batch, Way::Block, Way::BlockOfBatches, Way::InOneBatch];

/// The SQLSTATE of what failed, or that the connection ended.
type Failed = String;

struct Turns<'a> {
    proxy: &'a Proxy,
    wires: BTreeMap<&'static str, Wire>,
    number: usize,
}

/// With one connection, and a row each that tells whose it is.
fn proxy() -> Proxy {
    marked(Proxy::start_shared(&NAMES, |config| config.pool.max_server_connections = 1))
}

fn marked(proxy: Proxy) -> Proxy {
    for name in NAMES {
        proxy.wire(name).run(&format!("insert into notes (body) values ('row of {name}')"));
    }
    proxy
}

impl<'a> Turns<'a> {
    fn new(proxy: &'a Proxy) -> Self {
        Self { proxy, wires: NAMES.map(|name| (name, proxy.wire(name))).into(), number: 0 }
    }

    /// One answer, of the process with this number.
    fn turn(&mut self, name: &'static str, way: Way) -> Result<i32, Failed> {
        self.number += 1;
        let token = format!("{name} {}", self.number);
        let sql = format!("select '{token}', body, current_user, pg_backend_pid() from notes");
        let batch = [unnamed(&sql, &[]), sync()].concat();
        let says = match way {
            Way::Simple => vec![query(&sql)],
            Way::Batch => vec![batch],
            Way::Block => vec![query("begin"), query(&sql), query("commit")],
            Way::BlockOfBatches => {
                let control = |sql| [unnamed(sql, &[]), sync()].concat();
                vec![control("begin isolation level repeatable read"), batch, control("commit")]
            }
            Way::InOneBatch => {
                let all = ["begin", &sql, "commit", &sql].map(|sql| unnamed(sql, &[])).concat();
                vec![[all, sync()].concat()]
            }
        };
        let mut wire = self.wires.remove(name).unwrap_or_else(|| self.proxy.wire(name));
        let (mut rows, mut failed) = (Vec::new(), None);
        for message in says {
            let lines = if wire.try_send(&message) { wire.until_ready() } else { vec!["end".to_owned()] };
            let foreign = |line: &&String| NAMES.iter().any(|other| *other != name && line.contains(other));
            assert!(!lines.iter().any(|line| foreign(&line)), "{way:?} {token}: {lines:?}");
            rows.extend(lines.iter().filter_map(|line| Some(line.strip_prefix("DataRow ")?.to_owned())));
            if let Some(error) = lines.iter().find(|line| line.starts_with("Error")) {
                failed = failed.or_else(|| error.split(' ').nth(2).map(str::to_owned));
            }
            if lines.last().is_some_and(|line| line == "end") {
                failed = failed.or_else(|| Some("end".to_owned()));
                return self.judge(name, &token, &rows, failed);
            }
        }
        if failed.is_some() && wire.query("rollback").last().is_some_and(|line| line == "end") {
            return self.judge(name, &token, &rows, failed);
        }
        self.wires.insert(name, wire);
        let expected = if matches!(way, Way::InOneBatch) { 2 } else { 1 };
        assert!(failed.is_some() || rows.len() == expected, "{way:?} {token}: {rows:?}");
        self.judge(name, &token, &rows, failed)
    }

    fn judge(&self, name: &str, token: &str, rows: &[String], failed: Option<Failed>) -> Result<i32, Failed> {
        let own = format!("{token}|row of {name}|{}|", self.proxy.role(name));
        let pids: Option<Vec<&str>> = rows.iter().map(|row| row.strip_prefix(&own)).collect();
        let pids = pids.unwrap_or_else(|| panic!("{token}: {rows:?}"));
        match failed {
            Some(failed) => Err(failed),
            None => Ok(pids[0].parse().unwrap()),
        }
    }

    /// All tenants in all ways, one behind the other; those that fail do so with this SQLSTATE.
    fn round(&mut self, what: &str, fails: Option<(&str, &str)>) -> Vec<i32> {
        let mut pids = Vec::new();
        for way in WAYS {
            for name in NAMES {
                match (self.turn(name, way), fails) {
                    (Ok(pid), None) => pids.push(pid),
                    (Ok(pid), Some((victim, _))) if name != victim => pids.push(pid),
                    (Err(code), Some((victim, expected))) if name == victim => {
                        assert_eq!(code, expected, "{what}: {name} {way:?}");
                    }
                    (other, _) => panic!("{what}: {name} {way:?}: {other:?}"),
                }
            }
        }
        pids.dedup();
        pids
    }
}

/// What happens to alpha, how it is undone, and what alpha is told meanwhile. `R` is its role and schema, `P` the
/// login that is shared.
const EVENTS: [(&str, &str, &str, &str); 6] = [
    ("membership revoked", "revoke R from P", "grant R to P", "55000"),
    ("role renamed", "alter role R rename to renamed", "alter role renamed rename to R", "55000"),
    ("usage revoked", "revoke usage on schema R from R", "grant usage on schema R to R", "42P01"),
    ("schema renamed", "alter schema R rename to renamed", "alter schema renamed rename to R", "42P01"),
    ("rights revoked", "revoke all on R.notes from R", "grant all on R.notes to R", "42501"),
    (
        "role and schema of another in their place",
        "alter schema R rename to renamed; create schema R; create table R.notes (body text)",
        "drop schema R cascade; alter schema renamed rename to R",
        "42P01",
    ),
];

#[test]
fn tenant_whose_role_or_schema_goes_while_tenants_take_turns_gets_errors_and_disturbs_nobody() {
    let proxy = proxy();
    let mut turns = Turns::new(&proxy);
    let pool = proxy.admin().value("select pool_role from pgtenant.installation");
    let role = proxy.role("alpha");
    let run = |sql: &str| {
        let words = |word: &str| match word.trim_end_matches(';') {
            "R" => word.replace('R', &role),
            "P" => word.replace('P', &pool),
            "R.notes" => format!("{role}.notes"),
            _ => word.replace("renamed", &format!("{role}_renamed")),
        };
        proxy.admin().run(&sql.split(' ').map(words).collect::<Vec<_>>().join(" "));
    };
    assert_eq!(turns.round("before", None).len(), 1, "one process");
    for (what, done, undone, code) in EVENTS {
        // In the middle of alpha's transaction it may go on as itself, or fail, and so may its end.
        let wire = turns.wires.get_mut("alpha").unwrap();
        wire.run("begin");
        assert_eq!(wire.value("select body from notes"), "row of alpha");
        run(done);
        let lines = wire.query("select body, current_user from notes");
        let own = format!("DataRow row of alpha|{role}");
        assert!(lines.iter().all(|line| !line.starts_with("DataRow") || *line == own), "{what}: {lines:?}");
        wire.query("commit");
        turns.round(what, Some(("alpha", code)));
        run(undone);
        assert_eq!(turns.round(what, None).len(), 1, "{what}: one process");
    }
    run("drop schema R cascade");
    turns.round("schema dropped", Some(("alpha", "42P01")));
    run("drop owned by R cascade; drop role R");
    turns.round("role dropped", Some(("alpha", "55000")));
}

/// Time limits that a tenant's code leaves: some end a statement, some the process.
#[test]
fn time_limits_that_a_tenant_leaves_end_nothing_of_another() {
    let proxy = proxy();
    let mut turns = Turns::new(&proxy);
    let settings = [
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "default_transaction_read_only",
    ];
    for setting in settings {
        let mut alpha = proxy.wire("alpha");
        alpha.query("drop trigger if exists leaves on notes");
        alpha.run(&format!(
            "create or replace function leaves() returns trigger language plpgsql as $$ begin \
             perform set_config('{setting}', '1', false); return new; end $$"
        ));
        alpha.run("create trigger leaves before update on notes for each row execute function leaves()");
        alpha.query("update notes set body = body");
        // Only alpha itself may suffer.
        drop(alpha);
        for _ in 0..3 {
            let mut alpha = proxy.wire("alpha");
            alpha.query("update notes set body = body");
            for name in ["beta", "gamma"] {
                for way in WAYS {
                    assert!(turns.turn(name, way).is_ok(), "{setting} {name} {way:?}");
                }
            }
        }
    }
}

#[test]
fn server_process_that_is_ended_between_turns_or_within_one_takes_nobody_elses_answer_with_it() {
    let proxy = proxy();
    let mut turns = Turns::new(&proxy);
    let mut admin = proxy.admin();
    let database = &proxy.db.name;
    let running = format!(
        "select pid from pg_stat_activity where datname = '{database}' and query like '%story%' and state = 'active' and pid <> pg_backend_pid()"
    );
    for way in WAYS {
        for name in NAMES {
            let pid = turns.turn(name, way).unwrap();
            assert_eq!(admin.value(&format!("select pg_terminate_backend({pid})")), "t");
            let gone = format!("select count(*) from pg_stat_activity where pid = {pid}");
            eventually("the process has ended", || admin.value(&gone) == "0");
        }
    }
    for name in NAMES {
        let mut wire = proxy.wire(name);
        for (message, told) in [
            (query("select pg_sleep(60) as story"), "Error ERROR 57P01"),
            ([unnamed("select pg_sleep(60) as story", &[]), sync()].concat(), "Error ERROR 57P01"),
            (query("begin; select pg_sleep(60) as story"), "Error ERROR 57P01"),
        ] {
            wire.send(&message);
            let mut pid = String::new();
            eventually("it runs", || {
                pid = admin
                    .query(&running)
                    .iter()
                    .find_map(|line| line.strip_prefix("DataRow ").map(str::to_owned))
                    .unwrap_or_default();
                !pid.is_empty()
            });
            admin.run(&format!("select pg_terminate_backend({pid})"));
            let lines = wire.until_ready();
            assert!(lines.iter().any(|line| line.starts_with(told)), "{name}: {lines:?}");
            // Its last words reach the client before it is off the list of what runs.
            let gone = format!("select count(*) from pg_stat_activity where pid = {pid}");
            eventually("the process has ended", || admin.value(&gone) == "0");
        }
    }
    turns.round("afterwards", None);
}

/// At any moment, also within a hand-over.
#[test]
fn server_processes_that_are_ended_all_the_time_never_give_anybody_anothers_answer() {
    let proxy = proxy();
    let stop = AtomicBool::new(false);
    let (right, failed) = std::thread::scope(|scope| {
        let ending = scope.spawn(|| {
            let mut admin = proxy.admin();
            let sql = format!(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{}' and usename like 'pgtenant_pool_%'",
                proxy.db.name
            );
            while !stop.load(Ordering::Relaxed) {
                admin.run(&sql);
                std::thread::park_timeout(Duration::from_millis(7));
            }
        });
        let mut turns = Turns::new(&proxy);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut right = 0;
        for number in 0..300 {
            match turns.turn(NAMES[number % 3], WAYS[number % 5]) {
                Ok(_) => right += 1,
                Err(code) => *counts.entry(code).or_default() += 1,
            }
        }
        stop.store(true, Ordering::Relaxed);
        ending.join().unwrap();
        (right, counts)
    });
    println!("{right} turns, failed: {failed:?}");
    assert!(right > 0 && !failed.is_empty(), "{right} {failed:?}");
    let known = ["57P01", "08006"];
    assert!(failed.keys().all(|code| known.contains(&code.as_str())), "{failed:?}");
    Turns::new(&proxy).round("afterwards", None);
}

#[test]
fn restart_of_postgresql_between_turns_is_survived_by_all_tenants() {
    let mut private = PrivateCluster::start(&Options::default()).unwrap();
    let proxy = marked(Proxy::shared_on(&private, &NAMES, |config| config.pool.max_server_connections = 1));
    let mut turns = Turns::new(&proxy);
    turns.round("before", None);
    turns.wires.get_mut("gamma").unwrap().run("begin");
    private.restart().unwrap();
    turns.wires.remove("gamma");
    for name in ["alpha", "beta", "gamma"] {
        eventually("it serves again", || turns.turn(name, Way::Simple).is_ok());
    }
    assert_eq!(turns.round("afterwards", None).len(), 1, "one process");
}

/// Behind a hand-over, as on a connection of beta's own to PostgreSQL.
#[test]
fn first_message_of_every_kind_is_answered_behind_a_hand_over_as_by_postgresql() {
    let proxy = proxy();
    let mut alpha = proxy.wire("alpha");
    let mine = "select body, 'first' from notes";
    let named = [parse("s", mine), sync()].concat();
    let firsts: Vec<(&str, Vec<u8>)> = vec![
        ("Query", query(mine)),
        ("an empty Query", query("")),
        ("Parse", parse("", mine)),
        ("Parse of a name that alpha has", [parse("s", mine), bind("", "s", &[]), execute("", 0)].concat()),
        ("Bind of the unnamed statement", bind("", "", &[])),
        ("Bind of a name that alpha has", bind("", "s", &[])),
        ("Describe of a statement", describe_statement("s")),
        ("Describe of a portal", describe_portal("p")),
        ("Execute", execute("p", 0)),
        ("Execute of the unnamed portal", execute("", 1)),
        ("Close of a statement", close_statement("s")),
        ("Close of a portal", close_portal("p")),
        ("Flush", flush()),
        ("Sync", sync()),
        ("CopyData", copy_data("1\tx\n")),
        ("CopyDone", copy_done()),
        ("CopyFail", copy_fail("no")),
        ("Flush and a batch", [flush(), unnamed(mine, &[])].concat()),
        ("Sync and a query", [sync(), query(mine)].concat()),
        ("COPY", [query("copy (select 'first') to stdout")].concat()),
        ("fetch", query("fetch all from c")),
        ("execute", query("execute q")),
        ("close", query("close all")),
        ("deallocate", query("deallocate s")),
        ("commit", query("commit")),
        ("rollback to", query("rollback to s")),
        ("lock", query("lock table notes")),
        ("set local", query("set local work_mem = '1MB'")),
        ("show", query("show search_path; show role")),
    ];
    for (what, first) in &firsts {
        alpha.say(&named);
        alpha.run("begin; declare c cursor for select body from notes; commit");
        assert_eq!(alpha.value("select body from notes"), "row of alpha");
        let (mut beta, mut direct) = (proxy.wire("beta"), proxy.direct("beta"));
        let behind = [first.clone(), sync(), query(mine)].concat();
        let more = match *what {
            "Sync and a query" => 2,
            "Sync" => 1,
            _ => usize::from(first[0] == b'Q'),
        };
        let told = [&mut beta, &mut direct].map(|wire| {
            wire.send(&behind);
            (0..2 + more).flat_map(|_| wire.until_ready()).collect::<Vec<_>>()
        });
        let told = told
            .map(|lines| lines.into_iter().filter(|line| !line.starts_with("Parameter")).collect::<Vec<_>>());
        // Its path is relative to the role, and the role is one of a transaction.
        let shows = |lines: &[String]| lines.iter().any(|line| line.contains("search_path"));
        if !shows(&told[1]) {
            assert_eq!(told[0], told[1], "{what}");
        }
        assert!(told[0].contains(&"DataRow row of beta|first".to_owned()), "{what}: {:?}", told[0]);
        assert!(!told[0].iter().any(|line| line.contains("alpha")), "{what}: {:?}", told[0]);
    }
    for (what, first) in [("FunctionCall", frame(b'F', &[0; 10])), ("an unknown kind", frame(b'?', b"x"))] {
        assert_eq!(alpha.value("select body from notes"), "row of alpha");
        let mut beta = proxy.wire("beta");
        beta.send(&[first, query(mine)].concat());
        let lines = [beta.until_ready(), beta.until_ready()].concat();
        assert!(lines[0].starts_with("Error"), "{what}: {lines:?}");
        assert!(!lines.iter().any(|line| line.contains("alpha")), "{what}: {lines:?}");
    }
    assert_eq!(alpha.backend(), proxy.wire("beta").backend());
}
