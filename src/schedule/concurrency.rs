//! [`Concurrency`]: how many of an owner's connections work at the same time.
//!
//! A server with more transactions at once than processors does not get more done: its processes drive each other out of
//! caches and wait for each other's locks. How many are best depends on the machine and on what is asked, so it is
//! found out: time is cut in slots, in some a few less or a few more may work, and what is compared is how long a transaction took from
//! asking for a connection to giving it back. By Little's law (Little 1961) that is the time that all who worked or waited spent in a slot,
//! divided by how many came back. The least number that is not slower stays.
//!
//! As it is the time that clients see which decides, a server that has room for more is given more: waiting here would only
//! make it longer. Where little comes back there is nothing to compare, and no limit.

use std::time::{Duration, Instant};

/// A slot is at least this long,
const SLOT: Duration = Duration::from_millis(20);
/// and so many transactions ended in it, and so many for each connection that works: otherwise it would tell of those that
/// began before.
const ENOUGH: usize = 64;
const ENOUGH_EACH: usize = 3;
/// If not in this time, they are too slow for anything to be told.
const LONGEST: Duration = Duration::from_millis(200);
/// Who worked or waited, on average, where it is worth looking for a limit.
const CROWD: f64 = 3.0;
/// Not fewer may work.
const LEAST: usize = 2;
/// A limit that held nobody back for so long is forgotten.
const UNUSED: Duration = Duration::from_secs(1);
/// How often something was tried before it is believed,
const TRIES: u32 = 2;
/// unless the difference is as clear as this: the logarithm of the two times' ratio.
const CLEAR: f64 = 0.15;
/// So many trials count.
const MEMORY: u32 = 6;
/// Fewer are better if they are not slower, and more only if they are so much faster.
const FASTER: f64 = 0.02;
/// Slots without trying anything, once trying has led to nothing again and again.
const LONGEST_REST: u32 = 32;
/// The load is another one where transactions take so much longer, or shorter.
const JUMP: f64 = 0.3;
/// A limit is forgotten where so many more work or wait than when it was found: who comes whether or not others are served would
/// wait longer and longer, and no trial could show why.
const GROWN: f64 = 1.5;

/// See the module.
#[derive(Debug)]
pub(super) struct Concurrency {
    is_on: bool,
    /// `usize::MAX` where there is none.
    limit: usize,
    /// What holds in this slot.
    holds: usize,
    phase: Phase,
    /// Seconds for a transaction at `limit`, with so many connections.
    base: Option<f64>,
    base_open: usize,
    /// How many worked or waited when the limit was found.
    found_with: f64,
    fewer: Evidence,
    more: Evidence,
    /// How long was rested the last time.
    rest: u32,
    slot: Option<Slot>,
    /// When the limit last held somebody back.
    used: Option<Instant>,
}

/// What a slot is for. The one after a trial is for nothing: who had to wait in the trial still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// At the limit; so many more slots are, too. Then fewer, or more, are tried.
    Base {
        rest: u32,
        then: Trial,
    },
    Trial(Trial),
    Settling(Trial),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    Fewer,
    More,
}

/// What is thought of a trial, by the logarithms of times' ratios. Above 0 it is faster.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    count: u32,
    mean: f64,
}

impl Evidence {
    fn add(&mut self, faster: f64) {
        // What was long ago counts less.
        self.count = (self.count + 1).min(MEMORY);
        self.mean += (faster.clamp(-0.5, 0.5) - self.mean) / f64::from(self.count);
    }

    fn shows(self, least: f64) -> bool {
        (self.count >= TRIES && self.mean > least) || (self.count > 0 && self.mean > CLEAR)
    }
}

/// An owner's connections and clients at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crowd {
    /// Connections that are open.
    pub(super) open: usize,
    /// Those in use.
    pub(super) working: usize,
    /// Clients that wait, for nothing but a connection.
    pub(super) waiting: usize,
    /// Others have not the connections that they need, and would take what is idle here.
    pub(super) contested: bool,
}

impl Crowd {
    const fn clients(self) -> usize {
        self.working + self.waiting
    }
}

/// What is counted in a slot.
#[derive(Clone, Copy, Debug)]
struct Slot {
    began: Instant,
    /// When `crowd` was seen.
    seen: Instant,
    crowd: Crowd,
    /// The most that worked, and that worked or waited.
    working: usize,
    most: usize,
    /// Whether as many connections were open all the time, and nobody else had use for them.
    steady: bool,
    /// Seconds that all of them spent.
    spent: f64,
    returned: usize,
}

impl Concurrency {
    pub(super) const fn new(is_on: bool) -> Self {
        Self {
            is_on,
            limit: usize::MAX,
            holds: usize::MAX,
            phase: Phase::Base { rest: 0, then: Trial::Fewer },
            base: None,
            base_open: 0,
            found_with: 0.0,
            fewer: Evidence { count: 0, mean: 0.0 },
            more: Evidence { count: 0, mean: 0.0 },
            rest: 0,
            slot: None,
            used: None,
        }
    }

    /// One that has found this limit.
    #[cfg(test)]
    pub(super) const fn learned(limit: usize) -> Self {
        let mut learned = Self::new(true);
        (learned.limit, learned.holds, learned.found_with) = (limit, limit, 100.0);
        learned
    }

    /// How many may work now.
    pub(super) const fn at_once(&self) -> usize {
        self.holds
    }

    /// Looks for a limit from now on, or has none any more.
    pub(super) fn turn(&mut self, on: bool) {
        if self.is_on != on {
            *self = Self::new(on);
        }
    }

    /// Something happened: these are there from now on, and `returned` if one came back. Whether more may work than before.
    pub(super) fn observe(&mut self, now: Instant, crowd: Crowd, returned: bool) -> bool {
        if !self.is_on {
            return false;
        }
        let slot = self.slot.get_or_insert_with(|| Slot::begin(now, crowd));
        slot.note(now, crowd);
        slot.returned += usize::from(returned);
        let age = now.saturating_duration_since(slot.began);
        if age < SLOT || (!slot.is_telling() && age < LONGEST && !slot.is_stuck()) {
            return false;
        }
        let (held, slot) = (self.holds, *slot);
        self.judge(&slot, now);
        self.slot = Some(Slot::begin(now, crowd));
        self.holds > held
    }

    /// When to look again if nothing happens, while somebody waits for the limit.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let slot = self.slot.as_ref().filter(|_| self.holds < usize::MAX)?;
        let soon = slot.began + SLOT;
        Some(if soon > now { soon } else { slot.began + LONGEST })
    }

    fn clear(&mut self) {
        *self = Self { slot: self.slot.take(), rest: self.rest, ..Self::new(self.is_on) };
    }

    fn judge(&mut self, slot: &Slot, now: Instant) {
        if slot.most > self.holds {
            self.used = Some(now);
        }
        let unused = self.used.is_none_or(|used| now.saturating_duration_since(used) > UNUSED);
        let average = slot.spent / now.saturating_duration_since(slot.began).as_secs_f64();
        // With no connection left that it keeps from working, it only keeps others from being opened.
        let holds_nothing_back = self.limit < usize::MAX && slot.crowd.open <= self.limit;
        let outgrown = self.limit < usize::MAX && average > GROWN * self.found_with;
        if !slot.is_telling() || holds_nothing_back || outgrown || (unused && average < CROWD) {
            return self.clear();
        }
        let time = slot.spent / slot.returned as f64;
        self.phase = match self.phase {
            // Nobody is there to be held back.
            Phase::Base { .. } if average < CROWD => self.phase,
            Phase::Base { rest, then } => {
                let rest = match self.base.filter(|base| (base / time).ln().abs() < JUMP) {
                    Some(base) => {
                        self.base = Some((base + time) / 2.0);
                        rest
                    }
                    // One more of these, to see how it is now.
                    None => u32::from(self.base.replace(time).is_some()),
                };
                self.base_open = slot.crowd.open;
                match rest.checked_sub(1) {
                    Some(rest) => Phase::Base { rest, then },
                    None => self.try_out(then, slot),
                }
            }
            Phase::Trial(trial) => self.learn(trial, slot, (time, average)),
            Phase::Settling(Trial::Fewer) if self.limit < usize::MAX => {
                Phase::Base { rest: 0, then: Trial::More }
            }
            Phase::Settling(_) => {
                self.rest = (self.rest * 2).clamp(1, LONGEST_REST);
                Phase::Base { rest: self.rest, then: Trial::Fewer }
            }
        };
        if !matches!(self.phase, Phase::Trial(_)) {
            self.holds = self.limit;
        }
    }

    /// The next slot's limit.
    fn try_out(&mut self, trial: Trial, slot: &Slot) -> Phase {
        let usual = self.limit.min(slot.working.max(LEAST));
        let tried = match trial {
            Trial::Fewer => usual - (usual / 3).max(1),
            Trial::More => self.limit.saturating_add((self.limit / 4).max(1)),
        };
        let is_slow = slot.seen.saturating_duration_since(slot.began) > LONGEST / 2;
        if is_slow || !slot.steady || tried < LEAST || (trial == Trial::More && slot.working < self.limit) {
            return Phase::Settling(trial);
        }
        self.holds = tried;
        Phase::Trial(trial)
    }

    fn learn(&mut self, trial: Trial, slot: &Slot, (time, clients): (f64, f64)) -> Phase {
        let is_alike = slot.steady && slot.crowd.open == self.base_open;
        let (evidence, least, made_a_difference) = match trial {
            Trial::Fewer => (&mut self.fewer, 0.0, slot.most > self.holds),
            Trial::More => (&mut self.more, FASTER, slot.working > self.limit),
        };
        let base = self.base.filter(|base| *base > 0.0 && time > 0.0 && is_alike && made_a_difference);
        let Some(base) = base else { return Phase::Settling(trial) };
        evidence.add((base / time).ln());
        if !evidence.shows(least) {
            return Phase::Settling(trial);
        }
        (self.limit, self.found_with) = (self.holds, clients);
        (self.fewer, self.more) = (Evidence::default(), Evidence::default());
        (self.base, self.rest) = (None, 0);
        Phase::Base { rest: 0, then: trial }
    }
}

impl Slot {
    const fn begin(now: Instant, crowd: Crowd) -> Self {
        let (working, most) = (crowd.working, crowd.clients());
        let steady = !crowd.contested;
        Self { began: now, seen: now, crowd, working, most, steady, spent: 0.0, returned: 0 }
    }

    fn note(&mut self, now: Instant, crowd: Crowd) {
        let span = now.saturating_duration_since(self.seen);
        self.spent += span.as_secs_f64() * self.crowd.clients() as f64;
        self.steady &= crowd.open == self.crowd.open && !crowd.contested;
        (self.seen, self.crowd) = (now, crowd);
        self.working = self.working.max(crowd.working);
        self.most = self.most.max(crowd.clients());
    }

    const fn is_telling(&self) -> bool {
        self.returned >= ENOUGH && self.returned >= ENOUGH_EACH * self.working
    }

    /// Nothing came back, and somebody waits.
    const fn is_stuck(&self) -> bool {
        self.crowd.waiting > 0 && self.returned == 0
    }
}

#[cfg(test)]
mod tests;
