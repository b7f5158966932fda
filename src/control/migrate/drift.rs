//! Schemas that are not like the template, by what PostgreSQL's catalogs say of them.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Client;

use crate::control::ControlError;
use crate::control::migrate::Progress;
use crate::registry::store;
use crate::tenant::{Ident, Slug, Status};

/// Parts of a schema: what it is and its name, to a hash of what it is like.
type Parts = BTreeMap<(String, String), String>;

/// Schemas that are looked at in one query: each looks through the catalogs of all.
const BATCH: usize = 50;

/// How a part differs from the template's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The template has it.
    Missing,
    /// The template has none.
    Extra,
    /// It is another one.
    Differs,
}

impl Difference {
    /// For people and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Differs => "differs",
        }
    }
}

/// One tenant's differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The tenant.
    pub slug: Slug,
    /// How, and what: `table orders`.
    pub differences: Vec<(Difference, String)>,
}

/// Compares tenants, or one, with the template. Those that are like it come with an empty list.
///
/// # Errors
/// [`ControlError`].
pub async fn drift(
    client: &Client,
    template: &Ident,
    only: Option<&Slug>,
    progress: &mut dyn Progress,
) -> Result<Vec<Drift>, ControlError> {
    store::require_current(client).await?;
    let mut tenants = store::summaries(client, only).await?;
    tenants.retain(|found| found.tenant.cluster.is_main());
    if let (Some(only), true) = (only, tenants.is_empty()) {
        return Err(ControlError::UnknownTenant(only.clone()));
    }
    tenants.retain(|summary| summary.tenant.status != Status::Creating);
    let expected = fingerprints(client, &[template.as_str()]).await?.remove(template.as_str());
    let (mut drifts, of) = (Vec::new(), tenants.len());
    let mut template_parts = None;
    for batch in tenants.chunks(BATCH) {
        let schemas: Vec<&str> = batch.iter().map(|summary| summary.tenant.names.schema.as_str()).collect();
        let found = fingerprints(client, &schemas).await?;
        for summary in batch {
            let tenant = &summary.tenant;
            let mut differences = Vec::new();
            if found.get(tenant.names.schema.as_str()) != expected.as_ref() {
                let expected = match &template_parts {
                    Some(parts) => parts,
                    None => template_parts.insert(parts(client, template).await?),
                };
                differences = self::differences(expected, &parts(client, &tenant.names.schema).await?);
            }
            drifts.push(Drift { slug: tenant.slug.clone(), differences });
            progress.at(drifts.len(), of, tenant.slug.as_str());
        }
    }
    progress.end();
    Ok(drifts)
}

/// One hash of each schema that has anything in it.
async fn fingerprints(client: &Client, schemas: &[&str]) -> Result<HashMap<String, String>, ControlError> {
    let sql = format!(
        "SELECT schema, pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(' ', kind, name, hash), ',' ORDER BY kind, name, hash))
         FROM ({}) part GROUP BY schema",
        include_str!("drift.sql")
    );
    let rows = client.query(&sql, &[&schemas]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn parts(client: &Client, schema: &Ident) -> Result<Parts, ControlError> {
    let sql = format!("SELECT kind, name, hash FROM ({}) part", include_str!("drift.sql"));
    let rows = client.query(&sql, &[&[schema.as_str()].as_slice()]).await?;
    rows.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?))).collect()
}

/// What hangs on a table that is missing or extra is not told too.
fn differences(expected: &Parts, found: &Parts) -> Vec<(Difference, String)> {
    let mut differences = Vec::new();
    for ((kind, name), like) in expected {
        match found.get(&(kind.clone(), name.clone())) {
            None if !hangs_on_one_that_is_not(found, kind, name) => {
                differences.push((Difference::Missing, format!("{kind} {name}")));
            }
            Some(other) if other != like => differences.push((Difference::Differs, format!("{kind} {name}"))),
            _ => {}
        }
    }
    for (kind, name) in found.keys().filter(|part| !expected.contains_key(*part)) {
        if !hangs_on_one_that_is_not(expected, kind, name) {
            differences.push((Difference::Extra, format!("{kind} {name}")));
        }
    }
    differences.sort();
    differences
}

fn hangs_on_one_that_is_not(parts: &Parts, kind: &str, name: &str) -> bool {
    if !matches!(kind, "column" | "constraint" | "trigger" | "policy") {
        return false;
    }
    // A name may hold a dot itself: then it is told.
    let Some((table, _)) = name.split_once('.') else { return false };
    let tables = ["table", "view", "foreign table", "materialized view"];
    !tables.iter().any(|kind| parts.contains_key(&((*kind).to_owned(), table.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[(&str, &str, &str)]) -> Parts {
        let owned = |text: &&str| (*text).to_owned();
        parts.iter().map(|(kind, name, like)| ((owned(kind), owned(name)), owned(like))).collect()
    }

    #[test]
    fn what_is_missing_extra_and_other_is_told_apart_and_a_missing_table_is_told_once() {
        let expected = parts(&[
            ("table", "a", "1"),
            ("column", "a.id", "1"),
            ("table", "b", "1"),
            ("column", "b.id", "1"),
            ("index", "i", "1"),
        ]);
        let found = parts(&[
            ("table", "a", "1"),
            ("column", "a.id", "2"),
            ("column", "a.more", "1"),
            ("table", "c", "1"),
            ("column", "c.id", "1"),
            ("index", "i", "1"),
        ]);
        let told: Vec<String> = differences(&expected, &found)
            .into_iter()
            .map(|(difference, what)| format!("{} {what}", difference.as_str()))
            .collect();
        assert_eq!(told, ["missing table b", "extra column a.more", "extra table c", "differs column a.id"]);
        assert!(differences(&found, &found).is_empty());
    }
}
