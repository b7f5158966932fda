use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p521::ecdsa::DerSignature;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::auth::jwt::{KeyError, KeySet};

/// The example of RFC 7515, appendix A.4: made by others, with other code.
const X: &str = "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk";
const Y: &str = "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2";
const SIGNED: &[u8] = b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA";
const SIGNATURE: &str = concat!(
    "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt",
    "AG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
);

/// The order of the curve (FIPS 186-4, D.1.2.5) behind its first byte, which is 1 and stands after a 0 in 66 bytes.
const ORDER: &str = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa\
                     51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409";

fn order() -> Vec<u8> {
    let bytes = |at: usize| u8::from_str_radix(&ORDER[at..at + 2], 16).unwrap();
    [1].into_iter().chain((0..ORDER.len()).step_by(2).map(bytes)).collect()
}

/// The prime of the field: 2 to the power of 521, less one.
fn prime() -> Vec<u8> {
    [&[1][..], &[0xff; 65]].concat()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The sum of two numbers of 66 bytes.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = u16::from(*a) + u16::from(*b) + carry;
            carry = digit >> 8;
            (digit & 0xff) as u8
        })
        .collect();
    assert_eq!((digits.len(), carry), (SIZE, 0));
    digits.reverse();
    digits
}

fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

fn key() -> PublicKey {
    PublicKey::read(&point(&decode(X), &decode(Y))).unwrap()
}

fn jwk(changes: &Value) -> Result<usize, KeyError> {
    let mut key = json!({"kty": "EC", "crv": "P-521", "x": X, "y": Y});
    key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    KeySet::read(&key.to_string()).map(|(keys, _)| keys.len())
}

#[test]
fn example_of_the_rfc_is_checked_as_the_rfc_says() {
    let signature = decode(SIGNATURE);
    assert!(key().signed(SIGNED, &signature));
    assert!(!key().signed(b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZQ", &signature));
    for at in [1, 65, 67, 131] {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert!(!key().signed(SIGNED, &changed), "{at}");
    }
}

#[test]
fn signature_of_another_length_or_form_is_none() {
    let good = decode(SIGNATURE);
    let (r, s) = good.split_at(SIZE);
    let der = DerSignature::from(Signature::from_slice(&good).unwrap()).as_bytes().to_vec();
    // As short as they go, with the zeros in front left out; and the halves in the wrong order.
    let short = [&r[1..], &s[1..]].concat();
    let long = [&[0], r, &[0], s].concat();
    for bad in [&[][..], &good[..131], &good[1..], &[&good[..], &[0]].concat(), r, &der, &short, &long] {
        assert!(!key().signed(SIGNED, bad), "{} bytes", bad.len());
    }
    assert!(!key().signed(SIGNED, &[s, r].concat()));
}

#[test]
fn half_of_a_signature_that_is_zero_or_not_below_the_order_is_refused() {
    let good = decode(SIGNATURE);
    let (r, s) = good.split_at(SIZE);
    let (zero, order, most) = ([0; SIZE], order(), [0xff; SIZE]);
    // The last is the same number but for the order, which a lax check would take for the same signature.
    for bad in [&zero[..], &order, &most, &sum(r, &order)] {
        assert!(!key().signed(SIGNED, &[bad, s].concat()), "R {bad:?}");
    }
    for bad in [&zero[..], &order, &most, &sum(s, &order)] {
        assert!(!key().signed(SIGNED, &[r, bad].concat()), "S {bad:?}");
    }
    // Blank signatures, which Java took for anybody's (CVE-2022-21449).
    for blank in [[0; 2 * SIZE], [0xff; 2 * SIZE]] {
        assert!(!key().signed(SIGNED, &blank));
    }
    assert!(!key().signed(SIGNED, &[&order[..], &order].concat()));
}

#[test]
fn point_off_the_curve_at_infinity_or_written_another_way_is_no_key() {
    let (x, y) = (decode(X), decode(Y));
    let good = point(&x, &y);
    assert!(PublicKey::read(&good).is_some());
    let mut off = y.clone();
    off[SIZE - 1] ^= 1;
    let (zero, most) = ([0; SIZE], [0xff; SIZE]);
    let compressed = [&[2 + (y[SIZE - 1] & 1)], x.as_slice()].concat();
    // A point that could be decompressed is one, and is refused for its form alone.
    assert!(VerifyingKey::from_sec1_bytes(&compressed).is_ok());
    for bad in [
        vec![],
        vec![0],
        vec![0; 133],
        point(&x, &off),
        point(&y, &x),
        point(&zero, &zero),
        point(&zero, &y),
        point(&most, &most),
        point(&prime(), &y),
        // The same numbers but for the prime of the field.
        point(&sum(&x, &prime()), &y),
        point(&x, &sum(&y, &prime())),
        good[..132].to_vec(),
        [good.as_slice(), &[0]].concat(),
        [&[6], &good[1..]].concat(),
        compressed,
    ] {
        assert!(PublicKey::read(&bad).is_none(), "{bad:?}");
    }
}

#[test]
fn jwk_of_the_curve_has_all_bytes_of_both_coordinates_and_is_for_this_algorithm() {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (x, y) = (decode(X), decode(Y));
    for good in [
        json!({}),
        json!({"alg": "ES512"}),
        json!({"use": "sig", "key_ops": ["verify"], "alg": "ES512", "kid": "a"}),
    ] {
        assert_eq!(jwk(&good), Ok(1), "{good}");
    }
    for bad in [
        json!({"alg": "ES256"}),
        json!({"alg": "ES384"}),
        json!({"alg": "ECDH-ES"}),
        json!({"alg": 512}),
        json!({"use": "enc"}),
        json!({"key_ops": ["sign"]}),
        json!({"d": "AAAA"}),
        json!({"kty": "OKP"}),
        json!({"crv": "P-384"}),
        json!({"crv": "secp521r1"}),
        // Without the zero in front, with one more, and with the two in the wrong places.
        json!({"y": text(&y[1..])}),
        json!({"y": text(&[&[0], y.as_slice()].concat())}),
        json!({"x": text(&[x.as_slice(), &y[..1]].concat()), "y": text(&y[1..])}),
        json!({"x": Y, "y": X}),
        json!({"x": text(&[0; SIZE]), "y": text(&[0; SIZE])}),
        json!({"y": null}),
        json!({"y": format!("{Y}=")}),
    ] {
        assert!(matches!(jwk(&bad), Err(KeyError::NoKey(_))), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_bytes_are_a_signature_or_a_panic(
        r in any::<[u8; SIZE]>(),
        s in any::<[u8; SIZE]>(),
        high in 0_u8..4,
        any in prop::collection::vec(any::<u8>(), 0..300),
        text in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        prop_assert!(!key().signed(&text, &any));
        prop_assert!(!key().signed(&text, &[r, s].concat()));
        // With the first bytes such that they are mostly numbers below the order.
        let (mut r, mut s) = (r, s);
        (r[0], s[0]) = (high & 1, high >> 1);
        prop_assert!(!key().signed(&text, &[r, s].concat()));
    }

    #[test]
    fn no_bytes_are_a_point_or_a_panic(
        x in any::<[u8; SIZE]>(),
        y in any::<[u8; SIZE]>(),
        high in 0_u8..4,
        tag in any::<u8>(),
        any in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        prop_assert!(PublicKey::read(&any).is_none());
        prop_assert!(PublicKey::read(&[&[tag], &x[..], &y[..]].concat()).is_none());
        let (mut x, mut y) = (x, y);
        (x[0], y[0]) = (high & 1, high >> 1);
        prop_assert!(PublicKey::read(&point(&x, &y)).is_none());
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        for x in [&x[..], &any] {
            let read = jwk(&json!({"x": text(x), "y": text(&y)}));
            prop_assert!(read.is_err());
        }
    }

    #[test]
    fn example_with_any_one_bit_changed_is_refused(at in 0..2 * SIZE, bit in 0..8_u32) {
        let mut changed = decode(SIGNATURE);
        changed[at] ^= 1 << bit;
        prop_assert!(!key().signed(SIGNED, &changed));
    }
}
