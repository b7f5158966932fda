use std::collections::BTreeMap;

use jsonwebtoken::EncodingKey;
use p521::ecdsa::signature::Signer;
use p521::ecdsa::{Signature, SigningKey};
use p521::pkcs8::DecodePrivateKey;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::tenant::Slug;

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("../../../tests/keys/", $name))
    };
}

const NOW: UnixTime = UnixTime(1_800_000_000);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn rules() -> Rules {
    Rules {
        issuer: "https://issuer.example".into(),
        audience: "db".into(),
        tenant_claim: "tenant_id".into(),
        scope_claim: "scope".into(),
        user_claim: "sub".into(),
        leeway: 30,
        max_lifetime: None,
        own_max_lifetime: 3600,
    }
}

/// One key of each kind, without names.
fn keys() -> KeySet {
    let mut keys = KeySet::secret(SECRET).unwrap();
    for pem in [
        key!("rsa.pub.pem"),
        key!("p256.pub.pem"),
        key!("p384.pub.pem"),
        key!("p521.pub.pem"),
        key!("ed25519.pub.pem"),
    ] {
        keys.add(&KeySet::read(pem).unwrap().0);
    }
    keys
}

fn signer(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::HS256 => EncodingKey::from_secret(SECRET),
        Algorithm::ES256 => EncodingKey::from_ec_pem(key!("p256.pem").as_bytes()).unwrap(),
        Algorithm::ES384 => EncodingKey::from_ec_pem(key!("p384.pem").as_bytes()).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(key!("ed25519.pem").as_bytes()).unwrap(),
        _ => EncodingKey::from_rsa_pem(key!("rsa.pem").as_bytes()).unwrap(),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.example",
        "aud": "db",
        "sub": "ann@example.com",
        "tenant_id": "acme",
        "scope": "openid read_write",
        "exp": NOW.0 + 600,
    })
}

/// The claims with some of them changed; `null` takes one away.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Any two texts, signed.
fn sign(algorithm: Algorithm, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = crypto::sign(signed.as_bytes(), &signer(algorithm), algorithm).unwrap();
    format!("{signed}.{signature}")
}

/// The same by ES512, which the library has not.
fn sign_es512(header: &str, payload: &str) -> String {
    let key = p521::SecretKey::from_pkcs8_pem(key!("p521.pem")).unwrap();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature: Signature = SigningKey::from_bytes(&key.to_bytes()).unwrap().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn token(claims: &Value) -> String {
    sign(Algorithm::EdDSA, r#"{"alg":"EdDSA","typ":"JWT"}"#, &claims.to_string())
}

fn check(token: &str) -> Result<Claims, TokenError> {
    verify(token, &keys(), &rules(), NOW)
}

fn with_header(header: &str) -> Result<Claims, TokenError> {
    check(&sign(Algorithm::EdDSA, header, &claims().to_string()))
}

fn with_payload(payload: &str) -> Result<Claims, TokenError> {
    check(&sign(Algorithm::EdDSA, r#"{"alg":"EdDSA"}"#, payload))
}

fn changed(changes: Value) -> Result<Claims, TokenError> {
    check(&token(&claims_with(changes)))
}

#[test]
fn token_of_each_algorithm_says_who_its_bearer_is() {
    let expected = Claims {
        tenant: Some(TenantRef::Slug(Slug::parse("acme").unwrap())),
        access: Access::ReadWrite,
        user: Some("ann@example.com".into()),
        id: None,
        expires: UnixTime(NOW.0 + 630),
    };
    for (name, algorithm) in [
        ("RS256", Algorithm::RS256),
        ("RS384", Algorithm::RS384),
        ("RS512", Algorithm::RS512),
        ("PS256", Algorithm::PS256),
        ("PS384", Algorithm::PS384),
        ("PS512", Algorithm::PS512),
        ("ES256", Algorithm::ES256),
        ("ES384", Algorithm::ES384),
        ("EdDSA", Algorithm::EdDSA),
        ("HS256", Algorithm::HS256),
    ] {
        let token = sign(algorithm, &json!({ "alg": name }).to_string(), &claims().to_string());
        assert_eq!(check(&token).as_ref(), Ok(&expected), "{name}");
    }
    let token = sign_es512(r#"{"alg":"ES512"}"#, &claims().to_string());
    assert_eq!(check(&token).as_ref(), Ok(&expected), "ES512");
}

#[test]
fn unsigned_token_is_refused_however_it_says_so() {
    let payload = URL_SAFE_NO_PAD.encode(claims().to_string());
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": name }).to_string());
        assert_eq!(check(&format!("{header}.{payload}.")), Err(TokenError::Malformed), "{name}");
        assert_eq!(check(&format!("{header}.{payload}.AAAA")), Err(TokenError::Algorithm), "{name}");
    }
    for header in [
        "{}",
        r#"{"alg":null}"#,
        r#"{"alg":["EdDSA"]}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"ES521"}"#,
        r#"{"alg":"es512"}"#,
        r#"{"alg":"ES256K"}"#,
    ] {
        assert_eq!(with_header(header), Err(TokenError::Algorithm), "{header}");
    }
}

#[test]
fn public_key_is_no_secret_and_a_key_is_for_its_own_algorithms_only() {
    // The classic confusion: HS256 with the text of the public key as the secret.
    let signed = |secret: &[u8]| {
        let parts =
            [r#"{"alg":"HS256"}"#.to_owned(), claims().to_string()].map(|p| URL_SAFE_NO_PAD.encode(p));
        let signed = parts.join(".");
        let key = EncodingKey::from_secret(secret);
        format!("{signed}.{}", crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap())
    };
    let mut public = KeySet::read(key!("rsa.pub.pem")).unwrap().0;
    for secret in [key!("rsa.pub.pem"), key!("rsa.pub.pem").trim_end()] {
        assert_eq!(verify(&signed(secret.as_bytes()), &public, &rules(), NOW), Err(TokenError::UnknownKey));
    }
    // Nor with a secret configured beside it.
    public.add(&KeySet::secret(SECRET).unwrap());
    assert!(verify(&signed(SECRET), &public, &rules(), NOW).is_ok());
    let confused = signed(key!("rsa.pub.pem").as_bytes());
    assert_eq!(verify(&confused, &public, &rules(), NOW), Err(TokenError::Signature));
    // A signature of one algorithm under the name of another, of the same key and of another.
    for name in ["RS384", "PS256", "ES256", "ES512", "EdDSA", "HS256"] {
        let token = sign(Algorithm::RS256, &json!({ "alg": name }).to_string(), &claims().to_string());
        assert_eq!(check(&token), Err(TokenError::Signature), "{name}");
    }
    for name in ["ES256", "ES384", "RS512", "EdDSA", "HS256"] {
        let token = sign_es512(&json!({ "alg": name }).to_string(), &claims().to_string());
        assert_eq!(check(&token), Err(TokenError::Signature), "{name}");
    }
}

#[test]
fn es512_is_for_keys_on_p521_and_they_for_nothing_else() {
    let with = |token: &str, pem: &str| {
        verify(token, &KeySet::read(pem).unwrap().0, &rules(), NOW).map(|claims| claims.access)
    };
    let payload = claims().to_string();
    let es512 = |header: &str| sign_es512(header, &payload);
    let good = es512(r#"{"alg":"ES512"}"#);
    assert_eq!(with(&good, key!("p521.pub.pem")), Ok(Access::ReadWrite));
    for pem in [key!("rsa.pub.pem"), key!("p256.pub.pem"), key!("p384.pub.pem"), key!("ed25519.pub.pem")] {
        assert_eq!(with(&good, pem), Err(TokenError::UnknownKey), "{pem}");
    }
    let secret = KeySet::secret(SECRET).unwrap();
    assert_eq!(verify(&good, &secret, &rules(), NOW), Err(TokenError::UnknownKey));
    // What other keys made, under its name and under theirs; and its own under another's.
    for (name, algorithm) in [
        ("ES256", Algorithm::ES256),
        ("ES384", Algorithm::ES384),
        ("RS512", Algorithm::RS512),
        ("EdDSA", Algorithm::EdDSA),
        ("HS256", Algorithm::HS256),
    ] {
        let renamed = sign(algorithm, r#"{"alg":"ES512"}"#, &payload);
        assert_eq!(with(&renamed, key!("p521.pub.pem")), Err(TokenError::Signature), "{name}");
        let header = json!({ "alg": name }).to_string();
        let others = sign(algorithm, &header, &payload);
        assert_eq!(with(&others, key!("p521.pub.pem")), Err(TokenError::UnknownKey), "{name}");
        assert_eq!(with(&es512(&header), key!("p521.pub.pem")), Err(TokenError::UnknownKey), "{name}");
    }
    // Another key on the same curve, and base64 that can be read in two ways.
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = json!({
        "kty": "EC",
        "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    });
    assert_eq!(with(&good, &other.to_string()), Err(TokenError::Signature));
    assert_eq!(with(&format!("{signed}.{signature}="), key!("p521.pub.pem")), Err(TokenError::Malformed));
    assert_eq!(with(&format!("{signed}.AAAA"), key!("p521.pub.pem")), Err(TokenError::Signature));
}

#[test]
fn name_of_a_key_leads_to_that_key_and_nowhere_else() {
    let (x, named) = (jwk_x(), |kid: &str| json!({ "alg": "EdDSA", "kid": kid }).to_string());
    let keys = KeySet::jwks(
        &json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "2026-11", "use": "sig", "alg": "EdDSA"},
        ]})
        .to_string(),
    );
    let (keys, _) = keys.unwrap();
    let check = |header: &str| {
        verify(&sign(Algorithm::EdDSA, header, &claims().to_string()), &keys, &rules(), NOW).map(drop)
    };
    assert_eq!(check(&named("2026-11")), Ok(()));
    assert_eq!(check(r#"{"alg":"EdDSA"}"#), Ok(()));
    let long = "k".repeat(100_000);
    for kid in ["2026-12", "../../../../dev/null", "' OR '1'='1", "2026-11\u{0}", "", &long[..5000]] {
        assert_eq!(check(&named(kid)), Err(TokenError::UnknownKey), "{kid}");
    }
    assert_eq!(check(&named(&long)), Err(TokenError::TooLong));
    assert_eq!(check(r#"{"alg":"EdDSA","kid":7}"#), Err(TokenError::Header));
    assert_eq!(check(r#"{"alg":"EdDSA","kid":["2026-11"]}"#), Err(TokenError::Header));
}

#[test]
fn keys_and_places_of_keys_in_the_header_are_not_looked_at() {
    // Signed by the attacker, whose key the header brings along.
    let own = IssueKey::parse(key!("ed25519.pem")).unwrap();
    let others = KeySet::read(key!("p256.pub.pem")).unwrap().0;
    let x = jwk_x();
    for field in [
        json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}),
        json!({"jku": "https://evil.example/keys"}),
        json!({"x5u": "file:///etc/passwd"}),
        json!({"x5c": ["MIIB"]}),
    ] {
        let mut header = json!({ "alg": "EdDSA", "kid": own.kid });
        header.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        let token = sign(Algorithm::EdDSA, &header.to_string(), &claims().to_string());
        assert_eq!(verify(&token, &others, &rules(), NOW), Err(TokenError::UnknownKey), "{header}");
        assert!(
            verify(&token, &keys(), &rules(), NOW).is_ok(),
            "harmless beside the right signature: {header}"
        );
    }
}

#[test]
fn header_that_asks_for_more_or_is_of_another_kind_of_token_is_refused() {
    for more in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""b64":false,"crit":["b64"]"#,
        r#""zip":"DEF""#,
        r#""enc":"A256GCM""#,
        r#""typ":"dpop+jwt""#,
        r#""typ":"logout+jwt""#,
        r#""typ":1"#,
    ] {
        assert_eq!(with_header(&format!(r#"{{"alg":"EdDSA",{more}}}"#)), Err(TokenError::Header), "{more}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
        assert!(with_header(&format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#)).is_ok(), "{typ}");
    }
}

#[test]
fn name_that_stands_twice_in_header_or_claims_is_refused() {
    assert_eq!(with_header(r#"{"alg":"none","alg":"EdDSA"}"#), Err(TokenError::Malformed));
    assert_eq!(with_header(r#"{"alg":"EdDSA","kid":"a","k\u0069d":"b"}"#), Err(TokenError::Malformed));
    let text = claims().to_string();
    assert!(with_payload(&text).is_ok());
    let twice = format!(r#"{{"tenant_id":"beta",{}"#, &text[1..]);
    assert_eq!(with_payload(&twice), Err(TokenError::Malformed));
    let inside = format!(r#"{{"x":{{"a":1,"a":2}},{}"#, &text[1..]);
    assert_eq!(with_payload(&inside), Err(TokenError::Malformed));
}

#[test]
fn what_is_no_compact_signed_token_is_refused() {
    let good = token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        // An encrypted token around ours has five parts.
        format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        // Other ways to write the same bytes.
        format!("{good}="),
        format!("{good}=="),
        format!("{header}=.{payload}.{signature}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{header}.{payload} .{signature}"),
        format!("{header}\u{0}.{payload}.{signature}"),
        format!("Bearer {good}"),
    ] {
        let got = check(&bad);
        assert!(matches!(got, Err(TokenError::Malformed | TokenError::Signature)), "{bad:?}: {got:?}");
    }
    let not_utf8 = format!("{}.{}", URL_SAFE_NO_PAD.encode(br#"{"alg":"EdDSA","kid":"a"#), payload);
    assert_eq!(check(&format!("{not_utf8}.AAAA")), Err(TokenError::Malformed));
    let payload = URL_SAFE_NO_PAD.encode(b"{\"iss\":\"\xff\"}");
    let signed = format!("{header}.{payload}");
    let signature = crypto::sign(signed.as_bytes(), &signer(Algorithm::EdDSA), Algorithm::EdDSA).unwrap();
    assert_eq!(check(&format!("{signed}.{signature}")), Err(TokenError::Malformed));
    for payload in ["", "[]", "null", "\"x\"", "{}{}", "{\"iss\":"] {
        let got = with_payload(payload);
        assert!(matches!(got, Err(TokenError::Malformed)), "{payload}: {got:?}");
    }
}

#[test]
fn token_beyond_the_limit_is_refused_before_anything_else() {
    let padded = |bytes: usize| token(&claims_with(json!({ "x": "y".repeat(bytes) })));
    assert!(check(&padded(5000)).is_ok());
    assert_eq!(check(&padded(7000)), Err(TokenError::TooLong));
    assert_eq!(check(&"x".repeat(1 << 20)), Err(TokenError::TooLong));
}

#[test]
fn token_is_valid_from_nbf_to_exp_with_the_leeway_on_both_sides() {
    assert!(changed(json!({"exp": NOW.0 - 29})).is_ok());
    assert_eq!(changed(json!({"exp": NOW.0 - 30})), Err(TokenError::Expired));
    assert_eq!(changed(json!({"exp": 0})), Err(TokenError::Expired));
    assert!(changed(json!({"nbf": NOW.0 + 30})).is_ok());
    assert_eq!(changed(json!({"nbf": NOW.0 + 31})), Err(TokenError::NotYetValid));
    assert_eq!(changed(json!({"iat": NOW.0 + 31})), Err(TokenError::NotYetValid));
    assert_eq!(changed(json!({"exp": 1_800_000_060.75})).map(|c| c.expires), Ok(UnixTime(NOW.0 + 90)));
}

#[test]
fn time_that_is_none_is_refused() {
    for exp in [
        json!(null),
        json!("1800000600"),
        json!(-1),
        json!(true),
        json!([1_900_000_000]),
        json!(u64::MAX),
        json!(1e300),
        json!(253_402_300_800_u64),
    ] {
        assert_eq!(changed(json!({ "exp": exp })), Err(TokenError::Claims), "{exp}");
    }
    let text = claims().to_string();
    for exp in ["1e400", "99999999999999999999999999", "0x7fffffff", "1800000600.", "+1800000600", "NaN"] {
        let payload = text.replace(&(NOW.0 + 600).to_string(), exp);
        let got = with_payload(&payload);
        assert!(matches!(got, Err(TokenError::Malformed | TokenError::Claims)), "{exp}: {got:?}");
    }
    for name in ["nbf", "iat"] {
        assert_eq!(changed(json!({ name: "soon" })), Err(TokenError::Claims));
    }
}

#[test]
fn token_that_is_valid_for_too_long_is_refused() {
    let with = |changes: Value, most| {
        let rules = Rules { max_lifetime: Some(most), ..rules() };
        verify(&token(&claims_with(changes)), &keys(), &rules, NOW).map(drop)
    };
    assert_eq!(with(json!({}), 600), Ok(()));
    assert_eq!(with(json!({}), 599), Err(TokenError::Lifetime));
    assert_eq!(with(json!({"iat": NOW.0 - 300}), 900), Ok(()));
    assert_eq!(with(json!({"iat": NOW.0 - 301}), 900), Err(TokenError::Lifetime));
}

#[test]
fn issuer_and_audience_must_be_ours() {
    for iss in [
        json!(null),
        json!("https://issuer.example/"),
        json!(""),
        json!(7),
        json!(["https://issuer.example"]),
    ] {
        assert_eq!(changed(json!({ "iss": iss })), Err(TokenError::Issuer), "{iss}");
    }
    for aud in
        [json!(null), json!("DB"), json!(""), json!([]), json!(["other"]), json!({"db": 1}), json!([["db"]])]
    {
        assert_eq!(changed(json!({ "aud": aud })), Err(TokenError::Audience), "{aud}");
    }
    assert!(changed(json!({"aud": ["other", "db"]})).is_ok());
    // With nothing to compare with, nothing is ours.
    let none = Rules { issuer: String::new(), audience: String::new(), ..rules() };
    let token = token(&claims_with(json!({"iss": "", "aud": ""})));
    assert_eq!(verify(&token, &keys(), &none, NOW), Err(TokenError::Issuer));
}

#[test]
fn tenant_is_a_slug_or_a_uuid_in_the_configured_claim() {
    let id = Uuid::from_u128(0x0190_a3c4);
    let tenant = changed(json!({"tenant_id": id.to_string()})).map(|claims| claims.tenant);
    assert_eq!(tenant, Ok(Some(TenantRef::Id(TenantId(id)))));
    for bad in
        [json!(null), json!(7), json!(["acme"]), json!("Acme"), json!("acme; drop"), json!("*"), json!("")]
    {
        assert_eq!(changed(json!({ "tenant_id": bad })), Err(TokenError::Tenant), "{bad}");
    }
    let elsewhere = |name: &str, more: Value| {
        let rules = Rules { tenant_claim: name.into(), ..rules() };
        verify(&token(&claims_with(more)), &keys(), &rules, NOW)
            .map(|claims| claims.tenant.unwrap().to_string())
    };
    let nested = json!({"app": {"a/b": "beta"}, "https://example.com/tenant": "gamma"});
    assert_eq!(elsewhere("/app/a~1b", nested.clone()), Ok("beta".into()));
    assert_eq!(elsewhere("https://example.com/tenant", nested.clone()), Ok("gamma".into()));
    assert_eq!(elsewhere("/app", nested.clone()), Err(TokenError::Tenant));
    assert_eq!(elsewhere("/app/x/y", nested), Err(TokenError::Tenant));
}

#[test]
fn scope_is_read_only_unless_the_token_says_more() {
    let access = |scope: Value| changed(json!({ "scope": scope })).map(|claims| claims.access);
    assert_eq!(access(json!(null)), Ok(Access::ReadOnly));
    assert_eq!(access(json!("")), Ok(Access::ReadOnly));
    assert_eq!(access(json!("openid profile")), Ok(Access::ReadOnly));
    assert_eq!(access(json!("READ_WRITE")), Ok(Access::ReadOnly));
    assert_eq!(access(json!(["openid", "read_write"])), Ok(Access::ReadWrite));
    assert_eq!(access(json!("read_write read_only")), Ok(Access::ReadOnly));
    assert_eq!(access(json!("admin")), Ok(Access::Admin));
    assert_eq!(access(json!(7)), Err(TokenError::Claims));
    assert_eq!(access(json!(["read_write", 7])), Err(TokenError::Claims));
}

#[test]
fn only_an_admin_may_be_of_no_tenant_and_then_says_who_it_is() {
    let found = |changes: Value| changed(changes).map(|claims| (claims.tenant.is_some(), claims.access));
    let admin = json!({"tenant_id": null, "scope": "admin", "jti": "7"});
    assert_eq!(changed(admin.clone()).unwrap().id.as_deref(), Some("7"));
    assert_eq!(found(admin), Ok((false, Access::Admin)));
    assert_eq!(found(json!({"scope": "admin"})), Ok((true, Access::Admin)));
    assert_eq!(found(json!({"tenant_id": "no slug", "scope": "admin"})), Err(TokenError::Tenant));
    for scope in ["read_write", "read_only", "", "admin read_write"] {
        assert_eq!(found(json!({"tenant_id": null, "scope": scope})), Err(TokenError::Tenant), "{scope}");
    }
    for sub in [json!(null), json!("")] {
        assert_eq!(found(json!({"scope": "admin", "sub": sub})), Err(TokenError::Claims));
    }
}

#[test]
fn user_is_kept_where_there_is_one_and_it_is_no_novel() {
    let user = |sub: Value| changed(json!({ "sub": sub })).map(|claims| claims.user);
    assert_eq!(user(json!(null)), Ok(None));
    assert_eq!(user(json!("x".repeat(256))), Err(TokenError::Claims));
    assert_eq!(user(json!({})), Err(TokenError::Claims));
}

#[test]
fn own_tokens_are_taken_and_neither_key_speaks_for_the_other() {
    let key = IssueKey::parse(key!("ed25519.pem")).unwrap();
    let public = key.public().unwrap();
    let tenant = TenantId(Uuid::from_u128(5));
    let new = |lifetime| NewToken {
        tenant: Some(tenant),
        access: Access::ReadOnly,
        user: Some("agent"),
        issued: NOW,
        expires: UnixTime(NOW.0 + lifetime),
        id: "1",
    };
    let token = issue(&key, &new(900)).unwrap();
    let claims = verify(&token, &public, &rules(), NOW).unwrap();
    assert_eq!((claims.tenant, claims.access), (Some(TenantRef::Id(tenant)), Access::ReadOnly));
    assert_eq!((claims.user.as_deref(), claims.expires), (Some("agent"), UnixTime(NOW.0 + 930)));
    let long = issue(&key, &new(3601)).unwrap();
    assert_eq!(verify(&long, &public, &rules(), NOW), Err(TokenError::Lifetime));
    // The same key, but as the issuer's: its tokens say the issuer's name.
    assert_eq!(verify(&token, &keys(), &rules(), NOW), Err(TokenError::Issuer));
    assert_eq!(verify(&self::token(&self::claims()), &public, &rules(), NOW), Err(TokenError::Issuer));
    assert_eq!(IssueKey::parse(key!("p256.pem")).unwrap_err(), KeyError::NoIssueKey);
    assert_eq!(IssueKey::parse(key!("ed25519.pub.pem")).unwrap_err(), KeyError::NoIssueKey);
    assert!(!format!("{key:?}").contains("EncodingKey"));
}

/// The `x` of a public key, as a JWK has it.
fn jwk_x() -> String {
    let base64: String = key!("ed25519.pub.pem").lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
    URL_SAFE_NO_PAD.encode(&der[der.len() - 32..])
}

#[test]
fn keys_that_no_token_should_be_checked_with_are_refused_by_name() {
    let read = |text: &str| KeySet::read(text).map(|(keys, _)| keys.len());
    assert_eq!(read(key!("rsa.pem")), Err(KeyError::Private));
    assert_eq!(read(key!("p521.pem")), Err(KeyError::Private));
    assert_eq!(read(key!("ed448.pub.pem")), Err(KeyError::Unsupported));
    assert_eq!(read(key!("secp256k1.pub.pem")), Err(KeyError::Unsupported));
    assert_eq!(read(key!("rsa1024.pub.pem")), Err(KeyError::RsaBits(1024)));
    assert_eq!(
        read("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
        Err(KeyError::Certificate)
    );
    for text in ["", "secret", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        assert!(read(text).is_err(), "{text}");
    }
    assert_eq!(KeySet::secret(b"hunter2").unwrap_err(), KeyError::ShortSecret(7));
    // Several in one file, for a change of keys.
    assert_eq!(read(&[key!("rsa.pub.pem"), key!("p521.pub.pem")].concat()), Ok(2));
    assert_eq!(read(&[key!("rsa.pub.pem"), key!("ed448.pub.pem")].concat()), Err(KeyError::Unsupported));
}

#[test]
fn jwk_set_is_taken_without_what_is_for_something_else() {
    let x = jwk_x();
    let good = |kid: &str| json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid});
    let with = |kid: &str, more: Value| {
        let mut key = good(kid);
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    };
    let set = json!({"keys": [
        good("a"),
        with("b", json!({"use": "enc"})),
        with("c", json!({"key_ops": ["encrypt"]})),
        with("d", json!({"alg": "ES256"})),
        with("e", json!({"x": "AAAA"})),
        with("f", json!({"d": "AAAA"})),
        with("g", json!({"kty": "oct", "k": "c2VjcmV0"})),
        with("h", json!({"kty": "EC", "crv": "P-256", "y": "AAAA"})),
        with("i", json!({"crv": "Ed448"})),
        with("j", json!({"kid": 7})),
        with("k", json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})),
        json!(7),
        with("l", json!({"use": "sig", "key_ops": ["verify"], "alg": "EdDSA"})),
    ]});
    let (keys, left_out) = KeySet::read(&set.to_string()).unwrap();
    assert_eq!(keys.names(), [Some("a"), Some("l")]);
    assert_eq!(left_out.len(), 11, "{left_out:?}");
    assert!(left_out.iter().all(|why| !why.contains("c2VjcmV0")));
    let refused = |text: &str| KeySet::jwks(text).map(|(keys, _)| keys.len()).unwrap_err();
    for text in ["{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "[]", "<html>"] {
        assert_eq!(refused(text), KeyError::Form, "{text}");
    }
    assert!(matches!(refused(r#"{"keys":[]}"#), KeyError::NoKey(_)));
    assert_eq!(refused(&json!({"keys": vec![good("a"); 101]}).to_string()), KeyError::TooMany);
    assert_eq!(KeySet::read(&good("one").to_string()).unwrap().0.names(), [Some("one")]);
}

#[test]
fn point_that_is_not_on_its_curve_is_no_key() {
    let jwk = |x: &[u8]| {
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode([7; 32]));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}).to_string()
    };
    assert!(matches!(KeySet::read(&jwk(&[7; 32])), Err(KeyError::NoKey(_))));
}

#[test]
fn reasons_have_names_of_their_own() {
    let all = [
        TokenError::TooLong,
        TokenError::Malformed,
        TokenError::Header,
        TokenError::Algorithm,
        TokenError::UnknownKey,
        TokenError::Signature,
        TokenError::Claims,
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::Lifetime,
        TokenError::Issuer,
        TokenError::Audience,
        TokenError::Tenant,
    ];
    let names: BTreeMap<&str, TokenError> = all.iter().map(|error| (error.name(), *error)).collect();
    assert_eq!(names.len(), all.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn token_with_any_one_byte_changed_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let good = token(&claims());
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = to & 0x7f;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assume!(changed != good);
        prop_assert!(check(&changed).is_err(), "{}", changed);
    }

    #[test]
    fn no_text_is_a_token_or_a_panic(text in ".{0,200}", parts in prop::array::uniform3("[A-Za-z0-9_-]{0,40}")) {
        prop_assert!(check(&text).is_err());
        prop_assert!(check(&parts.join(".")).is_err());
        prop_assert!(KeySet::read(&text).is_err());
    }

    #[test]
    fn header_and_claims_of_any_json_are_never_a_panic(header in json_text(), payload in json_text()) {
        let _ = with_header(&header);
        let _ = with_payload(&payload);
    }
}

/// Objects with the names that are looked at, and values of all kinds.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,12}".prop_map(|s| json!(s)),
        Just(json!("EdDSA")),
    ];
    let value =
        leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(|v| json!(v)));
    let name =
        prop::sample::select(vec!["alg", "kid", "typ", "crit", "iss", "aud", "exp", "nbf", "scope", "sub"]);
    prop::collection::btree_map(name, value, 0..6).prop_map(|map| json!(map).to_string())
}
