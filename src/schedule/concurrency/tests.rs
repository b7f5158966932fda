use std::collections::VecDeque;

use super::*;

/// A server whose processes share its processors, and clients that ask, wait, and think.
struct World {
    processors: f64,
    /// How much slower each process makes all others where there are more than processors.
    friction: f64,
    /// Seconds of a processor that a transaction needs on average, and seconds that it waits for something else.
    work: f64,
    sleep: f64,
    /// Seconds that a client does something else.
    think: f64,
    connections: usize,
    clients: usize,
    /// So many of them have transactions that take half a second.
    long: usize,
    seed: u64,
}

impl World {
    const fn new(processors: f64, clients: usize) -> Self {
        Self {
            processors,
            friction: 0.0,
            work: 0.0002,
            sleep: 0.0,
            think: 0.0001,
            connections: 100,
            clients,
            long: 0,
            seed: 1,
        }
    }

    /// A number that is this on average, and often much more or less.
    fn about(&mut self, mean: f64) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let uniform = (self.seed >> 11) as f64 / (1_u64 << 53) as f64;
        -mean * (1.0 - uniform).ln()
    }

    fn run(mut self, seconds: f64, concurrency: &mut Concurrency) -> Run {
        let mut run = Run::default();
        for _ in 0..self.clients {
            let until = self.about(self.think);
            run.thinking.push(until);
        }
        while run.time < seconds {
            self.step(&mut run, concurrency, seconds / 2.0);
        }
        run.per_second = run.done as f64 / (seconds / 2.0);
        run.latency = run.spent / run.done as f64;
        run
    }

    fn step(&mut self, run: &mut Run, concurrency: &mut Concurrency, counted_from: f64) {
        while run.working.len() < self.connections.min(concurrency.at_once())
            && let Some(asked) = run.waiting.pop_front()
        {
            let is_long = run.working.iter().filter(|job| job.is_long).count() < self.long;
            let sleep = if is_long { 0.5 } else { self.about(self.sleep) };
            let work = self.about(self.work);
            run.working.push(Job { asked, work, sleep_until: run.time + sleep, is_long });
        }
        let busy = run.working.iter().filter(|job| job.sleep_until <= run.time).count() as f64;
        let crowded = (busy - self.processors).max(0.0);
        let speed = (self.processors / busy.max(1.0)).min(1.0) / (1.0 + self.friction * crowded);
        let ends = run.working.iter().map(|job| match job.sleep_until - run.time {
            asleep if asleep > 0.0 => asleep,
            _ => job.work / speed,
        });
        let wakes = run.thinking.iter().map(|until| until - run.time);
        let alarm = concurrency.due(run.instant()).map(|due| (due - run.instant()).as_secs_f64());
        let span = ends.chain(wakes).chain(alarm).fold(f64::MAX, f64::min).max(1e-9);
        for job in &mut run.working {
            if job.sleep_until <= run.time {
                job.work -= span * speed;
            }
        }
        run.time += span;
        let (time, think) = (run.time, &mut Vec::new());
        let ended: Vec<_> =
            run.working.extract_if(.., |job| job.sleep_until <= time && job.work <= 1e-12).collect();
        for job in &ended {
            if time > counted_from {
                run.done += 1;
                run.spent += time - job.asked;
                run.limits += concurrency.limit.min(self.connections) as f64;
            }
            think.push(time + self.about(self.think));
        }
        let asking = run.thinking.extract_if(.., |until| *until <= time).count();
        run.waiting.extend(std::iter::repeat_n(time, asking));
        run.thinking.append(think);
        let (now, open) = (run.instant(), self.connections);
        let crowd = Crowd { open, working: run.working.len(), waiting: run.waiting.len(), contested: false };
        for _ in 0..ended.len() {
            concurrency.observe(now, crowd, true);
        }
        concurrency.observe(now, crowd, false);
    }
}

struct Job {
    asked: f64,
    work: f64,
    sleep_until: f64,
    is_long: bool,
}

struct Run {
    now: Instant,
    time: f64,
    thinking: Vec<f64>,
    waiting: VecDeque<f64>,
    working: Vec<Job>,
    done: u64,
    spent: f64,
    limits: f64,
    per_second: f64,
    latency: f64,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            now: Instant::now(),
            time: 0.0,
            thinking: Vec::new(),
            waiting: VecDeque::new(),
            working: Vec::new(),
            done: 0,
            spent: 0.0,
            limits: 0.0,
            per_second: 0.0,
            latency: 0.0,
        }
    }
}

impl Run {
    fn instant(&self) -> Instant {
        self.now + Duration::from_secs_f64(self.time)
    }

    /// On average.
    fn limit(&self) -> f64 {
        self.limits / self.done as f64
    }
}

/// Transactions a second and seconds for each, with a limit in proportion to without; and the limit.
fn compared(world: impl Fn() -> World, seconds: f64) -> (f64, f64, f64) {
    let seeds = [1, 5];
    let mut sums = (0.0, 0.0, 0.0);
    for seed in seeds {
        let run = |concurrency: &mut Concurrency| World { seed, ..world() }.run(seconds, concurrency);
        let (with, without) = (run(&mut Concurrency::new(true)), run(&mut Concurrency::new(false)));
        sums.0 += with.per_second / without.per_second;
        sums.1 += with.latency / without.latency;
        sums.2 += with.limit();
    }
    let n = seeds.len() as f64;
    (sums.0 / n, sums.1 / n, sums.2 / n)
}

#[test]
fn processes_that_hinder_each_other_are_made_fewer() {
    for clients in [8, 32, 128] {
        let world = || World { friction: 0.05, connections: 16, ..World::new(2.0, clients) };
        let (throughput, latency, limit) = compared(world, 3.0);
        assert!(throughput > 1.1 && latency < 0.9 && limit < 7.0, "{throughput} {latency} {limit}");
    }
}

#[test]
fn server_with_many_processors_is_used() {
    for clients in [16, 64] {
        let (throughput, latency, limit) =
            compared(|| World { friction: 0.01, ..World::new(32.0, clients) }, 1.0);
        assert!(throughput > 0.98 && latency < 1.02, "{throughput} {latency} {limit}");
    }
}

#[test]
fn transactions_that_wait_for_something_else_do_not_wait_for_each_other() {
    for sleep in [0.002, 0.01, 0.05] {
        let (throughput, latency, limit) = compared(|| World { sleep, ..World::new(2.0, 40) }, 4.0);
        assert!(throughput > 0.97 && latency < 1.03, "{throughput} {latency} {limit}");
    }
}

#[test]
fn pool_that_is_far_too_large_is_made_small_within_seconds() {
    let world = || World { friction: 0.005, work: 0.0003, ..World::new(2.0, 128) };
    let (throughput, latency, limit) = compared(world, 4.0);
    assert!(throughput > 1.2 && latency < 0.85 && limit < 30.0, "{throughput} {latency} {limit}");
}

#[test]
fn clients_of_a_server_with_time_to_spare_wait_no_longer() {
    // They think for so long that a few work at a time.
    for (think, processors) in [(0.002, 8.0), (0.0005, 32.0)] {
        let (throughput, latency, limit) = compared(|| World { think, ..World::new(processors, 60) }, 2.0);
        assert!(throughput > 0.98 && latency < 1.03, "{throughput} {latency} {limit}");
    }
}

#[test]
fn clients_that_come_whether_or_not_others_are_served_are_not_held_back() {
    // As much work as 40 of 50 connections can do.
    let world = || World { think: 0.048, work: 0.002, connections: 50, ..World::new(64.0, 1000) };
    let (throughput, latency, limit) = compared(world, 3.0);
    assert!(throughput > 0.98 && latency < 1.1, "{throughput} {latency} {limit}");
}

#[test]
fn short_transactions_do_not_wait_for_long_ones() {
    let world = || World { long: 8, connections: 30, ..World::new(2.0, 40) };
    let (throughput, latency, limit) = compared(world, 4.0);
    assert!(throughput > 0.9, "{throughput} {latency} {limit}");
}

#[test]
fn limit_ends_where_nothing_comes_back_and_is_forgotten_where_nobody_needs_it() {
    let now = Instant::now();
    let mut learned = Concurrency::learned(4);
    let crowd = Crowd { open: 9, working: 4, waiting: 30, contested: false };
    assert!(!learned.observe(now, crowd, false));
    assert_eq!(learned.due(now), Some(now + SLOT));
    assert!(!learned.observe(now + SLOT / 2, Crowd { waiting: 31, ..crowd }, false));
    assert!(learned.observe(now + SLOT, crowd, false), "four long transactions hold up nobody else");
    assert_eq!((learned.at_once(), learned.due(now + SLOT)), (usize::MAX, None));

    let mut learned = Concurrency::learned(4);
    for n in 0..2000 {
        let crowd = Crowd { open: 9, working: (n % 2) as usize, waiting: 0, contested: false };
        learned.observe(now + n * Duration::from_millis(1), crowd, n % 2 == 1);
    }
    assert_eq!(learned.at_once(), usize::MAX);
}

#[test]
fn limit_that_keeps_no_connection_from_working_is_no_reason_to_open_none() {
    let now = Instant::now();
    let mut learned = Concurrency::learned(4);
    let crowd = Crowd { open: 4, working: 4, waiting: 30, contested: false };
    for n in 0..200 {
        learned.observe(now + n * Duration::from_micros(200), crowd, true);
    }
    assert_eq!(learned.at_once(), usize::MAX);
}

#[test]
fn limit_is_forgotten_where_many_more_come_than_when_it_was_found() {
    let now = Instant::now();
    let mut learned = Concurrency::learned(4);
    let crowd = Crowd { open: 9, working: 4, waiting: 160, contested: false };
    for n in 0..400 {
        learned.observe(now + n * Duration::from_micros(100), crowd, true);
    }
    assert_eq!(learned.at_once(), usize::MAX);
}

#[test]
fn what_another_load_took_is_nothing_to_compare_with() {
    let now = Instant::now();
    let mut concurrency = Concurrency { base: Some(0.2), ..Concurrency::new(true) };
    let crowd = Crowd { open: 9, working: 9, waiting: 0, contested: false };
    for n in 0..=200 {
        concurrency.observe(now + n * Duration::from_micros(100), crowd, true);
    }
    assert!(concurrency.base.is_some_and(|base| base < 0.01), "{:?}", concurrency.base);
    assert_eq!(concurrency.at_once(), usize::MAX, "nothing is tried before it is known how it is now");
}
