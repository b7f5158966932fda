//! Reads `[auth]`.

use std::path::{Path, PathBuf};

use crate::auth::jwt::Rules;
use crate::config::Listen;
use crate::config::auth::{Auth, ClientCertificates};
use crate::config::file::Input;
use crate::config::keys;
use crate::config::kind::Wrong;
use crate::config::problem::Place;
use crate::config::source::Source;

pub(super) fn auth(source: &mut Source<'_>, input: &Input<'_>) -> Option<Auth> {
    let token_keys = source.take(&keys::AUTH_TOKEN_KEYS);
    let url = source.take(&keys::AUTH_TOKEN_KEYS_URL);
    let ca = source.take(&keys::AUTH_TOKEN_KEYS_CA);
    let secret = source.take(&keys::AUTH_TOKEN_SECRET_FILE);
    let issuer = source.take(&keys::AUTH_TOKEN_ISSUER);
    let audience = source.take(&keys::AUTH_TOKEN_AUDIENCE);
    let tenant_claim = source.take(&keys::AUTH_TOKEN_TENANT_CLAIM);
    let scope_claim = source.take(&keys::AUTH_TOKEN_SCOPE_CLAIM);
    let user_claim = source.take(&keys::AUTH_TOKEN_USER_CLAIM);
    let leeway = source.take(&keys::AUTH_TOKEN_LEEWAY);
    let max_lifetime = source.take(&keys::AUTH_TOKEN_MAX_LIFETIME);
    let token_user = source.take(&keys::AUTH_TOKEN_USER);
    let bearer_user = source.take(&keys::AUTH_BEARER_USER);
    let tokens_without_tls = source.take(&keys::AUTH_TOKENS_WITHOUT_TLS);
    let admin_tokens = source.take(&keys::AUTH_ADMIN_TOKENS);
    let api_keys = source.take(&keys::AUTH_API_KEYS);
    let client_certificates = source.take(&keys::AUTH_CLIENT_CERTIFICATES);
    let issue_key = source.take(&keys::AUTH_ISSUE_KEY);
    let issue_max_lifetime = source.take(&keys::AUTH_ISSUE_MAX_LIFETIME);
    let keys_place = source.place(&keys::AUTH_TOKEN_KEYS.row);
    let ca_place = source.place(&keys::AUTH_TOKEN_KEYS_CA.row);
    let secret_place = source.place(&keys::AUTH_TOKEN_SECRET_FILE.row);
    let issue_place = source.place(&keys::AUTH_ISSUE_KEY.row);
    let rules = Rules {
        issuer: issuer?,
        audience: audience?,
        tenant_claim: tenant_claim?,
        scope_claim: scope_claim?,
        user_claim: user_claim?,
        leeway: leeway?.as_secs(),
        max_lifetime: max_lifetime?.map(|most| most.as_secs()),
        own_max_lifetime: issue_max_lifetime?.as_secs(),
    };
    let auth = Auth {
        token_keys: token_keys?.into_iter().map(|path| beside(&keys_place, input, path)).collect(),
        token_keys_url: url?,
        token_keys_ca: ca?.map(|path| beside(&ca_place, input, path)),
        token_secret_file: secret?.map(|path| beside(&secret_place, input, path)),
        token_user: token_user?,
        bearer_user: bearer_user?,
        tokens_without_tls: tokens_without_tls?,
        admin_tokens: admin_tokens?,
        api_keys: api_keys?,
        client_certificates: client_certificates?,
        issue_key: issue_key?.map(|path| beside(&issue_place, input, path)),
        issue_max_lifetime: issue_max_lifetime?,
        rules,
    };
    require_names(source, &auth);
    Some(auth)
}

/// Where clients are asked for no certificate, nothing could come of the key: it would be taken for safety that is not there.
pub(super) fn require_client_ca(source: &mut Source<'_>, auth: &Auth, listen: &Listen) {
    let is_asked = listen.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if auth.client_certificates == ClientCertificates::Off || is_asked {
        return;
    }
    let remedy = "name the file with the authorities of clients' certificates in `listen.tls_client_ca`, and leave \
                  `listen.tls` on; or set this to \"off\"";
    let wrong = Wrong::new("clients are asked for no certificate", remedy);
    source.refuse(&keys::AUTH_CLIENT_CERTIFICATES.row, wrong);
}

/// A path in the file starts at the file's directory; one in a variable at the working directory.
pub(super) fn beside(place: &Place, input: &Input<'_>, path: PathBuf) -> PathBuf {
    match (place, Path::new(input.name).parent()) {
        (Place::File { .. }, Some(dir)) => dir.join(path),
        _ => path,
    }
}

/// A key says that its owner signed a token, not what for: without issuer and audience a token made for any other
/// service would be one for the database too.
fn require_names(source: &mut Source<'_>, auth: &Auth) {
    if auth.token_user == auth.bearer_user {
        let wrong = Wrong::new(
            "is the same as `auth.token_user`",
            "give it another name: the user name says in which way a client is asked for its token",
        );
        source.refuse(&keys::AUTH_BEARER_USER.row, wrong);
    }
    if !auth.has_issuer() {
        return;
    }
    for (row, value, claim) in [
        (&keys::AUTH_TOKEN_ISSUER.row, &auth.rules.issuer, "iss"),
        (&keys::AUTH_TOKEN_AUDIENCE.row, &auth.rules.audience, "aud"),
    ] {
        if value.is_empty() {
            let wrong = Wrong::new(
                "must be set where tokens are taken",
                format!("write what the claim `{claim}` of the issuer's tokens says, or unset the keys"),
            );
            source.refuse(row, wrong);
        }
    }
}
