//! The audit: a few queries that read all tenants at once, whatever their number, and the configuration.

use tokio_postgres::GenericClient;

use crate::config::{self, GuardMode};
use crate::control::harden::{self, AuditFinding};
use crate::control::verify::{Check, Finding, Fix, VerifyError};
use crate::control::{HARDENING_VERSION, HardeningState, channels, hardening_state, init};
use crate::registry::store::{self, Installation};
use crate::registry::{self, FindingKind, login_findings};
use crate::tenant::Level;

/// Start of the name of the role that owns the hardening's functions.
const GUARD_ROLE_PREFIX: &str = harden::GUARD_ROLE_PREFIX;

/// Adds the secret of a tenant's channels; looked at by itself.
const NOTIFY: &str = "pgtenant_notify.pg_notify(text,text)";

/// Ahead of each query.
const COMMON: &str = include_str!("common.sql");

/// The queries.
const QUERIES: [&str; 3] =
    [include_str!("grants.sql"), include_str!("roles.sql"), include_str!("objects.sql")];

/// What of the configuration the audit is about.
#[derive(Clone, Copy, Debug)]
pub struct AuditScope<'a> {
    /// The login that reads the registry.
    pub registry_role: &'a str,
    /// The common schemas.
    pub schemas: &'a config::Schemas,
    /// The guard.
    pub guard: &'a config::Guard,
}

impl<'a> AuditScope<'a> {
    /// As configured.
    #[must_use]
    pub fn of(config: &'a config::Config) -> Self {
        Self { registry_role: &config.registry.user, schemas: &config.schemas, guard: &config.guard }
    }
}

/// Looks at everything there is to be seen in the catalogs and in the configuration; the worst first. Needs no rights but to
/// read the registry.
///
/// # Errors
/// [`VerifyError`] when the registry is missing or the database does not answer.
pub async fn audit(client: &impl GenericClient, scope: AuditScope<'_>) -> Result<Vec<Finding>, VerifyError> {
    store::require_current(client).await?;
    let installation =
        store::installation(client).await?.ok_or(crate::control::ControlError::NoInstallation)?;
    let row = client
        .query_one(
            "SELECT pg_catalog.current_database()::text,
                 EXISTS (SELECT FROM pgtenant.tenants_here t WHERE t.isolation = $1)",
            &[&Level::Shared.as_str()],
        )
        .await?;
    let (database, has_shared): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    let mut findings = of_configuration(scope.guard);
    for found in login_findings(client, scope.registry_role, scope.schemas).await? {
        findings.push(of_login(&found)?);
    }
    let guard_role = init::role_for_database(GUARD_ROLE_PREFIX, &database);
    for query in QUERIES {
        let sql = format!("{COMMON}{query}");
        for row in client.query(&sql, &[&guard_role.as_str()]).await? {
            let (sql, command): (Option<String>, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
            let fix = sql.map(Fix::Sql).or_else(|| command.map(Fix::Command));
            let fix = fix.unwrap_or_else(|| Fix::Words("see docs/verify.md".to_owned()));
            findings.push(finding(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, fix)?);
        }
    }
    let state = hardening_state(client).await?;
    let matters = has_shared || installation.hardened || state != HardeningState::Absent;
    for found in harden::weaknesses(client).await? {
        findings.extend(of_weakness(found, matters)?);
    }
    if channels::function_is_right(client).await? != Some(true) {
        let (object, found) = (format!("routine {NOTIFY}"), "it is missing or changed".to_owned());
        findings.push(finding("notify_function", object, found, Fix::Command("pgtenant init".to_owned()))?);
    }
    findings.extend(of_hardening(&state, &installation)?);
    findings.sort_by(|a, b| {
        (b.check.severity, a.check.id, &a.object).cmp(&(a.check.severity, b.check.id, &b.object))
    });
    findings.dedup();
    Ok(findings)
}

fn finding(id: &str, object: String, found: String, fix: Fix) -> Result<Finding, VerifyError> {
    let check = Check::find(id).ok_or_else(|| VerifyError::UnknownFinding(id.to_owned()))?;
    Ok(Finding { check, object, found, fix })
}

fn of_login(found: &registry::Finding) -> Result<Finding, VerifyError> {
    let object = match (found.kind, found.object.as_str()) {
        (_, "") => found.role.clone(),
        (FindingKind::ForeignSchema, schema) => format!("{schema} for {}", found.role),
        (_, object) => format!("{} on {object}", found.role),
    };
    finding(found.kind.word(), object, found.what(), Fix::Sql(found.remedy()))
}

/// The hardening's own audit. What only weakens the hardening is of no concern where there is to be none; and of the extension
/// set_user, which spare connections need, the audit of logins says who may call what.
fn of_weakness(found: AuditFinding, hardening_matters: bool) -> Result<Option<Finding>, VerifyError> {
    let only_hardening = [
        "caller_routine",
        "plain_routine",
        "tenant_language",
        "open_language",
        "old_expression",
        "c_routine",
    ];
    if found.object == "extension set_user"
        || found.object.strip_prefix("routine ") == Some(NOTIFY)
        || (!hardening_matters && only_hardening.contains(&found.id.as_str()))
    {
        return Ok(None);
    }
    let fix = found.fix.map_or(Fix::Words(found.remedy), Fix::Sql);
    finding(&found.id, found.object, found.what, fix).map(Some)
}

fn of_hardening(state: &HardeningState, installation: &Installation) -> Result<Vec<Finding>, VerifyError> {
    let harden = || Fix::Command("pgtenant init --harden".to_owned());
    let schema = || "schema pgtenant_guard".to_owned();
    match state {
        HardeningState::InForce { .. } => Ok(Vec::new()),
        HardeningState::Absent if installation.hardened => {
            Ok(vec![finding("hardening_gone", schema(), "it is not there".to_owned(), harden())?])
        }
        HardeningState::Absent => {
            Ok(vec![finding("not_hardened", schema(), "it was never installed".to_owned(), harden())?])
        }
        HardeningState::Partial { version, defects } if *version != HARDENING_VERSION => {
            let found = format!(
                "version {version} is installed, this program has {HARDENING_VERSION}; {} parts differ",
                defects.len().saturating_sub(1)
            );
            Ok(vec![finding("hardening_version", schema(), found, harden())?])
        }
        HardeningState::Partial { defects, .. } => {
            defects.iter().map(|defect| finding("hardening", schema(), defect.clone(), harden())).collect()
        }
    }
}

fn of_configuration(guard: &config::Guard) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |id: &str, object: &str, found: String, fix: &str| {
        findings.extend(finding(id, object.to_owned(), found, Fix::Words(fix.to_owned())));
    };
    if guard.mode == GuardMode::Report {
        add(
            "guard_reports",
            "guard.mode",
            "it is \"report\"".to_owned(),
            "set `guard.mode` to \"enforce\" and restart the proxies",
        );
    }
    let schemas: Vec<&str> = guard.extra_schemas.iter().map(crate::tenant::Ident::as_str).collect();
    for (key, list) in [
        ("guard.extra_schemas", schemas.join(", ")),
        ("guard.extra_settings", guard.extra_settings.join(", ")),
    ] {
        if !list.is_empty() {
            add("guard_widened", key, format!("it is {list}"), "take off what tenants do not need");
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::verify::Severity;

    #[test]
    fn each_state_of_the_hardening_is_told() {
        let installation = |hardened| Installation {
            registry_role: crate::tenant::Ident::parse("r").unwrap(),
            tenants_role: crate::tenant::Ident::parse("t").unwrap(),
            pool_role: None,
            hardened,
        };
        let ids = |state: &HardeningState, hardened| -> Vec<&str> {
            of_hardening(state, &installation(hardened)).unwrap().iter().map(|f| f.check.id).collect()
        };
        let partial = |version| HardeningState::Partial { version, defects: vec!["a".into(), "b".into()] };
        assert_eq!(ids(&HardeningState::InForce { version: HARDENING_VERSION }, true), [""; 0]);
        assert_eq!(ids(&HardeningState::Absent, true), ["hardening_gone"]);
        assert_eq!(ids(&HardeningState::Absent, false), ["not_hardened"]);
        assert_eq!(ids(&partial(HARDENING_VERSION), true), ["hardening", "hardening"]);
        assert_eq!(ids(&partial(1), true), ["hardening_version"]);
    }

    #[test]
    fn failing_severities_are_those_from_error_on() {
        assert!(Severity::Critical.fails() && Severity::Error.fails());
        assert!(!Severity::Warning.fails() && !Severity::Note.fails());
        assert!(Severity::Critical > Severity::Error && Severity::Warning > Severity::Note);
    }
}
