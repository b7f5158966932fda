//! `/v1/stripe/webhook`: what the payment provider says of customers, carried out on their tenants.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::api::Api;
use crate::api::problem::Problem;
use crate::api::stripe::{self, Event, NewCustomer, Wish};
use crate::api::tenants::create_at;
use crate::control::{NewTenant, Run, set_status};
use crate::registry::store::{self, TenantPage, TenantSummary};
use crate::registry::stripe as handled;
use crate::tenant::{Access, Status};
use crate::tokens;

pub(super) async fn receive(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let Some(secret) = &api.stripe_secret else {
        let detail = "no Stripe secret is configured; start the API with --stripe-secret-file";
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_webhook", detail));
    };
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    stripe::verify(secret.expose_secret().as_bytes(), header, &body, tokens::now().0)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad_signature", error.to_string()))?;
    let event = stripe::read(&body).map_err(Problem::invalid)?;
    let action = if event.wish == Wish::Nothing { "ignored" } else { carry_out(&api, &event).await? };
    tracing::info!(target: "pgtenant::audit", event = ?event.id, customer = ?event.customer, action, "Stripe event");
    Ok(Json(json!({ "event": event.id, "action": action })).into_response())
}

/// What was done. An event is written down when it has been carried out: one that failed is sent again by Stripe, and everything
/// done for it can be done twice.
async fn carry_out(api: &Api, event: &Event) -> Result<&'static str, Problem> {
    // One after the other: the newest event of a customer is to have the last word.
    let _turn = api.stripe_turn.lock().await;
    let mut client = api.admin().await?;
    if handled::is_over(&*client, &event.id, &event.customer, event.created).await? {
        return Ok("already_handled");
    }
    let found = of_customer(&client, &event.customer).await?;
    let action = match (&event.wish, found) {
        (Wish::Nothing, _) => "ignored",
        (Wish::Suspend, None) | (Wish::Serve(None), None) => "unknown_customer",
        (Wish::Suspend, Some(summary)) if summary.tenant.status == Status::Active => {
            // Written down first: a tenant that stays suspended although its customer pays would be worse than a note too many.
            handled::note_suspension(&*client, summary.tenant.id).await?;
            set_status(&mut client, &summary.tenant.slug, Status::Suspended, Run::Apply).await?;
            "suspended"
        }
        (Wish::Serve(_), Some(summary)) if summary.tenant.status == Status::Suspended => {
            if handled::has_suspended(&*client, summary.tenant.id).await? {
                set_status(&mut client, &summary.tenant.slug, Status::Active, Run::Apply).await?;
                handled::forget_suspension(&*client, summary.tenant.id).await?;
                "resumed"
            } else {
                "suspended_by_operator"
            }
        }
        (Wish::Suspend | Wish::Serve(_), Some(_)) => "unchanged",
        (Wish::Serve(Some(new)), None) => {
            create(api, &mut client, new, &event.customer).await?;
            "created"
        }
    };
    handled::note(&*client, &event.id, &event.customer, event.created).await?;
    Ok(action)
}

async fn of_customer(
    client: &tokio_postgres::Client,
    customer: &str,
) -> Result<Option<TenantSummary>, Problem> {
    let page =
        TenantPage { after: None, limit: 1, stripe_customer_id: Some(customer.to_owned()), status: None };
    Ok(store::page(client, &page).await?.pop())
}

/// Without a password anybody knows: the operator gives the user one when it is to log in.
async fn create(
    api: &Api,
    client: &mut tokio_postgres::Client,
    new: &NewCustomer,
    customer: &str,
) -> Result<(), Problem> {
    let new = NewTenant {
        slug: new.slug.clone(),
        name: new.name.clone(),
        stripe_customer_id: Some(customer.to_owned()),
        user: None,
        password: None,
        access: Access::ReadWrite,
        level: None,
        default_level: api.config.tenants.level,
    };
    let done = create_at(api, client, &new, None).await?;
    if done.summary.stripe_customer_id.as_deref() == Some(customer) {
        return Ok(());
    }
    let detail = format!(
        "tenant {} exists and is another customer's, or nobody's; correct `metadata.pgtenant_slug` or its customer",
        new.slug
    );
    Err(Problem::new(StatusCode::CONFLICT, "slug_taken", detail))
}
