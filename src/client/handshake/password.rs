//! The part of the handshake in which a client proves a password.

use std::time::Instant;

use crate::auth::evidence::Evidence;
use crate::auth::scram::{self, ScramError};
use crate::auth::{Attempt, Guess, Verifier, bearer as oauth};
use crate::client::Shared;
use crate::client::credential::Identity;
use crate::client::handshake::resolve::{self, Found};
use crate::client::handshake::{Halt, Hello, wrong_password};
use crate::error::SqlState;
use crate::session::Refusal;
use crate::wire::write;

/// A user as it calls itself, and the name under which its failures are counted.
#[derive(Clone, Copy)]
pub(super) struct Claimed<'a> {
    pub(super) user: &'a str,
    pub(super) counted_as: &'a str,
}

impl Hello<'_> {
    /// After many failures nothing is checked for a while. Names that nobody has are counted too.
    pub(super) fn refuse_guesses(&self, shared: &Shared, attempt: Attempt<'_>) -> Result<(), Refusal> {
        shared.failures().try_login(Instant::now(), self.guess(attempt)).map_err(|wait| {
            shared.counters.auth_throttled();
            let seconds = wait.as_secs() + 1;
            Refusal::fatal(SqlState::INVALID_AUTHORIZATION, "too many failed logins")
                .with_hint(format!("Try again in {seconds} s, with the right password."))
        })
    }

    /// A login was wrong, and is counted.
    pub(super) fn count_guess(&self, shared: &Shared, attempt: Attempt<'_>) {
        shared.failures().failed(Instant::now(), self.guess(attempt));
    }

    fn guess<'a>(&'a self, attempt: Attempt<'a>) -> Guess<'a> {
        Guess { source: self.source, attempt, tenant: self.named.as_deref() }
    }

    /// Whose session it is, and whether the end of the user name stood for the tenant.
    pub(super) async fn by_password(
        &mut self,
        shared: &Shared,
        user: &str,
        evidence: &Evidence,
    ) -> Result<(Identity, bool), Halt> {
        let Found { entry: known, by_end } = resolve::find(shared, evidence);
        let offers_bearer = self.takes_bearer(shared);
        let mut out = Vec::new();
        let mut offered = scram::mechanisms(self.binding.as_ref()).to_vec();
        offered.extend(offers_bearer.then_some(oauth::MECHANISM));
        write::authentication_sasl(&mut out, &offered);
        self.stream.write_all(&out).await?;
        let first = self.password_message().await?;
        if offers_bearer && oauth::is_selected(&first) {
            return Ok((self.by_bearer(shared, evidence, known.as_deref(), &first).await?, by_end));
        }
        let claimed = Claimed { user, counted_as: user };
        self.authenticate(shared, claimed, known.as_deref().map(|known| &known.verifier), &first).await?;
        // A user that is not known cannot come this far, but no unwrapping on the way in.
        let entry = known.ok_or_else(|| wrong_password(user))?;
        Ok((Identity::of_user(&entry), by_end))
    }

    /// SCRAM-SHA-256, from the client's first message on, bound to the TLS channel if the client likes. Unknown users and those of
    /// tenants out of service take the same steps.
    pub(super) async fn authenticate(
        &mut self,
        shared: &Shared,
        Claimed { user, counted_as }: Claimed<'_>,
        known: Option<&Verifier>,
        first: &[u8],
    ) -> Result<(), Halt> {
        // Made for each, so that it takes the same time.
        let mock = shared.directory.mock(user);
        let verifier = known.unwrap_or(&mock);
        let (source, named) = (self.source, self.named.clone());
        let guess = Guess { source, attempt: Attempt::Password(counted_as), tenant: named.as_deref() };
        let refuse = |error: ScramError| {
            shared.counters.auth_failed();
            match error {
                ScramError::WrongPassword => {
                    shared.failures().failed(Instant::now(), guess);
                    wrong_password(user)
                }
                ScramError::Malformed | ScramError::Mechanism => Refusal::protocol(error.to_string()),
                ScramError::Downgrade => Refusal::fatal(SqlState::INVALID_AUTHORIZATION, error.to_string())
                    .with_detail("The client supports SCRAM channel binding but thinks the server does not. However, this server does support channel binding."),
                ScramError::Binding => Refusal::fatal(SqlState::INVALID_AUTHORIZATION, error.to_string()),
            }
        };
        let (first, challenge) = scram::begin(first, verifier, self.binding.as_ref()).map_err(refuse)?;
        let mut out = Vec::new();
        write::authentication_sasl_continue(&mut out, first.as_bytes());
        self.stream.write_all(&out).await?;
        let last = challenge.finish(&self.password_message().await?).map_err(refuse)?;
        out.clear();
        write::authentication_sasl_final(&mut out, last.as_bytes());
        write::authentication_ok(&mut out);
        self.stream.write_all(&out).await?;
        Ok(())
    }
}
