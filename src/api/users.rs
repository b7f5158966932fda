//! Users: `/v1/tenants/{slug}/users` and `/v1/users`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::input::{Body, Named, user_name};
use crate::api::problem::Problem;
use crate::api::tenants::checked_password;
use crate::control::{ControlError, Outcome, UserChange, add_user, remove_user, set_user_password};
use crate::registry::{store, users};
use crate::tenant::Access;

pub(super) async fn list(State(api): State<Arc<Api>>, name: Named) -> Result<Response, Problem> {
    let slug = name.slug()?;
    let client = api.admin().await?;
    if store::summaries(&*client, Some(&slug)).await?.is_empty() {
        return Err(ControlError::UnknownTenant(slug).into());
    }
    let found = users::summaries(&*client, Some(&slug)).await?;
    let all: Vec<Value> = found
        .iter()
        .map(|user| json!({ "user": user.name, "tenant": user.tenant, "access": user.access, "created_at": user.created_at }))
        .collect();
    Ok(Json(json!({ "users": all })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUserBody {
    user: String,
    password: Option<SecretString>,
    #[serde(default)]
    read_only: bool,
}

pub(super) async fn add(
    State(api): State<Arc<Api>>,
    name: Named,
    Body(body): Body<NewUserBody>,
) -> Result<Response, Problem> {
    let (slug, user) = (name.slug()?, user_name(&body.user)?);
    let access = if body.read_only { Access::ReadOnly } else { Access::ReadWrite };
    let password = body.password.map(checked_password).transpose()?;
    let change = add_user(&mut *api.admin().await?, &slug, &user, access, password).await?;
    Ok(told(&change, user.as_str()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordBody {
    password: Option<SecretString>,
}

pub(super) async fn set_password(
    State(api): State<Arc<Api>>,
    name: Named,
    Body(body): Body<PasswordBody>,
) -> Result<Response, Problem> {
    let user = name.user()?;
    let password = body.password.map(checked_password).transpose()?;
    let change = set_user_password(&mut *api.admin().await?, &user, password).await?;
    Ok(told(&change, user.as_str()))
}

pub(super) async fn remove(State(api): State<Arc<Api>>, name: Named) -> Result<Response, Problem> {
    let user = name.user()?;
    let change = remove_user(&mut *api.admin().await?, &user).await?;
    Ok(told(&change, user.as_str()))
}

fn told(change: &UserChange, user: &str) -> Response {
    let status = if change.step.outcome == Outcome::Created { StatusCode::CREATED } else { StatusCode::OK };
    let object = json!({
        "user": user,
        "tenant": change.tenant.as_str(),
        "outcome": change.step.outcome.to_string(),
        "password": change.generated.as_ref().map(ExposeSecret::expose_secret),
    });
    (status, Json(object)).into_response()
}
