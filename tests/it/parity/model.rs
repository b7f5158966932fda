//! Several clients of several tenants do random things over few server connections, and do the same on connections
//! of their own: what each sees must be the same (docs/reliability.md, "The model of the session").
//!
//! `PGTENANT_MODEL_SEED` is the first case, `PGTENANT_MODEL_CASES` how many, `PGTENANT_MODEL_STEPS` how long. A case
//! that differs is made as short as it still differs, and told.

mod acts;
mod compare;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};

use self::acts::{Step, case, told};
use self::compare::difference;
use self::stage::Stage;
use super::random::number;

/// In the usual suite, for each level.
const CASES: u64 = 10;
/// What clients do in a case.
const STEPS: u64 = 60;
/// Tries to make a case that differs shorter.
const SHORTENINGS: usize = 300;

/// `None` where nobody sees a difference.
fn differs(stage: &Stage, steps: &[Step]) -> Option<String> {
    let both = || {
        let through = stage.through(steps);
        let direct = stage.direct(steps, &through);
        difference(steps, direct, through)
    };
    // Who waits in vain has seen a difference too.
    let seen = catch_unwind(AssertUnwindSafe(both));
    seen.unwrap_or_else(|_| Some("somebody waited in vain, see above".to_owned()))
}

/// Leaves steps out as long as there is a difference.
fn shortened(stage: &Stage, mut steps: Vec<Step>) -> Vec<Step> {
    let (mut size, mut tries) = (steps.len() / 2, 0);
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            tries += 1;
            if tries > SHORTENINGS {
                return steps;
            }
            if differs(stage, &fewer).is_some() {
                steps = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    steps
}

#[expect(clippy::print_stdout, reason = "what a run by hand wants to know")]
fn same_at(stage: &Stage) {
    let (first, cases) = (number("PGTENANT_MODEL_SEED", 1), number("PGTENANT_MODEL_CASES", CASES));
    let mut bad = Vec::new();
    for seed in first..first + cases {
        let steps = case(seed, number("PGTENANT_MODEL_STEPS", STEPS), &stage.rules);
        if differs(stage, &steps).is_none() {
            continue;
        }
        let steps = shortened(stage, steps);
        let what = differs(stage, &steps).unwrap_or_else(|| "not when it was repeated".to_owned());
        println!("PGTENANT_MODEL_SEED={seed} PGTENANT_MODEL_CASES=1: {what}\n{}", told(&steps));
        bad.push(seed);
    }
    assert!(bad.is_empty(), "cases that differ: {bad:?}");
}

#[test]
fn clients_of_tenants_with_connections_of_their_own_see_what_they_see_directly() {
    same_at(&Stage::dedicated());
}

#[test]
fn clients_of_tenants_that_share_connections_see_what_they_see_directly() {
    same_at(&Stage::shared());
}
