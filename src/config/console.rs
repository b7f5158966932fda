//! `[console]`: who may look at the proxy itself, and change what it does.

use crate::auth::Verifier;

/// What somebody may do in the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Look.
    Stats,
    /// Look and change.
    Admin,
}

impl Rights {
    /// A word for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::Admin => "admin",
        }
    }
}

/// A user of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleUser {
    /// As it calls itself.
    pub name: String,
    /// What its password is checked against.
    pub verifier: Verifier,
    /// What it may do.
    pub rights: Rights,
}

/// `[console]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// The database name that stands for the console; `None` where there is none.
    pub database: Option<String>,
    /// Those who log in with a password.
    pub users: Vec<ConsoleUser>,
}

impl Console {
    /// One of its users.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&ConsoleUser> {
        self.users.iter().find(|user| user.name == name)
    }
}

impl Default for Console {
    fn default() -> Self {
        Self { database: Some("pgtenant".into()), users: Vec::new() }
    }
}
