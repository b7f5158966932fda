//! What the migrate commands print, for people and as JSON.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::migrate::Part;
use crate::cli::tenant::output::{printable, write_columns, write_json};
use crate::control::migrate::{Drift, Files, MigrateReport, Outcome, label, whose};
use crate::registry::ledger::{Standing, State};

/// Schemas that a list of those that lack something names.
const LISTED: usize = 20;

pub(super) fn report(reports: &[Part], dry_run: bool, out: &mut dyn Write) -> Result<()> {
    let mut rows = vec![["SCHEMA", "RESULT", "FILES"].map(str::to_owned)];
    for (who, outcome) in reports.iter().flat_map(all).filter(|(_, outcome)| **outcome != Outcome::Current) {
        rows.push([who, word(outcome, dry_run).to_owned(), printable(&told(outcome))]);
    }
    if rows.len() > 1 {
        write_columns(&rows, out)?;
    }
    let tenants = |word_of: &str| {
        let tenants = reports.iter().flat_map(|part| &part.report.tenants);
        tenants.filter(|(_, outcome)| word(outcome, dry_run) == word_of).count()
    };
    let (current, failed) = (tenants("up to date"), tenants("failed"));
    if dry_run {
        let pending = tenants("pending");
        writeln!(
            out,
            "dry run: {pending} tenants would be migrated, {failed} would fail, {current} are up to date; nothing was changed"
        )?;
        return Ok(());
    }
    let (migrated, untouched) = (tenants("migrated"), tenants("not begun"));
    write!(out, "{migrated} tenants migrated, {failed} failed, {current} were up to date")?;
    if untouched > 0 {
        write!(out, ", {untouched} not begun")?;
    }
    writeln!(out)?;
    Ok(())
}

fn all(part: &Part) -> impl Iterator<Item = (String, &Outcome)> {
    let name =
        part.cluster.as_ref().map_or_else(|| "(template)".to_owned(), |name| format!("(template of {name})"));
    let template = part.report.template.iter().map(move |outcome| (name.clone(), outcome));
    template.chain(part.report.tenants.iter().map(|(slug, outcome)| (slug.to_string(), outcome)))
}

const fn word(outcome: &Outcome, dry_run: bool) -> &'static str {
    match outcome {
        Outcome::Current => "up to date",
        Outcome::Done(done) if done.failure.is_some() => "failed",
        Outcome::Done(_) => "migrated",
        Outcome::Pending(_) if dry_run => "pending",
        Outcome::Pending(_) => "not begun",
    }
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Current => String::new(),
        Outcome::Pending(files) => files.join(", "),
        Outcome::Done(done) => {
            let mut told = done.applied.join(", ");
            if let Some(failure) = &done.failure {
                if !told.is_empty() {
                    told.push_str("; then ");
                }
                match &failure.file {
                    Some(file) => told.push_str(&format!("{file}: {}", failure.error)),
                    None => told.push_str(&failure.error),
                }
            }
            told
        }
    }
}

/// One object; where there are several clusters, with one for each by its name.
pub(super) fn report_json(reports: &[Part], dry_run: bool, out: &mut dyn Write) -> Result<()> {
    if let [Part { cluster: None, report }] = reports {
        return write_json(&report_object(report, dry_run), out);
    }
    let object = |part: &Part| {
        let name = part.cluster.as_ref().map_or_else(String::new, ToString::to_string);
        (name, report_object(&part.report, dry_run))
    };
    let clusters: serde_json::Map<String, Value> = reports.iter().map(object).collect();
    write_json(&json!({ "dry_run": dry_run, "clusters": clusters }), out)
}

fn report_object(report: &MigrateReport, dry_run: bool) -> Value {
    let tenants: Vec<Value> = report
        .tenants
        .iter()
        .map(|(slug, outcome)| {
            let mut object = outcome_json(outcome, dry_run);
            object["tenant"] = json!(slug.as_str());
            object
        })
        .collect();
    json!({
        "dry_run": dry_run,
        "stopped": report.stopped,
        "template": report.template.as_ref().map(|outcome| outcome_json(outcome, dry_run)),
        "tenants": tenants,
    })
}

fn outcome_json(outcome: &Outcome, dry_run: bool) -> Value {
    let result = word(outcome, dry_run).replace(' ', "_");
    match outcome {
        Outcome::Current => json!({ "result": result }),
        Outcome::Pending(files) => json!({ "result": result, "pending": files }),
        Outcome::Done(done) => json!({
            "result": result,
            "applied": done.applied,
            "failed": done.failure.as_ref().and_then(|failure| failure.file.as_ref()),
            "error": done.failure.as_ref().map(|failure| &failure.error),
        }),
    }
}

pub(super) fn status(files: &Files, standings: &[Standing], out: &mut dyn Write) -> Result<()> {
    let tenants = standings.iter().filter(|standing| standing.tenant.is_some()).count();
    let mut rows = vec![["FILE", "TEMPLATE", "TENANTS", "FAILED"].map(str::to_owned)];
    for file in files.iter() {
        let number = file.migration.number;
        let has = |standing: &&Standing| standing.applied.binary_search(&number).is_ok();
        let templates = standings.iter().filter(|standing| standing.tenant.is_none());
        // One on each cluster.
        let (with, of) = (templates.clone().filter(has).count(), templates.count());
        let applied = standings.iter().filter(|standing| standing.tenant.is_some()).filter(has).count();
        let failed = standings.iter().filter(|s| state(s, number) == Some(State::Failed)).count();
        rows.push([
            file.label(),
            match (with, of) {
                (0, _) => "no".to_owned(),
                (with, of) if with == of => "yes".to_owned(),
                (with, of) => format!("{with} of {of}"),
            },
            format!("{applied} of {tenants}"),
            if failed == 0 { "-".to_owned() } else { failed.to_string() },
        ]);
    }
    write_columns(&rows, out)?;
    let troubles: Vec<String> = standings.iter().flat_map(troubles).collect();
    for trouble in troubles.iter().take(LISTED) {
        writeln!(out, "{}", printable(trouble))?;
    }
    if let Some(more) = troubles.len().checked_sub(LISTED + 1) {
        writeln!(out, "and {} more; `--json` has all", more + 1)?;
    }
    Ok(())
}

fn state(standing: &Standing, number: i64) -> Option<State> {
    standing.odd.iter().find(|odd| odd.number == number).map(|odd| odd.state)
}

/// Rows of the ledger that somebody should look at.
fn troubles(standing: &Standing) -> Vec<String> {
    let whose = whose(standing);
    let odd = standing.odd.iter();
    odd.map(|odd| {
        let file = label(odd.number, &odd.name);
        match odd.state {
            State::Failed => format!("{whose}: {file} failed: {}", odd.error.as_deref().unwrap_or("-")),
            State::Running if odd.in_transaction => {
                format!("{whose}: {file} is being applied, or its program ended before it was; the next run finds out")
            }
            State::Running => format!("{whose}: {file} is being applied outside a transaction, or was cut off"),
            State::Applied => format!("{whose}: {file} is applied, and its file is gone or another one now"),
        }
    })
    .collect()
}

pub(super) fn status_json(
    files: &Files,
    standings: &[Standing],
    conflicts: &[String],
    out: &mut dyn Write,
) -> Result<()> {
    let schema = |standing: &Standing| {
        let odd: Vec<Value> = standing
            .odd
            .iter()
            .map(|odd| {
                let state = match odd.state {
                    State::Running => "running",
                    State::Applied => "applied_otherwise",
                    State::Failed => "failed",
                };
                json!({ "file": label(odd.number, &odd.name), "state": state, "error": odd.error })
            })
            .collect();
        let pending: Vec<String> = files
            .iter()
            .filter(|file| standing.applied.binary_search(&file.migration.number).is_err())
            .map(crate::control::migrate::File::label)
            .collect();
        json!({
            "tenant": standing.tenant.as_ref().map(|place| place.slug.as_str()),
            "applied": standing.applied,
            "pending": pending,
            "odd": odd,
        })
    };
    let object = json!({
        "files": files.iter().map(crate::control::migrate::File::label).collect::<Vec<_>>(),
        "template": standings.iter().find(|standing| standing.tenant.is_none()).map(schema),
        "tenants": standings.iter().filter(|standing| standing.tenant.is_some()).map(schema).collect::<Vec<_>>(),
        "conflicts": conflicts,
    });
    write_json(&object, out)
}

pub(super) fn drift(found: &[Drift], out: &mut dyn Write) -> Result<()> {
    let mut rows = vec![["TENANT", "DIFFERENCE", "WHAT"].map(str::to_owned)];
    for drift in found {
        for (difference, what) in &drift.differences {
            rows.push([drift.slug.to_string(), difference.as_str().to_owned(), printable(what)]);
        }
    }
    if rows.len() > 1 {
        write_columns(&rows, out)?;
    } else {
        writeln!(out, "all {} tenants are like the template", found.len())?;
    }
    Ok(())
}

pub(super) fn drift_json(found: &[Drift], out: &mut dyn Write) -> Result<()> {
    let differing = found.iter().filter(|drift| !drift.differences.is_empty()).map(|drift| {
        let differences: Vec<Value> = drift
            .differences
            .iter()
            .map(|(difference, what)| json!({ "difference": difference.as_str(), "what": what }))
            .collect();
        json!({ "tenant": drift.slug.as_str(), "differences": differences })
    });
    write_json(&differing.collect(), out)
}

pub(super) fn baseline(written: &[(String, u64)], to: i64, out: &mut dyn Write) -> Result<()> {
    let schemas = written.iter().filter(|(_, rows)| *rows > 0).count();
    let rows: u64 = written.iter().map(|(_, rows)| rows).sum();
    writeln!(
        out,
        "{rows} files up to number {to} are written down as applied, in {schemas} of {} schemas",
        written.len()
    )?;
    Ok(())
}

pub(super) fn baseline_json(written: &[(String, u64)], out: &mut dyn Write) -> Result<()> {
    let rows = written.iter().map(|(schema, rows)| json!({ "schema": schema, "written": rows }));
    write_json(&rows.collect(), out)
}
