//! The transactions, and what their answers must be.

use std::ops::RangeInclusive;

use clap::ValueEnum;
use rand::RngExt;
use rand::rngs::SmallRng;

use crate::cli::bench::target::Tenant;

/// The table of each tenant.
pub(super) const TABLE: &str = "pgtenant_bench";

/// Its rows, with ids from 1.
pub(super) const ROWS: i32 = 100;

/// Rows of a `range`.
const RANGE_ROWS: i32 = 10;

/// A kind of transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One row by its key.
    Point,
    /// Ten rows by a range of keys.
    Range,
    /// `BEGIN`, a point, a write of the same row, `COMMIT`.
    Transaction,
    /// One row changed by its key.
    Write,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Point, Self::Range, Self::Transaction, Self::Write];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Range => "range",
            Self::Transaction => "transaction",
            Self::Write => "write",
        }
    }

    /// Its place in [`Kind::ALL`].
    pub(super) fn place(self) -> usize {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default()
    }
}

/// Who names the tenant to the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Each tenant logs in as a user of its own; names have no schema
    Login,
    /// One user; names have the tenant's schema in front
    Qualified,
    /// One user; each transaction begins with SET LOCAL `search_path`
    SetLocal,
}

/// One statement that gives rows of (id, tenant, process), and what it must give.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// With `$1` and `$2` for the parameters.
    pub(super) sql: String,
    pub(super) parameters: Vec<i32>,
    pub(super) ids: RangeInclusive<i32>,
}

/// One transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Work {
    /// What opens a block, if there is one: each a message of its own, as applications send it.
    pub(super) begin: Vec<String>,
    pub(super) statements: Vec<Statement>,
}

impl Work {
    pub(super) fn new(kind: Kind, mode: Mode, tenant: &Tenant, random: &mut SmallRng) -> Self {
        let table = match mode {
            Mode::Qualified => format!("{}.{TABLE}", tenant.schema),
            Mode::Login | Mode::SetLocal => TABLE.to_owned(),
        };
        let begin = match (mode, kind) {
            (Mode::SetLocal, _) => {
                vec!["BEGIN".to_owned(), format!("SET LOCAL search_path TO {}", tenant.schema)]
            }
            (_, Kind::Transaction) => vec!["BEGIN".to_owned()],
            _ => Vec::new(),
        };
        let id = random.random_range(1..=ROWS);
        let amount = random.random_range(1..=1000);
        let statements = match kind {
            Kind::Point => vec![point(&table, id)],
            Kind::Range => vec![range(&table, random.random_range(1..=ROWS - RANGE_ROWS + 1))],
            Kind::Transaction => vec![point(&table, id), write(&table, id, amount)],
            Kind::Write => vec![write(&table, id, amount)],
        };
        Self { begin, statements }
    }

    /// The simplest one, for seeing whether an endpoint answers at all.
    pub(super) fn probe(mode: Mode, tenant: &Tenant) -> Self {
        use rand::SeedableRng;
        Self::new(Kind::Point, mode, tenant, &mut SmallRng::seed_from_u64(0))
    }
}

fn point(table: &str, id: i32) -> Statement {
    let sql = format!("SELECT id, tenant, pg_backend_pid() FROM {table} WHERE id = $1");
    Statement { sql, parameters: vec![id], ids: id..=id }
}

fn range(table: &str, first: i32) -> Statement {
    let last = first + RANGE_ROWS - 1;
    let sql = format!("SELECT id, tenant, pg_backend_pid() FROM {table} WHERE id BETWEEN $1 AND $2");
    Statement { sql, parameters: vec![first, last], ids: first..=last }
}

fn write(table: &str, id: i32, amount: i32) -> Statement {
    let sql = format!(
        "UPDATE {table} SET balance = balance + $2 WHERE id = $1 RETURNING id, tenant, pg_backend_pid()"
    );
    Statement { sql, parameters: vec![id, amount], ids: id..=id }
}

/// What makes a tenant's table, run as the tenant with its schema first.
pub(super) fn table_sql(slug: &str) -> String {
    // A slug has nothing that needs escaping.
    format!(
        "CREATE TABLE IF NOT EXISTS {TABLE} \
         (id int PRIMARY KEY, tenant text NOT NULL, balance bigint NOT NULL DEFAULT 0); \
         INSERT INTO {TABLE} (id, tenant) SELECT id, '{slug}' FROM generate_series(1, {ROWS}) id \
         ON CONFLICT DO NOTHING"
    )
}

/// A row as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: i32,
    pub(super) tenant: String,
    /// The server process that made it.
    pub(super) process: i32,
}

/// What is wrong with the answers to one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// Rows of another tenant than the one that asked.
    pub(super) foreign: Vec<Row>,
    /// Rows of the right tenant, but not those asked for.
    pub(super) wrong: Option<String>,
}

/// Compares every row with the tenant that asked and the rows that it asked for.
pub(super) fn judge(slug: &str, statements: &[Statement], answers: &[Vec<Row>]) -> Faults {
    let foreign: Vec<Row> = answers.iter().flatten().filter(|row| row.tenant != slug).cloned().collect();
    if !foreign.is_empty() {
        return Faults { foreign, wrong: None };
    }
    let mut wrong = None;
    for (statement, rows) in statements.iter().zip(answers) {
        let mut ids: Vec<i32> = rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        if !ids.iter().copied().eq(statement.ids.clone()) {
            wrong = Some(format!("rows {ids:?} instead of {:?} to: {}", statement.ids, statement.sql));
        }
    }
    let mut processes = answers.iter().flatten().map(|row| row.process);
    if let Some(first) = processes.next()
        && let Some(other) = processes.find(|process| *process != first)
    {
        wrong = Some(format!("one transaction was in two server processes, {first} and {other}"));
    }
    Faults { foreign, wrong }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn row(id: i32, tenant: &str) -> Row {
        Row { id, tenant: tenant.to_owned(), process: 9 }
    }

    fn tenant() -> Tenant {
        Tenant::new("acme", None, "{slug}", "tenant_{slug}").unwrap()
    }

    #[test]
    fn rows_that_were_asked_for_have_no_fault() {
        let statements = [point("t", 3), range("t", 5)];
        let answers = [vec![row(3, "acme")], (5..15).rev().map(|id| row(id, "acme")).collect()];
        assert_eq!(judge("acme", &statements, &answers), Faults::default());
    }

    #[test]
    fn every_row_of_another_tenant_is_a_fault() {
        let statements = [point("t", 3), range("t", 5)];
        let mut answers = [vec![row(3, "acme")], (5..15).map(|id| row(id, "acme")).collect::<Vec<_>>()];
        answers[1][9].tenant = "beta".to_owned();
        answers[0][0].tenant = "acme2".to_owned();
        assert_eq!(judge("acme", &statements, &answers).foreign, [row(3, "acme2"), row(14, "beta")]);
    }

    #[test]
    fn missing_doubled_and_other_rows_are_a_fault() {
        for ids in [&[][..], &[4], &[3, 3], &[3, 4]] {
            let faults =
                judge("acme", &[write("t", 3, 1)], &[ids.iter().map(|&id| row(id, "acme")).collect()]);
            assert!(faults.foreign.is_empty() && faults.wrong.is_some(), "{ids:?}");
        }
    }

    #[test]
    fn transaction_in_two_processes_is_a_fault() {
        let other = Row { process: 10, ..row(3, "acme") };
        let answers = [vec![row(3, "acme")], vec![other]];
        let faults = judge("acme", &[point("t", 3), write("t", 3, 1)], &answers);
        assert_eq!(faults.wrong.unwrap(), "one transaction was in two server processes, 9 and 10");
    }

    #[test]
    fn modes_name_the_tenant_as_they_say() {
        let mut random = SmallRng::seed_from_u64(1);
        let mut work = |mode, kind| Work::new(kind, mode, &tenant(), &mut random);
        let login = work(Mode::Login, Kind::Point);
        assert!(login.begin.is_empty());
        assert!(login.statements[0].sql.contains("FROM pgtenant_bench "));
        let begin = work(Mode::SetLocal, Kind::Write).begin;
        assert_eq!(begin, ["BEGIN", "SET LOCAL search_path TO \"tenant_acme\""]);
        let qualified = work(Mode::Qualified, Kind::Transaction);
        assert_eq!(qualified.begin, ["BEGIN"]);
        assert_eq!(qualified.statements.len(), 2);
        assert!(qualified.statements[1].sql.starts_with("UPDATE \"tenant_acme\".pgtenant_bench "));
    }

    #[test]
    fn every_id_that_is_asked_for_is_in_the_table() {
        let mut random = SmallRng::seed_from_u64(1);
        for _ in 0..2000 {
            for kind in Kind::ALL {
                for statement in Work::new(kind, Mode::Login, &tenant(), &mut random).statements {
                    assert!(*statement.ids.start() >= 1 && *statement.ids.end() <= ROWS, "{statement:?}");
                }
            }
        }
    }
}
