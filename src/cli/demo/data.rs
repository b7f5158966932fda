//! What the demo's tenants have, written by themselves through the proxy.

use anyhow::{Context, Result};

use crate::cli::demo::person::Person;
use crate::registry::describe;

/// Tables of the template, and rows of `global`.
pub(super) const TEMPLATE: &str = include_str!("template.sql");

/// The plans in [`TEMPLATE`]: name and price.
pub(super) const PLANS: [(&str, &str); 3] = [("free", "0"), ("team", "49"), ("pro", "199")];

/// One tenant.
#[derive(Debug)]
pub(super) struct Seed {
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    /// Name and plan; ids count from 1.
    pub(super) customers: &'static [(&'static str, &'static str)],
    /// Customer and title; ids count from 1.
    pub(super) tickets: &'static [(i64, &'static str)],
}

/// Who takes part. Alpha has more of everything, so that numbers tell the tenants apart.
pub(super) const TENANTS: [Seed; 3] = [
    Seed {
        slug: "alpha",
        name: "Alpha Bakeries",
        customers: &[("Anna's Cafe", "pro"), ("Apricot Hotel", "team"), ("Atlas Canteen", "free")],
        tickets: &[(1, "Bread is late"), (2, "Wrong invoice"), (1, "More rolls, please")],
    },
    Seed {
        slug: "beta",
        name: "Beta Bicycles",
        customers: &[("Bergmann Tours", "team"), ("Bike Post", "free")],
        tickets: &[(2, "Flat tyre")],
    },
    Seed { slug: "gamma", name: "Gamma Games", customers: &[("Galaxy Club", "pro")], tickets: &[] },
];

/// Fills a tenant's tables, as any application would: without naming a schema.
///
/// # Errors
/// When the proxy or PostgreSQL refuses.
pub(super) async fn fill(person: &Person, seed: &Seed) -> Result<()> {
    let client = person.client();
    let result = async {
        for (name, plan) in seed.customers {
            client.execute("INSERT INTO customers (name, plan) VALUES ($1, $2)", &[name, plan]).await?;
        }
        for (customer, title) in seed.tickets {
            client
                .execute("INSERT INTO tickets (customer_id, title) VALUES ($1, $2)", &[customer, title])
                .await?;
        }
        Ok(())
    };
    result
        .await
        .map_err(|error: tokio_postgres::Error| anyhow::anyhow!(describe(&error)))
        .with_context(|| format!("{} could not write its data through the proxy", seed.slug))
}
