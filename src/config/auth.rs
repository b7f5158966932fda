//! `[auth]`: tokens and API keys as credentials.

use std::path::PathBuf;
use std::time::Duration;

use crate::auth::jwt::Rules;

/// Whether tokens are taken over a connection that is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutTls {
    /// Never, but for a Unix socket.
    Never,
    /// From this machine.
    Loopback,
}

/// What a token with the scope `admin` is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminTokens {
    /// Nothing.
    Off,
    /// Looking at any tenant's data.
    ReadOnly,
    /// That, and changing it where the client asks for that.
    ReadWrite,
}

/// What a client's certificate is good for besides a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Nothing.
    #[default]
    Off,
    /// It names the tenant.
    Tenant,
    /// It names the tenant, and replaces the password of that tenant's users.
    Login,
}

/// `[auth]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Files with public keys, in PEM or as a JWK set.
    pub token_keys: Vec<PathBuf>,
    /// Where the issuer's keys are fetched.
    pub token_keys_url: Option<String>,
    /// File with the certificates that vouch for that address, in place of the public ones.
    pub token_keys_ca: Option<PathBuf>,
    /// File with the shared secret of HS256.
    pub token_secret_file: Option<PathBuf>,
    /// The user that logs in with a token or a key in place of a password; `<it>.<slug>` does too.
    pub token_user: String,
    /// The user that is asked for a token by OAUTHBEARER and nothing else; `<it>.<slug>` is too.
    pub bearer_user: String,
    /// Whether tokens are taken without TLS.
    pub tokens_without_tls: WithoutTls,
    /// What tokens with the scope `admin` are good for.
    pub admin_tokens: AdminTokens,
    /// Whether API keys are taken.
    pub api_keys: bool,
    /// What clients' certificates are good for.
    pub client_certificates: ClientCertificates,
    /// File with the private key of `pgtenant token issue`.
    pub issue_key: Option<PathBuf>,
    /// Longest life of its tokens.
    pub issue_max_lifetime: Duration,
    /// What a token must say.
    pub rules: Rules,
}

impl Auth {
    /// Whether anybody may log in with a token or a key. If not, the token user is a user like any other.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.has_issuer() || self.issue_key.is_some() || self.api_keys
    }

    /// Whether tokens of somebody else's are taken.
    #[must_use]
    pub const fn has_issuer(&self) -> bool {
        !self.token_keys.is_empty() || self.token_keys_url.is_some() || self.token_secret_file.is_some()
    }
}

impl Default for Auth {
    /// Nothing of it.
    fn default() -> Self {
        Self {
            token_keys: Vec::new(),
            token_keys_url: None,
            token_keys_ca: None,
            token_secret_file: None,
            token_user: "token".into(),
            bearer_user: "oauth".into(),
            tokens_without_tls: WithoutTls::Never,
            admin_tokens: AdminTokens::Off,
            api_keys: false,
            client_certificates: ClientCertificates::Off,
            issue_key: None,
            issue_max_lifetime: Duration::from_secs(24 * 60 * 60),
            rules: Rules {
                issuer: String::new(),
                audience: String::new(),
                tenant_claim: "tenant_id".into(),
                scope_claim: "scope".into(),
                user_claim: "sub".into(),
                leeway: 30,
                max_lifetime: None,
                own_max_lifetime: 24 * 60 * 60,
            },
        }
    }
}
