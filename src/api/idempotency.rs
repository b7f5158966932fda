//! `Idempotency-Key`: a request that is sent again is answered as the first time, and carried out once
//! (draft-ietf-httpapi-idempotency-key-header-07).

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::api::problem::Problem;
use crate::api::{Api, MAX_BODY_BYTES};
use crate::auth::{self, SEAL_NONCE_BYTES};
use crate::registry::requests::{self, Known};

const HEADER: &str = "idempotency-key";

/// Says that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What an answer is sealed as.
const LABEL: &[u8] = b"pgtenant/v1/api-answer";

/// Longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// Carries a request with a key out once.
pub(super) async fn once(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    if request.method() == Method::GET || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    carry_out(&api, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn carry_out(api: &Api, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key_of(&request)?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| too_large())?;
    let fingerprint = fingerprint(&parts.method, &parts.uri.to_string(), &body);
    let known = requests::begin(&*api.admin().await?, &key, &fingerprint).await?;
    match known {
        Known::New => {}
        Known::Running => {
            let detail = "a request with this Idempotency-Key is being carried out";
            return Err(Problem::new(StatusCode::CONFLICT, "in_progress", detail).retry_after(1));
        }
        Known::Other => {
            let detail = "this Idempotency-Key was used for another request; use a new one for each request";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", detail));
        }
        Known::Answered(status, sealed) => return replay(api, status, &sealed),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    keep(api, &key, response).await
}

fn key_of(request: &Request) -> Result<String, Problem> {
    let key = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).map(str::trim);
    let fits = |key: &&str| (1..=MAX_KEY_BYTES).contains(&key.len());
    key.filter(fits).map(str::to_owned).ok_or_else(|| {
        let detail =
            format!("an Idempotency-Key has 1 to {MAX_KEY_BYTES} visible ASCII characters, such as a UUID");
        Problem::new(StatusCode::BAD_REQUEST, "invalid_key", detail)
    })
}

/// Each part behind its length, so that none can look like another.
fn fingerprint(method: &Method, uri: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_str().as_bytes(), uri.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Keeps an answer that would be the same again. What failed here, or has to wait, may be tried again with the same key.
async fn keep(api: &Api, key: &str, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))?;
    let client = api.admin().await?;
    if parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS {
        requests::forget(&*client, key).await?;
    } else {
        let mut nonce = [0; SEAL_NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(crate::control::ControlError::Random)?;
        let sealed = auth::seal(&api.config.secrets.master_key, LABEL, nonce, &body);
        requests::answer(&*client, key, parts.status.as_u16(), &sealed).await?;
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replay(api: &Api, status: u16, sealed: &[u8]) -> Result<Response, Problem> {
    let gone = || {
        let detail = "this request was carried out, but its answer was sealed with another master key; look at what there is";
        Problem::new(StatusCode::CONFLICT, "answer_lost", detail)
    };
    let body = auth::open(&api.config.secrets.master_key, LABEL, sealed).map_err(|_| gone())?;
    let status = StatusCode::from_u16(status).map_err(|_| gone())?;
    let job = job_of(status, &body);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    let mut response = (status, Bytes::copy_from_slice(&body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(job) = job {
        response.headers_mut().insert(header::LOCATION, job);
    }
    Ok(response)
}

/// The address of a job, which an answer says in its head too.
fn job_of(status: StatusCode, body: &[u8]) -> Option<HeaderValue> {
    if status != StatusCode::ACCEPTED {
        return None;
    }
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    HeaderValue::from_str(body["href"].as_str()?).ok()
}

fn too_large() -> Problem {
    let detail = format!("a request has at most {MAX_BODY_BYTES} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_differ_anywhere_have_other_fingerprints() {
        let one = fingerprint(&Method::POST, "/v1/tenants", b"{}");
        assert_eq!(one, fingerprint(&Method::POST, "/v1/tenants", b"{}"));
        assert_ne!(one, fingerprint(&Method::PUT, "/v1/tenants", b"{}"));
        assert_ne!(one, fingerprint(&Method::POST, "/v1/tenants{", b"}"));
        assert_ne!(one, fingerprint(&Method::POST, "/v1/tenants", b"{} "));
    }
}
