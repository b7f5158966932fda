//! What a run is told as, for people and as JSON.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::bench::draw::Classes;
use crate::cli::bench::drive::Outcome;
use crate::cli::bench::ledger::{Latencies, Ledger};
use crate::cli::bench::work::Kind;
use crate::cli::bench::{BenchArgs, Plan};
use crate::cli::out;

/// Percentiles that are told, with their names.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

/// What was asked for, by name.
pub(super) struct Told(Vec<(&'static str, Value)>);

impl Told {
    pub(super) fn of(plan: &Plan) -> Self {
        let hosts: Vec<String> = plan
            .endpoint
            .get_hosts()
            .iter()
            .map(|host| match host {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        let ports: Vec<String> = plan.endpoint.get_ports().iter().map(ToString::to_string).collect();
        let database = plan.endpoint.get_dbname().unwrap_or_default();
        let endpoint = format!("{}:{}/{database}", hosts.join(","), ports.join(","));
        Self(vec![
            ("endpoint", json!(endpoint)),
            ("mode", json!(name_of(plan.mode))),
            ("protocol", json!(name_of(plan.protocol))),
            ("tenants", json!(plan.tenants.len())),
            ("clients", json!(plan.clients)),
            ("connections", json!(plan.connections)),
            ("skew", json!(plan.skew.to_string())),
            ("mix", json!(plan.mix.to_string())),
            ("rate", json!(plan.rate)),
            ("warmup_seconds", json!(plan.warmup.as_secs_f64())),
            ("seed", json!(plan.seed)),
        ])
    }
}

fn name_of(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Prints it; the exit code is 0 only when nothing was wrong.
pub(super) fn print(told: &Told, outcome: &Outcome, args: &BenchArgs) -> ExitCode {
    let reasons = reasons(outcome, args.allow_errors);
    if args.json {
        out::line(object(told, outcome, &reasons));
    } else {
        out::line(text(told, outcome).trim_end());
        for reason in &reasons {
            out::error(format_args!("pgtenant: {reason}"));
        }
    }
    if reasons.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why the run failed.
fn reasons(outcome: &Outcome, allow_errors: bool) -> Vec<String> {
    let ledger = &outcome.ledger;
    let mut reasons = Vec::new();
    if ledger.foreign_rows > 0 {
        reasons
            .push(format!("{} rows belong to another tenant than the one that asked", ledger.foreign_rows));
    }
    if ledger.wrong_answers > 0 {
        reasons.push(format!(
            "{} transactions were answered with other rows than asked for",
            ledger.wrong_answers
        ));
    }
    if ledger.error_count() > 0 && !allow_errors {
        reasons.push(format!("{} transactions failed", ledger.error_count()));
    }
    if ledger.all.count() == 0 {
        reasons.push("no transaction was done in the time that counts".to_owned());
    }
    if outcome.interrupted {
        reasons.push("interrupted before its time".to_owned());
    }
    reasons
}

fn per_second(count: u64, length: Duration) -> f64 {
    count as f64 / length.as_secs_f64().max(1e-9)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What each line of latencies is of: name, number of tenants, latencies.
fn lines(ledger: &Ledger) -> Vec<(&'static str, Option<usize>, &Latencies)> {
    let classes = ledger.classes();
    let sizes = (0..Classes::NAMES.len()).map(|class| classes.size(class));
    let mut lines = vec![("all", Some(sizes.clone().sum()), &ledger.all)];
    let named = Classes::NAMES.into_iter().zip(sizes).zip(&ledger.by_class);
    lines.extend(named.map(|((name, size), latencies)| (name, Some(size), latencies)));
    lines.extend(Kind::ALL.into_iter().zip(&ledger.by_kind).map(|(kind, all)| (kind.name(), None, all)));
    lines.retain(|(_, _, latencies)| latencies.count() > 0);
    lines
}

fn text(told: &Told, outcome: &Outcome) -> String {
    let Outcome { ledger, length, overdue, .. } = outcome;
    let mut text = String::new();
    // Writing to a string cannot fail.
    for (name, value) in told.0.iter().filter(|(_, value)| !value.is_null()) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = writeln!(text, "{:<24}{value}", name.replace('_', " "));
    }
    let count = ledger.all.count();
    let _ = writeln!(
        text,
        "\n{count} transactions in {:.1} s, {:.1} a second\n",
        length.as_secs_f64(),
        per_second(count, *length)
    );
    text.push_str(&table(ledger, *length));
    let _ = writeln!(
        text,
        "\n{:<24}{}, {} of them first seen after the warm-up (misses, {:.1} a second)",
        "server processes",
        ledger.processes(),
        ledger.misses,
        per_second(ledger.misses, *length)
    );
    let _ = writeln!(
        text,
        "{:<24}{} ({:.1} a second): a server process worked for another tenant than before",
        "switches",
        ledger.switches,
        per_second(ledger.switches, *length)
    );
    if told.0.iter().any(|(name, value)| *name == "rate" && !value.is_null()) {
        let _ = writeln!(text, "{:<24}{overdue} transactions were due and never begun", "overdue");
    }
    for (code, errors) in &ledger.errors {
        let _ = writeln!(
            text,
            "{:<24}{} times {code}; the first: {}",
            "error",
            errors.count,
            printable(&errors.first)
        );
    }
    for fault in &ledger.faults {
        let _ = writeln!(text, "{:<24}{fault}", "FAULT");
    }
    let _ = writeln!(
        text,
        "{:<24}{}",
        "rows of other tenants",
        if ledger.foreign_rows == 0 { "none".to_owned() } else { ledger.foreign_rows.to_string() }
    );
    text
}

/// Messages come from the endpoint; a terminal must not obey what they hold.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The latencies in milliseconds, numbers to the right.
fn table(ledger: &Ledger, length: Duration) -> String {
    let mut rows = vec![["milliseconds", "tenants", "count", "a second"].map(str::to_owned).to_vec()];
    rows[0].extend(PERCENTILES.map(|(name, _)| name.to_owned()));
    rows[0].push("max".to_owned());
    for (name, tenants, latencies) in lines(ledger).into_iter().chain([("connect", None, &ledger.connects)]) {
        let tenants = tenants.map_or_else(String::new, |tenants| tenants.to_string());
        let count = latencies.count();
        let mut row =
            vec![name.to_owned(), tenants, count.to_string(), format!("{:.1}", per_second(count, length))];
        let told = |time| if count == 0 { "-".to_owned() } else { format!("{:.2}", millis(time)) };
        row.extend(PERCENTILES.map(|(_, share)| told(latencies.at(share))));
        row.push(told(latencies.longest()));
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let _ = write!(text, "{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

fn object(told: &Told, outcome: &Outcome, reasons: &[String]) -> Value {
    let Outcome { ledger, length, overdue, interrupted } = outcome;
    let latencies = |all: &Latencies| {
        let mut object = json!({
            "count": all.count(),
            "per_second": per_second(all.count(), *length),
            "max_ms": millis(all.longest()),
        });
        for (name, share) in PERCENTILES {
            object[format!("{}_ms", name.replace('.', "_"))] = json!(millis(all.at(share)));
        }
        object
    };
    let mut object = json!({
        "ok": reasons.is_empty(),
        "reasons": reasons,
        "interrupted": interrupted,
        "seconds": length.as_secs_f64(),
        "transactions": latencies(&ledger.all),
        "connects": latencies(&ledger.connects),
        "server_processes": ledger.processes(),
        "misses": ledger.misses,
        "switches": ledger.switches,
        "overdue": overdue,
        "foreign_rows": ledger.foreign_rows,
        "wrong_answers": ledger.wrong_answers,
        "faults": ledger.faults,
    });
    for (name, value) in &told.0 {
        object[*name] = value.clone();
    }
    let classes = Classes::NAMES.iter().zip(&ledger.by_class).enumerate();
    object["classes"] = classes
        .map(|(class, (name, all))| {
            let mut object = latencies(all);
            object["name"] = json!(name);
            object["tenants"] = json!(ledger.classes().size(class));
            object
        })
        .collect();
    object["kinds"] = Value::Object(
        Kind::ALL
            .iter()
            .zip(&ledger.by_kind)
            .map(|(kind, all)| (kind.name().to_owned(), latencies(all)))
            .collect(),
    );
    object["errors"] = Value::Object(
        ledger
            .errors
            .iter()
            .map(|(code, errors)| (code.clone(), json!({ "count": errors.count, "first": errors.first })))
            .collect(),
    );
    object["each_second"] = ledger
        .seconds
        .iter()
        .map(|second| {
            json!({
                "transactions": second.transactions,
                "errors": second.errors,
                "connects": second.connects,
                "new_processes": second.new_processes,
                "p99_ms": millis(second.p99),
            })
        })
        .collect();
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::connection::Trouble;
    use crate::cli::bench::draw::Skew;
    use crate::cli::bench::ledger::Done;
    use crate::cli::bench::work::{Faults, Row};

    fn outcome(faults: Faults) -> Outcome {
        let mut ledger = Ledger::new(Classes::new(Skew::Uniform, 1)).unwrap();
        ledger.warm();
        let latency = Duration::from_millis(1);
        ledger.done(&Done { tenant: 0, slug: "acme", kind: Kind::Point, latency, process: Some(1), faults });
        Outcome { ledger, length: Duration::from_secs(1), overdue: 0, interrupted: false }
    }

    #[test]
    fn errors_are_excused_on_request_and_faults_never() {
        let mut good = outcome(Faults::default());
        assert!(reasons(&good, false).is_empty());
        let trouble = Trouble { code: "53300".to_owned(), message: "too many".to_owned() };
        good.ledger.failed("acme", &trouble);
        assert_eq!((reasons(&good, false).len(), reasons(&good, true).len()), (1, 0));
        let row = Row { id: 1, tenant: "beta".to_owned(), process: 1 };
        for faults in [
            Faults { foreign: vec![row], wrong: None },
            Faults { foreign: vec![], wrong: Some("no rows".to_owned()) },
        ] {
            assert_eq!(reasons(&outcome(faults), true).len(), 1);
        }
    }

    #[test]
    fn run_in_which_nothing_was_done_fails() {
        let mut empty = outcome(Faults::default());
        empty.ledger = Ledger::new(Classes::new(Skew::Uniform, 1)).unwrap();
        assert_eq!(reasons(&empty, true), ["no transaction was done in the time that counts"]);
    }

    #[test]
    fn what_the_endpoint_says_cannot_steer_a_terminal() {
        assert_eq!(printable("no\u{1b}[31m"), "no\u{fffd}[31m");
    }
}
