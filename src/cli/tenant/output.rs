//! What the tenant commands print, for people and as JSON.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::config::Config;
use crate::control::{LevelChange, Provisioned, StatusChange, Step};
use crate::registry::moves::{Direction, Move};
use crate::registry::store::TenantSummary;
use crate::tenant::{Limits, Slug};

pub(super) fn created(done: &Provisioned, config: &Config, out: &mut dyn Write) -> Result<()> {
    steps(&done.steps, &done.notes, out)?;
    let tenant = &done.summary.tenant;
    let verb = if done.created { "created" } else { "exists" };
    writeln!(
        out,
        "tenant {} {verb}, {}, level {}",
        tenant.slug,
        tenant.status.as_str(),
        tenant.level.as_str()
    )?;
    let password = done.generated_password.as_ref().map(ExposeSecret::expose_secret);
    if let Some(password) = password {
        writeln!(out, "password of user {}, shown only now: {password}", printable(user_of(done)))?;
    }
    writeln!(out, "connect through the proxy: {}", proxy_url(config, user_of(done), password))?;
    Ok(())
}

/// What was done, a line each, and what is to be known of it.
pub(super) fn steps(steps: &[Step], notes: &[String], out: &mut dyn Write) -> Result<()> {
    for step in steps {
        writeln!(out, "{:<8} {}", step.outcome, printable(&step.what))?;
    }
    for note in notes {
        writeln!(out, "note: {}", printable(note))?;
    }
    Ok(())
}

pub(super) fn steps_json(steps: &[Step]) -> Value {
    steps.iter().map(|step| json!({ "outcome": step.outcome.to_string(), "what": step.what })).collect()
}

pub(super) fn created_json(done: &Provisioned, config: &Config, out: &mut dyn Write) -> Result<()> {
    write_json(&created_object(done, config), out)
}

pub(super) fn created_object(done: &Provisioned, config: &Config) -> Value {
    let password = done.generated_password.as_ref().map(ExposeSecret::expose_secret);
    let mut object = done.summary.to_json();
    object["created"] = json!(done.created);
    object["steps"] = steps_json(&done.steps);
    object["notes"] = json!(done.notes);
    object["user"] = json!(user_of(done));
    object["password"] = json!(password);
    object["url"] = json!(proxy_url(config, user_of(done), password));
    object
}

pub(super) fn list(tenants: &[TenantSummary], out: &mut dyn Write) -> Result<()> {
    let mut rows =
        vec![["SLUG", "NAME", "STATUS", "LEVEL", "USERS", "STRIPE CUSTOMER", "CREATED"].map(str::to_owned)];
    for summary in tenants {
        rows.push([
            summary.tenant.slug.to_string(),
            printable(&summary.tenant.name),
            summary.tenant.status.as_str().to_owned(),
            summary.tenant.level.as_str().to_owned(),
            printable(&summary.users.join(", ")),
            printable(summary.stripe_customer_id.as_deref().unwrap_or("-")),
            summary.created_at.clone(),
        ]);
    }
    // Most installations have one cluster.
    if tenants.iter().all(|summary| summary.tenant.cluster.is_main()) {
        return write_columns(&rows, out);
    }
    let clusters =
        std::iter::once("CLUSTER").chain(tenants.iter().map(|summary| summary.tenant.cluster.as_str()));
    let rows: Vec<[String; 8]> = rows
        .into_iter()
        .zip(clusters)
        .map(|([slug, name, status, level, users, stripe, created], cluster)| {
            [slug, name, status, level, cluster.to_owned(), users, stripe, created]
        })
        .collect();
    write_columns(&rows, out)
}

pub(super) fn list_json(tenants: &[TenantSummary], out: &mut dyn Write) -> Result<()> {
    write_json(&tenants.iter().map(TenantSummary::to_json).collect(), out)
}

/// `size` is the number of tables and the bytes of the schema; `None` where its cluster does not tell.
pub(super) fn show(
    summary: &TenantSummary,
    size: Option<(i64, i64)>,
    moved: &[(Direction, Move)],
    out: &mut dyn Write,
) -> Result<()> {
    let tenant = &summary.tenant;
    let rows = [
        ("slug", tenant.slug.to_string()),
        ("name", printable(&tenant.name)),
        ("id", tenant.id.to_string()),
        ("status", tenant.status.as_str().to_owned()),
        ("dropped after", summary.drop_after.clone().unwrap_or_else(|| "-".to_owned())),
        ("level", tenant.level.as_str().to_owned()),
        ("cluster", tenant.cluster.to_string()),
        ("schema", printable(tenant.names.schema.as_str())),
        ("role", printable(tenant.names.role.as_str())),
        ("users", printable(&summary.users.join(", "))),
        ("stripe customer", printable(summary.stripe_customer_id.as_deref().unwrap_or("-"))),
        ("created", summary.created_at.clone()),
        ("limits", printable(&pairs(&summary.limits))),
        ("settings", printable(&pairs(&tenant.settings))),
        ("tables", size.map_or_else(|| "?".to_owned(), |size| size.0.to_string())),
        ("size", size.map_or_else(|| "?".to_owned(), |size| human_bytes(size.1))),
    ]
    .map(|(name, value)| [name.to_owned(), value]);
    let moved = moved.iter().map(|(direction, found)| {
        let Move { state, peer, peer_slug, .. } = found;
        let (name, way) = match direction {
            Direction::Out => ("moves", "to"),
            Direction::In => ("moved", "from"),
        };
        let text = format!("{way} tenant {peer_slug} of {peer}: {}", state.as_str());
        [name.to_owned(), printable(&text)]
    });
    write_columns(&rows.into_iter().chain(moved).collect::<Vec<_>>(), out)
}

pub(super) fn show_json(
    summary: &TenantSummary,
    size: Option<(i64, i64)>,
    moved: &[(Direction, Move)],
    out: &mut dyn Write,
) -> Result<()> {
    let mut object = summary.to_json();
    object["tables"] = json!(size.map(|size| size.0));
    object["bytes"] = json!(size.map(|size| size.1));
    for (direction, Move { state, peer, peer_slug, .. }) in moved {
        let name = if *direction == Direction::Out { "moves_to" } else { "moved_from" };
        object[name] = json!({ "slug": peer_slug, "installation": peer, "state": state.as_str() });
    }
    write_json(&object, out)
}

/// The tenant's own limits and those that hold for it by the configuration.
pub(super) fn limits(summary: &TenantSummary, config: &Limits, out: &mut dyn Write) -> Result<()> {
    let now = config.with(&summary.tenant.limits);
    let count = |number: usize| if number == usize::MAX { "all".to_owned() } else { number.to_string() };
    let time = |limit: Option<Duration>| {
        limit.map_or_else(|| "off".to_owned(), |limit| humantime::format_duration(limit).to_string())
    };
    let mut rows = vec![["LIMIT", "VALUE", "FROM"].map(str::to_owned)];
    for (name, value) in [
        ("max_clients", count(now.max_clients)),
        ("max_server_connections", count(now.max_server_connections)),
        ("min_server_connections", now.min_server_connections.to_string()),
        ("max_waiting", count(now.max_waiting)),
        ("max_pinned", count(now.max_pinned)),
        ("weight", now.weight.to_string()),
        ("max_transactions_per_second", count(now.max_transactions_per_second)),
        ("wait_timeout", time(Some(now.wait_timeout))),
        ("statement_timeout", time(now.statement_timeout)),
        ("transaction_timeout", time(now.transaction_timeout)),
        ("idle_in_transaction_timeout", time(now.idle_in_transaction_timeout)),
        ("client_idle_timeout", time(now.client_idle_timeout)),
        ("pinned_idle_timeout", time(now.pinned_idle_timeout)),
    ] {
        let from = if summary.limits.contains_key(name) { "the tenant" } else { "the configuration" };
        rows.push([name.to_owned(), value, from.to_owned()]);
    }
    write_columns(&rows, out)
}

pub(super) fn limits_json(summary: &TenantSummary, out: &mut dyn Write) -> Result<()> {
    write_json(&json!({ "slug": summary.tenant.slug.as_str(), "limits": summary.limits }), out)
}

/// One tenant of so many.
pub(super) fn rotated(
    slug: &Slug,
    step: &Step,
    (number, count): (usize, usize),
    json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    if json {
        return write_json(&json!({ "slug": slug.as_str(), "outcome": step.outcome.to_string() }), out);
    }
    writeln!(out, "{:<8} {} ({number} of {count})", step.outcome, step.what)?;
    Ok(())
}

pub(super) fn level(change: &LevelChange, dry: bool, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{:<8} {}", change.step.outcome, change.step.what)?;
    let (slug, before) = (&change.summary.tenant.slug, change.before.as_str());
    let now = change.summary.tenant.level.as_str();
    match (dry, change.before == change.summary.tenant.level) {
        (_, true) => writeln!(out, "tenant {slug} is of level {now}")?,
        (false, false) => writeln!(out, "tenant {slug} is of level {now}, no longer {before}")?,
        (true, false) => writeln!(out, "tenant {slug} would be of level {now}, no longer {before}")?,
    }
    if dry {
        writeln!(out, "dry run: nothing was changed")?;
    }
    Ok(())
}

pub(super) fn status(change: &StatusChange, dry: bool, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{:<8} {}", change.step.outcome, change.step.what)?;
    let (slug, before) = (&change.summary.tenant.slug, change.before.as_str());
    let now = change.summary.tenant.status.as_str();
    match (dry, change.before == change.summary.tenant.status) {
        (_, true) => writeln!(out, "tenant {slug} is {now}")?,
        (false, false) => writeln!(out, "tenant {slug} is {now}, no longer {before}")?,
        (true, false) => writeln!(out, "tenant {slug} would be {now}, no longer {before}")?,
    }
    if dry {
        writeln!(out, "dry run: nothing was changed")?;
    }
    Ok(())
}

pub(super) fn status_json(change: &StatusChange, out: &mut dyn Write) -> Result<()> {
    let tenant = &change.summary.tenant;
    write_json(
        &json!({
            "slug": tenant.slug.as_str(),
            "status": tenant.status.as_str(),
            "before": change.before.as_str(),
            "outcome": change.step.outcome.to_string(),
        }),
        out,
    )
}

pub(super) fn level_json(change: &LevelChange, out: &mut dyn Write) -> Result<()> {
    let tenant = &change.summary.tenant;
    write_json(
        &json!({
            "slug": tenant.slug.as_str(),
            "level": tenant.level.as_str(),
            "before": change.before.as_str(),
            "outcome": change.step.outcome.to_string(),
        }),
        out,
    )
}

fn pairs(own: &BTreeMap<String, String>) -> String {
    let own: Vec<_> = own.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if own.is_empty() { "-".to_owned() } else { own.join(" ") }
}

pub(in crate::cli) fn write_json(value: &Value, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Left-aligned columns two blanks apart.
pub(in crate::cli) fn write_columns<const N: usize>(rows: &[[String; N]], out: &mut dyn Write) -> Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let line: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Names come from the database; a terminal must not obey what they hold.
pub(in crate::cli) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The user the command was about, else the tenant's first.
fn user_of(done: &Provisioned) -> &str {
    let first = || done.summary.users.first().map_or("", String::as_str);
    done.user.as_ref().map_or_else(first, |user| user.as_str())
}

/// Binary units with one decimal.
pub(in crate::cli) fn human_bytes(bytes: i64) -> String {
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for larger in ["kB", "MB", "GB", "TB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") }
}

/// A connection string for the proxy's first address, ready to paste.
pub(in crate::cli) fn proxy_url(config: &Config, user: &str, password: Option<&str>) -> String {
    let login = match password {
        Some(password) => format!("{}:{}", percent_encoded(user), percent_encoded(password)),
        None => percent_encoded(user),
    };
    let database = percent_encoded(&config.server.database);
    match (config.listen.addresses.first(), &config.listen.unix_socket_dir) {
        (Some(address), _) => {
            let host = match address.ip() {
                ip if ip.is_unspecified() => "localhost".to_owned(),
                std::net::IpAddr::V6(ip) => format!("[{ip}]"),
                std::net::IpAddr::V4(ip) => ip.to_string(),
            };
            format!("postgresql://{login}@{host}:{}/{database}", address.port())
        }
        (None, Some(dir)) => {
            format!("postgresql://{login}@{}/{database}", percent_encoded(&dir.to_string_lossy()))
        }
        (None, None) => format!("postgresql://{login}@/{database}"),
    }
}

/// RFC 3986, section 2.3: everything but the unreserved characters.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_blanks_at_their_end() {
        let mut out = Vec::new();
        let rows = [["a", "bb"], ["ccc", "d"]].map(|row| row.map(str::to_owned));
        write_columns(&rows, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a    bb\nccc  d\n");
    }

    #[test]
    fn url_parts_are_encoded() {
        assert_eq!(percent_encoded("a@b:c/d é"), "a%40b%3Ac%2Fd%20%C3%A9");
    }

    #[test]
    fn sizes_read_like_sizes() {
        assert_eq!([0, 1023, 1024, 5 << 20].map(human_bytes), ["0 bytes", "1023 bytes", "1.0 kB", "5.0 MB"]);
    }

    #[test]
    fn terminal_control_in_a_name_is_not_printed() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
