//! Limits of one tenant.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::config::limits::{self, LimitError};
use crate::control::{ControlError, Run};
use crate::registry::store::{self, TenantSummary};
use crate::tenant::Slug;

/// Gives a tenant limits of its own, and puts others back to the configuration's, in this order. Running proxies follow at once.
/// The tenant as it is then.
///
/// # Errors
/// [`ControlError`]; nothing was changed then.
pub async fn change_limits(
    client: &mut Client,
    slug: &Slug,
    set: &BTreeMap<String, String>,
    reset: &[String],
    run: Run,
) -> Result<TenantSummary, ControlError> {
    let tx = client.transaction().await?;
    store::require_current(&tx).await?;
    store::lock_tenant(&tx, slug).await?;
    let found = store::summaries(&tx, Some(slug)).await?.pop();
    let mut summary = found.ok_or_else(|| ControlError::UnknownTenant(slug.clone()))?;
    changed(&mut summary.limits, set, reset)?;
    summary.tenant.limits = limits::overrides(&summary.limits)?;
    if run == Run::Apply {
        store::set_limits(&tx, slug, &summary.limits).await?;
        tx.commit().await?;
    }
    Ok(summary)
}

/// `all` puts every one back.
fn changed(
    limits: &mut BTreeMap<String, String>,
    set: &BTreeMap<String, String>,
    reset: &[String],
) -> Result<(), LimitError> {
    limits.extend(set.clone());
    for name in reset {
        match name.as_str() {
            "all" => limits.clear(),
            name if limits::names().any(|known| known == name) => drop(limits.remove(name)),
            name => return Err(LimitError::Unknown { name: name.to_owned() }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_and_put_back_and_an_unknown_one_is_refused() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let pairs = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let mut limits = pairs(&[("weight", "50")]);
        let set = pairs(&[("max_clients", "20"), ("wait_timeout", "5s")]);
        changed(&mut limits, &set, &texts(&["weight"])).unwrap();
        assert_eq!(limits, set);
        assert!(changed(&mut limits, &BTreeMap::new(), &texts(&["wait"])).is_err());
        changed(&mut limits, &BTreeMap::new(), &texts(&["all"])).unwrap();
        assert!(limits.is_empty());
    }
}
