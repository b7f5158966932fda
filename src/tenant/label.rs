//! What a tenant is called besides its slug: a display name, and its customer at the payment provider.

/// Longest display name, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Longest customer id, in bytes: the same as Stripe's.
const MAX_CUSTOMER_BYTES: usize = 255;

/// What [`is_display_name`] asks for, behind the name of the option or field.
pub const DISPLAY_NAME_RULE: &str = "has 1 to 200 characters and no control characters";

/// What [`is_stripe_customer`] asks for, behind the name of the option or field.
pub const STRIPE_CUSTOMER_RULE: &str = "is an id such as cus_NffrFeUfNV2Hib";

/// Whether a text can be the name of a tenant.
#[must_use]
pub fn is_display_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAX_NAME_CHARS && !text.contains(char::is_control)
}

/// Whether a text can be the id of a customer at Stripe.
#[must_use]
pub fn is_stripe_customer(text: &str) -> bool {
    (1..=MAX_CUSTOMER_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_any_printable_text_and_customers_are_ids() {
        let longest = "é".repeat(MAX_NAME_CHARS);
        for name in ["Acme, Inc.", "株式会社", longest.as_str()] {
            assert!(is_display_name(name), "{name}");
        }
        for name in ["", "a\nb", "\u{1b}[2J", &format!("{longest}x")] {
            assert!(!is_display_name(name), "{name:?}");
        }
        assert!(DISPLAY_NAME_RULE.contains(&MAX_NAME_CHARS.to_string()));
        assert!(is_stripe_customer("cus_NffrFeUfNV2Hib"));
        for id in ["", "cus 1", "cus_é", "cus_1'", &"x".repeat(256)] {
            assert!(!is_stripe_customer(id), "{id:?}");
        }
    }
}
