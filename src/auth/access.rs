//! How much a credential lets its bearer do.

use std::fmt;

/// What a session may do to its tenant's data. The least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Read and write, as a login with a password.
    ReadWrite,
    /// Look at every tenant.
    Admin,
}

impl Access {
    /// The word in tokens, commands and the registry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::ReadWrite => "read_write",
            Self::Admin => "admin",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::ReadOnly, Self::ReadWrite, Self::Admin].into_iter().find(|access| access.as_str() == word)
    }

    /// Of several words the least counts, and none of them is the least: whoever forgets to say what a token is for
    /// has made one that can only read. Words of others (`openid`, `email`) are none of ours.
    #[must_use]
    pub fn least<'w>(words: impl Iterator<Item = &'w str>) -> Self {
        words.filter_map(Self::from_word).min().unwrap_or(Self::ReadOnly)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_of_the_words_counts_and_none_is_read_only() {
        let least = |text: &str| Access::least(text.split(' '));
        assert_eq!(least("openid read_write"), Access::ReadWrite);
        assert_eq!(least("admin read_write read_only"), Access::ReadOnly);
        assert_eq!((least("openid Admin ADMIN"), least("")), (Access::ReadOnly, Access::ReadOnly));
    }
}
