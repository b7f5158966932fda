//! Tokens and API keys in place of passwords: from the text a client sends to whose session it is, and for how long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::auth::api_key::{self, ApiKey, KEY_PREFIX, KeyDenied, KeyId};
use crate::auth::jwt::{TOKEN_PREFIX, TokenError};
use crate::auth::{Access, UnixTime};
use crate::client::{Shared, access};
use crate::config::auth::{AdminTokens, Auth, WithoutTls};
use crate::error::SqlState;
use crate::net::stream::{Peer, Stream};
use crate::net::tls::PeerCertificate;
use crate::registry::UserEntry;
use crate::session::Refusal;
use crate::tenant::{self, Slug, Tenant, TenantRef};
use crate::tokens;

/// Who a client proved to be, and on what terms.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// As it called itself.
    pub(super) user_name: String,
    /// Whose session it is.
    pub(super) tenant: Arc<Tenant>,
    /// When the session ends at the latest.
    pub(super) expires: Option<Instant>,
    /// What ends then, for people.
    pub(super) ends_with: &'static str,
    /// The certificate it showed, where those count.
    pub(super) certificate: Option<Arc<PeerCertificate>>,
    /// The API key it logged in with.
    pub(super) key: Option<KeyId>,
    /// Whether it was a token or a key that proved it, and not a password.
    pub(super) by_token: bool,
    /// What proved it, for the log.
    pub(super) by: &'static str,
    /// Of one who may look at every tenant.
    pub(super) admin: Option<Admin>,
}

/// Somebody who may look at every tenant, as is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Admin {
    /// As the issuer of the token calls it.
    pub(super) name: String,
    /// What the token calls itself.
    pub(super) token: Option<String>,
}

impl Identity {
    /// With a password, without end.
    pub(super) fn of_user(entry: &UserEntry) -> Self {
        Self {
            user_name: entry.user_name.clone(),
            tenant: Arc::clone(&entry.tenant),
            expires: None,
            ends_with: "password",
            certificate: None,
            key: None,
            by_token: false,
            by: "password",
            admin: None,
        }
    }

    /// Its name in the registry; whoever comes with a token or a key has none.
    pub(super) fn registered_user(&self) -> Option<&str> {
        (!self.by_token).then_some(self.user_name.as_str())
    }

    /// With what the client asks for. An admin who does not say what for only reads.
    ///
    /// # Errors
    /// When that is more than it may have.
    pub(super) fn with_access(mut self, wanted: Option<tenant::Access>) -> Result<Self, Refusal> {
        let wanted = wanted.or_else(|| self.admin.as_ref().map(|_| tenant::Access::ReadOnly));
        self.tenant = access::narrowed(self.tenant, wanted)?;
        Ok(self)
    }

    /// It showed this certificate and ends with it, if nothing of its ends before.
    pub(super) fn end_with(&mut self, peer: Arc<PeerCertificate>) {
        let now = i64::try_from(tokens::now().0).unwrap_or(i64::MAX);
        let left = Duration::from_secs(u64::try_from(peer.valid_until.saturating_sub(now)).unwrap_or(0));
        let end = Instant::now().checked_add(left);
        if let Some(end) = end.filter(|end| self.expires.is_none_or(|other| *end < other)) {
            (self.expires, self.ends_with) = (Some(end), "client certificate");
        }
        self.certificate = Some(peer);
    }
}

/// A login with a credential in place of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenUser {
    /// The only tenant it may be of.
    pub(super) only: Option<Slug>,
    /// How it is asked for its token.
    pub(super) way: TokenWay,
}

/// How a client sends a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenWay {
    /// As its password.
    Password,
    /// By OAUTHBEARER.
    Bearer,
}

impl TokenUser {
    /// Whether this user name is for tokens: by its form alone, so that the answer does not tell who is registered.
    pub(super) fn of(user: &str, auth: &Auth) -> Option<Self> {
        if !auth.is_on() {
            return None;
        }
        let named =
            |name: &str| user.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with('.'));
        let (rest, way) = match named(&auth.token_user) {
            Some(rest) => (rest, TokenWay::Password),
            None => (named(&auth.bearer_user)?, TokenWay::Bearer),
        };
        match rest.strip_prefix('.') {
            None => Some(Self { only: None, way }),
            // A name that can be no tenant's is one of a user like any other.
            Some(slug) => Slug::parse(slug).ok().map(|slug| Self { only: Some(slug), way }),
        }
    }
}

/// Whether what this client sends can be seen by nobody else. The one place that decides it.
pub(super) fn is_private(stream: &Stream, auth: &Auth) -> bool {
    let is_loopback = matches!(stream.peer(), Peer::Ip(address) if address.to_canonical().is_loopback());
    stream.tls().is_some()
        || stream.is_local()
        || (is_loopback && auth.tokens_without_tls == WithoutTls::Loopback)
}

/// To a client whose token others could see.
pub(super) fn not_private() -> Refusal {
    Refusal::fatal(
        SqlState::INVALID_AUTHORIZATION,
        "a token is not taken over a connection that is not encrypted",
    )
    .with_hint("Connect with TLS (sslmode=verify-full), or over the proxy's Unix socket.")
}

/// What a credential was good for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// Of which tenant; `None` where one for any tenant comes without the name of one that there is.
    pub(super) tenant: Option<Arc<Tenant>>,
    pub(super) access: Access,
    pub(super) expires: Option<UnixTime>,
    /// Whom it was made for, for the log.
    pub(super) bearer: Option<String>,
    pub(super) key: Option<KeyId>,
    /// What a token calls itself.
    pub(super) token: Option<String>,
}

/// Why a credential was good for nothing. The client is told the same for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// It is none at all.
    NoCredential,
    /// See there.
    Token(TokenError),
    /// See there.
    Key(KeyDenied),
    /// It names a tenant that is unknown or out of service.
    NoTenant,
    /// The user is one of another tenant.
    OtherTenant,
}

impl Denied {
    /// As counters call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::Token(error) => error.name(),
            Self::Key(error) => error.name(),
            Self::NoTenant => "no_tenant",
            Self::OtherTenant => "other_tenant",
        }
    }
}

/// Finds out what a credential is good for; one for any tenant, for the one that the client names.
pub(super) async fn redeem(shared: &Shared, text: &[u8], named: Option<&TenantRef>) -> Result<Grant, Denied> {
    let text = std::str::from_utf8(text).map_err(|_| Denied::NoCredential)?;
    let tokens = shared.tokens.load_full().ok_or(Denied::NoCredential)?;
    if text.starts_with(KEY_PREFIX) && shared.config().auth.api_keys {
        return redeem_key(shared, text);
    }
    if !text.starts_with(TOKEN_PREFIX) {
        return Err(Denied::NoCredential);
    }
    let claims = tokens.verify(text).await.map_err(Denied::Token)?;
    let directory = &shared.directory;
    let tenant = match (&claims.tenant, named) {
        (Some(own), _) => Some(directory.tenant_named(own).ok_or(Denied::NoTenant)?),
        // Who may look at all of them may know which there are.
        (None, Some(named)) => directory.tenant_named(named),
        (None, None) => None,
    };
    let (access, expires) = (claims.access, Some(claims.expires));
    Ok(Grant { tenant, access, expires, bearer: claims.user, key: None, token: claims.id })
}

fn redeem_key(shared: &Shared, text: &str) -> Result<Grant, Denied> {
    let key = ApiKey::parse(text).ok_or(Denied::NoCredential)?;
    let known = shared.directory.key(key.id);
    let entry = api_key::check(&key, known.as_ref(), tokens::now()).map_err(Denied::Key)?;
    let tenant = shared.directory.tenant(entry.tenant).ok_or(Denied::NoTenant)?;
    shared.directory.note_key_use(entry.id);
    let bearer = Some(format!("key {}", entry.id));
    let (tenant, key) = (Some(tenant), Some(entry.id));
    Ok(Grant { tenant, access: entry.access, expires: entry.expires, bearer, key, token: None })
}

impl Grant {
    /// Whose session this makes, for a client that calls itself so and may be of one tenant only.
    ///
    /// # Errors
    /// What a client that has proved who it is may be told.
    pub(super) fn identity(
        self,
        user: &str,
        only: Option<&Slug>,
        admins: AdminTokens,
    ) -> Result<Identity, Refusal> {
        let admin = self.admin();
        if admin.is_some() && admins == AdminTokens::Off {
            return Err(access::no_admins());
        }
        let tenant = self.tenant.ok_or_else(no_tenant)?;
        if let Some(slug) = only.filter(|slug| **slug != tenant.slug) {
            return Err(Refusal::fatal(
                SqlState::INVALID_AUTHORIZATION,
                format!("this credential is not one of tenant \"{slug}\""),
            )
            .with_hint("Use the credential of that tenant, or leave the tenant out of the user name."));
        }
        tracing::debug!(tenant = %tenant.slug, user = ?user, bearer = ?self.bearer, access = %self.access, "credential taken");
        let left = self.expires.map(|end| Duration::from_secs(end.0.saturating_sub(tokens::now().0)));
        Ok(Identity {
            user_name: user.to_owned(),
            tenant: access::most(self.access, &tenant, admins)?,
            // A time too far for the clock is as good as none.
            expires: left.and_then(|left| Instant::now().checked_add(left)),
            ends_with: if self.key.is_some() { "API key" } else { "token" },
            certificate: None,
            key: self.key,
            by_token: true,
            by: if self.key.is_some() { "api_key" } else { "token" },
            admin,
        })
    }

    /// Who it is that may look at every tenant.
    pub(super) fn admin(&self) -> Option<Admin> {
        let is_admin = self.access == Access::Admin;
        is_admin.then(|| Admin { name: self.bearer.clone().unwrap_or_default(), token: self.token.clone() })
    }
}

/// To an admin who does not say what to look at.
fn no_tenant() -> Refusal {
    Refusal::fatal(
        SqlState::INVALID_AUTHORIZATION,
        "an admin's session is one of a tenant, and none in service was named",
    )
    .with_hint("Name it by the host name, the database name, the end of the user name, or options='-c pgtenant.tenant=…'.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_for_tokens_by_its_form_alone() {
        let on = Auth { api_keys: true, ..Auth::default() };
        let of = |user: &str| TokenUser::of(user, &on).map(|found| found.only.map(|slug| slug.to_string()));
        assert_eq!(of("token"), Some(None));
        assert_eq!(of("token.acme"), Some(Some("acme".into())));
        for user in [
            "",
            "acme",
            "Token",
            "tokens",
            "token_acme",
            "token.",
            "token.Acme",
            "token.a.b",
            "my.token",
            "oauth2",
            "oauth.",
        ] {
            assert_eq!(of(user), None, "{user}");
        }
        let other = Auth { token_user: "jwt".into(), ..on.clone() };
        assert_eq!(TokenUser::of("token", &other), None);
        assert!(TokenUser::of("jwt", &other).is_some());
        let way = |user: &str| TokenUser::of(user, &on).map(|found| found.way);
        assert_eq!((way("token"), way("token.acme")), (Some(TokenWay::Password), Some(TokenWay::Password)));
        assert_eq!((way("oauth"), way("oauth.acme")), (Some(TokenWay::Bearer), Some(TokenWay::Bearer)));
        assert_eq!(
            TokenUser::of("token", &Auth::default()),
            None,
            "a name like any other where there are none"
        );
    }
}
