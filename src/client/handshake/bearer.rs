//! The part of the handshake in which a client sends a token by OAUTHBEARER.

use secrecy::ExposeSecret;

use crate::auth::Attempt;
use crate::auth::bearer::{self, BearerError};
use crate::auth::evidence::Evidence;
use crate::client::Shared;
use crate::client::credential::{self, Denied, Identity, TokenUser};
use crate::client::handshake::token::note;
use crate::client::handshake::{Halt, Hello};
use crate::error::SqlState;
use crate::registry::UserEntry;
use crate::session::Refusal;
use crate::tenant::TenantRef;
use crate::wire::write;

impl Hello<'_> {
    /// Whether the mechanism is offered to this client.
    pub(super) fn takes_bearer(&self, shared: &Shared) -> bool {
        let auth = &shared.config().auth;
        auth.is_on() && credential::is_private(self.stream, auth)
    }

    /// The only mechanism that is offered: libpq takes SCRAM wherever it stands beside it.
    pub(super) async fn by_bearer_only(
        &mut self,
        shared: &Shared,
        evidence: &Evidence,
    ) -> Result<Identity, Halt> {
        let mut out = Vec::new();
        write::authentication_sasl(&mut out, &[bearer::MECHANISM]);
        self.stream.write_all(&out).await?;
        let first = self.password_message().await?;
        if !bearer::is_selected(&first) {
            return Err(Refusal::protocol("client selected an invalid SASL authentication mechanism").into());
        }
        self.by_bearer(shared, evidence, None, &first).await
    }

    /// From the client's first message on. The user may have any name; a registered one must be of the token's tenant.
    pub(super) async fn by_bearer(
        &mut self,
        shared: &Shared,
        evidence: &Evidence,
        known: Option<&UserEntry>,
        first: &[u8],
    ) -> Result<Identity, Halt> {
        let user = evidence.user();
        let only = TokenUser::of(user, &shared.config().auth).and_then(|login| login.only);
        let named = only.clone().map(TenantRef::Slug).or_else(|| evidence.tenant());
        let token = bearer::read(first).map_err(|error| {
            shared.counters.credential_refused("bearer_malformed");
            match error {
                BearerError::Malformed => Refusal::protocol(error.to_string()),
                BearerError::OtherIdentity => {
                    Refusal::fatal(SqlState::FEATURE_NOT_SUPPORTED, error.to_string())
                }
            }
        })?;
        let granted = match &token {
            None => Err(Denied::NoCredential),
            Some(token) => credential::redeem(shared, token.expose_secret().as_bytes(), named.as_ref()).await,
        };
        let granted = granted.and_then(|grant| match (known, &grant.tenant) {
            (Some(entry), Some(tenant)) if entry.tenant.registered() != tenant.registered() => {
                Err(Denied::OtherTenant)
            }
            _ => Ok(grant),
        });
        let mut out = Vec::new();
        match granted {
            Ok(grant) => {
                let identity = self.identity(shared, grant, user, only.as_ref())?;
                write::authentication_ok(&mut out);
                self.stream.write_all(&out).await?;
                Ok(identity)
            }
            Err(why) => {
                let challenge = bearer::challenge(&shared.config().auth.rules.issuer);
                write::authentication_sasl_continue(&mut out, challenge.as_bytes());
                self.stream.write_all(&out).await?;
                // It asks for nothing more, but the exchange has an end.
                let understood = *self.password_message().await? == bearer::UNDERSTOOD;
                note(shared, user, why);
                // Without a token it only asks who issues them.
                if token.is_some() {
                    self.count_guess(shared, Attempt::Token);
                }
                if !understood {
                    return Err(Refusal::protocol(BearerError::Malformed.to_string()).into());
                }
                let message = format!("OAuth bearer authentication failed for user \"{user}\"");
                Err(Refusal::fatal(SqlState::INVALID_AUTHORIZATION, message).into())
            }
        }
    }
}
