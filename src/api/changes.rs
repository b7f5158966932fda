//! A tenant's name, customer and settings, another slug, and its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::input::{Body, DryRun, Named, Params, display_name, slug, stripe_customer};
use crate::api::problem::Problem;
use crate::config::settings;
use crate::control::{
    Change, DropChange, ObjectNames, drop_tenant, placed, rename_tenant, set_tenant, undrop_tenant,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    name: Option<String>,
    /// `null` is no customer; where it is left out, nothing changes.
    #[serde(default, deserialize_with = "said")]
    stripe_customer_id: Option<Option<String>>,
    #[serde(default)]
    settings: BTreeMap<String, Option<Value>>,
}

fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl ChangeBody {
    fn check(self) -> Result<Change, Problem> {
        let mut change = Change {
            name: display_name(self.name)?,
            stripe_customer_id: self.stripe_customer_id.map(stripe_customer).transpose()?,
            ..Change::default()
        };
        let wrong = |error: settings::SettingError| Problem::invalid(error.to_string());
        for (name, value) in self.settings {
            let text = match value {
                None => {
                    change.reset.push(settings::name(&name).map_err(wrong)?);
                    continue;
                }
                Some(Value::String(text)) => text,
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                Some(_) => {
                    return Err(Problem::invalid(format!(
                        "setting `{name}` is a text, a number, true, false, or null"
                    )));
                }
            };
            if name.contains('=') {
                return Err(Problem::invalid(format!("{name:?} is the name of no setting")));
            }
            change.set.push(settings::assignment(&format!("{name}={text}")).map_err(wrong)?);
        }
        Ok(change)
    }
}

/// What is not named stays; a setting that is `null` is put back to the configuration's.
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
    Body(body): Body<ChangeBody>,
) -> Result<Response, Problem> {
    let (slug, change) = (name.slug()?, body.check()?);
    let done = set_tenant(&mut *api.admin().await?, &slug, &change, dry.run()).await?;
    Ok(Json(done.summary.to_json()).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RenameBody {
    slug: String,
    name: Option<String>,
    #[serde(default)]
    keep_names: bool,
}

pub(super) async fn rename(
    State(api): State<Arc<Api>>,
    named: Named,
    Params(dry): Params<DryRun>,
    Body(body): Body<RenameBody>,
) -> Result<Response, Problem> {
    let (old, new) = (named.slug()?, slug(&body.slug)?);
    let name = display_name(body.name)?;
    let objects = if body.keep_names { ObjectNames::Keep } else { ObjectNames::Follow };
    let mut client = api.admin().await?;
    let (slugs, name, run) = ((&old, &new), name.as_deref(), dry.run());
    let done = match api.place_of(&*client, &old).await? {
        None => rename_tenant(&mut client, slugs, name, objects, run).await?,
        Some(mut there) => placed::rename((&mut client, &mut there), slugs, name, objects, run).await?,
    };
    let mut object = done.summary.to_json();
    object["before"] = json!(done.before.as_str());
    object["notes"] = json!(done.notes);
    Ok(Json(object).into_response())
}

/// Never at once: what deletes data is `pgtenant tenant purge`, run by an operator, with a backup.
pub(super) async fn drop(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
) -> Result<Response, Problem> {
    let (slug, grace) = (name.slug()?, api.config.tenants.drop_grace);
    Ok(told(&drop_tenant(&mut *api.admin().await?, &slug, grace, dry.run()).await?))
}

pub(super) async fn undrop(
    State(api): State<Arc<Api>>,
    name: Named,
    Params(dry): Params<DryRun>,
) -> Result<Response, Problem> {
    Ok(told(&undrop_tenant(&mut *api.admin().await?, &name.slug()?, false, dry.run()).await?))
}

fn told(change: &DropChange) -> Response {
    let mut object = change.summary.to_json();
    object["before"] = json!(change.before.as_str());
    object["drop_after"] = json!(change.state.as_ref().map(|state| &state.after));
    Json(object).into_response()
}
