//! [`Failures`]: how many logins may fail, from one address, for one user name, and for one tenant that is named.
//!
//! Pure: the time is an argument. Each has a bucket of attempts that holds what may fail in a minute, is emptied by
//! failures and fills with time; where it is empty, nothing is checked any more, so that guessing gains nothing. Logins that
//! are on their way at the same time do not count before they fail (after a restart all applications come at once),
//! but then each does: the bucket has debts, and in the long run no more are tried. An
//! address from which a user has logged in lately has a bucket of its own for that user: whoever guesses
//! elsewhere, or from the same address at others' passwords, locks nobody out who is at home. Names that nobody has are
//! counted as others are, so that no answer tells which there are. For the same reason a tenant is what the client calls
//! it (by host name, database, end of the user name, option): whose a user name is does not count.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The time in which as many may fail as a bucket holds.
const PERIOD: Duration = Duration::from_secs(60);

/// How long an address stays known to a user who logged in from it.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);

/// The highest limit there can be.
pub const MOST_FAILURES: u32 = 1_000_000;

/// Most buckets of a kind, and most known addresses: about a hundred bytes each.
const MOST: usize = 20_000;

/// Where somebody comes from: an IPv4 address, or the network of an IPv6 one, of which a stranger may well have all
/// addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self(IpAddr::V6(network.into()))
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// How many logins may fail in a minute; `None` sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureLimits {
    /// From one address, for all user names together.
    pub per_address: Option<u32>,
    /// For one user name, from all addresses together that it is not known to; and from each one that it is.
    pub per_user: Option<u32>,
    /// For one tenant that clients name, whatever the user, from all addresses together that the user is not known to.
    pub per_tenant: Option<u32>,
}

/// A login, as much as counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guess<'a> {
    /// Where it comes from; `None` is a process of this machine.
    pub source: Option<Source>,
    /// With what.
    pub attempt: Attempt<'a>,
    /// The tenant that the client says it is of, in its words.
    pub tenant: Option<&'a str>,
}

/// What a client tries to log in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt<'a> {
    /// The password of this user.
    Password(&'a str),
    /// A token, a key or a certificate, under whatever name. These cannot be guessed, and many tenants' clients share a name: failures count
    /// by address alone, and not at all where one was good lately.
    Token,
}

impl Attempt<'_> {
    /// As much of a name as PostgreSQL looks at: a stranger may send a long one. No user has an empty one.
    fn name(self) -> Box<str> {
        match self {
            Self::Password(user) => shortened(user),
            Self::Token => "".into(),
        }
    }
}

fn shortened(name: &str) -> Box<str> {
    name.chars().take(63).collect::<String>().into()
}

/// See the module.
#[derive(Debug)]
pub struct Failures {
    sources: Buckets<Source>,
    /// The same of those who sent tokens.
    tokens: Buckets<Source>,
    users: Buckets<Box<str>>,
    tenants: Buckets<Box<str>>,
    pairs: Buckets<Pair>,
    /// When a user logged in from there last.
    known: HashMap<Pair, Instant>,
}

type Pair = (Source, Box<str>);

impl Failures {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(limits: FailureLimits) -> Self {
        Self {
            sources: Buckets::new(limits.per_address),
            tokens: Buckets::new(limits.per_address),
            users: Buckets::new(limits.per_user),
            tenants: Buckets::new(limits.per_tenant),
            pairs: Buckets::new(limits.per_user),
            known: HashMap::new(),
        }
    }

    /// So many may fail from now on. What has failed already counts.
    pub fn set_limits(&mut self, limits: FailureLimits) {
        for buckets in [&mut self.sources, &mut self.tokens] {
            buckets.limit = limits.per_address;
        }
        self.users.limit = limits.per_user;
        self.tenants.limit = limits.per_tenant;
        self.pairs.limit = limits.per_user;
    }

    /// Whether a login may be tried. Without a source it is a process of this machine, which may.
    ///
    /// # Errors
    /// How long to wait for the next attempt.
    pub fn try_login(&self, now: Instant, guess: Guess<'_>) -> Result<(), Duration> {
        let Some(source) = guess.source else { return Ok(()) };
        let pair: Pair = (source, guess.attempt.name());
        match (guess.attempt, self.is_known(now, &pair)) {
            (Attempt::Token, true) => return Ok(()),
            (Attempt::Password(_), true) => return self.pairs.look(now, &pair),
            (Attempt::Token, false) => self.tokens.look(now, &source)?,
            (Attempt::Password(_), false) => {
                self.sources.look(now, &source)?;
                self.users.look(now, &pair.1)?;
            }
        }
        guess.tenant.map_or(Ok(()), |tenant| self.tenants.look(now, &shortened(tenant)))
    }

    /// A login that was tried has failed: the password was wrong, or what else proves who it is.
    pub fn failed(&mut self, now: Instant, guess: Guess<'_>) {
        let Some(source) = guess.source else { return };
        let pair: Pair = (source, guess.attempt.name());
        match (guess.attempt, self.is_known(now, &pair)) {
            (Attempt::Token, true) => return,
            (Attempt::Password(_), true) => return self.pairs.take(now, pair),
            (Attempt::Token, false) => self.tokens.take(now, source),
            (Attempt::Password(_), false) => {
                self.sources.take(now, source);
                self.users.take(now, pair.1);
            }
        }
        if let Some(tenant) = guess.tenant {
            self.tenants.take(now, shortened(tenant));
        }
    }

    /// A login that was tried has succeeded.
    pub fn succeeded(&mut self, now: Instant, source: Option<Source>, attempt: Attempt<'_>) {
        let Some(source) = source else { return };
        let pair: Pair = (source, attempt.name());
        if self.known.len() >= MOST && !self.known.contains_key(&pair) {
            forget_older_half(&mut self.known, |at| *at);
        }
        self.known.insert(pair, now);
    }

    fn is_known(&self, now: Instant, pair: &Pair) -> bool {
        self.known.get(pair).is_some_and(|last| now.saturating_duration_since(*last) < KNOWN_FOR)
    }
}

/// One attempt. Whole numbers of these parts come in a nanosecond at every limit, so that nothing is lost by trying often.
const ATTEMPT: i64 = PERIOD.as_nanos() as i64;

/// Most attempts on debt, in what is due in a period: whoever owes more is let try again after that many.
const MOST_DEBT: i64 = 10;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: i64,
    /// When that was its level.
    at: Instant,
}

/// Buckets that were taken from; any other is full.
#[derive(Debug)]
struct Buckets<K> {
    limit: Option<u32>,
    taken: HashMap<K, Bucket>,
}

impl<K: Eq + Hash> Buckets<K> {
    fn new(limit: Option<u32>) -> Self {
        Self { limit, taken: HashMap::new() }
    }

    /// Whether there is one left.
    fn look(&self, now: Instant, key: &K) -> Result<(), Duration> {
        let (Some(limit), Some(bucket)) = (self.limit(), self.taken.get(key)) else { return Ok(()) };
        let lacks = ATTEMPT - bucket.filled(now, limit).level;
        if lacks <= 0 {
            return Ok(());
        }
        // At least one in a nanosecond.
        Err(Duration::from_nanos((lacks.unsigned_abs()).div_ceil(limit.unsigned_abs())))
    }

    fn take(&mut self, now: Instant, key: K) {
        let Some(limit) = self.limit() else { return };
        self.make_room(now, limit, &key);
        let bucket = self.taken.entry(key).or_insert(Bucket { level: limit * ATTEMPT, at: now });
        *bucket = bucket.filled(now, limit);
        bucket.level = (bucket.level - ATTEMPT).max(-MOST_DEBT * limit * ATTEMPT);
    }

    fn limit(&self) -> Option<i64> {
        self.limit.map(|limit| i64::from(limit.clamp(1, MOST_FAILURES)))
    }

    /// Full ones are forgotten, and where there are too many others, those that were taken from longest ago.
    fn make_room(&mut self, now: Instant, limit: i64, key: &K) {
        if self.taken.len() < MOST || self.taken.contains_key(key) {
            return;
        }
        self.taken.retain(|_, bucket| bucket.filled(now, limit).level < limit * ATTEMPT);
        if self.taken.len() >= MOST {
            forget_older_half(&mut self.taken, |bucket| bucket.at);
        }
    }
}

impl Bucket {
    fn filled(self, now: Instant, limit: i64) -> Self {
        let elapsed = i64::try_from(now.saturating_duration_since(self.at).as_nanos()).unwrap_or(i64::MAX);
        let level = self.level.saturating_add(elapsed.saturating_mul(limit)).min(limit * ATTEMPT);
        Self { level, at: self.at.max(now) }
    }
}

fn forget_older_half<K: Eq + Hash, V>(map: &mut HashMap<K, V>, at: impl Fn(&V) -> Instant) {
    let mut times: Vec<Instant> = map.values().map(&at).collect();
    let half = times.len() / 2;
    let (_, middle, _) = times.select_nth_unstable(half);
    let middle = *middle;
    // Of many at the same time some must go too.
    let mut spare = half;
    map.retain(|_, value| {
        let stays = at(value) > middle || (at(value) == middle && spare > 0);
        spare = spare.saturating_sub(usize::from(stays && at(value) == middle));
        stays
    });
}

#[cfg(test)]
mod tests {
    use super::Attempt::{Password, Token};
    use super::*;

    fn limits() -> FailureLimits {
        FailureLimits { per_address: Some(10), per_user: Some(3), per_tenant: Some(5) }
    }

    fn from(last: u8) -> Option<Source> {
        Some(IpAddr::from([192, 0, 2, last]).into())
    }

    fn guess(source: Option<Source>, attempt: Attempt<'_>) -> Guess<'_> {
        Guess { source, attempt, tenant: None }
    }

    /// A login that fails, if it may be tried.
    fn fail(
        failures: &mut Failures,
        now: Instant,
        source: Option<Source>,
        user: &str,
    ) -> Result<(), Duration> {
        failures.try_login(now, guess(source, Password(user)))?;
        failures.failed(now, guess(source, Password(user)));
        Ok(())
    }

    #[test]
    fn user_s_failures_from_all_addresses_are_counted_together_and_forgotten_with_time() {
        let (mut failures, mut now) = (Failures::new(limits()), Instant::now());
        for address in 1..=3 {
            assert_eq!(fail(&mut failures, now, from(address), "app"), Ok(()));
        }
        assert_eq!(fail(&mut failures, now, from(4), "app"), Err(Duration::from_secs(20)));
        assert_eq!(fail(&mut failures, now, from(4), "other"), Ok(()));
        now += Duration::from_secs(20);
        assert_eq!(fail(&mut failures, now, from(4), "app"), Ok(()));
        assert_eq!(fail(&mut failures, now, from(4), "app"), Err(Duration::from_secs(20)));
    }

    #[test]
    fn guesses_at_many_users_of_a_tenant_that_is_named_are_counted_together_and_tell_nothing_of_it() {
        fn named(n: u8, user: &str) -> Guess<'_> {
            Guess { tenant: Some("acme"), ..guess(from(n), Password(user)) }
        }
        let (mut failures, now) = (Failures::new(limits()), Instant::now());
        failures.succeeded(now, from(100), Password("user 1"));
        for n in 0..5 {
            let user = format!("user {n}");
            assert_eq!(failures.try_login(now, named(n, &user)), Ok(()));
            failures.failed(now, named(n, &user));
        }
        assert_eq!(failures.try_login(now, named(9, "user 9")), Err(Duration::from_secs(12)));
        let token = Guess { attempt: Token, ..named(9, "") };
        assert_eq!(failures.try_login(now, token), Err(Duration::from_secs(12)));
        let other = Guess { tenant: Some("beta"), ..named(9, "user 9") };
        assert_eq!(failures.try_login(now, other), Ok(()));
        assert_eq!(
            failures.try_login(now, Guess { tenant: None, ..other }),
            Ok(()),
            "nobody says whose it is"
        );
        assert_eq!(failures.try_login(now, named(100, "user 1")), Ok(()), "at home there");
    }

    #[test]
    fn address_s_failures_are_counted_whatever_the_user() {
        let (mut failures, now) = (Failures::new(limits()), Instant::now());
        for n in 0..10 {
            assert_eq!(fail(&mut failures, now, from(1), &format!("user {n}")), Ok(()));
        }
        assert_eq!(fail(&mut failures, now, from(1), "another"), Err(Duration::from_secs(6)));
        assert_eq!(fail(&mut failures, now, from(2), "another"), Ok(()));
    }

    #[test]
    fn logins_that_succeed_are_not_counted_and_win_nothing_back() {
        let (mut failures, now) = (Failures::new(limits()), Instant::now());
        // All at once, as after a restart.
        for n in 0..1000 {
            assert_eq!(failures.try_login(now, guess(from(1), Password(&format!("user {n}")))), Ok(()));
        }
        (0..1000).for_each(|n| failures.succeeded(now, from(1), Password(&format!("user {n}"))));
        for n in 0..10 {
            assert_eq!(fail(&mut failures, now, from(1), &format!("guess {n}")), Ok(()));
            failures.succeeded(now, from(1), Password("user 1"));
        }
        assert!(fail(&mut failures, now, from(1), "guess").is_err());
    }

    #[test]
    fn who_tries_many_at_a_time_waits_the_longer() {
        let (mut failures, now) = (Failures::new(limits()), Instant::now());
        (0..13).for_each(|_| assert_eq!(failures.try_login(now, guess(from(1), Password("app"))), Ok(())));
        (0..13).for_each(|_| failures.failed(now, guess(from(1), Password("app"))));
        assert_eq!(
            failures.try_login(now, guess(from(2), Password("app"))),
            Err(Duration::from_secs(11 * 20))
        );
        (0..1000).for_each(|_| failures.failed(now, guess(from(1), Password("app"))));
        assert_eq!(
            failures.try_login(now, guess(from(2), Password("app"))),
            Err(Duration::from_secs(31 * 20)),
            "not for ever"
        );
    }

    #[test]
    fn whoever_guesses_elsewhere_or_at_others_from_the_same_address_locks_nobody_out_who_is_known() {
        let (mut failures, now) = (Failures::new(limits()), Instant::now());
        failures.succeeded(now, from(1), Password("app"));
        for address in 2..100 {
            let _ = fail(&mut failures, now, from(address), "app");
        }
        for n in 0..100 {
            let _ = fail(&mut failures, now, from(1), &format!("guess {n}"));
        }
        for _ in 0..3 {
            assert_eq!(fail(&mut failures, now, from(1), "app"), Ok(()));
        }
        assert_eq!(fail(&mut failures, now, from(1), "app"), Err(Duration::from_secs(20)), "guessed at home");
        assert_eq!(
            failures.try_login(now + KNOWN_FOR, guess(from(1), Password("app"))),
            Ok(()),
            "as a stranger"
        );
    }

    #[test]
    fn tokens_that_fail_lock_nobody_out_who_sends_a_good_one_from_where_one_was_good() {
        let (mut failures, now) = (Failures::new(limits()), Instant::now());
        failures.succeeded(now, from(1), Token);
        for address in [1, 2] {
            (0..100).for_each(|_| failures.failed(now, guess(from(address), Token)));
        }
        assert_eq!(failures.try_login(now, guess(from(1), Token)), Ok(()));
        assert!(failures.try_login(now, guess(from(2), Token)).is_err(), "nobody is known there");
        assert_eq!(failures.try_login(now, guess(from(3), Token)), Ok(()), "the name is everybody's");
        assert_eq!(failures.try_login(now, guess(from(2), Password("app"))), Ok(()));
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_and_ipv4_in_ipv6_is_ipv4() {
        let source = |address: &str| Source::from(address.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:0:0:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }

    #[test]
    fn memory_stays_bounded_whatever_names_and_addresses_are_tried() {
        let mut failures = Failures::new(FailureLimits { per_user: Some(3), ..FailureLimits::default() });
        let now = Instant::now();
        for n in 0..3 * MOST {
            let user = format!("user {n}");
            failures.failed(now, guess(from(2), Password(&user)));
            failures.succeeded(now, from(1), Password(&user));
        }
        assert!(failures.users.taken.len() <= MOST && failures.known.len() <= MOST);
    }

    #[test]
    fn without_limits_nothing_is_counted_nor_for_processes_of_this_machine() {
        let now = Instant::now();
        let mut failures = Failures::new(FailureLimits::default());
        (0..100).for_each(|_| fail(&mut failures, now, from(1), "app").unwrap());
        let mut failures = Failures::new(limits());
        (0..100).for_each(|_| fail(&mut failures, now, None, "app").unwrap());
    }
}
