//! The part of the handshake of those who ask for the console and not for a tenant's database.

use std::time::{Duration, Instant};

use crate::auth::{Access, Attempt};
use crate::client::console::{Proof, Visitor};
use crate::client::credential::{self, Denied, TokenUser, TokenWay};
use crate::client::handshake::password::Claimed;
use crate::client::handshake::{Halt, Hello, token, wrong_password};
use crate::client::{Shared, access, audit};
use crate::config::auth::AdminTokens;
use crate::console::{Rights, show};
use crate::error::SqlState;
use crate::session::Refusal;
use crate::tenant;
use crate::tokens;
use crate::wire::startup::Startup;
use crate::wire::view::cstr;
use crate::wire::write;

/// Whether a client asks for the console: by the database it names, and nothing else. Where a tenant is called so too,
/// this comes first, whoever asks.
pub(super) fn is_asked_for(shared: &Shared, startup: &Startup) -> bool {
    shared.config().console.database.as_deref().is_some_and(|name| startup.get("database") == Some(name))
}

impl Hello<'_> {
    /// Who somebody is that asks for the console. No tenant's credential is good for that: users of tenants are not looked
    /// at, and neither are API keys and certificates.
    pub(super) async fn prove_for_console(
        &mut self,
        shared: &Shared,
        startup: &Startup,
        user: &str,
    ) -> Result<Proof, Halt> {
        let attempt = if TokenUser::of(user, &shared.config().auth).is_some() {
            self.refuse_guesses(shared, Attempt::Token)?;
            let proof = self.by_admin_token(shared, startup, user).await?;
            shared.failures().succeeded(Instant::now(), self.source, Attempt::Token);
            return Ok(proof);
        } else {
            // Guesses at these names are none at users of tenants with the same.
            format!("(console) {user}")
        };
        self.refuse_guesses(shared, Attempt::Password(&attempt))?;
        let config = shared.config();
        let known = config.console.user(user);
        let mut out = Vec::new();
        write::authentication_sasl(&mut out, crate::auth::scram::mechanisms(self.binding.as_ref()));
        self.stream.write_all(&out).await?;
        let first = self.password_message().await?;
        let claimed = Claimed { user, counted_as: &attempt };
        self.authenticate(shared, claimed, known.map(|user| &user.verifier), &first).await?;
        let known = known.ok_or_else(|| wrong_password(user))?;
        shared.failures().succeeded(Instant::now(), self.source, Attempt::Password(&attempt));
        Ok(Proof { name: user.to_owned(), token: None, rights: known.rights, expires: None })
    }

    /// With an admin token as the password.
    async fn by_admin_token(
        &mut self,
        shared: &Shared,
        startup: &Startup,
        user: &str,
    ) -> Result<Proof, Halt> {
        if !credential::is_private(self.stream, &shared.config().auth) {
            shared.counters.credential_refused("not_private");
            return Err(credential::not_private().into());
        }
        if !matches!(
            TokenUser::of(user, &shared.config().auth),
            Some(TokenUser { only: None, way: TokenWay::Password })
        ) {
            return Err(no_such_way(&shared.config().auth.token_user).into());
        }
        let mut out = Vec::new();
        write::authentication_cleartext_password(&mut out);
        self.stream.write_all(&out).await?;
        let body = self.password_message().await?;
        let Some((text, [])) = cstr(&body) else {
            return Err(Refusal::protocol("malformed password packet").into());
        };
        let claims = match (std::str::from_utf8(text), shared.tokens.load_full()) {
            (Ok(text), Some(tokens)) => tokens.verify(text).await.map_err(Denied::Token),
            _ => Err(Denied::NoCredential),
        };
        // Of a tenant's token it is not told that it is one.
        let claims = claims.and_then(|claims| match claims.access {
            Access::Admin => Ok(claims),
            Access::ReadOnly | Access::ReadWrite => Err(Denied::NoTenant),
        });
        let claims = claims.map_err(|why| {
            self.count_guess(shared, Attempt::Token);
            token::note(shared, user, why);
            wrong_password(user)
        })?;
        let left = Duration::from_secs(claims.expires.0.saturating_sub(tokens::now().0));
        let mut proof = Proof {
            name: claims.user.unwrap_or_default(),
            token: claims.id,
            rights: Rights::Stats,
            expires: Instant::now().checked_add(left),
        };
        let rights = match shared.config().auth.admin_tokens {
            _ if claims.tenant.is_some() => Err(of_one_tenant()),
            AdminTokens::Off => Err(access::no_admins()),
            AdminTokens::ReadOnly => Ok(Rights::Stats),
            AdminTokens::ReadWrite if asks_to_look_only(startup)? => Ok(Rights::Stats),
            AdminTokens::ReadWrite => Ok(Rights::Admin),
        };
        proof.rights =
            rights.inspect_err(|refusal| audit::console_refused(&proof, self.stream.peer(), refusal))?;
        out.clear();
        write::authentication_ok(&mut out);
        self.stream.write_all(&out).await?;
        Ok(proof)
    }

    /// Lets somebody in who proved who it is.
    pub(super) async fn welcome_to_console(
        &mut self,
        shared: &Shared,
        proof: Proof,
    ) -> Result<Visitor, Halt> {
        let entered = shared.visits.enter(proof);
        let mut visitor = entered
            .map_err(|_| Refusal::fatal(SqlState::INTERNAL_ERROR, "no random numbers for a cancel key"))?;
        let mut out = Vec::new();
        for (name, value) in show::WELCOME {
            write::parameter_status(&mut out, name, value);
        }
        write::backend_key_data(&mut out, visitor.pid, visitor.key());
        write::ready_for_query(&mut out, b'I');
        self.stream.write_all(&out).await?;
        visitor.early = self.inbox.to_vec();
        Ok(visitor)
    }
}

/// Whether the client asks for less than its token is good for.
fn asks_to_look_only(startup: &Startup) -> Result<bool, Refusal> {
    let wanted = super::entry::wanted_access(startup)?;
    Ok(wanted == Some(tenant::Access::ReadOnly))
}

fn no_such_way(token_user: &str) -> Refusal {
    Refusal::fatal(SqlState::INVALID_AUTHORIZATION, "the console takes tokens as a password only")
        .with_hint(format!("Log in as `{token_user}`, with an admin token as the password."))
}

fn of_one_tenant() -> Refusal {
    Refusal::fatal(
        SqlState::INVALID_AUTHORIZATION,
        "this admin token is for one tenant, the console is about all",
    )
    .with_hint("Use a token without a tenant's claim.")
}
