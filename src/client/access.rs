//! How much of its tenant a session gets: what the login allows, and the client asks for.

use std::sync::Arc;

use crate::auth::Access as Scope;
use crate::config::auth::AdminTokens;
use crate::error::SqlState;
use crate::session::Refusal;
use crate::tenant::{Access, Tenant};

/// The setting in the startup packet with what the client asks for.
pub(super) const OPTION: &str = "pgtenant.access";

/// Reads what the client asks for.
///
/// # Errors
/// When it is not a word for it.
pub(super) fn wanted(value: &str) -> Result<Access, Refusal> {
    Access::from_word(value).ok_or_else(|| {
        Refusal::fatal(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"{OPTION}\": {value:?}"),
        )
        .with_hint("Available values: read_only, read_write.")
    })
}

/// The tenant as a credential with this scope allows it at most.
///
/// # Errors
/// What a client that has proved who it is may be told.
pub(super) fn most(scope: Scope, tenant: &Arc<Tenant>, admin: AdminTokens) -> Result<Arc<Tenant>, Refusal> {
    match (scope, admin) {
        (Scope::ReadWrite, _) | (Scope::Admin, AdminTokens::ReadWrite) => Ok(Arc::clone(tenant)),
        (Scope::ReadOnly, _) | (Scope::Admin, AdminTokens::ReadOnly) => reader(tenant),
        (Scope::Admin, AdminTokens::Off) => Err(no_admins()),
    }
}

/// To somebody with a token of the scope `admin`, where those are good for nothing.
pub(super) fn no_admins() -> Refusal {
    Refusal::fatal(SqlState::INVALID_AUTHORIZATION, "tokens with the scope admin are not taken here")
        .with_hint("Use one with the scope read_only or read_write; an operator may set `auth.admin_tokens`.")
}

/// The tenant as the client asks for it, out of what it is allowed at most.
///
/// # Errors
/// When that is less.
pub(super) fn narrowed(most: Arc<Tenant>, wanted: Option<Access>) -> Result<Arc<Tenant>, Refusal> {
    match (most.access, wanted) {
        (Access::ReadWrite, Some(Access::ReadOnly)) => reader(&most),
        (Access::ReadOnly, Some(Access::ReadWrite)) => {
            Err(Refusal::fatal(SqlState::INVALID_AUTHORIZATION, "this login can only read")
                .with_hint(format!("Leave out {OPTION}, or use a credential that may write.")))
        }
        _ => Ok(most),
    }
}

fn reader(tenant: &Arc<Tenant>) -> Result<Arc<Tenant>, Refusal> {
    tenant.read_only().ok_or_else(|| {
        Refusal::fatal(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("tenant \"{}\" has no role that only reads", tenant.slug),
        )
        .with_hint("Ask the operator to run `pgtenant tenant create` for it again.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::{Ident, Level};

    fn tenant() -> Arc<Tenant> {
        Arc::new(Tenant {
            level: Level::Shared,
            reader_role: Some(Ident::parse("reader_acme").unwrap()),
            ..Tenant::sample("acme")
        })
    }

    #[test]
    fn nobody_gets_more_than_the_scope_and_the_operator_allow() {
        use Scope::{Admin, ReadOnly, ReadWrite};
        let all = [AdminTokens::Off, AdminTokens::ReadOnly, AdminTokens::ReadWrite];
        let given = |scope| all.map(|admin| most(scope, &tenant(), admin).ok().map(|found| found.access));
        assert_eq!(given(ReadOnly), [Some(Access::ReadOnly); 3]);
        assert_eq!(given(ReadWrite), [Some(Access::ReadWrite); 3]);
        assert_eq!(given(Admin), [None, Some(Access::ReadOnly), Some(Access::ReadWrite)]);
    }

    #[test]
    fn client_may_ask_for_less_and_never_for_more() {
        let reader = || tenant().read_only().unwrap();
        let given = |most, wanted| narrowed(most, wanted).ok().map(|found| found.access);
        for wanted in [None, Some(Access::ReadOnly), Some(Access::ReadWrite)] {
            assert_eq!(given(tenant(), wanted), Some(wanted.unwrap_or(Access::ReadWrite)));
        }
        assert_eq!(given(reader(), None), Some(Access::ReadOnly));
        assert_eq!(given(reader(), Some(Access::ReadOnly)), Some(Access::ReadOnly));
        assert_eq!(given(reader(), Some(Access::ReadWrite)), None);
    }
}
