//! Random sequences of well-formed messages, compared like the written conversations.
//!
//! `PGTENANT_PARITY_CASES` sets how many, `PGTENANT_PARITY_SEED` which is the first.

use super::harness::{LAST, Step, same_unless_copy_is_broken};
use crate::support::wire::{
    bind, close_portal, close_statement, copy_data, copy_done, copy_fail, describe_portal,
    describe_statement, execute, flush, parse, query, sync,
};

const CASES: u64 = 25;

const TEXTS: &[&str] = &[
    "select 1 as a",
    "select 1 as a",
    "select id, name from items order by id",
    "select generate_series(1, 4) as b",
    "select coalesce($1::int, 5) as d",
    "select coalesce($1::text, 'x') as e, $2::int",
    "select 1/(random()*0)::int",
    "insert into items values (100 + coalesce($1::int, 1), 'new', 1) returning id",
    "begin",
    "commit",
    "rollback",
    "savepoint x",
    "rollback to x",
    "set application_name = 'set'",
    "set local datestyle = 'German'",
    "show application_name",
    "reset application_name",
    "deallocate all",
    "declare c cursor for select id from items order by id",
    "fetch 2 from c",
    "copy items to stdout",
    "select * from nowhere",
    "",
    "selec",
];

const QUERIES: &[&str] = &[
    "begin",
    "commit",
    "rollback",
    "select 1; select 2",
    "select 1; select 1/0; select 2",
    "selec",
    "",
    ";",
    "deallocate s",
    "set application_name = 'simple'",
    "insert into items values (100, 'new', 1); select count(*) from items",
    "do $$ begin raise notice 'said'; end $$",
    "create temp table if not exists made (id int) on commit drop",
];

/// A generator of numbers that are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    pub(super) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn message(&mut self) -> Vec<u8> {
        let (portal, statement) = (self.pick(&["", "", "", "p"]), self.pick(&["", "", "s", "t"]));
        match self.roll(24) {
            0..5 => parse(statement, self.pick(TEXTS)),
            5..10 => {
                let values = [&[][..], &[], &[], &["7"], &["1", "2"]][self.roll(5)];
                bind(portal, statement, values)
            }
            10 => describe_statement(statement),
            11 => describe_portal(portal),
            12 => close_statement(statement),
            13 => close_portal(portal),
            14..19 => execute(portal, u32::try_from(self.roll(4)).unwrap()),
            19 => flush(),
            20 => query(self.pick(QUERIES)),
            21 => self.copy(),
            _ => sync(),
        }
    }

    /// COPY and its data, all sent without waiting: nothing else may stand in the middle of the data.
    fn copy(&mut self) -> Vec<u8> {
        let mut out = if self.roll(2) == 0 {
            query("copy copied from stdin")
        } else {
            [parse("", "copy copied from stdin"), bind("", "", &[]), execute("", 0)].concat()
        };
        if self.roll(4) == 0 {
            out.extend(sync());
        }
        for _ in 0..self.roll(4) {
            out.extend(match self.roll(6) {
                0 => flush(),
                1 => sync(),
                2 => copy_data("no number\tx\n"),
                _ => copy_data("1\tone\n"),
            });
        }
        out.extend(if self.roll(4) == 0 { copy_fail("random") } else { copy_done() });
        out
    }
}

fn case(seed: u64) -> Vec<Step> {
    let mut dice = Dice(seed);
    let mut steps = Vec::new();
    for _ in 0..3 {
        let mut bytes = Vec::new();
        for _ in 0..=dice.roll(16) {
            bytes.extend(dice.message());
        }
        let last = query(&format!("select '{LAST}'"));
        bytes.extend([sync(), query("rollback"), last].concat());
        steps.extend([Step::Send(bytes), Step::Last]);
    }
    steps
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}

#[test]
fn random_messages_are_answered_as_by_postgresql() {
    let (first, cases) = (number("PGTENANT_PARITY_SEED", 1), number("PGTENANT_PARITY_CASES", CASES));
    for seed in first..first + cases {
        println!("random messages: PGTENANT_PARITY_SEED={seed} PGTENANT_PARITY_CASES=1");
        same_unless_copy_is_broken(&case(seed));
    }
}
