//! [`ClusterName`]: on which of several PostgreSQL clusters a tenant is.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The name of the cluster that `[server]` describes.
const MAIN: &str = "main";

/// Longest name, in bytes.
const MAX_BYTES: usize = 32;

/// A cluster, as the configuration calls it: lower-case letters, digits and underscores. Copies are cheap, and cost nothing for
/// the one that every installation has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterName(Option<Arc<str>>);

/// Why a text names no cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClusterNameError {
    /// Nothing there, or too much.
    #[error("the name of a cluster has 1 to {MAX_BYTES} characters, this one has {0}")]
    Length(usize),
    /// A character outside `[a-z0-9_]`.
    #[error("the name of a cluster holds only lower-case letters, digits and underscores, not {0:?}")]
    Character(char),
}

impl ClusterName {
    /// The one that `[server]` describes, and the registry is in.
    pub const MAIN: Self = Self(None);

    /// Reads a name.
    ///
    /// # Errors
    /// [`ClusterNameError`].
    pub fn parse(text: &str) -> Result<Self, ClusterNameError> {
        if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_')) {
            return Err(ClusterNameError::Character(bad));
        }
        match text {
            MAIN => Ok(Self::MAIN),
            "" => Err(ClusterNameError::Length(0)),
            _ if text.len() > MAX_BYTES => Err(ClusterNameError::Length(text.len())),
            _ => Ok(Self(Some(text.into()))),
        }
    }

    /// Whether it is the one that `[server]` describes.
    #[must_use]
    pub const fn is_main(&self) -> bool {
        self.0.is_none()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or(MAIN)
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_is_one_name_however_it_was_made() {
        assert_eq!(ClusterName::parse("main"), Ok(ClusterName::MAIN));
        assert_eq!(ClusterName::default().to_string(), "main");
        assert!(
            ClusterName::parse("main").unwrap().is_main() && !ClusterName::parse("main2").unwrap().is_main()
        );
        assert_eq!(ClusterName::parse("eu_1").unwrap().as_str(), "eu_1");
    }

    #[test]
    fn name_that_is_empty_long_or_no_plain_word_is_refused() {
        assert_eq!(ClusterName::parse(""), Err(ClusterNameError::Length(0)));
        assert_eq!(ClusterName::parse(&"a".repeat(33)), Err(ClusterNameError::Length(33)));
        for (text, bad) in [("Eu", 'E'), ("a-b", '-'), ("a b", ' '), ("é", 'é'), ("a\0", '\0')] {
            assert_eq!(ClusterName::parse(text), Err(ClusterNameError::Character(bad)));
        }
    }
}
