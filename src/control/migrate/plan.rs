//! What is to be done for one schema, by its rows in the ledger and the files; and in which order schemas come.

use std::time::Duration;

use thiserror::Error;

use crate::control::migrate::files::{File, Files, label};
use crate::registry::ledger::{Odd, Standing, State};

/// First and longest rest between two attempts.
const REST: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Smallest and largest wave. The proxies load the tenants of one wave at once, and up to so many one by one.
const WAVE: (usize, usize) = (8, 200);

/// What keeps a schema, and with it the whole run, from being migrated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Conflict {
    /// A file that was applied is another one today.
    #[error(
        "file {label} was changed after it was applied to {whose}; put it back as it was, and write what is to be \
         changed into a new file"
    )]
    Changed {
        /// The file.
        label: String,
        /// The schema.
        whose: String,
    },
    /// A file that was applied is gone.
    #[error(
        "{label} was applied to {whose} and is not in the directory; use the directory that has it, or put the file back"
    )]
    Missing {
        /// The file.
        label: String,
        /// The schema.
        whose: String,
    },
    /// A later file was applied before.
    #[error(
        "file {label} comes before {after}, which is applied to {whose} already; give it a higher number, or say \
         `--out-of-order` if the two do not depend on each other"
    )]
    OutOfOrder {
        /// The file.
        label: String,
        /// The last one that was applied.
        after: i64,
        /// The schema.
        whose: String,
    },
}

/// Whose schema, for people.
#[must_use]
pub fn whose(standing: &Standing) -> String {
    standing
        .tenant
        .as_ref()
        .map_or_else(|| "the template".to_owned(), |place| format!("tenant {}", place.slug))
}

/// The files that a schema lacks, up to `to`, in order.
///
/// # Errors
/// [`Conflict`]: nothing must be run then, here or elsewhere.
pub fn pending<'f>(
    files: &'f Files,
    standing: &Standing,
    to: Option<i64>,
    out_of_order: bool,
) -> Result<Vec<&'f File>, Conflict> {
    if let Some(Odd { number, name, .. }) = standing.odd.iter().find(|odd| odd.state == State::Applied) {
        let (label, whose) = (label(*number, name), whose(standing));
        return Err(match files.get(*number) {
            Some(_) => Conflict::Changed { label, whose },
            None => Conflict::Missing { label, whose },
        });
    }
    let pending: Vec<&File> = files
        .iter()
        .filter(|file| to.is_none_or(|to| file.migration.number <= to))
        .filter(|file| standing.applied.binary_search(&file.migration.number).is_err())
        .collect();
    let last = standing.applied.last().copied().unwrap_or(0);
    match pending.first().filter(|first| first.migration.number < last && !out_of_order) {
        Some(first) => {
            Err(Conflict::OutOfOrder { label: first.label(), after: last, whose: whose(standing) })
        }
        None => Ok(pending),
    }
}

/// How many schemas are in each wave: few at first, then twice as many.
pub(super) fn waves(mut count: usize) -> impl Iterator<Item = usize> {
    let mut next = WAVE.0;
    std::iter::from_fn(move || {
        let size = next.min(count);
        count -= size;
        next = (next * 2).min(WAVE.1);
        (size > 0).then_some(size)
    })
}

/// Whether a wave went so badly that no other follows.
#[must_use]
pub(super) const fn is_alarming(failed: usize, size: usize) -> bool {
    failed * 2 > size
}

/// How long to rest after so many attempts.
#[must_use]
pub(super) fn rest(attempts: u32) -> Duration {
    REST.0.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(REST.1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::registry::ledger::Place;
    use crate::tenant::{Slug, Status, TenantId};

    fn files(numbers: impl IntoIterator<Item = i64>) -> Files {
        Files::parse(numbers.into_iter().map(|n| (format!("{n}_f.sql"), Ok(b"select 1".to_vec())))).unwrap()
    }

    fn standing(applied: &[i64], odd: &[(i64, State)]) -> Standing {
        let place = Place {
            id: TenantId(Uuid::nil()),
            slug: Slug::parse("acme").unwrap(),
            status: Status::Active,
            changing: false,
        };
        let odd = odd.iter().map(|(number, state)| Odd {
            number: *number,
            name: "f".to_owned(),
            state: *state,
            in_transaction: true,
            error: None,
        });
        Standing { tenant: Some(place), applied: applied.to_vec(), odd: odd.collect() }
    }

    fn numbers(pending: &[&File]) -> Vec<i64> {
        pending.iter().map(|file| file.migration.number).collect()
    }

    #[test]
    fn what_is_not_applied_is_pending_also_what_failed_or_was_cut_off() {
        let files = files([1, 2, 5, 9]);
        let standing = standing(&[1], &[(2, State::Failed), (5, State::Running)]);
        assert_eq!(numbers(&pending(&files, &standing, None, false).unwrap()), [2, 5, 9]);
        assert_eq!(numbers(&pending(&files, &standing, Some(5), false).unwrap()), [2, 5]);
    }

    #[test]
    fn changed_missing_and_late_files_are_told_apart() {
        let files = files([1, 2, 5]);
        let told = |standing: &Standing, any| pending(&files, standing, None, any).unwrap_err().to_string();
        assert!(told(&standing(&[1], &[(2, State::Applied)]), true).contains("file 2_f was changed after"));
        assert!(
            told(&standing(&[1], &[(7, State::Applied)]), true)
                .contains("7_f was applied to tenant acme and is")
        );
        let late = standing(&[1, 5], &[]);
        assert!(told(&late, false).contains("file 2_f comes before 5"));
        assert_eq!(numbers(&pending(&files, &late, None, true).unwrap()), [2]);
    }

    #[test]
    fn rests_grow_and_stay_bounded() {
        let rests: Vec<u128> = (1..8).map(|n| rest(n).as_millis()).collect();
        assert_eq!(rests, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(rest(u32::MAX), REST.1);
    }

    #[test]
    fn more_than_half_is_alarming() {
        assert!(is_alarming(5, 8) && is_alarming(1, 1));
        assert!(!is_alarming(4, 8) && !is_alarming(0, 0));
    }

    proptest! {
        #[test]
        fn waves_hold_everybody_once_and_none_is_too_large(count in 0_usize..5000) {
            let sizes: Vec<usize> = waves(count).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), count);
            prop_assert!(sizes.iter().all(|size| (1..=WAVE.1).contains(size)));
        }

        /// Whatever was applied, what is pending and what is applied are all files, once, and in order.
        #[test]
        fn pending_and_applied_are_all(total in 1_i64..40, upto in 0_i64..40) {
            let files = files(1..=total);
            let applied: Vec<i64> = (1..=upto.min(total)).collect();
            let mut all = applied.clone();
            all.extend(numbers(&pending(&files, &standing(&applied, &[]), None, false).unwrap()));
            prop_assert_eq!(all, (1..=total).collect::<Vec<_>>());
        }
    }
}
