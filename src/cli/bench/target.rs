//! The tenants that are played, and how they are named to the endpoint.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::tenant::{Ident, Slug};

/// A tenant of the load test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tenant {
    /// What each of its rows carries.
    pub(super) slug: Slug,
    pub(super) user: Ident,
    pub(super) schema: Ident,
}

impl Tenant {
    /// With names by the patterns, and another user if one is given.
    ///
    /// # Errors
    /// When one of the names cannot be.
    pub(super) fn new(slug: &str, user: Option<&str>, users: &str, schemas: &str) -> Result<Self> {
        let name = |pattern: &str| pattern.replace("{slug}", slug);
        let user = user.map_or_else(|| name(users), str::to_owned);
        Ok(Self {
            slug: Slug::parse(slug).with_context(|| format!("{slug:?} is no slug"))?,
            user: Ident::parse(&user).with_context(|| format!("{user:?} is no user name"))?,
            schema: Ident::parse(&name(schemas)).context("`--schema-pattern` makes no schema name")?,
        })
    }
}

/// Patterns for the names of a tenant's user and schema, with `{slug}` in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patterns<'a> {
    pub(super) users: &'a str,
    pub(super) schemas: &'a str,
}

/// Tenants with numbers from 1 in the place of `{n}`.
///
/// # Errors
/// When the pattern makes no slugs, or the same one again.
pub(super) fn numbered(count: usize, slugs: &str, patterns: Patterns<'_>) -> Result<Vec<Tenant>> {
    if count > 1 && !slugs.contains("{n}") {
        bail!("`--slug-pattern` needs {{n}} where the tenant's number goes, as in bench_{{n}}");
    }
    (1..=count)
        .map(|number| {
            let slug = slugs.replace("{n}", &number.to_string());
            Tenant::new(&slug, None, patterns.users, patterns.schemas)
        })
        .collect()
}

/// Tenants as a file lists them, the busiest first: a slug a line, and a user if it is not the pattern's.
///
/// # Errors
/// With the line.
pub(super) fn listed(path: &Path, patterns: Patterns<'_>) -> Result<Vec<Tenant>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    read(&text, patterns).with_context(|| path.display().to_string())
}

fn read(text: &str, patterns: Patterns<'_>) -> Result<Vec<Tenant>> {
    let (mut tenants, mut seen) = (Vec::new(), HashSet::new());
    for (at, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let Some(slug) = words.next().filter(|word| !word.starts_with('#')) else { continue };
        let user = words.next();
        let tenant = Tenant::new(slug, user, patterns.users, patterns.schemas)
            .with_context(|| format!("line {}", at + 1))?;
        if words.next().is_some() {
            bail!("line {}: write a slug, and behind it the user if it is another", at + 1);
        }
        if !seen.insert(tenant.slug.clone()) {
            bail!("line {}: {slug} stands there twice", at + 1);
        }
        tenants.push(tenant);
    }
    if tenants.is_empty() {
        bail!("there are no tenants in it");
    }
    Ok(tenants)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERNS: Patterns<'static> = Patterns { users: "{slug}_app", schemas: "tenant_{slug}" };

    #[test]
    fn numbered_tenants_have_names_by_the_patterns() {
        let tenants = numbered(2, "load_{n}", PATTERNS).unwrap();
        let names = tenants.iter().map(|t| [t.slug.as_str(), t.user.as_str(), t.schema.as_str()]);
        assert_eq!(
            names.collect::<Vec<_>>(),
            [["load_1", "load_1_app", "tenant_load_1"], ["load_2", "load_2_app", "tenant_load_2"]]
        );
        assert!(numbered(2, "load", PATTERNS).is_err() && numbered(1, "load", PATTERNS).is_ok());
        assert!(numbered(1, "Load {n}", PATTERNS).is_err());
    }

    #[test]
    fn file_lists_slugs_and_users() {
        let tenants = read("# the busiest first\nacme\n\n beta  beta.app \n", PATTERNS).unwrap();
        let names: Vec<_> = tenants.iter().map(|t| (t.slug.as_str(), t.user.as_str())).collect();
        assert_eq!(names, [("acme", "acme_app"), ("beta", "beta.app")]);
        for (text, part) in [
            ("a\nB\n", "line 2"),
            ("a b c\n", "line 1"),
            ("a\na\n", "line 2: a stands"),
            ("# none\n", "no tenants"),
        ] {
            let error = format!("{:#}", read(text, PATTERNS).unwrap_err());
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}
