//! `pgtenant token issue`, and what its tokens are good for.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use pgtenant::auth::Access;
use pgtenant::cli::block_on;
use pgtenant::cli::token::{self, IssueArgs, TokenCommand};
use pgtenant::config::Config;
use pgtenant::config::auth::WithoutTls;

use crate::support::proxy::{Proxy, stdout};
use crate::tokens::{key_path, log_in, refusal};

pub(super) fn args(proxy: &Proxy, tenant: &str) -> IssueArgs {
    IssueArgs {
        tenant: Some(proxy.user(tenant)),
        scope: Access::ReadWrite,
        expires: Duration::from_secs(60),
        user: Some("agent 7".into()),
        json: false,
    }
}

pub(super) fn issue(config: &Config, args: IssueArgs) -> Result<String, String> {
    let mut out = Vec::new();
    let done = block_on(token::run(TokenCommand::Issue(args), config, &mut out));
    done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| format!("{error:#}"))
}

/// A proxy that takes its own tokens and no others, with the key in a file that only its owner can read.
fn proxy(dir: &tempfile::TempDir) -> Proxy {
    proxy_with(dir, |_| {})
}

pub(super) fn proxy_with(
    dir: &tempfile::TempDir,
    change: impl FnOnce(&mut Config) + Send + 'static,
) -> Proxy {
    let path = dir.path().join("issue.pem");
    std::fs::copy(key_path("ed25519.pem"), &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    Proxy::start(&["acme", "beta"], |config| {
        config.auth.issue_key = Some(path);
        config.auth.tokens_without_tls = WithoutTls::Loopback;
        config.auth.rules.leeway = 0;
        change(config);
    })
}

#[test]
fn issued_token_is_all_that_is_printed_and_opens_a_session_of_its_tenant() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = proxy(&dir);
    let printed = issue(&proxy.db.config, args(&proxy, "acme")).unwrap();
    let token = printed.strip_suffix('\n').expect("one line");
    assert!(token.starts_with("eyJ") && !token.contains(char::is_whitespace), "{token}");
    let mut psql = proxy.program("psql", "acme");
    psql.env("PGUSER", format!("token.{}", proxy.user("acme"))).env("PGPASSWORD", token);
    let schema = stdout(&psql.args(["-XAtqc", "select current_schema"]).output().unwrap());
    assert_eq!(schema.trim(), proxy.db.schema("acme"));
    // It names the tenant by its id, so a new name changes nothing, and nobody else gets it by taking the old one.
    let (old, id) = (proxy.user("acme"), proxy.run(proxy.db.summary("acme")).tenant.id);
    proxy.admin().run(&format!(
        "update pgtenant.tenants set slug = '{old}_ltd' where id = '{id}';
         update pgtenant.tenants set slug = '{old}' where slug = '{}'",
        proxy.user("beta")
    ));
    let mut wire = log_in(&proxy, "token", token.as_bytes()).unwrap();
    assert_eq!(wire.value("select current_schema"), format!("tenant_{old}"));
}

#[test]
fn issued_token_ends_and_can_only_read_unless_more_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = proxy(&dir);
    let config = &proxy.db.config;
    let read_only = IssueArgs { scope: Access::ReadOnly, ..args(&proxy, "acme") };
    let token = issue(config, read_only).unwrap();
    let mut reads = log_in(&proxy, "token", token.trim().as_bytes()).unwrap();
    assert_eq!(reads.value("select count(*) from notes"), "0");
    assert!(reads.query("delete from notes")[0].starts_with("Error ERROR 25006"));
    let short = IssueArgs { expires: Duration::from_secs(2), ..args(&proxy, "acme") };
    let mut wire = log_in(&proxy, "token", issue(config, short).unwrap().trim().as_bytes()).unwrap();
    assert!(wire.until_end()[0].contains("has expired"));
}

#[test]
fn token_that_lives_too_long_or_is_of_nobody_or_has_no_key_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let proxy = proxy(&dir);
    let mut config = proxy.db.config.clone();
    let long = IssueArgs { expires: Duration::from_secs(25 * 3600), ..args(&proxy, "acme") };
    assert!(issue(&config, long).unwrap_err().contains("at most 1day (`auth.issue_max_lifetime`)"));
    assert!(issue(&config, args(&proxy, "nobody")).unwrap_err().contains("nobody"));
    // A laxer command elsewhere does not help: the proxy has its own limit.
    config.auth.issue_max_lifetime = Duration::from_secs(48 * 3600);
    let long = IssueArgs { expires: Duration::from_secs(25 * 3600), ..args(&proxy, "acme") };
    let token = issue(&config, long).unwrap();
    assert!(refusal(&proxy, "token", token.trim().as_bytes()).contains("28P01"));
    assert_eq!(proxy.shared().counters.snapshot().credentials_refused["token_lifetime"], 1);
    config.auth.issue_key = None;
    assert!(issue(&config, args(&proxy, "acme")).unwrap_err().contains("auth.issue_key"));
}
