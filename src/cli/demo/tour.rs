//! The tour: what the product promises, tried on real statements. A step that does not hold says what
//! was seen instead.

mod steps;

use std::fmt;

use anyhow::Result;

use crate::cli::demo::person::{Answer, Person};
use crate::cli::demo::screen::Screen;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::table::beside;

/// What came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    steps: usize,
    held: usize,
}

impl Score {
    /// Whether no step failed.
    pub(super) const fn all_held(self) -> bool {
        self.held == self.steps
    }

    const fn count(&mut self, held: bool) {
        self.steps += 1;
        self.held += held as usize;
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all_held() {
            write!(f, "All {} steps held.", self.steps)
        } else {
            write!(f, "{} of {} steps did NOT hold.", self.steps - self.held, self.steps)
        }
    }
}

/// One step while it runs.
struct Tour<'a> {
    stage: &'a Stage,
    screen: Screen,
    /// Whether all of this step's checks held so far.
    holds: bool,
}

/// Runs every step, also after one that failed.
pub(super) async fn run(stage: &Stage, screen: Screen) -> Score {
    let mut score = Score::default();
    macro_rules! step {
        ($title:literal, $step:path) => {
            screen.heading(&format!("{}. {}", score.steps + 1, $title));
            let mut tour = Tour { stage, screen, holds: true };
            let result = $step(&mut tour).await;
            score.count(tour.conclude(result));
        };
    }
    step!("Two tenants run the same statement", steps::own_rows);
    step!("What all tenants share lies in the schema `global`", steps::shared_schema);
    step!("A tenant reaches for another tenant's table", steps::cross_tenant_read);
    step!("Sequences and foreign keys are each tenant's own", steps::own_sequences);
    step!("A server process serves the clients of one tenant in turn", steps::pooling);
    step!("A setting ends with the client that made it", steps::settings);
    score
}

impl Tour<'_> {
    /// Runs a statement, shows it and what came back.
    async fn show(&self, person: &Person, sql: &str) -> Result<Answer> {
        let answer = person.run(sql).await?;
        self.screen.block(&person.show(sql, &answer));
        Ok(answer)
    }

    /// The same statement by two, beside each other.
    async fn show_both(&self, people: [&Person; 2], sql: &str) -> Result<[Answer; 2]> {
        let [left, right] = people;
        let answers = [left.run(sql).await?, right.run(sql).await?];
        self.screen.block(&beside(&left.show(sql, &answers[0]), &right.show(sql, &answers[1])));
        Ok(answers)
    }

    /// Ends a claim with a mark.
    fn prove(&mut self, holds: bool, claim: &str, seen: impl FnOnce() -> String) {
        if holds {
            self.screen.held(claim);
        } else {
            self.holds = false;
            self.screen.failed(&format!("NOT seen: {claim}"));
            self.screen.line(&format!("  seen instead: {}", seen()));
        }
    }

    fn conclude(self, result: Result<()>) -> bool {
        if let Err(error) = &result {
            self.screen.failed(&format!("the step broke off: {error:#}"));
        }
        self.holds && result.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_is_enough() {
        let mut score = Score::default();
        score.count(true);
        assert!(score.all_held());
        score.count(false);
        assert!(!score.all_held());
        assert_eq!(score.to_string(), "1 of 2 steps did NOT hold.");
    }
}
