//! `/v1/tenants`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::api::Api;
use crate::api::input::{
    Body, DryRun, Named, Params, cluster, display_name, slug, stripe_customer, user_name,
};
use crate::api::problem::Problem;
use crate::config::limits;
use crate::control::{
    ControlError, NewTenant, Provisioned, change_limits, create_tenant, password, placed,
    rotate_password as rotate, set_level, set_status,
};
use crate::registry::store::{self, TenantPage};
use crate::tenant::{Access, ClusterName, Level, Status};

/// Tenants of one page, at most and where nothing is said.
const MOST_OF_A_PAGE: u16 = 1000;
const OF_A_PAGE: u16 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageParams {
    limit: Option<u16>,
    /// The last of the page before.
    after: Option<String>,
    stripe_customer_id: Option<String>,
    status: Option<String>,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let limit = params.limit.unwrap_or(OF_A_PAGE);
    if !(1..=MOST_OF_A_PAGE).contains(&limit) {
        return Err(Problem::invalid(format!("`limit` is from 1 to {MOST_OF_A_PAGE}")));
    }
    let status = params.status.as_deref().map(status_word).transpose()?;
    let after = params.after.as_deref().map(slug).transpose()?;
    // One more, to know whether there is another page.
    let page = TenantPage {
        after,
        limit: i64::from(limit) + 1,
        stripe_customer_id: stripe_customer(params.stripe_customer_id)?,
        status,
    };
    let mut found = store::page(&*api.admin().await?, &page).await?;
    let more = found.len() > usize::from(limit);
    found.truncate(limit.into());
    let next = found.last().filter(|_| more).map(|summary| summary.tenant.slug.to_string());
    // Nobody's, and there for some seconds.
    found.retain(|summary| !summary.tenant.slug.is_canary());
    let tenants: Vec<Value> = found.iter().map(store::TenantSummary::to_json).collect();
    Ok(Json(json!({ "tenants": tenants, "next": next })).into_response())
}

fn status_word(text: &str) -> Result<Status, Problem> {
    Status::from_word(text)
        .ok_or_else(|| Problem::invalid("`status` is `creating`, `active`, `suspended` or `dropping`"))
}

pub(super) async fn show(State(api): State<Arc<Api>>, name: Named) -> Result<Response, Problem> {
    let slug = name.slug()?;
    let client = api.admin().await?;
    let found = store::summaries(&*client, Some(&slug)).await?.pop();
    let tenant = found.ok_or(ControlError::UnknownTenant(slug))?;
    let schema = &tenant.tenant.names.schema;
    // What is known of it is told while its cluster is down, too.
    let size = match api.place(&tenant.tenant.cluster).await {
        Ok(None) => Some(store::schema_size(&*client, schema).await?),
        Ok(Some(there)) => store::schema_size(&*there, schema).await.ok(),
        Err(_) => None,
    };
    let mut object = tenant.to_json();
    object["tables"] = json!(size.map(|(tables, _)| tables));
    object["bytes"] = json!(size.map(|(_, bytes)| bytes));
    Ok(Json(object).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenantBody {
    slug: String,
    name: Option<String>,
    user: Option<String>,
    password: Option<SecretString>,
    #[serde(default)]
    read_only: bool,
    stripe_customer_id: Option<String>,
    level: Option<String>,
    cluster: Option<String>,
}

impl NewTenantBody {
    fn check(self, default_level: Level) -> Result<NewTenant, Problem> {
        if self.read_only && self.user.is_none() {
            return Err(Problem::invalid("`read_only` is said of a `user`"));
        }
        Ok(NewTenant {
            slug: slug(&self.slug)?,
            name: display_name(self.name)?,
            stripe_customer_id: stripe_customer(self.stripe_customer_id)?,
            user: self.user.as_deref().map(user_name).transpose()?,
            password: self.password.map(checked_password).transpose()?,
            access: if self.read_only { Access::ReadOnly } else { Access::ReadWrite },
            level: self.level.as_deref().map(level_word).transpose()?,
            default_level,
        })
    }
}

fn level_word(text: &str) -> Result<Level, Problem> {
    Level::from_word(text).ok_or_else(|| Problem::invalid("`level` is `dedicated` or `shared`"))
}

pub(super) fn checked_password(text: SecretString) -> Result<SecretString, Problem> {
    password::check(text).map_err(|why| Problem::invalid(format!("`password`: {why}")))
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Body(body): Body<NewTenantBody>,
) -> Result<Response, Problem> {
    let cluster = cluster(&api, body.cluster.as_deref())?;
    let new = body.check(api.config.tenants.level)?;
    let mut client = api.admin().await?;
    let done = create_at(&api, &mut client, &new, cluster.as_ref()).await?;
    let mut object = done.summary.to_json();
    object["created"] = json!(done.created);
    object["notes"] = json!(done.notes);
    object["user"] = json!(done.user.as_ref().map(|user| user.as_str()));
    object["password"] = json!(done.generated_password.as_ref().map(ExposeSecret::expose_secret));
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(object)).into_response())
}

/// On this cluster, else where new tenants go.
pub(super) async fn create_at(
    api: &Api,
    client: &mut Client,
    new: &NewTenant,
    cluster: Option<&ClusterName>,
) -> Result<Provisioned, Problem> {
    let (key, schemas) = (&api.config.secrets.master_key, &api.config.schemas);
    let cluster = cluster.unwrap_or(&api.config.tenants.cluster);
    Ok(match api.place(cluster).await? {
        None => create_tenant(client, new, key, schemas).await?,
        Some(mut there) => placed::create((client, &mut there), new, cluster, (key, schemas)).await?,
    })
}

/// A limit that is `null` is put back to the configuration's.
pub(super) async fn limits(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
    Body(body): Body<BTreeMap<String, Option<Value>>>,
) -> Result<Response, Problem> {
    let slug = name.slug()?;
    let (mut set, mut reset) = (BTreeMap::new(), Vec::new());
    for (name, value) in body {
        if !limits::names().any(|known| known == name) {
            return Err(limits::LimitError::Unknown { name }.into());
        }
        match value {
            None => reset.push(name),
            Some(Value::String(text)) => drop(set.insert(name, text)),
            Some(Value::Number(number)) => drop(set.insert(name, number.to_string())),
            Some(_) => {
                return Err(Problem::invalid(format!(
                    "`{name}` is a number, a text such as \"30s\", or null"
                )));
            }
        }
    }
    let summary = change_limits(&mut *api.admin().await?, &slug, &set, &reset, dry.run()).await?;
    Ok(Json(json!({ "slug": slug.as_str(), "limits": summary.limits })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelBody {
    level: String,
}

pub(super) async fn level(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
    Body(body): Body<LevelBody>,
) -> Result<Response, Problem> {
    let (slug, level) = (name.slug()?, level_word(&body.level)?);
    let (mut client, run) = (api.admin().await?, dry.run());
    let change = match api.place_of(&*client, &slug).await? {
        None => set_level(&mut client, &slug, level, run).await?,
        Some(mut there) => {
            let work = async |there: &mut Client| set_level(there, &slug, level, run).await;
            placed::on_objects((&mut client, &mut there), &slug, work).await?
        }
    };
    let mut object = change.summary.to_json();
    object["before"] = json!(change.before.as_str());
    Ok(Json(object).into_response())
}

pub(super) async fn suspend(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
) -> Result<Response, Problem> {
    status(&api, &name, &dry, Status::Suspended).await
}

pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
) -> Result<Response, Problem> {
    status(&api, &name, &dry, Status::Active).await
}

async fn status(api: &Api, name: &Named, dry: &DryRun, status: Status) -> Result<Response, Problem> {
    let change = set_status(&mut *api.admin().await?, &name.slug()?, status, dry.run()).await?;
    let mut object = change.summary.to_json();
    object["before"] = json!(change.before.as_str());
    Ok(Json(object).into_response())
}

pub(super) async fn rotate_password(State(api): State<Arc<Api>>, name: Named) -> Result<Response, Problem> {
    let slug = name.slug()?;
    let (mut client, key) = (api.admin().await?, &api.config.secrets.master_key);
    let step = match api.place_of(&*client, &slug).await? {
        None => rotate(&mut client, &slug, key).await?,
        Some(mut there) => {
            let work = async |there: &mut Client| rotate(there, &slug, key).await;
            placed::on_objects((&mut client, &mut there), &slug, work).await?
        }
    };
    Ok(Json(json!({ "slug": slug.as_str(), "outcome": step.outcome.to_string() })).into_response())
}
