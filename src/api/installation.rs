//! What concerns all tenants: `/v1/verify` and `/v1/migrations`, and schemas that become tenants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::api::Api;
use crate::api::input::{Body, DryRun, Named, Params, cluster};
use crate::api::problem::Problem;
use crate::control::placed::config_of;
use crate::control::verify::{Accepted, AuditScope, Finding, Severity, VerifyError, audit, of_cluster};
use crate::control::{Adoption, ControlError, adopt as take_over, adopt_at, known};
use crate::registry::ledger::Failed;
use crate::registry::{ledger, store};
use crate::tenant::{ClusterName, Ident};

/// An audit that takes longer is given up, before the request is.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(50);

/// What schemas of tenants begin with where nothing is said.
const PREFIX: &str = "tenant_";

/// The audit of `pgtenant verify --no-canary`: one at a time, since it reads the catalogs of all tenants.
pub(super) async fn verify(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let Ok(_turn) = api.audit_turn.try_lock() else {
        let detail = "an audit is in progress; its answer is on its way to who asked for it";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(5));
    };
    let accepted = Accepted::parse(&api.config.verify.accept).map_err(|error| operator(&error))?;
    let begin = Instant::now();
    let Ok(audited) = timeout(AUDIT_TIMEOUT, audit_all(&api)).await else {
        let detail =
            format!("the audit took longer than {AUDIT_TIMEOUT:?}; run `pgtenant verify --no-canary`");
        return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail));
    };
    let mut findings = audited?;
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.check.severity));
    let (findings, accepted) = accepted.split(findings);
    let tenants = store::count(&*api.admin().await?).await?;
    let count = |severity: &Severity| findings.iter().filter(|one| one.check.severity == *severity).count();
    let counts: BTreeMap<_, _> = Severity::ALL.iter().map(|one| (one.as_str(), count(one))).collect();
    Ok(Json(json!({
        "ok": !findings.iter().any(|finding| finding.check.severity.fails()),
        "tenants": tenants,
        "audit_seconds": begin.elapsed().as_secs_f64(),
        "counts": counts,
        "findings": findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        "accepted": accepted.iter().map(Finding::to_json).collect::<Vec<_>>(),
    }))
    .into_response())
}

/// Each cluster's, one after the other.
async fn audit_all(api: &Api) -> Result<Vec<Finding>, Problem> {
    let told = |error| match error {
        VerifyError::Control(error) => error.into(),
        error => operator(&error),
    };
    let client = api.admin().await?;
    let mut findings = audit(&*client, AuditScope::of(&api.config)).await.map_err(told)?;
    drop(client);
    for name in api.config.clusters.keys() {
        let (at, Some(there)) = (config_of(&api.config, name)?, api.place(name).await?) else { continue };
        findings.extend(of_cluster(audit(&*there, AuditScope::of(&at)).await.map_err(told)?, name));
    }
    Ok(findings)
}

fn operator(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "a request of the API failed");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "operator", error.to_string())
}

/// What the ledger of each cluster says: which files are applied to how many tenants, and what failed.
pub(super) async fn migrations(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let client = api.admin().await?;
    let mut ledgers = vec![ledger::counts(&*client).await?];
    let mut failed = failures(&ClusterName::MAIN, &ledger::failures(&*client).await?);
    for name in api.config.clusters.keys() {
        let Some(there) = api.place(name).await? else { continue };
        ledgers.push(ledger::counts(&*there).await?);
        failed.extend(failures(name, &ledger::failures(&*there).await?));
    }
    let files: Vec<Value> = ledger::sum(&ledgers)
        .iter()
        .map(|file| {
            json!({
                "number": file.number,
                "name": file.name,
                "template": file.template,
                "applied": file.applied,
                "running": file.running,
                "failed": file.failed,
            })
        })
        .collect();
    let tenants = store::count(&*client).await?;
    Ok(Json(json!({ "tenants": tenants, "files": files, "failed": failed })).into_response())
}

fn failures(cluster: &ClusterName, failed: &[Failed]) -> Vec<Value> {
    let told = |failure: &Failed| {
        json!({
            "cluster": cluster.as_str(),
            "tenant": failure.tenant,
            "number": failure.number,
            "name": failure.name,
            "error": failure.error,
        })
    };
    failed.iter().map(told).collect()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AdoptBody {
    schema: Option<String>,
    prefix: Option<String>,
    fix: bool,
    release_owner: bool,
    tenants_table: Option<String>,
    cluster: Option<String>,
}

/// Makes the schema of an application that runs already a tenant's.
pub(super) async fn adopt(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
    Body(body): Body<AdoptBody>,
) -> Result<Response, Problem> {
    let slug = name.slug()?;
    if slug.is_canary() {
        return Err(ControlError::UnknownTenant(slug).into());
    }
    let text = |what: &str, text: &str| {
        let fits = (1..=63).contains(&text.len()) && !text.contains(char::is_control);
        if fits { Ok(()) } else { Err(Problem::invalid(format!("`{what}` is the name of a schema"))) }
    };
    let prefix = body.prefix.unwrap_or_else(|| PREFIX.to_owned());
    text("prefix", &prefix)?;
    let schema = body.schema.unwrap_or_else(|| format!("{prefix}{slug}"));
    text("schema", &schema)?;
    let schema = Ident::parse(&schema).map_err(|error| Problem::invalid(format!("`schema`: {error}")))?;
    if [&api.config.schemas.global, &api.config.schemas.template].contains(&&schema)
        || ["pg_", "pgtenant", "information_schema", "public"]
            .iter()
            .any(|own| schema.as_str().starts_with(own))
    {
        return Err(Problem::invalid("`schema` is one that belongs to no tenant"));
    }
    let cluster = cluster(&api, body.cluster.as_deref())?.unwrap_or_default();
    let (mut client, mut place) = (api.admin().await?, api.place(&cluster).await?);
    let known = match &body.tenants_table {
        None => None,
        Some(table) => {
            text("tenants_table", table)?;
            known(place.as_deref().unwrap_or(&client), table, &slug).await?
        }
    };
    let (fix, release) = (body.fix, body.release_owner);
    let adoption = Adoption { schema, slug, prefix, fix, release, known };
    let (key, schemas) = (&api.config.secrets.master_key, &api.config.schemas);
    let done = match &mut place {
        None => take_over(&mut client, &adoption, key, schemas, dry.run()).await?,
        Some(there) => adopt_at((&mut client, there), &adoption, &cluster, (key, schemas), dry.run()).await?,
    };
    let mut object = done.summary.to_json();
    object["created"] = json!(done.created);
    object["closed"] = json!(done.closed.iter().map(|hole| hole.what.as_str()).collect::<Vec<_>>());
    object["notes"] = json!(done.notes);
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(object)).into_response())
}
