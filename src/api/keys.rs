//! API keys: `/v1/tenants/{slug}/keys` and `/v1/keys`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::input::{Body, Named};
use crate::api::problem::Problem;
use crate::auth::Access;
use crate::auth::KeyId;
use crate::control::{ControlError, KeyTerms, create_key, revoke_key};
use crate::registry::keys::{self, KeySummary};
use crate::registry::store;

/// Longest life of a key: ten years, in seconds.
const MAX_SECONDS: u64 = 10 * 366 * 86_400;

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 200;

pub(super) async fn list(State(api): State<Arc<Api>>, name: Named) -> Result<Response, Problem> {
    let slug = name.slug()?;
    let client = api.admin().await?;
    if store::summaries(&*client, Some(&slug)).await?.is_empty() {
        return Err(ControlError::UnknownTenant(slug).into());
    }
    let found = keys::summaries(&*client, Some(&slug), None).await?;
    let all: Vec<Value> = found.iter().map(KeySummary::to_json).collect();
    Ok(Json(json!({ "keys": all })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKeyBody {
    #[serde(default)]
    name: String,
    scope: Option<String>,
    expires_in_seconds: Option<u64>,
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    name: Named,
    Body(body): Body<NewKeyBody>,
) -> Result<Response, Problem> {
    let slug = name.slug()?;
    if body.name.chars().count() > MAX_NAME_CHARS || body.name.contains(char::is_control) {
        return Err(Problem::invalid("`name` has at most 200 characters and no control characters"));
    }
    let access = match body.scope.as_deref() {
        None | Some("read_only") => Access::ReadOnly,
        Some("read_write") => Access::ReadWrite,
        Some(_) => return Err(Problem::invalid("`scope` is `read_only` or `read_write`")),
    };
    if body.expires_in_seconds.is_some_and(|seconds| !(1..=MAX_SECONDS).contains(&seconds)) {
        return Err(Problem::invalid(format!("`expires_in_seconds` is from 1 to {MAX_SECONDS}")));
    }
    let terms =
        KeyTerms { access, name: &body.name, lifetime: body.expires_in_seconds.map(Duration::from_secs) };
    let (key, summary) = create_key(&*api.admin().await?, &slug, terms).await?;
    let mut object = summary.to_json();
    object["key"] = json!(key.text().expose_secret());
    Ok((StatusCode::CREATED, Json(object)).into_response())
}

pub(super) async fn revoke(State(api): State<Arc<Api>>, name: Named) -> Result<Response, Problem> {
    let unknown = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown_key",
            "there is no such key; its id has twelve hexadecimal digits",
        )
    };
    let id = KeyId::parse(&name.0).ok_or_else(unknown)?;
    let summary = revoke_key(&*api.admin().await?, id).await?.ok_or_else(unknown)?;
    Ok(Json(summary.to_json()).into_response())
}
