//! The first packet of a connection, which has no tag (protocol section "Start-up").

use thiserror::Error;

use crate::wire::view::cstr;

/// Longest first packet (`MAX_STARTUP_PACKET_LENGTH`).
pub const MAX_STARTUP_BYTES: usize = 10_000;
/// Newest minor version of protocol 3 spoken here.
pub const NEWEST_MINOR: u16 = 2;
/// Parameters of this form are protocol extensions.
const EXTENSION_PREFIX: &str = "_pq_.";

const CANCEL_CODE: u32 = 80_877_102;
const SSL_CODE: u32 = 80_877_103;
const GSSENC_CODE: u32 = 80_877_104;

/// What a new connection asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstPacket {
    /// SSLRequest.
    Ssl,
    /// GSSENCRequest.
    GssEnc,
    /// CancelRequest.
    Cancel(CancelRequest),
    /// StartupMessage.
    Startup(Startup),
}

/// Whose query to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    /// Process id of BackendKeyData.
    pub pid: i32,
    /// Secret key of BackendKeyData: 4 bytes, or up to 256 since protocol 3.2.
    pub key: Vec<u8>,
}

/// StartupMessage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// Minor version asked for.
    pub minor: u16,
    /// Name and value, in order, duplicates kept.
    pub parameters: Vec<(String, String)>,
}

impl Startup {
    /// The last value given for `name`, as PostgreSQL takes it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Protocol extensions asked for: none is known.
    #[must_use]
    pub fn extensions(&self) -> Vec<&str> {
        self.parameters.iter().map(|(n, _)| n.as_str()).filter(|n| n.starts_with(EXTENSION_PREFIX)).collect()
    }

    /// Parameters that are settings: neither identity nor extension nor `options`.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .filter(|(n, _)| {
                !matches!(n.as_str(), "user" | "database" | "options" | "replication")
                    && !n.starts_with(EXTENSION_PREFIX)
            })
            .map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The minor version both sides speak.
    #[must_use]
    pub fn spoken_minor(&self) -> u16 {
        self.minor.min(NEWEST_MINOR)
    }
}

/// Why a first packet is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartupError {
    /// The length field is outside 8..=10000.
    #[error("invalid length of startup packet")]
    Length,
    /// Another major version.
    #[error("unsupported frontend protocol {0}.{1}: server supports 3.0 to 3.{NEWEST_MINOR}")]
    Version(u16, u16),
    /// The parameter list is broken or not UTF-8.
    #[error("invalid startup packet layout: expected names and values in UTF-8, each ended by a zero byte")]
    Layout,
}

/// Bytes the first packet has, by its first four; `None` when they are not there yet.
///
/// # Errors
/// [`StartupError::Length`].
pub fn packet_len(bytes: &[u8]) -> Result<Option<usize>, StartupError> {
    let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if (8..=MAX_STARTUP_BYTES).contains(&length) { Ok(Some(length)) } else { Err(StartupError::Length) }
}

/// Reads exactly one whole packet, its length included.
///
/// # Errors
/// [`StartupError`].
pub fn read(packet: &[u8]) -> Result<FirstPacket, StartupError> {
    let (Some(code), Some(body)) = (packet.get(4..8).and_then(|c| c.first_chunk::<4>()), packet.get(8..))
    else {
        return Err(StartupError::Length);
    };
    match (u32::from_be_bytes(*code), body.len()) {
        (SSL_CODE, 0) => Ok(FirstPacket::Ssl),
        (GSSENC_CODE, 0) => Ok(FirstPacket::GssEnc),
        (SSL_CODE | GSSENC_CODE, _) => Err(StartupError::Length),
        (CANCEL_CODE, 8..=260) => read_cancel(body),
        (CANCEL_CODE, _) => Err(StartupError::Length),
        (version, _) => read_startup(version, body),
    }
}

fn read_cancel(body: &[u8]) -> Result<FirstPacket, StartupError> {
    let (pid, key) = body.split_first_chunk::<4>().ok_or(StartupError::Length)?;
    Ok(FirstPacket::Cancel(CancelRequest { pid: i32::from_be_bytes(*pid), key: key.to_vec() }))
}

fn read_startup(version: u32, body: &[u8]) -> Result<FirstPacket, StartupError> {
    let (major, minor) = ((version >> 16) as u16, (version & 0xffff) as u16);
    if major != 3 {
        return Err(StartupError::Version(major, minor));
    }
    let mut parameters = Vec::new();
    let mut rest = body;
    loop {
        let (name, after) = cstr(rest).ok_or(StartupError::Layout)?;
        if name.is_empty() {
            // The list ends here, and so must the packet.
            return if after.is_empty() {
                Ok(FirstPacket::Startup(Startup { minor, parameters }))
            } else {
                Err(StartupError::Layout)
            };
        }
        let (value, after) = cstr(after).ok_or(StartupError::Layout)?;
        parameters.push((utf8(name)?, utf8(value)?));
        rest = after;
    }
}

/// Two different byte strings must never become one name, so nothing is replaced.
fn utf8(bytes: &[u8]) -> Result<String, StartupError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| StartupError::Layout)
}

/// Splits the `options` parameter as the server does (`pg_split_opts`: white space separates, a
/// backslash takes the next character as it is) and reads `-c name=value` and `--name=value`.
///
/// # Errors
/// The word that is neither, or has no name.
pub fn options_settings(options: &str) -> Result<Vec<(String, String)>, String> {
    let mut settings = Vec::new();
    let mut words = split_options(options).into_iter();
    while let Some(word) = words.next() {
        let assignment = if word == "-c" {
            words.next().ok_or(word)?
        } else if let Some(rest) = word.strip_prefix("-c").or_else(|| word.strip_prefix("--")) {
            rest.to_owned()
        } else {
            return Err(word);
        };
        let Some((name, value)) = assignment.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(assignment);
        };
        // The server takes `--statement-timeout` for `statement_timeout` (ParseLongOption).
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn split_options(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = options.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(version: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(8 + body.len()).unwrap();
        [&length.to_be_bytes()[..], &version.to_be_bytes(), body].concat()
    }

    #[test]
    fn startup_parameters_are_read_and_the_last_duplicate_counts() {
        let read = read(&packet(0x0003_0002, b"user\0a\0database\0d\0user\0b\0\0")).unwrap();
        let FirstPacket::Startup(startup) = read else { panic!("{read:?}") };
        assert_eq!((startup.minor, startup.get("user"), startup.get("database")), (2, Some("b"), Some("d")));
    }

    #[test]
    fn startup_packet_cut_anywhere_is_refused_not_panicked_on() {
        let whole = packet(0x0003_0000, b"user\0a\0\0");
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
        }
        assert!(read(&whole).is_ok());
    }

    #[test]
    fn bytes_behind_the_parameter_list_are_refused() {
        let p = packet(0x0003_0000, b"user\0a\0\0database\0other\0\0");
        assert_eq!(read(&p), Err(StartupError::Layout));
    }

    #[test]
    fn names_that_are_not_utf8_are_refused() {
        assert_eq!(read(&packet(0x0003_0000, b"user\0\xff\0\0")), Err(StartupError::Layout));
    }

    #[test]
    fn lengths_zero_three_negative_and_huge_are_refused() {
        for length in [0_u32, 3, 7, 10_001, u32::MAX] {
            assert_eq!(packet_len(&length.to_be_bytes()), Err(StartupError::Length));
        }
        assert_eq!(packet_len(&[0, 0]), Ok(None));
    }

    #[test]
    fn protocol_two_is_refused_and_newer_minors_are_negotiated_down() {
        assert_eq!(read(&packet(0x0002_0000, b"\0")), Err(StartupError::Version(2, 0)));
        let FirstPacket::Startup(s) = read(&packet(0x0003_270f, b"user\0a\0_pq_.x\0on\0\0")).unwrap() else {
            panic!()
        };
        assert_eq!((s.spoken_minor(), s.extensions()), (2, vec!["_pq_.x"]));
    }

    #[test]
    fn cancel_keys_of_four_and_of_32_bytes_are_read() {
        for len in [4, 32, 256] {
            let body = [&7_i32.to_be_bytes()[..], &vec![9; len]].concat();
            let cancel = CancelRequest { pid: 7, key: vec![9; len] };
            assert_eq!(read(&packet(CANCEL_CODE, &body)), Ok(FirstPacket::Cancel(cancel)));
        }
        assert!(read(&packet(CANCEL_CODE, &[0; 7])).is_err());
        assert!(read(&packet(CANCEL_CODE, &[0; 300])).is_err());
    }

    #[test]
    fn options_are_split_as_the_server_splits_them() {
        assert_eq!(
            options_settings(r"-c geqo=off --statement-timeout=5s -cDateStyle=ISO,\ MDY"),
            Ok(vec![
                ("geqo".into(), "off".into()),
                ("statement_timeout".into(), "5s".into()),
                ("DateStyle".into(), "ISO, MDY".into())
            ])
        );
        assert_eq!(options_settings("-d 5"), Err("-d".into()));
        assert_eq!(options_settings("-c"), Err("-c".into()));
        assert_eq!(options_settings("-c geqo"), Err("geqo".into()));
        assert_eq!(options_settings("-c geqo=off --=w"), Err("=w".into()));
    }
}
