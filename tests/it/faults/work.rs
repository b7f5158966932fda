//! Clients of two tenants that write tokens and read their own back, whatever happens.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::ledger::{Fate, Ledger};
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, execute, parse, query, sync, unnamed};

pub(super) const TENANTS: [&str; 2] = ["alpha", "beta"];
/// Of each tenant.
const CLIENTS: usize = 4;

/// The proxy is well again when every client has written so many rows.
const RECOVERED: usize = 3;
/// In this time, from the end of a fault on.
const RECOVERY: Duration = Duration::from_secs(15);

/// SQLSTATEs of what a fault may do to a client: its connection or server is lost or not there (classes 08 and 57),
/// there is no room (53), or the transaction it was in is gone.
const EXPECTED: [&str; 4] = ["08", "57", "53", "25P02"];

/// Where the clients work.
pub(super) struct Ground<'a> {
    /// As a client of this tenant, through whatever is there.
    pub(super) log_in: &'a (dyn Fn(&str) -> Result<Wire, String> + Sync),
    pub(super) admin: &'a dyn Fn() -> Wire,
    /// A tenant's.
    pub(super) schema: &'a dyn Fn(&str) -> String,
}

/// Lets clients work while `disturb` does what it does, then waits until all of them get on again, and compares
/// ledger and tables.
pub(super) fn undisturbed_by(proxy: &Proxy, what: &str, disturb: impl FnOnce(&Progress<'_>)) {
    let ground = Ground {
        log_in: &|tenant| proxy.wire_with(tenant, &[]),
        admin: &|| proxy.admin(),
        schema: &|tenant| proxy.db.schema(tenant),
    };
    undisturbed(&ground, what, disturb);
    let mut admin = proxy.admin();
    eventually("nothing leaks", || {
        let load = proxy.shared().clusters.main().pool.load();
        load.waiting == 0 && load.idle == load.total && proxy.shared().roster.is_empty()
    });
    let busy = format!(
        "select count(*) from pg_stat_activity where datname = '{}' and usename like 'tenant_%' and state <> 'idle'",
        proxy.db.name
    );
    eventually("every transaction has ended", || admin.value(&busy) == "0");
}

/// The same, of which no more is known.
#[expect(clippy::print_stdout, reason = "what a run by hand wants to know")]
pub(super) fn undisturbed(ground: &Ground<'_>, what: &str, disturb: impl FnOnce(&Progress<'_>)) {
    for tenant in TENANTS {
        let mut wire = (ground.log_in)(tenant).expect("login");
        wire.query("drop table ledger");
        wire.run("create table ledger (token text)");
    }
    let ledgers = [Ledger::default(), Ledger::default()];
    let done: Vec<AtomicUsize> = (0..TENANTS.len() * CLIENTS).map(|_| AtomicUsize::new(0)).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for (number, done) in done.iter().enumerate() {
            let (ledger, tenant) = (&ledgers[number % 2], TENANTS[number % 2]);
            let worker = Worker { tenant, number, ledger, log_in: ground.log_in, stop: &stop, done };
            scope.spawn(move || worker.work());
        }
        // A test that has failed must not leave them at work.
        let end = SetAtEnd(&stop);
        let progress = Progress(&done);
        progress.everybody();
        disturb(&progress);
        progress.everybody();
        drop(end);
    });
    for (tenant, ledger) in TENANTS.iter().zip(&ledgers) {
        let found = ledger.audit(&mut (ground.admin)(), &(ground.schema)(tenant));
        println!("{what}: {tenant}: {found}");
    }
}

struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Rows that the clients have written.
pub(super) struct Progress<'a>(&'a [AtomicUsize]);

impl Progress<'_> {
    /// Waits until every client has written some more.
    pub(super) fn everybody(&self) {
        let counts = || self.0.iter().map(|count| count.load(Ordering::SeqCst));
        let (before, begin) = (counts().collect::<Vec<_>>(), Instant::now());
        while !counts().zip(&before).all(|(now, before)| now >= before + RECOVERED) {
            assert!(
                begin.elapsed() < RECOVERY,
                "not every client gets on: {before:?}, {:?}",
                counts().collect::<Vec<_>>()
            );
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Waits until somebody has written so many more, or for as long as the fault lets nobody.
    pub(super) fn somebody(&self, rows: usize, at_most: Duration) {
        let sum = || self.0.iter().map(|count| count.load(Ordering::SeqCst)).sum::<usize>();
        let (before, begin) = (sum(), Instant::now());
        while sum() < before.saturating_add(rows) && begin.elapsed() < at_most {
            thread::park_timeout(Duration::from_millis(1));
        }
    }
}

struct Worker<'a> {
    tenant: &'static str,
    number: usize,
    ledger: &'a Ledger,
    log_in: &'a (dyn Fn(&str) -> Result<Wire, String> + Sync),
    stop: &'a AtomicBool,
    done: &'a AtomicUsize,
}

impl Worker<'_> {
    fn work(&self) {
        let mut wire = None;
        for round in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let Some(mut there) = wire.take().or_else(|| self.connect()) else {
                thread::park_timeout(Duration::from_millis(5));
                continue;
            };
            let token = format!("{} {} {round}", self.tenant, self.number);
            let (fate, goes_on) = self.write(&mut there, &token, round);
            self.ledger.note(&token, fate);
            if fate == Fate::Committed {
                self.done.fetch_add(1, Ordering::SeqCst);
            }
            wire = (goes_on && self.reset(&mut there)).then_some(there);
        }
    }

    fn connect(&self) -> Option<Wire> {
        match (self.log_in)(self.tenant) {
            Ok(mut wire) => {
                wire.may_break = true;
                Some(wire)
            }
            Err(error) => {
                assert!(is_expected(&error), "{error}");
                None
            }
        }
    }

    /// Back to where a client begins: outside of a transaction.
    fn reset(&self, wire: &mut Wire) -> bool {
        let (lines, _) = ask(wire, &query("rollback"), 1, "");
        lines.last().is_some_and(|line| line == "ReadyForQuery I")
    }

    /// Writes one row in one of several ways. Whether the connection is there still.
    fn write(&self, wire: &mut Wire, token: &str, round: usize) -> (Fate, bool) {
        let insert = format!("insert into ledger values ('{token}') returning token");
        match round % 7 {
            0 => self.at_once(wire, &query(&insert), 1, token),
            1 => self.at_once(wire, &[unnamed(&insert, &[]), sync()].concat(), 1, token),
            2 => {
                let text = "insert into ledger values ($1) returning token";
                let name = format!("s{round}");
                let batch = [parse(&name, text), bind("", &name, &[token]), execute("", 0), sync()].concat();
                self.at_once(wire, &batch, 1, token)
            }
            3 => {
                let block = [query("begin"), query(&insert), query("commit")].concat();
                self.at_once(wire, &block, 3, token)
            }
            4 => self.in_a_block(wire, &insert, token, "rollback"),
            5 if self.number % 4 == 3 => {
                // It leaves without waiting for its answer.
                wire.try_send(&query(&insert));
                (Fate::Unknown, false)
            }
            _ => self.in_a_block(wire, &insert, token, "commit"),
        }
    }

    /// Everything in one write.
    fn at_once(&self, wire: &mut Wire, bytes: &[u8], readies: usize, token: &str) -> (Fate, bool) {
        let (lines, there) = ask(wire, bytes, readies, token);
        let failed = lines.iter().any(|line| line.starts_with("Error"));
        let rolled_back = lines.iter().any(|line| line == "CommandComplete ROLLBACK");
        let done = there && !failed && !rolled_back;
        (if done { Fate::Committed } else { Fate::Unknown }, there)
    }

    /// Each statement when the one before is answered.
    fn in_a_block(&self, wire: &mut Wire, insert: &str, token: &str, end: &str) -> (Fate, bool) {
        for text in ["begin", insert] {
            let (lines, there) = ask(wire, &query(text), 1, token);
            if !there || lines.last().is_none_or(|line| line != "ReadyForQuery T") {
                return (Fate::Undone, there);
            }
        }
        let (lines, there) = ask(wire, &query(end), 1, token);
        let said = |what: &str| lines.iter().any(|line| line == what);
        let fate = match end {
            "rollback" => Fate::Undone,
            _ if said("CommandComplete COMMIT") => Fate::Committed,
            _ if said("CommandComplete ROLLBACK") => Fate::Undone,
            _ => Fate::Unknown,
        };
        (fate, there)
    }
}

/// Sends, and reads so many answers. Every row is the client's own token, and every error one of those that a fault
/// brings. `false` when the connection has ended.
fn ask(wire: &mut Wire, bytes: &[u8], readies: usize, token: &str) -> (Vec<String>, bool) {
    let mut lines = Vec::new();
    let mut there = wire.try_send(bytes);
    for _ in 0..readies {
        if !there {
            break;
        }
        lines.extend(wire.until_ready());
        there = lines.last().is_some_and(|line| line != "end");
    }
    for line in &lines {
        if let Some(row) = line.strip_prefix("DataRow ") {
            assert_eq!(row, token, "somebody else's row: {lines:#?}");
        }
        assert!(!line.starts_with("Error") || is_expected(line), "{lines:#?}");
    }
    (lines, there)
}

fn is_expected(error: &str) -> bool {
    if error == "end" {
        return true;
    }
    let code = error.split(' ').nth(2).unwrap_or_default();
    EXPECTED.iter().any(|class| code.starts_with(class))
}
