//! What a tenant's notification channels are called on the server, where all tenants share one name space.

use std::fmt;

use sha2::{Digest, Sha256};

/// Hexadecimal digits of a prefix: 96 bits, which nobody guesses.
const PREFIX_DIGITS: usize = 24;

/// PostgreSQL's limit for the name of a channel, in bytes.
const MAX_CHANNEL_BYTES: usize = 63;

/// What is left for the channel behind the prefix and one sign.
const ROOM: usize = MAX_CHANNEL_BYTES - PREFIX_DIGITS - 1;

/// What the names of one tenant's channels begin with on the server. A secret: who knows it can hear them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChannelPrefix(Box<str>);

impl ChannelPrefix {
    /// Made of secret bytes that are the tenant's alone.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hex(secret, PREFIX_DIGITS).into())
    }

    /// Reads the registry's text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == PREFIX_DIGITS && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// The prefix itself, for the server's own functions.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The channel's name on the server.
    #[must_use]
    pub fn name(&self, channel: &str) -> String {
        format!("{}{}", self.0, suffix(channel))
    }
}

/// What follows the prefix: the channel behind a colon, or, where that is too long, a hash of it behind a
/// hash sign. The functions of `pgtenant init` do the same.
#[must_use]
pub fn suffix(channel: &str) -> String {
    if channel.len() <= ROOM {
        format!(":{channel}")
    } else {
        format!("#{}", hex(&Sha256::digest(channel.as_bytes()).into(), ROOM))
    }
}

fn hex(bytes: &[u8; 32], digits: usize) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().chars().take(digits).collect()
}

impl fmt::Debug for ChannelPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelPrefix(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_long_ones_differ() {
        let prefix = ChannelPrefix::new(&[0xab; 32]);
        assert_eq!(prefix.name("jobs"), "abababababababababababab:jobs");
        let long = |end: &str| prefix.name(&format!("{}{end}", "é".repeat(25)));
        assert_eq!(prefix.name(&"x".repeat(38)).len(), MAX_CHANNEL_BYTES);
        assert_eq!(long("a").len(), MAX_CHANNEL_BYTES);
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn no_plain_name_is_that_of_a_long_one() {
        let long = suffix(&"x".repeat(60));
        assert_ne!(suffix(&long[1..]), long);
    }

    #[test]
    fn prefix_is_read_as_it_is_written_and_nothing_else_is_one() {
        let prefix = ChannelPrefix::new(&[0xab; 32]);
        assert_eq!(ChannelPrefix::parse(prefix.as_str()), Some(prefix));
        for text in ["", "ab", "abababababababababababag", "ABABABABABABABABABABABAB"] {
            assert_eq!(ChannelPrefix::parse(text), None, "{text}");
        }
    }

    #[test]
    fn prefix_is_not_shown() {
        assert!(!format!("{:?}", ChannelPrefix::new(&[0xab; 32])).contains("ab"));
    }
}
