//! The clients, each with one transaction at a time.

use std::io::{self, IsTerminal};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::cli::bench::Plan;
use crate::cli::bench::connection::{Connection, Kept, Trouble};
use crate::cli::bench::draw::Classes;
use crate::cli::bench::ledger::{Done, Ledger};
use crate::cli::bench::pace::{Pace, counted_from};
use crate::cli::bench::target::Tenant;
use crate::cli::bench::work::{Mode, TABLE, Work, judge};
use crate::cli::out;

/// How long a client waits that was not let in.
const PAUSE: Duration = Duration::from_millis(20);

/// What a run gave.
pub(super) struct Outcome {
    pub(super) ledger: Ledger,
    /// How long it counted.
    pub(super) length: Duration,
    /// Transactions that were due and that no client had time to begin.
    pub(super) overdue: u64,
    /// Whether Ctrl-C ended it before its time.
    pub(super) interrupted: bool,
}

struct Shared {
    plan: Arc<Plan>,
    pace: Pace,
    ledger: Mutex<Ledger>,
    kept: Mutex<Kept<Connection>>,
    /// Ends the run before its time.
    stop: CancellationToken,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Whoever panicked with it in hand had counted one transaction too few.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept<Connection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the load to its end.
///
/// # Errors
/// When the endpoint cannot be used at all. What fails later is in the outcome.
pub(super) async fn run(plan: Plan) -> Result<Outcome> {
    probe(&plan).await?;
    let mut ledger = Ledger::new(Classes::new(plan.skew, plan.tenants.len()))?;
    if plan.warmup.is_zero() {
        ledger.warm();
    }
    let plan = Arc::new(plan);
    let mut kept = Kept::new(plan.connections);
    if plan.connect_first {
        connect_first(&plan, &mut kept).await?;
    }
    let begin = Instant::now();
    let pace = Pace::new(begin, plan.warmup + plan.duration, plan.rate);
    let warm = begin + plan.warmup;
    let shared = Arc::new(Shared {
        pace,
        ledger: Mutex::new(ledger),
        kept: Mutex::new(kept),
        stop: CancellationToken::new(),
        plan,
    });
    let mut clients = JoinSet::new();
    for number in 0..shared.plan.clients {
        clients.spawn(Worker::new(Arc::clone(&shared), number).work());
    }
    let watching = tokio::spawn(watch(Arc::clone(&shared), begin, warm));
    let interrupted = finish(&mut clients, &shared.stop).await?;
    let end = Instant::now();
    watching.abort();
    // Its own end, so that nobody else has the ledger.
    let _ = watching.await;
    let overdue = shared.pace.overdue(end);
    let shared = Arc::into_inner(shared).context("a client is still at work")?;
    let ledger = shared.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Outcome { ledger, length: end.saturating_duration_since(warm), overdue, interrupted })
}

/// Waits for all clients; the first Ctrl-C ends them after their transaction, the second at once.
async fn finish(clients: &mut JoinSet<()>, stop: &CancellationToken) -> Result<bool> {
    let mut interrupted = false;
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            ended = clients.join_next() => match ended {
                None => return Ok(interrupted),
                Some(Err(broken)) if !broken.is_cancelled() => {
                    return Err(broken).context("a client of the load test broke");
                }
                Some(_) => {}
            },
            _ = &mut interrupt => {
                if interrupted {
                    clients.abort_all();
                }
                interrupted = true;
                stop.cancel();
                interrupt.set(tokio::signal::ctrl_c());
            }
        }
    }
}

/// One transaction, to see whether the endpoint can be used.
async fn probe(plan: &Plan) -> Result<()> {
    let tenant = &plan.tenants[0];
    let login = plan.login(0);
    let user = login.get_user().unwrap_or_default().to_owned();
    let opened = Connection::open(&login, plan.protocol).await;
    let mut connection = opened.map_err(|trouble| anyhow!("{user} cannot log in: {trouble}"))?;
    match connection.run(&Work::probe(plan.mode, tenant)).await {
        Ok(_) => Ok(()),
        Err(trouble) if trouble.code == "42P01" => Err(anyhow!(
            "{user} has no table {TABLE}: {trouble}; `pgtenant bench --prepare` makes tenants with it, and \
             docs/performance.md says how to do so without pgtenant"
        )),
        Err(trouble) => Err(anyhow!("{user} has no answer: {trouble}")),
    }
}

/// Opens a connection of each tenant, as many at once as there are clients.
async fn connect_first(plan: &Arc<Plan>, kept: &mut Kept<Connection>) -> Result<()> {
    let mut tenants = 0..plan.tenants.len().min(plan.connections);
    let mut opening = JoinSet::new();
    loop {
        while opening.len() < plan.clients
            && let Some(tenant) = tenants.next()
        {
            let plan = Arc::clone(plan);
            opening
                .spawn(async move { (tenant, Connection::open(&plan.login(tenant), plan.protocol).await) });
        }
        let Some(opened) = opening.join_next().await else { return Ok(()) };
        let (tenant, opened) = opened.context("a client of the load test broke")?;
        let slug = &plan.tenants[tenant].slug;
        kept.put(tenant, opened.map_err(|trouble| anyhow!("{slug} cannot log in: {trouble}"))?);
    }
}

/// Tells each second how it goes, and ends the warm-up.
async fn watch(shared: Arc<Shared>, begin: Instant, warm: Instant) {
    let tells = io::stderr().is_terminal();
    let mut seconds = tokio::time::interval_at(begin + Duration::from_secs(1), Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut warming = pin!(sleep_until(warm));
    let mut is_warm = shared.plan.warmup.is_zero();
    loop {
        tokio::select! {
            biased;
            () = &mut warming, if !is_warm => {
                shared.ledger().warm();
                is_warm = true;
                // The seconds of the run, not those of the warm-up.
                seconds.reset();
            }
            _ = seconds.tick() => {
                let second = shared.ledger().tick();
                if tells {
                    let age = begin.elapsed().as_secs();
                    out::error(format_args!(
                        "{age:>4} s{}: {} transactions, p99 {:.1} ms, {} errors, {} connects, {} new server processes",
                        if is_warm { "" } else { " (warming up)" },
                        second.transactions,
                        second.p99.as_secs_f64() * 1000.0,
                        second.errors,
                        second.connects,
                        second.new_processes,
                    ));
                }
            }
        }
    }
}

/// One client.
struct Worker {
    shared: Arc<Shared>,
    random: SmallRng,
}

impl Worker {
    fn new(shared: Arc<Shared>, number: usize) -> Self {
        // The seeds of neighbours are made to differ in all bits by `seed_from_u64` itself.
        let random = SmallRng::seed_from_u64(shared.plan.seed.wrapping_add(number as u64));
        Self { shared, random }
    }

    async fn work(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let free = Instant::now();
            let Some(due) = shared.pace.next(free) else { return };
            let waiting = async {
                if due > free {
                    sleep_until(due).await;
                }
            };
            tokio::select! { biased; () = shared.stop.cancelled() => return, () = waiting => {} }
            let tenant = shared.plan.draw.tenant(&mut self.random);
            let slug = shared.plan.tenants[tenant].slug.as_str();
            let counted = counted_from(due, free, Instant::now());
            if let Err(trouble) = self.transact(tenant, counted).await {
                shared.ledger().failed(slug, &trouble);
            }
        }
    }

    async fn transact(&mut self, place: usize, counted: Instant) -> Result<(), Trouble> {
        let shared = Arc::clone(&self.shared);
        let plan = &shared.plan;
        let tenant: &Tenant = &plan.tenants[place];
        let kind = plan.draw.kind(&mut self.random);
        let work = Work::new(kind, plan.mode, tenant, &mut self.random);
        let (login, mut connection, connecting) = self.connection(place).await?;
        let answers = connection.run(&work).await?;
        // Connecting is told apart.
        let latency = counted.elapsed().saturating_sub(connecting);
        // Outside the lock, what is in excess is closed.
        let excess = shared.kept().put(login, connection);
        drop(excess);
        let slug = tenant.slug.as_str();
        let faults = judge(slug, &work.statements, &answers);
        let process = answers.iter().flatten().next().map(|row| row.process);
        shared.ledger().done(&Done { tenant: place, slug, kind, latency, process, faults });
        Ok(())
    }

    /// One of the tenant's login, with its number and the time it took to open.
    async fn connection(&self, tenant: usize) -> Result<(usize, Connection, Duration), Trouble> {
        let plan = &self.shared.plan;
        let number = if plan.mode == Mode::Login { tenant } else { 0 };
        let kept = self.shared.kept().take(number);
        if let Some(open) = kept.filter(Connection::is_open) {
            return Ok((number, open, Duration::ZERO));
        }
        let begin = Instant::now();
        match Connection::open(&plan.login(tenant), plan.protocol).await {
            Ok(connection) => {
                let took = begin.elapsed();
                self.shared.ledger().connected(took);
                Ok((number, connection, took))
            }
            Err(trouble) => {
                // Asking again at once would only keep the endpoint busy.
                tokio::time::sleep(PAUSE).await;
                Err(trouble)
            }
        }
    }
}
