//! Who may log in: tokens, certificates, the console.

use super::*;

#[test]
fn tokens_are_off_unless_a_key_says_otherwise_and_then_need_issuer_and_audience() {
    assert_eq!(parse("").auth, Auth::default());
    assert!(!parse("[auth]\ntoken_issuer = \"i\"\ntoken_audience = \"a\"\n").auth.is_on());
    let found = problems("[auth]\ntoken_keys = [\"keys.pem\"]\n", &[]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("auth.token_issuer: must be set where tokens are taken"), "{found:#?}");
    assert!(found[1].contains("auth.token_audience: must be set where tokens are taken"), "{found:#?}");
    let names = "token_issuer = \"i\"\ntoken_audience = \"a\"\n";
    let auth = parse(&format!("[auth]\ntoken_keys = [\"keys.pem\", \"/k/jwks.json\"]\n{names}")).auth;
    assert_eq!(auth.token_keys, [Path::new("etc/keys.pem"), Path::new("/k/jwks.json")]);
    let text = format!("[auth]\ntoken_secret_file = \"hs.key\"\nissue_key = \"issue.pem\"\n{names}");
    let auth = parse_with(&text, &[("PGTENANT_AUTH_ISSUE_KEY", "issue.pem")]).unwrap().auth;
    assert_eq!(auth.token_secret_file, Some("etc/hs.key".into()));
    assert_eq!(auth.issue_key, Some("issue.pem".into()), "a variable's path is not relative to the file");
    assert!(parse("[auth]\napi_keys = \"on\"\n").auth.is_on());
}

#[test]
fn key_in_place_of_its_file_and_other_nonsense_about_tokens_is_refused() {
    let pem = "issue_key = \"-----BEGIN PRIVATE KEY-----\"";
    refused("auth", pem, "looks like a key", "path of the file");
    refused("auth", &format!("token_secret_file = \"{}\"", "ab".repeat(32)), "looks like a key", "path");
    refused("auth", "token_keys = \"keys.pem\"", "expected a list", "between [ and ]");
    for url in ["http://i/jwks", "https://", "https://u:p@i/jwks", "https:///jwks", "https://i/a b"] {
        refused("auth", &format!("token_keys_url = \"{url}\""), "not an https address", "jwks_uri");
    }
    refused("auth", "token_user = \"token.x\"", "holds a dot", "without dots");
    refused("auth", "token_tenant_claim = \"\"", "names no claim", "JSON pointer");
    refused("auth", "token_leeway = \"1h\"", "too long", "at most 5m");
    refused(
        "listen",
        "tls_by_address = [\"127.0.0.1:6432\"]",
        "does not say what holds there",
        "off, preferred or required",
    );
    refused(
        "listen",
        "tls_by_address = [\"10.0.0.1:1 off\"]",
        "is none of `listen.addresses`",
        "as it stands",
    );
    refused(
        "listen",
        "tls_by_address = [\"127.0.0.1:6432 required\"]",
        "there is no TLS without a certificate",
        "tls_certificate",
    );
    refused("auth", "issue_max_lifetime = \"off\"", "cannot be zero or off", "above zero");
    refused("auth", "issue_max_lifetime = \"1s\"", "too short", "at least 1m");
    refused("auth", "tokens_without_tls = \"always\"", "not known here", "\"never\" or \"loopback\"");
    refused("auth", "api_keys = true", "expected text", "\"on\" or \"off\"");
}

#[test]
fn certificates_that_clients_are_not_asked_for_are_good_for_nothing() {
    let tls = "[listen]\ntls_certificate = \"a\"\ntls_key = \"b\"\n";
    let asked = format!("{tls}tls_client_ca = \"c\"\n");
    for (word, meant) in [("tenant", ClientCertificates::Tenant), ("login", ClientCertificates::Login)] {
        let auth = format!("[auth]\nclient_certificates = \"{word}\"\n");
        assert_eq!(parse(&format!("{asked}{auth}")).auth.client_certificates, meant);
        let off = format!("[listen]\ntls = \"off\"\n{}", &asked["[listen]\n".len()..]);
        for listen in ["", tls, &off] {
            let found = problems(&format!("{listen}{auth}"), &[]);
            assert_eq!(found.len(), 1, "{found:#?}");
            assert!(
                found[0].contains("auth.client_certificates: clients are asked for no certificate"),
                "{found:#?}"
            );
            assert!(found[0].contains("`listen.tls_client_ca`"), "{found:#?}");
        }
    }
    refused("auth", "client_certificates = \"on\"", "not known here", "\"off\" or \"tenant\" or \"login\"");
}

#[test]
fn users_of_the_console_need_a_line_each_in_a_closed_file_of_verifiers() {
    let with =
        |file: &str| format!("[console]\nadmin_users = [\"ops\", \"a\\\"b\"]\npassword_file = \"{file}\"\n");
    assert_eq!(
        parse(&with("console.users")).console.user("a\"b").map(|user| user.rights),
        Some(Rights::Admin)
    );
    let found = problem("[console]\nstats_users = [\"exporter\"]\n");
    assert!(found.contains("console.password_file: must be set where the console has users"), "{found}");
    let found =
        problem("[console]\nadmin_users = [\"ops\", \"nobody\"]\npassword_file = \"console.users\"\n");
    assert!(found.contains("the file has no line for nobody"), "{found}");
    let found = problem(&with("master.key"));
    assert!(found.contains("etc/master.key:1: not two words") && !found.contains(KEY), "{found}");
    let found = problem(&with("none"));
    assert!(found.contains("etc/none cannot be read") && found.contains("SCRAM-SHA-256$"), "{found}");
    let open = read_with(
        &format!("[server]\ndatabase = \"app\"\n{}", with("console.users")),
        &[("PGTENANT_MASTER_KEY", KEY)],
        0o644,
        KEY,
    );
    assert!(open.unwrap_err().to_string().contains("chmod 600 etc/console.users"));
    refused("console", "admin_users = [\"a\", \"a\"]", "listed twice", "remove one");
}

#[test]
fn console_and_database_cannot_have_one_name() {
    for text in [
        "[server]\ndatabase = \"pgtenant\"\n",
        "[console]\ndatabase = \"app\"\n[server]\ndatabase = \"app\"\n",
    ] {
        let found = read_with(text, &[("PGTENANT_MASTER_KEY", KEY)], 0o600, KEY).unwrap_err().to_string();
        assert!(found.contains("console.database: the console has the name of the database"), "{found}");
    }
    let off = "[server]\ndatabase = \"pgtenant\"\n[console]\ndatabase = \"off\"\n";
    let config = read_with(off, &[("PGTENANT_MASTER_KEY", KEY)], 0o600, KEY).unwrap();
    assert_eq!(config.console.database, None);
}
