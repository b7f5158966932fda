//! The part of the handshake in which a client sends a token in place of a password.

use crate::auth::Attempt;
use crate::auth::evidence::Evidence;
use crate::client::credential::{self, Denied, Grant, Identity, TokenUser, TokenWay};
use crate::client::handshake::{Halt, Hello, wrong_password};
use crate::client::{Shared, audit};
use crate::session::Refusal;
use crate::tenant::{Slug, TenantRef};
use crate::wire::view::cstr;
use crate::wire::write;

impl Hello<'_> {
    /// Asks for a token in the way that the user name stands for.
    pub(super) async fn by_token(
        &mut self,
        shared: &Shared,
        evidence: &Evidence,
        login: TokenUser,
    ) -> Result<Identity, Halt> {
        if !credential::is_private(self.stream, &shared.config().auth) {
            shared.counters.credential_refused("not_private");
            return Err(credential::not_private().into());
        }
        match login.way {
            TokenWay::Password => self.by_token_as_password(shared, evidence, login.only.as_ref()).await,
            TokenWay::Bearer => self.by_bearer_only(shared, evidence).await,
        }
    }

    /// AuthenticationCleartextPassword, as PostgreSQL's own methods that hand a password on ask for it (`ldap`, `pam`).
    async fn by_token_as_password(
        &mut self,
        shared: &Shared,
        evidence: &Evidence,
        only: Option<&Slug>,
    ) -> Result<Identity, Halt> {
        let user = evidence.user();
        let mut out = Vec::new();
        write::authentication_cleartext_password(&mut out);
        self.stream.write_all(&out).await?;
        let body = self.password_message().await?;
        let Some((text, [])) = cstr(&body) else {
            return Err(Refusal::protocol("malformed password packet").into());
        };
        let named = only.cloned().map(TenantRef::Slug).or_else(|| evidence.tenant());
        let grant = credential::redeem(shared, text, named.as_ref()).await.map_err(|why| {
            self.count_guess(shared, Attempt::Token);
            deny(shared, user, why)
        })?;
        let identity = self.identity(shared, grant, user, only)?;
        out.clear();
        write::authentication_ok(&mut out);
        self.stream.write_all(&out).await?;
        Ok(identity)
    }

    /// Whose session it is. What an admin is refused is written down.
    pub(super) fn identity(
        &self,
        shared: &Shared,
        grant: Grant,
        user: &str,
        only: Option<&Slug>,
    ) -> Result<Identity, Refusal> {
        let admin = grant.admin();
        grant.identity(user, only, shared.config().auth.admin_tokens).inspect_err(|refusal| {
            if let Some(admin) = &admin {
                audit::refused(admin, self.stream.peer(), refusal);
            }
        })
    }
}

/// One answer for whatever was wrong; the reason is for the operator.
fn deny(shared: &Shared, user: &str, why: Denied) -> Refusal {
    note(shared, user, why);
    wrong_password(user)
}

pub(super) fn note(shared: &Shared, user: &str, why: Denied) {
    shared.counters.credential_refused(why.name());
    match why {
        Denied::Token(error) => tracing::debug!(user = ?user, %error, "token refused"),
        _ => tracing::debug!(user = ?user, reason = why.name(), "credential refused"),
    }
}
