//! Events of the payment provider, signed as it signs them.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Answer, STRIPE_SECRET, Served, problem};
use crate::support::proxy::{PASSWORD, Proxy};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn signed(api: &Served<'_>, secret: &str, body: &str) -> Answer {
    let time = now();
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let header = format!("t={time},v1={hex}");
    let headers = [("stripe-signature", header.as_str()), ("content-type", "application/json")];
    api.send("POST", "/v1/stripe/webhook", &headers, body)
}

/// What was done for an event.
fn sent(api: &Served<'_>, id: &str, kind: &str, created: u64, object: &Value) -> String {
    let event = json!({ "id": id, "type": kind, "created": created, "data": { "object": object } });
    let answer = signed(api, STRIPE_SECRET, &event.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["action"].as_str().unwrap().to_owned()
}

fn customer(proxy: &Proxy) -> String {
    format!("cus_{}", proxy.db.name)
}

fn subscription(proxy: &Proxy, status: &str) -> Value {
    json!({ "object": "subscription", "customer": customer(proxy), "status": status })
}

const UPDATED: &str = "customer.subscription.updated";

#[test]
fn customer_gets_a_tenant_loses_it_when_nothing_is_paid_and_has_it_again() {
    let proxy = Proxy::start(&["first"], |_| {});
    let api = Served::start(&proxy);
    let (slug, time) = (proxy.user("acme"), now());
    let object = json!({ "object": "customer", "id": customer(&proxy), "name": "Acme, Inc.", "metadata": { "pgtenant_slug": slug } });
    assert_eq!(sent(&api, "evt_1", "customer.created", time, &object), "created");
    // Stripe sends what it has no answer for again, and not always in order.
    assert_eq!(sent(&api, "evt_1", "customer.created", time, &object), "already_handled");
    let status = || api.call("GET", &api.path("acme", ""), Value::Null).body["status"].clone();
    assert_eq!(
        api.call("GET", &api.path("acme", ""), Value::Null).body["stripe_customer_id"],
        customer(&proxy)
    );
    assert_eq!(sent(&api, "evt_2", UPDATED, time + 1, &subscription(&proxy, "active")), "unchanged");
    assert_eq!(sent(&api, "evt_3", UPDATED, time + 2, &subscription(&proxy, "past_due")), "ignored");
    assert_eq!(sent(&api, "evt_4", UPDATED, time + 3, &subscription(&proxy, "unpaid")), "suspended");
    assert_eq!(status(), "suspended");
    assert_eq!(sent(&api, "evt_5", UPDATED, time + 2, &subscription(&proxy, "active")), "already_handled");
    assert_eq!(status(), "suspended", "an older event has not the last word");
    assert_eq!(sent(&api, "evt_6", UPDATED, time + 4, &subscription(&proxy, "active")), "resumed");
    assert_eq!(status(), "active");
    let other = json!({ "object": "subscription", "customer": "cus_nobody", "status": "unpaid" });
    assert_eq!(sent(&api, "evt_7", UPDATED, time, &other), "unknown_customer");
}

#[test]
fn tenant_that_an_operator_took_out_of_service_stays_so_whatever_is_paid() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let api = Served::start(&proxy);
    proxy.admin().run(&format!("update pgtenant.tenants set stripe_customer_id = '{}'", customer(&proxy)));
    api.call("POST", &api.path("acme", "/suspend"), Value::Null);
    let paid = subscription(&proxy, "active");
    assert_eq!(sent(&api, "evt_1", UPDATED, now(), &paid), "suspended_by_operator");
    assert_eq!(api.call("GET", &api.path("acme", ""), Value::Null).body["status"], "suspended");
}

#[test]
fn event_that_names_a_tenant_of_somebody_else_gets_nothing() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let api = Served::start(&proxy);
    let object = json!({ "object": "customer", "id": customer(&proxy), "metadata": { "pgtenant_slug": proxy.user("acme") } });
    let event =
        json!({ "id": "evt_1", "type": "customer.created", "created": now(), "data": { "object": object } });
    assert_eq!(problem(&signed(&api, STRIPE_SECRET, &event.to_string())), (409, "slug_taken"));
    assert_eq!(api.call("GET", &api.path("acme", ""), Value::Null).body["stripe_customer_id"], Value::Null);
    assert!(api.log_in(&proxy.user("acme"), PASSWORD).is_ok());
}

#[test]
fn event_that_stripe_did_not_sign_is_refused() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let api = Served::start(&proxy);
    assert_eq!(problem(&signed(&api, "whsec_another_secret", "{}")), (400, "bad_signature"));
    let none = api.send("POST", "/v1/stripe/webhook", &[], "{}");
    assert_eq!(problem(&none), (400, "bad_signature"));
    // The API's own token is no signature.
    assert_eq!(problem(&api.call("POST", "/v1/stripe/webhook", json!({}))), (400, "bad_signature"));
    assert_eq!(problem(&signed(&api, STRIPE_SECRET, "[]")), (422, "invalid"));
}
