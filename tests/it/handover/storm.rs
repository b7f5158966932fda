//! Cancel requests by the thousand while connections change hands.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::{Wire, bind, cancel, execute, parse, query, sync, unnamed};

const TENANTS: [&str; 5] = ["alpha", "beta", "gamma", "delta", "omega"];
const CONNECTIONS: usize = 3;
const TIME: Duration = Duration::from_secs(8);
const CANCELLED: &str = "57014";

/// What one client comes to.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    right: usize,
    cancelled: usize,
}

/// A client that asks in every way, and looks at each answer: its own token, tenant and role, or a cancelled
/// statement where it may be cancelled at all.
struct Client {
    wire: Wire,
    tenant: &'static str,
    role: String,
    number: usize,
    /// How many cancel requests were aimed at it.
    aimed: AtomicUsize,
}

impl Client {
    fn run(&mut self, until: Instant, aimed: &AtomicUsize) -> Tally {
        let (mut tally, mut turn) = (Tally::default(), 0);
        let prepare = [parse("s", "select $1, body, current_user from notes"), sync()].concat();
        while self.wire.say(&prepare).iter().any(|line| line.starts_with("Error")) {}
        while Instant::now() < until {
            turn += 1;
            let token = format!("{} {} {turn}", self.tenant, self.number);
            let sql = format!("select '{token}', body, current_user from notes, pg_sleep(0.0003)");
            let batch = [unnamed(&sql, &[]), sync()].concat();
            let says = match turn % 6 {
                0 => vec![query(&sql)],
                1 => vec![batch],
                2 => vec![query("begin"), query(&sql), query("commit")],
                3 => vec![[bind("", "s", &[&token]), execute("", 0), sync()].concat()],
                4 => vec![[["begin", &sql, "commit"].map(|sql| unnamed(sql, &[])).concat(), sync()].concat()],
                _ => vec![query(&format!("begin; {sql}; commit"))],
            };
            let own = format!("DataRow {token}|row of {}|{}", self.tenant, self.role);
            let (mut rows, mut failed) = (0, false);
            for message in says {
                let lines = self.wire.say(&message);
                for row in lines.iter().filter(|line| line.starts_with("DataRow")) {
                    assert_eq!(*row, own, "{lines:?}");
                    rows += 1;
                }
                let error = lines.iter().find(|line| line.starts_with("Error"));
                let in_failed = |line: &String| failed && line.contains("25P02");
                if let Some(error) = error.filter(|line| !in_failed(line)) {
                    let expected = error.starts_with(&format!("Error ERROR {CANCELLED}"));
                    assert!(expected && aimed.load(Ordering::SeqCst) > 0, "{token}: {lines:?}");
                    failed = true;
                }
                assert!(lines.last().is_some_and(|line| line.starts_with("ReadyForQuery")), "{lines:?}");
            }
            if failed {
                tally.cancelled += 1;
                // It may be cancelled, too.
                while self.wire.query("rollback").iter().any(|line| line.starts_with("Error")) {}
            } else {
                assert_eq!(rows, 1, "{token}");
                tally.right += 1;
            }
        }
        tally
    }
}

fn clients(proxy: &Proxy) -> Vec<Client> {
    let mut clients = Vec::new();
    for tenant in TENANTS {
        proxy.wire(tenant).run(&format!("insert into notes (body) values ('row of {tenant}')"));
        // One of each whose settings go with the role.
        for start in [&[][..], &[("application_name", "storm"), ("datestyle", "German")][..]] {
            clients.push(Client {
                wire: proxy.wire_with(tenant, start).expect("login"),
                tenant,
                role: proxy.role(tenant),
                number: clients.len(),
                aimed: AtomicUsize::new(0),
            });
        }
    }
    clients
}

/// Of the first three tenants each client is a target, of its own key all the time and of others' guesses; the others
/// are bystanders on the same connections and must never notice. Keys are used by whoever has them.
#[test]
fn storm_of_cancel_requests_hits_its_targets_or_nobody_while_connections_change_hands() {
    let proxy = Proxy::start_shared(&TENANTS, |config| {
        config.pool.max_server_connections = CONNECTIONS;
        config.limits.wait_timeout = Duration::from_secs(60);
    });
    let mut clients = clients(&proxy);
    let keys: Vec<_> = clients.iter().map(|client| (client.wire.pid, client.wire.key.clone())).collect();
    let targets = 6;
    let aimed: Vec<_> = clients.iter_mut().map(|client| std::mem::take(&mut client.aimed)).collect();
    let (until, stop, guessed) = (Instant::now() + TIME, AtomicBool::new(false), AtomicUsize::new(0));
    let before = proxy.shared().counters.snapshot();
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        for canceller in 0..4 {
            let (proxy, keys, aimed, stop, guessed) = (&proxy, &keys, &aimed, &stop, &guessed);
            scope.spawn(move || {
                let mut number = canceller;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let target = number % targets;
                    if number % 4 == 0 {
                        // The number of a bystander with the key of a target, and the other way round.
                        let bystander = targets + number % (keys.len() - targets);
                        cancel(proxy.addr(), keys[bystander].0, &keys[target].1);
                        cancel(proxy.addr(), keys[target].0, &keys[bystander].1);
                        guessed.fetch_add(2, Ordering::Relaxed);
                    }
                    aimed[target].fetch_add(1, Ordering::SeqCst);
                    cancel(proxy.addr(), keys[target].0, &keys[target].1);
                }
            });
        }
        let working: Vec<_> = clients
            .iter_mut()
            .zip(&aimed)
            .map(|(client, aimed)| scope.spawn(move || client.run(until, aimed)))
            .collect();
        // Whatever a thread finds wrong, the others must end.
        let ended: Vec<_> = working.into_iter().map(|thread| thread.join()).collect();
        stop.store(true, Ordering::Relaxed);
        ended.into_iter().map(|end| end.expect("its own answers")).collect()
    });
    let sum = |of: fn(&Tally) -> usize, tallies: &[Tally]| tallies.iter().map(of).sum::<usize>();
    let (hit, quiet) = tallies.split_at(targets);
    let sent = aimed.iter().map(|aimed| aimed.load(Ordering::SeqCst)).sum::<usize>();
    let after = proxy.shared().counters.snapshot();
    println!(
        "{sent} cancel requests and {} with wrong keys in {TIME:?}; targets: {} right, {} cancelled; bystanders: {} right; {} connections opened",
        guessed.load(Ordering::Relaxed),
        sum(|tally| tally.right, hit),
        sum(|tally| tally.cancelled, hit),
        sum(|tally| tally.right, quiet),
        after.servers_opened - before.servers_opened,
    );
    assert_eq!(sum(|tally| tally.cancelled, quiet), 0, "{tallies:?}");
    assert!(quiet.iter().all(|tally| tally.right > 0) && sum(|tally| tally.right, hit) > 0, "{tallies:?}");
    assert!(sent > 1000 && sum(|tally| tally.cancelled, hit) > 20, "{sent} {tallies:?}");
    eventually("nothing leaks", || {
        let load = proxy.shared().clusters.main().pool.load();
        load.waiting == 0 && load.idle == load.total && load.total <= CONNECTIONS
    });
}
