//! Keeps floods of unknown user names away from PostgreSQL.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::registry::RegistryError;

/// Queries for unknown users at once.
const AT_ONCE: usize = 2;

/// Queries for unknown users a second, on average and at most in one go. A user created within the
/// last moments is all they are for: the registry's notifications bring everybody else.
const PER_SECOND: u32 = 100;

/// How long a name that nobody has is not looked for again.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Names remembered at most.
const MAX_NAMES: usize = 1024;

/// Longest wait for one of the places.
const WAIT: Duration = Duration::from_secs(1);

/// Longest wait of a login for the answer.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Unknown {
    places: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<String, Instant>,
    /// When the budget was last full, as seen from what has been spent since; `None` at the start.
    spent_until: Option<Instant>,
}

impl Default for Unknown {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_ONCE), state: Mutex::default() }
    }
}

impl Unknown {
    /// Loads what is not known, if it may be asked for, and finds it then. `None` also when the registry is out of
    /// reach.
    pub(super) async fn ask<T>(
        &self,
        name: &str,
        load: impl Future<Output = Result<(), RegistryError>>,
        find: impl Fn() -> Option<T>,
    ) -> Option<T> {
        let _permit = self.admit(name).await?;
        match timeout(LOAD_TIMEOUT, load).await {
            Ok(Ok(())) => {
                let found = find();
                if found.is_none() {
                    self.remember(name);
                }
                found
            }
            Ok(Err(error)) => {
                warn!(%error, "an unknown user, tenant or key could not be looked up in the registry");
                None
            }
            Err(_) => None,
        }
    }

    /// A place for one query about this name, or `None` when it should not be asked.
    async fn admit(&self, name: &str) -> Option<SemaphorePermit<'_>> {
        if !self.state().admits(name, Instant::now()) {
            return None;
        }
        timeout(WAIT, self.places.acquire()).await.ok()?.ok()
    }

    /// Notes that nobody has this name.
    fn remember(&self, name: &str) {
        self.state().remember(name, Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Both fields are whole at every moment, so a panic elsewhere has not broken them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A leaky bucket: each query costs its share of a second, and at most one second may be owed.
    fn admits(&mut self, name: &str, now: Instant) -> bool {
        if self.names.get(name).is_some_and(|at| now < *at + REMEMBERED) {
            return false;
        }
        let spent = self.spent_until.filter(|until| *until > now).unwrap_or(now)
            + Duration::from_secs(1) / PER_SECOND;
        if spent > now + Duration::from_secs(1) {
            return false;
        }
        self.spent_until = Some(spent);
        true
    }

    fn remember(&mut self, name: &str, now: Instant) {
        if self.names.len() >= MAX_NAMES {
            self.names.retain(|_, at| now < *at + REMEMBERED);
        }
        // Still full: the budget of queries is the limit then.
        if self.names.len() < MAX_NAMES {
            self.names.insert(name.to_owned(), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_just_looked_for_is_not_looked_for_again() {
        let (mut state, now) = (State::default(), Instant::now());
        assert!(state.admits("ghost", now));
        state.remember("ghost", now);
        assert!(!state.admits("ghost", now + REMEMBERED / 2));
        assert!(state.admits("ghost", now + REMEMBERED));
    }

    #[test]
    fn flood_of_different_names_gets_a_fixed_number_of_queries_a_second() {
        let (mut state, now) = (State::default(), Instant::now());
        let admitted =
            |state: &mut State, at| (0..10_000).filter(|n| state.admits(&n.to_string(), at)).count();
        assert_eq!(admitted(&mut state, now), PER_SECOND as usize);
        assert_eq!(admitted(&mut state, now + Duration::from_millis(500)), PER_SECOND as usize / 2);
        assert_eq!(admitted(&mut state, now + Duration::from_secs(60)), PER_SECOND as usize);
    }

    #[test]
    fn remembered_names_are_bounded_and_make_room_when_old() {
        let (mut state, now) = (State::default(), Instant::now());
        for n in 0..MAX_NAMES * 2 {
            state.remember(&n.to_string(), now);
        }
        assert_eq!(state.names.len(), MAX_NAMES);
        state.remember("late", now + REMEMBERED);
        assert_eq!(state.names.len(), 1);
    }
}
