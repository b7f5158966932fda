//! Rows as psql prints them, and blocks of lines beside each other.

use std::iter::repeat_n;

/// Space between two blocks beside each other.
const GAP: usize = 4;

/// The rows of an answer, as text. `None` is NULL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// The values of a column; none when there is no such column.
    pub(super) fn column(&self, name: &str) -> Vec<&str> {
        let Some(at) = self.columns.iter().position(|column| column == name) else { return Vec::new() };
        self.rows.iter().map(|row| cell(row, at)).collect()
    }

    /// Aligned lines: a centred heading, numbers to the right, and the number of rows.
    pub(super) fn lines(&self) -> Vec<String> {
        let columns: Vec<Column> = (0..self.columns.len()).map(|at| self.measure(at)).collect();
        let joined = |cells: Vec<String>| format!(" {}", cells.join(" | ")).trim_end().to_owned();
        let heading = columns.iter().zip(&self.columns).map(|(column, name)| column.centre(name)).collect();
        let rule: Vec<String> = columns.iter().map(|column| "-".repeat(column.width + 2)).collect();
        let mut lines = vec![joined(heading), rule.join("+")];
        for row in &self.rows {
            lines.push(joined(
                columns.iter().enumerate().map(|(at, column)| column.align(cell(row, at))).collect(),
            ));
        }
        let count = self.rows.len();
        lines.push(format!("({count} row{})", if count == 1 { "" } else { "s" }));
        lines
    }

    fn measure(&self, at: usize) -> Column {
        let values = || self.rows.iter().map(|row| cell(row, at));
        let width = values().chain([self.columns[at].as_str()]).map(width).max().unwrap_or_default();
        let is_number = |value: &str| value.parse::<f64>().is_ok_and(f64::is_finite);
        Column { width, numbers: !self.rows.is_empty() && values().all(is_number) }
    }
}

struct Column {
    width: usize,
    numbers: bool,
}

impl Column {
    fn centre(&self, text: &str) -> String {
        let room = self.width - width(text);
        format!("{}{text}{}", " ".repeat(room / 2), " ".repeat(room - room / 2))
    }

    fn align(&self, text: &str) -> String {
        if self.numbers {
            format!("{text:>width$}", width = self.width)
        } else {
            format!("{text:<width$}", width = self.width)
        }
    }
}

fn cell(row: &[Option<String>], at: usize) -> &str {
    row.get(at).and_then(Option::as_deref).unwrap_or_default()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Two blocks of lines, the second to the right of the first.
pub(super) fn beside(left: &[String], right: &[String]) -> Vec<String> {
    let room = left.iter().map(|line| width(line)).max().unwrap_or_default() + GAP;
    let padded = |line: &str| -> String { line.chars().chain(repeat_n(' ', room - width(line))).collect() };
    let line = |block: &[String], at: usize| block.get(at).cloned().unwrap_or_default();
    (0..left.len().max(right.len()))
        .map(|at| (padded(&line(left, at)) + &line(right, at)).trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], rows: &[&[Option<&str>]]) -> Table {
        Table {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            rows: rows.iter().map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect()).collect(),
        }
    }

    #[test]
    fn table_looks_as_in_psql() {
        let table = table(
            &["id", "name", "p"],
            &[&[Some("1"), Some("Müller"), None], &[Some("10"), Some("Li"), Some("pro")]],
        );
        assert_eq!(
            table.lines().join("\n"),
            "
 id |  name  |  p
----+--------+-----
  1 | Müller |
 10 | Li     | pro
(2 rows)"
                .trim_start_matches('\n')
        );
    }

    #[test]
    fn answer_of_one_row_and_of_none_is_counted_as_psql_counts() {
        assert_eq!(table(&["n"], &[&[Some("1")]]).lines().last().unwrap(), "(1 row)");
        assert_eq!(table(&["n"], &[]).lines(), [" n", "---", "(0 rows)"]);
    }

    #[test]
    fn words_that_rust_reads_as_numbers_are_text() {
        assert_eq!(table(&["x"], &[&[Some("inf")], &[Some("a")]]).lines()[3], " a");
    }

    #[test]
    fn column_is_found_by_name() {
        let table = table(&["a", "b"], &[&[Some("1"), Some("2")], &[None, Some("3")]]);
        assert_eq!(table.column("b"), ["2", "3"]);
        assert!(table.column("c").is_empty());
    }

    #[test]
    fn shorter_block_does_not_shift_the_other() {
        let block = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        assert_eq!(beside(&block(&["é", "ab"]), &block(&["x", "y", "z"])), ["é     x", "ab    y", "      z"]);
    }
}
