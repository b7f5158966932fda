//! Tokens and API keys in place of passwords: from the text a client sends to whose session it is, and for how long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::auth::api_key::{self, ApiKey, KEY_PREFIX, KeyDenied, KeyId};
use crate::auth::jwt::{TOKEN_PREFIX, TokenError};
use crate::auth::{Access, UnixTime};
use crate::client::Shared;
use crate::config::auth::{Auth, WithoutTls};
use crate::error::SqlState;
use crate::net::stream::{Peer, Stream};
use crate::net::tls::PeerCertificate;
use crate::registry::UserEntry;
use crate::session::Refusal;
use crate::tenant::{Slug, Tenant, TenantRef};
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
        }
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
}

impl TokenUser {
    /// Whether this user name is for tokens: by its form alone, so that the answer does not tell who is registered.
    pub(super) fn of(user: &str, auth: &Auth) -> Option<Self> {
        if !auth.is_on() {
            return None;
        }
        match user.strip_prefix(auth.token_user.as_str())? {
            "" => Some(Self { only: None }),
            rest => {
                // A name that can be no tenant's is for tokens all the same; none will fit it.
                let slug = rest.strip_prefix('.')?;
                Slug::parse(slug).ok().map(|slug| Self { only: Some(slug) })
            }
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
    pub(super) tenant: Arc<Tenant>,
    pub(super) access: Access,
    pub(super) expires: Option<UnixTime>,
    /// Whom it was made for, for the log.
    pub(super) bearer: Option<String>,
    pub(super) key: Option<KeyId>,
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

/// Finds out what a credential is good for.
pub(super) async fn redeem(shared: &Shared, text: &[u8]) -> Result<Grant, Denied> {
    let text = std::str::from_utf8(text).map_err(|_| Denied::NoCredential)?;
    let tokens = shared.tokens.as_ref().ok_or(Denied::NoCredential)?;
    if text.starts_with(KEY_PREFIX) && shared.config.auth.api_keys {
        return redeem_key(shared, text).await;
    }
    if !text.starts_with(TOKEN_PREFIX) {
        return Err(Denied::NoCredential);
    }
    let claims = tokens.verify(text).await.map_err(Denied::Token)?;
    let tenant = tenant(shared, &claims.tenant).await?;
    Ok(Grant { tenant, access: claims.access, expires: Some(claims.expires), bearer: claims.user, key: None })
}

async fn redeem_key(shared: &Shared, text: &str) -> Result<Grant, Denied> {
    let key = ApiKey::parse(text).ok_or(Denied::NoCredential)?;
    let known = shared.directory.key_or_load(key.id).await;
    let entry = api_key::check(&key, known.as_ref(), tokens::now()).map_err(Denied::Key)?;
    let tenant = shared.directory.tenant(entry.tenant).ok_or(Denied::NoTenant)?;
    shared.directory.note_key_use(entry.id);
    let bearer = Some(format!("key {}", entry.id));
    Ok(Grant { tenant, access: entry.access, expires: entry.expires, bearer, key: Some(entry.id) })
}

async fn tenant(shared: &Shared, named: &TenantRef) -> Result<Arc<Tenant>, Denied> {
    shared.directory.tenant_named(named).await.ok_or(Denied::NoTenant)
}

impl Grant {
    /// Whose session this makes, for a client that calls itself so and may be of one tenant only.
    ///
    /// # Errors
    /// What a client that has proved who it is may be told.
    pub(super) fn identity(self, user: &str, only: Option<&Slug>) -> Result<Identity, Refusal> {
        if let Some(slug) = only.filter(|slug| **slug != self.tenant.slug) {
            return Err(Refusal::fatal(
                SqlState::INVALID_AUTHORIZATION,
                format!("this credential is not one of tenant \"{slug}\""),
            )
            .with_hint("Use the credential of that tenant, or leave the tenant out of the user name."));
        }
        let tenant = permit(self.access, &self.tenant)?;
        tracing::debug!(tenant = %self.tenant.slug, user = ?user, bearer = ?self.bearer, access = %self.access, "credential taken");
        let left = self.expires.map(|end| Duration::from_secs(end.0.saturating_sub(tokens::now().0)));
        Ok(Identity {
            user_name: user.to_owned(),
            tenant,
            // A time too far for the clock is as good as none.
            expires: left.and_then(|left| Instant::now().checked_add(left)),
            ends_with: if self.key.is_some() { "API key" } else { "token" },
            certificate: None,
            key: self.key,
            by_token: true,
        })
    }
}

/// Whose session it is with this much access. The one place that decides it.
fn permit(access: Access, tenant: &Arc<Tenant>) -> Result<Arc<Tenant>, Refusal> {
    match access {
        Access::ReadWrite => Ok(Arc::clone(tenant)),
        Access::ReadOnly => tenant.read_only().ok_or_else(|| {
            Refusal::fatal(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("tenant \"{}\" has no role that only reads", tenant.slug),
            )
            .with_hint("Ask the operator to run `pgtenant tenant create` for it again.")
        }),
        Access::Admin => {
            Err(Refusal::fatal(SqlState::FEATURE_NOT_SUPPORTED, "admin tokens are not built yet")
                .with_hint("Use one with the scope read_only or read_write."))
        }
    }
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
        for user in
            ["", "acme", "Token", "tokens", "token_acme", "token.", "token.Acme", "token.a.b", "my.token"]
        {
            assert_eq!(of(user), None, "{user}");
        }
        let other = Auth { token_user: "jwt".into(), ..on.clone() };
        assert_eq!(TokenUser::of("token", &other), None);
        assert!(TokenUser::of("jwt", &other).is_some());
        assert_eq!(
            TokenUser::of("token", &Auth::default()),
            None,
            "a name like any other where there are none"
        );
    }
}
