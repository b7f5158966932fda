//! [`Problem`]: what a caller is told when something is wrong, as `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::config::limits::LimitError;
use crate::control::ControlError;
use crate::registry::RegistryError;

/// What was wrong, for programs and for people.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// A word that stays the same.
    pub(super) code: &'static str,
    /// What is wrong here, and what to do about it.
    detail: String,
    /// Seconds to wait before the next attempt.
    retry_after: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None }
    }

    /// The request cannot be right.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The document.
    pub(super) fn body(&self) -> Value {
        json!({
            "type": format!("urn:pgtenant:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What the control plane says is for operators, which a caller of this API is.
impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let (status, code) = kind(&error);
        if status.is_server_error() {
            tracing::error!(error = %error, "a request of the API failed");
        }
        let busy = matches!(error, ControlError::Busy(_));
        let problem = Self::new(status, code, error.to_string());
        if busy { problem.retry_after(1) } else { problem }
    }
}

const fn kind(error: &ControlError) -> (StatusCode, &'static str) {
    match error {
        ControlError::Elsewhere { .. } => (StatusCode::CONFLICT, "on_another_cluster"),
        ControlError::NoCluster { .. } => (StatusCode::CONFLICT, "unknown_cluster"),
        ControlError::NamesElsewhere(_) => (StatusCode::CONFLICT, "names_taken"),
        ControlError::UnknownTenant(_) => (StatusCode::NOT_FOUND, "unknown_tenant"),
        ControlError::Limit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        ControlError::UnknownUser(_) => (StatusCode::NOT_FOUND, "unknown_user"),
        ControlError::UserTaken(_) => (StatusCode::CONFLICT, "user_taken"),
        ControlError::UserDiffers(_) => (StatusCode::CONFLICT, "user_differs"),
        ControlError::NoReaderRole(_) => (StatusCode::CONFLICT, "no_reader_role"),
        ControlError::StripeCustomerTaken(_) => (StatusCode::CONFLICT, "stripe_customer_taken"),
        ControlError::SchemaTaken(_) => (StatusCode::CONFLICT, "schema_taken"),
        ControlError::ForeignSchema(_) => (StatusCode::CONFLICT, "foreign_schema"),
        ControlError::ForeignRole(_) => (StatusCode::CONFLICT, "foreign_role"),
        ControlError::SchemaIsNotRole { .. } => (StatusCode::CONFLICT, "schema_is_not_role"),
        ControlError::TenantHasCode { .. } | ControlError::SharedTenantHasCode { .. } => {
            (StatusCode::CONFLICT, "tenant_has_code")
        }
        ControlError::BadSetting { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        ControlError::SlugTaken(_) => (StatusCode::CONFLICT, "slug_taken"),
        ControlError::IsDropping(_) => (StatusCode::CONFLICT, "is_dropping"),
        ControlError::Moving(_) | ControlError::Arriving(_) => (StatusCode::CONFLICT, "moving"),
        ControlError::WasMoved { .. } => (StatusCode::CONFLICT, "was_moved"),
        ControlError::OwnerGone { .. } => (StatusCode::CONFLICT, "owner_gone"),
        ControlError::NotAdopted { .. } => (StatusCode::CONFLICT, "not_adopted"),
        ControlError::DoesNotInherit(_) => (StatusCode::CONFLICT, "does_not_inherit"),
        ControlError::NoSchema(_) => (StatusCode::NOT_FOUND, "no_schema"),
        ControlError::BadTenantsTable { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        ControlError::NotDropping(_) => (StatusCode::CONFLICT, "not_dropping"),
        ControlError::DropBegun(_) => (StatusCode::CONFLICT, "drop_begun"),
        ControlError::NamesItsSchema { .. } => (StatusCode::CONFLICT, "names_its_schema"),
        ControlError::TemplateHasCode { .. } => (StatusCode::CONFLICT, "template_has_code"),
        ControlError::NotCreated(_) => (StatusCode::CONFLICT, "not_created"),
        ControlError::Template(_) => (StatusCode::CONFLICT, "template"),
        ControlError::Migrating => (StatusCode::CONFLICT, "in_progress"),
        ControlError::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        ControlError::Registry(_) => (StatusCode::SERVICE_UNAVAILABLE, "registry"),
        ControlError::Db(_) => (StatusCode::SERVICE_UNAVAILABLE, "database"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "operator"),
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        ControlError::from(error).into()
    }
}

impl From<tokio_postgres::Error> for Problem {
    fn from(error: tokio_postgres::Error) -> Self {
        ControlError::from(error).into()
    }
}

impl From<LimitError> for Problem {
    fn from(error: LimitError) -> Self {
        Self::invalid(error.to_string())
    }
}
