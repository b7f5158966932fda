//! What `verify` prints, for people and as JSON.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::tenant::output::{printable, write_json};
use crate::cli::verify::Outcome;
use crate::control::verify::{Finding, Severity};
use crate::tenant::ClusterName;

/// Findings of one kind that a person is shown; `--json` has all.
const SHOWN: usize = 5;

pub(super) fn could_not(error: &anyhow::Error, json: bool, out: &mut dyn Write) -> Result<()> {
    let text = format!("{error:#}");
    if json {
        writeln!(out, "{}", json!({ "ok": null, "error": text }))?;
    } else {
        crate::cli::out::error(format_args!("pgtenant: isolation could NOT be verified: {text}"));
    }
    Ok(())
}

/// Where there is one cluster only, nobody need be told which.
pub(super) fn on(cluster: &ClusterName) -> String {
    if cluster.is_main() { String::new() } else { format!(" on {cluster}") }
}

pub(super) fn json(outcome: &Outcome, out: &mut dyn Write) -> Result<()> {
    write_json(&value(outcome), out)
}

pub(super) fn json_line(outcome: &Outcome, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{}", value(outcome))?;
    Ok(())
}

fn value(outcome: &Outcome) -> Value {
    let attacked: Vec<Value> = outcome
        .attacked
        .iter()
        .map(|attacked| {
            json!({
                "cluster": attacked.cluster.as_str(),
                "level": attacked.level.as_str(),
                "sent": attacked.sent,
                "refused": attacked.refused,
                "on_victims_connection": attacked.on_victims_connection,
                "findings": attacked.findings.len(),
            })
        })
        .collect();
    json!({
        "ok": outcome.is_clean(),
        "tenants": outcome.tenants,
        "audit_seconds": outcome.audited_in.as_secs_f64(),
        "attack_seconds": outcome.attacked_in.as_secs_f64(),
        "counts": Severity::ALL.iter().map(|severity| (severity.as_str().to_owned(), json!(count(outcome, *severity)))).collect::<serde_json::Map<_, _>>(),
        "findings": outcome.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        "accepted": outcome.accepted.iter().map(Finding::to_json).collect::<Vec<_>>(),
        "attacked": attacked,
    })
}

fn count(outcome: &Outcome, severity: Severity) -> usize {
    outcome.findings.iter().filter(|finding| finding.check.severity == severity).count()
}

/// Grouped by kind, the worst first.
pub(super) fn table(outcome: &Outcome, out: &mut dyn Write) -> Result<()> {
    let mut told: Vec<&str> = Vec::new();
    for first in &outcome.findings {
        let check = first.check;
        if told.contains(&check.id) {
            continue;
        }
        told.push(check.id);
        writeln!(out, "{} {}: {}", check.severity.as_str().to_uppercase(), check.id, check.means)?;
        let of_kind: Vec<&Finding> =
            outcome.findings.iter().filter(|other| other.check.id == check.id).collect();
        for finding in of_kind.iter().take(SHOWN) {
            writeln!(out, "  {}: {}", printable(&finding.object), printable(&finding.found))?;
            writeln!(out, "    fix: {}", printable(finding.fix.text()))?;
        }
        if let Some(more) = of_kind.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(out, "  and {more} more; `--json` has all")?;
        }
        writeln!(out)?;
    }
    for finding in &outcome.accepted {
        writeln!(out, "accepted {}: {}", finding.check.id, printable(&finding.object))?;
    }
    for attacked in &outcome.attacked {
        writeln!(
            out,
            "attack{} at level {}: {} sent, {} refused, {} on the victim's own server connection, {} findings",
            on(&attacked.cluster),
            attacked.level.as_str(),
            attacked.sent,
            attacked.refused,
            attacked.on_victims_connection,
            attacked.findings.len(),
        )?;
    }
    let counts: Vec<String> = Severity::ALL
        .iter()
        .filter_map(|severity| match count(outcome, *severity) {
            0 => None,
            found => Some(format!("{found} {severity}")),
        })
        .collect();
    let counts = if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") };
    let verdict = if outcome.is_clean() {
        "tenants are kept apart"
    } else {
        "tenants are NOT kept apart as they should be"
    };
    let attack = if outcome.attacked.is_empty() {
        ", not attacked".to_owned()
    } else {
        format!(", attacked in {:.1} s", outcome.attacked_in.as_secs_f64())
    };
    writeln!(
        out,
        "{verdict}: {} tenants audited in {:.2} s{attack}: {counts}",
        outcome.tenants,
        outcome.audited_in.as_secs_f64(),
    )?;
    Ok(())
}
