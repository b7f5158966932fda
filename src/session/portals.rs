//! [`Portals`]: what executing a portal of the client's does to its session.
//!
//! A portal lives until its transaction ends, and may be executed long after it was bound, behind others. Those are kept here
//! whose execution the session has to know of, under their names as PostgreSQL has them, until no transaction is open and nothing is
//! outstanding. One that was closed or replaced stays as well: the message that did it may have been skipped, and what is taken for an
//! end of a transaction and is none costs a message, where the opposite would leave a tenant's statement without its role.

use std::sync::Arc;

use crate::guard::{Deallocated, Effect, Effects};
use crate::session::statements::Statement;

/// So many portals that do something to the session are known at once. Nobody binds so many.
const MAX_KNOWN: usize = 1000;

/// What becomes true when a statement succeeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnSuccess {
    /// All session state is gone.
    pub(super) discards: bool,
    /// All prepared statements are gone.
    pub(super) deallocates: bool,
    /// All settings are back to what the session began with.
    pub(super) resets: bool,
}

impl OnSuccess {
    /// Nothing.
    pub const NOTHING: Self = Self { discards: false, deallocates: false, resets: false };

    pub(super) fn of(effects: &Effects) -> Self {
        Self {
            discards: effects.statements == 1 && effects.has(Effect::DiscardAll),
            deallocates: matches!(effects.deallocates, Some(Deallocated::All)),
            // With a SET in the same text nobody knows which of them came last.
            resets: effects.has(Effect::ResetAll) && !effects.has(Effect::Setting),
        }
    }

    /// What of it is true once a portal has run to this CommandComplete: another may have had its name.
    pub(super) fn by_tag(self, body: &[u8]) -> Self {
        Self {
            discards: self.discards && body == b"DISCARD ALL\0",
            deallocates: self.deallocates && body == b"DEALLOCATE ALL\0",
            resets: false,
        }
    }

    const fn or(self, other: Self) -> Self {
        Self {
            discards: self.discards || other.discards,
            deallocates: self.deallocates || other.deallocates,
            resets: self.resets || other.resets,
        }
    }
}

/// What executing one portal does.
#[derive(Clone, Debug, Default)]
pub(super) struct Deed {
    /// It ends the transaction.
    pub(super) ends_transaction: bool,
    /// It begins or ends one.
    pub(super) controls_transaction: bool,
    pub(super) on_success: OnSuccess,
    /// It takes this name away from this statement of the client's.
    pub(super) deallocates: Option<(Box<[u8]>, Arc<Statement>)>,
}

impl Deed {
    pub(super) fn of(effects: &Effects, deallocates: Option<(Box<[u8]>, Arc<Statement>)>) -> Self {
        Self {
            ends_transaction: effects.ends_transaction,
            controls_transaction: effects.controls_transaction,
            // Of the rest nothing can be said before the transaction has ended.
            on_success: OnSuccess { resets: false, ..OnSuccess::of(effects) },
            deallocates,
        }
    }

    fn is_nothing(&self) -> bool {
        !self.ends_transaction
            && !self.controls_transaction
            && self.on_success == OnSuccess::NOTHING
            && self.deallocates.is_none()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Portals {
    known: Vec<(Box<[u8]>, Deed)>,
    /// The name of the portal bound last in this batch, and the statement it was bound from.
    last: Vec<u8>,
    statement: Option<Arc<Statement>>,
}

impl Portals {
    /// Whether one more of those that do something can be known.
    pub(super) const fn has_room(&self) -> bool {
        self.known.len() < MAX_KNOWN
    }

    /// A portal was bound from a statement, if it has a name or stands for many.
    pub(super) fn bind(&mut self, name: &[u8], statement: Option<Arc<Statement>>, deed: Deed) {
        self.last.clear();
        self.last.extend_from_slice(name);
        self.statement = statement;
        if deed.is_nothing() {
            return;
        }
        match self.known.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, old)) => {
                *old = Deed {
                    ends_transaction: old.ends_transaction || deed.ends_transaction,
                    controls_transaction: old.controls_transaction || deed.controls_transaction,
                    on_success: old.on_success.or(deed.on_success),
                    deallocates: deed.deallocates,
                };
            }
            None => self.known.push((name.into(), deed)),
        }
    }

    /// What executing the portal of this name may do. The statement that it deallocates is named once.
    pub(super) fn execute(&mut self, name: &[u8]) -> Deed {
        let Some((_, deed)) = self.known.iter_mut().find(|(known, _)| **known == *name) else {
            return Deed::default();
        };
        let deallocates = deed.deallocates.take();
        Deed { deallocates, ..deed.clone() }
    }

    /// The statement of which the portal is known to be. In a later batch another portal may have its name, as a cursor's.
    pub(super) fn statement_of(&self, name: &[u8]) -> Option<&Arc<Statement>> {
        self.statement.as_ref().filter(|_| self.last == name)
    }

    /// A batch ends, or a portal is closed.
    pub(super) fn forget_statement(&mut self) {
        self.statement = None;
    }

    /// No transaction is open, and nothing is outstanding: there is no portal.
    pub(super) fn clear(&mut self) {
        self.statement = None;
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending() -> Deed {
        Deed { ends_transaction: true, controls_transaction: true, ..Deed::default() }
    }

    #[test]
    fn what_ends_a_transaction_is_known_by_its_name_until_none_is_open() {
        let mut portals = Portals::default();
        portals.bind(b"a", None, ending());
        portals.bind(b"b", None, Deed::default());
        assert!(portals.execute(b"a").ends_transaction && !portals.execute(b"b").ends_transaction);
        portals.bind(b"a", None, Deed::default());
        assert!(portals.execute(b"a").ends_transaction, "the new one may have been skipped");
        portals.clear();
        assert!(!portals.execute(b"a").ends_transaction);
    }

    #[test]
    fn portal_discards_or_deallocates_all_only_where_its_answer_says_so() {
        let all = OnSuccess { discards: true, deallocates: true, resets: false };
        assert_eq!(all.by_tag(b"SELECT 1\0"), OnSuccess::NOTHING);
        assert!(all.by_tag(b"DISCARD ALL\0").discards && !all.by_tag(b"DISCARD ALL\0").deallocates);
        assert!(all.by_tag(b"DEALLOCATE ALL\0").deallocates);
        assert_eq!(OnSuccess::NOTHING.by_tag(b"DISCARD ALL\0"), OnSuccess::NOTHING);
    }

    #[test]
    fn no_more_than_a_thousand_are_known() {
        let mut portals = Portals::default();
        for n in 0..MAX_KNOWN {
            assert!(portals.has_room());
            portals.bind(n.to_string().as_bytes(), None, ending());
        }
        assert!(!portals.has_room());
    }
}
