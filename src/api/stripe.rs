//! Stripe's webhook: signatures, and what its events mean for a tenant. Pure.

use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use thiserror::Error;

use crate::auth::api_key::from_hex;
use crate::tenant::{Slug, is_display_name, is_stripe_customer};

/// How old an event may be when it arrives, in seconds; Stripe's own libraries have the same.
const TOLERANCE: u64 = 300;

/// Where an event names the tenant that it is to create: `metadata.pgtenant_slug` of the customer or the subscription.
const SLUG_KEY: &str = "pgtenant_slug";

/// Why a request is not Stripe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum SignatureError {
    /// The header is missing, or not in Stripe's form.
    #[error("the Stripe-Signature header is missing or malformed")]
    Malformed,
    /// None of its signatures is right.
    #[error(
        "no signature of the Stripe-Signature header is right; is the endpoint's secret the one in the file?"
    )]
    Wrong,
    /// It was signed too long ago, or in the future.
    #[error("the signature is more than {TOLERANCE} seconds away from this machine's time")]
    Stale,
}

/// Checks `Stripe-Signature: t=…,v1=…` of a body: HMAC-SHA-256 of `t.body` under the endpoint's secret
/// (docs.stripe.com/webhooks, "Verify webhook signatures manually"). One right signature of several does, for secrets that are being replaced.
pub(super) fn verify(secret: &[u8], header: &str, body: &[u8], now: u64) -> Result<(), SignatureError> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=').ok_or(SignatureError::Malformed)? {
            ("t", value) if time.is_none() => time = Some(value),
            ("t", _) => return Err(SignatureError::Malformed),
            ("v1", value) => signatures.extend(from_hex::<32>(value)),
            _ => {}
        }
    }
    let time = time.ok_or(SignatureError::Malformed)?;
    let seconds: u64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    let is_right = signatures.iter().any(|signature| {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.verify_slice(signature).is_ok()
    });
    if !is_right {
        return Err(SignatureError::Wrong);
    }
    if seconds.abs_diff(now) > TOLERANCE { Err(SignatureError::Stale) } else { Ok(()) }
}

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing that concerns a tenant.
    Nothing,
    /// The customer pays: its tenant is in service, and is created where the event names one that there is not.
    Serve(Option<NewCustomer>),
    /// The customer does not pay: its tenant is out of service.
    Suspend,
}

/// A tenant that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewCustomer {
    pub(super) slug: Slug,
    pub(super) name: Option<String>,
}

/// An event, as far as it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: String,
    /// When it happened, seconds since 1970.
    pub(super) created: i64,
    pub(super) customer: String,
    pub(super) wish: Wish,
}

/// Reads an event.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(body: &[u8]) -> Result<Event, String> {
    let event: Value =
        serde_json::from_slice(body).map_err(|error| format!("the event is no JSON: {error}"))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let id = text(&event["id"]).filter(|id| (1..=255).contains(&id.len())).ok_or("the event has no id")?;
    let kind = event["type"].as_str().ok_or("the event has no type")?;
    let created = event["created"].as_i64().ok_or("the event has no time")?;
    let object = &event["data"]["object"];
    let is_customer = kind.starts_with("customer.") && object["object"].as_str() == Some("customer");
    let customer = if is_customer { &object["id"] } else { &object["customer"] };
    let Some(customer) = text(customer).filter(|customer| is_stripe_customer(customer)) else {
        return Ok(Event { id, created, customer: String::new(), wish: Wish::Nothing });
    };
    let wish = match kind {
        "customer.created" => match new_customer(object)? {
            Some(new) => Wish::Serve(Some(new)),
            None => Wish::Nothing,
        },
        "customer.subscription.created"
        | "customer.subscription.updated"
        | "customer.subscription.resumed" => {
            match object["status"].as_str().unwrap_or_default() {
                "active" | "trialing" => Wish::Serve(new_customer(object)?),
                "canceled" | "unpaid" | "paused" | "incomplete_expired" => Wish::Suspend,
                // `past_due` and `incomplete`: Stripe still tries to get the money.
                _ => Wish::Nothing,
            }
        }
        "customer.subscription.deleted" | "customer.subscription.paused" | "customer.deleted" => {
            Wish::Suspend
        }
        _ => Wish::Nothing,
    };
    Ok(Event { id, created, customer, wish })
}

fn new_customer(object: &Value) -> Result<Option<NewCustomer>, String> {
    let Some(slug) = object["metadata"][SLUG_KEY].as_str() else { return Ok(None) };
    let slug = Slug::parse(slug).map_err(|error| format!("`metadata.{SLUG_KEY}`: {error}"))?;
    let name = object["name"].as_str().map(str::trim).filter(|name| is_display_name(name));
    Ok(Some(NewCustomer { slug, name: name.map(str::to_owned) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SECRET: &[u8] = b"whsec_test_secret";

    /// As Stripe signs it.
    fn header(time: u64, body: &[u8]) -> String {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(SECRET).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={time},v1={hex},v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39")
    }

    #[test]
    fn signature_is_that_of_another_program() {
        // printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test_secret
        let header = "t=1700000000,v1=248a374f50f943a28b0f6ab50faf9a7e7e29b710fa26df9fb1618b9bf8ea9c9a";
        assert_eq!(verify(SECRET, header, br#"{"id":"evt_1"}"#, 1_700_000_000), Ok(()));
    }

    #[test]
    fn signature_of_another_body_secret_or_time_is_wrong() {
        let (body, now) = (br#"{"id":"evt_1"}"#, 1_700_000_000);
        let good = header(now, body);
        assert_eq!(verify(SECRET, &good, body, now + TOLERANCE), Ok(()));
        assert_eq!(verify(SECRET, &good, body, now + TOLERANCE + 1), Err(SignatureError::Stale));
        assert_eq!(verify(SECRET, &good, body, now - TOLERANCE - 1), Err(SignatureError::Stale));
        assert_eq!(verify(SECRET, &good, b"{}", now), Err(SignatureError::Wrong));
        assert_eq!(verify(b"whsec_other", &good, body, now), Err(SignatureError::Wrong));
        // The time is signed.
        let moved = good.replace("t=1700000000", "t=1700000001");
        assert_eq!(verify(SECRET, &moved, body, now), Err(SignatureError::Wrong));
        // The old scheme does not count.
        let old = good.replace("v1=", "v0=");
        assert_eq!(verify(SECRET, &old, body, now), Err(SignatureError::Wrong));
        for malformed in ["", "t=1", "v1=00", "t=x,v1=00", &format!("{good},t=1")] {
            assert!(verify(SECRET, malformed, body, now).is_err(), "{malformed}");
        }
        let rolled = good.replace("v1=", &format!("v1={},v1=", "0".repeat(64)));
        assert_eq!(verify(SECRET, &rolled, body, now), Ok(()), "one of two is right");
    }

    fn event(kind: &str, object: Value) -> Result<Event, String> {
        let event =
            json!({ "id": "evt_1", "type": kind, "created": 1_700_000_000, "data": { "object": object } });
        read(event.to_string().as_bytes())
    }

    fn wish(kind: &str, object: Value) -> Wish {
        event(kind, object).unwrap().wish
    }

    #[test]
    fn subscription_s_status_says_whether_its_customer_is_served() {
        let subscription =
            |status: &str| json!({ "object": "subscription", "customer": "cus_1", "status": status });
        for (status, expected) in [
            ("active", Wish::Serve(None)),
            ("trialing", Wish::Serve(None)),
            ("past_due", Wish::Nothing),
            ("incomplete", Wish::Nothing),
            ("unpaid", Wish::Suspend),
            ("canceled", Wish::Suspend),
            ("paused", Wish::Suspend),
            ("incomplete_expired", Wish::Suspend),
            ("new status", Wish::Nothing),
        ] {
            assert_eq!(wish("customer.subscription.updated", subscription(status)), expected, "{status}");
        }
        assert_eq!(wish("customer.subscription.deleted", subscription("canceled")), Wish::Suspend);
        assert_eq!(wish("invoice.paid", subscription("active")), Wish::Nothing);
        assert_eq!(event("customer.subscription.updated", subscription("active")).unwrap().customer, "cus_1");
    }

    #[test]
    fn tenant_is_named_by_metadata_and_must_have_a_slug() {
        let customer = |slug: &str| json!({ "object": "customer", "id": "cus_1", "name": "Acme, Inc.", "metadata": { "pgtenant_slug": slug } });
        let Wish::Serve(Some(new)) = wish("customer.created", customer("acme")) else {
            panic!("a new tenant")
        };
        assert_eq!((new.slug.as_str(), new.name.as_deref()), ("acme", Some("Acme, Inc.")));
        assert!(event("customer.created", customer("Acme!")).is_err());
        assert_eq!(wish("customer.created", json!({ "object": "customer", "id": "cus_1" })), Wish::Nothing);
        assert_eq!(wish("customer.deleted", customer("acme")), Wish::Suspend);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(body in prop::collection::vec(any::<u8>(), 0..200), header in ".{0,80}") {
            let _ = read(&body);
            let _ = verify(SECRET, &header, &body, 0);
        }
    }
}
