//! What an operator sets of a tenant: its name, its customer at the payment provider, and what its sessions begin with.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use crate::control::{ControlError, Outcome, Run, Step, provision};
use crate::registry::store::{self, TenantSummary};
use crate::registry::{describe, settings};
use crate::tenant::{Slug, quote_identifier};

/// What to change; what is not named stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Display name.
    pub name: Option<String>,
    /// Customer at the payment provider, or none.
    pub stripe_customer_id: Option<Option<String>>,
    /// Settings and their values, names in lower case.
    pub set: Vec<(String, String)>,
    /// Settings to put back to the configuration's.
    pub reset: Vec<String>,
    /// All of them.
    pub reset_all: bool,
}

/// What [`set_tenant`] did.
#[derive(Clone, Debug)]
pub struct Set {
    /// The tenant as it is now.
    pub summary: TenantSummary,
    /// What was done.
    pub steps: Vec<Step>,
}

/// Changes a tenant. Sessions that begin from now on begin with its settings; those that are open stay as they are.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn set_tenant(
    client: &mut Client,
    slug: &Slug,
    change: &Change,
    run: Run,
) -> Result<Set, ControlError> {
    let tx = client.transaction().await?;
    store::require_current(&tx).await?;
    store::lock_tenant(&tx, slug).await?;
    let found = store::summaries(&tx, Some(slug)).await?.pop();
    let before = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?;
    let mut summary = before.clone();
    let own = &mut summary.tenant.settings;
    if change.reset_all {
        own.clear();
    }
    for name in &change.reset {
        own.remove(name);
    }
    for (name, value) in &change.set {
        try_out(&tx, name, value).await?;
        own.insert(name.clone(), value.clone());
    }
    if let Some(name) = &change.name {
        name.clone_into(&mut summary.tenant.name);
    }
    if let Some(customer) = &change.stripe_customer_id {
        customer.clone_into(&mut summary.stripe_customer_id);
    }
    let steps = steps(&before, &summary);
    let (name, customer) = (&summary.tenant.name, summary.stripe_customer_id.as_deref());
    settings::set(&tx, summary.tenant.id, name, customer, &summary.tenant.settings)
        .await
        .map_err(|error| provision::stripe_taken(error, customer))?;
    match run {
        Run::Apply => tx.commit().await?,
        Run::Dry => tx.rollback().await?,
    }
    Ok(Set { summary, steps })
}

/// Has PostgreSQL look at a setting, which every login of the tenant would fail with otherwise.
pub(super) async fn try_out(
    client: &impl GenericClient,
    name: &str,
    value: &str,
) -> Result<(), ControlError> {
    let refused = |why: String| ControlError::BadSetting { name: name.to_owned(), why };
    let sql = "SELECT s.context FROM pg_catalog.pg_settings s WHERE pg_catalog.lower(s.name) = $1";
    let context: Option<String> =
        client.query_opt(sql, &[&name]).await?.map(|row| row.try_get(0)).transpose()?;
    match context.as_deref() {
        Some("user") => {}
        None if name.contains('.') => {}
        None => return Err(refused("PostgreSQL has no such setting".to_owned())),
        Some(_) => {
            return Err(refused("only a superuser, or the server's configuration, can set it".to_owned()));
        }
    }
    let row = client.query_one("SELECT pg_catalog.quote_literal($1::text)", &[&value]).await?;
    let value: &str = row.try_get(0)?;
    let quoted: Vec<String> = name.split('.').map(quote_identifier).collect();
    // Undone, so that it does not hold for what comes here.
    let tried = client
        .batch_execute(&format!(
            "SAVEPOINT pgtenant_setting; SET LOCAL {} TO {value}; ROLLBACK TO SAVEPOINT pgtenant_setting",
            quoted.join(".")
        ))
        .await;
    tried.map_err(|error| match error.code() {
        Some(code) if [SqlState::INVALID_PARAMETER_VALUE, SqlState::UNDEFINED_OBJECT].contains(code) => {
            refused(describe(&error))
        }
        _ => error.into(),
    })
}

fn steps(before: &TenantSummary, after: &TenantSummary) -> Vec<Step> {
    let mut steps = Vec::new();
    if before.tenant.name != after.tenant.name {
        steps.push(Step::new(Outcome::Changed, format!("name {}", after.tenant.name)));
    }
    if before.stripe_customer_id != after.stripe_customer_id {
        let what = after.stripe_customer_id.as_deref().unwrap_or("none");
        steps.push(Step::new(Outcome::Changed, format!("Stripe customer {what}")));
    }
    steps.extend(settings_steps(&before.tenant.settings, &after.tenant.settings));
    if steps.is_empty() {
        steps.push(Step::new(Outcome::Unchanged, "all of it"));
    }
    steps
}

fn settings_steps<'a>(
    before: &'a BTreeMap<String, String>,
    after: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = Step> + 'a {
    let changed = after.iter().filter_map(|(name, value)| {
        let outcome = match before.get(name) {
            None => Outcome::Created,
            Some(was) if was == value => return None,
            Some(_) => Outcome::Changed,
        };
        Some(Step::new(outcome, format!("setting {name} = {value}")))
    });
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    changed.chain(gone.map(|name| Step::new(Outcome::Removed, format!("setting {name}"))))
}
