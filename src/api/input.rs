//! What requests say: parameters and bodies, checked.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::Api;
use crate::api::problem::Problem;
use crate::control::Run;
use crate::control::placed::config_of;
use crate::tenant::{
    ClusterName, DISPLAY_NAME_RULE, Ident, STRIPE_CUSTOMER_RULE, Slug, is_display_name, is_stripe_customer,
};

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let axum::Json(body) =
            axum::Json::from_request(request, state).await.map_err(|error: JsonRejection| {
                let status = error.status();
                let code = match status {
                    StatusCode::UNSUPPORTED_MEDIA_TYPE => "no_json",
                    StatusCode::PAYLOAD_TOO_LARGE => "too_large",
                    _ => "invalid",
                };
                Problem::new(status, code, error.body_text())
            })?;
        Ok(Self(body))
    }
}

/// Parameters behind the `?`.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(params) = Query::from_request_parts(parts, state)
            .await
            .map_err(|error: QueryRejection| Problem::invalid(error.body_text()))?;
        Ok(Self(params))
    }
}

/// The one name in the path.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(name) = Path::from_request_parts(parts, state)
            .await
            .map_err(|error: PathRejection| Problem::invalid(error.body_text()))?;
        Ok(Self(name))
    }
}

impl Named {
    /// A tenant's short name. What cannot be one is nobody's.
    pub(super) fn slug(&self) -> Result<Slug, Problem> {
        Slug::parse(&self.0)
            .map_err(|error| Problem::new(StatusCode::NOT_FOUND, "unknown_tenant", error.to_string()))
    }

    pub(super) fn user(&self) -> Result<Ident, Problem> {
        user_name(&self.0)
            .map_err(|_| Problem::new(StatusCode::NOT_FOUND, "unknown_user", "no user can have this name"))
    }
}

/// `?dry_run=true`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DryRun {
    #[serde(default)]
    dry_run: bool,
}

impl DryRun {
    pub(super) const fn run(&self) -> Run {
        if self.dry_run { Run::Dry } else { Run::Apply }
    }
}

/// A display name, where one is given.
pub(super) fn display_name(text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(name) if !is_display_name(&name) => Err(Problem::invalid(format!("`name` {DISPLAY_NAME_RULE}"))),
        name => Ok(name),
    }
}

/// A customer at Stripe, where one is given.
pub(super) fn stripe_customer(text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(id) if !is_stripe_customer(&id) => {
            Err(Problem::invalid(format!("`stripe_customer_id` {STRIPE_CUSTOMER_RULE}")))
        }
        id => Ok(id),
    }
}

pub(super) fn user_name(text: &str) -> Result<Ident, Problem> {
    let problem = |why: String| Problem::invalid(format!("user name: {why}"));
    if text.contains(char::is_control) {
        return Err(problem("it cannot hold control characters".to_owned()));
    }
    Ident::parse(text).map_err(|error| problem(error.to_string()))
}

pub(super) fn slug(text: &str) -> Result<Slug, Problem> {
    let slug = Slug::parse(text).map_err(|error| Problem::invalid(format!("`slug`: {error}")))?;
    if slug.is_canary() {
        return Err(Problem::invalid(
            "`slug`: names of that kind are those of `pgtenant verify`; choose another",
        ));
    }
    Ok(slug)
}

/// A cluster of the configuration, where one is named.
pub(super) fn cluster(api: &Api, text: Option<&str>) -> Result<Option<ClusterName>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let name = ClusterName::parse(text).map_err(|error| Problem::invalid(format!("`cluster`: {error}")))?;
    config_of(&api.config, &name)?;
    Ok(Some(name))
}
