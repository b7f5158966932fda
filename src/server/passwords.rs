//! The derived passwords a login is tried with, and what worked last.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;

use crate::auth::{Ladder, Rung, WhichKey};
use crate::config::Secrets;
use crate::tenant::{Ident, Tenant};

/// Derives them.
#[derive(Debug)]
pub(super) struct Passwords {
    secrets: Secrets,
    /// Roles that had another password than the registry's news let expect, so that not each login begins with one that
    /// is refused. Only those that logged in, so there are no more of them than tenants.
    worked: Mutex<HashMap<Ident, Worked>>,
}

/// The password a role had last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Worked {
    version: i32,
    key: WhichKey,
}

/// Whose password.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    Tenant(&'a Tenant),
    /// One of the proxy's own roles.
    Own(&'a Ident),
}

impl<'a> Whose<'a> {
    pub(super) const fn role(self) -> &'a Ident {
        match self {
            Self::Tenant(tenant) => &tenant.names.role,
            Self::Own(role) => role,
        }
    }

    const fn version(self) -> i32 {
        match self {
            Self::Tenant(tenant) => tenant.password_version,
            Self::Own(_) => 0,
        }
    }
}

impl Passwords {
    pub(super) fn new(secrets: &Secrets) -> Self {
        Self { secrets: secrets.clone(), worked: Mutex::default() }
    }

    /// What to try, in this order: four at most.
    pub(super) fn rungs(&self, whose: Whose<'_>) -> Vec<Rung> {
        let ladder = self.ladder(whose);
        ladder.from(ladder.likely(self.recorded(whose), self.worked_last(whose))).collect()
    }

    pub(super) fn derive(&self, whose: Whose<'_>, rung: Rung) -> SecretString {
        let key = self.secrets.key(rung.key);
        match whose {
            Whose::Tenant(tenant) => {
                key.tenant_password(tenant.id, tenant.password_version.saturating_add(rung.ahead))
            }
            Whose::Own(role) => key.role_password(role.as_str()),
        }
    }

    /// Remembers what was taken, where the registry's news would lead to another one first.
    pub(super) fn note(&self, whose: Whose<'_>, rung: Rung) {
        let expected = self.ladder(whose).likely(self.recorded(whose), None);
        let mut worked = self.lock();
        if rung == expected {
            worked.remove(whose.role());
        } else {
            let version = whose.version().saturating_add(rung.ahead);
            worked.insert(whose.role().clone(), Worked { version, key: rung.key });
        }
    }

    /// Whether the registry says that the password is of a key that is not ours.
    pub(super) fn is_of_another_key(&self, whose: Whose<'_>) -> bool {
        match whose {
            Whose::Tenant(tenant) => {
                tenant.password_key.is_some_and(|mark| self.secrets.which(mark).is_none())
            }
            Whose::Own(_) => false,
        }
    }

    fn ladder(&self, whose: Whose<'_>) -> Ladder {
        Ladder {
            replacing: self.secrets.previous_master_key.is_some(),
            numbered: matches!(whose, Whose::Tenant(_)),
        }
    }

    fn recorded(&self, whose: Whose<'_>) -> Option<WhichKey> {
        match whose {
            Whose::Tenant(tenant) => tenant.password_key.and_then(|mark| self.secrets.which(mark)),
            Whose::Own(_) => None,
        }
    }

    fn worked_last(&self, whose: Whose<'_>) -> Option<Rung> {
        let Worked { version, key } = self.lock().get(whose.role()).copied()?;
        let ahead = version.checked_sub(whose.version())?;
        (0..=1).contains(&ahead).then_some(Rung { ahead, key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Ident, Worked>> {
        // One entry is put in or taken out at a time.
        self.worked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::MasterKey;

    const CURRENT: Rung = Rung { ahead: 0, key: WhichKey::Current };
    const PREVIOUS: Rung = Rung { ahead: 0, key: WhichKey::Previous };

    fn key(digits: &str) -> MasterKey {
        MasterKey::parse(&digits.repeat(32)).unwrap()
    }

    fn passwords() -> Passwords {
        Passwords::new(&Secrets { master_key: key("a7"), previous_master_key: Some(key("5a")) })
    }

    fn tenant(of: Option<&MasterKey>) -> Tenant {
        Tenant { password_version: 3, password_key: of.map(MasterKey::mark), ..Tenant::sample("acme") }
    }

    #[test]
    fn what_worked_is_tried_first_the_next_time() {
        let passwords = passwords();
        let (tenant, role) = (tenant(None), Ident::parse("pgtenant_pool_app").unwrap());
        for whose in [Whose::Tenant(&tenant), Whose::Own(&role)] {
            assert_eq!(passwords.rungs(whose)[0], PREVIOUS);
            passwords.note(whose, CURRENT);
            assert_eq!(passwords.rungs(whose)[0], CURRENT);
        }
    }

    #[test]
    fn what_the_registry_tells_later_needs_no_memory() {
        let passwords = passwords();
        let (before, after) = (tenant(None), tenant(Some(&key("a7"))));
        passwords.note(Whose::Tenant(&before), CURRENT);
        assert_eq!(passwords.lock().len(), 1);
        assert_eq!(passwords.rungs(Whose::Tenant(&after))[0], CURRENT);
        passwords.note(Whose::Tenant(&after), CURRENT);
        assert!(passwords.lock().is_empty());
    }

    #[test]
    fn number_that_worked_ahead_of_the_news_is_the_same_number_after_them() {
        let passwords = passwords();
        let before = tenant(Some(&key("a7")));
        let ahead = Rung { ahead: 1, ..CURRENT };
        passwords.note(Whose::Tenant(&before), ahead);
        let after = Tenant { password_version: 4, ..before.clone() };
        let later = Tenant { password_version: 5, ..before.clone() };
        let password = |tenant, rung| {
            use secrecy::ExposeSecret;
            passwords.derive(Whose::Tenant(tenant), rung).expose_secret().to_owned()
        };
        assert_eq!(password(&before, ahead), password(&after, passwords.rungs(Whose::Tenant(&after))[0]));
        assert_eq!(passwords.rungs(Whose::Tenant(&later))[0], CURRENT);
    }

    #[test]
    fn mark_of_a_key_that_is_not_ours_is_noticed() {
        let passwords = passwords();
        for (of, another) in
            [(None, false), (Some(key("a7")), false), (Some(key("5a")), false), (Some(key("11")), true)]
        {
            let tenant = tenant(of.as_ref());
            assert_eq!(passwords.is_of_another_key(Whose::Tenant(&tenant)), another);
        }
    }
}
